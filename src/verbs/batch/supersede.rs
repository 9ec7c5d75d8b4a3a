//! Marks old images as superseded by what became of them, in the exchange of the index that gives the results their names.
//!
//! All that an exchange says is made against one reading of the index. Statements are written as results are, many to a flush; only
//! the lists that name them belong to the exchange, and are made again if somebody else wrote to the index meanwhile. What one item
//! adds to the index stands together, so that the index is the same however many items an exchange takes.

use std::cell::RefCell;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use super::finished::Finished;
use super::mark::{Mark, OldIndex};
use super::plan_file::PlanFile;
use crate::foundation::event::Silent;
use crate::foundation::{Code, Digest, Error, Fact, Finding, Result, Severity, workers};
use crate::oci::Verified;
use crate::plan::lifecycle::field::Record;
use crate::plan::lifecycle::time::Moment;
use crate::plan::referrers::{EMPTY, Item, ReferrerChange};
use crate::read::Source;
use crate::read::referrers::{Lookup, Scope};
use crate::report::batch::Unmarked;
use crate::verbs::Context;
use crate::verbs::lifecycle::{Reader, Taking};
use crate::verbs::referrers::asked_of;
use crate::write::{Committed, GroupCommit, IndexEdit, Layout, Payload, Revision, Trouble};

/// How many items are marked before their statements are flushed.
const PORTION: usize = 1024;

/// What came of an exchange.
#[derive(Debug, Default)]
pub(super) struct Marked {
    /// How many old images are superseded by a statement that was not there before.
    pub(super) superseded: usize,
    /// Items that are listed, and whose old images could not be marked.
    pub(super) unmarked: Vec<Unmarked>,
    /// What else should be known.
    pub(super) findings: Vec<Finding>,
    pub(super) committed: Committed,
}

/// Marks the old images of a batch.
#[derive(Debug)]
pub(super) struct Marking<'a> {
    plan_file: &'a PlanFile,
    now: Moment,
    /// What else is said of the old images.
    words: Record,
    context: Context<'a>,
    /// What follows what, as it was said in this run. One image may have several names and be a platform of several indexes: it is
    /// spoken of once.
    said: HashMap<Digest, Digest>,
}

/// What one item adds to the index, in short: it is needed again only if somebody else changes the index meanwhile.
struct Step {
    image: String,
    /// Each subject, and the statements on it.
    said: Vec<(ReferrerChange, Vec<Digest>)>,
    /// Whether the old image is among what it speaks of.
    marks: bool,
}

impl Step {
    /// What it asks for in a layout where somebody may have said something else meanwhile.
    fn again(&self, lookup: &Lookup<'_>, context: Context<'_>) -> Result<Revision> {
        let change = |(change, statements): &(ReferrerChange, Vec<Digest>)| {
            let add = statements.iter().map(|statement| {
                let gone = || Error::new(Code::InputChanged, "a statement that was just written is not there").at(statement);
                Ok(Item::from(&lookup.unlisted(statement)?.ok_or_else(gone)?))
            });
            Ok(ReferrerChange { add: add.collect::<Result<Vec<Item>>>()?, ..change.clone() })
        };
        let changes = self.said.iter().map(change).collect::<Result<Vec<ReferrerChange>>>()?;
        asked_of(&changes, Some(lookup), context)
    }
}

/// An exchange of the index, made against one reading of it.
#[derive(Default)]
struct Exchange {
    steps: Vec<Step>,
    edits: Vec<IndexEdit>,
    marked: Marked,
}

impl Exchange {
    /// Adds what is said for one item; its documents are still to be written.
    fn take(&mut self, mut mark: Mark, documents: &mut Vec<Verified>) {
        self.marked.findings.append(&mut mark.findings);
        let marks = mark.words.iter().any(|word| word.change.subject.digest == mark.old);
        self.marked.superseded += usize::from(marks);
        let mut edits = Vec::new();
        let mut said = Vec::with_capacity(mark.words.len());
        for mut word in mark.words {
            edits.extend(word.edits);
            documents.extend(word.documents);
            let statements = std::mem::take(&mut word.change.add).into_iter().map(|item| item.descriptor.digest.clone()).collect();
            said.push((word.change, statements));
        }
        // As everywhere, lists stand before the entries without names.
        edits.sort_by_key(|edit| !matches!(edit, IndexEdit::Replace { .. }));
        self.edits.append(&mut edits);
        self.steps.push(Step { image: mark.image, said, marks });
    }
}

impl<'a> Marking<'a> {
    pub(super) fn new(plan_file: &'a PlanFile, taking: &Taking, context: Context<'a>) -> Self {
        Self { plan_file, now: taking.now, words: taking.more(), context: Context { events: &Silent, ..context }, said: HashMap::new() }
    }

