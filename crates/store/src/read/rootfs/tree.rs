//! The nodes of a file system in little memory: a million files take some hundred bytes each, names included.
//!
//! A node is never taken out: what is removed is marked, and comes back in its place when a later layer brings the name again.
//!
//! A tree may lie on another one that many share. It keeps the nodes that it adds, and those of the lower one that it changed.

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;

use crate::format::tar::Kind;
use crate::foundation::{Code, Error, Fact, Result};

/// The number of a node.
pub(super) type Id = u32;

/// The directory above everything.
pub(super) const ROOT: Id = 0;

/// No node, in the lists and in the table.
const NONE: Id = u32::MAX;

/// Where a node came from, and what its header says. Few of these differ, so each is kept once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Attributes {
    pub(super) kind: Kind,
    pub(super) mode: u32,
    pub(super) uid: u64,
    pub(super) gid: u64,
    pub(super) layer: u32,
    /// Whether a layer has a member for it; a directory may be there only because something is in it.
    pub(super) explicit: bool,
}

/// What is in a node: the attributes by their number, the size of a file or the place of the text of a link, and the number of
/// the member in its layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Inode {
    pub(super) attributes: u32,
    pub(super) data: u64,
    pub(super) ordinal: u32,
}

#[derive(Debug, Clone, Copy)]
struct Node {
    parent: Id,
    name: u32,
    length: u32,
    inode: Inode,
    first_child: Id,
    next: Id,
    /// The last layer that has something below this directory, and 1; 0 if none has.
    touched: u32,
    live: bool,
    /// Whether it is in the list of its parent.
    listed: bool,
}

/// Something that is not in its directory as it was in the lower tree. A directory that stays one is none: it leads to the same files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// What was there is another thing, or is not there.
    Of(Id),
    /// The file that was there is another file.
    Content(Id),
    /// Nothing was there.
    New(Id),
}

/// All nodes, found by parent and name.
#[derive(Debug, Clone)]
pub(super) struct Tree {
    /// The tree that this one lies on. Its nodes come first, as do its texts and its attributes.
    lower: Option<Arc<Tree>>,
    /// Nodes of the lower tree that are not as they were.
    changed: BTreeMap<Id, Node>,
    nodes: Vec<Node>,
    texts: Vec<u8>,
    /// Open addressing: a node, or [`NONE`].
    table: Vec<Id>,
    attributes: Vec<Attributes>,
    numbers: BTreeMap<Attributes, u32>,
    hasher: RandomState,
}

impl Tree {
    /// The root alone.
    pub(super) fn new() -> Self {
        let mut tree = Self {
            lower: None,
            changed: BTreeMap::new(),
            nodes: Vec::new(),
            texts: Vec::new(),
            table: vec![NONE; 64],
            attributes: Vec::new(),
            numbers: BTreeMap::new(),
            hasher: RandomState::new(),
        };
        let root = Attributes { kind: Kind::Directory, mode: 0o755, uid: 0, gid: 0, layer: 0, explicit: false };
        let inode = Inode { attributes: tree.number(root), data: 0, ordinal: 0 };
        tree.nodes.push(Node {
            parent: ROOT,
            name: 0,
            length: 0,
            inode,
            first_child: NONE,
            next: NONE,
            touched: 0,
            live: true,
            listed: true,
        });
        tree
    }

    /// The same files in a tree that is cheap to copy: what is changed in a copy is kept there, and the rest is shared.
    pub(super) fn shared(self) -> Self {
        if self.lower.is_some() {
            // A tree lies on another one and never on a third, so that nothing is looked for twice.
            return self;
        }
        Self {
            changed: BTreeMap::new(),
            nodes: Vec::new(),
            texts: Vec::new(),
            table: vec![NONE; 64],
            attributes: Vec::new(),
            numbers: BTreeMap::new(),
            hasher: self.hasher.clone(),
            lower: Some(Arc::new(self)),
        }
    }

    /// How many bytes of memory it takes, with what it shares.
    pub(super) fn size(&self) -> usize {
        let changed = self.changed.len() * 2 * size_of::<Node>() + self.lower_of(Self::size).unwrap_or(0);
        self.nodes.capacity() * size_of::<Node>() + self.texts.capacity() + self.table.capacity() * size_of::<Id>() + changed
    }

    /// Whether it lies on another one.
    pub(super) fn is_shared(&self) -> bool {
        self.lower.is_some()
    }

    fn lower_of<T>(&self, of: impl FnOnce(&Self) -> T) -> Option<T> {
        self.lower.as_deref().map(of)
    }

