//! Claims and local images compared.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::claim::{Claim, ClaimOrigin, is_edition, same_name, same_repository};
use super::layers::{Prefix, Proof, prefix, same_layers};
use crate::foundation::Digest;
use crate::oci::{Descriptor, ImageName, Name};
use crate::plan::lifecycle::field::Status;
use crate::read::Image;

/// An image that could be the base.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The image for the platform.
    pub image: Image,
    /// The reference for users.
    pub reference: String,
    /// The names under which it is known locally.
    pub names: Vec<String>,
    /// The names that it had and that other images have now, the newest first.
    pub former: Vec<String>,
    /// The digest of the index it belongs to, or its own.
    pub top: Digest,
    /// What it says of its own base.
    pub claims: Vec<Claim>,
}

impl Candidate {
    /// Whether this is the image or the index with this digest.
    pub fn is(&self, digest: &Digest) -> bool {
        self.top == *digest || self.image.descriptor.digest == *digest
    }

    /// Whether it has this name now.
    pub fn has_name(&self, claimed: &str) -> bool {
        self.names.iter().any(|own| same_name(claimed, own))
    }

    /// Whether it has this name with a date or the number of a build behind.
    pub(crate) fn is_edition_of(&self, claimed: &str) -> bool {
        self.names.iter().any(|own| is_edition(claimed, own))
    }

    /// Whether nothing that it is or was called speaks against this name: names move within a repository, and a bare tag says nothing.
    pub fn may_be(&self, claimed: &str) -> bool {
        let mut called = self.names.iter().chain(&self.former).filter(|own| ImageName::parse(own).is_full()).peekable();
        called.peek().is_none() || called.any(|own| same_repository(claimed, own))
    }

    /// Whether it is known under no name, and was under none.
    pub(crate) fn is_nameless(&self) -> bool {
        self.names.is_empty() && self.former.is_empty()
    }

    /// Whether it had this name.
    pub fn had_name(&self, claimed: &str) -> bool {
        self.former.iter().any(|own| same_name(claimed, own))
    }
}

/// What statements say of a local image, as far as it decides which image a name means.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stated {
    /// Its status.
    pub status: Option<Status>,
    /// The digest of the image to use instead.
    pub successor: Option<Digest>,
    /// Whether something that may be said of it cannot be read.
    pub unreadable: bool,
}

impl Stated {
    /// The stricter one of what is said in two places.
    #[must_use]
    pub fn stricter(self, other: Self) -> Self {
        let unreadable = self.unreadable || other.unreadable;
        let rank = |stated: &Self| stated.status.map_or((1, None), |status| (0, Some(status)));
        let (held, left) = if rank(&other) < rank(&self) { (other, self) } else { (self, other) };
        Self { successor: held.successor.or(left.successor), unreadable, status: held.status }
    }

    /// Whether it should not be used any more.
    pub(crate) fn has_ended(&self) -> bool {
        matches!(self.status, Some(Status::Withdrawn | Status::EndOfLife | Status::Superseded))
    }
}

/// What became of one clue.
#[derive(Debug, Clone)]
pub enum Verdict {
    /// The layers of the candidate are the lowest layers of the image.
    Proven(Arc<Candidate>, Vec<Proof>),
    /// The digest leads to an image with other layers.
    Refuted(Arc<Candidate>, Prefix),
    /// The name leads to an image with other layers: it means another image now, as names do.
    NameMoved(Arc<Candidate>, Prefix),
    /// Nothing local to compare with.
    Unresolved(String),
}

/// A clue and what became of it.
#[derive(Debug, Clone)]
pub struct Evidence {
    /// The clue.
    pub clue: ClaimOrigin,
    /// The name it gave.
    pub name: Option<String>,
    /// The digest it gave.
    pub digest: Option<Digest>,
    /// Whether one writer wrote the name and the digest.
    pub whole: bool,
    /// What `--map` says of it.
    pub mapped: Mapped,
    /// What became of it.
    pub verdict: Verdict,
}

/// What `--map` says of a clue.
#[derive(Debug, Clone, Default)]
pub struct Mapped {
    /// The full names of the image that a rule makes of the name.
    pub names: Vec<String>,
    /// The digest of that image.
    pub top: Option<Digest>,
    /// Whether a rule without a pattern is about the name, the digest, or the name that the image with the digest has here.
    pub exact: bool,
}

