//! Blobs of many images into a layout: taken from several threads, flushed together, named, and only then reported.
//!
//! A single commit flushes for its own blobs and exchanges the index. Ten thousand of those would flush ten thousand times. An
//! [`GroupCommit`] holds staged blobs without names until [`GroupCommit::publish`]: one flush of the file system, then all the names, then a
//! flush of the directory. Blobs that nobody publishes were never there. What holds for one commit holds for it too: no name before
//! the bytes are on the disk, no trust in a name that is there already.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};

use super::blobs::{Outcome, Stored};
use super::store::Store;
use super::{FLUSHED_SINGLY, Layout};
use crate::foundation::event::Events;
use crate::foundation::fsys::{File, Stamp, StoreLock, WriteDirectory, many_open_files};
use crate::foundation::workers::Worker;
use crate::foundation::{Code, Digest, Error, Result};
use crate::write::leftovers::clear_layout;
use crate::write::payload::Payload;
use crate::write::{Committed, locked};

/// Whose fault it is that a blob could not be taken.
#[derive(Debug)]
pub enum Trouble {
    /// The source's: other images are not concerned.
    Input(Error),
    /// The target's: nothing more can be written.
    Output(Error),
}

impl Trouble {
    /// What is wrong, for who does not ask whose fault it is.
    pub fn into_error(self) -> Error {
        match self {
            Self::Input(error) | Self::Output(error) => error,
        }
    }
}

/// Takes blobs for a layout.
#[derive(Debug)]
pub struct GroupCommit<'l> {
    layout: &'l Layout,
    root: &'l Store,
    /// Whether a blob was taken. Who asks for the same one meanwhile waits.
    taken: Mutex<HashMap<Digest, Arc<OnceLock<bool>>>>,
    waiting: Mutex<Vec<Waiting<'l>>>,
    done: Mutex<Done>,
    /// Whether files of other layouts on this file system, to which names are given, were flushed.
    flushed: OnceLock<()>,
    most: usize,
    _store: StoreLock,
}

struct Waiting<'l> {
    digest: Digest,
    size: u64,
    outcome: Outcome<'l>,
    noted: bool,
}

impl std::fmt::Debug for Waiting<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.digest.fmt(formatter)
    }
}

/// What was published since somebody last asked.
#[derive(Debug, Default)]
pub struct Done {
    /// The figures.
    pub committed: Committed,
    /// Blobs that are the same file as in their source, and their bytes.
    pub linked: (u64, u64),
    /// Layers with what identifies each file.
    pub stamps: Vec<(Digest, Stamp)>,
}

impl Layout {
    /// Makes the directory, if it is not there, and gets ready to take blobs. The index is left alone.
    ///
    /// # Errors
    /// `layout.*`, `usage.output`, `path.*`, `write.busy`, `io`.
    pub fn group_commit(&self) -> Result<GroupCommit<'_>> {
        let root = self.made()?;
        clear_layout(root);
        Ok(GroupCommit {
            layout: self,
            root,
            taken: Mutex::default(),
            waiting: Mutex::default(),
            done: Mutex::default(),
            flushed: OnceLock::new(),
            most: many_open_files(),
            _store: StoreLock::shared(root, self.options.lock_timeout)?,
        })
    }

    /// Makes the directory, if it is not there; gives it.
    ///
    /// # Errors
    /// `usage.output`, `io`.
    pub fn prepare(&self) -> Result<&WriteDirectory> {
        self.made().map(|store| &**store)
    }

    fn made(&self) -> Result<&Store> {
        if self.open()?.is_none() {
            let (parent, name) = self.place()?;
            parent.make_directory(name)?;
            parent.sync()?;
        }
        self.open()?.ok_or_else(|| self.unusable())
    }

    /// Notes that the blob is the file with this stamp and was verified: it is not hashed again while the file stays the same.
    pub fn trust(&self, digest: &Digest, stamp: Stamp) {
        locked(&self.known).insert(digest.clone(), stamp);
    }
}

