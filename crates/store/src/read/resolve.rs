//! From a reference to the descriptor that it means.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use super::graph::each_index;
use super::referrers::lists_referrers_of;
use super::{Reference, Source, SourceKind, Transport, is_fallback_tag, is_referrer_tag};
use crate::format::json::{Document, Node};
use crate::foundation::{Code, Digest, Error, Fact, Limits, Result, text};
use crate::oci::{Descriptor, ImageName, Index, Manifest, Name, Verified, collection, media_type};

/// What a reference means.
#[derive(Debug, Clone)]
pub struct Located {
    /// Where it is.
    pub source: Arc<Source>,
    /// The descriptor.
    pub descriptor: Descriptor,
    /// The name in `index.json`, if it has one.
    pub name: Option<String>,
}

impl Located {
    /// An entry of `index.json`.
    pub fn entry(source: &Arc<Source>, entry: &Descriptor) -> Self {
        Self { source: Arc::clone(source), descriptor: entry.clone(), name: entry.name().map(str::to_owned) }
    }

    /// The name of what is made of it, unless it gets another one.
    pub fn result_name(&self) -> Option<String> {
        match self.descriptor.name() {
            Some(_) => self.descriptor.name_of_result().map(str::to_owned),
            None => self.name.clone(),
        }
    }

    /// The reference for users: `PATH:NAME` or `PATH@DIGEST`.
    pub fn shown(&self) -> String {
        match &self.name {
            Some(name) => format!("{}:{}", self.source.shown(), text::escape(name)),
            None => format!("{}@{}", self.source.shown(), self.descriptor.digest),
        }
    }
}

/// As [`locate`], for who changes the entry: of two names of one image only one can be meant, and where a name and a digest are
/// given, the entry with both.
///
/// # Errors
/// As [`locate`].
pub fn locate_entry(reference: &Reference, limits: &Limits) -> Result<Located> {
    let located = locate(reference, limits)?;
    if let (Some(name), None) = (&reference.name, &reference.digest) {
        let fitting = Fitting::of(&located.source, name);
        if fitting.entries().iter().any(|entry| entry.full_name() != located.descriptor.full_name()) {
            return Err(ambiguous(&located.source, name, fitting.entries()).at(located.source.shown()));
        }
    }
    if let (Some(name), Some(_)) = (&reference.name, &reference.digest) {
        let is_called = |typed: &str| !Fitting::among(std::iter::once(&located.descriptor), typed).entries().is_empty();
        if !is_called(name) && !is_called(&format!("{name}@{}", located.descriptor.digest)) {
            return Err(Error::new(Code::RefNotFound, "no entry has both this name and this digest")
                .at(located.source.shown())
                .expected(Fact::new(&reference.text, "the command line"))
                .found(Fact::new(located.descriptor.name().unwrap_or("no name"), "the entry of that digest"))
                .hint("Leave the name or the digest away."));
        }
    }
    Ok(located)
}

/// Opens the source of a reference and checks its transport.
///
/// # Errors
/// What opening the source gives; `ref.two_splits`; `usage.argument` if the transport is another than the source's.
pub fn open_reference(reference: &Reference, limits: &Limits) -> Result<Arc<Source>> {
    open_among(reference, &[], limits)
}

/// Opens a whole source for those who take no name of an image behind its path.
///
/// # Errors
/// `usage.argument` for a reference to something inside; `ref.*` as for references, and what opening the source gives.
pub fn open_path(path: &Path, limits: &Limits) -> Result<Arc<Source>> {
    // What is no text names a path and nothing else.
    let Some(text) = path.to_str() else { return Source::open(path, limits) };
    if Reference::existing(text)?.path == path {
        return Source::open(path, limits);
    }
    Err(Error::new(Code::UsageArgument, "all of a layout or an archive is meant here, and nothing else can be named")
        .expected(Fact::new("PATH", "the command line"))
        .found(Fact::new(text, "the command line")))
}

