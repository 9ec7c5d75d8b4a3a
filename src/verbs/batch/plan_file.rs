//! A plan that is carried out: read once, line by line, with what each item needs before its turn comes.
//!
//! A plan of a hundred thousand images is a hundred megabytes. What is kept of a line is where it stands.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use crate::foundation::fsys::{File, ReadAt as _, shown};
use crate::foundation::{Algorithm, Code, Error, Fact, Hasher, Limits, Result};
use crate::oci::Name;
use crate::plan::batch::document::{self, Line};
use crate::plan::batch::{Counts, End, Header, Item, ItemStatus, Placed, Settings, order};
use crate::plan::verdict::Strictness;

/// The longest line that is read.
const LINE: usize = 4 << 20;

/// One item of the plan.
#[derive(Debug, Clone)]
pub(super) struct PlanEntry {
    /// Its key, as a number.
    pub(super) key: u64,
    at: u64,
    length: u32,
    number: u32,
    /// Its place in its chain.
    pub(super) level: u32,
    pub(super) standing: ItemStatus,
    /// The bytes of its own layers.
    pub(super) bytes: u64,
}

/// A plan.
#[derive(Debug)]
pub(super) struct PlanFile {
    file: File,
    pub(super) header: Header,
    pub(super) end: End,
    /// The beginning of the digest of the file.
    pub(super) id: String,
    /// Its items, in the order in which they are done.
    pub(super) entries: Vec<PlanEntry>,
    positions: HashMap<u64, usize>,
    /// The items that each waits for.
    pub(super) waits: HashMap<u64, Vec<u64>>,
    /// The items that some other waits for.
    pub(super) awaited: HashSet<u64>,
    limits: Limits,
}

/// A key as a number.
pub(super) fn number(key: &str) -> Result<u64> {
    u64::from_str_radix(key, 16).map_err(|_| Error::new(Code::BatchPlanInvalid, "a key is not a number").found(Fact::new(key, "the plan")))
}

/// A number as a key.
pub(super) fn key(number: u64) -> String {
    format!("{number:016x}")
}

fn invalid(message: &str) -> Error {
    Error::new(Code::BatchPlanInvalid, message)
}

/// Where a line is in its file, and which it is.
struct Place {
    at: u64,
    length: usize,
    count: usize,
}

/// What the lines of a plan said so far.
#[derive(Default)]
struct Reading {
    entries: Vec<PlanEntry>,
    positions: HashMap<u64, usize>,
    waits: HashMap<u64, Vec<u64>>,
    names: HashSet<Name<'static>>,
    counts: Counts,
}

impl Reading {
    fn item(&mut self, item: &Item, settings: &Settings, place: Place) -> Result<()> {
        self.counts.count(item.status);
        let key = number(&item.key)?;
        if self.positions.insert(key, self.entries.len()).is_some() {
            return Err(invalid("the plan has an item twice").at(&item.image));
        }
        if item.status == ItemStatus::Move {
            self.moved(item, key, settings)?;
        }
        let too_large = |_| invalid("the plan has too many lines");
        self.entries.push(PlanEntry {
            key,
            at: place.at,
            length: u32::try_from(place.length).map_err(too_large)?,
            number: u32::try_from(place.count).map_err(too_large)?,
            level: 0,
            standing: item.status,
            bytes: item.layers.iter().fold(0, |sum, layer| sum.saturating_add(layer.size)),
        });
        Ok(())
    }

    fn moved(&mut self, item: &Item, key: u64, settings: &Settings) -> Result<()> {
        if item.result.is_none() || item.platforms.is_empty() {
            return Err(invalid("an item is to be moved and does not say how").at(&item.image));
        }
        // What a rule of the site lets pass is not among the codes that were accepted.
        let refuses = settings.verdict.as_deref() == Some(Strictness::Refuse.name()) && settings.policy.is_empty();
        if refuses && item.platforms.iter().any(Placed::is_refused) {
            return Err(invalid("an item is to be moved that the plan refuses, since it would not run").at(&item.image));
        }
        if let Some(name) = item.output.as_deref().filter(|name| !self.names.insert(Name::parse(name).into_owned())) {
            return Err(Error::new(Code::BatchCollision, format!("several items of the plan would be called {name}")));
        }
        let before = item.platforms.iter().filter_map(|placed| placed.new.item.as_deref());
        let before = before.map(number).collect::<Result<Vec<u64>>>()?;
        if !before.is_empty() {
            self.waits.insert(key, before);
        }
        Ok(())
    }
}

impl PlanFile {
    /// Reads a plan; `visit` sees each item.
    ///
    /// # Errors
    /// `batch.plan_invalid`, `batch.plan_version`, `batch.collision`, `io`, and those of `visit`.
    pub(super) fn open(path: &Path, limits: &Limits, visit: &mut dyn FnMut(&Item) -> Result<()>) -> Result<Self> {
        Self::of(File::open(path)?, limits, visit).map_err(|error| error.at(shown(path)))
    }

