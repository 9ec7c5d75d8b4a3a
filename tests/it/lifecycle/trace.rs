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
    assert_eq!(report["result"], json!({"end": "newest", "digest": third.digest(), "standing": null}));
    assert_eq!(report["stops"][0]["standing"], "superseded");
    let text = environment.ok(&["lifecycle", "trace", &format!("registry.example/app@{pinned}"), "one", "two"]).out;
    assert!(
        text.contains(&format!("Use {}: two/in:app:3.", third.digest())) || text.contains(&format!("Use {}: app:3.", third.digest())),
        "{text}"
    );
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
    assert_eq!(report["result"], json!({"end": "newest", "digest": new.platform("arm64").digest(), "standing": null}), "{report:#}");
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

/// The newer image is withdrawn: the way must not end there with 0, and back is a later fact.
#[test]
fn a_way_that_ends_in_a_withdrawn_image_is_no_advice() {
    let environment = Environment::new();
    let (old, new) = (revision(1, "app=1"), revision(2, "app=2"));
    Layout::new().image("flasksample:1.0-1", &old).image("flasksample:1.0", &new).write(&environment.join("in"));
    environment.ok(&["lifecycle", "supersede", "in:flasksample:1.0-1", "--by", "in:flasksample:1.0", "--at", "2026-06-01"]);
    environment.ok(&["lifecycle", "set", "in:flasksample:1.0", "--status", "withdrawn", "--reason", "breaks TLS", "--at", "2026-06-02"]);
    for pinned in [old.digest(), new.digest()] {
        let (status, report) = environment.json(&["lifecycle", "trace", &pinned, "in", "--at", AT]);
        assert_eq!((status, &report["result"]["standing"]), (1, &json!("withdrawn")), "{report:#}");
        let text = environment.run(&["lifecycle", "trace", &pinned, "in", "--at", AT]).out;
        assert!(text.contains("must not be used: withdrawn") && text.contains("flasksample:1.0"), "{text}");
    }
    for (end, at) in [("--eol", "2026-07-01"), ("--status", "end-of-life")] {
        environment.ok(&["lifecycle", "set", "in:flasksample:1.0", "--status", "active", "--at", "2026-06-03"]);
        environment.ok(&["lifecycle", "set", "in:flasksample:1.0", end, at, "--at", "2026-07-02"]);
        let (status, report) = environment.json(&["lifecycle", "trace", &old.digest(), "in", "--at", AT]);
        assert_eq!((status, &report["result"]["standing"]), (1, &json!("end-of-life")), "{report:#}");
    }
    // The old one is used again.
    environment.ok(&["lifecycle", "supersede", "in:flasksample:1.0", "--by", "in:flasksample:1.0-1", "--force", "--at", "2026-08-01"]);
    for pinned in [old.digest(), new.digest()] {
        let (status, report) = environment.json(&["lifecycle", "trace", &pinned, "in", "--at", AT]);
        assert_eq!(
            (status, &report["result"]["end"], &report["result"]["digest"]),
            (0, &json!("newest"), &json!(old.digest())),
            "{report:#}"
        );
    }
}

