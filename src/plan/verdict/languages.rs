//! Which modules a script of a language loads, and where its interpreter looks for them.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::view::View;
use crate::format::elf::Elf;
use crate::format::tar::Kind;
use crate::read::rootfs::{Entry, split};

/// A language whose scripts are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    Python,
    Perl,
    Ruby,
}

impl Language {
    /// The language of an interpreter, by the symbols that it has or needs: copies and links have any name.
    pub(super) fn of(elf: &Elf) -> Option<Self> {
        let has = |names: &[&[u8]]| elf.defined.iter().chain(&elf.undefined).any(|symbol| names.contains(&symbol.name.as_slice()));
        if has(&[b"Py_BytesMain", b"Py_Main"]) {
            Some(Self::Python)
        } else if has(&[b"perl_run"]) {
            Some(Self::Perl)
        } else if has(&[b"ruby_run_node"]) {
            Some(Self::Ruby)
        } else {
            None
        }
    }
}

/// A module that a script loads.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Import {
    pub(super) name: Vec<u8>,
    /// Whether the script may do without it.
    pub(super) soft: bool,
    /// Whether it may be something inside of the module before it instead.
    pub(super) inner: bool,
}

impl Import {
    fn new(name: Vec<u8>, soft: bool) -> Self {
        Self { name, soft, inner: false }
    }
}

/// Where an interpreter looks, and what it has inside.
#[derive(Debug)]
pub(super) struct Interpreter {
    pub(super) language: Language,
    directories: Vec<Vec<u8>>,
    builtin: BTreeSet<Vec<u8>>,
    /// `cpython-311`
    tag: Vec<u8>,
    /// The 11 of Python 3.11.
    minor: u32,
    /// Texts of the interpreter that may be its version: `3.11.2`.
    pub(super) release: BTreeSet<Vec<u8>>,
}

fn strings(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|byte| !(0x20..0x7f).contains(byte)).filter(|text| text.len() > 3)
}

/// Texts of three numbers.
fn release(images: &[&[u8]]) -> BTreeSet<Vec<u8>> {
    let is_number = |part: &[u8]| !part.is_empty() && part.len() < 4 && part.iter().all(u8::is_ascii_digit);
    let texts = images.iter().flat_map(|image| image.split(|byte| *byte == 0)).filter(|text| (5..12).contains(&text.len()));
    texts
        .filter(|text| text.split(|byte| *byte == b'.').count() == 3 && text.split(|byte| *byte == b'.').all(is_number))
        .map(<[u8]>::to_vec)
        .collect()
}

/// Every place where `needle` is, with what follows it.
fn after<'a>(bytes: &'a [u8], needle: &'static [u8]) -> impl Iterator<Item = &'a [u8]> {
    bytes
        .windows(needle.len())
        .enumerate()
        .filter(move |(_, window)| *window == needle)
        .filter_map(move |(at, _)| bytes.get(at + needle.len()..))
}

impl Interpreter {
    /// None if the interpreter is not understood.
    pub(super) fn of(view: &View, path: &[u8], entry: Entry<'_>, elf: &Arc<Elf>, libraries: &[Vec<u8>]) -> Option<Self> {
        let language = Language::of(elf)?;
        let mut images: Vec<&[u8]> = vec![view.bytes(entry)?];
        let wanted: &[u8] = match language {
            Language::Python => b"libpython",
            Language::Perl => b"libperl",
            Language::Ruby => b"libruby",
        };
        for library in libraries.iter().filter(|library| split(library).1.starts_with(wanted)) {
            images.push(view.text(library)?);
        }
        match language {
            Language::Python => python(view, path, entry, elf, &images),
            Language::Perl | Language::Ruby => {
                let word: &[u8] = if language == Language::Perl { b"perl" } else { b"ruby" };
                let mut directories: Vec<Vec<u8>> = Vec::new();
                for text in images.iter().flat_map(|image| strings(image)) {
                    for part in text.split(|byte| *byte == b':') {
                        let named =
                            part.windows(word.len()).any(|window| window == word) || part.windows(5).any(|window| window == b"/gems");
                        if part.starts_with(b"/") && named && !directories.iter().any(|known| known == part) {
                            directories.push(part.to_vec());
                        }
                    }
                }
                if directories.is_empty() {
                    return None;
                }
                if language == Language::Ruby {
                    directories.extend(gems(view, &directories));
                }
                Some(Self { language, directories, builtin: BTreeSet::new(), tag: Vec::new(), minor: 0, release: release(&images) })
            }
        }
    }

