//! Everything in a layout that refers to something.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use crate::foundation::fsys::ReadAt;
use crate::foundation::{Algorithm, Code, Digest, Error, ExitClass, Finding, Result};
use crate::oci::Descriptor;
use crate::plan::referrers::{Standing, is_mended};
use crate::read::referrers::{Found, Listed, Lookup, Referrer, Scope, Tag, Trouble, Unread, lists_referrers_of};
use crate::read::{Source, Stored, each_index, is_referrer_tag};
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
        // Off the list, the next `gc` would take it.
        let place = || finding.place.as_deref().and_then(|place| place.parse::<Digest>().ok());
        let is_alone = || place().is_some_and(|digest| self.found.alone.contains(&digest));
        let stays = finding.code == Code::ReferrerStranger && is_alone();
        !self.is_taken() && !stays && finding.code.exit_class() != ExitClass::Io && (of_list || is_mended(finding.code, adopt))
    }
}

/// Reads every manifest that `index.json` leads to, and every small blob that nothing leads to. Each subject is handed to `visit`, and
/// only what that keeps of it is kept: a layout may have a hundred thousand. What could not be read and belongs to none of them is
/// returned.
///
/// # Errors
/// Those of listing blobs and of `visit`.
pub(in crate::verbs) fn survey(
    source: &Arc<Source>,
    context: Context<'_>,
    visit: &mut dyn FnMut(Survey) -> Result<()>,
) -> Result<Vec<Unread>> {
    let lookup = Lookup::new(source, Scope::Thorough, context.limits);
    let mut unread = Vec::new();
    let reach = Reach::of(source, context, &mut unread)?;
    let (digests, tags) = lookup.subjects();
    let mut subjects: BTreeSet<Digest> = digests.into_iter().collect();
    subjects.extend(tags.iter().filter_map(|tag| reach.by_tag(tag)));
    let mut loose: BTreeMap<Digest, Vec<Referrer>> = BTreeMap::new();
    for referrer in unlisted(source, &lookup, &reach, &mut unread)? {
        let Some(subject) = referrer.artifact.subject.as_ref().map(|subject| subject.digest.clone()) else { continue };
        subjects.insert(subject.clone());
        loose.entry(subject).or_default().push(referrer);
    }
    for digest in subjects {
        let standing = match reach.known.get(&digest) {
            Some(known) => known.standing(),
            None if source.container().blob(&digest)?.is_some() => Standing::Unlisted,
            None => Standing::Absent,
        };
        let mut found = match reach.known.get(&digest) {
            Some(known) => lookup.of(known.descriptor()),
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
        let Some(subject) = reach.known.get(&digest).map(|known| known.descriptor().clone()).or(described) else {
            unread.extend(found.unread);
            continue;
        };
        visit(Survey { subject, standing, found })?;
    }
    unread.extend(lookup.unplaced().iter().cloned());
    Ok(unread)
}

/// How `index.json` leads to something.
enum Known<'s> {
    Entry(&'s Descriptor),
    Child(Box<Descriptor>),
}

impl Known<'_> {
    fn descriptor(&self) -> &Descriptor {
        match self {
            Self::Entry(entry) => entry,
            Self::Child(child) => child,
        }
    }

    fn standing(&self) -> Standing {
        match self {
            Self::Entry(_) => Standing::Entry,
            Self::Child(_) => Standing::Child,
        }
    }
}

/// What `index.json` leads to.
struct Reach<'s> {
    /// Entries are not copied: a layout may have a hundred thousand.
    known: HashMap<Digest, Known<'s>>,
    /// What an index of images lists.
    children: HashSet<Digest>,
    /// Of a digest whose tag does not spell all of it.
    tags: HashMap<String, Digest>,
}

impl<'s> Reach<'s> {
    fn of(source: &'s Source, context: Context<'_>, unread: &mut Vec<Unread>) -> Result<Self> {
        let mut reach = Self { known: HashMap::new(), children: HashSet::new(), tags: HashMap::new() };
        let mut waiting = Vec::new();
        for entry in &source.index.manifests {
            let is_list = entry.lists_referrers_of().is_some() || lists_referrers_of(source, entry, context.limits).is_some();
            if is_list || entry.name().is_some_and(is_referrer_tag) {
                continue;
            }
            reach.known.insert(entry.digest.clone(), Known::Entry(entry));
            waiting.push(entry);
        }
        each_index(source, waiting, context.limits, &mut |descriptor, index| {
            match index {
                Ok(index) => {
                    for child in index.manifests {
                        reach.children.insert(child.digest.clone());
                        reach.known.entry(child.digest.clone()).or_insert_with(|| Known::Child(Box::new(child)));
                    }
                }
                // `fsck` says what is wrong with it, unless that is the system.
                Err(error) => unread.extend(Some(Unread::of(descriptor, error)).filter(|unread| unread.trouble == Trouble::Io)),
            }
            Ok(())
        })?;
        let shortened = reach.known.keys().filter(|digest| digest.algorithm() != Algorithm::Sha256);
        reach.tags = shortened.map(|digest| (digest.fallback_tag(), digest.clone())).collect();
        Ok(reach)
    }

    /// The subject of a fallback tag: one that is here, or what the tag spells.
    fn by_tag(&self, tag: &str) -> Option<Digest> {
        let spelled = || Tag::parse(tag).and_then(|tag| tag.tag.replacen('-', ":", 1).parse().ok());
        self.tags.get(tag).cloned().or_else(spelled)
    }
}

/// Referrers that neither `index.json` nor a fallback tag lists.
fn unlisted(source: &Source, lookup: &Lookup<'_>, reach: &Reach<'_>, unread: &mut Vec<Unread>) -> Result<Vec<Referrer>> {
    let entries: HashSet<&Digest> = source.index.manifests.iter().map(|entry| &entry.digest).collect();
    let mut found = Vec::new();
    for stored in source.container().stored()? {
        let Stored::Blob(digest) = stored else { continue };
        if entries.contains(&digest) {
            continue;
        }
        let listed = reach.children.contains(&digest);
        let mut miss = |error: Error| unread.push(Unread::of(&Descriptor::plain("", &digest, 0), error));
        let begins = match begins_as_json(source, &digest) {
            Ok(begins) => begins,
            Err(error) => {
                miss(error);
                continue;
            }
        };
        if !begins && !listed {
            continue;
        }
        match lookup.unlisted(&digest) {
            Ok(referrer) => found.extend(referrer),
            // It may have been one.
            Err(error) if error.code() == Code::BlobDigestMismatch || Trouble::of(&error) == Trouble::Io => miss(error),
            // A JSON document that is no manifest is nobody's referrer.
            Err(_) => {}
        }
    }
    Ok(found)
}

/// Layers are blobs too, and most blobs are: a manifest begins with a brace, perhaps after white space.
fn begins_as_json(source: &Source, digest: &Digest) -> Result<bool> {
    let Some(region) = source.container().blob(digest)? else { return Ok(false) };
    let mut start = [b' '; 64];
    let count = region.read_at(&mut start, 0).map_err(|error| Error::io(format!("read {digest} of {}", source.shown()), error))?;
    Ok(start.get(..count).is_some_and(|start| start.trim_ascii_start().starts_with(b"{")))
}
