//! What is needed, and by what.
//!
//! Roots are the entries of `index.json` that are neither referrers nor lists of them: images with and without a name, named
//! artifacts, collections. From there everything is reached by the descriptors of documents, and from each document that was
//! reached its referrers are. A document that cannot be read or is of an unknown kind keeps whatever it spells that looks like a
//! digest: what is not understood loses nothing. A document that an index lists and that is not here is told: what it needs is not known.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use crate::format::json::{Document, Kind, Node};
use crate::foundation::{Digest, Limits, Result};
use crate::oci::{Artifact, Descriptor, Index, artifact, media_type};
use crate::plan::lifecycle::convention::OWN_TYPE;
use crate::read::Source;
use crate::read::referrers::{Tag, lists_referrers_of};
use crate::verbs::Context;

/// What keeps a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keeper {
    /// A name.
    Named,
    /// An entry without a name that is an image of its own.
    Unnamed,
    /// A document that names it.
    Part,
    /// An index that lists it.
    Child,
    /// It refers to something that is kept.
    Subject,
    /// It is the list of referrers of something that is kept.
    List,
    /// It refers to something that is not here, and is young.
    Grace,
}

impl Keeper {
    /// Whether a document keeps it that is kept itself.
    pub(super) fn is_part(self) -> bool {
        matches!(self, Self::Part | Self::Child)
    }
}

/// By what blobs are kept. A layout may have half a million, so those that are here have a place in a sorted list.
#[derive(Debug)]
pub(super) struct Kept {
    stored: Vec<(Digest, Option<Keeper>)>,
    /// What is named and is not here.
    absent: BTreeMap<Digest, Keeper>,
}

impl Kept {
    fn none_of(stored: Vec<Digest>) -> Self {
        Self { stored: stored.into_iter().map(|digest| (digest, None)).collect(), absent: BTreeMap::new() }
    }

    fn get_mut(&mut self, digest: &Digest) -> Option<&mut Keeper> {
        match self.stored.binary_search_by(|(stored, _)| stored.cmp(digest)) {
            Ok(position) => self.stored.get_mut(position).and_then(|(_, keeper)| keeper.as_mut()),
            Err(_) => self.absent.get_mut(digest),
        }
    }

    fn insert(&mut self, digest: &Digest, keeper: Keeper) {
        let position = self.stored.binary_search_by(|(stored, _)| stored.cmp(digest));
        match position.ok().and_then(|position| self.stored.get_mut(position)) {
            Some((_, place)) => *place = Some(keeper),
            None => drop(self.absent.insert(digest.clone(), keeper)),
        }
    }

    fn contains(&self, digest: &Digest) -> bool {
        match self.stored.binary_search_by(|(stored, _)| stored.cmp(digest)) {
            Ok(position) => self.stored.get(position).is_some_and(|(_, keeper)| keeper.is_some()),
            Err(_) => self.absent.contains_key(digest),
        }
    }

    pub(super) fn is_here(&self, digest: &Digest) -> bool {
        self.stored.binary_search_by(|(stored, _)| stored.cmp(digest)).is_ok()
    }

    /// How many are kept so.
    pub(super) fn count(&self, is_meant: impl Fn(Keeper) -> bool) -> usize {
        let all = self.stored.iter().filter_map(|(_, keeper)| *keeper).chain(self.absent.values().copied());
        all.filter(|keeper| is_meant(*keeper)).count()
    }

    /// What is here and is not kept.
    pub(super) fn others(self) -> impl Iterator<Item = Digest> {
        self.stored.into_iter().filter(|(_, keeper)| keeper.is_none()).map(|(digest, _)| digest)
    }
}

/// What stays and what goes.
#[derive(Debug)]
pub(super) struct Marks {
    pub(super) kept: Kept,
    /// Entries that go, and why.
    pub(super) gone: Vec<(Descriptor, String)>,
    /// Documents that are needed and not here, as an index that is lists them.
    pub(super) absent: BTreeMap<Digest, Descriptor>,
}

/// By subject, who refers to it, and whether that is listed in an index of images beside its subject.
pub(super) type Referring = HashMap<Digest, Vec<(Descriptor, bool)>>;

