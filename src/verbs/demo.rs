//! The images of the demonstration: a base in an old and a new edition, and two applications on the old one.
//!
//! Layers are not compressed, so the digests do not depend on an encoder, and a test can state them.

use std::path::Path;

use crate::format::json::{Value, quote};
use crate::format::tar::writer;
use crate::foundation::event::Silent;
use crate::foundation::{Digest, Result};
use crate::oci::{Descriptor, Verified, annotation, media_type};
use crate::write::{ArchiveContents, ArchiveOptions, IndexEdit, Layout, LayoutOptions, Payload, write_archive};

/// The name of the base.
pub const BASE: &str = "registry.example/os:12";

const PLATFORMS: [&str; 2] = ["amd64", "arm64"];

/// What an image is made of.
struct Recipe<'a> {
    created: &'a str,
    env: Vec<&'a str>,
    cmd: &'a str,
    labels: Vec<(&'a str, &'a str)>,
    annotations: Vec<(&'a str, &'a str)>,
    /// The files of each layer: path and content.
    layers: Vec<Vec<(&'a str, String)>>,
    /// What made each layer.
    history: Vec<(&'a str, &'a str)>,
}

/// An index and all blobs below it.
struct Made {
    blobs: Vec<Vec<u8>>,
    descriptor: Descriptor,
}

/// Makes everything below `directory`: `bases/` is a layout in which the name of the base has moved to its new edition, and
/// `apps/` holds an archive for each application.
///
/// # Errors
/// Those of writing.
pub fn make(directory: &Path) -> Result<()> {
    let old = index(&|architecture| edition(architecture, "2026-03-01T08:00:00Z", "12.4", "3.0.1 (CVE-2026-0001 open)"), &[])?;
    let new = index(&|architecture| edition(architecture, "2026-11-01T08:00:00Z", "12.5", "3.0.9 (CVE-2026-0001 fixed)"), &[])?;
    let old_digest = old.descriptor.digest.to_string();
    let bases = Layout::open_or_create(&directory.join("bases"), options())?;
    for made in [&old, &new] {
        let payloads: Vec<Payload<'_>> = made.blobs.iter().map(|blob| Payload::document(blob)).collect();
        // The second one takes the name; the first stays, without one.
        bases.commit(&payloads, &[IndexEdit::Put { name: Some(BASE.into()), descriptor: made.descriptor.raw.clone() }], &Silent)?;
    }
    let recorded = [(annotation::BASE_NAME, BASE), (annotation::BASE_DIGEST, old_digest.as_str())];
    let shop = index(&|architecture| app(architecture, "shop", "1.4", &recorded), &recorded)?;
    let plain = index(&|architecture| app(architecture, "plain", "0.9", &[]), &[])?;
    for (file, name, made) in [("shop.tar", "registry.example/shop:1.4", shop), ("plain.tar", "registry.example/plain:0.9", plain)] {
        let payloads: Vec<Payload<'_>> = made.blobs.iter().map(|blob| Payload::document(blob)).collect();
        let options = ArchiveOptions { jobs: 1, ..ArchiveOptions::default() };
        let contents = ArchiveContents { payloads: &payloads, entries: vec![(Some(name.to_owned()), made.descriptor.raw.clone())] };
        write_archive(&directory.join("apps").join(file), contents, &options, &Silent)?;
    }
    Ok(())
}

fn options() -> LayoutOptions {
    LayoutOptions { jobs: 1, ..LayoutOptions::default() }
}

fn edition<'a>(architecture: &'static str, created: &'a str, version: &'a str, crypto: &str) -> Recipe<'a> {
    Recipe {
        created,
        env: vec!["PATH=/usr/bin:/bin", if version == "12.5" { "TLS_MIN=1.3" } else { "TLS_MIN=1.2" }],
        cmd: "/bin/sh",
        labels: vec![("org.opencontainers.image.version", version)],
        annotations: Vec::new(),
        layers: vec![
            vec![("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n".to_owned()), ("bin/sh", format!("a shell for {architecture}\n"))],
            vec![
                ("etc/os-release", format!("NAME=\"Example OS\"\nVERSION_ID={version}\n")),
                ("lib/libcrypto.so.3", format!("libcrypto {crypto} for {architecture}\n")),
            ],
        ],
        history: vec![(created, "ADD rootfs.tar /"), (created, "RUN install-updates")],
    }
}

