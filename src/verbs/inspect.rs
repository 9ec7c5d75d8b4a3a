//! Shows what is in sources.

use std::collections::HashSet;
use std::sync::Arc;

use super::base::show_image;
use super::bases::Bases;
use super::{Context, Places, one_of};
use crate::format::json::Node;
use crate::foundation::{Code, Digest, Error, Fact, Finding, Result, Severity};
use crate::oci::{Descriptor, annotation, collection, cosign};
use crate::plan::mapping::Rule;
use crate::read::referrers::{Lookup, Scope, Trouble, lists_referrers_of};
use crate::read::{Child, Discovered, Image, ImageIndex, Reference, Source, Stored, Tree, discover, is_referrer_tag, load, locate};
use crate::report::collection::Member;
use crate::report::inspect::{
    EntryKind, EntryReport, Identity, Inspected, InspectedBase, Layer, Owner, Pairs, Piece, Referrer, SourceReport, shown_names,
};

/// What is asked for.
#[derive(Debug, Clone, Default)]
#[cfg_attr(feature = "cli", derive(clap::Args))]
pub struct Request {
    /// References, layouts, archives, or folders of them.
    #[cfg_attr(feature = "cli", arg(required = true, value_name = "REF|PATH"))]
    pub paths: Vec<String>,
    /// Show untagged entries, referrers, artifacts, and manifests that no index lists, too.
    #[cfg_attr(feature = "cli", arg(long))]
    pub all: bool,
    /// Where bases lie: layouts, archives, folders of them, or references; shows the base and what is inherited from it.
    #[cfg_attr(feature = "cli", arg(long, value_name = "PATH"))]
    pub bases: Vec<String>,
    /// Where a base of some name lies: 'PATTERN=REFERENCE', with * in the pattern and {name}, {tag}, {repository}, {match}; or 'DIGEST=REFERENCE'.
    // As texts: without bases nobody reads them.
    #[cfg_attr(feature = "cli", arg(long, value_name = "RULE"))]
    pub map: Vec<String>,
    /// All of each image, where there are several.
    #[cfg_attr(feature = "cli", arg(long))]
    pub long: bool,
}

/// Annotation keys that say who and what an image is, with the names by which they are shown.
const IDENTITY: &[(&str, &str)] = &[
    ("title", annotation::TITLE),
    ("version", annotation::VERSION),
    ("revision", annotation::REVISION),
    ("licence", annotation::LICENSES),
    ("supplier", annotation::VENDOR),
    ("source", annotation::SOURCE),
    ("created", annotation::CREATED),
];

/// Takes what is found, while it is found.
pub type Tell<'t> = dyn FnMut(Piece) -> Result<()> + 't;

/// Inspects: hands over each source and each of its entries, and gives what could not be read.
///
/// # Errors
/// Those of paths and references that cannot be opened, and of `tell`; in a folder, and inside a source, what cannot be read is a finding.
pub fn inspect(request: &Request, tell: &mut Tell<'_>, context: Context<'_>) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for path in &request.paths {
        let reference = Reference::existing(path)?;
        if reference.names_one() {
            let located = locate(&reference, context.limits);
            let Some(located) = one_of(&request.paths, &reference, located, &mut findings)? else { continue };
            let bases = bases_for(&located.source, request, context)?;
            let entry = entry(&located.source, &located.descriptor, true, None, bases.as_ref(), context)?;
            tell_unread(bases.as_ref(), &mut findings)?;
            tell(Piece::Source(heading(&located.source, 0)))?;
            tell(Piece::Entry(Box::new(entry)))?;
            tell(Piece::Hidden(0))?;
        } else {
            let discovered = one_of(&request.paths, &reference, discover(&reference, context.limits), &mut findings)?;
            let Some(Discovered { sources, findings: more, passed }) = discovered else { continue };
            findings.extend(more);
            let mut entries = 0;
            for source in sources {
                entries += inspect_source(&source, request, tell, &mut findings, context)?;
            }
            if entries == 0 {
                findings.push(context.nothing(passed.nothing(&reference.shown_path())));
            }
        }
    }
    Ok(findings)
}

fn heading(source: &Source, width: usize) -> SourceReport {
    SourceReport { path: source.shown(), kind: source.kind(), width }
}

