//! Results into archives, one for each, in one directory.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::request::Request;
use crate::foundation::event::Silent;
use crate::foundation::fsys::WriteDirectory;
use crate::foundation::{Code, Error, Fact, Result};
use crate::oci::Name;
use crate::plan::batch::Item;
use crate::read::{Source, load};
use crate::verbs::output::{archive_options, packed, refuse_input_as_output};
use crate::verbs::rebase::Plan;
use crate::verbs::{Context, Verify};
use crate::write::journal::{FileRecord, Final, ItemRecord};
use crate::write::{ArchiveContents, ArchiveOptions, Archives, Trouble};

/// A directory that takes archives.
pub(super) struct ArchiveTarget<'a> {
    pub(super) root: &'a WriteDirectory,
    pub(super) request: &'a Request,
    pub(super) archives: Archives<'a>,
    pub(super) apparent: AtomicU64,
    pub(super) context: Context<'a>,
}

/// The name of the archive of a result: its own, with everything else than letters, digits and `.`, `_`, `-` replaced.
pub(super) fn file_name(item: &Item) -> String {
    let name = item.output.as_deref().unwrap_or(&item.key);
    let safe = |character: char| character.is_ascii_alphanumeric() || matches!(character, '.' | '_' | '-');
    let mut name: String = name.chars().map(|character| if safe(character) { character } else { '_' }).collect();
    if name.starts_with(['.', '-']) {
        name.insert(0, '_');
    }
    format!("{name}.tar")
}

/// What file systems take for a name, in bytes.
const LONGEST: usize = 255;

/// Refuses a name that no file can have.
///
/// # Errors
/// `output.name`.
fn check_length(name: &str) -> Result<()> {
    if name.len() <= LONGEST {
        return Ok(());
    }
    Err(Error::new(Code::OutputName, "the name of the archive would be longer than a file's name may be")
        .expected(Fact::new(format!("at most {LONGEST} bytes"), "the file system"))
        .found(Fact::new(format!("{} bytes", name.len()), name))
        .hint("Give the results shorter names: `airbase batch plan --name PATTERN`."))
}

/// The record of an item that is done, without what identifies its archive.
fn done(item: &Item) -> ItemRecord {
    ItemRecord {
        item: item.key.clone(),
        status: Final::Done,
        digest: item.result.as_ref().map(|result| result.digest.clone()),
        name: item.output.clone(),
        entry: None,
        archive: None,
        code: None,
        message: None,
    }
}

impl ArchiveTarget<'_> {
    /// Writes the archive of an item, and gives the name that it has when the archives are published.
    pub(super) fn write(&self, item: &Item, plan: &Plan) -> Result<(ItemRecord, String), Trouble> {
        let name = file_name(item);
        check_length(&name).map_err(Trouble::Input)?;
        let outgoing = plan.outgoing().map_err(Trouble::Input)?;
        refuse_input_as_output(&self.request.output.join(&name), &outgoing).map_err(Trouble::Input)?;
        // Items are written at the same time, so each has one thread.
        let options = ArchiveOptions {
            stop: Some(Arc::clone(&self.request.stop.asked)),
            ..archive_options(self.request.overwrite, self.request.mtime, Context { jobs: 1, ..self.context })
        };
        let add = |contents: ArchiveContents<'_, '_>| Ok(self.archives.add(&name, contents, &options, &Silent));
        let (bytes, _) = packed(&outgoing, &plan.entries, self.context, add).map_err(Trouble::Input)?;
        let bytes = bytes?;
        self.apparent.fetch_add(bytes, Ordering::Relaxed);
        // Of the layers that the run was announced with; those of the bases come on top.
        self.context.events.bytes(item.layers.iter().fold(0, |sum, layer| sum.saturating_add(layer.size)));
        Ok((done(item), name))
    }

    /// What identifies the archive of that name.
    pub(super) fn file(&self, name: String) -> Option<FileRecord> {
        self.archives.folder().stamp(&name).map(|stamp| FileRecord::of(&stamp, Some(name)))
    }

    /// Whether the archive of an item is there, whole: the file that the journal knows, or one whose every blob is what it should be.
    /// The record is then that of the file as it is now.
    ///
    /// # Errors
    /// `io`.
    pub(super) fn is_whole(&self, item: &Item, past: Option<&ItemRecord>) -> Result<Option<ItemRecord>> {
        let Some(expected) = &item.result else { return Ok(None) };
        let name = file_name(item);
        let Some(stamp) = self.archives.folder().stamp(&name) else { return Ok(None) };
        let known = past.filter(|record| record.digest.as_ref() == Some(&expected.digest)).and_then(|record| record.archive.as_ref());
        let same = known.is_some_and(|file| file.name.as_deref() == Some(&name) && file.fits(&stamp));
        let sound = (same && self.request.verify == Verify::Digest) || self.is_sound(&self.request.output.join(&name), item)?;
        Ok(sound.then(|| ItemRecord { archive: self.file(name), ..done(item) }))
    }

    fn is_sound(&self, path: &Path, item: &Item) -> Result<bool> {
        let check = || -> Result<bool> {
            let source = Source::open(path, self.context.limits)?;
            let [entry] = source.index.manifests.as_slice() else { return Ok(false) };
            let expected = item.result.as_ref().is_some_and(|result| result.digest == entry.digest);
            if !expected || entry.full_name() != item.output.as_deref().map(Name::parse) {
                return Ok(false);
            }
            let tree = load(&source, entry, self.context.limits)?;
            for layer in tree.images().iter().flat_map(|image| &image.manifest.layers) {
                if layer.urls.is_empty() || source.container().blob(&layer.digest)?.is_some() {
                    crate::read::layer::check_content(&source, layer, &Silent)?;
                }
            }
            Ok(true)
        };
        match check() {
            Err(error) if error.code() == Code::Io => Err(error),
            Err(_) => Ok(false),
            Ok(sound) => Ok(sound),
        }
    }
}
