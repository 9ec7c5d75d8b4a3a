//! Archives for docker: what no reader of them loads is refused, and what only Docker's format has is kept.

use serde_json::{Value, json};

use crate::support::image::{LAYER, digest};
use crate::support::{Contents, Environment, Image, Layer, Layout, layer};

const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const FOREIGN: &str = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip";

/// A layer under another media type.
fn typed(media_type: &str) -> Layer {
    Layer { media_type: media_type.into(), ..layer(&["other=1"]) }
}

fn refused(layout: &Layout, code: &str) {
    let environment = Environment::new();
    layout.write(&environment.join("in"));
    environment.refused(&["copy", "in:it", "docker-archive:out.tar"], code, 4);
    assert!(!environment.join("out.tar").exists());
    environment.ok(&["copy", "in:it", "oci-archive:out.tar"]);
}

#[test]
fn what_no_reader_loads_is_refused() {
    let base = Image::of(&[&layer(&["os=1"])]);
    // An artifact, and one with a type of its own.
    let mut layout = Layout::new();
    let (empty, blob) = (layout.blob(b"{}"), layout.blob(b"{\"sbom\":1}"));
    for config in ["application/vnd.oci.empty.v1+json", "application/vnd.cncf.helm.config.v1+json"] {
        let manifest = serde_json::to_vec(&json!({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "artifactType": "application/x.sbom",
            "config": {"mediaType": config, "digest": empty, "size": 2},
            "layers": [{"mediaType": "application/x.sbom", "digest": blob, "size": 10}],
        }))
        .unwrap();
        let mut layout = layout.clone();
        let digest = layout.blob(&manifest);
        layout.entry("it", json!({"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest, "size": manifest.len()}));
        refused(&layout, "image.not_an_image");
    }
    // A signature borrows the media type of an image config.
    refused(&Layout::new().image("it", &Image::of(&[&typed("application/vnd.dev.cosign.simplesigning.v1+json")])), "image.not_an_image");
    for media_type in [
        "application/vnd.sylabs.sif.layer.v1.squashfs",
        "application/vnd.stacker.image.layer.squashfs",
        "application/vnd.oci.image.layer.v1.tar+gzip+encrypted",
        "application/vnd.oci.image.layer.v1.erofs",
    ] {
        refused(&Layout::new().image("it", &base.and(&[&typed(media_type)])), "image.not_for_docker");
    }
}

/// A layer of Windows that lies with Microsoft: with its bytes it goes along, without them nobody could load the archive.
#[test]
fn a_foreign_layer_has_to_be_there() {
    for (media_type, kind) in [
        (FOREIGN, "application/vnd.oci.image.manifest.v1+json"),
        ("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", DOCKER_MANIFEST),
    ] {
        let foreign = typed(media_type);
        let mut image = Image::of(&[&foreign, &layer(&["app=1"])]);
        image.manifest_type = kind.into();
        if kind == DOCKER_MANIFEST {
            image.config_type = "application/vnd.docker.container.image.v1+json".into();
        }
        let mut first = foreign.descriptor();
        first["urls"] = json!(["https://mcr.example/layer"]);
        image.manifest = json!({"layers": [first, image.layers[1].descriptor()]});
        let mut layout = Layout::new().image("it", &image);
        let environment = Environment::new();
        layout.write(&environment.join("in"));
        environment.ok(&["copy", "in:it", "docker-archive:out.tar"]);
        layout.blobs.remove(&foreign.digest());
        refused(&layout, "image.not_for_docker");
        // The new base of a rebase may be what is away.
        let (old, own) = (Image::of(&[&layer(&["os=1"])]), layer(&["app=1"]));
        let app = Layout::new().image("old", &old).image("app", &old.and(&[&own]));
        let environment = Environment::new();
        layout.write(&environment.join("new"));
        app.write(&environment.join("apps"));
        let rebase = ["rebase", "apps:app", "--from", "apps:old", "--onto", "new:it", "-o", "docker-archive:out.tar"];
        environment.refused(&rebase, "image.not_for_docker", 4);
        environment.refused(&[&rebase[..], &["--dry-run"]].concat(), "image.not_for_docker", 4);
        assert!(!environment.join("out.tar").exists());
    }
}

/// podman takes HEALTHCHECK, ONBUILD and SHELL of a Docker manifest only, so that is what such an image gets; all else stays.
#[test]
fn settings_that_only_docker_has_get_a_docker_manifest() {
    let healthcheck = json!({"Test": ["CMD-SHELL", "true"], "Interval": 30_000_000_000_u64});
    let (old, own) = (Image::of(&[&layer(&["os=1"])]), layer(&["app=1"]));
    let new = Image::of(&[&layer(&["os=2"])]);
    for (field, value, docker) in [
        ("Healthcheck", healthcheck.clone(), true),
        ("OnBuild", json!(["RUN x"]), true),
        ("Shell", json!(["/bin/bash", "-c"]), true),
        ("Healthcheck", json!(null), false),
        ("OnBuild", json!([]), false),
        ("StopSignal", json!("SIGINT"), false),
    ] {
        let environment = Environment::new();
        let app = old.and(&[&own]).with(field, value.clone()).annotated("org.example.kept", "yes");
        Layout::new().image("r.example/os:1", &old).image("r.example/os:2", &new).write(&environment.join("bases"));
        Layout::new().image("r.example/app:1", &app).write(&environment.join("apps"));
        let (_, copied) = environment.json(&["copy", "apps", "docker-archive:copy.tar"]);
        let rebase = ["rebase", "apps", "--bases", "bases", "--onto", "bases:r.example/os:2", "-o"];
        let (_, rebased) = environment.json(&[&rebase[..], &["docker-archive:moved.tar"]].concat());
        for (file, reported) in [("copy.tar", &copied["images"][0]["digest"]), ("moved.tar", &rebased["result"]["digest"])] {
            let contents = Contents::of(&environment.join(file));
            let entry = &contents.entries()[0];
            assert_eq!(entry["digest"], *reported, "{field} {file}");
            let manifest = contents.json(entry["digest"].as_str().unwrap());
            let is_docker = entry["mediaType"] == DOCKER_MANIFEST;
            assert_eq!(is_docker, docker, "{field} {value} {file}: {manifest:#}");
            assert_eq!(manifest["mediaType"], entry["mediaType"]);
            assert_eq!(manifest["config"]["mediaType"] == "application/vnd.docker.container.image.v1+json", docker);
            let layer = if docker { "application/vnd.docker.image.rootfs.diff.tar.gzip".to_owned() } else { format!("{LAYER}+gzip") };
            assert!(manifest["layers"].as_array().unwrap().iter().all(|entry| entry["mediaType"] == layer), "{manifest:#}");
            assert_eq!(manifest["annotations"]["org.example.kept"], "yes");
            let config = contents.json(manifest["config"]["digest"].as_str().unwrap());
            assert_eq!(config["config"][field], value);
            environment.ok(&["fsck", file]);
        }
        let findings = copied["findings"].as_array().unwrap().iter().chain(rebased["platforms"][0]["findings"].as_array().unwrap());
        let told = findings.filter(|finding| finding["code"] == "media_types.docker").count();
        assert_eq!(told, if docker { 2 } else { 0 }, "{field} {value}");
        assert_eq!(copied["images"][0]["digest"] == json!(app.digest()), !docker, "without such a setting the manifest is the same");
        // The config is the same, and so is the manifest in every other form.
        let contents = Contents::of(&environment.join("copy.tar"));
        assert!(contents.blobs().contains_key(&digest(&app.config_bytes())));
        let (_, layout): (i32, Value) = environment.json(&[&rebase[..], &["moved"]].concat());
        assert_eq!(layout["result"]["mediaType"], "application/vnd.oci.image.manifest.v1+json");
        // What it is based on is known as before.
        let (_, shown) = environment.json(&["base", "show", "moved.tar", "--bases", "bases"]);
        assert!(shown.to_string().contains("r.example/os:2"), "{shown:#}");
    }
}
