//! `airbase base show|verify|set|dependents`, `airbase outdated`, and what `airbase inspect` says about bases.

use serde_json::{Value, json};

use crate::support::environment::snapshot;
use crate::support::image::{Compression, INDEX, Layer, MANIFEST, ReadBack, digest};
use crate::support::story::{codes, run};
use crate::support::{Environment, Image, Layout, layer};

const NAME: &str = "org.opencontainers.image.base.name";
const DIGEST: &str = "org.opencontainers.image.base.digest";

fn b(number: usize) -> Layer {
    layer(&[&format!("base/{number}=1")])
}

fn a(number: usize) -> Layer {
    layer(&[&format!("app/{number}=1")])
}

/// The old base of most examples: two layers.
fn old() -> Image {
    Image::of(&[&b(1), &b(2)]).with("Env", json!(["LEVEL=1"]))
}

/// Its successor.
fn new() -> Image {
    Image::of(&[&b(3)]).with("Env", json!(["LEVEL=2"]))
}

/// An app on the old base that does not say so.
fn app() -> Image {
    old().and(&[&a(1)])
}

/// A place with the layouts `bases` and `apps` (`app:1`).
fn place(bases: Layout, app: &Image) -> Environment {
    let environment = Environment::new();
    bases.write(&environment.join("bases"));
    Layout::new().image("app:1", app).write(&environment.join("apps"));
    environment
}

const SHOW: [&str; 5] = ["base", "show", "apps:app:1", "--bases", "bases"];

/// `base show`: the exit status and what it says about the only platform.
fn show(environment: &Environment, more: &[&str]) -> (i32, Value) {
    let (status, report) = environment.json(&[&SHOW[..], more].concat());
    assert_eq!(report["schema"], "airbase.base-show/v1");
    (status, report["platforms"][0].clone())
}

/// The evidence as `(clue, outcome)`.
fn evidence(platform: &Value) -> Vec<(&str, &str)> {
    let evidence = platform["evidence"].as_array().unwrap();
    evidence.iter().map(|evidence| (evidence["clue"].as_str().unwrap(), evidence["outcome"].as_str().unwrap())).collect()
}

// base show: what the image says.

#[test]
fn an_annotation_may_name_the_platforms_manifest() {
    let bases = Layout::new().image("os:1", &old()).image("os:2", &new());
    let environment = place(bases, &app().annotated(NAME, "os:2").annotated(DIGEST, &old().digest()));
    let (status, platform) = show(&environment, &[]);
    assert_eq!(status, 0);
    assert_eq!((&platform["base"], &platform["baseManifest"]), (&json!("bases:os:1"), &json!(old().digest())));
    assert_eq!((&platform["baseLayers"], &platform["layers"]), (&json!(2), &json!(3)));
    assert_eq!(evidence(&platform), [("manifest-annotation", "proven"), ("catalogue", "proven")]);
    assert_eq!(platform["evidence"][0]["proofs"], json!(["same-blob", "same-blob"]));
}

/// The specification means the index where the base has one.
#[test]
fn an_annotation_may_name_the_index() {
    let bases = Layout::new().index("os:1", &[&old(), &old().platform("arm64")], json!({}));
    let index = bases.digest_of("os:1");
    let environment = place(bases, &app().annotated(NAME, "os:1").annotated(DIGEST, &index));
    let (status, platform) = show(&environment, &[]);
    assert_eq!((status, &platform["base"], &platform["baseManifest"]), (0, &json!("bases:os:1"), &json!(old().digest())));
    assert_eq!(platform["evidence"][0]["digest"], index);
}

/// A manifest that no index lists any more (its tag moved on) is found by its digest.
#[test]
fn an_annotation_may_name_a_manifest_that_nothing_lists() {
    let mut bases = Layout::new().image("os:1", &new());
    bases.store(&old());
    let environment = place(bases, &app().annotated(NAME, "os:1").annotated(DIGEST, &old().digest()));
    let (status, platform) = show(&environment, &[]);
    assert_eq!((status, &platform["baseManifest"]), (0, &json!(old().digest())));
    assert_eq!(evidence(&platform), [("manifest-annotation", "proven")]);
}

/// buildah writes empty annotations for an image from scratch.
#[test]
fn empty_annotations_say_nothing() {
    let environment = place(Layout::new().image("os:1", &old()), &app().annotated(NAME, "").annotated(DIGEST, ""));
    let (status, platform) = show(&environment, &[]);
    assert_eq!((status, evidence(&platform)), (0, vec![("catalogue", "proven")]));
}

