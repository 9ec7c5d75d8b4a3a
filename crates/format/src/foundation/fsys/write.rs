//! Writing into a directory: names, flushes. What is written is a [`Staged`] file.
//!
//! A file is written without a name (`O_TMPFILE`) and gets one only when its content is complete, so a crash leaves
//! nothing behind. Where the file system cannot do that, it is written under a name of the pattern
//! [`is_temporary`] recognises, in the directory that was opened for writing.
//!
//! Nothing here replaces content in place, truncates a file that has a name, or writes through a symbolic link.

use std::fmt;
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, FileType, Gid, Mode, OFlags, RenameFlags, Stat, StatxFlags, Uid};
use rustix::io::Errno;

use super::fault::{Faults, Operation};
use super::read::{Directory, EntryKind, shown};
use crate::foundation::{Code, Error, Fact, Result};

/// Device, inode, size and times of a file: as long as they stay, so did its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    device: u64,
    inode: u64,
    size: i64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    /// When the content was last changed, in seconds since 1970.
    pub fn modified(&self) -> i64 {
        self.modified.0
    }

    /// When anything of it was last changed, its name and its dates included, in seconds since 1970. Copies keep the date of the
    /// content (`cp -a`, `tar x`), and nobody can set this one.
    pub fn latest(&self) -> i64 {
        self.modified.0.max(self.changed.0)
    }

    /// The size in bytes.
    pub fn size(&self) -> u64 {
        u64::try_from(self.size).unwrap_or(0)
    }

    #[expect(clippy::useless_conversion, clippy::cast_possible_wrap, reason = "the widths differ between architectures")]
    pub(super) fn of(stat: &Stat) -> Self {
        Self {
            device: u64::from(stat.st_dev),
            inode: u64::from(stat.st_ino),
            size: i64::from(stat.st_size),
            modified: (i64::from(stat.st_mtime), stat.st_mtime_nsec as i64),
            changed: (i64::from(stat.st_ctime), stat.st_ctime_nsec as i64),
        }
    }
}

impl Stamp {
    /// The size in bytes, the inode, and the times of the last changes of content and of the inode: what can be written down.
    pub fn parts(&self) -> (i64, u64, (i64, i64), (i64, i64)) {
        (self.size, self.inode, self.modified, self.changed)
    }

    /// Whether these parts were written down of this file. The number of a device is not the same on every machine, nor after a
    /// restart, so it is none of them.
    pub fn is(&self, parts: (i64, u64, (i64, i64), (i64, i64))) -> bool {
        self.parts() == parts
    }
}

/// A directory that may be changed, and the gate that every change passes.
pub struct WriteDirectory {
    directory: Directory,
    faults: Faults,
    /// Whom new files belong to, if that is not who runs us.
    pub(super) owner: Option<(Uid, Gid)>,
}

impl WriteDirectory {
    /// Opens the directory that a user named.
    ///
    /// # Errors
    /// `io`.
    pub fn open(path: &Path, faults: &Faults) -> Result<Self> {
        Ok(Self { directory: Directory::open(path)?, faults: faults.clone(), owner: None })
    }

    /// New files and directories will belong to the owner and the group of this directory, if we are root and somebody
    /// else owns it: a layout that root adds to stays its owner's.
    ///
    /// # Errors
    /// `io`.
    pub fn for_its_owner(mut self) -> Result<Self> {
        if rustix::process::geteuid().is_root() {
            let stat = rustix::fs::fstat(self.directory.fd()).map_err(|errno| failed("examine", self.directory.path(), errno))?;
            self.owner = (stat.st_uid != 0).then(|| (Uid::from_raw(stat.st_uid), Gid::from_raw(stat.st_gid)));
        }
        Ok(self)
    }

