//! What an image says of its own life cycle, in annotations and labels that its builder put there.
//!
//! Such words are as old as the image, and any statement goes before them. Labels are also inherited: an app built on a hardened
//! base carries the end of life of that base as if it were its own. What the base says with the same key and the same words is
//! therefore marked, and is never taken for the image's own.

use std::collections::BTreeMap;

use serde::Serialize;

use super::convention::{Conventions, MICROSOFT_KEY, field_of};
use super::field::{Field, KEY_PREFIX, Place, Stated, Status, Value};
use super::time::When;
use crate::foundation::{Code, Fact, Finding};

/// Whether what an image says is its own word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Inherited {
    /// Its base says the same in the same place.
    Yes,
    /// It is its own.
    No,
    /// It is a label, which builders pass on, and the base is not known.
    Unknown,
}

/// One thing that an image says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Declaration {
    /// What it is about.
    pub field: Field,
    /// The value, and where it was read.
    #[serde(flatten)]
    pub stated: Stated,
    /// Whether it is the base's word.
    pub inherited: Inherited,
}

/// Something that an image says of itself and that is not understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misread {
    /// What it is about.
    pub field: Field,
    /// Where it was read.
    pub place: Place,
    /// Whether it is the base's word.
    pub inherited: Inherited,
    /// What is there instead of what can be understood.
    pub finding: Finding,
}

/// All that an image says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Declared {
    /// What is understood, the nearest place first.
    pub says: Vec<Declaration>,
    /// What is not.
    pub misread: Vec<Misread>,
}

/// Whether what an index says in this field holds below it. A version or an address may be those of the index alone.
fn holds_below(field: Field) -> bool {
    matches!(field, Field::Status | Field::EndOfLife | Field::EndOfSupport | Field::Reason)
}

impl Declared {
    /// Whether an index that says this says anything of what is below it.
    pub fn says_of_below(&self) -> bool {
        let fields = self.says.iter().map(|word| word.field).chain(self.misread.iter().map(|word| word.field));
        fields.into_iter().any(holds_below)
    }

    /// These words with those of an index above: what an index says of its life holds for everything below it. Of two annotations for one
    /// field the stricter one holds.
    pub fn hear_from_above(&mut self, index: &Self) {
        for word in index.says.iter().filter(|word| holds_below(word.field)) {
            let mut own = self.says.iter().filter(|own| own.field == word.field && own.stated.place != Place::Label);
            if own.any(|own| own.stated.value.strictness() <= word.stated.value.strictness()) {
                self.says.push(word.clone());
            } else {
                self.says.insert(0, word.clone());
            }
        }
        self.misread.extend(index.misread.iter().filter(|word| holds_below(word.field)).cloned());
    }
}

/// The keys by which builders say it, and what they mean. Only those whose meaning is published.
const KEYS: &[(&str, Field)] = &[
    // image-spec#903, proposed in 2022 and not merged: read, never written.
    ("org.opencontainers.image.support.end-of-life", Field::EndOfLife),
    ("org.opencontainers.image.support.end-of-support", Field::EndOfSupport),
    ("org.opencontainers.image.support.info", Field::Url),
    ("org.opencontainers.image.version", Field::Version),
    ("org.opencontainers.image.revision", Field::Revision),
    // Docker Hardened Images.
    ("com.docker.dhi.date.end-of-life", Field::EndOfLife),
    ("com.docker.dhi.date.release", Field::GeneralAvailability),
    ("com.docker.dhi.version", Field::Version),
    // SUSE.
    ("com.suse.supportlevel.until", Field::EndOfSupport),
    ("com.suse.lifecycle-url", Field::Url),
    // Lagoon. Its status is a word of its own; see below.
    ("sh.lagoon.image.deprecated.status", Field::Status),
    ("sh.lagoon.image.deprecated.suggested", Field::SupersededByName),
    // Label Schema, the predecessor of the annotations of image-spec.
    ("org.label-schema.version", Field::Version),
    ("org.label-schema.vcs-ref", Field::Revision),
];

/// The words of Lagoon's status.
const LAGOON_STATUS: &str = "sh.lagoon.image.deprecated.status";

/// The maps of an image or of its base in which it says something.
#[derive(Debug, Clone, Copy, Default)]
pub struct Places<'a> {
    /// The annotations of the manifest.
    pub manifest: Option<&'a BTreeMap<String, String>>,
    /// The annotations of the index.
    pub index: Option<&'a BTreeMap<String, String>>,
    /// The labels of the config.
    pub labels: Option<&'a BTreeMap<String, String>>,
}

