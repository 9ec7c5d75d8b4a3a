//! The integration tests: one binary, a module per verb, and what they share in `support`.
//!
//! Expectations come from the specification, from other programs, or were worked out by hand; images are made by
//! `support::image`, which shares no code with the library.

mod rebase;
mod support;
