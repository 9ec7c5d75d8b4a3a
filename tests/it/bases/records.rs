//! No base, buildpacks, ends of life, leftovers.

use serde_json::{Value, json};

use super::{DIGEST, LATER, NAME, digests, later, moved, outdated, own, place, planned, refused, show};
use crate::support::{Environment, Image, Layer, Layout};

// scratch.

fn static_app() -> (Image, Layer) {
    let layer = own("static");
    (Image::of(&[&layer]).with("Env", json!(["MODE=1"])), layer)
}

#[test]
fn an_image_from_scratch_has_no_base() {
    let (app, _) = static_app();
    for name in ["scratch", "docker.io/library/scratch", "docker.io/library/scratch:latest"] {
        let environment = place(&[
            ("bases", Layout::new().image("r.example/os:1", &Image::of(&[&own("os")]))),
            ("app", Layout::new().image("r.example/app:1", &app.clone().annotated(NAME, name))),
        ]);
        let (status, platform) = show(&environment, &[]);
        assert_eq!((status, &platform["scratch"]), (0, &json!(true)), "{platform:#}");
        let (status, item) = outdated(&environment, &[]);
        assert_eq!((status, &item["standing"]), (0, &json!("no-base")), "{item:#}");
        assert_eq!(planned(&environment, &[])["status"], "base");
        refused(&environment, &[], "base.name_unknown");
    }
    // Where its layers prove a base, it has one.
    let os = Image::of(&[&own("os")]);
    let lies = os.and(&[&own("app")]).annotated(NAME, "scratch");
    let environment =
        place(&[("bases", Layout::new().image("r.example/os:1", &os)), ("app", Layout::new().image("r.example/app:1", &lies))]);
    refused(&environment, &[], "base.conflict");
    assert_eq!(outdated(&environment, &[]).1["standing"], "unknown");
    // A base that says so of itself hands the label down.
    let says = os.clone().with("Labels", json!({NAME: "scratch"}));
    let environment = place(&[
        ("bases", Layout::new().image("r.example/os:1", &says)),
        ("app", Layout::new().image("r.example/app:1", &says.and(&[&own("app")]))),
    ]);
    assert_eq!(outdated(&environment, &[]).1["standing"], "current");
}

#[test]
fn that_there_is_no_base_can_be_recorded() {
    let (app, _) = static_app();
    let environment = place(&[
        ("bases", Layout::new().image("r.example/os:1", &Image::of(&[&own("os")]))),
        ("app", Layout::new().image("r.example/app:1", &app.annotated(NAME, "r.example/gone:1").annotated(DIGEST, &own("x").digest()))),
    ]);
    assert_eq!(outdated(&environment, &[]).1["standing"], "unknown");
    environment.ok(&["base", "set", "app", "--base", "scratch", "-o", "set:app:1"]);
    let (status, report) = environment.json(&["outdated", "set", "--bases", "bases"]);
    assert_eq!((status, &report["items"][0]["standing"], &report["noBase"]), (0, &json!("no-base"), &json!(1)), "{report:#}");
    let set = crate::support::image::ReadBack::open(&environment.join("set")).named("app:1");
    assert_eq!(set["annotations"], json!({NAME: "scratch", "dev.airbase.base.layers": "0"}));
}

/// All layers are the app's, and so is what is set.
#[test]
fn a_base_can_be_put_under_an_image_from_scratch() {
    let (app, layer) = static_app();
    let new = Image::of(&[&own("os")]).with("Env", json!(["PATH=/bin"]));
    for app in [app.clone(), app.annotated(NAME, "scratch")] {
        let environment =
            place(&[("bases", Layout::new().image("r.example/os:1", &new)), ("app", Layout::new().image("r.example/app:1", &app))]);
        let (report, layers) = moved(&environment, &["--from", "scratch", "--onto", "bases"]);
        assert_eq!(layers, digests(&[&own("os"), &layer]));
        let codes: Vec<&Value> = report["platforms"][0]["findings"].as_array().unwrap().iter().map(|finding| &finding["code"]).collect();
        assert!(!codes.contains(&&json!("rebase.two_way")), "{report:#}");
        refused(&environment, &["--from", "scratch"], "base.name_unknown");
    }
}

// Squashed images.