/// As [`open_reference`]; a source that is open already is not read again. That is one state of the layout for all that one
/// command names in it, and among 10 000 images each reading of `index.json` took 20 ms.
pub(super) fn open_among(reference: &Reference, open: &[Arc<Source>], limits: &Limits) -> Result<Arc<Source>> {
    let source = match open.iter().find(|source| source.path == reference.path && source.view == reference.view()) {
        Some(source) => Arc::clone(source),
        None => Source::open_as(&reference.path, reference.view(), limits)?,
    };
    check_transport(reference, source.kind())?;
    for (path, name) in &reference.other_splits {
        // What cannot be read there has no name that could be meant.
        let also = Source::open(path, limits).is_ok_and(|other| !Fitting::of(&other, name).entries().is_empty());
        if also {
            return Err(Error::new(Code::RefTwoSplits, "the reference means two different images")
                .found(Fact::new(&reference.text, "the command line"))
                .detail(format!("the source {}", reference.shown_path()))
                .detail(format!("the image {} in {}", text::escape(name), crate::foundation::fsys::shown(path)))
                .hint("Give the image by digest (PATH@DIGEST), or rename one of the two files."));
        }
    }
    Ok(source)
}

/// Refuses a transport that is another than the source's.
///
/// # Errors
/// `usage.argument`.
pub fn check_transport(reference: &Reference, kind: SourceKind) -> Result<()> {
    let fits = match reference.transport {
        None => true,
        Some(Transport::Layout) => kind == SourceKind::Layout,
        Some(Transport::Archive) => kind == SourceKind::Archive,
        Some(Transport::DockerArchive) => kind == SourceKind::DockerArchive,
        Some(Transport::SkopeoDirectory) => kind == SourceKind::SkopeoDirectory,
    };
    if fits {
        return Ok(());
    }
    Err(Error::new(Code::UsageArgument, "the transport is another than the file's")
        .expected(Fact::new(kind.name(), reference.shown_path()))
        .found(Fact::new(&reference.text, "the command line"))
        .hint("Leave the transport away: airbase sees what a path is."))
}

/// The one image or other manifest that a reference means.
///
/// # Errors
/// What opening the source gives; `ref.not_found`, `ref.ambiguous`.
pub fn locate(reference: &Reference, limits: &Limits) -> Result<Located> {
    locate_among(reference, &[], limits)
}

/// As [`locate`]; a source among `open` is not read again.
///
/// # Errors
/// As [`locate`].
pub fn locate_among(reference: &Reference, open: &[Arc<Source>], limits: &Limits) -> Result<Located> {
    locate_in(&open_among(reference, open, limits)?, reference, None, limits)
}

/// What a reference means in its source. Where the entries that it may mean are known, the others are not looked at.
pub(super) fn locate_in(source: &Arc<Source>, reference: &Reference, some: Option<&[&Descriptor]>, limits: &Limits) -> Result<Located> {
    let among = |digest: &Digest, name: Option<&str>| match some {
        Some(some) => by_digest(source, some.iter().copied(), digest, name, limits),
        None => by_digest(source, source.index.manifests.iter(), digest, name, limits),
    };
    let located = match (&reference.digest, &reference.name, some) {
        (Some(digest), name, _) => source.complete(digest).and_then(|digest| among(&digest, name.as_deref())),
        (None, Some(name), Some(some)) => by_name(source, name, &Fitting::among(some.iter().copied(), name)),
        (None, Some(name), None) => by_name(source, name, &Fitting::of(source, name)),
        (None, None, _) => only_image(source, limits),
    };
    located.map_err(|error| error.at(source.shown()))
}

/// The images of a source: entries of `index.json` that are no referrers, attestations or artifacts. Entries of one digest
/// under several names are one image.
pub(super) fn images(source: &Arc<Source>, limits: &Limits) -> Result<Vec<Located>> {
    let mut found = listed_images(source, limits)?;
    if found.iter().any(|located| located.name.is_none()) {
        let parts = parts(source, limits)?;
        found.retain(|located| located.name.is_some() || !parts.contains(&located.descriptor.digest));
    }
    Ok(found)
}

