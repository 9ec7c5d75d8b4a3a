//! What `batch apply` is asked for.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize};

use crate::plan::batch::shard::Shard;
use crate::verbs::Verify;
use crate::verbs::lifecycle::Taking;

/// What results become.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum As {
    /// One layout.
    #[default]
    Layout,
    /// An oci-archive each.
    Archives,
}

/// How a run is asked to stop from outside.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    /// Set when it shall.
    pub asked: Arc<AtomicBool>,
    /// The number of the signal that asked.
    pub signal: Arc<AtomicUsize>,
}

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Request {
    /// The plan.
    pub plan: PathBuf,
    /// Where results go.
    pub output: PathBuf,
    /// What they become.
    pub form: As,
    /// Whether layers become one file with those of their sources.
    pub link: bool,
    /// The part of the work that is done here; the index is then left to `merge`.
    pub shard: Option<Shard>,
    /// After how many failures no more items are taken.
    pub max_failures: Option<usize>,
    /// Whether names that other images have move, and archives are replaced.
    pub overwrite: bool,
    /// Whether old images are marked as superseded by what became of them, when that is said, and what else.
    pub supersede: Option<Taking>,
    /// Whether the layers of finished items are hashed again.
    pub verify: Verify,
    /// Where relative paths of the plan begin.
    pub root: Option<PathBuf>,
    /// The date of the members of archives.
    pub mtime: u64,
    /// How it is asked to stop.
    pub stop: Stop,
}

impl Request {
    /// What `airbase batch apply` asks for without options: one layout, nothing marked and nothing replaced.
    pub fn of(plan: PathBuf, output: PathBuf) -> Self {
        Self {
            plan,
            output,
            form: As::Layout,
            link: false,
            shard: None,
            max_failures: None,
            overwrite: false,
            supersede: None,
            verify: Verify::Digest,
            root: None,
            mtime: 0,
            stop: Stop::default(),
        }
    }
}
