//! Names and annotations: `tag`, `untag`, `annotate`, `base set`.

use std::collections::HashSet;

use super::lifecycle::{Marked, Taker, Taking, stopped, taken_over};
use super::output::{Form, Outgoing, Output, check_name, layout_options, write};
use super::referrers::{Carried, Carrier, Carry, Subject, subjects};
use super::{Context, Opened, Verify, base, names_left, open};
use crate::format::json::Excerpt;
use crate::foundation::{Code, Error, Fact, Result};
use crate::oci::{Descriptor, Index, annotation};
use crate::plan::annotate::{Notes, Pair, Scope, annotate as rewrite, replaced};
use crate::plan::lifecycle::time::Moment;
use crate::read::referrers::{Lookup, Scope::Quick, Scope::Usual, Tag, Trouble};
use crate::read::{Image, Located, Reference, SourceKind, Tree, Walk, walk};
use crate::report::rebase::OutputReport;
use crate::report::tag::{AnnotateReport, BaseSetReport, Change, TagReport, UntagReport};
use crate::write::{Committed, IndexEdit, Layout};

/// Gives an image of a layout one more name. A name that another image had moves; that image stays, without a name, and with
/// `taking` it is marked as superseded in the same exchange of the index.
///
/// # Errors
/// `usage.output` for archives, `output.tag`, `lifecycle.supersede`, those of references and of writing.
pub fn tag(reference: &str, names: &[String], taking: Option<&Taking>, context: Context<'_>) -> Result<TagReport> {
    names.iter().try_for_each(|name| check_name(name))?;
    let opened = open(reference, context)?;
    layout_only(&opened, "tag")?;
    let source = &opened.located.source;
    let mut marked = Marked::default();
    if let Some(taking) = taking {
        let taker = |name: &String| Taker { source, tree: &opened.tree, name: name.clone() };
        marked = taken_over(Some(source), &names.iter().map(taker).collect::<Vec<_>>(), taking, context)?;
        marked.outgoing.enlist(source)?;
    }
    marked.outgoing.input(source);
    let entries: Vec<(Option<String>, Excerpt)> =
        names.iter().map(|name| (Some(name.clone()), opened.located.descriptor.raw.clone())).collect();
    let mut committed = write(&Output::Layout(source.path.clone()), &marked.outgoing, &entries, 0, context)?;
    committed.findings.append(&mut marked.findings);
    Ok(TagReport(Change { superseded: marked.superseded, ..change(&opened, &opened.located.descriptor, names.to_vec(), committed) }))
}

/// Removes a name. The image stays, without a name; a list of referrers under a fallback tag is no image, and loses its entry.
///
/// # Errors
/// `ref.not_found`, `usage.output` for archives and for references without a name, and those of writing.
pub fn untag(reference: &str, context: Context<'_>) -> Result<UntagReport> {
    let parsed = crate::read::Reference::existing(reference)?;
    let located = crate::read::locate_entry(&parsed, context.limits)?;
    let opened_name = located.name.clone().filter(|_| parsed.name.is_some());
    let Some(name) = opened_name else {
        return Err(Error::new(Code::UsageArgument, "untag needs the name that is to be removed")
            .found(Fact::new(reference, "the command line"))
            .hint("Write PATH:NAME."));
    };
    if located.source.kind() != SourceKind::Layout {
        return Err(immutable(located.source.kind(), "untag", &located.source.shown()));
    }
    let edit = match located.descriptor.full_name() {
        Some(own) if !is_list(&located, &name, context)? => {
            IndexEdit::Untag { name: own.into_owned(), digest: located.descriptor.digest.clone() }
        }
        _ => IndexEdit::removal(&located.descriptor),
    };
    let committed = Layout::open_or_create(&located.source.path, layout_options(context))?.commit(&[], &[edit], context.events)?;
    Ok(UntagReport(Change {
        image: located.shown(),
        digest: located.descriptor.digest.clone(),
        result: located.descriptor.digest.clone(),
        names: vec![name],
        output: OutputReport { kind: "oci-layout".into(), path: located.source.shown() },
        changed: committed.index_changed,
        taken: committed.taken,
        superseded: Vec::new(),
        findings: committed.findings,
        incomplete: false,
    }))
}

/// Whether a name stands for a list of referrers and nothing else. Without the name it would look like an index of images, and
/// oras would find what it lists, whatever the list that follows it says.
///
/// # Errors
/// What the system could not read.
fn is_list(located: &Located, name: &str, context: Context<'_>) -> Result<bool> {
    if Tag::parse(name).is_none_or(|tag| tag.ending.is_some()) || !located.descriptor.is_index() {
        return Ok(false);
    }
    let document = match located.source.document(&located.descriptor, context.limits) {
        Err(error) if Trouble::of(&error) == Trouble::Content => return Ok(false),
        other => other?,
    };
    // What is damaged is not proven to be a list, and keeps its entry.
    let Ok(index) = Index::parse(&document, &located.descriptor.media_type, context.limits) else { return Ok(false) };
    let lookup = Lookup::new(&located.source, Quick, context.limits);
    for child in &index.manifests {
        match lookup.unlisted(&child.digest) {
            Ok(Some(_)) => {}
            Err(error) if Trouble::of(&error) == Trouble::Io => return Err(error),
            _ => return Ok(false),
        }
    }
    Ok(true)
}

