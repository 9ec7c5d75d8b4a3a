//! Formats: bytes in, values out. No paths, no files; imports `foundation` only.

pub mod codec;
pub mod elf;
pub mod gzip;
pub mod json;
pub mod packages;
pub mod tar;
pub mod zip;
