//! Makes the statements that a published list of ends of life asks for.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use super::reader::Reader;
use super::set::{NewStatements, refuse_archive};
use super::subject::Subject;
use super::words::Authorship;
use crate::foundation::fsys::{File, shown};
use crate::foundation::{Code, Digest, Error, ExitClass, Fact, Finding, Result};
use crate::oci::{ImageName, annotation};
use crate::plan::lifecycle::change::Change;
use crate::plan::lifecycle::import::{Import as List, contradiction, import as read, is_earlier};
use crate::plan::lifecycle::time::Moment;
use crate::read::{Located, Source, Tree};
use crate::report::lifecycle::set::{ImportReport, Imported};
use crate::verbs::Context;
use crate::verbs::base::each_image;

/// What is asked for.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "cli", derive(clap::Args))]
pub struct Import {
    /// The list.
    #[cfg_attr(feature = "cli", arg(value_name = "FILE"))]
    pub file: PathBuf,
    /// Where images lie: layouts, folders of them, or references.
    #[cfg_attr(feature = "cli", arg(required = true, value_name = "PATH"))]
    pub paths: Vec<String>,
    /// The product of a list that does not say it, such as debian.
    #[cfg_attr(feature = "cli", arg(long, value_name = "NAME"))]
    pub product: Option<String>,
    /// Only tell what would be done.
    #[cfg_attr(feature = "cli", arg(long))]
    pub dry_run: bool,
    /// For whom, and who says so.
    #[cfg_attr(feature = "cli", command(flatten))]
    pub by: Authorship,
    /// When.
    #[cfg_attr(feature = "cli", arg(skip = super::words::present()))]
    pub now: Moment,
}

/// Reads the list and states what it says on every image that it speaks of. By digest that is exact. By product it is decided by
/// the name of the image, and by its tag or version: an image called `debian:12.5` belongs to cycle 12 of debian. What `os-release` in
/// a layer says is not asked, because manifests and configs are all that is read here, and every layer would have to be inflated.
///
/// # Errors
/// `lifecycle.import`, `json.*`, `usage.output` for archives, those of paths and of writing. Each layout is changed at once; a layout
/// that fails leaves those before it changed.
pub fn import(request: &Import, context: Context<'_>) -> Result<ImportReport> {
    let bytes = File::open(&request.file)?.read_all(context.limits.index_bytes)?.ok_or_else(|| {
        Error::new(Code::DocTooLarge, "the list is too large")
            .at(shown(&request.file))
            .expected(Fact::new(format!("at most {} bytes", context.limits.index_bytes), "the limits"))
    })?;
    let list = read(&bytes, request.product.as_deref(), request.now, context.limits).map_err(|error| error.at(shown(&request.file)))?;
    let wanted = Wanted::new(&list);
    let mut report = ImportReport {
        file: shown(&request.file),
        at: request.now,
        images: Vec::new(),
        not_here: Vec::new(),
        unmatched: 0,
        dry_run: request.dry_run,
        changed: false,
        findings: list.findings.clone(),
    };
    let mut work = Work::of(request, &wanted, context)?;
    for _ in 0..TORN_READS {
        let missing = work.missing();
        if missing.is_empty() {
            break;
        }
        work = Work::of(request, &wanted, context)?;
        // What is not there the second time is gone.
        if work.missing() == missing {
            break;
        }
    }
    (report.images, report.unmatched) = (std::mem::take(&mut work.images), work.unmatched);
    report.findings.append(&mut work.findings);
    report.not_here = wanted.digests.keys().filter(|digest| !work.met.contains(*digest)).cloned().collect();
    for (source, statements) in &mut work.places {
        if !request.dry_run {
            report.changed |= statements.commit(source, context)?;
        }
        report.findings.append(&mut statements.findings);
    }
    if report.images.is_empty() && work.met.is_empty() {
        // What could not be read may be full of images.
        if let Some(failed) = report.findings.iter().find(|finding| finding.code.exit_class() == ExitClass::Io) {
            return Err(Error::of(failed.clone()));
        }
        return Err(Error::new(Code::NotAnImage, "there is no image below the paths").details(request.paths.iter().cloned()));
    }
    Ok(report)
}

/// What is stated in each layout.
struct Work<'a> {
    request: &'a Import,
    context: Context<'a>,
    wanted: &'a Wanted<'a>,
    places: Vec<(Arc<Source>, NewStatements<'a>)>,
    readers: HashMap<PathBuf, Reader<'a>>,
    /// The names of images that have several, in each source.
    names: HashMap<PathBuf, HashMap<Digest, Vec<String>>>,
    /// The images that were looked at, and their platforms.
    met: BTreeSet<Digest>,
    /// Those of which something is stated, and how many others there are.
    images: Vec<Imported>,
    unmatched: usize,
    /// What cannot be read, and what the list says twice of an image.
    findings: Vec<Finding>,
}

/// How often is read again what others changed meanwhile.
const TORN_READS: usize = 3;

