//! Archives that describe their images twice: `index.json` for OCI readers, `manifest.json` for docker.
//!
//! `docker save` since 25, buildkit and containerd write such. Two readers of one archive must load the same images, so each image of
//! one description is looked for in the other. What `manifest.json` alone has is an image of its own where nothing of `index.json` is
//! left over: `docker save NAME ID` lists the second image there only. Where both have something that the other lacks, one image may
//! take the place of another, and the archive is refused.

use std::collections::HashMap;

use super::docker::{self, Made, ManifestItem, promised, read_config};
use super::inflate;
use super::members::{Members, bytes};
use super::{Container, Stored, is_candidate};
use crate::foundation::fsys::{ReadAt, Region};
use crate::foundation::{Code, Digest, Error, Fact, Limits, Result, text};
use crate::oci::{Config, Descriptor, ImageName, Index, Manifest, RootIndex, Verified, media_type};

/// An image of `index.json`.
struct Listed {
    config: Digest,
    layers: Vec<Descriptor>,
}

/// An entry of `index.json` that holds images.
struct ViewEntry<'a> {
    descriptor: &'a Descriptor,
    images: Vec<Listed>,
}

/// Compares the two views; gives the images that `manifest.json` alone has.
///
/// # Errors
/// `archive.views_disagree`, and what a document is refused for.
pub(super) fn reconcile(members: &Members, archive: &dyn Container, limits: &Limits) -> Result<Made> {
    let index = RootIndex::parse(archive.index()?, limits)?;
    let mut entries = Vec::new();
    for descriptor in index.manifests.iter().filter(|entry| is_candidate(entry)) {
        let images = images(archive, descriptor, limits)?;
        if !images.is_empty() {
            entries.push(ViewEntry { descriptor, images });
        }
    }
    let mut by_config: HashMap<&Digest, Vec<(usize, &Listed)>> = HashMap::new();
    let mut by_name: HashMap<String, Vec<&ViewEntry<'_>>> = HashMap::new();
    for (number, entry) in entries.iter().enumerate() {
        entry.images.iter().for_each(|image| by_config.entry(&image.config).or_default().push((number, image)));
        entry.descriptor.name().into_iter().for_each(|name| by_name.entry(spelled(name)).or_default().push(entry));
    }
    let both = Both { members, archive, limits };
    let mut found = vec![false; entries.len()];
    let mut more: Vec<(ManifestItem, Verified, Config)> = Vec::new();
    for item in docker::items(members, limits)? {
        let read = match (read_config(members, &item.config, limits), promised(&item.config)) {
            (Ok(read), _) => Ok(read),
            // Of an archive that holds one platform, docker cannot load the others.
            (Err(error), Some(digest)) if error.code() == Code::DockerMissingEntry => Err((error, digest)),
            (Err(error), _) => return Err(error),
        };
        let digest = read.as_ref().map_or_else(|(_, digest)| digest.clone(), |(config, _)| config.digest().clone());
        for tag in &item.tags {
            refuse_another(tag, &digest, by_name.get(&spelled(tag)).map_or(&[][..], Vec::as_slice))?;
        }
        let listed = by_config.get(&digest).map_or(&[][..], Vec::as_slice);
        for (number, image) in listed {
            if let Ok((_, config)) = &read {
                both.same_layers(&item, image, config)?;
            }
            found.get_mut(*number).into_iter().for_each(|found| *found = true);
        }
        if listed.is_empty() {
            let (config, parsed) = read.map_err(|(error, _)| error)?;
            more.push((item, config, parsed));
        }
    }
    let left: Vec<&ViewEntry<'_>> = entries.iter().zip(&found).filter(|(_, found)| !**found).map(|(entry, _)| entry).collect();
    if !more.is_empty() && !left.is_empty() {
        return Err(disagree(&left, &more));
    }
    let mut made = Made::default();
    let unlisted = if more.is_empty() { HashMap::new() } else { unlisted(archive, limits)? };
    for (item, config, parsed) in &more {
        match unlisted.get(config.digest()) {
            Some((descriptor, image)) if both.same_layers(item, image, parsed).is_ok() => {
                made.list(descriptor, item, limits)?;
            }
            _ => made.add(members, item, config, parsed, limits)?,
        }
    }
    Ok(made)
}

/// The largest blob that is looked at for a manifest. Those of images are some kilobytes.
const MANIFEST_BYTES: u64 = 256 << 10;

/// Manifests of images that lie in the archive, by their configs: docker packs that of an image without a name and lists it nowhere.
fn unlisted(archive: &dyn Container, limits: &Limits) -> Result<HashMap<Digest, (Descriptor, Listed)>> {
    let mut found = HashMap::new();
    for stored in archive.stored()? {
        let Stored::Blob(digest) = stored else { continue };
        let Some(region) = archive.blob(&digest)?.filter(|region| region.length() <= MANIFEST_BYTES) else { continue };
        // Most blobs are something else.
        let Ok(blob) = Verified::check_digest(&digest, bytes(&region, MANIFEST_BYTES, "a blob")?) else { continue };
        let Ok(manifest) = Manifest::parse(&blob, media_type::OCI_MANIFEST, limits) else { continue };
        if manifest.is_image() {
            let image = Listed { config: manifest.config.digest.clone(), layers: manifest.layers };
            found.entry(image.config.clone()).or_insert((Descriptor::authored(media_type::OCI_MANIFEST, &blob), image));
        }
    }
    Ok(found)
}