    /// Puts the directories that the environment names before the others.
    pub(super) fn also(&mut self, view: &View, variable: &[u8], script: &[u8]) {
        let mut first: Vec<Vec<u8>> = Vec::new();
        if self.language == Language::Python && !script.is_empty() {
            first.push(script.to_vec());
        }
        let named = view.launch.variable(variable).unwrap_or_default();
        first.extend(named.split(|byte| *byte == b':').filter(|part| !part.is_empty()).map(|part| view.absolute(part)));
        first.append(&mut self.directories);
        self.directories = first;
    }

    /// The variable that names further directories.
    pub(super) fn variable(&self) -> &'static [u8] {
        match self.language {
            Language::Python => b"PYTHONPATH",
            Language::Perl => b"PERL5LIB",
            Language::Ruby => b"RUBYLIB",
        }
    }

    /// The files of a module, the first of which is what is loaded; none if there is no such module.
    pub(super) fn module(&self, view: &View, name: &[u8]) -> Option<Vec<Vec<u8>>> {
        match self.language {
            Language::Python => self.python_module(view, name),
            Language::Perl => self.perl_module(view, name),
            Language::Ruby => self.directories.iter().find_map(|directory| {
                let names = [&b".rb"[..], b".so"].map(|ending| [directory.as_slice(), b"/", name, ending].concat());
                names.into_iter().find(|path| is_file(view, path)).map(|path| vec![path])
            }),
        }
    }

    fn python_module(&self, view: &View, name: &[u8]) -> Option<Vec<Vec<u8>>> {
        let mut parts = name.split(|byte| *byte == b'.');
        let top = parts.next().unwrap_or_default();
        if self.builtin.contains(top) {
            return Some(Vec::new());
        }
        let Some(file) = self.directories.iter().find_map(|directory| self.python_file(view, directory, top)) else {
            // A directory alone is a namespace, after everything else.
            let namespace = |directory: &Vec<u8>| {
                let base = [directory.as_slice(), b"/", top].concat();
                view.find(&base).is_some_and(|entry| entry.kind() == Kind::Directory)
            };
            return self.directories.iter().any(namespace).then(Vec::new);
        };
        let mut found = vec![file];
        for part in parts {
            let last = found.last().cloned().unwrap_or_default();
            // What is not in a directory of its own makes its inner modules itself, as `os.path`.
            let Some(directory) = last.strip_suffix(b"/__init__.py") else { break };
            match self.python_file(view, directory, part) {
                Some(file) => found.push(file),
                // The package may make it when it is loaded, under its full name.
                None if view.text(&last).is_some_and(|text| is_quoted(text, name)) => break,
                None if view.find(&[directory, b"/", part].concat()).is_some_and(|entry| entry.kind() == Kind::Directory) => break,
                None => return None,
            }
        }
        Some(found)
    }

    /// A package, a compiled module or a file of that name in a directory.
    fn python_file(&self, view: &View, directory: &[u8], name: &[u8]) -> Option<Vec<u8>> {
        let base = [directory, b"/", name].concat();
        let package = [base.as_slice(), b"/__init__.py"].concat();
        if is_file(view, &package) {
            return Some(package);
        }
        for child in view.find(directory)?.children() {
            let Some(rest) = child.name().strip_prefix(name).filter(|rest| rest.ends_with(b".so")) else { continue };
            let tagged = rest.strip_prefix(b".").is_some_and(|rest| rest.starts_with(&self.tag));
            if tagged || rest == b".abi3.so" || rest == b".so" {
                return Some([directory, b"/", child.name()].concat());
            }
        }
        let file = [base.as_slice(), b".py"].concat();
        is_file(view, &file).then_some(file)
    }

    /// The file of a module of a package; none if the name is something inside of a file.
    pub(super) fn file(&self, view: &View, name: &[u8]) -> Option<Vec<u8>> {
        let mut files = self.module(view, name)?;
        let parts = name.split(|byte| *byte == b'.').count();
        files.pop().filter(|_| files.len() + 1 == parts)
    }

    /// A module that a file names by where it is from there: `.name` in Python, `./name` in Ruby.
    pub(super) fn beside(&self, view: &View, file: &[u8], name: &[u8]) -> Option<Vec<u8>> {
        let mut directory = split(file).0;
        if self.language == Language::Ruby {
            let base = [directory, b"/", name.strip_prefix(b"./")?].concat();
            return [base.clone(), [base.as_slice(), b".rb"].concat()].into_iter().find(|path| is_file(view, path));
        }
        let dots = name.iter().take_while(|byte| **byte == b'.').count();
        for _ in 1..dots {
            directory = split(directory).0;
        }
        let rest = name.get(dots..).unwrap_or_default();
        if rest.is_empty() {
            let package = [directory, b"/__init__.py"].concat();
            return is_file(view, &package).then_some(package);
        }
        let mut found = None;
        let mut place = directory.to_vec();
        for part in rest.split(|byte| *byte == b'.') {
            found = self.python_file(view, &place, part);
            place = [place.as_slice(), b"/", part].concat();
        }
        found
    }

    /// Syntax that the interpreter does not know.
    pub(super) fn too_old_for(&self, text: &[u8]) -> Option<&'static str> {
        let lines = || text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.starts_with(b"#"));
        let follows = |start: &[u8], next: &[u8]| {
            lines().zip(lines().skip(1)).any(|(one, two)| one.starts_with(start) && one.ends_with(b":") && two.starts_with(next))
        };
        let has = |needle: &[u8]| lines().any(|line| line.windows(needle.len()).any(|window| window == needle));
        let kinds: [(u32, bool, &'static str); 4] = [
            (8, has(b" := "), "an assignment in an expression, of Python 3.8"),
            (10, follows(b"match ", b"case "), "the match statement, of Python 3.10"),
            (11, lines().any(|line| line.starts_with(b"except*") || line.starts_with(b"except *")), "except*, of Python 3.11"),
            (12, lines().any(|line| line.starts_with(b"type ") && line.contains(&b'=')), "the type statement, of Python 3.12"),
        ];
        kinds.into_iter().find(|(minor, used, _)| self.minor < *minor && *used).map(|(_, _, name)| name)
    }

    fn perl_module(&self, view: &View, name: &[u8]) -> Option<Vec<Vec<u8>>> {
        let parts: Vec<&[u8]> = name.split(|byte| *byte == b':').filter(|part| !part.is_empty()).collect();
        let path = [parts.join(&b'/').as_slice(), b".pm"].concat();
        let found = |path: &[u8]| {
            let below = |directory: &Vec<u8>| [directory.as_slice(), b"/", path].concat();
            self.directories.iter().map(below).find(|path| is_file(view, path))
        };
        let module = found(&path)?;
        let last = parts.last().copied().unwrap_or_default();
        let library = [b"auto/", parts.join(&b'/').as_slice(), b"/", last, b".so"].concat();
        // A module with a compiled part says so; what it says is in its text.
        let loads = view.text(&module).is_some_and(|text| {
            [&b"XSLoader"[..], b"DynaLoader"].iter().any(|word| text.windows(word.len()).any(|window| window == *word))
        });
        match (found(&library), loads) {
            (Some(found), _) => Some(vec![module, found]),
            // The name of what is missing.
            (None, true) => Some(vec![module, library]),
            (None, false) => Some(vec![module]),
        }
    }
}

