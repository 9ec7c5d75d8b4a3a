//! What words may mean.

use std::collections::{BTreeMap, BTreeSet};

use super::{Part, Script, Word};

/// `NAME=WORD`, or `NAME+=WORD`, whose value is not known.
pub(in crate::plan::verdict) fn assignment(word: &Word) -> Option<(Vec<u8>, Word)> {
    let Some(Part::Text(text)) = word.parts.first() else { return None };
    let at = text.iter().position(|byte| *byte == b'=')?;
    let name = text.get(..at)?;
    let (name, adds) = name.strip_suffix(b"+").map_or((name, false), |name| (name, true));
    let is_name = name
        .iter()
        .enumerate()
        .all(|(position, byte)| byte.is_ascii_alphabetic() || *byte == b'_' || (position > 0 && byte.is_ascii_digit()));
    if name.is_empty() || !is_name {
        return None;
    }
    let mut value = Word { parts: Vec::new(), quoted: word.quoted };
    if adds {
        value.parts.push(Part::Dynamic);
    }
    let rest = text.get(at + 1..).unwrap_or_default();
    if !rest.is_empty() {
        value.parts.push(Part::Text(rest.to_vec()));
    }
    value.parts.extend(word.parts.iter().skip(1).cloned());
    Some((name.to_vec(), value))
}

/// What variables may hold: none for what is only known when the script runs. What a shell replaces by a look at its base has the name that
/// scripts give it: `~USER`, `command -v NAME` and `which NAME`.
pub(in crate::plan::verdict) type Variables = BTreeMap<Vec<u8>, Option<BTreeSet<Vec<u8>>>>;

/// The most values that a word may have before it counts as unknown.
pub(in crate::plan::verdict) const MOST_VALUES: usize = 64;

/// The values that a word may have; none if some are not known.
pub(in crate::plan::verdict) fn values(word: &Word, variables: &Variables) -> Option<Vec<Vec<u8>>> {
    let mut values = vec![Vec::new()];
    for part in &word.parts {
        let more: Vec<Vec<u8>> = match part {
            Part::Text(text) => vec![text.clone()],
            Part::Variable(name, default) => match (variables.get(name), default) {
                (Some(Some(known)), _) => known.iter().cloned().collect(),
                // Nobody has this name.
                (None, _) if name.starts_with(b"~") => vec![name.clone()],
                (None, Some(default)) => vec![default.clone()],
                // What nobody sets is empty.
                (None, None) if name.first().is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_') => vec![Vec::new()],
                (Some(None), _) | (None, None) => return None,
            },
            Part::Path(name, directory) => {
                let Some(Some(known)) = variables.get(name) else { return None };
                let at = |text: &[u8]| text.iter().rposition(|byte| *byte == b'/');
                let cut = |text: &Vec<u8>| match (at(text), directory) {
                    (Some(at), true) => text.get(..at).unwrap_or_default().to_vec(),
                    (Some(at), false) => text.get(at + 1..).unwrap_or_default().to_vec(),
                    (None, _) => text.clone(),
                };
                known.iter().map(cut).collect()
            }
            Part::Output(inner) => evaluate(inner, variables).or_else(|| each(inner, variables))?,
            Part::Dynamic | Part::Pattern(_) => return None,
        };
        values = values.iter().flat_map(|start| more.iter().map(move |end| [start.as_slice(), end].concat())).collect();
        if values.len() > MOST_VALUES {
            return None;
        }
    }
    Some(values)
}