/// The bases that were given and the source itself; `None` if none were given. Its catalogue serves all entries of the source.
fn bases_for<'a>(source: &Arc<Source>, request: &Request, context: Context<'a>) -> Result<Option<Bases<'a>>> {
    if request.bases.is_empty() {
        return Ok(None);
    }
    let places = Places { bases: request.bases.clone(), map: Rule::all(&request.map)? };
    let mut bases = Bases::open(&places, context)?;
    bases.also([source]);
    Ok(Some(bases))
}

/// Adds what could not be read of the bases: the base of the image may be there.
fn tell_unread(bases: Option<&Bases<'_>>, findings: &mut Vec<Finding>) -> Result<()> {
    let unread = bases.map_or(Ok(Vec::new()), |bases| bases.unread(findings))?;
    findings.extend(Finding::new_among(findings, unread));
    Ok(())
}

/// Tells a source; gives how many entries are shown.
fn inspect_source(
    source: &Arc<Source>,
    request: &Request,
    tell: &mut Tell<'_>,
    findings: &mut Vec<Finding>,
    context: Context<'_>,
) -> Result<usize> {
    findings.extend(source.container().findings());
    findings.extend(source.index.findings.iter().cloned().map(|finding| finding.at(source.shown())));
    let known = Lookup::new(source, Scope::Thorough, context.limits);
    findings.extend(known.unplaced_findings());
    let bases = bases_for(source, request, context)?;
    let names = Names::of(source.index.manifests.as_slice());
    tell(Piece::Source(heading(source, names.width(request.all))))?;
    let mut asked = Inspection { source, names, known, bases, all: request.all, context };
    let (mut shown, mut hidden) = asked.listed(tell)?;
    if shown == 0 && hidden > 0 && !request.all {
        // A source of untagged images only: hiding all of it would say that it is empty.
        asked.all = true;
        (shown, hidden) = asked.listed(tell)?;
    }
    if asked.all {
        shown += unlisted(source, asked.bases.as_ref(), tell, context)?;
    }
    tell_unread(asked.bases.as_ref(), findings)?;
    tell(Piece::Hidden(hidden))?;
    Ok(shown)
}

/// The entries of an index by their digests: an image may have several names.
struct Names<'s> {
    entries: &'s [Descriptor],
    /// The positions of the entries, sorted by digest.
    order: Vec<usize>,
}

impl<'s> Names<'s> {
    fn of(entries: &'s [Descriptor]) -> Self {
        let mut order: Vec<usize> = (0..entries.len()).collect();
        order.sort_by_key(|position| entries.get(*position).map(|entry| &entry.digest));
        Self { entries, order }
    }

    fn at(&self, order: usize) -> Option<&'s Descriptor> {
        self.entries.get(*self.order.get(order)?)
    }

    /// The entry at a position and those behind it that list the same.
    fn from(&self, position: usize) -> impl Iterator<Item = &'s Descriptor> {
        let digest = self.entries.get(position).map(|entry| &entry.digest);
        let begin = self.order.partition_point(|other| self.entries.get(*other).map(|entry| &entry.digest) < digest);
        let same = self.order.iter().skip(begin).filter_map(|other| Some((*other, self.entries.get(*other)?)));
        same.take_while(move |(_, entry)| Some(&entry.digest) == digest)
            .filter(move |(other, _)| *other >= position)
            .map(|(_, entry)| entry)
    }

    /// How wide the names get that are shown.
    fn width(&self, all: bool) -> usize {
        let is_first = |order: &usize| {
            order.checked_sub(1).and_then(|before| self.at(before)).map(|entry| &entry.digest) != self.at(*order).map(|entry| &entry.digest)
        };
        let firsts = (0..self.order.len()).filter(is_first).filter_map(|order| self.order.get(order));
        let names = firsts.map(|position| self.from(*position).filter_map(Descriptor::name).filter(|name| all || !is_referrer_tag(name)));
        names.map(|names| shown_names(names).chars().count()).max().unwrap_or_default()
    }
}

/// The inspection of one source.
struct Inspection<'s, 'c> {
    source: &'s Arc<Source>,
    names: Names<'s>,
    known: Lookup<'c>,
    bases: Option<Bases<'c>>,
    /// Whether nothing is hidden.
    all: bool,
    context: Context<'c>,
}