/// The .NET SDK writes the keys as labels.
#[test]
fn a_label_may_name_the_base() {
    let app = app().with("Labels", json!({NAME: "os:1", DIGEST: old().digest()}));
    let (status, platform) = show(&place(Layout::new().image("os:1", &old()), &app), &[]);
    assert_eq!((status, evidence(&platform)), (0, vec![("label", "proven"), ("catalogue", "proven")]));
}

/// Every builder hands labels down. A label that the base has too names the base of the base.
#[test]
fn a_label_that_was_inherited_is_the_bases_own() {
    let distribution = Image::of(&[&b(1)]);
    let labels = json!({NAME: "distribution:1", DIGEST: distribution.digest()});
    let runtime = distribution.and(&[&b(2)]).with("Labels", labels);
    let app = runtime.and(&[&a(1)]);
    let bases = Layout::new().image("distribution:1", &distribution).image("runtime:1", &runtime).image("runtime:2", &new());
    let environment = place(bases, &app);
    let (status, platform) = show(&environment, &[]);
    assert_eq!((status, &platform["base"], &platform["baseLayers"]), (0, &json!("bases:runtime:1"), &json!(2)));

    let arguments = ["rebase", "apps:app:1", "--bases", "bases", "--onto", "bases:runtime:2", "-o", "out:app:2"];
    run(&environment, &arguments, "out", "app:2").expect_layers(&[&b(3), &a(1)]);
}

/// A label of the app's own is brought up to date, as the annotations are, so that it holds the next time.
#[test]
fn a_label_that_names_the_base_follows_a_rebase() {
    let labels = json!({NAME: "os:1", DIGEST: old().digest(), "other": "kept"});
    let environment = place(Layout::new().image("os:1", &old()).image("os:2", &new()), &app().with("Labels", labels));

    let arguments = ["rebase", "apps:app:1", "--bases", "bases", "--onto", "bases:os:2", "-o", "out:app:2"];
    let result = run(&environment, &arguments, "out", "app:2");

    assert_eq!(result.config["config"]["Labels"], json!({NAME: "os:2", DIGEST: new().digest(), "other": "kept"}));
    assert_eq!(result.report["platforms"][0]["clue"], "label");
    let back = ["rebase", "out:app:2", "--bases", "bases", "--onto", "bases:os:1", "-o", "back:app:3"];
    let result = run(&environment, &back, "back", "app:3");
    assert_eq!(result.config["config"]["Labels"][DIGEST], old().digest());
    result.expect_layers(&[&b(1), &b(2), &a(1)]);
}

#[test]
fn the_annotations_of_the_index_count_after_those_of_the_manifest() {
    let environment = Environment::new();
    let bases = Layout::new().image("os:1", &old());
    bases.write(&environment.join("bases"));
    let app = app().annotated(DIGEST, &old().digest());
    let more = json!({"annotations": {NAME: "os:1", DIGEST: bases.digest_of("os:1")}});
    Layout::new().index("app:1", &[&app], more).write(&environment.join("apps"));
    let (status, platform) = show(&environment, &[]);
    assert_eq!(status, 0);
    assert_eq!(evidence(&platform), [("manifest-annotation", "proven"), ("index-annotation", "proven"), ("catalogue", "proven")]);
}

/// zarf writes the image's own name under `base.name` on the descriptors of `index.json`. That is no claim about a base.
#[test]
fn annotations_of_the_descriptor_do_not_count() {
    let environment = Environment::new();
    Layout::new().image("os:1", &old()).image("app:1", &new()).write(&environment.join("bases"));
    let mut apps = Layout::new().image("app:1", &app());
    apps.entries[0]["annotations"][NAME] = json!("app:1");
    apps.entries[0]["annotations"][DIGEST] = json!(new().digest());
    apps.write(&environment.join("apps"));
    let (status, platform) = show(&environment, &[]);
    assert_eq!((status, &platform["base"], evidence(&platform)), (0, &json!("bases:os:1"), vec![("catalogue", "proven")]));
}

#[test]
fn a_digest_that_is_none_is_told_and_not_used() {
    let environment = place(Layout::new().image("os:1", &old()), &app().annotated(DIGEST, "sha256:latest"));
    let (status, platform) = show(&environment, &[]);
    assert_eq!((status, evidence(&platform)), (0, vec![("manifest-annotation", "unresolved"), ("catalogue", "proven")]));
    assert_eq!(platform["evidence"][0]["reason"], "the recorded digest is not a digest");
}

// base show: what the layers say.

