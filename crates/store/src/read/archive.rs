//! Image archives: a tar file that holds an OCI image layout (oci-archive), what `docker save` writes (docker-archive), or
//! both.
//!
//! The archive is read in place: a blob is a region of the archive file (see `members`), and the order of members does not
//! matter.
//!
//! An archive with both views is read as a layout, after the two were compared (see `views`): a scanner that reads one and a
//! runtime that reads the other must not see two images.

use std::collections::HashMap;
use std::sync::Arc;

use super::directory::check_marker;
use super::members::Members;
use super::views::reconcile;
use super::{Container, SourceKind, Stored, View, docker};
use crate::foundation::fsys::{File, Region};
use crate::foundation::{Algorithm, Code, Digest, Error, Fact, Finding, Limits, Result};

#[derive(Debug)]
pub(super) struct Archive {
    index: Vec<u8>,
    blobs: HashMap<Digest, Region>,
    /// What lies under `blobs/` and is no blob, sorted.
    odd: Vec<Stored>,
    findings: Vec<Finding>,
    kind: SourceKind,
}

impl Archive {
    pub(super) fn open(file: File, view: View, limits: &Limits) -> Result<Self> {
        let mut findings = Vec::new();
        let members = Members::read(&Arc::new(file), limits, &mut findings)?;
        let (is_layout, is_docker) = (members.has("index.json"), members.has("manifest.json"));
        if is_layout && (view != View::Docker || !is_docker) {
            let mut archive = Self::layout(&members, findings, limits)?;
            if is_docker && view == View::Whole {
                let mut made = reconcile(&members, &archive, limits)?;
                archive.blobs.extend(std::mem::take(&mut made.blobs));
                archive.findings.append(&mut made.findings);
                archive.index = made.behind(&archive.index, limits)?.unwrap_or(archive.index);
            }
            return Ok(archive);
        }
        if is_docker {
            let view = docker::view(&members, limits)?;
            findings.extend(view.findings);
            return Ok(Self { index: view.index, blobs: view.blobs, odd: Vec::new(), findings, kind: SourceKind::DockerArchive });
        }
        if members.has("repositories") {
            return Err(Error::new(Code::DockerLegacy, "the archive has repositories and no manifest.json")
                .found(Fact::new("repositories", "the archive")));
        }
        let error = Error::new(Code::ArchiveNotALayout, "the archive holds no image layout")
            .expected(Fact::new("index.json or manifest.json at the top", "image-spec, image-layout.md"))
            .found(Fact::new("neither", "the archive"));
        let nested = members.names().find_map(|name| name.split_once('/').filter(|(_, rest)| matches!(*rest, "index.json" | "oci-layout")));
        Err(match nested {
            Some((top, _)) => error.hint(format!(
                "A layout lies one directory down, in {top:?}. Unpack the archive and give that directory, or pack it again from inside."
            )),
            None => error,
        })
    }

    fn layout(members: &Members, mut findings: Vec<Finding>, limits: &Limits) -> Result<Self> {
        match members.control("oci-layout", limits.document_bytes)? {
            None => findings.push(Finding::new(Code::LayoutMarkerMissing, "the file oci-layout is missing")),
            Some(marker) => check_marker(Some(&marker), limits)?,
        }
        let index = members.control("index.json", limits.index_bytes)?.unwrap_or_default();
        let mut blobs = HashMap::new();
        let mut odd = Vec::new();
        for name in members.names() {
            let Some(rest) = name.strip_prefix("blobs/") else { continue };
            let known = rest.split_once('/').filter(|(algorithm, _)| Algorithm::from_name(algorithm).is_some());
            match (known.and_then(|(algorithm, hex)| format!("{algorithm}:{hex}").parse::<Digest>().ok()), members.region(name)?) {
                (Some(digest), Some(region)) => {
                    blobs.insert(digest, region);
                }
                _ => odd.push(match rest.split_once('/') {
                    Some((algorithm, _)) if Algorithm::from_name(algorithm).is_none() && Algorithm::is_well_formed(algorithm) => {
                        Stored::Unverifiable(format!("blobs/{algorithm}"))
                    }
                    _ => Stored::Stray(name.clone()),
                }),
            }
        }
        odd.dedup();
        Ok(Self { index, blobs, odd, findings, kind: SourceKind::Archive })
    }
}

impl Container for Archive {
    fn kind(&self) -> SourceKind {
        self.kind
    }

    fn index(&self) -> Result<Vec<u8>> {
        Ok(self.index.clone())
    }

    fn blob(&self, digest: &Digest) -> Result<Option<Region>> {
        Ok(self.blobs.get(digest).cloned())
    }

    fn stored(&self) -> Result<Vec<Stored>> {
        let mut stored: Vec<Stored> = self.blobs.keys().cloned().map(Stored::Blob).collect();
        stored.sort();
        stored.extend(self.odd.iter().cloned());
        Ok(stored)
    }

    fn findings(&self) -> Vec<Finding> {
        self.findings.clone()
    }
}
