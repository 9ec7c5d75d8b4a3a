//! Shell scripts as far as they say which commands are run, which files are used, and which tests decide.
//!
//! It is no shell: nothing is run, and what is only known when the script runs is [`Word::parts`] without a value. What it cannot
//! follow is said, never passed over.

use std::collections::{BTreeMap, BTreeSet};

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
    /// The directory (`${x%/*}`) or the last name (`${x##*/}`) of a variable's value.
    Path(Vec<u8>, bool),
    /// A part of a pattern for names of files.
    Pattern(Vec<u8>),
    /// Something else that is only known when the script runs.
    Dynamic,
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

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(Word),
    /// `;`, `&`, `|`, `&&`, `||`, `(`, `)`, `;;` or the end of a line.
    Operator(&'static str),
    /// A redirection: whether it reads, and the file.
    Redirect(bool, Word),
    /// A here document, or a here string.
    Document(Word),
}

/// One command with its words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Command {
    pub(super) assignments: Vec<(Vec<u8>, Word)>,
    pub(super) words: Vec<Word>,
    /// The files that are read and written by redirections.
    pub(super) reads: Vec<Word>,
    pub(super) writes: Vec<Word>,
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
    /// The function that it is in.
    pub(super) function: Option<Vec<u8>>,
}

/// A script.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Script {
    pub(super) commands: Vec<Command>,
    pub(super) functions: BTreeSet<Vec<u8>>,
    /// The values that `for` gives to variables.
    pub(super) loops: Vec<(Vec<u8>, Vec<Word>)>,
    /// What could not be followed.
    pub(super) unclear: Option<&'static str>,
    /// What only some shells understand.
    pub(super) special: Option<&'static str>,
    /// Whether it ends with the first command that fails.
    strict: bool,
}

/// Splits a text into tokens.
struct Lexer<'a> {
    text: &'a [u8],
    at: usize,
    /// Here documents whose bodies follow the line: where their tokens are, the word that ends each, and whether it is as it stands.
    documents: Vec<(usize, Vec<u8>, bool)>,
    special: Option<&'static str>,
}

