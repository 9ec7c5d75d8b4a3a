//! What the targets share: files in memory, archives from a description, checksums put right.
//!
//! Mutated bytes seldom get past a checksum or a digest. Targets therefore mutate what stands behind them, and this crate
//! computes those numbers anew: [`describe`] turns text into an archive whose documents name each other by digests that are
//! right, and [`repair`] puts the checksums of tar headers right.

mod description;
mod framing;
mod view;
pub mod xz;

use std::io::Write as _;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::PathBuf;

pub use description::describe;
pub use framing::{NARROW, check_tar};
pub use view::{View, view};

/// A file that has a path and lies in no directory.
#[derive(Debug)]
pub struct MemoryFile(OwnedFd);

impl MemoryFile {
    /// A file with these bytes.
    ///
    /// # Panics
    /// If the system gives no memory.
    pub fn of(bytes: &[u8]) -> Self {
        let fd = rustix::fs::memfd_create("fuzz", rustix::fs::MemfdFlags::CLOEXEC).expect("a file in memory");
        let mut file = std::fs::File::from(fd);
        file.write_all(bytes).expect("room in memory");
        Self(file.into())
    }

    /// Where it can be opened, in this process.
    pub fn path(&self) -> PathBuf {
        format!("/proc/self/fd/{}", self.0.as_raw_fd()).into()
    }
}

/// Computes the checksum of every header of a tar archive anew, as far as sizes lead from one to the next.
pub fn repair(archive: &mut [u8]) {
    let mut at = 0;
    while let Some(block) = archive.get_mut(at..at + 512) {
        at += 512;
        if block.iter().all(|byte| *byte == 0) {
            continue;
        }
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        let digits = block[124..136].iter().filter(|byte| matches!(byte, b'0'..=b'7'));
        let size = digits.fold(0_usize, |size, digit| size.wrapping_mul(8) + usize::from(digit - b'0'));
        at = at.saturating_add(size.checked_next_multiple_of(512).unwrap_or(usize::MAX)).min(archive.len());
    }
}

/// The parts of an input, which are divided by lines `%%`.
pub fn parts(data: &[u8]) -> Vec<&[u8]> {
    let mut parts = Vec::new();
    let mut rest = data;
    while let Some(at) = rest.windows(4).position(|window| window == b"\n%%\n") {
        parts.push(&rest[..at]);
        rest = &rest[at + 4..];
    }
    parts.push(rest);
    parts
}

/// Whether `bytes` begin as what gzip or zstd writes (RFC 1952, section 2.3.1; RFC 8878, section 3.1).
pub fn is_compressed(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\x1f\x8b") || is_zstd(bytes)
}

/// Whether `bytes` begin with a frame of zstd, or one that is to be skipped.
pub fn is_zstd(bytes: &[u8]) -> bool {
    matches!(bytes, [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..])
}

/// `bytes` as one gzip member.
///
/// # Panics
/// Never: memory does not refuse to be written.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

/// `bytes` as one zstd frame.
///
/// # Panics
/// Never: memory does not refuse to be written.
pub fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::bulk::compress(bytes, 1).expect("memory")
}
