//! The files of an image as a runtime sees them: all layers applied, and links followed as the kernel follows them.

mod build;
mod footprint;
mod merged;
mod scan;
mod tree;
mod walk;

use std::collections::BTreeMap;
use std::sync::Arc;

use self::build::{LINKS, steps};
use self::footprint::Step;
use self::tree::{Id, Inode, ROOT, Tree};
use super::Image;
use super::layer::{Keep, member_content, scan};
use crate::format::tar::Kind;
use crate::foundation::event::Events;
use crate::foundation::{Code, Error, Limits, Result};

pub use self::build::{Builder, Unpacker, climbs};
pub use self::footprint::Footprint;
pub use self::merged::{Merged, Reading};
pub use self::scan::{Budget, Ground, Kept, Scan};
pub use self::walk::Files;

/// How many differences of one shape are kept.
const SHOWN_DIFFERENCES: usize = 20;

/// The merged tree of an image.
#[derive(Debug, Clone)]
pub struct Rootfs {
    tree: Tree,
    /// What hard links share.
    hardlinks: Arc<BTreeMap<Id, Inode>>,
    broken: Vec<BrokenLink>,
    differences: Vec<Difference>,
}

/// A hard link that leads to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokenLink {
    /// The layer that it is in, the lowest being 0.
    pub layer: usize,
    /// Its name.
    pub name: Vec<u8>,
    /// Where it should lead.
    pub target: Vec<u8>,
}

/// A shape that unpackers make different files of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shape {
    /// An entry below a name that is a link in a lower layer.
    BelowLink,
    /// An entry below a name that is no directory in a lower layer.
    BelowFile,
    /// A hard link to a file of a lower layer.
    HardlinkBelow,
    /// A whiteout of something that its own layer brings before it.
    WhiteoutOfOwn,
    /// A whiteout, and then a directory of the same name.
    WhiteoutThenDirectory,
}

impl Shape {
    /// What it is.
    pub fn text(self) -> &'static str {
        match self {
            Self::BelowLink => {
                "an entry below a name that is a symbolic link in a lower layer: some unpackers follow the link, others make a directory of it"
            }
            Self::BelowFile => {
                "an entry below a name that is no directory in a lower layer: some unpackers refuse it, others make a directory of it"
            }
            Self::HardlinkBelow => "a hard link to a file of a lower layer: some unpackers refuse it",
            Self::WhiteoutOfOwn => "a whiteout of a file of its own layer: some unpackers refuse it",
            Self::WhiteoutThenDirectory => "a whiteout and then a directory of the same name: in some unpackers the old content comes back",
        }
    }
}

/// A place where unpackers disagree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// What it is.
    pub shape: Shape,
    /// The layer.
    pub layer: usize,
    /// The member.
    pub name: Vec<u8>,
}

/// One file, directory or link of the tree.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    rootfs: &'a Rootfs,
    id: Id,
}

/// Where the content of a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Content {
    /// The layer, the lowest being 0.
    pub layer: usize,
    /// The number of the member in the layer.
    pub ordinal: u32,
    /// Its size in bytes.
    pub size: u64,
}

impl Rootfs {
    /// Reads the layers of an image, each once and checked against its digest. `keep` says which contents are kept.
    ///
    /// # Errors
    /// `layer.*`, `blob.*`, `stream.*` and `tar.*`.
    pub fn read(image: &Image, keep: &mut Keep<'_>, limits: &Limits, events: &dyn Events) -> Result<Self> {
        let mut builder = Builder::new(Unpacker::Overlay);
        for (number, layer) in image.manifest.layers.iter().enumerate() {
            scan(&image.source, layer, limits, events, &mut |ordinal, member, content| {
                keep.take(number, ordinal, member, content)?;
                builder.member(member)
            })?;
            builder.end_layer();
        }
        Ok(builder.finish())
    }

    /// About how many bytes of memory it takes.
    pub fn size(&self) -> usize {
        self.tree.size() + self.hardlinks.len() * 2 * size_of::<Inode>()
    }

    /// Hard links that lead to nothing.
    pub fn broken_links(&self) -> &[BrokenLink] {
        &self.broken
    }

    /// Where unpackers disagree: the first cases of each shape.
    pub fn differences(&self) -> &[Difference] {
        &self.differences
    }

