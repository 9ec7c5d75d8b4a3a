//! The tests of the feature `ocipkg`, a program of their own: with the feature only they are built, and not all others once more.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    unreachable_pub,
    reason = "tests stop at the first surprise, and prepare files themselves"
)]

#[path = "../it/support/mod.rs"]
#[expect(dead_code, unused_imports, reason = "it serves the other tests too")]
mod support;
mod tests;
