//! One platform decided: its old base, the seam, its new base.

use std::collections::BTreeSet;

use super::refuse::{not_rebasable, other_stack, refusal, without_app_layers};
use super::{MissingPlatform, Request};
use crate::foundation::clock::Time;
use crate::foundation::{Code, Digest, Error, Fact, Finding, Result, Severity};
use crate::oci::{ImageName, buildpacks};
use crate::plan::base::{
    Based, Candidate, ClaimOrigin, Evidence, NameRule, Outcome, Proof, SeamRule, Stated, base_name, is_credible, is_same_image,
};
use crate::plan::lifecycle::field::Status;
use crate::plan::rebase::image::scratch;
use crate::plan::rebase::image::{Moved, Options};
use crate::plan::verdict::Judgement;
use crate::read::{Image, ImageIndex};
use crate::verbs::bases::{Bases, Found, Lead, itself, nowhere, shown_platform};
use crate::verbs::proof::{Claim, Verify, check, prove_content};
use crate::verbs::{Context, Opened};

/// The old base as the user named it.
#[derive(Debug)]
pub(in crate::verbs) enum From {
    /// There was none.
    Scratch,
    /// This one.
    Image(Box<Opened>),
}

/// What is the same for all platforms of one image.
#[derive(Clone, Copy)]
pub(in crate::verbs) struct Job<'j, 'c> {
    pub(in crate::verbs) opened: &'j Opened,
    pub(in crate::verbs) index: Option<&'j ImageIndex>,
    pub(in crate::verbs) bases: &'j Bases<'c>,
    pub(in crate::verbs) from: Option<&'j From>,
    pub(in crate::verbs) onto: Option<&'j Opened>,
    pub(in crate::verbs) request: &'j Request,
    pub(in crate::verbs) context: Context<'c>,
}

/// What an image of one platform is based on, and where it is split.
pub(in crate::verbs) struct Split {
    pub(in crate::verbs) based: Based,
    pub(in crate::verbs) seam: usize,
    pub(in crate::verbs) proofs: Vec<Proof>,
    pub(in crate::verbs) findings: Vec<Finding>,
}

impl Split {
    /// The old base, if it is here.
    pub(in crate::verbs) fn old(&self) -> Option<&Candidate> {
        self.based.base().map(|base| &**base)
    }
}

/// One platform, decided.
pub(in crate::verbs) struct PlatformMove<'a> {
    pub(in crate::verbs) app: &'a Image,
    pub(in crate::verbs) old: Option<Candidate>,
    /// The old base where there was none: nothing.
    pub(in crate::verbs) scratch: Option<Image>,
    pub(in crate::verbs) evidence: Option<Evidence>,
    pub(in crate::verbs) clue: Option<ClaimOrigin>,
    pub(in crate::verbs) proofs: Vec<Proof>,
    pub(in crate::verbs) seam: usize,
    pub(in crate::verbs) new: Candidate,
    /// Why that is the new base; absent in what is made from a plan.
    pub(in crate::verbs) rule: Option<NameRule>,
    /// The name of the new base that the result records.
    pub(in crate::verbs) base_name: Option<String>,
    /// The layers of the result that were inflated to what their config says.
    pub(in crate::verbs) inflated: BTreeSet<Digest>,
    pub(in crate::verbs) names_its_base: bool,
    pub(in crate::verbs) findings: Vec<Finding>,
    /// Whether it still runs, if that was judged.
    pub(in crate::verbs) judged: Option<Judgement>,
    /// What of that was accepted, though it breaks the image.
    pub(in crate::verbs) accepted: BTreeSet<Code>,
    /// What comes out, if it was put together to be judged and nothing that was learned then is recorded in it.
    pub(in crate::verbs) result: Option<Box<(Moved, Options)>>,
}

