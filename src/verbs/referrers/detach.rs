//! Takes a referrer away from its subject.

use super::{revision, subjects};
use crate::foundation::{Code, Digest, Error, ExitClass, Fact, Finding, Result, TypedDigest};
use crate::plan::referrers::ReferrerChange;
use crate::read::referrers::{Lookup, Referrer, Scope};
use crate::read::{Source, SourceKind, each_index, is_referrer_tag};
use crate::report::attach::{Attached, DetachReport};
use crate::verbs::output::layout_options;
use crate::verbs::{Context, open};
use crate::write::{Layout, Sweep};

/// Takes `digest` off all lists of referrers of an image and its platforms, and deletes its manifest: among the blobs it would
/// still refer to the image, and nobody could tell it from one that was never listed. One that no list names is deleted too. Its
/// content stays until it is collected.
///
/// # Errors
/// `ref.not_found` if it refers to nothing of this image, `usage.output` for archives, `referrer.fallback_tag`, and those of
/// references and writing.
pub fn detach(image: &str, digest: &TypedDigest, context: Context<'_>) -> Result<DetachReport> {
    let opened = open(image, context)?;
    let source = &opened.located.source;
    let digest = &source.complete(digest)?;
    if source.kind() != SourceKind::Layout {
        return Err(source
            .kind()
            .unchangeable("detach")
            .at(source.shown())
            .hint("Copy it into a layout first: `airbase copy ARCHIVE DIR`."));
    }
    let (part, mut findings) = is_part(source, digest, context)?;
    let lookup = Lookup::new(source, Scope::Quick, context.limits);
    // Who was stopped after the lists were written and before the manifest was deleted comes again and finds it on no list.
    let unlisted = match lookup.unlisted(digest) {
        // What is no document refers to nothing.
        Err(error) if error.raw_os_error().is_none() => None,
        other => other?,
    };
    let unlisted = unlisted.filter(|_| !part);
    let (mut detached, mut changes) = (Vec::new(), Vec::new());
    for subject in subjects(&opened.tree) {
        let found = lookup.of(&subject.descriptor);
        findings.extend(found.findings.iter().cloned());
        let unlisted = unlisted.as_ref().filter(|referrer| refers_to(referrer, &subject.descriptor.digest));
        let listed = found.referrers.iter().find(|referrer| referrer.descriptor.digest == *digest);
        // What is listed and cannot be read can be taken off the lists too: whoever names it knows what it was.
        let is_unread = found.unread.iter().any(|unread| unread.digest == *digest);
        if listed.or(unlisted).is_none() && !is_unread {
            continue;
        }
        detached.push(Attached {
            subject: subject.descriptor.digest.clone(),
            platform: subject.descriptor.platform.as_deref().cloned(),
            digest: digest.clone(),
        });
        changes.push(ReferrerChange {
            subject: subject.descriptor,
            child: false,
            add: Vec::new(),
            remove: vec![digest.clone()],
            clean: false,
        });
    }
    if detached.is_empty() {
        return Err(Error::new(Code::RefNotFound, "nothing of that digest refers to the image")
            .at(opened.located.shown())
            .found(Fact::new(digest, "the command line"))
            .hint("`airbase referrers REF` lists who does."));
    }
    findings.extend(orphans(&lookup, digest).filter(|_| !part));
    let layout = Layout::open_or_create(&source.path, layout_options(context))?;
    layout.remember(&source.index);
    let swept = layout.sweep(&|text| {
        let now = Source::with_index(&source.path, text, &[source], context.limits)?;
        let delete = if is_part(&now, digest, context)?.0 { Vec::new() } else { vec![(digest.clone(), None)] };
        Ok(Sweep { revision: revision(&source.path, text, &[source], &changes, context)?, delete, ..Sweep::default() })
    })?;
    Ok(DetachReport { image: opened.located.shown(), detached, changed: swept.committed.index_changed || swept.blobs > 0, findings })
}

/// That something refers to what is detached, and stays behind without it.
fn orphans(lookup: &Lookup<'_>, digest: &Digest) -> Option<Finding> {
    let found = lookup.of_digest(digest).referrers;
    let told = |finding: Finding, one: &Referrer| finding.detail(format!("{} {}", one.artifact_type(), one.descriptor.digest));
    let finding = || Finding::new(Code::RmOrphans, "what refers to what was detached stays behind without it").at(digest);
    (!found.is_empty()).then(|| found.iter().fold(finding(), told))
}

fn refers_to(referrer: &Referrer, subject: &Digest) -> bool {
    referrer.artifact.subject.as_ref().is_some_and(|own| own.digest == *subject)
}

/// Whether an index of images or a collection lists `digest`: then it belongs to that too. A damaged one may list anything, and is reported.
///
/// # Errors
/// `io` where the system could not read one.
fn is_part(source: &Source, digest: &Digest, context: Context<'_>) -> Result<(bool, Vec<Finding>)> {
    let (mut part, mut damaged) = (false, Vec::new());
    let images = source.index.manifests.iter().filter(|entry| !entry.name().is_some_and(is_referrer_tag));
    each_index(source, images, context.limits, &mut |_, index| {
        match index {
            Ok(index) => part |= index.manifests.iter().any(|child| child.digest == *digest),
            Err(error) if error.exit_class() == ExitClass::Io => return Err(error),
            Err(error) => damaged.push(error.into_finding().detail(format!("it may list {digest}, whose manifest stays"))),
        }
        Ok(())
    })?;
    Ok((part || !damaged.is_empty(), damaged))
}
