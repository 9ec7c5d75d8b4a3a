//! Moves an image from its old base onto a new one.

use std::sync::Arc;

use super::bases::{Bases, Followed, candidate, shown_platform};
use super::output::{Cargo, Output, check_name, write};
use super::{Context, Opened, open, open_among};
use crate::core::clock::Time;
use crate::core::{Code, Digest, Error, Fact, Finding, Result};
use crate::oci::{Descriptor, ImageName, Platform, annotation};
use crate::plan::annotate::Authored;
use crate::plan::base::{self, Candidate, Clue, Decision, Evidence, Prefix, Proof, Verdict};
use crate::plan::rebase::Preferences;
use crate::plan::rebase::created::CreatedPolicy;
use crate::plan::rebase::image::{Entry, Input, Moved, Options, Origin, rebase_image, rebase_index};
use crate::read::{Child, Image, ImageIndex, Located, Source, Tree, layer, verify};
use crate::report::rebase::{BaseReport, LayerReport, OutputReport, PlatformReport, RebaseReport, ResultReport, Status};

/// What to do with a platform that the new base lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MissingPlatform {
    /// Refuse the whole image.
    Fail,
    /// Keep the old manifest of that platform in the new index.
    KeepOld,
    /// Leave the platform out.
    Drop,
}

/// Which platform to believe where index and config contradict each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrustPlatform {
    /// Neither.
    Refuse,
    /// The descriptor in the index.
    Descriptor,
    /// The config.
    Config,
}

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Request {
    /// The image.
    pub image: String,
    /// The new base; without it, what the name of the base means now.
    pub onto: Option<String>,
    /// Where bases lie.
    pub bases: Vec<String>,
    /// The old base, if the person names it.
    pub from: Option<String>,
    /// How many layers belong to the old base, if the person says so.
    pub seam_layers: Option<usize>,
    /// Rules from base names to references.
    pub map: Vec<String>,
    /// One platform only.
    pub platform: Option<Platform>,
    /// What to do with a platform that the new base lacks.
    pub on_missing_platform: MissingPlatform,
    /// Which platform to believe.
    pub trust_platform: TrustPlatform,
    /// Who wins a conflict.
    pub prefer: Vec<String>,
    /// Where the date comes from.
    pub created: CreatedPolicy,
    /// Annotations for the result.
    pub annotations: Vec<(String, String)>,
    /// The name of the new base, if the person knows better.
    pub base_name: Option<String>,
    /// Where the result goes; without it only the plan is made.
    pub output: Option<Output>,
    /// The names of the result; without any it keeps its name.
    pub names: Vec<String>,
    /// The date of the members of an archive.
    pub mtime: u64,
}

impl Request {
    /// A request for `image` that decides nothing else: no bases, no output, the app wins conflicts, every platform must move.
    pub fn of(image: &str) -> Self {
        Self {
            image: image.to_owned(),
            onto: None,
            bases: Vec::new(),
            from: None,
            seam_layers: None,
            map: Vec::new(),
            platform: None,
            on_missing_platform: MissingPlatform::Fail,
            trust_platform: TrustPlatform::Refuse,
            prefer: Vec::new(),
            created: CreatedPolicy::Newest,
            annotations: Vec::new(),
            base_name: None,
            output: None,
            names: Vec::new(),
            mtime: 0,
        }
    }
}

/// Everything that a rebase will do. It is complete: writing needs no further decision.
#[derive(Debug)]
pub struct Plan {
    /// What is to be written and why, for people and for scripts.
    pub report: RebaseReport,
    documents: Vec<Authored>,
    kept: Vec<crate::oci::Verified>,
    blobs: Vec<(Arc<Source>, Descriptor)>,
    inputs: Vec<(Arc<Source>, Descriptor)>,
    /// Everything that was read to make the result.
    sources: Vec<Arc<Source>>,
    entries: Vec<(Option<String>, String)>,
    output: Option<Output>,
    mtime: u64,
}

/// One platform, decided.
struct Platformed<'a> {
    app: &'a Image,
    old: Option<Candidate>,
    evidence: Option<Evidence>,
    proofs: Vec<Proof>,
    seam: usize,
    new: Candidate,
    names_its_base: bool,
    findings: Vec<Finding>,
}

