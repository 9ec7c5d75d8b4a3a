//! Shell scripts, settings and code, as the verdict reads them: whatever they are, reading ends, and what it cannot follow it says.
#![no_main]

use airbase::plan::verdict::{read_code, read_script};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    // A script has no more commands than bytes.
    assert!(read_script(data).is_ok_and(|commands| commands <= data.len()) || read_script(data).is_err());
    assert!(read_code(data).iter().all(|count| *count <= data.len().max(1 << 20)));
});
