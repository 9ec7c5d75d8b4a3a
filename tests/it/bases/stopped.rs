//! Bases that must not be used, bases of which nobody can read what is said, and bases below bases.

use std::fs;

use serde_json::json;

use super::{DIGEST, LATER, NAME, digests, later, moved, outdated, own, place, planned, refused};
use crate::batch::items;
use crate::lifecycle::{MICROSOFT, MICROSOFT_KEY, statement};
use crate::support::{Environment, Image, Layout};

const OS: &str = "r.example/os:12";

fn os(edition: &str) -> Image {
    Image::of(&[&own(&format!("os {edition}"))])
}

fn app() -> Layout {
    Layout::new().image("r.example/app:1", &os("1").and(&[&own("app")]).annotated(NAME, OS))
}

/// `bases/1` has the old edition and `bases/2` the new one, both under one name.
fn editions() -> Environment {
    place(&[("bases/1", Layout::new().image(OS, &os("1"))), ("bases/2", Layout::new().image(OS, &later(os("2")))), ("app", app())])
}

/// Issue: a withdrawn image stops for good. It does not matter by which rule the base was found.
#[test]
fn nothing_is_moved_onto_a_withdrawn_base() {
    let withdraw = |environment: &Environment| {
        environment.ok(&["lifecycle", "set", "bases/2", "--status", "withdrawn", "--reason", "backdoor"]);
    };
    // By a statement that it follows the old one.
    let environment = editions();
    environment.ok(&["lifecycle", "supersede", "bases/1", "--by", "bases/2"]);
    moved(&environment, &[]);
    withdraw(&environment);
    let told = refused(&environment, &[], "lifecycle.withdrawn");
    assert!(told.contains("bases/2") && told.contains("--force"), "{told}");
    let item = planned(&environment, &[]);
    assert_eq!((&item["status"], &item["reason"]["code"]), (&json!("refused"), &json!("lifecycle.withdrawn")));
    refused(&environment, &["--onto", "bases/2"], "lifecycle.withdrawn");
    // Who insists is told.
    let (report, layers) = moved(&environment, &["--onto", "bases/2", "--force"]);
    assert_eq!(layers, digests(&[&own("os 2"), &own("app")]));
    assert!(
        report["findings"]
            .as_array()
            .unwrap()
            .iter()
            .chain(report["platforms"][0]["findings"].as_array().unwrap())
            .any(|finding| { finding["code"] == "lifecycle.withdrawn" && finding["severity"] == "warning" }),
        "{report:#}"
    );
}

/// One bit of a statement on the base, or a value that is not understood, and the base may be withdrawn.
#[test]
fn what_cannot_be_read_of_a_base_is_no_yes() {
    for harm in ["bit", "gone", "value"] {
        let mut bases = Layout::new().image(OS, &os("1"));
        let date = if harm == "value" { "soon" } else { "2020-01-01" };
        let said = statement(&mut bases, &os("1").digest(), MICROSOFT, json!({MICROSOFT_KEY: date}));
        let environment = place(&[("bases", bases), ("app", app())]);
        let path = environment.join("bases/blobs").join(said.replace(':', "/"));
        match harm {
            "bit" => {
                assert_eq!(outdated(&environment, &[]).1["standing"], "outdated");
                let mut bytes = fs::read(&path).unwrap();
                bytes[30] ^= 1;
                fs::write(&path, bytes).unwrap();
            }
            "gone" => fs::remove_file(&path).unwrap(),
            _ => {}
        }
        let (status, item) = outdated(&environment, &[]);
        assert_eq!((status, &item["standing"]), (1, &json!("unknown")), "{harm}: {item:#}");
        assert!(item["reason"].as_str().unwrap().contains("cannot be read"), "{harm}: {item:#}");
        let (status, report) = environment.json(&["lifecycle", "check", "app", "--bases", "bases", "--deny", "base-end-of-life"]);
        assert_eq!((status, &report["items"][0]["denied"][0]["deny"]), (1, &json!("base-end-of-life")), "{harm}: {report:#}");
        // What is not read may name another base, and a newer one may be what it is about.
        let plan = |bases: &[&str]| environment.run(&[&["batch", "plan", "app"], bases].concat());
        let stays = plan(&["--bases", "bases"]);
        assert_eq!((stays.status, &items(&stays.out)[0]["status"]), (4, &json!("current")), "{harm}: {}", stays.out);
        let (older, on_it) = ("r.example/os:11", os("0").and(&[&own("app")]));
        Layout::new().image(older, &os("0")).write(&environment.join("older"));
        Layout::new().image("r.example/app:1", &on_it.annotated(NAME, older)).write(&environment.join("app"));
        let moves = plan(&["--bases", "older", "--map", &format!("{older}=bases")]);
        assert_eq!((moves.status, &items(&moves.out)[0]["status"]), (4, &json!("refused")), "{harm}: {}", moves.out);
        assert!(moves.err.contains("lifecycle.unreadable"), "{harm}: {}", moves.err);
    }
}

