//! A plan while it is carried out: the items of one process, in portions.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::archives::ArchiveTarget;
use super::finished::Finished;
use super::inputs::Inputs;
use super::layout::LayoutTarget;
use super::plan_file::{PlanEntry, PlanFile, key};
use super::request::Request;
use super::supersede::Marking;
use crate::foundation::clock::Stopwatch;
use crate::foundation::event::Silent;
use crate::foundation::fsys::{WriteDirectory, shown};
use crate::foundation::workers::Worker;
use crate::foundation::{Code, Error, ExitClass, Fact, Finding, Result, Severity, workers};
use crate::plan::batch::ItemStatus;
use crate::report::batch::{ApplyReport, Failure};
use crate::report::rebase::OutputReport;
use crate::verbs::Context;
use crate::write::journal::{Final, ItemRecord, Journal, Past};
use crate::write::{Committed, GroupCommit, IndexEdit, Layout, Trouble};

/// The most items of a portion, and the most bytes of their own layers: what is lost by a kill, and what must be flushed before the
/// process can end.
const PORTION: usize = 2048;
const PORTION_BYTES: u64 = 512 << 20;
/// How long finished items wait for the index.
const INTERVAL: Duration = Duration::from_secs(10);

/// How many entries the index takes at once, and how many that come with marks on old images, which are four others and more.
const EDITS: usize = 25_000;
const MARKED: usize = 8192;

/// How an item ended.
enum Ended {
    Done(ItemRecord),
    /// It is written, and has this name when the archives are published.
    Unnamed(ItemRecord, String),
    /// It was done before.
    Unchanged(ItemRecord),
    Failed(Box<Finding>, ExitClass, String),
    Held(Box<Finding>, String),
    /// It was not taken, or dropped half-way.
    Left,
}

pub(super) enum Target<'a, 'l> {
    Layout(LayoutTarget<'a, 'l>),
    Archives(ArchiveTarget<'a>),
}

impl Target<'_, '_> {
    /// The directory that the journal is in.
    fn root(&self) -> &WriteDirectory {
        match self {
            Self::Layout(target) => target.group_commit.root(),
            Self::Archives(target) => target.root,
        }
    }
}

/// The run.
pub(super) struct Run<'a, 'l> {
    request: &'a Request,
    plan_file: &'a PlanFile,
    past: &'a Past,
    inputs: Inputs<'a>,
    target: Target<'a, 'l>,
    journal: Journal,
    /// How items ended for which others wait.
    ends: HashMap<u64, Final>,
    report: ApplyReport,
    pending: Vec<Finished>,
    /// How many of them were not there before, and bring marks.
    fresh: usize,
    /// Marks the old images, if that is asked for and the index is written here.
    marking: Option<Marking<'a>>,
    committed: Committed,
    /// Set when no more items are to be taken.
    halt: AtomicBool,
    failures: AtomicUsize,
    broken: Mutex<Option<Error>>,
    context: Context<'a>,
}

impl<'a, 'l> Run<'a, 'l> {
    pub(super) fn new(
        request: &'a Request,
        plan_file: &'a PlanFile,
        past: &'a Past,
        target: Target<'a, 'l>,
        context: Context<'a>,
    ) -> Result<Self> {
        let label = request.shard.map_or_else(|| "all".to_owned(), |shard| format!("{}of{}", shard.index + 1, shard.count));
        let journal = Journal::open(target.root(), &plan_file.id, &label, &|take| plan_file.copy(take))?;
        if request.supersede.is_some() {
            journal.supersede()?;
        }
        let marking = request.supersede.as_ref().filter(|_| request.shard.is_none()).map(|taking| Marking::new(plan_file, taking, context));
        // Items are done on several threads, each of which does one.
        let one = Context { jobs: 1, events: &Silent, ..context };
        let kind = if matches!(target, Target::Layout(_)) { "oci-layout" } else { "oci-archives" };
        let output = OutputReport { kind: kind.to_owned(), path: shown(&request.output) };
        let report = ApplyReport::of(plan_file.id.clone(), request.shard.map(|shard| shard.to_string()), output);
        Ok(Self {
            request,
            plan_file,
            past,
            inputs: Inputs::new(plan_file, request.root.as_deref(), one)?,
            target,
            journal,
            ends: HashMap::new(),
            report,
            pending: Vec::new(),
            fresh: 0,
            marking,
            committed: Committed::default(),
            halt: AtomicBool::new(false),
            failures: AtomicUsize::new(0),
            broken: Mutex::new(None),
            context,
        })
    }

