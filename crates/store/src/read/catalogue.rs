//! All images known locally, indexed by what their layers inflate to.
//!
//! The chain ID of a stack of layers is the digest of the diffIDs from the bottom up (image-spec, config.md, "Layer
//! ChainID"): two images with the same chain ID have the same file system, however their layers are compressed. Looking up
//! the chain ID of an image at every depth finds every local image that it is based on, without any annotation.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::sync::Arc;

use super::resolve::inner_indexes;
use super::{Image, Located, Source, Tree, is_alone, is_candidate, load};
use crate::foundation::{Code, Digest, Finding, Limits, Result, effort, workers};
use crate::oci::{Descriptor, HistoryStep, Platforms, SharedPlatform};

/// The identity of a stack of layers.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChainId(Digest);

impl ChainId {
    /// The chain IDs of a stack at every depth: the first is that of the lowest layer alone.
    pub fn of(diff_ids: &[Digest]) -> Vec<Self> {
        let mut chain: Vec<Self> = Vec::with_capacity(diff_ids.len());
        for diff_id in diff_ids {
            let next = match chain.last() {
                None => diff_id.clone(),
                Some(below) => Digest::sha256(format!("{} {diff_id}", below.0).as_bytes()),
            };
            chain.push(Self(next));
        }
        chain
    }

    /// The first sixteen digits as a number.
    fn beginning(&self) -> u64 {
        self.0.beginning()
    }
}

impl fmt::Debug for ChainId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// One image of one platform in the catalogue. It holds no documents; they are read again when they are needed. A layout may have
/// hundreds of thousands of images, so what its index holds is not held twice.
#[derive(Debug, Clone)]
pub struct CatalogueEntry {
    /// Where it is.
    pub source: Arc<Source>,
    /// What it runs on.
    pub platform: Option<SharedPlatform>,
    /// How many layers it has.
    pub layers: u32,
    top: Top,
    /// The manifest, if the entry is an index.
    child: Option<Box<Descriptor>>,
}

/// The entry of `index.json` that an image belongs to.
#[derive(Debug, Clone)]
enum Top {
    /// By its position there.
    Listed(u32),
    /// It was named by its digest; and the name by which it was found. Most are listed.
    Named(Box<(Descriptor, Option<String>)>),
}

impl CatalogueEntry {
    /// The entry of `index.json`: an index, or the manifest itself. `None` cannot be.
    pub fn top(&self) -> Option<&Descriptor> {
        match &self.top {
            Top::Listed(position) => self.source.index.manifests.get(usize::try_from(*position).ok()?),
            Top::Named(named) => Some(&named.0),
        }
    }

    /// The manifest.
    pub fn manifest(&self) -> Option<&Descriptor> {
        self.child.as_deref().or_else(|| self.top())
    }

    /// The names of the entry.
    pub fn names(&self) -> Vec<String> {
        match &self.top {
            Top::Listed(_) => self.top().and_then(Descriptor::name).map(str::to_owned).into_iter().collect(),
            Top::Named(named) => named.1.iter().cloned().collect(),
        }
    }

    /// The reference for users.
    pub fn shown(&self) -> String {
        let descriptor = self.top().cloned();
        let name = self.names().into_iter().next();
        descriptor.map_or_else(String::new, |descriptor| Located { source: Arc::clone(&self.source), descriptor, name }.shown())
    }
}

/// The histories of an image at every depth, as numbers: equal histories have equal ones.
fn histories(image: &Image) -> Vec<u64> {
    let mut hasher = DefaultHasher::new();
    let step = |step: HistoryStep| {
        step.hash(&mut hasher);
        hasher.finish()
    };
    image.config.steps().into_iter().map(step).collect()
}

/// The number of a history in which nothing is.
const NO_HISTORY: u64 = 0;

/// The whole history of an image as a number.
fn last_history(image: &Image) -> u64 {
    histories(image).last().copied().unwrap_or(NO_HISTORY)
}

/// The numbers of the entries that have something in common. Most have nothing in common with others.
#[derive(Debug, Default)]
struct Numbers {
    first: HashMap<u64, u32>,
    more: HashMap<u64, Vec<u32>>,
}

impl Numbers {
    fn add(&mut self, key: u64, number: u32) {
        if *self.first.entry(key).or_insert(number) != number {
            self.more.entry(key).or_default().push(number);
        }
    }

    fn of(&self, key: u64) -> impl Iterator<Item = u32> {
        self.first.get(&key).into_iter().chain(self.more.get(&key).into_iter().flatten()).copied()
    }
}

/// How many images are in memory at once while the catalogue is made.
const READ_AT_ONCE: usize = 256;

