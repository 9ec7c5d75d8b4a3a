//! Which base an image stands on: claims, candidates, and proof.
//!
//! Annotations and labels are hints. `base.digest` means three things in the wild (the index, the platform manifest, the
//! empty string), and some tools write the image's own name under `base.name`; so a claim only says where to look, and a
//! verified prefix of layers is the only fact. Proof compares position by position: equal blobs under two verified
//! manifests, or equal diffIDs where the blobs differ because somebody recompressed them. Never "the first layer that
//! looks like it": equal layers repeat in real images.

use serde::Serialize;

use crate::core::{Code, Digest, Fact, Finding, Severity};
use crate::oci::{ImageName, annotation};
use crate::read::{Image, ImageIndex};

/// Where a claim about the base came from, in the order of the ladder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Clue {
    /// The person named the old base.
    From,
    /// An annotation of the manifest.
    ManifestAnnotation,
    /// An annotation of the index that the image belongs to.
    IndexAnnotation,
    /// A label of the config; some builders write the annotation keys there.
    Label,
    /// The label of Cloud Native Buildpacks, which names the run image and its highest layer.
    Buildpacks,
    /// Provenance beside the image: what went into its build.
    Provenance,
    /// Layers of a local image are the lowest layers of this one.
    Catalogue,
}

impl Clue {
    /// Whether it only says where to look, so that the layers decide alone: it can prove and never refute.
    fn is_lead(self) -> bool {
        matches!(self, Self::Provenance | Self::Catalogue)
    }

    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Self::From => "named on the command line",
            Self::ManifestAnnotation => "annotation of the manifest",
            Self::IndexAnnotation => "annotation of the index",
            Self::Label => "label of the config",
            Self::Buildpacks => "buildpacks metadata",
            Self::Provenance => "provenance of the build",
            Self::Catalogue => "layers of a local image",
        }
    }
}

/// What an image says about its base.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Where it says so.
    pub clue: Clue,
    /// The name it gives.
    pub name: Option<String>,
    /// The digest it gives.
    pub digest: Option<Digest>,
    /// A digest that is none: reported, never used.
    pub unreadable_digest: Option<String>,
    /// How many layers it says belong to the base, or why that cannot be told.
    pub seam: Option<Result<usize, String>>,
}

/// The claims of an image, the nearest first. Empty values count as absent: buildah writes them for images from scratch.
pub fn claims(image: &Image, index: Option<&ImageIndex>) -> Vec<Claim> {
    let places = [
        (Clue::ManifestAnnotation, Some(&image.manifest.annotations)),
        (Clue::IndexAnnotation, index.map(|index| &index.index.annotations)),
        (Clue::Label, Some(&image.config.labels)),
    ];
    let mut claims: Vec<Claim> = Vec::new();
    for (clue, map) in places {
        let Some(map) = map else { continue };
        let text = |key: &str| map.get(key).map(String::as_str).filter(|value| !value.is_empty());
        let digest = text(annotation::BASE_DIGEST);
        let claim = Claim {
            clue,
            name: text(annotation::BASE_NAME).map(str::to_owned),
            digest: digest.and_then(|text| text.parse().ok()),
            unreadable_digest: digest.filter(|text| text.parse::<Digest>().is_err()).map(str::to_owned),
            seam: None,
        };
        if claim.name.is_some() || claim.digest.is_some() || claim.unreadable_digest.is_some() {
            claims.push(claim);
        }
    }
    claims.extend(image.config.run_image.as_ref().map(|run_image| {
        let read = run_image.as_ref().ok();
        Claim {
            clue: Clue::Buildpacks,
            name: read.and_then(|run_image| run_image.name.clone()),
            digest: read.and_then(|run_image| run_image.digest.clone()),
            unreadable_digest: None,
            seam: buildpacks_seam(image),
        }
    }));
    claims
}

