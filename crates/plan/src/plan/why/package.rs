//! Which layer brought a package, and which changed its version.

use std::collections::BTreeMap;

use serde::Serialize;

use super::movement::PackageMove;
use super::{Owner, State};
use crate::foundation::{Digest, text};
use crate::plan::diff::Change;
use crate::plan::packages::Packages;
use crate::read::rootfs::Merged;

/// A layer that changed what the databases say of a package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PackageEvent {
    /// The number of the layer, the lowest being 0.
    pub layer: usize,
    /// What it did.
    pub change: Change,
    /// The version before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub was: Option<String>,
    /// The version from here on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is: Option<String>,
}

/// How many files of a package a layer brought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Brought {
    /// The number of the layer.
    pub layer: usize,
    /// How many files of the package a runtime reads from it.
    pub files: usize,
}

/// A package, and why it is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PackageWhy {
    /// Its name, as it was asked for.
    pub name: String,
    /// What is installed of that name: several, where it is there for several architectures.
    pub installed: Vec<Owner>,
    /// What the layers did, the lowest first.
    pub history: Vec<PackageEvent>,
    /// Where its files come from.
    pub files: Vec<Brought>,
    /// Files that a layer above the one that installed it brought.
    pub changed: Vec<String>,
    /// What a move does to it.
    #[serde(rename = "move", skip_serializing_if = "Option::is_none")]
    pub moved: Option<PackageMove>,
}

/// Follows one name through the layers.
#[derive(Debug)]
pub struct PackageTrack {
    name: String,
    known: Vec<(Vec<u8>, Option<Digest>)>,
    now: Vec<Owner>,
    events: Vec<PackageEvent>,
}

impl PackageTrack {
    /// Before the first layer.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), known: Vec::new(), now: Vec::new(), events: Vec::new() }
    }

    /// What is installed after a layer.
    pub fn see(&mut self, layer: usize, files: &Merged) {
        let fingerprint = Packages::fingerprint(files);
        if fingerprint == self.known {
            return;
        }
        self.known = fingerprint;
        let next: Vec<Owner> = Packages::versions(files).named(&self.name).map(Owner::of).collect();
        if next == self.now {
            return;
        }
        let (was, is) = (versions(&self.now), versions(&next));
        let order = self.now.first().zip(next.first()).and_then(|(was, is)| was.system.order(&was.version, &is.version));
        self.events.push(PackageEvent { layer, change: Change::between(was.is_some(), is.is_some(), order), was, is });
        self.now = next;
    }

    /// Whether any layer has a package of that name.
    pub fn is_known(&self) -> bool {
        !self.events.is_empty()
    }

    /// What is installed, and why.
    pub fn finish(self, files: &Merged, packages: &Packages, moved: Option<PackageMove>) -> PackageWhy {
        let (mut brought, mut changed) = (BTreeMap::<usize, usize>::new(), Vec::new());
        let installed = self.events.last().map_or(0, |event| event.layer);
        for path in packages.named(&self.name).flat_map(|package| packages.files(package)) {
            let Some(state) = State::at(files, path) else { continue };
            *brought.entry(state.source()).or_default() += 1;
            if state.source() > installed {
                changed.push(format!("/{}", text::escape_bytes(path)));
            }
        }
        let files = brought.into_iter().map(|(layer, files)| Brought { layer, files }).collect();
        PackageWhy { name: self.name, installed: self.now, history: self.events, files, changed, moved }
    }
}

/// The versions of one package; several only where the architectures differ in it.
fn versions(installed: &[Owner]) -> Option<String> {
    let mut versions: Vec<&str> = installed.iter().map(|owner| owner.version.as_str()).collect();
    versions.dedup();
    (!versions.is_empty()).then(|| versions.join(", "))
}
