//! Where a result goes.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::format::codec::{Codec, Packing};
use crate::format::json::{self, Excerpt, Value};
use crate::foundation::fsys::{Directory, File, ReadAt, Region, shown};
use crate::foundation::{Algorithm, Code, Digest, Error, Fact, Finding, Limits, Result};
use crate::oci::media_type::Compression;
use crate::oci::{Descriptor, ImageName, Name, RootIndex, Verified, annotation};
use crate::read::{Reference, Source, SourceKind, Transport};
use crate::write::{ArchiveContents, ArchiveOptions, Bring, Closed, Committed, Content, Payload, Revise, write_archive};

use super::lifecycle::Holders;
use super::referrers::{listed, revision};
use super::{Context, room};
use crate::plan::referrers::ReferrerChange;

/// For whom an archive is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Readers of image layouts.
    Oci,
    /// Docker and podman too: the layout, and `manifest.json` beside it.
    Docker,
}

/// A place for results.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// A layout directory, new or not; results are added to it.
    Layout(PathBuf),
    /// An archive.
    Archive {
        /// The file.
        path: PathBuf,
        /// For whom.
        form: Form,
        /// What it is compressed with.
        compression: Compression,
        /// Whether it may take the place of one that is there.
        overwrite: bool,
    },
}

impl Output {
    /// Reads `-o OUT`: the place, and the name that follows it.
    ///
    /// A directory that exists, or a path without an archive's ending, is a layout; `oci:` and `oci-archive:` say it outright. The
    /// ending of an archive says what it is compressed with.
    ///
    /// # Errors
    /// `usage.output` for what cannot be written, `ref.*`.
    pub fn parse(text: &str, overwrite: bool) -> Result<(Self, Option<String>)> {
        let reference = Reference::output(text)?;
        if reference.digest.is_some() {
            return Err(Error::new(Code::UsageOutput, "an output has no digest of its own choosing").found(Fact::new(text, "-o")));
        }
        let path = reference.path;
        let form = match reference.transport {
            Some(Transport::Layout) => return Ok((Self::Layout(path), reference.name)),
            Some(Transport::SkopeoDirectory) => {
                return Err(Error::new(Code::UsageOutput, "skopeo's dir: is read and not written")
                    .expected(Fact::new("DIR:NAME, x.tar or docker-archive:x.tar", "airbase"))
                    .found(Fact::new(text, "-o"))
                    .hint(
                        "Write a layout, which skopeo reads too: `skopeo copy oci:DIR:NAME dir:NEW`. A layout that is called dir is ./dir.",
                    ));
            }
            // What cannot be opened is reported by whoever writes to it.
            None if Directory::open(&path).is_ok() => return Ok((Self::Layout(path), reference.name)),
            Some(Transport::DockerArchive) => Form::Docker,
            Some(Transport::Archive) | None => Form::Oci,
        };
        let ending = Ending::of(&path.to_string_lossy());
        let compression = match ending {
            Ending::Archive(compression) => compression,
            Ending::Refused(ending) => {
                return Err(Error::new(Code::UsageOutput, format!("an archive that ends in {ending} cannot be written"))
                    .expected(Fact::new("x.tar, x.tar.gz, x.tgz or x.tar.zst", "airbase"))
                    .found(Fact::new(text, "-o"))
                    .hint("Write x.tar.zst or x.tar.gz, or write x.tar and compress it with a program of your choice."));
            }
            // As above.
            Ending::Other if reference.transport.is_some() || File::open(&path).is_ok() => Compression::None,
            Ending::Other => return Ok((Self::Layout(path), reference.name)),
        };
        Ok((Self::Archive { path, form, compression, overwrite }, reference.name))
    }

    /// The path.
    pub fn path(&self) -> &Path {
        match self {
            Self::Layout(path) | Self::Archive { path, .. } => path,
        }
    }

    /// What it is, for reports.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Layout(_) => "oci-layout",
            Self::Archive { form: Form::Oci, .. } => "oci-archive",
            Self::Archive { form: Form::Docker, .. } => "docker-archive",
        }
    }
}