fn is_file(view: &View, path: &[u8]) -> bool {
    view.find(path).is_some_and(|entry| entry.kind() == Kind::File)
}

/// The directories of installed gems below the directories of an interpreter.
fn gems(view: &View, directories: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    // Debian's homes of gems are made from the version of the interface, which the other directories end with.
    let versions: BTreeSet<&[u8]> =
        directories.iter().map(|directory| split(directory).1).filter(|name| name.first().is_some_and(u8::is_ascii_digit)).collect();
    let homes = versions.iter().flat_map(|version| {
        [&b"/var/lib/gems/"[..], b"/usr/local/lib/ruby/gems/", b"/usr/lib/ruby/gems/"].map(|home| [home, version].concat())
    });
    for home in homes.chain([b"/usr/share/rubygems-integration/all".to_vec()]) {
        let Some(entry) = view.find(&[home.as_slice(), b"/gems"].concat()) else { continue };
        for gem in entry.children() {
            found.push([home.as_slice(), b"/gems/", gem.name(), b"/lib"].concat());
        }
    }
    found.sort();
    found
}

fn python(view: &View, path: &[u8], entry: Entry<'_>, elf: &Elf, images: &[&[u8]]) -> Option<Interpreter> {
    let digits = |rest: &[u8]| -> Vec<u8> { rest.iter().copied().take_while(u8::is_ascii_digit).collect() };
    let named = elf.needed.iter().find_map(|name| name.strip_prefix(b"libpython3.").map(digits));
    let minor = named
        .or_else(|| images.iter().find_map(|image| after(image, b"cpython-3").map(digits).find(|minor| !minor.is_empty())))
        .filter(|minor| !minor.is_empty())?;
    let version = [b"python3.", minor.as_slice()].concat();
    let tag = [b"cpython-3", minor.as_slice(), b"-"].concat();
    // A virtual environment names the home of the interpreter, and has packages of its own.
    let own = split(path).0;
    let settings = [[own, b"/pyvenv.cfg"].concat(), [split(own).0, b"/pyvenv.cfg"].concat()];
    let settings = settings.iter().find_map(|path| Some((split(path).0.to_vec(), view.text(path)?)));
    let real = [b"/".as_slice(), &entry.path()].concat();
    let mut home = split(split(&real).0).0.to_vec();
    let mut directories = Vec::new();
    let mut system = true;
    if let Some((place, text)) = &settings {
        let value = |name: &[u8]| {
            text.split(|byte| *byte == b'\n').find_map(|line| {
                let at = line.iter().position(|byte| *byte == b'=')?;
                (line.get(..at)?.trim_ascii() == name).then(|| line.get(at + 1..).unwrap_or_default().trim_ascii().to_vec())
            })
        };
        home = value(b"home").map_or(home, |home| split(&home).0.to_vec());
        system = value(b"include-system-site-packages").is_some_and(|value| value == b"true");
        directories.push([place.as_slice(), b"/lib/", &version, b"/site-packages"].concat());
    }
    let library = [home.as_slice(), b"/lib/", &version].concat();
    directories.splice(0..0, [library.clone(), [library.as_slice(), b"/lib-dynload"].concat()]);
    if system {
        for prefix in [&b"/usr/local/lib/"[..], b"/usr/lib/", &[home.as_slice(), b"/lib/"].concat()] {
            for folder in [&b"/dist-packages"[..], b"/site-packages"] {
                directories.push([prefix, version.as_slice(), folder].concat());
            }
        }
        directories.push(b"/usr/lib/python3/dist-packages".to_vec());
    }
    let mut builtin: BTreeSet<Vec<u8>> =
        [&b"sys"[..], b"builtins", b"__future__", b"_imp", b"marshal", b"__main__"].iter().map(|name| name.to_vec()).collect();
    for rest in images.iter().flat_map(|image| after(image, b"PyInit_")) {
        builtin.insert(rest.iter().copied().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').collect());
    }
    let minor = std::str::from_utf8(&minor).ok().and_then(|text| text.parse().ok())?;
    Some(Interpreter { language: Language::Python, directories, builtin, tag, minor, release: release(images) })
}

/// What a script of a language loads.
pub(super) fn imports(language: Language, text: &[u8]) -> Vec<Import> {
    let mut found: Vec<Import> = Vec::new();
    let mut tries: Vec<usize> = Vec::new();
    let mut quotes = false;
    let statements = text.split(|byte| *byte == b'\n').flat_map(|line| {
        let indent = line.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        line.split(|byte| *byte == b';').map(move |statement| (indent, statement))
    });
    for (indent, line) in statements {
        let trimmed = line.trim_ascii();
        match language {
            Language::Python => {
                let triple =
                    [&b"\"\"\""[..], b"'''"].iter().map(|mark| line.windows(3).filter(|window| window == mark).count()).sum::<usize>();
                let inside = quotes;
                quotes ^= triple % 2 == 1;
                if inside || trimmed.is_empty() {
                    continue;
                }
                tries.retain(|depth| *depth < indent);
                if trimmed.starts_with(b"try:") {
                    tries.push(indent);
                }
                let soft = indent > 0 || !tries.is_empty();
                for (name, inner) in python_names(trimmed) {
                    found.push(Import { name, soft, inner });
                }
            }
            Language::Perl => {
                let rest = trimmed.strip_prefix(b"use ").or_else(|| trimmed.strip_prefix(b"require "));
                if let Some(name) = rest
                    .map(|rest| word(rest.trim_ascii_start(), b":"))
                    .filter(|name| name.first().is_some_and(u8::is_ascii_alphabetic) && *name != b"v5")
                {
                    found.push(Import::new(name, indent > 0));
                }
            }
            Language::Ruby => {
                let relative = trimmed.strip_prefix(b"require_relative ");
                if let Some(rest) = trimmed.strip_prefix(b"require ").or(relative) {
                    let rest = rest.trim_ascii_start();
                    if let Some(quote) = rest.first().filter(|byte| matches!(byte, b'"' | b'\'')) {
                        let inner = rest.get(1..).unwrap_or_default();
                        let name = inner.split(|byte| byte == quote).next().unwrap_or_default();
                        let start: &[u8] = if relative.is_some() { b"./" } else { b"" };
                        found.push(Import::new([start, name].concat(), indent > 0));
                    }
                }
            }
        }
    }
    found
}

fn word(text: &[u8], also: &[u8]) -> Vec<u8> {
    text.iter().copied().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_' || also.contains(byte)).collect()
}

/// The modules of a line, and whether each may be something inside of the module before it.
fn python_names(line: &[u8]) -> Vec<(Vec<u8>, bool)> {
    let line = line.strip_prefix(b"try:").map_or(line, <[u8]>::trim_ascii_start);
    if let Some(rest) = line.strip_prefix(b"from ") {
        let name = word(rest.trim_ascii_start(), b".");
        let Some(at) = rest.windows(8).position(|window| window == b" import ") else { return Vec::new() };
        let dotted = name.iter().all(|byte| *byte == b'.');
        let mut found = if dotted { Vec::new() } else { vec![(name.clone(), false)] };
        for part in rest.get(at + 8..).unwrap_or_default().split(|byte| *byte == b',') {
            let inner = word(part.trim_ascii_start().trim_ascii_start(), b"");
            let inner = if inner.is_empty() { word(part.trim_ascii_start().strip_prefix(b"(").unwrap_or_default(), b"") } else { inner };
            if !inner.is_empty() {
                let dot: &[u8] = if dotted { b"" } else { b"." };
                found.push(([name.as_slice(), dot, &inner].concat(), true));
            }
        }
        return found;
    }
    let Some(rest) = line.strip_prefix(b"import ") else { return Vec::new() };
    let names = rest.split(|byte| *byte == b',').map(|part| word(part.trim_ascii_start(), b"."));
    names.filter(|name| !name.is_empty()).map(|name| (name, false)).collect()
}

fn is_quoted(text: &[u8], name: &[u8]) -> bool {
    [b'"', b'\''].iter().any(|quote| {
        let quoted = [&[*quote], name, &[*quote]].concat();
        text.windows(quoted.len()).any(|window| window == quoted)
    })
}

/// The names in a text, and whether each follows a dot.
pub(super) fn identifiers(text: &[u8]) -> impl Iterator<Item = (&[u8], bool)> {
    let part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let mut rest = text;
    std::iter::from_fn(move || {
        let start = rest.iter().position(part)?;
        let dot = start.checked_sub(1).and_then(|before| rest.get(before)) == Some(&b'.');
        let tail = rest.get(start..)?;
        let end = tail.iter().position(|byte| !part(byte)).unwrap_or(tail.len());
        rest = tail.get(end..)?;
        Some((tail.get(..end)?, dot))
    })
}

/// A program that a script starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Started {
    /// Its words; none for those that are only known when the script runs.
    Words(Vec<Option<Vec<u8>>>),
    /// A text for a shell.
    Shell(Vec<u8>),
}

