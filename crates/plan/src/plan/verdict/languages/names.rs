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
    marked(text).map(|(name, _, dot)| (name, dot))
}

/// All names in a text; those of Ruby may end with a mark.
pub(in crate::plan::verdict) fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    marked(text).flat_map(|(name, long, _)| [name, long])
}

/// The names in a text: each as it is, with the mark that follows it, and whether it follows a dot.
fn marked(text: &[u8]) -> impl Iterator<Item = (&[u8], &[u8], bool)> {
    let part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let mut rest = text;
    std::iter::from_fn(move || {
        let start = rest.iter().position(part)?;
        let dot = start.checked_sub(1).and_then(|before| rest.get(before)) == Some(&b'.');
        let tail = rest.get(start..)?;
        let end = tail.iter().position(|byte| !part(byte)).unwrap_or(tail.len());
        let mark = tail.get(end).is_some_and(|byte| matches!(byte, b'?' | b'!')) && tail.get(end + 1) != Some(&b'=');
        rest = tail.get(end..)?;
        Some((tail.get(..end)?, tail.get(..end + usize::from(mark))?, dot))
    })
}

/// The names of methods that a text of Ruby calls, and of constants.
pub(in crate::plan::verdict) fn methods(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let constant = |name: &[u8]| name.len() > 2 && name.first().is_some_and(u8::is_ascii_uppercase);
    marked(text).filter(move |(name, _, dot)| *dot || constant(name)).map(|(_, name, _)| name)
}

/// The names with which texts of a program or a library end: those of what is built into an interpreter are among them, since linkers
/// put a text into the end of a longer one.
pub(in crate::plan::verdict) fn built_in(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'?' | b'!');
    let end = move |text: &'_ [u8]| text.iter().rposition(|byte| !part(byte)).map_or(0, |at| at + 1);
    let is_name = |text: &&[u8]| {
        let name = text.strip_suffix(b"?").or_else(|| text.strip_suffix(b"!")).unwrap_or(text);
        (2..40).contains(&name.len()) && name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
    };
    bytes.split(|byte| *byte == 0).map(move |text| text.get(end(text)..).unwrap_or_default()).filter(is_name)
}

/// The names that a text defines: functions, classes, and what is given a value.
pub(in crate::plan::verdict) fn defined(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).flat_map(|line| {
        let after = |words: &[&[u8]]| words.iter().find_map(|word| line.strip_prefix(*word));
        let one = after(&[b"def ", b"async def ", b"class ", b"module "]).and_then(|rest| words(rest).next());
        let all = after(&[b"attr_accessor ", b"attr_reader ", b"attr_writer "]).or_else(|| given(line)).map(words);
        // The second of two is the name with its mark.
        let marked = after(&[b"def "]).and_then(|rest| words(rest).nth(1));
        one.into_iter().chain(marked).chain(all.into_iter().flatten())
    })
}

/// The left side of `NAME, NAME = VALUE` or `NAME: TYPE`.
fn given(line: &[u8]) -> Option<&[u8]> {
    let end = line.iter().position(|byte| matches!(byte, b'=' | b':')).filter(|end| line.get(end + 1) != Some(&b'='))?;
    let left = line.get(..end)?.trim_ascii();
    let is_name =
        |part: &[u8]| !part.is_empty() && part.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'@'));
    left.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).all(is_name).then_some(left)
}

/// The texts in quotes, and the numbers, that functions of these names are given first.
pub(in crate::plan::verdict) fn given_to<'t>(text: &'t [u8], function: &'static [u8]) -> impl Iterator<Item = &'t [u8]> {
    let calls =
        text.windows(function.len()).enumerate().filter(move |(_, window)| *window == function).map(move |(at, _)| at + function.len());
    calls.filter_map(|at| {
        let rest = text.get(at..)?;
        let rest = rest.strip_prefix(b"(").unwrap_or(rest).trim_ascii_start();
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits > 0 {
            return rest.get(..digits);
        }
        let quote = *rest.first().filter(|byte| matches!(byte, b'"' | b'\''))?;
        let inner = rest.get(1..)?;
        inner.get(..inner.iter().take(256).position(|byte| *byte == quote)?)
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

/// Whether a line has nothing but names in quotes, as `__all__` has.
fn is_list(line: &[u8]) -> bool {
    line.iter().all(|byte| byte.is_ascii_alphanumeric() || b"_'\", ()[]=+".contains(byte))
}

/// Whether a module of Python has a name for whoever takes all of its names: one that it defines outside of functions and classes, or imports.
pub(in crate::plan::verdict) fn offers(text: &[u8], name: &[u8]) -> bool {
    if text.starts_with(crate::format::elf::MAGIC) {
        return names(text, name);
    }
    text.split(|byte| *byte == b'\n').filter(|line| names(line, name)).any(|line| {
        let is = |start: &[u8]| line.strip_prefix(start).is_some_and(|rest| word(rest, b"") == name);
        // `a = b = value` gives it to both.
        let left = line.get(..line.iter().rposition(|byte| *byte == b'=').unwrap_or(0)).unwrap_or_default();
        let given = names(left, name) && !left.contains(&b'(') && !left.starts_with(b" ");
        is(b"def ") || is(b"async def ") || is(b"class ") || given || names(line, b"import") || (is_quoted(line, name) && is_list(line))
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
        let list = line.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b',' | b' ' | b')' | b'(' | b'\\'));
        let mut ends = [line.iter().position(|byte| *byte == b'='), line.iter().rposition(|byte| *byte == b'=')].into_iter().flatten();
        // `a = b = value` gives it to both.
        let given = ends.any(|end| line.get(..end).is_some_and(|left| names(left, name) && !left.contains(&b'(')));
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
