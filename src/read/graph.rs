//! Everything that an image consists of, each blob once.

use std::collections::HashSet;

use super::Source;
use crate::core::{Code, Digest, Error, Fact, Limits, Result};
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
}

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
    // A worklist instead of recursion; a document is emitted when all below it was.
    enum Step {
        Enter(Box<Descriptor>, usize),
        Emit(Box<Descriptor>, Verified),
    }
    let mut steps = vec![Step::Enter(Box::new(root.clone()), 0)];
    while let Some(step) = steps.pop() {
        let (descriptor, depth) = match step {
            Step::Emit(descriptor, blob) => {
                into.documents.push((*descriptor, blob));
                continue;
            }
            Step::Enter(descriptor, depth) => (descriptor, depth),
        };
        if !seen.insert(descriptor.digest.clone()) {
            continue;
        }
        if seen.len() > limits.graph_nodes {
            return Err(Error::new(Code::GraphTooMany, "the image has too many documents")
                .expected(Fact::new(format!("at most {}", limits.graph_nodes), "the limits")));
        }
        if depth > limits.graph_depth {
            return Err(Error::new(Code::GraphDepth, "indexes are nested too deeply")
                .expected(Fact::new(format!("at most {} levels", limits.graph_depth), "the limits")));
        }
        if descriptor.is_index() {
            let blob = source.document(&descriptor, limits)?;
            let index = Index::parse(&blob, &descriptor.media_type, limits)?;
            steps.push(Step::Emit(descriptor, blob));
            steps.extend(index.manifests.into_iter().rev().map(|child| Step::Enter(Box::new(child), depth + 1)));
        } else if descriptor.is_manifest() {
            let blob = source.document(&descriptor, limits)?;
            let manifest = Manifest::parse(&blob, &descriptor.media_type, limits)?;
            if seen.insert(manifest.config.digest.clone()) {
                if crate::oci::media_type::is_image_config(&manifest.config.media_type) {
                    let config = source.document(&manifest.config, limits)?;
                    // A config that two readers would read differently is not passed on.
                    Config::parse(&config, limits).map_err(|error| error.at(format!("{}@{}", source.shown(), manifest.config.digest)))?;
                    into.documents.push((manifest.config.clone(), config));
                } else {
                    into.blobs.push(manifest.config.clone());
                }
            }
            for layer in manifest.layers {
                if !seen.insert(layer.digest.clone()) {
                    continue;
                }
                if !layer.urls.is_empty() && source.container().blob(&layer.digest)?.is_none() {
                    into.external.push(layer);
                } else {
                    into.blobs.push(layer);
                }
            }
            into.documents.push((*descriptor, blob));
        } else {
            into.blobs.push(*descriptor);
        }
    }
    Ok(())
}
