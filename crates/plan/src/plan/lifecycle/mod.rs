//! The life cycle of images: statements, what they say together, and what to write next.
//!
//! An image is immutable, so that it is outdated is said by a referrer that is attached later. Several issuers say it, several
//! times, in several conventions; here their statements are values, and what is true of the image is a function of the set of
//! them. Nothing here reads a file or the clock: `now` is an argument, so an audit can be repeated.

pub mod change;
pub mod compact;
pub mod convention;
pub mod declared;
pub mod field;
pub mod held;
pub mod import;
mod issuer;
pub mod level;
pub mod lineage;
pub mod policy;
pub mod profile;
pub mod resolve;
pub mod statement;
pub mod succession;
pub mod time;
