//! Signatures and attestations that are in `index.json` under no name, as `cosign save` leaves them.

use super::Unread;
use crate::foundation::{Digest, Limits, Result};
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

/// The marked entries of a source, and those of them that could not be read.
#[derive(Debug, Default)]
pub struct Marking {
    /// Those that speak of an image.
    pub found: Vec<Marked>,
    /// Those of which nobody knows whether they do.
    pub unread: Vec<Unread>,
}

/// The marked entries of a source. The mark is not believed: what is no such manifest, and what does not speak of one image in all
/// of its content, is not among them. They are looked for once: a batch asks for each of ten thousand images.
pub fn marked<'s>(source: &'s Source, limits: &Limits) -> &'s Marking {
    source.marked.get_or_init(|| {
        let mut marking = Marking::default();
        for entry in source.index.manifests.iter().filter(|entry| cosign::is_marked(entry) && entry.is_manifest()) {
            match read(source, entry, limits) {
                Ok(marked) => marking.found.extend(marked),
                Err(error) => marking.unread.push(Unread::of(entry, error)),
            }
        }
        marking
    })
}

fn read(source: &Source, entry: &Descriptor, limits: &Limits) -> Result<Option<Marked>> {
    let document = source.document(entry, limits)?;
    let manifest = Manifest::parse(&document, &entry.media_type, limits)?;
    if !cosign::are_statements(&manifest.layers) {
        return Ok(None);
    }
    let mut subject: Option<Digest> = None;
    for layer in &manifest.layers {
        let Some(own) = cosign::subject(&layer.media_type, &source.document(layer, limits)?, limits) else { return Ok(None) };
        if subject.replace(own.clone()).is_some_and(|other| other != own) {
            return Ok(None);
        }
    }
    let (layers, config) = (manifest.layers, manifest.config);
    Ok(subject.map(|subject| Marked { entry: entry.clone(), document, layers, config, subject }))
}
