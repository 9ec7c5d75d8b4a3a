//! Media types (image-spec, media-types.md) and their Docker equivalents.

use std::borrow::Cow;

pub use crate::format::codec::Compression;

/// An OCI image index.
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// An OCI image manifest.
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// An OCI image config.
pub const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// The empty JSON object, config of artifacts.
pub const OCI_EMPTY: &str = "application/vnd.oci.empty.v1+json";
/// An uncompressed layer.
pub const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
/// A layer compressed with gzip.
pub const OCI_LAYER_GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
/// A layer compressed with zstd.
pub const OCI_LAYER_ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";
/// A Docker manifest list.
pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// A Docker image manifest, schema 2.
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// A Docker image config.
pub const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";

/// A signature in cosign's older form.
pub(super) const COSIGN_SIGNATURE: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
/// An attestation in the same form.
pub(super) const COSIGN_ATTESTATION: &str = "application/vnd.dsse.envelope.v1+json";

/// The artifact manifest of image-spec 1.1.0-rc1 and rc2. No specification has it any more; zot deletes it, and copying an image
/// that has one as referrer fails on most registries.
pub(crate) const REMOVED_ARTIFACT: &str = "application/vnd.oci.artifact.manifest.v1+json";
/// ORAS's artifact manifest of 2022.
pub(crate) const ORAS_ARTIFACT: &str = "application/vnd.cncf.oras.artifact.manifest.v1+json";

/// Whether `media_type` is an index or a manifest list.
pub fn is_index(media_type: &str) -> bool {
    matches!(media_type, OCI_INDEX | DOCKER_LIST)
}

/// Whether `media_type` is an image manifest.
pub fn is_manifest(media_type: &str) -> bool {
    matches!(media_type, OCI_MANIFEST | DOCKER_MANIFEST)
}

/// A media type to keep: an index has the same few a hundred thousand times.
pub fn kept(media_type: Cow<'_, str>) -> Cow<'static, str> {
    const FREQUENT: [&str; 6] = [OCI_MANIFEST, OCI_INDEX, OCI_LAYER_GZIP, OCI_CONFIG, DOCKER_MANIFEST, DOCKER_LIST];
    match FREQUENT.iter().find(|frequent| **frequent == media_type) {
        Some(frequent) => Cow::Borrowed(frequent),
        None => Cow::Owned(media_type.into_owned()),
    }
}

/// Whether `text` is a media type: `type/subtype` of RFC 6838, section 4.2, without parameters.
pub fn is_media_type(text: &str) -> bool {
    let name = |part: &str| {
        let restricted = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte);
        part.len() <= 127 && part.bytes().all(restricted) && part.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric())
    };
    text.split_once('/').is_some_and(|(kind, inner)| name(kind) && name(inner))
}

/// Whether `media_type` is the config of a runnable image.
pub fn is_image_config(media_type: &str) -> bool {
    matches!(media_type, OCI_CONFIG | DOCKER_CONFIG)
}

/// Whether docker runs an image that has a config of this type: some registries wrote these types for it (moby,
/// distribution/registry.go; distribution#1621).
pub fn is_taken_for_config(media_type: &str) -> bool {
    is_image_config(media_type) || matches!(media_type, "application/octet-stream" | "application/json" | "text/html")
}

/// Whether a layer of `media_type` says something of an image: a signature, an attestation or a list of parts (SBOM), as cosign and
/// BuildKit put them under the config of an image. No runtime unpacks one.
pub fn is_statement(media_type: &str) -> bool {
    matches!(media_type, COSIGN_SIGNATURE | COSIGN_ATTESTATION | "application/vnd.in-toto+json")
        || ["spdx", "cyclonedx", "syft"].iter().any(|kind| media_type.contains(kind))
}

/// Whether a document of `media_type` may be a manifest or an index: one that is known, or one that a specification has or gets and that is
/// not known here.
pub fn may_be_manifest(media_type: &str) -> bool {
    let is_known_otherwise = || {
        !media_type.starts_with("application/")
            || matches!(media_type, OCI_EMPTY | REMOVED_ARTIFACT | ORAS_ARTIFACT)
            || is_taken_for_config(media_type)
            || is_statement(media_type)
            || layer(media_type).is_some()
    };
    is_manifest(media_type) || is_index(media_type) || !is_known_otherwise()
}

/// Whether `media_type` belongs to Docker's family.
pub fn is_docker(media_type: &str) -> bool {
    media_type.starts_with("application/vnd.docker.")
}

/// What a layer's media type says: the OCI spelling of it, and its compression. `None` if it is no filesystem layer.
///
/// Docker's gzip layer and OCI's are the same bytes under two names, so renaming one changes no digest.
pub fn layer(media_type: &str) -> Option<(&'static str, Compression)> {
    Some(match media_type {
        OCI_LAYER | "application/vnd.docker.image.rootfs.diff.tar" => (OCI_LAYER, Compression::None),
        OCI_LAYER_GZIP | "application/vnd.docker.image.rootfs.diff.tar.gzip" => (OCI_LAYER_GZIP, Compression::Gzip),
        OCI_LAYER_ZSTD | "application/vnd.docker.image.rootfs.diff.tar.zstd" => (OCI_LAYER_ZSTD, Compression::Zstd),
        "application/vnd.oci.image.layer.nondistributable.v1.tar" => {
            ("application/vnd.oci.image.layer.nondistributable.v1.tar", Compression::None)
        }
        "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip" | "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip" => {
            ("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", Compression::Gzip)
        }
        "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd" => {
            ("application/vnd.oci.image.layer.nondistributable.v1.tar+zstd", Compression::Zstd)
        }
        _ => return None,
    })
}

/// What Docker calls a layer. `None` if it has no such layers.
pub fn docker_layer(media_type: &str) -> Option<&'static str> {
    Some(match layer(media_type)?.0 {
        OCI_LAYER => "application/vnd.docker.image.rootfs.diff.tar",
        OCI_LAYER_GZIP => "application/vnd.docker.image.rootfs.diff.tar.gzip",
        OCI_LAYER_ZSTD => "application/vnd.docker.image.rootfs.diff.tar.zstd",
        "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip" => "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::is_media_type;

    #[test]
    fn media_types_are_those_of_rfc_6838() {
        for text in ["application/json", "application/vnd.oci.image.layer.v1.tar+gzip", "a/b", "text/x-1!#$&-^_.+"] {
            assert!(is_media_type(text), "{text}");
        }
        let long = format!("application/{}", "x".repeat(128));
        for text in ["", "json", "application/", "/json", "a/b/c", "a b/c", "application/json; charset=utf-8", ".a/b", "a/é", &long] {
            assert!(!is_media_type(text), "{text}");
        }
    }
}
