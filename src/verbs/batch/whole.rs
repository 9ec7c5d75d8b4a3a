//! Whether the result of an item is still what was written.

use std::collections::HashSet;
use std::sync::Arc;

use crate::foundation::{Error, ExitClass, Limits, Result};
use crate::oci::Descriptor;
use crate::read::{Source, Walk, load, walk};

/// What is wrong with a result of which so many platforms were moved; nothing, if everything is there. Documents are hashed, of blobs the
/// sizes are compared.
///
/// # Errors
/// What the system could not read.
pub(super) fn broken(source: &Arc<Source>, entry: &Descriptor, platforms: usize, limits: &Limits) -> Result<Option<&'static str>> {
    const GONE: &str = "something of its result is not in the output any more, or is not what was written";
    match is_whole(source, entry, platforms, limits) {
        Ok(true) => Ok(None),
        Err(error) if error.exit_class() == ExitClass::Io => Err(error),
        Ok(false) | Err(_) => Ok(Some(GONE)),
    }
}

fn is_whole(source: &Arc<Source>, entry: &Descriptor, platforms: usize, limits: &Limits) -> Result<bool, Error> {
    // Platforms that were not here before need not be here now.
    let tree = load(source, entry, limits)?;
    let images = tree.images();
    let mut seen = HashSet::new();
    for image in &images {
        let mut found = Walk::default();
        walk(source, &image.descriptor, limits, &mut found, &mut seen)?;
        for blob in found.blobs.iter().filter(|blob| blob.data.is_none()) {
            source.region(blob)?;
        }
    }
    Ok(images.len() >= platforms.max(1))
}