/// Three generations that were built on one another: the longest one is the base, the others are its bases.
#[test]
fn the_longest_prefix_is_the_base() {
    let distribution = Image::of(&[&b(1)]);
    let runtime = distribution.and(&[&b(2)]);
    let middleware = runtime.and(&[&b(3)]);
    let app = middleware.and(&[&a(1), &a(2)]);
    // Listed in an order that decides nothing; two that only look like it.
    let bases = Layout::new()
        .image("runtime:1", &runtime)
        .image("other:1", &Image::of(&[&b(1), &b(3)]))
        .image("middleware:1", &middleware)
        .image("longer:1", &app.and(&[&a(3)]))
        .image("distribution:1", &distribution);
    let (status, platform) = show(&place(bases, &app), &[]);
    assert_eq!((status, &platform["base"], &platform["baseLayers"]), (0, &json!("bases:middleware:1"), &json!(3)));
    let references: Vec<_> =
        platform["evidence"].as_array().unwrap().iter().map(|evidence| evidence["reference"].as_str().unwrap()).collect();
    assert_eq!(references, ["bases:middleware:1", "bases:runtime:1", "bases:distribution:1"]);
}

#[test]
fn a_recompressed_base_is_found_by_its_diff_ids() {
    let recompressed = Image::of(&[&b(1).compressed(Compression::Zstd), &b(2).compressed(Compression::GzipAgain)]);
    let (status, platform) = show(&place(Layout::new().image("os:1", &recompressed), &app()), &[]);
    // Reading verbs inflate nothing, and say so; proven is only what was hashed.
    assert_eq!((status, &platform["base"], &platform["proof"]), (1, &json!("bases:os:1"), &json!("claimed")));
    assert_eq!(platform["evidence"][0]["proofs"], json!(["same-diff-id-claimed", "same-diff-id-claimed"]));
    let (status, platform) = show(&place(Layout::new().image("os:1", &recompressed), &app()), &["--verify", "digest"]);
    assert_eq!((status, &platform["proof"]), (0, &json!("proven")));
    let text = place(Layout::new().image("os:1", &recompressed), &app()).run(&SHOW).out;
    assert!(text.contains("2 of 2 layers match (2 other compression, same diffID claimed)"), "{text}");
}

#[test]
fn an_unknown_base_comes_with_the_nearest_image() {
    let bases = Layout::new().image("other:1", &Image::of(&[&b(1), &b(9)])).image("far:1", &new());
    let environment = place(bases, &app());
    let (status, platform) = show(&environment, &[]);
    assert_eq!((status, platform.get("base"), &platform["baseLayers"]), (1, None, &json!(0)));
    assert_eq!(platform["findings"][0]["code"], "base.unknown");
    assert_eq!(platform["findings"][0]["details"], json!(["nearest local image: bases:other:1, matched 1 of 2 layers"]));
}

/// The annotation leads to an image that is here and has other layers: nobody is believed.
#[test]
fn an_annotation_that_the_layers_refute_is_a_conflict() {
    let bases = Layout::new().image("os:1", &old()).image("os:2", &new());
    let environment = place(bases, &app().annotated(NAME, "os:2").annotated(DIGEST, &new().digest()));
    let (status, platform) = show(&environment, &[]);
    assert_eq!((status, platform.get("base")), (1, None));
    assert_eq!(evidence(&platform), [("manifest-annotation", "refuted"), ("catalogue", "proven")]);
    assert_eq!(codes(&platform["findings"]), ["base.conflict"]);
    assert_eq!(
        platform["evidence"][0]["firstDifference"],
        json!({
            "layer": 0,
            "image": {"digest": b(1).digest(), "diffId": b(1).diff_id()},
            "base": {"digest": b(3).digest(), "diffId": b(3).diff_id()},
        })
    );

    let rebase = ["rebase", "apps:app:1", "--bases", "bases", "--onto", "bases:os:2", "-o", "out:app:2"];
    let before = snapshot(environment.path());
    let outcome = environment.refused(&rebase, "base.conflict", 4);
    for part in ["matched 0 of 1 layers", "the layers prove bases:os:1", "--from bases:os:1", &b(1).diff_id(), &b(3).diff_id()] {
        assert!(outcome.err.contains(part), "{part}\n{}", outcome.err);
    }
    assert_eq!(snapshot(environment.path()), before);
    // The hint works.
    let _ = environment.ok(&[&rebase[..], &["--from", "bases:os:1"]].concat());
}

