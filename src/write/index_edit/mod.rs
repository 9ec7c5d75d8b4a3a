//! Edits of `index.json`, as text: pure.
//!
//! An index belongs to everybody who writes into the layout, so what an edit does not touch keeps its bytes and its
//! order, unknown fields included. The text is therefore cut into pieces and put together again, never parsed into a
//! structure and printed. New entries are appended in the order of the edits, in the style of the file: compact, or
//! indented as the file is.
//!
//! A name that moves leaves its old manifest as an entry without a name, so that the old image can still be named by
//! digest, superseded and restored. That entry is not kept when another one lists the same digest anyway.

mod entries;
mod pieces;
mod style;

use crate::core::{Code, Digest, Error, Fact, Limits, Result};
use crate::format::json::{Document, Kind};
use crate::oci::Descriptor;
use entries::Entries;

/// The index of a layout that holds nothing.
pub const EMPTY_INDEX: &str = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;

/// The fields of an image index, for the refusal of keys that differ from them only in case.
const FIELDS: [&str; 6] = ["schemaVersion", "mediaType", "artifactType", "manifests", "subject", "annotations"];

/// One change of an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IndexEdit {
    /// Lists a manifest.
    ///
    /// With a name: the entry of exactly that name, if it has another digest, loses the name; if it has the same
    /// digest, nothing happens. Without a name: an entry is added unless the digest is listed already.
    Put {
        /// The name, which becomes the annotation `org.opencontainers.image.ref.name`.
        name: Option<String>,
        /// The descriptor as a JSON object, other annotations included.
        descriptor: String,
    },
    /// Removes a name. Its entry stays without a name, unless the digest is listed by another entry.
    Untag {
        /// The name.
        name: String,
    },
    /// Makes the entry of a name list something else, in its place; what it listed before is not kept. For tags that stand for
    /// a list rather than for an image: an older list of referrers would contradict the newer one.
    Replace {
        /// The name.
        name: String,
        /// The descriptor as a JSON object; without it the entry goes.
        descriptor: Option<String>,
    },
    /// Removes every entry that lists a digest, named or not.
    Remove {
        /// The digest.
        digest: Digest,
    },
}

impl IndexEdit {
    /// Removes an entry: by its name, which leaves other entries of its digest; without a name by its digest.
    pub fn removal(entry: &Descriptor) -> Self {
        match entry.name() {
            Some(name) => Self::Replace { name: name.to_owned(), descriptor: None },
            None => Self::Remove { digest: entry.digest.clone() },
        }
    }

    fn name(&self) -> Option<&str> {
        match self {
            Self::Put { name, .. } => name.as_deref(),
            Self::Untag { name } | Self::Replace { name, .. } => Some(name),
            Self::Remove { .. } => None,
        }
    }
}

/// Applies `edits` in their order to the text of an index. `None` if they change nothing.
///
/// # Errors
/// What is wrong with the text (`json.*`), `ref.ambiguous` if a name to be replaced stands on several digests,
/// `descriptor.incomplete` and `digest.*` if an edit brings no descriptor.
pub fn apply(index_text: &str, edits: &[IndexEdit], limits: &Limits) -> Result<Option<String>> {
    let root = Document::parse(index_text.as_bytes(), limits)?.root().expect(Kind::Object, "the index")?;
    root.refuse_case_variants(&FIELDS)?;
    let list = root.get_or_null("manifests");
    if let Some(list) = list.filter(|list| list.kind() != Kind::Null) {
        list.expect(Kind::Array, "manifests")?;
    }
    let mut entries = Entries::read(root, list, edits);
    if entries.all.len() > limits.index_entries {
        return Err(Error::new(Code::GraphTooMany, "the index has more entries than the limit")
            .expected(Fact::new(limits.index_entries, "the limit"))
            .found(Fact::new(entries.all.len(), "index.json")));
    }
    for edit in edits {
        match edit {
            IndexEdit::Put { name, descriptor } => entries.put(name.as_deref(), descriptor, limits)?,
            IndexEdit::Untag { name } => entries.untag(name, limits)?,
            IndexEdit::Replace { name, descriptor } => entries.replace(name, descriptor.as_deref(), limits)?,
            IndexEdit::Remove { digest } => entries.remove(digest),
        }
    }
    if !entries.changed {
        return Ok(None);
    }
    let text = entries.splice(index_text, root, list);
    Ok((text != index_text).then_some(text))
}

#[cfg(test)]
mod tests;