/// What the name of an output ends in.
enum Ending {
    /// The ending of an archive.
    Archive(Compression),
    /// That of a compressed file that is not written.
    Refused(&'static str),
    Other,
}

impl Ending {
    fn of(name: &str) -> Self {
        match Codec::of_archive(name) {
            Some((Codec { reads: Some(Packing::Layer(compression)), .. }, _)) => Self::Archive(*compression),
            // Also what is gzip or zstd and does not say that it is an archive: whoever gets the file would have to guess.
            _ => Codec::of_file(name).map_or(Self::Other, |(_, ending)| Self::Refused(ending)),
        }
    }
}

/// A document that is to be written.
#[derive(Debug)]
pub(super) enum Document<'a> {
    InHand(Verified),
    /// It was read and can be read again: a hundred thousand images have two documents each.
    Stored(Blob<'a>),
}

impl<'a> Document<'a> {
    /// What `descriptor` describes in a source.
    pub(super) fn of(source: &'a Source, descriptor: &Descriptor) -> Self {
        Self::Stored(Blob::of(source, descriptor))
    }

    pub(super) fn digest(&self) -> &Digest {
        match self {
            Self::InHand(document) => document.digest(),
            Self::Stored(blob) => &blob.digest,
        }
    }

    fn size(&self) -> u64 {
        match self {
            Self::InHand(document) => document.size(),
            Self::Stored(blob) => blob.size,
        }
    }

    fn payload(&self) -> Payload<'_> {
        match self {
            Self::InHand(document) => Payload::of(document),
            Self::Stored(blob) => blob.payload(),
        }
    }
}

/// What lies in a source.
#[derive(Debug)]
pub(super) struct Blob<'a> {
    source: &'a Source,
    pub(super) media_type: Cow<'static, str>,
    pub(super) digest: Digest,
    size: u64,
}

impl<'a> Blob<'a> {
    pub(super) fn of(source: &'a Source, descriptor: &Descriptor) -> Self {
        Self { source, media_type: descriptor.media_type.clone(), digest: descriptor.digest.clone(), size: descriptor.size }
    }

    fn payload(&self) -> Payload<'_> {
        Payload { digest: self.digest.clone(), size: self.size, content: Content::Closed(self) }
    }
}

impl Closed for Blob<'_> {
    fn open(&self) -> Result<Region> {
        self.source.region_of(&self.digest, self.size)
    }

    fn sequence(&self) -> Option<(u64, u64)> {
        // Files lie in no stream, and need not be opened to know it; what cannot be opened is reported by whoever copies it.
        if matches!(self.source.kind(), SourceKind::Layout | SourceKind::SkopeoDirectory) { None } else { self.open().ok()?.sequence() }
    }
}

/// What is to be written: documents in hand, and blobs that lie in sources.
#[derive(Debug, Default)]
pub(super) struct Outgoing<'a> {
    documents: Vec<Document<'a>>,
    blobs: Vec<Blob<'a>>,
    files: Vec<(Region, Digest)>,
    inputs: Vec<&'a Arc<Source>>,
    changes: Vec<ReferrerChange>,
    /// Where the change for a subject stands among them.
    changed_subjects: HashMap<Digest, usize>,
    /// The names that are taken away, from whom, and by whom.
    taken: Vec<(Name<'static>, BTreeSet<Digest>, Digest)>,
    seen: std::collections::BTreeSet<Digest>,
}

/// One thing that is to be written.
pub(super) struct Size<'c> {
    pub(super) digest: &'c Digest,
    pub(super) bytes: u64,
    /// What it is, where a descriptor says it.
    pub(super) media_type: Option<&'c str>,
}

