//! Locks between processes.
//!
//! The *store lock* is `flock` on the root directory itself: shared for every writer from its first blob to the commit
//! of the index, exclusive for whoever deletes. It creates no file, vanishes with the process and cannot go stale.
//!
//! The *index lock* is `flock` on `index.json.lock`, held for the short read-modify-write of `index.json` only.
//! BuildKit uses the same file and the same call, so BuildKit and this program exclude each other. BuildKit unlinks the
//! file after use; whoever locked an unlinked file holds nothing, so the lock counts only if the file still has its name.
//!
//! `index.lock` (podman's artifact store) and `.lock` (linuxkit) are locked too where they exist, by `fcntl`, which is
//! what those programs use; they are never created. `fcntl` locks belong to the process, not to the file handle, but
//! only the holder of the index lock opens these files, so threads of one process do not meet there.
//!
//! Order: store, index, foreign. Waiting is polling with a growing, jittered pause, until the time is over: then it is
//! `write.busy`, and if the kernel tells, the process that holds the lock is named.

use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::fs::{FlockOperation, Mode, OFlags};
use rustix::io::Errno;

use super::fault::Operation;
use super::read::shown;
use super::temporary::random;
use super::write::{WriteDirectory, failed};
use crate::foundation::clock::{self, Stopwatch};
use crate::foundation::{Code, Error, Result};

/// The name of the lock file that BuildKit and this program share.
pub const INDEX_LOCK: &str = "index.json.lock";

/// Lock files of other programs that are honoured where they exist.
const FOREIGN_LOCKS: [&str; 2] = ["index.lock", ".lock"];

const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

/// Holds the store lock until it is dropped.
#[derive(Debug)]
pub struct StoreLock {
    _held: OwnedFd,
}

impl StoreLock {
    /// Taken by writers; any number may hold it at once.
    ///
    /// # Errors
    /// `write.busy`, `io`.
    pub fn shared(directory: &WriteDirectory, timeout: Duration) -> Result<Self> {
        Self::take(directory, FlockOperation::NonBlockingLockShared, timeout)
    }

    /// Taken by whoever deletes; nobody else holds it then.
    ///
    /// # Errors
    /// `write.busy`, `io`.
    pub fn exclusive(directory: &WriteDirectory, timeout: Duration) -> Result<Self> {
        Self::take(directory, FlockOperation::NonBlockingLockExclusive, timeout)
    }

    fn take(directory: &WriteDirectory, operation: FlockOperation, timeout: Duration) -> Result<Self> {
        let held = directory.reopened()?;
        let mut wait = Wait::new(timeout);
        loop {
            match directory.change(Operation::Lock, || rustix::fs::flock(&held, operation)) {
                Ok(()) => return Ok(Self { _held: held }),
                Err(Errno::WOULDBLOCK) => wait.pause(directory, ".", &held)?,
                Err(errno) => return Err(failed("lock", directory.directory().path(), errno)),
            }
        }
    }
}

/// Holds the index lock, and those of other programs, until it is dropped.
#[derive(Debug)]
pub struct IndexLock<'a> {
    directory: &'a WriteDirectory,
    /// Open files; closing them ends the locks.
    #[cfg_attr(not(test), expect(dead_code, reason = "it is held, not used"))]
    held: OwnedFd,
    foreign: Vec<OwnedFd>,
}

impl<'a> IndexLock<'a> {
    /// Waits for the right to replace `index.json`.
    ///
    /// # Errors
    /// `write.busy`, `io`.
    pub fn take(directory: &'a WriteDirectory, timeout: Duration) -> Result<Self> {
        let mut wait = Wait::new(timeout);
        let path = directory.directory().path().join(INDEX_LOCK);
        let held = loop {
            let file = directory.lock_file(INDEX_LOCK).map_err(|errno| failed("open", &path, errno))?;
            match directory.change(Operation::Lock, || rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive)) {
                Ok(()) if directory.still_names(INDEX_LOCK, &file) => break file,
                // It was unlinked before we had it: the next one is another file.
                Ok(()) => wait.tick(directory, INDEX_LOCK, &file)?,
                Err(Errno::WOULDBLOCK) => wait.pause(directory, INDEX_LOCK, &file)?,
                Err(errno) => return Err(failed("lock", &path, errno)),
            }
        };
        // From here on dropping it removes the name, also when a foreign lock cannot be had.
        let mut lock = Self { directory, held, foreign: Vec::new() };
        for name in FOREIGN_LOCKS {
            let path = directory.directory().path().join(name);
            let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
            let file = match rustix::fs::openat(directory.directory().fd(), name, flags, Mode::empty()) {
                Ok(file) => file,
                // A directory or a link of that name is no lock of anybody.
                Err(Errno::NOENT | Errno::ISDIR | Errno::LOOP) => continue,
                Err(errno) => return Err(failed("open", &path, errno)),
            };
            loop {
                match directory.change(Operation::Lock, || rustix::fs::fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive)) {
                    Ok(()) => break,
                    Err(Errno::WOULDBLOCK | Errno::ACCESS) => wait.pause(directory, name, &file)?,
                    Err(errno) => return Err(failed("lock", &path, errno)),
                }
            }
            lock.foreign.push(file);
        }
        Ok(lock)
    }
}

impl Drop for IndexLock<'_> {
    fn drop(&mut self) {
        // While it is held, so that nobody else's file is removed.
        self.directory.remove_lock_file(INDEX_LOCK);
    }
}

struct Wait {
    watch: Stopwatch,
    timeout: Duration,
    pause: Duration,
}

