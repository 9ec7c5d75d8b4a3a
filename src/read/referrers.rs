//! Who refers to an image (image-spec, manifest.md, "subject"; distribution-spec, "Referrers Tag Schema").
//!
//! A layout has three ways to say it, and clients differ in which they write: a manifest with a `subject` listed in
//! `index.json`, an index under the fallback tag `sha256-<hex>`, and tags that begin so (`.sig`, `.att`, `.sbom`).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Source;
use crate::core::{Digest, Limits};
use crate::oci::{Descriptor, Index, Manifest};

/// How a referrer was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FoundBy {
    /// Its `subject`.
    Subject,
    /// The index under the fallback tag.
    FallbackTag,
    /// A tag made of the digest and an ending.
    Tag,
}

/// A manifest that refers to another one.
#[derive(Debug, Clone)]
pub struct Referrer {
    /// Its descriptor.
    pub descriptor: Descriptor,
    /// What it is.
    pub artifact_type: String,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
    /// How it was found.
    pub found_by: FoundBy,
    /// The ending of its tag, such as `sig`.
    pub ending: Option<String>,
}

/// Words in an artifact type that make it a statement on the life cycle.
const LIFECYCLE: &[&str] = &["lifecycle", "end-of-life"];
/// Words in an artifact type that make it a signature: Notary Project, cosign's bundle and its older form.
const SIGNATURE: &[&str] = &["signature", "sigstore.bundle", "dev.cosign.simplesigning"];

impl Referrer {
    fn of(descriptor: &Descriptor, manifest: Option<&Manifest>, found_by: FoundBy, ending: Option<&str>) -> Self {
        let artifact_type = match (manifest, &descriptor.artifact_type) {
            (Some(manifest), _) => manifest.effective_artifact_type().to_owned(),
            (None, Some(artifact_type)) => artifact_type.clone(),
            (None, None) => descriptor.media_type.clone(),
        };
        Self {
            annotations: manifest.map_or_else(|| descriptor.annotations.clone(), |manifest| manifest.annotations.clone()),
            descriptor: descriptor.clone(),
            artifact_type,
            found_by,
            ending: ending.map(str::to_owned),
        }
    }

    /// Whether it speaks of the life cycle of the image.
    pub fn is_lifecycle(&self) -> bool {
        LIFECYCLE.iter().any(|word| self.artifact_type.contains(word))
    }

    /// Whether it is a signature. It is not verified.
    pub fn is_signature(&self) -> bool {
        SIGNATURE.iter().any(|word| self.artifact_type.contains(word)) || self.ending.as_deref() == Some("sig")
    }
}

/// The referrers that name a subject, by subject, and the entries whose tags are made of a digest, by that digest: looking
/// through all entries for each of them takes minutes in a layout of a hundred thousand.
#[derive(Debug, Default)]
pub struct Subjects {
    subjects: BTreeMap<Digest, Vec<Referrer>>,
    tags: BTreeMap<String, Vec<usize>>,
}

impl Subjects {
    /// Reads the subject of every manifest that `index.json` lists. With `unnamed_only`, named entries of which the descriptor
    /// says no artifact type are passed over: in a layout of ten thousand images, reading them all to answer for one is too slow.
    pub fn read(source: &Arc<Source>, unnamed_only: bool, limits: &Limits) -> Self {
        let mut found = Self::default();
        for (position, entry) in source.index.manifests.iter().enumerate() {
            if let Some((tag, _)) = entry.name().and_then(split_tag) {
                found.tags.entry(tag.to_owned()).or_default().push(position);
            }
            let passed_over = unnamed_only && entry.name().is_some() && entry.artifact_type.is_none();
            if passed_over || !entry.is_manifest() {
                continue;
            }
            // What cannot be read is no referrer of anything; `fsck` reports it.
            let Ok(blob) = source.document(entry, limits) else { continue };
            let Ok(manifest) = Manifest::parse(&blob, &entry.media_type, limits) else { continue };
            if let Some(subject) = &manifest.subject {
                found.subjects.entry(subject.digest.clone()).or_default().push(Referrer::of(
                    entry,
                    Some(&manifest),
                    FoundBy::Subject,
                    None,
                ));
            }
        }
        found
    }
}

/// How long the part of a fallback tag is that stands for the digest: `sha256-` or `sha512-`, and 64 digits.
const TAG: usize = 71;

/// The name of an entry as a fallback tag and what follows it. `None` if it cannot be one.
fn split_tag(name: &str) -> Option<(&str, &str)> {
    name.rsplit([':', '/']).next()?.split_at_checked(TAG)
}

/// Who refers to `digest`, each once; `subjects` was read from the same source.
pub fn referrers(source: &Arc<Source>, digest: &Digest, subjects: &Subjects, limits: &Limits) -> Vec<Referrer> {
    let mut found = subjects.subjects.get(digest).cloned().unwrap_or_default();
    let mut add = |referrer: Referrer| {
        if !found.iter().any(|known: &Referrer| known.descriptor.digest == referrer.descriptor.digest) {
            found.push(referrer);
        }
    };
    let tag = digest.fallback_tag();
    for position in subjects.tags.get(&tag).into_iter().flatten() {
        let Some(entry) = source.index.manifests.get(*position) else { continue };
        let Some((_, rest)) = entry.name().and_then(split_tag) else { continue };
        match (rest.strip_prefix('.'), entry.is_index()) {
            (Some(ending), _) => add(Referrer::of(entry, None, FoundBy::Tag, Some(ending))),
            (None, true) if rest.is_empty() => {
                let index = source.document(entry, limits).and_then(|blob| Index::parse(&blob, &entry.media_type, limits));
                for listed in index.into_iter().flat_map(|index| index.manifests) {
                    add(Referrer::of(&listed, None, FoundBy::FallbackTag, None));
                }
            }
            (None, false) if rest.is_empty() => add(Referrer::of(entry, None, FoundBy::Tag, None)),
            _ => {}
        }
    }
    found
}
