//! A blob on its way to a disk.

use std::fmt;
use std::sync::atomic::Ordering;

use crate::foundation::event::Events;
use crate::foundation::fsys::{ReadAt, Region};
use crate::foundation::workers::Worker;
use crate::foundation::{Code, Digest, Error, Fact, Hasher, Limits, Result};
use crate::oci::{self, Verified};

/// Where the bytes of a blob come from.
#[derive(Clone, Copy)]
pub enum Content<'a> {
    /// Memory.
    Bytes(&'a [u8]),
    /// A file, or a part of one.
    Source(&'a dyn ReadAt),
    /// What is opened when its turn comes.
    Closed(&'a dyn Closed),
}

/// A blob that is opened only while it is copied: of half a million, open files would take more memory than their digests.
pub trait Closed: Sync {
    /// Opens it.
    ///
    /// # Errors
    /// Those of a blob that is not there any more, or not as large as it was.
    fn open(&self) -> Result<Region>;

    /// As [`ReadAt::sequence`].
    fn sequence(&self) -> Option<(u64, u64)>;
}

/// A blob to be written, and what it must turn out to be.
#[derive(Clone)]
pub struct Payload<'a> {
    /// The digest that its bytes must have; it is also its name.
    pub digest: Digest,
    /// The size that it must have.
    pub size: u64,
    /// The bytes, which nobody has to have checked: they are hashed while they are written.
    pub content: Content<'a>,
}

impl<'a> Payload<'a> {
    /// A document that is in memory; its digest is computed.
    pub fn document(bytes: &'a [u8]) -> Self {
        Self { digest: Digest::sha256(bytes), size: bytes.len() as u64, content: Content::Bytes(bytes) }
    }

    /// A document that was verified or made here.
    pub fn of(document: &'a Verified) -> Self {
        Self { digest: document.digest().clone(), size: document.size(), content: Content::Bytes(document.bytes()) }
    }

    /// Its size, and where it lies in a stream, for the order of the work.
    pub(super) fn place(&self) -> (u64, Option<(u64, u64)>) {
        match self.content {
            Content::Bytes(_) => (self.size, None),
            Content::Source(source) => (self.size, source.sequence()),
            Content::Closed(blob) => (self.size, blob.sequence()),
        }
    }

    /// What of the content is at `done`, as much as the buffer takes and not more than the descriptor says.
    fn piece<'b>(&'b self, done: u64, buffer: &'b mut [u8]) -> Result<&'b [u8]> {
        let most = usize::try_from(self.size.saturating_sub(done)).unwrap_or(usize::MAX).min(buffer.len());
        self.piece_of(done, most, buffer)
    }

    fn piece_of<'b>(&'b self, done: u64, most: usize, buffer: &'b mut [u8]) -> Result<&'b [u8]> {
        Ok(match self.content {
            // Bytes in memory cannot change behind the hash, so they are not copied.
            Content::Bytes(bytes) => {
                let rest = usize::try_from(done).ok().and_then(|from| bytes.get(from..)).unwrap_or_default();
                rest.get(..most.min(rest.len())).unwrap_or_default()
            }
            Content::Source(source) => {
                let target = buffer.get_mut(..most).unwrap_or_default();
                let count =
                    source.read_at(target, done).map_err(|error| Error::io(format!("read the content of {}", self.digest), error))?;
                target.get(..count).unwrap_or_default()
            }
            // It is opened before.
            Content::Closed(_) => &[],
        })
    }

    /// Hands the bytes piece by piece, with the offset of each, to `sink`, and refuses them at the end if they are not
    /// what they must be. The bytes that are hashed are those in the buffer that `sink` gets, so what is written is
    /// what was verified, even if the source changes meanwhile. At most `size` bytes reach the sink, and at most one
    /// more is read.
    ///
    /// # Errors
    /// `descriptor.size_mismatch`, `blob.digest_mismatch`, `io`, and whatever `sink` refuses.
    pub(super) fn copy(&self, worker: &mut Worker<'_>, events: &dyn Events, mut sink: impl FnMut(&[u8], u64) -> Result<()>) -> Result<()> {
        if let Content::Closed(blob) = self.content {
            let region = blob.open()?;
            let opened = Payload { digest: self.digest.clone(), size: self.size, content: Content::Source(&region) };
            return opened.copy(worker, events, sink);
        }
        self.check_length()?;
        let mut hasher = Hasher::new(self.digest.algorithm());
        let mut done: u64 = 0;
        while done < self.size {
            if worker.stop.load(Ordering::Relaxed) {
                return Err(stopped());
            }
            let piece = self.piece(done, worker.buffer)?;
            if piece.is_empty() {
                return Err(self.size_mismatch(format!("{done} bytes")));
            }
            hasher.update(piece);
            sink(piece, done)?;
            done = done.saturating_add(piece.len() as u64);
            events.bytes(piece.len() as u64);
        }
        if !self.piece_of(self.size, 1, &mut [0])?.is_empty() {
            return Err(self.size_mismatch("more bytes".to_owned()));
        }
        let found = hasher.finish();
        if found == self.digest {
            return Ok(());
        }
        Err(Error::new(Code::BlobDigestMismatch, "the bytes of the blob do not have its digest; it was not written")
            .at(&self.digest)
            .expected(Fact::new(&self.digest, "the descriptor"))
            .found(Fact::new(found, "the bytes")))
    }

    /// Refuses a document, which is what is in memory, that a reader with these limits would refuse.
    ///
    /// # Errors
    /// `output.limit`.
    pub(super) fn check_readable(&self, limits: &Limits) -> Result<()> {
        match self.content {
            Content::Bytes(bytes) => oci::check_readable(bytes, limits).map_err(|error| error.at(&self.digest)),
            Content::Source(_) | Content::Closed(_) => Ok(()),
        }
    }

    /// Refuses a source that says itself that it has another size, before anything is written or reserved for it.
    pub(super) fn check_length(&self) -> Result<()> {
        let length = match self.content {
            Content::Bytes(bytes) => bytes.len() as u64,
            Content::Source(source) => source.length(),
            // It is compared when it is opened.
            Content::Closed(_) => return Ok(()),
        };
        if length == self.size { Ok(()) } else { Err(self.size_mismatch(format!("{length} bytes"))) }
    }

    fn size_mismatch(&self, found: String) -> Error {
        Error::new(Code::DescriptorSizeMismatch, "the blob does not have the size of its descriptor; it was not written")
            .at(&self.digest)
            .expected(Fact::new(format!("{} bytes", self.size), "the descriptor"))
            .found(Fact::new(found, "the bytes"))
    }

    /// Whether `stored` has the size and the digest of this blob.
    pub(super) fn is_stored_in(&self, stored: &dyn ReadAt, worker: &mut Worker<'_>) -> Result<bool> {
        if stored.length() != self.size {
            return Ok(false);
        }
        let mut hasher = Hasher::new(self.digest.algorithm());
        let mut done: u64 = 0;
        loop {
            if worker.stop.load(Ordering::Relaxed) {
                return Err(stopped());
            }
            let count =
                stored.read_at(worker.buffer, done).map_err(|error| Error::io(format!("read the stored blob {}", self.digest), error))?;
            if count == 0 {
                return Ok(done == self.size && hasher.finish() == self.digest);
            }
            hasher.update(worker.buffer.get(..count).unwrap_or_default());
            done = done.saturating_add(count as u64);
            if done > self.size {
                return Ok(false);
            }
        }
    }
}

impl fmt::Debug for Payload<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Payload({}, {} bytes)", self.digest, self.size)
    }
}

