//! `attach`, `detach`.

use serde_json::{Value, json};

use super::made::referrer;
use crate::support::environment::snapshot;
use crate::support::image::{INDEX, MANIFEST, digest};
use crate::support::{Contents, Environment, Image, Layout, layer};

const SBOM: &str = "application/spdx+json";

fn app() -> Image {
    Image::of(&[&layer(&["os=1"]), &layer(&["app=1"])])
}

/// A layout of an index for two platforms under `app:1` and something else under `tool`.
fn sample() -> (Environment, Layout) {
    let layout =
        Layout::new().index("app:1", &[&app(), &app().platform("arm64")], json!({})).image("tool", &Image::of(&[&layer(&["t=1"])]));
    let environment = Environment::new();
    layout.write(&environment.join("in"));
    std::fs::write(environment.join("sbom.spdx.json"), r#"{"spdxVersion":"SPDX-2.3"}"#).unwrap();
    (environment, layout)
}

fn attach<'a>(image: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["attach", image, "sbom.spdx.json", "--type", SBOM, "-a", "org.opencontainers.image.created=2026-01-02T03:04:05Z"], more].concat()
}

#[test]
fn a_file_is_attached_and_found_again() {
    let (environment, layout) = sample();
    let (status, report) = environment.json(&attach("in:app:1", &["-a", "team=red"]));
    assert_eq!((status, &report["changed"]), (0, &json!(true)), "{report:#}");
    let referrer = report["attached"][0]["digest"].as_str().unwrap();
    assert_eq!(report["attached"][0]["subject"], json!(layout.digest_of("app:1")));

    let contents = Contents::of(&environment.join("in"));
    contents.whole();
    let manifest = contents.json(referrer);
    let file = digest(br#"{"spdxVersion":"SPDX-2.3"}"#);
    assert_eq!(
        manifest["layers"],
        json!([{"mediaType": SBOM, "digest": file, "size": 26, "annotations": {"org.opencontainers.image.title": "sbom.spdx.json"}}])
    );
    assert_eq!(manifest["subject"]["digest"], json!(layout.digest_of("app:1")));
    assert_eq!(manifest["annotations"]["team"], "red");

    // The image is still what it was, and still the only one of its name.
    assert_eq!(contents.named("app:1").unwrap(), layout.digest_of("app:1"));
    let (_, shown) = environment.json(&["referrers", "in:app:1"]);
    let found = &shown["subjects"][0]["referrers"];
    assert_eq!(found.as_array().unwrap().len(), 1, "{shown:#}");
    assert_eq!(
        (&found[0]["digest"], &found[0]["entry"], &found[0]["fallbackTag"], &found[0]["class"], &found[0]["size"]),
        (&json!(referrer), &json!(true), &json!(true), &json!("attached"), &json!(26))
    );
    environment.ok(&["fsck", "in", "--level", "2"]);
}

#[test]
fn the_same_again_changes_nothing() {
    let (environment, _) = sample();
    environment.ok(&attach("in:app:1", &[]));
    let before = snapshot(&environment.join("in"));
    let (status, report) = environment.json(&attach("in:app:1", &[]));
    assert_eq!((status, &report["changed"]), (0, &json!(false)));
    assert!(before == snapshot(&environment.join("in")));
}

#[test]
fn every_platform_gets_its_own_and_an_entry() {
    let (environment, layout) = sample();
    let (_, report) = environment.json(&attach("in:app:1", &["--all"]));
    let attached = report["attached"].as_array().unwrap();
    assert_eq!(attached.len(), 3, "{report:#}");
    let contents = Contents::of(&environment.join("in"));
    contents.whole();
    for (image, subject) in [app(), app().platform("arm64")].iter().zip(&attached[1..]) {
        assert_eq!(subject["subject"], json!(image.digest()));
        // Without an entry of its own oras cannot be asked for the referrers of a platform, and zot may delete them.
        let entries: Vec<Value> = contents.entries().into_iter().filter(|entry| entry["digest"] == json!(image.digest())).collect();
        assert_eq!(entries.len(), 1);
        assert_eq!(entries[0]["platform"]["architecture"], image.config["architecture"]);
        assert!(contents.named(&image.digest().replace(':', "-")).is_some());
    }
    // It is still one image, not three.
    let (_, shown) = environment.json(&["inspect", "in"]);
    let names: Vec<&Value> = shown["sources"][0]["entries"].as_array().unwrap().iter().map(|entry| &entry["names"]).collect();
    assert_eq!(names, [&json!(["app:1"]), &json!(["tool"])], "{shown:#}");
    // One platform alone.
    let (_, report) = environment.json(&attach("in:app:1", &["--platform", "linux/arm64", "-a", "x=y"]));
    assert_eq!(report["attached"][0]["subject"], json!(app().platform("arm64").digest()));
    assert_eq!(layout.digest_of("app:1"), contents.named("app:1").unwrap());
}

/// Named by its digest a platform is one still: without an entry of its own oras cannot be asked for what refers to it.
#[test]
fn a_platform_that_is_named_by_its_digest_gets_an_entry_too() {
    let platform = format!("in@{}", app().digest());
    let said: [&[&str]; 3] = [
        &attach(&platform, &[]),
        &["lifecycle", "set", &platform, "--eol", "2026-12-01", "--at", "2026-11-21"],
        &["lifecycle", "supersede", "in:tool", "--by", &platform, "--force", "--at", "2026-11-21"],
    ];
    for arguments in said {
        let (environment, _) = sample();
        environment.ok(arguments);
        assert!(Contents::of(&environment.join("in")).unnamed().contains(&app().digest()), "{arguments:?}");
        environment.ok(&["doctor", "in"]);
        // It is no image more.
        assert_eq!(environment.json(&["copy", "--all", "in", "out"]).1["images"].as_array().unwrap().len(), 2);
    }
}

#[test]
fn referrers_have_referrers_three_deep() {
    let (environment, layout) = sample();
    let mut subject = "in:app:1".to_owned();
    let mut chain = vec![layout.digest_of("app:1")];
    for depth in 0..3 {
        let (_, report) = environment.json(&attach(&subject, &["-a", &format!("depth={depth}")]));
        let digest = report["attached"][0]["digest"].as_str().unwrap().to_owned();
        subject = format!("in@{digest}");
        chain.push(digest);
    }
    let (_, shown) = environment.json(&["referrers", "in:app:1", "--tree"]);
    let mut node = &shown["subjects"][0]["referrers"];
    for digest in &chain[1..] {
        assert_eq!(node.as_array().unwrap().len(), 1);
        assert_eq!(node[0]["digest"], json!(digest));
        node = &node[0]["referrers"];
    }
    assert_eq!(node, &json!([]));
    let human = environment.ok(&["referrers", "in:app:1", "--verbose"]);
    assert!(human.out.contains(&chain[1]) && !human.out.contains(&chain[2]) && human.out.contains("see --tree"), "{}", human.out);
    let human = environment.ok(&["referrers", "in:app:1", "--tree", "--verbose"]);
    assert!(human.out.contains(&chain[3]), "{}", human.out);
}

#[test]
fn a_list_that_another_client_left_half_done_is_whole_again() {
    let (environment, layout) = sample();
    let subject = layout.digest_of("tool");
    // As oras attaches: an entry, and no list.
    let mut half = layout.clone();
    let described = json!({"mediaType": MANIFEST, "digest": subject, "size": layout.blobs[&subject].len()});
    let theirs = referrer(&mut half, &described, json!({"annotations": {"who": "one"}}));
    half.entry("", theirs.bare());
    half.write(&environment.join("half"));
    environment.ok(&attach("half:tool", &[]));
    let contents = Contents::of(&environment.join("half"));
    let list = contents.json(&contents.named(&subject.replace(':', "-")).unwrap());
    let listed: Vec<&str> = list["manifests"].as_array().unwrap().iter().map(|child| child["artifactType"].as_str().unwrap()).collect();
    assert_eq!(listed, [SBOM, "application/x-test"]);
    // As regctl puts: a list, and no entry.
    let mut half = layout.clone();
    let theirs = referrer(&mut half, &described, json!({"annotations": {"who": "two"}}));
    let list = serde_json::to_vec(&json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [theirs.bare()]})).unwrap();
    let list_digest = half.blob(&list);
    half.entry(&subject.replace(':', "-"), json!({"mediaType": INDEX, "digest": list_digest, "size": list.len()}));
    half.write(&environment.join("other"));
    environment.ok(&attach("other:tool", &[]));
    let contents = Contents::of(&environment.join("other"));
    assert!(contents.unnamed().contains(&theirs.digest));
    let list = contents.json(&contents.named(&subject.replace(':', "-")).unwrap());
    // The annotations of its manifest are on the list now: regctl filters by them.
    let theirs_listed = list["manifests"].as_array().unwrap().iter().find(|child| child["digest"] == json!(theirs.digest)).unwrap();
    assert_eq!(theirs_listed["annotations"], json!({"who": "two"}));
}

