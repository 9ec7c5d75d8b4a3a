//! xz: whatever stands in a block whose headers are right, reading ends, and an archive that is packed so and read says what the plain one says.
#![no_main]

use airbase::foundation::{Code, Limits};
use airbase_fuzz::{MemoryFile, repair, view, xz};
use libfuzzer_sys::fuzz_target;

const LIMITS: Limits = Limits { archive_bytes: 1 << 20, ..Limits::STANDARD };

fuzz_target!(|data: &[u8]| {
    let Some((&how, content)) = data.split_first() else { return };
    if how & 1 == 0 {
        // The chunks of a block as they come, with its end and without.
        let _ = view(&MemoryFile::of(&xz::block(content, how & 2 == 0)).path(), &LIMITS);
        return;
    }
    let mut content = content.to_vec();
    repair(&mut content);
    let packed = view(&MemoryFile::of(&xz::stored(&content)).path(), &LIMITS);
    // An archive in an archive in an archive is not looked for.
    if airbase_fuzz::is_compressed(&content) || xz::is_xz(&content) {
        return;
    }
    match (packed, view(&MemoryFile::of(&content).path(), &LIMITS)) {
        (Ok(packed), Ok(plain)) => assert_eq!(packed, plain, "the archive says something else than its content"),
        (Err(_), Err(_)) => {}
        // An old archive has no magic, so the name of its first member may be taken for that of a zip file; inside xz nobody asks.
        (Ok(_), Err(Code::SourceUnsupported)) => {}
        (packed, plain) => panic!("packed: {packed:?}\nas it is: {plain:?}"),
    }
});
