//! `batch merge`: lists in the index what shards wrote, in one step.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::check::{listed, output_taken, taken};
use super::finished::Finished;
use super::plan_file::{PlanEntry, PlanFile, key};
use super::supersede::Marking;
use super::whole;
use crate::foundation::event::Silent;
use crate::foundation::fsys::shown;
use crate::foundation::{Code, Error, Fact, Result, text};
use crate::oci::Descriptor;
use crate::plan::batch::ItemStatus;
use crate::plan::lifecycle::time::Moment;
use crate::read::{Reference, Source};
use crate::report::batch::MergeReport;
use crate::verbs::Context;
use crate::verbs::lifecycle::{Taking, Words};
use crate::verbs::output::layout_options;
use crate::write::journal::{self, Final, JOURNALS, Journal, PLAN, Past};
use crate::write::{IndexEdit, Layout};

/// What is asked for.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "cli", derive(clap::Args))]
pub struct Request {
    /// The layout that the shards wrote to.
    #[cfg_attr(feature = "cli", arg(value_name = "OUT"))]
    pub output: PathBuf,
    /// Which plan, where several were applied.
    #[cfg_attr(feature = "cli", arg(long, value_name = "PLAN"))]
    pub plan: Option<String>,
    /// Move names that other images have.
    #[cfg_attr(feature = "cli", arg(long))]
    pub overwrite: bool,
    /// When it is said that old images are superseded.
    #[cfg_attr(feature = "cli", arg(skip = crate::verbs::lifecycle::present()))]
    pub now: Moment,
}

/// Exchanges the index of a layout for one that lists everything that the shards of a plan finished. If they were asked to, the old
/// images are marked as superseded in the same exchange.
///
/// # Errors
/// `ref.path_missing`, `batch.incomplete` if an item has no end yet, `batch.output_taken`, `ref.not_found` and `ref.ambiguous` if it is not clear which
/// plan is meant, and those of the layout.
pub fn merge(request: &Request, context: Context<'_>) -> Result<MergeReport> {
    let output = request.output.as_path();
    // Where nothing is, nothing is made either: it is a path that was mistyped.
    output.to_str().map(Reference::existing).transpose()?;
    let layout = Layout::open_or_create(output, layout_options(context))?;
    let root = layout.prepare()?;
    let plan = meant(journal::plans(root.directory())?, request.plan.as_deref(), output)?;
    let lost = || Error::new(Code::BatchPlanInvalid, "the copy of the plan is not there").at(shown(output));
    let file = root.directory().file(&format!("{JOURNALS}/{plan}/{PLAN}"))?.ok_or_else(lost)?;
    let (names, _) = listed(root.directory(), false, context)?;
    let mut lost_names = Vec::new();
    let plan_file = PlanFile::of(file, context.limits, &mut |item| {
        lost_names.extend(taken(&names, item).filter(|_| item.status == ItemStatus::Move));
        Ok(())
    })?;
    let past = journal::read(root.directory(), &plan)?;
    let Ends { mut report, finished } = Ends::of(&plan_file, &past, MergeReport { plan, ..MergeReport::default() }, output)?;
    if !lost_names.is_empty() && !request.overwrite {
        return Err(output_taken(&lost_names, output).hint("Give those images other names, or say that the names shall move: --overwrite."));
    }
    refuse_broken(&plan_file, &finished, output, context)?;
    if journal::supersedes(root.directory(), &report.plan)? && !finished.is_empty() {
        let group_commit = layout.group_commit()?;
        let taking = Taking { words: Words::default(), now: request.now };
        let (marked, _) = Marking::new(&plan_file, &taking, context).list(&layout, &group_commit, &finished, usize::MAX)?;
        report.changed = marked.committed.index_changed;
        report.superseded = marked.superseded;
        report.unmarked = marked.unmarked;
        report.findings = marked.findings;
        report.findings.extend(marked.committed.findings);
    } else if !finished.is_empty() {
        let edits: Vec<IndexEdit> = finished.iter().map(Finished::put).collect();
        let committed = layout.commit(&[], &edits, &Silent)?;
        report.changed = committed.index_changed;
        report.findings = committed.findings;
    }
    Journal::open(root, &report.plan, "merge", &|take| plan_file.copy(take))?.listed()?;
    Ok(report)
}

