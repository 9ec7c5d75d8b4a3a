//! States that one image takes the place of another.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use super::reader::Reader;
use super::set::{NewStatements, refuse_archive};
use super::subject::Subject;
use super::trace::member;
use super::words::{Authorship, Words};
use crate::foundation::fsys::File;
use crate::foundation::{Code, Digest, Error, Fact, Finding, Result, Severity};
use crate::oci::{Descriptor, Platform};
use crate::plan::lifecycle::change::Change;
use crate::plan::lifecycle::field::{self, Field, Record, Status, Value};
use crate::plan::lifecycle::level::of_platform;
use crate::plan::lifecycle::lineage::compare;
use crate::plan::lifecycle::succession::of_new;
use crate::plan::lifecycle::time::Moment;
use crate::read::{Child, ImageIndex, Source, Tree};
use crate::report::lifecycle::set::{SetReport, Stated, SuccessorReport};
use crate::verbs::{Context, open};

/// What is asked for.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "cli", derive(clap::Args))]
pub struct Supersede {
    /// The image that is to be replaced.
    #[cfg_attr(feature = "cli", arg(value_name = "OLD"))]
    pub old: String,
    /// The image to use instead.
    #[cfg_attr(feature = "cli", arg(long = "by", value_name = "NEW"))]
    pub new: String,
    /// What else shall hold, such as a date or a reason.
    #[cfg_attr(feature = "cli", command(flatten))]
    pub words: Words,
    /// Take an older image for the newer one; the statement says that it was done.
    #[cfg_attr(feature = "cli", arg(long))]
    pub force: bool,
    /// For whom, and who says so.
    #[cfg_attr(feature = "cli", command(flatten))]
    pub by: Authorship,
    /// When.
    #[cfg_attr(feature = "cli", arg(skip = super::words::present()))]
    pub now: Moment,
}

/// States it on the old image and on each of its platforms, and on the new image, if it lies in the same layout, whom it stands in
/// for and what stays with that one.
///
/// # Errors
/// `lifecycle.supersede` for an image by itself, or by an older one without `force`; `lifecycle.profile`, `usage.output`, and those
/// of references and of writing. With an error nothing was written.
pub fn supersede(request: &Supersede, context: Context<'_>) -> Result<SetReport> {
    let old = open(&request.old, context)?;
    let new = open(&request.new, context)?;
    refuse_archive(&old.located.source, "lifecycle supersede")?;
    let old_reader = Reader::of_tree(&old.located.source, &old.tree, request.now, context);
    let new_reader = Reader::of_tree(&new.located.source, &new.tree, request.now, context);
    let left = left_behind(&old_reader, &old.tree, &new.tree);
    let pair = Pair {
        shown: old.located.shown(),
        old: old_reader.subjects(&old.tree),
        new: new_reader.subjects(&new.tree),
        name: new.located.name.clone(),
        left,
    };
    let backwards = pair.refuse(request.force, "Exchange the two, or say --force if the older image is to be used again.")?;
    let mut statements = NewStatements::new(request.now, request.by.clone());
    pair.state_of_old(&request.words.record(request.now), backwards.as_deref(), &mut statements)?;
    statements.findings.extend(pair.doubts());
    let mut successor = SuccessorReport { image: new.located.shown(), digest: new.located.descriptor.digest.clone(), stated: None };
    if is_same(&old.located.source, &new.located.source) {
        successor.stated = pair.state_of_new(&mut statements)?;
    }
    pair.tell_what_is_left(&mut statements);
    Ok(SetReport { successor: Some(successor), ..statements.finish(&old, context)? })
}

/// An image and the one that takes its place.
pub(super) struct Pair<'t> {
    /// The old image, as a reference.
    pub(super) shown: String,
    /// The old image and its platforms.
    pub(super) old: Vec<Subject<'t>>,
    /// The new image and its platforms.
    pub(super) new: Vec<Subject<'t>>,
    /// The name of the new image.
    pub(super) name: Option<String>,
    /// What speaks of the bytes of the old image, and stays with it.
    pub(super) left: Vec<String>,
}

