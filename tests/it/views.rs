//! Archives that describe their images twice, for OCI readers and for docker. What each of skopeo's two readers takes out of them was
//! looked up with `scripts/interoperability/views.py`, which makes the same archives.

use std::fs;

use serde_json::{Value, json};

use crate::support::image::{ReadBack, archive, digest, gzip};
use crate::support::{Environment, Image, Layout, layer};

/// An archive of both kinds.
#[derive(Clone)]
struct Hybrid {
    layout: Layout,
    items: Vec<Value>,
    more: Vec<(String, Vec<u8>)>,
}

impl Hybrid {
    /// These images in `index.json`; an empty name is none.
    fn of(listed: &[(&str, &Image)]) -> Self {
        let layout = listed.iter().fold(Layout::new(), |layout, (name, image)| layout.image(name, image));
        Self { layout, items: Vec::new(), more: Vec::new() }
    }

    /// One more in `manifest.json`, with its blobs where docker 25 has them.
    fn saved(mut self, tags: Value, image: &Image) -> Self {
        let config = image.config_bytes();
        let blob = |digest: &str| format!("blobs/{}", digest.replace(':', "/"));
        let layers: Vec<String> = image.layers.iter().map(|layer| blob(&layer.digest())).collect();
        self.items.push(json!({"Config": blob(&digest(&config)), "RepoTags": tags, "Layers": layers}));
        self.layout.blob(&config);
        for layer in &image.layers {
            self.layout.blob(&layer.blob);
        }
        self
    }

    /// Changes the last item; members that it names go along.
    fn edit(mut self, member: &str, value: Value, files: &[(&str, Vec<u8>)]) -> Self {
        self.items.last_mut().unwrap()[member] = value;
        self.more.extend(files.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.clone())));
        self
    }

    fn write(&self, environment: &Environment, name: &str, without: &str) {
        let mut files = self.layout.files();
        files.extend(self.more.iter().cloned());
        files.push(("manifest.json".into(), serde_json::to_vec(&self.items).unwrap()));
        files.retain(|(name, _)| name != without);
        fs::write(environment.join(name), archive(&files)).unwrap();
    }
}

fn image(content: &str) -> Image {
    Image::of(&[&layer(&[content])])
}

/// The digests of the configs of all images of a source.
fn configs(environment: &Environment, reference: &str) -> Vec<String> {
    let (status, report) = environment.json(&["inspect", "--all", reference]);
    assert!(status < 2, "{reference}: {report:#}");
    let entries = report["sources"].as_array().unwrap().iter().flat_map(|source| source["entries"].as_array().unwrap());
    let images = entries.flat_map(|entry| entry["images"].as_array().unwrap());
    let mut configs: Vec<String> = images.map(|image| image["config"].as_str().unwrap().to_owned()).collect();
    configs.sort();
    configs
}

fn of(images: &[&Image]) -> Vec<String> {
    let mut configs: Vec<String> = images.iter().map(|image| digest(&image.config_bytes())).collect();
    configs.sort();
    configs
}

