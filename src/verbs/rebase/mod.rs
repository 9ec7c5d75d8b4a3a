//! Moves an image from its old base onto a new one.
//!
//! `decide` settles one platform, `judging` asks whether it still runs, `compose` puts the platforms together, `describe` tells what was decided, and `refuse` says why it
//! could not be. `result` is what comes out, before it is written. What is written, and in which order, is in [`Plan::apply`].

pub(super) mod compose;
pub(super) mod decide;
mod describe;
mod judging;
mod refuse;
mod result;
mod supersede;

use std::sync::Arc;

use super::bases::Bases;
use super::judge::Judge;
use super::lifecycle::{Taking, stopped};
use super::narrow::{Choice, select};
use super::output::{Form, Outgoing, Output, check_name, write};
use super::{Context, Opened, Places, Verify, names_left, open, open_among};
use crate::format::json::Excerpt;
use crate::foundation::{Code, Digest, Error, ExitClass, Finding, Result, Severity};
use crate::oci::Descriptor;
use crate::plan::annotate::NewDocument;
use crate::plan::lifecycle::time::Moment;
use crate::plan::rebase::Preferences;
use crate::plan::rebase::created::CreatedPolicy;
use crate::plan::verdict::Gate;
use crate::read::{Image, Reference, Source, Tree, verify};
use crate::report::rebase::{RebaseReport, Status};

use compose::Decided;
use decide::{From, Job, PlatformMove};
pub(super) use judging::judge_all;
pub(super) use refuse::refusal;
pub(super) use result::virtual_image;
use supersede::supersede;

/// What to do with a platform that the new base lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum MissingPlatform {
    /// Refuse the image.
    #[default]
    Fail,
    /// Keep the old manifest of that platform.
    KeepOld,
    /// Leave the platform out.
    Drop,
}

/// Which platform to believe where index and config contradict each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum TrustPlatform {
    /// Neither.
    #[default]
    #[cfg_attr(feature = "cli", value(skip))]
    Refuse,
    /// The descriptor in the index.
    Descriptor,
    /// The config.
    Config,
}

/// How many sources that could not be read an error lists.
const TOLD_UNREAD: usize = 10;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Request {
    /// The image.
    pub image: String,
    /// The new base; without it, what the name of the base means now.
    pub onto: Option<String>,
    /// Where bases lie.
    pub places: Places,
    /// The old base, if the user names it; `scratch` if there was none.
    pub from: Option<String>,
    /// How many layers belong to the old base, if the user says so.
    pub seam_layers: Option<usize>,
    /// Whether the user insists on a seam that leaves no layer of the app, and on a base of another stack of buildpacks or one that is
    /// withdrawn.
    pub force: bool,
    /// As of when statements on bases count; without it they do not.
    pub now: Option<Moment>,
    /// What is wanted of an index.
    pub choice: Choice,
    /// What to do with a platform that the new base lacks.
    pub on_missing_platform: MissingPlatform,
    /// Which platform to believe.
    pub trust_platform: TrustPlatform,
    /// How much is inflated.
    pub verify: Verify,
    /// Who wins a conflict.
    pub prefer: Preferences,
    /// Where the date comes from.
    pub created: CreatedPolicy,
    /// Annotations for the result.
    pub annotations: Vec<(String, String)>,
    /// The name of the new base, if the user knows better.
    pub base_name: Option<String>,
    /// Whether an image that would not run on the new base is moved.
    pub verdict: Gate,
    /// Whether the old image is marked as superseded by the new one, when that is said, and what else.
    pub supersede: Option<Taking>,
    /// Where the result goes; without it only the plan is made.
    pub output: Option<Output>,
    /// The names of the result; without any it keeps its name.
    pub names: Vec<String>,
    /// The date of the members of an archive.
    pub mtime: u64,
}

impl Request {
    /// A request for `image` that decides nothing else: no bases, no output, the app wins conflicts, every platform must move, and
    /// what would not run on the new base is refused.
    pub fn of(image: &str) -> Self {
        Self {
            image: image.to_owned(),
            onto: None,
            places: Places::default(),
            from: None,
            seam_layers: None,
            force: false,
            now: None,
            choice: Choice::default(),
            on_missing_platform: MissingPlatform::default(),
            trust_platform: TrustPlatform::default(),
            verify: Verify::default(),
            prefer: Preferences::STANDARD,
            created: CreatedPolicy::Newest,
            annotations: Vec::new(),
            base_name: None,
            verdict: Gate::default(),
            supersede: None,
            output: None,
            names: Vec::new(),
            mtime: 0,
        }
    }
}

