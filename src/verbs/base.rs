//! Which base an image stands on: `base show`, `base verify`, `base dependents`.

use std::collections::HashSet;

use super::bases::{Bases, candidate, shown_platform};
use super::proof::prove_content;
use super::{Context, Opened, Verify, open};
use crate::core::{Code, Fact, Finding, Result, text};
use crate::oci::Platform;
use crate::plan::base::{self, Candidate, Clue, Decision, Evidence, Prefix, Verdict};
use crate::read::referrers::{Lookup, Scope, lists_referrers_of};
use crate::read::{Child, Image, ImageIndex, Passed, Tree, candidates, load, locate_all};
use crate::report::base::{Dependent, DependentsReport, Difference, EvidenceReport, Outcome, PlatformBase, ShowReport, VerifyReport};

/// Which base an image stands on, with all the evidence, annotated or not.
///
/// # Errors
/// Those of documents that cannot be read. An unknown base is a verdict, not an error.
pub fn show(image: &str, bases: &[String], map: &[String], platform: Option<&Platform>, context: Context<'_>) -> Result<ShowReport> {
    let opened = open(image, context)?;
    let mut known = Bases::open(bases, map, context)?;
    known.also(&opened.located.source);
    let index = index_of(&opened);
    let mut platforms = Vec::new();
    for image in chosen(&opened, platform)? {
        platforms.push(show_image(image, index, &known)?.0);
    }
    let mut findings = known.findings.clone();
    findings.extend(known.catalogue()?.findings.iter().cloned());
    Ok(ShowReport { image: opened.located.shown(), digest: opened.located.descriptor.digest.clone(), platforms, findings })
}

/// The evidence for one image, and the base that it amounts to.
pub(super) fn show_image(image: &Image, index: Option<&ImageIndex>, bases: &Bases) -> Result<(PlatformBase, Option<Candidate>)> {
    image.check_layers()?;
    let mut findings = image.contradictions();
    let mut evidence = bases.judge_claims(image, index)?;
    evidence.extend(bases.matches(image)?);
    let decided = match base::decide(image, &evidence) {
        Decision::Base(chosen) => {
            findings.extend(base::doubt(image, &evidence, chosen).map(base::Doubt::into_finding));
            findings.extend(base::other_digest(image, chosen));
            base::candidate(chosen).cloned()
        }
        Decision::Conflict(refuted, proven) => {
            let code = if proven.is_some() { Code::BaseConflict } else { Code::BaseMismatch };
            let mut finding = Finding::new(code, "the image names a base that its layers refute").at(&image.descriptor.digest);
            if let Some(claimed) = base::candidate(refuted) {
                finding = finding.expected(Fact::new(&claimed.reference, refuted.clue.name()));
            }
            if let Some(other) = proven.and_then(base::candidate) {
                finding = finding.found(Fact::new(&other.reference, "the layers"));
            }
            findings.push(finding);
            None
        }
        Decision::Ambiguous(several) => {
            let mut finding = Finding::new(Code::BaseAmbiguous, "several local images with different settings have the same layers")
                .at(&image.descriptor.digest);
            for candidate in several.iter().filter_map(|evidence| base::candidate(evidence)) {
                finding = finding.detail(&candidate.reference);
            }
            findings.push(finding.hint("Record the right one with `airbase base set`."));
            None
        }
        Decision::Unknown => {
            let reached = evidence.iter().any(|evidence| matches!(evidence.verdict, Verdict::Proven(..)));
            let message = match base::recorded_layers(image) {
                Some(recorded) if reached => {
                    format!("the base of {} that was recorded is not here, only one below it", text::count(recorded, "layer"))
                }
                _ => "no local image is a base of this image".to_owned(),
            };
            let mut finding = Finding::new(Code::BaseUnknown, message).at(&image.descriptor.digest);
            if let Some(Ok(seam)) = base::buildpacks_seam(image) {
                finding = finding.detail(format!("buildpacks metadata puts the seam above layer {seam}"));
            }
            if let Some((reference, matched, of)) = bases.nearest(image)? {
                finding = finding.detail(format!("nearest local image: {reference}, matched {matched} of {of} layers"));
            }
            findings.push(finding.hint("Put the base beside the others and name it with --bases."));
            None
        }
    };
    if let Some(candidate) = &decided {
        let source = &candidate.image.source;
        let referrers = Lookup::new(source, Scope::Quick, bases.limits());
        let mut signatures: Vec<String> = Vec::new();
        for digest in [&candidate.top, &candidate.image.descriptor.digest] {
            let found = referrers.of_digest(digest).referrers;
            signatures
                .extend(found.iter().filter(|referrer| referrer.is_signature()).map(|referrer| referrer.descriptor.digest.to_string()));
        }
        signatures.dedup();
        if !signatures.is_empty() {
            findings.push(
                Finding::new(Code::BaseSignature, "signatures of the base are present and were not verified")
                    .at(&candidate.reference)
                    .found(Fact::new(signatures.join(", "), "the source of the base")),
            );
        }
    }
    let shown = PlatformBase {
        platform: image.platform().cloned(),
        manifest: image.descriptor.digest.clone(),
        layers: image.manifest.layers.len(),
        base: decided.as_ref().map(|candidate| candidate.reference.clone()),
        base_manifest: decided.as_ref().map(|candidate| candidate.image.descriptor.digest.clone()),
        base_layers: decided.as_ref().map_or(0, |candidate| candidate.image.manifest.layers.len()),
        evidence: evidence.iter().map(report).collect(),
        findings,
    };
    Ok((shown, decided))
}