impl<'a> Outgoing<'a> {
    /// How large everything is.
    pub(super) fn sizes(&self) -> Vec<Size<'_>> {
        let documents = self.documents.iter();
        let documents = documents.map(|one| Size { digest: one.digest(), bytes: one.size(), media_type: None });
        let blobs = self.blobs.iter();
        let blobs = blobs.map(|one| Size { digest: &one.digest, bytes: one.size, media_type: Some(&one.media_type) });
        let files = self.files.iter().map(|(region, digest)| Size { digest, bytes: region.length(), media_type: None });
        documents.chain(blobs).chain(files).collect()
    }

    /// A file, counted after the documents and the blobs.
    fn file_at(&self, at: usize) -> Option<&(Region, Digest)> {
        self.files.get(at.checked_sub(self.documents.len() + self.blobs.len())?)
    }

    /// A blob, counted after the documents.
    fn blob_at(&self, at: usize) -> Option<&Blob<'a>> {
        self.blobs.get(at.checked_sub(self.documents.len())?)
    }

    /// The blobs that lie in sources, as they are described there.
    pub(super) fn blobs(&self) -> impl Iterator<Item = (&Digest, u64)> {
        self.blobs.iter().map(|blob| (&blob.digest, blob.size))
    }

    /// Gives back the room for what might have been added, and what only tells whether something was.
    pub(super) fn complete(&mut self, output: &Output) {
        self.documents.shrink_to_fit();
        self.blobs.shrink_to_fit();
        if !matches!(output, Output::Archive { form: Form::Docker, .. }) {
            self.seen.clear();
        }
    }

    /// Adds a document, once.
    pub(super) fn document(&mut self, document: &Verified) {
        if self.seen.insert(document.digest().clone()) {
            self.documents.push(Document::InHand(document.clone()));
        }
    }

    /// Adds what was gathered, each once. Of a hundred thousand images there are three hundred thousand records, so none is made
    /// again; and which digests are among them is known afterwards if it is to be `told` only.
    pub(super) fn gathered(&mut self, mut documents: Vec<Document<'a>>, mut blobs: Vec<Blob<'a>>, told: bool) {
        let digest =
            |at: usize| blobs.get(at).map_or_else(|| documents.get(at - blobs.len()).map(Document::digest), |blob| Some(&blob.digest));
        let mut order: Vec<usize> = (0..blobs.len() + documents.len()).collect();
        order.sort_unstable_by(|one, other| digest(*one).cmp(&digest(*other)).then(one.cmp(other)));
        let mut fresh = vec![true; order.len()];
        let mut before = None;
        for at in order {
            let own = digest(at);
            if let Some(fresh) = fresh.get_mut(at) {
                *fresh = own != before && own.is_none_or(|own| !self.seen.contains(own));
            }
            before = own;
        }
        let mut fresh = fresh.into_iter();
        blobs.retain(|_| fresh.next() == Some(true));
        documents.retain(|_| fresh.next() == Some(true));
        if told {
            self.seen.extend(blobs.iter().map(|blob| &blob.digest).chain(documents.iter().map(Document::digest)).cloned());
        }
        blobs.splice(0..0, std::mem::take(&mut self.blobs));
        documents.splice(0..0, std::mem::take(&mut self.documents));
        (self.blobs, self.documents) = (blobs, documents);
    }

    /// Adds a file that no source holds.
    pub(super) fn file(&mut self, region: Region, digest: &Digest) {
        if self.seen.insert(digest.clone()) {
            self.files.push((region, digest.clone()));
        }
    }

    /// Says who shall refer to an image; the documents and blobs of referrers are added like all others.
    pub(super) fn refer(&mut self, change: ReferrerChange) {
        match self.changed_subjects.get(&change.subject.digest).and_then(|position| self.changes.get_mut(*position)) {
            None => {
                self.changed_subjects.insert(change.subject.digest.clone(), self.changes.len());
                self.changes.push(change);
            }
            Some(known) => {
                known.add.extend(change.add);
                known.remove.extend(change.remove);
                known.child &= change.child;
            }
        }
    }

    /// Gives every subject that `source` holds and its `index.json` does not list an entry: a platform may be named by its digest,
    /// and then no index stands above it that would tell it for one.
    pub(super) fn enlist(&mut self, source: &Source) -> Result<()> {
        let listed: HashSet<&Digest> = source.index.manifests.iter().map(|entry| &entry.digest).collect();
        for change in &mut self.changes {
            let digest = &change.subject.digest;
            change.child |= !listed.contains(digest) && source.container().blob(digest)?.is_some();
        }
        Ok(())
    }

    /// Says who has a name that the image `taker` takes: what is said of them is true of them alone.
    pub(super) fn takes(&mut self, name: Name<'static>, from: BTreeSet<Digest>, taker: Digest) {
        self.taken.push((name, from, taker));
    }

    /// Refuses an index in which somebody else has one of the names by now.
    fn still_taken(&self, text: &[u8], limits: &Limits) -> Result<()> {
        if self.taken.is_empty() {
            return Ok(());
        }
        let index = RootIndex::parse(text.to_vec(), limits)?;
        let holders = Holders::of(&index, self.taken.iter().map(|(name, ..)| name.clone()));
        for (name, from, taker) in &self.taken {
            let now: BTreeSet<Digest> = holders.besides(name, taker).into_keys().cloned().collect();
            if now != *from {
                let list = |digests: &BTreeSet<Digest>| digests.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
                return Err(Error::new(Code::InputChanged, "another writer gave the name to another image")
                    .at(name.as_str())
                    .expected(Fact::new(list(from), "the index before"))
                    .found(Fact::new(list(&now), "the index now"))
                    .hint("Run it again: the image that has the name now is then the one that is marked."));
            }
        }
        Ok(())
    }

    /// Adds the documents of another one and what it says of referrers.
    pub(super) fn also(&mut self, other: &Outgoing<'_>) {
        other.in_hand().for_each(|document| self.document(document));
        other.changes.iter().for_each(|change| self.refer(change.clone()));
        self.taken.extend(other.taken.iter().cloned());
    }

    fn in_hand(&self) -> impl Iterator<Item = &Verified> {
        self.documents.iter().filter_map(|document| match document {
            Document::InHand(document) => Some(document),
            Document::Stored(_) => None,
        })
    }

    /// The documents in hand, and what it says of referrers, for who writes them otherwise.
    pub(super) fn into_documents(self) -> (Vec<Verified>, Vec<ReferrerChange>) {
        (self.in_hand().cloned().collect(), self.changes)
    }

    /// The `manifest.json` of an archive for docker.
    ///
    /// # Errors
    /// Those of [`crate::plan::docker::manifest`].
    pub(super) fn docker_manifest(&self, entries: &[(Option<String>, Excerpt)], limits: &crate::foundation::Limits) -> Result<String> {
        let documents = self.in_hand().map(|document| (document.digest(), document)).collect();
        crate::plan::docker::manifest(entries, &documents, &|digest| self.seen.contains(digest), limits)
    }

    /// Names a source that was read, so that it is not written over.
    pub(super) fn input(&mut self, source: &'a Arc<Source>) {
        self.inputs.push(source);
    }

    /// Adds a blob of a source, once.
    pub(super) fn blob(&mut self, source: &'a Source, descriptor: &Descriptor) {
        if self.seen.insert(descriptor.digest.clone()) {
            self.blobs.push(Blob::of(source, descriptor));
        }
    }
}

