//! Hashing many blobs at once.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Source, layer};
use crate::core::Result;
use crate::core::event::Events;
use crate::oci::Descriptor;

/// Hashes all blobs, the largest first, on `jobs` threads; gives the number of bytes that were hashed.
///
/// # Errors
/// The first blob, in the order given, that is not what its descriptor says.
pub fn hash_all(blobs: &[(Arc<Source>, Descriptor)], jobs: usize, events: &dyn Events) -> Result<u64> {
    let results = each(
        blobs,
        |(_, descriptor)| descriptor.size,
        jobs,
        events,
        "verify",
        |(source, descriptor)| layer::check_content(source, descriptor, events),
    );
    results.into_iter().collect::<Result<Vec<()>>>()?;
    Ok(blobs.iter().map(|(_, descriptor)| descriptor.size).sum())
}

/// Runs `work` on every item, the largest first, on `jobs` threads; the results are in the order of the items.
///
/// Largest first, because the last thread to finish decides how long it takes.
pub fn each<T: Sync, R: Send>(
    items: &[T],
    size: impl Fn(&T) -> u64,
    jobs: usize,
    events: &dyn Events,
    stage: &str,
    work: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    let mut order: Vec<usize> = (0..items.len()).collect();
    order.sort_by_key(|position| std::cmp::Reverse(items.get(*position).map_or(0, &size)));
    events.begin(stage, items.len() as u64, items.iter().map(&size).sum());
    let next = AtomicUsize::new(0);
    let results: Mutex<Vec<(usize, R)>> = Mutex::new(Vec::with_capacity(items.len()));
    let run = || {
        while let Some(position) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
            let Some(item) = items.get(*position) else { continue };
            let result = work(item);
            events.item();
            if let Ok(mut results) = results.lock() {
                results.push((*position, result));
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..jobs.min(items.len()).max(1) {
            scope.spawn(run);
        }
        run();
    });
    events.end();
    let mut results = results.into_inner().unwrap_or_default();
    results.sort_by_key(|(position, _)| *position);
    results.into_iter().map(|(_, result)| result).collect()
}
