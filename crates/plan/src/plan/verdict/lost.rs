//! Names that the move takes away, searched for in the files that are reached: paths of data, time zones, libraries that are opened
//! by name.

use std::cell::OnceCell;
use std::collections::BTreeSet;

use super::compare::contains;
use super::index::{Index, Spot};
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

/// Where programs look for the certificates of authorities: one of these is enough.
const BUNDLES: &[&[u8]] = &[
    b"/etc/ssl/certs/ca-certificates.crt",
    b"/etc/pki/tls/certs/ca-bundle.crt",
    b"/etc/ssl/ca-bundle.pem",
    b"/etc/pki/tls/cacert.pem",
    b"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    b"/etc/ssl/cert.pem",
];

/// Longer texts are no paths.
const LONGEST_PATH: usize = 256;

/// Directories that compilers and C libraries put into programs, that programs do without, or that are made when the image is started; what is
/// needed of those of certificates and languages has rules of its own.
const SPARED: &[&[u8]] = &[
    b"/dev",
    b"/etc/pki",
    b"/etc/ssl",
    b"/proc",
    b"/run",
    b"/sys",
    b"/tmp",
    b"/usr/include",
    b"/usr/lib/debug",
    b"/usr/lib/gcc",
    b"/usr/lib/locale",
    b"/usr/share/doc",
    b"/usr/share/i18n",
    b"/usr/share/info",
    b"/usr/share/locale",
    b"/usr/share/man",
    b"/usr/share/zoneinfo",
    b"/usr/src",
    b"/var/run",
];

/// Directories in which something is looked for, wherever it is.
const SEARCHED: &[&[u8]] = &[b"bin", b"sbin", b"lib", b"lib64", b"games"];

/// Whether a directory is one in which something is kept: two steps deep at least.
fn is_needed_directory(path: &[u8]) -> bool {
    let path = path.strip_suffix(b"/").unwrap_or(path);
    let below = |folder: &&[u8]| path.strip_prefix(*folder).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"));
    let deep = split(path).0.len() > 1;
    deep && !contains(path, b"-linux-") && !SEARCHED.contains(&split(path).1) && !SPARED.iter().any(below)
}

/// Whether a file is a program or a script of a language; what scripts of shells do with directories is followed.
fn names_directories(bytes: &[u8], path: &str) -> bool {
    let first = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let language = first.starts_with(b"#!") && !first.trim_ascii_end().split(u8::is_ascii_whitespace).any(|word| word.ends_with(b"sh"));
    bytes.starts_with(elf::MAGIC) || language || [".py", ".pl", ".pm", ".rb"].iter().any(|ending| path.ends_with(ending))
}

/// Names that were there and are not any more. Nobody makes a list of them: what a file names is looked for.
pub(super) struct Lost<'v> {
    before: &'v View,
    after: &'v View,
    /// Files of the base that the app put elsewhere: hard links.
    links: Index,
    /// Names of character sets.
    charsets: OnceCell<BTreeSet<Vec<u8>>>,
    /// Where certificates are that can still be taken.
    bundles: Vec<&'static [u8]>,
}

impl<'v> Lost<'v> {
    pub(super) fn between(before: &'v View, after: &'v View) -> Self {
        let links = before.rootfs().own().into_iter().filter(|entry| !before.is_own(*entry));
        let links = Index::with(links, |entry| before.digest(entry));
        let bundles = BUNDLES.iter().copied().filter(|path| after.exists(path)).collect();
        Self { before, after, links, charsets: OnceCell::new(), bundles }
    }

