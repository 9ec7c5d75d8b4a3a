//! An index or one platform's manifest with all that is said of it, by statements and by itself.

use std::collections::BTreeSet;

use crate::foundation::{Digest, Finding};
use crate::oci::{Descriptor, Platform, annotation};
use crate::plan::lifecycle::declared::{Declared, Places};
use crate::plan::lifecycle::field::{Field, Value};
use crate::plan::lifecycle::held::SaidBy;
use crate::plan::lifecycle::level::down;
use crate::plan::lifecycle::resolve::{self, Question, Resolution, Said};
use crate::plan::lifecycle::statement::Statement;
use crate::plan::lifecycle::time::Moment;
use crate::read::referrers::Referrer;
use crate::read::{Image, ImageIndex};

/// An index, or the manifest of one platform, and what is said of it.
#[derive(Debug, Clone)]
pub(super) struct Subject<'a> {
    /// How the layout leads to it.
    pub(super) descriptor: Descriptor,
    /// Whether an index leads to it, and not `index.json`.
    pub(super) child: bool,
    /// The image, if it is one platform's.
    pub(super) image: Option<&'a Image>,
    /// The index, if it is one.
    pub(super) index: Option<&'a ImageIndex>,
    /// The statements on it, those that say nothing included.
    pub(super) statements: Vec<Statement>,
    /// Those on the indexes above it, as they hold for it.
    pub(super) above: Vec<Statement>,
    /// Whether there is a list of referrers of it, or of an index above it.
    pub(super) listed: bool,
    /// How many entries may be statements on it, or on an index above it, and cannot be read.
    pub(super) unreadable: usize,
    /// What it says itself.
    pub(super) declared: Declared,
    /// What the indexes above it say of themselves, and what stands in the entries that lead to it, with the index in which it stands.
    pub(super) words: Vec<OwnWords>,
    /// What holds of it.
    pub(super) resolution: Resolution,
    /// The index that the standing follows from, if it does not follow from a statement on this.
    pub(super) through: Option<Digest>,
    /// The statements that something signs. No signature is verified here.
    pub(super) signed: BTreeSet<Digest>,
    /// Those of the statements on it that its index lists beside it, and nothing else.
    pub(super) beside: Vec<Referrer>,
    /// What is odd.
    pub(super) findings: Vec<Finding>,
    /// Whether some of that is a statement, or a list of them, that could not be read: a new statement may hide what it says.
    pub(super) unread: bool,
}

impl Subject<'_> {
    /// The platform, if it is one's.
    pub(super) fn platform(&self) -> Option<&Platform> {
        self.image.and_then(Image::platform).or(self.descriptor.platform.as_deref())
    }

    /// A value that the image gives itself, of the annotation `key`. A label of that name may be its base's.
    pub(super) fn own(&self, key: &str) -> Option<&str> {
        let maps = [self.image.map(|image| &image.manifest.annotations), self.index.map(|index| &index.index.annotations)];
        maps.into_iter().flatten().find_map(|map| map.get(key)).map(String::as_str).filter(|text| !text.is_empty())
    }

    /// When it was created, as it spells it; an index without a date is as old as its first platform.
    pub(super) fn created(&self) -> Option<String> {
        let image = |image: &Image| image.manifest.annotations.get(annotation::CREATED).cloned().or_else(|| image.config.created.clone());
        match (self.image, self.index) {
            (Some(own), _) => image(own),
            (None, Some(index)) => {
                index.index.annotations.get(annotation::CREATED).cloned().or_else(|| index.images().into_iter().find_map(image))
            }
            (None, None) => None,
        }
    }

    /// The image to use instead, by statements. Where those on an index name the new index only, a platform does not follow it by
    /// itself: the lineage looks into the new index.
    pub(super) fn successor(&self) -> Option<(Digest, Option<Moment>)> {
        successor(&self.resolution, &self.descriptor.digest)
    }

    /// All that is said of it.
    pub(super) fn all(&self) -> Vec<Statement> {
        self.statements.iter().chain(&self.above).cloned().collect()
    }

    /// What holds if these statements are all that is said of it, beside what it and the indexes above it say themselves.
    pub(super) fn resolved(&self, statements: &[Statement], question: &Question) -> Resolution {
        let mut own = self.declared.clone();
        self.words.iter().for_each(|(_, words)| own.hear_from_above(words));
        let said = Said { statements, declared: &own.says, misread: &own.misread, unreadable: self.unreadable };
        resolve::resolve(said, question)
    }

    /// Puts together again what is said, after what the image says itself was looked at again.
    pub(super) fn resolve(&mut self, question: &Question) {
        self.resolution = self.resolved(&self.all(), question);
        let speaker = self.resolution.speaker();
        let from = self.above.iter().find(|statement| Some(&statement.digest) == speaker);
        self.through = from.filter(|from| !self.statements.contains(from)).map(|from| from.subject.clone());
    }

    /// Adds what another place says of it.
    pub(super) fn hear(&mut self, level: Level, question: &Question) {
        self.listed |= level.listed;
        self.unreadable += level.unreadable;
        self.signed.extend(level.signed);
        let new = Finding::new_among(&self.findings, level.findings);
        self.findings.extend(new);
        for statement in level.statements {
            if self.statements.iter().all(|known| known.digest != statement.digest) {
                self.statements.push(statement);
            }
        }
        self.resolve(question);
    }

    /// Adds what indexes above it say of themselves, and entries of what they lead to.
    pub(super) fn hear_words(&mut self, words: &[OwnWords]) {
        let new: Vec<OwnWords> = words.iter().filter(|words| !self.words.contains(words)).cloned().collect();
        self.words.extend(new);
    }

    /// Adds what another place says of an index above it.
    pub(super) fn hear_from_above(&mut self, level: &Level, question: &Question) {
        self.listed |= level.listed;
        self.unreadable += level.unreadable;
        self.hear_words(&level.words);
        self.signed.extend(level.signed.iter().cloned());
        let (platform, digest) = (self.platform().map(Platform::to_string), self.descriptor.digest.clone());
        for statement in &level.statements {
            if self.above.iter().all(|known| known.digest != statement.digest) {
                self.above.push(down(statement, platform.as_deref(), &digest));
            }
        }
        self.resolve(question);
    }

    /// Whether something signs the statement that the standing follows from.
    pub(super) fn speaker_is_signed(&self) -> bool {
        self.resolution.speaker().is_some_and(|speaker| self.signed.contains(speaker))
    }
}

