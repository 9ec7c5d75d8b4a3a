//! Works out conditions that follow from what a script is given and what it sets itself, and leaves out what is then never run.
//!
//! The result is another list of tokens: of `if CONDITION; then A; else B; fi` whose condition holds, the condition and `A` are left. All
//! that is decided here is the same whatever the base is: files count only if they are the app's, and where something is not known, all is left.

mod functions;
mod simple;
mod state;
mod test;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

pub(in crate::plan::verdict) use self::state::Given;
use self::state::{State, names_set, names_set_inside};
use self::test::pattern;
use super::Word;
use super::dialect::{Construct, Failure};
use super::lexer::Token;
use super::value::fits;

/// Longer scripts are left as they are.
const MOST_TOKENS: usize = 20_000;
/// How deep commands may stand in each other.
const DEEPEST: usize = 48;
/// How often each token may be looked at.
const MOST_LOOKS: usize = 24;

/// Whether a condition on a file holds (`-f`), if that is the app's own matter.
type FileTest<'a> = &'a dyn Fn(&[u8], &[u8]) -> Option<bool>;
/// The texts of all files whose paths end so.
type Ending<'a> = &'a dyn Fn(&[u8]) -> Option<Vec<Vec<u8>>>;

/// What is known when a script begins.
pub(in crate::plan::verdict) struct Known<'a> {
    /// Variables with what they hold; none for what is not known.
    pub(in crate::plan::verdict) variables: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    /// Whether others may be set too.
    pub(in crate::plan::verdict) open: bool,
    pub(in crate::plan::verdict) given: Given,
    pub(in crate::plan::verdict) name: Option<Vec<u8>>,
    /// The number of the user.
    pub(in crate::plan::verdict) user: Option<Vec<u8>>,
    /// The directory that it is started in.
    pub(in crate::plan::verdict) place: Option<Vec<u8>>,
    /// What is asked of files.
    pub(in crate::plan::verdict) file: FileTest<'a>,
    /// Whether a command is found, if that is the app's own matter.
    pub(in crate::plan::verdict) command: &'a dyn Fn(&[u8]) -> Option<bool>,
    /// Whether nobody else reads it, so that its functions are its own.
    pub(in crate::plan::verdict) whole: bool,
    /// The texts of the scripts of the app whose paths end so; the path is whole if it begins with a slash that is its first letter.
    pub(in crate::plan::verdict) ending: Ending<'a>,
    /// The text of a script of the app.
    pub(in crate::plan::verdict) text: &'a dyn Fn(&[u8]) -> Option<Vec<u8>>,
}

impl Known<'_> {
    /// A script that is given nothing, by nobody.
    pub(in crate::plan::verdict) fn nothing() -> Self {
        Self {
            variables: BTreeMap::new(),
            open: false,
            given: Given { words: Vec::new(), whole: true },
            name: None,
            user: Some(b"0".to_vec()),
            place: None,
            file: &|_, _| None,
            command: &|_| None,
            whole: true,
            ending: &|_| None,
            text: &|_| None,
        }
    }
}

/// One token of the result.
#[derive(Debug, Clone)]
enum Item {
    /// That of the script with this number.
    Old(usize),
    New(Token),
    /// The body of a function.
    Body(usize),
}

/// How a command leaves the script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    Goes,
    /// The function ends.
    Returns,
    /// The script ends.
    Ends,
}

/// What is known of what was read.
#[derive(Debug, Clone, Copy)]
struct Done {
    /// Whether it succeeds.
    value: Option<bool>,
    flow: Flow,
}

const UNKNOWN: Done = Done { value: None, flow: Flow::Goes };

/// It is not understood, so that all is left as it is.
struct Stop;

type Walked<T> = Result<T, Stop>;

/// A function of the script.
#[derive(Debug, Clone)]
struct Function {
    name: Vec<u8>,
    /// The tokens of its body.
    from: usize,
    to: usize,
    /// What it may set, with all that it calls.
    sets: BTreeSet<Vec<u8>>,
    /// Whether it is called in one place only, and nothing else names it.
    once: bool,
    /// Whether anything names it.
    named: bool,
    /// What is left of it.
    body: Option<Vec<Item>>,
}

