//! Names that the move takes away, searched for in the files that are reached: paths of data, time zones, libraries that are opened
//! by name.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use super::loader::shown;
use super::view::View;
use crate::format::elf;
use crate::format::tar::Kind;
use crate::read::rootfs::{Entry, split};

/// What was found in a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Hit {
    pub(super) name: String,
    pub(super) by: String,
    /// Whether it is the only name that the file has for it.
    pub(super) exact: bool,
}

/// Whoever names so many zones carries a list.
const LIST: usize = 4;

/// What every C library names in every program, and can do without.
const OPTIONAL: &[&[u8]] = &[
    b"/gconv",
    b"locale",
    b"/etc/ld.so.",
    b"/etc/nsswitch.conf",
    b"/etc/resolv.conf",
    b"/etc/hosts",
    b"/etc/localtime",
    b"/etc/host.conf",
    b"/etc/gai.conf",
    b"/etc/suid-debug",
    b"/etc/protocols",
    b"/etc/services",
    b"/etc/rpc",
    b"/etc/networks",
    b"/etc/ethers",
    b"/etc/shells",
    b"/etc/mtab",
    b"/etc/fstab",
];

/// Where programs look for the certificates of authorities: one of these is enough.
const BUNDLES: &[&[u8]] = &[
    b"/etc/ssl/certs/ca-certificates.crt",
    b"/etc/pki/tls/certs/ca-bundle.crt",
    b"/etc/ssl/ca-bundle.pem",
    b"/etc/pki/tls/cacert.pem",
    b"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    b"/etc/ssl/cert.pem",
];

/// Names that were there and are not any more.
#[derive(Debug)]
pub(super) struct Lost {
    /// Paths by their first bytes.
    paths: BTreeMap<[u8; 8], Vec<Vec<u8>>>,
    /// Time zones by the first bytes after their slash.
    zones: BTreeMap<[u8; 3], Vec<Vec<u8>>>,
    libraries: BTreeSet<Vec<u8>>,
    /// Names of character sets.
    pub(super) charsets: BTreeSet<Vec<u8>>,
    /// Where certificates are that can still be taken.
    bundles: Vec<&'static [u8]>,
}

impl Lost {
    pub(super) fn between(before: &View, after: &View) -> Self {
        let mut lost = Self {
            paths: BTreeMap::new(),
            zones: BTreeMap::new(),
            libraries: BTreeSet::new(),
            charsets: BTreeSet::new(),
            bundles: BUNDLES.iter().copied().filter(|path| after.exists(path)).collect(),
        };
        // Most moves take no library away; then nobody looks for them.
        let kept: OnceCell<BTreeSet<&[u8]>> = OnceCell::new();
        let libraries = || after.rootfs().files(after.rootfs().root()).map(Entry::name).filter(|name| name.starts_with(b"lib"));
        for entry in before.rootfs().files(before.rootfs().root()).filter(|entry| !before.is_own(*entry)) {
            let path = [b"/".as_slice(), &entry.path()].concat();
            let directory = match entry.kind() {
                Kind::Symlink => before.find(&path).is_none_or(|entry| entry.kind() == Kind::Directory),
                kind => kind == Kind::Directory,
            };
            if directory || after.exists(&path) {
                continue;
            }
            if let Some(zone) = path.strip_prefix(b"/usr/share/zoneinfo/") {
                if zone.contains(&b'/') && !zone.starts_with(b"posix/") && !zone.starts_with(b"right/") {
                    let at = zone.iter().position(|byte| *byte == b'/').unwrap_or(0);
                    if let Some(Ok(key)) = zone.get(at + 1..at + 4).map(TryInto::try_into) {
                        lost.zones.entry(key).or_default().push(zone.to_vec());
                    }
                }
                continue;
            }
            let name = entry.name();
            if path.windows(7).any(|window| window == b"/gconv/")
                && let Some(set) = name.strip_suffix(b".so")
            {
                lost.charsets.insert(set.to_ascii_uppercase());
            }
            if name.starts_with(b"lib")
                && name.windows(3).any(|window| window == b".so")
                && !kept.get_or_init(|| libraries().collect()).contains(name)
            {
                lost.libraries.insert(name.to_vec());
            }
            if OPTIONAL.iter().any(|text| path.windows(text.len()).any(|window| window == *text)) {
                continue;
            }
            for spelled in [path.clone(), path.strip_prefix(b"/usr").unwrap_or_default().to_vec()] {
                if let Some(Ok(start)) = spelled.get(..8).map(TryInto::try_into)
                    && !after.exists(&spelled)
                {
                    lost.paths.entry(start).or_default().push(spelled);
                }
            }
        }
        lost
    }

