//! Finds the referrers of one subject after another in one source.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, OnceLock};

use super::candidates::Candidates;
use super::{Fallback, Found, Listed, Referrer, Tag, Trouble, Unread};
use crate::format::json::{Document, Kind, Node, Text};
use crate::foundation::{Code, Digest, Error, Fact, Finding, Limits, Result, Severity};
use crate::oci::{Artifact, Descriptor, Index, artifact, media_type};
use crate::read::Source;

/// How thoroughly is looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// For who writes the lists of one image: as [`Scope::Usual`], and named entries without an artifact type are taken for images.
    /// In a layout of ten thousand images, reading them all to add to the list of one is too slow, and nothing is lost by it.
    Quick,
    /// For who answers: entries that say in `io.containerd.manifest.subject` that they refer to something else are believed, all
    /// others are read. skopeo copies a referrer under a name and keeps no artifact type, so a name makes no image of an entry.
    Usual,
    /// Every entry is read.
    Thorough,
}

/// Finds the referrers of one subject after another.
#[derive(Debug)]
pub struct Lookup<'a> {
    source: Arc<Source>,
    limits: &'a Limits,
    candidates: Arc<Candidates>,
    /// The entries that must be read to know; they are, when the first question is asked.
    read: OnceLock<Entries>,
    /// See [`Lookup::unplaced`].
    unplaced: OnceLock<Vec<Unread>>,
    /// What has an entry of its own, for who asks.
    entries: OnceLock<HashSet<Digest>>,
}

/// The entries that were read.
#[derive(Debug, Default)]
struct Entries {
    /// By what they refer to.
    subjects: BTreeMap<Digest, Vec<usize>>,
    /// Those that could not be read.
    unread: Vec<Unread>,
}

