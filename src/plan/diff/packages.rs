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
    /// Those that differ, by name.
    pub changes: Vec<PackageChange>,
}

/// What a package is built for, and its version.
type Build = (Option<String>, String);

/// A package without its version; the architecture only where there are several.
type Key = (String, System, Option<String>);

pub(super) fn changes(was: &Packages, is: &Packages) -> PackageChanges {
    let single = |package: &Installed| [was, is].iter().all(|packages| packages.count(package) <= 1);
    let all = |packages: &Packages| -> BTreeMap<Key, Build> {
        let key = |package: &Installed| {
            let architecture = package.architecture.clone().filter(|_| !single(package));
            (package.name.clone(), package.system, architecture)
        };
        packages.installed.iter().map(|package| (key(package), (package.architecture.clone(), package.version.clone()))).collect()
    };
    let changes = differing(&all(was), &all(is));
    PackageChanges { from: was.databases.clone(), to: is.databases.clone(), changes: changes.into_iter().filter_map(change).collect() }
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
