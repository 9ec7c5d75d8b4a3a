//! Which client sees which referrer of a layout, and why not; and with `fix` the missing forms.

mod fix;
mod survey;

pub(super) use survey::{Survey, survey};

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use crate::foundation::fsys::shown;
use crate::foundation::{Code, Digest, Finding, Result, Severity};
use crate::plan::referrers::{Standing, diagnose, seen};
use crate::read::referrers::Referrer;
use crate::read::{Source, SourceKind, open_path};
use crate::report::doctor::{Diagnosed, DoctorReport};
use crate::verbs::Context;
use crate::verbs::output::{Outgoing, Output, layout_options, write};
use crate::write::Layout;

/// What is to be mended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fix {
    /// Nothing.
    Nothing,
    /// What the manifests that are listed say.
    Listed,
    /// What those say that nothing lists too. Nobody can tell a bundle that cosign saved so from a referrer that was detached.
    Adopt,
}

/// Examines the layout or archive at `path`, and writes what is missing: both lists of every subject are derived anew from the
/// manifests, and artifact manifests become image manifests.
///
/// # Errors
/// `usage.output` if an archive is to be mended, those of opening it and of writing.
pub fn doctor(path: &Path, how: Fix, context: Context<'_>) -> Result<DoctorReport> {
    let source = open_path(path, context.limits)?;
    if how != Fix::Nothing && source.kind() != SourceKind::Layout {
        return Err(source
            .kind()
            .unchangeable("--fix")
            .at(shown(path))
            .hint("Copy it into a layout first: `airbase copy --all PATH DIR`."));
    }
    let mut outgoing = Outgoing::default();
    outgoing.input(&source);
    let mut report = examined(&source, context, &mut |survey| {
        if how != Fix::Nothing {
            fix::ask(survey, how == Fix::Adopt, &mut outgoing);
        }
    })?;
    if how == Fix::Nothing {
        return Ok(report);
    }
    let committed = write(&Output::Layout(source.path.clone()), &outgoing, &[], 0, context)?;
    // The index of a hundred thousand images is not kept beside the one that takes its place.
    drop(outgoing);
    drop(source);
    report.changed = committed.index_changed || committed.blobs_written > 0;
    // What was mended is what is not found any more: what was meant to be written proves nothing.
    if report.changed || report.left > 0 {
        let after = alone(path, context, &|| examined(&open_path(path, context.limits)?, context, &mut |_| {}))?;
        let left: HashSet<_> = after.all_findings().map(same).collect();
        report.mended = report.all_findings().filter(|finding| !left.contains(&same(finding))).count();
        report.left = after.left;
    }
    report.findings.extend(committed.findings);
    Ok(report)
}

/// Looks while nobody of ours writes, since whoever reads an index that is exchanged meanwhile finds blobs gone; where others write
/// all the time, it is looked at nevertheless.
fn alone<T>(path: &Path, context: Context<'_>, look: &dyn Fn() -> Result<T>) -> Result<T> {
    let layout = Layout::open_or_create(path, layout_options(context))?;
    // What was written is written, whether or not the lock can be had once more.
    layout.alone(look).or_else(|_| look())
}

/// What makes a finding the same before and after.
fn same(finding: &Finding) -> (Code, Option<String>) {
    (finding.code, finding.place.clone())
}

/// What the layout is like; `also` sees each subject before it is let go of.
fn examined(source: &Arc<Source>, context: Context<'_>, also: &mut dyn FnMut(&Survey)) -> Result<DoctorReport> {
    let mut referrers = Vec::new();
    let mut of_lists = Vec::new();
    let unread = survey(source, context, &mut |survey| {
        also(&survey);
        let Survey { subject, standing, found } = survey;
        of_lists.extend(found.findings);
        referrers.extend(found.referrers.into_iter().map(|referrer| diagnosed(referrer, &subject.digest, standing)));
        Ok(())
    })?;
    let findings = unread.into_iter().map(|unread| unread.finding).chain(of_lists).collect();
    let mut report = DoctorReport { path: source.shown(), referrers, findings, changed: false, mended: 0, left: 0 };
    report.left = report.all_findings().filter(|finding| finding.severity > Severity::Note).count();
    Ok(report)
}

fn diagnosed(referrer: Referrer, subject: &Digest, standing: Standing) -> Diagnosed {
    let mut findings = diagnose(&referrer, standing);
    let (artifact_type, found_by, seen_by) = (referrer.artifact_type().to_owned(), referrer.found_by(), seen(&referrer, standing));
    findings.extend(referrer.findings);
    Diagnosed {
        digest: referrer.descriptor.digest.clone(),
        artifact_type,
        subject: subject.clone(),
        found_by,
        seen_by,
        names: referrer.listed.names,
        findings,
    }
}
