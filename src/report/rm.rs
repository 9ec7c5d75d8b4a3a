//! `airbase.rm/v1`: what was removed from an index.

use serde::Serialize;

use super::gc::Gone;
use super::{Page, Report, Tone};
use crate::foundation::{Digest, ExitClass, Finding, text};

/// The report.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RmReport {
    /// The image, as a reference.
    pub image: String,
    /// Its digest.
    pub digest: Digest,
    /// Whether it was only told.
    pub dry_run: bool,
    /// The entries of `index.json` that went.
    pub entries: Vec<Gone>,
    /// What should be known.
    pub findings: Vec<Finding>,
}

impl Report for RmReport {
    const SCHEMA: &'static str = "airbase.rm/v1";

    fn findings(&self) -> Vec<&Finding> {
        self.findings.iter().collect()
    }

    fn exit(&self) -> Option<ExitClass> {
        // The image went; what belongs to it was not read, and stays.
        self.findings.iter().map(|finding| finding.code.exit_class()).find(|class| *class == ExitClass::Io)
    }

    fn render(&self, page: &mut Page) {
        let word = if self.dry_run { page.toned(Tone::Strong, "would remove") } else { page.toned(Tone::Good, "removed") };
        page.line(0, &format!("{word} {}", text::escape(&self.image)));
        for entry in &self.entries {
            page.line(1, &entry.shown(page));
        }
        page.findings(0, &self.findings);
        if self.dry_run {
            return page.line(0, "Dry run: nothing was removed.");
        }
        page.line_toned(0, Tone::Dim, "Its blobs are still there: `airbase gc` shows what nobody needs.");
    }
}
