//! The merged tree of layers that were scanned, with what is known of the contents of its files.

use std::sync::Arc;

use super::{Entry, Kept, Rootfs, Scan, Unpacker};
use crate::core::{Digest, Result};

/// The files of an image.
#[derive(Debug)]
pub struct Merged {
    /// The tree.
    pub rootfs: Rootfs,
    scans: Vec<Arc<Scan>>,
}

/// What is known of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading<'a> {
    /// There is no such regular file.
    Absent,
    /// It is there, and was too large to be kept.
    Unread,
    /// Its content.
    Bytes(&'a [u8]),
}

impl Merged {
    /// Puts layers together, the lowest first.
    ///
    /// # Errors
    /// `tar.too_many`.
    pub fn of(scans: &[Arc<Scan>], unpacker: Unpacker) -> Result<Self> {
        Ok(Self { rootfs: Scan::merge(scans, unpacker)?, scans: scans.to_vec() })
    }

    fn kept(&self, entry: Entry<'_>) -> Option<&Kept> {
        let content = entry.content()?;
        self.scans.get(content.layer)?.file(content.ordinal)
    }

    /// The content of a file, if it was kept.
    pub fn bytes(&self, entry: Entry<'_>) -> Option<&[u8]> {
        self.kept(entry)?.bytes.as_deref()
    }

    /// The digest of the content of a file.
    pub fn digest(&self, entry: Entry<'_>) -> Option<&Digest> {
        self.kept(entry).map(|kept| &kept.digest)
    }

    /// The name that a library gives itself, where programs were not kept.
    pub fn soname(&self, entry: Entry<'_>) -> Option<&[u8]> {
        self.kept(entry)?.soname.as_deref()
    }

    /// What a file of the tree holds.
    pub fn reading(&self, entry: Entry<'_>) -> Reading<'_> {
        match (entry.content(), self.bytes(entry)) {
            (None, _) => Reading::Absent,
            (Some(_), None) => Reading::Unread,
            (Some(_), Some(bytes)) => Reading::Bytes(bytes),
        }
    }

    /// What a path leads to, all links followed.
    pub fn read(&self, path: &[u8]) -> Reading<'_> {
        self.rootfs.resolve(path).map_or(Reading::Absent, |entry| self.reading(entry))
    }

    /// How many layers there are.
    pub fn layers(&self) -> usize {
        self.scans.len()
    }
}
