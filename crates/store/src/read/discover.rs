//! Finding sources in a folder: by what files hold, not by what they are called.
//!
//! Whatever is passed over is counted with the reason, so that who finds nothing can say what there was instead. What is an image,
//! or may be one, and cannot be looked at is a finding.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::directory::{DirectoryKind, kind_of};
use super::inflate::Inflate;
use super::resolve::open_among;
use super::{Reference, Source, View};
use crate::format::codec::{Codec, Packing};
use crate::format::tar;
use crate::foundation::fsys::{Directory, EntryKind, File, ReadAt, Region, is_temporary, real, shown};
use crate::foundation::{Algorithm, Code, Error, Fact, Finding, Limits, Result, Severity};

/// What lies at or below a path.
#[derive(Debug, Default)]
pub struct Found {
    /// Every layout and archive, in order of the names.
    pub paths: Vec<PathBuf>,
    /// What is an image, or may be one, and cannot be looked at.
    pub findings: Vec<Finding>,
    /// What was passed over.
    pub passed: Passed,
}

/// The same, opened.
#[derive(Debug, Default)]
pub struct Discovered {
    /// Every layout and archive that can be read.
    pub sources: Vec<Arc<Source>>,
    /// What cannot.
    pub findings: Vec<Finding>,
    /// What was passed over.
    pub passed: Passed,
}

/// Why something is no source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reason {
    NoArchive,
    Link,
    Hidden,
    Special,
}

impl Reason {
    fn words(self) -> &'static str {
        match self {
            Self::NoArchive => "neither in a layout nor an archive",
            Self::Link => "a symbolic link",
            Self::Hidden => "hidden",
            Self::Special => "a FIFO, socket or device",
        }
    }
}

/// What was passed over in a folder: how much for each reason, and the first of each.
#[derive(Debug, Clone, Default)]
pub struct Passed(BTreeMap<Reason, (usize, String)>);

impl Passed {
    fn add(&mut self, reason: Reason, path: &Path) {
        self.0.entry(reason).or_insert_with(|| (0, shown(path))).0 += 1;
    }

    /// That no image was looked at below `place`, and what there was instead.
    pub fn nothing(&self, place: &str) -> Finding {
        let lines = self.0.iter().map(|(reason, (count, first))| match count {
            1 => format!("1 not looked at: {first} is {}", reason.words()),
            _ => format!("{count} not looked at: {first} and others are {}", reason.words()),
        });
        lines.fold(nothing(place), Finding::detail)
    }
}

/// That no image was looked at in a source or a folder.
pub fn nothing(place: &str) -> Finding {
    Finding::new(Code::PathNothing, "no image was looked at").at(place)
}

/// How deep a folder of sources is searched. Deeper trees are not meant as one collection.
const DEEPEST: usize = 24;

/// The sources at or below `path`: the path itself if it is one, else every layout and archive in the directory and its
/// subdirectories. No more is read than tells what a file is.
///
/// # Errors
/// Those of listing the directory `path`.
pub fn find(path: &Path, limits: &Limits) -> Result<Found> {
    let Ok(directory) = Directory::open(path) else { return Ok(Found { paths: vec![path.to_owned()], ..Found::default() }) };
    let mut search = Search { found: Found::default(), root: None, path, deepest: DEEPEST, limits };
    search.directory(&directory, path, 0)?;
    Ok(search.found)
}

/// Why a folder is not the one layout that was asked for.
///
/// # Errors
/// Those of listing the directory.
pub(super) fn no_layout(directory: &Directory, limits: &Limits) -> Result<Error> {
    let path = directory.path();
    let mut search = Search { found: Found::default(), root: None, path, deepest: 1, limits };
    search.directory(directory, path, 0)?;
    let Found { paths, findings, passed } = search.found;
    let Some(first) = paths.first() else {
        let told = |nothing: Finding, finding: Finding| {
            let nothing = nothing.detail(format!("{}: {}", finding.place.unwrap_or_default(), finding.message));
            finding.hints.into_iter().fold(nothing, Finding::hint)
        };
        return Ok(Error::of(findings.into_iter().fold(passed.nothing(&shown(path)), told)));
    };
    Ok(Error::new(Code::LayoutIndexMissing, "the directory is a folder of images, and one image is asked for")
        .expected(Fact::new("index.json", "image-spec, image-layout.md"))
        .found(Fact::new(format!("{} and {} more", shown(first), paths.len() - 1), shown(path)))
        .hint(format!("Name one of them: `airbase inspect {}` lists what is there.", shown(path))))
}

/// The sources at or below the path of a reference, opened. What cannot be read is a finding, not the end.
///
/// # Errors
/// Only if the path itself cannot be read; `usage.argument` for a transport that is another than its own.
pub fn discover(reference: &Reference, limits: &Limits) -> Result<Discovered> {
    discover_among(reference, &[], limits)
}

/// As [`discover`]; a source among `open` is not read again.
///
/// # Errors
/// As [`discover`].
pub fn discover_among(reference: &Reference, open: &[Arc<Source>], limits: &Limits) -> Result<Discovered> {
    let path = &*reference.path;
    let Found { paths, findings, passed } = find(path, limits)?;
    let mut discovered = Discovered { sources: Vec::new(), findings, passed };
    for inner in paths {
        if inner == path {
            discovered.sources.push(open_among(reference, open, limits)?);
            continue;
        }
        if let Some(source) = open.iter().find(|source| source.path == inner && source.view == View::Whole) {
            discovered.sources.push(Arc::clone(source));
            continue;
        }
        match Source::open(&inner, limits) {
            Ok(source) => discovered.sources.push(source),
            Err(error) => discovered.findings.push(error.at(shown(&inner)).into()),
        }
    }
    Ok(discovered)
}

