//! The conventions in which statements are made: which artifact type, which keys, and how much one statement says.

use serde::{Deserialize, Serialize};

use super::field::{Field, KEY_PREFIX};
use crate::foundation::{Code, Error, Fact, Result};
use crate::oci::annotation;

/// The artifact type of our own statements, and the media type of the document in them.
pub const OWN_TYPE: &str = "application/vnd.airbase.lifecycle.v1+json";
/// The first member of that document.
pub(crate) const OWN_SCHEMA: &str = "airbase.lifecycle/v1";
/// How that of every version begins.
pub(crate) const OWN_FAMILY: &str = "airbase.lifecycle/";
/// Microsoft's artifact type, which scanners and clean-up jobs of registries look for.
pub(crate) const MICROSOFT_TYPE: &str = "application/vnd.microsoft.artifact.lifecycle";
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
    /// A type of the site's own table.
    Site(Extent),
}

/// How much a statement says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Extent {
    /// All there is to say: what it leaves out does not hold any longer.
    Everything,
    /// Some of it: what it leaves out holds as it did.
    Part,
}

impl Convention {
    /// The convention of a statement with this artifact type and these keys. `None` if it is no statement on the life cycle.
    pub fn of<'a>(
        artifact_type: &str,
        keys: impl IntoIterator<Item = &'a str>,
        has_own_document: bool,
        table: &Conventions,
    ) -> Option<Self> {
        if !table.is_statement(artifact_type) {
            return None;
        }
        if artifact_type == OWN_TYPE || has_own_document || keys.into_iter().any(|key| key.starts_with(KEY_PREFIX)) {
            return Some(Self::Own);
        }
        if artifact_type == MICROSOFT_TYPE {
            return Some(Self::Microsoft);
        }
        if let Some(extent) = table.extent(artifact_type) {
            return Some(Self::Site(extent));
        }
        Some(vendor(artifact_type).map_or(Self::Other, |name| Self::Vendor(name.to_owned())))
    }

    /// How much a statement of this convention says. The article's readers take the newest and forget the others; Microsoft's
    /// have one date, and nothing is known of types that nobody described.
    pub fn extent(&self) -> Extent {
        match self {
            Self::Own | Self::Vendor(_) => Extent::Everything,
            Self::Microsoft | Self::Other => Extent::Part,
            Self::Site(extent) => *extent,
        }
    }

    /// As it is shown to users.
    pub fn name(&self) -> String {
        match self {
            Self::Own => "airbase".to_owned(),
            Self::Microsoft => "microsoft".to_owned(),
            Self::Vendor(name) => format!("vnd.{name}"),
            Self::Other => "other".to_owned(),
            Self::Site(_) => "site".to_owned(),
        }
    }
}

/// Whether a referrer of this type makes a statement on the life cycle, whatever the site says besides.
pub fn is_statement(artifact_type: &str) -> bool {
    // A media type means the same in capitals.
    let artifact_type = artifact_type.to_ascii_lowercase();
    let stands_alone = |word: &str| artifact_type.split(|byte: char| !byte.is_ascii_alphanumeric()).any(|part| part == word);
    // A short word may be a part of another one.
    WORDS.iter().any(|word| if word.len() > 3 { artifact_type.contains(word) } else { stands_alone(word) })
}

/// `ORG` of `application/vnd.ORG.image.lifecycle.metadata`.
fn vendor(artifact_type: &str) -> Option<&str> {
    artifact_type
        .strip_prefix("application/vnd.")?
        .strip_suffix(".image.lifecycle.metadata")
        .filter(|name| !name.is_empty() && !name.contains('/'))
}

/// The artifact type of the vendor `name`.
pub(crate) fn vendor_type(name: &str) -> String {
    format!("application/vnd.{name}.image.lifecycle.metadata")
}

/// The key of the vendor `name`.
pub(crate) fn vendor_key(name: &str) -> String {
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

/// What a site reads as statements beside what everybody does: the types and keys of its vendors.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conventions {
    types: Vec<(Glob, Extent)>,
    keys: Vec<(Glob, Field)>,
}

