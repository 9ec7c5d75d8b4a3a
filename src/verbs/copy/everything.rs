//! What `copy --all` means: everything that has an entry.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::{Brought, Copied, Document, Form, Gathered, Outgoing, Output, Request};
use crate::foundation::{Code, Digest, Error, ExitClass, Fact, Finding, Result, text};
use crate::oci::{Artifact, Descriptor, Manifest, artifact, collection};
use crate::read::referrers::{Lookup, Tag, lists_referrers_of, marked};
use crate::read::{Located, Source, Tree, Walk, load, parts, walk};
use crate::verbs::Context;
use crate::verbs::narrow::{Narrowed, explained, narrow};
use crate::verbs::output::under_names_of;
use crate::verbs::referrers::Subject;

/// The entries of a source, by what becomes of them. Lists of referrers are in none: they are made anew.
#[derive(Debug, Default)]
pub(in crate::verbs) struct Everything {
    /// Images, collections, artifacts and documents of unknown types, each once.
    pub(in crate::verbs) tops: Vec<Located>,
    /// What refers to something else, and goes where that goes.
    referring: Vec<Located>,
    /// What only the lists of what is not here lead to.
    alone: HashSet<Digest>,
    /// What stays behind.
    pub(super) left: Vec<Finding>,
    /// What could not be read: read again, it may be there.
    pub(super) unread: Vec<Finding>,
    /// What takes the place of indexes of which not everything goes along.
    narrowed: HashMap<Digest, Descriptor>,
    /// Why the first of what stays does.
    first: Option<Error>,
}

/// What an entry is.
enum Sort {
    Top,
    Referring,
    /// It is made anew, or goes with the index that it belongs to.
    Else,
}

impl Everything {
    /// Sorts the entries of `source`.
    ///
    /// # Errors
    /// `graph.too_many`.
    pub(in crate::verbs) fn of(source: &Arc<Source>, context: Context<'_>) -> Result<Self> {
        let mut everything = Self::default();
        let mut positions = HashMap::new();
        let saved: HashSet<&Digest> = marked(source, context.limits).found.iter().map(|marked| &marked.entry.digest).collect();
        let parts = parts(source, context.limits)?;
        for entry in &source.index.manifests {
            let located = || Located::entry(source, entry);
            let sort = match sort(source, entry, &saved, context) {
                _ if entry.name().is_none() && parts.contains(&entry.digest) => Sort::Else,
                Ok(sort) => sort,
                Err(error) => {
                    everything.leave(&located(), error);
                    continue;
                }
            };
            let into = match sort {
                Sort::Else => continue,
                Sort::Top => &mut everything.tops,
                Sort::Referring => &mut everything.referring,
            };
            match positions.get(&entry.digest) {
                None => {
                    positions.insert(&entry.digest, into.len());
                    into.push(located());
                }
                // The first name is the one by which it is told.
                Some(position) => {
                    if let Some(known) = into.get_mut(*position).filter(|known| known.name.is_none()) {
                        known.name = entry.name().map(str::to_owned);
                    }
                }
            }
        }
        Ok(everything)
    }

