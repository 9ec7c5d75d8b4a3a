//! How a file is laid out, so that new entries look like the old ones.

use std::borrow::Cow;

use super::entry::{Body, EditedEntry};
use super::pieces::{blanks, blanks_behind, pieces, slice};
use crate::format::json::{Document, Kind, Node, quote};
use crate::foundation::{Limits, Result};

/// How the file is laid out.
#[derive(Default)]
pub(super) struct Style<'a> {
    /// Before the first entry, before each further one, and after the last one.
    pub(super) first: Cow<'a, str>,
    pub(super) next: Cow<'a, str>,
    pub(super) last: Cow<'a, str>,
    /// Before a new member of the index itself.
    pub(super) member: Cow<'a, str>,
    /// After a colon, and after a comma on one line.
    pub(super) colon: &'a str,
    comma: &'a str,
    /// A line break with the indentation of an entry, if entries are broken over lines.
    line: Option<Cow<'a, str>>,
    /// One step of indentation.
    unit: &'a str,
}

impl<'a> Style<'a> {
    pub(super) fn of(root: Node<'a>, entries: &[EditedEntry<'a>], limits: &Limits) -> Result<Self> {
        let head = pieces(root).next();
        let indent = head.as_ref().map_or("", |piece| piece.before);
        // The second member may be the list, which need not be walked over for the blanks before it.
        let second = head.as_ref().map_or("", |piece| blanks_behind(root.raw(), piece));
        let sample = |body: &'a str, key: usize| -> &'a str {
            // What stands between a key's colon and its value.
            let colon = slice(body, key, body.len()).find(':').map_or(body.len(), |at| key + at + 1);
            slice(body, colon, blanks(body, colon))
        };
        let mut style = Self {
            member: Cow::Borrowed(if second.is_empty() { indent } else { second }),
            colon: head.as_ref().map_or("", |piece| sample(piece.body, piece.key.len())),
            comma: if second.contains('\n') { "" } else { second },
            ..Self::default()
        };
        if indent.contains('\n') {
            style.unit = indent.trim_start_matches(['\r', '\n']);
        }
        if let (Some(first), Some(last)) = (entries.first(), entries.last()) {
            style.first = Cow::Borrowed(first.before);
            style.last = Cow::Borrowed(last.after);
            style.next =
                if entries.len() > 1 || first.before.contains('\n') { Cow::Borrowed(last.before) } else { Cow::Borrowed(style.comma) };
            // What the last entry looks like, new ones will.
            let body = match last.body {
                Body::Old(body) => pieces(Document::parse(body.as_bytes(), limits)?.root()).next(),
                Body::Shared(_) | Body::New(_) => None,
            };
            if let Some((inner, colon)) = body.map(|piece| (piece.before, sample(piece.body, piece.key.len()))) {
                style.colon = colon;
                if inner.contains('\n') {
                    let outer = if last.before.contains('\n') { last.before } else { "" };
                    style.unit = inner.strip_prefix(outer).filter(|unit| !unit.is_empty()).unwrap_or(style.unit);
                    let line = if outer.is_empty() { inner.strip_suffix(style.unit).unwrap_or("\n") } else { outer };
                    style.line = Some(Cow::Borrowed(line));
                }
            }
        } else if indent.contains('\n') {
            let around = format!("{indent}{}", style.unit);
            style.first = Cow::Owned(around.clone());
            style.next = Cow::Owned(around.clone());
            style.line = Some(Cow::Owned(around));
            style.last = Cow::Borrowed(indent);
        } else {
            style.next = Cow::Borrowed(style.comma);
        }
        Ok(style)
    }

    /// An entry in this style.
    pub(super) fn entry(&self, compact: &str, limits: &Limits) -> Result<String> {
        let node = Document::parse(compact.as_bytes(), limits)?.root();
        let mut out = String::with_capacity(compact.len() * 2);
        self.write(node, self.line.as_deref(), &mut out);
        Ok(out)
    }

    fn write(&self, node: Node<'_>, line: Option<&str>, out: &mut String) {
        let (open, close) = match node.kind() {
            Kind::Object => ('{', '}'),
            Kind::Array => ('[', ']'),
            _ => {
                out.push_str(node.raw());
                return;
            }
        };
        let inner = line.map(|line| format!("{line}{}", self.unit));
        out.push(open);
        let mut number = 0_usize;
        for piece in pieces(node) {
            if number > 0 {
                out.push(',');
                if inner.is_none() {
                    out.push_str(self.comma);
                }
            }
            out.push_str(inner.as_deref().unwrap_or_default());
            if open == '{' {
                out.push_str(&quote(&piece.key));
                out.push(':');
                out.push_str(self.colon);
            }
            self.write(piece.value, inner.as_deref(), out);
            number += 1;
        }
        if number > 0 {
            out.push_str(line.unwrap_or_default());
        }
        out.push(close);
    }
}
