//! Plans of batches: what is read is what stands there, with the seal that it has and with one that is right.
#![no_main]

use airbase::foundation::Limits;
use airbase::plan::batch::document::{Line, first, header, key, line, read, sealed};
use libfuzzer_sys::fuzz_target;

const LIMITS: Limits = Limits::STANDARD;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut lines = text.lines();
    let Some(top) = lines.next() else { return };
    let head = match header(top, &LIMITS) {
        Ok(header) => header.seal,
        // Nobody guesses a seal.
        Err(_) => match serde_json::from_str(top) {
            Ok(mut given) => {
                let Ok(text) = first(&mut given) else { return };
                if let Ok(read) = header(text.trim_end(), &LIMITS) {
                    assert_eq!(line(&read).expect("it was read"), text, "another header");
                }
                given.seal
            }
            Err(_) => return,
        },
    };
    for (number, text) in (2..).zip(lines) {
        check(text, number, &head);
        if let Ok(text) = sealed(text, &head) {
            check(&text, number, &head);
        }
    }
});

fn check(text: &str, number: usize, head: &str) {
    if let Ok(Line::Item(item)) = read(text, number, head, &LIMITS) {
        assert_eq!(item.key, key(item.output.as_deref(), &item.digest), "an item of another key");
        let again = line(&item).expect("it was read");
        assert!(read(again.trim_end(), number, head, &LIMITS).is_ok(), "what is written can be read: {again}");
    }
}
