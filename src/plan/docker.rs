//! The `manifest.json` of an archive that docker is to load.
//!
//! The archive stays an image layout, with its blobs as they are; `manifest.json` stands beside `index.json` and says the same in
//! docker's words: `[{"Config":"blobs/sha256/…","RepoTags":["name:tag"],"Layers":["blobs/sha256/…", …]}]`. Docker 25 and podman
//! read the layers where they lie, compressed or not, so nothing is recompressed and no digest changes.

use crate::core::{Code, Error, Fact, Limits, Result};
use crate::format::json::{Document, Value};
use crate::oci::{Descriptor, ImageName, Index, Manifest, Verified};

/// Makes `manifest.json` for the entries of an archive, from the documents that go into it.
///
/// # Errors
/// `ref.platform` if an entry has several platforms: docker's form knows none.
pub fn manifest(entries: &[(Option<String>, String)], documents: &[Verified], limits: &Limits) -> Result<String> {
    let mut items: Vec<(Descriptor, Vec<String>)> = Vec::new();
    for (name, raw) in entries {
        let descriptor = Descriptor::parse(Document::parse(raw.as_bytes(), limits)?.root(), limits)?;
        let image = only_platform(descriptor, documents, limits)?;
        // Docker takes full names only; a bare tag says nothing about the repository, and it would refuse the archive.
        let tag =
            name.as_deref().filter(|name| ImageName::parse(name).is_full()).map(|name| name.split('@').next().unwrap_or(name).to_owned());
        match items.iter_mut().find(|(known, _)| known.digest == image.digest) {
            Some((_, tags)) => tags.extend(tag),
            None => items.push((image, tag.into_iter().collect())),
        }
    }
    let mut list = Vec::new();
    for (descriptor, tags) in items {
        let manifest = Manifest::parse(document(&descriptor, documents)?, &descriptor.media_type, limits)?;
        let mut item = Value::object();
        item.set("Config", Value::string(&manifest.config.digest.blob_path()));
        item.set("RepoTags", Value::strings(tags));
        item.set("Layers", Value::strings(manifest.layers.iter().map(|layer| layer.digest.blob_path())));
        list.push(item);
    }
    Ok(Value::Array(list).render())
}

fn only_platform(descriptor: Descriptor, documents: &[Verified], limits: &Limits) -> Result<Descriptor> {
    if !descriptor.is_index() {
        return Ok(descriptor);
    }
    let index = Index::parse(document(&descriptor, documents)?, &descriptor.media_type, limits)?;
    let mut images: Vec<Descriptor> = index.manifests.into_iter().filter(|entry| entry.is_manifest() && !entry.is_attestation()).collect();
    match (images.pop(), images.is_empty()) {
        (Some(image), true) => Ok(image),
        _ => Err(Error::new(Code::RefPlatform, "a docker-archive holds one platform of an image")
            .at(&descriptor.digest)
            .expected(Fact::new("one platform", "docker-archive"))
            .found(Fact::new(format!("{} platforms", images.len() + 1), "the index"))
            .hint("Choose one with --platform OS/ARCHITECTURE[/VARIANT], or write an oci-archive.")),
    }
}

fn document<'a>(descriptor: &Descriptor, documents: &'a [Verified]) -> Result<&'a Verified> {
    documents.iter().find(|document| document.digest() == &descriptor.digest).ok_or_else(|| {
        Error::new(Code::NotAnImage, "a docker-archive holds images only")
            .at(&descriptor.digest)
            .found(Fact::new(&descriptor.media_type, "the descriptor"))
    })
}
