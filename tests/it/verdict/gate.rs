//! `airbase rebase --verdict`: what would not run is not written, unless the user says so.

use serde_json::{Value, json};

use super::*;
use crate::support::Contents;

const ACCEPTED: &str = "dev.airbase.rebase.accepted";

/// An app that needs a library of the old base that the new one does not have.
fn broken() -> Move<'static> {
    let own = Program { interpreter: GLIBC, needed: &["libx.so.1"], ..Program::default() };
    let loaders = || vec![loader("lib64/ld-linux-x86-64.so.2")];
    Move {
        old: base(
            &[loaders(), vec![library("lib64/libx.so.1", Program::default()), text("etc/os-release", "ID=debian\nVERSION_ID=12\n")]]
                .concat(),
        ),
        new: base(&[loaders(), vec![text("etc/os-release", "ID=other\nVERSION_ID=3\n")]].concat()),
        app: vec![program("app/run", own)],
        start: json!(["/app/run"]),
        user: "",
    }
}

const REBASE: [&str; 6] = ["rebase", "apps:app", "--from", "bases:old", "--onto", "bases:new"];

fn rebase<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&REBASE[..], more].concat()
}

/// The annotations of the image of that name.
fn annotations(environment: &Environment, layout: &str, name: &str) -> Value {
    let contents = Contents::of(&environment.join(layout));
    contents.json(&contents.named(name).unwrap())["annotations"].clone()
}

#[test]
fn what_breaks_is_not_written_and_the_cause_is_named() {
    let (environment, _) = broken().environment();
    for more in [&["-o", "out:app"][..], &["--dry-run"], &["-o", "out:app", "--accept", "verdict.module"]] {
        let (status, document) = environment.json(&rebase(more));
        let error = &document["error"];
        assert_eq!((status, &error["code"]), (4, &json!("verdict.elf.needed")), "{document:#}");
        assert_eq!(error["place"], "apps:app");
        assert!(error["message"].as_str().unwrap().ends_with("a library is not found: libx.so.1 in /app/run"), "{error:#}");
        let details = error["details"].as_array().unwrap();
        assert!(
            details.contains(&json!("[verdict.system] another distribution, or another version of it: debian 12 -> other 3")),
            "{error:#}"
        );
        let hints = error["hints"].to_string();
        assert!(hints.contains("--accept verdict.elf.needed") && hints.contains("--verdict warn"), "{error:#}");
        assert!(!environment.join("out").exists());
    }
}

