//! `airbase index`: one index from images that arrived platform by platform.

use serde_json::json;

use crate::support::image::{INDEX, ReadBack, texts};
use crate::support::{Environment, Image, Layout, layer};

fn base(edition: &str, architecture: &str) -> Image {
    Image::of(&[&layer(&[&format!("etc/os={edition} {architecture}")])]).platform(architecture)
}

/// A base arrives as an archive for each platform, and an app of both platforms is moved onto it.
#[test]
fn bases_that_come_platform_by_platform_become_one_base() {
    let environment = Environment::new();
    let own = layer(&["app=1"]);
    for architecture in ["amd64", "arm64"] {
        for edition in ["old", "new"] {
            Layout::new()
                .image("os:12", &base(edition, architecture))
                .write_archive(&environment.join(&format!("{edition}-{architecture}.tar")));
        }
    }
    let apps: Vec<Image> = ["amd64", "arm64"].iter().map(|architecture| base("old", architecture).and(&[&own])).collect();
    Layout::new().index("app:1", &apps.iter().collect::<Vec<_>>(), json!({})).write(&environment.join("apps"));

    environment.ok(&["index", "old-amd64.tar", "old-arm64.tar", "-o", "old"]);
    let (status, report) =
        environment.json(&["index", "new-amd64.tar", "new-arm64.tar", "-o", "new:os:12", "-a", "org.example.from=stick"]);
    assert_eq!((status, &report["names"]), (0, &json!(["os:12"])));
    let new = ReadBack::open(&environment.join("new"));
    let index = new.named("os:12");
    assert_eq!((&index["mediaType"], &index["annotations"]), (&json!(INDEX), &json!({"org.example.from": "stick"})));
    for (entry, architecture) in index["manifests"].as_array().unwrap().iter().zip(["amd64", "arm64"]) {
        assert_eq!(entry["digest"], base("new", architecture).digest());
        assert_eq!(entry["platform"], json!({"architecture": architecture, "os": "linux"}));
    }
    // The name that all of them had is kept.
    assert_eq!(ReadBack::open(&environment.join("old")).named("os:12")["mediaType"], INDEX);

    environment.ok(&["rebase", "apps", "--bases", "old", "--onto", "new", "-o", "out:app:2"]);
    let out = ReadBack::open(&environment.join("out"));
    for (entry, architecture) in out.named("app:2")["manifests"].as_array().unwrap().iter().zip(["amd64", "arm64"]) {
        let config = out.config(&out.json(entry["digest"].as_str().unwrap()));
        assert_eq!(texts(&config["rootfs"]["diff_ids"]), [base("new", architecture).layers[0].diff_id(), own.diff_id()]);
    }
    environment.ok(&["fsck", "old", "new", "out"]);
}

#[test]
fn each_platform_has_one_place() {
    let environment = Environment::new();
    Layout::new().image("a:1", &base("a", "amd64")).image("b:1", &base("b", "amd64")).write(&environment.join("images"));
    Layout::new()
        .image("none:1", &base("c", "amd64").with_top("architecture", json!(null)).with_top("os", json!(null)))
        .write(&environment.join("none"));
    let refused = environment.refused(&["index", "images:a:1", "images:b:1", "-o", "out"], "ref.platform", 4);
    for image in [base("a", "amd64"), base("b", "amd64")] {
        assert!(refused.err.contains(&image.digest()), "{}", refused.err);
    }
    environment.refused(&["index", "none", "-o", "out"], "ref.platform", 4);
    assert!(!environment.join("out").exists());
    // In place: the layout of the first image takes the index.
    environment.ok(&["index", "images:a:1", "--tag", "all:1"]);
    assert_eq!(ReadBack::open(&environment.join("images")).named("all:1")["manifests"].as_array().unwrap().len(), 1);
}

/// An image in a new index is the same image: what refers to it goes along as with a copy.
#[test]
fn what_refers_to_the_images_goes_along() {
    let environment = Environment::new();
    Layout::new().image("a:1", &base("a", "amd64")).write(&environment.join("in"));
    environment.ok(&["attach", "in", "--type", "application/x-report", "-a", "k=v"]);
    environment.ok(&["lifecycle", "set", "in", "--status", "withdrawn"]);
    for out in ["out", "out.tar"] {
        environment.ok(&["index", "in", "-o", out]);
        let (status, report) = environment.json(&["lifecycle", "check", out]);
        assert_eq!((status, &report["denied"]), (1, &json!(1)), "{report:#}");
        let reference = format!("{out}@{}", base("a", "amd64").digest());
        let (_, report) = environment.json(&["referrers", &reference]);
        assert_eq!(report["subjects"][0]["referrers"].as_array().unwrap().len(), 2, "{report:#}");
    }
    environment.ok(&["fsck", "out", "out.tar"]);
}

/// Whichever verb gives a name that another image has, it says from whom.
#[test]
fn a_name_that_moves_is_told() {
    let one = |number: usize| Image::of(&[&layer(&[&format!("n={number}")])]);
    for words in [
        &["copy", "new:r.example/app:1", "out"][..],
        &["index", "new:r.example/app:1", "-o", "out:r.example/app:1"],
        &["prepare", "new", "--registry", "r.site", "-o", "out"],
        &["collection", "create", "out:r.example/suite:1", "new:r.example/app:1"],
        &["collection", "create", "out:r.example/app:1", "new:r.example/tool:1"],
    ] {
        let environment = Environment::new();
        Layout::new().image("r.example/app:1", &one(1)).write(&environment.join("out"));
        Layout::new().image("r.example/app:1", &one(2)).image("r.example/tool:1", &one(3)).write(&environment.join("new"));
        let (_, report) = environment.json(words);
        assert_eq!(report["taken"], json!([{"name": "r.example/app:1", "digest": one(1).digest()}]), "{words:?}: {report:#}");
    }
}
