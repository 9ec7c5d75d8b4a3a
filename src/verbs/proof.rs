//! Layers inflated to prove what configs claim.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Context;
use crate::foundation::fsys::ReadAt as _;
use crate::foundation::{Code, Digest, Error, Fact, Result};
use crate::oci::{Descriptor, media_type};
use crate::plan::base::Proof;
use crate::read::{Image, Source, layer, verify};

/// How much is inflated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum Verify {
    /// Layers whose blobs differ while their diffIDs agree.
    #[default]
    Digest,
    /// Every layer, to compare it with its diffID.
    Content,
}

/// What a config says that a layer inflates to.
pub(super) struct Claim<'a> {
    source: &'a Arc<Source>,
    layer: &'a Descriptor,
    diff_id: &'a Digest,
    /// `layer 2 of the image`.
    whose: String,
}

impl<'a> Claim<'a> {
    /// The claim for one layer of `image`; none if there is no such layer.
    pub(super) fn of(image: &'a Image, position: usize, whose: &str) -> Option<Self> {
        Some(Self {
            source: &image.source,
            layer: image.manifest.layers.get(position)?,
            diff_id: image.config.diff_ids.get(position)?,
            whose: format!("layer {position} of {whose}"),
        })
    }

    /// Whether there is something to inflate: a layer may be kept elsewhere, or be of a kind that only others can read.
    pub(super) fn can_be_checked(&self) -> Result<bool> {
        Ok(media_type::layer(&self.layer.media_type).is_some() && self.source.container().blob(&self.layer.digest)?.is_some())
    }
}

/// Inflates the layers of all claims, each blob once; gives their digests.
///
/// # Errors
/// The first claim, in the order given, that is false: `layer.diffid_mismatch`; or those of inflating it.
pub(super) fn check<'a>(claims: Vec<Claim<'a>>, context: Context<'_>) -> Result<BTreeSet<&'a Digest>> {
    let mut seen = BTreeSet::new();
    let claims: Vec<Claim<'a>> = claims.into_iter().filter(|claim| seen.insert((&claim.layer.digest, claim.diff_id))).collect();
    let place = |claim: &Claim<'_>| {
        // What is not there is reported when it is read.
        let region = claim.source.container().blob(&claim.layer.digest).ok().flatten();
        (claim.layer.size, region.and_then(|region| region.sequence()))
    };
    let results = verify::each(&claims, place, context.jobs, context.events, "inflate", |claim| {
        let algorithm = claim.diff_id.algorithm();
        let content = layer::content_digest(claim.source, claim.layer, algorithm, context.limits, context.events)?;
        if content == *claim.diff_id {
            return Ok(());
        }
        Err(Error::new(Code::LayerDiffIdMismatch, format!("{} is not what its config says", claim.whose))
            .at(format!("{}@{}", claim.source.shown(), claim.layer.digest))
            .expected(Fact::new(claim.diff_id, "diff_ids in the config"))
            .found(Fact::new(content, "the inflated layer")))
    })?;
    results.into_iter().collect::<Result<Vec<()>>>()?;
    Ok(claims.iter().map(|claim| &claim.layer.digest).collect())
}

/// Where blobs differ and diffIDs agree, inflates both and compares what comes out; with [`Verify::Content`] also where the
/// blobs are the same.
///
/// # Errors
/// Those of [`check`].
pub(super) fn prove_content(image: &Image, below: &Image, proofs: &[Proof], verify: Verify, context: Context<'_>) -> Result<Vec<Proof>> {
    let mut claims = Vec::new();
    for (position, proof) in proofs.iter().enumerate() {
        let own = Claim::of(image, position, "the image");
        let base = Claim::of(below, position, "the base");
        match proof {
            Proof::SameBlob if verify == Verify::Digest => {}
            Proof::SameBlob => {
                for claim in own.into_iter().chain(base) {
                    // One of the two suffices, so either place may lack it.
                    if claim.can_be_checked()? {
                        claims.push(claim);
                        break;
                    }
                }
            }
            Proof::SameDiffIdClaimed | Proof::SameContent => {
                claims.extend(own);
                // A sparse base is legal: then its config says what the layer must inflate to, and the image's layer is inflated.
                if let Some(base) = base
                    && base.source.container().blob(&base.layer.digest)?.is_some()
                {
                    claims.push(base);
                }
            }
        }
    }
    check(claims, context)?;
    Ok(proofs.iter().map(|proof| if *proof == Proof::SameBlob { Proof::SameBlob } else { Proof::SameContent }).collect())
}
