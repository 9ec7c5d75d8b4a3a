//! What an image says of its base.
//!
//! Annotations and labels are hints. `base.digest` means three things in the wild (the index, the platform manifest, the
//! empty string), and some tools write the image's own name under `base.name`; so a claim only says where to look, and only
//! layers prove a base.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::foundation::Digest;
use crate::oci::{ImageName, Name, annotation};
use crate::read::{Image, ImageIndex};

/// Where a claim about the base came from, the nearest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClaimOrigin {
    /// The user named the old base.
    From,
    /// An annotation of the manifest.
    ManifestAnnotation,
    /// An annotation of the descriptor in the index that the image belongs to. The images of Docker's library have it there.
    DescriptorAnnotation,
    /// An annotation of the index that the image belongs to.
    IndexAnnotation,
    /// A label of the config; some builders write the annotation keys there.
    Label,
    /// The label of Cloud Native Buildpacks, which names the run image and its highest layer.
    Buildpacks,
    /// Provenance beside the image: what went into its build.
    Provenance,
    /// Layers of a local image are the lowest layers of this one.
    Catalogue,
}

impl ClaimOrigin {
    /// Whether it only says where to look, so that the layers decide alone: it can prove and never refute.
    pub(super) fn is_lead(self) -> bool {
        matches!(self, Self::Provenance | Self::Catalogue)
    }

    /// Whether `other` is the same kind of place: builders hand labels down as labels and annotations as annotations.
    fn is_like(self, other: Self) -> bool {
        (self == Self::Label) == (other == Self::Label) && self != Self::Buildpacks && other != Self::Buildpacks
    }

    /// As it is shown to users.
    pub fn name(self) -> &'static str {
        match self {
            Self::From => "named on the command line",
            Self::ManifestAnnotation => "annotation of the manifest",
            Self::DescriptorAnnotation => "annotation of the descriptor in the index",
            Self::IndexAnnotation => "annotation of the index",
            Self::Label => "label of the config",
            Self::Buildpacks => "buildpacks metadata",
            Self::Provenance => "provenance of the build",
            Self::Catalogue => "layers of a local image",
        }
    }
}

/// What an image says about its base.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Where it says so.
    pub clue: ClaimOrigin,
    /// The name it gives; without a digest, if it has a tag.
    pub name: Option<String>,
    /// The digest it gives.
    pub digest: Option<Digest>,
    /// Whether the name itself carries the digest.
    pub pinned: bool,
    /// A digest that is none: reported, never used.
    pub unreadable_digest: Option<String>,
    /// How many layers it says belong to the base, or why that is not known.
    pub seam: Option<Result<usize, String>>,
}

impl Claim {
    /// What `base.name` and `base.digest` say in one place. Empty values count as absent: buildah writes them for images from scratch.
    /// A name with another digest than `base.digest` is a claim of its own.
    fn read<'a>(clue: ClaimOrigin, get: impl Fn(&str) -> Option<&'a str>) -> Vec<Self> {
        let text = |key: &str| get(key).filter(|value| !value.is_empty());
        let (name, in_name) = text(annotation::BASE_NAME).map(parted).unzip();
        let (name, in_name) = (name.filter(|name| !name.is_empty()).map(str::to_owned), in_name.flatten());
        let recorded = text(annotation::BASE_DIGEST);
        let digest: Option<Digest> = recorded.and_then(|text| text.parse().ok());
        let unreadable_digest = recorded.filter(|_| digest.is_none()).map(str::to_owned);
        let pinned = in_name.is_some();
        let claim = |name, digest, unreadable_digest| Self { name, digest, unreadable_digest, ..Self::empty(clue) };
        let claims = match (in_name, digest) {
            (Some(own), Some(other)) if own != other => {
                vec![Self { pinned, ..claim(name, Some(own), None) }, claim(None, Some(other), None)]
            }
            (own, digest) => vec![Self { pinned, ..claim(name, digest.or(own), unreadable_digest) }],
        };
        let says = |claim: &Self| claim.name.is_some() || claim.digest.is_some() || claim.unreadable_digest.is_some();
        claims.into_iter().filter(says).collect()
    }

    /// A claim that says nothing.
    pub fn empty(clue: ClaimOrigin) -> Self {
        Self { clue, name: None, digest: None, pinned: false, unreadable_digest: None, seam: None }
    }

    /// Whether one writer wrote its name and its digest: in one value, or on an index, whose annotations nobody hands down. Else the
    /// digest may come from a base, and the name from who built on that.
    pub(super) fn is_whole(&self) -> bool {
        let handed_down = matches!(self.clue, ClaimOrigin::ManifestAnnotation | ClaimOrigin::Label);
        self.name.is_some() && self.digest.is_some() && (self.pinned || !handed_down)
    }

    /// Whether one of `others` has the same value in the same kind of place.
    pub(super) fn is_said_by(&self, others: &[Self], same: impl Fn(&Self, &Self) -> bool) -> bool {
        others.iter().any(|other| self.clue.is_like(other.clue) && same(self, other))
    }
}

