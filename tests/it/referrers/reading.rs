//! What other clients wrote, who sees it, and what `doctor --fix` makes of it. Who sees what was measured with the clients
//! themselves (oras 1.3.3, regctl 0.11.7, zot), on layouts of these forms.

use serde_json::{Value, json};

use super::made::{Made, referrer};
use crate::support::environment::snapshot;
use crate::support::image::{INDEX, MANIFEST, digest};
use crate::support::{Contents, Environment, Image, Layout, layer};

fn image() -> Image {
    Image::of(&[&layer(&["os=1"])])
}

/// A layout with `app:1`, and a referrer of it that is only a blob so far.
fn sample() -> (Layout, Made) {
    let mut layout = Layout::new().image("app:1", &image());
    let subject = json!({"mediaType": MANIFEST, "digest": image().digest(), "size": image().manifest_bytes().len()});
    let made = referrer(&mut layout, &subject, json!({"annotations": {"who": "them"}}));
    (layout, made)
}

fn tag() -> String {
    image().digest().replace(':', "-")
}

/// Lists `children` under the fallback tag.
fn list(layout: &mut Layout, children: &[Value]) {
    let bytes = serde_json::to_vec(&json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": children})).unwrap();
    let digest = layout.blob(&bytes);
    layout.entry(&tag(), json!({"mediaType": INDEX, "digest": digest, "size": bytes.len()}));
}

fn codes(referrer: &Value) -> Vec<&str> {
    referrer["findings"].as_array().unwrap().iter().map(|finding| finding["code"].as_str().unwrap()).collect()
}

/// Who sees a referrer, and what is wrong with it.
type Examined = (Value, Vec<String>);

/// What `doctor` says: of each referrer who sees it and what is wrong, and what is wrong with the lists.
fn examined(environment: &Environment, arguments: &[&str]) -> (i32, Vec<Examined>, Vec<String>) {
    let (status, report) = environment.json(&[&["doctor"], arguments].concat());
    let referrers = report["referrers"].as_array().unwrap();
    let each = referrers.iter().map(|each| (each["seenBy"].clone(), codes(each).into_iter().map(str::to_owned).collect())).collect();
    (status, each, codes(&report).into_iter().map(str::to_owned).collect())
}

fn seen(oras: bool, regctl: bool, zot: bool) -> Value {
    json!({"oras": oras, "regctl": regctl, "zot": zot})
}

type Make = fn(&mut Layout, &Made);
/// The form, how it is made, who sees it, what is wrong with it, what is wrong with the lists.
type Form<'a> = (&'a str, Make, Value, &'a [&'a str], &'a [&'a str]);

