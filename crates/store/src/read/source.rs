//! A place that holds images.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use serde::Serialize;

use super::archive::Archive;
use super::directory::{DirectoryKind, LayoutDirectory, kind_of};
use super::discover::no_layout;
use super::referrers::{Candidates, Marking, Scope};
use super::skopeo::SkopeoDirectory;
use crate::format::codec::{Codec, Packing};
use crate::foundation::fsys::{Directory, File, ReadAt, Region, shown};
use crate::foundation::{Code, Digest, Error, Fact, Finding, Limits, Result, TypedDigest};
use crate::oci::{Descriptor, RootIndex, Verified, size_mismatch};

/// What kind of place it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum SourceKind {
    /// An OCI image layout directory.
    #[serde(rename = "oci-layout")]
    Layout,
    /// An OCI image layout in a tar archive.
    #[serde(rename = "oci-archive")]
    Archive,
    /// What `docker save` writes, read as if it were a layout.
    #[serde(rename = "docker-archive")]
    DockerArchive,
    /// One image in a directory, as skopeo's `dir:` has it.
    #[serde(rename = "dir")]
    SkopeoDirectory,
}

impl SourceKind {
    /// As it is shown to users.
    pub fn name(self) -> &'static str {
        match self {
            Self::Layout => "OCI layout",
            Self::Archive => "oci-archive",
            Self::DockerArchive => "docker-archive",
            Self::SkopeoDirectory => "skopeo's dir:",
        }
    }

    /// Refuses to change what is no layout. The caller says what to do instead.
    pub fn unchangeable(self, verb: &str) -> Error {
        let (what, whats) = match self {
            Self::Layout | Self::Archive | Self::DockerArchive => ("an archive", "archives"),
            Self::SkopeoDirectory => ("a directory of skopeo (dir:)", "those"),
        };
        Error::new(Code::UsageOutput, format!("{verb} would change {what}, and {whats} are never changed"))
    }
}

/// Which description of an archive with two is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum View {
    /// Both, which must agree.
    #[default]
    Whole,
    /// `index.json`.
    Oci,
    /// `manifest.json`.
    Docker,
}

/// A file under `blobs/`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stored {
    /// A blob, by its name.
    Blob(Digest),
    /// The folder of an algorithm that cannot be computed here, by its path. The specification lets such blobs be.
    Unverifiable(String),
    /// Something that cannot be a blob, by its path.
    Stray(String),
}

/// What every kind of source answers.
pub trait Container: Send + Sync + fmt::Debug {
    /// Which kind it is.
    fn kind(&self) -> SourceKind;
    /// The bytes of `index.json`.
    fn index(&self) -> Result<Vec<u8>>;
    /// Where the blob lies, if it is there.
    fn blob(&self, digest: &Digest) -> Result<Option<Region>>;
    /// Everything under `blobs/`, sorted.
    fn stored(&self) -> Result<Vec<Stored>>;
    /// What is odd about the container itself.
    fn findings(&self) -> Vec<Finding>;
}

/// An opened layout or archive, with its `index.json`.
#[derive(Debug)]
pub struct Source {
    /// The path as it was given.
    pub path: PathBuf,
    /// Which description was asked for.
    pub view: View,
    /// `index.json`.
    pub index: Arc<RootIndex>,
    container: Box<dyn Container>,
    /// Its entries by what they may refer to: several questions are asked of one source, and sorting a hundred thousand entries is
    /// half the work of reading them.
    quick: OnceLock<Arc<Candidates>>,
    /// See [`super::referrers::marked`].
    pub(super) marked: OnceLock<Marking>,
    /// See [`Source::distrust`].
    bad: Mutex<HashMap<Digest, Finding>>,
}

impl Source {
    /// Opens the layout or archive at `path`.
    ///
    /// # Errors
    /// `source.unknown`, `source.unsupported`, `layout.*`, `archive.*`, `tar.*`, `path.*`, `json.*`, `io`.
    pub fn open(path: &Path, limits: &Limits) -> Result<Arc<Self>> {
        Self::open_as(path, View::Whole, limits)
    }