    /// Reads all of it, and leaves behind what is not whole.
    ///
    /// # Errors
    /// Those of making what is said of an index speak of its platforms.
    pub(super) fn walk<'c>(
        &mut self,
        request: &Request,
        into: &mut Gathered<'_>,
        brought: &mut Brought<'c>,
        context: Context<'c>,
    ) -> Result<()> {
        let mut seen = HashSet::new();
        let mut kept = Vec::with_capacity(self.tops.len());
        for mut top in std::mem::take(&mut self.tops) {
            let narrowed =
                if request.choice.is_whole() || !is_image_entry(&top, context) { Ok(None) } else { narrow(&top, &request.choice, context) };
            match narrowed.and_then(|narrowed| Ok((whole(&top, narrowed.as_ref(), &request.output, context)?, narrowed))) {
                Ok((found, narrowed)) => {
                    if let Some(narrowed) = narrowed {
                        brought.add(&top, &narrowed, request, context)?;
                        into.join(&narrowed.descriptor.digest, narrowed.found, &mut seen);
                        self.left.extend(narrowed.findings);
                        if narrowed.descriptor.digest != top.descriptor.digest {
                            self.narrowed.insert(top.descriptor.digest.clone(), narrowed.descriptor.clone());
                        }
                        top.descriptor = narrowed.descriptor;
                    }
                    into.join(&top.descriptor.digest, found, &mut seen);
                    kept.push(top);
                }
                Err(error) => self.leave(&top, explained(&top, error, context)),
            }
        }
        self.tops = kept;
        Ok(())
    }

    /// What is referred to and is not here: the statements on it may be all that there is of it.
    /// Their indexes may be here and not be listed: what is said of them holds for the platforms that are, so they go along.
    pub(super) fn absent<'a>(
        &mut self,
        lookup: &Lookup<'_>,
        subjects: &[Subject],
        source: &'a Arc<Source>,
        outgoing: &mut Outgoing<'a>,
        context: Context<'_>,
    ) -> Vec<Subject> {
        let known: HashSet<&Digest> = subjects.iter().map(|subject| &subject.descriptor.digest).collect();
        let (digests, tags) = lookup.subjects();
        let tags = tags.into_iter().filter_map(|tag| tag.replacen('-', ":", 1).parse::<Digest>().ok());
        let mut absent = Vec::new();
        let mut seen = HashSet::new();
        let is_absent = |digest: &Digest| !known.contains(digest) && !self.narrowed.contains_key(digest);
        for digest in digests.into_iter().chain(tags).filter(is_absent) {
            if !seen.insert(digest.clone()) {
                continue;
            }
            let found = lookup.of_digest(&digest);
            let own = found.referrers.iter().find_map(|referrer| referrer.artifact.subject.clone());
            // Under a tag with an ending nothing describes the subject, and nothing is written that would have to.
            let descriptor = own.unwrap_or_else(|| Descriptor::plain(crate::oci::media_type::OCI_MANIFEST, &digest, 0));
            if !found.referrers.is_empty() && descriptor.is_index() {
                match source.document_by_digest(&digest, context.limits) {
                    Ok(document) => document.iter().for_each(|document| outgoing.document(document)),
                    Err(error) => self.unread.push(error.into_finding().at(&digest)),
                }
            }
            if !found.referrers.is_empty() {
                absent.push(Subject { descriptor, child: false });
            }
            self.alone.extend(found.alone);
            // Whether that refers to it is not known, so it may go along as if it did not.
            self.unread.extend(found.unread.into_iter().map(|unread| unread.finding));
        }
        absent
    }

    /// What refers to something and did not go with it: whoever asked for fewer referrers wants it so; else it goes alone.
    pub(super) fn stragglers(&mut self, carried: &[Digest], chosen: bool, output: &Output, into: &mut Gathered<'_>, context: Context<'_>) {
        let carried: HashSet<&Digest> = carried.iter().collect();
        let mut seen = HashSet::new();
        for one in std::mem::take(&mut self.referring) {
            if carried.contains(&one.descriptor.digest) {
                continue;
            }
            let of_narrowed = subject(&one, context).is_some_and(|subject| self.narrowed.contains_key(&subject));
            if chosen || of_narrowed {
                let why = if of_narrowed { "it refers to an index of which not everything was copied" } else { "as it was asked for" };
                self.left.push(
                    Finding::new(Code::ReferrerLeft, format!("a referrer was not copied: {why}"))
                        .at(place(&one))
                        .found(Fact::new(&one.descriptor.media_type, "index.json")),
                );
                continue;
            }
            match whole(&one, None, output, context) {
                Ok(more) => {
                    into.join(&one.descriptor.digest, more, &mut seen);
                    self.tops.push(one);
                }
                Err(error) => self.leave(&one, error),
            }
        }
    }

    /// What only a list of referrers leads to, and does not refer to what that is a list of: lists are made anew of what does, so it stays
    /// behind, unless it is part of something that goes.
    pub(super) fn strangers(&mut self, alone: &HashSet<Digest>, found: &Gathered<'_>) {
        let going: HashSet<&Digest> = found.documents.iter().map(Document::digest).collect();
        let mut alone: Vec<&Digest> = self.alone.iter().chain(alone).filter(|digest| !going.contains(digest)).collect();
        alone.sort();
        alone.dedup();
        self.left.extend(alone.into_iter().map(|digest| {
            Finding::new(Code::CopyLeftOut, "what a list of referrers names and does not refer to the image was not copied")
                .at(digest)
                .found(Fact::new("nothing but the list", "what leads to it"))
                .hint("Make a statement with `airbase lifecycle set`, or `airbase attach` it to the image.")
        }));
    }

    /// That an entry stays behind, and why.
    fn leave(&mut self, one: &Located, error: Error) {
        let why = error.finding();
        let finding = Finding::new(Code::CopyLeftOut, "an entry was not copied")
            .at(place(one))
            .found(Fact::new(&one.descriptor.media_type, "index.json"))
            .detail(format!("{}: {}", why.code.slug(), why.message));
        self.left.push(why.hints.iter().fold(finding, Finding::hint));
        let is_unread = |error: &Error| error.exit_class() == ExitClass::Io;
        if is_unread(&error) {
            self.unread.push(why.clone().at(place(one)));
        }
        if self.first.as_ref().is_none_or(|first| is_unread(&error) && !is_unread(first)) {
            self.first = Some(error);
        }
    }

    /// Refuses a source of which something could not be read: it may be there the next time.
    ///
    /// # Errors
    /// That of reading.
    pub(in crate::verbs) fn refuse_unread(&mut self) -> Result<()> {
        self.first.take_if(|first| first.exit_class() == ExitClass::Io).map_or(Ok(()), Err)
    }

    /// Why nothing at all goes.
    pub(super) fn nothing(&mut self, source: &Source) -> Error {
        self.first
            .take()
            .unwrap_or_else(|| Error::new(Code::RefNotFound, "the source holds nothing that could be copied").at(source.shown()))
    }

    /// Every entry that lists something that goes along, under its own name. An image may have several.
    pub(super) fn entries(
        &self,
        source: &Arc<Source>,
        referrers: &[Digest],
        found: &Gathered<'_>,
        context: Context<'_>,
    ) -> Result<Vec<Located>> {
        let tops: HashSet<&Digest> = self.tops.iter().map(|top| &top.descriptor.digest).collect();
        let walked: HashSet<&Digest> = found.documents.iter().map(Document::digest).collect();
        let referrers: HashSet<&Digest> = referrers.iter().collect();
        // A referrer has a place on the list of its subject; a name that it has beside that is kept too.
        let is_named = |entry: &Descriptor| entry.name().is_some_and(|name| Tag::parse(name).is_none());
        let goes = |entry: &&Descriptor| {
            let digest = &entry.digest;
            tops.contains(digest) || (walked.contains(digest) && !is_list(entry)) || (referrers.contains(digest) && is_named(entry))
        };
        let mut entries = Vec::new();
        for entry in &source.index.manifests {
            let descriptor = match self.narrowed.get(&entry.digest) {
                Some(narrowed) => under_names_of(narrowed, entry, context.limits)?,
                None if goes(&entry) => entry.clone(),
                None => continue,
            };
            entries.push(Located { source: Arc::clone(source), descriptor, name: entry.name().map(str::to_owned) });
        }
        Ok(entries)
    }
}

