//! What `docker save` and `podman save` write (docker-archive).
//!
//! ```text
//! manifest.json     [{"Config":"<member>","RepoTags":["name:tag"],"Layers":["<member>", …]}, …]
//! <hex>.json        a config, named by its digest; newer dockers store it under blobs/sha256/
//! <id>/layer.tar    a layer, usually not compressed; may be a link to another one's
//! repositories      what docker read before 1.10; ignored
//! ```
//!
//! There are no image manifests in it. One is made for each item, from nothing but the archive, so that it is the same every
//! time: the config as it is, and the layers as they lie. An uncompressed layer is its own diffID, so the digest is taken
//! from the config and checked, like every digest, when the layer is read; a compressed one is hashed here.

use std::collections::{BTreeSet, HashMap};

use super::inflate;
use super::members::{Members, bytes};
use crate::format::codec::{Codec, Compression, Packing};
use crate::format::json::{Document, Kind, Node, Value, quote};
use crate::foundation::fsys::{ReadAt, Region};
use crate::foundation::{Code, Digest, Error, Fact, Finding, Limits, Result, Severity};
use crate::oci::{Config, Descriptor, Verified, annotation, media_type};

/// The layout that a docker-archive amounts to.
pub(super) struct View {
    pub(super) index: Vec<u8>,
    pub(super) blobs: HashMap<Digest, Region>,
    pub(super) findings: Vec<Finding>,
}

/// One item of `manifest.json`.
pub(super) struct ManifestItem {
    pub(super) config: String,
    pub(super) tags: Vec<String>,
    pub(super) layers: Vec<String>,
}

/// The items of `manifest.json`.
///
/// # Errors
/// `docker.manifest`, `json.*`.
pub(super) fn items(members: &Members, limits: &Limits) -> Result<Vec<ManifestItem>> {
    let bytes = members.control("manifest.json", limits.document_bytes)?.unwrap_or_default();
    let document = Document::parse(&bytes, limits).map_err(|error| error.at("manifest.json"))?;
    let refused = |what: &str| Error::new(Code::DockerManifest, format!("manifest.json {what}")).at("manifest.json");
    if document.root().kind() != Kind::Array {
        return Err(refused("is not a list").found(Fact::new(document.root().raw().chars().take(80).collect::<String>(), "manifest.json")));
    }
    let mut items = Vec::new();
    for node in document.root().items() {
        let node = node.object("an item of manifest.json")?;
        node.refuse_case_variants(&["Config", "RepoTags", "Layers", "LayerSources", "Parent"])?;
        let texts = |name: &str| -> Result<Vec<String>> {
            let Some(list) = node.get(name) else { return Ok(Vec::new()) };
            let texts = list.expect(Kind::Array, name)?.items().map(|item| item.expect(Kind::String, name));
            texts.map(|item| Ok(item?.as_str().unwrap_or_default().into_owned())).collect()
        };
        let config = node.get("Config").and_then(Node::as_str).ok_or_else(|| refused("names no config"))?;
        items.push(ManifestItem { config: config.into_owned(), tags: texts("RepoTags")?, layers: texts("Layers")? });
    }
    if items.is_empty() {
        return Err(refused("names no image"));
    }
    Ok(items)
}

/// A member by its exact name. It is looked up, never used as a path, so it cannot lead anywhere.
fn member(members: &Members, name: &str) -> Result<Region> {
    let plain = name.strip_prefix("./").unwrap_or(name);
    members.region(plain)?.ok_or_else(|| {
        Error::new(Code::DockerMissingEntry, "manifest.json names a member that is not there")
            .expected(Fact::new(name, "manifest.json"))
            .found(Fact::new("no such member", "the archive"))
    })
}

/// The digest that the name of a config promises, where it promises one: `<hex>.json`, `blobs/sha256/<hex>`.
pub(super) fn promised(name: &str) -> Option<Digest> {
    let last = name.rsplit('/').next()?;
    let hex = last.strip_suffix(".json").unwrap_or(last);
    format!("sha256:{hex}").parse().ok()
}

