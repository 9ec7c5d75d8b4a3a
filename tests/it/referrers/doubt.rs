//! What was not understood or could not be read is neither deleted nor taken off a list.

use std::fs;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::made::referrer;
use crate::support::environment::snapshot;
use crate::support::image::{INDEX, MANIFEST, digest};
use crate::support::{Contents, Environment, Image, Layout, layer};

const APPLY: [&str; 5] = ["gc", "in", "--apply", "--grace", "0"];

fn app() -> Image {
    Image::of(&[&layer(&["os=1"]), &layer(&["app=1"])])
}

fn descriptor(image: &Image) -> Value {
    json!({"mediaType": MANIFEST, "digest": image.digest(), "size": image.manifest_bytes().len()})
}

fn index(layout: &mut Layout, document: &Value) -> Value {
    let bytes = serde_json::to_vec(document).unwrap();
    json!({"mediaType": INDEX, "digest": layout.blob(&bytes), "size": bytes.len()})
}

/// Nothing is deleted, and the reason is told.
fn refused(environment: &Environment, code: &str, status: i32) {
    let before = snapshot(environment.path());
    environment.refused(&APPLY, code, status);
    assert!(before == snapshot(environment.path()), "{code}: something was deleted");
}

fn kept(environment: &Environment, more: &[&str]) {
    let before = snapshot(environment.path());
    environment.ok(&[&APPLY[..], more].concat());
    assert!(before == snapshot(environment.path()), "something was deleted");
}

#[test]
fn a_digest_of_another_algorithm_is_not_passed_over() {
    let sha384 = format!("sha384:{}", "a".repeat(96));
    let environment = Environment::new();
    let mut layout = Layout::new();
    layout.store(&app());
    layout.entry("app:1", json!({"mediaType": MANIFEST, "digest": sha384, "size": app().manifest_bytes().len()}));
    layout.write(&environment.join("in"));
    let blobs = environment.join("in/blobs/sha384");
    fs::create_dir(&blobs).unwrap();
    fs::write(blobs.join("a".repeat(96)), app().manifest_bytes()).unwrap();
    refused(&environment, "digest.algorithm_unknown", 4);
    let (status, report) = environment.json(&["lifecycle", "check", "in", "--deny", "unknown"]);
    assert_ne!(status, 0);
    assert_eq!((&report["checked"], &report["unknown"]), (&json!(1), &json!(1)), "{report:#}");
    let (status, report) = environment.json(&["outdated", "in", "--bases", "in"]);
    assert_ne!(status, 0);
    assert_eq!(report["unknown"], json!(1), "{report:#}");
    // Below an index it is no entry of index.json, and its blobs are there all the same.
    let mut layout = Layout::new().image("other:1", &app());
    let inner = json!({"mediaType": MANIFEST, "digest": sha384, "size": 7});
    let entry = index(&mut layout, &json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [inner]}));
    layout.entry("app:1", entry);
    layout.write(&environment.join("in"));
    refused(&environment, "digest.algorithm_unknown", 4);
}

