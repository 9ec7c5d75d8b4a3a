//! The content of layers: what they inflate to, and the members of what comes out.

use std::collections::BTreeMap;
use std::io::{self, Read};

use super::Source;
use super::inflate::{self, Inflate};
use super::region::RegionReader;
use crate::format::codec::Packing;
use crate::format::tar::{Kind, LayerReader, Member, Profile};
use crate::foundation::event::{Events, Silent};
use crate::foundation::fsys::{ReadAt as _, Region};
use crate::foundation::limits::CHUNK_BYTES;
use crate::foundation::{Algorithm, Code, Digest, Error, Fact, Finding, Hasher, Limits, Result, text};
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
        let count = self.inflate.read(target).inspect_err(|_| self.failed = true)?;
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
        let reader = RegionReader::new(source.region(layer)?, layer.digest.algorithm());
        Inflated::over(reader, compression_of(layer)?, Algorithm::Sha256, limits, &Silent)
    }

    /// Inflates what `reader` gives and hashes it with `algorithm`.
    fn over(reader: RegionReader, compression: Compression, algorithm: Algorithm, limits: &Limits, events: &'a dyn Events) -> Result<Self> {
        Ok(Self {
            inflate: Inflate::over(reader, Packing::Layer(compression), limits)?,
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
        // Behind an archive there is little.
        let mut buffer = vec![0; CHUNK_BYTES / 8];
        while self.read(&mut buffer)? > 0 {}
        Ok(())
    }
}

fn compression_of(layer: &Descriptor) -> Result<Compression> {
    let (_, compression) = media_type::layer(&layer.media_type).ok_or_else(|| {
        Error::new(Code::LayerNotConvertible, format!("{} is no filesystem layer", text::escape(&layer.media_type))).at(&layer.digest)
    })?;
    Ok(compression)
}

fn other_compression(layer: &Descriptor, expected: Packing, found: Packing) -> Error {
    Error::new(Code::LayerCompression, "a layer is not compressed as its media type says")
        .expected(Fact::new(expected, &layer.media_type))
        .found(Fact::new(found, "the first bytes of the blob"))
}

/// What one pass over a layer found.
#[derive(Debug)]
pub struct Examined {
    /// The digest of the blob.
    pub blob: Digest,
    /// The digest of what it inflates to, or why it cannot be inflated.
    pub content: Result<Digest>,
    /// Whether something else than zeros follows the compressed data.
    pub trailing: bool,
    /// What is odd about it as a tar archive, or why it is none. Empty where the members were not asked for, and where the layer
    /// cannot be inflated.
    pub archive: Result<Vec<Finding>>,
}

/// Who looks at the members of a layer: it is given the number of each, its header, and its content to read.
pub type Visit<'a> = &'a mut dyn FnMut(u32, &Member, &mut dyn Read) -> Result<()>;

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
    let (packing, found) = (Packing::Layer(compression), reader.packing().map_err(inflate::reason)?);
    if found != packing {
        let blob = reader.finish_telling(events).map_err(inflate::reason)?.ok_or_else(unread)?;
        return Ok(Examined { blob, content: Err(other_compression(layer, packing, found)), trailing: false, archive: Ok(Vec::new()) });
    }
    let mut inflated = Inflated::over(reader, compression, algorithm, limits, events)?;
    let mut archive = Ok(Vec::new());
    if let Some(visit) = visit {
        let mut reader = LayerReader::over(inflated, limits, Profile::Layer);
        let mut ordinal = 0;
        archive = loop {
            let visited = match reader.next_member() {
                Ok(Some(member)) => visit(ordinal, &member, &mut reader),
                Ok(None) => break Ok(reader.warnings().to_vec()),
                Err(error) => Err(error),
            };
            if let Err(error) = visited {
                break Err(error);
            }
            ordinal = ordinal.saturating_add(1);
        };
        inflated = reader.into_inner();
    }
    let (archive, failure) = match archive {
        Err(error) if inflated.failed => (Ok(Vec::new()), Some(error)),
        // What is no archive still has a content, which may be the one that the config promises.
        archive => (archive, inflated.drain().err().map(inflate::reason)),
    };
    let Inflated { inflate, content, told, .. } = inflated;
    let (blob, trailing) = inflate.finish().map_err(inflate::reason)?;
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

/// Reads a layer once: checks the blob against its digest and gives every member with its content to `visit`. What `visit` was
/// given counts only if this ends well. Gives the digest of the content.
///
/// # Errors
/// Those of [`content_digest`] and of `visit`, and `tar.*` for layers that are no tar archives.
pub fn scan(source: &Source, layer: &Descriptor, limits: &Limits, events: &dyn Events, visit: Visit<'_>) -> Result<Digest> {
    let place = |error: Error| error.at(format!("{}@{}", source.shown(), layer.digest));
    let examined = examine(source.region(layer)?, layer, Algorithm::Sha256, Some(visit), limits, events).map_err(place)?;
    // If the blob is not what its digest says, that is the reason for everything else.
    check_blob(Some(examined.blob), source, layer)?;
    let content = examined.content.map_err(place)?;
    examined.archive.map_err(place)?;
    Ok(content)
}

/// Contents of files that are kept in memory while layers are read.
pub struct Keep<'a> {
    wanted: &'a dyn Fn(&Member) -> bool,
    /// How many bytes may still be kept.
    left: u64,
    contents: BTreeMap<(usize, u32), Vec<u8>>,
}

