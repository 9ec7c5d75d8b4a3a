//! The content of layers: what they inflate to, and the merged view of all layers of an image.

use std::collections::BTreeMap;
use std::io::{self, Read};

use super::inflate::{Inflate, RegionReader, is_window};
use super::{Image, Source};
use crate::core::event::{Events, Silent};
use crate::core::fsys::{ReadAt as _, Region};
use crate::core::limits::CHUNK_BYTES;
use crate::core::{Algorithm, Code, Digest, Error, Fact, Finding, Hasher, Limits, Result, text};
use crate::format::tar::{Kind, LayerReader, Member, Profile};
use crate::oci::media_type::{self, Compression};
use crate::oci::{Descriptor, digest_mismatch};

/// A layer that is being inflated, with a bound on what comes out.
struct Inflated<'a> {
    inflate: Inflate,
    out: u64,
    most: u64,
    content: Hasher,
    /// Whether reading failed: what is read through something else fails for this reason then, and for no other.
    failed: bool,
    events: &'a dyn Events,
    told: u64,
}

impl Read for Inflated<'_> {
    /// The reason for a failure is inside the [`io::Error`], so that whoever reads through something else finds it.
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let count = self.inflate.read(target).map_err(|error| {
            self.failed = true;
            io::Error::other(damage(error))
        })?;
        let taken = self.inflate.taken();
        self.events.bytes(taken.saturating_sub(self.told));
        self.told = taken;
        self.out += count as u64;
        if self.out > self.most {
            self.failed = true;
            return Err(io::Error::other(
                Error::new(Code::LayerTooLarge, "a layer inflates to more than the limit")
                    .expected(Fact::new(format!("at most {} bytes", self.most), "the limits")),
            ));
        }
        self.content.update(target.get(..count).unwrap_or_default());
        Ok(count)
    }
}

impl<'a> Inflated<'a> {
    fn open(source: &Source, layer: &Descriptor, limits: &Limits) -> Result<Inflated<'static>> {
        let compression = compression_of(layer)?;
        let mut reader = RegionReader::new(source.region(layer)?, layer.digest.algorithm());
        let found = reader.compression().map_err(|error| blame(stream_error(error), source, layer))?;
        if found != compression {
            return Err(blame(other_compression(layer, compression, found), source, layer));
        }
        Inflated::over(reader, compression, Algorithm::Sha256, limits, &Silent)
    }

    /// Inflates what `reader` gives and hashes it with `algorithm`.
    fn over(reader: RegionReader, compression: Compression, algorithm: Algorithm, limits: &Limits, events: &'a dyn Events) -> Result<Self> {
        Ok(Self {
            inflate: Inflate::over(reader, compression, limits)?,
            out: 0,
            most: limits.layer_bytes,
            content: Hasher::new(algorithm),
            failed: false,
            events,
            told: 0,
        })
    }

    /// Reads to the end of the content.
    fn drain(&mut self) -> io::Result<()> {
        let mut buffer = vec![0; CHUNK_BYTES];
        while self.read(&mut buffer)? > 0 {}
        Ok(())
    }

    /// Reads to the end and gives the digest of what lies there.
    fn finish(mut self) -> io::Result<Option<Digest>> {
        self.drain()?;
        Ok(self.inflate.finish()?.0)
    }
}

fn compression_of(layer: &Descriptor) -> Result<Compression> {
    let (_, compression) = media_type::layer(&layer.media_type).ok_or_else(|| {
        Error::new(Code::LayerNotConvertible, format!("{} is no filesystem layer", text::escape(&layer.media_type))).at(&layer.digest)
    })?;
    Ok(compression)
}

fn other_compression(layer: &Descriptor, expected: Compression, found: Compression) -> Error {
    Error::new(Code::LayerCompression, "a layer is not compressed as its media type says")
        .expected(Fact::new(format!("{expected:?}").to_lowercase(), &layer.media_type))
        .found(Fact::new(format!("{found:?}").to_lowercase(), "the first bytes of the blob"))
}

