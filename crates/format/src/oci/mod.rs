//! The documents of the image specification, read from verified bytes.
//!
//! Every type here is a view: it holds the fields that airbase decides on, and the text that it came from. Nothing is
//! written back from a view; documents are changed through `format::json::Value`, so unknown fields survive.
//! Imports `foundation` and `format`.

pub mod annotation;
pub mod artifact;
pub mod buildpacks;
pub mod collection;
mod config;
mod config_type;
pub mod cosign;
mod descriptor;
mod document;
mod index;
mod manifest;
pub mod media_type;
mod name;
mod platform;
pub mod provenance;
mod verified;

pub use artifact::Artifact;
pub use config::{Config, HistoryStep};
pub use descriptor::Descriptor;
pub use document::check_readable;
pub use index::{Entries, Index, RootIndex, no_list};
pub use manifest::Manifest;
pub use name::{ImageName, Name, is_path_component, is_tag};
pub use platform::{Platform, Platforms, SharedPlatform};
pub use verified::{Verified, digest_mismatch, size_mismatch};
