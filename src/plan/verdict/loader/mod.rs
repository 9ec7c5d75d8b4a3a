//! What a loader does with a program: glibc's and musl's search for libraries and versions, and the symbols that they bind.

mod directories;
mod symbols;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use self::directories::{cache, directories, glibc_directories, musl_directories};
use super::view::View;
use crate::core::Code;
use crate::format::elf::Elf;
use crate::format::tar::Kind;
use crate::read::rootfs::{Entry, split};

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

/// The closure of a program or, for a module of an interpreter, of a library below `program`.
pub(super) struct Closure<'v> {
    view: &'v View,
    musl: bool,
    defaults: Vec<Vec<u8>>,
    cache: BTreeMap<Vec<u8>, Vec<u8>>,
    loaded: Vec<Loaded>,
    names: BTreeSet<Vec<u8>>,
    pub(super) lacks: BTreeSet<Lack>,
    /// The files that were loaded.
    pub(super) files: Vec<Vec<u8>>,
    /// Libraries that the app asks for their version.
    pub(super) tellers: BTreeSet<Vec<u8>>,
}

impl<'v> Closure<'v> {
    /// What is loaded for a program with a loader, and for `modules` that it loads by name.
    pub(super) fn of(view: &'v View, program: Entry<'v>, path: &[u8], elf: &Arc<Elf>, modules: &[Vec<u8>]) -> Self {
        let interpreter = elf.interpreter.clone().unwrap_or_default();
        let musl = split(&interpreter).1.starts_with(b"ld-musl");
        let mut closure = Self {
            view,
            musl,
            defaults: Vec::new(),
            cache: BTreeMap::new(),
            loaded: Vec::new(),
            names: BTreeSet::new(),
            lacks: BTreeSet::new(),
            files: Vec::new(),
            tellers: BTreeSet::new(),
        };
        let Some(loader) = closure.interpreter(&interpreter, path, elf) else { return closure };
        closure.defaults = if musl { musl_directories(view, &interpreter) } else { glibc_directories(view, loader, elf) };
        if !musl {
            closure.cache = cache(view.text(b"/etc/ld.so.cache").unwrap_or_default());
        }
        // The kernel gives the real path of the program.
        let real = [b"/".as_slice(), &program.path()].concat();
        closure.loaded.push(Loaded { path: real, elf: Arc::clone(elf), parent: None });
        closure.names.insert(split(&interpreter).1.to_vec());
        for name in view.launch.variable(b"LD_PRELOAD").unwrap_or_default().split(|byte| matches!(byte, b':' | b' ')) {
            // What cannot be preloaded is told and left out.
            if let Outcome::Found(path) = closure.search(name, 0) {
                closure.load(path, name, 0);
            }
        }
        for module in modules {
            if let Some(entry) = view.find(module)
                && let Some(elf) = view.elf(entry)
            {
                closure.loaded.push(Loaded { path: module.clone(), elf, parent: Some(0) });
            }
        }
        closure.run();
        closure
    }

    fn lack(&mut self, code: Code, name: &[u8], by: &[u8], fatal: bool) {
        self.lacks.insert(Lack { code, name: shown(name), by: shown(by), fatal });
    }

    fn interpreter(&mut self, interpreter: &[u8], path: &[u8], elf: &Elf) -> Option<Entry<'v>> {
        let Some(entry) = self.view.find(interpreter) else {
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
        self.files = self.loaded.iter().map(|loaded| loaded.path.clone()).collect();
        if !self.musl {
            self.versions();
        }
        self.symbols();
        self.tellers();
    }

    /// Who defines the symbols that tell a version.
    fn tellers(&mut self) {
        let own =
            |loaded: &&Loaded| self.view.find(&loaded.path).is_some_and(|entry| self.view.is_own(entry) && !self.view.is_packaged(entry));
        let asked: BTreeSet<&[u8]> =
            self.loaded.iter().filter(own).flat_map(|loaded| &loaded.elf.undefined).map(|symbol| symbol.name.as_slice()).collect();
        let asked: BTreeSet<&[u8]> = asked.into_iter().filter(|name| tells_version(name)).collect();
        let defines = |loaded: &&Loaded| loaded.elf.defined.iter().any(|symbol| asked.contains(symbol.name.as_slice()));
        self.tellers =
            if asked.is_empty() { BTreeSet::new() } else { self.loaded.iter().filter(defines).map(|loaded| loaded.path.clone()).collect() };
    }

    fn by(&self, position: usize) -> Vec<u8> {
        self.loaded.get(position).map(|loaded| loaded.path.clone()).unwrap_or_default()
    }

    fn load(&mut self, path: Vec<u8>, name: &[u8], parent: usize) {
        let Some(entry) = self.view.find(&path) else { return };
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
            return if self.view.exists(&path) { Outcome::Found(path) } else { Outcome::Missing };
        }
        let below = |directory: Vec<u8>| [directory.as_slice(), name].join(&b'/');
        let no_defaults = self.loaded.get(by).is_some_and(|asking| asking.elf.no_default_libraries);
        let cached = self.cache.get(name).filter(|path| !no_defaults && self.view.exists(path)).cloned();
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
        let entry = self.view.find(path)?;
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
            let named = directories(self.view.launch.variable(b"LD_LIBRARY_PATH").unwrap_or_default(), b"", b"");
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
