//! Copies images between layouts and archives, byte for byte.

use std::collections::{HashMap, HashSet};

use super::Context;
use super::lifecycle::brought_down;
use super::output::{Cargo, Form, Output, check_name, under_names_of, write};
use super::referrers::{Carry, Subject, carry};
use crate::core::{Code, Digest, Error, Fact, Finding, Result, Severity, text};
use crate::oci::{Config, Descriptor, Index, Manifest, Name, Platform, collection};
use crate::plan::annotate::{Authored, replaced};
use crate::plan::docker;
use crate::read::referrers::{Lookup, Scope, marked};
use crate::read::{Located, Opaque, Reference, Source, Walk, collections, is_referrer_tag, load, locate, locate_all, open_reference, walk};
use crate::report::copy::{Copied, CopyReport};
use crate::report::rebase::{OutputReport, WrittenReport};

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Request {
    /// The image, or with `all` the source.
    pub source: String,
    /// Every image of the source.
    pub all: bool,
    /// One platform only.
    pub platform: Option<Platform>,
    /// Where it goes.
    pub output: Output,
    /// Its name there; without it, it keeps its own.
    pub name: Option<String>,
    /// Which referrers go along; none into an archive for docker, which has no place for them.
    pub referrers: Option<Carry>,
    /// The date of the members of an archive.
    pub mtime: u64,
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
    let mut located = if request.all { locate_all(&reference, context.limits)? } else { vec![locate(&reference, context.limits)?] };
    if request.all && reference.name.is_none() && reference.digest.is_none() {
        located.extend(collections(&open_reference(&reference, context.limits)?, context.limits));
    }
    if request.all && located.is_empty() {
        return Err(Error::new(Code::RefNotFound, "the source holds no image").at(reference.shown_path()));
    }
    let mut brought = (Vec::new(), Vec::new());
    if let (Some(platform), [one]) = (&request.platform, located.as_mut_slice()) {
        let tree = load(&one.source, &one.descriptor, context.limits)?;
        let image = tree.only_image(Some(platform)).map_err(|error| error.at(one.shown()))?;
        if request.referrers.is_some() && !matches!(request.output, Output::Archive { form: Form::Docker, .. }) {
            brought = brought_down(&one.source, &tree, image, context)?;
        }
        one.descriptor = under_names_of(&image.descriptor, &one.descriptor, context.limits)?;
    }
    if located.len() > 1
        && let Some(name) = &request.name
    {
        return Err(Error::new(Code::UsageArgument, "several images cannot have one name")
            .expected(Fact::new("an output without a name", "--all"))
            .found(Fact::new(name, "the command line"))
            .hint("Leave the name away: each image keeps its own."));
    }
    let mut found = Walk::default();
    let mut seen = HashSet::new();
    for image in &located {
        walk(&image.source, &image.descriptor, context.limits, &mut found, &mut seen)?;
    }
    let Some(source) = located.first().map(|image| std::sync::Arc::clone(&image.source)) else {
        return Err(Error::new(Code::Bug, "nothing was located"));
    };
    let mut cargo = Cargo::default();
    cargo.input(&source);
    let typed = typed(&located, &found, &request.output, context)?;
    let has_index = found.documents.iter().any(|(descriptor, _)| descriptor.is_index());
    for (descriptor, document) in &found.documents {
        if has_index || !typed.contains_key(&descriptor.digest) {
            cargo.document(document);
        }
    }
    for manifest in typed.values() {
        cargo.document(&manifest.blob);
    }
    for blob in &found.blobs {
        cargo.blob(&source, blob);
    }
    // What is said of the index holds for the platform that goes without it.
    brought.0.iter().for_each(|document| cargo.document(document));
    brought.1.into_iter().for_each(|wish| cargo.refer(wish));
    let mut findings: Vec<Finding> = Vec::new();
    let mut entries = Vec::new();
    let mut images = Vec::new();
    for image in &named(&located, &reference, request) {
        let name = request.name.clone().or_else(|| image.name.clone());
        let (mut entry, mut digest) = (image.descriptor.raw.to_string(), image.descriptor.digest.clone());
        if let Some(manifest) = typed.get(&digest) {
            findings.push(docker::typed_finding().at(image.shown()).expected(Fact::new(&digest, "the source")));
            entry = replaced(&image.descriptor, manifest, context.limits)?.render();
            digest = manifest.blob.digest().clone();
        }
        entries.push((name.clone(), entry));
        images.push(Copied { image: image.shown(), digest, name });
    }
    refuse_one_name_for_two(&images)?;
    findings.extend(name_members(&located, &found, &request.output, &mut entries, context)?);
    let (referrers, incomplete) = along(&source, subjects(&located, &found), request, &mut cargo, &mut entries, &mut findings, context)?;
    let committed = write(&request.output, &cargo, &entries, request.mtime, context)?;
    findings.extend(found.external.iter().map(|layer| {
        Finding::new(Code::BlobExternal, "a layer that is kept elsewhere was not there and was not copied").at(&layer.digest)
    }));
    if request.all && reference.name.is_none() && reference.digest.is_none() {
        findings.extend(left_out(&source, &seen, &referrers));
        findings.extend(source.index.findings.iter().cloned().map(|finding| finding.at(source.shown())));
    }
    findings.extend(found.opaque.iter().map(not_understood));
    findings.extend(source.container().findings());
    findings.extend(committed.findings.iter().cloned());
    Ok(CopyReport {
        images,
        referrers,
        incomplete,
        output: OutputReport { kind: request.output.kind().to_owned(), path: crate::core::fsys::shown(request.output.path()) },
        written: WrittenReport::of(&committed, found.blobs.len(), 0),
        taken: committed.taken,
        findings,
    })
}

