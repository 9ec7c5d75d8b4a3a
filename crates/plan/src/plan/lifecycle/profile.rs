//! What is written: a statement as the parts of a referrer manifest.
//!
//! By default one manifest serves two readers: its artifact type and its date are Microsoft's, which scanners and clean-up jobs
//! of registries look for, and beside them stand our annotations and a JSON document in the one layer, which Kyverno reads. What
//! has no date of the end of life cannot be said in Microsoft's type, and is of our own.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::convention::{self, MICROSOFT_KEY, MICROSOFT_TYPE, OWN_SCHEMA, OWN_TYPE};
use super::field::{self, Field, Record, Status, Value};
use super::statement::{CLEARED, ISSUER, OVERRIDES, RECORDED, REPLACES, SEQUENCE, SUBJECT_CREATED};
use super::time::Moment;
use crate::format::json::Value as Json;
use crate::foundation::{Code, Digest, Error, Fact, Result};
use crate::oci::{Descriptor, Verified, annotation};
use crate::plan::referrers::{Content, NewReferrer};

/// For which readers a statement is written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Profile {
    /// Microsoft's type with our annotations and document; our type where Microsoft's cannot say it.
    #[default]
    Combined,
    /// Microsoft's type and its one date, nothing else.
    Microsoft,
    /// Our type, annotations and document.
    Native,
    /// The type and the key of articles on patching images, with this name in both.
    Vendor(String),
}

impl Profile {
    /// Reads `combined`, `microsoft`, `native` or `vnd.ORG`.
    ///
    /// # Errors
    /// `usage.argument`.
    pub fn parse(text: &str) -> Result<Self> {
        let is_name = |name: &str| {
            // It becomes part of a media type (RFC 6838, section 4.2).
            name.starts_with(|first: char| first.is_ascii_alphanumeric())
                && name.len() <= 64
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
        };
        match text {
            "combined" => Ok(Self::Combined),
            "microsoft" => Ok(Self::Microsoft),
            "native" => Ok(Self::Native),
            _ => text.strip_prefix("vnd.").filter(|name| is_name(name)).map(|name| Self::Vendor(name.to_owned())).ok_or_else(|| {
                Error::new(Code::UsageArgument, "this is not a profile")
                    .expected(Fact::new("combined, microsoft, native or vnd.ORG", "--profile"))
                    .found(Fact::new(text, "the command line"))
            }),
        }
    }

    /// Whether it can say `field`. What an image says of itself, version and revision, is left out where it has no place.
    fn has_room(&self, field: Field) -> bool {
        match self {
            Self::Combined | Self::Native => true,
            // The status is refused below unless the date says the same.
            Self::Microsoft | Self::Vendor(_) => matches!(field, Field::EndOfLife | Field::Status | Field::Version | Field::Revision),
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Combined => formatter.write_str("combined"),
            Self::Microsoft => formatter.write_str("microsoft"),
            Self::Native => formatter.write_str("native"),
            Self::Vendor(name) => write!(formatter, "vnd.{name}"),
        }
    }
}

/// A statement that is to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewStatement {
    /// What it says.
    pub says: Record,
    /// When it is made.
    pub made: Moment,
    /// Its number among those of its issuer.
    pub sequence: u64,
    /// The statements that it stands in for.
    pub replaces: Vec<Digest>,
    /// What it takes back.
    pub cleared: BTreeSet<Field>,
    /// The statements of others that do not hold because of it.
    pub overrides: Vec<Digest>,
    /// Who says so.
    pub issuer: Option<String>,
    /// When the image itself was created, as it spells it.
    pub subject_created: Option<String>,
}

/// The referrer that says `draft` of `subject`, and the document in it, if its profile has one.
///
/// # Errors
/// `lifecycle.profile` if the profile has no room for something that is to be said.
pub fn write(draft: &NewStatement, subject: &Descriptor, profile: &Profile) -> Result<(NewReferrer, Option<Verified>)> {
    let end = field::when(&draft.says, Field::EndOfLife).and_then(super::time::When::moment);
    if matches!(profile, Profile::Microsoft | Profile::Vendor(_)) {
        refuse_lossy(draft, end, profile)?;
    }
    let mut annotations = BTreeMap::from([(annotation::CREATED.to_owned(), draft.made.to_string())]);
    let artifact_type = match (profile, end) {
        (Profile::Microsoft | Profile::Combined, Some(end)) => {
            annotations.insert(MICROSOFT_KEY.to_owned(), end.date());
            MICROSOFT_TYPE.to_owned()
        }
        (Profile::Vendor(name), Some(end)) => {
            annotations.insert(convention::vendor_key(name), end.to_string());
            let own =
                [Field::Version, Field::Revision].into_iter().filter_map(|field| Some((field.key()?, draft.says.get(&field)?.text()?)));
            annotations.extend(own.map(|(key, text)| (key.to_owned(), text)));
            convention::vendor_type(name)
        }
        _ => OWN_TYPE.to_owned(),
    };
    let document = match profile {
        Profile::Microsoft | Profile::Vendor(_) => None,
        Profile::Combined | Profile::Native => {
            annotate(draft, &mut annotations);
            Some(Verified::authored(document(draft, subject).into_bytes()))
        }
    };
    let content = document.iter().map(|document| Content::of(OWN_TYPE, document)).collect();
    Ok((NewReferrer { artifact_type, annotations, content }, document))
}

