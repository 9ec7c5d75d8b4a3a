//! Hashing many blobs at once.

use std::sync::Arc;

use super::{Source, layer};
use crate::foundation::event::Events;
use crate::foundation::fsys::{ReadAt as _, schedule};
use crate::foundation::{Code, Error, Result, workers};
use crate::oci::Descriptor;

/// Hashes all blobs, the largest first, on `jobs` threads; gives the number of bytes that were hashed.
///
/// # Errors
/// The first blob, in the order given, that is not what its descriptor says.
pub fn hash_all(blobs: &[(Arc<Source>, Descriptor)], jobs: usize, events: &dyn Events) -> Result<u64> {
    let place = |(source, descriptor): &(Arc<Source>, Descriptor)| {
        // What is not there is reported when it is read.
        let region = source.container().blob(&descriptor.digest).ok().flatten();
        (descriptor.size, region.and_then(|region| region.sequence()))
    };
    let results = each(blobs, place, jobs, events, "verify", |(source, descriptor)| layer::check_content(source, descriptor, events))?;
    results.into_iter().collect::<Result<Vec<()>>>()?;
    Ok(blobs.iter().map(|(_, descriptor)| descriptor.size).sum())
}

/// Runs `work` on every item on `jobs` threads, in the order of [`schedule`]; the results are in the order of the items. `place`
/// gives the size of an item, and where it lies in a stream.
///
/// # Errors
/// `bug` if a thread panicked.
pub fn each<T: Sync, R: Send>(
    items: &[T],
    place: impl Fn(&T) -> (u64, Option<(u64, u64)>),
    jobs: usize,
    events: &dyn Events,
    stage: &str,
    work: impl Fn(&T) -> R + Sync,
) -> Result<Vec<R>> {
    let places: Vec<(u64, Option<(u64, u64)>)> = items.iter().map(place).collect();
    events.begin(stage, items.len() as u64, places.iter().map(|(size, _)| size).sum());
    let groups = schedule(places.into_iter());
    let done = workers::run(jobs, groups.len(), |number, _| {
        let mut results = Vec::new();
        for position in groups.get(number).into_iter().flatten() {
            let item = items.get(*position).ok_or_else(|| Error::new(Code::Bug, "an item was counted and is not there"))?;
            results.push((*position, work(item)));
            events.item();
        }
        Ok(results)
    })?;
    events.end();
    let mut results: Vec<(usize, R)> = done.into_iter().flatten().collect();
    results.sort_by_key(|(position, _)| *position);
    Ok(results.into_iter().map(|(_, result)| result).collect())
}
