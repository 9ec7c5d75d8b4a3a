//! `airbase.doctor/v1`: which client sees which referrer.

use serde::Serialize;

use super::{Page, Report, Tone};
use crate::foundation::{Digest, ExitClass, Finding, text};
use crate::plan::referrers::Seen;
use crate::read::referrers::FoundBy;

/// One referrer.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Diagnosed {
    /// Its digest.
    pub digest: Digest,
    /// What it is.
    pub artifact_type: String,
    /// What it refers to.
    pub subject: Digest,
    /// How it was found first.
    pub found_by: FoundBy,
    /// Who sees it.
    pub seen_by: Seen,
    /// Its names in `index.json`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// What is wrong with it and how it is listed.
    pub findings: Vec<Finding>,
}

/// The report.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DoctorReport {
    /// The layout.
    pub path: String,
    /// Every referrer, by subject.
    pub referrers: Vec<Diagnosed>,
    /// What is wrong with the lists.
    pub findings: Vec<Finding>,
    /// Whether `--fix` changed something.
    pub changed: bool,
    /// How many of the findings `--fix` mended.
    pub mended: usize,
    /// How many are left that somebody should look at.
    pub left: usize,
}

impl DoctorReport {
    /// The findings of the lists and of each referrer.
    pub fn all_findings(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().chain(self.referrers.iter().flat_map(|referrer| &referrer.findings))
    }
}

impl Report for DoctorReport {
    const SCHEMA: &'static str = "airbase.doctor/v1";

    fn findings(&self) -> Vec<&Finding> {
        self.all_findings().collect()
    }

    fn render(&self, page: &mut Page) {
        let path = page.toned(Tone::Strong, &text::escape(&self.path));
        page.line(0, &path);
        let (mut well, mut subject) = (0, None);
        for referrer in &self.referrers {
            let Seen { oras, regctl, zot } = referrer.seen_by;
            if oras && regctl && zot && referrer.findings.is_empty() && !page.full {
                well += 1;
                continue;
            }
            if subject.replace(&referrer.subject) != Some(&referrer.subject) {
                page.line(0, &format!("of {}", page.digest(&referrer.subject)));
            }
            let word = |client: &str, sees: bool| {
                if sees { format!("{client} yes") } else { page.toned(Tone::Caution, &format!("{client} no")) }
            };
            let seen = [word("oras", oras), word("regctl", regctl), word("zot", zot)].join("  ");
            let line = format!("{}  {}", text::escape(&referrer.artifact_type), page.digest(&referrer.digest));
            page.line(1, &line);
            page.trusted_field(2, "seen by", &seen);
            page.findings(2, &referrer.findings);
        }
        page.findings(0, &self.findings);
        if well > 0 {
            page.line(0, &format!("{} as every client wants it", text::count(well, "referrer")));
        }
        if self.referrers.is_empty() && self.findings.is_empty() {
            page.line(0, "nothing refers to anything");
        }
        match (self.changed, self.left) {
            (true, left) => {
                let done = page.toned(Tone::Good, &format!("{} fixed", text::count(self.mended, "finding")));
                page.line(0, &format!("{done}, {left} left"));
            }
            (false, 0) => {}
            (false, wrong) => page.line(0, &format!("{} to look at", text::count(wrong, "finding"))),
        }
    }

    fn exit(&self) -> Option<ExitClass> {
        let io = super::exit_of(&self.findings).filter(|class| *class == ExitClass::Io);
        io.or((self.left > 0).then_some(ExitClass::Findings))
    }
}