    /// Opens the layout or archive at `path` by one of its descriptions.
    ///
    /// # Errors
    /// As [`Source::open`].
    pub(crate) fn open_as(path: &Path, view: View, limits: &Limits) -> Result<Arc<Self>> {
        let container = open_container(path, view, limits).map_err(|error| error.at(shown(path)))?;
        let bytes = container.index().map_err(|error| error.at(shown(path)))?;
        let index = RootIndex::parse(bytes, limits).map_err(|error| error.at(format!("{}: index.json", shown(path))))?;
        Ok(Arc::new(Self { view, ..Self::of(path, index, container) }))
    }

    /// Opens the layout at `path` with `text` as its `index.json`: for a writer who is about to exchange it. If that is what one of
    /// `known` says already, nothing is parsed again.
    ///
    /// # Errors
    /// As [`Source::open`].
    pub fn with_index(path: &Path, text: &[u8], known: &[&Arc<Self>], limits: &Limits) -> Result<Arc<Self>> {
        if let Some(known) = known.iter().find(|known| known.path == path && known.index.says(text)) {
            return Ok(Arc::clone(known));
        }
        let container = open_container(path, View::Whole, limits).map_err(|error| error.at(shown(path)))?;
        let index = RootIndex::parse(text.to_vec(), limits).map_err(|error| error.at(format!("{}: index.json", shown(path))))?;
        Ok(Arc::new(Self::of(path, index, container)))
    }

    /// A source that was put together.
    pub(super) fn of(path: &Path, index: RootIndex, container: Box<dyn Container>) -> Self {
        Self {
            path: path.to_owned(),
            view: View::Whole,
            index: Arc::new(index),
            container,
            quick: OnceLock::new(),
            marked: OnceLock::new(),
            bad: Mutex::default(),
        }
    }