struct Folder<'t, 'k> {
    tokens: &'t [Token],
    known: &'k Known<'k>,
    at: usize,
    looks: usize,
    depth: usize,
    /// How many loops are around.
    loops: usize,
    /// The variables that each of the functions around has for itself.
    locals: Vec<BTreeSet<Vec<u8>>>,
    /// Whether what is read is never run.
    dry: bool,
    functions: Vec<Function>,
}

/// What depends on the shell, by the token that it begins with.
type Met = Vec<(usize, Construct, bool)>;

/// The tokens that are left of a script.
pub(super) fn fold(tokens: Vec<Token>, met: Met, text: &[u8], known: &Known<'_>) -> (Vec<Token>, Met) {
    let Some(items) = folded(&tokens, text, known) else { return (tokens, met) };
    let mut places: BTreeMap<usize, usize> = BTreeMap::new();
    for (number, item) in items.iter().enumerate() {
        if let Item::Old(old) = item {
            places.entry(*old).or_insert(number);
        }
    }
    let last = items.len().saturating_sub(1);
    let place = |(old, construct, reached): (usize, Construct, bool)| match places.range(old..).next() {
        Some((found, number)) if *found == old => Some((*number, construct, reached)),
        // What is never run is read all the same.
        Some((_, number)) if construct.failure == Failure::Syntax => Some((*number, construct, reached)),
        None if construct.failure == Failure::Syntax => Some((last, construct, reached)),
        _ => None,
    };
    let met = met.into_iter().filter_map(place).collect();
    let token = |item| match item {
        Item::Old(number) => tokens.get(number).cloned(),
        Item::New(token) => Some(token),
        Item::Body(_) => None,
    };
    (items.into_iter().filter_map(token).collect(), met)
}

fn folded(tokens: &[Token], text: &[u8], known: &Known<'_>) -> Option<Vec<Item>> {
    if tokens.len() > MOST_TOKENS {
        return None;
    }
    let mut state = State::new(known);
    let (locals, functions) = (Vec::new(), Vec::new());
    let mut folder = Folder { tokens, known, at: 0, looks: 0, depth: 0, loops: 0, locals, dry: true, functions };
    folder.list(&mut state, &mut Vec::new()).ok()?;
    if folder.at < tokens.len() {
        return None;
    }
    folder.look_at_functions();
    state.make_volatile(names_set_inside(text));
    (folder.at, folder.dry) = (0, false);
    let mut items = Vec::new();
    folder.list(&mut state, &mut items).ok()?;
    let live = if known.whole { folder.live(&items) } else { None };
    let mut whole = Vec::with_capacity(items.len());
    let mut waiting: Vec<Item> = items.into_iter().rev().collect();
    while let Some(item) = waiting.pop() {
        match item {
            Item::Body(number) if live.as_ref().is_some_and(|live| !live.contains(&number)) => {
                whole.extend([made(b"{"), made(b":"), END, made(b"}")]);
            }
            Item::Body(number) => {
                let function = folder.functions.get_mut(number)?;
                let raw = || (function.from..function.to).map(Item::Old).collect();
                let body = function.body.take().unwrap_or_else(raw);
                waiting.extend(body.into_iter().rev());
            }
            item => whole.push(item),
        }
    }
    Some(whole)
}

fn made(text: &'static [u8]) -> Item {
    Item::New(Token::Word(Word::of(super::Part::Text(text.to_vec()))))
}

const END: Item = Item::New(Token::Operator(";"));

/// A condition that decides nothing any more.
fn quiet(condition: Vec<Item>) -> Vec<Item> {
    if condition.is_empty() {
        return condition;
    }
    let mut items = vec![made(b"if")];
    items.extend(condition);
    items.extend([END, made(b"then"), made(b":"), END, made(b"fi"), END]);
    items
}

