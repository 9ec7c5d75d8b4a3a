//! The `manifest.json` of an archive that docker is to load.
//!
//! The archive stays an image layout, with its blobs as they are; `manifest.json` is beside `index.json` and says the same in
//! docker's words: `[{"Config":"blobs/sha256/…","RepoTags":["name:tag"],"Layers":["blobs/sha256/…", …]}]`. Docker 25 and podman
//! read the layers where they lie, compressed or not, so nothing is recompressed and no digest changes.
//!
//! One thing changes a digest. podman reads such an archive as a layout, and of an OCI manifest it takes neither HEALTHCHECK nor
//! ONBUILD nor SHELL, which only Docker's format has. The manifest of an image that sets one of them is written with Docker's media
//! types ([`typed`]): config, layers and annotations stay.

use std::collections::HashMap;

use crate::format::json::{Document, Excerpt, Node, Value};
use crate::foundation::{Code, Digest, Error, Fact, Finding, Limits, Result};
use crate::oci::annotation::{CONTAINERD_NAME, REF_NAME};
use crate::oci::{Config, Descriptor, ImageName, Index, Manifest, Name, Verified, media_type};
use crate::plan::annotate::NewDocument;

/// Documents by their digests.
pub type Documents<'d> = HashMap<&'d Digest, &'d Verified>;

/// Makes `manifest.json` for the entries of an archive, from the documents that go into it; `is_there` tells which blobs do.
///
/// # Errors
/// `ref.platform` if an entry has several platforms: docker's form knows none. `image.not_an_image` and `image.not_for_docker` for
/// what no reader of such archives loads.
pub fn manifest(
    entries: &[(Option<String>, Excerpt)],
    documents: &Documents<'_>,
    is_there: &dyn Fn(&Digest) -> bool,
    limits: &Limits,
) -> Result<String> {
    let mut items: Vec<(Descriptor, Vec<String>)> = Vec::new();
    let mut positions: HashMap<Digest, usize> = HashMap::new();
    for (name, raw) in entries {
        let descriptor = Descriptor::parse(Document::parse(raw.as_bytes(), limits)?.root(), limits)?;
        let tag = name.as_deref().and_then(|name| repo_tag(name, &descriptor));
        let image = only_platform(descriptor, documents, limits)?;
        if let Some((_, tags)) = positions.get(&image.digest).and_then(|position| items.get_mut(*position)) {
            tags.extend(tag);
        } else {
            positions.insert(image.digest.clone(), items.len());
            items.push((image, tag.into_iter().collect()));
        }
    }
    let mut list = Vec::new();
    for (descriptor, tags) in items {
        let manifest = Manifest::parse(document(&descriptor, documents)?, &descriptor.media_type, limits)?;
        check_image(&descriptor, &manifest, documents, limits)?;
        for layer in &manifest.layers {
            check_layer(layer, is_there(&layer.digest)).map_err(|error| error.at(&descriptor.digest))?;
        }
        let mut item = Value::object();
        item.set("Config", Value::string(&manifest.config.digest.blob_path()));
        item.set("RepoTags", Value::strings(tags));
        item.set("Layers", Value::strings(manifest.layers.iter().map(|layer| layer.digest.blob_path())));
        list.push(item);
    }
    Ok(Value::Array(list).render())
}

/// What docker calls an image. It takes full names with a tag only: a tag alone says nothing about the repository, and it would refuse
/// the archive.
fn repo_tag(name: &str, descriptor: &Descriptor) -> Option<String> {
    let full = full(name, descriptor)?;
    let parsed = ImageName::parse(&full);
    parsed.tag?;
    let own = ImageName::parse(name);
    // As it was written, where that is enough.
    if own.is_full() && own.tag.is_some() { name.split('@').next().map(str::to_owned) } else { parsed.without_digest().canonical() }
}

/// The full name of an entry that is called `name`, in Docker's spelling.
fn full(name: &str, descriptor: &Descriptor) -> Option<String> {
    let is_own = descriptor.name() == Some(name);
    let name = descriptor.full_name().filter(|_| is_own).unwrap_or_else(|| Name::parse(name));
    ImageName::parse(name.as_str()).canonical().filter(|_| name.is_full())
}

/// The entries with the full name under the key of containerd, which files images under that.
///
/// # Errors
/// Those of an entry that is no descriptor.
pub fn for_containerd(entries: &[(Option<String>, Excerpt)], limits: &Limits) -> Result<Vec<(Option<String>, Excerpt)>> {
    let named = |(name, raw): &(Option<String>, Excerpt)| {
        let document = Document::parse(raw.as_bytes(), limits)?;
        let descriptor = Descriptor::parse(document.root(), limits)?;
        let Some((name, full)) = name.as_deref().and_then(|name| Some((name, full(name, &descriptor)?))) else {
            return Ok((name.clone(), raw.clone()));
        };
        if descriptor.annotations.contains_key(CONTAINERD_NAME) {
            return Ok((Some(name.to_owned()), raw.clone()));
        }
        let mut annotations = document.root().get("annotations").map_or_else(Value::object, Value::open);
        annotations.set(CONTAINERD_NAME, Value::string(&full));
        annotations.set(REF_NAME, Value::string(name));
        let mut entry = Value::open(document.root());
        entry.set("annotations", annotations);
        Ok((Some(name.to_owned()), entry.render().into()))
    };
    entries.iter().map(named).collect()
}

