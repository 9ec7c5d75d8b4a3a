//! Shell scripts as far as they say which commands are run, which files are used, and which tests decide.
//!
//! It is no shell: nothing is run, and what is only known when the script runs is [`Word::parts`] without a value. What it cannot
//! follow is said, never passed over.

mod dialect;
mod expansion;
mod fold;
mod lexer;
mod parser;
#[cfg(test)]
mod tests;
mod value;

use std::collections::BTreeSet;

pub(super) use self::dialect::{Construct, Failure, Family, PIPEFAIL, Understanding};
pub(super) use self::fold::{Given, Known};
use self::lexer::{Direction, Lexer};
use self::parser::Parser;
pub(super) use self::value::{FINDER, MOST_VALUES, Variables, assignment, element, fits, values};

/// Longer scripts are not followed.
const LONGEST: usize = 256 << 10;

/// A part of a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// Text as it is.
    Text(Vec<u8>),
    /// The value of a variable, and what is taken if it has none.
    Variable(Vec<u8>, Option<Vec<u8>>),
    /// What a command prints.
    Output(Vec<u8>),
    /// What is left of a variable's value: `${x%PATTERN}`, `${x##PATTERN}`.
    Cut(Vec<u8>, Cut),
    /// A piece of a variable's value, from a place on and so long at most: `${x:0:1}`.
    Slice(Vec<u8>, usize, usize),
    /// All words of an array, or of what the script was given (`@`), but for so many of the first: `${x[@]}`, `${x[@]:1}`, `${@:2}`.
    All(Vec<u8>, usize),
    /// The words of an array: `x=(a b)`.
    List(Vec<Word>),
    /// A part of a pattern for names of files.
    Pattern(Vec<u8>),
    /// Something else that is only known when the script runs.
    Dynamic,
}

/// What is taken away from a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cut {
    /// From the end (`%`), or from the start (`#`).
    end: bool,
    /// As much as fits (`%%`, `##`), or as little.
    most: bool,
    /// Text, and variables in it; `*` and `?` outside of quotes are signs.
    pattern: Vec<Part>,
}

/// One word.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) parts: Vec<Part>,
    quoted: bool,
}

impl Word {
    pub(super) fn literal(&self) -> Option<&[u8]> {
        match self.parts.as_slice() {
            [] => Some(b""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    pub(super) fn of(part: Part) -> Self {
        Self { parts: vec![part], quoted: false }
    }

    /// Whether nothing is left of it if it is empty.
    pub(super) fn is_plain(&self) -> bool {
        !self.quoted
    }

    fn is(&self, text: &[u8]) -> bool {
        !self.quoted && self.literal() == Some(text)
    }
}

/// One command with its words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Command {
    pub(super) assignments: Vec<(Vec<u8>, Word)>,
    pub(super) words: Vec<Word>,
    /// The files that are read and written by redirections.
    pub(super) reads: Vec<Word>,
    pub(super) writes: Vec<Word>,
    /// Those that are written behind what they have.
    pub(super) appends: Vec<Word>,
    /// What it is given as its input.
    pub(super) documents: Vec<Word>,
    /// Whether its failure is expected: it is a condition, or something follows for that case.
    pub(super) guarded: bool,
    /// Whether it may not be run at all: it is in a branch.
    pub(super) conditional: bool,
    /// Whether the script ends, or gives its result, by it.
    pub(super) ends: bool,
    /// Whether what follows from its result ends the script with a failure.
    pub(super) decides_end: bool,
    /// Whether the script may have ended before it.
    pub(super) late: bool,
    /// Whether it may not be run, or not by the shell that reads the script.
    pub(super) apart: bool,
    /// Whether what follows it is run only if it succeeds: `&&`.
    pub(super) leads: bool,
    /// Whether it is in a loop.
    pub(super) repeated: bool,
    /// Whether it may read something else than the script does: it follows a pipe, or is in a group that reads a file.
    pub(super) fed: bool,
    /// The function that it is in.
    pub(super) function: Option<Vec<u8>>,
}

/// Something that depends on the shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Met {
    pub(super) construct: Construct,
    /// Whether a shell that lacks it does not get to its end as before.
    pub(super) certain: bool,
}

/// A script.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Script {
    pub(super) commands: Vec<Command>,
    pub(super) functions: BTreeSet<Vec<u8>>,
    /// The values that `for` gives to variables.
    pub(super) loops: Vec<(Vec<u8>, Vec<Word>)>,
    /// The commands of each process of its own that the shell starts for them: `( … )`, from a number to one.
    pub(super) subshells: Vec<(usize, usize)>,
    /// What could not be followed.
    pub(super) unclear: Option<&'static str>,
    /// What depends on the shell.
    pub(super) met: Vec<Met>,
    /// Whether it ends with the first command that fails.
    strict: bool,
}