    /// Does all items of the shard.
    pub(super) fn all(mut self, layout: Option<(&Layout, &GroupCommit<'_>)>) -> Result<ApplyReport> {
        let mut todo: Vec<PlanEntry> = Vec::new();
        for entry in &self.plan_file.entries {
            self.report.plan_counts.count(entry.standing);
            let ours = self.request.shard.is_none_or(|shard| shard.holds(&key(entry.key)));
            if entry.standing == ItemStatus::Move && ours {
                todo.push(entry.clone());
            }
        }
        self.report.items = todo.len();
        let bytes = todo.iter().fold(0_u64, |sum, entry| sum.saturating_add(entry.bytes));
        self.context.events.begin("apply", todo.len() as u64, bytes);
        let (mut watch, mut interval) = (Stopwatch::start(), INTERVAL);
        let mut rest = todo.as_slice();
        while !rest.is_empty() {
            let (portion, after) = rest.split_at(portion(rest));
            rest = after;
            self.portion(portion, layout.map(|(_, group_commit)| group_commit))?;
            let broken = self.broken.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(error) = broken {
                return Err(error);
            }
            if self.stopping() {
                break;
            }
            if let Some((layout, group_commit)) =
                layout.filter(|_| watch.elapsed() > interval || self.pending.len() >= EDITS || self.fresh >= MARKED)
            {
                let writing = Stopwatch::start();
                self.list(layout, group_commit)?;
                // However large the index is, most of the time goes to the images.
                interval = INTERVAL.max(writing.elapsed() * 20);
                watch = Stopwatch::start();
            }
        }
        // An index of a hundred thousand entries is edited in memory, and so are the indexes of the inputs held: not both at once.
        self.inputs.close();
        if let Some((layout, group_commit)) = layout {
            let whole = self.list(layout, group_commit)?;
            // With shards, that is for who merges to say.
            if whole && self.request.shard.is_none() {
                self.journal.listed()?;
            }
        }
        self.context.events.end();
        self.report.left += rest.len();
        self.report.signal = self.request.stop.signal.load(Ordering::Relaxed);
        match &self.target {
            Target::Layout(target) => self.report.apparent_bytes = target.apparent.load(Ordering::Relaxed),
            Target::Archives(target) => self.report.apparent_bytes = target.apparent.load(Ordering::Relaxed),
        }
        self.report.written(&self.committed);
        if self.past.torn > 0 {
            self.report.torn = self.past.torn;
        }
        Ok(self.report)
    }

    fn stopping(&self) -> bool {
        self.halt.load(Ordering::Relaxed) || self.request.stop.asked.load(Ordering::Relaxed)
    }

    /// One portion: the work, the flush, the names, the journal.
    fn portion(&mut self, portion: &[PlanEntry], group_commit: Option<&GroupCommit<'_>>) -> Result<()> {
        let mut ended = workers::run(self.context.jobs, portion.len(), |number, worker| {
            let ended = match portion.get(number) {
                Some(entry) if !self.stopping() => self.item(entry, &mut Worker { buffer: worker.buffer, stop: &self.request.stop.asked }),
                _ => Ended::Left,
            };
            self.context.events.item();
            Ok(ended)
        })?;
        if self.broken.lock().unwrap_or_else(PoisonError::into_inner).is_some() {
            return Ok(());
        }
        if let Some(group_commit) = group_commit {
            group_commit.publish()?;
            let done = group_commit.done();
            for (digest, stamp) in &done.stamps {
                self.journal.blob(digest, stamp)?;
            }
            self.report.linked += done.linked.0;
            self.report.linked_bytes += done.linked.1;
            self.committed.add(done.committed);
        }
        if let Target::Archives(target) = &self.target {
            target.archives.publish()?;
            let mut named = target.archives.named();
            self.committed.add(std::mem::take(&mut named.committed));
            let mut refused: HashMap<String, Error> = named.refused.into_iter().collect();
            for (entry, ended) in portion.iter().zip(&mut ended) {
                if let Ended::Unnamed(record, name) = ended {
                    *ended = match refused.remove(name) {
                        None => Ended::Done(ItemRecord { archive: target.file(std::mem::take(name)), ..record.clone() }),
                        Some(error) => self.failed(error, self.plan_file.item(entry)?.image),
                    };
                }
            }
        }
        for (entry, ended) in portion.iter().zip(ended) {
            self.note(entry, ended)?;
        }
        self.journal.commit()
    }

    /// One item. What is wrong with it stays with it; what is wrong with the target stops all.
    fn item(&self, entry: &PlanEntry, worker: &mut Worker<'_>) -> Ended {
        let item = match self.plan_file.item(entry) {
            Ok(item) => item,
            Err(error) => return self.break_off(error),
        };
        let past = self.past.item(&item.key).filter(|record| record.status == Final::Done);
        let before = match &self.target {
            Target::Layout(target) => past.map_or(Ok(None), |record| Ok(target.is_whole(&item, &record)?.then_some(record))),
            Target::Archives(target) => target.is_whole(&item, past.as_ref()),
        };
        match before {
            Ok(Some(record)) => {
                // Done is done: the time that is left depends on it.
                self.context.events.bytes(entry.bytes);
                return Ended::Unchanged(record);
            }
            Ok(None) => {}
            Err(error) => return self.break_off(error),
        }
        let waits = self.plan_file.waits.get(&entry.key);
        if let Some(other) = waits.into_iter().flatten().find(|other| self.ends.get(other).is_some_and(|end| *end != Final::Done)) {
            let finding = Finding::new(Code::BatchHeld, "its new base would be the result of an item that was not done")
                .found(Fact::new(key(*other), "the plan"));
            return Ended::Held(Box::new(finding), item.image);
        }
        let made = match self.inputs.make(&item) {
            Ok((plan, _)) => plan,
            Err(error) => return self.failed(error, item.image),
        };
        let written = match &self.target {
            Target::Layout(target) => target.write(&item, &made, worker).map(Ended::Done),
            Target::Archives(target) => target.write(&item, &made).map(|(record, name)| Ended::Unnamed(record, name)),
        };
        match written {
            Ok(ended) => ended,
            Err(Trouble::Output(error)) => self.break_off(error),
            Err(Trouble::Input(_)) if self.request.stop.asked.load(Ordering::Relaxed) => Ended::Left,
            Err(Trouble::Input(error)) => self.failed(error, item.image),
        }
    }

    fn break_off(&self, error: Error) -> Ended {
        self.halt.store(true, Ordering::Relaxed);
        self.broken.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        Ended::Left
    }

    fn failed(&self, error: Error, image: String) -> Ended {
        if error.code() == Code::BatchHeld {
            return Ended::Held(Box::new(error.into_finding()), image);
        }
        let failures = self.failures.fetch_add(1, Ordering::Relaxed) + 1;
        if self.request.max_failures.is_some_and(|most| failures >= most) {
            self.halt.store(true, Ordering::Relaxed);
        }
        let class = error.exit_class();
        Ended::Failed(Box::new(error.into_finding()), class, image)
    }

    /// Writes down how an item ended.
    fn note(&mut self, entry: &PlanEntry, ended: Ended) -> Result<()> {
        let end = match ended {
            Ended::Left => {
                self.report.left += 1;
                return Ok(());
            }
            Ended::Unnamed(..) => return Err(Error::new(Code::Bug, "an archive was written and has no name")),
            Ended::Done(record) => {
                self.report.moved += 1;
                self.fresh += usize::from(self.marking.is_some());
                self.journal.item(&record)?;
                self.edit(entry, record);
                Final::Done
            }
            Ended::Unchanged(record) => {
                self.report.unchanged += 1;
                // An archive that was found whole without a line of its own gets one.
                if self.past.item(&record.item).as_ref() != Some(&record) {
                    self.journal.item(&record)?;
                }
                self.edit(entry, record);
                Final::Done
            }
            Ended::Failed(finding, class, image) => {
                self.report.failed += 1;
                self.report.worst(class);
                self.stopped(entry, Final::Failed, &finding, image)?;
                Final::Failed
            }
            Ended::Held(finding, image) => {
                self.report.held += 1;
                self.report.worst(ExitClass::Precondition);
                self.stopped(entry, Final::Held, &finding, image)?;
                Final::Held
            }
        };
        if self.plan_file.awaited.contains(&entry.key) {
            self.ends.insert(entry.key, end);
        }
        Ok(())
    }

    fn stopped(&mut self, entry: &PlanEntry, status: Final, finding: &Finding, image: String) -> Result<()> {
        let record = ItemRecord {
            item: key(entry.key),
            status,
            digest: None,
            name: None,
            entry: None,
            archive: None,
            code: Some(finding.code.slug().to_owned()),
            message: Some(finding.message.clone()),
        };
        if self.past.item(&record.item).as_ref() != Some(&record) {
            self.journal.item(&record)?;
        }
        self.report.failures.push(Failure { key: record.item, image, outcome: status.into(), findings: vec![finding.clone()] });
        Ok(())
    }

    fn edit(&mut self, entry: &PlanEntry, record: ItemRecord) {
        if let Some(descriptor) = record.entry.filter(|_| self.request.shard.is_none()) {
            self.pending.push(Finished { key: entry.key, name: record.name, descriptor: descriptor.into() });
        }
    }

    /// Lists what is finished in the index; `false` if that is left to the next run: to mark thousands of images takes longer than
    /// somebody who sent a signal waits.
    fn list(&mut self, layout: &Layout, group_commit: &GroupCommit<'_>) -> Result<bool> {
        if self.marking.is_some() && !self.pending.is_empty() && self.request.stop.asked.load(Ordering::Relaxed) {
            let left = crate::foundation::text::count(self.pending.len(), "result");
            self.report.findings.push(
                Finding::new(Code::BatchIncomplete, format!("{left} written, and neither listed nor marked yet"))
                    .severity(Severity::Warning)
                    .hint("Run the same command again: it lists and marks them. Until then `gc` keeps them."),
            );
            return Ok(false);
        }
        let pending = std::mem::take(&mut self.pending);
        self.fresh = 0;
        let mut rest = pending.as_slice();
        // New entries are held several times while an index is edited, old ones are not: so not too many at once.
        while !rest.is_empty() {
            let finished = rest.get(..EDITS).unwrap_or(rest);
            let taken = match &mut self.marking {
                None => {
                    let edits: Vec<IndexEdit> = finished.iter().map(Finished::put).collect();
                    self.committed.add(layout.commit(&[], &edits, &Silent)?);
                    finished.len()
                }
                Some(marking) => {
                    let (marked, taken) = marking.list(layout, group_commit, finished, MARKED)?;
                    self.committed.add(marked.committed);
                    self.report.superseded += marked.superseded;
                    self.report.findings.extend(marked.findings);
                    marked.unmarked.into_iter().for_each(|unmarked| self.report.unmarked(unmarked));
                    taken
                }
            };
            rest = rest.get(taken..).unwrap_or_default();
        }
        Ok(true)
    }
}

/// How many items make a portion. Those that wait for others come in a later one.
fn portion(rest: &[PlanEntry]) -> usize {
    let level = rest.first().map(|entry| entry.level);
    let mut bytes = 0_u64;
    let fits = |entry: &&PlanEntry| {
        bytes = bytes.saturating_add(entry.bytes);
        Some(entry.level) == level && bytes <= PORTION_BYTES
    };
    rest.iter().take(PORTION).take_while(fits).count().max(1)
}
