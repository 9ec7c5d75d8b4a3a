//! Marks old images as superseded by what became of them, in the exchange of the index that gives the results their names.
//!
//! All that an exchange says is made against one reading of the index. Statements are written as results are, many to a flush; only
//! the lists that name them belong to the exchange, and are made again if somebody else wrote to the index meanwhile. What one item
//! adds to the index stands together, so that the index is the same however many items an exchange takes.

use std::cell::RefCell;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};

use super::pass::Pass;
use crate::core::event::Silent;
use crate::core::{Code, Digest, Error, Fact, Finding, Result, Severity, workers};
use crate::format::json::Document;
use crate::oci::{Descriptor, Verified, annotation};
use crate::plan::batch::Item;
use crate::plan::lifecycle::time::Moment;
use crate::plan::referrers::{EMPTY, Item as Listed, Wish};
use crate::read::referrers::{Lookup, Scope};
use crate::read::{Child, Image, ImageIndex, Source, Tree, load};
use crate::report::batch::Unmarked;
use crate::verbs::Context;
use crate::verbs::lifecycle::{Reader, Successor, superseding};
use crate::verbs::referrers::changes;
use crate::write::{Committed, IndexEdit, Intake, Layout, Payload, Revision, Trouble};

/// How many items are marked before their statements are flushed.
const PORTION: usize = 1024;

/// An item that is done, and is to be listed.
#[derive(Debug)]
pub(super) struct Finished {
    /// Its key.
    pub(super) key: u64,
    /// The name of its result.
    pub(super) name: Option<String>,
    /// The entry of its result, as JSON.
    pub(super) descriptor: String,
}

impl Finished {
    /// Lists it.
    pub(super) fn put(&self) -> IndexEdit {
        IndexEdit::Put { name: self.name.clone(), descriptor: self.descriptor.clone() }
    }
}

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
    pass: &'a Pass,
    now: Moment,
    context: Context<'a>,
    /// What follows what, as it was said in this run. One image may have several names and be a platform of several indexes: it is
    /// spoken of once.
    said: HashMap<Digest, Digest>,
}

/// A statement on one subject.
struct Word {
    wish: Wish,
    /// The statement, and the list that it comes to stand on.
    documents: Vec<Verified>,
    edits: Vec<IndexEdit>,
}

/// What is to be said for one item.
struct Mark {
    image: String,
    old: Digest,
    /// Every subject and what follows it, those included of which it is said already.
    follows: Vec<(Digest, Digest)>,
    words: Vec<Word>,
    findings: Vec<Finding>,
}

/// What one item adds to the index, in short: it is needed again only if somebody else changes the index meanwhile.
struct Step {
    image: String,
    /// Each subject, and the statement on it.
    said: Vec<(Wish, Digest)>,
    /// Whether the old image is among what it speaks of.
    marks: bool,
}

impl Step {
    /// What it asks for in a layout where somebody may have said something else meanwhile.
    fn again(&self, lookup: &Lookup<'_>) -> Result<Revision> {
        let wish = |(wish, statement): &(Wish, Digest)| {
            let gone = || Error::new(Code::InputChanged, "a statement that was just written is not there").at(statement);
            let referrer = lookup.unlisted(statement)?.ok_or_else(gone)?;
            Ok(Wish { add: vec![Listed::from(&referrer)], ..wish.clone() })
        };
        let wishes = self.said.iter().map(wish).collect::<Result<Vec<Wish>>>()?;
        changes(&wishes, Some(lookup))
    }
}

impl<'a> Marking<'a> {
    pub(super) fn new(pass: &'a Pass, now: Moment, context: Context<'a>) -> Self {
        Self { pass, now, context: Context { events: &Silent, ..context }, said: HashMap::new() }
    }

