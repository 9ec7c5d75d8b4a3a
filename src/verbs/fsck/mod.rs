//! Checks sources and lists everything that is wrong.
//!
//! Level 0 reads the structure: `oci-layout`, `index.json`, every manifest and index (which are hashed before they are read,
//! because nothing unhashed is believed here), and compares sizes. Level 1 also hashes and reads configs and compares them with
//! their manifests. Level 2 hashes every blob, named by a document or not. Level 3 also inflates the layers of images and compares
//! them with their diffIDs; level 4 reads them as tar archives in the same pass.

mod deep;
mod names;
mod owners;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::path::Path;

use deep::Deep;

use super::Context;
use crate::format::json::{Document, Node};
use crate::foundation::fsys::{Directory, ReadAt, Region, shown};
use crate::foundation::limits::CHUNK_BYTES;
use crate::foundation::{Code, Digest, Error, Fact, Finding, Hasher, Result, Severity, text};
use crate::oci::{Config, Descriptor, Index, Manifest, Name, RootIndex, Verified, digest_mismatch, media_type, size_mismatch};
use crate::read::{Container, Found, Reference, Source, SourceKind, Stored, View, check_transport, find, verify};
use crate::report::exit_of;
use crate::report::fsck::{Checked, FsckReport};

/// Runtimes stop here; an image may still be stored.
const RUNTIME_LAYERS: usize = 127;

/// The last level there is.
const DEEPEST: u8 = 4;

/// Checks every source at `paths`. A folder of sources is searched.
///
/// # Errors
/// Only `usage.argument`; whatever is wrong with a source is in the report.
pub fn fsck(paths: &[String], level: u8, allow_sparse: bool, context: Context<'_>) -> Result<FsckReport> {
    if level > DEEPEST {
        return Err(Error::new(Code::UsageArgument, "there is no such level")
            .expected(Fact::new(
                "0 structure and sizes, 1 manifests and configs, 2 all digests, 3 diffIDs, 4 the files in layers",
                "this version",
            ))
            .found(Fact::new(level, "--level")));
    }
    let mut report = FsckReport { level, clean: true, sources: Vec::new(), findings: Vec::new() };
    for path in paths {
        let reference = Reference::existing(path)?;
        if reference.names_one() {
            return Err(Error::new(Code::UsageArgument, "fsck checks whole sources")
                .expected(Fact::new("the path of a layout, an archive or a folder of them", "fsck"))
                .found(Fact::new(&reference.text, "the command line"))
                .hint(format!("Give the path alone: {}", reference.shown_path())));
        }
        let Found { paths, findings, passed } = find(&reference.path, context.limits)?;
        report.findings.extend(findings);
        let before = report.sources.len();
        for path in &paths {
            let view = if *path == reference.path { reference.view() } else { View::Whole };
            let checked = check(path, view, level, allow_sparse, context);
            if *path == reference.path {
                checked.kind.map_or(Ok(()), |kind| check_transport(&reference, kind))?;
            }
            report.sources.push(checked);
        }
        // What could not be read was looked at; the error says what was wrong with it.
        let has_something = |source: &Checked| source.entries > 0 || exit_of(&source.findings).is_some();
        if !report.sources.iter().skip(before).any(has_something) {
            report.findings.push(context.nothing(passed.nothing(&reference.shown_path())));
        }
    }
    report.clean = exit_of(report.all_findings()).is_none();
    Ok(report)
}

/// As what a digest is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    Manifest,
    Index,
    Content,
}

struct Checker<'a> {
    container: Box<dyn Container>,
    level: u8,
    allow_sparse: bool,
    context: Context<'a>,
    findings: Vec<Finding>,
    seen: HashMap<Digest, (u64, Sort)>,
    entries: usize,
    /// What is named and could not be opened, which was said then.
    unopened: BTreeSet<Digest>,
    documents: usize,
    hashed: BTreeSet<Digest>,
    hashed_bytes: u64,
    /// How many blobs were hashed that are no documents.
    contents: usize,
    deep: Deep,
    inflated: usize,
}

