//! Layers applied from the bottom up (image-spec, layer.md), as overlay snapshotters do it.
//!
//! Docker's overlay2, containerd's and podman's overlay unpack each layer into an empty directory, and the kernel merges the
//! directories by name. So a link of a lower layer is invisible while a layer is unpacked: the entry `lib/b` over a lower
//! `lib -> usr/lib` makes a real directory `lib`. Unpackers that write into one tree (umoci, kaniko, vfs) go through the link.
//! Where the two families come to different files, the shape is noted.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::tree::{Attributes, Id, Inode, ROOT, Tree};
use super::{BrokenLink, Difference, Rootfs, Shape};
use crate::format::tar::{Kind, Member};
use crate::foundation::Result;

/// The most links that are followed on one way, as in the kernel.
pub(super) const LINKS: usize = 40;

/// How members of a layer become files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unpacker {
    /// Each layer into an empty directory, and the directories merged: docker, containerd, podman, cri-o.
    #[default]
    Overlay,
    /// All layers into one tree: umoci, kaniko, the vfs drivers.
    Merged,
}

/// Applies members, layer by layer.
#[derive(Debug, Clone)]
pub struct Builder {
    rootfs: Rootfs,
    unpacker: Unpacker,
    layer: u32,
    ordinal: u32,
    /// What the whiteouts of the layer hide: a directory, and a name in it or everything.
    hidden: BTreeSet<(Id, Option<Vec<u8>>)>,
}

impl Builder {
    /// No layer yet.
    pub fn new(unpacker: Unpacker) -> Self {
        Self {
            rootfs: Rootfs { tree: Tree::new(), hardlinks: Arc::default(), broken: Vec::new(), differences: Vec::new() },
            unpacker,
            layer: 0,
            ordinal: 0,
            hidden: BTreeSet::new(),
        }
    }

    /// Takes the next member of the layer.
    ///
    /// # Errors
    /// `tar.too_many` if there are more files than can be numbered.
    pub fn member(&mut self, member: &Member) -> Result<()> {
        let ordinal = self.ordinal;
        self.ordinal = self.ordinal.saturating_add(1);
        let mut parts = clean(&member.name);
        let Some(name) = parts.pop() else {
            let attributes = self.attributes(member);
            let attributes = self.rootfs.tree.number(attributes);
            if member.kind == Kind::Directory {
                self.rootfs.tree.set(ROOT, Inode { attributes, data: 0, ordinal });
            }
            return Ok(());
        };
        let whiteout = name.strip_prefix(b".wh.");
        if whiteout.is_some_and(|hidden| hidden.starts_with(b".wh.") && name != b".wh..wh..opq") {
            // AUFS's own, which unpackers skip.
            return Ok(());
        }
        let Some(parent) = self.parent(&parts, whiteout.is_none())? else { return Ok(()) };
        if let Some(hidden) = whiteout {
            let name = (name != b".wh..wh..opq").then(|| hidden.to_vec());
            if let Some(name) = &name
                && self.rootfs.tree.child(parent, name).is_some_and(|id| self.rootfs.tree.of(id).layer == self.layer)
            {
                self.differ(Shape::WhiteoutOfOwn, &member.name);
            }
            self.hidden.insert((parent, name));
            return Ok(());
        }
        if member.kind == Kind::Directory && !self.hidden.is_empty() && self.hidden.contains(&(parent, Some(name.to_vec()))) {
            self.differ(Shape::WhiteoutThenDirectory, &member.name);
        }
        self.place(parent, name, member, ordinal)
    }

    fn attributes(&self, member: &Member) -> Attributes {
        Attributes { kind: member.kind, mode: member.mode, uid: member.uid, gid: member.gid, layer: self.layer, explicit: true }
    }

    fn place(&mut self, parent: Id, name: &[u8], member: &Member, ordinal: u32) -> Result<()> {
        // Resolved before anything is put in its place: a link to itself leads nowhere.
        let target = if member.kind == Kind::Hardlink { self.target(member) } else { None };
        let attributes = self.attributes(member);
        let data = match member.kind {
            Kind::Symlink | Kind::Hardlink => self.rootfs.tree.keep(&member.link)?,
            _ => member.size,
        };
        let inode = Inode { attributes: self.rootfs.tree.number(attributes), data, ordinal };
        if member.kind != Kind::Directory
            && let Some(id) = self.rootfs.tree.child(parent, name)
            && self.rootfs.tree.of(id).kind == Kind::Directory
        {
            // A file in the place of a directory hides what was in it.
            self.rootfs.tree.remove(id);
        }
        let id = self.rootfs.tree.put(parent, name, inode)?;
        self.rootfs.share(id, target);
        Ok(())
    }

    /// What a hard link shares, as it is now.
    fn target(&mut self, member: &Member) -> Option<Inode> {
        let found = (!climbs(&member.link)).then(|| self.rootfs.lookup(&member.link)).flatten().map(|entry| entry.id);
        let Some(id) = found else {
            let link = BrokenLink { layer: self.layer as usize, name: member.name.clone(), target: member.link.clone() };
            self.rootfs.broken.push(link);
            return None;
        };
        let attributes = self.rootfs.tree.of(id);
        if attributes.layer < self.layer {
            self.differ(Shape::HardlinkBelow, &member.name);
        }
        Some(self.rootfs.hardlinks.get(&id).copied().unwrap_or_else(|| self.rootfs.tree.inode(id)))
    }

