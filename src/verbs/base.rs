//! Which base an image is based on: `base show`, `base verify`, `base dependents`.

use std::collections::HashSet;
use std::sync::Arc;

use super::bases::{Bases, candidate, shown_platform, tree_index};
use super::overlooked::{belongs_to_another, is_all_elsewhere, lists_nothing, not_here, overlooked};
use super::proof::prove_content;
use super::{Context, Opened, Places, Verify, one_of, open};
use crate::foundation::{Code, Digest, Fact, Finding, Result, Severity, text};
use crate::oci::Platform;
use crate::plan::base::{self, Based, Candidate, ClaimOrigin, Confidence, Evidence, Outcome, Prefix, SeamRule, Verdict};
use crate::plan::lifecycle::time::Moment;
use crate::read::referrers::{Lookup, Scope};
use crate::read::{Image, ImageIndex, Located, Passed, Reference, Source, Tree, candidates, discover_among, load, locate_among};
use crate::report::base::{
    Dependent, DependentsReport, Difference, EvidenceReport, Outcome as Found, PlatformBase, ShowReport, VerifyReport,
};

/// What is asked of `base show`.
#[derive(Debug, Clone, Default)]
#[cfg_attr(feature = "cli", derive(clap::Args))]
pub struct Show {
    /// The image.
    #[cfg_attr(feature = "cli", arg(value_name = "REF"))]
    pub image: String,
    /// Where bases lie.
    #[cfg_attr(feature = "cli", command(flatten))]
    pub places: Places,
    /// One platform only: OS/ARCHITECTURE[/VARIANT].
    #[cfg_attr(feature = "cli", arg(long, value_name = "PLATFORM"))]
    pub platform: Option<Platform>,
    /// Which layers are inflated; without it none, and a base whose blobs are other ones is only claimed.
    #[cfg_attr(feature = "cli", arg(long, value_enum, value_name = "HOW"))]
    pub verify: Option<Verify>,
    /// As of when statements on bases count; without it they do not.
    #[cfg_attr(feature = "cli", arg(skip))]
    pub now: Option<Moment>,
}

/// What an image is based on, with all the evidence, annotated or not.
///
/// # Errors
/// Those of documents that cannot be read, and of layers that are inflated. An unknown base is a verdict, not an error.
pub fn show(query: &Show, context: Context<'_>) -> Result<ShowReport> {
    let opened = open(&query.image, context)?;
    let mut known = Bases::open(&query.places, context)?.at(query.now);
    known.also([&opened.located.source]);
    let index = tree_index(&opened.tree);
    let mut platforms = Vec::new();
    for image in chosen(&opened, query.platform.as_ref())? {
        platforms.push(show_image(image, index, &known, query.verify, context)?.0);
    }
    let mut findings = known.findings.clone();
    if query.platform.is_none() {
        findings.extend(overlooked(&opened.located, &opened.tree, true));
    }
    findings.extend(known.catalogue()?.findings.iter().cloned());
    Ok(ShowReport { image: opened.located.shown(), digest: opened.located.descriptor.digest.clone(), platforms, findings })
}

/// What an image is based on; layers of a base that other blobs have are inflated if `verify` says so.
pub(super) fn based_image(
    image: &Image,
    index: Option<&ImageIndex>,
    bases: &Bases<'_>,
    verify: Option<Verify>,
    context: Context<'_>,
) -> Result<Based> {
    let mut based = bases.based(image, index)?;
    if let (Some(verify), Outcome::Base { proven, .. }) = (verify, &based.outcome)
        && let Some(evidence) = based.evidence.get_mut(*proven)
        && let Verdict::Proven(base, proofs) = &mut evidence.verdict
    {
        *proofs = prove_content(image, &base.image, proofs, verify, context)?;
    }
    Ok(based)
}

