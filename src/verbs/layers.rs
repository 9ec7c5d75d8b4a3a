//! Layers that were scanned, each once however many images have it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::Context;
use crate::foundation::{Code, Digest, Fact, Finding, Result};
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

/// That layers of an image hold something else than its config says: of whose they are the config says nothing then.
pub(super) fn other_contents(image: &Image, scans: &[Arc<Scan>]) -> impl Iterator<Item = Finding> {
    let both = scans.iter().zip(&image.config.diff_ids);
    let other = both.filter(|(scan, claim)| claim.algorithm() == scan.content.algorithm() && **claim != scan.content);
    other.map(|(scan, claim)| {
        let finding = Finding::new(Code::LayerDiffIdMismatch, "a layer inflates to something else than the config says");
        let finding = finding.at(&image.descriptor.digest).expected(Fact::new(claim, "the config"));
        finding.found(Fact::new(&scan.content, "the content of the layer"))
    })
}
