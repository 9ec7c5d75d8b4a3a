//! What can be said of the life cycle of an image: the fields, their values, and where each value was read.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::time::{self, Dialect, Moment, Reading, When};
use crate::foundation::{Code, Digest, Error, Fact, Result};
use crate::oci::annotation;

/// All keys of our statements begin so.
pub(crate) const KEY_PREFIX: &str = "dev.airbase.lifecycle.";

/// Whether an image should be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// It must not be used: it was published by mistake, or is dangerous.
    Withdrawn,
    /// Its life has ended: it gets no more fixes.
    EndOfLife,
    /// Another image takes its place.
    Superseded,
    /// It should not be used for anything new.
    Deprecated,
    /// It is in use and cared for.
    Active,
}

impl Status {
    /// All of them, the most restrictive first.
    pub const ALL: [Self; 5] = [Self::Withdrawn, Self::EndOfLife, Self::Superseded, Self::Deprecated, Self::Active];

    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Withdrawn => "withdrawn",
            Self::EndOfLife => "end-of-life",
            Self::Superseded => "superseded",
            Self::Deprecated => "deprecated",
            Self::Active => "active",
        }
    }

    /// The status called `text`.
    ///
    /// # Errors
    /// `usage.argument`.
    pub fn parse(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|status| status.name() == text).ok_or_else(|| {
            Error::new(Code::UsageArgument, "this is not a status")
                .expected(Fact::new("active, deprecated, superseded, end-of-life or withdrawn", "airbase"))
                .found(Fact::new(text, "the value"))
        })
    }
}

/// One thing that can be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Field {
    /// The status, where it does not follow from a date.
    Status,
    /// When its life ends. From that instant on it has ended.
    EndOfLife,
    /// When security fixes end.
    EndOfSupport,
    /// When it was released to everyone.
    GeneralAvailability,
    /// The digest of the image to use instead.
    SupersededBy,
    /// Under which name that one is, or was, to be found: a hint, no fact.
    SupersededByName,
    /// Of an index, which manifest to use instead on each platform.
    SupersededByPlatforms,
    /// The digest of the image that this one stands in for.
    Supersedes,
    /// Why, for users.
    Reason,
    /// Where to read more.
    Url,
    /// The rolling name that the image was published under, which says to which line of images it belongs.
    Channel,
    /// The version of what is in the image.
    Version,
    /// Its revision, which counts the rebuilds of one version.
    Revision,
}

impl Field {
    /// All of them, in the order in which they are shown and written.
    pub const ALL: [Self; 13] = [
        Self::Status,
        Self::EndOfLife,
        Self::EndOfSupport,
        Self::GeneralAvailability,
        Self::SupersededBy,
        Self::SupersededByName,
        Self::SupersededByPlatforms,
        Self::Supersedes,
        Self::Reason,
        Self::Url,
        Self::Channel,
        Self::Version,
        Self::Revision,
    ];

