//! `lifecycle set`.

use serde_json::json;

use super::{CREATED, MICROSOFT, MICROSOFT_KEY, OWN, app, listed, statement, two_platforms, value};
use crate::support::environment::snapshot;
use crate::support::{Contents, Environment, Layout};

const AT: &str = "2026-11-21T10:00:00Z";

#[test]
fn an_end_of_life_is_stated_on_the_index_and_on_every_platform() {
    let (environment, layout) = two_platforms();
    let (status, report) = environment.json(&["lifecycle", "set", "in:app:1", "--eol", "2026-12-01", "--reason", "use app:2", "--at", AT]);
    assert_eq!((status, &report["changed"]), (0, &json!(true)), "{report:#}");
    let contents = Contents::of(&environment.join("in"));
    contents.whole();
    for subject in [layout.digest_of("app:1"), app().digest(), app().platform("arm64").digest()] {
        let statements = listed(&contents, &subject);
        assert_eq!(statements.len(), 1, "{subject}");
        let manifest = &statements[0];
        // Microsoft's readers see the type and the date, ours the rest.
        assert_eq!(manifest["artifactType"], MICROSOFT);
        let annotations = &manifest["annotations"];
        assert_eq!(annotations[MICROSOFT_KEY], "2026-12-01");
        assert_eq!(annotations["dev.airbase.lifecycle.end-of-life"], "2026-12-01T00:00:00Z");
        assert_eq!(annotations["dev.airbase.lifecycle.reason"], "use app:2");
        // The time of the statement; the image was created in 2024.
        assert_eq!(annotations[CREATED], AT);
        assert_eq!(annotations["dev.airbase.lifecycle.subject.created"], "2024-01-01T00:00:00Z");
        // Kyverno reads the one layer as a JSON object.
        assert_eq!(manifest["layers"].as_array().unwrap().len(), 1);
        assert_eq!(manifest["layers"][0]["mediaType"], OWN);
        let document = contents.json(manifest["layers"][0]["digest"].as_str().unwrap());
        assert_eq!((&document["endOfLife"], &document["recorded"]), (&json!("2026-12-01T00:00:00Z"), &json!(AT)));
        assert_eq!(document["subject"], manifest["subject"]);
        assert_eq!(document["subject"]["digest"], json!(subject));
        // The entry for readers of index.json.
        let entry = contents
            .entries()
            .into_iter()
            .find(|entry| entry["annotations"]["io.containerd.manifest.subject"] == json!(subject) && entry["artifactType"] == MICROSOFT);
        assert!(entry.is_some(), "{subject}");
    }
    let (_, shown) = environment.json(&["lifecycle", "show", "in:app:1", "--at", "2026-12-01"]);
    let standings: Vec<_> = shown["subjects"].as_array().unwrap().iter().map(|subject| subject["standing"].as_str().unwrap()).collect();
    assert_eq!(standings, ["end-of-life", "end-of-life", "end-of-life"]);
    environment.ok(&["fsck", "in"]);
}

#[test]
fn what_is_so_already_changes_nothing() {
    let (environment, _) = two_platforms();
    let wish = ["lifecycle", "set", "in:app:1", "--eol", "2026-12-01"];
    environment.ok(&[&wish[..], &["--at", AT]].concat());
    let before = snapshot(&environment.join("in"));
    // Another day, and less of what is said already.
    let (status, report) = environment.json(&[&wish[..], &["--at", "2026-11-25"]].concat());
    assert_eq!((status, &report["changed"], report["subjects"][0].get("statement")), (0, &json!(false), None));
    assert!(before == snapshot(&environment.join("in")));
    // Microsoft's tools said so: that is not said again, unless in a form that is asked for.
    let mut layout = Layout::new().image("app:1", &app());
    statement(&mut layout, &app().digest(), MICROSOFT, json!({MICROSOFT_KEY: "2026-12-01"}));
    layout.write(&environment.join("theirs"));
    let wish = ["lifecycle", "set", "theirs:app:1", "--eol", "2026-12-01", "--at", AT];
    assert_eq!(environment.json(&wish).1["changed"], json!(false));
    let native = [&wish[..], &["--profile", "native"]].concat();
    assert_eq!(environment.json(&native).1["changed"], json!(true));
    assert_eq!(environment.json(&native).1["changed"], json!(false));
}