/// What commands print that only take paths apart, or say where others are; none for all others.
fn evaluate(inner: &[u8], variables: &Variables) -> Option<Vec<Vec<u8>>> {
    if inner.len() > 200 {
        return None;
    }
    let script = Script::parse(inner);
    let mut directory: Option<Vec<u8>> = None;
    let mut printed: Option<Vec<Vec<u8>>> = None;
    for command in &script.commands {
        if let Some(finder) = finder(&command.words) {
            // `command -v a || command -v b`
            if printed.as_ref().is_none_or(|printed| printed.iter().all(Vec::is_empty)) {
                printed = Some(places(finder, &command.words, variables)?);
            }
            continue;
        }
        let words: Vec<Vec<u8>> =
            command.words.iter().map(|word| values(word, variables).filter(|values| values.len() == 1)?.pop()).collect::<Option<_>>()?;
        let operands: Vec<&Vec<u8>> = words.iter().skip(1).filter(|word| !word.starts_with(b"-")).collect();
        let (first, rest) = (operands.first().copied(), words.first()?.as_slice());
        let slash = |text: &[u8]| text.iter().rposition(|byte| *byte == b'/');
        let text = match rest {
            b"cd" => {
                directory = Some(normal(first?)?);
                continue;
            }
            b"pwd" => directory.clone()?,
            b"dirname" => {
                let text = first?;
                slash(text).map_or(b".".to_vec(), |at| text.get(..at.max(1)).unwrap_or_default().to_vec())
            }
            b"basename" if operands.len() == 1 => {
                let text = first?;
                slash(text).map_or(text.clone(), |at| text.get(at + 1..).unwrap_or_default().to_vec())
            }
            b"readlink" | b"realpath" => normal(first?)?,
            b"echo" if words.iter().skip(1).all(|word| !word.starts_with(b"-")) => words.get(1..)?.join(&b' '),
            b"true" | b":" => continue,
            b"eval" => return evaluate(&words.get(1..)?.join(&b' '), variables),
            _ => return None,
        };
        printed = Some(vec![text]);
    }
    printed
}

/// What commands print for each of the values of the one variable in them that has several.
fn each(inner: &[u8], variables: &Variables) -> Option<Vec<Vec<u8>>> {
    const MOST: usize = 8;
    let names = |name: &[u8]| {
        let part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
        let mut rests = inner.split(|byte| *byte == b'$').skip(1).map(|rest| rest.strip_prefix(b"{").unwrap_or(rest));
        rests.any(|rest| rest.strip_prefix(name).is_some_and(|rest| !rest.first().is_some_and(part)))
    };
    let several = |known: &&Option<BTreeSet<Vec<u8>>>| known.as_ref().is_some_and(|known| (2..=MOST).contains(&known.len()));
    let mut all = variables.iter().filter(|(name, known)| several(known) && names(name));
    let (Some((name, Some(known))), None) = (all.next(), all.next()) else { return None };
    let mut variables = variables.clone();
    let mut printed = Vec::new();
    for value in known {
        variables.insert(name.clone(), Some(BTreeSet::from([value.clone()])));
        printed.extend(evaluate(inner, &variables)?);
    }
    Some(printed)
}

/// Under what variables hold what `command -v NAME` and others that look for a command print, if it is one of them and nothing else.
fn finder(words: &[Word]) -> Option<&'static [u8]> {
    match words.iter().map(|word| word.literal().unwrap_or_default()).collect::<Vec<_>>().as_slice() {
        [b"command", b"-v", _] => Some(b"command -v "),
        [b"which", _] | [b"type", b"-p" | b"-P", _] => Some(b"which "),
        _ => None,
    }
}

/// Where the command is that is looked for, or nothing, for each of the names that it may have.
fn places(finder: &[u8], words: &[Word], variables: &Variables) -> Option<Vec<Vec<u8>>> {
    let place = |name: Vec<u8>| -> Vec<Vec<u8>> {
        let known = variables.get([finder, &name].concat().as_slice()).cloned().flatten();
        known.map_or_else(|| vec![Vec::new()], |known| known.into_iter().collect())
    };
    let names = words.last().and_then(|word| values(word, variables)).filter(|_| variables.contains_key(FINDER))?;
    Some(names.into_iter().flat_map(place).collect())
}

/// What variables hold if they hold where commands are.
pub(in crate::plan::verdict) const FINDER: &[u8] = b"command -v";

/// An absolute path without `.` and `..`.
fn normal(path: &[u8]) -> Option<Vec<u8>> {
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.strip_prefix(b"/")?.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    Some([b"/".as_slice(), &parts.join(&b'/')].concat())
}