impl Lexer<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn follows(&self, text: &[u8]) -> bool {
        self.text.get(self.at..).is_some_and(|rest| rest.starts_with(text))
    }

    fn tokens(&mut self) -> Result<Vec<Token>, &'static str> {
        const OPERATORS: [&str; 12] = ["&&", "||", ";;&", ";;", ";&", ";", "|&", "|", "&", "(", ")", "\n"];
        let mut tokens = Vec::new();
        while let Some(byte) = self.peek() {
            match byte {
                b' ' | b'\t' | b'\r' => self.at += 1,
                b'\\' if self.follows(b"\\\n") => self.at += 2,
                b'#' => {
                    while self.peek().is_some_and(|byte| byte != b'\n') {
                        self.at += 1;
                    }
                }
                b'<' | b'>' => self.redirect(&mut tokens)?,
                b'&' if self.follows(b"&>") => {
                    self.special = Some("&>");
                    self.at += 1;
                    self.redirect(&mut tokens)?;
                }
                b'(' if self.follows(b"((") => {
                    self.balanced(b'(', b')')?;
                    tokens.push(Token::Word(Word { parts: vec![Part::Text(b":".to_vec())], quoted: false }));
                }
                b'0'..=b'9' if self.is_descriptor() => {
                    while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
                        self.at += 1;
                    }
                    self.redirect(&mut tokens)?;
                }
                _ => {
                    if let Some(operator) = OPERATORS.iter().find(|operator| self.follows(operator.as_bytes())) {
                        self.at += operator.len();
                        tokens.push(Token::Operator(operator));
                        if *operator == "\n" {
                            self.read_documents(&mut tokens)?;
                        }
                    } else {
                        tokens.push(Token::Word(self.word()?));
                    }
                }
            }
        }
        Ok(tokens)
    }

    fn is_descriptor(&self) -> bool {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        matches!(rest.get(digits), Some(b'<' | b'>'))
    }

    fn redirect(&mut self, tokens: &mut Vec<Token>) -> Result<(), &'static str> {
        if self.follows(b"<(") || self.follows(b">(") {
            self.special = Some("<( )");
            let inner = self.balanced(b'(', b')')?;
            tokens.push(Token::Word(Word { parts: vec![Part::Output(inner)], quoted: true }));
            return Ok(());
        }
        let here_string = self.follows(b"<<<");
        let document = self.follows(b"<<") && !here_string;
        let reads = self.peek() == Some(b'<') && !self.follows(b"<>");
        while matches!(self.peek(), Some(b'<' | b'>' | b'|')) || (document && self.peek() == Some(b'-')) {
            self.at += 1;
        }
        if self.peek() == Some(b'&') {
            // A copy of a descriptor.
            self.at += 1;
            while self.peek().is_some_and(|byte| byte.is_ascii_digit() || byte == b'-') {
                self.at += 1;
            }
            return Ok(());
        }
        while matches!(self.peek(), Some(b' ' | b'\t')) {
            self.at += 1;
        }
        let word = self.word()?;
        if document {
            self.documents.push((tokens.len(), word.literal().unwrap_or_default().to_vec(), word.quoted));
            tokens.push(Token::Document(Word::default()));
        } else if here_string {
            self.special = Some("<<<");
            tokens.push(Token::Document(word));
        } else {
            tokens.push(Token::Redirect(reads, word));
        }
        Ok(())
    }

    fn read_documents(&mut self, tokens: &mut [Token]) -> Result<(), &'static str> {
        for (place, end, literal) in std::mem::take(&mut self.documents) {
            let start = self.at;
            let mut stop = self.text.len();
            while let Some(rest) = self.text.get(self.at..).filter(|rest| !rest.is_empty()) {
                let length = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
                let line = rest.get(..length).unwrap_or_default();
                let ends = line.trim_ascii() == end;
                if ends {
                    stop = self.at;
                }
                self.at += (length + 1).min(rest.len());
                if ends {
                    break;
                }
            }
            let body = self.text.get(start..stop).unwrap_or_default();
            let word = if literal { Word { parts: vec![Part::Text(body.to_vec())], quoted: true } } else { expanded(body)? };
            if let Some(token) = tokens.get_mut(place) {
                *token = Token::Document(word);
            }
        }
        Ok(())
    }

    fn word(&mut self) -> Result<Word, &'static str> {
        let mut word = Word::default();
        let mut text = Vec::new();
        while let Some(byte) = self.peek() {
            match byte {
                b'(' if text.ends_with(b"=") => {
                    self.special = Some("an array");
                    self.balanced(b'(', b')')?;
                    flush(&mut word, &mut text);
                    word.parts.push(Part::Dynamic);
                }
                b' ' | b'\t' | b'\r' | b'\n' | b';' | b'|' | b'&' | b'(' | b')' | b'<' | b'>' => break,
                b'\'' => {
                    word.quoted = true;
                    self.at += 1;
                    let rest = self.text.get(self.at..).unwrap_or_default();
                    let end = rest.iter().position(|byte| *byte == b'\'').ok_or("a quote without its end")?;
                    text.extend_from_slice(rest.get(..end).unwrap_or_default());
                    self.at += end + 1;
                }
                b'"' => {
                    word.quoted = true;
                    self.at += 1;
                    self.double_quoted(&mut word, &mut text, false)?;
                }
                b'\\' => {
                    self.at += 1;
                    if let Some(next) = self.peek().filter(|next| *next != b'\n') {
                        text.push(next);
                    }
                    self.at += 1;
                }
                b'$' | b'`' => self.expansion(&mut word, &mut text)?,
                b'*' | b'?' | b'[' if !(text.is_empty() && word.parts.is_empty() && byte == b'[') => {
                    // `[` alone is a command.
                    let rest = self.text.get(self.at..).unwrap_or_default();
                    let stop = |byte: &u8| matches!(byte, b']' | b' ' | b'\n' | b'"' | b'\'' | b'$' | b';');
                    let end = if byte == b'[' { rest.iter().position(stop).filter(|at| rest.get(*at) == Some(&b']')) } else { Some(0) };
                    let Some(end) = end else {
                        text.push(byte);
                        self.at += 1;
                        continue;
                    };
                    flush(&mut word, &mut text);
                    word.parts.push(Part::Pattern(rest.get(..=end).unwrap_or_default().to_vec()));
                    self.at += end + 1;
                }
                _ => {
                    text.push(byte);
                    self.at += 1;
                }
            }
        }
        flush(&mut word, &mut text);
        Ok(word)
    }

    /// A text whose variables and commands are replaced, up to a quote, or to the end of everything.
    fn double_quoted(&mut self, word: &mut Word, text: &mut Vec<u8>, whole: bool) -> Result<(), &'static str> {
        loop {
            if whole && self.at >= self.text.len() {
                return Ok(());
            }
            match self.peek().ok_or("a quote without its end")? {
                b'"' if !whole => {
                    self.at += 1;
                    return Ok(());
                }
                b'\\' => {
                    self.at += 1;
                    let next = self.peek().ok_or("a quote without its end")?;
                    if !matches!(next, b'$' | b'`' | b'"' | b'\\' | b'\n') {
                        text.push(b'\\');
                    }
                    if next != b'\n' {
                        text.push(next);
                    }
                    self.at += 1;
                }
                b'$' | b'`' => self.expansion(word, text)?,
                byte => {
                    text.push(byte);
                    self.at += 1;
                }
            }
        }
    }

    fn expansion(&mut self, word: &mut Word, text: &mut Vec<u8>) -> Result<(), &'static str> {
        if self.peek() == Some(b'`') {
            let rest = self.text.get(self.at + 1..).unwrap_or_default();
            let end = rest.iter().position(|byte| *byte == b'`').ok_or("a backquote without its end")?;
            flush(word, text);
            word.parts.push(Part::Output(rest.get(..end).unwrap_or_default().to_vec()));
            self.at += end + 2;
            return Ok(());
        }
        if self.follows(b"$'") {
            self.special = Some("$' '");
            self.at += 2;
            while let Some(byte) = self.peek().filter(|byte| *byte != b'\'') {
                self.at += 1 + usize::from(byte == b'\\');
            }
            self.at += 1;
            word.quoted = true;
            flush(word, text);
            word.parts.push(Part::Dynamic);
            return Ok(());
        }
        if self.follows(b"$((") {
            flush(word, text);
            word.parts.push(Part::Dynamic);
            self.balanced(b'(', b')')?;
            return Ok(());
        }
        if self.follows(b"$(") {
            self.at += 1;
            let inner = self.balanced(b'(', b')')?;
            flush(word, text);
            word.parts.push(Part::Output(inner));
            return Ok(());
        }
        if self.follows(b"${") {
            self.at += 1;
            let inner = self.balanced(b'{', b'}')?;
            flush(word, text);
            let length = inner.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
            match inner.get(length..).unwrap_or_default() {
                [b'/' | b'^' | b',' | b'@' | b'[', ..] => self.special = Some("a change of a value"),
                [b':', next, ..] if !matches!(next, b'-' | b'=' | b'?' | b'+') => self.special = Some("a part of a value"),
                _ => {}
            }
            word.parts.push(braced(&inner));
            return Ok(());
        }
        let rest = self.text.get(self.at + 1..).unwrap_or_default();
        let length = match rest.first() {
            Some(byte) if byte.is_ascii_alphabetic() || *byte == b'_' => {
                rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count()
            }
            Some(b'0'..=b'9' | b'@' | b'*' | b'#' | b'?' | b'$' | b'!' | b'-') => 1,
            _ => 0,
        };
        self.at += 1 + length;
        if length == 0 {
            text.push(b'$');
        } else {
            flush(word, text);
            word.parts.push(Part::Variable(rest.get(..length).unwrap_or_default().to_vec(), None));
        }
        Ok(())
    }

    /// The text between a bracket and the one that closes it, with quotes obeyed.
    fn balanced(&mut self, open: u8, close: u8) -> Result<Vec<u8>, &'static str> {
        let start = self.text.get(self.at..).unwrap_or_default().iter().position(|byte| *byte == open).ok_or("a bracket is missing")?;
        let begin = self.at + start + 1;
        let (mut depth, mut quote, mut at) = (1_usize, 0_u8, begin);
        while let Some(byte) = self.text.get(at).copied() {
            match byte {
                b'\\' if quote != b'\'' => at += 1,
                b'\'' | b'"' if quote == 0 => quote = byte,
                _ if quote == byte => quote = 0,
                _ if quote == b'\'' => {}
                _ if byte == open && quote == 0 => depth += 1,
                _ if byte == close && quote == 0 => {
                    depth -= 1;
                    if depth == 0 {
                        self.at = at + 1;
                        return Ok(self.text.get(begin..at).unwrap_or_default().to_vec());
                    }
                }
                _ => {}
            }
            at += 1;
        }
        Err("a bracket without its end")
    }
}

