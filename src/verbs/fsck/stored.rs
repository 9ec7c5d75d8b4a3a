//! Looks at everything that is stored, named or not, and hashes it.

use std::collections::HashSet;

use super::Checker;
use crate::foundation::fsys::{ReadAt, Region};
use crate::foundation::limits::CHUNK_BYTES;
use crate::foundation::{Code, Digest, Error, Finding, Hasher, Result};
use crate::oci::digest_mismatch;
use crate::read::{SourceKind, Stored, verify};
use crate::report::fsck::Checked;
use crate::verbs::Context;

impl Checker<'_> {
    /// Looks at everything under `blobs/`, and at level 2 hashes it.
    pub(super) fn stored(&mut self, checked: &mut Checked) {
        let stored = match self.container.stored() {
            Ok(stored) => stored,
            Err(error) => return self.add(error, "blobs"),
        };
        let mut waiting = Vec::new();
        for entry in stored {
            let digest = match entry {
                Stored::Unverifiable(path) => {
                    let finding = Finding::new(Code::DigestAlgorithmUnknown, "the digests of these blobs cannot be computed here");
                    self.findings.push(finding.at(path));
                    continue;
                }
                Stored::Stray(path) => {
                    self.findings.push(Finding::new(Code::LayoutStray, "this cannot be a blob").at(path));
                    continue;
                }
                Stored::Blob(digest) => digest,
            };
            checked.blobs += 1;
            if let Some(region) = self.stored_blob(&digest, checked)
                && self.level >= 2
                && !self.hashed.contains(&digest)
            {
                waiting.push(Waiting { digest, length: region.length(), sequence: region.sequence() });
            }
        }
        self.hash_all(&waiting);
    }

    /// What a blob is by itself. What was there a moment ago is not hashed now, so it was not checked.
    fn stored_blob(&mut self, digest: &Digest, checked: &mut Checked) -> Option<Region> {
        let region = match self.container.blob(digest) {
            Ok(Some(region)) => region,
            unopened => {
                if !self.unopened.contains(digest) {
                    self.add(unopened.err().unwrap_or_else(went_away), &digest.to_string());
                }
                return None;
            }
        };
        let is_directory = matches!(self.container.kind(), SourceKind::Layout | SourceKind::SkopeoDirectory);
        if is_directory && region.file().is_some_and(crate::foundation::fsys::File::writable_by_others) {
            self.findings.push(Finding::new(Code::PathWritableByOthers, "every user may change this blob").at(digest));
        }
        if !self.seen.contains_key(digest) {
            checked.unreferenced += 1;
            checked.unreferenced_bytes += region.length();
            if self.container.kind() == SourceKind::Archive {
                self.findings.push(Finding::new(Code::ArchiveUnreferenced, "no document names this blob").at(digest));
            }
        }
        Some(region)
    }

    fn hash_all(&mut self, waiting: &[Waiting]) {
        let context = self.context;
        let results = verify::each(
            waiting,
            |blob| (blob.length, blob.sequence),
            context.jobs,
            context.events,
            "check",
            |blob| match self.container.blob(&blob.digest) {
                Ok(Some(region)) => hash(&blob.digest, &region, context),
                unopened => Err(unopened.err().unwrap_or_else(went_away)),
            },
        );
        let results = match results {
            Ok(results) => results,
            Err(error) => return self.add(error, "blobs"),
        };
        let is_size = |finding: &&Finding| finding.code == Code::DescriptorSizeMismatch;
        let wrong_sizes: HashSet<String> = self.findings.iter().filter(is_size).filter_map(|finding| finding.place.clone()).collect();
        for (Waiting { digest, length, .. }, result) in waiting.iter().zip(results) {
            self.contents += 1;
            self.hashed_bytes += length;
            // A blob whose size is wrong was reported as such; its digest is wrong too, which says nothing new.
            if let Err(error) = result
                && !wrong_sizes.contains(&digest.to_string())
            {
                self.add(error, &digest.to_string());
            }
        }
    }
}

/// A blob that is still to be hashed. It is opened again then: of a hundred thousand, open files would take more memory than all else.
struct Waiting {
    digest: Digest,
    length: u64,
    sequence: Option<(u64, u64)>,
}

fn went_away() -> Error {
    Error::new(Code::BlobChanged, "a blob went away while the layout was checked")
}

fn hash(digest: &Digest, region: &Region, context: Context<'_>) -> Result<()> {
    let mut hasher = Hasher::new(digest.algorithm());
    let mut buffer = vec![0; CHUNK_BYTES];
    let mut offset = 0;
    while offset < region.length() {
        let count = region.read_at(&mut buffer, offset).map_err(|error| Error::io("read a blob", error))?;
        if count == 0 {
            return Err(Error::new(Code::BlobChanged, "a blob became shorter while it was read"));
        }
        hasher.update(buffer.get(..count).unwrap_or_default());
        offset += count as u64;
        context.events.bytes(count as u64);
    }
    let actual = hasher.finish();
    if actual == *digest { Ok(()) } else { Err(digest_mismatch(digest, &actual)) }
}