impl<'a> Lookup<'a> {
    /// Gets ready; nothing is read yet.
    pub fn new(source: &Arc<Source>, scope: Scope, limits: &'a Limits) -> Self {
        let (read, unplaced, entries) = (OnceLock::new(), OnceLock::new(), OnceLock::new());
        Self { source: Arc::clone(source), limits, candidates: source.candidates(scope), read, unplaced, entries }
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
        let mut digests: Vec<Digest> = hinted.keys().chain(self.read().subjects.keys()).chain(responses.keys()).cloned().collect();
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
        let own = self.candidates.hinted.get(subject).into_iter().chain(self.read().subjects.get(subject)).flatten();
        for entry in own.filter_map(|position| self.entry(*position)) {
            let names = entry.name().map(str::to_owned).into_iter().collect();
            self.add(subject, entry, Listed { entry: true, names, ..Listed::default() }, &mut found);
        }
        for entry in self.candidates.responses.get(subject).into_iter().flatten().filter_map(|position| self.entry(*position)) {
            match self.list(entry) {
                Err(error) => found.miss(Unread::of(entry, error)),
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

    /// Entries that could not be read and that nothing ties to an image: each may refer to any image of the source. Those that a
    /// list names are reported by [`Lookup::of`] for the subject of that list.
    pub fn unplaced(&self) -> &[Unread] {
        self.unplaced.get_or_init(|| {
            let unread = &self.read().unread;
            if unread.is_empty() {
                return Vec::new();
            }
            let listed = self.listed_somewhere();
            unread.iter().filter(|unread| !listed.contains(&unread.digest)).cloned().collect()
        })
    }

    /// The findings of [`Lookup::unplaced`]: of the whole source, to be reported once.
    pub fn unplaced_findings(&self) -> Vec<Finding> {
        let told = |unread: &Unread| unread.finding.clone().detail("it may refer to any image here");
        self.unplaced().iter().map(told).collect()
    }

    /// What the lists of referrers name.
    fn listed_somewhere(&self) -> HashSet<Digest> {
        let Candidates { tags, responses, .. } = &*self.candidates;
        let lists = tags.values().chain(responses.values()).flatten().filter_map(|position| self.entry(*position));
        let lists = lists.filter(|entry| entry.is_index());
        // A list that cannot be read is reported for its subject, and places nothing.
        let lists = lists.filter_map(|entry| self.list(entry).ok());
        lists.flat_map(|index| index.manifests).map(|child| child.digest.clone()).collect()
    }

    fn list(&self, entry: &Descriptor) -> Result<Index> {
        let blob = self.source.document(entry, self.limits)?;
        let index = Index::parse(&blob, &entry.media_type, self.limits)?;
        // What is left of a list is no empty one.
        let is_list = Document::parse(blob.bytes(), self.limits)?.root().get("manifests").is_some_and(|list| list.kind() == Kind::Array);
        if is_list {
            return Ok(index);
        }
        Err(Error::new(Code::ReferrerFallbackTag, "a list of referrers has no list of manifests")
            .at(&entry.digest)
            .expected(Fact::new("a list of manifests, which may be empty", "image-spec, image-index.md")))
    }

    fn read(&self) -> &Entries {
        self.read.get_or_init(|| {
            let mut entries = Entries::default();
            for position in &self.candidates.unread {
                let Some(entry) = self.entry(*position) else { continue };
                match subject(&self.source, entry, self.limits) {
                    Ok(Some(subject)) => entries.subjects.entry(subject).or_default().push(*position),
                    Ok(None) => {}
                    Err(error) => entries.unread.push(Unread::of(entry, error)),
                }
            }
            entries
        })
    }

    /// An index under the fallback tag.
    fn listed(&self, subject: &Digest, entry: &Descriptor, name: &str, found: &mut Found) {
        let index = if entry.is_index() {
            self.list(entry)
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
                let trouble = Some(Trouble::of(&error));
                if entry.is_index() {
                    let unread = Unread::of(entry, error);
                    found.miss(Unread { finding: Finding { place: Some(name.to_owned()), ..unread.finding }, ..unread });
                } else {
                    found.findings.push(Finding { place: Some(name.to_owned()), ..error.into_finding() });
                    // It may be the referrer itself.
                    match read(&self.source, entry, self.limits) {
                        Ok(referrer) if referrer.artifact.subject.as_ref().is_some_and(|own| own.digest == *subject) => {
                            self.add(subject, entry, Listed { names: vec![name.to_owned()], ..Listed::default() }, found);
                        }
                        Ok(_) => {}
                        Err(error) => found.miss(Unread::of(entry, error)),
                    }
                }
                found.fallback.get_or_insert(Fallback { name: name.to_owned(), is_list: entry.is_index(), children, trouble });
            }
            Ok(index) => {
                for child in &index.manifests {
                    self.add(subject, child, Listed { fallback: true, ..Listed::default() }, found);
                }
                self.excuse(entry.size, &index.manifests, found);
                found.fallback = Some(Fallback { name: name.to_owned(), is_list: true, children: Some(index.manifests), trouble: None });
            }
        }
    }

    /// Where the annotations that a list leaves out would have made it larger than a document may be, it says as much as it can.
    fn excuse(&self, size: u64, listed: &[Descriptor], found: &mut Found) {
        let mut bare = Vec::new();
        let mut missing: u64 = 0;
        for entry in listed.iter().filter(|entry| entry.annotations.is_empty() && !entry.odd_annotations) {
            let Some(known) = found.known(&entry.digest).filter(|known| !known.listed.mirrored) else { continue };
            let annotations = &known.artifact.annotations;
            if entry.artifact_type == known.artifact.artifact_type {
                // Quotes, a colon and a comma stand around each.
                missing += annotations.iter().map(|(key, text)| (key.len() + text.len() + 6) as u64).sum::<u64>();
                bare.push(&entry.digest);
            }
        }
        if size.saturating_add(missing) > self.limits.document_bytes {
            for digest in bare {
                if let Some(known) = found.known(digest) {
                    known.listed.mirrored = true;
                }
            }
        }
    }

    /// A manifest under a tag with an ending: nothing in it says to what it belongs, the name does.
    fn tagged(&self, entry: &Descriptor, name: &str, ending: &str, found: &mut Found) {
        match read(&self.source, entry, self.limits) {
            Err(error) => {
                let unread = Unread::of(entry, error);
                found.miss(Unread { artifact_type: Some(ending.to_owned()), ..unread });
            }
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
            // Nobody but olareg keeps such an index, so what left the other lists is still there.
            Err(error) if listed.response && error.code() == Code::BlobMissing => return,
            Err(error) if error.code() == Code::BlobMissing => {
                let gone = Finding::new(Code::ReferrerGone, "a referrer is listed and is not there").at(&entry.digest);
                let gone = gone.found(Fact::new("nothing", entry.digest.blob_path())).severity(Severity::Damage);
                found.miss(Unread { finding: gone, ..Unread::of(entry, error) });
                return;
            }
            Err(error) => {
                found.miss(Unread::of(entry, error));
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
            let entries = self.entries.get_or_init(|| self.source.index.manifests.iter().map(|entry| entry.digest.clone()).collect());
            if !entries.contains(&entry.digest) {
                found.alone.insert(entry.digest.clone());
            }
            // No specification has a list in a list. What refers to the image does so wherever it stands.
            if listed.fallback && media_type::is_index(&referrer.artifact.media_type) {
                self.nested(subject, &referrer.artifact.content, found);
            }
            return;
        }
        referrer.listed = Listed { mirrored: listed.fallback && mirrors(entry, &referrer), ..listed };
        found.push(referrer);
    }

    /// Adds those of the children of an index on a list that refer to `subject`: the index may be any, so the others are no strangers.
    fn nested(&self, subject: &Digest, children: &[Descriptor], found: &mut Found) {
        for child in children {
            match read(&self.source, child, self.limits) {
                Ok(referrer) if referrer.artifact.subject.as_ref().is_some_and(|own| own.digest == *subject) => {
                    self.add(subject, child, Listed { response: true, ..Listed::default() }, found);
                }
                Ok(_) => {}
                // An index of images need not have all of them; what says that it is an artifact may refer to the image.
                Err(error) if error.code() == Code::BlobMissing && !child.is_artifact() => {}
                Err(error) => found.miss(Unread::of(child, error)),
            }
        }
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

/// What an entry of its own refers to. Most refer to nothing, and those are not parsed: a key called `subject` is spelled so, or
/// with an escape.
fn subject(source: &Source, entry: &Descriptor, limits: &Limits) -> Result<Option<Digest>> {
    match source.document(entry, limits) {
        // What calls itself an artifact is read, so that one that cannot be is not taken for one without a subject.
        Ok(document) if !entry.is_artifact() && !may_name_a_subject(document.bytes()) => return Ok(None),
        Ok(_) => {}
        Err(error) if error.code() == Code::DescriptorSizeMismatch => {}
        Err(error) => return Err(error),
    }
    Ok(read(source, entry, limits)?.artifact.subject.map(|subject| subject.digest.clone()))
}

fn may_name_a_subject(bytes: &[u8]) -> bool {
    // Readers written in Go take `Subject` for it too, so such a document is refused and not passed over.
    let text = String::from_utf8_lossy(bytes).to_ascii_lowercase();
    text.contains("subject") || text.contains("\\u")
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
