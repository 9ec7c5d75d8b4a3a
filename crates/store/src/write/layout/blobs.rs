//! Blobs into a layout: staged, verified, flushed, named.

use super::store::Store;
use super::{FLUSHED_SINGLY, Layout, WAVE};
use crate::foundation::event::Events;
use crate::foundation::fsys::{EntryKind, File, Published, Staged, WriteDirectory, many_open_files, schedule};
use crate::foundation::workers::Worker;
use crate::foundation::{Code, Digest, Error, Fact, Finding, Result, workers};
use crate::write::payload::{Bring, Payload};
use crate::write::{Committed, locked};
use std::sync::atomic::AtomicBool;

/// How many blobs are remembered. What comes again is hashed again then; of a hundred thousand images in one step nothing comes again.
const KNOWN: usize = 1 << 14;

/// What became of a blob in the first step.
pub(super) enum Outcome<'r> {
    /// It is there and was verified by us before.
    Known,
    /// It is there and is what its name says.
    Good(File),
    /// It is not there.
    New(Staged<'r>),
    /// Something else is in its place.
    Repair(Staged<'r>, &'static str),
}

impl Layout {
    pub(super) fn write_blobs(
        &self,
        root: &Store,
        payloads: &dyn Bring,
        mut order: Vec<usize>,
        events: &dyn Events,
        committed: &mut Committed,
    ) -> Result<()> {
        let sizes = order.iter().filter_map(|at| payloads.payload(*at)).map(|payload| payload.size);
        events.begin("write", order.len() as u64, sizes.fold(0, u64::saturating_add));
        // Parts of streams first and in their order, across waves too; then the largest first.
        order.sort_by_key(|at| {
            let (size, sequence) = payloads.payload(*at).map_or((0, None), |payload| payload.place());
            (sequence.is_none(), sequence, std::cmp::Reverse(size))
        });
        let mut named = false;
        for wave in order.chunks(WAVE.min(many_open_files())) {
            let wave: Vec<Payload<'_>> = wave.iter().filter_map(|at| payloads.payload(*at)).collect();
            named |= self.write_wave(root, &wave, events, committed)?;
        }
        if named {
            committed.flushing(|| root.sync_names())?;
        }
        events.end();
        Ok(())
    }

    /// Writes some blobs. Whether any of them may have a name that was not flushed.
    fn write_wave(&self, root: &Store, wave: &[Payload<'_>], events: &dyn Events, committed: &mut Committed) -> Result<bool> {
        let groups = schedule(wave.iter().map(Payload::place));
        let staged = workers::run(self.options.jobs, groups.len(), |number, worker| {
            let mut outcomes = Vec::new();
            for position in groups.get(number).into_iter().flatten() {
                let payload = wave.get(*position).ok_or_else(|| Error::new(Code::Bug, "a blob was counted and is not there"))?;
                outcomes.push((*position, self.stage(root, payload, worker, events)?));
            }
            Ok(outcomes)
        })?;
        let mut outcomes: Vec<(usize, Outcome<'_>)> = staged.into_iter().flatten().collect();
        outcomes.sort_unstable_by_key(|(position, _)| *position);
        let outcomes: Vec<Outcome<'_>> = outcomes.into_iter().map(|(_, outcome)| outcome).collect();
        // What was there before may have been written by a tool that flushes nothing.
        let flushed = outcomes.iter().filter(|outcome| !matches!(outcome, Outcome::Known)).count();
        committed.flushing(|| {
            if flushed > FLUSHED_SINGLY {
                return root.sync_blobs();
            }
            outcomes.iter().try_for_each(|outcome| match outcome {
                Outcome::Known => Ok(()),
                Outcome::Good(file) => root.sync_file(file),
                Outcome::New(staged) | Outcome::Repair(staged, _) => staged.sync(),
            })
        })?;
        for (payload, outcome) in wave.iter().zip(outcomes) {
            if matches!(outcome, Outcome::Known) {
                committed.blobs_reused += 1;
                events.item();
                continue;
            }
            let shelf = root.shelf(payload.digest.algorithm(), committed)?;
            Self::name(root, shelf, payload, outcome, committed)?;
            let mut known = locked(&self.known);
            if known.len() < KNOWN
                && let Some(stamp) = shelf.stamp(&payload.digest.hex())
            {
                known.insert(payload.digest.clone(), stamp);
            }
            drop(known);
            events.item();
        }
        Ok(flushed > 0)
    }

    /// Whether this handle verified the blob, and the file is still the same one.
    pub(super) fn knows(&self, root: &WriteDirectory, digest: &Digest) -> bool {
        let known = locked(&self.known).get(digest).copied();
        known.is_some() && root.stamp(&digest.blob_path()) == known
    }

    /// Gives a blob that was flushed its name, if it has none.
    pub(super) fn name(
        root: &WriteDirectory,
        shelf: &WriteDirectory,
        payload: &Payload<'_>,
        outcome: Outcome<'_>,
        committed: &mut Committed,
    ) -> Result<()> {
        match outcome {
            Outcome::Known | Outcome::Good(_) => {
                committed.blobs_reused += 1;
                Ok(())
            }
            Outcome::New(staged) => Self::publish(root, shelf, payload, staged, committed),
            Outcome::Repair(staged, what) => repair(shelf, payload, staged, what, committed),
        }
    }

    /// Verifies the blob if its name is there, stages it if not.
    fn stage<'r>(&self, root: &'r Store, payload: &Payload<'_>, worker: &mut Worker<'_>, events: &dyn Events) -> Result<Outcome<'r>> {
        if self.knows(root, &payload.digest) {
            events.bytes(payload.size);
            return Ok(Outcome::Known);
        }
        let bad = match Self::examine(root, payload, worker)? {
            Stored::Good(file) => {
                events.bytes(payload.size);
                return Ok(Outcome::Good(file));
            }
            Stored::Bad(what) => Some(what),
            Stored::Missing => None,
        };
        let staged = root.stage_blob(payload.digest.algorithm())?;
        payload.copy(worker, events, |bytes, offset| staged.write_at(bytes, offset))?;
        Ok(match bad {
            Some(what) => Outcome::Repair(staged, what),
            None => Outcome::New(staged),
        })
    }

