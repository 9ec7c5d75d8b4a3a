//! `airbase.gc/v1`: what nobody needs.

use serde::Serialize;

use super::{Page, Report, Tone};
use crate::foundation::{Digest, Finding, text};
use crate::oci::Descriptor;

/// An entry of `index.json` that goes.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Gone {
    /// What it lists.
    pub digest: Digest,
    /// Its names.
    pub names: Vec<String>,
    /// Why it goes.
    pub why: String,
}

impl Gone {
    /// An entry, and why it goes.
    pub fn of(entry: &Descriptor, why: &str) -> Self {
        Self { digest: entry.digest.clone(), names: entry.name().map(str::to_owned).into_iter().collect(), why: why.to_owned() }
    }

    /// As it is shown to users.
    pub(super) fn shown(&self, page: &Page) -> String {
        let names: Vec<String> = self.names.iter().map(|name| text::escape(name)).collect();
        let names = if names.is_empty() { String::new() } else { names.join(", ") + "  " };
        format!("{names}{}  {}", page.digest(&self.digest), self.why)
    }
}

/// What stays, and by what it is kept: numbers of blobs.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Kept {
    /// By a name.
    pub named: usize,
    /// By an entry without a name.
    pub unnamed: usize,
    /// By a document that names them: platforms, configs, layers.
    pub parts: usize,
    /// By what they refer to.
    pub referrers: usize,
    /// Lists of referrers.
    pub lists: usize,
    /// Referrers of something that is not here, for now.
    pub dangling: usize,
    /// Blobs that nobody names, because they are young.
    pub young: usize,
}

/// What was deleted.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Collected {
    /// Blobs.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// The report.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GcReport {
    /// The layout.
    pub path: String,
    /// Whether it was done, and not only shown.
    pub applied: bool,
    /// Entries that go.
    pub entries: Vec<Gone>,
    /// Blobs that go.
    pub blobs: Vec<Digest>,
    /// Their bytes.
    pub bytes: u64,
    /// Files that writers left behind when they were killed, and that go: their names in the layout.
    pub leftovers: Vec<String>,
    /// What stays.
    pub kept: Kept,
    /// What was deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deleted: Option<Collected>,
    /// What should be known.
    pub findings: Vec<Finding>,
}

/// How many digests users are shown; the JSON form has all.
const SHOWN: usize = 20;

impl Report for GcReport {
    const SCHEMA: &'static str = "airbase.gc/v1";

    fn findings(&self) -> Vec<&Finding> {
        self.findings.iter().collect()
    }

    fn render(&self, page: &mut Page) {
        let path = page.toned(Tone::Strong, &text::escape(&self.path));
        page.line(0, &path);
        for entry in &self.entries {
            page.line(1, &format!("entry  {}", entry.shown(page)));
        }
        let most = if page.full { usize::MAX } else { SHOWN };
        for digest in self.blobs.iter().take(most) {
            page.line(1, &format!("blob   {}  nothing names it", page.digest(digest)));
        }
        if self.blobs.len() > most {
            page.line(1, &format!("and {} more blobs; --verbose lists them", self.blobs.len() - most));
        }
        for name in &self.leftovers {
            page.line(1, &format!("file   {}  a writer that was killed left it behind", text::escape(name)));
        }
        let Kept { named, unnamed, parts, referrers, lists, dangling, young } = &self.kept;
        page.line(1, &format!("kept   {named} by a name, {unnamed} by an entry without one, {parts} as parts of those, {referrers} as their referrers, {lists} lists"));
        if *dangling + *young > 0 {
            page.line(1, &format!("kept   {young} that nothing names and {dangling} that refer to something that is not here, because they are young (--grace)"));
        }
        let what = format!(
            "{} and {} ({})",
            if self.entries.len() == 1 { "1 entry".to_owned() } else { format!("{} entries", self.entries.len()) },
            text::count(self.blobs.len(), "blob"),
            text::bytes(self.bytes)
        );
        if let Some(deleted) = &self.deleted {
            let done = page.toned(Tone::Good, "deleted");
            page.line(
                0,
                &format!(
                    "{done} {} ({})",
                    text::count(usize::try_from(deleted.blobs).unwrap_or(usize::MAX), "blob"),
                    text::bytes(deleted.bytes)
                ),
            );
        } else if self.entries.is_empty() && self.blobs.is_empty() && self.leftovers.is_empty() {
            page.line(0, "nothing to delete");
        } else {
            page.line(0, &format!("{what} would be deleted with --apply"));
        }
        page.findings(0, &self.findings);
    }
}
