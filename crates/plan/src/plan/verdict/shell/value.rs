//! What words may mean.

use std::collections::{BTreeMap, BTreeSet};

use super::{Cut, Part, Script, Word, dialect};

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

/// `NAME[WORD]=WORD`: what the array has from then on is not known.
pub(in crate::plan::verdict) fn element(word: &Word) -> Option<(Vec<u8>, Word)> {
    let Some(Part::Text(text)) = word.parts.first() else { return None };
    let end = text.iter().position(|byte| *byte == b'[').unwrap_or(text.len());
    let name = text.get(..end).filter(|name| dialect::is_name(name))?;
    let ends = |text: &[u8]| text.windows(2).any(|pair| pair == b"]=") || text.windows(3).any(|three| three == b"]+=");
    let closed = match word.parts.get(1) {
        // The whole of what is in the brackets.
        Some(Part::Pattern(signs)) if end == text.len() && signs.starts_with(b"[") => {
            matches!(word.parts.get(2), Some(Part::Text(rest)) if rest.starts_with(b"=") || rest.starts_with(b"+="))
        }
        _ => end < text.len() && word.parts.iter().any(|part| matches!(part, Part::Text(text) if ends(text))),
    };
    // What its words run is run all the same.
    let value = std::iter::once(Part::Dynamic).chain(word.parts.iter().skip(1).cloned()).collect();
    closed.then(|| (name.to_vec(), Word { parts: value, quoted: true }))
}

/// What variables may hold: none for what is only known when the script runs. What a shell replaces by a look at its base has the name that
/// scripts give it: `~USER`, `command -v NAME` and `which NAME`.
pub(in crate::plan::verdict) type Variables = BTreeMap<Vec<u8>, Option<BTreeSet<Vec<u8>>>>;

/// The most values that a word may have before it counts as unknown.
pub(in crate::plan::verdict) const MOST_VALUES: usize = 64;

/// Longer values are not taken apart.
const LONGEST: usize = 4096;

/// The values that a word may have; none if some are not known.
pub(in crate::plan::verdict) fn values(word: &Word, variables: &Variables) -> Option<Vec<Vec<u8>>> {
    let mut values = vec![Vec::new()];
    for part in &word.parts {
        let more: Vec<Vec<u8>> = match part {
            Part::Text(text) => vec![text.clone()],
            Part::Variable(name, default) => match (variables.get(name), default) {
                // What is empty is replaced as well.
                (Some(Some(known)), Some(default)) => {
                    known.iter().map(|value| if value.is_empty() { default } else { value }).cloned().collect()
                }
                (Some(Some(known)), None) => known.iter().cloned().collect(),
                // Nobody has this name.
                (None, _) if name.starts_with(b"~") => vec![name.clone()],
                (None, Some(default)) => vec![default.clone()],
                // What nobody sets is empty.
                (None, None) if name.first().is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_') => vec![Vec::new()],
                (Some(None), _) | (None, None) => return None,
            },
            Part::Cut(name, cut) => {
                let pattern = cut.pattern(variables)?;
                let known = match variables.get(name) {
                    Some(known) => known.as_ref()?.iter().cloned().collect(),
                    // What nobody sets is empty.
                    None => vec![Vec::new()],
                };
                if known.iter().any(|value| value.len() > LONGEST) || pattern.len() > LONGEST {
                    return None;
                }
                known.iter().map(|value| cut.of(value, &pattern)).collect()
            }
            Part::Slice(name, from, length) => {
                let known = match variables.get(name) {
                    Some(known) => known.as_ref()?.iter().cloned().collect(),
                    None => vec![Vec::new()],
                };
                // A shell counts letters, not bytes.
                if !known.iter().all(|value: &Vec<u8>| value.is_ascii()) {
                    return None;
                }
                known.iter().map(|value| value.iter().skip(*from).take(*length).copied().collect()).collect()
            }
            Part::Output(inner) => evaluate(inner, variables).or_else(|| each(inner, variables))?,
            Part::Dynamic | Part::Pattern(_) | Part::All(..) | Part::List(_) => return None,
        };
        values = values.iter().flat_map(|start| more.iter().map(move |end| [start.as_slice(), end].concat())).collect();
        if values.len() > MOST_VALUES {
            return None;
        }
    }
    Some(values)
}

impl Cut {
    /// The variables in the pattern.
    pub(super) fn names(&self) -> impl Iterator<Item = &[u8]> {
        self.pattern.iter().filter_map(|part| match part {
            Part::Variable(name, _) | Part::Cut(name, _) | Part::Slice(name, ..) => Some(name.as_slice()),
            _ => None,
        })
    }

    /// The bytes of the pattern, and whether each is a sign.
    fn pattern(&self, variables: &Variables) -> Option<Vec<(u8, bool)>> {
        let mut pattern = Vec::new();
        for part in &self.pattern {
            match part {
                Part::Pattern(signs) => pattern.extend(signs.iter().map(|byte| (*byte, true))),
                part => {
                    let mut known = values(&Word::of(part.clone()), variables).filter(|known| known.len() == 1)?;
                    let value = known.pop()?;
                    // Without quotes the signs in it would count.
                    if !matches!(part, Part::Text(_)) && value.iter().any(|byte| matches!(byte, b'*' | b'?' | b'[')) {
                        return None;
                    }
                    pattern.extend(value.into_iter().map(|byte| (byte, false)));
                }
            }
        }
        Some(pattern)
    }

    /// What it leaves of a value.
    fn of(&self, value: &[u8], pattern: &[(u8, bool)]) -> Vec<u8> {
        // An end is the start of the text that is turned around.
        let turned = |text: &[u8]| text.iter().rev().copied().collect::<Vec<u8>>();
        let (text, pattern) =
            if self.end { (turned(value), pattern.iter().rev().copied().collect()) } else { (value.to_vec(), pattern.to_vec()) };
        let fitting = fitting(&pattern, &text);
        let length = if self.most { fitting.iter().rposition(|fits| *fits) } else { fitting.iter().position(|fits| *fits) };
        let left = text.get(length.unwrap_or(0)..).unwrap_or_default();
        if self.end { turned(left) } else { left.to_vec() }
    }
}

/// Whether a text fits a pattern, whose bytes say whether they are signs of it.
pub(in crate::plan::verdict) fn fits(pattern: &[(u8, bool)], name: &[u8]) -> bool {
    fitting(pattern, name).last().copied().unwrap_or(false)
}

/// For each place in a text whether the text up to there fits a pattern.
fn fitting(pattern: &[(u8, bool)], name: &[u8]) -> Vec<bool> {
    // First for none of the pattern, then for more and more of it.
    let mut fitting: Vec<bool> = (0..=name.len()).map(|at| at == 0).collect();
    let mut at = 0;
    while let Some((byte, sign)) = pattern.get(at) {
        let set =
            if *sign && *byte == b'[' { pattern.get(at..).unwrap_or_default().iter().position(|(byte, _)| *byte == b']') } else { None };
        let mut next = vec![false; name.len() + 1];
        for position in 0..=name.len() {
            if !fitting.get(position).copied().unwrap_or(false) {
                continue;
            }
            if *sign && *byte == b'*' {
                next.iter_mut().skip(position).for_each(|place| *place = true);
                break;
            }
            let Some(letter) = name.get(position) else { continue };
            let one = match (sign, byte) {
                // Sets may mean more than they say.
                (true, b'?' | b'[') => true,
                _ => letter == byte,
            };
            if one && let Some(place) = next.get_mut(position + 1) {
                *place = true;
            }
        }
        fitting = next;
        at += set.unwrap_or(0) + 1;
    }
    fitting
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
