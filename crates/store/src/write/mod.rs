//! Writing layouts and archives. May import `foundation`, `format` and `oci`; knows neither plans nor the command line.
//!
//! * [`Payload`]: a blob to be written, hashed from the buffer that is written.
//! * [`Layout`]: adds blobs to a layout and commits one change of its index.
//! * [`IndexEdit`]: what a change of an index is; pure.
//! * [`GroupCommit`]: blobs of many images, flushed together.
//! * [`journal`]: what a batch has done, in the layout that it writes.
//! * [`write_archive`]: a new archive, compressed or not.
//! * [`Archives`]: many of them, flushed together.
//!
//! What holds after a kill, a full disk or a failed write, at any point: a reader sees the old index or the new one,
//! whole, and everything it names; no blob has a name that its bytes do not deserve; nothing else lies around but
//! unreferenced valid blobs, `index.json.lock`, and names that [`crate::foundation::fsys::is_temporary`] recognises, none of
//! which anybody needs.

mod archive;
mod archive_options;
mod archive_plan;
mod archives;
mod compressed;
pub mod index_edit;
pub mod journal;
mod layout;
mod leftovers;
mod payload;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::foundation::Finding;

pub use archive::{ArchiveContents, write_archive};
pub use archive_options::ArchiveOptions;
pub use archives::{Archives, Named};
pub use index_edit::{IndexEdit, Put, Taken};
pub use layout::{Done, GroupCommit, Layout, LayoutOptions, Revise, Revision, Sweep, Swept, Trouble};
pub use payload::{Bring, Closed, Content, Payload};

/// What `oci-layout` says (image-spec, image-layout.md). Written into new layouts and archives, never over an old one.
const MARKER: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;

/// What a mutex guards. Who panicked with it has failed as a whole, and what they left is not asked for.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What was written.
#[derive(Debug, Clone, Default)]
pub struct Committed {
    /// Blobs that were not there before, and those that were repaired.
    pub blobs_written: u64,
    /// Their bytes.
    pub bytes_written: u64,
    /// Blobs that were there and are what their digest says.
    pub blobs_reused: u64,
    /// How long was waited for the disk.
    pub flush: Duration,
    /// What a user should know: blobs that were repaired.
    pub findings: Vec<Finding>,
    /// Whether there is a new index.
    pub index_changed: bool,
    /// The names that moved from one image to another. Who commits many times over knows them beforehand.
    pub taken: Vec<Taken>,
}

impl Committed {
    /// Adds the figures of further work.
    pub fn add(&mut self, other: Self) {
        self.blobs_written += other.blobs_written;
        self.bytes_written += other.bytes_written;
        self.blobs_reused += other.blobs_reused;
        self.flush = self.flush.saturating_add(other.flush);
        self.findings.extend(other.findings);
        self.index_changed |= other.index_changed;
    }

    /// Adds findings of a plan. One that is made again for what another program wrote finds most of it again.
    fn tell(&mut self, findings: Vec<Finding>) {
        for finding in findings {
            if !self.findings.contains(&finding) {
                self.findings.push(finding);
            }
        }
    }

    /// Runs a flush and adds the time it took.
    fn flushing<T>(&mut self, flush: impl FnOnce() -> crate::foundation::Result<T>) -> crate::foundation::Result<T> {
        let watch = crate::foundation::clock::Stopwatch::start();
        let result = flush();
        self.flush = self.flush.saturating_add(watch.elapsed());
        result
    }
}
