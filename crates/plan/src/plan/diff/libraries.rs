//! Shared libraries by the names that they give themselves.

use std::collections::BTreeMap;

use super::{Change, Named, differing, lossy, path};
use crate::foundation::Digest;
use crate::read::rootfs::Merged;

/// The files of one library with the digests of their contents.
type Copies = BTreeMap<Vec<u8>, Option<Digest>>;

pub(super) fn changes(was: &Merged, is: &Merged) -> Vec<Named> {
    let paths = |copies: Copies| copies.keys().map(|name| path(name)).collect::<Vec<_>>().join(", ");
    let change = |(name, was, is): (Vec<u8>, Option<Copies>, Option<Copies>)| Named {
        name: lossy(&name),
        change: Change::of(was.is_some(), is.is_some()),
        was: was.map(paths),
        is: is.map(paths),
    };
    differing(&libraries(was), &libraries(is)).into_iter().map(change).collect()
}

fn libraries(files: &Merged) -> BTreeMap<Vec<u8>, Copies> {
    let mut found: BTreeMap<Vec<u8>, Copies> = BTreeMap::new();
    for entry in files.rootfs().files(files.rootfs().root()) {
        if let Some(name) = files.soname(entry) {
            found.entry(name.to_vec()).or_default().insert(entry.path(), files.digest(entry).cloned());
        }
    }
    found
}
