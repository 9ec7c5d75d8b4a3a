//! Looks into images: `ls` and `cat`.

use std::io::Write;

use super::{Context, open};
use crate::core::fsys::ReadAt;
use crate::core::limits::CHUNK_BYTES;
use crate::core::{Code, Error, Fact, Result, text};
use crate::format::tar::Kind;
use crate::oci::{Descriptor, Platform};
use crate::read::layer::{FileEntry, file_content, files, inner_path};
use crate::read::{Image, Reference, layer, locate, open_reference};
use crate::report::files::{Listed, LsReport};

/// Lists the files of an image, all or those at and below `inner`.
///
/// # Errors
/// `ref.platform`, `ref.not_found`, those of documents and layers.
pub fn ls(reference: &str, inner: Option<&str>, platform: Option<&Platform>, context: Context<'_>) -> Result<LsReport> {
    let opened = open(reference, context)?;
    let image = opened.image(platform)?;
    let found = files(image, context.limits)?;
    let wanted = inner.map(|inner| inner_path(inner.as_bytes())).filter(|path| !path.is_empty());
    let listed: Vec<Listed> = found
        .iter()
        .filter(|(path, _)| {
            wanted
                .as_ref()
                .is_none_or(|wanted| *path == wanted || path.strip_prefix(wanted.as_slice()).is_some_and(|rest| rest.starts_with(b"/")))
        })
        .map(|(path, entry)| Listed {
            path: String::from_utf8_lossy(path).into_owned(),
            kind: entry.member.kind.slug().to_owned(),
            mode: format!("{:o}", entry.member.mode & 0o7777),
            uid: entry.member.uid,
            gid: entry.member.gid,
            size: entry.member.size,
            link: (!entry.member.link.is_empty()).then(|| String::from_utf8_lossy(&entry.member.link).into_owned()),
            layer: entry.layer,
        })
        .collect();
    if listed.is_empty()
        && let Some(inner) = inner
    {
        return Err(no_such_file(inner, image));
    }
    Ok(LsReport {
        image: opened.located.shown(),
        manifest: image.descriptor.digest.clone(),
        platform: image.platform().cloned(),
        files: listed,
    })
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
            let found = files(image, context.limits)?;
            let entry = follow(&found, inner_path(inner.as_bytes())).ok_or_else(|| no_such_file(inner, image))?;
            if entry.member.kind != Kind::File {
                return Err(Error::new(Code::UsageArgument, format!("{} is no regular file", text::escape(inner)))
                    .found(Fact::new(entry.member.kind.name(), "the layer")));
            }
            file_content(image, entry, context.limits, out)
        }
        Wanted::Document => {
            let parsed = Reference::existing(reference)?;
            if let (Some(digest), None) = (&parsed.digest, platform) {
                let source = open_reference(&parsed, context.limits)?;
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

/// The most links that are followed, as in the kernel.
const LINKS: usize = 40;

/// The file at a path, links followed inside the image.
fn follow(files: &std::collections::BTreeMap<Vec<u8>, FileEntry>, path: Vec<u8>) -> Option<&FileEntry> {
    let mut path = path;
    for _ in 0..LINKS {
        match files.get(&path) {
            Some(entry) => match entry.member.kind {
                Kind::Symlink if entry.member.link.starts_with(b"/") => path = inner_path(&entry.member.link),
                Kind::Symlink => path = relative(&path, &entry.member.link),
                Kind::Hardlink => path = inner_path(&entry.member.link),
                _ => return Some(entry),
            },
            // A directory on the way may be a link: /bin is one on most distributions.
            None => path = through_directory(files, &path)?,
        }
    }
    None
}

fn through_directory(files: &std::collections::BTreeMap<Vec<u8>, FileEntry>, path: &[u8]) -> Option<Vec<u8>> {
    for (slash, _) in path.iter().enumerate().filter(|(_, byte)| **byte == b'/') {
        let (parent, rest) = (path.get(..slash)?, path.get(slash + 1..)?);
        if let Some(entry) = files.get(parent)
            && entry.member.kind == Kind::Symlink
        {
            let target =
                if entry.member.link.starts_with(b"/") { inner_path(&entry.member.link) } else { relative(parent, &entry.member.link) };
            return Some(if target.is_empty() { rest.to_vec() } else { [target.as_slice(), rest].join(&b'/') });
        }
    }
    None
}

/// Where a relative link at `from` leads; climbing above the root stays at the root, as in a chroot.
fn relative(from: &[u8], link: &[u8]) -> Vec<u8> {
    let mut parts: Vec<&[u8]> = from.split(|byte| *byte == b'/').collect();
    parts.pop();
    for part in link.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => {
                parts.pop();
            }
            name => parts.push(name),
        }
    }
    parts.join(&b'/')
}
