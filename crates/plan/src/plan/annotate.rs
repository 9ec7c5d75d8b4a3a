//! New documents that differ from old ones in their annotations only.

use crate::format::json::{Document, Value};
use crate::foundation::{Limits, Result};
use crate::oci::annotation::FORMER_NAMES;
use crate::oci::{Descriptor, Verified, annotation, check_readable, media_type};
use crate::read::{Child, Image, ImageIndex, Tree};

/// A document of the result: what it is, and its bytes.
#[derive(Debug, Clone)]
pub struct NewDocument {
    /// The media type.
    pub media_type: String,
    /// The bytes.
    pub blob: Verified,
}

impl NewDocument {
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
    pub documents: Vec<NewDocument>,
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

/// What is set, and where.
#[derive(Clone, Copy)]
pub struct Notes<'a> {
    /// In which documents.
    pub scope: Scope,
    /// What the top gets.
    pub top: &'a [Pair],
    /// What the manifest of a platform gets.
    pub of_image: &'a dyn Fn(&Image) -> Vec<Pair>,
}

impl std::fmt::Debug for Notes<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Notes").field("scope", &self.scope).field("top", &self.top).finish_non_exhaustive()
    }
}

/// Sets annotations. What the descriptors in an index say of bases is brought up to date.
///
/// Docker's documents have no annotations; such a document becomes its OCI equivalent, with the same config and layers.
///
/// # Errors
/// `output.limit` if a result could not be read again.
pub fn annotate(tree: &Tree, notes: &Notes<'_>, limits: &Limits) -> Result<Rewritten> {
    let mut rewriter = Rewriter { notes, limits, documents: Vec::new() };
    let top = match tree {
        Tree::Image(image) => {
            let pairs = [notes.top, &(notes.of_image)(image)].concat();
            manifest(image.manifest.root().raw(), &pairs, limits)?
        }
        Tree::Artifact { manifest: artifact, .. } => manifest(artifact.root().raw(), notes.top, limits)?,
        // The members of a collection are images of their own, which nobody asked to change.
        Tree::Collection(node) => rewriter.index(node, Scope::Top, notes.top)?,
        Tree::Index(node) => rewriter.index(node, notes.scope, notes.top)?,
    };
    rewriter.documents.push(top);
    Ok(Rewritten { documents: rewriter.documents })
}

struct Rewriter<'a> {
    notes: &'a Notes<'a>,
    limits: &'a Limits,
    documents: Vec<NewDocument>,
}

impl Rewriter<'_> {
    fn index(&mut self, node: &ImageIndex, scope: Scope, top: &[Pair]) -> Result<NewDocument> {
        let mut entries = Vec::with_capacity(node.children.len());
        for (child, descriptor) in node.children.iter().zip(&node.index.manifests) {
            let (authored, pairs) = match (scope, child) {
                (Scope::All, Child::Image(image)) => {
                    let pairs = (self.notes.of_image)(image);
                    (manifest(image.manifest.root().raw(), &pairs, self.limits)?, pairs)
                }
                (Scope::All, Child::Index(inner)) => (self.index(inner, scope, &[])?, Vec::new()),
                _ => {
                    entries.push(Value::Raw(descriptor.raw.to_string()));
                    continue;
                }
            };
            let mut entry = replaced(descriptor, &authored, self.limits)?;
            update_base(&mut entry, descriptor, &pairs, self.limits)?;
            self.documents.push(authored);
            entries.push(entry);
        }
        let mut value = Value::open(node.index.root());
        value.set("mediaType", Value::string(media_type::OCI_INDEX));
        value.set("manifests", Value::Array(entries));
        set_annotations(&mut value, node.index.root().get("annotations").map(crate::format::json::Node::raw), top, self.limits)?;
        NewDocument::new(media_type::OCI_INDEX, &value, self.limits)
    }
}

/// The entry of an index for a document that took the place of another: all it said stays but type, digest and size, and what the
/// other one was called once.
pub fn replaced(descriptor: &Descriptor, authored: &NewDocument, limits: &Limits) -> Result<Value> {
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

fn manifest(raw: &str, pairs: &[Pair], limits: &Limits) -> Result<NewDocument> {
    let document = Document::parse(raw.as_bytes(), limits)?;
    let mut value = Value::open(document.root());
    value.set("mediaType", Value::string(media_type::OCI_MANIFEST));
    to_oci(&mut value, document.root(), limits)?;
    set_annotations(&mut value, document.root().get("annotations").map(crate::format::json::Node::raw), pairs, limits)?;
    NewDocument::new(media_type::OCI_MANIFEST, &value, limits)
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
