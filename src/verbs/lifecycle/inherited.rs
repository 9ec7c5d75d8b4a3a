//! What an image inherits from its base, and from the bases below that.

use std::collections::BTreeSet;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use super::state::{Reader, Subject, places_of};
use super::stopped::refuse_withdrawn;
use crate::core::{Digest, Error, Finding, Result};
use crate::plan::base::{Candidate, Decision, decide};
use crate::plan::lifecycle::declared::declared;
use crate::plan::lifecycle::field::{Field, Status, when};
use crate::plan::lifecycle::resolve::{Question, Resolution};
use crate::plan::lifecycle::time::{Moment, When};
use crate::read::{Image, ImageIndex, Located, Source, Tree};
use crate::verbs::Context;
use crate::verbs::base::show_image;
use crate::verbs::bases::Bases;

/// How many bases below each other are followed. Nobody has more than five.
const MOST: usize = 32;

/// A base and what holds of it.
#[derive(Debug, Clone)]
pub(super) struct Base {
    /// Where it lies.
    pub(super) reference: String,
    /// The digest of its manifest for the platform.
    pub(super) digest: Digest,
    /// How far down it is: 1 for the base of the image.
    pub(super) depth: usize,
    /// What holds of it.
    pub(super) resolution: Resolution,
}

/// Finds bases, and what is said of them.
pub(super) struct Inheritance<'a> {
    bases: Bases,
    /// Whether bases are looked for by their layers too: only where the caller named places to look in. Comparing with every
    /// image of a large layout takes longer than all the rest.
    by_layers: bool,
    readers: HashMap<PathBuf, Reader<'a>>,
    question: Question,
    context: Context<'a>,
}

impl std::fmt::Debug for Inheritance<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Inheritance").field("bases", &self.bases).finish_non_exhaustive()
    }
}

impl<'a> Inheritance<'a> {
    /// Looks in `paths`, and beside the image itself for what it names.
    pub(super) fn new(paths: &[String], map: &[String], question: Question, context: Context<'a>) -> Result<Self> {
        let bases = Bases::open(paths, map, context)?;
        Ok(Self { bases, by_layers: !paths.is_empty(), readers: HashMap::new(), question, context })
    }

    /// What could not be read of the places in which bases are looked for: a base that is not seen says nothing.
    pub(super) fn findings(&self) -> Result<Vec<Finding>> {
        let unread = if self.by_layers { self.bases.catalogue()?.findings.as_slice() } else { &[] };
        Ok(self.bases.findings.iter().chain(unread).cloned().collect())
    }

    /// The bases below the image, the nearest first; marks in `subject` what it has from the first of them.
    pub(super) fn below(&mut self, subject: &mut Subject<'_>, index: Option<&ImageIndex>) -> Result<Vec<Base>> {
        let Some(image) = subject.image else { return Ok(Vec::new()) };
        self.bases.also(&image.source);
        let mut chain: Vec<Candidate> = Vec::new();
        let mut seen = BTreeSet::from([image.descriptor.digest.clone()]);
        while chain.len() < MOST {
            let (above, index) = match chain.last() {
                None => (image, index),
                Some(candidate) => (&candidate.image, None),
            };
            let Some(candidate) = self.base(above, index)? else { break };
            if !seen.insert(candidate.image.descriptor.digest.clone()) {
                break;
            }
            chain.push(candidate);
        }
        if let Some(nearest) = chain.first() {
            mark(subject, &nearest.image, &self.question);
        }
        // A base has labels from the one below it, as the image has them from the base.
        let below = chain.iter().skip(1).map(|candidate| Some(&candidate.image)).chain([None]);
        Ok((1..).zip(chain.iter().zip(below)).map(|(depth, (candidate, below))| self.said(candidate, below, depth)).collect())
    }

    fn base(&self, image: &Image, index: Option<&ImageIndex>) -> Result<Option<Candidate>> {
        if self.by_layers {
            return show_image(image, index, &self.bases).map(|(_, base)| base);
        }
        let evidence = self.bases.judge_claims(image, index)?;
        Ok(match decide(image, &evidence) {
            Decision::Base(chosen) => crate::plan::base::candidate(chosen).cloned(),
            Decision::Conflict(..) | Decision::Ambiguous(_) | Decision::Unknown => None,
        })
    }

    fn said(&mut self, candidate: &Candidate, below: Option<&Image>, depth: usize) -> Base {
        let source = &candidate.image.source;
        let (question, context) = (self.question.clone(), self.context);
        let reader = self.readers.entry(source.path.clone()).or_insert_with(|| Reader::everywhere(source, question, context));
        let resolution = said(reader, candidate, below);
        Base { reference: candidate.reference.clone(), digest: candidate.image.descriptor.digest.clone(), depth, resolution }
    }
}

/// What holds of a base: by statements on its manifest and on the indexes above it, else by itself.
fn said(reader: &Reader<'_>, candidate: &Candidate, below: Option<&Image>) -> Resolution {
    let mut own = reader.image(&candidate.image, true);
    if let Some(below) = below {
        mark(&mut own, below, &reader.question);
    }
    own.resolution
}

/// Which bases have come to the end of their life; asked of thousands of images that stand on the same few.
#[derive(Debug)]
pub(in crate::verbs) struct Ended<'a> {
    known: Mutex<HashMap<Digest, bool>>,
    readers: Mutex<HashMap<PathBuf, Arc<Reader<'a>>>>,
    now: Moment,
    context: Context<'a>,
}

impl<'a> Ended<'a> {
    pub(in crate::verbs) fn new(now: Moment, context: Context<'a>) -> Self {
        Self { known: Mutex::default(), readers: Mutex::default(), now, context }
    }

    /// Refuses an image that is withdrawn.
    pub(in crate::verbs) fn refuse_withdrawn(&self, located: &Located, tree: &Tree) -> Option<Error> {
        refuse_withdrawn(&self.reader(&located.source), tree)
    }

    fn reader(&self, source: &Arc<Source>) -> Arc<Reader<'a>> {
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        let reader = readers.entry(source.path.clone()).or_insert_with(|| Arc::new(Reader::everywhere(source, self.now, self.context)));
        Arc::clone(reader)
    }

    /// Whether it is said of `base`, where it lies, that its life has ended.
    pub(in crate::verbs) fn has(&self, base: &Candidate) -> bool {
        let digest = &base.image.descriptor.digest;
        if let Some(known) = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(digest) {
            return *known;
        }
        let reader = self.reader(&base.image.source);
        let ended = said(&reader, base, None).standing == Some(Status::EndOfLife);
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(digest.clone(), ended);
        ended
    }
}

/// Marks what the image says because its base says it, and resolves again without it.
fn mark(subject: &mut Subject<'_>, base: &Image, question: &Question) {
    let Some(image) = subject.image else { return };
    let (declared, _) = declared(places_of(image), Some(places_of(base)));
    subject.declared = declared;
    subject.resolve(question);
}

/// The earliest end of life among the bases; one that has come without a date is the earliest.
pub(super) fn earliest_end(bases: &[Base]) -> Option<When> {
    let ends = bases.iter().filter_map(|base| {
        let record = base.resolution.record();
        let by_status = (base.resolution.standing == Some(Status::EndOfLife)).then_some(When::Already);
        when(&record, Field::EndOfLife).or(by_status)
    });
    ends.filter(|end| matches!(end, When::At(_) | When::Already)).min_by_key(|end| match end {
        When::At(moment) => Some(*moment),
        _ => None,
    })
}
