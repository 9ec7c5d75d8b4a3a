//! What a move onto another base does to a file or a package.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Serialize;

use super::{Cause, Happened, Owner, State, Track};
use crate::foundation::{Digest, Result};
use crate::plan::diff::FileState;
use crate::plan::packages::Packages;
use crate::read::rootfs::{Merged, Scan, Unpacker};

/// What becomes of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Fate {
    /// It stays as the app brought it.
    Stays,
    /// The app's stays, and hides what the new base changed.
    Hidden,
    /// The new base has it, and the app deletes it.
    Deleted,
    /// It comes from the new base, and is the same.
    Same,
    /// It comes from the new base, and is another one.
    Other,
    /// It is not there any more.
    Gone,
    /// It is not in the image, and comes with the new base.
    Arrives,
    /// It is in neither.
    Absent,
}

impl Fate {
    /// As it is shown to users.
    pub fn words(self) -> &'static str {
        match self {
            Self::Stays => "stays: it is the app's",
            Self::Hidden => "stays, and hides what the new base changed: its fix does not arrive",
            Self::Deleted => "is deleted by the app, though the new base has it",
            Self::Same => "comes from the new base, and is the same",
            Self::Other => "comes from the new base, and is another one",
            Self::Gone => "is gone: it was the old base's, and the new one does not have it",
            Self::Arrives => "comes with the new base",
            Self::Absent => "is not there after the move either",
        }
    }
}

/// The layer of the app that deletes what the new base has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Deletion {
    /// Its number in the image before the move, the lowest being 0.
    pub layer: usize,
    /// What in it takes the file away, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
}

/// What a move does to a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FileMove {
    /// What becomes of it.
    pub fate: Fate,
    /// What is there after the move.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<FileState>,
    /// The digest of its content after the move.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// The packages that it is of after the move.
    pub packages: Vec<Owner>,
    /// The digest of what the new base has at that path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_base: Option<Digest>,
    /// The packages that this is of.
    pub new_base_packages: Vec<Owner>,
    /// What deletes it, if the app does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deleted: Option<Deletion>,
}

/// What a move does to a package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PackageMove {
    /// What becomes of it.
    pub fate: Fate,
    /// What the databases of the moved image say.
    pub installed: Vec<Owner>,
    /// What those of the new base say.
    pub new_base: Vec<Owner>,
    /// How many of its files stay the app's.
    pub stay: usize,
    /// How many of those hide what the new base changed.
    pub hidden: usize,
    /// How many come from the new base, the same or others.
    pub arrive: usize,
    /// How many the new base has and the app deletes.
    pub deleted: usize,
    /// How many are gone.
    pub gone: usize,
}

/// An image after a move, and the bases of both.
#[derive(Debug)]
pub struct Move<'a> {
    /// The image before the move.
    pub before: &'a Merged,
    /// Its packages.
    pub packages: &'a Packages,
    /// The moved image.
    pub after: Merged,
    /// The old base alone, if it is known.
    pub old_base: Option<Merged>,
    /// The new base alone.
    pub new_base: Merged,
    /// The packages of the moved image.
    pub packages_after: Packages,
    /// The packages of the new base.
    pub packages_new: Packages,
    /// The layers of the moved image.
    pub layers: Vec<Arc<Scan>>,
    /// How many of the lowest layers of the image are the old base's.
    pub old_seam: usize,
    /// How many of the lowest layers of the moved image are the new base's.
    pub seam: usize,
}