fn flush(word: &mut Word, text: &mut Vec<u8>) {
    if !text.is_empty() {
        word.parts.push(Part::Text(std::mem::take(text)));
    }
}

/// `${NAME}`, `${NAME:-WORD}` and the forms that change the value.
fn braced(inner: &[u8]) -> Part {
    let length = inner.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
    let (name, rest) = inner.split_at(length.max(usize::from(matches!(inner.first(), Some(b'@' | b'*')))));
    let plain = |text: &[u8]| !text.iter().any(|byte| matches!(byte, b'$' | b'`'));
    match rest {
        _ if name.is_empty() => Part::Dynamic,
        [b':', b'-' | b'=', default @ ..] | [b'-' | b'=', default @ ..] if plain(default) => {
            Part::Variable(name.to_vec(), Some(default.to_vec()))
        }
        [] | [b':', b'?', ..] | [b'?', ..] => Part::Variable(name.to_vec(), None),
        b"%/*" => Part::Path(name.to_vec(), true),
        b"##*/" => Part::Path(name.to_vec(), false),
        [b':', b'-' | b'=' | b'+', inner @ ..] | [b'-' | b'=' | b'+', inner @ ..] => nested(inner),
        _ => Part::Dynamic,
    }
}

/// A value that commands make: they count, whatever they print.
fn nested(inner: &[u8]) -> Part {
    // Each level is shorter, so this ends soon.
    if inner.len() > 512 {
        return Part::Dynamic;
    }
    match expanded(inner).ok().and_then(|word| word.parts.into_iter().find(|part| matches!(part, Part::Output(_)))) {
        Some(part) => part,
        None => Part::Dynamic,
    }
}

