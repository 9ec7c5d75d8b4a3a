//! Takes a referrer away from its subject.

use super::{revision, subjects};
use crate::core::{Code, Digest, Error, Fact, Result};
use crate::plan::referrers::Wish;
use crate::read::SourceKind;
use crate::read::referrers::{Lookup, Scope};
use crate::report::attach::{Attached, DetachReport};
use crate::verbs::output::layout_options;
use crate::verbs::{Context, open};
use crate::write::Layout;

/// Takes `digest` off all lists of referrers of an image and its platforms. Its blobs stay until they are collected.
///
/// # Errors
/// `ref.not_found` if it refers to nothing of this image, `usage.output` for archives, `referrer.fallback_tag`, and those of
/// references and writing.
pub fn detach(image: &str, digest: &Digest, context: Context<'_>) -> Result<DetachReport> {
    let opened = open(image, context)?;
    let source = &opened.located.source;
    if source.kind() != SourceKind::Layout {
        return Err(Error::new(Code::UsageOutput, "detach would change an archive, and archives are never changed")
            .at(source.shown())
            .hint("Copy it into a layout first: `airbase copy ARCHIVE DIR`."));
    }
    let lookup = Lookup::new(source, Scope::Quick, context.limits);
    let mut detached = Vec::new();
    let mut wishes = Vec::new();
    for subject in subjects(&opened.tree) {
        let found = lookup.of(&subject.descriptor);
        let Some(referrer) = found.referrers.iter().find(|referrer| referrer.descriptor.digest == *digest) else { continue };
        detached.push(Attached {
            subject: subject.descriptor.digest.clone(),
            platform: subject.descriptor.platform.clone(),
            digest: referrer.descriptor.digest.clone(),
        });
        wishes.push(Wish { subject: subject.descriptor, child: false, add: Vec::new(), remove: vec![digest.clone()], clean: false });
    }
    if detached.is_empty() {
        return Err(Error::new(Code::RefNotFound, "nothing of that digest refers to the image")
            .at(opened.located.shown())
            .found(Fact::new(digest, "the command line"))
            .hint("`airbase referrers REF` lists who does."));
    }
    let layout = Layout::open_or_create(&source.path, layout_options(context))?;
    let committed =
        layout.revise(&[], &|index| revision(&source.path, index, &[], &wishes, context.limits), context.events)?;
    Ok(DetachReport { image: opened.located.shown(), detached, changed: committed.index_changed, findings: committed.findings })
}
