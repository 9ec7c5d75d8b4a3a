//! The lists of a layout that name the referrers of one subject.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};

use super::manifest::triple;
use crate::format::json::Value;
use crate::foundation::clock::Time;
use crate::foundation::{Code, Digest, Error, Fact, Finding, Limits, Result};
use crate::oci::{Descriptor, Verified, annotation, media_type};
use crate::plan::annotate::NewDocument;
use crate::plan::lifecycle::convention::Conventions;
use crate::read::referrers::{Fallback, Found, Referrer, Trouble};

/// What lists say of a referrer.
#[derive(Debug, Clone)]
pub struct Item {
    /// Media type, digest and size of its manifest.
    pub descriptor: Descriptor,
    /// Its artifact type; an index may have none.
    pub artifact_type: Option<String>,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
}

impl From<&Referrer> for Item {
    fn from(referrer: &Referrer) -> Self {
        Self {
            descriptor: referrer.descriptor.clone(),
            artifact_type: referrer.artifact.artifact_type.clone(),
            annotations: referrer.artifact.annotations.clone(),
        }
    }
}

/// What shall hold for one subject.
#[derive(Debug, Clone)]
pub struct ReferrerChange {
    /// The subject, as the layout leads to it.
    pub subject: Descriptor,
    /// Whether only an index lists it: then it gets an entry without a name, without which oras cannot be asked for its
    /// referrers, and zot may delete them.
    pub child: bool,
    /// Referrers that are to be there.
    pub add: Vec<Item>,
    /// Referrers that are not to be there.
    pub remove: Vec<Digest>,
    /// Whether what is proven not to belong on the lists goes: strangers that have an entry of their own. What cannot be read or is not
    /// there stays.
    pub clean: bool,
}

/// A change of `index.json`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listing {
    /// An entry without a name, unless its digest is listed.
    Put(String),
    /// What the entry of a name lists; without a descriptor it goes.
    Tag(String, Option<String>),
    /// No entry lists this digest any more.
    Remove(Digest),
}

/// The changes for one subject.
#[derive(Debug, Clone, Default)]
pub struct Lists {
    /// Changes of `index.json`.
    pub listings: Vec<Listing>,
    /// The index under the fallback tag, if there is one.
    pub index: Option<Verified>,
    /// What a user should know of the lists.
    pub findings: Vec<Finding>,
}

/// By which rules lists are made.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    /// What is a statement on the life cycle, which goes before everything else where a list has not room for all.
    pub conventions: &'a Conventions,
    /// How long a list may be.
    pub limits: &'a Limits,
}

/// Decides what the lists say, given what they say now.
///
/// Nobody keeps a statement on the life cycle from an image by what they put under its fallback tag: then the tag stays as it is, the
/// statement has its own entry, and a finding says so.
///
/// # Errors
/// `referrer.fallback_tag` if the tag stands for something that is no index, unless a statement is to be made; `io` if the system
/// cannot read it now.
pub fn lists(change: &ReferrerChange, found: &Found, rules: Rules<'_>) -> Result<Lists> {
    // What cannot be read now says something; what is damaged says nothing any more.
    let is_lost = |fallback: &Fallback| fallback.is_list && fallback.trouble == Some(Trouble::Content);
    let unusable = |fallback: &&Fallback| fallback.children.is_none() && !(change.clean && is_lost(fallback));
    let mut lists = Lists::default();
    let unusable = found.fallback.as_ref().filter(unusable);
    if let Some(fallback) = unusable {
        let is_own = |finding: &Finding| finding.place.as_ref() == Some(&fallback.name);
        let failed = found.unread.iter().find(|unread| unread.trouble == Trouble::Io && is_own(&unread.finding));
        if let Some(unread) = failed {
            return Err(Error::of(unread.finding.clone()));
        }
        let error =
            Error::new(Code::ReferrerFallbackTag, "the fallback tag of the image stands for something that is no list of referrers")
                .at(&fallback.name)
                .expected(Fact::new("an image index that can be read", "distribution-spec, Referrers Tag Schema"));
        if !change.add.iter().any(|item| rules.is_statement(item)) {
            return Err(error);
        }
        lists.findings.push(error.into_finding().detail("it was left as it is, so clients that look there do not see the statement"));
    }
    if !change.clean {
        // It stays where it is, and the lists may lack it where it is not yet. Who cleans tells it already.
        lists.findings.extend(found.unread.iter().map(|unread| unread.finding.clone()).filter(Finding::is_unread));
    }
    let removed: HashSet<&Digest> = change.remove.iter().collect();
    let mut items: Vec<Item> = Vec::new();
    let mut known: HashSet<Digest> = HashSet::new();
    let present = found.referrers.iter().filter(|referrer| referrer.ending.is_none()).map(Item::from);
    for item in present.chain(change.add.iter().cloned()) {
        if !removed.contains(&item.descriptor.digest) && known.insert(item.descriptor.digest.clone()) {
            items.push(item);
        }
    }
    sort(&mut items);
    if change.child && !items.is_empty() {
        lists.listings.push(Listing::Put(plain(&change.subject)));
    }
    if unusable.is_none() {
        fallback(change, found, &items, &removed, rules, &mut lists);
    }
    let listed: HashMap<&Digest, &Referrer> = found.referrers.iter().map(|referrer| (&referrer.descriptor.digest, referrer)).collect();
    for item in &items {
        let listed = listed.get(&item.descriptor.digest);
        // An entry that misdescribes a referrer makes oras refuse the whole layout.
        let misdescribed = listed.is_some_and(|referrer| referrer.findings.iter().any(|finding| finding.code == Code::ReferrerSize));
        if change.clean && misdescribed && listed.is_some_and(|referrer| referrer.listed.names.is_empty()) {
            lists.listings.push(Listing::Remove(item.descriptor.digest.clone()));
        }
        lists.listings.push(Listing::Put(entry(item, &change.subject.digest)));
    }
    lists.listings.extend(change.remove.iter().cloned().map(Listing::Remove));
    Ok(lists)
}