    /// Whether a file of an index was the base's in the image, and its path leads to nothing after the move.
    fn is_lost(&self, Spot { path, number }: Spot<'_>) -> bool {
        let rootfs = self.before.rootfs();
        let entry = rootfs.of_ground(number).or_else(|| rootfs.lookup(path).filter(|entry| entry.number() == number));
        let is_directory = |entry: Entry<'_>| match entry.kind() {
            Kind::Symlink => self.before.find(path).is_none_or(|entry| entry.kind() == Kind::Directory),
            kind => kind == Kind::Directory,
        };
        entry.is_some_and(|entry| entry.is_explicit() && !self.before.is_own(entry) && !is_directory(entry)) && !self.after.exists(path)
    }

    fn indexes(&self) -> [&Index; 2] {
        [self.before.index(), &self.links]
    }

    /// The paths that a file names.
    pub(super) fn paths_in(&self, bytes: &[u8], by: &str) -> BTreeSet<Hit> {
        let mut found = BTreeSet::new();
        let bundle = OnceCell::new();
        let has_bundle = || *bundle.get_or_init(|| self.bundles.iter().any(|path| contains(bytes, path)));
        let is_program = bytes.starts_with(elf::MAGIC);
        for (at, _) in bytes.iter().enumerate().filter(|(_, byte)| **byte == b'/') {
            let rest = bytes.get(at..).unwrap_or_default();
            for (spelled, spot) in self.indexes().into_iter().flat_map(|index| index.paths(rest)) {
                // A longer name is another one.
                let goes_on =
                    rest.get(spelled.len()).is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
                // Nor is a name that begins before.
                let before = at.checked_sub(1).and_then(|at| bytes.get(at)).copied().unwrap_or(0);
                if !is_program && (goes_on || before.is_ascii_alphanumeric()) {
                    continue;
                }
                if (BUNDLES.contains(&spelled) && has_bundle()) || !self.is_lost(spot) || self.after.exists(spelled) {
                    continue;
                }
                found.insert(Hit { name: shown(spelled), by: by.to_owned(), exact: false });
            }
        }
        found
    }

    /// Directories that the text of a program or script names, alone or before the name of a file, and that are lost with all that was in
    /// them.
    pub(super) fn directories_in(&self, bytes: &[u8], by: &str) -> BTreeSet<Hit> {
        if !names_directories(bytes, by) {
            return BTreeSet::new();
        }
        let is_program = bytes.starts_with(elf::MAGIC);
        let ends = |byte: &u8| if is_program { *byte == 0 } else { matches!(byte, b'"' | b'\'') };
        let texts = bytes.split(ends).filter(|text| text.starts_with(b"/") && text.len() < LONGEST_PATH);
        let mut found = BTreeSet::new();
        for text in texts.filter(|text| !text.iter().any(|byte| byte.is_ascii_whitespace() || matches!(byte, b':' | 0x80..))) {
            let is_lost = |path: &[u8]| {
                let was = self.before.find(path).is_some_and(|entry| entry.kind() == Kind::Directory && !self.before.is_own(entry));
                was && !self.after.exists(path) && is_needed_directory(path)
            };
            let lost = [text, split(text).0].into_iter().find(|path| is_lost(path));
            found.extend(lost.map(|path| Hit { name: shown(path), by: by.to_owned(), exact: false }));
        }
        found
    }

    /// The time zones that a file names; none if it has a list of them.
    pub(super) fn zones_in(&self, bytes: &[u8], by: &str) -> BTreeSet<Hit> {
        let mut found = BTreeSet::new();
        for (at, _) in bytes.iter().enumerate().filter(|(_, byte)| **byte == b'/') {
            let Some(Ok(key)) = bytes.get(at + 1..at + 4).map(TryInto::<[u8; 3]>::try_into) else { continue };
            for (zone, spot) in self.indexes().into_iter().flat_map(|index| index.zones(key)) {
                let first = zone.iter().position(|byte| *byte == b'/').unwrap_or(0);
                let fits = at.checked_sub(first).and_then(|start| bytes.get(start..)).is_some_and(|text| text.starts_with(zone));
                if fits && self.is_lost(spot) {
                    found.insert(Hit { name: shown(zone), by: by.to_owned(), exact: true });
                    if found.len() >= LIST {
                        return BTreeSet::new();
                    }
                }
            }
        }
        found
    }

    /// Names of character sets.
    pub(super) fn charsets(&self) -> &BTreeSet<Vec<u8>> {
        self.charsets.get_or_init(|| {
            let all = self.indexes().into_iter().flat_map(Index::charsets).filter(|spot| self.is_lost(*spot));
            all.filter_map(|spot| split(spot.path).1.strip_suffix(b".so")).map(<[u8]>::to_ascii_uppercase).collect()
        })
    }

    /// Libraries that a script of a language opens by name, as `ctypes.CDLL("libcrypto.so.1.1")` and `Fiddle.dlopen` do.
    pub(super) fn libraries_in_script(&self, bytes: &[u8], by: &str) -> BTreeSet<Hit> {
        let words = bytes.split(|byte| matches!(byte, b'"' | b'\'' | b'\n'));
        let names = words.map(|word| split(word).1).filter(|name| name.starts_with(b"lib") && contains(name, b".so"));
        names.filter(|name| self.is_library(name)).map(|name| Hit { name: shown(name), by: by.to_owned(), exact: false }).collect()
    }

    fn is_library(&self, name: &[u8]) -> bool {
        let mut all = self.indexes().into_iter().flat_map(|index| index.libraries(name));
        all.any(|spot| self.is_lost(spot)) && !self.after.has_name(name)
    }

    /// The libraries that a program names and does not need as it starts.
    pub(super) fn libraries_in(&self, bytes: &[u8], needed: &[Vec<u8>], by: &str) -> BTreeSet<Hit> {
        let texts: BTreeSet<&[u8]> =
            bytes.split(|byte| *byte == 0).filter(|text| text.starts_with(b"lib") || text.starts_with(b"/")).collect();
        let stem = |name: &[u8]| -> Vec<u8> { name.split(|byte| *byte == b'.').next().unwrap_or_default().to_vec() };
        let mut found = BTreeSet::new();
        for text in &texts {
            let name = split(text).1;
            if needed.iter().any(|needed| needed == name) || !self.is_library(name) {
                continue;
            }
            // Who has several names for a library tries one after another, and may do without.
            let other = texts.iter().any(|other| other != text && contains(other, b".so") && stem(split(other).1) == stem(name));
            found.insert(Hit { name: shown(name), by: by.to_owned(), exact: !other });
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_count_in_which_something_is_kept() {
        for path in ["/var/lib/q", "/usr/share/fonts", "/opt/vendor/data/"] {
            assert!(is_needed_directory(path.as_bytes()), "{path}");
        }
        for path in
            ["/var", "/usr/bin", "/usr/share/locale/de", "/usr/lib/x86_64-linux-gnu/x", "/usr/include/c++", "/run/q", "/etc/ssl/certs"]
        {
            assert!(!is_needed_directory(path.as_bytes()), "{path}");
        }
    }

    #[test]
    fn what_scripts_of_shells_do_with_directories_is_followed_elsewhere() {
        assert!(names_directories(elf::MAGIC, "/app/run") && names_directories(b"x = 1", "/app/x.py"));
        assert!(names_directories(b"#!/usr/bin/perl -w\n", "/app/run") && names_directories(b"#!/usr/bin/env python3\n", "/app/run"));
        assert!(!names_directories(b"#!/bin/sh\n", "/app/run") && !names_directories(b"#!/usr/bin/env bash\n", "/app/run"));
        assert!(!names_directories(b"x=1", "/app/settings"));
    }
}