impl Move<'_> {
    fn fate(&self, path: &[u8]) -> Fate {
        let (before, after) = (State::at(self.before, path), State::at(&self.after, path));
        match (before, after) {
            (_, None) if State::at(&self.new_base, path).is_some() => Fate::Deleted,
            (None, None) => Fate::Absent,
            (None, Some(_)) => Fate::Arrives,
            (Some(_), None) => Fate::Gone,
            (Some(_), Some(after)) if after.source() >= self.seam => self.own(path, &after),
            (Some(before), Some(after)) if before.reads_as(&after) => Fate::Same,
            (Some(_), Some(_)) => Fate::Other,
        }
    }

    /// The app's file: whether it hides something that the new base changed.
    fn own(&self, path: &[u8], after: &State) -> Fate {
        let Some(new) = State::at(&self.new_base, path).filter(|new| !new.reads_as(after)) else { return Fate::Stays };
        let changed = match &self.old_base {
            Some(old) => State::at(old, path).is_none_or(|old| !old.reads_as(&new)),
            None => true,
        };
        if changed { Fate::Hidden } else { Fate::Stays }
    }

    /// The last layer that takes a path away.
    fn deletion(&self, path: &[u8]) -> Result<Option<Deletion>> {
        let mut track = Track::new(path);
        Merged::stepwise(&self.layers, Unpacker::Overlay, &mut |layer, files| track.see(layer, files))?;
        let last = track.events().last().filter(|event| event.event == Happened::Deleted && event.layer >= self.seam);
        Ok(last.map(|event| Deletion { layer: event.layer - self.seam + self.old_seam, cause: event.cause.clone() }))
    }

    /// What it does to a path.
    ///
    /// # Errors
    /// `tar.too_many`.
    pub fn file(&self, path: &[u8]) -> Result<FileMove> {
        let fate = self.fate(path);
        let deleted = if fate == Fate::Deleted { self.deletion(path)? } else { None };
        let after = State::at(&self.after, path);
        let new = State::at(&self.new_base, path);
        let from_base = after.as_ref().is_some_and(|state| state.source() < self.seam);
        // What comes from the new base is of its packages, whatever database lies over that.
        let packages = if from_base { &self.packages_new } else { &self.packages_after };
        Ok(FileMove {
            fate,
            state: after.as_ref().map(State::shown),
            digest: after.as_ref().and_then(|state| state.digest.clone()),
            packages: after.map(|state| Owner::all(packages, &state.real)).unwrap_or_default(),
            new_base: new.as_ref().and_then(|state| state.digest.clone()),
            new_base_packages: new.map(|state| Owner::all(&self.packages_new, &state.real)).unwrap_or_default(),
            deleted,
        })
    }

    /// What it does to a package.
    pub fn package(&self, name: &str) -> PackageMove {
        let all = |packages: &Packages| packages.named(name).map(Owner::of).collect::<Vec<_>>();
        let (before, new) = (all(self.packages), all(&self.packages_new));
        let files: BTreeSet<&[u8]> = [self.packages, &self.packages_new]
            .iter()
            .flat_map(|packages| packages.named(name).flat_map(|package| packages.files(package)))
            .collect();
        let fates: Vec<Fate> = files.into_iter().map(|path| self.fate(path)).collect();
        let count = |wanted: &[Fate]| fates.iter().filter(|fate| wanted.contains(fate)).count();
        let (stay, hidden) = (count(&[Fate::Stays, Fate::Hidden]), count(&[Fate::Hidden]));
        let deleted = count(&[Fate::Deleted]);
        let fate = match (before.is_empty(), new.is_empty()) {
            (true, true) => Fate::Absent,
            // What the app does to any file of it is true of the package: the rest alone is not what the new base has.
            _ if hidden > 0 => Fate::Hidden,
            _ if deleted > 0 => Fate::Deleted,
            (true, false) => Fate::Arrives,
            (false, _) if stay > 0 => Fate::Stays,
            (false, true) => Fate::Gone,
            (false, false) if before == new => Fate::Same,
            (false, false) => Fate::Other,
        };
        let arrive = count(&[Fate::Same, Fate::Other, Fate::Arrives]);
        let (installed, gone) = (all(&self.packages_after), count(&[Fate::Gone]));
        PackageMove { fate, installed, new_base: new, stay, hidden, arrive, deleted, gone }
    }
}
