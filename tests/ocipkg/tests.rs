//! The feature `ocipkg`: our sources and our store behind its traits, and the crate itself as a witness that shares no code
//! with us: what it writes we read, and what we write it reads.

use std::collections::HashMap;
use std::path::Path;

use airbase::foundation::{Code, Error, Limits};
use airbase::ocipkg::{Builder, SourceImage};
use ocipkg::ImageName;
use ocipkg::image::{
    Image as _, ImageBuilder, OciArchive, OciArchiveBuilder, OciArtifact, OciArtifactBuilder, OciDir, OciDirBuilder, copy,
};
use ocipkg::oci_spec::image::{Descriptor, ImageManifest, MediaType};
use serde_json::json;

use crate::support::environment::snapshot;
use crate::support::image::{archive, digest};
use crate::support::{Contents, Environment, Image, Layout, layer};

const LIMITS: &Limits = &Limits::STANDARD;

fn name(text: &str) -> ImageName {
    ImageName::parse(text).unwrap()
}

/// Puts an image together through the trait, as a program does that knows nothing of us.
fn build<B: ImageBuilder>(mut builder: B, image: &Image) -> B::Image {
    for blob in image.layers.iter().map(|layer| layer.blob.clone()).chain([image.config_bytes()]) {
        let (given, size) = builder.add_blob(&blob).unwrap();
        assert_eq!((given.to_string(), size), (digest(&blob), blob.len() as u64));
    }
    builder.build(manifest(image)).unwrap()
}

/// The manifest of an image as `oci-spec` reads it.
fn manifest(image: &Image) -> ImageManifest {
    ImageManifest::from_reader(image.manifest_bytes().as_slice()).unwrap()
}

/// What it says and holds is what it was made of.
fn check(found: &mut dyn ocipkg::image::Image, expected: &Image) {
    assert_eq!(found.get_manifest().unwrap(), manifest(expected));
    for blob in expected.layers.iter().map(|layer| layer.blob.clone()).chain([expected.config_bytes()]) {
        assert_eq!(found.get_blob(&digest(&blob).parse().unwrap()).unwrap(), blob);
    }
}

fn code(error: &anyhow::Error) -> Code {
    error.downcast_ref::<Error>().unwrap_or_else(|| panic!("{error:?}")).code()
}

fn refused<T>(result: Result<T, anyhow::Error>) -> Code {
    code(&result.err().expect("a refusal"))
}

/// An old base, a new one, and an app on the old one.
fn family() -> (Image, Image, Image) {
    let old = Image::of(&[&layer(&["etc/os=old"])]);
    let app = old.and(&[&layer(&["app=yes"])]).with("Cmd", json!(["/app"]));
    (old, Image::of(&[&layer(&["etc/os=new"])]), app)
}

#[test]
fn what_ocipkg_writes_is_read_checked_and_rebased() {
    let environment = Environment::new();
    let (old, new, app) = family();
    Layout::new().image("os:old", &old).image("os:new", &new).write(&environment.join("bases"));
    check(&mut build(OciDirBuilder::new(environment.join("app"), name("registry.example/shop:1")).unwrap(), &app), &app);
    check(&mut build(OciArchiveBuilder::new(environment.join("app.tar"), name("registry.example/shop:1")).unwrap(), &app), &app);

    environment.ok(&["fsck", "app", "--level", "4"]);
    // Its archives have no oci-layout, and that is all that is wrong with them.
    let (status, report) = environment.json(&["fsck", "app.tar", "--level", "4"]);
    let codes: Vec<&str> =
        report["sources"][0]["findings"].as_array().unwrap().iter().map(|finding| finding["code"].as_str().unwrap()).collect();
    assert_eq!((status, codes), (1, vec!["layout.marker.missing"]));

    let mut results = std::collections::BTreeSet::new();
    for source in ["app", "app.tar"] {
        let out = format!("{source}.new:shop:2");
        let (status, report) = environment.json(&["rebase", source, "--bases", "bases", "--onto", "bases:os:new", "-o", &out]);
        assert_eq!(status, 0, "{report:#}");
        results.insert(report["result"]["digest"].as_str().unwrap().to_owned());
    }
    assert_eq!(results.len(), 1, "{results:?}");
}