/// The copied entries that are told: an entry without a name that is part of another one needs no line.
pub(super) fn told(images: Vec<Copied>, tops: &[Located]) -> Vec<Copied> {
    let tops: HashSet<&Digest> = tops.iter().map(|top| &top.descriptor.digest).collect();
    images.into_iter().filter(|image| image.name.is_some() || tops.contains(&image.digest)).collect()
}

fn is_list(entry: &Descriptor) -> bool {
    let is_tagged = entry.name().and_then(Tag::parse).is_some_and(|tag| tag.ending.is_none());
    entry.is_index() && (is_tagged || entry.lists_referrers_of().is_some())
}

fn sort(source: &Source, entry: &Descriptor, saved: &HashSet<&Digest>, context: Context<'_>) -> Result<Sort> {
    let tag = entry.name().and_then(Tag::parse);
    if is_list(entry) || lists_referrers_of(source, entry, context.limits).is_some() {
        return Ok(Sort::Else);
    }
    if tag.is_some_and(|tag| tag.ending.is_some()) || saved.contains(&entry.digest) {
        return Ok(Sort::Referring);
    }
    if entry.is_index() || !artifact::may_refer(&entry.media_type) {
        return Ok(Sort::Top);
    }
    let blob = source.document(entry, context.limits)?;
    let runs = entry.is_manifest() && !entry.is_artifact() && Manifest::parse(&blob, &entry.media_type, context.limits)?.is_image();
    let refers = !runs && Artifact::parse(&blob, &entry.media_type, context.limits)?.subject.is_some();
    Ok(if refers { Sort::Referring } else { Sort::Top })
}

