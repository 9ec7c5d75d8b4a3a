//! A new oci-archive: a layout as one tar file.
//!
//! The members are in a fixed order with fixed metadata: `oci-layout`, `index.json`, the directories, then the blobs as
//! given, so that equal input gives equal bytes and a reader that streams sees the index first. No member is compressed,
//! so every offset is known before a byte is written: the file is sized first, and several threads fill it by position,
//! largest blob first, each hashing the bytes that it writes. What lies between members are zeros that need no writing.
//!
//! The file has no name while it is written. It is flushed, then linked under its name, which fails if the name is
//! taken; with `overwrite` it is linked under a temporary name and renamed over the old one. Then the directory is
//! flushed. Nothing ever stands half-written under the final name.
//!
//! A compressed archive is the same tar file inside gzip or zstd (see [`compressed`]); its length is not known beforehand, so
//! nothing is reserved.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use super::archive_options::ArchiveOptions;
use super::archive_plan::ArchivePlan;
use super::index_edit::{self, EMPTY_INDEX, IndexEdit};
use super::leftovers::clear_folder;
use super::payload::{Payload, stopped, total};
use super::{Archives, Committed, MARKER, Trouble, compressed};
use crate::format::json::Excerpt;
use crate::foundation::event::Events;
use crate::foundation::fsys::{EntryKind, Published, Staged, WriteDirectory, create_directories, schedule, shown};
use crate::foundation::workers;
use crate::foundation::{Code, Error, Result};
use crate::oci::media_type::Compression;

/// Writes `payloads` in their order, documents before layers if the reader shall be pleased, and an index that lists
/// `entries`: a name, if it has one, and the descriptor as a JSON object.
///
/// When this returns an error, nothing stands under `path` that was not there before, unless the code is
/// `io.after_publication`: then the whole archive does, and may not survive a power cut.
///
/// # Errors
/// `output.exists`, `usage.output`, `descriptor.size_mismatch`, `blob.digest_mismatch`, `descriptor.*`, `digest.*`, `json.*`, `io`,
/// `io.space`, `io.after_publication`.
pub fn write_archive(path: &Path, contents: ArchiveContents<'_, '_>, options: &ArchiveOptions, events: &dyn Events) -> Result<Committed> {
    let unusable = |what: &str| Error::new(Code::UsageOutput, format!("{} {what}", shown(path)));
    let name = path.file_name().and_then(std::ffi::OsStr::to_str).ok_or_else(|| unusable("cannot be the name of an archive"))?;
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    // A folder that is not there yet is made, as for a layout.
    create_directories(parent)?;
    let parent = WriteDirectory::open(parent, &options.faults)?;
    clear_folder(&parent);
    let archive = Unnamed::write(&parent, name, contents, options, None, events).map_err(Trouble::into_error)?;
    let mut flushed = Committed::default();
    flushed.flushing(|| archive.sync())?;
    let mut committed = archive.publish()?;
    committed.add(flushed);
    committed.flushing(|| parent.sync()).map_err(|error| {
        Error::new(Code::IoAfterPublication, format!("{} was published, but a last step failed", shown(path))).detail(error)
    })?;
    events.end();
    Ok(committed)
}

/// What an archive holds.
#[derive(Debug)]
pub struct ArchiveContents<'p, 'a> {
    /// Its blobs.
    pub payloads: &'p [Payload<'a>],
    /// The entries of its index, each under its name.
    pub entries: Vec<(Option<String>, Excerpt)>,
}

/// An archive that is complete, and neither flushed nor called anything.
#[derive(Debug)]
pub(super) struct Unnamed<'d> {
    parent: &'d WriteDirectory,
    staged: Staged<'d>,
    pub(super) name: String,
    overwrite: bool,
    pub(super) committed: Committed,
}