    /// For reading.
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    /// The gate.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Opens a directory beneath this one, following no link at all. `None` if there is none of that name.
    ///
    /// # Errors
    /// `path.symlink`, `path.not_regular` if it is no directory, `io`.
    pub fn beneath(&self, relative: &str) -> Result<Option<Self>> {
        let path = self.directory.path().join(relative);
        match super::beneath::open(self.directory.fd(), relative, OFlags::RDONLY | OFlags::DIRECTORY) {
            Ok(fd) => Ok(Some(Self { directory: Directory::opened(fd, path), faults: self.faults.clone(), owner: self.owner })),
            Err(Errno::NOENT) => Ok(None),
            Err(Errno::LOOP | Errno::XDEV) => {
                Err(Error::new(Code::PathSymlink, format!("{} is a symbolic link that is not followed", shown(&path)))
                    .expected(Fact::new("a directory", "image-spec, image-layout.md")))
            }
            Err(Errno::NOTDIR) => Err(Error::new(Code::PathNotRegular, format!("{} is not a directory", shown(&path)))
                .expected(Fact::new("a directory", "image-spec, image-layout.md"))),
            Err(errno) => Err(failed("open the directory", &path, errno)),
        }
    }

    /// Whether files can be moved between the two: they lie on the same mount, which is more than on the same file system.
    pub fn is_on_the_mount_of(&self, other: &Self) -> bool {
        let mount = |directory: &Self| {
            let (fd, flags) = (directory.directory.fd(), AtFlags::EMPTY_PATH);
            rustix::fs::statx(fd, "", flags, StatxFlags::MNT_ID).map(|stat| {
                (
                    stat.stx_dev_major,
                    stat.stx_dev_minor,
                    StatxFlags::from_bits_retain(stat.stx_mask).contains(StatxFlags::MNT_ID).then_some(stat.stx_mnt_id),
                )
            })
        };
        match (mount(self), mount(other)) {
            (Ok(one), Ok(other)) => one == other,
            // Kernels that cannot say it. Where not even the device is known, each is taken for a mount of its own.
            _ => matches!((self.directory.identity(), other.directory.identity()), (Ok((one, _)), Ok((other, _))) if one == other),
        }
    }

    /// Whether a name here still stands for the directory that was opened.
    pub fn is_still(&self, name: &str, opened: &Self) -> bool {
        self.still_names(name, opened.directory.fd())
    }

