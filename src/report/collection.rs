//! `airbase.collection-create/v1`, `airbase.collection-show/v1`, `airbase.collection-check/v1`.

use serde::Serialize;

use super::rebase::{OutputReport, WrittenReport, taken};
use super::{Page, Report, Tone};
use crate::foundation::{Digest, ExitClass, Finding, Severity, text};
use crate::oci::{Platform, collection};
use crate::write::Taken;

/// A member, as the collection has it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Member {
    /// Its name.
    pub name: String,
    /// Its digest.
    pub digest: Digest,
    /// Its media type.
    pub media_type: String,
    /// The names of members that it needs.
    pub depends: Vec<String>,
}

impl From<collection::Member> for Member {
    fn from(member: collection::Member) -> Self {
        Self {
            name: member.name,
            digest: member.descriptor.digest.clone(),
            media_type: member.descriptor.media_type.clone().into_owned(),
            depends: member.depends,
        }
    }
}

/// The report of `create`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateReport {
    /// The digest of the collection.
    pub digest: Digest,
    /// Its name.
    pub name: String,
    /// Its members.
    pub members: Vec<Member>,
    /// The names of the members, what is needed before what needs it.
    pub order: Vec<String>,
    /// The referrers that went along.
    pub referrers: Vec<Digest>,
    /// Where it is.
    pub output: OutputReport,
    /// Whether anything changed.
    pub changed: bool,
    /// The names that moved here from other images, which stay.
    pub taken: Vec<Taken>,
    /// What was written.
    pub written: WrittenReport,
    /// What should be known.
    pub findings: Vec<Finding>,
    /// Whether there may be referrers that could not be read: the findings say which.
    #[serde(skip)]
    pub incomplete: bool,
}

/// What the name of a member stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum NameStatus {
    /// For the member.
    Current,
    /// For something else by now.
    Moved,
    /// For nothing.
    Unnamed,
}

/// A member that was looked at.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Looked {
    /// The member.
    #[serde(flatten)]
    pub member: Member,
    /// Its platforms.
    pub platforms: Vec<Platform>,
    /// What its name stands for in this source.
    pub standing: NameStatus,
    /// What its name stands for now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub now: Option<Digest>,
    /// Who refers to it, its platforms, and to those.
    pub referrers: Vec<Of>,
}

/// A referrer of a member.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Of {
    /// Its digest.
    pub digest: Digest,
    /// What it is.
    pub artifact_type: String,
    /// What it refers to.
    pub subject: Digest,
}

/// The report of `show`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ShowReport {
    /// The collection, as a reference.
    pub image: String,
    /// Its digest.
    pub digest: Digest,
    /// Its members.
    pub members: Vec<Looked>,
    /// Who refers to the collection itself.
    pub referrers: Vec<Of>,
    /// The names of the members, what is needed before what needs it.
    pub order: Vec<String>,
    /// What should be known.
    pub findings: Vec<Finding>,
}

/// The report of `check`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckReport {
    /// The collection, as a reference.
    pub image: String,
    /// Its digest.
    pub digest: Digest,
    /// How many members it has.
    pub members: usize,
    /// How many referrers they and the collection have.
    pub referrers: usize,
    /// How many blobs were hashed.
    pub blobs: usize,
    /// Their size in bytes.
    pub bytes: u64,
    /// How many members' names stand for something else by now.
    pub moved: usize,
    /// What is missing, damaged or is outdated.
    pub findings: Vec<Finding>,
}

fn order_line(page: &mut Page, order: &[String], depends: bool) {
    if depends {
        page.field(1, "order", &order.join(", "));
    }
}

impl Report for CreateReport {
    const SCHEMA: &'static str = "airbase.collection-create/v1";

    fn findings(&self) -> Vec<&Finding> {
        self.findings.iter().collect()
    }