impl Conventions {
    /// Nothing besides.
    pub const NONE: Self = Self { types: Vec::new(), keys: Vec::new() };
    /// The first member of a table.
    pub const SCHEMA: &'static str = "airbase.conventions/v1";

    /// Reads a table: JSON as `docs/lifecycle.md` has it.
    ///
    /// # Errors
    /// `usage.argument` for what is no table, a pattern that fits everything, and a field that there is not.
    pub fn parse(text: &[u8]) -> Result<Self> {
        let refused = |why: String| {
            Error::new(Code::UsageArgument, "the table of conventions is not understood")
                .expected(Fact::new(format!("JSON that begins {{\"schema\": \"{}\"", Self::SCHEMA), "docs/lifecycle.md"))
                .found(Fact::new(why, "the table"))
        };
        let table: Table = serde_json::from_slice(text).map_err(|error| refused(error.to_string()))?;
        if table.schema != Self::SCHEMA {
            return Err(refused(table.schema));
        }
        let glob = |text: String| Glob::parse(&text).ok_or_else(|| refused(format!("the pattern {text:?}")));
        let types = table.types.into_iter().map(|row| Ok((glob(row.artifact_type)?, row.extent))).collect::<Result<_>>()?;
        let keys = table.keys.into_iter().map(|row| Ok((glob(row.key)?, row.field))).collect::<Result<_>>()?;
        Ok(Self { types, keys })
    }

    /// Whether a referrer of this type makes a statement on the life cycle.
    pub fn is_statement(&self, artifact_type: &str) -> bool {
        is_statement(artifact_type) || self.extent(artifact_type).is_some()
    }

    /// Whether what calls itself `artifact_type` and cannot be read may be such a statement: what does not say what it is may be one.
    pub fn may_be_statement(&self, artifact_type: Option<&str>) -> bool {
        artifact_type.is_none_or(|artifact_type| self.is_statement(artifact_type))
    }

    /// The field that an annotation of a statement carries: ours, then the site's, then those that are read everywhere.
    pub(crate) fn field_of(&self, key: &str) -> Option<Field> {
        if key.starts_with(KEY_PREFIX) { field_of(key) } else { self.site_field(key).or_else(|| field_of(key)) }
    }

    /// The field of a key of the site's table.
    pub(crate) fn site_field(&self, key: &str) -> Option<Field> {
        self.keys.iter().find(|(glob, _)| glob.fits(key)).map(|(_, field)| *field)
    }

    fn extent(&self, artifact_type: &str) -> Option<Extent> {
        self.types.iter().find(|(glob, _)| glob.fits(artifact_type)).map(|(_, extent)| *extent)
    }
}

/// A table as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    schema: String,
    #[serde(default)]
    types: Vec<TypeRow>,
    #[serde(default)]
    keys: Vec<KeyRow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TypeRow {
    #[serde(rename = "type")]
    artifact_type: String,
    #[serde(rename = "says", default = "part")]
    extent: Extent,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyRow {
    key: String,
    field: Field,
}

fn part() -> Extent {
    Extent::Part
}

/// A text with at most one `*`, which stands for any text.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Glob {
    before: String,
    after: Option<String>,
}

impl Glob {
    fn parse(text: &str) -> Option<Self> {
        let (before, after) = text.split_once('*').map_or((text, None), |(before, after)| (before, Some(after.to_owned())));
        let says_something = !before.is_empty() || after.as_ref().is_some_and(|after| !after.is_empty());
        let once = after.as_ref().is_none_or(|after| !after.contains('*'));
        (says_something && once).then(|| Self { before: before.to_owned(), after })
    }

    fn fits(&self, text: &str) -> bool {
        match &self.after {
            None => text == self.before,
            Some(after) => text.strip_prefix(self.before.as_str()).is_some_and(|rest| rest.ends_with(after.as_str())),
        }
    }
}