impl Mapped {
    /// Whether a rule says that the image with the digest is what the name means. A pattern says so of all its names, so what it
    /// leads to must be that image, or of its repository.
    fn settles(&self, candidate: &Candidate) -> bool {
        self.exact || self.top.as_ref() == Some(&candidate.top) || self.names.iter().any(|name| candidate.may_be(name))
    }
}

/// The words for an image that names another base than its layers lead to.
pub fn conflict_words(claim: Option<&Evidence>, proven: Option<&Candidate>) -> &'static str {
    if is_renamed(claim, proven) {
        "the base with the digest that the image records is here under another name than the image gives it"
    } else {
        "the image names a base that is not here; what its layers prove may be a base of that one"
    }
}

/// Whether what the layers prove has the digest that the image records, and so another name.
pub fn is_renamed(claim: Option<&Evidence>, proven: Option<&Candidate>) -> bool {
    claim.and_then(|claim| claim.digest.as_ref()).zip(proven).is_some_and(|(digest, candidate)| candidate.is(digest))
}

impl Evidence {
    /// What became of a claim.
    pub fn of(claim: Claim, verdict: Verdict) -> Self {
        let whole = claim.is_whole();
        Self { clue: claim.clue, name: claim.name, digest: claim.digest, whole, mapped: Mapped::default(), verdict }
    }

    /// Whether a name fits an image with the digest that is recorded beside it. The digest may be handed down by a base that is not
    /// here, and the name be the image's own; not where one writer wrote both, or where the user says that they fit.
    pub(super) fn fits(&self, name: &str, candidate: &Candidate) -> bool {
        candidate.may_be(name) || self.whole || self.mapped.settles(candidate)
    }

    /// The proven base, and how many of the lowest layers are its.
    pub fn proven(&self) -> Option<(&Arc<Candidate>, usize)> {
        match &self.verdict {
            Verdict::Proven(candidate, proofs) => Some((candidate, proofs.len())),
            _ => None,
        }
    }

    /// How each layer of the proven base was proven.
    pub fn proofs(&self) -> &[Proof] {
        match &self.verdict {
            Verdict::Proven(_, proofs) => proofs,
            _ => &[],
        }
    }
}

/// The candidate of a piece of evidence.
pub fn candidate(evidence: &Evidence) -> Option<&Arc<Candidate>> {
    match &evidence.verdict {
        Verdict::Proven(candidate, _) | Verdict::Refuted(candidate, _) | Verdict::NameMoved(candidate, _) => Some(candidate),
        Verdict::Unresolved(_) => None,
    }
}

/// Compares a base that the user named with the image. A base that was brought once more under the name of an app adds nothing to the base;
/// under one name, or without one, it is the image itself, wherever the copies lie.
pub fn judge_given(image: &Image, candidate: Arc<Candidate>) -> Verdict {
    let names = |place: &Image| {
        let entries =
            place.source.index.manifests.iter().filter(|entry| entry.digest == place.descriptor.digest || entry.digest == candidate.top);
        entries.filter_map(Descriptor::name).map(Name::parse).map(Name::into_owned).collect::<BTreeSet<_>>()
    };
    let (own, given) = (names(image), names(&candidate.image));
    let is_apart = image.source.path != candidate.image.source.path && !own.is_empty() && !given.is_empty();
    let is_copy = is_apart && own.is_disjoint(&given);
    let compared = if is_copy { same_layers(image, &candidate.image) } else { prefix(image, &candidate.image) };
    verdict(compared, candidate, true)
}

/// Compares a candidate with the image. `by_digest` says whether the claim gave a digest: only then can it be refuted.
pub fn judge(image: &Image, candidate: Arc<Candidate>, by_digest: bool) -> Verdict {
    verdict(prefix(image, &candidate.image), candidate, by_digest)
}

fn verdict(compared: Prefix, candidate: Arc<Candidate>, by_digest: bool) -> Verdict {
    match compared {
        Prefix::Proven(proofs) => Verdict::Proven(candidate, proofs),
        other if by_digest => Verdict::Refuted(candidate, other),
        other => Verdict::NameMoved(candidate, other),
    }
}