    /// Lists what is finished, and marks what it was made of, in one exchange of the index. Once `most` items are to be marked it takes
    /// no more; how many it took is reported.
    ///
    /// # Errors
    /// Those of the layout. What is wrong with the statements on one image is in what it gives.
    pub(super) fn list(
        &mut self,
        layout: &Layout,
        group_commit: &GroupCommit<'_>,
        finished: &[Finished],
        most: usize,
    ) -> Result<(Marked, usize)> {
        let limits = self.context.limits;
        let source = Source::open(layout.path(), limits)?;
        let Exchange { steps, edits, mut marked } = self.exchange(&source, group_commit, finished, most)?;
        let late: RefCell<Vec<(usize, Finding)>> = RefCell::default();
        // They are as large as what they add to the index, so there is one copy of them.
        let edits = RefCell::new(Some(edits));
        let revise = |text: &[u8]| {
            late.borrow_mut().clear();
            if source.index.says(text)
                && let Some(edits) = edits.take()
            {
                // The lists are written, as the statements are.
                return Ok(Revision { edits, ..Revision::default() });
            }
            let source = Source::with_index(layout.path(), text, &[], limits)?;
            let lookup = Lookup::new(&source, Scope::Quick, limits);
            let mut revision = Revision::default();
            for (number, (finished, step)) in finished.iter().zip(&steps).enumerate() {
                revision.edits.push(finished.put());
                match step.again(&lookup, self.context) {
                    Ok(asked) => {
                        revision.edits.extend(asked.edits);
                        revision.documents.extend(asked.documents);
                        revision.findings.extend(asked.findings);
                    }
                    Err(error) if error.code() == Code::Io => return Err(error),
                    Err(error) => late.borrow_mut().push((number, error.into_finding())),
                }
            }
            Ok(revision)
        };
        layout.remember(&source.index);
        let committed = layout.revise(&[], &revise, &Silent)?;
        for (number, finding) in late.into_inner() {
            let (Some(finished), Some(step)) = (finished.get(number), steps.get(number)) else { continue };
            marked.superseded -= usize::from(step.marks);
            marked.unmarked.push(unmarked(finished.key, step.image.clone(), vec![finding]));
        }
        marked.committed.add(group_commit.done().committed);
        marked.committed.add(committed);
        Ok((marked, steps.len()))
    }

    /// Makes what an exchange says, and writes the statements and lists of it.
    fn exchange(&mut self, source: &Arc<Source>, group_commit: &GroupCommit<'_>, finished: &[Finished], most: usize) -> Result<Exchange> {
        let index = OldIndex::of(source, Reader::new(source, self.now, self.context));
        let mut exchange = Exchange::default();
        write(group_commit, &[Verified::authored(EMPTY.to_vec())], 1)?;
        for portion in finished.chunks(PORTION) {
            if exchange.steps.iter().filter(|step| !step.said.is_empty()).count() >= most {
                break;
            }
            let made = workers::run(self.context.jobs, portion.len(), |number, _| match portion.get(number) {
                Some(finished) => self.attempt(finished, &index),
                None => Err(Error::new(Code::Bug, "an item was counted and is not there")),
            })?;
            let mut documents = Vec::new();
            for (finished, attempt) in portion.iter().zip(made) {
                exchange.edits.push(finished.put());
                match attempt {
                    Ok(mut mark) => {
                        self.agree(&mut mark);
                        exchange.take(mark, &mut documents);
                    }
                    Err(unmarked) => {
                        exchange.steps.push(Step { image: unmarked.image.clone(), said: Vec::new(), marks: false });
                        exchange.marked.unmarked.push(unmarked);
                    }
                }
            }
            write(group_commit, &documents, self.context.jobs)?;
            group_commit.publish()?;
        }
        Ok(exchange)
    }

    /// Makes what is to be said for one item. What is wrong with its images or with what is said of them stays with it.
    fn attempt(&self, finished: &Finished, index: &OldIndex<'_>) -> Result<std::result::Result<Mark, Unmarked>> {
        let entry =
            self.plan_file.with_key(finished.key).ok_or_else(|| Error::new(Code::Bug, "an item was done that the plan does not have"))?;
        let item = self.plan_file.item(entry)?;
        let mark = match Mark::of(&item, finished, index, &self.words, self.context) {
            Err(error) if error.code() == Code::Io => return Err(error),
            Err(error) => return Ok(Err(unmarked(finished.key, item.image, vec![error.into_finding()]))),
            Ok(mark) => mark,
        };
        if mark.unread {
            let mut findings = mark.findings;
            findings.retain(|finding| finding.severity >= Severity::Damage);
            return Ok(Err(unmarked(finished.key, mark.image, findings)));
        }
        Ok(Ok(mark))
    }

    /// Leaves out what another item of this run has said, and tells where it said something else.
    fn agree(&mut self, mark: &mut Mark) {
        for (subject, by) in &mark.follows {
            match self.said.entry(subject.clone()) {
                Entry::Vacant(place) => {
                    place.insert(by.clone());
                }
                Entry::Occupied(known) => {
                    mark.words.retain(|word| word.change.subject.digest != *subject);
                    if known.get() != by {
                        mark.findings.push(
                            Finding::new(Code::LifecycleSupersede, "another item of the plan gives an image another successor")
                                .severity(Severity::Warning)
                                .at(subject)
                                .expected(Fact::new(by, &mark.image))
                                .found(Fact::new(known.get(), "the item before it"))
                                .hint("Say which one holds with `airbase lifecycle supersede OLD --by NEW`."),
                        );
                    }
                }
            }
        }
    }
}

fn unmarked(key: u64, image: String, findings: Vec<Finding>) -> Unmarked {
    Unmarked { key: super::plan_file::key(key), image, findings }
}

/// Takes documents into the layout; they have names when the group commit is published.
fn write(group_commit: &GroupCommit<'_>, documents: &[Verified], jobs: usize) -> Result<()> {
    workers::run(jobs, documents.len(), |number, worker| {
        let Some(document) = documents.get(number) else { return Ok(()) };
        group_commit.document(&Payload::of(document), worker, &Silent).map_err(Trouble::into_error)
    })?;
    Ok(())
}
