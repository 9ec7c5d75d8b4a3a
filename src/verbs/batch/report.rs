//! `batch report`: how far a batch is.

use std::path::Path;

use super::plan_file::PlanFile;
use crate::foundation::Result;
use crate::foundation::fsys::Directory;
use crate::plan::batch::{Item, ItemStatus};
use crate::report::batch::{BatchReport, ItemReport, Outcome};
use crate::verbs::Context;
use crate::write::journal::{self, Final};

/// Compares a plan with what the journals in an output say.
///
/// # Errors
/// Those of the plan and of the journals.
pub fn report(plan: &Path, output: &Path, context: Context<'_>) -> Result<BatchReport> {
    let mut items: Vec<Item> = Vec::new();
    let plan_file = PlanFile::open(plan, context.limits, &mut |item| {
        items.push(Item { layers: Vec::new(), ..item.clone() });
        Ok(())
    })?;
    let past = match Directory::open(output) {
        Ok(root) => journal::read(&root, &plan_file.id)?,
        // Nothing was written yet.
        Err(_) => journal::Past::default(),
    };
    let mut report = BatchReport { plan: plan_file.id.clone(), ..BatchReport::default() };
    for item in items {
        let record = past.item(&item.key).filter(|_| item.status == ItemStatus::Move);
        let outcome = match (item.status, record.as_ref().map(|record| record.status)) {
            (ItemStatus::Move, None) => Outcome::Missing,
            (ItemStatus::Move, Some(Final::Done)) => Outcome::Moved,
            (ItemStatus::Move, Some(Final::Failed)) => Outcome::Failed,
            (ItemStatus::Move, Some(Final::Held)) | (ItemStatus::Held, _) => Outcome::Held,
            (ItemStatus::Current, _) => Outcome::Current,
            (ItemStatus::Base, _) => Outcome::Base,
            (ItemStatus::Refused, _) => Outcome::Refused,
        };
        let reason = item.reason.as_ref();
        report.add(ItemReport {
            code: record.as_ref().and_then(|record| record.code.clone()).or_else(|| reason.map(|reason| reason.code.clone())),
            message: record.as_ref().and_then(|record| record.message.clone()).or_else(|| reason.map(|reason| reason.message.clone())),
            base: item.platforms.first().map(|placed| placed.new.name.clone().unwrap_or_else(|| placed.new.digest.to_string())),
            result: item.result.map(|result| result.digest).filter(|_| outcome == Outcome::Moved),
            key: item.key,
            image: item.image,
            digest: item.digest,
            name: item.output,
            level: item.level,
            verdict: item.verdict,
            patched: item.patched,
            outcome,
            origin: item.origin,
        });
    }
    report.unreadable = plan_file.end.unreadable;
    report.not_chosen = plan_file.end.not_chosen;
    Ok(report)
}
