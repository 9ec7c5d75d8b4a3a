//! Looks into images: `ls` and `cat`.

use std::io::Write;

use super::{Context, open};
use crate::format::tar::Member;
use crate::foundation::fsys::ReadAt;
use crate::foundation::limits::{CHUNK_BYTES, MIB};
use crate::foundation::{Code, Error, Fact, Result, text};
use crate::oci::{Descriptor, Platform};
use crate::read::layer::Keep;
use crate::read::rootfs::{climbs, inner_path, split, write_content};
use crate::read::{Image, Reference, Rootfs, layer, locate, open_reference};
use crate::report::files::{Listing, LsReport};

/// Lists the files of an image, all or those at and below `inner`.
///
/// # Errors
/// `ref.platform`, `ref.not_found`, those of documents and layers.
pub fn ls(reference: &str, inner: Option<&str>, platform: Option<&Platform>, context: Context<'_>) -> Result<LsReport> {
    let opened = open(reference, context)?;
    let image = opened.image(platform)?;
    let rootfs = Rootfs::read(image, &mut Keep::nothing(), context.limits, context.events)?;
    let inner = inner.unwrap_or("/");
    let found = if climbs(inner.as_bytes()) { None } else { Listing::of(rootfs, inner.as_bytes()) };
    let files = found.ok_or_else(|| no_such_file(inner, image))?;
    Ok(LsReport { image: opened.located.shown(), manifest: image.descriptor.digest.clone(), platform: image.platform().cloned(), files })
}

fn no_such_file(inner: &str, image: &Image) -> Error {
    Error::new(Code::RefNotFound, format!("the image has no file {}", text::escape(inner)))
        .at(format!("{}@{}", image.source.shown(), image.descriptor.digest))
        .hint("`airbase ls IMAGE` lists its files.")
}

/// What `cat` prints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// The manifest or index that the reference means; by digest, any blob of the source.
    Document,
    /// The config of the image.
    Config,
    /// A file of the image.
    File(String),
}

/// Writes raw bytes to `out`. Everything is hashed before its first byte is written.
///
/// # Errors
/// Those of references, documents, layers and of writing to `out`.
pub fn cat(reference: &str, wanted: &Wanted, platform: Option<&Platform>, out: &mut dyn Write, context: Context<'_>) -> Result<()> {
    let put = |out: &mut dyn Write, bytes: &[u8]| out.write_all(bytes).map_err(|error| Error::io("write the result", error));
    match wanted {
        Wanted::Config => put(out, open(reference, context)?.image(platform)?.config_blob.bytes()),
        Wanted::File(inner) => {
            let opened = open(reference, context)?;
            let image = opened.image(platform)?;
            file(image, inner, out, context)
        }
        Wanted::Document => {
            let parsed = Reference::existing(reference)?;
            if let (Some(digest), None) = (&parsed.digest, platform) {
                let source = open_reference(&parsed, context.limits)?;
                let digest = &source.complete(digest)?;
                let region = source
                    .container()
                    .blob(digest)?
                    .ok_or_else(|| Error::new(Code::RefNotFound, format!("there is no blob {digest}")).at(source.shown()))?;
                let raw = format!("{{\"mediaType\":\"application/octet-stream\",\"digest\":\"{digest}\",\"size\":{}}}", region.length());
                let document = crate::format::json::Document::parse(raw.as_bytes(), context.limits)?;
                layer::check_content(&source, &Descriptor::parse(document.root(), context.limits)?, context.events)?;
                let mut buffer = vec![0; CHUNK_BYTES];
                let mut offset = 0;
                while offset < region.length() {
                    let count = region.read_at(&mut buffer, offset).map_err(|error| Error::io("read a blob", error))?;
                    if count == 0 {
                        break;
                    }
                    put(out, buffer.get(..count).unwrap_or_default())?;
                    offset += count as u64;
                }
                return Ok(());
            }
            if platform.is_some() {
                return put(out, open(reference, context)?.image(platform)?.manifest_blob.bytes());
            }
            let located = locate(&parsed, context.limits)?;
            put(out, located.source.document(&located.descriptor, context.limits)?.bytes())
        }
    }
}

/// Contents that are kept on the first pass over the layers, in case that one of them is asked for.
const KEPT_BYTES: u64 = 16 * MIB;

/// Writes a file of an image.
fn file(image: &Image, inner: &str, out: &mut dyn Write, context: Context<'_>) -> Result<()> {
    let path = inner_path(inner.as_bytes());
    let name = split(&path).1;
    let same_name = |member: &Member| split(&inner_path(&member.name)).1 == name;
    let mut keep = Keep::up_to(KEPT_BYTES, &same_name);
    let rootfs = Rootfs::read(image, &mut keep, context.limits, context.events)?;
    let found = if climbs(inner.as_bytes()) { None } else { rootfs.resolve(inner.as_bytes()) };
    let entry = found.ok_or_else(|| no_such_file(inner, image))?;
    let content = entry.content().ok_or_else(|| {
        Error::new(Code::UsageArgument, format!("{} is no regular file", text::escape(inner)))
            .found(Fact::new(entry.kind().name(), "the layer"))
    })?;
    match keep.content(content.layer, content.ordinal) {
        Some(bytes) => out.write_all(bytes).map_err(|error| Error::io("write the result", error)),
        None => write_content(image, content, context.limits, out),
    }
}