/// How many layers belong to the run image, by buildpacks metadata. Equal layers repeat in real images: a diffID that is there
/// twice tells nothing.
pub fn buildpacks_seam(image: &Image) -> Option<Result<usize, String>> {
    let top = match image.config.run_image.as_ref()? {
        Ok(run_image) => run_image.top_layer.as_ref()?,
        Err(why) => return Some(Err(format!("the buildpacks metadata cannot be read: {why}"))),
    };
    let mut positions = (0..).zip(&image.config.diff_ids).filter(|(_, own)| *own == top).map(|(position, _)| position);
    Some(match (positions.next(), positions.count()) {
        (Some(position), 0) => Ok(position + 1),
        (Some(_), more) => Err(format!("{} layers are equal to the top layer of the run image, so the seam is unknown", more + 1)),
        (None, _) => Err("the top layer of the run image is not among the layers".to_owned()),
    })
}

/// The number of base layers that an earlier rebase recorded.
pub fn recorded_layers(image: &Image) -> Option<usize> {
    image
        .manifest
        .annotations
        .get(annotation::BASE_LAYERS)
        .and_then(|text| text.parse().ok())
        .filter(|layers| *layers <= image.manifest.layers.len())
}

/// How one layer was proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Proof {
    /// The same blob in both manifests.
    SameBlob,
    /// Other blobs with the same diffID in both configs; nobody inflated them.
    SameDiffIdClaimed,
    /// Other blobs that were inflated to the same content.
    SameContent,
}

/// One layer for comparison.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LayerIdentity {
    /// The digest of the blob.
    pub digest: Digest,
    /// What the config says that it inflates to.
    pub diff_id: Digest,
}

/// How the lowest layers of an image compare with a base.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prefix {
    /// All layers of the base are the lowest layers of the image.
    Proven(Vec<Proof>),
    /// They differ.
    Differs {
        /// How many layers are the same, from the bottom.
        matched: usize,
        /// How many layers the base has.
        of: usize,
        /// The first layer that differs: the image's, if it has one there, and the base's.
        first: Box<(Option<LayerIdentity>, LayerIdentity)>,
    },
    /// The base has no layers, so it proves nothing.
    Empty,
}

/// Compares the layers of `base` with the lowest layers of `image`. Both must have as many diffIDs as layers.
pub fn prefix(image: &Image, base: &Image) -> Prefix {
    if base.manifest.layers.is_empty() {
        return Prefix::Empty;
    }
    let of = base.manifest.layers.len();
    let mut proofs = Vec::with_capacity(of);
    for position in 0..of {
        let Some(below) = identity(base, position) else { return Prefix::Empty };
        let own = identity(image, position);
        match &own {
            Some(own) if own.digest == below.digest && own.diff_id == below.diff_id => proofs.push(Proof::SameBlob),
            Some(own) if own.diff_id == below.diff_id => proofs.push(Proof::SameDiffIdClaimed),
            _ => return Prefix::Differs { matched: position, of, first: Box::new((own, below)) },
        }
    }
    Prefix::Proven(proofs)
}

/// The identity of a layer of an image.
pub fn identity(image: &Image, position: usize) -> Option<LayerIdentity> {
    Some(LayerIdentity {
        digest: image.manifest.layers.get(position)?.digest.clone(),
        diff_id: image.config.diff_ids.get(position)?.clone(),
    })
}

/// An image that could be the base.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The image for the platform.
    pub image: Image,
    /// The reference for people.
    pub reference: String,
    /// The names under which it is known locally.
    pub names: Vec<String>,
    /// The digest of the index it belongs to, or its own.
    pub top: Digest,
}

/// What became of one clue.
#[derive(Debug, Clone)]
pub enum Verdict {
    /// The candidate is the base.
    Proven(Box<Candidate>, Vec<Proof>),
    /// The digest leads to an image with other layers.
    Refuted(Box<Candidate>, Prefix),
    /// The name leads to an image with other layers: the name moved on, which names do.
    NameMoved(Box<Candidate>, Prefix),
    /// Nothing local to compare with.
    Unresolved(String),
}

/// A clue and what became of it.
#[derive(Debug, Clone)]
pub struct Evidence {
    /// The clue.
    pub clue: Clue,
    /// The name it gave.
    pub name: Option<String>,
    /// The digest it gave.
    pub digest: Option<Digest>,
    /// What became of it.
    pub verdict: Verdict,
}

/// Compares a candidate with the image. `by_digest` says whether the claim gave a digest: only then can it be refuted.
pub fn judge(image: &Image, candidate: Candidate, by_digest: bool) -> Verdict {
    match prefix(image, &candidate.image) {
        Prefix::Proven(proofs) => Verdict::Proven(Box::new(candidate), proofs),
        other if by_digest => Verdict::Refuted(Box::new(candidate), other),
        other => Verdict::NameMoved(Box::new(candidate), other),
    }
}

