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

use std::ops::Range;

use crate::core::{Code, Digest, Error, Fact, Limits, Result};
use crate::format::json::{Document, Kind, Node};
use crate::oci::{Descriptor, RootIndex};
use entries::{Entries, Listed, New};

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

    fn read<'e>(&'e self, limits: &Limits) -> Result<Step<'e>> {
        Ok(match self {
            Self::Put { name, descriptor } => Step::Put { name: name.as_deref(), new: New::read(descriptor, limits)? },
            Self::Untag { name } => Step::Untag { name },
            Self::Replace { name, descriptor } => {
                Step::Replace { name, new: descriptor.as_deref().map(|text| New::read(text, limits)).transpose()? }
            }
            Self::Remove { digest } => Step::Remove { digest },
        })
    }
}

/// An edit whose descriptor was read.
enum Step<'e> {
    Put { name: Option<&'e str>, new: New<'e> },
    Untag { name: &'e str },
    Replace { name: &'e str, new: Option<New<'e>> },
    Remove { digest: &'e Digest },
}

impl Step<'_> {
    fn name(&self) -> Option<&str> {
        match self {
            Self::Put { name, .. } => *name,
            Self::Untag { name } | Self::Replace { name, .. } => Some(name),
            Self::Remove { .. } => None,
        }
    }

    /// What it lists or removes.
    fn digest(&self) -> Option<&Digest> {
        match self {
            Self::Put { new, .. } | Self::Replace { new: Some(new), .. } => Some(&new.digest),
            Self::Remove { digest } => Some(digest),
            Self::Untag { .. } | Self::Replace { new: None, .. } => None,
        }
    }
}

/// Applies `edits` in their order to the text of an index. `None` if they change nothing.
///
/// # Errors
/// What is wrong with the text (`json.*`), `ref.ambiguous` if a name to be replaced stands on several digests,
/// `descriptor.incomplete` and `digest.*` if an edit brings no descriptor.
pub fn apply(index_text: &str, edits: &[IndexEdit], limits: &Limits) -> Result<Option<String>> {
    let document = Document::parse(index_text.as_bytes(), limits)?.root();
    let root = document.object("the index")?;
    root.refuse_case_variants(&FIELDS)?;
    let list = root.get_or_null("manifests");
    if let Some(list) = list.filter(|list| list.kind() != Kind::Null) {
        list.expect(Kind::Array, "manifests")?;
    }
    let place = list.map(|list| {
        let from = list.offset_in(index_text);
        from..from + list.raw().len()
    });
    edit(&Place { text: index_text, root: document, list: place }, list.into_iter().flat_map(Node::items).map(Listed::of), edits, limits)
}

/// As [`apply`], of an index that was read: its hundred thousand entries need not be found again.
///
/// # Errors
/// As [`apply`].
pub fn apply_to(index: &RootIndex, edits: &[IndexEdit], limits: &Limits) -> Result<Option<String>> {
    if index.list().is_none() {
        return apply(index.text(), edits, limits);
    }
    edit(&Place { text: index.text(), root: index.root(), list: index.list() }, index.manifests.iter().map(Listed::from), edits, limits)
}

/// The text of an index, and where in it the list of entries stands, with its brackets. The list may be null, or absent.
struct Place<'a> {
    text: &'a str,
    root: Node<'a>,
    list: Option<Range<usize>>,
}

fn edit<'a>(place: &Place<'a>, listed: impl Iterator<Item = Listed<'a>>, edits: &[IndexEdit], limits: &Limits) -> Result<Option<String>> {
    let steps: Vec<Step<'_>> = edits.iter().map(|edit| edit.read(limits)).collect::<Result<_>>()?;
    let mut entries = Entries::read(place, listed, &steps, limits)?;
    if entries.all.len() > limits.index_entries {
        return Err(Error::new(Code::GraphTooMany, "the index has more entries than the limit")
            .expected(Fact::new(limits.index_entries, "the limit"))
            .found(Fact::new(entries.all.len(), "index.json")));
    }
    for step in &steps {
        match step {
            Step::Put { name, new } => entries.put(*name, new, limits)?,
            Step::Untag { name } => entries.untag(name, limits)?,
            Step::Replace { name, new } => entries.replace(name, new.as_ref(), limits)?,
            Step::Remove { digest } => entries.remove(digest),
        }
    }
    if !entries.changed {
        return Ok(None);
    }
    let count = entries.length();
    if count > limits.index_entries {
        return Err(full(format!("{} entries", limits.index_entries), format!("{count} entries")));
    }
    let text = entries.splice(place);
    if text.len() as u64 > limits.index_bytes && text.len() > place.text.len() {
        return Err(full(format!("{} bytes", limits.index_bytes), format!("{} bytes", text.len())));
    }
    Ok((text != place.text).then_some(text))
}

/// The new index could not be read again.
fn full(most: String, found: String) -> Error {
    Error::new(Code::OutputLimit, "the index would be larger than a reader takes")
        .expected(Fact::new(format!("at most {most}"), "the limits"))
        .found(Fact::new(found, "index.json as it would be"))
}

#[cfg(test)]
mod tests;
