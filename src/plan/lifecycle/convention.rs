//! The conventions in which statements are made: which artifact type, which keys, and how much one statement says.

use serde::Serialize;

use super::field::{Field, KEY_PREFIX};
use crate::oci::annotation;

/// The artifact type of our own statements, and the media type of the document in them.
pub const OWN_TYPE: &str = "application/vnd.airbase.lifecycle.v1+json";
/// The first member of that document.
pub const OWN_SCHEMA: &str = "airbase.lifecycle/v1";
/// Microsoft's artifact type, which scanners and clean-up jobs of registries look for.
pub const MICROSOFT_TYPE: &str = "application/vnd.microsoft.artifact.lifecycle";
/// Microsoft's only key.
pub const MICROSOFT_KEY: &str = annotation::MICROSOFT_END_OF_LIFE;
/// Words of which the type of a statement has one.
const WORDS: &[&str] = &["lifecycle", "end-of-life", "endoflife", "eol"];

/// The convention of a statement.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Convention {
    /// Ours, whatever the artifact type.
    Own,
    /// Microsoft's: one date.
    Microsoft,
    /// That of articles on patching images: `application/vnd.ORG.image.lifecycle.metadata` and `vnd.ORG.image.end-of-life`.
    Vendor(String),
    /// Some other type with `lifecycle` in its name.
    Other,
}

/// How much a statement says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Extent {
    /// All there is to say: what it leaves out does not hold any longer.
    Everything,
    /// Some of it: what it leaves out holds as it did.
    Part,
}

impl Convention {
    /// The convention of a statement with this artifact type and these keys. `None` if it is no statement on the life cycle.
    pub fn of<'a>(artifact_type: &str, keys: impl IntoIterator<Item = &'a str>, has_own_document: bool) -> Option<Self> {
        if !is_statement(artifact_type) {
            return None;
        }
        if artifact_type == OWN_TYPE || has_own_document || keys.into_iter().any(|key| key.starts_with(KEY_PREFIX)) {
            return Some(Self::Own);
        }
        if artifact_type == MICROSOFT_TYPE {
            return Some(Self::Microsoft);
        }
        Some(vendor(artifact_type).map_or(Self::Other, |name| Self::Vendor(name.to_owned())))
    }

    /// How much a statement of this convention says. The article's readers take the newest and forget the others; Microsoft's
    /// have one date, and nothing is known of types that nobody described.
    pub fn extent(&self) -> Extent {
        match self {
            Self::Own | Self::Vendor(_) => Extent::Everything,
            Self::Microsoft | Self::Other => Extent::Part,
        }
    }

    /// For people.
    pub fn name(&self) -> String {
        match self {
            Self::Own => "airbase".to_owned(),
            Self::Microsoft => "microsoft".to_owned(),
            Self::Vendor(name) => format!("vnd.{name}"),
            Self::Other => "other".to_owned(),
        }
    }
}

/// Whether a referrer of this type makes a statement on the life cycle.
pub fn is_statement(artifact_type: &str) -> bool {
    let stands_alone = |word: &str| artifact_type.split(|byte: char| !byte.is_ascii_alphanumeric()).any(|part| part == word);
    // A short word may be a part of another one.
    WORDS.iter().any(|word| if word.len() > 3 { artifact_type.contains(word) } else { stands_alone(word) })
}

/// Whether what calls itself `artifact_type` and cannot be read may be such a statement: what does not say what it is may be one.
pub fn may_be_statement(artifact_type: Option<&str>) -> bool {
    artifact_type.is_none_or(is_statement)
}

/// `ORG` of `application/vnd.ORG.image.lifecycle.metadata`.
fn vendor(artifact_type: &str) -> Option<&str> {
    artifact_type
        .strip_prefix("application/vnd.")?
        .strip_suffix(".image.lifecycle.metadata")
        .filter(|name| !name.is_empty() && !name.contains('/'))
}

/// The artifact type of the vendor `name`.
pub fn vendor_type(name: &str) -> String {
    format!("application/vnd.{name}.image.lifecycle.metadata")
}

/// The key of the vendor `name`.
pub fn vendor_key(name: &str) -> String {
    format!("vnd.{name}.image.end-of-life")
}

/// What a key of somebody else's statement says, by how it ends.
const ENDINGS: &[(&str, Field)] = &[
    (".end-of-life", Field::EndOfLife),
    (".end-of-life.date", Field::EndOfLife),
    (".end-of-life-date", Field::EndOfLife),
    (".endoflife", Field::EndOfLife),
    (".eol", Field::EndOfLife),
    (".eol.date", Field::EndOfLife),
    (".eol-date", Field::EndOfLife),
    (".end-of-support", Field::EndOfSupport),
    (".end-of-support.date", Field::EndOfSupport),
    (".general-availability", Field::GeneralAvailability),
    (".lifecycle.status", Field::Status),
    (".superseded-by", Field::SupersededBy),
    (".supersedes", Field::Supersedes),
];

/// The field that an annotation of a statement carries: our key first, then those that the statements of others end with.
pub fn field_of(key: &str) -> Option<Field> {
    let own = Field::ALL.into_iter().find(|field| field.key() == Some(key));
    own.or_else(|| {
        let foreign = !key.starts_with(KEY_PREFIX) && !key.starts_with("org.opencontainers.");
        ENDINGS.iter().find(|(ending, _)| foreign && key.ends_with(ending)).map(|(_, field)| *field)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_and_keys_tell_the_convention() {
        let own = ["dev.airbase.lifecycle.status"];
        let none: [&str; 0] = [];
        for (artifact_type, keys, expected) in [
            (OWN_TYPE, &none[..], Some(Convention::Own)),
            (MICROSOFT_TYPE, &own[..], Some(Convention::Own)),
            (MICROSOFT_TYPE, &[MICROSOFT_KEY][..], Some(Convention::Microsoft)),
            ("application/vnd.myorganization.image.lifecycle.metadata", &none[..], Some(Convention::Vendor("myorganization".to_owned()))),
            ("application/vnd.example.lifecycle.v1", &none[..], Some(Convention::Other)),
            ("application/vnd.example.eol", &none[..], Some(Convention::Other)),
            ("application/vnd.example.eol.v1+json", &none[..], Some(Convention::Other)),
            ("application/vnd.example.end-of-life", &none[..], Some(Convention::Other)),
            ("application/vnd.example.geology", &none[..], None),
            ("application/vnd.geol.map", &none[..], None),
            ("application/vnd.cncf.notary.signature", &own[..], None),
        ] {
            assert_eq!(Convention::of(artifact_type, keys.iter().copied(), false), expected, "{artifact_type}");
        }
        assert_eq!(Convention::of(MICROSOFT_TYPE, none, true), Some(Convention::Own));
    }

    #[test]
    fn keys_say_what_they_carry() {
        for (key, field) in [
            ("dev.airbase.lifecycle.superseded-by.name", Some(Field::SupersededByName)),
            ("dev.airbase.lifecycle.unknown.end-of-life", None),
            (MICROSOFT_KEY, Some(Field::EndOfLife)),
            ("vnd.myorganization.image.end-of-life", Some(Field::EndOfLife)),
            ("com.example.image.eol", Some(Field::EndOfLife)),
            ("com.example.geol", None),
            ("org.opencontainers.image.version", Some(Field::Version)),
            ("org.opencontainers.image.support.end-of-life", None),
            ("com.example.note", None),
        ] {
            assert_eq!(field_of(key), field, "{key}");
        }
    }
}
