//! Temporary names, and how the files that have them are held.

use std::hash::{BuildHasher, RandomState};
use std::os::fd::AsFd;

use rustix::fs::FlockOperation;
use rustix::io::Errno;

/// What every temporary name of ours begins with, but for layouts under construction (see [`temporary_sibling`]).
const TEMPORARY: &str = ".airbase-tmp-";

/// What comes between the name of a layout under construction and its random end.
const SIBLING: &str = ".airbase-tmp-";

/// How often a random name that is taken already is replaced by another one.
pub(super) const NAME_ATTEMPTS: usize = 16;

/// Whether this is the name of a file or directory that a killed process of ours may have left behind.
pub fn is_temporary(name: &[u8]) -> bool {
    name.starts_with(TEMPORARY.as_bytes())
        || (name.starts_with(b".") && name.windows(SIBLING.len()).any(|window| window == SIBLING.as_bytes()))
}

/// A new name for something that will be moved to `name` in the same directory: `.NAME.airbase-tmp-RANDOM`.
pub fn temporary_sibling(name: &str) -> String {
    format!(".{name}{SIBLING}{:016x}", random())
}

/// `.airbase-tmp-PID-RANDOM`.
pub(super) fn temporary() -> String {
    format!("{TEMPORARY}{}-{:016x}", rustix::process::getpid().as_raw_nonzero(), random())
}

/// A number that other processes and threads do not get: the standard library seeds its hash maps from the system's
/// generator. Names are taken exclusively, so a clash costs one more try and nothing else.
pub(super) fn random() -> u64 {
    RandomState::new().hash_one(0_u8)
}

/// Marks what has a temporary name as held. `false` if somebody is just removing it. Where the file system has no locks, nobody can take
/// it either.
pub(super) fn hold(file: impl AsFd) -> bool {
    !matches!(rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive), Err(Errno::WOULDBLOCK))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_temporary_names_are_recognised_and_no_others() {
        assert!(is_temporary(temporary().as_bytes()));
        assert!(is_temporary(temporary_sibling("out").as_bytes()));
        for name in ["oci-layout", "index.json", "index.json.lock", "oci-put-blob123", ".umoci-x", "x.airbase-tmp-1"] {
            assert!(!is_temporary(name.as_bytes()), "{name}");
        }
    }
}
