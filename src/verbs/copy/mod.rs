//! Copies images between layouts and archives, byte for byte.

mod brought;
mod everything;
mod gathered;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use brought::Brought;
pub(super) use everything::Everything;
use gathered::{Gathered, Rest};

use super::lifecycle::{Holders, Taker, Taking, layout_at, taken_over};
use super::narrow::{Choice, narrow};
use super::output::{Document, Form, Outgoing, Output, check_name, write};
use super::referrers::{Carrier, Carry, Subject, Unreadable};
use super::{Context, names_left};
use crate::format::json::Excerpt;
use crate::foundation::fsys::{ReadAt as _, shown};
use crate::foundation::{Code, Digest, Error, ExitClass, Fact, Finding, Result, Severity, text};
use crate::oci::{Config, Descriptor, Index, Manifest, Name, collection};
use crate::plan::annotate::{NewDocument, replaced};
use crate::plan::docker;
use crate::read::layer::check_content;
use crate::read::referrers::{Lookup, Scope, marked};
use crate::read::{Located, Opaque, Reference, Source, Walk, locate, open_reference, verify, walk};
use crate::report::copy::{Copied, CopyReport};
use crate::report::rebase::{OutputReport, Superseded, WrittenReport};

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Request {
    /// The image, or with `all` the source.
    pub source: String,
    /// Everything that has an entry in the source.
    pub all: bool,
    /// What is wanted of indexes.
    pub choice: Choice,
    /// Where it goes.
    pub output: Output,
    /// Its name there; without it, it keeps its own.
    pub name: Option<String>,
    /// Which referrers go along; none into an archive for docker, which has no place for them.
    pub referrers: Option<Carry>,
    /// Whether an image in the output that loses its name to the copy is marked as superseded by it.
    pub supersede: Option<Taking>,
    /// The date of the members of an archive.
    pub mtime: u64,
}

/// What goes along, before it is written.
#[derive(Debug, Default)]
struct Load<'a> {
    outgoing: Outgoing<'a>,
    entries: Vec<(Option<String>, Excerpt)>,
    images: Vec<Copied>,
    referrers: Vec<Digest>,
    /// What only the lists lead to, and does not refer to anything of it.
    alone: HashSet<Digest>,
    /// Whether there may be more referrers, which could not be read.
    incomplete: bool,
    /// The images of the output that are superseded.
    superseded: Vec<Superseded>,
    findings: Vec<Finding>,
}

/// Copies. Every byte is hashed on the way.
///
/// # Errors
/// Those of references, documents and writing.
pub fn copy(request: &Request, context: Context<'_>) -> Result<CopyReport> {
    if let Some(name) = &request.name {
        check_name(name)?;
    }
    let reference = Reference::existing(&request.source)?;
    if request.all && !reference.names_one() {
        return copy_whole(&open_reference(&reference, context.limits)?, request, context);
    }
    let mut located = match locate(&reference, context.limits) {
        Err(error) if error.code() == Code::RefNotFound && !reference.names_one() => only_entry(&reference, context)?.ok_or(error)?,
        other => other?,
    };
    let source = Arc::clone(&located.source);
    let mut load = Load::default();
    load.findings.extend(names_left(&reference, &located).filter(|_| request.name.is_none()));
    load.outgoing.input(&source);
    let mut walked = Walk::default();
    let mut brought = Brought::default();
    match narrow(&located, &request.choice, context)? {
        None => {
            walk(&source, &located.descriptor, context.limits, &mut walked, &mut HashSet::new())?;
            brought.alone(&located, request, context)?;
        }
        Some(narrowed) => {
            brought.add(&located, &narrowed, request, context)?;
            (located.descriptor, walked) = (narrowed.descriptor, narrowed.found);
            load.findings.extend(narrowed.findings);
        }
    }
    let mut found = Gathered::new(&source, is_for_docker(&request.output));
    found.join(&located.descriptor.digest, walked, &mut HashSet::new());
    let located = [located];
    let subjects = subjects(&located, &mut found);
    add(&source, &located, &located, &mut found, request, &mut load, context)?;
    brought.write(&request.output, &mut load);
    let lookup = Lookup::new(&source, Scope::Usual, context.limits);
    along(&source, &lookup, subjects, request, &mut load, context)?;
    finish(&source, found.rest, request, &mut load, context)
}

/// The only entry of a source that holds no image.
fn only_entry(reference: &Reference, context: Context<'_>) -> Result<Option<Located>> {
    let source = open_reference(reference, context.limits)?;
    let mut everything = Everything::of(&source, context)?;
    everything.refuse_unread()?;
    Ok(everything.tops.pop().filter(|_| everything.tops.is_empty() && everything.left.is_empty()))
}