/// What a decompressor says, as one of ours.
fn damage(error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => Error::new(Code::StreamTruncated, "a compressed layer ends in the middle"),
        _ if error.raw_os_error().is_some() => Error::io("read a layer", error),
        _ if is_window(&error.to_string()) => {
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

/// What one pass over a layer found.
#[derive(Debug)]
pub struct Examined {
    /// The digest of the blob.
    pub blob: Digest,
    /// The digest of what it inflates to, or why it cannot be inflated.
    pub content: Result<Digest>,
    /// Whether something else than zeros stands behind the compressed data.
    pub trailing: bool,
    /// What is odd about it as a tar archive, or why it is none. Empty where the members were not asked for, and where the layer
    /// cannot be inflated.
    pub archive: Result<Vec<Finding>>,
}

/// Who looks at the members of a layer.
pub type Visit<'a> = &'a mut dyn FnMut(Member);

/// Reads a layer once: hashes the blob, inflates it, hashes what comes out with `algorithm`, and gives the members to `visit`.
/// What is wrong with the layer is in the result.
///
/// # Errors
/// `layer.not_convertible` for what is no layer, and `io`.
pub fn examine(
    region: Region,
    layer: &Descriptor,
    algorithm: Algorithm,
    visit: Option<Visit<'_>>,
    limits: &Limits,
    events: &dyn Events,
) -> Result<Examined> {
    let compression = compression_of(layer)?;
    let length = region.length();
    let unread = || Error::new(Code::Bug, "a layer was not read to its end");
    let mut reader = RegionReader::new(region, layer.digest.algorithm());
    let found = reader.compression().map_err(stream_error)?;
    if found != compression {
        let blob = reader.finish_telling(events).map_err(stream_error)?.ok_or_else(unread)?;
        return Ok(Examined { blob, content: Err(other_compression(layer, compression, found)), trailing: false, archive: Ok(Vec::new()) });
    }
    let mut inflated = Inflated::over(reader, compression, algorithm, limits, events)?;
    let mut archive = Ok(Vec::new());
    if let Some(visit) = visit {
        let mut reader = LayerReader::over(inflated, limits, Profile::Layer);
        archive = loop {
            match reader.next_member() {
                Ok(Some(member)) => visit(member),
                Ok(None) => break Ok(reader.warnings().to_vec()),
                Err(error) => break Err(error),
            }
        };
        inflated = reader.into_inner();
    }
    let (archive, failure) = match archive {
        Err(error) if inflated.failed => (Ok(Vec::new()), Some(error)),
        // What is no archive still has a content, which may be the one that the config promises.
        archive => (archive, inflated.drain().err().map(stream_error)),
    };
    let Inflated { inflate, content, told, .. } = inflated;
    let (blob, trailing) = inflate.finish().map_err(stream_error)?;
    events.bytes(length.saturating_sub(told));
    let content = failure.map_or_else(|| Ok(content.finish()), Err);
    Ok(Examined { blob: blob.ok_or_else(unread)?, trailing: trailing && content.is_ok(), content, archive })
}

/// Inflates a layer: checks the blob against its digest, and gives the digest of its content by `algorithm`, which is the true
/// diffID.
///
/// # Errors
/// `blob.*`, `descriptor.size_mismatch`, `layer.compression_mismatch`, `layer.too_large`, `stream.*`.
pub fn content_digest(source: &Source, layer: &Descriptor, algorithm: Algorithm, limits: &Limits, events: &dyn Events) -> Result<Digest> {
    let place = || format!("{}@{}", source.shown(), layer.digest);
    let examined = examine(source.region(layer)?, layer, algorithm, None, limits, events).map_err(|error| error.at(place()))?;
    // If the blob is not what its digest says, that is the reason for everything else.
    check_blob(Some(examined.blob), source, layer)?;
    examined.content.map_err(|error| error.at(place()))
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
        let blob = reader.into_inner().finish().map_err(|error| blame(stream_error(error), &image.source, layer))?;
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

/// A path as its parent and its last part.
pub fn split(path: &[u8]) -> (&[u8], &[u8]) {
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
