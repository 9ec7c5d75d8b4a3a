//! The local images that may be bases.
//!
//! `evidence` compares what an image says of its base with them, `target` says what the name of a base means now, and `listed` finds
//! entries by name and digest. What is decided from it is decided in `plan::base`.

mod evidence;
mod listed;
mod target;

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::lifecycle::{Speaking, Statements, Stopped};
use super::{Context, Opened, Places};
use crate::foundation::{Code, Digest, Error, Fact, Finding, Limits, Result, Severity};
use crate::oci::{Descriptor, Name, Platform};
use crate::plan::base::{Candidate, Edition, EditionPlatform, Stated, claims, is_same_image, same_name, spelled};
use crate::plan::batch::jump::Allow;
use crate::plan::lifecycle::time::Moment;
use crate::plan::mapping::Rule;
use crate::read::{Catalogue, Child, Discovered, Image, ImageIndex, Located, Reference, Source, Tree, discover_among, load, locate_among};

use listed::Listed;
pub(super) use target::{Found, Lead, itself, nowhere};

/// What a digest leads to, if it is here.
type Led = Option<Arc<Opened>>;

/// An image of the catalogue, if it runs where it should.
type Matched = Option<Arc<Candidate>>;

/// What `--bases` and `--map` name.
///
/// What was found is kept, because thousands of images are based on few; several threads may ask at once.
#[derive(Debug)]
pub(super) struct Bases<'a> {
    sources: Vec<Arc<Source>>,
    /// Sources of the images themselves: a base among them is found too.
    beside: Vec<Arc<Source>>,
    named: Vec<Located>,
    rules: Vec<Rule>,
    allow: Option<Allow>,
    context: Context<'a>,
    statements: Option<Statements<'a>>,
    catalogue: OnceLock<std::result::Result<Catalogue, Box<Finding>>>,
    /// How many findings of the catalogue are of `--bases`.
    unread: OnceLock<usize>,
    listed: OnceLock<Listed>,
    speaking: OnceLock<Speaking>,
    names: OnceLock<Vec<String>>,
    by_name: Mutex<HashMap<String, Arc<Vec<Holder>>>>,
    /// What digests lead to; many images name one that is not here.
    by_digest: Mutex<HashMap<Digest, Led>>,
    /// What the targets of rules are.
    mapped: Mutex<HashMap<String, Holder>>,
    /// Images of the catalogue that were read, by the place of the top and the digest of the manifest.
    matched: Mutex<HashMap<(Digest, Digest), Matched>>,
    jumps: Mutex<HashMap<String, Option<String>>>,
    /// What could not be read.
    pub(super) findings: Vec<Finding>,
}

/// A local image that has a name now.
#[derive(Debug, Clone)]
pub(super) struct Holder {
    pub(super) opened: Opened,
    pub(super) edition: Edition,
}

impl<'a> Bases<'a> {
    /// Opens every path: a layout, an archive, a folder of them, or a reference to one image.
    ///
    /// # Errors
    /// Those of a path that cannot be opened itself: it may hold the newest edition. Inside a folder such a path is a finding.
    pub(super) fn open(places: &Places, context: Context<'a>) -> Result<Self> {
        Self::open_among(places, &[], context)
    }

    /// As [`Bases::open`]; a source among `open` is not read again.
    pub(super) fn open_among(places: &Places, open: &[Arc<Source>], context: Context<'a>) -> Result<Self> {
        let mut bases = Self {
            sources: Vec::new(),
            beside: Vec::new(),
            named: Vec::new(),
            rules: places.map.clone(),
            allow: None,
            context,
            statements: None,
            catalogue: OnceLock::new(),
            unread: OnceLock::new(),
            listed: OnceLock::new(),
            speaking: OnceLock::new(),
            names: OnceLock::new(),
            by_name: Mutex::default(),
            by_digest: Mutex::default(),
            mapped: Mutex::default(),
            matched: Mutex::default(),
            jumps: Mutex::default(),
            findings: Vec::new(),
        };
        for path in &places.bases {
            let reference = Reference::existing(path)?;
            if reference.names_one() {
                bases.named.push(locate_among(&reference, open, context.limits)?);
            } else {
                let Discovered { sources, findings, passed } = discover_among(&reference, open, context.limits)?;
                if sources.iter().all(|source| source.index.manifests.is_empty()) {
                    bases.findings.push(context.nothing(passed.nothing(&reference.shown_path())));
                }
                bases.sources.extend(sources);
                bases.findings.extend(findings);
            }
        }
        Ok(bases)
    }

