//! What an image is based on. The layers prove bases; what the image says tells which of them is meant, and whether it is one of
//! them at all.
//!
//! Where the middle one of three images is missing, the layers prove the lowest one. If the image names the one that is missing,
//! moving it from the lowest one would leave layers of the old base in the result, so nothing is decided against what it says.

use std::sync::Arc;

use serde::Serialize;

use super::claim::{Claim, ClaimOrigin, buildpacks_seam, is_scratch, labels, recorded_layers};
use super::evidence::{Candidate, Evidence, Verdict, candidate};
use super::layers::{Proof, history_begins};
use crate::foundation::{Code, Digest, Fact, Finding, Severity};
use crate::oci::{ImageName, annotation};
use crate::read::Image;

/// Why a proven base is the one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// The user named it.
    Given,
    /// The image records its digest.
    Digest,
    /// The image records its name, which it has.
    Name,
    /// The image records its name, which it had.
    FormerName,
    /// The image records its name, which it has with a date or the number of a build behind.
    Edition,
    /// The image records how many layers belong to its base.
    Seam,
    /// Provenance says that it went into the build.
    Provenance,
    /// The image says nothing of its base, and no other local image has more of its layers.
    Layers,
}

/// Who says where the base ends, while the base itself is not here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SeamRule {
    /// The user.
    Given,
    /// An earlier rebase or `base set`.
    Recorded,
    /// Buildpacks metadata.
    Buildpacks,
}

/// What the evidence amounts to. Numbers are positions in [`Based::evidence`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// This is the base.
    Base {
        /// The evidence that proves it.
        proven: usize,
        /// Why it is the one.
        rule: Rule,
        /// The claim that names it.
        claim: Option<usize>,
    },
    /// The image has no base.
    Scratch,
    /// The base is not here, and it is known how many layers belong to it.
    Seam {
        /// How many.
        layers: usize,
        /// Who says so.
        rule: SeamRule,
    },
    /// A claim contradicts the layers.
    Conflict {
        /// The claim.
        claim: usize,
        /// What the layers prove.
        proven: Option<usize>,
    },
    /// Several different images fit equally well.
    Ambiguous(Vec<usize>),
    /// Nothing is known.
    Unknown,
}

/// A claim without what the image has from its base.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnClaim {
    /// The claim, as a position in [`Based::evidence`].
    pub at: usize,
    /// The name that the image itself gives.
    pub name: Option<String>,
    /// The digest that the image itself gives.
    pub digest: Option<Digest>,
}

/// What an image is based on, and all that was looked at.
#[derive(Debug, Clone)]
pub struct Based {
    /// What the evidence amounts to.
    pub outcome: Outcome,
    /// All evidence, the nearest first.
    pub evidence: Vec<Evidence>,
    /// What the image itself says, the nearest first.
    pub own: Vec<OwnClaim>,
}

/// Decides.
pub fn decide(image: &Image, evidence: Vec<Evidence>) -> Based {
    let view = View { image, evidence: &evidence };
    let own = view.own_claims();
    let outcome = view.outcome(&own);
    Based { outcome, evidence, own }
}

impl Based {
    /// An image whose seam the user gave.
    pub fn at_seam(layers: usize, mut known: Self) -> Self {
        known.outcome = Outcome::Seam { layers, rule: SeamRule::Given };
        known
    }

    /// The evidence that proves the base.
    pub fn proof(&self) -> Option<&Evidence> {
        match self.outcome {
            Outcome::Base { proven, .. } => self.evidence.get(proven),
            _ => None,
        }
    }

    /// The base, if it is here and proven.
    pub fn base(&self) -> Option<&Arc<Candidate>> {
        self.proof().and_then(candidate)
    }

    /// How many layers belong to the base, if that is known.
    pub fn seam(&self) -> Option<usize> {
        match self.outcome {
            Outcome::Base { .. } => self.proof().map(|proof| proof.proofs().len()),
            Outcome::Scratch => Some(0),
            Outcome::Seam { layers, .. } => Some(layers),
            _ => None,
        }
    }

    /// Where the base was learned from.
    pub fn clue(&self) -> Option<ClaimOrigin> {
        match self.outcome {
            Outcome::Base { proven, claim, .. } => self.evidence.get(claim.unwrap_or(proven)).map(|evidence| evidence.clue),
            _ => None,
        }
    }