#[test]
fn every_form_is_found_examined_and_mended() {
    let forms: &[Form<'_>] = &[
        ("an entry", |layout, made| layout.entry("", made.entry()), seen(true, false, true), &["referrer.no_fallback"], &[]),
        ("a bare entry", |layout, made| layout.entry("", made.bare()), seen(true, false, true), &["referrer.no_fallback"], &[]),
        ("the fallback tag", |layout, made| list(layout, &[made.child()]), seen(true, true, false), &["referrer.no_entry"], &[]),
        (
            "a bare list",
            |layout, made| {
                list(layout, &[made.bare()]);
                layout.entry("", made.bare());
            },
            seen(true, true, true),
            &["referrer.not_mirrored"],
            &[],
        ),
        (
            "an index that says of whom it lists them",
            |layout, made| {
                let bytes = serde_json::to_vec(&json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [made.child()]})).unwrap();
                let mut entry = json!({"mediaType": INDEX, "digest": layout.blob(&bytes), "size": bytes.len()});
                entry["annotations"]["org.opencontainers.image.referrer.subject"] = json!(image().digest());
                layout.entry("", entry);
            },
            seen(true, false, false),
            &["referrer.no_fallback", "referrer.no_entry"],
            &[],
        ),
        ("a blob", |_, _| (), seen(false, false, false), &["referrer.blob_only"], &[]),
        (
            "an entry with a wrong size",
            |layout, made| {
                let mut entry = made.entry();
                entry["size"] = json!(7);
                layout.entry("", entry);
                list(layout, &[made.child()]);
            },
            seen(false, true, true),
            &["referrer.size"],
            &[],
        ),
        (
            "a stranger beside it",
            |layout, made| {
                layout.entry("", made.entry());
                list(
                    layout,
                    &[made.child(), json!({"mediaType": MANIFEST, "digest": image().digest(), "size": image().manifest_bytes().len()})],
                );
            },
            seen(true, true, true),
            &[],
            &["referrer.stranger"],
        ),
    ];
    for (form, make, seen_by, wrong, lists) in forms {
        let (mut layout, made) = sample();
        make(&mut layout, &made);
        let environment = Environment::new();
        layout.write(&environment.join("in"));
        let owned = |codes: &[&str]| codes.iter().map(|code| (*code).to_owned()).collect::<Vec<_>>();
        // A blob alone may be what was detached, so it is only noted.
        let status = i32::from(*form != "a blob");
        assert_eq!(examined(&environment, &["in"]), (status, vec![(seen_by.clone(), owned(wrong))], owned(lists)), "{form}");
        let (_, shown) = environment.json(&["referrers", "in:app:1"]);
        let found = shown["subjects"][0]["referrers"].as_array().unwrap();
        assert_eq!(found.len(), usize::from(*form != "a blob"), "{form}: {shown:#}");

        if *form == "a blob" {
            environment.ok(&["doctor", "in", "--fix"]);
            assert_eq!(examined(&environment, &["in"]).1, [(seen_by.clone(), owned(wrong))]);
        }
        let (status, report) = environment.json(&["doctor", "in", "--fix", "--adopt"]);
        assert_eq!((status, &report["changed"]), (0, &json!(true)), "{form}: {report:#}");
        assert_eq!(examined(&environment, &["in"]), (0, vec![(seen(true, true, true), vec![])], vec![]), "{form}");
        // Both forms, and the image where it was.
        let contents = Contents::of(&environment.join("in"));
        contents.whole();
        assert_eq!(contents.named("app:1").unwrap(), image().digest());
        assert_eq!(contents.json(&contents.named(&tag()).unwrap())["manifests"], json!([made.child()]), "{form}");
        let lists = |entry: &Value| entry["annotations"].get("org.opencontainers.image.referrer.subject").is_some();
        let mut unnamed = contents.unnamed();
        unnamed.retain(|digest| !contents.entries().iter().any(|entry| lists(entry) && entry["digest"] == json!(digest)));
        assert_eq!(unnamed, std::slice::from_ref(&made.digest), "{form}");
        let before = snapshot(environment.path());
        environment.ok(&["doctor", "in", "--fix"]);
        assert!(before == snapshot(environment.path()), "{form}: mended twice");
    }
}

/// As olareg writes them (image-spec#1171): no image of their own, kept while their subject lives, gone with it.
#[test]
fn an_index_that_says_of_whom_it_lists_the_referrers_is_no_image() {
    let (mut layout, made) = sample();
    let bytes = serde_json::to_vec(&json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [made.child()]})).unwrap();
    let mut entry = json!({"mediaType": INDEX, "digest": layout.blob(&bytes), "size": bytes.len()});
    entry["annotations"]["org.opencontainers.image.referrer.subject"] = json!(image().digest());
    layout.entry("", entry);
    let environment = Environment::new();
    layout.write(&environment.join("in"));
    // The only image.
    let (_, shown) = environment.json(&["referrers", "in"]);
    let found = &shown["subjects"][0]["referrers"][0];
    assert_eq!((&found["digest"], &found["foundBy"]), (&json!(made.digest), &json!("response")), "{shown:#}");
    environment.ok(&["gc", "in", "--grace", "0", "--apply"]);
    assert_eq!(Contents::of(&environment.join("in")).entries(), layout.entries);
    environment.ok(&["copy", "in", "out"]);
    assert_eq!(environment.json(&["referrers", "out"]).1["subjects"][0]["referrers"][0]["digest"], json!(made.digest));
    environment.ok(&["rm", "in", "--referrers"]);
    environment.ok(&["gc", "in", "--grace", "0", "--apply", "--allow-empty"]);
    let contents = Contents::of(&environment.join("in"));
    assert_eq!((contents.entries().len(), contents.blobs().len()), (0, 0));
}

