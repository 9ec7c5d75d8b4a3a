//! `airbase.why/v1`: why a file or a package is in an image.

use serde::Serialize;

use super::{Page, Report, Tone, exit_of};
use crate::foundation::{Code, Digest, ExitClass, Finding, Severity, text};
use crate::oci::Platform;
use crate::plan::diff::{Aspect, Change, FileState};
use crate::plan::why::{Chain, Fate, FileMove, FileWhy, Happened, Layer, Origin, Owner, PackageMove, PackageWhy, Part};
use crate::read::Image;

/// How many files of one kind are shown to users.
const SHOWN: usize = 5;
/// How much of what made a layer is shown to users, in characters.
const MOST_CHARACTERS: usize = 70;

/// The report.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WhyReport {
    /// The image, as a reference.
    pub image: String,
    /// The digest of its manifest.
    pub manifest: Digest,
    /// The platform; absent if neither index nor config says one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// What was asked for.
    pub asked: String,
    /// The new base, as a reference; absent without a move.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub onto: Option<String>,
    /// Whether a move was asked for and nothing would be moved: the image is based on that base already.
    pub unmoved: bool,
    /// What the image is based on, the lowest base first.
    pub bases: Vec<Part>,
    /// The layers of the image.
    pub layers: Vec<Layer>,
    /// The path that was asked for and, if that is a link, what it leads to; nothing if a package was asked for.
    pub files: Vec<FileWhy>,
    /// The package that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub package: Option<PackageWhy>,
    /// What is not there, or could not be read.
    pub findings: Vec<Finding>,
}

impl WhyReport {
    /// A report without an answer.
    pub fn of(shown: &str, image: &Image, asked: &str, chain: &Chain, onto: Option<String>) -> Self {
        Self {
            image: shown.to_owned(),
            manifest: image.descriptor.digest.clone(),
            platform: image.platform().cloned(),
            asked: asked.to_owned(),
            onto,
            unmoved: false,
            bases: chain.bases.clone(),
            layers: chain.layers(image),
            files: Vec::new(),
            package: None,
            findings: Vec::new(),
        }
    }

    /// Whether it is there, or comes with the move.
    pub fn is_found(&self) -> bool {
        let arrives = |fate: Option<Fate>| fate == Some(Fate::Arrives);
        let file = |file: &FileWhy| file.state.is_some() || arrives(file.moved.as_ref().map(|moved| moved.fate));
        let package =
            |package: &PackageWhy| !package.installed.is_empty() || package.moved.as_ref().is_some_and(|moved| !moved.new_base.is_empty());
        self.files.iter().any(file) || self.package.as_ref().is_some_and(package)
    }
}

impl Report for WhyReport {
    const SCHEMA: &'static str = "airbase.why/v1";

    fn findings(&self) -> Vec<&Finding> {
        self.findings.iter().collect()
    }

    fn exit(&self) -> Option<ExitClass> {
        let gap = |finding: &Finding| {
            let gaps = [Code::RefNotFound, Code::PackagesUnread, Code::PackagesDamaged];
            finding.severity >= Severity::Warning && gaps.contains(&finding.code)
        };
        let gap = self.findings.iter().any(gap).then_some(ExitClass::Precondition);
        exit_of(self.findings()).into_iter().chain(gap).reduce(ExitClass::worse)
    }

    fn render(&self, page: &mut Page) {
        for file in &self.files {
            self.file(page, file);
        }
        if let Some(package) = &self.package {
            self.package(page, package);
        }
        if self.unmoved {
            page.line_toned(0, Tone::Dim, "Nothing is moved: it is based on that base already.");
        }
        page.findings(0, &self.findings);
    }
}

impl WhyReport {
    fn file(&self, page: &mut Page, file: &FileWhy) {
        page.line_toned(0, Tone::Strong, &text::escape(&file.path));
        match &file.state {
            Some(state) => page.trusted_field(1, "is", &state_words(page, state, file.digest.as_ref())),
            None => page.trusted_field(1, "is", "not there"),
        }
        if let Some(real) = file.real.as_ref().filter(|real| **real != file.path) {
            page.field(1, "at", real);
        }
        if let Some(target) = &file.hardlink {
            page.field(1, "hard link to", target);
        }
        if file.state.as_ref().is_some_and(|state| state.kind != "directory") {
            page.trusted_field(1, "package", &owners(&file.packages));
        }
        for event in &file.history {
            let aspects: Vec<&str> = event.aspects.iter().map(|aspect| Aspect::name(*aspect)).collect();
            let aspects = if aspects.is_empty() { String::new() } else { format!(" ({})", aspects.join(", ")) };
            let cause = event.cause.as_ref().map(|cause| format!(" {}", text::escape(&cause.words()))).unwrap_or_default();
            let tone = if event.event == Happened::Deleted { Tone::Bad } else { Tone::Plain };
            self.event(page, event.layer, tone, &format!("{}{aspects}{cause}", event.event.word()));
        }
        if let (Some(moved), Some(onto)) = (&file.moved, &self.onto) {
            page.field(1, "moved onto", onto);
            file_move(page, moved);
            if let Some(deleted) = &moved.deleted {
                let cause = deleted.cause.as_ref().map(|cause| format!(" {}", text::escape(&cause.words()))).unwrap_or_default();
                self.event(page, deleted.layer, Tone::Bad, &format!("{}{cause}", Happened::Deleted.word()));
            }
        }
    }

