//! Threads that hash and copy.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread::Builder;

use super::{Code, Error, Result};

/// The buffer of each thread, allocated once. 64 KiB and 128 KiB were measured equal; larger ones were slower, or erratic
/// on a loaded machine, because they no longer stay in the second-level cache between reading, hashing and writing.
const BUFFER_BYTES: usize = super::limits::CHUNK_BYTES;

/// What one of several threads works with.
#[derive(Debug)]
pub struct Worker<'w> {
    /// Its own.
    pub buffer: &'w mut [u8],
    /// Set when the work is to be given up.
    pub stop: &'w AtomicBool,
}

/// Does `work` for each number below `count`, on up to `jobs` threads, lowest numbers first, and gives the results in
/// order. The first failure tells the others to stop and is what comes back.
pub fn run<T: Send>(jobs: usize, count: usize, work: impl Fn(usize, &mut Worker<'_>) -> Result<T> + Sync) -> Result<Vec<T>> {
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
            match work(number, &mut Worker { buffer: &mut buffer, stop: &stop }) {
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
            // A machine that is short of threads gets fewer, and with none of them the work is done here.
            let threads: Vec<_> = (0..jobs.min(count)).map_while(|_| Builder::new().spawn_scoped(scope, worker).ok()).collect();
            let mut done = if threads.is_empty() { worker() } else { Vec::with_capacity(count) };
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

/// How many pieces wait for each thread, before and behind it.
const WAITING: usize = 1;

/// Makes pieces one after another, works on them on up to `jobs` threads, and takes the results in the order in which the pieces
/// were made. Pieces are dealt in turns, so no more than a few for each thread exist at once.
///
/// `make` gets a function that deals a piece; when that fails, nobody takes the results any more, and `make` shall end. The first
/// failure, of whatever step, is what comes back.
pub fn in_order<Piece: Send, Done: Send>(
    jobs: usize,
    make: impl FnOnce(&mut dyn FnMut(Piece) -> Result<()>) -> Result<()> + Send,
    work: impl Fn(Piece) -> Result<Done> + Sync,
    mut take: impl FnMut(Done) -> Result<()>,
) -> Result<()> {
    let panicked = |_| Error::new(Code::Bug, "a thread panicked");
    std::thread::scope(|scope| {
        let mut dealt: Vec<SyncSender<Piece>> = Vec::new();
        let mut done: Vec<Receiver<Result<Done>>> = Vec::new();
        let mut workers = Vec::new();
        for _ in 0..jobs.max(1) {
            let (deal, pieces) = sync_channel(WAITING);
            let (give, results) = sync_channel(WAITING);
            let work = &work;
            let worker = move || {
                for piece in pieces {
                    let result = work(piece);
                    let failed = result.is_err();
                    if give.send(result).is_err() || failed {
                        break;
                    }
                }
            };
            match Builder::new().spawn_scoped(scope, worker) {
                Ok(worker) => workers.push(worker),
                Err(error) if workers.is_empty() => return Err(no_thread(error)),
                // A machine that is short of threads gets fewer.
                Err(_) => break,
            }
            dealt.push(deal);
            done.push(results);
        }
        let maker = move || {
            let mut turns = dealt.iter().cycle();
            make(&mut |piece| {
                let turn = turns.next().and_then(|deal| deal.send(piece).ok());
                turn.ok_or_else(|| Error::new(Code::Bug, "the work was stopped"))
            })
        };
        let maker = Builder::new().spawn_scoped(scope, maker).map_err(no_thread)?;
        // The first thread that has nothing left in its turn got no further piece, and neither did those after it.
        let taken = done.iter().cycle().map_while(|results| results.recv().ok()).try_for_each(|result| take(result?));
        drop(done);
        let made = maker.join().map_err(panicked).and_then(|made| made);
        let worked = workers.into_iter().try_for_each(|worker| worker.join().map_err(panicked));
        // What stopped the others comes before what they say about being stopped.
        taken.and(worked).and(made)
    })
}

fn no_thread(error: std::io::Error) -> Error {
    Error::io("start a thread", error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> Error {
        Error::new(Code::Io, text)
    }

    #[test]
    fn results_come_in_the_order_of_the_pieces() {
        for jobs in [0, 1, 2, 7] {
            for count in [0, 1, 2, 3, 100] {
                let mut taken = Vec::new();
                in_order(
                    jobs,
                    |deal| (0..count).try_for_each(deal),
                    |piece: u64| Ok(piece * 2),
                    |done| {
                        taken.push(done);
                        Ok(())
                    },
                )
                .unwrap();
                assert_eq!(taken, (0..count).map(|piece| piece * 2).collect::<Vec<_>>(), "{jobs} threads, {count} pieces");
            }
        }
    }

    #[test]
    fn the_first_failure_ends_the_work_and_comes_back() {
        for jobs in [1, 3] {
            let fails = |making: u64, working: u64, taking: u64| {
                let mut taken = 0;
                let make = |deal: &mut dyn FnMut(u64) -> Result<()>| {
                    (0..1000).try_for_each(|piece| if piece == making { Err(error("making")) } else { deal(piece) })
                };
                let failure = in_order(
                    jobs,
                    make,
                    |piece| if piece == working { Err(error("working")) } else { Ok(piece) },
                    |piece| {
                        taken += 1;
                        if piece == taking { Err(error("taking")) } else { Ok(()) }
                    },
                );
                (failure.unwrap_err().finding().message.clone(), taken)
            };
            assert_eq!(fails(5, 2000, 2000), ("making".to_owned(), 5));
            assert_eq!(fails(2000, 5, 2000), ("working".to_owned(), 5));
            assert_eq!(fails(2000, 2000, 5), ("taking".to_owned(), 6));
            assert_eq!(fails(999, 2000, 0), ("taking".to_owned(), 1));
        }
    }

    #[test]
    fn a_thread_that_panics_does_not_pass_for_the_end() {
        let done =
            in_order(2, |deal| (0..3).try_for_each(deal), |piece| if piece == 2 { panic!("on purpose") } else { Ok(piece) }, |_| Ok(()));
        assert_eq!(done.unwrap_err().code(), Code::Bug);
    }
}
