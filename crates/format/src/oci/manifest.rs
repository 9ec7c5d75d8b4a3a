//! Image manifests (image-spec, manifest.md).

use std::collections::BTreeMap;

use super::{Descriptor, Verified, document, media_type};
use crate::format::json::{Node, Text};
use crate::foundation::{Code, Error, ExitClass, Fact, Finding, Limits, Result, Severity};

const KNOWN: &[&str] = &["schemaVersion", "mediaType", "artifactType", "config", "layers", "subject", "annotations", "manifests"];

/// An image manifest: one platform, or an artifact.
#[derive(Debug, Clone)]
pub struct Manifest {
    /// The config.
    pub config: Descriptor,
    /// The layers, the lowest first.
    pub layers: Vec<Descriptor>,
    /// What this manifest is a referrer of.
    pub subject: Option<Descriptor>,
    /// The type of an artifact.
    pub artifact_type: Option<String>,
    /// The annotations.
    pub annotations: BTreeMap<String, String>,
    /// What is odd about it, but does not stop anyone.
    pub findings: Vec<Finding>,
    /// Its media type, from the descriptor.
    pub media_type: String,
    text: Text,
}

impl Manifest {
    /// Reads a manifest that a descriptor called `media_type`.
    ///
    /// # Errors
    /// `json.*`, `doc.ambiguous`, `doc.media_type_mismatch`, `descriptor.*`, `image.layer_count`.
    pub fn parse(blob: &Verified, media_type: &str, limits: &Limits) -> Result<Self> {
        let text = Text::parse(blob.bytes().to_vec(), limits)?;
        let root = text.root().object("the manifest")?;
        root.refuse_case_variants(KNOWN)?;
        if root.get_or_null("manifests").is_some() {
            return Err(ambiguous("a manifest", "manifests"));
        }
        document::check_media_type(&root, media_type)?;
        let mut findings = Vec::new();
        document::check_schema_version(&root, &mut findings);
        let config = root.get("config").ok_or_else(|| Error::new(Code::DescriptorIncomplete, "the manifest names no config"))?;
        let layers = document::descriptors(&root, "layers", limits.layers, limits, &mut findings).map_err(|error| {
            if error.code() == Code::GraphTooMany { too_many_layers("the image has too many layers", limits) } else { error }
        })?;
        Ok(Self {
            config: Descriptor::parse(config, limits)?,
            layers,
            subject: root.get("subject").map(|node| Descriptor::parse(node, limits)).transpose()?,
            artifact_type: root.get("artifactType").and_then(Node::as_str).map(Into::into),
            annotations: document::annotations(&root, &mut findings)?,
            findings,
            media_type: media_type.to_owned(),
            text,
        })
    }

    /// The document.
    pub fn root(&self) -> Node<'_> {
        self.text.root()
    }

    /// Whether this is a runnable image rather than an artifact: its config is an image config, it does not refer to
    /// something else, it calls itself nothing else, and its layers are no statements on images.
    pub fn is_image(&self) -> bool {
        self.subject.is_none()
            && media_type::is_image_config(&self.config.media_type)
            && self.artifact_type.as_deref().is_none_or(media_type::is_image_config)
            && !self.has_statements_only()
    }

    /// Whether it may run all the same where it is no image here: runtimes look at config and layers, and at no type or subject.
    pub fn may_run(&self) -> bool {
        let has_files = || self.layers.iter().any(|layer| media_type::layer(&layer.media_type).is_some());
        media_type::is_taken_for_config(&self.config.media_type) && has_files()
    }

    fn has_statements_only(&self) -> bool {
        !self.layers.is_empty() && self.layers.iter().all(|layer| media_type::is_statement(&layer.media_type))
    }

    /// What kind of artifact it is: the specification lets the config's media type say so.
    pub fn effective_artifact_type(&self) -> &str {
        self.artifact_type.as_deref().unwrap_or(&self.config.media_type)
    }
}

/// More layers than runtimes take is worth a warning; more than the limit is refused.
pub(super) fn too_many_layers(message: &str, limits: &Limits) -> Error {
    Error::new(Code::ImageLayerCount, message)
        .severity(Severity::Refusal)
        .with_exit_class(ExitClass::Corrupt)
        .expected(Fact::new(format!("at most {}", limits.layers), "the limits"))
}

pub(super) fn ambiguous(kind: &str, field: &str) -> Error {
    Error::new(Code::DocAmbiguous, format!("the document can be read as a manifest and as an index: {kind} with the field {field}"))
        .expected(Fact::new("either config and layers, or manifests", "image-spec"))
}
