//! Whether the fixes of the new base reach the app.

use std::collections::{BTreeMap, BTreeSet};

use super::loader::shown;
use super::owners::{Hidden, Owners};
use super::view::View;
use crate::format::tar::Kind;
use crate::foundation::{Digest, Finding, Severity};
use crate::plan::packages::{Owner, Unread};
use crate::read::rootfs::{Entry, Merged};

/// What the app hides of what the new base changed.
#[derive(Debug, Default)]
pub(super) struct Fixes {
    /// The files of the app that hide something.
    pub(super) hidden: Vec<Hidden>,
    /// Whether nothing of what changed is left.
    pub(super) none_arrives: bool,
}

/// Databases of packages, which mask what a scanner would tell.
const DATABASES: [&[u8]; 3] = [b"var/lib/dpkg/status", b"lib/apk/db/installed", b"usr/lib/apk/db/installed"];

fn is_certificate(path: &[u8]) -> bool {
    path.ends_with(b".crt") || path.ends_with(b".pem")
}

/// The libraries of a base by the names of their files, with what they are and where.
pub(super) type Libraries = BTreeMap<Vec<u8>, (Option<Digest>, Vec<u8>)>;

/// Those of a base alone.
pub(super) fn libraries(base: &Merged) -> Libraries {
    let rootfs = base.rootfs();
    let named = rootfs.files(rootfs.root()).filter(|entry| entry.name().windows(3).any(|window| window == b".so"));
    let real = |path: Vec<u8>| rootfs.resolve(&path).map_or((None, path), |entry| (base.digest(entry).cloned(), entry.path()));
    named.map(|entry| (entry.name().to_vec(), real(entry.path()))).collect()
}

impl Fixes {
    /// Programs, libraries, certificates and package databases of the app that hide what the new base changed: at their place, and
    /// libraries elsewhere by the names that they give themselves.
    pub(super) fn of(old: &View, new: &View, owners: &Owners<'_>) -> Self {
        let counts = |entry: &Entry<'_>| {
            let path = entry.path();
            new.files().is_program(*entry) || is_certificate(&path) || DATABASES.contains(&path.as_slice())
        };
        let files = new.rootfs().own().into_iter().filter(|entry| new.is_own(*entry) && entry.kind() == Kind::File);
        let own: Vec<Entry<'_>> = files.filter(counts).collect();
        if own.is_empty() {
            return Self::default();
        }
        let (from, to) = (old.base_files(), new.base_files());
        let (before, after) = (old.base_libraries(), new.base_libraries());
        let mut found = Self::default();
        let mut names = BTreeSet::new();
        for entry in own {
            let path = entry.path();
            let digest = new.digest(entry);
            let at_its_place = match (from.rootfs().resolve(&path), to.rootfs().resolve(&path)) {
                (before, Some(after)) => before.and_then(|before| from.digest(before)) != to.digest(after) && digest != to.digest(after),
                (_, None) => false,
            };
            let name = if new.files().is_program(entry) { new.elf(entry).and_then(|elf| elf.soname.clone()) } else { None };
            let elsewhere = name.filter(|name| match (before.get(name), after.get(name)) {
                // What only the new base has, newer than the app's or not, is not what the app gets.
                (before, Some((after, _))) => before.is_none_or(|(before, _)| before != after) && digest != after.as_ref(),
                (_, None) => false,
            });
            let place = elsewhere.as_ref().and_then(|name| after.get(name)).map(|(_, path)| path.clone());
            let below = if at_its_place { to.rootfs().resolve(&path).map(Entry::path) } else { place };
            if let Some(below) = below {
                let (packages, new_base_packages) = (Owner::all(new.packages(), &path), Owner::all(owners.base(), &below));
                found.hidden.push(Hidden { path: format!("/{}", shown(&path)), packages, new_base_packages });
            }
            names.extend(elsewhere);
        }
        found.none_arrives = !found.hidden.is_empty() && !arrives(&from, &to, new, &names);
        found
    }
}

/// Whether a program, a library or a certificate that the base changed is in the moved image, and no library of the app goes before it.
fn arrives(from: &Merged, to: &Merged, new: &View, hidden: &BTreeSet<Vec<u8>>) -> bool {
    to.rootfs().files(to.rootfs().root()).any(|entry| {
        let path = entry.path();
        let (Some(before), Some(after), Some(moved)) = (from.rootfs().resolve(&path), to.rootfs().resolve(&path), new.find(&path)) else {
            return false;
        };
        let changed = after.kind() == Kind::File && from.digest(before) != to.digest(after);
        changed
            && (to.is_program(after) || is_certificate(&path))
            && new.digest(moved) == to.digest(after)
            && !hidden.contains(entry.name())
    })
}

/// Databases of packages that nobody reads, or that contradict themselves: what they mask is not known.
pub(super) fn unread(old: &View, new: &View) -> Vec<Finding> {
    let mut found: Vec<Finding> = Vec::new();
    let told =
        |view: &View| view.packages().unread.iter().map(Unread::finding).chain(view.packages().damaged.iter().cloned()).collect::<Vec<_>>();
    for finding in told(old).into_iter().chain(told(new)) {
        let finding = finding.severity(Severity::Note);
        if !found.contains(&finding) {
            found.push(finding);
        }
    }
    found
}