/// What has an entry without a name and belongs to an index of the layout: a platform with referrers has such an entry, and so has an index
/// within an index, and is not an image more. Indexes are read only where there is such an entry.
///
/// # Errors
/// `graph.too_many`.
pub fn parts(source: &Source, limits: &Limits) -> Result<HashSet<Digest>> {
    listed_within(source, |entry| entry.name().is_none(), limits)
}

/// Of [`parts`] the indexes.
///
/// # Errors
/// `graph.too_many`.
pub(super) fn inner_indexes(source: &Source, limits: &Limits) -> Result<HashSet<Digest>> {
    listed_within(source, |entry| entry.name().is_none() && entry.is_index(), limits)
}

/// Those of the `wanted` entries that an index of the layout lists.
fn listed_within(source: &Source, wanted: fn(&Descriptor) -> bool, limits: &Limits) -> Result<HashSet<Digest>> {
    let all = || source.index.manifests.iter().filter(|entry| is_candidate(entry));
    let wanted: HashSet<&Digest> = all().filter(|entry| wanted(entry)).map(|entry| &entry.digest).collect();
    let mut listed = HashSet::new();
    if wanted.is_empty() {
        return Ok(listed);
    }
    each_index(source, all(), limits, &mut |_, index| {
        // An index that cannot be read has no children that are known; whoever opens it gets the error.
        let children = index.into_iter().flat_map(|index| index.manifests).map(|child| child.digest.clone());
        listed.extend(children.filter(|child| wanted.contains(child)));
        Ok(())
    })?;
    Ok(listed)
}

/// Whether an entry of `index.json` may be an image, as far as that can be told without reading it. Of what has a name, only its
/// document says what it is: a name like that of a signature, a mark of an attestation and a media type that is not known are no proof.
pub fn is_candidate(entry: &Descriptor) -> bool {
    let named = match entry.name() {
        Some(name) => media_type::may_be_manifest(&entry.media_type) && !(entry.is_index() && is_fallback_tag(name)),
        None => (entry.is_index() || entry.is_manifest()) && !entry.is_marked_attestation(),
    };
    named && !entry.is_artifact() && entry.lists_referrers_of().is_none()
}

/// Whether what this entry leads to is nobody's image if nothing in it runs, and needs no word: it says itself that it refers to images.
pub fn is_called_referrer(entry: &Descriptor) -> bool {
    entry.is_attestation() || entry.name().is_some_and(is_referrer_tag)
}

/// Entries of `index.json` that may be images, as far as that can be told without reading manifests: those with names and indexes
/// first, in their order. A platform with referrers has an entry of its own beside the index that it belongs to; who met it in
/// the index passes over it.
///
/// # Errors
/// `graph.too_many`.
pub fn candidates<'s>(source: &'s Source, limits: &Limits) -> Result<impl Iterator<Item = &'s Descriptor> + use<'s>> {
    let inner = inner_indexes(source, limits)?;
    let is_own = |entry: &&Descriptor| is_candidate(entry) && (entry.name().is_some() || !inner.contains(&entry.digest));
    let (alone, first): (Vec<_>, Vec<_>) = source.index.manifests.iter().filter(is_own).partition(|entry| is_alone(entry));
    Ok(first.into_iter().chain(alone))
}

/// Whether an entry may be a platform of some index of the same layout.
pub fn is_alone(entry: &Descriptor) -> bool {
    entry.name().is_none() && !entry.is_index()
}

fn listed_images(source: &Arc<Source>, limits: &Limits) -> Result<Vec<Located>> {
    let mut seen: BTreeMap<&Digest, usize> = BTreeMap::new();
    let mut found: Vec<Located> = Vec::new();
    for entry in &source.index.manifests {
        if let Some(position) = seen.get(&entry.digest) {
            if let Some(located) = found.get_mut(*position)
                && located.name.is_none()
            {
                located.name = entry.name().map(str::to_owned);
            }
            continue;
        }
        if is_image_entry(source, entry, limits)? {
            seen.insert(&entry.digest, found.len());
            found.push(Located { source: Arc::clone(source), descriptor: entry.clone(), name: entry.name().map(str::to_owned) });
        }
    }
    Ok(found)
}

