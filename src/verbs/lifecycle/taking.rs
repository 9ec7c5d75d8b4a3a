//! Marks the images that lose their names to new ones, in the same exchange of the index.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use super::set::NewStatements;
use super::state::{Reader, Subject};
use super::supersede::{Pair, left_behind};
use crate::foundation::fsys::Directory;
use crate::foundation::{Code, Digest, Error, Fact, Finding, Result, Severity};
use crate::oci::{Descriptor, Name, RootIndex};
use crate::plan::lifecycle::field::Record;
use crate::plan::lifecycle::resolve::Question;
use crate::plan::lifecycle::time::Moment;
use crate::read::referrers::Unread;
use crate::read::{Source, Tree, load};
use crate::report::rebase::Superseded;
use crate::verbs::Context;
use crate::verbs::output::Outgoing;

/// That an image which loses its name is superseded by the one that takes it.
#[derive(Debug, Clone)]
pub struct Taking {
    /// What else shall hold of the old image, such as a date or a reason.
    pub more: Record,
    /// When that is said.
    pub now: Moment,
}

/// An image that takes a name.
#[derive(Debug)]
pub(in crate::verbs) struct Taker<'t> {
    /// Where it lies now.
    pub(in crate::verbs) source: &'t Arc<Source>,
    /// What it is.
    pub(in crate::verbs) tree: &'t Tree,
    /// The name.
    pub(in crate::verbs) name: String,
}

/// What comes of it: what is to be written with the names, and what is to be reported.
#[derive(Debug, Default)]
pub(in crate::verbs) struct Marked<'a> {
    /// The statements, and from whom the names are taken.
    pub(in crate::verbs) outgoing: Outgoing<'a>,
    /// The images that are superseded, each with its platforms.
    pub(in crate::verbs) superseded: Vec<Superseded>,
    /// What should be known.
    pub(in crate::verbs) findings: Vec<Finding>,
}

/// Who has a name in an index, save `taker`.
pub(in crate::verbs) fn holders<'i>(index: &'i RootIndex, name: &Name<'_>, taker: &Digest) -> BTreeMap<&'i Digest, &'i Descriptor> {
    let has = |entry: &&Descriptor| entry.digest != *taker && entry.full_name().as_ref() == Some(name);
    index.manifests.iter().filter(has).map(|entry| (&entry.digest, entry)).collect()
}

/// The layout that somebody writes to; `None` if it is not there yet or lists nothing.
///
/// # Errors
/// Those of opening it.
pub(in crate::verbs) fn layout_at(path: &Path, context: Context<'_>) -> Result<Option<Arc<Source>>> {
    let directory = match Directory::open(path) {
        Err(error) if error.is_not_found() => return Ok(None),
        other => other?,
    };
    if directory.kind("index.json")?.is_none() {
        return Ok(None);
    }
    Source::open(path, context.limits).map(Some)
}

/// The statements in the layout `there` that whoever has the names of `takers` is superseded by them, and those on the takers.
///
/// # Errors
/// `lifecycle.supersede` for an older image that takes the name of a newer one, and those of reading what is there.
pub(in crate::verbs) fn taken_over<'a>(
    there: Option<&Arc<Source>>,
    takers: &[Taker<'_>],
    taking: &Taking,
    context: Context<'_>,
) -> Result<Marked<'a>> {
    let mut statements = NewStatements::new(taking.now, None, None);
    let mut marked: BTreeMap<Digest, Digest> = BTreeMap::new();
    let mut taken = Vec::new();
    for taker in takers {
        let (name, new) = (Name::parse(&taker.name).into_owned(), taker.tree.descriptor().digest.clone());
        let holders = there.map(|there| holders(&there.index, &name, &new)).unwrap_or_default();
        let Some(there) = there.filter(|_| !holders.is_empty()) else { continue };
        taken.push((name, holders.keys().copied().cloned().collect(), new.clone()));
        for (digest, entry) in holders {
            match marked.get(digest) {
                Some(other) if *other == new => {}
                Some(other) => statements.findings.push(two_successors(digest, &new, other)),
                None => {
                    mark(there, entry, taker, taking, &mut statements, context)?;
                    marked.insert(digest.clone(), new.clone());
                }
            }
        }
    }
    if taken.is_empty() {
        statements.findings.push(nobody());
    }
    let superseded = statements.subjects.iter().map(Superseded::of).collect();
    let findings = std::mem::take(&mut statements.findings);
    let mut outgoing = statements.into_outgoing();
    for (name, from, taker) in taken {
        outgoing.takes(name, from, taker);
    }
    Ok(Marked { outgoing, superseded, findings })
}