impl Script {
    pub(super) fn parse(text: &[u8]) -> Self {
        Self::parse_as(text, false)
    }

    /// One that its shell was told to end with the first command that fails, if `strict`.
    pub(super) fn parse_as(text: &[u8], strict: bool) -> Self {
        Self::parse_knowing(text, strict, None)
    }

    /// The same, without what is never run as far as that follows from what is known.
    pub(super) fn parse_knowing(text: &[u8], strict: bool, known: Option<&Known<'_>>) -> Self {
        if text.len() > LONGEST {
            return Self { unclear: Some("a script that is too long"), ..Self::default() };
        }
        let mut lexer = Lexer::new(text);
        let tokens = match lexer.tokens() {
            Ok(tokens) => tokens,
            Err(reason) => return Self { unclear: Some(reason), ..Self::default() },
        };
        let (tokens, met) = match known {
            Some(known) => fold::fold(tokens, lexer.met, text, known),
            None => (tokens, lexer.met),
        };
        Parser::new(&tokens, met, strict).script()
    }

    /// The commands that give a script its result.
    fn end_with(&mut self, last: &[usize]) {
        for number in last {
            if let Some(command) = self.commands.get_mut(*number) {
                command.ends = true;
                command.decides_end = true;
            }
        }
    }

    /// The words that may call a function; none if a name is only known when the script runs.
    pub(super) fn called(&self) -> Option<BTreeSet<Vec<u8>>> {
        // What it is given are words of the script too.
        let given = |name: &[u8]| name.first().is_some_and(|byte| !byte.is_ascii_alphabetic() && *byte != b'_');
        let known = |part: &Part| matches!(part, Part::Text(_)) || matches!(part, Part::Variable(name, None) if given(name));
        let made = |word: &Word| !word.parts.iter().all(known);
        if self.commands.iter().any(|command| command.words.first().is_some_and(made)) {
            return None;
        }
        Some(self.commands.iter().flat_map(|command| &command.words).filter_map(|word| word.literal().map(<[u8]>::to_vec)).collect())
    }
}

impl Command {
    fn redirect(&mut self, direction: Direction, file: &Word) {
        let files = match direction {
            Direction::Reads => &mut self.reads,
            Direction::Writes => &mut self.writes,
            Direction::Appends => &mut self.appends,
        };
        files.push(file.clone());
    }

    fn is_test(&self) -> bool {
        self.words
            .first()
            .is_some_and(|word| [&b"["[..], b"[[", b"test", b"command", b"which", b"type", b"grep"].iter().any(|name| word.is(name)))
    }

    /// Whether the script ends with the first command that fails from here on: `set -e`, `set -o errexit`, `set +e`.
    fn makes_strict(&self) -> Option<bool> {
        let (first, rest) = self.words.split_first()?;
        if !first.is(b"set") {
            return None;
        }
        let mut words = rest.iter().map_while(Word::literal);
        let mut strict = None;
        // What follows other words is given to the script.
        while let Some(word) = words.next().filter(|word| *word != b"--" && (word.starts_with(b"-") || word.starts_with(b"+"))) {
            let named = word.ends_with(b"o") && words.next() == Some(b"errexit");
            if named || word.contains(&b'e') {
                strict = Some(word.starts_with(b"-"));
            }
        }
        strict
    }

    /// Whether the script comes to it whatever happens.
    pub(super) fn is_certain(&self) -> bool {
        !(self.guarded || self.conditional || self.late) && self.function.is_none()
    }

    /// Whether nothing that stands behind it is ever run: `exit`, or `exec` with a command. Without one `exec` goes on.
    fn ends_all(&self) -> bool {
        let word = |at: usize| self.words.get(at).and_then(Word::literal);
        let ends = match word(0) {
            Some(b"exit") => true,
            Some(b"exec") => word(1).is_some_and(|command| !command.is_empty() && !command.starts_with(b"-")),
            _ => false,
        };
        ends && self.is_certain() && !self.apart
    }

    /// Whether the script cannot go on, or ends differently, if the command is not there.
    pub(super) fn is_needed(&self) -> bool {
        self.ends && !self.guarded && !self.conditional
    }
}
