//! What a look into a tree depends on, so that its result can be kept for other trees on the same ground.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::tree::{Change, Id};
use super::{Entry, Rootfs};

/// One step on the way of a path.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step<'a> {
    /// Something that is there.
    At(Id),
    /// A name that is not in a directory.
    Lacks(Id, &'a [u8]),
}

/// What was met on the way of some paths. Where all of it is as it was, they lead to the same files.
#[derive(Debug, Default)]
pub struct Footprint {
    /// What was met, and its content counts.
    read: HashSet<Id>,
    /// What was met, and its content does not count.
    passed: HashSet<Id>,
    /// Names that directories do not have.
    lacks: BTreeMap<Id, BTreeSet<Vec<u8>>>,
    /// Directories in which everything counts.
    listed: HashSet<Id>,
}

impl Footprint {
    /// Notes the way of a path, all links followed, and the content that it leads to.
    pub fn read(&mut self, rootfs: &Rootfs, path: &[u8]) {
        let Self { read, lacks, .. } = self;
        rootfs.follow(path, true, &mut |step| note(step, read, lacks));
    }

    /// Notes the way of a path, whose last part may be a link. What a file holds does not count.
    pub fn pass(&mut self, rootfs: &Rootfs, path: &[u8]) {
        let Self { passed, lacks, .. } = self;
        rootfs.follow(path, false, &mut |step| note(step, passed, lacks));
    }

    /// Notes all that is in a directory.
    pub fn list(&mut self, directory: Entry<'_>) {
        self.listed.insert(directory.id);
    }

    fn is_met_by(&self, rootfs: &Rootfs, change: Change) -> bool {
        let (Change::Of(id) | Change::Content(id) | Change::New(id)) = change;
        let parent = rootfs.tree.parent(id);
        let met = match change {
            Change::Of(id) => self.read.contains(&id) || self.passed.contains(&id),
            Change::Content(id) => self.read.contains(&id),
            Change::New(id) => self.lacks.get(&parent).is_some_and(|names| names.contains(rootfs.tree.name(id))),
        };
        met || self.listed.contains(&parent)
    }

    /// About how many bytes of memory it takes.
    pub fn size(&self) -> usize {
        const EACH: usize = 12;
        const NAME: usize = 64;
        let numbers = self.read.len() + self.passed.len() + self.listed.len();
        numbers * EACH + self.lacks.values().map(BTreeSet::len).sum::<usize>() * NAME
    }
}

fn note(step: Step<'_>, met: &mut HashSet<Id>, lacks: &mut BTreeMap<Id, BTreeSet<Vec<u8>>>) {
    match step {
        Step::At(id) => {
            met.insert(id);
        }
        Step::Lacks(directory, name) => {
            lacks.entry(directory).or_default().insert(name.to_vec());
        }
    }
}

impl Rootfs {
    /// Whether all that was met in the ground is the same in this tree.
    pub fn keeps(&self, footprint: &Footprint) -> bool {
        self.tree.is_shared() && !self.tree.changes().any(|change| footprint.is_met_by(self, change))
    }

    /// Whether all that was met in this tree is the same in the ground.
    pub fn is_of_ground(&self, footprint: &Footprint) -> bool {
        let Footprint { read, passed, lacks, listed } = footprint;
        let lacked = |(directory, names): (&Id, &BTreeSet<Vec<u8>>)| names.iter().all(|name| self.tree.lower_lacks(*directory, name));
        listed.is_empty() && read.iter().chain(passed).all(|id| self.tree.is_lower(*id)) && lacks.iter().all(lacked)
    }
}
