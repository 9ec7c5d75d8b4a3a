//! The files of a tree in the order of their paths.

use std::cmp::Ordering;

use super::tree::Id;
use super::{Entry, Rootfs};
use crate::format::tar::Kind;

/// See [`Rootfs::files`]. It keeps one list for each directory on the way, and no path.
#[derive(Debug)]
pub struct Files<'a> {
    rootfs: &'a Rootfs,
    /// For each directory on the way what is left of it, the next one last.
    waiting: Vec<Vec<Step>>,
}

/// A file itself, or what is below it: `d`, `d-x` and `d/a` come in this order, so the two are apart.
#[derive(Debug, Clone, Copy)]
enum Step {
    Itself(Id),
    Below(Id),
}

impl<'a> Files<'a> {
    pub(super) fn below(rootfs: &'a Rootfs, id: Id) -> Self {
        Self { rootfs, waiting: vec![vec![Step::Below(id), Step::Itself(id)]] }
    }

    fn list(&self, directory: Id) -> Vec<Step> {
        let mut steps: Vec<Step> = Vec::new();
        for child in self.rootfs.tree.children(directory) {
            steps.push(Step::Itself(child));
            if self.rootfs.tree.of(child).kind == Kind::Directory {
                steps.push(Step::Below(child));
            }
        }
        steps.sort_unstable_by(|one, two| self.order(*two, *one));
        steps
    }

    /// The order of what their paths go on with in their directory.
    fn order(&self, one: Step, two: Step) -> Ordering {
        let ((one, one_end), (two, two_end)) = (self.key(one), self.key(two));
        let both = one.len().min(two.len());
        let (one, one_rest) = one.split_at(both);
        let (two, two_rest) = two.split_at(both);
        one.cmp(two).then_with(|| one_rest.iter().chain(one_end).cmp(two_rest.iter().chain(two_end)))
    }

    /// The name of a step, and what its path goes on with.
    fn key(&self, step: Step) -> (&[u8], &'static [u8]) {
        match step {
            Step::Itself(id) => (self.rootfs.tree.name(id), b""),
            Step::Below(id) => (self.rootfs.tree.name(id), b"/"),
        }
    }
}

impl<'a> Iterator for Files<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        while let Some(list) = self.waiting.last_mut() {
            match list.pop() {
                None => {
                    self.waiting.pop();
                }
                Some(Step::Below(directory)) => {
                    let list = self.list(directory);
                    self.waiting.push(list);
                }
                Some(Step::Itself(id)) => {
                    let entry = Entry { rootfs: self.rootfs, id };
                    if entry.is_explicit() && id != super::tree::ROOT {
                        return Some(entry);
                    }
                }
            }
        }
        None
    }
}
