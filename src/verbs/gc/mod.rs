//! Collects what nobody needs: shows it, and deletes it only when asked to.

mod mark;

use std::cell::RefCell;
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use mark::{Keeper, Referring, Rules, marks};

use super::Context;
use super::output::layout_options;
use crate::format::json::Document;
use crate::foundation::clock::Time;
use crate::foundation::fsys::{Stamp, WriteDirectory, shown};
use crate::foundation::{Code, Digest, Error, Fact, Finding, Result, Severity, text};
use crate::oci::Descriptor;
use crate::plan::lifecycle::time::Span;
use crate::read::referrers::{Trouble, Unread};
use crate::read::{Source, SourceKind, Stored, open_path};
use crate::report::gc::{Collected, GcReport, Gone, Kept};
use crate::verbs::doctor::survey;
use crate::write::journal;
use crate::write::{IndexEdit, Layout, Sweep};

/// What is asked for.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "cli", derive(clap::Args))]
pub struct Request {
    /// The layout.
    #[cfg_attr(feature = "cli", arg(value_name = "PATH"))]
    pub path: PathBuf,
    /// Delete it, and do not only show it.
    #[cfg_attr(feature = "cli", arg(long))]
    pub apply: bool,
    /// Keep what is younger: 12h, 30d, 0.
    // Another program may be about to name it, or its subject may be on its way.
    #[cfg_attr(feature = "cli", arg(long, value_name = "TIME", default_value = "1d", value_parser = Span::parse))]
    pub grace: Span,
    /// Delete signatures and the like whose image is not here, too: by their name they belong to it.
    #[cfg_attr(feature = "cli", arg(long))]
    pub orphans: bool,
    /// Collect though manifests that an index lists are not here, as for other platforms.
    // What they need is not known, and goes if nothing else needs it.
    #[cfg_attr(feature = "cli", arg(long))]
    pub allow_sparse: bool,
    /// Collect in a layout that lists nothing.
    // All of it goes.
    #[cfg_attr(feature = "cli", arg(long))]
    pub allow_empty: bool,
    /// The present, by the same clock that dates files: `SOURCE_DATE_EPOCH` says nothing about files that others are writing now.
    #[cfg_attr(feature = "cli", arg(skip = Time::now()))]
    pub now: Time,
}

/// Finds what no name, index, subject or collection needs, and with `apply` deletes it.
///
/// # Errors
/// `usage.output` for archives, `write.busy` while somebody writes, `gc.empty`, `blob.missing`, and those of reading and writing: where
/// anything could not be read or is not here, what it needs is not known.
pub fn gc(request: &Request, context: Context<'_>) -> Result<GcReport> {
    let source = open_path(&request.path, context.limits)?;
    if source.kind() != SourceKind::Layout {
        return Err(source
            .kind()
            .unchangeable("gc")
            .at(shown(&request.path))
            .hint("Copy what is wanted of it into a layout: `airbase copy --all PATH DIR`."));
    }
    if !request.apply {
        return plan(&source, request, false, context).map(|(report, _)| report);
    }
    let last = RefCell::new(None);
    let layout = Layout::open_or_create(&request.path, layout_options(context))?;
    layout.remember(&source.index);
    let swept = layout.sweep(&|text| {
        let source = Source::with_index(&request.path, text, &[&source], context.limits)?;
        let mut last = last.borrow_mut();
        let emptied = last.as_ref().is_some_and(|report: &GcReport| !report.entries.is_empty());
        let (report, sweep) = plan(&source, request, emptied, context)?;
        // What went in an earlier round stays told: the last round finds only what is left. What is listed still, or again, did not go.
        let listed: HashSet<(&Digest, Option<&str>)> = source.index.manifests.iter().map(|entry| (&entry.digest, entry.name())).collect();
        let is_listed = |gone: &Gone| listed.contains(&(&gone.digest, gone.names.first().map(String::as_str)));
        let earlier = last.take().map(|report: GcReport| report.entries).unwrap_or_default();
        let earlier = earlier.into_iter().filter(|gone| !is_listed(gone));
        *last = Some(GcReport { entries: earlier.chain(report.entries.iter().cloned()).collect(), ..report });
        Ok(sweep)
    })?;
    let Some(mut report) = last.into_inner() else { return Err(Error::new(Code::Bug, "nothing was decided")) };
    report.applied = true;
    report.deleted = Some(Collected { blobs: swept.blobs, bytes: swept.bytes });
    Ok(report)
}

