//! What manifests and indexes have in common.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::Descriptor;
use crate::format::json::{Document, Kind, Node, Object};
use crate::foundation::{Code, Error, Fact, Finding, Limits, Result};

/// Refuses a document whose own `mediaType` is not the one that the descriptor promised (CVE-2021-41190).
pub(super) fn check_media_type(root: &Object<'_>, promised: &str) -> Result<()> {
    match root.get("mediaType") {
        None => Ok(()),
        Some(node) => {
            let own = node.expect(Kind::String, "mediaType")?.as_str().unwrap_or_default();
            if own == promised {
                return Ok(());
            }
            Err(Error::new(Code::DocMediaTypeMismatch, "the document calls itself something else than the descriptor calls it")
                .expected(Fact::new(promised, "the descriptor"))
                .found(Fact::new(own, "mediaType inside the document")))
        }
    }
}

/// Reports a `schemaVersion` that is not 2.
pub(super) fn check_schema_version(root: &Object<'_>, findings: &mut Vec<Finding>) {
    let version = root.get("schemaVersion");
    if version.map(Node::raw) != Some("2") {
        findings.push(
            Finding::new(Code::DocSchemaVersion, "schemaVersion is not 2")
                .expected(Fact::new("2", "image-spec"))
                .found(Fact::new(version.map_or("nothing", Node::raw), "the document")),
        );
    }
}

/// The annotations of `root`; a value that is not text is reported.
pub(super) fn annotations(root: &Object<'_>, findings: &mut Vec<Finding>) -> Result<BTreeMap<String, String>> {
    string_map(root, "annotations", findings)
}

/// The member `name` of `root` as a map of texts. A value that is not text is reported, and stands for its JSON: it may be a date or a
/// status of the life cycle, and one that is passed over says nothing. Null is what clients take for an empty text.
pub(super) fn string_map(root: &Object<'_>, name: &str, findings: &mut Vec<Finding>) -> Result<BTreeMap<String, String>> {
    let mut map = BTreeMap::new();
    if let Some(node) = root.get(name) {
        for (key, value) in node.expect(Kind::Object, name)?.members() {
            let text = value.as_str();
            if text.is_none() {
                findings.push(
                    Finding::new(Code::AnnotationsType, format!("the value of {key:?} in {name} is not text"))
                        .found(Fact::new(value.raw(), "the document")),
                );
            }
            if value.kind() != Kind::Null {
                map.insert(key.into_owned(), text.map_or_else(|| value.raw().to_owned(), Cow::into_owned));
            }
        }
    }
    Ok(map)
}

/// The list `name` of `root`, which the specification requires: null and absent are empty, and reported. An `index.json` whose
/// list of manifests has lost its name is as empty as one that lost its bytes.
pub(super) fn list<'a>(root: &Object<'a>, name: &str, findings: &mut Vec<Finding>) -> Result<impl Iterator<Item = Node<'a>> + use<'a>> {
    match root.get_or_null(name) {
        Some(node) if node.kind() == Kind::Null => findings.push(Finding::new(Code::DocNullArray, format!("{name} is null"))),
        Some(node) => drop(node.expect(Kind::Array, name)?),
        None => findings.push(Finding::new(Code::DocNullArray, format!("{name} is missing"))),
    }
    Ok(root.items(name))
}

/// The descriptors of the list `name`, no more than `most`.
pub(super) fn descriptors(
    root: &Object<'_>,
    name: &str,
    most: usize,
    limits: &Limits,
    findings: &mut Vec<Finding>,
) -> Result<Vec<Descriptor>> {
    let mut descriptors = Vec::new();
    for node in list(root, name, findings)? {
        if descriptors.len() >= most {
            return Err(Error::new(Code::GraphTooMany, format!("{name} has too many entries"))
                .expected(Fact::new(format!("at most {most}"), "the limits"))
                .found(Fact::new(format!("more than {most}"), "the document")));
        }
        descriptors.push(Descriptor::parse(node, limits)?);
    }
    Ok(descriptors)
}

/// From this size on a document may have more entries than a reader takes: an entry has a media type and a digest.
const MAY_BE_MANY: usize = 512 << 10;

/// Refuses a document that is to be written and that a reader with these limits would refuse.
///
/// # Errors
/// `output.limit`.
pub fn check_readable(bytes: &[u8], limits: &Limits) -> Result<()> {
    let refuse = |what: &str, most: String, found: String| {
        Err(Error::new(Code::OutputLimit, format!("the result would be {what} than a reader takes"))
            .expected(Fact::new(format!("at most {most}"), "the limits"))
            .found(Fact::new(found, "the document that would be written")))
    };
    if bytes.len() as u64 > limits.document_bytes {
        return refuse("a larger document", format!("{} bytes", limits.document_bytes), format!("{} bytes", bytes.len()));
    }
    if bytes.len() < MAY_BE_MANY {
        return Ok(());
    }
    // What is no document of this kind has no such lists.
    let Ok(document) = Document::parse(bytes, limits) else { return Ok(()) };
    for (name, most) in [("layers", limits.layers), ("manifests", limits.tree_documents)] {
        let count = document.root().get(name).map_or(0, |list| list.items().count());
        if count > most {
            return refuse("a longer list", format!("{most} {name}"), format!("{count} {name}"));
        }
    }
    Ok(())
}
