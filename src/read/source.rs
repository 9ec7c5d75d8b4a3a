//! A place that holds images.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use serde::Serialize;

use super::archive::Archive;
use super::directory::LayoutDirectory;
use super::referrers::{Candidates, Marked, Scope};
use crate::core::fsys::{Directory, EntryKind, File, ReadAt, Region, shown};
use crate::core::{Code, Digest, Error, Fact, Finding, Limits, Result};
use crate::oci::media_type::Compression;
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
}

impl SourceKind {
    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Layout => "OCI layout",
            Self::Archive => "oci-archive",
            Self::DockerArchive => "docker-archive",
        }
    }
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
    /// `index.json`.
    pub index: Arc<RootIndex>,
    container: Box<dyn Container>,
    /// Its entries by what they may refer to: several questions are asked of one source, and sorting a hundred thousand entries is
    /// half the work of reading them.
    quick: OnceLock<Arc<Candidates>>,
    /// See [`super::referrers::marked`].
    pub(super) marked: OnceLock<Vec<Marked>>,
}

impl Source {
    /// Opens the layout or archive at `path`.
    ///
    /// # Errors
    /// `source.unknown`, `source.unsupported`, `layout.*`, `archive.*`, `tar.*`, `path.*`, `json.*`, `io`.
    pub fn open(path: &Path, limits: &Limits) -> Result<Arc<Self>> {
        let container = open_container(path, limits).map_err(|error| error.at(shown(path)))?;
        let bytes = container.index().map_err(|error| error.at(shown(path)))?;
        let index = RootIndex::parse(bytes, limits).map_err(|error| error.at(format!("{}: index.json", shown(path))))?;
        Ok(Arc::new(Self::of(path, index, container)))
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
        let container = open_container(path, limits).map_err(|error| error.at(shown(path)))?;
        let index = RootIndex::parse(text.to_vec(), limits).map_err(|error| error.at(format!("{}: index.json", shown(path))))?;
        Ok(Arc::new(Self::of(path, index, container)))
    }

