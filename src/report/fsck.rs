//! `airbase.fsck/v1`: what is wrong with a source.

use serde::Serialize;

use super::{Page, Report, Tone, exit_of};
use crate::foundation::{Code, ExitClass, Finding, Severity, text};
use crate::read::SourceKind;

/// One source.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Checked {
    /// The path.
    pub path: String,
    /// What it is; absent if it could not be opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<SourceKind>,
    /// Entries of `index.json`.
    pub entries: usize,
    /// Documents that were hashed and read.
    pub documents: usize,
    /// Blobs that were looked at.
    pub blobs: usize,
    /// Blobs that were hashed.
    pub hashed: usize,
    /// Bytes that were hashed.
    pub hashed_bytes: u64,
    /// Layers that were inflated.
    pub inflated: usize,
    /// Blobs that no document names.
    pub unreferenced: usize,
    /// Bytes of them.
    pub unreferenced_bytes: u64,
    /// Everything that is wrong or odd.
    pub findings: Vec<Finding>,
}

/// The report.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FsckReport {
    /// How deep it went: 0 structure and sizes, 1 manifests and configs hashed, 2 all digests, 3 layers
    /// inflated and compared with their diffIDs, 4 layers read as tar archives.
    pub level: u8,
    /// Whether there is neither damage nor a refusal.
    pub clean: bool,
    /// Each source.
    pub sources: Vec<Checked>,
    /// What is no source that can be checked.
    pub findings: Vec<Finding>,
}

impl FsckReport {
    /// All that was found.
    pub fn all_findings(&self) -> impl Iterator<Item = &Finding> {
        self.sources.iter().flat_map(|source| &source.findings).chain(&self.findings)
    }
}

impl Report for FsckReport {
    const SCHEMA: &'static str = "airbase.fsck/v1";

    fn findings(&self) -> Vec<&Finding> {
        self.all_findings().collect()
    }

    fn render(&self, page: &mut Page) {
        for source in &self.sources {
            let bad = source.findings.iter().filter(|finding| finding.severity >= Severity::Damage).count();
            // "Clean" is said only where everything was looked at.
            let is_sparse = |finding: &Finding| matches!(finding.code, Code::BlobMissing | Code::ImageSparse);
            let sparse = source.findings.iter().any(is_sparse);
            let is_damage = |finding: &Finding| finding.severity >= Severity::Damage && finding.code != Code::ImageSparse;
            let only_sparse = !source.findings.iter().any(is_damage);
            let word = match (bad, self.level, sparse) {
                (0, 2.., false) => page.toned(Tone::Good, "clean"),
                (0, 2.., true) => page.toned(Tone::Caution, "clean but sparse"),
                (0, level, _) => page.toned(Tone::Caution, &format!("nothing wrong at level {level}, which does not hash layers:")),
                _ if only_sparse => page.toned(Tone::Caution, "incomplete"),
                _ => page.toned(Tone::Bad, "damaged"),
            };
            let kind = source.kind.map_or("unreadable", SourceKind::name);
            page.line(0, &format!("{word} {} ({kind})", text::escape(&source.path)));
            if source.kind.is_some() {
                let hashed = if source.hashed_bytes > 0 {
                    format!(", {} hashed ({})", source.hashed, text::bytes(source.hashed_bytes))
                } else {
                    String::new()
                };
                let inflated =
                    if source.inflated > 0 { format!(", {} inflated", text::count(source.inflated, "layer")) } else { String::new() };
                page.line(
                    1,
                    &format!(
                        "level {}: {}, {}{hashed}{inflated}",
                        self.level,
                        text::count(source.documents, "document"),
                        text::count(source.blobs, "blob")
                    ),
                );
            }
            if source.unreferenced > 0 {
                let line = format!(
                    "{} that no document names ({})",
                    text::count(source.unreferenced, "blob"),
                    text::bytes(source.unreferenced_bytes)
                );
                page.line_toned(1, Tone::Dim, &line);
            }
            page.findings(1, &source.findings);
        }
        page.findings(0, &self.findings);
    }

    fn exit(&self) -> Option<ExitClass> {
        exit_of(self.all_findings())
    }
}
