//! `airbase.batch-apply/v1`, `airbase.batch-merge/v1`, `airbase.batch-report/v1`, and what `plan` tells users.

use std::collections::BTreeMap;

use serde::Serialize;

use super::rebase::{OutputReport, taken};
use super::{Page, Report, Tone};
use crate::foundation::{Code, Digest, ExitClass, Finding, text};
use crate::plan::batch::{Counts, ItemStatus, Origin, Reason};
use crate::plan::verdict::{Answer, Patched};
use crate::write::Committed;
use crate::write::Taken;
use crate::write::journal::Final;

/// What a plan holds. The plan itself is the answer; this is for the user who waits for it.
#[derive(Debug, Clone, Default)]
pub struct PlanReport {
    /// How many images there are of each standing.
    pub counts: BTreeMap<&'static str, usize>,
    /// Why images are refused or held: the codes, and how many images each stops.
    pub reasons: BTreeMap<&'static str, usize>,
    /// What should be known of images that are moved: the codes, and of how many images.
    pub warnings: BTreeMap<String, usize>,
    /// How many images are moved with each verdict; without one nobody looked.
    pub verdicts: BTreeMap<Option<Answer>, usize>,
    /// How many were left out by `--only`.
    pub not_chosen: usize,
    /// What could not be read.
    pub findings: Vec<Finding>,
    /// How a run ends in which some image could not be read.
    unread: Option<ExitClass>,
}

impl PlanReport {
    /// Counts an image.
    pub fn count(&mut self, standing: ItemStatus, code: Option<Code>) {
        *self.counts.entry(standing.name()).or_default() += 1;
        let Some(code) = code else { return };
        *self.reasons.entry(code.slug()).or_default() += 1;
        let unread = match code.exit_class() {
            class @ (ExitClass::Corrupt | ExitClass::Io) => Some(class),
            _ if code == Code::BlobMissing => Some(ExitClass::Findings),
            // What is said of the new base was not read, or not understood.
            class if code == Code::LifecycleUnreadable => Some(class),
            // It was read, and must not move.
            _ => None,
        };
        self.unread = self.unread.into_iter().chain(unread).reduce(ExitClass::worse);
    }

    /// Counts what should be known of an image.
    pub fn warn(&mut self, codes: &[String]) {
        for code in codes {
            *self.warnings.entry(code.clone()).or_default() += 1;
            // What was not read may name another base.
            let unread = Some(Code::LifecycleUnreadable).filter(|unreadable| unreadable.slug() == code).map(Code::exit_class);
            self.unread = self.unread.into_iter().chain(unread).reduce(ExitClass::worse);
        }
    }

    /// Counts the verdict on an image that is moved.
    pub fn judged(&mut self, standing: ItemStatus, verdict: Option<Answer>) {
        if standing == ItemStatus::Move {
            *self.verdicts.entry(verdict).or_default() += 1;
        }
    }

    /// How the process ends: what could not be read keeps the plan from being about everything.
    pub fn exit(&self) -> Option<ExitClass> {
        super::exit_of(&self.findings).into_iter().chain(self.unread).reduce(ExitClass::worse)
    }

    /// Writes it for users.
    pub fn render(&self, page: &mut Page) {
        let count = |standing: ItemStatus| self.counts.get(standing.name()).copied().unwrap_or(0);
        let mut words = vec![format!("{} to move", count(ItemStatus::Move)), format!("{} current", count(ItemStatus::Current))];
        for (standing, what) in [(ItemStatus::Base, "bases themselves"), (ItemStatus::Refused, "refused"), (ItemStatus::Held, "held")] {
            if count(standing) > 0 {
                words.push(format!("{} {what}", count(standing)));
            }
        }
        if self.not_chosen > 0 {
            words.push(format!("{} not chosen", self.not_chosen));
        }
        page.line(0, &words.join(", "));
        for (verdict, count) in &self.verdicts {
            let words = verdict.map_or_else(|| "not judged".to_owned(), |verdict| format!("of which the verdict is {}", verdict.name()));
            page.line_toned(1, verdict.map_or(Tone::Caution, super::verdict::tone), &format!("{count} to move, {words}"));
        }
        for (code, count) in &self.reasons {
            page.line(1, &format!("{count} [{code}]"));
        }
        for (code, count) in &self.warnings {
            page.line_toned(1, Tone::Caution, &format!("{count} with a warning [{code}]"));
        }
        page.findings(0, &self.findings);
    }
}

