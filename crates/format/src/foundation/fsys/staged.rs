//! A file that is being written: without a name until its content is complete.
//!
//! Where the file system has no files without names (`O_TMPFILE`), it has one of the pattern that [`super::is_temporary`] recognises.

use std::fmt;
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};

use rustix::fs::{AtFlags, CWD, FallocateFlags, Gid, Mode, OFlags, RenameFlags, Uid};
use rustix::io::Errno;

use super::File;
use super::fault::Operation;
use super::leftover::exchange_mark;
use super::open::Way;
use super::read::shown;
use super::temporary::{NAME_ATTEMPTS, hold, temporary};
use super::write::{Stamp, WriteDirectory, failed};
use crate::foundation::{Error, Result};

/// What [`Staged::publish`] did.
#[derive(Debug)]
pub enum Published<'a> {
    /// The file has its name.
    New,
    /// Something of that name was there; the file is still staged.
    Exists(Staged<'a>),
}

/// A file that is being written and has no name yet, or a temporary one. Dropping it removes it.
pub struct Staged<'a> {
    pub(super) home: &'a WriteDirectory,
    pub(super) fd: OwnedFd,
    pub(super) name: Option<String>,
}

impl WriteDirectory {
    /// Begins a file that has no name.
    ///
    /// # Errors
    /// `io`, `io.space`.
    pub fn stage(&self) -> Result<Staged<'_>> {
        let mode = Mode::from_raw_mode(0o666);
        let flags = OFlags::RDWR | OFlags::TMPFILE | OFlags::CLOEXEC;
        let (fd, name) = match self.change(Operation::Stage, || rustix::fs::openat(self.directory().fd(), ".", flags, mode)) {
            Ok(fd) => (fd, None),
            // What file systems and kernels without O_TMPFILE answer.
            Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL | Errno::NOENT) => {
                let (fd, name) = self.create_temporary()?;
                (fd, Some(name))
            }
            Err(errno) => return Err(failed("create a file in", self.directory().path(), errno)),
        };
        let staged = Staged { home: self, fd, name };
        if let Some((user, group)) = self.owner {
            self.change(Operation::Own, || rustix::fs::fchown(&staged.fd, Some(user), Some(group)))
                .map_err(|errno| failed("set the owner of a file in", self.directory().path(), errno))?;
        }
        Ok(staged)
    }

    fn create_temporary(&self) -> Result<(OwnedFd, String)> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut last = Errno::EXIST;
        for _ in 0..NAME_ATTEMPTS {
            let name = temporary();
            match self.change(Operation::Create, || rustix::fs::openat(self.directory().fd(), &name, flags, Mode::from_raw_mode(0o666))) {
                Ok(fd) if hold(&fd) && self.still_names(&name, &fd) => return Ok((fd, name)),
                // Somebody else has the name, or just takes this file for abandoned.
                Ok(_) | Err(Errno::EXIST) => {}
                Err(errno) => {
                    last = errno;
                    break;
                }
            }
        }
        Err(failed("create a file in", self.directory().path(), last))
    }
}

impl<'a> Staged<'a> {
    fn failed(&self, step: &str, errno: Errno) -> Error {
        failed(&format!("{step} a new file in"), self.home.directory().path(), errno)
    }

    /// Writes all of `bytes` at `offset`.
    ///
    /// # Errors
    /// `io`, `io.space`.
    pub fn write_at(&self, bytes: &[u8], offset: u64) -> Result<()> {
        let mut done = 0;
        while let Some(rest) = bytes.get(done..).filter(|rest| !rest.is_empty()) {
            let position = offset.saturating_add(done as u64);
            if let Err(fault) = self.home.faults().gate(Operation::Write) {
                if fault.torn {
                    let half = rest.get(..rest.len() / 2).unwrap_or_default();
                    // The test wants a torn write; whether it worked changes nothing.
                    let _ = rustix::io::pwrite(&self.fd, half, position);
                }
                if fault.errno == Errno::INTR {
                    continue;
                }
                return Err(self.failed("write", fault.errno));
            }
            match rustix::io::pwrite(&self.fd, rest, position) {
                Ok(0) => return Err(self.failed("write", Errno::IO)),
                Ok(count) => done = done.saturating_add(count),
                Err(Errno::INTR) => {}
                Err(errno) => return Err(self.failed("write", errno)),
            }
        }
        Ok(())
    }

