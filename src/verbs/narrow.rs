//! An index of which not everything goes along: the platforms that were asked for, or those that are here.
//!
//! docker with the containerd store, and `ctr images export --platform`, write a whole index and the blobs of one platform.

use std::collections::HashSet;
use std::sync::Arc;

use super::output::under_names_of;
use super::{Context, Opened};
use crate::format::json::{Document, Value};
use crate::foundation::{Code, Digest, Error, Fact, Finding, Result, text};
use crate::oci::{Descriptor, Index, Platform, annotation, collection};
use crate::plan::annotate::NewDocument;
use crate::plan::batch::Settings;
use crate::read::{Child as Part, Image, ImageIndex, Located, Source, Tree, Walk, load, walk};

/// What becomes of an index of which some platforms are not here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum Sparse {
    /// It is refused.
    #[default]
    Refuse,
    /// What is here gets an index of its own.
    Filter,
    /// The index stays, with its digest and what is here; registries refuse it.
    Keep,
}

/// The word for [`Sparse::Filter`] in plans.
const FILTER: &str = "filter";

/// What is wanted of an index.
#[derive(Debug, Clone, Default)]
#[cfg_attr(feature = "cli", derive(clap::Args))]
pub struct Choice {
    /// This platform only, without its index: OS/ARCHITECTURE[/VARIANT]; several times: an index of these.
    #[cfg_attr(feature = "cli", arg(long = "platform", value_name = "PLATFORM"))]
    pub platforms: Vec<Platform>,
    /// What becomes of an index of which some platforms are not here.
    #[cfg_attr(feature = "cli", arg(long, value_enum, value_name = "HOW", default_value_t))]
    pub sparse: Sparse,
}

impl Choice {
    /// What the settings of a plan ask for.
    ///
    /// # Errors
    /// `usage.argument` for what is no platform, `batch.plan_invalid` for a word that is not known.
    pub(super) fn of(settings: &Settings) -> Result<Self> {
        let sparse = match settings.sparse.as_deref() {
            None => Sparse::Refuse,
            Some(FILTER) => Sparse::Filter,
            Some(other) => {
                return Err(Error::new(Code::BatchPlanInvalid, "the plan has an option that is not known")
                    .expected(Fact::new(FILTER, "--sparse"))
                    .found(Fact::new(other, "the first line")));
            }
        };
        Ok(Self { platforms: settings.platforms.iter().map(|text| text.parse()).collect::<Result<_>>()?, sparse })
    }

    /// Writes it into the settings of a plan.
    pub(super) fn note(&self, settings: &mut Settings) {
        settings.platforms = self.platforms.iter().map(ToString::to_string).collect();
        settings.sparse = (self.sparse == Sparse::Filter).then(|| FILTER.to_owned());
    }

    /// Whether everything is wanted, or nothing.
    pub(super) fn is_whole(&self) -> bool {
        self.platforms.is_empty() && self.sparse == Sparse::Refuse
    }
}

/// What goes along of one entry.
#[derive(Debug)]
pub(super) struct Narrowed {
    /// What takes the place of the entry, under its names.
    pub(super) descriptor: Descriptor,
    /// All of it, with a new index where there is one.
    pub(super) found: Walk,
    /// Whether there is a new index.
    pub(super) made: bool,
    /// The platforms that go along without the index that led to them; nothing, where that goes along too.
    pub(super) platforms: Vec<Digest>,
    /// What stays.
    pub(super) findings: Vec<Finding>,
}

/// A child of the index.
struct Child<'i> {
    descriptor: &'i Descriptor,
    platform: Option<Platform>,
    /// Everything of it; nothing, if it is not here.
    found: Option<Walk>,
}

impl Child<'_> {
    fn name(&self) -> String {
        self.platform.as_ref().map_or_else(|| self.descriptor.digest.to_string(), Platform::to_string)
    }
}

