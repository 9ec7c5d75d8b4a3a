//! Finds the referrers of one subject after another in one source.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use super::candidates::Candidates;
use super::{Fallback, Found, Listed, Referrer, Tag};
use crate::core::{Code, Digest, Error, Fact, Finding, Limits, Result};
use crate::format::json::{Node, Text};
use crate::oci::{Artifact, Descriptor, Index, artifact, media_type};
use crate::read::Source;

/// How thoroughly is looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Entries that say in `io.containerd.manifest.subject` that they refer to something else are believed, and named entries
    /// without an artifact type are taken for images: in a layout of ten thousand images, reading them all to answer for one is
    /// too slow.
    Quick,
    /// Every entry is read.
    Thorough,
}

/// Finds the referrers of one subject after another.
#[derive(Debug)]
pub struct Lookup<'a> {
    source: Arc<Source>,
    limits: &'a Limits,
    candidates: Arc<Candidates>,
    /// What the entries refer to that must be read to know; they are, when the first question is asked.
    read: OnceLock<BTreeMap<Digest, Vec<usize>>>,
}

impl<'a> Lookup<'a> {
    /// Gets ready; nothing is read yet.
    pub fn new(source: &Arc<Source>, scope: Scope, limits: &'a Limits) -> Self {
        Self { source: Arc::clone(source), limits, candidates: source.candidates(scope), read: OnceLock::new() }
    }

    /// Reads a manifest that nothing lists, if it refers to anything.
    ///
    /// # Errors
    /// Those of reading the document.
    pub fn unlisted(&self, digest: &Digest) -> Result<Option<Referrer>> {
        let Some(document) = self.source.document_by_digest(digest, self.limits)? else { return Ok(None) };
        let text = Text::parse(document.bytes().to_vec(), self.limits)?;
        let media_type = text.root().get("mediaType").and_then(Node::as_str).unwrap_or_else(|| media_type::OCI_MANIFEST.into());
        if text.root().get("subject").is_none() || !artifact::may_refer(&media_type) {
            return Ok(None);
        }
        let referrer = read(&self.source, &Descriptor::plain(&media_type, digest, document.size()), self.limits)?;
        Ok(referrer.artifact.subject.is_some().then_some(referrer))
    }

    /// Every digest that an entry of its own refers to, and every fallback tag: what may have referrers.
    pub fn subjects(&self) -> (Vec<Digest>, Vec<String>) {
        let Candidates { hinted, tags, responses, .. } = &*self.candidates;
        let mut digests: Vec<Digest> = hinted.keys().chain(self.read().keys()).chain(responses.keys()).cloned().collect();
        digests.sort();
        digests.dedup();
        let mut tags: Vec<String> = tags.keys().map(ToString::to_string).collect();
        tags.sort();
        (digests, tags)
    }

    /// Who refers to `subject`, each once. What cannot be read or is not so is a finding, and so is a subject that is described
    /// otherwise than by `subject`, which must be how the layout leads to it.
    pub fn of(&self, subject: &Descriptor) -> Found {
        let mut found = self.of_digest(&subject.digest);
        for referrer in &mut found.referrers {
            referrer.findings.extend(mistaken_subject(subject, referrer));
        }
        found
    }

    /// As [`Lookup::of`], where only the digest of the subject is known.
    pub fn of_digest(&self, subject: &Digest) -> Found {
        let mut found = Found::default();
        let own = self.candidates.hinted.get(subject).into_iter().chain(self.read().get(subject)).flatten();
        for entry in own.filter_map(|position| self.entry(*position)) {
            let names = entry.name().map(str::to_owned).into_iter().collect();
            self.add(subject, entry, Listed { entry: true, names, ..Listed::default() }, &mut found);
        }
        for entry in self.candidates.responses.get(subject).into_iter().flatten().filter_map(|position| self.entry(*position)) {
            let index = self.source.document(entry, self.limits).and_then(|blob| Index::parse(&blob, &entry.media_type, self.limits));
            match index {
                Err(error) => found.findings.push(error.into_finding().at(&entry.digest)),
                Ok(index) => {
                    for child in &index.manifests {
                        self.add(subject, child, Listed { response: true, ..Listed::default() }, &mut found);
                    }
                }
            }
        }
        for position in self.candidates.tags.get(subject.fallback_tag().as_str()).into_iter().flatten() {
            let Some((entry, name)) = self.entry(*position).and_then(|entry| Some((entry, entry.name()?))) else { continue };
            match Tag::parse(name).and_then(|tag| tag.ending) {
                Some(ending) => self.tagged(entry, name, ending, &mut found),
                None => self.listed(subject, entry, name, &mut found),
            }
        }
        found
    }

