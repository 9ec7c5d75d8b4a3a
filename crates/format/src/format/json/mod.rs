//! Strict, lossless JSON.
//!
//! Image documents are I-JSON (image-spec, canonicalization.md). Readers written in Go take the last of two equal keys
//! and match keys without regard to case; others take the first and match exactly. A document on which two readers can
//! disagree is a way to have one image checked and another one run, so [`Document::parse`] refuses it.
//!
//! A [`Node`] is a cursor over validated text: it owns nothing, and walking it scans the text again, which for these
//! documents costs less than building a tree. Half a gigabyte of `index.json` therefore costs half a gigabyte.
//!
//! [`Value`] is the editable form. A part that nobody opened is written back byte for byte, so what other tools put
//! into a document, number spellings and unknown fields included, survives.

mod scan;
mod value;

pub use scan::Outline;
pub use value::Value;

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use crate::foundation::{Code, Error, Fact, Limits, Result};

/// A JSON document that passed validation.
#[derive(Debug, Clone, Copy)]
pub struct Document<'a> {
    root: Node<'a>,
}

impl<'a> Document<'a> {
    /// Validates `bytes`: UTF-8 without byte order mark, one value, no duplicate keys, no lone surrogates, depth within
    /// the limit.
    ///
    /// # Errors
    /// `json.encoding`, `json.syntax`, `json.duplicate_key`, `json.trailing`, `json.depth`.
    pub fn parse(bytes: &'a [u8], limits: &Limits) -> Result<Self> {
        Self::of(std::str::from_utf8(bytes).map_err(encoding)?, limits)
    }

    fn of(text: &'a str, limits: &Limits) -> Result<Self> {
        Ok(Self { root: Node { text: scan::validate(text, limits)? } })
    }

    /// The value.
    pub fn root(self) -> Node<'a> {
        self.root
    }
}

fn encoding(error: std::str::Utf8Error) -> Error {
    Error::new(Code::JsonEncoding, "the document is not UTF-8")
        .found(Fact::new(format!("an invalid byte at offset {}", error.valid_up_to()), "the document"))
}

/// A validated document that owns its text, for values that outlive the bytes they came from.
#[derive(Debug, Clone)]
pub struct Text {
    // Not an `Arc<str>`, which would be made by copying hundreds of megabytes.
    text: Arc<String>,
    root: Range<usize>,
}

impl Text {
    /// Validates and keeps `bytes`; see [`Document::parse`].
    pub fn parse(bytes: Vec<u8>, limits: &Limits) -> Result<Self> {
        let text = String::from_utf8(bytes).map_err(|error| encoding(error.utf8_error()))?;
        let root = Document::of(&text, limits)?.root();
        let start = root.offset_in(&text);
        let root = start..start + root.raw().len();
        Ok(Self { text: Arc::new(text), root })
    }

    /// As [`Text::parse`], with the places of what is in the root: for documents of many megabytes. Of the lists only the items of
    /// `manifests` are noted, one more than an index may have at most.
    ///
    /// # Errors
    /// As [`Document::parse`].
    pub fn outlined(bytes: Vec<u8>, limits: &Limits) -> Result<(Self, Outline)> {
        let text = String::from_utf8(bytes).map_err(|error| encoding(error.utf8_error()))?;
        let (root, outline) = scan::outline(&text, limits)?;
        let start = Node { text: root }.offset_in(&text);
        let root = start..start + root.len();
        Ok((Self { text: Arc::new(text), root }, outline))
    }

    /// The members of the root object, which `outline` must be of; `field` names it in the error.
    ///
    /// # Errors
    /// `json.type`.
    pub fn object<'a>(&'a self, outline: &'a Outline, field: &str) -> Result<Object<'a>> {
        self.root().expect(Kind::Object, field)?;
        let text = |range: &Range<usize>| self.text.get(range.clone()).unwrap_or_default();
        let member = |part: &'a scan::Part| Member {
            key: scan::unescape(text(&part.key)),
            value: Node { text: text(&part.value) },
            items: outline.items.get(part.items.clone()).filter(|items| !items.is_empty()),
        };
        Ok(Object { text: &self.text, members: outline.members.iter().map(member).collect() })
    }

    /// The value.
    pub fn root(&self) -> Node<'_> {
        Node { text: self.text.get(self.root.clone()).unwrap_or_default() }
    }

    /// The whole text, with what surrounds the value.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The text of a value of this document, without a copy of it.
    pub(crate) fn excerpt(&self, node: Node<'_>) -> Excerpt {
        Excerpt { text: Arc::clone(&self.text), range: self.place(node) }
    }

    /// Where in the whole text a value of this document stands.
    pub fn place(&self, node: Node<'_>) -> Range<usize> {
        let from = node.offset_in(&self.text);
        from..from + node.raw().len()
    }
}

