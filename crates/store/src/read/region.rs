//! A region of a source, read once.

use std::io::{self, BufRead, Read};

use crate::format::codec::Packing;
use crate::foundation::event::{Events, Silent};
use crate::foundation::fsys::{ReadAt, Region};
use crate::foundation::limits::CHUNK_BYTES;
use crate::foundation::{Algorithm, Digest, Hasher};

/// A region read from its start to its end, hashed on the way.
pub(super) struct RegionReader {
    region: Region,
    offset: u64,
    buffer: Vec<u8>,
    at: usize,
    filled: usize,
    hasher: Option<Hasher>,
}

impl RegionReader {
    pub(super) fn new(region: Region, algorithm: Algorithm) -> Self {
        // Most layers of apps are small.
        let length = usize::try_from(region.length()).unwrap_or(CHUNK_BYTES).clamp(4096, CHUNK_BYTES);
        Self { region, offset: 0, buffer: vec![0; length], at: 0, filled: 0, hasher: Some(Hasher::new(algorithm)) }
    }

    /// How many bytes were read.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// How the bytes are compressed, by the first of them. They stay to be read: a compressed archive around the region would
    /// start again from its beginning if it were asked for them twice.
    pub(super) fn packing(&mut self) -> io::Result<Packing> {
        while self.filled < Packing::TELLING_BYTES {
            let count = self.fill()?;
            if count == 0 {
                break;
            }
        }
        Ok(Packing::by_first_bytes(self.buffer.get(self.at..self.filled).unwrap_or_default()))
    }

    /// Reads some bytes behind those that are buffered, and hashes them.
    fn fill(&mut self) -> io::Result<usize> {
        let free = self.buffer.get_mut(self.filled..).unwrap_or_default();
        let count = self.region.read_at(free, self.offset)?;
        if let (Some(hasher), Some(bytes)) = (&mut self.hasher, free.get(..count)) {
            hasher.update(bytes);
        }
        self.offset += count as u64;
        self.filled += count;
        Ok(count)
    }

    /// Reads what is left and gives the digest of everything.
    pub(super) fn finish(&mut self) -> io::Result<Option<Digest>> {
        self.finish_telling(&Silent)
    }

    pub(super) fn finish_telling(&mut self, events: &dyn Events) -> io::Result<Option<Digest>> {
        loop {
            let count = self.fill_buf()?.len();
            if count == 0 {
                return Ok(self.hasher.take().map(Hasher::finish));
            }
            events.bytes(count as u64);
            self.consume(count);
        }
    }
}

impl Read for RegionReader {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let count = available.len().min(target.len());
        if let (Some(target), Some(available)) = (target.get_mut(..count), available.get(..count)) {
            target.copy_from_slice(available);
        }
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for RegionReader {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.at == self.filled {
            self.at = 0;
            self.filled = 0;
            self.fill()?;
        }
        Ok(self.buffer.get(self.at..self.filled).unwrap_or_default())
    }

    fn consume(&mut self, count: usize) {
        self.at = (self.at + count).min(self.filled);
    }
}
