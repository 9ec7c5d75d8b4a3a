//! `airbase.rebase/v1`: what a rebase does or did.

use std::collections::BTreeSet;

use serde::Serialize;

use super::lifecycle::set::Stated;
use super::{Page, Report, Tone};
use crate::foundation::{Code, Digest, ExitClass, Finding, text};
use crate::oci::Platform;
use crate::plan::base::{ClaimOrigin, NameRule, Proof};
use crate::plan::rebase::image::Origin;
use crate::plan::rebase::{Decision, Kind, Side};
use crate::plan::verdict::{Answer, Hidden, Judgement, Patched, Strictness, one_line};
use crate::write::{Committed, Taken};

/// How far it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Decided; nothing was written.
    Planned,
    /// The image is based on that already; nothing was written.
    Current,
    /// Written.
    Written,
}

/// The report.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RebaseReport {
    /// The image, as a reference.
    pub image: String,
    /// Its digest.
    pub digest: Digest,
    /// How far it went.
    pub status: Status,
    /// Each platform.
    pub platforms: Vec<PlatformReport>,
    /// Whether it still runs: the worst of the platforms; absent if that was not judged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Answer>,
    /// Whether the fixes of the new base reach the app: the worst of the platforms; absent if that was not judged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patched: Option<Patched>,
    /// The new image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<ResultReport>,
    /// Where it goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<OutputReport>,
    /// What concerns the whole image.
    pub findings: Vec<Finding>,
    /// Manifests of the old index that are not in the new one, because they speak of the old bytes.
    pub left_behind: Vec<Digest>,
    /// What is marked as superseded by the result: the old image, then its platforms.
    pub superseded: Vec<Superseded>,
    /// The names that moved from other images, which stay.
    pub taken: Vec<Taken>,
    /// What was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub written: Option<WrittenReport>,
}

/// An index or a manifest that is marked as superseded.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Superseded {
    /// Its digest.
    pub digest: Digest,
    /// Its platform; absent for an index.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// The statement that says so; absent if it was said already.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub statement: Option<Digest>,
}

impl Superseded {
    /// What was stated of it.
    pub fn of(stated: &Stated) -> Self {
        Self { digest: stated.digest.clone(), platform: stated.platform.clone(), statement: stated.statement.clone() }
    }
}

/// What is marked as superseded, for users.
pub(super) fn superseded(page: &mut Page, all: &[Superseded]) {
    for old in all {
        let what = old.platform.as_ref().map_or_else(|| "as a whole".to_owned(), |platform| text::escape(&platform.to_string()));
        page.trusted_field(0, "superseded", &format!("{}  {what}", page.digest(&old.digest)));
    }
}

/// One platform.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlatformReport {
    /// The platform; absent if neither index nor config says one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// The digest of the old manifest.
    pub from: Digest,
    /// The old base; absent if it was not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old_base: Option<BaseReport>,
    /// The new base; absent if the platform was not moved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_base: Option<BaseReport>,
    /// How many layers belonged to the old base.
    pub seam: usize,
    /// The layers of the result, the lowest first.
    pub layers: Vec<LayerReport>,
    /// Where the new config and annotations are not simply the app's.
    pub decisions: Vec<Decision>,
    /// What should be known about it.
    pub findings: Vec<Finding>,
    /// The digest of the new config.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config: Option<Digest>,
    /// The digest of the new manifest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manifest: Option<Digest>,
    /// Where the old base was learned from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clue: Option<ClaimOrigin>,
    /// How each layer of the old base was proven.
    pub proofs: Vec<Proof>,
    /// What becomes of it; absent if that was not judged.
    #[serde(flatten)]
    pub judged: Option<JudgedReport>,
}

