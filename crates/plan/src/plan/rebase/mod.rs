//! The documents of a rebased image: the config merged three ways, its history, annotations and date.
//!
//! Which layers the result has is decided before any of this runs, and nothing here changes it.

pub mod annotations;
pub mod config;
pub mod created;
pub mod decision;
pub mod history;
pub mod image;
pub mod instructions;
pub mod preference;
mod rule;
mod triggers;

pub use decision::{Decision, Kind};
pub use preference::{Preferences, Side};
