//! `batch report`: how far a batch is.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use super::archives::file_name;
use super::plan_file::PlanFile;
use crate::foundation::fsys::Directory;
use crate::foundation::{Digest, Result};
use crate::oci::Name;
use crate::plan::batch::{Item, ItemStatus};
use crate::read::Source;
use crate::report::batch::{BatchReport, ItemReport, Outcome};
use crate::verbs::Context;
use crate::write::journal::{self, Final, ItemRecord};

/// Compares a plan with what the journals in an output say.
///
/// # Errors
/// Those of the plan and of the journals.
pub fn report(plan: &Path, output: &Path, context: Context<'_>) -> Result<BatchReport> {
    let mut items: Vec<Item> = Vec::new();
    let plan_file = PlanFile::open(plan, context.limits, &mut |item| {
        items.push(item.clone());
        Ok(())
    })?;
    let mut report = BatchReport { plan: plan_file.id.clone(), ..BatchReport::default() };
    let (past, results) = match Directory::open(output) {
        Ok(root) => (journal::read(&root, &plan_file.id)?, Some(Results::of(root, output, &plan_file.id, context)?)),
        // Nothing was written yet.
        Err(error) if error.is_not_found() => (journal::Past::default(), None),
        Err(error) => return Err(error),
    };
    for item in items {
        let record = past.item(&item.key).filter(|_| item.status == ItemStatus::Move);
        let done = record.as_ref().filter(|record| record.status == Final::Done);
        let place = done.zip(results.as_ref()).map(|(record, results)| results.place(&item, record)).transpose()?;
        report.unlisted += usize::from(matches!(place, Some(Place::Unlisted)));
        let gone = if let Some(Place::Gone(why)) = place { Some(why.to_owned()) } else { None };
        let outcome = match (item.status, record.as_ref().map(|record| record.status)) {
            (ItemStatus::Move, None) => Outcome::Missing,
            (ItemStatus::Move, Some(Final::Done)) if gone.is_some() => Outcome::Missing,
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

/// Where the result of an item is that is done.
enum Place {
    /// Where it should be.
    There,
    /// Among the blobs, and in no index yet.
    Unlisted,
    /// Not where it should be, and why.
    Gone(&'static str),
}

/// What an output holds.
struct Results {
    root: Directory,
    /// Whether all that is done should be listed.
    is_listed: bool,
    /// What the index lists, and under which names; an output of archives has none.
    digests: HashSet<Digest>,
    names: HashMap<Name<'static>, Digest>,
}

impl Results {
    fn of(root: Directory, output: &Path, plan: &str, context: Context<'_>) -> Result<Self> {
        let is_listed = journal::is_listed(&root, plan)?;
        let mut results = Self { is_listed, digests: HashSet::new(), names: HashMap::new(), root };
        // One that is there and cannot be read lists nobody knows what.
        if results.root.kind("index.json")?.is_some() {
            let source = Source::open(output, context.limits)?;
            for entry in &source.index.manifests {
                results.digests.insert(entry.digest.clone());
                if let Some(name) = entry.full_name() {
                    results.names.entry(name.into_owned()).or_insert_with(|| entry.digest.clone());
                }
            }
        }
        Ok(results)
    }

    /// Where the result of an item is. Blobs are looked for and not hashed.
    fn place(&self, item: &Item, record: &ItemRecord) -> Result<Place> {
        let Some(result) = item.result.as_ref().map(|result| &result.digest) else { return Ok(Place::There) };
        if record.entry.is_none() {
            let is_there = self.root.kind(&file_name(item))?.is_some();
            return Ok(if is_there { Place::There } else { Place::Gone("its archive is not in the output any more") });
        }
        for blob in item.layers.iter().map(|layer| &layer.digest).chain([result]) {
            if self.root.kind(&blob.blob_path())?.is_none() {
                return Ok(Place::Gone("a blob of its result is not in the output any more"));
            }
        }
        let name = item.output.as_ref().and_then(|name| self.names.get(&Name::parse(name).into_owned()));
        Ok(match (self.digests.contains(result), name) {
            (true, Some(other)) if other != result => Place::Gone("its name stands for another image by now"),
            (true, _) => Place::There,
            (false, _) if self.is_listed => Place::Gone("its result is not in the output any more"),
            (false, _) => Place::Unlisted,
        })
    }
}
