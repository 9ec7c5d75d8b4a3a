//! Signatures and attestations in cosign's older form: manifests that look like images.
//!
//! Their config is that of an image, with the digests of the layers for diffIDs, and nothing refers to what was signed but the
//! content of the layers. In a registry a tag made of the digest says whose they are; in a layout that `cosign save` wrote there
//! is only an annotation on the entry, which says what the entry is and not of whom:
//!
//! ```text
//! {"mediaType":"application/vnd.oci.image.manifest.v1+json",…,"annotations":{"kind":"dev.cosignproject.cosign/sigs"}}
//! layer  application/vnd.dev.cosign.simplesigning.v1+json  {"critical":{"image":{"docker-manifest-digest":D},…},…}
//! layer  application/vnd.dsse.envelope.v1+json             {"payload":BASE64({"subject":[{"digest":{"sha256":HEX}}],…}),…}
//! ```

use super::descriptor::decode_base64;
use super::media_type::{COSIGN_ATTESTATION, COSIGN_SIGNATURE};
use super::{Descriptor, Verified, annotation};
use crate::format::json::{Node, Text};
use crate::foundation::{Digest, Limits};

/// Whether `layers` are signatures or attestations, which no runtime can run.
pub fn are_statements(layers: &[Descriptor]) -> bool {
    !layers.is_empty() && layers.iter().all(|layer| [COSIGN_SIGNATURE, COSIGN_ATTESTATION].contains(&&*layer.media_type))
}

/// Whether an entry of `index.json` says that it leads to signatures or attestations.
pub fn is_marked(entry: &Descriptor) -> bool {
    ending(entry).is_some()
}

/// What the tag of a marked entry ends in, in a registry.
pub fn ending(entry: &Descriptor) -> Option<&'static str> {
    match entry.annotations.get(annotation::COSIGN_KIND)? {
        "dev.cosignproject.cosign/sigs" => Some("sig"),
        "dev.cosignproject.cosign/atts" => Some("att"),
        _ => None,
    }
}

/// Whether an entry of `index.json` says that it leads to the image that `cosign save` was asked for.
pub fn is_saved(entry: &Descriptor) -> bool {
    let marks = ["dev.cosignproject.cosign/image", "dev.cosignproject.cosign/imageIndex"];
    entry.annotations.get(annotation::COSIGN_KIND).is_some_and(|kind| marks.contains(&kind))
}

/// What the content of a layer of `media_type` speaks of. `None` if it does not say so, or speaks of several things.
pub fn subject(media_type: &str, content: &Verified, limits: &Limits) -> Option<Digest> {
    let text = Text::parse(content.bytes().to_vec(), limits).ok()?;
    match media_type {
        COSIGN_SIGNATURE => text.root().get("critical")?.get("image")?.get("docker-manifest-digest")?.as_str()?.parse().ok(),
        COSIGN_ATTESTATION => {
            let payload = decode_base64(&text.root().get("payload")?.as_str()?)?;
            let statement = Text::parse(payload, limits).ok()?;
            let subjects = statement.root().get("subject")?;
            let mut digests = subjects.items().map(|subject| subject.get("digest")?.get("sha256").and_then(Node::as_str));
            let first = digests.next()??;
            if digests.any(|other| other.is_none_or(|other| other != first)) {
                return None;
            }
            format!("sha256:{first}").parse().ok()
        }
        _ => None,
    }
}
