//! `airbase.lifecycle-show/v1`, `airbase.lifecycle-history/v1`.

use serde::Serialize;

use super::{DeclaredReport, FieldReport, LifecycleStatus, UNAUTHENTICATED, ValueReport, find, shown, value_line};
use crate::foundation::{Digest, ExitClass, Finding, text};
use crate::oci::{Platform, SharedPlatform};
use crate::plan::lifecycle::declared::Inherited;
use crate::plan::lifecycle::field::Field;
use crate::plan::lifecycle::held::Role;
use crate::plan::lifecycle::statement::{Made, Statement};
use crate::plan::lifecycle::time::Moment;
use crate::report::{Page, Report, Tone};

/// What holds of a base.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InheritedReport {
    /// The base, as a reference.
    pub base: String,
    /// The digest of its manifest.
    pub digest: Digest,
    /// How far down it is: 1 for the base of the image.
    pub depth: usize,
    /// Where it stands.
    pub standing: LifecycleStatus,
    /// What holds of it.
    pub values: Vec<ValueReport>,
}

/// What holds of an index or of the manifest of one platform.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SubjectReport {
    /// Its digest.
    pub digest: Digest,
    /// The platform; absent for an index.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<SharedPlatform>,
    /// Where it stands.
    pub standing: LifecycleStatus,
    /// Whether statements differ and nothing but strictness decided.
    pub ambiguous: bool,
    /// How many entries may be statements and cannot be read or understood.
    pub unreadable: usize,
    /// Who says where it stands; absent if the statement has no issuer, or none says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// The statement that the standing follows from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub speaker: Option<Box<Digest>>,
    /// Whether something signs that statement. No signature is verified.
    pub speaker_signed: bool,
    /// The index that the standing follows from, if not from a statement on this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub through: Option<Box<Digest>>,
    /// Whole days until the end of life, while that is to come.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub days_left: Option<u64>,
    /// What holds, each value with who says it.
    pub values: Vec<ValueReport>,
    /// What the image says of itself, whether it holds or not.
    pub declared: Vec<DeclaredReport>,
    /// What holds of its bases, the nearest first.
    pub inherited: Vec<InheritedReport>,
    /// How many statements there are on it.
    pub statements: usize,
    /// How many of them something signs. No signature is verified.
    pub signed: usize,
}

/// The report of `show`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ShowReport {
    /// The image, as a reference.
    pub image: String,
    /// As of when.
    pub at: Moment,
    /// The index or manifest that the reference names, then each platform.
    pub subjects: Vec<SubjectReport>,
    /// What should be known.
    pub findings: Vec<Finding>,
}

impl SubjectReport {
    /// Where it stands, in some words: `end of life since 2026-11-01`.
    pub(super) fn summary(&self) -> String {
        let end = find(&self.values, Field::EndOfLife).map(shown);
        let mut words = match (self.standing, end, self.days_left) {
            (LifecycleStatus::EndOfLife, Some(end), _) if end != "true" => format!("end of life since {end}"),
            (standing, Some(end), Some(days)) => {
                format!("{}, end of life {end} (in {})", standing.name(), text::count(usize::try_from(days).unwrap_or(usize::MAX), "day"))
            }
            (standing, _, _) => standing.name().to_owned(),
        };
        if self.ambiguous {
            words.push_str(", and statements differ");
        }
        if self.unreadable > 0 {
            words.push_str(&format!("; {} cannot be read", text::count(self.unreadable, "entry")));
        }
        words
    }
}

impl SubjectReport {
    /// Who says where it stands, and whether something signs that.
    pub(super) fn spoken(&self) -> Option<String> {
        self.speaker.as_ref()?;
        let issuer =
            self.issuer.as_ref().map_or_else(|| "said without an issuer".to_owned(), |issuer| format!("said by {}", text::escape(issuer)));
        Some(format!("{issuer}, {}", if self.speaker_signed { "signed (not verified)" } else { "not signed" }))
    }
}

impl SubjectReport {
    /// What holds, unless that is what holds of the index too.
    fn values_lines(&self, page: &mut Page, index: Option<&Self>) {
        let says = |subject: &Self| -> Vec<_> { subject.values.iter().map(|value| (value.field, value.value.clone())).collect() };
        let statement = self.values.iter().find_map(|value| value.statement.as_ref());
        let alike = index.is_some_and(|index| says(index) == says(self));
        if let Some(through) = &self.through {
            let line = format!("by the statements on its index {}", page.digest(through));
            page.line_toned(2, Tone::Dim, &line);
        } else if let Some(statement) = statement.filter(|_| alike) {
            let line = format!("as the index, by its own statement {}", page.digest(statement));
            page.line_toned(2, Tone::Dim, &line);
        } else {
            for value in &self.values {
                value_line(page, 2, value);
            }
        }
    }