#[test]
fn an_index_that_lost_its_list_is_damaged_and_an_empty_list_is_empty() {
    let environment = Environment::new();
    Layout::new().image("app:1", &app()).write(&environment.join("in"));
    Layout::new().image("app:1", &app()).write(&environment.join("from"));
    let index = environment.join("in/index.json");
    for (text, code) in
        [("{}", "layout.index.no_list"), (r#"{"schemaVersion":2}"#, "layout.index.no_list"), (r#"{"manifests":{}}"#, "json.type")]
    {
        fs::write(&index, text).unwrap();
        refused(&environment, code, 3);
        let before = snapshot(environment.path());
        for verb in [&["copy", "in", "out"][..], &["copy", "from", "in"], &["lifecycle", "check", "in"], &["doctor", "in", "--fix"]] {
            environment.refused(verb, code, 3);
        }
        assert!(before == snapshot(environment.path()), "{text}");
    }
    for text in [r#"{"schemaVersion":2,"manifests":null}"#, r#"{"schemaVersion":2,"manifests":[]}"#] {
        fs::write(&index, text).unwrap();
        refused(&environment, "gc.empty", 4);
    }
    environment.ok(&[&APPLY[..], &["--allow-empty"]].concat());
    assert!(Contents::of(&environment.join("in")).blobs().is_empty());
    environment.ok(&APPLY);
}

/// `cp -a`, `rsync -a` and `tar x` bring files with their old dates.
#[test]
fn what_was_just_brought_with_old_dates_is_young() {
    let environment = Environment::new();
    let mut layout = Layout::new().image("app:1", &app());
    let brought = layout.blob(b"brought for an index that is on its way");
    layout.write(&environment.join("in"));
    let file = fs::File::options().write(true).open(environment.join("in/blobs").join(brought.replace(':', "/"))).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(10 * 86400)).unwrap();
    let before = snapshot(environment.path());
    environment.ok(&["gc", "in", "--apply"]);
    assert!(before == snapshot(environment.path()));
}

/// The name of an image may look like one of a list, and be its only name.
#[test]
fn a_named_image_stays_whatever_its_name() {
    let absent = digest(b"absent").replace(':', "-");
    for name in [absent.clone(), format!("{absent}.sig"), format!("{absent}.att"), format!("{absent}.sbom")] {
        let environment = Environment::new();
        let mut layout = Layout::new().image("tool:1", &app());
        let entry = layout.store(&app().annotated("name", "other"));
        layout.entry(&name, entry);
        layout.write(&environment.join("in"));
        kept(&environment, &[]);
        environment.ok(&[&APPLY[..], &["--orphans"]].concat());
        assert_eq!(Contents::of(&environment.join("in")).entries().len(), 1, "{name}");
    }
    // An index of images is no list either; a list whose subject is gone is one.
    let environment = Environment::new();
    let mut layout = Layout::new().index(&absent, &[&app(), &app().platform("arm64")], json!({}));
    layout = layout.image("tool:1", &app());
    layout.write(&environment.join("in"));
    kept(&environment, &[]);
    let mut layout = Layout::new().image("tool:1", &app());
    let made = referrer(&mut layout, &json!({"mediaType": MANIFEST, "digest": digest(b"absent"), "size": 6}), json!({}));
    let entry = index(&mut layout, &json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [made.child()]}));
    layout.entry(&absent, entry);
    let environment = Environment::new();
    layout.write(&environment.join("in"));
    environment.ok(&APPLY);
    assert_eq!(Contents::of(&environment.join("in")).entries().len(), 1);
}

#[test]
fn a_descriptor_in_an_unknown_member_keeps_what_it_names() {
    let environment = Environment::new();
    let mut layout = Layout::new();
    let part = |layout: &mut Layout, text: &str| json!({"mediaType": "application/x-part", "digest": layout.blob(text.as_bytes()), "size": text.len()});
    let (of_manifest, of_entry, of_root) = (part(&mut layout, "a"), part(&mut layout, "b"), part(&mut layout, "c"));
    let of_config = part(&mut layout, "d");
    let mut manifest: Value = serde_json::from_slice(&app().manifest_bytes()).unwrap();
    layout.store(&app());
    layout.blobs.remove(&app().digest());
    let config = layout.blobs.remove(manifest["config"]["digest"].as_str().unwrap()).unwrap();
    let mut config: Value = serde_json::from_slice(&config).unwrap();
    config["future"] = json!({"deep": [of_config]});
    let config = serde_json::to_vec(&config).unwrap();
    manifest["config"]["digest"] = json!(layout.blob(&config));
    manifest["config"]["size"] = json!(config.len());
    manifest["future"] = json!([{"deep": of_manifest}]);
    let bytes = serde_json::to_vec(&manifest).unwrap();
    let digest = layout.blob(&bytes);
    layout.entry("app:1", json!({"mediaType": MANIFEST, "digest": digest, "size": bytes.len(), "future": of_entry}));
    layout.write(&environment.join("in"));
    let path = environment.join("in/index.json");
    let mut root: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    root["future"] = json!({"one": of_root});
    fs::write(&path, serde_json::to_vec(&root).unwrap()).unwrap();
    kept(&environment, &[]);
}

/// A bundle as cosign saves it, a manifest that nothing lists: while it is damaged nobody knows of what it speaks.
#[test]
fn beside_a_damaged_document_that_nothing_lists_nothing_is_deleted() {
    let environment = Environment::new();
    let mut layout = Layout::new().image("app:1", &app());
    let made = referrer(&mut layout, &descriptor(&app()), json!({}));
    layout.write(&environment.join("in"));
    let path = environment.join("in/blobs").join(made.digest.replace(':', "/"));
    let mut bytes = fs::read(&path).unwrap();
    bytes[30] ^= 1;
    fs::write(&path, bytes).unwrap();
    refused(&environment, "blob.digest_mismatch", 3);
}

