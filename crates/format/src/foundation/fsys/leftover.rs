//! What a killed writer left behind, and the proof that nobody holds it any more.
//!
//! Whoever gives a file or a directory a temporary name holds a lock on it (`flock` on itself) until it has another name or is gone. The
//! lock ends with the process, however it ends. So whoever gets the lock of something with a temporary name has the proof that its
//! writer is dead; and a writer that finds its new name locked or gone takes another name.
//!
//! One thing has a temporary name and no such lock: the index that came out of an exchange. It lies in the root of a layout, where the
//! store lock tells whether somebody writes (see [`super::StoreLock`]), and it may be what another program wrote in the last moment. The
//! name therefore says which file was staged under it and which file was expected to come out: anything else is kept.

use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{AtFlags, FileType, FlockOperation, Mode, OFlags};

use super::fault::Operation;
use super::read::EntryKind;
use super::temporary::is_temporary;
use super::write::{Stamp, WriteDirectory};
use crate::foundation::{Digest, Result};

/// What the name of a file says that will be exchanged with the file `old`.
pub(super) fn exchange_mark(ours: &Stamp, old: Option<&Stamp>) -> String {
    let mark = |stamp: Option<&Stamp>| stamp.map_or_else(String::new, short);
    format!(".{}.{}", short(ours), mark(old))
}

/// Inode, size and date of the content, in a few characters.
fn short(stamp: &Stamp) -> String {
    let (size, inode, modified, _) = stamp.parts();
    Digest::sha256(format!("{inode} {size} {modified:?}").as_bytes()).hex().get(..16).unwrap_or_default().to_owned()
}

impl WriteDirectory {
    /// Removes the files with temporary names here that nobody holds, and directories of which `is_ours` says that they may go too.
    /// What cannot be removed stays, and so does what another program may have written. Whoever holds the store lock alone may remove
    /// what was `exchanged`. How many went.
    ///
    /// # Errors
    /// `io` if the directory cannot be listed.
    pub fn clear(&self, exchanged: bool, is_ours: &dyn Fn(&Self) -> Result<bool>) -> Result<usize> {
        let mut gone = 0;
        for entry in self.directory().entries(".")? {
            let Some(name) = std::str::from_utf8(&entry.name).ok().filter(|_| is_temporary(&entry.name)) else { continue };
            let went = match entry.kind {
                EntryKind::File if !self.may_go(name, exchanged) => Ok(false),
                _ => self.remove_abandoned(name, is_ours),
            };
            // What cannot be removed is reported by fsck; the writer that came by has other work.
            gone += usize::from(went.is_ok_and(|went| went));
        }
        Ok(gone)
    }

    /// Removes a file with a temporary name, or a directory if `is_ours` says that it may go. `false`, and nothing happened, if somebody
    /// holds it, or if that cannot be known.
    ///
    /// # Errors
    /// `io`, and those of `is_ours`.
    pub fn remove_abandoned(&self, name: &str, is_ours: &dyn Fn(&Self) -> Result<bool>) -> Result<bool> {
        match self.directory().kind(name)? {
            Some(EntryKind::File) => {
                let held = self.abandoned(name, OFlags::empty());
                if held.is_some() { self.unlink(name).map(|()| true) } else { Ok(false) }
            }
            Some(EntryKind::Directory) => {
                let held = self.abandoned(name, OFlags::DIRECTORY);
                let Some(tree) = self.beneath(name)?.filter(|_| held.is_some()) else { return Ok(false) };
                if is_ours(&tree)? { self.remove_tree(name).map(|()| true) } else { Ok(false) }
            }
            _ => Ok(false),
        }
    }

    /// Whether the file is what its writer staged, or the old index that it was exchanged with, and nothing that another program wrote.
    fn may_go(&self, name: &str, exchanged: bool) -> bool {
        let mut parts = name.trim_start_matches('.').splitn(3, '.').skip(1);
        match (parts.next(), parts.next()) {
            (None, _) => true,
            (Some(_), _) if !exchanged => false,
            (Some(staged), old) => self.stamp(name).is_some_and(|stamp| {
                let found = short(&stamp);
                found == staged || Some(found.as_str()) == old
            }),
        }
    }