    /// The names by which the image and its build call the base. Without a proven base that is all that the image itself says.
    fn said(&self) -> impl Iterator<Item = &str> {
        let base = self.base();
        let claim = match self.outcome {
            Outcome::Base { claim, .. } => claim,
            _ => None,
        };
        let fits = move |own: &&OwnClaim| match base {
            None => true,
            Some(base) => {
                claim == Some(own.at)
                    || own.digest.as_ref().is_some_and(|digest| base.is(digest))
                    || own.name.as_deref().is_some_and(|name| base.has_name(name) || base.had_name(name))
            }
        };
        let own = self.own.iter().filter(fits).filter_map(|own| own.name.as_deref());
        let built = self.evidence.iter().filter(move |one| {
            one.clue == ClaimOrigin::Provenance && base.is_some_and(|base| one.proven().is_some_and(|(other, _)| other.top == base.top))
        });
        own.chain(built.filter_map(|one| one.name.as_deref())).filter(|name| !is_scratch(name))
    }

    /// The name of the base to follow: what the image calls the proven base, else what the base is or was called here. A full name
    /// goes before a bare tag.
    pub fn name(&self) -> Option<&str> {
        let base = self.base();
        let local = |names: fn(&Candidate) -> &Vec<String>| {
            let names = base.map(|base| names(base));
            let full = names.and_then(|names| names.iter().find(|name| ImageName::parse(name).is_full()));
            full.or_else(|| names.and_then(|names| names.first())).map(String::as_str)
        };
        // A name with a digest means that digest for ever; what else the base is called leads on.
        let moving = || self.said().find(|name| ImageName::parse(name).digest.is_none());
        let known = moving().or_else(|| local(|base| &base.names)).or_else(|| local(|base| &base.former));
        known.or_else(|| self.said().next())
    }

    /// All names that lead on from the proven base, where the image itself does not say which one it follows: those that the base has here
    /// and had. Full names go before bare tags.
    pub fn names_here(&self) -> Vec<&str> {
        let names = self.base().map(|base| base.names.iter().chain(&base.former)).into_iter().flatten().map(String::as_str);
        let says_one = self.said().any(|name| ImageName::parse(name).digest.is_none());
        let mut names: Vec<&str> = names.filter(|_| !says_one).collect();
        if names.iter().any(|name| ImageName::parse(name).is_full()) {
            names.retain(|name| ImageName::parse(name).is_full());
        }
        names
    }

    /// The proven base, if the image gives it a name of a repository that it is not known under here: names differ inside the gap.
    pub fn renamed(&self) -> Option<&Candidate> {
        let Outcome::Base { rule: Rule::Digest, claim, .. } = self.outcome else { return None };
        let name = self.own.iter().find(|own| Some(own.at) == claim)?.name.as_deref()?;
        self.base().map(|base| &**base).filter(|base| !base.may_be(name))
    }

    /// What the image itself records of its base: a name, and a digest in the same place.
    pub fn record(&self) -> Option<(&str, Option<&Digest>)> {
        let own = self.own.iter().find(|own| own.name.as_deref().is_some_and(|name| !is_scratch(name)))?;
        Some((own.name.as_deref()?, own.digest.as_ref()))
    }

    /// The digest that the image records of its base.
    pub fn recorded_digest(&self) -> Option<&Digest> {
        self.own.iter().find_map(|own| own.digest.as_ref())
    }