/// What is decided otherwise than by who needs what.
pub(super) struct Rules<'r> {
    /// What a batch has written and not listed yet.
    pub(super) batched: &'r [Descriptor],
    /// Which referrers of nothing stay for now.
    pub(super) is_young: &'r dyn Fn(&Digest) -> Result<bool>,
    /// Whether named entries go that by their name belong to something that is not here.
    pub(super) orphans: bool,
}

/// Decides what stays of the blobs that are `stored`, which are sorted.
pub(super) fn marks(
    source: &Arc<Source>,
    stored: Vec<Digest>,
    referring: &Referring,
    rules: &Rules<'_>,
    context: Context<'_>,
) -> Result<Marks> {
    let mut walk = Walk::new(source, stored, referring, context);
    let referrers = referring.values().flatten().filter(|(_, in_index)| !in_index);
    let referrers: HashSet<&Digest> = referrers.map(|(referrer, _)| &referrer.digest).collect();
    let mut others = Vec::new();
    for entry in &source.index.manifests {
        // A name alone proves nothing: it may be the only name of an image.
        let proves = |tag: Tag<'_>| rules.orphans || tag.ending.is_none() && walk.is_list_of(entry, tag.tag);
        let tagged = entry.name().and_then(Tag::parse).is_some_and(proves);
        let is_list = tagged || walk.listed_by(entry).is_some();
        if is_list || entry.name().is_none() && referrers.contains(&entry.digest) {
            others.push(entry);
        } else {
            walk.mark(entry, if entry.name().is_some() { Keeper::Named } else { Keeper::Unnamed })?;
        }
    }
    for entry in beside_the_list(source, context.limits) {
        walk.mark(&entry, Keeper::Part)?;
    }
    for entry in rules.batched {
        walk.mark(entry, Keeper::Unnamed)?;
    }
    for entry in &others {
        if !walk.marks.kept.contains(&entry.digest) && (rules.is_young)(&entry.digest)? {
            walk.mark(entry, Keeper::Grace)?;
        }
    }
    let gone: Vec<&Descriptor> = others.into_iter().filter(|entry| !walk.marks.kept.contains(&entry.digest)).collect();
    let mut subjects: HashMap<&Digest, &Digest> = HashMap::new();
    if !gone.is_empty() {
        let each = referring.iter().flat_map(|(subject, all)| all.iter().map(move |(referrer, _)| (&referrer.digest, subject)));
        subjects.extend(each);
    }
    let gone = gone.into_iter().map(|entry| (entry.clone(), walk.why_gone(entry, subjects.get(&entry.digest).copied()))).collect();
    Ok(Marks { gone, ..walk.marks })
}

struct Walk<'a> {
    source: &'a Source,
    referring: &'a Referring,
    lists: HashMap<String, Vec<&'a Descriptor>>,
    listed_by: HashMap<&'a Digest, Digest>,
    context: Context<'a>,
    marks: Marks,
}

impl<'a> Walk<'a> {
    fn new(source: &'a Source, stored: Vec<Digest>, referring: &'a Referring, context: Context<'a>) -> Self {
        let mut lists: HashMap<String, Vec<&Descriptor>> = HashMap::new();
        let mut listed_by = HashMap::new();
        for entry in &source.index.manifests {
            let subject = entry.lists_referrers_of().or_else(|| lists_referrers_of(source, entry, context.limits));
            listed_by.extend(subject.clone().map(|subject| (&entry.digest, subject)));
            let tag = entry.name().and_then(Tag::parse).filter(|tag| tag.ending.is_none()).map(|tag| tag.tag.to_owned());
            for tag in tag.into_iter().chain(subject.map(|subject| subject.fallback_tag())) {
                lists.entry(tag).or_default().push(entry);
            }
        }
        Self {
            source,
            referring,
            lists,
            listed_by,
            context,
            marks: Marks { kept: Kept::none_of(stored), gone: Vec::new(), absent: BTreeMap::new() },
        }
    }

    /// Of whom an entry lists the referrers, by what it says or by what it lists.
    fn listed_by(&self, entry: &Descriptor) -> Option<&Digest> {
        self.listed_by.get(&entry.digest)
    }

