//! `airbase.base-show/v1`, `airbase.base-verify/v1`, `airbase.base-dependents/v1`.

use serde::Serialize;

use super::rebase::proof_words;
use super::{Page, Report, Tone};
use crate::foundation::{Digest, ExitClass, Finding, text};
use crate::oci::Platform;
use crate::plan::base::{ClaimOrigin, Confidence, LayerIdentity, Proof, Rule};

/// What became of a clue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The layers prove it.
    Proven,
    /// Both configs claim the same content for other blobs, and nobody inflated them.
    Claimed,
    /// A digest leads to an image with other layers.
    Refuted,
    /// The name leads to an image with other layers.
    NameMoved,
    /// There is nothing local to compare with.
    Unresolved,
}

/// One clue.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EvidenceReport {
    /// Where it was found.
    pub clue: ClaimOrigin,
    /// The name that it gives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The digest that it gives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// What became of it.
    pub outcome: Outcome,
    /// The local image that it was compared with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The digest of that image's manifest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manifest: Option<Digest>,
    /// How many layers are the same, from the bottom.
    pub matched: usize,
    /// How many layers that image has.
    pub of: usize,
    /// How each of them was proven.
    pub proofs: Vec<Proof>,
    /// The first layer that differs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_difference: Option<Difference>,
    /// Why it is unresolved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A layer that differs, on both sides.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    /// Which layer, the lowest being 0.
    pub layer: usize,
    /// The image's, if it has one there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<LayerIdentity>,
    /// The base's.
    pub base: LayerIdentity,
}

/// What is known about the base of one platform.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlatformBase {
    /// The platform; absent if neither index nor config says one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// The digest of the manifest.
    pub manifest: Digest,
    /// How many layers it has.
    pub layers: usize,
    /// The base, if it is decided: the reference of a local image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// The digest of the base's manifest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_manifest: Option<Digest>,
    /// How many layers belong to it.
    pub base_layers: usize,
    /// Whether the image has no base.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub scratch: bool,
    /// Why the base is the one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<Rule>,
    /// How sure that is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proof: Option<Confidence>,
    /// All evidence, the nearest first.
    pub evidence: Vec<EvidenceReport>,
    /// What should be known.
    pub findings: Vec<Finding>,
}

/// The answer of `base show`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ShowReport {
    /// The image, as a reference.
    pub image: String,
    /// Its digest.
    pub digest: Digest,
    /// Each platform.
    pub platforms: Vec<PlatformBase>,
    /// What could not be read.
    pub findings: Vec<Finding>,
}

impl Report for ShowReport {
    const SCHEMA: &'static str = "airbase.base-show/v1";

    fn findings(&self) -> Vec<&Finding> {
        self.platforms.iter().flat_map(|platform| &platform.findings).chain(&self.findings).collect()
    }

    fn render(&self, page: &mut Page) {
        page.line_toned(0, Tone::Strong, &text::escape(&self.image));
        page.trusted_field(0, "digest", &self.digest.to_string());
        for platform in &self.platforms {
            page.gap();
            let name = platform.platform.as_ref().map_or_else(|| "no platform".to_owned(), Platform::to_string);
            page.line_toned(0, Tone::Strong, &text::escape(&name));
            if let (Some(base), Some(manifest)) = (&platform.base, &platform.base_manifest) {
                let words = page.toned(Tone::Good, &text::escape(base));
                page.trusted_field(1, "base", &words);
                page.trusted_field(1, "", &format!("{}, {} of {} layers", page.digest(manifest), platform.base_layers, platform.layers));
            } else if platform.scratch {
                page.trusted_field(1, "base", "none: the image is from scratch");
            } else {
                let words = page.toned(Tone::Caution, "unknown");
                page.trusted_field(1, "base", &words);
            }
            for evidence in &platform.evidence {
                evidence.render(page);
            }
            page.findings(1, &platform.findings);
        }
        page.findings(0, &self.findings);
        page.gap();
        let claimed = self.platforms.iter().any(|platform| platform.proof == Some(Confidence::Claimed));
        let words = if claimed {
            "Claimed: both configs say that other blobs inflate to the same. `--verify digest` inflates and compares them."
        } else {
            "Proven from hashed manifests and configs."
        };
        page.line_toned(0, Tone::Dim, words);
    }

    fn exit(&self) -> Option<ExitClass> {
        let known = |platform: &PlatformBase| platform.scratch || platform.proof == Some(Confidence::Proven);
        let unknown = (!self.platforms.iter().all(known)).then_some(ExitClass::Findings);
        unknown.into_iter().chain(super::exit_of(self.findings())).reduce(ExitClass::worse)
    }
}