fn only_platform(descriptor: Descriptor, documents: &Documents<'_>, limits: &Limits) -> Result<Descriptor> {
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

/// Refuses what is no image: an artifact, or a signature that borrows the media type of an image config.
fn check_image(descriptor: &Descriptor, manifest: &Manifest, documents: &Documents<'_>, limits: &Limits) -> Result<()> {
    let refused = |found: Fact| {
        Error::new(Code::NotAnImage, "a docker-archive holds images only")
            .at(&descriptor.digest)
            .found(found)
            .hint("Write a layout or an oci-archive, which hold artifacts too.")
    };
    if !manifest.is_image() {
        let kind = manifest.artifact_type.as_deref().unwrap_or(&manifest.config.media_type);
        return Err(refused(Fact::new(kind, "the manifest")));
    }
    let config = Config::parse(document(&manifest.config, documents)?, limits)?;
    if config.diff_ids.len() != manifest.layers.len() {
        let found = format!("{} diffIDs for {} layers", config.diff_ids.len(), manifest.layers.len());
        return Err(refused(Fact::new(found, "the config")));
    }
    Ok(())
}

/// Refuses a layer that docker and podman cannot load from an archive.
fn check_layer(layer: &Descriptor, is_there: bool) -> Result<()> {
    let refused = |message: &str, hint: &str| {
        Err(Error::new(Code::NotForDocker, message)
            .expected(Fact::new("tar layers that are in the archive", "docker-archive"))
            .found(Fact::new(&layer.media_type, format!("layer {}", layer.digest)))
            .hint(hint))
    };
    if media_type::layer(&layer.media_type).is_none() {
        return refused("a docker-archive holds tar layers only", "Write a layout or an oci-archive.");
    }
    if !is_there {
        return refused(
            "a layer that is kept elsewhere is not there, and a docker-archive cannot say where it is",
            "Write a layout or an oci-archive, or fetch the layer into the source first.",
        );
    }
    Ok(())
}

/// Settings of a config that only Docker's format has.
const DOCKER_ONLY: [&str; 3] = ["Healthcheck", "OnBuild", "Shell"];

/// The manifest with Docker's media types, if it is OCI's and its config has settings that podman reads of Docker's alone.
///
/// # Errors
/// `output.limit`.
pub fn typed(manifest: &Verified, config: &Config, limits: &Limits) -> Result<Option<NewDocument>> {
    let says = |node: Node<'_>| !matches!(node.raw(), "null" | "[]" | "{}");
    let settings = config.root().get("config");
    let needed = settings.is_some_and(|settings| DOCKER_ONLY.iter().any(|field| settings.get(field).is_some_and(says)));
    let text = Document::parse(manifest.bytes(), limits)?;
    let root = text.root();
    let is_oci = root.get("mediaType").and_then(Node::as_str).is_none_or(|own| own == media_type::OCI_MANIFEST);
    let layers: Option<Vec<Value>> = root.get("layers").into_iter().flat_map(Node::items).map(docker_layer).collect();
    let (true, true, Some(layers), Some(config)) = (needed, is_oci, layers, root.get("config")) else { return Ok(None) };
    let mut value = Value::open(root);
    value.set("mediaType", Value::string(media_type::DOCKER_MANIFEST));
    let mut entry = Value::open(config);
    entry.set("mediaType", Value::string(media_type::DOCKER_CONFIG));
    value.set("config", entry);
    value.set("layers", Value::Array(layers));
    Ok(Some(NewDocument::new(media_type::DOCKER_MANIFEST, &value, limits)?))
}

/// What is said of a manifest that was [`typed`].
pub fn typed_finding() -> Finding {
    Finding::new(
        Code::MediaTypesDocker,
        "the manifest was written with Docker's media types, so that podman keeps HEALTHCHECK, ONBUILD and SHELL",
    )
}

fn docker_layer(layer: Node<'_>) -> Option<Value> {
    let name = media_type::docker_layer(&layer.get("mediaType")?.as_str()?)?;
    let mut entry = Value::open(layer);
    entry.set("mediaType", Value::string(name));
    Some(entry)
}

fn document<'a>(descriptor: &Descriptor, documents: &Documents<'a>) -> Result<&'a Verified> {
    documents.get(&descriptor.digest).copied().ok_or_else(|| {
        Error::new(Code::NotAnImage, "a docker-archive holds images only")
            .at(&descriptor.digest)
            .found(Fact::new(&descriptor.media_type, "the descriptor"))
    })
}
