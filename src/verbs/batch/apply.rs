//! `batch apply`: does what the plan says, and can be stopped and started again at any point.
//!
//! Items are taken in the order of the plan, in portions. Several threads work on a portion; then come one flush, the names of its
//! blobs, and the lines of the journal. The index is exchanged now and then and at the end, so that a layout of a hundred thousand
//! images is not written a hundred thousand times. What was killed is taken up where the journal ends.

use super::archives::ArchiveTarget;
use super::check::Check;
use super::layout::LayoutTarget;
use super::plan_file::PlanFile;
use super::request::{As, Request};
use super::run::{Run, Target};
use crate::foundation::Result;
use crate::foundation::fsys::{Directory, WriteDirectory, create_directories};
use crate::report::batch::ApplyReport;
use crate::verbs::Context;
use crate::verbs::output::layout_options;
use crate::write::journal::Past;
use crate::write::{Archives, Layout, journal};

/// Does what the plan says.
///
/// # Errors
/// Those of the plan, `usage.output`, `batch.output_taken`, `batch.collision`, `layout.*`, `write.busy`, `io`, `io.space`. An item that cannot be done is in
/// the report.
pub fn apply(request: &Request, context: Context<'_>) -> Result<ApplyReport> {
    let mut check = Check::new(request, context)?;
    let plan_file = PlanFile::open(&request.plan, context.limits, &mut |item| {
        check.see(item);
        Ok(())
    })?;
    check.judge(request)?;
    let (taken, stopped) = (check.taken(), check.stopped());
    // Where nothing is, nothing was done; and what does not fit leaves not even a directory behind.
    if Directory::open(&request.output).is_err() {
        check.room(request, &plan_file, &Past::default(), context)?;
    }
    let report = match request.form {
        As::Layout => {
            let layout = Layout::open_or_create(&request.output, layout_options(context))?;
            let group_commit = layout.group_commit()?;
            let past = journal::read(group_commit.root().directory(), &plan_file.id)?;
            check.room(request, &plan_file, &past, context)?;
            drop(check);
            let target = LayoutTarget::new(&group_commit, &past, request, context)?;
            let run = Run::new(request, &plan_file, &past, Target::Layout(target), context)?;
            run.all(Some((&layout, &group_commit)))
        }
        As::Archives => {
            create_directories(&request.output)?;
            let root = WriteDirectory::open(&request.output, context.faults)?.for_its_owner()?;
            let past = journal::read(root.directory(), &plan_file.id)?;
            check.room(request, &plan_file, &past, context)?;
            let target = ArchiveTarget { root: &root, request, archives: Archives::new(&root), apparent: 0.into(), context };
            Run::new(request, &plan_file, &past, Target::Archives(target), context)?.all(None)
        }
    };
    report.map(|mut report| {
        report.taken = taken;
        report.findings.extend(stopped);
        report
    })
}
