//! Image archives, docker's and the specification's, from a description.
//!
//! The same members say the same in a plain archive, in gzip and in zstd; and what fsck finds nothing wrong with can be read.
#![no_main]

use airbase::foundation::Limits;
use airbase::foundation::event::Silent;
use airbase::read::layer::Keep;
use airbase::read::{Rootfs, Source, load};
use airbase::verbs::{Context, fsck};
use airbase_fuzz::{MemoryFile, describe, gzip, is_compressed, view, zstd};
use libfuzzer_sys::fuzz_target;

const LIMITS: Limits = Limits { archive_entries: 64, document_bytes: 1 << 16, index_bytes: 1 << 16, ..Limits::STANDARD };

fuzz_target!(|text: &[u8]| {
    let archive = describe(text);
    // The name of the first member can look like the beginning of something else. Nobody calls a file that.
    if is_compressed(&archive) {
        return;
    }
    let files = [archive.clone(), gzip(&archive), zstd(&archive)].map(|bytes| MemoryFile::of(&bytes));
    let [plain, others @ ..] = &files;
    let seen = view(&plain.path(), &LIMITS);
    let found = findings(plain);
    for other in others {
        match (&seen, view(&other.path(), &LIMITS)) {
            // Of several reasons for a refusal, a stream may come to another one first.
            (Err(_), Err(_)) => continue,
            (seen, other) => assert_eq!(*seen, other, "a compressed archive says something else"),
        }
        assert_eq!(found, findings(other), "fsck of a compressed archive finds something else");
    }
    let Ok(source) = Source::open(&plain.path(), &LIMITS) else { return };
    for entry in &source.index.manifests {
        match load(&source, entry, &LIMITS) {
            Ok(tree) => {
                for image in tree.images() {
                    let files = Rootfs::read(image, &mut Keep::nothing(), &LIMITS, &Silent);
                    assert!(files.is_ok() || !found.is_empty(), "fsck found nothing, and yet: {files:?}");
                }
            }
            Err(error) => assert!(!found.is_empty(), "fsck found nothing, and yet: {error:?}"),
        }
    }
});

/// What fsck finds at its deepest level, from the worst on, as codes.
fn findings(file: &MemoryFile) -> Vec<(airbase::foundation::Severity, airbase::foundation::Code)> {
    let context = Context { limits: &LIMITS, jobs: 1, ..Context::standard() };
    let report = fsck::fsck(&[file.path().display().to_string()], 4, false, context).expect("fsck reports, and does not fail");
    let findings = report.sources.iter().flat_map(|source| &source.findings);
    let mut codes: Vec<_> = findings.map(|finding| (finding.severity, finding.code)).collect();
    codes.sort_unstable();
    codes
}
