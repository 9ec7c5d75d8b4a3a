//! Entries that may be statements on the life cycle and that nobody here can read: of types that are not understood, or under digests
//! that cannot be computed.

use std::collections::HashSet;

use crate::format::json::{Excerpt, Node};
use crate::foundation::{Code, Digest, Fact, Finding, Severity};
use crate::oci::{Descriptor, annotation, artifact, media_type};
use crate::plan::lifecycle::convention::Conventions;
use crate::read::Source;

/// One of them.
#[derive(Debug, Clone)]
pub(in crate::verbs) struct Strange {
    finding: Finding,
    /// What it says that it refers to.
    subject: Option<Digest>,
}

impl Strange {
    /// Those of a source.
    pub(in crate::verbs) fn of(source: &Source, conventions: &Conventions) -> Vec<Self> {
        let odd = source.index.manifests.iter().filter_map(|entry| {
            let subject = || entry.annotations.get(annotation::CONTAINERD_SUBJECT)?.parse().ok();
            of_type(entry, conventions).map(|finding| Self { finding, subject: subject() })
        });
        let unverified = source.index.unverified.iter().filter_map(|entry| Self::unverified(entry, conventions));
        odd.chain(unverified).collect()
    }

    /// An entry under a digest that cannot be computed, unless it is an image: that has a name, a platform, or is an index.
    fn unverified(entry: &Excerpt, conventions: &Conventions) -> Option<Self> {
        let node = entry.node();
        let text = |node: Node<'_>, key: &str| node.get(key).and_then(Node::as_str).map(std::borrow::Cow::into_owned);
        let annotations = node.get("annotations");
        let named = |key: &str| annotations.and_then(|all| text(all, key));
        let artifact_type = text(node, "artifactType");
        let is_image = node.get("platform").is_some()
            || named(annotation::REF_NAME).or_else(|| named(annotation::CONTAINERD_NAME)).is_some()
            || text(node, "mediaType").is_some_and(|media_type| media_type::is_index(&media_type));
        if !conventions.may_be_statement(artifact_type.as_deref()) || (artifact_type.is_none() && is_image) {
            return None;
        }
        let finding = Finding::new(
            Code::DigestAlgorithmUnknown,
            "an entry may be a statement on the life cycle, and its digest cannot be computed here",
        )
        .severity(Severity::Damage)
        .found(Fact::new(text(node, "digest").unwrap_or_default(), "index.json"));
        let subject = named(annotation::CONTAINERD_SUBJECT).and_then(|subject| subject.parse().ok());
        Some(Self { finding: told(finding, subject.as_ref()), subject })
    }

    /// Whether it may refer to the image with this digest.
    pub(in crate::verbs) fn may_be_of(&self, digest: &Digest) -> bool {
        self.subject.as_ref().is_none_or(|subject| subject == digest)
    }

    /// Whether it may refer to one of these.
    pub(in crate::verbs) fn may_be_among(&self, digests: &HashSet<Digest>) -> bool {
        self.subject.as_ref().map_or(!digests.is_empty(), |subject| digests.contains(subject))
    }

    /// What is to be told of it.
    pub(in crate::verbs) fn finding(&self) -> &Finding {
        &self.finding
    }
}

/// A descriptor that calls itself a statement and is of a media type that nobody here reads.
pub(in crate::verbs) fn of_type(entry: &Descriptor, conventions: &Conventions) -> Option<Finding> {
    let says = entry.artifact_type.as_deref().is_some_and(|artifact_type| conventions.is_statement(artifact_type));
    (says && !artifact::may_refer(&entry.media_type)).then(|| {
        let finding = Finding::new(
            Code::DocMediaTypeUnknown,
            "an entry calls itself a statement on the life cycle, and is of a type that is not understood",
        )
        .severity(Severity::Damage)
        .at(&entry.digest)
        .found(Fact::new(&entry.media_type, "index.json"));
        told(finding, None)
    })
}

fn told(finding: Finding, subject: Option<&Digest>) -> Finding {
    match subject {
        Some(subject) => finding.detail(format!("it says that it refers to {subject}")),
        None => finding.detail("it may refer to any image here"),
    }
}
