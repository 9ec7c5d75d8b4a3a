//! `rm`, `gc`: what goes, what stays, and why.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::made::referrer;
use crate::support::environment::snapshot;
use crate::support::image::{INDEX, MANIFEST, digest};
use crate::support::{Contents, Environment, Image, Layout, layer};

fn app() -> Image {
    Image::of(&[&layer(&["os=1"]), &layer(&["app=1"])])
}

fn tool() -> Image {
    Image::of(&[&layer(&["os=1"]), &layer(&["tool=1"])])
}

/// `app:1` for two platforms and `tool:1`, each with a report, and the signature of that.
fn sample() -> Environment {
    let environment = Environment::new();
    Layout::new().index("app:1", &[&app(), &app().platform("arm64")], json!({})).image("tool:1", &tool()).write(&environment.join("in"));
    for image in ["in:app:1", "in:tool:1"] {
        let report = attach(&environment, image, &["--all"]);
        attach(&environment, &format!("in@{report}"), &[]);
    }
    environment
}

fn attach(environment: &Environment, image: &str, more: &[&str]) -> String {
    let created = ["--type", "application/x-report", "-a", "org.opencontainers.image.created=2026-01-02T03:04:05Z"];
    let (status, report) = environment.json(&[&["attach", image], &created[..], more].concat());
    assert_eq!(status, 0, "{report:#}");
    report["attached"][0]["digest"].as_str().unwrap().to_owned()
}

fn reachable(environment: &Environment) -> BTreeSet<String> {
    Contents::of(&environment.join("in")).whole()
}

#[test]
fn nothing_goes_that_anything_needs() {
    let environment = sample();
    let before = snapshot(environment.path());
    let (_, report) = environment.json(&["gc", "in", "--grace", "0", "--apply"]);
    // Attaching twice left lists that were replaced; nothing else.
    let kept = reachable(&environment);
    let all: BTreeSet<String> = Contents::of(&environment.join("in")).blobs().into_keys().collect();
    assert_eq!(kept, all, "{report:#}");
    assert_eq!(report["entries"], json!([]));
    let gone: Vec<String> = report["blobs"].as_array().unwrap().iter().map(|digest| digest.as_str().unwrap().to_owned()).collect();
    for (path, bytes) in before {
        let name = path.strip_prefix(environment.join("in")).unwrap().to_str().unwrap().to_owned();
        if let Some(named) = name.strip_prefix("blobs/") {
            assert_eq!(!all.contains(&named.replace('/', ":")), gone.contains(&digest(&bytes)), "{name}");
        } else {
            assert_eq!(std::fs::read(&path).unwrap(), bytes, "{name}");
        }
    }
    environment.ok(&["fsck", "in"]);
    environment.ok(&["doctor", "in"]);
}

/// What is attached to one image may spell the digest of another one: a statement who follows it, an SBOM what it was made of. That
/// one is whole all the same.
#[test]
fn what_a_referrer_spells_is_as_whole_as_before() {
    let environment = sample();
    environment.ok(&["lifecycle", "supersede", "in:app:1", "--by", "in:tool:1", "--force"]);
    std::fs::write(environment.join("sbom.json"), json!({"madeOf": [app().digest(), tool().digest()]}).to_string()).unwrap();
    environment.ok(&["attach", "in:app:1", "sbom.json", "--type", "application/x-sbom"]);
    environment.ok(&["attach", "in:tool:1", "sbom.json", "--type", "application/x-sbom"]);
    environment.ok(&["gc", "in", "--grace", "0", "--apply"]);
    let kept = reachable(&environment);
    assert_eq!(kept, Contents::of(&environment.join("in")).blobs().into_keys().collect());
    let (_, named) = environment.json(&["gc", "in"]);
    assert_eq!(named["kept"]["named"], 2, "{named:#}");
    environment.ok(&["fsck", "in"]);
    environment.ok(&["doctor", "in"]);
}

