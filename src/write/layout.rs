//! Adding to an image layout.
//!
//! The protocol, in the order in which it reaches the disk:
//!
//! 1. The store lock is taken, shared. The layout is checked, and the edits are tried on the index as it is, so that
//!    what cannot work fails before gigabytes were copied.
//! 2. Each blob is staged without a name and hashed on the way. A blob whose name is there already is verified instead;
//!    if its bytes are wrong, it will be replaced (`blob.repaired`). A name is never trusted: other tools leave
//!    truncated blobs behind and then "reuse" them.
//! 3. The staged blobs are flushed, then named by `linkat`, then their directory is flushed. Only now may an index speak
//!    of them. Many blobs go in waves, because each staged blob holds an open file.
//! 4. Under the index lock `index.json` is read, edited as text, written beside the old one, flushed, and *exchanged*
//!    with it. The file that comes out of the exchange must be the one that was read. If it is not, a program that
//!    knows no lock wrote in between: the edits are applied to its version, and that is exchanged in.
//! 5. The old index is removed and the root is flushed. Only now is success reported. A failure after the exchange is
//!    `io.after_publication`.
//!
//! A layout that does not exist is built beside its place under a temporary name and moved there in one step. An empty
//! directory, which may be a mount point and cannot be moved over, gets an empty `index.json`, then `oci-layout`, and is
//! then added to.
//!
//! `oci-layout` is never rewritten. An index that cannot be read is never replaced by a new one: that would lose every
//! tag, and the blobs are usually still there.
//!
//! What a kill or a full disk can leave behind, all of it harmless: verified blobs that no index names yet, the lock file
//! `index.json.lock`, and temporary names (`.airbase-tmp-PID-RANDOM` in the root, `.NAME.airbase-tmp-RANDOM` beside a
//! layout that was being made). `index.json.conflict-HASH` is another program's index that could not be merged.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use rustix::io::Errno;

use super::index_edit::{self, EMPTY_INDEX, IndexEdit};
use super::payload::{Payload, distinct, total};
use super::{Committed, MARKER};
use crate::core::clock::{self, Stopwatch};
use crate::core::event::Events;
use crate::core::fsys::{
    EntryKind, Faults, File, INDEX_LOCK, IndexLock, Published, Staged, Stamp, StoreLock, WriteDirectory, is_temporary, schedule, shown,
    temporary_sibling,
};
use crate::core::workers;
use crate::core::{Algorithm, Code, Digest, Error, Fact, Finding, Limits, Result, Severity};
use crate::format::json::{Document, Node};

const INDEX: &str = "index.json";
const MARKER_FILE: &str = "oci-layout";

/// Above this many blobs one flush of the file system is faster than a flush of each.
const FLUSHED_SINGLY: usize = 8;

/// How many blobs are staged at once: each holds an open file, and 1024 is a usual limit of those.
const WAVE: usize = 128;

/// How often an index that another program is just writing is read again, and how long to wait before.
const TORN_READS: usize = 3;
const TORN_PAUSE: Duration = Duration::from_millis(50);

/// How often the edits are applied to another program's new index before giving up.
const MERGES: usize = 5;

/// How a layout is written.
#[derive(Debug, Clone)]
pub struct LayoutOptions {
    /// How many threads hash and write.
    pub jobs: usize,
    /// How long to wait for other writers.
    pub lock_timeout: Duration,
    /// The bounds on the index.
    pub limits: Limits,
    /// The gate of all changes.
    pub faults: Faults,
}

impl Default for LayoutOptions {
    fn default() -> Self {
        Self {
            jobs: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            lock_timeout: Duration::from_secs(30),
            limits: Limits::STANDARD,
            faults: Faults::none(),
        }
    }
}

/// An image layout that is written to. Several threads and processes may commit at once.
#[derive(Debug)]
pub struct Layout {
    path: PathBuf,
    options: LayoutOptions,
    root: OnceLock<WriteDirectory>,
    /// Blobs that this handle verified or wrote: while the file is the same one, it is not hashed again. A batch of
    /// hundreds of images on one base would otherwise hash that base hundreds of times.
    known: Mutex<HashMap<Digest, Stamp>>,
}

/// What a directory is that something shall be added to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// A layout.
    Ready,
    /// An empty directory, or one where making a layout was interrupted.
    Unborn,
}

