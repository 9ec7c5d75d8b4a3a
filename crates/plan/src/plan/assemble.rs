//! One index from several images: applications and bases often arrive as an archive for each platform.

use crate::format::json::Value;
use crate::foundation::{Code, Error, Fact, Limits, Result};
use crate::oci::{Platform, media_type};
use crate::plan::annotate::NewDocument;
use crate::read::Image;

/// Makes an index of `images`, in this order, each with the platform of its config.
///
/// # Errors
/// `ref.platform` if an image has no platform, or two have the same one; `output.limit` for too many.
pub fn assemble(images: &[&Image], annotations: &[(String, String)], limits: &Limits) -> Result<NewDocument> {
    let mut entries = Vec::with_capacity(images.len());
    let mut seen: Vec<(&Platform, &Image)> = Vec::new();
    for image in images {
        let platform = image.config.platform.as_ref().ok_or_else(|| {
            Error::new(Code::RefPlatform, "an image says no platform, so it has no place in an index").at(format!(
                "{}@{}",
                image.source.shown(),
                image.descriptor.digest
            ))
        })?;
        if let Some((_, other)) = seen.iter().find(|(known, _)| known.matches(platform)) {
            return Err(Error::new(Code::RefPlatform, format!("two images are for {platform}"))
                .expected(Fact::new("each platform once", "an index"))
                .detail(format!("{}@{}", other.source.shown(), other.descriptor.digest))
                .detail(format!("{}@{}", image.source.shown(), image.descriptor.digest))
                .hint("Leave one of them out."));
        }
        seen.push((platform, image));
        let mut entry = image.descriptor.to_value(limits)?;
        // Names and other annotations are of the entry that the image had elsewhere.
        entry.remove("annotations");
        entry.set("platform", of(platform));
        entries.push(entry);
    }
    let mut document = Value::object();
    document.set("schemaVersion", Value::size(2));
    document.set("mediaType", Value::string(media_type::OCI_INDEX));
    document.set("manifests", Value::Array(entries));
    if !annotations.is_empty() {
        document.set("annotations", Value::string_map(annotations.iter().map(|(key, value)| (key, value))));
    }
    NewDocument::new(media_type::OCI_INDEX, &document, limits)
}

/// A platform as a descriptor has it (image-spec, image-index.md).
fn of(platform: &Platform) -> Value {
    let mut value = Value::string_map([("architecture", &platform.architecture), ("os", &platform.os)]);
    for (name, text) in [("variant", &platform.variant), ("os.version", &platform.os_version)] {
        if !text.is_empty() {
            value.set(name, Value::string(text));
        }
    }
    if !platform.os_features.is_empty() {
        value.set("os.features", Value::strings(&platform.os_features));
    }
    value
}