/// Makes the plan: reads and decides, writes nothing.
///
/// # Errors
/// `base.*`, `platform.*`, `image.*`, `ref.*`, and those of documents that cannot be read.
pub fn plan(request: &Request, context: Context<'_>) -> Result<Plan> {
    request.names.iter().try_for_each(|name| check_name(name))?;
    let opened = trusted(open(&request.image, context)?, request.trust_platform)?;
    if let Tree::Artifact { descriptor, .. } = &opened.tree {
        return Err(Error::new(Code::NotAnImage, "an artifact stands on no base").at(&descriptor.digest));
    }
    let mut known = vec![Arc::clone(&opened.located.source)];
    let from = request.from.as_deref().map(|text| open_among(text, &known, context)).transpose()?;
    known.extend(from.iter().map(|from| Arc::clone(&from.located.source)));
    let onto = request.onto.as_deref().map(|text| open_among(text, &known, context)).transpose()?;
    let mut bases = Bases::open_among(&request.bases, &request.map, &known, context)?;
    for source in &known {
        bases.also(source);
    }

    let narrowed = request.platform.as_ref().map(|platform| opened.image(Some(platform))).transpose()?;
    let index = match &opened.tree {
        Tree::Index(index) => Some(&**index),
        _ => None,
    };
    let images = narrowed.map_or_else(|| opened.tree.images(), |image| vec![image]);
    if images.is_empty() {
        return Err(Error::new(Code::NotAnImage, "the index holds no runnable image").at(opened.located.shown()));
    }
    let mut decided: Vec<(&Image, Option<Platformed<'_>>)> = Vec::new();
    for image in images {
        decided.push((image, decide(image, index, &opened, &bases, from.as_ref(), onto.as_ref(), request, context)?));
    }
    compose(request, &opened, narrowed, index, decided, bases.findings.clone(), context)
}

/// Refuses an image whose index and config disagree on the platform, unless the person said whom to believe.
fn trusted(mut opened: Opened, trust: TrustPlatform) -> Result<Opened> {
    fn visit(image: &mut Image, trust: TrustPlatform) -> Result<()> {
        let contradiction = image.contradictions().into_iter().find(|finding| finding.code == Code::ImagePlatformMismatch);
        match (contradiction, trust) {
            (None, _) | (Some(_), TrustPlatform::Config) => Ok(()),
            (Some(_), TrustPlatform::Descriptor) => {
                image.config.platform.clone_from(&image.descriptor.platform);
                Ok(())
            }
            (Some(finding), TrustPlatform::Refuse) => {
                let mut error = Error::new(finding.code, finding.message).at(&image.descriptor.digest);
                if let (Some(expected), Some(found)) = (finding.expected, finding.found) {
                    error = error.expected(expected).found(found);
                }
                Err(error.hint("Say which one is right with --trust-platform descriptor or --trust-platform config."))
            }
        }
    }
    fn visit_index(index: &mut ImageIndex, trust: TrustPlatform) -> Result<()> {
        for child in &mut index.children {
            match child {
                Child::Image(image) => visit(image, trust)?,
                Child::Index(inner) => visit_index(inner, trust)?,
                _ => {}
            }
        }
        Ok(())
    }
    match &mut opened.tree {
        Tree::Image(image) => visit(image, trust)?,
        Tree::Index(index) => visit_index(index, trust)?,
        Tree::Artifact { .. } => {}
    }
    Ok(opened)
}

/// Decides the old base, the seam and the new base of one platform; `None` if the new base lacks the platform and the person
/// allowed that.
#[expect(clippy::too_many_arguments, reason = "each is one thing that the person gave or that was read")]
fn decide<'a>(
    image: &'a Image,
    index: Option<&ImageIndex>,
    opened: &Opened,
    bases: &Bases,
    from: Option<&Opened>,
    onto: Option<&Opened>,
    request: &Request,
    context: Context<'_>,
) -> Result<Option<Platformed<'a>>> {
    image.check_layers()?;
    let mut findings = Vec::new();
    let (evidence, seam, proofs) = old_base(image, index, bases, from, request, &mut findings, context)?;
    let old = evidence.as_ref().and_then(base::candidate).cloned();
    let new_tree;
    let (located, tree) = if let Some(onto) = onto {
        (&onto.located, &onto.tree)
    } else {
        new_tree = current_base(image, index, old.as_ref(), bases)?;
        (&new_tree.0, &new_tree.1)
    };
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
    let names_its_base = base::claims(image, index).iter().any(|claim| claim.name.is_some());
    Ok(Some(Platformed { app: image, old, evidence, proofs, seam, new, names_its_base, findings }))
}

