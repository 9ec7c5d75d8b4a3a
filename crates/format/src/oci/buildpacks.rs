//! What Cloud Native Buildpacks write about the run image (buildpacks spec, platform.md, "`io.buildpacks.lifecycle.metadata`").
//!
//! The label is JSON in a text. It is the only record by other tools that says where the base ends: `topLayer`, a diffID.

use super::annotation;
use crate::format::json::{Document, Node, Value};
use crate::foundation::{Code, Digest, Error, Limits, Result};

/// The run image as the label describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunImage {
    /// The diffID of its highest layer.
    pub top_layer: Option<Digest>,
    /// Its name, without a digest.
    pub name: Option<String>,
    /// Its digest. An image that came from a daemon has an ID instead, which is none.
    pub digest: Option<Digest>,
}

impl RunImage {
    /// Reads the label; `None` if it says nothing about a run image.
    ///
    /// # Errors
    /// `json.*`, `digest.syntax`.
    pub fn parse(label: &str, limits: &Limits) -> Result<Option<Self>> {
        let document = Document::parse(label.as_bytes(), limits)?;
        let root = object(document.root(), "the buildpacks metadata", &["runImage", "stack"])?;
        let run_image = member(root, "runImage", &["topLayer", "reference", "image"])?;
        let stack = member(root, "stack", &["runImage"])?;
        let of_stack = stack.map(|stack| member(stack, "runImage", &["image"])).transpose()?.flatten();
        if run_image.is_none() && of_stack.is_none() {
            return Ok(None);
        }
        let reference = text(run_image, "reference")?;
        let (referred, digest) = match reference.as_deref().map(|reference| reference.split_once('@').ok_or(reference)) {
            Some(Ok((name, digest))) => (Some(name.to_owned()), Some(digest.parse()?)),
            // The ID of an image in a daemon, cut or whole, is no name.
            Some(Err(name)) => (Some(name).filter(|name| !is_id(name)).map(str::to_owned), None),
            None => (None, None),
        };
        let name = match text(run_image, "image")? {
            Some(name) => Some(name),
            None => referred.or(text(of_stack, "image")?),
        };
        let top_layer = text(run_image, "topLayer")?.map(|text| text.parse()).transpose()?;
        Ok(Some(Self { top_layer, name: name.filter(|name| !name.is_empty()), digest }))
    }

    /// The label for an image that was moved onto the base `name`@`digest` with the highest layer `top`. All else that it says
    /// stays byte for byte. Without a name what names the old base is removed: it would send the next rebase there.
    ///
    /// # Errors
    /// Those of [`RunImage::parse`].
    pub fn moved(label: &str, top: &Digest, name: Option<&str>, digest: Option<&Digest>, limits: &Limits) -> Result<String> {
        let old = Self::parse(label, limits)?.and_then(|old| old.name);
        let document = Document::parse(label.as_bytes(), limits)?;
        let root = document.root();
        let name = name.map(|name| name.split('@').next().unwrap_or(name));
        let stays = name.is_some() && name == old.as_deref();
        let rename = |node: Node<'_>, value: &mut Value| {
            match name {
                Some(name) if node.get("image").is_some() => value.set("image", Value::string(name)),
                Some(_) => {}
                None => value.remove("image"),
            }
            // The mirrors are places of the old run image. Under the same name they have the new one too, or will; else they
            // would send the next rebase back.
            if !stays && node.get("mirrors").is_some_and(|mirrors| mirrors.items().next().is_some()) {
                value.remove("mirrors");
            }
        };
        let mut result = Value::open(root);
        if let Some(node) = root.get("runImage") {
            let mut run_image = Value::open(node);
            run_image.set("topLayer", Value::string(&top.to_string()));
            match (name, digest) {
                (Some(name), Some(digest)) => run_image.set("reference", Value::string(&format!("{name}@{digest}"))),
                _ => run_image.remove("reference"),
            }
            rename(node, &mut run_image);
            result.set("runImage", run_image);
        }
        if let Some((node, of_stack)) = root.get("stack").and_then(|stack| Some((stack, stack.get("runImage")?))) {
            let (mut stack, mut run_image) = (Value::open(node), Value::open(of_stack));
            rename(of_stack, &mut run_image);
            stack.set("runImage", run_image);
            result.set("stack", stack);
        }
        Ok(result.render())
    }
}

fn is_id(name: &str) -> bool {
    let digits = name.strip_prefix("sha256:").unwrap_or(name);
    digits.len() >= 12 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn object<'a>(node: Node<'a>, field: &str, known: &[&str]) -> Result<Node<'a>> {
    // The lifecycle is written in Go, and reads a variant as the key.
    node.object(field)?.refuse_case_variants(known)?;
    Ok(node)
}

fn member<'a>(node: Node<'a>, key: &str, known: &[&str]) -> Result<Option<Node<'a>>> {
    node.get(key).map(|node| object(node, key, known)).transpose()
}

/// An absent, null or empty text is none.
fn text(node: Option<Node<'_>>, key: &str) -> Result<Option<String>> {
    let Some(node) = node.and_then(|node| node.get(key)) else { return Ok(None) };
    let text = node.as_str().ok_or_else(|| Error::new(Code::JsonType, format!("{key} is not text")))?;
    Ok(Some(text.into_owned()).filter(|text| !text.is_empty()))
}

/// Whether the labels say that the image must not be rebased.
pub fn forbids_rebase(labels: &std::collections::BTreeMap<String, String>) -> bool {
    labels.get(annotation::BUILDPACKS_REBASABLE).is_some_and(|label| label == "false")
}
