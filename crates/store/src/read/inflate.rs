//! Compressed bytes, read as what they inflate to and hashed as they lie.

use std::io::{self, BufRead, Read};

use super::region::RegionReader;
use super::xz::Xz;
use crate::format::codec::{Compression, Packing};
use crate::foundation::fsys::{ReadAt, Region};
use crate::foundation::limits::CHUNK_BYTES;
use crate::foundation::{Algorithm, Code, Digest, Error, Fact, Hasher, Limits, Result};

/// A compressed stream that is read as what it inflates to.
pub(super) enum Inflate {
    Plain(RegionReader),
    /// Members are read one after another (pigz and eStargz write many); whatever follows the last one is left unread,
    /// because real generators pad, and the digest of the blob covers it.
    Gzip(Option<Box<flate2::bufread::GzDecoder<RegionReader>>>, Option<RegionReader>),
    Zstd(Box<zstd::Decoder<'static, RegionReader>>),
    Xz(Box<Xz>),
}

impl Inflate {
    /// Inflates `region`.
    ///
    /// # Errors
    /// `io` if the decompressor cannot be started.
    pub(super) fn open(region: Region, packing: Packing, algorithm: Algorithm, limits: &Limits) -> Result<Self> {
        Self::over(RegionReader::new(region, algorithm), packing, limits)
    }

    /// Inflates what `reader` gives.
    ///
    /// # Errors
    /// `io` if the decompressor cannot be started.
    pub(super) fn over(reader: RegionReader, packing: Packing, limits: &Limits) -> Result<Self> {
        Ok(match packing {
            Packing::Layer(Compression::None) => Self::Plain(reader),
            Packing::Xz => Self::Xz(Box::new(Xz::new(reader))),
            Packing::Layer(Compression::Gzip) => Self::Gzip(Some(Box::new(flate2::bufread::GzDecoder::new(reader))), None),
            Packing::Layer(Compression::Zstd) => {
                let mut decoder = zstd::Decoder::with_buffer(reader).map_err(|error| Error::io("start zstd", error))?;
                decoder.window_log_max(limits.zstd_window_log).map_err(|error| Error::io("bound the window of zstd", error))?;
                Self::Zstd(Box::new(decoder))
            }
        })
    }

    /// How many compressed bytes were read.
    pub(super) fn taken(&self) -> u64 {
        match self {
            Self::Plain(reader) | Self::Gzip(_, Some(reader)) => reader.offset(),
            Self::Gzip(Some(decoder), None) => decoder.get_ref().offset(),
            Self::Gzip(None, None) => 0,
            Self::Zstd(decoder) => decoder.get_ref().offset(),
            Self::Xz(decoder) => decoder.reader().offset(),
        }
    }

    /// Reads what is left of the compressed bytes: their digest, and whether anything but zeros followed the compressed data.
    pub(super) fn finish(self) -> io::Result<(Option<Digest>, bool)> {
        let mut reader = match self {
            Self::Plain(reader) | Self::Gzip(_, Some(reader)) => reader,
            Self::Gzip(Some(decoder), None) => decoder.into_inner(),
            Self::Gzip(None, None) => return Ok((None, false)),
            Self::Zstd(decoder) => decoder.finish(),
            Self::Xz(decoder) => decoder.into_reader(),
        };
        let mut trailing = false;
        loop {
            let rest = reader.fill_buf()?;
            let count = rest.len();
            if count == 0 {
                break;
            }
            trailing |= rest.iter().any(|byte| *byte != 0);
            reader.consume(count);
        }
        Ok((reader.finish()?, trailing))
    }
}

impl Read for Inflate {
    /// What is wrong with the compressed data is an [`Error`] inside: `stream.truncated`, `stream.corrupt`, `zstd.window`,
    /// `xz.dictionary`. What the system says stays as it is.
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        self.inflate(target).map_err(typed)
    }
}