    /// What the user should know though the base is decided.
    pub fn doubts(&self, image: &Image) -> Vec<Finding> {
        let Outcome::Base { proven, rule, claim } = self.outcome else { return Vec::new() };
        let (Some(evidence), Some(found)) = (self.evidence.get(proven), self.base()) else { return Vec::new() };
        let by_layers = matches!(rule, Rule::Seam | Rule::Layers | Rule::Provenance);
        let refuted = self.own.iter().filter_map(|own| self.evidence.get(own.at)).find(|one| matches!(one.verdict, Verdict::Refuted(..)));
        let refuted = refuted.map(|claim| {
            let named = claim.name.clone().or_else(|| claim.digest.as_ref().map(Digest::to_string)).unwrap_or_default();
            Finding::new(Code::BaseConflict, "the image also names a base that its layers refute")
                .severity(Severity::Warning)
                .at(&image.descriptor.digest)
                .expected(Fact::new(named, claim.clue.name()))
                .found(Fact::new(&found.reference, if by_layers { "the layers" } else { evidence.clue.name() }))
        });
        let claimed = claim.and_then(|at| self.own.iter().find(|own| own.at == at)).and_then(|own| own.digest.as_ref());
        let other = claimed.filter(|digest| rule != Rule::Given && rule != Rule::Seam && !found.is(digest)).map(|digest| {
            Finding::new(
                Code::BaseOtherDigest,
                "the base was found under its name, and the recorded digest is another one that is not here: the digest differs",
            )
            .at(&image.descriptor.digest)
            .expected(Fact::new(digest, self.clue().unwrap_or(evidence.clue).name()))
            .found(Fact::new(format!("{} {}", found.reference, found.top), "the local images"))
        });
        refuted.into_iter().chain(other).collect()
    }
}

/// Whether the base at a place of the evidence has a name in some way.
type Way<'a> = &'a dyn Fn(usize, &Candidate) -> bool;

/// An image and its evidence.
struct View<'a> {
    image: &'a Image,
    evidence: &'a [Evidence],
}