    /// The annotation that carries it in our statements. `None` for what only the document can hold.
    pub fn key(self) -> Option<&'static str> {
        Some(match self {
            Self::Status => "dev.airbase.lifecycle.status",
            Self::EndOfLife => "dev.airbase.lifecycle.end-of-life",
            Self::EndOfSupport => "dev.airbase.lifecycle.end-of-support",
            Self::GeneralAvailability => "dev.airbase.lifecycle.general-availability",
            Self::SupersededBy => "dev.airbase.lifecycle.superseded-by",
            Self::SupersededByName => "dev.airbase.lifecycle.superseded-by.name",
            Self::SupersededByPlatforms => return None,
            Self::Supersedes => "dev.airbase.lifecycle.supersedes",
            Self::Reason => "dev.airbase.lifecycle.reason",
            Self::Url => "dev.airbase.lifecycle.url",
            Self::Channel => "dev.airbase.lifecycle.channel",
            // The specification has these two: they are said of the image, and copied into the statement.
            Self::Version => annotation::VERSION,
            Self::Revision => annotation::REVISION,
        })
    }

    /// Its member in the document of our statements, the outer one first.
    pub fn member(self) -> &'static [&'static str] {
        match self {
            Self::Status => &["status"],
            Self::EndOfLife => &["endOfLife"],
            Self::EndOfSupport => &["endOfSupport"],
            Self::GeneralAvailability => &["generalAvailability"],
            Self::SupersededBy => &["supersededBy", "digest"],
            Self::SupersededByName => &["supersededBy", "name"],
            Self::SupersededByPlatforms => &["supersededBy", "platforms"],
            Self::Supersedes => &["supersedes"],
            Self::Reason => &["reason"],
            Self::Url => &["url"],
            Self::Channel => &["channel"],
            Self::Version => &["version"],
            Self::Revision => &["revision"],
        }
    }

    /// As it is shown to users.
    pub fn name(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::EndOfLife => "end of life",
            Self::EndOfSupport => "end of support",
            Self::GeneralAvailability => "released",
            Self::SupersededBy => "superseded by",
            Self::SupersededByName => "to be found as",
            Self::SupersededByPlatforms => "by platform",
            Self::Supersedes => "supersedes",
            Self::Reason => "reason",
            Self::Url => "see",
            Self::Channel => "channel",
            Self::Version => "version",
            Self::Revision => "revision",
        }
    }

    /// Whether the standing of an image, or what to use instead of it, depends on it.
    pub fn decides(self) -> bool {
        matches!(self, Self::Status | Self::EndOfLife | Self::EndOfSupport | Self::SupersededBy | Self::SupersededByPlatforms)
    }

    /// The fields that are taken back under one name: where to go instead is one thing in three parts.
    pub fn cleared(name: &str) -> Option<Vec<Self>> {
        Some(match name {
            "status" => vec![Self::Status],
            "end-of-life" => vec![Self::EndOfLife],
            "end-of-support" => vec![Self::EndOfSupport],
            "general-availability" => vec![Self::GeneralAvailability],
            "superseded-by" => vec![Self::SupersededBy, Self::SupersededByName, Self::SupersededByPlatforms],
            "supersedes" => vec![Self::Supersedes],
            "reason" => vec![Self::Reason],
            "url" => vec![Self::Url],
            "channel" => vec![Self::Channel],
            _ => return None,
        })
    }

    /// The name under which it is taken back.
    pub(crate) fn clear_name(self) -> Option<&'static str> {
        let names =
            ["status", "end-of-life", "end-of-support", "general-availability", "superseded-by", "supersedes", "reason", "url", "channel"];
        names.into_iter().find(|name| Self::cleared(name).is_some_and(|fields| fields.contains(&self)))
    }

    /// Whether it holds a date.
    pub fn is_time(self) -> bool {
        matches!(self, Self::EndOfLife | Self::EndOfSupport | Self::GeneralAvailability)
    }

    /// Reads its value from text, leniently; for dates also how it was spelled. `None` if the text is empty and says nothing.
    ///
    /// # Errors
    /// `lifecycle.date`, `usage.argument`, `digest.*`.
    pub fn read(self, text: &str) -> Result<Option<(Value, Option<Reading>)>> {
        Ok(Some(match self {
            Self::EndOfLife | Self::EndOfSupport | Self::GeneralAvailability => {
                let reading = time::read(text)?;
                if reading.value == When::Unknown {
                    return Ok(None);
                }
                (Value::Time(reading.value), Some(reading))
            }
            _ if text.trim().is_empty() => return Ok(None),
            Self::Status => (Value::Status(Status::parse(text.trim())?), None),
            Self::SupersededBy | Self::Supersedes => (Value::Digest(text.trim().parse()?), None),
            Self::SupersededByPlatforms => return Ok(None),
            Self::SupersededByName | Self::Reason | Self::Url | Self::Channel | Self::Version | Self::Revision => {
                (Value::Text(text.to_owned()), None)
            }
        }))
    }
}

/// What is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Of [`Field::Status`].
    Status(Status),
    /// Of the dates.
    Time(When),
    /// Of [`Field::SupersededBy`] and [`Field::Supersedes`].
    Digest(Digest),
    /// Of [`Field::SupersededByPlatforms`], by platform.
    Platforms(BTreeMap<String, Digest>),
    /// Of the others.
    Text(String),
}

impl Value {
    /// As an annotation carries it; `None` for what is no text.
    pub fn text(&self) -> Option<String> {
        Some(match self {
            Self::Status(status) => status.name().to_owned(),
            Self::Time(when) => when.to_string(),
            Self::Digest(digest) => digest.to_string(),
            Self::Text(text) => text.clone(),
            Self::Platforms(_) => return None,
        })
    }

    /// How strict it is, the strictest first. Values of which none is stricter are equal.
    pub(super) fn strictness(&self) -> (u8, Option<Moment>) {
        match self {
            Self::Status(status) => {
                (Status::ALL.iter().position(|other| other == status).and_then(|place| u8::try_from(place).ok()).unwrap_or(0), None)
            }
            Self::Time(When::At(moment)) => (1, Some(*moment)),
            Self::Time(When::NotYet | When::Unknown) => (2, None),
            // An end that has come at a time that nobody knows is before every time.
            Self::Time(When::Already) | Self::Digest(_) | Self::Platforms(_) | Self::Text(_) => (0, None),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => formatter.write_str(status.name()),
            Self::Time(when) => when.fmt(formatter),
            Self::Digest(digest) => digest.fmt(formatter),
            Self::Text(text) => formatter.write_str(text),
            Self::Platforms(platforms) => {
                let listed: Vec<String> = platforms.iter().map(|(platform, digest)| format!("{platform} {digest}")).collect();
                formatter.write_str(&listed.join(", "))
            }
        }
    }
}

impl Serialize for Value {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        match self {
            Self::Platforms(platforms) => platforms.serialize(serializer),
            other => serializer.collect_str(other),
        }
    }
}

/// The kind of place where a value was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// An annotation of a statement.
    Annotation,
    /// The document in the layer of a statement.
    Document,
    /// An annotation of the image's manifest.
    ManifestAnnotation,
    /// An annotation of the image's index.
    IndexAnnotation,
    /// A label of the image's config.
    Label,
}

