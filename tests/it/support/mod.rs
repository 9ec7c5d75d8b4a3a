//! What the tests share.

pub mod contents;
pub mod dice;
pub mod documentation;
pub mod elf;
pub mod environment;
pub mod image;
pub mod real;
pub mod schema;
pub mod story;
pub mod xz;

pub use contents::Contents;
pub use dice::Dice;
pub use environment::{Environment, skipped};
pub use image::{Image, Layer, Layout, layer};
