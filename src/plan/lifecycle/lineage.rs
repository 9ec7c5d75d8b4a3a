//! Which image follows which: from a digest that somebody pinned to the image to use today.
//!
//! What leads from one image to the next, the surest first: a statement that names the successor; the record that a rebase left
//! in its result; a statement on the newer image that names the one it replaces; and a newer image under the same name, or of
//! the same source and version. The last is how a patch looks that was built again under the same tag: the old image has lost
//! its name, and only a higher revision or a later date tells that it is the old one.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::field::Status;
use super::time::Moment;
use crate::core::Digest;
use crate::oci::ImageName;

/// What is known of one image: an index, or the manifest of one platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its digest.
    pub digest: Digest,
    /// Where it lies, as a reference.
    pub reference: String,
    /// Its names, and the channel that statements give it.
    pub names: Vec<String>,
    /// The names that it had: what has one of them now may be newer.
    pub former: Vec<String>,
    /// When it was created.
    pub created: Option<Moment>,
    /// The version of what is in it.
    pub version: Option<String>,
    /// Its revision.
    pub revision: Option<String>,
    /// Where it is made: its title, or its source.
    pub origin: Option<String>,
    /// The image that a rebase made it from.
    pub rebased_from: Option<Digest>,
    /// The image that replaces it, by a statement.
    pub superseded_by: Option<Digest>,
    /// The image that it replaces, by a statement.
    pub supersedes: Option<Digest>,
    /// Where it stands.
    pub standing: Option<Status>,
    /// Of an index, the manifests by platform.
    pub platforms: BTreeMap<String, Digest>,
}

/// What led from one image to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Evidence {
    /// A statement on the old image names the new one.
    SupersededBy,
    /// The new image records that it was made from the old one by a rebase.
    Rebase,
    /// A statement on the new image names the old one.
    Supersedes,
    /// The new image has the same name and is newer.
    SameName,
    /// The new image has the same origin and version, and a higher revision or a later date.
    Revision,
}

impl Evidence {
    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Self::SupersededBy => "a statement says that it is superseded",
            Self::Rebase => "it was rebased",
            Self::Supersedes => "a statement on the newer one says so",
            Self::SameName => "a newer image has its name",
            Self::Revision => "a newer revision of the same version",
        }
    }
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// The older image.
    pub from: Digest,
    /// The newer one.
    pub to: Digest,
    /// What led to it.
    pub evidence: Evidence,
}

/// How a trace ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "end", rename_all = "kebab-case")]
pub enum End {
    /// Nothing newer is known than this image.
    Newest {
        /// It.
        digest: Digest,
    },
    /// The successor is not here, or has not the platform that is asked for.
    Gap {
        /// The digest that it should have.
        digest: Digest,
        /// The platform that is missing in it.
        #[serde(skip_serializing_if = "Option::is_none")]
        platform: Option<String>,
    },
    /// The images name each other in a circle.
    Circle {
        /// The image at which it closes.
        digest: Digest,
    },
    /// Several images follow, and nothing says which.
    Ambiguous {
        /// They.
        candidates: Vec<Digest>,
    },
    /// The digest is not here, and nothing here names it.
    Unknown,
}

/// The way from a digest to the newest image of its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// The steps.
    pub steps: Vec<Step>,
    /// How it ends.
    pub end: End,
}

/// All images that are known.
#[derive(Debug, Clone, Default)]
pub struct Lineage {
    members: BTreeMap<Digest, Member>,
    /// The images that a rebase made of an image, or that say they replace it.
    after: BTreeMap<Digest, BTreeSet<(Evidence, Digest)>>,
    /// By name.
    named: BTreeMap<String, BTreeSet<Digest>>,
    /// By origin and version.
    built: BTreeMap<(String, String), BTreeSet<Digest>>,
    /// The indexes that a manifest is in, with its platform there.
    within: BTreeMap<Digest, BTreeSet<(Digest, String)>>,
}

impl Lineage {
    /// Puts in order what is known. An image that lies in several places is one.
    pub fn new(members: impl IntoIterator<Item = Member>) -> Self {
        let mut lineage = Self::default();
        for member in members {
            match lineage.members.get_mut(&member.digest) {
                None => {
                    lineage.members.insert(member.digest.clone(), member);
                }
                Some(known) => known.join(member),
            }
        }
        for member in lineage.members.values() {
            let digest = &member.digest;
            let mut follow = |old: &Option<Digest>, evidence| {
                if let Some(old) = old.as_ref().filter(|old| *old != digest) {
                    lineage.after.entry(old.clone()).or_default().insert((evidence, digest.clone()));
                }
            };
            follow(&member.rebased_from, Evidence::Rebase);
            follow(&member.supersedes, Evidence::Supersedes);
            for name in &member.names {
                lineage.named.entry(full_name(name)).or_default().insert(digest.clone());
            }
            if let (Some(origin), Some(version)) = (&member.origin, &member.version) {
                lineage.built.entry((origin.clone(), version.clone())).or_default().insert(digest.clone());
            }
            for (platform, child) in &member.platforms {
                lineage.within.entry(child.clone()).or_default().insert((digest.clone(), platform.clone()));
            }
        }
        lineage
    }

