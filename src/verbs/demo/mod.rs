//! The images of the demonstration: a base in an old, a patched and a next edition, and two applications on the old one.
//!
//! Layers are not compressed, so the digests do not depend on an encoder, and a test can state them.

mod program;
mod recipe;

use std::path::Path;

use self::program::{ARCHITECTURES, Architecture};
use self::recipe::{Edition, Layer as Files, NEXT, OLD, PATCHED, Recipe, application};
use crate::format::json::{Value, quote};
use crate::format::tar::writer;
use crate::foundation::event::Silent;
use crate::foundation::{Digest, Result};
use crate::oci::{Descriptor, Verified, annotation, media_type};
use crate::write::{ArchiveContents, ArchiveOptions, IndexEdit, Layout, LayoutOptions, Payload, write_archive};

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
    let bases = Layout::open_or_create(&directory.join("bases"), LayoutOptions { jobs: 1, ..LayoutOptions::default() })?;
    // The patched edition takes the name of the old one, which stays without a name.
    let old = add(&bases, OLD)?;
    add(&bases, PATCHED)?;
    add(&bases, NEXT)?;
    let recorded = [(annotation::BASE_NAME, OLD.name.to_owned()), (annotation::BASE_DIGEST, old.to_string())];
    let shop = index(&|architecture| application(architecture, "shop", &recorded), &recorded)?;
    let plain = index(&|architecture| application(architecture, "plain", &[]), &[])?;
    for (file, name, made) in [("shop.tar", "registry.example/shop:1.4", shop), ("plain.tar", "registry.example/plain:0.9", plain)] {
        let payloads: Vec<Payload<'_>> = made.blobs.iter().map(|blob| Payload::document(blob)).collect();
        let options = ArchiveOptions { jobs: 1, ..ArchiveOptions::default() };
        let contents = ArchiveContents { payloads: &payloads, entries: vec![(Some(name.to_owned()), made.descriptor.raw.clone())] };
        write_archive(&directory.join("apps").join(file), contents, &options, &Silent)?;
    }
    Ok(())
}

/// Adds an edition of the base under its name, and says what digest it has.
fn add(bases: &Layout, edition: Edition) -> Result<Digest> {
    let made = index(&|architecture| edition.recipe(architecture), &[])?;
    let payloads: Vec<Payload<'_>> = made.blobs.iter().map(|blob| Payload::document(blob)).collect();
    bases.commit(&payloads, &[IndexEdit::Put { name: Some(edition.name.into()), descriptor: made.descriptor.raw.clone() }], &Silent)?;
    Ok(made.descriptor.digest.clone())
}

fn index(recipe: &dyn Fn(Architecture) -> Recipe, annotations: &[(&str, String)]) -> Result<Made> {
    let mut blobs = Vec::new();
    let mut entries = Vec::new();
    for architecture in ARCHITECTURES {
        let manifest = image(&recipe(architecture), architecture.name, &mut blobs)?;
        let mut entry = Value::Object(vec![
            ("mediaType".into(), Value::string(media_type::OCI_MANIFEST)),
            ("digest".into(), Value::string(&manifest.digest().to_string())),
            ("size".into(), Value::size(manifest.size())),
        ]);
        entry.set("platform", Value::string_map([("architecture", architecture.name), ("os", "linux")]));
        entries.push(entry);
    }
    let mut document = Value::Object(vec![
        ("schemaVersion".into(), Value::size(2)),
        ("mediaType".into(), Value::string(media_type::OCI_INDEX)),
        ("manifests".into(), Value::Array(entries)),
    ]);
    if !annotations.is_empty() {
        document.set("annotations", Value::string_map(annotations.iter().map(|(key, value)| (*key, value.as_str()))));
    }
    let document = Verified::authored(document.render().into_bytes());
    blobs.push(document.bytes().to_vec());
    Ok(Made { descriptor: Descriptor::authored(media_type::OCI_INDEX, &document), blobs })
}

fn image(recipe: &Recipe, architecture: &str, blobs: &mut Vec<Vec<u8>>) -> Result<Verified> {
    let layers: Vec<Vec<u8>> = recipe.layers.iter().map(layer).collect::<Result<_>>()?;
    let step = |layer: &Files| Value::string_map([("created", layer.created), ("created_by", layer.created_by)]);
    let mut config = Value::object();
    config.set("Env", Value::strings(&recipe.env));
    config.set("Cmd", Value::strings([recipe.cmd]));
    config.set("Labels", Value::string_map(recipe.labels.iter().map(|(key, value)| (*key, value.as_str()))));
    let mut rootfs = Value::object();
    rootfs.set("type", Value::string("layers"));
    rootfs.set("diff_ids", Value::strings(layers.iter().map(|layer| Digest::sha256(layer).to_string())));
    let mut document = Value::string_map([("created", recipe.created), ("architecture", architecture), ("os", "linux")]);
    document.set("config", config);
    document.set("rootfs", rootfs);
    document.set("history", Value::Array(recipe.layers.iter().map(step).collect()));
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
        manifest.set("annotations", Value::string_map(recipe.annotations.iter().map(|(key, value)| (*key, value.as_str()))));
    }
    let manifest = Verified::authored(manifest.render().into_bytes());
    blobs.extend(layers);
    blobs.push(config.bytes().to_vec());
    blobs.push(manifest.bytes().to_vec());
    Ok(manifest)
}

fn layer(layer: &Files) -> Result<Vec<u8>> {
    let mut tar = Vec::new();
    for file in &layer.files {
        let size = file.content.len() as u64;
        tar.extend(if file.is_program { writer::program_header(&file.path, size, 0)? } else { writer::file_header(&file.path, size, 0)? });
        tar.extend(&file.content);
        tar.extend(std::iter::repeat_n(0, writer::padding(size)));
    }
    tar.extend(writer::END);
    Ok(tar)
}