impl<'a> Places<'a> {
    fn all(self) -> [(Place, Option<&'a BTreeMap<String, String>>); 3] {
        [(Place::ManifestAnnotation, self.manifest), (Place::IndexAnnotation, self.index), (Place::Label, self.labels)]
    }
}

/// What an image with these annotations and labels says of itself.
/// `base` are those of its verified base, or nothing if that is not known; `table` has the keys of the site's vendors.
pub fn declared(image: Places<'_>, base: Option<Places<'_>>, table: &Conventions) -> Declared {
    let mut declared = Declared::default();
    for (place, map) in image.all() {
        let mut found = Vec::new();
        for (key, text) in map.into_iter().flatten() {
            let Some((rank, field)) = field_for(key, table) else { continue };
            // Labels and annotations of a manifest are passed on each to their own kind.
            let of_base = |base: Places<'_>| {
                base.all().into_iter().any(|(theirs, map)| theirs == place && map.and_then(|map| map.get(key)) == Some(text))
            };
            let inherited = match base.map(of_base) {
                Some(true) => Inherited::Yes,
                None if place == Place::Label => Inherited::Unknown,
                Some(false) | None => Inherited::No,
            };
            match read(field, key, text) {
                Ok(None) => {}
                Ok(Some((value, dialect))) => {
                    let stated = Stated { value, place, key: key.clone(), dialect };
                    found.push((rank, Declaration { field, stated, inherited }));
                }
                Err(finding) => declared.misread.push(Misread { field, place, inherited, finding: finding.detail(place.name()) }),
            }
        }
        found.sort_by(|(left, one), (right, other)| (left, &one.stated.key).cmp(&(right, &other.stated.key)));
        declared.says.extend(found.into_iter().map(|(_, declaration)| declaration));
    }
    declared
}

/// The field of a key, and where the key stands among those for the same field: ours, Microsoft's, the published ones,
/// those of articles, which end as theirs do, and the site's. What is published of a key goes before what a site says of many with one pattern.
fn field_for(key: &str, table: &Conventions) -> Option<(usize, Field)> {
    if key.starts_with(KEY_PREFIX) {
        return field_of(key).map(|field| (0, field));
    }
    if key == MICROSOFT_KEY {
        return Some((1, Field::EndOfLife));
    }
    if let Some(position) = KEYS.iter().position(|(known, _)| *known == key) {
        return KEYS.get(position).map(|(_, field)| (2 + position, *field));
    }
    // An image may be labelled with anything; only the article's form is specific enough.
    let is_article = key.strip_prefix("vnd.").and_then(|rest| rest.strip_suffix(".image.end-of-life")).is_some_and(|name| !name.is_empty());
    let article = is_article.then_some((2 + KEYS.len(), Field::EndOfLife));
    article.or_else(|| table.site_field(key).map(|field| (3 + KEYS.len(), field)))
}

type Reading = (Value, Option<super::time::Dialect>);

fn read(field: Field, key: &str, text: &str) -> Result<Option<Reading>, Box<Finding>> {
    if key == LAGOON_STATUS {
        let status = match text.trim() {
            "" | "false" => return Ok(None),
            "replaced" => Status::Superseded,
            _ => Status::Deprecated,
        };
        return Ok(Some((Value::Status(status), None)));
    }
    match field.read(text) {
        Ok(read) => Ok(read.map(|(value, reading)| (value, reading.map(|reading| reading.dialect)))),
        Err(error) => {
            let finding = Finding::new(Code::LifecycleUnreadable, "the image says something of its life cycle that is not understood");
            let expected = error.finding().expected.clone().unwrap_or_else(|| Fact::new("a date, such as 2026-12-01", "the key"));
            Err(Box::new(finding.expected(expected).found(Fact::new(text, key))))
        }
    }
}

