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

/// What variables may hold: none for what is only known when the script runs.
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
            Part::Output(inner) => vec![evaluate(inner, variables)?],
            Part::Dynamic | Part::Pattern(_) => return None,
        };
        values = values.iter().flat_map(|start| more.iter().map(move |end| [start.as_slice(), end].concat())).collect();
        if values.len() > MOST_VALUES {
            return None;
        }
    }
    Some(values)
}

/// What commands print that only take paths apart; none for all others.
fn evaluate(inner: &[u8], variables: &Variables) -> Option<Vec<u8>> {
    if inner.len() > 200 {
        return None;
    }
    let script = Script::parse(inner);
    let mut directory: Option<Vec<u8>> = None;
    let mut printed = None;
    for command in &script.commands {
        let words: Vec<Vec<u8>> =
            command.words.iter().map(|word| values(word, variables).filter(|values| values.len() == 1)?.pop()).collect::<Option<_>>()?;
        let operands: Vec<&Vec<u8>> = words.iter().skip(1).filter(|word| !word.starts_with(b"-")).collect();
        let (first, rest) = (operands.first().copied(), words.first()?.as_slice());
        let slash = |text: &[u8]| text.iter().rposition(|byte| *byte == b'/');
        match rest {
            b"cd" => directory = Some(normal(first?)?),
            b"pwd" => printed = Some(directory.clone()?),
            b"dirname" => {
                let text = first?;
                printed = Some(slash(text).map_or(b".".to_vec(), |at| text.get(..at.max(1)).unwrap_or_default().to_vec()));
            }
            b"basename" if operands.len() == 1 => {
                let text = first?;
                printed = Some(slash(text).map_or(text.clone(), |at| text.get(at + 1..).unwrap_or_default().to_vec()));
            }
            b"readlink" | b"realpath" => printed = Some(normal(first?)?),
            b"echo" if words.iter().skip(1).all(|word| !word.starts_with(b"-")) => {
                printed = Some(words.get(1..)?.join(&b' '));
            }
            _ => return None,
        }
    }
    printed
}

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
