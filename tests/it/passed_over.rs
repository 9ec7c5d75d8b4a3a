//! What an entry is, its document says: a name, a mark or a type that is not known lets nothing pass a gate unseen, and what is no image
//! needs no word.

use serde_json::{Value, json};

use crate::lifecycle::{MICROSOFT, MICROSOFT_KEY, statement};
use crate::support::image::INDEX;
use crate::support::{Environment, Image, Layer, Layout, layer};

const NAME: &str = "org.opencontainers.image.base.name";
const OS: &str = "r.example/os:12";

fn os(version: &str) -> Image {
    Image::of(&[&layer(&[&format!("os={version}")])]).with_top("created", json!(format!("202{version}-06-01T00:00:00Z")))
}

fn on(base: &Image) -> Image {
    base.and(&[&layer(&["app=1"])]).annotated(NAME, OS)
}

/// An image of another line, on the old base, that has ended.
fn ended() -> Image {
    on(&os("3")).and(&[&layer(&["patch=1"])]).annotated("org.opencontainers.image.base.digest", &os("3").digest())
}

/// `bases` with the old one, which has lost its name, and the new one; gives a layout with an image that is current and cared for.
fn place(environment: &Environment) -> Layout {
    Layout::new().image("", &os("3")).image(OS, &os("4")).write(&environment.join("bases"));
    let mut apps = Layout::new().image("r.example/good:1", &on(&os("4")));
    let good = apps.digest_of("r.example/good:1");
    statement(&mut apps, &good, MICROSOFT, json!({MICROSOFT_KEY: "2030-01-01"}));
    apps
}

/// Stores the image that has ended, with the statement that says so; gives its descriptor.
fn store_ended(apps: &mut Layout) -> Value {
    let mut entry = apps.store(&ended());
    entry.as_object_mut().unwrap().remove("platform");
    statement(apps, &ended().digest(), MICROSOFT, json!({MICROSOFT_KEY: "2020-01-01"}));
    entry
}

const CHECK: [&str; 5] = ["lifecycle", "check", "apps", "--at", "2026-01-01"];
const OUTDATED: [&str; 4] = ["outdated", "apps", "--bases", "bases"];

fn findings(report: &Value) -> Vec<String> {
    report["findings"].as_array().unwrap().iter().map(|finding| format!("{} {}", finding["code"], finding["severity"])).collect()
}

/// Both gates stop it, and `batch plan` moves or refuses it.
fn expect_judged(environment: &Environment, what: &str) {
    let (status, report) = environment.json(&CHECK);
    assert_eq!((status, &report["denied"]), (1, &json!(1)), "{what}: {report:#}");
    let (status, report) = environment.json(&OUTDATED);
    assert_eq!((status, &report["outdated"], report["items"].as_array().unwrap().len()), (1, &json!(1), 2), "{what}: {report:#}");
    let plan = environment.run(&["batch", "plan", "apps", "--bases", "bases"]);
    // What contradicts itself is not moved.
    let is_seen = plan.err.contains("1 to move, 1 current") || plan.err.contains("image.platform_mismatch");
    assert!(is_seen, "{what}: {}{}", plan.out, plan.err);
}

/// Nobody says a word of it.
fn expect_silent(environment: &Environment, what: &str) {
    let (status, report) = environment.json(&[&CHECK[..], &["--deny", "unknown"]].concat());
    assert_eq!((status, &report["checked"], findings(&report)), (0, &json!(1), vec![]), "{what}: {report:#}");
    let (status, report) = environment.json(&OUTDATED);
    assert_eq!((status, findings(&report), report["items"].as_array().unwrap().len()), (0, vec![], 1), "{what}: {report:#}");
}