/// Copies everything that has an entry, and tells what stays. That a blob is damaged shows when it is copied: then everything is read
/// once, and what needs the bad ones stays behind.
fn copy_whole(source: &Arc<Source>, request: &Request, context: Context<'_>) -> Result<CopyReport> {
    loop {
        let mut handed = Vec::new();
        match copy_all(source, request, &mut handed, context) {
            Err(error) if may_be_of_a_blob(&error) && distrusted(source, &handed, context)? => {}
            other => return other,
        }
    }
}

/// An archive for docker has no place for referrers, and its `manifest.json` is made from documents.
fn is_for_docker(output: &Output) -> bool {
    matches!(output, Output::Archive { form: Form::Docker, .. })
}

fn may_be_of_a_blob(error: &Error) -> bool {
    let is_of_output = matches!(error.code(), Code::IoSpace | Code::IoAfterPublication);
    matches!(error.exit_class(), ExitClass::Corrupt | ExitClass::Io) && !is_of_output
}

/// Reads all of the blobs, and marks those that are bad; whether there is one that was not known.
fn distrusted(source: &Arc<Source>, blobs: &[(Digest, u64)], context: Context<'_>) -> Result<bool> {
    let place = |(digest, size): &(Digest, u64)| (*size, source.region_of(digest, *size).ok().and_then(|region| region.sequence()));
    let check = |(digest, size): &(Digest, u64)| check_content(source, &Descriptor::plain("", digest, *size), context.events).err();
    let errors = verify::each(blobs, place, context.jobs, context.events, "verify", check)?;
    let mut any = false;
    for ((digest, _), error) in blobs.iter().zip(errors) {
        if let Some(error) = error {
            any = true;
            source.distrust(digest, error.into_finding());
        }
    }
    Ok(any)
}

fn copy_all(source: &Arc<Source>, request: &Request, handed: &mut Vec<(Digest, u64)>, context: Context<'_>) -> Result<CopyReport> {
    let mut everything = Everything::of(source, context)?;
    let mut found = Gathered::new(source, is_for_docker(&request.output));
    let mut brought = Brought::default();
    everything.walk(request, &mut found, &mut brought, context)?;
    if let (Some(name), true) = (&request.name, everything.tops.len() > 1) {
        return Err(Error::new(Code::UsageArgument, "several images cannot have one name")
            .expected(Fact::new("an output without a name", "--all"))
            .found(Fact::new(name, "the command line"))
            .hint("Leave the name away: each image keeps its own."));
    }
    let mut load = Load::default();
    load.outgoing.input(source);
    let lookup = Lookup::new(source, Scope::Thorough, context.limits);
    let mut subjects = subjects(&everything.tops, &mut found);
    subjects.extend(everything.absent(&lookup, &subjects, source, &mut load.outgoing, context));
    brought.write(&request.output, &mut load);
    along(source, &lookup, subjects, request, &mut load, context)?;
    let chosen = request.referrers.as_ref().is_none_or(|carry| *carry != Carry::default());
    everything.stragglers(&load.referrers, chosen, &request.output, &mut found, context);
    everything.strangers(&load.alone, &found);
    if everything.tops.is_empty() && load.referrers.is_empty() {
        return Err(everything.nothing(source));
    }
    let entries =
        if request.name.is_some() { everything.tops.clone() } else { everything.entries(source, &load.referrers, &found, context)? };
    add(source, &everything.tops, &entries, &mut found, request, &mut load, context)?;
    load.images = everything::told(load.images, &everything.tops);
    let unread = Finding::new_among(&load.findings, std::mem::take(&mut everything.unread));
    load.findings.append(&mut everything.left);
    load.findings.extend(unread);
    // Of these nobody can tell what they lead to, so they stay behind too.
    let others = source.index.findings.iter().filter(|finding| finding.code != Code::DigestAlgorithmUnknown).cloned();
    load.findings.extend(source.index.unverifiable().chain(others).map(|finding| finding.at(source.shown())));
    // Of a hundred thousand images all this takes more than what is needed to write them.
    drop((everything, entries, lookup));
    let written = finish(source, found.rest, request, &mut load, context);
    if written.is_err() {
        handed.extend(load.outgoing.blobs().map(|(digest, size)| (digest.clone(), size)));
    }
    written
}