/// An item that was not done.
#[derive(Debug, Clone, Serialize)]
pub struct Failure {
    /// Its key.
    pub key: String,
    /// The image.
    pub image: String,
    /// Whether it failed or was held.
    pub outcome: Outcome,
    /// Why.
    pub findings: Vec<Finding>,
}

/// An image that was moved, and whose old form could not be marked as superseded.
#[derive(Debug, Clone, Serialize)]
pub struct Unmarked {
    /// The key of its item.
    pub key: String,
    /// The old image.
    pub image: String,
    /// Why.
    pub findings: Vec<Finding>,
}

/// What `apply` did.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ApplyReport {
    /// The beginning of the digest of the plan, which names its journals.
    pub plan: String,
    /// The shard; absent if all was done here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shard: Option<String>,
    /// Where results go.
    pub output: OutputReport,
    /// What the plan holds.
    pub plan_counts: Counts,
    /// How many images were to be moved here.
    pub items: usize,
    /// How many were moved.
    pub moved: usize,
    /// How many were there already, whole.
    pub unchanged: usize,
    /// How many failed.
    pub failed: usize,
    /// How many wait for one that failed.
    pub held: usize,
    /// How many were not taken, because the run was stopped.
    pub left: usize,
    /// How many old images were marked as superseded; of those that were marked before nothing is said again.
    pub superseded: usize,
    /// Blobs that were not there before.
    pub blobs: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Blobs that were there, and were hashed again before they were used.
    pub reused: u64,
    /// Layers that are the same file as in their source.
    pub linked: u64,
    /// Bytes of them.
    pub linked_bytes: u64,
    /// Bytes of the layers of all results that were moved, were each written on its own.
    pub apparent_bytes: u64,
    /// Whether there is a new index.
    pub index_changed: bool,
    /// How long was waited for the disk, in milliseconds.
    pub flush_milliseconds: u64,
    /// Lines of journals that a kill cut off; what they would have said was done again.
    pub torn: usize,
    /// The signal that stopped the run; 0 if none did.
    pub signal: usize,
    /// The names that were to move from images that have nothing to do with the batch, which stay.
    pub taken: Vec<Taken>,
    /// Items that were not done, and why.
    pub failures: Vec<Failure>,
    /// Items that were done, and whose old images could not be marked.
    pub unmarked: Vec<Unmarked>,
    /// What else should be known.
    pub findings: Vec<Finding>,
    #[serde(skip)]
    worst: Option<ExitClass>,
}

impl ApplyReport {
    /// Of a run that has done nothing yet.
    pub fn of(plan: String, shard: Option<String>, output: OutputReport) -> Self {
        Self { plan, shard, output, ..Self::default() }
    }

    /// Notes how the process should end for one item.
    pub fn worst(&mut self, class: ExitClass) {
        self.worst = Some(self.worst.map_or(class, |worst| worst.worse(class)));
    }

    /// Notes an image that was moved and whose old form could not be marked.
    pub fn unmarked(&mut self, unmarked: Unmarked) {
        self.worst(unmarked.findings.first().map_or(ExitClass::Findings, |finding| finding.code.exit_class()));
        self.unmarked.push(unmarked);
    }

    /// Takes the figures of the writing side.
    pub fn written(&mut self, committed: &Committed) {
        self.blobs = committed.blobs_written;
        self.bytes = committed.bytes_written;
        self.reused = committed.blobs_reused;
        self.index_changed = committed.index_changed;
        self.flush_milliseconds = u64::try_from(committed.flush.as_millis()).unwrap_or(u64::MAX);
        self.findings.extend(committed.findings.iter().cloned());
    }
}