    /// What is at a path; links in its parents are followed, and the last one only if the path ends with `/` or `/.`.
    pub fn lookup(&self, path: &[u8]) -> Option<Entry<'_>> {
        self.find(path, path.ends_with(b"/") || path.ends_with(b"/."))
    }

    /// What a path leads to, all links followed.
    pub fn resolve(&self, path: &[u8]) -> Option<Entry<'_>> {
        self.find(path, true)
    }

    /// The directories that whoever goes to a path goes through, those of links too.
    pub fn passed(&self, path: &[u8]) -> Vec<Entry<'_>> {
        let mut passed = vec![ROOT];
        let end = self.follow(path, true, &mut |step| {
            if let Step::At(id) = step {
                passed.push(id);
            }
        });
        let end = end.map(|entry| entry.id);
        let is_passed = |id: &Id| Some(*id) != end && self.kind(*id) == Kind::Directory;
        passed.into_iter().filter(is_passed).map(|id| Entry { rootfs: self, id }).collect()
    }

    fn find(&self, path: &[u8], last: bool) -> Option<Entry<'_>> {
        self.follow(path, last, &mut |_| ())
    }

    /// Follows a path and shows every step.
    fn follow(&self, path: &[u8], last: bool, see: &mut impl FnMut(Step<'_>)) -> Option<Entry<'_>> {
        let mut here = ROOT;
        let mut waiting: Vec<&[u8]> = steps(path);
        waiting.reverse();
        let mut links = 0;
        while let Some(part) = waiting.pop() {
            if self.kind(here) != Kind::Directory {
                return None;
            }
            if part == b".." {
                here = self.tree.parent(here);
                continue;
            }
            let Some(child) = self.tree.child(here, part) else {
                see(Step::Lacks(here, part));
                return None;
            };
            see(Step::At(child));
            if self.kind(child) != Kind::Symlink || (waiting.is_empty() && !last) {
                here = child;
                continue;
            }
            links += 1;
            if links > LINKS {
                return None;
            }
            let link = self.tree.link(self.shared(child).data);
            if link.is_empty() {
                return None;
            }
            if link.first() == Some(&b'/') {
                here = ROOT;
            }
            waiting.extend(steps(link).into_iter().rev());
        }
        if path.ends_with(b"/") && self.kind(here) != Kind::Directory {
            return None;
        }
        Some(Entry { rootfs: self, id: here })
    }

    /// What a node is, hard links being what they share.
    fn kind(&self, id: Id) -> Kind {
        self.tree.attributes(self.shared(id).attributes).kind
    }

    /// What a node holds; a hard link holds what it shares.
    fn shared(&self, id: Id) -> Inode {
        self.hardlinks.get(&id).copied().unwrap_or_else(|| self.tree.inode(id))
    }

    /// Notes what a node shares as a hard link, if anything.
    fn share(&mut self, id: Id, target: Option<Inode>) {
        match target {
            Some(target) => {
                Arc::make_mut(&mut self.hardlinks).insert(id, target);
            }
            None if self.hardlinks.contains_key(&id) => {
                Arc::make_mut(&mut self.hardlinks).remove(&id);
            }
            None => {}
        }
    }

    fn path(&self, id: Id) -> Vec<u8> {
        let mut names = Vec::new();
        let mut above = id;
        while above != ROOT {
            names.push(self.tree.name(above));
            above = self.tree.parent(above);
        }
        names.reverse();
        names.join(&b'/')
    }

    /// All files at and below an entry, by path, byte by byte. Directories that no layer has a member for are left out.
    pub fn files<'a>(&'a self, at: Entry<'a>) -> Files<'a> {
        Files::below(self, at.id)
    }

    /// The files of [`Rootfs::files`] that the ground does not have, or not in this form, by path.
    pub fn own(&self) -> Vec<Entry<'_>> {
        let entries = self.tree.own().filter(|id| *id != ROOT).map(|id| Entry { rootfs: self, id }).filter(|entry| entry.is_explicit());
        let mut all: Vec<(Vec<u8>, Entry<'_>)> = entries.map(|entry| (entry.path(), entry)).collect();
        all.sort_by(|(one, _), (two, _)| one.cmp(two));
        all.into_iter().map(|(_, entry)| entry).collect()
    }

    /// The file that has this number in the ground, if it is as it is there.
    pub fn of_ground(&self, number: u32) -> Option<Entry<'_>> {
        self.tree.is_lower(number).then_some(Entry { rootfs: self, id: number })
    }

    /// The directory above everything.
    pub fn root(&self) -> Entry<'_> {
        Entry { rootfs: self, id: ROOT }
    }
}

