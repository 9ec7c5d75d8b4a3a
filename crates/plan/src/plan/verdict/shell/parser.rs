//! Reads commands from words and operators.

use std::collections::BTreeMap;

use super::dialect::{self, Construct, Failure};
use super::lexer::Token;
use super::{Command, Met, Part, Script, Word, assignment, element};

/// Where a command stands.
#[derive(Debug, Clone, Default)]
struct Place {
    condition: bool,
    conditional: bool,
    function: Option<Vec<u8>>,
}

impl Place {
    fn command(&self) -> Command {
        Command { guarded: self.condition, conditional: self.conditional, function: self.function.clone(), ..Command::default() }
    }
}

/// Reads commands from tokens. Lists give the numbers of the commands whose results are theirs.
pub(super) struct Parser<'t> {
    tokens: &'t [Token],
    at: usize,
    script: Script,
    /// The commands that give functions their results.
    results: Vec<(Vec<u8>, Vec<usize>)>,
    depth: usize,
    /// What depends on the shell, by the token that it begins with, and whether a shell that lacks it gets there.
    met: Vec<(usize, Construct, bool)>,
    /// And by the command that it is in, with whether the shell itself runs it, in any case.
    placed: Vec<(usize, Construct, bool)>,
}

/// How deep commands may stand in each other.
const DEEPEST: usize = 64;

impl<'t> Parser<'t> {
    /// One of these tokens, in which the lexer met something that depends on the shell.
    pub(super) fn new(tokens: &'t [Token], met: Vec<(usize, Construct, bool)>, strict: bool) -> Self {
        Self { tokens, at: 0, script: Script { strict, ..Script::default() }, depth: 0, met, placed: Vec::new(), results: Vec::new() }
    }

    /// The whole script.
    pub(super) fn script(mut self) -> Script {
        let mut last = Vec::new();
        while self.at < self.tokens.len() {
            let start = self.at;
            last = self.list(&Place::default());
            // A word that closes nothing.
            if self.at == start {
                self.at += 1;
            }
        }
        self.script.end_with(&last);
        self.settle();
        self.script
    }

    /// What is certain of everything that depends on the shell.
    fn settle(&mut self) {
        let ends = |command: &Command| {
            let name = command.words.first().and_then(Word::literal);
            matches!(name, Some(b"exit" | b"exec" | b"return"))
        };
        let end = self.script.commands.iter().position(ends).unwrap_or(usize::MAX);
        self.script.commands.iter_mut().skip(end.saturating_add(1)).for_each(|command| command.late = true);
        for (number, construct, alone) in std::mem::take(&mut self.placed) {
            let reached = number <= end;
            let certain = match (construct.failure, self.script.commands.get(number)) {
                (Failure::End, _) => alone && reached,
                (Failure::Command, Some(command)) => alone && reached && command.is_needed(),
                _ => false,
            };
            self.script.met.push(Met { construct, certain });
        }
        for (_, construct, reached) in std::mem::take(&mut self.met) {
            let certain = construct.failure == Failure::Syntax && reached;
            self.script.met.push(Met { construct, certain });
        }
        self.guard_functions();
        // What stands behind it is never run.
        if self.script.commands.get(end).is_some_and(Command::ends_all) {
            self.script.commands.truncate(end + 1);
        }
    }

    /// Whoever calls a function with its failure expected expects that of all that is in it.
    fn guard_functions(&mut self) {
        let mut calls: BTreeMap<Vec<u8>, bool> = BTreeMap::new();
        let mut deciding: BTreeMap<Vec<u8>, bool> = BTreeMap::new();
        for command in &self.script.commands {
            if let Some(name) = command.words.first().and_then(Word::literal).filter(|name| self.script.functions.contains(*name)) {
                *calls.entry(name.to_vec()).or_insert(true) &= command.guarded || command.conditional;
                *deciding.entry(name.to_vec()).or_insert(false) |= command.decides_end;
            }
        }
        for command in &mut self.script.commands {
            let guarded = command.function.as_ref().and_then(|function| calls.get(function));
            command.guarded |= guarded.copied().unwrap_or(false);
        }
        // Its result decides what its callers let it decide.
        for (name, last) in std::mem::take(&mut self.results) {
            for number in last.iter().filter(|_| deciding.get(&name) == Some(&false)) {
                if let Some(command) = self.script.commands.get_mut(*number) {
                    command.decides_end = false;
                }
            }
        }
    }

