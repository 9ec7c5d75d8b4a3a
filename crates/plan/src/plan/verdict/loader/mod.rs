//! What a loader does with a program: glibc's and musl's search for libraries and versions, and the symbols that they bind.

mod directories;
mod symbols;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use self::directories::{cache, directories, glibc_directories};
use super::languages::Language;
use super::view::View;
use crate::format::elf::Elf;
use crate::format::tar::Kind;
use crate::foundation::Code;
use crate::read::rootfs::{Entry, Footprint, split};

/// Something that a loader would not find.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Lack {
    pub(super) code: Code,
    /// The library, the version or the symbol.
    pub(super) name: String,
    /// The file that needs it.
    pub(super) by: String,
    /// Whether the program does not start for it.
    pub(super) fatal: bool,
}

/// A file that was loaded.
struct Loaded {
    /// The path by which it was found: `$ORIGIN` is its directory.
    path: Vec<u8>,
    elf: Arc<Elf>,
    /// What loaded it.
    parent: Option<usize>,
}

/// What became of a name.
enum Outcome {
    Found(Vec<u8>),
    Missing,
    /// A file of that name stops the search and cannot be loaded.
    Unusable(Vec<u8>),
}

pub(super) fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What is asked of a loader: a program of the base and the modules that it loads by name, and what in the image's settings it reads.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Question {
    path: Vec<u8>,
    modules: Vec<Vec<u8>>,
    variables: [Option<Vec<u8>>; 3],
    directory: Vec<u8>,
}

impl Question {
    fn of(view: &View, path: &[u8], modules: &[Vec<u8>]) -> Self {
        let value = |name: &[u8]| view.launch.variable(name).map(<[u8]>::to_vec);
        let libraries = Some(view.library_path()).filter(|path| !path.is_empty());
        Self {
            path: path.to_vec(),
            modules: modules.to_vec(),
            variables: [value(b"LD_PRELOAD"), libraries, value(b"LD_BIND_NOW")],
            directory: view.launch.directory.clone(),
        }
    }
}

/// What a loader does with a program.
#[derive(Debug, Default)]
pub(super) struct Loading {
    pub(super) lacks: BTreeSet<Lack>,
    /// The files that were loaded.
    pub(super) files: Vec<Vec<u8>>,
    /// Where those really are.
    pub(super) reached: BTreeSet<Vec<u8>>,
    /// Libraries that the app asks for their version.
    pub(super) tellers: BTreeSet<Vec<u8>>,
}

impl Loading {
    /// What is loaded for a program with a loader, and for `modules` that it loads by name. Programs of bases are followed once for all
    /// images that have nothing of their own in the way.
    pub(super) fn of(view: &View, program: Entry<'_>, path: &[u8], elf: &Arc<Elf>, modules: &[Vec<u8>]) -> Arc<Self> {
        let question = Question::of(view, path, modules);
        if let Some((known, footprint)) = view.base().program(&question)
            && view.rootfs().keeps(&footprint)
        {
            return known;
        }
        let mut closure = Closure::of(view, program, path, elf, modules);
        let found = Arc::new(std::mem::take(&mut closure.found));
        let mut footprint = Footprint::default();
        for path in closure.asked.into_inner().iter().map(Vec::as_slice).chain([path]) {
            footprint.read(view.rootfs(), path);
        }
        if view.rootfs().is_of_ground(&footprint) {
            view.base().remember(question, &found, footprint);
        }
        found
    }
}

/// The closure of a program or, for a module of an interpreter, of a library below `program`.
struct Closure<'v> {
    view: &'v View,
    /// The paths that were looked for.
    asked: RefCell<BTreeSet<Vec<u8>>>,
    musl: bool,
    defaults: Vec<Vec<u8>>,
    cache: BTreeMap<Vec<u8>, Vec<u8>>,
    loaded: Vec<Loaded>,
    names: BTreeSet<Vec<u8>>,
    found: Loading,
}

impl<'v> Closure<'v> {
    fn of(view: &'v View, program: Entry<'v>, path: &[u8], elf: &Arc<Elf>, modules: &[Vec<u8>]) -> Self {
        let interpreter = elf.interpreter.clone().unwrap_or_default();
        let musl = split(&interpreter).1.starts_with(b"ld-musl");
        let mut closure = Self {
            view,
            asked: RefCell::default(),
            musl,
            defaults: Vec::new(),
            cache: BTreeMap::new(),
            loaded: Vec::new(),
            names: BTreeSet::new(),
            found: Loading::default(),
        };
        let Some(loader) = closure.interpreter(&interpreter, path, elf) else { return closure };
        closure.defaults = if musl { closure.musl_directories(&interpreter) } else { glibc_directories(view, loader, elf) };
        if !musl {
            closure.cache = cache(closure.text(b"/etc/ld.so.cache").unwrap_or_default());
        }
        // The kernel gives the real path of the program.
        let real = [b"/".as_slice(), &program.path()].concat();
        closure.loaded.push(Loaded { path: real, elf: Arc::clone(elf), parent: None });
        closure.names.insert(split(&interpreter).1.to_vec());
        for name in view.launch.variable(b"LD_PRELOAD").unwrap_or_default().split(|byte| matches!(byte, b':' | b' ')) {
            // What cannot be preloaded is reported and left out.
            if let Outcome::Found(path) = closure.search(name, 0) {
                closure.load(path, name, 0);
            }
        }
        for module in modules {
            if let Some(entry) = closure.find(module)
                && let Some(elf) = view.elf(entry)
            {
                closure.loaded.push(Loaded { path: module.clone(), elf, parent: Some(0) });
            }
        }
        closure.run();
        closure
    }

