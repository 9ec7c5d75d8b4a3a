//! What a batch has done, written down in its output.
//!
//! ```text
//! OUT/airbase-batch/PLAN/plan.jsonl              the plan, copied
//! OUT/airbase-batch/PLAN/SHARD-RANDOM.jsonl      what one process did, one line for each item and for each layer
//! ```
//! PLAN is the beginning of the digest of the plan. The specification lets a layout hold other files, and clients ignore them. Two
//! processes never share a file. Every manifest that an `item` line names is a root for whoever removes blobs, because the index need
//! not list it yet.
//!
//! ```text
//! OUT/airbase-batch/PLAN/listed                  empty: the index lists all that the journals say is done
//! ```
//! While that file is not there, `gc` takes what the journals name for needed.
//!
//! ```text
//! OUT/airbase-batch/PLAN/supersede               empty: whoever lists what is done marks the old images as superseded
//! ```
//! Shards write no index and therefore no statements, which are on its lists; so they note that somebody asked for them.
//!
//! A line is written after what it speaks of is on the disk, and flushed before the index is. Lines come last: what follows a
//! line that cannot be read was not finished when the process was killed, and is done again.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::foundation::fsys::{Appender, Directory, Stamp, WriteDirectory};
use crate::foundation::{Code, Digest, Error, Result};

/// The folder in the root of an output.
pub const JOURNALS: &str = "airbase-batch";
/// The copy of the plan.
pub const PLAN: &str = "plan.jsonl";

/// Says that the index lists everything.
const LISTED: &str = "listed";

/// Says that the old images are to be marked.
const SUPERSEDE: &str = "supersede";

/// How an item ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Final {
    /// It is written.
    Done,
    /// It could not be.
    Failed,
    /// The image that it waits for was not done.
    Held,
}

/// What became of an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ItemRecord {
    /// The key of the item.
    pub item: String,
    /// How it ended.
    pub status: Final,
    /// What came out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// The name of the result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The entry of `index.json`, as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<String>,
    /// The archive that was written, and what identifies it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archive: Option<FileRecord>,
    /// Why it did not end well: the code and a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// A sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// What identifies a file, so that it need not be hashed again: while these stay, so did its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRecord {
    /// Its name, for an archive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its size in bytes.
    pub size: i64,
    /// Its inode.
    pub inode: u64,
    /// When its content changed, in seconds since 1970 and nanoseconds.
    pub modified: (i64, i64),
    /// When its inode changed.
    pub changed: (i64, i64),
}

impl FileRecord {
    /// Of a file.
    pub fn of(stamp: &Stamp, name: Option<String>) -> Self {
        let (size, inode, modified, changed) = stamp.parts();
        Self { name, size, inode, modified, changed }
    }

    /// Whether it was written down of this file.
    pub fn fits(&self, stamp: &Stamp) -> bool {
        stamp.is((self.size, self.inode, self.modified, self.changed))
    }
}

#[derive(Serialize, Deserialize)]
struct BlobRecord {
    blob: Digest,
    #[serde(flatten)]
    file: FileRecord,
}

/// What the journals of one plan say.
#[derive(Debug, Default)]
pub struct Past {
    /// The end of each item by its key, with the line that says so: a hundred thousand of them are read when they are needed.
    items: HashMap<Box<str>, (Final, Box<str>)>,
    /// Layers that were verified, and the file that each was then.
    pub blobs: HashMap<Digest, FileRecord>,
    /// Files whose last line was cut off.
    pub torn: usize,
}

/// The plans that were written into the output, by the names of their folders.
///
/// # Errors
/// `io`, `path.symlink`.
pub fn plans(root: &Directory) -> Result<Vec<String>> {
    let entries = root.entries(JOURNALS)?;
    Ok(entries.into_iter().filter_map(|entry| String::from_utf8(entry.name).ok()).collect())
}

/// Whether the index lists all that the journals of a plan say is done.
///
/// # Errors
/// `io`, `path.*`.
pub fn is_listed(root: &Directory, plan: &str) -> Result<bool> {
    Ok(root.kind(&format!("{JOURNALS}/{plan}/{LISTED}"))?.is_some())
}

