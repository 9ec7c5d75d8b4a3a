//! Makes a collection of images, which go where it goes with everything that refers to them.

use std::collections::HashSet;
use std::sync::Arc;

use crate::foundation::{Code, Digest, Error, Fact, Finding, Result};
use crate::oci::collection::{ARTIFACT_TYPE, Member};
use crate::plan::collection::{compose, depend, order};
use crate::read::referrers::{Lookup, Scope};
use crate::read::{Finder, Located, Reference, Source, Tree, Walk, load, walk};
use crate::report::collection::CreateReport;
use crate::report::rebase::{OutputReport, WrittenReport};
use crate::verbs::Context;
use crate::verbs::output::{Form, Outgoing, Output, check_name, write};
use crate::verbs::referrers::{Carrier, Carry, subjects};

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Create {
    /// Its name.
    pub name: String,
    /// The members.
    pub members: Vec<String>,
    /// Which member needs which other one.
    pub depends: Vec<(String, String)>,
    /// Annotations of the collection.
    pub annotations: Vec<(String, String)>,
    /// Where it goes.
    pub output: Output,
    /// The date of the members of an archive.
    pub mtime: u64,
}

/// Makes it. Members that lie elsewhere are copied under their own names, with all their referrers.
///
/// # Errors
/// `collection.*`, `usage.output` for an archive for docker, those of references, documents and writing.
pub fn create(request: &Create, context: Context<'_>) -> Result<CreateReport> {
    check_name(&request.name)?;
    if matches!(request.output, Output::Archive { form: Form::Docker, .. }) {
        return Err(Error::new(Code::UsageOutput, "a docker-archive holds no collections").hint("Write a layout or an oci-archive."));
    }
    let mut finder = Finder::default();
    let mut opened: Vec<(Located, Option<Box<Tree>>)> = Vec::with_capacity(request.members.len());
    let mut members = Vec::with_capacity(request.members.len());
    for text in &request.members {
        let located = finder.locate(&Reference::existing(text)?, context.limits)?;
        let tree = load(&located.source, &located.descriptor, context.limits)?;
        members.push(member(&located, &tree)?);
        // What lies in the layout already is not read again.
        let is_there = request.output == Output::Layout(located.source.path.clone());
        opened.push((located, (!is_there).then(|| Box::new(tree))));
    }
    let sources: Vec<Arc<Source>> = finder.sources().cloned().collect();
    let lookups: Vec<Lookup<'_>> = sources.iter().map(|source| Lookup::new(source, Scope::Usual, context.limits)).collect();
    let all = Carry::default();
    let carriers: Vec<_> = sources.iter().zip(&lookups).map(|(source, lookup)| Carrier::of(source, lookup, &all, context)).collect();
    depend(&mut members, &request.depends)?;
    let authored = compose(&members, &request.annotations, context.limits)?;
    let mut outgoing = Outgoing::default();
    // Also the layout that is written to: its index need not be read and kept once more.
    for source in &sources {
        outgoing.input(source);
    }
    let mut entries = Vec::new();
    let mut findings: Vec<Finding> = Vec::new();
    let mut digests: Vec<Digest> = Vec::new();
    let (mut blobs, mut incomplete) = (0, false);
    for ((located, tree), member) in opened.iter().zip(&members) {
        let source = &located.source;
        let Some(tree) = tree else { continue };
        let carrier = sources.iter().zip(&carriers).find(|(known, _)| Arc::ptr_eq(known, source)).map(|(_, carrier)| carrier);
        let carrier = carrier.ok_or_else(|| Error::new(Code::Bug, "a source was opened and is not known"))?;
        blobs += copied(source, located, &mut outgoing, context)?;
        let carried = carrier.carry(subjects(tree), &mut outgoing)?;
        entries.push((Some(member.name.clone()), located.descriptor.raw.clone()));
        entries.extend(carried.entries);
        incomplete |= carried.incomplete;
        let told = Finding::new_among(&findings, carried.findings);
        findings.extend(told);
        digests.extend(carried.digests);
    }
    outgoing.document(&authored.blob);
    let mut entry = authored.descriptor().to_value(context.limits)?;
    entry.set("artifactType", crate::format::json::Value::string(ARTIFACT_TYPE));
    entries.push((Some(request.name.clone()), entry.render().into()));
    let committed = write(&request.output, &outgoing, &entries, request.mtime, context)?;
    findings.extend(committed.findings.iter().cloned());
    let order = order(&members).0.into_iter().map(str::to_owned).collect();
    Ok(CreateReport {
        digest: authored.blob.digest().clone(),
        name: request.name.clone(),
        members: members.into_iter().map(Into::into).collect(),
        order,
        referrers: digests,
        output: OutputReport { kind: request.output.kind().to_owned(), path: crate::foundation::fsys::shown(request.output.path()) },
        changed: committed.index_changed,
        written: WrittenReport::of(&committed, blobs, 0),
        taken: committed.taken,
        findings,
        incomplete,
    })
}

/// An image or an artifact under its own name.
fn member(located: &Located, tree: &Tree) -> Result<Member> {
    let refuse = |why: &str| Error::new(Code::CollectionMember, why).at(located.shown());
    match tree {
        Tree::Collection(_) => return Err(refuse("a collection cannot be a member of another one").hint("Name its members.")),
        Tree::Artifact { manifest, .. } if manifest.subject.is_some() => {
            return Err(refuse("what refers to an image goes where the image goes, and cannot be a member").hint("Name the image."));
        }
        Tree::Image(_) | Tree::Index(_) | Tree::Artifact { .. } => {}
    }
    let Some(name) = located.name.clone() else {
        return Err(refuse("a member needs a name")
            .expected(Fact::new("an entry of index.json with a name", "a collection"))
            .hint("Give it one: `airbase tag PATH@DIGEST NAME`."));
    };
    check_name(&name)?;
    Ok(Member { name, descriptor: located.descriptor.clone(), depends: Vec::new() })
}

fn copied<'a>(source: &'a Source, located: &Located, outgoing: &mut Outgoing<'a>, context: Context<'_>) -> Result<usize> {
    let mut found = Walk::default();
    walk(source, &located.descriptor, context.limits, &mut found, &mut HashSet::new())?;
    found.documents.iter().for_each(|(_, document)| outgoing.document(document));
    found.blobs.iter().for_each(|blob| outgoing.blob(source, blob));
    Ok(found.blobs.len())
}