/// image-spec lets an index list what a reader does not know, and the reader may not fail; but it has not looked at it.
#[test]
fn what_has_a_name_and_an_unknown_type_is_told() {
    for (media_type, told) in [
        ("application/vnd.docker.distribution.manifest.v1+prettyjws", true),
        ("application/vnd.oci.image.manifest.v2+json", true),
        // These are no documents that list layers.
        ("text/plain", false),
        ("application/vnd.oci.image.layer.v1.tar+gzip", false),
        ("application/spdx+json", false),
    ] {
        let environment = Environment::new();
        let mut apps = place(&environment);
        let mut entry = store_ended(&mut apps);
        entry["mediaType"] = json!(media_type);
        apps.entry("r.example/w:1", entry);
        apps.write(&environment.join("apps"));
        if !told {
            expect_silent(&environment, media_type);
            continue;
        }
        let os = format!("bases:{OS}");
        for verb in [&CHECK[..], &OUTDATED, &["lifecycle", "report", "apps", "--at", "2026-01-01"], &["base", "dependents", &os, "apps"]] {
            let (status, report) = environment.json(verb);
            assert_eq!((status, findings(&report)), (1, vec![r#""image.not_an_image" "damage""#.to_owned()]), "{verb:?}: {report:#}");
        }
        let plan = environment.run(&["batch", "plan", "apps", "--bases", "bases"]);
        assert!(plan.err.contains("1 refused") && plan.err.contains("image.not_an_image"), "{}", plan.err);
    }
}

/// The mark of BuildKit (docs/attestations/attestation-storage.md) says of which sibling it speaks. Half of it, or a platform that only
/// the index does not know, makes no attestation of an image.
#[test]
fn a_mark_makes_no_attestation_of_an_image() {
    let unknown = json!({"os": "unknown", "architecture": "unknown"});
    for (key, mark) in [
        ("annotations", json!({"vnd.docker.reference.type": "attestation-manifest"})),
        ("annotations", json!({"vnd.docker.reference.type": ""})),
        ("platform", unknown.clone()),
    ] {
        for is_within in [false, true] {
            let environment = Environment::new();
            let mut apps = place(&environment);
            let mut entry = store_ended(&mut apps);
            entry[key] = mark.clone();
            if is_within {
                let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}).to_string();
                entry = json!({"mediaType": INDEX, "digest": apps.blob(index.as_bytes()), "size": index.len()});
            }
            apps.entry("r.example/w:1", entry);
            apps.write(&environment.join("apps"));
            expect_judged(&environment, &format!("{mark} {is_within}"));
        }
    }
}

/// An attestation of BuildKit in its old form, without its mark as well: some clients drop annotations of descriptors.
#[test]
fn attestations_are_nobodys_platforms() {
    let in_toto = Layer { media_type: "application/vnd.in-toto+json".into(), ..layer(&["statement=1"]) };
    let attestation = Image::of(&[&in_toto]).with_top("os", json!("unknown")).with_top("architecture", json!("unknown"));
    let good = on(&os("4"));
    let whole = json!({"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": good.digest()});
    for (annotations, is_here) in [(json!({}), true), (whole.clone(), true), (json!({}), false), (whole, false)] {
        let environment = Environment::new();
        place(&environment);
        let mut apps = Layout::new();
        let mut entry = apps.store(&attestation);
        entry["annotations"] = annotations.clone();
        let children = [apps.store(&good), entry];
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": children}).to_string();
        let index = json!({"mediaType": INDEX, "digest": apps.blob(index.as_bytes()), "size": index.len()});
        statement(&mut apps, &good.digest(), MICROSOFT, json!({MICROSOFT_KEY: "2030-01-01"}));
        apps.entry("r.example/app:1", index);
        if is_here {
            // Under a name of its own it is none either.
            let mut entry = apps.store(&attestation);
            entry["annotations"] = annotations;
            apps.entry("r.example/attestation:1", entry);
        } else {
            apps.blobs.remove(&attestation.digest());
        }
        apps.write(&environment.join("apps"));
        let (status, report) = environment.json(&[&CHECK[..], &["--deny", "unknown"]].concat());
        // The index is what its platforms are.
        assert_eq!((status, &report["checked"], findings(&report)), (0, &json!(2), vec![]), "{report:#}");
        let (status, report) = environment.json(&OUTDATED);
        assert_eq!((status, findings(&report), report["items"].as_array().unwrap().len()), (0, vec![], 1), "{report:#}");
    }
}

/// distribution-spec, "Referrers Tag Schema", and cosign: such tags are those of an index of referrers, of signatures, attestations and SBOMs.
#[test]
fn a_name_makes_no_signature_of_an_image() {
    let hex = "a".repeat(64);
    for name in [format!("r.example/w:sha256-{hex}"), format!("r.example/w:sha256-{hex}.sig"), format!("sha256-{hex}.att")] {
        let environment = Environment::new();
        let mut apps = place(&environment);
        let entry = store_ended(&mut apps);
        apps.entry(&name, entry);
        apps.write(&environment.join("apps"));
        expect_judged(&environment, &name);
    }
    let environment = Environment::new();
    let mut apps = place(&environment);
    let tag = apps.digest_of("r.example/good:1").replace(':', "-");
    for (ending, media_type) in [
        ("sig", "application/vnd.dev.cosign.simplesigning.v1+json"),
        ("att", "application/vnd.dsse.envelope.v1+json"),
        ("sbom", "text/spdx+json"),
    ] {
        // cosign keeps them under the config of an image.
        let kept = Layer { media_type: media_type.into(), ..layer(&["statement=1"]) };
        apps = apps.image(&format!("r.example/good:{tag}.{ending}"), &Image::of(&[&kept]));
    }
    let list = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [apps.entries[1]]}).to_string();
    let list = json!({"mediaType": INDEX, "digest": apps.blob(list.as_bytes()), "size": list.len()});
    apps.entry(&format!("r.example/good:{tag}"), list);
    apps.write(&environment.join("apps"));
    expect_silent(&environment, "cosign");
}

