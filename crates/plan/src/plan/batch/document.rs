//! The lines of a plan, written and read.

use serde::Deserialize;
use serde::Serialize;

use super::item::{End, Header, Item};
use crate::format::json::Document;
use crate::foundation::{Code, Digest, Error, Fact, Limits, Result, text};

/// What the first line calls itself.
pub const SCHEMA: &str = "airbase.batch-plan/v1";

/// One line, with its end.
///
/// # Errors
/// `bug`; a line of our own always has a JSON form.
pub fn line<T: Serialize>(value: &T) -> Result<String> {
    let line = serde_json::to_string(value).map_err(|error| Error::new(Code::Bug, format!("a line has no JSON form: {error}")))?;
    // A plan is looked at on terminals.
    let mut line = text::json(&line).into_owned();
    line.push('\n');
    Ok(line)
}

/// What has a seal.
trait Sealed: Serialize {
    fn seal(&mut self) -> &mut String;
}

impl Sealed for Header {
    fn seal(&mut self) -> &mut String {
        &mut self.seal
    }
}

impl Sealed for Item {
    fn seal(&mut self) -> &mut String {
        &mut self.seal
    }
}

impl Sealed for Last {
    fn seal(&mut self) -> &mut String {
        &mut self.end.seal
    }
}

/// The seal of a line with this text under the first line with the seal `head`, so that no line goes into a plan with other settings.
fn seal(head: &str, text: &str) -> String {
    Digest::sha256(format!("{head}\n{text}").as_bytes()).hex().get(..16).unwrap_or_default().to_owned()
}

/// Seals the first line, and gives its text with its end.
///
/// # Errors
/// `bug`.
pub fn first(header: &mut Header) -> Result<String> {
    header.seal = seal("", line(header)?.trim_end());
    line(header)
}

/// The text of an item, which has no seal yet, with its seal.
///
/// # Errors
/// `bug`.
pub fn sealed(text: &str, head: &str) -> Result<String> {
    let text = text.trim_end();
    let open = text.strip_suffix('}').ok_or_else(|| Error::new(Code::Bug, "a line of the plan has no end"))?;
    Ok(format!("{open},\"seal\":\"{}\"}}\n", seal(head, text)))
}

/// The text of the last line, with its seal.
///
/// # Errors
/// `bug`.
pub fn last(mut last: Last, head: &str) -> Result<String> {
    last.end.seal = seal(head, line(&last)?.trim_end());
    line(&last)
}

/// Checks the seal of a line that was read. What a line says twice in other words, its spaces and the order of its members do not
/// matter.
fn check<T: Sealed>(value: &mut T, head: &str, number: usize) -> Result<()> {
    let found = std::mem::take(value.seal());
    let expected = seal(head, line(value)?.trim_end());
    if found != expected {
        return Err(Error::new(Code::BatchPlanInvalid, format!("line {number} of the plan was edited"))
            .expected(Fact::new(expected, "the rest of the line, and the first line"))
            .found(Fact::new(if found.is_empty() { "no seal" } else { &found }, "its seal"))
            .hint("Make the plan again; lines may be deleted, and nothing else may be edited."));
    }
    *value.seal() = found;
    Ok(())
}

/// The last line.
#[derive(Debug, Serialize, Deserialize)]
pub struct Last {
    /// The counts.
    pub end: End,
}

/// A line that was read.
#[derive(Debug)]
pub enum Line {
    /// An image.
    Item(Box<Item>),
    /// The end.
    End(End),
}

/// Reads the first line.
///
/// # Errors
/// `batch.plan_version` if it is a plan of another version, `batch.plan_invalid` if it is none.
pub fn header(text: &str, limits: &Limits) -> Result<Header> {
    let document = strict(text, 1, limits)?;
    let schema = document.root().get("schema").and_then(crate::format::json::Node::as_str).unwrap_or_default();
    if schema != SCHEMA {
        let error = if schema.starts_with("airbase.batch-plan/") {
            Error::new(Code::BatchPlanVersion, "the plan is of another version").hint("Make the plan again with this airbase.")
        } else {
            Error::new(Code::BatchPlanInvalid, "the file is no plan of a batch")
                .hint("Give the file that `airbase batch plan` printed, with its first line.")
        };
        return Err(error
            .expected(Fact::new(SCHEMA, "airbase"))
            .found(Fact::new(if schema.is_empty() { "no schema" } else { &*schema }, "the first line")));
    }
    let mut header = serde_json::from_str(text).map_err(|error| invalid(1, &error))?;
    check(&mut header, "", 1)?;
    Ok(header)
}

/// Reads any further line, under the first line with the seal `head`.
///
/// # Errors
/// `batch.plan_invalid`.
pub fn read(text: &str, number: usize, head: &str, limits: &Limits) -> Result<Line> {
    let document = strict(text, number, limits)?;
    if document.root().get("end").is_some() {
        let mut last: Last = serde_json::from_str(text).map_err(|error| invalid(number, &error))?;
        check(&mut last, head, number)?;
        return Ok(Line::End(last.end));
    }
    let mut item: Item = serde_json::from_str(text).map_err(|error| invalid(number, &error))?;
    check(&mut item, head, number)?;
    let expected = key(item.output.as_deref(), &item.digest);
    if item.key != expected {
        return Err(Error::new(Code::BatchPlanInvalid, format!("line {number}: the key is not that of this image and name"))
            .at(&item.image)
            .expected(Fact::new(expected, "the digest of the image and the name of its result"))
            .found(Fact::new(&item.key, "the plan"))
            .hint("Make the plan again; lines may be deleted, and nothing else may be edited."));
    }
    Ok(Line::Item(Box::new(item)))
}

/// Two readings of one line, so it must be JSON that has only one.
fn strict<'t>(text: &'t str, number: usize, limits: &Limits) -> Result<Document<'t>> {
    Document::parse(text.as_bytes(), limits).map_err(|error| invalid(number, &error))
}

fn invalid(number: usize, why: &dyn std::fmt::Display) -> Error {
    Error::new(Code::BatchPlanInvalid, format!("line {number} of the plan cannot be read"))
        .found(Fact::new(why, "the plan"))
        .hint("Make the plan again; lines may be deleted, and nothing else may be edited.")
}

/// What an item is called: the same wherever the plan is made, and for each name and image another one.
pub fn key(output: Option<&str>, digest: &Digest) -> String {
    let text = format!("{}\n{digest}", output.unwrap_or_default());
    Digest::sha256(text.as_bytes()).hex().get(..16).unwrap_or_default().to_owned()
}
