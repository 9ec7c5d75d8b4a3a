//! Layers that were scanned, each once however many images have it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::Context;
use crate::foundation::{Digest, Result};
use crate::oci::Descriptor;
use crate::read::rootfs::{Budget, Scan};
use crate::read::{Image, View, verify};

/// Scanned layers by the digests and the media types of their blobs.
pub(super) struct Scans<'a> {
    known: BTreeMap<(Digest, String), Known>,
    budget: Budget,
    context: Context<'a>,
}

/// A scanned layer, and the copies of its blob that were read.
struct Known {
    scan: Arc<Scan>,
    read: Vec<Copy>,
}

/// A blob of one source, of the size that a manifest says.
#[derive(PartialEq, Eq)]
struct Copy {
    source: PathBuf,
    view: View,
    size: u64,
}

impl Copy {
    fn of(image: &Image, layer: &Descriptor) -> Self {
        Self { source: image.source.path.clone(), view: image.source.view, size: layer.size }
    }
}

impl<'a> Scans<'a> {
    /// None yet.
    pub(super) fn new(budget: Budget, context: Context<'a>) -> Self {
        Self { known: BTreeMap::new(), budget, context }
    }

    /// The layers of an image, the lowest first.
    ///
    /// # Errors
    /// `layer.*`, `blob.*`, `stream.*` and `tar.*`.
    pub(super) fn of(&mut self, image: &Image) -> Result<Vec<Arc<Scan>>> {
        image.manifest.layers.iter().map(|layer| self.layer(image, layer)).collect()
    }

    /// A digest says what a blob should be: what another source has under it tells nothing of this one, so each copy is hashed.
    fn layer(&mut self, image: &Image, layer: &Descriptor) -> Result<Arc<Scan>> {
        let key = (layer.digest.clone(), layer.media_type.to_string());
        let copy = Copy::of(image, layer);
        if let Some(known) = self.known.get_mut(&key) {
            if !known.read.contains(&copy) {
                verify::hash_all(&[(Arc::clone(&image.source), layer.clone())], 1, self.context.events)?;
                known.read.push(copy);
            }
            return Ok(Arc::clone(&known.scan));
        }
        let scan = Arc::new(Scan::read(&image.source, layer, &mut self.budget, self.context.limits, self.context.events)?);
        self.known.insert(key, Known { scan: Arc::clone(&scan), read: vec![copy] });
        Ok(scan)
    }
}