/// What of `located` goes along; `None` if all of it does.
///
/// # Errors
/// `blob.missing` for an index of which not everything is here, `ref.platform`, and whatever a document is refused for.
pub(super) fn narrow(located: &Located, choice: &Choice, context: Context<'_>) -> Result<Option<Narrowed>> {
    let (source, top) = (&located.source, &located.descriptor);
    let place = |error: Error| error.at(located.shown());
    if !top.is_index() {
        if !choice.platforms.is_empty() {
            is_meant(&load(source, top, context.limits)?, choice).map_err(place)?;
        }
        return Ok(None);
    }
    let blob = source.document(top, context.limits)?;
    let index = Index::parse(&blob, &top.media_type, context.limits)?;
    if collection::is_collection(&index) {
        return if choice.platforms.is_empty() { Ok(None) } else { Err(place(load(source, top, context.limits)?.not_an_image())) };
    }
    let children = index.manifests.iter().filter(|child| !child.is_attestation());
    let children: Vec<Child<'_>> = children.map(|child| read(source, child, context)).collect::<Result<_>>()?;
    let (here, mut findings) = chosen(children, choice, located)?;
    if choice.platforms.is_empty() && findings.is_empty() {
        return Ok(None);
    }
    if choice.sparse == Sparse::Keep && choice.platforms.is_empty() {
        let mut found = joined(here, source, &index, context)?;
        found.documents.push((top.clone(), blob));
        return Ok(Some(Narrowed { descriptor: top.clone(), found, made: false, platforms: Vec::new(), findings }));
    }
    let platforms: Vec<Digest> = here.iter().map(|child| child.descriptor.digest.clone()).collect();
    if let ([one], 1, false) = (here.as_slice(), choice.platforms.len(), choice.sparse == Sparse::Filter) {
        let descriptor = under_names_of(one.descriptor, top, context.limits)?;
        let found = here.into_iter().find_map(|child| child.found).unwrap_or_default();
        return Ok(Some(Narrowed { descriptor, found, made: false, platforms, findings }));
    }
    let named: Vec<String> = here.iter().map(Child::name).collect();
    let mut found = joined(here, source, &index, context)?;
    let authored = without(&index, &blob, &found, context)?;
    let descriptor = under_names_of(&authored.descriptor(), top, context.limits)?;
    findings.push(narrowed_to(&descriptor.digest, &named, located));
    found.documents.push((descriptor.clone(), authored.blob));
    Ok(Some(Narrowed { descriptor, found, made: true, platforms, findings }))
}

/// What of an opened image is moved.
#[derive(Debug)]
pub(super) struct Selection<'t> {
    /// The images, in the order of the indexes.
    pub(super) images: Vec<&'t Image>,
    /// Whether the one platform goes without the index that led to it.
    pub(super) alone: bool,
    /// Whether platforms of the index stay behind.
    pub(super) partial: bool,
    /// The platforms that were asked for, or were not excluded, and are not here.
    pub(super) absent: Vec<String>,
    /// What is reported of them.
    pub(super) findings: Vec<Finding>,
}

impl Selection<'_> {
    /// That the result has not all platforms, where it has an index.
    pub(super) fn told(&self, result: &Digest, located: &Located) -> Option<Finding> {
        let names: Vec<String> = self.images.iter().filter_map(|image| image.platform()).map(ToString::to_string).collect();
        (self.partial && !self.alone).then(|| narrowed_to(result, &names, located))
    }
}

/// What of `opened` is moved: as [`narrow`], of documents that were read. What lies below the last layer of a platform may be away: it
/// may be of a base that lies elsewhere.
///
/// # Errors
/// As [`narrow`].
pub(super) fn select<'t>(opened: &'t Opened, choice: &Choice) -> Result<Selection<'t>> {
    let (located, tree) = (&opened.located, &opened.tree);
    let images = tree.images();
    let Tree::Index(index) = tree else {
        if !choice.platforms.is_empty() {
            is_meant(tree, choice).map_err(|error| error.at(located.shown()))?;
        }
        return Ok(Selection { images, alone: false, partial: false, absent: Vec::new(), findings: Vec::new() });
    };
    let children = parts(index, choice.sparse == Sparse::Filter)?;
    let all = children.len();
    let (here, findings) = chosen(children, choice, located)?;
    let alone = here.len() == 1 && choice.platforms.len() == 1 && choice.sparse == Sparse::Refuse;
    let goes: HashSet<&Digest> = here.iter().map(|child| &child.descriptor.digest).collect();
    let images = images.into_iter().filter(|image| goes.contains(&image.descriptor.digest)).collect();
    let absent = findings.iter().filter_map(|finding| finding.found.as_ref()).map(|fact| fact.value.clone()).collect();
    Ok(Selection { images, alone, partial: here.len() < all, absent, findings })
}

/// The images of an index, those that are not here among them; with `layers`, an image whose last layer is away is not here either.
fn parts(index: &ImageIndex, layers: bool) -> Result<Vec<Child<'_>>> {
    let mut parts = Vec::new();
    for part in index.descendants() {
        match part {
            Part::Image(image) => {
                let here = !layers || has_last_layer(image)?;
                let found = here.then(Walk::default);
                parts.push(Child { descriptor: &image.descriptor, platform: image.platform().cloned(), found });
            }
            Part::Missing(descriptor) => {
                parts.push(Child { descriptor, platform: descriptor.platform.as_deref().cloned(), found: None });
            }
            Part::Index(_) | Part::Attestation(_) | Part::Other(_) => {}
        }
    }
    Ok(parts)
}