    fn entry(&self, position: usize) -> Option<&Descriptor> {
        self.source.index.manifests.get(position)
    }

    fn read(&self) -> &BTreeMap<Digest, Vec<usize>> {
        self.read.get_or_init(|| {
            let mut subjects: BTreeMap<Digest, Vec<usize>> = BTreeMap::new();
            for position in &self.candidates.unread {
                // What cannot be read refers to nothing that anybody could know; `fsck` reports it.
                let Some(Ok(referrer)) = self.entry(*position).map(|entry| read(&self.source, entry, self.limits)) else { continue };
                if let Some(subject) = referrer.artifact.subject {
                    subjects.entry(subject.digest).or_default().push(*position);
                }
            }
            subjects
        })
    }

    /// An index under the fallback tag.
    fn listed(&self, subject: &Digest, entry: &Descriptor, name: &str, found: &mut Found) {
        let index = if entry.is_index() {
            self.source.document(entry, self.limits).and_then(|blob| Index::parse(&blob, &entry.media_type, self.limits))
        } else {
            Err(Error::new(Code::ReferrerFallbackTag, "the fallback tag stands for something that is no index")
                .at(name)
                .expected(Fact::new("an image index", "distribution-spec, Referrers Tag Schema"))
                .found(Fact::new(&entry.media_type, "index.json")))
        };
        match index {
            Err(error) => {
                // A list that is gone lists nothing, so there is nothing in it that a new one could lose.
                let children = (entry.is_index() && error.code() == Code::BlobMissing).then(Vec::new);
                found.findings.push(Finding { place: Some(name.to_owned()), ..error.into_finding() });
                found.fallback.get_or_insert(Fallback { name: name.to_owned(), is_list: entry.is_index(), children });
            }
            Ok(index) => {
                for child in &index.manifests {
                    self.add(subject, child, Listed { fallback: true, ..Listed::default() }, found);
                }
                self.excuse(entry.size, &index.manifests, found);
                found.fallback = Some(Fallback { name: name.to_owned(), is_list: true, children: Some(index.manifests) });
            }
        }
    }

    /// Where the annotations that a list leaves out would have made it larger than a document may be, it says as much as it can.
    fn excuse(&self, size: u64, listed: &[Descriptor], found: &mut Found) {
        let mut bare = Vec::new();
        let mut missing: u64 = 0;
        for entry in listed.iter().filter(|entry| entry.annotations.iter().next().is_none() && !entry.odd_annotations) {
            let Some(known) = found.known(&entry.digest).filter(|known| !known.listed.mirrored) else { continue };
            let annotations = &known.artifact.annotations;
            if entry.artifact_type == known.artifact.artifact_type {
                // Quotes, a colon and a comma stand around each.
                missing += annotations.iter().map(|(key, text)| (key.len() + text.len() + 6) as u64).sum::<u64>();
                bare.push(&entry.digest);
            }
        }
        if size.saturating_add(missing) > self.limits.document_bytes {
            bare.into_iter().for_each(|digest| {
                if let Some(known) = found.known(digest) {
                    known.listed.mirrored = true;
                }
            });
        }
    }

    /// A manifest under a tag with an ending: nothing in it says to what it belongs, the name does.
    fn tagged(&self, entry: &Descriptor, name: &str, ending: &str, found: &mut Found) {
        match read(&self.source, entry, self.limits) {
            Err(error) => found.findings.push(error.into_finding().at(name)),
            Ok(mut referrer) => {
                if let Some(known) = found.known(&referrer.descriptor.digest) {
                    known.listed.names.push(name.to_owned());
                    return;
                }
                referrer.listed.names.push(name.to_owned());
                referrer.ending = Some(ending.to_owned());
                found.push(referrer);
            }
        }
    }

