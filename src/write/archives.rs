//! Many archives in one directory, flushed together.
//!
//! A flush of each would take most of the time of a batch of small archives, and for each the disk is waited for while nothing is
//! read. So those that are complete wait without a name; one flush makes all of them durable, and then they get their names.
//!
//! Most archives of a batch hold the layers of the same few bases. What comes a second time is hashed once more into a file without
//! a name, which nobody else can change, and from then on the system copies it from there.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::archive::{ArchiveOptions, Unnamed};
use super::layout::FLUSHED_SINGLY;
use super::payload::Payload;
use super::{Committed, Trouble};
use crate::core::event::Events;
use crate::core::event::Silent;
use crate::core::fsys::{File, WriteDirectory, many_open_files};
use crate::core::{Code, Digest, Error, Result};

/// Takes archives for a directory.
#[derive(Debug)]
pub struct Archives<'d> {
    folder: &'d WriteDirectory,
    waiting: Mutex<Vec<Unnamed<'d>>>,
    named: Mutex<Named>,
    /// Large blobs that were written, those that came again with a copy.
    seen: Mutex<HashMap<Digest, Seen>>,
    most: usize,
}

/// A blob of at least this many bytes is worth an open file.
const LARGE: u64 = 1 << 20;

/// A verified copy of a blob; none if making it failed. Who asks for it meanwhile waits.
pub(super) type Spool = Arc<OnceLock<Option<File>>>;

#[derive(Debug)]
enum Seen {
    Once,
    Again(Spool),
}

/// What has a name since somebody last asked.
#[derive(Debug, Default)]
pub struct Named {
    /// The figures.
    pub committed: Committed,
    /// Archives whose name somebody else took meanwhile, and what to say of it.
    pub refused: Vec<(String, Error)>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<'d> Archives<'d> {
    /// Gets ready to write into `folder`.
    pub fn new(folder: &'d WriteDirectory) -> Self {
        Self { folder, waiting: Mutex::default(), named: Mutex::default(), seen: Mutex::default(), most: many_open_files() }
    }

    /// The directory.
    pub fn folder(&self) -> &'d WriteDirectory {
        self.folder
    }

    /// Writes the archive that will be called `name`, as [`super::write_archive`] does, and gives how many bytes its blobs have. It
    /// has its name when it was published.
    ///
    /// # Errors
    /// [`Trouble`].
    pub fn add(
        &self,
        name: &str,
        payloads: &[Payload<'_>],
        entries: Vec<(Option<String>, String)>,
        options: &ArchiveOptions,
        events: &dyn Events,
    ) -> Result<u64, Trouble> {
        let archive = Unnamed::write(self.folder, name, payloads, entries, options, Some(self), events).map_err(|error| {
            let reading = error.code() == Code::Io && error.finding().message.contains("read the content of");
            match error.code() {
                Code::Io | Code::IoSpace if !reading => Trouble::Output(error),
                _ => Trouble::Input(error),
            }
        })?;
        let bytes = archive.committed.bytes_written;
        let full = {
            let mut waiting = locked(&self.waiting);
            waiting.push(archive);
            waiting.len() >= self.most
        };
        // Each holds an open file, and those are not endless.
        if full {
            self.publish().map_err(Trouble::Output)?;
        }
        Ok(bytes)
    }

    /// A copy of the blob, if it was written before.
    ///
    /// # Errors
    /// Those of reading and writing it.
    pub(super) fn spool(&self, payload: &Payload<'_>, buffer: &mut [u8], stop: &AtomicBool) -> Result<Option<Spool>> {
        if payload.size < LARGE {
            return Ok(None);
        }
        let place = match locked(&self.seen).entry(payload.digest.clone()) {
            Entry::Vacant(vacant) => {
                vacant.insert(Seen::Once);
                return Ok(None);
            }
            Entry::Occupied(mut seen) => match seen.get() {
                Seen::Again(place) => Arc::clone(place),
                Seen::Once => {
                    let place = Spool::default();
                    seen.insert(Seen::Again(Arc::clone(&place)));
                    place
                }
            },
        };
        let mut failure = None;
        place.get_or_init(|| {
            let mut copied = || {
                let staged = self.folder.stage()?;
                payload.copy(buffer, stop, &Silent, |bytes, offset| staged.write_at(bytes, offset))?;
                staged.into_file()
            };
            copied().map_err(|error| failure = Some(error)).ok()
        });
        match failure {
            None => Ok(Some(place)),
            Some(error) => {
                // Another source may have it, whole.
                locked(&self.seen).remove(&payload.digest);
                Err(error)
            }
        }
    }

    /// Flushes the archives that wait, gives them their names, and flushes those.
    ///
    /// # Errors
    /// `io`, `io.space`.
    pub fn publish(&self) -> Result<()> {
        let waiting = std::mem::take(&mut *locked(&self.waiting));
        if waiting.is_empty() {
            return Ok(());
        }
        let mut committed = Committed::default();
        committed.flushing(|| {
            if waiting.len() > FLUSHED_SINGLY { self.folder.sync_all() } else { waiting.iter().try_for_each(Unnamed::sync) }
        })?;
        let mut refused = Vec::new();
        for archive in waiting {
            let name = archive.name.clone();
            match archive.publish() {
                Ok(own) => committed.add(own),
                Err(error) if error.code() == Code::OutputExists => refused.push((name, error)),
                Err(error) => return Err(error),
            }
        }
        committed.flushing(|| self.folder.sync())?;
        let mut named = locked(&self.named);
        named.committed.add(committed);
        named.refused.append(&mut refused);
        Ok(())
    }

    /// What was published since the last call.
    pub fn named(&self) -> Named {
        std::mem::take(&mut *locked(&self.named))
    }
}
