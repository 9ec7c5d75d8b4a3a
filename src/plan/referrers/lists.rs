//! The lists of a layout that name the referrers of one subject.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashSet};

use super::manifest::triple;
use crate::core::clock::Time;
use crate::core::{Code, Digest, Error, Fact, Result};
use crate::format::json::Value;
use crate::oci::{Descriptor, Verified, annotation, media_type};
use crate::plan::annotate::Authored;
use crate::read::referrers::{Fallback, Found, Referrer};

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
pub struct Wish {
    /// The subject, as the layout leads to it.
    pub subject: Descriptor,
    /// Whether only an index lists it: then it gets an entry without a name, without which oras cannot be asked for its
    /// referrers, and zot may delete them.
    pub child: bool,
    /// Referrers that are to be there.
    pub add: Vec<Item>,
    /// Referrers that are not to be there.
    pub remove: Vec<Digest>,
    /// Whether what does not belong on the lists goes: strangers, and what is not there.
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
}

/// Decides what the lists say, given what they say now.
///
/// # Errors
/// `referrer.fallback_tag` if the tag stands for something that is no index.
pub fn lists(wish: &Wish, found: &Found) -> Result<Lists> {
    let unusable = |fallback: &&Fallback| fallback.children.is_none() && !(wish.clean && fallback.is_list);
    if let Some(fallback) = found.fallback.as_ref().filter(unusable) {
        return Err(Error::new(
            Code::ReferrerFallbackTag,
            "the fallback tag of the image stands for something that is no list of referrers",
        )
        .at(&fallback.name)
        .expected(Fact::new("an image index that can be read", "distribution-spec, Referrers Tag Schema")));
    }
    let removed: HashSet<&Digest> = wish.remove.iter().collect();
    let mut items: Vec<Item> = Vec::new();
    let present = found.referrers.iter().filter(|referrer| referrer.ending.is_none()).map(Item::from);
    for item in present.chain(wish.add.iter().cloned()) {
        let known = items.iter().any(|known| known.descriptor.digest == item.descriptor.digest);
        if !known && !removed.contains(&item.descriptor.digest) {
            items.push(item);
        }
    }
    sort(&mut items);
    let mut lists = Lists::default();
    if wish.child && !items.is_empty() {
        lists.listings.push(Listing::Put(plain(&wish.subject)));
    }
    fallback(wish, found, &items, &removed, &mut lists);
    for item in &items {
        let listed = found.referrers.iter().find(|referrer| referrer.descriptor.digest == item.descriptor.digest);
        // An entry that misdescribes a referrer makes oras refuse the whole layout.
        let misdescribed = listed.is_some_and(|referrer| referrer.findings.iter().any(|finding| finding.code == Code::ReferrerSize));
        if wish.clean && misdescribed && listed.is_some_and(|referrer| referrer.listed.names.is_empty()) {
            lists.listings.push(Listing::Remove(item.descriptor.digest.clone()));
        }
        lists.listings.push(Listing::Put(entry(item, &wish.subject.digest)));
    }
    lists.listings.extend(wish.remove.iter().cloned().map(Listing::Remove));
    Ok(lists)
}

/// The newest first, because many readers take the first: `created` decides, then the digest.
fn sort(items: &mut [Item]) {
    items.sort_by_cached_key(|item| {
        let created = item.annotations.get(annotation::CREATED).and_then(|text| Time::parse(text));
        (Reverse(created), item.descriptor.digest.clone())
    });
}

/// The index under the fallback tag.
fn fallback(wish: &Wish, found: &Found, items: &[Item], removed: &HashSet<&Digest>, lists: &mut Lists) {
    let tag = found.fallback.as_ref().map_or_else(|| wish.subject.digest.fallback_tag(), |fallback| fallback.name.clone());
    let mut children: Vec<Value> = items.iter().map(child).collect();
    // What another program put there and cannot be confirmed stays until somebody asks for it to be cleaned.
    let listed: HashSet<&Digest> = items.iter().map(|item| &item.descriptor.digest).collect();
    let unconfirmed = found.fallback.iter().flat_map(|fallback| fallback.children.iter().flatten());
    let unconfirmed = unconfirmed.filter(|child| !wish.clean && !listed.contains(&child.digest) && !removed.contains(&child.digest));
    children.extend(unconfirmed.map(|child| Value::Raw(child.raw.to_string())));
    if children.is_empty() {
        if found.fallback.is_some() {
            lists.listings.push(Listing::Tag(tag, None));
        }
        return;
    }
    let mut value = Value::object();
    value.set("schemaVersion", Value::size(2));
    value.set("mediaType", Value::string(media_type::OCI_INDEX));
    value.set("manifests", Value::Array(children));
    let index = Authored { media_type: media_type::OCI_INDEX.into(), blob: Verified::authored(value.render().into_bytes()) };
    lists.listings.push(Listing::Tag(tag, Some(index.descriptor().raw.to_string())));
    lists.index = Some(index.blob);
}

/// What a list of referrers says of one: just what the specification asks for, since olareg takes nothing else.
fn child(item: &Item) -> Value {
    let mut value = triple(&item.descriptor.media_type, &item.descriptor.digest, item.descriptor.size);
    if !item.annotations.is_empty() {
        value.set("annotations", Value::string_map(&item.annotations));
    }
    if let Some(artifact_type) = &item.artifact_type {
        value.set("artifactType", Value::string(artifact_type));
    }
    value
}

/// Annotations that say something of an entry of `index.json`, and would give a referrer the name of an image: several clients
/// lift what stands on a manifest onto its entry.
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
    let platform = crate::format::json::Document::parse(subject.raw.as_bytes(), &crate::core::Limits::STANDARD);
    if let Some(platform) = platform.ok().and_then(|document| document.root().get("platform")) {
        value.set("platform", Value::of(platform));
    }
    value.render()
}