/// The newest first, because many readers take the first: `created` decides, then the digest.
fn sort(items: &mut [Item]) {
    items.sort_by_cached_key(|item| {
        let created = item.annotations.get(annotation::CREATED).and_then(|text| Time::parse(text));
        (Reverse(created), item.descriptor.digest.clone())
    });
}

impl Rules<'_> {
    fn is_statement(&self, item: &Item) -> bool {
        item.artifact_type.as_deref().is_some_and(|artifact_type| self.conventions.is_statement(artifact_type))
    }
}

/// The index under the fallback tag.
fn fallback(change: &ReferrerChange, found: &Found, items: &[Item], removed: &HashSet<&Digest>, rules: Rules<'_>, lists: &mut Lists) {
    let tag = found.fallback.as_ref().map_or_else(|| change.subject.digest.fallback_tag(), |fallback| fallback.name.clone());
    let mut entries: Vec<Listable> = items.iter().map(|item| Listable::of(item, rules)).collect();
    // What another program put there and cannot be confirmed stays, and what is proven to be a stranger until somebody asks for it to
    // be cleaned, unless nothing else leads to it.
    let unread: HashSet<&Digest> = found.unread.iter().map(|unread| &unread.digest).collect();
    let stays = |child: &Descriptor| !change.clean || unread.contains(&child.digest) || found.alone.contains(&child.digest);
    let listed: HashSet<&Digest> = items.iter().map(|item| &item.descriptor.digest).collect();
    let unconfirmed = found.fallback.iter().flat_map(|fallback| fallback.children.iter().flatten());
    let unconfirmed = unconfirmed.filter(|child| stays(child) && !listed.contains(&child.digest) && !removed.contains(&child.digest));
    entries.extend(unconfirmed.map(|child| Listable { text: child.raw.to_string(), bare: bare(child, rules.limits), states: false }));
    if entries.is_empty() {
        if found.fallback.is_some() {
            lists.listings.push(Listing::Tag(tag, None));
        }
        return;
    }
    let index = |entries: Vec<Value>| {
        let mut value = Value::object();
        value.set("schemaVersion", Value::size(2));
        value.set("mediaType", Value::string(media_type::OCI_INDEX));
        value.set("manifests", Value::Array(entries));
        value.render().into_bytes()
    };
    let room = usize::try_from(rules.limits.document_bytes).unwrap_or(usize::MAX).saturating_sub(index(Vec::new()).len());
    lists.findings.extend(shorten(&mut entries, room).map(|finding| finding.at(&tag)));
    let bytes = index(entries.into_iter().map(|entry| Value::Raw(entry.text)).collect());
    let index = NewDocument { media_type: media_type::OCI_INDEX.into(), blob: Verified::authored(bytes) };
    lists.listings.push(Listing::Tag(tag, Some(index.descriptor().raw.to_string())));
    lists.index = Some(index.blob);
}

