//! The annotations of a manifest, merged three ways.

use std::collections::{BTreeMap, BTreeSet};

use super::decision::Decision;
use super::preference::{Preferences, Side};
use super::rule::{Old, Sides, Weight};
use crate::oci::annotation;

/// What the merge gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merged {
    /// The annotations of the result.
    pub annotations: BTreeMap<String, String>,
    /// Where they are not the app's own, or where that was in question; by key.
    pub decisions: Vec<Decision>,
}

/// Whether an annotation tells how the image came to be, so that only the caller can know what it says now.
fn is_lineage(key: &str) -> bool {
    matches!(key, annotation::BASE_NAME | annotation::BASE_DIGEST) || key.starts_with(annotation::OWN_PREFIX)
}

/// Merges per key. Annotations about the lineage stay as the app has them; the caller sets them.
///
/// Labels are inherited by every builder, annotations by few: an image usually has none of its base's. So the rule
/// applies only if the app has at least one annotation of the old base with its value. Otherwise the new base's
/// `org.opencontainers.image.revision` would make the result claim to be built from the base's source. Without an old
/// base nothing is inherited either.
pub fn merge(
    old: Option<&BTreeMap<String, String>>,
    app: &BTreeMap<String, String>,
    new: &BTreeMap<String, String>,
    preferences: &Preferences,
) -> Merged {
    let mut merged = Merged { annotations: app.clone(), decisions: Vec::new() };
    let Some(old) = old.filter(|old| old.iter().any(|(key, value)| !is_lineage(key) && app.get(key) == Some(value))) else {
        return merged;
    };
    let keys: BTreeSet<&String> = app.keys().chain(new.keys()).filter(|key| !is_lineage(key)).collect();
    for key in keys {
        let sides = Sides { old: Old::Known(old.get(key)), app: app.get(key), new: new.get(key) };
        let choice = sides.choose(|left, right| left == right, Weight::of(preferences.for_key("annotations", key)));
        if choice.side() == Side::Base {
            match sides.new {
                Some(value) => merged.annotations.insert(key.clone(), value.clone()),
                None => merged.annotations.remove(key),
            };
        }
        merged.decisions.extend(Decision::of(format!("annotations.{key}"), choice, sides.map(|value| Some(value.clone()))));
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::super::decision::Kind;
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    const NAME: &str = "org.opencontainers.image.base.name";

    #[test]
    fn inherited_annotations_follow_the_base_and_lineage_is_left_alone() {
        let old = map(&[("version", "12.1"), ("vendor", "Debian"), ("gone", "1"), ("both", "1"), (NAME, "scratch")]);
        let app = map(&[("version", "12.1"), ("vendor", "Us"), ("gone", "1"), ("both", "2"), (NAME, "debian"), ("dev.airbase.x", "1")]);
        let new = map(&[("version", "12.2"), ("vendor", "Debian"), ("added", "1"), ("both", "3"), (NAME, "sid"), ("dev.airbase.y", "1")]);
        let merged = merge(Some(&old), &app, &new, &Preferences::STANDARD);
        let expected =
            map(&[("added", "1"), ("both", "2"), ("version", "12.2"), ("vendor", "Us"), (NAME, "debian"), ("dev.airbase.x", "1")]);
        assert_eq!(merged.annotations, expected);
        let decided: Vec<_> = merged.decisions.iter().map(|decision| (decision.field.as_str(), decision.kind)).collect();
        assert_eq!(
            decided,
            [
                ("annotations.added", Kind::FromBase),
                ("annotations.both", Kind::Conflict { chosen: Side::App }),
                ("annotations.gone", Kind::FromBase),
                ("annotations.version", Kind::FromBase),
            ]
        );
        let base = Preferences::parse(["annotations.both=base"]).unwrap();
        assert_eq!(merge(Some(&old), &app, &new, &base).annotations["both"], "3");
    }

    #[test]
    fn an_app_that_inherits_no_annotations_gets_none() {
        let old = map(&[("version", "12.1")]);
        let new = map(&[("version", "12.2"), ("revision", "abc")]);
        for app in [map(&[]), map(&[("version", "0.1")])] {
            let unchanged = Merged { annotations: app.clone(), decisions: Vec::new() };
            assert_eq!(merge(Some(&old), &app, &new, &Preferences::STANDARD), unchanged);
            assert_eq!(merge(Some(&map(&[])), &app, &new, &Preferences::STANDARD), unchanged);
            assert_eq!(merge(None, &app, &new, &Preferences::STANDARD), unchanged);
        }
    }
}
