//! `airbase.lifecycle-check/v1`, `airbase.lifecycle-report/v1`: a gate, and an inventory.

use serde::Serialize;

use super::show::SubjectReport;
use super::{LifecycleStatus, UNAUTHENTICATED, find, shown};
use crate::foundation::{ExitClass, Finding, text};
use crate::plan::lifecycle::field::Field;
use crate::plan::lifecycle::policy::{Deny, Reason};
use crate::plan::lifecycle::time::Moment;
use crate::report::{Page, Report, Tone};

/// An image, or one platform of it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Judged {
    /// The image, as a reference.
    pub image: String,
    /// What holds.
    #[serde(flatten)]
    pub subject: SubjectReport,
    /// Why it is stopped.
    pub denied: Vec<Reason>,
    /// What will stop it when its grace is over.
    pub in_grace: Vec<Reason>,
}

/// The report of `check`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckReport {
    /// As of when.
    pub at: Moment,
    /// What is stopped.
    pub deny: Vec<Deny>,
    /// The grace, in seconds.
    pub grace: u64,
    /// Everything that is stopped, is in its grace, or of which nothing is known.
    pub items: Vec<Judged>,
    /// How many were asked about, platforms counted one by one.
    pub checked: usize,
    /// How many are stopped.
    pub denied: usize,
    /// How many are in their grace.
    pub in_grace: usize,
    /// Of how many nothing is known.
    pub unknown: usize,
    /// Whether the statements were proven to come from whom they claim. They never are yet.
    pub authenticated: bool,
    /// What should be known.
    pub findings: Vec<Finding>,
}

fn reason(reason: &Reason) -> String {
    let since = reason.since.map(|since| format!(" since {}", shown(&since.to_string()))).unwrap_or_default();
    let until = reason.grace_until.map(|until| format!(", let through until {}", shown(&until.to_string()))).unwrap_or_default();
    format!("{}{since}{until}", reason.deny.name())
}

/// The index and the platforms of one image of which the same is to be told.
fn what(subjects: &[&SubjectReport]) -> String {
    let words = subjects
        .iter()
        .map(|subject| subject.platform.as_ref().map_or_else(|| "index".to_owned(), |platform| text::escape(&platform.to_string())));
    words.collect::<Vec<_>>().join(", ")
}

/// The columns of an image in the CSV form.
const COLUMNS: [&str; 16] = [
    "image",
    "digest",
    "platform",
    "standing",
    "endOfLife",
    "endOfSupport",
    "supersededBy",
    "reason",
    "version",
    "revision",
    "baseEndOfLife",
    "statements",
    "issuer",
    "daysLeft",
    "supersededByName",
    "signed",
];

/// An image in these columns.
fn cells(image: &str, subject: &SubjectReport) -> [String; 16] {
    let value = |field| find(&subject.values, field).unwrap_or_default().to_owned();
    let base_end = subject.inherited.iter().filter_map(|base| find(&base.values, Field::EndOfLife)).min().unwrap_or_default();
    [
        image.to_owned(),
        subject.digest.to_string(),
        subject.platform.as_deref().map(ToString::to_string).unwrap_or_default(),
        subject.standing.name().replace(' ', "-"),
        value(Field::EndOfLife),
        value(Field::EndOfSupport),
        value(Field::SupersededBy),
        value(Field::Reason),
        value(Field::Version),
        value(Field::Revision),
        base_end.to_owned(),
        subject.statements.to_string(),
        subject.issuer.clone().unwrap_or_default(),
        subject.days_left.map(|days| days.to_string()).unwrap_or_default(),
        value(Field::SupersededByName),
        subject.speaker.as_ref().map(|_| subject.speaker_signed.to_string()).unwrap_or_default(),
    ]
}

/// A row of RFC 4180.
fn row<T: AsRef<str>>(cells: impl IntoIterator<Item = T>) -> String {
    let cells: Vec<String> = cells.into_iter().map(|cell| text::cell(cell.as_ref())).collect();
    cells.join(",") + "\r\n"
}

impl Report for CheckReport {
    const SCHEMA: &'static str = "airbase.lifecycle-check/v1";

    fn findings(&self) -> Vec<&Finding> {
        self.findings.iter().collect()
    }