    /// Lets statements on bases count, as of `now`. Without it nobody asks, and no date is in the future.
    #[must_use]
    pub(super) fn at(mut self, now: Option<Moment>) -> Self {
        self.statements = now.map(|now| Statements::new(now, self.context));
        self
    }

    /// Lets names jump so far.
    #[must_use]
    pub(super) fn allow(mut self, allow: Option<Allow>) -> Self {
        self.allow = allow;
        self
    }

    /// Adds the sources of images: a base that lies beside its app is found without being named.
    pub(super) fn also<'s>(&mut self, sources: impl IntoIterator<Item = &'s Arc<Source>>) {
        let mut known: HashSet<PathBuf> = self.all_sources().map(|source| source.path.clone()).collect();
        let new = sources.into_iter().filter(|source| known.insert(source.path.clone()));
        self.beside.extend(new.cloned());
        (self.listed, self.catalogue, self.unread) = (OnceLock::new(), OnceLock::new(), OnceLock::new());
    }

    /// The bounds that reading obeys.
    pub(super) fn limits(&self) -> &'a Limits {
        self.context.limits
    }

    /// The time as of which statements count.
    pub(super) fn now(&self) -> Option<Moment> {
        self.statements.as_ref().map(Statements::now)
    }

    /// The sources of `--bases`, then those of references, then those of the images.
    fn all_sources(&self) -> impl Iterator<Item = &Arc<Source>> {
        self.sources.iter().chain(self.named.iter().map(|located| &located.source)).chain(&self.beside)
    }

    /// Whether the user said that bases lie in this source.
    fn is_among_bases(&self, source: &Arc<Source>) -> bool {
        let named = self.named.iter().map(|located| &located.source);
        self.sources.iter().chain(named).any(|own| own.path == source.path)
    }

    fn listed(&self) -> &Listed {
        self.listed.get_or_init(|| Listed::of(self.all_sources()))
    }

    /// All names that occur, sorted.
    fn names(&self) -> &[String] {
        self.names.get_or_init(|| {
            let entries = self.all_sources().flat_map(|source| &source.index.manifests);
            let mut names: Vec<String> = entries.filter_map(Descriptor::name).map(str::to_owned).collect();
            names.sort_unstable();
            names.dedup();
            names
        })
    }

    /// The entry at a place.
    fn entry(&self, (number, position): (usize, usize)) -> Option<(&Arc<Source>, &Descriptor)> {
        let source = self.all_sources().nth(number)?;
        Some((source, source.index.manifests.get(position)?))
    }

    /// Everything, by chain ID.
    ///
    /// # Errors
    /// Those of an image that was named and cannot be read.
    pub(super) fn catalogue(&self) -> Result<&Catalogue> {
        // Threads that ask while it is made wait for it: it is as large as all images, and each would read them once more.
        let catalogue = self.catalogue.get_or_init(|| self.read_catalogue().map_err(|error| Box::new(error.into_finding())));
        catalogue.as_ref().map_err(|finding| Error::of((**finding).clone()))
    }

    fn read_catalogue(&self) -> Result<Catalogue> {
        let mut catalogue = Catalogue::default();
        for source in &self.sources {
            catalogue.add_all(source, self.context.jobs, self.limits())?;
        }
        for located in &self.named {
            catalogue.add(&located.source, Some(located), self.limits())?;
        }
        // Who looks at the images themselves tells what cannot be read of them.
        let _ = self.unread.set(catalogue.findings.len());
        for source in &self.beside {
            catalogue.add_all(source, self.context.jobs, self.limits())?;
        }
        Ok(catalogue)
    }

    /// What could not be read while the catalogue was made; nothing, if it was not needed.
    pub(super) fn catalogue_findings(&self) -> &[Finding] {
        self.catalogue.get().and_then(|catalogue| catalogue.as_ref().ok()).map_or(&[], |catalogue| &catalogue.findings)
    }

    /// What could not be read where the user said that bases lie, and beside the images. `told` is what was said of these already.
    ///
    /// # Errors
    /// As [`Bases::catalogue`].
    pub(super) fn unread(&self, told: &[Finding]) -> Result<Vec<Finding>> {
        let all = &self.catalogue()?.findings;
        let (own, beside) = all.split_at(self.unread.get().copied().unwrap_or(0).min(all.len()));
        // What is odd about an image is reported by whoever looks at it; what is not read may be the base.
        let beside = beside.iter().filter(|finding| finding.severity >= Severity::Damage).cloned().collect();
        let unspoken = self.speaking.get().map(|speaking| speaking.unread.clone()).unwrap_or_default();
        let unspoken = Finding::new_among(told, unspoken);
        Ok(self.findings.iter().chain(own).cloned().chain(Finding::new_among(told, beside)).chain(unspoken).collect())
    }

    /// The image with this digest, or the index with this digest, in any source, listed in its index or not.
    ///
    /// # Errors
    /// Those of a document that is there and cannot be read.
    pub(super) fn with_digest(&self, digest: &Digest) -> Result<Led> {
        if let Some(found) = locked(&self.by_digest).get(digest) {
            return Ok(found.clone());
        }
        let found = self.find_digest(digest)?.map(Arc::new);
        keep(&self.by_digest, digest.clone(), &found);
        Ok(found)
    }

    fn find_digest(&self, digest: &Digest) -> Result<Option<Opened>> {
        let places = self.listed().with_digest(digest).filter_map(|place| self.entry(place));
        let listed = places.filter(|(_, entry)| entry.digest == *digest).map(|(source, _)| source).next();
        for source in listed.into_iter().chain(self.all_sources()) {
            let reference = Reference::of_digest(&source.path, digest);
            if listed.is_none() && source.container().blob(digest)?.is_none() {
                continue;
            }
            let located = match locate_among(&reference, std::slice::from_ref(source), self.limits()) {
                Err(error) if error.code() == Code::RefNotFound => continue,
                other => other?,
            };
            match load(source, &located.descriptor, self.limits()) {
                Ok(tree) => return Ok(Some(Opened { located, tree })),
                // The entry is there and its manifest is not; another source may have it.
                Err(error) if error.code() == Code::BlobMissing => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// The local images that have this name now, each once.
    ///
    /// # Errors
    /// Those of documents that cannot be read.
    pub(super) fn with_name(&self, name: &str) -> Result<Arc<Vec<Holder>>> {
        if let Some(found) = locked(&self.by_name).get(name) {
            return Ok(Arc::clone(found));
        }
        let found = Arc::new(self.find_name(name)?);
        keep(&self.by_name, name.to_owned(), &found);
        Ok(found)
    }

    fn find_name(&self, name: &str) -> Result<Vec<Holder>> {
        let mut places: Vec<(usize, usize)> = Vec::new();
        for spelling in [Some(name), spelled(name).as_deref()].into_iter().flatten() {
            places.extend(self.listed().with_name(&Name::parse(spelling)));
        }
        places.sort_unstable();
        places.dedup();
        let (first_named, first_beside) = (self.sources.len(), self.sources.len() + self.named.len());
        let has = |entry: &Descriptor| entry.name().is_some_and(|own| same_name(name, own));
        let mut found: Vec<(Located, bool)> = Vec::new();
        for (number, position) in places {
            let Some((source, entry)) = self.entry((number, position)) else { continue };
            // Of a source that was named with one image in it, only that one is meant.
            if (first_named..first_beside).contains(&number) {
                continue;
            }
            if has(entry) {
                let name = entry.name().map(str::to_owned);
                found.push((Located { source: Arc::clone(source), descriptor: entry.clone(), name }, number < first_named));
            }
        }
        found.extend(self.named.iter().filter(|located| has(&located.descriptor)).map(|located| (located.clone(), true)));
        found.sort_by_key(|(_, among_bases)| !among_bases);
        // One that cannot be verified may be the newest of this name.
        for source in self.all_sources() {
            if let Some(own) = source.index.unverified_names().find(|own| same_name(name, own)) {
                return Err(Error::new(Code::DigestAlgorithmUnknown, "an image of this name has a digest that cannot be computed here")
                    .at(source.shown())
                    .found(Fact::new(own, "index.json")));
            }
        }
        let mut holders: Vec<Holder> = Vec::new();
        for (located, among_bases) in found {
            if !holders.iter().any(|known| known.opened.located.descriptor.digest == located.descriptor.digest) {
                holders.push(self.holder(located, among_bases)?);
            }
        }
        Ok(holders)
    }

    fn holder(&self, located: Located, among_bases: bool) -> Result<Holder> {
        let tree = load(&located.source, &located.descriptor, self.limits())?;
        let platforms = tree.images().into_iter().map(EditionPlatform::of).collect();
        let missing = tree.index().into_iter().flat_map(ImageIndex::missing).filter(|gone| !gone.is_attestation() && !gone.is_artifact());
        let missing = missing
            .map(|gone| gone.platform.as_deref().cloned())
            .filter(|platform| !platform.as_ref().is_some_and(Platform::is_unknown))
            .collect();
        let stated = self.stated_of_base(&located.source, &tree, &located.descriptor.digest)?;
        let edition = Edition { digest: located.descriptor.digest.clone(), platforms, missing, stated, among_bases };
        Ok(Holder { opened: Opened { located, tree }, edition })
    }

    /// What statements say of the part of a tree with this digest: those beside it, and those beside the same image in other places. Of
    /// several places the strictest counts.
    pub(in crate::verbs) fn stated(&self, source: &Arc<Source>, tree: &Tree, digest: &Digest) -> Stated {
        let Some(statements) = &self.statements else { return Stated::default() };
        let others = self.places(&spoken_of(tree, digest)).into_iter().filter(|other| other.path != source.path);
        let mut stated =
            others.fold(statements.of(source, tree, digest), |stated, other| stated.stricter(statements.of(other, tree, digest)));
        // What could not be read may be a statement on this one.
        stated.unreadable |= !self.speaking().unread.is_empty();
        stated
    }

    /// What statements say of a base: of the manifest at hand, and of others of the same image. Who compresses an image again, annotates or
    /// saves it makes another manifest of it, and what is said of either is said of what runs.
    ///
    /// # Errors
    /// As [`Bases::catalogue`].
    pub(in crate::verbs) fn stated_of_base(&self, source: &Arc<Source>, tree: &Tree, digest: &Digest) -> Result<Stated> {
        let mut stated = self.stated(source, tree, digest);
        if self.statements.is_none() {
            return Ok(stated);
        }
        let images = tree.images();
        let alone = images.len() == 1;
        for image in images.into_iter().filter(|image| alone || image.descriptor.digest == *digest) {
            for other in self.same_images(image)? {
                let Some(found) = self.with_digest(&other.top)? else { continue };
                stated = stated.stricter(self.stated(&found.located.source, &found.tree, &other.image.descriptor.digest));
            }
        }
        Ok(stated)
    }

    /// The other manifests of an image that are here: those with the same config.
    ///
    /// # Errors
    /// As [`Bases::catalogue`].
    pub(in crate::verbs) fn same_images(&self, image: &Image) -> Result<Vec<Arc<Candidate>>> {
        let alike = self.catalogue()?.alike(image).into_iter().map(|entry| self.matched(image, entry));
        let alike = alike.collect::<Result<Vec<_>>>()?.into_iter().flatten();
        Ok(alike.filter(|other| is_same_image(image, &other.image)).collect())
    }

    /// The sources that list one of these digests, and those of `--bases` in which something refers to one.
    pub(in crate::verbs) fn places(&self, digests: &[&Digest]) -> Vec<&Arc<Source>> {
        let mut places: Vec<&Arc<Source>> = Vec::new();
        for digest in digests {
            let listed = self.listed().with_digest(digest).filter_map(|place| self.entry(place));
            let listed = listed.filter(|(_, entry)| entry.digest == **digest).map(|(source, _)| source);
            let speaking = self.speaking().of_digest(digest).filter_map(|number| self.sources.get(number));
            for source in listed.chain(speaking) {
                if places.iter().all(|known| known.path != source.path) {
                    places.push(source);
                }
            }
        }
        places
    }

    /// In which sources of `--bases` something refers to what.
    fn speaking(&self) -> &Speaking {
        self.speaking.get_or_init(|| Speaking::of(&self.sources, self.context))
    }

    /// Whether an entry of this source has this name.
    pub(super) fn has_name_in(&self, source: &Arc<Source>, name: &str) -> bool {
        let sought = Name::parse(name);
        let mut entries = self.listed().with_name(&sought).filter_map(|place| self.entry(place));
        entries.any(|(other, entry)| Arc::ptr_eq(other, source) && entry.name() == Some(name))
    }

    /// Whether an image is withdrawn or at the end of its life.
    pub(super) fn stopped(&self, located: &Located, tree: &Tree) -> Option<Stopped> {
        self.statements.as_ref()?.stopped(located, tree)
    }

    /// The image of a tree that runs where `image` runs, as a base.
    pub(super) fn candidate(&self, image: &Image, opened: &Opened) -> Option<Candidate> {
        let mut candidate = candidate(image, opened)?;
        self.add_all_names(&mut candidate);
        Some(candidate)
    }

    /// Adds the names that the base has and had in all sources.
    fn add_all_names(&self, candidate: &mut Candidate) {
        let top = candidate.top.clone();
        let entries = self.listed().with_digest(&top).filter_map(|place| self.entry(place));
        entries.filter(|(_, entry)| entry.digest == top).for_each(|(_, entry)| add_names(candidate, entry));
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How many trees are kept. Bases are few; where every image names another one, keeping them all would cost more than it saves.
const KEPT: usize = 1024;

/// Keeps `found` under `key`, unless there is too much already.
fn keep<K: std::hash::Hash + Eq, V: Clone>(kept: &Mutex<HashMap<K, V>>, key: K, found: &V) {
    let mut kept = locked(kept);
    if kept.len() < KEPT {
        kept.insert(key, found.clone());
    }
}

fn add_names(candidate: &mut Candidate, entry: &Descriptor) {
    let add = |names: &mut Vec<String>, name: String| {
        if !names.contains(&name) {
            names.push(name);
        }
    };
    entry.name().into_iter().for_each(|name| add(&mut candidate.names, name.to_owned()));
    entry.former_names().for_each(|name| add(&mut candidate.former, name.to_owned()));
}

/// The image of a tree that runs where `image` runs, under the names that its entry has.
pub(super) fn candidate(image: &Image, Opened { located, tree }: &Opened) -> Option<Candidate> {
    let same = |other: &&Image| match (image.platform(), other.platform()) {
        (Some(own), Some(other)) => own.matches(other),
        _ => true,
    };
    let found = tree.images().into_iter().find(same)?;
    let mut candidate = Candidate {
        image: found.clone(),
        reference: located.shown(),
        names: located.name.iter().cloned().collect(),
        former: Vec::new(),
        top: tree.descriptor().digest.clone(),
        claims: claims(found, tree_index(tree)),
    };
    add_names(&mut candidate, &located.descriptor);
    Some(candidate)
}

/// What may be spoken of where a part of a tree is meant: that part, and the indexes that lead to it.
pub(super) fn spoken_of<'t>(tree: &'t Tree, digest: &'t Digest) -> Vec<&'t Digest> {
    let inner = tree_index(tree).into_iter().flat_map(ImageIndex::descendants).map(Child::descriptor).filter(|child| child.is_index());
    [&tree.descriptor().digest, digest].into_iter().chain(inner.map(|index| &index.digest)).collect()
}

/// The index of a tree, if its top is one.
pub(super) fn tree_index(tree: &Tree) -> Option<&ImageIndex> {
    match tree {
        Tree::Index(index) => Some(index),
        _ => None,
    }
}

pub(super) fn shown_platform(image: &Image) -> String {
    image.platform().map_or_else(|| "its platform".to_owned(), Platform::to_string)
}

/// The refusal of a base that lacks a platform of the image.
pub(super) fn lacks_platform(image: &Image, base: &Opened) -> Error {
    Error::new(Code::PlatformMissing, format!("the old base has no {}", shown_platform(image))).at(base.located.shown())
}
