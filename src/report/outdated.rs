//! `airbase.outdated/v1`: whose base has moved on.

use serde::Serialize;

use super::{Page, Report, Tone};
use crate::core::{Digest, ExitClass, Finding, text};
use crate::oci::Platform;

/// The verdict on one image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// It stands on what the name of its base means now.
    Current,
    /// The name of its base means another image now.
    Outdated,
    /// Others stand on it or should, it names no base, and nothing local is one: the ground.
    Base,
    /// It is not known.
    Unknown,
}

/// One image.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Item {
    /// The image, as a reference.
    pub image: String,
    /// Its digest.
    pub digest: Digest,
    /// The digest of its manifest for the platform.
    pub manifest: Digest,
    /// The platform; absent if neither index nor config says one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// The verdict.
    pub standing: Standing,
    /// The name of its base.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_name: Option<String>,
    /// The digest of the manifest that it stands on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_manifest: Option<Digest>,
    /// The digest of the manifest that the name means now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub newer_manifest: Option<Digest>,
    /// Where that lies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub newer_reference: Option<String>,
    /// Why it is unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The report.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OutdatedReport {
    /// Each image and platform.
    pub items: Vec<Item>,
    /// How many are current.
    pub current: usize,
    /// How many are outdated.
    pub outdated: usize,
    /// How many are bases themselves.
    pub bases: usize,
    /// How many are unknown.
    pub unknown: usize,
    /// What could not be read.
    pub findings: Vec<Finding>,
}

impl Report for OutdatedReport {
    const SCHEMA: &'static str = "airbase.outdated/v1";

    fn render(&self, page: &mut Page) {
        let alike = |one: &&Item, other: &&Item| {
            one.image == other.image && one.standing == other.standing && one.base_name == other.base_name && one.reason == other.reason
        };
        let items: Vec<&Item> = self.items.iter().collect();
        for group in items.chunk_by(alike) {
            let Some(item) = group.first() else { continue };
            let (tone, word) = match item.standing {
                Standing::Current => (Tone::Good, "current "),
                Standing::Outdated => (Tone::Bad, "outdated"),
                Standing::Base => (Tone::Dim, "base    "),
                Standing::Unknown => (Tone::Caution, "unknown "),
            };
            let word = page.toned(tone, word);
            let platforms: Vec<String> =
                group.iter().filter_map(|item| item.platform.as_ref()).map(|platform| text::escape(&platform.to_string())).collect();
            page.line(0, &format!("{word}  {}  {}", text::escape(&item.image), platforms.join(", ")));
            let digest = |digest: &Option<Digest>| digest.as_ref().map_or_else(|| "nothing".to_owned(), |digest| page.digest(digest));
            let name = item.base_name.as_deref().map_or_else(|| "no name".to_owned(), text::escape);
            match item.standing {
                Standing::Current => {
                    let line = format!("base {name} {}", digest(&item.base_manifest));
                    page.line_toned(5, Tone::Dim, &line);
                }
                Standing::Outdated => {
                    let newer = item.newer_reference.as_deref().map(text::escape).unwrap_or_default();
                    let line =
                        format!("base {name} was {}, is now {} ({newer})", digest(&item.base_manifest), digest(&item.newer_manifest));
                    page.line(5, &line);
                }
                Standing::Base => {}
                Standing::Unknown => page.line(5, &item.reason.as_deref().map(text::escape).unwrap_or_default()),
            }
        }
        let bases = if self.bases > 0 { format!(", {} bases themselves", self.bases) } else { String::new() };
        page.line(0, &format!("{} current, {} outdated, {} unknown{bases}", self.current, self.outdated, self.unknown));
        page.findings(0, &self.findings);
    }

    fn exit(&self) -> Option<ExitClass> {
        super::exit_of(&self.findings).or((self.outdated + self.unknown > 0).then_some(ExitClass::Findings))
    }
}
