//! An OCI image layout in a tar archive (oci-archive).
//!
//! The archive is read in place: one pass over its headers notes where every member lies, and a blob is a region of the
//! archive file. The order of members does not matter. A name that appears twice is refused for control files, because
//! one client takes the first and another the last; blobs with equal content may repeat.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::directory::check_marker;
use super::{Container, SourceKind, Stored};
use crate::core::fsys::{File, ReadAt, Region};
use crate::core::{Algorithm, Code, Digest, Error, Fact, Finding, Limits, Result, text};
use crate::format::tar::{Kind, Profile, Walk, normalise};

/// Names at the top of an archive that decide what it says. Nothing may come near them in another spelling.
const CONTROL: &[&str] = &["oci-layout", "index.json", "manifest.json", "repositories", "blobs"];

#[derive(Debug)]
pub(super) struct Archive {
    file: Arc<File>,
    index: Region,
    blobs: HashMap<Digest, (u64, u64)>,
    /// What lies under `blobs/` and is no blob, sorted.
    odd: Vec<Stored>,
    findings: Vec<Finding>,
    index_bytes: u64,
}

/// What lies under one name.
enum Content {
    Bytes { offset: u64, length: u64 },
    Link { target: String },
}

impl Archive {
    pub(super) fn open(file: File, limits: &Limits) -> Result<Self> {
        let file = Arc::new(file);
        let mut findings = Vec::new();
        let (names, docker, nested) = members(&file, limits, &mut findings)?;
        let (Some(marker), Some(index)) = (names.get("oci-layout"), names.get("index.json")) else {
            return Err(not_a_layout(docker, nested));
        };
        let control = |content: &Content, name: &str| match content {
            Content::Bytes { offset, length } => Ok(Region::new(Arc::clone(&file), *offset, *length)),
            Content::Link { target } => Err(Error::new(Code::TarLink, format!("{name} is a link"))
                .expected(Fact::new("a regular file", "image-spec, image-layout.md"))
                .found(Fact::new(target, "the archive"))),
        };
        let marker = control(marker, "oci-layout")?;
        let index = control(index, "index.json")?;
        check_marker(bytes(&marker, limits.document_bytes)?.as_deref(), limits)?;
        let mut blobs = HashMap::new();
        let mut odd = Vec::new();
        for (name, content) in &names {
            let Some(rest) = name.strip_prefix("blobs/") else { continue };
            let digest = rest
                .split_once('/')
                .filter(|(algorithm, _)| Algorithm::from_name(algorithm).is_some())
                .and_then(|(algorithm, hex)| format!("{algorithm}:{hex}").parse::<Digest>().ok());
            match (digest, content) {
                (None, _) => odd.push(match rest.split_once('/') {
                    Some((algorithm, _)) if Algorithm::from_name(algorithm).is_none() && Algorithm::is_well_formed(algorithm) => {
                        Stored::Unverifiable(format!("blobs/{algorithm}"))
                    }
                    _ => Stored::Stray(name.clone()),
                }),
                (Some(digest), Content::Bytes { offset, length }) => {
                    blobs.insert(digest, (*offset, *length));
                }
                // One hop, to a regular file of the archive: layouts with linked blobs are packed as they are.
                (Some(digest), Content::Link { target }) => match names.get(target) {
                    Some(Content::Bytes { offset, length }) => {
                        blobs.insert(digest, (*offset, *length));
                    }
                    _ => {
                        return Err(Error::new(Code::TarLink, format!("{name} is a link that leads to no regular file of the archive"))
                            .expected(Fact::new("a regular file", "image-spec, image-layout.md"))
                            .found(Fact::new(target, "the archive")));
                    }
                },
            }
        }
        odd.dedup();
        Ok(Self { file, index, blobs, odd, findings, index_bytes: limits.index_bytes })
    }
}

type Names = BTreeMap<String, Content>;

