//! JSON Schemas (draft 2020-12) of what is printed and written: made from `docs/json.md`, and a checker for the words that they use.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

use serde_json::{Map, Value, json};

use super::documentation::{
    FINDING, JOURNAL_ITEM, JOURNAL_LAYER, PLAN, PLAN_END, PLAN_ITEM, PROGRESS, RECORD, REFERRER, Row, SETTING, Section, sections,
};

/// A journal, and what progress lines are called here: documents whose lines do not say what they are.
const JOURNAL: &str = "airbase.batch-journal/v1";
const LINES: &str = "airbase.progress/v1";
const RECORDED: &str = "airbase.rebase-record/v1";

const DIGEST: &str = "^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$";

/// Where the published schemas are.
pub fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/schemas"))
}

/// The file of a schema: `airbase.rebase/v1` has `rebase-v1.schema.json`. Lines that do not say what they are have that of their file.
pub fn file_of(schema: &str) -> String {
    let schema = match schema {
        PLAN_ITEM | PLAN_END => PLAN,
        JOURNAL_ITEM | JOURNAL_LAYER => JOURNAL,
        PROGRESS => LINES,
        RECORD => RECORDED,
        other => other,
    };
    format!("{}.schema.json", schema.trim_start_matches("airbase.").replace('/', "-"))
}

/// What the files must be, by the name of the schema.
pub fn made() -> BTreeMap<String, Value> {
    let sections = sections();
    let mut names: Vec<&str> = sections.iter().flat_map(|section| &section.schemas).map(String::as_str).collect();
    names.retain(|name| name.starts_with("airbase."));
    let mut schemas: BTreeMap<String, Value> = names.iter().map(|name| ((*name).to_owned(), report(&sections, name))).collect();
    schemas.insert(PLAN.to_owned(), lines(&sections, PLAN, &[("first", PLAN), ("item", PLAN_ITEM), ("end", PLAN_END)]));
    schemas.insert(JOURNAL.to_owned(), lines(&sections, JOURNAL, &[("item", JOURNAL_ITEM), ("layer", JOURNAL_LAYER)]));
    schemas.insert(LINES.to_owned(), lines(&sections, LINES, &[("line", PROGRESS)]));
    schemas.insert(RECORDED.to_owned(), whole(&sections, RECORDED, record(&sections)));
    schemas
}

/// Annotations of a manifest or an index, among others of which nothing is said.
fn record(sections: &[Section]) -> Value {
    let section = sections.iter().find(|section| section.schemas == [RECORD]).unwrap();
    let properties: Map<String, Value> = section.rows.iter().map(|row| (row.path.clone(), described(kind(row), row))).collect();
    json!({"type": "object", "description": section.about, "properties": properties, "additionalProperties": {"type": "string"}})
}

/// The document that a command prints.
fn report(sections: &[Section], schema: &str) -> Value {
    let mut document = named(sections, schema);
    document["properties"]["settings"] = json!({"items": {"$ref": "#/$defs/setting"}, "type": "array", "description":
        "what was set in the environment or in a file of settings and counted; absent when: nothing was"});
    whole(sections, schema, document)
}

/// The members of a document that says what it is.
fn named(sections: &[Section], schema: &str) -> Value {
    let mut document = object_of(sections, schema);
    document["properties"]["schema"] = json!({"const": schema});
    document["required"].as_array_mut().unwrap().insert(0, json!("schema"));
    document
}

/// A file of which each line is one of several objects.
fn lines(sections: &[Section], schema: &str, kinds: &[(&str, &str)]) -> Value {
    let choice: Vec<Value> = kinds.iter().map(|(name, _)| json!({"$ref": format!("#/$defs/{name}")})).collect();
    let definitions: Map<String, Value> = kinds
        .iter()
        .map(|(name, section)| {
            ((*name).to_owned(), if *section == schema { named(sections, section) } else { object_of(sections, section) })
        })
        .collect();
    whole(sections, schema, json!({"description": "Each line of the file.", "oneOf": choice, "$defs": definitions}))
}