#[test]
fn what_was_attached_is_taken_away_again() {
    let (environment, layout) = sample();
    let (_, one) = environment.json(&attach("in:app:1", &["-a", "n=1"]));
    let with_one = Contents::of(&environment.join("in"));
    let (_, two) = environment.json(&attach("in:app:1", &["-a", "n=2"]));
    let digest_of = |report: &Value| report["attached"][0]["digest"].as_str().unwrap().to_owned();
    environment.ok(&["detach", "in:app:1", &digest_of(&two)]);
    // Its manifest is gone: among the blobs it would look like one that somebody forgot to list.
    assert!(!Contents::of(&environment.join("in")).blobs().contains_key(&digest_of(&two)));
    // The lists are what they were before it came.
    assert_eq!(Contents::of(&environment.join("in")).index(), with_one.index());
    environment.ok(&["detach", "in:app:1", &digest_of(&one)]);
    // And the last one takes the list with it.
    assert_eq!(Contents::of(&environment.join("in")).files["index.json"], layout.index_json());
    environment.refused(&["detach", "in:app:1", &digest_of(&one)], "ref.not_found", 4);
}

#[test]
fn an_archive_is_not_changed_and_a_new_one_has_everything() {
    let (environment, layout) = sample();
    layout.write_archive(&environment.join("in.tar"));
    let before = std::fs::read(environment.join("in.tar")).unwrap();
    environment.refused(&attach("in.tar:app:1", &[]), "usage.output", 2);
    environment.ok(&attach("in.tar:app:1", &["-o", "one.tar"]));
    assert_eq!(std::fs::read(environment.join("in.tar")).unwrap(), before);
    // What is there goes along.
    environment.ok(&attach("one.tar:app:1", &["-o", "two.tar", "-a", "n=2"]));
    let (_, shown) = environment.json(&["referrers", "two.tar:app:1"]);
    assert_eq!(shown["subjects"][0]["referrers"].as_array().unwrap().len(), 2, "{shown:#}");
    let contents = Contents::of(&environment.join("two.tar"));
    contents.whole();
    assert_eq!(contents.entries().len(), 4, "the image, the list, two referrers");
    environment.ok(&["fsck", "two.tar"]);
    // The same in a layout gives the same documents.
    environment.ok(&attach("one.tar:app:1", &["-o", "out", "-a", "n=2"]));
    let (directory, archive) = (Contents::of(&environment.join("out")), contents);
    assert_eq!(directory.index(), archive.index());
    assert_eq!(directory.blobs(), archive.blobs());
}