fn is_image_entry(source: &Source, entry: &Descriptor, limits: &Limits) -> Result<bool> {
    if !is_candidate(entry) {
        return Ok(false);
    }
    if entry.is_index() {
        return Ok(!is_collection(source, entry, limits) && lists_referrers_of(source, entry, limits).is_none());
    }
    if !entry.is_manifest() {
        return Ok(false);
    }
    match source.document(entry, limits) {
        Ok(blob) => Ok(Manifest::parse(&blob, &entry.media_type, limits)?.is_image()),
        // What is not there cannot be used, but it is the image that the entry speaks of.
        Err(error) if error.code() == Code::BlobMissing => Ok(!is_called_referrer(entry)),
        Err(error) => Err(error),
    }
}

/// Whether an entry leads to a collection. Most clients that copy one keep no `artifactType` in the entry, so the document is
/// asked; whoever opens an index that cannot be read gets the error.
fn is_collection(source: &Source, entry: &Descriptor, limits: &Limits) -> bool {
    let index = source.document(entry, limits).and_then(|blob| Index::parse(&blob, &entry.media_type, limits));
    index.is_ok_and(|index| collection::is_collection(&index))
}

/// The collections of a source, each once.
pub fn collections(source: &Arc<Source>, limits: &Limits) -> Vec<Located> {
    let mut seen: HashSet<&Digest> = HashSet::new();
    let mut found = Vec::new();
    for entry in source.index.manifests.iter().filter(|entry| entry.is_index() && !entry.name().is_some_and(is_referrer_tag)) {
        // One that says so and cannot be read is told by whoever reads it.
        let says = entry.artifact_type.as_deref() == Some(collection::ARTIFACT_TYPE);
        if seen.insert(&entry.digest) && (says || is_collection(source, entry, limits)) {
            found.push(Located { source: Arc::clone(source), descriptor: entry.clone(), name: entry.name().map(str::to_owned) });
        }
    }
    found
}

fn by_digest<'a>(
    source: &Arc<Source>,
    entries: impl Iterator<Item = &'a Descriptor>,
    digest: &Digest,
    name: Option<&str>,
    limits: &Limits,
) -> Result<Located> {
    let listed: Vec<&Descriptor> = entries.filter(|entry| entry.digest == *digest).collect();
    let pinned = name.map(|name| format!("{name}@{digest}"));
    // The digest decides; of the entries that list it, the name chooses one.
    let meant = |typed: &String| Fitting::among(listed.iter().copied(), typed).entries().first().copied();
    let chosen = pinned.as_ref().and_then(meant).or_else(|| name.map(str::to_owned).as_ref().and_then(meant));
    if let Some(entry) = chosen.or_else(|| listed.first().copied()) {
        let name = entry.name().or(name).map(str::to_owned);
        return Ok(Located { source: Arc::clone(source), descriptor: entry.clone(), name });
    }
    let blob = source.document_by_digest(digest, limits)?.ok_or_else(|| not_found(source, digest))?;
    let media_type = document_type(&blob, limits)?;
    Ok(Located { source: Arc::clone(source), descriptor: Descriptor::authored(&media_type, &blob), name: None })
}

/// What a document is that no descriptor described: what it calls itself, or what its fields make it.
pub(super) fn document_type(blob: &Verified, limits: &Limits) -> Result<String> {
    let not_an_image = || Error::new(Code::NotAnImage, format!("blob {} is neither a manifest nor an index", blob.digest()));
    let document = Document::parse(blob.bytes(), limits).map_err(|_| not_an_image())?;
    let root = document.root();
    if let Some(own) = root.get("mediaType").and_then(Node::as_str) {
        return Ok(own.into_owned());
    }
    match (root.get("manifests").is_some(), root.get("config").is_some() && root.get("layers").is_some()) {
        (true, false) => Ok(media_type::OCI_INDEX.to_owned()),
        (false, true) => Ok(media_type::OCI_MANIFEST.to_owned()),
        _ => Err(not_an_image()),
    }
}

/// The entries that a typed name may mean, by how well it fits. Only those that fit best are meant.
#[derive(Debug, Default)]
struct Fitting<'a>([Vec<&'a Descriptor>; 4]);

