//! Many images onto their new bases: the plan as a file, and the pure decisions in it.
//!
//! A plan is JSON Lines: a header, one [`Item`] for each image, and an end. Everything that `apply` does is in it, so that it can run
//! on another machine, in several processes, twice, or after somebody deleted lines; `docs/batch.md` describes it.
//!
//! * [`Item`], [`document`]: the lines, written and read.
//! * [`jump`]: how far a base may jump, by the tags of its repository.
//! * [`name`]: the names of results, and globs over names.
//! * [`order`]: which item waits for which, and what waits in a circle.
//! * [`shard`]: which machine does which item.

pub mod document;
mod item;
pub mod jump;
pub mod name;
pub mod order;
pub mod shard;

pub use item::{BaseItem, Counts, End, Expected, Header, Item, ItemStatus, LayerItem, Origin, Placed, Reason, Settings};
