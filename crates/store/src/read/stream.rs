//! A compressed archive: gzip, zstd or xz around a tar file.
//!
//! It is inflated once to learn where the members lie in the inflated bytes; the small ones, which are the documents, are
//! kept. Layers are inflated a second time, from the front, when they are copied. Nothing is unpacked to disk, and no large
//! member is held in memory.

use std::collections::HashMap;
use std::io::{self, Read};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::inflate::Inflate;
use crate::format::codec::Packing;
use crate::format::tar::{Kind, LayerReader, Member, Profile};
use crate::foundation::fsys::{File, ReadAt, Region, shown};
use crate::foundation::limits::{CHUNK_BYTES, FEW_MEMBERS, MEMBER_BYTES, MIB};
use crate::foundation::{Algorithm, Code, Error, Fact, Limits, Result};

/// Members up to this size are kept: configs and manifests of real images stay below it.
const KEPT_BYTES: u64 = MIB;
/// All kept members together; beyond it, they are inflated again like layers.
const KEPT_IN_ALL: u64 = 64 * MIB;

/// The inflated bytes of a compressed file, to be read forwards.
pub(super) struct Stream {
    number: u64,
    file: Arc<File>,
    packing: Packing,
    length: u64,
    limits: Limits,
    cursor: Mutex<Option<Cursor>>,
}

struct Cursor {
    inflate: Inflate,
    at: u64,
}

impl Stream {
    fn start(file: &Arc<File>, packing: Packing, limits: &Limits) -> Result<Inflate> {
        Inflate::open(Region::whole(Arc::clone(file)), packing, Algorithm::Sha256, limits)
    }
}

impl ReadAt for Stream {
    fn length(&self) -> u64 {
        self.length
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut guard = self.cursor.lock().unwrap_or_else(PoisonError::into_inner);
        let mut cursor = match guard.take() {
            Some(cursor) if cursor.at <= offset => cursor,
            _ => Cursor { inflate: Self::start(&self.file, self.packing, &self.limits).map_err(io::Error::other)?, at: 0 },
        };
        let mut skipped = vec![0; CHUNK_BYTES];
        while cursor.at < offset {
            let count = usize::try_from(offset - cursor.at).unwrap_or(usize::MAX).min(skipped.len());
            let count = cursor.inflate.read(skipped.get_mut(..count).unwrap_or_default())?;
            if count == 0 {
                return Ok(0);
            }
            cursor.at += count as u64;
        }
        let count = cursor.inflate.read(buffer)?;
        cursor.at += count as u64;
        *guard = Some(cursor);
        Ok(count)
    }

    fn sequence(&self) -> Option<(u64, u64)> {
        Some((self.number, 0))
    }
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Stream({}, {:?})", shown(self.file.path()), self.packing)
    }
}

/// Counts what is inflated, up to a bound.
struct Counted {
    inflate: Inflate,
    count: u64,
    most: u64,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inflate.read(buffer)?;
        self.count += count as u64;
        if self.count > self.most {
            return Err(io::Error::other(
                Error::new(Code::ArchiveTooLarge, "a compressed archive inflates to more than the limit")
                    .expected(Fact::new(format!("at most {} bytes", self.most), "the limits")),
            ));
        }
        Ok(count)
    }
}

/// The members of a compressed archive, the bytes of the small ones, and the stream that has the others.
pub(super) struct Inflated {
    pub(super) members: Vec<Member>,
    pub(super) kept: HashMap<u64, Arc<[u8]>>,
    pub(super) stream: Arc<Stream>,
    pub(super) warnings: Vec<crate::foundation::Finding>,
}

/// Numbers streams, so that those who read several know which parts belong together.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// Inflates an archive once.
///
/// # Errors
/// `tar.*`, `archive.truncated`, `stream.*`, `limit`.
pub(super) fn inflate(file: &Arc<File>, packing: Packing, limits: &Limits) -> Result<Inflated> {
    let place = |error: Error| error.at(shown(file.path()));
    let counted = Counted { inflate: Stream::start(file, packing, limits)?, count: 0, most: limits.archive_bytes };
    let mut reader = LayerReader::over(counted, limits, Profile::Archive);
    let mut members = Vec::new();
    let mut kept = HashMap::new();
    let mut in_all = 0;
    while let Some(member) = reader.next_member().map_err(place)? {
        if member.kind == Kind::File && member.size <= KEPT_BYTES && in_all + member.size <= KEPT_IN_ALL {
            let mut bytes = Vec::new();
            let mut chunk = vec![0; CHUNK_BYTES];
            loop {
                let count = reader.read_content(&mut chunk).map_err(place)?;
                if count == 0 {
                    break;
                }
                bytes.extend_from_slice(chunk.get(..count).unwrap_or_default());
            }
            in_all += member.size;
            kept.insert(member.data_offset, bytes.into());
        }
        members.push(member);
        let count = members.len() as u64;
        if count > FEW_MEMBERS && count > file.length() / MEMBER_BYTES {
            return Err(place(
                Error::new(Code::LimitRatio, "a compressed archive has more members than its size allows")
                    .expected(Fact::new(format!("at most {FEW_MEMBERS}, or one for {MEMBER_BYTES} bytes"), "the limits"))
                    .found(Fact::new(format!("more than {count} in {} bytes", file.length()), "the archive")),
            ));
        }
    }
    let warnings = reader.warnings().to_vec();
    let counted = reader.into_inner();
    let length = counted.count;
    let (_, trailing) = counted.inflate.finish().map_err(|error| Error::io(format!("read {}", shown(file.path())), error))?;
    if trailing {
        return Err(place(
            Error::new(Code::TarDataAfterEnd, "something stands after the compressed archive")
                .expected(Fact::new("the end of the file, or zeros", "the compressed data"))
                .found(Fact::new("other bytes", "the file")),
        ));
    }
    let stream = Stream {
        number: NEXT.fetch_add(1, Ordering::Relaxed),
        file: Arc::clone(file),
        packing,
        length,
        limits: limits.clone(),
        cursor: Mutex::new(None),
    };
    Ok(Inflated { members, kept, stream: Arc::new(stream), warnings })
}