/// The entries of the source that `--all` does not mean. Lists of referrers are made anew.
fn left_out(source: &Source, seen: &HashSet<Digest>, referrers: &[Digest]) -> Vec<Finding> {
    let carried: HashSet<&Digest> = referrers.iter().collect();
    let is_left = |entry: &&Descriptor| {
        let is_list = entry.lists_referrers_of().is_some() || entry.name().is_some_and(is_referrer_tag);
        !is_list && !seen.contains(&entry.digest) && !carried.contains(&entry.digest)
    };
    let finding = |entry: &Descriptor| {
        Finding::new(Code::CopyLeftOut, "an entry is no image and was not copied")
            .at(entry.name().map_or_else(|| entry.digest.to_string(), text::escape))
            .found(Fact::new(&entry.media_type, "index.json"))
    };
    source.index.manifests.iter().filter(is_left).map(finding).collect()
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
fn typed(located: &[Located], found: &Walk, output: &Output, context: Context<'_>) -> Result<HashMap<Digest, Authored>> {
    let mut typed = HashMap::new();
    if !matches!(output, Output::Archive { form: Form::Docker, .. }) {
        return Ok(typed);
    }
    let document =
        |digest: &Digest| found.documents.iter().find(|(descriptor, _)| descriptor.digest == *digest).map(|(_, document)| document);
    for descriptor in located.iter().map(|image| &image.descriptor).filter(|descriptor| descriptor.is_manifest()) {
        let Some(blob) = document(&descriptor.digest) else { continue };
        let manifest = Manifest::parse(blob, &descriptor.media_type, context.limits)?;
        let Some(config) = document(&manifest.config.digest).filter(|_| manifest.is_image()) else { continue };
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
fn subjects(located: &[Located], found: &Walk) -> Vec<Subject> {
    let tops: HashSet<&Digest> = located.iter().map(|image| &image.descriptor.digest).collect();
    let may_be = |descriptor: &&Descriptor| (descriptor.is_index() || descriptor.is_manifest()) && !descriptor.is_attestation();
    let mut subjects: Vec<Subject> = located.iter().map(|image| Subject { descriptor: image.descriptor.clone(), child: false }).collect();
    let below = found.documents.iter().map(|(descriptor, _)| descriptor).filter(may_be).filter(|below| !tops.contains(&below.digest));
    subjects.extend(below.map(|descriptor| Subject { descriptor: descriptor.clone(), child: true }));
    subjects
}

/// Lists the members of collections under their own names, so that they are found without it. A name that stands for something
/// else already is left alone: nobody asked for that one to move.
fn name_members(
    located: &[Located],
    found: &Walk,
    output: &Output,
    entries: &mut Vec<(Option<String>, String)>,
    context: Context<'_>,
) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let mut taken: Option<HashMap<Name<'static>, Digest>> = None;
    for one in located.iter().filter(|one| one.descriptor.is_index()) {
        let Some((_, document)) = found.documents.iter().find(|(descriptor, _)| descriptor.digest == one.descriptor.digest) else {
            continue;
        };
        let index = Index::parse(document, &one.descriptor.media_type, context.limits)?;
        if !collection::is_collection(&index) {
            continue;
        }
        if matches!(output, Output::Archive { form: Form::Docker, .. }) {
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
                    entries.push((None, entry.render()));
                    findings.push(
                        Finding::new(Code::CollectionNameKept, "a member was copied without its name, which stands for something else")
                            .at(&member.name)
                            .expected(Fact::new(&member.descriptor.digest, "the collection"))
                            .found(Fact::new(digest, "the output")),
                    );
                }
                None => {
                    let name = member.name.parse::<Digest>().is_err().then(|| member.name.clone());
                    entries.push((name, entry.render()));
                    taken.insert(Name::parse(&member.name).into_owned(), member.descriptor.digest);
                }
            }
        }
    }
    Ok(findings)
}

