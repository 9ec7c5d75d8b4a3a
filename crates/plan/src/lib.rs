//! What airbase decides, as values. `airbase` hands it on, so programs name that crate alone.
//!
//! ```text
//! plan     decisions: which base, which layers, which config, which referrers, whether it still runs
//! ```
//!
//! It reads images and writes nothing; it does not know who reports a decision or carries it out. Most of the code is here, and a crate of
//! its own is compiled beside what is built on it, and once for all features of that.

pub mod plan;

use airbase_format::{format, foundation, oci};
use airbase_store::read;