    /// Reads some of the bytes at `offset`; 0 only at the end or for an empty buffer.
    ///
    /// # Errors
    /// Those of the system.
    pub fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        loop {
            match rustix::io::pread(&self.fd, &mut *buffer, offset) {
                Err(Errno::INTR) => {}
                other => return other.map_err(io::Error::from),
            }
        }
    }

    /// Copies `length` bytes of `from`, which begin at `at`, to `offset`, without bringing them here. `false` if the system cannot do
    /// that between these two files; the place may hold some of them then.
    ///
    /// # Errors
    /// `io`, `io.space`.
    pub fn copy_from(&self, from: &File, at: u64, length: u64, offset: u64) -> Result<bool> {
        let (mut source, mut target) = (at, offset);
        let end = at.saturating_add(length);
        let opened = from.opened().map_err(|error| Error::io(format!("read {}", shown(from.path())), error))?;
        while source < end {
            let rest = usize::try_from(end - source).unwrap_or(usize::MAX);
            let copied = self
                .home
                .change(Operation::Write, || rustix::fs::copy_file_range(&opened, Some(&mut source), &self.fd, Some(&mut target), rest));
            match copied {
                // Some file systems copy nothing instead of refusing.
                Ok(0) | Err(Errno::XDEV | Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP | Errno::PERM) => return Ok(false),
                Ok(_) => {}
                Err(errno) => return Err(self.failed("write", errno)),
            }
        }
        Ok(true)
    }

    /// Sets the size; what was not written reads as zeros.
    pub fn resize(&self, length: u64) -> Result<()> {
        self.home.change(Operation::Resize, || rustix::fs::ftruncate(&self.fd, length)).map_err(|errno| self.failed("size", errno))
    }

    /// Reserves space for `length` bytes, so that a full disk is found before the work and not after it. File systems
    /// that cannot are left alone.
    pub fn reserve(&self, length: u64) -> Result<()> {
        if length == 0 {
            return Ok(());
        }
        match self.home.change(Operation::Reserve, || rustix::fs::fallocate(&self.fd, FallocateFlags::empty(), 0, length)) {
            Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
            Err(errno) => Err(self.failed("reserve space for", errno)),
        }
    }

    /// Makes the content durable. A failure is final: the kernel reports a lost write once, so asking again would lie.
    pub fn sync(&self) -> Result<()> {
        self.home.change(Operation::SyncFile, || rustix::fs::fdatasync(&self.fd)).map_err(|errno| self.failed("flush", errno))
    }

    /// Takes permissions, group and owner from the file `like` in the same directory, owner and group as far as we may.
    pub fn resemble(&self, like: &str) -> Result<()> {
        let theirs = rustix::fs::statat(self.home.directory().fd(), like, AtFlags::SYMLINK_NOFOLLOW)
            .map_err(|errno| self.failed("prepare", errno))?;
        let ours = rustix::fs::fstat(&self.fd).map_err(|errno| self.failed("examine", errno))?;
        let set = |owner, group| match self.home.change(Operation::Own, || rustix::fs::fchown(&self.fd, owner, group)) {
            Ok(()) | Err(Errno::PERM) => Ok(()),
            Err(errno) => Err(self.failed("set the owner of", errno)),
        };
        if theirs.st_gid != ours.st_gid {
            set(None, Some(Gid::from_raw(theirs.st_gid)))?;
        }
        if theirs.st_uid != ours.st_uid {
            set(Some(Uid::from_raw(theirs.st_uid)), None)?;
        }
        if (theirs.st_mode ^ ours.st_mode) & 0o777 != 0 {
            let mode = Mode::from_raw_mode(theirs.st_mode & 0o777);
            self.home
                .change(Operation::Mode, || rustix::fs::fchmod(&self.fd, mode))
                .map_err(|errno| self.failed("set the mode of", errno))?;
        }
        Ok(())
    }

    /// Gives the file its name in `directory`, which must lie on the same file system; never replaces anything.
    pub fn publish(mut self, directory: &WriteDirectory, name: &str) -> Result<Published<'a>> {
        let done = match &self.name {
            None => self.link(directory, name),
            Some(temporary) => {
                let (from, to) = (self.home.directory().fd(), directory.directory().fd());
                match self
                    .home
                    .change(Operation::Rename, || rustix::fs::renameat_with(from, temporary.as_str(), to, name, RenameFlags::NOREPLACE))
                {
                    // A file system without the flag: a second name never replaces anything, and the first is removed.
                    Err(Errno::INVAL | Errno::NOSYS) => {
                        self.home
                            .change(Operation::Link, || rustix::fs::linkat(from, temporary.as_str(), to, name, AtFlags::empty()))
                            .inspect(|()| {
                                // A temporary name that stays is harmless, and the file is complete.
                                let _ = self.home.unlink(temporary);
                            })
                    }
                    other => other,
                }
            }
        };
        match done {
            Ok(()) => {
                self.name = None;
                Ok(Published::New)
            }
            Err(Errno::EXIST) => Ok(Published::Exists(self)),
            Err(errno) => Err(failed("create", &directory.path_of(name), errno)),
        }
    }

    fn link(&self, directory: &WriteDirectory, name: &str) -> rustix::io::Result<()> {
        let to = directory.directory().fd();
        let through = format!("/proc/self/fd/{}", self.fd.as_raw_fd());
        match self.home.change(Operation::Link, || rustix::fs::linkat(CWD, through.as_str(), to, name, AtFlags::SYMLINK_FOLLOW)) {
            // No /proc here. The other way needs a capability on older kernels, so it comes second.
            Err(Errno::NOENT) => self.home.change(Operation::Link, || rustix::fs::linkat(&self.fd, "", to, name, AtFlags::EMPTY_PATH)),
            other => other,
        }
    }

    /// Makes sure that the file has a temporary name in its home directory, for a replacement.
    pub fn name(&mut self) -> Result<&str> {
        self.named("")
    }

    /// Gives the file a temporary name for an exchange with a file that is `old`; see [`WriteDirectory::clear`].
    ///
    /// # Errors
    /// `io`, `io.space`.
    pub fn name_for_exchange(&mut self, old: Option<&Stamp>) -> Result<&str> {
        let ours = rustix::fs::fstat(&self.fd).map_err(|errno| self.failed("examine", errno))?;
        let mark = exchange_mark(&Stamp::of(&ours), old);
        if let Some(name) = &mut self.name {
            let marked = format!("{name}{mark}");
            self.home.rename(name, &marked)?;
            *name = marked;
        }
        self.named(&mark)
    }

    fn named(&mut self, mark: &str) -> Result<&str> {
        if self.name.is_none() {
            // It has no name yet, so nobody else can hold it.
            let _ = hold(&self.fd);
            let mut last = Errno::EXIST;
            for _ in 0..NAME_ATTEMPTS {
                let name = format!("{}{mark}", temporary());
                match self.link(self.home, &name) {
                    Ok(()) => {
                        self.name = Some(name);
                        break;
                    }
                    Err(Errno::EXIST) => {}
                    Err(errno) => {
                        last = errno;
                        break;
                    }
                }
            }
            if self.name.is_none() {
                return Err(self.failed("name", last));
            }
        }
        Ok(self.name.as_deref().unwrap_or_default())
    }

    /// Puts the file in the place of whatever `name` in `directory` is, in one step. A symbolic link there is replaced
    /// itself; its target stays as it is.
    pub fn replace(mut self, directory: &WriteDirectory, name: &str) -> Result<()> {
        let home = self.home;
        let temporary = self.name()?;
        home.change(Operation::Rename, || rustix::fs::renameat(home.directory().fd(), temporary, directory.directory().fd(), name))
            .map_err(|errno| failed("replace", &directory.path_of(name), errno))?;
        self.name = None;
        Ok(())
    }

    /// Ends the writing: what was written can be read, and is gone when nobody holds it any more.
    ///
    /// # Errors
    /// `io`.
    pub fn into_file(mut self) -> Result<super::File> {
        if let Some(name) = self.name.take() {
            self.home.unlink(&name)?;
        }
        let fd =
            self.fd.try_clone().map_err(|error| Error::io(format!("keep a new file in {}", shown(self.home.directory().path())), error))?;
        super::File::check(fd, self.home.directory().path().to_owned(), Way::Never)
    }

    /// Leaves the temporary name to the caller, who moved something else under it.
    pub fn forget(mut self) -> Option<String> {
        self.name.take()
    }
}

