//! Takes the referrers of an image along.

use std::collections::{HashSet, VecDeque};

use super::Subject;
use crate::format::json::Excerpt;
use crate::foundation::{Code, Digest, Error, Finding, Result, Severity, text};
use crate::oci::Descriptor;
use crate::plan::referrers::{Item, Wish};
use crate::read::referrers::{Lookup, Referrer, Trouble, Unread, marked};
use crate::read::{Source, Walk, walk};
use crate::verbs::Context;
use crate::verbs::output::Cargo;

/// Which referrers are taken along.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Carry {
    /// Only these artifact types; all of them if there is none.
    pub types: Vec<String>,
    /// How deep: 1 is the referrers of the image, 2 the signatures of those as well.
    pub depth: usize,
}

impl Default for Carry {
    fn default() -> Self {
        Self { types: Vec::new(), depth: usize::MAX }
    }
}

impl Carry {
    fn wants(&self, referrer: &Referrer) -> bool {
        self.types.is_empty() || self.types.iter().any(|wanted| wanted == referrer.artifact_type())
    }
}

/// What becomes of referrers that cannot be read now, or whose blobs cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::verbs) enum Unreadable {
    /// They end everything: a copy without them would look complete.
    Refused,
    /// They stay behind, and the result is not a good one.
    Told,
}

/// What was taken along.
#[derive(Debug, Default)]
pub(in crate::verbs) struct Carried {
    /// The digests.
    pub(in crate::verbs) digests: Vec<Digest>,
    /// Entries for referrers that have only a name: the tags of cosign.
    pub(in crate::verbs) entries: Vec<(Option<String>, Excerpt)>,
    /// What is odd about them.
    pub(in crate::verbs) findings: Vec<Finding>,
    /// Whether there may be more, which could not be read.
    pub(in crate::verbs) incomplete: bool,
    /// What a user should know of the referrers that were not asked for.
    pub(in crate::verbs) left_out: Option<Finding>,
    left: Left,
}

/// Referrers of the image itself that stay behind, because they were not asked for.
#[derive(Debug, Default)]
pub(in crate::verbs) struct Left {
    facts: Vec<String>,
    states: bool,
}

/// How many are told.
const TOLD: usize = 8;

impl Left {
    /// Counts one.
    pub(in crate::verbs) fn add(&mut self, artifact_type: &str, digest: &Digest, context: Context<'_>) {
        self.states |= context.conventions.is_statement(artifact_type);
        self.facts.push(format!("{artifact_type} {digest}"));
    }

    /// What a user should know of them: without the statements on it an image looks better than it is.
    pub(in crate::verbs) fn finding(self, of: &Digest) -> Option<Finding> {
        let count = self.facts.len();
        if count == 0 {
            return None;
        }
        let severity = if self.states { Severity::Warning } else { Severity::Note };
        let words = if self.states { ", statements on its life cycle among them" } else { "" };
        let message = format!("{} stayed behind, because they were not asked for{words}", text::count(count, "referrer"));
        let mut finding = Finding::new(Code::ReferrerLeft, message).severity(severity).at(of);
        finding.details = self.facts;
        finding.details.truncate(TOLD);
        Some(if count > TOLD { finding.detail(format!("and {} more", count - TOLD)) } else { finding })
    }
}

/// Adds the referrers of `subjects`, and theirs, to `cargo`. A filter by type holds for the image's own referrers: the signature
/// of an SBOM goes where the SBOM goes.
///
/// # Errors
/// Those of reading a referrer's documents.
pub(in crate::verbs) fn carry<'a>(
    source: &'a Source,
    lookup: &Lookup<'_>,
    subjects: Vec<Subject>,
    wanted: &Carry,
    cargo: &mut Cargo<'a>,
    context: Context<'_>,
) -> Result<Carried> {
    carry_as(source, lookup, subjects, wanted, Unreadable::Refused, cargo, context)
}

