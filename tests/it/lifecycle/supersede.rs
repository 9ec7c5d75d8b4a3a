//! `lifecycle supersede`.

use serde_json::json;

use super::{OWN, app, listed, value};
use crate::support::environment::snapshot;
use crate::support::image::INDEX;
use crate::support::{Contents, Environment, Image, Layout, layer};

const AT: &str = "2026-11-21T10:00:00Z";

fn patched() -> Image {
    Image::of(&[&layer(&["os=2"]), &layer(&["app=1"])]).with_top("created", json!("2025-01-01T00:00:00Z"))
}

/// The old image for three platforms, the new one for two.
fn place() -> (Environment, Layout) {
    let layout = Layout::new()
        .index("app:1", &[&app(), &app().platform("arm64"), &app().platform("s390x")], json!({}))
        .index("app:2", &[&patched(), &patched().platform("arm64")], json!({}))
        .image("alone:1", &app().annotated("alone", "1"))
        .image("alone:2", &patched().annotated("alone", "1"));
    let environment = Environment::new();
    layout.write(&environment.join("in"));
    (environment, layout)
}

#[test]
fn the_index_and_every_platform_name_their_successor() {
    let (environment, layout) = place();
    let (status, report) = environment.json(&["lifecycle", "supersede", "in:app:1", "--by", "in:app:2", "--at", AT]);
    assert_eq!(status, 0, "{report:#}");
    let contents = Contents::of(&environment.join("in"));
    contents.whole();
    let statement = |subject: &str| listed(&contents, subject).remove(0);
    for (old, new) in [
        (layout.digest_of("app:1"), layout.digest_of("app:2")),
        (app().digest(), patched().digest()),
        (app().platform("arm64").digest(), patched().platform("arm64").digest()),
    ] {
        let manifest = statement(&old);
        assert_eq!(
            (&manifest["artifactType"], &manifest["annotations"]["dev.airbase.lifecycle.superseded-by"]),
            (&json!(OWN), &json!(new))
        );
        assert_eq!(manifest["annotations"]["dev.airbase.lifecycle.status"], "superseded");
        assert_eq!(manifest["annotations"]["dev.airbase.lifecycle.superseded-by.name"], "app:2");
    }
    let document = contents.json(statement(&layout.digest_of("app:1"))["layers"][0]["digest"].as_str().unwrap());
    let platforms = json!({"linux/amd64": patched().digest(), "linux/arm64": patched().platform("arm64").digest()});
    assert_eq!(document["supersededBy"]["platforms"], platforms);
    // The platform that the new image lacks is not marked, and that is told.
    assert_eq!(listed(&contents, &app().platform("s390x").digest()).len(), 0);
    assert_eq!((&report["findings"][0]["code"], &report["findings"][0]["severity"]), (&json!("platform.missing"), &json!("warning")));
    // The new image says in whose place it stands; nothing stayed behind, and nothing is said of its platforms.
    let of_new = &statement(&layout.digest_of("app:2"))["annotations"];
    assert_eq!(of_new["dev.airbase.lifecycle.supersedes"], json!(layout.digest_of("app:1")));
    assert_eq!(of_new.get("dev.airbase.lifecycle.reason"), None);
    assert_eq!(listed(&contents, &patched().digest()).len(), 0);
    let stated = &report["successor"];
    assert_eq!((&stated["image"], &stated["digest"]), (&json!("in:app:2"), &json!(layout.digest_of("app:2"))));
    assert!(stated["stated"]["statement"].is_string(), "{report:#}");
    // Saying it again has nothing to do.
    let before = snapshot(&environment.join("in"));
    let (_, again) = environment.json(&["lifecycle", "supersede", "in:app:1", "--by", "in:app:2", "--at", "2026-11-25"]);
    assert_eq!(again["changed"], json!(false));
    assert!(before == snapshot(&environment.join("in")));
}

#[test]
fn with_an_end_of_life_it_is_said_to_microsofts_readers_too() {
    let (environment, _) = place();
    environment.ok(&["lifecycle", "supersede", "in:alone:1", "--by", "in:alone:2", "--eol", "2026-12-31", "--reason", "CVE", "--at", AT]);
    let (_, shown) = environment.json(&["lifecycle", "show", "in:alone:1", "--at", AT]);
    let subject = &shown["subjects"][0];
    assert_eq!((&subject["standing"], value(subject, "endOfLife")), (&json!("superseded"), Some("2026-12-31T00:00:00Z")));
    assert_eq!(value(subject, "supersededBy"), Some(patched().annotated("alone", "1").digest().as_str()));
    let manifest = listed(&Contents::of(&environment.join("in")), &app().annotated("alone", "1").digest()).remove(0);
    assert_eq!(manifest["artifactType"], super::MICROSOFT);
}