#[test]
fn a_seam_that_leaves_nothing_of_the_app_is_refused() {
    let squashed = Image::of(&[&own("all")]).with("Cmd", json!(["/run.sh"]));
    for layers in [1, 2] {
        let app = if layers == 1 { squashed.clone() } else { squashed.and(&[&own("more")]) };
        let environment = place(&[
            ("bases", Layout::new().image("r.example/os:12", &Image::of(&[&own("os")]))),
            ("app", Layout::new().image("r.example/squash:11", &app)),
        ]);
        let seam = layers.to_string();
        let arguments = ["--onto", "bases", "--seam-layers", &seam];
        let said = refused(&environment, &arguments, "rebase.no_app_layers");
        assert!(said.contains("--force"), "{said}");
        assert_eq!(moved(&environment, &[&arguments[..], &["--force"]].concat()).1, digests(&[&own("os")]));
        refused(&environment, &["--onto", "bases", "--seam-layers", "9", "--force"], "base.mismatch");
    }
}

/// The same where not the user says how many layers are the base's, but an earlier rebase or buildpacks, and no base proves it.
#[test]
fn a_recorded_seam_that_leaves_nothing_of_the_app_is_refused() {
    let (os, new, app) = (own("os"), own("os new"), own("app"));
    let image = Image::of(&[&os, &app]);
    let metadata = json!({"runImage": {"topLayer": app.diff_id(), "image": "r.example/os:1"}}).to_string();
    for (what, image) in [
        ("recorded", image.clone().annotated("dev.airbase.base.layers", "2")),
        ("recorded, with a name", image.clone().annotated("dev.airbase.base.layers", "2").annotated(NAME, "r.example/os:1")),
        ("buildpacks", image.clone().with("Labels", json!({METADATA: metadata}))),
    ] {
        let environment = place(&[
            ("bases", Layout::new().image("r.example/os:1", &later(Image::of(&[&new])))),
            ("app", Layout::new().image("r.example/app:1", &image)),
        ]);
        let said = refused(&environment, &["--onto", "bases"], "rebase.no_app_layers");
        assert!(said.contains("--force"), "{what} {said}");
        assert_eq!(moved(&environment, &["--onto", "bases", "--force"]).1, digests(&[&new]), "{what}");
        let item = planned(&environment, &["--map", "*=bases:r.example/os:1"]);
        assert_ne!(item["status"], "move", "{what} {item:#}");
        // A base that has all of its layers is proven, and the app has settings alone.
        Layout::new().image("r.example/os:1-old", &Image::of(&[&os, &app])).write(&environment.join("old"));
        let settings = image.with("Cmd", json!(["/app"]));
        Layout::new().image("r.example/app:1", &settings).write(&environment.join("settings"));
        let arguments = ["rebase", "settings", "--from", "old", "--onto", "bases", "-o", "out:moved:1"];
        environment.ok(&arguments);
    }
}

/// The number of layers was recorded with another edition of the base: what has the name now is a base of that one, or is based on it.
#[test]
fn an_edition_with_another_number_of_layers_is_not_the_one_that_was_recorded() {
    let (os, patch, app) = (own("os"), own("patch"), own("app"));
    let image = Image::of(&[&os, &patch, &app]).annotated(NAME, "r.example/os:1").annotated("dev.airbase.base.layers", "2");
    let gone = Image::of(&[&os, &patch]);
    let says = [image.clone(), image.clone().annotated(DIGEST, &gone.annotated("note", "gone").digest())];
    for image in says {
        for wrong in [Image::of(&[&os]), Image::of(&[&os, &patch, &app])] {
            let image = if wrong.layers.len() == 3 { image.and(&[&own("more")]) } else { image.clone() };
            let app = Layout::new().image("r.example/app:1", &image);
            let environment = place(&[("bases", Layout::new().image("r.example/os:1", &wrong)), ("app", app)]);
            refused(&environment, &[], "base.conflict");
            assert_ne!(outdated(&environment, &[]).1["standing"], "current");
            assert_eq!(planned(&environment, &[])["reason"]["code"], "base.conflict");
        }
        // With as many layers, or with the recorded digest, it is.
        let app = Layout::new().image("r.example/app:1", &image);
        let environment = place(&[("bases", Layout::new().image("r.example/os:1", &Image::of(&[&os, &patch]))), ("app", app)]);
        assert_eq!(outdated(&environment, &[]).1["standing"], "current");
    }
    let os = Image::of(&[&os]);
    let image = image.annotated(DIGEST, &os.digest());
    let environment =
        place(&[("bases", Layout::new().image("r.example/os:1", &os)), ("app", Layout::new().image("r.example/app:1", &image))]);
    assert_eq!(show(&environment, &[]).1["rule"], "digest");
}

// Buildpacks.

const METADATA: &str = "io.buildpacks.lifecycle.metadata";

