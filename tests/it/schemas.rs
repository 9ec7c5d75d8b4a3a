//! `docs/schemas`: what they are made from, and that they see what is wrong. That every document keeps to its schema is looked at
//! wherever a test reads one (`Environment::json`), and for all of them in `contract`.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};

use crate::support::schema::{check_with, file_of, folder, made, text};

/// Set this to write the files anew after a change of `docs/json.md`.
const WRITE: &str = "AIRBASE_WRITE_SCHEMAS";

/// Schemas that are not made from `docs/json.md`: that of statements, which `profile` checks what is written against.
const BY_HAND: &[&str] = &["lifecycle-v1.schema.json"];

#[test]
fn the_files_say_what_the_documentation_says() {
    let write = std::env::var_os(WRITE).is_some();
    let mut names: BTreeSet<String> = BY_HAND.iter().map(|name| (*name).to_owned()).collect();
    for (schema, document) in made() {
        let path = folder().join(file_of(&schema));
        if write {
            fs::write(&path, text(&document)).unwrap();
        }
        let published = fs::read_to_string(&path).unwrap_or_default();
        assert!(published == text(&document), "{} is not what docs/json.md says: {WRITE}=1 cargo test schemas:: writes it", path.display());
        assert_eq!(serde_json::from_str::<Value>(&published).unwrap(), document);
        names.insert(file_of(&schema));
    }
    let files: BTreeSet<String> = fs::read_dir(folder()).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(files, names);
}

#[test]
fn what_a_schema_does_not_describe_is_seen() {
    let schemas = made();
    let check = |schema: &str, document: Value| check_with(&schemas[schema], &document).join("\n");
    let digest = format!("sha256:{}", "0".repeat(64));
    let right = json!({"schema": "airbase.demo/v1", "directory": "d", "commands": ["c"], "results": [{"path": "p", "digest": digest}]});
    assert_eq!(check("airbase.demo/v1", right.clone()), "");
    for (pointer, value, told) in [
        ("/schema", json!("airbase.demo/v2"), ".schema: \"airbase.demo/v2\" is not \"airbase.demo/v1\""),
        ("/directory", json!(1), ".directory: 1 is no \"string\""),
        ("/commands", json!("c"), ".commands: \"c\" is no \"array\""),
        ("/commands/0", Value::Null, ".commands[0]: null is no \"string\""),
        ("/results/0", json!({"path": "p"}), ".results[0]: \"digest\" is not there"),
        ("/results/0", json!({"path": "p", "digest": digest, "more": 1}), ".results[0]: more is not described: 1"),
        ("/results/0/digest", json!("sha256:0"), ".results[0].digest: \"sha256:0\" does not match"),
    ] {
        let mut wrong = right.clone();
        *wrong.pointer_mut(pointer).unwrap() = value;
        let found = check("airbase.demo/v1", wrong);
        assert!(found.starts_with(told), "{found}");
    }
    let stage = |stage: &str, items: i64| json!({"stage": stage, "items": items, "itemsDone": 1, "bytes": 1, "bytesDone": 1, "bytesPerSecond": 1, "secondsLeft": 1});
    assert_eq!(check("airbase.progress/v1", stage("verify", 1)), "");
    assert!(check("airbase.progress/v1", stage("rest", 1)).starts_with(".stage: \"rest\" is none of"));
    assert!(check("airbase.progress/v1", stage("verify", -1)).starts_with(".items: -1 is less than 0"));
    let failed = json!({"schema": "airbase.error/v1", "exit": 3, "error": {"code": "c", "severity": "grave", "message": "m"}});
    assert!(check("airbase.error/v1", failed).starts_with(".error.severity: \"grave\" is none of"));
    // A line of a plan is one of three things; of a journal one of two.
    assert!(check("airbase.batch-plan/v1", json!({"end": 1})).starts_with(".end: 1 is no"));
    let layer = json!({"blob": digest, "size": 1, "inode": 1, "modified": [-1, 0], "changed": [1, 0]});
    assert_eq!(check("airbase.batch-journal/v1", layer), "");
    assert_ne!(check("airbase.batch-journal/v1", json!({})), "");
}