#[test]
fn what_cannot_be_mended_is_told_and_left() {
    let environment = Environment::new();
    // The size and the media type of the subject stand in the manifest, whose digest they are part of.
    for (name, wrong) in [("size", json!({"size": 7})), ("type", json!({"mediaType": INDEX}))] {
        let mut layout = Layout::new().image("app:1", &image());
        let mut subject = json!({"mediaType": MANIFEST, "digest": image().digest(), "size": image().manifest_bytes().len()});
        subject.as_object_mut().unwrap().extend(wrong.as_object().unwrap().clone());
        let made = referrer(&mut layout, &subject, json!({}));
        layout.entry("", made.entry());
        list(&mut layout, &[made.child()]);
        layout.write(&environment.join(name));
        let expected = (1, vec![(seen(false, true, true), vec!["referrer.subject".to_owned()])], vec![]);
        assert_eq!(examined(&environment, &[name]), expected);
        assert_eq!(examined(&environment, &[name, "--fix"]), expected);
    }
    // A fallback tag that is an image may be its only name.
    let (mut layout, made) = sample();
    layout.entry("", made.entry());
    let other = Image::of(&[&layer(&["other=1"])]);
    let entry = layout.store(&other);
    layout.entry(&tag(), entry);
    layout.write(&environment.join("taken"));
    for arguments in [&["taken"][..], &["taken", "--fix"]] {
        let (status, _, lists) = examined(&environment, arguments);
        assert_eq!((status, lists), (1, vec!["referrer.fallback_tag".to_owned()]));
    }
    assert_eq!(Contents::of(&environment.join("taken")).named(&tag()).unwrap(), other.digest());
    // A subject that is not there is legal.
    let mut layout = Layout::new();
    let made = referrer(&mut layout, &json!({"mediaType": MANIFEST, "digest": digest(b"absent"), "size": 6}), json!({}));
    layout.entry("", made.entry());
    layout.write(&environment.join("dangling"));
    let (status, each, _) = examined(&environment, &["dangling"]);
    assert_eq!((status, &each[0].1), (1, &vec!["referrer.no_fallback".to_owned(), "referrer.dangling".to_owned()]));
    let (status, each, _) = examined(&environment, &["dangling", "--fix"]);
    assert_eq!((status, each.len()), (0, 1));
    // An archive is looked at and not changed.
    layout.write_archive(&environment.join("in.tar"));
    assert_eq!(examined(&environment, &["in.tar"]).0, 1);
    environment.refused(&["doctor", "in.tar", "--fix"], "usage.output", 2);
}

#[test]
fn artifact_manifests_become_image_manifests() {
    for (media_type, key) in [
        ("application/vnd.oci.artifact.manifest.v1+json", "org.opencontainers.artifact.created"),
        ("application/vnd.cncf.oras.artifact.manifest.v1+json", "io.cncf.oras.artifact.created"),
    ] {
        let mut layout = Layout::new().image("app:1", &image());
        let content = layout.blob(b"the report");
        let blob = json!({"mediaType": "text/plain", "digest": content, "size": 10, "annotations": {"org.opencontainers.image.title": "report.txt"}});
        let subject = json!({"mediaType": MANIFEST, "digest": image().digest(), "size": image().manifest_bytes().len()});
        let old = serde_json::to_vec(&json!({"mediaType": media_type, "artifactType": "application/x-report", "blobs": [blob],
            "subject": subject, "annotations": {key: "2022-10-01T00:00:00Z"}}))
        .unwrap();
        let old_digest = layout.blob(&old);
        layout.entry("", json!({"mediaType": media_type, "digest": old_digest, "size": old.len()}));
        let environment = Environment::new();
        layout.write(&environment.join("in"));

        let (_, shown) = environment.json(&["referrers", "in:app:1"]);
        assert_eq!(shown["subjects"][0]["referrers"][0]["artifactType"], "application/x-report", "{shown:#}");
        let (_, each, _) = examined(&environment, &["in"]);
        assert_eq!(each, [(seen(true, false, false), vec!["referrer.no_fallback".to_owned(), "referrer.removed_type".to_owned()])]);

        environment.ok(&["doctor", "in", "--fix"]);
        let contents = Contents::of(&environment.join("in"));
        contents.whole();
        let [new] = contents.unnamed().try_into().unwrap();
        let manifest = contents.json(&new);
        assert_eq!((&manifest["mediaType"], &manifest["artifactType"]), (&json!(MANIFEST), &json!("application/x-report")));
        assert_eq!((&manifest["layers"], &manifest["subject"]), (&json!([blob]), &subject));
        assert_eq!(
            manifest["annotations"],
            json!({key: "2022-10-01T00:00:00Z", "org.opencontainers.image.created": "2022-10-01T00:00:00Z"})
        );
        // The old one lies among the blobs until it is collected.
        let (status, each, _) = examined(&environment, &["in"]);
        assert_eq!((status, each.len()), (0, 2), "{each:?}");
    }
}