/// The verdict on a platform.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct JudgedReport {
    /// Whether it still runs.
    pub verdict: Answer,
    /// Whether the fixes of the new base reach the app.
    pub patched: Patched,
    /// Programs, libraries and certificates of the app that hide what the new base changed.
    pub hidden: Vec<String>,
    /// The same with the packages that they are of.
    #[serde(skip)]
    pub hidden_files: Vec<Hidden>,
    /// How many files were reached from the entrypoint.
    pub reached: usize,
    /// The codes of findings that break the image and were accepted; the result records them.
    pub accepted: Vec<Code>,
    /// The reasons, the gravest first; another distribution or C library before all.
    pub reasons: Vec<Finding>,
}

impl JudgedReport {
    /// The judgement on a platform, and what of it was accepted.
    pub fn of(judgement: Judgement, accepted: &BTreeSet<Code>) -> Self {
        let Judgement { answer, patched, hidden, findings, reached } = judgement;
        let (paths, hidden_files) = (hidden.iter().map(|hidden| hidden.path.clone()).collect(), hidden);
        Self {
            verdict: answer,
            patched,
            hidden: paths,
            hidden_files,
            reached,
            accepted: accepted.iter().copied().collect(),
            reasons: findings,
        }
    }

    fn render(&self, page: &mut Page) {
        let word = page.toned(super::verdict::tone(self.verdict), self.verdict.name());
        page.trusted_field(1, "verdict", &format!("{word}, {} reached", text::count(self.reached, "file")));
        for finding in self.reasons.iter().take(REASONS) {
            page.trusted_field(1, "", &text::escape(&one_line(finding)));
        }
        if self.reasons.len() > REASONS {
            page.trusted_field(1, "", &format!("and {} more; `airbase verdict` tells them", self.reasons.len() - REASONS));
        }
        if !self.accepted.is_empty() {
            let codes: Vec<&str> = self.accepted.iter().map(|code| code.slug()).collect();
            page.trusted_field(1, "accepted", &codes.join(" "));
        }
        page.trusted_field(1, "patched", &patched_words(self.patched, self.hidden.len()));
    }
}

/// How many reasons of a verdict are shown to users.
const REASONS: usize = 4;

/// Whether fixes arrive, for users.
pub(super) fn patched_words(patched: Patched, hidden: usize) -> String {
    match patched {
        Patched::Partly => format!("partly: the app hides {} that the new base changed", text::count(hidden, "file")),
        Patched::No => format!("no: the app hides all that the new base changed, with {}", text::count(hidden, "file")),
        _ => patched.name().to_owned(),
    }
}

/// A base.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BaseReport {
    /// Where it lies.
    pub reference: String,
    /// The name that is recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The digest of its index, or of its manifest if it has no index.
    pub digest: Digest,
    /// The digest of its manifest for the platform.
    pub manifest: Digest,
    /// Why it is the new base.
    #[serde(flatten)]
    pub why: Option<NameRule>,
}

/// A layer of the result.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LayerReport {
    /// Whose it is.
    pub origin: Origin,
    /// The digest of the blob.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// Its media type in the input.
    pub media_type: String,
    /// What the config says that it inflates to.
    pub diff_id: Digest,
    /// Whether that is only claimed.
    pub claimed: bool,
}

/// The new image.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ResultReport {
    /// Its digest.
    pub digest: Digest,
    /// Its media type.
    pub media_type: String,
    /// The size of its top document in bytes.
    pub size: u64,
    /// Its names.
    pub names: Vec<String>,
}

/// Where the result goes.
#[derive(Debug, Clone, Default, Serialize)]
pub struct OutputReport {
    /// `oci-layout`, `oci-archive` or `docker-archive`, compressed or not.
    pub kind: String,
    /// The path.
    pub path: String,
}

/// What was written.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WrittenReport {
    /// Blobs that were not there before.
    pub blobs: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Blobs that were there, and were hashed again before they were used.
    pub reused: u64,
    /// Layers that were hashed.
    pub layers_verified: usize,
    /// Bytes that were hashed without being copied.
    pub bytes_verified_only: u64,
    /// How long the final flush took, in milliseconds.
    pub flush_milliseconds: u64,
}