    /// Lists what is finished, and marks what it was made of, in one exchange of the index.
    ///
    /// # Errors
    /// Those of the layout. What is wrong with the statements on one image is in what it gives.
    pub(super) fn list(&mut self, layout: &Layout, intake: &Intake<'_>, finished: &[Finished]) -> Result<Marked> {
        let limits = self.context.limits;
        let source = Source::open(layout.path(), limits)?;
        let reader = Reader::new(&source, self.now, self.context);
        let mut places: HashMap<&Digest, &Descriptor> = HashMap::with_capacity(source.index.manifests.len());
        for entry in &source.index.manifests {
            places.entry(&entry.digest).or_insert(entry);
        }
        let mut marked = Marked::default();
        let mut steps: Vec<Step> = Vec::with_capacity(finished.len());
        let mut edits: Vec<IndexEdit> = Vec::with_capacity(finished.len());
        write(intake, &[Verified::authored(EMPTY.to_vec())], 1)?;
        for portion in finished.chunks(PORTION) {
            let made = workers::run(self.context.jobs, portion.len(), |number, _, _| match portion.get(number) {
                Some(finished) => self.attempt(finished, &source, &places, &reader),
                None => Err(Error::new(Code::Bug, "an item was counted and is not there")),
            })?;
            let mut documents = Vec::new();
            for (finished, attempt) in portion.iter().zip(made) {
                edits.push(finished.put());
                match attempt {
                    Ok(mut mark) => {
                        self.agree(&mut mark);
                        marked.findings.append(&mut mark.findings);
                        let marks = mark.words.iter().any(|word| word.wish.subject.digest == mark.old);
                        marked.superseded += usize::from(marks);
                        let mut own = Vec::new();
                        let mut said = Vec::with_capacity(mark.words.len());
                        for mut word in mark.words {
                            own.extend(word.edits);
                            documents.extend(word.documents);
                            let statement = std::mem::take(&mut word.wish.add).pop().map(|item| item.descriptor.digest);
                            said.extend(statement.map(|statement| (word.wish, statement)));
                        }
                        // As everywhere, lists stand before the entries without names.
                        own.sort_by_key(|edit| !matches!(edit, IndexEdit::Replace { .. }));
                        edits.append(&mut own);
                        steps.push(Step { image: mark.image, said, marks });
                    }
                    Err(unmarked) => {
                        steps.push(Step { image: unmarked.image.clone(), said: Vec::new(), marks: false });
                        marked.unmarked.push(unmarked);
                    }
                }
            }
            write(intake, &documents, self.context.jobs)?;
            intake.publish()?;
        }
        drop((places, reader));
        let late: RefCell<Vec<(usize, Finding)>> = RefCell::default();
        // They are as large as what they add to the index, so there is one copy of them.
        let edits = RefCell::new(Some(edits));
        let revise = |text: &[u8]| {
            late.borrow_mut().clear();
            if source.index.text().as_bytes().trim_ascii() == text.trim_ascii()
                && let Some(edits) = edits.take()
            {
                // The lists are written, as the statements are.
                return Ok(Revision { edits, documents: Vec::new() });
            }
            let source = Source::with_index(layout.path(), text, &[], limits)?;
            let lookup = Lookup::new(&source, Scope::Quick, limits);
            let mut revision = Revision::default();
            for (number, (finished, step)) in finished.iter().zip(&steps).enumerate() {
                revision.edits.push(finished.put());
                match step.again(&lookup) {
                    Ok(asked) => {
                        revision.edits.extend(asked.edits);
                        revision.documents.extend(asked.documents);
                    }
                    Err(error) => late.borrow_mut().push((number, error.into_finding())),
                }
            }
            Ok(revision)
        };
        let committed = layout.revise(&[], &revise, &Silent)?;
        for (number, finding) in late.into_inner() {
            let (Some(finished), Some(step)) = (finished.get(number), steps.get(number)) else { continue };
            marked.superseded -= usize::from(step.marks);
            marked.unmarked.push(unmarked(finished.key, step.image.clone(), vec![finding]));
        }
        marked.committed.add(intake.done().committed);
        marked.committed.add(committed);
        Ok(marked)
    }

    /// Makes what is to be said for one item. What is wrong with its images or with what is said of them stays with it.
    fn attempt(
        &self,
        finished: &Finished,
        source: &std::sync::Arc<Source>,
        places: &HashMap<&Digest, &Descriptor>,
        reader: &Reader<'_>,
    ) -> Result<std::result::Result<Mark, Unmarked>> {
        let entry =
            self.pass.with_key(finished.key).ok_or_else(|| Error::new(Code::Bug, "an item was done that the plan does not have"))?;
        let item = self.pass.item(entry)?;
        let mark = match self.mark(&item, finished, source, places, reader) {
            Err(error) if error.code() == Code::Io => return Err(error),
            Err(error) => return Ok(Err(unmarked(finished.key, item.image, vec![error.into_finding()]))),
            Ok(mark) => mark,
        };
        // A statement that cannot be read may say what the new one would hide.
        if mark.findings.iter().any(|finding| finding.severity >= Severity::Damage) {
            return Ok(Err(unmarked(finished.key, mark.image, mark.findings)));
        }
        Ok(Ok(mark))
    }

