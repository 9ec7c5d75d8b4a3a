//! Interpreters with their scripts and modules.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Argument, Attribute, Caller, Input, Trace, Use};
use crate::format::tar::Kind;
use crate::foundation::Code;
use crate::plan::verdict::languages::{
    Import, Interpreter, Language, Late, Started, defined, defines, given_to, identifiers, imported, imports, late, methods, offers,
    quoted_paths, started, started_by_perl, started_by_ruby, taken_names, use_lib,
};
use crate::plan::verdict::loader::shown;
use crate::read::rootfs::{Entry, split};

/// How many names of modules of one text are looked up.
const MOST_NAMES: usize = 2000;

/// How deep modules may take all names of others.
const DEEPEST_STAR: usize = 4;

/// An interpreter that runs.
#[derive(Debug)]
pub(super) struct Running<'p, 'v> {
    pub(super) path: &'p [u8],
    pub(super) entry: Entry<'v>,
    pub(super) interpreter: Interpreter,
}

/// What its arguments give an interpreter to run.
enum Given {
    /// The script, or none for what it reads.
    Script(Option<Vec<u8>>),
    /// Code among the arguments.
    Code(Vec<u8>),
    /// A module of Python.
    Module(Vec<u8>),
    /// Nothing: it says its version.
    Nothing,
}

/// Functions that look up a name in a file; all three languages call them so.
const LOOKUPS: &[(&[u8], &[u8])] = &[
    (b"getpwnam", b"/etc/passwd"),
    (b"getgrnam", b"/etc/group"),
    (b"getpwuid", b"/etc/passwd"),
    (b"getgrgid", b"/etc/group"),
    (b"getservbyname", b"/etc/services"),
    (b"getprotobyname", b"/etc/protocols"),
];

/// Texts that are looked for.
type Texts = &'static [&'static [u8]];

/// What is not followed in a text of a language, what tells all of an interpreter, and what tells its version.
fn telling(language: Language) -> (Texts, Texts, Texts) {
    match language {
        Language::Python => (
            &[b"os.exec", b"os.spawn", b"exec(", b"eval(", b"runpy", b"pexpect"],
            &[
                b"sys.version)",
                b"sys.version.",
                b"sys.version[",
                b"sys.version\n",
                b"platform.",
                b"__version__",
                b"_VERSION",
                b"sqlite_version",
                b"sysconfig",
                b"sys.implementation",
            ],
            &[b"sys.version", b"sys.prefix", b"sys.hexversion", b"stdlib_module_names", b"python_version"],
        ),
        Language::Perl => (
            &[b"eval \"", b"eval '", b"do \"", b"do '"],
            &[b"%INC", b"@INC", b"%Config", b"$Config"],
            &[b"$]", b"$^V", b"PERL_VERSION", b"->VERSION"],
        ),
        Language::Ruby => (
            &[b"instance_eval", b"class_eval", b" eval", b"load ", b"PTY.", b"Process.spawn", b"bundler"],
            &[b"RUBY_PATCHLEVEL", b"RUBY_DESCRIPTION", b"RbConfig"],
            &[b"RUBY_VERSION", b"VERSION"],
        ),
    }
}

impl<'v> Trace<'v> {
    /// An interpreter with its arguments.
    pub(super) fn language(&mut self, running: Running<'_, 'v>, arguments: &[Argument], depth: usize) {
        let place = shown(running.path);
        let mut running = running;
        let python = running.interpreter.language == Language::Python;
        if python {
            // Without these it does not start.
            for name in [&b"encodings"[..], b"os"] {
                self.load(&running, vec![(Import::new(name.to_vec(), false), place.clone())]);
            }
        }
        let variable = running.interpreter.variable();
        match self.given(&running, arguments) {
            Err(reason) => self.unclear(&place, reason),
            Ok(Given::Nothing) => {}
            Ok(Given::Code(text)) => {
                running.interpreter.also(self.view, variable, b"");
                self.code(&running, &text, "the code of an interpreter", depth);
            }
            Ok(Given::Module(name)) => {
                running.interpreter.also(self.view, variable, &self.view.launch.directory.clone());
                let main = Import { name: [name.as_slice(), b".__main__"].concat(), soft: true, inner: true };
                self.load(&running, vec![(Import::new(name, false), place.clone()), (main, place)]);
            }
            Ok(Given::Script(None)) => match std::mem::replace(&mut self.input, Input::Unknown) {
                Input::Nothing => {}
                Input::Known(text) => self.code(&running, &text, "the input of an interpreter", depth),
                Input::Unknown => self.unclear(&place, "it runs what it reads, which is not known"),
            },
            Ok(Given::Script(Some(script))) => self.script_of(running, &script, depth),
        }
    }

