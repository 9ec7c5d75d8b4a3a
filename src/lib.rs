//! airbase
pub mod core;
pub mod format;