/// `withdrawn` is stricter than an end of life.
#[test]
fn a_withdrawn_base_is_denied_where_its_end_of_life_is() {
    let environment = place(&[("bases", Layout::new().image(OS, &os("1"))), ("app", app())]);
    let check = ["lifecycle", "check", "app", "--bases", "bases", "--deny", "base-end-of-life"];
    environment.ok(&check);
    environment.ok(&["lifecycle", "set", "bases", "--status", "withdrawn", "--eol", "2099-01-01"]);
    let (status, report) = environment.json(&check);
    assert_eq!((status, &report["items"][0]["denied"][0]["deny"]), (1, &json!("base-end-of-life")), "{report:#}");
}

/// Images that take each other's places, and a platform that its own index follows, keep the gate red.
#[test]
fn nobody_is_excused_by_who_is_excused_by_them() {
    let key = "dev.airbase.lifecycle.superseded-by";
    let own_type = "application/vnd.airbase.lifecycle.v1+json";
    let (one, two) = (os("1").and(&[&own("one")]), os("1").and(&[&own("two")]));
    let mut circle = Layout::new().image("r.example/app:1", &one).image("r.example/app:2", &two);
    statement(&mut circle, &one.digest(), own_type, json!({key: two.digest()}));
    statement(&mut circle, &two.digest(), own_type, json!({key: one.digest()}));
    let mut inside = Layout::new().index("r.example/app:1", &[&one], json!({}));
    let index = inside.digest_of("r.example/app:1");
    statement(&mut inside, &one.digest(), own_type, json!({key: index}));
    for (apps, count) in [(circle, 2), (inside, 1)] {
        let environment = editions();
        apps.write(&environment.join("apps"));
        let (status, report) = environment.json(&["outdated", "apps", "--bases", "bases"]);
        assert_eq!((status, &report["outdated"], &report["superseded"]), (1, &json!(count), &json!(0)), "{report:#}");
    }
}

