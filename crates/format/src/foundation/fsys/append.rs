//! Files that only grow: one process, one file, and every line is written by one call.
//!
//! Two processes that append to one file are safe on a local disk and not on every network file system, so each makes a file of its
//! own, and a reader takes them all. A line that a kill cut off is the last one of its file.

use std::fmt;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::fault::{Faults, Operation};
use super::temporary::random;
use super::write::{WriteDirectory, failed};
use crate::foundation::Result;

/// A file that is appended to.
pub struct Appender {
    fd: OwnedFd,
    path: PathBuf,
    faults: Faults,
}

impl Appender {
    /// Makes a file that nobody else has, called `BEFORE-RANDOM.ENDING`, in `directory`.
    ///
    /// # Errors
    /// `io`, `io.space`.
    pub fn create(directory: &WriteDirectory, before: &str, ending: &str) -> Result<Self> {
        let name = format!("{before}-{:016x}.{ending}", random());
        let path = directory.directory().path().join(&name);
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::APPEND | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let open = || rustix::fs::openat(directory.directory().fd(), &name, flags, Mode::from_raw_mode(0o666));
        let fd = directory.change(Operation::Create, open).map_err(|errno| failed("create", &path, errno))?;
        Ok(Self { fd, path, faults: directory.faults().clone() })
    }

    /// Appends whole lines.
    ///
    /// # Errors
    /// `io`, `io.space`.
    pub fn append(&self, bytes: &[u8]) -> Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            if let Err(fault) = self.faults.gate(Operation::Write) {
                if fault.torn {
                    // The test wants a torn line; whether it worked changes nothing.
                    let _ = rustix::io::write(&self.fd, rest.get(..rest.len() / 2).unwrap_or_default());
                }
                if fault.errno == Errno::INTR {
                    continue;
                }
                return Err(failed("write to", &self.path, fault.errno));
            }
            match rustix::io::write(&self.fd, rest) {
                Ok(0) => return Err(failed("write to", &self.path, Errno::IO)),
                Ok(count) => rest = rest.get(count..).unwrap_or_default(),
                Err(Errno::INTR) => {}
                Err(errno) => return Err(failed("write to", &self.path, errno)),
            }
        }
        Ok(())
    }

    /// Makes what was appended durable.
    ///
    /// # Errors
    /// `io`.
    pub fn sync(&self) -> Result<()> {
        self.faults
            .gate(Operation::SyncFile)
            .map_err(|fault| fault.errno)
            .and_then(|()| rustix::fs::fdatasync(&self.fd))
            .map_err(|errno| failed("flush", &self.path, errno))
    }
}

impl fmt::Debug for Appender {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Appender({})", self.path.display())
    }
}
