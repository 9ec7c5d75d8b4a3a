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
//! `index.json.lock`, and temporary names (`.airbase-tmp-PID-RANDOM` in the root and in `blobs`, `.NAME.airbase-tmp-RANDOM` beside a
//! layout that was being made), which the next writer removes. `index.json.conflict-HASH` is another program's index that could not be merged.

mod blobs;
mod group_commit;
mod index;
mod store;
mod sweep;

pub use group_commit::{Done, GroupCommit, Trouble};
pub use sweep::{Sweep, Swept};

use crate::format::json::{Document, Node};
use crate::foundation::event::Events;
use crate::foundation::fsys::{
    Directory, EntryKind, Faults, INDEX_LOCK, Staged, Stamp, StoreLock, WriteDirectory, create_directories, is_temporary, shown,
    temporary_sibling,
};
use crate::foundation::{Code, Digest, Error, Fact, Finding, Limits, Result};
use crate::oci::{RootIndex, Verified};
use crate::write::index_edit::{EMPTY_INDEX, Edits, IndexEdit, Put, Spliced};
use crate::write::journal::JOURNALS;
use crate::write::leftovers::{clear_folder, clear_layout, hold_directory};
use crate::write::payload::{Bring, Payload, WithDocuments, distinct};
use crate::write::{Committed, MARKER, index_edit, locked};
use rustix::io::Errno;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use store::Store;

const INDEX: &str = "index.json";
const MARKER_FILE: &str = "oci-layout";

/// Above this many blobs one flush of the file system is faster than a flush of each.
pub(super) const FLUSHED_SINGLY: usize = 8;

/// How many blobs are staged at once where so many files may be open.
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
    root: OnceLock<Store>,
    /// Blobs that this handle verified or wrote: while the file is the same one, it is not hashed again. A batch of
    /// hundreds of images on one base would otherwise hash that base hundreds of times.
    known: Mutex<HashMap<Digest, Stamp>>,
    /// The index as somebody read it.
    read: Mutex<Option<Arc<RootIndex>>>,
}

/// A change of the index that depends on what it says.
#[derive(Debug, Clone, Default)]
pub struct Revision {
    /// The edits.
    pub edits: Vec<IndexEdit>,
    /// Documents that the new index names and that depend on the old one, such as a list of referrers that grew. They are
    /// written before the index speaks of them.
    pub documents: Vec<Verified>,
    /// What a user should know of it.
    pub findings: Vec<Finding>,
}

/// Says how the index changes, given the text of what it says now, which nobody has parsed yet: mostly it is what the caller read
/// before, and parsing tens of thousands of entries once more would be most of the work. It is asked again whenever somebody
/// else changed the index meanwhile, so that two who add to one list are both in it.
pub type Revise<'a> = dyn Fn(&[u8]) -> Result<Revision> + 'a;

/// What happens to an index: first `puts`, then what `revise` says, or `edits` where nothing depends on the index.
#[derive(Clone, Copy, Default)]
struct Change<'a> {
    puts: &'a [Put],
    edits: &'a [IndexEdit],
    revise: Option<&'a Revise<'a>>,
}

impl<'a> Change<'a> {
    /// What depends on the text of the index.
    fn of(self, text: &[u8]) -> Result<Revision> {
        self.revise.map_or_else(|| Ok(Revision::default()), |revise| revise(text))
    }

    /// All edits, of which `revised` depend on the text.
    fn edits<'e>(self, revised: &'e [IndexEdit]) -> Edits<'e>
    where
        'a: 'e,
    {
        Edits { puts: self.puts, edits: if self.revise.is_some() { revised } else { self.edits } }
    }
}

/// What a directory is that something shall be added to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// A layout.
    Ready,
    /// An empty directory, or one where making a layout was interrupted.
    Unborn,
}