impl<'j> Job<'j, '_> {
    /// Decides the old base, the seam and the new base of one platform; `None` if the new base lacks the platform and the user
    /// allowed that.
    pub(in crate::verbs) fn decide(&self, image: &'j Image) -> Result<Option<PlatformMove<'j>>> {
        let split = self.split(image)?;
        let found;
        let (onto, rule) = if let Some(onto) = self.onto {
            (onto, NameRule::Onto)
        } else {
            found = self.current_base(image, &split)?;
            self.refuse_older(image, &split, &found)?;
            (&found.opened, found.rule)
        };
        let stated = self.usable(image, &split, onto)?;
        let settled = self.settle(image, split, onto, rule)?;
        Ok(settled
            .map(|platform_move| PlatformMove { findings: platform_move.findings.into_iter().chain(stated).collect(), ..platform_move }))
    }

    /// Refuses to go back where nobody said so: a name means an older image where an older stick was put in.
    ///
    /// # Errors
    /// `base.older`.
    fn refuse_older(&self, image: &Image, split: &Split, found: &Found) -> Result<()> {
        let is_said = matches!(found.rule, NameRule::Map | NameRule::SupersededBy) || self.request.force;
        let new = self.bases.candidate(image, &found.opened).filter(|_| !is_said);
        // What builders write instead of a date says nothing of what is newer.
        let created = |new: &Candidate| new.image.config.created.as_deref().and_then(Time::parse);
        let new = new.filter(|new| created(new).is_some_and(is_credible));
        let Some(older) = new.and_then(|new| older(split.old(), &new)) else { return Ok(()) };
        let reference = found.opened.located.shown();
        Err(Error::of(older).hint(format!("If the image is to go back, name the base: --onto {reference}")))
    }

    /// What the statements beside a new base say against it, as a warning.
    ///
    /// # Errors
    /// `lifecycle.withdrawn`, and `lifecycle.unreadable` where they may say so, unless the image is based on it already or the user
    /// insists.
    pub(in crate::verbs) fn usable(&self, image: &Image, split: &Split, onto: &Opened) -> Result<Option<Finding>> {
        let Some(new) = self.bases.candidate(image, onto) else { return Ok(None) };
        let digest = &new.image.descriptor.digest;
        let mut stated = self.bases.stated_of_base(&onto.located.source, &onto.tree, digest)?;
        if self.bases.is_followed_by(image, &stated) {
            // Who takes the place of its own base has nothing newer to be built on.
            stated.status = stated.status.filter(|status| *status != Status::Superseded);
        }
        let Some(against) = against(&stated, onto) else { return Ok(None) };
        let stays = split.old().is_some_and(|old| old.image.descriptor.digest == *digest);
        if against.severity == Severity::Warning || stays || self.request.force {
            return Ok(Some(against.severity(Severity::Warning)));
        }
        Err(Error::of(against)
            .hint("Name another base with --onto, or get an edition that may be used.")
            .hint("If it is to be used nevertheless, say so with --force."))
    }

    /// What an image of one platform is based on: the old base, the seam, and the proof.
    ///
    /// # Errors
    /// `base.*`, `image.diffid_count`, and those of documents that cannot be read.
    pub(in crate::verbs) fn split(&self, image: &Image) -> Result<Split> {
        image.check_layers()?;
        let named = self.from.is_some() || self.request.seam_layers.is_some();
        if !named && buildpacks::forbids_rebase(&image.config.labels) {
            return Err(not_rebasable(image));
        }
        let based = self.based(image)?;
        let (seam, proofs) = self.seam(image, &based)?;
        let mut findings = based.doubts(image);
        findings.extend(unproven(image, &based));
        Ok(Split { based, seam, proofs, findings })
    }

    fn based(&self, image: &Image) -> Result<Based> {
        match (self.request.seam_layers, self.from) {
            (Some(layers), _) => self.given_seam(image, layers),
            (None, Some(From::Scratch)) => Ok(Based { outcome: Outcome::Scratch, ..self.bases.based(image, self.index)? }),
            (None, Some(From::Image(from))) => self.bases.based_on(image, self.index, from),
            (None, None) => self.bases.based(image, self.index),
        }
    }

    fn given_seam(&self, image: &Image, layers: usize) -> Result<Based> {
        let own = image.manifest.layers.len();
        if layers > own {
            return Err(Error::new(Code::BaseMismatch, "the image has fewer layers than --seam-layers says")
                .at(&image.descriptor.digest)
                .expected(Fact::new(format!("at least {layers} layers"), "--seam-layers"))
                .found(Fact::new(format!("{own} layers"), "the manifest"))
                .hint(format!("Give a number from 0 to {own}: how many of the lowest layers belong to the old base.")));
        }
        Ok(Based::at_seam(layers, self.bases.based(image, self.index)?))
    }

    fn seam(&self, image: &Image, based: &Based) -> Result<(usize, Vec<Proof>)> {
        if let (Some(base), Some(proof)) = (based.base(), based.proof()) {
            let proofs = prove_content(image, &base.image, proof.proofs(), self.request.verify, self.context)?;
            return Ok((proofs.len(), proofs));
        }
        // Nobody proved that all of it is the base.
        if let Outcome::Seam { layers, rule } = based.outcome
            && layers == image.manifest.layers.len()
            && !self.request.force
        {
            return Err(without_app_layers(image, layers, rule));
        }
        match based.seam() {
            Some(seam) => Ok((seam, Vec::new())),
            None => Err(refusal(image, based, self.bases)?),
        }
    }

    /// What the name of the base means now.
    fn current_base(&self, image: &Image, split: &Split) -> Result<Found> {
        if split.based.outcome == Outcome::Scratch {
            return Err(Error::new(Code::BaseNameUnknown, "the image has no base, so there is no name to follow")
                .at(&image.descriptor.digest)
                .hint("Name the new base with --onto."));
        }
        match self.bases.follow(image, self.index, &split.based)? {
            Lead::Found(found) => Ok(*found),
            Lead::NoName => Err(nowhere(image, &split.based, None)),
            Lead::NotHere(name) => Err(nowhere(image, &split.based, Some(&name))),
            Lead::Undecided(error) => Err(error.at(&image.descriptor.digest)),
        }
    }

    /// The decision for an image that is split so and is moved onto the image `onto`; `None` if that lacks the
    /// platform and the user allowed it.
    ///
    /// # Errors
    /// `platform.missing`, `base.other_stack`, and those of layers that are inflated.
    pub(in crate::verbs) fn settle(
        &self,
        image: &'j Image,
        split: Split,
        onto: &Opened,
        rule: NameRule,
    ) -> Result<Option<PlatformMove<'j>>> {
        let Some(new) = self.bases.candidate(image, onto) else { return self.missing_platform(image, onto) };
        if is_same_image(image, &new.image) {
            return Err(itself(&new.reference, image));
        }
        if let Some(error) = other_stack(image, &new).filter(|_| !self.request.force) {
            return Err(error);
        }
        let old = split.old().cloned();
        let scratch = if split.based.outcome == Outcome::Scratch { Some(scratch(image, self.context.limits)?) } else { None };
        let base_name = self.request.base_name.clone().or_else(|| self.recorded_name(&split, &new));
        let names_its_base = split.based.record().is_some();
        let (evidence, clue) = (split.based.proof().cloned(), split.based.clue());
        let mut findings = split.findings;
        if old.is_none() && scratch.is_none() {
            findings.push(
                Finding::new(Code::RebaseTwoWay, "the old base is not there, so config values were merged two ways")
                    .at(&image.descriptor.digest),
            );
        }
        findings.extend(older(old.as_ref(), &new));
        let inflated = match self.request.verify {
            Verify::Content => inflated(image, split.seam, &new.image, self.context)?,
            Verify::Digest => BTreeSet::new(),
        };
        let (seam, proofs, rule) = (split.seam, split.proofs, Some(rule));
        Ok(Some(PlatformMove {
            app: image,
            old,
            scratch,
            evidence,
            clue,
            proofs,
            seam,
            new,
            rule,
            base_name,
            inflated,
            names_its_base,
            findings,
            judged: None,
            result: None,
            accepted: BTreeSet::new(),
        }))
    }

    fn missing_platform(&self, image: &Image, onto: &Opened) -> Result<Option<PlatformMove<'j>>> {
        if self.request.on_missing_platform != MissingPlatform::Fail {
            return Ok(None);
        }
        let offered = onto.tree.images().iter().map(|image| shown_platform(image)).collect::<Vec<_>>().join(", ");
        Err(Error::new(Code::PlatformMissing, format!("the new base has no {}", shown_platform(image)))
            .at(self.opened.located.shown())
            .expected(Fact::new(shown_platform(image), "the image"))
            .found(Fact::new(if offered.is_empty() { "no image at all".to_owned() } else { offered }, onto.located.shown()))
            .hint("Get the base for this platform, or choose with --on-missing-platform keep-old|drop."))
    }

    /// The name of the new base that the result should record.
    fn recorded_name(&self, split: &Split, new: &Candidate) -> Option<String> {
        let followed = split.based.name();
        let old_tag = followed.and_then(|name| ImageName::parse(name).tag);
        // The old name's tag is in the new base's own layout, and so is the old base: then that layout is the repository.
        let same_repository = split.old().is_some_and(|old| old.image.source.path == new.image.source.path)
            && old_tag.is_some_and(|tag| self.bases.has_name_in(&new.image.source, tag));
        base_name(&new.names, followed, same_repository)
    }
}