impl WrittenReport {
    /// From the figures of the writing side.
    pub fn of(committed: &Committed, layers_verified: usize, bytes_verified_only: u64) -> Self {
        Self {
            blobs: committed.blobs_written,
            bytes: committed.bytes_written,
            reused: committed.blobs_reused,
            layers_verified,
            bytes_verified_only,
            flush_milliseconds: u64::try_from(committed.flush.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

/// How many names are shown to users.
const TOLD: usize = 12;

/// Whose names were taken.
pub(super) fn taken(page: &mut Page, taken: &[Taken]) {
    for one in taken.iter().take(TOLD) {
        page.field(0, "moved", &format!("{}, from {}, which stays by its digest", one.name, one.digest));
    }
    if taken.len() > TOLD {
        page.trusted_field(0, "", &format!("and {} more names", taken.len() - TOLD));
    }
}

impl RebaseReport {
    /// Puts the verdicts on the platforms together, or says that there is none.
    pub(crate) fn judge(&mut self, strictness: Strictness) {
        let judged = || self.platforms.iter().filter_map(|platform| platform.judged.as_ref());
        self.verdict = judged().map(|judged| judged.verdict).max();
        self.patched = judged().map(|judged| judged.patched).max();
        if strictness == Strictness::Off {
            self.findings.push(Finding::new(Code::VerdictOff, "whether the image still runs was not judged"));
        }
    }
}

impl Report for RebaseReport {
    const SCHEMA: &'static str = "airbase.rebase/v1";

    fn findings(&self) -> Vec<&Finding> {
        let judged = self.platforms.iter().filter_map(|platform| platform.judged.as_ref());
        let reasons = judged.flat_map(|judged| &judged.reasons);
        self.platforms.iter().flat_map(|platform| &platform.findings).chain(reasons).chain(&self.findings).collect()
    }

    fn exit(&self) -> Option<ExitClass> {
        self.findings.iter().any(|finding| finding.code == Code::LifecycleUnreadable).then_some(ExitClass::Findings)
    }

    fn render(&self, page: &mut Page) {
        let head = match self.status {
            Status::Planned => (Tone::Strong, "plan"),
            Status::Current => (Tone::Good, "current"),
            Status::Written => (Tone::Good, "rebased"),
        };
        let word = page.toned(head.0, head.1);
        page.line(0, &format!("{word} {}", text::escape(&self.image)));
        for platform in &self.platforms {
            platform.render(page, self.status);
        }
        if let Some(result) = &self.result {
            page.gap();
            page.trusted_field(0, "result", &result.digest.to_string());
            for name in &result.names {
                page.field(0, "name", name);
            }
        }
        superseded(page, &self.superseded);
        if let Some(output) = &self.output {
            page.field(0, "output", &format!("{} ({})", output.path, output.kind));
        }
        if let Some(written) = &self.written {
            let words = format!(
                "{} written ({}), {} reused, {} verified",
                text::count(usize::try_from(written.blobs).unwrap_or(usize::MAX), "blob"),
                text::bytes(written.bytes),
                written.reused,
                text::count(written.layers_verified, "layer")
            );
            page.trusted_field(0, "written", &words);
        }
        taken(page, &self.taken);
        page.findings(0, &self.findings);
        match self.status {
            Status::Current => page.line(0, "It is based on this base already; nothing was written."),
            Status::Planned if self.output.is_some() => page.line(0, "Dry run: nothing was written."),
            _ => {}
        }
    }
}

impl PlatformReport {
    fn render(&self, page: &mut Page, status: Status) {
        let platform = self.platform.as_ref().map_or_else(|| "no platform".to_owned(), Platform::to_string);
        page.gap();
        page.line_toned(0, Tone::Strong, &text::escape(&platform));
        if let Some(old) = &self.old_base {
            let how = self.clue.map_or("", ClaimOrigin::name);
            page.field(1, "old base", &old.reference);
            page.trusted_field(1, "", &format!("{}, {how}", page.digest(&old.manifest)));
        } else if self.new_base.is_some() {
            page.trusted_field(1, "old base", "not here");
        }
        if let Some(new) = &self.new_base {
            page.field(1, "new base", &new.reference);
            let name = new.name.as_deref().map(|name| format!(", recorded as {}", text::escape(name))).unwrap_or_default();
            let why = new.why.and_then(NameRule::words).map(|words| format!(", {words}")).unwrap_or_default();
            page.trusted_field(1, "", &format!("{}{name}{why}", page.digest(&new.manifest)));
        }
        if status != Status::Current && self.new_base.is_some() {
            page.trusted_field(1, "proof", &proof_words(&self.proofs, self.seam));
            let base: Vec<&LayerReport> = self.layers.iter().filter(|layer| layer.origin == Origin::Base).collect();
            let app: Vec<&LayerReport> = self.layers.iter().filter(|layer| layer.origin == Origin::App).collect();
            let size = |layers: &[&LayerReport]| text::bytes(layers.iter().map(|layer| layer.size).sum());
            page.trusted_field(
                1,
                "layers",
                &format!("{} of the base ({}), {} of the app ({})", base.len(), size(&base), app.len(), size(&app)),
            );
            for decision in &self.decisions {
                page.trusted_field(1, "config", &decision_words(decision));
            }
        }
        if let (Some(manifest), true) = (&self.manifest, status != Status::Current) {
            page.trusted_field(1, "manifest", &format!("{} was {}", page.digest(manifest), page.digest(&self.from)));
        }
        if let Some(judged) = &self.judged {
            judged.render(page);
        }
        page.findings(1, &self.findings);
    }
}

/// How the old base was proven, in words.
pub fn proof_words(proofs: &[Proof], seam: usize) -> String {
    if proofs.is_empty() {
        return format!("none: the seam above layer {seam} was not compared with a base");
    }
    let number = |wanted: Proof| proofs.iter().filter(|proof| **proof == wanted).count();
    let kinds = [
        (Proof::SameBlob, "the same blob"),
        (Proof::SameContent, "other compression, same content"),
        (Proof::SameDiffIdClaimed, "other compression, same diffID claimed"),
    ];
    let parts: Vec<String> =
        kinds.iter().filter(|(proof, _)| number(*proof) > 0).map(|(proof, words)| format!("{} {words}", number(*proof))).collect();
    format!("{} of {} layers match ({})", proofs.len(), proofs.len(), parts.join(", "))
}

fn decision_words(decision: &Decision) -> String {
    let value = |value: &Option<String>| value.as_deref().map_or_else(|| "nothing".to_owned(), |value| text::escape(&shorten(value)));
    let field = text::escape(&decision.field);
    match decision.kind {
        Kind::FromBase => format!("{field}: {} -> {} (new base)", value(&decision.app), value(&decision.result)),
        Kind::Merged => format!("{field}: {} -> {} (merged)", value(&decision.app), value(&decision.result)),
        Kind::Conflict { chosen: Side::App } => {
            format!("{field}: conflict, the app's is kept: {} (new base has {})", value(&decision.result), value(&decision.new))
        }
        Kind::Conflict { chosen: Side::Base } => {
            format!("{field}: conflict, the new base's is taken: {} (app has {})", value(&decision.result), value(&decision.app))
        }
        Kind::TwoWay => format!("{field}: {} (old base unknown; new base has {})", value(&decision.result), value(&decision.new)),
    }
}

/// Values longer than this are cut for users; the JSON form has them whole.
const SHOWN: usize = 100;

fn shorten(value: &str) -> String {
    if value.chars().count() <= SHOWN { value.to_owned() } else { format!("{}…", value.chars().take(SHOWN).collect::<String>()) }
}
