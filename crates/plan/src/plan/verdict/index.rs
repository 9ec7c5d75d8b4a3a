//! Where the files of a base are, by their paths, names and contents.

use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{BuildHasher as _, Hash};

use super::compare::contains;
use crate::format::tar::Kind;
use crate::foundation::Digest;
use crate::read::rootfs::{Entry, Merged};

/// Where time zones lie.
const ZONES: &[u8] = b"/usr/share/zoneinfo/";

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

/// Numbers by the hashes of what they are found by.
#[derive(Debug, Default)]
struct Found {
    sorted: Vec<(u64, u32)>,
    hasher: RandomState,
}

impl Found {
    fn add(&mut self, key: impl Hash, number: u32) {
        self.sorted.push((self.hasher.hash_one(key), number));
    }

    /// Those that may be it.
    fn get(&self, key: impl Hash) -> impl Iterator<Item = u32> {
        let hash = self.hasher.hash_one(key);
        let start = self.sorted.partition_point(|(known, _)| *known < hash);
        self.sorted.get(start..).unwrap_or_default().iter().take_while(move |(known, _)| *known == hash).map(|(_, number)| *number)
    }
}

/// A file of an index: its path, and the number that it has in the tree.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spot<'i> {
    pub(super) path: &'i [u8],
    pub(super) number: u32,
}

/// The files of a base that names may lead to.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// The paths of what is no directory, one after the other.
    text: Vec<u8>,
    /// Where each path is in the text, in the order of the paths, and the number of the file.
    paths: Vec<(u32, u32, u32)>,
    longest: usize,
    /// The first bytes of the paths, with `/usr` and without.
    starts: HashSet<[u8; 8]>,
    /// Places of time zones in `paths`, by the first bytes after their slash.
    zones: BTreeMap<[u8; 3], Vec<usize>>,
    /// Places of libraries in `paths`, by their names.
    libraries: HashMap<Vec<u8>, Vec<usize>>,
    /// Places of character sets in `paths`.
    charsets: Vec<usize>,
    names: Found,
    contents: Found,
}

impl Index {
    /// Those of a base alone.
    pub(super) fn of(files: &Merged) -> Self {
        let entries = files.rootfs().files(files.rootfs().root());
        Self::with(entries, |entry| files.digest(entry))
    }

    /// Those of some files.
    pub(super) fn with<'e, 'd>(entries: impl Iterator<Item = Entry<'e>>, digest: impl Fn(Entry<'e>) -> Option<&'d Digest>) -> Self {
        let mut index = Self::default();
        let mut all: Vec<(Vec<u8>, Entry<'_>)> = entries.map(|entry| ([b"/".as_slice(), &entry.path()].concat(), entry)).collect();
        all.sort_unstable_by(|(one, _), (two, _)| one.cmp(two));
        for (path, entry) in all {
            index.names.add(entry.name(), entry.number());
            if let Some(digest) = digest(entry) {
                index.contents.add(digest, entry.number());
            }
            if entry.kind() != Kind::Directory {
                index.add(&path, entry);
            }
        }
        index.names.sorted.sort_unstable();
        index.contents.sorted.sort_unstable();
        index
    }

    fn add(&mut self, path: &[u8], entry: Entry<'_>) {
        let at = self.paths.len();
        let start = u32::try_from(self.text.len()).unwrap_or(u32::MAX);
        self.text.extend_from_slice(path);
        self.paths.push((start, u32::try_from(path.len()).unwrap_or_default(), entry.number()));
        if let Some(zone) = path.strip_prefix(ZONES) {
            if let Some(slash) = zone.iter().position(|byte| *byte == b'/')
                && !zone.starts_with(b"posix/")
                && !zone.starts_with(b"right/")
                && let Some(Ok(key)) = zone.get(slash + 1..slash + 4).map(TryInto::try_into)
            {
                self.zones.entry(key).or_default().push(at);
            }
            return;
        }
        let name = entry.name();
        if contains(path, b"/gconv/") && name.ends_with(b".so") {
            self.charsets.push(at);
        }
        if name.starts_with(b"lib") && contains(name, b".so") {
            self.libraries.entry(name.to_vec()).or_default().push(at);
        }
        if OPTIONAL.iter().any(|text| contains(path, text)) {
            return;
        }
        self.longest = self.longest.max(path.len());
        for spelled in [path, path.strip_prefix(b"/usr").unwrap_or_default()] {
            self.starts.extend(spelled.get(..8).and_then(|start| <[u8; 8]>::try_from(start).ok()));
        }
    }