    fn mark(
        &self,
        item: &Item,
        finished: &Finished,
        source: &std::sync::Arc<Source>,
        places: &HashMap<&Digest, &Descriptor>,
        reader: &Reader<'_>,
    ) -> Result<Mark> {
        let limits = self.context.limits;
        let place = places.get(&item.digest).ok_or_else(|| {
            Error::new(Code::RefNotFound, "the old image is not in the output any more")
                .expected(Fact::new(&item.digest, "the plan"))
                .found(Fact::new("no such entry", "index.json"))
        })?;
        let old = load(source, place, limits)?;
        let entry = Document::parse(finished.descriptor.as_bytes(), limits)?;
        let new = load(source, &Descriptor::parse(entry.root(), limits)?, limits)?;
        let mut by_manifest: BTreeMap<Digest, Digest> = BTreeMap::new();
        for image in new.images() {
            let from = image.manifest.annotations.get(annotation::REBASED_FROM).and_then(|text| text.parse().ok());
            let from =
                from.ok_or_else(|| Error::new(Code::Bug, "the result does not say of what it was made").at(&image.descriptor.digest))?;
            by_manifest.insert(from, image.descriptor.digest.clone());
        }
        let follower = |image: &Image| Some((image.platform()?.to_string(), by_manifest.get(&image.descriptor.digest)?.clone()));
        let by_platform = old.images().into_iter().filter_map(follower).collect();
        let left = match &old {
            Tree::Index(index) => left_behind(index),
            _ => Vec::new(),
        };
        let successor = Successor { tree: &new, name: finished.name.clone(), by_manifest, by_platform, left_behind: &left };
        let making = superseding(reader, &old, &successor)?;
        let mut follows: Vec<(Digest, Digest)> = Vec::with_capacity(making.subjects.len() + 1);
        for stated in &making.subjects {
            let by = successor.by_manifest.get(&stated.digest).filter(|_| stated.digest != item.digest);
            follows.push((stated.digest.clone(), by.unwrap_or(&new.descriptor().digest).clone()));
        }
        follows.push((new.descriptor().digest.clone(), new.descriptor().digest.clone()));
        let findings: Vec<Finding> = making.findings.iter().filter(|finding| finding.severity >= Severity::Warning).cloned().collect();
        let (documents, wishes) = making.into_cargo().into_documents();
        let words = words(documents, wishes, reader.lookup())?;
        Ok(Mark { image: item.image.clone(), old: item.digest.clone(), follows, words, findings })
    }

    /// Leaves out what another item of this run has said, and tells where it said something else.
    fn agree(&mut self, mark: &mut Mark) {
        for (subject, by) in &mark.follows {
            match self.said.entry(subject.clone()) {
                Entry::Vacant(place) => {
                    place.insert(by.clone());
                }
                Entry::Occupied(known) => {
                    mark.words.retain(|word| word.wish.subject.digest != *subject);
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
    Unmarked { key: super::pass::key(key), image, findings }
}

/// Puts the documents of statements beside the wishes that ask for them, and decides what the lists say.
fn words(documents: Vec<Verified>, wishes: Vec<Wish>, lookup: &Lookup<'_>) -> Result<Vec<Word>> {
    // What a statement needs stands before its manifest; the empty config of all of them is written once.
    let mut rest = documents.into_iter().filter(|document| document.bytes() != EMPTY);
    let mut words = Vec::with_capacity(wishes.len());
    for wish in wishes {
        let manifest = wish.add.last().map(|item| item.descriptor.digest.clone());
        let mut documents = Vec::new();
        while documents.last().map(Verified::digest) != manifest.as_ref() {
            documents.push(rest.next().ok_or_else(|| Error::new(Code::Bug, "a statement is listed and was not made"))?);
        }
        let asked = changes(std::slice::from_ref(&wish), Some(lookup))?;
        documents.extend(asked.documents);
        words.push(Word { wish, documents, edits: asked.edits });
    }
    Ok(words)
}

/// What an index lists beside its images: it speaks of the old bytes, and does not come along.
fn left_behind(index: &ImageIndex) -> Vec<Digest> {
    let mut left = Vec::new();
    for child in &index.children {
        match child {
            Child::Attestation(descriptor) | Child::Other(descriptor) => left.push(descriptor.digest.clone()),
            Child::Index(inner) => left.extend(left_behind(inner)),
            Child::Image(_) | Child::Missing(_) => {}
        }
    }
    left
}

/// Takes documents into the layout; they have names when the intake is published.
fn write(intake: &Intake<'_>, documents: &[Verified], jobs: usize) -> Result<()> {
    workers::run(jobs, documents.len(), |number, buffer, stop| {
        let Some(document) = documents.get(number) else { return Ok(()) };
        let taken = intake.document(&Payload::of(document), buffer, stop, &Silent);
        taken.map_err(|trouble| match trouble {
            Trouble::Input(error) | Trouble::Output(error) => error,
        })
    })?;
    Ok(())
}
