//! States that one image stands in the place of another.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use super::set::{Making, refuse_archive};
use super::state::{Reader, Subject};
use super::trace::member;
use crate::core::{Code, Digest, Error, Fact, Finding, Result};
use crate::oci::Platform;
use crate::plan::lifecycle::change::Change;
use crate::plan::lifecycle::field::{self, Field, Record, Status, Value};
use crate::plan::lifecycle::lineage::compare;
use crate::plan::lifecycle::profile::Profile;
use crate::plan::lifecycle::time::Moment;
use crate::read::Tree;
use crate::report::lifecycle::set::SetReport;
use crate::verbs::{Context, open};

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Supersede {
    /// The image that is to be replaced.
    pub old: String,
    /// The image that replaces it.
    pub by: String,
    /// What else shall hold, such as a date or a reason.
    pub more: Record,
    /// For which readers.
    pub profile: Option<Profile>,
    /// Who says so.
    pub issuer: Option<String>,
    /// Take an older image for the newer one; the statement says that it was done.
    pub force: bool,
    /// When.
    pub now: Moment,
}

/// States it on the old image and on each of its platforms. The way back stands in the rebase record of the new one.
///
/// # Errors
/// `lifecycle.supersede` for an image by itself, or by an older one without `force`; `lifecycle.profile`, `usage.output`, and those
/// of references and of writing. With an error nothing was written.
pub fn supersede(request: &Supersede, context: Context<'_>) -> Result<SetReport> {
    let old = open(&request.old, context)?;
    let new = open(&request.by, context)?;
    refuse_archive(&old.located.source, "lifecycle supersede")?;
    let refused = |message: &str| {
        Error::new(Code::LifecycleSupersede, message).at(old.located.shown()).found(Fact::new(&new.located.descriptor.digest, "--by"))
    };
    let old_reader = Reader::new(&old.located.source, request.now, context);
    let new_reader = Reader::new(&new.located.source, request.now, context);
    let old_subjects = old_reader.subjects(&old.tree);
    let new_subjects = new_reader.subjects(&new.tree);
    let (Some(old_top), Some(new_top)) = (old_subjects.first(), new_subjects.first()) else {
        return Err(refused("there is nothing to supersede"));
    };
    let ours: BTreeSet<_> = old_subjects.iter().map(|subject| &subject.descriptor.digest).collect();
    if new_subjects.iter().any(|subject| ours.contains(&subject.descriptor.digest)) {
        return Err(refused("an image cannot be superseded by itself, or by an index of itself")
            .hint("Name the image that is to be used instead: `airbase inspect PATH` lists what is there."));
    }
    let backwards = backwards(old_top, new_top, &ours);
    if let Some(fact) = backwards.clone().filter(|_| !request.force) {
        return Err(refused("an image cannot be superseded by an older one")
            .expected(Fact::new("a newer image", "--by"))
            .detail(fact)
            .hint("Exchange the two, or say --force if the older image is to be used again."));
    }
    let mut making = Making::new(request.now, request.profile.clone(), request.issuer.clone());
    let mut left = Vec::new();
    let by_platform: BTreeMap<String, &Subject<'_>> =
        new_subjects.iter().filter_map(|subject| Some((subject.platform()?.to_string(), subject))).collect();
    for subject in &old_subjects {
        let successor = match (subject.image.is_some() && subject.child, subject.platform()) {
            // One image alone follows an index as a whole, and an index one image.
            (false, _) | (true, None) => new_top,
            (true, Some(platform)) => {
                let Some(same) = by_platform.get(&Platform::to_string(platform)) else {
                    making.findings.push(
                        Finding::new(Code::PlatformMissing, "the new image lacks a platform of the old one, which is not marked")
                            .severity(crate::core::Severity::Warning)
                            .at(&subject.descriptor.digest)
                            .expected(Fact::new(platform, old.located.shown()))
                            .hint("Say what becomes of it with `airbase lifecycle set --platform`."),
                    );
                    continue;
                };
                *same
            }
        };
        let mut change = Change { set: request.more.clone(), clear: BTreeSet::new() };
        change.set.insert(Field::Status, Value::Status(Status::Superseded));
        change.set.insert(Field::SupersededBy, Value::Digest(successor.descriptor.digest.clone()));
        if let Some(name) = &new.located.name {
            change.set.insert(Field::SupersededByName, Value::Text(name.clone()));
        }
        if subject.index.is_some() && new_top.index.is_some() {
            let platforms = by_platform.iter().map(|(platform, subject)| (platform.clone(), subject.descriptor.digest.clone()));
            change.set.insert(Field::SupersededByPlatforms, Value::Platforms(platforms.collect()));
        }
        if let Some(fact) = &backwards {
            change.set.entry(Field::Reason).or_insert_with(|| Value::Text(format!("on purpose: {fact}")));
        }
        making.state(subject, &change)?;
        left.extend(old_reader.others(&subject.descriptor));
    }
    if !left.is_empty() {
        let mut finding =
            Finding::new(Code::AttestationLeft, "what is attached to the old image speaks of the old bytes and stays with it")
                .at(old.located.shown());
        finding.details = left;
        making.findings.push(finding);
    }
    making.finish(&old, context)
}

