//! The files of one image, with what is known of their content.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use crate::core::{Digest, Result};
use crate::format::elf::Elf;
use crate::format::tar::Kind;
use crate::oci::Config;
use crate::read::Rootfs;
use crate::read::rootfs::{Content, Entry, Scan, Unpacker};

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

/// The files of one image.
#[derive(Debug)]
pub(super) struct View {
    pub(super) rootfs: Rootfs,
    scans: Vec<Arc<Scan>>,
    /// How many of the lowest layers are the base's.
    seam: usize,
    pub(super) launch: Launch,
    parsed: RefCell<BTreeMap<Content, Option<Rc<Elf>>>>,
    /// The real paths of files that a package manager lists.
    packaged: BTreeSet<Vec<u8>>,
}

impl View {
    pub(super) fn of(scans: &[Arc<Scan>], seam: usize, launch: Launch, unpacker: Unpacker) -> Result<Self> {
        let rootfs = Scan::merge(scans, unpacker)?;
        let mut view =
            Self { rootfs, scans: scans.to_vec(), seam, launch, parsed: RefCell::new(BTreeMap::new()), packaged: BTreeSet::new() };
        view.packaged = view.listed();
        Ok(view)
    }

    /// What the databases of dpkg and apk list.
    fn listed(&self) -> BTreeSet<Vec<u8>> {
        let mut names: Vec<Vec<u8>> = Vec::new();
        for entry in self.find(b"/var/lib/dpkg/info").into_iter().flat_map(Entry::children) {
            if entry.name().ends_with(b".list") {
                names.extend(self.bytes(entry).unwrap_or_default().split(|byte| *byte == b'\n').map(<[u8]>::to_vec));
            }
        }
        let mut directory: &[u8] = b"";
        for line in self.text(b"/lib/apk/db/installed").unwrap_or_default().split(|byte| *byte == b'\n') {
            if let Some(name) = line.strip_prefix(b"F:") {
                directory = name;
            } else if let Some(name) = line.strip_prefix(b"R:") {
                names.push([directory, name].join(&b'/'));
            }
        }
        names.iter().filter_map(|name| self.find(name)).filter(|entry| entry.kind() == Kind::File).map(Entry::path).collect()
    }

    pub(super) fn is_packaged(&self, entry: Entry<'_>) -> bool {
        self.packaged.contains(&entry.path())
    }

    /// The files of the base alone.
    pub(super) fn base(&self) -> Result<Self> {
        let scans = self.scans.get(..self.seam.min(self.scans.len())).unwrap_or_default();
        let rootfs = Scan::merge(scans, Unpacker::Overlay)?;
        let (launch, parsed) = (Launch::default(), RefCell::new(BTreeMap::new()));
        Ok(Self { rootfs, scans: scans.to_vec(), seam: self.seam, launch, parsed, packaged: BTreeSet::new() })
    }

    pub(super) fn find(&self, path: &[u8]) -> Option<Entry<'_>> {
        self.rootfs.resolve(path)
    }

    pub(super) fn exists(&self, path: &[u8]) -> bool {
        self.find(path).is_some()
    }

    pub(super) fn bytes(&self, entry: Entry<'_>) -> Option<&[u8]> {
        let content = entry.content()?;
        self.scans.get(content.layer)?.file(content.ordinal)?.bytes.as_deref()
    }

    /// The content of a file that may not be there.
    pub(super) fn text(&self, path: &[u8]) -> Option<&[u8]> {
        self.bytes(self.find(path)?)
    }

    pub(super) fn digest(&self, entry: Entry<'_>) -> Option<&Digest> {
        let content = entry.content()?;
        Some(&self.scans.get(content.layer)?.file(content.ordinal)?.digest)
    }

    /// Whether a layer of the app brought the content of a file.
    pub(super) fn is_own(&self, entry: Entry<'_>) -> bool {
        entry.content().map_or(entry.layer(), |content| content.layer) >= self.seam
    }

    /// A file as a loader reads it; none if it is no ELF file, or cannot be read as one.
    pub(super) fn elf(&self, entry: Entry<'_>) -> Option<Rc<Elf>> {
        let content = entry.content()?;
        if let Some(known) = self.parsed.borrow().get(&content) {
            return known.clone();
        }
        let parsed = self.bytes(entry).and_then(|bytes| Elf::parse(bytes).ok()).map(Rc::new);
        self.parsed.borrow_mut().insert(content, parsed.clone());
        parsed
    }

    /// Where a command is found.
    pub(super) fn command(&self, name: &[u8]) -> Option<Vec<u8>> {
        if name.contains(&b'/') {
            let path = self.absolute(name);
            return self.exists(&path).then_some(path);
        }
        self.launch
            .path()
            .into_iter()
            .map(|directory| [directory.as_slice(), name].join(&b'/'))
            .find(|path| self.find(path).is_some_and(|entry| entry.kind() == Kind::File && entry.mode() & 0o111 != 0))
    }

    /// A path from the root: what is relative begins at the working directory.
    pub(super) fn absolute(&self, path: &[u8]) -> Vec<u8> {
        if path.starts_with(b"/") { path.to_vec() } else { [self.launch.directory.as_slice(), path].join(&b'/') }
    }
}