/// The field that an annotation of a statement carries: our key first, then those that the statements of others end with.
pub(crate) fn field_of(key: &str) -> Option<Field> {
    let own = Field::ALL.into_iter().find(|field| field.key() == Some(key));
    own.or_else(|| {
        let foreign = !key.starts_with(KEY_PREFIX);
        let key = key.to_ascii_lowercase();
        // A key need not have the domain of anybody before its words.
        let says = |ending: &str| key.ends_with(ending) || ending.strip_prefix('.') == Some(&*key);
        ENDINGS.iter().find(|(ending, _)| foreign && says(ending)).map(|(_, field)| *field)
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
            assert_eq!(Convention::of(artifact_type, keys.iter().copied(), false, &Conventions::NONE), expected, "{artifact_type}");
        }
        assert_eq!(Convention::of(MICROSOFT_TYPE, none, true, &Conventions::NONE), Some(Convention::Own));
    }

    #[test]
    fn a_site_adds_types_and_keys() {
        let text = br#"{"schema": "airbase.conventions/v1",
            "types": [{"type": "application/vnd.vendor.support+json"}, {"type": "application/vnd.other.*", "says": "everything"}],
            "keys": [{"key": "com.vendor.fixes-until", "field": "endOfLife"}, {"key": "*.retired", "field": "status"}]}"#;
        let table = Conventions::parse(text).unwrap();
        let of = |artifact_type: &str| Convention::of(artifact_type, [], false, &table);
        assert_eq!(of("application/vnd.vendor.support+json"), Some(Convention::Site(Extent::Part)));
        assert_eq!(of("application/vnd.other.support"), Some(Convention::Site(Extent::Everything)));
        assert_eq!(of("application/vnd.vendor.support"), None);
        // What everybody reads is read as ever.
        assert_eq!(of(MICROSOFT_TYPE), Some(Convention::Microsoft));
        assert_eq!(of("application/vnd.example.eol"), Some(Convention::Other));
        for (key, field) in [
            ("com.vendor.fixes-until", Some(Field::EndOfLife)),
            ("org.example.retired", Some(Field::Status)),
            ("org.example.eol", Some(Field::EndOfLife)),
            ("dev.airbase.lifecycle.retired", None),
            ("com.vendor.fixes-until.x", None),
        ] {
            assert_eq!(table.field_of(key), field, "{key}");
        }
        assert!(table.may_be_statement(None) && !table.may_be_statement(Some("application/x-report")));
    }

    #[test]
    fn a_table_that_is_not_understood_is_refused() {
        let head = r#"{"schema": "airbase.conventions/v1", "#;
        for text in [
            "",
            "{}",
            r#"{"schema": "airbase.conventions/v2"}"#,
            &format!(r#"{head}"tipes": []}}"#),
            &format!(r#"{head}"types": [{{"type": "*"}}]}}"#),
            &format!(r#"{head}"types": [{{"type": "a*b*c"}}]}}"#),
            &format!(r#"{head}"types": [{{"type": "a", "says": "much"}}]}}"#),
            &format!(r#"{head}"keys": [{{"key": "a", "field": "endOfTime"}}]}}"#),
        ] {
            assert_eq!(Conventions::parse(text.as_bytes()).unwrap_err().code(), Code::UsageArgument, "{text}");
        }
        assert_eq!(Conventions::parse(br#"{"schema": "airbase.conventions/v1"}"#).unwrap(), Conventions::NONE);
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
            // What builders write on images means the same on a statement.
            ("org.opencontainers.image.support.end-of-life", Some(Field::EndOfLife)),
            ("eol", Some(Field::EndOfLife)),
            ("End-Of-Life", Some(Field::EndOfLife)),
            ("lifecycle.status", Some(Field::Status)),
            ("geol", None),
            ("com.example.note", None),
        ] {
            assert_eq!(field_of(key), field, "{key}");
        }
    }
}