fn check(path: &Path, view: View, level: u8, allow_sparse: bool, context: Context<'_>) -> Checked {
    let mut checked = Checked {
        path: shown(path),
        kind: None,
        entries: 0,
        documents: 0,
        blobs: 0,
        hashed: 0,
        hashed_bytes: 0,
        inflated: 0,
        unreferenced: 0,
        unreferenced_bytes: 0,
        findings: Vec::new(),
    };
    let container = match Source::open_container(path, view, context.limits) {
        Ok(container) => container,
        Err(error) => {
            // Nothing of it was checked, whatever the reason.
            checked.findings.push(error.into_finding().severity(Severity::Refusal));
            return checked;
        }
    };
    checked.kind = Some(container.kind());
    let mut checker = Checker {
        container,
        level,
        allow_sparse,
        context,
        findings: Vec::new(),
        seen: HashMap::new(),
        entries: 0,
        unopened: BTreeSet::new(),
        documents: 0,
        hashed: BTreeSet::new(),
        hashed_bytes: 0,
        contents: 0,
        deep: Deep::default(),
        inflated: 0,
    };
    checker.findings.extend(checker.container.findings());
    checker.leftovers(path);
    checker.structure();
    checker.layers();
    checker.stored(&mut checked);
    checked.entries = checker.entries;
    checked.documents = checker.documents;
    checked.hashed = checker.hashed.len() + checker.contents;
    checked.hashed_bytes = checker.hashed_bytes;
    checked.inflated = checker.inflated;
    checked.findings = checker.findings;
    owners::name(&mut checked.findings, checker.container.as_ref(), context.limits);
    let place = |finding: &Finding| (std::cmp::Reverse(finding.severity), finding.code.slug(), finding.place.clone());
    checked.findings.sort_by_key(place);
    checked
}

