//! References, names and digests as people type them.
#![no_main]

use std::path::Path;
use std::sync::OnceLock;

use airbase::foundation::Digest;
use airbase::oci::ImageName;
use airbase::read::{Reference, is_referrer_tag};
use libfuzzer_sys::fuzz_target;

const TRANSPORTS: [&str; 5] = ["oci-archive:", "docker-archive:", "ocidir://", "ocidir:", "oci:"];

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    digest(text);
    name(text);
    // A target opens nothing outside the directory that it made.
    if text.contains("..") {
        return;
    }
    let (transport, rest) = TRANSPORTS.iter().find_map(|prefix| Some((*prefix, text.strip_prefix(prefix)?))).unwrap_or(("", text));
    let rest = format!("{}/{rest}", place());
    let text = format!("{transport}{rest}");
    if let Ok(reference) = Reference::existing(&text) {
        assert!(reference.path.exists() && whole(&reference) == rest, "{reference:?}");
        for (path, name) in &reference.other_splits {
            let other = Reference { path: path.clone(), name: Some(name.clone()), ..reference.clone() };
            assert!(path.exists() && whole(&other) == rest && path.as_os_str().len() < reference.path.as_os_str().len(), "{reference:?}");
        }
        // An output that exists is what the same text means as an input.
        assert_eq!(Reference::output(&text).expect("it exists"), reference);
    } else if let Ok(reference) = Reference::output(&text) {
        assert!(whole(&reference) == rest && !reference.path.exists(), "{reference:?}");
        assert!(!reference.path.as_os_str().is_empty() && reference.name.as_deref() != Some(""), "{reference:?}");
    }
});

/// The reference put together again, without its transport.
fn whole(reference: &Reference) -> String {
    let mut text = reference.path.to_str().expect("a path from text").to_owned();
    if let Some(name) = &reference.name {
        text = text + ":" + name;
    }
    if let Some(digest) = &reference.digest {
        text = text + "@" + &digest.to_string();
    }
    text
}

fn digest(text: &str) {
    if let Ok(digest) = text.parse::<Digest>() {
        assert_eq!(digest.to_string(), text);
        assert_eq!(format!("{}:{}", digest.algorithm().name(), digest.hex()), text);
        let path = digest.blob_path();
        assert!(path.split('/').count() == 3 && !path.contains(".."), "{path}");
        assert!(is_referrer_tag(&digest.fallback_tag()));
    }
}

fn name(text: &str) {
    let name = ImageName::parse(text);
    assert!(text.starts_with(name.repository) && name.tag.is_none_or(|tag| text.contains(tag)), "{name:?}");
    if let Some(canonical) = name.canonical() {
        let again = ImageName::parse(&canonical);
        assert_eq!(again.canonical().as_ref(), Some(&canonical), "docker's spelling has one of its own");
    }
}

/// A directory with a few things to refer to.
fn place() -> &'static str {
    static PLACE: OnceLock<String> = OnceLock::new();
    PLACE.get_or_init(|| {
        let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/fuzz/references");
        std::fs::create_dir_all(place.join("d/e:f")).expect("a directory");
        let place = place.canonicalize().expect("a directory");
        for file in ["a", "a:b", "a:b:c", "d/g@h", "d/e:f/i"] {
            std::fs::write(place.join(file), "").expect("a file");
        }
        place.to_str().expect("a path in UTF-8").to_owned()
    })
}
