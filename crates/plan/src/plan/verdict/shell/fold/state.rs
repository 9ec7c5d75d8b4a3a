//! What is known for certain while a script is worked out: variables, what it was given, where it is.

use std::collections::{BTreeMap, BTreeSet};

use super::super::lexer::Token;
use super::super::value::values;
use super::super::{Part, Variables, Word};

/// How many variables are kept.
const MOST_VARIABLES: usize = 512;

/// Variables that a shell or whoever starts it sets by itself.
const SET_BY_OTHERS: [&[u8]; 30] = [
    b"HOME",
    b"HOSTNAME",
    b"PWD",
    b"OLDPWD",
    b"PATH",
    b"IFS",
    b"RANDOM",
    b"SECONDS",
    b"LINENO",
    b"PPID",
    b"SHLVL",
    b"TERM",
    b"_",
    b"OSTYPE",
    b"HOSTTYPE",
    b"MACHTYPE",
    b"FUNCNAME",
    b"OPTIND",
    b"OPTARG",
    b"REPLY",
    b"DIRSTACK",
    b"PIPESTATUS",
    b"GROUPS",
    b"SHELL",
    b"SHELLOPTS",
    b"BASHPID",
    b"BASH",
    b"USER",
    b"LOGNAME",
    b"EPOCHSECONDS",
];

/// Commands that set variables named by their words.
const NAMING: [&[u8]; 13] = [
    b"read",
    b"getopts",
    b"local",
    b"declare",
    b"typeset",
    b"export",
    b"readonly",
    b"unset",
    b"mapfile",
    b"readarray",
    b"printf",
    b"let",
    b"for",
];

/// What a variable holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Known(Vec<u8>),
    Unset,
    Unknown,
}

/// What a script was given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::plan::verdict) struct Given {
    /// The first words, up to one that is not known.
    pub(in crate::plan::verdict) words: Vec<Vec<u8>>,
    /// Whether those are all.
    pub(in crate::plan::verdict) whole: bool,
}

#[derive(Debug, Clone)]
pub(super) struct State {
    variables: BTreeMap<Vec<u8>, Value>,
    /// Whether variables that are not in the list may hold anything; otherwise they are not set.
    open: bool,
    /// Names that something sets at times that are not known.
    volatile: BTreeSet<Vec<u8>>,
    pub(super) given: Given,
    /// The name of the script.
    pub(super) name: Option<Vec<u8>>,
    /// The number of the user.
    pub(super) user: Option<Vec<u8>>,
    /// Where it is, as long as it stays where it was started.
    pub(super) place: Option<Vec<u8>>,
    /// Whether nothing ran so far that could make or remove a file.
    pub(super) untouched: bool,
}

impl State {
    pub(super) fn new(known: &super::Known<'_>) -> Self {
        let variables = known.variables.iter().map(|(name, value)| (name.clone(), value.clone().map_or(Value::Unknown, Value::Known)));
        Self {
            variables: variables.collect(),
            open: known.open || known.variables.len() > MOST_VARIABLES,
            volatile: BTreeSet::new(),
            given: known.given.clone(),
            name: known.name.clone(),
            user: known.user.clone(),
            place: known.place.clone(),
            untouched: true,
        }
    }

    pub(super) fn get(&self, name: &[u8]) -> Value {
        if self.volatile.contains(name) {
            return Value::Unknown;
        }
        if [&b"EUID"[..], b"UID"].contains(&name) {
            return self.user.clone().map_or(Value::Unknown, Value::Known);
        }
        match self.variables.get(name) {
            Some(value) => value.clone(),
            None if self.open || SET_BY_OTHERS.contains(&name) || name.starts_with(b"BASH") => Value::Unknown,
            None => Value::Unset,
        }
    }

    pub(super) fn set(&mut self, name: &[u8], value: Value) {
        if self.variables.len() < MOST_VARIABLES || self.variables.contains_key(name) {
            self.variables.insert(name.to_vec(), value);
        } else {
            self.forget();
        }
    }

    /// Anything may have been set.
    pub(super) fn forget(&mut self) {
        self.variables.clear();
        self.open = true;
    }

