//! From a pinned digest to the newest image of its line.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::reader::Reader;
use super::subject::Subject;
use crate::foundation::{Code, Digest, Error, Fact, Finding, Result};
use crate::oci::{ImageName, Platform, annotation};
use crate::plan::lifecycle::field;
use crate::plan::lifecycle::field::Field;
use crate::plan::lifecycle::held::SaidBy;
use crate::plan::lifecycle::lineage::{End, Lineage, Member};
use crate::plan::lifecycle::resolve::Question;
use crate::plan::lifecycle::time;
use crate::report::lifecycle::trace::{Stop, TraceReport};
use crate::verbs::Context;
use crate::verbs::base::each_image;

/// What is asked for.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "cli", derive(clap::Args))]
pub struct Trace {
    /// The digest that somebody pinned, or the beginning of it.
    // A whole reference leads to its digest.
    #[cfg_attr(feature = "cli", arg(value_name = "DIGEST"))]
    pub digest: String,
    /// Where images lie: layouts, archives, folders of them, or references.
    #[cfg_attr(feature = "cli", arg(required = true, value_name = "PATH"))]
    pub paths: Vec<String>,
    /// As of when, and whose word counts.
    #[cfg_attr(feature = "cli", arg(skip = Question::from(super::words::present())))]
    pub question: Question,
}

/// Follows a digest through all images below the paths.
///
/// # Errors
/// `usage.argument` for a text that begins no digest here or several; those of paths that cannot be opened. An image that cannot be
/// read is a finding.
pub fn trace(query: &Trace, context: Context<'_>) -> Result<TraceReport> {
    let Trace { digest, paths, question } = query;
    let text = digest.rsplit_once('@').map_or(digest.as_str(), |(_, digest)| digest);
    let mut members = Vec::new();
    let mut findings = Vec::new();
    // With what lies in each place.
    let mut readers: BTreeMap<PathBuf, (Reader<'_>, BTreeSet<Digest>)> = BTreeMap::new();
    let mut spoken = Vec::new();
    each_image(paths, context, &mut findings, |_| true, &mut |located, tree| {
        let source = &located.source;
        let open = || (Reader::everywhere(source, question.clone(), context), BTreeSet::new());
        let (reader, here) = readers.entry(source.path.clone()).or_insert_with(open);
        for (number, subject) in reader.subjects(tree).into_iter().enumerate() {
            let names: Vec<String> = if number == 0 {
                located.descriptor.name().map(|name| full(name, &source.shown())).into_iter().collect()
            } else {
                Vec::new()
            };
            let reference = if number == 0 { located.shown() } else { format!("{}@{}", source.shown(), subject.descriptor.digest) };
            let former = if number == 0 { located.descriptor.former_names().map(str::to_owned).collect() } else { Vec::new() };
            here.insert(subject.descriptor.digest.clone());
            members.push(Member { former, ..member(&subject, &reference, &names) });
            spoken.extend(subject.findings);
        }
        Ok(Vec::new())
    })?;
    findings.extend(spoken);
    let unplaced = readers.values().flat_map(|(reader, _)| reader.unplaced()).collect();
    findings.extend(Finding::new_among(&findings, unplaced));
    let searched = readers.values().flat_map(|(_, here)| here).collect::<BTreeSet<_>>().len();
    // What is said of images that are gone, or lie in another place.
    for (reader, here) in readers.values() {
        members.extend(reader.gone(here));
    }
    let lineage = Lineage::new(members);
    let digest = meant(text, &lineage)?;
    let traced = lineage.trace(&digest);
    let mut way = vec![digest.clone()];
    way.extend(traced.steps.iter().map(|step| step.to.clone()));
    if let End::Gap { digest, platform: Some(_) } = &traced.end {
        way.push(digest.clone());
    }
    let stops = way.iter().map(|digest| stop(&lineage, digest)).collect();
    Ok(TraceReport { digest, at: question.now, stops, steps: traced.steps, result: traced.end, searched, findings })
}

/// The digest that is asked for: the whole of it, or the beginning of one that is known here.
fn meant(text: &str, lineage: &Lineage) -> Result<Digest> {
    const FEWEST: usize = 7;
    if let Ok(digest) = text.parse() {
        return Ok(digest);
    }
    let refused = |message: &str| {
        Error::new(Code::UsageArgument, message)
            .expected(Fact::new(
                "sha256: and 64 lower-case hexadecimal digits, the beginning of those, or a reference that ends so",
                "DIGEST",
            ))
            .found(Fact::new(text, "the command line"))
    };
    let digits = text.strip_prefix("sha256:").or_else(|| text.strip_prefix("sha512:")).unwrap_or(text);
    if digits.len() < FEWEST || !digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return Err(refused("this is not a digest"));
    }
    match lineage.that_begin_with(text).as_slice() {
        [digest] => Ok((*digest).clone()),
        [] => Err(refused("no digest here begins so")),
        several => Err(refused("several digests here begin so").details(several.iter().map(std::string::ToString::to_string))),
    }
}

fn stop(lineage: &Lineage, digest: &Digest) -> Stop {
    let member = lineage.member(digest);
    Stop {
        digest: digest.clone(),
        reference: member.and_then(|member| member.reference.clone()),
        created: member.and_then(|member| member.created),
        version: member.and_then(|member| member.version.clone()),
        revision: member.and_then(|member| member.revision.clone()),
        standing: member.and_then(|member| member.standing).into(),
        unreadable: member.is_some_and(|member| member.unreadable),
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
        .flat_map(|index| index.images())
        .filter_map(|image| Some((image.platform().map(Platform::to_string)?, image.descriptor.digest.clone())))
        .collect();
    // The channel of an index is not that of each of its platforms.
    let own_word = |field: Field| match subject.resolution.fields.get(&field).map(|held| &held.source) {
        Some(SaidBy::Statement { on, .. }) => *on == subject.descriptor.digest,
        _ => true,
    };
    let channel = field::text(&record, Field::Channel).filter(|_| own_word(Field::Channel)).map(str::to_owned);
    Member {
        digest: subject.descriptor.digest.clone(),
        reference: Some(reference.to_owned()),
        names: names.iter().cloned().chain(channel).collect(),
        former: Vec::new(),
        created: subject.created().and_then(|text| time::read(&text).ok()).and_then(|reading| reading.value.moment()),
        version: text(Field::Version, annotation::VERSION),
        revision: text(Field::Revision, annotation::REVISION),
        origin: own(annotation::TITLE).or_else(|| own(annotation::SOURCE)),
        rebased_from: own(annotation::REBASED_FROM).and_then(|text| text.parse().ok()),
        // What is said of its index says to which platform of the successor this one goes; the lineage knows that too.
        superseded_by: subject.successor(),
        unreadable: subject.resolution.unreadable > 0,
        platform: subject.platform().map(Platform::to_string),
        supersedes: field::digest(&record, Field::Supersedes).cloned(),
        standing: subject.resolution.standing,
        platforms,
    }
}