/// Words that close a list.
const CLOSING: [&[u8]; 8] = [b"then", b"do", b"done", b"fi", b"else", b"elif", b"esac", b"}"];

impl<'t> Folder<'t, '_> {
    /// The function of a name that is defined last.
    fn function_of(&self, name: &[u8]) -> Option<usize> {
        self.functions.iter().rposition(|function| function.name == name)
    }

    /// What commands in these tokens may set, with the functions that they name.
    fn sets_in(&self, from: usize, to: usize) -> BTreeSet<Vec<u8>> {
        let tokens = self.tokens.get(from..to).unwrap_or_default();
        let mut found = names_set(tokens);
        for word in words(tokens).filter_map(Word::literal) {
            let named = self.functions.iter().filter(|function| function.name == word);
            found.extend(named.flat_map(|function| function.sets.iter().cloned()));
        }
        found
    }

    /// Something in these tokens may have been run or not, in this process or another one.
    fn doubt(&self, state: &mut State, from: usize, to: usize) {
        state.weaken(&self.sets_in(from, to));
        let tokens = self.tokens.get(from..to).unwrap_or_default();
        if words(tokens).any(|word| [&b"set"[..], b"shift"].iter().any(|name| word.is(name))) {
            state.given = Given::default();
        }
        if words(tokens).any(|word| [&b"."[..], b"source", b"eval"].iter().any(|name| word.is(name)) || word.literal().is_none()) {
            let all = self.functions.iter().flat_map(|function| function.sets.clone()).collect::<BTreeSet<_>>();
            state.weaken(&all);
        }
        if words(tokens).any(|word| [&b"."[..], b"source", b"eval"].iter().any(|name| word.is(name))) {
            state.forget();
            state.given = Given::default();
        }
    }

    fn operator(&self) -> &'static str {
        match self.tokens.get(self.at) {
            Some(Token::Operator(operator)) => operator,
            _ => "",
        }
    }

    fn plain(&self) -> &'t [u8] {
        match self.tokens.get(self.at) {
            Some(Token::Word(word)) if !word.quoted => word.literal().unwrap_or_default(),
            _ => b"",
        }
    }

    /// Puts the token here into the result.
    fn keep(&mut self, out: &mut Vec<Item>) {
        if !self.dry && self.at < self.tokens.len() {
            out.push(Item::Old(self.at));
        }
        self.at += 1;
    }

    /// Puts a word here into the result, which has to be this one.
    fn expect(&mut self, text: &[u8], out: &mut Vec<Item>) -> Walked<()> {
        if self.plain() != text {
            return Err(Stop);
        }
        self.keep(out);
        Ok(())
    }

    /// Reads something that is never run.
    fn pass<T>(&mut self, read: impl FnOnce(&mut Self, &mut State, &mut Vec<Item>) -> Walked<T>) -> Walked<T> {
        let before = std::mem::replace(&mut self.dry, true);
        let result = read(self, &mut State::new(self.known), &mut Vec::new());
        self.dry = before;
        result
    }

    fn list(&mut self, state: &mut State, out: &mut Vec<Item>) -> Walked<Done> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(Stop);
        }
        let mut last = UNKNOWN;
        loop {
            while matches!(self.operator(), "\n" | ";" | "&") {
                if last.flow == Flow::Goes {
                    self.keep(out);
                } else {
                    self.at += 1;
                }
            }
            if self.at >= self.tokens.len() || CLOSING.contains(&self.plain()) || matches!(self.operator(), ")" | ";;" | ";&" | ";;&") {
                break;
            }
            let start = self.at;
            if last.flow == Flow::Goes {
                last = self.chain(state, out)?;
                if self.operator() == "&" {
                    self.doubt(state, start, self.at);
                    last = UNKNOWN;
                }
            } else {
                self.pass(Self::chain)?;
            }
            if self.at == start {
                return Err(Stop);
            }
        }
        self.depth -= 1;
        Ok(last)
    }

    /// Commands with `&&` and `||` between them.
    fn chain(&mut self, state: &mut State, out: &mut Vec<Item>) -> Walked<Done> {
        let mut items = Vec::new();
        let mut done = self.pipeline(state, &mut items)?;
        while matches!(self.operator(), "&&" | "||") {
            let (or, operator) = (self.operator() == "||", self.at);
            self.at += 1;
            while self.operator() == "\n" {
                self.at += 1;
            }
            match done {
                Done { flow: Flow::Returns | Flow::Ends, .. } => drop(self.pass(Self::pipeline)?),
                Done { value: Some(value), .. } if value == or => drop(self.pass(Self::pipeline)?),
                Done { value: Some(_), .. } => {
                    out.extend(quiet(std::mem::take(&mut items)));
                    done = self.pipeline(state, &mut items)?;
                }
                _ => {
                    let mut other = state.clone();
                    if !self.dry {
                        items.push(Item::Old(operator));
                    }
                    if self.pipeline(&mut other, &mut items)?.flow == Flow::Goes {
                        state.join(&other);
                    }
                    done = UNKNOWN;
                }
            }
        }
        out.extend(items);
        Ok(done)
    }

    fn pipeline(&mut self, state: &mut State, out: &mut Vec<Item>) -> Walked<Done> {
        let mut turned = false;
        while matches!(self.plain(), b"!" | b"time") {
            turned ^= self.plain() == b"!";
            self.keep(out);
        }
        let start = self.at;
        let mut done = self.command(state, out)?;
        let mut single = true;
        while matches!(self.operator(), "|" | "|&") {
            if single {
                self.doubt(state, start, self.at);
            }
            single = false;
            self.keep(out);
            while self.operator() == "\n" {
                self.at += 1;
            }
            let mut inner = state.clone();
            self.command(&mut inner, out)?;
            state.untouched &= inner.untouched;
        }
        if !single {
            done = UNKNOWN;
        }
        done.value = done.value.map(|value| value != turned);
        Ok(done)
    }

    fn command(&mut self, state: &mut State, out: &mut Vec<Item>) -> Walked<Done> {
        self.looks += 1;
        if self.looks > self.tokens.len().saturating_mul(MOST_LOOKS) {
            return Err(Stop);
        }
        let named = matches!(self.tokens.get(self.at + 1..self.at + 3), Some([Token::Operator("("), Token::Operator(")")]));
        let word = self.plain();
        let mut items = Vec::new();
        let (done, changed) = match word {
            word if (named && !word.is_empty()) || word == b"function" => return self.function(out),
            b"if" => self.conditions(state, &mut items)?,
            b"while" | b"until" | b"for" | b"select" => (self.repetition(state, &mut items)?, false),
            b"case" => self.cases(state, &mut items)?,
            b"{" => {
                self.keep(&mut items);
                let done = self.list(state, &mut items)?;
                if done.flow != Flow::Goes && !self.dry {
                    items.push(END);
                }
                self.expect(b"}", &mut items)?;
                (done, false)
            }
            _ if self.operator() == "(" => {
                self.keep(&mut items);
                let mut inner = state.clone();
                self.list(&mut inner, &mut items)?;
                state.untouched &= inner.untouched;
                if self.operator() != ")" {
                    return Err(Stop);
                }
                self.keep(&mut items);
                (UNKNOWN, false)
            }
            _ => return self.simple(state, out),
        };
        if changed && !self.dry {
            out.push(made(b"{"));
            out.extend(items);
            out.extend([END, made(b"}")]);
        } else {
            out.extend(items);
        }
        while matches!(self.tokens.get(self.at), Some(Token::Redirect(..) | Token::Document(_))) {
            self.keep(out);
        }
        Ok(done)
    }

    /// `if` with all its branches; tells whether it is another one now.
    fn conditions(&mut self, state: &mut State, out: &mut Vec<Item>) -> Walked<(Done, bool)> {
        let (mut changed, mut begun, mut decided) = (false, false, false);
        let mut ends: Vec<(State, Flow)> = Vec::new();
        while matches!(self.plain(), b"if" | b"elif") {
            self.at += 1;
            let mut condition = Vec::new();
            if decided {
                self.pass(Self::list)?;
                self.expect(b"then", &mut Vec::new())?;
                self.pass(Self::list)?;
                continue;
            }
            let value = self.list(state, &mut condition)?.value.filter(|_| !self.dry);
            self.expect(b"then", &mut Vec::new())?;
            match value {
                Some(true) => {
                    if begun {
                        out.push(made(b"else"));
                    }
                    out.extend(quiet(condition));
                    let mut inner = state.clone();
                    let done = self.list(&mut inner, out)?;
                    ends.push((inner, done.flow));
                    (decided, changed) = (true, true);
                }
                Some(false) => {
                    let open = if begun { made(b"elif") } else { made(b"if") };
                    out.push(open);
                    out.extend(condition);
                    out.extend([END, made(b"then"), made(b":"), END]);
                    if !begun {
                        out.extend([made(b"fi"), END]);
                    }
                    self.pass(Self::list)?;
                    changed = true;
                }
                None => {
                    if !self.dry {
                        out.push(if begun { made(b"elif") } else { made(b"if") });
                    }
                    begun |= !self.dry;
                    out.extend(condition);
                    if !self.dry {
                        out.extend([END, made(b"then")]);
                    }
                    let mut inner = state.clone();
                    let done = self.list(&mut inner, out)?;
                    if !self.dry {
                        out.push(END);
                    }
                    ends.push((inner, done.flow));
                }
            }
        }
        if self.plain() == b"else" {
            self.at += 1;
            if decided {
                self.pass(Self::list)?;
            } else {
                if begun {
                    out.push(made(b"else"));
                }
                let done = self.list(state, out)?;
                ends.push((state.clone(), done.flow));
                decided = true;
                if begun {
                    out.push(END);
                }
            }
        }
        self.expect(b"fi", &mut Vec::new())?;
        if begun {
            out.extend([END, made(b"fi")]);
        }
        if !decided {
            ends.push((state.clone(), Flow::Goes));
        }
        Ok((Done { value: None, flow: joined(state, ends) }, changed))
    }

    fn repetition(&mut self, state: &mut State, out: &mut Vec<Item>) -> Walked<Done> {
        let start = self.at;
        let condition = matches!(self.plain(), b"while" | b"until");
        self.pass(|folder, state, out| folder.looped(condition, state, out))?;
        let end = std::mem::replace(&mut self.at, start);
        self.doubt(state, start, end);
        if self.dry {
            self.at = end;
            return Ok(UNKNOWN);
        }
        let mut inner = state.clone();
        // What runs in it may have been run before.
        inner.untouched = false;
        inner.place = None;
        self.loops += 1;
        self.looped(condition, &mut inner, out)?;
        self.loops -= 1;
        state.join(&inner);
        Ok(UNKNOWN)
    }

    fn looped(&mut self, condition: bool, state: &mut State, out: &mut Vec<Item>) -> Walked<()> {
        self.keep(out);
        if condition {
            self.list(state, out)?;
        } else {
            while self.at < self.tokens.len() && !matches!(self.plain(), b"do" | b"{") {
                self.keep(out);
            }
        }
        while self.operator() == "\n" {
            self.at += 1;
        }
        let closing: &[u8] = if self.plain() == b"{" { b"}" } else { b"done" };
        if closing == b"}" {
            self.keep(out);
        } else {
            self.expect(b"do", out)?;
        }
        let done = self.list(state, out)?;
        if done.flow != Flow::Goes && !self.dry {
            out.push(END);
        }
        self.expect(closing, out)
    }

    /// `case` with all its branches; tells whether it is another one now.
    fn cases(&mut self, state: &mut State, out: &mut Vec<Item>) -> Walked<(Done, bool)> {
        let start = self.at;
        self.at += 1;
        let Some(Token::Word(subject)) = self.tokens.get(self.at) else { return Err(Stop) };
        self.at += 1;
        while self.operator() == "\n" {
            self.at += 1;
        }
        self.expect(b"in", &mut Vec::new())?;
        let head = start..self.at;
        let mut arms: Vec<(Vec<&Word>, usize, usize)> = Vec::new();
        let mut goes_on = false;
        loop {
            while matches!(self.operator(), "\n" | ";;" | ";&" | ";;&") {
                goes_on |= matches!(self.operator(), ";&" | ";;&");
                self.at += 1;
            }
            if self.plain() == b"esac" {
                self.at += 1;
                break;
            }
            self.at += usize::from(self.operator() == "(");
            let from = self.at;
            while self.at < self.tokens.len() && self.operator() != ")" {
                self.at += 1;
            }
            let patterns = words(self.tokens.get(from..self.at).unwrap_or_default()).collect();
            self.at += 1;
            let body = self.at;
            self.pass(Self::list)?;
            if self.at >= self.tokens.len() {
                return Err(Stop);
            }
            arms.push((patterns, body, self.at));
        }
        let end = self.at;
        if self.dry {
            return Ok((UNKNOWN, false));
        }
        let value = state.value(subject).filter(|_| !goes_on);
        let taken = value.and_then(|value| taken(&arms, &value, state));
        if let Some(taken) = taken {
            out.extend(head.map(Item::Old));
            out.extend([made(b"esac"), END]);
            let mut flow = Flow::Goes;
            if let Taken::Arm(body) = taken {
                self.at = body;
                flow = self.list(state, out)?.flow;
            }
            self.at = end;
            return Ok((Done { value: None, flow }, true));
        }
        let mut ends: Vec<(State, Flow)> = Vec::new();
        let mut kept = start;
        for (_, body, until) in &arms {
            out.extend((kept..*body).map(Item::Old));
            self.at = *body;
            let mut inner = state.clone();
            let done = self.list(&mut inner, out)?;
            ends.push((inner, if goes_on { Flow::Goes } else { done.flow }));
            if goes_on {
                self.doubt(state, *body, *until);
            }
            kept = *until;
        }
        out.extend((kept..end).map(Item::Old));
        self.at = end;
        let any = |word: &&Word| matches!(word.parts.as_slice(), [super::Part::Pattern(signs)] if signs == b"*") || word.is(b"*");
        if !arms.iter().any(|(patterns, ..)| patterns.iter().any(any)) {
            ends.push((state.clone(), Flow::Goes));
        }
        Ok((Done { value: None, flow: joined(state, ends) }, false))
    }
}