/// Adds what every file begins with, and what it refers to.
fn whole(sections: &[Section], schema: &str, mut document: Value) -> Value {
    document["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    document["$id"] = json!(format!("urn:{}", schema.replace(['.', '/'], ":")));
    document["title"] = json!(schema);
    for (name, section) in [("referrer", REFERRER), ("finding", FINDING), ("setting", SETTING)] {
        if document.to_string().contains(&format!("#/$defs/{name}\"")) {
            document["$defs"][name] = object_of(sections, section);
        }
    }
    if document.to_string().contains("#/$defs/digest\"") {
        document["$defs"]["digest"] = json!({"type": "string", "pattern": DIGEST});
    }
    document
}

/// The object that the rows of all sections of that name describe.
fn object_of(sections: &[Section], name: &str) -> Value {
    let sections: Vec<&Section> = sections.iter().filter(|section| section.schemas.iter().any(|schema| schema == name)).collect();
    let mut root = Node::default();
    sections.iter().flat_map(|section| &section.rows).for_each(|row| root.add(row));
    let mut object = root.object();
    object["description"] = json!(sections[0].about);
    object
}

/// A member, or the document.
#[derive(Debug, Default)]
struct Node<'a> {
    row: Option<&'a Row>,
    list: bool,
    map: bool,
    members: BTreeMap<&'a str, Node<'a>>,
}

impl<'a> Node<'a> {
    fn add(&mut self, row: &'a Row) {
        let mut node = self;
        for segment in row.path.split('.') {
            node = node.members.entry(segment.trim_end_matches(['[', ']', '{', '}'])).or_default();
            node.list |= segment.ends_with("[]");
            node.map |= segment.ends_with("{}");
        }
        node.row = Some(row);
    }

    /// What has no row of its own is there if something of it always is.
    fn always(&self) -> bool {
        self.row.map_or_else(|| self.members.values().any(Node::always), Row::always)
    }

    fn object(&self) -> Value {
        let properties: Map<String, Value> = self.members.iter().map(|(name, node)| ((*name).to_owned(), node.value())).collect();
        let required: Vec<&str> = self.members.iter().filter(|(_, node)| node.always()).map(|(name, _)| *name).collect();
        json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
    }

    fn value(&self) -> Value {
        let inner = if self.members.is_empty() { self.row.map_or(Value::Null, kind) } else { self.object() };
        let value = match (self.list, self.map) {
            (true, _) if inner.is_null() => json!({"type": "array"}),
            (true, _) => json!({"type": "array", "items": inner}),
            (_, true) => json!({"type": "object", "additionalProperties": inner}),
            _ => inner,
        };
        if let Some(row) = self.row { described(value, row) } else { value }
    }
}

fn described(mut value: Value, row: &Row) -> Value {
    let absent = if row.always() { String::new() } else { format!("; absent when: {}", row.absent) };
    value["description"] = json!(format!("{}{absent}", row.meaning));
    value
}

/// What the type of a row means.
fn kind(row: &Row) -> Value {
    match row.kind.as_str() {
        "string" => json!({"type": "string"}),
        "boolean" => json!({"type": "boolean"}),
        "number" => json!({"type": "integer", "minimum": 0}),
        "integer" => json!({"type": "integer"}),
        "one of" => json!({"enum": row.values()}),
        "digest" | "finding" | "referrer" => json!({"$ref": format!("#/$defs/{}", row.kind)}),
        other => panic!("{} has the type {other:?}, which has no members", row.path),
    }
}

/// A document as it is published: what fits on a line is on one.
pub fn text(value: &Value) -> String {
    let mut text = String::new();
    pretty(value, 0, &mut text);
    text.push('\n');
    text
}

fn pretty(value: &Value, depth: usize, text: &mut String) {
    const WIDTH: usize = 140;
    let short = value.to_string();
    let (open, close, parts): (_, _, Vec<(String, &Value)>) = match value {
        Value::Object(members) => ('{', '}', members.iter().map(|(name, value)| (format!("{}: ", json!(name)), value)).collect()),
        Value::Array(items) => ('[', ']', items.iter().map(|value| (String::new(), value)).collect()),
        _ => return text.push_str(&short),
    };
    if short.len() + 2 * depth < WIDTH && depth > 0 {
        return text.push_str(&short);
    }
    text.push(open);
    for (number, (name, value)) in parts.iter().enumerate() {
        text.push_str(if number > 0 { ",\n" } else { "\n" });
        text.push_str(&"  ".repeat(depth + 1));
        text.push_str(name);
        pretty(value, depth + 1, text);
    }
    text.push_str(&format!("\n{}{close}", "  ".repeat(depth)));
}