impl<'a> Work<'a> {
    /// Looks at every image.
    fn of(request: &'a Import, wanted: &'a Wanted<'a>, context: Context<'a>) -> Result<Self> {
        let mut work = Self {
            request,
            context,
            wanted,
            places: Vec::new(),
            readers: HashMap::new(),
            names: HashMap::new(),
            met: BTreeSet::new(),
            images: Vec::new(),
            unmatched: 0,
            findings: Vec::new(),
        };
        let mut done: BTreeSet<(PathBuf, Digest)> = BTreeSet::new();
        let mut findings = Vec::new();
        each_image(&request.paths, context, &mut findings, |_| true, &mut |located, tree| {
            if done.insert((located.source.path.clone(), located.descriptor.digest.clone())) {
                match work.image(located, tree)? {
                    Some(imported) => work.images.push(imported),
                    None => work.unmatched += 1,
                }
            }
            Ok(Vec::new())
        })?;
        work.findings.splice(0..0, findings);
        Ok(work)
    }

    /// What was not there: it may have been collected after the index was read that names it, since another one took its place.
    fn missing(&self) -> BTreeSet<String> {
        let stated = self.places.iter().flat_map(|(_, statements)| &statements.findings);
        let all = self.findings.iter().chain(stated).filter(|finding| finding.code == Code::BlobMissing);
        all.map(|finding| finding.message.clone()).collect()
    }

    /// States what the list says of an image; nothing if it does not speak of it.
    fn image(&mut self, located: &Located, tree: &Tree) -> Result<Option<Imported>> {
        let (source, request) = (&located.source, self.request);
        let reader = self.readers.entry(source.path.clone()).or_insert_with(|| Reader::new(source, request.now, self.context));
        let subjects = reader.subjects(tree);
        let names = self.names.entry(source.path.clone()).or_insert_with(|| several_names(source));
        let own = located.descriptor.name().map(str::to_owned);
        let names = names.get(&located.descriptor.digest).map_or_else(|| own.into_iter().collect(), Clone::clone);
        let by_product = match subjects.first().map(|top| self.wanted.by_product(&names, top)) {
            Some((found, odd)) => {
                self.findings.extend(odd.map(|finding| finding.at(located.shown())));
                found
            }
            None => None,
        };
        let mut matched: Vec<(&Subject<'_>, &Change, String)> = Vec::new();
        for subject in &subjects {
            let digest = &subject.descriptor.digest;
            self.met.insert(digest.clone());
            let by_digest = self.wanted.digests.get(digest).map(|change| (*change, digest.to_string()));
            matched.extend(by_digest.or_else(|| by_product.clone()).map(|(change, why)| (subject, change, why)));
        }
        let Some((_, _, why)) = matched.first() else { return Ok(None) };
        let why = why.clone();
        if !request.dry_run {
            refuse_archive(source, "lifecycle import")?;
        }
        let position = self.places.iter().position(|(known, _)| known.path == source.path).unwrap_or_else(|| {
            self.places.push((Arc::clone(source), NewStatements::new(request.now, request.by.clone())));
            self.places.len() - 1
        });
        let Some((_, statements)) = self.places.get_mut(position) else { return Ok(None) };
        for (subject, change, _) in matched {
            statements.state(subject, change)?;
        }
        Ok(Some(Imported { image: located.shown(), matched: why, subjects: std::mem::take(&mut statements.subjects) }))
    }
}

/// The images of a source that have several names, with these.
fn several_names(source: &Source) -> HashMap<Digest, Vec<String>> {
    let mut names: HashMap<Digest, Vec<String>> = HashMap::new();
    for entry in &source.index.manifests {
        if let Some(name) = entry.name() {
            names.entry(entry.digest.clone()).or_default().push(name.to_owned());
        }
    }
    names.retain(|_, names| names.len() > 1);
    names
}

/// A list by what it speaks of.
struct Wanted<'l> {
    digests: BTreeMap<Digest, &'l Change>,
    list: &'l List,
}

impl<'l> Wanted<'l> {
    fn new(list: &'l List) -> Self {
        Self { digests: list.by_digest.iter().map(|(digest, change)| (digest.clone(), change)).collect(), list }
    }

    /// What the list says of an image by its names. Where they are of releases with different ends, the earlier one holds.
    fn by_product(&self, names: &[String], top: &Subject<'_>) -> (Option<(&'l Change, String)>, Option<Finding>) {
        let mut found: Option<(&'l Change, String)> = None;
        let mut odd = None;
        for (change, why) in names.iter().filter_map(|name| self.by_name(name, top)) {
            found = Some(match found {
                None => (change, why),
                Some((known, of)) if known == change => (known, of),
                Some((known, of)) => {
                    let (held, left) = if is_earlier(change, known) { ((change, why), known) } else { ((known, of), change) };
                    let message = "the names of an image are those of releases with different ends of life, and the earlier one is taken";
                    odd = Some(contradiction(message, held.0, left));
                    held
                }
            });
        }
        (found, odd)
    }

    fn by_name(&self, name: &str, top: &Subject<'_>) -> Option<(&'l Change, String)> {
        let version = top.own(annotation::VERSION);
        let name = ImageName::parse(name);
        for product in self.list.products.iter().filter(|product| product.name.eq_ignore_ascii_case(name.short_repository())) {
            let cycle = name.tag.and_then(|tag| product.cycle_of(tag)).or_else(|| version.and_then(|version| product.cycle_of(version)));
            if let Some(cycle) = cycle {
                return cycle.change.as_ref().map(|change| (change, format!("{} {}", product.name, cycle.name)));
            }
        }
        None
    }
}