/// The largest journal that is read, in bytes; a million items need about half of it.
const MOST: u64 = 1 << 30;

/// Reads what the journals of a plan say.
///
/// # Errors
/// `io`, `path.*`.
pub fn read(root: &Directory, plan: &str) -> Result<Past> {
    let mut past = Past::default();
    let folder = format!("{JOURNALS}/{plan}");
    for entry in root.entries(&folder)? {
        let Ok(name) = std::str::from_utf8(&entry.name) else { continue };
        if name == PLAN || name.rsplit_once('.').is_none_or(|(_, ending)| ending != "jsonl") {
            continue;
        }
        let Some(file) = root.file(&format!("{folder}/{name}"))? else { continue };
        // A running process appends while this is read, and what it appends later is seen by the next one.
        let bytes = file.beginning(MOST)?;
        past.take(&bytes);
    }
    Ok(past)
}

/// Whether the old images of a plan are to be marked as superseded.
///
/// # Errors
/// `io`, `path.symlink`.
pub fn supersedes(root: &Directory, plan: &str) -> Result<bool> {
    Ok(root.kind(&format!("{JOURNALS}/{plan}/{SUPERSEDE}"))?.is_some())
}

/// The entries of what was done and may not be listed yet, as JSON.
///
/// # Errors
/// `io`, `path.*`.
pub fn unlisted(root: &Directory) -> Result<Vec<String>> {
    let mut entries = Vec::new();
    for plan in plans(root)? {
        if root.kind(&format!("{JOURNALS}/{plan}/{LISTED}"))?.is_none() {
            let past = read(root, &plan)?;
            entries.extend(past.items.keys().filter_map(|key| past.item(key)?.entry));
        }
    }
    entries.sort_unstable();
    Ok(entries)
}

impl Past {
    /// The end of an item. Of several, one that is done counts.
    pub fn item(&self, key: &str) -> Option<ItemRecord> {
        serde_json::from_str(&self.items.get(key)?.1).ok()
    }

    /// How many items are done.
    pub fn done(&self) -> usize {
        self.items.values().filter(|(end, _)| *end == Final::Done).count()
    }

    /// Takes what one journal says, up to a line that was cut off.
    pub fn take(&mut self, bytes: &[u8]) {
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            let whole = line.ends_with(b"\n");
            let read = if !whole {
                None
            } else if line.starts_with(b"{\"blob\"") {
                serde_json::from_slice::<BlobRecord>(line).ok().map(|record| {
                    self.blobs.insert(record.blob, record.file);
                })
            } else {
                serde_json::from_slice::<ItemRecord>(line).ok().zip(std::str::from_utf8(line).ok()).map(|(record, text)| {
                    let known = self.items.get(record.item.as_str());
                    // The same item, done twice, came out the same; and whoever did it after it failed has made up for that.
                    if known.is_none_or(|(end, _)| *end != Final::Done) {
                        self.items.insert(record.item.into_boxed_str(), (record.status, text.trim_end().into()));
                    }
                })
            };
            if read.is_none() {
                self.torn += 1;
                return;
            }
        }
    }
}

/// Takes pieces of a file, each with its place in it.
pub type Take<'a> = &'a mut dyn FnMut(&[u8], u64) -> Result<()>;

/// The journal of one process. Its file is made when there is something to write.
#[derive(Debug)]
pub struct Journal {
    folder: WriteDirectory,
    label: String,
    file: Option<Appender>,
    lines: String,
}

