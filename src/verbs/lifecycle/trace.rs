//! From a pinned digest to the newest image of its line.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use super::state::{Reader, Subject};
use crate::core::{Digest, Result};
use crate::oci::{ImageName, Platform, annotation};
use crate::plan::lifecycle::field;
use crate::plan::lifecycle::field::Field;
use crate::plan::lifecycle::lineage::{End, Lineage, Member};
use crate::plan::lifecycle::time::{self, Moment};
use crate::read::Child;
use crate::report::lifecycle::trace::{Stop, TraceReport};
use crate::verbs::Context;
use crate::verbs::base::each_image;

/// Follows `digest` through all images below `paths`.
///
/// # Errors
/// Those of paths that cannot be opened; an image that cannot be read is a finding.
pub fn trace(digest: &Digest, paths: &[String], now: Moment, context: Context<'_>) -> Result<TraceReport> {
    let mut members = Vec::new();
    let mut findings = Vec::new();
    let mut readers: HashMap<PathBuf, Reader<'_>> = HashMap::new();
    let mut spoken = Vec::new();
    each_image(paths, context, &mut findings, |_| true, &mut |located, tree| {
        let source = &located.source;
        let reader = readers.entry(source.path.clone()).or_insert_with(|| Reader::new(source, now, context));
        for (number, subject) in reader.subjects(tree).into_iter().enumerate() {
            let names: Vec<String> = if number == 0 {
                located.descriptor.name().map(|name| full(name, &source.shown())).into_iter().collect()
            } else {
                Vec::new()
            };
            let reference = if number == 0 { located.shown() } else { format!("{}@{}", source.shown(), subject.descriptor.digest) };
            let former = if number == 0 { located.descriptor.former_names().map(str::to_owned).collect() } else { Vec::new() };
            members.push(Member { former, ..member(&subject, &reference, &names) });
            spoken.extend(subject.findings);
        }
        Ok(Vec::new())
    })?;
    findings.extend(spoken);
    let lineage = Lineage::new(members);
    let traced = lineage.trace(digest);
    let mut way = vec![digest.clone()];
    way.extend(traced.steps.iter().map(|step| step.to.clone()));
    if let End::Gap { digest, platform: Some(_) } = &traced.end {
        way.push(digest.clone());
    }
    let stops = way.iter().map(|digest| stop(&lineage, digest)).collect();
    Ok(TraceReport { digest: digest.clone(), at: now, stops, steps: traced.steps, result: traced.end, searched: lineage.len(), findings })
}

fn stop(lineage: &Lineage, digest: &Digest) -> Stop {
    let member = lineage.member(digest);
    Stop {
        digest: digest.clone(),
        reference: member.map(|member| member.reference.clone()),
        created: member.and_then(|member| member.created),
        version: member.and_then(|member| member.version.clone()),
        revision: member.and_then(|member| member.revision.clone()),
        standing: member.and_then(|member| member.standing).into(),
        names: lineage.names(digest),
    }
}

/// A bare tag means something only in its layout.
fn full(name: &str, source: &str) -> String {
    if ImageName::parse(name).is_full() { name.to_owned() } else { format!("{source}:{name}") }
}

/// What a lineage must know of a subject.
pub(super) fn member(subject: &Subject<'_>, reference: &str, names: &[String]) -> Member {
    let record = subject.resolution.record();
    let own = |key: &str| subject.own(key).map(str::to_owned);
    let text = |field: Field, key: &str| own(key).or_else(|| field::text(&record, field).map(str::to_owned));
    let platforms: BTreeMap<String, Digest> = subject
        .index
        .iter()
        .flat_map(|index| &index.children)
        .filter_map(|child| match child {
            Child::Image(image) => Some((image.platform().map(Platform::to_string)?, image.descriptor.digest.clone())),
            _ => None,
        })
        .collect();
    let channel = field::text(&record, Field::Channel).map(str::to_owned);
    Member {
        digest: subject.descriptor.digest.clone(),
        reference: reference.to_owned(),
        names: names.iter().cloned().chain(channel).collect(),
        former: Vec::new(),
        created: subject.created().and_then(|text| time::read(&text).ok()).and_then(|reading| reading.value.moment()),
        version: text(Field::Version, annotation::VERSION),
        revision: text(Field::Revision, annotation::REVISION),
        origin: own(annotation::TITLE).or_else(|| own(annotation::SOURCE)),
        rebased_from: own(annotation::REBASED_FROM).and_then(|text| text.parse().ok()),
        // What is said of its index says to which platform of the successor this one goes; the lineage knows that too.
        superseded_by: subject.successor(),
        supersedes: field::digest(&record, Field::Supersedes).filter(|_| subject.through.is_none()).cloned(),
        standing: subject.resolution.standing,
        platforms,
    }
}
