//! The provenance that BuildKit puts beside an image, in the same index.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Child, Image, ImageIndex, Source};
use crate::foundation::{Code, Digest, Error, Limits, Result};
use crate::oci::provenance::{Material, PREDICATE_TYPE, STATEMENT, is_provenance, materials};
use crate::oci::{Descriptor, Manifest, annotation};

/// Most images that the provenance of one image may name. Each is looked for in every source; real builds have a dozen.
const MOST: usize = 256;

/// The images that went into the build of one image.
#[derive(Debug, Default)]
pub struct Provenance {
    /// Each once, in the order of the statements.
    pub materials: Vec<Material>,
    /// What could not be read, and why.
    pub unread: Vec<(Digest, Error)>,
}

impl Provenance {
    /// Reads all statements in `index` that speak of `image`. They only say where to look, so what cannot be read stops nobody.
    pub fn read(image: &Image, index: &ImageIndex, limits: &Limits) -> Self {
        let mut found = Self::default();
        found.visit(image, index, limits);
        let mut seen = BTreeSet::new();
        found.materials.retain(|material| seen.insert(material.clone()));
        if found.materials.len() > MOST {
            let error = Error::new(Code::GraphTooMany, format!("the provenance names more than {MOST} images"));
            found.unread.push((image.descriptor.digest.clone(), error));
            found.materials.truncate(MOST);
        }
        found
    }

    fn visit(&mut self, image: &Image, index: &ImageIndex, limits: &Limits) {
        for child in index.descendants() {
            let descriptor = match child {
                Child::Attestation(descriptor) | Child::Other(descriptor) if descriptor.is_manifest() => descriptor,
                _ => continue,
            };
            // The old form says in the index of whom it speaks, the new one in its subject.
            let marked = descriptor.annotations.get(annotation::DOCKER_REFERENCE_DIGEST);
            if marked.is_some_and(|subject| *subject != image.descriptor.digest.to_string()) {
                continue;
            }
            match statements(&index.source, descriptor, marked.is_some(), image, limits) {
                Ok(statements) => statements.iter().for_each(|statement| self.statement(&index.source, statement, limits)),
                Err(error) => self.unread.push((descriptor.digest.clone(), error)),
            }
        }
    }

    fn statement(&mut self, source: &Source, statement: &Descriptor, limits: &Limits) {
        match source.document(statement, limits).and_then(|blob| materials(blob.bytes(), limits)) {
            Ok(more) => self.materials.extend(more),
            Err(error) => self.unread.push((statement.digest.clone(), error)),
        }
    }
}

/// The layers of an attestation that may be provenance; none if it speaks of another image.
fn statements(source: &Arc<Source>, descriptor: &Descriptor, marked: bool, image: &Image, limits: &Limits) -> Result<Vec<Descriptor>> {
    let manifest = Manifest::parse(&source.document(descriptor, limits)?, &descriptor.media_type, limits)?;
    let speaks = manifest.subject.as_ref().map_or(marked, |subject| subject.digest == image.descriptor.digest);
    let may_be = |layer: &Descriptor| layer.media_type == STATEMENT && layer.annotations.get(PREDICATE_TYPE).is_none_or(is_provenance);
    Ok(if speaks { manifest.layers.into_iter().filter(may_be).collect() } else { Vec::new() })
}