/// A piece of evidence for the report.
fn report(evidence: &Evidence) -> EvidenceReport {
    let compared = base::candidate(evidence);
    let (outcome, proofs, prefix, reason) = match &evidence.verdict {
        Verdict::Proven(_, proofs) => (Outcome::Proven, proofs.clone(), None, None),
        Verdict::Refuted(_, prefix) => (Outcome::Refuted, Vec::new(), Some(prefix), None),
        Verdict::NameMoved(_, prefix) => (Outcome::NameMoved, Vec::new(), Some(prefix), None),
        Verdict::Unresolved(reason) => (Outcome::Unresolved, Vec::new(), None, Some(reason.clone())),
    };
    let (matched, of, first_difference) = match prefix {
        Some(Prefix::Differs { matched, of, first }) => {
            (*matched, *of, Some(Difference { layer: *matched, image: first.0.clone(), base: first.1.clone() }))
        }
        _ => (proofs.len(), proofs.len(), None),
    };
    EvidenceReport {
        clue: evidence.clue,
        name: evidence.name.clone(),
        digest: evidence.digest.clone(),
        outcome,
        reference: compared.map(|candidate| candidate.reference.clone()),
        manifest: compared.map(|candidate| candidate.image.descriptor.digest.clone()),
        matched,
        of,
        proofs,
        first_difference,
        reason,
    }
}

fn index_of(opened: &Opened) -> Option<&ImageIndex> {
    match &opened.tree {
        Tree::Index(index) => Some(index),
        _ => None,
    }
}

fn chosen<'a>(opened: &'a Opened, platform: Option<&Platform>) -> Result<Vec<&'a Image>> {
    if platform.is_some() {
        opened.image(platform).map(|image| vec![image])
    } else {
        let images = opened.tree.images();
        // Says why there is none.
        if images.is_empty() { opened.image(None).map(|image| vec![image]) } else { Ok(images) }
    }
}

/// Proves that an image stands on a base, platform by platform.
///
/// # Errors
/// Those of documents that cannot be read and of layers that are inflated; `platform.missing`. A base that it does not stand on
/// is a verdict; a diffID that lies is `layer.diffid_mismatch`.
pub fn verify(image: &str, base_text: &str, platform: Option<&Platform>, verify: Verify, context: Context<'_>) -> Result<VerifyReport> {
    let opened = open(image, context)?;
    let below = open(base_text, context)?;
    let mut platforms = Vec::new();
    let mut findings = Vec::new();
    for image in chosen(&opened, platform)? {
        image.check_layers()?;
        let Some(candidate) = candidate(image, &below.located, &below.tree) else {
            findings.push(
                Finding::new(Code::PlatformMissing, format!("the base has no {}", shown_platform(image)))
                    .at(below.located.shown())
                    .expected(Fact::new(shown_platform(image), "the image")),
            );
            continue;
        };
        candidate.image.check_layers()?;
        let digest = Some(below.located.descriptor.digest.clone());
        let verdict = match base::judge(image, candidate, true) {
            Verdict::Proven(candidate, proofs) => {
                let proofs = prove_content(image, &candidate.image, &proofs, verify, context)?;
                Verdict::Proven(candidate, proofs)
            }
            other => other,
        };
        let evidence = Evidence { clue: Clue::From, name: below.located.name.clone(), digest, verdict };
        let proven = base::candidate(&evidence).filter(|_| matches!(evidence.verdict, Verdict::Proven(..))).cloned();
        let mut own = Vec::new();
        if let Verdict::Refuted(_, Prefix::Empty) = &evidence.verdict {
            own.push(Finding::new(Code::BaseEmpty, "the base has no layers, so it proves nothing").at(below.located.shown()));
        }
        platforms.push(PlatformBase {
            platform: image.platform().cloned(),
            manifest: image.descriptor.digest.clone(),
            layers: image.manifest.layers.len(),
            base: proven.as_ref().map(|candidate| candidate.reference.clone()),
            base_manifest: proven.as_ref().map(|candidate| candidate.image.descriptor.digest.clone()),
            base_layers: proven.as_ref().map_or(0, |candidate| candidate.image.manifest.layers.len()),
            evidence: vec![report(&evidence)],
            findings: own,
        });
    }
    Ok(VerifyReport {
        image: opened.located.shown(),
        digest: opened.located.descriptor.digest.clone(),
        base: below.located.shown(),
        base_digest: below.located.descriptor.digest.clone(),
        proven: findings.is_empty() && platforms.iter().all(|platform| platform.base.is_some()),
        platforms,
        findings,
    })
}