/// The image does not say which name of its base it follows, and the order of an index is no answer.
#[test]
fn several_names_of_a_base_are_no_answer_unless_they_agree() {
    let plain = || Layout::new().image("r.example/app:1", &os("1").and(&[&own("app")]));
    for names in [[OS, "r.example/os:12.4"], ["r.example/os:12.4", OS]] {
        let old = Layout::new().image(names[0], &os("1")).image(names[1], &os("1"));
        let environment = place(&[("bases/1", old), ("app", plain())]);
        assert_eq!(outdated(&environment, &[]).1["standing"], "current", "both mean the base that it has");
        Layout::new().image(OS, &later(os("2"))).write(&environment.join("bases/2"));
        // The name of the edition stays where it is; the other one has moved on, whichever is first.
        let (status, item) = outdated(&environment, &[]);
        assert_eq!((status, &item["standing"]), (1, &json!("outdated")), "{names:?}: {item:#}");
        let (_, layers) = moved(&environment, &[]);
        assert_eq!(layers, digests(&[&own("os 2"), &own("app")]));
    }
    for names in [[OS, "r.example/os:latest"], ["r.example/os:latest", OS]] {
        let old = Layout::new().image(names[0], &os("1")).image(names[1], &os("1"));
        let environment = place(&[("bases/1", old), ("app", plain())]);
        Layout::new().image(OS, &later(os("2"))).write(&environment.join("bases/2"));
        Layout::new().image("r.example/os:latest", &later(os("3"))).write(&environment.join("bases/3"));
        let (status, item) = outdated(&environment, &[]);
        assert_eq!((status, &item["standing"]), (1, &json!("unknown")), "{names:?}: {item:#}");
        let told = refused(&environment, &[], "base.ambiguous");
        assert!(told.contains("--map"), "{told}");
        assert_eq!(planned(&environment, &[])["reason"]["code"], "base.ambiguous");
        let rule = format!("{}=bases/2", os("1").digest());
        let (_, layers) = moved(&environment, &["--map", &rule]);
        assert_eq!(layers, digests(&[&own("os 2"), &own("app")]));
        // Who says it is answered.
        app().write(&environment.join("app"));
        assert_eq!(outdated(&environment, &[]).1["standing"], "outdated");
    }
    // A name that is not decided is not passed over for one that is, and one that is nowhere says nothing.
    for names in [[OS, "r.example/os:latest"], ["r.example/os:latest", OS]] {
        let old = Layout::new().image(names[0], &os("1")).image(names[1], &os("1"));
        let environment = place(&[("bases/1", old), ("app", plain())]);
        Layout::new().image(OS, &later(os("2"))).write(&environment.join("bases/2"));
        Layout::new().image("r.example/os:latest", &later(os("3"))).write(&environment.join("bases/3"));
        Layout::new().image("r.example/os:latest", &later(os("4"))).write(&environment.join("bases/4"));
        let (status, item) = outdated(&environment, &[]);
        assert_eq!((status, &item["standing"]), (1, &json!("unknown")), "{names:?}: {item:#}");
        refused(&environment, &[], "base.ambiguous");
        // A rule for one of the names is an answer.
        let (_, layers) = moved(&environment, &["--map", "r.example/os:latest=bases/4"]);
        assert_eq!(layers, digests(&[&own("os 4"), &own("app")]), "{names:?}");
    }
    // A name that moved away counts as well as one that stayed.
    let environment = place(&[("bases", Layout::new().image("r.example/os:12.4", &os("1")).image(OS, &os("1"))), ("app", plain())]);
    Layout::new().image(OS, &later(os("2"))).write(&environment.join("stick"));
    environment.ok(&["copy", "stick", "bases"]);
    assert_eq!(outdated(&environment, &[]).1["standing"], "outdated");
}

fn arm(edition: &str, variant: &str, in_config: bool) -> Image {
    let image = Image::of(&[&own(&format!("os {edition} {variant}"))]).platform("arm");
    if in_config { image.with_top("variant", json!(variant)) } else { image }
}

/// An index of images for arm, in this order.
fn arms(edition: &str, variants: &[&str], in_config: bool, created: &str) -> Layout {
    let images: Vec<Image> = variants.iter().map(|variant| arm(edition, variant, in_config).with_top("created", json!(created))).collect();
    let mut layout = Layout::new();
    let mut entries = Vec::new();
    for (image, variant) in images.iter().zip(variants) {
        let mut entry = layout.store(image);
        entry["platform"] = json!({"os": "linux", "architecture": "arm", "variant": variant});
        entries.push(entry);
    }
    let index = serde_json::to_vec(&json!({"schemaVersion": 2, "mediaType": crate::support::image::INDEX, "manifests": entries})).unwrap();
    let digest = layout.blob(&index);
    layout.entry(OS, json!({"mediaType": crate::support::image::INDEX, "digest": digest, "size": index.len()}));
    layout
}

/// Builders leave the variant out of the config; then the index has it. containerd reads an arm without variant as v7.
#[test]
fn the_variant_of_the_index_counts_where_the_config_has_none() {
    let earlier = "2024-01-01T00:00:00Z";
    for order in [["v6", "v7"], ["v7", "v6"]] {
        let environment = place(&[
            ("bases/1", arms("1", &["v6", "v7"], false, earlier)),
            ("bases/2", arms("2", &order, false, LATER)),
            ("app", Layout::new().image("r.example/app:1", &arm("1", "v7", false).with_top("created", json!(earlier)).and(&[&own("app")]))),
        ]);
        let (_, layers) = moved(&environment, &[]);
        assert_eq!(layers, digests(&[&own("os 2 v7"), &own("app")]), "{order:?}");
    }
}