    /// As [`PlanFile::open`], of a file that is open.
    pub(super) fn of(file: File, limits: &Limits, visit: &mut dyn FnMut(&Item) -> Result<()>) -> Result<Self> {
        let mut header: Option<Header> = None;
        let mut end = None;
        let mut read = Reading::default();
        let mut hasher = Hasher::new(Algorithm::Sha256);
        each_line(&file, &mut |line, at, count| {
            hasher.update(line.as_bytes());
            let text = line.trim_end_matches(['\n', '\r']);
            let Some(header) = &header else {
                header = Some(document::header(text, limits)?);
                return Ok(());
            };
            if end.is_some() {
                return Err(invalid("something follows the last line of the plan"));
            }
            match document::read(text, count, &header.seal, limits)? {
                Line::End(promised) => end = Some(promised),
                Line::Item(item) => {
                    visit(&item)?;
                    read.item(&item, &header.settings, Place { at, length: text.len(), count })?;
                }
            }
            Ok(())
        })?;
        let header = header.ok_or_else(|| invalid("the plan is empty"))?;
        let end = end.ok_or_else(|| {
            invalid("the plan is cut off: its last line is missing")
                .hint("Make the plan again, or copy it again; the last line begins {\"end\":.")
        })?;
        if !read.counts.is_part_of(&end.counts) {
            return Err(invalid("the plan has more items than its last line says"));
        }
        let Reading { entries, positions, waits, .. } = read;
        let awaited = waits.values().flatten().copied().collect();
        let id = hasher.finish().hex().get(..16).unwrap_or_default().to_owned();
        let mut plan_file = Self { file, header, end, id, entries, positions, waits, awaited, limits: limits.clone() };
        plan_file.sort()?;
        Ok(plan_file)
    }

    /// Puts the items into the order in which they are done: by their places in their chains, which a user may have edited.
    fn sort(&mut self) -> Result<()> {
        let waits: Vec<Vec<usize>> = self
            .entries
            .iter()
            .map(|entry| self.waits.get(&entry.key).into_iter().flatten().filter_map(|key| self.positions.get(key)).copied().collect())
            .collect();
        for (entry, level) in self.entries.iter_mut().zip(order::levels(&waits)) {
            let level = level.and_then(|level| u32::try_from(level).ok());
            entry.level = level.ok_or_else(|| {
                Error::new(Code::BatchCycle, "items of the plan wait for each other").found(Fact::new(key(entry.key), "the plan"))
            })?;
        }
        self.entries.sort_by_key(|entry| entry.level);
        self.positions = self.entries.iter().enumerate().map(|(position, entry)| (entry.key, position)).collect();
        Ok(())
    }

    /// The item that an entry stands for.
    ///
    /// # Errors
    /// `batch.plan_invalid` if the file was changed, `io`.
    pub(super) fn item(&self, entry: &PlanEntry) -> Result<Item> {
        let mut bytes = vec![0; usize::try_from(entry.length).unwrap_or(0)];
        self.file.read_exact_at(&mut bytes, entry.at).map_err(|error| Error::io(format!("read {}", shown(self.file.path())), error))?;
        let changed = || Error::new(Code::InputChanged, "the plan was changed while it was carried out").at(shown(self.file.path()));
        let text = String::from_utf8(bytes).map_err(|_| changed())?;
        match document::read(&text, usize::try_from(entry.number).unwrap_or(0), &self.header.seal, &self.limits)? {
            Line::Item(item) if number(&item.key)? == entry.key => Ok(*item),
            _ => Err(changed()),
        }
    }

    /// The entry with this key.
    pub(super) fn with_key(&self, key: u64) -> Option<&PlanEntry> {
        self.entries.get(*self.positions.get(&key)?)
    }

    /// Hands over the whole file in pieces.
    ///
    /// # Errors
    /// `io`, and those of `take`.
    pub(super) fn copy(&self, take: &mut dyn FnMut(&[u8], u64) -> Result<()>) -> Result<()> {
        let mut buffer = vec![0; crate::foundation::limits::CHUNK_BYTES];
        let mut at = 0;
        loop {
            let count =
                self.file.read_at(&mut buffer, at).map_err(|error| Error::io(format!("read {}", shown(self.file.path())), error))?;
            if count == 0 {
                return Ok(());
            }
            take(buffer.get(..count).unwrap_or_default(), at)?;
            at += count as u64;
        }
    }
}

/// Calls `take` with each line, its end included, its place in the file, and its number counted from 1.
fn each_line(file: &File, take: &mut dyn FnMut(&str, u64, usize) -> Result<()>) -> Result<()> {
    let mut buffer = vec![0; 1 << 20];
    let mut rest: Vec<u8> = Vec::new();
    let (mut at, mut read, mut count) = (0_u64, 0_u64, 0_usize);
    loop {
        let got = file.read_at(&mut buffer, read).map_err(|error| Error::io(format!("read {}", shown(file.path())), error))?;
        read += got as u64;
        rest.extend_from_slice(buffer.get(..got).unwrap_or_default());
        let mut done = 0;
        while let Some(bytes) = rest.get(done..).filter(|bytes| !bytes.is_empty()) {
            let end = match bytes.iter().position(|byte| *byte == b'\n') {
                Some(end) => end + 1,
                None if got == 0 => bytes.len(),
                None => break,
            };
            count += 1;
            let line = bytes.get(..end).and_then(|line| std::str::from_utf8(line).ok());
            let line = line.ok_or_else(|| Error::new(Code::BatchPlanInvalid, format!("line {count} of the plan is not text")))?;
            take(line, at, count)?;
            at += end as u64;
            done += end;
        }
        rest.drain(..done);
        if got == 0 {
            return Ok(());
        }
        if rest.len() > LINE {
            return Err(Error::new(Code::BatchPlanInvalid, format!("line {} of the plan is too long", count + 1))
                .expected(Fact::new(format!("at most {LINE} bytes"), "airbase")));
        }
    }
}