#[test]
fn warn_writes_what_breaks_and_tells() {
    let (environment, _) = broken().environment();
    let (status, document) = environment.json(&rebase(&["-o", "out:app", "--verdict", "warn"]));
    assert_eq!((status, &document["status"]), (0, &json!("written")));
    assert_eq!((&document["verdict"], &document["patched"]), (&json!("breaks"), &json!("yes")));
    let platform = &document["platforms"][0];
    assert_eq!((&platform["verdict"], &platform["accepted"]), (&json!("breaks"), &json!([])));
    let codes: Vec<&str> = platform["reasons"].as_array().unwrap().iter().map(|reason| reason["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["verdict.system", "verdict.elf.needed"]);
    let told = environment.ok(&rebase(&["-o", "other:app", "--verdict", "warn"])).out;
    assert!(
        told.contains("breaks, 1 file reached") && told.contains("[verdict.elf.needed] a library is not found: libx.so.1 in /app/run"),
        "{told}"
    );
    assert!(told.contains("debian 12 -> other 3"), "{told}");
    assert_eq!(annotations(&environment, "out", "app")[ACCEPTED], Value::Null);
}

#[test]
fn off_looks_at_nothing_and_says_so() {
    let (environment, _) = broken().environment();
    let (status, document) = environment.json(&rebase(&["-o", "out:app", "--verdict", "off"]));
    assert_eq!((status, document.get("verdict"), document["platforms"][0].get("verdict")), (0, None, None));
    assert_eq!(document["findings"][0]["code"], "verdict.off");
    let told = environment.ok(&rebase(&["--dry-run", "--verdict", "off"])).out;
    assert!(told.contains("was not judged"), "{told}");
    // A verdict changes nothing of what is written.
    environment.ok(&rebase(&["-o", "told:app", "--verdict", "warn"]));
    let digest = |layout: &str| Contents::of(&environment.join(layout)).named("app").unwrap();
    assert_eq!(digest("out"), digest("told"));
}

#[test]
fn what_is_accepted_is_written_and_recorded_until_it_is_accepted_no_more() {
    let (environment, _) = broken().environment();
    let accept = ["--accept", "verdict.elf.needed", "--accept", "verdict.symbol"];
    environment.refused(&rebase(&[&["-o", "out:app"][..], &accept].concat()), "usage.argument", 2);
    let accept = ["--accept", "verdict.elf.needed", "--accept", "verdict.elf.symbol"];
    let (status, document) = environment.json(&rebase(&[&["-o", "out:app"][..], &accept].concat()));
    assert_eq!((status, &document["verdict"]), (0, &json!("breaks")), "{document:#}");
    assert_eq!(document["platforms"][0]["accepted"], json!(["verdict.elf.needed"]));
    assert_eq!(annotations(&environment, "out", "app")[ACCEPTED], "verdict.elf.needed");
    let told = environment.ok(&rebase(&[&["--dry-run"][..], &accept].concat())).out;
    assert!(told.contains("accepted") && told.contains("verdict.elf.needed"), "{told}");

    // Back on the base that has the library nothing needs to be accepted, and nothing of it stays.
    environment.ok(&["rebase", "out:app", "--from", "bases:new", "--onto", "bases:old", "-o", "back:app"]);
    assert_eq!(annotations(&environment, "back", "app")[ACCEPTED], Value::Null);
}

#[test]
fn risks_and_what_is_unknown_are_written_and_told() {
    let risks = running("cat /etc/answer", &[text("etc/answer", "1")], &[text("etc/answer", "2")]);
    let unknown = Move { start: json!([]), ..running("true", &[], &[]) };
    for (moved, verdict, code) in [(risks, "risks", "verdict.changed"), (unknown, "unknown", "verdict.unclear")] {
        let (environment, _) = moved.environment();
        let (status, document) = environment.json(&rebase(&["-o", "out:app"]));
        assert_eq!((status, &document["verdict"]), (0, &json!(verdict)), "{document:#}");
        assert_eq!(document["platforms"][0]["reasons"][0]["code"], code);
    }
}

/// A layer that cannot be unpacked says nothing of whether the app runs, and one with other bytes stops everything.
#[test]
fn a_layer_that_cannot_be_read_is_never_fine() {
    let (environment, app) = running("true", &[], &[]).environment();
    let own = app.layers.last().unwrap().digest();
    let path = environment.join("apps/blobs").join(own.replace(':', "/"));
    let mut bytes = std::fs::read(&path).unwrap();
    let length = bytes.len();
    for (bytes, code) in [
        (b"other".to_vec(), "descriptor.size_mismatch"),
        (
            {
                bytes[length - 1] ^= 1;
                bytes
            },
            "blob.digest_mismatch",
        ),
    ] {
        std::fs::write(&path, bytes).unwrap();
        environment.refused(&rebase(&["--dry-run"]), code, 3);
    }
    std::fs::remove_file(&path).unwrap();
    // What cannot be written is refused, dry or not.
    environment.refused(&rebase(&["--dry-run"]), "blob.missing", 4);
}

/// The layers of the old base need not lie beside the app.
#[test]
fn a_layout_without_the_layers_of_its_base_is_judged_with_those_of_the_base() {
    let (environment, app) = broken().environment();
    let below = app.layers[0].digest();
    std::fs::remove_file(environment.join("apps/blobs").join(below.replace(':', "/"))).unwrap();
    environment.refused(&rebase(&["-o", "out:app"]), "verdict.elf.needed", 4);
}

/// Only what the image could do before can break.
#[test]
fn a_start_that_was_not_there_before_either_is_not_understood() {
    let (environment, _) = Move { start: json!(["/absent"]), ..running("true", &[], &[]) }.environment();
    assert_eq!(environment.json(&rebase(&["--dry-run"])).1["verdict"], "unknown");
}