    /// How many images are known.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// What is known of an image.
    pub fn member(&self, digest: &Digest) -> Option<&Member> {
        self.members.get(digest)
    }

    /// The way from `digest` to the newest image of its line.
    pub fn trace(&self, digest: &Digest) -> Trace {
        let mut steps: Vec<Step> = Vec::new();
        let mut seen = BTreeSet::from([digest.clone()]);
        let mut at = digest.clone();
        if !self.members.contains_key(digest) && !self.after.contains_key(digest) && !self.within.contains_key(digest) {
            return Trace { steps, end: End::Unknown };
        }
        loop {
            let next = match self.next(&at) {
                Next::To(evidence, to) => Step { from: at.clone(), to, evidence },
                Next::None if self.members.contains_key(&at) => return Trace { steps, end: End::Newest { digest: at } },
                Next::None => return Trace { steps, end: End::Gap { digest: at, platform: None } },
                Next::NoPlatform(digest, platform) => return Trace { steps, end: End::Gap { digest, platform: Some(platform) } },
                Next::Several(candidates) => return Trace { steps, end: End::Ambiguous { candidates } },
            };
            at = next.to.clone();
            steps.push(next);
            if !seen.insert(at.clone()) {
                return Trace { steps, end: End::Circle { digest: at } };
            }
        }
    }

    fn next(&self, digest: &Digest) -> Next {
        match self.next_of(digest) {
            Next::None => {}
            found => return found,
        }
        // A node pins the manifest of its platform, and people supersede the index.
        let mut found = BTreeSet::new();
        for (index, platform) in self.within.get(digest).into_iter().flatten() {
            match self.next_of(index) {
                Next::To(evidence, newer) => match self.members.get(&newer) {
                    Some(member) if member.platforms.is_empty() => {
                        found.insert((evidence, newer, None));
                    }
                    Some(member) => match member.platforms.get(platform) {
                        // An index around the same manifest is no newer image.
                        Some(child) if child == digest => {}
                        Some(child) => {
                            found.insert((evidence, child.clone(), None));
                        }
                        None => {
                            found.insert((evidence, newer, Some(platform.clone())));
                        }
                    },
                    None => {
                        found.insert((evidence, newer, None));
                    }
                },
                Next::Several(candidates) => return Next::Several(candidates),
                Next::NoPlatform(..) | Next::None => {}
            }
        }
        let Some((surest, ..)) = found.first().cloned() else { return Next::None };
        let mut surest: Vec<_> = found.into_iter().filter(|(evidence, ..)| *evidence == surest).collect();
        match (surest.pop(), surest.is_empty()) {
            (Some((_, newer, Some(platform))), true) => Next::NoPlatform(newer, platform),
            (Some((evidence, newer, None)), true) => Next::To(evidence, newer),
            (Some((_, newer, _)), false) => {
                let mut candidates: Vec<Digest> = surest.into_iter().map(|(_, digest, _)| digest).chain([newer]).collect();
                candidates.sort();
                candidates.dedup();
                Next::Several(candidates)
            }
            (None, _) => Next::None,
        }
    }

    /// What follows this very image.
    fn next_of(&self, digest: &Digest) -> Next {
        let member = self.members.get(digest);
        if let Some(successor) = member.and_then(|member| member.superseded_by.as_ref()) {
            return Next::To(Evidence::SupersededBy, successor.clone());
        }
        for evidence in [Evidence::Rebase, Evidence::Supersedes] {
            let followers = self.after.get(digest).into_iter().flatten().filter(|(kind, _)| *kind == evidence);
            let followers: BTreeSet<Digest> = followers.map(|(_, digest)| digest.clone()).collect();
            match self.newest(followers) {
                Next::To(_, newest) => return Next::To(evidence, newest),
                Next::None => {}
                several => return several,
            }
        }
        let Some(member) = member else { return Next::None };
        let newer = |found: Option<&BTreeSet<Digest>>| -> BTreeSet<Digest> {
            let others = found.into_iter().flatten().filter_map(|digest| self.members.get(digest));
            others.filter(|other| compare(member, other) == Some(Ordering::Less)).map(|other| other.digest.clone()).collect()
        };
        for name in member.names.iter().chain(&member.former) {
            match self.newest(newer(self.named.get(&full_name(name)))) {
                Next::To(_, newest) => return Next::To(Evidence::SameName, newest),
                Next::None => {}
                several => return several,
            }
        }
        if let (Some(origin), Some(version)) = (&member.origin, &member.version) {
            match self.newest(newer(self.built.get(&(origin.clone(), version.clone())))) {
                Next::To(_, newest) => return Next::To(Evidence::Revision, newest),
                Next::None => {}
                several => return several,
            }
        }
        Next::None
    }

