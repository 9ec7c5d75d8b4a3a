//! Threads that hash and copy.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::{Code, Error, Result};

/// The buffer of each thread, allocated once. 64 KiB and 128 KiB were measured equal; larger ones were slower, or erratic
/// on a loaded machine, because they no longer stay in the second-level cache between reading, hashing and writing.
const BUFFER_BYTES: usize = super::limits::CHUNK_BYTES;

/// Does `work` for each number below `count`, on up to `jobs` threads, lowest numbers first, and gives the results in
/// order. The first failure tells the others to stop and is what comes back.
pub(crate) fn run<T: Send>(jobs: usize, count: usize, work: impl Fn(usize, &mut [u8], &AtomicBool) -> Result<T> + Sync) -> Result<Vec<T>> {
    let stop = AtomicBool::new(false);
    let next = AtomicUsize::new(0);
    let failure = Mutex::new(None);
    let worker = || {
        let mut done = Vec::new();
        let mut buffer = vec![0; BUFFER_BYTES];
        while !stop.load(Ordering::Relaxed) {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                break;
            }
            match work(number, &mut buffer, &stop) {
                Ok(result) => done.push((number, result)),
                Err(error) => {
                    if !stop.swap(true, Ordering::Relaxed) {
                        *failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                    }
                }
            }
        }
        done
    };
    let mut done = if jobs.min(count) <= 1 {
        worker()
    } else {
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..jobs.min(count)).map(|_| scope.spawn(worker)).collect();
            let mut done = Vec::with_capacity(count);
            for thread in threads {
                done.extend(thread.join().map_err(|_| Error::new(Code::Bug, "a thread panicked"))?);
            }
            Ok(done)
        })?
    };
    if let Some(error) = failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(error);
    }
    done.sort_unstable_by_key(|(number, _)| *number);
    Ok(done.into_iter().map(|(_, result)| result).collect())
}
