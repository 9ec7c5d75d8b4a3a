//! How much room there is: on a file system, and for open files.

use std::path::Path;

use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::Faults;
use super::read::shown;
use crate::foundation::{Error, Result};

/// The room on a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// Bytes that this user may still write.
    pub available: u64,
    /// What a file takes at least, and in steps of how much it grows, in bytes.
    pub block: u64,
}

impl Space {
    /// What a file of so many bytes takes.
    pub fn taken_by(&self, bytes: u64) -> u64 {
        bytes.div_ceil(self.block).saturating_mul(self.block)
    }
}

/// The room on the file system on which `path` lies, or will lie once it is made. Some file systems do not say how large they are;
/// there is no end of their room.
///
/// # Errors
/// `io`.
pub fn space(path: &Path, faults: &Faults) -> Result<Space> {
    let here = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    let stat = match rustix::fs::statvfs(here) {
        Err(Errno::NOENT | Errno::NOTDIR) if here != Path::new(".") => return space(here.parent().unwrap_or(Path::new(".")), faults),
        stat => stat.map_err(|errno| Error::io(format!("examine the file system of {}", shown(here)), errno.into()))?,
    };
    let block = stat.f_frsize.max(1);
    let available = if stat.f_blocks == 0 { u64::MAX } else { stat.f_bavail.saturating_mul(block) };
    Ok(Space { available: faults.room().unwrap_or(available), block })
}

/// What the process may need for itself: standard streams, inputs, directories, locks.
const RESERVED: u64 = 256;
/// What always works: with the files that are read it is less than 64 in all.
const LEAST: u64 = 24;
/// More open files than this make nothing faster.
const ENOUGH: u64 = 8192;

/// Asks the system for as many open files as it may give, within reason, and says how many may be used for files that wait for a
/// flush. Whatever the limits are, it is at least 24.
pub fn many_open_files() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.unwrap_or(u64::MAX).min(ENOUGH + RESERVED);
    if limit.current.is_some_and(|current| current < wanted) {
        // A refusal leaves the old limit, which is read below.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: limit.maximum });
    }
    let now = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    usize::try_from(now.saturating_sub(RESERVED).clamp(LEAST, ENOUGH)).unwrap_or(24)
}
