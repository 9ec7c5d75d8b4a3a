//! Image indexes (image-spec, image-index.md), and the root of a layout, `index.json` (image-layout.md).

use std::collections::BTreeMap;
use std::ops::Range;

use super::{Descriptor, Verified, annotation, document, manifest::ambiguous, media_type};
use crate::format::json::{Excerpt, Node, Text};
use crate::foundation::{Code, Error, Fact, Finding, Limits, Result, Severity, effort};

const KNOWN: &[&str] = &["schemaVersion", "mediaType", "artifactType", "manifests", "subject", "annotations", "config", "layers"];

/// An image index or manifest list: one image on several platforms, or a collection.
#[derive(Debug, Clone)]
pub struct Index {
    /// The entries in their order.
    pub manifests: Vec<Descriptor>,
    /// What this index is a referrer of.
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

impl Index {
    /// Reads an index that a descriptor called `media_type`.
    ///
    /// # Errors
    /// `json.*`, `doc.ambiguous`, `doc.media_type_mismatch`, `descriptor.*`, `graph.too_many`.
    pub fn parse(blob: &Verified, media_type: &str, limits: &Limits) -> Result<Self> {
        let text = Text::parse(blob.bytes().to_vec(), limits)?;
        let root = text.root().object("the index")?;
        root.refuse_case_variants(KNOWN)?;
        if let Some(field) = ["layers", "config"].into_iter().find(|field| root.get_or_null(field).is_some()) {
            return Err(ambiguous("an index", field));
        }
        document::check_media_type(&root, media_type)?;
        let mut findings = Vec::new();
        document::check_schema_version(&root, &mut findings);
        Ok(Self {
            manifests: document::descriptors(&root, "manifests", limits.index_entries, limits, &mut findings)?,
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
}

/// The entries of `index.json`. Who walks over them is counted: done for each image, it takes hours among a hundred thousand.
#[derive(Debug, Clone, Default)]
pub struct Entries(Vec<Descriptor>);

impl Entries {
    /// All of them, in their order.
    pub fn iter(&self) -> std::slice::Iter<'_, Descriptor> {
        self.as_slice().iter()
    }

    /// All of them, in their order.
    pub fn as_slice(&self) -> &[Descriptor] {
        effort::entries(self.0.len());
        &self.0
    }

    /// One of them.
    pub fn get(&self, position: usize) -> Option<&Descriptor> {
        self.0.get(position)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'a> IntoIterator for &'a Entries {
    type Item = &'a Descriptor;
    type IntoIter = std::slice::Iter<'a, Descriptor>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// How many entries of `index.json` may have digests that cannot be computed here: each is reported, which takes more than the entry.
const TOLD: usize = 10_000;

/// The `index.json` of a layout. Nothing vouches for its digest: it is where trust in a layout begins.
#[derive(Debug, Clone)]
pub struct RootIndex {
    /// The entries in their order that can be read; the others are in `findings`.
    pub manifests: Entries,
    /// The texts of those whose digests cannot be computed here.
    pub unverified: Vec<Excerpt>,
    /// What is odd about it.
    pub findings: Vec<Finding>,
    text: Text,
    /// Where in the text the list of entries stands, if it does and all of them can be read.
    list: Option<Range<usize>>,
}

impl RootIndex {
    /// Reads `index.json`.
    ///
    /// # Errors
    /// `layout.index.truncated`, `json.*`, `doc.ambiguous`, `doc.media_type_mismatch`, `graph.too_many`.
    pub fn parse(bytes: Vec<u8>, limits: &Limits) -> Result<Self> {
        let length = bytes.len();
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Err(truncated(Fact::new("nothing", "index.json")));
        }
        let (text, outline) = Text::outlined(bytes, limits).map_err(|error| {
            let at_the_end =
                error.code() == Code::JsonSyntax && error.finding().found.as_ref().is_some_and(|fact| fact.value.starts_with("the end"));
            if at_the_end { truncated(Fact::new(format!("{length} bytes that stop in the middle"), "index.json")) } else { error }
        })?;
        let root = text.object(&outline, "index.json")?;
        root.refuse_case_variants(KNOWN)?;
        if let Some(field) = ["layers", "config"].into_iter().find(|field| root.get_or_null(field).is_some()) {
            return Err(ambiguous("an index", field));
        }
        if let Some(own) = root.get("mediaType").and_then(Node::as_str)
            && !media_type::is_index(&own)
        {
            return Err(Error::new(Code::DocMediaTypeMismatch, "index.json calls itself something else")
                .expected(Fact::new(media_type::OCI_INDEX, "image-spec, image-layout.md"))
                .found(Fact::new(own, "mediaType inside index.json")));
        }
        if root.get_or_null("manifests").is_none() {
            return Err(no_list(Fact::new("no manifests", "index.json")));
        }
        let mut findings = Vec::new();
        document::check_schema_version(&root, &mut findings);
        document::annotations(&root, &mut findings)?;
        let mut manifests = Vec::new();
        let mut whole = true;
        let mut unverified = Vec::new();
        for (number, node) in document::list(&root, "manifests", &mut findings)?.enumerate() {
            if number >= limits.index_entries {
                return Err(Error::new(Code::GraphTooMany, "index.json has too many entries")
                    .expected(Fact::new(format!("at most {}", limits.index_entries), "the limits")));
            }
            match Descriptor::parse_in(&text, node, limits) {
                Ok(descriptor) => manifests.push(descriptor),
                // Unregistered algorithms are legal; such an entry is kept and cannot be verified.
                Err(error) if error.code() == Code::DigestAlgorithmUnknown => {
                    whole = false;
                    unverified.push(text.excerpt(node));
                    if unverified.len() > TOLD {
                        return Err(Error::new(Code::GraphTooMany, "index.json has too many entries that cannot be verified here")
                            .expected(Fact::new(format!("at most {TOLD}"), "the limits")));
                    }
                    findings.push(error.at(format!("index.json, entry {number}")).into());
                }
                Err(error) => return Err(error.at(format!("index.json, entry {number}"))),
            }
        }
        // A list that grows has room for up to as many again, and this one stays.
        manifests.shrink_to_fit();
        // What `umoci init` writes.
        for finding in findings.iter_mut().filter(|finding| finding.code == Code::DocNullArray) {
            finding.severity = Severity::Note;
        }
        let list = root.get("manifests").filter(|_| whole).map(|list| text.place(list));
        Ok(Self { manifests: Entries(manifests), unverified, findings, text, list })
    }

    /// Where in the text the list of entries stands, with its brackets; `None` if there is none, or an entry in it is not among
    /// [`RootIndex::manifests`].
    pub fn list(&self) -> Option<Range<usize>> {
        self.list.clone()
    }

    /// The document.
    pub fn root(&self) -> Node<'_> {
        self.text.root()
    }

    /// Entries whose digest is of an algorithm that is not known here, each as damage: nobody can tell what they lead to, and whoever
    /// asks about all images must be told.
    pub fn unverifiable(&self) -> impl Iterator<Item = Finding> {
        let unknown = self.findings.iter().filter(|finding| finding.code == Code::DigestAlgorithmUnknown);
        unknown.map(|finding| finding.clone().severity(Severity::Damage))
    }

    /// The names of entries whose digests cannot be computed here.
    pub fn unverified_names(&self) -> impl Iterator<Item = String> {
        let names = |entry: &Excerpt| -> Vec<String> {
            let annotations = entry.node().get("annotations");
            let name = |key: &str| Some(annotations?.get(key)?.as_str()?.into_owned());
            [annotation::REF_NAME, annotation::CONTAINERD_NAME].into_iter().filter_map(name).collect()
        };
        self.unverified.iter().flat_map(names)
    }

    /// Whether it was read from just this.
    pub fn says(&self, bytes: &[u8]) -> bool {
        // Mostly it is its own text that is asked for, which need not be compared.
        std::ptr::eq(self.text().as_bytes(), bytes) || self.text().as_bytes() == bytes
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        self.text.as_str()
    }
}

/// An index without a list is what is left of one, and no empty one: `umoci init` writes null, all others an empty list.
pub fn no_list(found: Fact) -> Error {
    Error::new(Code::LayoutIndexNoList, "index.json has no list of manifests")
        .expected(Fact::new("a list of manifests, which may be empty", "image-spec, image-index.md"))
        .found(found)
}

fn truncated(found: Fact) -> Error {
    Error::new(Code::LayoutIndexTruncated, "index.json is empty or cut off, so all names are lost")
        .expected(Fact::new("an image index", "image-spec, image-layout.md"))
        .found(found)
        .hint("Copy the layout again from where it came from; its blobs are probably still whole.")
}