#[test]
fn an_artifact_may_stand_alone() {
    let (environment, _) = sample();
    environment.ok(&attach("in:reports/all:1", &["--standalone"]));
    let contents = Contents::of(&environment.join("in"));
    contents.whole();
    let manifest = contents.json(&contents.named("reports/all:1").unwrap());
    assert_eq!((&manifest["artifactType"], &manifest["subject"]), (&json!(SBOM), &Value::Null));
    // And it can be a subject itself.
    environment.ok(&attach("in:reports/all:1", &["-a", "n=2"]));
    // It is no image.
    environment.refused(&["rebase", "in:reports/all:1", "--onto", "in:tool", "--tag", "x"], "image.not_an_image", 4);
}

#[test]
fn a_subject_that_is_not_here_must_be_asked_for() {
    let (environment, _) = sample();
    let absent = format!("in@{}", digest(b"elsewhere"));
    let before = snapshot(&environment.join("in"));
    environment.refused(&attach(&absent, &[]), "ref.not_found", 4);
    assert!(before == snapshot(&environment.join("in")));
    environment.ok(&attach(&absent, &["--allow-missing-subject", "--subject-size", "9"]));
    let contents = Contents::of(&environment.join("in"));
    let list = contents.json(&contents.named(&digest(b"elsewhere").replace(':', "-")).unwrap());
    let manifest = contents.json(list["manifests"][0]["digest"].as_str().unwrap());
    assert_eq!(manifest["subject"], json!({"mediaType": MANIFEST, "digest": digest(b"elsewhere"), "size": 9}));
}

#[test]
fn bad_input_is_refused_and_nothing_is_written() {
    let (environment, layout) = sample();
    // A fallback tag that stands for an image.
    let mut taken = layout.clone();
    let mut entry = taken.entries[1].clone();
    entry["annotations"]["org.opencontainers.image.ref.name"] = json!(layout.digest_of("app:1").replace(':', "-"));
    taken.entries.push(entry);
    taken.write(&environment.join("taken"));
    let before = snapshot(environment.path());
    environment.refused(&attach("taken:app:1", &[]), "referrer.fallback_tag", 4);
    for wrong in ["spdx", "application/", "a/b/c", "application/spdx+json; charset=utf-8"] {
        environment.refused(&["attach", "in:app:1", "sbom.spdx.json", "--type", wrong], "usage.argument", 2);
        environment.refused(&attach("in:app:1", &["--media-type", wrong]), "usage.argument", 2);
    }
    for date in ["yesterday", "2026-13-01T00:00:00Z", "2026-01-01", "20230707T00:00-08:00"] {
        let annotation = format!("org.opencontainers.image.created={date}");
        environment.refused(&["attach", "in:app:1", "--type", SBOM, "-a", &annotation], "usage.argument", 2);
    }
    for key in ["org.opencontainers.image.ref.name", "io.containerd.image.name", "kind", "vnd.docker.reference.type"] {
        environment.refused(&attach("in:app:1", &["-a", &format!("{key}=x")]), "usage.argument", 2);
    }
    environment.refused(&["attach", "in:app:1", "nothing.json", "--type", SBOM], "io", 6);
    environment.refused(&attach("in:nothing", &[]), "ref.not_found", 4);
    environment.refused(&["detach", "in:app:1", "sha256:xyz"], "digest.syntax", 3);
    assert!(before == snapshot(environment.path()));
}