    fn path(&self, at: usize) -> &[u8] {
        self.paths.get(at).map(|place| self.slice(*place)).unwrap_or_default()
    }

    fn slice(&self, (start, length, _): (u32, u32, u32)) -> &[u8] {
        self.text.get(start as usize..).and_then(|rest| rest.get(..length as usize)).unwrap_or_default()
    }

    fn at(&self, at: usize) -> Spot<'_> {
        Spot { path: self.path(at), number: self.paths.get(at).map_or(u32::MAX, |(_, _, number)| *number) }
    }

    /// The paths that a text begins with, as they are or without `/usr`: how they are spelled there, and the files.
    pub(super) fn paths<'t>(&self, text: &'t [u8]) -> Vec<(&'t [u8], Spot<'_>)> {
        let Some(Ok(start)) = text.get(..8).map(<[u8; 8]>::try_from) else { return Vec::new() };
        if !self.starts.contains(&start) {
            return Vec::new();
        }
        let spelled = |at: usize, less: usize| text.get(..self.path(at).len().checked_sub(less)?);
        let plain = self.beginnings(text).into_iter().map(|at| (spelled(at, 0), at));
        let long = [b"/usr".as_slice(), text.get(..self.longest.min(text.len())).unwrap_or_default()].concat();
        let short = self.beginnings(&long).into_iter().map(|at| (spelled(at, 4), at));
        let named = plain.chain(short).filter_map(|(spelled, at)| Some((spelled.filter(|text| text.len() >= 8)?, self.at(at))));
        named.filter(|(_, spot)| !spot.path.starts_with(ZONES) && !OPTIONAL.iter().any(|text| contains(spot.path, text))).collect()
    }

    /// The places of the paths that a text begins with.
    fn beginnings(&self, text: &[u8]) -> Vec<usize> {
        let mut found = Vec::new();
        let mut key = text.get(..self.longest.min(text.len())).unwrap_or_default();
        loop {
            // Whatever a text begins with comes before it, and the last that comes before it begins with that too.
            let Some(last) = self.paths.partition_point(|place| self.slice(*place) <= key).checked_sub(1) else { return found };
            let path = self.path(last);
            let mut common = path.iter().zip(key).take_while(|(one, two)| one == two).count();
            if common == path.len() {
                found.push(last);
                common = common.saturating_sub(1);
            }
            if common == 0 {
                return found;
            }
            key = key.get(..common).unwrap_or_default();
        }
    }

    /// The time zones whose names go on with these bytes after their slash, with their names.
    pub(super) fn zones(&self, key: [u8; 3]) -> impl Iterator<Item = (&[u8], Spot<'_>)> {
        let all = self.zones.get(&key).into_iter().flatten();
        all.map(|at| (self.path(*at).get(ZONES.len()..).unwrap_or_default(), self.at(*at)))
    }

    /// The libraries of a name.
    pub(super) fn libraries(&self, name: &[u8]) -> impl Iterator<Item = Spot<'_>> {
        self.libraries.get(name).into_iter().flatten().map(|at| self.at(*at))
    }

    /// The modules of character sets.
    pub(super) fn charsets(&self) -> impl Iterator<Item = Spot<'_>> {
        self.charsets.iter().map(|at| self.at(*at))
    }

    /// Files that may have a name.
    pub(super) fn named(&self, name: &[u8]) -> impl Iterator<Item = u32> {
        self.names.get(name)
    }

    /// Files that may have a content.
    pub(super) fn holding(&self, content: &Digest) -> impl Iterator<Item = u32> {
        self.contents.get(content)
    }
}
