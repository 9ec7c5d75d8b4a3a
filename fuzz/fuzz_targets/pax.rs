//! The records of PAX headers, of one member and of all that follow: the input is what stands in two such headers.
#![no_main]

use airbase::format::tar::Profile;
use airbase::foundation::Limits;
use airbase_fuzz::{NARROW, check_tar, parts, repair};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((flags, data)) = data.split_first() else { return };
    let profile = if flags & 1 == 0 { Profile::Layer } else { Profile::Archive };
    let limits = if flags & 2 == 0 { &Limits::STANDARD } else { &NARROW };
    let mut archive = Vec::new();
    for (number, records) in parts(data).into_iter().take(4).enumerate() {
        // `g` speaks of all that follow, `x` of the next one.
        let kind = if usize::from(flags >> 2) & (1 << number) == 0 { b'x' } else { b'g' };
        archive.extend(member(b"pax", kind, records));
        archive.extend(member(format!("file-{number}").as_bytes(), b'0', b"some content"));
    }
    archive.resize(archive.len() + 1024, 0);
    repair(&mut archive);
    check_tar(&archive, limits, profile);
});

fn member(name: &[u8], kind: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; 512];
    bytes[..name.len()].copy_from_slice(name);
    bytes[100..107].copy_from_slice(b"0000644");
    bytes[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
    bytes[156] = kind;
    bytes[257..265].copy_from_slice(b"ustar\x0000");
    bytes.extend_from_slice(content);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}
