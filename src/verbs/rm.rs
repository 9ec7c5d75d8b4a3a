//! Removes an image from the index of a layout, and what belongs to it. Blobs stay until they are collected.

use std::cell::RefCell;
use std::collections::HashSet;
use std::sync::Arc;

use super::Context;
use super::output::layout_options;
use crate::foundation::{Code, Digest, Error, Finding, Result, Severity};
use crate::oci::{Descriptor, Name};
use crate::read::referrers::{Lookup, Scope, Tag, Unread};
use crate::read::{Reference, Source, SourceKind, each_index, load, locate_entry};
use crate::report::gc::Gone;
use crate::report::rm::RmReport;
use crate::write::{IndexEdit, Layout, Revision};

/// Removes the entry that `reference` names and no other one with its tag, or by digest every entry of that digest. When no other name is left, the entries of
/// its platforms go too; with `referrers`, those of everything that refers to them. With `dry_run` it only tells.
///
/// # Errors
/// `usage.output` for archives, `ref.*`, and those of writing.
pub fn rm(reference: &str, referrers: bool, dry_run: bool, context: Context<'_>) -> Result<RmReport> {
    let parsed = Reference::existing(reference)?;
    let located = locate_entry(&parsed, context.limits)?;
    let path = &located.source.path;
    if located.source.kind() != SourceKind::Layout {
        return Err(located
            .source
            .kind()
            .unchangeable("rm")
            .at(located.shown())
            .hint("Copy what is to stay into a new one: `airbase copy`."));
    }
    let digest = &located.descriptor.digest;
    if !located.source.index.manifests.iter().any(|entry| entry.digest == *digest) {
        return Err(Error::new(Code::RefNotFound, "index.json does not list it, so there is no entry to remove")
            .at(located.shown())
            .hint("Remove the image that it belongs to."));
    }
    let is_one = parsed.name.is_some() || parsed.digest.is_none();
    let name = located.descriptor.full_name().map(Name::into_owned).filter(|_| is_one);
    let report =
        RefCell::new(RmReport { image: located.shown(), digest: digest.clone(), dry_run, entries: Vec::new(), findings: Vec::new() });
    let decide = |source: &Arc<Source>| {
        let mut removal = Removal { source, context, edits: Vec::new(), entries: Vec::new(), findings: Vec::new() };
        removal.decide(&located.descriptor, name.as_ref(), referrers);
        // What refers to the image is not known while something cannot be read. The image itself goes though it cannot be read: it may
        // lie on a disk that never reads it again.
        if let Some(unread) = removal.findings.iter().find(|finding| finding.is_unread()) {
            return Err(Error::of(unread.clone().detail("nothing was removed")));
        }
        let mut report = report.borrow_mut();
        (report.entries, report.findings) = (removal.entries, removal.findings);
        Ok(removal.edits)
    };
    if dry_run {
        decide(&located.source)?;
        return Ok(report.into_inner());
    }
    let revise = |text: &[u8]| {
        let source = Source::with_index(path, text, &[&located.source], context.limits)?;
        Ok(Revision { edits: decide(&source)?, ..Revision::default() })
    };
    let layout = Layout::open_or_create(path, layout_options(context))?;
    layout.remember(&located.source.index);
    let committed = layout.revise(&[], &revise, context.events)?;
    let mut report = report.into_inner();
    report.findings.extend(committed.findings);
    Ok(report)
}

struct Removal<'a> {
    source: &'a Arc<Source>,
    context: Context<'a>,
    edits: Vec<IndexEdit>,
    entries: Vec<Gone>,
    findings: Vec<Finding>,
}