impl Wait {
    fn new(timeout: Duration) -> Self {
        Self { watch: Stopwatch::start(), timeout, pause: FIRST_PAUSE }
    }

    /// Refuses when the time is over.
    fn tick(&self, directory: &WriteDirectory, name: &str, file: &OwnedFd) -> Result<()> {
        if self.watch.elapsed() < self.timeout {
            return Ok(());
        }
        let path = if name == "." { directory.directory().path().to_owned() } else { directory.directory().path().join(name) };
        let error = Error::new(Code::WriteBusy, format!("{} is locked by another writer", shown(&path)))
            .detail(format!("waited {:.1} s", self.watch.elapsed().as_secs_f64()));
        Err(match holder(file) {
            Some(process) => error.detail(format!("the lock is held by process {process}")),
            None => error,
        })
    }

    /// Sleeps a little, longer each time and never two processes in step.
    fn pause(&mut self, directory: &WriteDirectory, name: &str, file: &OwnedFd) -> Result<()> {
        self.tick(directory, name, file)?;
        let jitter = u32::try_from(random() % 1024).unwrap_or(0);
        clock::sleep((self.pause / 2).saturating_add(self.pause.saturating_mul(jitter) / 1024));
        self.pause = self.pause.saturating_mul(2).min(LONGEST_PAUSE);
        Ok(())
    }
}

/// The process that holds a lock on `file`, from the kernel's list of locks: lines such as
/// `1: FLOCK  ADVISORY  WRITE 1234 fe:00:131074 0 EOF`. A help for the user; `None` wherever anything is in doubt.
fn holder(file: &OwnedFd) -> Option<u32> {
    let stat = rustix::fs::fstat(file).ok()?;
    let place = format!("{:02x}:{:02x}:{}", rustix::fs::major(stat.st_dev), rustix::fs::minor(stat.st_dev), stat.st_ino);
    // No lock depends on it.
    let list = rustix::fs::open("/proc/locks", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok()?;
    let mut text = Vec::new();
    let mut buffer = [0; 8192];
    loop {
        // As above.
        let count = rustix::io::read(&list, &mut buffer).ok()?;
        if count == 0 {
            break;
        }
        text.extend_from_slice(buffer.get(..count)?);
    }
    String::from_utf8_lossy(&text).lines().find_map(|line| {
        let mut words = line.split_ascii_whitespace();
        // Those who wait are listed too, marked by an arrow.
        let process = words.nth(4).filter(|_| !line.contains("->"))?;
        (words.next()? == place).then(|| process.parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use rustix::fs::AtFlags;

    use super::*;
    use crate::foundation::fsys::{Directory, Faults};

    const SHORT: Duration = Duration::from_millis(20);

    #[test]
    fn writers_share_the_store_and_exclude_who_deletes() {
        let place = tempfile::tempdir().unwrap();
        let directory = WriteDirectory::open(place.path(), &Faults::none()).unwrap();
        let one = StoreLock::shared(&directory, SHORT).unwrap();
        let two = StoreLock::shared(&directory, SHORT).unwrap();
        let busy = StoreLock::exclusive(&directory, SHORT).unwrap_err();
        assert_eq!(busy.code(), Code::WriteBusy);
        drop((one, two));
        let _alone = StoreLock::exclusive(&directory, SHORT).unwrap();
        assert_eq!(StoreLock::shared(&directory, SHORT).unwrap_err().code(), Code::WriteBusy);
        assert!(directory.directory().entries(".").unwrap().is_empty());
    }

    #[test]
    fn the_index_lock_excludes_names_its_holder_and_leaves_no_file() {
        let place = tempfile::tempdir().unwrap();
        let directory = WriteDirectory::open(place.path(), &Faults::none()).unwrap();
        let lock = IndexLock::take(&directory, SHORT).unwrap();
        let busy = IndexLock::take(&directory, SHORT).unwrap_err();
        assert_eq!(busy.code(), Code::WriteBusy);
        assert!(busy.finding().message.contains(INDEX_LOCK));
        drop(lock);
        assert!(directory.directory().entries(".").unwrap().is_empty());
    }

    #[test]
    fn a_lock_file_that_lost_its_name_is_no_lock() {
        let place = tempfile::tempdir().unwrap();
        // The former holder unlinks it between our opening and our locking, twice.
        let outside = Directory::open(place.path()).unwrap();
        let times = AtomicUsize::new(0);
        let faults = Faults::count().meanwhile(Operation::Lock, move || {
            if times.fetch_add(1, Ordering::SeqCst) < 2 {
                rustix::fs::unlinkat(outside.fd(), INDEX_LOCK, AtFlags::empty()).unwrap();
            }
        });
        let directory = WriteDirectory::open(place.path(), &faults).unwrap();
        let lock = IndexLock::take(&directory, SHORT).unwrap();
        assert!(directory.still_names(INDEX_LOCK, &lock.held));
        assert_eq!(IndexLock::take(&directory, SHORT).unwrap_err().code(), Code::WriteBusy);
    }

    #[test]
    fn lock_files_of_other_programs_are_used_and_never_created() {
        let place = tempfile::tempdir().unwrap();
        let directory = WriteDirectory::open(place.path(), &Faults::none()).unwrap();
        drop(directory.lock_file("index.lock").unwrap());
        let lock = IndexLock::take(&directory, SHORT).unwrap();
        assert_eq!(lock.foreign.len(), 1);
        drop(lock);
        let left = directory.directory().entries(".").unwrap();
        assert_eq!(left.iter().map(|entry| entry.name.as_slice()).collect::<Vec<_>>(), [b"index.lock"]);
    }
}