impl Inspection<'_, '_> {
    /// Tells the entries of `index.json`, an image of several names once; gives how many are shown and how many are not.
    fn listed(&self, tell: &mut Tell<'_>) -> Result<(usize, usize)> {
        let manifests = &self.source.index.manifests;
        let (mut shown, mut hidden) = (0, 0);
        let mut several: HashSet<&Digest> = HashSet::new();
        for (position, descriptor) in manifests.iter().enumerate() {
            if several.contains(&descriptor.digest) {
                continue;
            }
            let mut entry = entry(self.source, descriptor, true, Some(&self.known), self.bases.as_ref(), self.context)?;
            let ordinary = matches!(entry.kind, EntryKind::Image | EntryKind::Index | EntryKind::Collection | EntryKind::Unreadable)
                && (!entry.names.is_empty() || manifests.len() == 1);
            let named_artifact =
                matches!(entry.kind, EntryKind::Artifact | EntryKind::Other) && !entry.names.is_empty() && entry.subject.is_none();
            if !self.all && !ordinary && !named_artifact {
                hidden += 1;
                continue;
            }
            let mut also = self.names.from(position).skip(1).peekable();
            if also.peek().is_some() {
                several.insert(&descriptor.digest);
                entry.names.extend(also.filter_map(Descriptor::name).map(str::to_owned));
            }
            tell(Piece::Entry(Box::new(entry)))?;
            shown += 1;
        }
        Ok((shown, hidden))
    }
}

/// Tells manifests and indexes that lie in the source and that no index lists, neither `index.json` nor an index below it; gives how
/// many there are.
fn unlisted(source: &Arc<Source>, bases: Option<&Bases<'_>>, tell: &mut Tell<'_>, context: Context<'_>) -> Result<usize> {
    let mut listed = HashSet::new();
    for descriptor in &source.index.manifests {
        // What cannot be read now may list what is taken for unlisted; content that is wrong is reported where it is shown.
        if let Err(error) = crate::read::walk(source, descriptor, context.limits, &mut crate::read::Walk::default(), &mut listed)
            && Trouble::of(&error) == Trouble::Io
        {
            return Err(error);
        }
    }
    let mut shown = 0;
    for stored in source.container().stored()? {
        let Stored::Blob(digest) = stored else { continue };
        if listed.contains(&digest) {
            continue;
        }
        let reference = Reference::of_digest(&source.path, &digest);
        let located = match locate(&reference, context.limits) {
            Ok(located) => located,
            Err(error) if Trouble::of(&error) == Trouble::Io => return Err(error),
            // Most blobs are no documents.
            Err(_) => continue,
        };
        if located.descriptor.is_index() || located.descriptor.is_manifest() {
            tell(Piece::Entry(Box::new(entry(source, &located.descriptor, false, None, bases, context)?)))?;
            shown += 1;
        }
    }
    Ok(shown)
}

/// Who refers to `subject`, for the report.
fn referrers(subject: &Descriptor, known: &Lookup<'_>, report: &mut EntryReport, context: Context<'_>) {
    let found = known.of(subject);
    report.findings.extend(found.findings);
    for referrer in found.referrers {
        report.referrers.push(Referrer {
            lifecycle: context.conventions.is_statement(referrer.artifact_type()),
            artifact_type: referrer.artifact_type().to_owned(),
            found_by: referrer.found_by(),
            digest: referrer.descriptor.digest.clone(),
            annotations: Pairs::from(&referrer.artifact.annotations),
        });
        report.findings.extend(referrer.findings);
    }
}

