//! What builders leave behind about the base of an image: the labels of Cloud Native Buildpacks, the provenance of BuildKit.

use serde_json::{Value, json};

use crate::support::environment::snapshot;
use crate::support::image::{CONFIG, INDEX, Layer, MANIFEST, digest};
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
        // A mirror of the old run image has the old one.
        .replace(r#","mirrors":["m.example/run:1"]"#, "")
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
    assert_eq!(label["runImage"], json!({"topLayer": b(4).diff_id()}));
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

// BuildKit's provenance.

/// What went into a build: a package URL, and the image that it was.
type Materials<'a> = &'a [(&'a str, &'a Image)];

fn listed(materials: Materials<'_>) -> Vec<Value> {
    materials.iter().map(|(uri, image)| json!({"uri": uri, "digest": {"sha256": image.digest()["sha256:".len()..]}})).collect()
}

/// Provenance v0.2 with nothing but the materials, as mode `min` writes it.
fn first(materials: Materials<'_>) -> Value {
    json!({"_type": "https://in-toto.io/Statement/v0.1", "predicateType": "https://slsa.dev/provenance/v0.2", "subject": [],
           "predicate": {"buildType": "https://mobyproject.org/buildkit@v1", "materials": listed(materials)}})
}

/// Provenance v1.
fn second(materials: Materials<'_>) -> Value {
    json!({"_type": "https://in-toto.io/Statement/v0.1", "predicateType": "https://slsa.dev/provenance/v1", "subject": [],
           "predicate": {"buildDefinition": {"resolvedDependencies": listed(materials)}, "runDetails": {"builder": {"id": ""}}}})
}

#[derive(Debug, Clone, Copy)]
enum Form {
    /// An image for `unknown/unknown`, and the index says of whom it speaks.
    Old,
    /// An artifact with a subject.
    New,
}

/// A layout with an index `app:1` of the image and its attestation.
fn attested(app: &Image, form: Form, statements: &[Value]) -> Layout {
    let mut layout = Layout::new();
    let entry = layout.store(app);
    let layers: Vec<Value> = statements
        .iter()
        .map(|statement| {
            let bytes = serde_json::to_vec(statement).unwrap();
            json!({"mediaType": "application/vnd.in-toto+json", "digest": layout.blob(&bytes), "size": bytes.len(),
                   "annotations": {"in-toto.io/predicate-type": statement["predicateType"]}})
        })
        .collect();
    let config = match form {
        Form::Old => serde_json::to_vec(&json!({"architecture": "unknown", "os": "unknown", "config": {},
            "rootfs": {"type": "layers", "diff_ids": layers.iter().map(|layer| layer["digest"].clone()).collect::<Vec<_>>()}})),
        Form::New => Ok(b"{}".to_vec()),
    }
    .unwrap();
    let kind = if matches!(form, Form::Old) { CONFIG } else { "application/vnd.oci.empty.v1+json" };
    let mut manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "layers": layers,
        "config": {"mediaType": kind, "digest": layout.blob(&config), "size": config.len()}});
    if matches!(form, Form::New) {
        manifest["artifactType"] = json!("application/vnd.docker.attestation.manifest.v1+json");
        manifest["subject"] = json!({"mediaType": MANIFEST, "digest": entry["digest"], "size": entry["size"]});
    }
    let manifest = serde_json::to_vec(&manifest).unwrap();
    let mut attestation = json!({"mediaType": MANIFEST, "digest": layout.blob(&manifest), "size": manifest.len()});
    match form {
        Form::Old => {
            attestation["platform"] = json!({"architecture": "unknown", "os": "unknown"});
            attestation["annotations"] =
                json!({"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": entry["digest"]});
        }
        Form::New => attestation["artifactType"] = json!("application/vnd.docker.attestation.manifest.v1+json"),
    }
    let index = serde_json::to_vec(&json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry, attestation]})).unwrap();
    let digest = layout.blob(&index);
    layout.entry("app:1", json!({"mediaType": INDEX, "digest": digest, "size": index.len()}));
    layout
}

fn app() -> Image {
    old().and(&[&a(1)])
}

fn placed(bases: &Layout, apps: &Layout) -> Environment {
    let environment = Environment::new();
    bases.write(&environment.join("bases"));
    apps.write(&environment.join("apps"));
    environment
}

const OS: &str = "pkg:docker/registry.example%2Fos@1%2E0?platform=linux%2Famd64";

/// The base lies here without a name, as where its tag has moved on; provenance knows its name, which leads to the next one.
#[test]
fn provenance_names_the_base_and_the_layers_prove_it() {
    let bases = Layout::new().image("", &old()).image("registry.example/os:1.0", &new());
    for form in [Form::Old, Form::New] {
        for statement in [first(&[(OS, &old())]), second(&[(OS, &old())])] {
            let environment = placed(&bases, &attested(&app(), form, &[statement]));
            let (status, platform) = show(&environment);
            assert_eq!((status, &platform["baseManifest"]), (0, &json!(old().digest())), "{form:?} {platform:#}");
            assert_eq!(evidence(&platform), [("provenance", "proven"), ("catalogue", "proven")]);
            assert_eq!((&platform["evidence"][0]["name"], codes(&platform["findings"])), (&json!("registry.example/os:1.0"), vec![]));
            let (_, report) = environment.json(&["outdated", "apps", "--bases", "bases"]);
            assert_eq!(
                (&report["items"][0]["standing"], &report["items"][0]["newerManifest"]),
                (&json!("outdated"), &json!(new().digest()))
            );
            let result = run(&environment, &["rebase", "apps:app:1", "--bases", "bases", "-o", "out:app:2"], "out", "app:2");
            assert_eq!(result.report["platforms"][0]["clue"], "provenance");
            let manifest = result.out.json(result.document["manifests"][0]["digest"].as_str().unwrap());
            assert_eq!(manifest["annotations"]["org.opencontainers.image.base.name"], "registry.example/os:1.0");
        }
    }
}