fn older(old: Option<&Candidate>, new: &Candidate) -> Option<Finding> {
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
                .found(Fact::new(format!("{} layers", image.manifest.layers.len()), "the manifest")));
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
            return Err(unknown(image, &evidence, bases)?);
        }
    };
    let Verdict::Proven(candidate, proofs) = &chosen.verdict else {
        return Err(Error::new(Code::Bug, "a base was chosen that is not proven"));
    };
    let proofs = prove_content(image, &candidate.image, proofs, context)?;
    let seam = proofs.len();
    Ok((Some(chosen), seam, proofs))
}

fn unproven(image: &Image, message: String) -> Finding {
    Finding::new(Code::BaseUnproven, message).at(&image.descriptor.digest)
}

/// Where blobs differ and diffIDs agree, inflates both and compares what comes out.
fn prove_content(image: &Image, below: &Image, proofs: &[Proof], context: Context<'_>) -> Result<Vec<Proof>> {
    let mut proven = Vec::with_capacity(proofs.len());
    for (position, proof) in proofs.iter().enumerate() {
        if *proof != Proof::SameDiffIdClaimed {
            proven.push(*proof);
            continue;
        }
        let sides = [(image, "the image"), (below, "the base")];
        for (side, whose) in sides {
            let (Some(blob), Some(diff_id)) = (side.manifest.layers.get(position), side.config.diff_ids.get(position)) else { continue };
            // A sparse base is legal: then its config says what the layer must inflate to, and the image's layer is inflated.
            if side.source.container().blob(&blob.digest)?.is_none() && std::ptr::eq(side, below) {
                continue;
            }
            let content = layer::content_digest(&side.source, blob, context.limits)?;
            if content != *diff_id {
                return Err(Error::new(Code::LayerDiffIdMismatch, format!("layer {position} of {whose} is not what its config says"))
                    .at(format!("{}@{}", side.source.shown(), blob.digest))
                    .expected(Fact::new(diff_id, "diff_ids in the config"))
                    .found(Fact::new(content, "the inflated layer")));
            }
        }
        proven.push(Proof::SameContent);
    }
    Ok(proven)
}

fn describe(prefix: &Prefix) -> (String, Vec<String>) {
    match prefix {
        Prefix::Differs { matched, of, first } => {
            let (own, below) = &**first;
            let mut lines = Vec::new();
            match own {
                Some(own) => lines.push(format!("layer {matched} of the image: {}, diffID {}", own.digest, own.diff_id)),
                None => lines.push(format!("layer {matched} of the image: there is none")),
            }
            lines.push(format!("layer {matched} of the base:  {}, diffID {}", below.digest, below.diff_id));
            (format!("matched {matched} of {of} layers"), lines)
        }
        Prefix::Empty => ("the base has no layers".to_owned(), Vec::new()),
        Prefix::Proven(proofs) => (format!("matched {} of {} layers", proofs.len(), proofs.len()), Vec::new()),
    }
}

