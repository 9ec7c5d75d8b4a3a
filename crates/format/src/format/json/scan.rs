//! One pass that validates a document, and cursors over validated text.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

use crate::foundation::{Code, Error, Fact, Limits, Result, effort};

/// Above this many members, keys are compared through a set instead of one by one.
const MEMBERS_COMPARED_PAIRWISE: usize = 16;

/// Where the members of the root object stand, and the items of its list of manifests: found while the document is validated, so that
/// nobody has to walk over a large one again. Items of other lists are not noted, since a list that nobody reads may have a hundred
/// million.
#[derive(Debug, Clone, Default)]
pub struct Outline {
    pub(super) members: Vec<Part>,
    /// The items of the list of manifests.
    pub(super) items: Vec<Range<usize>>,
}

/// A member of the root.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) key: Range<usize>,
    pub(super) value: Range<usize>,
    /// Which of the items are its.
    pub(super) items: Range<usize>,
}

/// Validates `text` and gives the text of its one value.
pub(super) fn validate<'a>(text: &'a str, limits: &Limits) -> Result<&'a str> {
    scan(Scanner::new(text, limits, None)).map(|(root, _)| root)
}

/// As [`validate`], with the places of what is in the root.
pub(super) fn outline<'a>(text: &'a str, limits: &Limits) -> Result<(&'a str, Outline)> {
    scan(Scanner::new(text, limits, Some(Outline::default()))).map(|(root, outline)| (root, outline.unwrap_or_default()))
}

fn scan(mut scanner: Scanner<'_>) -> Result<(&str, Option<Outline>)> {
    let text = scanner.text;
    effort::document(text.len());
    if text.starts_with('\u{feff}') {
        return Err(Error::new(Code::JsonEncoding, "the document starts with a byte order mark"));
    }
    scanner.whitespace();
    let start = scanner.at;
    scanner.value()?;
    let end = scanner.at;
    scanner.whitespace();
    if scanner.at != text.len() {
        return Err(Error::new(Code::JsonTrailing, "the document goes on after its value")
            .found(Fact::new(format!("{} more bytes at offset {}", text.len().saturating_sub(scanner.at), scanner.at), "the document")));
    }
    Ok((text.get(start..end).unwrap_or_default(), scanner.outline))
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    /// Most members of an object, and most items that are noted.
    members: usize,
    most: usize,
    /// The keys of all objects that are open, those of the innermost one last: an index has a hundred thousand objects, and a list
    /// for each would cost as much as reading them.
    keys: Vec<Cow<'a, str>>,
    /// How many objects and lists are open.
    level: usize,
    outline: Option<Outline>,
    /// Whether the items of the list that is read are noted.
    noted: bool,
}

impl<'a> Scanner<'a> {
    fn new(text: &'a str, limits: &Limits, outline: Option<Outline>) -> Self {
        let (depth, members, most) = (limits.json_depth, limits.json_members, limits.index_entries.saturating_add(1));
        Self { text, at: 0, depth, members, most, keys: Vec::new(), level: 0, outline, noted: false }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn advance(&mut self, count: usize) {
        self.at = self.at.saturating_add(count);
    }

    fn syntax(&self, wanted: &str) -> Error {
        let found = match self.text.get(self.at..).and_then(|rest| rest.chars().next()) {
            Some(character) => format!("{character:?} at offset {}", self.at),
            None => format!("the end at offset {}", self.at),
        };
        Error::new(Code::JsonSyntax, "the document is not JSON")
            .expected(Fact::new(wanted, "RFC 8259"))
            .found(Fact::new(found, "the document"))
    }

    fn whitespace(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.advance(1);
        }
    }