fn mark(
    there: &Arc<Source>,
    entry: &Descriptor,
    taker: &Taker<'_>,
    taking: &Taking,
    statements: &mut NewStatements<'_>,
    context: Context<'_>,
) -> Result<()> {
    let old = load(there, entry, context.limits)?;
    let reader = Reader::new(there, taking.now, context);
    let pair = Pair {
        shown: format!("{}:{}", there.shown(), taker.name),
        old: reader.subjects(&old),
        new: subjects_of(taker, there, taking, context)?,
        name: Some(taker.name.clone()),
        left: left_behind(&reader, &old, taker.tree),
    };
    pair.refuse(false, "If the older image is to be used again, leave --supersede away, and then `airbase lifecycle supersede PATH@OLD --by PATH:NAME --force`.")?;
    pair.state_of_old(&taking.more, None, statements)?;
    pair.state_of_new(statements)?;
    pair.tell_what_is_left(statements);
    Ok(())
}

/// What is said of the new image where it comes from, and where it goes.
///
/// # Errors
/// What the system could not read: it may say something of the image.
fn subjects_of<'t>(taker: &Taker<'t>, there: &Arc<Source>, taking: &Taking, context: Context<'_>) -> Result<Vec<Subject<'t>>> {
    let question = Question::from(taking.now);
    let read = |source: &Arc<Source>| {
        let reader = Reader::everywhere(source, question.clone(), context);
        let may_say_something = |unread: &&Unread| {
            !unread.seems_image && context.conventions.may_be_statement(unread.artifact_type.as_deref()) && unread.finding.is_unread()
        };
        match reader.lookup().unplaced().iter().find(may_say_something) {
            Some(unread) => Err(Error::of(unread.finding.clone().detail("nothing is stated while it cannot be read"))),
            None => Ok(reader.subjects(taker.tree)),
        }
    };
    let mut subjects = read(taker.source)?;
    if taker.source.path != there.path {
        for (subject, other) in subjects.iter_mut().zip(read(there)?) {
            join(subject, other, &question);
        }
    }
    Ok(subjects)
}

/// Adds what is said elsewhere of the same document.
fn join(subject: &mut Subject<'_>, other: Subject<'_>, question: &Question) {
    let known: BTreeSet<Digest> = subject.statements.iter().chain(&subject.above).map(|statement| statement.digest.clone()).collect();
    subject.statements.extend(other.statements.into_iter().filter(|statement| !known.contains(&statement.digest)));
    subject.above.extend(other.above.into_iter().filter(|statement| !known.contains(&statement.digest)));
    subject.unreadable += other.unreadable;
    subject.unread |= other.unread;
    subject.findings.extend(other.findings);
    subject.resolve(question);
}

fn nobody() -> Finding {
    Finding::new(Code::LifecycleSupersede, "no other image had the name, so none was marked as superseded").severity(Severity::Note)
}

fn two_successors(old: &Digest, new: &Digest, other: &Digest) -> Finding {
    Finding::new(Code::LifecycleSupersede, "two images take names of one image, and it was marked as superseded by the first of them")
        .severity(Severity::Warning)
        .at(old)
        .expected(Fact::new(new, "the second name"))
        .found(Fact::new(other, "the first name"))
        .hint("Say which one holds with `airbase lifecycle supersede OLD --by NEW`.")
}
