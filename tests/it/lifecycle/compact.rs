//! `lifecycle compact`.

use serde_json::json;

use super::{CREATED, MICROSOFT, MICROSOFT_KEY, OWN, app, listed, statement, value};
use crate::support::environment::snapshot;
use crate::support::{Contents, Environment, Layout};

const AT: &str = "2026-11-21T10:00:00Z";

#[test]
fn of_twenty_three_copies_one_is_left_and_the_blobs_stay() {
    let environment = Environment::new();
    let mut layout = Layout::new().image("app:1", &app());
    for copy in 0..23 {
        let made = format!("2024-11-{:02}T00:00:00Z", copy + 1);
        statement(&mut layout, &app().digest(), MICROSOFT, json!({MICROSOFT_KEY: "2024-11-12", CREATED: made}));
    }
    layout.write(&environment.join("in"));
    let before = snapshot(&environment.join("in"));
    let (_, planned) = environment.json(&["lifecycle", "compact", "in:app:1", "--dry-run", "--at", AT]);
    assert!(before == snapshot(&environment.join("in")));
    let (status, done) = environment.json(&["lifecycle", "compact", "in:app:1", "--at", AT]);
    assert_eq!((status, &done["changed"]), (0, &json!(true)));
    assert_eq!(planned["subjects"], done["subjects"]);
    let (kept, removed) = (done["subjects"][0]["kept"].as_array().unwrap(), done["subjects"][0]["removed"].as_array().unwrap());
    assert_eq!((kept.len(), removed.len()), (1, 22));
    let (_, history) = environment.json(&["lifecycle", "history", "in:app:1", "--at", AT]);
    let left = history["subjects"][0]["statements"].as_array().unwrap();
    // The latest one.
    assert_eq!((left.len(), &left[0]["made"]), (1, &json!("2024-11-23T00:00:00Z")));
    let contents = Contents::of(&environment.join("in"));
    assert!(removed.iter().all(|gone| contents.blobs().contains_key(gone["digest"].as_str().unwrap())));
    let before = snapshot(&environment.join("in"));
    assert_eq!(environment.json(&["lifecycle", "compact", "in:app:1", "--at", AT]).1["changed"], json!(false));
    assert!(before == snapshot(&environment.join("in")));
}

#[test]
fn what_several_say_together_is_said_by_one() {
    let environment = Environment::new();
    let mut layout = Layout::new().image("app:1", &app());
    let recorded = "dev.airbase.lifecycle.recorded";
    let ours = json!({"dev.airbase.lifecycle.status": "deprecated", recorded: "2026-01-01T00:00:00Z"});
    let one = statement(&mut layout, &app().digest(), OWN, ours);
    let two = statement(&mut layout, &app().digest(), MICROSOFT, json!({MICROSOFT_KEY: "2027-01-01", CREATED: "2026-02-01T00:00:00Z"}));
    layout.write(&environment.join("in"));
    let (_, before) = environment.json(&["lifecycle", "show", "in:app:1", "--at", AT]);
    environment.ok(&["lifecycle", "compact", "in:app:1", "--at", AT]);
    let (_, after) = environment.json(&["lifecycle", "show", "in:app:1", "--at", AT]);
    for field in ["status", "endOfLife"] {
        assert_eq!(value(&after["subjects"][0], field), value(&before["subjects"][0], field));
    }
    let statements = listed(&Contents::of(&environment.join("in")), &app().digest());
    assert_eq!(statements.len(), 1);
    let mut replaced = [one, two];
    replaced.sort();
    // Should one come back with the next synchronisation, it stays replaced.
    assert_eq!(statements[0]["annotations"]["dev.airbase.lifecycle.replaces"], json!(replaced.join(",")));
}