/// A name without a digest leads to today's image, and names move on: that refutes nothing.
#[test]
fn a_name_that_moved_on_is_no_conflict() {
    let bases = Layout::new().image("os:1", &new()).image("os:1-20240101", &old());
    let environment = place(bases, &app().annotated(NAME, "os:1"));
    let (status, platform) = show(&environment, &[]);
    assert_eq!((status, &platform["base"], &platform["rule"]), (0, &json!("bases:os:1-20240101"), &json!("edition")));
    assert_eq!(evidence(&platform), [("manifest-annotation", "name-moved"), ("catalogue", "proven")]);
    assert_eq!(codes(&platform["findings"]), [""; 0]);
}

/// Equal layers, other settings: the merge would come out differently, so a person decides.
#[test]
fn bases_that_differ_in_settings_only_are_ambiguous() {
    let without_history = |level: &str| old().with("Env", json!([level])).with_top("history", Value::Null);
    let bases = Layout::new().image("one:1", &without_history("LEVEL=1")).image("two:1", &without_history("LEVEL=2"));
    let environment = place(bases, &app());
    let (status, platform) = show(&environment, &[]);
    assert_eq!((status, codes(&platform["findings"])), (1, vec!["base.ambiguous"]));
    assert_eq!(platform["findings"][0]["details"], json!(["bases:one:1", "bases:two:1"]));
    let rebase = ["rebase", "apps:app:1", "--bases", "bases", "--onto", "bases:one:1", "-o", "out:app:2"];
    let outcome = environment.refused(&rebase, "base.ambiguous", 4);
    assert!(
        outcome.err.contains("bases:one:1") && outcome.err.contains("bases:two:1") && outcome.err.contains("--from"),
        "{}",
        outcome.err
    );
}

/// The history of the app begins with that of one of them.
#[test]
fn history_decides_between_bases_with_equal_layers() {
    let built = |by: &str| json!([{"created_by": "b1"}, {"created_by": "b2"}, {"created_by": by, "empty_layer": true}]);
    let mut history = built("ENV LEVEL=2");
    history.as_array_mut().unwrap().push(json!({"created_by": "COPY app"}));
    let bases = Layout::new()
        .image("one:1", &old().with("Env", json!(["LEVEL=1"])).with_top("history", built("ENV LEVEL=1")))
        .image("two:1", &old().with("Env", json!(["LEVEL=2"])).with_top("history", built("ENV LEVEL=2")));
    let (status, platform) = show(&place(bases, &app().with_top("history", history)), &[]);
    assert_eq!((status, &platform["base"]), (0, &json!("bases:two:1")));
}

/// Two sources call different images by the same name.
#[test]
fn an_ambiguous_name_is_decided_by_a_rule() {
    let environment = Environment::new();
    Layout::new().image("registry.example/os:1", &old()).write(&environment.join("past"));
    Layout::new().image("registry.example/os:2", &new()).write(&environment.join("east"));
    let west = Image::of(&[&b(4)]);
    Layout::new().image("registry.example/os:2", &west).write(&environment.join("west"));
    let app = app().annotated(NAME, "registry.example/os:2").annotated(DIGEST, &old().digest());
    Layout::new().image("app:1", &app).write(&environment.join("apps"));
    let rebase = ["rebase", "apps:app:1", "--bases", "past", "--bases", "east", "--bases", "west", "-o", "out:app:2"];

    let outcome = environment.refused(&rebase, "base.ambiguous", 4);
    for part in ["east:registry.example/os:2", "west:registry.example/os:2", &new().digest(), &west.digest(), "--map"] {
        assert!(outcome.err.contains(part), "{part}\n{}", outcome.err);
    }
    let outdated = ["outdated", "apps", "--bases", "past", "--bases", "east", "--bases", "west"];
    let (status, report) = environment.json(&outdated);
    assert_eq!((status, &report["items"][0]["standing"]), (1, &json!("unknown")));
    assert!(report["items"][0]["reason"].as_str().unwrap().contains("names different local images"), "{report:#}");

    let rule = ["--map", "registry.example/*=west:registry.example/{match}"];
    let (status, report) = environment.json(&[&rebase[..], &rule].concat());
    assert_eq!((status, &report["platforms"][0]["newBase"]["manifest"]), (0, &json!(west.digest())));
    let (status, report) = environment.json(&[&outdated[..], &rule].concat());
    assert_eq!((status, &report["items"][0]["newerManifest"]), (1, &json!(west.digest())));
}

#[test]
fn signatures_of_the_base_are_told_and_not_verified() {
    let signature = Image::of(&[&layer(&["signature=1"])]);
    let tag = old().digest().replace(':', "-") + ".sig";
    let environment = place(Layout::new().image("os:1", &old()).image(&tag, &signature), &app());
    let (status, platform) = show(&environment, &[]);
    assert_eq!((status, codes(&platform["findings"])), (0, vec!["base.signature_present"]));
    assert_eq!(platform["findings"][0]["found"]["value"], json!(signature.digest()));
}

