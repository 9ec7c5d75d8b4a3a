//! Everything that an image consists of, each blob once.

use std::collections::HashSet;

use super::Source;
use crate::format::json::{Document, Node};
use crate::foundation::fsys::ReadAt as _;
use crate::foundation::{Code, Digest, Error, Fact, Limits, Result};
use crate::oci::{Config, Descriptor, Index, Manifest, Verified};

/// What hangs below some descriptors: enough to copy it.
#[derive(Debug, Default)]
pub struct Walk {
    /// Manifests, indexes and configs, what is named before what names it: bytes in hand and verified.
    pub documents: Vec<(Descriptor, Verified)>,
    /// Layers and other blobs, in the order in which they were met.
    pub blobs: Vec<Descriptor>,
    /// Blobs with addresses to get them from elsewhere that are not in the source.
    pub external: Vec<Descriptor>,
    /// Documents of unknown types.
    pub opaque: Vec<Opaque>,
}

impl Walk {
    /// Adds what another walk found, each once.
    pub fn join<S: std::hash::BuildHasher>(&mut self, other: Self, seen: &mut HashSet<Digest, S>) {
        self.documents.extend(other.documents.into_iter().filter(|(descriptor, _)| seen.insert(descriptor.digest.clone())));
        self.blobs.extend(other.blobs.into_iter().filter(|blob| seen.insert(blob.digest.clone())));
        self.external.extend(other.external.into_iter().filter(|layer| seen.insert(layer.digest.clone())));
        self.opaque.extend(other.opaque);
    }
}

/// A document of an unknown type. What it visibly names goes along, because it may be its content.
#[derive(Debug)]
pub struct Opaque {
    /// The document.
    pub descriptor: Descriptor,
    /// What it names that is here.
    pub named: Vec<Digest>,
    /// What it names that is not.
    pub missing: Vec<Digest>,
    /// Whether it is too large to be looked into.
    pub closed: bool,
}

/// How the media types of Docker's first manifests begin, signed or not.
const SCHEMA_1: &str = "application/vnd.docker.distribution.manifest.v1+";

/// Most descriptors that are taken from a document of an unknown type.
const VISIBLE: usize = 10_000;

/// Walks from `root` through indexes and manifests. Attestations inside an index belong to it and are walked too; referrers
/// name their subject and are not named by it, so they are not.
///
/// # Errors
/// `blob.missing` and whatever a document is refused for.
pub fn walk<S: std::hash::BuildHasher>(
    source: &Source,
    root: &Descriptor,
    limits: &Limits,
    into: &mut Walk,
    seen: &mut HashSet<Digest, S>,
) -> Result<()> {
    let mut walker = Walker { source, limits, into, seen, steps: vec![Step::Enter(Box::new(root.clone()), 0)] };
    while let Some(step) = walker.steps.pop() {
        match step {
            Step::Emit(descriptor, blob) => walker.into.documents.push((*descriptor, blob)),
            Step::Enter(descriptor, depth) => walker.enter(descriptor, depth)?,
        }
    }
    Ok(())
}

/// Reads the indexes among `tops` and those that they lead to, each once, and hands each over, or why it cannot be read. What refers to
/// them is not followed.
///
/// # Errors
/// `graph.too_many`, and what `visit` returns.
pub fn each_index<'d>(
    source: &Source,
    tops: impl IntoIterator<Item = &'d Descriptor>,
    limits: &Limits,
    visit: &mut dyn FnMut(&Descriptor, Result<Index>) -> Result<()>,
) -> Result<()> {
    let mut waiting: Vec<Descriptor> = tops.into_iter().filter(|top| top.is_index()).cloned().collect();
    // One that is wrong about the size or the type cannot be read, and another one of that digest may be right.
    let mut seen = HashSet::new();
    while let Some(descriptor) = waiting.pop() {
        if !seen.insert((descriptor.digest.clone(), descriptor.size, descriptor.media_type.clone())) {
            continue;
        }
        if seen.len() > limits.graph_nodes {
            return Err(Error::new(Code::GraphTooMany, "the layout has too many indexes")
                .expected(Fact::new(format!("at most {}", limits.graph_nodes), "the limits")));
        }
        let index = source.document(&descriptor, limits).and_then(|blob| Index::parse(&blob, &descriptor.media_type, limits));
        waiting.extend(index.iter().flat_map(|index| &index.manifests).filter(|child| child.is_index()).cloned());
        visit(&descriptor, index)?;
    }
    Ok(())
}

/// A worklist instead of recursion; a document is emitted when all below it was.
enum Step {
    Enter(Box<Descriptor>, usize),
    Emit(Box<Descriptor>, Verified),
}

struct Walker<'a, S> {
    source: &'a Source,
    limits: &'a Limits,
    into: &'a mut Walk,
    seen: &'a mut HashSet<Digest, S>,
    steps: Vec<Step>,
}

