//! Where Python looks for modules, and what it understands.

use std::collections::BTreeSet;

use super::names::is_quoted;
use super::{Interpreter, InterpreterFacts, Language, after, is_file};
use crate::format::elf::Elf;
use crate::format::tar::Kind;
use crate::plan::verdict::compare::contains;
use crate::plan::verdict::view::View;
use crate::read::rootfs::{Entry, split};

impl Interpreter {
    pub(super) fn python_module(&self, view: &View, name: &[u8]) -> Option<Vec<Vec<u8>>> {
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
    pub(super) fn python_file(&self, view: &View, directory: &[u8], name: &[u8]) -> Option<Vec<u8>> {
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

    /// What a text does that releases of Python do in different ways, and whether this one is new enough for the later one: from
    /// "What's New in Python".
    pub(in crate::plan::verdict) fn manners(&self, text: &[u8]) -> Vec<(&'static str, bool)> {
        let has = |needle: &[u8]| contains(text, needle);
        let opens = |mode: &[u8]| has(b"open(") && [b'"', b'\''].iter().any(|quote| has(&[b", ", &[*quote][..], mode, &[*quote]].concat()));
        // An enumeration of texts or numbers, which prints its value or its name.
        let mixed = text.split(|byte| *byte == b'\n').any(|line| {
            let bases = line.trim_ascii().strip_prefix(b"class ").and_then(|rest| rest.get(rest.iter().position(|byte| *byte == b'(')?..));
            bases.is_some_and(|bases| (bases.starts_with(b"(str,") || bases.starts_with(b"(int,")) && contains(bases, b"Enum"))
        });
        // Letters of a pattern have to stand at its beginning.
        let flags = [&b"(?i)"[..], b"(?m)", b"(?s)", b"(?x)"].iter().any(|flag| {
            let at = text.windows(4).enumerate().filter(|(_, window)| window == flag).map(|(at, _)| at);
            at.into_iter().any(|at| at > 0 && !matches!(text.get(at - 1), Some(b'"' | b'\'' | b')')))
        });
        let helps = has(b"argparse") && [&b"print_help("[..], b"format_help(", b"print_usage("].iter().any(|call| has(call));
        let allows = [&b"minimum_version"[..], b"maximum_version", b"get_ciphers("].iter().any(|name| has(name));
        let kinds: [(u32, bool, &'static str); 10] = [
            (9, has(b"json.load") && has(b"encoding="), "json.loads with an encoding, refused since Python 3.9"),
            (10, has(b"asyncio") && has(b"loop=loop"), "a loop that is given to asyncio, refused since Python 3.10"),
            (10, helps, "the help of argparse, which has another heading since Python 3.10"),
            (13, helps && has(b", \"--"), "the help of argparse, which tells options in another way since Python 3.13"),
            (10, has(b"ssl") && allows, "what ssl allows by itself, which is less since Python 3.10"),
            (11, opens(b"U") || opens(b"rU") || opens(b"Ur") || opens(b"rbU"), "open with the mode U, refused since Python 3.11"),
            (11, has(b"random.sample({") || has(b"random.sample(set("), "random.sample of a set, refused since Python 3.11"),
            (11, has(b"random.shuffle(") && has(b", random.random)"), "random.shuffle with a function, refused since Python 3.11"),
            (11, mixed, "format of an enumeration with str or int, another one since Python 3.11"),
            (11, flags, "flags inside of a pattern, refused since Python 3.11"),
        ];
        kinds.into_iter().filter(|(_, used, _)| *used).map(|(minor, _, text)| (text, self.minor >= minor)).collect()
    }

    /// Syntax that the interpreter does not know.
    pub(in crate::plan::verdict) fn too_old_for(&self, text: &[u8]) -> Option<&'static str> {
        let lines = || text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.starts_with(b"#"));
        let follows = |start: &[u8], next: &[u8]| {
            lines().zip(lines().skip(1)).any(|(one, two)| one.starts_with(start) && one.ends_with(b":") && two.starts_with(next))
        };
        let has = |needle: &[u8]| lines().any(|line| line.windows(needle.len()).any(|window| window == needle));
        let kinds: [(u32, bool, &'static str); 4] = [
            (8, has(b" := "), "an assignment in an expression, of Python 3.8"),
            (10, follows(b"match ", b"case "), "the match statement, of Python 3.10"),
            (11, lines().any(|line| line.starts_with(b"except*") || line.starts_with(b"except *")), "except*, of Python 3.11"),
            (12, lines().any(is_type), "the type statement, of Python 3.12"),
        ];
        kinds.into_iter().find(|(minor, used, _)| self.minor < *minor && *used).map(|(_, _, name)| name)
    }
}

/// `type NAME = …` or `type NAME[…] = …`
fn is_type(line: &[u8]) -> bool {
    let Some(rest) = line.strip_prefix(b"type ") else { return false };
    let name = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
    let after = rest.get(name..).unwrap_or_default().trim_ascii_start();
    name > 0 && (after.starts_with(b"[") || (after.starts_with(b"=") && !after.starts_with(b"==")))
}

fn digits(rest: &[u8]) -> Vec<u8> {
    rest.iter().copied().take_while(u8::is_ascii_digit).collect()
}

/// The minor version that the name of compiled modules has.
pub(super) fn minor(images: &[&[u8]]) -> Option<Vec<u8>> {
    images.iter().find_map(|image| after(image, b"cpython-3").map(digits).find(|minor| !minor.is_empty()))
}

/// The modules that are in an interpreter.
pub(super) fn builtin(images: &[&[u8]]) -> BTreeSet<Vec<u8>> {
    let mut found: BTreeSet<Vec<u8>> =
        [&b"sys"[..], b"builtins", b"__future__", b"_imp", b"marshal", b"__main__"].iter().map(|name| name.to_vec()).collect();
    for rest in images.iter().flat_map(|image| after(image, b"PyInit_")) {
        found.insert(rest.iter().copied().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').collect());
    }
    found
}

pub(super) fn interpreter(view: &View, path: &[u8], entry: Entry<'_>, elf: &Elf, told: &InterpreterFacts) -> Option<Interpreter> {
    let named = elf.needed.iter().find_map(|name| name.strip_prefix(b"libpython3.").map(digits));
    let minor = named.or_else(|| told.minor.clone()).filter(|minor| !minor.is_empty())?;
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
    let minor = std::str::from_utf8(&minor).ok().and_then(|text| text.parse().ok())?;
    let InterpreterFacts { release, builtin, .. } = told.clone();
    Some(Interpreter { language: Language::Python, directories, builtin, tag, minor, release, images: Vec::new() })
}
