//! `batch apply`: does what the plan says, and can be stopped and started again at any point.
//!
//! Items are taken in the order of the plan, in portions. Several threads work on a portion; then come one flush, the names of its
//! blobs, and the lines of the journal. The index is exchanged now and then and at the end, so that a layout of a hundred thousand
//! images is not written a hundred thousand times. What was killed is taken up where the journal ends.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::archives::{ArchiveTarget, file_name};
use super::layout::LayoutTarget;
use super::pass::{Entry, Pass, key};
use super::workshop::Workshop;
use crate::core::clock::Stopwatch;
use crate::core::event::Silent;
use crate::core::fsys::{Directory, WriteDirectory, create_directories, shown};
use crate::core::{Code, Digest, Error, ExitClass, Fact, Finding, Result, workers};
use crate::plan::batch::shard::Shard;
use crate::plan::batch::{Item, Standing};
use crate::report::batch::{ApplyReport, Failure};
use crate::report::rebase::OutputReport;
use crate::verbs::output::layout_options;
use crate::verbs::{Context, Verify};
use crate::write::journal::{self, Final, ItemRecord, Journal, Past};
use crate::write::{Committed, IndexEdit, Intake, Layout, Trouble};

/// What results become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum As {
    /// One layout.
    Layout,
    /// An archive each.
    Archives,
}

/// How a run is asked to stop from outside.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    /// Set when it shall.
    pub asked: Arc<AtomicBool>,
    /// The number of the signal that asked.
    pub signal: Arc<AtomicUsize>,
}

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Request {
    /// The plan.
    pub plan: PathBuf,
    /// Where results go.
    pub output: PathBuf,
    /// What they become.
    pub form: As,
    /// Whether layers become one file with those of their sources.
    pub link: bool,
    /// The part of the work that is done here; the index is then left to `merge`.
    pub shard: Option<Shard>,
    /// After how many failures no more items are taken.
    pub max_failures: Option<usize>,
    /// Whether names that stand on other images move, and archives are replaced.
    pub overwrite: bool,
    /// Whether the layers of finished items are hashed again.
    pub verify: Verify,
    /// Where relative paths of the plan begin.
    pub root: Option<PathBuf>,
    /// The date of the members of archives.
    pub mtime: u64,
    /// How it is asked to stop.
    pub stop: Stop,
}

/// The most items of a portion, and the most bytes of their own layers: what is lost by a kill, and what must be flushed before the
/// process can end.
const PORTION: usize = 2048;
const PORTION_BYTES: u64 = 512 << 20;
/// How long finished items wait for the index.
const INTERVAL: Duration = Duration::from_secs(10);

/// How many entries the index takes at once.
const EDITS: usize = 25_000;

/// How an item ended.
enum Ended {
    Done(ItemRecord),
    /// It was done before.
    Unchanged(ItemRecord),
    Failed(Box<Finding>, ExitClass, String),
    Held(Box<Finding>, String),
    /// It was not taken, or dropped half-way.
    Left,
}

enum Target<'a, 'l> {
    Layout(LayoutTarget<'a, 'l>),
    Archives(ArchiveTarget<'a>),
}

/// Does what the plan says.
///
/// # Errors
/// Those of the plan, `batch.output_taken`, `batch.collision`, `layout.*`, `write.busy`, `io`, `io.space`. An item that cannot be done is in
/// the report.
pub fn apply(request: &Request, context: Context<'_>) -> Result<ApplyReport> {
    let mut survey = Survey::new(request, context)?;
    let pass = Pass::open(&request.plan, context.limits, &mut |item| {
        survey.see(item);
        Ok(())
    })?;
    survey.judge(request)?;
    match request.form {
        As::Layout => {
            let layout = Layout::open_or_create(&request.output, layout_options(context))?;
            let intake = layout.intake()?;
            let past = journal::read(intake.root().directory(), &pass.id)?;
            survey.room(request, &pass, &past, context)?;
            drop(survey);
            let target = LayoutTarget::new(&intake, &past, &request.output, request.link, request.verify, context)?;
            let run = Run::new(request, &pass, &past, Target::Layout(target), intake.root(), context)?;
            run.all(Some((&layout, &intake)))
        }
        As::Archives => {
            create_directories(&request.output)?;
            let root = WriteDirectory::open(&request.output, context.faults)?.for_its_owner()?;
            let past = journal::read(root.directory(), &pass.id)?;
            survey.room(request, &pass, &past, context)?;
            let target = ArchiveTarget {
                folder: request.output.clone(),
                root: &root,
                overwrite: request.overwrite,
                verify: request.verify,
                mtime: request.mtime,
                committed: Mutex::default(),
                apparent: 0.into(),
                context,
            };
            Run::new(request, &pass, &past, Target::Archives(target), &root, context)?.all(None)
        }
    }
}

/// What is looked at before anything is written: names that are taken, and the room on the disk.
struct Survey {
    /// The names of the output's index.
    names: HashMap<String, Digest>,
    taken: Vec<String>,
    files: HashSet<String>,
    collision: Option<String>,
    form: As,
    /// Layers by digest, with their sizes.
    layers: HashMap<Digest, u64>,
    documents: u64,
}

impl Survey {
    fn new(request: &Request, context: Context<'_>) -> Result<Self> {
        let names = match (request.form, Directory::open(&request.output)) {
            (As::Layout, Ok(directory)) => names_of(&directory, context)?,
            _ => HashMap::new(),
        };
        let (taken, files, layers) = (Vec::new(), HashSet::new(), HashMap::new());
        Ok(Self { names, taken, files, collision: None, form: request.form, layers, documents: 0 })
    }

