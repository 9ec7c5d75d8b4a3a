//! An OCI image layout as a directory (image-spec, image-layout.md).
//!
//! ```text
//! oci-layout             {"imageLayoutVersion":"1.0.0"}
//! index.json             the root index
//! blobs/<alg>/<hex>      the blobs; a blob may be a link to a regular file of the same layout
//! ```
//! Any other file is allowed and ignored.

use std::path::Path;
use std::sync::Arc;

use super::{Container, SourceKind, Stored, skopeo};
use crate::format::json::{Document, Kind, Node};
use crate::foundation::fsys::{Directory, EntryKind, Region, is_temporary, shown};
use crate::foundation::{Algorithm, Code, Digest, Error, Fact, Finding, Limits, Result, text};

/// The only version of the layout that exists.
const VERSION: &str = "1.0.0";
/// `oci-layout` is some thirty bytes; extra fields are allowed, a megabyte of them is not.
const MARKER_BYTES: u64 = 64 << 10;

#[derive(Debug)]
pub(super) struct LayoutDirectory {
    directory: Directory,
    findings: Vec<Finding>,
    index_bytes: u64,
}

impl LayoutDirectory {
    /// A layout that is being written: only its blobs can be asked for.
    pub(super) fn unfinished(directory: Directory, limits: &Limits) -> Self {
        Self { directory, findings: Vec::new(), index_bytes: limits.index_bytes }
    }

    pub(super) fn open(directory: Directory, limits: &Limits) -> Result<Self> {
        let mut findings = Vec::new();
        match directory.file("oci-layout")? {
            None => findings.push(Finding::new(Code::LayoutMarkerMissing, "the file oci-layout is missing").at(shown(directory.path()))),
            Some(file) => check_marker(file.read_all(MARKER_BYTES)?.as_deref(), limits)?,
        }
        if directory.kind("index.json")?.is_none() {
            return Err(Error::new(Code::LayoutIndexMissing, "the directory has no index.json")
                .expected(Fact::new("index.json", "image-spec, image-layout.md"))
                .found(Fact::new("no such file", shown(directory.path()))));
        }
        match directory.kind("blobs")? {
            Some(EntryKind::Directory) => {}
            Some(EntryKind::Symlink) => {
                return Err(Error::new(Code::PathSymlink, "blobs is a symbolic link")
                    .expected(Fact::new("a directory", "image-spec, image-layout.md")));
            }
            _ => {
                return Err(Error::new(Code::LayoutBlobsMissing, "the layout has no directory called blobs")
                    .expected(Fact::new("the directory blobs", "image-spec, image-layout.md")));
            }
        }
        Ok(Self { directory, findings, index_bytes: limits.index_bytes })
    }
}

/// What a directory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DirectoryKind {
    /// It claims to be a layout, whole or not.
    Layout,
    /// What `skopeo copy … dir:` writes.
    Skopeo,
    /// What `docker save` writes, taken out of its archive.
    UnpackedDocker,
    /// Nothing of its own.
    Folder,
}

impl DirectoryKind {
    /// Why an image in a directory is not read, if it is one.
    pub(super) fn unsupported(self, path: &Path) -> Option<Error> {
        let (what, hint) = match self {
            Self::Layout | Self::Skopeo | Self::Folder => return None,
            Self::UnpackedDocker => {
                ("an unpacked docker-archive", format!("Pack it again: `tar -C {0} -cf {0}.tar $(ls {0})`.", shown(path)))
            }
        };
        let error = Error::new(Code::SourceUnsupported, format!("the directory is {what}"))
            .expected(Fact::new("an OCI layout directory", "airbase"))
            .found(Fact::new(what, "its manifest.json"));
        Some(error.hint(hint).at(shown(path)))
    }
}

