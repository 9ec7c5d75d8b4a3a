//! `lifecycle show`, `lifecycle history`: statements of all tools.

use serde_json::{Value, json};

use super::{CREATED, MICROSOFT, MICROSOFT_KEY, OWN, app, statement, value};
use crate::support::{Environment, Image, Layout};

const AT: &str = "2026-11-21";

/// `show` of a layout with these statements on its only image.
fn shown(image: &Image, statements: &[(&str, Value)]) -> Value {
    let environment = Environment::new();
    let mut layout = Layout::new().image("app:1", image);
    for (artifact_type, annotations) in statements {
        statement(&mut layout, &image.digest(), artifact_type, annotations.clone());
    }
    layout.write(&environment.join("in"));
    let (status, mut document) = environment.json(&["lifecycle", "show", "in:app:1", "--at", AT]);
    document["status"] = json!(status);
    document
}

#[test]
fn each_value_says_where_it_came_from() {
    let shown = shown(
        &app().annotated("org.opencontainers.image.support.end-of-life", "2020-01-01"),
        &[
            (OWN, json!({"dev.airbase.lifecycle.status": "deprecated", "dev.airbase.lifecycle.recorded": "2026-01-01T00:00:00Z"})),
            (MICROSOFT, json!({MICROSOFT_KEY: "2027-01-01", CREATED: "2026-02-01T00:00:00Z"})),
        ],
    );
    let subject = &shown["subjects"][0];
    assert_eq!((&subject["standing"], &shown["status"]), (&json!("deprecated"), &json!(0)), "{shown:#}");
    assert_eq!((value(subject, "endOfLife"), value(subject, "status")), (Some("2027-01-01T00:00:00Z"), Some("deprecated")));
    let values = subject["values"].as_array().unwrap();
    assert_ne!(values[0]["statement"], values[1]["statement"]);
    assert_eq!(values[1]["key"], MICROSOFT_KEY);
    assert_eq!(values[1]["dialect"], "date");
    // The image says it has ended: told, and not believed any more.
    assert_eq!(subject["declared"][0]["value"], "2020-01-01T00:00:00Z");
}

#[test]
fn without_statements_nothing_is_known_and_that_is_said() {
    let environment = Environment::new();
    Layout::new().image("app:1", &app()).write(&environment.join("in"));
    let text = environment.ok(&["lifecycle", "show", "in:app:1"]).out;
    assert!(text.contains("unknown") && text.contains("does not mean that it is supported"), "{text}");
    environment.ok(&["lifecycle", "set", "in:app:1", "--status", "active"]);
    let text = environment.ok(&["lifecycle", "show", "in:app:1"]).out;
    assert!(text.contains("active") && text.contains("not authenticated"), "{text}");
}

/// Registries hold up to 23 statements on one image, copies and corrections mixed; no order of them matters.
#[test]
fn a_pile_of_statements_says_the_same_in_any_order() {
    let mut statements: Vec<(&str, Value)> =
        (0..20).map(|copy| (MICROSOFT, json!({MICROSOFT_KEY: "2024-11-12", "copy": copy.to_string()}))).collect();
    statements.push((MICROSOFT, json!({MICROSOFT_KEY: "2024-11-13"})));
    statements.push((
        "application/vnd.myorganization.image.lifecycle.metadata",
        json!({"vnd.myorganization.image.end-of-life": "20230707T00:00-08:00"}),
    ));
    statements.push((OWN, json!({"dev.airbase.lifecycle.status": "withdrawn", "dev.airbase.lifecycle.recorded": "2031-01-01T00:00:00Z"})));
    assert_eq!(statements.len(), 23);
    let first = shown(&app(), &statements);
    assert_eq!(first["subjects"][0]["ambiguous"], json!(true));
    // The earliest of the ends, since nothing says which word is the later one; the one from the future has no say.
    assert_eq!(value(&first["subjects"][0], "endOfLife"), Some("2023-07-07T08:00:00Z"));
    let codes: Vec<&str> = first["findings"].as_array().unwrap().iter().map(|finding| finding["code"].as_str().unwrap()).collect();
    assert!(
        codes.contains(&"lifecycle.ambiguous") && codes.contains(&"lifecycle.future") && codes.contains(&"lifecycle.dialect"),
        "{codes:?}"
    );
    for step in [1, 5, 11] {
        statements.rotate_left(step);
        statements.swap(0, step);
        assert_eq!(shown(&app(), &statements)["subjects"], first["subjects"], "{step}");
    }
    statements.reverse();
    assert_eq!(shown(&app(), &statements)["subjects"], first["subjects"]);
}

/// The recipe that copies the creation time of the image into each statement makes all of them tie.
#[test]
fn a_copied_creation_time_is_no_time() {
    let copied = "2024-01-01T00:00:00Z";
    let shown = shown(
        &app(),
        &[
            (MICROSOFT, json!({MICROSOFT_KEY: "2026-01-01", CREATED: copied})),
            (MICROSOFT, json!({MICROSOFT_KEY: "2027-01-01", CREATED: "2023-06-01T00:00:00Z"})),
        ],
    );
    // It is not known to be the older one, so the stricter holds, and that is told.
    assert_eq!(value(&shown["subjects"][0], "endOfLife"), Some("2026-01-01T00:00:00Z"));
    assert_eq!(shown["subjects"][0]["ambiguous"], true);
    assert_eq!(shown["findings"][0]["code"], "lifecycle.created_copied");
}

#[test]
fn what_cannot_be_read_is_damage_and_nothing_is_guessed() {
    let shown = shown(&app(), &[(MICROSOFT, json!({MICROSOFT_KEY: "next summer"}))]);
    assert_eq!((&shown["status"], &shown["subjects"][0]["standing"]), (&json!(1), &json!("unknown")));
    assert_eq!(shown["findings"][0]["code"], "lifecycle.unreadable");
}

/// As it looks in a terminal: nothing from a document moves the cursor.
#[test]
fn texts_of_strangers_are_escaped() {
    let environment = Environment::new();
    let mut layout = Layout::new().image("app:1", &app());
    let evil = "\u{1b}[2Jgone";
    statement(
        &mut layout,
        &app().digest(),
        OWN,
        json!({"dev.airbase.lifecycle.status": "deprecated", "dev.airbase.lifecycle.reason": evil, "dev.airbase.lifecycle.issuer": evil}),
    );
    layout.write(&environment.join("in"));
    for verb in [&["show", "in:app:1"][..], &["history", "in:app:1"], &["check", "in", "--deny", "deprecated"], &["report", "in"]] {
        let text = environment.run(&[&["lifecycle"], verb].concat()).out;
        assert!(!text.contains('\u{1b}'), "{text:?}");
    }
}