fn app<'a>(architecture: &'static str, name: &'a str, version: &'a str, annotations: &[(&'a str, &'a str)]) -> Recipe<'a> {
    let mut recipe = edition(architecture, "2026-03-01T08:00:00Z", "12.4", "3.0.1 (CVE-2026-0001 open)");
    recipe.created = "2026-04-01T08:00:00Z";
    recipe.env = vec!["PATH=/app:/usr/bin:/bin", "TLS_MIN=1.2", "APP_MODE=production"];
    recipe.cmd = "/app/start";
    recipe.labels.push(("org.opencontainers.image.title", name));
    recipe.annotations = annotations.to_vec();
    recipe.layers.push(vec![("app/start", format!("#!/bin/sh\necho {name} {version} on {architecture}\n"))]);
    recipe.history.push(("2026-04-01T08:00:00Z", "COPY app /app"));
    recipe
}

fn index<'a>(recipe: &dyn Fn(&'static str) -> Recipe<'a>, annotations: &[(&str, &str)]) -> Result<Made> {
    let mut blobs = Vec::new();
    let mut entries = Vec::new();
    for architecture in PLATFORMS {
        let manifest = image(&recipe(architecture), architecture, &mut blobs)?;
        let mut entry = Value::Object(vec![
            ("mediaType".into(), Value::string(media_type::OCI_MANIFEST)),
            ("digest".into(), Value::string(&manifest.digest().to_string())),
            ("size".into(), Value::size(manifest.size())),
        ]);
        entry.set("platform", Value::string_map([("architecture", architecture), ("os", "linux")]));
        entries.push(entry);
    }
    let mut document = Value::Object(vec![
        ("schemaVersion".into(), Value::size(2)),
        ("mediaType".into(), Value::string(media_type::OCI_INDEX)),
        ("manifests".into(), Value::Array(entries)),
    ]);
    if !annotations.is_empty() {
        document.set("annotations", Value::string_map(annotations.iter().copied()));
    }
    let document = Verified::authored(document.render().into_bytes());
    blobs.push(document.bytes().to_vec());
    Ok(Made { descriptor: Descriptor::authored(media_type::OCI_INDEX, &document), blobs })
}

fn image(recipe: &Recipe<'_>, architecture: &str, blobs: &mut Vec<Vec<u8>>) -> Result<Verified> {
    let layers: Vec<Vec<u8>> = recipe.layers.iter().map(|files| layer(files)).collect::<Result<_>>()?;
    let history = recipe.history.iter().map(|(created, by)| Value::string_map([("created", *created), ("created_by", *by)])).collect();
    let mut config = Value::object();
    config.set("Env", Value::strings(&recipe.env));
    config.set("Cmd", Value::strings([recipe.cmd]));
    config.set("Labels", Value::string_map(recipe.labels.iter().copied()));
    let mut rootfs = Value::object();
    rootfs.set("type", Value::string("layers"));
    rootfs.set("diff_ids", Value::strings(layers.iter().map(|layer| Digest::sha256(layer).to_string())));
    let mut document = Value::string_map([("created", recipe.created), ("architecture", architecture), ("os", "linux")]);
    document.set("config", config);
    document.set("rootfs", rootfs);
    document.set("history", Value::Array(history));
    let config = Verified::authored(document.render().into_bytes());

    let descriptor = |media_type: &str, bytes: &[u8]| {
        Value::Raw(format!("{{\"mediaType\":{},\"digest\":\"{}\",\"size\":{}}}", quote(media_type), Digest::sha256(bytes), bytes.len()))
    };
    let mut manifest = Value::object();
    manifest.set("schemaVersion", Value::size(2));
    manifest.set("mediaType", Value::string(media_type::OCI_MANIFEST));
    manifest.set("config", descriptor(media_type::OCI_CONFIG, config.bytes()));
    manifest.set("layers", Value::Array(layers.iter().map(|layer| descriptor(media_type::OCI_LAYER, layer)).collect()));
    if !recipe.annotations.is_empty() {
        manifest.set("annotations", Value::string_map(recipe.annotations.iter().copied()));
    }
    let manifest = Verified::authored(manifest.render().into_bytes());
    blobs.extend(layers);
    blobs.push(config.bytes().to_vec());
    blobs.push(manifest.bytes().to_vec());
    Ok(manifest)
}

fn layer(files: &[(&str, String)]) -> Result<Vec<u8>> {
    let mut tar = Vec::new();
    for (name, content) in files {
        tar.extend(writer::file_header(name, content.len() as u64, 0)?);
        tar.extend(content.as_bytes());
        tar.extend(std::iter::repeat_n(0, writer::padding(content.len() as u64)));
    }
    tar.extend(writer::END);
    Ok(tar)
}
