//! Images that exist in memory only: documents that were made here, over layers that lie in other sources.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::{Container, Source, SourceKind, Stored};
use crate::foundation::fsys::Region;
use crate::foundation::{Digest, Finding, Limits, Result};
use crate::oci::{RootIndex, Verified};

/// The documents, and where each blob lies that is not among them.
#[derive(Debug, Default)]
pub struct Overlay {
    documents: BTreeMap<Digest, Region>,
    blobs: BTreeMap<Digest, Arc<Source>>,
}

impl Overlay {
    /// Adds a document.
    pub fn document(&mut self, document: &Verified) {
        self.documents.insert(document.digest().clone(), Region::memory(document.bytes().into()));
    }

    /// Adds a blob that lies in `source`.
    pub fn blob(&mut self, source: &Arc<Source>, digest: &Digest) {
        self.blobs.entry(digest.clone()).or_insert_with(|| Arc::clone(source));
    }

    /// The source that holds them. `path` is what it is called by.
    ///
    /// # Errors
    /// None that a caller can cause.
    pub fn into_source(self, path: &Path, limits: &Limits) -> Result<Arc<Source>> {
        let index = RootIndex::parse(EMPTY.to_vec(), limits)?;
        Ok(Arc::new(Source::of(path, index, Box::new(self))))
    }
}

const EMPTY: &[u8] = br#"{"schemaVersion":2,"manifests":[]}"#;

impl Container for Overlay {
    fn kind(&self) -> SourceKind {
        SourceKind::Layout
    }

    fn index(&self) -> Result<Vec<u8>> {
        Ok(EMPTY.to_vec())
    }

    fn blob(&self, digest: &Digest) -> Result<Option<Region>> {
        match (self.documents.get(digest), self.blobs.get(digest)) {
            (Some(region), _) => Ok(Some(region.clone())),
            (None, Some(source)) => source.container().blob(digest),
            (None, None) => Ok(None),
        }
    }

    fn stored(&self) -> Result<Vec<Stored>> {
        Ok(self.documents.keys().chain(self.blobs.keys()).cloned().map(Stored::Blob).collect())
    }

    fn findings(&self) -> Vec<Finding> {
        Vec::new()
    }
}