/// Seven ways to show a scanner one image and docker another, and three more.
#[test]
fn two_meanings_are_refused() {
    let (a, b) = (image("a=1"), image("b=1"));
    let listed = || Hybrid::of(&[("app:1", &a)]);
    let odd = |from: &str, to: &str| {
        let text = String::from_utf8(b.config_bytes()).unwrap();
        assert!(text.contains(from));
        text.replacen(from, to, 1).into_bytes()
    };
    let own_name = format!("{}.json", &digest(&a.config_bytes())[7..]);
    let differ = "archive.views_disagree";
    let rows: Vec<(&str, Hybrid, &str, &str)> = vec![
        ("no oci-layout", listed().saved(json!(["app:1"]), &b), "oci-layout", differ),
        (
            "a config under the digest of another",
            listed().saved(json!(["other:1"]), &b).edit("Config", json!(own_name), &[(&own_name, b.config_bytes())]),
            "",
            "docker.config_mismatch",
        ),
        (
            "a key twice",
            listed().saved(json!(["app:1"]), &b).edit("Config", json!("c.json"), &[("c.json", odd("\"os\":", "\"os\":\"plan9\",\"os\":"))]),
            "",
            "json.duplicate_key",
        ),
        (
            "a key in other letters",
            listed().saved(json!(["app:1"]), &b).edit("Config", json!("c.json"), &[("c.json", odd("\"os\":", "\"OS\":\"plan9\",\"os\":"))]),
            "",
            "json.case_variant",
        ),
        ("no tags", listed().saved(json!(null), &b), "", differ),
        ("another tag", listed().saved(json!(["other:1"]), &b), "", differ),
        ("an entry without a name", Hybrid::of(&[("", &a)]).saved(json!(["app:1"]), &b), "", differ),
        ("one name", Hybrid::of(&[("docker.io/library/app:1", &a)]).saved(json!(["app:1"]), &b), "", differ),
        (
            "names that changed places",
            Hybrid::of(&[("app:1", &a), ("app:2", &b)]).saved(json!(["app:1"]), &b).saved(json!(["app:2"]), &a),
            "",
            differ,
        ),
        (
            "other layers under one config",
            listed().saved(json!(["app:1"]), &a).edit("Layers", json!(["layer.tar"]), &[("layer.tar", layer(&["b=1"]).tar)]),
            "",
            differ,
        ),
        ("a layer more", listed().saved(json!(["app:1"]), &a).edit("Layers", json!(["x", "y"]), &[]), "", differ),
    ];
    for (what, hybrid, without, code) in rows {
        let environment = Environment::new();
        hybrid.write(&environment, "bad.tar", without);
        for arguments in [&["inspect", "bad.tar"][..], &["copy", "bad.tar", "out"], &["lifecycle", "check", "bad.tar"]] {
            let outcome = environment.run(arguments);
            assert!(outcome.status == 3 && outcome.err.contains(code), "{what}: {arguments:?}\n{}{}", outcome.out, outcome.err);
        }
        let (status, report) = environment.json(&["fsck", "bad.tar"]);
        assert_eq!((status, &report["sources"][0]["findings"][0]["code"]), (3, &json!(code)), "{what}: {report:#}");
        // Who knows what it is can have either.
        if what == "another tag" {
            assert_eq!(configs(&environment, "oci-archive:bad.tar"), of(&[&a]));
            assert_eq!(configs(&environment, "docker-archive:bad.tar"), of(&[&b]));
            environment.ok(&["copy", "docker-archive:bad.tar", "docker"]);
            assert_eq!(configs(&environment, "docker"), of(&[&b]));
            let outcome = environment.run(&["copy", "bad.tar", "out"]);
            assert!(
                outcome.err.contains("manifest.json alone: other:1") && outcome.err.contains("index.json alone: app:1"),
                "{}",
                outcome.err
            );
        }
    }
}