/// Whether the name moved in one layout or the two editions lie beside each other, the newest has no such platform.
#[test]
fn a_platform_that_the_newest_edition_dropped_is_not_current() {
    let six = arm("1", "v6", true).with_top("created", json!("2024-01-01T00:00:00Z"));
    let environment = place(&[
        ("bases/1", arms("1", &["v6", "v7"], true, "2024-01-01T00:00:00Z")),
        ("bases/2", arms("2", &["v7"], true, LATER)),
        ("app", Layout::new().image("r.example/app:1", &six.and(&[&own("app")]))),
    ]);
    let (status, item) = outdated(&environment, &[]);
    assert_eq!((status, &item["standing"]), (1, &json!("unknown")), "{item:#}");
    environment.ok(&["copy", "bases/1", "bases/3"]);
    environment.ok(&["copy", "bases/2", "bases/3"]);
    fs::remove_dir_all(environment.join("bases/1")).unwrap();
    fs::remove_dir_all(environment.join("bases/2")).unwrap();
    assert_eq!(outdated(&environment, &[]).1["standing"], "unknown");
}

/// A row of images, each of which takes the place of the one before: all but the last are out of use, however long the row is.
#[test]
fn a_row_of_successors_is_followed_to_its_end() {
    const ROW: usize = 40;
    let images: Vec<Image> = (0..ROW).map(|number| os("1").and(&[&own(&format!("app {number}"))])).collect();
    let mut apps = Layout::new();
    for (number, image) in images.iter().enumerate() {
        apps = apps.image(&format!("r.example/app:{number}"), &image.clone().annotated(NAME, OS));
    }
    let digest = |number: usize, apps: &Layout| apps.digest_of(&format!("r.example/app:{number}"));
    for number in 1..ROW {
        let (subject, next) = (digest(number - 1, &apps), digest(number, &apps));
        let says = json!({"dev.airbase.lifecycle.superseded-by": next});
        statement(&mut apps, &subject, "application/vnd.airbase.lifecycle.v1+json", says);
    }
    let environment = editions();
    apps.write(&environment.join("apps"));
    let (status, report) = environment.json(&["outdated", "apps", "--bases", "bases"]);
    assert_eq!((status, &report["outdated"], &report["superseded"]), (1, &json!(1), &json!(ROW - 1)), "{report:#}");
}

/// A statement lies where somebody put it: beside the base, or in another layout of the folder.
#[test]
fn a_statement_on_a_base_counts_though_the_base_lies_elsewhere() {
    let key = "dev.airbase.lifecycle.status";
    let said = || {
        let mut layout = Layout::new().image("r.example/other:1", &Image::of(&[&own("other")]));
        layout = layout.image("r.example/os:2", &later(os("2")));
        statement(&mut layout, &later(os("2")).digest(), "application/vnd.airbase.lifecycle.v1+json", json!({key: "withdrawn"}));
        layout.entries.retain(|entry| entry["annotations"]["org.opencontainers.image.ref.name"] != "r.example/os:2");
        layout
    };
    let environment = editions();
    said().write(&environment.join("bases/said"));
    let told = refused(&environment, &[], "base.ambiguous");
    assert!(told.contains("the newest of them is withdrawn"), "{told}");
    assert_eq!(planned(&environment, &[])["reason"]["code"], "base.ambiguous");
    refused(&environment, &["--onto", "bases/2"], "lifecycle.withdrawn");
    let on_it = Layout::new().image("r.example/app:1", &later(os("2")).and(&[&own("app")]).annotated(NAME, OS));
    on_it.write(&environment.join("app"));
    fs::remove_dir_all(environment.join("bases/1")).unwrap();
    let (status, item) = outdated(&environment, &[]);
    assert_eq!((status, &item["standing"]), (1, &json!("outdated")), "{item:#}");
    let check = ["lifecycle", "check", "app", "--bases", "bases", "--deny", "base-end-of-life"];
    assert_eq!(environment.run(&check).status, 1);
    let (status, traced) = environment.json(&["lifecycle", "trace", &later(os("2")).digest(), "bases"]);
    assert!(status == 1 && traced.to_string().contains("withdrawn"), "{traced:#}");
}

