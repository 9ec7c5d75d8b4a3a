//! Many archives in one directory, flushed together.
//!
//! A flush of each would take most of the time of a batch of small archives, and for each the disk is waited for while nothing is
//! read. So those that are complete wait without a name; one flush makes all of them durable, and then they get their names.
//!
//! Most archives of a batch hold the layers of the same few bases. What comes the third time is written once more into a file without
//! a name, which nobody else can change, and from then on the system copies it from there. For two or three archives that would cost
//! more than it saves.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};

use super::archive::{ArchiveContents, Unnamed};
use super::archive_options::ArchiveOptions;
use super::layout::FLUSHED_SINGLY;
use super::leftovers::clear_folder;
use super::payload::{Payload, stopped};
use super::{Committed, Trouble, locked};
use crate::foundation::event::{Events, Silent};
use crate::foundation::fsys::{File, ReadAt as _, Staged, WriteDirectory, many_open_files};
use crate::foundation::workers::Worker;
use crate::foundation::{Code, Digest, Error, Result};

/// Takes archives for a directory.
#[derive(Debug)]
pub struct Archives<'d> {
    folder: &'d WriteDirectory,
    waiting: Mutex<Vec<Unnamed<'d>>>,
    named: Mutex<Named>,
    large: Mutex<Large>,
    most: usize,
}

/// Large blobs that were written.
#[derive(Debug, Default)]
struct Large {
    seen: HashMap<Digest, Seen>,
    copies: usize,
}

/// A blob of at least this many bytes is worth an open file.
const LARGE: u64 = 1 << 20;
/// How often a blob comes before a copy of it is made.
const WORTH: usize = 2;
/// How many copies there are at most: each holds an open file, and room.
const COPIES: usize = 64;
/// How much the system copies before somebody can stop it, in bytes.
const PIECE: u64 = 16 << 20;

/// A verified copy of a blob; none if there was no room for one. Who asks for it meanwhile waits.
type Copied = Arc<OnceLock<Option<File>>>;

#[derive(Debug)]
enum Seen {
    Times(usize),
    Copied(Copied),
}

/// What has a name since somebody last asked.
#[derive(Debug, Default)]
pub struct Named {
    /// The figures.
    pub committed: Committed,
    /// Archives whose name somebody else took meanwhile, and what to say of it.
    pub refused: Vec<(String, Error)>,
}

impl<'d> Archives<'d> {
    /// Gets ready to write into `folder`.
    pub fn new(folder: &'d WriteDirectory) -> Self {
        clear_folder(folder);
        Self { folder, waiting: Mutex::default(), named: Mutex::default(), large: Mutex::default(), most: many_open_files() }
    }

