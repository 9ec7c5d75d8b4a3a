//! What other builders leave behind about the base of an image: the labels of Cloud Native Buildpacks.

use serde_json::{Value, json};

use crate::support::environment::snapshot;
use crate::support::image::Layer;
use crate::support::story::{codes, run};
use crate::support::{Environment, Image, Layout, layer};

const METADATA: &str = "io.buildpacks.lifecycle.metadata";
const REBASABLE: &str = "io.buildpacks.rebasable";
const RUN: &str = "registry.example/run:1";

fn b(number: usize) -> Layer {
    layer(&[&format!("base/{number}=1")])
}

fn a(number: usize) -> Layer {
    layer(&[&format!("app/{number}=1")])
}

/// The base of most examples: two layers.
fn old() -> Image {
    Image::of(&[&b(1), &b(2)]).with("Env", json!(["LEVEL=1"]))
}

/// Its successor.
fn new() -> Image {
    Image::of(&[&b(3), &b(4)]).with("Env", json!(["LEVEL=2"]))
}

/// Metadata as the lifecycle writes it, with members that nobody here knows and spaces that nobody writes.
fn metadata(top: &Layer, reference: &str) -> String {
    format!(
        r#"{{"app":[{{"sha":"{}"}}], "buildpacks":[{{"key":"x","n":1.50}}],"runImage":{{"topLayer":"{}","reference":"{reference}","image":"{RUN}","mirrors":["m.example/run:1"]}},"stack":{{"runImage":{{"image":"{RUN}","mirrors":null}}}}}}"#,
        a(1).diff_id(),
        top.diff_id()
    )
}

fn by_digest() -> String {
    metadata(&b(2), &format!("registry.example/run@{}", old().digest()))
}

/// An app that buildpacks put on [`old`].
fn built(label: &str) -> Image {
    old().and(&[&a(1), &a(2)]).with("Labels", json!({METADATA: label}))
}

/// A place with the layouts `bases` and `apps` (`app:1`).
fn place(bases: Layout, app: &Image) -> Environment {
    let environment = Environment::new();
    bases.write(&environment.join("bases"));
    Layout::new().image("app:1", app).write(&environment.join("apps"));
    environment
}

/// `base show`: the exit status and what it says about the only platform.
fn show(environment: &Environment) -> (i32, Value) {
    let (status, report) = environment.json(&["base", "show", "apps:app:1", "--bases", "bases"]);
    (status, report["platforms"][0].clone())
}

/// The evidence as `(clue, outcome)`.
fn evidence(platform: &Value) -> Vec<(&str, &str)> {
    let evidence = platform["evidence"].as_array().unwrap();
    evidence.iter().map(|evidence| (evidence["clue"].as_str().unwrap(), evidence["outcome"].as_str().unwrap())).collect()
}

const ONTO: [&str; 8] = ["rebase", "apps:app:1", "--bases", "bases", "--onto", "bases:registry.example/run:2", "-o", "out:app:2"];

// Cloud Native Buildpacks.

#[test]
fn buildpacks_metadata_leads_to_the_run_image() {
    let bases = || Layout::new().image(RUN, &old()).image("registry.example/run:2", &new());
    for label in [by_digest(), metadata(&b(2), "0123456789ab"), metadata(&b(2), "")] {
        let environment = place(bases(), &built(&label));
        let (status, platform) = show(&environment);
        assert_eq!((status, &platform["base"], &platform["baseLayers"]), (0, &json!(format!("bases:{RUN}")), &json!(2)), "{platform:#}");
        assert_eq!(evidence(&platform), [("buildpacks", "proven"), ("catalogue", "proven")]);
        assert_eq!(platform["evidence"][0]["name"], RUN);
        let result = run(&environment, &ONTO, "out", "app:2");
        result.expect_layers(&[&b(3), &b(4), &a(1), &a(2)]);
        assert_eq!((&result.report["platforms"][0]["clue"], result.codes()), (&json!("buildpacks"), vec![]));
    }
    let text = place(bases(), &built(&by_digest())).ok(&["base", "show", "apps:app:1", "--bases", "bases"]).out;
    assert!(text.contains("buildpacks metadata"), "{text}");
}

