//! The manifest of a referrer (image-spec, manifest.md, "Guidelines for Artifact Usage").

use std::collections::BTreeMap;

use crate::format::json::Value;
use crate::foundation::Digest;
use crate::oci::{Descriptor, Verified, media_type};
use crate::plan::annotate::NewDocument;

/// The empty JSON object, which is the config of every artifact, and the layer of those without content.
pub const EMPTY: &[u8] = b"{}";

/// What a referrer says.
#[derive(Debug, Clone, Default)]
pub struct NewReferrer {
    /// What it is.
    pub artifact_type: String,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
    /// Its content, in order.
    pub content: Vec<Content>,
}

/// A blob of a referrer.
#[derive(Debug, Clone)]
pub struct Content {
    /// Its media type.
    pub media_type: String,
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// The annotations of its descriptor.
    pub annotations: BTreeMap<String, String>,
}

impl Content {
    /// A document, under this media type.
    pub fn of(media_type: &str, document: &Verified) -> Self {
        Self { media_type: media_type.to_owned(), digest: document.digest().clone(), size: document.size(), annotations: BTreeMap::new() }
    }
}

/// The manifest, with its members in a fixed order and nothing between them: the same statement has the same digest.
///
/// The subject is described by media type, digest and size and nothing else, because oras compares these three.
pub fn manifest(draft: &NewReferrer, subject: Option<&Descriptor>) -> NewDocument {
    let empty = Content {
        media_type: media_type::OCI_EMPTY.into(),
        digest: Digest::sha256(EMPTY),
        size: EMPTY.len() as u64,
        annotations: BTreeMap::new(),
    };
    let mut value = Value::object();
    value.set("schemaVersion", Value::size(2));
    value.set("mediaType", Value::string(media_type::OCI_MANIFEST));
    value.set("artifactType", Value::string(&draft.artifact_type));
    value.set("config", described(&empty));
    let layers = if draft.content.is_empty() { vec![described(&empty)] } else { draft.content.iter().map(described).collect() };
    value.set("layers", Value::Array(layers));
    if let Some(subject) = subject {
        value.set("subject", triple(&subject.media_type, &subject.digest, subject.size));
    }
    if !draft.annotations.is_empty() {
        value.set("annotations", Value::string_map(&draft.annotations));
    }
    NewDocument { media_type: media_type::OCI_MANIFEST.into(), blob: Verified::authored(value.render().into_bytes()) }
}

fn described(content: &Content) -> Value {
    let mut value = triple(&content.media_type, &content.digest, content.size);
    if !content.annotations.is_empty() {
        value.set("annotations", Value::string_map(&content.annotations));
    }
    value
}

/// A descriptor of the three members that every descriptor has.
pub(super) fn triple(media_type: &str, digest: &Digest, size: u64) -> Value {
    let mut value = Value::object();
    value.set("mediaType", Value::string(media_type));
    value.set("digest", Value::string(&digest.to_string()));
    value.set("size", Value::size(size));
    value
}
