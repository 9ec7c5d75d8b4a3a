//! What the tests share.

pub mod environment;
pub mod image;
pub mod real;

pub use environment::Environment;
pub use image::{Image, Layer, Layout, layer};
