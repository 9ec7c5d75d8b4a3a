//! Conditions: whether they hold, if that follows from what is known.

use super::super::value::fits;
use super::super::{Part, Word};
use super::Known;
use super::state::{State, Value};

/// How deep conditions may stand in each other.
const DEEPEST: usize = 16;

/// One word of a condition: `&&` and the like are operators inside of `[[`.
#[derive(Debug, Clone)]
pub(super) enum Piece<'t> {
    Word(&'t Word),
    Operator(&'t str),
}

/// `[ WORDS ]`, without the last one, and `test WORDS`.
pub(super) fn holds(words: &[&Word], state: &State, known: &Known<'_>, depth: usize) -> Option<bool> {
    let is = |at: usize, text: &[u8]| words.get(at).and_then(|word| word.literal()) == Some(text);
    if depth > DEEPEST || words.iter().any(|word| !word.quoted && matches!(word.literal(), Some(b"(" | b")"))) {
        return None;
    }
    match words {
        [] => Some(false),
        [word] => plain(word, state).map(|value| !value.is_empty()),
        [_, word] if is(0, b"!") => plain(word, state).map(|value| value.is_empty()),
        [flag, word] => one(flag.literal()?, word, (state, known)),
        [left, sign, right] if BINARY.contains(&sign.literal().unwrap_or_default()) => {
            two(&plain(left, state)?, sign.literal()?, &plain(right, state)?)
        }
        [_, rest @ ..] if is(0, b"!") && words.len() <= 4 => holds(rest, state, known, depth + 1).map(|value| !value),
        words => {
            // `-o` binds less than `-a`.
            for (sign, stops) in [(b"-o", true), (b"-a", false)] {
                if let Some(at) = words.iter().position(|word| word.literal() == Some(sign)) {
                    let (left, right) = (words.get(..at)?, words.get(at + 1..)?);
                    let values = [left, right].map(|part| holds(part, state, known, depth + 1));
                    return either(values, stops);
                }
            }
            None
        }
    }
}

/// What two conditions give together, of which one alone may decide.
fn either([left, right]: [Option<bool>; 2], stops: bool) -> Option<bool> {
    match (left, right) {
        (Some(left), _) if left == stops => Some(stops),
        (_, Some(right)) if right == stops => Some(stops),
        (Some(_), Some(_)) => Some(!stops),
        _ => None,
    }
}

const BINARY: [&[u8]; 9] = [b"=", b"==", b"!=", b"-eq", b"-ne", b"-lt", b"-le", b"-gt", b"-ge"];

/// A word of `[`, which the shell splits where it stands in no quotes.
fn plain(word: &Word, state: &State) -> Option<Vec<u8>> {
    let value = state.value(word)?;
    let splits = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'*' | b'?' | b'[');
    let whole = word.quoted || word.literal().is_some() || !(value.is_empty() || value.iter().any(splits));
    whole.then_some(value)
}

