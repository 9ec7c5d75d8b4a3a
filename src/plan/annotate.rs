//! New documents that differ from old ones in their annotations only.

use crate::core::{Limits, Result};
use crate::format::json::{Document, Value};
use crate::oci::annotation::FORMER_NAMES;
use crate::oci::{Descriptor, Verified, annotation, check_readable, media_type};
use crate::read::{Child, Image, ImageIndex, Tree};

/// A document of the result: what it is, and its bytes.
#[derive(Debug, Clone)]
pub struct Authored {
    /// The media type.
    pub media_type: String,
    /// The bytes.
    pub blob: Verified,
}

impl Authored {
    /// A document of the result, which must be one that can be read again.
    ///
    /// # Errors
    /// `output.limit`.
    pub fn new(media_type: &str, value: &Value, limits: &Limits) -> Result<Self> {
        let bytes = value.render().into_bytes();
        check_readable(&bytes, limits)?;
        Ok(Self { media_type: media_type.to_owned(), blob: Verified::authored(bytes) })
    }

    /// Its descriptor.
    pub fn descriptor(&self) -> Descriptor {
        Descriptor::authored(&self.media_type, &self.blob)
    }
}

/// The new documents of a changed tree, what is named before what names it; the last one is the top.
#[derive(Debug, Clone, Default)]
pub struct Rewritten {
    /// The documents that are new.
    pub documents: Vec<Authored>,
}

/// Which documents of an index get the annotations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The top alone.
    Top,
    /// The top and every image below it.
    All,
}

/// An annotation to be set; one without a value is removed.
pub type Pair = (String, Option<String>);

/// Sets annotations. `for_image` gives what a platform manifest gets, `top` what the index gets. What the descriptors in an index say
/// of bases is brought up to date.
///
/// Docker's documents have no annotations; such a document becomes its OCI equivalent, with the same config and layers.
///
/// # Errors
/// `output.limit` if a result could not be read again.
pub fn annotate(tree: &Tree, scope: Scope, top: &[Pair], for_image: &dyn Fn(&Image) -> Vec<Pair>, limits: &Limits) -> Result<Rewritten> {
    let mut rewritten = Rewritten::default();
    match tree {
        Tree::Image(image) => {
            let mut pairs = top.to_vec();
            pairs.extend(for_image(image));
            rewritten.documents.push(manifest(image.manifest.root().raw(), &pairs, limits)?);
        }
        Tree::Artifact { manifest: artifact, .. } => rewritten.documents.push(manifest(artifact.root().raw(), top, limits)?),
        // The members of a collection are images of their own, which nobody asked to change.
        Tree::Collection(node) => {
            let authored = index(node, Scope::Top, top, for_image, limits, &mut rewritten)?;
            rewritten.documents.push(authored);
        }
        Tree::Index(node) => {
            let authored = index(node, scope, top, for_image, limits, &mut rewritten)?;
            rewritten.documents.push(authored);
        }
    }
    Ok(rewritten)
}

fn index(
    node: &ImageIndex,
    scope: Scope,
    top: &[Pair],
    for_image: &dyn Fn(&Image) -> Vec<Pair>,
    limits: &Limits,
    into: &mut Rewritten,
) -> Result<Authored> {
    let mut entries = Vec::with_capacity(node.children.len());
    for (child, descriptor) in node.children.iter().zip(&node.index.manifests) {
        let (authored, pairs) = match (scope, child) {
            (Scope::All, Child::Image(image)) => {
                let pairs = for_image(image);
                (Some(manifest(image.manifest.root().raw(), &pairs, limits)?), pairs)
            }
            (Scope::All, Child::Index(inner)) => (Some(index(inner, scope, &[], for_image, limits, into)?), Vec::new()),
            _ => (None, Vec::new()),
        };
        entries.push(match authored {
            None => Value::Raw(descriptor.raw.to_string()),
            Some(authored) => {
                let mut entry = replaced(descriptor, &authored, limits)?;
                update_base(&mut entry, descriptor, &pairs, limits)?;
                into.documents.push(authored);
                entry
            }
        });
    }
    let mut value = Value::open(node.index.root());
    value.set("mediaType", Value::string(media_type::OCI_INDEX));
    value.set("manifests", Value::Array(entries));
    set_annotations(&mut value, node.index.root().get("annotations").map(crate::format::json::Node::raw), top, limits)?;
    Authored::new(media_type::OCI_INDEX, &value, limits)
}