/// `NAME@DIGEST` in two parts; what follows the `@` and is no digest stays with the name. Without a tag the digest stays with it
/// too: such a name means this digest, and never `latest`.
fn parted(text: &str) -> (&str, Option<Digest>) {
    match text.split_once('@').map(|(name, digest)| (name, digest.parse().ok())) {
        Some((name, Some(digest))) => (if ImageName::parse(text).tag.is_some() { name } else { text }, Some(digest)),
        _ => (text, None),
    }
}

/// The claims of an image, the nearest first.
pub fn claims(image: &Image, index: Option<&ImageIndex>) -> Vec<Claim> {
    let mut claims = Claim::read(ClaimOrigin::ManifestAnnotation, |key| image.manifest.annotations.get(key).map(String::as_str));
    if let Some(index) = index {
        // The entry of index.json speaks of where the image lies, and some tools write the image's own name there.
        claims.extend(Claim::read(ClaimOrigin::DescriptorAnnotation, |key| image.descriptor.annotations.get(key)));
        claims.extend(Claim::read(ClaimOrigin::IndexAnnotation, |key| index.index.annotations.get(key).map(String::as_str)));
    }
    claims.extend(Claim::read(ClaimOrigin::Label, |key| image.config.labels.get(key).map(String::as_str)));
    claims.extend(buildpacks(image));
    claims
}

fn buildpacks(image: &Image) -> Option<Claim> {
    let run_image = image.config.run_image.as_ref()?.as_ref().ok();
    Some(Claim {
        name: run_image.and_then(|run_image| run_image.name.clone()),
        digest: run_image.and_then(|run_image| run_image.digest.clone()),
        seam: buildpacks_seam(image),
        ..Claim::empty(ClaimOrigin::Buildpacks)
    })
}

/// How many layers belong to the run image, by buildpacks metadata. Equal layers repeat in real images: a diffID that is there
/// twice tells nothing.
pub fn buildpacks_seam(image: &Image) -> Option<Result<usize, String>> {
    let top = match image.config.run_image.as_ref()? {
        Ok(run_image) => run_image.top_layer.as_ref()?,
        Err(why) => return Some(Err(format!("the buildpacks metadata cannot be read: {why}"))),
    };
    let mut positions = (0..).zip(&image.config.diff_ids).filter(|(_, own)| *own == top).map(|(position, _)| position);
    Some(match (positions.next(), positions.count()) {
        (Some(position), 0) => Ok(position + 1),
        (Some(_), more) => Err(format!("{} layers are equal to the top layer of the run image, so the seam is unknown", more + 1)),
        (None, _) => Err("the top layer of the run image is not among the layers".to_owned()),
    })
}

/// The number of base layers that an earlier rebase or `base set` recorded.
pub fn recorded_layers(image: &Image) -> Option<usize> {
    image
        .manifest
        .annotations
        .get(annotation::BASE_LAYERS)
        .and_then(|text| text.parse().ok())
        .filter(|layers| *layers <= image.manifest.layers.len())
}

/// Whether a name means that there is no base: Docker's reserved word.
pub fn is_scratch(name: &str) -> bool {
    name == "scratch" || ImageName::parse(name).canonical().as_deref() == Some("docker.io/library/scratch:latest")
}

/// Whether two names are one: byte for byte, or in Docker's full spelling. What a claim writes without `/` and `:` is a repository.
pub fn same_name(claimed: &str, own: &str) -> bool {
    let own = Name::parse(own);
    Name::parse(claimed) == own || spelled(claimed).is_some_and(|claimed| Name::parse(&claimed) == own)
}

