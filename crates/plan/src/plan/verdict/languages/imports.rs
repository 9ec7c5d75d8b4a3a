//! The modules that a script loads.

use super::{Import, Language};

/// What a script of a language loads.
pub(in crate::plan::verdict) fn imports(language: Language, text: &[u8]) -> Vec<Import> {
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

pub(super) fn word(text: &[u8], also: &[u8]) -> Vec<u8> {
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
