//! The files of one image, with what is known of their content.

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::base::Base;
use super::fixes::Libraries;
use super::index::Index;
use super::memo::{Marks, Memo};
use crate::format::elf::Elf;
use crate::format::tar::Kind;
use crate::foundation::{Digest, Result};
use crate::oci::Config;
use crate::plan::packages::Packages;
use crate::read::Rootfs;
use crate::read::rootfs::{Entry, Merged, Scan, Unpacker};

/// How an image starts, by its config.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Launch {
    pub(super) arguments: Vec<Vec<u8>>,
    pub(super) environment: Vec<(Vec<u8>, Vec<u8>)>,
    pub(super) user: String,
    pub(super) directory: Vec<u8>,
    pub(super) health: Vec<Vec<u8>>,
}

impl Launch {
    pub(super) fn of(config: &Config) -> Self {
        let Some(inner) = config.root().get("config") else { return Self::default() };
        let list = |name: &str| -> Vec<Vec<u8>> {
            let node = inner.get(name);
            node.map(|node| node.items().filter_map(|item| item.as_str().map(|text| text.as_bytes().to_vec())).collect())
                .unwrap_or_default()
        };
        let text = |name: &str| inner.get(name).and_then(|node| node.as_str().map(|text| text.to_string())).unwrap_or_default();
        let mut arguments = list("Entrypoint");
        arguments.extend(list("Cmd"));
        let split = |pair: &Vec<u8>| {
            let at = pair.iter().position(|byte| *byte == b'=')?;
            Some((pair.get(..at)?.to_vec(), pair.get(at + 1..)?.to_vec()))
        };
        let mut test: Vec<Vec<u8>> = inner
            .get("Healthcheck")
            .and_then(|check| check.get("Test"))
            .map(|test| test.items().filter_map(|item| item.as_str().map(|text| text.as_bytes().to_vec())).collect())
            .unwrap_or_default();
        let health = match test.first().map(Vec::as_slice) {
            Some(b"CMD") => test.split_off(1),
            Some(b"CMD-SHELL") => {
                let mut shell = list("Shell");
                if shell.is_empty() {
                    shell = vec![b"/bin/sh".to_vec(), b"-c".to_vec()];
                }
                shell.extend(test.split_off(1));
                shell
            }
            _ => Vec::new(),
        };
        Self {
            arguments,
            environment: list("Env").iter().filter_map(split).collect(),
            user: text("User"),
            directory: text("WorkingDir").into_bytes(),
            health,
        }
    }

    pub(super) fn variable(&self, name: &[u8]) -> Option<&[u8]> {
        self.environment.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_slice())
    }

    /// The directories that commands are looked for in. Docker gives an image without PATH this one.
    pub(super) fn path(&self) -> Vec<Vec<u8>> {
        let standard: &[u8] = b"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        self.variable(b"PATH").unwrap_or(standard).split(|byte| *byte == b':').map(<[u8]>::to_vec).collect()
    }
}

/// What a script puts into `LD_LIBRARY_PATH`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum LibraryPath {
    /// These directories.
    Known(Vec<u8>),
    /// Directories that nobody knows.
    Open,
}

/// The files of one image. What is the same in all images on its base is shared with them.
#[derive(Debug)]
pub(super) struct View {
    files: Merged,
    scans: Vec<Arc<Scan>>,
    /// How many of the lowest layers are the base's.
    seam: usize,
    base: Arc<Base>,
    pub(super) launch: Launch,
    pub(super) memo: Arc<Memo>,
    packages: OnceCell<Arc<Packages>>,
    own_names: OnceCell<BTreeSet<Vec<u8>>>,
    /// The number of the user of the image and those of its groups, unless it is root or not known.
    ids: OnceCell<Option<(u64, BTreeSet<u64>)>>,
    /// What a script of the image puts into `LD_LIBRARY_PATH`.
    exported: OnceCell<LibraryPath>,
}

