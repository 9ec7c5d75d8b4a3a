//! Writes what a profile wants.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::gather::left;
use super::{Request, Top};
use crate::format::json::{Excerpt, Value};
use crate::foundation::fsys::shown;
use crate::foundation::{Code, Digest, Error, Fact, Finding, Result};
use crate::oci::{Descriptor, Name, annotation};
use crate::plan::prepare::{LeftOut, Profile, another_digest};
use crate::read::referrers::{Lookup, Scope};
use crate::read::{Reference, Source, Walk, load, walk};
use crate::verbs::Context;
use crate::verbs::lifecycle::{bringer, brought_along};
use crate::verbs::narrow::Narrowed;
use crate::verbs::output::{Outgoing, Output, write};
use crate::verbs::referrers::{Carrier, Carry, Subject};
use crate::write::Committed;

/// Writes it, and gives the entries as they are named there.
pub(super) fn hand_over(
    source: &Arc<Source>,
    tops: Vec<Top>,
    request: &Request,
    output: &Output,
    context: Context<'_>,
) -> Result<(Committed, Vec<Top>, Vec<LeftOut>)> {
    // A layout that cannot be read is not there yet, or cannot be written to either.
    if let (Profile::Scanner, Output::Layout(path)) = (request.profile, output)
        && Source::open(path, context.limits).is_ok_and(|there| !there.index.manifests.is_empty())
    {
        return Err(Error::new(Code::OutputExists, "scanners want a layout of one entry, and this one has entries")
            .at(shown(path))
            .hint("Name a directory that does not exist."));
    }
    let mut outgoing = Outgoing::default();
    outgoing.input(source);
    let mut seen = HashSet::new();
    let mut entries: Vec<(Option<String>, Excerpt)> = Vec::new();
    let mut names: HashMap<Name<'static>, Digest> = HashMap::new();
    let (mut left_out, mut told): (Vec<LeftOut>, Vec<Finding>) = Default::default();
    let mut nameless = HashSet::new();
    let mut written = Vec::new();
    let mut found = Walk::default();
    let naming = request.naming();
    for mut top in tops {
        let entry = match request.profile {
            Profile::Registry | Profile::Scanner => top.descriptor.raw.to_string(),
            Profile::Runtime => {
                // What the registry would refuse has no full name for a runtime either.
                let target = match naming.target(&top.name, &top.descriptor.digest) {
                    Ok(target) => target,
                    Err(error) => {
                        told.push(error.into_finding());
                        left_out.push(left(&top.descriptor, "it has no full name"));
                        continue;
                    }
                };
                if let Some(finding) = another_digest(&top.name, &top.descriptor.digest).filter(|_| top.whole.is_none()) {
                    told.push(finding);
                    left_out.push(left(&top.descriptor, "its name says another digest"));
                    continue;
                }
                top.other_local = Some(target.reference(&top.descriptor.digest));
                named(&top.descriptor, top.local(), context)?
            }
        };
        if top.former {
            walk(source, &top.descriptor, context.limits, &mut found, &mut seen)?;
            // It may go to several repositories, and lies here once.
            if nameless.insert(top.descriptor.digest.clone()) {
                entries.push((None, entry.into()));
            }
            written.push(top);
            continue;
        }
        let own = if request.profile == Profile::Runtime { top.local() } else { top.name.as_str() }.to_owned();
        let key = Name::parse(&own).into_owned();
        // Two entries of one name are read differently by each client, so the first keeps it.
        if let Some(first) = names.get(&key) {
            if *first != top.descriptor.digest {
                told.push(
                    Finding::new(Code::PrepareTwice, "two images would have one name, so a later one does not get it")
                        .at(&own)
                        .expected(Fact::new(first, "the first"))
                        .found(Fact::new(&top.descriptor.digest, &top.name)),
                );
                if request.profile == Profile::Registry {
                    walk(source, &top.descriptor, context.limits, &mut found, &mut seen)?;
                    let plain = Descriptor::plain(&top.descriptor.media_type, &top.descriptor.digest, top.descriptor.size);
                    entries.push((None, plain.raw.clone()));
                }
            }
            continue;
        }
        names.insert(key, top.descriptor.digest.clone());
        match &top.part {
            None => walk(source, &top.descriptor, context.limits, &mut found, &mut seen)?,
            Some(part) => add(part, &mut found, &mut seen),
        }
        entries.push((Some(own), entry.into()));
        written.push(top);
    }
    for (_, document) in &found.documents {
        outgoing.document(document);
    }
    found.blobs.iter().for_each(|blob| outgoing.blob(source, blob));
    if request.profile == Profile::Registry {
        let lookup = Lookup::new(source, Scope::Thorough, context.limits);
        let tops: HashSet<_> = written.iter().map(|top| &top.descriptor.digest).collect();
        let documents = found.documents.iter().map(|(descriptor, _)| descriptor);
        let subjects = documents
            .filter(|one| (one.is_index() || one.is_manifest()) && !one.is_attestation())
            .map(|one| Subject { descriptor: one.clone(), child: !tops.contains(&one.digest) })
            .collect();
        let carried = Carrier::of(source, &lookup, &Carry::default(), context).carry(subjects, &mut outgoing)?;
        entries.extend(carried.entries);
        // Of a whole place the indexes go along; whoever names one image may leave one behind that something is said of.
        if Reference::existing(&request.path)?.names_one() {
            let reader = bringer(source, context);
            for top in written.iter().filter(|top| top.part.is_none()) {
                let tree = load(source, &top.descriptor, context.limits)?;
                let brought = brought_along(&reader, source, &tree)?;
                brought.documents.iter().for_each(|document| outgoing.document(document));
                brought.changes.into_iter().for_each(|change| outgoing.refer(change));
                told.extend(brought.unread);
            }
        }
    }
    if let (true, false) = (entries.is_empty(), told.is_empty()) {
        return Err(Error::of(told.swap_remove(0)));
    }
    if entries.is_empty() {
        return Err(Error::new(Code::RefNotFound, "nothing is left that could be written").at(source.shown()));
    }
    let mut committed = write(output, &outgoing, &entries, request.mtime, context)?;
    committed.findings.extend(told);
    Ok((committed, written, left_out))
}

/// What goes along of an index.
fn add(part: &Narrowed, found: &mut Walk, seen: &mut HashSet<Digest>) {
    found.documents.extend(part.found.documents.iter().filter(|(descriptor, _)| seen.insert(descriptor.digest.clone())).cloned());
    found.blobs.extend(part.found.blobs.iter().filter(|blob| seen.insert(blob.digest.clone())).cloned());
    found.external.extend(part.found.external.iter().cloned());
}

/// An entry under the full name, for containerd under its own key as well: it files the image under that.
fn named(descriptor: &Descriptor, name: &str, context: Context<'_>) -> Result<String> {
    let mut entry = descriptor.to_value(context.limits)?;
    let mut annotations: BTreeMap<&str, &str> = descriptor.annotations.iter().collect();
    annotations.insert(annotation::CONTAINERD_NAME, name);
    annotations.insert(annotation::REF_NAME, name);
    entry.set("annotations", Value::string_map(annotations));
    Ok(entry.render())
}