    /// The newest of several images; several, if that cannot be told.
    fn newest(&self, digests: BTreeSet<Digest>) -> Next {
        let beaten = |one: &Digest| {
            let Some(member) = self.members.get(one) else { return false };
            digests.iter().filter_map(|other| self.members.get(other)).any(|other| compare(member, other) == Some(Ordering::Less))
        };
        let mut newest: Vec<Digest> = digests.iter().filter(|digest| !beaten(digest)).cloned().collect();
        match newest.len() {
            // Without an order all of them are beaten, in a circle.
            0 if digests.is_empty() => Next::None,
            0 => Next::Several(digests.into_iter().collect()),
            1 => newest.pop().map_or(Next::None, |digest| Next::To(Evidence::Revision, digest)),
            _ => Next::Several(newest),
        }
    }

    /// The names under which the image is published, and which of them will move on. Of `1`, `1.2` and `1.2.3` the last is
    /// fixed; a name that images were found under that differ has moved already.
    pub fn names(&self, digest: &Digest) -> Vec<Tagging> {
        let Some(member) = self.members.get(digest) else { return Vec::new() };
        let mut tags: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for name in self.named.keys() {
            let name = ImageName::parse(name);
            tags.entry(name.repository).or_default().insert(name.tag.unwrap_or("latest"));
        }
        let taggings = member.names.iter().map(|text| {
            let full = full_name(text);
            let name = ImageName::parse(&full);
            let tag = name.tag.unwrap_or("latest");
            let moved = self.named.get(&full).is_some_and(|found| found.len() > 1);
            let longer = tags.get(name.repository).into_iter().flatten().any(|other| is_shorter(tag, other));
            let kind = if moved {
                Rolling::Moved
            } else if longer || !tag.starts_with(|first: char| first.is_ascii_digit() || first == 'v') {
                Rolling::Rolls
            } else {
                Rolling::Fixed
            };
            Tagging { name: text.clone(), rolling: kind }
        });
        taggings.collect()
    }
}

/// Whether a name moves on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rolling {
    /// It has: different images were found under it.
    Moved,
    /// It is meant to: it is no version, or a longer version begins with it.
    Rolls,
    /// Nothing says that it does.
    Fixed,
}

/// A name and whether it moves on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tagging {
    /// The name.
    pub name: String,
    /// Whether it moves on.
    pub rolling: Rolling,
}

enum Next {
    None,
    To(Evidence, Digest),
    NoPlatform(Digest, String),
    Several(Vec<Digest>),
}

impl Member {
    /// The same image, found again elsewhere.
    fn join(&mut self, other: Self) {
        self.names.extend(other.names);
        self.names.sort();
        self.names.dedup();
        self.former.extend(other.former);
        self.former.retain(|name| !self.names.contains(name));
        self.superseded_by = self.superseded_by.take().or(other.superseded_by);
        self.supersedes = self.supersedes.take().or(other.supersedes);
        self.standing = self.standing.into_iter().chain(other.standing).min();
    }
}

/// Which of two images is newer: by revision, if both have one that is a number and they are of one version; else by date. `None`
/// if that cannot be told, or if revision and date say the opposite of each other.
pub fn compare(one: &Member, other: &Member) -> Option<Ordering> {
    let number = |member: &Member| member.revision.as_deref().and_then(|text| text.parse::<u64>().ok());
    let by_revision = match (number(one), number(other)) {
        (Some(left), Some(right)) if one.version == other.version => Some(left.cmp(&right)).filter(|order| order.is_ne()),
        _ => None,
    };
    let by_date = match (one.created, other.created) {
        (Some(left), Some(right)) => Some(left.cmp(&right)).filter(|order| order.is_ne()),
        _ => None,
    };
    match (by_revision, by_date) {
        (Some(left), Some(right)) => (left == right).then_some(left),
        (one, other) => one.or(other),
    }
}

/// A name in one spelling; a bare tag of a layout stays one.
fn full_name(name: &str) -> String {
    ImageName::parse(name).without_digest().canonical().unwrap_or_else(|| name.to_owned())
}

/// Whether `long` is a version that begins with `short`.
fn is_shorter(short: &str, long: &str) -> bool {
    long.strip_prefix(short).is_some_and(|rest| rest.starts_with(['.', '-']) && rest.len() > 1)
}

#[cfg(test)]
mod tests;
