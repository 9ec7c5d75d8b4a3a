//! How far a base may jump, by the tags of its repository.
//!
//! Tags are no versions by any specification. Read as one is what almost everybody writes: `3.19`, `v1.2.3`, `17.0.9-jre`. Up to
//! three numbers, then whatever describes the edition. A base jumps only to a tag of the same edition with as many numbers, so
//! that `17` never becomes `17.0.9`, `12-slim` never `13`, and `1.2.0-rc1` never anything.

use crate::foundation::{Code, Error, Fact, Result};
use crate::oci::ImageName;

/// The farthest jump that is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum Allow {
    /// 1.2.3 to 1.2.4.
    Patch,
    /// 3.19 to 3.20.
    Minor,
    /// 12 to 13.
    Major,
}

impl Allow {
    /// Reads it.
    ///
    /// # Errors
    /// `usage.argument`.
    pub fn parse(text: &str) -> Result<Self> {
        match text {
            "patch" => Ok(Self::Patch),
            "minor" => Ok(Self::Minor),
            "major" => Ok(Self::Major),
            _ => Err(Error::new(Code::UsageArgument, "this is no jump")
                .expected(Fact::new("patch, minor or major", "--allow"))
                .found(Fact::new(text, "the command line"))),
        }
    }

    /// How it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Patch => "patch",
            Self::Minor => "minor",
            Self::Major => "major",
        }
    }
}

/// A tag read as a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version<'a> {
    before: &'a str,
    numbers: Vec<u64>,
    after: &'a str,
}

impl<'a> Version<'a> {
    /// Reads a tag; `None` if it begins with no number.
    pub fn parse(tag: &'a str) -> Option<Self> {
        let (before, mut rest) = match tag.strip_prefix('v') {
            Some(rest) => ("v", rest),
            None => ("", tag),
        };
        let mut numbers = Vec::new();
        loop {
            let end = rest.find(|character: char| !character.is_ascii_digit()).unwrap_or(rest.len());
            let (digits, after) = rest.split_at(end);
            numbers.push(digits.parse().ok()?);
            rest = after;
            match rest.strip_prefix('.') {
                Some(after) if numbers.len() < 3 && after.starts_with(|character: char| character.is_ascii_digit()) => rest = after,
                _ => break,
            }
        }
        (rest.is_empty() || rest.starts_with(['-', '_', '+'])).then_some(Self { before, numbers, after: rest })
    }

    /// Whether `self` may become `other` within `allow`: it is higher, and the same in everything else.
    fn may_become(&self, other: &Self, allow: Allow) -> bool {
        let fixed = match allow {
            Allow::Patch => 2,
            Allow::Minor => 1,
            Allow::Major => 0,
        };
        self.is_edition_of(other) && self.numbers < other.numbers && self.numbers.iter().take(fixed).eq(other.numbers.iter().take(fixed))
    }

    /// Whether both are versions of one edition.
    pub(crate) fn is_edition_of(&self, other: &Self) -> bool {
        self.before == other.before && self.after == other.after && self.numbers.len() == other.numbers.len()
    }

    /// Whether `other` is a lower version of the same edition.
    pub fn is_above(&self, other: &Self) -> bool {
        self.is_edition_of(other) && self.numbers > other.numbers
    }
}

/// Whether the version `one` is lower than `other`, as far as their numbers tell: `9.3-beta` is lower than `9.4`, `9.4-rc1` than `9.4`, and
/// `17` is not lower than `17.0.9`.
pub fn is_lower(one: &str, other: &str) -> bool {
    let (own, others) = (numbers(one), numbers(other));
    if !own.is_empty() && own == others {
        return comes_before(one) && !comes_before(other);
    }
    let pairs = own.into_iter().zip(others);
    pairs.into_iter().find(|(one, other)| one != other).is_some_and(|(one, other)| one < other)
}

/// Whether a version is one before the release.
fn comes_before(version: &str) -> bool {
    let rest = version.trim_start_matches(|character: char| character == 'v' || character == '.' || character.is_ascii_digit());
    let rest = rest.trim_start_matches(['-', '~', '_', '.']).to_ascii_lowercase();
    // `alpine` begins as `alpha` does and is a release, and so does `rcfoo` as `rc1`.
    let word = rest.split(|character: char| !character.is_ascii_alphabetic()).next().unwrap_or_default();
    ["rc", "alpha", "beta", "pre", "preview", "dev", "snapshot", "nightly"].contains(&word)
}

