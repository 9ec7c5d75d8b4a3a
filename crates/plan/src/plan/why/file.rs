//! What each layer did to a path, as a runtime sees it when the layers up to that one are there.

use serde::Serialize;

use super::Owner;
use super::cause::Cause;
use super::movement::FileMove;
use super::state::State;
use crate::format::tar::Kind;
use crate::foundation::Digest;
use crate::plan::diff::{Aspect, FileState};
use crate::plan::packages::Packages;
use crate::read::rootfs::{Merged, inner_path};

/// What a layer does to a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Happened {
    /// It is there from here on.
    Added,
    /// It has another content, leads elsewhere or is of another kind.
    Replaced,
    /// Only its mode or its owner changed.
    Changed,
    /// The layer has it again, and nothing changed.
    Repeated,
    /// It is not there any more.
    Deleted,
    /// The path leads to another place, where something equal is.
    Moved,
}

impl Happened {
    /// As it is shown to users.
    pub fn word(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Replaced => "replaced",
            Self::Changed => "changed",
            Self::Repeated => "repeated",
            Self::Deleted => "deleted",
            Self::Moved => "moved",
        }
    }
}

/// One layer's part in the history of a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Event {
    /// The number of the layer, the lowest being 0.
    pub layer: usize,
    /// What it did.
    pub event: Happened,
    /// In what it changed the file.
    pub aspects: Vec<Aspect>,
    /// What took the file away, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
}

/// Follows one path through the layers.
#[derive(Debug)]
pub struct Track {
    path: Vec<u8>,
    now: Option<State>,
    /// The directories on the way, and what each is.
    way: Vec<(Vec<u8>, Option<Kind>)>,
    events: Vec<Event>,
}

impl Track {
    /// Before the first layer.
    pub fn new(path: &[u8]) -> Self {
        let path = inner_path(path);
        let slashes = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
        let way = slashes.filter_map(|at| path.get(..at)).map(|directory| (directory.to_vec(), None)).collect();
        Self { path, now: None, way, events: Vec::new() }
    }

    /// What is there after a layer.
    pub fn see(&mut self, layer: usize, files: &Merged) {
        let next = State::at(files, &self.path);
        let way: Vec<_> = self.way.iter().map(|(path, _)| (path.clone(), State::at(files, path).map(|state| state.kind))).collect();
        let turned = self.way.iter().zip(&way).find(|((_, was), (_, is))| was.is_some() && is.is_some() && was != is);
        let turned = turned.map(|((path, _), _)| path.as_slice());
        let happened = match (&self.now, &next) {
            (None, None) => None,
            (None, Some(_)) => Some((Happened::Added, Vec::new(), None)),
            (Some(was), None) => Some((Happened::Deleted, Vec::new(), Cause::of(was, files.members(layer), turned))),
            (Some(was), Some(is)) => between(was, is).map(|(event, aspects)| {
                let elsewhere = was.real != is.real;
                let cause = if elsewhere { Cause::of(was, files.members(layer), turned) } else { None };
                (event, aspects, cause)
            }),
        };
        self.events.extend(happened.map(|(event, aspects, cause)| Event { layer, event, aspects, cause }));
        (self.now, self.way) = (next, way);
    }

    /// What is there after the last layer.
    pub fn now(&self) -> Option<&State> {
        self.now.as_ref()
    }

    /// What the layers did so far.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// The path from the root, without a leading slash.
    pub fn path(&self) -> &[u8] {
        &self.path
    }

    /// What is there, and why.
    pub fn finish(self, packages: &Packages, moved: Option<FileMove>) -> FileWhy {
        let now = self.now.as_ref();
        FileWhy {
            path: path(&self.path),
            real: now.map(|state| path(&state.real)),
            state: now.map(State::shown),
            digest: now.and_then(|state| state.digest.clone()),
            layer: now.map(State::source),
            hardlink: now.and_then(|state| state.hardlink.as_deref()).map(|target| path(&inner_path(target))),
            packages: now.map(|state| Owner::all(packages, &state.real)).unwrap_or_default(),
            history: self.events,
            moved,
        }
    }
}

fn path(bytes: &[u8]) -> String {
    format!("/{}", String::from_utf8_lossy(bytes))
}

fn between(was: &State, is: &State) -> Option<(Happened, Vec<Aspect>)> {
    let aspects = was.aspects(is);
    let replaced = [Aspect::Type, Aspect::Content, Aspect::Link].iter().any(|aspect| aspects.contains(aspect));
    let event = match (aspects.is_empty(), replaced) {
        (_, true) => Happened::Replaced,
        (false, false) => Happened::Changed,
        (true, _) if was.real != is.real => Happened::Moved,
        // Every layer that has something in a directory has the directory again.
        (true, _) if was.layer == is.layer || is.kind == Kind::Directory => return None,
        (true, _) => Happened::Repeated,
    };
    Some((event, aspects))
}

/// A path, what is there, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileWhy {
    /// The path as it was asked for, with a leading slash.
    pub path: String,
    /// The path without links in it; absent if nothing is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub real: Option<String>,
    /// What is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<FileState>,
    /// The digest of its content.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// The layer whose bytes a runtime reads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layer: Option<usize>,
    /// What a hard link was made of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hardlink: Option<String>,
    /// The packages that it is of.
    pub packages: Vec<Owner>,
    /// What the layers did, the lowest first.
    pub history: Vec<Event>,
    /// What a move does to it.
    #[serde(rename = "move", skip_serializing_if = "Option::is_none")]
    pub moved: Option<FileMove>,
}
