//! Our sources and our store behind the traits of the crate `ocipkg` (feature `ocipkg`).
//!
//! A program written against [`ocipkg::image::Image`] and [`ocipkg::image::ImageBuilder`] works on files of its own with
//! `ocipkg`'s types. With these it reads every container that airbase reads, every byte hashed before it is handed out, and
//! writes into layouts and archives that are whole at any moment:
//!
//! * [`SourceImage`] is an `Image`: one image or artifact of a layout directory, an oci-archive, a docker-archive, or one of the
//!   archives in gzip or zstd.
//! * [`Builder`] is an `ImageBuilder`: into a layout, to which it is added, or into a new oci-archive.
//!
//! The feature is off by default. `ocipkg` itself verifies nothing that it reads and holds whole blobs in memory, so nothing
//! else of airbase is built on it; and it brings ninety-five crates, though none that opens a connection.
//!
//! Imports `foundation`, `format`, `oci`, `read` and `write`; nothing imports it.

mod builder;
mod image;

pub use builder::Builder;
pub use image::SourceImage;

use crate::foundation::{Digest, Result};

/// A digest of theirs as one of ours.
fn digest(theirs: &ocipkg::Digest) -> Result<Digest> {
    theirs.to_string().parse()
}
