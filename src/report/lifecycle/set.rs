//! `airbase.lifecycle-set/v1`, `airbase.lifecycle-supersede/v1`, `airbase.lifecycle-compact/v1`, `airbase.lifecycle-import/v1`.

use serde::Serialize;

use super::{FieldReport, shown};
use crate::foundation::{Digest, ExitClass, Finding, text};
use crate::oci::Platform;
use crate::plan::lifecycle::field::Field;
use crate::plan::lifecycle::time::Moment;
use crate::report::{Page, Report, Tone};

/// What became of one subject.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Stated {
    /// The index or manifest.
    pub digest: Digest,
    /// The platform; absent for an index.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// The new statement; absent if it was so already.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub statement: Option<Digest>,
    /// Its artifact type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// All that its issuer says of it now.
    pub says: Vec<FieldReport>,
    /// What is taken back.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cleared: Vec<Field>,
    /// The older statements that are still there.
    pub older: usize,
}

/// The image that stands in for another one.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SuccessorReport {
    /// The image, as a reference.
    pub image: String,
    /// Its digest.
    pub digest: Digest,
    /// What became of it; absent if it lies elsewhere, where nothing was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stated: Option<Stated>,
}

/// The report of `set` and `supersede`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SetReport {
    /// The image, as a reference.
    pub image: String,
    /// When the statements were made.
    pub at: Moment,
    /// The index or manifest, then each platform.
    pub subjects: Vec<Stated>,
    /// The image that takes its place, of `supersede`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub successor: Option<SuccessorReport>,
    /// Whether it is only a plan.
    pub dry_run: bool,
    /// Whether anything changed.
    pub changed: bool,
    /// What should be known.
    pub findings: Vec<Finding>,
}

/// The report of `set` on several images.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SetAllReport {
    /// What became of each.
    pub images: Vec<SetReport>,
}

impl Report for SetAllReport {
    const SCHEMA: &'static str = "airbase.lifecycle-set-all/v1";

    fn findings(&self) -> Vec<&Finding> {
        self.images.iter().flat_map(|image| &image.findings).collect()
    }

    fn render(&self, page: &mut Page) {
        for image in &self.images {
            image.render(page);
        }
    }
}

impl Report for SetReport {
    const SCHEMA: &'static str = "airbase.lifecycle-set/v1";

    fn findings(&self) -> Vec<&Finding> {
        self.findings.iter().collect()
    }

    fn render(&self, page: &mut Page) {
        stated(page, &self.image, &self.subjects);
        match &self.successor {
            Some(SuccessorReport { image, stated: Some(of_new), .. }) => stated(page, image, std::slice::from_ref(of_new)),
            Some(SuccessorReport { image, stated: None, .. }) => {
                let line = format!("nothing was stated on {}, which lies elsewhere", text::escape(image));
                page.line_toned(0, Tone::Dim, &line);
            }
            None => {}
        }
        if self.dry_run {
            page.line_toned(0, Tone::Dim, "Nothing was written: this is what would be done.");
        }
        page.findings(0, &self.findings);
    }
}

fn stated(page: &mut Page, image: &str, subjects: &[Stated]) {
    let image = page.toned(Tone::Strong, &text::escape(image));
    page.line(0, &image);
    for (number, subject) in subjects.iter().enumerate() {
        let what = subject.platform.as_ref().map_or_else(|| "index".to_owned(), |platform| text::escape(&platform.to_string()));
        let word = match &subject.statement {
            Some(statement) => page.toned(Tone::Good, &format!("statement {}", page.digest(statement))),
            None => page.toned(Tone::Dim, "is so already"),
        };
        page.line(1, &format!("{what}  {}  {word}", page.digest(&subject.digest)));
        if subject.statement.is_some() {
            let says = |subject: &Stated| -> Vec<_> { subject.says.iter().map(|field| (field.field, field.value.clone())).collect() };
            if number > 0 && subjects.first().is_some_and(|top| top.statement.is_some() && says(top) == says(subject)) {
                page.line_toned(2, Tone::Dim, "the same");
                continue;
            }
            for field in &subject.says {
                page.field(2, field.field.name(), &shown(&field.value));
            }
            for field in &subject.cleared {
                page.field(2, "taken back", field.name());
            }
        }
    }
    let older: usize = subjects.iter().map(|subject| subject.older).sum();
    if older > 0 {
        let line = format!("{} still there: `airbase lifecycle compact` removes them.", text::count(older, "older statement"));
        page.line_toned(0, Tone::Dim, &line);
    }
}