/// A part of a text that others share: an index has tens of thousands of entries, and each keeps its own words.
#[derive(Clone)]
pub struct Excerpt {
    text: Arc<String>,
    range: Range<usize>,
}

impl Excerpt {
    /// The value that it is the text of.
    pub fn node(&self) -> Node<'_> {
        Node { text: self }
    }

    /// A part of it.
    pub fn part(&self, range: Range<usize>) -> Self {
        let from = self.range.start;
        Self { text: Arc::clone(&self.text), range: from + range.start..from + range.end }
    }

    /// Takes in `next` and the text before it, if both come next in the shared text; whether they do.
    pub fn join(&mut self, between: &str, next: &Self) -> bool {
        let gap = self.range.end..next.range.start;
        let joins = Arc::ptr_eq(&self.text, &next.text) && self.text.get(gap) == Some(between);
        if joins {
            self.range.end = next.range.end;
        }
        joins
    }
}

impl std::ops::Deref for Excerpt {
    type Target = str;

    fn deref(&self) -> &str {
        self.text.get(self.range.clone()).unwrap_or_default()
    }
}

impl From<String> for Excerpt {
    fn from(text: String) -> Self {
        Self { range: 0..text.len(), text: Arc::new(text) }
    }
}

impl PartialEq for Excerpt {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Excerpt {}

impl std::fmt::Display for Excerpt {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self)
    }
}

impl std::fmt::Debug for Excerpt {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Debug::fmt(&**self, formatter)
    }
}

/// The kind of a JSON value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `{…}`
    Object,
    /// `[…]`
    Array,
    /// `"…"`
    String,
    /// A number.
    Number,
    /// `true` or `false`.
    Bool,
    /// `null`
    Null,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Object => "an object",
            Self::Array => "a list",
            Self::String => "text",
            Self::Number => "a number",
            Self::Bool => "true or false",
            Self::Null => "null",
        }
    }
}

/// One value of a validated document.
#[derive(Debug, Clone, Copy)]
pub struct Node<'a> {
    text: &'a str,
}

