//! The local images that may be bases.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::Context;
use crate::core::{Code, Digest, Error, Finding, Limits, Result, text};
use crate::oci::{Descriptor, ImageName, Name, Platform};
use crate::plan::base::{Candidate, Claim, Clue, Evidence, Verdict, claims, judge};
use crate::plan::mapping::Rule;
use crate::read::provenance::Provenance;
use crate::read::{
    Catalogue, ChainId, Discovered, Image, ImageIndex, Located, Reference, Source, Tree, discover_among, load, locate_among,
};

/// What `--bases` and `--map` name.
///
/// The catalogue of all of them is built when the first question needs it: a base that is recorded by digest is found without
/// reading every image of a large layout. What was found is kept, because thousands of images stand on few bases; several
/// threads may ask at once.
#[derive(Debug)]
pub struct Bases {
    sources: Vec<Arc<Source>>,
    /// Sources that are looked into for digests and layers, and for names that no other one has.
    beside: Vec<Arc<Source>>,
    named: Vec<Located>,
    rules: Vec<Rule>,
    limits: Limits,
    jobs: usize,
    catalogue: OnceLock<Catalogue>,
    listed: OnceLock<Listed>,
    names: OnceLock<Vec<String>>,
    by_name: Mutex<HashMap<String, Found>>,
    by_digest: Mutex<HashMap<Digest, Found>>,
    /// What could not be read.
    pub findings: Vec<Finding>,
}

impl Bases {
    /// Opens every path: a layout, an archive, a folder of them, or a reference to one image.
    ///
    /// # Errors
    /// Those of a path that cannot be opened itself; inside a folder such a path is a finding.
    pub fn open(paths: &[String], rules: &[String], context: Context<'_>) -> Result<Self> {
        Self::open_among(paths, rules, &[], context)
    }