/// How many failures are shown to users.
const SHOWN: usize = 20;

impl Report for ApplyReport {
    const SCHEMA: &'static str = "airbase.batch-apply/v1";

    fn findings(&self) -> Vec<&Finding> {
        self.findings.iter().collect()
    }

    fn render(&self, page: &mut Page) {
        let shard = self.shard.as_ref().map(|shard| format!(" of shard {shard}")).unwrap_or_default();
        page.line(0, &format!("{} moved, {} unchanged of {}{shard}", self.moved, self.unchanged, text::count(self.items, "image")));
        for (count, words) in
            [(self.failed, "failed"), (self.held, "held, because their base was not moved"), (self.left, "left: the run was stopped")]
        {
            if count > 0 {
                page.line_toned(0, Tone::Bad, &format!("{count} {words}"));
            }
        }
        let plan = &self.plan_counts;
        if plan.current + plan.base + plan.refused + plan.held > 0 {
            let words =
                format!("in the plan besides: {} current, {} bases, {} refused, {} held", plan.current, plan.base, plan.refused, plan.held);
            page.line(0, &words);
        }
        for failure in self.failures.iter().take(SHOWN) {
            page.gap();
            page.line_toned(0, Tone::Strong, &text::escape(&failure.image));
            page.findings(1, &failure.findings);
        }
        if self.failures.len() > SHOWN {
            page.line(0, &format!("and {} more: `airbase batch report` lists them", self.failures.len() - SHOWN));
        }
        marked(page, self.superseded, &self.unmarked);
        page.field(0, "output", &format!("{} ({})", self.output.path, self.output.kind));
        let mut words =
            format!("{} written ({})", text::count(usize::try_from(self.blobs).unwrap_or(usize::MAX), "blob"), text::bytes(self.bytes));
        if self.linked > 0 {
            words.push_str(&format!(", {} linked ({})", self.linked, text::bytes(self.linked_bytes)));
        }
        if self.apparent_bytes > self.bytes + self.linked_bytes {
            words.push_str(&format!(", {} saved by sharing", text::bytes(self.apparent_bytes - self.bytes - self.linked_bytes)));
        }
        page.trusted_field(0, "written", &words);
        taken(page, &self.taken);
        listed(page, &self.findings);
        if self.shard.is_some() && self.left == 0 {
            page.line(0, "The index waits for `airbase batch merge`.");
        }
    }

    fn exit(&self) -> Option<ExitClass> {
        match self.signal {
            2 => Some(ExitClass::Interrupted),
            0 => self.worst,
            _ => Some(ExitClass::Terminated),
        }
    }
}

/// What was said of old images.
fn marked(page: &mut Page, superseded: usize, unmarked: &[Unmarked]) {
    if superseded > 0 {
        page.line(0, &format!("{} marked as superseded", text::count(superseded, "old image")));
    }
    if !unmarked.is_empty() {
        page.line_toned(0, Tone::Bad, &format!("{} moved, and could not be marked as superseded", text::count(unmarked.len(), "image")));
    }
    for unmarked in unmarked.iter().take(SHOWN) {
        page.gap();
        page.line_toned(0, Tone::Strong, &text::escape(&unmarked.image));
        page.findings(1, &unmarked.findings);
    }
    if unmarked.len() > SHOWN {
        page.line(0, &format!("and {} more: --format json lists them", unmarked.len() - SHOWN));
    }
}

/// The first findings; the images of a batch may all have the same.
fn listed(page: &mut Page, findings: &[Finding]) {
    page.findings(0, findings.get(..SHOWN).unwrap_or(findings));
    if findings.len() > SHOWN {
        page.line(0, &format!("and {} more findings: --format json lists them", findings.len() - SHOWN));
    }
}

