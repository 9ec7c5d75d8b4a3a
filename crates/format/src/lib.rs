//! What airbase knows of bytes: the floors that every other one is built on. `airbase` hands them on, so programs name that crate alone.
//!
//! ```text
//! foundation  digests, limits, codes, findings, events, time; foundation::fsys alone touches files
//! format      strict lossless JSON, tar framing, gzip in blocks, ELF as a loader reads it: bytes in, values out
//! oci         descriptors, manifests, indexes, configs, platforms: views of verified bytes
//! ```
//!
//! Within the crate a folder imports only what is above it in this list; a test checks that.

pub mod format;
pub mod foundation;
pub mod oci;