impl fmt::Debug for Content<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Bytes(_) => "Bytes",
            Self::Source(_) => "Source",
            Self::Closed(_) => "Closed",
        })
    }
}

/// Ends a worker because another one failed; never shown, since the other one's error is.
pub(super) fn stopped() -> Error {
    Error::new(Code::Bug, "the work was stopped")
}

/// What is to be written. Each is made when its turn comes: of a hundred thousand images there are three hundred thousand.
pub trait Bring {
    /// How many there are.
    fn count(&self) -> usize;

    /// One of them.
    fn payload(&self, at: usize) -> Option<Payload<'_>>;

    /// Its digest.
    fn digest(&self, at: usize) -> Option<&Digest>;
}

impl Bring for &[Payload<'_>] {
    fn count(&self) -> usize {
        self.len()
    }

    fn payload(&self, at: usize) -> Option<Payload<'_>> {
        self.get(at).cloned()
    }

    fn digest(&self, at: usize) -> Option<&Digest> {
        self.get(at).map(|payload| &payload.digest)
    }
}

/// Documents after what is brought.
pub(super) struct WithDocuments<'b> {
    pub(super) first: &'b dyn Bring,
    pub(super) documents: &'b [Verified],
}

impl WithDocuments<'_> {
    fn document(&self, at: usize) -> Option<&Verified> {
        self.documents.get(at.checked_sub(self.first.count())?)
    }
}

