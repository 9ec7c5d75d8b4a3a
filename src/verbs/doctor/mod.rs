//! Which client sees which referrer of a layout, and why not; and with `fix` the missing forms.

mod fix;
mod survey;

pub(super) use survey::{Survey, survey};

use std::path::Path;

use crate::core::fsys::shown;
use crate::core::{Code, Error, Finding, Result, Severity};
use crate::plan::referrers::{diagnose, seen};
use crate::read::{SourceKind, open_path};
use crate::report::doctor::{Diagnosed, DoctorReport};
use crate::verbs::Context;

/// What is to be mended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mend {
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
pub fn doctor(path: &Path, mend: Mend, context: Context<'_>) -> Result<DoctorReport> {
    let source = open_path(path, context.limits)?;
    if mend != Mend::Nothing && source.kind() != SourceKind::Layout {
        return Err(Error::new(Code::UsageOutput, "--fix would change an archive, and archives are never changed")
            .at(shown(path))
            .hint("Copy it into a layout first: `airbase copy --all ARCHIVE DIR`."));
    }
    let surveys = survey(&source, context)?;
    let mut report = DoctorReport { path: source.shown(), referrers: Vec::new(), findings: Vec::new(), changed: false, mended: 0, left: 0 };
    let adopt = mend == Mend::Adopt;
    let mut mended = Vec::new();
    for survey in &surveys {
        let mut mends = |findings: &[Finding]| {
            mended.extend(findings.iter().filter(|finding| survey.mends(finding, adopt)).map(|finding| finding.severity));
        };
        mends(&survey.found.findings);
        report.findings.extend(survey.found.findings.iter().cloned());
        for referrer in &survey.found.referrers {
            let mut findings = diagnose(referrer, survey.standing);
            findings.extend(referrer.findings.iter().cloned());
            mends(&findings);
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
    let wrong = report.all_findings().filter(|finding| finding.severity > Severity::Note).count();
    report.left = wrong;
    if mend != Mend::Nothing {
        let committed = fix::fix(&source, &surveys, adopt, context)?;
        report.changed = committed.index_changed;
        report.findings.extend(committed.findings);
        let wrongs = mended.iter().filter(|severity| **severity > Severity::Note).count();
        (report.mended, report.left) = (mended.len(), wrong.saturating_sub(wrongs));
    }
    Ok(report)
}