/// Where an annotated image goes.
#[derive(Debug, Clone)]
pub struct Target {
    /// The place.
    pub output: Output,
    /// The names there; without any it keeps its own.
    pub names: Vec<String>,
    /// The date of the members of an archive.
    pub mtime: u64,
    /// As of when it is told that the image must not be used any more; without it that is not looked at.
    pub now: Option<Moment>,
}

/// Sets annotations on the top document of an image; with `all`, on every platform's manifest too.
///
/// # Errors
/// `output.tag`, those of references, documents and writing.
pub fn annotate(reference: &str, pairs: &[(String, String)], all: bool, target: &Target, context: Context<'_>) -> Result<AnnotateReport> {
    let opened = open(reference, context)?;
    let scope = if all { Scope::All } else { Scope::Top };
    let pairs: Vec<Pair> = pairs.iter().map(|(key, text)| (key.clone(), Some(text.clone()))).collect();
    let of_image = |_: &Image| if all { pairs.clone() } else { Vec::new() };
    annotated(reference, &opened, &Notes { scope, top: &pairs, of_image: &of_image }, None, target, context).map(AnnotateReport)
}

/// Proves that an image is based on another one, then records it in the annotations of the specification.
///
/// # Errors
/// `base.mismatch` and `base.empty` if it is not based on it; otherwise as [`annotate`].
pub fn set_base(reference: &str, base_text: &str, base_name: Option<&str>, target: &Target, context: Context<'_>) -> Result<BaseSetReport> {
    if base_text == "scratch" {
        return set_scratch(reference, target, context);
    }
    let verified = base::verify(reference, base_text, None, Verify::Digest, context)?;
    if !verified.proven {
        let refuted = verified.platforms.iter().find(|platform| platform.base.is_none());
        let mut error = Error::new(Code::BaseMismatch, "the image is not based on that one, so it was not recorded")
            .at(&verified.image)
            .expected(Fact::new(&verified.base, "--base"));
        if let Some(evidence) = refuted.and_then(|platform| platform.evidence.first()) {
            let matched = || format!("matched {} of {} layers", evidence.matched, evidence.of);
            error = error.found(Fact::new(evidence.reason.clone().unwrap_or_else(matched), "the layers of both"));
        }
        return Err(error
            .details(verified.findings.iter().map(|finding| finding.message.clone()))
            .hint("`airbase base show IMAGE --bases PATH` finds the base that it has."));
    }
    let opened = open(reference, context)?;
    let below = open(base_text, context)?;
    let names: Vec<String> = below.located.descriptor.name().map(str::to_owned).into_iter().collect();
    let name = base_name.map(str::to_owned).or_else(|| crate::plan::base::base_name(&names, None, false));
    let mut pairs = vec![(annotation::BASE_DIGEST.to_owned(), Some(below.located.descriptor.digest.to_string()))];
    // A name of another base must not stay beside the digest of this one.
    pairs.push((annotation::BASE_NAME.to_owned(), name));
    let of_image = |image: &Image| {
        let mut pairs = if matches!(opened.tree, Tree::Index(_)) { pairs.clone() } else { Vec::new() };
        if let Some(candidate) = super::bases::candidate(image, &below) {
            pairs.push((annotation::BASE_MANIFEST_DIGEST.to_owned(), Some(candidate.image.descriptor.digest.to_string())));
            pairs.push((annotation::BASE_LAYERS.to_owned(), Some(candidate.image.manifest.layers.len().to_string())));
        }
        pairs
    };
    annotated(reference, &opened, &Notes { scope: Scope::All, top: &pairs, of_image: &of_image }, Some(&below), target, context)
        .map(BaseSetReport)
}

/// Records that an image has no base.
fn set_scratch(reference: &str, target: &Target, context: Context<'_>) -> Result<BaseSetReport> {
    let opened = open(reference, context)?;
    let pairs = [(annotation::BASE_NAME.to_owned(), Some("scratch".to_owned())), (annotation::BASE_DIGEST.to_owned(), None)];
    let of_image = |_: &Image| {
        let mut own = if matches!(opened.tree, Tree::Index(_)) { pairs.to_vec() } else { Vec::new() };
        own.push((annotation::BASE_MANIFEST_DIGEST.to_owned(), None));
        own.push((annotation::BASE_LAYERS.to_owned(), Some("0".to_owned())));
        own
    };
    annotated(reference, &opened, &Notes { scope: Scope::All, top: &pairs, of_image: &of_image }, None, target, context).map(BaseSetReport)
}