    /// What a path leads to. Nothing is looked for in another way, so that what the answer depends on is known.
    fn find(&self, path: &[u8]) -> Option<Entry<'v>> {
        self.asked.borrow_mut().insert(path.to_vec());
        self.view.find(path)
    }

    fn text(&self, path: &[u8]) -> Option<&'v [u8]> {
        self.view.bytes(self.find(path)?)
    }

    /// The directories of musl's loader: its settings name them, or they are the standard ones.
    fn musl_directories(&self, interpreter: &[u8]) -> Vec<Vec<u8>> {
        let name = split(interpreter).1;
        let architecture = name.strip_suffix(b".so.1").unwrap_or(name);
        let own = self.text(&[b"/etc/".as_slice(), architecture, b".path"].concat());
        let standard: &[u8] = b"/lib:/usr/local/lib:/usr/lib";
        let path = own.unwrap_or(standard);
        path.split(|byte| matches!(byte, b':' | b'\n')).filter(|part| !part.is_empty()).map(<[u8]>::to_vec).collect()
    }

    fn lack(&mut self, code: Code, name: &[u8], by: &[u8], fatal: bool) {
        self.found.lacks.insert(Lack { code, name: shown(name), by: shown(by), fatal });
    }

    fn interpreter(&mut self, interpreter: &[u8], path: &[u8], elf: &Elf) -> Option<Entry<'v>> {
        let Some(entry) = self.find(interpreter) else {
            self.lack(Code::VerdictInterpreter, interpreter, path, true);
            return None;
        };
        if entry.kind() != Kind::File
            || entry.mode() & 0o111 == 0
            || self.view.elf(entry).is_none_or(|loader| loader.machine != elf.machine)
        {
            self.lack(Code::VerdictInterpreter, interpreter, path, true);
            return None;
        }
        Some(entry)
    }

    fn run(&mut self) {
        let mut next = 0;
        while next < self.loaded.len() {
            let Some(needed) = self.loaded.get(next).map(|loaded| loaded.elf.needed.clone()) else { break };
            for name in needed {
                if self.names.contains(&name) || (self.musl && is_musl(&name)) {
                    continue;
                }
                match self.search(&name, next) {
                    Outcome::Found(path) => self.load(path, &name, next),
                    Outcome::Missing => {
                        let by = self.by(next);
                        self.lack(Code::VerdictNeeded, &name, &by, true);
                    }
                    Outcome::Unusable(path) => {
                        let by = self.by(next);
                        self.lack(Code::VerdictNeeded, &path, &by, true);
                    }
                }
            }
            next += 1;
        }
        self.found.files = self.loaded.iter().map(|loaded| loaded.path.clone()).collect();
        self.found.reached = self.found.files.iter().filter_map(|file| Some(self.find(file)?.path())).collect();
        if !self.musl {
            self.versions();
        }
        self.symbols();
        self.tellers();
    }

    /// Who defines the symbols that tell a version.
    fn tellers(&mut self) {
        // What an interpreter tells is what scripts ask it for.
        if self.loaded.first().is_some_and(|program| Language::of(&program.elf).is_some()) {
            return;
        }
        let own = |loaded: &&Loaded| self.find(&loaded.path).is_some_and(|entry| self.view.is_own(entry) && !self.view.is_packaged(entry));
        let asked: BTreeSet<&[u8]> =
            self.loaded.iter().filter(own).flat_map(|loaded| &loaded.elf.undefined).map(|symbol| symbol.name.as_slice()).collect();
        let asked: BTreeSet<&[u8]> = asked.into_iter().filter(|name| tells_version(name)).collect();
        let defines = |loaded: &&Loaded| loaded.elf.defined.iter().any(|symbol| asked.contains(symbol.name.as_slice()));
        self.found.tellers =
            if asked.is_empty() { BTreeSet::new() } else { self.loaded.iter().filter(defines).map(|loaded| loaded.path.clone()).collect() };
    }

    fn by(&self, position: usize) -> Vec<u8> {
        self.loaded.get(position).map(|loaded| loaded.path.clone()).unwrap_or_default()
    }

    fn load(&mut self, path: Vec<u8>, name: &[u8], parent: usize) {
        let Some(entry) = self.find(&path) else { return };
        let Some(elf) = self.view.elf(entry) else { return };
        self.names.insert(name.to_vec());
        // glibc compares with the names that files give themselves, musl with the names of files.
        if let Some(soname) = elf.soname.as_ref().filter(|_| !self.musl) {
            self.names.insert(soname.clone());
        }
        self.loaded.push(Loaded { path, elf, parent: Some(parent) });
    }

    fn search(&self, name: &[u8], by: usize) -> Outcome {
        if name.is_empty() {
            return Outcome::Missing;
        }
        if name.contains(&b'/') {
            let path = self.view.absolute(name);
            return if self.find(&path).is_some() { Outcome::Found(path) } else { Outcome::Missing };
        }
        let below = |directory: Vec<u8>| [directory.as_slice(), name].join(&b'/');
        let no_defaults = self.loaded.get(by).is_some_and(|asking| asking.elf.no_default_libraries);
        let cached = self.cache.get(name).filter(|path| !no_defaults && self.find(path).is_some()).cloned();
        let defaults = self.defaults.iter().filter(|_| !no_defaults).cloned().map(below);
        for path in self.directories(by).into_iter().map(below).chain(cached).chain(defaults) {
            match self.candidate(&path, by) {
                Some(true) => return Outcome::Found(path),
                Some(false) => return Outcome::Unusable(path),
                None => {}
            }
        }
        Outcome::Missing
    }

    /// Whether a file is taken; none if the search goes on.
    fn candidate(&self, path: &[u8], by: usize) -> Option<bool> {
        let entry = self.find(path)?;
        if entry.kind() != Kind::File {
            return Some(false);
        }
        let wanted = self.loaded.get(by).map(|loaded| (loaded.elf.machine, loaded.elf.wide));
        match self.view.elf(entry) {
            Some(elf) if Some((elf.machine, elf.wide)) == wanted => Some(true),
            // glibc passes over files for other machines.
            Some(_) if !self.musl => None,
            _ => Some(false),
        }
    }

    /// The directories that a file and its environment name for what it needs, in their order.
    fn directories(&self, by: usize) -> Vec<Vec<u8>> {
        let mut found = Vec::new();
        let environment = || {
            let named = directories(&self.view.library_path(), b"", b"");
            named.into_iter().map(|directory| self.view.absolute(&directory))
        };
        let Some(asking) = self.loaded.get(by) else { return found };
        if self.musl {
            found.extend(environment());
            self.chain(by, |elf| elf.runpath.as_ref().or(elf.rpath.as_ref()), &mut found);
        } else {
            if asking.elf.runpath.is_none() {
                self.chain(by, |elf| elf.rpath.as_ref().filter(|_| elf.runpath.is_none()), &mut found);
            }
            found.extend(environment());
            if let Some(runpath) = &asking.elf.runpath {
                found.extend(directories(runpath, split(&asking.path).0, self.library_directory()));
            }
        }
        found
    }

    fn library_directory(&self) -> &'static [u8] {
        if self.defaults.iter().any(|directory| directory == b"/lib/x86_64-linux-gnu") { b"lib/x86_64-linux-gnu" } else { b"lib64" }
    }

    fn chain(&self, by: usize, of: impl Fn(&Elf) -> Option<&Vec<u8>>, found: &mut Vec<Vec<u8>>) {
        let mut next = Some(by);
        while let Some(loaded) = next.and_then(|position| self.loaded.get(position)) {
            if let Some(path) = of(&loaded.elf) {
                found.extend(directories(path, split(&loaded.path).0, self.library_directory()));
            }
            // Each was loaded by an earlier one, so this ends.
            next = loaded.parent;
        }
    }

    fn versions(&mut self) {
        let mut lacks = Vec::new();
        for asking in &self.loaded {
            for need in asking.elf.versions_needed.iter().filter(|need| !need.weak) {
                let provider = self
                    .loaded
                    .iter()
                    .find(|loaded| loaded.elf.soname.as_ref() == Some(&need.file) || split(&loaded.path).1 == need.file.as_slice());
                // A library without any version gives a warning only.
                if let Some(provider) = provider.filter(|provider| !provider.elf.versions_defined.is_empty())
                    && !provider.elf.versions_defined.contains(&need.version)
                {
                    lacks.push(([need.version.as_slice(), b" of ", &need.file].concat(), asking.path.clone()));
                }
            }
        }
        for (name, by) in lacks {
            self.lack(Code::VerdictVersion, &name, &by, true);
        }
    }
}

/// `zlibVersion`, `gnu_get_libc_version`, `OpenSSL_version_num`: whoever asks may print it.
fn tells_version(name: &[u8]) -> bool {
    let lower = name.to_ascii_lowercase();
    let has = |text: &[u8]| lower.windows(text.len()).any(|window| window == text);
    [&b"version"[..], b"version_num", b"version_info", b"versionnumber", b"release"].iter().any(|end| lower.ends_with(end))
        && ![&b"set"[..], b"proto", b"min_", b"max_", b"check"].iter().any(|word| has(word))
        && (has(b"version") || lower == b"gnu_get_libc_release")
}

/// Names that musl's loader takes for itself.
fn is_musl(name: &[u8]) -> bool {
    let reserved: [&[u8]; 7] = [b"libc.", b"libpthread.", b"librt.", b"libm.", b"libdl.", b"libutil.", b"libxnet."];
    reserved.iter().any(|reserved| name.starts_with(reserved))
}