/// Who stands on a base: every image of `paths` whose lowest layers are the base's.
///
/// # Errors
/// Those of the base and of paths that cannot be opened; an image that cannot be read is a finding.
pub fn dependents(base_text: &str, paths: &[String], context: Context<'_>) -> Result<DependentsReport> {
    let below = open(base_text, context)?;
    let mut report = DependentsReport {
        base: below.located.shown(),
        digest: below.located.descriptor.digest.clone(),
        dependents: Vec::new(),
        compared: 0,
        findings: Vec::new(),
    };
    if below.tree.images().iter().all(|image| image.manifest.layers.is_empty()) {
        report
            .findings
            .push(Finding::new(Code::BaseEmpty, "the base has no layers: everything would stand on it").at(below.located.shown()));
        return Ok(report);
    }
    each_image(paths, context, &mut report.findings, has_images, &mut |located, tree| {
        for image in tree.images() {
            if image.manifest.layers.len() != image.config.diff_ids.len() {
                return Ok(image.contradictions());
            }
            report.compared += 1;
            let Some(candidate) = candidate(image, &below.located, &below.tree) else { continue };
            if candidate.image.descriptor.digest == image.descriptor.digest {
                continue;
            }
            if let Prefix::Proven(proofs) = base::prefix(image, &candidate.image) {
                // With no layer of its own it may be another edition of the base, and then it does not stand on it.
                if image.manifest.layers.len() == proofs.len() && !base::adds_settings_only(image, &candidate.image) {
                    continue;
                }
                report.dependents.push(Dependent {
                    image: located.shown(),
                    digest: located.descriptor.digest.clone(),
                    platform: image.platform().cloned(),
                    own_layers: image.manifest.layers.len() - proofs.len(),
                    proofs,
                });
            }
        }
        Ok(Vec::new())
    })?;
    Ok(report)
}

/// Whether an entry that has no name of its own, and only its documents tell from an image, is something that refers to images, or
/// a list of such.
fn belongs_to_another(located: &crate::read::Located, tree: &Tree, context: Context<'_>) -> bool {
    let is_list = || lists_referrers_of(&located.source, &located.descriptor, context.limits).is_some();
    located.name.is_none() && (matches!(tree, Tree::Artifact { .. }) || tree.index().is_some() && tree.images().is_empty() && is_list())
}

/// Whether something in it runs.
pub(super) fn has_images(tree: &Tree) -> bool {
    !tree.images().is_empty()
}

/// Whether the platforms of an index are all in another place.
fn is_all_elsewhere(tree: &Tree) -> bool {
    let Tree::Index(index) = tree else { return false };
    tree.images().is_empty() && index.children.iter().any(|child| matches!(child, Child::Missing(_)))
}

/// Calls `visit` for every image below `paths`; what cannot be read becomes a finding, and so does a path below which nothing is
/// that `counts`.
pub(super) fn each_image(
    paths: &[String],
    context: Context<'_>,
    findings: &mut Vec<Finding>,
    counts: fn(&Tree) -> bool,
    visit: &mut dyn FnMut(&crate::read::Located, &Tree) -> Result<Vec<Finding>>,
) -> Result<()> {
    for path in paths {
        let reference = crate::read::Reference::existing(path)?;
        let mut located = Vec::new();
        let mut passed = Passed::default();
        let mut looked = false;
        let is_named = reference.name.is_some() || reference.digest.is_some();
        if is_named {
            located.extend(locate_all(&reference, context.limits)?);
        } else {
            let found = crate::read::discover(&reference, context.limits)?;
            findings.extend(found.findings);
            passed = found.passed;
            for source in found.sources {
                located.extend(candidates(&source).map(|entry| crate::read::Located {
                    source: std::sync::Arc::clone(&source),
                    descriptor: entry.clone(),
                    name: entry.name().map(str::to_owned),
                }));
            }
        }
        let mut met = HashSet::new();
        for located in located {
            let place = (located.source.path.clone(), located.descriptor.digest.clone());
            if located.name.is_none() && met.contains(&place) {
                continue;
            }
            let visited = load(&located.source, &located.descriptor, context.limits).and_then(|tree| {
                if !is_named && belongs_to_another(&located, &tree, context) {
                    return Ok(Vec::new());
                }
                looked |= counts(&tree);
                // It may be an image all the same, so somebody has to know.
                if !counts(&tree) && is_all_elsewhere(&tree) {
                    looked = true;
                    return Ok(vec![Finding::new(Code::ImageSparse, "no platform of the index is here").at(located.shown())]);
                }
                met.extend(tree.images().iter().map(|image| (located.source.path.clone(), image.descriptor.digest.clone())));
                visit(&located, &tree)
            });
            match visited {
                Ok(more) => findings.extend(more),
                Err(error) => {
                    looked = true;
                    findings.push(error.at(located.shown()).into());
                }
            }
        }
        if !looked {
            findings.push(context.nothing(passed.nothing(&reference.text)));
        }
    }
    Ok(())
}