/// The entry of an index for a document that took the place of another: all it said stays but type, digest and size, and what the
/// other one was called once.
pub(crate) fn replaced(descriptor: &Descriptor, authored: &Authored, limits: &Limits) -> Result<Value> {
    let mut entry = descriptor.to_value(limits)?;
    entry.set("mediaType", Value::string(&authored.media_type));
    entry.set("digest", Value::string(&authored.blob.digest().to_string()));
    entry.set("size", Value::size(authored.blob.size()));
    if descriptor.annotations.contains_key(FORMER_NAMES) {
        let document = Document::parse(descriptor.raw.as_bytes(), limits)?;
        let mut annotations = document.root().get("annotations").map_or_else(Value::object, Value::open);
        annotations.remove(FORMER_NAMES);
        entry.set("annotations", annotations);
    }
    Ok(entry)
}

fn manifest(raw: &str, pairs: &[Pair], limits: &Limits) -> Result<Authored> {
    let document = Document::parse(raw.as_bytes(), limits)?;
    let mut value = Value::open(document.root());
    value.set("mediaType", Value::string(media_type::OCI_MANIFEST));
    to_oci(&mut value, document.root(), limits)?;
    set_annotations(&mut value, document.root().get("annotations").map(crate::format::json::Node::raw), pairs, limits)?;
    Authored::new(media_type::OCI_MANIFEST, &value, limits)
}

/// Renames Docker's media types of config and layers; the bytes they name are the same.
fn to_oci(value: &mut Value, root: crate::format::json::Node<'_>, limits: &Limits) -> Result<()> {
    let renamed = |node: crate::format::json::Node<'_>| -> Result<Value> {
        let descriptor = Descriptor::parse(node, limits)?;
        Ok(match oci_name(&descriptor.media_type) {
            None => Value::of(node),
            Some(name) => {
                let mut value = Value::open(node);
                value.set("mediaType", Value::string(name));
                value
            }
        })
    };
    if let Some(config) = root.get("config") {
        value.set("config", renamed(config)?);
    }
    if let Some(layers) = root.get("layers") {
        value.set("layers", Value::Array(layers.items().map(renamed).collect::<Result<_>>()?));
    }
    Ok(())
}

/// The OCI name of a Docker media type; `None` for everything that is not Docker's.
pub(super) fn oci_name(docker: &str) -> Option<&'static str> {
    match docker {
        media_type::DOCKER_CONFIG => Some(media_type::OCI_CONFIG),
        other if media_type::is_docker(other) => media_type::layer(other).map(|(name, _)| name),
        _ => None,
    }
}

/// Sets `pairs` in the member `annotations`, keeping what is there byte for byte.
pub(super) fn set_annotations(value: &mut Value, old: Option<&str>, pairs: &[Pair], limits: &Limits) -> Result<()> {
    if pairs.is_empty() {
        return Ok(());
    }
    let mut annotations = match old {
        Some(raw) => Value::open(Document::parse(raw.as_bytes(), limits)?.root()),
        None => Value::object(),
    };
    for (key, text) in pairs {
        match text {
            Some(text) => annotations.set(key, Value::string(text)),
            None => annotations.remove(key),
        }
    }
    value.set("annotations", annotations);
    Ok(())
}

/// Brings up to date what a descriptor in an index says of the base of its image, where it says that: some indexes have it there and
/// not in the manifests.
pub(super) fn update_base(entry: &mut Value, descriptor: &Descriptor, pairs: &[Pair], limits: &Limits) -> Result<()> {
    let is_base = |key: &str| [annotation::BASE_NAME, annotation::BASE_DIGEST].contains(&key);
    let stale = pairs.iter().filter(|(key, _)| is_base(key) && descriptor.annotations.contains_key(key)).cloned();
    let stale: Vec<Pair> = stale.collect();
    let document = Document::parse(descriptor.raw.as_bytes(), limits)?;
    set_annotations(entry, document.root().get("annotations").map(crate::format::json::Node::raw), &stale, limits)
}
