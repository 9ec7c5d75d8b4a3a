//! airbase
#[cfg(feature = "cli")]
pub mod cli;
pub mod core;
pub mod format;
pub mod oci;
pub mod plan;
pub mod read;
pub mod report;
pub mod verbs;
pub mod write;
