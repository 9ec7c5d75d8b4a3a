//! `batch apply`: does what the plan says, and can be stopped and started again at any point.
//!
//! Items are taken in the order of the plan, in portions. Several threads work on a portion; then come one flush, the names of its
//! blobs, and the lines of the journal. The index is exchanged now and then and at the end, so that a layout of a hundred thousand
//! images is not written a hundred thousand times. What was killed is taken up where the journal ends.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize};

use super::archives::ArchiveTarget;
use super::check::Check;
use super::layout::LayoutTarget;
use super::pass::Pass;
use super::run::{Run, Target};
use crate::foundation::Result;
use crate::foundation::fsys::{Directory, WriteDirectory, create_directories};
use crate::plan::batch::shard::Shard;
use crate::plan::lifecycle::field::Record;
use crate::plan::lifecycle::time::Moment;
use crate::report::batch::ApplyReport;
use crate::verbs::output::layout_options;
use crate::verbs::{Context, Verify};
use crate::write::journal::Past;
use crate::write::{Archives, Layout, journal};

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
    /// Whether old images are marked as superseded by what became of them, and when that is said.
    pub supersede: Option<Moment>,
    /// What else is said of the old images, such as a date or a reason.
    pub words: Record,
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
            words: Record::new(),
            verify: Verify::Digest,
            root: None,
            mtime: 0,
            stop: Stop::default(),
        }
    }
}

/// Does what the plan says.
///
/// # Errors
/// Those of the plan, `usage.output`, `batch.output_taken`, `batch.collision`, `layout.*`, `write.busy`, `io`, `io.space`. An item that cannot be done is in
/// the report.
pub fn apply(request: &Request, context: Context<'_>) -> Result<ApplyReport> {
    let mut check = Check::new(request, context)?;
    let pass = Pass::open(&request.plan, context.limits, &mut |item| {
        check.see(item);
        Ok(())
    })?;
    check.judge(request)?;
    let (taken, stopped) = (check.taken(), check.stopped());
    // Where nothing is, nothing was done; and what does not fit leaves not even a directory behind.
    if Directory::open(&request.output).is_err() {
        check.room(request, &pass, &Past::default(), context)?;
    }
    let report = match request.form {
        As::Layout => {
            let layout = Layout::open_or_create(&request.output, layout_options(context))?;
            let intake = layout.intake()?;
            let past = journal::read(intake.root().directory(), &pass.id)?;
            check.room(request, &pass, &past, context)?;
            drop(check);
            let target = LayoutTarget::new(&intake, &past, &request.output, request.link, request.verify, context)?;
            let run = Run::new(request, &pass, &past, Target::Layout(target), intake.root(), context)?;
            run.all(Some((&layout, &intake)))
        }
        As::Archives => {
            create_directories(&request.output)?;
            let root = WriteDirectory::open(&request.output, context.faults)?.for_its_owner()?;
            let past = journal::read(root.directory(), &pass.id)?;
            check.room(request, &pass, &past, context)?;
            let target = ArchiveTarget {
                folder: request.output.clone(),
                archives: Archives::new(&root),
                overwrite: request.overwrite,
                verify: request.verify,
                mtime: request.mtime,
                stop: &request.stop.asked,
                apparent: 0.into(),
                context,
            };
            Run::new(request, &pass, &past, Target::Archives(target), &root, context)?.all(None)
        }
    };
    report.map(|mut report| {
        report.taken = taken;
        report.findings.extend(stopped);
        report
    })
}
