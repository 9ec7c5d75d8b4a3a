//! Members of an archive that can be read by position.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::cast_possible_truncation)]

use std::fmt;

use super::framing::{Framer, Step};
use super::{BLOCK, BLOCK_BYTES, Member, Profile, padded};
use crate::foundation::fsys::ReadAt;
use crate::foundation::limits::CHUNK_BYTES;
use crate::foundation::{Code, Error, Fact, Finding, Limits, Result};

/// How much is read to see one header. Small members follow each other closely, so one read serves several headers;
/// for large ones the unused part costs next to nothing.
const WINDOW_BYTES: usize = 4096;

/// Walks over the members of an archive. It reads headers only, never content, and ends after the first error.
pub struct Walk<'a, S: ReadAt + ?Sized = dyn ReadAt> {
    source: &'a S,
    framer: Framer,
    position: u64,
    window: Vec<u8>,
    window_at: u64,
    over: bool,
}

impl<'a, S: ReadAt + ?Sized> Walk<'a, S> {
    /// Starts at the first byte of `source`.
    pub fn over(source: &'a S, limits: &Limits, profile: Profile) -> Self {
        Self { source, framer: Framer::new(limits, profile), position: 0, window: Vec::new(), window_at: 0, over: false }
    }

    /// What was odd and accepted all the same, at most one finding of a code. Complete when the walk is over.
    pub fn warnings(&self) -> &[Finding] {
        self.framer.warnings()
    }

    fn step(&mut self) -> Result<Option<Member>> {
        loop {
            let at = self.position;
            let left = self.source.length().saturating_sub(at);
            if left == 0 {
                self.framer.finish(at)?;
                return Ok(None);
            }
            self.skip(BLOCK_BYTES, "a header")?;
            let block = self.block(at)?;
            match self.framer.block(at, &block)? {
                Step::Block => {}
                Step::Body(size) => {
                    let start = self.position;
                    self.skip(size, "an extension header")?;
                    // The size is within the limits, and the padded body within the archive.
                    let whole = self.position.saturating_sub(start);
                    let mut body = vec![0; usize::try_from(whole).unwrap_or(usize::MAX)];
                    self.read(&mut body, start)?;
                    self.framer.body(start, &body)?;
                }
                Step::Member(member) => {
                    self.skip(member.size, "the content of a member")?;
                    return Ok(Some(member));
                }
                Step::End => {
                    self.tail()?;
                    return Ok(None);
                }
            }
        }
    }

    /// Moves over `size` bytes and their padding, all of which must be there.
    fn skip(&mut self, size: u64, what: &str) -> Result<()> {
        let end = padded(size).and_then(|size| self.position.checked_add(size));
        match end {
            Some(end) if end <= self.source.length() => {
                self.position = end;
                Ok(())
            }
            _ => Err(truncated(what, size, self.position, self.source.length())),
        }
    }

    /// The block at `at`, which lies within the archive.
    fn block(&mut self, at: u64) -> Result<[u8; BLOCK]> {
        let mut block = [0; BLOCK];
        if let Some(bytes) = self.windowed(at, BLOCK) {
            block.copy_from_slice(bytes);
            return Ok(block);
        }
        let left = self.source.length().saturating_sub(at);
        let size = usize::try_from(left).unwrap_or(usize::MAX).min(WINDOW_BYTES);
        let mut window = std::mem::take(&mut self.window);
        window.resize(size, 0);
        let read = self.read_through(&mut window, at);
        self.window = window;
        self.window_at = at;
        read?;
        if let Some(bytes) = self.windowed(at, BLOCK) {
            block.copy_from_slice(bytes);
        }
        Ok(block)
    }

    /// Fills `buffer` from `at`, out of the window if it is there.
    fn read(&self, buffer: &mut [u8], at: u64) -> Result<()> {
        match self.windowed(at, buffer.len()) {
            Some(bytes) => {
                buffer.copy_from_slice(bytes);
                Ok(())
            }
            None => self.read_through(buffer, at),
        }
    }

    fn windowed(&self, at: u64, length: usize) -> Option<&[u8]> {
        let start = usize::try_from(at.checked_sub(self.window_at)?).ok()?;
        self.window.get(start..start.checked_add(length)?)
    }

    fn read_through(&self, buffer: &mut [u8], at: u64) -> Result<()> {
        self.source.read_exact_at(buffer, at).map_err(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => Error::new(Code::InputChanged, "the archive became shorter while it was read")
                .expected(Fact::new(format!("{} bytes", self.source.length()), "its size when it was opened"))
                .found(Fact::new("fewer", format!("a read at offset {at}"))),
            _ => Error::io(format!("read the archive at offset {at}"), error),
        })
    }

    /// Looks at what follows the end marker.
    fn tail(&mut self) -> Result<()> {
        let mut buffer = Vec::new();
        loop {
            let left = self.source.length().saturating_sub(self.position);
            if left == 0 {
                return Ok(());
            }
            buffer.resize(usize::try_from(left).unwrap_or(usize::MAX).min(CHUNK_BYTES), 0);
            self.read(&mut buffer, self.position)?;
            self.framer.after_end(self.position, &buffer)?;
            self.position = self.position.saturating_add(buffer.len() as u64);
        }
    }
}

impl<S: ReadAt + ?Sized> Iterator for Walk<'_, S> {
    type Item = Result<Member>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let next = self.step().transpose();
        self.over = !matches!(next, Some(Ok(_)));
        next
    }
}

impl<S: ReadAt + ?Sized> std::iter::FusedIterator for Walk<'_, S> {}

impl<S: ReadAt + ?Sized> fmt::Debug for Walk<'_, S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Walk(at {})", self.position)
    }
}

/// The archive ends at `end`, but `size` bytes and their padding should start at `at`.
pub(super) fn truncated(what: &str, size: u64, at: u64, end: u64) -> Error {
    let wanted = match padded(size) {
        Some(whole) if whole != size => format!("{size} bytes and {} of padding", whole.saturating_sub(size)),
        _ => format!("{size} bytes"),
    };
    Error::new(Code::ArchiveTruncated, format!("the archive ends in {what}"))
        .expected(Fact::new(wanted, format!("{what} at offset {at}")))
        .found(Fact::new(format!("{} bytes", end.saturating_sub(at)), format!("the end at offset {end}")))
}