impl<'a> Node<'a> {
    /// The text of the value exactly as it is in the document.
    pub fn raw(self) -> &'a str {
        self.text
    }

    /// What kind of value it is.
    pub fn kind(self) -> Kind {
        match self.text.as_bytes().first() {
            Some(b'{') => Kind::Object,
            Some(b'[') => Kind::Array,
            Some(b'"') => Kind::String,
            Some(b't' | b'f') => Kind::Bool,
            Some(b'n') => Kind::Null,
            _ => Kind::Number,
        }
    }

    /// The members of an object in their order; nothing for other kinds.
    pub fn members(self) -> impl Iterator<Item = (Cow<'a, str>, Node<'a>)> {
        scan::Members::new(self.text).map(|(key, value)| (scan::unescape(key), Node { text: value }))
    }

    /// The items of a list in their order; nothing for other kinds.
    pub fn items(self) -> impl Iterator<Item = Node<'a>> {
        scan::Items::new(self.text).map(|text| Node { text })
    }

    /// The member called `name`, unless it is absent or null.
    pub fn get(self, name: &str) -> Option<Node<'a>> {
        self.get_or_null(name).filter(|node| node.kind() != Kind::Null)
    }

    /// The member called `name`, null included.
    pub fn get_or_null(self, name: &str) -> Option<Node<'a>> {
        scan::Members::new(self.text).find(|(key, _)| scan::key_is(key, name)).map(|(_, value)| Node { text: value })
    }

    /// The text of a string value.
    pub fn as_str(self) -> Option<Cow<'a, str>> {
        (self.kind() == Kind::String).then(|| scan::unescape(self.text))
    }

    /// A whole number from 0 to 2^63−1, written without fraction, exponent or sign.
    pub fn as_size(self) -> Option<u64> {
        if self.kind() != Kind::Number || !self.text.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        self.text.parse().ok().filter(|size| i64::try_from(*size).is_ok())
    }

    /// `true` or `false`.
    pub fn as_bool(self) -> Option<bool> {
        match self.text {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }
    }

    /// Refuses the value unless it is of `kind`; `field` names it in the error.
    ///
    /// # Errors
    /// `json.type`.
    pub fn expect(self, kind: Kind, field: &str) -> Result<Self> {
        if self.kind() == kind {
            return Ok(self);
        }
        Err(Error::new(Code::JsonType, format!("{field} is not {}", kind.name()))
            .expected(Fact::new(kind.name(), "image-spec"))
            .found(Fact::new(self.kind().name(), "the document")))
    }

    /// The members of an object, found in one walk; `field` names it in the error.
    ///
    /// # Errors
    /// `json.type`.
    pub fn object(self, field: &str) -> Result<Object<'a>> {
        let members = self.expect(Kind::Object, field)?.members();
        Ok(Object { text: self.text, members: members.map(|(key, value)| Member { key, value, items: None }).collect() })
    }

    /// Where the text of this value begins inside `document`, which must be the text that it was parsed from.
    pub fn offset_in(self, document: &str) -> usize {
        (self.text.as_ptr() as usize).saturating_sub(document.as_ptr() as usize)
    }
}

/// The members of an object. Each question to a [`Node`] walks over its text, and that of an index may have hundreds of megabytes.
#[derive(Debug, Clone)]
pub struct Object<'a> {
    text: &'a str,
    members: Vec<Member<'a>>,
}

#[derive(Debug, Clone)]
struct Member<'a> {
    key: Cow<'a, str>,
    value: Node<'a>,
    /// Where in the text its items stand, if that is known.
    items: Option<&'a [Range<usize>]>,
}

impl<'a> Object<'a> {
    /// The members in their order.
    pub fn members(&self) -> impl Iterator<Item = (&str, Node<'a>)> {
        self.members.iter().map(|member| (&*member.key, member.value))
    }

    /// The member called `name`, unless it is absent or null.
    pub fn get(&self, name: &str) -> Option<Node<'a>> {
        self.get_or_null(name).filter(|node| node.kind() != Kind::Null)
    }

    /// The member called `name`, null included.
    pub fn get_or_null(&self, name: &str) -> Option<Node<'a>> {
        self.members.iter().find(|member| member.key == name).map(|member| member.value)
    }

    /// The items of the list called `name`; nothing if it is something else, or absent.
    pub fn items(&self, name: &str) -> impl Iterator<Item = Node<'a>> + use<'a> {
        let text = self.text;
        let member = self.members.iter().find(|member| member.key == name);
        let known = member.and_then(|member| member.items).unwrap_or_default();
        let found = member.filter(|member| member.items.is_none()).map(|member| member.value);
        let known = known.iter().map(move |range| Node { text: text.get(range.clone()).unwrap_or_default() });
        known.chain(found.into_iter().flat_map(Node::items))
    }

    /// Refuses a key that differs from one of `known` only in case.
    ///
    /// # Errors
    /// `json.case_variant`.
    pub fn refuse_case_variants(&self, known: &[&str]) -> Result<()> {
        for Member { key, .. } in &self.members {
            if let Some(name) = known.iter().find(|name| **name != key && name.eq_ignore_ascii_case(key)) {
                return Err(case_variant(key, name));
            }
        }
        Ok(())
    }
}

/// The refusal of a key that differs from one of the specification only in case.
pub fn case_variant(key: &str, name: &str) -> Error {
    Error::new(Code::JsonCaseVariant, format!("the key {key:?} differs from {name:?} only in case"))
        .expected(Fact::new(name, "image-spec"))
        .found(Fact::new(key, "the document"))
}

/// `text` as a JSON string with its quotes.
pub fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            control if u32::from(control) < 0x20 => out.push_str(&format!("\\u{:04x}", u32::from(control))),
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests;