impl<'a> Keep<'a> {
    /// Keeps the contents of files that `wanted` chooses, up to `most` bytes in all; beyond it nothing.
    pub fn up_to(most: u64, wanted: &'a dyn Fn(&Member) -> bool) -> Self {
        Self { wanted, left: most, contents: BTreeMap::new() }
    }

    /// Keeps nothing.
    pub fn nothing() -> Keep<'static> {
        Keep::up_to(0, &|_| false)
    }

    /// Takes the content of a member, if it is wanted and there is room.
    ///
    /// # Errors
    /// Those of reading the layer.
    pub(super) fn take(&mut self, layer: usize, ordinal: u32, member: &Member, content: &mut dyn Read) -> Result<()> {
        if member.kind != Kind::File || member.size > self.left || !(self.wanted)(member) {
            return Ok(());
        }
        self.left -= member.size;
        let mut bytes = Vec::new();
        content.read_to_end(&mut bytes).map_err(inflate::reason)?;
        self.contents.insert((layer, ordinal), bytes);
        Ok(())
    }

    /// The content of a member, if it was kept.
    pub fn content(&self, layer: usize, ordinal: u32) -> Option<&[u8]> {
        self.contents.get(&(layer, ordinal)).map(Vec::as_slice)
    }
}

impl std::fmt::Debug for Keep<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Keep({} contents)", self.contents.len())
    }
}

/// Writes the content of one member of a layer to `out`. The layer must have been read as a whole before, so that it is known
/// to be what its digest says.
///
/// # Errors
/// As [`scan`]; `input.changed` if there is no such member any more.
pub(crate) fn member_content(source: &Source, layer: &Descriptor, ordinal: u32, limits: &Limits, out: &mut dyn io::Write) -> Result<()> {
    let mut reader = LayerReader::over(Inflated::open(source, layer, limits)?, limits, Profile::Layer);
    for _ in 0..ordinal {
        reader.next_member()?;
    }
    if reader.next_member()?.is_none() {
        return Err(Error::new(Code::InputChanged, "the layer changed while it was read").at(source.shown()));
    }
    let mut buffer = vec![0; CHUNK_BYTES];
    loop {
        let count = reader.read_content(&mut buffer)?;
        if count == 0 {
            return Ok(());
        }
        out.write_all(buffer.get(..count).unwrap_or_default()).map_err(|error| Error::io("write the file", error))?;
    }
}