fn one(flag: &[u8], word: &Word, (state, known): (&State, &Known<'_>)) -> Option<bool> {
    let value = plain(word, state);
    match flag {
        b"-n" => value.map(|value| !value.is_empty()),
        b"-z" => match value {
            Some(value) => Some(value.is_empty()),
            // `command -v NAME`
            None => place_of(word, state, known).map(|found| !found),
        },
        b"-v" => match state.get(&value?) {
            Value::Known(_) => Some(true),
            Value::Unset => Some(false),
            Value::Unknown => None,
        },
        b"-e" | b"-f" | b"-d" | b"-x" | b"-r" if state.untouched => {
            let path = value.filter(|path| !path.is_empty())?;
            let path = if path.starts_with(b"/") { path } else { [state.place.as_ref()?.as_slice(), &path].join(&b'/') };
            (known.file)(flag, &path)
        }
        _ => None,
    }
}

/// Whether `$(command -v NAME)` finds something that is the app's.
fn place_of(word: &Word, state: &State, known: &Known<'_>) -> Option<bool> {
    let [Part::Output(inner)] = word.parts.as_slice() else { return None };
    let script = super::super::Script::parse(inner);
    let [command] = script.commands.as_slice() else { return None };
    let [first, flag, name] = command.words.as_slice() else { return None };
    let finds = first.literal() == Some(b"command") && flag.literal() == Some(b"-v");
    let name = state.value(name).filter(|name| finds && state.untouched && !name.is_empty())?;
    (known.command)(&name)
}

fn two(left: &[u8], sign: &[u8], right: &[u8]) -> Option<bool> {
    let number = |text: &[u8]| std::str::from_utf8(text).ok()?.trim().parse::<i64>().ok();
    let order = || Some(number(left)?.cmp(&number(right)?));
    Some(match sign {
        b"=" | b"==" => left == right,
        b"!=" => left != right,
        b"-eq" => order()?.is_eq(),
        b"-ne" => order()?.is_ne(),
        b"-lt" => order()?.is_lt(),
        b"-le" => order()?.is_le(),
        b"-gt" => order()?.is_gt(),
        b"-ge" => order()?.is_ge(),
        _ => return None,
    })
}

/// The bytes of a word that is a pattern, and whether each is a sign.
pub(super) fn pattern(word: &Word, state: &State) -> Option<Vec<(u8, bool)>> {
    let mut found = Vec::new();
    for part in &word.parts {
        match part {
            // Sets may mean more than they say.
            Part::Pattern(signs) if signs.starts_with(b"[") => return None,
            Part::Pattern(signs) => found.extend(signs.iter().map(|byte| (*byte, true))),
            part => {
                let value = state.value(&Word::of(part.clone()))?;
                let signs = !word.quoted && !matches!(part, Part::Text(_)) && value.iter().any(|byte| b"*?[\\".contains(byte));
                found.extend((!signs).then_some(value)?.into_iter().map(|byte| (byte, false)));
            }
        }
    }
    Some(found)
}

/// `[[ PIECES ]]`
pub(super) fn holds_extended(pieces: &[Piece<'_>], state: &State, known: &Known<'_>) -> Option<bool> {
    let mut at = 0;
    let value = any_of(pieces, &mut at, (state, known), 0).ok().flatten();
    value.filter(|_| at == pieces.len())
}

/// It is no condition that is read here.
struct Unread;

/// Whether a condition holds, if that is known.
type Held = Result<Option<bool>, Unread>;

type Around<'a> = (&'a State, &'a Known<'a>);

fn any_of(pieces: &[Piece<'_>], at: &mut usize, around: Around<'_>, depth: usize) -> Held {
    let mut value = all_of(pieces, at, around, depth)?;
    while matches!(pieces.get(*at), Some(Piece::Operator("||"))) {
        *at += 1;
        value = either([value, all_of(pieces, at, around, depth)?], true);
    }
    Ok(value)
}

fn all_of(pieces: &[Piece<'_>], at: &mut usize, around: Around<'_>, depth: usize) -> Held {
    let mut value = single(pieces, at, around, depth)?;
    while matches!(pieces.get(*at), Some(Piece::Operator("&&"))) {
        *at += 1;
        value = either([value, single(pieces, at, around, depth)?], false);
    }
    Ok(value)
}

/// One condition; nothing at all if it is not read.
fn single(pieces: &[Piece<'_>], at: &mut usize, (state, known): Around<'_>, depth: usize) -> Held {
    if depth > DEEPEST {
        return Err(Unread);
    }
    if matches!(pieces.get(*at), Some(Piece::Operator("("))) {
        *at += 1;
        let value = any_of(pieces, at, (state, known), depth + 1)?;
        if !matches!(pieces.get(*at), Some(Piece::Operator(")"))) {
            return Err(Unread);
        }
        *at += 1;
        return Ok(value);
    }
    let word = |at: usize| match pieces.get(at) {
        Some(Piece::Word(word)) => Some(*word),
        _ => None,
    };
    let first = word(*at).ok_or(Unread)?;
    if !first.quoted && first.literal() == Some(b"!") {
        *at += 1;
        return Ok(single(pieces, at, (state, known), depth + 1)?.map(|value| !value));
    }
    let sign = word(*at + 1).and_then(Word::literal);
    if let Some(sign) = sign.filter(|sign| BINARY.contains(sign) || *sign == b"=~") {
        let right = word(*at + 2).ok_or(Unread)?;
        *at += 3;
        let left = state.value(first);
        return Ok(match sign {
            b"=~" => None,
            b"=" | b"==" | b"!=" => match (left, pattern(right, state)) {
                (Some(left), Some(pattern)) => Some(fits(&pattern, &left) == (sign != b"!=")),
                _ => None,
            },
            sign => left.zip(state.value(right)).and_then(|(left, right)| two(&left, sign, &right)),
        });
    }
    let flag = first.literal().filter(|flag| flag.starts_with(b"-") && flag.len() == 2);
    if let (Some(flag), Some(operand)) = (flag, word(*at + 1)) {
        *at += 2;
        // Nothing is split here.
        let operand = Word { parts: operand.parts.clone(), quoted: true };
        return Ok(one(flag, &operand, (state, known)));
    }
    *at += 1;
    Ok(state.value(first).map(|value| !value.is_empty()))
}
