//! Statements on indexes and on platforms: what stands where decides nothing, and no verb loses one on the way.

use serde_json::{Value, json};

use super::{INDEX, MICROSOFT, MICROSOFT_KEY, OWN, app, statement};
use crate::bases::{NAME, later, own as layer_of};
use crate::support::{Environment, Image, Layout};

const STATUS: &str = "dev.airbase.lifecycle.status";
const END: &str = "dev.airbase.lifecycle.end-of-life";
const RECORDED: &str = "dev.airbase.lifecycle.recorded";

/// A statement that no entry of `index.json` leads to.
fn unlisted(layout: &mut Layout, subject: &str, artifact_type: &str, annotations: Value) -> Value {
    statement(layout, subject, artifact_type, annotations);
    layout.entries.pop().unwrap()
}

/// Adds an index of these children; its digest.
fn index(layout: &mut Layout, name: &str, children: &[Value]) -> String {
    let document = serde_json::to_vec(&json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": children})).unwrap();
    let digest = layout.blob(&document);
    layout.entry(name, json!({"mediaType": INDEX, "digest": digest, "size": document.len()}));
    digest
}

/// A child of an index.
fn child(layout: &mut Layout, image: &Image, platform: &str) -> Value {
    let mut entry = layout.store(image);
    let (os, architecture) = platform.split_once('/').unwrap();
    let (architecture, variant) = architecture.split_once('/').unwrap_or((architecture, ""));
    entry["platform"] = json!({"os": os, "architecture": architecture});
    if !variant.is_empty() {
        entry["platform"]["variant"] = json!(variant);
    }
    entry
}

fn written(layout: &Layout) -> Environment {
    let environment = Environment::new();
    layout.write(&environment.join("in"));
    environment
}

/// How `lifecycle check` of a place ends.
fn check(environment: &Environment, place: &str) -> i32 {
    environment.run(&["lifecycle", "check", place]).status
}

fn platform() -> String {
    app().digest()
}

/// `app:1` for two platforms, with `platform:1` as another name of the first, and a withdrawal of that beside the platforms.
fn withdrawn_beside(reversed: bool) -> Layout {
    let mut layout = Layout::new().image("platform:1", &app());
    let children = [child(&mut layout, &app(), "linux/amd64"), child(&mut layout, &app().platform("arm64"), "linux/arm64")];
    let said = unlisted(&mut layout, &platform(), OWN, json!({STATUS: "withdrawn"}));
    index(&mut layout, "app:1", &[&children[..], &[said]].concat());
    if reversed {
        layout.entries.reverse();
    }
    layout
}

#[test]
fn what_an_index_lists_beside_its_platforms_counts_whatever_leads_to_them() {
    for reversed in [false, true] {
        let environment = written(&withdrawn_beside(reversed));
        for place in ["in", "in:app:1", "in:platform:1", &format!("in@{}", platform())] {
            assert_eq!(check(&environment, place), 1, "{place}, {reversed}");
        }
        assert_eq!(check(&environment, &format!("in@{}", app().platform("arm64").digest())), 0);
    }
}

/// The same of an index around the index, and of one that cannot be read.
#[test]
fn what_an_outer_index_lists_beside_counts_too() {
    for (reversed, harm) in [(false, false), (true, false), (false, true), (true, true)] {
        let mut layout = Layout::new();
        let inner = child(&mut layout, &app(), "linux/amd64");
        let inner = index(&mut layout, "inner:1", &[inner]);
        let entry = layout.entries.last().unwrap().clone();
        let inner_entry = json!({"mediaType": INDEX, "digest": inner, "size": entry["size"]});
        let said = unlisted(&mut layout, &platform(), OWN, json!({STATUS: "withdrawn"}));
        index(&mut layout, "outer:1", &[inner_entry, said.clone()]);
        if reversed {
            layout.entries.reverse();
        }
        let environment = written(&layout);
        if harm {
            let path = environment.join("in/blobs").join(said["digest"].as_str().unwrap().replace(':', "/"));
            let mut bytes = std::fs::read(&path).unwrap();
            bytes[20] ^= 1;
            std::fs::write(path, bytes).unwrap();
        }
        // An image of which a part is damaged is not read at all.
        assert_ne!(check(&environment, "in:outer:1"), 0);
        for place in ["in", "in:inner:1"] {
            let (status, report) = environment.json(&["lifecycle", "check", place]);
            let deny = if harm { "unreadable" } else { "withdrawn" };
            let denied = report["items"].as_array().unwrap().iter().any(|item| item["denied"][0]["deny"] == deny);
            assert!(status == 1 && denied, "{place}, {reversed}, {harm}: {report:#}");
        }
    }
}

/// Such a statement goes along with its platform.
#[test]
fn what_an_index_lists_beside_its_platforms_goes_along() {
    let environment = written(&withdrawn_beside(false));
    let pinned = format!("in@{}", platform());
    environment.ok(&["copy", "in:app:1", "one", "--platform", "linux/amd64"]);
    environment.ok(&["copy", &pinned, "two:app:1"]);
    environment.ok(&["index", &pinned, "-o", "three:app:1"]);
    environment.ok(&["copy", "in", "four", "--all", "--platform", "linux/amd64"]);
    for place in ["one", "two", "three", "four"] {
        assert_eq!(check(&environment, place), 1, "{place}");
    }
    // What is pushed goes by what refers to it; what stays is told.
    let (status, plan) = environment.json(&["prepare", "in:app:1", "--registry", "r.site/x", "--platform", "linux/amd64", "-o", "five"]);
    assert_eq!((status, plan["leftOut"].as_array().unwrap().len()), (1, 1), "{plan:#}");
    assert!(plan["leftOut"][0]["why"].as_str().unwrap().contains("only the index lists it"), "{plan:#}");
}

/// `app:1`, whose first platform is at its end by a statement on it, and what is said of the index.
fn ended_platform(of_index: &[(&str, Value)]) -> Layout {
    let mut layout = Layout::new().index("app:1", &[&app(), &app().platform("arm64")], json!({}));
    let index = layout.digest_of("app:1");
    statement(&mut layout, &platform(), OWN, json!({END: "2025-01-01T00:00:00Z", RECORDED: "2025-02-01T00:00:00Z"}));
    for (artifact_type, annotations) in of_index {
        statement(&mut layout, &index, artifact_type, annotations.clone());
    }
    layout
}

/// What a statement on an index says of something else hides nothing of what is said of its platforms.
#[test]
fn an_end_of_life_stays_whatever_is_said_besides() {
    let pinned = format!("in@{}", platform());
    let still_ended = |layout: &Layout, words: &[&str]| {
        let environment = written(layout);
        assert_eq!(check(&environment, &pinned), 1, "before {words:?}");
        environment.ok(words);
        assert_eq!(check(&environment, &pinned), 1, "{words:?}");
        assert_eq!(check(&environment, "in"), 1, "{words:?}");
    };
    still_ended(&ended_platform(&[]), &["lifecycle", "set", "in:app:1", "--index-only", "--url", "https://example.org"]);
    still_ended(&ended_platform(&[]), &["lifecycle", "set", "in:app:1", "--index-only", "--reason", "moved"]);
    // The new image lacks the platform that has ended.
    let mut next = ended_platform(&[]);
    next = next.index("app:2", &[&app().platform("arm64").annotated("x", "y")], json!({}));
    still_ended(&next, &["lifecycle", "supersede", "in:app:1", "--by", "in:app:2", "--reason", "patched"]);
    // Who names the platform by its digest adds to what is said of the index.
    let mut layout = Layout::new().index("app:1", &[&app()], json!({}));
    let index = layout.digest_of("app:1");
    statement(&mut layout, &index, OWN, json!({END: "2025-01-01T00:00:00Z", RECORDED: "2025-02-01T00:00:00Z"}));
    still_ended(&layout, &["lifecycle", "set", &pinned, "--url", "https://example.org"]);
    // What is on the index is older than what is on the platform, or as old.
    let of_index = |date: &str, until: &str| (OWN, json!({END: until, RECORDED: date, "dev.airbase.lifecycle.url": "https://example.org"}));
    for dates in [["2025-01-01T00:00:00Z", "2025-01-02T00:00:00Z"], ["2025-01-02T00:00:00Z", "2025-02-01T00:00:00Z"]] {
        let said = [of_index(dates[0], "2030-01-01T00:00:00Z"), of_index(dates[1], "2031-01-01T00:00:00Z")];
        still_ended(&ended_platform(&said), &["lifecycle", "compact", "in:app:1"]);
    }
}

/// What is said of the index in part is said in part of the platform that is copied, and what is not understood is no more understood.
#[test]
fn a_copy_of_a_platform_is_told_what_its_index_was_told() {
    let vendor = "application/vnd.example.lifecycle.v1+json";
    for (said, deny) in [
        (
            json!({"com.example.general-availability": "2023-01-01", "org.opencontainers.image.created": "2026-01-01T00:00:00Z"}),
            "end-of-life",
        ),
        (json!({STATUS: "retired"}), "end-of-life"),
    ] {
        let environment = written(&ended_platform(&[(vendor, said)]));
        environment.ok(&["copy", "in:app:1", "one", "--platform", "linux/amd64"]);
        environment.ok(&["copy", "in:app:1", "two", "--platform", "linux/arm64"]);
        let (status, report) = environment.json(&["lifecycle", "check", "one"]);
        assert_eq!((status, &report["items"][0]["denied"][0]["deny"]), (1, &json!(deny)), "{report:#}");
        let expected = check(&environment, &format!("in@{}", app().platform("arm64").digest()));
        assert_eq!(check(&environment, "two"), expected, "as in the source");
    }
}

/// What an image says of itself ends by a word that ends it.
#[test]
fn the_own_word_of_an_image_is_not_ended_by_the_way() {
    let withdrawn = app().annotated(STATUS, "withdrawn");
    let ended = app().annotated(MICROSOFT_KEY, "2020-01-01");
    let label = |key: &str, value: &str| app().with("Labels", json!({key: value}));
    for image in [withdrawn, ended.clone(), label(STATUS, "withdrawn"), label(MICROSOFT_KEY, "2020-01-01")] {
        let place = || written(&Layout::new().image("app:1", &image).image("app:2", &app().annotated("x", "y")));
        for words in [
            &["lifecycle", "set", "in:app:1", "--url", "https://example.org"][..],
            &["lifecycle", "supersede", "in:app:1", "--by", "in:app:2"],
        ] {
            let environment = place();
            assert_eq!(check(&environment, "in:app:1"), 1);
            environment.ok(words);
            assert_eq!(check(&environment, "in:app:1"), 1, "{words:?}");
        }
        // Who means it can end it.
        let environment = place();
        environment.ok(&["lifecycle", "set", "in:app:1", "--status", "active", "--eol", "2090-01-01"]);
        assert_eq!(check(&environment, "in:app:1"), 0);
    }
    // A statement of another tool says a part.
    for (image, said, status) in [
        (app().annotated(STATUS, "withdrawn"), json!({MICROSOFT_KEY: "2090-01-01"}), 1),
        (ended.clone(), json!({"com.example.general-availability": "2019-01-01"}), 1),
        (ended, json!({MICROSOFT_KEY: "2090-01-01"}), 0),
    ] {
        let mut layout = Layout::new().image("app:1", &image);
        statement(&mut layout, &image.digest(), MICROSOFT, said.clone());
        assert_eq!(check(&written(&layout), "in"), status, "{said}");
    }
}

/// A second layer beside the document of a statement hides nothing, and of two documents nobody knows which one holds.
#[test]
fn a_statement_with_more_layers_is_read() {
    for (documents, deny) in [(1, "withdrawn"), (2, "unreadable")] {
        let mut layout = Layout::new().image("app:1", &app());
        let document = br#"{"schema":"airbase.lifecycle/v1","status":"withdrawn"}"#;
        let other = json!({"mediaType": "application/octet-stream", "digest": layout.blob(b"more"), "size": 4});
        let own = json!({"mediaType": OWN, "digest": layout.blob(document), "size": document.len()});
        let second = br#"{"schema":"airbase.lifecycle/v1","status":"active"}"#;
        let second = json!({"mediaType": OWN, "digest": layout.blob(second), "size": second.len()});
        let layers = if documents == 1 { [other, own] } else { [second, own] };
        let empty = json!({"mediaType": "application/vnd.oci.empty.v1+json", "digest": layout.blob(b"{}"), "size": 2});
        let subject = json!({"mediaType": super::MANIFEST, "digest": platform(), "size": app().manifest_bytes().len()});
        let manifest = json!({"schemaVersion": 2, "mediaType": super::MANIFEST, "artifactType": OWN, "config": empty, "layers": layers,
            "subject": subject});
        let bytes = serde_json::to_vec(&manifest).unwrap();
        let digest = layout.blob(&bytes);
        layout.entry("", json!({"mediaType": super::MANIFEST, "digest": digest, "size": bytes.len(), "artifactType": OWN}));
        let (status, report) = written(&layout).json(&["lifecycle", "check", "in"]);
        assert_eq!((status, &report["items"][0]["denied"][0]["deny"]), (1, &json!(deny)), "{documents}: {report:#}");
    }
}

/// containerd writes `linux/arm64` and `linux/arm64/v8` for one platform.
#[test]
fn two_spellings_of_a_platform_are_one() {
    let old = app().platform("arm64");
    let new = old.clone().annotated("x", "y");
    let mut layout = Layout::new();
    let first = child(&mut layout, &old, "linux/arm64");
    index(&mut layout, "app:1", &[first]);
    let second = child(&mut layout, &new, "linux/arm64/v8");
    index(&mut layout, "app:2", &[second]);
    let environment = written(&layout);
    let told = environment.ok(&["lifecycle", "supersede", "in:app:1", "--by", "in:app:2"]);
    assert!(!told.err.contains("platform.missing"), "{}", told.err);
    let pinned = format!("in@{}", old.digest());
    assert_eq!(environment.run(&["lifecycle", "check", &pinned, "--deny", "superseded"]).status, 1);
    let (_, traced) = environment.json(&["lifecycle", "trace", &old.digest(), "in"]);
    assert!(traced.to_string().contains(&new.digest()), "{traced:#}");
}

/// A base that must not be used, by a statement beside it in its own index.
#[test]
fn what_an_index_lists_beside_a_base_counts() {
    let os = Image::of(&[&layer_of("os 1")]);
    let mut bases = Layout::new();
    let entry = child(&mut bases, &os, "linux/amd64");
    let said = unlisted(&mut bases, &os.digest(), OWN, json!({STATUS: "withdrawn"}));
    index(&mut bases, "r.example/os:12", &[entry, said]);
    let app = os.and(&[&layer_of("app")]).annotated(NAME, "r.example/os:12");
    let environment = Environment::new();
    bases.write(&environment.join("bases"));
    Layout::new().image("r.example/app:1", &app).write(&environment.join("app"));
    let (status, report) = environment.json(&["lifecycle", "check", "app", "--bases", "bases", "--deny", "base-end-of-life"]);
    assert_eq!((status, &report["items"][0]["denied"][0]["deny"]), (1, &json!("base-end-of-life")), "{report:#}");
    assert_eq!(environment.json(&["outdated", "app", "--bases", "bases"]).0, 1);
}

/// One manifest under its own name and in the index that has moved on: the order of entries, or of folders, is no answer.
#[test]
fn a_base_has_the_names_of_all_indexes_that_it_is_in() {
    let os = Image::of(&[&layer_of("os 1")]);
    let new = later(Image::of(&[&layer_of("os 2")]));
    let build = |own: bool, old: bool, reversed: bool| {
        let mut layout = if own { Layout::new().image("r.example/os:12.4", &os) } else { Layout::new() };
        if old {
            let entry = child(&mut layout, &os, "linux/amd64");
            index(&mut layout, "", &[entry]);
            layout.entries.last_mut().unwrap()["annotations"] = json!({"dev.airbase.former-names": "r.example/os:12"});
            layout = layout.image("r.example/os:12", &new);
        }
        if reversed {
            layout.entries.reverse();
        }
        layout
    };
    let app = Layout::new().image("r.example/app:1", &os.and(&[&layer_of("app")]));
    let one = |reversed| vec![("bases/a", build(true, true, reversed))];
    let two = [("bases/a", "bases/z"), ("bases/z", "bases/a")];
    let two = two.map(|(own, old)| vec![(own, build(true, false, false)), (old, build(false, true, false))]);
    for places in [one(false), one(true)].into_iter().chain(two) {
        let environment = Environment::new();
        app.write(&environment.join("app"));
        for (place, layout) in &places {
            layout.write(&environment.join(place));
        }
        let (status, report) = environment.json(&["outdated", "app", "--bases", "bases"]);
        let item = report["items"].as_array().unwrap().iter().find(|item| item["image"].as_str().unwrap().starts_with("app")).unwrap();
        assert_eq!((status, &item["standing"]), (1, &json!("outdated")), "{report:#}");
    }
}

/// The digest that an image records of the base of its base says nothing of the base that it names.
#[test]
fn a_digest_of_another_name_makes_no_base_outdated() {
    let (os, mid) = (Image::of(&[&layer_of("os 1")]), Image::of(&[&layer_of("os 1"), &layer_of("mid")]));
    let digest = "org.opencontainers.image.base.digest";
    let app = mid.and(&[&layer_of("app")]).annotated(NAME, "r.example/mid:1");
    let app = app.with("Labels", json!({NAME: "r.example/os:12", digest: os.digest()}));
    let environment = Environment::new();
    Layout::new().image("r.example/mid:1", &mid).write(&environment.join("bases"));
    Layout::new().image("r.example/app:1", &app).write(&environment.join("app"));
    let (status, report) = environment.json(&["outdated", "app", "--bases", "bases"]);
    assert_eq!((status, &report["items"][0]["standing"]), (1, &json!("unknown")), "{report:#}");
    Layout::new().image("r.example/os:12", &os).write(&environment.join("os"));
    let (status, report) = environment.json(&["outdated", "app", "--bases", "bases", "--bases", "os"]);
    assert_eq!((status, &report["items"][0]["standing"]), (0, &json!("current")), "{report:#}");
}

/// The statement lies in another layout than its image: whoever asks about both places is told.
#[test]
fn what_another_place_says_of_an_image_counts() {
    let mut said = Layout::new().image("other:1", &app().annotated("x", "y"));
    let entry = said.store(&app());
    said.entry("app:1", entry);
    statement(&mut said, &platform(), OWN, json!({STATUS: "withdrawn"}));
    said.entries.retain(|entry| entry["digest"] != json!(platform()));
    let environment = Environment::new();
    Layout::new().image("app:1", &app()).write(&environment.join("both/one"));
    said.write(&environment.join("both/two"));
    assert_eq!(check(&environment, "both/one"), 0);
    for places in [&["both"][..], &["both/one", "both/two"], &["both/two", "both/one"]] {
        let (status, report) = environment.json(&[&["lifecycle", "check"], places].concat());
        let denied = report["items"].as_array().unwrap().iter().any(|item| item["denied"][0]["deny"] == "withdrawn");
        assert!(status == 1 && denied, "{places:?}: {report:#}");
        let (_, report) = environment.json(&[&["lifecycle", "report"], places].concat());
        assert!(report.to_string().contains("\"withdrawn\""), "{report:#}");
    }
    assert_eq!(environment.json(&["lifecycle", "trace", &platform(), "both"]).0, 1);
}
