//! Members of an archive that comes as a stream.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::cast_possible_truncation)]

use std::fmt;
use std::io::{self, BufRead, BufReader, Read};

use super::framing::{Framer, Step};
use super::walk::truncated;
use super::{BLOCK, BLOCK_BYTES, Member, Profile, padded};
use crate::foundation::limits::CHUNK_BYTES;
use crate::foundation::{Code, Error, Fact, Finding, Limits, Result};

/// Reads a decompressed layer, or any archive that cannot be read by position, from front to back.
///
/// Between two calls of [`LayerReader::next_member`] the content of the member can be read through [`Read`]; what was
/// not read is skipped. When `next_member` gives `None`, the stream beneath was read to its very end, padding included,
/// so a hash taken beneath is the hash of everything.
pub struct LayerReader<R> {
    inner: BufReader<R>,
    framer: Framer,
    /// How many bytes were taken.
    position: u64,
    /// The member that is being read: where its content starts, its size, and how much is left.
    content_at: u64,
    content: u64,
    left: u64,
    /// The most bytes that the stream may have.
    most: u64,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Over,
    Refused(Code),
}

impl<R: Read> LayerReader<R> {
    /// Starts at the next byte of `inner`.
    pub fn over(inner: R, limits: &Limits, profile: Profile) -> Self {
        Self {
            inner: BufReader::with_capacity(CHUNK_BYTES, inner),
            framer: Framer::new(limits, profile),
            position: 0,
            content_at: 0,
            content: 0,
            left: 0,
            most: match profile {
                Profile::Archive => u64::MAX,
                Profile::Layer => limits.layer_bytes,
            },
            state: State::Open,
        }
    }

    /// The next member, after what is left of the last one. `None` at the end of the stream.
    ///
    /// # Errors
    /// All of framing, `archive.truncated`, `layer.too_large`, `io`. After an error there is nothing but errors.
    pub fn next_member(&mut self) -> Result<Option<Member>> {
        self.guarded(|reader| {
            if reader.state == State::Over {
                return Ok(None);
            }
            reader.finish_content()?;
            let member = reader.step()?;
            if member.is_none() {
                reader.state = State::Over;
            }
            Ok(member)
        })
    }

    /// Some bytes of the content of the current member; 0 at its end, or for an empty buffer.
    ///
    /// # Errors
    /// `archive.truncated`, `layer.too_large`, `io`.
    pub fn read_content(&mut self, buffer: &mut [u8]) -> Result<usize> {
        self.guarded(|reader| {
            let most = usize::try_from(reader.left).unwrap_or(usize::MAX).min(buffer.len());
            let buffer = buffer.get_mut(..most).unwrap_or_default();
            if buffer.is_empty() {
                return Ok(0);
            }
            let count = reader.take(buffer)?;
            if count == 0 {
                return Err(reader.cut());
            }
            reader.left = reader.left.saturating_sub(count as u64);
            Ok(count)
        })
    }

    /// How many bytes were taken from the stream.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// What was odd and accepted all the same, at most one finding of a code. Complete when there are no more members.
    pub fn warnings(&self) -> &[Finding] {
        self.framer.warnings()
    }

    /// The stream. Bytes that were read ahead are lost, so this is for the end.
    pub fn into_inner(self) -> R {
        self.inner.into_inner()
    }