/// A text in quotes, and what follows it; none if it is not as it stands.
fn quoted(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let quote = *text.first().filter(|byte| matches!(byte, b'"' | b'\''))?;
    let rest = text.get(1..)?;
    let end = rest.iter().position(|byte| *byte == quote)?;
    let inner = rest.get(..end)?;
    (!inner.contains(&b'\\') && !inner.contains(&b'\n')).then(|| (inner.to_vec(), rest.get(end + 1..).unwrap_or_default()))
}

/// The programs that a script of Python starts; none for those that are only known when it runs.
pub(super) fn started(text: &[u8]) -> Vec<Option<Started>> {
    const CALLS: [&[u8]; 9] = [
        b"subprocess.run(",
        b"subprocess.call(",
        b"subprocess.check_call(",
        b"subprocess.check_output(",
        b"subprocess.Popen(",
        b"subprocess.getoutput(",
        b"subprocess.getstatusoutput(",
        b"os.system(",
        b"os.popen(",
    ];
    let mut found = Vec::new();
    if [&b"from subprocess"[..], b"import subprocess as", b"from os import system", b"create_subprocess"]
        .iter()
        .any(|words| text.windows(words.len()).any(|window| window == *words))
    {
        found.push(None);
    }
    for at in 0..text.len() {
        let rest = text.get(at..).unwrap_or_default();
        let Some(call) = CALLS.iter().find(|call| rest.starts_with(call)) else { continue };
        let rest = rest.get(call.len()..).unwrap_or_default().trim_ascii_start();
        if let Some((shell, _)) = quoted(rest) {
            found.push(Some(Started::Shell(shell)));
            continue;
        }
        let Some(list) = rest.strip_prefix(b"[") else {
            found.push(None);
            continue;
        };
        let mut words = Vec::new();
        let mut rest = list.trim_ascii_start();
        while !rest.is_empty() && !rest.starts_with(b"]") {
            match quoted(rest) {
                Some((word, after)) if matches!(after.trim_ascii_start().first(), Some(b',' | b']')) => {
                    words.push(Some(word));
                    rest = after.trim_ascii_start();
                }
                _ => {
                    words.push(None);
                    let end = rest.iter().position(|byte| matches!(byte, b',' | b']')).unwrap_or(rest.len());
                    rest = rest.get(end..).unwrap_or_default();
                }
            }
            rest = rest.strip_prefix(b",").unwrap_or(rest).trim_ascii_start();
        }
        found.push(Some(Started::Words(words)));
    }
    found
}

