//! `lifecycle trace`: which image should be used instead of this digest?

use serde_json::{Value, json};

use super::{OWN, app, statement};
use crate::support::{Environment, Image, Layout, layer};

const AT: &str = "2026-11-21T10:00:00Z";

fn revision(number: u32, files: &str) -> Image {
    Image::of(&[&layer(&[files])])
        .with_top("created", json!(format!("2026-0{number}-01T00:00:00Z")))
        .annotated("org.opencontainers.image.title", "flasksample")
        .annotated("org.opencontainers.image.version", "1.0")
        .annotated("org.opencontainers.image.revision", &number.to_string())
}

fn evidence(report: &Value) -> Vec<&str> {
    report["steps"].as_array().unwrap().iter().map(|step| step["evidence"].as_str().unwrap()).collect()
}

#[test]
fn a_pinned_platform_leads_to_the_newest_one_over_three_layouts() {
    let environment = Environment::new();
    let second = Image::of(&[&layer(&["os=2"])]).with_top("created", json!("2025-01-01T00:00:00Z"));
    let third = second.clone().annotated("dev.airbase.rebase.from", &second.platform("arm64").digest());
    let third = third.with_top("created", json!("2026-01-01T00:00:00Z")).platform("arm64");
    let second = Image::of(&[&layer(&["os=2"])]).with_top("created", json!("2025-01-01T00:00:00Z"));
    Layout::new()
        .index("app:1", &[&app(), &app().platform("arm64")], json!({}))
        .index("app:2", &[&second, &second.clone().platform("arm64")], json!({}))
        .write(&environment.join("one/in"));
    Layout::new().image("app:3", &third).write(&environment.join("two/in"));
    environment.ok(&["lifecycle", "supersede", "one/in:app:1", "--by", "one/in:app:2", "--at", AT]);
    let pinned = app().platform("arm64").digest();
    let (status, report) = environment.json(&["lifecycle", "trace", &pinned, "one", "two", "--at", AT]);
    assert_eq!(status, 0, "{report:#}");
    assert_eq!(evidence(&report), ["superseded-by", "rebase"]);
    assert_eq!(report["result"], json!({"end": "newest", "digest": third.digest()}));
    assert_eq!(report["stops"][0]["standing"], "superseded");
    let text = environment.ok(&["lifecycle", "trace", &format!("registry.example/app@{pinned}"), "one", "two"]).out;
    assert!(text.contains(&format!("Use {}.", third.digest())), "{text}");
}

/// The tag went to the second revision, and the first has no name any more.
#[test]
fn a_patch_under_the_same_tag_is_a_newer_revision_of_the_same_version() {
    let environment = Environment::new();
    let (first, second) = (revision(1, "app=1"), revision(2, "app=2"));
    let mut layout = Layout::new().image("flasksample:1.0", &second);
    let entry = layout.store(&first);
    layout.entry("", entry);
    layout.write(&environment.join("in"));
    let (status, report) = environment.json(&["lifecycle", "trace", &first.digest(), "in", "--at", AT]);
    assert_eq!((status, evidence(&report)), (0, vec!["revision"]), "{report:#}");
    assert_eq!(report["result"]["digest"], json!(second.digest()));
    assert_eq!(report["stops"][1]["names"], json!([{"name": "flasksample:1.0", "rolling": "fixed"}]));
}

#[test]
fn the_same_name_in_two_deliveries_is_one_line() {
    let environment = Environment::new();
    let (january, february) = (revision(1, "app=1"), revision(2, "app=2"));
    Layout::new().image("registry.example/app:stable", &january).write_archive(&environment.join("january.tar"));
    Layout::new().image("registry.example/app:stable", &february).write_archive(&environment.join("february.tar"));
    let (_, report) = environment.json(&["lifecycle", "trace", &january.digest(), "january.tar", "february.tar", "--at", AT]);
    assert_eq!(evidence(&report), ["same-name"]);
    assert_eq!(report["stops"][0]["names"], json!([{"name": "registry.example/app:stable", "rolling": "moved"}]));
}

/// Others say it of the index only, and name no platforms.
#[test]
fn a_platform_follows_its_index() {
    let environment = Environment::new();
    let new = Image::of(&[&layer(&["os=2"])]).with_top("created", json!("2025-01-01T00:00:00Z"));
    let mut layout = Layout::new().index("app:1", &[&app(), &app().platform("arm64")], json!({})).index(
        "app:2",
        &[&new, &new.clone().platform("arm64")],
        json!({}),
    );
    let (old, newer) = (layout.digest_of("app:1"), layout.digest_of("app:2"));
    let annotations = json!({"dev.airbase.lifecycle.superseded-by": newer});
    statement(&mut layout, &old, OWN, annotations);
    layout.write(&environment.join("in"));
    let (_, report) = environment.json(&["lifecycle", "trace", &app().platform("arm64").digest(), "in", "--at", AT]);
    assert_eq!(report["result"], json!({"end": "newest", "digest": new.platform("arm64").digest()}), "{report:#}");
}

#[test]
fn gaps_circles_and_strangers_are_told() {
    let environment = Environment::new();
    let old = app();
    let new = app().annotated("n", "2").with_top("created", json!("2025-01-01T00:00:00Z"));
    Layout::new().image("app:1", &old).write(&environment.join("in"));
    Layout::new().image("app:2", &new).write(&environment.join("elsewhere"));
    environment.ok(&["lifecycle", "supersede", "in:app:1", "--by", "elsewhere:app:2", "--at", AT]);
    let (status, report) = environment.json(&["lifecycle", "trace", &old.digest(), "in", "--at", AT]);
    assert_eq!((status, &report["result"]), (1, &json!({"end": "gap", "digest": new.digest()})));
    let (status, report) = environment.json(&["lifecycle", "trace", &old.digest(), "in", "elsewhere", "--at", AT]);
    assert_eq!((status, &report["result"]["end"]), (0, &json!("newest")));
    environment.ok(&["lifecycle", "supersede", "elsewhere:app:2", "--by", "in:app:1", "--force", "--at", AT]);
    let (status, report) = environment.json(&["lifecycle", "trace", &old.digest(), "in", "elsewhere", "--at", AT]);
    assert_eq!((status, &report["result"]), (1, &json!({"end": "circle", "digest": old.digest()})));
    let stranger = revision(3, "x=1").digest();
    let (status, report) = environment.json(&["lifecycle", "trace", &stranger, "in", "--at", AT]);
    assert_eq!((status, &report["result"]["end"], &report["searched"]), (1, &json!("unknown"), &json!(1)));
}
