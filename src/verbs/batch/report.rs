//! `batch report`: how far a batch is.

use std::collections::HashSet;
use std::path::Path;

use super::plan_file::PlanFile;
use crate::foundation::fsys::Directory;
use crate::foundation::{Digest, Result};
use crate::plan::batch::{Item, ItemStatus};
use crate::read::Source;
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
    let (past, listed) = match Directory::open(output) {
        Ok(root) => (journal::read(&root, &plan_file.id)?, listed(&root, output, &plan_file.id, context)?),
        // Nothing was written yet.
        Err(error) if error.is_not_found() => (journal::Past::default(), None),
        Err(error) => return Err(error),
    };
    let is_gone = |item: &Item| {
        let result = item.result.as_ref().map(|result| &result.digest);
        listed.as_ref().zip(result).is_some_and(|(listed, result)| !listed.contains(result))
    };
    let mut report = BatchReport { plan: plan_file.id.clone(), ..BatchReport::default() };
    for item in items {
        let record = past.item(&item.key).filter(|_| item.status == ItemStatus::Move);
        let outcome = match (item.status, record.as_ref().map(|record| record.status)) {
            (ItemStatus::Move, None) => Outcome::Missing,
            (ItemStatus::Move, Some(Final::Done)) if is_gone(&item) => Outcome::Missing,
            (ItemStatus::Move, Some(Final::Done)) => Outcome::Moved,
            (ItemStatus::Move, Some(Final::Failed)) => Outcome::Failed,
            (ItemStatus::Move, Some(Final::Held)) | (ItemStatus::Held, _) => Outcome::Held,
            (ItemStatus::Current, _) => Outcome::Current,
            (ItemStatus::Base, _) => Outcome::Base,
            (ItemStatus::Refused, _) => Outcome::Refused,
        };
        let reason = item.reason.as_ref();
        let gone = (outcome == Outcome::Missing && record.is_some()).then(|| "its result is not in the output any more".to_owned());
        report.add(ItemReport {
            code: record.as_ref().and_then(|record| record.code.clone()).or_else(|| reason.map(|reason| reason.code.clone())),
            message: gone
                .or_else(|| record.as_ref().and_then(|record| record.message.clone()))
                .or_else(|| reason.map(|reason| reason.message.clone())),
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

/// What the index of the output lists, once it should list all that is done; an output of archives has none.
fn listed(root: &Directory, output: &Path, plan: &str, context: Context<'_>) -> Result<Option<HashSet<Digest>>> {
    if !journal::is_listed(root, plan)? || root.kind("index.json")?.is_none() {
        return Ok(None);
    }
    let source = Source::open(output, context.limits)?;
    Ok(Some(source.index.manifests.iter().map(|entry| entry.digest.clone()).collect()))
}
