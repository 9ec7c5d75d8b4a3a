//! An image as skopeo's `dir:` has it (containers-transports(5), "dir").
//!
//! ```text
//! version                  Directory Transport Version: 1.1
//! manifest.json            the manifest, or the index of several platforms
//! <hex>.manifest.json      a manifest of that index, by its digest
//! <hex>                    a config or a layer, by its digest
//! signature-1              a signature of the manifest; <hex>.signature-1 of a manifest of the index
//! ```
//!
//! No name is in it, and nothing says what the digest of `manifest.json` should be: it is the image that its bytes are.

use std::sync::Arc;

use super::resolve::document_type;
use super::{Container, SourceKind, Stored};
use crate::format::json::{Document, Node, Value};
use crate::foundation::fsys::{Directory, EntryKind, Region, is_temporary, shown};
use crate::foundation::{Algorithm, Code, Digest, Error, Fact, Finding, Limits, Result, Severity, text};
use crate::oci::{Descriptor, Verified, media_type};

/// The file that says how the others are called.
const VERSION: &str = "version";
/// What it says where they are called as above.
const KNOWN: &str = "Directory Transport Version: 1.1";
/// What it begins with in every version.
const MARK: &str = "Directory Transport Version:";
/// It is some thirty bytes.
const VERSION_BYTES: u64 = 4 << 10;
const MANIFEST: &str = "manifest.json";
/// What the name of a manifest of an index ends in.
const OF_PLATFORM: &str = ".manifest.json";

#[derive(Debug)]
pub(super) struct SkopeoDirectory {
    directory: Directory,
    manifest: Verified,
    index: Vec<u8>,
    findings: Vec<Finding>,
}

impl SkopeoDirectory {
    pub(super) fn open(directory: Directory, limits: &Limits) -> Result<Self> {
        let mut findings = Vec::from_iter(check_version(&directory)?);
        let manifest = read_manifest(&directory, limits)?;
        let media_type = document_type(&manifest, limits).map_err(|error| error.at(MANIFEST))?;
        let descriptor = Descriptor::authored(&media_type, &manifest);
        let mut index = Value::object();
        index.set("schemaVersion", Value::size(2));
        index.set("mediaType", Value::string(media_type::OCI_INDEX));
        index.set("manifests", Value::Array(vec![Value::Raw(descriptor.raw.to_string())]));
        findings.extend(signatures(&directory)?);
        Ok(Self { directory, manifest, index: index.render().into_bytes(), findings })
    }
}

/// Whether a directory says that it is one: the file is written before all others.
///
/// # Errors
/// `io`.
pub(super) fn is_marked(directory: &Directory) -> Result<bool> {
    if directory.kind(VERSION)? != Some(EntryKind::File) {
        return Ok(false);
    }
    let Some(file) = directory.file(VERSION)? else { return Ok(false) };
    Ok(file.beginning(MARK.len() as u64)? == MARK.as_bytes())
}

/// Refuses a directory whose files may be called otherwise. skopeo itself reads one that does not say it.
fn check_version(directory: &Directory) -> Result<Option<Finding>> {
    let Some(file) = directory.file(VERSION)? else {
        let finding = Finding::new(Code::DirVersion, "the file version is missing").severity(Severity::Note);
        return Ok(Some(finding.at(shown(directory.path()))));
    };
    // What is longer than what it may say is another version.
    let bytes = file.read_all(VERSION_BYTES)?.unwrap_or_default();
    let said = String::from_utf8_lossy(&bytes);
    if said.trim_end() == KNOWN {
        return Ok(None);
    }
    Err(Error::new(Code::DirVersion, "the directory is of another version of skopeo's dir: than the one that is known")
        .expected(Fact::new(KNOWN, "containers-transports(5)"))
        .found(Fact::new(text::escape(said.lines().next().unwrap_or_default()), VERSION))
        .hint(format!("Convert it where the skopeo is that wrote it: `skopeo copy --all dir:{0} oci:{0}-oci`.", shown(directory.path()))))
}