/// The schemas as they are published, by the name of their file.
fn published() -> &'static BTreeMap<String, Value> {
    static SCHEMAS: OnceLock<BTreeMap<String, Value>> = OnceLock::new();
    SCHEMAS.get_or_init(|| {
        let files = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap());
        let read = |path| serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        files.map(|file| (file.file_name().into_string().unwrap(), read(file.path()))).collect()
    })
}

/// What is wrong with a document by the published schema of that name.
pub fn check(schema: &str, document: &Value) -> Vec<String> {
    let name = file_of(schema);
    let Some(root) = published().get(&name) else { return vec![format!("there is no docs/schemas/{name}")] };
    check_with(root, document)
}

/// What is wrong with a document by a schema.
pub fn check_with(root: &Value, document: &Value) -> Vec<String> {
    Checker { root }.check(root, document, "")
}

struct Checker<'a> {
    root: &'a Value,
}

impl Checker<'_> {
    fn check(&self, schema: &Value, value: &Value, path: &str) -> Vec<String> {
        let words = schema.as_object().unwrap();
        words.iter().flat_map(|(word, said)| self.word(schema, word, said, value, path)).collect()
    }

    fn word(&self, schema: &Value, word: &str, said: &Value, value: &Value, path: &str) -> Vec<String> {
        let unless = |right: bool, what: &str| if right { Vec::new() } else { vec![format!("{path}: {value} {what} {said}")] };
        match word {
            "$schema" | "$id" | "$defs" | "title" | "description" => Vec::new(),
            "type" => unless(is(said.as_str().unwrap(), value), "is no"),
            "const" => unless(said == value, "is not"),
            "enum" => unless(said.as_array().unwrap().contains(value), "is none of"),
            "minimum" => unless(value.as_i64() >= said.as_i64() || value.as_u64().is_some(), "is less than"),
            "pattern" => unless(value.as_str().is_none_or(|text| said == DIGEST && is_digest(text)), "does not match"),
            "$ref" => self.check(self.root.pointer(said.as_str().unwrap().trim_start_matches('#')).unwrap(), value, path),
            "oneOf" => self.one_of(said.as_array().unwrap(), value, path),
            "items" => each(value.as_array(), |(number, item)| self.check(said, item, &format!("{path}[{number}]"))),
            "required" => said
                .as_array()
                .unwrap()
                .iter()
                .filter(|name| value.is_object() && value.get(name.as_str().unwrap()).is_none())
                .map(|name| format!("{path}: {name} is not there"))
                .collect(),
            "properties" => {
                let inner = |(name, schema)| value.get(name).map(|value| self.check(schema, value, &format!("{path}.{name}")));
                said.as_object().unwrap().iter().filter_map(inner).flatten().collect()
            }
            "additionalProperties" => {
                let others = value.as_object().into_iter().flatten().filter(|(name, _)| schema["properties"].get(name).is_none());
                others.flat_map(|(name, value)| self.other(said, name, value, path)).collect()
            }
            other => vec![format!("the checker does not know {other}")],
        }
    }

    /// A member that is not among the properties.
    fn other(&self, said: &Value, name: &str, value: &Value, path: &str) -> Vec<String> {
        match said {
            Value::Bool(allowed) if *allowed => Vec::new(),
            Value::Bool(_) => vec![format!("{path}: {name} is not described: {value}")],
            schema => self.check(schema, value, &format!("{path}.{name}")),
        }
    }

    /// Tells of the branch that fits best.
    fn one_of(&self, branches: &[Value], value: &Value, path: &str) -> Vec<String> {
        let mut wrong: Vec<Vec<String>> = branches.iter().map(|branch| self.check(branch, value, path)).collect();
        wrong.sort_by_key(Vec::len);
        match wrong.iter().filter(|wrong| wrong.is_empty()).count() {
            0 => wrong.swap_remove(0),
            1 => Vec::new(),
            several => vec![format!("{path}: {several} branches fit")],
        }
    }
}

fn each<'a>(items: Option<&'a Vec<Value>>, check: impl Fn((usize, &'a Value)) -> Vec<String>) -> Vec<String> {
    items.into_iter().flatten().enumerate().flat_map(check).collect()
}

fn is(kind: &str, value: &Value) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        _ => false,
    }
}

fn is_digest(text: &str) -> bool {
    let length = |length, digits: &str| digits.len() == length && digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    text.split_once(':').is_some_and(|(algorithm, digits)| match algorithm {
        "sha256" => length(64, digits),
        "sha512" => length(128, digits),
        _ => false,
    })
}
