//! The indexes of a source that something is said of, by what lies below them.

use std::collections::{HashMap, HashSet};

use crate::foundation::{Code, Digest, Finding, Limits};
use crate::oci::{Descriptor, Index, collection, media_type};
use crate::read::Source;
use crate::read::referrers::Lookup;

/// Which indexes lie above a digest.
#[derive(Debug, Default)]
pub(super) struct Above {
    indexes: Vec<Descriptor>,
    below: HashMap<Digest, Vec<usize>>,
    unreadable: Vec<Unreadable>,
}

/// An index that cannot be read: nobody knows what lies below it.
#[derive(Debug)]
pub(super) struct Unreadable {
    /// It and those above it that something is said of.
    pub(super) indexes: Vec<Descriptor>,
    /// Why it cannot be read.
    pub(super) finding: Finding,
}

impl Above {
    /// Looks through every index that is listed and through those that are not and that something refers to, as the entries do and
    /// what indexes list beside their platforms. Where nothing refers to anything, nothing is read.
    pub(super) fn of<'d>(source: &Source, lookup: &Lookup<'_>, beside: impl Iterator<Item = &'d Digest>, limits: &Limits) -> Self {
        let (mut digests, tags) = lookup.subjects();
        digests.extend(beside.cloned());
        let mut above = Self::default();
        if digests.is_empty() && tags.is_empty() {
            return above;
        }
        let spoken_of: HashSet<&Digest> = digests.iter().collect();
        let tags: HashSet<&str> = tags.iter().map(String::as_str).collect();
        let is_spoken_of = |digest: &Digest| spoken_of.contains(digest) || tags.contains(digest.fallback_tag().as_str());
        let mut search = Search { source, is_spoken_of: &is_spoken_of, limits, indexes: HashSet::default(), below: HashSet::default() };
        let listed = source.index.manifests.iter().filter(|entry| entry.is_index() && entry.lists_referrers_of().is_none());
        for entry in listed.filter(|entry| !entry.name().is_some_and(crate::read::referrers::is_referrer_tag)) {
            above.take(entry, &mut search);
        }
        let entries: HashSet<&Digest> = source.index.manifests.iter().map(|entry| &entry.digest).collect();
        for digest in digests.iter().filter(|digest| !entries.contains(digest)) {
            if search.indexes.contains(digest) || search.below.contains(digest) {
                continue;
            }
            let document = match source.document_by_digest(digest, limits) {
                Ok(Some(document)) => document,
                Ok(None) => continue,
                // It may be an index, and what is said of it would hold for what lies below.
                Err(error) => {
                    let indexes = vec![Descriptor::plain(media_type::OCI_INDEX, digest, 0)];
                    above.unreadable.push(Unreadable { indexes, finding: error.into_finding().at(digest) });
                    continue;
                }
            };
            let types = [media_type::OCI_INDEX, media_type::DOCKER_LIST];
            let is_index = |media_type: &&str| Index::parse(&document, media_type, limits).is_ok();
            let Some(media_type) = types.into_iter().find(is_index) else { continue };
            above.take(&Descriptor::authored(media_type, &document), &mut search);
        }
        above
    }

    /// The indexes above `digest` that something is said of.
    pub(super) fn of_digest(&self, digest: &Digest) -> Vec<&Descriptor> {
        let mut indexes: Vec<&Descriptor> =
            self.below.get(digest).into_iter().flatten().filter_map(|position| self.indexes.get(*position)).collect();
        indexes.sort_by(|one, other| one.digest.cmp(&other.digest));
        indexes.dedup_by(|one, other| one.digest == other.digest);
        indexes
    }

    /// The indexes that cannot be read, where something is said of them or of an index above them.
    pub(super) fn unreadable(&self) -> impl Iterator<Item = &Unreadable> {
        self.unreadable.iter()
    }

    fn take(&mut self, top: &Descriptor, search: &mut Search<'_>) {
        let Search { source, is_spoken_of, limits, .. } = *search;
        // The way down to an index, as positions of those of them that something is said of.
        let mut ahead: Vec<(Descriptor, Vec<usize>, usize)> = vec![(top.clone(), Vec::new(), 0)];
        let mut documents = limits.tree_documents;
        while let Some((descriptor, mut way, depth)) = ahead.pop() {
            let is_new = search.indexes.insert(descriptor.digest.clone());
            if depth > limits.graph_depth || (way.is_empty() && !is_new) || documents == 0 {
                continue;
            }
            documents -= 1;
            let index = source.document(&descriptor, limits).and_then(|blob| Index::parse(&blob, &descriptor.media_type, limits));
            let index = match index {
                Ok(index) => index,
                Err(error) => {
                    let mut indexes: Vec<Descriptor> = way.iter().filter_map(|position| self.indexes.get(*position)).cloned().collect();
                    if is_spoken_of(&descriptor.digest) {
                        indexes.push(descriptor.clone());
                    }
                    // Statements outlive the images that `rm` takes away, and an index that is gone has no platforms here.
                    if error.code() != Code::BlobMissing && !indexes.is_empty() {
                        self.unreadable.push(Unreadable { indexes, finding: error.into_finding().at(&descriptor.digest) });
                    }
                    continue;
                }
            };
            // A collection is no image of several platforms.
            if collection::is_collection(&index) {
                continue;
            }
            if is_spoken_of(&descriptor.digest) {
                way.push(self.indexes.len());
                self.indexes.push(descriptor);
            }
            for child in &index.manifests {
                if !way.is_empty() {
                    self.below.entry(child.digest.clone()).or_default().extend(&way);
                }
                if child.is_index() {
                    ahead.push((child.clone(), way.clone(), depth + 1));
                } else {
                    search.below.insert(child.digest.clone());
                }
            }
        }
    }
}

/// Where is looked, for what, and what was met.
struct Search<'s> {
    source: &'s Source,
    is_spoken_of: &'s dyn Fn(&Digest) -> bool,
    limits: &'s Limits,
    indexes: HashSet<Digest>,
    below: HashSet<Digest>,
}
