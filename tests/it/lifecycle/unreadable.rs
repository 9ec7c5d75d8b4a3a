//! A statement that cannot be read is no statement that is not there.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::{CREATED, MICROSOFT, MICROSOFT_KEY, app, statement};
use crate::support::image::MANIFEST;
use crate::support::{Contents, Environment, Layout};

/// What happens to the manifest of a statement.
type Harm = (&'static str, fn(&Path));

const HARMS: [Harm; 6] = [
    ("one bit", |path| {
        let mut bytes = fs::read(path).unwrap();
        bytes[30] ^= 1;
        fs::write(path, bytes).unwrap();
    }),
    ("gone", |path| fs::remove_file(path).unwrap()),
    ("cut off", |path| fs::write(path, &fs::read(path).unwrap()[..40]).unwrap()),
    ("a directory", |path| {
        fs::remove_file(path).unwrap();
        fs::create_dir(path).unwrap();
    }),
    ("a link to nothing", |path| {
        fs::remove_file(path).unwrap();
        std::os::unix::fs::symlink("nothing", path).unwrap();
    }),
    ("five megabytes", |path| fs::write(path, vec![b' '; 5 << 20]).unwrap()),
];

/// `in`: `app:ended`, of which another client says that its life has ended, and `app:other`, of which nobody says anything.
fn place(entry: &dyn Fn(&mut Layout, Value)) -> (Environment, String) {
    let mut layout = Layout::new().image("app:ended", &app()).image("app:other", &app().annotated("name", "other"));
    let made = statement(&mut layout, &app().digest(), MICROSOFT, json!({MICROSOFT_KEY: "2020-01-01"}));
    let listed = layout.entries.pop().unwrap();
    entry(&mut layout, listed);
    let environment = Environment::new();
    layout.write(&environment.join("in"));
    (environment, made)
}

fn denied(report: &Value) -> Vec<(String, Vec<String>)> {
    let reasons = |item: &Value| {
        let reasons = item["denied"].as_array().unwrap().iter().map(|reason| reason["deny"].as_str().unwrap().to_owned());
        (item["image"].as_str().unwrap().to_owned(), reasons.collect::<Vec<_>>())
    };
    report["items"].as_array().unwrap().iter().map(reasons).filter(|(_, reasons)| !reasons.is_empty()).collect()
}

fn owned(reasons: &[(&str, &str)]) -> Vec<(String, Vec<String>)> {
    reasons.iter().map(|(image, reason)| ((*image).to_owned(), vec![(*reason).to_owned()])).collect()
}

/// A list under the fallback tag ties it to its image; the other one is judged as ever.
#[test]
fn it_denies_its_image_and_no_other() {
    for (harm, harmful) in HARMS {
        let (environment, made) = place(&|layout, entry| {
            let list = serde_json::to_vec(&json!({"schemaVersion": 2, "mediaType": super::INDEX, "manifests": [entry]})).unwrap();
            let digest = layout.blob(&list);
            layout.entry(&app().digest().replace(':', "-"), json!({"mediaType": super::INDEX, "digest": digest, "size": list.len()}));
            layout.entry("", entry);
        });
        let (status, report) = environment.json(&["lifecycle", "check", "in"]);
        assert_eq!((status, denied(&report)), (1, owned(&[("in:app:ended", "end-of-life")])), "{harm}");
        harmful(&environment.join("in/blobs").join(made.replace(':', "/")));
        let (status, report) = environment.json(&["lifecycle", "check", "in"]);
        assert_eq!((status, denied(&report)), (1, owned(&[("in:app:ended", "unreadable")])), "{harm}: {report:#}");
        assert_eq!(report["checked"], json!(2), "{harm}");
        // Whatever is asked for.
        let (status, report) = environment.json(&["lifecycle", "check", "in", "--deny", "deprecated"]);
        assert_eq!((status, denied(&report)), (1, owned(&[("in:app:ended", "unreadable")])), "{harm}");
        told(&environment, harm);
    }
}

/// oras and others write an entry that says what it is and not of whom: then it may speak of every image.
#[test]
fn without_a_place_it_denies_every_image_of_its_layout() {
    for artifact_type in [Some(MICROSOFT), None] {
        for (harm, harmful) in HARMS {
            let (environment, made) = place(&|layout, mut entry| {
                entry["artifactType"] = json!(artifact_type);
                entry.as_object_mut().unwrap().retain(|_, value| !value.is_null());
                layout.entry("", entry);
            });
            let (status, report) = environment.json(&["lifecycle", "check", "in"]);
            assert_eq!((status, denied(&report)), (1, owned(&[("in:app:ended", "end-of-life")])), "{harm}");
            harmful(&environment.join("in/blobs").join(made.replace(':', "/")));
            let (status, report) = environment.json(&["lifecycle", "check", "in"]);
            let all = owned(&[("in:app:ended", "unreadable"), ("in:app:other", "unreadable")]);
            assert_eq!(denied(&report), all, "{harm} {artifact_type:?}: {report:#}");
            assert!(status == 1 || artifact_type.is_none() && status == 3, "{harm}: {status}");
            told(&environment, harm);
        }
    }
}

/// No verb that speaks of referrers is silent.
fn told(environment: &Environment, harm: &str) {
    for verb in [
        &["lifecycle", "show", "in:app:ended"][..],
        &["lifecycle", "report", "in"],
        &["lifecycle", "trace", &app().digest(), "in"],
        &["referrers", "in:app:ended"],
        &["inspect", "in"],
        &["doctor", "in"],
        &["prepare", "in", "--registry", "registry.site/team"],
        &["copy", "in:app:ended", "copied"],
    ] {
        let (status, report) = environment.json(verb);
        assert_ne!(status, 0, "{harm}: {verb:?} says nothing: {report:#}");
    }
}

/// Of another type it is told, and no matter of the gate.
#[test]
fn what_is_no_statement_is_only_told() {
    let mut layout = Layout::new().image("app:1", &app());
    let made = statement(&mut layout, &app().digest(), "application/x-report", json!({}));
    let environment = Environment::new();
    layout.write(&environment.join("in"));
    let path = environment.join("in/blobs").join(made.replace(':', "/"));
    fs::write(&path, "{}").unwrap();
    let (status, report) = environment.json(&["lifecycle", "check", "in"]);
    assert_eq!((status, denied(&report)), (1, vec![]), "{report:#}");
    assert!(report["findings"][0]["place"].as_str().unwrap().ends_with(&made), "{report:#}");
}

/// The document of a statement may say more than its annotations.
#[test]
fn the_document_of_a_statement_counts_too() {
    let environment = Environment::new();
    Layout::new().image("app:1", &app()).write(&environment.join("in"));
    environment.ok(&["lifecycle", "set", "in:app:1", "--status", "active", "--eol", "2099-01-01"]);
    environment.ok(&["lifecycle", "check", "in"]);
    let contents = Contents::of(&environment.join("in"));
    let manifest = &super::listed(&contents, &app().digest())[0];
    let layer = manifest["layers"][0]["digest"].as_str().unwrap();
    fs::write(environment.join("in/blobs").join(layer.replace(':', "/")), "{}").unwrap();
    let (status, report) = environment.json(&["lifecycle", "check", "in"]);
    assert_eq!((status, denied(&report)), (1, owned(&[("in:app:1", "unreadable")])), "{report:#}");
}

/// An index that statements speak of and that cannot be read may be above every image of its layout, by itself or by way of an index that
/// it lists. Of one that nobody speaks of, and of one that is not here, that does not hold.
#[test]
fn an_index_that_cannot_be_read_denies_what_may_lie_below_it() {
    let arm = app().platform("arm64");
    let other = app().annotated("name", "other");
    for spoken_of in [true, false] {
        for (harm, harmful) in HARMS {
            let mut layout = Layout::new().index("app:1", &[&app(), &arm], json!({}));
            let index = layout.digest_of("app:1");
            let platform = layout.store(&app());
            layout.entry("app:pinned", platform);
            layout = layout.image("app:other", &other);
            if spoken_of {
                statement(&mut layout, &index, MICROSOFT, json!({MICROSOFT_KEY: "2020-01-01"}));
            } else {
                statement(&mut layout, &index, "application/x-report", json!({}));
            }
            let environment = Environment::new();
            layout.write(&environment.join("in"));
            let ask = || environment.json(&["lifecycle", "check", "in"]);
            assert_eq!((ask().0, ask().1["denied"].as_u64()), if spoken_of { (1, Some(3)) } else { (0, Some(0)) }, "{harm}");
            harmful(&environment.join("in/blobs").join(index.replace(':', "/")));
            let (status, report) = ask();
            let expected = match (spoken_of, harm) {
                (true, harm) if harm != "gone" => owned(&[("in:app:pinned", "unreadable"), ("in:app:other", "unreadable")]),
                _ => Vec::new(),
            };
            assert_eq!(denied(&report), expected, "{harm}: {report:#}");
            assert_ne!(status, 0, "{harm}: an entry that cannot be read is told");
            for pinned in [app().digest(), other.digest()] {
                let (_, shown) = environment.json(&["lifecycle", "show", &format!("in@{pinned}")]);
                let count = shown["subjects"][0]["unreadable"].as_u64();
                assert_eq!(count.unwrap_or(0) > 0, !expected.is_empty(), "{harm}: {shown:#}");
            }
        }
    }
}

/// The index between the one that is spoken of and the platform cannot be read.
#[test]
fn an_index_between_that_cannot_be_read_denies_too() {
    let mut layout = Layout::new().index("inner:1", &[&app()], json!({}));
    let inner = layout.entries.pop().unwrap();
    let outer = serde_json::to_vec(&json!({"schemaVersion": 2, "mediaType": super::INDEX, "manifests": [
        {"mediaType": super::INDEX, "digest": inner["digest"], "size": inner["size"]}]}))
    .unwrap();
    let digest = layout.blob(&outer);
    layout.entry("app:1", json!({"mediaType": super::INDEX, "digest": digest, "size": outer.len()}));
    let platform = layout.store(&app());
    layout.entry("app:pinned", platform);
    statement(&mut layout, &digest, MICROSOFT, json!({MICROSOFT_KEY: "2020-01-01"}));
    let environment = Environment::new();
    layout.write(&environment.join("in"));
    let path = environment.join("in/blobs").join(inner["digest"].as_str().unwrap().replace(':', "/"));
    let size = fs::metadata(&path).unwrap().len();
    fs::write(&path, " ".repeat(usize::try_from(size).unwrap())).unwrap();
    let (status, report) = environment.json(&["lifecycle", "check", &format!("in@{}", app().digest())]);
    assert_eq!((status, &report["items"][0]["denied"][0]["deny"]), (1, &json!("unreadable")), "{report:#}");
}

/// skopeo copies a referrer under a name and keeps no artifact type in its entry.
#[test]
fn a_statement_under_a_name_is_one() {
    let (environment, made) = place(&|layout, mut entry| {
        entry.as_object_mut().unwrap().retain(|key, _| matches!(key.as_str(), "mediaType" | "digest" | "size"));
        layout.entry("statements:1", entry);
    });
    let (status, report) = environment.json(&["lifecycle", "check", "in"]);
    assert_eq!((status, denied(&report)), (1, owned(&[("in:app:ended", "end-of-life")])), "{report:#}");
    let (_, shown) = environment.json(&["referrers", "in:app:ended"]);
    assert_eq!(shown["subjects"][0]["referrers"][0]["digest"], json!(made), "{shown:#}");
    assert_eq!(shown["subjects"][0]["referrers"][0]["mediaType"], json!(MANIFEST));
}

/// Adds a statement of ours whose document has these bytes, as its only layer.
fn with_document(layout: &mut Layout, annotations: &Value, document: &[u8]) {
    let layer = json!({"mediaType": super::OWN, "digest": layout.blob(document), "size": document.len()});
    let empty = json!({"mediaType": "application/vnd.oci.empty.v1+json", "digest": layout.blob(b"{}"), "size": 2});
    let subject = json!({"mediaType": MANIFEST, "digest": app().digest(), "size": app().manifest_bytes().len()});
    let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "artifactType": super::OWN, "config": empty, "layers": [layer],
        "subject": subject, "annotations": annotations});
    let bytes = serde_json::to_vec(&manifest).unwrap();
    let digest = layout.blob(&bytes);
    layout.entry("", json!({"mediaType": MANIFEST, "digest": digest, "size": bytes.len(), "artifactType": super::OWN}));
}