    /// Names that hold something that is not known from now on.
    pub(super) fn weaken<'n>(&mut self, names: impl IntoIterator<Item = &'n Vec<u8>>) {
        for name in names {
            self.set(name, Value::Unknown);
        }
    }

    /// Names that something sets at times that are not known.
    pub(super) fn make_volatile(&mut self, names: BTreeSet<Vec<u8>>) {
        self.volatile.extend(names);
    }

    /// What is known whichever of two ways was gone.
    pub(super) fn join(&mut self, other: &Self) {
        let names: BTreeSet<Vec<u8>> = self.variables.keys().chain(other.variables.keys()).cloned().collect();
        for name in names {
            let value = Some(self.get(&name)).filter(|value| *value == other.get(&name)).unwrap_or(Value::Unknown);
            self.variables.insert(name, value);
        }
        self.open |= other.open;
        self.volatile.extend(other.volatile.iter().cloned());
        if self.given != other.given {
            self.given = Given::default();
        }
        if self.place != other.place {
            self.place = None;
        }
        self.untouched &= other.untouched;
    }

    /// The one value of a word, as the shell makes it where it splits nothing.
    pub(super) fn value(&self, word: &Word) -> Option<Vec<u8>> {
        let mut value = Vec::new();
        for part in &word.parts {
            value.extend(self.part(part)?);
        }
        Some(value)
    }

    fn part(&self, part: &Part) -> Option<Vec<u8>> {
        match part {
            Part::Text(text) => Some(text.clone()),
            Part::Variable(name, default) => match (self.variable(name), default) {
                (Value::Known(value), None) => Some(value),
                (Value::Known(value), Some(_)) => (!value.is_empty()).then_some(value),
                (Value::Unset, default) => Some(default.clone().unwrap_or_default()),
                (Value::Unknown, _) => None,
            },
            Part::Cut(name, _) | Part::Slice(name, ..) => {
                let value = match self.variable(name) {
                    Value::Known(value) => value,
                    Value::Unset => Vec::new(),
                    Value::Unknown => return None,
                };
                let variables = self.shown_to(part, (name, value))?;
                values(&Word::of(part.clone()), &variables).filter(|values| values.len() == 1)?.pop()
            }
            Part::Output(inner) => self.output(inner),
            Part::Pattern(_) | Part::All(..) | Part::List(_) | Part::Dynamic => None,
        }
    }

    /// A variable with the others that a pattern of it names.
    fn shown_to(&self, part: &Part, (name, value): (&[u8], Vec<u8>)) -> Option<Variables> {
        let mut variables = Variables::from([(name.to_vec(), Some(BTreeSet::from([value])))]);
        let Part::Cut(_, cut) = part else { return Some(variables) };
        for inner in cut.names() {
            match self.variable(inner) {
                Value::Known(value) => drop(variables.insert(inner.to_vec(), Some(BTreeSet::from([value])))),
                Value::Unset => {}
                Value::Unknown => return None,
            }
        }
        Some(variables)
    }

    /// A variable, also one of those that have numbers.
    fn variable(&self, name: &[u8]) -> Value {
        let number = std::str::from_utf8(name).ok().and_then(|name| name.parse::<usize>().ok());
        match (number, name) {
            (Some(0), _) => self.name.clone().map_or(Value::Unknown, Value::Known),
            (Some(number), _) => match self.given.words.get(number - 1) {
                Some(word) => Value::Known(word.clone()),
                None if self.given.whole => Value::Unset,
                None => Value::Unknown,
            },
            (None, b"#") if self.given.whole => Value::Known(self.given.words.len().to_string().into_bytes()),
            (None, name) if name.first().is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_') => self.get(name),
            _ => Value::Unknown,
        }
    }

    /// What commands print that follows from what is known.
    fn output(&self, inner: &[u8]) -> Option<Vec<u8>> {
        let script = super::super::Script::parse(inner);
        let [command] = script.commands.as_slice() else { return None };
        if script.unclear.is_some() || !command.assignments.is_empty() || !command.documents.is_empty() {
            return None;
        }
        let words = command.words.iter().map(|word| self.value(word)).collect::<Option<Vec<_>>>()?;
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        let cut = |text: &[u8]| text.iter().rposition(|byte| *byte == b'/');
        match words.as_slice() {
            [b"id", b"-u" | b"--user"] => self.user.clone(),
            [b"uname"] | [b"uname", b"-s"] => Some(b"Linux".to_vec()),
            [b"basename", path] => Some(cut(path).map_or(path.to_vec(), |at| path.get(at + 1..).unwrap_or_default().to_vec())),
            [b"echo", rest @ ..] if !rest.iter().any(|word| word.starts_with(b"-") || word.contains(&b'\\')) => Some(rest.join(&b' ')),
            _ => None,
        }
    }
}

/// The names that commands in these tokens may set.
pub(super) fn names_set(tokens: &[Token]) -> BTreeSet<Vec<u8>> {
    let mut found = BTreeSet::new();
    let mut names = false;
    for token in tokens {
        match token {
            Token::Word(word) => {
                let start = match word.parts.first() {
                    Some(Part::Text(text)) => text.as_slice(),
                    _ => b"",
                };
                let length = start.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
                let (name, rest) = start.split_at(length);
                let sets = rest.starts_with(b"=") || rest.starts_with(b"+=") || rest.starts_with(b"[");
                // What stands in brackets behind it is a part of its own.
                let element = rest.is_empty() && matches!(word.parts.get(1), Some(Part::Pattern(_)));
                if !name.is_empty() && (sets || element || (names && rest.is_empty())) {
                    found.insert(name.to_vec());
                }
                names |= NAMING.contains(&start);
            }
            Token::Operator(_) => names = false,
            Token::Redirect(..) | Token::Document(_) => {}
        }
    }
    found
}

/// The names that expansions and expressions anywhere in a text set: `${NAME:=WORD}`, `$((NAME = 1))`.
pub(super) fn names_set_inside(text: &[u8]) -> BTreeSet<Vec<u8>> {
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let mut found = BTreeSet::new();
    for (at, _) in text.windows(2).enumerate().filter(|(_, pair)| *pair == b"${") {
        let rest = text.get(at + 2..).unwrap_or_default();
        let (name, rest) = rest.split_at(rest.iter().take_while(|byte| is_name(byte)).count());
        if rest.starts_with(b"=") || rest.starts_with(b":=") {
            found.insert(name.to_vec());
        }
    }
    let mut rest = text;
    while let Some(at) = rest.windows(2).position(|pair| pair == b"((") {
        let inner = rest.get(at + 2..).unwrap_or_default();
        let end = inner.windows(2).position(|pair| pair == b"))").unwrap_or(inner.len());
        let (expression, after) = inner.split_at(end);
        found.extend(expression.split(|byte| !is_name(byte)).filter(|name| !name.is_empty()).map(<[u8]>::to_vec));
        rest = after;
    }
    found
}
