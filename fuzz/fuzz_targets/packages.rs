//! Databases of dpkg and apk, and the orders of their versions.
#![no_main]

use std::cmp::Ordering;

use airbase::format::packages::{apk, dpkg, version};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(stanzas) = dpkg::stanzas(data) {
        for stanza in &stanzas {
            assert!(is_word(&stanza.name) && (!stanza.present || is_word(&stanza.version)), "{stanza:?}");
        }
    }
    if let Ok(packages) = apk::installed(data) {
        let files: usize = packages.iter().map(|package| package.files.len()).sum();
        assert!(files <= data.len(), "more files than bytes");
        assert!(packages.iter().all(|package| is_word(&package.name) && is_word(&package.version)), "{packages:?}");
    }
    if let Ok(diversions) = dpkg::diversions(data) {
        assert!(diversions.len() * 3 <= data.split(|byte| *byte == b'\n').count(), "{diversions:?}");
    }
    assert!(dpkg::list(data).chain(dpkg::md5sums(data)).all(|path| path.len() < data.len()));
    let Ok(text) = std::str::from_utf8(data) else { return };
    let versions: Vec<&str> = text.lines().take(4).collect();
    for order in [version::dpkg, version::apk] {
        for (one, other) in versions.iter().zip(versions.iter().skip(1)) {
            assert_eq!(order(one, other), order(other, one).map(Ordering::reverse), "{one:?} {other:?}");
        }
        for one in &versions {
            assert!(matches!(order(one, one), None | Some(Ordering::Equal)), "{one:?}");
        }
    }
});

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}
