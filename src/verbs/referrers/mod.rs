//! Referrers: `attach`, `referrers`, `detach`, and what every verb that writes them shares.
//!
//! `revision` is asked by the writer under the lock of the index, so that two who attach to one image both get onto its list.

mod attach;
mod carry;
mod detach;
mod list;
mod revise;

pub use attach::{Attach, File, Missing, attach, standalone};
pub use carry::Carry;
pub use detach::detach;
pub use list::{Query, referrers};

pub(super) use carry::{Carried, Carrier, Unreadable};
pub(super) use revise::{asked_of, listed, revision};

use crate::oci::Descriptor;
use crate::read::{Child, ImageIndex, Tree};

/// A document that referrers may name as their subject.
#[derive(Debug, Clone)]
pub(super) struct Subject {
    /// How the layout leads to it.
    pub(super) descriptor: Descriptor,
    /// Whether an index leads to it, and not `index.json`.
    pub(super) child: bool,
}

/// The top of a tree and everything below it that runs: what one speaks of when one speaks of an image. Attestations speak of
/// their siblings, and nobody of them.
pub(super) fn subjects(tree: &Tree) -> Vec<Subject> {
    let mut subjects = vec![Subject { descriptor: tree.descriptor().clone(), child: false }];
    subjects.extend(tree.index().into_iter().flat_map(below));
    subjects
}

/// What an index leads to and that runs: images, and the indexes within it.
pub(super) fn below(index: &ImageIndex) -> Vec<Subject> {
    let runs = index.descendants().filter(|child| matches!(child, Child::Image(_) | Child::Index(_)));
    runs.map(|child| Subject { descriptor: child.descriptor().clone(), child: true }).collect()
}
