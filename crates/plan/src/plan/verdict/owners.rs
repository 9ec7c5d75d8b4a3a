//! Which packages the files are of that findings speak of.

use std::cell::OnceCell;

use serde::Serialize;

use super::loader::shown;
use super::trace::Need;
use super::view::View;
use crate::foundation::{Code, Finding};
use crate::plan::packages::{Owner, Packages};
use crate::read::rootfs::Entry;

/// A file of the app that hides what the new base changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Hidden {
    /// Its path.
    pub path: String,
    /// The packages that it is of.
    pub packages: Vec<Owner>,
    /// The packages that what it hides is of.
    pub new_base_packages: Vec<Owner>,
}

impl std::fmt::Display for Hidden {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let list = |owners: &[Owner]| owners.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        formatter.write_str(&self.path)?;
        match (self.packages.as_slice(), self.new_base_packages.as_slice()) {
            ([], []) => Ok(()),
            ([], new) => write!(formatter, "  of no package; the new base has {}", list(new)),
            (own, []) => write!(formatter, "  {}", list(own)),
            (own, new) => write!(formatter, "  {}; the new base has {}", list(own), list(new)),
        }
    }
}

/// Who owns what in the image before and after the move.
pub(super) struct Owners<'v> {
    old: &'v View,
    new: &'v View,
    /// Whether a database of the app lies over those of the new base.
    base: OnceCell<bool>,
}

impl<'v> Owners<'v> {
    pub(super) fn new(old: &'v View, new: &'v View) -> Self {
        Self { old, new, base: OnceCell::new() }
    }

    /// What the databases of the new base say, whatever of the app lies over them.
    pub(super) fn base(&self) -> &Packages {
        let is_own = |path: &[u8]| self.new.find(path).is_some_and(|entry| self.new.is_own(entry));
        let own = self
            .base
            .get_or_init(|| self.new.shared_packages().is_none() && Packages::places(self.new.rootfs()).iter().any(|path| is_own(path)));
        if *own { self.new.base_packages() } else { self.new.packages() }
    }

    /// The packages that a file of the moved image is of.
    fn after(&self, entry: Entry<'_>) -> Vec<Owner> {
        let packages = if self.new.is_own(entry) { self.new.packages() } else { self.base() };
        Owner::all(packages, &entry.path())
    }

    /// Adds to a finding which package the file is of that it stands at.
    pub(super) fn name(&self, mut finding: Finding) -> Finding {
        let Some(path) = finding.place.clone().filter(|place| place.starts_with('/')) else { return finding };
        let owners = match (self.new.find(path.as_bytes()), self.old.find(path.as_bytes())) {
            (Some(entry), _) => self.after(entry),
            (None, Some(entry)) => Owner::all(self.old.packages(), &entry.path()),
            (None, None) => Vec::new(),
        };
        for owner in owners {
            finding = finding.detail(format!("{path} is of the package {owner} ({})", owner.system.name()));
        }
        finding
    }

    /// Where the image had what is lacking now, if a package brought it.
    pub(super) fn had(&self, need: &Need) -> Option<String> {
        let name = need.name.as_bytes();
        let path = match need.code {
            Code::VerdictCommand | Code::VerdictScriptInterpreter | Code::VerdictInterpreter => self.old.command(name),
            Code::VerdictMissing => Some(name.to_vec()),
            Code::VerdictNeeded => return self.old.packages().file_named(name).map(|(path, package)| was(path, &Owner::of(package))),
            _ => None,
        };
        self.was_of(&path?)
    }

    /// The package that a path of the image was of.
    pub(super) fn was_of(&self, path: &[u8]) -> Option<String> {
        let entry = self.old.find(path)?;
        Owner::all(self.old.packages(), &entry.path()).first().map(|owner| was(&entry.path(), owner))
    }
}

fn was(path: &[u8], owner: &Owner) -> String {
    format!("the image had it from the package {owner} ({}): /{}", owner.system.name(), shown(path))
}