#[test]
fn what_airbase_writes_is_read_by_ocipkg() {
    let environment = Environment::new();
    let (old, new, app) = family();
    Layout::new().image("os:old", &old).image("os:new", &new).write(&environment.join("bases"));
    Layout::new().image("registry.example/shop:1", &app).write(&environment.join("app"));
    environment.ok(&["copy", "app", "copy"]);
    environment.ok(&["copy", "app", "copy.tar"]);
    check(&mut OciDir::new(&environment.join("copy")).unwrap(), &app);
    check(&mut OciArchive::new(&environment.join("copy.tar")).unwrap(), &app);

    let rebase = ["rebase", "app", "--bases", "bases", "--onto", "bases:os:new", "-o"];
    environment.ok(&[&rebase[..], &["new:registry.example/shop:2"]].concat());
    environment.ok(&[&rebase[..], &["new.tar:registry.example/shop:2"]].concat());
    let mut found = OciDir::new(&environment.join("new")).unwrap();
    let mut in_archive = OciArchive::new(&environment.join("new.tar")).unwrap();
    assert_eq!(found.get_name().unwrap(), name("registry.example/shop:2"));
    assert_eq!(found.get_manifest().unwrap(), in_archive.get_manifest().unwrap());
    let layers: Vec<String> = found.get_manifest().unwrap().layers().iter().map(|layer| layer.digest().to_string()).collect();
    assert_eq!(layers, [new.layers[0].digest(), app.layers[1].digest()]);
    for layer in found.get_manifest().unwrap().layers() {
        let blob = found.get_blob(layer.digest()).unwrap();
        assert_eq!(digest(&blob), layer.digest().to_string());
        assert_eq!(blob, in_archive.get_blob(layer.digest()).unwrap());
    }
}

#[test]
fn every_container_is_read_through_the_trait() {
    let environment = Environment::new();
    let (.., app) = family();
    let layout = Layout::new().image("registry.example/shop:1", &app);
    let tar = archive(&layout.files());
    layout.write(&environment.join("app"));
    std::fs::write(environment.join("app.tar"), &tar).unwrap();
    std::fs::write(environment.join("app.tar.zst"), zstd::encode_all(tar.as_slice(), 3).unwrap()).unwrap();
    environment.ok(&["copy", "app", "docker-archive:docker.tar"]);
    for source in ["app", "app.tar", "app.tar.zst", "docker.tar"] {
        let mut found = SourceImage::open(environment.join(source).to_str().unwrap(), None, LIMITS).unwrap();
        assert_eq!(found.get_name().unwrap(), name("registry.example/shop:1"), "{source}");
        assert_eq!(found.manifest_bytes().bytes(), app.manifest_bytes(), "{source}");
        check(&mut found, &app);
        let nothing = digest(b"nothing").parse().unwrap();
        assert_eq!(refused(found.get_blob(&nothing)), Code::BlobMissing, "{source}");
    }
}

#[test]
fn one_platform_of_an_index_is_an_image() {
    let environment = Environment::new();
    let (old, .., app) = family();
    let mut arm = old.clone();
    arm.config["architecture"] = json!("arm64");
    Layout::new().index("shop:1", &[&app, &arm], json!({})).write(&environment.join("app"));
    let path = environment.join("app").to_str().unwrap().to_owned();
    assert_eq!(SourceImage::open(&path, None, LIMITS).unwrap_err().code(), Code::RefPlatform);
    check(&mut SourceImage::open(&path, Some(&"linux/arm64".parse().unwrap()), LIMITS).unwrap(), &arm);
}

#[test]
fn a_damaged_blob_is_handed_out_by_ocipkg_and_refused_by_us() {
    let environment = Environment::new();
    let (.., app) = family();
    let layout = Layout::new().image("registry.example/shop:1", &app);
    layout.write(&environment.join("app"));
    let blob = app.layers[1].digest();
    let path = environment.join("app/blobs").join(blob.replace(':', "/"));
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[20] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let wanted = blob.parse().unwrap();
    assert_eq!(OciDir::new(&environment.join("app")).unwrap().get_blob(&wanted).unwrap(), bytes);
    let mut found = SourceImage::open(environment.join("app").to_str().unwrap(), None, LIMITS).unwrap();
    assert_eq!(refused(found.get_blob(&wanted)), Code::BlobDigestMismatch);
    std::fs::write(&path, &bytes[..30]).unwrap();
    assert_eq!(refused(found.get_blob(&wanted)), Code::DescriptorSizeMismatch);
}

#[test]
fn a_program_of_ocipkg_copies_into_our_store_and_back() {
    let environment = Environment::new();
    let (old, .., app) = family();
    let full = name("registry.example/shop:1");
    let mut theirs = build(OciArchiveBuilder::new(environment.join("theirs.tar"), full.clone()).unwrap(), &app);
    let listed = Contents::of(&environment.join("theirs.tar")).named("registry.example/shop:1");

    // Into a layout that has another image already, which stays.
    Layout::new().image("os:old", &old).write(&environment.join("ours"));
    check(&mut copy(&mut theirs, Builder::layout(&environment.join("ours"), Some(&full), LIMITS).unwrap()).unwrap(), &app);
    let mut ours = copy(&mut theirs, Builder::archive(&environment.join("ours.tar"), Some(&full), LIMITS).unwrap()).unwrap();
    check(&mut ours, &app);
    for output in ["ours", "ours.tar"] {
        environment.ok(&["fsck", output, "--level", "4"]);
        assert_eq!(Contents::of(&environment.join(output)).named("registry.example/shop:1"), listed, "{output}");
    }
    assert!(Contents::of(&environment.join("ours")).named("os:old").is_some());

    check(&mut OciArchive::new(&environment.join("ours.tar")).unwrap(), &app);
    check(&mut copy(&mut ours, OciDirBuilder::new(environment.join("back"), full).unwrap()).unwrap(), &app);
    assert_eq!(Contents::of(&environment.join("back")).named("registry.example/shop:1"), listed);
}

