//! Writes xz as far as a fuzzer does not get by itself: headers and checks that are right.

#[path = "../../tests/it/support/xz.rs"]
mod writer;

/// Whether `bytes` begin as xz does.
pub fn is_xz(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\xfd7zXZ\0")
}

/// The beginning of a stream with a dictionary of 1 MiB, then `chunks` as the chunks of its first block, and perhaps their end mark.
pub fn block(chunks: &[u8], ends: bool) -> Vec<u8> {
    let mut out = writer::start(writer::CRC32, 16);
    out.extend_from_slice(chunks);
    out.resize(out.len() + if ends { 8 } else { 0 }, 0);
    out
}

/// A whole stream around `content`, which is not compressed.
pub fn stored(content: &[u8]) -> Vec<u8> {
    writer::stream(content, writer::CRC32, 16)
}