    /// The directory.
    pub fn folder(&self) -> &'d WriteDirectory {
        self.folder
    }

    /// Writes the archive that will be called `name`, as [`super::write_archive`] does, and gives how many bytes its blobs have. It
    /// has its name when it was published.
    ///
    /// # Errors
    /// [`Trouble`].
    pub fn add(
        &self,
        name: &str,
        contents: ArchiveContents<'_, '_>,
        options: &ArchiveOptions,
        events: &dyn Events,
    ) -> Result<u64, Trouble> {
        let archive = Unnamed::write(self.folder, name, contents, options, Some(self), events)?;
        let bytes = archive.committed.bytes_written;
        let full = {
            let mut waiting = locked(&self.waiting);
            waiting.push(archive);
            waiting.len() >= self.most
        };
        // Each holds an open file, and those are not endless.
        if full {
            self.publish().map_err(Trouble::Output)?;
        }
        Ok(bytes)
    }

    /// Copies a blob to `start` of an archive, if enough others hold it. If not, or if the system cannot, the answer is `false`, and it
    /// is to be brought from where it lies.
    ///
    /// # Errors
    /// [`Trouble`].
    pub(super) fn copy(
        &self,
        payload: &Payload<'_>,
        archive: &Staged<'_>,
        start: u64,
        worker: &mut Worker<'_>,
        asked: &dyn Fn() -> bool,
    ) -> Result<bool, Trouble> {
        let Some(place) = self.place(payload) else { return Ok(false) };
        let mut unreadable = None;
        let copy = place.get_or_init(|| {
            self.spool(payload, worker, asked).unwrap_or_else(|error| {
                unreadable = Some(error);
                None
            })
        });
        if let Some(error) = unreadable {
            // Another source may have it, whole.
            let mut large = locked(&self.large);
            if large.seen.remove(&payload.digest).is_some() {
                large.copies = large.copies.saturating_sub(1);
            }
            return Err(Trouble::Input(error));
        }
        let Some(file) = copy.as_ref().filter(|file| file.length() == payload.size) else { return Ok(false) };
        let mut at = 0;
        while at < payload.size {
            if asked() {
                return Err(Trouble::Input(stopped()));
            }
            let length = PIECE.min(payload.size - at);
            if !archive.copy_from(file, at, length, start.saturating_add(at)).map_err(Trouble::Output)? {
                return Ok(false);
            }
            at += length;
        }
        Ok(true)
    }

    /// Where the copy of a blob is, or shall be; `None` while it is not worth one.
    fn place(&self, payload: &Payload<'_>) -> Option<Copied> {
        if payload.size < LARGE {
            return None;
        }
        let Large { seen, copies } = &mut *locked(&self.large);
        let known = seen.entry(payload.digest.clone()).or_insert(Seen::Times(0));
        match known {
            Seen::Copied(place) => Some(Arc::clone(place)),
            Seen::Times(times) if *times < WORTH => {
                *times += 1;
                None
            }
            Seen::Times(_) if *copies >= COPIES => None,
            Seen::Times(_) => {
                *copies += 1;
                let place = Copied::default();
                *known = Seen::Copied(Arc::clone(&place));
                Some(place)
            }
        }
    }

    /// Writes the copy of a blob. If it cannot be written there is none, and archives are as they would be without.
    ///
    /// # Errors
    /// Those of the source.
    fn spool(&self, payload: &Payload<'_>, worker: &mut Worker<'_>, asked: &dyn Fn() -> bool) -> Result<Option<File>> {
        let Ok(staged) = self.folder.stage() else { return Ok(None) };
        let mut full = false;
        let copied = payload.copy(worker, &Silent, |bytes, offset| {
            if asked() {
                return Err(stopped());
            }
            staged.write_at(bytes, offset).inspect_err(|_| full = true)
        });
        match copied {
            Ok(()) => Ok(staged.into_file().ok()),
            Err(_) if full => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Flushes the archives that wait, gives them their names, and flushes those.
    ///
    /// # Errors
    /// `io`, `io.space`.
    pub fn publish(&self) -> Result<()> {
        let waiting = std::mem::take(&mut *locked(&self.waiting));
        if waiting.is_empty() {
            return Ok(());
        }
        let mut committed = Committed::default();
        committed.flushing(|| {
            if waiting.len() > FLUSHED_SINGLY { self.folder.sync_all() } else { waiting.iter().try_for_each(Unnamed::sync) }
        })?;
        let mut refused = Vec::new();
        for archive in waiting {
            let name = archive.name.clone();
            match archive.publish() {
                Ok(own) => committed.add(own),
                Err(error) if error.code() == Code::OutputExists => refused.push((name, error)),
                Err(error) => return Err(error),
            }
        }
        committed.flushing(|| self.folder.sync())?;
        let mut named = locked(&self.named);
        named.committed.add(committed);
        named.refused.append(&mut refused);
        Ok(())
    }

    /// What was published since the last call.
    pub fn named(&self) -> Named {
        std::mem::take(&mut *locked(&self.named))
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the tests look at the disk with other means than the code")]
mod tests {
    use std::fs;
    use std::io;
    use std::sync::atomic::{AtomicU64, Ordering};

    use rustix::io::Errno;

    use super::*;
    use crate::foundation::fsys::{Faults, ReadAt, is_temporary};
    use crate::write::{Content, write_archive};

    /// Bytes that tell how many of them were read.
    struct Counted {
        bytes: Vec<u8>,
        read: AtomicU64,
    }

    impl ReadAt for Counted {
        fn length(&self) -> u64 {
            self.bytes.len() as u64
        }

        fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
            let rest = self.bytes.get(usize::try_from(offset).unwrap()..).unwrap_or_default();
            let count = rest.len().min(buffer.len());
            buffer[..count].copy_from_slice(&rest[..count]);
            self.read.fetch_add(count as u64, Ordering::Relaxed);
            Ok(count)
        }
    }

    /// A little more than is worth a copy, and no two blocks of it the same.
    fn large() -> Counted {
        let bytes = (0..u32::try_from(LARGE).unwrap() / 4 + 10).flat_map(|number| number.wrapping_mul(0x9e37_79b9).to_le_bytes()).collect();
        Counted { bytes, read: AtomicU64::new(0) }
    }

    fn payload<'a>(source: &'a Counted, digest: &Digest) -> Payload<'a> {
        Payload { digest: digest.clone(), size: source.length(), content: Content::Source(source) }
    }

    fn options(faults: &Faults) -> ArchiveOptions {
        ArchiveOptions { jobs: 1, faults: faults.clone(), ..ArchiveOptions::default() }
    }

    /// The archive of a document of its own and the large blob, as it is written alone.
    fn alone(source: &Counted, digest: &Digest, own: &[u8]) -> Vec<u8> {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("alone.tar");
        write_archive(
            &path,
            ArchiveContents { payloads: &[Payload::document(own), payload(source, digest)], entries: Vec::new() },
            &options(&Faults::none()),
            &Silent,
        )
        .unwrap();
        fs::read(path).unwrap()
    }

    fn own(number: usize) -> String {
        format!("document {number}")
    }

    /// Five archives with the same large blob.
    fn five(folder: &WriteDirectory, source: &Counted, digest: &Digest, faults: &Faults) -> Result<()> {
        let archives = Archives::new(folder);
        for number in 0..5 {
            let own = own(number);
            let payloads = [Payload::document(own.as_bytes()), payload(source, digest)];
            archives
                .add(&format!("{number}.tar"), ArchiveContents { payloads: &payloads, entries: Vec::new() }, &options(faults), &Silent)
                .map_err(Trouble::into_error)?;
        }
        archives.publish()
    }

    #[test]
    fn what_many_hold_is_read_three_times_and_is_the_same_in_all() {
        let (source, faults) = (large(), Faults::none());
        let digest = Digest::sha256(&source.bytes);
        let place = tempfile::tempdir().unwrap();
        let folder = WriteDirectory::open(place.path(), &faults).unwrap();
        five(&folder, &source, &digest, &faults).unwrap();
        assert_eq!(source.read.load(Ordering::Relaxed), 3 * source.length());
        for number in 0..5 {
            assert!(fs::read(place.path().join(format!("{number}.tar"))).unwrap() == alone(&source, &digest, own(number).as_bytes()));
        }
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 5);
    }

    #[test]
    fn a_source_that_is_damaged_or_described_otherwise_spoils_only_its_own_archive() {
        let (source, faults) = (large(), Faults::none());
        let digest = Digest::sha256(&source.bytes);
        let mut damaged = large();
        damaged.bytes[7] ^= 1;
        let place = tempfile::tempdir().unwrap();
        let folder = WriteDirectory::open(place.path(), &faults).unwrap();
        let archives = Archives::new(&folder);
        let add = |name: &str, payload: Payload<'_>| match archives.add(
            name,
            ArchiveContents { payloads: &[payload], entries: Vec::new() },
            &options(&faults),
            &Silent,
        ) {
            Ok(_) => None,
            Err(Trouble::Input(error)) => Some(error.code()),
            Err(Trouble::Output(error)) => panic!("the target is sound: {error}"),
        };
        // The copy would be made of the damaged one; then of a sound one, after which it does not matter what the others hold.
        let sources = [&source, &source, &damaged, &source, &source, &source, &damaged, &source];
        let codes: Vec<Option<Code>> =
            sources.iter().enumerate().map(|(number, source)| add(&format!("{number}.tar"), payload(source, &digest))).collect();
        let expected = |number: usize| (number == 2).then_some(Code::BlobDigestMismatch);
        assert_eq!(codes, (0..8).map(expected).collect::<Vec<_>>());
        let shorter = Payload { size: source.length() - 1, ..payload(&source, &digest) };
        assert_eq!(add("shorter.tar", shorter), Some(Code::DescriptorSizeMismatch));
        archives.publish().unwrap();
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 7);
        for entry in fs::read_dir(place.path()).unwrap() {
            assert_eq!(fs::read(entry.unwrap().path()).unwrap().windows(64).filter(|bytes| *bytes == &source.bytes[..64]).count(), 1);
        }
    }

    #[test]
    fn any_fault_leaves_whole_archives_or_none() {
        let source = large();
        let digest = Digest::sha256(&source.bytes);
        let wholes: Vec<Vec<u8>> = (0..5).map(|number| alone(&source, &digest, own(number).as_bytes())).collect();
        for kind in 0..4 {
            for n in 1.. {
                let place = crate::in_memory();
                let faults = match kind {
                    0 => Faults::kill_at(n),
                    1 => Faults::fail_at(n, Errno::NOSPC),
                    2 => Faults::fail_at(n, Errno::IO),
                    _ => Faults::fail_from(n, Errno::NOSPC),
                };
                let folder = WriteDirectory::open(place.path(), &faults).unwrap();
                let done = five(&folder, &source, &digest, &faults);
                for (number, whole) in wholes.iter().enumerate() {
                    match fs::read(place.path().join(format!("{number}.tar"))) {
                        Ok(bytes) => assert!(bytes == *whole, "{kind} at {n}: archive {number}"),
                        Err(_) => assert!(done.is_err(), "{kind} at {n}: archive {number} is not there, and nothing was said"),
                    }
                }
                for entry in fs::read_dir(place.path()).unwrap() {
                    let name = entry.unwrap().file_name().into_string().unwrap();
                    assert!((0..5).any(|number| name == format!("{number}.tar")) || is_temporary(name.as_bytes()), "{name} lies around");
                }
                if faults.refused() == 0 {
                    assert!(n > 30, "{n}");
                    break;
                }
            }
        }
    }
}
