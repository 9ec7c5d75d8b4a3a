//! Functions of a script: what they may set, where they are called, and which are never run.

use std::collections::{BTreeMap, BTreeSet};

use super::super::lexer::Token;
use super::super::{Part, Word, assignment};
use super::state::{State, names_set};
use super::{Done, Flow, Folder, Function, Given, Item, Stop, UNKNOWN, Walked};

/// Words behind which a command begins.
const BEFORE: [&[u8]; 10] = [b"then", b"do", b"else", b"{", b"!", b"if", b"elif", b"while", b"until", b"time"];

impl Folder<'_, '_> {
    /// How often functions are called, and what they may set.
    pub(super) fn look_at_functions(&mut self) {
        let mut mentions: BTreeMap<&[u8], (usize, bool)> =
            self.functions.iter().map(|function| (function.name.as_slice(), (0, true))).collect();
        let mut inner: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); self.functions.len()];
        for (at, token) in self.tokens.iter().enumerate() {
            let Token::Word(word) = token else { continue };
            let Some(name) = word.literal() else { continue };
            let before = at.checked_sub(1).and_then(|at| self.tokens.get(at));
            let defines = self.defines(at);
            let Some((count, commands)) = mentions.get_mut(name).filter(|_| !defines) else { continue };
            *count += 1;
            *commands &= match before {
                None | Some(Token::Operator(_)) => true,
                Some(Token::Word(word)) => BEFORE.iter().any(|keyword| word.is(keyword)),
                Some(_) => false,
            };
            let called: Vec<usize> =
                (0..self.functions.len()).filter(|number| self.functions.get(*number).is_some_and(|one| one.name == name)).collect();
            for (function, inner) in
                self.functions.iter().zip(&mut inner).filter(|(function, _)| (function.from..function.to).contains(&at))
            {
                let _: &Function = function;
                inner.extend(&called);
            }
        }
        let once: Vec<bool> = self
            .functions
            .iter()
            .map(|function| {
                let defined = self.functions.iter().filter(|other| other.name == function.name).count();
                defined == 1 && mentions.get(function.name.as_slice()) == Some(&(1, true))
            })
            .collect();
        let mentions_of: BTreeMap<Vec<u8>, usize> = mentions.iter().map(|(name, (count, _))| (name.to_vec(), *count)).collect();
        let own: Vec<BTreeSet<Vec<u8>>> =
            self.functions.iter().map(|function| names_set(self.tokens.get(function.from..function.to).unwrap_or_default())).collect();
        for (number, once) in once.into_iter().enumerate() {
            let (mut seen, mut waiting) = (BTreeSet::from([number]), vec![number]);
            let mut sets = BTreeSet::new();
            while let Some(next) = waiting.pop() {
                sets.extend(own.get(next).into_iter().flatten().cloned());
                waiting.extend(inner.get(next).into_iter().flatten().filter(|other| seen.insert(**other)));
            }
            let named = self.functions.get(number).is_some_and(|function| mentions_of.get(&function.name).is_some_and(|count| *count > 0));
            if let Some(function) = self.functions.get_mut(number) {
                (function.sets, function.once, function.named) = (sets, once, named);
            }
        }
    }

    /// Whether the word here is the name of a function that is defined.
    fn defines(&self, at: usize) -> bool {
        let before = at.checked_sub(1).and_then(|at| self.tokens.get(at));
        matches!(before, Some(Token::Word(word)) if word.is(b"function"))
            || matches!(self.tokens.get(at + 1..at + 3), Some([Token::Operator("("), Token::Operator(")")]))
    }

    /// The functions that something names which may be run; none if that is not known.
    pub(super) fn live(&self, items: &[Item]) -> Option<BTreeSet<usize>> {
        const READING: [&[u8]; 4] = [b".", b"source", b"eval", b"trap"];
        let mut live = BTreeSet::new();
        let mut waiting: Vec<Vec<Item>> = vec![items.to_vec()];
        while let Some(items) = waiting.pop() {
            let tokens = items.iter().filter_map(|item| match item {
                Item::Old(number) if !self.defines(*number) => self.tokens.get(*number),
                _ => None,
            });
            let mut begins = true;
            for token in tokens {
                let (Token::Word(word) | Token::Document(word) | Token::Redirect(_, word)) = token else {
                    begins = true;
                    continue;
                };
                // What others read may call any of them, and a name may be made of several parts.
                let made = word.parts.len() > 1 && word.parts.iter().any(|part| !matches!(part, Part::Text(_)));
                let assigns = begins && assignment(word).is_some();
                if (begins && word.literal().is_some_and(|name| READING.contains(&name)))
                    || (begins && made && !assigns && !word.parts.iter().any(is_slash))
                {
                    return None;
                }
                begins &= assigns || BEFORE.iter().any(|keyword| word.is(keyword));
                for (number, function) in self.functions.iter().enumerate() {
                    if mentions(word, &function.name) && live.insert(number) {
                        let raw = || (function.from..function.to).map(Item::Old).collect();
                        waiting.push(function.body.clone().unwrap_or_else(raw));
                    }
                }
            }
        }
        let given = |function: &Function| self.known.given.words.contains(&function.name);
        live.extend(self.functions.iter().enumerate().filter(|(_, function)| given(function)).map(|(number, _)| number));
        // Those that nothing ever named may be there for others.
        live.extend(self.functions.iter().enumerate().filter(|(_, function)| !function.named).map(|(number, _)| number));
        Some(live)
    }

    /// The definition of a function, whose body is worked out where it is called.
    pub(super) fn function(&mut self, out: &mut Vec<Item>) -> Walked<Done> {
        if self.plain() == b"function" {
            self.keep(out);
        }
        let name = self.plain().to_vec();
        self.keep(out);
        if self.operator() == "(" {
            self.keep(out);
            self.keep(out);
        }
        while self.operator() == "\n" {
            self.at += 1;
        }
        let from = self.at;
        if let Some(number) = self.functions.iter().position(|function| function.from == from) {
            self.at = self.functions.get(number).map_or(from, |function| function.to);
            if !self.dry {
                out.push(Item::Body(number));
            }
            return Ok(UNKNOWN);
        }
        self.pass(Self::command)?;
        let to = self.at;
        self.functions.push(Function { name, from, to, sets: BTreeSet::new(), once: false, named: true, body: None });
        Ok(UNKNOWN)
    }

    /// Follows a function where it is called, if that is the only place; gives how it leaves the script.
    pub(super) fn call(&mut self, number: usize, given: Given, state: &mut State) -> Walked<Flow> {
        let Some(function) = self.functions.get(number).cloned() else { return Err(Stop) };
        if !function.once || self.loops > 0 || function.body.is_some() {
            state.weaken(&function.sets);
            state.untouched = false;
            return Ok(Flow::Goes);
        }
        let outer = std::mem::replace(&mut state.given, given);
        let at = std::mem::replace(&mut self.at, function.from);
        self.locals.push(BTreeSet::new());
        let mut body = Vec::new();
        let done = self.command(state, &mut body)?;
        let ended = std::mem::replace(&mut self.at, at);
        if ended != function.to {
            return Err(Stop);
        }
        state.weaken(&self.locals.pop().unwrap_or_default());
        state.given = outer;
        if let Some(function) = self.functions.get_mut(number) {
            function.body = Some(body);
        }
        Ok(if done.flow == Flow::Ends { Flow::Ends } else { Flow::Goes })
    }
}

/// Whether a word names one of these functions anywhere in it.
fn mentions(word: &Word, name: &[u8]) -> bool {
    let part_of = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    let has = |text: &[u8]| {
        let alone = |at: usize| !part_of(at.checked_sub(1).and_then(|at| text.get(at))) && !part_of(text.get(at + name.len()));
        text.windows(name.len()).enumerate().any(|(at, window)| window == name && alone(at))
    };
    word.parts.iter().any(|part| match part {
        Part::Text(text) | Part::Output(text) | Part::Pattern(text) | Part::Variable(_, Some(text)) => has(text),
        Part::List(words) => words.iter().any(|word| mentions(word, name)),
        _ => false,
    })
}

fn is_slash(part: &Part) -> bool {
    matches!(part, Part::Text(text) if text.contains(&b'/'))
}