/// The refusal of a base that was named, by the person or by the image, and is not the base.
fn conflict(image: &Image, refuted: &Evidence, proven: Option<&Evidence>, bases: &Bases) -> Result<Error> {
    let (Verdict::Refuted(candidate, prefix) | Verdict::NameMoved(candidate, prefix)) = &refuted.verdict else {
        return Ok(Error::new(Code::BaseUnknown, "the base that was named is not there"));
    };
    let (matched, lines) = describe(prefix);
    let proven = match proven {
        Some(evidence) => Some(evidence.clone()),
        None => bases.matches(image)?.into_iter().find(|evidence| matches!(evidence.verdict, Verdict::Proven(..))),
    };
    let (code, message) = match (refuted.clue, prefix) {
        (_, Prefix::Empty) => (Code::BaseEmpty, "the base that is named has no layers"),
        (Clue::From, _) => (Code::BaseMismatch, "the image does not stand on the base given with --from"),
        _ if proven.is_some() => (Code::BaseConflict, "the image names one base and its layers prove another"),
        _ => (Code::BaseMismatch, "the image does not stand on the base that it names"),
    };
    let mut error = Error::new(code, message)
        .at(format!("{}@{}", image.source.shown(), image.descriptor.digest))
        .expected(Fact::new(&candidate.reference, refuted.clue.name()))
        .found(Fact::new(matched, "the layers of both"))
        .details(lines);
    if let Some(other) = proven.as_ref().and_then(base::candidate) {
        error = error
            .detail(format!("the layers prove {}", other.reference))
            .hint(format!("If that is right, name it: --from {}", quoted(&other.reference)));
    } else {
        if let Some((reference, matched, of)) = bases.nearest(image)? {
            error = error.detail(format!("nearest local image: {reference}, matched {matched} of {of} layers"));
        }
        error = error.hint("Put the base that the image was built on beside the others and name it with --bases or --from.");
    }
    Ok(error)
}

/// The refusal of a base that was found by its layers while the image names another one that is not here.
fn not_here(finding: Finding) -> Error {
    let found = finding.found.as_ref().map(|fact| fact.value.clone()).unwrap_or_default();
    Error::of(finding)
        .hint("Put the base that the image names beside the others.")
        .hint(format!("Or, if it is the same under another name, say so: --from {}", quoted(&found)))
}

fn unknown(image: &Image, evidence: &[Evidence], bases: &Bases) -> Result<Error> {
    let mut error = Error::new(Code::BaseUnknown, "no local image is a base of this image").at(format!(
        "{}@{}",
        image.source.shown(),
        image.descriptor.digest
    ));
    for evidence in evidence {
        let named =
            [evidence.name.clone(), evidence.digest.as_ref().map(Digest::to_string)].into_iter().flatten().collect::<Vec<_>>().join(" ");
        let outcome = match &evidence.verdict {
            Verdict::Unresolved(why) => why.clone(),
            Verdict::NameMoved(candidate, prefix) => {
                format!("{} has other layers ({}); the name has moved on", candidate.reference, describe(prefix).0)
            }
            Verdict::Refuted(candidate, prefix) => format!("{}: {}", candidate.reference, describe(prefix).0),
            Verdict::Proven(candidate, _) => candidate.reference.clone(),
        };
        error = error.detail(format!("{}: {named}: {outcome}", evidence.clue.name()));
    }
    if let Some((reference, matched, of)) = bases.nearest(image)? {
        error = error.detail(format!("nearest local image: {reference}, matched {matched} of {of} layers"));
    }
    Ok(error
        .hint("Put the old base beside the others and name it with --bases or --from.")
        .hint("Or split by position: --seam-layers N, where N is the number of layers that belong to the old base."))
}

fn quoted(text: &str) -> String {
    if text.contains([' ', '\'', '"', '$', '\\']) { format!("'{}'", text.replace('\'', r"'\''")) } else { text.to_owned() }
}

/// What the name of the base means now.
fn current_base(image: &Image, index: Option<&ImageIndex>, old: Option<&Candidate>, bases: &Bases) -> Result<(Located, Tree)> {
    let claimed = base::claims(image, index).into_iter().find_map(|claim| claim.name);
    let error = Error::new(Code::BaseNameUnknown, "it is not known what the image should be moved onto").at(format!(
        "{}@{}",
        image.source.shown(),
        image.descriptor.digest
    ));
    match bases.follow(claimed.as_deref(), old)? {
        Followed::Found { located, tree, .. } => Ok((*located, *tree)),
        Followed::NoName => {
            Err(error.detail("neither the image nor its base has a name to look for").hint("Name the new base with --onto."))
        }
        Followed::NotHere(name) => Err(error
            .detail(format!("no local image is called {name}"))
            .hint("Name the new base with --onto, or where its name lies with --map 'NAME=REFERENCE'.")),
    }
}

