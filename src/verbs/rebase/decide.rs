//! One platform decided: its old base, the seam, its new base.

use std::collections::BTreeSet;

use super::refuse::{conflict, not_here, not_rebasable, unknown};
use super::{MissingPlatform, Request};
use crate::core::clock::Time;
use crate::core::{Code, Digest, Error, Fact, Finding, Result};
use crate::oci::{ImageName, buildpacks};
use crate::plan::base::{self, Candidate, Clue, Decision, Evidence, Proof, Verdict};
use crate::read::{Image, ImageIndex, Located, Tree};
use crate::verbs::bases::{Bases, Followed, candidate, shown_platform};
use crate::verbs::proof::{Claim, Verify, check, prove_content};
use crate::verbs::{Context, Opened};

/// What an image of one platform stands on.
pub(in crate::verbs) struct Standing {
    pub(in crate::verbs) evidence: Option<Evidence>,
    pub(in crate::verbs) seam: usize,
    pub(in crate::verbs) proofs: Vec<Proof>,
    pub(in crate::verbs) findings: Vec<Finding>,
}

impl Standing {
    /// The old base, if it is here.
    pub(in crate::verbs) fn old(&self) -> Option<&Candidate> {
        self.evidence.as_ref().and_then(base::candidate)
    }

    /// What the image calls its base.
    pub(in crate::verbs) fn claimed_name(&self, image: &Image, index: Option<&ImageIndex>) -> Option<String> {
        let own = base::claims(image, index).into_iter().find_map(|claim| claim.name);
        own.or_else(|| base::built_on(self.evidence.as_ref()).map(str::to_owned))
    }
}

/// One platform, decided.
pub(in crate::verbs) struct Platformed<'a> {
    pub(in crate::verbs) app: &'a Image,
    pub(in crate::verbs) old: Option<Candidate>,
    pub(in crate::verbs) evidence: Option<Evidence>,
    pub(in crate::verbs) proofs: Vec<Proof>,
    pub(in crate::verbs) seam: usize,
    pub(in crate::verbs) new: Candidate,
    /// The name of the new base that the result records.
    pub(in crate::verbs) base_name: Option<String>,
    /// The layers of the result that were inflated to what their config says.
    pub(in crate::verbs) inflated: BTreeSet<Digest>,
    pub(in crate::verbs) names_its_base: bool,
    pub(in crate::verbs) findings: Vec<Finding>,
}

/// Decides the old base, the seam and the new base of one platform; `None` if the new base lacks the platform and the person
/// allowed that.
#[expect(clippy::too_many_arguments, reason = "each is one thing that the person gave or that was read")]
pub(super) fn decide<'a>(
    image: &'a Image,
    index: Option<&ImageIndex>,
    opened: &Opened,
    bases: &Bases,
    from: Option<&Opened>,
    onto: Option<&Opened>,
    request: &Request,
    context: Context<'_>,
) -> Result<Option<Platformed<'a>>> {
    let standing = stand(image, index, bases, from, request, context)?;
    let new_tree;
    let (located, tree) = if let Some(onto) = onto {
        (&onto.located, &onto.tree)
    } else {
        new_tree = current_base(image, index, &standing, bases)?;
        (&new_tree.0, &new_tree.1)
    };
    settle(image, index, standing, located, tree, opened, request, context)
}

/// What an image of one platform stands on: the old base, the seam, and the proof.
///
/// # Errors
/// `base.*`, `image.diffid_count`, and those of documents that cannot be read.
pub(in crate::verbs) fn stand(
    image: &Image,
    index: Option<&ImageIndex>,
    bases: &Bases,
    from: Option<&Opened>,
    request: &Request,
    context: Context<'_>,
) -> Result<Standing> {
    image.check_layers()?;
    if request.from.is_none() && request.seam_layers.is_none() && buildpacks::forbids_rebase(&image.config.labels) {
        return Err(not_rebasable(image));
    }
    let mut findings = Vec::new();
    let (evidence, seam, proofs) = old_base(image, index, bases, from, request, &mut findings, context)?;
    Ok(Standing { evidence, seam, proofs, findings })
}

