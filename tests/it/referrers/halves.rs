//! `gc` where something that is listed is not here: half a copy, a sparse index.

use serde_json::{Value, json};

use super::made::referrer;
use super::saved::base64;
use crate::support::environment::snapshot;
use crate::support::image::{INDEX, Layer, MANIFEST, digest};
use crate::support::{Contents, Environment, Image, Layout, layer};

fn app() -> Image {
    Image::of(&[&layer(&["os=1"]), &layer(&["app=1"])])
}

fn tool() -> Image {
    Image::of(&[&layer(&["os=2"]), &layer(&["tool=1"])])
}

/// Everything of `layout` but the blob under `digest`, in `in`.
fn without(layout: &Layout, digest: &str) -> Environment {
    let environment = Environment::new();
    let blobs = layout.blobs.iter().filter(|(name, _)| *name != digest).map(|(name, bytes)| (name.clone(), bytes.clone())).collect();
    Layout { blobs, entries: layout.entries.clone() }.write(&environment.join("in"));
    environment
}

/// Refused with all that `told` says, and nothing is another afterwards.
fn refused(environment: &Environment, told: &[&str]) {
    let before = snapshot(environment.path());
    for arguments in [&["gc", "in", "--grace", "0"][..], &["gc", "in", "--grace", "0", "--apply"]] {
        let outcome = environment.refused(arguments, "blob.missing", 4);
        for word in ["nothing was deleted"].iter().chain(told) {
            assert!(outcome.err.contains(word), "{word}: {}", outcome.err);
        }
    }
    assert!(before == snapshot(environment.path()));
}

/// Which blobs an image has, without the manifest.
fn parts(image: &Image) -> Vec<String> {
    image.layers.iter().map(Layer::digest).chain([digest(&image.config_bytes())]).collect()
}

#[test]
fn of_half_a_copy_nothing_is_deleted() {
    let mut unnamed = Layout::new().image("tool:1", &tool());
    let entry = unnamed.store(&app());
    unnamed.entry("", entry);
    for (layout, told) in [(Layout::new().image("tool:1", &tool()).image("app:1", &app()), "app:1"), (unnamed, "linux/amd64")] {
        let environment = without(&layout, &app().digest());
        refused(&environment, &[told, &app().digest(), "airbase rm"]);
        // The manifest comes: the image is whole.
        let name = environment.join("in/blobs").join(app().digest().replace(':', "/"));
        std::fs::write(&name, app().manifest_bytes()).unwrap();
        environment.ok(&["gc", "in", "--grace", "0", "--apply"]);
        environment.ok(&["fsck", "in"]);
        // It will never come, and the user says so.
        std::fs::remove_file(name).unwrap();
        environment.ok(&["rm", &format!("in@{}", app().digest())]);
        environment.ok(&["gc", "in", "--grace", "0", "--apply"]);
        let blobs = Contents::of(&environment.join("in")).blobs();
        assert!(parts(&app()).iter().all(|part| !blobs.contains_key(part)) && parts(&tool()).iter().all(|part| blobs.contains_key(part)));
    }
}

/// A list of referrers, and what refers to something, may be the half that is not here.
#[test]
fn of_half_a_referrer_nothing_is_deleted() {
    for named in [false, true] {
        let mut layout = Layout::new().image("tool:1", &tool());
        let subject = json!({"mediaType": MANIFEST, "digest": app().digest(), "size": app().manifest_bytes().len()});
        let made = referrer(&mut layout, &subject, json!({}));
        let mut entry = made.child();
        entry["annotations"] = json!({"io.containerd.manifest.subject": app().digest()});
        layout.entry(if named { "report:1" } else { "" }, entry);
        let environment = without(&layout, &made.digest);
        refused(&environment, &[&made.digest]);
    }
}

/// What an index embeds is here, and its layers are needed.
#[test]
fn an_embedded_manifest_keeps_its_layers() {
    let mut layout = Layout::new();
    let mut entry = layout.store(&app());
    entry["data"] = json!(base64(&app().manifest_bytes()));
    layout.entry("app:1", entry);
    let environment = without(&layout, &app().digest());
    let before = snapshot(environment.path());
    environment.ok(&["gc", "in", "--grace", "0", "--apply"]);
    assert!(before == snapshot(environment.path()));
}

