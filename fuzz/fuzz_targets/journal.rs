//! Journals of batches, which end anywhere: what was read of the beginning holds, whatever follows.
#![no_main]

use airbase::write::journal::{Final, Past};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut whole = Past::default();
    whole.take(data);
    let mut beginning = Past::default();
    beginning.take(&data[..data.len() / 2]);
    assert!(beginning.done() <= whole.done(), "what was done is not done any more");
    assert!(beginning.blobs.keys().all(|digest| whole.blobs.contains_key(digest)));
    // Read once more, nothing changes: two processes may have written the same.
    let (done, blobs) = (whole.done(), whole.blobs.len());
    whole.take(data);
    assert_eq!((whole.done(), whole.blobs.len()), (done, blobs));
    for line in data.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice::<serde_json::Value>(line).ok()) {
        if let Some(record) = line["item"].as_str().and_then(|key| whole.item(key)) {
            assert!(line["item"] == record.item.as_str() && matches!(record.status, Final::Done | Final::Failed | Final::Held));
        }
    }
});