/// Puts the decided platforms together.
fn compose<'a>(
    request: &Request,
    opened: &'a Opened,
    narrowed: Option<&'a Image>,
    index: Option<&'a ImageIndex>,
    decided: Vec<(&'a Image, Option<Platformed<'a>>)>,
    findings: Vec<Finding>,
    context: Context<'_>,
) -> Result<Plan> {
    let limits = context.limits;
    let preferences = Preferences::parse(&request.prefer)?;
    let mut plan = Plan {
        report: RebaseReport {
            image: opened.located.shown(),
            digest: opened.located.descriptor.digest.clone(),
            status: Status::Planned,
            platforms: Vec::new(),
            result: None,
            output: None,
            findings,
            left_behind: Vec::new(),
            written: None,
        },
        documents: Vec::new(),
        kept: Vec::new(),
        blobs: Vec::new(),
        inputs: Vec::new(),
        sources: vec![Arc::clone(&opened.located.source)],
        entries: Vec::new(),
        output: request.output.clone(),
        mtime: request.mtime,
    };
    let current = decided.iter().all(|(_, platformed)| {
        platformed.as_ref().is_some_and(|platformed| {
            platformed.old.as_ref().is_some_and(|old| old.image.descriptor.digest == platformed.new.image.descriptor.digest)
        })
    });
    let mut moved: Vec<(Digest, Option<Moved>)> = Vec::new();
    let mut top_options: Option<Options> = None;
    for (image, platformed) in &decided {
        let Some(platformed) = platformed else {
            plan.report.platforms.push(skipped(image, request.on_missing_platform));
            moved.push((image.descriptor.digest.clone(), None));
            continue;
        };
        let options = options(request, &preferences, platformed, index);
        let result = rebase_image(
            &Input { app: image, old: platformed.old.as_ref().map(|old| &old.image), new: &platformed.new.image, seam: platformed.seam },
            &options,
            limits,
        )?;
        plan.report.platforms.push(reported(platformed, &result, &options));
        top_options = Some(match top_options {
            Some(top) => top.in_common(&options),
            None => options,
        });
        collect(&mut plan, platformed, &result);
        moved.push((image.descriptor.digest.clone(), Some(result)));
    }
    if current {
        plan.report.status = Status::Current;
        plan.output = None;
        plan.documents.clear();
        plan.blobs.clear();
        return Ok(plan);
    }
    let Some(options) = top_options else {
        return Err(Error::new(Code::PlatformMissing, "the new base has none of the platforms of the image").at(opened.located.shown()));
    };
    let top = match (index, narrowed) {
        (Some(index), None) => assemble(index, &moved, &options, request.on_missing_platform, &mut plan, context)?,
        _ => moved
            .iter()
            .find_map(|(_, moved)| moved.as_ref())
            .map(|moved| moved.manifest.clone())
            .ok_or_else(|| Error::new(Code::Bug, "nothing was moved"))?,
    };
    let descriptor = top.descriptor();
    let names: Vec<Option<String>> =
        if request.names.is_empty() { vec![opened.located.name.clone()] } else { request.names.iter().cloned().map(Some).collect() };
    plan.entries = names.iter().map(|name| (name.clone(), descriptor.raw.clone())).collect();
    plan.report.result = Some(ResultReport {
        digest: descriptor.digest.clone(),
        media_type: descriptor.media_type.clone(),
        size: descriptor.size,
        names: names.into_iter().flatten().collect(),
    });
    plan.report.output = request
        .output
        .as_ref()
        .map(|output| OutputReport { kind: output.kind().to_owned(), path: crate::core::fsys::shown(output.path()) });
    Ok(plan)
}

fn options(request: &Request, preferences: &Preferences, platformed: &Platformed<'_>, index: Option<&ImageIndex>) -> Options {
    let claims = base::claims(platformed.app, index);
    let claimed_name = claims.iter().find_map(|claim| claim.name.clone());
    let old_tag = claimed_name.as_deref().and_then(|name| ImageName::parse(name).tag);
    // The old name's tag stands in the new base's own layout, or the old base does: then that layout is the repository.
    let same_repository = platformed.old.as_ref().is_some_and(|old| old.image.source.path == platformed.new.image.source.path)
        && platformed.new.image.source.index.manifests.iter().any(|entry| entry.names().any(|name| Some(name) == old_tag));
    let (base_name, dropped) = match &request.base_name {
        Some(name) => (Some(name.clone()), false),
        None => base::base_name(&platformed.new.names, claimed_name.as_deref(), same_repository),
    };
    let _ = dropped;
    let old_base_digest =
        platformed.old.as_ref().map(|old| old.top.clone()).or_else(|| claims.iter().find_map(|claim| claim.digest.clone()));
    Options {
        preferences: preferences.clone(),
        created: request.created,
        annotations: request.annotations.clone(),
        base_name,
        base_digest: Some(platformed.new.top.clone()),
        old_base_digest,
    }
}

