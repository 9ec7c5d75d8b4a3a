//! What a merge decided, for the report.

use serde::Serialize;

use super::preference::Side;
use super::rule::{Choice, Sides};

/// How one value of the result came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Kind {
    /// The app had what the old base had, so the new base's value is taken.
    FromBase,
    /// App and new base both changed the value, and both changes are in the result.
    Merged,
    /// App and new base both changed the value, and only one of them can be in the result.
    Conflict {
        /// Whose value it is now.
        chosen: Side,
    },
    /// The config of the old base is unknown, so it is unknown who changed the value.
    TwoWay,
}

/// One value of the result that is not simply the app's own, or where that was in question.
///
/// A value is given as its text if it is a string, as raw JSON if not; an absent or null value is left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    /// The field as `--prefer` takes it: `User`, `Env.PATH`, `annotations.KEY`. The platform fields (`os.version`) take no
    /// preference.
    pub field: String,
    /// How the result came about.
    #[serde(flatten)]
    pub kind: Kind,
    /// What the old base has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old: Option<String>,
    /// What the app has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app: Option<String>,
    /// What the new base has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new: Option<String>,
    /// What the result has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
}

impl Decision {
    /// The record of `choice`, unless there is nothing to say about it.
    pub(super) fn of(field: impl Into<String>, choice: Choice, sides: Sides<String>) -> Option<Self> {
        let kind = match choice {
            Choice::Keep => return None,
            Choice::Base => Kind::FromBase,
            Choice::Conflict(chosen) => Kind::Conflict { chosen },
            Choice::TwoWay(_) => Kind::TwoWay,
        };
        let result = match choice.side() {
            Side::App => sides.app.clone(),
            Side::Base => sides.new.clone(),
        };
        Some(Self { field: field.into(), kind, old: sides.old.value(), app: sides.app, new: sides.new, result })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_reads_flat() {
        let decision = Decision {
            field: "Env.JAVA_HOME".to_owned(),
            kind: Kind::Conflict { chosen: Side::App },
            old: None,
            app: Some("/a".to_owned()),
            new: Some("/b".to_owned()),
            result: Some("/a".to_owned()),
        };
        assert_eq!(
            serde_json::to_string(&decision).unwrap(),
            r#"{"field":"Env.JAVA_HOME","kind":"conflict","chosen":"app","app":"/a","new":"/b","result":"/a"}"#
        );
        let decision = Decision { kind: Kind::TwoWay, ..decision };
        assert!(serde_json::to_string(&decision).unwrap().contains(r#""kind":"two-way""#));
    }
}