/// The label of the result speaks of the new base, and of nothing else that it did not speak of before.
#[test]
fn buildpacks_metadata_follows_the_rebase() {
    let environment = place(Layout::new().image(RUN, &old()).image("registry.example/run:2", &new()), &built(&by_digest()));
    let result = run(&environment, &ONTO, "out", "app:2");
    let expected = by_digest()
        .replace(&b(2).diff_id(), &b(4).diff_id())
        .replace(&format!("registry.example/run@{}", old().digest()), &format!("registry.example/run:2@{}", new().digest()))
        .replace(&format!(r#""image":"{RUN}""#), r#""image":"registry.example/run:2""#)
        // A list that was opened is written without spaces.
        .replace(", ", ",");
    assert_eq!(result.config["config"]["Labels"][METADATA], expected);
    // The result is split where its label says.
    Layout::new().image("registry.example/run:2", &new()).write(&environment.join("later"));
    let (status, report) = environment.json(&["base", "show", "out:app:2", "--bases", "later"]);
    let platform = &report["platforms"][0];
    assert_eq!((status, evidence(platform)[1]), (0, ("buildpacks", "proven")), "{platform:#}");
}

/// A new base without a full name leaves no name of the old one in the label.
#[test]
fn buildpacks_metadata_never_names_the_old_base_again() {
    let environment = place(Layout::new().image(RUN, &old()).image("other", &new()), &built(&by_digest()));
    let result =
        run(&environment, &["rebase", "apps:app:1", "--bases", "bases", "--onto", "bases:other", "-o", "out:app:2"], "out", "app:2");
    let label: Value = serde_json::from_str(result.config["config"]["Labels"][METADATA].as_str().unwrap()).unwrap();
    assert_eq!(label["runImage"], json!({"topLayer": b(4).diff_id(), "mirrors": ["m.example/run:1"]}));
    assert_eq!(label["stack"], json!({"runImage": {"mirrors": null}}));
    assert_eq!(result.codes(), ["base.name_dropped"]);
}

#[test]
fn buildpacks_metadata_is_a_seam_where_the_run_image_is_not_here() {
    for bases in [
        Layout::new().image("registry.example/run:2", &new()),
        // The name has moved on.
        Layout::new().image(RUN, &new()).image("registry.example/run:2", &new()),
        // A base of the run image is no substitute.
        Layout::new().image("registry.example/run:2", &new()).image("ground:1", &Image::of(&[&b(1)])),
        // Neither is a sibling that has more of the same layers.
        Layout::new().image("registry.example/run:2", &new()).image("sibling:1", &old().and(&[&a(1)])),
    ] {
        let environment = place(bases, &built(&by_digest()));
        let (status, platform) = show(&environment);
        assert_eq!((status, codes(&platform["findings"])), (1, vec!["base.unknown"]), "{platform:#}");
        let result = run(&environment, &ONTO, "out", "app:2");
        result.expect_layers(&[&b(3), &b(4), &a(1), &a(2)]);
        assert_eq!(result.codes(), ["base.unproven", "rebase.two_way"]);
        assert_eq!(
            result.report["platforms"][0]["findings"][0]["message"],
            "the seam above layer 2 is the top layer of the run image, by buildpacks metadata"
        );
        let label: Value = serde_json::from_str(result.config["config"]["Labels"][METADATA].as_str().unwrap()).unwrap();
        assert_eq!(label["runImage"]["topLayer"], b(4).diff_id());
    }
}

/// The run image has another name and another digest here, and its layers end where the label says: that is the one.
#[test]
fn a_run_image_under_another_name_is_proven_by_its_layers() {
    let renamed = old().with_top("author", json!("mirror"));
    let environment = place(Layout::new().image("mirror:7", &renamed).image("registry.example/run:2", &new()), &built(&by_digest()));
    let (status, platform) = show(&environment);
    assert_eq!((status, &platform["base"], codes(&platform["findings"])), (0, &json!("bases:mirror:7"), vec![]), "{platform:#}");
    assert_eq!(evidence(&platform), [("buildpacks", "unresolved"), ("catalogue", "proven")]);
    assert_eq!(run(&environment, &ONTO, "out", "app:2").codes(), Vec::<&str>::new());
}

/// The same layer twice: whoever takes the first one cuts the base in two.
#[test]
fn a_top_layer_that_is_there_twice_is_no_seam() {
    let app = old().and(&[&a(1), &b(2)]).with("Labels", json!({METADATA: metadata(&b(2), "")}));
    let environment = place(Layout::new().image("registry.example/run:2", &new()), &app);
    let (_, platform) = show(&environment);
    assert_eq!(platform["evidence"][0]["outcome"], "unresolved");
    assert_eq!(platform["evidence"][0]["reason"], "2 layers are equal to the top layer of the run image, so the seam is unknown");
    let before = snapshot(environment.path());
    let outcome = environment.refused(&ONTO, "base.unknown", 4);
    assert!(outcome.err.contains("buildpacks metadata"), "{}", outcome.err);
    assert_eq!(snapshot(environment.path()), before);
    // With the run image here its layers decide.
    let environment = place(Layout::new().image(RUN, &old()).image("registry.example/run:2", &new()), &app);
    run(&environment, &ONTO, "out", "app:2").expect_layers(&[&b(3), &b(4), &a(1), &b(2)]);
    // A top layer that is not there at all says nothing either.
    let environment = place(Layout::new().image("registry.example/run:2", &new()), &built(&metadata(&b(9), "")));
    environment.refused(&ONTO, "base.unknown", 4);
}

/// A label that cannot be read stops nobody who can prove the base, is not changed, and is told.
#[test]
fn buildpacks_metadata_that_cannot_be_read_is_kept_and_told() {
    let twice = by_digest().replacen(r#""topLayer""#, r#""topLayer":"","topLayer""#, 1);
    let variant = by_digest().replacen("topLayer", "toplayer", 1);
    for label in ["{", r#"{"runImage":{"topLayer":7}}"#, r#"{"runImage":{"topLayer":"sha256:7"}}"#, &twice, &variant] {
        let environment = place(Layout::new().image(RUN, &old()).image("registry.example/run:2", &new()), &built(label));
        let (status, platform) = show(&environment);
        assert_eq!((status, evidence(&platform)), (0, vec![("buildpacks", "unresolved"), ("catalogue", "proven")]), "{label}");
        let result = run(&environment, &ONTO, "out", "app:2");
        assert_eq!(result.codes(), ["base.label_stale"], "{label}");
        assert_eq!(result.report["platforms"][0]["findings"][0]["severity"], "warning");
        assert_eq!(result.config["config"]["Labels"][METADATA], label);
        let environment = place(Layout::new().image("registry.example/run:2", &new()), &built(label));
        environment.refused(&ONTO, "base.unknown", 4);
    }
}

/// An image that somebody built on one from buildpacks has its label from there.
#[test]
fn inherited_buildpacks_metadata_is_the_bases_own() {
    let middle = built(&by_digest());
    let next = new().and(&[&a(1), &a(5)]).with("Labels", json!({METADATA: metadata(&b(4), "")}));
    let app = middle.and(&[&a(9)]);
    let bases = Layout::new().image(RUN, &old()).image("middle:1", &middle).image("registry.example/run:2", &next);
    let environment = place(bases, &app);
    let (status, platform) = show(&environment);
    assert_eq!((status, &platform["base"]), (0, &json!("bases:middle:1")), "{platform:#}");
    let result = run(&environment, &ONTO, "out", "app:2");
    result.expect_layers(&[&b(3), &b(4), &a(1), &a(5), &a(9)]);
    assert_eq!(result.config["config"]["Labels"][METADATA], metadata(&b(4), ""));
}

#[test]
fn an_image_that_is_not_rebasable_is_not_rebased() {
    let app = built(&by_digest()).with("Labels", json!({METADATA: by_digest(), REBASABLE: "false"}));
    let environment = place(Layout::new().image(RUN, &old()).image("registry.example/run:2", &new()), &app);
    let before = snapshot(environment.path());
    environment.refused(&ONTO, "base.not_rebasable", 4);
    assert_eq!(snapshot(environment.path()), before);
    // It may be looked at.
    assert_eq!(show(&environment).0, 0);
    let from = format!("bases:{RUN}");
    for (number, more) in [["--from", from.as_str()], ["--seam-layers", "2"]].iter().enumerate() {
        let out = format!("out{number}");
        let output = format!("{out}:app:2");
        let arguments = [&ONTO[..7], &[output.as_str()], &more[..]].concat();
        run(&environment, &arguments, &out, "app:2").expect_layers(&[&b(3), &b(4), &a(1), &a(2)]);
    }
    let willing = app.with("Labels", json!({METADATA: by_digest(), REBASABLE: "true"}));
    let environment = place(Layout::new().image(RUN, &old()).image("registry.example/run:2", &new()), &willing);
    let _ = run(&environment, &ONTO, "out", "app:2");
}
