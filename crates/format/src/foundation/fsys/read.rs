//! Opening and reading.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::{Errno, retry_on_intr};

use super::beneath;
use super::open::{Handle, Way};
use super::temporary::is_temporary;
use crate::foundation::{Code, Error, Fact, Result, text};

/// Bytes that can be read by position, from several threads at once.
pub trait ReadAt: Send + Sync {
    /// How many bytes there are.
    fn length(&self) -> u64;

    /// Reads some bytes at `offset`; 0 only at the end or for an empty buffer.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Where the bytes lie in a stream that is quick to read in one direction only: the stream's number, and the offset in it.
    /// Whoever reads several such parts of one stream reads them in this order, one after another.
    fn sequence(&self) -> Option<(u64, u64)> {
        None
    }

    /// Fills `buffer` from `offset`, or fails with `UnexpectedEof`.
    fn read_exact_at(&self, mut buffer: &mut [u8], mut offset: u64) -> io::Result<()> {
        while !buffer.is_empty() {
            let count = self.read_at(buffer, offset)?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            buffer = buffer.get_mut(count..).unwrap_or_default();
            offset = offset.saturating_add(count as u64);
        }
        Ok(())
    }
}

impl ReadAt for [u8] {
    fn length(&self) -> u64 {
        self.len() as u64
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let rest = usize::try_from(offset).ok().and_then(|offset| self.get(offset..)).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        if let (Some(target), Some(source)) = (buffer.get_mut(..count), rest.get(..count)) {
            target.copy_from_slice(source);
        }
        Ok(count)
    }
}

/// A regular file that was opened for reading. Where many are in use it may be closed and opened again meanwhile.
pub struct File {
    handle: Handle,
    length: u64,
    path: PathBuf,
}

impl File {
    /// Opens the file that a user named; the name itself may be a symbolic link, because the user chose it.
    ///
    /// # Errors
    /// `path.not_regular`, `io`.
    pub fn open(path: &Path) -> Result<Self> {
        let way = Way::Path(path.to_owned());
        let fd = way.open().map_err(|errno| Error::io(format!("open {}", shown(path)), errno.into()))?;
        Self::check(fd, path.to_owned(), way)
    }

    /// Takes what was opened at `path`, in a way in which it can be opened again.
    pub(super) fn check(fd: OwnedFd, path: PathBuf, way: Way) -> Result<Self> {
        let failed = |error| Error::io(format!("examine {}", shown(&path)), error);
        let file = std::fs::File::from(fd);
        let metadata = file.metadata().map_err(failed)?;
        if !metadata.is_file() {
            let kind = EntryKind::from(FileType::from_raw_mode(metadata.mode()));
            return Err(Error::new(Code::PathNotRegular, format!("{} is not a regular file", shown(&path)))
                .expected(Fact::new("a regular file", "image-spec, image-layout.md"))
                .found(Fact::new(kind.name(), "the file system")));
        }
        Ok(Self { length: metadata.len(), handle: Handle::new(file, way).map_err(failed)?, path })
    }

    /// Where it was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The open file, for flushing.
    pub(super) fn opened(&self) -> io::Result<Arc<std::fs::File>> {
        self.handle.get()
    }

    fn metadata(&self) -> Result<std::fs::Metadata> {
        let metadata = self.opened().and_then(|file| file.metadata());
        metadata.map_err(|error| Error::io(format!("examine {}", shown(&self.path)), error))
    }

    /// Refuses a file whose size changed since it was opened.
    ///
    /// # Errors
    /// `blob.changed_during_read`.
    pub fn check_unchanged(&self) -> Result<()> {
        let now = self.metadata()?.len();
        if now == self.length {
            return Ok(());
        }
        Err(Error::new(Code::BlobChanged, format!("{} changed while it was read", shown(&self.path)))
            .expected(Fact::new(format!("{} bytes", self.length), "its size when it was opened"))
            .found(Fact::new(format!("{now} bytes"), "its size now")))
    }

    /// Device and inode, which say whether two names are one file.
    pub fn identity(&self) -> Result<(u64, u64)> {
        let metadata = self.metadata()?;
        Ok((metadata.dev(), metadata.ino()))
    }

