//! `airbase.ls/v1`: the files of an image.

use std::sync::Arc;

use serde::{Serialize, Serializer};

use super::{Page, Report, Tone};
use crate::foundation::{Digest, Finding, text};
use crate::oci::Platform;
use crate::read::Rootfs;
use crate::read::rootfs::Entry;

/// One file.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Listed {
    /// The path inside the image, without a leading slash.
    pub path: String,
    /// `file`, `directory`, `symlink`, `hardlink`, `character-device`, `block-device` or `fifo`.
    pub kind: String,
    /// The mode, in octal.
    pub mode: String,
    /// The owner's number.
    pub uid: u64,
    /// The group's number.
    pub gid: u64,
    /// The size in bytes.
    pub size: u64,
    /// Where a link leads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// The layer that it came from, the lowest being 0.
    pub layer: usize,
}

impl Listed {
    fn of(entry: Entry<'_>) -> Self {
        let link = entry.member_link();
        let (uid, gid) = entry.member_owner();
        Self {
            path: String::from_utf8_lossy(&entry.path()).into_owned(),
            kind: entry.member_kind().slug().to_owned(),
            mode: format!("{:o}", entry.member_mode()),
            uid,
            gid,
            size: entry.member_size(),
            link: (!link.is_empty()).then(|| String::from_utf8_lossy(link).into_owned()),
            layer: entry.layer(),
        }
    }
}

/// Files by path. An image may have millions of them, so each is made when it is shown.
#[derive(Debug, Clone)]
pub struct Listing {
    rootfs: Arc<Rootfs>,
    /// The path that was asked for; empty for all.
    at: Vec<u8>,
}

impl Listing {
    /// The files at and below `at`, which is a path of `rootfs`; none if there is no such file.
    pub fn of(rootfs: Rootfs, at: &[u8]) -> Option<Self> {
        let at = rootfs.lookup(at)?.path();
        let listing = Self { rootfs: Arc::new(rootfs), at };
        (listing.at.is_empty() || listing.iter().next().is_some()).then_some(listing)
    }

    /// The files, one after another.
    pub fn iter(&self) -> impl Iterator<Item = Listed> {
        self.rootfs.lookup(&self.at).into_iter().flat_map(|entry| self.rootfs.files(entry)).map(Listed::of)
    }
}

impl Serialize for Listing {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

/// The report.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LsReport {
    /// The image, as a reference.
    pub image: String,
    /// The digest of its manifest.
    pub manifest: Digest,
    /// The platform; absent if neither index nor config says one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// The files, by path.
    pub files: Listing,
}

impl Report for LsReport {
    const SCHEMA: &'static str = "airbase.ls/v1";

    fn findings(&self) -> Vec<&Finding> {
        Vec::new()
    }

    fn render(&self, page: &mut Page) {
        for file in self.files.iter() {
            let link = file.link.as_deref().map(|link| format!(" -> {}", text::escape(link))).unwrap_or_default();
            let layer = page.toned(Tone::Dim, &format!("{:>2}", file.layer));
            // The letters of `ls -l`, and h for a hard link, as tar lists them.
            let kind = match file.kind.as_str() {
                "directory" => 'd',
                "hardlink" => 'h',
                "symlink" => 'l',
                "character-device" => 'c',
                "block-device" => 'b',
                "fifo" => 'p',
                _ => '-',
            };
            page.line(
                0,
                &format!(
                    "{layer} {kind} {:>5} {:>5}:{:<5} {:>10} {}{link}",
                    file.mode,
                    file.uid,
                    file.gid,
                    file.size,
                    text::escape(&file.path)
                ),
            );
        }
    }
}
