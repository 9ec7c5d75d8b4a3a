//! The vocabulary that everything else speaks: digests, limits, codes, findings, errors, events, time, and the one
//! place that touches files.
//!
//! Nothing here knows a format or a document. Every other folder may import `foundation`; `foundation` imports none of them.

pub mod clock;
pub mod code;
pub mod digest;
pub mod effort;
pub mod event;
pub mod finding;
pub mod fsys;
pub mod limits;
pub mod text;
pub mod workers;

pub use code::{Code, ExitClass, Severity};
pub use digest::{Algorithm, Digest, Hasher, TypedDigest};
pub use finding::{Error, Fact, Finding, Result};
pub use limits::Limits;