/// A gate that asks for the base and does not know it has no answer.
#[test]
fn a_base_that_is_not_known_is_stopped_where_its_end_is_asked_for() {
    let ended = Layout::new().image("r.example/os:11", &os("1"));
    let plain = os("1").and(&[&own("app")]);
    let elsewhere = plain.clone().annotated(NAME, "r.example/other:1").annotated(DIGEST, &format!("sha256:{}", "1".repeat(64)));
    let two = ended.clone().image("r.example/other:1", &os("1").with("Env", json!(["EDITION=2"])));
    let nobody = Layout::new().image("r.example/os:9", &os("9"));
    let earlier = Layout::new().image("r.example/app:1", &os("1"));
    let kinds: [(&str, &Image, &Layout, i32); 6] = [
        ("it is an earlier edition of the image", &plain, &earlier, 1),
        ("another is named", &elsewhere, &ended, 1),
        ("two fit", &plain, &two, 1),
        ("it is not here", &elsewhere, &nobody, 1),
        ("nothing says that there is one", &plain, &nobody, 0),
        ("it is known, and nobody speaks of it", &plain, &ended, 0),
    ];
    for (what, image, bases, expected) in kinds {
        let environment = place(&[("bases", bases.clone()), ("app", Layout::new().image("r.example/app:1", image))]);
        let (status, report) = environment.json(&["lifecycle", "check", "app", "--bases", "bases", "--deny", "base-end-of-life"]);
        assert_eq!(status, expected, "{what}: {report:#}");
        let denied = &report["items"][0]["denied"][0]["deny"];
        assert_eq!(denied == "base-end-of-life", expected == 1, "{what}: {report:#}");
        // Who does not ask for it is not told.
        assert_eq!(environment.run(&["lifecycle", "check", "app", "--bases", "bases"]).status, 0, "{what}");
    }
}

/// The same base on two sticks, and one of them knows that it is withdrawn: the order of the folder is no answer.
#[test]
fn the_strictest_word_on_a_base_counts_wherever_it_lies() {
    for marked in ["1", "2"] {
        let environment =
            place(&[("bases/1", Layout::new().image(OS, &os("1"))), ("bases/2", Layout::new().image(OS, &os("1"))), ("app", app())]);
        assert_eq!(outdated(&environment, &[]).1["standing"], "current");
        environment.ok(&["lifecycle", "set", &format!("bases/{marked}"), "--status", "withdrawn"]);
        let (status, item) = outdated(&environment, &[]);
        assert_eq!((status, &item["standing"]), (1, &json!("outdated")), "{marked}: {item:#}");
        let (status, _) = environment.json(&["lifecycle", "check", "app", "--bases", "bases", "--deny", "base-end-of-life"]);
        assert_eq!(status, 1, "{marked}");
    }
}

/// Days may be between a plan and its run, and a stick with a withdrawal.
#[test]
fn what_is_withdrawn_after_the_plan_is_not_moved_by_it() {
    for withdrawn in ["app", "bases/2"] {
        let environment = editions();
        let plan = environment.ok(&["batch", "plan", "app", "--bases", "bases", "--verdict", "off"]);
        assert_eq!(items(&plan.out)[0]["status"], "move");
        fs::write(environment.join("plan"), &plan.out).unwrap();
        environment.ok(&["lifecycle", "set", withdrawn, "--status", "withdrawn"]);
        let (status, report) = environment.json(&["batch", "apply", "plan", "-o", "out"]);
        assert_eq!((status, &report["failed"]), (4, &json!(1)), "{withdrawn}: {report:#}");
        assert_eq!(report["failures"][0]["findings"][0]["code"], "lifecycle.withdrawn", "{withdrawn}: {report:#}");
        let (status, report) = environment.json(&["batch", "report", "plan", "out"]);
        assert_eq!((status, &report["items"][0]["outcome"]), (1, &json!("failed")), "{withdrawn}: {report:#}");
    }
}
