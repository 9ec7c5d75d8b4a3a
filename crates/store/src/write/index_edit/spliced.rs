//! The text of an edited index, as pieces of the old text and new ones: of a hundred thousand entries most stay as they are, and the
//! new index need not be in memory beside the old one.

use std::ops::Range;

use crate::format::json::Excerpt;
use crate::foundation::Result;
use crate::foundation::limits::CHUNK_BYTES;

/// A text that is made of parts of another one, the old one, and of new parts. It does not hold the old one, which everything here must
/// be given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spliced {
    pieces: Vec<Piece>,
    length: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Old(Range<usize>),
    /// A part of a text that somebody else holds.
    Shared(Excerpt),
    New(String),
}

impl Spliced {
    /// A text of which no part is old.
    pub fn whole(text: String) -> Self {
        Self { length: text.len(), pieces: vec![Piece::New(text)] }
    }

    /// Appends text, which may stand in `old`.
    pub(super) fn push(&mut self, old: &str, text: &str) {
        if self.goes_on(old, text) {
            return;
        }
        match place_in(old, text) {
            Some(place) => self.append(Piece::Old(place), text.len()),
            None => self.append(Piece::New(text.to_owned()), text.len()),
        }
    }

    /// Appends text that stands nowhere in the old one, without a copy of it.
    pub(super) fn push_new(&mut self, text: String) {
        let length = text.len();
        self.append(Piece::New(text), length);
    }

    /// Appends `text` after `between`, without a copy of it: entries that are copied one after the other are one piece.
    pub(super) fn push_shared(&mut self, between: &str, text: Excerpt) {
        if let Some(Piece::Shared(last)) = self.pieces.last_mut()
            && last.join(between, &text)
        {
            self.length += between.len() + text.len();
            return;
        }
        if !between.is_empty() {
            self.push_new(between.to_owned());
        }
        let length = text.len();
        self.append(Piece::Shared(text), length);
    }

    fn append(&mut self, piece: Piece, length: usize) {
        self.pieces.push(piece);
        self.length += length;
    }

    /// Whether `text` is what comes next in the old text anyway; then it is part of the last piece now.
    fn goes_on(&mut self, old: &str, text: &str) -> bool {
        let Some(Piece::Old(range)) = self.pieces.last_mut() else { return text.is_empty() };
        let next = old.get(range.end..).is_some_and(|rest| rest.starts_with(text));
        if next {
            range.end += text.len();
            self.length += text.len();
        }
        next
    }

    /// Gives back the room for what might have been appended.
    pub(super) fn shrink(&mut self) {
        self.pieces.shrink_to_fit();
    }

    /// How many bytes it has.
    pub fn length(&self) -> usize {
        self.length
    }

    /// Its parts, in their order.
    pub fn parts<'t>(&'t self, old: &'t str) -> impl Iterator<Item = &'t str> {
        self.pieces.iter().map(move |piece| match piece {
            Piece::Old(range) => old.get(range.clone()).unwrap_or_default(),
            Piece::Shared(text) => text,
            Piece::New(text) => text,
        })
    }

    /// Whether it is the old text after all.
    pub(crate) fn is_unchanged(&self, old: &str) -> bool {
        let mut rest = old;
        let all = self.parts(old).all(|part| rest.strip_prefix(part).map(|after| rest = after).is_some());
        all && rest.is_empty()
    }

    /// The whole text.
    pub fn text(&self, old: &str) -> String {
        let mut text = String::with_capacity(self.length);
        text.extend(self.parts(old));
        text
    }

    /// Hands over its bytes with the offset of each part, in parts of a size that is worth a write.
    ///
    /// # Errors
    /// Those of `sink`.
    pub fn write(&self, old: &str, sink: &mut dyn FnMut(&[u8], u64) -> Result<()>) -> Result<()> {
        let (mut held, mut done): (Vec<u8>, u64) = (Vec::new(), 0);
        for part in self.parts(old) {
            if !held.is_empty() && held.len() + part.len() > CHUNK_BYTES {
                sink(&held, done)?;
                done += held.len() as u64;
                held.clear();
            }
            if part.len() > CHUNK_BYTES {
                sink(part.as_bytes(), done)?;
                done += part.len() as u64;
            } else {
                held.extend_from_slice(part.as_bytes());
            }
        }
        if held.is_empty() { Ok(()) } else { sink(&held, done) }
    }
}

