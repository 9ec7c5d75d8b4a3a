//! `airbase.inspect/v1`: what is in a source.

mod lines;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io;

use serde::Serialize;

use self::lines::Lines;
pub use self::lines::shown_names;
use super::collection::Member;
use super::{Page, Pieces, Setting, exit_of};
use crate::foundation::{Digest, ExitClass, Finding};
use crate::oci::Platform;
use crate::plan::base::Proof;
use crate::read::SourceKind;
use crate::read::referrers::FoundBy;

/// Whose a fact is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Owner {
    /// The image says it of itself.
    Own,
    /// Its base says the same, so the image inherited it.
    Inherited,
    /// The image says it, and its base is not known, so it may be inherited.
    Unknown,
}

/// One fact of identity.
#[derive(Debug, Clone, Serialize)]
pub struct Identity {
    /// `title`, `version`, `revision`, `licence`, `supplier`, `source`, `created`.
    pub field: String,
    /// The value.
    pub value: String,
    /// Where it stands: `annotation`, `index-annotation`, `label`.
    pub from: String,
    /// Whose it is.
    pub owner: Owner,
}

/// Keys and values, sorted by key. A map has room for eleven of them where most images have one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pairs(Box<[(String, String)]>);

impl Pairs {
    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }
}

impl From<&BTreeMap<String, String>> for Pairs {
    fn from(map: &BTreeMap<String, String>) -> Self {
        Self(map.iter().map(|(key, value)| (key.clone(), value.clone())).collect())
    }
}

impl Serialize for Pairs {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

/// One layer.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Layer {
    /// The digest of the blob.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// Its media type.
    pub media_type: Cow<'static, str>,
    /// What the config says that it inflates to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diff_id: Option<Digest>,
    /// Whether the blob is in the source.
    pub present: bool,
    /// What made it, where the history has an entry for each layer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    /// Whether it is a layer of the proven base; absent if no base is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of_base: Option<bool>,
}

/// One platform of an image.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Inspected {
    /// The platform; absent if neither index nor config says one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// The digest of the manifest.
    pub manifest: Digest,
    /// The digest of the config.
    pub config: Digest,
    /// When it was built.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// What runs.
    pub entrypoint: Vec<String>,
    /// Its arguments, or what runs if there is no entrypoint.
    pub cmd: Vec<String>,
    /// As whom.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Where.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub working_dir: Option<String>,
    /// With which environment.
    pub env: Vec<String>,
    /// Ports that it listens on.
    pub ports: Vec<String>,
    /// Folders that are volumes.
    pub volumes: Vec<String>,
    /// How a runtime tells whether it is well: `CMD` or `CMD-SHELL`, and the words.
    pub healthcheck: Vec<String>,
    /// The signal that stops it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_signal: Option<String>,
    /// The labels.
    pub labels: Pairs,
    /// The annotations of the manifest.
    pub annotations: Pairs,
    /// The layers, the lowest first.
    pub layers: Vec<Layer>,
    /// Who and what the image is.
    pub identity: Vec<Identity>,
    /// The base, where bases were given and one is proven.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<InspectedBase>,
    /// What contradicts itself.
    pub findings: Vec<Finding>,
}

/// A proven base.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InspectedBase {
    /// The reference of the local image.
    pub reference: String,
    /// The digest of its manifest.
    pub manifest: Digest,
    /// How many layers belong to it.
    pub layers: usize,
    /// How each of them was proven.
    pub proofs: Vec<Proof>,
}

/// A manifest that refers to the image.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Referrer {
    /// Its digest.
    pub digest: Digest,
    /// What it is.
    pub artifact_type: String,
    /// Whether it speaks of the life cycle of the image.
    pub lifecycle: bool,
    /// How it was found.
    pub found_by: FoundBy,
    /// Its annotations.
    pub annotations: Pairs,
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum EntryKind {
    /// A runnable image of one platform.
    Image,
    /// An index.
    Index,
    /// Several images that belong together.
    Collection,
    /// An artifact, referrer or not.
    Artifact,
    /// A tag under which referrers are kept, or a list of them that lost its name.
    ReferrerTag,
    /// Neither a manifest nor an index; kept as it is.
    Other,
    /// Its documents cannot be read.
    Unreadable,
}