#[test]
fn what_is_young_stays_and_nothing_goes_without_apply() {
    let environment = sample();
    let mut extra = Layout::new();
    let stray = extra.blob(b"nobody names this");
    std::fs::write(environment.join("in/blobs").join(stray.replace(':', "/")), b"nobody names this").unwrap();
    environment.ok(&["rm", "in:app:1", "--referrers"]);
    let before = snapshot(environment.path());
    let (status, shown) = environment.json(&["gc", "in", "--grace", "0"]);
    assert_eq!((status, &shown["applied"]), (0, &json!(false)));
    assert!(shown["blobs"].as_array().unwrap().contains(&json!(stray)), "{shown:#}");
    let (_, young) = environment.json(&["gc", "in", "--apply"]);
    assert_eq!((&young["blobs"], &young["deleted"]["blobs"]), (&json!([]), &json!(0)), "{young:#}");
    assert_eq!(young["kept"]["young"], json!(shown["blobs"].as_array().unwrap().len()));
    assert!(before == snapshot(environment.path()));
    let (_, done) = environment.json(&["gc", "in", "--grace", "0", "--apply"]);
    assert_eq!(done["deleted"]["blobs"], json!(shown["blobs"].as_array().unwrap().len()));
    assert!(before != snapshot(environment.path()));
    let (_, again) = environment.json(&["gc", "in", "--grace", "0", "--apply"]);
    assert_eq!((&again["blobs"], &again["entries"]), (&json!([]), &json!([])));
}

#[test]
fn an_image_goes_with_all_that_refers_to_it_and_nothing_of_others() {
    let environment = sample();
    environment.ok(&["rm", "in:app:1", "--referrers"]);
    let contents = Contents::of(&environment.join("in"));
    // What the tool had before: itself, its report, the signature of that, two lists.
    assert_eq!(contents.entries().len(), 5, "{:#?}", contents.entries());
    environment.ok(&["gc", "in", "--grace", "0", "--apply"]);
    let contents = Contents::of(&environment.join("in"));
    assert_eq!(contents.whole(), contents.blobs().into_keys().collect());
    // The layer that both had.
    assert!(contents.blobs().contains_key(&tool().layers[0].digest()));
    assert!(!contents.blobs().contains_key(&app().layers[1].digest()));
    let (_, shown) = environment.json(&["referrers", "in:tool:1", "--tree"]);
    assert_eq!(shown["subjects"][0]["referrers"][0]["referrers"].as_array().unwrap().len(), 1);
}

#[test]
fn without_its_image_a_referrer_dangles_for_a_grace() {
    let environment = sample();
    let (_, removed) = environment.json(&["rm", "in:app:1"]);
    // The image and the entries of its two platforms.
    assert_eq!(removed["entries"].as_array().unwrap().len(), 3, "{removed:#}");
    let (_, young) = environment.json(&["gc", "in", "--apply"]);
    assert_eq!(young["entries"], json!([]));
    assert!(young["kept"]["dangling"].as_u64().unwrap() > 0, "{young:#}");
    let (_, old) = environment.json(&["gc", "in", "--grace", "0", "--apply"]);
    let whys: BTreeSet<&str> = old["entries"].as_array().unwrap().iter().map(|gone| gone["why"].as_str().unwrap()).collect();
    assert_eq!(whys, BTreeSet::from(["a list of referrers of something that nothing lists", "it refers to something that nothing lists"]));
    let contents = Contents::of(&environment.join("in"));
    assert_eq!(contents.whole(), contents.blobs().into_keys().collect());
    assert_eq!(contents.entries().len(), 5);
}