impl View {
    pub(super) fn of(scans: &[Arc<Scan>], seam: usize, launch: Launch, unpacker: Unpacker, memo: Arc<Memo>) -> Result<Self> {
        let (below, above) = scans.split_at(seam.min(scans.len()));
        let base = memo.base(below, unpacker)?;
        let files = Merged::on(base.ground(), scans, above)?;
        let scans = scans.to_vec();
        let (packages, own_names, ids, exported) = (OnceCell::new(), OnceCell::new(), OnceCell::new(), OnceCell::new());
        Ok(Self { files, scans, seam: below.len(), base, launch, memo, packages, own_names, ids, exported })
    }

    /// The same, put together for itself: nothing that is shared counts for it, and everything in it is its own.
    #[cfg(test)]
    pub(super) fn apart(scans: &[Arc<Scan>], seam: usize, launch: Launch, unpacker: Unpacker) -> Result<Self> {
        Ok(Self { files: Merged::of(scans, unpacker)?, ..Self::of(scans, seam, launch, unpacker, Arc::default())? })
    }

    /// The tree with the contents.
    pub(super) fn files(&self) -> &Merged {
        &self.files
    }

    /// The tree.
    pub(super) fn rootfs(&self) -> &Rootfs {
        self.files.rootfs()
    }

    /// What package managers list.
    pub(super) fn packages(&self) -> &Packages {
        self.packages.get_or_init(|| self.shared_packages().unwrap_or_else(|| Arc::new(Packages::of(&self.files))))
    }

    /// What package managers list in the base, if that is the same in the image.
    pub(super) fn shared_packages(&self) -> Option<Arc<Packages>> {
        let (packages, footprint) = self.base.packages(self.base_scans());
        self.rootfs().keeps(footprint).then(|| Arc::clone(packages))
    }

    pub(super) fn is_packaged(&self, entry: Entry<'_>) -> bool {
        self.packages().owners(&entry.path()).next().is_some()
    }

    fn base_scans(&self) -> &[Arc<Scan>] {
        self.scans.get(..self.seam).unwrap_or_default()
    }

    /// What is known of the base.
    pub(super) fn base(&self) -> &Base {
        &self.base
    }

    /// Where the files of the base are.
    pub(super) fn index(&self) -> &Index {
        self.base.index(self.base_scans())
    }

    /// The libraries of the base.
    pub(super) fn base_libraries(&self) -> &Libraries {
        self.base.libraries(self.base_scans())
    }

    /// The packages of the base alone.
    pub(super) fn base_packages(&self) -> &Packages {
        &self.base.packages(self.base_scans()).0
    }

    /// The files of the base alone.
    pub(super) fn base_files(&self) -> Merged {
        Merged::ground(self.base.ground(), self.base_scans())
    }

    /// Whether any file has this name.
    pub(super) fn has_name(&self, name: &[u8]) -> bool {
        let is_it = |number| self.rootfs().of_ground(number).is_some_and(|entry| entry.is_explicit() && entry.name() == name);
        let own = || self.rootfs().own().into_iter().map(|entry| entry.name().to_vec()).collect();
        self.index().named(name).any(is_it) || self.own_names.get_or_init(own).contains(name)
    }

    /// Whether a file of the base has a path that ends so.
    pub(super) fn has_base_file(&self, end: &[u8]) -> bool {
        let name = crate::read::rootfs::split(end).1;
        let is_it = |number| self.rootfs().of_ground(number).is_some_and(|entry| entry.is_explicit() && entry.path().ends_with(end));
        self.index().named(name).any(is_it)
    }

    /// Whether a file of the base has this content in the image too.
    pub(super) fn base_has(&self, content: &Digest) -> bool {
        let is_it = |number| self.rootfs().of_ground(number).is_some_and(|entry| self.digest(entry) == Some(content));
        self.index().holding(content).any(is_it)
    }