impl<'d> Unnamed<'d> {
    /// Writes the archive that will be called `name` in `parent`; see [`write_archive`]. What `others` hold too is copied from there.
    ///
    /// # Errors
    /// As [`write_archive`], but `io.after_publication`.
    pub(super) fn write(
        parent: &'d WriteDirectory,
        name: &str,
        contents: ArchiveContents<'_, '_>,
        options: &ArchiveOptions,
        others: Option<&Archives<'_>>,
        events: &dyn Events,
    ) -> Result<Self, Trouble> {
        let unusable = |what: &str| Trouble::Input(Error::new(Code::UsageOutput, format!("{} {what}", shown(&parent.path_of(name)))));
        // An early look, so that nothing is copied in vain; the link decides.
        match parent.directory().kind(name).map_err(Trouble::Output)? {
            Some(EntryKind::Directory) => return Err(unusable("is a directory")),
            Some(EntryKind::Special) => return Err(unusable("is a FIFO, socket or device")),
            Some(_) if !options.overwrite => return Err(Trouble::Input(exists(parent, name))),
            _ => {}
        }

        let edits: Vec<IndexEdit> = contents.entries.into_iter().map(|(name, descriptor)| IndexEdit::Put { name, descriptor }).collect();
        let index = index_edit::apply(EMPTY_INDEX, &edits, &options.limits).map_err(Trouble::Input)?.text;
        let mut control = vec![("oci-layout", MARKER), ("index.json", index.as_deref().unwrap_or(EMPTY_INDEX).as_bytes())];
        control.extend(options.docker_manifest.as_ref().map(|manifest| ("manifest.json", manifest.as_bytes())));
        let plan = ArchivePlan::of(contents.payloads, &control, options.mtime, &options.limits).map_err(Trouble::Input)?;

        let staged = parent.stage().map_err(Trouble::Output)?;
        match options.compression {
            Compression::None => fill(&staged, &plan, options, others, events)?,
            // Whose fault it is nobody asks who writes one archive.
            _ => compressed::fill(&staged, parent, &plan, options, events).map_err(Trouble::Input)?,
        }
        let committed = Committed {
            index_changed: true,
            blobs_written: plan.blobs.len() as u64,
            bytes_written: total(plan.blobs.iter().map(|blob| blob.payload)),
            ..Committed::default()
        };
        Ok(Self { parent, staged, name: name.to_owned(), overwrite: options.overwrite, committed })
    }

    /// Makes its content durable.
    pub(super) fn sync(&self) -> Result<()> {
        self.staged.sync()
    }

    /// Gives it its name. It must have been flushed, and the directory must be afterwards.
    ///
    /// # Errors
    /// `output.exists`, `io`.
    pub(super) fn publish(mut self) -> Result<Committed> {
        if self.overwrite {
            self.staged.name()?;
            self.staged.replace(self.parent, &self.name)?;
        } else if let Published::Exists(_) = self.staged.publish(self.parent, &self.name)? {
            return Err(exists(self.parent, &self.name));
        }
        Ok(self.committed)
    }
}

fn exists(parent: &WriteDirectory, name: &str) -> Error {
    Error::new(Code::OutputExists, format!("{} exists already", shown(&parent.path_of(name))))
}