/// Everything that a rebase will do. It is complete: writing needs no further decision.
#[derive(Debug)]
pub struct Plan {
    /// What is to be written and why, for users and for scripts.
    pub report: RebaseReport,
    pub(super) documents: Vec<NewDocument>,
    pub(super) kept: Vec<crate::oci::Verified>,
    pub(super) blobs: Vec<(Arc<Source>, Descriptor)>,
    pub(super) inputs: Vec<(Arc<Source>, Descriptor)>,
    /// Everything that was read to make the result.
    pub(super) sources: Vec<Arc<Source>>,
    pub(super) entries: Vec<(Option<String>, Excerpt)>,
    /// Statements on the old image, and on the new one.
    pub(super) statements: Outgoing<'static>,
    output: Option<Output>,
    mtime: u64,
}

/// Makes the plan: reads and decides, writes nothing.
///
/// # Errors
/// `base.*`, `platform.*`, `image.*`, `ref.*`, `verdict.*`, and those of documents and layers that cannot be read.
pub fn plan(request: &Request, context: Context<'_>) -> Result<Plan> {
    request.names.iter().try_for_each(|name| check_name(name))?;
    let opened = trusted(open(&request.image, context)?, request.trust_platform)?;
    if let Tree::Artifact { descriptor, .. } = &opened.tree {
        return Err(Error::new(Code::NotAnImage, "an artifact has no base").at(&descriptor.digest));
    }
    if let Tree::Collection(_) = &opened.tree {
        return Err(opened.tree.not_an_image().at(opened.located.shown()));
    }
    let mut known = vec![Arc::clone(&opened.located.source)];
    let from = request.from.as_deref().map(|text| old_base(text, &known, context)).transpose()?;
    if let Some(From::Image(from)) = &from {
        known.push(Arc::clone(&from.located.source));
    }
    let onto = request.onto.as_deref().map(|text| open_among(text, &known, context)).transpose()?;
    let mut bases = Bases::open_among(&request.places, &known, context)?.at(request.now);
    bases.also(&known);

    let selection = select(&opened, &request.choice)?;
    let index = match &opened.tree {
        Tree::Index(index) => Some(&**index),
        _ => None,
    };
    if selection.images.is_empty() {
        return Err(Error::new(Code::NotAnImage, "the index holds no runnable image").at(opened.located.shown()));
    }
    let job = Job { opened: &opened, index, bases: &bases, from: from.as_ref(), onto: onto.as_ref(), request, context };
    let mut decided: Vec<(&Image, Option<PlatformMove<'_>>)> = Vec::new();
    for image in &selection.images {
        decided.push((image, job.decide(image).map_err(|error| with_unread(error, &bases))?));
    }
    if request.onto.is_none() {
        all_read(&bases)?;
    }
    judge_all(&Judge::new(context), request, &opened, &mut decided)?;
    let mut plan = Decided { opened: &opened, selection: &selection, index, platforms: decided }.compose(request, context)?;
    // What could not be read of the bases is reported before what was decided.
    plan.report.findings.splice(0..0, bases.findings.iter().chain(bases.catalogue_findings()).cloned());
    if let Some(now) = request.now.or(request.supersede.as_ref().map(|taking| taking.now)) {
        plan.report.findings.extend(stopped(&opened.located.source, &opened.tree, now, context));
    }
    if request.names.is_empty() && request.output.is_some() {
        plan.report.findings.extend(names_left(&Reference::existing(&request.image)?, &opened.located));
    }
    if let Some(taking) = request.supersede.as_ref().filter(|_| plan.report.result.is_some()) {
        supersede(&mut plan, &opened, taking, context)?;
    }
    if matches!(plan.output, Some(Output::Archive { form: Form::Docker, .. })) {
        // What no reader of the archive would load is refused before anything is written.
        plan.outgoing()?.docker_manifest(&plan.entries, context.limits)?;
    }
    // What a run could not write is refused by a dry run too.
    // A layer with addresses may be kept elsewhere.
    plan.blobs.iter().filter(|(_, blob)| blob.urls.is_empty()).try_for_each(|(source, blob)| source.region(blob).map(drop))?;
    Ok(plan)
}

/// The sources of bases that could not be read: nobody knows which names and images are in them. An image of a source that was read has
/// a name that is known, so what is wrong with it counts only if the system could not read it.
fn unread<'b>(bases: &'b Bases<'_>) -> impl Iterator<Item = &'b Finding> {
    // What was read to its end and holds no image holds no base.
    let is_empty = |finding: &Finding| matches!(finding.code, Code::PathNothing | Code::ArchiveNotALayout);
    let sources = bases.findings.iter().filter(move |finding| finding.severity == Severity::Refusal && !is_empty(finding));
    let system = bases.findings.iter().chain(bases.catalogue_findings()).filter(|finding| finding.is_unread());
    sources.filter(|finding| !finding.is_unread()).chain(system)
}

/// An error of a decision, which says what else might have been found.
fn with_unread(error: Error, bases: &Bases<'_>) -> Error {
    let line = |finding: &Finding| {
        let place = finding.place.as_deref().unwrap_or_default();
        format!("not read: {place}: {} [{}]", finding.message, finding.code.slug())
    };
    let is_io = unread(bases).any(Finding::is_unread);
    let error = error.details(unread(bases).take(TOLD_UNREAD).map(line));
    if is_io { error.with_exit_class(ExitClass::Io) } else { error }
}

/// Refuses to take what a name means among the bases that were read for what it means now.
fn all_read(bases: &Bases<'_>) -> Result<()> {
    let Some(finding) = unread(bases).reduce(|one, other| if other.is_unread() && !one.is_unread() { other } else { one }) else {
        return Ok(());
    };
    let hint = "A newer edition of the base may be in it. Repair it or take it away, or name the new base with --onto.";
    Err(Error::of(finding.clone().severity(Severity::Refusal)).hint(hint))
}

/// The old base that the user names. Docker reserves the word for "none"; a layout of that name is `./scratch`.
fn old_base(text: &str, known: &[Arc<Source>], context: Context<'_>) -> Result<From> {
    if text == "scratch" {
        return Ok(From::Scratch);
    }
    Ok(From::Image(Box::new(open_among(text, known, context)?)))
}

/// Refuses an image whose index and config disagree on the platform, unless the user said whom to believe.
pub(super) fn trusted(mut opened: Opened, trust: TrustPlatform) -> Result<Opened> {
    for image in opened.tree.images_mut() {
        let contradiction = image.contradictions().into_iter().find(|finding| finding.code == Code::ImagePlatformMismatch);
        match (contradiction, trust) {
            (None, _) | (Some(_), TrustPlatform::Config) => {}
            (Some(_), TrustPlatform::Descriptor) => image.config.platform = image.descriptor.platform.as_deref().cloned(),
            (Some(finding), TrustPlatform::Refuse) => {
                let mut error = Error::new(finding.code, finding.message).at(&image.descriptor.digest);
                if let (Some(expected), Some(found)) = (finding.expected, finding.found) {
                    error = error.expected(expected).found(found);
                }
                return Err(error.hint("Say which one is right with --trust-platform descriptor or --trust-platform config."));
            }
        }
    }
    Ok(opened)
}

impl Plan {
    /// Does what the plan says: hashes every input, writes the blobs, then the index.
    ///
    /// # Errors
    /// Those of inputs that are not what their digests say, and of writing.
    pub fn apply(mut self, context: Context<'_>) -> Result<RebaseReport> {
        let Some(output) = &self.output else { return Ok(self.report) };
        let outgoing = self.outgoing()?;
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
        let committed = write(output, &outgoing, &self.entries, self.mtime, context)?;
        self.report.status = Status::Written;
        self.report.findings.extend(committed.findings.iter().cloned());
        self.report.taken.clone_from(&committed.taken);
        self.report.written = Some(crate::report::rebase::WrittenReport::of(&committed, rest.len() + self.blobs.len(), hashed));
        Ok(self.report)
    }

    /// What is to be written.
    ///
    /// # Errors
    /// `io`.
    pub(super) fn outgoing(&self) -> Result<Outgoing<'_>> {
        let mut outgoing = Outgoing::default();
        self.sources.iter().for_each(|source| outgoing.input(source));
        for (source, layer) in &self.blobs {
            // A layer that names addresses may stay away: it is external for everyone.
            if layer.urls.is_empty() || source.container().blob(&layer.digest)?.is_some() {
                outgoing.blob(source, layer);
            }
        }
        for document in self.kept.iter().chain(self.documents.iter().map(|document| &document.blob)) {
            outgoing.document(document);
        }
        outgoing.also(&self.statements);
        Ok(outgoing)
    }
}
