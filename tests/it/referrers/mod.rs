//! Referrers in a layout: written so that every client finds them, read whatever client wrote them.

mod attach;
mod copy;
mod doubt;
mod gc;
mod halves;
pub mod made;
mod nameless;
mod questions;
mod reading;
mod saved;
mod supersede;
mod vector;
