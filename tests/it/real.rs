//! Genuine images, where `AIRBASE_REAL_IMAGES` names the folder that holds them; skipped visibly elsewhere.
//!
//! What is expected is computed from the genuine documents, read here with `serde_json`.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::image::{Compression, Layer, ReadBack, digest, texts};
use crate::support::story::{Rebased, codes, run};
use crate::support::{Environment, Image, Layout, layer, real};

/// A genuine image in parts: manifest, config, layers.
struct Genuine {
    manifest: Value,
    config: Value,
    layers: Vec<(Value, Vec<u8>)>,
}

impl Genuine {
    fn read(layout: &ReadBack, manifest: Value) -> Self {
        let config = layout.config(&manifest);
        let layers = manifest["layers"].as_array().unwrap().iter().map(|layer| {
            let digest = layer["digest"].as_str().unwrap();
            (layer.clone(), layout.blob(digest))
        });
        Self { layers: layers.collect(), config, manifest }
    }

    fn diff_ids(&self) -> Vec<&str> {
        texts(&self.config["rootfs"]["diff_ids"])
    }

    /// With one more layer, command, variable and history entry, as a builder does it.
    fn with(&self, own: &Layer) -> Self {
        let mut config = self.config.clone();
        config["config"]["Cmd"] = json!(["/app/hello"]);
        config["config"]["Env"].as_array_mut().unwrap().push(json!("APP=yes"));
        config["history"].as_array_mut().unwrap().push(json!({"created": "2025-05-05T00:00:00Z", "created_by": "COPY app /app"}));
        config["rootfs"]["diff_ids"].as_array_mut().unwrap().push(json!(own.diff_id()));
        let mut layers = self.layers.clone();
        layers.push((own.descriptor(), own.blob.clone()));
        Self { config, layers, manifest: json!({"schemaVersion": 2, "mediaType": self.manifest["mediaType"]}) }
    }

    /// Puts it into a layout; gives its descriptor.
    fn store(&self, layout: &mut Layout) -> Value {
        for (_, blob) in &self.layers {
            layout.blob(blob);
        }
        let config = serde_json::to_vec(&self.config).unwrap();
        let mut manifest = self.manifest.clone();
        manifest["config"] = json!({
            "mediaType": "application/vnd.oci.image.config.v1+json", "digest": layout.blob(&config), "size": config.len(),
        });
        manifest["layers"] = self.layers.iter().map(|(descriptor, _)| descriptor.clone()).collect();
        let bytes = serde_json::to_vec(&manifest).unwrap();
        json!({
            "mediaType": manifest["mediaType"], "digest": layout.blob(&bytes), "size": bytes.len(),
            "platform": {"architecture": self.config["architecture"], "os": self.config["os"]},
        })
    }
}

fn concatenated(lists: &[&Value]) -> Value {
    lists.iter().flat_map(|list| list.as_array().unwrap().clone()).collect()
}

/// Official busybox layouts, whose blobs are symbolic links: 1.37 to 1.38, glibc and musl, amd64 and arm64, all in one folder of
/// bases.
#[test]
fn busybox() {
    let Some(folder) = real::folder("busybox") else { return };
    let environment = Environment::on_disk();
    let variants = ["glibc-amd64", "glibc-arm64v8", "musl-amd64"];
    for variant in variants {
        for version in ["1.37", "1.38"] {
            let name = format!("busybox-{version}-{variant}");
            real::copy(&folder, &name, &environment.join(&format!("bases/{name}")));
        }
    }
    for variant in variants {
        let own = layer(&[&format!("app/hello=for {variant}")]);
        let genuine = |version: &str| {
            let layout = ReadBack::open(&environment.join(&format!("bases/busybox-{version}-{variant}")));
            Genuine::read(&layout, layout.only())
        };
        let (old, new) = (genuine("1.37"), genuine("1.38"));
        let mut apps = Layout::new();
        let mut entry = old.with(&own).store(&mut apps);
        entry.as_object_mut().unwrap().remove("platform");
        apps.entry("app:1", entry);
        apps.write_archive(&environment.join(&format!("{variant}.tar")));

        let (onto, out) = (format!("bases/busybox-1.38-{variant}"), format!("out-{variant}"));
        let output = format!("{out}:app:2");
        let arguments = ["rebase", &format!("{variant}.tar"), "--bases", "bases", "--onto", &onto, "-o", &output];
        let result = run(&environment, &arguments, &out, "app:2");

        // The right one of six bases was found by its layers.
        let platform = &result.report["platforms"][0];
        let libc = variant.split('-').next().unwrap();
        assert_eq!(platform["oldBase"]["reference"], format!("bases/busybox-1.37-{variant}:busybox:1.37.0-{libc}"));
        assert_eq!(platform["proofs"], json!(["same-blob"]));
        // Layers, history, config.
        assert_eq!(result.document["layers"], json!([new.layers[0].0, own.descriptor()]), "{variant}");
        assert_eq!(texts(&result.config["rootfs"]["diff_ids"]), [new.diff_ids(), vec![&own.diff_id()]].concat());
        let entry = json!([{"created": "2025-05-05T00:00:00Z", "created_by": "COPY app /app"}]);
        assert_eq!(result.config["history"], concatenated(&[&new.config["history"], &entry]));
        assert_eq!(
            result.config["config"],
            json!({"Cmd": ["/app/hello"], "Env": concatenated(&[&new.config["config"]["Env"], &json!(["APP=yes"])])})
        );
        assert_eq!((&result.config["architecture"], &result.config["variant"]), (&new.config["architecture"], &new.config["variant"]));
        let annotations = result.annotations();
        assert!(annotations["org.opencontainers.image.base.name"].as_str().unwrap().starts_with("busybox:1.38"), "{annotations:#}");
        assert_eq!(annotations["org.opencontainers.image.base.digest"], platform["newBase"]["manifest"]);
        assert_eq!(annotations.get("org.opencontainers.image.version"), None, "busybox's version is not the app's");
        // Every blob is a file of its own in the result.
        let _ = environment.ok(&["fsck", &out]);
        for layer in result.document["layers"].as_array().unwrap() {
            let blob = environment.join(&out).join("blobs").join(layer["digest"].as_str().unwrap().replace(':', "/"));
            assert!(std::fs::symlink_metadata(blob).unwrap().is_file());
        }
    }
}