/// Where in `old` a text stands that is a part of it, and no copy.
fn place_in(old: &str, text: &str) -> Option<Range<usize>> {
    let from = (text.as_ptr() as usize).checked_sub(old.as_ptr() as usize)?;
    let to = from.checked_add(text.len())?;
    // What lies elsewhere in memory may say the same at that distance by accident only, and then it is the same.
    (old.get(from..to) == Some(text)).then_some(from..to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_is_not_copied() {
        let old = r#"{"manifests":[{"a":1},{"b":2},{"c":3}]}"#;
        let mut spliced = Spliced::default();
        for part in [&old[..14], "{\"a\":1}", ",", &old[22..29], ","] {
            spliced.push(old, part);
        }
        assert_eq!(spliced.pieces, [Piece::Old(0..30)]);
        spliced.push_new("{\"n\":4}".to_owned());
        spliced.push(old, ",");
        spliced.push(old, &old[30..]);
        assert_eq!(spliced.pieces.len(), 4);
        let text = r#"{"manifests":[{"a":1},{"b":2},{"n":4},{"c":3}]}"#;
        assert_eq!((spliced.text(old).as_str(), spliced.length()), (text, text.len()));
        assert!(!spliced.is_unchanged(old));
        let mut written = Vec::new();
        let mut sink = |bytes: &[u8], offset: u64| {
            assert_eq!(offset, written.len() as u64);
            written.extend_from_slice(bytes);
            Ok(())
        };
        spliced.write(old, &mut sink).unwrap();
        assert_eq!(written, text.as_bytes());
    }

    #[test]
    fn what_others_hold_is_not_copied() {
        let whole = Excerpt::from(r#"[{"a":1},{"b":2}, {"c":3}]"#.to_owned());
        let mut spliced = Spliced::whole("[".to_owned());
        for (between, range) in [("", 1..8), (",", 9..16), (",", 18..25), (",", 1..8)] {
            spliced.push_shared(between, whole.part(range));
        }
        // The third stands behind a blank, and the last before what comes before it.
        let text = r#"[{"a":1},{"b":2},{"c":3},{"a":1}"#;
        assert_eq!((spliced.text("").as_str(), spliced.length(), spliced.pieces.len()), (text, text.len(), 6));
        let other = Excerpt::from(",{\"b\":2}".to_owned());
        spliced.push_shared(",", other.part(1..8));
        assert_eq!(spliced.pieces.len(), 8);
    }

    #[test]
    fn what_says_the_same_is_unchanged() {
        let old = "abcabc";
        let mut spliced = Spliced::default();
        spliced.push_new("abc".to_owned());
        assert!(!spliced.is_unchanged(old));
        spliced.push(old, &old[3..]);
        assert!(spliced.is_unchanged(old));
        spliced.push(old, "c");
        assert!(!spliced.is_unchanged(old));
    }

    #[test]
    fn large_texts_are_written_in_parts() {
        let old = "x".repeat(CHUNK_BYTES);
        let mut spliced = Spliced::default();
        let (mut expected, mut written) = (String::new(), String::new());
        for size in [1, CHUNK_BYTES - 1, 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3] {
            let text = "y".repeat(size);
            expected += &text;
            spliced.push_new(text);
        }
        spliced.push(&old, &old);
        expected += &old;
        let mut sink = |bytes: &[u8], offset: u64| {
            assert_eq!(offset, written.len() as u64);
            written += std::str::from_utf8(bytes).unwrap();
            Ok(())
        };
        spliced.write(&old, &mut sink).unwrap();
        assert!(written == expected && expected.len() == spliced.length());
    }
}