impl View<'_> {
    fn outcome(&self, own: &[OwnClaim]) -> Outcome {
        self.given()
            .or_else(|| self.set_to_scratch(own))
            .or_else(|| self.claimed(own))
            .or_else(|| self.at_recorded_seam(own))
            .or_else(|| self.unmet(own))
            .unwrap_or_else(|| self.by_layers())
    }

    /// The proven bases, with the numbers of their layers.
    fn proven(&self) -> impl Iterator<Item = (usize, &Arc<Candidate>, usize)> {
        self.evidence.iter().enumerate().filter_map(|(at, one)| one.proven().map(|(candidate, layers)| (at, candidate, layers)))
    }

    fn longest(&self) -> Option<usize> {
        // Of equal ones the nearest: `max_by_key` takes the last.
        self.proven().map(|(at, _, layers)| (layers, std::cmp::Reverse(at))).max().map(|(_, std::cmp::Reverse(at))| at)
    }

    /// The user's word: it holds or it is refuted.
    fn given(&self) -> Option<Outcome> {
        let (at, named) = self.evidence.iter().enumerate().find(|(_, one)| one.clue == ClaimOrigin::From)?;
        Some(match named.proven() {
            Some(_) => Outcome::Base { proven: at, rule: Rule::Given, claim: None },
            None => Outcome::Conflict { claim: at, proven: self.longest() },
        })
    }

    /// `base set --base scratch` recorded that there is no base.
    fn set_to_scratch(&self, own: &[OwnClaim]) -> Option<Outcome> {
        (self.own_recorded_layers() == Some(0) && own.first()?.is_scratch()).then_some(Outcome::Scratch)
    }

    /// The nearest claim that leads to an image here. One that leads nowhere must not contradict it.
    fn claimed(&self, own: &[OwnClaim]) -> Option<Outcome> {
        for (position, claim) in own.iter().enumerate() {
            let Some(outcome) = self.met(claim) else { continue };
            let Outcome::Base { proven, rule, .. } = outcome else { return Some(outcome) };
            let base = self.evidence.get(proven).and_then(candidate)?;
            let fits = |other: &OwnClaim| match (&other.digest, &other.name) {
                (_, Some(name)) if base.has_name(name) || base.had_name(name) => true,
                (_, Some(name)) if claim.name.as_deref().is_some_and(|own| super::same_name(name, own)) => true,
                (Some(digest), _) => base.is(digest) || claim.digest.as_ref() == Some(digest),
                (None, Some(_)) => false,
                (None, None) => true,
            };
            // A farther claim that is refuted is reported; one that leads nowhere may be the image's own, and this one inherited.
            // Where only the digest is its own, what the inherited name leads to is no answer.
            let leads_nowhere = |other: &OwnClaim| {
                self.evidence.get(other.at).is_some_and(|one| match &one.verdict {
                    Verdict::Unresolved(_) | Verdict::NameMoved(..) => true,
                    _ => {
                        other.name.is_none() && !candidate(one).is_some_and(|found| other.digest.as_ref().is_some_and(|own| found.is(own)))
                    }
                })
            };
            // A digest alone says least: it may be inherited where a farther claim names another base.
            let says = |other: &OwnClaim| other.name.is_some() || other.digest.is_some();
            let counts = |other: &OwnClaim| leads_nowhere(other) || claim.name.is_none() && other.name.is_some();
            let farther = own.iter().skip(position + 1).filter(|other| counts(other) && says(other));
            let contradicted = own.iter().take(position).chain(farther).find(|other| !fits(other));
            let layers = self.evidence.get(proven).map(|one| one.proofs().len());
            let noted = self.noted_seam(own).map(|(noted, _)| noted);
            if let Some(other) = contradicted.filter(|_| noted != layers) {
                return Some(Outcome::Conflict { claim: other.at, proven: Some(proven) });
            }
            // Another edition of that name, with fewer layers or more, is not the one of which the number was recorded.
            if rule != Rule::Digest && noted.is_some() && noted != layers {
                return Some(Outcome::Conflict { claim: claim.at, proven: Some(proven) });
            }
            return Some(outcome);
        }
        None
    }

    /// Whether another local image has the claimed name and more layers of the image than the one that the claim led to.
    fn is_outdone(&self, claim: &OwnClaim, by: &Evidence) -> bool {
        let layers = by.proofs().len();
        let name = claim.name.as_deref();
        name.is_some_and(|name| self.proven().any(|(_, other, more)| more > layers && (other.has_name(name) || other.had_name(name))))
    }

    /// What one claim leads to by itself.
    fn met(&self, claim: &OwnClaim) -> Option<Outcome> {
        let evidence = self.evidence.get(claim.at)?;
        let base = |proven, rule| Outcome::Base { proven, rule, claim: Some(claim.at) };
        if claim.is_scratch() {
            return Some(match self.longest() {
                None => Outcome::Scratch,
                proven => Outcome::Conflict { claim: claim.at, proven },
            });
        }
        let is_recorded = |candidate: &Candidate| claim.digest.as_ref().is_some_and(|digest| candidate.is(digest));
        match &evidence.verdict {
            Verdict::Proven(candidate, _)
                if is_recorded(candidate) && claim.name.as_deref().is_some_and(|name| !evidence.fits(name, candidate)) =>
            {
                return Some(Outcome::Conflict { claim: claim.at, proven: Some(claim.at) });
            }
            // Nothing but an inherited digest may have led to it, and there is one here with the recorded name and more of the layers.
            Verdict::Proven(candidate, _) if is_recorded(candidate) && candidate.is_nameless() && self.is_outdone(claim, evidence) => {
                return Some(Outcome::Conflict { claim: claim.at, proven: self.longest() });
            }
            Verdict::Proven(candidate, _) if is_recorded(candidate) => return Some(base(claim.at, Rule::Digest)),
            Verdict::Refuted(candidate, _) if is_recorded(candidate) => {
                return Some(Outcome::Conflict { claim: claim.at, proven: self.longest() });
            }
            _ => {}
        }
        let name = claim.name.as_deref()?;
        if evidence.clue == ClaimOrigin::Buildpacks && buildpacks_seam(self.image).is_some_and(|seam| seam.is_ok()) {
            // Its seam says where the base ends, whatever has its name.
            return evidence.proven().map(|_| base(claim.at, Rule::Name));
        }
        let led_by_digest = |candidate: &Candidate| evidence.digest.as_ref().is_some_and(|digest| candidate.is(digest));
        let by_rule = evidence.proven().filter(|(one, _)| !led_by_digest(one)).map(|(one, _)| &one.top);
        let has = |at: usize, candidate: &Candidate| {
            let built = self.evidence.get(at).filter(|one| one.clue == ClaimOrigin::Provenance).and_then(|one| one.name.as_deref());
            let has_mapped = evidence.mapped.names.iter().any(|mapped| candidate.has_name(mapped));
            candidate.has_name(name)
                || has_mapped
                || by_rule == Some(&candidate.top)
                || built.is_some_and(|built| super::same_name(name, built))
        };
        let had =
            |_, candidate: &Candidate| candidate.had_name(name) || evidence.mapped.names.iter().any(|mapped| candidate.had_name(mapped));
        let ways: [(Rule, Way<'_>); 3] =
            [(Rule::Name, &has), (Rule::FormerName, &had), (Rule::Edition, &|_, candidate| candidate.is_edition_of(name))];
        let way = |at: usize, candidate: &Candidate| ways.iter().find(|(_, fits)| fits(at, candidate)).map(|(rule, _)| *rule);
        let called: Vec<_> = self.proven().filter_map(|(at, one, layers)| Some((at, layers, way(at, one)?))).collect();
        let most = called.iter().map(|(_, layers, _)| *layers).max()?;
        let equal = called.iter().filter(|(_, layers, _)| *layers == most).map(|(at, ..)| *at).collect();
        Some(match self.one_of(equal) {
            Ok(proven) => base(proven, called.iter().find(|(at, ..)| *at == proven).map_or(Rule::Name, |(.., rule)| *rule)),
            Err(several) => Outcome::Ambiguous(several),
        })
    }

    /// The base ends where an earlier rebase or buildpacks say, whatever it is called here.
    fn at_recorded_seam(&self, own: &[OwnClaim]) -> Option<Outcome> {
        let (layers, rule) = self.noted_seam(own)?;
        let there: Vec<usize> = self.proven().filter(|(.., own)| *own == layers).map(|(at, ..)| at).collect();
        Some(match self.one_of(there) {
            Ok(proven) => Outcome::Base { proven, rule: Rule::Seam, claim: None },
            Err(several) if several.is_empty() => Outcome::Seam { layers, rule },
            Err(several) => Outcome::Ambiguous(several),
        })
    }

    /// The image names a base that is not here. What its layers prove may be a base of that one, and a rebase would then leave layers
    /// of the old base in the image.
    fn unmet(&self, own: &[OwnClaim]) -> Option<Outcome> {
        let claim = own.iter().find(|claim| claim.name.is_some() || claim.digest.is_some())?;
        Some(match self.longest() {
            None => Outcome::Unknown,
            proven => Outcome::Conflict { claim: claim.at, proven },
        })
    }

    /// The longest match among the local images. Of equal ones that which went into the build, by provenance. A longer one goes
    /// before it: provenance names the stages of a build too, and one of those may be a base of the base.
    fn by_layers(&self) -> Outcome {
        let Some(most) = self.proven().map(|(.., layers)| layers).max() else { return Outcome::Unknown };
        let mut longest: Vec<usize> = self.proven().filter(|(.., layers)| *layers == most).map(|(at, ..)| at).collect();
        let is_built = |at: &usize| self.evidence.get(*at).is_some_and(|one| one.clue == ClaimOrigin::Provenance);
        let built = longest.iter().any(is_built);
        if built {
            longest.retain(is_built);
        }
        match self.one_of(longest) {
            Ok(proven) => Outcome::Base { proven, rule: if built { Rule::Provenance } else { Rule::Layers }, claim: None },
            Err(several) => Outcome::Ambiguous(several),
        }
    }

    /// The one among matches of equal layers. One image may be in several places, and two images may differ in nothing that a merge
    /// looks at; else the one whose history begins the image's is the one it was built on.
    fn one_of(&self, matches: Vec<usize>) -> Result<usize, Vec<usize>> {
        let image = |at: usize| self.evidence.get(at).and_then(candidate).map(|candidate| &candidate.image);
        let config = |at: usize| image(at).map(|image| &image.manifest.config.digest);
        let mut distinct: Vec<usize> = Vec::new();
        // Of several manifests of one image, one whose layers are the very same blobs.
        let is_claimed = |at: &usize| self.evidence.get(*at).is_some_and(|one| one.proofs().contains(&Proof::SameDiffIdClaimed));
        let (claimed, same): (Vec<usize>, Vec<usize>) = matches.into_iter().partition(is_claimed);
        for at in same.into_iter().chain(claimed) {
            if !distinct.iter().any(|other| config(*other) == config(at)) {
                distinct.push(at);
            }
        }
        if let [one] = distinct.as_slice() {
            return Ok(*one);
        }
        let mut begins = distinct.iter().copied().filter(|at| image(*at).is_some_and(|base| history_begins(self.image, base)));
        match (begins.next(), begins.next()) {
            (Some(one), None) => Ok(one),
            _ => Err(distinct),
        }
    }

    /// Where the image itself says that its base ends.
    fn noted_seam(&self, own: &[OwnClaim]) -> Option<(usize, SeamRule)> {
        if let Some(layers) = self.own_recorded_layers().filter(|layers| *layers > 0) {
            return Some((layers, SeamRule::Recorded));
        }
        let claim = own.iter().any(|claim| self.evidence.get(claim.at).is_some_and(|one| one.clue == ClaimOrigin::Buildpacks));
        Some((buildpacks_seam(self.image).filter(|_| claim)?.ok()?, SeamRule::Buildpacks))
    }

    /// The recorded number of layers, unless a proven base with more layers has the same record.
    fn own_recorded_layers(&self) -> Option<usize> {
        let recorded = recorded_layers(self.image)?;
        let text = self.image.manifest.annotations.get(annotation::BASE_LAYERS);
        let inherited = self
            .proven()
            .any(|(_, base, layers)| layers > recorded && base.image.manifest.annotations.get(annotation::BASE_LAYERS) == text);
        (!inherited).then_some(recorded)
    }

    fn own_claims(&self) -> Vec<OwnClaim> {
        let claims = self.evidence.iter().enumerate().filter(|(_, one)| !one.clue.is_lead() && one.clue != ClaimOrigin::From);
        let own = claims.filter_map(|(at, one)| {
            if one.clue == ClaimOrigin::Buildpacks {
                let own = !self.inherits_buildpacks(one);
                return own.then(|| OwnClaim { at, name: one.name.clone(), digest: one.digest.clone() });
            }
            let claim = Claim::empty(one.clue);
            let bases: Vec<&Candidate> = self.above(one).collect();
            // What the base that the digest leads to says of its own base, and the image says too, is that base's word.
            let led = one.proven().map(|(base, _)| &**base);
            let led = led.filter(|base| one.digest.as_ref().is_some_and(|digest| base.is(digest)));
            let said = |base: &Candidate, name: &String| claim.is_said_by(&base.claims, |_, other| other.name.as_ref() == Some(name));
            let name = one.name.clone().filter(|name| {
                let of_led = led.is_some_and(|base| said(base, name) && !base.has_name(name) && !base.had_name(name));
                !of_led && !bases.iter().any(|base| said(base, name))
            });
            // No builder hands down the annotations of an index one by one: beside a name of its own, the digest is its own too.
            let whole = one.clue == ClaimOrigin::IndexAnnotation && name.is_some();
            let digest = one.digest.clone().filter(|digest| {
                whole || !bases.iter().any(|base| claim.is_said_by(&base.claims, |_, other| other.digest.as_ref() == Some(digest)))
            });
            (name.is_some() || digest.is_some()).then_some(OwnClaim { at, name, digest })
        });
        own.collect()
    }

    /// The proven bases that stand above what a claim leads to: what they say too, the image has from them.
    fn above(&self, claim: &Evidence) -> impl Iterator<Item = &Candidate> {
        let led = claim.proven();
        self.proven().filter_map(move |(_, base, layers)| {
            let higher = match led {
                None => true,
                Some((other, height)) if layers == height => {
                    other.image.descriptor.digest != base.image.descriptor.digest
                        && history_begins(self.image, &base.image)
                        && base.image.config.history().len() > other.image.config.history().len()
                }
                Some((_, height)) => layers > height,
            };
            higher.then_some(&**base)
        })
    }

    /// Buildpacks metadata differs from build to build: whoever has the very same has it from there.
    fn inherits_buildpacks(&self, claim: &Evidence) -> bool {
        let own = labels(self.image).get(annotation::BUILDPACKS_METADATA);
        let seam = buildpacks_seam(self.image).and_then(Result::ok).or_else(|| claim.proven().map(|(_, layers)| layers));
        self.proven().any(|(_, base, layers)| Some(layers) > seam && labels(&base.image).get(annotation::BUILDPACKS_METADATA) == own)
    }
}

impl OwnClaim {
    fn is_scratch(&self) -> bool {
        self.digest.is_none() && self.name.as_deref().is_some_and(is_scratch)
    }
}