fn run_image(layers: &[&Layer], stack: &str, distribution: &str) -> Image {
    Image::of(layers).with(
        "Labels",
        json!({"io.buildpacks.stack.id": stack, "io.buildpacks.base.distro.name": "ubuntu", "io.buildpacks.base.distro.version": distribution}),
    )
}

fn built(run: &Image, top: &Layer, name: &str, mirrors: &Value) -> Image {
    let metadata = json!({"runImage": {"topLayer": top.diff_id(), "reference": "", "image": name, "mirrors": mirrors},
                          "stack": {"runImage": {"image": name, "mirrors": mirrors}}});
    let mut labels = run.config["config"]["Labels"].clone();
    labels[METADATA] = json!(metadata.to_string());
    run.and(&[&own("launcher"), &own("workspace")]).with("Labels", labels)
}

#[test]
fn another_stack_is_refused() {
    let (old, new, other) = (own("jammy 1"), own("jammy 2"), own("noble"));
    let run = run_image(&[&old], "jammy", "22.04");
    let app = built(&run, &old, "r.example/run:1", &json!(["m.example/run:1"]));
    let bases = Layout::new()
        .image("r.example/run:1", &run)
        .image("r.example/run:2", &later(run_image(&[&new], "jammy", "22.04")))
        .image("r.example/noble:1", &run_image(&[&other], "noble", "24.04"))
        .image("r.example/newer:1", &run_image(&[&other], "jammy", "24.04"))
        .image("r.example/plain:1", &Image::of(&[&other]));
    let environment = place(&[("bases", bases), ("app", Layout::new().image("r.example/app:1", &app))]);
    for base in ["noble", "newer", "plain"] {
        let onto = format!("bases:r.example/{base}:1");
        let said = refused(&environment, &["--onto", &onto], "base.other_stack");
        assert!(said.contains("io.buildpacks."), "{said}");
        let map = format!("r.example/run:1={onto}");
        assert_eq!(planned(&environment, &["--map", &map])["reason"]["code"], "base.other_stack");
        let right = digests(&[&other, &own("launcher"), &own("workspace")]);
        assert_eq!(moved(&environment, &["--onto", &onto, "--force"]).1, right, "{base}");
    }
    assert_eq!(moved(&environment, &["--onto", "bases:r.example/run:2"]).1, digests(&[&new, &own("launcher"), &own("workspace")]));
}

#[test]
fn mirrors_of_the_old_run_image_go_unless_its_name_stays() {
    let (old, new) = (own("jammy 1"), own("jammy 2"));
    let run = run_image(&[&old], "jammy", "22.04");
    let app = built(&run, &old, "r.example/run:1", &json!(["m.example/run:1"]));
    for (name, mirrors) in [("r.example/run:2", None), ("r.example/run:1", Some("m.example/run:1"))] {
        let environment = place(&[
            ("old", Layout::new().image("", &run)),
            ("bases", Layout::new().image(name, &later(run_image(&[&new], "jammy", "22.04")))),
            ("app", Layout::new().image("r.example/app:1", &app)),
        ]);
        environment.ok(&["rebase", "app", "--bases", "old", "--bases", "bases", "--onto", "bases", "-o", "out:moved:1"]);
        let out = crate::support::image::ReadBack::open(&environment.join("out"));
        let config = out.config(&out.named("moved:1"));
        let label: Value = serde_json::from_str(config["config"]["Labels"][METADATA].as_str().unwrap()).unwrap();
        for part in [&label["runImage"], &label["stack"]["runImage"]] {
            assert_eq!((part["image"].as_str(), part["mirrors"][0].as_str()), (Some(name), mirrors), "{label:#}");
        }
    }
}

// What statements say of bases.

#[test]
fn a_base_that_has_come_to_its_end_is_not_current() {
    for (set, word) in [(&["--eol", "2024-01-01"][..], "end-of-life"), (&["--status", "withdrawn"], "withdrawn")] {
        let os = Image::of(&[&own("os")]);
        let app = os.and(&[&own("app")]);
        let environment =
            place(&[("bases", Layout::new().image("r.example/os:1", &os)), ("app", Layout::new().image("r.example/app:1", &app))]);
        assert_eq!(outdated(&environment, &[]).1["standing"], "current");
        environment.ok(&[&["lifecycle", "set", "bases:r.example/os:1"], set].concat());
        let (status, item) = outdated(&environment, &[]);
        assert_eq!((status, &item["standing"]), (1, &json!("outdated")), "{item:#}");
        assert!(item["reason"].as_str().unwrap().contains(word), "{item:#}");
        // As of a day before.
        if word == "end-of-life" {
            assert_eq!(outdated(&environment, &["--at", "2023-12-31"]).1["standing"], "current");
        }
    }
}

