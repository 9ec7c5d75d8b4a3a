//! Everything in a layout that refers to something.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use crate::core::{Digest, Finding, Result};
use crate::oci::{Descriptor, Index};
use crate::plan::referrers::{Standing, is_mended};
use crate::read::referrers::{Found, Listed, Lookup, Referrer, Scope, Tag, lists_referrers_of};
use crate::read::{Source, Stored, is_referrer_tag};
use crate::verbs::Context;

/// A subject and who refers to it.
#[derive(Debug)]
pub(in crate::verbs) struct Survey {
    pub(in crate::verbs) subject: Descriptor,
    pub(in crate::verbs) standing: Standing,
    pub(in crate::verbs) found: Found,
}

impl Survey {
    /// Whether the fallback tag stands for something that is no list. That stays: it may be the only name of an image.
    pub(super) fn is_taken(&self) -> bool {
        self.found.fallback.as_ref().is_some_and(|fallback| !fallback.is_list)
    }

    /// Whether deriving the lists anew mends it; that replaces a list that cannot be read or is gone, too.
    pub(super) fn mends(&self, finding: &Finding, adopt: bool) -> bool {
        let unreadable = self.found.fallback.as_ref().filter(|fallback| fallback.children.as_ref().is_none_or(Vec::is_empty));
        let of_list = unreadable.is_some_and(|fallback| finding.place.as_ref() == Some(&fallback.name));
        !self.is_taken() && (of_list || is_mended(finding.code, adopt))
    }
}

/// Reads every manifest that `index.json` leads to, and every small blob that nothing leads to.
pub(in crate::verbs) fn survey(source: &Arc<Source>, context: Context<'_>) -> Result<Vec<Survey>> {
    let lookup = Lookup::new(source, Scope::Thorough, context.limits);
    let reach = Reach::of(source, context);
    let (digests, tags) = lookup.subjects();
    let mut subjects: BTreeSet<Digest> = digests.into_iter().collect();
    subjects.extend(tags.iter().filter_map(|tag| reach.by_tag(tag)));
    let mut loose: BTreeMap<Digest, Vec<Referrer>> = BTreeMap::new();
    for referrer in unlisted(source, &lookup, &reach)? {
        let Some(subject) = referrer.artifact.subject.as_ref().map(|subject| subject.digest.clone()) else { continue };
        subjects.insert(subject.clone());
        loose.entry(subject).or_default().push(referrer);
    }
    let mut surveys = Vec::new();
    for digest in subjects {
        let standing = match reach.known.get(&digest) {
            Some((_, standing)) => *standing,
            None if source.container().blob(&digest)?.is_some() => Standing::Unlisted,
            None => Standing::Absent,
        };
        let mut found = match reach.known.get(&digest) {
            Some((descriptor, _)) => lookup.of(descriptor),
            None => lookup.of_digest(&digest),
        };
        for referrer in loose.remove(&digest).into_iter().flatten() {
            if !found.referrers.iter().any(|known| known.descriptor.digest == referrer.descriptor.digest) {
                let index = reach.children.contains(&referrer.descriptor.digest);
                found.referrers.push(Referrer { listed: Listed { index, ..Listed::default() }, ..referrer });
            }
        }
        if found.referrers.is_empty() && found.findings.is_empty() {
            continue;
        }
        let described = found.referrers.iter().find_map(|referrer| referrer.artifact.subject.clone());
        let Some(subject) = reach.known.get(&digest).map(|(descriptor, _)| descriptor.clone()).or(described) else { continue };
        surveys.push(Survey { subject, standing, found });
    }
    Ok(surveys)
}

/// What `index.json` leads to.
struct Reach {
    known: BTreeMap<Digest, (Descriptor, Standing)>,
    /// What an index of images lists.
    children: HashSet<Digest>,
    tags: BTreeMap<String, Digest>,
}

impl Reach {
    fn of(source: &Source, context: Context<'_>) -> Self {
        let mut reach = Self { known: BTreeMap::new(), children: HashSet::new(), tags: BTreeMap::new() };
        let mut waiting = Vec::new();
        for entry in &source.index.manifests {
            let is_list = entry.lists_referrers_of().is_some() || lists_referrers_of(source, entry, context.limits).is_some();
            if is_list || entry.name().is_some_and(is_referrer_tag) {
                continue;
            }
            reach.known.insert(entry.digest.clone(), (entry.clone(), Standing::Entry));
            waiting.push(entry.clone());
        }
        let mut seen = HashSet::new();
        while let Some(descriptor) = waiting.pop() {
            if !descriptor.is_index() || !seen.insert(descriptor.digest.clone()) || seen.len() > context.limits.graph_nodes {
                continue;
            }
            // `fsck` says what is wrong with an index that cannot be read.
            let Ok(blob) = source.document(&descriptor, context.limits) else { continue };
            let Ok(index) = Index::parse(&blob, &descriptor.media_type, context.limits) else { continue };
            for child in index.manifests {
                reach.children.insert(child.digest.clone());
                reach.known.entry(child.digest.clone()).or_insert_with(|| (child.clone(), Standing::Child));
                waiting.push(child);
            }
        }
        reach.tags = reach.known.keys().map(|digest| (digest.fallback_tag(), digest.clone())).collect();
        reach
    }

    /// The subject of a fallback tag: one that is here, or what the tag spells.
    fn by_tag(&self, tag: &str) -> Option<Digest> {
        let spelled = || Tag::parse(tag).and_then(|tag| tag.tag.replacen('-', ":", 1).parse().ok());
        self.tags.get(tag).cloned().or_else(spelled)
    }
}

/// Referrers that neither `index.json` nor a fallback tag lists.
fn unlisted(source: &Source, lookup: &Lookup<'_>, reach: &Reach) -> Result<Vec<Referrer>> {
    let entries: HashSet<&Digest> = source.index.manifests.iter().map(|entry| &entry.digest).collect();
    let mut found = Vec::new();
    for stored in source.container().stored()? {
        let Stored::Blob(digest) = stored else { continue };
        if entries.contains(&digest) {
            continue;
        }
        let listed = reach.children.contains(&digest);
        // Layers are blobs too, and most blobs are: a manifest begins with a brace.
        let Some(region) = source.container().blob(&digest)? else { continue };
        let mut first = [0];
        let begins = crate::core::fsys::ReadAt::read_at(&region, &mut first, 0).is_ok_and(|count| count == 1) && first == *b"{";
        if !begins && !listed {
            continue;
        }
        // A JSON document that is no manifest is nobody's referrer.
        if let Ok(Some(referrer)) = lookup.unlisted(&digest) {
            found.push(referrer);
        }
    }
    Ok(found)
}
