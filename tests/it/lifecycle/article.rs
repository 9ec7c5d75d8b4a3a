//! The story of the articles on patching images, which needed jq and curl: two revisions of flasksample, the first marked as at its
//! end, and what is said of it fetched by digest. Three commands.

use serde_json::{Value, json};

use super::{listed, value};
use crate::support::{Contents, Environment, Image, Layout, layer};

fn revision(number: u32, created: &str) -> Image {
    Image::of(&[&layer(&[&format!("app={number}")])])
        .with_top("created", json!(created))
        .annotated("org.opencontainers.image.created", created)
        .annotated("org.opencontainers.image.title", "flasksample")
        .annotated("org.opencontainers.image.version", "1.0")
        .annotated("org.opencontainers.image.revision", &number.to_string())
}

#[test]
fn three_commands_tell_it() {
    let environment = Environment::new();
    let (first, second) = (revision(1, "2023-07-01T10:00:00Z"), revision(2, "2023-07-07T10:00:00Z"));
    let mut layout = Layout::new().image("flasksample:1.0", &second);
    let entry = layout.store(&first);
    layout.entry("", entry);
    layout.write(&environment.join("in"));
    let old = format!("in@{}", first.digest());

    environment.ok(&["lifecycle", "set", &old, "--eol", "2023-07-07", "--profile", "vnd.myorganization", "--at", "2023-07-07T10:00:00Z"]);
    let (_, shown) = environment.json(&["lifecycle", "show", &old, "--at", "2023-07-08"]);
    let (_, traced) = environment.json(&["lifecycle", "trace", &first.digest(), "in", "--at", "2023-07-08"]);

    let subject = &shown["subjects"][0];
    assert_eq!((&subject["standing"], value(subject, "endOfLife")), (&json!("end-of-life"), Some("2023-07-07T00:00:00Z")));
    assert_eq!((value(subject, "version"), value(subject, "revision")), (Some("1.0"), Some("1")));
    assert_eq!(traced["result"], json!({"end": "newest", "digest": second.digest(), "standing": null}));
    // The article's readers find what they look for, and a time that is the statement's own.
    let manifest = listed(&Contents::of(&environment.join("in")), &first.digest()).remove(0);
    assert_eq!(manifest["artifactType"], "application/vnd.myorganization.image.lifecycle.metadata");
    assert_eq!(
        manifest["annotations"],
        json!({
            "org.opencontainers.image.created": "2023-07-07T10:00:00Z",
            "org.opencontainers.image.revision": "1",
            "org.opencontainers.image.version": "1.0",
            "vnd.myorganization.image.end-of-life": "2023-07-07T00:00:00Z",
        })
    );
}

/// The whole procedure in one command: push the new revision under the name, and mark the one that had it.
#[test]
fn one_command_tells_it() {
    for index in [false, true] {
        let environment = Environment::new();
        let (first, second) = (revision(1, "2023-07-01T10:00:00Z"), revision(2, "2023-07-07T10:00:00Z"));
        let put = |layout: Layout, image: &Image| {
            if index {
                layout.index("flasksample:1.0", &[image, &image.clone().platform("arm64")], json!({}))
            } else {
                layout.image("flasksample:1.0", image)
            }
        };
        let (site, build) = (put(Layout::new(), &first), put(Layout::new(), &second));
        site.write(&environment.join("site"));
        build.write(&environment.join("build"));
        let (old, new) = (site.digest_of("flasksample:1.0"), build.digest_of("flasksample:1.0"));
        let copy = ["copy", "build", "site", "--supersede", "--eol", "now", "--reason", "CVE-2023-1"];
        let (status, report) = environment.json(&copy);
        assert_eq!(status, 0, "{report:#}");
        // The digest of the old one is told: it has no name any longer.
        assert_eq!(report["taken"], json!([{"name": "flasksample:1.0", "digest": old}]));
        let subjects: Vec<&Value> = report["superseded"].as_array().unwrap().iter().map(|one| &one["digest"]).collect();
        assert_eq!((subjects.len(), subjects[0]), (if index { 3 } else { 1 }, &json!(old)));
        for digest in subjects {
            let (_, shown) = environment.json(&["lifecycle", "show", &format!("site@{}", digest.as_str().unwrap())]);
            let subject = &shown["subjects"][0];
            assert_eq!((&subject["standing"], value(subject, "reason")), (&json!("end-of-life"), Some("CVE-2023-1")), "{shown:#}");
            assert_eq!(value(subject, "supersededByName"), Some("flasksample:1.0"));
        }
        let (status, traced) = environment.json(&["lifecycle", "trace", &old, "site"]);
        assert_eq!((status, &traced["result"]["digest"]), (0, &json!(new)), "{traced:#}");
        // The gate stops what is pinned, and nothing else.
        let (status, report) = environment.json(&["lifecycle", "check", "site"]);
        assert_eq!((status, &report["denied"]), (1, &json!(if index { 3 } else { 1 })));
        environment.ok(&["fsck", "site"]);
        environment.ok(&["doctor", "site"]);
        // Once more there is nobody to be marked.
        let before = std::fs::read(environment.join("site/index.json")).unwrap();
        let (status, report) = environment.json(&copy);
        assert_eq!((status, &report["superseded"], &report["findings"][0]["severity"]), (0, &json!([]), &json!("note")), "{report:#}");
        assert_eq!(std::fs::read(environment.join("site/index.json")).unwrap(), before);
    }
}

