//! The content of layers: what they inflate to, and the merged view of all layers of an image.

use std::collections::BTreeMap;
use std::io::{self, Read};

use super::inflate::{Inflate, RegionReader, sniff};
use super::{Image, Source};
use crate::core::event::{Events, Silent};
use crate::core::limits::CHUNK_BYTES;
use crate::core::{Algorithm, Code, Digest, Error, Fact, Hasher, Limits, Result, text};
use crate::format::tar::{Kind, LayerReader, Member, Profile};
use crate::oci::{Descriptor, digest_mismatch, media_type};

/// A layer that is being inflated, with a bound on what comes out.
struct Inflated {
    inflate: Inflate,
    out: u64,
    most: u64,
    content: Hasher,
}

impl Read for Inflated {
    /// The reason for a failure is inside the [`io::Error`], so that whoever reads through something else finds it.
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let count = self.inflate.read(target).map_err(|error| io::Error::other(damage(error)))?;
        self.out += count as u64;
        if self.out > self.most {
            return Err(io::Error::other(
                Error::new(Code::LayerTooLarge, "a layer inflates to more than the limit")
                    .expected(Fact::new(format!("at most {} bytes", self.most), "the limits")),
            ));
        }
        self.content.update(target.get(..count).unwrap_or_default());
        Ok(count)
    }
}

impl Inflated {
    fn open(source: &Source, layer: &Descriptor, limits: &Limits) -> Result<Self> {
        let (_, compression) = media_type::layer(&layer.media_type).ok_or_else(|| {
            Error::new(Code::LayerNotConvertible, format!("{} is no filesystem layer", text::escape(&layer.media_type))).at(&layer.digest)
        })?;
        let region = source.region(layer)?;
        let found = sniff(&region);
        if found != compression {
            let error = Error::new(Code::LayerCompression, "a layer is not compressed as its media type says")
                .expected(Fact::new(format!("{compression:?}").to_lowercase(), &layer.media_type))
                .found(Fact::new(format!("{found:?}").to_lowercase(), "the first bytes of the blob"));
            return Err(blame(error, source, layer));
        }
        let inflate = Inflate::open(region, compression, layer.digest.algorithm(), limits)?;
        Ok(Self { inflate, out: 0, most: limits.layer_bytes, content: Hasher::new(Algorithm::Sha256) })
    }

    /// Reads to the end and gives the digests of what lies there and of what it inflates to.
    fn finish(mut self) -> io::Result<(Option<Digest>, Digest)> {
        let mut buffer = vec![0; CHUNK_BYTES];
        while self.read(&mut buffer)? > 0 {}
        let (blob, _) = self.inflate.finish()?;
        Ok((blob, self.content.finish()))
    }
}

/// What a decompressor says, as one of ours.
fn damage(error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => Error::new(Code::StreamTruncated, "a compressed layer ends in the middle"),
        _ if error.raw_os_error().is_some() => Error::io("read a layer", error),
        // The library gives this failure a text and no number.
        _ if error.to_string().contains("requires too much memory") => {
            Error::new(Code::ZstdWindow, "a layer needs more memory to inflate than the limit").found(Fact::new(error, "the decompressor"))
        }
        _ => Error::new(Code::StreamCorrupt, "a compressed layer is damaged").found(Fact::new(error, "the decompressor")),
    }
}

fn stream_error(error: io::Error) -> Error {
    error.downcast::<Error>().unwrap_or_else(damage)
}

/// Says where a layer failed. If its blob is not what its digest says, that is the reason for everything else.
fn blame(error: Error, source: &Source, layer: &Descriptor) -> Error {
    let error = match check_content(source, layer, &Silent) {
        Err(reason) if reason.code() == Code::BlobDigestMismatch => reason,
        _ => error,
    };
    error.at(format!("{}@{}", source.shown(), layer.digest))
}

/// Inflates a layer: checks the blob against its digest, and gives the digest of its content, which is the true diffID.
///
/// # Errors
/// `blob.*`, `descriptor.size_mismatch`, `layer.compression_mismatch`, `layer.too_large`, `stream.*`.
pub fn content_digest(source: &Source, layer: &Descriptor, limits: &Limits) -> Result<Digest> {
    let inflated = Inflated::open(source, layer, limits)?;
    let (blob, content) = inflated.finish().map_err(|error| blame(stream_error(error), source, layer))?;
    check_blob(blob, source, layer)?;
    Ok(content)
}

fn check_blob(blob: Option<Digest>, source: &Source, layer: &Descriptor) -> Result<()> {
    match blob {
        Some(blob) if blob == layer.digest => Ok(()),
        Some(blob) => Err(digest_mismatch(&layer.digest, &blob).at(source.shown())),
        None => Err(Error::new(Code::Bug, "a layer was not read to its end").at(source.shown())),
    }
}