impl<S: std::hash::BuildHasher> Walker<'_, S> {
    fn enter(&mut self, descriptor: Box<Descriptor>, depth: usize) -> Result<()> {
        if !self.seen.insert(descriptor.digest.clone()) {
            return Ok(());
        }
        let limits = self.limits;
        if self.seen.len() > limits.graph_nodes {
            return Err(Error::new(Code::GraphTooMany, "the image has too many documents")
                .expected(Fact::new(format!("at most {}", limits.graph_nodes), "the limits")));
        }
        if depth > limits.graph_depth {
            return Err(Error::new(Code::GraphDepth, "indexes are nested too deeply")
                .expected(Fact::new(format!("at most {} levels", limits.graph_depth), "the limits")));
        }
        if descriptor.is_index() {
            let blob = self.source.document(&descriptor, limits)?;
            let index = Index::parse(&blob, &descriptor.media_type, limits)?;
            self.steps.push(Step::Emit(descriptor, blob));
            self.steps.extend(index.manifests.into_iter().rev().map(|child| Step::Enter(Box::new(child), depth + 1)));
            Ok(())
        } else if descriptor.is_manifest() {
            self.manifest(descriptor)
        } else {
            self.opaque(*descriptor, depth)
        }
    }

    fn manifest(&mut self, descriptor: Box<Descriptor>) -> Result<()> {
        let blob = self.source.document(&descriptor, self.limits)?;
        let manifest = Manifest::parse(&blob, &descriptor.media_type, self.limits)?;
        if self.seen.insert(manifest.config.digest.clone()) {
            self.config(manifest.config)?;
        }
        for layer in manifest.layers {
            if !self.seen.insert(layer.digest.clone()) {
                continue;
            }
            if !layer.urls.is_empty() && self.source.container().blob(&layer.digest)?.is_none() {
                self.into.external.push(layer);
            } else {
                self.into.blobs.push(layer);
            }
        }
        self.into.documents.push((*descriptor, blob));
        Ok(())
    }

    fn config(&mut self, descriptor: Descriptor) -> Result<()> {
        if !crate::oci::media_type::is_image_config(&descriptor.media_type) {
            self.into.blobs.push(descriptor);
            return Ok(());
        }
        let config = self.source.document(&descriptor, self.limits)?;
        // A config that two readers would read differently is not passed on.
        Config::parse(&config, self.limits).map_err(|error| error.at(format!("{}@{}", self.source.shown(), descriptor.digest)))?;
        self.into.documents.push((descriptor, config));
        Ok(())
    }

    fn opaque(&mut self, descriptor: Descriptor, depth: usize) -> Result<()> {
        let mut opaque = Opaque { descriptor, named: Vec::new(), missing: Vec::new(), closed: false };
        for named in visible(self.source, &mut opaque, self.limits)? {
            if self.source.container().blob(&named.digest)?.is_none() {
                opaque.missing.push(named.digest.clone());
                continue;
            }
            opaque.named.push(named.digest.clone());
            if named.is_index() || named.is_manifest() {
                self.steps.push(Step::Enter(Box::new(named), depth + 1));
            } else if self.seen.insert(named.digest.clone()) {
                self.into.blobs.push(named);
            }
        }
        self.into.blobs.push(opaque.descriptor.clone());
        self.into.opaque.push(opaque);
        Ok(())
    }
}

/// The descriptors that are in a document of an unknown type: objects with `mediaType`, `digest` and `size`. Its `subject` is
/// something else's, and is not its content.
///
/// # Errors
/// `graph.too_many`, and what a document is refused for that is not what its digest says.
fn visible(source: &Source, opaque: &mut Opaque, limits: &Limits) -> Result<Vec<Descriptor>> {
    if opaque.descriptor.size > limits.document_bytes {
        opaque.closed = true;
        return Ok(Vec::new());
    }
    let blob = source.document(&opaque.descriptor, limits)?;
    // What is no JSON names nothing visibly.
    let Ok(document) = Document::parse(blob.bytes(), limits) else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    if opaque.descriptor.media_type.starts_with(SCHEMA_1) {
        found.extend(schema_1(source, document.root())?);
    }
    let mut waiting = vec![document.root()];
    while let Some(node) = waiting.pop() {
        if ["mediaType", "digest", "size"].iter().all(|field| node.get(field).is_some()) {
            match Descriptor::parse(node, limits) {
                Ok(named) => found.push(named),
                // It is named, and cannot be verified here: the document must not travel as if it were whole.
                Err(error) if error.code() == Code::DigestAlgorithmUnknown => return Err(error.at(&opaque.descriptor.digest)),
                // Such members alone make no descriptor.
                Err(_) => {}
            }
        }
        if found.len() > VISIBLE {
            return Err(Error::new(Code::GraphTooMany, "a document of an unknown type names too many blobs")
                .at(&opaque.descriptor.digest)
                .expected(Fact::new(format!("at most {VISIBLE}"), "the limits")));
        }
        waiting.extend(node.items());
        waiting.extend(node.members().filter(|(name, _)| name != "subject").map(|(_, value)| value));
    }
    Ok(found)
}

/// The layers of a manifest of Docker's first schema: it names their digests alone.
fn schema_1(source: &Source, root: Node<'_>) -> Result<Vec<Descriptor>> {
    let layers = root.get("fsLayers").into_iter().flat_map(Node::items);
    let described = |layer: Node<'_>| {
        let sum = layer.get("blobSum").and_then(Node::as_str).ok_or_else(|| {
            Error::new(Code::JsonType, "a layer of a manifest of Docker's first schema has no digest")
                .expected(Fact::new("blobSum", "the schema"))
        })?;
        let digest: Digest = sum.parse()?;
        // What is not here has no size; whoever copies it says that it is missing.
        let size = source.container().blob(&digest)?.map_or(0, |blob| blob.length());
        Ok(Descriptor::plain("application/vnd.docker.image.rootfs.diff.tar.gzip", &digest, size))
    };
    layers.map(described).collect()
}