    fn render(&self, page: &mut Page) {
        let word = if self.changed { page.toned(Tone::Good, "collected") } else { page.toned(Tone::Dim, "unchanged") };
        page.line(0, &format!("{word} {} as {}", text::count(self.members.len(), "member"), text::escape(&self.name)));
        for member in &self.members {
            page.line(1, &format!("{}  {}", page.digest(&member.digest), text::escape(&member.name)));
            if !member.depends.is_empty() {
                page.field(2, "needs", &member.depends.join(", "));
            }
        }
        order_line(page, &self.order, self.members.iter().any(|member| !member.depends.is_empty()));
        if !self.referrers.is_empty() {
            page.trusted_field(1, "referrers", &format!("{} went along", self.referrers.len()));
        }
        page.trusted_field(1, "digest", &self.digest.to_string());
        taken(page, &self.taken);
        page.field(1, "output", &format!("{} ({})", self.output.path, self.output.kind));
        page.findings(0, &self.findings);
    }

    fn exit(&self) -> Option<ExitClass> {
        self.incomplete.then_some(ExitClass::Findings)
    }
}

impl Report for ShowReport {
    const SCHEMA: &'static str = "airbase.collection-show/v1";

    fn findings(&self) -> Vec<&Finding> {
        self.findings.iter().collect()
    }

    fn render(&self, page: &mut Page) {
        page.line_toned(0, Tone::Strong, &text::escape(&self.image));
        page.trusted_field(0, "digest", &self.digest.to_string());
        referrers(page, 0, &self.referrers);
        for looked in &self.members {
            let name = page.toned(Tone::Strong, &text::escape(&looked.member.name));
            page.line(1, &name);
            page.trusted_field(2, "digest", &page.digest(&looked.member.digest));
            if !looked.platforms.is_empty() {
                let platforms: Vec<String> = looked.platforms.iter().map(Platform::to_string).collect();
                page.field(2, "platforms", &platforms.join(", "));
            }
            if !looked.member.depends.is_empty() {
                page.field(2, "needs", &looked.member.depends.join(", "));
            }
            match (looked.standing, &looked.now) {
                (NameStatus::Moved, Some(now)) => page.trusted_field(2, "moved", &format!("the name is {} now", page.digest(now))),
                (NameStatus::Unnamed, _) => page.trusted_field(2, "name", "no entry of index.json has it"),
                _ => {}
            }
            referrers(page, 2, &looked.referrers);
        }
        order_line(page, &self.order, self.members.iter().any(|looked| !looked.member.depends.is_empty()));
        page.findings(0, &self.findings);
    }

    fn exit(&self) -> Option<ExitClass> {
        super::exit_of(&self.findings)
    }
}

fn referrers(page: &mut Page, depth: usize, referrers: &[Of]) {
    for referrer in referrers {
        page.field(
            depth,
            "referrer",
            &format!("{}  {} of {}", referrer.artifact_type, page.digest(&referrer.digest), page.digest(&referrer.subject)),
        );
    }
}

impl Report for CheckReport {
    const SCHEMA: &'static str = "airbase.collection-check/v1";

    fn findings(&self) -> Vec<&Finding> {
        self.findings.iter().collect()
    }

    fn render(&self, page: &mut Page) {
        let bad = self.exit().is_some();
        let word = if bad { page.toned(Tone::Bad, "look") } else { page.toned(Tone::Good, "whole") };
        page.line(0, &format!("{word}  {}", text::escape(&self.image)));
        page.trusted_field(1, "digest", &self.digest.to_string());
        let (members, referrers) = (text::count(self.members, "member"), text::count(self.referrers, "referrer"));
        page.trusted_field(1, "has", &format!("{members}, {referrers}"));
        page.trusted_field(1, "hashed", &format!("{} ({})", text::count(self.blobs, "blob"), text::bytes(self.bytes)));
        page.findings(0, &self.findings);
    }

    fn exit(&self) -> Option<ExitClass> {
        self.findings.iter().any(|finding| finding.severity > Severity::Note).then_some(ExitClass::Findings)
    }
}
