//! Packages that came, went, or have another version.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Change, differing};
use crate::plan::packages::{Installed, Packages, System};

/// A package that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PackageChange {
    /// Its name.
    pub name: String,
    /// Whose package it is.
    pub system: System,
    /// What it is built for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub architecture: Option<String>,
    /// What became of it.
    pub change: Change,
    /// Its version in the first image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub was: Option<String>,
    /// Its version in the second image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is: Option<String>,
}

/// The packages of both images.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PackageChanges {
    /// How many each database of the first image has.
    pub from: BTreeMap<System, usize>,
    /// How many each database of the second image has.
    pub to: BTreeMap<System, usize>,
    /// Whether all packages of both are known, or that they are the same; if not, there may be more changes.
    pub known: bool,
    /// Those that differ, by name.
    pub changes: Vec<PackageChange>,
}

/// What a package is built for, and its version.
type Build = (Option<String>, String);

/// A package without its version; the architecture only where there are several.
type Key = (String, System, Option<String>);

/// Compares packages. A database that was not read may have any package, so nothing is new to its image, and nothing was removed.
pub(super) fn changes(was: &Packages, is: &Packages) -> PackageChanges {
    let (known_was, known_is) = (is_known(was, is), is_known(is, was));
    let single = |package: &Installed| [was, is].iter().all(|packages| packages.count(package) <= 1);
    let all = |packages: &Packages| -> BTreeMap<Key, Build> {
        let key = |package: &Installed| {
            let architecture = package.architecture.clone().filter(|_| !single(package));
            (package.name.clone(), package.system, architecture)
        };
        packages.installed.iter().map(|package| (key(package), (package.architecture.clone(), package.version.clone()))).collect()
    };
    let changes = differing(&all(was), &all(is));
    let certain = |change: &PackageChange| match change.change {
        Change::Added => known_was,
        Change::Removed => known_is,
        _ => true,
    };
    PackageChanges {
        from: was.databases.clone(),
        to: is.databases.clone(),
        known: known_was && known_is,
        changes: changes.into_iter().filter_map(change).filter(certain).collect(),
    }
}

/// Whether every database of an image was read, or the other image has the same bytes.
fn is_known(own: &Packages, other: &Packages) -> bool {
    own.damaged.is_empty() && own.unread.iter().all(|one| one.is_same_in(other))
}

fn change(((name, system, _), was, is): (Key, Option<Build>, Option<Build>)) -> Option<PackageChange> {
    let architecture = is.as_ref().or(was.as_ref()).and_then(|(architecture, _)| architecture.clone());
    let (was, is) = (was.map(|(_, version)| version), is.map(|(_, version)| version));
    // The same version for another architecture.
    if was == is {
        return None;
    }
    let order = was.as_deref().zip(is.as_deref()).and_then(|(was, is)| system.order(was, is));
    let change = Change::between(was.is_some(), is.is_some(), order);
    Some(PackageChange { name, system, architecture, change, was, is })
}
