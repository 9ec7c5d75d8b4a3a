//! Takes the referrers of an image along.

use std::collections::{HashSet, VecDeque};

use super::Subject;
use crate::format::json::Excerpt;
use crate::foundation::{Code, Digest, Error, Finding, Result, Severity, text};
use crate::oci::Descriptor;
use crate::plan::referrers::{Item, ReferrerChange};
use crate::read::referrers::{Lookup, Referrer, Trouble, Unread, marked};
use crate::read::{Source, Walk, walk};
use crate::verbs::Context;
use crate::verbs::lifecycle::Strange;
use crate::verbs::output::Outgoing;

/// Which referrers are taken along.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "cli", derive(clap::Args))]
pub struct Carry {
    /// Only referrers of this artifact type, with all that refers to them.
    #[cfg_attr(feature = "cli", arg(long = "type", value_name = "TYPE"))]
    pub types: Vec<String>,
    /// How deep: 1 is what refers to the image, 2 also what refers to that.
    // Without it, as deep as they go.
    #[cfg_attr(feature = "cli", arg(long, value_name = "N"))]
    pub depth: Option<usize>,
}

impl Carry {
    /// None of them.
    pub const NONE: Self = Self { types: Vec::new(), depth: Some(0) };

    fn wants(&self, artifact_type: &str) -> bool {
        self.types.is_empty() || self.types.iter().any(|wanted| wanted == artifact_type)
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
    /// What only a list leads to, and does not refer to what that is a list of.
    pub(in crate::verbs) alone: HashSet<Digest>,
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

/// How many are shown.
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

/// Takes the referrers of images along that lie in one source.
pub(in crate::verbs) struct Carrier<'a, 'c, 'l> {
    source: &'a Source,
    lookup: &'c Lookup<'l>,
    wanted: &'c Carry,
    unreadable: Unreadable,
    /// Looked for once, whatever is taken along.
    strange: Vec<Strange>,
    context: Context<'c>,
}

impl<'a, 'c, 'l> Carrier<'a, 'c, 'l> {
    /// One that refuses what cannot be had.
    pub(in crate::verbs) fn of(source: &'a Source, lookup: &'c Lookup<'l>, wanted: &'c Carry, context: Context<'c>) -> Self {
        let strange = Strange::of(source, context.conventions);
        Self { source, lookup, wanted, unreadable: Unreadable::Refused, strange, context }
    }

    /// As it is, but for what becomes of referrers that cannot be had.
    pub(in crate::verbs) fn unreadable(self, unreadable: Unreadable) -> Self {
        Self { unreadable, ..self }
    }

    /// Adds the referrers of `subjects`, and theirs, to `cargo`. A filter by type holds for the image's own referrers: the signature
    /// of an SBOM goes where the SBOM goes.
    ///
    /// # Errors
    /// Those of reading a referrer's documents, if what cannot be had is refused.
    pub(in crate::verbs) fn carry(&self, subjects: Vec<Subject>, outgoing: &mut Outgoing<'a>) -> Result<Carried> {
        let mut carried = Carried::default();
        let mut seen: HashSet<Digest> = HashSet::new();
        let top = subjects.first().map(|subject| subject.descriptor.digest.clone());
        // The subjects come first, and what refers to them after all of them.
        let mut subjects = subjects.into_iter().map(|subject| (subject, 0));
        let mut queue: VecDeque<(Subject, usize)> = VecDeque::new();
        while let Some((subject, depth)) = subjects.next().or_else(|| queue.pop_front()) {
            if !seen.insert(subject.descriptor.digest.clone()) {
                continue;
            }
            if self.wanted.depth.is_some_and(|most| depth >= most) {
                let found = self.lookup.of(&subject.descriptor);
                carried.incomplete |= !found.unread.is_empty();
                carried.findings.extend(found.findings);
                for referrer in &found.referrers {
                    self.leave(referrer.artifact_type(), &referrer.descriptor.digest, &mut carried);
                }
            } else {
                let next = self.carry_those_of(subject, depth == 0, outgoing, &mut carried)?;
                queue.extend(next.into_iter().map(|subject| (subject, depth + 1)));
            }
        }
        if self.wanted.depth != Some(0) {
            self.carry_marked(&seen, outgoing, &mut carried)?;
        }
        let untied = self.untied(&seen);
        carried.incomplete |= !untied.is_empty();
        let new = Finding::new_among(&carried.findings, untied);
        carried.findings.extend(new);
        carried.left_out = top.and_then(|top| std::mem::take(&mut carried.left).finding(&top));
        Ok(carried)
    }

    /// What cannot be read and may refer to one of these, though nothing ties it to them.
    pub(in crate::verbs) fn untied(&self, subjects: &HashSet<Digest>) -> Vec<Finding> {
        let strange = self.strange.iter().filter(|strange| strange.may_be_among(subjects));
        self.lookup.unplaced_findings().into_iter().chain(strange.map(|strange| strange.finding().clone())).collect()
    }

