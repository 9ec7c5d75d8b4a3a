//! An archive inside gzip or zstd.
//!
//! Where a member lies is known only when everything before it was compressed, so the members are read in their order: one
//! thread reads and hashes them, gzip is made by several from blocks that know nothing of one another (see
//! [`gzip`]), and one writes. zstd is fast enough for one thread, and its one frame is what every reader takes.
//!
//! The order is that of the archive, which need not be the order in which a compressed input gives its members. What lies in
//! such an input is therefore first copied into a file without a name beside the output, in one pass; it costs disk, but
//! nothing is inflated again for every member.

use std::collections::HashMap;
use std::io::{self, Write as _};
use std::sync::atomic::AtomicBool;

use super::archive_options::ArchiveOptions;
use super::archive_plan::ArchivePlan;
use super::payload::{Content, Payload, total};
use crate::format::codec::{Compression, Packing};
use crate::format::gzip::{self, Block, Treatment};
use crate::format::tar::writer;
use crate::foundation::event::Events;
use crate::foundation::fsys::{ReadAt, Staged, WriteDirectory, schedule};
use crate::foundation::workers;
use crate::foundation::workers::Worker;
use crate::foundation::{Code, Digest, Error, Result};

/// How much is compressed at a time. Blocks that begin with an empty window cost 0.2 % at this size, and up to 2 % at 128 KiB.
const BLOCK_BYTES: usize = 1 << 20;

/// The most threads that compress: one thread hashes what about this many deflate, and each holds a few blocks.
const MOST_THREADS: usize = 16;

/// The level that the zstd command takes too. Measured on the programs of Debian: half of the time of one thread of gzip, and smaller.
const ZSTD_LEVEL: i32 = 3;

/// Writes the compressed archive into `staged`.
///
/// # Errors
/// Those of [`Payload::copy`] and of writing.
pub(super) fn fill(
    staged: &Staged<'_>,
    home: &WriteDirectory,
    plan: &ArchivePlan<'_, '_>,
    options: &ArchiveOptions,
    events: &dyn Events,
) -> Result<()> {
    let jobs = options.jobs;
    let spill = Spill::of(home, plan, jobs, events)?;
    events.begin("write", plan.blobs.len() as u64, total(plan.blobs.iter().map(|blob| blob.payload)));
    let make = |deal: &mut dyn FnMut(Piece) -> Result<()>| read(plan, &spill, events, deal);
    let mut target = Target { staged, at: 0 };
    match options.compression {
        Compression::None => workers::in_order(1, make, Ok, |piece| target.append(&piece.bytes)),
        Compression::Gzip => {
            target.append(&gzip::HEADER)?;
            let mut ending = gzip::Ending::default();
            let compress = |piece: Piece| Block::of(&piece.bytes, piece.treatment);
            workers::in_order(jobs.min(MOST_THREADS), make, compress, |block| {
                ending.add(&block);
                target.append(block.bytes())
            })?;
            target.append(&ending.bytes())
        }
        Compression::Zstd => {
            let mut encoder = zstd::Encoder::new(target, ZSTD_LEVEL).map_err(failed)?;
            encoder.include_checksum(true).map_err(failed)?;
            encoder.set_pledged_src_size(Some(plan.length)).map_err(failed)?;
            workers::in_order(1, make, Ok, |piece| encoder.write_all(&piece.bytes).map_err(failed))?;
            encoder.finish().map(drop).map_err(failed)
        }
    }
}

/// Some bytes of the archive.
struct Piece {
    bytes: Vec<u8>,
    treatment: Treatment,
}

/// Deals the bytes of the archive in pieces whose ends depend on nothing but the archive.
fn read(plan: &ArchivePlan<'_, '_>, spill: &Spill<'_>, events: &dyn Events, deal: &mut dyn FnMut(Piece) -> Result<()>) -> Result<()> {
    let never = AtomicBool::new(false);
    let mut buffer = vec![0; crate::foundation::limits::CHUNK_BYTES];
    let mut cutter = Cutter { bytes: Vec::new(), treatment: Treatment::Deflate, deal };
    cutter.add(&plan.head, Treatment::Deflate)?;
    for blob in &plan.blobs {
        cutter.add(&blob.header, Treatment::Deflate)?;
        let mut treatment = Treatment::Deflate;
        let sink = |bytes: &[u8], offset: u64| {
            if offset == 0 && Packing::by_first_bytes(bytes) != Packing::PLAIN {
                treatment = Treatment::Store;
            }
            cutter.add(bytes, treatment)
        };
        spill.payload(blob.payload, |payload| payload.copy(&mut Worker { buffer: &mut buffer, stop: &never }, events, sink))?;
        cutter.add(writer::END.get(..writer::padding(blob.payload.size)).unwrap_or_default(), Treatment::Deflate)?;
        events.item();
    }
    cutter.add(&writer::END, Treatment::Deflate)?;
    cutter.end()
}