#[test]
fn an_image_is_not_superseded_by_itself_or_an_older_one() {
    let (environment, layout) = place();
    let itself = format!("in@{}", app().digest());
    let before = snapshot(&environment.join("in"));
    for (old, new) in [("in:app:1", "in:app:1"), ("in:app:1", itself.as_str()), ("in:app:2", "in:app:1"), ("in:alone:2", "in:alone:1")] {
        environment.refused(&["lifecycle", "supersede", old, "--by", new, "--at", AT], "lifecycle.supersede", 4);
    }
    environment.refused(&["lifecycle", "supersede", "in:app:1", "--by", "in:app:1", "--force"], "lifecycle.supersede", 4);
    environment.refused(&["lifecycle", "supersede", "in:app:1", "--by", "in:nothing", "--force"], "ref.not_found", 4);
    assert!(before == snapshot(&environment.join("in")));
    // By force it leaves a record.
    environment.ok(&["lifecycle", "supersede", "in:alone:2", "--by", "in:alone:1", "--force", "--at", AT]);
    let (_, shown) = environment.json(&["lifecycle", "show", "in:alone:2", "--at", AT]);
    let reason = value(&shown["subjects"][0], "reason").unwrap();
    assert!(reason.starts_with("on purpose: ") && reason.contains("2025-01-01") && reason.contains("2024-01-01"), "{reason}");
    // Back again: the other one says that it is superseded by this one.
    environment.refused(&["lifecycle", "supersede", "in:alone:1", "--by", "in:alone:2", "--at", AT], "lifecycle.supersede", 4);
    assert_eq!(layout.digest_of("alone:1"), Contents::of(&environment.join("in")).named("alone:1").unwrap());
}

const CREATED: &str = "org.opencontainers.image.created=2026-01-01T00:00:00Z";

/// Attaches something and gives its digest.
fn attach(environment: &Environment, image: &str, artifact_type: &str) -> String {
    let (_, report) = environment.json(&["attach", image, "--type", artifact_type, "-a", CREATED]);
    report["attached"][0]["digest"].as_str().unwrap().to_owned()
}

/// The annotations of the only statement on what is called `name`.
fn says(environment: &Environment, name: &str) -> serde_json::Value {
    let contents = Contents::of(&environment.join("in"));
    let statements: Vec<_> = listed(&contents, &contents.named(name).unwrap())
        .into_iter()
        .filter(|manifest| manifest["artifactType"].as_str().unwrap().contains("lifecycle"))
        .collect();
    assert_eq!(statements.len(), 1, "{statements:#?}");
    statements[0]["annotations"].clone()
}

/// A signature of old bytes says nothing of new ones.
#[test]
fn what_is_attached_to_the_old_image_stays_there_and_the_new_one_says_so() {
    let (environment, layout) = place();
    let attached = attach(&environment, "in:alone:1", "application/vnd.example.sbom");
    let supersede = |at: &str| environment.json(&["lifecycle", "supersede", "in:alone:1", "--by", "in:alone:2", "--at", at]).1;
    let report = supersede(AT);
    assert_eq!(report["findings"][0]["code"], "attestation.left_behind");
    assert_eq!(report["findings"][0]["details"], json!([format!("application/vnd.example.sbom {attached}")]));
    let old = layout.digest_of("alone:1");
    let said = format!("what speaks of the bytes of {old} stays with it: application/vnd.example.sbom {attached}");
    let of_new = says(&environment, "alone:2");
    assert_eq!(of_new["dev.airbase.lifecycle.supersedes"], json!(old));
    assert_eq!(of_new["dev.airbase.lifecycle.reason"], json!(said));
    // Nothing was attached to it but that.
    assert_eq!(listed(&Contents::of(&environment.join("in")), &layout.digest_of("alone:2")).len(), 1);
    let before = snapshot(&environment.join("in"));
    assert_eq!(supersede("2026-11-25")["changed"], json!(false));
    assert!(before == snapshot(&environment.join("in")));
    // Where it pointed is said still when the old image gets something more, and then of both.
    let more = attach(&environment, "in:alone:1", "application/vnd.example.vex");
    let report = supersede("2026-11-26");
    assert_eq!((&report["changed"], report["subjects"][0].get("statement")), (&json!(true), None));
    environment.ok(&["lifecycle", "compact", "in:alone:2", "--at", "2026-11-26"]);
    assert_eq!(says(&environment, "alone:2")["dev.airbase.lifecycle.reason"], json!(format!("{said}, application/vnd.example.vex {more}")));
    environment.ok(&["doctor", "in"]);
}

