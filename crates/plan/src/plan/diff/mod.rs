//! What differs between two images: settings, layers, and what is in their files.

mod accounts;
mod config;
mod files;
mod layers;
mod libraries;
mod packages;

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::os_release::OsRelease;
use super::packages::Packages;
use crate::foundation::{Finding, Severity, text};
use crate::read::rootfs::Merged;

pub use config::{Setting, settings};
pub use files::{Aspect, FileChange, FileState, Files};
pub use layers::{Layer, Layers, layers};
pub use packages::{PackageChange, PackageChanges};

/// What became of a thing that has a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// Only the second image has it.
    Added,
    /// Only the first image has it.
    Removed,
    /// Both have it, and it is not the same.
    Changed,
    /// A package of which the second image has a later version.
    Newer,
    /// A package of which the second image has an earlier version.
    Older,
}

impl Change {
    /// What became of a package whose versions have that order, if they have one.
    pub fn between(was: bool, is: bool, order: Option<Ordering>) -> Self {
        match (Self::of(was, is), order) {
            (Self::Changed, Some(Ordering::Less)) => Self::Newer,
            (Self::Changed, Some(Ordering::Greater)) => Self::Older,
            // Two spellings of one version, or no versions.
            (change, _) => change,
        }
    }

    fn of(was: bool, is: bool) -> Self {
        match (was, is) {
            (false, _) => Self::Added,
            (true, false) => Self::Removed,
            (true, true) => Self::Changed,
        }
    }
}

/// A thing that has a name and a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Named {
    /// Its name.
    pub name: String,
    /// What became of it.
    pub change: Change,
    /// Its value in the first image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub was: Option<String>,
    /// Its value in the second image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is: Option<String>,
}

/// Two lists by name: every name of which the values differ, with both values.
fn differing<K: Ord + Clone, V: PartialEq + Clone>(was: &BTreeMap<K, V>, is: &BTreeMap<K, V>) -> Vec<(K, Option<V>, Option<V>)> {
    let names: BTreeSet<&K> = was.keys().chain(is.keys()).collect();
    let both = names.into_iter().map(|name| (name.clone(), was.get(name).cloned(), is.get(name).cloned()));
    both.filter(|(_, was, is)| was != is).collect()
}

fn named(was: &BTreeMap<String, String>, is: &BTreeMap<String, String>) -> Vec<Named> {
    let change = |(name, was, is): (String, Option<String>, Option<String>)| Named {
        name,
        change: Change::of(was.is_some(), is.is_some()),
        was,
        is,
    };
    differing(was, is).into_iter().map(change).collect()
}

/// What differs in the files of two images.
#[derive(Debug, Clone, Serialize)]
pub struct Contents {
    /// Which system each is.
    pub system: Systems,
    /// Installed packages.
    pub packages: PackageChanges,
    /// Users, with number, group, comment, home and shell; absent if a list of them was not read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub users: Option<Vec<Named>>,
    /// Groups, with number and members; absent if a list of them was not read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groups: Option<Vec<Named>>,
    /// Libraries by the names that they give themselves, with their paths.
    pub libraries: Vec<Named>,
    /// Files.
    pub files: Files,
}

/// What `os-release` says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Systems {
    /// In the first image; absent if it has no such file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<OsRelease>,
    /// In the second one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<OsRelease>,
}

/// Compares the files of two images; the findings say what could not be compared.
pub fn contents(was: &Merged, is: &Merged) -> (Contents, Vec<Finding>) {
    let (from, to) = (Packages::of(was), Packages::of(is));
    let mut findings: Vec<Finding> = unread(&from, &to);
    for damaged in from.damaged.iter().chain(&to.damaged) {
        if !findings.contains(damaged) {
            findings.push(damaged.clone());
        }
    }
    findings.extend(accounts::unread(was).into_iter().chain(accounts::unread(is)));
    let contents = Contents {
        system: Systems { from: OsRelease::of(was), to: OsRelease::of(is) },
        packages: packages::changes(&from, &to),
        users: accounts::users(was).zip(accounts::users(is)).map(|(was, is)| named(&was, &is)),
        groups: accounts::groups(was).zip(accounts::groups(is)).map(|(was, is)| named(&was, &is)),
        libraries: libraries::changes(was, is),
        files: files::changes(was, is),
    };
    (contents, findings)
}

/// Databases that were not read. Where both images have the same bytes the packages are the same, whatever they are.
fn unread(from: &Packages, to: &Packages) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    for (own, others) in [(from, to), (to, from)] {
        for one in &own.unread {
            let finding = one.finding();
            let finding = if one.is_same_in(others) {
                finding.severity(Severity::Note).detail("both images have the same database, so their packages are the same")
            } else {
                finding
            };
            if !findings.contains(&finding) {
                findings.push(finding);
            }
        }
    }
    findings
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn path(bytes: &[u8]) -> String {
    format!("/{}", text::escape_bytes(bytes))
}
