//! A JSON document that is written while it is made.

use std::io::{self, Write as _};

use serde::Serialize;

use super::{Setting, Shown};

/// How much is held back: a report that ends with an error before it was this long is not begun.
const HELD_BYTES: usize = 1 << 20;

/// Writes a document piece by piece, as the serialiser would print all of it. Of a hundred thousand images not every report can be
/// kept until the last one is made. What is dropped unfinished is no document.
pub struct Pieces<'o> {
    out: Shown<io::BufWriter<Box<dyn io::Write + 'o>>>,
    /// What closes each list and object that is open, and whether something stands in it.
    open: Vec<(&'static str, bool)>,
}

impl std::fmt::Debug for Pieces<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Pieces({} open)", self.open.len())
    }
}

impl<'o> Pieces<'o> {
    /// Begins a document of this schema.
    ///
    /// # Errors
    /// Those of `out`, as of all that follow.
    pub fn begin(schema: &str, settings: &[Setting], out: Box<dyn io::Write + 'o>) -> io::Result<Self> {
        let mut pieces = Self { out: Shown(io::BufWriter::with_capacity(HELD_BYTES, out)), open: Vec::new() };
        pieces.opened("{", "}")?;
        pieces.member("schema", &schema)?;
        if !settings.is_empty() {
            pieces.member("settings", &settings)?;
        }
        Ok(pieces)
    }

    /// Opens an object in the list that is open.
    pub fn object(&mut self) -> io::Result<()> {
        self.next()?;
        self.opened("{", "}")
    }

    /// Opens a list in the object that is open.
    pub fn list(&mut self, key: &str) -> io::Result<()> {
        self.key(key)?;
        self.opened("[", "]")
    }

    /// A member of the object that is open.
    pub fn member(&mut self, key: &str, value: &impl Serialize) -> io::Result<()> {
        self.key(key)?;
        self.value(value)
    }

    /// An item of the list that is open.
    pub fn item(&mut self, value: &impl Serialize) -> io::Result<()> {
        self.next()?;
        self.value(value)
    }

    /// Closes what was opened last.
    pub fn close(&mut self) -> io::Result<()> {
        let Some((end, filled)) = self.open.pop() else { return Ok(()) };
        if filled {
            self.line()?;
        }
        self.out.write_all(end.as_bytes())
    }

    /// Closes the document, and writes what is left of it.
    pub fn finish(mut self) -> io::Result<()> {
        while !self.open.is_empty() {
            self.close()?;
        }
        self.out.write_all(b"\n")?;
        self.out.flush()
    }

    /// Forgets what was not written yet.
    pub fn abandon(self) {
        drop(self.out.0.into_parts());
    }

    fn opened(&mut self, begin: &str, end: &'static str) -> io::Result<()> {
        self.open.push((end, false));
        self.out.write_all(begin.as_bytes())
    }

    fn key(&mut self, key: &str) -> io::Result<()> {
        self.next()?;
        self.value(&key)?;
        self.out.write_all(b": ")
    }

    fn next(&mut self) -> io::Result<()> {
        if let Some((_, filled)) = self.open.last_mut()
            && std::mem::replace(filled, true)
        {
            self.out.write_all(b",")?;
        }
        self.line()
    }

    fn line(&mut self) -> io::Result<()> {
        self.out.write_all(format!("\n{}", "  ".repeat(self.open.len())).as_bytes())
    }

    fn value(&mut self, value: &impl Serialize) -> io::Result<()> {
        let text = serde_json::to_string_pretty(value)?;
        // Within a text of JSON no line ends.
        self.out.write_all(text.replace('\n', &format!("\n{}", "  ".repeat(self.open.len()))).as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pieces_are_what_the_serialiser_prints_of_the_whole() {
        let value = serde_json::json!({"a": [], "b": {"c": [1, "x\ny\u{1b}"], "d": {}}});
        let whole =
            serde_json::json!({"schema": "s/v1", "empty": [], "list": [{"value": value, "rest": [value]}, {"value": 1}], "last": value});
        let mut text = Vec::new();
        let mut pieces = Pieces::begin("s/v1", &[], Box::new(&mut text)).unwrap();
        pieces.list("empty").unwrap();
        pieces.close().unwrap();
        pieces.list("list").unwrap();
        pieces.object().unwrap();
        pieces.member("value", &value).unwrap();
        pieces.list("rest").unwrap();
        pieces.item(&value).unwrap();
        pieces.close().unwrap();
        pieces.close().unwrap();
        pieces.object().unwrap();
        pieces.member("value", &1).unwrap();
        pieces.close().unwrap();
        pieces.close().unwrap();
        pieces.member("last", &value).unwrap();
        pieces.finish().unwrap();
        let text = String::from_utf8(text).unwrap();
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), whole);
        assert!(text.ends_with("\"last\": {\n    \"a\": [],\n    \"b\": {\n      \"c\": [\n        1,\n        \"x\\ny\\u001b\"\n      ],\n      \"d\": {}\n    }\n  }\n}\n"), "{text}");
        assert!(text.starts_with("{\n  \"schema\": \"s/v1\",\n  \"empty\": [],\n  \"list\": [\n    {\n      \"value\": {\n"), "{text}");
    }

    #[test]
    fn what_is_abandoned_is_not_begun() {
        let mut text = Vec::new();
        let mut pieces = Pieces::begin("s/v1", &[], Box::new(&mut text)).unwrap();
        pieces.list("list").unwrap();
        pieces.item(&1).unwrap();
        pieces.abandon();
        assert!(text.is_empty());
    }
}