/// What statements say against a new base, or may say.
pub(in crate::verbs) fn against(stated: &Stated, onto: &Opened) -> Option<Finding> {
    let (code, message) = match stated.status {
        Some(Status::Withdrawn) => (Code::LifecycleWithdrawn, "the new base is withdrawn, by what is said of it"),
        Some(Status::EndOfLife) => (Code::BaseEndOfLife, "the new base is at the end of its life, by what is said of it"),
        _ if stated.unreadable => (Code::LifecycleUnreadable, "something that may be said of the new base cannot be read"),
        Some(Status::Superseded) => (Code::BaseSuperseded, "another image takes the place of the new base"),
        _ => return None,
    };
    let finding = Finding::new(code, message).at(onto.located.shown());
    let successor = stated.successor.as_ref().filter(|_| code == Code::BaseSuperseded);
    Some(successor.into_iter().fold(finding, |finding, digest| finding.found(Fact::new(digest, "what is said of it"))))
}

/// What is known though no base was there to prove it.
fn unproven(image: &Image, based: &Based) -> Option<Finding> {
    let Outcome::Seam { layers, rule } = based.outcome else { return None };
    let message = match rule {
        SeamRule::Given => format!("the seam above layer {layers} was given with --seam-layers"),
        SeamRule::Recorded => format!("the seam above layer {layers} was recorded by an earlier rebase"),
        SeamRule::Buildpacks => format!("the seam above layer {layers} is the top layer of the run image, by buildpacks metadata"),
    };
    Some(Finding::new(Code::BaseUnproven, message).at(&image.descriptor.digest))
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