pub(super) fn successor(resolution: &Resolution, of: &Digest) -> Option<(Digest, Option<Moment>)> {
    let held = resolution.fields.get(&Field::SupersededBy)?;
    let (own, made) = match &held.source {
        SaidBy::Statement { on, made, .. } => (on == of, *made),
        SaidBy::Image => (true, None),
    };
    match &held.stated.value {
        Value::Digest(digest) if own || held.stated.key.starts_with(BY_PLATFORM) => Some((digest.clone(), made)),
        _ => None,
    }
}

/// How the key of a successor begins that the statement on an index gives to a platform.
const BY_PLATFORM: &str = "supersededBy.platforms.";

/// What a document says of its own life, or its entry of it.
pub(super) type OwnWords = (Digest, Declared);

/// What is said of one document by referrers.
#[derive(Debug, Clone, Default)]
pub(super) struct Level {
    /// The index or manifest.
    pub(super) digest: Option<Digest>,
    /// The statements.
    pub(super) statements: Vec<Statement>,
    /// Those that something signs.
    pub(super) signed: BTreeSet<Digest>,
    /// What it says of what is below it, if it is an index, and what its entry says.
    pub(super) words: Vec<OwnWords>,
    /// Whether there is a list of its referrers.
    pub(super) listed: bool,
    /// How many entries may be statements and cannot be read.
    pub(super) unreadable: usize,
    /// Those that an index lists beside it, and nothing else.
    pub(super) beside: Vec<Referrer>,
    /// What is odd.
    pub(super) findings: Vec<Finding>,
}

/// What something is said of.
#[derive(Clone, Copy)]
pub(super) enum What<'t> {
    Image(&'t Image),
    Index(&'t ImageIndex),
    Artifact(&'t Descriptor),
}

impl<'t> What<'t> {
    /// Where it speaks of itself.
    pub(super) fn places(self) -> Places<'t> {
        match self {
            Self::Image(image) => places_of(image),
            Self::Index(index) => Places { index: Some(&index.index.annotations), ..Places::default() },
            Self::Artifact(_) => Places::default(),
        }
    }
}

/// Where an image says something itself.
pub(super) fn places_of(image: &Image) -> Places<'_> {
    Places { manifest: Some(&image.manifest.annotations), index: None, labels: Some(&image.config.labels) }
}

/// The creation times that an image gives itself.
pub(super) fn created(image: &Image) -> Vec<String> {
    image.manifest.annotations.get(annotation::CREATED).into_iter().chain(&image.config.created).cloned().collect()
}

pub(super) fn created_of_index(index: &ImageIndex) -> Vec<String> {
    let own = index.index.annotations.get(annotation::CREATED).cloned();
    own.into_iter().chain(index.images().into_iter().flat_map(created)).collect()
}
