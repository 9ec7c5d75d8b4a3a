//! `airbase copy`, `tag`, `untag`, `annotate`, and the rules for outputs that all writing verbs share.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;

use serde_json::{Value, json};

use crate::support::environment::snapshot;
use crate::support::image::{CONFIG, INDEX, LAYER, MANIFEST, texts};
use crate::support::{Contents, Environment, Image, Layer, Layout, layer};

const REF_NAME: &str = "org.opencontainers.image.ref.name";
const CONTAINERD_NAME: &str = "io.containerd.image.name";
const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";

/// A base, an app on it, and an image for two platforms.
struct Sample {
    base: Image,
    app: Image,
    amd: Image,
    arm: Image,
}

impl Sample {
    fn new() -> Self {
        let base = Image::of(&[&layer(&["etc/os-release=1"]), &layer(&["lib/", "lib/a=1"])]);
        let app = base.and(&[&layer(&["app=1"])]).annotated("note", "\u{e9}\u{1f600}");
        let amd = Image::of(&[&layer(&["amd=1"])]);
        let arm = Image::of(&[&layer(&["arm=1"])]).platform("arm64");
        Self { base, app, amd, arm }
    }

    fn more() -> Value {
        json!({"annotations": {"of": "the index"}, "x-unknown": [1, {"deep": true}]})
    }

    fn layout(&self) -> Layout {
        Layout::new().image("os:1", &self.base).image("app:1", &self.app).index("multi:1", &[&self.amd, &self.arm], Self::more())
    }

    /// The layout that a copy of one name into a new place must be.
    fn only(&self, name: &str, new_name: &str) -> Layout {
        match name {
            "os:1" => Layout::new().image(new_name, &self.base),
            "app:1" => Layout::new().image(new_name, &self.app),
            _ => Layout::new().index(new_name, &[&self.amd, &self.arm], Self::more()),
        }
    }
}

/// A layout that holds nothing but `expected`, byte for byte.
fn is(path: &Path, expected: &Layout) {
    let contents = Contents::of(path);
    contents.whole();
    assert_eq!(contents.blobs(), expected.blobs, "{}", path.display());
    assert_eq!(contents.entries(), expected.entries, "{}", path.display());
}

// Copying.

#[test]
fn images_are_copied_byte_for_byte_between_layouts_and_archives() {
    let sample = Sample::new();
    let environment = Environment::on_disk();
    sample.layout().write(&environment.join("in"));
    sample.layout().write_archive(&environment.join("in.tar"));
    let before = (snapshot(&environment.join("in")), fs::read(environment.join("in.tar")).unwrap());
    for (number, source) in ["in", "in.tar"].into_iter().enumerate() {
        for ending in ["", ".tar"] {
            for name in ["os:1", "app:1", "multi:1"] {
                let target = format!("{number}-{}{ending}", &name[..2]);
                environment.ok(&["copy", &format!("{source}:{name}"), &target]);
                is(&environment.join(&target), &sample.only(name, name));
                // Under a name of its own.
                let target = format!("{number}-{}-new{ending}", &name[..2]);
                let (status, report) =
                    environment.json(&["copy", &format!("{source}:{name}"), &format!("{target}:registry.site/team/app:2.0")]);
                assert_eq!(
                    (status, &report["schema"], &report["images"][0]["name"]),
                    (0, &json!("airbase.copy/v1"), &json!("registry.site/team/app:2.0"))
                );
                is(&environment.join(&target), &sample.only(name, "registry.site/team/app:2.0"));
            }
            let target = format!("{number}-all{ending}");
            environment.ok(&["copy", "--all", source, &target]);
            is(&environment.join(&target), &sample.layout());
        }
    }
    assert!(before == (snapshot(&environment.join("in")), fs::read(environment.join("in.tar")).unwrap()), "an input changed");
}

#[test]
fn one_platform_of_an_index_is_copied_as_its_manifest() {
    let sample = Sample::new();
    let environment = Environment::on_disk();
    sample.layout().write(&environment.join("in"));
    let mut expected = Layout::new();
    let entry = expected.store(&sample.arm);
    expected.entry("multi:1", entry);
    for target in ["out", "out.tar"] {
        environment.ok(&["copy", "in:multi:1", target, "--platform", "linux/arm64"]);
        is(&environment.join(target), &expected);
    }
    environment.refused(&["copy", "in:multi:1", "none", "--platform", "linux/s390x"], "ref.platform", 4);
    assert!(!environment.join("none").exists());
}

