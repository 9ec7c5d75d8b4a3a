//! What a source holds, as users read it: one image in full, several on a line each.

use std::collections::BTreeMap;
use std::io;

use crate::foundation::{Digest, Finding, text};
use crate::oci::Platform;
use crate::read::referrers::FoundBy;
use crate::report::rebase::proof_words;
use crate::report::{Page, Setting, Tone};

use super::{EntryKind, EntryReport, Inspected, Layer, Owner, Pairs, Piece};

/// The form for users. One entry is shown in full, several on a line each.
#[derive(Debug)]
pub(super) struct Lines {
    page: Page,
    /// Whether users get all of each image where there are several.
    long: bool,
    width: usize,
    /// What is not written as long as there is one entry only.
    waiting: Option<Vec<Piece>>,
}

impl Lines {
    pub(super) fn new(page: Page, long: bool) -> Self {
        Self { page, long, width: 0, waiting: Some(Vec::new()) }
    }

    /// What went wrong with the output, once.
    pub(super) fn failure(&mut self) -> io::Result<()> {
        self.page.failure().map_or(Ok(()), Err)
    }

    pub(super) fn piece(&mut self, piece: Piece) {
        let is_entry = |piece: &Piece| matches!(piece, Piece::Entry(_));
        let is_second = is_entry(&piece) && self.waiting.iter().flatten().any(is_entry);
        match &mut self.waiting {
            Some(waiting) if !is_second && !self.long => waiting.push(piece),
            _ => {
                self.write_waiting(!self.long);
                self.write(&piece, !self.long);
            }
        }
    }

    fn write_waiting(&mut self, short: bool) {
        for piece in self.waiting.take().unwrap_or_default() {
            self.write(&piece, short);
        }
    }

    fn write(&mut self, piece: &Piece, short: bool) {
        let page = &mut self.page;
        match piece {
            Piece::Source(source) => {
                self.width = source.width.min(NAME_WIDTH);
                page.line_toned(0, Tone::Strong, &format!("{} ({})", text::escape(&source.path), source.kind.name()));
            }
            Piece::Entry(entry) if short => entry.render_line(page, self.width),
            Piece::Entry(entry) => entry.render(page),
            Piece::Hidden(0) => {}
            Piece::Hidden(hidden) => {
                let entries = if *hidden == 1 { "1 entry".to_owned() } else { format!("{hidden} entries") };
                page.line_toned(1, Tone::Dim, &format!("{entries} not shown: referrers, artifacts and untagged manifests; see --all"));
            }
        }
    }

    pub(super) fn finish(mut self, findings: &[Finding], settings: &[Setting]) -> io::Result<()> {
        let short = self.waiting.is_none() && !self.long;
        self.write_waiting(short);
        let page = &mut self.page;
        page.findings(0, findings);
        if short {
            page.line_toned(0, Tone::Dim, "One line an image: `airbase inspect PATH:NAME` shows one of them, --long all of them.");
        }
        page.line_toned(0, Tone::Dim, "Documents were hashed, layers were not: `airbase fsck` hashes everything.");
        for setting in settings {
            page.setting(setting);
        }
        self.page.finish()
    }
}

/// How wide the column of names gets at most.
const NAME_WIDTH: usize = 56;

/// How much of the line of the history that made a layer is shown.
const MADE_BY_WIDTH: usize = 60;

/// The names of an entry, as users see them.
pub fn shown_names<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let names = names.map(text::escape).collect::<Vec<_>>().join(", ");
    if names.is_empty() { "(no name)".to_owned() } else { names }
}

impl EntryReport {
    fn shown_names(&self) -> String {
        shown_names(self.names.iter().map(String::as_str))
    }