    fn render(&self, page: &mut Page) {
        let alike = |one: &&Judged, other: &&Judged| {
            let rules = |reasons: &[Reason]| reasons.iter().map(reason).collect::<Vec<_>>();
            one.image == other.image && rules(&one.denied) == rules(&other.denied) && rules(&one.in_grace) == rules(&other.in_grace)
        };
        let items: Vec<&Judged> = self.items.iter().collect();
        for group in items.chunk_by(alike) {
            let Some(item) = group.first() else { continue };
            let (tone, word) = match (item.denied.is_empty(), item.in_grace.is_empty()) {
                (false, _) => (Tone::Bad, "denied "),
                (true, false) => (Tone::Caution, "grace  "),
                (true, true) => (Tone::Dim, "unknown"),
            };
            let word = page.toned(tone, word);
            let subjects: Vec<&SubjectReport> = group.iter().map(|item| &item.subject).collect();
            let digest = page.digest(&item.subject.digest);
            page.line(0, &format!("{word}  {}  {digest}  {}", text::escape(&item.image), what(&subjects)));
            let reasons: Vec<String> = item.denied.iter().chain(&item.in_grace).map(reason).collect();
            if !reasons.is_empty() {
                page.line(5, &reasons.join("; "));
            }
            if let Some(by) = item.subject.spoken() {
                page.line_toned(5, Tone::Dim, &by);
            }
            if let Some(successor) = find(&item.subject.values, Field::SupersededBy) {
                let name = find(&item.subject.values, Field::SupersededByName).map(|name| format!("{} ", text::escape(name)));
                page.line(5, &format!("use {}{} instead", name.unwrap_or_default(), text::escape(successor)));
            }
            if let Some(why) = find(&item.subject.values, Field::Reason) {
                page.field(5, "reason", why);
            }
        }
        let tone = if self.denied > 0 { Tone::Bad } else { Tone::Good };
        let rules: Vec<&str> = self.deny.iter().map(|deny| deny.name()).collect();
        let words = format!("{} of {} denied", self.denied, self.checked);
        let words = page.toned(tone, &words);
        page.line(
            0,
            &format!("{words}, {} in grace, {} unknown  (stopped: {}; as of {})", self.in_grace, self.unknown, rules.join(", "), self.at),
        );
        if self.unknown > 0 && !self.deny.contains(&Deny::Unknown) {
            page.line_toned(
                0,
                Tone::Caution,
                "Unknown images were let through: nobody says that they are supported. --deny unknown stops them.",
            );
        }
        page.line_toned(0, Tone::Caution, UNAUTHENTICATED);
        page.findings(0, &self.findings);
    }

    /// RFC 4180: the columns of an inventory, and why an image is stopped or will be.
    fn to_csv(&self) -> Option<String> {
        let mut out = row(COLUMNS.into_iter().chain(["denied", "inGrace"]));
        let names = |reasons: &[Reason]| reasons.iter().map(|reason| reason.deny.name()).collect::<Vec<_>>().join(" ");
        for item in &self.items {
            out.push_str(&row(cells(&item.image, &item.subject).into_iter().chain([names(&item.denied), names(&item.in_grace)])));
        }
        Some(out)
    }

    fn exit(&self) -> Option<ExitClass> {
        super::super::exit_of(&self.findings).or((self.denied > 0).then_some(ExitClass::Findings))
    }
}

/// The report of `report`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InventoryReport {
    /// As of when.
    pub at: Moment,
    /// Every image and platform.
    pub items: Vec<InventoryItem>,
    /// What should be known.
    pub findings: Vec<Finding>,
}

/// One image or platform.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InventoryItem {
    /// The image, as a reference.
    pub image: String,
    /// What holds.
    #[serde(flatten)]
    pub subject: SubjectReport,
}

impl InventoryReport {
    /// How many stand where.
    fn counts(&self) -> Vec<(LifecycleStatus, usize)> {
        let mut counts = std::collections::BTreeMap::new();
        for item in &self.items {
            *counts.entry(item.subject.standing).or_insert(0) += 1;
        }
        counts.into_iter().collect()
    }
}

impl Report for InventoryReport {
    const SCHEMA: &'static str = "airbase.lifecycle-report/v1";

    fn findings(&self) -> Vec<&Finding> {
        self.findings.iter().collect()
    }

    fn render(&self, page: &mut Page) {
        let end = |subject: &SubjectReport| find(&subject.values, Field::EndOfLife).map(str::to_owned);
        let bases = |subject: &SubjectReport| subject.inherited.iter().map(|base| (base.base.clone(), base.standing)).collect::<Vec<_>>();
        let alike = |one: &&InventoryItem, other: &&InventoryItem| {
            one.image == other.image
                && one.subject.standing == other.subject.standing
                && end(&one.subject) == end(&other.subject)
                && (one.subject.platform.is_none() || bases(&one.subject) == bases(&other.subject))
        };
        let items: Vec<&InventoryItem> = self.items.iter().collect();
        for group in items.chunk_by(alike) {
            let Some(item) = group.first() else { continue };
            let subject = &item.subject;
            let subjects: Vec<&SubjectReport> = group.iter().map(|item| &item.subject).collect();
            let standing = page.toned(subject.standing.tone(), &format!("{:<11}", subject.standing.name()));
            let end = find(&subject.values, Field::EndOfLife).map_or_else(|| "-".to_owned(), shown);
            page.line(
                0,
                &format!("{standing}  {end:<10}  {}  {}  {}", page.digest(&subject.digest), text::escape(&item.image), what(&subjects)),
            );
            let below = group.last().map_or(&subject.inherited, |item| &item.subject.inherited);
            for base in below.iter().filter(|base| base.standing == LifecycleStatus::EndOfLife) {
                let line = format!("its base {} is at its end of life", text::escape(&base.base));
                page.line_toned(7, Tone::Caution, &line);
            }
        }
        let counts: Vec<String> = self.counts().into_iter().map(|(standing, count)| format!("{count} {}", standing.name())).collect();
        page.line(0, &format!("{}  (as of {})", counts.join(", "), self.at));
        page.line_toned(0, Tone::Dim, UNAUTHENTICATED);
        page.findings(0, &self.findings);
    }

    /// RFC 4180.
    fn to_csv(&self) -> Option<String> {
        let mut out = row(COLUMNS);
        for item in &self.items {
            out.push_str(&row(cells(&item.image, &item.subject)));
        }
        Some(out)
    }

    fn exit(&self) -> Option<ExitClass> {
        super::super::exit_of(&self.findings)
    }
}
