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
