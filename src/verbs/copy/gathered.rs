//! What goes along with a copy.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::foundation::{Code, Digest, Finding};
use crate::oci::{Descriptor, Verified};
use crate::read::{Opaque, Overlay, Source, Walk};
use crate::verbs::output::{Blob, Document};

/// Everything that goes along. Of a hundred thousand images not much more than the digests can be kept, so what lies in the source is
/// read again when it is written.
#[derive(Debug)]
pub(super) struct Gathered<'a> {
    source: &'a Arc<Source>,
    /// Whether all documents are kept: the `manifest.json` of an archive for docker is made from them.
    in_hand: bool,
    /// What is named stands before what names it.
    pub(super) documents: Vec<Document<'a>>,
    /// Whether there is an index among them.
    pub(super) has_index: bool,
    /// The documents that are kept: indexes, and what lies nowhere since it was made anew or is embedded in its descriptor.
    pub(super) kept: HashMap<Digest, Verified>,
    /// Documents below the tops that may have referrers.
    pub(super) below: Vec<Descriptor>,
    /// Layers and other blobs that lie in the source.
    pub(super) blobs: Vec<Blob<'a>>,
    /// What is odd about blobs that their descriptors embed.
    pub(super) findings: Vec<Finding>,
    pub(super) rest: Rest,
}

/// What is reported of it when all of it is written.
#[derive(Debug, Default)]
pub(super) struct Rest {
    /// How many blobs there are.
    pub(super) blobs: usize,
    /// Blobs with addresses to get them from elsewhere that are not in the source.
    pub(super) external: Vec<Descriptor>,
    /// Documents of unknown types.
    pub(super) opaque: Vec<Opaque>,
}

impl<'a> Gathered<'a> {
    /// Nothing yet.
    pub(super) fn new(source: &'a Arc<Source>, in_hand: bool) -> Self {
        Self {
            source,
            in_hand,
            documents: Vec::new(),
            has_index: false,
            kept: HashMap::new(),
            below: Vec::new(),
            blobs: Vec::new(),
            findings: Vec::new(),
            rest: Rest::default(),
        }
    }

    /// Adds what was found below `top`; what was seen before is not added again.
    pub(super) fn join(&mut self, top: &Digest, found: Walk, seen: &mut HashSet<Digest>) {
        let mut is_new = |descriptor: &Descriptor| seen.insert(descriptor.digest.clone());
        for (descriptor, document) in found.documents.into_iter().filter(|(descriptor, _)| is_new(descriptor)) {
            self.documents.push(Document::of(self.source, &descriptor));
            self.has_index |= descriptor.is_index();
            // It was read and hashed: what has no file of its own now, such as what a descriptor embeds, is written from memory.
            if self.in_hand || descriptor.is_index() || self.source.region(&descriptor).is_err() {
                self.kept.insert(descriptor.digest.clone(), document);
            }
            let may_be_subject = (descriptor.is_index() || descriptor.is_manifest()) && !descriptor.is_attestation();
            if may_be_subject && descriptor.digest != *top {
                self.below.push(descriptor);
            }
        }
        for blob in found.blobs.into_iter().filter(&mut is_new) {
            self.blob(&blob);
        }
        self.rest.external.extend(found.external.into_iter().filter(is_new));
        self.rest.opaque.extend(found.opaque);
    }

    fn blob(&mut self, blob: &Descriptor) {
        self.rest.blobs += 1;
        // What a descriptor embeds need not lie among the blobs.
        match blob.data.as_ref().map(|_| self.source.region(blob)) {
            Some(Err(error)) if error.code() == Code::BlobMissing => {}
            Some(Err(error)) => self.findings.push(error.into_finding().detail("it was copied as its descriptor embeds it")),
            Some(Ok(_)) | None => self.blobs.push(Blob::of(self.source, blob)),
        }
    }

    /// Hands over the documents that stay, and the blobs.
    pub(super) fn taken(&mut self, stays: impl Fn(&Digest) -> bool) -> (Vec<Document<'a>>, Vec<Blob<'a>>) {
        let mut documents = std::mem::take(&mut self.documents);
        documents.retain(|document| stays(document.digest()));
        for document in &mut documents {
            if let Some(kept) = self.kept.get(document.digest()) {
                *document = Document::InHand(kept.clone());
            }
        }
        (documents, std::mem::take(&mut self.blobs))
    }

    /// The documents as a source of their own.
    pub(super) fn overlay(&self) -> Overlay {
        let mut overlay = Overlay::default();
        self.documents.iter().for_each(|document| overlay.blob(self.source, document.digest()));
        self.kept.values().for_each(|document| overlay.document(document));
        overlay
    }
}