    /// What is stored under the name of a blob. A link inside the layout is read, and never written through.
    pub(super) fn examine(root: &WriteDirectory, payload: &Payload<'_>, worker: &mut Worker<'_>) -> Result<Stored> {
        let path = payload.digest.blob_path();
        match root.directory().blob(&path) {
            Ok(None) => Ok(Stored::Missing),
            Ok(Some(file)) => {
                let sound = payload.is_stored_in(&file, worker)?;
                Ok(if sound { Stored::Good(file) } else { Stored::Bad("other bytes") })
            }
            Err(error) if error.code() == Code::PathSymlink && root.directory().kind(&path)? == Some(EntryKind::Symlink) => {
                Ok(Stored::Bad("a symbolic link that leads nowhere inside the layout"))
            }
            Err(error) => Err(error),
        }
    }

    fn publish(
        root: &WriteDirectory,
        shelf: &WriteDirectory,
        payload: &Payload<'_>,
        staged: Staged<'_>,
        committed: &mut Committed,
    ) -> Result<()> {
        match staged.publish(shelf, &payload.digest.hex())? {
            Published::New => {
                committed.blobs_written += 1;
                committed.bytes_written += payload.size;
                Ok(())
            }
            // Somebody else was faster. Theirs is kept if it is right; ours is at hand if it is not.
            Published::Exists(staged) => {
                let mut buffer = vec![0; crate::foundation::limits::CHUNK_BYTES];
                match Self::examine(root, payload, &mut Worker { buffer: &mut buffer, stop: &AtomicBool::new(false) })? {
                    Stored::Good(file) => {
                        committed.flushing(|| root.sync_file(&file))?;
                        committed.blobs_reused += 1;
                        Ok(())
                    }
                    Stored::Bad(what) => repair(shelf, payload, staged, what, committed),
                    Stored::Missing => repair(shelf, payload, staged, "a name that came and went", committed),
                }
            }
        }
    }
}

/// What lies under the name of a blob.
pub(super) enum Stored {
    Missing,
    Good(File),
    Bad(&'static str),
}

/// Puts a verified blob in the place of something that is not it.
fn repair(shelf: &WriteDirectory, payload: &Payload<'_>, staged: Staged<'_>, what: &str, committed: &mut Committed) -> Result<()> {
    staged.replace(shelf, &payload.digest.hex())?;
    committed.blobs_written += 1;
    committed.bytes_written += payload.size;
    committed.findings.push(
        Finding::new(Code::BlobRepaired, "a stored blob was not what its name says; it was replaced")
            .at(&payload.digest)
            .expected(Fact::new(&payload.digest, "the name of the file"))
            .found(Fact::new(what, shelf.directory().path().display())),
    );
    Ok(())
}