/// What an image leaves behind is told before it goes, when it goes, and by `doctor` afterwards.
#[test]
fn orphans_are_told_before_and_after() {
    let environment = sample();
    let codes = |arguments: &[&str]| {
        let (status, report) = environment.json(arguments);
        let own = report["findings"].as_array().unwrap().iter();
        let each = report["referrers"].as_array().into_iter().flatten().flat_map(|referrer| referrer["findings"].as_array().unwrap());
        let mut codes: Vec<String> = own.chain(each).map(|finding| finding["code"].as_str().unwrap().to_owned()).collect();
        codes.sort();
        (status, codes, report)
    };
    let before = std::fs::read(environment.join("in/index.json")).unwrap();
    let (status, told, dry) = codes(&["rm", "in:app:1", "--dry-run"]);
    assert_eq!((status, told, &dry["dryRun"]), (0, vec!["rm.orphans".to_owned()], &json!(true)), "{dry:#}");
    assert_eq!(std::fs::read(environment.join("in/index.json")).unwrap(), before);
    let text = environment.ok(&["rm", "in:app:1", "--dry-run"]).out;
    assert!(text.contains("would remove in:app:1") && text.contains("stays behind without it"), "{text}");
    let (_, none, _) = codes(&["rm", "in:app:1", "--dry-run", "--referrers"]);
    assert_eq!(none, Vec::<String>::new());
    assert_eq!(codes(&["doctor", "in"]).1, Vec::<String>::new());

    let (_, told, removed) = codes(&["rm", "in:app:1"]);
    assert_eq!((told, &removed["entries"], &removed["findings"]), (vec!["rm.orphans".to_owned()], &dry["entries"], &dry["findings"]));
    let orphans = removed["findings"][0]["details"].as_array().unwrap();
    let (status, told, report) = codes(&["doctor", "in"]);
    assert_eq!((status, told), (0, vec!["referrer.dangling".to_owned(); orphans.len()]), "{report:#}");
    for referrer in report["referrers"].as_array().unwrap().iter().filter(|referrer| referrer["findings"] != json!([])) {
        let line = format!("{} {}", referrer["artifactType"].as_str().unwrap(), referrer["digest"].as_str().unwrap());
        assert!(orphans.contains(&json!(line)), "{line}: {orphans:?}");
    }
    // The image is still among the blobs, and with a name they are nobody's orphans.
    environment.ok(&["tag", &format!("in@{}", removed["digest"].as_str().unwrap()), "app:1"]);
    assert!(!codes(&["doctor", "in"]).1.contains(&"referrer.dangling".to_owned()));
}

#[test]
fn one_name_of_several_goes_alone() {
    let environment = sample();
    environment.ok(&["tag", "in:tool:1", "tool:stable"]);
    let entries = Contents::of(&environment.join("in")).entries().len();
    let (_, report) = environment.json(&["rm", "in:tool:1", "--referrers"]);
    assert_eq!(report["findings"][0]["code"], "rm.still_named", "{report:#}");
    let contents = Contents::of(&environment.join("in"));
    assert_eq!(
        (contents.entries().len(), contents.named("tool:1"), contents.named("tool:stable")),
        (entries - 1, None, Some(tool().digest()))
    );
    environment.refused(&["rm", "in:tool:1"], "ref.not_found", 4);
    environment.refused(&["rm", &format!("in@{}", digest(b"no"))], "ref.not_found", 4);
    Layout::new().image("x", &tool()).write_archive(&environment.join("in.tar"));
    environment.refused(&["rm", "in.tar:x"], "usage.output", 2);
    environment.refused(&["gc", "in.tar"], "usage.output", 2);
}

#[test]
fn a_list_of_referrers_goes_alone_and_can_be_made_again() {
    let environment = sample();
    let before = Contents::of(&environment.join("in"));
    let tag = tool().digest().replace(':', "-");
    let (_, report) = environment.json(&["rm", &format!("in:{tag}")]);
    assert_eq!(report["entries"].as_array().unwrap().len(), 1, "{report:#}");
    let contents = Contents::of(&environment.join("in"));
    assert_eq!(contents.entries().len(), before.entries().len() - 1);
    environment.ok(&["doctor", "in", "--fix"]);
    assert_eq!(Contents::of(&environment.join("in")).named(&tag), before.named(&tag));
}