    fn value(&mut self) -> Result<()> {
        match self.peek() {
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::array),
            Some(b'"') => self.string().map(|_| ()),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true"),
            Some(b'f') => self.word("false"),
            Some(b'n') => self.word("null"),
            _ => Err(self.syntax("a value")),
        }
    }

    /// Recursion is bounded by the limit, so the stack is too.
    fn nested(&mut self, inner: fn(&mut Self) -> Result<()>) -> Result<()> {
        self.depth = self.depth.checked_sub(1).ok_or_else(|| {
            Error::new(Code::JsonDepth, "the document is nested too deeply")
                .found(Fact::new(format!("one level more at offset {}", self.at), "the document"))
        })?;
        self.level = self.level.saturating_add(1);
        inner(self)?;
        self.level = self.level.saturating_sub(1);
        self.depth = self.depth.saturating_add(1);
        Ok(())
    }

    fn object(&mut self) -> Result<()> {
        self.advance(1);
        self.whitespace();
        let mut keys = Keys { first: self.keys.len(), many: None };
        let mut count: usize = 0;
        if self.peek() == Some(b'}') {
            self.advance(1);
            return Ok(());
        }
        loop {
            if self.peek() != Some(b'"') {
                return Err(self.syntax("a key"));
            }
            let at = self.at;
            let key = self.string()?;
            count = count.saturating_add(1);
            if count > self.members {
                return Err(Error::new(Code::JsonMembers, "an object has too many members")
                    .expected(Fact::new(format!("at most {}", self.members), "the limits"))
                    .found(Fact::new(format!("one more at offset {at}"), "the document")));
            }
            if self.level == 1 {
                self.noted = key_is(key, "manifests");
            }
            if let Some(key) = keys.add(unescape(key), &mut self.keys) {
                return Err(Error::new(Code::JsonDuplicateKey, format!("the key {key:?} stands twice in one object"))
                    .found(Fact::new(format!("the second one at offset {at}"), "the document")));
            }
            self.whitespace();
            if self.peek() != Some(b':') {
                return Err(self.syntax("a colon"));
            }
            self.advance(1);
            self.whitespace();
            let (key, value, items) = (at..at.saturating_add(key.len()), self.at, self.items());
            self.value()?;
            let (end, last) = (self.at, self.items());
            if let Some(outline) = self.outline.as_mut().filter(|_| self.level == 1) {
                outline.members.push(Part { key, value: value..end, items: items..last });
            }
            self.whitespace();
            match self.peek() {
                Some(b',') => self.advance(1),
                Some(b'}') => {
                    self.advance(1);
                    self.keys.truncate(keys.first);
                    return Ok(());
                }
                _ => return Err(self.syntax("a comma or }")),
            }
            self.whitespace();
        }
    }

    /// How many items of lists in the root were found.
    fn items(&self) -> usize {
        self.outline.as_ref().map_or(0, |outline| outline.items.len())
    }

    fn array(&mut self) -> Result<()> {
        self.advance(1);
        self.whitespace();
        if self.peek() == Some(b']') {
            self.advance(1);
            return Ok(());
        }
        loop {
            let start = self.at;
            self.value()?;
            let end = self.at;
            let noted = self.noted && self.level == 2;
            if let Some(outline) = self.outline.as_mut().filter(|outline| noted && outline.items.len() < self.most) {
                outline.items.push(start..end);
            }
            self.whitespace();
            match self.peek() {
                Some(b',') => self.advance(1),
                Some(b']') => {
                    self.advance(1);
                    return Ok(());
                }
                _ => return Err(self.syntax("a comma or ]")),
            }
            self.whitespace();
        }
    }

    fn word(&mut self, word: &str) -> Result<()> {
        if self.text.get(self.at..).is_some_and(|rest| rest.starts_with(word)) {
            self.advance(word.len());
            Ok(())
        } else {
            Err(self.syntax(word))
        }
    }

    fn digits(&mut self) -> Result<()> {
        if !matches!(self.peek(), Some(b'0'..=b'9')) {
            return Err(self.syntax("a digit"));
        }
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.advance(1);
        }
        Ok(())
    }

    fn number(&mut self) -> Result<()> {
        if self.peek() == Some(b'-') {
            self.advance(1);
        }
        if self.peek() == Some(b'0') {
            self.advance(1);
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.advance(1);
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.advance(1);
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.advance(1);
            }
            self.digits()?;
        }
        Ok(())
    }

    /// Checks a string and gives its text with the quotes.
    fn string(&mut self) -> Result<&'a str> {
        let start = self.at;
        self.advance(1);
        loop {
            self.at = plain(self.text.as_bytes(), self.at);
            match self.peek() {
                None => return Err(self.syntax("the end of a string")),
                Some(b'"') => {
                    self.advance(1);
                    return Ok(self.text.get(start..self.at).unwrap_or_default());
                }
                Some(b'\\') => self.escape()?,
                Some(_) => return Err(self.syntax("no control character in a string")),
            }
        }
    }

    fn escape(&mut self) -> Result<()> {
        self.advance(1);
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.advance(1);
                Ok(())
            }
            Some(b'u') => {
                let unit = self.unit()?;
                let lone = Error::new(Code::JsonEncoding, "a string holds half of a surrogate pair")
                    .found(Fact::new(format!("\\u{unit:04x} before offset {}", self.at), "the document"));
                match unit {
                    0xdc00..=0xdfff => Err(lone),
                    0xd800..=0xdbff => {
                        if self.peek() != Some(b'\\') {
                            return Err(lone);
                        }
                        self.advance(1);
                        if self.peek() != Some(b'u') || !(0xdc00..=0xdfff).contains(&self.unit()?) {
                            return Err(lone);
                        }
                        Ok(())
                    }
                    _ => Ok(()),
                }
            }
            _ => Err(self.syntax("an escape sequence")),
        }
    }

    /// Reads `uXXXX`.
    fn unit(&mut self) -> Result<u32> {
        self.advance(1);
        let end = self.at.saturating_add(4);
        let unit = self
            .text
            .get(self.at..end)
            .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .and_then(|digits| u32::from_str_radix(digits, 16).ok())
            .ok_or_else(|| self.syntax("four hexadecimal digits"))?;
        self.at = end;
        Ok(unit)
    }
}

