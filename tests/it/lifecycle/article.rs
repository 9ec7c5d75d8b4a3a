//! The story of the articles on patching images, which needed jq and curl: two revisions of flasksample, the first marked as at its
//! end, and what is said of it fetched by digest. Three commands.

use serde_json::json;

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