#[test]
fn profiles_speak_to_their_readers() {
    let environment = Environment::new();
    let image = app().annotated("org.opencontainers.image.version", "1.0").annotated("org.opencontainers.image.revision", "1");
    for (profile, artifact_type, key, date, layers) in [
        ("microsoft", MICROSOFT, MICROSOFT_KEY, "2026-12-01", "application/vnd.oci.empty.v1+json"),
        ("native", OWN, "dev.airbase.lifecycle.end-of-life", "2026-12-01T00:00:00Z", OWN),
        (
            "vnd.myorganization",
            "application/vnd.myorganization.image.lifecycle.metadata",
            "vnd.myorganization.image.end-of-life",
            "2026-12-01T00:00:00Z",
            "application/vnd.oci.empty.v1+json",
        ),
    ] {
        Layout::new().image("app:1", &image).write(&environment.join(profile));
        let name = format!("{profile}:app:1");
        environment.ok(&["lifecycle", "set", &name, "--eol", "2026-12-01", "--profile", profile, "--at", AT]);
        let manifest = listed(&Contents::of(&environment.join(profile)), &image.digest()).remove(0);
        assert_eq!((&manifest["artifactType"], &manifest["annotations"][key]), (&json!(artifact_type), &json!(date)));
        assert_eq!(manifest["layers"][0]["mediaType"], layers);
        assert_eq!(manifest["annotations"].as_object().unwrap().contains_key(MICROSOFT_KEY), profile == "microsoft");
        let version = &manifest["annotations"]["org.opencontainers.image.version"];
        assert_eq!(version.as_str(), if profile == "microsoft" { None } else { Some("1.0") });
        let (_, shown) = environment.json(&["lifecycle", "show", &name, "--at", AT]);
        assert_eq!(value(&shown["subjects"][0], "endOfLife"), Some("2026-12-01T00:00:00Z"));
    }
    // What has no date of its end cannot be said in Microsoft's type.
    Layout::new().image("app:1", &image).write(&environment.join("word"));
    environment.ok(&["lifecycle", "set", "word:app:1", "--status", "deprecated", "--at", AT]);
    let manifest = listed(&Contents::of(&environment.join("word")), &image.digest()).remove(0);
    assert_eq!((&manifest["artifactType"], &manifest["annotations"][MICROSOFT_KEY]), (&json!(OWN), &json!(null)));
}

#[test]
fn an_end_is_taken_back_and_the_history_stays() {
    let environment = Environment::new();
    Layout::new().image("app:1", &app()).write(&environment.join("in"));
    environment.ok(&["lifecycle", "set", "in:app:1", "--status", "end-of-life", "--reason", "by mistake", "--at", "2026-01-01"]);
    let (_, shown) = environment.json(&["lifecycle", "show", "in:app:1", "--at", AT]);
    assert_eq!(value(&shown["subjects"][0], "endOfLife"), Some("2026-01-01T00:00:00Z"));
    environment.ok(&["lifecycle", "set", "in:app:1", "--status", "active", "--at", "2026-01-02"]);
    let (_, shown) = environment.json(&["lifecycle", "show", "in:app:1", "--at", AT]);
    assert_eq!((&shown["subjects"][0]["standing"], value(&shown["subjects"][0], "endOfLife")), (&json!("active"), None));
    let (_, history) = environment.json(&["lifecycle", "history", "in:app:1", "--at", AT]);
    let statements = history["subjects"][0]["statements"].as_array().unwrap();
    let roles: Vec<_> = statements.iter().map(|one| (one["role"].as_str().unwrap(), one["sequence"].as_u64().unwrap())).collect();
    assert_eq!(roles, [("speaks", 2), ("replaced", 1)]);
    assert_eq!(statements[1]["replacedBy"], statements[0]["digest"]);
    assert_eq!(statements[0]["replaces"], json!([statements[1]["digest"]]));
    // One thing more, and one less.
    environment.ok(&["lifecycle", "set", "in:app:1", "--url", "https://example.org", "--clear", "status", "--at", "2026-01-03"]);
    let (_, shown) = environment.json(&["lifecycle", "show", "in:app:1", "--at", AT]);
    assert_eq!((&shown["subjects"][0]["standing"], value(&shown["subjects"][0], "url")), (&json!("unknown"), Some("https://example.org")));
}

/// A statement of ours says everything, so it must not hide what the image says in its annotations.
#[test]
fn the_first_statement_repeats_what_the_image_says_itself() {
    let environment = Environment::new();
    let key = "org.opencontainers.image.support.end-of-life";
    let image = app().annotated(key, "2026-01-01").with("Labels", json!({"com.docker.dhi.version": "9"}));
    Layout::new().image("app:1", &image).write(&environment.join("in"));
    let (_, before) = environment.json(&["lifecycle", "show", "in:app:1", "--at", AT]);
    assert_eq!(before["subjects"][0]["standing"], "end-of-life");
    environment.ok(&["lifecycle", "set", "in:app:1", "--reason", "told so", "--at", AT]);
    let (_, after) = environment.json(&["lifecycle", "show", "in:app:1", "--at", AT]);
    assert_eq!(after["subjects"][0]["standing"], "end-of-life");
    // A label may be the base's word, so it is not repeated; it is still shown.
    assert_eq!(value(&after["subjects"][0], "version"), None);
    let declared = after["subjects"][0]["declared"].as_array().unwrap();
    assert_eq!(declared.len(), 2, "{after:#}");
    assert_eq!((&declared[1]["key"], &declared[1]["inherited"]), (&json!("com.docker.dhi.version"), &json!("unknown")));
}

