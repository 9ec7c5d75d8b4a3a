//! Documents that may refer to something: whatever has a `subject` (image-spec, manifest.md and image-index.md).
//!
//! An image manifest and an index may name a subject. So did two documents that the specification has dropped, which are read
//! and never written: the artifact manifest of image-spec 1.1.0-rc1 and rc2, and ORAS's own of 2022:
//!
//! ```text
//! {"mediaType":"application/vnd.oci.artifact.manifest.v1+json","artifactType":T,"blobs":[…],"subject":{…},"annotations":{…}}
//! ```

use std::collections::BTreeMap;

use super::{Descriptor, Index, Manifest, Verified, document, media_type};
use crate::format::json::Text;
use crate::foundation::{Code, Error, Fact, Limits, Result};

/// A document as one that refers to something.
#[derive(Debug, Clone)]
pub struct Artifact {
    /// Its media type.
    pub media_type: String,
    /// What it says of its own type: `artifactType`, else the media type of the config (distribution-spec, "Listing Referrers").
    /// An index without `artifactType` has none.
    pub artifact_type: Option<String>,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
    /// What it refers to.
    pub subject: Option<Descriptor>,
    /// The config, where it is a manifest.
    pub config: Option<Descriptor>,
    /// The layers of a manifest, the blobs of an old artifact manifest, the entries of an index.
    pub content: Vec<Descriptor>,
}

/// Whether `media_type` is one that [`Artifact::parse`] reads.
pub fn may_refer(media_type: &str) -> bool {
    media_type::is_manifest(media_type) || media_type::is_index(media_type) || is_removed(media_type)
}

/// Whether `media_type` is an artifact manifest that no specification has any more.
pub fn is_removed(media_type: &str) -> bool {
    matches!(media_type, media_type::REMOVED_ARTIFACT | media_type::ORAS_ARTIFACT)
}

impl Artifact {
    /// Reads a document that a descriptor called `media_type`.
    ///
    /// # Errors
    /// Those of manifests and indexes; `doc.media_type_unknown` for anything else.
    pub fn parse(blob: &Verified, media_type: &str, limits: &Limits) -> Result<Self> {
        if media_type::is_manifest(media_type) {
            return Manifest::parse(blob, media_type, limits).map(Self::of_manifest);
        }
        if media_type::is_index(media_type) {
            let index = Index::parse(blob, media_type, limits)?;
            return Ok(Self {
                media_type: index.media_type,
                artifact_type: index.artifact_type,
                annotations: index.annotations,
                subject: index.subject,
                config: None,
                content: index.manifests,
            });
        }
        if !is_removed(media_type) {
            return Err(Error::new(Code::DocMediaTypeUnknown, "the document is neither a manifest nor an index")
                .at(blob.digest())
                .found(Fact::new(media_type, "the descriptor")));
        }
        let text = Text::parse(blob.bytes().to_vec(), limits)?;
        let root = text.root().object("the artifact manifest")?;
        document::check_media_type(&root, media_type)?;
        let mut findings = Vec::new();
        let word = |name: &str| root.get(name).and_then(crate::format::json::Node::as_str).map(std::borrow::Cow::into_owned);
        let content = match root.get("blobs") {
            Some(_) => document::descriptors(&root, "blobs", limits.layers, limits, &mut findings)?,
            None => Vec::new(),
        };
        Ok(Self {
            media_type: media_type.to_owned(),
            artifact_type: word("artifactType"),
            annotations: document::annotations(&root, &mut findings)?,
            subject: root.get("subject").map(|node| Descriptor::parse(node, limits)).transpose()?,
            config: None,
            content,
        })
    }

    fn of_manifest(manifest: Manifest) -> Self {
        Self {
            artifact_type: Some(manifest.effective_artifact_type().to_owned()),
            media_type: manifest.media_type,
            annotations: manifest.annotations,
            subject: manifest.subject,
            config: Some(manifest.config),
            content: manifest.layers,
        }
    }

    /// Every blob that it names.
    pub fn blobs(&self) -> impl Iterator<Item = &Descriptor> {
        self.config.iter().chain(&self.content)
    }
}
