//! What is known of one image that a line of images may have, and which of two is newer.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use crate::foundation::Digest;
use crate::oci::ImageName;
use crate::plan::lifecycle::field::Status;
use crate::plan::lifecycle::time::Moment;

/// What is known of one image: an index, or the manifest of one platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its digest.
    pub digest: Digest,
    /// Where it lies, as a reference; nothing if it is gone and statements on it are here.
    pub reference: Option<String>,
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
    /// The image that replaces it, by a statement, and when that was said.
    pub superseded_by: Option<(Digest, Option<Moment>)>,
    /// The image that it replaces, by a statement.
    pub supersedes: Option<Digest>,
    /// Where it stands.
    pub standing: Option<Status>,
    /// Whether something may be said of it that cannot be read.
    pub unreadable: bool,
    /// Its platform, if it is one's.
    pub platform: Option<String>,
    /// Of an index, the manifests by platform.
    pub platforms: BTreeMap<String, Digest>,
}

impl Member {
    /// An image that is not here.
    pub fn gone(digest: Digest) -> Self {
        Self {
            digest,
            reference: None,
            names: Vec::new(),
            former: Vec::new(),
            created: None,
            version: None,
            revision: None,
            origin: None,
            rebased_from: None,
            superseded_by: None,
            supersedes: None,
            standing: None,
            unreadable: false,
            platform: None,
            platforms: BTreeMap::new(),
        }
    }

    /// The same image, found again elsewhere.
    pub(super) fn join(&mut self, other: Self) {
        self.names.extend(other.names);
        self.names.sort();
        self.names.dedup();
        self.former.extend(other.former);
        self.reference = self.reference.take().or(other.reference);
        self.unreadable |= other.unreadable;
        self.former.retain(|name| !self.names.contains(name));
        self.superseded_by = self.superseded_by.take().or(other.superseded_by);
        self.supersedes = self.supersedes.take().or(other.supersedes);
        self.standing = self.standing.into_iter().chain(other.standing).min();
    }
}

/// The lines that an image belongs to by what it is: its origin, or the repository of a name that is the version, or the version and a
/// revision; each with the version. `1.0-alpine` and `1.0-debian` are two lines.
pub(super) fn lines(member: &Member) -> Vec<(String, String)> {
    let Some(version) = &member.version else { return Vec::new() };
    let mut lines: Vec<(String, String)> = member.origin.iter().map(|origin| (origin.clone(), version.clone())).collect();
    for text in member.names.iter().chain(&member.former) {
        let full = full_name(text);
        let name = ImageName::parse(&full);
        let rest =
            name.tag.and_then(|tag| tag.strip_prefix(version.as_str()).or_else(|| tag.strip_prefix('v')?.strip_prefix(version.as_str())));
        let is_revision = |rest: &str| {
            let numbers = rest.strip_prefix(['-', '.', '_', '+']).map(|rest| rest.strip_prefix(['r', 'v']).unwrap_or(rest));
            rest.is_empty() || numbers.is_some_and(|numbers| Revision::parse(numbers).is_some())
        };
        if name.is_full() && rest.is_some_and(is_revision) {
            lines.push((format!("name {}", name.repository), version.clone()));
        }
    }
    lines.sort();
    lines.dedup();
    lines
}

/// Whether it is known to which line of images it belongs.
pub(super) fn has_line(member: &Member) -> bool {
    !member.names.is_empty() || !member.former.is_empty() || !lines(member).is_empty()
}

/// A revision that counts: a number, a date, dotted numbers, or those with a pre-release as semver has it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Revision {
    numbers: Vec<u64>,
    /// Pre-releases come before the release.
    before: Option<Vec<Result<u64, String>>>,
}

impl Revision {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim().strip_prefix(['v', 'r']).unwrap_or(text.trim());
        let text = text.split_once('+').map_or(text, |(text, _)| text);
        let number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse::<u64>().ok()).flatten();
        // A date with hyphens is numbers throughout.
        if let Some(numbers) = text.split(['.', '-']).map(number).collect::<Option<Vec<u64>>>() {
            return Some(Self { numbers, before: None });
        }
        let (main, before) = text.split_once('-').map_or((text, None), |(main, before)| (main, Some(before)));
        let numbers = main.split('.').map(number).collect::<Option<Vec<u64>>>()?;
        let before = before?.split('.').map(|part| number(part).ok_or_else(|| part.to_owned())).collect();
        Some(Self { numbers, before: Some(before) })
    }

    pub(super) fn compare(&self, other: &Self) -> Ordering {
        let at = |numbers: &[u64], place: usize| numbers.get(place).copied().unwrap_or(0);
        let length = self.numbers.len().max(other.numbers.len());
        let by_numbers = (0..length).map(|place| at(&self.numbers, place).cmp(&at(&other.numbers, place)));
        by_numbers.into_iter().find(|order| order.is_ne()).unwrap_or_else(|| match (&self.before, &other.before) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => Ordering::Greater,
            (Some(_), None) => Ordering::Less,
            // semver, item 11: numbers come before words.
            (Some(one), Some(other)) => one.cmp(other),
        })
    }
}

/// Which of two images is newer: by revision, if both have one that counts and they are of one version; else by date. `None`
/// if that is not known, or if revision and date say the opposite of each other.
pub fn compare(one: &Member, other: &Member) -> Option<Ordering> {
    let revision = |member: &Member| member.revision.as_deref().and_then(Revision::parse);
    let by_revision = match (revision(one), revision(other)) {
        (Some(left), Some(right)) if one.version == other.version => Some(left.compare(&right)).filter(|order| order.is_ne()),
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
pub(super) fn full_name(name: &str) -> String {
    ImageName::parse(name).without_digest().canonical().unwrap_or_else(|| name.to_owned())
}
