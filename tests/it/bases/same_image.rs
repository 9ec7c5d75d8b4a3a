//! One image under several manifests, bases without a history, and successors that are not here.

use serde_json::{Value, json};

use super::{DIGEST, NAME, later, outdated, own, place, planned};
use crate::batch::items;
use crate::lifecycle::{OWN, statement};
use crate::support::image::{Compression, Layer};
use crate::support::{Image, Layout};

const OS: &str = "r.example/os:12";
const STATUS: &str = "dev.airbase.lifecycle.status";
const END: &str = "dev.airbase.lifecycle.end-of-life";
const GATE: [&str; 7] = ["lifecycle", "check", "app", "--bases", "bases", "--deny", "base-end-of-life"];

fn os() -> Image {
    Image::of(&[&own("os 1")])
}

fn app_on(os: &Image) -> Layout {
    Layout::new().image("r.example/app:1", &os.and(&[&own("app")]))
}

/// The same image with its layers compressed again: other blobs, other manifest, the same config.
fn compressed_again(image: &Image) -> Image {
    let layers: Vec<Layer> = image.layers.iter().map(|layer| layer.compressed(Compression::Zstd)).collect();
    Image { layers, ..image.clone() }
}

/// Who mirrors an image may compress, annotate or save it anew. What is said of one of its manifests is said of what runs, and the order of
/// `index.json` is no answer.
#[test]
fn what_is_said_of_one_manifest_of_a_base_counts_for_the_others() {
    let others = [compressed_again(&os()), os().annotated("note", "mirrored")];
    for (other, reversed) in others.iter().flat_map(|other| [(other, false), (other, true)]) {
        for (word, standing) in [(json!({STATUS: "withdrawn"}), "outdated"), (json!({END: "2025-01-01"}), "outdated")] {
            let mut bases = Layout::new().image(OS, &os()).image("r.example/mirror:12", other);
            if reversed {
                bases.entries.reverse();
            }
            statement(&mut bases, &os().digest(), OWN, word);
            let environment = place(&[("bases", bases), ("app", app_on(&os()))]);
            let (status, item) = outdated(&environment, &[]);
            assert_eq!((status, &item["standing"]), (1, &json!(standing)), "reversed {reversed}: {item:#}");
            assert_eq!(environment.run(&GATE).status, 1, "reversed {reversed}");
        }
    }
}

#[test]
fn a_successor_of_one_manifest_of_a_base_is_followed_from_the_others() {
    let new = later(Image::of(&[&own("os 2")]));
    let other = os().annotated("note", "mirrored");
    for reversed in [false, true] {
        let mut bases = Layout::new().image(OS, &os()).image("r.example/mirror:12", &other);
        if reversed {
            bases.entries.reverse();
        }
        let mut bases = bases.image("r.example/os:13", &new);
        statement(&mut bases, &os().digest(), OWN, json!({"dev.airbase.lifecycle.superseded-by": new.digest()}));
        let environment = place(&[("bases", bases), ("app", app_on(&os()))]);
        let (_, item) = outdated(&environment, &[]);
        assert_eq!((&item["standing"], &item["newerManifest"]), (&json!("outdated"), &json!(new.digest())), "{reversed}: {item:#}");
        assert_eq!(planned(&environment, &[])["status"], "move", "{reversed}");
    }
}

/// The statement names an image that nobody brought: what is based on the old one is not fine, and cannot be moved.
#[test]
fn a_successor_that_is_not_here_is_told() {
    let mut bases = Layout::new().image(OS, &os());
    statement(&mut bases, &os().digest(), OWN, json!({"dev.airbase.lifecycle.superseded-by": format!("sha256:{}", "1".repeat(64))}));
    let environment =
        place(&[("bases", bases), ("app", Layout::new().image("r.example/app:1", &os().and(&[&own("app")]).annotated(NAME, OS)))]);
    assert_eq!(outdated(&environment, &[]).1["standing"], "outdated");
    let (status, report) = environment.json(&["rebase", "app", "--bases", "bases", "-o", "new", "--verdict", "off"]);
    assert_eq!((status, &report["status"]), (0, &json!("current")), "{report:#}");
    let findings = report["platforms"][0]["findings"].as_array().unwrap();
    assert!(findings.iter().any(|finding| finding["code"] == "base.superseded"), "{report:#}");
    assert_eq!(planned(&environment, &[])["warnings"], json!(["base.superseded"]));
}

