//! `batch report`: how far a batch is.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use super::archives::file_name;
use super::plan_file::PlanFile;
use super::whole::broken;
use crate::foundation::fsys::Directory;
use crate::foundation::{Digest, ExitClass, Result};
use crate::oci::{Descriptor, Name};
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
struct Results<'c> {
    root: Directory,
    output: &'c Path,
    context: Context<'c>,
    /// Whether all that is done should be listed.
    is_listed: bool,
    /// What the index lists, and under which names; an output of archives has none.
    source: Option<Arc<Source>>,
    entries: HashMap<Digest, Descriptor>,
    names: HashMap<Name<'static>, Digest>,
}

impl<'c> Results<'c> {
    fn of(root: Directory, output: &'c Path, plan: &str, context: Context<'c>) -> Result<Self> {
        let is_listed = journal::is_listed(&root, plan)?;
        let mut results = Self { root, output, context, is_listed, source: None, entries: HashMap::new(), names: HashMap::new() };
        // One that is there and cannot be read lists nobody knows what.
        if results.root.kind("index.json")?.is_some() {
            let source = Source::open(output, context.limits)?;
            for entry in &source.index.manifests {
                results.entries.insert(entry.digest.clone(), entry.clone());
                if let Some(name) = entry.full_name() {
                    results.names.entry(name.into_owned()).or_insert_with(|| entry.digest.clone());
                }
            }
            results.source = Some(source);
        }
        Ok(results)
    }

    /// Where the result of an item is, and whether it is whole.
    fn place(&self, item: &Item, record: &ItemRecord) -> Result<Place> {
        let Some(result) = item.result.as_ref().map(|result| &result.digest) else { return Ok(Place::There) };
        if record.entry.is_none() {
            return self.archive(item, result);
        }
        let Some((source, entry)) = self.source.as_ref().zip(self.entries.get(result)) else {
            let is_there = self.root.kind(&result.blob_path())?.is_some();
            return Ok(if is_there && !self.is_listed { Place::Unlisted } else { Place::Gone("its result is not in the output any more") });
        };
        if let Some(why) = broken(source, entry, item.platforms.len(), self.context.limits)? {
            return Ok(Place::Gone(why));
        }
        Ok(match item.output.as_ref().map(|name| self.names.get(&Name::parse(name).into_owned())) {
            Some(None) => Place::Gone("its result has not its name any more"),
            Some(Some(other)) if other != result => Place::Gone("its name stands for another image by now"),
            _ => Place::There,
        })
    }

    fn archive(&self, item: &Item, result: &Digest) -> Result<Place> {
        let name = file_name(item);
        if self.root.kind(&name)?.is_none() {
            return Ok(Place::Gone("its archive is not in the output any more"));
        }
        let source = match Source::open(&self.output.join(name), self.context.limits) {
            Ok(source) => source,
            Err(error) if error.exit_class() == ExitClass::Io => return Err(error),
            Err(_) => return Ok(Place::Gone("its archive cannot be read any more")),
        };
        let Some(entry) = source.index.manifests.iter().find(|entry| entry.digest == *result) else {
            return Ok(Place::Gone("its archive holds another image by now"));
        };
        Ok(broken(&source, entry, item.platforms.len(), self.context.limits)?.map_or(Place::There, Place::Gone))
    }
}