/// The decision for an image that stands so and is moved onto the image that `located` and `tree` are; `None` if that lacks the
/// platform and the person allowed it.
///
/// # Errors
/// `platform.missing`, and those of layers that are inflated.
#[expect(clippy::too_many_arguments, reason = "each is one thing that the person gave or that was read")]
pub(in crate::verbs) fn settle<'a>(
    image: &'a Image,
    index: Option<&ImageIndex>,
    standing: Standing,
    located: &Located,
    tree: &Tree,
    opened: &Opened,
    request: &Request,
    context: Context<'_>,
) -> Result<Option<Platformed<'a>>> {
    let old = standing.old().cloned();
    let claimed_name = standing.claimed_name(image, index);
    let Standing { evidence, seam, proofs, mut findings } = standing;
    let Some(new) = candidate(image, located, tree) else {
        if request.on_missing_platform != MissingPlatform::Fail {
            return Ok(None);
        }
        let offered = tree.images().iter().map(|image| shown_platform(image)).collect::<Vec<_>>().join(", ");
        return Err(Error::new(Code::PlatformMissing, format!("the new base has no {}", shown_platform(image)))
            .at(opened.located.shown())
            .expected(Fact::new(shown_platform(image), "the image"))
            .found(Fact::new(if offered.is_empty() { "no image at all".to_owned() } else { offered }, located.shown()))
            .hint("Get the base for this platform, or choose with --on-missing-platform keep-old|drop."));
    };
    if old.is_none() {
        findings.push(
            Finding::new(Code::RebaseTwoWay, "the old base is not there, so config values were merged two ways")
                .at(&image.descriptor.digest),
        );
    }
    if let Some(finding) = older(old.as_ref(), &new) {
        findings.push(finding);
    }
    let inflated = if request.verify == Verify::Content { inflated(image, seam, &new.image, context)? } else { BTreeSet::new() };
    let names_its_base = base::claims(image, index).iter().any(|claim| claim.name.is_some());
    let base_name = request.base_name.clone().or_else(|| recorded_name(old.as_ref(), &new, claimed_name.as_deref()));
    Ok(Some(Platformed { app: image, old, evidence, proofs, seam, new, base_name, inflated, names_its_base, findings }))
}

/// The name of the new base that the result should record.
fn recorded_name(old: Option<&Candidate>, new: &Candidate, claimed: Option<&str>) -> Option<String> {
    let old_tag = claimed.and_then(|name| ImageName::parse(name).tag);
    // The old name's tag stands in the new base's own layout, or the old base does: then that layout is the repository.
    let same_repository = old.is_some_and(|old| old.image.source.path == new.image.source.path)
        && new.image.source.index.manifests.iter().any(|entry| entry.name().is_some() && entry.name() == old_tag);
    base::base_name(&new.names, claimed, same_repository)
}

/// Inflates every layer of the result that can be inflated here: those of the new base, and the app's own.
fn inflated(image: &Image, seam: usize, new: &Image, context: Context<'_>) -> Result<BTreeSet<Digest>> {
    let base = (0..new.manifest.layers.len()).filter_map(|position| Claim::of(new, position, "the new base"));
    let own = (seam..image.manifest.layers.len()).filter_map(|position| Claim::of(image, position, "the image"));
    let mut claims = Vec::new();
    for claim in base.chain(own) {
        if claim.can_be_checked()? {
            claims.push(claim);
        }
    }
    Ok(check(claims, context)?.into_iter().cloned().collect())
}

/// A warning, if the new base was created before the old one.
pub(in crate::verbs) fn older(old: Option<&Candidate>, new: &Candidate) -> Option<Finding> {
    let time = |candidate: &Candidate| candidate.image.config.created.as_deref().and_then(Time::parse);
    let (before, after) = (time(old?)?, time(new)?);
    (after < before).then(|| {
        Finding::new(Code::BaseOlder, "the new base was created before the old one")
            .at(&new.reference)
            .expected(Fact::new(format!("after {before}"), "the config of the old base"))
            .found(Fact::new(after, "the config of the new base"))
    })
}

