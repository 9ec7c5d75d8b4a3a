//! Statements of types that a site reads by a table of its own.

use std::fs;

use serde_json::json;

use super::{CREATED, app, statement, value};
use crate::support::{Environment, Layout};

const TYPE: &str = "application/vnd.vendor.support+json";

fn place() -> Environment {
    let mut layout =
        Layout::new().image("app:1", &app()).image("app:2", &app().annotated("n", "2")).image("app:3", &app().annotated("n", "3"));
    let said = |until: &str| json!({"com.vendor.fixes-until": until, CREATED: "2026-01-01T00:00:00Z"});
    statement(&mut layout, &app().digest(), TYPE, said("2026-02-01"));
    statement(&mut layout, &app().annotated("n", "2").digest(), TYPE, said("next year"));
    // A type that is read anyway, with a key that is not.
    let retired = json!({"com.vendor.state": "withdrawn", CREATED: "2026-01-01T00:00:00Z"});
    statement(&mut layout, &app().annotated("n", "3").digest(), "application/vnd.vendor.lifecycle", retired);
    let environment = Environment::new();
    layout.write(&environment.join("in"));
    let table = json!({"schema": "airbase.conventions/v1",
        "types": [{"type": "application/vnd.vendor.support+*", "says": "everything"}],
        "keys": [{"key": "com.vendor.fixes-until", "field": "endOfLife"}, {"key": "*.state", "field": "status"}]});
    fs::write(environment.join("table.json"), table.to_string()).unwrap();
    environment
}

#[test]
fn types_and_keys_of_a_site_are_statements() {
    let environment = place();
    let check = ["lifecycle", "check", "in", "--at", "2026-03-01"];
    let (status, report) = environment.json(&check);
    assert_eq!((status, &report["denied"]), (0, &json!(0)), "{report:#}");
    let with = |arguments: &[&str]| environment.json(&[arguments, &["--conventions", "table.json"]].concat());
    let (status, report) = with(&check);
    let reasons: Vec<_> = report["items"].as_array().unwrap().iter().map(|item| (&item["image"], &item["denied"][0]["deny"])).collect();
    let expected =
        [(json!("in:app:1"), json!("end-of-life")), (json!("in:app:2"), json!("unreadable")), (json!("in:app:3"), json!("withdrawn"))];
    assert_eq!((status, reasons), (1, expected.iter().map(|(image, deny)| (image, deny)).collect()), "{report:#}");
    let (_, shown) = with(&["lifecycle", "show", "in:app:1", "--at", "2026-03-01"]);
    assert_eq!(value(&shown["subjects"][0], "endOfLife"), Some("2026-02-01T00:00:00Z"));
    let (_, history) = with(&["lifecycle", "history", "in:app:1", "--at", "2026-03-01"]);
    assert_eq!(history["subjects"][0]["statements"][0]["convention"], json!("site"), "{history:#}");
    // The variable does the same, for jobs that nobody types; the option goes before it.
    let by_variable = |path: &str, more: &[&str]| {
        environment.command(&[&check[..], more].concat()).env("AIRBASE_CONVENTIONS", path).output().unwrap().status.code()
    };
    assert_eq!(by_variable("table.json", &[]), Some(1));
    fs::write(environment.join("none.json"), r#"{"schema": "airbase.conventions/v1"}"#).unwrap();
    assert_eq!(by_variable("none.json", &[]), Some(0));
    assert_eq!(by_variable("none.json", &["--conventions", "table.json"]), Some(1));
    // A table that cannot be read opens no gate.
    assert_eq!(by_variable("nowhere.json", &[]), Some(6));
    fs::write(environment.join("bad.json"), "{").unwrap();
    assert_eq!(by_variable("bad.json", &[]), Some(2));
}

/// Whoever makes something new of images asks by the same table.
#[test]
fn verbs_that_make_something_new_read_it_too() {
    let environment = place();
    let annotate = ["annotate", "in:app:3", "-a", "k=v", "-t", "new:1"];
    let (_, report) = environment.json(&annotate);
    assert_eq!(report["findings"], json!([]), "{report:#}");
    let (_, report) = environment.json(&[&annotate[..], &["--conventions", "table.json"]].concat());
    assert_eq!(report["findings"][0]["code"], json!("lifecycle.stopped"), "{report:#}");
}
