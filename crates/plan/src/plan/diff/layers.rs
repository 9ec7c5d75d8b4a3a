//! Which layers two images share.

use serde::Serialize;

use crate::foundation::Digest;
use crate::read::Image;

/// A layer of one of the images.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Layer {
    /// The digest of its blob.
    pub digest: Digest,
    /// The digest of its content: what it was inflated to where it was read, else what the config says.
    pub diff_id: Digest,
    /// The size of its blob.
    pub size: u64,
    /// What made it, by the history.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    /// Whether the other image has a layer of that content.
    pub shared: bool,
}

/// The layers of both images.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Layers {
    /// Those of the first image, the lowest first.
    pub from: Vec<Layer>,
    /// Those of the second image.
    pub to: Vec<Layer>,
    /// How many of the lowest layers are the same.
    pub common: usize,
}

impl Layers {
    /// Whether both have the same layers in the same order.
    pub fn are_same(&self) -> bool {
        self.common == self.from.len() && self.common == self.to.len()
    }
}

/// Compares layers. The digests of the contents are those that were found where the layers were read.
pub fn layers((was, contents_was): (&Image, Option<&[Digest]>), (is, contents_is): (&Image, Option<&[Digest]>)) -> Layers {
    let (mut from, mut to) = (of(was, contents_was), of(is, contents_is));
    let same = |one: &Layer, other: &Layer| one.diff_id == other.diff_id || one.digest == other.digest;
    let common = from.iter().zip(&to).take_while(|(one, other)| same(one, other)).count();
    for layer in &mut from {
        layer.shared = to.iter().any(|other| same(layer, other));
    }
    for layer in &mut to {
        layer.shared = from.iter().any(|other| same(layer, other));
    }
    Layers { from, to, common }
}

fn of(image: &Image, contents: Option<&[Digest]>) -> Vec<Layer> {
    let makers = image.config.created_by();
    let claims = &image.config.diff_ids;
    let layer = |(at, layer): (usize, &crate::oci::Descriptor)| {
        let diff_id = contents.and_then(|contents| contents.get(at)).or_else(|| claims.get(at)).unwrap_or(&layer.digest).clone();
        let created_by = makers.get(at).cloned().flatten();
        Layer { digest: layer.digest.clone(), diff_id, size: layer.size, created_by, shared: false }
    };
    image.manifest.layers.iter().enumerate().map(layer).collect()
}
