//! §4.4: how documents hang together.

use serde_json::{Value, json};

use super::{ACCEPTED, At, Place, REFUSED, forge, with};
use crate::support::image::{CONFIG, Compression, INDEX, MANIFEST, digest};
use crate::support::{Image, Layer, Layout, layer};

fn index_of(layout: &mut Layout, children: &[Value]) -> Value {
    let bytes = serde_json::to_vec(&json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": children})).unwrap();
    json!({"mediaType": INDEX, "digest": layout.blob(&bytes), "size": bytes.len()})
}

/// G1, G2: honest content cannot be its own ancestor. Content that says so has another digest than its name, and is refused
/// where it is read, before anything in it is followed.
#[test]
fn g1_documents_that_name_themselves() {
    let place = Place::new();
    let name = digest(b"a digest that nothing has");
    let own = json!({"mediaType": INDEX, "digest": name, "size": 0});
    for (row, member) in [("G2 as a child", "manifests"), ("G1 as its subject", "subject")] {
        let mut document = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": []});
        document[member] = if member == "manifests" { json!([own]) } else { own.clone() };
        let length = serde_json::to_vec(&document).unwrap().len() + 2;
        let sized =
            String::from_utf8(serde_json::to_vec(&document).unwrap()).unwrap().replace(r#""size":0"#, &format!(r#""size":{length}"#));
        let mut layout = Layout::new();
        layout.blobs.insert(name.clone(), sized.clone().into_bytes());
        layout.entry("app:1", json!({"mediaType": INDEX, "digest": name, "size": sized.len()}));
        place.judge_files(row, &layout.files(), "blob.digest_mismatch", super::DAMAGED);
    }
}

#[test]
fn g3_indexes_within_indexes() {
    let place = Place::new();
    for (levels, code, expected) in [(31, "", ACCEPTED), (33, "graph.depth", REFUSED), (1000, "graph.depth", REFUSED)] {
        let mut layout = Layout::new();
        let mut top = layout.store(&place.app);
        for _ in 0..levels {
            top = index_of(&mut layout, &[top]);
        }
        layout.entry("app:1", top);
        place.judge_files(&format!("G3 {levels} levels"), &layout.files(), code, expected);
    }
}

/// G4: thirty indexes that each name the next one twice are a thousand million paths, and thirty documents.
#[test]
fn g4_many_paths_to_few_documents() {
    let place = Place::new();
    let mut layout = Layout::new();
    let mut top = layout.store(&place.app);
    for _ in 0..30 {
        top = index_of(&mut layout, &[top.clone(), top]);
    }
    layout.entry("app:1", top);
    layout.write(&place.join("bad"));
    assert_eq!(place.codes(&["bad"]), (0, Vec::new()), "each document is looked at once");
    assert_eq!(place.run(&["copy", "bad", "out"]).status, 0);
    std::fs::remove_dir_all(place.join("out")).unwrap();
    // These hold the whole tree in memory, so they say that it is too much.
    let rebase = ["rebase", "bad", "--onto", "bases:os:new", "--seam-layers", "1", "-o", "out", "--max-entries", "1000"];
    for arguments in [&["inspect", "bad", "--max-entries", "5000"][..], &["ls", "bad", "--max-entries", "1000"], &rebase] {
        let outcome = place.run(arguments);
        assert_eq!(outcome.status, 3, "{arguments:?}");
        assert!((outcome.out + &outcome.err).contains("[graph.too_many]"), "{arguments:?}");
        assert!(!place.join("out").exists());
    }
}

/// G5: warned of, kept, and nobody's damage.
#[test]
fn g5_a_referrer_whose_subject_is_not_there() {
    let place = Place::new();
    let mut layout = place.layout();
    let absent = json!({"mediaType": MANIFEST, "digest": digest(b"absent"), "size": 6});
    let empty = layout.blob(b"{}");
    let config = json!({"mediaType": "application/vnd.oci.empty.v1+json", "digest": empty, "size": 2});
    let bytes = serde_json::to_vec(
        &json!({"schemaVersion": 2, "mediaType": MANIFEST, "artifactType": "application/x", "config": config, "layers": [config], "subject": absent}),
    )
    .unwrap();
    let top = json!({"mediaType": MANIFEST, "artifactType": "application/x", "digest": layout.blob(&bytes), "size": bytes.len()});
    layout.entry("", top);
    place.judge_files("G5", &layout.files(), "referrer.orphan", ACCEPTED);
}

/// G6, G7: a referrer is found by its subject, by the fallback tag, and by cosign's tag; one that nothing lists is found when
/// all is asked for.
#[test]
fn g7_referrers_in_every_form_are_found_once() {
    let place = Place::new();
    let subject = json!({"mediaType": MANIFEST, "digest": place.app.digest(), "size": place.app.manifest_bytes().len()});
    let artifact = |layout: &mut Layout, kind: &str| {
        let empty = layout.blob(b"{}");
        let config = json!({"mediaType": "application/vnd.oci.empty.v1+json", "digest": empty, "size": 2});
        let bytes = serde_json::to_vec(
            &json!({"schemaVersion": 2, "mediaType": MANIFEST, "artifactType": kind, "config": config, "layers": [config], "subject": subject}),
        )
        .unwrap();
        json!({"mediaType": MANIFEST, "artifactType": kind, "digest": layout.blob(&bytes), "size": bytes.len()})
    };
    let mut layout = place.layout();
    let both = artifact(&mut layout, "application/x-both");
    let by_tag = artifact(&mut layout, "application/x-tag");
    let unlisted = artifact(&mut layout, "application/x-unlisted");
    layout.entry("", both.clone());
    let fallback = index_of(&mut layout, &[both.clone(), by_tag]);
    layout.entry(&place.app.digest().replace(':', "-"), fallback);
    layout.write(&place.join("referred"));

    let (status, report) = place.environment.json(&["inspect", "referred:app:1"]);
    assert_eq!(status, 0, "{report:#}");
    let mut found: Vec<(&str, &str)> = report["sources"][0]["entries"][0]["referrers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|referrer| (referrer["artifactType"].as_str().unwrap(), referrer["foundBy"].as_str().unwrap()))
        .collect();
    found.sort_unstable();
    assert_eq!(found, [("application/x-both", "subject"), ("application/x-tag", "fallback-tag")]);

    let (_, report) = place.environment.json(&["inspect", "referred", "--all"]);
    let entries = report["sources"][0]["entries"].as_array().unwrap();
    let hidden = entries.iter().find(|entry| entry["digest"] == unlisted["digest"]).unwrap();
    assert_eq!((&hidden["listed"], &hidden["artifactType"]), (&json!(false), &json!("application/x-unlisted")));
    // Referrers do not make the image ambiguous.
    assert_eq!(place.run(&["cat", "referred"]).out.as_bytes(), place.app.manifest_bytes());
}

fn image_of_layers(place: &Place, count: usize) -> Vec<(String, Vec<u8>)> {
    let first = &place.app.layers[0];
    let upper = &place.app.layers[1];
    let edit_config = |json: String| {
        let diff_ids: Vec<String> = (0..count).map(|number| if number == 0 { first.diff_id() } else { upper.diff_id() }).collect();
        let mut config: Value = serde_json::from_str(&json).unwrap();
        config["rootfs"]["diff_ids"] = json!(diff_ids);
        config.as_object_mut().unwrap().remove("history");
        serde_json::to_vec(&config).unwrap()
    };
    let mut layout = Layout::new();
    layout.blob(&first.blob);
    layout.blob(&upper.blob);
    let config = edit_config(String::from_utf8(place.app.config_bytes()).unwrap());
    let layers: Vec<Value> = (0..count).map(|number| if number == 0 { first.descriptor() } else { upper.descriptor() }).collect();
    let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "layers": layers,
        "config": {"mediaType": CONFIG, "digest": layout.blob(&config), "size": config.len()}});
    let bytes = serde_json::to_vec(&manifest).unwrap();
    let top = json!({"mediaType": MANIFEST, "digest": layout.blob(&bytes), "size": bytes.len()});
    layout.entry("app:1", top);
    layout.files()
}

#[test]
fn g9_how_many_layers_an_image_may_have() {
    let place = Place::new();
    place.judge_files("G9 127 layers", &image_of_layers(&place, 127), "", ACCEPTED);
    assert!(place.codes(&["bad"]).1.is_empty());
    place.judge_files("G9 128 layers", &image_of_layers(&place, 128), "image.layer_count", ACCEPTED);
    place.judge_files("G9 10 001 layers", &image_of_layers(&place, 10_001), "image.layer_count", REFUSED);
}

#[test]
fn g10_as_many_diff_ids_as_layers() {
    let place = Place::new();
    let upper = format!(r#","{}""#, place.app.layers[1].diff_id());
    let less = forge(&place.app, At::Config, &|json| with(&json, &upper, ""));
    place.judge_files("G10 one diffID too few", &less, "image.diffid_count", [1, 1, 0, 3]);
    let more = forge(&place.app, At::Config, &|json| with(&json, &upper, &format!("{upper}{upper}")));
    place.judge_files("G10 one diffID too many", &more, "image.diffid_count", [1, 1, 0, 3]);
}

/// G11: the same base compressed in another way is recognised by what it inflates to, and not by what the config claims.
#[test]
fn g11_a_layer_that_is_not_what_its_config_says() {
    let place = Place::new();
    let base = &place.app.layers[0];
    let honest = base.compressed(Compression::Zstd);
    let forged = layer(&["etc/os-release=OLD"]).compressed(Compression::Zstd);
    for (what, lowest, status) in [("recompressed", honest, 0), ("exchanged", Layer { tar: base.tar.clone(), ..forged }, 3)] {
        let image = Image { layers: vec![lowest, place.app.layers[1].clone()], ..place.app.clone() };
        Layout::new().image("app:1", &image).write(&place.join(what));
        let outcome = place.run(&["rebase", what, "--from", "bases:os:old", "--onto", "bases:os:new", "-o", "out"]);
        assert_eq!(outcome.status, status, "{what}: {outcome:?}");
        assert_eq!(outcome.err.contains("[layer.diffid_mismatch]"), status == 3, "{what}: {}", outcome.err);
        assert_eq!(place.join("out").exists(), status == 0);
        let _ = std::fs::remove_dir_all(place.join("out"));
    }
}

/// G12: noted, and no reason to refuse: layers are split by position.
#[test]
fn g12_a_history_with_more_entries_than_layers() {
    let place = Place::new();
    let files =
        forge(&place.app, At::Config, &|json| with(&json, r#""history":["#, r#""history":[{"created_by":"x"},{"created_by":"y"},"#));
    place.judge_files("G12", &files, "image.history", ACCEPTED);
    super::write_files(&place.join("app"), &files);
    assert_eq!(place.run(&["rebase", "app", "--from", "bases:os:old", "--onto", "bases:os:new", "-o", "new"]).status, 0);
    let manifest: Value = serde_json::from_str(&place.run(&["cat", "new"]).out).unwrap();
    let digests: Vec<&Value> = manifest["layers"].as_array().unwrap().iter().map(|layer| &layer["digest"]).collect();
    assert_eq!(digests, [&json!(layer(&["etc/os-release=new"]).digest()), &json!(place.app.layers[1].digest())]);
}
