//! SLSA provenance as BuildKit writes it (slsa.dev/provenance, v0.2 and v1; in-toto attestation, "Statement").
//!
//! It lists what went into the build. Images are package URLs, `pkg:docker/NAME@TAG?platform=…`, each with the digest that the
//! name had. It does not say which of them is the base: a build of several stages names them all.

use crate::format::json::{Document, Node};
use crate::foundation::{Digest, Limits, Result};

/// The media type of a layer that is an in-toto statement.
pub const STATEMENT: &str = "application/vnd.in-toto+json";
/// The annotation of such a layer that gives the type of the predicate.
pub const PREDICATE_TYPE: &str = "in-toto.io/predicate-type";

/// An image that went into a build.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Material {
    /// Its name.
    pub name: String,
    /// The digest that the name had.
    pub digest: Digest,
}

/// Whether a predicate of this type is provenance.
pub fn is_provenance(predicate_type: &str) -> bool {
    predicate_type.starts_with("https://slsa.dev/provenance/")
}

/// The images in a statement, in its order; none if it is no provenance.
///
/// # Errors
/// `json.*`
pub fn materials(bytes: &[u8], limits: &Limits) -> Result<Vec<Material>> {
    let document = Document::parse(bytes, limits)?;
    let root = document.root();
    if !root.get("predicateType").and_then(Node::as_str).is_some_and(|kind| is_provenance(&kind)) {
        return Ok(Vec::new());
    }
    let Some(predicate) = root.get("predicate") else { return Ok(Vec::new()) };
    let lists =
        [predicate.get("materials"), predicate.get("buildDefinition").and_then(|definition| definition.get("resolvedDependencies"))];
    Ok(lists.into_iter().flatten().flat_map(Node::items).filter_map(material).collect())
}

fn material(node: Node<'_>) -> Option<Material> {
    let name = image_name(&node.get("uri")?.as_str()?)?;
    let digest = format!("sha256:{}", node.get("digest")?.get("sha256")?.as_str()?).parse().ok()?;
    Some(Material { name, digest })
}

/// The image that a package URL names, as users write it.
fn image_name(uri: &str) -> Option<String> {
    let path = uri.strip_prefix("pkg:docker/")?.split(['?', '#']).next()?;
    let (name, version) = match path.rsplit_once('@') {
        Some((name, version)) => (decoded(name)?, decoded(version)?),
        None => (decoded(path)?, String::new()),
    };
    if name.is_empty() {
        return None;
    }
    // An image that was named by its digest has that for a version.
    Some(if version.is_empty() || version.contains(':') { name } else { format!("{name}:{version}") })
}

/// Resolves percent signs; `None` if what comes out is no text.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        bytes.push(digit(rest.next()?)? << 4 | digit(rest.next()?)?);
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn package_urls_are_names() {
        for (uri, name) in [
            ("pkg:docker/debian@12?platform=linux%2Famd64", Some("debian:12")),
            ("pkg:docker/localhost%3A5000/os@1%2B2", Some("localhost:5000/os:1+2")),
            ("pkg:docker/registry.example/a%2Fb@1#x", Some("registry.example/a/b:1")),
            ("pkg:docker/os@sha256%3Aabc?digest=x", Some("os")),
            ("pkg:docker/os", Some("os")),
            ("pkg:docker/os@%zz", None),
            ("pkg:docker/%ff@1", None),
            ("pkg:docker/@1", None),
            ("pkg:github/os@1", None),
        ] {
            assert_eq!(image_name(uri).as_deref(), name, "{uri}");
        }
    }
}