    /// Another handle on the same directory, whose locks are its own.
    pub(super) fn reopened(&self) -> Result<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        rustix::fs::openat(self.directory.fd(), ".", flags, Mode::empty())
            .map_err(|errno| failed("open the directory", self.directory.path(), errno))
    }

    /// What identifies the content of a file, links not followed; `None` if it is not there or not regular, or if that cannot be known.
    pub fn stamp(&self, relative: &str) -> Option<Stamp> {
        // What is not known to be the same file is hashed again, and is not deleted.
        self.examine(relative).ok().flatten()
    }

    /// As [`Self::stamp`], for who must know whether it is there.
    ///
    /// # Errors
    /// `io`.
    pub fn examine(&self, relative: &str) -> Result<Option<Stamp>> {
        match rustix::fs::statat(self.directory.fd(), relative, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok((FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile).then(|| Stamp::of(&stat))),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(failed("examine", &self.path_of(relative), errno)),
        }
    }

    /// As [`Self::stamp`], of a file or a directory.
    pub fn stamp_of_leftover(&self, relative: &str) -> Option<Stamp> {
        // As above.
        let stat = rustix::fs::statat(self.directory.fd(), relative, AtFlags::SYMLINK_NOFOLLOW).ok()?;
        matches!(FileType::from_raw_mode(stat.st_mode), FileType::RegularFile | FileType::Directory).then(|| Stamp::of(&stat))
    }

    /// The path of something in it, for messages.
    pub fn path_of(&self, relative: &str) -> std::path::PathBuf {
        self.directory.path().join(relative)
    }

    /// Passes the gate, does it, and does both again when a signal came in between.
    pub(super) fn change<T>(&self, operation: Operation, mut change: impl FnMut() -> rustix::io::Result<T>) -> rustix::io::Result<T> {
        loop {
            match self.faults.gate(operation).map_err(|fault| fault.errno).and_then(|()| change()) {
                Err(Errno::INTR) => {}
                other => return other.inspect(|_| self.faults.done(operation)),
            }
        }
    }

    /// Opens a file that lives for locking only, creating it if necessary. It is never written.
    pub(super) fn lock_file(&self, relative: &str) -> rustix::io::Result<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        self.change(Operation::Create, || rustix::fs::openat(self.directory.fd(), relative, flags, Mode::from_raw_mode(0o666)))
    }

    /// Removes such a file, which is no change that anybody asked for. One that stays does no harm.
    pub(super) fn remove_lock_file(&self, relative: &str) {
        if self.faults.gate(Operation::Unlink).is_ok() {
            let _ = rustix::fs::unlinkat(self.directory.fd(), relative, AtFlags::empty());
        }
    }

    /// Creates a directory; `false` if something of that name is there already.
    pub fn make_directory(&self, relative: &str) -> Result<bool> {
        match self.change(Operation::MakeDirectory, || rustix::fs::mkdirat(self.directory.fd(), relative, Mode::from_raw_mode(0o777))) {
            Ok(()) => {}
            Err(Errno::EXIST) => return Ok(false),
            Err(errno) => return Err(failed("create the directory", &self.path_of(relative), errno)),
        }
        if let Some((user, group)) = self.owner {
            self.change(Operation::Own, || {
                rustix::fs::chownat(self.directory.fd(), relative, Some(user), Some(group), AtFlags::SYMLINK_NOFOLLOW)
            })
            .map_err(|errno| failed("set the owner of", &self.path_of(relative), errno))?;
        }
        Ok(true)
    }

    /// Moves a name inside this directory over whatever `to` is.
    pub fn rename(&self, from: &str, to: &str) -> Result<()> {
        self.change(Operation::Rename, || rustix::fs::renameat(self.directory.fd(), from, self.directory.fd(), to))
            .map_err(|errno| failed("replace", &self.path_of(to), errno))
    }

    /// Moves a name inside this directory; `false`, and nothing happened, if `to` exists.
    pub fn rename_new(&self, from: &str, to: &str) -> Result<bool> {
        let fd = self.directory.fd();
        match self.change(Operation::Rename, || rustix::fs::renameat_with(fd, from, fd, to, RenameFlags::NOREPLACE)) {
            Ok(()) => Ok(true),
            Err(Errno::EXIST | Errno::NOTEMPTY) => Ok(false),
            // A file system without the flag. Only an empty directory or nothing at all is replaced by a directory.
            Err(Errno::INVAL | Errno::NOSYS) if self.directory.kind(from)? == Some(EntryKind::Directory) => {
                match self.change(Operation::Rename, || rustix::fs::renameat(fd, from, fd, to)) {
                    Ok(()) => Ok(true),
                    Err(Errno::EXIST | Errno::NOTEMPTY | Errno::NOTDIR) => Ok(false),
                    Err(errno) => Err(failed("create", &self.path_of(to), errno)),
                }
            }
            Err(errno) => Err(failed("create", &self.path_of(to), errno)),
        }
    }

    /// Exchanges two names inside this directory in one step; `false`, and nothing happened, if the file system cannot.
    pub fn exchange(&self, one: &str, other: &str) -> Result<bool> {
        let fd = self.directory.fd();
        match self.change(Operation::Exchange, || rustix::fs::renameat_with(fd, one, fd, other, RenameFlags::EXCHANGE)) {
            Ok(()) => Ok(true),
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => Ok(false),
            Err(errno) => Err(failed("replace", &self.path_of(other), errno)),
        }
    }

    /// Removes the name of a file; nothing happens if it is not there.
    pub fn unlink(&self, relative: &str) -> Result<()> {
        match self.change(Operation::Unlink, || rustix::fs::unlinkat(self.directory.fd(), relative, AtFlags::empty())) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(failed("remove", &self.path_of(relative), errno)),
        }
    }

    /// Removes a directory beneath this one and everything in it, following no link.
    pub fn remove_tree(&self, relative: &str) -> Result<()> {
        if let Some(inner) = self.beneath(relative)? {
            for entry in inner.directory.entries(".")? {
                // Names that are not text are not ours; the directory then stays.
                let Ok(name) = std::str::from_utf8(&entry.name) else { continue };
                if entry.kind == EntryKind::Directory {
                    inner.remove_tree(name)?;
                } else {
                    inner.unlink(name)?;
                }
            }
        }
        match self.change(Operation::Unlink, || rustix::fs::unlinkat(self.directory.fd(), relative, AtFlags::REMOVEDIR)) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(failed("remove the directory", &self.path_of(relative), errno)),
        }
    }

    /// Gives the open file `file`, which lies on the same file system, one more name here; `None` if that cannot be: because it lies
    /// elsewhere, has no name any more, belongs to somebody else, or has too many names. `Some(false)` if the name is taken.
    ///
    /// # Errors
    /// `io`, `io.space`.
    pub fn link(&self, file: &super::File, name: &str) -> Result<Option<bool>> {
        let opened = file.opened().map_err(|error| Error::io(format!("open {}", shown(file.path())), error))?;
        let through = format!("/proc/self/fd/{}", opened.as_raw_fd());
        let done =
            self.change(Operation::Link, || rustix::fs::linkat(CWD, through.as_str(), self.directory.fd(), name, AtFlags::SYMLINK_FOLLOW));
        match done {
            Ok(()) => Ok(Some(true)),
            Err(Errno::EXIST) => Ok(Some(false)),
            Err(Errno::XDEV | Errno::PERM | Errno::NOENT | Errno::MLINK | Errno::OPNOTSUPP | Errno::ACCESS) => Ok(None),
            Err(errno) => Err(failed("link", &self.path_of(name), errno)),
        }
    }

    /// Makes the names in this directory durable.
    pub fn sync(&self) -> Result<()> {
        self.change(Operation::SyncDirectory, || rustix::fs::fsync(self.directory.fd()))
            .map_err(|errno| failed("flush the directory", self.directory.path(), errno))
    }

    /// Makes all content of the file system durable that this directory lies on. For many files at once this is faster
    /// than flushing each, as git found out for its objects.
    pub fn sync_all(&self) -> Result<()> {
        self.change(Operation::SyncAll, || rustix::fs::syncfs(self.directory.fd()))
            .map_err(|errno| failed("flush the file system of", self.directory.path(), errno))
    }

    /// Makes the content of a file beneath this directory durable that somebody else may have written without doing so.
    pub fn sync_file(&self, file: &super::File) -> Result<()> {
        let opened = file.opened().map_err(|error| Error::io(format!("open {}", shown(file.path())), error))?;
        self.change(Operation::SyncFile, || rustix::fs::fdatasync(&opened)).map_err(|errno| failed("flush", file.path(), errno))
    }
}

impl fmt::Debug for WriteDirectory {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "WriteDirectory({})", self.directory.path().display())
    }
}

pub(super) fn failed(step: &str, path: &Path, errno: Errno) -> Error {
    Error::io(format!("{step} {}", shown(path)), io::Error::from(errno))
}

/// Makes a directory that a user named, and those above it. Whether the last one is new.
///
/// # Errors
/// `io`.
pub fn create_directories(path: &Path) -> Result<bool> {
    use rustix::io::Errno;
    let mode = rustix::fs::Mode::from_raw_mode(0o777);
    match rustix::fs::mkdir(path, mode) {
        Ok(()) => Ok(true),
        Err(Errno::EXIST) => Ok(false),
        Err(Errno::NOENT) => {
            let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
            if let Some(parent) = parent {
                create_directories(parent)?;
            }
            rustix::fs::mkdir(path, mode)
                .map(|()| true)
                .map_err(|errno| Error::io(format!("make the directory {}", shown(path)), errno.into()))
        }
        Err(errno) => Err(Error::io(format!("make the directory {}", shown(path)), errno.into())),
    }
}