/// One subject of `compact`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Compacted {
    /// The index or manifest.
    pub digest: Digest,
    /// The platform; absent for an index.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// The statements that stay.
    pub kept: Vec<Digest>,
    /// Those that go.
    pub removed: Vec<Removed>,
    /// The new statement that says what several said together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub statement: Option<Digest>,
}

/// A statement that goes.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Removed {
    /// Its digest.
    pub digest: Digest,
    /// Why.
    pub reason: String,
}

/// The report of `compact`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CompactReport {
    /// The image, as a reference.
    pub image: String,
    /// As of when.
    pub at: Moment,
    /// The index or manifest, then each platform.
    pub subjects: Vec<Compacted>,
    /// Whether it is only a plan.
    pub dry_run: bool,
    /// Whether anything changed.
    pub changed: bool,
    /// What should be known.
    pub findings: Vec<Finding>,
}

impl Report for CompactReport {
    const SCHEMA: &'static str = "airbase.lifecycle-compact/v1";

    fn findings(&self) -> Vec<&Finding> {
        self.findings.iter().collect()
    }

    fn render(&self, page: &mut Page) {
        let image = page.toned(Tone::Strong, &text::escape(&self.image));
        page.line(0, &image);
        for subject in &self.subjects {
            let what = subject.platform.as_ref().map_or_else(|| "index".to_owned(), |platform| text::escape(&platform.to_string()));
            let counts = format!("{} kept, {} removed", subject.kept.len(), subject.removed.len());
            page.line(1, &format!("{what}  {}  {counts}", page.digest(&subject.digest)));
            if let Some(statement) = &subject.statement {
                let line = format!("one new statement says what holds: {}", page.digest(statement));
                page.line(2, &line);
            }
            for removed in &subject.removed {
                let line = format!("removed {}: {}", page.digest(&removed.digest), text::escape(&removed.reason));
                page.line_toned(2, Tone::Dim, &line);
            }
        }
        let word = match (self.dry_run, self.changed) {
            (true, _) => "Nothing was written: this is what would be done.",
            (false, true) => "They are on no list any more, and still among the blobs: `airbase detach REF DIGEST` deletes one.",
            (false, false) => "Nothing had to be done.",
        };
        page.line_toned(0, Tone::Dim, word);
        page.findings(0, &self.findings);
    }
}

/// One image of `import`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Imported {
    /// The image, as a reference.
    pub image: String,
    /// What led to it: its digest, or the product and the release cycle.
    pub matched: String,
    /// Its index or manifest, then each platform.
    pub subjects: Vec<Stated>,
}

/// The report of `import`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImportReport {
    /// The list.
    pub file: String,
    /// When the statements were made.
    pub at: Moment,
    /// The images that the list speaks of.
    pub images: Vec<Imported>,
    /// The digests in the list that are not here.
    pub not_here: Vec<Digest>,
    /// How many images the list says nothing about.
    pub unmatched: usize,
    /// Whether it is only a plan.
    pub dry_run: bool,
    /// Whether anything changed.
    pub changed: bool,
    /// What should be known.
    pub findings: Vec<Finding>,
}

impl Report for ImportReport {
    const SCHEMA: &'static str = "airbase.lifecycle-import/v1";

    fn findings(&self) -> Vec<&Finding> {
        self.findings.iter().collect()
    }

    fn render(&self, page: &mut Page) {
        for image in &self.images {
            let line = format!("by {}", text::escape(&image.matched));
            page.line_toned(0, Tone::Dim, &line);
            stated(page, &image.image, &image.subjects);
        }
        let new = self.images.iter().flat_map(|image| &image.subjects).filter(|subject| subject.statement.is_some()).count();
        let word = if self.dry_run { "would be made" } else { "made" };
        page.line(
            0,
            &format!(
                "{} {word}, {} here of the list, {} of the list not here, {} that the list does not speak of",
                text::count(new, "statement"),
                text::count(self.images.len(), "image"),
                text::count(self.not_here.len(), "digest"),
                text::count(self.unmatched, "image")
            ),
        );
        page.findings(0, &self.findings);
    }

    fn exit(&self) -> Option<ExitClass> {
        crate::report::exit_of(&self.findings)
    }
}
