//! `airbase.referrers/v1`: who refers to an image.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Page, Report, Tone, exit_of};
use crate::foundation::{Digest, ExitClass, Finding, text};
use crate::oci::Platform;
use crate::read::referrers::FoundBy;

/// How a referrer belongs to its subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// It only refers to it.
    Attached,
    /// It is in the same index as its subject.
    Embedded,
    /// It has a name of its own.
    Named,
    /// Its subject is not here.
    Dangling,
}

/// A referrer and who refers to it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Node {
    /// Its digest.
    pub digest: Digest,
    /// What it is.
    pub artifact_type: String,
    /// The media type of its document.
    pub media_type: String,
    /// How it belongs to its subject.
    pub class: Class,
    /// How it was found first.
    pub found_by: FoundBy,
    /// Whether it has an entry of its own in `index.json`.
    pub entry: bool,
    /// Whether the fallback tag of its subject lists it.
    pub fallback_tag: bool,
    /// Its names in `index.json`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// The size of its content in bytes.
    pub size: u64,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
    /// Who refers to it.
    pub referrers: Vec<Self>,
}

/// A subject and its referrers.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Of {
    /// The digest of the subject: the top of the image first, then its platforms.
    pub digest: Digest,
    /// The platform, where an index gives it one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// Its referrers.
    pub referrers: Vec<Node>,
}

/// The report.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReferrersReport {
    /// The image, as a reference.
    pub image: String,
    /// The image and its platforms.
    pub subjects: Vec<Of>,
    /// What the lists of the layout say that is not so.
    pub findings: Vec<Finding>,
    /// Whether users are shown the referrers of referrers.
    #[serde(skip)]
    pub tree: bool,
    /// Whether only some artifact types were asked for.
    #[serde(skip)]
    pub filtered: bool,
}

impl Report for ReferrersReport {
    const SCHEMA: &'static str = "airbase.referrers/v1";

    fn findings(&self) -> Vec<&Finding> {
        self.findings.iter().collect()
    }

    fn render(&self, page: &mut Page) {
        let image = page.toned(Tone::Strong, &text::escape(&self.image));
        page.line(0, &image);
        for subject in &self.subjects {
            let platform =
                subject.platform.as_ref().map(|platform| format!("  {}", text::escape(&platform.to_string()))).unwrap_or_default();
            page.line(0, &format!("{}{platform}", page.digest(&subject.digest)));
            if subject.referrers.is_empty() {
                let words = if self.filtered { "nothing of the type that was asked for refers to it" } else { "nothing refers to it" };
                page.line_toned(1, Tone::Dim, words);
            }
            subject.referrers.iter().for_each(|node| node.render(page, 1, self.tree));
        }
        page.findings(0, &self.findings);
        page.line_toned(0, Tone::Dim, "Manifests were hashed, signatures were not verified.");
    }

    fn exit(&self) -> Option<ExitClass> {
        exit_of(&self.findings)
    }
}

impl Node {
    fn render(&self, page: &mut Page, depth: usize, tree: bool) {
        let class = match self.class {
            Class::Attached => "",
            Class::Embedded => "  in the index",
            Class::Named => "  named",
            Class::Dangling => "  dangling: its subject is not here",
        };
        page.line(
            depth,
            &format!("{}  {}  {}{class}", text::escape(&self.artifact_type), page.digest(&self.digest), text::bytes(self.size)),
        );
        for name in &self.names {
            page.field(depth + 1, "name", name);
        }
        for (key, value) in &self.annotations {
            page.field(depth + 1, "annotation", &format!("{key}={value}"));
        }
        if tree {
            self.referrers.iter().for_each(|node| node.render(page, depth + 1, tree));
        } else if !self.referrers.is_empty() {
            let count = text::count(self.referrers.len(), "referrer");
            page.line_toned(depth + 1, Tone::Dim, &format!("{count} of its own, see --tree"));
        }
    }
}