/// What `merge` did.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MergeReport {
    /// The beginning of the digest of the plan.
    pub plan: String,
    /// How many images are listed now.
    pub moved: usize,
    /// How many failed.
    pub failed: usize,
    /// How many wait for one that failed.
    pub held: usize,
    /// How many old images were marked as superseded.
    pub superseded: usize,
    /// Whether there is a new index.
    pub changed: bool,
    /// Images that are listed, and whose old forms could not be marked.
    pub unmarked: Vec<Unmarked>,
    /// What else should be known.
    pub findings: Vec<Finding>,
}

impl Report for MergeReport {
    const SCHEMA: &'static str = "airbase.batch-merge/v1";

    fn findings(&self) -> Vec<&Finding> {
        self.findings.iter().collect()
    }

    fn render(&self, page: &mut Page) {
        let stopped = if self.failed + self.held > 0 { format!(", {} failed, {} held", self.failed, self.held) } else { String::new() };
        page.line(0, &format!("{} listed{stopped}", text::count(self.moved, "image")));
        if !self.changed {
            page.line(0, "The index lists them already; nothing was changed.");
        }
        marked(page, self.superseded, &self.unmarked);
        listed(page, &self.findings);
    }

    fn exit(&self) -> Option<ExitClass> {
        (self.failed + self.held + self.unmarked.len() > 0).then_some(ExitClass::Findings)
    }
}

/// What became of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It was moved.
    Moved,
    /// It is to be moved and has no end yet.
    Missing,
    /// It failed.
    Failed,
    /// It waits for one that failed or is refused.
    Held,
    /// The plan refuses it.
    Refused,
    /// It is based on that already.
    Current,
    /// It is a base itself.
    Base,
}

impl Outcome {
    fn name(self) -> &'static str {
        match self {
            Self::Moved => "moved",
            Self::Missing => "missing",
            Self::Failed => "failed",
            Self::Held => "held",
            Self::Refused => "refused",
            Self::Current => "current",
            Self::Base => "base",
        }
    }
}

impl From<Final> for Outcome {
    fn from(end: Final) -> Self {
        match end {
            Final::Done => Self::Moved,
            Final::Failed => Self::Failed,
            Final::Held => Self::Held,
        }
    }
}

/// One item.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ItemReport {
    /// Its key.
    pub key: String,
    /// What became of it.
    pub outcome: Outcome,
    /// The image.
    pub image: String,
    /// Its digest.
    pub digest: Digest,
    /// The name of its result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The digest of its result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<Digest>,
    /// Its new base.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// Its place in its chain.
    pub level: usize,
    /// Whether it still runs; absent if that was not judged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Answer>,
    /// Whether the fixes of the new base reach the app; absent if that was not judged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patched: Option<Patched>,
    /// Why it was not moved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// A sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What it was built from.
    #[serde(flatten)]
    pub origin: Origin,
}

/// How many items ended how.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Tally {
    /// Moved.
    pub moved: usize,
    /// To be moved, and without an end.
    pub missing: usize,
    /// Failed.
    pub failed: usize,
    /// Waiting for one that failed or is refused.
    pub held: usize,
    /// Refused by the plan.
    pub refused: usize,
    /// Current.
    pub current: usize,
    /// Bases.
    pub base: usize,
}

/// How far a batch is.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchReport {
    /// The beginning of the digest of the plan.
    pub plan: String,
    /// How many items ended how.
    pub counts: Tally,
    /// Each item, in the order of the plan.
    pub items: Vec<ItemReport>,
    /// How many results are written and are in no index yet.
    pub unlisted: usize,
    /// How many images were left out by `--only`.
    pub not_chosen: usize,
    /// What could not be read when the plan was made.
    pub unreadable: Vec<Reason>,
}

impl BatchReport {
    /// Adds an item.
    pub fn add(&mut self, item: ItemReport) {
        let counts = &mut self.counts;
        *match item.outcome {
            Outcome::Moved => &mut counts.moved,
            Outcome::Missing => &mut counts.missing,
            Outcome::Failed => &mut counts.failed,
            Outcome::Held => &mut counts.held,
            Outcome::Refused => &mut counts.refused,
            Outcome::Current => &mut counts.current,
            Outcome::Base => &mut counts.base,
        } += 1;
        self.items.push(item);
    }
}

