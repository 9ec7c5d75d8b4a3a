//! The framing of tar archives.
#![no_main]

use airbase::format::tar::Profile;
use airbase::foundation::Limits;
use airbase_fuzz::{NARROW, check_tar, repair};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((flags, bytes)) = data.split_first() else { return };
    let profile = if flags & 1 == 0 { Profile::Layer } else { Profile::Archive };
    let limits = if flags & 2 == 0 { &Limits::STANDARD } else { &NARROW };
    let mut bytes = bytes.to_vec();
    if flags & 4 == 0 {
        repair(&mut bytes);
    }
    check_tar(&bytes, limits, profile);
});
