//! The members of a tar archive by name.
//!
//! One pass over the headers notes where every member lies. A name that appears twice is refused, because one client takes the
//! first and another the last; blobs with equal content may repeat.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{inflate, stream};
use crate::format::codec::Packing;
use crate::format::tar::{Kind, Member, Profile, Walk, normalise};
use crate::foundation::fsys::{File, ReadAt, Region};
use crate::foundation::limits::{EXPANSION, SMALL_BYTES};
use crate::foundation::{Code, Error, Fact, Finding, Limits, Result, text};

/// Names at the top of an archive that decide what it says. Nothing may come near them in another spelling.
const CONTROL: &[&str] = &["oci-layout", "index.json", "manifest.json", "repositories", "blobs"];

/// The members of an archive by name.
#[derive(Debug, Default)]
pub(super) struct Members {
    names: BTreeMap<String, Content>,
    /// The size of the archive, if it is compressed.
    compressed: Option<u64>,
}

/// What lies under one name.
#[derive(Debug)]
enum Content {
    Bytes(Region),
    Link { target: String },
}

impl Members {
    /// Walks the archive once; a compressed one is inflated for it.
    pub(super) fn read(file: &Arc<File>, limits: &Limits, findings: &mut Vec<Finding>) -> Result<Self> {
        let mut members = Self::default();
        let packing = inflate::sniff(&Region::whole(Arc::clone(file)));
        if packing == Packing::PLAIN {
            let mut walk = Walk::over(&**file, limits, Profile::Archive);
            while let Some(member) = walk.next().transpose()? {
                let region = Region::new(Arc::clone(file), member.data_offset, member.size);
                members.add(&member, region, findings)?;
            }
            findings.extend(walk.warnings().iter().cloned());
        } else {
            members.compressed = Some(file.length());
            let inflated = stream::inflate(file, packing, limits)?;
            for member in &inflated.members {
                let region = match inflated.kept.get(&member.data_offset) {
                    Some(bytes) => Region::memory(Arc::clone(bytes)),
                    None => Region::stream(Arc::clone(&inflated.stream) as Arc<dyn ReadAt>, member.data_offset, member.size),
                };
                members.add(member, region, findings)?;
            }
            findings.extend(inflated.warnings);
        }
        Ok(members)
    }

    fn add(&mut self, member: &Member, region: Region, findings: &mut Vec<Finding>) -> Result<()> {
        let name = normalise(&member.name)?;
        if member.kind == Kind::Directory {
            // Names of directories say nothing, but they must not climb out either.
            return Ok(());
        }
        refuse_lookalike(&name, member.header_offset)?;
        let content = match member.kind {
            Kind::File => Content::Bytes(region),
            Kind::Symlink => Content::Link { target: beside(&name, &member.link) },
            // The target of a hard link counts from the top of the archive.
            _ => Content::Link { target: normalise(&member.link)? },
        };
        if let Some(before) = self.names.get(&name) {
            let repeats = match (name.starts_with("blobs/"), before, &content) {
                (true, Content::Bytes(one), Content::Bytes(two)) => one.length() == two.length() && same(one, two)?,
                _ => false,
            };
            if !repeats {
                return Err(Error::new(Code::TarDuplicateEntry, format!("{name} stands twice in the archive"))
                    .expected(Fact::new("each name once", "one reader takes the first, another the last"))
                    .found(Fact::new(format!("a second member at offset {}", member.header_offset), "the archive")));
            }
            findings.push(
                Finding::new(Code::TarDuplicateEntry, format!("{name} stands twice in the archive, with the same content"))
                    .severity(crate::foundation::Severity::Warning),
            );
            return Ok(());
        }
        self.names.insert(name, content);
        Ok(())
    }

