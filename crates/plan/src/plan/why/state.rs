//! What is at a path of an image.

use crate::format::tar::Kind;
use crate::foundation::Digest;
use crate::plan::diff::{Aspect, FileState};
use crate::read::rootfs::{Content, Entry, Merged};

/// What is at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// The path without links in it.
    pub real: Vec<u8>,
    /// The layer that has it.
    pub layer: usize,
    /// What it is.
    pub kind: Kind,
    /// Its permission bits and its owners.
    pub rights: (u32, (u64, u64)),
    /// Where a symbolic link leads.
    pub link: Option<Vec<u8>>,
    /// What a hard link shares, by its header.
    pub hardlink: Option<Vec<u8>>,
    /// Where the content is.
    pub content: Option<Content>,
    /// The digest of the content.
    pub digest: Option<Digest>,
}

impl State {
    /// What is at a path; links in its parents are followed.
    pub fn at(files: &Merged, path: &[u8]) -> Option<Self> {
        files.rootfs().lookup(path).map(|entry| Self::of(files, entry))
    }

    fn of(files: &Merged, entry: Entry<'_>) -> Self {
        Self {
            real: entry.path(),
            layer: entry.layer(),
            kind: entry.kind(),
            rights: (entry.mode(), entry.owner()),
            link: entry.symlink().map(<[u8]>::to_vec),
            hardlink: (entry.member_kind() == Kind::Hardlink).then(|| entry.member_link().to_vec()),
            content: entry.content(),
            digest: files.digest(entry).cloned(),
        }
    }

    /// The layer whose bytes a runtime reads.
    pub fn source(&self) -> usize {
        self.content.map_or(self.layer, |content| content.layer)
    }

    /// In what another state differs.
    pub fn aspects(&self, other: &Self) -> Vec<Aspect> {
        if self.kind != other.kind {
            return vec![Aspect::Type];
        }
        let checks = [
            (Aspect::Content, self.digest != other.digest),
            (Aspect::Link, self.link != other.link),
            (Aspect::Mode, self.kind != Kind::Symlink && self.rights.0 != other.rights.0),
            (Aspect::Owner, self.rights.1 != other.rights.1),
        ];
        checks.into_iter().filter(|(_, differs)| *differs).map(|(aspect, _)| aspect).collect()
    }

    /// Whether a reader gets the same.
    pub(crate) fn reads_as(&self, other: &Self) -> bool {
        self.kind == other.kind && self.digest == other.digest && self.link == other.link
    }

    /// For the report.
    pub fn shown(&self) -> FileState {
        let (mode, (uid, gid)) = self.rights;
        FileState {
            kind: self.kind.slug(),
            mode: format!("{mode:o}"),
            uid,
            gid,
            size: self.content.map_or(0, |content| content.size),
            link: self.link.as_ref().map(|link| String::from_utf8_lossy(link).into_owned()),
        }
    }
}
