//! The integration tests: one binary, a module per verb, and what they share in `support`.
//!
//! Expectations come from the specification, from other programs, or were worked out by hand; images are made by
//! `support::image`, which shares no code with the library.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    unreachable_pub,
    reason = "tests stop at the first surprise, and prepare files themselves"
)]

mod architecture;
mod base;
mod bases;
mod batch;
mod collection;
mod compressed;
mod concurrency;
mod contract;
mod conversions;
mod crowd;
mod deep;
mod demo;
mod determinism;
mod diff;
mod docker_archive;
mod emptiness;
mod evidence;
mod examples;
mod faults;
mod forms;
mod fsck;
mod growth;
mod hostile;
mod index;
mod lifecycle;
mod limits;
mod look;
mod manners;
mod merge;
mod names;
mod names_model;
mod offline;
mod older_kernels;
mod pages;
mod partial;
mod passed_over;
mod platforms;
mod prefixes;
mod prepare;
mod promises;
mod real;
mod rebase;
mod rebuild;
mod references;
mod referrers;
mod room;
mod schemas;
mod shapes;
mod site;
mod skopeo;
mod sparse;
mod support;
mod unknown;
mod verdict;
mod views;
mod why;
mod writing;