    fn leave(&self, artifact_type: &str, digest: &Digest, carried: &mut Carried) {
        carried.left.add(artifact_type, digest, self.context);
    }

    /// Takes the referrers of one subject along, of the image itself only those that are wanted; gives what may have referrers next.
    fn carry_those_of(&self, subject: Subject, own: bool, outgoing: &mut Outgoing<'a>, carried: &mut Carried) -> Result<Vec<Subject>> {
        let found = self.lookup.of(&subject.descriptor);
        self.refuse_unread(&found.unread)?;
        carried.incomplete |= !found.unread.is_empty();
        carried.findings.extend(found.findings);
        carried.alone.extend(found.alone);
        let (mut add, mut next) = (Vec::new(), Vec::new());
        for referrer in &found.referrers {
            if own && !self.wanted.wants(referrer.artifact_type()) {
                self.leave(referrer.artifact_type(), &referrer.descriptor.digest, carried);
                continue;
            }
            match load(self.source, referrer, outgoing, self.context) {
                Err(error) if self.unreadable == Unreadable::Told => {
                    carried.incomplete = true;
                    carried.findings.push(error.into_finding().at(&referrer.descriptor.digest));
                    continue;
                }
                other => other?,
            }
            carried.digests.push(referrer.descriptor.digest.clone());
            carried.findings.extend(referrer.findings.iter().cloned());
            next.push(Subject { descriptor: referrer.descriptor.clone(), child: false });
            match &referrer.ending {
                Some(_) => carried.entries.extend(named(self.source, referrer)),
                None => add.push(Item::from(referrer)),
            }
        }
        if !add.is_empty() {
            outgoing.refer(ReferrerChange { subject: subject.descriptor, child: subject.child, add, remove: Vec::new(), clean: false });
        }
        Ok(next)
    }

    /// What has neither a name nor a subject goes along as it is there.
    fn carry_marked(&self, seen: &HashSet<Digest>, outgoing: &mut Outgoing<'a>, carried: &mut Carried) -> Result<()> {
        let marking = marked(self.source, self.context.limits);
        self.refuse_unread(&marking.unread)?;
        carried.incomplete |= !marking.unread.is_empty();
        carried.findings.extend(marking.unread.iter().map(|unread| unread.finding.clone()));
        for marked in marking.found.iter().filter(|marked| seen.contains(&marked.subject)) {
            if !self.wanted.wants(marked.artifact_type()) {
                self.leave(marked.artifact_type(), &marked.entry.digest, carried);
                continue;
            }
            carried.digests.push(marked.entry.digest.clone());
            carried.entries.push((None, marked.entry.raw.clone()));
            marked.layers.iter().chain([&marked.config]).for_each(|blob| outgoing.blob(self.source, blob));
            outgoing.document(&marked.document);
        }
        Ok(())
    }

    /// What cannot be read now may be there in a moment.
    fn refuse_unread(&self, unread: &[Unread]) -> Result<()> {
        match unread.iter().find(|unread| unread.trouble == Trouble::Io && self.unreadable == Unreadable::Refused) {
            Some(unread) => Err(Error::of(unread.finding.clone())),
            None => Ok(()),
        }
    }
}

/// Everything that a referrer consists of; nothing, if something of it cannot be had.
fn load<'a>(source: &'a Source, referrer: &Referrer, outgoing: &mut Outgoing<'a>, context: Context<'_>) -> Result<()> {
    if referrer.descriptor.is_index() {
        let mut found = Walk::default();
        walk(source, &referrer.descriptor, context.limits, &mut found, &mut HashSet::new())?;
        found.documents.iter().for_each(|(_, document)| outgoing.document(document));
        found.blobs.iter().for_each(|blob| outgoing.blob(source, blob));
        return Ok(());
    }
    // What a descriptor embeds need not lie among the blobs.
    let blobs: Vec<_> = referrer.artifact.blobs().filter(|blob| blob.data.is_none() || source.region(blob).is_ok()).collect();
    blobs.iter().try_for_each(|blob| source.region(blob).map(drop))?;
    for blob in blobs {
        outgoing.blob(source, blob);
    }
    outgoing.document(&referrer.document);
    Ok(())
}

/// The entries by which a referrer has names.
fn named(source: &Source, referrer: &Referrer) -> Vec<(Option<String>, Excerpt)> {
    let entries: Vec<&Descriptor> =
        source.index.manifests.iter().filter(|entry| entry.digest == referrer.descriptor.digest && entry.name().is_some()).collect();
    entries.into_iter().map(|entry| (entry.name().map(str::to_owned), entry.raw.clone())).collect()
}
