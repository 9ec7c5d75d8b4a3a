//! `airbase.prepare/v1`: what is to be pushed. It is the plan that `verify-sync` holds a listing against.

use serde::Serialize;

use super::rebase::{OutputReport, WrittenReport};
use super::{Page, Report, Tone, exit_of};
use crate::core::{ExitClass, Finding, Severity, text};
use crate::plan::prepare::{Item, LeftOut, Load, Profile, Push};

/// The report.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PrepareReport {
    /// What was prepared.
    pub path: String,
    /// The registry.
    pub registry: String,
    /// For whom.
    pub profile: Profile,
    /// Where it was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<OutputReport>,
    /// What was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub written: Option<WrittenReport>,
    /// What must be in the registry afterwards.
    pub items: Vec<Item>,
    /// Each image that is pushed, with the commands.
    pub pushes: Vec<Push>,
    /// How other programs take what was written.
    pub loads: Vec<Load>,
    /// What is not pushed.
    pub left_out: Vec<LeftOut>,
    /// What should be known.
    pub findings: Vec<Finding>,
}

/// Words as a shell takes them.
fn shell(words: &[String]) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:@=,+%".contains(&byte);
    let quoted = |word: &String| {
        if !word.is_empty() && word.bytes().all(plain) { word.clone() } else { format!("'{}'", word.replace('\'', "'\\''")) }
    };
    words.iter().map(quoted).collect::<Vec<_>>().join(" ")
}

impl PrepareReport {
    fn push(page: &mut Page, push: &Push) {
        let reference = page.toned(Tone::Strong, &push.reference);
        page.line(0, &reference);
        page.trusted_field(1, "digest", &push.digest.to_string());
        let below = [(push.manifests, "manifest"), (push.referrers, "referrer")];
        let told: Vec<String> = below.iter().filter(|(number, _)| *number > 0).map(|(number, noun)| text::count(*number, noun)).collect();
        if !told.is_empty() {
            page.trusted_field(1, "with", &told.join(", "));
        }
        for pushed in push.clients.iter().filter(|pushed| pushed.suffices) {
            page.line(1, &text::escape(&shell(&pushed.command)));
        }
        for pushed in push.clients.iter().filter(|pushed| !pushed.suffices) {
            let why = pushed.why.as_deref().unwrap_or_default();
            let told = match pushed.leaves.len() {
                0 => why.to_owned(),
                count => format!("{} leaves {} behind: {why}", pushed.client.name(), text::count(count, "referrer")),
            };
            page.line_toned(1, Tone::Dim, &told);
        }
    }
}

impl Report for PrepareReport {
    const SCHEMA: &'static str = "airbase.prepare/v1";

    fn render(&self, page: &mut Page) {
        for push in &self.pushes {
            Self::push(page, push);
        }
        if let Some(output) = &self.output {
            page.field(0, "output", &format!("{} ({})", output.path, output.kind));
        }
        for load in &self.loads {
            page.line(1, &text::escape(&shell(&load.command)));
        }
        for left in &self.left_out {
            let name = if left.names.is_empty() { String::new() } else { format!("  {}", left.names.join(", ")) };
            page.field(0, "left out", &format!("{}{name}: {}", page.digest(&left.digest), left.why));
        }
        page.findings(0, &self.findings);
        if !self.pushes.is_empty() {
            page.line_toned(
                0,
                Tone::Dim,
                "Save the plan with --format json; `airbase verify-sync PLAN LISTING` tells afterwards what arrived.",
            );
        }
    }

    fn exit(&self) -> Option<ExitClass> {
        let told = self.findings.iter().any(|finding| finding.severity > Severity::Note).then_some(ExitClass::Findings);
        exit_of(&self.findings).or(told)
    }
}