/// The end of life that a base declares or is said to have, for the image on top of it.
pub fn end_of_life(declarations: &[Declaration]) -> Option<(&Declaration, When)> {
    declarations.iter().filter(|declaration| declaration.field == Field::EndOfLife).find_map(|declaration| match declaration.stated.value {
        Value::Time(when) => Some((declaration, when)),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn of_labels(labels: &[(&str, &str)]) -> Vec<(Field, String)> {
        let labels = map(labels);
        let found = declared(Places { labels: Some(&labels), ..Places::default() }, None, &Conventions::NONE);
        assert_eq!(found.misread, []);
        found.says.into_iter().map(|declaration| (declaration.field, declaration.stated.value.to_string())).collect()
    }

    #[test]
    fn published_keys_are_understood() {
        for (key, text, field, value) in [
            ("org.opencontainers.image.support.end-of-life", "2027-04-01", Field::EndOfLife, "2027-04-01T00:00:00Z"),
            ("org.opencontainers.image.support.end-of-support", "2026-04-01", Field::EndOfSupport, "2026-04-01T00:00:00Z"),
            ("org.opencontainers.image.support.info", "https://ubuntu.com", Field::Url, "https://ubuntu.com"),
            ("com.docker.dhi.date.end-of-life", "2028-06-30", Field::EndOfLife, "2028-06-30T00:00:00Z"),
            ("com.docker.dhi.date.release", "2025-06-30", Field::GeneralAvailability, "2025-06-30T00:00:00Z"),
            ("com.suse.supportlevel.until", "2031-07-31", Field::EndOfSupport, "2031-07-31T00:00:00Z"),
            ("com.suse.lifecycle-url", "https://www.suse.com/lifecycle", Field::Url, "https://www.suse.com/lifecycle"),
            ("sh.lagoon.image.deprecated.status", "replaced", Field::Status, "superseded"),
            ("sh.lagoon.image.deprecated.status", "endoflife", Field::Status, "deprecated"),
            ("sh.lagoon.image.deprecated.suggested", "uselagoon/php-8.3", Field::SupersededByName, "uselagoon/php-8.3"),
            ("org.label-schema.version", "1.2", Field::Version, "1.2"),
            ("vnd.myorganization.image.end-of-life", "20230707T00:00-08:00", Field::EndOfLife, "2023-07-07T08:00:00Z"),
            ("dev.airbase.lifecycle.status", "deprecated", Field::Status, "deprecated"),
        ] {
            assert_eq!(of_labels(&[(key, text)]), [(field, value.to_owned())], "{key}");
        }
        // An empty value says nothing, and a stranger's key is not guessed at.
        assert_eq!(of_labels(&[("com.suse.supportlevel.until", ""), ("sh.lagoon.image.deprecated.status", "false")]), []);
        assert_eq!(of_labels(&[("com.example.end-of-life", "2025-01-01"), ("io.buildpacks.lifecycle.metadata", "{}")]), []);
    }

    #[test]
    fn what_the_base_says_too_is_inherited() {
        let own = map(&[("com.docker.dhi.date.end-of-life", "2028-06-30"), ("com.suse.supportlevel.until", "2030-01-01")]);
        let base = map(&[("com.docker.dhi.date.end-of-life", "2028-06-30"), ("com.suse.supportlevel.until", "2029-01-01")]);
        let places = |labels| Places { labels: Some(labels), ..Places::default() };
        let Declared { says: found, .. } = declared(places(&own), Some(places(&base)), &Conventions::NONE);
        let inherited: Vec<_> = found.iter().map(|declaration| (declaration.field, declaration.inherited)).collect();
        assert_eq!(inherited, [(Field::EndOfLife, Inherited::Yes), (Field::EndOfSupport, Inherited::No)]);
        // An annotation is not inherited from a label.
        let Declared { says: found, .. } =
            declared(Places { manifest: Some(&own), ..Places::default() }, Some(places(&base)), &Conventions::NONE);
        assert!(found.iter().all(|declaration| declaration.inherited == Inherited::No));
        // Of a label nobody knows while the base is not known.
        let Declared { says: found, .. } = declared(places(&own), None, &Conventions::NONE);
        assert!(found.iter().all(|declaration| declaration.inherited == Inherited::Unknown));
    }

    #[test]
    fn the_nearest_place_comes_first_and_nonsense_is_told() {
        let manifest = map(&[("org.opencontainers.image.support.end-of-life", "2026-01-01")]);
        let index = map(&[("org.opencontainers.image.support.end-of-life", "2027-01-01"), (MICROSOFT_KEY, "soon")]);
        let Declared { says: found, misread } =
            declared(Places { manifest: Some(&manifest), index: Some(&index), labels: None }, None, &Conventions::NONE);
        assert_eq!(found.len(), 2);
        assert_eq!(end_of_life(&found).unwrap().0.stated.place, Place::ManifestAnnotation);
        assert_eq!(misread.iter().map(|word| word.finding.code).collect::<Vec<_>>(), [Code::LifecycleUnreadable]);
    }

    #[test]
    fn what_an_index_says_of_its_life_holds_below_it_and_the_stricter_word_goes_first() {
        let said = |pairs: &[(&str, &str)]| {
            let map = map(pairs);
            declared(Places { index: Some(&map), ..Places::default() }, None, &Conventions::NONE)
        };
        let own = |pairs: &[(&str, &str)]| {
            let map = map(pairs);
            declared(Places { manifest: Some(&map), ..Places::default() }, None, &Conventions::NONE)
        };
        let mut below = own(&[(MICROSOFT_KEY, "2027-01-01")]);
        let version = "org.opencontainers.image.version";
        below.hear_from_above(&said(&[(MICROSOFT_KEY, "2026-01-01"), (version, "2"), ("dev.airbase.lifecycle.status", "Withdrawnn")]));
        let (first, _) = end_of_life(&below.says).unwrap();
        assert_eq!((first.stated.place, first.stated.value.to_string()), (Place::IndexAnnotation, "2026-01-01T00:00:00Z".to_owned()));
        assert!(below.says.iter().all(|word| word.field != Field::Version), "an index may have a version of its own");
        assert_eq!(below.misread.iter().map(|word| word.field).collect::<Vec<_>>(), [Field::Status]);
        let mut below = own(&[(MICROSOFT_KEY, "2025-01-01")]);
        below.hear_from_above(&said(&[(MICROSOFT_KEY, "2026-01-01")]));
        assert_eq!(end_of_life(&below.says).unwrap().0.stated.place, Place::ManifestAnnotation);
    }
}