/// The tags and annotations of the oldest example there is: created, version, revision; no title, no source.
#[test]
fn the_oldest_example_is_followed() {
    let environment = Environment::new();
    let build = |revision: &str, created: &str| {
        Image::of(&[&layer(&[&format!("app={revision}")])])
            .annotated("org.opencontainers.image.created", created)
            .annotated("org.opencontainers.image.version", "1.0")
            .annotated("org.opencontainers.image.revision", revision)
    };
    let (first, second) = (build("20230707", "2023-07-07T00:00:00Z"), build("20230710", "2023-07-10T00:00:00Z"));
    for repository in ["registry.example/flasksample:", "flasksample:", ""] {
        let place = environment.join(&format!("in-{}", repository.len()));
        let mut layout = Layout::new().image(&format!("{repository}1.0-20230707"), &first).image(&format!("{repository}1.0"), &second);
        let entry = layout.store(&second);
        layout.entry(&format!("{repository}1.0-20230710"), entry);
        layout.write(&place);
        let path = place.to_str().unwrap();
        let (status, report) = environment.json(&["lifecycle", "trace", &first.digest(), path, "--at", AT]);
        assert_eq!((status, &report["result"]["digest"]), (0, &json!(second.digest())), "{repository}: {report:#}");
        assert_eq!(evidence(&report), ["revision"], "{repository}");
        let rolling: Vec<_> =
            report["stops"][1]["names"].as_array().unwrap().iter().map(|name| name["rolling"].as_str().unwrap()).collect();
        assert_eq!(rolling, ["rolls", "fixed"], "{repository}: {report:#}");
        // Nothing is known to be newer, and that is known.
        assert_eq!(environment.json(&["lifecycle", "trace", &second.digest(), path, "--at", AT]).0, 0);
        // Digests as reports shorten them.
        for short in [&first.digest()[..19], &first.digest()[7..19], &first.digest()[..14]] {
            let (status, report) = environment.json(&["lifecycle", "trace", short, path, "--at", AT]);
            assert_eq!((status, &report["digest"]), (0, &json!(first.digest())), "{short}");
        }
    }
    assert_eq!(environment.run(&["lifecycle", "trace", "sha256:0", "in-0", "--at", AT]).status, 2);
}

/// An image without a name, a title and a source: nobody knows to which line it belongs.
#[test]
fn what_cannot_be_told_is_not_told() {
    let environment = Environment::new();
    let mut layout = Layout::new().image("other:1", &revision(2, "x=1"));
    let entry = layout.store(&app());
    layout.entry("", entry);
    layout.write(&environment.join("in"));
    let (status, report) = environment.json(&["lifecycle", "trace", &app().digest(), "in", "--at", AT]);
    assert_eq!((status, &report["result"]["end"]), (4, &json!("untold")), "{report:#}");
    assert!(!environment.run(&["lifecycle", "trace", &app().digest(), "in", "--at", AT]).out.contains("Nothing newer"));
    // It has a name in another layout, where nothing is newer.
    Layout::new().image("app:1", &app()).write(&environment.join("elsewhere"));
    assert_eq!(environment.json(&["lifecycle", "trace", &app().digest(), "in", "elsewhere", "--at", AT]).0, 0);
}

/// The image is gone, and what was said of it is not.
#[test]
fn statements_on_an_image_that_is_gone_are_followed() {
    let environment = Environment::new();
    let new = revision(2, "app=2");
    Layout::new().image("app:1", &app()).image("app:2", &new).write(&environment.join("in"));
    environment.ok(&["lifecycle", "supersede", "in:app:1", "--by", "in:app:2", "--at", AT]);
    let (_, removed) = environment.json(&["rm", "in:app:1"]);
    assert_eq!(removed["findings"][0]["code"], "rm.orphans", "{removed:#}");
    let (status, report) = environment.json(&["lifecycle", "trace", &app().digest(), "in", "--at", AT]);
    assert_eq!((status, evidence(&report)), (0, vec!["superseded-by"]), "{report:#}");
    assert_eq!(report["result"]["digest"], json!(new.digest()));
}

/// The platforms of the new image carry what is said of its index: they stand in for no old image of their own.
#[test]
fn platforms_do_not_inherit_whom_their_index_stands_in_for() {
    let environment = Environment::new();
    let new = |platform: &str| Image::of(&[&layer(&["os=2"])]).with_top("created", json!("2025-01-01T00:00:00Z")).platform(platform);
    let mut layout = Layout::new().index("app:1", &[&app(), &app().platform("arm64")], json!({})).index(
        "app:2",
        &[&new("amd64"), &new("arm64")],
        json!({}),
    );
    let (old, newer) = (layout.digest_of("app:1"), layout.digest_of("app:2"));
    statement(&mut layout, &newer, OWN, json!({"dev.airbase.lifecycle.supersedes": old}));
    layout.write(&environment.join("in"));
    for (pinned, expected) in
        [(old, newer), (app().digest(), new("amd64").digest()), (app().platform("arm64").digest(), new("arm64").digest())]
    {
        let (status, report) = environment.json(&["lifecycle", "trace", &pinned, "in", "--at", AT]);
        assert_eq!((status, &report["result"]["digest"]), (0, &json!(expected)), "{report:#}");
    }
}