impl Report for BatchReport {
    const SCHEMA: &'static str = "airbase.batch-report/v1";

    fn findings(&self) -> Vec<&Finding> {
        Vec::new()
    }

    fn render(&self, page: &mut Page) {
        for item in &self.items {
            let tone = match item.outcome {
                Outcome::Moved | Outcome::Current => Tone::Good,
                Outcome::Base => Tone::Dim,
                Outcome::Missing => Tone::Caution,
                Outcome::Failed | Outcome::Held | Outcome::Refused => Tone::Bad,
            };
            let word = page.toned(tone, &format!("{:<8}", item.outcome.name()));
            let result = item.result.as_ref().map(|digest| format!(" -> {}", page.digest(digest))).unwrap_or_default();
            let base = item.base.as_deref().map(|base| format!(" on {}", text::escape(base))).unwrap_or_default();
            let shown = if item.result.is_some() || item.outcome == Outcome::Missing { base } else { String::new() };
            page.line(0, &format!("{word} {}{result}{shown}", text::escape(&item.image)));
            if let (Some(code), Some(message)) = (&item.code, &item.message) {
                page.line(4, &format!("[{}] {}", text::escape(code), text::escape(message)));
                let origin = [("source", &item.origin.source), ("revision", &item.origin.revision), ("version", &item.origin.version)];
                let origin: Vec<String> = origin
                    .iter()
                    .filter_map(|(name, value)| value.as_ref().map(|value| format!("{name} {}", text::escape(value))))
                    .collect();
                if !origin.is_empty() {
                    page.line(4, &format!("built from {}", origin.join(", ")));
                }
            }
        }
        for reason in &self.unreadable {
            page.line(0, &format!("unreadable [{}] {}", text::escape(&reason.code), text::escape(&reason.message)));
        }
        let Tally { moved, missing, failed, held, refused, current, base } = self.counts;
        let counts = [
            (moved, "moved"),
            (missing, "without an end"),
            (failed, "failed"),
            (held, "held"),
            (refused, "refused"),
            (current, "current"),
            (base, "bases"),
        ];
        let counts: Vec<String> = counts.iter().filter(|(count, _)| *count > 0).map(|(count, name)| format!("{count} {name}")).collect();
        page.line(0, &counts.join(", "));
        if self.unlisted > 0 {
            let unlisted =
                format!("{} in no index yet: `airbase batch merge` lists what shards wrote", text::count(self.unlisted, "result"));
            page.line_toned(0, Tone::Caution, &unlisted);
        }
    }

    fn exit(&self) -> Option<ExitClass> {
        let Tally { missing, failed, held, refused, .. } = self.counts;
        // Of an image that could not be read when the plan was made nobody knows what should have become of it.
        (missing + failed + held + refused + self.unlisted + self.unreadable.len() > 0).then_some(ExitClass::Findings)
    }

    fn to_csv(&self) -> Option<String> {
        let mut out = String::from("outcome,image,digest,name,result,base,level,code,message,source,revision,version\r\n");
        for item in &self.items {
            let result = item.result.as_ref().map(Digest::to_string);
            let level = item.level.to_string();
            let digest = item.digest.to_string();
            let cells = [
                Some(item.outcome.name()),
                Some(&item.image),
                Some(&digest),
                item.name.as_deref(),
                result.as_deref(),
                item.base.as_deref(),
                Some(&level),
                item.code.as_deref(),
                item.message.as_deref(),
                item.origin.source.as_deref(),
                item.origin.revision.as_deref(),
                item.origin.version.as_deref(),
            ];
            out.push_str(&cells.map(|cell| text::cell(cell.unwrap_or_default())).join(","));
            out.push_str("\r\n");
        }
        Some(out)
    }
}
