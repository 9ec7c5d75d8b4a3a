//! Descriptors (image-spec, descriptor.md).

use std::borrow::Cow;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use super::annotation::Annotations;
use super::{ImageName, Name, Platform, Verified, annotation, media_type};
use crate::format::json::{Excerpt, Kind, Node, Text, Value, case_variant, quote};
use crate::foundation::{Code, Digest, Error, Fact, Limits, Result};

/// The keys of the specification, for the check of case variants.
const KNOWN: &[&str] = &["mediaType", "digest", "size", "urls", "annotations", "data", "artifactType", "platform"];

/// A reference to a blob: what it is, how large, and what it hashes to.
///
/// Its copies share one text and one allocation, until one of them is changed: several lists hold each of the hundred thousand entries
/// of a large layout at the same time.
#[derive(Debug, Clone)]
pub struct Descriptor(Arc<DescriptorFields>);

/// The members of a [`Descriptor`].
#[derive(Debug, Clone)]
pub struct DescriptorFields {
    /// The media type of the blob. Those of the specification are not kept again for each descriptor.
    pub media_type: Cow<'static, str>,
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// The platform, in an index. Few entries of a large one have any, and it is larger than all the rest.
    pub platform: Option<Box<Platform>>,
    /// The type of an artifact, where the descriptor repeats it.
    pub artifact_type: Option<String>,
    /// The annotations of this entry that are text.
    pub annotations: Annotations,
    /// Whether there are annotations that are not text.
    pub odd_annotations: bool,
    /// Where else the blob could be got. Never used to fetch anything.
    pub urls: Box<[String]>,
    /// The blob itself, where the descriptor embeds it; already checked against digest and size.
    pub data: Option<Box<Verified>>,
    /// The text of the descriptor as it is in its document.
    pub raw: Excerpt,
}

impl Deref for Descriptor {
    type Target = DescriptorFields;

    fn deref(&self) -> &DescriptorFields {
        &self.0
    }
}

impl DerefMut for Descriptor {
    fn deref_mut(&mut self) -> &mut DescriptorFields {
        Arc::make_mut(&mut self.0)
    }
}

impl From<DescriptorFields> for Descriptor {
    fn from(fields: DescriptorFields) -> Self {
        Self(Arc::new(fields))
    }
}

impl Descriptor {
    /// Reads a descriptor.
    ///
    /// # Errors
    /// `descriptor.incomplete`, `descriptor.size.invalid`, `descriptor.data_mismatch`, `digest.*`, `json.type`,
    /// `json.case_variant`.
    pub fn parse(node: Node<'_>, limits: &Limits) -> Result<Self> {
        Self::read(node, node.raw().to_owned().into(), limits)
    }

    /// As [`Descriptor::parse`], of a document whose text is kept anyway: it is shared and not copied.
    ///
    /// # Errors
    /// As [`Descriptor::parse`].
    pub(crate) fn parse_in(text: &Text, node: Node<'_>, limits: &Limits) -> Result<Self> {
        Self::read(node, text.excerpt(node), limits)
    }