/// The images of other stages are no refutations, whether they are here or not, and the highest of several bases counts.
#[test]
fn provenance_of_a_build_in_stages() {
    let (ground, tools) = (Image::of(&[&b(1)]), Image::of(&[&b(8), &b(9)]));
    // The same layers as the base with other settings: only provenance tells them apart.
    let twin = old().with("Env", json!(["LEVEL=9"]));
    let materials: Materials<'_> = &[
        ("pkg:docker/docker/dockerfile@1", &Image::of(&[&b(7)])),
        ("pkg:docker/tools@1?platform=linux%2Famd64", &tools),
        ("pkg:docker/ground@1?platform=linux%2Famd64", &ground),
        (OS, &old()),
        ("https://example.org/source.git", &old()),
    ];
    let bases = Layout::new()
        .image("tools:1", &tools)
        .image("ground:1", &ground)
        .image("twin:1", &twin)
        .image("os:1", &old())
        .image("registry.example/run:2", &new());
    for statement in [first(materials), second(materials)] {
        let environment = placed(&bases, &attested(&app(), Form::Old, &[statement]));
        let (status, platform) = show(&environment);
        assert_eq!((status, &platform["base"], codes(&platform["findings"])), (0, &json!("bases:os:1"), vec![]), "{platform:#}");
        let outcomes: Vec<_> =
            evidence(&platform).into_iter().filter(|(clue, _)| *clue == "provenance").map(|(_, outcome)| outcome).collect();
        assert_eq!(outcomes, ["unresolved", "unresolved", "proven", "proven"]);
        let result = run(&environment, &ONTO, "out", "app:2");
        let manifest = result.out.json(result.document["manifests"][0]["digest"].as_str().unwrap());
        crate::support::story::expect_layers(&manifest, &result.out.config(&manifest), &[&b(3), &b(4), &a(1)]);
    }
}

/// Provenance that lies, is damaged or too large proves nothing and stops nobody.
#[test]
fn provenance_never_refutes() {
    let bases = Layout::new().image("os:1", &old()).image("registry.example/run:2", &new());
    let good = first(&[(OS, &old())]);
    let large = json!({"predicateType": "https://slsa.dev/provenance/v0.2", "padding": " ".repeat(5 << 20)});
    let document = serde_json::to_vec(&good).unwrap();
    let mut damaged = attested(&app(), Form::Old, std::slice::from_ref(&good));
    *damaged.blobs.get_mut(&digest(&document)).unwrap() = document.iter().rev().copied().collect();
    let mut missing = attested(&app(), Form::New, std::slice::from_ref(&good));
    missing.blobs.remove(&digest(&document));
    for (apps, said) in [
        (attested(&app(), Form::Old, &[first(&[(OS, &new())])]), Some("has other layers")),
        (attested(&app(), Form::Old, &[large]), Some("too large")),
        (damaged, Some("was not read")),
        (missing, Some("is not there")),
        (attested(&app(), Form::New, &[json!({"predicateType": "https://spdx.dev/Document", "predicate": {}})]), None),
        (attested(&app(), Form::New, &[json!({"predicateType": "https://slsa.dev/provenance/v1"})]), None),
    ] {
        let environment = placed(&bases, &apps);
        let (status, platform) = show(&environment);
        assert_eq!((status, &platform["base"], codes(&platform["findings"])), (0, &json!("bases:os:1"), vec![]), "{platform:#}");
        let evidence = &platform["evidence"];
        match said {
            Some(said) => {
                assert_eq!((&evidence[0]["clue"], &evidence[0]["outcome"]), (&json!("provenance"), &json!("unresolved")), "{said}");
                assert!(evidence[0]["reason"].as_str().unwrap().contains(said), "{evidence:#}");
            }
            None => assert_eq!(evidence[0]["clue"], "catalogue"),
        }
        environment.ok(&ONTO);
    }
}

/// Every platform has its own provenance.
#[test]
fn provenance_of_another_platform_says_nothing() {
    let arm = |image: Image| image.platform("arm64");
    for form in [Form::Old, Form::New] {
        let mut apps = attested(&app(), form, &[first(&[("pkg:docker/one@1", &old())])]);
        let other = attested(&arm(app()), form, &[first(&[("pkg:docker/two@1", &arm(old()))])]);
        apps.blobs.extend(other.blobs.clone());
        let manifests: Vec<Value> = [&apps, &other]
            .iter()
            .flat_map(|layout| {
                let index: Value = serde_json::from_slice(&layout.blobs[&layout.digest_of("app:1")]).unwrap();
                index["manifests"].as_array().unwrap().clone()
            })
            .collect();
        let index = serde_json::to_vec(&json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests})).unwrap();
        let digest = apps.blob(&index);
        apps.entries.clear();
        apps.entry("app:1", json!({"mediaType": INDEX, "digest": digest, "size": index.len()}));
        let environment = placed(&Layout::new().index("os:1", &[&old(), &arm(old())], json!({})), &apps);
        let (status, report) = environment.json(&["base", "show", "apps:app:1", "--bases", "bases"]);
        assert_eq!(status, 0, "{report:#}");
        for (platform, name) in report["platforms"].as_array().unwrap().iter().zip(["one:1", "two:1"]) {
            assert_eq!(evidence(platform), [("provenance", "proven"), ("catalogue", "proven")], "{form:?} {platform:#}");
            assert_eq!(platform["evidence"][0]["name"], name);
        }
    }
}