    fn kind_name(&self) -> &'static str {
        match self.kind {
            EntryKind::Image => "image",
            EntryKind::Index => "index",
            EntryKind::Collection => "collection",
            EntryKind::Artifact => "artifact",
            EntryKind::ReferrerTag => "referrer tag",
            EntryKind::Other => "neither manifest nor index",
            EntryKind::Unreadable => "unreadable",
        }
    }

    /// The entry on one line, with what is wrong with it below.
    fn render_line(&self, page: &mut Page, width: usize) {
        let is_image = matches!(self.kind, EntryKind::Image | EntryKind::Index);
        let platforms = self.images.iter().map(|image| image.platform.as_ref().map_or("no platform".to_owned(), Platform::to_string));
        let what = match (&self.artifact_type, is_image) {
            (Some(artifact_type), false) => artifact_type.clone(),
            (_, false) => self.kind_name().to_owned(),
            (_, true) => platforms.collect::<Vec<_>>().join(", "),
        };
        let mut words = vec![what];
        words.extend((!self.listed).then(|| "not in index.json".to_owned()));
        if is_image {
            // A layer that several platforms share is there once.
            let layers: BTreeMap<&Digest, u64> =
                self.images.iter().flat_map(|image| &image.layers).map(|layer| (&layer.digest, layer.size)).collect();
            words.push(text::bytes(layers.values().sum()));
        }
        let bases: Vec<&str> = self.images.iter().filter_map(|image| Some(image.base.as_ref()?.reference.as_str())).collect();
        words.extend(bases.first().map(|base| format!("on {base}")));
        let absent = self.images.iter().flat_map(|image| &image.layers).filter(|layer| !layer.present).count();
        words.extend((absent > 0).then(|| format!("{} not here", text::count(absent, "layer"))));
        words.extend((!self.referrers.is_empty()).then(|| text::count(self.referrers.len(), "referrer")));
        let name = format!("{:<width$}", self.shown_names());
        page.line(1, &format!("{}  {}  {}", page.toned(Tone::Strong, &name), page.digest(&self.digest), text::escape(&words.join("  "))));
        page.findings(2, &self.findings);
        self.images.iter().for_each(|image| page.findings(2, &image.findings));
    }

    fn render(&self, page: &mut Page) {
        let kind = self.kind_name();
        let listed = if self.listed { "" } else { ", not in index.json" };
        let name = page.toned(Tone::Strong, &self.shown_names());
        page.line(1, &format!("{name}  {kind}{listed}"));
        page.trusted_field(2, "digest", &self.digest.to_string());
        if let Some(artifact_type) = &self.artifact_type {
            page.field(2, "type", artifact_type);
        }
        if let Some(subject) = &self.subject {
            page.trusted_field(2, "refers to", &page.digest(subject));
        }
        for (key, value) in self.annotations.iter() {
            page.field(2, "annotation", &format!("{key}={value}"));
        }
        for (position, image) in self.images.iter().enumerate() {
            let like = self.images.get(..position).unwrap_or_default().iter().find(|other| other.settings() == image.settings());
            image.render(page, like);
        }
        for member in &self.members {
            page.field(2, "member", &format!("{}  {}", member.name, page.digest(&member.digest)));
        }
        if !self.other.is_empty() {
            page.trusted_field(2, "beside", &format!("{} in the index", text::count(self.other.len(), "attestation or other manifest")));
        }
        for referrer in &self.referrers {
            let life = if referrer.lifecycle { " (lifecycle)" } else { "" };
            let how = match referrer.found_by {
                FoundBy::Subject => "its subject",
                FoundBy::FallbackTag => "the fallback tag",
                FoundBy::Tag => "its tag",
                FoundBy::Response => "an index of referrers",
                FoundBy::Index => "the index",
                FoundBy::Blob => "its blob alone",
            };
            page.field(2, "referrer", &format!("{}{life}  {}  by {}", referrer.artifact_type, page.digest(&referrer.digest), how));
            for (key, value) in referrer.annotations.iter() {
                page.field(4, "", &format!("{key}={value}"));
            }
        }
        page.findings(2, &self.findings);
    }
}