/// Refuses what a profile of one date cannot say. A half-written statement would be believed.
fn refuse_lossy(draft: &NewStatement, end: Option<Moment>, profile: &Profile) -> Result<()> {
    if !draft.cleared.is_empty() || !draft.overrides.is_empty() {
        let message = format!("the profile {profile} cannot take anything back or override anything");
        return Err(Error::new(Code::LifecycleProfile, message).hint("Use --profile combined."));
    }
    let status = field::status(&draft.says);
    let ended = end.is_some_and(|end| end.has_come(draft.made));
    let fits = |field: Field| match (field, status) {
        (Field::Status, Some(Status::Active)) => !ended,
        (Field::Status, Some(Status::EndOfLife)) => ended,
        (Field::Status, _) => false,
        _ => profile.has_room(field),
    };
    let left_out: Vec<String> =
        draft.says.iter().filter(|(field, _)| !fits(**field)).map(|(field, value)| format!("{} {value}", field.name())).collect();
    if end.is_some() && left_out.is_empty() {
        return Ok(());
    }
    let message = format!("the profile {profile} cannot say this");
    let error = Error::new(Code::LifecycleProfile, message).expected(Fact::new("a date of the end of life, and nothing else", "--profile"));
    let error = if end.is_none() { error.found(Fact::new("no date of the end of life", "the statement")) } else { error };
    Err(error.details(left_out).hint("Use --profile combined, which is also understood by readers of Microsoft's statements."))
}

/// Our annotations.
fn annotate(draft: &NewStatement, annotations: &mut BTreeMap<String, String>) {
    let own = draft.says.iter().filter_map(|(field, value)| Some((field.key()?.to_owned(), value.text()?)));
    annotations.extend(own);
    annotations.insert(RECORDED.to_owned(), draft.made.to_string());
    if draft.sequence > 0 {
        annotations.insert(SEQUENCE.to_owned(), draft.sequence.to_string());
    }
    let digests = |digests: &[Digest]| digests.iter().map(Digest::to_string).collect::<Vec<_>>();
    let lists = [(REPLACES, digests(&draft.replaces)), (OVERRIDES, digests(&draft.overrides)), (CLEARED, cleared(draft))];
    let lists = lists.into_iter().filter(|(_, items)| !items.is_empty());
    annotations.extend(lists.map(|(key, items)| (key.to_owned(), items.join(","))));
    let optional = [(ISSUER, &draft.issuer), (SUBJECT_CREATED, &draft.subject_created)];
    annotations.extend(optional.into_iter().filter_map(|(key, text)| Some((key.to_owned(), text.clone()?))));
}

/// The names of what is taken back.
fn cleared(draft: &NewStatement) -> Vec<String> {
    let names: BTreeSet<&str> = draft.cleared.iter().filter_map(|field| field.clear_name()).collect();
    names.into_iter().map(str::to_owned).collect()
}

/// The document: `docs/schemas/lifecycle-v1.schema.json`. No whitespace and a fixed order, so that the same statement has the same digest.
fn document(draft: &NewStatement, subject: &Descriptor) -> String {
    let mut root = Json::object();
    root.set("schema", Json::string(OWN_SCHEMA));
    let mut of = Json::object();
    of.set("mediaType", Json::string(&subject.media_type));
    of.set("digest", Json::string(&subject.digest.to_string()));
    of.set("size", Json::size(subject.size));
    root.set("subject", of);
    let mut successor = Json::object();
    for field in Field::ALL {
        let Some(value) = draft.says.get(&field) else { continue };
        let json = match value {
            Value::Platforms(platforms) => Json::string_map(platforms.iter().map(|(platform, digest)| (platform, digest.to_string()))),
            other => Json::string(&other.to_string()),
        };
        match field.member() {
            [name] => root.set(name, json),
            [_, name] => {
                successor.set(name, json);
                root.set("supersededBy", successor.clone());
            }
            _ => {}
        }
    }
    root.set("recorded", Json::string(&draft.made.to_string()));
    root.set("sequence", Json::size(draft.sequence));
    root.set("replaces", Json::strings(draft.replaces.iter().map(Digest::to_string)));
    if !draft.cleared.is_empty() {
        root.set("cleared", Json::strings(cleared(draft)));
    }
    if !draft.overrides.is_empty() {
        root.set("overrides", Json::strings(draft.overrides.iter().map(Digest::to_string)));
    }
    if let Some(issuer) = &draft.issuer {
        root.set("issuer", Json::string(issuer));
    }
    if let Some(created) = &draft.subject_created {
        root.set("subjectCreated", Json::string(created));
    }
    root.render()
}

#[cfg(test)]
mod tests;