/// An entry of a list of referrers.
struct Listable {
    text: String,
    /// The same without annotations, if it has any that can be left out.
    bare: Option<String>,
    /// Whether it is a statement on the life cycle.
    states: bool,
}

impl Listable {
    fn of(item: &Item, rules: Rules<'_>) -> Self {
        let states = rules.is_statement(item);
        let bare = (!states && !item.annotations.is_empty()).then(|| child(item, false).render());
        Self { text: child(item, true).render(), bare, states }
    }
}

/// An entry of somebody else without its annotations.
fn bare(child: &Descriptor, limits: &Limits) -> Option<String> {
    let mut value = child.to_value(limits).ok()?;
    value.remove("annotations");
    Some(value.render())
}

/// Makes entries fit into so many bytes: leaves out the annotations of the largest, and where that is not enough the oldest entries.
fn shorten(entries: &mut Vec<Listable>, room: usize) -> Option<Finding> {
    // Each but the last has a comma behind it.
    let mut length: usize = entries.iter().map(|entry| entry.text.len() + 1).sum();
    if length <= room {
        return None;
    }
    let mut largest: Vec<&mut Listable> = entries.iter_mut().filter(|entry| entry.bare.is_some()).collect();
    largest.sort_by_key(|entry| Reverse(entry.text.len()));
    let mut bared = 0;
    for entry in largest {
        if length <= room {
            break;
        }
        if let Some(bare) = entry.bare.take() {
            length -= entry.text.len() - bare.len().min(entry.text.len());
            entry.text = bare;
            bared += 1;
        }
    }
    // The newest stand first, and what cannot be confirmed last.
    let all = entries.len();
    for states in [false, true] {
        let mut kept: Vec<Listable> = Vec::with_capacity(entries.len());
        for entry in entries.drain(..).rev() {
            if length > room && entry.states == states {
                length -= entry.text.len() + 1;
            } else {
                kept.push(entry);
            }
        }
        kept.reverse();
        *entries = kept;
    }
    let mut finding = Finding::new(Code::ReferrerListFull, "the list of the referrers of an image would be larger than a document may be")
        .expected(Fact::new(format!("at most {room} bytes of entries"), "the limits"))
        .detail(format!("the annotations of {bared} of {all} entries were left out of it"));
    if entries.len() < all {
        finding = finding.detail(format!("{} entries were left out of it; index.json has them", all - entries.len()));
    }
    Some(finding)
}

/// What a list of referrers says of one: just what the specification asks for, since olareg takes nothing else.
fn child(item: &Item, annotated: bool) -> Value {
    let mut value = triple(&item.descriptor.media_type, &item.descriptor.digest, item.descriptor.size);
    if annotated && !item.annotations.is_empty() {
        value.set("annotations", Value::string_map(&item.annotations));
    }
    if let Some(artifact_type) = &item.artifact_type {
        value.set("artifactType", Value::string(artifact_type));
    }
    value
}

/// Annotations that say something of an entry of `index.json`, and would give a referrer the name of an image: several clients
/// copy the annotations of a manifest to its entry.
pub const OF_ENTRIES: &[&str] = &[
    annotation::REF_NAME,
    annotation::CONTAINERD_NAME,
    annotation::COSIGN_KIND,
    annotation::DOCKER_REFERENCE_TYPE,
    annotation::DOCKER_REFERENCE_DIGEST,
];

/// The entry of `index.json` for a referrer.
fn entry(item: &Item, subject: &Digest) -> String {
    let mut value = triple(&item.descriptor.media_type, &item.descriptor.digest, item.descriptor.size);
    if let Some(artifact_type) = &item.artifact_type {
        value.set("artifactType", Value::string(artifact_type));
    }
    let mut annotations: BTreeMap<&str, &str> =
        item.annotations.iter().map(|(key, text)| (key.as_str(), text.as_str())).filter(|(key, _)| !OF_ENTRIES.contains(key)).collect();
    let subject = subject.to_string();
    annotations.insert(annotation::CONTAINERD_SUBJECT, &subject);
    value.set("annotations", Value::string_map(annotations));
    value.render()
}

/// An entry for a platform's manifest.
fn plain(subject: &Descriptor) -> String {
    let mut value = triple(&subject.media_type, &subject.digest, subject.size);
    let platform = crate::format::json::Document::parse(subject.raw.as_bytes(), &crate::foundation::Limits::STANDARD);
    if let Some(platform) = platform.ok().and_then(|document| document.root().get("platform")) {
        value.set("platform", Value::of(platform));
    }
    value.render()
}