/// Hashes a blob without inflating it.
///
/// # Errors
/// `blob.*`, `descriptor.size_mismatch`.
pub fn check_content(source: &Source, descriptor: &Descriptor, events: &dyn Events) -> Result<()> {
    let mut reader = RegionReader::new(source.region(descriptor)?, descriptor.digest.algorithm());
    let blob =
        reader.finish_telling(events).map_err(|error| Error::io(format!("read {} of {}", descriptor.digest, source.shown()), error))?;
    check_blob(blob, source, descriptor)
}

/// One file of an image, after all layers were applied.
#[derive(Debug, Clone)]
pub struct FileEntry {
    /// Header of the member that won.
    pub member: Member,
    /// The number of the layer that it came from, the lowest being 0.
    pub layer: usize,
}

/// The files of an image: layers applied from the bottom up, whiteouts obeyed (image-spec, layer.md, "Whiteouts").
///
/// Every layer is checked against its digest before this returns.
///
/// # Errors
/// Those of [`content_digest`], and `tar.*` for layers that are no tar archives.
pub fn files(image: &Image, limits: &Limits) -> Result<BTreeMap<Vec<u8>, FileEntry>> {
    let mut files = BTreeMap::new();
    for (number, layer) in image.manifest.layers.iter().enumerate() {
        let mut reader = LayerReader::over(Inflated::open(&image.source, layer, limits)?, limits, Profile::Layer);
        let mut removed: Vec<(Vec<u8>, bool)> = Vec::new();
        let mut added = Vec::new();
        while let Some(member) = reader.next_member().map_err(|error| blame(error, &image.source, layer))? {
            let path = inner_path(&member.name);
            let (parent, name) = split(&path);
            if name == b".wh..wh..opq" {
                removed.push((parent.to_vec(), true));
            } else if let Some(hidden) = name.strip_prefix(b".wh.") {
                removed.push((join(parent, hidden), false));
            } else if !path.is_empty() {
                added.push((path, member));
            }
        }
        let (blob, _) = reader.into_inner().finish().map_err(|error| blame(stream_error(error), &image.source, layer))?;
        check_blob(blob, &image.source, layer)?;
        // Whiteouts hide what lower layers brought, never what their own layer brings, wherever they stand in it.
        for (path, opaque) in removed {
            remove(&mut files, &path, !opaque);
        }
        for (path, member) in added {
            // A file in the place of a directory hides what was in it.
            if member.kind != Kind::Directory {
                remove(&mut files, &path, false);
            }
            files.insert(path, FileEntry { member, layer: number });
        }
    }
    Ok(files)
}

/// Writes the content of one regular file of an image to `out`; the layer is checked before the first byte is written.
///
/// # Errors
/// As [`files`]; `ref.not_found` if there is no such file.
pub fn file_content(image: &Image, entry: &FileEntry, limits: &Limits, out: &mut dyn io::Write) -> Result<()> {
    let Some(layer) = image.manifest.layers.get(entry.layer) else {
        return Err(Error::new(Code::Bug, "a file came from a layer that does not exist"));
    };
    let mut reader = LayerReader::over(Inflated::open(&image.source, layer, limits)?, limits, Profile::Layer);
    while let Some(member) = reader.next_member()? {
        if member.header_offset == entry.member.header_offset {
            let mut buffer = vec![0; CHUNK_BYTES];
            loop {
                let count = reader.read(&mut buffer).map_err(|error| blame(stream_error(error), &image.source, layer))?;
                if count == 0 {
                    return Ok(());
                }
                out.write_all(buffer.get(..count).unwrap_or_default()).map_err(|error| Error::io("write the file", error))?;
            }
        }
    }
    Err(Error::new(Code::InputChanged, "the layer changed while it was read").at(image.source.shown()))
}

/// A member name as a path inside the image: no leading `./` or `/`, no trailing `/`.
pub fn inner_path(name: &[u8]) -> Vec<u8> {
    let parts: Vec<&[u8]> = name.split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".").collect();
    parts.join(&b'/')
}

fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(slash) => (path.get(..slash).unwrap_or_default(), path.get(slash + 1..).unwrap_or_default()),
        None => (b"", path),
    }
}

fn join(parent: &[u8], name: &[u8]) -> Vec<u8> {
    if parent.is_empty() { name.to_vec() } else { [parent, name].join(&b'/') }
}

/// Removes everything below `path`, and with `itself` the path too.
fn remove(files: &mut BTreeMap<Vec<u8>, FileEntry>, path: &[u8], itself: bool) {
    let below = if path.is_empty() { Vec::new() } else { [path, b"/"].concat() };
    let names: Vec<Vec<u8>> =
        files.range(below.clone()..).take_while(|(name, _)| name.starts_with(&below)).map(|(name, _)| name.clone()).collect();
    for name in names {
        files.remove(&name);
    }
    if itself {
        files.remove(path);
    }
}