    fn read(node: Node<'_>, raw: Excerpt, limits: &Limits) -> Result<Self> {
        let members = known_members(node)?;
        let member =
            |name: &str| KNOWN.iter().position(|known| *known == name).and_then(|position| members.get(position).copied().flatten());
        let text = |name: &str| -> Result<Option<Cow<'_, str>>> {
            member(name).map(|value| Ok(value.expect(Kind::String, name)?.as_str().unwrap_or_default())).transpose()
        };
        let required = |name: &str| {
            Error::new(Code::DescriptorIncomplete, format!("a descriptor has no {name}"))
                .found(Fact::new(shorten(node.raw()), "the document"))
        };
        let media_type = text("mediaType")?.ok_or_else(|| required("mediaType"))?;
        let digest: Digest = text("digest")?.ok_or_else(|| required("digest"))?.parse()?;
        let size = member("size").ok_or_else(|| required("size"))?;
        let size = size.as_size().ok_or_else(|| {
            Error::new(Code::DescriptorSizeInvalid, "a descriptor has a size that is not a whole number in range")
                .expected(Fact::new("0 to 9223372036854775807", "image-spec, descriptor.md"))
                .found(Fact::new(size.raw(), "the document"))
        })?;
        let annotations = member("annotations").map(|map| map.expect(Kind::Object, "annotations")).transpose()?;
        // A value that is not text is ignored here and reported by fsck.
        let odd_annotations = annotations.is_some_and(|map| map.members().any(|(_, value)| value.kind() != Kind::String));
        let data = text("data")?.map(|encoded| embedded(&encoded, &digest, size, limits)).transpose()?;
        Ok(Self::from(DescriptorFields {
            media_type: media_type::kept(media_type),
            digest,
            size,
            platform: member("platform").and_then(Platform::of).map(Box::new),
            artifact_type: text("artifactType")?.map(Cow::into_owned),
            annotations: annotations.map(|map| Annotations::of(part(node, &raw, map))).unwrap_or_default(),
            odd_annotations,
            urls: member("urls").map(|list| list.items().filter_map(Node::as_str).map(Into::into).collect()).unwrap_or_default(),
            data,
            raw,
        }))
    }

    /// The descriptor of a document that airbase wrote.
    pub fn authored(media_type: &str, document: &Verified) -> Self {
        Self::plain(media_type, document.digest(), document.size())
    }

    /// A descriptor of the three members that every descriptor has.
    pub fn plain(media_type: &str, digest: &Digest, size: u64) -> Self {
        let raw = format!("{{\"mediaType\":{},\"digest\":\"{digest}\",\"size\":{size}}}", quote(media_type));
        Self::from(DescriptorFields {
            media_type: media_type::kept(media_type.into()),
            digest: digest.clone(),
            size,
            platform: None,
            artifact_type: None,
            annotations: Annotations::default(),
            odd_annotations: false,
            urls: Box::default(),
            data: None,
            raw: raw.into(),
        })
    }

    /// The descriptor as a value that can be changed, without the embedded data, which would be stale in a new document.
    pub fn to_value(&self, limits: &Limits) -> Result<Value> {
        let document = crate::format::json::Document::parse(self.raw.as_bytes(), limits)?;
        let mut value = Value::open(document.root());
        value.remove("data");
        Ok(value)
    }

    /// The name of an entry of `index.json` as it is written: the full one of containerd where it is there, else the one of the
    /// specification, which may be a tag alone. The tag that is beside a full name is no name of its own.
    pub fn name(&self) -> Option<&str> {
        self.containerd_name().or_else(|| self.ref_name())
    }

    /// The name of an entry of `index.json`, to be compared with others.
    pub fn full_name(&self) -> Option<Name<'_>> {
        self.containerd_name().map(Name::full).or_else(|| self.ref_name().map(Name::parse))
    }

    /// Whether `tag` is the tag of this entry, with or without a repository.
    pub fn has_tag(&self, tag: &str) -> bool {
        self.ref_name() == Some(tag)
            || self.full_name().is_some_and(|name| name.is_full() && ImageName::parse(name.as_str()).tag == Some(tag))
    }

    /// The name of what is made of this image. A digest in the name is that of this one; without a tag beside it there is none.
    pub fn name_of_result(&self) -> Option<&str> {
        let name = self.name()?;
        let parsed = ImageName::parse(name);
        match (parsed.digest, parsed.tag) {
            (Some(_), Some(_)) if parsed.is_full() => name.split('@').next(),
            (Some(_), None) => None,
            _ => Some(name),
        }
    }

    fn containerd_name(&self) -> Option<&str> {
        self.annotations.get(annotation::CONTAINERD_NAME).filter(|name| !name.is_empty())
    }

    /// What the specification calls an entry of `index.json`, for readers that know nothing else: perhaps a tag beside a full name.
    pub fn ref_name(&self) -> Option<&str> {
        self.annotations.get(annotation::REF_NAME).filter(|name| !name.is_empty())
    }

    /// The full names that its image had here and lost, the newest first. They never say which image a name means; they say
    /// what this one was called.
    pub fn former_names(&self) -> impl Iterator<Item = &str> {
        annotation::former_names(self.annotations.get(annotation::FORMER_NAMES).unwrap_or_default())
    }

    /// Whether this child of an index says that it is an attestation: it is marked, or runs nowhere.
    pub fn is_attestation(&self) -> bool {
        self.is_marked_attestation() || self.platform.as_deref().is_some_and(Platform::is_unknown)
    }

    /// Whether it has the mark of BuildKit, which always says of which sibling it speaks. Half a mark is none: other tools write
    /// annotations on images too.
    pub fn is_marked_attestation(&self) -> bool {
        let says = |key: &str| self.annotations.get(key).is_some_and(|text| !text.is_empty());
        says(annotation::DOCKER_REFERENCE_TYPE) && says(annotation::DOCKER_REFERENCE_DIGEST)
    }

    /// Of whom it lists the referrers, if it says so: an entry as olareg writes it (image-spec#1171).
    pub fn lists_referrers_of(&self) -> Option<Digest> {
        self.annotations.get(annotation::REFERRER_SUBJECT)?.parse().ok().filter(|_| self.is_index())
    }

    /// Whether it says that it leads to something else than an image. The specification derives `artifactType` from the config
    /// where the manifest has none, so crane writes an image's config type beside images.
    pub fn is_artifact(&self) -> bool {
        self.artifact_type.as_deref().is_some_and(|own| !media_type::is_image_config(own))
    }

    /// Whether it leads to an index.
    pub fn is_index(&self) -> bool {
        media_type::is_index(&self.media_type)
    }

    /// Whether it leads to a manifest.
    pub fn is_manifest(&self) -> bool {
        media_type::is_manifest(&self.media_type)
    }
}