/// Whether a name has a date or the number of a build behind the tag of another one: `os:12-20240101` is an edition of `os:12`. Whatever
/// else is there may name something else, such as a base of it.
pub(crate) fn is_edition(claimed: &str, own: &str) -> bool {
    let (Some(claimed), Some(own)) = (spelled(claimed), ImageName::parse(own).canonical()) else { return false };
    let rest = own.strip_prefix(&claimed).and_then(|rest| rest.strip_prefix(['-', '.', '_']));
    rest.is_some_and(|rest| {
        rest.starts_with(|first: char| first.is_ascii_digit()) && rest.bytes().all(|byte| byte.is_ascii_digit() || b"-._".contains(&byte))
    })
}

/// Whether two names are of one repository. The same path at another registry is another one: `registry.example/debian` may be what a
/// company made of `docker.io/library/debian`. That a registry is a mirror is said with `--map`.
pub(super) fn same_repository(claimed: &str, own: &str) -> bool {
    let (written, other) = (ImageName::parse(claimed), ImageName::parse(own));
    if written.is_full() && written.repository == other.repository {
        return true;
    }
    let repository = |name: &str| spelled(name).map(|full| ImageName::parse(&full).repository.to_owned());
    repository(claimed).zip(repository(own)).is_some_and(|(claimed, own)| claimed == own)
}

/// A claimed name in Docker's full spelling.
pub fn spelled(claimed: &str) -> Option<String> {
    ImageName::parse(claimed).canonical().or_else(|| ImageName::parse(&format!("{claimed}:latest")).canonical())
}

/// The labels that every build has from its base unless it writes its own.
pub(super) fn labels(image: &Image) -> &BTreeMap<String, String> {
    &image.config.labels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_in_full() {
        for (claimed, own, same) in [
            ("debian:12", "docker.io/library/debian:12", true),
            ("debian", "docker.io/library/debian:latest", true),
            ("docker.io/library/debian:12", "debian:12", true),
            ("r.example/debian:12", "s.example/debian:12", false),
            ("r.example/debian:12", "12", false),
            ("12", "12", true),
        ] {
            assert_eq!(same_name(claimed, own), same, "{claimed} {own}");
        }
    }

    #[test]
    fn an_edition_has_numbers_behind_the_tag() {
        for (claimed, own, edition) in [
            ("os:12", "os:12-20240101", true),
            ("os:12", "docker.io/library/os:12.4-1134", true),
            ("r.example/os:12", "r.example/os:12.4", true),
            ("os:12", "os:12", false),
            ("os:12", "os:120", false),
            ("os:12", "os:12-slim", false),
            ("java:21", "java:21-base", false),
            ("java:21", "java:21-jan", false),
            ("os:12", "other:12-20240101", false),
            ("r.example/os:12", "s.example/os:12-20240101", false),
        ] {
            assert_eq!(is_edition(claimed, own), edition, "{claimed} {own}");
        }
    }

    #[test]
    fn one_repository_is_at_one_registry() {
        for (claimed, own, same) in [
            ("nginx", "docker.io/library/nginx:1", true),
            ("docker.io/nginx:2", "nginx:1", true),
            ("index.docker.io/library/nginx:2", "docker.io/nginx", true),
            ("r.example:5000/os:1", "r.example:5000/os:2", true),
            ("[::1]:5000/os:1", "[::1]:5000/os:2", true),
            // What the grammar does not take is compared as it is written.
            ("r.example/Debian:12", "r.example/Debian:13", true),
            ("r.example/Debian:12", "r.example/debian:12", false),
            ("docker://debian:12", "debian:12", false),
            ("docker.io/library/debian:12", "site.example/debian:12", false),
            ("registry.example/debian:12", "debian:12", false),
            ("registry.example/os:1", "registry.example:5000/os:1", false),
            ("registry.example/team/os:1", "registry.example/os:1", false),
        ] {
            assert_eq!(same_repository(claimed, own), same, "{claimed} {own}");
        }
    }

    #[test]
    fn a_name_may_carry_its_digest() {
        let digest = format!("sha256:{}", "0".repeat(64));
        assert_eq!(parted(&format!("os:12@{digest}")), ("os:12", digest.parse().ok()));
        assert_eq!(parted("os:12@sha256:0"), ("os:12@sha256:0", None));
        let pinned = format!("r.example/os@{digest}");
        assert_eq!(parted(&pinned), (pinned.as_str(), digest.parse().ok()));
        for own in ["r.example/os:latest", "r.example/os", "r.example/os:12"] {
            assert!(!same_name(&pinned, own), "{own}");
        }
        assert!(is_scratch("scratch") && is_scratch("docker.io/library/scratch") && !is_scratch("r.example/scratch:1"));
    }
}