#[test]
fn all_means_every_name_and_images_without_one() {
    let sample = Sample::new();
    let mut layout = sample.layout();
    // A second name of the same image, and an image without a name.
    let second = layout.store(&sample.app);
    layout.entry("app:latest", second);
    let unnamed = layout.store(&Image::of(&[&layer(&["old=1"])]));
    layout.entry("", unnamed);
    let environment = Environment::on_disk();
    layout.write(&environment.join("in"));
    layout.write_archive(&environment.join("in.tar"));
    for (source, target) in [("in", "a"), ("in.tar", "b"), ("in", "c.tar")] {
        environment.ok(&["copy", "--all", source, target]);
        is(&environment.join(target), &layout);
    }
    // One name cannot be that of several images.
    environment.refused(&["copy", "--all", "in", "d:app"], "usage.argument", 2);
    assert!(!environment.join("d").exists());
}

#[test]
fn a_copy_that_is_there_already_changes_nothing() {
    let sample = Sample::new();
    let environment = Environment::on_disk();
    sample.layout().write(&environment.join("in"));
    environment.ok(&["copy", "--all", "in", "out"]);
    let before = (snapshot(&environment.join("out")), fs::metadata(environment.join("out/index.json")).unwrap().ino());
    for arguments in [&["copy", "--all", "in", "out"][..], &["copy", "in:app:1", "out"], &["copy", "out:app:1", "out"]] {
        let (status, report) = environment.json(arguments);
        assert_eq!((status, &report["written"]["blobs"], &report["findings"]), (0, &json!(0), &json!([])));
        assert!(report["written"]["reused"].as_u64().unwrap() > 0);
    }
    assert!(before == (snapshot(&environment.join("out")), fs::metadata(environment.join("out/index.json")).unwrap().ino()));
}

#[test]
fn what_other_writers_put_into_the_target_stays() {
    let sample = Sample::new();
    let environment = Environment::on_disk();
    sample.layout().write(&environment.join("in"));
    let mine = Layout::new().image("mine:1", &Image::of(&[&layer(&["mine=1"])]));
    mine.write(&environment.join("out"));
    fs::write(environment.join("out/notes.txt"), "keep me").unwrap();
    environment.ok(&["copy", "in:app:1", "out:app:2"]);
    let contents = Contents::of(&environment.join("out"));
    contents.whole();
    assert_eq!(contents.files["notes.txt"], b"keep me");
    assert_eq!(contents.entries()[0], mine.entries[0]);
    assert_eq!(contents.named("app:2").unwrap(), sample.app.digest());
}

#[test]
fn a_damaged_blob_in_the_target_is_repaired_and_reported() {
    let sample = Sample::new();
    let environment = Environment::on_disk();
    sample.layout().write(&environment.join("in"));
    let victims = [sample.app.layers[2].digest(), crate::support::image::digest(&sample.app.config_bytes()), sample.app.digest()];
    let damages: [fn(&Path); 4] = [
        |path| fs::write(path, "").unwrap(),
        |path| fs::write(path, &fs::read(path).unwrap()[..10]).unwrap(),
        |path| {
            let mut bytes = fs::read(path).unwrap();
            bytes[7] ^= 1;
            fs::write(path, bytes).unwrap();
        },
        |path| fs::write(path, [fs::read(path).unwrap(), b"x".to_vec()].concat()).unwrap(),
    ];
    for (number, (victim, damage)) in victims.iter().flat_map(|victim| damages.iter().map(move |damage| (victim, damage))).enumerate() {
        let target = format!("out{number}");
        sample.only("app:1", "app:1").write(&environment.join(&target));
        damage(&environment.join(&target).join("blobs").join(victim.replace(':', "/")));
        let (status, report) = environment.json(&["copy", "in:app:1", &target]);
        assert_eq!(status, 0, "{report:#}");
        let findings = report["findings"].as_array().unwrap();
        assert_eq!(findings.len(), 1, "{report:#}");
        assert_eq!((&findings[0]["code"], &report["written"]["blobs"]), (&json!("blob.repaired"), &json!(1)));
        assert!(findings[0].to_string().contains(victim), "{report:#}");
        is(&environment.join(&target), &sample.only("app:1", "app:1"));
    }
}