/// One entry of a source.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EntryReport {
    /// Its names.
    pub names: Vec<String>,
    /// Its digest.
    pub digest: Digest,
    /// Its media type.
    pub media_type: String,
    /// The size of its document in bytes.
    pub size: u64,
    /// What it is.
    pub kind: EntryKind,
    /// Whether `index.json` lists it.
    pub listed: bool,
    /// The type of an artifact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// What it refers to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<Digest>,
    /// The annotations of the index, if it is one.
    pub annotations: Pairs,
    /// Its platforms.
    pub images: Vec<Inspected>,
    /// Its members, if it is a collection.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<Member>,
    /// Attestations and others inside the index.
    pub other: Vec<Digest>,
    /// Who refers to it.
    pub referrers: Vec<Referrer>,
    /// What is wrong or odd.
    pub findings: Vec<Finding>,
}

/// What is reported of sources, in this order: the heading of each, its entries, and what is hidden of it.
#[derive(Debug)]
pub enum Piece {
    /// A source begins.
    Source(SourceReport),
    /// One of its entries.
    Entry(Box<EntryReport>),
    /// It ends, and so many entries are not shown without `--all`.
    Hidden(usize),
}

/// One source.
#[derive(Debug)]
pub struct SourceReport {
    /// The path.
    pub path: String,
    /// What it is.
    pub kind: SourceKind,
    /// How many characters the longest of the names has that are shown, or more.
    pub width: usize,
}

/// The report, written while it is made: of a hundred thousand images only what is wrong with them is kept.
#[derive(Debug)]
pub struct InspectReport<'o> {
    form: Form<'o>,
    exit: Option<ExitClass>,
}

#[derive(Debug)]
enum Form<'o> {
    Json(Pieces<'o>),
    Lines(Lines),
    Silent,
}

/// The name and version of the JSON form.
const SCHEMA: &str = "airbase.inspect/v1";

impl<'o> InspectReport<'o> {
    /// The JSON form.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn json(settings: &[Setting], out: Box<dyn io::Write + 'o>) -> io::Result<Self> {
        let mut pieces = Pieces::begin(SCHEMA, settings, out)?;
        pieces.list("sources")?;
        Ok(Self { form: Form::Json(pieces), exit: None })
    }

    /// The form for users; with `long`, all of each image where there are several.
    pub fn page(page: Page, long: bool) -> Self {
        Self { form: Form::Lines(Lines::new(page, long)), exit: None }
    }

    /// The exit status alone.
    pub fn silent() -> Self {
        Self { form: Form::Silent, exit: None }
    }

    /// Writes what comes next.
    ///
    /// # Errors
    /// Those of the output.
    pub fn piece(&mut self, piece: Piece) -> io::Result<()> {
        if let Piece::Entry(entry) = &piece {
            self.count(entry.findings.iter().chain(entry.images.iter().flat_map(|image| &image.findings)));
        }
        match &mut self.form {
            Form::Json(pieces) => piece.to_json(pieces),
            Form::Lines(lines) => {
                lines.piece(piece);
                lines.failure()
            }
            Form::Silent => Ok(()),
        }
    }

    fn count<'f>(&mut self, findings: impl IntoIterator<Item = &'f Finding>) {
        self.exit = self.exit.into_iter().chain(exit_of(findings)).reduce(ExitClass::worse);
    }

    /// Writes the end, with what could not be read; gives how the process ends.
    ///
    /// # Errors
    /// Those of the output.
    pub fn finish(mut self, findings: &[Finding], settings: &[Setting]) -> io::Result<Option<ExitClass>> {
        self.count(findings);
        match self.form {
            Form::Json(mut pieces) => {
                pieces.close()?;
                pieces.member("findings", &findings)?;
                pieces.finish()?;
            }
            Form::Lines(lines) => lines.finish(findings, settings)?,
            Form::Silent => {}
        }
        Ok(self.exit)
    }

    /// Ends without a report. What was written already is none.
    pub fn abandon(self) {
        if let Form::Json(pieces) = self.form {
            pieces.abandon();
        }
    }
}

impl Piece {
    fn to_json(&self, pieces: &mut Pieces<'_>) -> io::Result<()> {
        match self {
            Self::Source(source) => {
                pieces.object()?;
                pieces.member("path", &source.path)?;
                pieces.member("kind", &source.kind)?;
                pieces.list("entries")
            }
            Self::Entry(entry) => pieces.item(entry),
            Self::Hidden(hidden) => {
                pieces.close()?;
                pieces.member("hidden", hidden)?;
                pieces.close()
            }
        }
    }
}
