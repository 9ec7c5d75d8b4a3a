//! Finding many images by their references. Who asks for thousands of names of one layout would walk over its index for each.

use std::collections::BTreeSet;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash};
use std::sync::Arc;

use super::resolve::{Located, locate_in, open_among};
use super::{Reference, Source};
use crate::foundation::{Limits, Result, TypedDigest};
use crate::oci::{Descriptor, ImageName, Name};

/// How often the entries of a source are walked over before they are sorted by what they may be called.
const WALKS: usize = 4;

/// The sources that one command names, each read once.
#[derive(Debug, Default)]
pub struct Finder {
    sources: Vec<(Arc<Source>, usize, Option<Keys>)>,
}

impl Finder {
    /// What a reference means; a source that was named before is not read again.
    ///
    /// # Errors
    /// As [`super::locate`].
    pub fn locate(&mut self, reference: &Reference, limits: &Limits) -> Result<Located> {
        let known: Vec<Arc<Source>> = self.sources().cloned().collect();
        let source = open_among(reference, &known, limits)?;
        let position = known.iter().position(|known| Arc::ptr_eq(known, &source)).unwrap_or_else(|| {
            self.sources.push((Arc::clone(&source), 0, None));
            known.len()
        });
        let Some((_, asked, keys)) = self.sources.get_mut(position) else { return locate_in(&source, reference, None, limits) };
        *asked += 1;
        if *asked > WALKS && keys.is_none() {
            *keys = Some(Keys::of(&source));
        }
        let some = keys.as_ref().and_then(|keys| keys.candidates(&source, reference));
        locate_in(&source, reference, some.as_deref(), limits)
    }

    /// What was named, in the order in which it was.
    pub fn sources(&self) -> impl Iterator<Item = &Arc<Source>> {
        self.sources.iter().map(|(source, ..)| source)
    }
}

/// The positions of entries by whatever a reference may call them. Two keys of one hash do no harm: which of the candidates is meant is
/// decided as it is among all.
#[derive(Debug)]
struct Keys {
    hasher: RandomState,
    /// Sorted, and no map: an entry has five keys or more, and most are its own.
    positions: Vec<(u64, u32)>,
}

impl Keys {
    fn of(source: &Source) -> Self {
        let mut keys = Self { hasher: RandomState::new(), positions: Vec::new() };
        for (position, entry) in (0..).zip(&source.index.manifests) {
            keys.add(&entry.digest, position);
            let Some(full) = entry.full_name() else { continue };
            for name in [Some(full.as_str()), entry.name(), entry.ref_name()].into_iter().flatten() {
                keys.add(name, position);
                let ends = name.match_indices('/').filter_map(|(slash, _)| name.get(slash + 1..));
                for key in ends.chain(ImageName::parse(name).tag) {
                    keys.add(key, position);
                }
            }
        }
        keys.positions.sort_unstable();
        keys.positions.dedup();
        keys.positions.shrink_to_fit();
        keys
    }

    fn add(&mut self, key: impl Hash, position: u32) {
        let new = (self.hasher.hash_one(key), position);
        // Full name and name are mostly the same.
        let mut own = self.positions.iter().rev().take_while(|(_, known)| *known == position);
        if !own.any(|known| *known == new) {
            self.positions.push(new);
        }
    }

    /// The entries that the reference may mean, in their order, and perhaps some more; `None` if they cannot be told by it.
    fn candidates<'a>(&self, source: &'a Source, reference: &Reference) -> Option<Vec<&'a Descriptor>> {
        let mut found = BTreeSet::new();
        let mut look = |key: u64| {
            let start = self.positions.partition_point(|(known, _)| *known < key);
            let of_key = self.positions.iter().skip(start).take_while(|(known, _)| *known == key);
            found.extend(of_key.map(|(_, position)| *position));
        };
        match &reference.digest {
            Some(TypedDigest::Whole(digest)) => look(self.hasher.hash_one(digest)),
            Some(_) => return None,
            None => {}
        }
        if let Some(name) = &reference.name {
            look(self.hasher.hash_one(name.as_str()));
            look(self.hasher.hash_one(Name::parse(name).as_str()));
            look(self.hasher.hash_one(format!("{name}:latest").as_str()));
        }
        Some(found.into_iter().filter_map(|position| source.index.manifests.get(usize::try_from(position).ok()?)).collect())
    }
}