// base verify.

#[test]
fn verify_proves_or_shows_the_first_layer_that_differs() {
    let bases = Layout::new().image("os:1", &old()).image("near:1", &Image::of(&[&b(1), &b(9)])).image("empty:1", &Image::of(&[]));
    let environment = place(bases, &app());
    let verify = |base: &str| environment.json(&["base", "verify", "apps:app:1", "--base", base]);

    let (status, report) = verify("bases:os:1");
    assert_eq!((status, &report["schema"], &report["proven"]), (0, &json!("airbase.base-verify/v1"), &json!(true)));
    assert_eq!(report["platforms"][0]["evidence"][0]["proofs"], json!(["same-blob", "same-blob"]));

    let (status, report) = verify("bases:near:1");
    assert_eq!((status, &report["proven"]), (1, &json!(false)));
    let evidence = &report["platforms"][0]["evidence"][0];
    assert_eq!((&evidence["matched"], &evidence["of"]), (&json!(1), &json!(2)));
    assert_eq!(evidence["firstDifference"]["image"], json!({"digest": b(2).digest(), "diffId": b(2).diff_id()}));
    assert_eq!(evidence["firstDifference"]["base"], json!({"digest": b(9).digest(), "diffId": b(9).diff_id()}));
    let text = environment.run(&["base", "verify", "apps:app:1", "--base", "bases:near:1"]).out;
    for part in ["not proven", "matched 1 of 2 layers", &b(2).digest(), &b(9).digest()] {
        assert!(text.contains(part), "{part}\n{text}");
    }

    let (status, report) = verify("bases:empty:1");
    assert_eq!((status, &report["proven"], codes(&report["platforms"][0]["findings"])), (1, &json!(false), vec!["base.empty"]));
}

#[test]
fn every_platform_must_stand_on_the_base() {
    let environment = Environment::new();
    let arm = |image: Image| image.platform("arm64");
    Layout::new().index("app:1", &[&app(), &arm(app())], json!({})).write(&environment.join("apps"));
    Layout::new()
        .index("both:1", &[&old(), &arm(old())], json!({}))
        .index("one:1", &[&old()], json!({}))
        .index("wrong:1", &[&old(), &arm(new())], json!({}))
        .write(&environment.join("bases"));
    let verify = |base: &str, more: &[&str]| environment.json(&[&["base", "verify", "apps:app:1", "--base", base], more].concat());
    assert_eq!(verify("bases:both:1", &[]).0, 0);
    let (status, report) = verify("bases:one:1", &[]);
    assert_eq!((status, &report["proven"], codes(&report["findings"])), (1, &json!(false), vec!["platform.missing"]));
    assert_eq!(verify("bases:one:1", &["--platform", "linux/amd64"]).0, 0);
    assert_eq!(verify("bases:wrong:1", &[]).0, 1);
}

// base set.

#[test]
fn set_records_a_base_that_is_proven() {
    let bases = Layout::new().index("registry.example/os:1", &[&old(), &old().platform("arm64")], json!({}));
    let index = bases.digest_of("registry.example/os:1");
    let environment = place(bases, &app().annotated("org.example.own", "kept"));

    let arguments = ["base", "set", "apps:app:1", "--base", "bases:registry.example/os:1", "--tag", "app:marked"];
    let (status, report) = environment.json(&arguments);

    assert_eq!(status, 0, "{report:#}");
    let apps = ReadBack::open(&environment.join("apps"));
    let (before, after) = (apps.named("app:1"), apps.named("app:marked"));
    assert_eq!((&after["config"], &after["layers"]), (&before["config"], &before["layers"]));
    assert_eq!(
        after["annotations"],
        json!({
            "org.example.own": "kept", NAME: "registry.example/os:1", DIGEST: index,
            "dev.airbase.base.manifest.digest": old().digest(), "dev.airbase.base.layers": "2",
        })
    );
    assert_eq!(report["result"], digest(&apps.bytes_of("app:marked")));
    // And what is recorded holds.
    let (status, report) = environment.json(&["base", "show", "apps:app:marked", "--bases", "bases"]);
    assert_eq!((status, evidence(&report["platforms"][0])[0]), (0, ("manifest-annotation", "proven")));
}

