//! The packages of an image: what the databases in its files say, and which package each file is of.
//!
//! What is there and was not read is reported: it never looks like an image without packages.

mod needs;

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde::Serialize;

pub use self::needs::Providers;
use crate::format::packages::relation::Relations;
use crate::format::packages::{Malformed, Package, apk, dpkg, version};
use crate::format::tar::Kind;
use crate::foundation::{Code, Digest, Fact, Finding, text};
use crate::read::rootfs::{Entry, Footprint, Merged, Reading, Rootfs, split};

/// Whose database it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum System {
    /// Of Debian, Ubuntu and distroless images.
    Dpkg,
    /// Of Alpine, Wolfi and Chainguard images.
    Apk,
}

impl System {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dpkg => "dpkg",
            Self::Apk => "apk",
        }
    }

    /// Which of two versions is the later one; none if one of them is no version.
    pub fn order(self, one: &str, other: &str) -> Option<Ordering> {
        match self {
            Self::Dpkg => version::dpkg(one, other),
            Self::Apk => version::apk(one, other),
        }
    }
}

/// An installed package.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Installed {
    /// Its name.
    pub name: String,
    /// Whose database has it.
    pub system: System,
    /// What it is built for.
    pub architecture: Option<String>,
    /// Its version.
    pub version: String,
}

impl std::fmt::Display for Installed {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} {}", self.name, self.version)
    }
}

/// A package that a file is of, for reports.
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
    /// A package of an image.
    pub fn of(package: &Installed) -> Self {
        let Installed { name, system, architecture, version } = package.clone();
        Self { name, version, system, architecture }
    }

    /// The packages that the file at a real path is of.
    pub fn all(packages: &Packages, path: &[u8]) -> Vec<Self> {
        packages.owners(path).map(Self::of).collect()
    }
}

impl std::fmt::Display for Owner {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} {}", self.name, self.version)
    }
}

/// A database that is there and was not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// Where it is.
    pub path: Vec<u8>,
    /// Whose it is.
    pub system: &'static str,
    /// The digest of its content, if it is one file.
    pub digest: Option<Digest>,
}

impl Unread {
    /// Whether another image has the same bytes in the same place.
    pub(crate) fn is_same_in(&self, other: &Packages) -> bool {
        self.digest.is_some() && other.unread.contains(self)
    }

    /// What is reported of it.
    pub fn finding(&self) -> Finding {
        Finding::new(Code::PackagesUnread, format!("the packages of {} are not read", self.system))
            .at(shown(&self.path))
            .expected(Fact::new("dpkg or apk", "this version"))
            .found(Fact::new(self.system, "the files of the image"))
    }
}

/// The packages of an image.
#[derive(Debug, Default)]
pub struct Packages {
    /// All of them, by name.
    pub installed: Vec<Installed>,
    /// What each of them needs and provides.
    relations: Vec<Relations>,
    /// The databases that were read, and how many packages each has.
    pub databases: BTreeMap<System, usize>,
    /// Databases that are there and were not read.
    pub unread: Vec<Unread>,
    /// Databases that contradict their own form.
    pub damaged: Vec<Finding>,
    /// Packages of which no list of files is there.
    pub unlisted: usize,
    /// The real paths of files, and the packages that they are of.
    owners: BTreeMap<Vec<u8>, Vec<usize>>,
    /// The same of files that are listed and not there.
    missing: BTreeMap<Vec<u8>, Vec<usize>>,
}

/// Where databases lie that are read.
const DATABASES: [&str; 3] = ["lib/apk/db/installed", "usr/lib/apk/db/installed", "var/lib/dpkg/status"];
/// Folders whose files are parts of databases.
const FOLDERS: [&str; 2] = ["var/lib/dpkg/updates", "var/lib/dpkg/status.d"];

/// Where databases lie that are not read.
const UNREAD: [(&str, &str); 16] = [
    ("var/lib/rpm/Packages", "rpm"),
    ("var/lib/rpm/Packages.db", "rpm"),
    ("var/lib/rpm/rpmdb.sqlite", "rpm"),
    ("usr/lib/sysimage/rpm/Packages", "rpm"),
    ("usr/lib/sysimage/rpm/Packages.db", "rpm"),
    ("usr/lib/sysimage/rpm/rpmdb.sqlite", "rpm"),
    ("usr/share/rpm/Packages", "rpm"),
    ("usr/share/rpm/Packages.db", "rpm"),
    ("usr/share/rpm/rpmdb.sqlite", "rpm"),
    ("var/lib/rpmmanifest/container-manifest-1", "rpm"),
    ("var/lib/rpmmanifest/container-manifest-2", "rpm"),
    ("var/lib/pacman/local", "pacman"),
    ("usr/lib/opkg/status", "opkg"),
    ("var/lib/opkg/status", "opkg"),
    ("var/db/pkg", "portage"),
    ("nix/var/nix/db/db.sqlite", "nix"),
];

