//! How referrers are written: which document, and which lists of a layout name it.
//!
//! Pure: what a layout says now goes in, what it shall say comes out. Two forms are written, because each is what some clients
//! look for and nothing else is: an entry of its own in `index.json` (oras, notation, zot), and the index under the fallback tag
//! of the subject (regctl, and every copy that regctl or oras makes). Both are derived from the manifests each time, so that
//! what another client left half done is whole again for this subject.

mod diagnosis;
mod lists;
mod manifest;

pub use diagnosis::{Seen, Standing, diagnose, is_mended, is_of_lists, seen};
pub use lists::{Item, Listing, Lists, OF_ENTRIES, ReferrerChange, Rules, lists};
pub use manifest::{Content, EMPTY, NewReferrer, manifest};
