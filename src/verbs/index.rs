//! Assembles an index from images of several platforms.

use std::collections::HashSet;
use std::sync::Arc;

use super::lifecycle::{bringer, brought_down};
use super::output::{Form, Outgoing, Output, check_name, write};
use super::referrers::{Carrier, Carry, Subject};
use super::tag::Target;
use super::{Context, Opened, names_left, open};
use crate::format::json::Excerpt;
use crate::foundation::{Digest, Finding, Result};
use crate::plan::assemble::assemble;
use crate::plan::referrers::ReferrerChange;
use crate::read::referrers::{Lookup, Scope};
use crate::read::{Image, Reference, Source, Walk, walk};
use crate::report::index::{IndexReport, Member};
use crate::report::rebase::{OutputReport, WrittenReport};

/// Takes along what refers to the images, and what is said of the indexes that they leave behind, as a copy does. In their own layout it is
/// there already, and an archive for docker has no place for it.
fn carry_referrers<'a>(opened: &'a [Opened], target: &Target, outgoing: &mut Outgoing<'a>, context: Context<'_>) -> Result<Along> {
    let mut along = Along::default();
    let for_docker = matches!(target.output, Output::Archive { form: Form::Docker, .. });
    let wanted = if for_docker { Carry::NONE } else { Carry::default() };
    for one in opened {
        let source = &one.located.source;
        if matches!(&target.output, Output::Layout(path) if *path == source.path) {
            continue;
        }
        let lookup = Lookup::new(source, Scope::Usual, context.limits);
        let images = one.tree.images();
        let subjects = images.iter().map(|image| Subject { descriptor: image.descriptor.clone(), child: true }).collect();
        let carried = Carrier::of(source, &lookup, &wanted, context).carry(subjects, outgoing)?;
        along.entries.extend(carried.entries);
        along.incomplete |= carried.incomplete;
        let findings = Finding::new_among(&along.findings, carried.findings.into_iter().chain(carried.left_out).collect());
        along.findings.extend(findings);
        if !for_docker {
            let going = |digest: &Digest| images.iter().any(|image| image.descriptor.digest == *digest);
            let brought = brought_down(&bringer(source, context), source, &one.tree, going, &HashSet::new())?;
            for document in &brought.documents {
                outgoing.document(document);
            }
            along.incomplete |= !brought.unread.is_empty();
            let unread = Finding::new_among(&along.findings, brought.unread);
            along.findings.extend(unread);
            for change in brought.changes {
                outgoing.refer(ReferrerChange { child: true, ..change });
            }
        }
    }
    Ok(along)
}

/// What goes along with the images.
#[derive(Default)]
struct Along {
    entries: Vec<(Option<String>, Excerpt)>,
    findings: Vec<Finding>,
    incomplete: bool,
}

/// Assembles the images that `references` mean into one index. A reference to an index brings all its platforms; attestations
/// and other manifests in it stay where they are.
///
/// # Errors
/// `ref.platform` for a platform twice or none, those of references, documents and writing.
pub fn index(references: &[String], annotations: &[(String, String)], target: &Target, context: Context<'_>) -> Result<IndexReport> {
    target.names.iter().try_for_each(|name| check_name(name))?;
    let opened = references.iter().map(|text| open(text, context)).collect::<Result<Vec<_>>>()?;
    let mut images: Vec<(String, &Image)> = Vec::new();
    for one in &opened {
        let found = one.tree.images();
        if found.is_empty() {
            return Err(one.tree.not_an_image().at(one.located.shown()));
        }
        images.extend(found.into_iter().map(|image| (one.located.shown(), image)));
    }
    let members: Vec<&Image> = images.iter().map(|(_, image)| *image).collect();
    let authored = assemble(&members, annotations, context.limits)?;
    let mut walks: Vec<(&Arc<Source>, Walk)> = Vec::new();
    let mut seen = HashSet::new();
    for image in &members {
        let mut found = Walk::default();
        walk(&image.source, &image.descriptor, context.limits, &mut found, &mut seen)?;
        walks.push((&image.source, found));
    }
    let mut outgoing = Outgoing::default();
    for (source, found) in &walks {
        outgoing.input(source);
        for (_, document) in &found.documents {
            outgoing.document(document);
        }
        for blob in &found.blobs {
            outgoing.blob(source, blob);
        }
    }
    outgoing.document(&authored.blob);
    let along = carry_referrers(&opened, target, &mut outgoing, context)?;
    let descriptor = authored.descriptor();
    // What arrived under one name for every platform keeps it.
    let common = opened
        .first()
        .and_then(|one| one.located.name.clone())
        .filter(|name| opened.iter().all(|one| one.located.name.as_ref() == Some(name)));
    let names: Vec<Option<String>> = if target.names.is_empty() { vec![common] } else { target.names.iter().cloned().map(Some).collect() };
    let own = names.iter().map(|name| (name.clone(), descriptor.raw.clone()));
    let entries: Vec<(Option<String>, Excerpt)> = own.chain(along.entries).collect();
    let mut committed = write(&target.output, &outgoing, &entries, target.mtime, context)?;
    committed.findings.extend(along.findings);
    // Who names the result says what it is called; in its own layout an image keeps its other names.
    let is_elsewhere = |one: &Opened| !matches!(&target.output, Output::Layout(path) if *path == one.located.source.path);
    for (text, one) in references.iter().zip(&opened).filter(|(_, one)| target.names.is_empty() && is_elsewhere(one)) {
        committed.findings.extend(names_left(&Reference::existing(text)?, &one.located));
    }
    committed.findings.extend(walks.iter().flat_map(|(source, _)| source.left_behind()));
    let layers = walks.iter().map(|(_, found)| found.blobs.len()).sum();
    Ok(IndexReport {
        digest: descriptor.digest.clone(),
        names: names.into_iter().flatten().collect(),
        members: images
            .iter()
            .map(|(reference, image)| Member {
                image: reference.clone(),
                manifest: image.descriptor.digest.clone(),
                platform: image.platform().cloned(),
            })
            .collect(),
        output: OutputReport { kind: target.output.kind().to_owned(), path: crate::foundation::fsys::shown(target.output.path()) },
        findings: committed.findings.clone(),
        incomplete: along.incomplete,
        written: WrittenReport::of(&committed, layers, 0),
        taken: committed.taken,
    })
}
