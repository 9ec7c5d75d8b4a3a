//! Where names and digests are in the indexes of all sources.

use std::sync::Arc;

use crate::foundation::Digest;
use crate::oci::Name;
use crate::read::Source;

/// Where the entries of all `index.json` stand: the number of the source, and the position in its index, found by the hash of a digest
/// or of a name. What is found is compared; only room is saved by the hash.
#[derive(Debug, Default)]
pub(super) struct Listed {
    by_digest: Vec<(u64, u32, u32)>,
    by_name: Vec<(u64, u32, u32)>,
}

impl Listed {
    pub(super) fn of<'a>(sources: impl Iterator<Item = &'a Arc<Source>>) -> Self {
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

    pub(super) fn with_digest(&self, digest: &Digest) -> impl Iterator<Item = (usize, usize)> {
        places(&self.by_digest, hash(digest))
    }

    pub(super) fn with_name(&self, name: &Name<'_>) -> impl Iterator<Item = (usize, usize)> {
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