impl Pair<'_> {
    /// What says that the new image is the older one of the two, where that was asked for.
    ///
    /// # Errors
    /// `lifecycle.supersede` for an image by itself, or by an older one without `force`; `hint` says what can be done then.
    pub(super) fn refuse(&self, force: bool, hint: &str) -> Result<Option<String>> {
        let refused = |message: &str| {
            let error = Error::new(Code::LifecycleSupersede, message).at(&self.shown);
            match self.new.first() {
                Some(new) => error.found(Fact::new(&new.descriptor.digest, "the new image")),
                None => error,
            }
        };
        let (Some(old), Some(new)) = (self.old.first(), self.new.first()) else {
            return Err(refused("there is nothing to supersede"));
        };
        let ours = self.ours();
        if self.new.iter().any(|subject| ours.contains(&subject.descriptor.digest)) {
            return Err(refused("an image cannot be superseded by itself, or by an index of itself")
                .hint("Name the image that is to be used instead: `airbase inspect PATH` lists what is there."));
        }
        let backwards = backwards(old, new, &ours);
        match backwards.clone().filter(|_| !force) {
            Some(fact) => Err(refused("an image cannot be superseded by an older one")
                .expected(Fact::new("a newer image", "the statement that is to be made"))
                .detail(fact)
                .hint(hint)),
            None => Ok(backwards),
        }
    }

    /// What makes the new image no image to use instead: it must not be used itself, or does not run where the old one does.
    fn doubts(&self) -> Vec<Finding> {
        let doubt = |message: String| Finding::new(Code::LifecycleSupersede, message).severity(Severity::Warning).at(&self.shown);
        let stopped = self.new.iter().filter_map(|subject| Some((subject, subject.resolution.standing?)));
        let mut stopped = stopped.filter(|(_, standing)| matches!(standing, Status::Withdrawn | Status::EndOfLife));
        let stopped = stopped.next().map(|(subject, standing)| {
            doubt(format!("the image that takes its place must not be used: it is {}", standing.name())).detail(&subject.descriptor.digest)
        });
        let platforms = |subjects: &[Subject<'_>]| subjects.iter().filter_map(|one| one.image?.platform().cloned()).collect::<Vec<_>>();
        let (old, new) = (platforms(&self.old), platforms(&self.new));
        let apart = !old.is_empty() && !new.is_empty() && !old.iter().any(|own| new.iter().any(|other| own.matches(other)));
        let listed = |platforms: &[Platform]| platforms.iter().map(Platform::to_string).collect::<Vec<_>>().join(", ");
        let apart = apart.then(|| {
            doubt("the image that takes its place runs on no platform of the old one".to_owned())
                .expected(Fact::new(listed(&old), "the old image"))
                .found(Fact::new(listed(&new), "the new image"))
        });
        stopped.into_iter().chain(apart).collect()
    }

    fn ours(&self) -> BTreeSet<&Digest> {
        self.old.iter().map(|subject| &subject.descriptor.digest).collect()
    }

    /// States on the old image and on each of its platforms which one follows it.
    pub(super) fn state_of_old(&self, more: &Record, backwards: Option<&str>, statements: &mut NewStatements<'_>) -> Result<()> {
        let Some(new_top) = self.new.first() else { return Ok(()) };
        let by_platform: BTreeMap<String, &Subject<'_>> =
            self.new.iter().filter_map(|subject| Some((subject.platform()?.to_string(), subject))).collect();
        for subject in &self.old {
            let successor = match (subject.image.is_some() && subject.child, subject.platform()) {
                // One image alone follows an index as a whole, and an index one image.
                (false, _) | (true, None) => new_top,
                (true, Some(platform)) => {
                    let Some(same) = of_platform(&by_platform, &platform.to_string()) else {
                        statements.findings.push(
                            Finding::new(Code::PlatformMissing, "the new image lacks a platform of the old one, which is not marked")
                                .severity(crate::foundation::Severity::Warning)
                                .at(&subject.descriptor.digest)
                                .expected(Fact::new(platform, &self.shown))
                                .hint("Say what becomes of it with `airbase lifecycle set --platform`."),
                        );
                        continue;
                    };
                    *same
                }
            };
            let mut change = Change { set: more.clone(), ..Change::default() };
            change.set.insert(Field::Status, Value::Status(Status::Superseded));
            change.set.insert(Field::SupersededBy, Value::Digest(successor.descriptor.digest.clone()));
            if let Some(name) = &self.name {
                change.set.insert(Field::SupersededByName, Value::Text(name.clone()));
            }
            // A platform that the new image lacks is not superseded by it.
            if subject.index.is_some() && !by_platform.is_empty() {
                let platforms = by_platform.iter().map(|(platform, subject)| (platform.clone(), subject.descriptor.digest.clone()));
                change.set.insert(Field::SupersededByPlatforms, Value::Platforms(platforms.collect()));
            }
            if let Some(fact) = backwards {
                change.set.entry(Field::Reason).or_insert_with(|| Value::Text(format!("on purpose: {fact}")));
            }
            statements.state(subject, &change)?;
        }
        Ok(())
    }

    /// States on the new image whom it stands in for and what stays with that one; it gives what is said of the new image.
    pub(super) fn state_of_new(&self, statements: &mut NewStatements<'_>) -> Result<Option<Stated>> {
        let (Some(old_top), Some(new_top)) = (self.old.first(), self.new.first()) else { return Ok(None) };
        let ours = self.ours();
        let mut change = of_new(&new_top.resolution.kept(statements.issuer()), &old_top.descriptor.digest, &self.left);
        let of_old = std::mem::take(&mut statements.subjects);
        // Whoever goes back to an image does not say any longer that it is superseded by the one that it replaces now.
        let back = |subject: &Subject<'_>| subject.successor().is_some_and(|(digest, _)| ours.contains(&digest));
        for subject in self.new.iter().skip(1).filter(|subject| back(subject)) {
            statements.state(subject, &Change { clear: taken_back(subject), ..Change::default() })?;
        }
        if back(new_top) {
            change.clear = taken_back(new_top);
        }
        statements.state(new_top, &change)?;
        let stated = statements.subjects.pop();
        statements.subjects = of_old;
        Ok(stated)
    }

    /// Tells what stays with the old image.
    pub(super) fn tell_what_is_left(&self, statements: &mut NewStatements<'_>) {
        if self.left.is_empty() {
            return;
        }
        let mut finding =
            Finding::new(Code::AttestationLeft, "what is attached to the old image speaks of the old bytes and stays with it")
                .at(&self.shown);
        finding.details.clone_from(&self.left);
        statements.findings.push(finding);
    }
}

