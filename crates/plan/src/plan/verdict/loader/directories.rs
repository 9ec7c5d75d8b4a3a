//! The directories that loaders search, and the cache of glibc's.

use std::collections::BTreeMap;

use crate::format::elf::Elf;
use crate::plan::verdict::view::View;
use crate::read::rootfs::Entry;

/// The elements of a search path. An empty one is the working directory, which is not searched here.
pub(super) fn directories(path: &[u8], origin: &[u8], library: &[u8]) -> Vec<Vec<u8>> {
    let words = [(&b"${ORIGIN}"[..], origin), (b"$ORIGIN", origin), (b"${LIB}", library), (b"$LIB", library)];
    let replace = |part: &[u8]| -> Vec<u8> {
        let (mut text, mut rest) = (Vec::new(), part);
        while let Some(byte) = rest.first() {
            if let Some((word, value)) = words.iter().find(|(word, _)| rest.starts_with(word)) {
                text.extend_from_slice(value);
                rest = rest.get(word.len()..).unwrap_or_default();
            } else {
                text.push(*byte);
                rest = rest.get(1..).unwrap_or_default();
            }
        }
        text
    };
    path.split(|byte| matches!(byte, b':' | b';')).filter(|part| !part.is_empty()).map(replace).collect()
}

/// The directories that are built into the loader, after those that only its cache knows.
pub(super) fn glibc_directories(view: &View, loader: Entry<'_>, elf: &Elf) -> Vec<Vec<u8>> {
    let bytes = view.bytes(loader).unwrap_or_default();
    let has = |text: &[u8]| bytes.windows(text.len()).any(|window| window == text);
    let multiarch: [&[u8]; 7] = [
        b"x86_64-linux-gnu",
        b"aarch64-linux-gnu",
        b"i386-linux-gnu",
        b"arm-linux-gnueabihf",
        b"powerpc64le-linux-gnu",
        b"s390x-linux-gnu",
        b"riscv64-linux-gnu",
    ];
    let mut found: Vec<Vec<u8>> = Vec::new();
    let debian = multiarch.iter().find(|triplet| has(&[b"/lib/".as_slice(), triplet, b"/"].concat()));
    if let Some(triplet) = debian {
        found.push([b"/lib/".as_slice(), triplet].concat());
        found.push([b"/usr/lib/".as_slice(), triplet].concat());
    } else if elf.wide {
        found.extend([b"/lib64".to_vec(), b"/usr/lib64".to_vec()]);
    }
    found.extend([b"/lib".to_vec(), b"/usr/lib".to_vec()]);
    found
}

/// The names and paths of `ld.so.cache` (sysdeps/generic/dl-cache.h of glibc). What cannot be read is left out, as the loader does.
pub(super) fn cache(bytes: &[u8]) -> BTreeMap<Vec<u8>, Vec<u8>> {
    const MAGIC: &[u8] = b"glibc-ld.so.cache1.1";
    let mut found = BTreeMap::new();
    let Some(start) = bytes.windows(MAGIC.len()).position(|window| window == MAGIC) else { return found };
    let bytes = bytes.get(start..).unwrap_or_default();
    let number = |at: usize| -> Option<usize> {
        let four: [u8; 4] = bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
        usize::try_from(u32::from_le_bytes(four)).ok()
    };
    let text = |at: usize| -> Option<Vec<u8>> {
        let rest = bytes.get(at..)?;
        Some(rest.get(..rest.iter().position(|byte| *byte == 0)?)?.to_vec())
    };
    for entry in 0..number(20).unwrap_or(0).min(bytes.len() / 24) {
        let at = 48 + entry * 24;
        let plain = bytes.get(at + 16..at + 24).is_some_and(|hwcap| hwcap.iter().all(|byte| *byte == 0));
        if plain && let (Some(key), Some(value)) = (number(at + 4).and_then(text), number(at + 8).and_then(text)) {
            found.entry(key).or_insert(value);
        }
    }
    found
}
