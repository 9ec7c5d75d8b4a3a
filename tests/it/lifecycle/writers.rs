//! Many who state something of one image at the same time.

use std::process::Stdio;

use serde_json::json;

use super::{app, listed};
use crate::support::{Contents, Environment, Layout};

const WRITERS: usize = 8;

#[test]
fn no_statement_is_lost_and_what_holds_is_the_same_for_all() {
    let environment = Environment::new();
    Layout::new().index("app:1", &[&app(), &app().platform("arm64")], json!({})).write(&environment.join("in"));
    let children: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (date, issuer) = (format!("2026-12-{:02}", writer + 1), format!("writer {writer}"));
            let arguments =
                ["lifecycle", "set", "in:app:1", "--eol", &date, "--issuer", &issuer, "--at", "2026-11-21", "--lock-timeout", "300"];
            environment.command(&arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
        })
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let contents = Contents::of(&environment.join("in"));
    contents.whole();
    for subject in [app().digest(), app().platform("arm64").digest()] {
        let issuers: std::collections::BTreeSet<String> = listed(&contents, &subject)
            .iter()
            .map(|manifest| manifest["annotations"]["dev.airbase.lifecycle.issuer"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(issuers.len(), WRITERS, "{issuers:?}");
    }
    let show = || environment.json(&["lifecycle", "show", "in:app:1", "--at", "2026-11-21"]).1;
    assert_eq!(show(), show());
    // Nobody overrules another one by being later; the earliest end holds, and that is told.
    for subject in show()["subjects"].as_array().unwrap() {
        assert_eq!((&subject["ambiguous"], super::value(subject, "endOfLife")), (&json!(true), Some("2026-12-01T00:00:00Z")));
    }
    // Who overrides all of them has the last word; theirs stay, and do not count again.
    environment.ok(&["lifecycle", "set", "in:app:1", "--eol", "2027-01-01", "--override", "--at", "2026-11-22"]);
    environment.ok(&["lifecycle", "compact", "in:app:1", "--at", "2026-11-22"]);
    let contents = Contents::of(&environment.join("in"));
    assert_eq!(listed(&contents, &app().digest()).len(), WRITERS + 1);
    let (_, shown) = environment.json(&["lifecycle", "show", "in:app:1", "--at", "2026-11-22"]);
    for subject in shown["subjects"].as_array().unwrap() {
        assert_eq!((&subject["ambiguous"], super::value(subject, "endOfLife")), (&json!(false), Some("2027-01-01T00:00:00Z")));
    }
}