impl Journal {
    /// Gets ready to write down what is done of `plan`, whose text `copy` hands over in pieces, in `root`. `label` begins the name of the
    /// file. The plan is copied unless it is there.
    ///
    /// # Errors
    /// `io`, `io.space`, `path.*`.
    pub fn open(root: &WriteDirectory, plan: &str, label: &str, copy: &dyn Fn(Take<'_>) -> Result<()>) -> Result<Self> {
        let lost = || Error::new(Code::InputChanged, "the folder of the journals vanished");
        root.make_directory(JOURNALS)?;
        let journals = root.beneath(JOURNALS)?.ok_or_else(lost)?;
        journals.make_directory(plan)?;
        let folder = journals.beneath(plan)?.ok_or_else(lost)?;
        if folder.directory().kind(PLAN)?.is_none() {
            let staged = folder.stage()?;
            copy(&mut |bytes, at| staged.write_at(bytes, at))?;
            staged.sync()?;
            // Two processes at once bring the same bytes.
            let _ = staged.publish(&folder, PLAN)?;
            folder.sync()?;
            journals.sync()?;
            root.sync()?;
        }
        Ok(Self { folder, label: label.to_owned(), file: None, lines: String::new() })
    }

    /// Adds an item, to be written with the next [`Journal::commit`].
    ///
    /// # Errors
    /// `bug`.
    pub fn item(&mut self, record: &ItemRecord) -> Result<()> {
        self.line(record)
    }

    /// Adds a layer that was verified.
    ///
    /// # Errors
    /// `bug`.
    pub fn blob(&mut self, digest: &Digest, stamp: &Stamp) -> Result<()> {
        self.line(&BlobRecord { blob: digest.clone(), file: FileRecord::of(stamp, None) })
    }

    fn line<T: Serialize>(&mut self, record: &T) -> Result<()> {
        let line = serde_json::to_string(record).map_err(|error| Error::new(Code::Bug, format!("a record has no JSON form: {error}")))?;
        self.lines.push_str(&line);
        self.lines.push('\n');
        Ok(())
    }

    /// Notes that the index lists everything that the journals say is done.
    ///
    /// # Errors
    /// `io`, `io.space`.
    pub fn listed(&self) -> Result<()> {
        self.flag(LISTED)
    }

    /// Notes that the old images are to be marked as superseded when the results are listed.
    ///
    /// # Errors
    /// `io`, `io.space`.
    pub fn supersede(&self) -> Result<()> {
        self.flag(SUPERSEDE)
    }

    /// Makes an empty file, whose name says it all.
    fn flag(&self, name: &str) -> Result<()> {
        if self.folder.directory().kind(name)?.is_none() {
            let staged = self.folder.stage()?;
            let _ = staged.publish(&self.folder, name)?;
            self.folder.sync()?;
        }
        Ok(())
    }

    /// Writes what was added, and makes it durable.
    ///
    /// # Errors
    /// `io`, `io.space`.
    pub fn commit(&mut self) -> Result<()> {
        if self.lines.is_empty() {
            return Ok(());
        }
        let new = self.file.is_none();
        if new {
            self.folder.unlink(LISTED)?;
        }
        let file = match &self.file {
            Some(file) => file,
            None => self.file.insert(Appender::create(&self.folder, &self.label, "jsonl")?),
        };
        file.append(self.lines.as_bytes())?;
        file.sync()?;
        if new {
            self.folder.sync()?;
        }
        self.lines.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(item: &str, status: Final) -> String {
        let record =
            ItemRecord { item: item.to_owned(), status, digest: None, name: None, entry: None, archive: None, code: None, message: None };
        serde_json::to_string(&record).unwrap() + "\n"
    }

    #[test]
    fn a_line_that_was_cut_off_was_not_written() {
        let mut past = Past::default();
        let text = record("a", Final::Done) + &record("b", Final::Done);
        past.take(&text.as_bytes()[..text.len() - 3]);
        assert_eq!((past.item("a").map(|record| record.item), past.item("b")), (Some("a".to_owned()), None));
        assert_eq!(past.torn, 1);
        // What a power cut leaves in a file that was made longer and not written.
        past.take(&[0; 512]);
        assert_eq!((past.items.len(), past.torn), (1, 2));
    }

    #[test]
    fn what_is_done_stays_done() {
        for order in [[Final::Failed, Final::Done, Final::Held], [Final::Done, Final::Failed, Final::Failed]] {
            let mut past = Past::default();
            for status in order {
                past.take(record("a", status).as_bytes());
            }
            assert_eq!(past.item("a").unwrap().status, Final::Done);
        }
        let mut past = Past::default();
        past.take((record("a", Final::Failed) + &record("a", Final::Held)).as_bytes());
        assert_eq!(past.item("a").unwrap().status, Final::Held);
    }
}