/// The catalogue.
#[derive(Debug, Default)]
pub struct Catalogue {
    entries: Vec<CatalogueEntry>,
    /// By the beginning of the chain ID: whoever is found is compared layer by layer anyway.
    by_chain: Numbers,
    /// By the beginning of the chain ID and the history: of many images with the same layers few may be the base of one.
    by_history: Numbers,
    platforms: Platforms,
    /// For every stack of lowest layers of any image, the first two images that have it; the key is the beginning of its chain ID.
    by_prefix: HashMap<u64, (u32, Option<u32>)>,
    sources: Vec<Arc<Source>>,
    /// What could not be read, and is therefore not in the catalogue.
    pub findings: Vec<Finding>,
}

impl Catalogue {
    /// Adds all images of a source; with `only`, just that one.
    ///
    /// # Errors
    /// Only if `only` cannot be read; of a whole source, what cannot be read is a finding.
    pub fn add(&mut self, source: &Arc<Source>, only: Option<&Located>, limits: &Limits) -> Result<()> {
        if let Some(located) = only {
            self.sources.push(Arc::clone(source));
            let tree = load(source, &located.descriptor, limits)?;
            self.insert(&tree, &Top::Named(Box::new((located.descriptor.clone(), located.name.clone()))));
            return Ok(());
        }
        self.add_all(source, 1, limits)
    }

    /// Adds all images of a source, reading them on `jobs` threads.
    ///
    /// # Errors
    /// `bug` if a thread panicked; what cannot be read is a finding.
    pub fn add_all(&mut self, source: &Arc<Source>, jobs: usize, limits: &Limits) -> Result<()> {
        self.sources.push(Arc::clone(source));
        let inner = inner_indexes(source, limits)?;
        // What has a type that is not known here has no layers that could be compared; who asks for its name is told.
        let is_read = |entry: &Descriptor| is_candidate(entry) && (entry.is_index() || entry.is_manifest());
        let is_own = |entry: &Descriptor| is_read(entry) && (entry.name().is_some() || !inner.contains(&entry.digest));
        let all = || (0_u32..).zip(&source.index.manifests).filter(|(_, entry)| is_own(entry));
        let (first, begin): (Vec<_>, usize) = (all().filter(|(_, entry)| !is_alone(entry)).collect(), self.entries.len());
        self.read(source, &first, jobs, limits)?;
        let alone: Vec<_> = all().filter(|(_, entry)| is_alone(entry)).collect();
        if alone.is_empty() {
            return Ok(());
        }
        // A platform with referrers has an entry of its own beside its index.
        let met: HashSet<&Digest> = self
            .entries
            .iter()
            .skip(begin)
            .flat_map(|entry| [entry.top(), entry.manifest()])
            .flatten()
            .map(|known| &known.digest)
            .collect();
        let alone: Vec<_> = alone.into_iter().filter(|(_, entry)| !met.contains(&entry.digest)).collect();
        drop(met);
        self.read(source, &alone, jobs, limits)
    }

    fn read(&mut self, source: &Arc<Source>, entries: &[(u32, &Descriptor)], jobs: usize, limits: &Limits) -> Result<()> {
        // Trees are large, so only some are in memory at once.
        for entries in entries.chunks(READ_AT_ONCE) {
            let read = workers::run(jobs, entries.len(), |number, _| {
                Ok(entries.get(number).map(|(position, entry)| (*position, *entry, load(source, entry, limits))))
            })?;
            for (position, entry, tree) in read.into_iter().flatten() {
                match tree {
                    Ok(tree) => self.insert(&tree, &Top::Listed(position)),
                    Err(error) if error.code() == Code::BlobMissing => {
                        self.findings.push(error.into_finding().severity(crate::foundation::Severity::Warning));
                    }
                    Err(error) => self.findings.push(error.at(format!("{}@{}", source.shown(), entry.digest)).into()),
                }
            }
        }
        Ok(())
    }

    fn insert(&mut self, tree: &Tree, top: &Top) {
        for image in tree.images() {
            if image.manifest.layers.len() != image.config.diff_ids.len() {
                self.findings.extend(image.contradictions());
                continue;
            }
            let Ok(number) = u32::try_from(self.entries.len()) else { return };
            let chain = ChainId::of(&image.config.diff_ids);
            for id in &chain {
                let known = self.by_prefix.entry(id.beginning()).or_insert((number, None));
                if known.0 != number && known.1.is_none() {
                    known.1 = Some(number);
                }
            }
            if let Some(id) = chain.last().map(ChainId::beginning) {
                self.by_chain.add(id, number);
                self.by_history.add(id ^ last_history(image), number);
            }
            let same = tree.descriptor().digest == image.descriptor.digest;
            let platform = image.platform().map(|platform| self.platforms.shared(platform));
            self.entries.push(CatalogueEntry {
                source: Arc::clone(&image.source),
                platform,
                layers: u32::try_from(image.manifest.layers.len()).unwrap_or(u32::MAX),
                top: top.clone(),
                child: (!same).then(|| Box::new(image.descriptor.clone())),
            });
        }
    }