fn has_last_layer(image: &Image) -> Result<bool> {
    let Some(last) = image.manifest.layers.last() else { return Ok(true) };
    Ok(last.data.is_some() || !last.urls.is_empty() || image.source.container().blob(&last.digest)?.is_some())
}

/// Refuses an image without an index that is none of the wanted platforms.
fn is_meant(tree: &Tree, choice: &Choice) -> Result<()> {
    if tree.images().is_empty() {
        return Err(tree.not_an_image());
    }
    if choice.platforms.iter().any(|platform| tree.only_image(Some(platform)).is_ok()) {
        return Ok(());
    }
    tree.only_image(choice.platforms.first()).map(drop)
}

/// The children that go along, and what is reported of those that are not here.
///
/// # Errors
/// `blob.missing` if some are not here and that was not allowed, `ref.platform`.
fn chosen<'i>(children: Vec<Child<'i>>, choice: &Choice, located: &Located) -> Result<(Vec<Child<'i>>, Vec<Finding>)> {
    let place = |error: Error| error.at(located.shown());
    let options: Vec<String> =
        children.iter().filter(|child| child.found.is_some()).filter_map(|child| child.platform.as_ref()).map(option).collect();
    let wanted = wanted(children, &choice.platforms, &located.descriptor).map_err(place)?;
    let (here, gone): (Vec<Child<'_>>, Vec<Child<'_>>) = wanted.into_iter().partition(|child| child.found.is_some());
    let refuse = choice.sparse == Sparse::Refuse || !choice.platforms.is_empty() || here.is_empty();
    if refuse && !gone.is_empty() {
        return Err(place(sparse(&here, &gone, &options)));
    }
    let findings = gone.iter().map(|child| stays(child, choice.sparse).at(located.shown())).collect();
    Ok((here, findings))
}

fn narrowed_to(digest: &Digest, platforms: &[String], located: &Located) -> Finding {
    const WORDS: &str = "a new index takes the place of the one with all platforms; what is signed or said of that is not said of this";
    Finding::new(Code::IndexNarrowed, WORDS)
        .at(located.shown())
        .expected(Fact::new(&located.descriptor.digest, "the source"))
        .found(Fact::new(digest, platforms.join(", ")))
}

fn read<'i>(source: &Arc<Source>, descriptor: &'i Descriptor, context: Context<'_>) -> Result<Child<'i>> {
    let mut found = Walk::default();
    let walked = walk(source, descriptor, context.limits, &mut found, &mut HashSet::new());
    let walked =
        walked.and_then(|()| found.blobs.iter().filter(|blob| blob.data.is_none()).try_for_each(|blob| source.region(blob).map(drop)));
    let found = match walked {
        Ok(()) => Some(found),
        Err(error) if error.code() == Code::BlobMissing => None,
        Err(error) => return Err(error),
    };
    let mut platform = descriptor.platform.as_deref().cloned();
    if let (None, Some(_), true) = (&platform, &found, descriptor.is_manifest())
        && let Tree::Image(image) = load(source, descriptor, context.limits)?
    {
        platform = image.platform().cloned();
    }
    Ok(Child { descriptor, platform, found })
}

/// The children that are meant.
fn wanted<'i>(children: Vec<Child<'i>>, platforms: &[Platform], top: &Descriptor) -> Result<Vec<Child<'i>>> {
    let means = |child: &Child<'_>, wanted: &Platform| child.platform.as_ref().is_some_and(|own| own.is_meant_by(wanted));
    let fails = |message: String, listed: &[&Child<'_>]| {
        Err(Error::new(Code::RefPlatform, message)
            .at(&top.digest)
            .details(listed.iter().map(|child| child.name()))
            .hint("Name one with --platform OS/ARCHITECTURE[/VARIANT], or 'windows(10.0.17763)/amd64'."))
    };
    for platform in platforms {
        let fitting: Vec<&Child<'_>> = children.iter().filter(|child| means(child, platform)).collect();
        match fitting.as_slice() {
            [] if children.iter().any(|child| child.found.is_none() && child.platform.is_none()) => {
                return Err(Error::new(Code::BlobMissing, format!("{platform} is not here, and a part that is not here may hold it"))
                    .at(&top.digest)
                    .details(children.iter().filter(|child| child.found.is_none()).map(Child::name))
                    .hint("Get the image again, with the blobs of the platform that is wanted."));
            }
            [] => return fails(format!("the image has no platform {platform}"), &children.iter().collect::<Vec<_>>()),
            [_, _, ..] => return fails(format!("{platform} fits several platforms of the image"), &fitting),
            [_] => {}
        }
    }
    let is_wanted = |child: &Child<'_>| platforms.is_empty() || platforms.iter().any(|platform| means(child, platform));
    Ok(children.into_iter().filter(is_wanted).collect())
}