#[test]
fn set_records_the_base_of_every_platform() {
    let environment = Environment::new();
    let arm = |image: Image| image.platform("arm64");
    let bases = Layout::new().index("registry.example/os:1", &[&arm(old()), &old()], json!({}));
    bases.write(&environment.join("bases"));
    Layout::new().index("app:1", &[&app(), &arm(app())], json!({"org.example.unknown": 1})).write(&environment.join("apps"));
    let _ = environment.ok(&["base", "set", "apps:app:1", "--base", "bases:registry.example/os:1", "-o", "out:app:2"]);
    let out = ReadBack::open(&environment.join("out"));
    let index = out.named("app:2");
    assert_eq!(index["org.example.unknown"], 1);
    assert_eq!(index["annotations"][DIGEST], bases.digest_of("registry.example/os:1"));
    for (entry, base) in index["manifests"].as_array().unwrap().iter().zip([old(), arm(old())]) {
        let annotations = &out.json(entry["digest"].as_str().unwrap())["annotations"];
        assert_eq!(annotations["dev.airbase.base.manifest.digest"], base.digest());
        assert_eq!(annotations[DIGEST], bases.digest_of("registry.example/os:1"));
    }
}

#[test]
fn set_refuses_what_is_not_the_base_and_writes_nothing() {
    let bases = Layout::new().image("os:2", &new()).image("empty:1", &Image::of(&[]));
    let environment = place(bases, &app());
    let before = snapshot(environment.path());
    for base in ["bases:os:2", "bases:empty:1"] {
        let outcome = environment.refused(&["base", "set", "apps:app:1", "--base", base, "--tag", "app:1"], "base.mismatch", 4);
        assert!(outcome.err.contains(base), "{}", outcome.err);
        assert_eq!(snapshot(environment.path()), before);
    }
}

/// A label can be wrong and cannot be corrected without another config. What was recorded after a proof counts more, and the
/// label is told.
#[test]
fn set_overrules_a_label_that_is_wrong() {
    let bases = Layout::new().image("os:1", &old()).image("os:2", &new());
    let environment = place(bases, &app().with("Labels", json!({DIGEST: new().digest()})));
    assert_eq!(show(&environment, &[]).0, 1);
    let _ = environment.ok(&["base", "set", "apps:app:1", "--base", "bases:os:1", "--tag", "app:1"]);
    let (status, platform) = show(&environment, &[]);
    assert_eq!((status, &platform["base"]), (0, &json!("bases:os:1")));
    assert_eq!(evidence(&platform)[..2], [("manifest-annotation", "proven"), ("label", "refuted")]);
    assert_eq!(codes(&platform["findings"]), ["base.conflict"]);
    assert_eq!(platform["findings"][0]["severity"], "warning");
    // The same when it is moved.
    let arguments = ["rebase", "apps:app:1", "--bases", "bases", "--onto", "bases:os:2", "-o", "out:app:2"];
    let result = run(&environment, &arguments, "out", "app:2");
    result.expect_layers(&[&b(3), &a(1)]);
    assert_eq!(result.codes(), ["base.conflict"]);
}

// base dependents.

#[test]
fn dependents_are_all_images_on_a_base() {
    let environment = Environment::new();
    // Another edition of the base has its layers, and does not stand on it.
    let edition = old().with("Env", json!(["LEVEL=1.1"]));
    Layout::new().image("os:1", &old()).image("os:1.1", &edition).image("os:2", &new()).write(&environment.join("bases"));
    let recompressed = Image::of(&[&b(1).compressed(Compression::Zstd), &b(2)]).and(&[&a(2), &a(3)]);
    Layout::new().image("app:1", &app()).image("other:1", &new().and(&[&a(1)])).write(&environment.join("apps/one"));
    Layout::new().image("app:2", &recompressed).write_archive(&environment.join("apps/two.tar"));
    Layout::new().image("app:3", &app().platform("arm64")).write_archive(&environment.join("apps/three.tar"));

    let (status, report) = environment.json(&["base", "dependents", "bases:os:1", "apps", "bases"]);

    assert_eq!((status, &report["schema"]), (0, &json!("airbase.base-dependents/v1")));
    let found: Vec<(&str, u64)> = report["dependents"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| (item["image"].as_str().unwrap(), item["ownLayers"].as_u64().unwrap()))
        .collect();
    // Neither the image for another platform nor the base itself.
    assert_eq!(found, [("apps/one:app:1", 1), ("apps/two.tar:app:2", 2)]);
    assert_eq!(report["compared"], 7);
    let (status, report) = environment.json(&["base", "dependents", "bases:os:2", "apps/two.tar"]);
    assert_eq!((status, &report["dependents"]), (0, &json!([])));
}

// outdated.