    fn see(&mut self, item: &Item) {
        if item.status != Standing::Move {
            return;
        }
        let stands = item.output.as_ref().and_then(|name| self.names.get(name));
        let expected = item.result.as_ref().map(|result| &result.digest);
        if let Some(stands) = stands.filter(|stands| Some(*stands) != expected && **stands != item.digest) {
            self.taken.push(format!("{}  {stands}", item.output.as_deref().unwrap_or_default()));
        }
        if self.form == As::Archives && !self.files.insert(file_name(item)) {
            self.collision = Some(file_name(item));
        }
        for layer in &item.layers {
            self.layers.insert(layer.digest.clone(), layer.size);
        }
        self.documents += 2 * item.platforms.len() as u64 + 1;
    }

    fn judge(&self, request: &Request) -> Result<()> {
        if let Some(name) = &self.collision {
            return Err(Error::new(Code::BatchCollision, format!("several archives would be called {name}"))
                .hint("Make the plan with --name so that the names differ in letters, digits, `.`, `_` and `-`."));
        }
        if self.taken.is_empty() || request.overwrite {
            return Ok(());
        }
        const SHOWN: usize = 12;
        let more = self.taken.len().saturating_sub(SHOWN);
        let error = Error::new(Code::BatchOutputTaken, "the output holds other images under names that the batch wants to give")
            .at(shown(&request.output))
            .details(self.taken.iter().take(SHOWN).cloned());
        Err(if more > 0 { error.detail(format!("and {more} more")) } else { error })
    }