    /// How many nodes the lower tree has; the next one is the first of this one.
    fn first(&self) -> usize {
        self.lower_of(|lower| lower.nodes.len()).unwrap_or(0)
    }

    fn count(&self) -> usize {
        self.first() + self.nodes.len()
    }

    fn node(&self, id: Id) -> Option<&Node> {
        let Some(lower) = &self.lower else { return self.nodes.get(id as usize) };
        match (id as usize).checked_sub(lower.nodes.len()) {
            Some(own) => self.nodes.get(own),
            None => self.changed.get(&id).or_else(|| lower.node(id)),
        }
    }

    fn node_mut(&mut self, id: Id) -> Option<&mut Node> {
        let Some(lower) = &self.lower else { return self.nodes.get_mut(id as usize) };
        if let Some(own) = (id as usize).checked_sub(lower.nodes.len()) {
            return self.nodes.get_mut(own);
        }
        let node = *lower.node(id)?;
        Some(self.changed.entry(id).or_insert(node))
    }

    /// What is in directories of the lower tree and was not, and the other way round.
    pub(super) fn changes(&self) -> impl Iterator<Item = Change> + '_ {
        let first = self.first();
        let changed = self.changed.iter().filter_map(|(id, node)| {
            if self.is_lower(*id) {
                return None;
            }
            let was = self.lower_of(|lower| lower.node(*id).copied()).flatten()?;
            let is_file = |node: &Node| self.attributes(node.inode.attributes).kind == Kind::File;
            match (was.live, node.live) {
                (false, false) => None,
                (false, true) => Some(Change::New(*id)),
                (true, true) if is_file(&was) && is_file(node) => Some(Change::Content(*id)),
                (true, _) => Some(Change::Of(*id)),
            }
        });
        let added = self.nodes.iter().zip(first..).filter(move |(node, _)| node.live && (node.parent as usize) < first);
        changed.chain(added.map(|(_, id)| Change::New(Id::try_from(id).unwrap_or(NONE))))
    }

    /// Whether the lower tree has a node and this one the same in its place. A directory that stays one is the same.
    pub(super) fn is_lower(&self, id: Id) -> bool {
        let Some(was) = self.lower_of(|lower| lower.node(id).copied()).flatten().filter(|node| node.live) else { return false };
        let is_directory = |node: &Node| self.attributes(node.inode.attributes).kind == Kind::Directory;
        self.changed.get(&id).is_none_or(|is| is.live && (was.inode == is.inode || (is_directory(&was) && is_directory(is))))
    }

    /// Whether the lower tree has nothing of that name in a directory.
    pub(super) fn lower_lacks(&self, parent: Id, name: &[u8]) -> bool {
        self.lower_of(|lower| lower.child(parent, name).is_none()).unwrap_or(false)
    }

    /// The nodes that are not as they are in the lower tree, or whose directories are not.
    pub(super) fn own(&self) -> impl Iterator<Item = Id> + '_ {
        let added = self.nodes.iter().zip(self.first()..).filter(|(node, _)| node.live);
        let changed = self.changed.iter().filter(|(_, node)| node.live).map(|(id, _)| *id);
        changed.chain(added.map(|(_, id)| Id::try_from(id).unwrap_or(NONE)))
    }

    /// The number of these attributes.
    pub(super) fn number(&mut self, attributes: Attributes) -> u32 {
        let known = |tree: &Self| tree.numbers.get(&attributes).copied();
        if let Some(number) = self.lower_of(known).flatten().or_else(|| known(self)) {
            return number;
        }
        let below = self.lower_of(|lower| lower.attributes.len()).unwrap_or(0);
        let number = u32::try_from(below + self.attributes.len()).unwrap_or(u32::MAX);
        self.attributes.push(attributes);
        self.numbers.insert(attributes, number);
        number
    }

    /// The attributes of a number.
    pub(super) fn attributes(&self, number: u32) -> Attributes {
        const NOTHING: Attributes = Attributes { kind: Kind::Directory, mode: 0, uid: 0, gid: 0, layer: 0, explicit: false };
        let below = self.lower.as_deref().map_or(&[][..], |lower| &lower.attributes);
        let number = number as usize;
        below.get(number).or_else(|| self.attributes.get(number.checked_sub(below.len())?)).copied().unwrap_or(NOTHING)
    }

    /// What is in a node.
    pub(super) fn inode(&self, id: Id) -> Inode {
        self.node(id).map_or(Inode { attributes: 0, data: 0, ordinal: 0 }, |node| node.inode)
    }

    /// The attributes of a node.
    pub(super) fn of(&self, id: Id) -> Attributes {
        self.attributes(self.inode(id).attributes)
    }

    /// The directory that a node is in; the root is in itself.
    pub(super) fn parent(&self, id: Id) -> Id {
        self.node(id).map_or(ROOT, |node| node.parent)
    }

    /// The name of a node in its directory.
    pub(super) fn name(&self, id: Id) -> &[u8] {
        self.node(id).map_or(&[], |node| self.text(node.name, node.length))
    }

    /// The text of a link.
    pub(super) fn link(&self, data: u64) -> &[u8] {
        let place = u32::try_from(data >> 32).unwrap_or_default();
        self.text(place, u32::try_from(data & u64::from(u32::MAX)).unwrap_or_default())
    }

    fn text(&self, place: u32, length: u32) -> &[u8] {
        let below = self.lower.as_deref().map_or(&[][..], |lower| &lower.texts);
        let (texts, place) = match (place as usize).checked_sub(below.len()) {
            Some(own) => (self.texts.as_slice(), own),
            None => (below, place as usize),
        };
        texts.get(place..place.saturating_add(length as usize)).unwrap_or_default()
    }

    /// Keeps a text; gives its place and its length in one number, as [`Tree::link`] takes it.
    ///
    /// # Errors
    /// `tar.too_many_members` if all texts together are too long.
    pub(super) fn keep(&mut self, text: &[u8]) -> Result<u64> {
        let below = self.lower_of(|lower| lower.texts.len()).unwrap_or(0);
        let place = u32::try_from(below + self.texts.len()).ok();
        let length = u32::try_from(text.len()).ok().filter(|length| place.is_some_and(|place| place.checked_add(*length).is_some()));
        let (Some(place), Some(length)) = (place, length) else {
            return Err(too_large("4 GiB of names"));
        };
        self.texts.extend_from_slice(text);
        Ok(u64::from(place) << 32 | u64::from(length))
    }

    fn hash(&self, parent: Id, name: &[u8]) -> u64 {
        self.hasher.hash_one((parent, name))
    }

    /// The place of a name in the table: that of its node, or the one where it would be.
    fn slot(&self, hash: u64, parent: Id, name: &[u8]) -> usize {
        let mask = self.table.len() - 1;
        let mut slot = usize::try_from(hash & mask as u64).unwrap_or_default();
        // The table is never full, so this ends.
        while let Some(id) = self.table.get(slot).copied().filter(|id| *id != NONE) {
            if self.parent(id) == parent && self.name(id) == name {
                break;
            }
            slot = (slot + 1) & mask;
        }
        slot
    }

    fn remembered(&self, parent: Id, name: &[u8]) -> Option<Id> {
        let hash = self.hash(parent, name);
        let at = |tree: &Self| tree.table.get(tree.slot(hash, parent, name)).copied().filter(|id| *id != NONE);
        let below = if (parent as usize) < self.first() { self.lower_of(at).flatten() } else { None };
        below.or_else(|| self.table.get(self.slot(hash, parent, name)).copied().filter(|id| *id != NONE))
    }

    /// The node of that name in a directory.
    pub(super) fn child(&self, parent: Id, name: &[u8]) -> Option<Id> {
        self.remembered(parent, name).filter(|id| self.node(*id).is_some_and(|node| node.live))
    }

    /// Puts something into a directory, in the place of what is there.
    ///
    /// # Errors
    /// `tar.too_many_members`.
    pub(super) fn put(&mut self, parent: Id, name: &[u8], inode: Inode) -> Result<Id> {
        let id = match self.remembered(parent, name) {
            Some(id) => id,
            None => self.create(parent, name, inode)?,
        };
        let mut listed = true;
        if let Some(node) = self.node_mut(id) {
            node.inode = inode;
            node.live = true;
            listed = node.listed;
        }
        if !listed {
            self.list(parent, id);
        }
        Ok(id)
    }

    fn create(&mut self, parent: Id, name: &[u8], inode: Inode) -> Result<Id> {
        if (self.nodes.len() + 1) * 4 > self.table.len() * 3 {
            self.grow();
        }
        let id = u32::try_from(self.count()).ok().filter(|id| *id < NONE).ok_or_else(|| too_large("4 294 967 295 files"))?;
        let place = self.keep(name)?;
        let slot = self.slot(self.hash(parent, name), parent, name);
        self.nodes.push(Node {
            parent,
            name: u32::try_from(place >> 32).unwrap_or_default(),
            length: u32::try_from(name.len()).unwrap_or_default(),
            inode,
            first_child: NONE,
            next: NONE,
            touched: 0,
            live: false,
            listed: false,
        });
        if let Some(slot) = self.table.get_mut(slot) {
            *slot = id;
        }
        Ok(id)
    }

    fn grow(&mut self) {
        let larger = self.table.len() * 2;
        self.table = vec![NONE; larger];
        // The root has no name, and is found by its number.
        let first = u32::try_from(self.first().max(1)).unwrap_or(NONE);
        for id in first..u32::try_from(self.count()).unwrap_or_default() {
            let (parent, name) = (self.parent(id), self.name(id));
            let slot = self.slot(self.hash(parent, name), parent, name);
            if let Some(slot) = self.table.get_mut(slot) {
                *slot = id;
            }
        }
    }

    /// Changes what is in a node that is there.
    pub(super) fn set(&mut self, id: Id, inode: Inode) {
        if let Some(node) = self.node_mut(id) {
            node.inode = inode;
        }
    }

    /// Notes that a layer has something below a directory, and so below those above it.
    pub(super) fn touch(&mut self, id: Id, layer: u32) {
        let mut id = id;
        while id != ROOT && !self.touched(id, layer) {
            let Some(node) = self.node_mut(id) else { return };
            node.touched = layer.saturating_add(1);
            id = node.parent;
        }
    }

    fn touched(&self, id: Id, layer: u32) -> bool {
        self.node(id).is_some_and(|node| node.touched == layer.saturating_add(1))
    }

    /// Removes a node with all that is below it.
    pub(super) fn remove(&mut self, id: Id) {
        let mut waiting = vec![id];
        while let Some(id) = waiting.pop() {
            for child in self.take_list(id) {
                waiting.push(child);
            }
            if let Some(node) = self.node_mut(id) {
                node.live = false;
            }
        }
    }

    /// Removes what layers below `layer` brought in a directory.
    pub(super) fn remove_lower(&mut self, directory: Id, layer: u32) {
        let mut waiting = vec![directory];
        while let Some(directory) = waiting.pop() {
            for child in self.take_list(directory) {
                let attributes = self.of(child);
                if attributes.layer < layer && !self.touched(child, layer) {
                    self.remove(child);
                    continue;
                }
                if attributes.layer < layer {
                    self.imply(child, attributes, layer);
                }
                self.list(directory, child);
                waiting.push(child);
            }
        }
    }

    /// Removes what layers below `layer` brought at and below a node.
    pub(super) fn hide(&mut self, id: Id, layer: u32) {
        let attributes = self.of(id);
        if attributes.layer < layer && !self.touched(id, layer) {
            return self.remove(id);
        }
        if attributes.layer < layer {
            self.imply(id, attributes, layer);
        }
        self.remove_lower(id, layer);
    }

    /// The directory is hidden, but something that is in it is not.
    fn imply(&mut self, id: Id, hidden: Attributes, layer: u32) {
        let attributes = self.number(Attributes { layer, explicit: false, ..hidden });
        self.set(id, Inode { attributes, ..self.inode(id) });
    }

    /// Empties the list of a directory; gives what is there of it.
    fn take_list(&mut self, directory: Id) -> Vec<Id> {
        let mut next = self.node_mut(directory).map_or(NONE, |node| std::mem::replace(&mut node.first_child, NONE));
        let mut live = Vec::new();
        while let Some(node) = self.node_mut(next) {
            let id = next;
            node.listed = false;
            next = node.next;
            if node.live {
                live.push(id);
            }
        }
        live
    }

    fn list(&mut self, directory: Id, child: Id) {
        let head = self.node_mut(directory).map_or(NONE, |node| std::mem::replace(&mut node.first_child, child));
        if let Some(node) = self.node_mut(child) {
            node.listed = true;
            node.next = head;
        }
    }

    /// What is in a directory, in no particular order.
    pub(super) fn children(&self, id: Id) -> impl Iterator<Item = Id> + '_ {
        let mut next = self.node(id).map_or(NONE, |node| node.first_child);
        std::iter::from_fn(move || {
            while next != NONE {
                let id = next;
                let node = self.node(id)?;
                next = node.next;
                if node.live {
                    return Some(id);
                }
            }
            None
        })
    }
}

fn too_large(most: &str) -> Error {
    Error::new(Code::TarTooMany, "the layers of the image have more members than can be kept")
        .expected(Fact::new(format!("at most {most}"), "this version"))
}