impl Drop for Staged<'_> {
    fn drop(&mut self) {
        if let Some(name) = &self.name {
            // Nobody is left to be told; the name is one that `is_temporary` recognises.
            let _ = self.home.unlink(name);
        }
    }
}

impl fmt::Debug for Staged<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Staged({:?} in {})", self.name, self.home.directory().path().display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::foundation::fsys::Faults;

    #[test]
    fn a_staged_file_has_no_name_until_it_is_published_and_never_replaces() {
        for faults in [Faults::none(), Faults::count().lacking(Operation::Stage, Errno::OPNOTSUPP), Faults::fail_at(2, Errno::INTR)] {
            let place = tempfile::tempdir().unwrap();
            let directory = WriteDirectory::open(place.path(), &faults).unwrap();
            let staged = directory.stage().unwrap();
            staged.write_at(b"hello", 0).unwrap();
            assert!(!place.path().join("a").exists());
            assert!(matches!(staged.publish(&directory, "a").unwrap(), Published::New));
            let second = directory.stage().unwrap();
            second.write_at(b"other", 0).unwrap();
            let Published::Exists(second) = second.publish(&directory, "a").unwrap() else { panic!("it replaced") };
            assert_eq!(directory.directory().file("a").unwrap().unwrap().read_all(9).unwrap().unwrap(), b"hello");
            second.replace(&directory, "a").unwrap();
            assert_eq!(directory.directory().file("a").unwrap().unwrap().read_all(9).unwrap().unwrap(), b"other");
            drop(directory.stage().unwrap());
            assert_eq!(directory.directory().entries(".").unwrap().len(), 1);
        }
    }

    #[test]
    fn what_the_kernel_copies_is_what_it_was() {
        let place = tempfile::tempdir().unwrap();
        let faults = Faults::none();
        let directory = WriteDirectory::open(place.path(), &faults).unwrap();
        let one = directory.stage().unwrap();
        one.write_at(b"hello, world", 0).unwrap();
        let one = one.into_file().unwrap();
        let two = directory.stage().unwrap();
        two.write_at(b"<..........>", 0).unwrap();
        assert!(two.copy_from(&one, 7, 5, 3).unwrap());
        // A file that is shorter than it should be.
        assert!(!two.copy_from(&one, 7, 6, 3).unwrap());
        assert_eq!(two.into_file().unwrap().read_all(99).unwrap().unwrap(), b"<..world...>");
    }

    #[test]
    fn a_staged_file_that_is_kept_is_read_and_has_no_name() {
        for faults in [Faults::none(), Faults::count().lacking(Operation::Stage, Errno::OPNOTSUPP)] {
            let place = tempfile::tempdir().unwrap();
            let directory = WriteDirectory::open(place.path(), &faults).unwrap();
            let staged = directory.stage().unwrap();
            staged.write_at(b"hello", 0).unwrap();
            let file = staged.into_file().unwrap();
            assert_eq!(directory.directory().entries(".").unwrap().len(), 0);
            assert_eq!(file.read_all(9).unwrap().unwrap(), b"hello");
        }
    }
}