/// The images of an entry: itself, or those of its index that are here.
fn images(archive: &dyn Container, entry: &Descriptor, limits: &Limits) -> Result<Vec<Listed>> {
    if !entry.is_manifest() && !entry.is_index() {
        return Ok(Vec::new());
    }
    let Some(region) = archive.blob(&entry.digest)? else { return Ok(Vec::new()) };
    let blob = Verified::check(&entry.digest, entry.size, bytes(&region, limits.document_bytes, "a manifest")?)?;
    if entry.is_manifest() {
        let manifest = Manifest::parse(&blob, &entry.media_type, limits)?;
        let image = Listed { config: manifest.config.digest.clone(), layers: manifest.layers.clone() };
        return Ok(if manifest.is_image() { vec![image] } else { Vec::new() });
    }
    let mut found = Vec::new();
    let is_image = |child: &&Descriptor| child.is_manifest() && is_candidate(child) && !child.is_attestation();
    for child in Index::parse(&blob, &entry.media_type, limits)?.manifests.iter().filter(is_image) {
        found.extend(images(archive, child, limits)?);
    }
    Ok(found)
}

/// A name in one spelling: docker leaves out what it takes for granted.
fn spelled(name: &str) -> String {
    let name = name.split('@').next().unwrap_or(name);
    ImageName::parse(name).canonical().unwrap_or_else(|| name.to_owned())
}

/// Refuses a name that means one image here and another one there.
fn refuse_another(tag: &str, config: &Digest, entries: &[&ViewEntry<'_>]) -> Result<()> {
    let Some(entry) = entries.iter().find(|entry| entry.images.iter().all(|image| image.config != *config)) else { return Ok(()) };
    let configs: Vec<String> = entry.images.iter().map(|image| image.config.to_string()).collect();
    Err(Error::new(Code::ArchiveViewsDisagree, format!("the name {} means two images in one archive", text::escape(tag)))
        .expected(Fact::new(configs.join(", "), "index.json, for OCI readers"))
        .found(Fact::new(config, "manifest.json, for docker"))
        .hint(CHOOSE))
}

const CHOOSE: &str = "Do not use this archive, or choose one description knowingly: oci-archive:FILE or docker-archive:FILE.";

/// An archive with two views.
struct Both<'a> {
    members: &'a Members,
    archive: &'a dyn Container,
    limits: &'a Limits,
}

impl Both<'_> {
    /// Refuses layers that are others than those of the image with the same config.
    fn same_layers(&self, item: &ManifestItem, image: &Listed, config: &Config) -> Result<()> {
        let differ = |expected: String, found: String| {
            Error::new(Code::ArchiveViewsDisagree, "an image has other layers for docker than for OCI readers")
                .at(&image.config)
                .expected(Fact::new(expected, "index.json, for OCI readers"))
                .found(Fact::new(found, "manifest.json, for docker"))
                .hint(CHOOSE)
        };
        if item.layers.len() != image.layers.len() {
            return Err(differ(text::count(image.layers.len(), "layer"), text::count(item.layers.len(), "layer")));
        }
        for ((name, layer), diff_id) in item.layers.iter().zip(&image.layers).zip(&config.diff_ids) {
            let plain = name.strip_prefix("./").unwrap_or(name);
            if plain == layer.digest.blob_path() {
                continue;
            }
            // What is not here loads nowhere.
            let Some(region) = self.members.region(plain)? else { continue };
            let listed = self.archive.blob(&layer.digest)?;
            if !is_same(&region, layer, listed.as_ref(), diff_id, self.limits)? {
                return Err(differ(layer.digest.to_string(), plain.to_owned()));
            }
        }
        Ok(())
    }
}

/// Whether a member holds the layer, in the same bytes or in another compression.
fn is_same(region: &Region, layer: &Descriptor, listed: Option<&Region>, diff_id: &Digest, limits: &Limits) -> Result<bool> {
    let digests = |region: &Region| inflate::digests(region, inflate::sniff(region), diff_id.algorithm(), limits);
    let (own, content) = digests(region)?;
    if own == layer.digest || region.length() == layer.size && inflate::blob_digest(region, layer.digest.algorithm())? == layer.digest {
        return Ok(true);
    }
    match listed {
        // Both inflate to what the config says.
        Some(listed) if content == *diff_id => Ok(digests(listed)?.1 == content),
        Some(_) => Ok(false),
        None => Ok(content == *diff_id),
    }
}

/// Each side has something that the other lacks.
fn disagree(left: &[&ViewEntry<'_>], more: &[(ManifestItem, Verified, Config)]) -> Error {
    let names = |names: Vec<&str>| if names.is_empty() { "no name".to_owned() } else { text::escape(&names.join(", ")) };
    let listed = left.iter().flat_map(|entry| {
        let name = names(entry.descriptor.name().into_iter().collect());
        entry.images.iter().map(move |image| format!("index.json alone: {name}, config {}", image.config))
    });
    let saved = more.iter().map(|(item, config, _)| {
        format!("manifest.json alone: {}, config {}", names(item.tags.iter().map(String::as_str).collect()), config.digest())
    });
    Error::new(Code::ArchiveViewsDisagree, "OCI readers and docker would load different images from one archive")
        .expected(Fact::new("each image in both descriptions", "airbase"))
        .found(Fact::new(
            format!("{} of index.json and {} of manifest.json that are not in the other", left.len(), more.len()),
            "the archive",
        ))
        .details(listed.chain(saved))
        .hint(CHOOSE)
}