impl<'a> Fitting<'a> {
    fn of(source: &'a Source, typed: &str) -> Self {
        Self::among(source.index.manifests.iter(), typed)
    }

    fn among(entries: impl Iterator<Item = &'a Descriptor>, typed: &str) -> Self {
        let wanted = Name::parse(typed);
        let untagged = ImageName::parse(typed).tag.is_none() || !wanted.is_full();
        let with_latest = untagged.then(|| format!("{typed}:latest"));
        let mut fitting = Self::default();
        for entry in entries {
            let (Some(text), Some(own)) = (entry.name(), entry.full_name()) else { continue };
            let ends = |name: &str| own.is_full() && (ends_with(text, name) || ends_with(own.as_str(), name));
            let [equal, suffix, tag, latest] = &mut fitting.0;
            if own.is_full() && (own == wanted || text == typed) {
                equal.push(entry);
            } else if ends(typed) {
                suffix.push(entry);
            } else if entry.has_tag(typed) {
                tag.push(entry);
            } else if with_latest.as_deref().is_some_and(ends) {
                latest.push(entry);
            }
        }
        fitting
    }

    /// The full name, else the end of one, else a tag, else the end of one where no tag means `latest`.
    fn entries(&self) -> &[&'a Descriptor] {
        self.0.iter().find(|entries| !entries.is_empty()).map_or(&[], Vec::as_slice)
    }
}

/// Whether `end` is all that follows on some `/` of a name.
fn ends_with(name: &str, end: &str) -> bool {
    name.strip_suffix(end).is_some_and(|before| before.ends_with('/'))
}

fn by_name(source: &Arc<Source>, name: &str, fitting: &Fitting<'_>) -> Result<Located> {
    let matching = fitting.entries();
    let Some(first) = matching.first() else { return Err(not_found(source, name)) };
    if matching.iter().any(|entry| entry.digest != first.digest) {
        return Err(ambiguous(source, name, matching));
    }
    Ok(Located { source: Arc::clone(source), descriptor: (*first).clone(), name: first.name().map(str::to_owned) })
}

fn ambiguous(source: &Source, name: &str, matching: &[&Descriptor]) -> Error {
    Error::new(Code::RefAmbiguous, format!("several images fit the name {}", text::escape(name)))
        .details(listed(matching.iter().map(|entry| candidate(source, entry))))
        .hint("Name one of them in full, or give its digest: PATH@DIGEST.")
}

fn only_image(source: &Arc<Source>, limits: &Limits) -> Result<Located> {
    let mut found = images(source, limits)?;
    match found.len() {
        1 => Ok(found.remove(0)),
        0 => Err(Error::new(Code::RefNotFound, "the source holds no image")),
        count => Err(Error::new(Code::RefAmbiguous, format!("the source holds {count} images and one is needed"))
            .details(listed(found.iter().map(|located| candidate(source, &located.descriptor))))
            .hint("Name one of them: PATH:NAME or PATH@DIGEST.")),
    }
}

fn candidate(source: &Source, entry: &Descriptor) -> String {
    match entry.name() {
        Some(name) => format!("{}:{}  {}", source.shown(), text::escape(name), entry.digest),
        None => format!("{}@{}", source.shown(), entry.digest),
    }
}

/// How many candidates an error lists.
const LISTED: usize = 12;

fn listed(lines: impl Iterator<Item = String>) -> Vec<String> {
    let lines: Vec<String> = lines.collect();
    let more = lines.len().saturating_sub(LISTED);
    let mut shown: Vec<String> = lines.into_iter().take(LISTED).collect();
    if more > 0 {
        shown.push(format!("and {more} more"));
    }
    shown
}

fn not_found(source: &Source, wanted: impl ToString) -> Error {
    let wanted = wanted.to_string();
    let names =
        source.index.manifests.iter().filter(|entry| !entry.name().is_some_and(is_referrer_tag)).map(|entry| candidate(source, entry));
    Error::new(Code::RefNotFound, format!("there is no image {}", text::escape(&wanted)))
        .details(listed(names))
        .hint("`airbase inspect PATH` lists what is there.")
}
