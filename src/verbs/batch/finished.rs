//! Items that are done and wait for the index.

use crate::format::json::Excerpt;
use crate::write::IndexEdit;

/// An item that is done, and is to be listed.
#[derive(Debug)]
pub(super) struct Finished {
    /// Its key.
    pub(super) key: u64,
    /// The name of its result.
    pub(super) name: Option<String>,
    /// The entry of its result, as JSON.
    pub(super) descriptor: Excerpt,
}

impl Finished {
    /// Lists it.
    pub(super) fn put(&self) -> IndexEdit {
        IndexEdit::Put { name: self.name.clone(), descriptor: self.descriptor.clone() }
    }
}