    /// Adds what an entry leads to, if it refers to `subject`.
    fn add(&self, subject: &Digest, entry: &Descriptor, listed: Listed, found: &mut Found) {
        if let Some(known) = found.known(&entry.digest) {
            known.listed.entry |= listed.entry;
            known.listed.fallback |= listed.fallback;
            known.listed.response |= listed.response;
            known.listed.mirrored |= listed.fallback && mirrors(entry, known);
            known.listed.names.extend(listed.names);
            known.findings.extend(misdescribed(entry, known));
            return;
        }
        let mut referrer = match read(&self.source, entry, self.limits) {
            Ok(referrer) => referrer,
            // Nobody but olareg keeps such an index, so what left the other lists still stands there.
            Err(error) if listed.response && error.code() == Code::BlobMissing => return,
            Err(error) if error.code() == Code::BlobMissing => {
                let gone = Finding::new(Code::ReferrerGone, "a referrer is listed and is not there").at(&entry.digest);
                found.findings.push(gone.found(Fact::new("nothing", entry.digest.blob_path())));
                return;
            }
            Err(error) => {
                found.findings.push(error.into_finding().at(&entry.digest));
                return;
            }
        };
        if referrer.artifact.subject.as_ref().is_none_or(|own| own.digest != *subject) {
            let own = referrer.artifact.subject.as_ref().map_or_else(|| "no subject".to_owned(), |own| own.digest.to_string());
            found.findings.push(
                Finding::new(Code::ReferrerStranger, "something is listed as a referrer and refers to something else")
                    .at(&entry.digest)
                    .expected(Fact::new(subject, if listed.fallback { "the fallback tag" } else { "index.json" }))
                    .found(Fact::new(own, "its manifest")),
            );
            return;
        }
        referrer.listed = Listed { mirrored: listed.fallback && mirrors(entry, &referrer), ..listed };
        found.push(referrer);
    }
}

/// Reads what an entry leads to, whatever the entry says of its size and media type.
///
/// # Errors
/// Those of reading the document.
pub(super) fn read(source: &Source, entry: &Descriptor, limits: &Limits) -> Result<Referrer> {
    let document = match source.document(entry, limits) {
        Err(error) if error.code() == Code::DescriptorSizeMismatch => source.document_by_digest(&entry.digest, limits)?.ok_or(error)?,
        other => other?,
    };
    let artifact = match Artifact::parse(&document, &entry.media_type, limits) {
        Err(error) if matches!(error.code(), Code::DocMediaTypeMismatch | Code::DocMediaTypeUnknown) => {
            let own = error.finding().found.as_ref().map(|fact| fact.value.clone()).unwrap_or_default();
            Artifact::parse(&document, &own, limits).map_err(|_| error)?
        }
        other => other?,
    };
    let mut referrer = Referrer {
        descriptor: Descriptor::authored(&artifact.media_type, &document),
        document,
        artifact,
        listed: Listed::default(),
        ending: None,
        findings: Vec::new(),
    };
    referrer.findings.extend(misdescribed(entry, &referrer));
    Ok(referrer)
}

fn misdescribed(entry: &Descriptor, referrer: &Referrer) -> Option<Finding> {
    let (claimed, real) = (triple(entry), triple(&referrer.descriptor));
    (claimed != real).then(|| {
        Finding::new(Code::ReferrerSize, "an entry misdescribes a referrer")
            .at(&entry.digest)
            .expected(Fact::new(real, "its manifest"))
            .found(Fact::new(claimed, "the entry"))
    })
}

/// oras finds a subject by media type, digest and size together.
fn mistaken_subject(subject: &Descriptor, referrer: &Referrer) -> Option<Finding> {
    let own = referrer.artifact.subject.as_ref()?;
    let (claimed, real) = (triple(own), triple(subject));
    (claimed != real).then(|| {
        Finding::new(Code::ReferrerSubject, "a referrer misdescribes its subject")
            .at(&referrer.descriptor.digest)
            .expected(Fact::new(real, "the image"))
            .found(Fact::new(claimed, "the subject in its manifest"))
    })
}

fn triple(descriptor: &Descriptor) -> String {
    format!("{}, {} bytes", descriptor.media_type, descriptor.size)
}

/// Whether an entry of a list repeats what the manifest says, and nothing else (distribution-spec, "Listing Referrers").
fn mirrors(entry: &Descriptor, referrer: &Referrer) -> bool {
    entry.artifact_type == referrer.artifact.artifact_type
        && !entry.odd_annotations
        && entry.annotations == referrer.artifact.annotations
        && triple(entry) == triple(&referrer.descriptor)
}
