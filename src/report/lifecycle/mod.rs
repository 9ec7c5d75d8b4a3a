//! The reports of `airbase lifecycle`, and the words that they share.

pub mod check;
pub mod set;
pub mod show;
pub mod trace;

use serde::Serialize;

use super::{Page, Tone};
use crate::foundation::{Digest, text};
use crate::plan::lifecycle::declared::{Declaration, Inherited};
use crate::plan::lifecycle::field::{Field, Place, Record, Status};
use crate::plan::lifecycle::held::{Held, SaidBy};
use crate::plan::lifecycle::time::Dialect;

/// Where an image stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LifecycleStatus {
    /// It must not be used.
    Withdrawn,
    /// Its life has ended.
    EndOfLife,
    /// Another one takes its place.
    Superseded,
    /// Not for anything new.
    Deprecated,
    /// In use and cared for.
    Active,
    /// Nobody says anything. That is no promise.
    Unknown,
}

impl From<Option<Status>> for LifecycleStatus {
    fn from(status: Option<Status>) -> Self {
        match status {
            Some(Status::Withdrawn) => Self::Withdrawn,
            Some(Status::EndOfLife) => Self::EndOfLife,
            Some(Status::Superseded) => Self::Superseded,
            Some(Status::Deprecated) => Self::Deprecated,
            Some(Status::Active) => Self::Active,
            None => Self::Unknown,
        }
    }
}

impl LifecycleStatus {
    /// As it is shown to users.
    pub fn name(self) -> &'static str {
        match self {
            Self::Withdrawn => "withdrawn",
            Self::EndOfLife => "end of life",
            Self::Superseded => "superseded",
            Self::Deprecated => "deprecated",
            Self::Active => "active",
            Self::Unknown => "unknown",
        }
    }

    /// How it looks.
    pub fn tone(self) -> Tone {
        match self {
            Self::Withdrawn | Self::EndOfLife => Tone::Bad,
            Self::Superseded | Self::Deprecated => Tone::Caution,
            Self::Active => Tone::Good,
            Self::Unknown => Tone::Dim,
        }
    }
}

/// A value that holds, and who says it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ValueReport {
    /// What it is about.
    pub field: Field,
    /// The value as text; of several platforms `PLATFORM DIGEST`, separated by commas.
    pub value: String,
    /// The statement that says it; absent if the image itself does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub statement: Option<Digest>,
    /// The kind of place where it was read.
    pub place: Place,
    /// The key or member there.
    pub key: String,
    /// How a date was spelled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dialect: Option<Dialect>,
}

impl From<(Field, &Held)> for ValueReport {
    fn from((field, held): (Field, &Held)) -> Self {
        Self {
            field,
            value: held.stated.value.to_string(),
            statement: match &held.source {
                SaidBy::Statement { statement, .. } => Some(statement.clone()),
                SaidBy::Image => None,
            },
            place: held.stated.place,
            key: held.stated.key.clone(),
            dialect: held.stated.dialect,
        }
    }
}

/// What an image says of itself.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeclaredReport {
    /// What it is about.
    pub field: Field,
    /// The value.
    pub value: String,
    /// The kind of place where it was read.
    pub place: Place,
    /// The key there.
    pub key: String,
    /// Whether its base says the same there, so that it is the base's word and not the image's.
    pub inherited: Inherited,
}

impl From<&Declaration> for DeclaredReport {
    fn from(declaration: &Declaration) -> Self {
        Self {
            field: declaration.field,
            value: declaration.stated.value.to_string(),
            place: declaration.stated.place,
            key: declaration.stated.key.clone(),
            inherited: declaration.inherited,
        }
    }
}

/// A value for users: a midnight is a day.
pub(super) fn shown(value: &str) -> String {
    let day = value.strip_suffix("T00:00:00Z").filter(|day| day.len() == 10);
    text::escape(day.unwrap_or(value))
}

/// A value with who says it, as a line.
pub(super) fn value_line(page: &mut Page, depth: usize, value: &ValueReport) {
    let from = match &value.statement {
        Some(statement) => format!("statement {}, {}", page.digest(statement), text::escape(&value.key)),
        // A label may be the base's.
        None => format!("{} of the image itself, {}", value.place.name(), text::escape(&value.key)),
    };
    let from = page.toned(Tone::Dim, &format!("({from})"));
    let label = page.toned(Tone::Dim, &format!("{:<16}", value.field.name()));
    let digest = value.value.parse::<Digest>().map_or_else(|_| shown(&value.value), |digest| page.digest(&digest));
    page.line(depth, &format!("{label} {digest}  {from}"));
}

/// The words for statements that nobody proved.
pub(super) const UNAUTHENTICATED: &str = "Statements are not authenticated: no signature on them was verified.";

/// The value of a field among several.
pub(super) fn find(values: &[ValueReport], field: Field) -> Option<&str> {
    values.iter().find(|value| value.field == field).map(|value| value.value.as_str())
}

/// What holds, value by value.
pub fn texts(record: &Record) -> Vec<FieldReport> {
    record.iter().map(|(field, value)| FieldReport { field: *field, value: value.to_string() }).collect()
}

/// A field and its value.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FieldReport {
    /// What it is about.
    pub field: Field,
    /// The value as text.
    pub value: String,
}