    /// The regular file called `name`, reached by at most one link: archives of layouts with linked blobs have those, and so
    /// has what old dockers saved.
    ///
    /// # Errors
    /// `tar.link`.
    pub(super) fn region(&self, name: &str) -> Result<Option<Region>> {
        let region = |content: &Content| match content {
            Content::Bytes(region) => Some(region.clone()),
            Content::Link { .. } => None,
        };
        match self.names.get(name) {
            None => Ok(None),
            Some(Content::Link { target }) => match self.names.get(target).and_then(region) {
                Some(region) => Ok(Some(region)),
                None => Err(Error::new(Code::TarLink, format!("{name} is a link that leads to no regular file of the archive"))
                    .expected(Fact::new("a regular file", "image-spec, image-layout.md"))
                    .found(Fact::new(target, "the archive"))),
            },
            Some(content) => Ok(region(content)),
        }
    }

    /// The bytes of a control file, which must not be a link; `None` if it is not there.
    ///
    /// # Errors
    /// `tar.link`, `doc.too_large`, `io`.
    pub(super) fn control(&self, name: &str, most: u64) -> Result<Option<Vec<u8>>> {
        match self.names.get(name) {
            None => Ok(None),
            Some(Content::Link { target }) => Err(Error::new(Code::TarLink, format!("{name} is a link"))
                .expected(Fact::new("a regular file", "image-spec, image-layout.md"))
                .found(Fact::new(target, "the archive"))),
            Some(Content::Bytes(region)) => {
                self.refuse_bomb(region, name)?;
                bytes(region, most, name).map(Some)
            }
        }
    }

    /// Refuses a large document that was compressed out of all proportion, before there is memory for it.
    fn refuse_bomb(&self, region: &Region, name: &str) -> Result<()> {
        let Some(compressed) = self.compressed else { return Ok(()) };
        if region.length() <= SMALL_BYTES || region.length() <= compressed.saturating_mul(EXPANSION) {
            return Ok(());
        }
        Err(Error::new(Code::LimitRatio, format!("{name} is out of proportion to the compressed archive that it comes from"))
            .expected(Fact::new(format!("at most {SMALL_BYTES} bytes, or {EXPANSION} times the archive"), "the limits"))
            .found(Fact::new(format!("{} bytes in an archive of {compressed}", region.length()), "the archive")))
    }

    /// All names, sorted.
    pub(super) fn names(&self) -> impl Iterator<Item = &String> {
        self.names.keys()
    }

    /// Whether there is a member of that name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.names.contains_key(name)
    }
}

/// Refuses a name that differs from one that decides only in its spelling.
fn refuse_lookalike(name: &str, offset: u64) -> Result<()> {
    let first = name.split('/').next().unwrap_or_default();
    match CONTROL.iter().find(|control| first.eq_ignore_ascii_case(control) && first != **control) {
        None => Ok(()),
        Some(control) => Err(Error::new(Code::TarName, format!("the member {name:?} differs from {control:?} only in case"))
            .expected(Fact::new(control, "image-spec, image-layout.md"))
            .found(Fact::new(name, format!("the header at offset {offset}")))),
    }
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

fn same(one: &Region, two: &Region) -> Result<bool> {
    let mut left = vec![0; crate::foundation::limits::CHUNK_BYTES];
    let mut right = left.clone();
    let mut done = 0;
    while done < one.length() {
        let count = usize::try_from(one.length() - done).unwrap_or(usize::MAX).min(left.len());
        let (left, right) = (left.get_mut(..count).unwrap_or_default(), right.get_mut(..count).unwrap_or_default());
        let read = one.read_exact_at(left, done).and_then(|()| two.read_exact_at(right, done));
        read.map_err(|error| Error::io("read the archive", error))?;
        if left != right {
            return Ok(false);
        }
        done += count as u64;
    }
    Ok(true)
}

/// All bytes of a small member.
///
/// # Errors
/// `doc.too_large`, `io`.
pub(super) fn bytes(region: &Region, most: u64, name: &str) -> Result<Vec<u8>> {
    if region.length() > most {
        return Err(Error::new(Code::DocTooLarge, format!("{name} is too large"))
            .expected(Fact::new(format!("at most {most} bytes"), "the limits"))
            .found(Fact::new(format!("{} bytes", region.length()), "the archive")));
    }
    let mut bytes = vec![0; usize::try_from(region.length()).unwrap_or(usize::MAX)];
    region.read_exact_at(&mut bytes, 0).map_err(|error| Error::io("read the archive", error))?;
    Ok(bytes)
}