#[test]
fn a_symlinked_blob_in_the_target_is_never_written_through() {
    let sample = Sample::new();
    let image = &sample.app;
    let name = image.layers[2].digest().replace(':', "/");
    let expected = sample.only("app:1", "app:1");
    // Where the link leads, what lies there, and whether that is a sound blob.
    let blob = image.layers[2].blob.clone();
    let cases: [(&str, &[u8], bool); 4] = [
        ("../../rootfs.tar.gz", &blob, true),
        ("../../rootfs.tar.gz", b"other bytes", false),
        ("../../../outside", b"precious", false),
        ("../../../outside", &blob, false),
    ];
    for (link, content, sound) in cases {
        let environment = Environment::on_disk();
        sample.layout().write(&environment.join("in"));
        let target = environment.join("out");
        expected.write(&target);
        let pointed = target.join("blobs/sha256").join(link);
        fs::write(&pointed, content).unwrap();
        fs::remove_file(target.join("blobs").join(&name)).unwrap();
        symlink(link, target.join("blobs").join(&name)).unwrap();
        let (status, report) = environment.json(&["copy", "in:app:1", "out"]);
        assert_eq!(status, 0, "{report:#}");
        assert_eq!(fs::read(&pointed).unwrap(), content, "{link} was written through");
        let is_link = fs::symlink_metadata(target.join("blobs").join(&name)).unwrap().is_symlink();
        assert_eq!(is_link, sound, "{link}");
        let repaired = report["findings"].as_array().unwrap().iter().any(|finding| finding["code"] == "blob.repaired");
        assert_eq!(repaired, !sound, "{report:#}");
        assert_eq!(Contents::of(&target).blobs(), expected.blobs);
    }
    // A directory of blobs that is a link is refused, and what it leads to is left alone.
    let environment = Environment::on_disk();
    sample.layout().write(&environment.join("in"));
    expected.write(&environment.join("out"));
    fs::rename(environment.join("out/blobs"), environment.join("elsewhere")).unwrap();
    symlink("../elsewhere", environment.join("out/blobs")).unwrap();
    fs::remove_file(environment.join("elsewhere").join(&name)).unwrap();
    let before = snapshot(environment.path());
    environment.refused(&["copy", "in:app:1", "out"], "path.symlink", 3);
    assert!(before == snapshot(environment.path()));
}

// Names.

/// An index as no encoder would write it: odd order, odd blanks, numbers with zeros, fields that nobody knows.
fn odd_index(layout: &Layout) -> String {
    let (base, app) = (layout.digest_of("os:1"), layout.digest_of("app:1"));
    let size = |digest: &str| layout.blobs[digest].len();
    format!(
        "{{\n    \"zz\": [1, 2.50, {{ }}],\n    \"manifests\" : [\n        {{\"size\":{},  \"digest\":\"{base}\",\"mediaType\":\"{MANIFEST}\",\"extra\":{{\"n\":1e3}},\"annotations\":{{\"z\":\"\\u00e9\",\"{REF_NAME}\":\"os:1\",\"a\":\"2\"}}}},\n        {{\n            \"mediaType\": \"{MANIFEST}\",\n            \"digest\": \"{app}\",\n            \"size\": {},\n            \"annotations\": {{\n                \"{REF_NAME}\": \"app:1\"\n            }}\n        }}\n    ],\n    \"schemaVersion\": 2,\n    \"annotations\": {{\"k\": \"v\"}}\n}}\n\n",
        size(&base),
        size(&app)
    )
}