fn entry(
    source: &Arc<Source>,
    descriptor: &Descriptor,
    listed: bool,
    known: Option<&Lookup<'_>>,
    bases: Option<&Bases<'_>>,
    context: Context<'_>,
) -> Result<EntryReport> {
    let mut report = EntryReport {
        names: descriptor.name().map(str::to_owned).into_iter().collect(),
        digest: descriptor.digest.clone(),
        media_type: descriptor.media_type.to_string(),
        size: descriptor.size,
        kind: EntryKind::Unreadable,
        listed,
        artifact_type: descriptor.artifact_type.clone(),
        subject: None,
        annotations: Pairs::default(),
        images: Vec::new(),
        members: Vec::new(),
        other: Vec::new(),
        referrers: Vec::new(),
        findings: Vec::new(),
    };
    if !descriptor.is_index() && !descriptor.is_manifest() {
        report.kind = EntryKind::Other;
        report.findings.push(
            Finding::new(Code::DocMediaTypeUnknown, "the entry is neither a manifest nor an index")
                .found(Fact::new(&descriptor.media_type, "index.json")),
        );
        return Ok(report);
    }
    let tree = match load(source, descriptor, context.limits) {
        Ok(tree) => tree,
        Err(error) => {
            report.findings.push(unreadable(error));
            return Ok(report);
        }
    };
    match &tree {
        Tree::Image(image) => {
            report.kind = EntryKind::Image;
            report.findings.extend(image.manifest.findings.iter().cloned());
        }
        Tree::Collection(index) => {
            report.kind = EntryKind::Collection;
            report.annotations = Pairs::from(&index.index.annotations);
            report.artifact_type.clone_from(&index.index.artifact_type);
            report.subject = index.index.subject.as_ref().map(|subject| subject.digest.clone());
            report.findings.extend(index.index.findings.iter().cloned());
            report.members = collection::members(&index.index).into_iter().map(Member::from).collect();
        }
        Tree::Index(index) => {
            report.kind = EntryKind::Index;
            report.annotations = Pairs::from(&index.index.annotations);
            report.artifact_type = report.artifact_type.or_else(|| index.index.artifact_type.clone());
            report.subject = index.index.subject.as_ref().map(|subject| subject.digest.clone());
            report.findings.extend(index.index.findings.iter().cloned());
            others(index, &mut report);
        }
        Tree::Artifact { manifest, .. } => {
            report.kind = EntryKind::Artifact;
            // The config of cosign's older form is an image's, which says nothing of what it is.
            let statement = manifest.layers.first().filter(|_| cosign::are_statements(&manifest.layers));
            let artifact_type = statement.map_or_else(|| manifest.effective_artifact_type(), |layer| &layer.media_type);
            report.artifact_type = Some(artifact_type.to_owned());
            report.subject = manifest.subject.as_ref().map(|subject| subject.digest.clone());
            report.annotations = Pairs::from(&manifest.annotations);
            report.findings.extend(manifest.findings.iter().cloned());
        }
    }
    if descriptor.name().is_some_and(is_referrer_tag) || lists_referrers_of(source, descriptor, context.limits).is_some() {
        report.kind = EntryKind::ReferrerTag;
    }
    let own;
    let subjects = if let Some(known) = known {
        known
    } else {
        own = Lookup::new(source, Scope::Usual, context.limits);
        report.findings.extend(own.unplaced_findings());
        &own
    };
    let index = match &tree {
        Tree::Index(index) => Some(&**index),
        _ => None,
    };
    for image in tree.images() {
        report.images.push(inspect_image(image, index, bases, context)?);
        if index.is_some() {
            referrers(&image.descriptor, subjects, &mut report, context);
        }
    }
    referrers(descriptor, subjects, &mut report, context);
    Ok(report)
}

/// What keeps an entry from being read is at least damage: an unknown algorithm is worth a warning only where it hides nothing.
fn unreadable(error: Error) -> Finding {
    let mut finding = error.into_finding();
    finding.severity = finding.severity.max(Severity::Damage);
    finding
}

fn others(index: &ImageIndex, report: &mut EntryReport) {
    for child in index.descendants() {
        match child {
            Child::Attestation(descriptor) | Child::Other(descriptor) => report.other.push(descriptor.digest.clone()),
            Child::Missing(descriptor) => report.findings.push(
                Finding::new(Code::BlobMissing, "the manifest of a platform is not there")
                    .at(&descriptor.digest)
                    .severity(Severity::Warning),
            ),
            Child::Index(_) | Child::Image(_) => {}
        }
    }
}

