//! Decides whether an image still runs after a move: `verdict`. Plans the rebase, reads the layers of both images once each, and
//! writes nothing.

use std::collections::BTreeSet;

use super::judge::{Judge, unknown};
use super::rebase::{Request, plan};
use super::{Context, open};
use crate::foundation::{Code, Error, Result};
use crate::plan::verdict::{Answer, Gate, Patched};
use crate::report::rebase::JudgedReport;
use crate::report::verdict::{PlatformVerdict, VerdictReport};

/// The verdict on a move. What the request says of an output does not count, and nothing is refused.
///
/// # Errors
/// Those of planning a rebase, and those of layers that are not what their digests say.
pub fn verdict(request: &Request, context: Context<'_>) -> Result<VerdictReport> {
    let opened = open(&request.image, context)?;
    let gate = &request.verdict;
    let plan = plan(&Request { verdict: Gate::WARN, output: None, ..request.clone() }, context)?;
    let images = opened.tree.images();
    let judge = Judge::new(context);
    let (mut platforms, mut left, mut findings) = (Vec::new(), Answer::Runs, plan.report.findings);
    for report in plan.report.platforms {
        let old = images.iter().find(|image| image.descriptor.digest == report.from);
        let mut judged = match (report.judged, old) {
            (Some(judged), _) => judged,
            (None, Some(old)) if report.new_base.is_some() => JudgedReport::of(judge.unmoved(old, report.seam)?, &BTreeSet::new()),
            _ => {
                let why = Error::new(Code::VerdictUnclear, "there is no new base for the platform, so nothing was compared");
                JudgedReport::of(unknown(why), &BTreeSet::new())
            }
        };
        let weighed = gate.weigh(&judged.reasons);
        left = left.max(weighed.answer);
        judged.accepted = weighed.accepted.into_iter().collect();
        let shown = report.platform.as_ref().map(|platform| format!("{} {platform}", plan.report.image));
        let hidden = gate.hidden(judged.patched, &judged.hidden_files);
        findings.extend(hidden.map(|finding| finding.at(shown.unwrap_or_else(|| plan.report.image.clone()))));
        let onto = report.new_base.map(|base| base.reference);
        platforms.push(PlatformVerdict::of(report.platform, report.from, onto, judged));
    }
    let verdict = platforms.iter().map(|platform| platform.verdict).max().unwrap_or(Answer::Unknown);
    if platforms.is_empty() {
        left = Answer::Unknown;
    }
    let patched = platforms.iter().map(|platform| platform.patched).max().unwrap_or(Patched::Unknown);
    Ok(VerdictReport { image: plan.report.image, digest: plan.report.digest, verdict, patched, platforms, findings, left, explain: false })
}