/// A text whose variables and commands are replaced.
fn expanded(text: &[u8]) -> Result<Word, &'static str> {
    let (mut word, mut plain) = (Word { parts: Vec::new(), quoted: true }, Vec::new());
    Lexer { text, at: 0, documents: Vec::new(), special: None }.double_quoted(&mut word, &mut plain, true)?;
    flush(&mut word, &mut plain);
    Ok(word)
}

impl Script {
    pub(super) fn parse(text: &[u8]) -> Self {
        if text.len() > LONGEST {
            return Self { unclear: Some("a script that is too long"), ..Self::default() };
        }
        let mut lexer = Lexer { text, at: 0, documents: Vec::new(), special: None };
        let tokens = match lexer.tokens() {
            Ok(tokens) => tokens,
            Err(reason) => return Self { unclear: Some(reason), ..Self::default() },
        };
        let mut parser = Parser { tokens: &tokens, at: 0, script: Self { special: lexer.special, ..Self::default() }, depth: 0 };
        let mut last = Vec::new();
        while parser.at < tokens.len() {
            let start = parser.at;
            last = parser.list(&Place::default());
            // A word that closes nothing.
            if parser.at == start {
                parser.at += 1;
            }
        }
        let mut script = parser.script;
        script.end_with(&last);
        script
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
struct Parser<'t> {
    tokens: &'t [Token],
    at: usize,
    script: Script,
    depth: usize,
}

/// How deep commands may stand in each other.
const DEEPEST: usize = 64;

impl Parser<'_> {
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
            let start = self.at;
            last = self.chain(place);
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
            let fails = self.fails(middle);
            for command in self.script.commands.get_mut(from..middle).unwrap_or_default() {
                command.guarded |= or;
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
            self.at += 1;
        }
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
            last = self.command(&place);
        }
        last
    }

    fn command(&mut self, place: &Place) -> Vec<usize> {
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
                self.list(&Place { condition: true, ..place.clone() });
                self.body(place)
            }
            b"for" | b"select" => self.repetition(place),
            b"case" => self.cases(place),
            b"{" => {
                self.at += 1;
                let last = self.list(place);
                self.take(b"}");
                self.redirections(place, last)
            }
            b"function" => {
                self.script.special = Some("function");
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
                let last = self.list(place);
                self.at += usize::from(self.operator() == ")");
                self.redirections(place, last)
            }
            _ => self.simple(place),
        }
    }

    fn function(&mut self, name: Vec<u8>, place: &Place) -> Vec<usize> {
        self.script.functions.insert(name.clone());
        self.blank();
        let last = self.command(&Place { function: Some(name), conditional: place.conditional, condition: false });
        self.script.end_with(&last);
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

    fn body(&mut self, place: &Place) -> Vec<usize> {
        self.blank();
        let closing: &[u8] = if self.take(b"{") { b"}" } else { b"done" };
        self.take(b"do");
        let last = self.list(place);
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
        self.script.loops.push((name, values));
        self.body(place)
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
                Token::Redirect(true, word) => command.reads.push(word.clone()),
                Token::Redirect(false, word) => command.writes.push(word.clone()),
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
        while let Some(token) = self.tokens.get(self.at) {
            // Inside of `[[` operators are words.
            let inside = command.words.first().is_some_and(|word| word.is(b"[["));
            let closed = command.words.last().is_some_and(|word| word.is(b"]]"));
            match token {
                Token::Word(word) => match assignment(word).filter(|_| command.words.is_empty()) {
                    Some(assignment) => command.assignments.push(assignment),
                    None => command.words.push(word.clone()),
                },
                Token::Redirect(true, word) => command.reads.push(word.clone()),
                Token::Redirect(false, word) => command.writes.push(word.clone()),
                Token::Document(word) => command.documents.push(word.clone()),
                Token::Operator(_) if inside && !closed => {}
                Token::Operator(_) => break,
            }
            self.at += 1;
        }
        if command
            .words
            .first()
            .is_some_and(|word| [&b"[["[..], b"source", b"declare", b"let", b"shopt", b"pushd"].iter().any(|name| word.is(name)))
        {
            self.script.special = Some("a command of bash");
        }
        if command.words.is_empty() && command.assignments.is_empty() && command == place.command() {
            return Vec::new();
        }
        if command.is_set(b'e') {
            self.script.strict = true;
        }
        let strict = self.script.strict && !place.condition;
        command.ends = strict || command.words.first().is_some_and(|word| word.is(b"exec"));
        command.decides_end = strict;
        self.script.commands.push(command);
        vec![self.script.commands.len() - 1]
    }
}

