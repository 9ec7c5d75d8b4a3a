//! `copy` takes referrers along.

use serde_json::{Value, json};

use crate::support::{Contents, Environment, Image, Layout, layer};

fn app() -> Image {
    Image::of(&[&layer(&["os=1"]), &layer(&["app=1"])])
}

/// A layout with `app:1` for two platforms, an SBOM on everything, its signature, a signature of cosign's older form, and another
/// image with a report.
fn sample() -> Environment {
    let mut layout =
        Layout::new().index("app:1", &[&app(), &app().platform("arm64")], json!({})).image("tool", &Image::of(&[&layer(&["t=1"])]));
    let signature = layout.store(&Image::of(&[&layer(&["signature=1"])]));
    layout.entry(&format!("{}.sig", layout.digest_of("app:1").replace(':', "-")), signature);
    let environment = Environment::new();
    layout.write(&environment.join("in"));
    std::fs::write(environment.join("sbom.json"), "{}").unwrap();
    let attach = |arguments: &[&str]| {
        let created = ["-a", "org.opencontainers.image.created=2026-01-02T03:04:05Z"];
        environment.json(&[&["attach"], arguments, &created].concat()).1
    };
    let sbom = attach(&["in:app:1", "sbom.json", "--type", "application/spdx+json", "--all"]);
    let of_top = format!("in@{}", sbom["attached"][0]["digest"].as_str().unwrap());
    attach(&[&of_top, "--type", "application/x-signature"]);
    attach(&["in:tool", "--type", "application/x-report"]);
    environment
}

fn tree(environment: &Environment, image: &str) -> Value {
    environment.json(&["referrers", image, "--tree"]).1["subjects"].clone()
}

#[test]
fn all_of_them_go_along_as_deep_as_they_go() {
    let environment = sample();
    let before = tree(&environment, "in:app:1");
    for (out, image) in [("out", "out:app:1"), ("out.tar", "out.tar:app:1")] {
        let (_, report) = environment.json(&["copy", "in:app:1", out]);
        assert_eq!(report["referrers"].as_array().unwrap().len(), 5, "three SBOMs, two signatures: {report:#}");
        assert_eq!(tree(&environment, image), before);
        let contents = Contents::of(&environment.join(out));
        contents.whole();
        // Nothing of the other image.
        assert!(contents.named("tool").is_none());
        assert!(!contents.entries().iter().any(|entry| entry["artifactType"] == "application/x-report"));
        environment.ok(&["doctor", out]);
    }
    // There and back: the very same documents.
    environment.ok(&["copy", "out.tar:app:1", "back"]);
    assert_eq!(Contents::of(&environment.join("back")), Contents::of(&environment.join("out")));
    // All images.
    environment.ok(&["copy", "--all", "in", "all"]);
    Contents::of(&environment.join("all")).whole();
    assert_eq!(tree(&environment, "all:app:1"), before);
    assert_eq!(tree(&environment, "all:tool"), tree(&environment, "in:tool"));
}

#[test]
fn they_can_be_chosen() {
    let environment = sample();
    let count = |arguments: &[&str], out: &str| {
        environment.ok(&[&["copy", "in:app:1", out], arguments].concat());
        let contents = Contents::of(&environment.join(out));
        contents.whole();
        contents.entries().len()
    };
    assert_eq!(count(&["--referrers", "none"], "none"), 1);
    // The SBOMs: the image, three lists and three SBOMs, two platforms with entries of their own.
    assert_eq!(count(&["--depth", "1", "--type", "application/spdx+json"], "one"), 9);
    // The signature of the SBOM goes where the SBOM goes.
    assert_eq!(count(&["--type", "application/spdx+json"], "typed"), 11);
    assert_eq!(count(&["--type", "application/x-nothing"], "nothing"), 1);
    for choice in [&["--depth", "1"][..], &["--type", "application/spdx+json"]] {
        environment.refused(&[&["copy", "in:app:1", "none2", "--referrers", "none"], choice].concat(), "usage.argument", 2);
    }
    // One platform: its SBOM.
    environment.ok(&["copy", "in:app:1", "amd", "--platform", "linux/amd64"]);
    assert_eq!(tree(&environment, "amd")[0]["digest"], json!(app().digest()));
    assert_eq!(tree(&environment, "amd")[0]["referrers"].as_array().unwrap().len(), 1);
}