    /// What it says of itself and does not hold.
    fn declared_lines(&self, page: &mut Page) {
        for declared in &self.declared {
            // Where both agree there is nothing to tell.
            let agrees = |value: &ValueReport| value.field == declared.field && value.value == declared.value;
            let holds = declared.inherited != Inherited::Yes
                && self.values.iter().any(|value| (value.statement.is_none() && value.key == declared.key) || agrees(value));
            if holds {
                continue;
            }
            let why = match declared.inherited {
                Inherited::Yes => "inherited from its base",
                Inherited::No => "does not hold, a statement goes before it",
                Inherited::Unknown => "does not hold, a statement goes before it; its own or its base's",
            };
            let line = format!(
                "its {} says {} {}: {why}  ({})",
                declared.place.name(),
                declared.field.name(),
                shown(&declared.value),
                text::escape(&declared.key)
            );
            page.line_toned(2, Tone::Dim, &line);
        }
    }

    /// Where its bases stand.
    fn base_lines(&self, page: &mut Page) {
        for base in &self.inherited {
            let words = page.toned(base.standing.tone(), base.standing.name());
            let end = find(&base.values, Field::EndOfLife).map(|end| format!(", end of life {}", shown(end))).unwrap_or_default();
            let depth = if base.depth == 1 { "its base".to_owned() } else { format!("base {} below it", base.depth) };
            page.line(2, &format!("{depth} {} {}  {words}{end}", text::escape(&base.base), page.digest(&base.digest)));
        }
    }
}

impl Report for ShowReport {
    const SCHEMA: &'static str = "airbase.lifecycle-show/v1";

    fn findings(&self) -> Vec<&Finding> {
        self.findings.iter().collect()
    }

    fn render(&self, page: &mut Page) {
        let at = page.toned(Tone::Dim, &format!("as of {}", self.at));
        let image = page.toned(Tone::Strong, &text::escape(&self.image));
        page.line(0, &format!("{image}  {at}"));
        let top = self.subjects.first();
        for (number, subject) in self.subjects.iter().enumerate() {
            let what = subject.platform.as_ref().map_or_else(|| "index".to_owned(), |platform| text::escape(&platform.to_string()));
            let words = page.toned(subject.standing.tone(), &text::escape(&subject.summary()));
            page.line(1, &format!("{what}  {}  {words}", page.digest(&subject.digest)));
            if let Some(by) = subject.spoken() {
                page.line_toned(2, Tone::Dim, &by);
            }
            subject.values_lines(page, top.filter(|_| number > 0));
            subject.declared_lines(page);
            subject.base_lines(page);
        }
        if self.subjects.iter().any(|subject| subject.statements > 0) {
            page.line_toned(0, Tone::Dim, UNAUTHENTICATED);
        }
        if self.subjects.iter().all(|subject| subject.standing == LifecycleStatus::Unknown) {
            page.line_toned(0, Tone::Dim, "Nobody says anything of it. That does not mean that it is supported.");
        }
        page.findings(0, &self.findings);
    }

    fn exit(&self) -> Option<ExitClass> {
        crate::report::exit_of(&self.findings)
    }
}

/// One statement.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StatementReport {
    /// The digest of its manifest.
    pub digest: Digest,
    /// Its artifact type.
    pub artifact_type: String,
    /// Its convention: `airbase`, `microsoft`, `vnd.ORG`, `other`.
    pub convention: String,
    /// When it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub made: Option<Moment>,
    /// The annotation that says when, or why it is not known.
    pub made_by: String,
    /// Its number among those of its issuer.
    pub sequence: u64,
    /// Who says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// The statements that it stands in for.
    pub replaces: Vec<Digest>,
    /// What it says.
    pub says: Vec<FieldReport>,
    /// What it takes back.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cleared: Vec<Field>,
    /// What became of it.
    pub role: &'static str,
    /// The statement that replaces it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaced_by: Option<Digest>,
    /// The statement of another issuer that overrides it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overridden_by: Option<Digest>,
}

