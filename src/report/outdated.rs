//! `airbase.outdated/v1`: images whose base is outdated.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use super::{Page, Report, Tone};
use crate::foundation::{Digest, ExitClass, Finding, text};
use crate::oci::SharedPlatform;
use crate::plan::base::{Confidence, NameRule};
use crate::plan::lifecycle::time::Moment;

/// The verdict on one image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OutdatedStatus {
    /// It is based on what the name of its base means now.
    Current,
    /// The name of its base means another image now, or its base has come to its end.
    Outdated,
    /// Others are based on it or should be, it names no base, and nothing local is one.
    Base,
    /// It says that it has no base, and nothing local is one.
    NoBase,
    /// By a statement another image takes its place, which was judged too.
    Superseded,
    /// It is not known.
    Unknown,
}

/// One image.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OutdatedItem {
    /// The image, as a reference.
    pub image: String,
    /// Its digest.
    pub digest: Digest,
    /// The digest of its manifest for the platform.
    pub manifest: Digest,
    /// The platform; absent if neither index nor config says one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<SharedPlatform>,
    /// The verdict.
    pub standing: OutdatedStatus,
    /// How sure that is, where it is current or outdated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proof: Option<Confidence>,
    /// Its base, and what that means now: thousands of images have the same.
    #[serde(flatten, serialize_with = "followed")]
    pub base: Arc<Followed>,
    /// Why it is not known, or what speaks against its base.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

fn followed<S: Serializer>(base: &Arc<Followed>, serializer: S) -> Result<S::Ok, S::Error> {
    base.serialize(serializer)
}

/// A base, and what its name means now.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Followed {
    /// The name of the base.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_name: Option<String>,
    /// The digest of its manifest, if it is proven.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_manifest: Option<Digest>,
    /// The digest of the manifest that the name means now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub newer_manifest: Option<Digest>,
    /// Where that lies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub newer_reference: Option<String>,
    /// Why the name means that.
    #[serde(flatten)]
    pub why: Option<NameRule>,
}

/// The answer.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OutdatedReport {
    /// As of when; absent if statements did not count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Moment>,
    /// Each image and platform.
    pub items: Vec<OutdatedItem>,
    /// How many are current.
    pub current: usize,
    /// How many of those only by what configs claim.
    pub claimed: usize,
    /// How many are outdated.
    pub outdated: usize,
    /// How many are bases themselves.
    pub bases: usize,
    /// How many have no base.
    pub no_base: usize,
    /// How many have a successor that was judged too.
    pub superseded: usize,
    /// How many are unknown.
    pub unknown: usize,
    /// How many were not asked for with `--only`.
    pub not_chosen: usize,
    /// What could not be read.
    pub findings: Vec<Finding>,
}

impl OutdatedStatus {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Outdated => "outdated",
            Self::Base => "base",
            Self::NoBase => "no-base",
            Self::Superseded => "superseded",
            Self::Unknown => "unknown",
        }
    }

    fn tone(self) -> Tone {
        match self {
            Self::Current => Tone::Good,
            Self::Outdated => Tone::Bad,
            Self::Base | Self::NoBase | Self::Superseded => Tone::Dim,
            Self::Unknown => Tone::Caution,
        }
    }
}

