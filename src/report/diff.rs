//! `airbase.diff/v1`: what differs between two images.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Page, Report, Tone, exit_of};
use crate::foundation::{Code, Digest, ExitClass, Finding, Severity, text};
use crate::oci::Platform;
use crate::plan::diff::{Change, Contents, FileChange, Layer, Layers, Named, PackageChange, PackageChanges, Setting};
use crate::plan::os_release::OsRelease;
use crate::plan::packages::System;

/// How many of each kind are shown to users.
const SHOWN: usize = 4;
/// The longest value that is shown to users, in characters.
const MOST_CHARACTERS: usize = 60;

/// What a comparison amounts to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Everything was compared, and nothing differs.
    Same,
    /// Something could not be compared, and nothing else differs.
    Unknown,
    /// Something differs.
    Different,
}

/// One of the images.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Side {
    /// The image, as a reference.
    pub image: String,
    /// Its digest.
    pub digest: Digest,
    /// Platforms that only this one has.
    pub only: Vec<Platform>,
}

/// The report.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DiffReport {
    /// The first image.
    pub from: Side,
    /// The second image.
    pub to: Side,
    /// What the comparison amounts to.
    pub outcome: Outcome,
    /// Each platform that both have.
    pub platforms: Vec<Compared>,
    /// What concerns both images as a whole.
    pub findings: Vec<Finding>,
    /// Whether users are shown every difference.
    #[serde(skip)]
    pub whole: bool,
}

/// What the images are based on, as references.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Bases {
    /// The first one; absent if its base is not known here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The second one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

/// One platform.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Compared {
    /// The platform; absent if neither index nor config says one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// The manifest of the first image.
    pub from: Digest,
    /// The manifest of the second image.
    pub to: Digest,
    /// What the comparison amounts to.
    pub outcome: Outcome,
    /// What they are based on.
    pub base: Bases,
    /// Their layers.
    pub layers: Layers,
    /// Settings that differ.
    pub config: Vec<Setting>,
    /// What differs in their files; absent if a layer could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contents: Option<Contents>,
    /// What could not be compared, and what is wrong.
    pub findings: Vec<Finding>,
}

impl Compared {
    /// With the outcome that follows from the rest.
    pub fn concluded(self) -> Self {
        let differs = !self.config.is_empty() || self.contents.as_ref().is_some_and(differ);
        let outcome = match (differs, self.contents.is_none() || self.findings.iter().any(is_gap)) {
            (true, _) => Outcome::Different,
            (false, true) => Outcome::Unknown,
            (false, false) => Outcome::Same,
        };
        Self { outcome, ..self }
    }
}

/// Packages, users and libraries are in files, so they do not differ where no file does.
fn differ(contents: &Contents) -> bool {
    !contents.files.changes.is_empty()
}

/// Whether something was not compared.
fn is_gap(finding: &Finding) -> bool {
    let gaps = [Code::PackagesUnread, Code::PackagesDamaged, Code::LayerNotConvertible, Code::BlobMissing, Code::DiffPlatform];
    finding.severity >= Severity::Warning && gaps.contains(&finding.code)
}

impl DiffReport {
    /// The report on two images.
    pub fn of(from: Side, to: Side, platforms: Vec<Compared>, findings: Vec<Finding>) -> Self {
        let worst = platforms.iter().map(|platform| platform.outcome).max().unwrap_or(Outcome::Unknown);
        let alone = !from.only.is_empty() || !to.only.is_empty();
        let outcome = if alone && !platforms.is_empty() { Outcome::Different } else { worst };
        Self { from, to, outcome, platforms, findings, whole: false }
    }
}

impl Report for DiffReport {
    const SCHEMA: &'static str = "airbase.diff/v1";

    fn findings(&self) -> Vec<&Finding> {
        self.platforms.iter().flat_map(|platform| &platform.findings).chain(&self.findings).collect()
    }

    fn exit(&self) -> Option<ExitClass> {
        let gap = self.findings().into_iter().any(is_gap).then_some(ExitClass::Precondition);
        exit_of(self.findings()).into_iter().chain(gap).reduce(ExitClass::worse)
    }