impl StatementReport {
    /// The report of a statement and its role.
    pub fn of(statement: &Statement, role: Option<&Role>) -> Self {
        let (made, made_by) = match &statement.made {
            Made::At { time, key } => (Some(*time), key.clone()),
            Made::Unknown { why } => (None, why.clone()),
        };
        let (replaced_by, overridden_by) = match role {
            Some(Role::Replaced { by }) => (Some(by.clone()), None),
            Some(Role::Overridden { by }) => (None, Some(by.clone())),
            _ => (None, None),
        };
        Self {
            digest: statement.digest.clone(),
            artifact_type: statement.artifact_type.clone(),
            convention: statement.convention.name(),
            made,
            made_by,
            sequence: statement.sequence,
            issuer: statement.issuer.clone(),
            replaces: statement.replaces.clone(),
            says: super::texts(&statement.record()),
            cleared: statement.cleared.iter().copied().collect(),
            role: role.unwrap_or(&Role::SaysNothing).name(),
            replaced_by,
            overridden_by,
        }
    }
}

/// The statements on one subject.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SubjectHistory {
    /// Its digest.
    pub digest: Digest,
    /// The platform; absent for an index.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// Where it stands.
    pub standing: LifecycleStatus,
    /// Whether statements differ and nothing but strictness decided.
    pub ambiguous: bool,
    /// The statements, the latest first.
    pub statements: Vec<StatementReport>,
}

/// The report of `history`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HistoryReport {
    /// The image, as a reference.
    pub image: String,
    /// As of when.
    pub at: Moment,
    /// The index or manifest that the reference names, then each platform.
    pub subjects: Vec<SubjectHistory>,
    /// What should be known.
    pub findings: Vec<Finding>,
}

impl Report for HistoryReport {
    const SCHEMA: &'static str = "airbase.lifecycle-history/v1";

    fn findings(&self) -> Vec<&Finding> {
        self.findings.iter().collect()
    }

    fn render(&self, page: &mut Page) {
        let at = page.toned(Tone::Dim, &format!("as of {}", self.at));
        let image = page.toned(Tone::Strong, &text::escape(&self.image));
        page.line(0, &format!("{image}  {at}"));
        for subject in &self.subjects {
            let what = subject.platform.as_ref().map_or_else(|| "index".to_owned(), |platform| text::escape(&platform.to_string()));
            let words = page.toned(subject.standing.tone(), subject.standing.name());
            page.line(1, &format!("{what}  {}  {words}", page.digest(&subject.digest)));
            if subject.statements.is_empty() {
                page.line_toned(2, Tone::Dim, "no statements");
            }
            for statement in &subject.statements {
                let made = statement.made.map_or_else(|| "at an unknown time".to_owned(), |made| made.to_string());
                let role = match (statement.role, &statement.replaced_by) {
                    ("speaks", _) => page.toned(Tone::Good, "holds"),
                    ("adds", _) => page.toned(Tone::Good, "holds for the rest"),
                    ("replaced", Some(by)) => page.toned(Tone::Dim, &format!("replaced by {}", page.digest(by))),
                    ("agrees", _) => page.toned(Tone::Good, "says the same"),
                    ("differs", _) => page.toned(Tone::Caution, "differs, the stricter holds"),
                    ("overridden", _) => page.toned(Tone::Dim, "overridden by another issuer"),
                    ("future", _) => page.toned(Tone::Caution, "made later than is asked about, does not count"),
                    ("not-asked", _) => page.toned(Tone::Dim, "of an issuer whose word is not asked for"),
                    ("says-nothing", _) => page.toned(Tone::Dim, "says nothing that is understood"),
                    _ => page.toned(Tone::Dim, "an older word"),
                };
                let issuer = statement.issuer.as_deref().map(|issuer| format!(" by {}", text::escape(issuer))).unwrap_or_default();
                page.line(
                    2,
                    &format!("{made}  {}  {}{issuer}: {role}", page.digest(&statement.digest), text::escape(&statement.convention)),
                );
                for field in &statement.says {
                    page.field(3, field.field.name(), &shown(&field.value));
                }
                for field in &statement.cleared {
                    page.field(3, "takes back", field.name());
                }
            }
        }
        page.findings(0, &self.findings);
    }

    fn exit(&self) -> Option<ExitClass> {
        crate::report::exit_of(&self.findings)
    }
}
