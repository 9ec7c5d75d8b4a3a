//! The directories of a layout that is written to.
//!
//! A blob gets its name by a link or a rename, which never leads from one mount to another, and `blobs` may be a mount of its own, as
//! may `blobs/sha256`. So blobs are staged in `blobs`, or beside their names where that is needed, and the index in the root.

use std::ops::Deref;
use std::sync::OnceLock;

use crate::foundation::fsys::{Staged, WriteDirectory};
use crate::foundation::{Algorithm, Code, Error, Result};
use crate::write::Committed;

/// The root of a layout, and its directories of blobs, each opened when it is first needed.
#[derive(Debug)]
pub(super) struct Store {
    root: WriteDirectory,
    blobs: OnceLock<WriteDirectory>,
    shelves: [OnceLock<WriteDirectory>; 2],
}

impl Store {
    pub(super) fn new(root: WriteDirectory) -> Self {
        Self { root, blobs: OnceLock::new(), shelves: [OnceLock::new(), OnceLock::new()] }
    }

    /// Begins a blob.
    pub(super) fn stage_blob(&self, algorithm: Algorithm) -> Result<Staged<'_>> {
        self.home(algorithm)?.stage()
    }

    /// Where blobs are staged: on the mount on which they will have their names.
    fn home(&self, algorithm: Algorithm) -> Result<&WriteDirectory> {
        let blobs = self.blobs()?;
        let Some(shelf) = self.known_shelf(algorithm)? else { return Ok(blobs) };
        Ok(if shelf.is_on_the_mount_of(blobs) { blobs } else { shelf })
    }

    fn blobs(&self) -> Result<&WriteDirectory> {
        if let Some(blobs) = self.blobs.get() {
            return Ok(blobs);
        }
        self.root.make_directory("blobs")?;
        let blobs = self.root.beneath("blobs")?.ok_or_else(|| Error::new(Code::LayoutBlobsMissing, "the directory blobs vanished"))?;
        Ok(self.blobs.get_or_init(|| blobs))
    }

    fn known_shelf(&self, algorithm: Algorithm) -> Result<Option<&WriteDirectory>> {
        let place = self.place(algorithm);
        if place.get().is_none()
            && let Some(shelf) = self.root.beneath(&format!("blobs/{}", algorithm.name()))?
        {
            return Ok(Some(place.get_or_init(|| shelf)));
        }
        Ok(place.get())
    }

    fn place(&self, algorithm: Algorithm) -> &OnceLock<WriteDirectory> {
        let [sha256, sha512] = &self.shelves;
        match algorithm {
            Algorithm::Sha256 => sha256,
            Algorithm::Sha512 => sha512,
        }
    }

    /// The directory of the blobs of an algorithm, made if necessary. Links are refused.
    pub(super) fn shelf(&self, algorithm: Algorithm, committed: &mut Committed) -> Result<&WriteDirectory> {
        if let Some(shelf) = self.known_shelf(algorithm)? {
            return Ok(shelf);
        }
        let blobs = self.blobs()?;
        blobs.make_directory(algorithm.name())?;
        committed.flushing(|| blobs.sync())?;
        committed.flushing(|| self.root.sync())?;
        let vanished = || Error::new(Code::LayoutBlobsMissing, format!("the directory blobs/{} vanished", algorithm.name()));
        self.known_shelf(algorithm)?.ok_or_else(vanished)
    }

    /// Makes the content of all blobs durable.
    pub(super) fn sync_blobs(&self) -> Result<()> {
        let blobs = self.blobs()?;
        blobs.sync_all()?;
        let mut apart = self.shelves.iter().filter_map(OnceLock::get).filter(|shelf| !shelf.is_on_the_mount_of(blobs));
        apart.try_for_each(WriteDirectory::sync_all)
    }

    /// Makes the names of all blobs durable.
    pub(super) fn sync_names(&self) -> Result<()> {
        self.shelves.iter().filter_map(OnceLock::get).try_for_each(WriteDirectory::sync)
    }
}

impl Deref for Store {
    type Target = WriteDirectory;

    fn deref(&self) -> &WriteDirectory {
        &self.root
    }
}