/// An image that was made of another one, and what follows what. It may not be there yet.
#[derive(Debug)]
pub(in crate::verbs) struct Successor<'t> {
    /// The new image.
    pub(in crate::verbs) tree: &'t Tree,
    /// Its name.
    pub(in crate::verbs) name: Option<String>,
    /// Which new manifest follows which old one; a platform that stays or goes is not there.
    pub(in crate::verbs) by_manifest: BTreeMap<Digest, Digest>,
    /// The new manifest of each platform.
    pub(in crate::verbs) by_platform: BTreeMap<String, Digest>,
    /// What the old index lists beside its images, and the new one does not.
    pub(in crate::verbs) left_behind: &'t [Digest],
}

/// The statements that an image and its platforms are superseded by one that was made of them, and the one on the new image: that it
/// supersedes the old one, and what stayed behind. What is said already is not said again.
///
/// # Errors
/// Those of making statements.
pub(in crate::verbs) fn superseding<'a>(reader: &Reader<'_>, old: &Tree, successor: &Successor<'_>) -> Result<Making<'a>> {
    let mut making = Making::new(reader.now, None, None);
    let new = successor.tree.descriptor();
    let subjects = reader.subjects(old);
    for subject in &subjects {
        let by = if subject.child { successor.by_manifest.get(&subject.descriptor.digest) } else { Some(&new.digest) };
        // A platform that was kept is still what it was, and one that was left out has no successor.
        let Some(by) = by.filter(|by| **by != subject.descriptor.digest) else { continue };
        let mut change = Change::of(Field::Status, Value::Status(Status::Superseded));
        change.set.insert(Field::SupersededBy, Value::Digest(by.clone()));
        if let Some(name) = &successor.name {
            change.set.insert(Field::SupersededByName, Value::Text(name.clone()));
        }
        if subject.index.is_some() && !subject.child {
            change.set.insert(Field::SupersededByPlatforms, Value::Platforms(successor.by_platform.clone()));
        }
        making.state(subject, &change)?;
    }
    let Some(top) = reader.subjects(successor.tree).into_iter().next() else { return Ok(making) };
    let old = &old.descriptor().digest;
    let holds = top.resolution.kept();
    if field::digest(&holds, Field::Supersedes) == Some(old) {
        making.unread |= top.unread;
        making.findings.extend(top.findings);
        return Ok(making);
    }
    let mut change = Change::of(Field::Supersedes, Value::Digest(old.clone()));
    if let Some(left) = left_behind(reader, &subjects, successor.left_behind).filter(|_| !holds.contains_key(&Field::Reason)) {
        change.set.insert(Field::Reason, Value::Text(left));
    }
    making.state(&top, &change)?;
    // They are listed for those who ask what is superseded, and this one is not.
    making.subjects.pop();
    Ok(making)
}

/// What speaks of the bytes of the old image and therefore stays with it, for people.
fn left_behind(reader: &Reader<'_>, old: &[Subject<'_>], attestations: &[Digest]) -> Option<String> {
    let mut left: Vec<String> = attestations.iter().map(|digest| format!("attestation {digest}")).collect();
    let mut seen = BTreeSet::new();
    // An index within the index is no platform of the image.
    let subjects = old.iter().filter(|subject| !subject.child || subject.image.is_some());
    for subject in subjects.filter(|subject| seen.insert(&subject.descriptor.digest)) {
        left.extend(reader.others(&subject.descriptor));
    }
    (!left.is_empty()).then(|| format!("what speaks of the bytes of the old image stays with it: {}", left.join(", ")))
}

/// What says that the new image is the older one of the two.
fn backwards(old: &Subject<'_>, new: &Subject<'_>, ours: &BTreeSet<&Digest>) -> Option<String> {
    if let Some(digest) = new.successor().filter(|digest| ours.contains(digest)) {
        return Some(format!("the new image is itself superseded by {digest}"));
    }
    let (older, newer) = (member(old, "", &[]), member(new, "", &[]));
    if let Some(from) = older.rebased_from.as_ref().filter(|from| **from == newer.digest) {
        return Some(format!("the old image was made by a rebase from {from}"));
    }
    if compare(&older, &newer) != Some(Ordering::Greater) {
        return None;
    }
    let created = |subject: &Subject<'_>| subject.created().unwrap_or_else(|| "no date".to_owned());
    let revision = |subject: &Subject<'_>| {
        let revision = subject.own(crate::oci::annotation::REVISION);
        revision.map(|revision| format!(" with revision {revision}")).unwrap_or_default()
    };
    Some(format!("the old image was created {}{}, the new one {}{}", created(old), revision(old), created(new), revision(new)))
}