#[test]
fn the_tags_of_cosign_are_referrers_with_a_name() {
    let (mut layout, _) = sample();
    let signature = Image::of(&[&layer(&["signature=1"])]);
    let entry = layout.store(&signature);
    layout.entry(&format!("{}.sig", tag()), entry);
    let environment = Environment::new();
    layout.write(&environment.join("in"));
    let (_, shown) = environment.json(&["referrers", "in:app:1"]);
    let found = &shown["subjects"][0]["referrers"][0];
    assert_eq!((&found["digest"], &found["foundBy"], &found["class"]), (&json!(signature.digest()), &json!("tag"), &json!("named")));
    assert_eq!(found["names"], json!([format!("{}.sig", tag())]));
    // oras and regctl follow it only when they are told to.
    let (_, each, _) = examined(&environment, &["in"]);
    assert!(each.contains(&(seen(false, false, false), vec![])), "{each:?}");
}

#[test]
fn attestations_inside_an_index_are_embedded() {
    let mut layout = Layout::new();
    let entry = layout.store(&image());
    let subject = json!({"mediaType": MANIFEST, "digest": image().digest(), "size": image().manifest_bytes().len()});
    let made = referrer(&mut layout, &subject, json!({"artifactType": "application/vnd.docker.attestation.manifest.v1+json"}));
    let mut child = made.bare();
    child["platform"] = json!({"architecture": "unknown", "os": "unknown"});
    child["annotations"] = json!({"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": image().digest()});
    let index = serde_json::to_vec(&json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry, child]})).unwrap();
    let index_digest = layout.blob(&index);
    layout.entry("app:1", json!({"mediaType": INDEX, "digest": index_digest, "size": index.len()}));
    let environment = Environment::new();
    layout.write(&environment.join("in"));
    let (_, shown) = environment.json(&["referrers", "in:app:1"]);
    assert_eq!(shown["subjects"][0]["referrers"], json!([]));
    let found = &shown["subjects"][1]["referrers"];
    assert_eq!(
        (&found[0]["digest"], &found[0]["class"], &found[0]["foundBy"]),
        (&json!(made.digest), &json!("embedded"), &json!("index")),
        "{shown:#}"
    );
    // It belongs to the index, so there is nothing to mend.
    environment.ok(&["doctor", "in"]);
    // And nobody can attach to it or take it away as if it were not part of the image.
    environment.refused(&["detach", "in:app:1", &made.digest], "ref.not_found", 4);
}

#[test]
fn a_platform_with_referrers_gets_an_entry() {
    let mut layout = Layout::new().index("app:1", &[&image(), &image().platform("arm64")], json!({}));
    let subject = json!({"mediaType": MANIFEST, "digest": image().digest(), "size": image().manifest_bytes().len()});
    let made = referrer(&mut layout, &subject, json!({}));
    layout.entry("", made.entry());
    list(&mut layout, &[made.child()]);
    let environment = Environment::new();
    layout.write(&environment.join("in"));
    let (status, each, _) = examined(&environment, &["in"]);
    assert_eq!((status, each), (1, vec![(seen(true, true, true), vec!["referrer.child_entry".to_owned()])]));
    environment.ok(&["doctor", "in", "--fix"]);
    assert!(Contents::of(&environment.join("in")).unnamed().contains(&image().digest()));
    environment.ok(&["doctor", "in"]);
}

/// A killed writer leaves it so: the subject is a platform without an entry, and the referrer is a blob that nothing lists.
#[test]
fn what_nothing_lists_asks_for_no_entry_of_its_subject() {
    let mut layout = Layout::new().index("app:1", &[&image(), &image().platform("arm64")], json!({}));
    let subject = json!({"mediaType": MANIFEST, "digest": image().digest(), "size": image().manifest_bytes().len()});
    referrer(&mut layout, &subject, json!({}));
    let environment = Environment::new();
    layout.write(&environment.join("in"));
    let unlisted = (0, vec![(seen(false, false, false), vec!["referrer.blob_only".to_owned()])], vec![]);
    assert_eq!(examined(&environment, &["in"]), unlisted);
    let before = snapshot(environment.path());
    let (status, report) = environment.json(&["doctor", "in", "--fix"]);
    assert_eq!((status, &report["changed"], &report["mended"], &report["left"]), (0, &json!(false), &json!(0), &json!(0)), "{report:#}");
    assert!(before == snapshot(environment.path()), "something was written");
    // Whoever lists it gives the platform its entry at the same time.
    let (status, report) = environment.json(&["doctor", "in", "--fix", "--adopt"]);
    assert_eq!((status, &report["mended"], &report["left"]), (0, &json!(1), &json!(0)), "{report:#}");
    assert!(Contents::of(&environment.join("in")).unnamed().contains(&image().digest()));
    environment.ok(&["doctor", "in"]);
}

