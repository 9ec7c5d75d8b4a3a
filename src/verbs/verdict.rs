//! Decides whether an image still runs after a move: `verdict`. Plans the rebase, reads the layers of both images once each, and
//! writes nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::rebase::{Request, plan, virtual_image};
use super::{Context, open};
use crate::core::limits::MIB;
use crate::core::{Code, Digest, Error, Finding, Result, Severity};
use crate::oci::Platform;
use crate::plan::rebase::image::Origin;
use crate::plan::verdict::{Answer, Judgement, Patched, Side, judge};
use crate::read::rootfs::{Budget, Scan};
use crate::read::{Image, Tree};
use crate::report::rebase::PlatformReport;
use crate::report::verdict::{PlatformVerdict, VerdictReport};

/// How many bytes of files are held in memory at most.
const KEPT_BYTES: u64 = 1024 * MIB;

/// Layers that were read, by the digests of their blobs: those of the app are in both images.
struct Scans<'a> {
    known: BTreeMap<Digest, Arc<Scan>>,
    budget: Budget,
    context: Context<'a>,
}

/// The verdict on a move. What the request says of an output does not count.
///
/// # Errors
/// Those of planning a rebase, and those of layers that are not what their digests say.
pub fn verdict(request: &Request, context: Context<'_>) -> Result<VerdictReport> {
    let opened = open(&request.image, context)?;
    let plan = plan(request, context)?;
    let moved = match plan.report.result {
        Some(_) => Some(virtual_image(&plan, &opened.located, context)?.1),
        None => None,
    };
    let before = opened.tree.images();
    let after = moved.as_ref().map(Tree::images).unwrap_or_default();
    let mut scans = Scans { known: BTreeMap::new(), budget: Budget::programs(KEPT_BYTES), context };
    let mut platforms = Vec::new();
    for report in &plan.report.platforms {
        let old = before.iter().find(|image| image.descriptor.digest == report.from);
        let new = after.iter().find(|image| Some(&image.descriptor.digest) == report.manifest.as_ref());
        let judgement = match (old, new) {
            (Some(old), Some(new)) => scans.judge(old, new, report)?,
            (Some(old), None) if report.new_base.is_some() => scans.unmoved(old, report)?,
            _ => unknown(Error::new(Code::VerdictUnclear, "there is no new base for the platform, so nothing was compared").into_finding()),
        };
        let onto = report.new_base.as_ref().map(|base| base.reference.clone());
        platforms.push(PlatformVerdict::of(report.platform.clone(), report.from.clone(), onto, judgement));
    }
    let verdict = platforms.iter().map(|platform| platform.verdict).max().unwrap_or(Answer::Unknown);
    let patched = platforms.iter().map(|platform| platform.patched).max().unwrap_or(Patched::Unknown);
    Ok(VerdictReport {
        image: plan.report.image,
        digest: plan.report.digest,
        verdict,
        patched,
        platforms,
        findings: plan.report.findings,
        explain: false,
    })
}

fn unknown(finding: Finding) -> Judgement {
    let finding = finding.severity(Severity::Warning);
    Judgement { answer: Answer::Unknown, patched: Patched::Unknown, hidden: Vec::new(), findings: vec![finding], reached: 0 }
}

impl Scans<'_> {
    /// Where nothing is moved nothing changes; what cannot be followed is unknown all the same, and of fixes nothing is known, since there
    /// is no older base to compare with.
    fn unmoved(&mut self, image: &Image, report: &PlatformReport) -> Result<Judgement> {
        let mut judgement = self.judge(image, image, &PlatformReport { old_base: None, ..report.clone() })?;
        judgement.findings.push(Finding::new(Code::VerdictSystem, "the platform is not moved: it is based on that base already"));
        Ok(judgement)
    }

    fn judge(&mut self, old: &Image, new: &Image, report: &PlatformReport) -> Result<Judgement> {
        if let Some(platform) = new.platform().filter(|platform| platform.os != "linux") {
            return Ok(unknown(other_system(platform)));
        }
        let (from, to) = match (self.layers(old), self.layers(new)) {
            (Ok(from), Ok(to)) => (from, to),
            (Err(error), _) | (_, Err(error)) => {
                return match error.code() {
                    Code::LayerNotConvertible | Code::BlobMissing => Ok(unknown(error.into_finding())),
                    _ => Err(error),
                };
            }
        };
        let seam = report.layers.iter().position(|layer| layer.origin == Origin::App).unwrap_or(report.layers.len());
        let before = Side { layers: &from, seam: report.seam, config: &old.config };
        let after = Side { layers: &to, seam, config: &new.config };
        judge(&before, &after, report.old_base.is_some())
    }

    fn layers(&mut self, image: &Image) -> Result<Vec<Arc<Scan>>> {
        let mut layers = Vec::new();
        for layer in &image.manifest.layers {
            let scan = match self.known.get(&layer.digest) {
                Some(scan) => Arc::clone(scan),
                None => Arc::new(Scan::read(&image.source, layer, &mut self.budget, self.context.limits, self.context.events)?),
            };
            self.known.insert(layer.digest.clone(), Arc::clone(&scan));
            layers.push(scan);
        }
        Ok(layers)
    }
}

fn other_system(platform: &Platform) -> Finding {
    Error::new(Code::VerdictUnclear, format!("images of {} are not followed", platform.os)).into_finding()
}
