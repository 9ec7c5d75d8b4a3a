//! Annotation keys: those of the specification (image-spec, annotations.md), those of others that must be recognised,
//! and our own.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::format::json::{Excerpt, Node};

/// The annotations of a descriptor that are text. An index may have a million of these, with three keys each, so they are not taken
/// out of the text of the index unless they are spelled with escapes there.
#[derive(Debug, Clone, Default)]
pub struct Annotations(Spelled);

#[derive(Debug, Clone, Default)]
enum Spelled {
    #[default]
    None,
    /// Each stands between its quotes as it is.
    Plainly(Excerpt),
    /// Sorted by key.
    WithEscapes(Box<[(String, String)]>),
}

impl Annotations {
    /// Those of an object, which `text` is the text of.
    pub(super) fn of(text: Excerpt) -> Self {
        if !text.contains('\\') {
            return Self(Spelled::Plainly(text));
        }
        let pairs = text.node().members().filter_map(|(key, value)| Some((key.into_owned(), value.as_str()?.into_owned())));
        let mut pairs: Vec<(String, String)> = pairs.collect();
        pairs.sort_unstable();
        Self(Spelled::WithEscapes(pairs.into()))
    }

    /// The value of `key`.
    pub fn get(&self, key: &str) -> Option<&str> {
        match &self.0 {
            Spelled::None => None,
            Spelled::Plainly(text) => text.node().get(key).and_then(plain),
            Spelled::WithEscapes(pairs) => {
                let position = pairs.binary_search_by(|(own, _)| own.as_str().cmp(key)).ok()?;
                pairs.get(position).map(|(_, value)| value.as_str())
            }
        }
    }

    /// Whether there is such a key.
    pub fn contains_key(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// Keys and values, sorted by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut pairs: Vec<(&str, &str)> = match &self.0 {
            Spelled::None => Vec::new(),
            Spelled::Plainly(text) => text.node().members().filter_map(|(key, value)| Some((borrowed(key)?, plain(value)?))).collect(),
            Spelled::WithEscapes(pairs) => pairs.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect(),
        };
        pairs.sort_unstable();
        pairs.into_iter()
    }

    /// As a map, such as documents have.
    pub fn to_map(&self) -> BTreeMap<String, String> {
        self.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    }
}

/// Text without escapes.
fn plain(value: Node<'_>) -> Option<&str> {
    value.as_str().and_then(borrowed)
}

fn borrowed(text: Cow<'_, str>) -> Option<&str> {
    match text {
        Cow::Borrowed(text) => Some(text),
        Cow::Owned(_) => None,
    }
}

