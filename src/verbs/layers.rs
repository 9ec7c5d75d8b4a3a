//! Layers that were scanned, each once however many images have it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Context;
use crate::core::{Digest, Result};
use crate::read::Image;
use crate::read::rootfs::{Budget, Scan};

/// Scanned layers by the digests of their blobs.
pub(super) struct Scans<'a> {
    known: BTreeMap<Digest, Arc<Scan>>,
    budget: Budget,
    context: Context<'a>,
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
        let mut layers = Vec::new();
        for layer in &image.manifest.layers {
            let scan = match self.known.get(&layer.digest) {
                Some(scan) => Arc::clone(scan),
                None => Arc::new(Scan::read(&image.source, layer, &mut self.budget, self.context.limits, self.context.events)?),
            };
            self.known.insert(layer.digest.clone(), Arc::clone(&scan));
            layers.push(scan);
        }
        Ok(layers)
    }
}