#[test]
fn doctor_keeps_on_the_list_what_it_cannot_read() {
    let environment = Environment::new();
    Layout::new().image("app:1", &app()).write(&environment.join("in"));
    let attach = |who: &str| {
        let (_, report) = environment.json(&["attach", "in:app:1", "--type", "application/x-report", "-a", &format!("who={who}")]);
        report["attached"][0]["digest"].as_str().unwrap().to_owned()
    };
    let (first, second) = (attach("one"), attach("two"));
    let path = |digest: &str| environment.join("in/blobs").join(digest.replace(':', "/"));
    let list = |environment: &Environment| {
        let contents = Contents::of(&environment.join("in"));
        let list = contents.named(&app().digest().replace(':', "-")).unwrap();
        let list: Value = serde_json::from_slice(&contents.files[&format!("blobs/{}", list.replace(':', "/"))]).unwrap();
        let mut digests: Vec<String> =
            list["manifests"].as_array().unwrap().iter().map(|one| one["digest"].as_str().unwrap().to_owned()).collect();
        digests.sort();
        digests
    };
    let whole = list(&environment);
    assert_eq!(whole.len(), 2);
    let (one, two) = (fs::read(path(&first)).unwrap(), fs::read(path(&second)).unwrap());
    fs::write(path(&first), "{").unwrap();
    fs::remove_file(path(&second)).unwrap();
    let (status, report) = environment.json(&["doctor", "in", "--fix"]);
    assert_eq!(status, 1, "{report:#}");
    assert!(report["findings"].as_array().unwrap().iter().any(|finding| finding["code"] == "referrer.gone"), "{report:#}");
    assert_eq!(list(&environment), whole);
    fs::write(path(&first), one).unwrap();
    fs::write(path(&second), two).unwrap();
    environment.ok(&["doctor", "in"]);
    // Whoever knows that it is gone for good takes it off by its name.
    fs::remove_file(path(&second)).unwrap();
    environment.ok(&["detach", "in:app:1", &second]);
    assert_eq!(list(&environment), [first]);
    environment.ok(&["doctor", "in"]);
}

/// skopeo copies a referrer under a name, and keeps no artifact type: such an entry looks as if it were an image.
#[test]
fn a_damaged_entry_with_a_name_may_refer_to_any_image() {
    let environment = Environment::new();
    let mut layout = Layout::new().image("app:1", &app());
    let ended = json!({"vnd.microsoft.artifact.lifecycle.end-of-life.date": "2020-01-01"});
    let says = json!({"artifactType": "application/vnd.microsoft.artifact.lifecycle", "annotations": ended});
    let statement = referrer(&mut layout, &descriptor(&app()), says);
    layout.entry("statements:1", statement.bare());
    layout.write(&environment.join("in"));
    let at = ["--at", "2026-11-21"];
    environment.ok(&["collection", "create", "in:suite", "in:app:1"]);
    let (status, report) = environment.json(&[&["lifecycle", "check", "in:app:1"][..], &at].concat());
    assert_eq!((status, &report["denied"]), (1, &json!(1)), "{report:#}");
    // It goes where the image goes, whichever verb takes it there, and closes the gate there too.
    let takes = [
        "copy in:app:1 OUT:app:1",
        "copy in OUT --all",
        "index in:app:1 -o OUT:app:1",
        "collection create suite in:app:1 -o OUT",
        "attach in:app:1 --type application/x-report -o OUT:app:1",
    ];
    let take = |words: &str, place: &str| environment.json(&words.replace("OUT", place).split(' ').collect::<Vec<_>>());
    for (number, words) in takes.iter().enumerate() {
        let place = format!("out{number}");
        assert_eq!(take(words, &place).0, 0, "{words}");
        let (_, report) = environment.json(&[&["lifecycle", "check", &place][..], &at].concat());
        assert_eq!(report["denied"], json!(1), "{words} {report:#}");
    }
    environment.ok(&["collection", "check", "in:suite"]);
    let (_, report) = environment.json(&["collection", "show", "in:suite"]);
    assert!(report["members"].to_string().contains(&statement.digest), "{report:#}");
    let (_, report) = environment.json(&["rm", "in:app:1", "--dry-run"]);
    assert!(report["findings"].to_string().contains("rm.orphans"), "{report:#}");
    // The same number of bytes, and another digest.
    let file = environment.join("in/blobs").join(statement.digest.replace(':', "/"));
    let mut flipped = fs::read(&file).unwrap();
    flipped[10] ^= 1;
    fs::write(file, flipped).unwrap();
    let mut verbs = vec![vec!["referrers", "in:app:1"], vec!["inspect", "in:app:1"]];
    for verb in ["show", "history", "check"] {
        verbs.push([&["lifecycle", verb, "in:app:1"][..], if verb == "history" { &[] } else { &at }].concat());
    }
    for verb in verbs {
        let (status, report) = environment.json(&verb);
        let told = report.to_string().contains("blob.digest_mismatch");
        assert!(status == 1 && told, "{verb:?}: {status} {report:#}");
    }
    for (number, words) in takes.iter().enumerate() {
        let (status, report) = take(words, &format!("doubtful{number}"));
        assert!(status == 1 && report.to_string().contains("blob.digest_mismatch"), "{words}: {status} {report:#}");
    }
    for verb in [["collection", "check", "in:suite"], ["collection", "show", "in:suite"]] {
        let (status, report) = environment.json(&verb);
        assert!(status == 1 && report.to_string().contains("blob.digest_mismatch"), "{verb:?}: {status} {report:#}");
    }
    // Nobody knows that it is a statement, so it denies no image.
    let (_, report) = environment.json(&[&["lifecycle", "check", "in:app:1"][..], &at].concat());
    assert_eq!(report["denied"], json!(0), "{report:#}");
    // Whoever looks at everything hears of it once.
    let (_, report) = environment.json(&[&["lifecycle", "check", "in"][..], &at].concat());
    assert_eq!(report["findings"].as_array().unwrap().len(), 1, "{report:#}");
}