#[test]
fn outdated_says_of_every_image_where_it_stands_and_why() {
    let environment = Environment::new();
    let bases = Layout::new()
        .image("registry.example/os:1", &new())
        .image("registry.example/os:1-old", &old())
        .image("registry.example/arm:1", &new().platform("arm64"));
    bases.write(&environment.join("bases"));
    let named = |image: Image, name: &str, base: &Image| image.annotated(NAME, name).annotated(DIGEST, &base.digest());
    Layout::new()
        .image("current:1", &named(new().and(&[&a(1)]), "registry.example/os:1", &new()))
        .image("outdated:1", &named(app(), "registry.example/os:1", &old()))
        .image("gone:1", &named(app(), "registry.example/gone:1", &old()))
        .image("arm:1", &named(app(), "registry.example/arm:1", &old()))
        .image("nobody:1", &Image::of(&[&a(7)]))
        .image("refuted:1", &named(app(), "registry.example/os:1", &new()))
        .write(&environment.join("apps"));

    let (status, report) = environment.json(&["outdated", "apps", "--bases", "bases"]);

    assert_eq!((status, &report["schema"]), (1, &json!("airbase.outdated/v1")));
    assert_eq!((&report["current"], &report["outdated"], &report["unknown"]), (&json!(1), &json!(1), &json!(4)));
    let item = |image: &str| {
        let items = report["items"].as_array().unwrap();
        items.iter().find(|item| item["image"] == format!("apps:{image}")).unwrap_or_else(|| panic!("{image} in {report:#}"))
    };
    assert_eq!(item("current:1")["standing"], "current");
    let outdated = item("outdated:1");
    assert_eq!(outdated["standing"], "outdated");
    assert_eq!((&outdated["baseManifest"], &outdated["newerManifest"]), (&json!(old().digest()), &json!(new().digest())));
    assert_eq!(
        (&outdated["baseName"], &outdated["newerReference"]),
        (&json!("registry.example/os:1"), &json!("bases:registry.example/os:1"))
    );
    // The digest is that of a base that is called otherwise here, and so it is told, with the rule that settles it.
    let renamed = |name: &str| {
        let here = "bases:registry.example/os:1-old";
        format!(
            "the base with the digest that the image records is here under another name than the image gives it. If {here} is its base, \
             and {name} means {here} now: --map '{name}={here}'"
        )
    };
    for (image, reason) in [
        ("gone:1", &*renamed("registry.example/gone:1")),
        ("arm:1", &renamed("registry.example/arm:1")),
        ("nobody:1", "no local image is its base, and it names none"),
        ("refuted:1", "the image names a base that its layers refute"),
    ] {
        assert_eq!((&item(image)["standing"], &item(image)["reason"]), (&json!("unknown"), &json!(reason)), "{image}");
    }
    let text = environment.run(&["outdated", "apps", "--bases", "bases"]).out;
    assert!(text.contains("1 current, 1 outdated, 4 unknown"), "{text}");

    // Nothing but current images: a gate lets that pass.
    let (status, _) = environment.json(&["outdated", "apps:current:1", "--bases", "bases"]);
    assert_eq!(status, 0);
}

/// A folder that holds its bases too can pass the gate: what others stand on is the ground. What nobody stands on may be an app
/// whose base is missing, and does not pass.
#[test]
fn outdated_knows_the_bases_among_the_images() {
    let environment = Environment::new();
    let app = new().and(&[&a(1)]);
    Layout::new().image("os:1", &new()).image("app:1", &app).write(&environment.join("all"));
    let (status, report) = environment.json(&["outdated", "all", "--bases", "all"]);
    assert_eq!((status, &report["bases"], &report["current"]), (0, &json!(1), &json!(1)), "{report:#}");
    Layout::new().image("os:1", &new()).image("app:1", &app).image("lost:1", &Image::of(&[&a(7)])).write(&environment.join("more"));
    let (status, report) = environment.json(&["outdated", "more", "--bases", "more"]);
    assert_eq!((status, &report["bases"], &report["unknown"]), (1, &json!(1), &json!(1)), "{report:#}");
}

/// An image without annotations follows the name that its base has here.
#[test]
fn outdated_needs_no_annotation() {
    let environment = Environment::new();
    // The tag moved on; the old manifest is still an entry, without a name.
    Layout::new().image("", &old()).image("os:1", &new()).write(&environment.join("moved"));
    Layout::new().image("os:1", &old()).write(&environment.join("still"));
    Layout::new().image("app:1", &app()).write(&environment.join("apps"));
    let (status, report) = environment.json(&["outdated", "apps", "--bases", "moved"]);
    assert_eq!((status, &report["items"][0]["reason"]), (1, &json!("its base has no name to look for")));
    let (status, report) = environment.json(&["outdated", "apps", "--bases", "still"]);
    assert_eq!((status, &report["items"][0]["standing"]), (0, &json!("current")));
}