    fn render(&self, page: &mut Page) {
        page.line(0, &format!("{}  ->  {}", text::escape(&self.from.image), text::escape(&self.to.image)));
        for side in [&self.from, &self.to].iter().filter(|side| !side.only.is_empty()) {
            let only: Vec<String> = side.only.iter().map(|platform| text::escape(&platform.to_string())).collect();
            page.line(1, &format!("only {} has {}", text::escape(&side.image), only.join(", ")));
        }
        let most = if self.whole { usize::MAX } else { SHOWN };
        for platform in &self.platforms {
            platform.render(page, most);
        }
        page.findings(0, &self.findings);
    }
}

/// A heading and its lines, of which no more than `most` are shown.
struct Section<'a> {
    label: &'a str,
    summary: String,
    lines: Vec<(Change, String)>,
}

impl Section<'_> {
    fn render(&self, page: &mut Page, most: usize) {
        page.trusted_field(1, self.label, &self.summary);
        for (change, line) in self.lines.iter().take(most) {
            let (tone, sign) = match change {
                Change::Added => (Tone::Good, '+'),
                Change::Removed => (Tone::Bad, '-'),
                Change::Changed | Change::Newer => (Tone::Caution, '~'),
                Change::Older => (Tone::Caution, 'v'),
            };
            page.line_toned(2, tone, &format!("{sign} {line}"));
        }
        if self.lines.len() > most {
            page.line_toned(2, Tone::Dim, &format!("… and {} more; --files and --format json show all", self.lines.len() - most));
        }
    }
}

impl Compared {
    fn render(&self, page: &mut Page, most: usize) {
        let (tone, word) = match self.outcome {
            Outcome::Same => (Tone::Good, "same"),
            Outcome::Unknown => (Tone::Caution, "unknown"),
            Outcome::Different => (Tone::Strong, "different"),
        };
        let platform = self.platform.as_ref().map(|platform| format!("  {}", text::escape(&platform.to_string()))).unwrap_or_default();
        let head = page.toned(tone, word);
        page.line(0, &format!("{head}{platform}"));
        if self.base.from.is_some() || self.base.to.is_some() {
            let known = |base: &Option<String>| base.clone().unwrap_or_else(|| "not known here".to_owned());
            page.trusted_field(1, "base", &moved(&known(&self.base.from), &known(&self.base.to)));
        }
        page.trusted_field(1, "layers", &layers(&self.layers));
        if let Some(contents) = &self.contents {
            let named = |system: &Option<OsRelease>| system.as_ref().map_or_else(|| "no os-release".to_owned(), ToString::to_string);
            page.trusted_field(1, "system", &moved(&named(&contents.system.from), &named(&contents.system.to)));
        }
        let settings: Vec<_> = self.config.iter().map(setting).collect();
        Section { label: "config", summary: counts(&settings), lines: settings }.render(page, most);
        match &self.contents {
            Some(contents) => render_contents(contents, page, most),
            None => page.trusted_field(1, "files", "not compared"),
        }
        page.findings(1, &self.findings);
    }
}

fn render_contents(contents: &Contents, page: &mut Page, most: usize) {
    let packages: Vec<_> = contents.packages.changes.iter().map(package).collect();
    let differences = match (contents.packages.known, packages.is_empty()) {
        (true, _) => counts(&packages),
        (false, true) => "whether they differ is not known".to_owned(),
        (false, false) => format!("{}, and what else differs is not known", counts(&packages)),
    };
    let summary = format!("{}; {differences}", databases(&contents.packages));
    Section { label: "packages", summary, lines: packages }.render(page, most);
    let all = [("users", contents.users.as_ref()), ("groups", contents.groups.as_ref()), ("libraries", Some(&contents.libraries))];
    for (label, changes) in all {
        let lines: Vec<_> = changes.into_iter().flatten().map(named).collect();
        let summary = if changes.is_some() { counts(&lines) } else { "whether they differ is not known".to_owned() };
        Section { label, summary, lines }.render(page, most);
    }
    let files = &contents.files;
    let lines: Vec<_> = files.changes.iter().map(file).collect();
    let summary = counts(&lines);
    // Whoever wants files asks for them.
    let lines = if most == usize::MAX { lines } else { Vec::new() };
    Section { label: "files", summary, lines }.render(page, most);
}