/// What only the list leads to would be deleted by the next `gc` if it went off the list, whatever it refers to. `copy --all` makes lists
/// anew and tells that it stays behind; where it has an entry of its own, nothing is lost.
#[test]
fn what_only_a_list_leads_to_is_lost_by_nobody_without_a_word() {
    let empty = json!({"mediaType": "application/vnd.oci.empty.v1+json", "digest": digest(b"{}"), "size": 2});
    let elsewhere = json!({"mediaType": MANIFEST, "digest": digest(b"elsewhere"), "size": 9});
    for (subject, has_entry) in [(None, false), (Some(&elsewhere), false), (None, true)] {
        let mut layout = Layout::new().image("app:1", &image());
        layout.blob(b"{}");
        let mut manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "artifactType": "application/vnd.example.lifecycle",
            "config": empty, "layers": [empty], "annotations": {"com.example.eol": "2020-01-01"}});
        if let Some(subject) = subject {
            manifest["subject"] = subject.clone();
        }
        let bytes = serde_json::to_vec(&manifest).unwrap();
        let digest = layout.blob(&bytes);
        let child = json!({"mediaType": MANIFEST, "digest": digest, "size": bytes.len()});
        list(&mut layout, std::slice::from_ref(&child));
        if has_entry {
            layout.entry("", child);
        }
        let environment = Environment::new();
        layout.write(&environment.join("in"));
        let (status, report) = environment.json(&["copy", "--all", "in", "out"]);
        let left =
            report["findings"].as_array().unwrap().iter().any(|left| left["code"] == "copy.left_out" && left["place"] == json!(digest));
        assert_eq!((status, left), (i32::from(!has_entry), !has_entry), "{report:#}");
        assert_eq!(Contents::of(&environment.join("out")).blobs().contains_key(&digest), has_entry);
        // Who asks for no referrers is not told of them.
        environment.ok(&["copy", "--all", "in", "none", "--referrers", "none"]);

        environment.json(&["doctor", "in", "--fix"]);
        assert_eq!(environment.run(&["doctor", "in"]).status, i32::from(!has_entry), "{subject:?} {has_entry}");
        environment.ok(&["gc", "in", "--apply", "--grace", "0"]);
        let contents = Contents::of(&environment.join("in"));
        assert_eq!(contents.blobs().contains_key(&digest), !has_entry || contents.unnamed().contains(&digest), "{subject:?} {has_entry}");
        assert_eq!(contents.named(&tag()).is_some(), !has_entry, "{subject:?} {has_entry}");
    }
}

/// No specification has a list in a list; what refers to the image does so wherever it stands.
#[test]
fn what_stands_on_a_list_in_a_list_is_a_referrer() {
    let (mut layout, made) = sample();
    let inner = serde_json::to_vec(&json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [made.child()]})).unwrap();
    let inner = json!({"mediaType": INDEX, "digest": layout.blob(&inner), "size": inner.len()});
    list(&mut layout, &[inner]);
    let environment = Environment::new();
    layout.write(&environment.join("in"));
    let (_, report) = environment.json(&["referrers", "in:app:1"]);
    assert_eq!(report["subjects"][0]["referrers"][0]["digest"], json!(made.digest), "{report:#}");
    // The index itself is told, and what refers to the image goes along.
    assert_eq!(environment.run(&["copy", "--all", "in", "out"]).status, 1);
    assert!(Contents::of(&environment.join("out")).blobs().contains_key(&made.digest));
    environment.json(&["doctor", "in", "--fix"]);
    environment.ok(&["gc", "in", "--apply", "--grace", "0"]);
    let contents = Contents::of(&environment.join("in"));
    assert!(contents.unnamed().contains(&made.digest));
    let list = contents.json(&contents.named(&tag()).unwrap());
    assert_eq!(list["manifests"].as_array().unwrap().len(), 2, "{list:#}");
}