    /// A line of the history: the layer, what it did, whose it is and what made it.
    fn event(&self, page: &mut Page, layer: usize, tone: Tone, words: &str) {
        let head = page.toned(tone, words);
        page.trusted_field(1, &format!("layer {layer}"), &head);
        let Some(layer) = self.layers.get(layer) else { return };
        let whose = match (layer.origin, &layer.image) {
            (Origin::Base, Some(image)) => format!("the base {}", text::escape(image)),
            (Origin::Base, None) => "the base, which is not here".to_owned(),
            (Origin::App, _) => "the app".to_owned(),
            (Origin::Unknown, _) => "not known whether the base or the app: no base is proven".to_owned(),
        };
        page.line(2, &format!("{whose}  {}", page.toned(Tone::Dim, &page.digest(&layer.digest))));
        if let Some(made) = &layer.created_by {
            page.line_toned(2, Tone::Dim, &brief(made));
        }
    }

    fn package(&self, page: &mut Page, package: &PackageWhy) {
        page.line_toned(0, Tone::Strong, &format!("package {}", text::escape(&package.name)));
        let installed = if package.installed.is_empty() { "not installed".to_owned() } else { owners(&package.installed) };
        page.trusted_field(1, "is", &installed);
        for event in &package.history {
            let versions = match (&event.was, &event.is) {
                (Some(was), Some(is)) => format!("{} -> {}", text::escape(was), text::escape(is)),
                (Some(version), None) | (None, Some(version)) => text::escape(version),
                (None, None) => String::new(),
            };
            let word = match event.change {
                Change::Added => "installed",
                Change::Removed => "removed",
                Change::Newer => "newer version",
                Change::Older => "older version",
                Change::Changed => "another version",
            };
            self.event(page, event.layer, Tone::Plain, &format!("{word}  {versions}"));
        }
        if !package.files.is_empty() {
            let files: Vec<String> =
                package.files.iter().map(|brought| format!("{} from layer {}", brought.files, brought.layer)).collect();
            page.trusted_field(1, "files", &files.join(", "));
        }
        for path in package.changed.iter().take(SHOWN) {
            page.line(2, &format!("changed later: {}", text::escape(path)));
        }
        if package.changed.len() > SHOWN {
            page.line(2, &format!("… and {} more; --format json shows all", package.changed.len() - SHOWN));
        }
        if let (Some(moved), Some(onto)) = (&package.moved, &self.onto) {
            page.field(1, "moved onto", onto);
            package_move(page, moved);
        }
    }
}

fn state_words(page: &Page, state: &FileState, digest: Option<&Digest>) -> String {
    let link = state.link.as_ref().map(|link| format!(" -> {}", text::escape(link))).unwrap_or_default();
    let digest = digest.map(|digest| format!(", {}, {}", text::bytes(state.size), page.digest(digest))).unwrap_or_default();
    format!("{} {} {}:{}{digest}{link}", state.kind, state.mode, state.uid, state.gid)
}

fn owners(owners: &[Owner]) -> String {
    let shown = |owner: &Owner| {
        let architecture = owner.architecture.as_ref().map(|architecture| format!(", {}", text::escape(architecture))).unwrap_or_default();
        format!("{} {} ({}{architecture})", text::escape(&owner.name), text::escape(&owner.version), owner.system.name())
    };
    if owners.is_empty() { "of none that is known".to_owned() } else { owners.iter().map(shown).collect::<Vec<_>>().join("; ") }
}

fn tone(fate: Fate) -> Tone {
    match fate {
        Fate::Stays | Fate::Same => Tone::Good,
        Fate::Other | Fate::Arrives | Fate::Absent => Tone::Caution,
        Fate::Hidden | Fate::Deleted | Fate::Gone => Tone::Bad,
    }
}

fn file_move(page: &mut Page, moved: &FileMove) {
    page.line_toned(2, tone(moved.fate), moved.fate.words());
    if let Some(state) = &moved.state {
        page.line(2, &format!("then: {}", state_words(page, state, moved.digest.as_ref())));
        page.line(2, &format!("package: {}", owners(&moved.packages)));
    }
    if matches!(moved.fate, Fate::Hidden | Fate::Deleted) {
        let digest = moved.new_base.as_ref().map(|digest| format!("{}, ", page.digest(digest))).unwrap_or_default();
        page.line(2, &format!("the new base has: {digest}package: {}", owners(&moved.new_base_packages)));
    }
}

fn package_move(page: &mut Page, moved: &PackageMove) {
    let words = match moved.fate {
        Fate::Deleted if moved.arrive > 0 => "comes from the new base in part: the app deletes files of it",
        Fate::Hidden if moved.arrive > 0 => "comes from the new base in part: files of the app hide what that changed",
        fate => fate.words(),
    };
    page.line_toned(2, tone(moved.fate), words);
    let files = [
        (moved.arrive, "come from the new base"),
        (moved.stay, "stay the app's"),
        (moved.hidden, "of these hide a change"),
        (moved.deleted, "are deleted by the app"),
        (moved.gone, "are gone"),
    ];
    let told: Vec<String> = files.iter().filter(|(count, _)| *count > 0).map(|(count, words)| format!("{count} {words}")).collect();
    if !told.is_empty() {
        page.line(2, &format!("files: {}", told.join(", ")));
    }
    let named = |owners_of: &[Owner]| if owners_of.is_empty() { "no package of that name".to_owned() } else { owners(owners_of) };
    page.line(2, &format!("the new base has: {}", named(&moved.new_base)));
    page.line(2, &format!("the database of the moved image says: {}", named(&moved.installed)));
}

/// What made a layer, as it fits into a line.
fn brief(made: &str) -> String {
    let mut brief = text::escape(&made.split_whitespace().collect::<Vec<_>>().join(" "));
    if let Some((end, _)) = brief.char_indices().nth(MOST_CHARACTERS) {
        brief.truncate(end);
        brief.push('…');
    }
    brief
}
