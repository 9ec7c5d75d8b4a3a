//! The files of a tree in the order of their paths.

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
        steps.sort_unstable_by(|one, two| self.key(*two).cmp(self.key(*one)));
        steps
    }

    /// What a path goes on with in its directory.
    fn key(&self, step: Step) -> impl Iterator<Item = &u8> {
        let (id, end): (Id, &[u8]) = match step {
            Step::Itself(id) => (id, b""),
            Step::Below(id) => (id, b"/"),
        };
        self.rootfs.tree.name(id).iter().chain(end)
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