/// The images that regctl's own rebase test uses. `base.*` stands on the index; its name is a registry's, the layout has bare
/// tags.
#[test]
fn regclient_testrepo() {
    let Some(folder) = real::folder("regclient_testrepo") else { return };
    let environment = Environment::on_disk();
    real::copy(&folder, "regclient-testrepo", &environment.join("repo"));
    let repo = ReadBack::open(&environment.join("repo"));
    let old = repo.named("b1");
    // The platforms as the index of each app has them; v2 lacks arm/v6.
    for (app_name, base_name, platforms) in [("v2", "b2", 3), ("v3", "b3", 4)] {
        let (app, new) = (repo.named(app_name), repo.named(base_name));
        // With the new base named, and by the name that the image gives.
        for number in 0..2 {
            let out = format!("{app_name}-{number}");
            let (app_text, output, onto) = (format!("repo:{app_name}"), format!("{out}:{app_name}"), format!("repo:{base_name}"));
            let named = ["rebase", &app_text, "-o", &output, "--onto", &onto];
            let arguments = if number == 0 { &named[..] } else { &named[..4] };
            let result = run(&environment, arguments, &out, app_name);

            let entries = result.document["manifests"].as_array().unwrap();
            assert_eq!(entries.len(), platforms, "{app_name}");
            for (entry, before) in entries.iter().zip(app["manifests"].as_array().unwrap()) {
                assert_eq!(entry["platform"], before["platform"]);
                let base_of = |index: &Value| {
                    let entries = index["manifests"].as_array().unwrap();
                    let entry = entries.iter().find(|entry| entry["platform"] == before["platform"]).unwrap();
                    let manifest = repo.json(entry["digest"].as_str().unwrap());
                    (Genuine::read(&repo, manifest), entry["digest"].clone())
                };
                let ((old, _), (new, new_digest)) = (base_of(&old), base_of(&new));
                let app = Genuine::read(&repo, repo.json(before["digest"].as_str().unwrap()));
                let manifest = result.out.json(entry["digest"].as_str().unwrap());
                let config = result.out.config(&manifest);

                let own = app.manifest["layers"].as_array().unwrap()[old.layers.len()..].to_vec();
                assert_eq!(manifest["layers"], concatenated(&[&new.manifest["layers"], &json!(own)]));
                assert_eq!(texts(&config["rootfs"]["diff_ids"]), [new.diff_ids(), app.diff_ids()[old.layers.len()..].to_vec()].concat());
                // What regctl checks before a rebase: the app's history begins with the old base's.
                let (old_history, app_history) = (old.config["history"].as_array().unwrap(), app.config["history"].as_array().unwrap());
                assert_eq!(app_history[..old_history.len()], old_history[..], "the premise");
                assert_eq!(config["history"], concatenated(&[&new.config["history"], &json!(app_history[old_history.len()..])]));
                // The apps lack the directory and the label of b1, which b2 and b3 have: what an app removed stays removed.
                assert_eq!(config["config"], app.config["config"]);
                assert_eq!(manifest["annotations"]["dev.airbase.base.manifest.digest"], new_digest);
            }
            let annotations = &result.document["annotations"];
            assert_eq!(annotations["org.example.version"], app_name);
            assert_eq!(annotations["org.opencontainers.image.base.name"], format!("registry.example.org/testrepo:{base_name}"));
            assert_eq!(annotations["org.opencontainers.image.base.digest"], digest(&repo.bytes_of(base_name)));
            // It is up to date now.
            let again = ["rebase", &format!("{out}:{app_name}"), "--bases", "repo", "-o", "never:1"];
            let (status, report) = environment.json(&again);
            assert_eq!((status, report["status"].as_str()), (0, Some("current")), "{report:#}");
        }
    }
    assert!(!environment.join("never").exists());
}