impl Command {
    fn is_test(&self) -> bool {
        self.words
            .first()
            .is_some_and(|word| [&b"["[..], b"[[", b"test", b"command", b"which", b"type", b"grep"].iter().any(|name| word.is(name)))
    }

    fn is_set(&self, letter: u8) -> bool {
        let flag = |word: &Word| word.literal().is_some_and(|text| text.starts_with(b"-") && text.contains(&letter));
        self.words.first().is_some_and(|word| word.is(b"set")) && self.words.iter().skip(1).any(flag)
    }

    /// Whether the script cannot go on, or ends differently, if the command is not there.
    pub(super) fn is_needed(&self) -> bool {
        self.ends && !self.guarded && !self.conditional
    }
}

/// `NAME=WORD`
pub(super) fn assignment(word: &Word) -> Option<(Vec<u8>, Word)> {
    let Some(Part::Text(text)) = word.parts.first() else { return None };
    let at = text.iter().position(|byte| *byte == b'=')?;
    let name = text.get(..at)?;
    let is_name = name
        .iter()
        .enumerate()
        .all(|(position, byte)| byte.is_ascii_alphabetic() || *byte == b'_' || (position > 0 && byte.is_ascii_digit()));
    if name.is_empty() || !is_name {
        return None;
    }
    let mut value = Word { parts: Vec::new(), quoted: word.quoted };
    let rest = text.get(at + 1..).unwrap_or_default();
    if !rest.is_empty() {
        value.parts.push(Part::Text(rest.to_vec()));
    }
    value.parts.extend(word.parts.iter().skip(1).cloned());
    Some((name.to_vec(), value))
}

/// What variables may hold: none for what is only known when the script runs.
pub(super) type Variables = BTreeMap<Vec<u8>, Option<BTreeSet<Vec<u8>>>>;

/// The most values that a word may have before it counts as unknown.
pub(super) const MOST_VALUES: usize = 64;