impl PartialEq for Annotations {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Annotations {}

impl PartialEq<BTreeMap<String, String>> for Annotations {
    fn eq(&self, other: &BTreeMap<String, String>) -> bool {
        self.iter().eq(other.iter().map(|(key, value)| (key.as_str(), value.as_str())))
    }
}

/// The name of an entry of `index.json`.
pub const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// The full name under which containerd and Docker file an entry of `index.json`. It names the image too, so it goes when
/// the name goes.
pub const CONTAINERD_NAME: &str = "io.containerd.image.name";
/// The digest of the base.
pub const BASE_DIGEST: &str = "org.opencontainers.image.base.digest";
/// The name of the base.
pub const BASE_NAME: &str = "org.opencontainers.image.base.name";
/// The title of the image.
pub const TITLE: &str = "org.opencontainers.image.title";
/// The version of the packaged software.
pub const VERSION: &str = "org.opencontainers.image.version";
/// The source revision.
pub const REVISION: &str = "org.opencontainers.image.revision";
/// The licences, as an SPDX expression.
pub const LICENSES: &str = "org.opencontainers.image.licenses";
/// Who distributes it.
pub const VENDOR: &str = "org.opencontainers.image.vendor";
/// Where its source is.
pub const SOURCE: &str = "org.opencontainers.image.source";
/// When it was built.
pub const CREATED: &str = "org.opencontainers.image.created";

/// Whether the specification says what this key of an image or an artifact means.
pub fn is_predefined(key: &str) -> bool {
    let rest =
        key.strip_prefix("org.opencontainers.").and_then(|rest| rest.strip_prefix("image.").or_else(|| rest.strip_prefix("artifact.")));
    rest.is_some_and(|rest| {
        [
            "created",
            "authors",
            "url",
            "documentation",
            "source",
            "version",
            "revision",
            "vendor",
            "licenses",
            "ref.name",
            "title",
            "description",
            "base.digest",
            "base.name",
        ]
        .contains(&rest)
    })
}

/// BuildKit's mark on attestation manifests inside an index.
pub const DOCKER_REFERENCE_TYPE: &str = "vnd.docker.reference.type";
/// The manifest that a BuildKit attestation speaks of.
pub const DOCKER_REFERENCE_DIGEST: &str = "vnd.docker.reference.digest";

/// The label in which Cloud Native Buildpacks describe how an image was put together.
pub const BUILDPACKS_METADATA: &str = "io.buildpacks.lifecycle.metadata";
/// The label by which they say whether its base may be exchanged.
pub const BUILDPACKS_REBASABLE: &str = "io.buildpacks.rebasable";

/// On an entry of `index.json` that lists a referrer: the digest of its subject. containerd (2.2 and newer) then makes no image
/// of it, and here it saves reading every referrer to answer for one image.
pub const CONTAINERD_SUBJECT: &str = "io.containerd.manifest.subject";
/// On an entry of `index.json` that lists an index of referrers: the digest of their subject (proposed in image-spec#1171).
pub(crate) const REFERRER_SUBJECT: &str = "org.opencontainers.image.referrer.subject";
/// What cosign takes an entry of `index.json` for.
pub const COSIGN_KIND: &str = "kind";

/// The day on which an image reaches its end of life, in Microsoft's lifecycle artifacts.
pub const MICROSOFT_END_OF_LIFE: &str = "vnd.microsoft.artifact.lifecycle.end-of-life.date";

/// All keys that airbase writes for its own use begin so.
pub const OWN_PREFIX: &str = "dev.airbase.";
/// The digest of the image that was rebased: of the manifest on a manifest, of the index on an index.
pub const REBASED_FROM: &str = "dev.airbase.rebase.from";
/// The digest of the base that was replaced, as it was recorded or found.
pub const OLD_BASE_DIGEST: &str = "dev.airbase.rebase.old-base.digest";
/// The digest of the platform manifest of the base, where `base.digest` names an index.
pub const BASE_MANIFEST_DIGEST: &str = "dev.airbase.base.manifest.digest";
/// The codes of findings of the verdict that were accepted when the image was rebased, with spaces between them.
pub const ACCEPTED: &str = "dev.airbase.rebase.accepted";
/// How many layers of the image belong to its base, so that it can be split again when the base is gone.
pub const BASE_LAYERS: &str = "dev.airbase.base.layers";
/// On an entry of `index.json`: the full names that the image had and lost, the newest first, with commas between them.
pub const FORMER_NAMES: &str = "dev.airbase.former-names";
/// On an entry of a collection: the name of the member.
pub const COLLECTION_MEMBER: &str = "dev.airbase.collection.member";
/// On an entry of a collection: the names of the members that it needs, with commas between them.
pub const COLLECTION_DEPENDS: &str = "dev.airbase.collection.depends";

/// How many former names are kept.
const FORMER: usize = 8;

/// The names in the text of [`FORMER_NAMES`].
pub fn former_names(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').filter(|name| !name.is_empty()).take(FORMER)
}

/// The text of [`FORMER_NAMES`] for these names, the newest first; each is there once. Empty if there are none. A name with a comma
/// would become two others, and no registry takes it.
pub fn join_former_names<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let mut seen = std::collections::HashSet::new();
    let kept = names.filter(|name| !name.contains(',') && seen.insert(super::Name::parse(name)));
    kept.take(FORMER).collect::<Vec<_>>().join(",")
}