fn skipped(image: &Image, choice: MissingPlatform) -> PlatformReport {
    let message = match choice {
        MissingPlatform::Drop => "the new base lacks the platform; it was left out",
        _ => "the new base lacks the platform; the old manifest stays",
    };
    PlatformReport {
        platform: image.platform().cloned(),
        from: image.descriptor.digest.clone(),
        old_base: None,
        new_base: None,
        seam: 0,
        layers: Vec::new(),
        decisions: Vec::new(),
        findings: vec![Finding::new(Code::PlatformMissing, message).at(&image.descriptor.digest)],
        config: None,
        manifest: None,
        evidence: None,
        proofs: Vec::new(),
    }
}

fn reported(platformed: &Platformed<'_>, moved: &Moved, options: &Options) -> PlatformReport {
    let base = |candidate: &Candidate, name: Option<String>| BaseReport {
        reference: candidate.reference.clone(),
        name,
        digest: candidate.top.clone(),
        manifest: candidate.image.descriptor.digest.clone(),
    };
    let mut findings = platformed.findings.clone();
    findings.extend(moved.findings.clone());
    // Only an image that named its base loses something.
    if options.base_name.is_none() && platformed.names_its_base {
        findings.push(
            Finding::new(Code::BaseNameDropped, "the result does not name its base")
                .at(&platformed.app.descriptor.digest)
                .found(Fact::new(platformed.new.names.first().map_or("no name", String::as_str), &platformed.new.reference))
                .hint("Give the name with --base-name NAME."),
        );
    }
    PlatformReport {
        platform: platformed.app.platform().cloned(),
        from: platformed.app.descriptor.digest.clone(),
        old_base: platformed.old.as_ref().map(|old| base(old, platformed.evidence.as_ref().and_then(|evidence| evidence.name.clone()))),
        new_base: Some(base(&platformed.new, options.base_name.clone())),
        seam: platformed.seam,
        layers: moved
            .layers
            .iter()
            .zip(&moved.diff_ids)
            .map(|((origin, layer), diff_id)| LayerReport {
                origin: *origin,
                digest: layer.digest.clone(),
                size: layer.size,
                media_type: layer.media_type.clone(),
                diff_id: diff_id.clone(),
                claimed: *origin == Origin::App,
            })
            .collect(),
        decisions: moved.decisions.clone(),
        findings,
        config: Some(moved.config.blob.digest().clone()),
        manifest: Some(moved.manifest.blob.digest().clone()),
        evidence: platformed.evidence.as_ref().map(|evidence| evidence.clue),
        proofs: platformed.proofs.clone(),
    }
}

/// Notes which documents and blobs the platform brings, and which inputs are to be hashed though they are not copied.
fn collect(plan: &mut Plan, platformed: &Platformed<'_>, moved: &Moved) {
    plan.sources.push(Arc::clone(&platformed.new.image.source));
    plan.sources.extend(platformed.old.as_ref().map(|old| Arc::clone(&old.image.source)));
    plan.documents.push(moved.config.clone());
    plan.documents.push(moved.manifest.clone());
    let base_layers = platformed.new.image.manifest.layers.len();
    for (position, (_, layer)) in moved.layers.iter().enumerate() {
        let source = if position < base_layers { &platformed.new.image.source } else { &platformed.app.source };
        plan.blobs.push((Arc::clone(source), layer.clone()));
    }
    for layer in platformed.app.manifest.layers.iter().take(platformed.seam) {
        plan.inputs.push((Arc::clone(&platformed.app.source), layer.clone()));
    }
}

