//! §4.7: docker-archives.

use serde_json::{Value, json};

use super::{Files, Place, REFUSED};
use crate::support::image::{archive, digest};
use crate::support::{Image, Layout, layer};

/// The members of a docker-archive of these images, and its `manifest.json`, which stands last.
fn saved(images: &[(&[&str], &Image)]) -> (Files, Vec<Value>) {
    let (mut files, mut items) = (Files::new(), Vec::new());
    for (tags, image) in images {
        let config = image.config_bytes();
        let name = format!("{}.json", &digest(&config)[7..]);
        let layers: Vec<String> = image.layers.iter().map(|layer| format!("{}/layer.tar", &layer.diff_id()[7..])).collect();
        items.push(json!({"Config": name, "RepoTags": tags, "Layers": layers}));
        let mut members = vec![(name, config)];
        members.extend(layers.into_iter().zip(image.layers.iter().map(|layer| layer.tar.clone())));
        members.retain(|(name, _)| !files.iter().any(|(known, _)| known == name));
        files.extend(members);
    }
    (files, items)
}

fn packed(files: &Files, manifest: &Value) -> Vec<u8> {
    archive(&[&files[..], &[("manifest.json".to_owned(), serde_json::to_vec(manifest).unwrap())]].concat())
}

/// What the name of an edit does to the items of `manifest.json`.
type Row<'a> = (&'a str, &'a dyn Fn(&mut Vec<Value>), &'a str);

#[test]
fn a_manifests_that_are_refused() {
    let place = Place::new();
    let (files, items) = saved(&[(&["app:1"], &place.app)]);
    let rows: [Row<'_>; 15] = [
        ("A2 a number for the config", &|items| items[0]["Config"] = json!(7), "docker.manifest"),
        ("A2 no config", &|items| drop(items[0].as_object_mut().unwrap().remove("Config")), "docker.manifest"),
        ("A2 a text for the layers", &|items| items[0]["Layers"] = json!("x"), "json.type"),
        ("A2 numbers for layers", &|items| items[0]["Layers"] = json!([1, 2]), "json.type"),
        ("A2 a number for a tag", &|items| items[0]["RepoTags"] = json!([1]), "json.type"),
        ("A2 an item that is none", &|items| items[0] = json!("x"), "json.type"),
        ("A2 no item", &|items| items.clear(), "docker.manifest"),
        ("A2 a layer too few", &|items| drop(items[0]["Layers"].as_array_mut().unwrap().pop()), "docker.manifest"),
        ("A2 a layer too many", &|items| items[0]["Layers"].as_array_mut().unwrap().push(json!("x")), "docker.manifest"),
        ("A2 no layers", &|items| items[0]["Layers"] = json!(null), "docker.manifest"),
        ("A2 larger than a document may be", &|items| items[0]["RepoTags"] = json!(["x".repeat(5 << 20)]), "doc.too_large"),
        ("A4 a config outside", &|items| items[0]["Config"] = json!("../../etc/passwd"), "docker.missing_entry"),
        ("A4 an absolute config", &|items| items[0]["Config"] = json!("/etc/passwd"), "docker.missing_entry"),
        ("A4 a layer outside", &|items| items[0]["Layers"][1] = json!("../app/layer.tar"), "docker.missing_entry"),
        ("A4 an absolute layer", &|items| items[0]["Layers"][0] = json!("/dev/zero"), "docker.missing_entry"),
    ];
    super::all(&rows, |(row, edit, code)| {
        let mut items = items.clone();
        edit(&mut items);
        std::fs::write(place.join("bad.tar"), packed(&files, &json!(items))).unwrap();
        place.judge(row, "bad.tar", code, REFUSED);
    });
    // What a JSON library would take in its own way.
    let text = serde_json::to_string(&items).unwrap();
    for (row, text) in [
        ("A2 a name twice", text.replacen("\"Config\"", "\"Config\":\"x\",\"Config\"", 1)),
        ("A2 a name in other letters", text.replacen("\"Config\"", "\"config\":\"x\",\"Config\"", 1)),
    ] {
        std::fs::write(place.join("bad.tar"), archive(&[&files[..], &[("manifest.json".to_owned(), text.into_bytes())]].concat())).unwrap();
        place.judge(row, "bad.tar", "json.duplicate_key|json.case_variant", REFUSED);
    }
}

#[test]
fn a3_a_config_that_is_not_what_its_name_says() {
    let place = Place::new();
    let (mut files, items) = saved(&[(&["app:1"], &place.app)]);
    files[0].1 = String::from_utf8(files[0].1.clone()).unwrap().replace("amd64", "arm64").into_bytes();
    std::fs::write(place.join("bad.tar"), packed(&files, &json!(items))).unwrap();
    place.judge("A3", "bad.tar", "docker.config_mismatch", REFUSED);
}