/// Writes the image with these annotations. `read` is what was read to know them.
fn annotated(
    reference: &str,
    opened: &Opened,
    notes: &Notes<'_>,
    read: Option<&Opened>,
    target: &Target,
    context: Context<'_>,
) -> Result<Change> {
    target.names.iter().try_for_each(|name| check_name(name))?;
    let rewritten = rewrite(&opened.tree, notes, context.limits)?;
    let Some(top) = rewritten.documents.last() else { return Err(Error::new(Code::Bug, "nothing was annotated")) };
    let mut found = Walk::default();
    walk(&opened.located.source, &opened.located.descriptor, context.limits, &mut found, &mut HashSet::new())?;
    let successors: HashSet<_> = replaced_digests(&opened.tree, notes.scope);
    let mut outgoing = Outgoing::default();
    for input in read.into_iter().chain([opened]) {
        outgoing.input(&input.located.source);
    }
    for (descriptor, document) in &found.documents {
        if !successors.contains(&descriptor.digest) {
            outgoing.document(document);
        }
    }
    for document in &rewritten.documents {
        outgoing.document(&document.blob);
    }
    for blob in &found.blobs {
        outgoing.blob(&opened.located.source, blob);
    }
    let carried = carry_unchanged(opened, &successors, target, &mut outgoing, context)?;
    let descriptor = top.descriptor();
    let names: Vec<Option<String>> =
        if target.names.is_empty() { vec![opened.located.result_name()] } else { target.names.iter().cloned().map(Some).collect() };
    // What the entry of index.json says beside type, digest and size still holds.
    let entry: Excerpt = replaced(&opened.located.descriptor, top, context.limits)?.render().into();
    let own = names.iter().map(|name| (name.clone(), entry.clone()));
    let entries: Vec<(Option<String>, Excerpt)> = own.chain(carried.entries).collect();
    let mut committed = write(&target.output, &outgoing, &entries, target.mtime, context)?;
    committed.findings.extend(carried.findings);
    committed.findings.extend(opened.located.source.left_behind());
    // In its own layout the image keeps its other names.
    let reference = Reference::existing(reference)?;
    let is_elsewhere = !matches!(&target.output, Output::Layout(path) if *path == opened.located.source.path);
    committed.findings.extend(names_left(&reference, &opened.located).filter(|_| is_elsewhere && target.names.is_empty()));
    if let Some(now) = target.now {
        committed.findings.extend(stopped(&opened.located.source, &opened.tree, now, context));
    }
    Ok(Change {
        image: opened.located.shown(),
        digest: opened.located.descriptor.digest.clone(),
        result: descriptor.digest.clone(),
        names: names.into_iter().flatten().collect(),
        output: OutputReport { kind: target.output.kind().to_owned(), path: crate::foundation::fsys::shown(target.output.path()) },
        changed: committed.index_changed,
        taken: committed.taken,
        superseded: Vec::new(),
        findings: committed.findings,
        incomplete: carried.incomplete,
    })
}

/// Takes along what refers to the parts of an image that stay as they are; in their own layout it is there already, and an archive for docker has
/// no place for it. What is said of the image before it was annotated is said of other bytes.
fn carry_unchanged<'a>(
    opened: &'a Opened,
    successors: &HashSet<crate::foundation::Digest>,
    target: &Target,
    outgoing: &mut Outgoing<'a>,
    context: Context<'_>,
) -> Result<Carried> {
    let source = &opened.located.source;
    let stays_here = matches!(&target.output, Output::Layout(path) if *path == source.path);
    let unchanged: Vec<Subject> =
        subjects(&opened.tree).into_iter().filter(|subject| !successors.contains(&subject.descriptor.digest)).collect();
    if stays_here || unchanged.is_empty() || matches!(target.output, Output::Archive { form: Form::Docker, .. }) {
        return Ok(Carried::default());
    }
    let lookup = Lookup::new(source, Usual, context.limits);
    Carrier::of(source, &lookup, &Carry::default(), context).carry(unchanged, outgoing)
}

/// The documents of a tree that get a successor.
fn replaced_digests(tree: &Tree, scope: Scope) -> HashSet<crate::foundation::Digest> {
    let mut replaced = HashSet::from([tree.descriptor().digest.clone()]);
    if scope == Scope::All {
        replaced.extend(tree.images().into_iter().map(|image| image.descriptor.digest.clone()));
    }
    replaced
}

fn change(opened: &Opened, result: &Descriptor, names: Vec<String>, committed: Committed) -> Change {
    Change {
        image: opened.located.shown(),
        digest: opened.located.descriptor.digest.clone(),
        result: result.digest.clone(),
        names,
        output: OutputReport { kind: "oci-layout".into(), path: opened.located.source.shown() },
        changed: committed.index_changed,
        taken: committed.taken,
        superseded: Vec::new(),
        findings: committed.findings,
        incomplete: false,
    }
}

fn layout_only(opened: &Opened, verb: &str) -> Result<()> {
    match opened.located.source.kind() {
        SourceKind::Layout => Ok(()),
        kind => Err(immutable(kind, verb, &opened.located.source.shown())),
    }
}

fn immutable(kind: SourceKind, verb: &str, path: &str) -> Error {
    kind.unchangeable(verb).at(path).hint(
        "Copy the image under its new name instead: `airbase copy ARCHIVE:NAME NEW.tar:NAME` or `airbase copy ARCHIVE:NAME DIR:NAME`.",
    )
}