struct Search<'a> {
    found: Found,
    /// The folder without links, asked for when the first link is met.
    root: Option<PathBuf>,
    path: &'a Path,
    deepest: usize,
    limits: &'a Limits,
}

impl Search<'_> {
    fn directory(&mut self, directory: &Directory, path: &Path, depth: usize) -> Result<()> {
        match kind_of(directory, self.limits)? {
            DirectoryKind::Layout | DirectoryKind::Skopeo => self.found.paths.push(path.to_owned()),
            kind @ DirectoryKind::UnpackedDocker => {
                self.found.findings.extend(kind.unsupported(path).map(|error| error.into_finding().severity(Severity::Damage)));
            }
            DirectoryKind::Folder if depth > self.deepest => {
                let finding = Finding::new(Code::GraphDepth, "folders are nested too deeply, and this one was not looked into");
                self.found
                    .findings
                    .push(finding.at(shown(path)).expected(Fact::new(format!("at most {} levels", self.deepest), "the limits")));
            }
            DirectoryKind::Folder => {
                for entry in directory.entries(".")? {
                    self.entry(&entry.name, entry.kind, &path.join(OsStr::from_bytes(&entry.name)), depth);
                }
            }
        }
        Ok(())
    }

    fn entry(&mut self, name: &[u8], kind: EntryKind, path: &Path, depth: usize) {
        let claims = Codec::of_archive(&String::from_utf8_lossy(name)).is_some();
        let is_hidden = name.starts_with(b".") && (kind != EntryKind::File || !claims || is_temporary(name));
        match kind {
            EntryKind::Directory if is_hidden && self.is_hidden_layout(name, path) => self.found.paths.push(path.to_owned()),
            _ if is_hidden => self.found.passed.add(Reason::Hidden, path),
            EntryKind::File if claims || self.is_archive(path) => self.found.paths.push(path.to_owned()),
            EntryKind::File => self.found.passed.add(Reason::NoArchive, path),
            EntryKind::Directory => {
                let looked = Directory::open(path).and_then(|directory| self.directory(&directory, path, depth + 1));
                self.found.findings.extend(looked.err().map(|error| Finding::from(error.at(shown(path)))));
            }
            EntryKind::Symlink => self.link(path),
            EntryKind::Special => self.found.passed.add(Reason::Special, path),
        }
    }

    /// Whether a hidden folder is a layout itself: what is called so and was not asked for may be large, so what lies in it is not looked for.
    fn is_hidden_layout(&self, name: &[u8], path: &Path) -> bool {
        let kind = Directory::open(path).and_then(|directory| kind_of(&directory, self.limits));
        // One that cannot be opened is passed over as all that is hidden.
        !is_temporary(name) && kind.is_ok_and(|kind| matches!(kind, DirectoryKind::Layout | DirectoryKind::Skopeo))
    }

    /// What lies below the folder is found where it lies. A link that leads out of it could bring in what nobody meant, so it is not
    /// followed; if there may be an image behind it, that is reported.
    fn link(&mut self, path: &Path) {
        let finding = |what: &str| {
            Finding::new(Code::PathSymlink, what)
                .severity(Severity::Damage)
                .at(shown(path))
                .hint("Name what it leads to on the command line.")
        };
        let target = match real(path) {
            Ok(target) => target,
            Err(error) => {
                return self.found.findings.push(finding("a symbolic link leads to nothing that is here").detail(&error.finding().message));
            }
        };
        if self.root.is_none() {
            self.root = real(self.path).ok();
        }
        // What lies below is found on its own way, unless that is hidden: a volume of Kubernetes is links into a folder that is.
        let beneath = self.root.as_ref().and_then(|root| target.strip_prefix(root).ok());
        let is_beneath = beneath.is_some_and(|inner| !inner.components().any(|part| part.as_os_str().as_encoded_bytes().starts_with(b".")));
        // What cannot be opened as one may be an archive; opening that says why.
        if is_beneath || Directory::open(&target).is_err() && !self.is_archive(&target) {
            return self.found.passed.add(Reason::Link, path);
        }
        let finding = if beneath.is_some() {
            finding("a symbolic link leads into what is hidden in the folder and is not followed")
        } else {
            finding("a symbolic link leads out of the folder and is not followed")
        };
        self.found.findings.push(finding.found(Fact::new(shown(&target), "the link")));
    }

    /// Whether a file is an archive, or something in which one may be. What cannot be read may be; opening it says why.
    fn is_archive(&self, path: &Path) -> bool {
        let Ok(file) = File::open(path) else { return true };
        let mut start = [0; tar::BLOCK];
        let length = usize::try_from(file.length()).unwrap_or(usize::MAX).min(start.len());
        let start = start.get_mut(..length).unwrap_or_default();
        // It may be: see above.
        if file.read_exact_at(start, 0).is_err() || tar::is_header(start) {
            return true;
        }
        match Codec::by_first_bytes(start) {
            None => false,
            Some(Codec { reads: None, .. }) => true,
            Some(Codec { reads: Some(packing), .. }) => self.holds_archive(file, *packing),
        }
    }

    fn holds_archive(&self, file: File, packing: Packing) -> bool {
        // It may be: see above.
        let Ok(inflate) = Inflate::open(Region::whole(Arc::new(file)), packing, Algorithm::Sha256, self.limits) else { return true };
        let mut start = Vec::new();
        match inflate.take(tar::BLOCK as u64).read_to_end(&mut start) {
            Ok(_) => tar::is_header(&start),
            Err(_) => true,
        }
    }
}
