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

pub(super) use carry::{Carried, Unreadable, carry, carry_as};
pub(super) use revise::{changes, listed, revision};

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
    fn below(index: &ImageIndex, subjects: &mut Vec<Subject>) {
        for child in &index.children {
            match child {
                Child::Image(image) => subjects.push(Subject { descriptor: image.descriptor.clone(), child: true }),
                Child::Index(inner) => {
                    subjects.push(Subject { descriptor: inner.descriptor.clone(), child: true });
                    below(inner, subjects);
                }
                Child::Attestation(_) | Child::Other(_) | Child::Missing(_) => {}
            }
        }
    }
    let mut subjects = vec![Subject { descriptor: tree.descriptor().clone(), child: false }];
    if let Some(index) = tree.index() {
        below(index, &mut subjects);
    }
    subjects
}
