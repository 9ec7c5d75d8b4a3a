//! xz, read as what it inflates to. It is never written: no layer may be compressed so.

use std::io::{self, BufRead as _};

use xz4rust::{XzDecoder, XzError, XzNextBlockResult};

use super::region::RegionReader;
use crate::foundation::{Code, Error, Fact};

/// The largest dictionary that is taken, which is that of `xz -9`. A file may ask for 4 GiB.
const DICTIONARY_BYTES: usize = 64 << 20;
/// What a stream begins with: The .xz File Format, section 2.1.1.1.
const MAGIC: u8 = 0xfd;

/// Streams one behind the other, with zeros between them (section 2.2), as `xz` and `pixz` write them.
pub(super) struct Xz {
    decoder: Box<XzDecoder<'static>>,
    reader: RegionReader,
    is_between: bool,
}

impl Xz {
    pub(super) fn new(reader: RegionReader) -> Self {
        let decoder = XzDecoder::in_heap_with_alloc_dict_size(0, DICTIONARY_BYTES);
        Self { decoder, reader, is_between: false }
    }

    pub(super) fn reader(&self) -> &RegionReader {
        &self.reader
    }

    pub(super) fn into_reader(self) -> RegionReader {
        self.reader
    }

    /// Inflates some bytes; none behind the last stream, whatever is there.
    ///
    /// # Errors
    /// Those of reading as they are, and of the data as an [`Error`] inside: `stream.corrupt`, `stream.truncated`, `xz.dictionary`.
    pub(super) fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.is_between && !self.starts_again()? {
                return Ok(0);
            }
            let input = self.reader.fill_buf()?;
            if input.is_empty() {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
            }
            let result = self.decoder.decode(input, target).map_err(|error| io::Error::other(refusal(&error)))?;
            self.reader.consume(result.input_consumed());
            if let XzNextBlockResult::EndOfStream(..) = result {
                self.decoder.reset();
                self.is_between = true;
            }
            if result.output_produced() > 0 {
                return Ok(result.output_produced());
            }
        }
    }

    /// Whether another stream comes after the zeros that follow.
    fn starts_again(&mut self) -> io::Result<bool> {
        loop {
            let rest = self.reader.fill_buf()?;
            let zeros = rest.iter().take_while(|byte| **byte == 0).count();
            match rest.get(zeros) {
                Some(&first) => {
                    self.reader.consume(zeros);
                    self.is_between = first != MAGIC;
                    return Ok(first == MAGIC);
                }
                None if zeros == 0 => return Ok(false),
                None => self.reader.consume(zeros),
            }
        }
    }
}

fn refusal(error: &XzError) -> Error {
    match error {
        XzError::DictionaryTooLarge(needed) => too_large(&format!("{needed} bytes")),
        // The largest code has a number of its own, because it stands for one byte less than 4 GiB (section 5.3.1).
        XzError::UnsupportedLzmaProperties(40) => too_large("4294967295 bytes"),
        // Rare (`xz --check=sha256`), and not read: it would need a second implementation of the hash.
        XzError::Sha256NotSupported | XzError::UnsupportedCheckType(_) => {
            Error::new(Code::SourceUnsupported, "the xz file has a check that is not read here")
                .expected(Fact::new("CRC32, CRC64 or none", "airbase"))
                .found(Fact::new(error, "the header of the xz file"))
                .hint("Decompress it first: `xz -dk FILE`.")
        }
        _ => Error::new(Code::StreamCorrupt, "compressed data is damaged").found(Fact::new(error, "the decompressor")),
    }
}

fn too_large(needed: &str) -> Error {
    Error::new(Code::XzDictionary, "inflating takes more memory than the limit")
        .expected(Fact::new(format!("a dictionary of at most {DICTIONARY_BYTES} bytes"), "the limits"))
        .found(Fact::new(needed, "the header of an xz block"))
}
