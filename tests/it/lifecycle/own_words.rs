//! What images, indexes and entries say of their own life, in annotations and labels.

use serde_json::{Value, json};

use super::{INDEX, MICROSOFT, MICROSOFT_KEY, app, statement};
use crate::bases::{NAME, own as layer_of};
use crate::support::{Environment, Image, Layout};

const STATUS: &str = "dev.airbase.lifecycle.status";
const OS: &str = "r.example/os:12";

fn os() -> Image {
    Image::of(&[&layer_of("os 1")])
}

/// A base in an index that has these annotations, and an app on it.
fn indexed(annotations: &Value) -> Environment {
    let environment = Environment::new();
    Layout::new().index(OS, &[&os()], json!({"annotations": annotations})).write(&environment.join("bases"));
    let app = os().and(&[&layer_of("app")]).annotated(NAME, OS);
    Layout::new().image("r.example/app:1", &app).write(&environment.join("app"));
    environment
}

fn denied(environment: &Environment, place: &[&str]) -> (i32, Vec<Value>) {
    let (status, report) = environment.json(&[&["lifecycle", "check"], place].concat());
    let items = report["items"].as_array().unwrap();
    (status, items.iter().flat_map(|item| item["denied"].as_array().unwrap()).map(|one| one["deny"].clone()).collect())
}

const OF_BASES: [&str; 5] = ["app", "--bases", "bases", "--deny", "base-end-of-life"];

/// Whoever calls an index withdrawn means what is below it; a statement on it holds for every platform too.
#[test]
fn what_an_index_says_of_itself_holds_for_its_platforms() {
    for (annotations, deny) in [(json!({STATUS: "withdrawn"}), "withdrawn"), (json!({MICROSOFT_KEY: "2025-01-01"}), "end-of-life")] {
        let environment = indexed(&annotations);
        assert_eq!(denied(&environment, &["bases"]), (1, vec![json!(deny), json!(deny)]));
        assert_eq!(denied(&environment, &OF_BASES), (1, vec![json!("base-end-of-life")]));
        let (status, report) = environment.json(&["outdated", "app", "--bases", "bases"]);
        assert_eq!((status, &report["items"][0]["standing"]), (1, &json!("outdated")), "{report:#}");
        // Alone, under its own digest, a platform is what its index says.
        assert_eq!(denied(&environment, &[&format!("bases@{}", os().digest())]).0, 1);
    }
    indexed(&json!({STATUS: "withdrawn"})).refused(
        &["rebase", "app", "--bases", "bases", "--onto", "bases", "--from", "scratch", "-o", "new", "--verdict", "off"],
        "lifecycle.withdrawn",
        4,
    );
    // A version or a place to read more is the index's alone.
    let environment = indexed(&json!({"org.opencontainers.image.version": "12"}));
    assert_eq!(denied(&environment, &["bases"]), (0, Vec::new()));
}

/// It is no statement that could be repeated on the platform, so a copy without the index is told.
#[test]
fn a_copy_without_its_index_tells_what_the_index_said() {
    let environment = indexed(&json!({STATUS: "withdrawn"}));
    let (status, report) = environment.json(&["copy", "bases", "one", "--platform", "linux/amd64"]);
    assert_eq!(status, 1, "{report:#}");
    assert!(report["findings"].as_array().unwrap().iter().any(|finding| finding["code"] == "copy.left_out"), "{report:#}");
    let (status, _) = environment.json(&["copy", "bases", "whole"]);
    assert_eq!(status, 0);
}

/// What is not understood may be a withdrawal: `Withdrawn` is no status, and there is no thirteenth month.
#[test]
fn words_of_an_image_that_are_not_understood_are_unreadable() {
    let words = [(STATUS, "Withdrawnn"), (MICROSOFT_KEY, "2025-13-01")];
    type Place = fn(Image, &str, &str) -> Layout;
    let places: [Place; 3] = [
        |image, key, text| Layout::new().image(OS, &image.annotated(key, text)),
        |image, key, text| Layout::new().image(OS, &image.with("Labels", json!({key: text}))),
        |image, key, text| Layout::new().index(OS, &[&image], json!({"annotations": {key: text}})),
    ];
    for (key, text) in words {
        for place in places {
            let environment = Environment::new();
            let bases = place(os(), key, text);
            bases.write(&environment.join("bases"));
            let app = os().and(&[&layer_of("app")]).annotated(NAME, OS);
            Layout::new().image("r.example/app:1", &app).write(&environment.join("app"));
            let (status, deny) = denied(&environment, &["bases"]);
            assert!(status == 1 && deny.iter().all(|one| one == "unreadable") && !deny.is_empty(), "{key}: {deny:?}");
            assert_eq!(denied(&environment, &OF_BASES), (1, vec![json!("base-end-of-life")]), "{key}");
            let (status, report) = environment.json(&["outdated", "app", "--bases", "bases"]);
            assert_eq!((status, &report["items"][0]["standing"]), (1, &json!("unknown")), "{key}: {report:#}");
            // Who says where it stands ends the doubt.
            environment.ok(&["lifecycle", "set", "bases", "--status", "active", "--eol", "2099-01-01"]);
            let (_, report) = environment.json(&["outdated", "app", "--bases", "bases"]);
            assert_eq!(report["items"][0]["standing"], "current", "{key}: {report:#}");
        }
    }
}