    /// Says how much room is missing, if it is certain that some is.
    fn room(&mut self, request: &Request, pass: &Pass, past: &Past, context: Context<'_>) -> Result<()> {
        let space = crate::core::fsys::space(&request.output)?;
        let done = past.done() as u64;
        let all = pass.entries.iter().filter(|entry| entry.standing == Standing::Move).count() as u64;
        if self.form == As::Archives || request.link || done >= all {
            // Archives reserve their room themselves, and links need none.
            return Ok(());
        }
        let root = WriteDirectory::open(&request.output, context.faults)?;
        let layers = self.layers.drain().filter(|(digest, _)| root.stamp(&digest.blob_path()).is_none());
        let layers: u64 = layers.map(|(_, size)| space.taken_by(size)).sum();
        let share = request.shard.map_or(1, |shard| shard.count);
        let documents = self.documents.saturating_mul(all - done) / all.max(1);
        let wanted = layers.saturating_add(documents.saturating_mul(space.block)) / share;
        if wanted <= space.available {
            return Ok(());
        }
        let missing = crate::core::text::bytes(wanted - space.available);
        Err(Error::new(Code::IoSpace, format!("the results do not fit: {missing} are missing"))
            .at(shown(&request.output))
            .expected(Fact::new(format!("{wanted} bytes"), "the layers and documents that are not there yet"))
            .found(Fact::new(format!("{} bytes", space.available), "the file system"))
            .hint(
                "Free some space, write elsewhere, or give layers a second name instead of copying them with --link. Nothing was changed.",
            ))
    }
}

/// The names in an index that is there.
fn names_of(directory: &Directory, context: Context<'_>) -> Result<HashMap<String, Digest>> {
    let mut names = HashMap::new();
    let Some(file) = directory.file("index.json")? else { return Ok(names) };
    // What is wrong with it is told when it is written to.
    let Some(bytes) = file.read_all(context.limits.index_bytes)? else { return Ok(names) };
    let Ok(document) = crate::format::json::Document::parse(&bytes, context.limits) else { return Ok(names) };
    let text = crate::format::json::Node::as_str;
    for entry in document.root().get("manifests").into_iter().flat_map(crate::format::json::Node::items) {
        let name = entry.get("annotations").and_then(|map| map.get(crate::oci::annotation::REF_NAME)).and_then(text);
        let digest = entry.get("digest").and_then(text).and_then(|text| text.parse().ok());
        if let (Some(name), Some(digest)) = (name, digest) {
            names.insert(name.into_owned(), digest);
        }
    }
    Ok(names)
}

struct Run<'a, 'l> {
    request: &'a Request,
    pass: &'a Pass,
    past: &'a Past,
    workshop: Workshop<'a>,
    target: Target<'a, 'l>,
    journal: Journal,
    /// How items ended for which others wait.
    ends: HashMap<u64, Final>,
    report: ApplyReport,
    pending: Vec<IndexEdit>,
    committed: Committed,
    /// Set when no more items are to be taken.
    halt: AtomicBool,
    failures: AtomicUsize,
    broken: Mutex<Option<Error>>,
    context: Context<'a>,
}

impl<'a, 'l> Run<'a, 'l> {
    fn new(
        request: &'a Request,
        pass: &'a Pass,
        past: &'a Past,
        target: Target<'a, 'l>,
        root: &WriteDirectory,
        context: Context<'a>,
    ) -> Result<Self> {
        let label = request.shard.map_or_else(|| "all".to_owned(), |shard| format!("{}of{}", shard.index + 1, shard.count));
        let journal = Journal::open(root, &pass.id, &label, &|take| pass.copy(take))?;
        // Items are done on several threads, each of which does one.
        let one = Context { jobs: 1, events: &Silent, ..context };
        let kind = if matches!(target, Target::Layout(_)) { "oci-layout" } else { "oci-archives" };
        let output = OutputReport { kind: kind.to_owned(), path: shown(&request.output) };
        let report = ApplyReport::of(pass.id.clone(), request.shard.map(|shard| shard.to_string()), output);
        Ok(Self {
            request,
            pass,
            past,
            workshop: Workshop::new(pass, request.root.as_deref(), one),
            target,
            journal,
            ends: HashMap::new(),
            report,
            pending: Vec::new(),
            committed: Committed::default(),
            halt: AtomicBool::new(false),
            failures: AtomicUsize::new(0),
            broken: Mutex::new(None),
            context,
        })
    }