    /// A source that was put together.
    pub(super) fn of(path: &Path, index: RootIndex, container: Box<dyn Container>) -> Self {
        Self { path: path.to_owned(), index: Arc::new(index), container, quick: OnceLock::new(), marked: OnceLock::new() }
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
    pub fn open_container(path: &Path, limits: &Limits) -> Result<Box<dyn Container>> {
        open_container(path, limits).map_err(|error| error.at(shown(path)))
    }

    /// The container.
    pub fn container(&self) -> &dyn Container {
        &*self.container
    }

    /// Which kind it is.
    pub fn kind(&self) -> SourceKind {
        self.container.kind()
    }

    /// The entries of the index by what they may refer to.
    pub(super) fn candidates(&self, scope: Scope) -> Arc<Candidates> {
        match scope {
            Scope::Quick => Arc::clone(self.quick.get_or_init(|| Arc::new(Candidates::of(&self.index, scope)))),
            Scope::Thorough => Arc::new(Candidates::of(&self.index, scope)),
        }
    }

    /// The path for people.
    pub fn shown(&self) -> String {
        shown(&self.path)
    }

    /// Where the bytes of a blob lie; its size is compared with the descriptor's, its content is not.
    ///
    /// # Errors
    /// `blob.missing`, `descriptor.size_mismatch`, `path.*`.
    pub fn region(&self, descriptor: &Descriptor) -> Result<Region> {
        let region = self.container.blob(&descriptor.digest)?.ok_or_else(|| self.missing(&descriptor.digest))?;
        if region.length() != descriptor.size {
            return Err(size_mismatch(&descriptor.digest, descriptor.size, region.length()).at(self.shown()));
        }
        Ok(region)
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
            return descriptor.data.clone().ok_or_else(|| self.missing(&descriptor.digest));
        };
        if region.length() != descriptor.size {
            return Err(size_mismatch(&descriptor.digest, descriptor.size, region.length()).at(self.shown()));
        }
        Verified::check(&descriptor.digest, descriptor.size, self.bytes(&region)?).map_err(|error| error.at(self.shown()))
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

fn open_container(path: &Path, limits: &Limits) -> Result<Box<dyn Container>> {
    match File::open(path) {
        Ok(file) => open_file(file, limits),
        Err(error) if error.code() == Code::PathNotRegular => match Directory::open(path) {
            Ok(directory) => Ok(Box::new(LayoutDirectory::open(directory, limits)?)),
            Err(_) => Err(error),
        },
        Err(error) => Err(error),
    }
}

/// What the first bytes of a file say that it is, where it is something that cannot be read here.
const FOREIGN: &[(&[u8], &str, &str)] = &[
    (b"\xfd7zXZ\0", "xz", "Decompress it first: `xz -dk FILE`."),
    (b"BZh", "bzip2", "Decompress it first: `bzip2 -dk FILE`."),
    (b"\x04\x22\x4d\x18", "lz4", "Decompress it first: `lz4 -dk FILE`."),
    (b"PK\x03\x04", "a zip archive", "Unpack it into a directory first: `unzip FILE -d DIR`."),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "Unpack it into a directory first."),
];

fn open_file(file: File, limits: &Limits) -> Result<Box<dyn Container>> {
    let mut start = [0; 512];
    let length = usize::try_from(file.length()).unwrap_or(usize::MAX).min(start.len());
    let start = start.get_mut(..length).unwrap_or_default();
    file.read_exact_at(start, 0).map_err(|error| Error::io(format!("read {}", shown(file.path())), error))?;
    // The name of a member may begin with such letters too; then the magic of tar stands behind it.
    let is_ustar = start.get(257..262) == Some(b"ustar");
    for (magic, name, hint) in FOREIGN {
        if start.starts_with(magic) && !is_ustar {
            return Err(Error::new(Code::SourceUnsupported, format!("the file is {name}"))
                .expected(Fact::new("a tar archive, alone or in gzip or zstd", "airbase"))
                .found(Fact::new(name, "the first bytes of the file"))
                .hint(hint));
        }
    }
    let compressed = Compression::by_first_bytes(start) != Compression::None;
    if start.len() < 512 && !compressed {
        return Err(Error::new(Code::SourceUnknown, "the file is too short to be an archive")
            .expected(Fact::new("an OCI layout directory, an oci-archive or a docker-archive", "airbase"))
            .found(Fact::new(format!("{} bytes", file.length()), "the file")));
    }
    let may_be_anything = !compressed && !is_ustar;
    match Archive::open(file, limits) {
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

/// The paths of all sources at or below `path`: the path itself if it is one, else every layout and archive in the directory
/// and its subdirectories, in order of their names. Nothing is opened but directories.
///
/// # Errors
/// Those of listing directories.
pub fn paths(path: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    match Directory::open(path) {
        Ok(directory) if !LayoutDirectory::looks_like_one(&directory)? => descend(&directory, path, 0, &mut found)?,
        _ => found.push(path.to_owned()),
    }
    Ok(found)
}

/// All sources at or below `path`, opened. What cannot be read is a finding, not the end.
///
/// # Errors
/// Only if `path` itself cannot be read.
pub fn discover(path: &Path, limits: &Limits) -> Result<(Vec<Arc<Source>>, Vec<Finding>)> {
    discover_among(path, &[], limits)
}

/// As [`discover`]; a source among `open` is not read again.
///
/// # Errors
/// As [`discover`].
pub fn discover_among(path: &Path, open: &[Arc<Source>], limits: &Limits) -> Result<(Vec<Arc<Source>>, Vec<Finding>)> {
    let mut sources = Vec::new();
    let mut findings = Vec::new();
    for inner in paths(path)? {
        if let Some(source) = open.iter().find(|source| source.path == inner) {
            sources.push(Arc::clone(source));
            continue;
        }
        match Source::open(&inner, limits) {
            Ok(source) => sources.push(source),
            Err(error) if inner == path => return Err(error),
            Err(error) => findings.push(error.at(shown(&inner)).into()),
        }
    }
    Ok((sources, findings))
}

/// How deep a folder of sources is searched. Deeper trees are not meant as one collection.
const DISCOVER_DEPTH: usize = 8;

fn descend(directory: &Directory, path: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<()> {
    use std::os::unix::ffi::OsStrExt;
    for entry in directory.entries(".")? {
        let inner = path.join(std::ffi::OsStr::from_bytes(&entry.name));
        match entry.kind {
            EntryKind::File if looks_like_archive(&entry.name) => found.push(inner),
            EntryKind::Directory if !entry.name.starts_with(b".") => {
                let directory = Directory::open(&inner)?;
                if LayoutDirectory::looks_like_one(&directory)? {
                    found.push(inner);
                } else if depth < DISCOVER_DEPTH {
                    descend(&directory, &inner, depth + 1, found)?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// In a folder only files that claim to be archives are looked at; a folder of images also holds checksums and notes.
fn looks_like_archive(name: &[u8]) -> bool {
    [&b".tar"[..], b".oci", b".tar.gz", b".tgz", b".tar.zst", b".tar.xz"].iter().any(|ending| name.ends_with(ending))
}
