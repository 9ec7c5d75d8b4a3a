//! What an image inherits from its base, and from the bases below that.

use std::collections::BTreeSet;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::reader::Reader;
use super::subject::{Subject, places_of};
use crate::foundation::{Digest, Finding, Result};
use crate::plan::base::{Based, Candidate, ClaimOrigin, Evidence, Outcome};
use crate::plan::lifecycle::convention::Conventions;
use crate::plan::lifecycle::declared::declared;
use crate::plan::lifecycle::field::{Field, Status, when};
use crate::plan::lifecycle::resolve::{Question, Resolution};
use crate::plan::lifecycle::time::When;
use crate::read::{Image, ImageIndex, Source, Tree};
use crate::verbs::bases::{Bases, spoken_of};
use crate::verbs::{Context, Places};

/// How many bases below each other are followed. Nobody has more than five.
const MOST: usize = 32;

/// Of how many bases it is kept what is said of them.
const KEPT: usize = 1024;

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

/// What an image is based on.
#[derive(Debug, Clone, Default)]
pub(super) struct Below {
    /// The bases that are known, the nearest first.
    pub(super) bases: Vec<Base>,
    /// Whether it has a base of which it is not known which image that is.
    pub(super) is_unknown: bool,
}

/// Finds bases, and what is said of them.
pub(super) struct Inheritance<'a> {
    bases: Bases<'a>,
    readers: HashMap<PathBuf, Reader<'a>>,
    /// What is said of a base in a place: thousands of images are on the same few.
    known: HashMap<(PathBuf, Digest, Digest), Resolution>,
    question: Question,
    context: Context<'a>,
}

impl std::fmt::Debug for Inheritance<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Inheritance").field("bases", &self.bases).finish_non_exhaustive()
    }
}

impl<'a> Inheritance<'a> {
    /// Looks in `places`, and in `sources`, where the images are.
    pub(super) fn new(places: &Places, sources: &[Arc<Source>], question: Question, context: Context<'a>) -> Result<Self> {
        let mut bases = Bases::open_among(places, sources, context)?;
        bases.also(sources);
        Ok(Self { bases, readers: HashMap::new(), known: HashMap::new(), question, context })
    }

    /// What could not be read of the places in which bases are looked for: a base that is not seen says nothing.
    pub(super) fn findings(&self, told: &[Finding]) -> Result<Vec<Finding>> {
        self.bases.unread(told)
    }

    /// The bases below the image; marks in `subject` what it has from the first of them.
    pub(super) fn below(&mut self, subject: &mut Subject<'_>, index: Option<&ImageIndex>) -> Result<Below> {
        let Some(image) = subject.image else { return Ok(Below::default()) };
        let mut chain: Vec<Arc<Candidate>> = Vec::new();
        let mut is_unknown = false;
        let mut seen = BTreeSet::from([image.descriptor.digest.clone()]);
        while chain.len() < MOST {
            let (above, index) = match chain.last() {
                None => (image, index),
                Some(candidate) => (&candidate.image, None),
            };
            let based = self.based(above, index)?;
            // What bases say of their own is for those who make them: most name one that nobody brings.
            if chain.is_empty() {
                let is_untold = |based: &Based| Ok(based.outcome == Outcome::Unknown && self.bases.may_add_settings_only(above)?);
                is_unknown = based.as_ref().is_none_or(has_unknown_base) || based.as_ref().map_or(Ok(false), is_untold)?;
            }
            let Some(candidate) = based.and_then(|based| based.base().cloned()) else { break };
            if !seen.insert(candidate.image.descriptor.digest.clone()) {
                break;
            }
            chain.push(candidate);
        }
        if let Some(nearest) = chain.first() {
            mark(subject, &nearest.image, &self.question, self.context.conventions);
        }
        // A base has labels from the one below it, as the image has them from the base.
        let below = chain.iter().skip(1).map(|candidate| Some(&candidate.image)).chain([None]);
        let bases = (1..).zip(chain.iter().zip(below)).map(|(depth, (candidate, below))| self.said(candidate, below, depth));
        Ok(Below { bases: bases.collect::<Result<_>>()?, is_unknown })
    }

    /// What an image is based on; `None` if its layers cannot be compared.
    fn based(&self, image: &Image, index: Option<&ImageIndex>) -> Result<Option<Based>> {
        if image.manifest.layers.len() != image.config.diff_ids.len() {
            return Ok(None);
        }
        self.bases.based(image, index).map(Some)
    }