#[test]
fn what_is_not_understood_loses_nothing() {
    let environment = Environment::new();
    let mut layout = Layout::new().image("tool:1", &tool());
    // A document of a kind that nobody knows spells two digests; one is a blob here.
    let needed = layout.blob(b"needed by something new");
    let unknown = serde_json::to_vec(&json!({"parts": [needed, digest(b"elsewhere")]})).unwrap();
    let unknown_digest = layout.blob(&unknown);
    layout.entry("new:1", json!({"mediaType": "application/x-new", "digest": unknown_digest, "size": unknown.len()}));
    // A manifest that is damaged JSON.
    let also = layout.blob(b"needed by something broken");
    let broken = format!(r#"{{"schemaVersion":2,"layers":[{{"digest":"{also}"}}]"#).into_bytes();
    let broken_digest = layout.blob(&broken);
    layout.entry("", json!({"mediaType": MANIFEST, "digest": broken_digest, "size": broken.len()}));
    // A bundle as cosign saves it: a manifest that nothing lists.
    let subject = json!({"mediaType": MANIFEST, "digest": tool().digest(), "size": tool().manifest_bytes().len()});
    let bundle = referrer(&mut layout, &subject, json!({}));
    // A file that is no blob, and a blob under a link.
    layout.write(&environment.join("in"));
    std::fs::write(environment.join("in/notes.txt"), "mine").unwrap();
    std::fs::write(environment.join("in/blobs/sha256/not-a-digest"), "mine").unwrap();
    environment.ok(&["gc", "in", "--grace", "0", "--apply"]);
    let blobs = Contents::of(&environment.join("in")).files;
    for kept in [&needed, &unknown_digest, &also, &broken_digest, &bundle.digest] {
        assert!(blobs.contains_key(&format!("blobs/{}", kept.replace(':', "/"))), "{kept}");
    }
    assert!(blobs.contains_key("notes.txt") && blobs.contains_key("blobs/sha256/not-a-digest"));
}

/// What something unknown spells may be spelled before a manifest names it too, and then all that the manifest needs is there still.
#[test]
fn what_is_spelled_is_kept_with_all_that_it_needs() {
    let environment = Environment::new();
    let mut layout = Layout::new();
    let spelled = tool().digest();
    layout.store(&tool());
    let unknown = serde_json::to_vec(&json!({"uses": spelled})).unwrap();
    let unknown_digest = layout.blob(&unknown);
    layout.entry("new:1", json!({"mediaType": "application/x-new", "digest": unknown_digest, "size": unknown.len()}));
    layout.write(&environment.join("in"));
    let before = snapshot(environment.path());
    environment.ok(&["gc", "in", "--grace", "0", "--apply"]);
    assert!(before == snapshot(environment.path()));
}

/// The document of a statement says which statements it replaces; those are on the list still, with documents of their own.
#[test]
fn statements_keep_their_documents() {
    let environment = sample();
    for end in ["2026-12-01", "2027-01-01", "2027-02-01"] {
        environment.ok(&["lifecycle", "set", "in:app:1", "--eol", end, "--at", "2026-11-21"]);
    }
    environment.ok(&["gc", "in", "--grace", "0", "--apply"]);
    let (_, history) = environment.json(&["lifecycle", "history", "in:app:1", "--at", "2026-11-21"]);
    for subject in history["subjects"].as_array().unwrap() {
        assert_eq!(subject["statements"].as_array().unwrap().len(), 3, "{history:#}");
    }
    let all: BTreeSet<String> = Contents::of(&environment.join("in")).blobs().into_keys().collect();
    assert_eq!(reachable(&environment), all);
    // One that left the lists goes when it is named, and what it said with the next collection.
    let compacted = environment.json(&["lifecycle", "compact", "in:app:1", "--at", "2026-11-21"]).1;
    for subject in compacted["subjects"].as_array().unwrap() {
        for removed in subject["removed"].as_array().unwrap() {
            environment.ok(&["detach", "in:app:1", removed["digest"].as_str().unwrap()]);
        }
    }
    environment.ok(&["gc", "in", "--grace", "0", "--apply"]);
    let left: BTreeSet<String> = Contents::of(&environment.join("in")).blobs().into_keys().collect();
    assert_eq!(reachable(&environment), left);
    assert!(left.len() < all.len());
}

/// What a damaged manifest names cannot be known, and may be all that is left to mend it.
#[test]
fn beside_a_damaged_document_nothing_is_deleted() {
    let environment = sample();
    let path = environment.join("in/blobs").join(tool().digest().replace(':', "/"));
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[20] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    environment.ok(&["rm", "in:app:1", "--referrers"]);
    let before = snapshot(environment.path());
    for arguments in [&["gc", "in", "--grace", "0"][..], &["gc", "in", "--grace", "0", "--apply"]] {
        let outcome = environment.refused(arguments, "blob.digest_mismatch", 3);
        assert!(outcome.err.contains("nothing was deleted"), "{}", outcome.err);
    }
    assert!(before == snapshot(environment.path()));
}

#[test]
fn what_stands_on_a_list_is_kept_whether_it_belongs_there_or_not() {
    let mut layout = Layout::new().image("tool:1", &tool());
    let stranger = referrer(&mut layout, &json!({"mediaType": MANIFEST, "digest": digest(b"elsewhere"), "size": 9}), json!({}));
    let list = serde_json::to_vec(&json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [stranger.child()]})).unwrap();
    let list_digest = layout.blob(&list);
    layout.entry(&tool().digest().replace(':', "-"), json!({"mediaType": INDEX, "digest": list_digest, "size": list.len()}));
    let environment = Environment::new();
    layout.write(&environment.join("in"));
    environment.ok(&["gc", "in", "--grace", "0", "--apply"]);
    let contents = Contents::of(&environment.join("in"));
    assert_eq!(contents.blobs(), layout.blobs);
    assert_eq!(contents.entries(), layout.entries);
}