/// After a migration in place the old images have no name any more, and statements say what stands in their places.
#[test]
fn superseded_leftovers_keep_no_gate_red() {
    let (old, new) = (own("os old"), own("os new"));
    let os = Image::of(&[&old]);
    let environment = place(&[
        ("bases", Layout::new().image("", &os).image("r.example/os:1", &later(Image::of(&[&new])))),
        (
            "site",
            Layout::new()
                .image("r.example/app:1", &os.and(&[&own("app")]).annotated(NAME, "r.example/os:1").annotated(DIGEST, &os.digest())),
        ),
    ]);
    let plan = environment.ok(&["batch", "plan", "site", "--bases", "bases"]).out;
    std::fs::write(environment.join("plan.jsonl"), plan).unwrap();
    environment.ok(&["batch", "apply", "plan.jsonl", "-o", "site", "--supersede"]);
    let (status, report) = environment.json(&["outdated", "site", "--bases", "bases"]);
    assert_eq!(
        (status, &report["current"], &report["superseded"], &report["outdated"]),
        (0, &json!(1), &json!(1), &json!(0)),
        "{report:#}"
    );
    let (status, report) = environment.json(&["outdated", "site", "--bases", "bases", "--all"]);
    assert_eq!((status, &report["superseded"], &report["outdated"]), (1, &json!(0), &json!(1)), "{report:#}");
    // Its successor was not judged.
    let leftover = report["items"].as_array().unwrap().iter().find(|item| item["standing"] == "outdated").unwrap();
    let reference = format!("site@{}", leftover["digest"].as_str().unwrap());
    let (status, report) = environment.json(&["outdated", &reference, "--bases", "bases"]);
    assert_eq!((status, &report["outdated"]), (1, &json!(1)), "{report:#}");
}

// outdated --only, --allow, --format csv.

fn versions() -> Environment {
    let os = |version: &str, created: &str| Image::of(&[&own(&format!("os {version}"))]).with_top("created", json!(created));
    let old = os("3.19", "2024-01-01T00:00:00Z");
    let named = |image: &Image| image.and(&[&own("app")]).annotated(NAME, "site/os:3.19").annotated(DIGEST, &image.digest());
    let lost = Image::of(&[&own("lost")]);
    place(&[
        ("app", Layout::new().image("site/app:1", &named(&old)).image("site/lost:1", &lost)),
        (
            "bases",
            Layout::new().image("site/os:3.19", &old).image("site/os:3.20", &os("3.20", LATER)).image("site/os:4.0", &os("4.0", LATER)),
        ),
    ])
}

#[test]
fn outdated_asks_how_far_a_base_may_jump() {
    let environment = versions();
    for (allow, standing, name) in [
        (None, "current", "site/os:3.19"),
        (Some("patch"), "current", "site/os:3.19"),
        (Some("minor"), "outdated", "site/os:3.20"),
        (Some("major"), "outdated", "site/os:4.0"),
    ] {
        let more: Vec<&str> = ["--only", "site/app:*"].into_iter().chain(allow.into_iter().flat_map(|allow| ["--allow", allow])).collect();
        let (status, item) = outdated(&environment, &more);
        assert_eq!((&item["standing"], status), (&json!(standing), i32::from(standing == "outdated")), "{item:#}");
        let reference = item["newerReference"].as_str().unwrap();
        assert_eq!(reference, format!("bases:{name}"), "{allow:?}");
    }
}

#[test]
fn outdated_is_asked_about_some_images_only_and_answers_in_rows() {
    let environment = versions();
    let (status, report) = environment.json(&["outdated", "app", "--bases", "bases", "--only", "*/app:?"]);
    assert_eq!((status, report["items"].as_array().unwrap().len(), &report["notChosen"]), (0, 1, &json!(1)), "{report:#}");
    assert_eq!(environment.run(&["outdated", "app", "--bases", "bases"]).status, 1);
    let csv = environment.run(&["outdated", "app", "--bases", "bases", "--format", "csv"]);
    assert_eq!(csv.status, 1);
    let rows: Vec<&str> = csv.out.split("\r\n").collect();
    assert!(rows[0].starts_with("standing,proof,image,digest,manifest,platform,base_name"), "{}", csv.out);
    assert!(rows[1].starts_with("current,proven,app:site/app:1,sha256:"), "{}", csv.out);
    assert!(rows[2].starts_with("unknown,,app:site/lost:1,sha256:"), "{}", csv.out);
}
