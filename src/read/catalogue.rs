//! All images known locally, indexed by what their layers inflate to.
//!
//! The chain ID of a stack of layers is the digest of the diffIDs from the bottom up (image-spec, config.md, "Layer
//! ChainID"): two images with the same chain ID have the same file system, however their layers are compressed. Looking up
//! the chain ID of an image at every depth finds every local image that it stands on, without any annotation.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use super::{Located, Source, Tree, load};
use crate::core::{Code, Digest, Finding, Limits, Result, workers};
use crate::oci::{Descriptor, ImageName, Platform};

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
        self.0.hex().get(..16).and_then(|digits| u64::from_str_radix(digits, 16).ok()).unwrap_or(0)
    }
}

impl fmt::Debug for ChainId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// One image of one platform in the catalogue. It holds no documents; they are read again when they are needed.
#[derive(Debug, Clone)]
pub struct CatalogueEntry {
    /// Where it is.
    pub source: Arc<Source>,
    /// The names of the entry of `index.json` that it belongs to.
    pub names: Vec<String>,
    /// The entry of `index.json`: an index, or the manifest itself.
    pub top: Descriptor,
    /// The manifest.
    pub manifest: Descriptor,
    /// What it runs on.
    pub platform: Option<Platform>,
    /// How many layers it has.
    pub layers: usize,
    /// When it was built, as written.
    pub created: Option<String>,
}

impl CatalogueEntry {
    /// The reference for people.
    pub fn shown(&self) -> String {
        Located { source: Arc::clone(&self.source), descriptor: self.top.clone(), name: self.names.first().cloned() }.shown()
    }
}

/// How many images are in memory at once while the catalogue is made.
const READ_AT_ONCE: usize = 256;

/// The catalogue.
#[derive(Debug, Default)]
pub struct Catalogue {
    entries: Vec<CatalogueEntry>,
    by_chain: HashMap<ChainId, Vec<usize>>,
    by_digest: HashMap<Digest, Vec<usize>>,
    by_name: HashMap<String, Vec<usize>>,
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
            self.insert(&tree, located.name.iter().cloned().collect());
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
        // Trees are large, so only some are in memory at once.
        let first = self.entries.len();
        let candidates: Vec<&Descriptor> = super::candidates(source).collect();
        for entries in candidates.chunks(READ_AT_ONCE) {
            let read = workers::run(jobs, entries.len(), |number, _, _| {
                Ok(entries.get(number).map(|entry| (*entry, load(source, entry, limits))))
            })?;
            for (entry, tree) in read.into_iter().flatten() {
                let here = |number: &usize| *number >= first;
                if entry.name().is_none() && self.by_digest.get(&entry.digest).is_some_and(|numbers| numbers.iter().any(here)) {
                    continue;
                }
                match tree {
                    Ok(tree) => self.insert(&tree, entry.names().map(str::to_owned).collect()),
                    Err(error) if error.code() == Code::BlobMissing => {
                        self.findings.push(error.into_finding().severity(crate::core::Severity::Warning));
                    }
                    Err(error) => self.findings.push(error.at(format!("{}@{}", source.shown(), entry.digest)).into()),
                }
            }
        }
        Ok(())
    }

    fn insert(&mut self, tree: &Tree, names: Vec<String>) {
        let top = tree.descriptor().clone();
        for image in tree.images() {
            if image.manifest.layers.len() != image.config.diff_ids.len() {
                self.findings.extend(image.contradictions());
                continue;
            }
            let number = self.entries.len();
            let mut chain = ChainId::of(&image.config.diff_ids);
            if let Ok(number) = u32::try_from(number) {
                for id in &chain {
                    let known = self.by_prefix.entry(id.beginning()).or_insert((number, None));
                    if known.0 != number && known.1.is_none() {
                        known.1 = Some(number);
                    }
                }
            }
            if let Some(chain) = chain.pop() {
                self.by_chain.entry(chain).or_default().push(number);
            }
            self.by_digest.entry(image.descriptor.digest.clone()).or_default().push(number);
            if top.digest != image.descriptor.digest {
                self.by_digest.entry(top.digest.clone()).or_default().push(number);
            }
            for name in &names {
                self.by_name.entry(name.clone()).or_default().push(number);
                if let Some(canonical) = ImageName::parse(name).canonical().filter(|canonical| canonical != name) {
                    self.by_name.entry(canonical).or_default().push(number);
                }
            }
            self.entries.push(CatalogueEntry {
                source: Arc::clone(&image.source),
                names: names.clone(),
                top: top.clone(),
                manifest: image.descriptor.clone(),
                platform: image.platform().cloned(),
                layers: image.manifest.layers.len(),
                created: image.config.created.clone(),
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

    /// Entries whose whole stack of layers is the lowest `depth` layers of the image with this chain, deepest first.
    pub fn prefixes<'a>(&'a self, chain: &[ChainId]) -> Vec<(usize, &'a CatalogueEntry)> {
        let mut found = Vec::new();
        for (position, id) in chain.iter().enumerate().rev() {
            for number in self.by_chain.get(id).into_iter().flatten() {
                found.extend(self.entries.get(*number).map(|entry| (position + 1, entry)));
            }
        }
        found
    }

    /// An entry that shares the most of the lowest layers with the image of this chain, and how many; the image `own` is none. For
    /// people: nothing is decided by it.
    pub fn nearest<'a>(&'a self, chain: &[ChainId], own: &Digest) -> Option<(usize, &'a CatalogueEntry)> {
        chain.iter().enumerate().rev().find_map(|(position, id)| {
            let (first, second) = self.by_prefix.get(&id.beginning())?;
            let entries = [Some(*first), *second].into_iter().flatten();
            let other =
                entries.filter_map(|number| self.entries.get(usize::try_from(number).ok()?)).find(|entry| entry.manifest.digest != *own);
            other.map(|entry| (position + 1, entry))
        })
    }

    /// Entries that have `digest` as their manifest or as their index.
    pub fn with_digest<'a>(&'a self, digest: &Digest) -> Vec<&'a CatalogueEntry> {
        self.by_digest.get(digest).into_iter().flatten().filter_map(|number| self.entries.get(*number)).collect()
    }

    /// Entries called `name`, in its own or in Docker's full spelling.
    pub fn with_name<'a>(&'a self, name: &str) -> Vec<&'a CatalogueEntry> {
        let canonical = ImageName::parse(name).canonical();
        let exact = self.by_name.get(name);
        let numbers = exact.or_else(|| canonical.as_ref().and_then(|canonical| self.by_name.get(canonical)));
        numbers.into_iter().flatten().filter_map(|number| self.entries.get(*number)).collect()
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
