//! Edits of `index.json`, as text: pure.
//!
//! An index belongs to everybody who writes into the layout, so what an edit does not touch keeps its bytes and its
//! order, unknown fields included. The text is therefore cut into pieces and put together again, never parsed into a
//! structure and printed. New entries are appended in the order of the edits, in the style of the file: compact, or
//! indented as the file is.
//!
//! A name that moves leaves its old manifest as an entry without a name, so that the old image can still be named by
//! digest, superseded and restored. That entry is not kept when another one lists the same digest anyway. A full name that an
//! image lost stays known as a former name of its entry.
//!
//! An edit means one entry, by its digest and its name. Names are compared as [`crate::oci::Name`] does: two images with the tag
//! `latest` have different names as long as their full names differ.

mod entries;
mod entry;
mod naming;
mod pieces;
mod spliced;
mod style;

use std::ops::Range;

use crate::format::json::{Document, Excerpt, Kind, Node};
use crate::foundation::{Code, Digest, Error, Fact, Limits, Result};
use crate::oci::{Descriptor, Name, RootIndex, no_list};
use entries::{Entries, Listed, New, Sought};
use naming::Meant;
use serde::Serialize;
pub use spliced::Spliced;

/// The index of a layout that holds nothing.
pub const EMPTY_INDEX: &str = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;

/// The fields of an image index, for the refusal of keys that differ from them only in case.
const FIELDS: [&str; 6] = ["schemaVersion", "mediaType", "artifactType", "manifests", "subject", "annotations"];

/// One change of an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IndexEdit {
    /// Lists a manifest.
    ///
    /// With a name: the entry of that name, if it has another digest, loses the name; if it has the same digest, nothing
    /// happens. Without a name: an entry is added unless the digest is listed already.
    Put {
        /// The name, which goes into the annotations where the descriptor had one.
        name: Option<String>,
        /// The descriptor as a JSON object, other annotations included.
        descriptor: Excerpt,
    },
    /// Removes the name of an entry. It stays without a name, unless the digest is listed by another entry.
    Untag {
        /// The name.
        name: Name<'static>,
        /// What the entry lists.
        digest: Digest,
    },
    /// Makes the entry of a name list something else, in its place; what it listed before is not kept. For tags that stand for
    /// a list rather than for an image: an older list of referrers would contradict the newer one.
    Replace {
        /// The name.
        name: String,
        /// The descriptor as a JSON object; without it the entry goes.
        descriptor: Option<String>,
    },
    /// Removes the entries that list a digest under one name, or without a name.
    RemoveEntry {
        /// The digest.
        digest: Digest,
        /// The name.
        name: Option<Name<'static>>,
    },
    /// Removes every entry that lists a digest, named or not.
    Remove {
        /// The digest.
        digest: Digest,
    },
}

/// The name and the descriptor of an [`IndexEdit::Put`].
pub type Put = (Option<String>, Excerpt);

/// The edits of an index: first `puts`, of which there may be a hundred thousand, then `edits`.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Edits<'e> {
    pub(super) puts: &'e [Put],
    pub(super) edits: &'e [IndexEdit],
}

impl<'e> Edits<'e> {
    fn count(self) -> usize {
        self.puts.len() + self.edits.len()
    }

    /// Each of them, read when its turn comes: of a hundred thousand only one is in memory.
    fn steps(self, limits: &Limits) -> impl Iterator<Item = Result<Step<'e>>> {
        let puts = self.puts.iter().map(|(name, descriptor)| Step::put(name.as_deref(), descriptor, limits));
        puts.chain(self.edits.iter().map(|edit| edit.read(limits)))
    }
}

impl<'e> From<&'e [IndexEdit]> for Edits<'e> {
    fn from(edits: &'e [IndexEdit]) -> Self {
        Self { puts: &[], edits }
    }
}

impl IndexEdit {
    /// Removes an entry, and no other one of its digest or of its name.
    pub fn removal(entry: &Descriptor) -> Self {
        Self::RemoveEntry { digest: entry.digest.clone(), name: entry.full_name().map(Name::into_owned) }
    }

    fn read<'e>(&'e self, limits: &Limits) -> Result<Step<'e>> {
        Ok(match self {
            Self::Put { name, descriptor } => Step::put(name.as_deref(), descriptor, limits)?,
            Self::Untag { name, digest } => Step::Untag { name, digest },
            Self::Replace { name, .. } if name.is_empty() => {
                return Err(Error::new(Code::RefSyntax, "an entry of index.json cannot have an empty name"));
            }
            Self::Replace { name, descriptor } => {
                Step::Replace { name: Meant::of(name), new: descriptor.as_deref().map(|text| New::read(text, limits)).transpose()? }
            }
            Self::RemoveEntry { digest, name } => Step::RemoveEntry { digest, name: name.as_ref() },
            Self::Remove { digest } => Step::Remove { digest },
        })
    }
}