    /// Moves what begins with these tokens to a command.
    fn place(&mut self, tokens: std::ops::Range<usize>, number: usize, alone: bool) {
        let inside = |(token, construct, _): &(usize, Construct, bool)| tokens.contains(token) && construct.failure != Failure::Syntax;
        let (here, elsewhere) = self.met.iter().partition(|met| inside(met));
        self.met = elsewhere;
        let here: Vec<(usize, Construct, bool)> = here;
        self.placed.extend(here.into_iter().map(|(_, construct, reached)| (number, construct, alone && reached)));
    }

    /// Whether the script may have ended before.
    fn has_ended(&self) -> bool {
        let before = self.tokens.get(..self.at).unwrap_or_default();
        before.iter().any(|token| matches!(token, Token::Word(word) if [&b"exit"[..], b"exec", b"return"].iter().any(|name| word.is(name))))
    }

    /// What is in commands from a number on runs in another process, or beside the script.
    fn set_apart(&mut self, from: usize) {
        self.script.commands.iter_mut().skip(from).for_each(|command| command.apart = true);
        for (number, _, alone) in &mut self.placed {
            *alone &= *number < from;
        }
    }

    /// Commands from a number on may read something else than the script does.
    fn feed(&mut self, from: usize) {
        self.script.commands.iter_mut().skip(from).for_each(|command| command.fed = true);
    }