fn read_manifest(directory: &Directory, limits: &Limits) -> Result<Verified> {
    let file = directory.file(MANIFEST)?.ok_or_else(|| {
        Error::new(Code::LayoutIndexMissing, "the directory has no manifest.json: a copy into it was stopped")
            .expected(Fact::new(MANIFEST, "containers-transports(5)"))
            .found(Fact::new("no such file", shown(directory.path())))
    })?;
    let bytes = file.read_all(limits.document_bytes)?.ok_or_else(|| {
        Error::new(Code::DocTooLarge, "manifest.json is too large")
            .expected(Fact::new(format!("at most {} bytes", limits.document_bytes), "the limits"))
    })?;
    let document = Document::parse(&bytes, limits).map_err(|error| error.at(MANIFEST))?;
    if document.root().get("schemaVersion").map(Node::raw) == Some("1") {
        return Err(Error::new(Code::SourceUnsupported, "the image has a manifest of Docker's schema 1")
            .expected(Fact::new("a manifest of OCI, or of Docker's schema 2", "airbase"))
            .found(Fact::new("schemaVersion 1", MANIFEST))
            .hint(format!("Convert it where skopeo is: `skopeo copy --format oci dir:{0} oci:{0}-oci`.", shown(directory.path()))));
    }
    Ok(Verified::authored(bytes))
}

/// Signatures that lie beside the image. No other form has a place for them.
fn signatures(directory: &Directory) -> Result<Option<Finding>> {
    let entries = directory.entries(".")?;
    let names: Vec<String> = entries.iter().filter_map(|entry| text_of(&entry.name)).filter(|name| is_signature(name)).collect();
    let Some((first, others)) = names.split_first() else { return Ok(None) };
    let finding = Finding::new(Code::DirSignature, "the image has signatures in files, and a copy does not have them")
        .at(shown(directory.path()))
        .expected(Fact::new("referrers, which every form can hold", "image-spec"))
        .found(Fact::new(first, "the directory"));
    Ok(Some(others.iter().fold(finding, Finding::detail)))
}

fn text_of(name: &[u8]) -> Option<String> {
    std::str::from_utf8(name).ok().map(str::to_owned)
}

fn is_signature(name: &str) -> bool {
    let (before, number) = name.rsplit_once("signature-").unwrap_or_default();
    let is_whose = before.is_empty() || before.strip_suffix('.').and_then(digest_of).is_some();
    is_whose && !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit())
}

/// The digest of which a name has the digits: how many tells of which algorithm.
fn digest_of(hex: &str) -> Option<Digest> {
    [Algorithm::Sha256, Algorithm::Sha512]
        .into_iter()
        .find(|algorithm| algorithm.hex_length() == hex.len())
        .and_then(|algorithm| format!("{}:{hex}", algorithm.name()).parse().ok())
}

impl Container for SkopeoDirectory {
    fn kind(&self) -> SourceKind {
        SourceKind::SkopeoDirectory
    }

    fn index(&self) -> Result<Vec<u8>> {
        Ok(self.index.clone())
    }

    fn blob(&self, digest: &Digest) -> Result<Option<Region>> {
        if digest == self.manifest.digest() {
            return Ok(Some(Region::memory(self.manifest.bytes().into())));
        }
        let file = match self.directory.blob(&digest.hex())? {
            Some(file) => Some(file),
            None => self.directory.blob(&format!("{}{OF_PLATFORM}", digest.hex()))?,
        };
        Ok(file.map(|file| Region::whole(Arc::new(file))))
    }

    fn stored(&self) -> Result<Vec<Stored>> {
        let mut stored = Vec::new();
        self.directory.each(".", &mut |name, kind| {
            let text = text_of(name).unwrap_or_default();
            if is_temporary(name) || text == VERSION || is_signature(&text) {
                return;
            }
            let is_file = matches!(kind, EntryKind::File | EntryKind::Symlink | EntryKind::Special);
            stored.push(match digest_of(text.strip_suffix(OF_PLATFORM).unwrap_or(&text)) {
                _ if text == MANIFEST => Stored::Blob(self.manifest.digest().clone()),
                Some(digest) if is_file => Stored::Blob(digest),
                _ => Stored::Stray(text::escape_bytes(name)),
            });
        })?;
        stored.sort_unstable();
        stored.dedup();
        Ok(stored)
    }

    fn findings(&self) -> Vec<Finding> {
        self.findings.clone()
    }
}