/// The evidence for one image, and what it amounts to.
pub(super) fn show_image(
    image: &Image,
    index: Option<&ImageIndex>,
    bases: &Bases<'_>,
    verify: Option<Verify>,
    context: Context<'_>,
) -> Result<(PlatformBase, Based)> {
    image.check_layers()?;
    let based = based_image(image, index, bases, verify, context)?;
    let base = based.base();
    let mut findings = image.contradictions();
    findings.extend(based.doubts(image));
    findings.extend(finding(image, &based, bases)?);
    findings.extend(base.and_then(|base| signatures(base, bases)));
    let rule = match based.outcome {
        Outcome::Base { rule, .. } => Some(rule),
        _ => None,
    };
    let shown = PlatformBase {
        platform: image.platform().cloned(),
        manifest: image.descriptor.digest.clone(),
        layers: image.manifest.layers.len(),
        base: base.map(|candidate| candidate.reference.clone()),
        base_manifest: base.map(|candidate| candidate.image.descriptor.digest.clone()),
        base_layers: base.map_or(0, |candidate| candidate.image.manifest.layers.len()),
        scratch: based.outcome == Outcome::Scratch,
        rule,
        proof: based.proof().map(|proof| Confidence::of(proof.proofs())),
        evidence: based.evidence.iter().map(report).collect(),
        findings,
    };
    Ok((shown, based))
}

/// Why no base is known.
pub(super) fn finding(image: &Image, based: &Based, bases: &Bases<'_>) -> Result<Option<Finding>> {
    Ok(match &based.outcome {
        Outcome::Base { .. } | Outcome::Scratch => None,
        Outcome::Conflict { claim, proven } => Some(conflict(image, based, bases, (*claim, *proven))?),
        Outcome::Ambiguous(several) => {
            let finding = Finding::new(Code::BaseAmbiguous, "several local images with different settings have the same layers")
                .at(&image.descriptor.digest);
            let candidates = several.iter().filter_map(|at| based.evidence.get(*at)).filter_map(base::candidate);
            let finding = candidates.fold(finding, |finding, candidate| finding.detail(&candidate.reference));
            Some(finding.hint("Record the right one with `airbase base set`."))
        }
        Outcome::Seam { .. } | Outcome::Unknown => Some(unknown(image, based, bases)?),
    })
}

fn conflict(image: &Image, based: &Based, bases: &Bases<'_>, (claim, proven): (usize, Option<usize>)) -> Result<Finding> {
    let proven = proven.and_then(|at| based.evidence.get(at)).and_then(base::candidate);
    let claim = based.evidence.get(claim);
    let refuted = claim.is_some_and(|claim| matches!(claim.verdict, Verdict::Refuted(..)));
    let (code, message) = match (refuted, proven) {
        (true, None) => (Code::BaseMismatch, "the image names a base that its layers refute"),
        (true, Some(_)) => (Code::BaseConflict, "the image names a base that its layers refute"),
        (false, _) => (Code::BaseConflict, base::conflict_words(claim, proven.map(|proven| &**proven))),
    };
    let mut finding = Finding::new(code, message).at(&image.descriptor.digest);
    if let Some(claim) = claim {
        let named = base::candidate(claim).filter(|_| refuted).map(|candidate| candidate.reference.clone());
        let named = named.or_else(|| claim.name.clone()).or_else(|| claim.digest.as_ref().map(ToString::to_string));
        finding = finding.expected(Fact::new(named.unwrap_or_default(), claim.clue.name()));
    }
    if let Some(other) = proven {
        finding = finding.found(Fact::new(&other.reference, "the layers"));
    }
    Ok(settling(image, based, bases)?.into_iter().fold(finding, Finding::hint))
}

/// The rules that settle a conflict, to type.
pub(super) fn settling(image: &Image, based: &Based, bases: &Bases<'_>) -> Result<Vec<String>> {
    let Outcome::Conflict { claim, proven: Some(proven) } = based.outcome else { return Ok(Vec::new()) };
    let proven = based.evidence.get(proven).and_then(base::candidate);
    based.evidence.get(claim).zip(proven).map_or(Ok(Vec::new()), |(claim, proven)| bases.settling(image, claim, proven))
}