/// Writes the archive by position, several blobs at once.
fn fill(
    staged: &Staged<'_>,
    plan: &ArchivePlan<'_, '_>,
    options: &ArchiveOptions,
    others: Option<&Archives<'_>>,
    events: &dyn Events,
) -> Result<(), Trouble> {
    events.begin("write", plan.blobs.len() as u64, total(plan.blobs.iter().map(|blob| blob.payload)));
    // Measured: no slower than a file with holes, and a full disk is found before the work instead of after it.
    staged.reserve(plan.length).map_err(Trouble::Output)?;
    staged.resize(plan.length).map_err(Trouble::Output)?;
    staged.write_at(&plan.head, 0).map_err(Trouble::Output)?;
    let asked = || options.stop.as_ref().is_some_and(|stop| stop.load(Ordering::Relaxed));
    let groups = schedule(plan.blobs.iter().map(|blob| blob.payload.place()));
    // Whether it was the archive that could not be written, of the first failure where there is one thread.
    let broken = AtomicBool::new(false);
    let write = |bytes: &[u8], offset: u64| staged.write_at(bytes, offset).inspect_err(|_| broken.store(true, Ordering::Relaxed));
    let filled = workers::run(options.jobs, groups.len(), |number, worker| {
        for blob in groups.get(number).into_iter().flatten().filter_map(|position| plan.blobs.get(*position)) {
            write(&blob.header, blob.at)?;
            let start = blob.at.saturating_add(blob.header.len() as u64);
            let copied = match others.map(|others| others.copy(blob.payload, staged, start, worker, &asked)) {
                None => false,
                Some(Ok(copied)) => copied,
                Some(Err(trouble)) => {
                    broken.fetch_or(matches!(trouble, Trouble::Output(_)), Ordering::Relaxed);
                    return Err(trouble.into_error());
                }
            };
            if copied {
                events.bytes(blob.payload.size);
            } else {
                blob.payload.copy(
                    worker,
                    events,
                    |bytes, offset| {
                        if asked() { Err(stopped()) } else { write(bytes, start.saturating_add(offset)) }
                    },
                )?;
            }
            events.item();
        }
        Ok(())
    });
    match filled {
        Ok(_) => Ok(()),
        Err(error) if broken.load(Ordering::Relaxed) => Err(Trouble::Output(error)),
        Err(error) => Err(Trouble::Input(error)),
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the tests look at the disk with other means than the code")]
mod tests {
    use std::fs;

    use rustix::io::Errno;

    use super::*;
    use crate::foundation::Digest;
    use crate::foundation::event::Silent;
    use crate::foundation::fsys::{Faults, Operation, is_temporary};
    use crate::write::Content;
    use crate::write::payload::Memory;

    const MANIFEST: &[u8] = b"a manifest";
    const LAYER: &[u8] = b"a layer that is larger";

    fn write(path: &Path, options: &ArchiveOptions) -> Result<Committed> {
        let descriptor = format!(r#"{{"digest":"{}","size":10}}"#, Digest::sha256(MANIFEST));
        let layer = Payload { content: Content::Source(&Memory(LAYER)), ..Payload::document(LAYER) };
        write_archive(
            path,
            ArchiveContents { payloads: &[Payload::document(MANIFEST), layer], entries: vec![(Some("x".to_owned()), descriptor.into())] },
            options,
            &Silent,
        )
    }

    fn with(faults: &Faults, overwrite: bool) -> ArchiveOptions {
        ArchiveOptions { overwrite, jobs: 1, mtime: 7, faults: faults.clone(), ..ArchiveOptions::default() }
    }

    #[test]
    fn the_archive_is_the_same_for_any_number_of_threads_and_readable_as_tar() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("a.tar");
        let committed = write(&path, &with(&Faults::none(), false)).unwrap();
        assert_eq!((committed.blobs_written, committed.bytes_written), (2, 32));
        let bytes = fs::read(&path).unwrap();
        let mut members = Vec::new();
        for entry in tar::Archive::new(bytes.as_slice()).entries().unwrap() {
            let entry = entry.unwrap();
            let header = entry.header();
            assert_eq!((header.mtime().unwrap(), header.uid().unwrap(), header.gid().unwrap()), (7, 0, 0));
            members.push((entry.path().unwrap().display().to_string(), header.size().unwrap(), header.mode().unwrap()));
        }
        let index = format!(
            r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{{"digest":"{}","size":10,"annotations":{{"org.opencontainers.image.ref.name":"x"}}}}]}}"#,
            Digest::sha256(MANIFEST)
        );
        let expected = [
            ("oci-layout".to_owned(), 30, 0o644),
            ("index.json".to_owned(), index.len() as u64, 0o644),
            ("blobs/".to_owned(), 0, 0o755),
            ("blobs/sha256/".to_owned(), 0, 0o755),
            (Digest::sha256(MANIFEST).blob_path(), 10, 0o644),
            (Digest::sha256(LAYER).blob_path(), 22, 0o644),
        ];
        assert_eq!(members, expected);
        // Six headers, four blocks of content, the end.
        assert_eq!(bytes.len(), (6 + 4 + 2) * 512);
        assert!(bytes.windows(index.len()).any(|window| window == index.as_bytes()));
        let parallel = place.path().join("b.tar");
        write(&parallel, &ArchiveOptions { jobs: 4, mtime: 7, ..ArchiveOptions::default() }).unwrap();
        assert_eq!(fs::read(&parallel).unwrap(), bytes);
    }

    #[test]
    fn a_file_that_is_there_stays_unless_it_may_be_replaced() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("a.tar");
        fs::write(&path, "mine").unwrap();
        assert_eq!(write(&path, &with(&Faults::none(), false)).unwrap_err().code(), Code::OutputExists);
        assert_eq!(fs::read(&path).unwrap(), b"mine");
        // Somebody creates it while we write.
        let late = place.path().join("b.tar");
        let name = late.clone();
        let faults = Faults::count().meanwhile(Operation::Link, move || fs::write(&name, "theirs").unwrap());
        assert_eq!(write(&late, &with(&faults, false)).unwrap_err().code(), Code::OutputExists);
        assert_eq!(fs::read(&late).unwrap(), b"theirs");
        // A link is replaced itself.
        let link = place.path().join("c.tar");
        std::os::unix::fs::symlink("a.tar", &link).unwrap();
        write(&link, &with(&Faults::none(), true)).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"mine");
        assert!(fs::symlink_metadata(&link).unwrap().is_file());
        assert_eq!(write(place.path(), &with(&Faults::none(), true)).unwrap_err().code(), Code::UsageOutput);
    }

    #[test]
    fn any_fault_leaves_no_archive_or_all_of_it() {
        let place = tempfile::tempdir().unwrap();
        write(&place.path().join("whole.tar"), &with(&Faults::none(), false)).unwrap();
        let whole = fs::read(place.path().join("whole.tar")).unwrap();
        for lacking in [None, Some((Operation::Stage, Errno::OPNOTSUPP))] {
            for (old, kind) in [None, Some(b"old")].into_iter().flat_map(|old| (0..4).map(move |kind| (old, kind))) {
                for n in 1.. {
                    let place = crate::in_memory();
                    let path = place.path().join("a.tar");
                    if let Some(old) = old {
                        fs::write(&path, old).unwrap();
                    }
                    let faults = match kind {
                        0 => Faults::kill_at(n),
                        1 => Faults::fail_at(n, Errno::NOSPC),
                        2 => Faults::fail_at(n, Errno::IO),
                        _ => Faults::fail_from(n, Errno::NOSPC),
                    };
                    let faults = lacking.iter().fold(faults, |faults, (operation, errno)| faults.lacking(*operation, *errno));
                    let code = write(&path, &with(&faults, old.is_some())).err().map(|error| error.code());
                    let now = fs::read(&path).ok();
                    let unchanged = now.as_deref() == old.map(|old| &old[..]);
                    let complete = now.as_deref() == Some(&whole[..]);
                    match code {
                        None | Some(Code::IoAfterPublication) => assert!(complete),
                        Some(_) if kind == 0 => assert!(unchanged || complete),
                        Some(_) => assert!(unchanged, "{code:?} at {n}"),
                    }
                    for entry in fs::read_dir(place.path()).unwrap() {
                        let name = entry.unwrap().file_name().into_string().unwrap();
                        assert!(name == "a.tar" || is_temporary(name.as_bytes()), "{name} lies around");
                    }
                    write(&path, &with(&Faults::none(), true)).unwrap();
                    assert_eq!(fs::read(&path).unwrap(), whole);
                    if faults.refused() == 0 {
                        assert!(n > 8, "{n}");
                        break;
                    }
                }
            }
        }
    }

    #[test]
    fn wrong_bytes_make_no_archive() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("a.tar");
        for content in [&b"a manifesT"[..], b"a manifest!", b"short"] {
            let payload = Payload { content: Content::Source(&Memory(content)), ..Payload::document(MANIFEST) };
            write_archive(&path, ArchiveContents { payloads: &[payload], entries: Vec::new() }, &ArchiveOptions::default(), &Silent)
                .unwrap_err();
            assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
        }
    }
}
