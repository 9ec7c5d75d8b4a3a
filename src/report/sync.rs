//! `airbase.verify-sync/v1`: whether everything was pushed.

use serde::Serialize;

use super::prepare::shell;
use super::{Page, Report, Tone, exit_of};
use crate::foundation::{Code, Digest, ExitClass, Finding, Severity, text};
use crate::plan::sync::Presence;

/// One item of the plan.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Checked {
    /// What the registry was asked for.
    pub reference: String,
    /// The digest that was promised.
    pub digest: Digest,
    /// What it is.
    pub kind: String,
    /// Whether it must be there.
    pub required: bool,
    /// How it stands.
    pub standing: Presence,
    /// What its name stands for, where that is something else.
    pub found: Vec<Digest>,
}

/// A statement in the registry that later ones replace.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Replaced {
    /// What the registry has.
    pub reference: String,
    /// The words of the command that deletes it.
    pub command: Vec<String>,
}

impl Replaced {
    /// To be deleted with regctl, which takes it off the list under the fallback tag too.
    pub fn by_regctl(reference: &str) -> Self {
        let words = ["regctl", "manifest", "delete", "--referrers", reference];
        Self { reference: reference.to_owned(), command: words.map(str::to_owned).to_vec() }
    }
}

/// The report.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SyncReport {
    /// The plan.
    pub plan: String,
    /// Each item.
    pub items: Vec<Checked>,
    /// How many are there.
    pub there: usize,
    /// How many are not.
    pub missing: usize,
    /// Of how many the name stands for something else.
    pub another: usize,
    /// How many the listing says nothing of.
    pub not_told: usize,
    /// The statements that can be deleted, so that readers who take the first take the latest; none, until all is there.
    pub replaced: Vec<Replaced>,
    /// What must be there and is not.
    pub findings: Vec<Finding>,
}

impl Report for SyncReport {
    const SCHEMA: &'static str = "airbase.verify-sync/v1";

    fn findings(&self) -> Vec<&Finding> {
        self.findings.iter().collect()
    }

    fn render(&self, page: &mut Page) {
        // What is there needs no words, unless somebody wants them.
        let all = page.full;
        for item in self.items.iter().filter(|item| all || item.standing != Presence::There) {
            let (tone, word) = match item.standing {
                _ if !item.required && item.standing != Presence::There => (Tone::Dim, "optional"),
                Presence::There => (Tone::Good, "there"),
                Presence::Missing => (Tone::Bad, "missing"),
                Presence::Another => (Tone::Bad, "another"),
                Presence::NotTold => (Tone::Caution, "not told"),
            };
            let word = page.toned(tone, &format!("{word:<9}"));
            page.line(0, &format!("{word} {}  {}", page.digest(&item.digest), text::escape(&item.reference)));
            for found in &item.found {
                page.trusted_field(1, "it is", &page.digest(found));
            }
        }
        let Self { there, missing, another, not_told, .. } = self;
        page.line(0, &format!("{there} there, {missing} missing, {another} under another digest, {not_told} not told"));
        if !self.replaced.is_empty() {
            page.line(
                0,
                "Later statements replace these. Readers who take the first of a kind may take them for the latest; delete them with",
            );
            for replaced in &self.replaced {
                page.line(1, &text::escape(&shell(&replaced.command)));
            }
        }
        for finding in self.findings.iter().filter(|finding| matches!(finding.code, Code::PathNothing | Code::SyncShort)) {
            page.finding(0, finding);
        }
        if self.items.iter().any(|item| item.required && item.standing == Presence::NotTold) {
            page.line_toned(
                0,
                Tone::Dim,
                "Ask for what was not told: `regctl manifest head REFERENCE`, and add the line `DIGEST REFERENCE`.",
            );
        }
    }

    fn exit(&self) -> Option<ExitClass> {
        // What the listing does not tell is not there, as far as anybody knows.
        let untold = self.findings.iter().any(|finding| finding.severity > Severity::Note).then_some(ExitClass::Findings);
        exit_of(&self.findings).or(untold)
    }
}