#[test]
fn what_is_not_touched_in_an_index_keeps_every_byte() {
    let sample = Sample::new();
    let layout = Layout::new().image("os:1", &sample.base).image("app:1", &sample.app);
    let environment = Environment::on_disk();
    layout.write(&environment.join("in"));
    let text = odd_index(&layout);
    let index = environment.join("in/index.json");
    fs::write(&index, &text).unwrap();

    environment.ok(&["tag", "in:app:1", "app:stable"]);
    let app = layout.digest_of("app:1");
    let entry = format!(
        ",\n        {{\n            \"mediaType\": \"{MANIFEST}\",\n            \"digest\": \"{app}\",\n            \"size\": {},\n            \"annotations\": {{\n                \"{REF_NAME}\": \"app:stable\"\n            }}\n        }}",
        layout.blobs[&app].len()
    );
    let tagged = text.replacen("\n    ],\n    \"schemaVersion\"", &format!("{entry}\n    ],\n    \"schemaVersion\""), 1);
    assert_eq!(fs::read_to_string(&index).unwrap(), tagged);

    // And back.
    environment.ok(&["untag", "in:app:stable"]);
    assert_eq!(fs::read_to_string(&index).unwrap(), text);
    environment.ok(&["untag", "in:os:1"]);
    let without = text.replacen(&format!("\"{REF_NAME}\":\"os:1\","), "", 1);
    let without = without.replacen("{\"z\"", "{\"dev.airbase.former-names\":\"os:1\",\"z\"", 1);
    assert_eq!(fs::read_to_string(&index).unwrap(), without);
    assert_eq!(fs::read(environment.join("in/oci-layout")).unwrap(), br#"{"imageLayoutVersion":"1.0.0"}"#);
}

#[test]
fn a_name_that_moves_leaves_its_image_without_a_name() {
    let sample = Sample::new();
    let environment = Environment::on_disk();
    sample.layout().write(&environment.join("in"));
    let (base, app) = (sample.base.digest(), sample.app.digest());
    environment.ok(&["tag", "in:app:1", "os:1"]);
    let contents = Contents::of(&environment.join("in"));
    contents.whole();
    assert_eq!((contents.named("os:1").unwrap(), contents.unnamed()), (app.clone(), vec![base.clone()]));
    // It can still be named, and restored.
    environment.ok(&["tag", &format!("in@{base}"), "os:1"]);
    let contents = Contents::of(&environment.join("in"));
    assert_eq!((contents.named("os:1").unwrap(), contents.named("app:1").unwrap()), (base.clone(), app));
    // Several names at once, one of them there already.
    environment.ok(&["tag", "in:os:1", "os:1", "os:1.0", "registry.site/os:latest"]);
    let contents = Contents::of(&environment.join("in"));
    for name in ["os:1", "os:1.0", "registry.site/os:latest"] {
        assert_eq!(contents.named(name).unwrap(), base);
    }
}

#[test]
fn a_new_name_does_not_inherit_the_full_name_of_containerd() {
    let sample = Sample::new();
    let mut layout = Layout::new().image("2", &sample.app);
    let mut entry = layout.store(&sample.base);
    entry["annotations"] = json!({CONTAINERD_NAME: "registry.site/os:1", "keep": "me"});
    layout.entry("1", entry);
    let environment = Environment::on_disk();
    layout.write(&environment.join("in"));
    // A copy under its own name is the same entry.
    environment.ok(&["copy", "in:1", "same"]);
    assert_eq!(Contents::of(&environment.join("same")).entries(), [layout.entries[1].clone()]);
    // Another name is another name: two entries must not both claim to be registry.site/os:1.
    environment.ok(&["copy", "in:1", "other:9"]);
    let entries = Contents::of(&environment.join("other")).entries();
    assert_eq!(entries[0]["annotations"], json!({REF_NAME: "9", "keep": "me"}));
    environment.ok(&["tag", "in:1", "9"]);
    environment.ok(&["tag", "in:2", "1"]);
    let claims = Contents::of(&environment.join("in")).entries();
    let claims: Vec<_> = claims.iter().map(|entry| entry["annotations"][CONTAINERD_NAME].as_str()).collect();
    // A tag alone takes the full name from nobody.
    assert_eq!(claims, [None, Some("registry.site/os:1"), None, None]);
}

#[test]
fn a_name_is_removed_and_the_image_stays() {
    let sample = Sample::new();
    let environment = Environment::on_disk();
    sample.layout().write(&environment.join("in"));
    let blobs = Contents::of(&environment.join("in")).blobs();
    environment.ok(&["untag", "in:app:1"]);
    let contents = Contents::of(&environment.join("in"));
    assert_eq!((contents.named("app:1"), contents.unnamed(), contents.blobs()), (None, vec![sample.app.digest()], blobs));
    environment.refused(&["untag", "in:app:1"], "ref.not_found", 4);
    environment.refused(&["untag", "in"], "ref.ambiguous", 4);
    environment.refused(&["untag", &format!("in@{}", sample.app.digest())], "usage.argument", 2);
    sample.only("os:1", "os:1").write(&environment.join("one"));
    environment.refused(&["untag", "one"], "usage.argument", 2);
}

#[test]
fn names_that_nobody_could_use_are_refused() {
    let sample = Sample::new();
    let environment = Environment::on_disk();
    sample.layout().write(&environment.join("in"));
    sample.layout().write_archive(&environment.join("in.tar"));
    let before = snapshot(environment.path());
    let digest = format!("sha256:{}", "a".repeat(64));
    for name in ["a b", "-x", "/x", ":x", "@x", "a\nb", "\u{1b}[31m", "caf\u{e9}", "", &digest, &"x".repeat(5000)] {
        if !name.starts_with('-') {
            environment.refused(&["tag", "in:app:1", name], "output.tag", 2);
            environment.refused(&["annotate", "in:app:1", "-a", "k=v", "--tag", name], "output.tag", 2);
            environment.refused(&["rebase", "in:app:1", "--onto", "in:os:1", "--tag", name], "output.tag", 2);
        }
        environment.refused(&["tag", "in:app:1", "--", name], "output.tag", 2);
    }
    for output in ["new:a b", "new.tar:a b", "in:a b"] {
        environment.refused(&["copy", "in.tar:app:1", output], "output.tag", 2);
    }
    environment.refused(&["copy", "in:app:1", "new:"], "ref.syntax", 2);
    environment.refused(&["copy", "in:app:1", &format!("new@{digest}")], "usage.output", 2);
    assert!(before == snapshot(environment.path()));
}

// Annotations.

#[test]
fn an_annotation_is_set_on_the_top_document_only() {
    let sample = Sample::new();
    let environment = Environment::on_disk();
    sample.layout().write(&environment.join("in"));
    environment.ok(&["annotate", "in:multi:1", "-a", "team=red", "-a", "of=me", "--tag", "multi:2"]);
    let contents = Contents::of(&environment.join("in"));
    contents.whole();
    let index = contents.json(&contents.named("multi:2").unwrap());
    let mut expected = Layout::new().index("", &[&sample.amd, &sample.arm], Sample::more());
    let mut wanted: Value = serde_json::from_slice(&expected.blobs[expected.entries[0]["digest"].as_str().unwrap()]).unwrap();
    wanted["annotations"] = json!({"of": "me", "team": "red"});
    assert_eq!(index, wanted);
    // The old one is untouched, and so is everything below.
    assert_eq!(contents.named("multi:1").unwrap(), sample.layout().digest_of("multi:1"));

    // A manifest elsewhere: the same config and layers.
    environment.ok(&["annotate", "in:app:1", "-a", "team=red", "-o", "out.tar:app:2"]);
    let contents = Contents::of(&environment.join("out.tar"));
    contents.whole();
    let wanted = sample.app.clone().annotated("team", "red");
    expected = Layout::new().image("app:2", &wanted);
    let manifest = contents.json(&contents.named("app:2").unwrap());
    assert_eq!(manifest, serde_json::from_slice::<Value>(&wanted.manifest_bytes()).unwrap());
    assert_eq!(contents.blobs().len(), expected.blobs.len());
}

#[test]
fn an_annotation_is_set_on_every_platform() {
    let sample = Sample::new();
    let environment = Environment::on_disk();
    sample.layout().write(&environment.join("in"));
    environment.ok(&["annotate", "in:multi:1", "--all", "-a", "team=red", "-o", "out"]);
    let contents = Contents::of(&environment.join("out"));
    let reached = contents.whole();
    // Nothing of the old index travels: two manifests, two configs, two layers, the index.
    assert_eq!((reached.len(), contents.blobs().len()), (7, 7));
    let index = contents.json(&contents.named("multi:1").unwrap());
    assert_eq!((&index["annotations"]["team"], &index["x-unknown"]), (&json!("red"), &json!([1, {"deep": true}])));
    for (entry, image) in index["manifests"].as_array().unwrap().iter().zip([&sample.amd, &sample.arm]) {
        assert_eq!(entry["platform"], json!({"architecture": image.config["architecture"], "os": "linux"}));
        let manifest = contents.json(entry["digest"].as_str().unwrap());
        let wanted: Value = serde_json::from_slice(&image.clone().annotated("team", "red").manifest_bytes()).unwrap();
        assert_eq!(manifest, wanted);
    }
}

fn docker(image: &Image) -> Image {
    let mut image = image.clone();
    image.manifest_type = DOCKER_MANIFEST.into();
    image.config_type = DOCKER_CONFIG.into();
    for layer in &mut image.layers {
        layer.media_type = DOCKER_LAYER.into();
    }
    image
}

#[test]
fn docker_documents_become_oci_documents_when_they_are_annotated() {
    let sample = Sample::new();
    let image = docker(&sample.app);
    let mut layout = Layout::new().image("app:1", &image);
    let children = [layout.store(&docker(&sample.amd)), layout.store(&docker(&sample.arm))];
    let list = serde_json::to_vec(&json!({"schemaVersion": 2, "mediaType": DOCKER_LIST, "manifests": children})).unwrap();
    let digest = layout.blob(&list);
    layout.entry("list:1", json!({"mediaType": DOCKER_LIST, "digest": digest, "size": list.len()}));
    let environment = Environment::on_disk();
    layout.write(&environment.join("in"));

    environment.ok(&["annotate", "in:app:1", "-a", "k=v", "-o", "out"]);
    environment.ok(&["annotate", "in:list:1", "--all", "-a", "k=v", "-o", "out"]);
    let contents = Contents::of(&environment.join("out"));
    contents.whole();
    let check = |manifest: &Value, image: &Image| {
        assert_eq!((&manifest["mediaType"], &manifest["config"]["mediaType"]), (&json!(MANIFEST), &json!(CONFIG)));
        assert_eq!(manifest["annotations"]["k"], "v");
        assert_eq!(manifest["config"]["digest"], crate::support::image::digest(&image.config_bytes()));
        let layers = manifest["layers"].as_array().unwrap();
        assert!(layers.iter().all(|layer| layer["mediaType"] == format!("{LAYER}+gzip")), "{manifest:#}");
        assert_eq!(
            layers.iter().map(|layer| layer["digest"].as_str().unwrap().to_owned()).collect::<Vec<_>>(),
            image.layers.iter().map(Layer::digest).collect::<Vec<_>>()
        );
    };
    let entry = contents.entries().into_iter().find(|entry| entry["annotations"][REF_NAME] == "app:1").unwrap();
    assert_eq!(entry["mediaType"], MANIFEST);
    check(&contents.json(entry["digest"].as_str().unwrap()), &image);
    let index = contents.json(&contents.named("list:1").unwrap());
    assert_eq!((&index["mediaType"], &index["annotations"]["k"]), (&json!(INDEX), &json!("v")));
    for (entry, image) in index["manifests"].as_array().unwrap().iter().zip([&sample.amd, &sample.arm]) {
        assert_eq!(entry["mediaType"], MANIFEST);
        check(&contents.json(entry["digest"].as_str().unwrap()), image);
    }
    // A copy, on the other hand, changes nothing.
    environment.ok(&["copy", "--all", "in", "same"]);
    is(&environment.join("same"), &layout);
}

// Where results may go.

#[test]
fn an_archive_is_never_changed() {
    let sample = Sample::new();
    let environment = Environment::on_disk();
    sample.layout().write_archive(&environment.join("in.tar"));
    let before = snapshot(environment.path());
    for arguments in [
        &["tag", "in.tar:app:1", "app:2"][..],
        &["untag", "in.tar:app:1"],
        &["annotate", "in.tar:app:1", "-a", "k=v"],
        &["annotate", "in.tar:app:1", "-a", "k=v", "--tag", "app:2"],
        &["rebase", "in.tar:app:1", "--onto", "in.tar:os:1"],
        &["rebase", "in.tar:app:1", "--onto", "in.tar:os:1", "--tag", "app:2"],
        &["base", "set", "in.tar:app:1", "--base", "in.tar:os:1"],
        &["base", "set", "in.tar:app:1", "--base", "in.tar:os:1", "--tag", "app:2"],
    ] {
        environment.refused(arguments, "usage.output", 2);
    }
    assert!(before == snapshot(environment.path()));
}

#[test]
fn a_layout_takes_results_in_place_only_under_a_name() {
    let sample = Sample::new();
    let environment = Environment::on_disk();
    let new = Image::of(&[&layer(&["etc/os-release=2"])]);
    let layout = sample.layout().image("os:2", &new);
    layout.write(&environment.join("in"));
    let before = snapshot(environment.path());
    for arguments in [
        &["annotate", "in:app:1", "-a", "k=v"][..],
        &["rebase", "in:app:1", "--onto", "in:os:2", "--from", "in:os:1"],
        &["base", "set", "in:app:1", "--base", "in:os:1"],
    ] {
        environment.refused(arguments, "usage.output", 2);
    }
    assert!(before == snapshot(environment.path()));
    environment.ok(&["rebase", "in:app:1", "--onto", "in:os:2", "--from", "in:os:1", "--tag", "app:2", "--tag", "app:new"]);
    environment.ok(&["base", "set", "in:app:1", "--base", "in:os:1", "--tag", "app:based"]);
    let contents = Contents::of(&environment.join("in"));
    contents.whole();
    assert_eq!(contents.named("app:2"), contents.named("app:new"));
    assert_eq!(contents.named("app:1").unwrap(), sample.app.digest());
    let based = contents.json(&contents.named("app:based").unwrap());
    assert_eq!(based["annotations"]["org.opencontainers.image.base.digest"], sample.base.digest());
    let config = contents.json(contents.json(&contents.named("app:2").unwrap())["config"]["digest"].as_str().unwrap());
    assert_eq!(texts(&config["rootfs"]["diff_ids"]), [new.layers[0].diff_id(), sample.app.layers[2].diff_id()]);
}

#[test]
fn an_archive_that_exists_is_replaced_whole_or_not_at_all() {
    let sample = Sample::new();
    let environment = Environment::on_disk();
    sample.layout().write(&environment.join("in"));
    sample.layout().write_archive(&environment.join("out.tar"));
    let old = fs::read(environment.join("out.tar")).unwrap();
    for arguments in [
        &["copy", "in:os:1", "out.tar"][..],
        &["copy", "in:os:1", "oci-archive:out.tar:os:9"],
        &["annotate", "in:os:1", "-a", "k=v", "-o", "out.tar"],
        &["rebase", "in:app:1", "--onto", "in:amd:1", "--seam-layers", "2", "-o", "out.tar"],
    ] {
        let arguments: Vec<&str> = arguments.iter().map(|text| if *text == "in:amd:1" { "in:multi:1" } else { text }).collect();
        environment.refused(&arguments, "output.exists", 4);
        assert_eq!(fs::read(environment.join("out.tar")).unwrap(), old);
    }
    environment.ok(&["copy", "in:os:1", "out.tar", "--overwrite"]);
    is(&environment.join("out.tar"), &sample.only("os:1", "os:1"));
    // Whatever is there, even if it is no archive, and a link is replaced itself.
    fs::write(environment.join("notes"), "mine").unwrap();
    environment.refused(&["copy", "in:os:1", "notes"], "output.exists", 4);
    assert_eq!(fs::read(environment.join("notes")).unwrap(), b"mine");
    symlink("notes", environment.join("link.tar")).unwrap();
    environment.refused(&["copy", "in:os:1", "link.tar"], "output.exists", 4);
    environment.ok(&["copy", "in:os:1", "link.tar", "--overwrite"]);
    assert_eq!(fs::read(environment.join("notes")).unwrap(), b"mine");
    is(&environment.join("link.tar"), &sample.only("os:1", "os:1"));
}

#[test]
fn an_input_is_no_output() {
    let sample = Sample::new();
    let environment = Environment::on_disk();
    let new = Image::of(&[&layer(&["etc/os-release=2"])]);
    sample.only("app:1", "app:1").write_archive(&environment.join("app.tar"));
    sample.only("os:1", "os:1").write_archive(&environment.join("old.tar"));
    Layout::new().image("os:2", &new).write_archive(&environment.join("new.tar"));
    // An image without layers: nothing of the source is copied but documents.
    Layout::new().image("empty", &Image::of(&[])).write_archive(&environment.join("empty.tar"));
    symlink("app.tar", environment.join("link.tar")).unwrap();
    fs::hard_link(environment.join("app.tar"), environment.join("hard.tar")).unwrap();
    let before = snapshot(environment.path());
    for output in ["app.tar", "./app.tar", "link.tar", "hard.tar"] {
        environment.refused(&["copy", "app.tar", output, "--overwrite"], "usage.output", 2);
        environment.refused(&["annotate", "app.tar", "-a", "k=v", "-o", output, "--overwrite"], "usage.output", 2);
    }
    environment.refused(&["copy", "empty.tar", "empty.tar", "--overwrite"], "usage.output", 2);
    // Every input counts, also one of which nothing is copied.
    for output in ["app.tar", "old.tar", "new.tar"] {
        let arguments = ["rebase", "app.tar", "--onto", "new.tar", "--from", "old.tar", "-o", output, "--overwrite"];
        environment.refused(&arguments, "usage.output", 2);
        let arguments = ["rebase", "app.tar", "--onto", "new.tar", "--bases", "old.tar", "-o", output, "--overwrite"];
        environment.refused(&arguments, "usage.output", 2);
    }
    let arguments = ["base", "set", "app.tar", "--base", "old.tar", "-o", "old.tar", "--overwrite"];
    environment.refused(&arguments, "usage.output", 2);
    assert!(before == snapshot(environment.path()));
}

#[test]
fn forms_that_cannot_be_written_are_refused_by_name() {
    let sample = Sample::new();
    let environment = Environment::on_disk();
    sample.layout().write(&environment.join("in"));
    let before = snapshot(environment.path());
    for (output, word) in [
        ("x.tar.xz", ".xz"),
        ("docker-archive:x.tar.bz2", ".bz2"),
        ("oci-archive:x.lz4", ".lz4"),
        ("x.zip:a:1", ".zip"),
        ("x.txz", ".txz"),
        // These do not say that they are archives.
        ("x.gz", "x.tar.gz"),
        ("docker-archive:x.zst", "x.tar.zst"),
    ] {
        for arguments in [&["copy", "in:os:1", output][..], &["annotate", "in:os:1", "-a", "k=v", "-o", output]] {
            let outcome = environment.refused(arguments, "usage.output", 2);
            assert!(outcome.err.contains(word) && outcome.err.contains("hint"), "{}", outcome.err);
        }
    }
    environment.refused(&["copy", "in:os:1", "-"], "ref.stdin", 2);
    fs::write(environment.join("plain"), "x").unwrap();
    environment.refused(&["copy", "in:os:1", "oci:plain"], "usage.output", 2);
    environment.refused(&["copy", "in:os:1", "oci-archive:in", "--overwrite"], "usage.output", 2);
    fs::remove_file(environment.join("plain")).unwrap();
    assert!(before == snapshot(environment.path()));
}

#[test]
fn a_directory_that_is_no_layout_is_no_output() {
    let sample = Sample::new();
    let environment = Environment::on_disk();
    sample.layout().write(&environment.join("in"));
    fs::create_dir(environment.join("home")).unwrap();
    fs::write(environment.join("home/letter.txt"), "dear").unwrap();
    environment.refused(&["copy", "in:os:1", "home"], "layout.marker.missing", 3);
    assert_eq!(snapshot(&environment.join("home")).len(), 1);
    // An index that cannot be read is never replaced by a new one.
    for broken in ["", "{\"schemaVersion\":2,\"manif", "{}{}"] {
        sample.only("os:1", "os:1").write(&environment.join("torn"));
        fs::write(environment.join("torn/index.json"), broken).unwrap();
        let before = snapshot(&environment.join("torn"));
        let outcome = environment.run(&["copy", "in:app:1", "torn"]);
        assert_eq!(outcome.status, 3, "{}", outcome.err);
        assert!(before == snapshot(&environment.join("torn")));
    }
    // An empty directory may become one.
    fs::create_dir(environment.join("fresh")).unwrap();
    environment.ok(&["copy", "in:os:1", "fresh"]);
    is(&environment.join("fresh"), &sample.only("os:1", "os:1"));
}

#[test]
fn a_folder_that_is_not_there_is_made() {
    let sample = Sample::new();
    let environment = Environment::on_disk();
    sample.layout().write(&environment.join("in"));
    for (number, output) in
        ["OUT/out", "OUT/out.tar", "OUT/such/deep/out:a:1", "OUT/such/out.tar:registry.site/a:1"].into_iter().enumerate()
    {
        let copy = output.replace("OUT", &format!("copy{number}"));
        environment.ok(&["copy", "in:os:1", &copy]);
        let moved = output.replace("OUT", &format!("moved{number}"));
        environment.ok(&["rebase", "in:app:1", "--onto", "in:multi:1", "--from", "in:os:1", "-o", &moved]);
        environment.ok(&["fsck", &format!("copy{number}"), &format!("moved{number}")]);
    }
    // What is refused makes none, and a file is no folder.
    environment.refused(&["copy", "in:nothing:1", "new/out.tar"], "ref.not_found", 4);
    environment.refused(&["copy", "in:os:1", "docker-archive:new/out.tar.bz2"], "usage.output", 2);
    assert!(!environment.join("new").exists());
    environment.refused(&["copy", "in:os:1", "in/index.json/out.tar"], "io", 6);
}

#[test]
fn a_read_only_target_is_an_error_and_a_read_only_input_is_none() {
    let sample = Sample::new();
    let environment = Environment::on_disk();
    sample.layout().write(&environment.join("in"));
    sample.only("os:1", "os:1").write(&environment.join("fixed"));
    let program = env!("CARGO_BIN_EXE_airbase");
    // Permissions do not bind root, so the directory is mounted read-only where nobody else sees it.
    let run = |command: &str| {
        let script = format!("mount --bind fixed fixed && mount -o remount,ro,bind fixed fixed || exit 99; {command}");
        ["-rm", "-m"].into_iter().find_map(|flag| {
            let output =
                std::process::Command::new("unshare").args([flag, "sh", "-c", &script]).current_dir(environment.path()).output().ok()?;
            let status = output.status.code()?;
            (status != 99 && !String::from_utf8_lossy(&output.stderr).contains("unshare"))
                .then(|| (status, format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))))
        })
    };
    let before = snapshot(environment.path());
    let Some((status, text)) = run(&format!("exec {program} copy in:app:1 fixed")) else {
        crate::support::skipped("no private mounts here");
        return;
    };
    assert_eq!(status, 6, "{text}");
    assert!(text.contains("[io]"), "{text}");
    for arguments in ["tag fixed:os:1 os:2", "untag fixed:os:1", "copy in:app:1 fixed/new", "copy in:app:1 fixed/new.tar"] {
        let (status, text) = run(&format!("exec {program} {arguments}")).unwrap();
        assert_eq!(status, 6, "{arguments}: {text}");
    }
    assert!(before == snapshot(environment.path()));
    for arguments in ["inspect fixed", "fsck fixed", "copy fixed:os:1 out"] {
        let (status, text) = run(&format!("exec {program} {arguments}")).unwrap();
        assert_eq!(status, 0, "{arguments}: {text}");
    }
    is(&environment.join("out"), &sample.only("os:1", "os:1"));
}

