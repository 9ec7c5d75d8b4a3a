//! `airbase rebase`

use std::fs;

use serde_json::json;

use crate::support::image::{ReadBack, texts};
use crate::support::{Environment, Image, Layout, layer};

#[test]
fn the_app_layers_move_onto_the_new_base() {
    let environment = Environment::new();
    let (b1, b2, c1, a1) = (layer(&["etc/os-release=old"]), layer(&["lib/z=1"]), layer(&["etc/os-release=new"]), layer(&["app=1"]));
    let old = Image::of(&[&b1, &b2]).with("Env", json!(["PATH=/bin", "LEVEL=1"]));
    let new = Image::of(&[&c1]).with("Env", json!(["PATH=/bin:/usr/bin", "LEVEL=2"]));
    let app = old.and(&[&a1]).with("Env", json!(["PATH=/app:/bin", "LEVEL=1", "APP=yes"])).with("Cmd", json!(["/app"]));
    Layout::new().image("os:old", &old).image("os:new", &new).write(&environment.join("bases"));
    Layout::new().image("app:1", &app).write_archive(&environment.join("app.tar"));

    let outcome = environment.ok(&["rebase", "app.tar", "--bases", "bases", "--onto", "bases:os:new", "-o", "out:app:2"]);
    assert!(outcome.out.contains("rebased app.tar:app:1"), "{}", outcome.out);

    let out = ReadBack::open(&environment.join("out"));
    let manifest = out.named("app:2");
    let config = out.config(&manifest);
    assert_eq!(texts(&config["rootfs"]["diff_ids"]), [c1.diff_id(), a1.diff_id()]);
    assert_eq!(texts(&config["config"]["Env"]), ["PATH=/app:/bin:/usr/bin", "LEVEL=2", "APP=yes"]);
    assert_eq!(config["config"]["Cmd"], json!(["/app"]));
    assert_eq!(manifest["annotations"]["org.opencontainers.image.base.name"], "os:new");
    assert_eq!(manifest["annotations"]["org.opencontainers.image.base.digest"], new.digest());
}

/// The new base is a step back: it is done, because it was asked for, and said.
#[test]
fn an_older_new_base_is_pointed_out() {
    let environment = Environment::new();
    let (old, app_layer) = (layer(&["etc/os-release=old"]), layer(&["app=1"]));
    let old = Image::of(&[&old]).with_top("created", json!("2024-05-01T00:00:00Z"));
    let new = Image::of(&[&layer(&["etc/os-release=new"])]).with_top("created", json!("2024-04-30T23:59:59Z"));
    Layout::new().image("os:1", &old).image("os:2", &new).write(&environment.join("bases"));
    Layout::new().image("app:1", &old.and(&[&app_layer])).write(&environment.join("app"));
    let outcome = environment.ok(&["rebase", "app", "--from", "bases:os:1", "--onto", "bases:os:2", "-o", "out"]);
    assert!(outcome.out.contains("[base.older]"), "{}", outcome.out);
    let outcome = environment.ok(&["rebase", "app", "--from", "bases:os:1", "--onto", "bases:os:1", "-o", "same"]);
    assert!(!outcome.out.contains("[base.older]"), "{}", outcome.out);
}