    /// Whether users other than the owner and the group may write to it.
    pub fn writable_by_others(&self) -> bool {
        // Of a file that was open a moment ago the system knows it.
        self.metadata().is_ok_and(|metadata| metadata.mode() & 0o002 != 0)
    }

    /// All bytes, if there are no more than `most`; `Ok(None)` if there are.
    pub fn read_all(&self, most: u64) -> Result<Option<Vec<u8>>> {
        if self.length > most {
            return Ok(None);
        }
        // The size was measured on the open file, so this allocation is not what a header claims.
        let mut bytes = vec![0; usize::try_from(self.length).unwrap_or(usize::MAX)];
        self.read_exact_at(&mut bytes, 0).map_err(|error| Error::io(format!("read {}", shown(&self.path)), error))?;
        self.check_unchanged()?;
        Ok(Some(bytes))
    }
}

impl File {
    /// The first bytes, at most `most`, of a file that may grow meanwhile: what it held when it was opened.
    pub fn beginning(&self, most: u64) -> Result<Vec<u8>> {
        let mut bytes = vec![0; usize::try_from(self.length.min(most)).unwrap_or(usize::MAX)];
        self.read_exact_at(&mut bytes, 0).map_err(|error| Error::io(format!("read {}", shown(&self.path)), error))?;
        Ok(bytes)
    }
}

impl ReadAt for File {
    fn length(&self) -> u64 {
        self.length
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        loop {
            match self.opened()?.read_at(buffer, offset) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }
}

impl fmt::Debug for File {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "File({})", self.path.display())
    }
}

/// A part of a file, such as one member of an archive, or a document that was made up for a container that lacks it.
#[derive(Debug, Clone)]
pub struct Region {
    bytes: Bytes,
    offset: u64,
    length: u64,
}

#[derive(Clone)]
enum Bytes {
    File(Arc<File>),
    Memory(Arc<[u8]>),
    Stream(Arc<dyn ReadAt>),
}

impl fmt::Debug for Bytes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(file) => file.fmt(formatter),
            Self::Memory(bytes) => write!(formatter, "{} bytes in memory", bytes.len()),
            Self::Stream(stream) => write!(formatter, "a stream of {} bytes", stream.length()),
        }
    }
}

impl Region {
    /// `length` bytes of `file` from `offset`.
    pub fn new(file: Arc<File>, offset: u64, length: u64) -> Self {
        Self { bytes: Bytes::File(file), offset, length }
    }

    /// The whole of `file`.
    pub fn whole(file: Arc<File>) -> Self {
        let length = file.length();
        Self { bytes: Bytes::File(file), offset: 0, length }
    }

    /// Bytes in memory.
    pub fn memory(bytes: Arc<[u8]>) -> Self {
        let length = bytes.len() as u64;
        Self { bytes: Bytes::Memory(bytes), offset: 0, length }
    }

    /// A part of something that is read in another way, such as the inflated content of a compressed archive.
    pub fn stream(stream: Arc<dyn ReadAt>, offset: u64, length: u64) -> Self {
        Self { bytes: Bytes::Stream(stream), offset, length }
    }

    /// The file that it is a part of, if it is in one.
    pub fn file(&self) -> Option<&File> {
        match &self.bytes {
            Bytes::File(file) => Some(file),
            Bytes::Memory(_) | Bytes::Stream(_) => None,
        }
    }
}

impl ReadAt for Region {
    fn length(&self) -> u64 {
        self.length
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let left = self.length.saturating_sub(offset);
        let count = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        let (buffer, offset) = (buffer.get_mut(..count).unwrap_or_default(), self.offset.saturating_add(offset));
        match &self.bytes {
            Bytes::File(file) => file.read_at(buffer, offset),
            Bytes::Memory(bytes) => bytes.read_at(buffer, offset),
            Bytes::Stream(stream) => stream.read_at(buffer, offset),
        }
    }

    fn sequence(&self) -> Option<(u64, u64)> {
        match &self.bytes {
            Bytes::Stream(stream) => stream.sequence().map(|(number, offset)| (number, offset.saturating_add(self.offset))),
            _ => None,
        }
    }
}

/// What a directory entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A FIFO, socket or device.
    Special,
}