/// Refuses to list what is not whole any more: whoever reads the index takes it for what the plan says.
fn refuse_broken(plan_file: &PlanFile, finished: &[Finished], output: &Path, context: Context<'_>) -> Result<()> {
    let source = Source::blobs(output, context.limits)?;
    let mut broken = Vec::new();
    let by_key: HashMap<u64, &PlanEntry> = plan_file.entries.iter().map(|entry| (entry.key, entry)).collect();
    for one in finished {
        let Some(entry) = by_key.get(&one.key) else { continue };
        let item = plan_file.item(entry)?;
        let descriptor = Descriptor::parse(one.descriptor.node(), context.limits)?;
        if let Some(why) = whole::broken(&source, &descriptor, item.platforms.len(), context.limits)? {
            broken.push(format!("{}: {why}", item.image));
        }
    }
    if broken.is_empty() {
        return Ok(());
    }
    let mut error = Error::new(
        Code::BatchIncomplete,
        format!("{} cannot be listed: not everything of them is there; nothing was changed", text::count(broken.len(), "result")),
    )
    .at(shown(output))
    .hint("Run `airbase batch apply` again: it writes what is missing.");
    for broken in broken.iter().take(TOLD) {
        error = error.detail(broken);
    }
    Err(error)
}

/// How many items are named.
const TOLD: usize = 8;

/// The plan that is meant: the one that is named, or else the only one.
fn meant(mut plans: Vec<String>, named: Option<&str>, output: &Path) -> Result<String> {
    plans.retain(|plan| named.is_none_or(|named| plan == named));
    match plans.as_slice() {
        [plan] => Ok(plan.clone()),
        [] => Err(Error::new(Code::RefNotFound, "no batch was written here")
            .at(shown(output))
            .expected(Fact::new(format!("{JOURNALS}/PLAN"), "airbase batch apply"))),
        several => Err(Error::new(Code::RefAmbiguous, "several batches were written here")
            .at(shown(output))
            .details(several.iter().cloned())
            .hint("Name one with --plan.")),
    }
}

/// How the items of a plan ended.
struct Ends {
    /// With their numbers.
    report: MergeReport,
    /// Those that the index is to list.
    finished: Vec<Finished>,
}

impl Ends {
    /// Every item that is to be moved must have an end.
    fn of(plan_file: &PlanFile, past: &Past, mut report: MergeReport, output: &Path) -> Result<Self> {
        let mut finished = Vec::new();
        let mut missing = Vec::new();
        for entry in plan_file.entries.iter().filter(|entry| entry.standing == ItemStatus::Move) {
            let Some(record) = past.item(&key(entry.key)) else {
                missing.push(entry);
                continue;
            };
            match (record.status, record.entry) {
                (Final::Done, Some(descriptor)) => {
                    report.moved += 1;
                    finished.push(Finished { key: entry.key, name: record.name, descriptor: descriptor.into() });
                }
                // Archives are complete without an index.
                (Final::Done, None) => report.moved += 1,
                (Final::Failed, _) => report.failed += 1,
                (Final::Held, _) => report.held += 1,
            }
        }
        let Some(first) = missing.first() else { return Ok(Self { report, finished }) };
        let ended = report.moved + report.failed + report.held;
        Err(Error::new(Code::BatchIncomplete, format!("{} items have no end yet; nothing was changed", missing.len()))
            .at(shown(output))
            .expected(Fact::new(missing.len() + ended, "the plan"))
            .found(Fact::new(ended, "the journals"))
            .detail(format!("the first of them: {}", plan_file.item(first)?.image)))
    }
}