    /// The lock of something that has a temporary name, if nobody holds it. While it is held here, its name stands for it.
    fn abandoned(&self, name: &str, flags: OFlags) -> Option<OwnedFd> {
        let flags = flags | OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        // What cannot be opened, locked or examined is not proven to be abandoned.
        let file = rustix::fs::openat(self.directory().fd(), name, flags, Mode::empty()).ok()?;
        // As above.
        self.change(Operation::Lock, || rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive)).ok()?;
        self.still_names(name, &file).then_some(file)
    }

    /// Whether a name still stands for the open file.
    pub(super) fn still_names(&self, name: &str, file: impl AsFd) -> bool {
        // Whoever is in doubt takes another name, or leaves it alone.
        let Ok(ours) = rustix::fs::fstat(file) else { return false };
        rustix::fs::statat(self.directory().fd(), name, AtFlags::SYMLINK_NOFOLLOW).is_ok_and(|named| {
            let is_same_kind = FileType::from_raw_mode(named.st_mode) == FileType::from_raw_mode(ours.st_mode);
            is_same_kind && (named.st_dev, named.st_ino) == (ours.st_dev, ours.st_ino)
        })
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the tests look at the disk with other means than the code")]
mod tests {
    use std::fs;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::super::{Faults, Published};
    use rustix::io::Errno;

    use super::*;

    const NEVER: &dyn Fn(&WriteDirectory) -> Result<bool> = &|_| Ok(false);

    fn names(place: &std::path::Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(place).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn what_nobody_holds_goes_and_what_somebody_holds_stays() {
        let place = tempfile::tempdir().unwrap();
        let faults = Faults::count().lacking(Operation::Stage, Errno::OPNOTSUPP);
        let directory = WriteDirectory::open(place.path(), &faults).unwrap();
        fs::write(place.path().join(".airbase-tmp-1-0123456789abcdef"), "left").unwrap();
        fs::write(place.path().join("notes.txt"), "mine").unwrap();
        std::os::unix::fs::symlink("notes.txt", place.path().join(".airbase-tmp-2-0123456789abcdef")).unwrap();
        let staged = directory.stage().unwrap();
        let held = staged.name.clone().unwrap();
        assert_eq!(directory.clear(false, NEVER).unwrap(), 1);
        let mut left = vec![".airbase-tmp-2-0123456789abcdef".to_owned(), held, "notes.txt".to_owned()];
        left.sort();
        assert_eq!(names(place.path()), left);
        assert!(matches!(staged.publish(&directory, "whole").unwrap(), Published::New));
        assert_eq!(directory.clear(false, NEVER).unwrap(), 0);
    }

    #[test]
    fn what_another_program_wrote_stays() {
        let place = tempfile::tempdir().unwrap();
        let join = |name: &str| place.path().join(name);
        let directory = WriteDirectory::open(place.path(), &Faults::none()).unwrap();
        // Killed before the exchange, after it, and after it when somebody had written in between.
        for (case, exchanged, foreign) in [(0, false, false), (1, true, false), (2, true, true)] {
            fs::write(join("index.json"), "the old one").unwrap();
            let mut staged = directory.stage().unwrap();
            staged.write_at(b"the new one", 0).unwrap();
            let name = staged.name_for_exchange(directory.stamp("index.json").as_ref()).unwrap().to_owned();
            if foreign {
                fs::write(join("index.json"), "theirs, longer").unwrap();
            }
            if exchanged {
                assert!(directory.exchange(&name, "index.json").unwrap());
            }
            staged.forget();
            assert_eq!(directory.clear(false, NEVER).unwrap(), 0, "{case}: only who is alone knows");
            assert_eq!(directory.clear(true, NEVER).unwrap(), usize::from(!foreign), "{case}");
            assert_eq!(join(&name).exists(), foreign, "{case}");
        }
    }

    /// Without files that have no name every staged file has a temporary one; a cleaner comes at any moment.
    #[test]
    fn a_cleaner_takes_nothing_from_writers() {
        let place = tempfile::tempdir().unwrap();
        let faults = Faults::count().lacking(Operation::Stage, Errno::OPNOTSUPP);
        let directory = WriteDirectory::open(place.path(), &faults).unwrap();
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let cleaner = scope.spawn(|| {
                while !done.load(Ordering::SeqCst) {
                    directory.clear(false, NEVER).unwrap();
                }
            });
            let write = |writer: usize| {
                for number in 0..100 {
                    let staged = directory.stage().unwrap();
                    staged.write_at(b"content", 0).unwrap();
                    assert!(matches!(staged.publish(&directory, &format!("{writer}-{number}")).unwrap(), Published::New));
                }
            };
            let writers: Vec<_> = (0..3).map(|writer| scope.spawn(move || write(writer))).collect();
            for writer in writers {
                writer.join().unwrap();
            }
            done.store(true, Ordering::SeqCst);
            cleaner.join().unwrap();
        });
        assert_eq!(names(place.path()).len(), 300);
        assert!(names(place.path()).iter().all(|name| fs::read(place.path().join(name)).unwrap() == b"content"));
    }
}