impl Inflate {
    fn inflate(&mut self, target: &mut [u8]) -> io::Result<usize> {
        if target.is_empty() {
            // zstd takes reading nothing for a failure when it happens often.
            return Ok(0);
        }
        match self {
            Self::Plain(reader) => reader.read(target),
            Self::Zstd(decoder) => decoder.read(target),
            Self::Xz(decoder) => decoder.read(target),
            Self::Gzip(decoder, rest) => loop {
                let Some(current) = decoder else { return Ok(0) };
                let count = current.read(target)?;
                if count > 0 {
                    return Ok(count);
                }
                let Some(finished) = decoder.take() else { return Ok(0) };
                let mut reader = finished.into_inner();
                if reader.fill_buf()?.starts_with(b"\x1f") {
                    *decoder = Some(Box::new(flate2::bufread::GzDecoder::new(reader)));
                } else {
                    *rest = Some(reader);
                }
            },
        }
    }
}

/// What a decompressor says, as one of ours.
fn typed(error: io::Error) -> io::Error {
    if error.raw_os_error().is_some() || matches!(error.get_ref(), Some(inner) if inner.is::<Error>()) {
        return error;
    }
    let (code, message) = match error.kind() {
        io::ErrorKind::UnexpectedEof => (Code::StreamTruncated, "compressed data ends in the middle"),
        // zstd gives this failure a text and no number; a test holds the text of the version that is locked.
        _ if error.to_string().contains("requires too much memory") => (Code::ZstdWindow, "inflating takes more memory than the limit"),
        _ => (Code::StreamCorrupt, "compressed data is damaged"),
    };
    io::Error::other(Error::new(code, message).found(Fact::new(error, "the decompressor")))
}

/// The reason why reading or inflating failed.
pub(super) fn reason(error: io::Error) -> Error {
    error.downcast::<Error>().unwrap_or_else(|error| Error::io("read compressed data", error))
}

/// How the bytes of a region are packed.
pub(super) fn sniff(region: &Region) -> Packing {
    let mut start = [0; Packing::TELLING_BYTES];
    // What cannot be read here cannot be read by who reads the rest, or is not what its digest says then.
    region.read_exact_at(&mut start, 0).map_or(Packing::PLAIN, |()| Packing::by_first_bytes(&start))
}

/// The digest of a blob of which none is known, and that of what it inflates to.
///
/// # Errors
/// `stream.*`, `layer.too_large`, `io`.
pub(super) fn digests(region: &Region, packing: Packing, algorithm: Algorithm, limits: &Limits) -> Result<(Digest, Digest)> {
    let mut inflate = Inflate::open(region.clone(), packing, Algorithm::Sha256, limits)?;
    let mut hasher = Hasher::new(algorithm);
    let mut buffer = vec![0; CHUNK_BYTES];
    let mut length = 0_u64;
    loop {
        let count = inflate.read(&mut buffer).map_err(reason)?;
        if count == 0 {
            break;
        }
        length += count as u64;
        if length > limits.layer_bytes {
            return Err(Error::new(Code::LayerTooLarge, "a layer inflates to more than the limit")
                .expected(Fact::new(format!("at most {} bytes", limits.layer_bytes), "the limits")));
        }
        hasher.update(buffer.get(..count).unwrap_or_default());
    }
    let (digest, _) = inflate.finish().map_err(reason)?;
    let digest = digest.ok_or_else(|| Error::new(Code::Bug, "a layer was not read to its end"))?;
    Ok((digest, hasher.finish()))
}

/// The digest of a blob of which none is known.
pub(super) fn blob_digest(region: &Region, algorithm: Algorithm) -> Result<Digest> {
    let digest = RegionReader::new(region.clone(), algorithm).finish().map_err(|error| Error::io("read a layer", error))?;
    digest.ok_or_else(|| Error::new(Code::Bug, "a layer was not read to its end"))
}
