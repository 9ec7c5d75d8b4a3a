//! Shows what is in a collection.

use std::collections::{HashMap, HashSet};

use super::members;
use crate::foundation::{Code, Digest, Error, Finding, Result};
use crate::oci::{Descriptor, Name};
use crate::plan::collection::order;
use crate::read::referrers::{Lookup, Scope};
use crate::read::{Child, Image, Source};
use crate::report::collection::{Looked, NameStatus, Of, ShowReport};
use crate::verbs::{Context, referrers};

/// Shows the members of a collection, what their names stand for now, and who refers to them.
///
/// # Errors
/// `ref.*`, and those of reading documents.
pub fn show(reference: &str, context: Context<'_>) -> Result<ShowReport> {
    let opened = super::open(reference, context)?;
    let Some((index, members)) = members(&opened.tree) else { return Err(Error::new(Code::Bug, "a collection has no members")) };
    let source = &opened.located.source;
    let named = Named::of(source);
    let lookup = Lookup::new(source, Scope::Usual, context.limits);
    let mut findings = Vec::new();
    let (order, wrong) = order(&members);
    let order = order.into_iter().map(str::to_owned).collect();
    findings.extend(wrong);
    let of_all = referred(&index.descriptor, &lookup, &mut HashSet::new(), &mut findings);
    let mut looked = Vec::with_capacity(members.len());
    for (member, child) in members.into_iter().zip(&index.children) {
        let mut seen = HashSet::new();
        let mut of_member = Vec::new();
        for subject in subjects(&member.descriptor, child) {
            of_member.extend(referred(&subject, &lookup, &mut seen, &mut findings));
        }
        if let Child::Missing(descriptor) = child {
            findings.push(
                Finding::new(Code::BlobMissing, "a member is not there")
                    .at(&member.name)
                    .found(crate::foundation::Fact::new("nothing", descriptor.digest.blob_path())),
            );
        }
        let (standing, now) = named.standing(&member.name, &member.descriptor.digest);
        looked.push(Looked { platforms: platforms(child), standing, now, referrers: of_member, member: member.into() });
    }
    let unplaced = Finding::new_among(&findings, lookup.unplaced_findings());
    findings.extend(unplaced);
    Ok(ShowReport {
        image: opened.located.shown(),
        digest: opened.located.descriptor.digest.clone(),
        members: looked,
        referrers: of_all,
        order,
        findings,
    })
}

/// What the names of a source stand for.
pub(super) struct Named<'a>(HashMap<Name<'a>, Vec<&'a Digest>>);

impl<'a> Named<'a> {
    pub(super) fn of(source: &'a Source) -> Self {
        let mut named: HashMap<Name<'a>, Vec<&Digest>> = HashMap::new();
        for entry in &source.index.manifests {
            if let Some(name) = entry.full_name() {
                named.entry(name).or_default().push(&entry.digest);
            }
        }
        Self(named)
    }

    /// What a name stands for, given the digest that it stood for.
    pub(super) fn standing(&self, name: &str, digest: &Digest) -> (NameStatus, Option<Digest>) {
        let named = self.0.get(&Name::parse(name)).map_or(&[][..], Vec::as_slice);
        match named.first() {
            None => (NameStatus::Unnamed, None),
            Some(_) if named.contains(&digest) => (NameStatus::Current, None),
            Some(other) => (NameStatus::Moved, Some((*other).clone())),
        }
    }
}

/// A member and what runs below it.
pub(super) fn subjects(member: &Descriptor, child: &Child) -> Vec<Descriptor> {
    match child {
        Child::Index(index) => {
            let below = referrers::below(index).into_iter().map(|subject| subject.descriptor);
            std::iter::once(index.descriptor.clone()).chain(below).collect()
        }
        _ => vec![member.clone()],
    }
}

/// Who refers to `subject`, and who to that, each once.
fn referred(subject: &Descriptor, lookup: &Lookup<'_>, seen: &mut HashSet<Digest>, findings: &mut Vec<Finding>) -> Vec<Of> {
    let mut all = Vec::new();
    let mut waiting = vec![subject.clone()];
    while let Some(subject) = waiting.pop() {
        if !seen.insert(subject.digest.clone()) {
            continue;
        }
        let found = lookup.of(&subject);
        findings.extend(found.findings);
        for referrer in found.referrers {
            findings.extend(referrer.findings.iter().cloned());
            all.push(Of {
                digest: referrer.descriptor.digest.clone(),
                artifact_type: referrer.artifact_type().to_owned(),
                subject: subject.digest.clone(),
            });
            waiting.push(referrer.descriptor);
        }
    }
    all
}

fn platforms(child: &Child) -> Vec<crate::oci::Platform> {
    match child {
        Child::Image(image) => image.platform().cloned().into_iter().collect(),
        Child::Index(index) => index.images().into_iter().filter_map(Image::platform).cloned().collect(),
        Child::Attestation(_) | Child::Other(_) | Child::Missing(_) => Vec::new(),
    }
}
