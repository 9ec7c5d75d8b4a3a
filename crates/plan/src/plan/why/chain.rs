//! Which image of its chain each layer of an image came with.

use serde::Serialize;

use crate::foundation::Digest;
use crate::read::Image;

/// Whose a layer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// The base's, or of a base of that.
    Base,
    /// The app's own.
    App,
    /// What the image is based on is not known.
    Unknown,
}

/// A base of the image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Part {
    /// The base, as a reference; absent if only its number of layers is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// How many of the lowest layers are its.
    pub layers: usize,
}

/// What an image is based on, the lowest base first; none of them if it is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// Its bases.
    pub bases: Vec<Part>,
    /// Whether that is known.
    pub known: bool,
}

/// A layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Layer {
    /// Its number, the lowest being 0.
    pub number: usize,
    /// The digest of its blob.
    pub digest: Digest,
    /// What made it, by the history.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    /// Whose it is.
    pub origin: Origin,
    /// The image of the chain that brought it, as a reference, if that is here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
}

impl Chain {
    /// How many of the lowest layers are the base's, if that is known.
    pub fn seam(&self) -> Option<usize> {
        self.known.then(|| self.bases.last().map_or(0, |part| part.layers))
    }

    /// The layers of the image that has this chain.
    pub fn layers(&self, image: &Image) -> Vec<Layer> {
        let makers = image.config.created_by();
        let layer = |(number, layer): (usize, &crate::oci::Descriptor)| {
            let part = self.bases.iter().find(|part| number < part.layers);
            let origin = match part {
                Some(_) => Origin::Base,
                None if self.known => Origin::App,
                None => Origin::Unknown,
            };
            let created_by = makers.get(number).cloned().flatten();
            Layer { number, digest: layer.digest.clone(), created_by, origin, image: part.and_then(|part| part.image.clone()) }
        };
        image.manifest.layers.iter().enumerate().map(layer).collect()
    }
}