fn moved(from: &str, to: &str) -> String {
    if from == to { text::escape(from) } else { format!("{} -> {}", text::escape(from), text::escape(to)) }
}

fn layers(layers: &Layers) -> String {
    if layers.are_same() {
        return format!("the same {}", text::count(layers.from.len(), "layer"));
    }
    let part = |layers: &[Layer], shared: bool| -> (usize, u64) {
        let chosen = layers.iter().filter(|layer| layer.shared == shared);
        chosen.fold((0, 0), |(count, size), layer| (count + 1, size.saturating_add(layer.size)))
    };
    let shown = |(count, size): (usize, u64)| format!("{count} ({})", text::bytes(size));
    format!(
        "{} in common, the lowest {}; only in the first {}, only in the second {}",
        shown(part(&layers.to, true)),
        layers.common,
        shown(part(&layers.from, false)),
        shown(part(&layers.to, false))
    )
}

fn counts(lines: &[(Change, String)]) -> String {
    let of = |wanted: Change| lines.iter().filter(|(change, _)| *change == wanted).count();
    let words = [
        (Change::Added, "added"),
        (Change::Removed, "removed"),
        (Change::Newer, "newer"),
        (Change::Older, "older"),
        (Change::Changed, "changed"),
    ];
    let told: Vec<String> =
        words.iter().filter(|(change, _)| of(*change) > 0).map(|(change, word)| format!("{} {word}", of(*change))).collect();
    if told.is_empty() { "no difference".to_owned() } else { told.join(", ") }
}

fn databases(packages: &PackageChanges) -> String {
    let list = |databases: &BTreeMap<System, usize>| -> String {
        let all: Vec<String> = databases.iter().map(|(system, count)| format!("{count} of {}", system.name())).collect();
        if all.is_empty() { "no database that is read".to_owned() } else { all.join(" and ") }
    };
    moved(&list(&packages.from), &list(&packages.to))
}

/// A value as it fits into a line.
fn brief(value: &str) -> String {
    let mut brief = text::escape(value);
    if let Some((end, _)) = brief.char_indices().nth(MOST_CHARACTERS) {
        brief.truncate(end);
        brief.push('…');
    }
    brief
}

fn values(was: Option<&String>, is: Option<&String>) -> String {
    match (was, is) {
        (Some(was), Some(is)) => format!("{} -> {}", brief(was), brief(is)),
        (Some(value), None) | (None, Some(value)) => brief(value),
        (None, None) => String::new(),
    }
}

fn setting(setting: &Setting) -> (Change, String) {
    let name = setting.name.as_ref().map(|name| format!(" {}", text::escape(name))).unwrap_or_default();
    let values = values(setting.was.as_ref(), setting.is.as_ref());
    (setting.change, format!("{}{name}  {values}", text::escape(&setting.field)).trim_end().to_owned())
}

fn package(package: &PackageChange) -> (Change, String) {
    (package.change, format!("{}  {}", text::escape(&package.name), values(package.was.as_ref(), package.is.as_ref())))
}

fn named(named: &Named) -> (Change, String) {
    let value =
        if named.was == named.is { brief(named.is.as_deref().unwrap_or_default()) } else { values(named.was.as_ref(), named.is.as_ref()) };
    (named.change, format!("{}  {value}", text::escape(&named.name)))
}

fn file(file: &FileChange) -> (Change, String) {
    let aspects: Vec<&str> = file.aspects.iter().map(|aspect| aspect.name()).collect();
    let aspects = if aspects.is_empty() { String::new() } else { format!("  ({})", aspects.join(", ")) };
    (file.change, format!("/{}{aspects}", text::escape(&file.path)))
}
