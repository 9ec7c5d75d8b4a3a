//! Why a file or a package is in an image: which layer brought it, what later layers did to it, and what a move does to it.

mod cause;
mod chain;
mod file;
mod movement;
mod package;

use serde::Serialize;

use super::packages::{Installed, Packages, System};

pub use cause::{Cause, Reason};
pub use chain::{Chain, Layer, Origin, Part};
pub use file::{Event, FileWhy, Happened, State, Track};
pub use movement::{Fate, FileMove, Move, PackageMove};
pub use package::{Brought, PackageEvent, PackageTrack, PackageWhy};

/// A package that a file is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Owner {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Whose package it is.
    pub system: System,
    /// What it is built for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub architecture: Option<String>,
}

impl Owner {
    fn of(package: &Installed) -> Self {
        let Installed { name, system, architecture, version } = package.clone();
        Self { name, version, system, architecture }
    }

    /// The packages that the file at a real path is of.
    fn all(packages: &Packages, path: &[u8]) -> Vec<Self> {
        packages.owners(path).map(Self::of).collect()
    }
}