    fn operator(&self) -> &'static str {
        match self.tokens.get(self.at) {
            Some(Token::Operator(operator)) => operator,
            _ => "",
        }
    }

    /// The word here, if it is one that is written without quotes.
    fn plain(&self) -> &[u8] {
        match self.tokens.get(self.at) {
            Some(Token::Word(word)) if !word.quoted => word.literal().unwrap_or_default(),
            _ => b"",
        }
    }

    fn take(&mut self, text: &[u8]) -> bool {
        let taken = self.plain() == text;
        self.at += usize::from(taken);
        taken
    }

    fn blank(&mut self) {
        while matches!(self.operator(), "\n" | ";") {
            self.at += 1;
        }
    }

    fn list(&mut self, place: &Place) -> Vec<usize> {
        let mut last = Vec::new();
        if self.depth > DEEPEST {
            self.script.unclear = Some("commands that stand too deep in each other");
            self.at = self.tokens.len();
            return last;
        }
        self.depth += 1;
        loop {
            while matches!(self.operator(), "\n" | ";" | "&") {
                self.at += 1;
            }
            let closes = matches!(self.plain(), b"then" | b"do" | b"done" | b"fi" | b"else" | b"elif" | b"esac" | b"}");
            if self.at >= self.tokens.len() || closes || matches!(self.operator(), ")" | ";;" | ";&" | ";;&") {
                break;
            }
            let (start, from) = (self.at, self.script.commands.len());
            last = self.chain(place);
            if self.operator() == "&" {
                self.set_apart(from);
                // Nobody has its result.
                self.script.commands.iter_mut().skip(from).for_each(|command| command.guarded = true);
            }
            if self.at == start {
                self.at += 1;
            }
        }
        self.depth -= 1;
        last
    }

    /// Commands with `&&` and `||` between them.
    fn chain(&mut self, place: &Place) -> Vec<usize> {
        let mut place = place.clone();
        let mut before: Vec<usize> = Vec::new();
        let mut from = self.script.commands.len();
        let mut last = self.pipeline(&place);
        while matches!(self.operator(), "&&" | "||") {
            let or = self.operator() == "||";
            self.at += 1;
            self.blank();
            let middle = self.script.commands.len();
            let tested = self.script.commands.get(from..middle).unwrap_or_default().iter().any(Command::is_test);
            place.conditional |= or || tested;
            let next = self.pipeline(&place);
            self.set_apart(middle);
            let fails = self.fails(middle);
            for command in self.script.commands.get_mut(from..middle).unwrap_or_default() {
                command.guarded |= or;
                command.leads |= !or;
                // What fails before `&&` does not end a strict script.
                command.ends = false;
                command.decides_end = fails;
            }
            if or {
                before.clear();
            } else {
                before.extend(std::mem::take(&mut last));
            }
            last = next;
            from = middle;
        }
        before.extend(last);
        before
    }

    /// Whether one of the commands from a number on ends the script with a failure.
    fn fails(&self, from: usize) -> bool {
        self.script.commands.get(from..).unwrap_or_default().iter().any(|command| {
            let word = |at: usize| command.words.get(at).and_then(Word::literal);
            matches!(word(0), Some(b"exit" | b"return" | b"false" | b"die" | b"fail" | b"error")) && word(1) != Some(b"0")
        })
    }

    fn pipeline(&mut self, place: &Place) -> Vec<usize> {
        let mut place = place.clone();
        while matches!(self.plain(), b"!" | b"time") {
            place.condition |= self.plain() == b"!";
            if self.plain() == b"time" {
                self.placed.push((self.script.commands.len(), dialect::TIME, true));
            }
            self.at += 1;
        }
        let from = self.script.commands.len();
        let mut last = self.command(&place);
        while matches!(self.operator(), "|" | "|&") {
            self.at += 1;
            self.blank();
            // Only the last one gives the pipeline its result.
            for number in last {
                if let Some(command) = self.script.commands.get_mut(number) {
                    command.ends = false;
                    command.decides_end = false;
                }
            }
            let fed = self.script.commands.len();
            last = self.command(&place);
            self.feed(fed);
            self.set_apart(from);
        }
        last
    }

    fn command(&mut self, place: &Place) -> Vec<usize> {
        let from = self.script.commands.len();
        let last = self.any_command(place);
        // What a group reads stands behind it, as a command without words.
        let reads = |command: &Command| command.words.is_empty() && !(command.reads.is_empty() && command.documents.is_empty());
        if self.script.commands.len() > from + 1 && self.script.commands.last().is_some_and(reads) {
            self.feed(from);
        }
        last
    }

    fn any_command(&mut self, place: &Place) -> Vec<usize> {
        let named = matches!(self.tokens.get(self.at + 1..self.at + 3), Some([Token::Operator("("), Token::Operator(")")]));
        let word = self.plain().to_vec();
        if named && !word.is_empty() {
            self.at += 3;
            return self.function(word, place);
        }
        match word.as_slice() {
            b"if" => self.conditions(place),
            b"while" | b"until" => {
                self.at += 1;
                let from = self.script.commands.len();
                self.list(&Place { condition: true, ..place.clone() });
                let endless = match self.script.commands.get(from..) {
                    Some([condition]) => condition.words.first().is_some_and(|word| word.is(b"true") || word.is(b":")),
                    _ => false,
                };
                self.body(place, endless && word == b"while")
            }
            b"select" => {
                self.met.push((self.at, dialect::SELECT, !self.has_ended()));
                self.repetition(place)
            }
            b"for" => self.repetition(place),
            b"case" => self.cases(place),
            b"{" => {
                self.at += 1;
                let last = self.list(place);
                self.take(b"}");
                self.redirections(place, last)
            }
            b"function" => {
                self.met.push((self.at, dialect::FUNCTION, !self.has_ended()));
                self.at += 1;
                let name = self.plain().to_vec();
                self.at += 1;
                if self.operator() == "(" {
                    self.at += 2;
                }
                self.function(name, place)
            }
            _ if self.operator() == "(" => {
                self.at += 1;
                let from = self.script.commands.len();
                let last = self.list(place);
                self.set_apart(from);
                self.script.subshells.push((from, self.script.commands.len()));
                self.at += usize::from(self.operator() == ")");
                self.redirections(place, last)
            }
            _ => self.simple(place),
        }
    }

    fn function(&mut self, name: Vec<u8>, place: &Place) -> Vec<usize> {
        if !dialect::is_name(&name) {
            self.met.push((self.at, dialect::FUNCTION_NAME, !self.has_ended()));
        }
        self.script.functions.insert(name.clone());
        self.blank();
        let last = self.command(&Place { function: Some(name.clone()), conditional: place.conditional, condition: false });
        self.script.end_with(&last);
        self.results.push((name, last));
        Vec::new()
    }

    fn conditions(&mut self, place: &Place) -> Vec<usize> {
        let mut last = Vec::new();
        let start = self.script.commands.len();
        let mut tests = Vec::new();
        let inner = Place { conditional: true, ..place.clone() };
        while self.take(b"if") || self.take(b"elif") {
            let from = self.script.commands.len();
            self.list(&Place { condition: true, ..place.clone() });
            tests.extend(from..self.script.commands.len());
            self.take(b"then");
            last.extend(self.list(&inner));
        }
        if self.take(b"else") {
            last.extend(self.list(&inner));
        }
        self.take(b"fi");
        if self.fails(start) {
            for number in tests {
                if let Some(command) = self.script.commands.get_mut(number) {
                    command.decides_end = true;
                }
            }
        }
        self.redirections(place, last)
    }

    /// The body of a loop, and whether it is run at least once.
    fn body(&mut self, place: &Place, runs: bool) -> Vec<usize> {
        self.blank();
        let closing: &[u8] = if self.take(b"{") { b"}" } else { b"done" };
        self.take(b"do");
        let from = self.script.commands.len();
        let last = self.list(&Place { conditional: place.conditional || !runs, ..place.clone() });
        self.set_apart(from);
        self.script.commands.iter_mut().skip(from).for_each(|command| command.repeated = true);
        self.take(closing);
        self.redirections(place, last)
    }

    fn repetition(&mut self, place: &Place) -> Vec<usize> {
        self.at += 1;
        let name = self.plain().to_vec();
        self.at += 1;
        while self.operator() == "\n" {
            self.at += 1;
        }
        let mut values = Vec::new();
        if self.take(b"in") {
            while let Some(Token::Word(word)) = self.tokens.get(self.at) {
                values.push(word.clone());
                self.at += 1;
            }
        } else {
            values.push(Word { parts: vec![Part::Variable(b"@".to_vec(), None)], quoted: true });
        }
        // What the words are made of is run.
        self.script.commands.push(Command { reads: Vec::new(), documents: values.clone(), ..place.command() });
        // Of a word with a text in it, or in quotes, something is left.
        let given = |word: &Word| matches!(word.parts.as_slice(), [Part::Variable(name, None)] if name == b"@");
        let has_text = |word: &Word| word.parts.iter().any(|part| matches!(part, Part::Text(_) | Part::Pattern(_)));
        let runs = values.iter().any(|word| has_text(word) || (word.quoted && !given(word)));
        self.script.loops.push((name, values));
        self.body(place, runs)
    }

    fn cases(&mut self, place: &Place) -> Vec<usize> {
        self.at += 1;
        let mut subject = place.command();
        if let Some(Token::Word(word)) = self.tokens.get(self.at) {
            subject.documents.push(word.clone());
        }
        self.script.commands.push(subject);
        self.at += 1;
        while self.operator() == "\n" {
            self.at += 1;
        }
        self.take(b"in");
        let inner = Place { conditional: true, ..place.clone() };
        let mut last = Vec::new();
        loop {
            while matches!(self.operator(), "\n" | ";;" | ";&" | ";;&") {
                self.at += 1;
            }
            if self.at >= self.tokens.len() || self.take(b"esac") {
                break;
            }
            self.at += usize::from(self.operator() == "(");
            while self.at < self.tokens.len() && self.operator() != ")" {
                self.at += 1;
            }
            self.at += 1;
            last.extend(self.list(&inner));
            // A word that does not belong here.
            if self.plain() != b"esac" && !matches!(self.operator(), ";;" | ";&" | ";;&") {
                self.at += 1;
            }
        }
        self.redirections(place, last)
    }

    /// Redirections of a whole group.
    fn redirections(&mut self, place: &Place, last: Vec<usize>) -> Vec<usize> {
        let mut command = place.command();
        while let Some(token) = self.tokens.get(self.at) {
            match token {
                Token::Redirect(direction, word) => command.redirect(*direction, word),
                Token::Document(word) => command.documents.push(word.clone()),
                _ => break,
            }
            self.at += 1;
        }
        if command != place.command() {
            self.script.commands.push(command);
        }
        last
    }

    fn simple(&mut self, place: &Place) -> Vec<usize> {
        let mut command = place.command();
        let (start, mut appended) = (self.at, None);
        while let Some(token) = self.tokens.get(self.at) {
            // Inside of `[[` operators are words.
            let inside = command.words.first().is_some_and(|word| word.is(b"[["));
            let closed = command.words.last().is_some_and(|word| word.is(b"]]"));
            match token {
                Token::Word(word) => match assignment(word).or_else(|| element(word)).filter(|_| command.words.is_empty()) {
                    Some(assignment) => {
                        let of_array = element(word).map(|_| dialect::ASSIGNED_ELEMENT);
                        appended = appended.or_else(|| dialect::appended(word)).or(of_array);
                        command.assignments.push(assignment);
                    }
                    None => command.words.push(word.clone()),
                },
                Token::Redirect(direction, word) => command.redirect(*direction, word),
                Token::Document(word) => command.documents.push(word.clone()),
                Token::Operator(_) if inside && !closed => {}
                Token::Operator(_) => break,
            }
            self.at += 1;
        }
        if command.words.is_empty() && command.assignments.is_empty() && command == place.command() {
            return Vec::new();
        }
        // In a branch it may be left as it was, and what may not be strict is not.
        if let Some(strict) = command.makes_strict().filter(|strict| !(*strict && place.conditional)) {
            self.script.strict = strict;
        }
        let strict = self.script.strict && !place.condition;
        command.ends = strict || command.words.first().is_some_and(|word| word.is(b"exec"));
        command.decides_end = strict;
        let (number, alone) = (self.script.commands.len(), !place.conditional && !place.condition && place.function.is_none());
        self.place(start..self.at, number, alone);
        self.placed.extend(dialect::of_command(&command).into_iter().chain(appended).map(|construct| (number, construct, alone)));
        self.script.commands.push(command);
        vec![number]
    }
}