/// Collects bytes until a piece is full or has to be treated in another way.
struct Cutter<'d> {
    bytes: Vec<u8>,
    treatment: Treatment,
    deal: &'d mut dyn FnMut(Piece) -> Result<()>,
}

impl Cutter<'_> {
    fn add(&mut self, mut bytes: &[u8], treatment: Treatment) -> Result<()> {
        if treatment != self.treatment {
            self.end()?;
            self.treatment = treatment;
        }
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(BLOCK_BYTES.saturating_sub(self.bytes.len())));
            if self.bytes.is_empty() {
                self.bytes.reserve_exact(BLOCK_BYTES);
            }
            self.bytes.extend_from_slice(now);
            if self.bytes.len() == BLOCK_BYTES {
                self.end()?;
            }
            bytes = later;
        }
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        if self.bytes.is_empty() {
            return Ok(());
        }
        (self.deal)(Piece { bytes: std::mem::take(&mut self.bytes), treatment: self.treatment })
    }
}

/// The end of the file that is written.
struct Target<'s> {
    staged: &'s Staged<'s>,
    at: u64,
}

impl Target<'_> {
    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.staged.write_at(bytes, self.at)?;
        self.at = self.at.saturating_add(bytes.len() as u64);
        Ok(())
    }
}

impl io::Write for Target<'_> {
    /// The reason for a failure is inside the [`io::Error`].
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.append(bytes).map(|()| bytes.len()).map_err(io::Error::other)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What [`Target`] put into the error, or what zstd says.
fn failed(error: io::Error) -> Error {
    error.downcast::<Error>().unwrap_or_else(|error| Error::new(Code::Bug, "zstd failed").detail(error))
}

/// Blobs from compressed inputs, in a file that nobody else sees.
struct Spill<'d> {
    file: Option<Staged<'d>>,
    places: HashMap<Digest, u64>,
}

impl<'d> Spill<'d> {
    /// Copies and verifies them, each stream in one pass.
    fn of(home: &'d WriteDirectory, plan: &ArchivePlan<'_, '_>, jobs: usize, events: &dyn Events) -> Result<Self> {
        let blobs: Vec<&Payload<'_>> = plan.blobs.iter().map(|blob| blob.payload).filter(|payload| payload.place().1.is_some()).collect();
        if blobs.is_empty() {
            return Ok(Self { file: None, places: HashMap::new() });
        }
        let mut length: u64 = 0;
        let mut places = HashMap::new();
        for blob in &blobs {
            places.insert(blob.digest.clone(), length);
            length = length.saturating_add(blob.size);
        }
        events.begin("stage", blobs.len() as u64, length);
        let file = home.stage()?;
        file.reserve(length)?;
        let groups = schedule(blobs.iter().map(|blob| blob.place()));
        workers::run(jobs, groups.len(), |number, worker| {
            for blob in groups.get(number).into_iter().flatten().filter_map(|position| blobs.get(*position)) {
                let start = places.get(&blob.digest).copied().unwrap_or_default();
                blob.copy(worker, events, |bytes, offset| file.write_at(bytes, start.saturating_add(offset)))?;
                events.item();
            }
            Ok(())
        })?;
        events.end();
        Ok(Self { file: Some(file), places })
    }

    /// Gives `then` the payload as it is to be read.
    fn payload<T>(&self, payload: &Payload<'_>, then: impl FnOnce(&Payload<'_>) -> T) -> T {
        match (&self.file, self.places.get(&payload.digest)) {
            (Some(file), Some(start)) => {
                let part = Part { file, start: *start, length: payload.size };
                then(&Payload { content: Content::Source(&part), ..payload.clone() })
            }
            _ => then(payload),
        }
    }
}

/// A blob in the file.
struct Part<'a> {
    file: &'a Staged<'a>,
    start: u64,
    length: u64,
}

impl ReadAt for Part<'_> {
    fn length(&self) -> u64 {
        self.length
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let left = usize::try_from(self.length.saturating_sub(offset)).unwrap_or(usize::MAX);
        let most = left.min(buffer.len());
        self.file.read_at(buffer.get_mut(..most).unwrap_or_default(), self.start.saturating_add(offset))
    }
}