/// The name of the base leads back: somebody put in an older stick. Nobody asked for that.
#[test]
fn a_name_that_leads_back_is_no_update() {
    let environment = Environment::new();
    let os = |edition: &str, created: &str| Image::of(&[&layer(&[&format!("os={edition}")])]).with_top("created", json!(created));
    let (patched, older) = (os("patched", "2024-08-01T00:00:00Z"), os("older", "2024-05-01T00:00:00Z"));
    let app = patched.and(&[&layer(&["app=1"])]).annotated("org.opencontainers.image.base.name", "r.example/os:12");
    let app = app.annotated("org.opencontainers.image.base.digest", &patched.digest());
    Layout::new().image("app:1", &app).write(&environment.join("app"));
    let mut bases = Layout::new().image("r.example/os:12", &older);
    let entry = bases.store(&patched);
    bases.entry("", entry);
    bases.write(&environment.join("bases"));
    let rebase = |more: &[&'static str]| [&["rebase", "app", "--bases", "bases"][..], more].concat();
    let told = environment.refused(&rebase(&["-o", "out"]), "base.older", 4);
    assert!(told.err.contains("--onto bases:r.example/os:12"), "{}", told.err);
    assert!(!environment.join("out").exists());
    for more in [&["--onto", "bases:r.example/os:12", "-o", "one"][..], &["--force", "-o", "two"]] {
        let outcome = environment.ok(&rebase(more));
        assert!(outcome.out.contains("[base.older]"), "{}", outcome.out);
    }
    assert_eq!(environment.json(&["outdated", "app", "--bases", "bases"]).1["items"][0]["standing"], "unknown");
    // Builders that want the same result twice write 1980, which says nothing of what is newer.
    Layout::new().image("r.example/os:12", &os("next", "1980-01-01T00:00:01Z")).write(&environment.join("next"));
    let mut old = Layout::new();
    let entry = old.store(&patched);
    old.entry("", entry);
    old.write(&environment.join("old"));
    environment.ok(&["rebase", "app", "--bases", "next", "--bases", "old", "-o", "three"]);
}

#[test]
fn without_a_new_base_and_without_its_name_nothing_is_guessed() {
    let environment = Environment::new();
    let old = Image::of(&[&layer(&["etc/os-release=old"])]);
    let mut bases = Layout::new();
    let entry = bases.store(&old);
    bases.entry("", entry);
    bases.write(&environment.join("bases"));
    Layout::new().image("app:1", &old.and(&[&layer(&["app=1"])])).write(&environment.join("app"));
    let outcome = environment.refused(&["rebase", "app", "--bases", "bases", "-o", "out"], "base.name_unknown", 4);
    assert!(outcome.err.contains("--onto"), "{}", outcome.err);
    assert!(!environment.join("out").exists());
}

#[test]
fn a_base_for_another_platform_is_refused() {
    let environment = Environment::new();
    let old = Image::of(&[&layer(&["etc/os-release=old"])]);
    let arm = Image::of(&[&layer(&["etc/os-release=new"])]).platform("arm64");
    Layout::new().image("os:1", &old).image("os:2", &arm).write(&environment.join("bases"));
    Layout::new().image("app:1", &old.and(&[&layer(&["app=1"])])).write(&environment.join("app"));
    let rebase = ["rebase", "app", "--from", "bases:os:1", "--onto", "bases:os:2", "-o", "out"];
    let outcome = environment.refused(&rebase, "platform.missing", 4);
    assert!(outcome.err.contains("linux/amd64"), "{}", outcome.err);
    assert!(!environment.join("out").exists());
    // A base that does not say what it is for may be for anything.
    let silent = arm.with_top("architecture", json!(null)).with_top("os", json!(null));
    Layout::new().image("os:1", &old).image("os:2", &silent).write(&environment.join("bases"));
    let outcome = environment.refused(&rebase, "platform.changed", 4);
    assert!(outcome.err.contains("linux/amd64") && outcome.err.contains("no platform"), "{}", outcome.err);
    assert!(!environment.join("out").exists());
}

/// A dry run is believed: what it promises can be written.
#[test]
fn a_dry_run_is_refused_where_the_run_would_be() {
    let environment = Environment::new();
    let (old, new) = (Image::of(&[&layer(&["etc/os-release=old"])]), Image::of(&[&layer(&["etc/os-release=new"])]));
    Layout::new().image("os:old", &old).image("os:new", &new).write(&environment.join("bases"));
    Layout::new().image("app:1", &old.and(&[&layer(&["app=1"])])).write(&environment.join("app"));
    let gone = environment.join("bases/blobs").join(new.layers[0].digest().replace(':', "/"));
    let rebase = ["rebase", "app", "--from", "bases:os:old", "--onto", "bases:os:new"];
    for (what, code, status) in [("gone", "blob.missing", 4), ("a directory", "path.not_regular", 3)] {
        fs::remove_file(&gone).ok();
        if what == "a directory" {
            fs::create_dir(&gone).unwrap();
        }
        environment.refused(&[&rebase[..], &["-o", "out:app:2"]].concat(), code, status);
        environment.refused(&[&rebase[..], &["--dry-run"]].concat(), code, status);
        environment.refused(&[&rebase[..], &["-o", "out:app:2", "--dry-run"]].concat(), code, status);
    }
}