/// moby (distribution/registry.go) runs images whose config has one of these types, and looks at no `artifactType`.
#[test]
fn what_may_run_and_is_no_image_here_is_told() {
    let other = |config: &str, artifact: Option<&str>| {
        let mut image = Image { config_type: config.into(), ..ended() };
        if let Some(kind) = artifact {
            image.manifest["artifactType"] = json!(kind);
        }
        image
    };
    let config = "application/vnd.oci.image.config.v1+json";
    let empty = "application/vnd.oci.empty.v1+json";
    for (image, told) in [
        (Some(other(config, Some("application/vnd.example"))), true),
        (Some(other("application/octet-stream", None)), true),
        (Some(other("text/html", None)), true),
        (None, true),
        (Some(other("application/vnd.cncf.helm.config.v1+json", None)), false),
        (Some(other(empty, Some("application/vnd.example"))), false),
    ] {
        let environment = Environment::new();
        let apps = place(&environment);
        let apps = match &image {
            Some(image) => apps.image("r.example/w:1", image),
            None => apps.index("r.example/w:1", &[], json!({})),
        };
        apps.write(&environment.join("apps"));
        let (status, report) = environment.json(&OUTDATED);
        let expected = if told { vec![r#""image.not_an_image" "damage""#.to_owned()] } else { Vec::new() };
        assert_eq!((status, findings(&report)), (i32::from(told), expected), "{image:?}: {report:#}");
        // An index of nothing is an item that is refused.
        let plan = environment.run(&["batch", "plan", "apps", "--bases", "bases"]);
        assert_eq!(plan.status, i32::from(told && image.is_some()), "{image:?}: {}", plan.err);
    }
}

/// docs/bases.md: what the name of a base means is its newest edition, if nothing speaks against that.
#[test]
fn what_has_the_name_of_a_base_and_is_not_understood_may_be_the_newest() {
    let strange = |bases: Layout, number: usize| {
        let mut image = os("4");
        match number {
            0 => image.manifest["artifactType"] = json!("application/vnd.example"),
            1 => image.config_type = "application/octet-stream".into(),
            _ => return bases.index(OS, &[], json!({})),
        }
        bases.image(OS, &image)
    };
    for number in 0..3 {
        let environment = Environment::new();
        let bases = Layout::new().image(OS, &os("3"));
        bases.clone().write(&environment.join("alone"));
        strange(bases, number).write(&environment.join("bases"));
        Layout::new().image("r.example/app:1", &on(&os("3"))).write(&environment.join("apps"));
        environment.ok(&["outdated", "apps", "--bases", "alone"]);
        let (status, report) = environment.json(&OUTDATED);
        assert_eq!((status, &report["unknown"]), (1, &json!(1)), "{number}: {report:#}");
        environment.refused(&["rebase", "apps", "--bases", "bases", "-o", "out"], "base.ambiguous", 4);
        // The user knows better.
        environment.ok(&["rebase", "apps", "--bases", "bases", "--onto", &format!("bases@{}", os("3").digest()), "-o", "out"]);
    }
}

/// An image under a digest that nobody here can compute is none of which a batch knows what becomes.
#[test]
fn an_entry_that_cannot_be_verified_is_told_by_a_batch() {
    let environment = Environment::new();
    let digest = format!("sha384:{}", "a".repeat(96));
    let manifest = "application/vnd.oci.image.manifest.v1+json";
    let mut apps = place(&environment);
    apps.entry("r.example/w:1", json!({"mediaType": manifest, "digest": digest, "size": 5}));
    apps.write(&environment.join("apps"));
    let plan = environment.run(&["batch", "plan", "apps", "--bases", "bases"]);
    assert!(plan.status == 1 && plan.err.contains("digest.algorithm_unknown"), "{}: {}", plan.status, plan.err);
    std::fs::write(environment.join("plan.jsonl"), &plan.out).unwrap();
    environment.ok(&["batch", "apply", "plan.jsonl", "-o", "out"]);
    let (status, report) = environment.json(&["batch", "report", "plan.jsonl", "out"]);
    assert_eq!((status, &report["unreadable"][0]["code"]), (1, &json!("digest.algorithm_unknown")), "{report:#}");
}

/// README: files are known by their content, not by their names.
#[test]
fn a_layout_in_a_folder_that_is_hidden_is_looked_at() {
    let environment = Environment::new();
    place(&environment).write(&environment.join("apps/a"));
    let mut apps = Layout::new();
    let entry = store_ended(&mut apps);
    apps.entry("r.example/w:1", entry);
    apps.write(&environment.join("apps/.incoming"));
    let (status, report) = environment.json(&CHECK);
    assert_eq!((status, &report["denied"], &report["checked"]), (1, &json!(1), &json!(2)), "{report:#}");
    // What a killed process of airbase left behind is no answer of anybody.
    std::fs::rename(environment.join("apps/.incoming"), environment.join("apps/.airbase-tmp-1-0123456789abcdef")).unwrap();
    environment.ok(&CHECK);
}

/// The first of the promises: an empty read is no answer, whatever lies beside it.
#[test]
fn a_layout_that_lists_nothing_is_told_beside_others() {
    for index in [json!({"schemaVersion": 2, "manifests": []}), json!({"schemaVersion": 2, "manifests": null})] {
        let environment = Environment::new();
        place(&environment).write(&environment.join("apps/a"));
        Layout::new().image("r.example/w:1", &ended()).write(&environment.join("apps/b"));
        std::fs::write(environment.join("apps/b/index.json"), index.to_string()).unwrap();
        for verb in [&CHECK[..], &OUTDATED] {
            let (status, report) = environment.json(verb);
            let told = report["findings"].as_array().unwrap().iter().any(|one| one["code"] == "path.nothing" && one["place"] == "apps/b");
            assert!(status == 4 && told, "{verb:?}: {report:#}");
            environment.ok(&[verb, &["--allow-empty"]].concat());
        }
        let plan = environment.run(&["batch", "plan", "apps", "--bases", "bases"]);
        assert!(plan.status == 4 && plan.err.contains("path.nothing") && plan.err.contains("apps/b"), "{}", plan.err);
    }
    // A place of charts alone lists something.
    let environment = Environment::new();
    place(&environment).write(&environment.join("apps/a"));
    let chart = Image { config_type: "application/vnd.cncf.helm.config.v1+json".into(), ..ended() };
    Layout::new().image("r.example/chart:1", &chart).write(&environment.join("apps/b"));
    environment.ok(&OUTDATED);
}
