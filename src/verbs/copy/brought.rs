//! What is said in the indexes that stay behind.

use std::collections::HashSet;
use std::sync::Arc;

use super::{Load, Request, is_for_docker};
use crate::foundation::{Code, Digest, Finding, Result, Severity};
use crate::oci::Verified;
use crate::plan::referrers::ReferrerChange;
use crate::read::referrers::{Lookup, Scope};
use crate::read::{Located, Source, Tree, load};
use crate::verbs::Context;
use crate::verbs::lifecycle::{BroughtDown, Reader, bringer, brought_along, brought_down};
use crate::verbs::narrow::Narrowed;
use crate::verbs::output::Output;

/// What is said of an index, said of what goes without it.
#[derive(Debug, Default)]
pub(super) struct Brought<'c> {
    /// Made once: it looks through every index of the source.
    reader: Option<Reader<'c>>,
    documents: Vec<Verified>,
    changes: Vec<ReferrerChange>,
    unread: Vec<Finding>,
}

impl<'c> Brought<'c> {
    fn reader(&mut self, source: &Arc<Source>, context: Context<'c>) -> &Reader<'c> {
        self.reader.get_or_insert_with(|| bringer(source, context))
    }

    /// Adds what is said of the platforms of an index that go without it.
    ///
    /// # Errors
    /// Those of statements.
    pub(super) fn add(&mut self, from: &Located, narrowed: &Narrowed, request: &Request, context: Context<'c>) -> Result<()> {
        if narrowed.platforms.is_empty() {
            return self.alone(from, request, context);
        }
        if request.referrers.is_none() {
            return Ok(());
        }
        let tree = load(&from.source, &from.descriptor, context.limits)?;
        let going = |digest: &Digest| narrowed.platforms.contains(digest);
        let mut brought = brought_down(self.reader(&from.source, context), &from.source, &tree, going, &HashSet::new())?;
        brought.changes.iter_mut().for_each(|change| change.child = narrowed.made);
        self.take(brought);
        Ok(())
    }

    /// The same of one platform, or of an index, that is copied by its own name or digest.
    pub(super) fn alone(&mut self, from: &Located, request: &Request, context: Context<'c>) -> Result<()> {
        if !(from.descriptor.is_manifest() || from.descriptor.is_index()) || request.referrers.is_none() {
            return Ok(());
        }
        let tree = match load(&from.source, &from.descriptor, context.limits) {
            // It is copied document by document, and more than can be looked at has nothing to bring where nothing refers to anything.
            Err(error) if error.code() == Code::GraphTooMany => {
                let (digests, tags) = Lookup::new(&from.source, Scope::Usual, context.limits).subjects();
                self.unread.extend(Some(error.into_finding()).filter(|_| !digests.is_empty() || !tags.is_empty()));
                return Ok(());
            }
            other => other?,
        };
        if matches!(tree, Tree::Image(_) | Tree::Index(_)) {
            let brought = brought_along(self.reader(&from.source, context), &from.source, &tree)?;
            self.take(brought);
        }
        Ok(())
    }

    fn take(&mut self, brought: BroughtDown) {
        self.documents.extend(brought.documents);
        self.changes.extend(brought.changes);
        let new = Finding::new_among(&self.unread, brought.unread);
        self.unread.extend(new);
    }

    /// Hands over what can be written, and tells what cannot.
    pub(super) fn write(self, output: &Output, load: &mut Load<'_>) {
        load.incomplete |= !self.unread.is_empty();
        let new = Finding::new_among(&load.findings, self.unread);
        load.findings.extend(new);
        if is_for_docker(output) {
            let left = |change: &ReferrerChange| {
                Finding::new(
                    Code::ReferrerLeft,
                    "an archive for docker has no place for referrers; what is said of the index of an image was left out",
                )
                .severity(Severity::Warning)
                .at(&change.subject.digest)
            };
            return load.findings.extend(self.changes.iter().map(left));
        }
        self.documents.iter().for_each(|document| load.outgoing.document(document));
        self.changes.into_iter().for_each(|change| load.outgoing.refer(change));
    }
}