    /// The paths that a file names.
    pub(super) fn paths_in(&self, bytes: &[u8], by: &str) -> BTreeSet<Hit> {
        let mut found = BTreeSet::new();
        let has = |text: &[u8]| bytes.windows(text.len()).any(|window| window == text);
        let bundle = self.bundles.iter().any(|path| has(path));
        for (at, _) in bytes.iter().enumerate().filter(|(_, byte)| **byte == b'/') {
            let rest = bytes.get(at..).unwrap_or_default();
            let Some(Ok(start)) = rest.get(..8).map(TryInto::<[u8; 8]>::try_into) else { continue };
            for path in self.paths.get(&start).into_iter().flatten().filter(|path| rest.starts_with(path)) {
                // A longer name is another one.
                let goes_on = rest.get(path.len()).is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
                // Nor is a name that begins before.
                let before = at.checked_sub(1).and_then(|at| bytes.get(at)).copied().unwrap_or(0);
                let goes_on = goes_on || (before.is_ascii_alphanumeric() && !bytes.starts_with(elf::MAGIC));
                if bundle && BUNDLES.contains(&path.as_slice()) {
                    continue;
                }
                if !goes_on || bytes.starts_with(elf::MAGIC) {
                    found.insert(Hit { name: shown(path), by: by.to_owned(), exact: false });
                }
            }
        }
        found
    }

    /// The time zones that a file names; none if it has a list of them.
    pub(super) fn zones_in(&self, bytes: &[u8], by: &str) -> BTreeSet<Hit> {
        let mut found = BTreeSet::new();
        for (at, _) in bytes.iter().enumerate().filter(|(_, byte)| **byte == b'/') {
            let Some(Ok(key)) = bytes.get(at + 1..at + 4).map(TryInto::<[u8; 3]>::try_into) else { continue };
            for zone in self.zones.get(&key).into_iter().flatten() {
                let first = zone.iter().position(|byte| *byte == b'/').unwrap_or(0);
                let fits = at.checked_sub(first).and_then(|start| bytes.get(start..)).is_some_and(|text| text.starts_with(zone));
                if fits {
                    found.insert(Hit { name: shown(zone), by: by.to_owned(), exact: true });
                    if found.len() >= LIST {
                        return BTreeSet::new();
                    }
                }
            }
        }
        found
    }

    /// The libraries that a program names and does not need as it starts.
    pub(super) fn libraries_in(&self, after: &View, bytes: &[u8], needed: &[Vec<u8>], by: &str) -> BTreeSet<Hit> {
        let texts: BTreeSet<&[u8]> =
            bytes.split(|byte| *byte == 0).filter(|text| text.starts_with(b"lib") || text.starts_with(b"/")).collect();
        let stem = |name: &[u8]| -> Vec<u8> { name.split(|byte| *byte == b'.').next().unwrap_or_default().to_vec() };
        let mut found = BTreeSet::new();
        for text in &texts {
            let name = split(text).1;
            if !self.libraries.contains(name) || needed.iter().any(|needed| needed == name) {
                continue;
            }
            let other = texts.iter().any(|other| {
                other != text
                    && stem(split(other).1) == stem(name)
                    && !self.libraries.contains(split(other).1)
                    && after.rootfs().files(after.rootfs().root()).any(|entry| entry.name() == split(other).1)
            });
            found.insert(Hit { name: shown(name), by: by.to_owned(), exact: !other });
        }
        found
    }
}