fn unknown(image: &Image, based: &Based, bases: &Bases<'_>) -> Result<Finding> {
    let reached = based.evidence.iter().any(|evidence| evidence.proven().is_some());
    let message = match based.outcome {
        Outcome::Seam { layers, rule: SeamRule::Recorded } if reached => {
            format!("the base of {} that was recorded is not here, only one below it", text::count(layers, "layer"))
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
    Ok(finding.hint("Put the base beside the others and name it with --bases."))
}

/// Signatures of the base, which nobody verified.
fn signatures(candidate: &Candidate, bases: &Bases<'_>) -> Option<Finding> {
    let referrers = Lookup::new(&candidate.image.source, Scope::Quick, bases.limits());
    let mut signatures: Vec<String> = Vec::new();
    for digest in [&candidate.top, &candidate.image.descriptor.digest] {
        let found = referrers.of_digest(digest).referrers;
        signatures.extend(found.iter().filter(|referrer| referrer.is_signature()).map(|referrer| referrer.descriptor.digest.to_string()));
    }
    signatures.dedup();
    (!signatures.is_empty()).then(|| {
        Finding::new(Code::BaseSignature, "signatures of the base are present and were not verified")
            .at(&candidate.reference)
            .found(Fact::new(signatures.join(", "), "the source of the base"))
    })
}

/// A piece of evidence for the report.
fn report(evidence: &Evidence) -> EvidenceReport {
    let compared = base::candidate(evidence);
    let itself = |prefix: &Prefix| (*prefix == Prefix::Itself).then(|| "it is the image itself".to_owned());
    let (outcome, proofs, prefix, reason) = match &evidence.verdict {
        Verdict::Proven(_, proofs) if Confidence::of(proofs) == Confidence::Proven => (Found::Proven, proofs.clone(), None, None),
        Verdict::Proven(_, proofs) => (Found::Claimed, proofs.clone(), None, None),
        Verdict::Refuted(_, prefix) => (Found::Refuted, Vec::new(), Some(prefix), itself(prefix)),
        Verdict::NameMoved(_, prefix) => (Found::NameMoved, Vec::new(), Some(prefix), itself(prefix)),
        Verdict::Unresolved(reason) => (Found::Unresolved, Vec::new(), None, Some(reason.clone())),
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

fn chosen<'a>(opened: &'a Opened, platform: Option<&Platform>) -> Result<Vec<&'a Image>> {
    if platform.is_some() {
        opened.image(platform).map(|image| vec![image])
    } else {
        let images = opened.tree.images();
        // Says why there is none.
        if images.is_empty() { opened.image(None).map(|image| vec![image]) } else { Ok(images) }
    }
}

/// Proves that an image is based on another one, platform by platform.
///
/// # Errors
/// Those of documents that cannot be read and of layers that are inflated; `platform.missing`. A base that it does not have
/// is a verdict; a diffID that lies is `layer.diffid_mismatch`.
pub fn verify(image: &str, base_text: &str, platform: Option<&Platform>, verify: Verify, context: Context<'_>) -> Result<VerifyReport> {
    let opened = open(image, context)?;
    let below = open(base_text, context)?;
    let mut platforms = Vec::new();
    // Of what was not looked at nothing is proven.
    let mut findings = if platform.is_none() { overlooked(&opened.located, &opened.tree, true) } else { Vec::new() };
    for image in chosen(&opened, platform)? {
        image.check_layers()?;
        let Some(candidate) = candidate(image, &below) else {
            findings.push(
                Finding::new(Code::PlatformMissing, format!("the base has no {}", shown_platform(image)))
                    .at(below.located.shown())
                    .expected(Fact::new(shown_platform(image), "the image")),
            );
            continue;
        };
        candidate.image.check_layers()?;
        let digest = Some(below.located.descriptor.digest.clone());
        let verdict = match base::judge_given(image, Arc::new(candidate)) {
            Verdict::Proven(candidate, proofs) => {
                let proofs = prove_content(image, &candidate.image, &proofs, verify, context)?;
                Verdict::Proven(candidate, proofs)
            }
            other => other,
        };
        let evidence =
            Evidence::of(base::Claim { name: below.located.name.clone(), digest, ..base::Claim::empty(ClaimOrigin::From) }, verdict);
        let proven = base::candidate(&evidence).filter(|_| matches!(evidence.verdict, Verdict::Proven(..))).cloned();
        let mut own = Vec::new();
        if let Verdict::Refuted(_, Prefix::Empty) = &evidence.verdict {
            own.push(Finding::new(Code::BaseEmpty, "the base has no layers, so it proves nothing").at(below.located.shown()));
        }
        own.extend(proven.as_ref().and_then(|candidate| records_another(image, tree_index(&opened.tree), candidate)));
        platforms.push(PlatformBase {
            platform: image.platform().cloned(),
            manifest: image.descriptor.digest.clone(),
            layers: image.manifest.layers.len(),
            base: proven.as_ref().map(|candidate| candidate.reference.clone()),
            base_manifest: proven.as_ref().map(|candidate| candidate.image.descriptor.digest.clone()),
            base_layers: proven.as_ref().map_or(0, |candidate| candidate.image.manifest.layers.len()),
            scratch: false,
            rule: None,
            proof: proven.as_ref().map(|_| Confidence::of(evidence.proofs())),
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

/// What the image records of its base, if that is another image than the one whose layers it has: two may have the same layers.
fn records_another(image: &Image, index: Option<&ImageIndex>, base: &Candidate) -> Option<Finding> {
    let inherited = |claim: &base::Claim| base.claims.iter().any(|other| other.digest == claim.digest && other.name == claim.name);
    let claims = base::claims(image, index).into_iter().filter(|claim| !inherited(claim));
    let mut claims = claims.filter_map(|claim| Some((claim.digest?, claim.name, claim.clue)));
    let (digest, name, clue) = claims.next().filter(|(digest, ..)| !base.is(digest))?;
    let message = "the image records another digest for its base; its layers begin with those of this one too";
    let named = name.map_or_else(|| digest.to_string(), |name| format!("{} {digest}", text::escape(&name)));
    let finding = Finding::new(Code::BaseConflict, message).severity(Severity::Warning).at(&image.descriptor.digest);
    Some(finding.expected(Fact::new(named, clue.name())).found(Fact::new(&base.reference, "the layers")))
}

/// The images that are based on a base: every image of `paths` whose lowest layers are the base's.
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
            .push(Finding::new(Code::BaseEmpty, "the base has no layers: everything would be based on it").at(below.located.shown()));
        return Ok(report);
    }
    // What is based on a platform of the base that is not here cannot be told.
    report.findings.extend(not_here(&below).map(|finding| finding.severity(Severity::Damage)));
    each_image(paths, context, &mut report.findings, has_images, &mut |located, tree| {
        for image in tree.images() {
            if image.manifest.layers.len() != image.config.diff_ids.len() {
                return Ok(image.contradictions());
            }
            report.compared += 1;
            let Some(candidate) = candidate(image, &below) else { continue };
            if candidate.image.descriptor.digest == image.descriptor.digest {
                continue;
            }
            if let Prefix::Proven(proofs) = base::prefix(image, &candidate.image) {
                // With no layer of its own it may be another edition of the base, and then it is not based on it.
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

/// Whether something in it runs.
pub(super) fn has_images(tree: &Tree) -> bool {
    !tree.images().is_empty()
}

/// Calls `visit` for every image below `paths`; what cannot be read becomes a finding, and so does a path below which nothing is
/// that `counts`.
pub(super) fn each_image(
    paths: &[String],
    context: Context<'_>,
    findings: &mut Vec<Finding>,
    counts: fn(&Tree) -> bool,
    visit: &mut dyn FnMut(&Located, &Tree) -> Result<Vec<Finding>>,
) -> Result<()> {
    Listed::of(paths, context, findings)?.each_image(context, findings, counts, visit);
    Ok(())
}

/// The images below paths.
pub(super) struct Listed {
    /// Where they lie, each source once.
    pub(super) sources: Vec<Arc<Source>>,
    paths: Vec<Below>,
}

/// Which images were looked at, of those that may come again without a name. Most have one entry, and those need not be kept.
#[derive(Default)]
struct Met<'s> {
    nameless: HashSet<&'s Digest>,
    met: HashSet<Digest>,
}

impl<'s> Met<'s> {
    fn of(source: &'s Source) -> Self {
        let nameless = source.index.manifests.iter().filter(|entry| entry.name().is_none());
        Self { nameless: nameless.map(|entry| &entry.digest).collect(), met: HashSet::new() }
    }

    fn add(&mut self, digest: &Digest) {
        if self.nameless.contains(digest) {
            self.met.insert(digest.clone());
        }
    }

    fn holds(&self, digest: &Digest) -> bool {
        self.met.contains(digest)
    }
}

/// What lies below one path.
struct Below {
    /// The path, as given.
    text: String,
    /// The image, if one was named.
    named: Option<Located>,
    /// Else all places of images.
    sources: Vec<Arc<Source>>,
    /// What is no source of images.
    passed: Passed,
}

impl Listed {
    /// Opens every path: a layout, an archive, a folder of them, or a reference to one image.
    ///
    /// # Errors
    /// Those of the only path; inside a folder, and where there are several, what cannot be opened is a finding.
    pub(super) fn of(paths: &[String], context: Context<'_>, findings: &mut Vec<Finding>) -> Result<Self> {
        let mut listed = Self { sources: Vec::new(), paths: Vec::new() };
        let mut known = HashSet::new();
        let mut add = |source: &Arc<Source>, sources: &mut Vec<Arc<Source>>| {
            if known.insert(source.path.clone()) {
                sources.push(Arc::clone(source));
            }
        };
        for path in paths {
            let reference = Reference::existing(path)?;
            let mut below = Below { text: reference.text.clone(), named: None, sources: Vec::new(), passed: Passed::default() };
            if reference.names_one() {
                let located = locate_among(&reference, &listed.sources, context.limits);
                let Some(located) = one_of(paths, &reference, located, findings)? else { continue };
                add(&located.source, &mut listed.sources);
                below.named = Some(located);
            } else {
                let found = discover_among(&reference, &listed.sources, context.limits);
                let Some(found) = one_of(paths, &reference, found, findings)? else { continue };
                findings.extend(found.findings);
                (below.sources, below.passed) = (found.sources, found.passed);
                for source in &below.sources {
                    findings.extend(source.index.unverifiable().map(|finding| finding.at(source.shown())));
                    add(source, &mut listed.sources);
                }
            }
            listed.paths.push(below);
        }
        Ok(listed)
    }

    /// The places of which everything is asked about.
    pub(super) fn whole(&self) -> Vec<Arc<Source>> {
        self.paths.iter().filter(|below| below.named.is_none()).flat_map(|below| &below.sources).cloned().collect()
    }

    /// Calls `visit` for every image; what cannot be read becomes a finding, and so does a path below which nothing is that `counts`.
    pub(super) fn each_image(
        self,
        context: Context<'_>,
        findings: &mut Vec<Finding>,
        counts: fn(&Tree) -> bool,
        visit: &mut dyn FnMut(&Located, &Tree) -> Result<Vec<Finding>>,
    ) {
        for below in self.paths {
            let mut looked = false;
            let is_named = below.named.is_some();
            let mut look = |located: &Located, met: &mut Met<'_>| {
                if located.name.is_none() && met.holds(&located.descriptor.digest) {
                    return;
                }
                let visited = load(&located.source, &located.descriptor, context.limits).and_then(|tree| {
                    if !is_named && belongs_to_another(located, &tree, context) {
                        return Ok(Vec::new());
                    }
                    looked |= counts(&tree);
                    // It may be an image all the same, so somebody has to know.
                    if !counts(&tree) && is_all_elsewhere(&tree) {
                        looked = true;
                        return Ok(vec![Finding::new(Code::ImageSparse, "no platform of the index is here").at(located.shown())]);
                    }
                    tree.images().iter().for_each(|image| met.add(&image.descriptor.digest));
                    let overlooked = overlooked(located, &tree, counts(&tree));
                    let visited = visit(located, &tree)?;
                    Ok(overlooked.into_iter().chain(visited).collect())
                });
                match visited {
                    Ok(more) => findings.extend(more),
                    Err(error) => {
                        looked = true;
                        // An image that was not looked at is no answer, whatever the reason.
                        let finding = Finding::from(error.at(located.shown()));
                        let severity = finding.severity.max(Severity::Damage);
                        findings.push(finding.severity(severity));
                    }
                }
            };
            below.named.iter().for_each(|located| look(located, &mut Met::default()));
            let mut unread = Vec::new();
            for source in &below.sources {
                let mut met = Met::of(source);
                match candidates(source, context.limits) {
                    Ok(entries) => entries.for_each(|entry| look(&Located::entry(source, entry), &mut met)),
                    Err(error) => unread.push(error.at(source.shown())),
                }
            }
            looked |= !unread.is_empty();
            findings.extend(unread.into_iter().map(Finding::from));
            if !looked {
                findings.push(context.nothing(below.passed.nothing(&below.text)));
                continue;
            }
            findings.extend(below.sources.iter().filter_map(|source| lists_nothing(source, context)));
        }
    }
}