/// The new index, and indexes within it.
fn assemble(
    index: &ImageIndex,
    moved: &[(Digest, Option<Moved>)],
    options: &Options,
    choice: MissingPlatform,
    plan: &mut Plan,
    context: Context<'_>,
) -> Result<Authored> {
    let mut entries = Vec::with_capacity(index.children.len());
    for child in &index.children {
        entries.push(match child {
            Child::Image(image) => match moved.iter().find(|(digest, _)| *digest == image.descriptor.digest) {
                Some((_, Some(moved))) => Entry::Moved(moved.manifest.clone(), moved.os_version.clone()),
                Some((_, None)) if choice == MissingPlatform::KeepOld => {
                    keep(plan, image);
                    Entry::Keep
                }
                _ => Entry::Drop,
            },
            Child::Index(inner) => Entry::Replace(assemble(inner, moved, options, choice, plan, context)?),
            Child::Attestation(descriptor) => {
                left_behind(plan, descriptor, "an attestation of the old image");
                Entry::Drop
            }
            Child::Other(descriptor) => {
                left_behind(plan, descriptor, "no runnable image");
                Entry::Drop
            }
            Child::Missing(descriptor) => {
                return Err(Error::new(Code::BlobMissing, "a platform of the image is not there")
                    .at(format!("{}@{}", index.source.shown(), descriptor.digest))
                    .expected(Fact::new(
                        descriptor.platform.as_ref().map_or_else(|| descriptor.digest.to_string(), Platform::to_string),
                        "the index",
                    ))
                    .found(Fact::new("no manifest", "the source"))
                    .hint("Rebase one platform that is there with --platform OS/ARCHITECTURE."));
            }
        });
    }
    let authored = rebase_index(index, &entries, options, context.limits)?;
    plan.documents.push(authored.clone());
    Ok(authored)
}

fn keep(plan: &mut Plan, image: &Image) {
    plan.kept.push(image.config_blob.clone());
    plan.kept.push(image.manifest_blob.clone());
    plan.blobs.extend(image.manifest.layers.iter().map(|layer| (Arc::clone(&image.source), layer.clone())));
}

fn left_behind(plan: &mut Plan, descriptor: &Descriptor, why: &str) {
    let kind = descriptor.annotations.get(annotation::DOCKER_REFERENCE_TYPE).cloned().unwrap_or_else(|| descriptor.media_type.clone());
    plan.report.left_behind.push(descriptor.digest.clone());
    plan.report.findings.push(
        Finding::new(Code::AttestationLeft, format!("{why} stays with it")).at(&descriptor.digest).found(Fact::new(kind, "the index")),
    );
}

impl Plan {
    /// Does what the plan says: hashes every input, writes the blobs, then the index.
    ///
    /// # Errors
    /// Those of inputs that are not what their digests say, and of writing.
    pub fn apply(mut self, context: Context<'_>) -> Result<RebaseReport> {
        let Some(output) = &self.output else { return Ok(self.report) };
        let mut cargo = Cargo::default();
        self.sources.iter().for_each(|source| cargo.input(source));
        for (source, layer) in &self.blobs {
            // A layer that names addresses may stay away: it is external for everyone.
            if layer.urls.is_empty() || source.container().blob(&layer.digest)?.is_some() {
                cargo.blob(source, layer);
            }
        }
        // Every input is hashed once: what is copied while it is copied, what is not before anything is written.
        let copied: std::collections::BTreeSet<&Digest> = self.blobs.iter().map(|(_, layer)| &layer.digest).collect();
        let mut rest: Vec<(Arc<Source>, Descriptor)> = Vec::new();
        for (source, layer) in &self.inputs {
            let known = copied.contains(&layer.digest) || rest.iter().any(|(_, other)| other.digest == layer.digest);
            if !known && source.container().blob(&layer.digest)?.is_some() {
                rest.push((Arc::clone(source), layer.clone()));
            }
        }
        let hashed = verify::hash_all(&rest, context.jobs, context.events)?;
        for document in self.kept.iter().chain(self.documents.iter().map(|document| &document.blob)) {
            cargo.document(document);
        }
        let committed = write(output, &cargo, &self.entries, self.mtime, context)?;
        self.report.status = Status::Written;
        self.report.findings.extend(committed.findings.iter().cloned());
        self.report.written = Some(crate::report::rebase::WrittenReport::of(&committed, rest.len() + self.blobs.len(), hashed));
        Ok(self.report)
    }
}
