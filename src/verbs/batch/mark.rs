//! What is to be said for one item of a batch: who follows the old image and its platforms, and what the new one stands in for.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::finished::Finished;
use crate::format::json::Document;
use crate::foundation::{Code, Digest, Error, Fact, Finding, Result, Severity};
use crate::oci::{Descriptor, Verified, annotation};
use crate::plan::batch::Item;
use crate::plan::lifecycle::field::Record;
use crate::plan::referrers::{EMPTY, ReferrerChange};
use crate::read::referrers::Lookup;
use crate::read::{Image, Source, load};
use crate::verbs::Context;
use crate::verbs::lifecycle::{Reader, Successor, superseding};
use crate::verbs::referrers::asked_of;
use crate::write::IndexEdit;

/// The index of the output as it was read, and what is said of its images.
pub(super) struct OldIndex<'a> {
    pub(super) source: &'a Arc<Source>,
    /// The first entry of each digest.
    entries: HashMap<&'a Digest, &'a Descriptor>,
    reader: Reader<'a>,
}

impl<'a> OldIndex<'a> {
    pub(super) fn of(source: &'a Arc<Source>, reader: Reader<'a>) -> Self {
        let mut entries: HashMap<&Digest, &Descriptor> = HashMap::with_capacity(source.index.manifests.len());
        for entry in &source.index.manifests {
            entries.entry(&entry.digest).or_insert(entry);
        }
        Self { source, entries, reader }
    }
}

/// A statement on one subject.
pub(super) struct Word {
    pub(super) change: ReferrerChange,
    /// The statement, and the list that it is put on.
    pub(super) documents: Vec<Verified>,
    pub(super) edits: Vec<IndexEdit>,
}

/// What is to be said for one item.
pub(super) struct Mark {
    pub(super) image: String,
    pub(super) old: Digest,
    /// Every subject and what follows it, those included of which it is said already.
    pub(super) follows: Vec<(Digest, Digest)>,
    pub(super) words: Vec<Word>,
    pub(super) findings: Vec<Finding>,
    /// Whether a statement that is there could not be read.
    pub(super) unread: bool,
}

impl Mark {
    /// Makes it.
    ///
    /// # Errors
    /// `ref.not_found` if the old image is not listed any more, and those of reading both images and of statements statements.
    pub(super) fn of(item: &Item, finished: &Finished, index: &OldIndex<'_>, more: &Record, context: Context<'_>) -> Result<Self> {
        let OldIndex { source, entries, reader } = index;
        let limits = context.limits;
        let place = entries.get(&item.digest).ok_or_else(|| {
            Error::new(Code::RefNotFound, "the old image is not in the output any more")
                .expected(Fact::new(&item.digest, "the plan"))
                .found(Fact::new("no such entry", "index.json"))
        })?;
        let old = load(source, place, limits)?;
        let entry = Document::parse(finished.descriptor.as_bytes(), limits)?;
        let new = load(source, &Descriptor::parse(entry.root(), limits)?, limits)?;
        let mut by_manifest: BTreeMap<Digest, Digest> = BTreeMap::new();
        for image in new.images() {
            let from = image.manifest.annotations.get(annotation::REBASED_FROM).and_then(|text| text.parse().ok());
            let from =
                from.ok_or_else(|| Error::new(Code::Bug, "the result does not say of what it was made").at(&image.descriptor.digest))?;
            by_manifest.insert(from, image.descriptor.digest.clone());
        }
        // A platform that stays is what it was: it is its own successor.
        let stays = |digest: &Digest| new.images().into_iter().any(|image| image.descriptor.digest == *digest);
        let follower = |image: &Image| {
            let own = &image.descriptor.digest;
            let by = by_manifest.get(own).cloned().or_else(|| stays(own).then(|| own.clone()))?;
            Some((image.platform()?.to_string(), by))
        };
        let by_platform = old.images().into_iter().filter_map(follower).collect();
        let successor = Successor { tree: &new, name: finished.name.clone(), by_manifest, by_platform, more: more.clone() };
        let statements = superseding(reader, &old, &successor)?;
        let mut follows: Vec<(Digest, Digest)> = Vec::with_capacity(statements.subjects.len() + 1);
        for stated in &statements.subjects {
            let by = successor.by_manifest.get(&stated.digest).filter(|_| stated.digest != item.digest);
            follows.push((stated.digest.clone(), by.unwrap_or(&new.descriptor().digest).clone()));
        }
        follows.push((new.descriptor().digest.clone(), new.descriptor().digest.clone()));
        let unread = statements.unread;
        let mut findings: Vec<Finding> =
            statements.findings.iter().filter(|finding| finding.severity >= Severity::Warning).cloned().collect();
        let (documents, changes) = statements.into_outgoing().into_documents();
        let words = words(documents, changes, reader.lookup(), context, &mut findings)?;
        Ok(Self { image: item.image.clone(), old: item.digest.clone(), follows, words, findings, unread })
    }
}

/// Puts the documents of statements beside the changes that ask for them, and decides what the lists say.
fn words(
    documents: Vec<Verified>,
    changes: Vec<ReferrerChange>,
    lookup: &Lookup<'_>,
    context: Context<'_>,
    findings: &mut Vec<Finding>,
) -> Result<Vec<Word>> {
    // What a statement needs stands before its manifest; the empty config of all of them is written once.
    let mut rest = documents.into_iter().filter(|document| document.bytes() != EMPTY);
    let mut words = Vec::with_capacity(changes.len());
    for change in changes {
        let manifest = change.add.last().map(|item| item.descriptor.digest.clone());
        let mut documents = Vec::new();
        while documents.last().map(Verified::digest) != manifest.as_ref() {
            documents.push(rest.next().ok_or_else(|| Error::new(Code::Bug, "a statement is listed and was not made"))?);
        }
        let asked = asked_of(std::slice::from_ref(&change), Some(lookup), context)?;
        findings.extend(asked.findings);
        documents.extend(asked.documents);
        words.push(Word { change, documents, edits: asked.edits });
    }
    Ok(words)
}
