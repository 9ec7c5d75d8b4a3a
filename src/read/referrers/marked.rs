//! Signatures and attestations that stand in `index.json` under no name, as `cosign save` leaves them.

use crate::core::{Digest, Limits};
use crate::oci::{Descriptor, Manifest, Verified, cosign};
use crate::read::Source;

/// An entry that speaks of an image.
#[derive(Debug, Clone)]
pub struct Marked {
    /// The entry.
    pub entry: Descriptor,
    /// Its manifest.
    pub document: Verified,
    /// The content, all of one type.
    pub layers: Vec<Descriptor>,
    /// The config.
    pub config: Descriptor,
    /// What all of its content speaks of.
    pub subject: Digest,
}

impl Marked {
    /// What it is.
    pub fn artifact_type(&self) -> &str {
        self.layers.first().map_or("", |layer| &layer.media_type)
    }
}

/// The marked entries of a source. The mark is not believed: what is no such manifest, and what does not speak of one image in all
/// of its content, is not among them. They are looked for once: a batch asks for each of ten thousand images.
pub fn marked<'s>(source: &'s Source, limits: &Limits) -> &'s [Marked] {
    source.marked.get_or_init(|| {
        let entries = source.index.manifests.iter().filter(|entry| cosign::is_marked(entry) && entry.is_manifest());
        entries.filter_map(|entry| read(source, entry, limits)).collect()
    })
}

fn read(source: &Source, entry: &Descriptor, limits: &Limits) -> Option<Marked> {
    let document = source.document(entry, limits).ok()?;
    let manifest = Manifest::parse(&document, &entry.media_type, limits).ok()?;
    if !cosign::are_statements(&manifest.layers) {
        return None;
    }
    let mut subject: Option<Digest> = None;
    for layer in &manifest.layers {
        let own = cosign::subject(&layer.media_type, &source.document(layer, limits).ok()?, limits)?;
        if subject.replace(own.clone()).is_some_and(|other| other != own) {
            return None;
        }
    }
    Some(Marked { entry: entry.clone(), document, layers: manifest.layers, config: manifest.config, subject: subject? })
}
