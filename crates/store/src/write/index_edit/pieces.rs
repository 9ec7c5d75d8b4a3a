//! Objects and lists of a document as pieces of its text, with the blanks around them.

use std::borrow::Cow;

use crate::format::json::Node;

/// A member of an object or an item of a list, and the blanks around it.
pub(super) struct Piece<'a> {
    pub(super) key: Cow<'a, str>,
    pub(super) value: Node<'a>,
    pub(super) before: &'a str,
    pub(super) body: &'a str,
    pub(super) after: &'a str,
}

pub(super) fn slice(text: &str, from: usize, to: usize) -> &str {
    text.get(from..to).unwrap_or_default()
}

pub(super) fn blanks(text: &str, at: usize) -> usize {
    let rest = text.as_bytes().get(at..).unwrap_or_default();
    at + rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count()
}

/// Cuts an object or a list into its pieces, one at a time.
pub(super) fn pieces(container: Node<'_>) -> impl Iterator<Item = Piece<'_>> {
    let text = container.raw();
    let mut at = 1;
    let members = container.members();
    let items = container.items().map(|value| (Cow::Borrowed(""), value));
    members.chain(items).map(move |(key, value)| {
        let start = blanks(text, at);
        let end = value.offset_in(text) + value.raw().len();
        let after = blanks(text, end);
        let piece = Piece { key, value, before: slice(text, at, start), body: slice(text, start, end), after: slice(text, end, after) };
        at = after + 1;
        piece
    })
}

/// The blanks before whatever follows on a piece of `container`; nothing if it is the last one.
pub(super) fn blanks_behind<'a>(container: &'a str, piece: &Piece<'a>) -> &'a str {
    let comma = piece.value.offset_in(container) + piece.value.raw().len() + piece.after.len();
    if container.as_bytes().get(comma) != Some(&b',') {
        return "";
    }
    slice(container, comma + 1, blanks(container, comma + 1))
}

/// Puts pieces together again: `first` comes before the first one, whatever was there.
pub(super) fn join<'a>(out: &mut String, pieces: impl Iterator<Item = (&'a str, &'a str, &'a str)>, first: &str, last: &str) {
    let mut pieces = pieces.peekable();
    let mut number = 0_usize;
    while let Some((before, body, after)) = pieces.next() {
        out.push_str(if number == 0 { first } else { before });
        out.push_str(body);
        out.push_str(if pieces.peek().is_some() { after } else { last });
        if pieces.peek().is_some() {
            out.push(',');
        }
        number += 1;
    }
}

/// The object without the members called one of `names`; `None` if nothing is left of it.
pub(super) fn without(object: Node<'_>, names: &[&str]) -> Option<String> {
    let all: Vec<Piece<'_>> = pieces(object).collect();
    let first = all.first().map_or("", |piece| piece.before);
    let last = all.last().map_or("", |piece| piece.after);
    let kept = all.iter().filter(|piece| !names.contains(&piece.key.as_ref()));
    kept.clone().next()?;
    let mut out = String::from("{");
    join(&mut out, kept.map(|piece| (piece.before, piece.body, piece.after)), first, last);
    out.push('}');
    Some(out)
}