    /// Why an entry goes that belongs to something that is not kept; `referred` is what it refers to itself.
    fn why_gone(&self, entry: &Descriptor, referred: Option<&Digest>) -> String {
        let tag = entry.name().and_then(Tag::parse);
        let tagged: Option<Digest> = tag.and_then(|tag| tag.tag.replacen('-', ":", 1).parse().ok());
        let subject = tagged.as_ref().or(referred).or_else(|| self.listed_by(entry));
        let is_list = referred.is_none() && entry.is_index();
        // It may be here still, as after `rm`: a digest or a new name reaches it until it goes.
        let is_here = subject.is_some_and(|subject| self.marks.kept.is_here(subject));
        let whose = if is_here { "something that nothing lists" } else { "something that is not here" };
        match tag {
            Some(Tag { ending: Some(_), .. }) => format!("by its name it belongs to {whose}"),
            tag if tag.is_some() || is_list => format!("a list of referrers of {whose}"),
            _ => format!("it refers to {whose}"),
        }
    }

    /// Whether an entry under the fallback tag `tag` is a list of referrers and nothing else: an index without a subject, of which
    /// every document that is here refers to what the tag means.
    fn is_list_of(&self, entry: &Descriptor, tag: &str) -> bool {
        let limits = self.context.limits;
        let read = self.source.document_by_digest(&entry.digest, limits).ok().flatten();
        let index = read.and_then(|document| Index::parse(&document, &entry.media_type, limits).ok());
        // What cannot be read stays: it is not proven to be one.
        index.is_some_and(|index| index.subject.is_none() && index.manifests.iter().all(|child| self.may_refer_to(child, tag)))
    }

    /// Whether a child of a list refers to what `tag` means, or is not here.
    fn may_refer_to(&self, child: &Descriptor, tag: &str) -> bool {
        let limits = self.context.limits;
        match self.source.document_by_digest(&child.digest, limits) {
            Ok(None) => true,
            Ok(Some(document)) => Artifact::parse(&document, &child.media_type, limits)
                .is_ok_and(|artifact| artifact.subject.is_some_and(|subject| subject.digest.fallback_tag() == tag)),
            Err(_) => false,
        }
    }

    /// Marks a document and everything that it leads to.
    fn mark(&mut self, root: &Descriptor, keeper: Keeper) -> Result<()> {
        let mut waiting = vec![(root.clone(), keeper)];
        while let Some((descriptor, keeper)) = waiting.pop() {
            // A layer names nothing, wherever it is; what an index lists may, of whatever type it is.
            let may_need = keeper == Keeper::Child || artifact::may_refer(&descriptor.media_type);
            if may_need && descriptor.data.is_none() && !self.marks.kept.is_here(&descriptor.digest) {
                self.marks.absent.insert(descriptor.digest.clone(), descriptor.clone());
            }
            if let Some(known) = self.marks.kept.get_mut(&descriptor.digest) {
                // What has a name stays because of that, whatever else spells it.
                if known.is_part() && keeper == Keeper::Named {
                    *known = keeper;
                }
                continue;
            }
            self.marks.kept.insert(&descriptor.digest, keeper);
            if !artifact::may_refer(&descriptor.media_type) && keeper.is_part() && is_content(&descriptor.media_type) {
                continue;
            }
            match self.parts(&descriptor, keeper)? {
                Parts::Known(parts) => {
                    let keeper = if media_type::is_index(&descriptor.media_type) { Keeper::Child } else { Keeper::Part };
                    waiting.extend(parts.into_iter().map(|part| (part, keeper)));
                }
                // With all that they name in turn: a manifest without its layers would be no help to anybody.
                Parts::Spelled(digests) => {
                    waiting.extend(digests.into_iter().map(|digest| (Descriptor::plain("", &digest, 0), Keeper::Part)));
                }
            }
            // With everything that it lists: what cannot be confirmed as a referrer is still somebody's.
            let lists = self.lists.get(descriptor.digest.fallback_tag().as_str()).into_iter().flatten();
            waiting.extend(lists.map(|list| ((*list).clone(), Keeper::List)));
            let referrers = self.referring.get(&descriptor.digest).into_iter().flatten();
            waiting.extend(referrers.map(|(referrer, _)| (referrer.clone(), Keeper::Subject)));
        }
        Ok(())
    }