/// `tag` moves a name too. What must not be superseded keeps it, and nothing is written.
#[test]
fn a_name_that_moves_within_a_layout_marks_whoever_had_it() {
    let environment = Environment::new();
    let (first, second) = (revision(1, "2023-07-01T10:00:00Z"), revision(2, "2023-07-07T10:00:00Z"));
    let place = || {
        Layout::new().image("flasksample:1.0", &first).image("flasksample:new", &second).write(&environment.join("in"));
        environment.ok(&["tag", "in:flasksample:1.0", "flasksample:stable"]);
    };
    place();
    environment.ok(&["lifecycle", "set", "in:flasksample:1.0", "--status", "withdrawn", "--reason", "backdoor"]);
    let names = ["flasksample:1.0", "flasksample:stable", "flasksample:other"];
    let (status, report) = environment.json(&[&["tag", "in:flasksample:new"], &names[..], &["--supersede"]].concat());
    assert_eq!(status, 0, "{report:#}");
    assert_eq!(report["superseded"].as_array().unwrap().len(), 1, "it had two of the names, and is spoken of once: {report:#}");
    assert_eq!(report["superseded"][0]["digest"], json!(first.digest()));
    // A withdrawal stays.
    let (_, shown) = environment.json(&["lifecycle", "show", &format!("in@{}", first.digest())]);
    let subject = &shown["subjects"][0];
    assert_eq!((&subject["standing"], value(subject, "supersededBy")), (&json!("withdrawn"), Some(second.digest().as_str())), "{shown:#}");

    std::fs::remove_dir_all(environment.join("in")).unwrap();
    place();
    let before = std::fs::read(environment.join("in/index.json")).unwrap();
    let refused = |arguments: &[&str], code: &str, status: i32| {
        let (ended, report) = environment.json(arguments);
        assert_eq!((ended, &report["error"]["code"]), (status, &json!(code)), "{arguments:?}: {report:#}");
        assert_eq!(std::fs::read(environment.join("in/index.json")).unwrap(), before, "{arguments:?}");
    };
    refused(&["tag", "in:flasksample:1.0", "flasksample:new", "--supersede"], "lifecycle.supersede", 4);
    refused(&["copy", "in:flasksample:1.0", "in:flasksample:new", "--supersede"], "lifecycle.supersede", 4);
    refused(&["copy", "in:flasksample:new", "out.tar", "--supersede"], "usage.output", 2);
    assert!(!environment.join("out.tar").exists());
    // What an old image is superseded by must be known, and so must what is said of it.
    let blob = environment.join("in/blobs").join(first.digest().replace(':', "/"));
    let size = std::fs::metadata(&blob).unwrap().len();
    std::fs::write(&blob, " ".repeat(usize::try_from(size).unwrap())).unwrap();
    refused(&["tag", "in:flasksample:new", "flasksample:1.0", "--supersede"], "blob.digest_mismatch", 3);
    // Without --supersede a name may leave what is damaged.
    environment.ok(&["tag", "in:flasksample:new", "flasksample:1.0"]);
}

/// What is said of the new image where it goes counts as much as what is said where it comes from.
#[test]
fn what_is_said_of_the_new_image_in_either_place_stays() {
    let environment = Environment::new();
    let (first, second) = (revision(1, "2023-07-01T10:00:00Z"), revision(2, "2023-07-07T10:00:00Z"));
    Layout::new().image("flasksample:1.0", &first).image("flasksample:new", &second).write(&environment.join("site"));
    Layout::new().image("flasksample:1.0", &second).write(&environment.join("build"));
    environment.ok(&["lifecycle", "set", "site:flasksample:new", "--eol", "2099-01-01", "--at", "2024-01-01"]);
    environment.ok(&["lifecycle", "set", "build:flasksample:1.0", "--eol", "2098-01-01", "--issuer", "vendor", "--at", "2024-01-02"]);
    environment.ok(&["copy", "build", "site", "--supersede"]);
    let (_, shown) = environment.json(&["lifecycle", "show", "site:flasksample:1.0", "--at", "2097-01-01"]);
    let subject = &shown["subjects"][0];
    assert_eq!((value(subject, "endOfLife"), value(subject, "supersedes")), (Some("2098-01-01T00:00:00Z"), Some(first.digest().as_str())));
    let (_, history) = environment.json(&["lifecycle", "history", "site:flasksample:1.0", "--at", "2097-01-01"]);
    let text = history.to_string();
    assert!(text.contains("2099-01-01") && text.contains("2098-01-01"), "{history:#}");
}

/// Its open questions: what if the list of referrers is deleted, or the image?
#[test]
fn statements_outlive_the_list_and_the_name_of_the_image() {
    let environment = Environment::new();
    Layout::new().image("flasksample:1.0", &revision(1, "2023-07-01T10:00:00Z")).write(&environment.join("in"));
    environment.ok(&["lifecycle", "set", "in:flasksample:1.0", "--eol", "2023-07-07", "--at", "2023-07-07"]);
    let tag = revision(1, "2023-07-01T10:00:00Z").digest().replace(':', "-");
    let index = std::fs::read(environment.join("in/index.json")).unwrap();
    let mut document: serde_json::Value = serde_json::from_slice(&index).unwrap();
    document["manifests"].as_array_mut().unwrap().retain(|entry| entry["annotations"]["org.opencontainers.image.ref.name"] != json!(tag));
    std::fs::write(environment.join("in/index.json"), serde_json::to_vec(&document).unwrap()).unwrap();
    let check = ["lifecycle", "check", "in", "--at", "2023-08-01"];
    assert_eq!(environment.json(&check).0, 1);
    environment.ok(&["untag", "in:flasksample:1.0"]);
    let (status, report) = environment.json(&check);
    assert_eq!((status, &report["denied"]), (1, &json!(1)), "{report:#}");
}
