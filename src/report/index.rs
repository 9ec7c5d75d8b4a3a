//! `airbase.index/v1`: an index that was assembled.

use serde::Serialize;

use super::rebase::{OutputReport, WrittenReport, taken};
use super::{Page, Report, Tone};
use crate::foundation::{Digest, ExitClass, Finding, text};
use crate::oci::Platform;
use crate::write::Taken;

/// One image of the index.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Member {
    /// The image, as a reference.
    pub image: String,
    /// The digest of its manifest.
    pub manifest: Digest,
    /// Its platform.
    pub platform: Option<Platform>,
}

/// The report.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct IndexReport {
    /// The digest of the index.
    pub digest: Digest,
    /// Its names.
    pub names: Vec<String>,
    /// Its images.
    pub members: Vec<Member>,
    /// Where it went.
    pub output: OutputReport,
    /// The names that moved here from other images, which stay.
    pub taken: Vec<Taken>,
    /// What was written.
    pub written: WrittenReport,
    /// What should be known.
    pub findings: Vec<Finding>,
    /// Whether there may be referrers that could not be read: the findings say which.
    #[serde(skip)]
    pub incomplete: bool,
}

impl Report for IndexReport {
    const SCHEMA: &'static str = "airbase.index/v1";

    fn findings(&self) -> Vec<&Finding> {
        self.findings.iter().collect()
    }

    fn render(&self, page: &mut Page) {
        let word = page.toned(Tone::Good, "assembled");
        page.line(0, &format!("{word} {}", text::count(self.members.len(), "platform")));
        for member in &self.members {
            let platform = member.platform.as_ref().map_or_else(|| "no platform".to_owned(), Platform::to_string);
            page.line(1, &format!("{}  {}  {}", text::escape(&platform), page.digest(&member.manifest), text::escape(&member.image)));
        }
        page.trusted_field(0, "digest", &self.digest.to_string());
        for name in &self.names {
            page.field(0, "name", name);
        }
        taken(page, &self.taken);
        page.field(0, "output", &format!("{} ({})", self.output.path, self.output.kind));
        page.findings(0, &self.findings);
    }

    fn exit(&self) -> Option<ExitClass> {
        self.incomplete.then_some(ExitClass::Findings)
    }
}
