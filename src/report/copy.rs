//! `airbase.copy/v1`: what was copied.

use serde::Serialize;

use super::rebase::{OutputReport, Superseded, WrittenReport, superseded, taken};
use super::{Page, Report, Tone, exit_of};
use crate::foundation::{Code, Digest, ExitClass, Finding, text};
use crate::write::Taken;

/// One copied entry.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Copied {
    /// The image, as a reference.
    pub image: String,
    /// Its digest, which the copy has too.
    pub digest: Digest,
    /// Its name in the output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// The report.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CopyReport {
    /// Each image, collection, artifact, and document of an unknown type.
    pub images: Vec<Copied>,
    /// The referrers that went along, as deep as they go.
    pub referrers: Vec<Digest>,
    /// Where they went.
    pub output: OutputReport,
    /// The names that moved from other images, which stay.
    pub taken: Vec<Taken>,
    /// What is marked as superseded: the images that lost their names, each with its platforms.
    pub superseded: Vec<Superseded>,
    /// What was written.
    pub written: WrittenReport,
    /// What should be known.
    pub findings: Vec<Finding>,
    /// Whether there may be referrers that could not be read: the findings say which.
    #[serde(skip)]
    pub incomplete: bool,
}

impl Report for CopyReport {
    const SCHEMA: &'static str = "airbase.copy/v1";

    fn findings(&self) -> Vec<&Finding> {
        self.findings.iter().collect()
    }

    fn render(&self, page: &mut Page) {
        for copied in &self.images {
            let word = page.toned(Tone::Good, "copied");
            let name = copied.name.as_deref().map(|name| format!(" as {}", text::escape(name))).unwrap_or_default();
            page.line(0, &format!("{word} {}{name}", text::escape(&copied.image)));
            page.trusted_field(1, "digest", &copied.digest.to_string());
        }
        if !self.referrers.is_empty() {
            page.trusted_field(0, "referrers", &format!("{} went along", self.referrers.len()));
        }
        page.field(0, "output", &format!("{} ({})", self.output.path, self.output.kind));
        page.trusted_field(
            0,
            "written",
            &format!(
                "{} ({}), {} reused",
                text::count(usize::try_from(self.written.blobs).unwrap_or(usize::MAX), "blob"),
                text::bytes(self.written.bytes),
                self.written.reused
            ),
        );
        taken(page, &self.taken);
        superseded(page, &self.superseded);
        page.findings(0, &self.findings);
    }

    fn exit(&self) -> Option<ExitClass> {
        let stays = |finding: &&Finding| matches!(finding.code, Code::CopyLeftOut | Code::DigestAlgorithmUnknown) || finding.is_unread();
        let left = self.findings.iter().filter(stays);
        exit_of(left).or(self.incomplete.then_some(ExitClass::Findings))
    }
}
