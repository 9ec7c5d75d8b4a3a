//! The index of a layout, exchanged in one step.

use std::sync::Arc;

use super::store::Store;
use super::{Change, INDEX, Layout, MERGES, TORN_PAUSE, TORN_READS};
use crate::format::json::Document;
use crate::foundation::clock::Stopwatch;
use crate::foundation::event::Silent;
use crate::foundation::fsys::{IndexLock, ReadAt, Staged, WriteDirectory, shown};
use crate::foundation::limits::CHUNK_BYTES;
use crate::foundation::{Code, Digest, Error, Fact, Finding, Result, Severity, clock};
use crate::oci::{RootIndex, Verified};
use crate::write::index_edit::{self, Spliced, Taken};
use crate::write::{Committed, Payload, locked};

impl Layout {
    /// Reads the index and applies the edits. A file that cannot be read may be in the middle of being written in place
    /// by another program, so it gets a little time.
    pub(super) fn plan(&self, root: &WriteDirectory, change: Change<'_>) -> Result<IndexPlan> {
        let mut reads = 0;
        loop {
            match self.try_plan(root, INDEX, change) {
                Err(Unready::Torn(error)) if reads >= TORN_READS => return Err(error),
                Err(Unready::Torn(_)) => clock::sleep(TORN_PAUSE),
                Err(Unready::Refused(error)) => return Err(error),
                Ok(plan) => return Ok(plan),
            }
            reads += 1;
        }
    }

    fn try_plan(&self, root: &WriteDirectory, name: &str, change: Change<'_>) -> Result<IndexPlan, Unready> {
        let read = self.read_or_known(root, name)?;
        let limits = &self.options.limits;
        // Edits bring JSON too; only what is wrong with the index itself can heal by waiting. Who is asked for edits may trip over
        // it first, so whatever the error, the index is looked at.
        let decided = change.of(read.bytes()).and_then(|revision| {
            let edits = change.edits(&revision.edits);
            let edited = match &read {
                Read::Known(index) => index_edit::change_of(index, edits, limits),
                Read::Bytes(bytes) => {
                    let text = std::str::from_utf8(bytes).map_or_else(|_| Document::parse(bytes, limits).map(|_| ""), Ok)?;
                    index_edit::change(text, edits, limits)
                }
            };
            Ok((revision.documents, revision.findings, edited?))
        });
        match decided {
            Ok((documents, findings, index_edit::Change { text, taken })) => Ok(IndexPlan { read, text, taken, documents, findings }),
            Err(error) => Err(match Document::parse(read.bytes(), limits) {
                Ok(_) => Unready::Refused(error),
                Err(error) => self.unreadable(read.bytes(), error),
            }),
        }
    }

    fn read_or_known(&self, root: &WriteDirectory, name: &str) -> Result<Read, Unready> {
        let known = locked(&self.read).clone();
        if let Some(known) = &known
            && self.says(root, name, known.text().as_bytes()).map_err(Unready::Refused)?
        {
            return Ok(Read::Known(Arc::clone(known)));
        }
        self.read_index(root, name).map(Read::Bytes)
    }

    /// Writes what a new index will name. What is there already costs nothing.
    pub(super) fn write_documents(&self, root: &Store, documents: &[Verified], committed: &mut Committed) -> Result<()> {
        let payloads: Vec<Payload<'_>> = documents.iter().map(Payload::of).filter(|payload| !self.knows(root, &payload.digest)).collect();
        if payloads.is_empty() {
            return Ok(());
        }
        self.write_blobs(root, &payloads.as_slice(), (0..payloads.len()).collect(), &Silent, committed)
    }

    /// Whether the index still says what the plan was made for.
    pub(super) fn is_unchanged(&self, root: &WriteDirectory, plan: &IndexPlan) -> Result<bool> {
        self.says(root, INDEX, plan.read.bytes())
    }

    /// Whether a file has just this content. It is compared piece by piece: an index of a hundred thousand images need not be in
    /// memory once more.
    fn says(&self, root: &WriteDirectory, name: &str, bytes: &[u8]) -> Result<bool> {
        let path = self.path.join(name);
        let Some(file) = root.directory().file(name)? else { return Ok(false) };
        if file.length() != bytes.len() as u64 {
            return Ok(false);
        }
        let mut buffer = vec![0; CHUNK_BYTES];
        let mut rest = bytes;
        loop {
            let at = (bytes.len() - rest.len()) as u64;
            let count = file.read_at(&mut buffer, at).map_err(|error| Error::io(format!("read {}", shown(&path)), error))?;
            let Some((piece, after)) = rest.split_at_checked(count) else { return Ok(false) };
            if buffer.get(..count) != Some(piece) {
                return Ok(false);
            }
            if count == 0 {
                return Ok(after.is_empty());
            }
            rest = after;
        }
    }

