//! `airbase.ls/v1`: the files of an image.

use serde::Serialize;

use super::{Page, Report, Tone};
use crate::core::{Digest, text};
use crate::oci::Platform;

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
    pub files: Vec<Listed>,
}

impl Report for LsReport {
    const SCHEMA: &'static str = "airbase.ls/v1";

    fn render(&self, page: &mut Page) {
        for file in &self.files {
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
