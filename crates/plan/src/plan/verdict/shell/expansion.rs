//! What a shell replaces in a word: variables, and what commands print.

use super::dialect::{self, Construct};
use super::lexer::{Lexer, flush};
use super::{Cut, Part, Word};

impl Lexer<'_> {
    /// A text whose variables and commands are replaced, up to a quote, or to the end of everything.
    pub(super) fn double_quoted(&mut self, word: &mut Word, text: &mut Vec<u8>, whole: bool) -> Result<(), &'static str> {
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

    pub(super) fn expansion(&mut self, word: &mut Word, text: &mut Vec<u8>) -> Result<(), &'static str> {
        if self.peek() == Some(b'`') {
            let rest = self.text.get(self.at + 1..).unwrap_or_default();
            let end = rest.iter().position(|byte| *byte == b'`').ok_or("a backquote without its end")?;
            flush(word, text);
            word.parts.push(Part::Output(rest.get(..end).unwrap_or_default().to_vec()));
            self.at += end + 2;
            return Ok(());
        }
        if self.follows(b"$'") {
            self.escaped(word, text);
            return Ok(());
        }
        if self.follows(b"$((") {
            flush(word, text);
            word.parts.push(Part::Dynamic);
            let inner = self.balanced(b'(', b')')?;
            if let Some(construct) = dialect::arithmetic(&inner) {
                self.meet(construct);
            }
            return Ok(());
        }
        if self.follows(b"$(") {
            self.at += 1;
            let inner = self.balanced(b'(', b')')?;
            if inner.trim_ascii_start().starts_with(b"<") {
                self.meet(dialect::CONTENT);
            }
            flush(word, text);
            word.parts.push(Part::Output(inner));
            return Ok(());
        }
        if self.follows(b"${") {
            return self.braces(word, text);
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
            let name = rest.get(..length).unwrap_or_default().to_vec();
            if let Some(construct) = dialect::variable(&name) {
                self.meet(construct);
            }
            word.parts.push(Part::Variable(name, None));
        }
        Ok(())
    }

    /// `$'TEXT'`
    fn escaped(&mut self, word: &mut Word, text: &mut Vec<u8>) {
        self.meet(dialect::QUOTE);
        self.at += 2;
        while let Some(byte) = self.peek().filter(|byte| *byte != b'\'') {
            self.at += 1 + usize::from(byte == b'\\');
        }
        self.at += 1;
        word.quoted = true;
        flush(word, text);
        word.parts.push(Part::Dynamic);
    }

    /// `${NAME}` and its forms.
    fn braces(&mut self, word: &mut Word, text: &mut Vec<u8>) -> Result<(), &'static str> {
        self.at += 1;
        let inner = self.balanced(b'{', b'}')?;
        flush(word, text);
        let length = inner.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
        if let Some(construct) = dialect::braced(&inner).or_else(|| dialect::variable(inner.get(..length)?)) {
            self.meet(construct);
        }
        let pattern = inner.get(length..).filter(|rest| rest.starts_with(b"#") || rest.starts_with(b"%"));
        if pattern.is_some_and(|pattern| pattern.windows(2).any(|pair| pair == b"[^")) {
            self.meet(dialect::NEGATED);
        }
        word.parts.push(braced(&inner));
        Ok(())
    }

    /// The text between a bracket and the one that closes it, with quotes obeyed.
    pub(super) fn balanced(&mut self, open: u8, close: u8) -> Result<Vec<u8>, &'static str> {
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
        [b'%', b'%', pattern @ ..] => cut(name, true, true, pattern),
        [b'%', pattern @ ..] => cut(name, true, false, pattern),
        [b'#', b'#', pattern @ ..] => cut(name, false, true, pattern),
        [b'#', pattern @ ..] => cut(name, false, false, pattern),
        b"[0]" if name == b"BASH_SOURCE" => Part::Variable(name.to_vec(), None),
        b"[@]" | b"[*]" => Part::All(name.to_vec(), 0),
        [b'[', b'@', b']', b':', count @ ..] => number(count).map_or(Part::Dynamic, |count| Part::All(name.to_vec(), count)),
        // `${@:0}` has the name of the script too.
        [b':', count @ ..] if name == b"@" => {
            number(count).and_then(|count| count.checked_sub(1)).map_or(Part::Dynamic, |count| Part::All(name.to_vec(), count))
        }
        [b':', slice @ ..] if slice.first().is_some_and(u8::is_ascii_digit) && name != b"*" => {
            sliced(slice).map_or(Part::Dynamic, |(from, length)| Part::Slice(name.to_vec(), from, length))
        }
        [b':', b'-' | b'=' | b'+', inner @ ..] | [b'-' | b'=' | b'+', inner @ ..] => nested(inner),
        _ => Part::Dynamic,
    }
}

/// `FROM` or `FROM:LENGTH`
fn sliced(text: &[u8]) -> Option<(usize, usize)> {
    match text.iter().position(|byte| *byte == b':') {
        Some(at) => Some((number(text.get(..at)?)?, number(text.get(at + 1..)?)?)),
        None => Some((number(text)?, usize::MAX)),
    }
}

/// A small number, spaces before it left out.
fn number(text: &[u8]) -> Option<usize> {
    std::str::from_utf8(text.trim_ascii()).ok()?.parse().ok().filter(|number| *number < 100)
}

/// `${NAME%PATTERN}` and its like. Of a pattern with sets, escapes or commands, what it fits is not known.
fn cut(name: &[u8], end: bool, most: bool, pattern: &[u8]) -> Part {
    let has = |byte: &u8| matches!(byte, b'[' | b'\\' | b'`' | b'~' | b'(');
    if matches!(name, b"" | b"@" | b"*") || pattern.len() > 100 || pattern.iter().any(has) {
        return Part::Dynamic;
    }
    match Lexer::new(pattern).whole() {
        Some(word) => Part::Cut(name.to_vec(), Cut { end, most, pattern: word.parts }),
        None => Part::Dynamic,
    }
}

/// A value that commands make: they count, whatever they print.
fn nested(inner: &[u8]) -> Part {
    // Each level is shorter, so this ends soon.
    if inner.len() > 512 {
        return Part::Dynamic;
    }
    match expanded(inner).ok().and_then(|(word, _)| word.parts.into_iter().find(|part| matches!(part, Part::Output(_)))) {
        Some(part) => part,
        None => Part::Dynamic,
    }
}

/// A text whose variables and commands are replaced, and what in it depends on the shell.
pub(super) fn expanded(text: &[u8]) -> Result<(Word, Vec<Construct>), &'static str> {
    let (mut word, mut plain) = (Word { parts: Vec::new(), quoted: true }, Vec::new());
    let mut lexer = Lexer::new(text);
    lexer.double_quoted(&mut word, &mut plain, true)?;
    flush(&mut word, &mut plain);
    Ok((word, lexer.met.into_iter().map(|(_, construct, _)| construct).collect()))
}
