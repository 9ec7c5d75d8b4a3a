//! How much was done, for tests that ask how the work grows. Seconds differ from run to run, and these figures do not.
//!
//! They count for the whole process, and nothing is decided by them.

use std::sync::atomic::{AtomicU64, Ordering};

static DOCUMENTS: AtomicU64 = AtomicU64::new(0);
static BYTES: AtomicU64 = AtomicU64::new(0);
static ENTRIES: AtomicU64 = AtomicU64::new(0);

/// What the process has done so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effort {
    /// Documents that were read.
    pub documents: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Entries of `index.json` that were walked over.
    pub entries: u64,
}

/// What the process has done so far.
pub fn so_far() -> Effort {
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    Effort { documents: count(&DOCUMENTS), bytes: count(&BYTES), entries: count(&ENTRIES) }
}

/// Counts a document that is read.
pub fn document(bytes: usize) {
    DOCUMENTS.fetch_add(1, Ordering::Relaxed);
    BYTES.fetch_add(bytes as u64, Ordering::Relaxed);
}

/// Counts a walk over entries.
pub fn entries(count: usize) {
    ENTRIES.fetch_add(count as u64, Ordering::Relaxed);
}