impl Bring for WithDocuments<'_> {
    fn count(&self) -> usize {
        self.first.count() + self.documents.len()
    }

    fn payload(&self, at: usize) -> Option<Payload<'_>> {
        self.first.payload(at).or_else(|| self.document(at).map(Payload::of))
    }

    fn digest(&self, at: usize) -> Option<&Digest> {
        self.first.digest(at).or_else(|| self.document(at).map(Verified::digest))
    }
}

/// The positions of the payloads with each digest once, in their order.
///
/// # Errors
/// `descriptor.conflict` if one digest is said to have two sizes; `output.limit` for a document that could not be read again.
pub(super) fn distinct(payloads: &dyn Bring, limits: &Limits) -> Result<Vec<usize>> {
    let mut order: Vec<usize> = (0..payloads.count()).collect();
    order.sort_unstable_by(|one, other| payloads.digest(*one).cmp(&payloads.digest(*other)).then(one.cmp(other)));
    let mut conflict: Option<(usize, usize)> = None;
    let mut first = None;
    order.retain(|at| {
        let known = first.filter(|first| payloads.digest(*first) == payloads.digest(*at));
        let Some(known) = known else {
            first = Some(*at);
            return true;
        };
        let size = |at: usize| payloads.payload(at).map(|payload| payload.size);
        if size(known) != size(*at) && conflict.is_none_or(|(_, other)| *at < other) {
            conflict = Some((known, *at));
        }
        false
    });
    order.sort_unstable();
    for at in &order {
        payloads.payload(*at).map_or(Ok(()), |payload| payload.check_readable(limits))?;
    }
    match conflict.and_then(|(one, other)| Some((payloads.payload(one)?, payloads.payload(other)?))) {
        None => Ok(order),
        Some((one, other)) => Err(Error::new(Code::DescriptorConflict, "two descriptors give one digest different sizes")
            .at(&other.digest)
            .expected(Fact::new(one.size, "one descriptor"))
            .found(Fact::new(other.size, "another descriptor"))),
    }
}

/// How many bytes there are in all. Sizes are claims until the bytes were read, so the sum may be any number.
pub(super) fn total<'p, 'a: 'p>(payloads: impl Iterator<Item = &'p Payload<'a>>) -> u64 {
    payloads.fold(0, |sum, payload| sum.saturating_add(payload.size))
}

/// A source in memory.
#[cfg(test)]
pub(super) struct Memory<'a>(pub(super) &'a [u8]);

#[cfg(test)]
impl ReadAt for Memory<'_> {
    fn length(&self) -> u64 {
        self.0.length()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> std::io::Result<usize> {
        self.0.read_at(buffer, offset)
    }
}