/// An index within an index lists it too, so it is a part of an image and stays when it is taken off the list of referrers.
#[test]
fn what_an_index_within_an_index_lists_is_not_deleted_with_its_last_mention() {
    let environment = Environment::new();
    let place = environment.join("in");
    Layout::new().image("app:1", &app()).write(&place);
    let (_, report) = environment.json(&["attach", "in:app:1", "--type", "application/x-report"]);
    let attached = report["attached"][0]["digest"].as_str().unwrap();
    let blob = |digest: &str| place.join("blobs").join(digest.replace(':', "/"));
    let add = |children: Value| {
        let bytes = serde_json::to_vec(&json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": children})).unwrap();
        let digest = digest(&bytes);
        fs::write(blob(&digest), &bytes).unwrap();
        json!({"mediaType": INDEX, "digest": digest, "size": bytes.len()})
    };
    let child = json!({"mediaType": MANIFEST, "digest": attached, "size": fs::metadata(blob(attached)).unwrap().len()});
    let inner = add(json!([descriptor(&app()), child]));
    let mut outer = add(json!([inner]));
    outer["annotations"] = json!({"org.opencontainers.image.ref.name": "bundle:1"});
    let mut index = Contents::of(&place).index();
    index["manifests"].as_array_mut().unwrap().push(outer);
    fs::write(place.join("index.json"), serde_json::to_vec(&index).unwrap()).unwrap();

    environment.ok(&["detach", "in:app:1", attached]);
    assert!(blob(attached).exists(), "the index within bundle:1 has lost a part");
    environment.ok(&["fsck", "in"]);
}

/// An index that is damaged may list what is taken off the lists of referrers as a part of its own: it stays, and that is told.
#[test]
fn what_a_damaged_index_may_list_is_not_deleted_with_its_last_mention() {
    let environment = Environment::new();
    let mut layout = Layout::new().image("app:1", &app());
    let bundle = index(&mut layout, &json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [descriptor(&app())]}));
    layout.entry("bundle:1", bundle.clone());
    layout.write(&environment.join("in"));
    let attach = || {
        let (_, report) = environment.json(&["attach", "in:app:1", "--type", "application/x-report"]);
        report["attached"][0]["digest"].as_str().unwrap().to_owned()
    };
    let path = |digest: &str| environment.join("in/blobs").join(digest.replace(':', "/"));
    let sound = attach();
    let (status, report) = environment.json(&["detach", "in:app:1", &sound]);
    assert_eq!((status, report["findings"].as_array().unwrap().len(), path(&sound).exists()), (0, 0, false), "{report:#}");

    fs::write(path(bundle["digest"].as_str().unwrap()), "{").unwrap();
    let doubted = attach();
    let (status, report) = environment.json(&["detach", "in:app:1", &doubted]);
    assert!(path(&doubted).exists(), "{status} {report:#}");
    let told = &report["findings"][0];
    assert_eq!(told["code"], "descriptor.size_mismatch", "{report:#}");
    assert_eq!(told["details"], json!([format!("it may list {doubted}, whose manifest stays")]), "{report:#}");
}
