//! Who refers to an image (image-spec, manifest.md, "subject"; distribution-spec, "Referrers Tag Schema").
//!
//! No specification says how a layout keeps referrers, and clients differ in where they write and look. All of these are read:
//!
//! ```text
//! index.json                  an entry for the referrer itself, usually without a name (oras, notation, zot)
//! index.json, sha256-<hex>    an index under the fallback tag that lists them (regctl, olareg)
//! index.json, sha256-<hex>.E  a tag made of the digest and an ending: sig, att, sbom (cosign 2)
//! index.json, an annotation   an index that says in `org.opencontainers.image.referrer.subject` of whom it lists them (olareg)
//! an index of images          a child that names a sibling as its subject (BuildKit's attestations)
//! index.json, `kind`          signatures and attestations that say in their content of what they are (`cosign save`)
//! blobs/                      a manifest that nothing lists (cosign 3); found only where that is asked for
//! ```
//!
//! A list proves nothing: whether a manifest refers to an image is in the manifest, which is read and hashed each time.
//!
//! `candidates` sorts the entries of an index, [`Lookup`] finds them, [`Referrer`] is one of them.

mod candidates;
mod lookup;
mod marked;
mod nameless;
mod tag;
mod unread;

use std::collections::{HashMap, HashSet};

use crate::foundation::{Digest, Finding};
use crate::oci::{Artifact, Descriptor, Verified};

pub(super) use candidates::Candidates;
pub use lookup::{Lookup, Scope};
pub use marked::{Marked, Marking, marked};
pub use nameless::lists_referrers_of;
pub use tag::{Tag, is_fallback_tag, is_referrer_tag};
pub use unread::{Trouble, Unread};

/// How a referrer was found first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FoundBy {
    /// Its own entry in `index.json`, and its `subject`.
    Subject,
    /// The index under the fallback tag.
    FallbackTag,
    /// A tag made of the digest and an ending.
    Tag,
    /// An index that says of whom it lists the referrers (image-spec#1171).
    Response,
    /// An index of images that lists it beside its subject.
    Index,
    /// Nothing lists it; it lies among the blobs.
    Blob,
}

/// Where a referrer is listed, which decides who sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listed {
    /// By an entry of its own in `index.json`.
    pub entry: bool,
    /// Under the fallback tag of its subject.
    pub fallback: bool,
    /// Whether the list under the fallback tag says of it just what the specification asks for: the artifact type and all
    /// annotations. regctl filters by what is there.
    pub mirrored: bool,
    /// In an index that says of whom it lists the referrers.
    pub response: bool,
    /// In an index of images, beside its subject.
    pub index: bool,
    /// Its names in `index.json`.
    pub names: Vec<String>,
}

/// A manifest that refers to another one.
#[derive(Debug, Clone)]
pub struct Referrer {
    /// What it really is: media type, digest and size of its bytes.
    pub descriptor: Descriptor,
    /// Its bytes.
    pub document: Verified,
    /// The document.
    pub artifact: Artifact,
    /// Where it is listed.
    pub listed: Listed,
    /// The ending of its tag, such as `sig`, if that is all that makes it a referrer.
    pub ending: Option<String>,
    /// What is odd about it.
    pub findings: Vec<Finding>,
}

/// Words in an artifact type that make it a signature: Notary Project, cosign's bundle and its older form.
const SIGNATURE: &[&str] = &["signature", "sigstore.bundle", "dev.cosign.simplesigning"];

impl Referrer {
    /// What it is: its artifact type, or where it has none its media type.
    pub fn artifact_type(&self) -> &str {
        self.artifact.artifact_type.as_deref().unwrap_or(&self.artifact.media_type)
    }

    /// How it was found first.
    pub fn found_by(&self) -> FoundBy {
        match &self.listed {
            _ if self.ending.is_some() => FoundBy::Tag,
            Listed { entry: true, .. } => FoundBy::Subject,
            Listed { fallback: true, .. } => FoundBy::FallbackTag,
            Listed { response: true, .. } => FoundBy::Response,
            Listed { index: true, .. } => FoundBy::Index,
            _ => FoundBy::Blob,
        }
    }

    /// Whether it is a signature. It is not verified.
    pub fn is_signature(&self) -> bool {
        SIGNATURE.iter().any(|word| self.artifact_type().contains(word)) || self.ending.as_deref() == Some("sig")
    }
}

/// What was found for one subject.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// The referrers, each once, in the order in which the layout lists them.
    pub referrers: Vec<Referrer>,
    /// What the lists say that is not so, and what of them could not be read.
    pub findings: Vec<Finding>,
    /// What may refer to it, or list who does, and could not be read. Each is among the findings too.
    pub unread: Vec<Unread>,
    /// What a list names that does not refer to it, and that has no entry of its own: without the list nothing leads there.
    pub alone: HashSet<Digest>,
    /// What the fallback tag stands for, if the layout has it.
    pub fallback: Option<Fallback>,
    /// Where each referrer stands: one image may have tens of thousands.
    pub(super) positions: HashMap<Digest, usize>,
}

impl Found {
    /// The referrer of this digest, if it was found already.
    pub(super) fn known(&mut self, digest: &Digest) -> Option<&mut Referrer> {
        self.positions.get(digest).and_then(|position| self.referrers.get_mut(*position))
    }

    /// Adds one that was not.
    pub(super) fn push(&mut self, referrer: Referrer) {
        self.positions.insert(referrer.descriptor.digest.clone(), self.referrers.len());
        self.referrers.push(referrer);
    }
}

impl Found {
    /// Adds something that could not be read.
    fn miss(&mut self, unread: Unread) {
        self.findings.push(unread.finding.clone());
        self.unread.push(unread);
    }
}

/// An entry under a fallback tag.
#[derive(Debug, Clone)]
pub struct Fallback {
    /// Its name, which ends in the tag.
    pub name: String,
    /// Whether it claims to be an index. Else it is an image or something of that name, which nobody may lose.
    pub is_list: bool,
    /// What it lists; `None` if it is no index that can be read.
    pub children: Option<Vec<Descriptor>>,
    /// What kept it from being read.
    pub trouble: Option<Trouble>,
}