impl Checker<'_> {
    fn add(&mut self, error: Error, place: &str) {
        self.findings.push(error.at(place).into());
    }

    /// A document could not be read, so nothing below it was checked. That is damage even where the reason, such as an unknown
    /// algorithm, is only worth a warning in other places: "clean" must mean that everything was checked.
    fn unread(&mut self, error: Error, place: &str) {
        let mut finding = error.at(place).into_finding();
        finding.severity = finding.severity.max(Severity::Damage);
        self.findings.push(finding);
    }

    /// Names what a killed writer may have left behind.
    fn leftovers(&mut self, path: &Path) {
        if self.container.kind() != SourceKind::Layout {
            return;
        }
        match Directory::open(path).and_then(|directory| directory.leftovers()) {
            Ok(names) => {
                let finding = |name| Finding::new(Code::LayoutLeftover, "a writer left a file behind, or is writing now").at(name);
                self.findings.extend(names.into_iter().map(finding));
            }
            Err(error) => self.add(error, &shown(path)),
        }
    }

    /// Walks from `index.json` through everything that is named.
    fn structure(&mut self) {
        let index = self.container.index().and_then(|bytes| RootIndex::parse(bytes, self.context.limits));
        let index = match index {
            Ok(index) => index,
            Err(error) => return self.add(error, "index.json"),
        };
        self.entries = index.manifests.len();
        for finding in index.findings.iter().cloned() {
            // Reading goes on around an entry that cannot be verified; a check that could not be made is not clean. One
            // flipped bit makes an unknown algorithm of a known one.
            let unverifiable = finding.code == Code::DigestAlgorithmUnknown;
            let finding = if unverifiable { finding.severity(Severity::Damage) } else { finding };
            self.findings.push(finding.at("index.json"));
        }
        let mut names: BTreeMap<Name<'_>, &Digest> = BTreeMap::new();
        for entry in &index.manifests {
            if let Some(name) = entry.full_name()
                && let Some(other) = names.insert(name, &entry.digest)
                && *other != entry.digest
            {
                let name = entry.name().unwrap_or_default();
                self.findings.push(
                    Finding::new(Code::RefAmbiguous, format!("two images have the name {name:?}"))
                        .at("index.json")
                        .expected(Fact::new(other, "an earlier entry"))
                        .found(Fact::new(&entry.digest, "a later entry")),
                );
            }
        }
        let mut queue = VecDeque::new();
        let mut entries = index.manifests.iter();
        loop {
            if self.documents > self.context.limits.graph_nodes {
                return self.add(Error::new(Code::GraphTooMany, "there are too many documents"), "index.json");
            }
            if let Some(entry) = entries.next() {
                self.descriptor(entry, 0, &mut queue);
                continue;
            }
            let Some((descriptor, depth)) = queue.pop_front() else { return };
            if depth > self.context.limits.graph_depth {
                self.add(Error::new(Code::GraphDepth, "indexes are nested too deeply"), &descriptor.digest.to_string());
                continue;
            }
            self.descriptor(&descriptor, depth, &mut queue);
        }
    }

    fn descriptor(&mut self, descriptor: &Descriptor, depth: usize, queue: &mut VecDeque<(Descriptor, usize)>) {
        let place = descriptor.digest.to_string();
        let is_document = descriptor.is_index() || descriptor.is_manifest();
        match self.meet(descriptor) {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => return self.add(error, &place),
        }
        if descriptor.odd_annotations {
            self.findings.push(Finding::new(Code::AnnotationsType, "a descriptor has an annotation that is not text").at(&place));
        }
        let region = match self.container.blob(&descriptor.digest) {
            Err(error) => {
                self.unopened.insert(descriptor.digest.clone());
                return self.add(error, &place);
            }
            Ok(Some(region)) => region,
            Ok(None) => {
                self.unopened.insert(descriptor.digest.clone());
                // An embedded document was checked when its descriptor was read, and leads on like any other.
                if let Some(blob) = descriptor.data.as_ref().filter(|_| is_document) {
                    self.documents += 1;
                    return self.walk(descriptor, blob, depth, queue);
                }
                return self.missing(descriptor);
            }
        };
        if region.length() != descriptor.size {
            return self.add(size_mismatch(&descriptor.digest, descriptor.size, region.length()), &place);
        }
        if is_document {
            match self.document(descriptor, &region) {
                Err(error) => self.add(error, &place),
                Ok(blob) => self.walk(descriptor, &blob, depth, queue),
            }
        } else if depth == 0 {
            self.unknown_entry(descriptor, &region);
        }
    }

    /// Notes that a descriptor was met; whether there is more to look at than before.
    fn meet(&mut self, descriptor: &Descriptor) -> Result<bool> {
        let sort = match (descriptor.is_index(), descriptor.is_manifest()) {
            (true, _) => Sort::Index,
            (false, true) => Sort::Manifest,
            (false, false) => Sort::Content,
        };
        let more = match self.seen.get(&descriptor.digest) {
            Some((size, _)) if *size != descriptor.size => {
                return Err(Error::new(Code::DescriptorConflict, "two descriptors give one digest different sizes")
                    .expected(Fact::new(format!("{size} bytes"), "an earlier descriptor"))
                    .found(Fact::new(format!("{} bytes", descriptor.size), "a later descriptor")));
            }
            Some((_, Sort::Manifest | Sort::Index)) if sort == Sort::Content => return Ok(false),
            Some((_, known)) if *known == sort => return Ok(false),
            // It was met as the content of an image, and is a document as well.
            Some((_, Sort::Content)) => !self.unopened.contains(&descriptor.digest),
            Some(_) => return Err(Error::new(Code::DocTypeConflict, "one digest is named as a manifest and as an index")),
            None => true,
        };
        self.seen.insert(descriptor.digest.clone(), (descriptor.size, sort));
        Ok(more)
    }

    /// An entry of `index.json` with an unknown media type is legal. But if its blob calls itself a manifest or an index, the
    /// entry hides it from everybody who goes by media types.
    fn unknown_entry(&mut self, descriptor: &Descriptor, region: &Region) {
        let place = descriptor.digest.to_string();
        // What is larger than any document is none.
        let blob = if descriptor.size <= self.context.limits.document_bytes {
            match self.document(descriptor, region) {
                Ok(blob) => Some(blob),
                Err(error) => return self.add(error, &place),
            }
        } else {
            None
        };
        if let Some(blob) = blob
            && let Ok(document) = Document::parse(blob.bytes(), self.context.limits)
            && let Some(own) = document.root().get("mediaType").and_then(Node::as_str)
            && (media_type::is_index(&own) || media_type::is_manifest(&own))
        {
            let error = Error::new(Code::DocMediaTypeMismatch, "the document calls itself something else than the descriptor calls it")
                .expected(Fact::new(&descriptor.media_type, "the descriptor"))
                .found(Fact::new(own, "mediaType inside the document"));
            return self.add(error, &place);
        }
        self.findings.push(
            Finding::new(Code::DocMediaTypeUnknown, "an entry of index.json is neither a manifest nor an index")
                .at(&place)
                .found(Fact::new(&descriptor.media_type, "index.json")),
        );
    }

    /// The children of an index that are to be looked at. Where some platforms are here and the manifests of others are not, that is
    /// one finding; where none is, each that is missing is one.
    fn present(&mut self, children: Vec<Descriptor>, place: &str) -> Vec<Descriptor> {
        let is_gone = |child: &Descriptor| {
            child.is_manifest() && child.data.is_none() && child.urls.is_empty() && matches!(self.container.blob(&child.digest), Ok(None))
        };
        let (gone, here): (Vec<Descriptor>, Vec<Descriptor>) = children.into_iter().partition(is_gone);
        let platforms = |list: &[Descriptor]| list.iter().filter(|child| !child.is_attestation()).count();
        let (found, all) = (platforms(&here), platforms(&here) + platforms(&gone));
        if found == 0 || gone.is_empty() {
            return here.into_iter().chain(gone).collect();
        }
        let severity = if self.allow_sparse { Severity::Note } else { Severity::Damage };
        let verb = if found == 1 { "is" } else { "are" };
        let finding = Finding::new(Code::ImageSparse, format!("{found} of {} {verb} here", text::count(all, "platform")));
        let name = |child: &Descriptor| child.platform.as_ref().map_or_else(|| child.media_type.to_string(), ToString::to_string);
        let finding = gone.iter().fold(finding, |finding, child| finding.detail(format!("{} is not here: {}", name(child), child.digest)));
        self.findings.push(finding.at(place).severity(severity));
        here
    }

    fn missing(&mut self, descriptor: &Descriptor) {
        let place = descriptor.digest.to_string();
        if !descriptor.urls.is_empty() {
            self.findings.push(
                Finding::new(Code::BlobExternal, "a layer is kept elsewhere")
                    .at(place)
                    .found(Fact::new(descriptor.urls.join(", "), "urls")),
            );
        } else if descriptor.data.is_none() {
            let severity = if self.allow_sparse { Severity::Note } else { Severity::Damage };
            let finding =
                Finding::new(Code::BlobMissing, format!("a {} is not there", text_of(&descriptor.media_type))).at(place).severity(severity);
            self.findings.push(finding.found(Fact::new("nothing", descriptor.digest.blob_path())));
        }
    }

    fn document(&mut self, descriptor: &Descriptor, region: &Region) -> Result<Verified> {
        let most = self.context.limits.document_bytes;
        if descriptor.size > most {
            return Err(Error::new(Code::DocTooLarge, "a document is too large")
                .expected(Fact::new(format!("at most {most} bytes"), "the limits"))
                .found(Fact::new(format!("{} bytes", descriptor.size), "the descriptor")));
        }
        let mut bytes = vec![0; usize::try_from(region.length()).unwrap_or(usize::MAX)];
        region.read_exact_at(&mut bytes, 0).map_err(|error| Error::io("read a document", error))?;
        self.hashed.insert(descriptor.digest.clone());
        self.hashed_bytes += region.length();
        self.documents += 1;
        Verified::check(&descriptor.digest, descriptor.size, bytes)
    }

    fn walk(&mut self, descriptor: &Descriptor, blob: &Verified, depth: usize, queue: &mut VecDeque<(Descriptor, usize)>) {
        let place = descriptor.digest.to_string();
        if descriptor.is_index() {
            match Index::parse(blob, &descriptor.media_type, self.context.limits) {
                Err(error) => self.unread(error, &place),
                Ok(index) => {
                    self.findings.extend(index.findings.iter().cloned().map(|finding| finding.at(&place)));
                    self.subject(index.subject.as_ref(), &place);
                    let children = self.present(index.manifests, &place);
                    queue.extend(children.into_iter().map(|child| (child, depth + 1)));
                }
            }
            return;
        }
        match Manifest::parse(blob, &descriptor.media_type, self.context.limits) {
            Err(error) => self.unread(error, &place),
            Ok(manifest) => {
                self.findings.extend(manifest.findings.iter().cloned().map(|finding| finding.at(&place)));
                self.subject(manifest.subject.as_ref(), &place);
                if manifest.layers.len() > RUNTIME_LAYERS {
                    self.findings
                        .push(Finding::new(Code::ImageLayerCount, format!("the image has {} layers", manifest.layers.len())).at(&place));
                }
                if self.level >= 1 && media_type::is_image_config(&manifest.config.media_type) {
                    self.config(descriptor, &manifest);
                }
                for part in std::iter::once(manifest.config).chain(manifest.layers) {
                    // What leads no further need not wait: a hundred thousand images have some hundred thousand layers.
                    if part.is_index() || part.is_manifest() || depth >= self.context.limits.graph_depth {
                        queue.push_back((part, depth + 1));
                    } else {
                        self.descriptor(&part, depth + 1, queue);
                    }
                }
            }
        }
    }

    /// Reads a config and compares it with its manifest and its descriptor. What is missing is reported when the walk gets there.
    fn config(&mut self, descriptor: &Descriptor, manifest: &Manifest) {
        let place = manifest.config.digest.to_string();
        // Several manifests may share one config: what is wrong with it is said once, but each is compared with it.
        let first = !self.hashed.contains(&manifest.config.digest);
        let (documents, hashed_bytes) = (self.documents, self.hashed_bytes);
        let blob = match self.container.blob(&manifest.config.digest) {
            Ok(Some(region)) if region.length() == manifest.config.size => self.document(&manifest.config, &region),
            Ok(None) => match &manifest.config.data {
                Some(blob) => Ok(Verified::clone(blob)),
                None => return,
            },
            Err(error) => return self.unread(error, &place),
            // A wrong size is reported when the walk gets there.
            Ok(Some(_)) => return,
        };
        let config = match blob.and_then(|blob| Config::parse(&blob, self.context.limits)) {
            Ok(config) => config,
            Err(_) if !first => return,
            Err(error) => return self.unread(error, &place),
        };
        if first {
            self.findings.extend(config.findings.iter().cloned().map(|finding| finding.at(&place)));
        } else {
            (self.documents, self.hashed_bytes) = (documents, hashed_bytes);
        }
        // A config without rootfs describes no file system: some artifacts borrow the media type of an image config.
        let describes_layers = config.root().get("rootfs").is_some();
        if describes_layers && config.diff_ids.len() != manifest.layers.len() {
            self.findings.push(
                Finding::new(Code::ImageDiffIdCount, "manifest and config disagree on the number of layers")
                    .at(&descriptor.digest)
                    .expected(Fact::new(format!("{} layers", manifest.layers.len()), "the manifest"))
                    .found(Fact::new(format!("{} diffIDs", config.diff_ids.len()), "the config")),
            );
        }
        if let (Some(own), Some(other)) = (&descriptor.platform, &config.platform)
            && !own.is_unknown()
            && !own.matches(other)
        {
            self.findings.push(
                Finding::new(Code::ImagePlatformMismatch, "index and config give the image different platforms")
                    .at(&descriptor.digest)
                    .expected(Fact::new(own, "the descriptor in the index"))
                    .found(Fact::new(other, "the config")),
            );
        }
        if describes_layers && self.level >= 3 {
            self.deepen(manifest, &config);
        }
        let filled = config.history().iter().filter(|entry| entry.get("empty_layer").and_then(Node::as_bool) != Some(true)).count();
        if filled > manifest.layers.len() {
            self.findings.push(
                Finding::new(Code::ImageHistory, "the history has more entries than there are layers")
                    .at(&descriptor.digest)
                    .expected(Fact::new(format!("{} layers", manifest.layers.len()), "the manifest"))
                    .found(Fact::new(format!("{filled} entries"), "the config")),
            );
        }
    }

    fn subject(&mut self, subject: Option<&Descriptor>, place: &str) {
        let Some(subject) = subject else { return };
        match self.container.blob(&subject.digest) {
            Ok(Some(_)) => {}
            Ok(None) => self.findings.push(
                Finding::new(Code::ReferrerOrphan, "a referrer's subject is not there")
                    .at(place)
                    .found(Fact::new(&subject.digest, "subject")),
            ),
            Err(error) => self.add(error, place),
        }
    }

    /// Looks at everything under `blobs/`, and at level 2 hashes it.
    fn stored(&mut self, checked: &mut Checked) {
        let stored = match self.container.stored() {
            Ok(stored) => stored,
            Err(error) => return self.add(error, "blobs"),
        };
        let mut waiting = Vec::new();
        for entry in stored {
            let digest = match entry {
                Stored::Unverifiable(path) => {
                    let finding = Finding::new(Code::DigestAlgorithmUnknown, "the digests of these blobs cannot be computed here");
                    self.findings.push(finding.at(path));
                    continue;
                }
                Stored::Stray(path) => {
                    self.findings.push(Finding::new(Code::LayoutStray, "this cannot be a blob").at(path));
                    continue;
                }
                Stored::Blob(digest) => digest,
            };
            checked.blobs += 1;
            if let Some(region) = self.stored_blob(&digest, checked)
                && self.level >= 2
                && !self.hashed.contains(&digest)
            {
                waiting.push(Waiting { digest, length: region.length(), sequence: region.sequence() });
            }
        }
        self.hash_all(&waiting);
    }

    /// What a blob is by itself. What was there a moment ago is not hashed now, so it was not checked.
    fn stored_blob(&mut self, digest: &Digest, checked: &mut Checked) -> Option<Region> {
        let region = match self.container.blob(digest) {
            Ok(Some(region)) => region,
            unopened => {
                if !self.unopened.contains(digest) {
                    self.add(unopened.err().unwrap_or_else(went_away), &digest.to_string());
                }
                return None;
            }
        };
        let is_directory = matches!(self.container.kind(), SourceKind::Layout | SourceKind::SkopeoDirectory);
        if is_directory && region.file().is_some_and(crate::foundation::fsys::File::writable_by_others) {
            self.findings.push(Finding::new(Code::PathWritableByOthers, "every user may change this blob").at(digest));
        }
        if !self.seen.contains_key(digest) {
            checked.unreferenced += 1;
            checked.unreferenced_bytes += region.length();
            if self.container.kind() == SourceKind::Archive {
                self.findings.push(Finding::new(Code::ArchiveUnreferenced, "no document names this blob").at(digest));
            }
        }
        Some(region)
    }

    fn hash_all(&mut self, waiting: &[Waiting]) {
        let context = self.context;
        let results = verify::each(
            waiting,
            |blob| (blob.length, blob.sequence),
            context.jobs,
            context.events,
            "check",
            |blob| match self.container.blob(&blob.digest) {
                Ok(Some(region)) => hash(&blob.digest, &region, context),
                unopened => Err(unopened.err().unwrap_or_else(went_away)),
            },
        );
        let results = match results {
            Ok(results) => results,
            Err(error) => return self.add(error, "blobs"),
        };
        let is_size = |finding: &&Finding| finding.code == Code::DescriptorSizeMismatch;
        let wrong_sizes: HashSet<String> = self.findings.iter().filter(is_size).filter_map(|finding| finding.place.clone()).collect();
        for (Waiting { digest, length, .. }, result) in waiting.iter().zip(results) {
            self.contents += 1;
            self.hashed_bytes += length;
            // A blob whose size is wrong was reported as such; its digest is wrong too, which says nothing new.
            if let Err(error) = result
                && !wrong_sizes.contains(&digest.to_string())
            {
                self.add(error, &digest.to_string());
            }
        }
    }
}