    /// What the arguments of an interpreter say.
    fn given(&mut self, running: &Running<'_, 'v>, arguments: &[Argument]) -> Result<Given, &'static str> {
        let language = running.interpreter.language;
        let (python, perl) = (language == Language::Python, language == Language::Perl);
        let code = if python { b"-c".as_slice() } else { b"-e" };
        let mut at = 0;
        while let Some(argument) = arguments.get(at) {
            let argument = argument.as_ref().ok_or("it runs a script whose name is only known when it runs")?;
            if !argument.starts_with(b"-") || argument == b"-" {
                break;
            }
            let next = arguments.get(at + 1).cloned().flatten();
            if let Some(name) = argument.strip_prefix(b"-M").filter(|name| perl && !name.is_empty()) {
                let name = name.split(|byte| *byte == b'=').next().unwrap_or_default().to_vec();
                self.load(running, vec![(Import::new(name, false), shown(running.path))]);
            } else if argument.starts_with(code) || (perl && matches!(argument.last(), Some(b'e' | b'E'))) {
                return next.map(Given::Code).ok_or("it runs code that is only known when it runs");
            }
            if python && argument == b"-m" {
                return next.map(Given::Module).ok_or("it runs a module whose name is only known when it runs");
            }
            if python && (argument == b"-V" || argument == b"--version") {
                return Ok(Given::Nothing);
            }
            at += if python && matches!(argument.as_slice(), b"-W" | b"-X") { 2 } else { 1 };
        }
        Ok(Given::Script(arguments.get(at).cloned().flatten().filter(|script| script != b"-")))
    }

    /// A script that an interpreter is given.
    fn script_of(&mut self, mut running: Running<'_, 'v>, script: &[u8], depth: usize) {
        let script = self.meant(script).into_iter().find(|path| self.view.exists(path)).unwrap_or_else(|| self.view.absolute(script));
        if self.runs_made(&script, &shown(running.path)) {
            return;
        }
        let Some(found) = self.view.find(&script) else {
            return self.lack(Code::VerdictMissing, &script, &shown(running.path), true);
        };
        if !self.may(&script, 4) {
            return self.lack(Code::VerdictAccess, &script, &shown(running.path), true);
        }
        self.found.reached.insert(found.path());
        // Python looks beside the file itself, links followed.
        let real = [b"/".as_slice(), &found.path()].concat();
        let variable = running.interpreter.variable();
        running.interpreter.also(self.view, variable, split(&real).0);
        match self.view.bytes(found) {
            Some(text) => {
                if running.interpreter.language == Language::Perl {
                    use_lib(text, split(&script).0).into_iter().flatten().for_each(|directory| running.interpreter.before(directory));
                }
                if let Some(module) =
                    (running.interpreter.language == Language::Python).then(|| self.entry_point(&running, text, &script)).flatten()
                {
                    return self.load(&running, vec![(Import::new(module, false), shown(&script))]);
                }
                self.code(&running, text, &shown(&script), depth);
            }
            None => self.unclear(&shown(&script), "it is no file that can be read as a script"),
        }
    }

    /// The module that a script of a package stands for: what `entry_points.txt` of the package says under its name.
    fn entry_point(&self, running: &Running<'_, 'v>, text: &[u8], script: &[u8]) -> Option<Vec<u8>> {
        let has = |needle: &[u8]| text.windows(needle.len()).any(|window| window == needle);
        // What setuptools writes.
        if !has(b"load_entry_point(") || text.len() > 4096 {
            return None;
        }
        let name = split(script).1;
        let view = self.view;
        let mut found = BTreeSet::new();
        for directory in running.interpreter.directories() {
            let packages = view.find(directory).into_iter().flat_map(Entry::children);
            let packages = packages.filter(|child| child.name().ends_with(b"-info")).map(|child| child.name().to_vec());
            for package in packages {
                let path = [directory.as_slice(), b"/", &package, b"/entry_points.txt"].concat();
                let mut scripts = false;
                for line in view.text(&path).unwrap_or_default().split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii) {
                    if line.starts_with(b"[") {
                        scripts = line == b"[console_scripts]";
                        continue;
                    }
                    let Some(at) = line.iter().position(|byte| *byte == b'=').filter(|_| scripts) else { continue };
                    let (own, value) = line.split_at(at);
                    if own.trim_ascii() == name {
                        let value = value.get(1..).unwrap_or_default().trim_ascii();
                        found.insert(value.split(|byte| *byte == b':').next().unwrap_or_default().trim_ascii().to_vec());
                    }
                }
            }
        }
        let module = found.pop_first()?;
        found.is_empty().then_some(module)
    }

    /// A text of a language, with the modules that it loads.
    fn code(&mut self, running: &Running<'_, 'v>, text: &[u8], place: &str, depth: usize) {
        let waiting = self.text(&running.interpreter, running.path, text, (place, depth));
        self.load(running, waiting);
    }

    /// What a text of the app says; gives the modules that it loads.
    fn text(&mut self, interpreter: &Interpreter, path: &[u8], text: &[u8], (place, depth): (&str, usize)) -> Vec<(Import, String)> {
        if !self.step(place, depth) || !self.room(text, place) {
            return Vec::new();
        }
        let has = |needle: &[u8]| text.windows(needle.len()).any(|window| window == needle);
        let (followed, told, asked) = telling(interpreter.language);
        for call in followed.iter().filter(|call| has(call)) {
            self.unclear(place, format!("what it does with {} is not followed", shown(call).trim()));
        }
        if told.iter().any(|word| has(word)) {
            self.found.versions.entry(path.to_vec()).or_insert_with(|| place.to_owned());
        } else if asked.iter().any(|word| has(word)) {
            self.found.releases.entry(path.to_vec()).or_insert_with(|| (place.to_owned(), interpreter.release.clone()));
        }
        let resolves = [&b"realpath"[..], b"readlink", b"abs_path"].iter().any(|call| has(call));
        for path in quoted_paths(text) {
            if resolves {
                self.found.links.entry(path.clone()).or_insert_with(|| place.to_owned());
            }
            self.uses(&path, Use::Taken, place, true);
        }
        for (function, file) in LOOKUPS {
            for name in given_to(text, function) {
                self.found.entries.entry((*file, name.to_vec())).or_insert_with(|| place.to_owned());
            }
        }
        self.found.interpreters.extend(interpreter.images.iter().cloned());
        self.found.defined.extend(defined(text).map(<[u8]>::to_vec));
        if let Some(release) = interpreter.older_than(text).filter(|_| interpreter.language == Language::Perl) {
            self.lack(Code::VerdictSyntax, release.as_bytes(), place, true);
        }
        if interpreter.language == Language::Perl {
            // Of a module it counts from then on, for others too.
            let added = use_lib(text, split(place.as_bytes()).0);
            if !added.is_some_and(|added| added.iter().all(|directory| interpreter.looks_in(directory))) {
                self.unclear(place, "what it does with use lib is not followed");
            }
            let calls = started_by_perl(text).map_or_else(|| vec![None], |calls| calls.into_iter().map(Some).collect());
            self.starts(calls, place, depth);
        }
        if interpreter.language == Language::Ruby {
            let calls = started_by_ruby(text).map_or_else(|| vec![None], |calls| calls.into_iter().map(Some).collect());
            self.starts(calls, place, depth);
            for name in methods(text) {
                self.found.parts.entry(name.to_vec()).or_insert_with(|| place.to_owned());
            }
        }
        if interpreter.language == Language::Python {
            self.python(interpreter, text, place, depth);
        }
        let mut waiting = imports(interpreter.language, text);
        if interpreter.language == Language::Python {
            match imported(text) {
                Some(names) => waiting.extend(names.into_iter().map(|name| Import::new(name, true))),
                None => self.unclear(place, "what it does with __import__ is not followed"),
            }
            match late(text).and_then(|late| late.into_iter().map(|late| self.named_late(interpreter, late)).collect::<Option<Vec<_>>>()) {
                Some(names) => waiting.extend(names.into_iter().flatten().map(|name| Import::new(name, true))),
                None => self.unclear(place, "modules that it loads by names that it makes are not followed"),
            }
        }
        waiting.into_iter().map(|import| (import, place.to_owned())).collect()
    }

    /// The modules that a call may load; none if they are not the app's own.
    fn named_late(&self, interpreter: &Interpreter, late: Late) -> Option<Vec<Vec<u8>>> {
        let package = match late {
            Late::Module(name) => return Some(vec![name]),
            Late::Within(package) => package,
        };
        let file = interpreter.module(self.view, &package)?.pop()?;
        let folder = self.view.find(split(&file).0).filter(|_| file.ends_with(b"/__init__.py"))?;
        let is_own = |entry: &Entry<'v>| self.view.is_own(*entry) && !self.view.is_packaged(*entry);
        self.view.find(&file).filter(is_own)?;
        // What the name is made of may have dots.
        if folder.children().any(|child| child.kind() == Kind::Directory && child.name() != b"__pycache__") {
            return None;
        }
        let named = |entry: Entry<'_>| {
            let name = entry.name().strip_suffix(b".py").unwrap_or(entry.name());
            let is_name =
                name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_') && name != b"__init__" && name != b"__pycache__";
            is_name.then(|| [package.as_slice(), b".", name].concat())
        };
        Some(folder.children().filter_map(named).collect())
    }

    /// Programs that a text starts.
    pub(super) fn starts(&mut self, calls: Vec<Option<Started>>, place: &str, depth: usize) {
        // A program may give what it starts other variables.
        let open = std::mem::replace(&mut self.open, true);
        for call in calls {
            self.input = Input::Unknown;
            match call {
                Some(Started::Words(words)) => self.spawn(&words, Caller { by: place, guarded: true, depth: depth + 1 }),
                Some(Started::Shell(text)) => self.shell_text(&text, place, depth + 1),
                None => drop(self.found.runs_any.insert(place.to_owned())),
            }
        }
        self.open = open;
    }

    /// What a text of Python starts, and asks of its interpreter and of modules.
    fn python(&mut self, interpreter: &Interpreter, text: &[u8], place: &str, depth: usize) {
        self.starts(started(text), place, depth);
        if let Some(reason) = interpreter.too_old_for(text) {
            self.lack(Code::VerdictSyntax, reason.as_bytes(), place, true);
        }
        for (manner, new) in interpreter.manners(text) {
            self.found.manners.insert((place.to_owned(), manner), new);
        }
        self.attributes(interpreter, text, place);
        for (name, _) in identifiers(text).filter(|(_, part)| *part) {
            self.found.parts.entry(name.to_vec()).or_insert_with(|| place.to_owned());
        }
    }

    /// The names that a text takes from modules of others.
    fn attributes(&mut self, interpreter: &Interpreter, text: &[u8], place: &str) {
        for (module, name, needed) in taken_names(text).into_iter().take(MOST_NAMES) {
            let Some(files) = interpreter.module(self.view, &module) else { continue };
            // A package may make its inner modules itself, as `collections.abc` and `os.path`: then what is in them is not known.
            if files.len() < module.split(|byte| *byte == b'.').count() {
                continue;
            }
            let Some(file) = files.last() else { continue };
            let Some(entry) = self.view.find(file) else { continue };
            let own = self.view.is_own(entry) && !self.view.is_packaged(entry);
            let Some(bytes) = self.view.bytes(entry).filter(|_| !own) else { continue };
            let has = |needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
            let inner = [module.as_slice(), b".", &name].concat();
            let there = defines(bytes, &name)
                || self.takes_all(interpreter, file, bytes, &name, 0)
                || has(b"def __getattr__")
                || interpreter.file(self.view, &inner).is_some();
            let key = (shown(&module), shown(&name));
            let made = [&b"globals()"[..], b"_convert_(", b"vars()", b"sys.modules[__name__]"].iter().any(|way| has(way));
            let new = || Attribute { there, by: place.to_owned(), needed, made };
            self.found.attributes.entry(key).or_insert_with(new).needed |= needed;
        }
    }

    /// Whether one of the modules of which a module takes all names has this one: `from .name import *`.
    fn takes_all(&self, interpreter: &Interpreter, file: &[u8], text: &[u8], name: &[u8], depth: usize) -> bool {
        let all = text
            .split(|byte| *byte == b'\n')
            .filter_map(|line| line.trim_ascii().strip_prefix(b"from ")?.strip_suffix(b"import *").map(<[u8]>::trim_ascii));
        all.into_iter().any(|module| {
            let found = if module.starts_with(b".") {
                interpreter.beside(self.view, file, module)
            } else {
                interpreter.module(self.view, module).and_then(|mut files| files.pop())
            };
            // What cannot be read may have it.
            let Some(text) = found.as_ref().and_then(|found| self.view.text(found)).filter(|_| depth < DEEPEST_STAR) else { return true };
            offers(text, name) || found.is_some_and(|found| self.takes_all(interpreter, &found, text, name, depth + 1))
        })
    }

    /// Modules, and the modules that they load.
    fn load(&mut self, running: &Running<'_, 'v>, waiting: Vec<(Import, String)>) {
        let interpreter = &running.interpreter;
        let mut waiting = waiting;
        while let Some((import, by)) = waiting.pop() {
            let files = if import.name.starts_with(b".") {
                interpreter.beside(self.view, by.as_bytes(), &import.name).map(|file| vec![file])
            } else {
                interpreter.module(self.view, &import.name)
            };
            let Some(files) = files else {
                if !import.inner {
                    self.lack(Code::VerdictModule, &import.name, &by, !import.soft);
                }
                continue;
            };
            for file in files {
                let Some(found) = self.view.find(&file) else {
                    self.lack(Code::VerdictModule, &file, &by, !import.soft);
                    continue;
                };
                if !self.seen.insert((file.clone(), Vec::new(), None)) {
                    continue;
                }
                if self.view.elf(found).is_none() && self.view.bytes(found).is_some() && !self.step(&by, 0) {
                    return;
                }
                waiting.extend(self.module(running, file, found, import.soft));
            }
        }
    }

    /// One file of a module; gives the modules that it loads.
    fn module(&mut self, running: &Running<'_, 'v>, file: Vec<u8>, found: Entry<'v>, soft: bool) -> Vec<(Import, String)> {
        let interpreter = &running.interpreter;
        self.found.reached.insert(found.path());
        if self.view.elf(found).is_some() {
            self.closure(running.path, running.entry, &[file], soft);
            return Vec::new();
        }
        let own = self.view.is_own(found);
        let Some(text) = self.view.bytes(found) else {
            if own {
                self.unclear(&shown(&file), "it is no file that can be read as a module");
            }
            return Vec::new();
        };
        if own && !self.view.is_packaged(found) {
            return self.text(interpreter, running.path, text, (&shown(&file), 0));
        }
        // What the base brings fits together.
        if interpreter.language != Language::Perl {
            self.found.modules.insert(found.path());
        }
        // What a function of it loads is loaded when it is called.
        let imports = match self.view.digest(found) {
            Some(digest) if !own => self.view.memo.imports(interpreter.language, digest, text),
            _ => Arc::new(imports(interpreter.language, text)),
        };
        imports
            .iter()
            .filter(|inner| !inner.soft)
            .filter(|inner| own || inner.name.starts_with(b".") || interpreter.module(self.view, &inner.name).is_some())
            .map(|inner| (Import { inner: inner.inner || !own, ..inner.clone() }, shown(&file)))
            .collect()
    }
}