    fn unreadable(&self, bytes: &[u8], error: Error) -> Unready {
        let path = self.path.join(INDEX);
        if bytes.trim_ascii().ends_with(b"}") {
            return Unready::Torn(error.at(shown(&path)));
        }
        Unready::Torn(
            Error::new(Code::LayoutIndexTruncated, format!("{} is empty or cut off; it was left as it is", shown(&path)))
                .expected(Fact::new("a JSON object", "image-spec, image-layout.md"))
                .found(Fact::new(format!("{} bytes", bytes.len()), INDEX)),
        )
    }

    fn read_index(&self, root: &WriteDirectory, name: &str) -> Result<Vec<u8>, Unready> {
        let path = self.path.join(name);
        let missing = || Unready::Refused(Error::new(Code::LayoutIndexMissing, format!("{} is not there", shown(&path))));
        let file = root.directory().file(name).map_err(Unready::Refused)?.ok_or_else(missing)?;
        match file.read_all(self.options.limits.index_bytes) {
            Ok(Some(bytes)) => Ok(bytes),
            Ok(None) => Err(Unready::Refused(
                Error::new(Code::DocTooLarge, format!("{} is larger than the limit", shown(&path)))
                    .expected(Fact::new(format!("at most {} bytes", self.options.limits.index_bytes), "the limit")),
            )),
            // It grew or shrank under our hands.
            Err(error) if error.code() == Code::BlobChanged || error.raw_os_error().is_none() => {
                Err(Unready::Torn(Error::new(Code::InputChanged, format!("{} is being written by another program", shown(&path)))))
            }
            Err(error) => Err(Unready::Refused(error)),
        }
    }

    /// Replaces the index; `false` if the edits turned out to be there already.
    pub(super) fn commit_index(&self, root: &Store, first: IndexPlan, change: Change<'_>, committed: &mut Committed) -> Result<bool> {
        let _lock = IndexLock::take(root, self.options.lock_timeout)?;
        // What was read before says nothing of what will be there, and may be large.
        drop(locked(&self.read).take());
        // Before it is compared with what was read: what comes out of the exchange is known by it if nobody writes in between.
        let mut old = root.stamp(INDEX);
        // Mostly nobody wrote since the edits were tried, and a large index need not be parsed twice.
        let mut plan = if self.says(root, INDEX, first.read.bytes()).is_ok_and(|same| same) { first } else { self.plan(root, change)? };
        for _ in 0..MERGES {
            let Some(text) = &plan.text else { return Ok(false) };
            self.write_documents(root, &plan.documents, committed)?;
            committed.tell(std::mem::take(&mut plan.findings));
            let mut staged = Self::stage_index(root, plan.read.text(), text, committed)?;
            let name = staged.name_for_exchange(old.as_ref())?.to_owned();
            committed.taken.clone_from(&plan.taken);
            if root.exchange(&name, INDEX)? {
                // What has this name now is the old index, or another program's.
                staged.forget();
                self.settle(root, name, plan, change, committed)?;
                return Ok(true);
            }
            // A file system that cannot exchange: the last look is as late as it can be.
            if self.says(root, INDEX, plan.read.bytes()).is_ok_and(|same| same) {
                staged.replace(root, INDEX)?;
                committed.flushing(|| root.sync()).map_err(|error| self.after_publication(&error))?;
                return Ok(true);
            }
            old = root.stamp(INDEX);
            plan = self.plan(root, change)?;
        }
        Err(self.conflict())
    }