/// That an index is not all here, and what can be done with what is.
fn sparse(here: &[Child<'_>], gone: &[Child<'_>], options: &[String]) -> Error {
    let all = here.len() + gone.len();
    let verb = if here.len() == 1 || all == 1 { "is" } else { "are" };
    let all = text::count(all, "platform");
    let error = Error::new(Code::BlobMissing, format!("{} of {all} {verb} here", here.len()))
        .details(here.iter().map(|child| format!("{} is here", child.name())))
        .details(gone.iter().map(|child| format!("{} is not here: {}", child.name(), child.descriptor.digest)));
    if options.is_empty() && here.is_empty() {
        return error.hint("Get the image again, with the blobs of the platform that is wanted.");
    }
    error.hint(format!("Take what is here: {}, or --sparse filter for an index of it.", options.join(" ")))
}

/// Why something is not whole, with what can be done about it, where that is because platforms are elsewhere.
pub(super) fn explained(located: &Located, error: Error, context: Context<'_>) -> Error {
    if error.code() != Code::BlobMissing || !located.descriptor.is_index() {
        return error;
    }
    narrow(located, &Choice::default(), context).err().unwrap_or(error)
}

/// The option that names a platform.
fn option(platform: &Platform) -> String {
    if platform.os_version.is_empty() { format!("--platform {platform}") } else { format!("--platform '{platform}'") }
}

fn stays(child: &Child<'_>, sparse: Sparse) -> Finding {
    let what =
        if sparse == Sparse::Keep { "a platform is not here; the index still names it" } else { "a platform is not here and was left out" };
    Finding::new(Code::PlatformAbsent, what).found(Fact::new(child.name(), &child.descriptor.digest))
}

/// All of the children, with the attestations on them that are here.
fn joined(here: Vec<Child<'_>>, source: &Source, index: &Index, context: Context<'_>) -> Result<Walk> {
    let mut seen = HashSet::new();
    let mut all = Walk::default();
    let subjects: HashSet<String> = here.iter().map(|child| child.descriptor.digest.to_string()).collect();
    here.into_iter().filter_map(|child| child.found).for_each(|found| all.join(found, &mut seen));
    let speaks =
        |child: &&Descriptor| child.annotations.get(annotation::DOCKER_REFERENCE_DIGEST).is_some_and(|subject| subjects.contains(subject));
    for attestation in index.manifests.iter().filter(|child| child.is_attestation()).filter(speaks) {
        if let Some(found) = read_all(source, attestation, context)? {
            all.join(found, &mut seen);
        }
    }
    Ok(all)
}

fn read_all(source: &Source, descriptor: &Descriptor, context: Context<'_>) -> Result<Option<Walk>> {
    let mut found = Walk::default();
    match walk(source, descriptor, context.limits, &mut found, &mut HashSet::new()) {
        Err(error) if error.code() == Code::BlobMissing => return Ok(None),
        other => other?,
    }
    for blob in found.blobs.iter().filter(|blob| blob.data.is_none()) {
        if source.container().blob(&blob.digest)?.is_none() {
            return Ok(None);
        }
    }
    Ok(Some(found))
}

/// The index with what goes along alone. Everything else in it keeps its bytes.
fn without(index: &Index, blob: &crate::oci::Verified, found: &Walk, context: Context<'_>) -> Result<NewDocument> {
    let goes: HashSet<&Digest> = found.documents.iter().map(|(descriptor, _)| &descriptor.digest).collect();
    let document = Document::parse(blob.bytes(), context.limits)?;
    let entries =
        index.manifests.iter().filter(|child| goes.contains(&child.digest) || found.blobs.iter().any(|blob| blob.digest == child.digest));
    let mut value = Value::open(document.root());
    value.set("manifests", Value::Array(entries.map(|child| Value::Raw(child.raw.to_string())).collect()));
    NewDocument::new(&index.media_type, &value, context.limits)
}
