//! Whether an image is based on what the name of its base means now.

use serde::Serialize;

use super::decide::{Based, Outcome};
use super::evidence::Stated;
use super::layers::Proof;
use super::meaning::NameRule;
use crate::foundation::Digest;

/// What the name of a base means now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The digest of its index, or of its manifest if there is none.
    pub top: Digest,
    /// The digest of its manifest for the platform; `None` if it lacks the platform.
    pub manifest: Option<Digest>,
    /// Why it is the one.
    pub rule: NameRule,
    /// What statements say of it.
    pub stated: Stated,
    /// Whether its config says that it was created before the old base.
    pub older: bool,
}

/// Where an image stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It is based on what the name of its base means now.
    Current(Confidence),
    /// It is not, or that has come to its end.
    Outdated {
        /// How sure that is.
        confidence: Confidence,
        /// Why, where the base is what its name means.
        ended: Option<String>,
    },
    /// It has no base.
    NoBase,
    /// It is not known.
    Unknown(String),
}

/// How sure something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// It was hashed: the same blobs, or blobs that were inflated to the same content.
    Proven,
    /// Other blobs, of which both configs say that they inflate to the same.
    Claimed,
    /// Only what the image says of its base is known, and that is not what is here.
    Recorded,
}

impl Confidence {
    /// How sure layers are that were compared so.
    pub fn of(proofs: &[Proof]) -> Self {
        if proofs.contains(&Proof::SameDiffIdClaimed) { Self::Claimed } else { Self::Proven }
    }

    /// As it is shown to users.
    pub fn name(self) -> &'static str {
        match self {
            Self::Proven => "proven",
            Self::Claimed => "claimed",
            Self::Recorded => "recorded",
        }
    }
}

/// Compares what an image is based on with what that means now.
pub fn standing(based: &Based, target: Result<&Target, String>) -> Standing {
    if based.outcome == Outcome::Scratch {
        return Standing::NoBase;
    }
    let target = match target {
        Ok(target) => target,
        Err(why) => return Standing::Unknown(why),
    };
    let Some(manifest) = &target.manifest else { return Standing::Unknown("it lacks the platform".to_owned()) };
    let Some(base) = based.base() else { return recorded(based, target) };
    let confidence = based.proof().map_or(Confidence::Claimed, |proof| Confidence::of(proof.proofs()));
    if *manifest != base.image.descriptor.digest {
        // Who says that this one follows knows that it is older.
        if target.older && !matches!(target.rule, NameRule::SupersededBy | NameRule::Map | NameRule::Onto) {
            return Standing::Unknown("what the name of its base means here was created before its base".to_owned());
        }
        return Standing::Outdated { confidence, ended: None };
    }
    match target.stated.status.filter(|_| target.stated.has_ended()) {
        Some(status) => Standing::Outdated { confidence, ended: Some(format!("its base is {}", status.name())) },
        None if target.stated.unreadable => Standing::Unknown("something that may be said of its base cannot be read".to_owned()),
        None => Standing::Current(confidence),
    }
}

/// The base is not here, or not proven; the image says which one it was, and the name means another one here.
fn recorded(based: &Based, target: &Target) -> Standing {
    let differs = |digest: &Digest| target.top != *digest && target.manifest.as_ref() != Some(digest);
    let refuted = based.evidence.iter().any(|one| matches!(one.verdict, super::Verdict::Refuted(..)));
    // A digest that stands beside another name is that of a base of the base.
    let digest = based.record().map_or_else(|| based.recorded_digest(), |(_, digest)| digest);
    let outdated = match (digest, &based.outcome) {
        (Some(digest), _) => differs(digest),
        // The image records where its base ends, and what the name means here does not end there: else it would be proven.
        (None, Outcome::Seam { .. }) => true,
        (None, _) => false,
    };
    if outdated && !refuted {
        return Standing::Outdated { confidence: Confidence::Recorded, ended: None };
    }
    Standing::Unknown("the base is not proven".to_owned())
}