/// Attestations of BuildKit lie in the index itself; what the new index has too did not stay behind.
#[test]
fn attestations_in_an_index_stay_behind_unless_they_came_along() {
    let environment = Environment::new();
    let attestation = |of: &Image| Image::of(&[&layer(&["provenance=1"])]).annotated("of", &of.digest());
    let index = |layout: Layout, name: &str, image: &Image, statements: &[&Image]| {
        let mut layout = layout;
        let mut manifests = vec![layout.store(image)];
        for statement in statements {
            let mut entry = layout.store(statement);
            entry["platform"] = json!({"architecture": "unknown", "os": "unknown"});
            entry["annotations"] =
                json!({"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": image.digest()});
            manifests.push(entry);
        }
        let bytes = serde_json::to_vec(&json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests})).unwrap();
        let digest = layout.blob(&bytes);
        layout.entry(name, json!({"mediaType": INDEX, "digest": digest, "size": bytes.len()}));
        layout
    };
    let (of_old, shared) = (attestation(&app()), attestation(&patched()));
    let layout = index(Layout::new(), "app:1", &app(), &[&of_old, &shared]);
    let layout = index(layout, "app:2", &patched(), &[&shared]);
    layout.write(&environment.join("in"));
    environment.ok(&["lifecycle", "supersede", "in:app:1", "--by", "in:app:2", "--at", AT]);
    let said = format!("what speaks of the bytes of {} stays with it: attestation {}", layout.digest_of("app:1"), of_old.digest());
    assert_eq!(says(&environment, "app:2")["dev.airbase.lifecycle.reason"], json!(said));
}

#[test]
fn nothing_is_written_on_a_new_image_that_lies_elsewhere() {
    let (environment, layout) = place();
    attach(&environment, "in:alone:1", "application/vnd.example.sbom");
    Layout::new().image("alone:2", &patched().annotated("alone", "1")).write(&environment.join("elsewhere"));
    let before = snapshot(&environment.join("elsewhere"));
    let arguments = ["lifecycle", "supersede", "in:alone:1", "--by", "elsewhere", "--at", AT];
    let outcome = environment.ok(&arguments);
    assert!(outcome.out.contains("nothing was stated on elsewhere:alone:2, which lies elsewhere"), "{}", outcome.out);
    let (_, report) = environment.json(&arguments);
    assert_eq!(report["successor"], json!({"image": "elsewhere:alone:2", "digest": layout.digest_of("alone:2")}));
    assert_eq!(report["findings"][0]["code"], "attestation.left_behind");
    assert!(before == snapshot(&environment.join("elsewhere")));
    assert_eq!(listed(&Contents::of(&environment.join("in")), &layout.digest_of("alone:2")).len(), 0);
    // Another path to the same layout is the same layout.
    environment.ok(&["lifecycle", "supersede", "in:alone:1", "--by", "./in:alone:2", "--at", AT]);
    assert_eq!(listed(&Contents::of(&environment.join("in")), &layout.digest_of("alone:2")).len(), 1);
}

/// A rebase records what it was made from, so the other way round is seen without any date.
#[test]
fn a_rebased_image_is_not_superseded_by_its_origin() {
    let environment = Environment::new();
    let origin = app().with_top("created", serde_json::Value::Null);
    let rebased = origin.clone().annotated("dev.airbase.rebase.from", &origin.digest());
    Layout::new().image("app:1", &origin).image("app:2", &rebased).write(&environment.join("in"));
    environment.refused(&["lifecycle", "supersede", "in:app:2", "--by", "in:app:1"], "lifecycle.supersede", 4);
    environment.ok(&["lifecycle", "supersede", "in:app:1", "--by", "in:app:2"]);
}
