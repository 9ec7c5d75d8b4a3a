//! What the tests share.

#![allow(unreachable_pub)]
pub mod environment;
pub mod image;
pub mod real;

pub use environment::{Environment, Outcome};
pub use image::{Image, Layout, layer};