impl Packages {
    /// Reads the databases of an image.
    pub fn of(files: &Merged) -> Self {
        Self::read(files, true)
    }

    /// As [`Packages::of`], without saying which package each file is of.
    pub fn versions(files: &Merged) -> Self {
        Self::read(files, false)
    }

    /// As [`Packages::of`], with what it depends on.
    pub(crate) fn with_footprint(files: &Merged) -> (Self, Footprint) {
        let mut footprint = databases(files.rootfs());
        let found = Self::read_with(files, true, Some(&mut footprint));
        (found, footprint)
    }

    fn read(files: &Merged, lists: bool) -> Self {
        Self::read_with(files, lists, None)
    }

    fn read_with(files: &Merged, lists: bool, footprint: Option<&mut Footprint>) -> Self {
        let mut reader = Reader { files, lists, found: Self::default(), listed: BTreeMap::new() };
        reader.apk();
        reader.dpkg();
        for (path, system) in UNREAD {
            reader.unread(path.as_bytes(), system);
        }
        reader.finish(footprint)
    }

    /// The real paths of the databases that are read.
    pub fn places(rootfs: &Rootfs) -> Vec<Vec<u8>> {
        let resolve = |path: &&str| rootfs.resolve(path.as_bytes());
        let mut found: Vec<Vec<u8>> = DATABASES.iter().filter_map(resolve).map(Entry::path).collect();
        found.extend(FOLDERS.iter().filter_map(resolve).flat_map(Entry::children).map(Entry::path));
        found.sort();
        found
    }

    /// Where the databases lie, with what tells one content from another.
    pub(crate) fn fingerprint(files: &Merged) -> Vec<(Vec<u8>, Option<Digest>)> {
        let digest = |path: &[u8]| files.rootfs().lookup(path).and_then(|entry| files.digest(entry).cloned());
        Self::places(files.rootfs()).into_iter().map(|path| (path.clone(), digest(&path))).collect()
    }

    /// The packages that the file at a real path is of.
    pub fn owners(&self, path: &[u8]) -> impl Iterator<Item = &Installed> {
        self.owners.get(path).into_iter().flatten().filter_map(|at| self.installed.get(*at))
    }

    /// The first file of that name, and the package that it is of.
    pub(crate) fn file_named(&self, name: &[u8]) -> Option<(&[u8], &Installed)> {
        let (path, owners) = self.owners.iter().find(|(path, _)| split(path).1 == name)?;
        owners.first().and_then(|at| self.installed.get(*at)).map(|package| (path.as_slice(), package))
    }

    /// The packages that list a file which is not there.
    pub fn missing(&self, path: &[u8]) -> impl Iterator<Item = &Installed> {
        self.missing.get(path).into_iter().flatten().filter_map(|at| self.installed.get(*at))
    }

    /// How many packages have the name of this one, for whatever architectures.
    pub fn count(&self, package: &Installed) -> usize {
        let first = self.installed.partition_point(|own| (&own.name, own.system) < (&package.name, package.system));
        let rest = self.installed.get(first..).unwrap_or_default();
        rest.iter().take_while(|own| own.name == package.name && own.system == package.system).count()
    }

    /// Whether everything that is there was read.
    pub(crate) fn is_complete(&self) -> bool {
        self.unread.is_empty() && self.damaged.is_empty()
    }

    /// The packages of that name; a name may have its architecture behind a colon, as dpkg writes it.
    pub fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Installed> {
        let fits = move |package: &&Installed| {
            let rest = name.strip_prefix(package.name.as_str());
            rest.is_some_and(|rest| {
                rest.is_empty() || rest.strip_prefix(':').is_some_and(|own| package.architecture.as_deref() == Some(own))
            })
        };
        self.installed.iter().filter(fits)
    }

    /// The files of a package that are there, by path.
    pub fn files<'a>(&'a self, package: &'a Installed) -> impl Iterator<Item = &'a [u8]> {
        let owned = move |owners: &[usize]| owners.iter().any(|at| self.installed.get(*at) == Some(package));
        self.owners.iter().filter(move |(_, owners)| owned(owners)).map(|(path, _)| path.as_slice())
    }
}

