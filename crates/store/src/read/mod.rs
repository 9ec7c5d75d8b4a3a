//! Reading: sources, references, images, and the catalogue of everything local.
//!
//! A [`Source`] is a layout directory, an archive or a directory of skopeo; all answer the same two questions, "what does `index.json` say" and
//! "where do the bytes of this blob lie". A blob is a region of an open file, so nothing is unpacked and nothing large is
//! held in memory, and another kind of container is one more file here.
//!
//! What leaves this folder is verified ([`crate::oci::Verified`]) or a region that the writing side verifies while it
//! copies. Imports `foundation`, `format` and `oci`; knows nothing of plans.

mod archive;
mod catalogue;
mod directory;
mod discover;
mod docker;
mod finder;
mod graph;
mod image;
mod inflate;
pub mod layer;
mod members;
mod overlay;
pub mod provenance;
mod reference;
pub mod referrers;
mod region;
mod resolve;
pub mod rootfs;
mod skopeo;
mod source;
mod stream;
pub mod verify;
mod views;
mod xz;

pub use catalogue::{Catalogue, CatalogueEntry, ChainId};
pub use discover::{Discovered, Found, Passed, discover, discover_among, find, nothing};
pub use finder::Finder;
pub use graph::{Opaque, Walk, each_index, walk};
pub use image::{Child, Image, ImageIndex, Tree, load};
pub use overlay::Overlay;
pub use reference::{Reference, Transport};
pub use referrers::{is_fallback_tag, is_referrer_tag};
pub use resolve::{
    Located, candidates, check_transport, collections, is_alone, is_called_referrer, is_candidate, locate, locate_among, locate_entry,
    open_path, open_reference, parts,
};
pub use rootfs::Rootfs;
pub use source::{Container, Source, SourceKind, Stored, View};