/// v1 has attestations of its builder among its platforms.
#[test]
fn regclient_testrepo_with_attestations() {
    let Some(folder) = real::folder("regclient_testrepo_with_attestations") else { return };
    let environment = Environment::on_disk();
    real::copy(&folder, "regclient-testrepo", &environment.join("repo"));
    let arguments = ["rebase", "repo:v1", "--from", "repo:b1", "--onto", "repo:b3", "-o", "out:v1"];
    let result = run(&environment, &arguments, "out", "v1");
    let before = ReadBack::open(&environment.join("repo")).named("v1");
    assert_eq!(result.document["manifests"].as_array().unwrap().len(), 2);
    assert_eq!(result.report["leftBehind"], json!([before["manifests"][2]["digest"], before["manifests"][3]["digest"]]));
    assert_eq!(codes(&result.report["findings"]), ["attestation.left_behind", "attestation.left_behind"]);
}

/// Four platforms; the manifests of the base lie there as blobs that no index lists; base annotations are empty texts; the last
/// entry of the history has neither `created_by` nor a date that means anything.
#[test]
fn graph_staging() {
    let Some(folder) = real::folder("graph_staging") else { return };
    let environment = Environment::on_disk();
    real::copy(&folder, "graph-staging", &environment.join("apps"));
    let source = ReadBack::open(&environment.join("apps"));
    let app = source.only();
    let bases = unlisted_manifests(&environment.join("apps"), &source, &app);
    assert_eq!(bases.len(), 4);

    // The old base as an index of those, and a new one with another layer, user and command.
    let mut layout = Layout::new();
    let mut entries = (Vec::new(), Vec::new());
    let mut renewed = Vec::new();
    for base in &bases {
        entries.0.push(base.store(&mut layout));
        let architecture = base.config["architecture"].as_str().unwrap();
        let own = layer(&[&format!("usr/local/bin/hello=new for {architecture}")]);
        let mut config = base.config.clone();
        config["created"] = json!("2025-01-01T00:00:00Z");
        config["config"]["User"] = json!("2000");
        config["config"]["Cmd"] = json!(["/usr/local/bin/hello"]);
        config["rootfs"]["diff_ids"] = json!([own.diff_id()]);
        config["history"][3]["created_by"] = json!("COPY hello");
        let mut manifest = base.manifest.clone();
        manifest["annotations"]["org.opencontainers.image.revision"] = json!("new");
        let new = Genuine { config, manifest, layers: vec![(own.descriptor(), own.blob.clone())] };
        entries.1.push(new.store(&mut layout));
        renewed.push(new);
    }
    let index = |entries: Vec<Value>| {
        serde_json::to_vec(&json!({"schemaVersion": 2, "mediaType": crate::support::image::INDEX, "manifests": entries})).unwrap()
    };
    for (name, entries) in [("site.example/hello:1", entries.0), ("site.example/hello:2", entries.1)] {
        let bytes = index(entries);
        let digest = layout.blob(&bytes);
        layout.entry(name, json!({"mediaType": crate::support::image::INDEX, "digest": digest, "size": bytes.len()}));
    }
    layout.write(&environment.join("bases"));

    let arguments = ["rebase", "apps", "--bases", "bases", "--onto", "bases:site.example/hello:2", "-o", "out:app:2"];
    let result = run(&environment, &arguments, "out", "app:2");

    let platforms = app["manifests"].as_array().unwrap();
    assert_eq!(result.document["manifests"].as_array().unwrap().len(), 4);
    for (number, (entry, before)) in result.document["manifests"].as_array().unwrap().iter().zip(platforms).enumerate() {
        assert_eq!(entry["platform"], before["platform"]);
        let new = renewed.iter().find(|new| new.config["architecture"] == before["platform"]["architecture"]).unwrap();
        let app = Genuine::read(&source, source.json(before["digest"].as_str().unwrap()));
        let manifest = result.out.json(entry["digest"].as_str().unwrap());
        let config = result.out.config(&manifest);
        assert_eq!(manifest["layers"], json!([new.layers[0].0, app.layers[1].0]));
        assert_eq!(texts(&config["rootfs"]["diff_ids"]), [new.diff_ids()[0], app.diff_ids()[1]]);
        assert_eq!(config["architecture"], before["platform"]["architecture"]);
        // Five entries of the base, and the app's own, which says nothing but the year 1.
        let own = json!([{"created": "0001-01-01T00:00:00Z"}]);
        assert_eq!(config["history"], concatenated(&[&new.config["history"], &own]));
        // The user was inherited and follows; both changed the command, so the app's stays and it is told.
        assert_eq!((&config["config"]["User"], &config["config"]["Cmd"]), (&json!("2000"), &json!(["ls -la"])));
        let report = &result.report["platforms"][number];
        let decisions = report["decisions"].as_array().unwrap();
        assert!(decisions.iter().any(|decision| decision["field"] == "Cmd" && decision["kind"] == "conflict"), "{decisions:#?}");
        assert_eq!(report["clue"], "catalogue", "empty annotations are no claim");
        // buildah copies the annotations of the base into the image, so they follow the base.
        let annotations = &manifest["annotations"];
        assert_eq!(annotations["org.opencontainers.image.revision"], "new");
        assert_eq!(annotations["org.opencontainers.image.base.name"], "site.example/hello:2");
    }
    // A copy of the app beside which its bases lie needs no --bases to know them by digest, and is whole.
    let _ = environment.ok(&["fsck", "out"]);
}

