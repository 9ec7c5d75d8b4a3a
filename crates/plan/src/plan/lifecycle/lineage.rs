//! Which image follows which: from a digest that somebody pinned to the image to use today.
//!
//! What leads from one image to the next, the surest first: a statement that names the successor; the record that a rebase left
//! in its result; a statement on the newer image that names the one it replaces; and a newer image under the same name, or of
//! the same source and version. The last is how a patch looks that was built again under the same tag: the old image has lost
//! its name, and only a higher revision or a later date tells that it is the old one.

mod member;

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

pub use self::member::{Member, compare};
use self::member::{full_name, has_line, lines};
use super::field::Status;
use super::level::of_platform;
use super::time::Moment;
use crate::foundation::Digest;
use crate::oci::ImageName;

/// What led from one image to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Evidence {
    /// A statement on the old image names the new one.
    SupersededBy,
    /// The name of the old image went to the new one.
    NameMoved,
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
    /// As it is shown to users.
    pub fn name(self) -> &'static str {
        match self {
            Self::SupersededBy => "a statement says that it is superseded",
            Self::NameMoved => "its name went to this one",
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
    /// Nothing newer is known than this image, which may itself not be fit for use.
    Newest {
        /// It.
        digest: Digest,
        /// Where it stands.
        standing: Option<Status>,
    },
    /// Nothing leads on from this image, and it is not known to which line of images it belongs, or something said of it cannot be
    /// read: a newer one may be here.
    Untold {
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
    /// By a name that they had and lost.
    formerly: BTreeMap<Digest, BTreeSet<String>>,
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
            let names: BTreeSet<String> = member.names.iter().map(|name| full_name(name)).collect();
            let former = member.former.iter().map(|name| full_name(name)).filter(|name| !names.contains(name));
            lineage.formerly.entry(digest.clone()).or_default().extend(former);
            for line in lines(member) {
                lineage.built.entry(line).or_default().insert(digest.clone());
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

    /// The digests that begin with `text`, which may leave the algorithm out.
    pub fn that_begin_with(&self, text: &str) -> Vec<&Digest> {
        let begins = |digest: &&Digest| digest.to_string().starts_with(text) || digest.hex().starts_with(text);
        let known: BTreeSet<&Digest> = self.members.keys().chain(self.after.keys()).chain(self.within.keys()).collect();
        known.into_iter().filter(begins).collect()
    }

    /// The way from `digest` to the newest image of its line.
    pub fn trace(&self, digest: &Digest) -> Trace {
        let mut steps: Vec<Step> = Vec::new();
        let mut times: Vec<Option<Moment>> = Vec::new();
        let mut at = digest.clone();
        if !self.members.contains_key(digest) && !self.after.contains_key(digest) && !self.within.contains_key(digest) {
            return Trace { steps, end: End::Unknown };
        }
        loop {
            let next = match self.next(&at) {
                Next::To(evidence, to) => Step { from: at.clone(), to, evidence },
                Next::None => {
                    let end = self.end(&at, !steps.is_empty());
                    return Trace { steps, end };
                }
                Next::NoPlatform(digest, platform) => return Trace { steps, end: End::Gap { digest, platform: Some(platform) } },
                Next::Several(candidates) => return Trace { steps, end: End::Ambiguous { candidates } },
            };
            times.push(self.time(&next));
            let closes = next.to == *digest || steps.iter().any(|step| step.to == next.to);
            at = next.to.clone();
            steps.push(next);
            if closes {
                return self.closed(steps, &times, at);
            }
        }
    }

    /// How a way ends at an image from which nothing leads on.
    fn end(&self, at: &Digest, was_led: bool) -> End {
        let Some(member) = self.members.get(at).filter(|member| member.reference.is_some()) else {
            return End::Gap { digest: at.clone(), platform: None };
        };
        let above = || self.within.get(at).into_iter().flatten().filter_map(|(index, _)| self.members.get(index));
        let has_line = was_led || has_line(member) || above().any(has_line);
        // What stops it is known, whatever else is not.
        let is_stopped = matches!(member.standing, Some(Status::Withdrawn | Status::EndOfLife));
        if !is_stopped && (member.unreadable || !has_line) {
            return End::Untold { digest: at.clone() };
        }
        End::Newest { digest: at.clone(), standing: member.standing }
    }

    /// When a step was said to be one; a name is where it is now, which is later than anything that was said.
    fn time(&self, step: &Step) -> Option<Moment> {
        let said = |digest: &Digest| {
            let (by, made) = self.members.get(digest)?.superseded_by.as_ref()?;
            (*by == step.to || self.within.get(&step.to).into_iter().flatten().any(|(index, _)| index == by)).then_some(*made)?
        };
        match step.evidence {
            Evidence::NameMoved => Some(Moment::LAST),
            Evidence::SupersededBy => {
                said(&step.from).or_else(|| self.within.get(&step.from).into_iter().flatten().filter_map(|(index, _)| said(index)).max())
            }
            // These follow from the images themselves, which were there before anybody went back.
            Evidence::Rebase | Evidence::Supersedes | Evidence::SameName | Evidence::Revision => self.members.get(&step.to)?.created,
        }
    }

    /// A way that comes back to where it was: somebody went back to an older image. The latest word says where.
    fn closed(&self, mut steps: Vec<Step>, times: &[Option<Moment>], at: Digest) -> Trace {
        let begin = steps.iter().position(|step| step.from == at).unwrap_or(0);
        let circle = times.get(begin..).unwrap_or_default();
        let latest = circle.iter().max().copied().flatten();
        let is_alone = latest.is_some() && circle.iter().filter(|time| **time == latest).count() == 1 && !circle.contains(&None);
        let Some(position) = circle.iter().position(|time| *time == latest).filter(|_| is_alone) else {
            return Trace { steps, end: End::Circle { digest: at } };
        };
        let Some(back) = steps.get(begin + position).map(|step| step.to.clone()) else {
            return Trace { steps, end: End::Circle { digest: at } };
        };
        // The way as far as that image is met first.
        let first = steps.first().map(|step| step.from.clone());
        let length = if first.as_ref() == Some(&back) { 0 } else { steps.iter().position(|step| step.to == back).map_or(0, |met| met + 1) };
        steps.truncate(length);
        let end = self.end(&back, true);
        Trace { steps, end }
    }

    fn next(&self, digest: &Digest) -> Next {
        match self.next_of(digest) {
            Next::None => {}
            found => return found,
        }
        // A node pins the manifest of its platform, and users supersede the index.
        let mut found = BTreeSet::new();
        for (index, platform) in self.within.get(digest).into_iter().flatten() {
            match self.next_of(index) {
                Next::To(evidence, newer) => match self.members.get(&newer) {
                    Some(member) if member.platforms.is_empty() => {
                        // An image of one platform follows no other one.
                        let is_other = |own: &String| of_platform(&BTreeMap::from([(own.clone(), digest)]), platform).is_none();
                        let lacks = member.platform.as_ref().is_some_and(is_other);
                        found.insert((evidence, newer, lacks.then(|| platform.clone())));
                    }
                    Some(member) => match of_platform(&member.platforms, platform) {
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
        if let Some((successor, _)) = member.and_then(|member| member.superseded_by.as_ref()) {
            return Next::To(Evidence::SupersededBy, successor.clone());
        }
        // Who holds a name now that this image had. An image that has a name of its own is not in need of that.
        let holders = |name: &String| self.named.get(name).into_iter().flatten().filter(|holder| *holder != digest).cloned();
        if let Some(member) = member.filter(|member| member.names.is_empty()) {
            // One that is older by date or revision took it back, which says nothing of what is newer.
            let is_older =
                |holder: &Digest| self.members.get(holder).is_some_and(|holder| compare(member, holder) == Some(Ordering::Greater));
            let holders = self.formerly.get(digest).into_iter().flatten().flat_map(holders).filter(|holder| !is_older(holder));
            let holders: BTreeSet<Digest> = holders.collect();
            match self.newest(holders) {
                Next::To(_, newest) => return Next::To(Evidence::NameMoved, newest),
                Next::None => {}
                several => return several,
            }
        }
        for evidence in [Evidence::Rebase, Evidence::Supersedes] {
            let followers = self.after.get(digest).into_iter().flatten().filter(|(kind, _)| *kind == evidence);
            let followers = followers.map(|(_, digest)| digest.clone()).filter(|follower| !self.went_back(member, follower));
            match self.newest(followers.collect()) {
                Next::To(_, newest) => return Next::To(evidence, newest),
                Next::None => {}
                several => return several,
            }
        }
        let Some(member) = member else { return Next::None };
        for name in &member.names {
            match self.in_line(member, self.named.get(&full_name(name)), Evidence::SameName) {
                Next::None => {}
                found => return found,
            }
        }
        for line in lines(member) {
            match self.in_line(member, self.built.get(&line), Evidence::Revision) {
                Next::None => {}
                found => return found,
            }
        }
        Next::None
    }

    /// Whether somebody says that the old image is in use although a newer one was made of it, which lost the name again or must not be
    /// used.
    fn went_back(&self, old: Option<&Member>, follower: &Digest) -> bool {
        let Some((old, new)) = old.zip(self.members.get(follower)) else { return false };
        let names: BTreeSet<String> = old.names.iter().map(|name| full_name(name)).collect();
        let took_back = new.names.is_empty() && self.formerly.get(follower).into_iter().flatten().any(|name| names.contains(name));
        let is_stopped = matches!(new.standing, Some(Status::Withdrawn | Status::EndOfLife));
        took_back || (is_stopped && old.standing == Some(Status::Active))
    }

    /// What follows in a line of images. Others of which nobody can tell whether they are newer are reported.
    fn in_line(&self, member: &Member, line: Option<&BTreeSet<Digest>>, evidence: Evidence) -> Next {
        let others = line.into_iter().flatten().filter(|digest| **digest != member.digest).filter_map(|digest| self.members.get(digest));
        let (mut newer, mut untold) = (BTreeSet::new(), BTreeSet::new());
        for other in others.filter(|other| !self.went_back(Some(member), &other.digest) && !self.is_beside(member, other)) {
            match compare(member, other) {
                Some(Ordering::Less) => drop(newer.insert(other.digest.clone())),
                None => drop(untold.insert(other.digest.clone())),
                Some(_) => {}
            }
        }
        self.of_one_kind(member, &mut newer);
        self.of_one_kind(member, &mut untold);
        match self.newest(newer) {
            Next::To(_, newest) => Next::To(evidence, newest),
            Next::None if !untold.is_empty() => Next::Several(untold.into_iter().collect()),
            found => found,
        }
    }

    /// Whether two are of one image, or for different platforms: neither follows the other.
    fn is_beside(&self, one: &Member, other: &Member) -> bool {
        let holds = |index: &Member, digest: &Digest| index.platforms.values().any(|child| child == digest);
        let above = |member: &Member| self.within.get(&member.digest).into_iter().flatten().map(|(index, _)| index);
        let siblings = above(one).any(|index| above(other).any(|theirs| theirs == index));
        let platforms = matches!((&one.platform, &other.platform), (Some(one), Some(other)) if one != other);
        holds(one, &other.digest) || holds(other, &one.digest) || siblings || platforms
    }

    /// Of an index and its platforms, what follows an image of the same kind: a platform a platform, an image that stands alone an index.
    fn of_one_kind(&self, member: &Member, digests: &mut BTreeSet<Digest>) {
        let is_child = self.within.contains_key(&member.digest);
        let all = digests.clone();
        let has_child =
            |index: &Digest| self.members.get(index).is_some_and(|index| index.platforms.values().any(|child| all.contains(child)));
        let has_index = |child: &Digest| self.within.get(child).into_iter().flatten().any(|(index, _)| all.contains(index));
        digests.retain(|digest| if is_child { !has_child(digest) } else { !has_index(digest) });
    }

    /// The newest of several images; several, if that is not known.
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

/// Whether `long` is a version that begins with `short`.
fn is_shorter(short: &str, long: &str) -> bool {
    long.strip_prefix(short).is_some_and(|rest| rest.starts_with(['.', '-']) && rest.len() > 1)
}

#[cfg(test)]
mod tests;