/// As [`carry`], where the caller says what becomes of those that cannot be had.
///
/// # Errors
/// Those of [`carry`], if they are refused.
pub(in crate::verbs) fn carry_as<'a>(
    source: &'a Source,
    lookup: &Lookup<'_>,
    subjects: Vec<Subject>,
    carry: &Carry,
    unreadable: Unreadable,
    cargo: &mut Cargo<'a>,
    context: Context<'_>,
) -> Result<Carried> {
    let mut carried = Carried::default();
    let mut seen: HashSet<Digest> = HashSet::new();
    let mut queue: VecDeque<(Subject, usize)> = subjects.into_iter().map(|subject| (subject, 0)).collect();
    let top = queue.front().map(|(subject, _)| subject.descriptor.digest.clone());
    while let Some((subject, depth)) = queue.pop_front() {
        if depth >= carry.depth {
            let found = if seen.insert(subject.descriptor.digest.clone()) { lookup.of(&subject.descriptor).referrers } else { Vec::new() };
            for referrer in &found {
                carried.left.add(referrer.artifact_type(), &referrer.descriptor.digest, context);
            }
            continue;
        }
        if !seen.insert(subject.descriptor.digest.clone()) {
            continue;
        }
        let found = lookup.of(&subject.descriptor);
        refuse_unread(&found.unread, unreadable)?;
        carried.incomplete |= !found.unread.is_empty();
        carried.findings.extend(found.findings);
        let mut add = Vec::new();
        for referrer in &found.referrers {
            if depth == 0 && !carry.wants(referrer) {
                carried.left.add(referrer.artifact_type(), &referrer.descriptor.digest, context);
                continue;
            }
            match load(source, referrer, cargo, context) {
                Err(error) if unreadable == Unreadable::Told => {
                    carried.incomplete = true;
                    carried.findings.push(error.into_finding().at(&referrer.descriptor.digest));
                    continue;
                }
                other => other?,
            }
            carried.digests.push(referrer.descriptor.digest.clone());
            carried.findings.extend(referrer.findings.iter().cloned());
            queue.push_back((Subject { descriptor: referrer.descriptor.clone(), child: false }, depth + 1));
            match &referrer.ending {
                Some(_) => carried.entries.extend(named(source, referrer)),
                None => add.push(Item::from(referrer)),
            }
        }
        if !add.is_empty() {
            cargo.refer(Wish { subject: subject.descriptor, child: subject.child, add, remove: Vec::new(), clean: false });
        }
    }
    // What has neither a name nor a subject goes along as it is there.
    if carry.depth > 0 {
        let marking = marked(source, context.limits);
        refuse_unread(&marking.unread, unreadable)?;
        carried.incomplete |= !marking.unread.is_empty();
        carried.findings.extend(marking.unread.iter().map(|unread| unread.finding.clone()));
        for marked in &marking.found {
            if !seen.contains(&marked.subject) {
                continue;
            }
            if !carry.types.is_empty() && !carry.types.iter().any(|wanted| wanted == marked.artifact_type()) {
                carried.left.add(marked.artifact_type(), &marked.entry.digest, context);
            } else {
                carried.digests.push(marked.entry.digest.clone());
                carried.entries.push((None, marked.entry.raw.clone()));
                marked.layers.iter().chain([&marked.config]).for_each(|blob| cargo.blob(source, blob));
                cargo.document(&marked.document);
            }
        }
    }
    carried.left_out = top.and_then(|top| std::mem::take(&mut carried.left).finding(&top));
    Ok(carried)
}

/// What cannot be read now may be there in a moment.
fn refuse_unread(unread: &[Unread], unreadable: Unreadable) -> Result<()> {
    match unread.iter().find(|unread| unread.trouble == Trouble::Io && unreadable == Unreadable::Refused) {
        Some(unread) => Err(Error::of(unread.finding.clone())),
        None => Ok(()),
    }
}

/// Everything that a referrer consists of; nothing, if something of it cannot be had.
fn load<'a>(source: &'a Source, referrer: &Referrer, cargo: &mut Cargo<'a>, context: Context<'_>) -> Result<()> {
    if referrer.descriptor.is_index() {
        let mut found = Walk::default();
        walk(source, &referrer.descriptor, context.limits, &mut found, &mut HashSet::new())?;
        found.documents.iter().for_each(|(_, document)| cargo.document(document));
        found.blobs.iter().for_each(|blob| cargo.blob(source, blob));
        return Ok(());
    }
    // What a descriptor embeds need not lie among the blobs.
    let blobs: Vec<_> = referrer.artifact.blobs().filter(|blob| blob.data.is_none() || source.region(blob).is_ok()).collect();
    blobs.iter().try_for_each(|blob| source.region(blob).map(drop))?;
    for blob in blobs {
        cargo.blob(source, blob);
    }
    cargo.document(&referrer.document);
    Ok(())
}

/// The entries by which a referrer has names.
fn named(source: &Source, referrer: &Referrer) -> Vec<(Option<String>, Excerpt)> {
    let entries: Vec<&Descriptor> =
        source.index.manifests.iter().filter(|entry| entry.digest == referrer.descriptor.digest && entry.name().is_some()).collect();
    entries.into_iter().map(|entry| (entry.name().map(str::to_owned), entry.raw.clone())).collect()
}
