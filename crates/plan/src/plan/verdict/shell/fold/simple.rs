//! One command, and what is known after it.

use super::super::lexer::Token;
use super::super::value::assignment;
use super::super::{Part, Word};
use super::state::{State, Value, names_set, names_set_inside};
use super::test::{Piece, holds, holds_extended};
use super::{Done, Flow, Folder, Given, Item, Stop, UNKNOWN, Walked};

/// Commands of the shell itself that set no variable and touch no file.
const HARMLESS: [&[u8]; 19] = [
    b"echo",
    b"printf",
    b"umask",
    b"ulimit",
    b"shopt",
    b"trap",
    b"hash",
    b"type",
    b"wait",
    b"jobs",
    b"kill",
    b"times",
    b"break",
    b"continue",
    b"pwd",
    b"id",
    b"dirname",
    b"basename",
    b"command",
];

impl Folder<'_, '_> {
    /// A command with its words and redirections.
    pub(super) fn simple(&mut self, state: &mut State, out: &mut Vec<Item>) -> Walked<Done> {
        let start = self.at;
        let mut words: Vec<&Word> = Vec::new();
        let mut pieces: Vec<Piece<'_>> = Vec::new();
        while let Some(token) = self.tokens.get(self.at) {
            let inside = words.first().is_some_and(|word| word.is(b"[["));
            let open = inside && !words.last().is_some_and(|word| word.is(b"]]"));
            match token {
                Token::Word(word) => {
                    words.push(word);
                    pieces.push(Piece::Word(word));
                }
                Token::Redirect(..) | Token::Document(_) => {}
                Token::Operator(operator) if open => pieces.push(Piece::Operator(operator)),
                Token::Operator(_) => break,
            }
            self.keep(out);
        }
        if self.at == start {
            return Err(Stop);
        }
        if self.dry {
            return Ok(UNKNOWN);
        }
        let writes = |token: &Token| matches!(token, Token::Redirect(super::super::lexer::Direction::Writes, word) if word.literal() != Some(b"/dev/null"));
        if self.tokens.get(start..self.at).unwrap_or_default().iter().any(writes) {
            state.untouched = false;
        }
        self.effect(&words, &pieces, (start, self.at), state)
    }

