//! ELF files: whatever they say, reading ends, and every name that is read stands in the file.
#![no_main]

use airbase::format::elf::Elf;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(elf) = Elf::parse(data) else { return };
    let stands = |name: &[u8]| name.is_empty() || data.windows(name.len()).any(|window| window == name);
    assert!(elf.interpreter.as_deref().is_none_or(stands));
    assert!(elf.soname.as_deref().is_none_or(stands));
    assert!(elf.needed.iter().all(|name| stands(name)));
});