/// Kaniko, Bazel and Nix write no history, so nothing tells which of two images with the same layers was built on the other.
#[test]
fn an_image_of_settings_alone_on_a_base_without_a_history_has_an_unknown_base() {
    let bare = |image: Image| image.with_top("history", Value::Null);
    let mut bases = Layout::new().image(OS, &bare(os()));
    statement(&mut bases, &bare(os()).digest(), OWN, json!({END: "2025-01-01"}));
    let settings = |image: Image| image.with("Cmd", json!(["/app"]));
    for app in [settings(os()), settings(bare(os()))] {
        let environment = place(&[("bases", bases.clone()), ("app", Layout::new().image("r.example/app:1", &app))]);
        let (status, report) = environment.json(&GATE);
        assert_eq!((status, &report["items"][0]["denied"][0]["deny"]), (1, &json!("base-end-of-life")), "{report:#}");
    }
    // Two editions with histories of their own that have the same layers are no relatives.
    let edition = os().with_top("history", json!([{"created_by": "another builder"}]));
    let bases = Layout::new().image(OS, &edition);
    let environment = place(&[("bases", bases), ("app", Layout::new().image("r.example/app:1", &settings(os())))]);
    assert_eq!(environment.run(&GATE).status, 0);
}

/// A gate that sees no base has nothing to say of bases.
#[test]
fn the_end_of_bases_is_not_asked_for_without_bases() {
    let environment = place(&[("app", app_on(&os()))]);
    environment.refused(&["lifecycle", "check", "app", "--deny", "base-end-of-life"], "usage.argument", 2);
    environment.refused(&["lifecycle", "check", "app", "--deny-only", "base-end-of-life"], "usage.argument", 2);
    // A rule says where a base of some name is, and nothing of images that name none.
    environment.refused(&["lifecycle", "check", "app", "--map", "r.example/os:12=app", "--deny", "base-end-of-life"], "usage.argument", 2);
    environment.ok(&["lifecycle", "check", "app", "--bases", "app", "--deny", "base-end-of-life"]);
}

/// The layers are those of both, and the image says which one it was built on.
#[test]
fn a_proof_tells_that_the_image_records_another_base() {
    let hardened = os().with("User", json!("1000"));
    let app = os().and(&[&own("app")]).annotated(NAME, OS).annotated(DIGEST, &os().digest());
    let environment = place(&[
        ("bases", Layout::new().image(OS, &os()).image("r.example/os:12-fips", &hardened)),
        ("app", Layout::new().image("r.example/app:1", &app)),
    ]);
    let verify = |base: &str| environment.json(&["base", "verify", "app", "--base", base]).1;
    let codes =
        |report: Value| report["platforms"][0]["findings"].as_array().unwrap().iter().map(|one| one["code"].clone()).collect::<Vec<_>>();
    assert_eq!(codes(verify("bases:r.example/os:12")), Vec::<Value>::new());
    assert_eq!(codes(verify("bases:r.example/os:12-fips")), [json!("base.conflict")]);
}

/// January's edition would take the name from June's, which is current and stays where it is.
#[test]
fn an_image_that_moves_takes_no_name_from_one_that_stays() {
    let new = later(Image::of(&[&own("os 2")]));
    let january = os().and(&[&own("january")]).annotated(NAME, OS);
    let june = new.and(&[&own("june")]).annotated(NAME, OS);
    let environment = place(&[
        ("bases/1", Layout::new().image("r.example/os:12.1", &os())),
        ("bases/2", Layout::new().image(OS, &new)),
        ("app/january", Layout::new().image("r.example/app:1", &january)),
        ("app/june", Layout::new().image("r.example/app:1", &june)),
    ]);
    let plan = environment.ok(&["batch", "plan", "app", "--bases", "bases", "--map", "r.example/os:12=bases/2", "--verdict", "off"]);
    let mut told: Vec<(String, Value)> =
        items(&plan.out).iter().map(|item| (item["image"].as_str().unwrap().to_owned(), item["status"].clone())).collect();
    told.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!(
        told,
        [("app/january:r.example/app:1".to_owned(), json!("refused")), ("app/june:r.example/app:1".to_owned(), json!("current"))]
    );
    // What an earlier batch made of an image is no other image.
    let environment = place(&[
        ("bases", Layout::new().image("r.example/os:12.1", &os()).image(OS, &new)),
        ("app/january", Layout::new().image("r.example/app:1", &january)),
    ]);
    let map = ["--map", "r.example/os:12=bases:r.example/os:12", "--verdict", "off"];
    environment.ok(&[&["rebase", "app/january", "--bases", "bases", "-o", "app/made:r.example/app:1"], &map[..]].concat());
    let plan = environment.ok(&[&["batch", "plan", "app", "--bases", "bases"], &map[..]].concat());
    assert!(!plan.out.contains("batch.collision"), "{}", plan.out);
}