impl Bring for Outgoing<'_> {
    fn count(&self) -> usize {
        self.documents.len() + self.blobs.len() + self.files.len()
    }

    fn payload(&self, at: usize) -> Option<Payload<'_>> {
        let blob = || self.blob_at(at).map(Blob::payload);
        self.documents.get(at).map(Document::payload).or_else(blob).or_else(|| self.file_at(at).map(of_file))
    }

    fn digest(&self, at: usize) -> Option<&Digest> {
        let blob = || self.blob_at(at).map(|blob| &blob.digest);
        self.documents.get(at).map(Document::digest).or_else(blob).or_else(|| self.file_at(at).map(|(_, digest)| digest))
    }
}

fn of_file((region, digest): &(Region, Digest)) -> Payload<'_> {
    Payload { digest: digest.clone(), size: region.length(), content: Content::Source(region as &dyn ReadAt) }
}

/// Writes: blobs first, then the index, then nothing can be lost.
///
/// # Errors
/// `usage.output` if an archive would be written onto one of its own inputs, and those of the writing side.
pub(super) fn write(
    output: &Output,
    outgoing: &Outgoing<'_>,
    entries: &[(Option<String>, Excerpt)],
    mtime: u64,
    context: Context<'_>,
) -> Result<Committed> {
    match output {
        Output::Layout(path) => {
            refuse_missing(outgoing)?;
            room::for_layout(path, outgoing, context)?;
            let layout = crate::write::Layout::open_or_create(path, layout_options(context))?;
            if let Some(input) = outgoing.inputs.iter().find(|input| input.path == *path && input.kind() == SourceKind::Layout) {
                layout.remember(&input.index);
            }
            let revise = |text: &[u8]| {
                outgoing.still_taken(text, context.limits)?;
                revision(path, text, &outgoing.inputs, &outgoing.changes, context)
            };
            let revise: Option<&Revise<'_>> = if outgoing.changes.is_empty() { None } else { Some(&revise) };
            layout.put(outgoing, entries, revise, context.events)
        }
        Output::Archive { path, form, compression, overwrite } => {
            refuse_input_as_output(path, outgoing)?;
            room::for_archive(path, outgoing, *compression, context)?;
            let (docker_manifest, named) = match form {
                Form::Oci => (None, None),
                Form::Docker => {
                    let manifest = outgoing.docker_manifest(entries, context.limits)?;
                    (Some(manifest), Some(crate::plan::docker::for_containerd(entries, context.limits)?))
                }
            };
            let entries = named.as_deref().unwrap_or(entries);
            let options = ArchiveOptions { docker_manifest, compression: *compression, ..archive_options(*overwrite, mtime, context) };
            let pack = |contents: ArchiveContents<'_, '_>| write_archive(path, contents, &options, context.events);
            let (mut committed, findings) = packed(outgoing, entries, context, pack)?;
            committed.findings.extend(findings);
            Ok(committed)
        }
    }
}

