//! The merged tree of layers that were scanned, with what is known of the contents of its files.

use std::sync::Arc;

use super::{Builder, Entry, Ground, Kept, Rootfs, Scan, Unpacker};
use crate::format::elf;
use crate::format::tar::Member;
use crate::foundation::{Digest, Result};

/// The files of an image.
#[derive(Debug)]
pub struct Merged {
    builder: Builder,
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
        Self::stepwise(scans, unpacker, &mut |_, _| ())
    }

    /// As [`Merged::of`], with the lowest layers on `ground` already.
    ///
    /// # Errors
    /// `tar.too_many`.
    pub fn on(ground: &Ground, scans: &[Arc<Scan>], above: &[Arc<Scan>]) -> Result<Self> {
        let mut merged = Self::ground(ground, scans);
        above.iter().try_for_each(|scan| scan.apply(&mut merged.builder))?;
        Ok(merged)
    }

    /// The files of a ground alone, whose layers these are.
    pub fn ground(ground: &Ground, scans: &[Arc<Scan>]) -> Self {
        let Ground(builder) = ground;
        Self { builder: builder.clone(), scans: scans.to_vec() }
    }

    /// As [`Merged::of`]; `see` is shown the files after each layer, with the number of that layer.
    ///
    /// # Errors
    /// `tar.too_many`.
    pub fn stepwise(scans: &[Arc<Scan>], unpacker: Unpacker, see: &mut dyn FnMut(usize, &Self)) -> Result<Self> {
        let mut merged = Self { builder: Builder::new(unpacker), scans: scans.to_vec() };
        for (number, scan) in scans.iter().enumerate() {
            scan.apply(&mut merged.builder)?;
            see(number, &merged);
        }
        Ok(merged)
    }

    /// The tree.
    pub fn rootfs(&self) -> &Rootfs {
        self.builder.rootfs()
    }

    /// What a layer has, in its order.
    pub fn members(&self, layer: usize) -> &[Member] {
        self.scans.get(layer).map(|scan| scan.members()).unwrap_or_default()
    }

    fn kept(&self, entry: Entry<'_>) -> Option<&Kept> {
        let content = entry.content()?;
        self.scans.get(content.layer)?.file(content.ordinal)
    }

    /// The content of a file, if it was kept.
    pub fn bytes(&self, entry: Entry<'_>) -> Option<&[u8]> {
        self.kept(entry)?.bytes.as_deref()
    }

    /// Whether it is a program or a library. What was too large to be kept is known by its mode.
    pub fn is_program(&self, entry: Entry<'_>) -> bool {
        match self.kept(entry).map(|kept| (&kept.bytes, kept.data)) {
            Some((Some(bytes), _)) => bytes.starts_with(elf::MAGIC),
            Some((None, true)) => false,
            Some((None, false)) | None => entry.mode() & 0o111 != 0,
        }
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
        self.rootfs().resolve(path).map_or(Reading::Absent, |entry| self.reading(entry))
    }
}