impl<'l> GroupCommit<'l> {
    /// The directory of the layout.
    pub fn root(&self) -> &'l WriteDirectory {
        self.root
    }

    /// Takes a document, which exists in memory and is written once for each image.
    ///
    /// # Errors
    /// [`Trouble`]; of the input only `output.limit`.
    pub fn document(&self, payload: &Payload<'_>, worker: &mut Worker<'_>, events: &dyn Events) -> Result<(), Trouble> {
        payload.check_readable(&self.layout.options.limits).map_err(Trouble::Input)?;
        self.take(payload, None, false, worker, events)
    }

    /// Takes a layer, unless it was taken before. With `link`, the open file that it is the whole of becomes the blob itself, where
    /// the file systems allow it.
    ///
    /// # Errors
    /// [`Trouble`].
    pub fn layer(&self, payload: &Payload<'_>, link: Option<&File>, worker: &mut Worker<'_>, events: &dyn Events) -> Result<(), Trouble> {
        let place = Arc::clone(locked(&self.taken).entry(payload.digest.clone()).or_default());
        let mut trouble = None;
        let taken = *place.get_or_init(|| match self.take(payload, link, true, worker, events) {
            Ok(()) => true,
            Err(own) => {
                trouble = Some(own);
                false
            }
        });
        match trouble {
            Some(trouble) => {
                // Another image may have the same layer, whole.
                locked(&self.taken).remove(&payload.digest);
                Err(trouble)
            }
            None if taken => Ok(()),
            None => self.take(payload, link, true, worker, events),
        }
    }

    fn take(
        &self,
        payload: &Payload<'_>,
        link: Option<&File>,
        noted: bool,
        worker: &mut Worker<'_>,
        events: &dyn Events,
    ) -> Result<(), Trouble> {
        let path = payload.digest.blob_path();
        let known = locked(&self.layout.known).get(&payload.digest).copied();
        if known.is_some() && self.root.stamp(&path) == known {
            let mut done = locked(&self.done);
            done.committed.blobs_reused += 1;
            events.bytes(payload.size);
            return Ok(());
        }
        let stored = Layout::examine(self.root, payload, worker).map_err(Trouble::Output)?;
        let bad = match stored {
            Stored::Good(file) => {
                events.bytes(payload.size);
                return self.wait(payload, Outcome::Good(file), noted);
            }
            Stored::Bad(what) => Some(what),
            Stored::Missing => None,
        };
        if let (Some(file), None) = (link, bad)
            && self.link(payload, file, worker, events)?
        {
            return Ok(());
        }
        let staged = self.root.stage_blob(payload.digest.algorithm()).map_err(Trouble::Output)?;
        let mut output = None;
        let copied = payload.copy(worker, events, |bytes, offset| {
            staged.write_at(bytes, offset).map_err(|error| {
                output = Some(error);
                Error::new(Code::Bug, "the target failed")
            })
        });
        match (copied, output) {
            (_, Some(error)) => return Err(Trouble::Output(error)),
            (Err(error), None) => return Err(Trouble::Input(error)),
            (Ok(()), None) => {}
        }
        let outcome = match bad {
            Some(what) => Outcome::Repair(staged, what),
            None => Outcome::New(staged),
        };
        self.wait(payload, outcome, noted)
    }

    fn wait(&self, payload: &Payload<'_>, outcome: Outcome<'l>, noted: bool) -> Result<(), Trouble> {
        let full = {
            let mut waiting = locked(&self.waiting);
            waiting.push(Waiting { digest: payload.digest.clone(), size: payload.size, outcome, noted });
            waiting.len() >= self.most
        };
        // Each staged blob holds an open file, and those are not endless.
        if full { self.publish().map_err(Trouble::Output) } else { Ok(()) }
    }

    /// Gives the file of the source one more name here; `false` if that cannot be.
    fn link(&self, payload: &Payload<'_>, file: &File, worker: &mut Worker<'_>, events: &dyn Events) -> Result<bool, Trouble> {
        payload.copy(worker, events, |_, _| Ok(())).map_err(Trouble::Input)?;
        if self.flushed.get().is_none() {
            self.root.sync_blobs().map_err(Trouble::Output)?;
            let _ = self.flushed.set(());
        }
        let mut committed = Committed::default();
        let shelf = self.root.shelf(payload.digest.algorithm(), &mut committed).map_err(Trouble::Output)?;
        if shelf.link(file, &payload.digest.hex()).map_err(Trouble::Output)? != Some(true) {
            return Ok(false);
        }
        let mut done = locked(&self.done);
        done.committed.add(committed);
        done.linked.0 += 1;
        done.linked.1 += payload.size;
        done.stamps.extend(shelf.stamp(&payload.digest.hex()).map(|stamp| (payload.digest.clone(), stamp)));
        Ok(true)
    }

    /// Flushes what was staged, gives every blob its name, and flushes the names.
    ///
    /// # Errors
    /// `io`, `io.space`.
    pub fn publish(&self) -> Result<()> {
        let waiting = std::mem::take(&mut *locked(&self.waiting));
        let mut committed = Committed::default();
        let linked = locked(&self.done).linked.0 > 0;
        if waiting.is_empty() && !linked {
            return Ok(());
        }
        committed.flushing(|| {
            if waiting.len() > FLUSHED_SINGLY {
                return self.root.sync_blobs();
            }
            waiting.iter().try_for_each(|blob| match &blob.outcome {
                Outcome::Known => Ok(()),
                Outcome::Good(file) => self.root.sync_file(file),
                Outcome::New(staged) | Outcome::Repair(staged, _) => staged.sync(),
            })
        })?;
        let mut stamps = Vec::new();
        for Waiting { digest, size, outcome, noted } in waiting {
            let shelf = self.root.shelf(digest.algorithm(), &mut committed)?;
            let payload = Payload { digest, size, content: crate::write::Content::Bytes(&[]) };
            Layout::name(self.root, shelf, &payload, outcome, &mut committed)?;
            if noted && let Some(stamp) = shelf.stamp(&payload.digest.hex()) {
                locked(&self.layout.known).insert(payload.digest.clone(), stamp);
                stamps.push((payload.digest, stamp));
            }
        }
        // What has a name now is known by its file.
        locked(&self.taken).clear();
        committed.flushing(|| self.root.sync_names())?;
        let mut done = locked(&self.done);
        done.committed.add(committed);
        done.stamps.append(&mut stamps);
        Ok(())
    }

    /// What was published since the last call.
    pub fn done(&self) -> Done {
        std::mem::take(&mut *locked(&self.done))
    }
}