#[test]
fn blobs_of_both_algorithms_travel() {
    // A layer that is named by sha512: its path does not fit into a ustar header.
    let sample = Sample::new();
    let mut layout = Layout::new();
    let image = Image::of(&[&sample.base.layers[0]]);
    let blob = &image.layers[0].blob;
    let output = std::process::Command::new("sha512sum").stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped()).spawn();
    let Ok(mut child) = output else {
        crate::support::skipped("there is no sha512sum");
        return;
    };
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), blob).unwrap();
    let hex = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    let wide = format!("sha512:{}", hex.split_whitespace().next().unwrap());
    let config = image.config_bytes();
    let manifest = serde_json::to_vec(&json!({
        "schemaVersion": 2, "mediaType": MANIFEST,
        "config": {"mediaType": CONFIG, "digest": layout.blob(&config), "size": config.len()},
        "layers": [{"mediaType": format!("{LAYER}+gzip"), "digest": wide, "size": blob.len()}],
    }))
    .unwrap();
    let digest = layout.blob(&manifest);
    layout.entry("wide", json!({"mediaType": MANIFEST, "digest": digest, "size": manifest.len()}));
    let environment = Environment::on_disk();
    layout.write(&environment.join("in"));
    let path = format!("blobs/{}", wide.replace(':', "/"));
    fs::create_dir(environment.join("in/blobs/sha512")).unwrap();
    fs::write(environment.join("in").join(&path), blob).unwrap();
    for (source, target) in [("in", "one.tar"), ("one.tar", "two"), ("two", "three"), ("one.tar", "four.tar")] {
        environment.ok(&["copy", source, target]);
        let contents = Contents::of(&environment.join(target));
        assert_eq!((&contents.files[&path], contents.entries()), (blob, layout.entries.clone()));
        environment.ok(&["fsck", target]);
    }
    assert!(fs::read(environment.join("one.tar")).unwrap() == fs::read(environment.join("four.tar")).unwrap());
}