/// Decides what goes; `emptied` says that the list may be empty because an earlier round took the last entries off it.
fn plan(source: &Arc<Source>, request: &Request, emptied: bool, context: Context<'_>) -> Result<(GcReport, Sweep)> {
    let stored = understood(source)?;
    let mut batched = Vec::new();
    let directory = WriteDirectory::open(&request.path, context.faults)?;
    for entry in journal::unlisted(directory.directory())? {
        batched.push(Descriptor::parse(Document::parse(entry.as_bytes(), context.limits)?.root(), context.limits)?);
    }
    whole(source, &stored, &batched)?;
    let referring = referring(source, context)?;
    let grace = i64::try_from(request.grace.seconds()).unwrap_or(i64::MAX);
    // A file from the future is young, whatever its clock says.
    let is_young_file = |stamp: &Stamp| request.now.seconds().saturating_sub(stamp.latest()) < grace;
    let is_young = |digest: &Digest| Ok(directory.examine(&digest.blob_path())?.as_ref().is_some_and(is_young_file));
    let allowed = emptied || request.allow_empty;
    if source.index.manifests.is_empty() && batched.is_empty() && !allowed && !stored.is_empty() {
        return Err(Error::new(Code::GcEmpty, "the layout lists nothing, so all of its blobs would go")
            .at(source.shown())
            .hint("Copy index.json again from where it came from. If it is meant to be empty: `airbase gc PATH --allow-empty`."));
    }
    let rules = Rules { batched: &batched, is_young: &is_young, orphans: request.orphans };
    let marks = marks(source, stored, &referring, &rules, context)?;
    let mut report = GcReport {
        path: source.shown(),
        applied: false,
        entries: Vec::new(),
        blobs: Vec::new(),
        bytes: 0,
        leftovers: Vec::new(),
        kept: kept(&marks.kept),
        deleted: None,
        findings: Vec::new(),
    };
    let mut sweep = Sweep::default();
    for (entry, why) in &marks.gone {
        report.entries.push(Gone::of(entry, why));
        sweep.revision.edits.push(IndexEdit::removal(entry));
    }
    for digest in marks.kept.others() {
        // A link is not ours to delete.
        let Some(stamp) = directory.examine(&digest.blob_path())? else { continue };
        if is_young_file(&stamp) {
            report.kept.young += 1;
            continue;
        }
        report.bytes = report.bytes.saturating_add(stamp.size());
        report.blobs.push(digest.clone());
        sweep.delete.push((digest, Some(stamp)));
    }
    if !marks.absent.is_empty() {
        let finding = absent("what an index lists is not here", marks.absent.values()).at(&report.path);
        let goes = !report.entries.is_empty() || !report.blobs.is_empty();
        if goes && !request.allow_sparse {
            return Err(doubtful(Error::of(finding))
                .hint("Bring it from where it came from. If the layout is sparse on purpose: `airbase gc PATH --allow-sparse`."));
        }
        report.findings.push(finding.severity(Severity::Note));
    }
    for name in directory.directory().leftovers()? {
        if directory.stamp_of_leftover(&name).is_some_and(|stamp| !is_young_file(&stamp)) {
            report.leftovers.push(name.clone());
            sweep.leftovers.push(name);
        }
    }
    Ok((report, sweep))
}