/// A blob that is still to be hashed. It is opened again then: of a hundred thousand, open files would take more memory than all else.
struct Waiting {
    digest: Digest,
    length: u64,
    sequence: Option<(u64, u64)>,
}

fn went_away() -> Error {
    Error::new(Code::BlobChanged, "a blob went away while the layout was checked")
}

fn hash(digest: &Digest, region: &Region, context: Context<'_>) -> Result<()> {
    let mut hasher = Hasher::new(digest.algorithm());
    let mut buffer = vec![0; CHUNK_BYTES];
    let mut offset = 0;
    while offset < region.length() {
        let count = region.read_at(&mut buffer, offset).map_err(|error| Error::io("read a blob", error))?;
        if count == 0 {
            return Err(Error::new(Code::BlobChanged, "a blob became shorter while it was read"));
        }
        hasher.update(buffer.get(..count).unwrap_or_default());
        offset += count as u64;
        context.events.bytes(count as u64);
    }
    let actual = hasher.finish();
    if actual == *digest { Ok(()) } else { Err(digest_mismatch(digest, &actual)) }
}

fn text_of(media: &str) -> &'static str {
    if media_type::is_index(media) {
        "index"
    } else if media_type::is_manifest(media) {
        "manifest"
    } else if media_type::is_image_config(media) {
        "config"
    } else {
        "blob"
    }
}