/// `index:1` of two platforms, of which the second is not here, and `more` besides.
fn sparse(more: &mut dyn FnMut(&mut Layout)) -> Environment {
    let second = app().platform("arm64");
    let mut layout = Layout::new().index("index:1", &[&app(), &second], json!({}));
    more(&mut layout);
    without(&layout, &second.digest())
}

/// A sparse index and half a copy of a whole one look alike, so nothing goes until the user says which it is.
#[test]
fn what_an_absent_platform_may_need_stays_until_the_user_says_otherwise() {
    let second = app().platform("arm64");
    let environment = sparse(&mut |_| {});
    refused(&environment, &["linux/arm64", &second.digest(), "--allow-sparse"]);
    let (status, report) = environment.json(&["gc", "in", "--grace", "0", "--apply", "--allow-sparse"]);
    assert_eq!((status, &report["blobs"]), (0, &json!([digest(&second.config_bytes())])), "{report:#}");
    // Where nothing would go there is nothing to ask, and it is told.
    let (status, report) = environment.json(&["gc", "in", "--grace", "0", "--apply"]);
    assert_eq!((status, &report["findings"][0]["code"], &report["findings"][0]["severity"]), (0, &json!("blob.missing"), &json!("note")));
    let told = |report: &Value| report["findings"][0]["details"].to_string().contains(&second.digest());
    assert!(told(&report), "{report:#}");
    // Young blobs stay anyway.
    let stray = b"young";
    std::fs::write(environment.join("in/blobs").join(digest(stray).replace(':', "/")), stray).unwrap();
    let (status, report) = environment.json(&["gc", "in", "--apply"]);
    assert_eq!((status, &report["kept"]["young"]), (0, &json!(1)), "{report:#}");
    refused(&environment, &[&second.digest()]);
}

/// An entry that refers to an image which an absent index may list goes as little.
#[test]
fn who_refers_to_what_an_absent_index_may_list_stays() {
    let inner = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": []}).to_string();
    let environment = sparse(&mut |layout| {
        let child = json!({"mediaType": INDEX, "digest": digest(inner.as_bytes()), "size": inner.len()});
        let outer = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [child]}).to_string();
        let outer_entry = json!({"mediaType": INDEX, "digest": layout.blob(outer.as_bytes()), "size": outer.len()});
        layout.entry("outer:1", outer_entry);
        let subject = json!({"mediaType": MANIFEST, "digest": digest(b"elsewhere"), "size": 9});
        let made = referrer(layout, &subject, json!({}));
        layout.entry("", made.child());
    });
    refused(&environment, &[&digest(inner.as_bytes())]);
}

/// After `rm` the image is here until it is collected, so that it is not here would be wrong.
#[test]
fn why_an_entry_goes_is_told_as_it_is() {
    let reasons = |subject: &Image, keep: bool| {
        let mut layout = Layout::new().image("tool:1", &tool());
        let described = json!({"mediaType": MANIFEST, "digest": subject.digest(), "size": subject.manifest_bytes().len()});
        if keep {
            layout.store(subject);
        }
        let made = referrer(&mut layout, &described, json!({}));
        let list = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [made.child()]}).to_string();
        let listed = json!({"mediaType": INDEX, "digest": layout.blob(list.as_bytes()), "size": list.len()});
        layout.entry("", made.child());
        layout.entry(&subject.digest().replace(':', "-"), listed);
        let environment = Environment::new();
        layout.write(&environment.join("in"));
        let (_, report) = environment.json(&["gc", "in", "--grace", "0"]);
        report["entries"].as_array().unwrap().iter().map(|gone| gone["why"].as_str().unwrap().to_owned()).collect::<Vec<String>>()
    };
    let here = ["it refers to something that nothing lists", "a list of referrers of something that nothing lists"];
    assert_eq!(reasons(&app(), true), here);
    let absent = ["it refers to something that is not here", "a list of referrers of something that is not here"];
    assert_eq!(reasons(&app(), false), absent);
}