/// What was not asked for stays behind with a word, and a statement on the life cycle with a warning: without it the copy looks better
/// than it is.
#[test]
fn what_was_left_out_is_told() {
    let environment = sample();
    let left = |options: &[&str], out: &str| {
        let (status, report) = environment.json(&[&["copy", "in:app:1", out], options].concat());
        assert_eq!(status, 0, "{report:#}");
        let finding = report["findings"].as_array().unwrap().iter().find(|finding| finding["code"] == "referrer.left_out").cloned();
        finding.map(|finding| (finding["severity"].as_str().unwrap().to_owned(), finding["details"].as_array().unwrap().len()))
    };
    assert_eq!(left(&[], "all"), None);
    // Three SBOMs and a signature of the image; that of an SBOM goes or stays with it.
    assert_eq!(left(&["--referrers", "none"], "none"), Some(("note".to_owned(), 4)));
    assert_eq!(left(&["--type", "application/spdx+json"], "typed"), Some(("note".to_owned(), 1)));
    assert_eq!(left(&["--depth", "1"], "flat"), Some(("note".to_owned(), 1)));
    environment.ok(&["lifecycle", "set", "in:app:1", "--status", "withdrawn", "--reason", "backdoor"]);
    assert_eq!(left(&["--type", "application/spdx+json"], "typed"), Some(("warning".to_owned(), 4)));
    assert_eq!(left(&["--referrers", "none"], "none"), Some(("warning".to_owned(), 7)));
    assert_eq!(left(&[], "all"), None);
}

#[test]
fn docker_gets_none_and_is_told_so() {
    let environment = sample();
    let (status, report) = environment.json(&["copy", "in:tool", "docker-archive:d.tar"]);
    assert_eq!(status, 0);
    let left: Vec<&Value> =
        report["findings"].as_array().unwrap().iter().filter(|finding| finding["code"] == "referrer.left_out").collect();
    assert_eq!((left.len(), &left[0]["found"]["value"]), (1, &json!("application/x-report")), "{report:#}");
    assert_eq!(Contents::of(&environment.join("d.tar")).entries().len(), 1);
}

#[test]
fn lists_of_source_and_target_are_joined() {
    let environment = sample();
    environment.ok(&["copy", "in:app:1", "out", "--referrers", "none"]);
    environment.ok(&["attach", "out:app:1", "--type", "application/x-theirs"]);
    environment.ok(&["copy", "in:app:1", "out"]);
    let types: Vec<String> = tree(&environment, "out:app:1")[0]["referrers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| node["artifactType"].as_str().unwrap().to_owned())
        .collect();
    assert!(types.contains(&"application/x-theirs".to_owned()) && types.contains(&"application/spdx+json".to_owned()), "{types:?}");
    environment.ok(&["doctor", "out"]);
}

#[test]
fn entries_of_platforms_are_no_images_more() {
    // Of a base: it is found once, not twice.
    let base = Image::of(&[&layer(&["os=1"])]);
    let environment = Environment::new();
    Layout::new().index("os:1", &[&base, &base.clone().platform("arm64")], json!({})).write(&environment.join("bases"));
    Layout::new().index("app:1", &[&app(), &app().platform("arm64")], json!({})).write(&environment.join("in"));
    let show = || environment.json(&["base", "show", "in", "--bases", "bases"]).1;
    let before = show();
    environment.ok(&["attach", "bases", "--type", "application/x-report", "--all"]);
    environment.ok(&["attach", "in", "--type", "application/x-report", "--all"]);
    assert_eq!(show(), before);
    let (_, report) = environment.json(&["outdated", "in", "--bases", "bases"]);
    assert_eq!((&report["current"], report["items"].as_array().map(Vec::len)), (&json!(2), Some(2)), "{report:#}");
}