/// Adds what was walked, and the entries that lead to it.
fn add<'a>(
    source: &'a Arc<Source>,
    tops: &[Located],
    listed: &[Located],
    found: &mut Gathered<'a>,
    request: &Request,
    load: &mut Load<'a>,
    context: Context<'_>,
) -> Result<()> {
    let typed = typed(tops, found, &request.output, context)?;
    load.findings.append(&mut found.findings);
    // What refers to an image stands behind it.
    let carried = std::mem::take(&mut load.entries);
    load.entries.reserve_exact(listed.len() + carried.len());
    load.images.reserve_exact(listed.len());
    for image in listed {
        let name = request.name.clone().or_else(|| image.name.clone());
        let (mut entry, mut digest) = (image.descriptor.raw.clone(), image.descriptor.digest.clone());
        if let Some(manifest) = typed.get(&digest) {
            load.findings.push(docker::typed_finding().at(image.shown()).expected(Fact::new(&digest, "the source")));
            entry = replaced(&image.descriptor, manifest, context.limits)?.render().into();
            digest = manifest.blob.digest().clone();
        }
        load.entries.push((name.clone(), entry));
        load.images.push(Copied { image: image.shown(), digest, name });
    }
    refuse_one_name_for_two(&load.images)?;
    if let Some(taking) = &request.supersede {
        supersede(taking, source, listed, found, request, load, context)?;
    }
    let members = name_members(tops, found, &request.output, &mut load.entries, context)?;
    load.findings.extend(members);
    load.entries.extend(carried);
    let has_index = found.has_index;
    let (documents, blobs) = found.taken(|digest| has_index || !typed.contains_key(digest));
    load.outgoing.gathered(documents, blobs, is_for_docker(&request.output));
    for manifest in typed.values() {
        load.outgoing.document(&manifest.blob);
    }
    Ok(())
}

/// Writes it.
fn finish(source: &Source, rest: Rest, request: &Request, load: &mut Load<'_>, context: Context<'_>) -> Result<CopyReport> {
    load.outgoing.complete(&request.output);
    load.entries.shrink_to_fit();
    load.images.shrink_to_fit();
    let committed = write(&request.output, &load.outgoing, &load.entries, request.mtime, context)?;
    load.findings.extend(rest.external.iter().map(|layer| {
        Finding::new(Code::BlobExternal, "a layer that is kept elsewhere was not there and was not copied").at(&layer.digest)
    }));
    load.findings.extend(rest.opaque.iter().map(not_understood));
    load.findings.extend(source.container().findings());
    load.findings.extend(committed.findings.iter().cloned());
    Ok(CopyReport {
        images: std::mem::take(&mut load.images),
        referrers: std::mem::take(&mut load.referrers),
        incomplete: load.incomplete,
        output: OutputReport { kind: request.output.kind().to_owned(), path: crate::foundation::fsys::shown(request.output.path()) },
        written: WrittenReport::of(&committed, rest.blobs, 0),
        taken: committed.taken,
        superseded: std::mem::take(&mut load.superseded),
        findings: std::mem::take(&mut load.findings),
    })
}

/// Marks the images of the output whose names the copies take.
///
/// # Errors
/// `usage.output` for an archive, and those of making statements.
fn supersede(
    taking: &Taking,
    source: &Arc<Source>,
    listed: &[Located],
    found: &Gathered<'_>,
    request: &Request,
    load: &mut Load<'_>,
    context: Context<'_>,
) -> Result<()> {
    let Output::Layout(path) = &request.output else {
        return Err(Error::new(Code::UsageOutput, "--supersede marks the images that lose their names, and an archive is written anew")
            .expected(Fact::new("a layout", "--supersede"))
            .found(Fact::new(shown(request.output.path()), "the command line"))
            .hint("Copy into a layout."));
    };
    let there = layout_at(path, context)?;
    // An index of some platforms was made just now, and lies nowhere.
    let made = found.overlay().into_source(&source.path, context.limits)?;
    let mut trees = Vec::new();
    let named = || listed.iter().filter_map(|image| Some((request.name.as_ref().or(image.name.as_ref())?, image)));
    let holders = there.as_ref().map(|there| Holders::of(&there.index, named().map(|(name, _)| Name::parse(name))));
    for (name, image) in named() {
        let takes = |holders: &Holders<'_>| !holders.besides(&Name::parse(name), &image.descriptor.digest).is_empty();
        if holders.as_ref().is_some_and(takes) {
            trees.push((name, crate::read::load(&made, &image.descriptor, context.limits)?));
        }
    }
    let takers: Vec<Taker<'_>> = trees.iter().map(|(name, tree)| Taker { source, tree, name: (*name).clone() }).collect();
    let mut marked = taken_over(there.as_ref(), &takers, taking, context)?;
    if let Some(there) = &there {
        marked.outgoing.enlist(there)?;
    }
    load.outgoing.also(&marked.outgoing);
    load.findings.append(&mut marked.findings);
    load.superseded = marked.superseded;
    Ok(())
}

