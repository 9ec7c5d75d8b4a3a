//! How an archive is written.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::foundation::Limits;
use crate::foundation::fsys::Faults;
use crate::oci::media_type::Compression;

/// How an archive is written.
#[derive(Debug, Clone)]
pub struct ArchiveOptions {
    /// Whether a file of that name is replaced.
    pub overwrite: bool,
    /// The modification time of every member, in seconds since 1970.
    pub mtime: u64,
    /// What is in `manifest.json`, where docker is to load the archive too; without it the archive has none.
    pub docker_manifest: Option<String>,
    /// What the archive is compressed with.
    pub compression: Compression,
    /// How many threads hash, compress and write.
    pub jobs: usize,
    /// The bounds on the index.
    pub limits: Limits,
    /// The gate of all changes.
    pub faults: Faults,
    /// Set when the writing shall be given up. One that is compressed is written to its end.
    pub stop: Option<Arc<AtomicBool>>,
}

impl Default for ArchiveOptions {
    fn default() -> Self {
        Self {
            overwrite: false,
            mtime: 0,
            docker_manifest: None,
            compression: Compression::None,
            jobs: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            limits: Limits::STANDARD,
            faults: Faults::none(),
            stop: None,
        }
    }
}