#[test]
fn a1_two_views_that_disagree() {
    let place = Place::new();
    let other = Image::of(&[&layer(&["other=1"])]);
    let (files, items) = saved(&[(&["docker.io/library/app:1"], &other)]);
    let hybrid = [place.layout().files(), files].concat();
    std::fs::write(place.join("bad.tar"), packed(&hybrid, &json!(items))).unwrap();
    place.judge("A1", "bad.tar", "archive.views_disagree", REFUSED);
}

/// A5: odd names are kept as data, and shown harmless.
#[test]
fn a5_odd_names_do_no_harm() {
    let place = Place::new();
    let odd = ["app:1\u{1b}[31m", "", "../../x:1", "a b", "-rf"];
    let (files, items) = saved(&[(&odd, &place.app)]);
    std::fs::write(place.join("odd.tar"), packed(&files, &json!(items))).unwrap();
    let outcome = place.run(&["inspect", "odd.tar"]);
    assert_eq!(outcome.status, 0, "{outcome:?}");
    assert!(!outcome.out.contains('\u{1b}') && outcome.out.contains("\\u{1b}"), "{}", outcome.out);
    let (status, codes) = place.codes(&["odd.tar"]);
    assert_eq!(status, 0, "{codes:?}");
    // As many as fit into a document, in a bounded time.
    let many: Vec<String> = (0..100_000).map(|number| format!("app:{number}")).collect();
    let (files, mut items) = saved(&[(&[], &place.app)]);
    items[0]["RepoTags"] = json!(many);
    std::fs::write(place.join("many.tar"), packed(&files, &json!(items))).unwrap();
    assert_eq!(place.run(&["ls", "many.tar:app:99999"]).status, 0);
}

#[test]
fn a6_a_name_of_two_images_means_neither() {
    let place = Place::new();
    let other = Image::of(&[&layer(&["other=1"])]);
    let (files, items) = saved(&[(&["app:1"], &place.app), (&["app:1"], &other)]);
    std::fs::write(place.join("two.tar"), packed(&files, &json!(items))).unwrap();
    for arguments in [&["ls", "two.tar:app:1"][..], &["copy", "two.tar:app:1", "out"], &["copy", "--all", "two.tar", "out"]] {
        let outcome = place.run(arguments);
        assert!(outcome.err.contains("[ref.ambiguous]") && outcome.status == 4, "{arguments:?}: {outcome:?}");
        assert!(!place.join("out").exists());
    }
}

#[test]
fn a7_what_docker_wrote_before_1_10() {
    let place = Place::new();
    let id = "0".repeat(64);
    let repositories = json!({"app": {"1": id}});
    let files = [
        (format!("{id}/VERSION"), b"1.0".to_vec()),
        (format!("{id}/json"), b"{}".to_vec()),
        (format!("{id}/layer.tar"), layer(&["a=1"]).tar),
        ("repositories".to_owned(), serde_json::to_vec(&repositories).unwrap()),
    ];
    std::fs::write(place.join("bad.tar"), archive(&files)).unwrap();
    place.judge("A7", "bad.tar", "docker.legacy", REFUSED);
    let outcome = place.run(&["explain", "docker.legacy"]);
    assert!(outcome.out.contains("docker 1.10 to 27"), "what to do: {}", outcome.out);
}

/// A8, A9: compressed layers beside others, and what docker says about where a layer came from.
#[test]
fn a8_layers_of_all_kinds_and_their_sources_are_accepted() {
    let place = Place::new();
    let (mut files, mut items) = saved(&[(&["app:1"], &place.app)]);
    files[2].1.clone_from(&place.app.layers[1].blob);
    let diff_id = place.app.layers[0].diff_id();
    let media_type = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
    items[0]["LayerSources"] =
        json!({diff_id: {"mediaType": media_type, "digest": digest(b"far away"), "size": 8, "urls": ["https://example.org/x"]}});
    std::fs::write(place.join("good.tar"), packed(&files, &json!(items))).unwrap();
    place.judge("A8", "good.tar", "docker.manifest_made", super::ACCEPTED);
    assert_eq!(place.codes(&["good.tar", "--level", "4"]), (0, vec!["docker.manifest_made".to_owned()]));
}

/// A10: docker saved an image by its digest and listed it nowhere; what lies there unlisted is told.
#[test]
fn a10_manifests_that_nobody_lists_are_told() {
    let place = Place::new();
    let mut layout = place.layout();
    let other = Image::of(&[&layer(&["other=1"])]);
    layout = Layout { entries: layout.entries.clone(), ..layout.image("other:1", &other) };
    let (_, items) = saved(&[(&["app:1"], &place.app)]);
    std::fs::write(place.join("lost.tar"), packed(&layout.files(), &json!(items))).unwrap();
    let (status, codes) = place.codes(&["lost.tar"]);
    assert!(status == 0 && codes.iter().all(|code| code == "archive.unreferenced") && !codes.is_empty(), "{status} {codes:?}");
    assert_eq!(place.run(&["ls", &format!("lost.tar@{}", other.digest())]).status, 0, "and it can be named");
}
