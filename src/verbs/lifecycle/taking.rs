//! Marks the images that lose their names to new ones, in the same exchange of the index.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use super::reader::Reader;
use super::set::NewStatements;
use super::subject::Subject;
use super::supersede::{Pair, left_behind};
use super::words::{Authorship, Words};
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
    pub words: Words,
    /// When that is said.
    pub now: Moment,
}

impl Taking {
    /// What else shall hold.
    pub(in crate::verbs) fn more(&self) -> Record {
        self.words.record(self.now)
    }
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

/// Who has which of some names in an index. It is walked over once for all of them: there may be as many names as entries.
pub(in crate::verbs) struct Holders<'i>(HashMap<Name<'i>, Vec<&'i Descriptor>>);

impl<'i> Holders<'i> {
    pub(in crate::verbs) fn of<'n>(index: &'i RootIndex, names: impl IntoIterator<Item = Name<'n>>) -> Self {
        let names: HashSet<Name<'n>> = names.into_iter().collect();
        let mut holders: HashMap<Name<'i>, Vec<&'i Descriptor>> = HashMap::new();
        for entry in &index.manifests {
            if let Some(name) = entry.full_name().filter(|name| names.contains(name)) {
                holders.entry(name).or_default().push(entry);
            }
        }
        Self(holders)
    }

    /// Who has this name, save `taker`.
    pub(in crate::verbs) fn besides(&self, name: &Name<'_>, taker: &Digest) -> BTreeMap<&'i Digest, &'i Descriptor> {
        let all = self.0.get(name).into_iter().flatten().copied();
        all.filter(|entry| entry.digest != *taker).map(|entry| (&entry.digest, entry)).collect()
    }
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
    let mut statements = NewStatements::new(taking.now, Authorship::default());
    let mut marked: BTreeMap<Digest, Digest> = BTreeMap::new();
    let mut taken = Vec::new();
    if let Some(there) = there {
        let holders = Holders::of(&there.index, takers.iter().map(|taker| Name::parse(&taker.name)));
        let mut readers = Readers::of(there, taking.now, context);
        for taker in takers {
            let (name, new) = (Name::parse(&taker.name).into_owned(), taker.tree.descriptor().digest.clone());
            let holders = holders.besides(&name, &new);
            if holders.is_empty() {
                continue;
            }
            taken.push((name, holders.keys().copied().cloned().collect(), new.clone()));
            for (digest, entry) in holders {
                match marked.get(digest) {
                    Some(other) if *other == new => {}
                    Some(other) => statements.findings.push(two_successors(digest, &new, other)),
                    None => {
                        mark(&mut readers, entry, taker, taking, &mut statements)?;
                        marked.insert(digest.clone(), new.clone());
                    }
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

/// Who reads what is said, of one image after another.
struct Readers<'a, 't> {
    there: &'t Arc<Source>,
    /// Of the images that lose a name.
    old: Reader<'a>,
    /// Of the new ones, where they come from and where they go, by the path.
    new: HashMap<&'t Path, Reader<'a>>,
    question: Question,
    context: Context<'a>,
}

impl<'a, 't> Readers<'a, 't> {
    fn of(there: &'t Arc<Source>, now: Moment, context: Context<'a>) -> Self {
        Self { there, old: Reader::new(there, now, context), new: HashMap::new(), question: Question::from(now), context }
    }

    /// What is said of a new image where it comes from, and where it goes.
    ///
    /// # Errors
    /// What the system could not read: it may say something of the image.
    fn subjects_of(&mut self, taker: &Taker<'t>) -> Result<Vec<Subject<'t>>> {
        let there = self.there;
        let mut subjects = self.subjects_in(taker.source, taker.tree)?;
        if taker.source.path != there.path {
            for (subject, other) in subjects.iter_mut().zip(self.subjects_in(there, taker.tree)?) {
                join(subject, other, &self.question);
            }
        }
        Ok(subjects)
    }

    fn subjects_in(&mut self, source: &'t Arc<Source>, tree: &'t Tree) -> Result<Vec<Subject<'t>>> {
        let (question, context) = (&self.question, self.context);
        let reader = self.new.entry(&source.path).or_insert_with(|| Reader::everywhere(source, question.clone(), context));
        let may_say_something = |unread: &&Unread| {
            !unread.seems_image && context.conventions.may_be_statement(unread.artifact_type.as_deref()) && unread.finding.is_unread()
        };
        match reader.lookup().unplaced().iter().find(may_say_something) {
            Some(unread) => Err(Error::of(unread.finding.clone().detail("nothing is stated while it cannot be read"))),
            None => Ok(reader.subjects(tree)),
        }
    }
}

fn mark<'t>(
    readers: &mut Readers<'_, 't>,
    entry: &Descriptor,
    taker: &Taker<'t>,
    taking: &Taking,
    statements: &mut NewStatements<'_>,
) -> Result<()> {
    let old = load(readers.there, entry, readers.context.limits)?;
    let pair = Pair {
        shown: format!("{}:{}", readers.there.shown(), taker.name),
        new: readers.subjects_of(taker)?,
        old: readers.old.subjects(&old),
        name: Some(taker.name.clone()),
        left: left_behind(&readers.old, &old, taker.tree),
    };
    pair.refuse(false, "If the older image is to be used again, leave --supersede away, and then `airbase lifecycle supersede PATH@OLD --by PATH:NAME --force`.")?;
    pair.state_of_old(&taking.more(), None, statements)?;
    pair.state_of_new(statements)?;
    pair.tell_what_is_left(statements);
    Ok(())
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