/// Refuses what cannot be whole, before anything of it is written.
fn refuse_missing(outgoing: &Outgoing<'_>) -> Result<()> {
    outgoing.blobs.iter().try_for_each(|blob| blob.open().map(drop))
}

fn documents<'c>(outgoing: &'c Outgoing<'_>) -> impl Iterator<Item = Payload<'c>> {
    outgoing.documents.iter().map(Document::payload)
}

fn layers<'c>(outgoing: &'c Outgoing<'_>) -> impl Iterator<Item = Payload<'c>> {
    outgoing.blobs.iter().map(Blob::payload).chain(outgoing.files.iter().map(of_file))
}

/// Hands over what an archive holds, in its order, and what its index lists. What is to be known of that comes with what `write` gives.
///
/// # Errors
/// Those of blobs that are not there, and of `write`.
pub(super) fn packed<T>(
    outgoing: &Outgoing<'_>,
    entries: &[(Option<String>, Excerpt)],
    context: Context<'_>,
    write: impl FnOnce(ArchiveContents<'_, '_>) -> Result<T>,
) -> Result<(T, Vec<Finding>)> {
    let fresh = listed(&outgoing.changes, context)?;
    refuse_missing(outgoing)?;
    // Documents come first, so that a reader of a stream can decide early; layers by digest, so that the order is nobody's accident.
    let mut layers: Vec<Payload<'_>> = layers(outgoing).collect();
    layers.sort_by(|one, other| one.digest.cmp(&other.digest));
    let payloads: Vec<Payload<'_>> = documents(outgoing).chain(fresh.documents.iter().map(Payload::of)).chain(layers).collect();
    let entries = entries.iter().chain(&fresh.entries).cloned().collect();
    let written = write(ArchiveContents { payloads: &payloads, entries })?;
    Ok((written, fresh.findings))
}

/// How an archive for readers of image layouts is written, without compression.
pub(super) fn archive_options(overwrite: bool, mtime: u64, context: Context<'_>) -> ArchiveOptions {
    ArchiveOptions {
        overwrite,
        mtime,
        docker_manifest: None,
        compression: Compression::None,
        jobs: context.jobs,
        faults: context.faults.clone(),
        limits: context.limits.clone(),
        stop: None,
    }
}

pub(super) fn layout_options(context: Context<'_>) -> crate::write::LayoutOptions {
    crate::write::LayoutOptions {
        jobs: context.jobs,
        lock_timeout: context.lock_timeout,
        faults: context.faults.clone(),
        limits: context.limits.clone(),
    }
}

/// A descriptor below an entry of `index.json`, as it is there in place of that entry: under the same names.
pub(super) fn under_names_of(descriptor: &Descriptor, entry: &Descriptor, limits: &Limits) -> Result<Descriptor> {
    let mut annotations = descriptor.annotations.to_map();
    for key in [annotation::REF_NAME, annotation::CONTAINERD_NAME] {
        annotations.extend(entry.annotations.get(key).map(|name| (key.to_owned(), name.to_owned())));
    }
    let mut value = descriptor.to_value(limits)?;
    if !annotations.is_empty() {
        value.set("annotations", Value::string_map(&annotations));
    }
    let text = value.render();
    Descriptor::parse(json::Document::parse(text.as_bytes(), limits)?.root(), limits)
}