impl Removal<'_> {
    fn decide(&mut self, top: &Descriptor, name: Option<&Name<'static>>, referrers: bool) {
        let all: Vec<Descriptor> = self.source.index.manifests.iter().filter(|entry| entry.digest == top.digest).cloned().collect();
        let is_meant = |entry: &&Descriptor| name.is_none_or(|name| entry.full_name().as_ref() == Some(name));
        let (meant, others): (Vec<_>, Vec<_>) = all.iter().partition(is_meant);
        for entry in meant {
            self.remove(entry, "it was named");
        }
        if !others.is_empty() {
            if referrers {
                let other = others.iter().find_map(|entry| entry.name()).unwrap_or("an entry without a name");
                self.findings.push(
                    Finding::new(Code::RmStillNamed, "the image has another name, so what refers to it stays")
                        .at(&top.digest)
                        .found(crate::foundation::Fact::new(other, "index.json")),
                );
            }
            return;
        }
        if all.iter().any(|entry| entry.name().and_then(Tag::parse).is_some()) {
            // A list of referrers goes alone: they are still what they refer to, and `doctor` can list them again.
            return;
        }
        let tree = match load(self.source, top, self.context.limits) {
            Ok(tree) => tree,
            Err(error) => {
                // The image goes all the same; what belongs to it stays listed.
                self.findings.push(error.into_finding().severity(Severity::Warning));
                return;
            }
        };
        // What an index lists that cannot be read is not known, so then no platform goes.
        let elsewhere = match self.children_of_others(&top.digest) {
            Ok(elsewhere) => Some(elsewhere),
            Err(error) => {
                self.findings.push(error.into_finding().severity(Severity::Warning).detail("the platforms of the image stay listed"));
                None
            }
        };
        let mut subjects = vec![top.digest.clone()];
        let below = super::referrers::subjects(&tree).into_iter().filter(|subject| subject.child).map(|subject| subject.descriptor);
        for below in below.filter(|below| elsewhere.as_ref().is_some_and(|elsewhere| !elsewhere.contains(&below.digest))) {
            let entries: Vec<Descriptor> =
                self.source.index.manifests.iter().filter(|entry| entry.digest == below.digest).cloned().collect();
            if entries.iter().all(|entry| entry.name().is_none()) {
                for entry in &entries {
                    self.remove(entry, "it is a platform of it");
                }
                subjects.push(below.digest.clone());
            }
        }
        if referrers {
            self.referrers(subjects);
        } else {
            self.orphans(&subjects);
        }
    }

    /// Tells what refers to `subjects` and stays behind without them.
    fn orphans(&mut self, subjects: &[Digest]) {
        let lookup = Lookup::new(self.source, Scope::Usual, self.context.limits);
        let mut orphans = Vec::new();
        for found in subjects.iter().map(|subject| lookup.of_digest(subject)) {
            orphans.extend(found.referrers.iter().map(|referrer| format!("{} {}", referrer.artifact_type(), referrer.descriptor.digest)));
            self.miss(&found.unread);
        }
        self.miss(lookup.unplaced());
        if let Some(top) = subjects.first().filter(|_| !orphans.is_empty()) {
            let mut finding = Finding::new(Code::RmOrphans, "what refers to the image stays behind without it").at(top);
            finding.details = orphans;
            self.findings.push(finding);
        }
    }

    /// Everything that refers to `subjects`, and to that.
    fn referrers(&mut self, mut subjects: Vec<Digest>) {
        let lookup = Lookup::new(self.source, Scope::Usual, self.context.limits);
        let mut seen: HashSet<Digest> = HashSet::new();
        self.miss(lookup.unplaced());
        while let Some(subject) = subjects.pop() {
            if !seen.insert(subject.clone()) {
                continue;
            }
            let found = lookup.of_digest(&subject);
            self.miss(&found.unread);
            for referrer in &found.referrers {
                let digest = &referrer.descriptor.digest;
                let entries: Vec<Descriptor> =
                    self.source.index.manifests.iter().filter(|entry| entry.digest == *digest).cloned().collect();
                // What has a name of its own is somebody's, unless the name only says to whom it belongs.
                let is_own = |entry: &Descriptor| entry.name().is_some_and(|name| Tag::parse(name).is_none());
                if entries.iter().any(is_own) {
                    continue;
                }
                for entry in &entries {
                    self.remove(entry, "it refers to it");
                }
                subjects.push(digest.clone());
            }
            for entry in self.source.index.manifests.iter().filter(|entry| entry.is_index()) {
                let is_list = |name: &str| Tag::parse(name).is_some_and(|tag| tag.tag == subject.fallback_tag() && tag.ending.is_none());
                if entry.name().is_some_and(is_list) || entry.lists_referrers_of().as_ref() == Some(&subject) {
                    let entry = entry.clone();
                    self.remove(&entry, "it is the list of its referrers");
                }
            }
        }
    }

    /// Tells what may refer to the image and was not read; what is removed itself need not be read.
    fn miss(&mut self, unread: &[Unread]) {
        let left = unread.iter().filter(|unread| self.entries.iter().all(|gone| gone.digest != unread.digest));
        let left = left.map(|unread| unread.finding.clone()).collect();
        self.findings.extend(Finding::new_among(&self.findings, left));
    }

    fn remove(&mut self, entry: &Descriptor, why: &str) {
        self.edits.push(IndexEdit::removal(entry));
        self.entries.push(Gone::of(entry, why));
    }

    /// What the other indexes of the layout list: it stays theirs.
    ///
    /// # Errors
    /// Those of indexes that cannot be read; one that is not there lists nothing.
    fn children_of_others(&self, top: &Digest) -> Result<HashSet<Digest>> {
        let mut children = HashSet::new();
        let others = self.source.index.manifests.iter().filter(|entry| entry.digest != *top);
        each_index(self.source, others, self.context.limits, &mut |_, index| match index {
            Err(error) if error.code() == Code::BlobMissing => Ok(()),
            index => {
                children.extend(index?.manifests.into_iter().map(|child| child.digest.clone()));
                Ok(())
            }
        })?;
        Ok(children)
    }
}