/// What is known after one of several ways was gone; those that leave the script do not count.
fn joined(state: &mut State, ends: Vec<(State, Flow)>) -> Flow {
    let flow = match () {
        () if ends.iter().all(|(_, flow)| *flow == Flow::Ends) => Flow::Ends,
        () if ends.iter().all(|(_, flow)| *flow != Flow::Goes) => Flow::Returns,
        () => Flow::Goes,
    };
    let mut all = ends.into_iter().filter(|(_, end)| *end == Flow::Goes || flow == Flow::Returns).map(|(state, _)| state);
    if let Some(first) = all.next() {
        *state = first;
        all.for_each(|other| state.join(&other));
    }
    flow
}

/// What becomes of a value in `case`.
enum Taken {
    /// It takes the branch that begins here.
    Arm(usize),
    Nothing,
}

/// The branch of `case` that a value takes; nothing if that is not known.
fn taken(arms: &[(Vec<&Word>, usize, usize)], value: &[u8], state: &State) -> Option<Taken> {
    for (patterns, body, _) in arms {
        for word in patterns {
            if fits(&pattern(word, state)?, value) {
                return Some(Taken::Arm(*body));
            }
        }
    }
    Some(Taken::Nothing)
}

fn words(tokens: &[Token]) -> impl Iterator<Item = &Word> {
    tokens.iter().filter_map(|token| match token {
        Token::Word(word) => Some(word),
        _ => None,
    })
}
