//! Layouts and archives: what airbase reads, and what it writes. `airbase` hands both on, so programs name that crate alone.
//!
//! ```text
//! read     sources (layout, archive, skopeo's directory), references, images, the catalogue of local images, layers, the files of an image
//! write    layouts and archives: stage, verify, flush, publish, exchange the index
//! ```
//!
//! The two do not know each other; a test checks that.

pub mod read;
pub mod write;

use airbase_format::{format, foundation, oci};

/// A directory in memory, where there is such a place: for tests that write a few small files thousands of times.
#[cfg(test)]
fn in_memory() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}