impl EvidenceReport {
    fn render(&self, page: &mut Page) {
        let claim = [self.name.as_deref().map(text::escape), self.digest.as_ref().map(|digest| page.digest(digest))];
        let claim: Vec<String> = claim.into_iter().flatten().collect();
        let (tone, word) = match self.outcome {
            Outcome::Proven => (Tone::Good, "proven"),
            Outcome::Claimed => (Tone::Caution, "claimed"),
            Outcome::Refuted => (Tone::Bad, "refuted"),
            Outcome::NameMoved => (Tone::Caution, "name moved"),
            Outcome::Unresolved => (Tone::Caution, "unresolved"),
        };
        let word = page.toned(tone, word);
        page.line(1, &format!("- {}: {}: {word}", self.clue.name(), claim.join(" ")));
        if let Some(reference) = &self.reference {
            page.line(2, &format!("compared with {}", text::escape(reference)));
        }
        match self.outcome {
            Outcome::Proven | Outcome::Claimed => page.line(2, &proof_words(&self.proofs, self.of)),
            _ if self.reason.is_some() => page.line(2, &self.reason.as_deref().map(text::escape).unwrap_or_default()),
            Outcome::Unresolved => {}
            Outcome::Refuted | Outcome::NameMoved => page.line(2, &format!("matched {} of {} layers", self.matched, self.of)),
        }
        if let Some(difference) = &self.first_difference {
            difference.render(page);
        }
    }
}

impl Difference {
    fn render(&self, page: &mut Page) {
        let words = |identity: &LayerIdentity| format!("{} diffID {}", identity.digest, identity.diff_id);
        page.trusted_field(2, "image", &format!("layer {}: {}", self.layer, self.image.as_ref().map_or_else(|| "none".to_owned(), words)));
        page.trusted_field(2, "base", &format!("layer {}: {}", self.layer, words(&self.base)));
    }
}

/// The answer of `base verify`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VerifyReport {
    /// The image, as a reference.
    pub image: String,
    /// Its digest.
    pub digest: Digest,
    /// The base, as a reference.
    pub base: String,
    /// Its digest.
    pub base_digest: Digest,
    /// Whether every platform is based on it.
    pub proven: bool,
    /// Each platform.
    pub platforms: Vec<PlatformBase>,
    /// The local image that shares more layers, if there is one.
    pub findings: Vec<Finding>,
}

impl Report for VerifyReport {
    const SCHEMA: &'static str = "airbase.base-verify/v1";

    fn findings(&self) -> Vec<&Finding> {
        self.platforms.iter().flat_map(|platform| &platform.findings).chain(&self.findings).collect()
    }

    fn render(&self, page: &mut Page) {
        let word = if self.proven { page.toned(Tone::Good, "proven:") } else { page.toned(Tone::Bad, "not proven:") };
        page.line(0, &format!("{word} {} is based on {}", text::escape(&self.image), text::escape(&self.base)));
        for platform in &self.platforms {
            let name = platform.platform.as_ref().map_or_else(|| "no platform".to_owned(), Platform::to_string);
            page.line_toned(0, Tone::Strong, &text::escape(&name));
            for evidence in &platform.evidence {
                evidence.render(page);
            }
            page.findings(1, &platform.findings);
        }
        page.findings(0, &self.findings);
    }

    fn exit(&self) -> Option<ExitClass> {
        (!self.proven).then_some(ExitClass::Findings)
    }
}

/// One image that is based on another.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Dependent {
    /// The image, as a reference.
    pub image: String,
    /// Its digest.
    pub digest: Digest,
    /// The platform; absent if neither index nor config says one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// How many layers it has above the base.
    pub own_layers: usize,
    /// How each layer of the base was proven.
    pub proofs: Vec<Proof>,
}

/// The answer of `base dependents`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DependentsReport {
    /// The base, as a reference.
    pub base: String,
    /// Its digest.
    pub digest: Digest,
    /// The images that are based on it.
    pub dependents: Vec<Dependent>,
    /// How many images were compared.
    pub compared: usize,
    /// What could not be read.
    pub findings: Vec<Finding>,
}

impl Report for DependentsReport {
    const SCHEMA: &'static str = "airbase.base-dependents/v1";

    fn findings(&self) -> Vec<&Finding> {
        self.findings.iter().collect()
    }

    fn render(&self, page: &mut Page) {
        page.line_toned(0, Tone::Strong, &text::escape(&self.base));
        for dependent in &self.dependents {
            let platform = dependent.platform.as_ref().map_or_else(|| "no platform".to_owned(), Platform::to_string);
            let is_claimed = Confidence::of(&dependent.proofs) == Confidence::Claimed;
            page.line(
                1,
                &format!(
                    "{}  {}  {}, {} of its own{}",
                    text::escape(&dependent.image),
                    page.digest(&dependent.digest),
                    text::escape(&platform),
                    text::count(dependent.own_layers, "layer"),
                    if is_claimed { ", claimed: other blobs, and nobody inflated them" } else { "" }
                ),
            );
        }
        page.line(0, &format!("{} of {} compared", text::count(self.dependents.len(), "image"), self.compared));
        page.findings(0, &self.findings);
    }

    fn exit(&self) -> Option<ExitClass> {
        super::exit_of(&self.findings)
    }
}