/// The old base, how many layers belong to it, and how each was proven.
fn old_base(
    image: &Image,
    index: Option<&ImageIndex>,
    bases: &Bases,
    from: Option<&Opened>,
    request: &Request,
    findings: &mut Vec<Finding>,
    context: Context<'_>,
) -> Result<(Option<Evidence>, usize, Vec<Proof>)> {
    if let Some(seam) = request.seam_layers {
        if seam > image.manifest.layers.len() {
            return Err(Error::new(Code::BaseMismatch, "the image has fewer layers than --seam-layers says")
                .at(&image.descriptor.digest)
                .expected(Fact::new(format!("at least {seam} layers"), "--seam-layers"))
                .found(Fact::new(format!("{} layers", image.manifest.layers.len()), "the manifest"))
                .hint(format!(
                    "Give a number from 0 to {}: how many of the lowest layers belong to the old base.",
                    image.manifest.layers.len()
                )));
        }
        findings.push(unproven(image, format!("the seam above layer {seam} was given with --seam-layers")));
        return Ok((None, seam, Vec::new()));
    }
    let mut evidence = Vec::new();
    if let Some(from) = from {
        let Some(candidate) = candidate(image, &from.located, &from.tree) else {
            return Err(
                Error::new(Code::PlatformMissing, format!("the old base has no {}", shown_platform(image))).at(from.located.shown())
            );
        };
        let digest = Some(from.located.descriptor.digest.clone());
        evidence.push(Evidence {
            clue: Clue::From,
            name: candidate.names.first().cloned(),
            digest,
            verdict: base::judge(image, candidate, true),
        });
    } else {
        evidence.extend(bases.judge_claims(image, index)?);
        // A label may be the base's own, handed down; only the local images can tell.
        let settled = evidence.iter().any(|evidence| evidence.clue < Clue::Label && matches!(evidence.verdict, Verdict::Proven(..)));
        if !settled {
            evidence.extend(bases.matches(image)?);
        }
    }
    let chosen = match base::decide(image, &evidence) {
        Decision::Base(chosen) => {
            match base::doubt(image, &evidence, chosen) {
                Some(base::Doubt::NotHere(finding)) => return Err(not_here(finding)),
                Some(base::Doubt::Refuted(finding)) => findings.push(finding),
                None => {}
            }
            findings.extend(base::other_digest(image, chosen));
            chosen.clone()
        }
        Decision::Conflict(refuted, proven) => return Err(conflict(image, refuted, proven, bases)?),
        Decision::Ambiguous(several) => {
            return Err(Error::new(Code::BaseAmbiguous, "several local images with different settings have the same layers")
                .at(&image.descriptor.digest)
                .details(
                    several
                        .iter()
                        .filter_map(|evidence| base::candidate(evidence))
                        .map(|candidate| format!("{}  {}", candidate.reference, candidate.image.descriptor.digest)),
                )
                .hint("Name the old base with --from."));
        }
        Decision::Unknown => {
            if let Some(seam) = base::recorded_layers(image) {
                findings.push(unproven(image, format!("the seam above layer {seam} was recorded by an earlier rebase")));
                return Ok((None, seam, Vec::new()));
            }
            // The person sees that nothing but the label says so.
            if let Some(Ok(seam)) = base::buildpacks_seam(image) {
                let message = format!("the seam above layer {seam} is the top layer of the run image, by buildpacks metadata");
                findings.push(unproven(image, message));
                return Ok((None, seam, Vec::new()));
            }
            return Err(unknown(image, &evidence, bases)?);
        }
    };
    let Verdict::Proven(candidate, proofs) = &chosen.verdict else {
        return Err(Error::new(Code::Bug, "a base was chosen that is not proven"));
    };
    let proofs = prove_content(image, &candidate.image, proofs, request.verify, context)?;
    let seam = proofs.len();
    Ok((Some(chosen), seam, proofs))
}

fn unproven(image: &Image, message: String) -> Finding {
    Finding::new(Code::BaseUnproven, message).at(&image.descriptor.digest)
}

/// What the name of the base means now.
fn current_base(image: &Image, index: Option<&ImageIndex>, standing: &Standing, bases: &Bases) -> Result<(Located, Tree)> {
    match bases.follow(standing.claimed_name(image, index).as_deref(), standing.old())? {
        Followed::Found { located, tree, .. } => Ok((*located, *tree)),
        Followed::NoName => Err(nowhere(image, None).hint("Name the new base with --onto.")),
        Followed::NotHere(name) => {
            Err(nowhere(image, Some(&name)).hint("Name the new base with --onto, or where its name lies with --map 'NAME=REFERENCE'."))
        }
    }
}

/// The refusal of an image whose base has no name that leads anywhere.
pub(in crate::verbs) fn nowhere(image: &Image, name: Option<&str>) -> Error {
    Error::new(Code::BaseNameUnknown, "it is not known what the image should be moved onto")
        .at(format!("{}@{}", image.source.shown(), image.descriptor.digest))
        .detail(name.map_or_else(
            || "neither the image nor its base has a name to look for".to_owned(),
            |name| format!("no local image is called {name}"),
        ))
}
