//! What the tests share.

pub mod environment;
pub mod image;
pub mod real;
pub mod story;

pub use environment::Environment;
pub use image::{Image, Layout, layer};