impl OutdatedItem {
    fn detail(&self, page: &Page) -> Option<(Tone, String)> {
        let digest = |digest: &Option<Digest>| digest.as_ref().map_or_else(|| "nothing".to_owned(), |digest| page.digest(digest));
        let name = self.base.base_name.as_deref().map_or_else(|| "no name".to_owned(), text::escape);
        let why = self.base.why.and_then(NameRule::words).map(|words| format!(", {words}")).unwrap_or_default();
        let proof = match self.proof {
            Some(Confidence::Claimed) => ", claimed: other blobs, and nobody inflated them",
            Some(Confidence::Recorded) => ", by what the image records",
            _ => "",
        };
        let reason = self.reason.as_deref().map(|reason| format!(": {}", text::escape(reason))).unwrap_or_default();
        match self.standing {
            OutdatedStatus::Current => Some((Tone::Dim, format!("base {name} {}{why}{proof}", digest(&self.base.base_manifest)))),
            OutdatedStatus::Outdated if self.reason.is_some() => {
                Some((Tone::Plain, format!("base {name} {}{reason}", digest(&self.base.base_manifest))))
            }
            OutdatedStatus::Outdated => {
                let newer = self.base.newer_reference.as_deref().map(text::escape).unwrap_or_default();
                let was = if self.base.base_manifest.is_some() { digest(&self.base.base_manifest) } else { "another image".to_owned() };
                Some((Tone::Plain, format!("base {name} was {was}, is now {} ({newer}{why}){proof}", digest(&self.base.newer_manifest))))
            }
            OutdatedStatus::Base | OutdatedStatus::NoBase => None,
            OutdatedStatus::Superseded | OutdatedStatus::Unknown => {
                Some((Tone::Plain, self.reason.as_deref().map(text::escape).unwrap_or_default()))
            }
        }
    }
}

impl Report for OutdatedReport {
    const SCHEMA: &'static str = "airbase.outdated/v1";

    fn findings(&self) -> Vec<&Finding> {
        self.findings.iter().collect()
    }

    fn render(&self, page: &mut Page) {
        let alike = |one: &&OutdatedItem, other: &&OutdatedItem| {
            one.image == other.image
                && one.standing == other.standing
                && one.base.base_name == other.base.base_name
                && one.reason == other.reason
        };
        let items: Vec<&OutdatedItem> = self.items.iter().collect();
        for group in items.chunk_by(alike) {
            let Some(item) = group.first() else { continue };
            let word = page.toned(item.standing.tone(), &format!("{:8}", item.standing.name()));
            let platforms: Vec<String> =
                group.iter().filter_map(|item| item.platform.as_ref()).map(|platform| text::escape(&platform.to_string())).collect();
            page.line(0, &format!("{word}  {}  {}", text::escape(&item.image), platforms.join(", ")));
            if let Some((tone, line)) = item.detail(page) {
                page.line_toned(5, tone, &line);
            }
        }
        let more = [
            (self.bases, "bases themselves"),
            (self.no_base, "without a base"),
            (self.superseded, "superseded by others of these"),
            (self.claimed, "only claimed"),
            (self.not_chosen, "not chosen"),
        ];
        let mut line = format!("{} current, {} outdated, {} unknown", self.current, self.outdated, self.unknown);
        for (count, words) in more.iter().filter(|(count, _)| *count > 0) {
            line.push_str(&format!(", {count} {words}"));
        }
        // Platforms of an image that say the same are on one line above.
        let images = self.items.iter().map(|item| &item.image).collect::<BTreeSet<_>>().len();
        if images < self.items.len() {
            line.push_str(&format!(" (counted by platform: {} in {images} images)", self.items.len()));
        }
        page.line(0, &line);
        page.findings(0, &self.findings);
    }

    fn to_csv(&self) -> Option<String> {
        let mut out =
            "standing,proof,image,digest,manifest,platform,base_name,base_manifest,newer_manifest,newer_reference,reason\r\n".to_owned();
        for item in &self.items {
            let string = |text: &Option<String>| text.clone().unwrap_or_default();
            let digest = |digest: &Option<Digest>| digest.as_ref().map(Digest::to_string).unwrap_or_default();
            let cells = [
                item.standing.name().to_owned(),
                item.proof.map(Confidence::name).unwrap_or_default().to_owned(),
                item.image.clone(),
                item.digest.to_string(),
                item.manifest.to_string(),
                item.platform.as_deref().map(ToString::to_string).unwrap_or_default(),
                string(&item.base.base_name),
                digest(&item.base.base_manifest),
                digest(&item.base.newer_manifest),
                string(&item.base.newer_reference),
                string(&item.reason),
            ];
            out.push_str(&cells.map(|cell| text::cell(&cell)).join(","));
            out.push_str("\r\n");
        }
        Some(out)
    }

    fn exit(&self) -> Option<ExitClass> {
        super::exit_of(&self.findings).or((self.outdated + self.unknown + self.claimed > 0).then_some(ExitClass::Findings))
    }
}