/// The paths that a text has in quotes.
pub(super) fn quoted_paths(text: &[u8]) -> BTreeSet<Vec<u8>> {
    let named = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'_' | b'-' | b'+' | b'@' | b':');
    let quotes = text.iter().enumerate().filter(|(_, byte)| matches!(byte, b'"' | b'\''));
    let inner = quotes.filter_map(|(at, quote)| {
        let rest = text.get(at + 1..)?.get(..256.min(text.len() - at - 1))?;
        rest.get(..rest.iter().position(|byte| byte == quote)?)
    });
    inner.filter(|path| path.starts_with(b"/") && path.len() > 1 && path.iter().all(named)).map(<[u8]>::to_vec).collect()
}

/// Longer lists of modules are none that anybody wrote.
const MOST_MODULES: usize = 300;

/// The names that a text of Python takes from modules: the module, the name, and whether it cannot go on without it.
pub(super) fn taken_names(text: &[u8]) -> Vec<(Vec<u8>, Vec<u8>, bool)> {
    let mut found = Vec::new();
    let mut modules: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    let mut at = 0;
    for line in text.split(|byte| *byte == b'\n') {
        let start = at;
        at += line.len() + 1;
        let trimmed = line.trim_ascii();
        if let Some(rest) = trimmed.strip_prefix(b"from ") {
            let module = word(rest, b".");
            let Some(place) = rest.windows(8).position(|window| window == b" import ").filter(|_| !module.starts_with(b".")) else {
                continue;
            };
            let mut names = rest.get(place + 8..).unwrap_or_default();
            if names.starts_with(b"(") && !names.contains(&b')') {
                let all = text.get(start..).unwrap_or_default();
                let open = all.iter().position(|byte| *byte == b'(').unwrap_or(0);
                let close = all.iter().position(|byte| *byte == b')').unwrap_or(all.len());
                names = all.get(open + 1..close).unwrap_or_default();
            }
            for part in names.split(|byte| matches!(byte, b',' | b'\n' | b'(' | b')')) {
                let name = word(part.trim_ascii_start(), b"");
                if !name.is_empty() {
                    found.push((module.clone(), name, !line.starts_with(b" ") && !line.starts_with(b"\t")));
                }
            }
        } else if let Some(rest) = trimmed.strip_prefix(b"import ") {
            for part in rest.split(|byte| *byte == b',') {
                let module = word(part.trim_ascii_start(), b".");
                let alias = part.windows(4).position(|window| window == b" as ");
                let alias = alias.map_or_else(|| module.clone(), |at| word(part.get(at + 4..).unwrap_or_default(), b""));
                modules.push((alias, module));
            }
        }
    }
    for (alias, module) in modules.iter().filter(|(alias, _)| !alias.is_empty()).take(MOST_MODULES) {
        let dotted = [alias.as_slice(), b"."].concat();
        for at in 0..text.len() {
            let rest = text.get(at..).unwrap_or_default();
            let before = at.checked_sub(1).and_then(|at| text.get(at)).copied().unwrap_or(b' ');
            if !rest.starts_with(&dotted) || before.is_ascii_alphanumeric() || matches!(before, b'_' | b'.') {
                continue;
            }
            let name = word(rest.get(dotted.len()..).unwrap_or_default(), b"");
            if !name.is_empty() && !modules.iter().any(|(_, other)| *other == [dotted.as_slice(), &name].concat()) {
                found.push((module.clone(), name, false));
            }
        }
    }
    found
}