/// A document that is whole and not understood may say anything: one of a later version, too.
#[test]
fn a_document_that_is_not_understood_denies_its_image() {
    let status = json!({"dev.airbase.lifecycle.status": "active"});
    for (annotations, document) in [
        (&json!({}), &br#"{"schema":"airbase.lifecycle/v1","status":"withdrawn""#[..]),
        (&json!({}), br#"{"schema":"airbase.lifecycle/v1","status":"withdrawn","status":"active"}"#),
        (&json!({}), b"\xef\xbb\xbf{\"schema\":\"airbase.lifecycle/v1\",\"status\":\"withdrawn\"}"),
        (&json!({}), br#"{"schema":"airbase.lifecycle/v2","status":"withdrawn"}"#),
        (&status, br#"{"schema":"airbase.lifecycle/v2","status":"withdrawn"}"#),
        (&status, br#"{"schema":"lifecycle/v1","status":"withdrawn"}"#),
        (&status, br#"{"status":"withdrawn"}"#),
        (&status, br#"["withdrawn"]"#),
        (&json!({}), br#"{"schema":"airbase.lifecycle/v1","supersededBy":"app:2"}"#),
        (&json!({}), br#"{"schema":"airbase.lifecycle/v1","supersededBy":{"platforms":"app:2"}}"#),
    ] {
        let mut layout = Layout::new().image("app:1", &app());
        with_document(&mut layout, annotations, document);
        let environment = Environment::new();
        layout.write(&environment.join("in"));
        let (status, report) = environment.json(&["lifecycle", "check", "in"]);
        let document = String::from_utf8_lossy(document);
        assert_eq!((status, denied(&report)), (1, owned(&[("in:app:1", "unreadable")])), "{document}: {report:#}");
    }
}

/// Of two values that one statement gives to a field the stricter one holds, whatever their keys are called and wherever they are.
#[test]
fn a_statement_that_says_two_things_says_the_stricter_one() {
    for (artifact_type, annotations, document, deny) in [
        (MICROSOFT, json!({"a.eol": "2099-01-01", "b.end-of-life": "2020-01-01"}), None, "end-of-life"),
        (MICROSOFT, json!({"a.eol": "2020-01-01", "b.end-of-life": "2099-01-01"}), None, "end-of-life"),
        (
            super::OWN,
            json!({"dev.airbase.lifecycle.status": "active"}),
            Some(r#"{"schema":"airbase.lifecycle/v1","status":"withdrawn"}"#),
            "withdrawn",
        ),
        (
            super::OWN,
            json!({"dev.airbase.lifecycle.status": "withdrawn"}),
            Some(r#"{"schema":"airbase.lifecycle/v1","status":"active"}"#),
            "withdrawn",
        ),
        (
            super::OWN,
            json!({"dev.airbase.lifecycle.end-of-life": "2099-01-01"}),
            Some(r#"{"schema":"airbase.lifecycle/v1","endOfLife":"2020-01-01T00:00:00Z"}"#),
            "end-of-life",
        ),
    ] {
        let mut layout = Layout::new().image("app:1", &app());
        match document {
            None => drop(statement(&mut layout, &app().digest(), artifact_type, annotations)),
            Some(document) => with_document(&mut layout, &annotations, document.as_bytes()),
        }
        let environment = Environment::new();
        layout.write(&environment.join("in"));
        let (status, report) = environment.json(&["lifecycle", "check", "in"]);
        assert_eq!((status, denied(&report)), (1, owned(&[("in:app:1", deny)])), "{report:#}");
        let told = report["findings"].as_array().unwrap().iter().any(|finding| finding["code"] == "lifecycle.contradiction");
        assert!(told, "{report:#}");
    }
}

/// Media types and endings of keys mean the same in capitals.
#[test]
fn capitals_hide_no_statement() {
    for (artifact_type, key) in [
        ("application/vnd.microsoft.artifact.Lifecycle", MICROSOFT_KEY),
        ("application/vnd.example.EOL", "com.example.eol"),
        ("application/vnd.example.image.lifecycle.metadata", "vnd.example.image.End-Of-Life"),
    ] {
        let mut layout = Layout::new().image("app:1", &app());
        statement(&mut layout, &app().digest(), artifact_type, json!({key: "2020-01-01"}));
        let environment = Environment::new();
        layout.write(&environment.join("in"));
        let (status, report) = environment.json(&["lifecycle", "check", "in"]);
        assert_eq!((status, denied(&report)), (1, owned(&[("in:app:1", "end-of-life")])), "{artifact_type}: {report:#}");
    }
}

/// A statement that stands in the index of the image, as attestations do, is one for every verb.
#[test]
fn a_statement_in_the_index_of_its_image_counts() {
    for artifact_type in [MICROSOFT, "application/x-report"] {
        let mut layout = Layout::new();
        let mut platform = layout.store(&app());
        statement(&mut layout, &app().digest(), artifact_type, json!({MICROSOFT_KEY: "2020-01-01"}));
        let mut beside = layout.entries.pop().unwrap();
        beside["platform"] = json!({"os": "unknown", "architecture": "unknown"});
        platform["platform"] = json!({"os": "linux", "architecture": "amd64"});
        let index = serde_json::to_vec(&json!({"schemaVersion": 2, "mediaType": super::INDEX, "manifests": [platform, beside]})).unwrap();
        let digest = layout.blob(&index);
        layout.entry("app:1", json!({"mediaType": super::INDEX, "digest": digest, "size": index.len()}));
        let environment = Environment::new();
        layout.write(&environment.join("in"));
        let (status, report) = environment.json(&["lifecycle", "check", "in"]);
        let expected = if artifact_type == MICROSOFT { (1, owned(&[("in:app:1", "end-of-life")])) } else { (0, Vec::new()) };
        assert_eq!((status, denied(&report)), expected, "{report:#}");
    }
}

/// An entry that says what it is, and of which nobody knows how to read it, may speak of every image.
#[test]
fn an_entry_of_an_unknown_type_that_calls_itself_a_statement_denies() {
    let mut layout = Layout::new().image("app:1", &app());
    statement(&mut layout, &app().digest(), MICROSOFT, json!({MICROSOFT_KEY: "2020-01-01"}));
    layout.entries[1]["mediaType"] = json!("application/vnd.example.manifest+json");
    let environment = Environment::new();
    layout.write(&environment.join("in"));
    let (status, report) = environment.json(&["lifecycle", "check", "in"]);
    assert_eq!((status, denied(&report)), (1, owned(&[("in:app:1", "unreadable")])), "{report:#}");
}

/// Whoever made a statement meant something by it. What is there and not understood may be that, in a document or under a key; what says
/// only when it was made, or of which version, is not.
#[test]
fn a_statement_of_another_type_that_is_not_understood_denies() {
    let vendor = "application/vnd.vendor.lifecycle.v1+json";
    for (annotations, media_type, document, deny) in [
        (json!({}), "application/json", r#"{"status":"withdrawn"}"#, Some("unreadable")),
        (json!({}), vendor, r#"{"eol":"2020-01-01"}"#, Some("unreadable")),
        (json!({}), "text/plain", "withdrawn", Some("unreadable")),
        // What nobody described may say more in its document than in its keys.
        (json!({"com.vendor.eol": "2099-01-01"}), vendor, r#"{"status":"withdrawn"}"#, Some("unreadable")),
        (json!({"com.vendor.withdrawn": "true"}), vendor, "{}", Some("unreadable")),
        (json!({"com.vendor.withdrawn": "true", CREATED: "soon"}), vendor, "{}", Some("unreadable")),
        (json!({"org.opencontainers.image.support.end-of-life": "2020-01-01"}), vendor, "{}", Some("end-of-life")),
        (json!({"eol": "2020-01-01"}), vendor, "{}", Some("end-of-life")),
        (json!({"com.vendor.eol": "2099-01-01", "com.vendor.team": "x"}), vendor, "{}", None),
        (json!({"org.opencontainers.image.version": "1", "org.opencontainers.image.title": "x"}), vendor, "{}", None),
        (json!({}), vendor, "{}", None),
    ] {
        let mut layout = Layout::new().image("app:1", &app());
        let subject = app().digest();
        let subject = json!({"mediaType": MANIFEST, "digest": subject, "size": layout.blobs[&subject].len()});
        let config = json!({"mediaType": "application/vnd.oci.empty.v1+json", "digest": layout.blob(b"{}"), "size": 2});
        let layer = json!({"mediaType": media_type, "digest": layout.blob(document.as_bytes()), "size": document.len()});
        let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "artifactType": vendor, "config": config, "layers": [layer],
            "subject": subject, "annotations": annotations});
        let bytes = serde_json::to_vec(&manifest).unwrap();
        let digest = layout.blob(&bytes);
        layout.entry("", json!({"mediaType": MANIFEST, "digest": digest, "size": bytes.len()}));
        let environment = Environment::new();
        layout.write(&environment.join("in"));
        let (status, report) = environment.json(&["lifecycle", "check", "in"]);
        let expected = deny.map(|deny| ("in:app:1", deny));
        assert_eq!(
            (status, denied(&report)),
            (i32::from(deny.is_some()), owned(expected.as_slice())),
            "{annotations} {document}: {report:#}"
        );
    }
}

/// A platform that is copied alone takes along what is said of its index, and that is understood no better there.
#[test]
fn what_is_not_understood_of_an_index_stays_so_with_a_platform() {
    let (environment, mut layout) = super::two_platforms();
    let index = layout.entries[0]["digest"].as_str().unwrap().to_owned();
    let subject = json!({"mediaType": super::INDEX, "digest": index, "size": layout.blobs[&index].len()});
    let config = json!({"mediaType": "application/vnd.oci.empty.v1+json", "digest": layout.blob(b"{}"), "size": 2});
    let layer = json!({"mediaType": "text/plain", "digest": layout.blob(b"withdrawn"), "size": 9});
    let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "artifactType": "application/vnd.vendor.lifecycle", "config": config,
        "layers": [layer], "subject": subject});
    let bytes = serde_json::to_vec(&manifest).unwrap();
    let digest = layout.blob(&bytes);
    layout.entry("", json!({"mediaType": MANIFEST, "digest": digest, "size": bytes.len()}));
    layout.write(&environment.join("in"));
    environment.json(&["copy", "in:app:1", "out:app:1", "--platform", "linux/amd64"]);
    let (status, report) = environment.json(&["lifecycle", "check", "out"]);
    assert_eq!((status, denied(&report)), (1, owned(&[("out:app:1", "unreadable")])), "{report:#}");
}
