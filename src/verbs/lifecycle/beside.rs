//! What indexes list beside their platforms, and what that refers to.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::strange::of_type;
use super::subject::OwnWords;
use crate::foundation::{Code, Digest, Fact, Finding, Severity};
use crate::oci::{Descriptor, Index, artifact, collection};
use crate::plan::lifecycle::convention::Conventions;
use crate::plan::lifecycle::declared::{Declared, Places, declared};
use crate::read::referrers::{Lookup, Referrer};
use crate::read::{Source, each_index};
use crate::verbs::Context;

/// What the indexes of a source list beside their platforms and that refers to one of them or to the index, as attestations do.
#[derive(Debug, Default)]
pub(super) struct Beside {
    /// What indexes say of their own life, and entries of what they lead to, by what is below.
    pub(super) words: HashMap<Digest, Vec<OwnWords>>,
    pub(super) by_subject: HashMap<Digest, Vec<Referrer>>,
    /// What cannot be read, by what is below its index: it may be a statement on any of that.
    pub(super) unread: HashMap<Digest, Vec<Finding>>,
    /// Indexes that the system could not read: what they list may be a statement on any image here.
    pub(super) trouble: Vec<Finding>,
}

/// What is said in one entry of `index.json` and in the indexes below it.
#[derive(Default)]
struct Spoken {
    children: HashMap<Digest, Vec<Digest>>,
    /// With what each of them is said of: all of it, and what is below that.
    words: Vec<(OwnWords, Vec<Digest>)>,
}

impl Spoken {
    /// An entry in `place`, which is an index, or the top itself.
    fn entry(&mut self, place: &Digest, entry: &Descriptor, conventions: &Conventions) {
        let words = in_entry(entry, conventions);
        if words.says_of_below() {
            self.words.push(((place.clone(), words), vec![entry.digest.clone()]));
        }
    }

    fn index(&mut self, digest: &Digest, index: &Index, conventions: &Conventions) {
        let children: Vec<Digest> = index.manifests.iter().map(|child| child.digest.clone()).collect();
        let own = declared(Places { index: Some(&index.annotations), ..Places::default() }, None, conventions);
        if own.says_of_below() {
            self.words.push(((digest.clone(), own), children.clone()));
        }
        index.manifests.iter().for_each(|child| self.entry(digest, child, conventions));
        self.children.insert(digest.clone(), children);
    }

    fn hand_down(self, all: &mut HashMap<Digest, Vec<OwnWords>>) {
        for (words, mut ahead) in self.words {
            let mut seen = HashSet::new();
            while let Some(digest) = ahead.pop() {
                if seen.insert(digest.clone()) {
                    ahead.extend(self.children.get(&digest).into_iter().flatten().cloned());
                    all.entry(digest).or_default().push(words.clone());
                }
            }
        }
    }
}

/// What the annotations of an entry say of the life of what it leads to.
pub(super) fn in_entry(entry: &Descriptor, conventions: &Conventions) -> Declared {
    let annotations: BTreeMap<String, String> = entry.annotations.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    declared(Places { index: Some(&annotations), ..Places::default() }, None, conventions)
}

impl Beside {
    /// Looks through every index that is listed.
    pub(super) fn everywhere(source: &Source, lookup: &Lookup<'_>, context: Context<'_>) -> Self {
        let (limits, conventions) = (context.limits, context.conventions);
        let mut beside = Self::default();
        let mut seen = HashSet::new();
        let listed = source.index.manifests.iter().filter(|entry| entry.is_index() && entry.lists_referrers_of().is_none());
        let listed = listed.filter(|entry| !entry.name().is_some_and(crate::read::referrers::is_referrer_tag));
        for entry in listed.filter(|entry| seen.insert(&entry.digest)) {
            let mut below = Vec::new();
            let mut tree = Spoken::default();
            tree.entry(&entry.digest, entry, conventions);
            let walked = each_index(source, [entry], limits, &mut |descriptor, index| {
                match index {
                    // A collection is no image.
                    Ok(index) if collection::is_collection(&index) => {}
                    Ok(index) => {
                        tree.index(&descriptor.digest, &index, conventions);
                        below.extend(index.manifests);
                    }
                    // One that is damaged or gone is reported by whoever looks at its image.
                    Err(error) => beside.trouble.extend(Some(error.into_finding().at(&descriptor.digest)).filter(Finding::is_unread)),
                }
                Ok(())
            });
            if let Err(error) = walked {
                beside.unread.entry(entry.digest.clone()).or_default().push(error.into_finding());
            }
            tree.hand_down(&mut beside.words);
            beside.take(&entry.digest, below.iter(), lookup, conventions);
        }
        beside
    }

    /// Looks through everything below one index.
    pub(super) fn take<'d>(
        &mut self,
        top: &Digest,
        below: impl Iterator<Item = &'d Descriptor> + Clone,
        lookup: &Lookup<'_>,
        conventions: &Conventions,
    ) {
        let unread: Vec<Finding> = below.clone().filter_map(|child| self.add(child, lookup, conventions)).collect();
        for digest in below.map(|child| &child.digest).chain([top]).filter(|_| !unread.is_empty()) {
            let known = self.unread.entry(digest.clone()).or_default();
            let new = Finding::new_among(known, unread.clone());
            known.extend(new);
        }
    }

    /// Adds a child of an index if it refers to anything; what of it cannot be read.
    fn add(&mut self, child: &Descriptor, lookup: &Lookup<'_>, conventions: &Conventions) -> Option<Finding> {
        if let Some(strange) = of_type(child, conventions) {
            return Some(strange);
        }
        // Platforms refer to nothing, and there may be a hundred thousand of them.
        let is_platform = child.platform.as_ref().is_some_and(|platform| !platform.is_unknown()) && !child.is_attestation();
        if (is_platform && !child.is_artifact()) || child.is_index() || !artifact::may_refer(&child.media_type) {
            return None;
        }
        match lookup.unlisted(&child.digest) {
            // What is no statement may be missing: an image is often copied without its attestations.
            Ok(None) if child.artifact_type.as_deref().is_some_and(|artifact_type| conventions.is_statement(artifact_type)) => {
                let gone = Finding::new(Code::ReferrerGone, "a statement on the life cycle is listed and is not there").at(&child.digest);
                Some(gone.found(Fact::new("nothing", child.digest.blob_path())).severity(Severity::Damage))
            }
            Ok(referrer) => {
                let subject =
                    referrer.as_ref().and_then(|referrer| referrer.artifact.subject.as_ref()).map(|subject| subject.digest.clone());
                if let (Some(referrer), Some(subject)) = (referrer, subject) {
                    self.by_subject.entry(subject).or_default().push(referrer);
                }
                None
            }
            Err(error) => Some(error.into_finding().at(&child.digest)),
        }
    }
}
