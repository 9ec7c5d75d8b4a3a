//! The lines of a plan, written and read.

use serde::Deserialize;
use serde::Serialize;

use super::item::{End, Header, Item};
use crate::core::{Code, Digest, Error, Fact, Limits, Result};
use crate::format::json::Document;

/// What the first line calls itself.
pub const SCHEMA: &str = "airbase.batch-plan/v1";

/// One line, with its end.
///
/// # Errors
/// `bug`; a line of our own always has a JSON form.
pub fn line<T: Serialize>(value: &T) -> Result<String> {
    let mut line = serde_json::to_string(value).map_err(|error| Error::new(Code::Bug, format!("a line has no JSON form: {error}")))?;
    line.push('\n');
    Ok(line)
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
    serde_json::from_str(text).map_err(|error| invalid(1, &error))
}

/// Reads any further line.
///
/// # Errors
/// `batch.plan_invalid`.
pub fn read(text: &str, number: usize, limits: &Limits) -> Result<Line> {
    let document = strict(text, number, limits)?;
    if document.root().get("end").is_some() {
        return serde_json::from_str::<Last>(text).map(|last| Line::End(last.end)).map_err(|error| invalid(number, &error));
    }
    let item: Item = serde_json::from_str(text).map_err(|error| invalid(number, &error))?;
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
