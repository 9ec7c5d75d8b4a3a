//! Which client sees which referrer of a layout, and why not; and with `fix` the missing forms.

mod fix;
mod survey;

pub(super) use survey::{Survey, Surveyed, survey};

use std::collections::HashSet;
use std::path::Path;

use crate::core::fsys::shown;
use crate::core::{Code, Error, Finding, Result, Severity};
use crate::plan::referrers::{diagnose, seen};
use crate::read::{Source, SourceKind, open_path};
use crate::report::doctor::{Diagnosed, DoctorReport};
use crate::verbs::Context;
use crate::verbs::output::layout_options;
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
        return Err(Error::new(Code::UsageOutput, "--fix would change an archive, and archives are never changed")
            .at(shown(path))
            .hint("Copy it into a layout first: `airbase copy --all ARCHIVE DIR`."));
    }
    let surveys = survey(&source, context)?;
    let mut report = examined(&source, &surveys);
    if how == Fix::Nothing {
        return Ok(report);
    }
    let committed = fix::fix(&source, &surveys.subjects, how == Fix::Adopt, context)?;
    report.changed = committed.index_changed || committed.blobs_written > 0;
    // What was mended is what is not found any more: what was meant to be written proves nothing.
    if report.changed || report.left > 0 {
        let after = alone(path, context, &|| {
            let source = open_path(path, context.limits)?;
            Ok(examined(&source, &survey(&source, context)?))
        })?;
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

/// What the layout is like.
fn examined(source: &Source, surveyed: &Surveyed) -> DoctorReport {
    let mut report = DoctorReport { path: source.shown(), referrers: Vec::new(), findings: Vec::new(), changed: false, mended: 0, left: 0 };
    report.findings.extend(surveyed.unread.iter().map(|unread| unread.finding.clone()));
    for survey in &surveyed.subjects {
        report.findings.extend(survey.found.findings.iter().cloned());
        for referrer in &survey.found.referrers {
            let mut findings = diagnose(referrer, survey.standing);
            findings.extend(referrer.findings.iter().cloned());
            report.referrers.push(Diagnosed {
                digest: referrer.descriptor.digest.clone(),
                artifact_type: referrer.artifact_type().to_owned(),
                subject: survey.subject.digest.clone(),
                found_by: referrer.found_by(),
                seen_by: seen(referrer, survey.standing),
                names: referrer.listed.names.clone(),
                findings,
            });
        }
    }
    report.left = report.all_findings().filter(|finding| finding.severity > Severity::Note).count();
    report
}