/// What databases are read from.
fn databases(rootfs: &Rootfs) -> Footprint {
    let mut footprint = Footprint::default();
    let unread = UNREAD.iter().map(|(path, _)| *path);
    for path in DATABASES.into_iter().chain(FOLDERS).chain(unread).chain(["var/lib/dpkg/info", "var/lib/dpkg/diversions"]) {
        footprint.read(rootfs, path.as_bytes());
        let Some(folder) = rootfs.resolve(path.as_bytes()).filter(|entry| entry.kind() == Kind::Directory) else { continue };
        footprint.list(folder);
        folder.children().for_each(|entry| footprint.read(rootfs, &entry.path()));
    }
    footprint
}

fn shown(path: &[u8]) -> String {
    format!("/{}", text::escape_bytes(path))
}

/// Diversions by the place where packages think that their file is.
type Diversions = BTreeMap<Vec<u8>, dpkg::Diversion>;

/// The files that a package lists, if it has a list, and what it needs and provides.
type Said = (Option<Vec<Vec<u8>>>, Relations);

struct Reader<'a> {
    files: &'a Merged,
    lists: bool,
    found: Packages,
    /// What each package lists, as it is spelled there, and what it needs and provides.
    listed: BTreeMap<Installed, Said>,
}

impl<'a> Reader<'a> {
    /// A database at a path, if it could be read.
    fn read<T>(&mut self, path: &[u8], system: &'static str, parse: impl Fn(&'a [u8]) -> Result<T, Malformed>) -> Option<T> {
        match self.files.read(path) {
            // What is there in some other form, as a directory or a link to nowhere, is no sign that there are no packages.
            Reading::Absent if self.files.rootfs().lookup(path).is_some() => {
                self.found.damaged.push(Finding::new(Code::PackagesDamaged, "a database is no regular file").at(shown(path)));
                None
            }
            Reading::Absent => None,
            Reading::Unread => {
                self.unread(path, system);
                None
            }
            Reading::Bytes(bytes) => match parse(bytes) {
                Ok(found) => Some(found),
                Err(error) => {
                    self.found.damaged.push(Finding::new(Code::PackagesDamaged, error.to_string()).at(shown(path)));
                    None
                }
            },
        }
    }

    fn unread(&mut self, path: &[u8], system: &'static str) {
        let Some(entry) = self.files.rootfs().resolve(path) else { return };
        let path = entry.path();
        // The database of pacman and that of portage are directories, which are there without a package too.
        let empty = entry.kind() == Kind::Directory && entry.children().next().is_none();
        if !empty && !self.found.unread.iter().any(|known| known.path == path) {
            self.found.unread.push(Unread { path, system, digest: self.files.digest(entry).cloned() });
        }
    }

    fn apk(&mut self) {
        let real = |path: &&[u8]| self.files.rootfs().lookup(path).map(Entry::path);
        let mut places: Vec<Vec<u8>> = [&b"lib/apk/db/installed"[..], b"usr/lib/apk/db/installed"].iter().filter_map(real).collect();
        places.dedup();
        for place in places {
            let Some(packages) = self.read(&place, "apk", apk::installed) else { continue };
            *self.found.databases.entry(System::Apk).or_default() += packages.len();
            for Package { name, version, architecture, files, relations } in packages {
                self.add(Installed { name, system: System::Apk, architecture, version }, (Some(files), relations), &place);
            }
        }
    }

    fn add(&mut self, package: Installed, said: Said, place: &[u8]) {
        let twice =
            |known: &Installed| known.name == package.name && known.system == package.system && known.architecture == package.architecture;
        // Equal keys are beside each other, whatever their versions are.
        let same =
            self.listed.range(Installed { version: String::new(), ..package.clone() }..).next().is_some_and(|(known, _)| twice(known));
        if same {
            let finding = Finding::new(Code::PackagesDamaged, format!("a package occurs twice: {}", package.name));
            self.found.damaged.push(finding.at(shown(place)));
        }
        self.listed.insert(package, said);
    }

    fn children(&self, path: &[u8]) -> Vec<Entry<'a>> {
        let mut children: Vec<_> = self.files.rootfs().resolve(path).into_iter().flat_map(Entry::children).collect();
        children.sort_by_key(|entry| entry.name());
        children
    }

    fn dpkg(&mut self) {
        const PLACE: &[u8] = b"var/lib/dpkg";
        let below = |name: &[u8]| [PLACE, name].join(&b'/');
        let status = self.read(&below(b"status"), "dpkg", dpkg::stanzas);
        let mut stanzas = BTreeMap::new();
        let mut is_there = status.is_some();
        let key = |stanza: &dpkg::Stanza| (stanza.name.clone(), stanza.architecture.clone());
        stanzas.extend(status.into_iter().flatten().map(|stanza| (key(&stanza), stanza)));
        // The journal counts over what it was not written into yet.
        for entry in self.children(&below(b"updates")).into_iter().filter(|entry| entry.name().iter().all(u8::is_ascii_digit)) {
            let found = self.read(&entry.path(), "dpkg", dpkg::stanzas);
            stanzas.extend(found.into_iter().flatten().map(|stanza| (key(&stanza), stanza)));
        }
        let lists = self.lists(&below(b"info"), b".list");
        // What is there and cannot be read is reported by `read`.
        let diversions = self.read(&below(b"diversions"), "dpkg", dpkg::diversions).unwrap_or_default();
        let diversions: Diversions = diversions.into_iter().map(|diversion| (diversion.from.clone(), diversion)).collect();
        for (_, stanza) in stanzas {
            let named = stanza.architecture.as_ref().map(|architecture| format!("{}:{architecture}", stanza.name));
            let files = named.and_then(|name| lists.get(name.as_bytes())).or_else(|| lists.get(stanza.name.as_bytes()));
            self.stanza(stanza, files.map(|entry| (*entry, false)), &diversions, &below(b"status"));
        }
        let parts = self.children(&below(b"status.d"));
        is_there |= !parts.is_empty();
        let sums = self.lists(&below(b"status.d"), b".md5sums");
        for entry in parts.iter().filter(|entry| !entry.name().ends_with(b".md5sums")) {
            for stanza in self.read(&entry.path(), "dpkg", dpkg::stanzas).into_iter().flatten() {
                let sums = sums.get(entry.name()).map(|entry| (*entry, true));
                self.stanza(stanza, sums, &Diversions::new(), &entry.path());
            }
        }
        if is_there {
            let count = self.listed.keys().filter(|package| package.system == System::Dpkg).count();
            self.found.databases.insert(System::Dpkg, count);
        }
    }

    /// The lists of files by the names of their packages.
    fn lists(&self, place: &[u8], ending: &[u8]) -> BTreeMap<&'a [u8], Entry<'a>> {
        self.children(place).into_iter().filter_map(|entry| Some((entry.name().strip_suffix(ending)?, entry))).collect()
    }

    fn stanza(&mut self, stanza: dpkg::Stanza, list: Option<(Entry<'a>, bool)>, diversions: &Diversions, place: &[u8]) {
        if !stanza.present {
            return;
        }
        let dpkg::Stanza { name, version, architecture, relations, .. } = stanza;
        let diverted = |path: &[u8]| -> Vec<u8> {
            let other = diversions.get(path).filter(|diversion| diversion.by.as_ref() != Some(&name));
            other.map_or_else(|| path.to_vec(), |diversion| diversion.to.clone())
        };
        let files = list.filter(|_| self.lists).and_then(|(entry, sums)| match self.files.reading(entry) {
            Reading::Bytes(bytes) if sums => Some(dpkg::md5sums(bytes).map(<[u8]>::to_vec).collect()),
            Reading::Bytes(bytes) => Some(dpkg::list(bytes).map(diverted).collect()),
            Reading::Absent | Reading::Unread => None,
        });
        self.add(Installed { name, system: System::Dpkg, architecture, version }, (files, relations), place);
    }

    fn finish(self, mut footprint: Option<&mut Footprint>) -> Packages {
        let Self { files, lists, mut found, listed } = self;
        for (at, (package, (list, relations))) in listed.into_iter().enumerate() {
            found.unlisted += usize::from(list.is_none());
            for path in list.into_iter().filter(|_| lists).flatten() {
                if let Some(footprint) = &mut footprint {
                    footprint.pass(files.rootfs(), &path);
                }
                // Lists say `/lib/…` where `lib` is a link to `usr/lib`.
                let owners = match files.rootfs().lookup(&path) {
                    Some(entry) if entry.kind() == Kind::Directory => continue,
                    Some(entry) => found.owners.entry(entry.path()).or_default(),
                    None => found.missing.entry(path).or_default(),
                };
                if owners.last() != Some(&at) {
                    owners.push(at);
                }
            }
            found.installed.push(package);
            found.relations.push(relations);
        }
        found
    }
}