/// The config of an item.
///
/// # Errors
/// `docker.missing_entry`, `docker.config_mismatch`, `json.*`.
pub(super) fn read_config(members: &Members, name: &str, limits: &Limits) -> Result<(Verified, Config)> {
    let config = Verified::authored(bytes(&member(members, name)?, limits.document_bytes, name)?);
    if let Some(digest) = promised(name).filter(|digest| digest != config.digest()) {
        return Err(Error::new(Code::DockerConfigMismatch, "a config is not what its name says")
            .expected(Fact::new(digest, format!("the name {name}")))
            .found(Fact::new(config.digest(), "its bytes")));
    }
    let parsed = Config::parse(&config, limits).map_err(|error| error.at(name))?;
    Ok((config, parsed))
}

/// Reads a docker-archive as if it were a layout.
pub(super) fn view(members: &Members, limits: &Limits) -> Result<View> {
    let mut made = Made::default();
    for item in items(members, limits)? {
        let (config, parsed) = read_config(members, &item.config, limits)?;
        made.add(members, &item, &config, &parsed, limits)?;
    }
    let mut index = Value::object();
    index.set("schemaVersion", Value::size(2));
    index.set("mediaType", Value::string(media_type::OCI_INDEX));
    index.set("manifests", Value::Array(made.entries));
    Ok(View { index: index.render().into_bytes(), blobs: made.blobs, findings: made.findings })
}

/// Image manifests that were made for items of `manifest.json`.
#[derive(Default)]
pub(super) struct Made {
    entries: Vec<Value>,
    seen: BTreeSet<Digest>,
    pub(super) blobs: HashMap<Digest, Region>,
    pub(super) findings: Vec<Finding>,
}

impl Made {
    /// Makes one, and an entry for each of its names.
    pub(super) fn add(
        &mut self,
        members: &Members,
        item: &ManifestItem,
        config: &Verified,
        parsed: &Config,
        limits: &Limits,
    ) -> Result<()> {
        if parsed.diff_ids.len() != item.layers.len() {
            return Err(Error::new(Code::DockerManifest, "manifest.json and the config disagree on the number of layers")
                .at(&item.config)
                .expected(Fact::new(format!("{} layers", parsed.diff_ids.len()), "the config"))
                .found(Fact::new(format!("{} layers", item.layers.len()), "manifest.json")));
        }
        let mut layers = Vec::with_capacity(item.layers.len());
        for (name, diff_id) in item.layers.iter().zip(&parsed.diff_ids) {
            let region = member(members, name)?;
            refuse_foreign(&region, diff_id, name)?;
            layers.push(stored_layer(&region, diff_id, name, &mut self.blobs, limits)?);
        }
        let mut manifest = Value::object();
        manifest.set("schemaVersion", Value::size(2));
        manifest.set("mediaType", Value::string(media_type::OCI_MANIFEST));
        manifest.set("config", Value::Raw(Descriptor::authored(media_type::OCI_CONFIG, config).raw.to_string()));
        manifest.set("layers", Value::Array(layers));
        let manifest = Verified::authored(manifest.render().into_bytes());
        let descriptor = Descriptor::authored(media_type::OCI_MANIFEST, &manifest);
        for document in [config, &manifest] {
            self.blobs.insert(document.digest().clone(), Region::memory(document.bytes().into()));
        }
        self.list(&descriptor, item, limits)?;
        let made = Finding::new(Code::DockerManifestMade, "an image manifest was made for an image of a docker-archive, which has none");
        self.findings.push(made.at(&descriptor.digest).found(Fact::new(item.tags.join(", "), "manifest.json")));
        Ok(())
    }

    /// Adds an entry for each name of an item that a manifest describes; one without a name, if it has none.
    pub(super) fn list(&mut self, descriptor: &Descriptor, item: &ManifestItem, limits: &Limits) -> Result<()> {
        let is_new = self.seen.insert(descriptor.digest.clone());
        if item.tags.is_empty() && is_new {
            self.entries.push(Value::Raw(descriptor.raw.to_string()));
        }
        for tag in &item.tags {
            let document = Document::parse(descriptor.raw.as_bytes(), limits)?;
            let mut entry = Value::open(document.root());
            entry.set("annotations", Value::string_map([(annotation::REF_NAME, tag)]));
            self.entries.push(entry);
        }
        Ok(())
    }

