//! `docs/json.md`, read as what it is: a table of members for each document.

use std::fs;

use serde_json::Value;

/// The section in which the members of findings stand.
pub const FINDING: &str = "finding";
/// The one of referrers, which have referrers.
pub const REFERRER: &str = "referrer";
/// The one of what was set and not typed.
pub const SETTING: &str = "setting";
/// The one of progress lines.
pub const PROGRESS: &str = "progress lines";
/// The one of the lines of a plan between the first and the last.
pub const PLAN_ITEM: &str = "item of a plan";
/// The one of the last line of a plan.
pub const PLAN_END: &str = "end of a plan";
/// The one of the line that a journal has for an item.
pub const JOURNAL_ITEM: &str = "item of a journal";
/// The one of the line that a journal has for a layer.
pub const JOURNAL_LAYER: &str = "layer of a journal";
/// The one of the annotations that a rebase writes: the members are their keys, which have dots.
pub const RECORD: &str = "record of a rebase";
/// The first line of a plan.
pub const PLAN: &str = "airbase.batch-plan/v1";

/// A row of a table.
#[derive(Debug)]
pub struct Row {
    pub path: String,
    pub kind: String,
    pub meaning: String,
    pub absent: String,
}

impl Row {
    /// The values that the row allows, if it lists them. Options that stand in the text are none.
    pub fn values(&self) -> Vec<Value> {
        let words = quoted(&self.meaning).filter(|word| !word.starts_with('-'));
        words.map(|word| if word == "null" { Value::Null } else { Value::from(word) }).collect()
    }

    /// Whether the member is always there.
    pub fn always(&self) -> bool {
        self.absent == "never"
    }
}

/// The members of one document, or of one kind of object in several.
#[derive(Debug)]
pub struct Section {
    /// The schemas in the heading, else the heading itself in small letters.
    pub schemas: Vec<String>,
    /// What it is, in a sentence.
    pub about: String,
    pub rows: Vec<Row>,
}

/// The sections that describe members.
pub fn sections() -> Vec<Section> {
    let text = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/json.md")).unwrap();
    text.split("\n## ").skip(1).map(section).filter(|section| !section.rows.is_empty()).collect()
}

fn section(text: &str) -> Section {
    let (heading, body) = text.split_once('\n').unwrap();
    let schemas = if heading.contains('`') {
        quoted(heading).filter(|name| name.starts_with("airbase.")).map(str::to_owned).collect()
    } else {
        vec![heading.to_lowercase()]
    };
    let about = body.trim().replace('\n', " ");
    let about = about.split_once(". ").map_or(about.as_str(), |(first, _)| first);
    let about = about.split_once(';').map_or(about, |(first, _)| first);
    Section {
        schemas,
        about: about.trim_end_matches('.').to_owned(),
        rows: body.lines().filter(|line| line.starts_with("| `")).map(row).collect(),
    }
}

fn row(line: &str) -> Row {
    let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
    let [path, kind, meaning, absent] = cells.as_slice() else { panic!("a row has four cells: {line}") };
    Row {
        path: path.trim_matches('`').to_owned(),
        kind: (*kind).to_owned(),
        meaning: (*meaning).to_owned(),
        absent: absent.trim_matches('|').trim().to_owned(),
    }
}

/// What stands between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}