    /// The directory at a path, with `create` made where it is not there. None if there is none, or it cannot be made.
    fn parent(&mut self, parts: &[&[u8]], create: bool) -> Result<Option<Id>> {
        let mut here = ROOT;
        let mut waiting: Vec<Vec<u8>> = parts.iter().rev().map(|part| part.to_vec()).collect();
        let mut links = 0;
        while let Some(part) = waiting.pop() {
            if part == b".." {
                here = self.rootfs.tree.parent(here);
                continue;
            }
            let Some(child) = self.rootfs.tree.child(here, &part) else {
                if !create {
                    return Ok(None);
                }
                here = self.imply(here, &part)?;
                continue;
            };
            let attributes = self.rootfs.tree.of(child);
            let visible = attributes.layer == self.layer || self.unpacker == Unpacker::Merged;
            here = match attributes.kind {
                Kind::Directory => child,
                Kind::Symlink if visible => {
                    links += 1;
                    if links > LINKS {
                        return Ok(None);
                    }
                    let link = self.rootfs.tree.link(self.rootfs.tree.inode(child).data).to_vec();
                    if link.first() == Some(&b'/') {
                        here = ROOT;
                    }
                    waiting.extend(steps(&link).into_iter().rev().map(<[u8]>::to_vec));
                    continue;
                }
                kind => {
                    let shape = if kind == Kind::Symlink { Shape::BelowLink } else { Shape::BelowFile };
                    let path = self.rootfs.path(child);
                    self.differ(shape, &path);
                    self.imply(here, &part)?
                }
            };
        }
        self.rootfs.tree.touch(here, self.layer);
        Ok(Some(here))
    }

    /// A directory that no member brings.
    fn imply(&mut self, parent: Id, name: &[u8]) -> Result<Id> {
        let attributes = Attributes { kind: Kind::Directory, mode: 0o755, uid: 0, gid: 0, layer: self.layer, explicit: false };
        let attributes = self.rootfs.tree.number(attributes);
        let id = self.rootfs.tree.put(parent, name, Inode { attributes, data: 0, ordinal: 0 })?;
        self.rootfs.share(id, None);
        Ok(id)
    }

    fn differ(&mut self, shape: Shape, name: &[u8]) {
        let layer = self.layer as usize;
        if self.rootfs.differences.iter().filter(|difference| difference.shape == shape).count() < super::SHOWN_DIFFERENCES {
            self.rootfs.differences.push(Difference { shape, layer, name: name.to_vec() });
        }
    }

    /// Ends a layer: its whiteouts hide what lower layers brought, and never what it brings itself, wherever they are in it.
    pub fn end_layer(&mut self) {
        let hidden = std::mem::take(&mut self.hidden);
        for (directory, name) in hidden {
            match name {
                None => self.rootfs.tree.remove_lower(directory, self.layer),
                Some(name) => {
                    if let Some(id) = self.rootfs.tree.child(directory, &name) {
                        self.rootfs.tree.hide(id, self.layer);
                    }
                }
            }
        }
        self.layer = self.layer.saturating_add(1);
        self.ordinal = 0;
    }

    /// The same files as what many images lie on: copies of it are cheap.
    pub(super) fn shared(mut self) -> Self {
        self.rootfs.tree = self.rootfs.tree.shared();
        self
    }

    /// The files so far.
    pub fn rootfs(&self) -> &Rootfs {
        &self.rootfs
    }

    /// The files.
    pub fn finish(self) -> Rootfs {
        self.rootfs
    }
}

/// The parts of a path, `.` left out.
pub(super) fn steps(path: &[u8]) -> Vec<&[u8]> {
    path.split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".").collect()
}

/// The parts of a member name: `..` takes the part before it away, and never leads above the root.
fn clean(name: &[u8]) -> Vec<&[u8]> {
    let mut parts = Vec::new();
    for part in steps(name) {
        if part == b".." {
            parts.pop();
        } else {
            parts.push(part);
        }
    }
    parts
}

/// Whether a name goes above the place where it is unpacked, at any point of the way.
pub fn climbs(name: &[u8]) -> bool {
    let mut depth: usize = 0;
    for part in steps(name) {
        match (part, depth) {
            (b"..", 0) => return true,
            (b"..", _) => depth -= 1,
            _ => depth += 1,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::climbs;

    #[test]
    fn names_that_climb() {
        for name in ["..", "../etc", "a/../../b", "/../etc", "./..", "a/b/../../.."] {
            assert!(climbs(name.as_bytes()), "{name}");
        }
        for name in ["", "/", "a/..", "a/../b", "..a", "a/b/../../c", ".../x", "./a//b"] {
            assert!(!climbs(name.as_bytes()), "{name}");
        }
    }
}
