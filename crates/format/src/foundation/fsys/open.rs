//! Files that are open for reading: not more than a few at once, however many are in use.
//!
//! A copy of a layout knows thousands of blobs, and a process may often have no more than 1024 open files, or 256. What was opened
//! longest ago is closed, and opened again in the same way when it is read; it must then be the same file.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use rustix::fs::{Mode, OFlags};

use super::beneath;
use crate::foundation::finding::Replaced;

/// How many files that can be opened again stay open.
const MOST: usize = 24;

/// How files are opened for reading: without waiting for anybody.
pub(super) const READING: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

/// How a file is opened once more.
pub(super) enum Way {
    /// It has no name.
    Never,
    /// By the path that a user gave.
    Path(PathBuf),
    /// Beneath a directory, no link followed.
    Beneath(Arc<OwnedFd>, String),
}

impl Way {
    pub(super) fn open(&self) -> rustix::io::Result<OwnedFd> {
        match self {
            Self::Never => Err(rustix::io::Errno::BADF),
            Self::Path(path) => rustix::io::retry_on_intr(|| rustix::fs::open(path, READING, Mode::empty())),
            Self::Beneath(directory, relative) => beneath::open(directory.as_fd(), relative, READING),
        }
    }
}

/// What a file is closed by while somebody else still knows it.
type Slot = Mutex<Option<Arc<File>>>;

/// What is open, the oldest first.
static OPEN: Mutex<VecDeque<Weak<Slot>>> = Mutex::new(VecDeque::new());

/// An open file, or one that will be opened again.
pub(super) struct Handle {
    slot: Arc<Slot>,
    way: Way,
    /// Device, inode and size.
    identity: (u64, u64, u64),
}

impl Handle {
    /// Takes a file that was just opened in this way.
    pub(super) fn new(file: File, way: Way) -> io::Result<Self> {
        let identity = identity(&file)?;
        let handle = Self { slot: Arc::new(Mutex::new(Some(Arc::new(file)))), way, identity };
        handle.note();
        Ok(handle)
    }

    /// The open file; it stays open as long as somebody holds this.
    pub(super) fn get(&self) -> io::Result<Arc<File>> {
        if let Some(file) = locked(&self.slot).as_ref() {
            return Ok(Arc::clone(file));
        }
        let file = Arc::new(File::from(self.way.open()?));
        if identity(&file)? != self.identity {
            return Err(io::Error::other(Replaced));
        }
        *locked(&self.slot) = Some(Arc::clone(&file));
        self.note();
        Ok(file)
    }

    /// Counts it among the open files, and closes the oldest one if there are too many.
    fn note(&self) {
        if matches!(self.way, Way::Never) {
            return;
        }
        let oldest = {
            let mut open = locked(&OPEN);
            open.push_back(Arc::downgrade(&self.slot));
            if open.len() > MOST { open.pop_front() } else { None }
        };
        if let Some(slot) = oldest.and_then(|slot| slot.upgrade()) {
            drop(locked(&slot).take());
        }
    }
}

fn identity(file: &File) -> io::Result<(u64, u64, u64)> {
    let metadata = file.metadata()?;
    Ok((metadata.dev(), metadata.ino(), metadata.len()))
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the tests look at the disk with other means than the code")]
mod tests {
    use crate::foundation::Code;
    use crate::foundation::fsys::{Directory, ReadAt as _};

    #[test]
    fn many_files_are_read_and_few_are_open() {
        let place = tempfile::tempdir().unwrap();
        let name = |number: usize| format!("file-{number}");
        for number in 0..400 {
            std::fs::write(place.path().join(name(number)), number.to_string()).unwrap();
        }
        let directory = Directory::open(place.path()).unwrap();
        let files: Vec<_> = (0..400).map(|number| directory.file(&name(number)).unwrap().unwrap()).collect();
        let open = || {
            let links = std::fs::read_dir("/proc/self/fd").unwrap().filter_map(|entry| std::fs::read_link(entry.unwrap().path()).ok());
            links.filter(|target| target.starts_with(place.path())).count()
        };
        assert!(open() <= super::MOST + 1, "{} files are open", open());
        for _ in 0..2 {
            for (number, file) in files.iter().enumerate() {
                assert_eq!(file.read_all(9).unwrap().unwrap(), number.to_string().as_bytes());
            }
        }
        assert!(open() <= super::MOST + 1);
        // Whoever puts another file in its place is found out; so is a file that is gone.
        std::fs::write(place.path().join("new"), "0").unwrap();
        std::fs::rename(place.path().join("new"), place.path().join("file-0")).unwrap();
        std::fs::remove_file(place.path().join("file-1")).unwrap();
        for file in files.iter().take(2) {
            assert!(file.read_exact_at(&mut [0], 0).is_err());
        }
        std::fs::write(place.path().join("file-2"), "longer").unwrap();
        for (number, code) in [(0, Code::BlobChanged), (1, Code::Io), (2, Code::BlobChanged)] {
            assert_eq!(files[number].read_all(9).unwrap_err().code(), code, "{number}");
            assert_eq!(files[number].check_unchanged().unwrap_err().code(), code, "{number}");
        }
    }
}