/// The keys of one object; most objects are too small to be worth a set.
struct Keys<'a> {
    /// Where its keys begin among those of all open objects.
    first: usize,
    many: Option<HashSet<Cow<'a, str>>>,
}

impl<'a> Keys<'a> {
    /// Adds a key; gives it back if it was there already.
    fn add(&mut self, key: Cow<'a, str>, open: &mut Vec<Cow<'a, str>>) -> Option<String> {
        if let Some(many) = &mut self.many {
            return many.replace(key).map(Cow::into_owned);
        }
        let own = open.get(self.first..).unwrap_or_default();
        if own.contains(&key) {
            return Some(key.into_owned());
        }
        let several = own.len() >= MEMBERS_COMPARED_PAIRWISE;
        open.push(key);
        if several {
            self.many = Some(open.drain(self.first..).collect());
        }
        None
    }
}

/// The text of a validated string.
pub(super) fn unescape(quoted: &str) -> Cow<'_, str> {
    let inner = quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default();
    if !inner.contains('\\') {
        return Cow::Borrowed(inner);
    }
    let mut out = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    let mut high: u32 = 0;
    while let Some(character) = characters.next() {
        if character != '\\' {
            out.push(character);
            continue;
        }
        match characters.next() {
            Some('b') => out.push('\u{8}'),
            Some('f') => out.push('\u{c}'),
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('t') => out.push('\t'),
            Some('u') => {
                let unit = characters.by_ref().take(4).filter_map(|digit| digit.to_digit(16)).fold(0, |unit, digit| (unit << 4) | digit);
                match unit {
                    0xd800..=0xdbff => high = unit,
                    0xdc00..=0xdfff => {
                        let pair = 0x1_0000_u32.wrapping_add((high & 0x3ff) << 10).wrapping_add(unit & 0x3ff);
                        out.push(char::from_u32(pair).unwrap_or('\u{fffd}'));
                    }
                    _ => out.push(char::from_u32(unit).unwrap_or('\u{fffd}')),
                }
            }
            Some(other) => out.push(other),
            None => {}
        }
    }
    Cow::Owned(out)
}