/// The text of a value in a descriptor, as a part of the text that the descriptor keeps, which may be a copy.
fn part(descriptor: Node<'_>, raw: &Excerpt, value: Node<'_>) -> Excerpt {
    let from = value.offset_in(descriptor.raw());
    raw.part(from..from + value.raw().len())
}

/// The members of a descriptor that the specification knows. One walk: an index may have a million descriptors.
fn known_members(node: Node<'_>) -> Result<[Option<Node<'_>>; KNOWN.len()]> {
    let mut members: [Option<Node<'_>>; KNOWN.len()] = [None; KNOWN.len()];
    for (key, value) in node.expect(Kind::Object, "a descriptor")?.members() {
        match KNOWN.iter().position(|name| *name == key) {
            Some(position) => {
                if let Some(member) = members.get_mut(position).filter(|_| value.kind() != Kind::Null) {
                    *member = Some(value);
                }
            }
            None => {
                if let Some(name) = KNOWN.iter().find(|name| name.eq_ignore_ascii_case(&key)) {
                    return Err(case_variant(&key, name));
                }
            }
        }
    }
    Ok(members)
}

/// The content that is embedded in a descriptor.
fn embedded(encoded: &str, digest: &Digest, size: u64, limits: &Limits) -> Result<Box<Verified>> {
    let mismatch = || {
        Error::new(Code::DescriptorDataMismatch, format!("the data embedded in the descriptor of {digest} is something else"))
            .expected(Fact::new(format!("{size} bytes that hash to {digest}"), "the descriptor"))
    };
    if encoded.len() as u64 > limits.document_bytes.saturating_mul(2) {
        return Err(mismatch().found(Fact::new(format!("{} characters of base64", encoded.len()), "data")));
    }
    let bytes = decode_base64(encoded).ok_or_else(|| mismatch().found(Fact::new("text that is not base64", "data")))?;
    let length = bytes.len();
    let verified = Verified::check(digest, size, bytes);
    verified.map(Box::new).map_err(|_| mismatch().found(Fact::new(format!("{length} other bytes"), "data")))
}

fn shorten(text: &str) -> String {
    text.chars().take(200).collect()
}

/// Standard base64 with padding (RFC 4648, section 4), which is what `data` holds.
pub(super) fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let bytes = text.as_bytes();
    if !bytes.len().is_multiple_of(4) {
        return None;
    }
    let padding = bytes.iter().rev().take_while(|byte| **byte == b'=').count();
    if padding > 2 {
        return None;
    }
    let digits = bytes.get(..bytes.len() - padding)?;
    let mut out = Vec::with_capacity(bytes.len() / 4 * 3);
    let mut bits: u32 = 0;
    let mut held: u32 = 0;
    for byte in digits {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6) | u32::from(digit);
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push(u8::try_from((bits >> held) & 0xff).ok()?);
        }
    }
    // Bits left over must be zero, or the same bytes would have two spellings.
    (bits & ((1 << held) - 1) == 0).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read_in_one_spelling_only() {
        // RFC 4648, section 10.
        for (text, bytes) in [("", ""), ("Zg==", "f"), ("Zm8=", "fo"), ("Zm9v", "foo"), ("Zm9vYmFy", "foobar")] {
            assert_eq!(decode_base64(text).unwrap(), bytes.as_bytes());
        }
        for text in ["Zg", "Zg=", "Zh==", "Z===", "Zm9\n", "Zm-v"] {
            assert!(decode_base64(text).is_none(), "{text}");
        }
    }
}