/// containerd files images under a full name that no other client looks at.
#[test]
fn a_name_that_only_containerd_gave_can_be_taken_away() {
    for verb in ["rm", "untag"] {
        let mut layout = Layout::new().image("app:1", &app());
        let mut entry = layout.store(&tool());
        entry["annotations"] = json!({"io.containerd.image.name": "registry.site/tool:1", "keep": "me"});
        layout.entries.push(entry);
        let environment = Environment::new();
        layout.write(&environment.join("in"));
        environment.ok(&[verb, "in:registry.site/tool:1"]);
        let entries = Contents::of(&environment.join("in")).entries();
        let left: Vec<&Value> = entries.iter().filter(|entry| entry["digest"] == json!(tool().digest())).collect();
        match verb {
            "rm" => assert!(left.is_empty(), "{left:#?}"),
            _ => assert_eq!(left[0]["annotations"], json!({"dev.airbase.former-names": "registry.site/tool:1", "keep": "me"})),
        }
        assert_eq!(entries[0], layout.entries[0]);
    }
}

#[test]
fn a_collection_keeps_its_members() {
    let environment = sample();
    let contents = Contents::of(&environment.join("in"));
    let entry = |name: &str, media_type: &str| {
        let digest = contents.named(name).unwrap();
        json!({"mediaType": media_type, "digest": digest, "size": contents.blobs()[&digest].len()})
    };
    let mut layout = Layout { blobs: contents.blobs(), entries: contents.entries() };
    let collection = serde_json::to_vec(&json!({"schemaVersion": 2, "mediaType": INDEX, "artifactType": "application/x-collection",
        "manifests": [entry("app:1", INDEX), entry("tool:1", MANIFEST)]}))
    .unwrap();
    let digest = layout.blob(&collection);
    layout.entry(
        "all:1",
        json!({"mediaType": INDEX, "digest": digest, "size": collection.len(), "artifactType": "application/x-collection"}),
    );
    let environment = Environment::new();
    layout.write(&environment.join("in"));
    let referrers = |environment: &Environment| -> Value {
        environment.json(&["referrers", &format!("in@{}", tool().digest()), "--tree"]).1["subjects"].clone()
    };
    let before = referrers(&environment);
    environment.ok(&["rm", "in:app:1"]);
    environment.ok(&["rm", "in:tool:1"]);
    environment.ok(&["gc", "in", "--grace", "0", "--apply"]);
    let kept = reachable(&environment);
    assert!(kept.contains(&app().digest()) && kept.contains(&tool().layers[1].digest()));
    assert_eq!(referrers(&environment), before);
}
