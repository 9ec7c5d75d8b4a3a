//! An image is neither its own base nor what its base means now, whatever names it has and gives.

use serde_json::{Value, json};

use super::{DIGEST, NAME, digests, later, moved, outdated, own, place, planned, refused, show};

use crate::support::{Environment, Image, Layer, Layout};

const OS: &str = "r.example/os:12";

fn layers() -> [Layer; 4] {
    ["old os", "new os", "an app", "a patch"].map(own)
}

/// The old base without a name, the new one under the name that the image has too.
fn under_one_name(image: &Image) -> Environment {
    let [old, new, ..] = layers();
    let bases = Layout::new().image("", &Image::of(&[&old])).image(OS, &later(Image::of(&[&new])));
    place(&[("bases", bases), ("app", Layout::new().image(OS, image))])
}

fn app() -> Image {
    let [old, _, app, _] = layers();
    Image::of(&[&old, &app])
}

/// Some tools write the name of the image where that of its base belongs.
#[test]
fn an_image_that_calls_its_base_as_it_is_called_keeps_its_layers() {
    for name in [OS, "os:12"] {
        let environment = under_one_name(&app().annotated(NAME, name));
        refused(&environment, &[], "base.conflict");
        let (status, platform) = show(&environment, &[]);
        assert_eq!((status, platform.get("base")), (1, None), "{platform:#}");
        assert_eq!(outdated(&environment, &[]).1["standing"], json!("unknown"), "{name}");
        let item = planned(&environment, &[]);
        assert_eq!(item["status"], json!("refused"), "{item:#}");
    }
}

/// The same image with another manifest, as a copy with other annotations is.
#[test]
fn a_copy_is_not_the_base_of_its_original() {
    let [old, _, one, _] = layers();
    let twin = app().annotated("org.opencontainers.image.title", "a copy");
    let claims = app().annotated(NAME, "r.example/app:1");
    let bases = Layout::new().image("r.example/os:11", &Image::of(&[&old])).image("r.example/app:1", &twin);
    let environment = place(&[("bases", bases), ("app", Layout::new().image("r.example/app:2", &claims))]);
    let (_, item) = outdated(&environment, &[]);
    assert_eq!(item["standing"], json!("unknown"), "{item:#}");
    // Without what it says the layers tell the base.
    let bases = Layout::new().image("r.example/os:11", &Image::of(&[&old])).image("r.example/app:1", &twin);
    let environment = place(&[("bases", bases), ("app", Layout::new().image("r.example/app:2", &app()))]);
    let (_, platform) = show(&environment, &[]);
    assert_eq!((&platform["base"], &platform["baseLayers"]), (&json!("bases:r.example/os:11"), &json!(1)), "{platform:#} {}", one.digest());
}

/// Whoever patches an image in place adds a layer and keeps what it says of its base.
#[test]
fn a_patched_image_is_not_based_on_its_earlier_edition() {
    let [old, new, one, patch] = layers();
    let base = Image::of(&[&old]);
    let says = |image: Image| image.annotated(NAME, OS).annotated(DIGEST, &base.digest());
    let patched = later(says(Image::of(&[&old, &one, &patch])));
    let mut shelf = Layout::new().image("r.example/app:1", &patched).image("", &says(app()));
    shelf.entries[1]["annotations"] = json!({"dev.airbase.former-names": "r.example/app:1"});
    let current = place(&[("bases", Layout::new().image(OS, &base)), ("app", shelf.clone())]);
    let of_patched = |environment: &Environment| {
        let (status, report) = environment.json(&["outdated", "app:r.example/app:1", "--bases", "bases"]);
        (status, report["items"][0]["standing"].clone(), report["items"][0]["baseManifest"].clone())
    };
    assert_eq!(of_patched(&current), (0, json!("current"), json!(base.digest())));
    let bases = Layout::new().image("", &base).image(OS, &later(Image::of(&[&new])));
    let outdated = place(&[("bases", bases), ("app", shelf)]);
    assert_eq!(of_patched(&outdated).1, json!("outdated"));
    let (status, report) = outdated.json(&["rebase", "app:r.example/app:1", "--bases", "bases", "-o", "out"]);
    assert_eq!(status, 0, "{report:#}");
    let moved: Vec<&Value> = report["platforms"][0]["layers"].as_array().unwrap().iter().map(|layer| &layer["digest"]).collect();
    assert_eq!(moved, digests(&[&new, &one, &patch]).iter().map(|digest| json!(digest)).collect::<Vec<_>>().iter().collect::<Vec<_>>());
}

/// A statement says that the image takes the place of what it is built on.
#[test]
fn an_image_that_supersedes_its_base_is_current() {
    let [old, _, one, patch] = layers();
    let next = later(Image::of(&[&old, &one, &patch]));
    let layout = Layout::new().image("r.example/app:1", &app()).image("r.example/app:2", &next);
    let environment = place(&[("app", layout), ("bases", Layout::new().image(OS, &Image::of(&[&old])))]);
    environment.ok(&["lifecycle", "supersede", "app:r.example/app:1", "--by", "app:r.example/app:2"]);
    let (status, report) = environment.json(&["outdated", "app:r.example/app:2", "--bases", "bases"]);
    assert_eq!((status, &report["items"][0]["standing"]), (0, &json!("current")), "{report:#}");
    let (_, report) = environment.json(&["rebase", "app:r.example/app:2", "--bases", "bases", "-o", "out", "--dry-run"]);
    assert_eq!(report["status"], json!("current"), "{report:#}");
}

#[test]
fn who_names_the_image_as_its_base_is_told() {
    let [old, ..] = layers();
    let environment = under_one_name(&app());
    let from = format!("bases@{}", Image::of(&[&old]).digest());
    refused(&environment, &["--from", "app", "--onto", &format!("bases:{OS}")], "base.mismatch");
    refused(&environment, &["--from", &from, "--onto", "app"], "base.name_unknown");
    refused(&environment, &["--from", &from, "--map", &format!("{from}=app", from = Image::of(&[&old]).digest())], "base.name_unknown");
    // Neither a copy of the place nor another way to it is another image.
    let (status, report) = environment.json(&["base", "verify", "app", "--base", "./app"]);
    assert_eq!((status, &report["proven"]), (1, &json!(false)), "{report:#}");
    Layout::new().image(OS, &app()).write(&environment.join("again"));
    refused(&environment, &["--from", "again", "--onto", &format!("bases:{OS}")], "base.mismatch");
    let (status, report) = environment.json(&["base", "verify", "app", "--base", "app"]);
    assert_eq!((status, &report["platforms"][0]["evidence"][0]["reason"]), (1, &json!("it is the image itself")), "{report:#}");
    environment.refused(&["base", "set", "app", "--base", "app", "-o", "out"], "base.mismatch", 4);
    // A base that came once more under another name, from another place, adds nothing to it.
    let copy = place(&[("app", Layout::new().image("r.example/plain:1", &Image::of(&[&old]))), ("bases", Layout::new())]);
    let mut bases = Layout::new().image("r.example/os:11", &Image::of(&[&old]));
    let [_, new, ..] = layers();
    bases = bases.image(OS, &Image::of(&[&new]));
    bases.write(&copy.join("bases"));
    let (_, result) = moved(&copy, &["--from", "bases:r.example/os:11", "--onto", &format!("bases:{OS}")]);
    assert_eq!(result, digests(&[&new]));
}