    /// Opens the blobs of a layout that may have no index yet: one that is being written.
    ///
    /// # Errors
    /// `io`.
    pub fn blobs(path: &Path, limits: &Limits) -> Result<Arc<Self>> {
        let container = LayoutDirectory::unfinished(Directory::open(path)?, limits);
        let index = RootIndex::parse(br#"{"schemaVersion":2,"manifests":[]}"#.to_vec(), limits)?;
        Ok(Arc::new(Self::of(path, index, Box::new(container))))
    }

    /// Opens only the container, for a check that reports what is wrong with `index.json` beside everything else.
    pub fn open_container(path: &Path, view: View, limits: &Limits) -> Result<Box<dyn Container>> {
        open_container(path, view, limits).map_err(|error| error.at(shown(path)))
    }

    /// The container.
    pub fn container(&self) -> &dyn Container {
        &*self.container
    }

    /// Which kind it is.
    pub fn kind(&self) -> SourceKind {
        self.container.kind()
    }

    /// What lies beside an image here and has no place in a layout or an archive.
    pub fn left_behind(&self) -> Vec<Finding> {
        let mut findings = self.container.findings();
        findings.retain(|finding| finding.code == Code::DirSignature);
        findings
    }

    /// The entries of the index by what they may refer to.
    pub(super) fn candidates(&self, scope: Scope) -> Arc<Candidates> {
        match scope {
            Scope::Quick => Arc::clone(self.quick.get_or_init(|| Arc::new(Candidates::of(&self.index, scope)))),
            Scope::Usual | Scope::Thorough => Arc::new(Candidates::of(&self.index, scope)),
        }
    }

    /// The path for users, with the description that was asked for.
    pub fn shown(&self) -> String {
        let transport = match self.view {
            View::Whole => "",
            View::Oci => "oci-archive:",
            View::Docker => "docker-archive:",
        };
        format!("{transport}{}", shown(&self.path))
    }

    /// Where the bytes of a blob lie; its size is compared with the descriptor's, its content is not.
    ///
    /// # Errors
    /// `blob.missing`, `descriptor.size_mismatch`, `path.*`; what was said of it with [`Source::distrust`].
    pub fn region(&self, descriptor: &Descriptor) -> Result<Region> {
        self.region_of(&descriptor.digest, descriptor.size)
    }

    /// As [`Source::region`], of a blob of which no more is known.
    ///
    /// # Errors
    /// As [`Source::region`].
    pub fn region_of(&self, digest: &Digest, size: u64) -> Result<Region> {
        if let Some(finding) = self.bad.lock().unwrap_or_else(PoisonError::into_inner).get(digest) {
            return Err(Error::of(finding.clone()));
        }
        let region = self.container.blob(digest)?.ok_or_else(|| self.missing(digest))?;
        if region.length() != size {
            return Err(size_mismatch(digest, size, region.length()).at(self.shown()));
        }
        Ok(region)
    }

    /// From now on this blob counts as one that cannot be had: it was read to the end, and this was wrong with it.
    pub fn distrust(&self, digest: &Digest, finding: Finding) {
        self.bad.lock().unwrap_or_else(PoisonError::into_inner).insert(digest.clone(), finding);
    }

    /// Reads a document and checks it against its descriptor.
    ///
    /// # Errors
    /// `blob.missing`, `doc.too_large`, `descriptor.size_mismatch`, `blob.digest_mismatch`.
    pub fn document(&self, descriptor: &Descriptor, limits: &Limits) -> Result<Verified> {
        if descriptor.size > limits.document_bytes {
            return Err(too_large(&descriptor.digest, descriptor.size, limits).at(self.shown()));
        }
        let Some(region) = self.container.blob(&descriptor.digest)? else {
            // The specification lets a descriptor embed what it names; it was checked when the descriptor was read.
            return descriptor.data.as_deref().cloned().ok_or_else(|| self.missing(&descriptor.digest));
        };
        if region.length() != descriptor.size {
            return Err(size_mismatch(&descriptor.digest, descriptor.size, region.length()).at(self.shown()));
        }
        Verified::check(&descriptor.digest, descriptor.size, self.bytes(&region)?).map_err(|error| error.at(self.shown()))
    }

    /// The digest that was typed: a beginning stands for the one digest here that begins so.
    ///
    /// # Errors
    /// `ref.not_found`, `ref.ambiguous`, and those of listing blobs.
    pub fn complete(&self, typed: &TypedDigest) -> Result<Digest> {
        if let TypedDigest::Whole(digest) = typed {
            return Ok(digest.clone());
        }
        let stored = self.container.stored()?.into_iter().filter_map(|stored| match stored {
            Stored::Blob(digest) => Some(digest),
            Stored::Unverifiable(_) | Stored::Stray(_) => None,
        });
        let all = self.index.manifests.iter().map(|entry| entry.digest.clone()).chain(stored);
        let found: BTreeSet<Digest> = all.filter(|digest| typed.fits(digest)).collect();
        let refused = |code: Code, message: &str| Error::new(code, message).at(self.shown()).found(Fact::new(typed, "the command line"));
        match found.len() {
            0 => Err(refused(Code::RefNotFound, "no digest here begins so").hint("`airbase inspect PATH` lists what is there.")),
            1 => found.into_iter().next().ok_or_else(|| refused(Code::Bug, "one digest is none")),
            _ => Err(refused(Code::RefAmbiguous, "several digests here begin so")
                .details(found.iter().map(ToString::to_string))
                .hint("Give more digits.")),
        }
    }

    /// Reads a document of which only the digest is known.
    ///
    /// # Errors
    /// `ref.not_found`, `doc.too_large`, `blob.digest_mismatch`.
    pub fn document_by_digest(&self, digest: &Digest, limits: &Limits) -> Result<Option<Verified>> {
        let Some(region) = self.container.blob(digest)? else { return Ok(None) };
        if region.length() > limits.document_bytes {
            return Err(too_large(digest, region.length(), limits).at(self.shown()));
        }
        Verified::check_digest(digest, self.bytes(&region)?).map(Some).map_err(|error| error.at(self.shown()))
    }

    fn bytes(&self, region: &Region) -> Result<Vec<u8>> {
        // The length is that of the file or of a member that the archive's index proved to be there.
        let mut bytes = vec![0; usize::try_from(region.length()).unwrap_or(usize::MAX)];
        region.read_exact_at(&mut bytes, 0).map_err(|error| Error::io(format!("read a blob of {}", self.shown()), error))?;
        Ok(bytes)
    }

    fn missing(&self, digest: &Digest) -> Error {
        Error::new(Code::BlobMissing, format!("blob {digest} is not there"))
            .at(self.shown())
            .expected(Fact::new(digest, "a descriptor"))
            .found(Fact::new("nothing", digest.blob_path()))
    }
}

fn too_large(digest: &Digest, size: u64, limits: &Limits) -> Error {
    Error::new(Code::DocTooLarge, format!("document {digest} is too large"))
        .expected(Fact::new(format!("at most {} bytes", limits.document_bytes), "the limits"))
        .found(Fact::new(format!("{size} bytes"), "the descriptor or the blob"))
}

fn open_container(path: &Path, view: View, limits: &Limits) -> Result<Box<dyn Container>> {
    match File::open(path) {
        Ok(file) => open_file(file, view, limits),
        Err(error) if error.code() == Code::PathNotRegular => match Directory::open(path) {
            Ok(directory) => open_directory(directory, limits),
            // It is neither.
            Err(other) if other.is_not_found() => Err(error),
            Err(other) => Err(other),
        },
        Err(error) => Err(error),
    }
}

fn open_directory(directory: Directory, limits: &Limits) -> Result<Box<dyn Container>> {
    match kind_of(&directory, limits)? {
        DirectoryKind::Layout => Ok(Box::new(LayoutDirectory::open(directory, limits)?)),
        DirectoryKind::Skopeo => Ok(Box::new(SkopeoDirectory::open(directory, limits)?)),
        DirectoryKind::UnpackedDocker | DirectoryKind::Folder => Err(no_layout(&directory, limits)?),
    }
}

fn open_file(file: File, view: View, limits: &Limits) -> Result<Box<dyn Container>> {
    let mut start = [0; 512];
    let length = usize::try_from(file.length()).unwrap_or(usize::MAX).min(start.len());
    let start = start.get_mut(..length).unwrap_or_default();
    file.read_exact_at(start, 0).map_err(|error| Error::io(format!("read {}", shown(file.path())), error))?;
    // The name of a member may begin with such letters too; then the magic of tar follows it.
    let is_ustar = start.get(257..262) == Some(b"ustar");
    if let Some(codec) = Codec::by_first_bytes(start).filter(|codec| codec.reads.is_none() && !is_ustar) {
        return Err(Error::new(Code::SourceUnsupported, format!("the file is {}", codec.name))
            .expected(Fact::new("a tar archive, alone or in gzip, zstd or xz", "airbase"))
            .found(Fact::new(codec.name, "the first bytes of the file"))
            .hint(codec.instead));
    }
    let compressed = Packing::by_first_bytes(start) != Packing::PLAIN;
    if start.len() < 512 && !compressed {
        return Err(Error::new(Code::SourceUnknown, "the file is too short to be an archive")
            .expected(Fact::new("an OCI layout directory, an oci-archive or a docker-archive", "airbase"))
            .found(Fact::new(format!("{} bytes", file.length()), "the file")));
    }
    let may_be_anything = !compressed && !is_ustar;
    match Archive::open(file, view, limits) {
        Ok(archive) => Ok(Box::new(archive)),
        // Old archives have no magic, so the first header decides: a text or a disk image is no damaged archive.
        Err(error)
            if may_be_anything && matches!(error.code(), Code::TarChecksum | Code::TarNumber | Code::TarType | Code::TarDataAfterEnd) =>
        {
            Err(Error::new(Code::SourceUnknown, "the file is no tar archive")
                .expected(Fact::new("an OCI layout directory, an oci-archive or a docker-archive", "airbase"))
                .found(Fact::new("no sign of a tar archive", "the first bytes of the file"))
                .detail(format!("read as an archive without magic: {}", error.finding().message)))
        }
        Err(error) => Err(error),
    }
}