/// What a directory is, by the names in it, and by its `manifest.json` where it is no layout. A layout that lost its index still has
/// the folder of its blobs.
pub(super) fn kind_of(directory: &Directory, limits: &Limits) -> Result<DirectoryKind> {
    for name in ["index.json", "oci-layout"] {
        // A directory of such a name is one more folder.
        if directory.kind(name)?.is_some_and(|kind| kind != EntryKind::Directory) {
            return Ok(DirectoryKind::Layout);
        }
    }
    for algorithm in ["sha256", "sha512"] {
        if directory.kind(&format!("blobs/{algorithm}"))? == Some(EntryKind::Directory) {
            return Ok(DirectoryKind::Layout);
        }
    }
    // What says of itself that it is one is not passed over, in whatever state its manifest is.
    if skopeo::is_marked(directory)? {
        return Ok(DirectoryKind::Skopeo);
    }
    if directory.kind("manifest.json")? != Some(EntryKind::File) {
        return Ok(DirectoryKind::Folder);
    }
    let Some(bytes) = directory.file("manifest.json")?.map(|file| file.read_all(limits.document_bytes)).transpose()?.flatten() else {
        return Ok(DirectoryKind::Folder);
    };
    // Many programs call a file so; what is no JSON is none of these.
    let Ok(document) = Document::parse(&bytes, limits) else { return Ok(DirectoryKind::Folder) };
    let is_docker = |item: Node<'_>| item.get("Config").is_some() && item.get("Layers").is_some();
    Ok(match document.root().kind() {
        Kind::Object if document.root().get("schemaVersion").is_some() => DirectoryKind::Skopeo,
        Kind::Array if document.root().items().next().is_some_and(is_docker) => DirectoryKind::UnpackedDocker,
        _ => DirectoryKind::Folder,
    })
}

/// Checks the content of `oci-layout`; `None` is a file that is too large.
pub(super) fn check_marker(bytes: Option<&[u8]>, limits: &Limits) -> Result<()> {
    let invalid = |found: &str| {
        Error::new(Code::LayoutMarkerInvalid, "the file oci-layout is not what it should be")
            .expected(Fact::new(format!("{{\"imageLayoutVersion\":\"{VERSION}\"}}"), "image-spec, image-layout.md"))
            .found(Fact::new(found, "oci-layout"))
    };
    let bytes = bytes.ok_or_else(|| invalid("more than 64 KiB"))?;
    let document = Document::parse(bytes, limits).map_err(|error| error.at("oci-layout"))?;
    let version = document.root().get("imageLayoutVersion").and_then(Node::as_str).ok_or_else(|| invalid("no imageLayoutVersion"))?;
    if version != VERSION {
        return Err(Error::new(Code::LayoutVersionUnsupported, "the layout has an unknown version")
            .expected(Fact::new(VERSION, "image-spec, image-layout.md"))
            .found(Fact::new(version, "oci-layout")));
    }
    Ok(())
}

impl Container for LayoutDirectory {
    fn kind(&self) -> SourceKind {
        SourceKind::Layout
    }

    fn index(&self) -> Result<Vec<u8>> {
        let file =
            self.directory.file("index.json")?.ok_or_else(|| Error::new(Code::LayoutIndexMissing, "the directory has no index.json"))?;
        file.read_all(self.index_bytes)?.ok_or_else(|| {
            Error::new(Code::DocTooLarge, "index.json is too large")
                .expected(Fact::new(format!("at most {} bytes", self.index_bytes), "the limits"))
        })
    }

    fn blob(&self, digest: &Digest) -> Result<Option<Region>> {
        Ok(self.directory.blob(&digest.blob_path())?.map(|file| Region::whole(Arc::new(file))))
    }

    fn stored(&self) -> Result<Vec<Stored>> {
        let mut stored = Vec::new();
        for algorithm in self.directory.entries("blobs")? {
            // Told as what a writer left behind.
            if is_temporary(&algorithm.name) {
                continue;
            }
            let folder = format!("blobs/{}", text::escape_bytes(&algorithm.name));
            let name = std::str::from_utf8(&algorithm.name).ok().filter(|_| algorithm.kind == EntryKind::Directory);
            let Some(known) = name.and_then(Algorithm::from_name) else {
                let unverifiable = name.is_some_and(Algorithm::is_well_formed);
                stored.push(if unverifiable { Stored::Unverifiable(folder) } else { Stored::Stray(folder) });
                continue;
            };
            let first = stored.len();
            self.directory.each(&format!("blobs/{}", known.name()), &mut |name, kind| {
                let digest = std::str::from_utf8(name).ok().and_then(|hex| format!("{}:{hex}", known.name()).parse().ok());
                match (digest, kind) {
                    (Some(digest), EntryKind::File | EntryKind::Symlink | EntryKind::Special) => stored.push(Stored::Blob(digest)),
                    _ => stored.push(Stored::Stray(format!("{folder}/{}", text::escape_bytes(name)))),
                }
            })?;
            // The blobs come first. There may be half a million, so they are sorted where they are.
            stored.get_mut(first..).unwrap_or_default().sort_unstable();
        }
        Ok(stored)
    }

    fn findings(&self) -> Vec<Finding> {
        self.findings.clone()
    }
}