/// Everything that an entry consists of.
///
/// # Errors
/// `blob.missing`, `image.not_an_image` for what the output has no place for, and whatever a document is refused for.
fn whole(one: &Located, narrowed: Option<&Narrowed>, output: &Output, context: Context<'_>) -> Result<Walk> {
    let mut found = Walk::default();
    // It was read when it was narrowed.
    if narrowed.is_some() {
        return Ok(found);
    }
    walk(&one.source, &one.descriptor, context.limits, &mut found, &mut HashSet::new())?;
    for blob in found.blobs.iter().filter(|blob| blob.data.is_none()) {
        one.source.region(blob)?;
    }
    if matches!(output, Output::Archive { form: Form::Docker, .. }) && !is_image(one, &found, context)? {
        return Err(
            Error::new(Code::NotAnImage, "a docker-archive holds images, and this is none").hint("Write a layout or an oci-archive.")
        );
    }
    if let (Output::Archive { form: Form::Docker, .. }, true) = (output, one.descriptor.is_index()) {
        let tree = load(&one.source, &one.descriptor, context.limits)?;
        let platforms: Vec<String> = tree.images().iter().filter_map(|image| image.platform()).map(ToString::to_string).collect();
        if tree.images().len() != 1 {
            return Err(Error::new(Code::RefPlatform, "a docker-archive holds one platform of an image")
                .hint(format!("Choose one with --platform, of {}, or write an oci-archive.", platforms.join(", "))));
        }
    }
    Ok(found)
}

/// What a choice of platforms is about.
fn is_image_entry(one: &Located, context: Context<'_>) -> bool {
    // What cannot be read is reported by whoever reads it next.
    load(&one.source, &one.descriptor, context.limits).is_ok_and(|tree| matches!(tree, Tree::Image(_) | Tree::Index(_)))
}

/// What a referrer refers to.
fn subject(one: &Located, context: Context<'_>) -> Option<Digest> {
    // What cannot be read is reported by whoever copies it.
    let blob = one.source.document(&one.descriptor, context.limits).ok()?;
    Artifact::parse(&blob, &one.descriptor.media_type, context.limits).ok()?.subject.map(|subject| subject.digest.clone())
}

fn is_image(one: &Located, found: &Walk, context: Context<'_>) -> Result<bool> {
    let descriptor = &one.descriptor;
    let document = found.documents.iter().find(|(other, _)| other.digest == descriptor.digest).map(|(_, document)| document);
    Ok(match document {
        Some(document) if descriptor.is_index() => {
            !collection::is_collection(&crate::oci::Index::parse(document, &descriptor.media_type, context.limits)?)
        }
        Some(document) => Manifest::parse(document, &descriptor.media_type, context.limits)?.is_image(),
        None => false,
    })
}

fn place(one: &Located) -> String {
    one.name.as_deref().map_or_else(|| one.descriptor.digest.to_string(), text::escape)
}