    /// As [`Bases::open`]; a source among `open` is not read again.
    pub(super) fn open_among(paths: &[String], rules: &[String], open: &[Arc<Source>], context: Context<'_>) -> Result<Self> {
        let mut bases = Self {
            sources: Vec::new(),
            beside: Vec::new(),
            named: Vec::new(),
            rules: rules.iter().map(|rule| Rule::parse(rule)).collect::<Result<_>>()?,
            limits: context.limits.clone(),
            jobs: context.jobs,
            catalogue: OnceLock::new(),
            listed: OnceLock::new(),
            names: OnceLock::new(),
            by_name: Mutex::default(),
            by_digest: Mutex::default(),
            findings: Vec::new(),
        };
        for path in paths {
            let reference = Reference::existing(path)?;
            if reference.name.is_some() || reference.digest.is_some() {
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

    /// Adds the source of an image: a base that lies beside its app is found without being named.
    pub fn also(&mut self, source: &Arc<Source>) {
        if !self.sources.iter().any(|known| known.path == source.path) {
            self.sources.push(Arc::clone(source));
        }
    }

    /// Adds a source of images that are to be moved: a base among them is found by its layers and by its digest, and by its name
    /// where none of the other sources has that name.
    pub(super) fn also_beside(&mut self, source: &Arc<Source>) {
        if !self.all_sources().any(|known| known.path == source.path) {
            self.beside.push(Arc::clone(source));
        }
    }

    /// The bounds that reading obeys.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Whether nothing was named.
    pub fn is_empty(&self) -> bool {
        self.sources.is_empty() && self.named.is_empty()
    }

    fn all_sources(&self) -> impl Iterator<Item = &Arc<Source>> {
        self.sources.iter().chain(self.named.iter().map(|located| &located.source)).chain(&self.beside)
    }

    fn listed(&self) -> &Listed {
        self.listed.get_or_init(|| Listed::of(self.all_sources()))
    }

    /// All names that occur, sorted.
    pub(super) fn names(&self) -> &[String] {
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
    pub fn catalogue(&self) -> Result<&Catalogue> {
        if let Some(catalogue) = self.catalogue.get() {
            return Ok(catalogue);
        }
        let mut catalogue = Catalogue::default();
        for source in self.sources.iter().chain(&self.beside) {
            catalogue.add_all(source, self.jobs, &self.limits)?;
        }
        for located in &self.named {
            catalogue.add(&located.source, Some(located), &self.limits)?;
        }
        Ok(self.catalogue.get_or_init(|| catalogue))
    }

    /// What could not be read while the catalogue was made; nothing, if it was not needed.
    pub(super) fn catalogue_findings(&self) -> &[Finding] {
        self.catalogue.get().map_or(&[], |catalogue| &catalogue.findings)
    }

    /// The image with this digest, or the index with this digest, in any source, listed in its index or not.
    ///
    /// # Errors
    /// Those of a document that is there and cannot be read.
    pub fn with_digest(&self, digest: &Digest) -> Result<Option<(Located, Tree)>> {
        if let Some(found) = self.by_digest.lock().unwrap_or_else(PoisonError::into_inner).get(digest) {
            return Ok(found.as_deref().cloned());
        }
        let found = self.find_digest(digest)?.map(Arc::new);
        // What is not there is asked for once by each image that names it, and then it is a digest of many.
        if found.is_some() {
            keep(&self.by_digest, digest.clone(), &found);
        }
        Ok(found.as_deref().cloned())
    }

    fn find_digest(&self, digest: &Digest) -> Result<Option<(Located, Tree)>> {
        let places = self.listed().with_digest(digest).filter_map(|place| self.entry(place));
        let listed = places.filter(|(_, entry)| entry.digest == *digest).map(|(source, _)| source).next();
        for source in listed.into_iter().chain(self.all_sources()) {
            let reference = Reference::of_digest(&source.path, digest);
            if listed.is_none() && source.container().blob(digest)?.is_none() {
                continue;
            }
            let located = match locate_among(&reference, std::slice::from_ref(source), &self.limits) {
                Err(error) if error.code() == Code::RefNotFound => continue,
                other => other?,
            };
            match load(source, &located.descriptor, &self.limits) {
                Ok(tree) => return Ok(Some((located, tree))),
                // The entry is there and its manifest is not; another source may have it.
                Err(error) if error.code() == Code::BlobMissing => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// The image that `name` means now: by a mapping rule, else by the names of all sources.
    ///
    /// # Errors
    /// `base.ambiguous` if the name stands on different images, and those of a rule's target.
    pub fn with_name(&self, name: &str) -> Result<Option<(Located, Tree)>> {
        if let Some(found) = self.by_name.lock().unwrap_or_else(PoisonError::into_inner).get(name) {
            return Ok(found.as_deref().cloned());
        }
        let found = self.find_name(name)?.map(Arc::new);
        keep(&self.by_name, name.to_owned(), &found);
        Ok(found.as_deref().cloned())
    }

    fn find_name(&self, name: &str) -> Result<Option<(Located, Tree)>> {
        for rule in &self.rules {
            let Some(target) = rule.apply(name) else { continue };
            let reference = Reference::existing(&target).map_err(|error| error.detail(format!("--map made {target} of {name}")))?;
            let located = locate_among(&reference, &self.sources, &self.limits)?;
            let tree = load(&located.source, &located.descriptor, &self.limits)?;
            return Ok(Some((located, tree)));
        }
        // What the name means now does not depend on the digest that it had.
        let wanted = name.split('@').next().unwrap_or(name);
        let sought = Name::parse(wanted);
        let fits = |entry: &Descriptor| entry.full_name().as_ref() == Some(&sought);
        let (first_named, first_beside) = (self.sources.len(), self.sources.len() + self.named.len());
        let mut places: Vec<(usize, usize)> = self.listed().with_name(&sought).collect();
        places.sort_unstable();
        let within = |from: usize, to: usize| {
            places.iter().filter(move |(number, _)| (from..to).contains(number)).filter_map(|place| {
                let (source, entry) = self.entry(*place)?;
                let name = entry.name().filter(|_| fits(entry))?.to_owned();
                Some(Located { source: Arc::clone(source), descriptor: entry.clone(), name: Some(name) })
            })
        };
        let mut found: Vec<Located> = within(0, first_named).collect();
        found.extend(self.named.iter().filter(|located| fits(&located.descriptor)).cloned());
        if found.is_empty() {
            found.extend(within(first_beside, usize::MAX));
        }
        let Some(first) = found.first() else { return Ok(None) };
        if found.iter().any(|located| located.descriptor.digest != first.descriptor.digest) {
            return Err(Error::new(Code::BaseAmbiguous, format!("{name} names different local images"))
                .details(found.iter().map(|located| format!("{}  {}", located.shown(), located.descriptor.digest)))
                .hint("Decide with --map 'NAME=REFERENCE', or name the base with --onto."));
        }
        let tree = load(&first.source, &first.descriptor, &self.limits)?;
        Ok(Some((first.clone(), tree)))
    }

    /// What the base of an image is called, and which image that name means now.
    ///
    /// The name that the image gives counts; only an image that gives none follows the local name of the base it stands on. A
    /// layout may hold one repository under bare tags, as regctl keeps them: if the proven old base lies there under a bare
    /// tag, the tag of the name is looked for beside it.
    ///
    /// # Errors
    /// As [`Bases::with_name`].
    pub fn follow(&self, claimed: Option<&str>, old: Option<&Candidate>) -> Result<Followed> {
        let Some(name) = claimed.or_else(|| old.and_then(|old| old.names.first()).map(String::as_str)) else { return Ok(Followed::NoName) };
        if let Some((located, tree)) = self.with_name(name)? {
            return Ok(Followed::Found { name: name.to_owned(), located: Box::new(located), tree: Box::new(tree) });
        }
        let beside = old.filter(|old| !old.names.is_empty() && old.names.iter().all(|name| !ImageName::parse(name).is_full()));
        if let (Some(old), Some(tag)) = (beside, ImageName::parse(name).tag) {
            let source = &old.image.source;
            if let Some(entry) = source.index.manifests.iter().find(|entry| entry.name() == Some(tag)) {
                let located = Located { source: Arc::clone(source), descriptor: entry.clone(), name: Some(tag.to_owned()) };
                let tree = load(source, entry, &self.limits)?;
                return Ok(Followed::Found { name: name.to_owned(), located: Box::new(located), tree: Box::new(tree) });
            }
        }
        Ok(Followed::NotHere(name.to_owned()))
    }

    /// What the claims of an image amount to, compared with the local images.
    ///
    /// # Errors
    /// Those of documents that are there and cannot be read.
    pub fn judge_claims(&self, image: &Image, index: Option<&ImageIndex>) -> Result<Vec<Evidence>> {
        let mut evidence = claims(image, index).into_iter().map(|claim| self.judge_claim(image, claim)).collect::<Result<Vec<_>>>()?;
        if let Some(index) = index {
            evidence.extend(self.judge_provenance(image, index));
        }
        Ok(evidence)
    }

    /// What the provenance beside an image amounts to. A build of several stages names many images, and most are no base: one
    /// with other layers, or that cannot be read, says nothing against anything.
    fn judge_provenance(&self, image: &Image, index: &ImageIndex) -> Vec<Evidence> {
        let provenance = Provenance::read(image, index, &self.limits);
        let clue = Clue::Provenance;
        let judged = provenance.materials.into_iter().map(|material| {
            let (name, digest) = (Some(material.name), Some(material.digest));
            let claim = Claim { clue, name: name.clone(), digest: digest.clone(), unreadable_digest: None, seam: None };
            let verdict = match self.judge_claim(image, claim).map(|evidence| evidence.verdict) {
                Ok(Verdict::Refuted(candidate, _) | Verdict::NameMoved(candidate, _)) => Verdict::Unresolved(format!(
                    "{} has other layers; it may have been for another stage of the build",
                    candidate.reference
                )),
                Ok(verdict) => verdict,
                Err(error) => Verdict::Unresolved(error.finding().message.clone()),
            };
            Evidence { clue, name, digest, verdict }
        });
        let unread = provenance.unread.into_iter().map(|(digest, error)| {
            let verdict = Verdict::Unresolved(format!("{digest} was not read: {}", error.finding().message));
            Evidence { clue, name: None, digest: None, verdict }
        });
        judged.chain(unread).collect()
    }

    fn judge_claim(&self, image: &Image, claim: Claim) -> Result<Evidence> {
        if let Some(Err(why)) = claim.seam {
            return Ok(Evidence { clue: claim.clue, name: claim.name, digest: claim.digest, verdict: Verdict::Unresolved(why) });
        }
        let by_digest = match &claim.digest {
            Some(digest) => self.with_digest(digest)?,
            None => None,
        };
        let exact = by_digest.is_some();
        // A base may have another digest here: copied with another compression, or one platform without its index. Then its name
        // leads to it, and the layers say whether it is the one.
        let found = match (by_digest, &claim.name) {
            (None, Some(name)) => match self.with_name(name) {
                Ok(found) => found,
                // A name on several images leads to none; what follows the name says so with all candidates.
                Err(error) => {
                    let verdict = Verdict::Unresolved(error.finding().message.clone());
                    return Ok(Evidence { clue: claim.clue, name: claim.name, digest: claim.digest, verdict });
                }
            },
            (found, _) => found,
        };
        let verdict = match found {
            Some((located, tree)) => match candidate(image, &located, &tree) {
                Some(candidate) => match (claim.seam, judge(image, candidate, exact)) {
                    // The name may lead to a base of the base, or to one that stands on it.
                    (Some(Ok(seam)), Verdict::Proven(candidate, proofs)) if proofs.len() != seam => Verdict::Unresolved(format!(
                        "{} has {}, and the top layer of the run image is number {seam}",
                        candidate.reference,
                        text::count(proofs.len(), "layer")
                    )),
                    (_, verdict) => verdict,
                },
                None => Verdict::Unresolved(format!("{} is here, but not for {}", located.shown(), shown_platform(image))),
            },
            None => Verdict::Unresolved(match (&claim.digest, &claim.unreadable_digest) {
                (Some(_), _) => "no local image has this digest".to_owned(),
                (None, Some(_)) => "the recorded digest is not a digest".to_owned(),
                (None, None) if claim.name.is_none() => "it gives no name and no digest".to_owned(),
                (None, None) => "no local image has this name".to_owned(),
            }),
        };
        Ok(Evidence { clue: claim.clue, name: claim.name, digest: claim.digest, verdict })
    }

    /// Local images whose layers are the lowest layers of `image`, the longest first. The image itself is none of them.
    ///
    /// # Errors
    /// Those of documents that are there and cannot be read.
    pub fn matches(&self, image: &Image) -> Result<Vec<Evidence>> {
        let catalogue = self.catalogue()?;
        let mut evidence = Vec::new();
        for (_, entry) in catalogue.prefixes(&ChainId::of(&image.config.diff_ids)) {
            let (Some(top), Some(manifest)) = (entry.top(), entry.manifest()) else { continue };
            if manifest.digest == image.descriptor.digest {
                continue;
            }
            let same_platform = match (entry.platform.as_deref(), image.platform()) {
                (Some(own), Some(other)) => own.matches(other),
                _ => true,
            };
            if !same_platform {
                continue;
            }
            let Tree::Image(base) = load(&entry.source, manifest, &self.limits)? else { continue };
            if usize::try_from(entry.layers) == Ok(image.manifest.layers.len()) && !crate::plan::base::adds_settings_only(image, &base) {
                continue;
            }
            let candidate = Candidate { image: *base, reference: entry.shown(), names: entry.names(), top: top.digest.clone() };
            let (name, digest) = (entry.names().into_iter().next(), Some(manifest.digest.clone()));
            evidence.push(Evidence { clue: Clue::Catalogue, name, digest, verdict: judge(image, candidate, false) });
        }
        Ok(evidence)
    }

    /// The local image that shares the most of the lowest layers, for a refusal: its reference, and how many of how many.
    ///
    /// # Errors
    /// Those of documents that are there and cannot be read.
    pub fn nearest(&self, image: &Image) -> Result<Option<(String, usize, usize)>> {
        let found = self.catalogue()?.nearest(&ChainId::of(&image.config.diff_ids), &image.descriptor.digest);
        Ok(found.map(|(matched, entry)| (entry.shown(), matched, usize::try_from(entry.layers).unwrap_or(usize::MAX))))
    }
}

/// What a name or a digest led to.
type Found = Option<Arc<(Located, Tree)>>;

/// How many trees are kept. Bases are few; where every image names another one, keeping them all would cost more than it saves.
const KEPT: usize = 1024;

/// Keeps `found` under `key`, unless there is too much already.
fn keep<K: std::hash::Hash + Eq>(kept: &Mutex<HashMap<K, Found>>, key: K, found: &Found) {
    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    if kept.len() < KEPT {
        kept.insert(key, found.clone());
    }
}

/// Where the entries of all `index.json` stand: the number of the source, and the position in its index, found by the hash of a digest
/// or of a name. What is found is compared; only room is saved by the hash.
#[derive(Debug, Default)]
struct Listed {
    by_digest: Vec<(u64, u32, u32)>,
    by_name: Vec<(u64, u32, u32)>,
}

impl Listed {
    fn of<'a>(sources: impl Iterator<Item = &'a Arc<Source>>) -> Self {
        let mut listed = Self::default();
        for (number, source) in (0..).zip(sources) {
            for (position, entry) in (0..).zip(&source.index.manifests) {
                listed.by_digest.push((hash(&entry.digest), number, position));
                listed.by_name.extend(entry.full_name().map(|name| (hash(&name), number, position)));
            }
        }
        listed.by_digest.sort_unstable();
        listed.by_name.sort_unstable();
        listed
    }

    fn with_digest(&self, digest: &Digest) -> impl Iterator<Item = (usize, usize)> {
        places(&self.by_digest, hash(digest))
    }

    fn with_name(&self, name: &Name<'_>) -> impl Iterator<Item = (usize, usize)> {
        places(&self.by_name, hash(name))
    }
}

/// The same on every machine, though nothing depends on that.
fn hash<T: std::hash::Hash + ?Sized>(value: &T) -> u64 {
    use std::hash::Hasher as _;
    let mut hasher = std::hash::DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

fn places(sorted: &[(u64, u32, u32)], wanted: u64) -> impl Iterator<Item = (usize, usize)> {
    let start = sorted.partition_point(|(hash, ..)| *hash < wanted);
    let found = sorted.get(start..).unwrap_or_default().iter().take_while(move |(hash, ..)| *hash == wanted);
    found.filter_map(|(_, number, position)| Some((usize::try_from(*number).ok()?, usize::try_from(*position).ok()?)))
}

/// What became of looking for the base's name.
#[derive(Debug)]
pub enum Followed {
    /// It means this image now.
    Found {
        /// The name.
        name: String,
        /// What it means.
        located: Box<Located>,
        /// What hangs below it.
        tree: Box<Tree>,
    },
    /// No local image has this name.
    NotHere(String),
    /// There is no name to look for.
    NoName,
}

/// The image of a tree that runs where `image` runs.
pub(super) fn candidate(image: &Image, located: &Located, tree: &Tree) -> Option<Candidate> {
    let same = |other: &&Image| match (image.platform(), other.platform()) {
        (Some(own), Some(other)) => own.matches(other),
        _ => true,
    };
    let found = tree.images().into_iter().find(same)?;
    Some(Candidate {
        image: found.clone(),
        reference: located.shown(),
        names: located.name.as_deref().or_else(|| located.descriptor.name()).map(str::to_owned).into_iter().collect(),
        top: tree.descriptor().digest.clone(),
    })
}

pub(super) fn shown_platform(image: &Image) -> String {
    image.platform().map_or_else(|| "its platform".to_owned(), Platform::to_string)
}