/// Whether a text has a name, and not as a part of a longer one.
fn names(text: &[u8], name: &[u8]) -> bool {
    let part = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    !name.is_empty()
        && text.windows(name.len()).enumerate().any(|(at, window)| {
            window == name && !part(text.get(at + name.len())) && !part(at.checked_sub(1).and_then(|before| text.get(before)))
        })
}

/// Whether a module of Python defines a name: a definition, a value that is given to it, or an import. What is compiled has it somewhere.
pub(super) fn defines(text: &[u8], name: &[u8]) -> bool {
    if text.starts_with(crate::format::elf::MAGIC) {
        return names(text, name);
    }
    text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| names(line, name)).any(|line| {
        let is = |start: &[u8]| line.strip_prefix(start).is_some_and(|rest| word(rest, b"") == name);
        // A line of a list of imports is names and commas alone.
        let list = line.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b',' | b' ' | b')' | b'('));
        let end = line.iter().position(|byte| *byte == b'=').unwrap_or(0);
        let given = names(line.get(..end).unwrap_or_default(), name) && !line.get(..end).unwrap_or_default().contains(&b'(');
        let annotated = is(b"") && line.get(name.len()) == Some(&b':');
        is(b"def ")
            || is(b"async def ")
            || is(b"class ")
            || is(b"global ")
            || given
            || annotated
            || list && line.contains(&b',')
            || names(line, b"import")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_are_found() {
        let names = |language, text: &str| -> Vec<(String, bool)> {
            imports(language, text.as_bytes())
                .into_iter()
                .filter(|import| !import.inner)
                .map(|import| (String::from_utf8(import.name).unwrap(), import.soft))
                .collect()
        };
        let python = "import sys, os.path as p\nfrom a.b import c\nfrom . import d\ntry:\n    import e\nexcept ImportError:\n    pass\nx = '''\nimport no\n'''\nimport f; import g\n";
        let expected = [("sys", false), ("os.path", false), ("a.b", false), ("e", true), ("f", false), ("g", false)];
        assert_eq!(names(Language::Python, python), expected.map(|(name, soft)| (name.to_owned(), soft)));
        let perl = "#!/usr/bin/perl\nuse strict; use Text::CharWidth qw(mbswidth);\nuse 5.010;\n";
        assert_eq!(names(Language::Perl, perl), [("strict".to_owned(), false), ("Text::CharWidth".to_owned(), false)]);
        let ruby = [("labgem".to_owned(), false), ("./x".to_owned(), false)];
        assert_eq!(names(Language::Ruby, "require \"labgem\"\nrequire_relative 'x'\n"), ruby);
    }

    #[test]
    fn names_of_modules_are_found() {
        let text = b"import a, b.c as d\nfrom e import (f,\n  g as h)\nif x:\n    from i import j\nprint(a.k, d.l, xa.m)\n";
        let name = |text: &str| text.as_bytes().to_vec();
        let expected = [("e", "f", true), ("e", "g", true), ("i", "j", false), ("a", "k", false), ("b.c", "l", false)];
        assert_eq!(taken_names(text), expected.map(|(module, taken, needed)| (name(module), name(taken), needed)));
        for line in ["def f(): pass", "f = 1", "a, f = 1, 2", "f: int", "from m import (f)", "    f,", "class f:"] {
            assert!(defines(line.as_bytes(), b"f"), "{line}");
        }
        for line in ["def fg(): pass", "# f() was here", "see `f`.", "g(f=1)"] {
            assert!(!defines(line.as_bytes(), b"f"), "{line}");
        }
    }

    #[test]
    fn programs_that_scripts_start_are_found() {
        let text = b"subprocess.run(['a', x, \"b c\"], check=True)\nos.system('d e')\nsubprocess.Popen(y)\nopen('/etc/x')\n";
        let word = |text: &str| Some(text.as_bytes().to_vec());
        assert_eq!(started(text), [Some(Started::Words(vec![word("a"), None, word("b c")])), Some(Started::Shell(b"d e".to_vec())), None]);
        assert_eq!(quoted_paths(text), BTreeSet::from([b"/etc/x".to_vec()]));
    }
}
