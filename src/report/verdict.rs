//! `airbase.verdict/v1`: whether an image still runs after a move.

use std::collections::BTreeSet;

use serde::Serialize;

use super::rebase::{JudgedReport, patched_words};
use super::{Page, Report, Tone};
use crate::foundation::{Code, Digest, ExitClass, Finding, text};
use crate::oci::Platform;
use crate::plan::verdict::{Answer, Hidden, Patched};

/// How many hidden files are shown to users.
const SHOWN: usize = 10;

/// The report.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VerdictReport {
    /// The image, as a reference.
    pub image: String,
    /// Its digest.
    pub digest: Digest,
    /// The worst of the platforms.
    pub verdict: Answer,
    /// Whether the fixes of the new base reach the app: the worst of the platforms.
    pub patched: Patched,
    /// Each platform that would be moved.
    pub platforms: Vec<PlatformVerdict>,
    /// What concerns the whole image.
    pub findings: Vec<Finding>,
    /// What is left of the verdict without what the policy accepts: it decides how the process ends.
    #[serde(skip)]
    pub left: Answer,
    /// Whether users are told what the findings mean.
    #[serde(skip)]
    pub explain: bool,
}

/// One platform.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlatformVerdict {
    /// The platform; absent if neither index nor config says one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// The digest of the manifest before the move.
    pub from: Digest,
    /// The new base, as a reference; absent if the platform is not moved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub onto: Option<String>,
    /// Whether it still runs.
    pub verdict: Answer,
    /// Whether the fixes of the new base reach the app.
    pub patched: Patched,
    /// Programs, libraries and certificates of the app that hide what the new base changed.
    pub hidden: Vec<String>,
    /// The same with the packages that they are of, and those of what they hide.
    pub hidden_files: Vec<Hidden>,
    /// How many files were reached from the entrypoint.
    pub reached: usize,
    /// The codes of findings that the policy accepts.
    pub accepted: Vec<Code>,
    /// The reasons, the gravest first; another distribution or C library before all.
    pub findings: Vec<Finding>,
}

impl PlatformVerdict {
    /// The verdict on a platform.
    pub fn of(platform: Option<Platform>, from: Digest, onto: Option<String>, judged: JudgedReport) -> Self {
        let JudgedReport { verdict, patched, hidden, hidden_files, reached, accepted, reasons } = judged;
        Self { platform, from, onto, verdict, patched, hidden, hidden_files, reached, accepted, findings: reasons }
    }
}

/// How a verdict looks.
pub(super) fn tone(answer: Answer) -> Tone {
    match answer {
        Answer::Runs => Tone::Good,
        Answer::Unknown | Answer::Risks => Tone::Caution,
        Answer::Breaks => Tone::Bad,
    }
}

impl Report for VerdictReport {
    const SCHEMA: &'static str = "airbase.verdict/v1";

    fn findings(&self) -> Vec<&Finding> {
        self.platforms.iter().flat_map(|platform| &platform.findings).chain(&self.findings).collect()
    }

    fn exit(&self) -> Option<ExitClass> {
        let left = match self.left {
            Answer::Runs => None,
            Answer::Breaks | Answer::Risks => Some(ExitClass::Findings),
            Answer::Unknown => Some(ExitClass::Precondition),
        };
        let denied = self.findings.iter().find(|finding| finding.code == Code::VerdictHiddenFix);
        let denied = denied.map(|finding| if finding.details.is_empty() { ExitClass::Precondition } else { ExitClass::Findings });
        left.into_iter().chain(denied).reduce(ExitClass::worse)
    }

    fn render(&self, page: &mut Page) {
        for platform in &self.platforms {
            let shown = platform.platform.as_ref().map(|platform| format!(" {platform}")).unwrap_or_default();
            let head = page.toned(tone(platform.verdict), platform.verdict.name());
            page.line(0, &format!("{head}  {}{}", text::escape(&self.image), text::escape(&shown)));
            if let Some(onto) = &platform.onto {
                page.field(1, "onto", onto);
            }
            page.trusted_field(1, "reached", &text::count(platform.reached, "file"));
            page.trusted_field(1, "patched", &patched_words(platform.patched, platform.hidden.len()));
            for hidden in platform.hidden_files.iter().take(SHOWN) {
                page.line(2, &text::escape(&hidden.to_string()));
            }
            if platform.hidden.len() > SHOWN {
                page.line(2, &format!("and {} more", platform.hidden.len() - SHOWN));
            }
            if !platform.accepted.is_empty() {
                let codes: Vec<&str> = platform.accepted.iter().map(|code| code.slug()).collect();
                page.trusted_field(1, "accepted", &codes.join(" "));
            }
            platform.findings.iter().for_each(|finding| page.finding(1, finding));
        }
        self.findings.iter().for_each(|finding| page.finding(0, finding));
        if self.explain {
            let all = self.platforms.iter().flat_map(|platform| &platform.findings).chain(&self.findings);
            for code in all.map(|finding| finding.code).collect::<BTreeSet<_>>() {
                page.gap();
                page.line_toned(0, Tone::Strong, code.slug());
                page.line(1, code.meaning());
                page.line(1, code.next());
            }
        }
    }
}