/// What all the evidence amounts to.
#[derive(Debug)]
pub enum Decision<'a> {
    /// This is the base.
    Base(&'a Evidence),
    /// A digest claim is refuted, and the layers prove another base or none.
    Conflict(&'a Evidence, Option<&'a Evidence>),
    /// Several different images fit equally well.
    Ambiguous(Vec<&'a Evidence>),
    /// Nothing is known.
    Unknown,
}

/// Decides. The person's word must hold; then the nearest claim that leads to an image here, whose refutation is a conflict; then
/// the longest prefix among local images. What the nearest claim overrules is told by [`doubt`].
pub fn decide<'a>(image: &Image, evidence: &'a [Evidence]) -> Decision<'a> {
    let proven = |evidence: &&Evidence| matches!(evidence.verdict, Verdict::Proven(..));
    if let Some(named) = evidence.iter().find(|evidence| evidence.clue == Clue::From) {
        return if proven(&named) { Decision::Base(named) } else { Decision::Conflict(named, evidence.iter().find(proven)) };
    }
    for claim in evidence.iter().filter(|one| !one.clue.is_lead() && !is_inherited(image, one, evidence)) {
        match claim.verdict {
            Verdict::Proven(..) => return Decision::Base(claim),
            Verdict::Refuted(..) => return Decision::Conflict(claim, evidence.iter().find(proven)),
            Verdict::NameMoved(..) | Verdict::Unresolved(_) => {}
        }
    }
    let mut matches: Vec<&Evidence> = evidence.iter().filter(proven).collect();
    let longest = matches.iter().filter_map(|evidence| layers(evidence)).max();
    // A match that does not reach up to the recorded seam is a base of the base, which is not here: split there, the layers
    // between would be taken for the app's.
    if longest < recorded_layers(image) {
        return Decision::Unknown;
    }
    // Buildpacks say of their own image where its base ends. A longer match is a sibling, which is no base.
    let wanted = match (recorded_layers(image), own_buildpacks_seam(image, evidence)) {
        (None, Some(seam)) => Some(seam),
        _ => longest,
    };
    matches.retain(|evidence| layers(evidence) == wanted);
    // Of bases with equal layers, the one that went into the build. A longer match goes before it: provenance names the stages
    // of a build too, and one of those may be a base of the base.
    if matches.iter().any(|evidence| evidence.clue == Clue::Provenance) {
        matches.retain(|evidence| evidence.clue == Clue::Provenance);
    }
    // One image may be in several places, and two images may differ in nothing that the merge looks at.
    let mut distinct: Vec<&Evidence> = Vec::new();
    for evidence in matches {
        let config = |evidence: &Evidence| candidate(evidence).map(|candidate| candidate.image.manifest.config.digest.clone());
        if !distinct.iter().any(|other| config(other) == config(evidence)) {
            distinct.push(evidence);
        }
    }
    // Of bases with equal layers and different settings, the one whose history begins the image's is the one it was built on.
    if distinct.len() > 1 {
        let begins: Vec<&Evidence> = distinct
            .iter()
            .copied()
            .filter(|evidence| candidate(evidence).is_some_and(|candidate| history_begins(image, &candidate.image)))
            .collect();
        if let [one] = begins.as_slice() {
            distinct = vec![one];
        }
    }
    match distinct.as_slice() {
        [] => Decision::Unknown,
        [one] => Decision::Base(one),
        _ => Decision::Ambiguous(distinct),
    }
}

/// Something that the image says of its base and that does not fit the base that was chosen.
#[derive(Debug)]
pub enum Doubt {
    /// A farther claim is refuted. A label cannot be corrected without another config, so this is only told.
    Refuted(Finding),
    /// The image names a base that is not here, and another one was found by its layers. Often they are the same, renamed and
    /// recompressed on the way; but the one that is here may be a base of the one that is not, and a rebase would then leave
    /// layers of the old base in the image. Only a person knows.
    NotHere(Finding),
}

