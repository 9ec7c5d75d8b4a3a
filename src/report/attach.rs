//! `airbase.attach/v1`, `airbase.detach/v1`: what was attached or taken away.

use std::collections::BTreeMap;

use serde::Serialize;

use super::rebase::{OutputReport, WrittenReport};
use super::{Page, Report, Tone};
use crate::foundation::{Digest, ExitClass, Finding, text};
use crate::oci::Platform;

/// One referrer and its subject.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Attached {
    /// The digest of the subject; of an artifact without one, its own.
    pub subject: Digest,
    /// The platform of the subject, where an index gives it one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// The digest of the referrer.
    pub digest: Digest,
}

/// The report.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AttachReport {
    /// The image, as a reference.
    pub image: String,
    /// What it is.
    pub artifact_type: String,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
    /// Each subject.
    pub attached: Vec<Attached>,
    /// Where it is.
    pub output: OutputReport,
    /// Whether anything changed.
    pub changed: bool,
    /// What was written.
    pub written: WrittenReport,
    /// What should be known.
    pub findings: Vec<Finding>,
    /// Whether there may be referrers that could not be read and did not go along: the findings say which.
    #[serde(skip)]
    pub incomplete: bool,
}

/// The report of `detach`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DetachReport {
    /// The image, as a reference.
    pub image: String,
    /// Each subject that lost it.
    pub detached: Vec<Attached>,
    /// Whether anything changed.
    pub changed: bool,
    /// What should be known.
    pub findings: Vec<Finding>,
}

fn lines(page: &mut Page, attached: &[Attached]) {
    for each in attached {
        let platform = each.platform.as_ref().map(|platform| format!("  {}", text::escape(&platform.to_string()))).unwrap_or_default();
        page.trusted_field(1, "referrer", &each.digest.to_string());
        if each.subject != each.digest {
            page.trusted_field(1, "of", &format!("{}{platform}", page.digest(&each.subject)));
        }
    }
}

impl Report for AttachReport {
    const SCHEMA: &'static str = "airbase.attach/v1";

    fn findings(&self) -> Vec<&Finding> {
        self.findings.iter().collect()
    }

    fn render(&self, page: &mut Page) {
        let word = if self.changed { page.toned(Tone::Good, "attached") } else { page.toned(Tone::Dim, "unchanged") };
        page.line(0, &format!("{word} {} to {}", text::escape(&self.artifact_type), text::escape(&self.image)));
        lines(page, &self.attached);
        for (key, value) in &self.annotations {
            page.field(1, "annotation", &format!("{key}={value}"));
        }
        page.field(1, "output", &format!("{} ({})", self.output.path, self.output.kind));
        page.findings(0, &self.findings);
    }

    fn exit(&self) -> Option<ExitClass> {
        self.incomplete.then_some(ExitClass::Findings)
    }
}

impl Report for DetachReport {
    const SCHEMA: &'static str = "airbase.detach/v1";

    fn findings(&self) -> Vec<&Finding> {
        self.findings.iter().collect()
    }

    fn render(&self, page: &mut Page) {
        let word = page.toned(Tone::Good, "detached");
        page.line(0, &format!("{word} from {}", text::escape(&self.image)));
        lines(page, &self.detached);
        page.line_toned(0, Tone::Dim, "What it holds is still among the blobs: `airbase gc` shows what nobody needs.");
        page.findings(0, &self.findings);
    }
}
