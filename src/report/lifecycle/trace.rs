//! `airbase.lifecycle-trace/v1`: from a pinned digest to the newest image of its line.

use serde::Serialize;

use super::LifecycleStatus;
use crate::foundation::{Digest, ExitClass, Finding, text};
use crate::plan::lifecycle::field::Status;
use crate::plan::lifecycle::lineage::{End, Step, Tagging};
use crate::plan::lifecycle::time::Moment;
use crate::report::{Page, Report, Tone};

/// An image on the way.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Stop {
    /// Its digest.
    pub digest: Digest,
    /// Where it lies; absent if it is not here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// When it was created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<Moment>,
    /// Its version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Its revision.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// Where it stands.
    pub standing: LifecycleStatus,
    /// Whether something may be said of it that cannot be read.
    pub unreadable: bool,
    /// Its names, and which of them move on.
    pub names: Vec<Tagging>,
}

/// The report.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TraceReport {
    /// The digest that was asked for.
    pub digest: Digest,
    /// As of when.
    pub at: Moment,
    /// The images on the way, the one that was asked for first.
    pub stops: Vec<Stop>,
    /// What led from each to the next.
    pub steps: Vec<Step>,
    /// How it ends.
    pub result: End,
    /// How many images were looked at.
    pub searched: usize,
    /// What should be known.
    pub findings: Vec<Finding>,
}

impl TraceReport {
    /// The names of the last image.
    fn names(&self) -> String {
        let names = self.stops.last().map(|stop| stop.names.iter().map(|name| text::escape(&name.name)).collect::<Vec<_>>());
        names.unwrap_or_default().join(", ")
    }

    /// The last image, by its names and its digest.
    fn last(&self, page: &Page) -> String {
        let digest = self.stops.last().map(|stop| page.digest(&stop.digest)).unwrap_or_default();
        let names = self.names();
        if names.is_empty() { digest } else { format!("{names} ({digest})") }
    }

    /// The images on the way, and what led from one to the next.
    fn way(&self, page: &mut Page) {
        for (number, stop) in self.stops.iter().enumerate() {
            if let Some(step) = number.checked_sub(1).and_then(|before| self.steps.get(before)) {
                let line = format!("↓ {}", step.evidence.name());
                page.line_toned(1, Tone::Dim, &line);
            }
            let place = stop.reference.as_deref().map_or_else(|| "not here".to_owned(), text::escape);
            let words = page.toned(stop.standing.tone(), stop.standing.name());
            let mut known: Vec<String> = Vec::new();
            known.extend(stop.version.iter().map(|version| format!("version {}", text::escape(version))));
            known.extend(stop.revision.iter().map(|revision| format!("revision {}", text::escape(revision))));
            known.extend(stop.created.map(|created| format!("created {created}")));
            page.line(0, &format!("{}  {place}  {words}", page.digest(&stop.digest)));
            if !known.is_empty() {
                page.line_toned(2, Tone::Dim, &known.join(", "));
            }
        }
    }

    /// How it ends.
    fn end(&self, page: &mut Page) {
        match &self.result {
            End::Newest { standing: Some(standing @ (Status::Withdrawn | Status::EndOfLife)), .. } => {
                let word = LifecycleStatus::from(Some(*standing)).name();
                let line = format!("The way ends at {}, which must not be used: {word}.", self.last(page));
                page.line_toned(0, Tone::Bad, &line);
            }
            End::Newest { .. } if self.steps.is_empty() => {
                let line = format!("Nothing newer than {} is known here.", self.last(page));
                page.line_toned(0, Tone::Good, &line);
            }
            End::Newest { digest, .. } => {
                let names = self.names();
                let line = if names.is_empty() { format!("Use {digest}.") } else { format!("Use {digest}: {names}.") };
                page.line_toned(0, Tone::Good, &line);
            }
            End::Untold { .. } => {
                let line = format!(
                    "Whether there is a newer one than {} is not known: nothing says to which line of images it belongs.",
                    self.last(page)
                );
                let unreadable = self.stops.last().is_some_and(|stop| stop.unreadable);
                let other =
                    format!("Whether {} may be used is not known: something that may be said of it cannot be read.", self.last(page));
                page.line_toned(0, Tone::Caution, if unreadable { &other } else { &line });
            }
            End::Gap { digest, platform: None } => {
                let line = format!("The way leads to {digest}, which is not here.");
                page.line_toned(0, Tone::Caution, &line);
            }
            End::Gap { digest, platform: Some(platform) } => {
                let line = format!("The way leads to {digest}, which has no {}.", text::escape(platform));
                page.line_toned(0, Tone::Caution, &line);
            }
            End::Circle { digest } => {
                let line = format!("The images name each other in a circle, which closes at {digest}.");
                page.line_toned(0, Tone::Bad, &line);
            }
            End::Ambiguous { candidates } => {
                page.line_toned(0, Tone::Caution, "Several images are of the same line, and nothing says which follows:");
                for candidate in candidates {
                    page.line(1, &candidate.to_string());
                }
            }
            End::Unknown => {
                let line =
                    format!("{} is not among the {} here, and none of them names it.", self.digest, text::count(self.searched, "image"));
                page.line_toned(0, Tone::Caution, &line);
            }
        }
    }
}

impl Report for TraceReport {
    const SCHEMA: &'static str = "airbase.lifecycle-trace/v1";

    fn findings(&self) -> Vec<&Finding> {
        self.findings.iter().collect()
    }

    fn render(&self, page: &mut Page) {
        self.way(page);
        self.end(page);
        page.findings(0, &self.findings);
    }

    fn exit(&self) -> Option<ExitClass> {
        super::super::exit_of(&self.findings).or(match self.result {
            End::Newest { standing: Some(Status::Withdrawn | Status::EndOfLife), .. }
            | End::Gap { .. }
            | End::Circle { .. }
            | End::Unknown => Some(ExitClass::Findings),
            End::Newest { .. } => None,
            End::Ambiguous { .. } | End::Untold { .. } => Some(ExitClass::Precondition),
        })
    }
}