/// An artifact with annotations of which `oci-spec` does not keep the order, and a blob too large to be kept in memory.
fn artifact<B: ImageBuilder>(builder: B, large: &[u8]) -> OciArtifact<B::Image> {
    let mut artifact = OciArtifactBuilder::new(builder, MediaType::Other("application/vnd.example.model".into())).unwrap();
    let notes: HashMap<String, String> = (0..12).map(|number| (format!("note.{number}"), number.to_string())).collect();
    artifact.add_layer(MediaType::Other("application/vnd.example.weights".into()), large, notes.clone()).unwrap();
    for (key, value) in notes {
        artifact.add_annotation(key, value);
    }
    artifact.build().unwrap()
}

#[test]
fn artifacts_are_stored_and_the_same_input_gives_the_same_bytes() {
    let environment = Environment::new();
    let large: Vec<u8> = (0..3_u32 << 18).flat_map(u32::to_le_bytes).collect();
    let full = name("registry.example/model:1");
    let mut found = artifact(Builder::layout(&environment.join("a"), Some(&full), LIMITS).unwrap(), &large);
    assert_eq!(found.get_name().unwrap(), full);
    assert_eq!(found.artifact_type().unwrap().to_string(), "application/vnd.example.model");
    let layers: Vec<(Descriptor, Vec<u8>)> = found.get_layers().unwrap();
    assert_eq!((layers.len(), &layers[0].1), (1, &large));
    assert_eq!(found.get_config().unwrap().1, b"{}");
    environment.ok(&["fsck", "a"]);
    assert_eq!(OciArtifact::from_oci_dir(&environment.join("a")).unwrap().get_layers().unwrap()[0].1, large);

    artifact(Builder::layout(&environment.join("b"), Some(&full), LIMITS).unwrap(), &large);
    assert_eq!(Contents::of(&environment.join("a")), Contents::of(&environment.join("b")));
    for archive in ["a.tar", "b.tar"] {
        artifact(Builder::archive(&environment.join(archive), Some(&full), LIMITS).unwrap(), &large);
    }
    assert_eq!(std::fs::read(environment.join("a.tar")).unwrap(), std::fs::read(environment.join("b.tar")).unwrap());
}

#[test]
fn nothing_is_there_before_all_of_it_is() {
    let environment = Environment::new();
    let (old, .., app) = family();
    Layout::new().image("os:old", &old).write(&environment.join("layout"));
    let before = snapshot(environment.path());
    let place = |path: &str| environment.join(path);
    let open = |path: &Path| match path.extension() {
        Some(_) => Builder::archive(path, None, LIMITS).unwrap(),
        None => Builder::layout(path, None, LIMITS).unwrap(),
    };
    for path in ["layout", "new", "new.tar"] {
        let mut builder = open(&place(path));
        builder.add_blob(&vec![7; 3 << 20]).unwrap();
        builder.add_blob(&app.config_bytes()).unwrap();
        assert_eq!(snapshot(environment.path()), before, "{path}: a blob is waiting");
        drop(builder);
        assert_eq!(snapshot(environment.path()), before, "{path}: it was given up");
        // A manifest may not name what nobody added.
        assert_eq!(refused(open(&place(path)).build(manifest(&app))), Code::BlobMissing);
        assert_eq!(snapshot(environment.path()), before, "{path}: it was refused");
    }
    std::fs::write(place("taken.tar"), "mine").unwrap();
    assert_eq!(Builder::archive(&place("taken.tar"), None, LIMITS).unwrap_err().code(), Code::OutputExists);
    assert_eq!(Builder::layout(&place("taken.tar"), None, LIMITS).unwrap_err().code(), Code::UsageOutput);
    // What somebody puts there meanwhile stays.
    let mut builder = open(&place("late.tar"));
    for blob in app.layers.iter().map(|layer| layer.blob.clone()).chain([app.config_bytes()]) {
        builder.add_blob(&blob).unwrap();
    }
    std::fs::write(place("late.tar"), "theirs").unwrap();
    assert_eq!(refused(builder.build(manifest(&app))), Code::OutputExists);
    assert_eq!(std::fs::read(place("late.tar")).unwrap(), b"theirs");
}