/// Whether the quoted `key` says `name`.
pub(super) fn key_is(key: &str, name: &str) -> bool {
    match key.get(1..key.len().saturating_sub(1)) {
        Some(inner) if !inner.contains('\\') => inner == name,
        _ => unescape(key) == name,
    }
}

/// Where the value that starts at `at` ends. The text is validated, so brackets match.
fn value_end(text: &str, at: usize) -> usize {
    let bytes = text.as_bytes();
    let mut position = at;
    let mut depth: usize = 0;
    loop {
        match bytes.get(position) {
            None => return position,
            Some(b'"') => {
                position = string_end(bytes, position);
                if depth == 0 {
                    return position;
                }
                continue;
            }
            Some(b'{' | b'[') => depth = depth.saturating_add(1),
            Some(b'}' | b']') => {
                if depth <= 1 {
                    return if depth == 1 { position.saturating_add(1) } else { position };
                }
                depth = depth.saturating_sub(1);
            }
            Some(b',' | b' ' | b'\t' | b'\n' | b'\r') if depth == 0 => return position,
            Some(_) => {}
        }
        position = position.saturating_add(1);
    }
}

fn string_end(bytes: &[u8], at: usize) -> usize {
    let mut position = plain(bytes, at.saturating_add(1));
    while bytes.get(position) == Some(&b'\\') {
        position = plain(bytes, position.saturating_add(2));
    }
    position.saturating_add(1).min(bytes.len())
}

/// Where, from `at` on, the first byte of a string is that is not just itself: a quote, a backslash, a control character. Most of a
/// document is strings of a few dozen bytes, so eight are looked at at once.
fn plain(bytes: &[u8], at: usize) -> usize {
    const EACH: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x80 * EACH;
    // Of each byte of `word`, whether it is less than `bound`, which is at most 128. Above a byte that is, a bit may be set in error.
    let less = |word: u64, bound: u64| word.wrapping_sub(EACH.wrapping_mul(bound)) & !word & HIGH;
    let is = |word: u64, byte: u8| less(word ^ EACH.wrapping_mul(u64::from(byte)), 1);
    let rest = bytes.get(at..).unwrap_or_default();
    let (words, tail) = rest.as_chunks::<8>();
    for (number, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let found = less(word, 0x20) | is(word, b'"') | is(word, b'\\');
        if found != 0 {
            return at.saturating_add(number.saturating_mul(8)).saturating_add((found.trailing_zeros() / 8) as usize);
        }
    }
    let special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
    let before = tail.iter().position(special).unwrap_or(tail.len());
    bytes.len().saturating_sub(tail.len()).saturating_add(before)
}

fn skip(text: &str, mut at: usize) -> usize {
    while matches!(text.as_bytes().get(at), Some(b' ' | b'\t' | b'\n' | b'\r' | b',' | b':')) {
        at = at.saturating_add(1);
    }
    at
}

/// The members of an object: the quoted key and the text of the value.
pub(super) struct Members<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Members<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let at = if text.starts_with('{') { 1 } else { text.len() };
        Self { text, at }
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let key = skip(self.text, self.at);
        if self.text.as_bytes().get(key) != Some(&b'"') {
            return None;
        }
        let key_end = string_end(self.text.as_bytes(), key);
        let value = skip(self.text, key_end);
        let value_end = value_end(self.text, value);
        self.at = value_end;
        Some((self.text.get(key..key_end)?, self.text.get(value..value_end)?))
    }
}

/// The items of a list.
pub(super) struct Items<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Items<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let at = if text.starts_with('[') { 1 } else { text.len() };
        Self { text, at }
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<Self::Item> {
        let start = skip(self.text, self.at);
        if matches!(self.text.as_bytes().get(start), None | Some(b']')) {
            return None;
        }
        let end = value_end(self.text, start);
        self.at = end;
        self.text.get(start..end)
    }
}