impl Doubt {
    /// What to tell.
    pub fn into_finding(self) -> Finding {
        match self {
            Self::Refuted(finding) | Self::NotHere(finding) => finding,
        }
    }
}

/// What of the evidence does not fit the base that was chosen.
pub fn doubt(image: &Image, evidence: &[Evidence], chosen: &Evidence) -> Option<Doubt> {
    let found = candidate(chosen)?;
    // Registries have other names inside the gap; what stands after the last slash goes along.
    let known_as = |name: &str| {
        let claimed = ImageName::parse(name);
        found.names.iter().map(|own| ImageName::parse(own)).any(|own| {
            own.is_full()
                && own.short_repository() == claimed.short_repository()
                && own.tag.unwrap_or("latest") == claimed.tag.unwrap_or("latest")
        })
    };
    let has_digest =
        |claim: &Evidence| claim.digest.as_ref().is_some_and(|digest| [&found.top, &found.image.descriptor.digest].contains(&digest));
    let by_layers = chosen.clue.is_lead();
    // A recorded seam at the same height says that it is the same one.
    let noted = recorded_layers(image).or_else(|| own_buildpacks_seam(image, evidence));
    let recorded = noted.is_some_and(|noted| layers(chosen) == Some(noted));
    let (claim, message) =
        evidence.iter().filter(|claim| !claim.clue.is_lead() && !is_inherited(image, claim, evidence)).find_map(|claim| {
            match claim.verdict {
                Verdict::Refuted(..) => Some((claim, "the image also names a base that its layers refute")),
                // A claim that gives neither names nothing that could be missing.
                Verdict::Unresolved(_) if claim.name.is_none() && claim.digest.is_none() => None,
                Verdict::Unresolved(_) if by_layers && !recorded && !claim.name.as_deref().is_some_and(known_as) && !has_digest(claim) => {
                    Some((claim, "the image names a base that is not here; what its layers prove may be a base of that one"))
                }
                _ => None,
            }
        })?;
    let named = claim.name.clone().or_else(|| claim.digest.as_ref().map(Digest::to_string))?;
    let proof = if by_layers { "the layers" } else { chosen.clue.name() };
    let finding = Finding::new(Code::BaseConflict, message)
        .severity(Severity::Warning)
        .at(&image.descriptor.digest)
        .expected(Fact::new(named, claim.clue.name()))
        .found(Fact::new(&found.reference, proof));
    Some(if matches!(claim.verdict, Verdict::Refuted(..)) { Doubt::Refuted(finding) } else { Doubt::NotHere(finding) })
}

/// A warning, if the base was found under its name while the recorded digest is another one that is not here. Its layers are those of
/// the image; its settings may be of another edition with the same layers.
pub fn other_digest(image: &Image, chosen: &Evidence) -> Option<Finding> {
    let (found, digest) = (candidate(chosen)?, chosen.digest.as_ref()?);
    if matches!(chosen.clue, Clue::From | Clue::Catalogue) || [&found.top, &found.image.descriptor.digest].contains(&digest) {
        return None;
    }
    Some(
        Finding::new(Code::BaseOtherDigest, "the base was found under its name, and the recorded digest is another one that is not here")
            .at(&image.descriptor.digest)
            .expected(Fact::new(digest, chosen.clue.name()))
            .found(Fact::new(format!("{} {}", found.reference, found.top), "the local images")),
    )
}

/// Whether a claim is a label that the image has from its base: then it names the base of that base. Every builder hands labels
/// down, so the base that proves it has more layers and the same label.
fn is_inherited(image: &Image, claim: &Evidence, evidence: &[Evidence]) -> bool {
    // Buildpacks metadata differs from build to build: whoever has the very same has it from there.
    if claim.clue == Clue::Buildpacks {
        let own = image.config.labels.get(annotation::BUILDPACKS_METADATA);
        let seam = buildpacks_seam(image).and_then(Result::ok).or_else(|| layers(claim));
        return evidence
            .iter()
            .filter(|other| other.clue == Clue::Catalogue && layers(other) > seam)
            .any(|other| candidate(other).is_some_and(|base| base.image.config.labels.get(annotation::BUILDPACKS_METADATA) == own));
    }
    claim.clue == Clue::Label
        && evidence.iter().filter(|other| other.clue == Clue::Catalogue && layers(other) > layers(claim)).any(|other| {
            let says = |key: &str| candidate(other).and_then(|base| base.image.config.labels.get(key)).map(String::as_str);
            let digest = claim.digest.as_ref().map(Digest::to_string);
            (claim.name.is_some() || digest.is_some())
                && claim.name.as_deref() == says(annotation::BASE_NAME).filter(|name| !name.is_empty())
                && digest.as_deref() == says(annotation::BASE_DIGEST).filter(|digest| !digest.is_empty())
        })
}

