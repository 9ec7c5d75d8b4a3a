//! What killed writers left behind goes with the next writer. See [`WriteDirectory::clear`] for the proof that nobody holds it.

use std::time::Duration;

use crate::foundation::Result;
use crate::foundation::fsys::{INDEX_LOCK, StoreLock, WriteDirectory, is_temporary};

/// Removes what killed writers left in a folder in which archives and layouts are made. Nobody asked for it, so nobody is told where it
/// cannot be done.
pub(super) fn clear_folder(folder: &WriteDirectory) {
    // As said above.
    let _ = folder.clear(false, &is_unfinished_layout);
}

/// Removes what killed writers left in a layout, unless somebody else is writing to it.
pub(super) fn clear_layout(root: &WriteDirectory) {
    // Nobody asked for it: whoever writes now, or a later writer, finds it again.
    let _ = try_clear_layout(root);
}

fn try_clear_layout(root: &WriteDirectory) -> Result<()> {
    if root.directory().leftovers()?.is_empty() {
        return Ok(());
    }
    let _alone = StoreLock::exclusive(root, Duration::ZERO)?;
    for place in std::iter::once(root).chain(&root.beneath("blobs")?) {
        place.clear(true, &is_unfinished_layout)?;
    }
    Ok(())
}

/// Whether a directory holds nothing but what a layout holds that is being made.
fn is_unfinished_layout(directory: &WriteDirectory) -> Result<bool> {
    let known = |name: &[u8]| [&b"blobs"[..], b"index.json", b"oci-layout", INDEX_LOCK.as_bytes()].contains(&name) || is_temporary(name);
    Ok(directory.directory().entries(".")?.iter().all(|entry| known(&entry.name)))
}

/// Opens a directory with a temporary name that was just made, and holds it until the lock is dropped. `None` if a writer came in between
/// that took it for abandoned.
pub(super) fn hold_directory(parent: &WriteDirectory, name: &str) -> Result<Option<(WriteDirectory, StoreLock)>> {
    let Some(made) = parent.beneath(name)? else { return Ok(None) };
    let lock = StoreLock::shared(&made, HELD_BY_A_CLEANER)?;
    Ok(parent.is_still(name, &made).then_some((made, lock)))
}

/// How long another writer may look at a directory that it takes for abandoned.
const HELD_BY_A_CLEANER: Duration = Duration::from_secs(5);
