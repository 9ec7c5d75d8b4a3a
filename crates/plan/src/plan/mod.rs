//! Decisions: values in, plans and findings out.
//!
//! Nothing here opens a file, reads the time or prints. The same inputs and options give the same plan, to the byte.
//! Imports `foundation`, `format`, `oci` and the value types of `read`.

pub mod annotate;
pub mod assemble;
pub mod base;
pub mod batch;
pub mod collection;
pub mod diff;
pub mod docker;
pub mod lifecycle;
pub mod mapping;
pub mod os_release;
pub mod packages;
pub mod prepare;
pub mod rebase;
pub mod referrers;
pub mod sync;
pub mod verdict;
pub mod why;