/// Where buildpacks metadata puts the seam, unless the image has it from its base.
fn own_buildpacks_seam(image: &Image, evidence: &[Evidence]) -> Option<usize> {
    let claim = evidence.iter().find(|one| one.clue == Clue::Buildpacks)?;
    if is_inherited(image, claim, evidence) { None } else { buildpacks_seam(image)?.ok() }
}

/// Whether a local image with as many layers as the image could still be its base: only if the image's history goes on where
/// that of the other ends. Otherwise they are two editions of one thing, and neither stands on the other.
pub fn adds_settings_only(image: &Image, base: &Image) -> bool {
    history_begins(image, base) && base.config.history().len() < image.config.history().len()
}

fn history_begins(image: &Image, base: &Image) -> bool {
    let (own, below) = (image.config.history(), base.config.history());
    let text = |node: crate::format::json::Node<'_>, key: &str| {
        node.get(key).and_then(crate::format::json::Node::as_str).map(std::borrow::Cow::into_owned)
    };
    !below.is_empty()
        && below.len() <= own.len()
        && own.iter().zip(&below).all(|(own, below)| {
            ["created_by", "comment", "author"].iter().all(|key| text(*own, key) == text(*below, key))
                && own.get("empty_layer").map(|node| node.raw() == "true") == below.get("empty_layer").map(|node| node.raw() == "true")
        })
}

/// The name by which the build called the base, if provenance led to it: nothing else may say it.
pub fn built_on(evidence: Option<&Evidence>) -> Option<&str> {
    evidence.filter(|evidence| evidence.clue == Clue::Provenance)?.name.as_deref()
}

/// The candidate of a piece of evidence.
pub fn candidate(evidence: &Evidence) -> Option<&Candidate> {
    match &evidence.verdict {
        Verdict::Proven(candidate, _) | Verdict::Refuted(candidate, _) | Verdict::NameMoved(candidate, _) => Some(candidate),
        Verdict::Unresolved(_) => None,
    }
}

fn layers(evidence: &Evidence) -> Option<usize> {
    match &evidence.verdict {
        Verdict::Proven(_, proofs) => Some(proofs.len()),
        _ => None,
    }
}

/// The name that the result of a rebase should give its base, if one is known.
///
/// The specification wants a full reference. A bare tag of a layout is not one, so it is only used where the repository is
/// known: because the tag is the old name's own, or because the old base stood in the same layout under the old name's tag.
pub fn base_name(new_names: &[String], old_claimed: Option<&str>, same_repository: bool) -> Option<String> {
    if let Some(full) = new_names.iter().find(|name| ImageName::parse(name).is_full()) {
        return Some(full.clone());
    }
    let old = old_claimed?;
    let old_name = ImageName::parse(old);
    let tag = new_names.first().map(String::as_str);
    match tag {
        Some(tag) if old_name.tag == Some(tag) => Some(old.split('@').next().unwrap_or(old).to_owned()),
        Some(tag) if same_repository && old_name.is_full() => Some(format!("{}:{tag}", old_name.repository)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_name_is_never_guessed() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(base_name(&names(&["debian:12.7"]), Some("debian:12"), false), Some("debian:12.7".into()));
        assert_eq!(
            base_name(&names(&["b2"]), Some("registry.example.org/testrepo:b2"), false),
            Some("registry.example.org/testrepo:b2".into())
        );
        assert_eq!(
            base_name(&names(&["b3"]), Some("registry.example.org/testrepo:b2"), true),
            Some("registry.example.org/testrepo:b3".into())
        );
        assert_eq!(base_name(&names(&["b3"]), Some("registry.example.org/testrepo:b2"), false), None);
        assert_eq!(base_name(&names(&["b3"]), None, true), None);
    }
}