/// What the names of an output stand for: those that are there, and those that are about to be.
fn names_in(output: &Output, entries: &[(Option<String>, String)], context: Context<'_>) -> HashMap<Name<'static>, Digest> {
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
            names.insert(Name::parse(name).into_owned(), descriptor.digest);
        }
    }
    names
}

/// Takes the referrers along, says which stay behind, and whether there may be more.
fn along<'a>(
    source: &'a std::sync::Arc<Source>,
    subjects: Vec<Subject>,
    request: &Request,
    cargo: &mut Cargo<'a>,
    entries: &mut Vec<(Option<String>, String)>,
    findings: &mut Vec<Finding>,
    context: Context<'_>,
) -> Result<(Vec<Digest>, bool)> {
    let runtime = matches!(request.output, Output::Archive { form: Form::Docker, .. });
    let Some(wanted) = &request.referrers else { return Ok((Vec::new(), false)) };
    let scope = if request.all { Scope::Thorough } else { Scope::Usual };
    let lookup = Lookup::new(source, scope, context.limits);
    if runtime {
        let marked = marked(source, context.limits);
        for subject in &subjects {
            for marked in marked.found.iter().filter(|marked| marked.subject == subject.descriptor.digest) {
                findings.push(
                    Finding::new(Code::ReferrerLeft, "an archive for docker has no place for referrers; one was left out")
                        .at(&marked.entry.digest)
                        .found(Fact::new(marked.artifact_type(), "the source")),
                );
            }
            for referrer in lookup.of(&subject.descriptor).referrers {
                findings.push(
                    Finding::new(Code::ReferrerLeft, "an archive for docker has no place for referrers; one was left out")
                        .at(&referrer.descriptor.digest)
                        .found(Fact::new(referrer.artifact_type(), "the source")),
                );
            }
        }
        return Ok((Vec::new(), false));
    }
    let carried = carry(source, &lookup, subjects, wanted, cargo, context)?;
    entries.extend(carried.entries);
    findings.extend(carried.findings);
    findings.extend(lookup.unplaced_findings());
    Ok((carried.digests, carried.incomplete || !lookup.unplaced().is_empty()))
}

/// What is listed in the output: with `--all` every entry of the source that lists one of the images, in its order, because
/// an image may have several names.
fn named(located: &[Located], reference: &Reference, request: &Request) -> Vec<Located> {
    let everything = request.all && request.name.is_none() && reference.name.is_none() && reference.digest.is_none();
    let Some(source) = located.first().map(|image| &image.source).filter(|_| everything) else { return located.to_vec() };
    let digests: HashSet<_> = located.iter().map(|image| &image.descriptor.digest).collect();
    let entries = source.index.manifests.iter().filter(|entry| digests.contains(&entry.digest));
    entries
        .map(|entry| Located { source: std::sync::Arc::clone(source), descriptor: entry.clone(), name: entry.name().map(str::to_owned) })
        .collect()
}
