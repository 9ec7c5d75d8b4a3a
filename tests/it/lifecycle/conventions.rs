//! Statements of types that a site reads by a table of its own.

use std::fs;

use serde_json::{Value, json};

use super::{CREATED, app, statement, value};
use crate::support::{Contents, Environment, Layout};

const TYPE: &str = "application/vnd.vendor.support+json";

fn table() -> Value {
    json!({"schema": "airbase.conventions/v1",
        "types": [{"type": "application/vnd.vendor.support+*", "says": "everything"}],
        "keys": [{"key": "com.vendor.fixes-until", "field": "endOfLife"}, {"key": "*.state", "field": "status"}]})
}

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
    fs::write(environment.join("table.json"), table().to_string()).unwrap();
    environment
}

#[test]
fn types_and_keys_of_a_site_are_statements() {
    let environment = place();
    let check = ["lifecycle", "check", "in", "--at", "2026-03-01"];
    // Without the table a type that is read says something that nobody understands; the others are no statements.
    let (status, report) = environment.json(&check);
    assert_eq!((status, &report["denied"], &report["items"][2]["denied"][0]["deny"]), (1, &json!(1), &json!("unreadable")), "{report:#}");
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
    let check = ["lifecycle", "check", "in:app:1", "--at", "2026-03-01"];
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

/// What an image says of itself with a key of the table is its own word, as with the keys that everybody reads.
#[test]
fn labels_and_annotations_of_an_image_are_read_by_the_table() {
    let environment = Environment::new();
    let labelled = |until: &str| app().with("Labels", json!({"com.vendor.fixes-until": until}));
    let annotated = app().annotated("com.vendor.fixes-until", "2026-02-01");
    Layout::new()
        .image("ended:1", &labelled("2026-02-01"))
        .image("lives:1", &labelled("2026-04-01"))
        .image("annotated:1", &annotated)
        .write(&environment.join("in"));
    fs::write(environment.join("table.json"), table().to_string()).unwrap();
    let shown = |image: &str, more: &[&str]| {
        let (_, report) = environment.json(&[&["lifecycle", "show", image, "--at", "2026-03-01"], more].concat());
        value(&report["subjects"][0], "endOfLife").map(str::to_owned)
    };
    let with: &[&str] = &["--conventions", "table.json"];
    assert_eq!(shown("in:ended:1", &[]), None);
    assert_eq!(shown("in:ended:1", with).as_deref(), Some("2026-02-01T00:00:00Z"));
    assert_eq!(shown("in:lives:1", with).as_deref(), Some("2026-04-01T00:00:00Z"));
    assert_eq!(shown("in:annotated:1", with).as_deref(), Some("2026-02-01T00:00:00Z"));
}

/// Where a list of referrers has not room for all annotations, the statements of the site's vendors keep theirs.
#[test]
fn statements_of_a_site_keep_their_annotations_in_a_full_list() {
    let environment = Environment::new();
    let mut layout = Layout::new().image("app:1", &app());
    let filler = |length: usize| json!({"filler": "x".repeat(length), CREATED: "2026-01-01T00:00:00Z"});
    statement(&mut layout, &app().digest(), "application/x-report", filler(2_050_000));
    let mut said = filler(2_150_000);
    said["com.vendor.fixes-until"] = json!("2026-02-01");
    statement(&mut layout, &app().digest(), TYPE, said);
    layout.write(&environment.join("in"));
    fs::write(environment.join("table.json"), table().to_string()).unwrap();
    let (status, report) =
        environment.json(&["attach", "in:app:1", "--type", "application/x-note", "-a", "k=v", "--conventions", "table.json"]);
    assert_eq!((status, &report["findings"][0]["code"]), (0, &json!("referrer.list_full")), "{report:#}");
    let contents = Contents::of(&environment.join("in"));
    let list = contents.json(&contents.named(&app().digest().replace(':', "-")).unwrap());
    let bare: Vec<_> = list["manifests"].as_array().unwrap().iter().filter(|entry| entry["annotations"].is_null()).collect();
    assert_eq!(bare.iter().map(|entry| &entry["artifactType"]).collect::<Vec<_>>(), ["application/x-report"]);
}

/// Whoever makes something new of images asks by the same table.
#[test]
fn verbs_that_make_something_new_read_it_too() {
    let environment = place();
    let annotate = ["annotate", "in:app:3", "-a", "k=v", "-t", "new:1"];
    let (_, report) = environment.json(&annotate);
    assert_eq!(report["findings"][0]["code"], json!("lifecycle.unreadable"), "{report:#}");
    let (_, report) = environment.json(&[&annotate[..], &["--conventions", "table.json"]].concat());
    assert_eq!(report["findings"][0]["code"], json!("lifecycle.stopped"), "{report:#}");
}