    /// What a command leaves.
    fn effect(&mut self, words: &[&Word], pieces: &[Piece<'_>], (from, to): (usize, usize), state: &mut State) -> Walked<Done> {
        let assigned = words.iter().take_while(|word| assignment(word).is_some() || begins_element(word)).count();
        let (before, words) = words.split_at(assigned);
        let Some((first, rest)) = words.split_first() else {
            for word in before {
                assign(word, state);
            }
            return Ok(UNKNOWN);
        };
        state.weaken(&before.iter().filter_map(|word| assignment(word)).map(|(name, _)| name).collect::<Vec<_>>());
        let Some(name) = first.literal().map(<[u8]>::to_vec) else {
            // `$flag && …`
            match state.value(first).as_deref().filter(|_| rest.is_empty()) {
                Some(b"true") => return Ok(Done { value: Some(true), flow: Flow::Goes }),
                Some(b"false") => return Ok(Done { value: Some(false), flow: Flow::Goes }),
                _ => {}
            }
            // What it is may be known all the same, but not what it does.
            state.untouched = false;
            let all: Vec<_> = self.functions.iter().flat_map(|function| function.sets.clone()).collect();
            state.weaken(&all);
            return Ok(UNKNOWN);
        };
        let named: Vec<usize> = rest.iter().filter_map(|word| self.function_of(word.literal()?)).collect();
        for number in named {
            let sets = self.functions.get(number).map(|function| function.sets.clone()).unwrap_or_default();
            state.make_volatile(sets);
        }
        if let Some(number) = self.function_of(&name) {
            let given = given_by(rest, state);
            let flow = self.call(number, given, state)?;
            return Ok(Done { value: None, flow });
        }
        let value = match name.as_slice() {
            b"[" => match rest.split_last() {
                Some((last, rest)) if last.literal() == Some(b"]") => holds(rest, state, self.known, 0),
                _ => None,
            },
            b"test" => holds(rest, state, self.known, 0),
            b"[[" => {
                let inner = pieces.get(assigned + 1..pieces.len().saturating_sub(1)).unwrap_or_default();
                holds_extended(inner, state, self.known)
            }
            b"true" | b":" => Some(true),
            b"false" => Some(false),
            _ => None,
        };
        let flow = self.leaves(&name, rest, (from, to), state);
        Ok(Done { value, flow })
    }

    fn leaves(&mut self, name: &[u8], rest: &[&Word], (from, to): (usize, usize), state: &mut State) -> Flow {
        match name {
            b"[" | b"test" | b"[[" | b"true" | b":" | b"false" => {}
            b"exit" => return Flow::Ends,
            b"return" if !self.locals.is_empty() => return Flow::Returns,
            b"exec" => {
                let known = rest.first().is_some_and(|word| is_something(word, state));
                state.untouched = false;
                return if known { Flow::Ends } else { Flow::Goes };
            }
            b"export" | b"readonly" | b"local" | b"declare" | b"typeset" => {
                for word in rest.iter().filter(|word| !word.literal().is_some_and(|text| text.starts_with(b"-"))) {
                    let is_local = name != b"export" && name != b"readonly";
                    let own = assignment(word).map(|(name, _)| name).or_else(|| word.literal().map(<[u8]>::to_vec));
                    match (own, self.locals.last_mut()) {
                        (Some(own), Some(locals)) if is_local => drop(locals.insert(own)),
                        (None, _) => state.forget(),
                        _ => {}
                    }
                    if assignment(word).is_some() || begins_element(word) {
                        assign(word, state);
                    } else if is_local {
                        state.weaken(&word.literal().map(<[u8]>::to_vec));
                    }
                }
            }
            b"unset" => {
                for word in rest {
                    match word.literal() {
                        Some(text) if text.starts_with(b"-") => {}
                        Some(text) => state.set(text, Value::Unset),
                        None => state.forget(),
                    }
                }
            }
            b"set" => {
                if let Some(given) = set_to(rest, state) {
                    state.given = given;
                }
            }
            b"shift" => {
                let count = match rest.first() {
                    None => Some(1),
                    Some(word) => state.value(word).and_then(|text| std::str::from_utf8(&text).ok()?.parse::<usize>().ok()),
                };
                match count {
                    Some(count) if count <= state.given.words.len() => drop(state.given.words.drain(..count)),
                    _ => state.given = Given::default(),
                }
            }
            b"read" | b"mapfile" | b"readarray" | b"getopts" | b"let" => {
                if rest.iter().any(|word| word.literal().is_none()) {
                    state.forget();
                }
                state.weaken(&names_set(self.tokens.get(from..to).unwrap_or_default()));
            }
            b"printf" => state.weaken(&names_set(self.tokens.get(from..to).unwrap_or_default())),
            b"eval" | b"alias" | b"enable" | b"coproc" => {
                state.forget();
                state.given = Given::default();
                state.untouched = false;
            }
            b"." | b"source" => self.reads(rest, state),
            b"cd" | b"pushd" | b"popd" => state.place = None,
            b"command" | b"builtin" if rest.first().and_then(|word| word.literal()) != Some(b"-v") => {
                state.forget();
                state.untouched = false;
            }
            name if HARMLESS.contains(&name) => {}
            _ => state.untouched = false,
        }
        Flow::Goes
    }

    /// `. FILE`
    fn reads(&mut self, words: &[&Word], state: &mut State) {
        state.untouched = false;
        let texts = words.first().and_then(|word| match state.value(word) {
            Some(path) => (self.known.text)(&path).map(|text| vec![text]),
            // Of `"$DIRECTORY/NAME"` the end is known.
            None => match word.parts.last() {
                Some(Part::Text(end)) if end.starts_with(b"/") && end.len() > 2 => (self.known.ending)(end),
                _ => None,
            },
        });
        let Some(texts) = texts else {
            state.forget();
            state.given = Given::default();
            return;
        };
        for text in texts {
            let tokens = super::super::lexer::Lexer::new(&text).tokens();
            let reads = |name: &[u8]| text.windows(name.len()).any(|window| window == name);
            match tokens {
                Ok(tokens) if !reads(b"eval") && !reads(b"source ") && !reads(b"\n. ") => {
                    // Functions in it may be called at any time.
                    let mut sets = names_set(&tokens);
                    sets.extend(names_set_inside(&text));
                    state.make_volatile(sets);
                    let changes = [&b"set"[..], b"shift"];
                    let words = tokens.windows(2).any(|pair| match pair {
                        [Token::Word(name), Token::Word(word)] => {
                            changes.iter().any(|change| name.is(change)) && !word.literal().is_some_and(is_option)
                        }
                        [Token::Word(name), _] => name.is(b"shift"),
                        _ => false,
                    });
                    if words {
                        state.given = Given::default();
                    }
                }
                _ => {
                    state.forget();
                    state.given = Given::default();
                }
            }
        }
    }
}

/// Whether a word is a command for certain, so that `exec` does not come back.
fn is_something(word: &Word, state: &State) -> bool {
    if matches!(word.parts.as_slice(), [Part::Variable(name, None)] if name == b"@") {
        return state.given.words.first().is_some_and(|word| !word.is_empty());
    }
    let text = word.parts.iter().any(|part| matches!(part, Part::Text(text) if !text.is_empty()));
    (text || state.value(word).is_some_and(|value| !value.is_empty())) && !word.literal().is_some_and(|text| text.starts_with(b"-"))
}

/// `NAME=WORD`
fn assign(word: &Word, state: &mut State) {
    let Some((name, value)) = assignment(word) else {
        let start = word.parts.first().map(|part| if let Part::Text(text) = part { text.clone() } else { Vec::new() });
        let name = start.unwrap_or_default().split(|byte| *byte == b'[').next().unwrap_or_default().to_vec();
        return state.set(&name, Value::Unknown);
    };
    let known = state.value(&value).map_or(Value::Unknown, Value::Known);
    let runs = value.parts.iter().any(|part| matches!(part, Part::Output(_) | Part::Dynamic)) && known == Value::Unknown;
    state.untouched &= !runs;
    state.set(&name, known);
}

/// What a function or a script is given by these words.
fn given_by(words: &[&Word], state: &State) -> Given {
    let mut given = Given { words: Vec::new(), whole: true };
    for word in words {
        if matches!(word.parts.as_slice(), [Part::Variable(name, None)] if name == b"@" || name == b"*") {
            given.words.extend(state.given.words.iter().cloned());
            if state.given.whole && (word.quoted || state.given.words.iter().all(|word| is_one(word))) {
                continue;
            }
            given.whole = false;
            return given;
        }
        let Some(value) = state.value(word).filter(|value| word.quoted || word.literal().is_some() || is_one(value)) else {
            given.whole = false;
            return given;
        };
        given.words.push(value);
    }
    given
}

/// `set -- WORDS`; none if it sets no words.
fn set_to(words: &[&Word], state: &State) -> Option<Given> {
    if let Some(at) = words.iter().position(|word| word.literal() == Some(b"--")) {
        return Some(given_by(words.get(at + 1..).unwrap_or_default(), state));
    }
    // Options, and names of options.
    let option = |word: &&&Word| word.literal().is_some_and(|text| text.starts_with(b"-") || text.starts_with(b"+"));
    let named = words.iter().filter(option).any(|word| word.literal().is_some_and(|text| text.ends_with(b"o")));
    let others = words.iter().filter(|word| !option(word)).count();
    (others > usize::from(named)).then(Given::default)
}

/// `-e`, `+x`, but not `--`
fn is_option(text: &[u8]) -> bool {
    (text.starts_with(b"-") || text.starts_with(b"+")) && text != b"--" && text != b"-"
}

/// `NAME[WORD]=WORD`
fn begins_element(word: &Word) -> bool {
    super::super::element(word).is_some()
}

/// Whether a value is one word, and no pattern.
fn is_one(value: &[u8]) -> bool {
    !value.is_empty() && !value.iter().any(|byte| byte.is_ascii_whitespace() || matches!(byte, b'*' | b'?' | b'['))
}