impl EntryKind {
    /// As it is shown to users.
    pub fn name(self) -> &'static str {
        match self {
            Self::File => "a regular file",
            Self::Directory => "a directory",
            Self::Symlink => "a symbolic link",
            Self::Special => "a FIFO, socket or device",
        }
    }
}

impl From<FileType> for EntryKind {
    fn from(kind: FileType) -> Self {
        match kind {
            FileType::RegularFile => Self::File,
            FileType::Directory => Self::Directory,
            FileType::Symlink => Self::Symlink,
            _ => Self::Special,
        }
    }
}

/// One name in a directory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// The name, which may be any bytes but `/`.
    pub name: Vec<u8>,
    /// What it is, links not followed.
    pub kind: EntryKind,
}

/// A directory that was opened once. Names given to it are relative and stay beneath it.
pub struct Directory {
    fd: Arc<OwnedFd>,
    path: PathBuf,
}

impl Directory {
    /// Opens the directory that a user named.
    ///
    /// # Errors
    /// `io`.
    pub fn open(path: &Path) -> Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = retry_on_intr(|| rustix::fs::open(path, flags, Mode::empty()))
            .map_err(|errno| Error::io(format!("open the directory {}", shown(path)), errno.into()))?;
        Ok(Self { fd: Arc::new(fd), path: path.to_owned() })
    }

    /// A directory that is open already.
    pub(super) fn opened(fd: OwnedFd, path: PathBuf) -> Self {
        Self { fd: Arc::new(fd), path }
    }

    /// The path it was opened by.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Paths in it that writers of ours give to what is not complete, in the root of a layout and in `blobs`: of one that is writing,
    /// or was killed.
    ///
    /// # Errors
    /// `io`.
    pub fn leftovers(&self) -> Result<Vec<String>> {
        let mut found = Vec::new();
        for (place, prefix) in [(".", ""), ("blobs", "blobs/")] {
            let ours = self.entries(place)?.into_iter().filter(|entry| is_temporary(&entry.name));
            found.extend(ours.filter_map(|entry| Some(format!("{prefix}{}", std::str::from_utf8(&entry.name).ok()?))));
        }
        Ok(found)
    }

    /// Device and inode, which say whether two names are one directory.
    ///
    /// # Errors
    /// `io`.
    pub fn identity(&self) -> Result<(u64, u64)> {
        let stat = rustix::fs::fstat(&self.fd).map_err(|errno| Error::io(format!("examine {}", shown(&self.path)), errno.into()))?;
        Ok((stat.st_dev, stat.st_ino))
    }

    /// The open directory, for locks and for writing.
    pub fn fd(&self) -> rustix::fd::BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Opens a regular file beneath this directory, following no link at all. `None` if there is none of that name.
    ///
    /// # Errors
    /// `path.symlink`, `path.not_regular`, `io`.
    pub fn file(&self, relative: &str) -> Result<Option<File>> {
        let way = Way::Beneath(Arc::clone(&self.fd), relative.to_owned());
        match way.open() {
            Ok(fd) => File::check(fd, self.path.join(relative), way).map(Some),
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
            Err(Errno::LOOP | Errno::XDEV) => Err(self.symlink(relative)),
            // Sockets and some devices refuse to be opened at all.
            Err(Errno::NXIO | Errno::NODEV) => {
                Err(Error::new(Code::PathNotRegular, format!("{} is not a regular file", shown(&self.path.join(relative))))
                    .expected(Fact::new("a regular file", "image-spec, image-layout.md"))
                    .found(Fact::new(EntryKind::Special.name(), "the file system")))
            }
            Err(errno) => Err(Error::io(format!("open {}", shown(&self.path.join(relative))), errno.into())),
        }
    }

    /// Opens a blob. It may be a symbolic link if one hop leads to a regular file beneath this directory: official
    /// busybox and Debian layouts store `blobs/sha256/x -> ../../rootfs.tar.gz`.
    ///
    /// # Errors
    /// `path.symlink`, `path.not_regular`, `io`.
    pub fn blob(&self, relative: &str) -> Result<Option<File>> {
        match self.file(relative) {
            Err(error) if error.code() == Code::PathSymlink => {}
            other => return other,
        }
        let target = rustix::fs::readlinkat(&self.fd, relative, Vec::new()).map_err(|errno| match errno {
            // It is no link itself: one of its parents is.
            Errno::INVAL | Errno::NOENT | Errno::NOTDIR | Errno::LOOP => self.symlink(relative),
            other => Error::io(format!("read the link {}", shown(&self.path.join(relative))), other.into()),
        })?;
        let target = target.to_str().map_err(|_| self.symlink(relative))?;
        let resolved = resolve(relative, target).ok_or_else(|| self.symlink(relative).found(Fact::new(target, "the link")))?;
        // The target is opened without following anything: a second hop, or a link in a parent, is refused.
        match self.file(&resolved) {
            Err(error) if error.raw_os_error().is_some() => Err(error),
            Ok(Some(file)) => Ok(Some(file)),
            _ => Err(self.symlink(relative).found(Fact::new(target, "the link"))),
        }
    }

    fn symlink(&self, relative: &str) -> Error {
        Error::new(Code::PathSymlink, format!("{} is a symbolic link that is not followed", shown(&self.path.join(relative))))
            .expected(Fact::new("a regular file, or for a blob a link to a regular file inside the layout", "the rules for layouts"))
    }

    /// What `relative` is, links not followed. `None` if it is not there.
    pub fn kind(&self, relative: &str) -> Result<Option<EntryKind>> {
        match rustix::fs::statat(&self.fd, relative, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(FileType::from_raw_mode(stat.st_mode).into())),
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
            Err(errno) => Err(Error::io(format!("examine {}", shown(&self.path.join(relative))), errno.into())),
        }
    }

    /// The entries of a directory beneath this one, sorted by name; empty if it is not there.
    ///
    /// # Errors
    /// `path.symlink` if it is a link, `io`.
    pub fn entries(&self, relative: &str) -> Result<Vec<Entry>> {
        let mut entries = Vec::new();
        self.each(relative, &mut |name, kind| entries.push(Entry { name: name.to_vec(), kind }))?;
        entries.sort();
        Ok(entries)
    }

    /// Shows every entry of a directory beneath this one, in no order: there may be some hundred thousand.
    ///
    /// # Errors
    /// As [`Directory::entries`].
    pub fn each(&self, relative: &str, visit: &mut dyn FnMut(&[u8], EntryKind)) -> Result<()> {
        let path = self.path.join(relative);
        let fd = match beneath::open(self.fd(), relative, OFlags::RDONLY | OFlags::DIRECTORY) {
            Ok(fd) => fd,
            Err(Errno::NOENT) => return Ok(()),
            Err(Errno::LOOP | Errno::XDEV) => return Err(self.symlink(relative)),
            Err(errno) => return Err(Error::io(format!("list {}", shown(&path)), errno.into())),
        };
        let failed = |errno: Errno| Error::io(format!("list {}", shown(&path)), errno.into());
        for entry in rustix::fs::Dir::new(fd).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name().to_bytes();
            if name == b"." || name == b".." {
                continue;
            }
            let kind = match entry.file_type() {
                // Some file systems do not tell; ask.
                FileType::Unknown => {
                    let inner = Path::new(relative).join(std::ffi::OsStr::from_bytes(name));
                    let stat = rustix::fs::statat(&self.fd, &inner, AtFlags::SYMLINK_NOFOLLOW).map_err(failed)?;
                    FileType::from_raw_mode(stat.st_mode)
                }
                known => known,
            };
            visit(name, kind.into());
        }
        Ok(())
    }
}

impl fmt::Debug for Directory {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Directory({})", self.path.display())
    }
}

/// Where a relative link at `from` leads, without leaving the root. `None` if it would.
fn resolve(from: &str, target: &str) -> Option<String> {
    if target.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}

/// The path of what `path` leads to, without links.
///
/// # Errors
/// `io`.
pub fn real(path: &Path) -> Result<PathBuf> {
    std::fs::canonicalize(path).map_err(|error| Error::io(format!("follow {}", shown(path)), error))
}

/// A path for users.
pub fn shown(path: &Path) -> String {
    text::escape_bytes(path.as_os_str().as_bytes())
}