    /// `index.json` with the entries behind its own; `None` if there are none.
    pub(super) fn behind(self, index: &[u8], limits: &Limits) -> Result<Option<Vec<u8>>> {
        if self.entries.is_empty() {
            return Ok(None);
        }
        let document = Document::parse(index, limits)?;
        let mut own = Value::open(document.root());
        let listed = document.root().get("manifests").into_iter().flat_map(Node::items).map(Value::of);
        own.set("manifests", Value::Array(listed.chain(self.entries).collect()));
        Ok(Some(own.render().into_bytes()))
    }
}

/// Refuses a layer in a compression that is not read here. Taken as it is, it would seem to be damaged.
///
/// # Errors
/// `source.unsupported`, `io`.
fn refuse_foreign(region: &Region, diff_id: &Digest, name: &str) -> Result<()> {
    let mut start = [0; Packing::TELLING_BYTES];
    let count = region.read_at(&mut start, 0).map_err(|error| Error::io(format!("read {name}"), error))?;
    let start = start.get(..count).unwrap_or_default();
    let Some(Codec { name: compression, .. }) =
        Codec::by_first_bytes(start).filter(|codec| !matches!(codec.reads, Some(Packing::Layer(_))))
    else {
        return Ok(());
    };
    // The first member of a tar archive may have a name that begins so.
    if inflate::blob_digest(region, diff_id.algorithm())? == *diff_id {
        return Ok(());
    }
    Err(Error::new(Code::SourceUnsupported, format!("a layer is compressed with {compression}"))
        .at(name)
        .expected(Fact::new("a layer as it is, or in gzip or zstd", "airbase"))
        .found(Fact::new(compression, "its first bytes"))
        .hint("Convert it where skopeo is: `skopeo copy docker-archive:FILE oci-archive:NEW`."))
}

/// The descriptor of a layer as it lies in the archive. Docker knows a layer by its diffID alone, so one that inflates to something
/// else is none of the image.
fn stored_layer(region: &Region, diff_id: &Digest, name: &str, blobs: &mut HashMap<Digest, Region>, limits: &Limits) -> Result<Value> {
    let packing = inflate::sniff(region);
    let (media_type, digest) = match packing {
        // A layer that begins as xz does and is not compressed: the others were refused.
        Packing::Xz | Packing::PLAIN => (media_type::OCI_LAYER, diff_id.clone()),
        Packing::Layer(Compression::Gzip) => (media_type::OCI_LAYER_GZIP, inflated(region, packing, diff_id, name, limits)?),
        Packing::Layer(Compression::Zstd) => (media_type::OCI_LAYER_ZSTD, inflated(region, packing, diff_id, name, limits)?),
    };
    let descriptor = Value::Raw(format!("{{\"mediaType\":{},\"digest\":\"{digest}\",\"size\":{}}}", quote(media_type), region.length()));
    blobs.insert(digest, region.clone());
    Ok(descriptor)
}

/// The digest of a compressed layer, which inflates to what the config says.
///
/// # Errors
/// `layer.diffid_mismatch`, `stream.*`, `io`.
fn inflated(region: &Region, packing: Packing, diff_id: &Digest, name: &str, limits: &Limits) -> Result<Digest> {
    let (digest, found) = inflate::digests(region, packing, diff_id.algorithm(), limits).map_err(|error| error.at(name))?;
    if found == *diff_id {
        return Ok(digest);
    }
    Err(Error::new(Code::LayerDiffIdMismatch, "a layer is not what the config says")
        .severity(Severity::Refusal)
        .at(name)
        .expected(Fact::new(diff_id, "the config"))
        .found(Fact::new(found, "what the layer inflates to")))
}
