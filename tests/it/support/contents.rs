//! What a layout or an archive holds, read without the library, and whether it is whole.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::Path;

use serde_json::Value;

use super::environment::snapshot;
use super::image::digest;

/// The files of a layout or an archive by path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    pub files: BTreeMap<String, Vec<u8>>,
}

impl Contents {
    /// Reads a directory or a tar archive, inside gzip or zstd or not; symbolic links are followed.
    pub fn of(path: &Path) -> Self {
        let mut files = BTreeMap::new();
        if path.is_dir() {
            for found in snapshot(path).into_keys().filter(|found| found.is_file()) {
                let name = found.strip_prefix(path).unwrap().to_str().unwrap().to_owned();
                files.insert(name, std::fs::read(&found).unwrap());
            }
        } else {
            let bytes = inflated(std::fs::read(path).unwrap());
            for entry in tar::Archive::new(bytes.as_slice()).entries().unwrap() {
                let mut entry = entry.unwrap();
                if entry.header().entry_type().is_file() {
                    let name = entry.path().unwrap().to_str().unwrap().to_owned();
                    let mut content = Vec::new();
                    entry.read_to_end(&mut content).unwrap();
                    assert!(files.insert(name.clone(), content).is_none(), "{name} stands twice in {}", path.display());
                }
            }
        }
        Self { files }
    }

    /// `index.json`.
    pub fn index(&self) -> Value {
        serde_json::from_slice(&self.files["index.json"]).unwrap()
    }

    /// The entries of `index.json`.
    pub fn entries(&self) -> Vec<Value> {
        self.index()["manifests"].as_array().unwrap().clone()
    }

    /// The digest of the entry called `name`, if there is one.
    pub fn named(&self, name: &str) -> Option<String> {
        let mut found = self.entries().into_iter().filter(|entry| entry["annotations"]["org.opencontainers.image.ref.name"] == name);
        let entry = found.next()?;
        assert!(found.next().is_none(), "two entries are called {name}");
        Some(entry["digest"].as_str().unwrap().to_owned())
    }

    /// The digests of the entries that have no name.
    pub fn unnamed(&self) -> Vec<String> {
        let unnamed = |entry: &Value| entry["annotations"]["org.opencontainers.image.ref.name"].is_null();
        self.entries().iter().filter(|entry| unnamed(entry)).map(|entry| entry["digest"].as_str().unwrap().to_owned()).collect()
    }

    /// The blobs by digest, each of which must have the digest that is its name.
    pub fn blobs(&self) -> BTreeMap<String, Vec<u8>> {
        let mut blobs = BTreeMap::new();
        for (name, bytes) in &self.files {
            if let Some(rest) = name.strip_prefix("blobs/") {
                let named = rest.replace('/', ":");
                assert_eq!(digest(bytes), named, "a blob has other content");
                blobs.insert(named, bytes.clone());
            }
        }
        blobs
    }

    /// A blob as JSON.
    pub fn json(&self, wanted: &str) -> Value {
        serde_json::from_slice(&self.files[&format!("blobs/{}", wanted.replace(':', "/"))]).unwrap()
    }

    /// Checks what must hold whatever happened: the marker, the index, and that everything that is reachable is there with
    /// the size and the digest that its descriptor gives. Returns the digests that are reachable.
    pub fn whole(&self) -> BTreeSet<String> {
        let marker: Value = serde_json::from_slice(&self.files["oci-layout"]).unwrap();
        assert_eq!(marker["imageLayoutVersion"], "1.0.0");
        let mut reached = BTreeSet::new();
        let mut waiting = self.entries();
        while let Some(descriptor) = waiting.pop() {
            let wanted = descriptor["digest"].as_str().unwrap().to_owned();
            let bytes = self.files.get(&format!("blobs/{}", wanted.replace(':', "/")));
            let bytes = bytes.unwrap_or_else(|| panic!("{wanted} is reachable and not there"));
            assert_eq!((bytes.len() as u64, digest(bytes)), (descriptor["size"].as_u64().unwrap(), wanted.clone()));
            if !reached.insert(wanted) {
                continue;
            }
            let kind = descriptor["mediaType"].as_str().unwrap();
            if kind.contains("manifest") || kind.contains("image.index") {
                let document: Value = serde_json::from_slice(bytes).unwrap();
                for list in ["manifests", "layers"] {
                    waiting.extend(document[list].as_array().into_iter().flatten().cloned());
                }
                waiting.extend(document.get("config").cloned());
            }
        }
        reached
    }
}

/// What a single member of gzip, a single frame of zstd, or neither, holds.
fn inflated(bytes: Vec<u8>) -> Vec<u8> {
    let mut content = Vec::new();
    let mut rest = bytes.as_slice();
    if bytes.starts_with(&[0x1f, 0x8b]) {
        flate2::bufread::GzDecoder::new(&mut rest).read_to_end(&mut content).unwrap();
    } else if bytes.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        zstd::Decoder::with_buffer(&mut rest).unwrap().single_frame().read_to_end(&mut content).unwrap();
    } else {
        return bytes;
    }
    assert!(rest.is_empty(), "something follows");
    content
}