// inspect.

#[test]
fn inspect_tells_what_is_the_images_own_and_what_it_inherited() {
    let (title, version, vendor) =
        ("org.opencontainers.image.title", "org.opencontainers.image.version", "org.opencontainers.image.vendor");
    let base = old().with("Labels", json!({title: "Distribution", version: "12", vendor: "Distributor"}));
    let app =
        base.and(&[&a(1)]).with("Labels", json!({title: "Application", version: "12", vendor: "Distributor"})).annotated(vendor, "Us");
    let environment = place(Layout::new().image("os:1", &base), &app);
    let identity = |more: &[&str]| {
        let (status, report) = environment.json(&[&["inspect", "apps:app:1"], more].concat());
        assert_eq!(status, 0, "{report:#}");
        let image = report["sources"][0]["entries"][0]["images"][0].clone();
        let facts: Vec<(String, String, String)> = image["identity"]
            .as_array()
            .unwrap()
            .iter()
            .map(|fact| {
                let text = |key: &str| fact[key].as_str().unwrap().to_owned();
                (text("field"), text("value"), text("owner"))
            })
            .collect();
        (facts, image)
    };
    let fact = |field: &str, value: &str, owner: &str| (field.to_owned(), value.to_owned(), owner.to_owned());

    // The version of the distribution is not the version of the application.
    let (facts, image) = identity(&["--bases", "bases"]);
    assert_eq!(facts, [fact("title", "Application", "own"), fact("version", "12", "inherited"), fact("supplier", "Us", "own")]);
    assert_eq!((&image["base"]["reference"], &image["base"]["layers"]), (&json!("bases:os:1"), &json!(2)));
    assert_eq!(image["base"]["manifest"], base.digest());

    let (facts, image) = identity(&[]);
    assert!(facts.iter().all(|(_, _, owner)| owner == "unknown"), "{facts:?}");
    assert_eq!(image.get("base"), None);
}

/// Statements on the life cycle, as clients leave them in layouts: an untagged entry with a subject (oras), and an index under
/// the fallback tag (regctl).
#[test]
fn inspect_shows_lifecycle_referrers() {
    let image = app();
    let statement = |note: &str| {
        let empty = b"{}";
        json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": "application/vnd.example.lifecycle.v1",
            "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": digest(empty), "size": empty.len()},
            "layers": [{"mediaType": "application/vnd.oci.empty.v1+json", "digest": digest(empty), "size": empty.len()}],
            "subject": {"mediaType": MANIFEST, "digest": image.digest(), "size": image.manifest_bytes().len()},
            "annotations": {"vnd.example.lifecycle.end-of-life": note},
        })
    };
    let mut layout = Layout::new().image("app:1", &image);
    layout.blob(b"{}");
    let mut stored = |note: &str| {
        let bytes = serde_json::to_vec(&statement(note)).unwrap();
        let digest = layout.blob(&bytes);
        json!({"mediaType": MANIFEST, "digest": digest, "size": bytes.len(), "artifactType": "application/vnd.example.lifecycle.v1",
               "annotations": {"vnd.example.lifecycle.end-of-life": note}})
    };
    let (first, second) = (stored("2025-01-01"), stored("2026-01-01"));
    let fallback = serde_json::to_vec(&json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [second]})).unwrap();
    let fallback_digest = layout.blob(&fallback);
    layout.entry("", first.clone());
    layout.entry(&image.digest().replace(':', "-"), json!({"mediaType": INDEX, "digest": fallback_digest, "size": fallback.len()}));
    let environment = Environment::new();
    layout.write(&environment.join("apps"));

    for arguments in [&["inspect", "apps"][..], &["inspect", "apps:app:1"]] {
        let (status, report) = environment.json(arguments);
        assert_eq!(status, 0, "{report:#}");
        let entry = &report["sources"][0]["entries"][0];
        assert_eq!(entry["names"], json!(["app:1"]));
        let found: Vec<_> = entry["referrers"]
            .as_array()
            .unwrap()
            .iter()
            .map(|referrer| (&referrer["digest"], referrer["lifecycle"].as_bool().unwrap(), referrer["foundBy"].as_str().unwrap()))
            .collect();
        assert_eq!(found, [(&first["digest"], true, "subject"), (&second["digest"], true, "fallback-tag")]);
    }
    let text = environment.ok(&["inspect", "apps"]).out;
    assert!(text.contains("vnd.example.lifecycle.end-of-life=2025-01-01"), "{text}");
    assert!(text.contains("2 entries not shown"), "{text}");
}