    /// Writes the new index beside the old one, part by part.
    fn stage_index<'r>(root: &'r WriteDirectory, old: &str, text: &Spliced, committed: &mut Committed) -> Result<Staged<'r>> {
        let staged = root.stage()?;
        text.write(old, &mut |bytes, offset| staged.write_at(bytes, offset))?;
        staged.resemble(INDEX)?;
        committed.flushing(|| staged.sync())?;
        Ok(staged)
    }

    /// After the exchange: makes sure that what came out is what was read, and if it is not, that nothing of it is lost.
    fn settle(&self, root: &Store, mut out: String, plan: IndexPlan, change: Change<'_>, committed: &mut Committed) -> Result<()> {
        let IndexPlan { read: mut expected, text, .. } = plan;
        if self.says(root, &out, expected.bytes()).map_err(|error| self.after_publication(&error))? {
            let removed = root.unlink(&out);
            let flushed = committed.flushing(|| root.sync());
            return removed.and(flushed).map_err(|error| self.after_publication(&error));
        }
        let mut published = text.unwrap_or_default().text(expected.text()).into_bytes();
        // Another program's version that is part of `published`, and goes once that is certain.
        let mut merged: Option<String> = None;
        for _ in 0..MERGES {
            if self.says(root, &out, expected.bytes()).map_err(|error| self.after_publication(&error))? {
                let removed = merged.iter().chain([&out]).try_for_each(|name| root.unlink(name));
                let flushed = committed.flushing(|| root.sync());
                return removed.and(flushed).map_err(|error| self.after_publication(&error));
            }
            let plan = match self.wait_for(root, &out, change) {
                Ok(plan) => plan,
                Err(Unready::Torn(_)) => return Err(self.keep(root, &out)),
                // Their version and our edits do not go together. Theirs was first.
                Err(Unready::Refused(error)) => {
                    if !root.exchange(&out, INDEX).map_err(|error| self.after_publication(&error))? {
                        return Err(self.keep(root, &out));
                    }
                    if !self.says(root, &out, &published).is_ok_and(|same| same) {
                        return Err(self.keep(root, &out));
                    }
                    root.unlink(&out).and_then(|()| root.sync()).map_err(|error| self.after_publication(&error))?;
                    return Err(error);
                }
            };
            let text = plan.text.map_or_else(|| plan.read.text().to_owned(), |text| text.text(plan.read.text()));
            let text = Spliced::whole(text);
            let mut step = || -> Result<Option<String>> {
                self.write_documents(root, &plan.documents, committed)?;
                let mut staged = Self::stage_index(root, "", &text, committed)?;
                // What comes out may be what a program wrote that knows no lock.
                let name = staged.name_for_exchange(None)?.to_owned();
                let exchanged = root.exchange(&name, INDEX)?;
                if exchanged {
                    staged.forget();
                }
                Ok(exchanged.then_some(name))
            };
            let Some(name) = step().map_err(|error| self.after_publication(&error))? else { return Err(self.keep(root, &out)) };
            committed.taken.extend(plan.taken);
            committed.tell(plan.findings);
            if let Some(older) = merged.replace(std::mem::replace(&mut out, name)) {
                // Two programs in a row: the newer version need not contain the older one, so that one is kept.
                let kept = self.keep(root, &older).into_finding();
                committed.findings.push(kept.severity(Severity::Warning));
            }
            expected = Read::Bytes(std::mem::replace(&mut published, text.text("").into_bytes()));
        }
        Err(self.keep(root, &out))
    }

    /// Waits until another program has written its index to the end.
    fn wait_for(&self, root: &WriteDirectory, name: &str, change: Change<'_>) -> Result<IndexPlan, Unready> {
        let watch = Stopwatch::start();
        loop {
            match self.try_plan(root, name, change) {
                Err(Unready::Torn(_)) if watch.elapsed() < self.options.lock_timeout => clock::sleep(TORN_PAUSE),
                other => return other,
            }
        }
    }

    /// Gives up; the other program's version stays under a name that says what it is.
    fn keep(&self, root: &WriteDirectory, name: &str) -> Error {
        let bytes = self.read_index(root, name).unwrap_or_default();
        let kept = format!("{INDEX}.conflict-{}", Digest::sha256(&bytes).hex().get(..12).unwrap_or_default());
        let kept = if root.rename(name, &kept).is_ok() { kept } else { name.to_owned() };
        self.conflict().detail(format!("the other program's version is kept as {}", shown(&self.path.join(kept))))
    }

    fn conflict(&self) -> Error {
        Error::new(Code::WriteConflict, format!("another program keeps writing {}", shown(&self.path.join(INDEX))))
    }

    pub(super) fn after_publication(&self, error: &Error) -> Error {
        Error::new(Code::IoAfterPublication, format!("{} was published, but a last step failed", shown(&self.path))).detail(error)
    }
}

/// An index as it was read, and what it shall become; `None` if it is that already.
pub(super) struct IndexPlan {
    read: Read,
    pub(super) text: Option<Spliced>,
    taken: Vec<Taken>,
    /// What the new index names and the payloads do not bring.
    pub(super) documents: Vec<Verified>,
    /// What a user should know of it.
    findings: Vec<Finding>,
}

/// What an index says.
enum Read {
    Bytes(Vec<u8>),
    /// What is known already, and neither kept twice nor parsed twice.
    Known(Arc<RootIndex>),
}

impl Read {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Known(index) => index.text().as_bytes(),
        }
    }

    /// As text; what an edit was made for is.
    fn text(&self) -> &str {
        match self {
            Self::Bytes(bytes) => std::str::from_utf8(bytes).unwrap_or_default(),
            Self::Known(index) => index.text(),
        }
    }
}

/// Why an index could not be edited.
enum Unready {
    /// It may be in the middle of being written.
    Torn(Error),
    /// Waiting will not help.
    Refused(Error),
}