/// The manifests with one layer that no index of the layout leads to.
fn unlisted_manifests(path: &Path, layout: &ReadBack, app: &Value) -> Vec<Genuine> {
    let listed: Vec<&str> = app["manifests"].as_array().unwrap().iter().map(|entry| entry["digest"].as_str().unwrap()).collect();
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path.join("blobs/sha256")).unwrap() {
        let digest = format!("sha256:{}", entry.unwrap().file_name().into_string().unwrap());
        let Ok(document) = serde_json::from_slice::<Value>(&layout.blob(&digest)) else { continue };
        if document.get("layers").is_some() && !listed.contains(&digest.as_str()) {
            found.push(Genuine::read(layout, document));
        }
    }
    found.sort_by_key(|base| base.config["architecture"].to_string());
    found
}

/// Two releases of alpine as images of one layer; the app was saved by a tool that compresses with zstd.
#[test]
fn alpine() {
    let Some(folder) = real::folder("alpine") else { return };
    let release = |version: &str| {
        let blob = std::fs::read(folder.join(format!("alpine/alpine-minirootfs-{version}-x86_64.tar.gz"))).unwrap();
        let mut tar = Vec::new();
        std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(blob.as_slice()), &mut tar).unwrap();
        let rootfs = Layer { media_type: "application/vnd.oci.image.layer.v1.tar+gzip".into(), blob, tar };
        let image = Image::of(&[&rootfs]).with("Cmd", json!(["/bin/sh"])).with("Env", json!(["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]));
        (image, rootfs)
    };
    let ((old, old_rootfs), (new, new_rootfs)) = (release("3.19.4"), release("3.20.3"));
    let own = layer(&["etc/app.conf=1", "app/start=#!/bin/sh"]);
    let mut app = old.and(&[&own]).with("Cmd", json!(["/app/start"]));
    app.layers[0] = old_rootfs.compressed(Compression::Zstd);
    let environment = Environment::on_disk();
    Layout::new().image("alpine:3.19", &old).write_archive(&environment.join("bases/old.tar"));
    Layout::new().image("alpine:3.20", &new).write_archive(&environment.join("bases/new.tar"));
    Layout::new().image("app:1", &app).write_archive(&environment.join("app.tar"));

    let result: Rebased =
        run(&environment, &["rebase", "app.tar", "--bases", "bases", "--onto", "bases/new.tar", "-o", "out:app:2"], "out", "app:2");

    result.expect_layers(&[&new_rootfs, &own]);
    assert_eq!(result.report["platforms"][0]["proofs"], json!(["same-content"]));
    assert_eq!(result.config["config"]["Cmd"], json!(["/app/start"]));
    assert_eq!(result.config["history"], json!([new.config["history"][0], app.config["history"][1]]));
    // The file systems are what the tarballs hold: the release file of the one, the application of the other.
    assert_eq!(environment.ok(&["cat", "out:app:2", "etc/alpine-release"]).out, "3.20.3\n");
    assert_eq!(environment.ok(&["cat", "app.tar", "etc/alpine-release"]).out, "3.19.4\n");
    assert_eq!(environment.ok(&["cat", "out:app:2", "app/start"]).out, "#!/bin/sh");
}