/// Walks the archive once: what lies under each name, whether it looks like a docker-archive, and whether a layout lies
/// one directory down.
fn members(file: &Arc<File>, limits: &Limits, findings: &mut Vec<Finding>) -> Result<(Names, bool, Option<String>)> {
    let mut names = Names::new();
    let mut docker = false;
    let mut nested = None;
    let mut walk = Walk::over(&**file, limits, Profile::Archive);
    while let Some(member) = walk.next().transpose()? {
        if member.kind == Kind::Directory {
            // Names of directories say nothing, but they must not climb out either.
            if !matches!(member.name.as_slice(), b"." | b"./" | b"/") {
                normalise(&member.name)?;
            }
            continue;
        }
        let name = normalise(&member.name)?;
        let first = name.split('/').next().unwrap_or_default();
        if let Some(control) = CONTROL.iter().find(|control| first.eq_ignore_ascii_case(control) && first != **control) {
            return Err(Error::new(Code::TarName, format!("the member {name:?} differs from {control:?} only in case"))
                .expected(Fact::new(control, "image-spec, image-layout.md"))
                .found(Fact::new(&name, format!("the header at offset {}", member.header_offset))));
        }
        docker |= name == "manifest.json" || name == "repositories";
        if let Some((top, "index.json" | "oci-layout")) = name.split_once('/') {
            nested = Some(top.to_owned());
        }
        let content = match member.kind {
            Kind::File => Content::Bytes { offset: member.data_offset, length: member.size },
            Kind::Symlink => Content::Link { target: beside(&name, &member.link) },
            // The target of a hard link counts from the top of the archive.
            _ => Content::Link { target: normalise(&member.link)? },
        };
        if let Some(before) = names.get(&name) {
            let blob = name.starts_with("blobs/");
            match (blob, before, &content) {
                (true, Content::Bytes { offset: one, length: size }, Content::Bytes { offset: two, length })
                    if size == length && same(file, *one, *two, *size)? =>
                {
                    findings.push(
                        Finding::new(Code::TarDuplicateEntry, format!("{name} stands twice in the archive, with the same content"))
                            .severity(crate::core::Severity::Warning),
                    );
                }
                _ => {
                    return Err(Error::new(Code::TarDuplicateEntry, format!("{name} stands twice in the archive"))
                        .expected(Fact::new("each name once", "one reader takes the first, another the last"))
                        .found(Fact::new(format!("a second member at offset {}", member.header_offset), "the archive")));
                }
            }
        }
        names.insert(name, content);
    }
    findings.extend(walk.warnings().iter().cloned());
    Ok((names, docker, nested))
}

/// Where a symbolic link beside `name` leads inside the archive; text that is nowhere if it leaves it.
fn beside(name: &str, link: &[u8]) -> String {
    let mut parts: Vec<&str> = name.split('/').collect();
    parts.pop();
    let Ok(link) = std::str::from_utf8(link) else { return String::new() };
    if link.starts_with('/') {
        return text::escape(link);
    }
    for part in link.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                if parts.pop().is_none() {
                    return text::escape(link);
                }
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

fn same(file: &File, one: u64, two: u64, size: u64) -> Result<bool> {
    let mut left = vec![0; crate::core::limits::CHUNK_BYTES];
    let mut right = left.clone();
    let mut done = 0;
    while done < size {
        let count = usize::try_from(size - done).unwrap_or(usize::MAX).min(left.len());
        let (left, right) = (left.get_mut(..count).unwrap_or_default(), right.get_mut(..count).unwrap_or_default());
        let read = file.read_exact_at(left, one + done).and_then(|()| file.read_exact_at(right, two + done));
        read.map_err(|error| Error::io("read the archive", error))?;
        if left != right {
            return Ok(false);
        }
        done += count as u64;
    }
    Ok(true)
}

fn bytes(region: &Region, most: u64) -> Result<Option<Vec<u8>>> {
    if region.length() > most {
        return Ok(None);
    }
    let mut bytes = vec![0; usize::try_from(region.length()).unwrap_or(usize::MAX)];
    region.read_exact_at(&mut bytes, 0).map_err(|error| Error::io("read the archive", error))?;
    Ok(Some(bytes))
}

fn not_a_layout(docker: bool, nested: Option<String>) -> Error {
    if docker {
        return Error::new(Code::SourceUnsupported, "the file is a docker-archive")
            .expected(Fact::new("oci-layout and index.json", "image-spec, image-layout.md"))
            .found(Fact::new("manifest.json", "the archive"))
            .hint("Convert it first: `skopeo copy docker-archive:FILE oci-archive:NEW.tar:NAME`.");
    }
    let error = Error::new(Code::ArchiveNotALayout, "the archive holds no image layout")
        .expected(Fact::new("oci-layout and index.json at the top", "image-spec, image-layout.md"))
        .found(Fact::new("neither, or only one", "the archive"));
    match nested {
        Some(top) => error.hint(format!(
            "A layout lies one directory down, in {top:?}. Unpack the archive and give that directory, or pack it again from inside."
        )),
        None => error,
    }
}

impl Container for Archive {
    fn kind(&self) -> SourceKind {
        SourceKind::Archive
    }

    fn index(&self) -> Result<Vec<u8>> {
        bytes(&self.index, self.index_bytes)?.ok_or_else(|| {
            Error::new(Code::DocTooLarge, "index.json is too large")
                .expected(Fact::new(format!("at most {} bytes", self.index_bytes), "the limits"))
        })
    }

    fn blob(&self, digest: &Digest) -> Result<Option<Region>> {
        Ok(self.blobs.get(digest).map(|(offset, length)| Region::new(Arc::clone(&self.file), *offset, *length)))
    }

    fn stored(&self) -> Result<Vec<Stored>> {
        let mut stored: Vec<Stored> = self.blobs.keys().cloned().map(Stored::Blob).collect();
        stored.sort();
        stored.extend(self.odd.iter().cloned());
        Ok(stored)
    }

    fn findings(&self) -> Vec<Finding> {
        self.findings.clone()
    }
}
