//! Files that came, went, or changed, and in what. Times are not compared.

use std::cmp::Ordering;

use serde::Serialize;

use super::{Change, lossy};
use crate::format::tar::Kind;
use crate::read::rootfs::{Entry, Merged};

/// In what a file changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Aspect {
    /// It is another kind of file.
    Type,
    /// Its bytes.
    Content,
    /// Where a link leads.
    Link,
    /// Its permission bits.
    Mode,
    /// Its user or its group.
    Owner,
}

impl Aspect {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Type => "type",
            Self::Content => "content",
            Self::Link => "link",
            Self::Mode => "mode",
            Self::Owner => "owner",
        }
    }
}

/// A file of one image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileState {
    /// What it is, as `airbase ls` names it.
    pub kind: &'static str,
    /// The mode, in octal.
    pub mode: String,
    /// The owner's number.
    pub uid: u64,
    /// The group's number.
    pub gid: u64,
    /// The size of its content.
    pub size: u64,
    /// Where a symbolic link leads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

/// A file that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileChange {
    /// Its path, without a leading slash.
    pub path: String,
    /// What became of it.
    pub change: Change,
    /// In what it changed.
    pub aspects: Vec<Aspect>,
    /// What it is in the first image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub was: Option<FileState>,
    /// What it is in the second image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is: Option<FileState>,
}

/// All files that differ.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Files {
    /// How many only the second image has.
    pub added: usize,
    /// How many only the first image has.
    pub removed: usize,
    /// How many differ.
    pub changed: usize,
    /// Each of them, by path.
    pub changes: Vec<FileChange>,
}

/// Walks over both trees at once, by path.
pub(super) fn changes(was: &Merged, is: &Merged) -> Files {
    let (mut from, mut to) = (was.rootfs().files(was.rootfs().root()).peekable(), is.rootfs().files(is.rootfs().root()).peekable());
    let mut found = Files::default();
    loop {
        let order = match (from.peek(), to.peek()) {
            (None, None) => return found,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(old), Some(new)) => old.path().cmp(&new.path()),
        };
        let old = if order == Ordering::Greater { None } else { from.next() };
        let new = if order == Ordering::Less { None } else { to.next() };
        // What no layer of the other image has a member for may be there as a directory.
        let old = old.or_else(|| new.and_then(|entry| same_place(was, entry)));
        let new = new.or_else(|| old.and_then(|entry| same_place(is, entry)));
        let aspects = match (old, new) {
            (Some(old), Some(new)) => aspects((was, old), (is, new)),
            _ => Vec::new(),
        };
        if aspects.is_empty() && old.is_some() && new.is_some() {
            continue;
        }
        found.take(old, new, aspects);
    }
}

fn same_place<'a>(files: &'a Merged, entry: Entry<'_>) -> Option<Entry<'a>> {
    let path = entry.path();
    files.rootfs().lookup(&path).filter(|other| other.path() == path)
}

impl Files {
    fn take(&mut self, old: Option<Entry<'_>>, new: Option<Entry<'_>>, aspects: Vec<Aspect>) {
        let Some(path) = old.or(new).map(Entry::path) else { return };
        let change = Change::of(old.is_some(), new.is_some());
        match change {
            Change::Added => self.added += 1,
            Change::Removed => self.removed += 1,
            _ => self.changed += 1,
        }
        self.changes.push(FileChange { path: lossy(&path), change, aspects, was: old.map(state), is: new.map(state) });
    }
}

fn state(entry: Entry<'_>) -> FileState {
    let (uid, gid) = entry.owner();
    FileState {
        kind: entry.kind().slug(),
        mode: format!("{:o}", entry.mode()),
        uid,
        gid,
        size: entry.content().map_or(0, |content| content.size),
        link: entry.symlink().map(lossy),
    }
}

fn aspects((was, old): (&Merged, Entry<'_>), (is, new): (&Merged, Entry<'_>)) -> Vec<Aspect> {
    if old.kind() != new.kind() {
        return vec![Aspect::Type];
    }
    let link = old.kind() == Kind::Symlink;
    // What no member brings has the mode and the owner that the unpacker chooses.
    let told = old.is_explicit() && new.is_explicit();
    let checks = [
        (Aspect::Content, was.digest(old) != is.digest(new)),
        (Aspect::Link, old.symlink() != new.symlink()),
        // The mode of a link means nothing.
        (Aspect::Mode, told && !link && old.mode() != new.mode()),
        (Aspect::Owner, told && old.owner() != new.owner()),
    ];
    checks.into_iter().filter(|(_, differs)| *differs).map(|(aspect, _)| aspect).collect()
}