/// The numbers with which a version begins.
fn numbers(version: &str) -> Vec<u64> {
    let version = version.strip_prefix('v').unwrap_or(version);
    let end = version.find(|character: char| !character.is_ascii_digit() && character != '.').unwrap_or(version.len());
    version.get(..end).unwrap_or_default().split('.').map_while(|number| number.parse().ok()).collect()
}

/// The name with the highest tag among `names` to which `current` may jump. Names are compared in Docker's full spelling.
pub fn highest<'n>(current: &str, names: impl Iterator<Item = &'n str>, allow: Allow) -> Option<&'n str> {
    let own = ImageName::parse(current);
    // The repository of a tag alone is not known, so neither is which other tags are of the same one.
    let (repository, version) = (repository(&own)?, Version::parse(own.tag?)?);
    let mut best: Option<(Version<'n>, &'n str)> = None;
    for name in names {
        let other = ImageName::parse(name);
        let Some(candidate) = other.tag.and_then(Version::parse) else { continue };
        let higher = best.as_ref().is_none_or(|(best, _)| best.numbers < candidate.numbers);
        if higher && self::repository(&other).as_ref() == Some(&repository) && version.may_become(&candidate, allow) {
            best = Some((candidate, name));
        }
    }
    best.map(|(_, name)| name)
}

/// The repository in Docker's full spelling.
fn repository(name: &ImageName<'_>) -> Option<String> {
    if !name.is_full() {
        return None;
    }
    let canonical = name.canonical();
    Some(canonical.as_deref().map_or(name.repository, |canonical| ImageName::parse(canonical).repository).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_read_as_versions_or_not_at_all() {
        for (from, to, farthest) in [
            ("3.19", "3.20", Some(Allow::Minor)),
            ("3.19", "4.0", Some(Allow::Major)),
            ("1.2.3", "1.2.10", Some(Allow::Patch)),
            ("v1.2.3", "v1.3.0", Some(Allow::Minor)),
            ("17.0.9-jre", "17.0.10-jre", Some(Allow::Patch)),
            ("12", "13", Some(Allow::Major)),
            ("12-slim", "13-slim", Some(Allow::Major)),
            ("20240101", "20240202", Some(Allow::Major)),
            // Never down, never to another edition, never between a moving tag and a fixed one.
            ("3.20", "3.19", None),
            ("3.20", "3.20", None),
            ("12-slim", "13", None),
            ("17", "17.0.9", None),
            ("1.2.0-rc1", "1.2.0", None),
            ("v1.2.3", "1.2.4", None),
            ("1.2.3.4", "1.2.3.5", None),
            ("bookworm", "trixie", None),
            ("3.19", "3.20rc", None),
        ] {
            let parsed = (Version::parse(from), Version::parse(to));
            let found = [Allow::Patch, Allow::Minor, Allow::Major]
                .into_iter()
                .find(|allow| matches!(&parsed, (Some(from), Some(to)) if from.may_become(to, *allow)));
            assert_eq!(found, farthest, "{from} {to}");
        }
    }

    #[test]
    fn versions_go_down_only_where_their_numbers_say_so() {
        for (one, other, lower) in [
            ("12.4", "12.5", true),
            ("12.5", "12.4", false),
            ("12.10", "12.9", false),
            ("v1.2", "1.3", true),
            ("9.3-beta", "9.4", true),
            ("17", "17.0.9", false),
            ("17.0.9", "17", false),
            ("bookworm", "trixie", false),
            ("20240101", "20240202", true),
            ("12.4-rc1", "12.4", true),
            ("12.4", "12.4-rc1", false),
            ("12.4-slim", "12.4", false),
            ("12.4-beta2", "12.4", true),
            ("12.4-alpine", "12.4", false),
            ("12.4-preempt", "12.4", false),
            ("12.4-rcfoo", "12.4", false),
        ] {
            assert_eq!(is_lower(one, other), lower, "{one} {other}");
        }
    }

    #[test]
    fn the_highest_tag_of_the_same_repository_counts() {
        let names = ["docker.io/library/alpine:3.20", "alpine:3.21", "alpine:edge", "other/alpine:3.30", "docker.io/library/alpine:4.0"];
        let highest = |allow| highest("alpine:3.19", names.into_iter(), allow);
        assert_eq!(highest(Allow::Patch), None);
        assert_eq!(highest(Allow::Minor), Some("alpine:3.21"));
        assert_eq!(highest(Allow::Major), Some("docker.io/library/alpine:4.0"));
    }
}