/// Nothing new is made of an image that may be withdrawn. A date that is not understood is none.
#[test]
fn an_app_whose_own_status_is_not_understood_is_not_moved() {
    for (key, text, expected) in [(STATUS, "Withdrawnn", "refused"), (MICROSOFT_KEY, "2025-13-01", "move")] {
        let environment = Environment::new();
        let app = os().and(&[&layer_of("app")]).annotated(NAME, OS).annotated(key, text);
        Layout::new().image("r.example/app:1", &app).write(&environment.join("app"));
        let new = Image::of(&[&layer_of("os 2")]).with_top("created", json!("2024-06-01T00:00:00Z"));
        Layout::new().image("r.example/os:12.1", &os()).image(OS, &new).write(&environment.join("bases"));
        let map = format!("{OS}=bases:{OS}");
        let plan = environment.run(&["batch", "plan", "app", "--bases", "bases", "--map", &map, "--verdict", "off"]);
        let item = &crate::batch::items(&plan.out)[0];
        assert_eq!(item["status"], expected, "{key}: {item:#}");
    }
}

/// `docker buildx build --annotation manifest-descriptor:…` writes them there. They count whatever leads to the platform, and a copy that does
/// not take the entry along tells.
#[test]
fn the_entry_of_a_platform_speaks_of_it() {
    let mut layout = Layout::new();
    let mut entry = layout.store(&app());
    entry["annotations"] = json!({STATUS: "withdrawn"});
    let document = serde_json::to_vec(&json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]})).unwrap();
    let digest = layout.blob(&document);
    layout.entry("app:1", json!({"mediaType": INDEX, "digest": digest, "size": document.len()}));
    let environment = Environment::new();
    layout.write(&environment.join("in"));
    let alone = format!("in@{}", app().digest());
    assert_eq!(denied(&environment, &["in"]), (1, vec![json!("withdrawn")]));
    assert_eq!(denied(&environment, &[&alone]), (1, vec![json!("withdrawn")]));
    environment.ok(&["copy", "in", "out:by:1", "--platform", "linux/amd64"]);
    assert_eq!(denied(&environment, &["out"]), (1, vec![json!("withdrawn")]));
    let (status, report) = environment.json(&["copy", &alone, "bare:by:1"]);
    assert!(status == 1 && report.to_string().contains("copy.left_out"), "{report:#}");
}

/// The index says it of all of them, and one of them cannot be read.
#[test]
fn a_damaged_platform_hides_nothing_that_its_index_says_of_the_others() {
    let arm = app().platform("arm64");
    let layout = Layout::new().index("app:1", &[&app(), &arm], json!({"annotations": {STATUS: "withdrawn"}}));
    let environment = Environment::new();
    layout.write(&environment.join("in"));
    std::fs::write(environment.join("in/blobs").join(arm.digest().replace(':', "/")), "damaged").unwrap();
    let (status, deny) = denied(&environment, &[&format!("in@{}", app().digest())]);
    assert_eq!((status, deny), (1, vec![json!("withdrawn")]));
}

/// What is left of a template whose variable was empty.
#[test]
fn an_empty_date_in_a_statement_is_not_understood() {
    let mut layout = Layout::new().image("app:1", &app());
    statement(&mut layout, &app().digest(), MICROSOFT, json!({MICROSOFT_KEY: ""}));
    let environment = Environment::new();
    layout.write(&environment.join("in"));
    assert_eq!(denied(&environment, &["in"]), (1, vec![json!("unreadable")]));
}

/// The platform was not brought, and the word on it was.
#[test]
fn what_is_said_of_a_platform_that_is_not_here_is_denied() {
    let arm = app().platform("arm64");
    let mut layout = Layout::new().index("app:1", &[&app(), &arm], json!({}));
    let mut silent = layout.clone();
    silent.blobs.remove(&arm.digest());
    let environment = Environment::new();
    silent.write(&environment.join("silent"));
    assert_eq!(denied(&environment, &["silent"]), (0, Vec::new()));
    statement(&mut layout, &arm.digest(), MICROSOFT, json!({MICROSOFT_KEY: "2025-01-01"}));
    layout.blobs.remove(&arm.digest());
    layout.write(&environment.join("in"));
    assert_eq!(denied(&environment, &["in"]), (1, vec![json!("end-of-life")]));
}