impl Layer {
    fn words(&self, page: &Page) -> String {
        let owner = match self.of_base {
            Some(true) => "base  ",
            Some(false) => "app   ",
            None => "",
        };
        let usual = ["application/vnd.oci.image.layer.v1.", "application/vnd.docker.image.rootfs.diff."];
        let kind = usual.iter().find_map(|prefix| self.media_type.strip_prefix(prefix)).unwrap_or(&self.media_type);
        let made = self.created_by.as_deref().unwrap_or_default();
        let made = if made.chars().count() > MADE_BY_WIDTH {
            made.chars().take(MADE_BY_WIDTH - 1).chain(['…']).collect()
        } else {
            made.to_owned()
        };
        let absent = if self.present { "" } else { "  (not here)" };
        let words = format!("{owner}{}  {:>10}  {kind}{absent}  {made}", page.digest(&self.digest), text::bytes(self.size));
        words.trim_end().to_owned()
    }
}

/// What of an image is usually the same on every platform.
type Settings<'a> = ([&'a [String]; 6], [Option<&'a String>; 3], [&'a Pairs; 2]);

impl Inspected {
    fn settings(&self) -> Settings<'_> {
        (
            [&self.entrypoint, &self.cmd, &self.env, &self.ports, &self.volumes, &self.healthcheck],
            [self.user.as_ref(), self.working_dir.as_ref(), self.stop_signal.as_ref()],
            [&self.labels, &self.annotations],
        )
    }

    fn render(&self, page: &mut Page, like: Option<&Self>) {
        let platform = self.platform.as_ref().map_or_else(|| "no platform".to_owned(), Platform::to_string);
        page.line(2, &format!("{}  {}", text::escape(&platform), page.digest(&self.manifest)));
        if let Some(created) = &self.created {
            page.field(3, "created", created);
        }
        if let Some(base) = &self.base {
            page.field(3, "base", &base.reference);
            page.trusted_field(3, "", &format!("{}, {}", page.digest(&base.manifest), proof_words(&base.proofs, base.layers)));
        }
        match like.and_then(|like| like.platform.as_ref()) {
            Some(platform) => page.field(3, "settings", &format!("as {platform}")),
            None => self.render_settings(page),
        }
        for layer in &self.layers {
            page.field(3, "layer", &layer.words(page));
        }
        page.findings(3, &self.findings);
    }

    fn render_settings(&self, page: &mut Page) {
        for identity in &self.identity {
            let owner = match identity.owner {
                Owner::Own => "own",
                Owner::Inherited => "inherited from the base",
                Owner::Unknown => "own or inherited: base unknown",
            };
            page.field(3, &identity.field, &format!("{}  ({}, {owner})", identity.value, identity.from.replace('-', " ")));
        }
        let quoted = |words: &[String]| words.iter().map(|word| format!("{word:?}")).collect::<Vec<_>>().join(" ");
        for (label, words) in [("entrypoint", &self.entrypoint), ("cmd", &self.cmd)] {
            if !words.is_empty() {
                page.field(3, label, &quoted(words));
            }
        }
        for (label, value) in [("user", &self.user), ("directory", &self.working_dir), ("stop signal", &self.stop_signal)] {
            if let Some(value) = value {
                page.field(3, label, value);
            }
        }
        for variable in &self.env {
            page.field(3, "env", variable);
        }
        for (label, words) in [("ports", &self.ports), ("volumes", &self.volumes)] {
            if !words.is_empty() {
                page.field(3, label, &words.join(" "));
            }
        }
        if !self.healthcheck.is_empty() {
            page.field(3, "healthcheck", &quoted(&self.healthcheck));
        }
        for (key, value) in self.labels.iter() {
            page.field(3, "label", &format!("{key}={value}"));
        }
        for (key, value) in self.annotations.iter() {
            page.field(3, "annotation", &format!("{key}={value}"));
        }
    }
}
