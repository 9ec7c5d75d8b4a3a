//! Which modules a script of a language loads, and where its interpreter looks for them.

pub(super) mod engines;
mod imports;
mod late;
mod names;
mod perl;
mod python;
mod ruby;
mod started;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;

use super::view::View;
use crate::format::elf::Elf;
use crate::format::tar::Kind;
use crate::foundation::Digest;
use crate::read::rootfs::{Entry, split};

pub(super) use self::imports::imports;
pub(super) use self::late::{Late, late, started_by_ruby};
pub(super) use self::names::{built_in, defined, defines, given_to, identifiers, methods, offers, taken_names, words};
pub(super) use self::perl::use_lib;
use self::started::quoted;
pub(super) use self::started::{Started, imported, quoted_paths, started, started_by_perl};

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
    pub(super) fn new(name: Vec<u8>, soft: bool) -> Self {
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
    /// The program and its library.
    pub(super) images: Vec<Vec<u8>>,
}

fn strings(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|byte| !(0x20..0x7f).contains(byte)).filter(|text| text.len() > 3)
}

/// Texts of three numbers, before which Perl has a `v`.
fn release(images: &[&[u8]]) -> BTreeSet<Vec<u8>> {
    let is_number = |part: &[u8]| !part.is_empty() && part.len() < 4 && part.iter().all(u8::is_ascii_digit);
    let texts = images.iter().flat_map(|image| image.split(|byte| *byte == 0)).map(|text| text.strip_prefix(b"v").unwrap_or(text));
    let texts = texts.filter(|text| (5..12).contains(&text.len()));
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

/// What the program and the library of an interpreter say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct InterpreterFacts {
    release: BTreeSet<Vec<u8>>,
    /// Modules that are in it.
    builtin: BTreeSet<Vec<u8>>,
    /// The 11 of Python 3.11.
    minor: Option<Vec<u8>>,
    /// The directories that it names for modules of Perl and Ruby.
    directories: Vec<Vec<u8>>,
}

impl InterpreterFacts {
    fn of(language: Language, images: &[&[u8]]) -> Self {
        let release = release(images);
        match language {
            Language::Python => Self { release, builtin: python::builtin(images), minor: python::minor(images), directories: Vec::new() },
            Language::Perl => Self { release, directories: named(images, b"perl"), ..Self::default() },
            Language::Ruby => Self { release, directories: named(images, b"ruby"), ..Self::default() },
        }
    }

    /// About how many bytes of memory it takes.
    pub(super) fn size(&self) -> usize {
        const EACH: usize = 64;
        (self.release.len() + self.builtin.len() + self.directories.len() + 2) * EACH
    }
}

/// The directories with a word in their names, or with gems.
fn named(images: &[&[u8]], word: &[u8]) -> Vec<Vec<u8>> {
    let mut directories: Vec<Vec<u8>> = Vec::new();
    for text in images.iter().flat_map(|image| strings(image)) {
        for part in text.split(|byte| *byte == b':') {
            let named = part.windows(word.len()).any(|window| window == word) || part.windows(5).any(|window| window == b"/gems");
            if part.starts_with(b"/") && named && !directories.iter().any(|known| known == part) {
                directories.push(part.to_vec());
            }
        }
    }
    directories
}

impl Interpreter {
    /// None if the interpreter is not understood.
    pub(super) fn of(view: &View, path: &[u8], entry: Entry<'_>, elf: &Arc<Elf>, libraries: &[Vec<u8>]) -> Option<Self> {
        let language = Language::of(elf)?;
        let mut images = vec![entry];
        let wanted: &[u8] = match language {
            Language::Python => b"libpython",
            Language::Perl => b"libperl",
            Language::Ruby => b"libruby",
        };
        for library in libraries.iter().filter(|library| split(library).1.starts_with(wanted)) {
            images.push(view.find(library)?);
        }
        let bytes: Vec<&[u8]> = images.iter().map(|image| view.bytes(*image)).collect::<Option<_>>()?;
        let digests: Vec<&Digest> = images.iter().map(|image| view.digest(*image)).collect::<Option<_>>()?;
        let told = view.memo.told(language, &digests, || InterpreterFacts::of(language, &bytes));
        let images: Vec<Vec<u8>> = images.iter().map(|image| [b"/".as_slice(), &image.path()].concat()).collect();
        if language == Language::Python {
            return python::interpreter(view, path, entry, elf, &told).map(|interpreter| Self { images, ..interpreter });
        }
        let mut directories = told.directories.clone();
        if directories.is_empty() {
            return None;
        }
        if language == Language::Ruby {
            directories.extend(ruby::gems(view, &directories));
        }
        Some(Self { language, directories, builtin: BTreeSet::new(), tag: Vec::new(), minor: 0, release: told.release.clone(), images })
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

    /// Puts a directory before the others.
    pub(super) fn before(&mut self, directory: Vec<u8>) {
        self.directories.insert(0, directory);
    }

    /// Where it looks.
    pub(super) fn directories(&self) -> &[Vec<u8>] {
        &self.directories
    }

    /// Whether it looks there.
    pub(super) fn looks_in(&self, directory: &Vec<u8>) -> bool {
        self.directories.contains(directory)
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
}

fn is_file(view: &View, path: &[u8]) -> bool {
    view.find(path).is_some_and(|entry| entry.kind() == Kind::File)
}