impl<'a> Entry<'a> {
    /// What its header says that it is; a hard link is one.
    pub fn member_kind(self) -> Kind {
        self.rootfs.tree.of(self.id).kind
    }

    /// What it is; a hard link is what it shares, and one that leads nowhere stays one.
    pub fn kind(self) -> Kind {
        self.rootfs.kind(self.id)
    }

    /// The permission bits of its header.
    pub fn member_mode(self) -> u32 {
        self.rootfs.tree.of(self.id).mode & 0o7777
    }

    /// The owner in its header.
    pub fn member_owner(self) -> (u64, u64) {
        let attributes = self.rootfs.tree.of(self.id);
        (attributes.uid, attributes.gid)
    }

    /// The permission bits that a runtime sees: those of the first member of a hard link.
    pub fn mode(self) -> u32 {
        self.rootfs.tree.attributes(self.rootfs.shared(self.id).attributes).mode & 0o7777
    }

    /// The owner and the group that a runtime sees.
    pub fn owner(self) -> (u64, u64) {
        let attributes = self.rootfs.tree.attributes(self.rootfs.shared(self.id).attributes);
        (attributes.uid, attributes.gid)
    }

    /// The size in its header.
    pub fn member_size(self) -> u64 {
        let inode = self.rootfs.tree.inode(self.id);
        if self.member_kind() == Kind::File { inode.data } else { 0 }
    }

    /// Where its header says that a link leads; empty for everything else.
    pub fn member_link(self) -> &'a [u8] {
        match self.member_kind() {
            Kind::Symlink | Kind::Hardlink => self.rootfs.tree.link(self.rootfs.tree.inode(self.id).data),
            _ => &[],
        }
    }

    /// Where a symbolic link leads.
    pub fn symlink(self) -> Option<&'a [u8]> {
        (self.kind() == Kind::Symlink).then(|| self.rootfs.tree.link(self.rootfs.shared(self.id).data))
    }

    /// The layer that it came from, the lowest being 0.
    pub fn layer(self) -> usize {
        self.rootfs.tree.of(self.id).layer as usize
    }

    /// Its path from the root, without a leading slash; no part of it is a link.
    pub fn path(self) -> Vec<u8> {
        self.rootfs.path(self.id)
    }

    /// Whether a layer has a member for it.
    pub fn is_explicit(self) -> bool {
        self.rootfs.tree.of(self.id).explicit
    }

    /// What is in a directory, in no particular order.
    pub fn children(self) -> impl Iterator<Item = Entry<'a>> {
        self.rootfs.tree.children(self.id).map(move |id| Entry { rootfs: self.rootfs, id })
    }

    /// Its number, which it has in all trees on the same ground.
    pub fn number(self) -> u32 {
        self.id
    }

    /// Its name in its directory.
    pub fn name(self) -> &'a [u8] {
        self.rootfs.tree.name(self.id)
    }

    /// Where the content of a regular file is.
    pub fn content(self) -> Option<Content> {
        let inode = self.rootfs.shared(self.id);
        let attributes = self.rootfs.tree.attributes(inode.attributes);
        (attributes.kind == Kind::File).then_some(Content { layer: attributes.layer as usize, ordinal: inode.ordinal, size: inode.data })
    }
}

/// Writes the content of a file of an image to `out`. The layer was checked when the tree was read, so nothing is written that
/// was not hashed.
///
/// # Errors
/// As [`Rootfs::read`], and those of writing.
pub fn write_content(image: &Image, content: Content, limits: &Limits, out: &mut dyn std::io::Write) -> Result<()> {
    let Some(layer) = image.manifest.layers.get(content.layer) else {
        return Err(Error::new(Code::Bug, "a file came from a layer that does not exist"));
    };
    member_content(&image.source, layer, content.ordinal, limits, out)
}

/// A member name as a path inside the image: no leading `./` or `/`, no trailing `/`.
pub fn inner_path(name: &[u8]) -> Vec<u8> {
    steps(name).join(&b'/')
}

/// A path as its parent and its last part.
pub fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(slash) => (path.get(..slash).unwrap_or_default(), path.get(slash + 1..).unwrap_or_default()),
        None => (b"", path),
    }
}
