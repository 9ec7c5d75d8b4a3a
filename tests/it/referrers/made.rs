//! Referrers as other clients write them.

use serde_json::{Value, json};

use crate::support::Layout;
use crate::support::image::{MANIFEST, digest};

/// A referrer that is among the blobs of a layout.
#[derive(Debug, Clone)]
pub struct Made {
    pub digest: String,
    pub size: usize,
    pub manifest: Value,
}

impl Made {
    /// A descriptor of the three members that all have.
    pub fn bare(&self) -> Value {
        json!({"mediaType": MANIFEST, "digest": self.digest, "size": self.size})
    }

    /// As a list of referrers has it.
    pub fn child(&self) -> Value {
        let mut child = self.bare();
        child["artifactType"] = self.manifest["artifactType"].clone();
        if let Some(annotations) = self.manifest.get("annotations") {
            child["annotations"] = annotations.clone();
        }
        child
    }

    /// As `oras attach` lists it in `index.json`.
    pub fn entry(&self) -> Value {
        self.child()
    }
}

/// Adds a referrer of `subject` to the blobs; `more` are members of its manifest.
pub fn referrer(layout: &mut Layout, subject: &Value, more: Value) -> Made {
    layout.blob(b"{}");
    let empty = json!({"mediaType": "application/vnd.oci.empty.v1+json", "digest": digest(b"{}"), "size": 2});
    let mut manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "artifactType": "application/x-test", "config": empty,
        "layers": [empty], "subject": subject});
    manifest.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let bytes = serde_json::to_vec(&manifest).unwrap();
    Made { digest: layout.blob(&bytes), size: bytes.len(), manifest }
}
