//! Opening something beneath a directory without following a link.
//!
//! `openat2` does it in one call. Kernels before 5.6, gVisor, and strict filters of system calls do not have it and answer `ENOSYS` or
//! `EPERM`; there, each part of the path is opened in turn, and none of them may be a link. Both ways give the same answers.

use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::sync::OnceLock;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::{Errno, Result};

/// What every opening here has.
const ALWAYS: OFlags = OFlags::CLOEXEC.union(OFlags::NOFOLLOW);

/// Opens `relative`, of which no part is a link and which does not leave `directory`.
///
/// # Errors
/// `LOOP` where a part is a link, `XDEV` where the path leaves the directory, and those of `openat`.
pub(super) fn open(directory: BorrowedFd<'_>, relative: &str, flags: OFlags) -> Result<OwnedFd> {
    if has_openat2() { in_one_call(directory, relative, flags) } else { by_parts(directory, relative, flags) }
}

/// Asks the system once. Whatever else it may answer about the root directory, the other way is as good.
fn has_openat2() -> bool {
    static ANSWER: OnceLock<bool> = OnceLock::new();
    *ANSWER.get_or_init(|| rustix::fs::openat2(rustix::fs::CWD, "/", OFlags::PATH | ALWAYS, Mode::empty(), ResolveFlags::empty()).is_ok())
}

fn in_one_call(directory: BorrowedFd<'_>, relative: &str, flags: OFlags) -> Result<OwnedFd> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    rustix::io::retry_on_intr(|| rustix::fs::openat2(directory, relative, flags | ALWAYS, Mode::empty(), resolve))
        .map_err(|errno| told(errno, directory, relative))
}

fn by_parts(directory: BorrowedFd<'_>, relative: &str, flags: OFlags) -> Result<OwnedFd> {
    if relative.is_empty() {
        return Err(Errno::NOENT);
    }
    let mut parts: Vec<&str> = relative.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    if relative.starts_with('/') || parts.contains(&"..") {
        return Err(Errno::XDEV);
    }
    let last = parts.pop().unwrap_or(".");
    let mut reached: Option<OwnedFd> = None;
    for part in parts {
        let above = reached.as_ref().map_or(directory, |fd| fd.as_fd());
        reached = Some(one_part(above, part, OFlags::PATH | OFlags::DIRECTORY)?);
    }
    one_part(reached.as_ref().map_or(directory, |fd| fd.as_fd()), last, flags)
}

/// Opens one name, which may not be a link.
fn one_part(directory: BorrowedFd<'_>, name: &str, flags: OFlags) -> Result<OwnedFd> {
    rustix::io::retry_on_intr(|| rustix::fs::openat(directory, name, flags | ALWAYS, Mode::empty()))
        .map_err(|errno| told(errno, directory, name))
}

/// Where a directory is wanted, the system says of a link only that it is none.
fn told(errno: Errno, directory: BorrowedFd<'_>, relative: &str) -> Errno {
    let is_link = |stat: rustix::fs::Stat| FileType::from_raw_mode(stat.st_mode) == FileType::Symlink;
    if errno == Errno::NOTDIR && rustix::fs::statat(directory, relative, AtFlags::SYMLINK_NOFOLLOW).is_ok_and(is_link) {
        return Errno::LOOP;
    }
    errno
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the tests look at the disk with other means than the code")]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::foundation::fsys::Directory;

    /// Where the system has no `openat2`, there is nothing to compare with.
    #[test]
    fn both_ways_give_the_same_answers() {
        let place = tempfile::tempdir().unwrap();
        let join = |inner: &str| place.path().join(inner);
        std::fs::create_dir_all(join("a/b")).unwrap();
        std::fs::create_dir(join("outside")).unwrap();
        for file in ["a/file", "a/b/file", "outside/file"] {
            std::fs::write(join(file), file).unwrap();
        }
        let links =
            [("a/link", "file"), ("a/away", "../outside/file"), ("a/dir", "b"), ("a/up", ".."), ("a/none", "nothing"), ("a/self", "self")];
        for (link, target) in links {
            symlink(target, join(link)).unwrap();
        }
        symlink("/etc/passwd", join("a/root")).unwrap();
        let directory = Directory::open(&join("a")).unwrap();
        let paths = [
            "file",
            "b/file",
            "./b/./file",
            "b//file",
            "b",
            ".",
            "",
            "nothing",
            "nothing/file",
            "file/x",
            "link",
            "link/x",
            "away",
            "dir",
            "dir/file",
            "up",
            "up/outside/file",
            "none",
            "self",
            "root",
            "..",
            "../outside/file",
            "b/../file",
            "/etc/passwd",
            "/",
        ];
        if !has_openat2() {
            return;
        }
        for flags in [OFlags::RDONLY, OFlags::RDONLY | OFlags::DIRECTORY] {
            for path in paths {
                let identity = |opened: Result<OwnedFd>| opened.map(|fd| rustix::fs::fstat(fd).map(|stat| (stat.st_dev, stat.st_ino)));
                let (one, other) = (in_one_call(directory.fd(), path, flags), by_parts(directory.fd(), path, flags));
                // Of a path that leaves the directory and comes back, the second way does not find out that it came back.
                if path != "b/../file" {
                    assert_eq!(identity(one), identity(other), "{path:?} {flags:?}");
                }
            }
        }
        assert_eq!(by_parts(directory.fd(), "b/../file", OFlags::RDONLY).unwrap_err(), Errno::XDEV);
    }
}
