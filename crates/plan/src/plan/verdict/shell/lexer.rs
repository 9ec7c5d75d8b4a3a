//! Splits a script into words and operators.

use super::dialect::{self, Construct};
use super::expansion::expanded;
use super::{Part, Word};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    Word(Word),
    /// `;`, `&`, `|`, `&&`, `||`, `(`, `)`, `;;` or the end of a line.
    Operator(&'static str),
    /// A redirection, and the file.
    Redirect(Direction, Word),
    /// A here document, or a here string.
    Document(Word),
}

/// What a redirection does with its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Reads,
    Writes,
    Appends,
}

/// Splits a text into tokens.
pub(super) struct Lexer<'a> {
    pub(super) text: &'a [u8],
    pub(super) at: usize,
    /// Here documents whose bodies follow the line: where their tokens are, the word that ends each, and whether it is as it stands.
    documents: Vec<(usize, Vec<u8>, bool)>,
    /// What depends on the shell: the number of the token that it begins with, and whether a shell that lacks it gets there.
    pub(super) met: Vec<(usize, Construct, bool)>,
    /// The number of the token that is read.
    token: usize,
    /// Whether the script may have ended before.
    ended: bool,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0, documents: Vec::new(), met: Vec::new(), token: 0, ended: false }
    }

    pub(super) fn meet(&mut self, construct: Construct) {
        self.met.push((self.token, construct, !self.ended));
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    pub(super) fn follows(&self, text: &[u8]) -> bool {
        self.text.get(self.at..).is_some_and(|rest| rest.starts_with(text))
    }

    pub(super) fn tokens(&mut self) -> Result<Vec<Token>, &'static str> {
        const OPERATORS: [&str; 12] = ["&&", "||", ";;&", ";;", ";&", ";", "|&", "|", "&", "(", ")", "\n"];
        let mut tokens = Vec::new();
        while let Some(byte) = self.peek() {
            self.token = tokens.len();
            match byte {
                b' ' | b'\t' | b'\r' => self.at += 1,
                b'\\' if self.follows(b"\\\n") => self.at += 2,
                b'#' => {
                    while self.peek().is_some_and(|byte| byte != b'\n') {
                        self.at += 1;
                    }
                }
                b'<' | b'>' => {
                    if self.is_named(&tokens) {
                        self.meet(dialect::DESCRIPTOR);
                    }
                    self.redirect(&mut tokens)?;
                }
                b'&' if self.follows(b"&>") => {
                    self.meet(dialect::BOTH);
                    self.at += 1;
                    self.redirect(&mut tokens)?;
                }
                b'(' if self.follows(b"((") => {
                    let counts = tokens.last().is_some_and(|token| matches!(token, Token::Word(word) if word.is(b"for")));
                    self.meet(if counts { dialect::FOR_NUMBERS } else { dialect::NUMBERS });
                    self.balanced(b'(', b')')?;
                    tokens.push(Token::Word(Word { parts: vec![Part::Text(b":".to_vec())], quoted: false }));
                }
                b'0'..=b'9' if self.is_descriptor() => {
                    let start = self.at;
                    while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
                        self.at += 1;
                    }
                    if self.at - start > 1 {
                        self.meet(dialect::DIGITS);
                    }
                    self.redirect(&mut tokens)?;
                }
                _ => {
                    if let Some(operator) = OPERATORS.iter().find(|operator| self.follows(operator.as_bytes())) {
                        match *operator {
                            "|&" => self.meet(dialect::PIPE_BOTH),
                            ";&" | ";;&" => self.meet(dialect::CASE_ON),
                            _ => {}
                        }
                        self.at += operator.len();
                        tokens.push(Token::Operator(operator));
                        if *operator == "\n" {
                            self.read_documents(&mut tokens)?;
                        }
                    } else {
                        let word = self.word()?;
                        self.ended |= [&b"exit"[..], b"exec", b"return"].iter().any(|name| word.is(name));
                        tokens.push(Token::Word(word));
                    }
                }
            }
        }
        Ok(tokens)
    }

    /// Whether `{NAME}` stands before a redirection.
    fn is_named(&self, tokens: &[Token]) -> bool {
        let braced = |text: &[u8]| text.len() > 2 && text.starts_with(b"{") && text.ends_with(b"}");
        let adjacent = self.at.checked_sub(1).and_then(|at| self.text.get(at)) == Some(&b'}');
        adjacent && matches!(tokens.last(), Some(Token::Word(word)) if word.literal().is_some_and(braced))
    }

    fn is_descriptor(&self) -> bool {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        matches!(rest.get(digits), Some(b'<' | b'>'))
    }

    fn redirect(&mut self, tokens: &mut Vec<Token>) -> Result<(), &'static str> {
        if self.follows(b"<(") || self.follows(b">(") {
            self.meet(dialect::PROCESS);
            let inner = self.balanced(b'(', b')')?;
            tokens.push(Token::Word(Word { parts: vec![Part::Output(inner)], quoted: true }));
            return Ok(());
        }
        let here_string = self.follows(b"<<<");
        let document = self.follows(b"<<") && !here_string;
        let direction = match self.peek() {
            Some(b'<') if !self.follows(b"<>") => Direction::Reads,
            // What is opened for both keeps what it had.
            _ if self.follows(b">>") || self.follows(b"<>") => Direction::Appends,
            _ => Direction::Writes,
        };
        while matches!(self.peek(), Some(b'<' | b'>' | b'|')) || (document && self.peek() == Some(b'-')) {
            self.at += 1;
        }
        if self.peek() == Some(b'&') {
            self.at += 1;
            if self.peek().is_some_and(|byte| byte.is_ascii_alphabetic() || matches!(byte, b' ' | b'/' | b'.')) {
                self.meet(dialect::BOTH_TO_FILE);
                return self.target(tokens);
            }
            // A copy of a descriptor.
            while self.peek().is_some_and(|byte| byte.is_ascii_digit() || byte == b'-') {
                self.at += 1;
            }
            return Ok(());
        }
        self.spaces();
        // `< <(COMMAND)`
        if !document && !here_string && (self.follows(b"<(") || self.follows(b">(")) {
            self.meet(dialect::PROCESS);
            let inner = self.balanced(b'(', b')')?;
            tokens.push(Token::Redirect(direction, Word { parts: vec![Part::Output(inner)], quoted: true }));
            return Ok(());
        }
        let word = self.word()?;
        if document {
            self.documents.push((tokens.len(), word.literal().unwrap_or_default().to_vec(), word.quoted));
            tokens.push(Token::Document(Word::default()));
        } else if here_string {
            self.meet(dialect::HERE_STRING);
            tokens.push(Token::Document(word));
        } else {
            tokens.push(Token::Redirect(direction, word));
        }
        Ok(())
    }

    /// The body of a here document whose variables and commands are replaced.
    fn document(&mut self, body: &[u8], place: usize) -> Result<Word, &'static str> {
        let (word, met) = expanded(body)?;
        // Some shells go on after it.
        self.met.extend(met.into_iter().map(|construct| (place, construct, false)));
        Ok(word)
    }

    fn spaces(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t')) {
            self.at += 1;
        }
    }

    /// The file that is written after `>&`.
    fn target(&mut self, tokens: &mut Vec<Token>) -> Result<(), &'static str> {
        self.spaces();
        let word = self.word()?;
        tokens.push(Token::Redirect(Direction::Writes, word));
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
            let word = if literal { Word { parts: vec![Part::Text(body.to_vec())], quoted: true } } else { self.document(body, place)? };
            if let Some(token) = tokens.get_mut(place) {
                *token = Token::Document(word);
            }
        }
        Ok(())
    }

    /// The one word that the text is, with signs of patterns wherever they stand.
    pub(super) fn whole(&mut self) -> Option<Word> {
        let word = self.word().ok()?;
        (self.at == self.text.len()).then_some(word)
    }

    fn word(&mut self) -> Result<Word, &'static str> {
        let mut word = Word::default();
        let mut text = Vec::new();
        while let Some(byte) = self.peek() {
            if self.follows(b"[^") {
                self.meet(dialect::NEGATED);
            }
            match byte {
                b'(' if text.ends_with(b"=") => {
                    self.meet(dialect::ARRAY);
                    let inner = self.balanced(b'(', b')')?;
                    flush(&mut word, &mut text);
                    word.parts.push(list(&inner));
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
                b'$' if self.follows(b"$\"") => {
                    self.meet(dialect::TRANSLATED);
                    self.at += 1;
                }
                b'$' | b'`' => self.expansion(&mut word, &mut text)?,
                // A path begins a word or a value; in `=~` none does.
                b'~' if !word.quoted
                    && word.parts.is_empty()
                    && (text.is_empty() || text.strip_suffix(b"=").is_some_and(dialect::is_name)) =>
                {
                    self.home(&mut word, &mut text);
                }
                b'{' if dialect::is_braces(self.text.get(self.at..).unwrap_or_default()) => {
                    self.meet(dialect::BRACES);
                    text.push(byte);
                    self.at += 1;
                }
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
}

impl Lexer<'_> {
    /// `~` and `~USER` where a path begins.
    fn home(&mut self, word: &mut Word, text: &mut Vec<u8>) {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let named = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
        let length = 1 + rest.iter().skip(1).take_while(|byte| named(byte)).count();
        let name = rest.get(..length).unwrap_or_default();
        let ends = rest.get(length).is_none_or(|byte| b"/: \t\r\n;|&()<>".contains(byte));
        self.at += length;
        if !ends {
            return text.extend_from_slice(name);
        }
        flush(word, text);
        word.parts.push(Part::Variable(if length == 1 { b"HOME".to_vec() } else { name.to_vec() }, None));
    }
}

/// The words between the brackets of an array.
fn list(inner: &[u8]) -> Part {
    // There are none in each other.
    let nested = inner.windows(2).any(|pair| pair == b"=(");
    let tokens = if nested { Err("arrays in each other") } else { Lexer::new(inner).tokens() };
    let word = |token| match token {
        Token::Word(word) => Some(Some(word)),
        Token::Operator("\n") => Some(None),
        _ => None,
    };
    match tokens.ok().and_then(|tokens| tokens.into_iter().map(word).collect::<Option<Vec<_>>>()) {
        Some(words) => Part::List(words.into_iter().flatten().collect()),
        None => Part::Dynamic,
    }
}

pub(super) fn flush(word: &mut Word, text: &mut Vec<u8>) {
    if !text.is_empty() {
        word.parts.push(Part::Text(std::mem::take(text)));
    }
}