/// What became of a blob in the first step.
enum Outcome<'r> {
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
    /// Gets ready to write to the layout at `path`, which may not exist yet, or be an empty directory. Nothing is
    /// changed before the first commit.
    ///
    /// # Errors
    /// `layout.*` if there is something at `path` that is no sound layout, `usage.output`, `path.*`, `io`.
    pub fn open_or_create(path: &Path, options: LayoutOptions) -> Result<Self> {
        let layout = Self { path: path.to_owned(), options, root: OnceLock::new(), known: Mutex::new(HashMap::new()) };
        match layout.open()? {
            Some(root) => {
                layout.check(root)?;
            }
            None => {
                layout.place()?;
            }
        }
        Ok(layout)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes `payloads`, then applies `edits` to the index in one step.
    ///
    /// When this returns an error, the index is as it was before, unless the code is `io.after_publication` (it is
    /// published and may not survive a power cut) or `write.conflict` (another program fought for it). When it returns
    /// success, the result survives a power cut.
    ///
    /// # Errors
    /// `descriptor.size_mismatch`, `blob.digest_mismatch`, `descriptor.conflict` for the payloads; `layout.*`, `json.*`,
    /// `ref.ambiguous` for the index; `write.busy`, `write.conflict`, `path.*`, `io`, `io.space`, `io.after_publication`.
    pub fn commit(&self, payloads: &[Payload<'_>], edits: &[IndexEdit], events: &dyn Events) -> Result<Committed> {
        let payloads = distinct(payloads)?;
        if self.open()?.is_none()
            && let Some(committed) = self.create(&payloads, edits, events)?
        {
            return Ok(committed);
        }
        match self.open()? {
            Some(root) => self.add(root, &payloads, edits, events),
            None => Err(self.unusable()),
        }
    }

    /// The directory, if it is there.
    fn open(&self) -> Result<Option<&WriteDirectory>> {
        if self.root.get().is_none() {
            match WriteDirectory::open(&self.path, &self.options.faults) {
                Ok(root) => {
                    // If another thread was faster, its handle serves as well.
                    let _ = self.root.set(root.for_its_owner()?);
                }
                Err(error) if error.raw_os_error() == Some(Errno::NOENT.raw_os_error()) => return Ok(None),
                Err(error) if error.raw_os_error() == Some(Errno::NOTDIR.raw_os_error()) => return Err(self.unusable()),
                Err(error) => return Err(error),
            }
        }
        Ok(self.root.get())
    }

    fn unusable(&self) -> Error {
        Error::new(Code::UsageOutput, format!("{} is not a directory and cannot become a layout", shown(&self.path)))
    }

    /// The directory in which the layout lies, and its name there.
    fn place(&self) -> Result<(WriteDirectory, &str)> {
        let name = self.path.file_name().and_then(std::ffi::OsStr::to_str).ok_or_else(|| self.unusable())?;
        let parent = match self.path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        Ok((WriteDirectory::open(parent, &self.options.faults)?, name))
    }

    /// Builds the layout beside its place and moves it there. `None` if somebody else made one meanwhile.
    fn create(&self, payloads: &[&Payload<'_>], edits: &[IndexEdit], events: &dyn Events) -> Result<Option<Committed>> {
        let index = index_edit::apply(EMPTY_INDEX, edits, &self.options.limits)?;
        let (parent, name) = self.place()?;
        let site = Site::new(&parent, temporary_sibling(name))?;
        let root =
            parent.beneath(&site.name)?.ok_or_else(|| Error::new(Code::InputChanged, "the layout under construction was removed"))?;
        let mut committed = Committed { index_changed: true, ..Committed::default() };
        self.write_blobs(&root, payloads, events, &mut committed)?;
        // The specification wants the directory even if there is nothing in it.
        root.make_directory("blobs")?;
        create_file(&root, INDEX, index.as_deref().unwrap_or(EMPTY_INDEX).as_bytes(), &mut committed)?;
        create_file(&root, MARKER_FILE, MARKER, &mut committed)?;
        committed.flushing(|| root.sync())?;
        if !parent.rename_new(&site.name, name)? {
            return Ok(None);
        }
        site.finished();
        committed.flushing(|| parent.sync()).map_err(|error| self.after_publication(&error))?;
        Ok(Some(committed))
    }

    fn add(&self, root: &WriteDirectory, payloads: &[&Payload<'_>], edits: &[IndexEdit], events: &dyn Events) -> Result<Committed> {
        let _store = StoreLock::shared(root, self.options.lock_timeout)?;
        let mut committed = Committed::default();
        if self.check(root)? == State::Unborn {
            create_file(root, INDEX, EMPTY_INDEX.as_bytes(), &mut committed)?;
            create_file(root, MARKER_FILE, MARKER, &mut committed)?;
            committed.flushing(|| root.sync())?;
        }
        let plan = self.plan(root, edits)?;
        self.write_blobs(root, payloads, events, &mut committed)?;
        if plan.text.is_some() {
            committed.index_changed = self.commit_index(root, plan, edits, &mut committed)?;
        }
        Ok(committed)
    }

    /// Whether the directory is a layout that may be written to.
    fn check(&self, root: &WriteDirectory) -> Result<State> {
        let directory = root.directory();
        let Some(marker) = directory.file(MARKER_FILE)? else {
            let mut others = Vec::new();
            for entry in directory.entries(".")? {
                let ignored = is_temporary(&entry.name) || entry.name == INDEX_LOCK.as_bytes() || entry.name == b"lost+found";
                if !ignored {
                    others.push(entry.name);
                }
            }
            let interrupted = others.as_slice() == [INDEX.as_bytes()]
                && directory.file(INDEX)?.is_some_and(|index| {
                    index.read_all(EMPTY_INDEX.len() as u64).is_ok_and(|bytes| bytes.as_deref() == Some(EMPTY_INDEX.as_bytes()))
                });
            if others.is_empty() || interrupted {
                return Ok(State::Unborn);
            }
            return Err(Error::new(
                Code::LayoutMarkerMissing,
                format!("{} is a directory with other content and has no file oci-layout", shown(&self.path)),
            )
            .expected(Fact::new("an image layout, an empty directory, or nothing", "the rules for outputs")));
        };
        let invalid = |found: &str| {
            Error::new(Code::LayoutMarkerInvalid, format!("{} is not what the specification asks for", shown(marker.path())))
                .expected(Fact::new(r#"{"imageLayoutVersion":"1.0.0"}"#, "image-spec, image-layout.md"))
                .found(Fact::new(found, MARKER_FILE))
        };
        let bytes = marker.read_all(self.options.limits.document_bytes)?.ok_or_else(|| invalid("a large file"))?;
        let document = Document::parse(&bytes, &self.options.limits).map_err(|error| invalid(error.code().slug()))?;
        let version = document.root().get("imageLayoutVersion").and_then(Node::as_str).ok_or_else(|| invalid("no imageLayoutVersion"))?;
        if version != "1.0.0" {
            return Err(Error::new(Code::LayoutVersionUnsupported, format!("{} has an unknown version", shown(marker.path())))
                .expected(Fact::new("1.0.0", "image-spec, image-layout.md"))
                .found(Fact::new(version, MARKER_FILE)));
        }
        if directory.file(INDEX)?.is_none() {
            return Err(Error::new(Code::LayoutIndexMissing, format!("{} has no index.json", shown(&self.path))));
        }
        Ok(State::Ready)
    }

    // Blobs.

    fn write_blobs(&self, root: &WriteDirectory, payloads: &[&Payload<'_>], events: &dyn Events, committed: &mut Committed) -> Result<()> {
        events.begin("write", payloads.len() as u64, total(payloads.iter().copied()));
        // Parts of streams first and in their order, across waves too; then the largest first.
        let mut order = payloads.to_vec();
        order.sort_by_key(|payload| {
            let (size, sequence) = payload.place();
            (sequence.is_none(), sequence, std::cmp::Reverse(size))
        });
        let mut shelves = BTreeMap::new();
        for wave in order.chunks(WAVE) {
            self.write_wave(root, wave, events, committed, &mut shelves)?;
        }
        for shelf in shelves.values() {
            committed.flushing(|| shelf.sync())?;
        }
        events.end();
        Ok(())
    }

    fn write_wave(
        &self,
        root: &WriteDirectory,
        wave: &[&Payload<'_>],
        events: &dyn Events,
        committed: &mut Committed,
        shelves: &mut BTreeMap<Algorithm, WriteDirectory>,
    ) -> Result<()> {
        let groups = schedule(wave.iter().map(|payload| payload.place()));
        let staged = workers::run(self.options.jobs, groups.len(), |number, buffer, stop| {
            let mut outcomes = Vec::new();
            for position in groups.get(number).into_iter().flatten() {
                let payload = wave.get(*position).ok_or_else(|| Error::new(Code::Bug, "a blob was counted and is not there"))?;
                outcomes.push((*position, self.stage(root, payload, buffer, stop, events)?));
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
                return root.sync_all();
            }
            outcomes.iter().try_for_each(|outcome| match outcome {
                Outcome::Known => Ok(()),
                Outcome::Good(file) => root.sync_file(file),
                Outcome::New(staged) | Outcome::Repair(staged, _) => staged.sync(),
            })
        })?;
        for (payload, outcome) in wave.iter().zip(outcomes) {
            let algorithm = payload.digest.algorithm();
            if !matches!(outcome, Outcome::Known) && !shelves.contains_key(&algorithm) {
                shelves.insert(algorithm, shelf(root, algorithm, committed)?);
            }
            let Some(shelf) = shelves.get(&algorithm) else {
                committed.blobs_reused += 1;
                events.item();
                continue;
            };
            match outcome {
                Outcome::Known | Outcome::Good(_) => committed.blobs_reused += 1,
                Outcome::New(staged) => Self::publish(root, shelf, payload, staged, committed)?,
                Outcome::Repair(staged, what) => repair(shelf, payload, staged, what, committed)?,
            }
            if let Some(stamp) = shelf.stamp(payload.digest.hex()) {
                self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(payload.digest.clone(), stamp);
            }
            events.item();
        }
        Ok(())
    }

    /// Verifies the blob if its name is there, stages it if not.
    fn stage<'r>(
        &self,
        root: &'r WriteDirectory,
        payload: &Payload<'_>,
        buffer: &mut [u8],
        stop: &AtomicBool,
        events: &dyn Events,
    ) -> Result<Outcome<'r>> {
        let path = payload.digest.blob_path();
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&payload.digest).copied();
        if known.is_some() && root.stamp(&path) == known {
            events.bytes(payload.size);
            return Ok(Outcome::Known);
        }
        let bad = match Self::examine(root, payload, buffer, stop)? {
            Stored::Good(file) => {
                events.bytes(payload.size);
                return Ok(Outcome::Good(file));
            }
            Stored::Bad(what) => Some(what),
            Stored::Missing => None,
        };
        let staged = root.stage()?;
        payload.copy(buffer, stop, events, |bytes, offset| staged.write_at(bytes, offset))?;
        Ok(match bad {
            Some(what) => Outcome::Repair(staged, what),
            None => Outcome::New(staged),
        })
    }

    /// What is stored under the name of a blob. A link inside the layout is read, and never written through.
    fn examine(root: &WriteDirectory, payload: &Payload<'_>, buffer: &mut [u8], stop: &AtomicBool) -> Result<Stored> {
        let path = payload.digest.blob_path();
        match root.directory().blob(&path) {
            Ok(None) => Ok(Stored::Missing),
            Ok(Some(file)) => {
                let sound = payload.is_stored_in(&file, buffer, stop)?;
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
        match staged.publish(shelf, payload.digest.hex())? {
            Published::New => {
                committed.blobs_written += 1;
                committed.bytes_written += payload.size;
                Ok(())
            }
            // Somebody else was faster. Theirs is kept if it is right; ours is at hand if it is not.
            Published::Exists(staged) => {
                let mut buffer = vec![0; crate::core::limits::CHUNK_BYTES];
                match Self::examine(root, payload, &mut buffer, &AtomicBool::new(false))? {
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

    // The index.

    /// Reads the index and applies the edits. A file that cannot be read may be in the middle of being written in place
    /// by another program, so it gets a little time.
    fn plan(&self, root: &WriteDirectory, edits: &[IndexEdit]) -> Result<Plan> {
        let mut reads = 0;
        loop {
            match self.try_plan(root, INDEX, edits) {
                Err(Unready::Torn(error)) if reads >= TORN_READS => return Err(error),
                Err(Unready::Torn(_)) => clock::sleep(TORN_PAUSE),
                Err(Unready::Refused(error)) => return Err(error),
                Ok(plan) => return Ok(plan),
            }
            reads += 1;
        }
    }

    fn try_plan(&self, root: &WriteDirectory, name: &str, edits: &[IndexEdit]) -> Result<Plan, Unready> {
        let bytes = self.read_index(root, name)?;
        let limits = &self.options.limits;
        // Edits bring JSON too; only what is wrong with the index itself can heal by waiting.
        if let Err(error) = Document::parse(&bytes, limits) {
            return Err(self.unreadable(&bytes, error));
        }
        let text = std::str::from_utf8(&bytes).unwrap_or_default();
        let text = index_edit::apply(text, edits, limits).map_err(Unready::Refused)?;
        Ok(Plan { bytes, text })
    }

    fn unreadable(&self, bytes: &[u8], error: Error) -> Unready {
        let path = self.path.join(INDEX);
        if bytes.trim_ascii().ends_with(b"}") {
            return Unready::Torn(error.at(shown(&path)));
        }
        Unready::Torn(
            Error::new(Code::LayoutIndexTruncated, format!("{} is empty or cut off; it was left as it is", shown(&path)))
                .expected(Fact::new("a JSON object", "image-spec, image-layout.md"))
                .found(Fact::new(format!("{} bytes", bytes.len()), INDEX)),
        )
    }

    fn read_index(&self, root: &WriteDirectory, name: &str) -> Result<Vec<u8>, Unready> {
        let path = self.path.join(name);
        let missing = || Unready::Refused(Error::new(Code::LayoutIndexMissing, format!("{} is not there", shown(&path))));
        let file = root.directory().file(name).map_err(Unready::Refused)?.ok_or_else(missing)?;
        match file.read_all(self.options.limits.index_bytes) {
            Ok(Some(bytes)) => Ok(bytes),
            Ok(None) => Err(Unready::Refused(
                Error::new(Code::DocTooLarge, format!("{} is larger than the limit", shown(&path)))
                    .expected(Fact::new(format!("at most {} bytes", self.options.limits.index_bytes), "the limit")),
            )),
            // It grew or shrank under our hands.
            Err(error) if error.code() == Code::BlobChanged || error.raw_os_error().is_none() => {
                Err(Unready::Torn(Error::new(Code::InputChanged, format!("{} is being written by another program", shown(&path)))))
            }
            Err(error) => Err(Unready::Refused(error)),
        }
    }

    /// Replaces the index; `false` if the edits turned out to be there already.
    fn commit_index(&self, root: &WriteDirectory, first: Plan, edits: &[IndexEdit], committed: &mut Committed) -> Result<bool> {
        let _lock = IndexLock::take(root, self.options.lock_timeout)?;
        // Mostly nobody wrote since the edits were tried, and a large index need not be parsed twice.
        let mut plan = match self.read_index(root, INDEX) {
            Ok(bytes) if bytes == first.bytes => first,
            _ => self.plan(root, edits)?,
        };
        for _ in 0..MERGES {
            let Some(text) = &plan.text else { return Ok(false) };
            let mut staged = Self::stage_index(root, text.as_bytes(), committed)?;
            let name = staged.name()?.to_owned();
            if root.exchange(&name, INDEX)? {
                // What has this name now is the old index, or another program's.
                staged.forget();
                self.settle(root, name, plan, edits, committed)?;
                return Ok(true);
            }
            // A file system that cannot exchange: the last look is as late as it can be.
            match self.read_index(root, INDEX) {
                Ok(bytes) if bytes == plan.bytes => {
                    staged.replace(root, INDEX)?;
                    committed.flushing(|| root.sync()).map_err(|error| self.after_publication(&error))?;
                    return Ok(true);
                }
                _ => plan = self.plan(root, edits)?,
            }
        }
        Err(self.conflict())
    }

    fn stage_index<'r>(root: &'r WriteDirectory, text: &[u8], committed: &mut Committed) -> Result<Staged<'r>> {
        let staged = root.stage()?;
        staged.write_at(text, 0)?;
        staged.resemble(INDEX)?;
        committed.flushing(|| staged.sync())?;
        Ok(staged)
    }

    /// After the exchange: makes sure that what came out is what was read, and if it is not, that nothing of it is lost.
    fn settle(&self, root: &WriteDirectory, mut out: String, plan: Plan, edits: &[IndexEdit], committed: &mut Committed) -> Result<()> {
        let mut expected = plan.bytes;
        let mut published = plan.text.unwrap_or_default().into_bytes();
        // Another program's version that is part of `published`, and goes once that is certain.
        let mut merged: Option<String> = None;
        for _ in 0..MERGES {
            let theirs = match self.read_index(root, &out) {
                Ok(bytes) => bytes,
                Err(Unready::Torn(_)) => Vec::new(),
                Err(Unready::Refused(error)) => return Err(self.after_publication(&error)),
            };
            if theirs == expected {
                let removed = merged.iter().chain([&out]).try_for_each(|name| root.unlink(name));
                let flushed = committed.flushing(|| root.sync());
                return removed.and(flushed).map_err(|error| self.after_publication(&error));
            }
            let plan = match self.wait_for(root, &out, edits) {
                Ok(plan) => plan,
                Err(Unready::Torn(_)) => return Err(self.keep(root, &out)),
                // Their version and our edits do not go together. Theirs was first.
                Err(Unready::Refused(error)) => {
                    if !root.exchange(&out, INDEX).map_err(|error| self.after_publication(&error))? {
                        return Err(self.keep(root, &out));
                    }
                    let ours = self.read_index(root, &out).unwrap_or_default();
                    if ours != published {
                        return Err(self.keep(root, &out));
                    }
                    root.unlink(&out).and_then(|()| root.sync()).map_err(|error| self.after_publication(&error))?;
                    return Err(error);
                }
            };
            let text = plan.text.map_or(plan.bytes, String::into_bytes);
            let mut step = || -> Result<Option<String>> {
                let mut staged = Self::stage_index(root, &text, committed)?;
                let name = staged.name()?.to_owned();
                let exchanged = root.exchange(&name, INDEX)?;
                if exchanged {
                    staged.forget();
                }
                Ok(exchanged.then_some(name))
            };
            let Some(name) = step().map_err(|error| self.after_publication(&error))? else { return Err(self.keep(root, &out)) };
            if let Some(older) = merged.replace(std::mem::replace(&mut out, name)) {
                // Two programs in a row: the newer version need not contain the older one, so that one is kept.
                let kept = self.keep(root, &older).into_finding();
                committed.findings.push(kept.severity(Severity::Warning));
            }
            expected = std::mem::replace(&mut published, text);
        }
        Err(self.keep(root, &out))
    }

    /// Waits until another program has written its index to the end.
    fn wait_for(&self, root: &WriteDirectory, name: &str, edits: &[IndexEdit]) -> Result<Plan, Unready> {
        let watch = Stopwatch::start();
        loop {
            match self.try_plan(root, name, edits) {
                Err(Unready::Torn(_)) if watch.elapsed() < self.options.lock_timeout => clock::sleep(TORN_PAUSE),
                other => return other,
            }
        }
    }

    /// Gives up; the other program's version stays under a name that says what it is.
    fn keep(&self, root: &WriteDirectory, name: &str) -> Error {
        let bytes = self.read_index(root, name).unwrap_or_default();
        let kept = format!("{INDEX}.conflict-{}", Digest::sha256(&bytes).hex().get(..12).unwrap_or_default());
        let kept = if root.rename(name, &kept).is_ok() { kept } else { name.to_owned() };
        self.conflict().detail(format!("the other program's version is kept as {}", shown(&self.path.join(kept))))
    }

    fn conflict(&self) -> Error {
        Error::new(Code::WriteConflict, format!("another program keeps writing {}", shown(&self.path.join(INDEX))))
    }

    fn after_publication(&self, error: &Error) -> Error {
        Error::new(Code::IoAfterPublication, format!("{} was published, but a last step failed", shown(&self.path))).detail(error)
    }
}

/// An index as it was read, and what it shall become; `None` if it is that already.
struct Plan {
    bytes: Vec<u8>,
    text: Option<String>,
}

/// Why an index could not be edited.
enum Unready {
    /// It may be in the middle of being written.
    Torn(Error),
    /// Waiting will not help.
    Refused(Error),
}

/// What lies under the name of a blob.
enum Stored {
    Missing,
    Good(File),
    Bad(&'static str),
}

/// A layout under construction, removed unless it was finished.
struct Site<'a> {
    parent: &'a WriteDirectory,
    name: String,
    finished: std::cell::Cell<bool>,
}

impl<'a> Site<'a> {
    fn new(parent: &'a WriteDirectory, name: String) -> Result<Self> {
        if !parent.make_directory(&name)? {
            return Err(Error::new(Code::InputChanged, format!("{name} exists already")));
        }
        Ok(Self { parent, name, finished: std::cell::Cell::new(false) })
    }

    fn finished(&self) {
        self.finished.set(true);
    }
}

impl Drop for Site<'_> {
    fn drop(&mut self) {
        if !self.finished.get() {
            // What stays has a temporary name.
            let _ = self.parent.remove_tree(&self.name);
        }
    }
}

/// The directory of the blobs of an algorithm, made if necessary. Links are refused.
fn shelf(root: &WriteDirectory, algorithm: Algorithm, committed: &mut Committed) -> Result<WriteDirectory> {
    let path = format!("blobs/{}", algorithm.name());
    if let Some(shelf) = root.beneath(&path)? {
        return Ok(shelf);
    }
    root.make_directory("blobs")?;
    let blobs = root.beneath("blobs")?.ok_or_else(|| Error::new(Code::LayoutBlobsMissing, "the directory blobs vanished"))?;
    blobs.make_directory(algorithm.name())?;
    let shelf =
        blobs.beneath(algorithm.name())?.ok_or_else(|| Error::new(Code::LayoutBlobsMissing, format!("the directory {path} vanished")))?;
    committed.flushing(|| blobs.sync())?;
    committed.flushing(|| root.sync())?;
    Ok(shelf)
}

/// Puts a verified blob in the place of something that is not it.
fn repair(shelf: &WriteDirectory, payload: &Payload<'_>, staged: Staged<'_>, what: &str, committed: &mut Committed) -> Result<()> {
    staged.replace(shelf, payload.digest.hex())?;
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

/// Creates a small file with all of its content; nothing happens if the name is taken.
fn create_file(root: &WriteDirectory, name: &str, content: &[u8], committed: &mut Committed) -> Result<()> {
    let staged = root.stage()?;
    staged.write_at(content, 0)?;
    committed.flushing(|| staged.sync())?;
    staged.publish(root, name).map(|_| ())
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the tests look at the disk with other means than the code")]
mod tests {
    use std::fs;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::core::event::Silent;
    use crate::core::fsys::Operation;
    use crate::oci::annotation::REF_NAME;
    use crate::write::Content;
    use crate::write::payload::Memory;

    const OLD: &[u8] = b"the old manifest";
    const NEW: &[u8] = b"the new manifest";
    const LAYER: &[u8] = b"a layer";

    fn put(name: &str, bytes: &[u8]) -> IndexEdit {
        let descriptor = format!(
            r#"{{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"{}","size":{}}}"#,
            Digest::sha256(bytes),
            bytes.len()
        );
        IndexEdit::Put { name: Some(name.to_owned()), descriptor }
    }

    fn old_index() -> String {
        format!(
            "{{\n  \"schemaVersion\": 2,\n  \"manifests\": [\n    {{\n      \"digest\": \"{}\",\n      \"annotations\": {{\n        \"{REF_NAME}\": \"x\"\n      }}\n    }}\n  ],\n  \"mine\": 1.0\n}}\n",
            Digest::sha256(OLD)
        )
    }

    fn new_index() -> String {
        index_edit::apply(&old_index(), &[put("x", NEW)], &Limits::STANDARD).unwrap().unwrap()
    }

    /// A layout with one image, made by hand.
    fn make(root: &Path) {
        fs::create_dir_all(root.join("blobs/sha256")).unwrap();
        fs::write(root.join("oci-layout"), "{\"imageLayoutVersion\": \"1.0.0\", \"extra\": true}\n").unwrap();
        fs::write(root.join(INDEX), old_index()).unwrap();
        fs::write(root.join(Digest::sha256(OLD).blob_path()), OLD).unwrap();
    }

    fn options(faults: &Faults) -> LayoutOptions {
        LayoutOptions { jobs: 1, lock_timeout: Duration::from_millis(200), faults: faults.clone(), ..LayoutOptions::default() }
    }

    fn commit(root: &Path, faults: &Faults) -> Result<Committed> {
        let payloads = [Payload::document(NEW), Payload { content: Content::Source(&Memory(LAYER)), ..Payload::document(LAYER) }];
        Layout::open_or_create(root, options(faults))?.commit(&payloads, &[put("x", NEW)], &Silent)
    }

    fn names(directory: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Everything that must hold whatever happened; gives the text of the index.
    fn whole(root: &Path, damaged: Option<&str>) -> String {
        for name in names(root) {
            assert!(
                ["oci-layout", "blobs", INDEX, INDEX_LOCK].contains(&name.as_str()) || is_temporary(name.as_bytes()),
                "{name} lies around"
            );
        }
        let shelf = root.join("blobs/sha256");
        for name in if shelf.exists() { names(&shelf) } else { Vec::new() } {
            let sound = Digest::sha256(&fs::read(shelf.join(&name)).unwrap()).hex() == name;
            assert!(sound || damaged == Some(name.as_str()), "the blob {name} has other content");
        }
        let index = fs::read_to_string(root.join(INDEX)).unwrap();
        let document = Document::parse(index.as_bytes(), &Limits::STANDARD).unwrap();
        for entry in document.root().get("manifests").unwrap().items() {
            let digest: Digest = entry.get("digest").unwrap().as_str().unwrap().parse().unwrap();
            assert!(root.join(digest.blob_path()).is_file(), "the index names {digest}, which is missing");
            if digest == Digest::sha256(NEW) {
                assert!(root.join(Digest::sha256(LAYER).blob_path()).is_file(), "the layer is missing");
            }
        }
        index
    }

    /// Runs `run` with every fault at every operation, and `check` after each.
    fn sweep(
        run: impl Fn(&Path, &Faults) -> Result<Committed>,
        prepare: impl Fn(&Path),
        lacking: &[(Operation, Errno)],
        check: impl Fn(&Path, bool, Option<Code>),
    ) {
        let mut most = 0;
        for (kind, kill) in [(0, true), (1, false), (2, false), (3, false), (4, false)] {
            for n in 1.. {
                let place = tempfile::tempdir().unwrap();
                let root = place.path().join("layout");
                prepare(&root);
                let faults = match kind {
                    0 => Faults::kill_at(n),
                    1 => Faults::fail_at(n, Errno::NOSPC),
                    2 => Faults::fail_at(n, Errno::IO),
                    3 => Faults::fail_from(n, Errno::NOSPC),
                    // A signal; the operation is repeated and nobody notices.
                    _ => Faults::fail_at(n, Errno::INTR),
                };
                let faults = lacking.iter().fold(faults, |faults, (operation, errno)| faults.lacking(*operation, *errno));
                let code = run(&root, &faults).err().map(|error| error.code());
                assert!(kind != 4 || code.is_none(), "a signal at {n}: {code:?}");
                check(&root, kill, code);
                for name in names(place.path()) {
                    assert!(name == "layout" || is_temporary(name.as_bytes()), "{name} lies around");
                }
                run(&root, &Faults::none()).unwrap();
                check(&root, kill, None);
                if faults.refused() == 0 {
                    assert_eq!(code, None);
                    most = n;
                    break;
                }
            }
        }
        assert!(most > 10, "the sweep reached {most} operations only");
    }

    #[test]
    fn any_fault_leaves_the_old_index_or_the_new_one() {
        let check = |root: &Path, kill: bool, code: Option<Code>| {
            let index = whole(root, None);
            match code {
                None | Some(Code::IoAfterPublication) => assert_eq!(index, new_index()),
                Some(_) if kill => assert!(index == old_index() || index == new_index()),
                Some(_) => assert_eq!(index, old_index()),
            }
            assert!(root.join(Digest::sha256(OLD).blob_path()).is_file());
        };
        sweep(commit, make, &[], check);
        // The same where the file system can do less.
        sweep(commit, make, &[(Operation::Stage, Errno::OPNOTSUPP), (Operation::Exchange, Errno::INVAL)], check);
    }

    #[test]
    fn any_fault_while_a_layout_is_made_leaves_none_or_all_of_it() {
        let expected = index_edit::apply(EMPTY_INDEX, &[put("x", NEW)], &Limits::STANDARD).unwrap().unwrap();
        sweep(
            commit,
            |_| (),
            &[],
            |root, kill, code| {
                if root.exists() {
                    assert!(kill || matches!(code, None | Some(Code::IoAfterPublication)), "{code:?}");
                    assert_eq!(whole(root, None), expected);
                    assert_eq!(fs::read(root.join(MARKER_FILE)).unwrap(), MARKER);
                } else {
                    assert!(code.is_some());
                }
            },
        );
        // Into an empty directory, which may be a mount point.
        sweep(
            commit,
            |root| fs::create_dir(root).unwrap(),
            &[],
            |root, _, code| {
                if root.join(INDEX).exists() {
                    let index = whole(root, None);
                    assert!(index == expected || (code.is_some() && index == EMPTY_INDEX));
                } else {
                    assert!(code.is_some());
                }
            },
        );
    }

    #[test]
    fn a_damaged_blob_is_replaced_whatever_happens_and_never_written_through() {
        let digest = Digest::sha256(LAYER);
        let prepare = |root: &Path| {
            make(root);
            fs::write(root.join("elsewhere.txt"), "not a layer").unwrap();
            std::os::unix::fs::symlink("../../elsewhere.txt", root.join(digest.blob_path())).unwrap();
        };
        let place = tempfile::tempdir().unwrap();
        prepare(place.path());
        let committed = commit(place.path(), &Faults::none()).unwrap();
        assert_eq!(committed.findings.iter().map(|finding| finding.code).collect::<Vec<_>>(), [Code::BlobRepaired]);
        assert_eq!(fs::read(place.path().join("elsewhere.txt")).unwrap(), b"not a layer");
        assert!(fs::symlink_metadata(place.path().join(digest.blob_path())).unwrap().is_file());

        // A blob that another tool left truncated.
        let prepare = |root: &Path| {
            make(root);
            fs::write(root.join(digest.blob_path()), "a la").unwrap();
        };
        sweep(commit, prepare, &[], |root, _, code| {
            let index = whole(root, code.is_some().then_some(digest.hex()));
            assert!(index == new_index() || (code.is_some() && index == old_index()));
            if index == new_index() {
                assert_eq!(fs::read(root.join(digest.blob_path())).unwrap(), LAYER);
            }
        });
    }

    #[test]
    fn a_sound_link_is_reused_and_what_is_there_is_not_written_again() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path();
        make(root);
        fs::write(root.join("rootfs.tar.gz"), LAYER).unwrap();
        std::os::unix::fs::symlink("../../rootfs.tar.gz", root.join(Digest::sha256(LAYER).blob_path())).unwrap();
        let committed = commit(root, &Faults::none()).unwrap();
        assert_eq!((committed.blobs_written, committed.blobs_reused, committed.index_changed), (1, 1, true));
        assert!(fs::symlink_metadata(root.join(Digest::sha256(LAYER).blob_path())).unwrap().is_symlink());
        fs::remove_file(root.join("rootfs.tar.gz")).ok();
        fs::write(root.join("rootfs.tar.gz"), LAYER).unwrap();

        let before = fs::metadata(root.join(INDEX)).unwrap();
        let committed = commit(root, &Faults::none()).unwrap();
        assert_eq!((committed.blobs_written, committed.blobs_reused, committed.index_changed), (0, 2, false));
        let after = fs::metadata(root.join(INDEX)).unwrap();
        use std::os::unix::fs::MetadataExt;
        assert_eq!(before.ino(), after.ino());
        assert_eq!(names(root), ["blobs", "index.json", "oci-layout", "rootfs.tar.gz"]);
        assert_eq!(fs::read_to_string(root.join(MARKER_FILE)).unwrap(), "{\"imageLayoutVersion\": \"1.0.0\", \"extra\": true}\n");
    }

    #[test]
    fn bytes_that_are_not_what_they_claim_get_no_name() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path();
        make(root);
        let layout = Layout::open_or_create(root, options(&Faults::none())).unwrap();
        let right = Payload::document(NEW);
        for (content, size, code) in [
            (&b"the new manifesT"[..], 16, Code::BlobDigestMismatch),
            (b"the new manifest!", 16, Code::DescriptorSizeMismatch),
            (b"the new manifes", 16, Code::DescriptorSizeMismatch),
            (b"the new manifest", 17, Code::DescriptorSizeMismatch),
            (b"the new manifest", u64::MAX, Code::DescriptorSizeMismatch),
        ] {
            for content in [Content::Bytes(content), Content::Source(&Memory(content))] {
                let payload = Payload { digest: right.digest.clone(), size, content };
                assert_eq!(layout.commit(&[payload], &[put("x", NEW)], &Silent).unwrap_err().code(), code);
                assert_eq!(names(&root.join("blobs/sha256")), [Digest::sha256(OLD).hex()]);
                assert_eq!(whole(root, None), old_index());
            }
        }
        let other = Payload { size: 3, ..right.clone() };
        assert_eq!(layout.commit(&[right, other], &[], &Silent).unwrap_err().code(), Code::DescriptorConflict);
    }

    #[test]
    fn what_cannot_be_read_is_not_replaced() {
        for (name, content, code) in [
            (INDEX, "", Code::LayoutIndexTruncated),
            (INDEX, "{\"schemaVersion\":2,\"mani", Code::LayoutIndexTruncated),
            (INDEX, "{\"a\":1,\"a\":2}", Code::JsonDuplicateKey),
            (MARKER_FILE, "{}", Code::LayoutMarkerInvalid),
            (MARKER_FILE, "{\"imageLayoutVersion\":\"2.0.0\"}", Code::LayoutVersionUnsupported),
        ] {
            let place = tempfile::tempdir().unwrap();
            make(place.path());
            fs::write(place.path().join(name), content).unwrap();
            assert_eq!(commit(place.path(), &Faults::none()).unwrap_err().code(), code, "{content}");
            assert_eq!(fs::read_to_string(place.path().join(name)).unwrap(), content);
            assert_eq!(names(&place.path().join("blobs/sha256")).len(), 1);
        }
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join("notes.txt"), "mine").unwrap();
        assert_eq!(commit(place.path(), &Faults::none()).unwrap_err().code(), Code::LayoutMarkerMissing);
        assert_eq!(commit(&place.path().join("notes.txt"), &Faults::none()).unwrap_err().code(), Code::UsageOutput);
        let outside = tempfile::tempdir().unwrap();
        make(place.path());
        fs::remove_file(place.path().join("notes.txt")).unwrap();
        fs::remove_dir_all(place.path().join("blobs")).unwrap();
        std::os::unix::fs::symlink(outside.path(), place.path().join("blobs")).unwrap();
        assert_eq!(commit(place.path(), &Faults::none()).unwrap_err().code(), Code::PathSymlink);
        assert!(names(outside.path()).is_empty());
    }

    #[test]
    fn the_index_keeps_its_mode_and_new_files_have_the_usual_one() {
        use std::os::unix::fs::PermissionsExt;
        let place = tempfile::tempdir().unwrap();
        let root = place.path();
        make(root);
        fs::set_permissions(root.join(INDEX), fs::Permissions::from_mode(0o640)).unwrap();
        commit(root, &Faults::none()).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&root.join(INDEX)), 0o640);
        fs::write(root.join("plain"), "").unwrap();
        assert_eq!(mode(&root.join(Digest::sha256(NEW).blob_path())), mode(&root.join("plain")));
    }

    /// A program that knows no lock and replaces the index at the worst moment, once or always.
    fn meddling(root: &Path, times: usize, text: impl Fn(usize) -> String + Send + Sync + 'static) -> Faults {
        let (path, count) = (root.join(INDEX), AtomicUsize::new(0));
        Faults::count().meanwhile(Operation::Exchange, move || {
            let number = count.fetch_add(1, Ordering::SeqCst);
            if number < times {
                let beside = path.with_extension("other");
                fs::write(&beside, text(number)).unwrap();
                fs::rename(&beside, &path).unwrap();
            }
        })
    }

    fn with_other(number: usize) -> String {
        index_edit::apply(&old_index(), &[put(&format!("other{number}"), OLD)], &Limits::STANDARD).unwrap().unwrap()
    }

    #[test]
    fn a_program_that_knows_no_lock_loses_nothing() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path();
        make(root);
        assert!(commit(root, &meddling(root, 1, with_other)).unwrap().index_changed);
        let index = whole(root, None);
        assert_eq!(index, index_edit::apply(&with_other(0), &[put("x", NEW)], &Limits::STANDARD).unwrap().unwrap());
        assert_eq!(names(root), ["blobs", "index.json", "oci-layout"]);
    }

    #[test]
    fn a_version_that_our_edits_do_not_fit_is_put_back() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path();
        make(root);
        let ambiguous = |_| {
            let entry = |digest: Digest| format!(r#"{{"digest":"{digest}","annotations":{{"{REF_NAME}":"x"}}}}"#);
            format!(r#"{{"manifests":[{},{}]}}"#, entry(Digest::sha256(OLD)), entry(Digest::sha256(LAYER)))
        };
        assert_eq!(commit(root, &meddling(root, 1, ambiguous)).unwrap_err().code(), Code::RefAmbiguous);
        assert_eq!(whole(root, None), ambiguous(0));
        assert_eq!(names(root), ["blobs", "index.json", "oci-layout"]);
    }

    #[test]
    fn a_torn_version_or_endless_writing_is_a_conflict_and_their_version_is_kept() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path();
        make(root);
        assert_eq!(commit(root, &meddling(root, 1, |_| "{\"mani".to_owned())).unwrap_err().code(), Code::WriteConflict);
        let kept = |root: &Path| names(root).into_iter().filter(|name| name.starts_with("index.json.conflict-")).collect::<Vec<_>>();
        assert_eq!(fs::read_to_string(root.join(&kept(root)[0])).unwrap(), "{\"mani");
        assert_eq!(fs::read_to_string(root.join(INDEX)).unwrap(), new_index());

        let place = tempfile::tempdir().unwrap();
        let root = place.path();
        make(root);
        assert_eq!(commit(root, &meddling(root, usize::MAX, with_other)).unwrap_err().code(), Code::WriteConflict);
        assert!(!kept(root).is_empty());
        Document::parse(&fs::read(root.join(INDEX)).unwrap(), &Limits::STANDARD).unwrap();
    }

    #[test]
    fn threads_that_add_at_the_same_time_lose_no_name() {
        const THREADS: usize = 8;
        const TAGS: usize = 25;
        let place = tempfile::tempdir().unwrap();
        let root = place.path().join("layout");
        let shared = Arc::new(Layout::open_or_create(&root, LayoutOptions { jobs: 2, ..LayoutOptions::default() }).unwrap());
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let (root, shared) = (&root, shared.clone());
                scope.spawn(move || {
                    // Some share a handle, as a batch does; some have their own, as processes do.
                    let own = Layout::open_or_create(root, LayoutOptions { jobs: 1, ..LayoutOptions::default() }).unwrap();
                    let layout = if thread % 2 == 0 { &own } else { &*shared };
                    for tag in 0..TAGS {
                        let manifest = format!("manifest {thread} {tag}");
                        let payloads = [Payload::document(manifest.as_bytes()), Payload::document(LAYER)];
                        layout.commit(&payloads, &[put(&format!("{thread}-{tag}"), manifest.as_bytes())], &Silent).unwrap();
                    }
                });
            }
        });
        let index = whole(&root, None);
        assert_eq!(index.matches(REF_NAME).count(), THREADS * TAGS);
        assert_eq!(names(&root), ["blobs", "index.json", "oci-layout"]);
        assert_eq!(names(place.path()), ["layout"]);
    }

    #[test]
    fn many_blobs_go_in_waves_with_several_threads() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().join("layout");
        let bytes: Vec<Vec<u8>> = (0_u32..300).map(|number| number.to_le_bytes().repeat(number as usize)).collect();
        let payloads: Vec<Payload<'_>> = bytes.iter().map(|bytes| Payload::document(bytes)).collect();
        let layout = Layout::open_or_create(&root, LayoutOptions { jobs: 4, ..LayoutOptions::default() }).unwrap();
        let committed = layout.commit(&payloads, &[], &Silent).unwrap();
        assert_eq!(committed.blobs_written, 300);
        let again = layout.commit(&payloads, &[], &Silent).unwrap();
        assert_eq!((again.blobs_written, again.blobs_reused, again.index_changed), (0, 300, false));
        whole(&root, None);
    }
}
