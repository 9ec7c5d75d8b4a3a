//! Names in texts of Python: those that it takes from modules, and those that a module defines.

use super::imports::word;

/// Whether a text has a name in quotes.
pub(super) fn is_quoted(text: &[u8], name: &[u8]) -> bool {
    [b'"', b'\''].iter().any(|quote| {
        let quoted = [&[*quote], name, &[*quote]].concat();
        text.windows(quoted.len()).any(|window| window == quoted)
    })
}

/// The names in a text, and whether each follows a dot.
pub(in crate::plan::verdict) fn identifiers(text: &[u8]) -> impl Iterator<Item = (&[u8], bool)> {
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

/// Longer lists of modules are none that anybody wrote.
const MOST_MODULES: usize = 300;

/// The names that a text of Python takes from modules: the module, the name, and whether it cannot go on without it.
pub(in crate::plan::verdict) fn taken_names(text: &[u8]) -> Vec<(Vec<u8>, Vec<u8>, bool)> {
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
pub(in crate::plan::verdict) fn defines(text: &[u8], name: &[u8]) -> bool {
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
