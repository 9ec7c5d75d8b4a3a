//! The entries of `index.json` by what they may refer to. Nothing is read for it, so it proves nothing.

use std::collections::HashMap;

use super::{Scope, Tag};
use crate::foundation::Digest;
use crate::oci::{Descriptor, RootIndex, annotation, artifact};

/// The positions of entries in an index, by what they may refer to.
#[derive(Debug, Default)]
pub(in crate::read) struct Candidates {
    /// By what they say that they refer to.
    pub(super) hinted: HashMap<Digest, Vec<usize>>,
    /// By the fallback tag in their name.
    pub(super) tags: HashMap<Box<str>, Vec<usize>>,
    /// By whom they say that they list the referrers of.
    pub(super) responses: HashMap<Digest, Vec<usize>>,
    /// Entries that must be read to know.
    pub(super) unread: Vec<usize>,
}

impl Candidates {
    /// Those of an index.
    pub(in crate::read) fn of(index: &RootIndex, scope: Scope) -> Self {
        let mut candidates = Self::default();
        for (position, entry) in index.manifests.iter().enumerate() {
            if let Some(tag) = entry.name().and_then(Tag::parse) {
                match candidates.tags.get_mut(tag.tag) {
                    Some(positions) => positions.push(position),
                    None => drop(candidates.tags.insert(tag.tag.into(), vec![position])),
                }
                continue;
            }
            if !artifact::may_refer(&entry.media_type) {
                continue;
            }
            if let Some(subject) = entry.lists_referrers_of() {
                candidates.responses.entry(subject).or_default().push(position);
                continue;
            }
            if scope < Scope::Thorough
                && let Some(subject) = hint(entry)
            {
                candidates.hinted.entry(subject).or_default().push(position);
                continue;
            }
            if scope == Scope::Quick && !entry.is_artifact() && (entry.name().is_some() || entry.platform.is_some()) {
                continue;
            }
            candidates.unread.push(position);
        }
        candidates
    }
}

/// What an entry says that it refers to.
fn hint(entry: &Descriptor) -> Option<Digest> {
    entry.annotations.get(annotation::CONTAINERD_SUBJECT)?.parse().ok()
}