    fn said_in(&mut self, source: &Arc<Source>, candidate: &Candidate, below: Option<&Image>, tree: Option<&Tree>) -> Resolution {
        let key = (source.path.clone(), candidate.top.clone(), candidate.image.descriptor.digest.clone());
        if let Some(known) = self.known.get(&key).filter(|_| below.is_none()) {
            return known.clone();
        }
        let (question, context) = (self.question.clone(), self.context);
        let reader = self.readers.entry(source.path.clone()).or_insert_with(|| Reader::everywhere(source, question, context));
        let resolution = said(reader, candidate, below, tree);
        if below.is_none() {
            if self.known.len() >= KEPT {
                self.known.clear();
            }
            self.known.insert(key, resolution.clone());
        }
        resolution
    }

    /// What is said of a base, wherever it lies and whichever of its manifests is spoken of. The strictest counts.
    fn said(&mut self, candidate: &Candidate, below: Option<&Image>, depth: usize) -> Result<Base> {
        let mut resolution = self.said_of_manifest(candidate, below)?;
        for other in self.bases.same_images(&candidate.image)? {
            let said = self.said_of_manifest(&other, below)?;
            if strictness(&said) < strictness(&resolution) {
                resolution = said;
            }
        }
        Ok(Base { reference: candidate.reference.clone(), digest: candidate.image.descriptor.digest.clone(), depth, resolution })
    }

    fn said_of_manifest(&mut self, candidate: &Candidate, below: Option<&Image>) -> Result<Resolution> {
        let own = &candidate.image.source;
        // Another place need not have the indexes that it speaks of.
        let opened = self.bases.with_digest(&candidate.top)?;
        let tree = opened.as_ref().map(|opened| &opened.tree);
        let digest = &candidate.image.descriptor.digest;
        let digests = tree.map_or_else(|| vec![&candidate.top, digest], |tree| spoken_of(tree, digest));
        let others: Vec<Arc<Source>> = self.bases.places(&digests).into_iter().filter(|other| other.path != own.path).cloned().collect();
        let mut resolution = self.said_in(own, candidate, below, tree);
        for other in others {
            let said = self.said_in(&other, candidate, below, tree);
            if strictness(&said) < strictness(&resolution) {
                resolution = said;
            }
        }
        Ok(resolution)
    }
}

/// Whether there is a base, and nobody knows which image it is. An image that says nothing and has nobody's layers may be a base itself.
fn has_unknown_base(based: &Based) -> bool {
    match based.outcome {
        Outcome::Base { .. } | Outcome::Scratch => false,
        Outcome::Conflict { .. } | Outcome::Ambiguous(_) | Outcome::Seam { .. } => true,
        // Of what has the lowest layers, an earlier edition of the image is not taken for its base.
        Outcome::Unknown => {
            let is_found = |one: &Evidence| one.clue == ClaimOrigin::Catalogue;
            based.record().is_some() || based.recorded_digest().is_some() || based.evidence.iter().any(is_found)
        }
    }
}

/// How strict it is what is said of a base in one place, the strictest first.
fn strictness(said: &Resolution) -> (u8, Option<Status>) {
    match said.standing {
        Some(Status::Withdrawn | Status::EndOfLife) => (0, said.standing),
        _ if said.unreadable > 0 => (1, None),
        Some(_) => (2, said.standing),
        None => (3, None),
    }
}

/// What holds of a base: by statements on its manifest and on the indexes above it, else by itself.
fn said(reader: &Reader<'_>, candidate: &Candidate, below: Option<&Image>, tree: Option<&Tree>) -> Resolution {
    let subjects = tree.map(|tree| reader.subjects(tree)).unwrap_or_default();
    let is_it = |subject: &Subject<'_>| subject.image.is_some() && subject.descriptor.digest == candidate.image.descriptor.digest;
    let mut own = subjects.into_iter().find(is_it).unwrap_or_else(|| reader.image(&candidate.image, true));
    if let Some(below) = below {
        mark(&mut own, below, &reader.question, reader.context.conventions);
    }
    own.resolution
}

/// Marks what the image says because its base says it, and resolves again without it.
fn mark(subject: &mut Subject<'_>, base: &Image, question: &Question, conventions: &Conventions) {
    let Some(image) = subject.image else { return };
    subject.declared = declared(places_of(image), Some(places_of(base)), conventions);
    subject.resolve(question);
}

/// The earliest end of life among the bases; one that has come without a date is the earliest, and so is one that is withdrawn.
pub(super) fn earliest_end(bases: &[Base]) -> Option<When> {
    let ends = bases.iter().filter_map(|base| {
        let record = base.resolution.record();
        match base.resolution.standing {
            // It must not be used, whatever date it has.
            Some(Status::Withdrawn) => Some(When::Already),
            Some(Status::EndOfLife) => when(&record, Field::EndOfLife).or(Some(When::Already)),
            _ => when(&record, Field::EndOfLife),
        }
    });
    ends.filter(|end| matches!(end, When::At(_) | When::Already)).min_by_key(|end| match end {
        When::At(moment) => Some(*moment),
        _ => None,
    })
}
