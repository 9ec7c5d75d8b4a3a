//! Interpreters whose scripts load each other by paths: Node.js, PHP, Java.
//!
//! What a script does by words that it makes when it runs cannot be read from it. But an interpreter of the app that loads nothing but files
//! of the app does the same on each base, whatever its scripts compute. So of such a script all code of the app counts as loaded, and what is
//! looked for is what leads out of it: programs that are started, paths that are named, and what is asked of the base.

pub(in crate::plan::verdict) mod java;
pub(in crate::plan::verdict) mod javascript;
pub(in crate::plan::verdict) mod php;
#[cfg(test)]
mod tests;

use super::{Started, quoted};
use crate::format::elf::Elf;

/// An interpreter, by the symbols that it has or needs: copies and links have any name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::plan::verdict) enum Engine {
    Node,
    Php,
    Java,
}

impl Engine {
    pub(in crate::plan::verdict) fn of(elf: &Elf) -> Option<Self> {
        let needs = |start: &[u8]| elf.needed.iter().any(|name| name.starts_with(start));
        let defines = |name: &[u8]| elf.defined.iter().any(|symbol| symbol.name == name);
        let calls = |name: &[u8]| elf.undefined.iter().any(|symbol| symbol.name == name);
        if needs(b"libnode.so") || defines(b"napi_create_function") {
            Some(Self::Node)
        } else if defines(b"zend_parse_parameters") && defines(b"php_request_startup") {
            Some(Self::Php)
        } else if calls(b"JLI_Launch") {
            Some(Self::Java)
        } else {
            None
        }
    }

    /// The endings of the files that hold code for it.
    pub(in crate::plan::verdict) fn endings(self) -> &'static [&'static [u8]] {
        match self {
            Self::Node => &[b".js", b".mjs", b".cjs", b".node"],
            Self::Php => &[b".php", b".inc", b".phtml", b".phar"],
            Self::Java => &[b".jar", b".class"],
        }
    }
}

/// What a text of a language leads to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::plan::verdict) struct Text {
    /// What it loads by name, as it is written.
    pub(in crate::plan::verdict) loads: Vec<Vec<u8>>,
    /// Whether it loads something by a name that it makes.
    pub(in crate::plan::verdict) computes: bool,
    /// The programs that it starts; none for those that are only known when it runs.
    pub(in crate::plan::verdict) starts: Vec<Option<Started>>,
    /// Whether it asks for the version of the interpreter, and for those of its libraries.
    pub(in crate::plan::verdict) asks: bool,
    pub(in crate::plan::verdict) asks_libraries: bool,
}

pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$')
}

pub(super) fn has(text: &[u8], needle: &[u8]) -> bool {
    text.windows(needle.len()).any(|window| window == needle)
}

/// Every place where a word is on its own: the text before it, and the text after it.
pub(super) fn words<'t>(text: &'t [u8], word: &'t [u8]) -> impl Iterator<Item = (&'t [u8], &'t [u8])> {
    let fits = move |at: &usize| {
        text.get(*at..).is_some_and(|rest| rest.starts_with(word))
            && !at.checked_sub(1).and_then(|before| text.get(before)).is_some_and(|byte| is_word(*byte))
            && !text.get(at + word.len()).is_some_and(|byte| is_word(*byte))
    };
    let first = word.first().copied().unwrap_or_default();
    let places = text.iter().enumerate().filter(move |(_, byte)| **byte == first).map(|(at, _)| at).filter(fits);
    places.map(move |at| (text.get(..at).unwrap_or_default(), text.get(at + word.len()..).unwrap_or_default()))
}

/// A text without the lines that are nothing but a comment.
pub(super) fn without_comments(text: &[u8], signs: &[&[u8]]) -> Vec<u8> {
    let is_comment = |line: &&[u8]| {
        let start = line.trim_ascii_start();
        signs.iter().any(|sign| start.starts_with(sign)) || (start.starts_with(b"/*") && !has(start, b"*/"))
    };
    // A first line is for the kernel.
    let lines = text
        .split(|byte| *byte == b'\n')
        .enumerate()
        .filter(|(number, line)| !is_comment(line) && (*number > 0 || !line.starts_with(b"#!")));
    let mut found = Vec::with_capacity(text.len());
    for (_, line) in lines {
        found.extend_from_slice(line);
        found.push(b'\n');
    }
    found
}

/// The words of a list of texts in brackets, from behind the bracket on.
pub(super) fn listed(text: &[u8]) -> Vec<Option<Vec<u8>>> {
    const MOST: usize = 64;
    let mut words = Vec::new();
    let mut rest = text.trim_ascii_start();
    while !rest.is_empty() && !rest.starts_with(b"]") && words.len() < MOST {
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
    words
}