/// What genuine programs write: each image is there once, whoever lists it.
#[test]
fn images_of_one_view_alone_are_images_of_their_own() {
    let (a, b) = (image("a=1"), image("b=1"));
    let arm = image("a=2").platform("arm64");
    let mut platforms = Hybrid::of(&[]);
    platforms.layout = platforms.layout.index("app:1", &[&a, &arm], json!({}));
    let mut null = Hybrid::of(&[]).saved(json!(null), &a);
    null.more.push(("index.json".into(), br#"{"schemaVersion":2,"manifests":null}"#.to_vec()));
    let rows: Vec<(&str, Hybrid, &str, Vec<&Image>, i32)> = vec![
        // `docker save app:1 ID`
        ("saved by its ID", Hybrid::of(&[("app:1", &a)]).saved(json!(["app:1"]), &a).saved(json!(null), &b), "", vec![&a, &b], 0),
        ("one platform for docker", platforms.saved(json!(["app:1"]), &a), "", vec![&a, &arm], 0),
        ("another name", Hybrid::of(&[("app:1", &a)]).saved(json!(["other:1"]), &a), "", vec![&a], 0),
        ("no name", Hybrid::of(&[("", &a)]).saved(json!(["app:1"]), &a), "", vec![&a], 0),
        ("more for OCI readers", Hybrid::of(&[("app:1", &a), ("app:2", &b)]).saved(json!(["app:1"]), &a), "", vec![&a, &b], 0),
        (
            "layers as they inflate",
            {
                let layer = a.layers[0].tar.clone();
                Hybrid::of(&[("app:1", &a)]).saved(json!(["app:1"]), &a).edit("Layers", json!(["1/layer.tar"]), &[("1/layer.tar", layer)])
            },
            "",
            vec![&a],
            0,
        ),
        ("no oci-layout", Hybrid::of(&[("app:1", &a)]).saved(json!(["app:1"]), &a), "oci-layout", vec![&a], 1),
    ];
    for (what, hybrid, without, images, status) in rows {
        let environment = Environment::new();
        hybrid.write(&environment, "good.tar", without);
        assert_eq!(configs(&environment, "good.tar"), of(&images), "{what}");
        assert_eq!(environment.run(&["fsck", "good.tar"]).status, status, "{what}");
        environment.ok(&["copy", "--all", "good.tar", "out"]);
        assert_eq!(configs(&environment, "out"), of(&images), "{what}");
    }
    // docker packs the manifest of an image that it does not list; then that is the one.
    let environment = Environment::new();
    let mut saved = Hybrid::of(&[("app:1", &a)]).saved(json!(["app:1"]), &a).saved(json!(null), &b);
    saved.layout.blob(&b.manifest_bytes());
    saved.write(&environment, "saved.tar", "");
    environment.ok(&["copy", &format!("saved.tar@{}", b.digest()), "one"]);
    environment.ok(&["copy", "--all", "saved.tar", "all"]);
    let entries = ReadBack::open(&environment.join("all")).index_json();
    assert_eq!(
        (&entries["manifests"][1]["digest"], entries["manifests"].as_array().unwrap().len()),
        (&json!(b.digest()), 2),
        "{entries:#}"
    );
    // docker 25.0 writes null where nothing is tagged. (The builder writes an index of its own, which this one replaces.)
    let environment = Environment::new();
    let mut files = null.layout.files();
    files.retain(|(name, _)| name != "index.json");
    files.extend(null.more.clone());
    files.push(("manifest.json".into(), serde_json::to_vec(&null.items).unwrap()));
    fs::write(environment.join("null.tar"), archive(&files)).unwrap();
    assert_eq!(configs(&environment, "null.tar"), of(&[&a]));
    environment.ok(&["copy", "null.tar", "out:x"]);
}

/// docker knows a layer by its diffID alone. `crane validate` and `skopeo copy` refuse these too.
#[test]
fn a_compressed_layer_for_docker_inflates_to_its_diff_id() {
    let environment = Environment::new();
    let (base, app, evil) = (layer(&["base=1"]), layer(&["app=1"]), layer(&["evil=1"]));
    let image = Image::of(&[&base, &app]);
    for (name, layers) in [("good.tar", [&base, &app]), ("bad.tar", [&base, &evil]), ("worse.tar", [&evil, &app])] {
        let config = image.config_bytes();
        let config_name = format!("{}.json", &digest(&config)[7..]);
        let mut files = vec![(config_name.clone(), config)];
        files.extend(layers.iter().enumerate().map(|(number, layer)| (format!("{number}/layer.tar"), gzip(&layer.tar))));
        let items = json!([{"Config": config_name, "RepoTags": ["app:1"], "Layers": ["0/layer.tar", "1/layer.tar"]}]);
        files.push(("manifest.json".into(), serde_json::to_vec(&items).unwrap()));
        fs::write(environment.join(name), archive(&files)).unwrap();
    }
    environment.ok(&["fsck", "good.tar"]);
    for name in ["bad.tar", "worse.tar"] {
        for verb in ["inspect", "ls", "copy"] {
            let mut arguments = vec![verb, name];
            arguments.extend((verb == "copy").then_some("out"));
            environment.refused(&arguments, "layer.diffid_mismatch", 3);
        }
        assert_eq!(environment.run(&["fsck", name]).status, 3);
    }
}