impl Layout {
    /// Gets ready to write to the layout at `path`, which may not exist yet, or be an empty directory. Nothing is
    /// changed before the first commit.
    ///
    /// # Errors
    /// `layout.*` if there is something at `path` that is no sound layout, `usage.output`, `path.*`, `io`.
    pub fn open_or_create(path: &Path, options: LayoutOptions) -> Result<Self> {
        let layout = Self { path: path.to_owned(), options, root: OnceLock::new(), known: Mutex::default(), read: Mutex::default() };
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

    /// Says how the index was read a moment ago. While the file still says so, it is edited as it was parsed then.
    pub fn remember(&self, index: &Arc<RootIndex>) {
        *locked(&self.read) = Some(Arc::clone(index));
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
        self.change(&payloads, Change { edits, ..Change::default() }, events)
    }

    /// As [`Layout::commit`], where the edits depend on what the index says.
    ///
    /// # Errors
    /// As [`Layout::commit`], and those of `revise`.
    pub fn revise(&self, payloads: &[Payload<'_>], revise: &Revise<'_>, events: &dyn Events) -> Result<Committed> {
        self.change(&payloads, Change { revise: Some(revise), ..Change::default() }, events)
    }

    /// As [`Layout::revise`], after many entries.
    ///
    /// # Errors
    /// As [`Layout::revise`].
    pub fn put(&self, payloads: &dyn Bring, puts: &[Put], revise: Option<&Revise<'_>>, events: &dyn Events) -> Result<Committed> {
        self.change(payloads, Change { puts, revise, ..Change::default() }, events)
    }

    fn change(&self, payloads: &dyn Bring, change: Change<'_>, events: &dyn Events) -> Result<Committed> {
        distinct(payloads, &self.options.limits)?;
        if self.open()?.is_none()
            && let Some(committed) = self.create(payloads, change, events)?
        {
            return Ok(committed);
        }
        match self.open()? {
            Some(root) => self.add(root, payloads, change, events),
            None => Err(self.unusable()),
        }
    }

    /// The directory, if it is there.
    fn open(&self) -> Result<Option<&Store>> {
        if self.root.get().is_none() {
            match WriteDirectory::open(&self.path, &self.options.faults) {
                Ok(root) => {
                    // If another thread was faster, its handle serves as well.
                    let _ = self.root.set(Store::new(root.for_its_owner()?));
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
        create_directories(parent)?;
        Ok((WriteDirectory::open(parent, &self.options.faults)?, name))
    }

    /// Builds the layout beside its place and moves it there. `None` if somebody else made one meanwhile.
    fn create(&self, payloads: &dyn Bring, change: Change<'_>, events: &dyn Events) -> Result<Option<Committed>> {
        let Revision { edits, documents, findings } = change.of(EMPTY_INDEX.as_bytes())?;
        let index = index_edit::change(EMPTY_INDEX, change.edits(&edits), &self.options.limits)?.text;
        drop(edits);
        let (parent, name) = self.place()?;
        clear_folder(&parent);
        let (site, root) = Site::new(&parent, name)?;
        let mut committed = Committed { index_changed: true, ..Committed::default() };
        self.write_blobs(&root, payloads, distinct(payloads, &self.options.limits)?, events, &mut committed)?;
        self.write_documents(&root, &documents, &mut committed)?;
        // The specification wants the directory even if there is nothing in it.
        root.make_directory("blobs")?;
        let index = index.unwrap_or_else(|| Spliced::whole(EMPTY_INDEX.to_owned()));
        create(&root, INDEX, &|staged| index.write(EMPTY_INDEX, &mut |part, at| staged.write_at(part, at)), &mut committed)?;
        create_file(&root, MARKER_FILE, MARKER, &mut committed)?;
        committed.flushing(|| root.sync())?;
        if !parent.rename_new(&site.name, name)? {
            return Ok(None);
        }
        site.finished();
        committed.findings.extend(findings);
        committed.flushing(|| parent.sync()).map_err(|error| self.after_publication(&error))?;
        Ok(Some(committed))
    }

    fn add(&self, root: &Store, payloads: &dyn Bring, change: Change<'_>, events: &dyn Events) -> Result<Committed> {
        clear_layout(root);
        let _store = StoreLock::shared(root, self.options.lock_timeout)?;
        let mut committed = Committed::default();
        if self.check(root)? == State::Unborn {
            create_file(root, INDEX, EMPTY_INDEX.as_bytes(), &mut committed)?;
            create_file(root, MARKER_FILE, MARKER, &mut committed)?;
            committed.flushing(|| root.sync())?;
        }
        let plan = self.plan(root, change)?;
        // The lock of the index is held the shorter, the less is left to write under it.
        let all = WithDocuments { first: payloads, documents: &plan.documents };
        self.write_blobs(root, &all, distinct(&all, &self.options.limits)?, events, &mut committed)?;
        if plan.text.is_some() {
            committed.index_changed = self.commit_index(root, plan, change, &mut committed)?;
        }
        Ok(committed)
    }

    /// Whether the directory is a layout that may be written to.
    fn check(&self, root: &WriteDirectory) -> Result<State> {
        let directory = root.directory();
        let Some(marker) = directory.file(MARKER_FILE)? else {
            let mut others = Vec::new();
            let entries = directory.entries(".")?;
            // The shards of a batch write blobs and their journal, and leave marker and index to who merges them.
            let batch = entries.iter().any(|entry| entry.name == JOURNALS.as_bytes() && entry.kind == EntryKind::Directory);
            for entry in entries {
                let ignored = is_temporary(&entry.name)
                    || entry.name == INDEX_LOCK.as_bytes()
                    || entry.name == b"lost+found"
                    || (batch && (entry.name == JOURNALS.as_bytes() || entry.name == b"blobs"))
                    || (entry.name == b"blobs" && entry.kind == EntryKind::Directory && holds_nothing(directory, "blobs")?);
                if !ignored {
                    others.push(entry.name);
                }
            }
            // What cannot be read is not proven to be ours, so it is refused.
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
}

/// Whether there is not one file in a directory of blobs: it may have been made, or mounted, before the layout.
fn holds_nothing(directory: &Directory, path: &str) -> Result<bool> {
    for entry in directory.entries(path)? {
        let is_empty = |name: &str| directory.entries(&format!("{path}/{name}")).map(|entries| entries.is_empty());
        let nothing = match std::str::from_utf8(&entry.name) {
            _ if is_temporary(&entry.name) || entry.name == b"lost+found" => true,
            Ok(name) if entry.kind == EntryKind::Directory => is_empty(name)?,
            _ => false,
        };
        if !nothing {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A layout under construction, removed unless it was finished.
struct Site<'a> {
    parent: &'a WriteDirectory,
    name: String,
    finished: std::cell::Cell<bool>,
    held: Option<StoreLock>,
}

/// How often another writer may take a layout that was just begun for abandoned.
const BEGINNINGS: usize = 5;

impl<'a> Site<'a> {
    /// Makes the directory in which the layout that will be called `layout` is built.
    fn new(parent: &'a WriteDirectory, layout: &str) -> Result<(Self, Store)> {
        for _ in 0..BEGINNINGS {
            let name = temporary_sibling(layout);
            if !parent.make_directory(&name)? {
                return Err(Error::new(Code::InputChanged, format!("{name} exists already")));
            }
            let mut site = Self { parent, name, finished: std::cell::Cell::new(false), held: None };
            if let Some((root, held)) = hold_directory(parent, &site.name)? {
                site.held = Some(held);
                return Ok((site, Store::new(root)));
            }
        }
        Err(Error::new(Code::InputChanged, "the layout under construction was removed again and again"))
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

/// Creates a small file with all of its content; nothing happens if the name is taken.
fn create_file(root: &WriteDirectory, name: &str, content: &[u8], committed: &mut Committed) -> Result<()> {
    create(root, name, &|staged| staged.write_at(content, 0), committed)
}

/// Creates a file; nothing happens if the name is taken.
fn create(root: &WriteDirectory, name: &str, write: &dyn Fn(&Staged<'_>) -> Result<()>, committed: &mut Committed) -> Result<()> {
    let staged = root.stage()?;
    write(&staged)?;
    committed.flushing(|| staged.sync())?;
    staged.publish(root, name).map(|_| ())
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the tests look at the disk with other means than the code")]
mod tests;
