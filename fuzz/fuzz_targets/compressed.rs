//! The decompression front: what is read from a stream in pieces is what a decompressor gives for the whole.
//!
//! Half of the input says how the other half is cut, compressed and damaged.
#![no_main]

use std::io::Read as _;

use airbase::format::json::Document;
use airbase::format::tar::Member;
use airbase::foundation::event::Silent;
use airbase::foundation::fsys::Region;
use airbase::foundation::{Algorithm, Code, Digest, Limits};
use airbase::oci::Descriptor;
use airbase::oci::media_type::{OCI_LAYER, OCI_LAYER_GZIP, OCI_LAYER_ZSTD};
use airbase::read::layer;
use airbase_fuzz::{MemoryFile, View, gzip, is_compressed, is_zstd, repair, view, zstd};
use libfuzzer_sys::fuzz_target;

const LIMITS: Limits = Limits { layer_bytes: 1 << 20, zstd_window_log: 20, ..Limits::STANDARD };

fuzz_target!(|data: &[u8]| {
    let Some((&count, rest)) = data.split_first() else { return };
    let (steps, content) = rest.split_at((usize::from(count % 16) * 2).min(rest.len()));
    let mut content = content.to_vec();
    if count & 0x10 == 0 {
        repair(&mut content);
    }
    let blob = blob(steps, &content);
    if blob.starts_with(b"\x1f\x8b") {
        examine(&blob, OCI_LAYER_GZIP, inflated_gzip(&blob));
    } else if is_zstd(&blob) {
        examine(&blob, OCI_LAYER_ZSTD, inflated_zstd(&blob));
    } else {
        examine(&blob, OCI_LAYER, Some(blob.clone()));
    }
});

/// Builds the compressed bytes: each step is a kind and a length.
fn blob(steps: &[u8], mut content: &[u8]) -> Vec<u8> {
    let mut blob = Vec::new();
    for step in steps.chunks_exact(2) {
        let length = (usize::from(step[1]) * 32).min(content.len());
        let (chunk, rest) = content.split_at(if step[1] == 255 { content.len() } else { length });
        if step[0] % 8 < 5 {
            content = rest;
        }
        match step[0] % 8 {
            0 => blob.extend(gzip(chunk)),
            1 => blob.extend(zstd(chunk)),
            2 => blob.extend(skippable(chunk)),
            3 => blob.extend(with_header_fields(chunk, step[0])),
            4 => blob.extend_from_slice(chunk),
            5 => blob.resize(blob.len() + usize::from(step[1]), 0),
            6 => blob.truncate(blob.len().saturating_sub(usize::from(step[1]))),
            _ => {
                let at = usize::from(step[1]) * blob.len() / 256;
                if let Some(byte) = blob.get_mut(at) {
                    *byte ^= 1 << (step[0] >> 5);
                }
            }
        }
    }
    blob
}

/// A zstd frame that decompressors pass over.
fn skippable(content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).expect("a short chunk");
    [&[0x50, 0x2a, 0x4d, 0x18], &length.to_le_bytes()[..], content].concat()
}

/// A gzip member with the optional fields of its header (RFC 1952, section 2.3).
fn with_header_fields(content: &[u8], which: u8) -> Vec<u8> {
    let mut builder = flate2::GzBuilder::new();
    if which & 8 != 0 {
        builder = builder.filename("a name").extra(*b"ab\x02\0xy");
    }
    if which & 16 != 0 {
        builder = builder.comment("a comment");
    }
    let mut member = Vec::new();
    builder.read(content, flate2::Compression::none()).read_to_end(&mut member).expect("memory");
    member
}

/// What one reading of the whole gives: members follow each other as long as something looks like one, and the rest is left.
fn inflated_gzip(mut blob: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    loop {
        let mut decoder = flate2::bufread::GzDecoder::new(blob);
        decoder.by_ref().take(LIMITS.layer_bytes + 1).read_to_end(&mut out).ok()?;
        if out.len() as u64 > LIMITS.layer_bytes {
            return None;
        }
        blob = decoder.into_inner();
        if blob.first() != Some(&0x1f) {
            return Some(out);
        }
    }
}

fn inflated_zstd(blob: &[u8]) -> Option<Vec<u8>> {
    let mut decoder = zstd::Decoder::with_buffer(blob).ok()?;
    decoder.window_log_max(LIMITS.zstd_window_log).ok()?;
    let mut out = Vec::new();
    decoder.take(LIMITS.layer_bytes + 1).read_to_end(&mut out).ok()?;
    (out.len() as u64 <= LIMITS.layer_bytes).then_some(out)
}

fn decompressed(blob: &[u8]) -> std::io::Result<Vec<u8>> {
    zstd::bulk::decompress(blob, usize::try_from(LIMITS.layer_bytes).expect("a small limit"))
}

fn examine(blob: &[u8], media_type: &str, expected: Option<Vec<u8>>) {
    let digest = Digest::sha256(blob);
    let text = format!(r#"{{"mediaType":"{media_type}","digest":"{digest}","size":{}}}"#, blob.len());
    let root = Document::parse(text.as_bytes(), &LIMITS).expect("a descriptor").root();
    let descriptor = Descriptor::parse(root, &LIMITS).expect("a descriptor");
    let mut members = 0;
    for visited in [false, true] {
        let mut count = |_: u32, _: &Member, _: &mut dyn std::io::Read| {
            members += 1;
            Ok(())
        };
        let visit: Option<layer::Visit<'_>> = if visited { Some(&mut count) } else { None };
        let region = Region::memory(blob.into());
        let seen = layer::examine(region, &descriptor, Algorithm::Sha256, visit, &LIMITS, &Silent).expect("what is wrong is in the result");
        assert_eq!(seen.blob, digest, "another blob was hashed");
        match (&seen.content, &expected) {
            (Ok(content), Some(expected)) if blob.len() as u64 <= LIMITS.layer_bytes => assert_eq!(*content, Digest::sha256(expected)),
            (Err(error), None) => {
                let codes = [Code::StreamCorrupt, Code::StreamTruncated, Code::ZstdWindow, Code::LayerTooLarge];
                assert!(codes.contains(&error.code()), "{error:?}");
            }
            (Err(error), _) if error.code() == Code::LayerTooLarge => {}
            // A frame that promises bytes and ends with an empty block: the decoder finds that where there is room for all, and not in pieces.
            (Err(error), Some(_)) if error.code() == Code::StreamCorrupt && is_zstd(blob) && decompressed(blob).is_err() => {}
            (seen, expected) => panic!("{seen:?}, and at once {:?}", expected.as_ref().map(Vec::len)),
        }
    }
    around(blob, expected);
}

/// The same bytes as the file of an image archive.
fn around(blob: &[u8], expected: Option<Vec<u8>>) {
    let outer = view(&MemoryFile::of(blob).path(), &LIMITS);
    let Some(content) = expected else {
        return assert!(outer.is_err(), "an archive that cannot be inflated was read");
    };
    if content == blob {
        return;
    }
    let inner = view(&MemoryFile::of(&content).path(), &LIMITS);
    match (outer, inner) {
        (Ok(outer), Ok(inner)) => assert_eq!(outer, inner, "the archive says something else than its content"),
        // Bytes behind the compressed data belong to nothing, and to an archive they may not be added.
        (Err(Code::TarDataAfterEnd), _) | (Err(_), Err(_)) => {}
        // An archive in an archive in an archive is not looked for.
        (Err(_), Ok(View { .. })) if is_compressed(&content) => {}
        (outer, inner) => panic!("compressed: {outer:?}\nas it is: {inner:?}"),
    }
}