/// An edit whose descriptor was read.
enum Step<'e> {
    Put { name: Option<Meant<'e>>, new: New<'e> },
    Untag { name: &'e Name<'static>, digest: &'e Digest },
    Replace { name: Meant<'e>, new: Option<New<'e>> },
    RemoveEntry { digest: &'e Digest, name: Option<&'e Name<'static>> },
    Remove { digest: &'e Digest },
}

impl<'e> Step<'e> {
    fn put(name: Option<&'e str>, descriptor: &'e Excerpt, limits: &Limits) -> Result<Self> {
        let new = New::share(descriptor, limits)?;
        // An empty annotation names nothing: written, it would be added again each time.
        let name = name.filter(|name| !name.is_empty());
        Ok(Self::Put { name: name.map(|text| new.meant(text)), new })
    }

    fn name(&self) -> Option<&Name<'static>> {
        match self {
            Self::Put { name, .. } => name.as_ref().map(|meant| &meant.name),
            Self::Replace { name, .. } => Some(&name.name),
            Self::Untag { name, .. } => Some(name),
            Self::RemoveEntry { name, .. } => *name,
            Self::Remove { .. } => None,
        }
    }

    /// What it lists or removes.
    fn digest(&self) -> Option<&Digest> {
        match self {
            Self::Put { new, .. } | Self::Replace { new: Some(new), .. } => Some(&new.digest),
            Self::Remove { digest } | Self::RemoveEntry { digest, .. } | Self::Untag { digest, .. } => Some(digest),
            Self::Replace { new: None, .. } => None,
        }
    }
}

/// A name that an image lost to another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Taken {
    /// The name.
    pub name: String,
    /// The image that had it.
    pub digest: Digest,
}

/// What edits make of an index.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Edited {
    /// The new text; `None` if it is the old one.
    pub text: Option<String>,
    /// The names that moved from one image to another.
    pub taken: Vec<Taken>,
}

/// As [`Edited`], where the new text is made of parts of the old one.
#[derive(Debug, Default)]
pub(super) struct Change {
    pub(super) text: Option<Spliced>,
    pub(super) taken: Vec<Taken>,
}

impl Change {
    fn edited(self, old: &str) -> Edited {
        Edited { text: self.text.map(|text| text.text(old)), taken: self.taken }
    }
}

/// Applies `edits` in their order to the text of an index.
///
/// # Errors
/// What is wrong with the text (`json.*`, `layout.index.no_list`), `ref.ambiguous` if several digests have a name that is to be replaced,
/// `descriptor.incomplete` and `digest.*` if an edit brings no descriptor.
pub fn apply(index_text: &str, edits: &[IndexEdit], limits: &Limits) -> Result<Edited> {
    change(index_text, edits.into(), limits).map(|change| change.edited(index_text))
}

/// As [`apply`], without a copy of what stays.
pub(super) fn change(index_text: &str, edits: Edits<'_>, limits: &Limits) -> Result<Change> {
    let document = Document::parse(index_text.as_bytes(), limits)?.root();
    let root = document.object("the index")?;
    root.refuse_case_variants(&FIELDS)?;
    let list = root.get_or_null("manifests");
    if list.is_none() {
        return Err(no_list(Fact::new("no manifests", "index.json")));
    }
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
pub fn apply_to(index: &RootIndex, edits: &[IndexEdit], limits: &Limits) -> Result<Edited> {
    change_of(index, edits.into(), limits).map(|change| change.edited(index.text()))
}

/// As [`apply_to`], without a copy of what stays.
pub(super) fn change_of(index: &RootIndex, edits: Edits<'_>, limits: &Limits) -> Result<Change> {
    if index.list().is_none() {
        return change(index.text(), edits, limits);
    }
    edit(
        &Place { text: index.text(), root: index.root(), list: index.list() },
        index.manifests.iter().map(|entry| Listed::of(entry.raw.node())),
        edits,
        limits,
    )
}

/// The text of an index, and where in it the list of entries stands, with its brackets. The list may be null, or absent.
struct Place<'a> {
    text: &'a str,
    root: Node<'a>,
    list: Option<Range<usize>>,
}

fn edit<'a>(place: &Place<'a>, listed: impl Iterator<Item = Listed<'a>>, edits: Edits<'_>, limits: &Limits) -> Result<Change> {
    let mut sought = Sought::new();
    for step in edits.steps(limits) {
        sought.add(&step?);
    }
    let mut entries = Entries::read(place, listed, sought, edits.count(), limits)?;
    if entries.all.len() > limits.index_entries {
        return Err(Error::new(Code::GraphTooMany, "the index has more entries than the limit")
            .expected(Fact::new(limits.index_entries, "the limit"))
            .found(Fact::new(entries.all.len(), "index.json")));
    }
    for step in edits.steps(limits) {
        match step? {
            Step::Put { name, new } => entries.put(name.as_ref(), &new, limits)?,
            Step::Untag { name, digest } => entries.untag(name, digest, limits)?,
            Step::Replace { name, new } => entries.replace(&name, new.as_ref(), limits)?,
            Step::RemoveEntry { digest, name } => entries.remove_entry(digest, name, limits)?,
            Step::Remove { digest } => entries.remove(digest),
        }
    }
    if !entries.changed {
        return Ok(Change::default());
    }
    let count = entries.length();
    if count > limits.index_entries {
        return Err(full(format!("{} entries", limits.index_entries), format!("{count} entries")));
    }
    let taken = std::mem::take(&mut entries.taken);
    let text = entries.splice(place);
    if text.length() as u64 > limits.index_bytes && text.length() > place.text.len() {
        return Err(full(format!("{} bytes", limits.index_bytes), format!("{} bytes", text.length())));
    }
    Ok(Change { text: (!text.is_unchanged(place.text)).then_some(text), taken })
}

/// The new index could not be read again.
fn full(most: String, found: String) -> Error {
    Error::new(Code::OutputLimit, "the index would be larger than a reader takes")
        .expected(Fact::new(format!("at most {most}"), "the limits"))
        .found(Fact::new(found, "index.json as it would be"))
}

#[cfg(test)]
mod tests;