fn inspect_image(image: &Image, index: Option<&ImageIndex>, bases: Option<&Bases<'_>>, context: Context<'_>) -> Result<Inspected> {
    let config = image.config.root().get("config");
    let words = |name: &str| -> Vec<String> {
        config
            .and_then(|config| config.get(name))
            .map(|list| list.items().filter_map(Node::as_str).map(Into::into).collect())
            .unwrap_or_default()
    };
    let word = |name: &str| {
        config
            .and_then(|config| config.get(name))
            .and_then(Node::as_str)
            .map(std::borrow::Cow::into_owned)
            .filter(|value| !value.is_empty())
    };
    let keys = |name: &str| -> Vec<String> {
        let members = config.and_then(|config| config.get(name)).map(|map| map.members().map(|(key, _)| key.into_owned()).collect());
        members.unwrap_or_default()
    };
    let healthcheck = config.and_then(|config| config.get("Healthcheck")).and_then(|check| check.get("Test"));
    let healthcheck = healthcheck.map(|test| test.items().filter_map(Node::as_str).map(Into::into).collect()).unwrap_or_default();
    let made = made(image);
    let mut findings = image.contradictions();
    let mut layers = Vec::with_capacity(image.manifest.layers.len());
    for (position, layer) in image.manifest.layers.iter().enumerate() {
        let present = image.source.container().blob(&layer.digest).map_or_else(
            |error| {
                findings.push(unreadable(error));
                false
            },
            |found| found.is_some(),
        );
        layers.push(Layer {
            digest: layer.digest.clone(),
            size: layer.size,
            media_type: layer.media_type.clone(),
            diff_id: image.config.diff_ids.get(position).cloned(),
            present,
            created_by: made.get(position).filter(|words| !words.is_empty()).cloned(),
            of_base: None,
        });
    }
    findings.extend(image.config.findings.iter().cloned());
    let mut base = None;
    let mut base_image = None;
    if let Some(bases) = bases.filter(|_| image.manifest.layers.len() == image.config.diff_ids.len()) {
        let (shown, based) = show_image(image, index, bases, None, context)?;
        if let (Some(decided), Some(proof)) = (based.base(), based.proof()) {
            base = Some(InspectedBase {
                reference: decided.reference.clone(),
                manifest: decided.image.descriptor.digest.clone(),
                layers: shown.base_layers,
                proofs: proof.proofs().to_vec(),
            });
            base_image = Some(decided.image.clone());
            layers.iter_mut().enumerate().for_each(|(position, layer)| layer.of_base = Some(position < shown.base_layers));
        }
        findings.extend(shown.findings.into_iter().filter(|finding| !findings.contains(finding)).collect::<Vec<_>>());
    }
    Ok(Inspected {
        platform: image.platform().cloned(),
        manifest: image.descriptor.digest.clone(),
        config: image.manifest.config.digest.clone(),
        created: image.config.created.clone(),
        entrypoint: words("Entrypoint"),
        cmd: words("Cmd"),
        user: word("User"),
        working_dir: word("WorkingDir"),
        env: words("Env"),
        ports: keys("ExposedPorts"),
        volumes: keys("Volumes"),
        healthcheck,
        stop_signal: word("StopSignal"),
        labels: Pairs::from(&image.config.labels),
        annotations: Pairs::from(&image.manifest.annotations),
        layers,
        identity: identity(image, index, base_image.as_ref()),
        base,
        findings,
    })
}

/// What made each layer, if the history has an entry for each of them.
fn made(image: &Image) -> Vec<String> {
    let history = image.config.history();
    let filled = history.iter().filter(|entry| entry.get("empty_layer").and_then(Node::as_bool) != Some(true));
    let made: Vec<String> =
        filled.map(|entry| entry.get("created_by").and_then(Node::as_str).map(Into::into).unwrap_or_default()).collect();
    if made.len() == image.manifest.layers.len() { made } else { Vec::new() }
}

/// Who and what an image is: its annotations, those of its index, its labels, in this order. A value that the base has too is
/// inherited: the version of a distribution is not the version of the application on it.
fn identity(image: &Image, index: Option<&ImageIndex>, base: Option<&Image>) -> Vec<Identity> {
    let mut identity = Vec::new();
    for (field, key) in IDENTITY {
        let places = [
            ("annotation", image.manifest.annotations.get(*key), base.map(|base| base.manifest.annotations.get(*key))),
            (
                "index-annotation",
                index.and_then(|index| index.index.annotations.get(*key)),
                base.map(|base| base.manifest.annotations.get(*key)),
            ),
            ("label", image.config.labels.get(*key), base.map(|base| base.config.labels.get(*key))),
        ];
        let Some((from, value, below)) = places.into_iter().find_map(|(from, value, below)| value.map(|value| (from, value, below))) else {
            continue;
        };
        let owner = match (below, from) {
            (Some(below), _) if below == Some(value) => Owner::Inherited,
            // Nothing inherits annotations of an index.
            (Some(_), _) | (None, "index-annotation") => Owner::Own,
            (None, _) => Owner::Unknown,
        };
        identity.push(Identity { field: (*field).to_owned(), value: value.clone(), from: from.to_owned(), owner });
    }
    identity
}