/// Refuses an archive that would take the place of something that is read, by whatever name: an input, a file that is attached, or what
/// a layout consists of, all its blobs included.
///
/// # Errors
/// `usage.output`.
pub(super) fn refuse_input_as_output(path: &Path, outgoing: &Outgoing<'_>) -> Result<()> {
    let refused = || {
        Error::new(Code::UsageOutput, "the output is one of the inputs")
            .found(Fact::new(shown(path), "-o"))
            .hint("Write to another file, and rename it afterwards.")
    };
    let blobs = outgoing.blobs.iter().map(|blob| blob.source);
    let sources: Vec<&Source> = blobs.chain(outgoing.inputs.iter().map(|source| &***source)).collect();
    let paths: BTreeSet<&Path> = sources.iter().map(|source| source.path.as_path()).collect();
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // What cannot be opened is no place that anybody writes to.
    let folder = Directory::open(folder).and_then(|folder| folder.identity()).ok();
    let target = match File::open(path) {
        Ok(target) => Some(target.identity()?),
        // What is not there is no input, and what is no file is not written over.
        Err(error) if error.is_not_found() || error.code() == Code::PathNotRegular => None,
        Err(error) => return Err(error),
    };
    // An input that is gone by now cannot be the file that is there.
    let is_target = |file: Result<File>| target.is_some() && file.and_then(|file| file.identity()).ok() == target;
    for input in paths {
        // Nothing but blobs has a place among blobs.
        let shelves = [Algorithm::Sha256, Algorithm::Sha512].map(|algorithm| input.join("blobs").join(algorithm.name()));
        // As above.
        let holds = |shelf: PathBuf| folder.is_some() && Directory::open(&shelf).and_then(|shelf| shelf.identity()).ok() == folder;
        let own = ["", "index.json", "oci-layout"].map(|name| if name.is_empty() { input.to_owned() } else { input.join(name) });
        if own.iter().any(|own| is_target(File::open(own))) || shelves.into_iter().chain([input.join("blobs")]).any(holds) {
            return Err(refused());
        }
    }
    // A blob may be a link to a file elsewhere in its layout.
    let is_read = |region: &Region| target.is_some() && region.file().and_then(|file| file.identity().ok()) == target;
    for blob in &outgoing.blobs {
        if is_read(&blob.open()?) {
            return Err(refused());
        }
    }
    if outgoing.files.iter().any(|(region, _)| is_read(region)) {
        return Err(refused());
    }
    Ok(())
}

/// The name of a result, checked.
///
/// # Errors
/// `output.tag`.
pub(super) fn check_name(name: &str) -> Result<()> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'/' | b':' | b'@' | b'+');
    let readable = name.bytes().all(allowed) && !name.starts_with(['-', '/', ':', '@']);
    // The host of a registry may be `[::1]`.
    let readable = readable || ImageName::parse(name).canonical().is_some();
    if readable && !name.is_empty() && name.len() <= 4096 && name.parse::<Digest>().is_err() && !name.contains("sha256:") {
        return Ok(());
    }
    Err(Error::new(Code::OutputTag, "that cannot be the name of an image")
        .expected(Fact::new("letters, digits and . _ - / : @ +, not beginning with a sign, and no digest", "airbase"))
        .found(Fact::new(name, "the command line")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_somebody_else_has_by_now_stops_the_exchange() {
        let digest = |text: &str| Digest::sha256(text.as_bytes());
        let entry = |name: &str, digest: &Digest| {
            format!(
                r#"{{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"{digest}","size":2,"annotations":{{"org.opencontainers.image.ref.name":"{name}"}}}}"#
            )
        };
        let index = |entries: &[String]| format!(r#"{{"schemaVersion":2,"manifests":[{}]}}"#, entries.join(","));
        let (old, new, other) = (digest("old"), digest("new"), digest("other"));
        let mut outgoing = Outgoing::default();
        outgoing.takes(Name::parse("app:1").into_owned(), BTreeSet::from([old.clone()]), new.clone());
        let ask = |entries: &[String]| outgoing.still_taken(index(entries).as_bytes(), &Limits::STANDARD).map_err(|error| error.code());
        assert_eq!(ask(&[entry("app:1", &old), entry("app:2", &other)]), Ok(()));
        assert_eq!(ask(&[entry("app:1", &other), entry("old:1", &old)]), Err(Code::InputChanged));
        assert_eq!(ask(&[entry("app:1", &old), entry("app:1", &other)]), Err(Code::InputChanged));
        assert_eq!(ask(&[entry("app:1", &new)]), Err(Code::InputChanged));
        assert_eq!(ask(&[]), Err(Code::InputChanged));
    }
}