/// Who refers to whom.
///
/// # Errors
/// What the system could not read, first; then what nothing lists and is not what its digest says: while there is any, it is not known
/// what refers to what.
fn referring(source: &Arc<Source>, context: Context<'_>) -> Result<Referring> {
    let mut referring = Referring::default();
    let is_of_system = |unread: &&Unread| unread.trouble == Trouble::Io;
    let mut doubt = None;
    let unread = survey(source, context, &mut |survey| {
        if doubt.is_none() {
            doubt = survey.found.unread.iter().find(is_of_system).cloned();
        }
        let referrers = survey.found.referrers.into_iter().map(|referrer| (referrer.descriptor, referrer.listed.index));
        referring.insert(survey.subject.digest.clone(), referrers.collect());
        Ok(())
    })?;
    let is_damaged = |unread: &&Unread| unread.finding.code == Code::BlobDigestMismatch;
    let doubt = doubt.as_ref().or_else(|| unread.iter().find(is_of_system)).or_else(|| unread.iter().find(is_damaged));
    match doubt {
        Some(unread) => Err(doubtful(Error::of(unread.finding.clone())).at(source.shown())),
        None => Ok(referring),
    }
}

/// The blobs of a layout, sorted, without digests of algorithms that are not known here: what such a document names cannot be read.
fn understood(source: &Source) -> Result<Vec<Digest>> {
    if let Some(finding) = source.index.unverifiable().next() {
        return Err(doubtful(Error::of(finding)));
    }
    let mut blobs = Vec::new();
    for stored in source.container().stored()? {
        match stored {
            Stored::Blob(digest) => blobs.push(digest),
            Stored::Unverifiable(folder) => {
                return Err(doubtful(Error::new(Code::DigestAlgorithmUnknown, "there are blobs whose digests cannot be verified here"))
                    .at(source.shown())
                    .found(Fact::new(folder, "the layout")));
            }
            Stored::Stray(_) => {}
        }
    }
    blobs.sort_unstable();
    Ok(blobs)
}

/// Whether all that `index.json` lists is here, or a batch has written and not listed yet. Of half a copy the manifests may come last,
/// and until then nothing else says what their configs and layers are for. Nor does anything tell half a copy from an image whose
/// manifest is gone for good, so the user does, by taking it off the list.
///
/// # Errors
/// `blob.missing`, about all of them.
fn whole(source: &Source, stored: &[Digest], batched: &[Descriptor]) -> Result<()> {
    let is_absent = |entry: &&Descriptor| entry.data.is_none() && stored.binary_search(&entry.digest).is_err();
    let missing: Vec<&Descriptor> = source.index.manifests.iter().chain(batched).filter(is_absent).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let finding = absent("what index.json lists is not here", missing.into_iter()).at(source.shown());
    Err(doubtful(Error::of(finding))
        .hint("Bring it from where it came from. If it is gone for good, take it off the list: `airbase rm PATH@DIGEST`."))
}

/// How many of what is not here users are told by digest.
const TOLD: usize = 20;

/// What is not here, by names and digests.
fn absent<'d>(message: &str, missing: impl ExactSizeIterator<Item = &'d Descriptor>) -> Finding {
    let count = missing.len();
    let mut finding = Finding::new(Code::BlobMissing, message).found(Fact::new(text::count(count, "document") + " missing", "blobs"));
    for descriptor in missing.take(TOLD) {
        let platform = descriptor.platform.as_ref().map(ToString::to_string);
        let name = descriptor.name().map(str::to_owned).or(platform).unwrap_or_else(|| descriptor.media_type.to_string());
        finding = finding.detail(format!("{name} {}", descriptor.digest));
    }
    if count > TOLD { finding.detail(format!("and {} more", count - TOLD)) } else { finding }
}

/// What keeps gc from deciding.
fn doubtful(error: Error) -> Error {
    error.detail("what it needs is not known, so nothing was deleted")
}

fn kept(kept: &mark::Kept) -> Kept {
    let count = |keeper: Keeper| kept.count(|own| own == keeper);
    Kept {
        named: count(Keeper::Named),
        unnamed: count(Keeper::Unnamed),
        parts: kept.count(Keeper::is_part),
        referrers: count(Keeper::Subject),
        lists: count(Keeper::List),
        dangling: count(Keeper::Grace),
        young: 0,
    }
}