    fn guarded<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if let State::Refused(code) = self.state {
            return Err(Error::new(code, "the archive was refused before"));
        }
        let result = work(self);
        if let Err(error) = &result {
            self.state = State::Refused(error.code());
        }
        result
    }

    fn step(&mut self) -> Result<Option<Member>> {
        loop {
            let at = self.position;
            let mut block = [0; BLOCK];
            match self.fill(&mut block)? {
                0 => {
                    self.framer.finish(at)?;
                    return Ok(None);
                }
                BLOCK => {}
                _ => return Err(truncated("a header", BLOCK_BYTES, at, self.position)),
            }
            match self.framer.block(at, &block)? {
                Step::Block => {}
                Step::Body(size) => {
                    let at = self.position;
                    let body = self.body(size)?;
                    self.framer.body(at, &body)?;
                }
                Step::Member(member) => {
                    self.content_at = self.position;
                    self.content = member.size;
                    self.left = member.size;
                    return Ok(Some(member));
                }
                Step::End => {
                    self.drain()?;
                    return Ok(None);
                }
            }
        }
    }

    /// The body of an extension header, whose size is within the limits, with its padding.
    fn body(&mut self, size: u64) -> Result<Vec<u8>> {
        let at = self.position;
        let whole = padded(size).unwrap_or(u64::MAX);
        // The buffer grows with what is there, not with what the header claims.
        let mut body = Vec::new();
        while (body.len() as u64) < whole {
            let mut block = [0; BLOCK];
            if self.fill(&mut block)? < BLOCK {
                return Err(truncated("an extension header", size, at, self.position));
            }
            body.extend_from_slice(&block);
        }
        Ok(body)
    }

    /// Skips what is left of the member and its padding.
    fn finish_content(&mut self) -> Result<()> {
        let padding = padded(self.content).map_or(0, |whole| whole.saturating_sub(self.content));
        let mut left = self.left.saturating_add(padding);
        while left > 0 {
            let count = {
                let bytes = available(&mut self.inner, self.position)?;
                bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX))
            };
            if count == 0 {
                return Err(self.cut());
            }
            self.inner.consume(count);
            self.advance(count)?;
            left = left.saturating_sub(count as u64);
        }
        self.content = 0;
        self.left = 0;
        Ok(())
    }

    /// Reads on to the end of the stream.
    fn drain(&mut self) -> Result<()> {
        loop {
            let bytes = available(&mut self.inner, self.position)?;
            if bytes.is_empty() {
                return Ok(());
            }
            let count = bytes.len();
            self.framer.after_end(self.position, bytes)?;
            self.inner.consume(count);
            self.advance(count)?;
        }
    }

    /// Fills `buffer` as far as the stream goes.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let mut filled: usize = 0;
        while let Some(rest) = buffer.get_mut(filled..)
            && !rest.is_empty()
        {
            match self.take(rest)? {
                0 => break,
                count => filled = filled.saturating_add(count),
            }
        }
        Ok(filled)
    }

    fn take(&mut self, buffer: &mut [u8]) -> Result<usize> {
        loop {
            match self.inner.read(buffer) {
                Ok(count) => {
                    self.advance(count)?;
                    return Ok(count);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(beneath(error, self.position)),
            }
        }
    }

    fn advance(&mut self, count: usize) -> Result<()> {
        self.position = self.position.saturating_add(count as u64);
        if self.position <= self.most {
            return Ok(());
        }
        Err(Error::new(Code::LayerTooLarge, "the layer is larger than the limit")
            .expected(Fact::new(format!("at most {} bytes", self.most), "the limits"))
            .found(Fact::new("more", "the decompressed stream")))
    }

    fn cut(&self) -> Error {
        truncated("the content of a member", self.content, self.content_at, self.position)
    }
}

impl<R: Read> Read for LayerReader<R> {
    /// See [`LayerReader::read_content`]; the error is inside the [`io::Error`].
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read_content(buffer).map_err(io::Error::other)
    }
}

impl<R> fmt::Debug for LayerReader<R> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "LayerReader(at {}, {:?})", self.position, self.state)
    }
}

/// Bytes that are there now; none at the end of the stream.
fn available<R: Read>(inner: &mut BufReader<R>, position: u64) -> Result<&[u8]> {
    while let Err(error) = inner.fill_buf() {
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(beneath(error, position));
        }
    }
    // The buffer is filled, or the stream is over: this reads nothing more, or finds the end again.
    inner.fill_buf().map_err(|error| beneath(error, position))
}

/// A failure of the stream beneath: one of ours if it carries one, such as a damaged compressed stream.
fn beneath(error: io::Error, position: u64) -> Error {
    error.downcast::<Error>().unwrap_or_else(|error| Error::io(format!("read the archive at offset {position}"), error))
}
