//! Whether a collection is here, whole, with all its referrers.

use std::collections::HashSet;
use std::sync::Arc;

use super::members;
use super::show::Named;
use crate::foundation::fsys::ReadAt as _;
use crate::foundation::{Code, Digest, Error, Fact, Finding, Result};
use crate::oci::Descriptor;
use crate::plan::collection::order;
use crate::read::referrers::{Lookup, Scope};
use crate::read::verify::each;
use crate::read::{Source, Walk, layer, walk};
use crate::report::collection::{CheckReport, NameStatus};
use crate::verbs::Context;

/// Hashes everything that the members and their referrers consist of, and says whose name means another image now.
///
/// # Errors
/// `ref.*`, and those of reading the collection itself. What is wrong with a member is a finding.
pub fn check(reference: &str, context: Context<'_>) -> Result<CheckReport> {
    let opened = super::open(reference, context)?;
    let Some((index, members)) = members(&opened.tree) else { return Err(Error::new(Code::Bug, "a collection has no members")) };
    let source = &opened.located.source;
    let mut check = Check {
        source,
        lookup: Lookup::new(source, Scope::Usual, context.limits),
        context,
        walk: Walk::default(),
        seen: HashSet::from([index.descriptor.digest.clone()]),
        referrers: HashSet::new(),
        findings: order(&members).1,
    };
    check.referrers_of(&index.descriptor, "the collection");
    let named = Named::of(source);
    let mut moved = 0;
    for member in &members {
        check.below(&member.descriptor, &member.name);
        if let (NameStatus::Moved, Some(now)) = named.standing(&member.name, &member.descriptor.digest) {
            moved += 1;
            check.findings.push(
                Finding::new(Code::CollectionMoved, "the name of a member stands for another image now")
                    .at(&member.name)
                    .expected(Fact::new(&member.descriptor.digest, "the collection"))
                    .found(Fact::new(now, "index.json")),
            );
        }
    }
    let unplaced = Finding::new_among(&check.findings, check.lookup.unplaced_findings());
    check.findings.extend(unplaced);
    let blobs: Vec<(Arc<Source>, Descriptor)> = check.walk.blobs.iter().map(|blob| (Arc::clone(source), blob.clone())).collect();
    let place = |(source, descriptor): &(Arc<Source>, Descriptor)| {
        // What is not there is reported when it is read.
        let region = source.container().blob(&descriptor.digest).ok().flatten();
        (descriptor.size, region.and_then(|region| region.sequence()))
    };
    let work = |(source, descriptor): &(Arc<Source>, Descriptor)| layer::check_content(source, descriptor, context.events);
    let results = each(&blobs, place, context.jobs, context.events, "verify", work)?;
    check.findings.extend(results.into_iter().filter_map(Result::err).map(Error::into_finding));
    let documents = check.walk.documents.iter().map(|(descriptor, _)| descriptor).chain(&check.walk.blobs);
    Ok(CheckReport {
        image: opened.located.shown(),
        digest: opened.located.descriptor.digest.clone(),
        members: members.len(),
        referrers: check.referrers.len(),
        blobs: check.walk.documents.len() + check.walk.blobs.len(),
        bytes: documents.fold(0, |sum, descriptor| sum.saturating_add(descriptor.size)),
        moved,
        findings: check.findings,
    })
}

struct Check<'a> {
    source: &'a Arc<Source>,
    lookup: Lookup<'a>,
    context: Context<'a>,
    walk: Walk,
    seen: HashSet<Digest>,
    referrers: HashSet<Digest>,
    findings: Vec<Finding>,
}

impl Check<'_> {
    /// Everything below `root`, then everything that refers to a document of it.
    fn below(&mut self, root: &Descriptor, place: &str) {
        let first = self.walk.documents.len();
        if let Err(error) = walk(self.source, root, self.context.limits, &mut self.walk, &mut self.seen) {
            self.findings.push(error.detail(format!("of {}", crate::foundation::text::escape(place))).into_finding());
        }
        let documents: Vec<Descriptor> = self.walk.documents.iter().skip(first).map(|(descriptor, _)| descriptor.clone()).collect();
        for document in documents.iter().filter(|one| (one.is_index() || one.is_manifest()) && !one.is_attestation()) {
            self.referrers_of(document, place);
        }
    }

    fn referrers_of(&mut self, subject: &Descriptor, place: &str) {
        let found = self.lookup.of(subject);
        self.findings.extend(found.findings);
        for referrer in found.referrers {
            self.findings.extend(referrer.findings);
            if self.referrers.insert(referrer.descriptor.digest.clone()) && !self.seen.contains(&referrer.descriptor.digest) {
                self.below(&referrer.descriptor, place);
            }
        }
    }
}