#[test]
fn one_platform_or_the_index_alone() {
    let (environment, layout) = two_platforms();
    environment.ok(&["lifecycle", "set", "in:app:1", "--status", "withdrawn", "--platform", "linux/arm64", "--at", AT]);
    let (_, shown) = environment.json(&["lifecycle", "show", "in:app:1", "--at", AT]);
    let standings = |shown: &serde_json::Value| -> Vec<String> {
        shown["subjects"].as_array().unwrap().iter().map(|subject| subject["standing"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(standings(&shown), ["unknown", "unknown", "withdrawn"]);
    // What is said of the index is said of its platforms, unless they have their own statement.
    environment.ok(&["lifecycle", "set", "in:app:1", "--status", "deprecated", "--index-only", "--at", AT]);
    let (_, shown) = environment.json(&["lifecycle", "show", "in:app:1", "--at", AT]);
    assert_eq!(standings(&shown), ["deprecated", "deprecated", "withdrawn"]);
    assert_eq!(shown["subjects"][1]["through"], json!(layout.digest_of("app:1")));
    assert_eq!(shown["subjects"][2].get("through"), None);
    // What holds by the index is in the first statement of a platform's own, and is said once.
    let one = ["lifecycle", "set", "in:app:1", "--url", "https://example.org", "--platform", "linux/amd64", "--at", AT];
    assert_eq!(environment.json(&one).1["changed"], json!(true));
    assert_eq!(environment.json(&one).1["changed"], json!(false));
    let (_, shown) = environment.json(&["lifecycle", "show", "in:app:1", "--at", AT]);
    assert_eq!(standings(&shown), ["deprecated", "deprecated", "withdrawn"]);
    assert_eq!(shown["subjects"][1].get("through"), None);
}

#[test]
fn bad_wishes_are_refused_and_nothing_is_written() {
    let (environment, layout) = two_platforms();
    layout.write_archive(&environment.join("in.tar"));
    let before = snapshot(environment.path());
    for (arguments, code, status) in [
        (&["set", "in:app:1"][..], "usage.argument", 2),
        (&["set", "in:app:1", "--eol", "next summer"], "lifecycle.date", 2),
        (&["set", "in:app:1", "--eol", "2026-02-30"], "lifecycle.date", 2),
        (&["set", "in:app:1", "--eol", "20261201"], "lifecycle.date", 2),
        (&["set", "in:app:1", "--eol", "1700000000"], "lifecycle.date", 2),
        (&["set", "in:app:1", "--eol", "2026-12-01", "--at", "yesterday"], "lifecycle.date", 2),
        (&["set", "in:app:1", "--status", "retired"], "usage.argument", 2),
        (&["set", "in:app:1", "--reason", ""], "usage.argument", 2),
        (&["set", "in:app:1", "--status", "deprecated", "--profile", "microsoft"], "lifecycle.profile", 2),
        (&["set", "in:app:1", "--eol", "2026-12-01", "--profile", "vnd.a/b"], "usage.argument", 2),
        (&["set", "in:app:2", "--eol", "2026-12-01"], "ref.not_found", 4),
        (&["set", "in.tar:app:1", "--eol", "2026-12-01"], "usage.output", 2),
        (&["set", "in:app:1", "--eol", "2026-12-01", "--platform", "linux/s390x"], "ref.platform", 4),
        (&["check", "in", "--deny", "old"], "usage.argument", 2),
        (&["check", "in", "--grace", "6m"], "usage.argument", 2),
        (&["trace", "app:1", "in"], "usage.argument", 2),
        (&["show", "in:app:1", "--format", "csv"], "usage.argument", 2),
    ] {
        let outcome = environment.run(&[&["lifecycle"], arguments].concat());
        assert!(outcome.err.contains(&format!("[{code}]")), "{arguments:?}\n{}{}", outcome.out, outcome.err);
        assert_eq!(outcome.status, status, "{arguments:?}\n{}", outcome.err);
    }
    assert!(before == snapshot(environment.path()));
}
