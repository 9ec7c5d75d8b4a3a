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

/// Files that are no fixes of anything where a base changed them: accounts, which an app that adds a user has as a whole, what is made out of
/// other files, and texts that nothing runs. What an app has of them hides nothing.
const SPARED: [&[u8]; 25] = [
    b"etc/passwd",
    b"etc/group",
    b"etc/shadow",
    b"etc/gshadow",
    b"etc/subuid",
    b"etc/subgid",
    b"etc/passwd-",
    b"etc/group-",
    b"etc/shadow-",
    b"etc/gshadow-",
    b"etc/.pwd.lock",
    b"etc/hostname",
    b"etc/hosts",
    b"etc/resolv.conf",
    b"etc/mtab",
    b"etc/machine-id",
    b"etc/ld.so.cache",
    b"etc/apk/world",
    b"lib/apk/db",
    b"usr/lib/apk/db",
    b"usr/share/doc",
    b"usr/share/man",
    b"usr/share/info",
    b"var/cache",
    b"var/log",
];

/// Databases of packages beside those that mask what a scanner would tell: lists and states of their managers.
const LISTS: [&[u8]; 4] = [b"var/lib/dpkg", b"var/lib/apt", b"var/lib/rpm", b"var/lib/systemd"];

/// Whether a path is one of these, or below one.
fn is_below(path: &[u8], folders: &[&[u8]]) -> bool {
    folders.iter().any(|folder| path.strip_prefix(*folder).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/")))
}

/// Whether an app that has a file at this path hides what the new base changed in it.
fn counts(path: &[u8]) -> bool {
    DATABASES.contains(&path) || !(is_below(path, &SPARED) || is_below(path, &LISTS))
}

/// Whether a file is something that fixes are made in, and no setting or state: where one of these arrives, fixes do.
fn is_code(path: &[u8]) -> bool {
    let is_release = path == b"usr/lib/os-release";
    is_certificate(path) || (counts(path) && !is_release && !is_below(path, &[b"etc", b"var"]) && !DATABASES.contains(&path))
}

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
    /// Files of the app that hide what the new base changed: of any kind at their place, and libraries elsewhere by the names that they
    /// give themselves.
    pub(super) fn of(old: &View, new: &View, owners: &Owners<'_>) -> Self {
        let files = new.rootfs().own().into_iter().filter(|entry| new.is_own(*entry) && entry.kind() == Kind::File);
        let own: Vec<Entry<'_>> = files.filter(|entry| new.files().is_program(*entry) || counts(&entry.path())).collect();
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

/// Whether a program, a library or another file that fixes are made in, which the base changed, is in the moved image, and no library of the
/// app goes before it.
fn arrives(from: &Merged, to: &Merged, new: &View, hidden: &BTreeSet<Vec<u8>>) -> bool {
    to.rootfs().files(to.rootfs().root()).any(|entry| {
        let path = entry.path();
        let (Some(before), Some(after), Some(moved)) = (from.rootfs().resolve(&path), to.rootfs().resolve(&path), new.find(&path)) else {
            return false;
        };
        let changed = after.kind() == Kind::File && from.digest(before) != to.digest(after);
        changed && (to.is_program(after) || is_code(&path)) && new.digest(moved) == to.digest(after) && !hidden.contains(entry.name())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_any_kind_count_but_for_accounts_and_what_is_made_of_others() {
        for path in ["usr/bin/x", "etc/ssl/openssl.cnf", "etc/passwd.d/x", "usr/share/java/x.jar", "var/lib/dpkg/status", "opt/x"] {
            assert!(counts(path.as_bytes()), "{path}");
        }
        for path in ["etc/passwd", "etc/ld.so.cache", "var/cache/x/y", "var/lib/dpkg/info/x.list", "lib/apk/db/triggers"] {
            assert!(!counts(path.as_bytes()), "{path}");
        }
        assert!(is_code(b"usr/lib/python3/x.py") && is_code(b"etc/ssl/certs/x.pem"));
        assert!(!is_code(b"etc/edition") && !is_code(b"usr/lib/os-release") && !is_code(b"lib/apk/db/installed"));
    }
}