/// What went along of a document of an unknown type, and what may be missing.
fn not_understood(opaque: &Opaque) -> Finding {
    let is_whole = opaque.missing.is_empty() && !opaque.closed;
    let finding = Finding::new(Code::DocMediaTypeUnknown, "copied, not understood")
        .severity(if is_whole { Severity::Note } else { Severity::Warning })
        .at(&opaque.descriptor.digest)
        .found(Fact::new(&opaque.descriptor.media_type, "the descriptor"));
    let finding = opaque.named.iter().fold(finding, |finding, digest| finding.detail(format!("with {digest}")));
    let finding = opaque.missing.iter().fold(finding, |finding, digest| finding.detail(format!("without {digest}, which is not here")));
    if opaque.closed { finding.detail("it is too large to be looked into; what it names did not go along") } else { finding }
}

/// The manifests that are written with Docker's media types, by the digests that they have in the source.
fn typed(located: &[Located], found: &Gathered<'_>, output: &Output, context: Context<'_>) -> Result<HashMap<Digest, NewDocument>> {
    let mut typed = HashMap::new();
    if !is_for_docker(output) {
        return Ok(typed);
    }
    let documents = &found.kept;
    for descriptor in located.iter().map(|image| &image.descriptor).filter(|descriptor| descriptor.is_manifest()) {
        let Some(blob) = documents.get(&descriptor.digest) else { continue };
        let manifest = Manifest::parse(blob, &descriptor.media_type, context.limits)?;
        let Some(config) = documents.get(&manifest.config.digest).filter(|_| manifest.is_image()) else { continue };
        let config = Config::parse(config, context.limits)?;
        if let Some(manifest) = docker::typed(blob, &config, context.limits)? {
            typed.insert(descriptor.digest.clone(), manifest);
        }
    }
    Ok(typed)
}

/// A name can lead to one image. Of two that claim it, one would lose it without a word.
fn refuse_one_name_for_two(images: &[Copied]) -> Result<()> {
    let mut names: HashMap<Name<'_>, &Digest> = HashMap::new();
    for image in images {
        let Some(name) = image.name.as_deref() else { continue };
        if let Some(other) = names.insert(Name::parse(name), &image.digest).filter(|other| *other != &image.digest) {
            return Err(Error::new(Code::RefAmbiguous, format!("two images of the source are called {}", text::escape(name)))
                .at(&image.image)
                .detail(other)
                .detail(&image.digest)
                .hint("Copy them one by one, PATH@DIGEST, and give each a name of its own."));
        }
    }
    Ok(())
}

/// The images and everything below them that may have referrers: what was walked once, however many ways lead to it.
fn subjects(located: &[Located], found: &mut Gathered<'_>) -> Vec<Subject> {
    let tops: HashSet<&Digest> = located.iter().map(|image| &image.descriptor.digest).collect();
    let mut subjects: Vec<Subject> = located.iter().map(|image| Subject { descriptor: image.descriptor.clone(), child: false }).collect();
    let below = found.below.drain(..).filter(|below| !tops.contains(&below.digest));
    subjects.extend(below.map(|descriptor| Subject { descriptor, child: true }));
    subjects
}