    /// All entries.
    pub fn entries(&self) -> &[CatalogueEntry] {
        &self.entries
    }

    /// The sources that were added.
    pub fn sources(&self) -> &[Arc<Source>] {
        &self.sources
    }

    /// Entries whose whole stack of layers is the lowest layers of `image`, and how many, deepest first. Of those that have all its layers
    /// only those are given whose history that of the image goes on from: no others can be its base, and each of thousands of images may
    /// have the same layers.
    pub fn prefixes<'a>(&'a self, image: &Image) -> Vec<(usize, &'a CatalogueEntry)> {
        let mut found = Vec::new();
        for (position, id) in ChainId::of(&image.config.diff_ids).iter().enumerate().rev() {
            let (depth, id) = (position + 1, id.beginning());
            let mut numbers: Vec<u32> = if depth == image.manifest.layers.len() {
                let histories = histories(image);
                let shorter = histories.split_last().map_or(&[][..], |(_, shorter)| shorter);
                shorter.iter().flat_map(|history| self.by_history.of(id ^ history)).collect()
            } else {
                self.by_chain.of(id).collect()
            };
            numbers.sort_unstable();
            effort::entries(numbers.len());
            let entries = numbers.into_iter().filter_map(|number| self.entries.get(usize::try_from(number).ok()?));
            found.extend(entries.filter(|entry| usize::try_from(entry.layers) == Ok(depth)).map(|entry| (depth, entry)));
        }
        found
    }

    /// Entries that have the layers and the history of `image`, whatever their manifests are: among them is every one with its config.
    pub fn alike<'a>(&'a self, image: &Image) -> Vec<&'a CatalogueEntry> {
        let chain = ChainId::of(&image.config.diff_ids);
        let Some(id) = chain.last().map(ChainId::beginning) else { return Vec::new() };
        self.whole(self.by_history.of(id ^ last_history(image)), chain.len())
    }

    /// Entries that have the layers of `image`, where the one or the other has no history: nobody can tell whether one is based on the other.
    pub fn untold<'a>(&'a self, image: &Image) -> Vec<&'a CatalogueEntry> {
        let chain = ChainId::of(&image.config.diff_ids);
        let Some(id) = chain.last().map(ChainId::beginning) else { return Vec::new() };
        if last_history(image) == NO_HISTORY {
            self.whole(self.by_chain.of(id), chain.len())
        } else {
            self.whole(self.by_history.of(id ^ NO_HISTORY), chain.len())
        }
    }

    /// The entries of these numbers that have so many layers.
    fn whole(&self, numbers: impl Iterator<Item = u32>, layers: usize) -> Vec<&CatalogueEntry> {
        let entries = numbers.filter_map(|number| self.entries.get(usize::try_from(number).ok()?));
        let entries: Vec<_> = entries.filter(|entry| usize::try_from(entry.layers) == Ok(layers)).collect();
        effort::entries(entries.len());
        entries
    }

    /// An entry that shares the most of the lowest layers with the image of this chain, and how many; the image `own` is none. For
    /// users: nothing is decided by it.
    pub fn nearest<'a>(&'a self, chain: &[ChainId], own: &Digest) -> Option<(usize, &'a CatalogueEntry)> {
        chain.iter().enumerate().rev().find_map(|(position, id)| {
            let (first, second) = self.by_prefix.get(&id.beginning())?;
            let entries = [Some(*first), *second].into_iter().flatten();
            let other = entries
                .filter_map(|number| self.entries.get(usize::try_from(number).ok()?))
                .find(|entry| entry.manifest().is_some_and(|manifest| manifest.digest != *own));
            other.map(|entry| (position + 1, entry))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chain_ids_are_folded_from_the_bottom() {
        let diff_ids: Vec<Digest> = [b"one", b"two"].iter().map(|bytes| Digest::sha256(*bytes)).collect();
        let chain = ChainId::of(&diff_ids);
        assert_eq!(chain[0].0, diff_ids[0]);
        // printf 'sha256:%s sha256:%s' $(printf one|sha256sum|cut -c-64) $(printf two|sha256sum|cut -c-64) | sha256sum
        assert_eq!(chain[1].0.to_string(), "sha256:ee90d7132b9e9a049b7b0a88db345ca31fb5e8a74a5ee57210478a9a2522d499");
    }
}