/// The values that a word may have; none if some are not known.
pub(super) fn values(word: &Word, variables: &Variables) -> Option<Vec<Vec<u8>>> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<String> {
        let script = Script::parse(text.as_bytes());
        assert_eq!(script.unclear, None, "{text}");
        let name = |command: &Command| command.words.first().and_then(Word::literal).map(|name| String::from_utf8_lossy(name).into_owned());
        script.commands.iter().filter_map(name).collect()
    }

    #[test]
    fn commands_are_found() {
        for (text, expected) in [
            ("a; b && c || d", &["a", "b", "c", "d"][..]),
            ("X=1 a 'b c' # d\n", &["a"]),
            ("if a; then b; elif c; then d; else e; fi", &["a", "b", "c", "d", "e"]),
            ("for x in 1 2; do a $x; done | b", &["a", "b"]),
            ("case $x in a) b ;; c|d) e ;; *) f ;; esac; g", &["b", "e", "f", "g"]),
            ("f() { a; }; f", &["a", "f"]),
            ("a <<END\nb\nEND\nc 2>&1 >/dev/null", &["a", "c"]),
            ("[[ a && b ]] || c; (( d < e )); f=(g h)\nfunction i { j; }; i", &["[[", "c", ":", "j", "i"]),
            ("a <(b) >c; d &\ne", &["a", "d", "e"]),
            ("while read x; do a; done < f", &["read", "a"]),
            ("(a; b) && { c; }", &["a", "b", "c"]),
            ("! a", &["a"]),
            ("[ -e /x ] || { echo no; exit 7; }", &["[", "echo", "exit"]),
        ] {
            assert_eq!(names(text), expected, "{text}");
        }
        for text in ["a 'b", "a \"b", "a $(b", "a <(b"] {
            assert!(Script::parse(text.as_bytes()).unclear.is_some(), "{text}");
        }
    }

    #[test]
    fn words_have_values() {
        let script = Script::parse(b"a \"$X/os.py\" ${Y:-z} $(b) $Z");
        let variables = Variables::from([(b"X".to_vec(), Some(BTreeSet::from([b"/l".to_vec()])))]);
        let found: Vec<_> = script.commands[0].words.iter().map(|word| values(word, &variables)).collect();
        assert_eq!(
            found,
            [Some(vec![b"a".to_vec()]), Some(vec![b"/l/os.py".to_vec()]), Some(vec![b"z".to_vec()]), None, Some(vec![vec![]])]
        );
    }

    #[test]
    fn the_result_of_a_test_may_end_the_script() {
        let decides = |text: &str| Script::parse(text.as_bytes()).commands[0].decides_end;
        assert!(decides("[ -e /x ] || exit 1\na"));
        assert!(decides("[ -e /x ] && { a; exit 1; }\nb"));
        assert!(decides("if [ -e /x ]; then exit 1; fi\na"));
        assert!(decides("[ -e /x ]"));
        assert!(!decides("[ -e /x ] && a\nb"));
        assert!(!decides("if [ -e /x ]; then a; fi\nb"));
        assert!(!decides("[ -e /x ] || exit 0\nb"));
    }

    #[test]
    fn what_a_script_cannot_do_without() {
        let needed = |text: &str| -> Vec<bool> { Script::parse(text.as_bytes()).commands.iter().map(Command::is_needed).collect() };
        for (text, expected) in [
            ("a; b", &[false, true][..]),
            ("set -e\na; b", &[true, true, true]),
            ("set -e\na || b; c && d", &[true, false, false, true, true]),
            ("set -e\na || b; c && d; e", &[true, false, false, false, true, true]),
            ("a | b", &[false, true]),
            ("if a; then b; fi", &[false, false]),
            ("f() { a; b; }\nf\nc", &[false, true, false, true]),
            ("exec a\n", &[true]),
        ] {
            assert_eq!(needed(text), expected, "{text}");
        }
    }

    #[test]
    fn paths_are_taken_apart() {
        let script = Script::parse(b"a $(dirname \"$0\") $(cd \"$(dirname $0)/..\" && pwd) ${0##*/} $(b)");
        let variables = Variables::from([(b"0".to_vec(), Some(BTreeSet::from([b"/app/bin/run".to_vec()])))]);
        let found: Vec<_> = script.commands[0].words[1..].iter().map(|word| values(word, &variables)).collect();
        let some = |text: &str| Some(vec![text.as_bytes().to_vec()]);
        assert_eq!(found, [some("/app/bin"), some("/app"), some("run"), None]);
    }

    #[test]
    fn documents_are_words() {
        let script = Script::parse(b"a <<E <<'F'\nx $(b \"c\")\nE\n$(d)\nF\ne");
        let documents = &script.commands[0].documents;
        assert!(documents[0].parts.contains(&Part::Output(b"b \"c\"".to_vec())), "{documents:?}");
        assert_eq!(documents[1].parts, [Part::Text(b"$(d)\n".to_vec())]);
        assert_eq!(script.commands.len(), 2);
    }
}