    pub(super) fn find(&self, path: &[u8]) -> Option<Entry<'_>> {
        self.rootfs().resolve(path)
    }

    pub(super) fn exists(&self, path: &[u8]) -> bool {
        self.find(path).is_some()
    }

    pub(super) fn bytes(&self, entry: Entry<'_>) -> Option<&[u8]> {
        self.files.bytes(entry)
    }

    /// The content of a file that may not be there.
    pub(super) fn text(&self, path: &[u8]) -> Option<&[u8]> {
        self.bytes(self.find(path)?)
    }

    pub(super) fn digest(&self, entry: Entry<'_>) -> Option<&Digest> {
        self.files.digest(entry)
    }

    /// Whether a layer of the app brought the content of a file.
    pub(super) fn is_own(&self, entry: Entry<'_>) -> bool {
        entry.content().map_or(entry.layer(), |content| content.layer) >= self.seam
    }

    /// A file as a loader reads it; none if it is no ELF file, or cannot be read as one.
    pub(super) fn elf(&self, entry: Entry<'_>) -> Option<Arc<Elf>> {
        let content = entry.content()?;
        self.scans.get(content.layer)?.file(content.ordinal)?.elf()
    }

    /// What a program says of itself; nothing if it could not be kept.
    pub(super) fn marks(&self, entry: Entry<'_>) -> Marks {
        match (self.digest(entry), self.bytes(entry)) {
            (Some(digest), Some(bytes)) => self.memo.marks(digest, bytes),
            _ => Marks::default(),
        }
    }

    /// Whether the user of the image may do something with a file or directory: 4 to read it, 1 to run it or to go through it. Where the
    /// user is not known, it may be root.
    pub(super) fn allows(&self, entry: Entry<'_>, wanted: u32) -> bool {
        let Some((user, groups)) = self.ids.get_or_init(|| super::users::ids(self)) else { return true };
        let (owner, team) = entry.owner();
        let shift = if owner == *user { 6 } else { 3 * u32::from(groups.contains(&team)) };
        entry.mode() >> shift & wanted != 0
    }

    /// Whether the user of the image may go through every directory on the way to a path.
    pub(super) fn enters(&self, path: &[u8]) -> bool {
        self.ids.get_or_init(|| super::users::ids(self)).is_none()
            || self.rootfs().passed(path).into_iter().all(|entry| self.allows(entry, 1))
    }

    /// Whether the user of the image gets to a path and may do something with what is there, as [`View::allows`] has it.
    pub(super) fn may(&self, path: &[u8], wanted: u32) -> bool {
        self.enters(path) && self.find(path).is_none_or(|entry| self.allows(entry, wanted))
    }

    /// Notes what a script puts into `LD_LIBRARY_PATH`. The first one counts: it is the one that starts the others.
    pub(super) fn export_libraries(&self, path: LibraryPath) {
        self.exported.get_or_init(|| path);
    }

    /// The directories of `LD_LIBRARY_PATH`, by the config and by what the image starts first.
    pub(super) fn library_path(&self) -> Vec<u8> {
        let set = self.launch.variable(b"LD_LIBRARY_PATH").unwrap_or_default();
        match self.exported.get() {
            Some(LibraryPath::Known(path)) if set.is_empty() => path.clone(),
            Some(LibraryPath::Known(path)) => [path, set].join(&b':'),
            _ => set.to_vec(),
        }
    }

    /// Whether libraries are looked for where nobody knows.
    pub(super) fn has_open_library_path(&self) -> bool {
        self.exported.get() == Some(&LibraryPath::Open)
    }

    /// Where a command is found.
    pub(super) fn command(&self, name: &[u8]) -> Option<Vec<u8>> {
        if name.contains(&b'/') {
            let path = self.absolute(name);
            return self.exists(&path).then_some(path);
        }
        let runs = |path: &Vec<u8>| self.find(path).is_some_and(|entry| entry.kind() == Kind::File && entry.mode() & 0o111 != 0);
        let paths = self.launch.path().into_iter().map(|directory| [directory.as_slice(), name].join(&b'/'));
        let mut there: Vec<Vec<u8>> = paths.filter(runs).collect();
        // What the user may not run is passed over, as long as another one follows.
        let at = there.iter().position(|path| self.may(path, 1)).unwrap_or(0);
        (at < there.len()).then(|| there.swap_remove(at))
    }

    /// A path from the root: what is relative begins at the working directory.
    pub(super) fn absolute(&self, path: &[u8]) -> Vec<u8> {
        if path.starts_with(b"/") { path.to_vec() } else { [self.launch.directory.as_slice(), path].join(&b'/') }
    }
}
