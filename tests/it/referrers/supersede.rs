//! `rebase --supersede`: the old image is marked in the same exchange of the index as the new name.

use serde_json::{Value, json};

use crate::support::environment::snapshot;
use crate::support::{Contents, Environment, Image, Layout, layer};

/// An app of two platforms on the old base with an SBOM, and the new base.
fn sample() -> (Environment, Layout) {
    let old = Image::of(&[&layer(&["os=old"])]);
    let new = Image::of(&[&layer(&["os=new"])]);
    let app = old.and(&[&layer(&["app=1"])]);
    let both = |image: &Image| [image.clone(), image.clone().platform("arm64")];
    let mut layout = Layout::new();
    for (name, images) in [("os:old", both(&old)), ("os:new", both(&new)), ("app:1", both(&app))] {
        layout = layout.index(name, &[&images[0], &images[1]], json!({}));
    }
    let environment = Environment::new();
    layout.write(&environment.join("in"));
    (environment, layout)
}

const REBASE: &[&str] = &["rebase", "in:app:1", "--from", "in:os:old", "--onto", "in:os:new", "--supersede"];

/// Runs the program at a fixed time.
fn at(environment: &Environment, arguments: &[&str]) -> Value {
    let output = environment.command(&[arguments, &["--format", "json"]].concat()).env("SOURCE_DATE_EPOCH", "1790000000").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn statement_on(contents: &Contents, subject: &str, of: &str) -> Option<Value> {
    let list = contents.json(&contents.named(&subject.replace(':', "-"))?);
    let found = list["manifests"].as_array().unwrap().iter().find(|child| child["annotations"].get(of).is_some())?;
    Some(contents.json(found["digest"].as_str().unwrap())["annotations"].clone())
}

#[test]
fn the_old_image_says_who_follows_it_and_the_new_one_what_stayed_behind() {
    let (environment, layout) = sample();
    let old = layout.digest_of("app:1");
    let sbom = environment.json(&["attach", "in:app:1", "--type", "application/spdx+json"]).1["attached"][0]["digest"]
        .as_str()
        .unwrap()
        .to_owned();
    let report = at(&environment, &[REBASE, &["--tag", "app:1"]].concat());
    let new = report["result"]["digest"].as_str().unwrap();
    let marked: Vec<&str> = report["superseded"].as_array().unwrap().iter().map(|each| each["digest"].as_str().unwrap()).collect();
    assert_eq!((marked.len(), marked[0]), (3, old.as_str()), "the index and its two platforms: {report:#}");

    let contents = Contents::of(&environment.join("in"));
    contents.whole();
    assert_eq!(contents.named("app:1").unwrap(), new);
    // The index names the new index, each platform the new manifest of its platform.
    let index = contents.json(new);
    let followers = [new, index["manifests"][0]["digest"].as_str().unwrap(), index["manifests"][1]["digest"].as_str().unwrap()];
    for (subject, follower) in marked.iter().zip(followers) {
        let says = statement_on(&contents, subject, "dev.airbase.lifecycle.superseded-by").unwrap();
        assert_eq!(says["dev.airbase.lifecycle.superseded-by"], json!(follower));
        assert_eq!(says["dev.airbase.lifecycle.status"], "superseded");
        assert_eq!(says["org.opencontainers.image.created"], "2026-09-21T14:13:20Z");
    }
    // The SBOM speaks of the old bytes: it stays, and the new image says so.
    let says = statement_on(&contents, new, "dev.airbase.lifecycle.supersedes").unwrap();
    assert_eq!(says["dev.airbase.lifecycle.supersedes"], json!(old));
    let said = format!("what speaks of the bytes of {old} stays with it: application/spdx+json {sbom}");
    assert_eq!(says["dev.airbase.lifecycle.reason"], json!(said));
    let (_, referrers) = environment.json(&["referrers", "in:app:1"]);
    let of_new: Vec<&Value> = referrers["subjects"][0]["referrers"].as_array().unwrap().iter().map(|node| &node["artifactType"]).collect();
    assert_eq!(of_new, ["application/vnd.airbase.lifecycle.v1+json"]);

    // Who pinned the old digest finds the new one.
    let (status, traced) = environment.json(&["lifecycle", "trace", &old, "in"]);
    assert_eq!(status, 0, "{traced:#}");
    assert!(traced.to_string().contains(new), "{traced:#}");
    environment.ok(&["doctor", "in"]);
    // And it stays so.
    let before = snapshot(&environment.join("in"));
    at(&environment, &["lifecycle", "supersede", &format!("in@{old}"), "--by", "in:app:1"]);
    assert!(before == snapshot(&environment.join("in")));
    // So does the same rebase of the old image on another day: it makes the same image, of which all is said.
    let old = format!("in@{old}");
    let again = ["rebase", &old, "--from", "in:os:old", "--onto", "in:os:new", "--supersede", "--tag", "app:1", "-o", "in"];
    let output = environment.command(&again).env("SOURCE_DATE_EPOCH", "1790086400").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(before == snapshot(&environment.join("in")));
}

#[test]
fn it_is_planned_before_it_is_done() {
    let (environment, _) = sample();
    let before = snapshot(&environment.join("in"));
    let planned = at(&environment, &[REBASE, &["--tag", "app:2", "--dry-run"]].concat());
    assert!(before == snapshot(&environment.join("in")));
    let done = at(&environment, &[REBASE, &["--tag", "app:2"]].concat());
    assert_eq!((&planned["superseded"], &planned["result"]), (&done["superseded"], &done["result"]));
    // Without it nobody is marked.
    let (environment, layout) = sample();
    environment.ok(&[&REBASE[..REBASE.len() - 1], &["--tag", "app:2"]].concat());
    assert!(Contents::of(&environment.join("in")).named(&layout.digest_of("app:1").replace(':', "-")).is_none());
}

#[test]
fn where_the_old_image_is_not_it_cannot_be_marked() {
    let (environment, _) = sample();
    let before = snapshot(environment.path());
    for output in ["out", "out.tar"] {
        environment.refused(&[REBASE, &["-o", output]].concat(), "usage.output", 2);
    }
    assert!(before == snapshot(environment.path()));
}

#[test]
fn what_the_new_image_says_of_itself_is_said_by_the_statement_on_it() {
    let (old, new) = (Image::of(&[&layer(&["os=old"])]), Image::of(&[&layer(&["os=new"])]));
    let app = old.and(&[&layer(&["app=1"])]).annotated("org.opencontainers.image.support.end-of-life", "2027-03-01");
    let environment = Environment::new();
    let layout = Layout::new().image("os:old", &old).image("os:new", &new).image("app:1", &app);
    layout.write(&environment.join("in"));
    at(&environment, &[REBASE, &["--tag", "app:2"]].concat());
    // A statement hides what the image declares: it has to repeat it.
    let (_, shown) = environment.json(&["lifecycle", "show", "in:app:2", "--at", "2026-11-21"]);
    let values = shown["subjects"][0]["values"].as_array().unwrap();
    let value = |field: &str| values.iter().find(|value| value["field"] == field).map(|value| value["value"].clone());
    assert!(value("endOfLife").is_some_and(|end| end.as_str().unwrap().starts_with("2027-03-01")), "{shown:#}");
    assert_eq!(value("supersedes"), Some(json!(layout.digest_of("app:1"))), "{shown:#}");
}

#[test]
fn what_was_said_of_the_new_image_meanwhile_still_holds() {
    let (environment, layout) = sample();
    let unmarked = &REBASE[..REBASE.len() - 1];
    environment.ok(&[unmarked, &["--tag", "app:2"]].concat());
    environment.ok(&["lifecycle", "set", "in:app:2", "--eol", "2027-03-01", "--at", "2026-01-01"]);
    at(&environment, &[REBASE, &["--tag", "app:2"]].concat());
    let (_, shown) = environment.json(&["lifecycle", "show", "in:app:2", "--at", "2026-11-21"]);
    let text = shown["subjects"][0]["values"].to_string();
    assert!(text.contains("2027-03-01") && text.contains(&layout.digest_of("app:1")), "{shown:#}");
    // And once it is said, it is not said again.
    let before = snapshot(&environment.join("in"));
    at(&environment, &[REBASE, &["--tag", "app:2"]].concat());
    assert!(before == snapshot(&environment.join("in")));
}
