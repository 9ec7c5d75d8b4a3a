//! The nodes of a file system in little memory: a million files take some hundred bytes each, names included.
//!
//! A node is never taken out: what is removed is marked, and comes back in its place when a later layer brings the name again.

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, RandomState};

use crate::core::{Code, Error, Fact, Result};
use crate::format::tar::Kind;

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

#[derive(Debug, Clone)]
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

/// All nodes, found by parent and name.
#[derive(Debug, Clone)]
pub(super) struct Tree {
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

    /// How many bytes of memory it takes.
    pub(super) fn size(&self) -> usize {
        self.nodes.capacity() * size_of::<Node>() + self.texts.capacity() + self.table.capacity() * size_of::<Id>()
    }

    fn node(&self, id: Id) -> Option<&Node> {
        self.nodes.get(id as usize)
    }

    fn node_mut(&mut self, id: Id) -> Option<&mut Node> {
        self.nodes.get_mut(id as usize)
    }

    /// The number of these attributes.
    pub(super) fn number(&mut self, attributes: Attributes) -> u32 {
        if let Some(number) = self.numbers.get(&attributes) {
            return *number;
        }
        let number = u32::try_from(self.attributes.len()).unwrap_or(u32::MAX);
        self.attributes.push(attributes);
        self.numbers.insert(attributes, number);
        number
    }

    /// The attributes of a number.
    pub(super) fn attributes(&self, number: u32) -> Attributes {
        const NOTHING: Attributes = Attributes { kind: Kind::Directory, mode: 0, uid: 0, gid: 0, layer: 0, explicit: false };
        self.attributes.get(number as usize).copied().unwrap_or(NOTHING)
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
        let place = place as usize;
        self.texts.get(place..place.saturating_add(length as usize)).unwrap_or_default()
    }

    /// Keeps a text; gives its place and its length in one number, as [`Tree::link`] takes it.
    ///
    /// # Errors
    /// `tar.too_many_members` if all texts together are too long.
    pub(super) fn keep(&mut self, text: &[u8]) -> Result<u64> {
        let place = u32::try_from(self.texts.len()).ok();
        let length = u32::try_from(text.len()).ok().filter(|length| place.is_some_and(|place| place.checked_add(*length).is_some()));
        let (Some(place), Some(length)) = (place, length) else {
            return Err(too_large("4 GiB of names"));
        };
        self.texts.extend_from_slice(text);
        Ok(u64::from(place) << 32 | u64::from(length))
    }

    fn slot(&self, parent: Id, name: &[u8]) -> usize {
        let mask = self.table.len() - 1;
        let mut slot = usize::try_from(self.hasher.hash_one((parent, name)) & mask as u64).unwrap_or_default();
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
        self.table.get(self.slot(parent, name)).copied().filter(|id| *id != NONE)
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
        let id = u32::try_from(self.nodes.len()).ok().filter(|id| *id < NONE).ok_or_else(|| too_large("4 294 967 295 files"))?;
        let place = self.keep(name)?;
        let slot = self.slot(parent, name);
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
        for id in 1..u32::try_from(self.nodes.len()).unwrap_or_default() {
            let slot = self.slot(self.parent(id), self.name(id));
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