    /// What a document names.
    ///
    /// # Errors
    /// What keeps a document from being read that may name others: what it needs is not known, so nothing may be deleted.
    fn parts(&self, descriptor: &Descriptor, keeper: Keeper) -> Result<Parts> {
        // By digest: what an entry says of the size decides nothing here.
        let document = match self.source.document_by_digest(&descriptor.digest, self.context.limits) {
            Ok(Some(document)) => document,
            Ok(None) => match &descriptor.data {
                Some(embedded) => embedded.as_ref().clone(),
                // It was told.
                None => return Ok(Parts::Known(Vec::new())),
            },
            // The content of an artifact may be of any kind and size, and names nothing.
            Err(error) if keeper.is_part() && !artifact::may_refer(&descriptor.media_type) && error.raw_os_error().is_none() => {
                return Ok(Parts::Known(Vec::new()));
            }
            Err(error) => {
                return Err(error
                    .detail("what it needs is not known, so nothing was deleted")
                    .hint("Restore it from where it came from, or take it off the index: `airbase rm PATH@DIGEST`."));
            }
        };
        if keeper.is_part() && media_type::is_image_config(&descriptor.media_type) {
            // The diffIDs in it are digests of no blobs; a member that a later specification adds may describe one.
            return Ok(Parts::Known(described(document.bytes(), self.context.limits)));
        }
        match Artifact::parse(&document, &descriptor.media_type, self.context.limits) {
            Ok(artifact) => {
                let further = described(document.bytes(), self.context.limits);
                Ok(Parts::Known(artifact.blobs().cloned().chain(further).collect()))
            }
            Err(_) => Ok(Parts::Spelled(spelled(document.bytes()))),
        }
    }
}

enum Parts {
    Known(Vec<Descriptor>),
    /// Digests that are in it, whatever they mean.
    Spelled(Vec<Digest>),
}

/// Layers are named by manifests, and name no blobs. Our own statements spell digests, of their subject, its successor
/// and what they replace: facts, of which none is a part of them.
fn is_content(kind: &str) -> bool {
    [media_type::OCI_EMPTY, OWN_TYPE].contains(&kind) || media_type::layer(kind).is_some()
}

/// Descriptors in members of `index.json` and of its entries that nobody here knows.
fn beside_the_list(source: &Source, limits: &Limits) -> Vec<Descriptor> {
    let mut found = Vec::new();
    for (key, value) in source.index.root().members() {
        if !matches!(&*key, "manifests" | "subject" | "annotations") {
            found.extend(described(value.raw().as_bytes(), limits));
        }
    }
    // Most entries hold one descriptor, themselves, and need not be parsed again.
    for entry in source.index.manifests.iter().filter(|entry| entry.raw.matches("digest\"").count() > 1) {
        found.extend(described(entry.raw.as_bytes(), limits).into_iter().filter(|inner| inner.digest != entry.digest));
    }
    found
}

/// Descriptors anywhere in a document, in members that nobody here knows too. Its subject is no part of it, and annotations are
/// words about others.
fn described(bytes: &[u8], limits: &Limits) -> Vec<Descriptor> {
    fn collect(node: Node<'_>, limits: &Limits, found: &mut Vec<Descriptor>) {
        if node.kind() == Kind::Object {
            if node.get("digest").is_some() && node.get("mediaType").is_some() {
                found.extend(Descriptor::parse(node, limits));
            }
            for (key, value) in node.members() {
                if !matches!(&*key, "subject" | "annotations") {
                    collect(value, limits, found);
                }
            }
        }
        node.items().for_each(|item| collect(item, limits, found));
    }
    let mut found = Vec::new();
    if let Ok(document) = Document::parse(bytes, limits) {
        collect(document.root(), limits, &mut found);
    }
    found
}

/// Everything in `bytes` that reads as a digest.
fn spelled(bytes: &[u8]) -> Vec<Digest> {
    let text = String::from_utf8_lossy(bytes);
    let mut found = Vec::new();
    for (name, digits) in [("sha256:", 64), ("sha512:", 128)] {
        for (at, _) in text.match_indices(name) {
            let end = at + name.len() + digits;
            found.extend(text.get(at..end).and_then(|digest| digest.parse().ok()));
        }
    }
    found
}