    /// Does all items of the shard.
    fn all(mut self, layout: Option<(&Layout, &Intake<'_>)>) -> Result<ApplyReport> {
        let mut todo: Vec<Entry> = Vec::new();
        for entry in &self.pass.entries {
            self.report.plan_counts.count(entry.standing);
            let ours = self.request.shard.is_none_or(|shard| shard.holds(&key(entry.key)));
            if entry.standing == Standing::Move && ours {
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
            self.portion(portion, layout.map(|(_, intake)| intake))?;
            let broken = self.broken.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(error) = broken {
                return Err(error);
            }
            if self.stopping() {
                break;
            }
            if let Some((layout, _)) = layout.filter(|_| watch.elapsed() > interval || self.pending.len() >= EDITS) {
                let writing = Stopwatch::start();
                self.list(layout)?;
                // However large the index is, most of the time goes to the images.
                interval = INTERVAL.max(writing.elapsed() * 20);
                watch = Stopwatch::start();
            }
        }
        // An index of a hundred thousand entries is edited in memory, and so are the indexes of the inputs held: not both at once.
        self.workshop.close();
        if let Some((layout, _)) = layout {
            self.list(layout)?;
            // With shards, that is for who merges to say.
            if self.request.shard.is_none() {
                self.journal.listed()?;
            }
        }
        self.context.events.end();
        self.report.left += rest.len();
        self.report.signal = self.request.stop.signal.load(Ordering::Relaxed);
        match &self.target {
            Target::Layout(target) => self.report.apparent_bytes = target.apparent.load(Ordering::Relaxed),
            Target::Archives(target) => {
                self.report.apparent_bytes = target.apparent.load(Ordering::Relaxed);
                self.committed.add(std::mem::take(&mut *target.committed.lock().unwrap_or_else(PoisonError::into_inner)));
            }
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
    fn portion(&mut self, portion: &[Entry], intake: Option<&Intake<'_>>) -> Result<()> {
        let ended = workers::run(self.context.jobs, portion.len(), |number, buffer, _| {
            let ended = match portion.get(number) {
                Some(entry) if !self.stopping() => self.item(entry, buffer),
                _ => Ended::Left,
            };
            self.context.events.item();
            Ok(ended)
        })?;
        if self.broken.lock().unwrap_or_else(PoisonError::into_inner).is_some() {
            return Ok(());
        }
        if let Some(intake) = intake {
            intake.publish()?;
            let done = intake.done();
            for (digest, stamp) in &done.stamps {
                self.journal.blob(digest, stamp)?;
            }
            self.report.linked += done.linked.0;
            self.report.linked_bytes += done.linked.1;
            self.committed.add(done.committed);
        }
        for (entry, ended) in portion.iter().zip(ended) {
            self.note(entry, ended)?;
        }
        self.journal.commit()
    }

    /// One item. What is wrong with it stays with it; what is wrong with the target stops all.
    fn item(&self, entry: &Entry, buffer: &mut [u8]) -> Ended {
        let item = match self.pass.item(entry) {
            Ok(item) => item,
            Err(error) => return self.break_off(error),
        };
        let past = self.past.item(&item.key).filter(|record| record.status == Final::Done);
        let before = match &self.target {
            Target::Layout(target) => past.map_or(Ok(None), |record| Ok(target.is_whole(&item, &record)?.then_some(record))),
            Target::Archives(target) => target.is_whole(&item, past.as_ref()),
        };
        match before {
            Ok(Some(record)) => return Ended::Unchanged(record),
            Ok(None) => {}
            Err(error) => return self.break_off(error),
        }
        let waits = self.pass.waits.get(&entry.key);
        if let Some(other) = waits.into_iter().flatten().find(|other| self.ends.get(other).is_some_and(|end| *end != Final::Done)) {
            let finding = Finding::new(Code::BatchHeld, "its new base would be the result of an item that was not done")
                .found(Fact::new(key(*other), "the plan"));
            return Ended::Held(Box::new(finding), item.image);
        }
        let made = match self.workshop.make(&item) {
            Ok((plan, _)) => plan,
            Err(error) => return self.failed(error, item.image),
        };
        let written = match &self.target {
            Target::Layout(target) => target.write(&item, &made, buffer, &self.request.stop.asked),
            Target::Archives(target) => target.write(&item, &made),
        };
        match written {
            Ok(record) => Ended::Done(record),
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
    fn note(&mut self, entry: &Entry, ended: Ended) -> Result<()> {
        let end = match ended {
            Ended::Left => {
                self.report.left += 1;
                return Ok(());
            }
            Ended::Done(record) => {
                self.report.moved += 1;
                self.journal.item(&record)?;
                self.edit(record);
                Final::Done
            }
            Ended::Unchanged(record) => {
                self.report.unchanged += 1;
                // An archive that was found whole without a line of its own gets one.
                if self.past.item(&record.item).as_ref() != Some(&record) {
                    self.journal.item(&record)?;
                }
                self.edit(record);
                Final::Done
            }
            Ended::Failed(finding, class, image) => {
                self.report.failed += 1;
                self.stopped(entry, Final::Failed, &finding, image, Some(class))?;
                Final::Failed
            }
            Ended::Held(finding, image) => {
                self.report.held += 1;
                self.stopped(entry, Final::Held, &finding, image, None)?;
                Final::Held
            }
        };
        if self.pass.awaited.contains(&entry.key) {
            self.ends.insert(entry.key, end);
        }
        Ok(())
    }

    fn stopped(&mut self, entry: &Entry, status: Final, finding: &Finding, image: String, class: Option<ExitClass>) -> Result<()> {
        self.report.worst(class.unwrap_or(ExitClass::Precondition));
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

    fn edit(&mut self, record: ItemRecord) {
        if let Some(descriptor) = record.entry.filter(|_| self.request.shard.is_none()) {
            self.pending.push(IndexEdit::Put { name: record.name, descriptor });
        }
    }

    /// Lists what is finished in the index.
    fn list(&mut self, layout: &Layout) -> Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let pending = std::mem::take(&mut self.pending);
        // New entries are held several times while an index is edited, old ones are not: so not too many at once.
        for edits in pending.chunks(EDITS) {
            self.committed.add(layout.commit(&[], edits, &Silent)?);
        }
        Ok(())
    }
}

/// How many items make a portion. Those that wait for others come in a later one.
fn portion(rest: &[Entry]) -> usize {
    let level = rest.first().map(|entry| entry.level);
    let mut bytes = 0_u64;
    let fits = |entry: &&Entry| {
        bytes = bytes.saturating_add(entry.bytes);
        Some(entry.level) == level && bytes <= PORTION_BYTES
    };
    rest.iter().take(PORTION).take_while(fits).count().max(1)
}
