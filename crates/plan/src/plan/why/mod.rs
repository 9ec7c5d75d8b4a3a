//! Why a file or a package is in an image: which layer brought it, what later layers did to it, and what a move does to it.

mod cause;
mod chain;
mod file;
mod movement;
mod package;
mod state;

pub use super::packages::Owner;
pub use cause::{Cause, Reason};
pub use chain::{Chain, Layer, Origin, Part};
pub use file::{Event, FileWhy, Happened, Track};
pub use movement::{Deletion, Fate, FileMove, Move, PackageMove};
pub use package::{Brought, PackageEvent, PackageTrack, PackageWhy};
pub use state::State;