/// Lists the members of collections under their own names, so that they are found without it. A name that stands for something
/// else already is left alone: nobody asked for that one to move.
fn name_members(
    located: &[Located],
    found: &Gathered<'_>,
    output: &Output,
    entries: &mut Vec<(Option<String>, Excerpt)>,
    context: Context<'_>,
) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let mut taken: Option<HashMap<Name<'static>, Digest>> = None;
    let documents = &found.kept;
    for one in located.iter().filter(|one| one.descriptor.is_index()) {
        let Some(document) = documents.get(&one.descriptor.digest) else { continue };
        let index = Index::parse(document, &one.descriptor.media_type, context.limits)?;
        if !collection::is_collection(&index) {
            continue;
        }
        if is_for_docker(output) {
            return Err(Error::new(Code::NotAnImage, "a docker-archive holds images, and this is a collection")
                .at(one.shown())
                .hint("Write a layout or an oci-archive, or copy its members one by one."));
        }
        let taken = taken.get_or_insert_with(|| names_in(output, entries, context));
        for member in collection::members(&index) {
            let mut entry = member.descriptor.to_value(context.limits)?;
            entry.remove("annotations");
            match taken.get(&Name::parse(&member.name).into_owned()) {
                Some(digest) if *digest == member.descriptor.digest => {}
                Some(digest) => {
                    entries.push((None, entry.render().into()));
                    findings.push(
                        Finding::new(Code::CollectionNameKept, "a member was copied without its name, which stands for something else")
                            .at(&member.name)
                            .expected(Fact::new(&member.descriptor.digest, "the collection"))
                            .found(Fact::new(digest, "the output")),
                    );
                }
                None => {
                    let name = member.name.parse::<Digest>().is_err().then(|| member.name.clone());
                    entries.push((name, entry.render().into()));
                    taken.insert(Name::parse(&member.name).into_owned(), member.descriptor.digest.clone());
                }
            }
        }
    }
    Ok(findings)
}

/// What the names of an output stand for: those that are there, and those that are about to be.
fn names_in(output: &Output, entries: &[(Option<String>, Excerpt)], context: Context<'_>) -> HashMap<Name<'static>, Digest> {
    let mut names = HashMap::new();
    // A layout that cannot be read has no names yet, or cannot be written to either.
    if let Output::Layout(path) = output
        && let Ok(there) = Source::open(path, context.limits)
    {
        // Of two entries with one name the first counts, as for whoever asks for that name.
        let all = there.index.manifests.iter().rev().filter_map(|entry| Some((entry.full_name()?, entry)));
        names.extend(all.map(|(name, entry)| (name.into_owned(), entry.digest.clone())));
    }
    for (name, raw) in entries {
        let document = crate::format::json::Document::parse(raw.as_bytes(), context.limits);
        let descriptor = document.and_then(|document| Descriptor::parse(document.root(), context.limits));
        if let (Some(name), Ok(descriptor)) = (name, descriptor) {
            names.insert(Name::parse(name).into_owned(), descriptor.digest.clone());
        }
    }
    names
}

/// Takes the referrers along, says which stay behind, and whether there may be more.
fn along<'a>(
    source: &'a Arc<Source>,
    lookup: &Lookup<'_>,
    subjects: Vec<Subject>,
    request: &Request,
    load: &mut Load<'a>,
    context: Context<'_>,
) -> Result<()> {
    let Some(wanted) = &request.referrers else {
        let stays = Carry::NONE;
        let left_out = Carrier::of(source, lookup, &stays, context).carry(subjects, &mut Outgoing::default())?.left_out;
        load.findings.extend(left_out.filter(|_| !request.all));
        return Ok(());
    };
    if is_for_docker(&request.output) {
        let marked = marked(source, context.limits);
        let left = |digest: &Digest, artifact_type: &str| {
            Finding::new(Code::ReferrerLeft, "an archive for docker has no place for referrers; one was left out")
                .at(digest)
                .found(Fact::new(artifact_type, "the source"))
        };
        let stays = Carry::NONE;
        let all = subjects.iter().map(|subject| subject.descriptor.digest.clone()).collect();
        let mut unread = Carrier::of(source, lookup, &stays, context).untied(&all);
        for subject in &subjects {
            let saved = marked.found.iter().filter(|marked| marked.subject == subject.descriptor.digest);
            load.findings.extend(saved.map(|marked| left(&marked.entry.digest, marked.artifact_type())));
            let found = lookup.of(&subject.descriptor);
            unread.extend(found.unread.into_iter().map(|unread| unread.finding));
            load.findings.extend(found.referrers.iter().map(|referrer| left(&referrer.descriptor.digest, referrer.artifact_type())));
        }
        load.incomplete |= !unread.is_empty();
        let unread = Finding::new_among(&load.findings, unread);
        load.findings.extend(unread);
        return Ok(());
    }
    let unread = if request.all { Unreadable::Told } else { Unreadable::Refused };
    let carried = Carrier::of(source, lookup, wanted, context).unreadable(unread).carry(subjects, &mut load.outgoing)?;
    load.entries.extend(carried.entries);
    let told = Finding::new_among(&load.findings, carried.findings);
    load.findings.extend(told);
    // With everything each entry that stays is told on its own.
    load.findings.extend(carried.left_out.filter(|_| !request.all));
    load.referrers = carried.digests;
    load.alone = carried.alone;
    load.incomplete |= carried.incomplete;
    Ok(())
}