/// What is not said any longer of an image that is used again.
fn taken_back(subject: &Subject<'_>) -> BTreeSet<Field> {
    let superseded = field::status(&subject.resolution.record()) == Some(Status::Superseded);
    let successor = [Field::SupersededBy, Field::SupersededByName, Field::SupersededByPlatforms];
    successor.into_iter().chain(superseded.then_some(Field::Status)).collect()
}

/// Whether two sources are one layout, under whatever paths.
fn is_same(one: &Source, other: &Source) -> bool {
    // Two that cannot be compared are taken for two, and what is written to each is right for each.
    let identity = |source: &Source| File::open(&source.path.join("index.json")).and_then(|file| file.identity()).ok();
    one.path == other.path || identity(one).is_some_and(|one| identity(other) == Some(one))
}

/// Everything that a tree leads to and that something may speak of, the top first.
fn below(tree: &Tree) -> Vec<&Descriptor> {
    let mut found = vec![tree.descriptor()];
    found.extend(tree.index().into_iter().flat_map(ImageIndex::descendants).map(Child::descriptor));
    found
}

/// What speaks of the bytes of an old image and does not come along: attestations in its index, and what refers to it or to a
/// platform, for users. What speaks of something that the new image consists of too is not left behind.
pub(super) fn left_behind(reader: &Reader<'_>, old: &Tree, new: &Tree) -> Vec<String> {
    let carried: BTreeSet<Digest> = below(new).into_iter().map(|descriptor| descriptor.digest.clone()).collect();
    let beside = |child: &Child| match child {
        Child::Attestation(descriptor) => Some((descriptor.digest.clone(), "attestation")),
        Child::Other(descriptor) => Some((descriptor.digest.clone(), "no runnable image")),
        Child::Image(_) | Child::Index(_) | Child::Missing(_) => None,
    };
    let embedded: Vec<_> = old.index().into_iter().flat_map(ImageIndex::descendants).filter_map(beside).collect();
    let mut left: Vec<String> =
        embedded.iter().filter(|(digest, _)| !carried.contains(digest)).map(|(digest, what)| format!("{what} {digest}")).collect();
    let mut seen = carried;
    seen.extend(embedded.into_iter().map(|(digest, _)| digest));
    for descriptor in below(old) {
        if seen.insert(descriptor.digest.clone()) {
            left.extend(reader.others(descriptor));
        }
    }
    left
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
    /// What else is said of the old image, such as a date or a reason.
    pub(in crate::verbs) more: Record,
}

/// The statements that an image and its platforms are superseded by one that was made of them, and the one on the new image: of whom
/// it stands in for, and what stayed behind. What is said already is not said again.
///
/// # Errors
/// Those of statements.
pub(in crate::verbs) fn superseding<'a>(reader: &Reader<'_>, old: &Tree, successor: &Successor<'_>) -> Result<NewStatements<'a>> {
    let mut statements = NewStatements::new(reader.question.now, Authorship::default());
    let new = successor.tree.descriptor();
    for subject in &reader.subjects(old) {
        let by = if subject.child { successor.by_manifest.get(&subject.descriptor.digest) } else { Some(&new.digest) };
        // A platform that was kept is still what it was, and one that was left out has no successor.
        let Some(by) = by.filter(|by| **by != subject.descriptor.digest) else { continue };
        let mut change = Change { set: successor.more.clone(), ..Change::default() };
        change.set.insert(Field::Status, Value::Status(Status::Superseded));
        change.set.insert(Field::SupersededBy, Value::Digest(by.clone()));
        if let Some(name) = &successor.name {
            change.set.insert(Field::SupersededByName, Value::Text(name.clone()));
        }
        if subject.index.is_some() && !subject.child {
            change.set.insert(Field::SupersededByPlatforms, Value::Platforms(successor.by_platform.clone()));
        }
        statements.state(subject, &change)?;
    }
    let Some(top) = reader.subjects(successor.tree).into_iter().next() else { return Ok(statements) };
    let left = left_behind(reader, old, successor.tree);
    statements.state(&top, &of_new(&top.resolution.kept(None), &old.descriptor().digest, &left))?;
    // They are listed for those who ask what is superseded, and this one is not.
    statements.subjects.pop();
    Ok(statements)
}

/// What says that the new image is the older one of the two.
fn backwards(old: &Subject<'_>, new: &Subject<'_>, ours: &BTreeSet<&Digest>) -> Option<String> {
    if let Some((digest, _)) = new.successor().filter(|(digest, _)| ours.contains(digest)) {
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
