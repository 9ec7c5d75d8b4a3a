//! `airbase.tag/v1`, `airbase.untag/v1`, `airbase.annotate/v1`: changes of names and annotations.

use serde::Serialize;

use super::rebase::{OutputReport, Superseded, superseded, taken};
use super::{Page, Report, Tone};
use crate::foundation::{Code, Digest, ExitClass, Finding, text};
use crate::write::Taken;

/// What happened to a name or to annotations.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// The image, as a reference.
    pub image: String,
    /// Its digest before.
    pub digest: Digest,
    /// The digest of the result.
    pub result: Digest,
    /// The names of the result, or the name that was removed.
    pub names: Vec<String>,
    /// Where the result is.
    pub output: OutputReport,
    /// Whether anything changed.
    pub changed: bool,
    /// The names that moved from other images, which stay.
    pub taken: Vec<Taken>,
    /// What is marked as superseded: the images that lost their names, each with its platforms.
    pub superseded: Vec<Superseded>,
    /// What should be known.
    pub findings: Vec<Finding>,
    /// Whether there may be referrers that could not be read and did not go along: the findings say which.
    #[serde(skip)]
    pub incomplete: bool,
}

impl Change {
    fn render(&self, page: &mut Page, word: &str) {
        let word = if self.changed { page.toned(Tone::Good, word) } else { page.toned(Tone::Dim, "unchanged") };
        page.line(0, &format!("{word} {}", text::escape(&self.image)));
        for name in &self.names {
            page.field(1, "name", name);
        }
        page.trusted_field(1, "digest", &self.result.to_string());
        if self.result != self.digest {
            page.trusted_field(1, "was", &self.digest.to_string());
        }
        page.field(1, "output", &format!("{} ({})", self.output.path, self.output.kind));
        taken(page, &self.taken);
        superseded(page, &self.superseded);
        page.findings(0, &self.findings);
    }
}

macro_rules! change {
    ($(#[$doc:meta])* $name:ident, $schema:literal, $word:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Serialize)]
        #[serde(transparent)]
        pub struct $name(pub Change);

        impl Report for $name {
            const SCHEMA: &'static str = $schema;

            fn findings(&self) -> Vec<&Finding> {
                self.0.findings.iter().collect()
            }

            fn render(&self, page: &mut Page) {
                self.0.render(page, $word);
            }

            fn exit(&self) -> Option<ExitClass> {
                let may_be_withdrawn = self.0.findings.iter().any(|finding| finding.code == Code::LifecycleUnreadable);
                (self.0.incomplete || may_be_withdrawn).then_some(ExitClass::Findings)
            }
        }
    };
}

change!(
    /// The answer of `tag`.
    TagReport, "airbase.tag/v1", "tagged"
);
change!(
    /// The answer of `untag`.
    UntagReport, "airbase.untag/v1", "untagged"
);
change!(
    /// The answer of `annotate`.
    AnnotateReport, "airbase.annotate/v1", "annotated"
);
change!(
    /// The answer of `base set`.
    BaseSetReport, "airbase.base-set/v1", "recorded the base of"
);