impl Place {
    /// As it is shown to users.
    pub fn name(self) -> &'static str {
        match self {
            Self::Annotation => "annotation of the statement",
            Self::Document => "document of the statement",
            Self::ManifestAnnotation => "annotation of the manifest",
            Self::IndexAnnotation => "annotation of the index",
            Self::Label => "label of the config",
        }
    }
}

/// A value and where it was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Stated {
    /// What is said.
    pub value: Value,
    /// The kind of place.
    pub place: Place,
    /// The key or member there.
    pub key: String,
    /// How a date was spelled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dialect: Option<Dialect>,
}

/// What is said of one image: at most one value for each field.
pub type Record = BTreeMap<Field, Value>;

/// The status in `record`.
pub fn status(record: &Record) -> Option<Status> {
    match record.get(&Field::Status) {
        Some(Value::Status(status)) => Some(*status),
        _ => None,
    }
}

/// The date of `field` in `record`.
pub fn when(record: &Record, field: Field) -> Option<When> {
    match record.get(&field) {
        Some(Value::Time(when)) => Some(*when),
        _ => None,
    }
}

/// The digest of `field` in `record`.
pub fn digest(record: &Record, field: Field) -> Option<&Digest> {
    match record.get(&field) {
        Some(Value::Digest(digest)) => Some(digest),
        _ => None,
    }
}

/// The text of `field` in `record`.
pub fn text(record: &Record, field: Field) -> Option<&str> {
    match record.get(&field) {
        Some(Value::Text(text)) => Some(text),
        _ => None,
    }
}

/// What holds of an image at `now`, by what `record` says: the most restrictive of its status and its dates. `None` if the record
/// says nothing of that, which is no promise of anything.
///
/// A life that ends later has not ended, so a date in the future alone means active.
pub fn standing(record: &Record, now: Moment) -> Option<Status> {
    let by_date = when(record, Field::EndOfLife).and_then(|end| match end {
        When::Unknown => None,
        end if end.has_come(now) => Some(Status::EndOfLife),
        _ => Some(Status::Active),
    });
    let by_successor =
        [Field::SupersededBy, Field::SupersededByName].iter().any(|field| record.contains_key(field)).then_some(Status::Superseded);
    // Of equal words the first in the order of `Status` is the stricter one.
    [status(record), by_date, by_successor].into_iter().flatten().min()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Value {
        Value::Time(When::At(Moment::strict(text).unwrap()))
    }

    #[test]
    fn the_stricter_word_holds() {
        let now = Moment::strict("2026-06-01").unwrap();
        let active = Value::Status(Status::Active);
        let successor = Value::Digest(Digest::sha256(b"new"));
        for (record, expected) in [
            (vec![], None),
            (vec![(Field::Reason, Value::Text("because".to_owned()))], None),
            (vec![(Field::EndOfLife, at("2026-06-01"))], Some(Status::EndOfLife)),
            (vec![(Field::EndOfLife, at("2026-06-02"))], Some(Status::Active)),
            (vec![(Field::EndOfLife, Value::Time(When::Already))], Some(Status::EndOfLife)),
            (vec![(Field::EndOfLife, Value::Time(When::NotYet))], Some(Status::Active)),
            (vec![(Field::EndOfLife, at("2026-05-01")), (Field::Status, active.clone())], Some(Status::EndOfLife)),
            (vec![(Field::EndOfLife, at("2026-07-01")), (Field::Status, Value::Status(Status::Deprecated))], Some(Status::Deprecated)),
            (vec![(Field::SupersededBy, successor), (Field::Status, active.clone())], Some(Status::Superseded)),
            (vec![(Field::Status, active)], Some(Status::Active)),
        ] {
            assert_eq!(standing(&record.clone().into_iter().collect(), now), expected, "{record:?}");
        }
    }

    #[test]
    fn every_field_reads_what_it_writes() {
        let digest = Digest::sha256(b"x");
        for (field, text) in [
            (Field::Status, "withdrawn".to_owned()),
            (Field::EndOfLife, "2026-12-01T00:00:00Z".to_owned()),
            (Field::SupersededBy, digest.to_string()),
            (Field::Supersedes, digest.to_string()),
            (Field::Reason, " as it is ".to_owned()),
        ] {
            assert_eq!(field.read(&text).unwrap().unwrap().0.text(), Some(text));
            assert_eq!(field.read("").unwrap(), None);
        }
        assert_eq!(Field::Status.read("retired").unwrap_err().code(), Code::UsageArgument);
        assert_eq!(Field::EndOfLife.read("soon").unwrap_err().code(), Code::LifecycleDate);
        assert_eq!(Field::SupersededBy.read("latest").unwrap_err().code(), Code::DigestSyntax);
        for field in Field::ALL {
            assert!(field.key().is_none_or(|key| key.starts_with(KEY_PREFIX) || key.starts_with("org.opencontainers.image.")));
        }
    }
}
