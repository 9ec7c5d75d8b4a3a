//! Layers compared position by position: equal blobs under two verified manifests, or equal diffIDs where the blobs differ because
//! somebody recompressed them. Never "the first layer that looks like it": equal layers repeat in real images.

use serde::Serialize;

use crate::foundation::Digest;
use crate::read::Image;

/// How one layer was proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Proof {
    /// The same blob in both manifests.
    SameBlob,
    /// Other blobs with the same diffID in both configs; nobody inflated them.
    SameDiffIdClaimed,
    /// Other blobs that were inflated to the same content.
    SameContent,
}

/// One layer for comparison.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LayerIdentity {
    /// The digest of the blob.
    pub digest: Digest,
    /// What the config says that it inflates to.
    pub diff_id: Digest,
}

/// How the lowest layers of an image compare with a base.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prefix {
    /// All layers of the base are the lowest layers of the image.
    Proven(Vec<Proof>),
    /// They differ.
    Differs {
        /// How many layers are the same, from the bottom.
        matched: usize,
        /// How many layers the base has.
        of: usize,
        /// The first layer that differs: the image's, if it has one there, and the base's.
        first: Box<(Option<LayerIdentity>, LayerIdentity)>,
    },
    /// The base has no layers, so it proves nothing.
    Empty,
    /// It is the image itself: nothing is built on that, though all layers are the same.
    Itself,
}

/// Whether two manifests are of one image. A config lists the diffIDs and all settings, so one config is one image, however its layers
/// are compressed.
pub fn is_same_image(one: &Image, other: &Image) -> bool {
    one.manifest.config.digest == other.manifest.config.digest
}

/// Compares the layers of `base` with the lowest layers of `image`. Both must have as many diffIDs as layers.
pub fn prefix(image: &Image, base: &Image) -> Prefix {
    if is_same_image(image, base) { Prefix::Itself } else { same_layers(image, base) }
}

/// As [`prefix`], whether or not it is the image itself.
pub(super) fn same_layers(image: &Image, base: &Image) -> Prefix {
    if base.manifest.layers.is_empty() {
        return Prefix::Empty;
    }
    let of = base.manifest.layers.len();
    let mut proofs = Vec::with_capacity(of);
    for position in 0..of {
        let Some(below) = identity(base, position) else { return Prefix::Empty };
        let own = identity(image, position);
        match &own {
            Some(own) if own.digest == below.digest && own.diff_id == below.diff_id => proofs.push(Proof::SameBlob),
            Some(own) if own.diff_id == below.diff_id => proofs.push(Proof::SameDiffIdClaimed),
            _ => return Prefix::Differs { matched: position, of, first: Box::new((own, below)) },
        }
    }
    Prefix::Proven(proofs)
}

/// The identity of a layer of an image.
pub fn identity(image: &Image, position: usize) -> Option<LayerIdentity> {
    Some(LayerIdentity {
        digest: image.manifest.layers.get(position)?.digest.clone(),
        diff_id: image.config.diff_ids.get(position)?.clone(),
    })
}

/// Whether a local image with as many layers as the image could still be its base: only if the image's history goes on where
/// that of the other ends. Otherwise they are two editions of one thing, and neither is based on the other.
pub fn adds_settings_only(image: &Image, base: &Image) -> bool {
    history_begins(image, base) && base.config.history().len() < image.config.history().len()
}

/// Whether the history of `base` is the beginning of that of `image`.
pub(super) fn history_begins(image: &Image, base: &Image) -> bool {
    let below = base.config.steps();
    !below.is_empty() && image.config.steps().starts_with(&below)
}
