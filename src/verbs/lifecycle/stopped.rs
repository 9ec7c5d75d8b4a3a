//! What must be known before something new is made of an image: that it must not be used any more.

use std::sync::Arc;

use super::reader::Reader;
use super::subject::Subject;
use crate::foundation::{Code, Digest, Error, Fact, Finding, Severity};
use crate::plan::lifecycle::field::Status;
use crate::plan::lifecycle::resolve::Stand;
use crate::plan::lifecycle::time::Moment;
use crate::read::{Source, Tree};
use crate::verbs::Context;

/// Says of an image that it, or a platform of it, is withdrawn or at the end of its life, and what may say so and cannot be read.
pub(in crate::verbs) fn stopped(source: &Arc<Source>, tree: &Tree, now: Moment, context: Context<'_>) -> Vec<Finding> {
    // Of an index that leads to the platforms it is known; other indexes are looked for where none does.
    let reader = Reader::of_tree(source, tree, now, context);
    let subjects = reader.subjects(tree);
    let unread = subjects.iter().filter(|subject| subject.unread).flat_map(|subject| &subject.findings);
    let unread = unread.filter(|finding| finding.severity >= Severity::Damage).cloned().collect();
    let mut findings = Finding::new_among(&[], unread);
    findings.extend(Stopped::among(&subjects, tree).into_iter().flat_map(Stopped::findings));
    findings
}

/// An image that is withdrawn or at the end of its life, or a platform of which is, or of which that is not known.
#[derive(Debug)]
pub(in crate::verbs) struct Stopped {
    digest: Digest,
    status: Option<Status>,
    facts: Vec<String>,
    /// Whether something that may be a statement on it cannot be read.
    unreadable: bool,
}

impl Stopped {
    /// What statements say of the image.
    pub(in crate::verbs) fn of(reader: &Reader<'_>, tree: &Tree) -> Option<Self> {
        Self::among(&reader.subjects(tree), tree)
    }

    fn among(subjects: &[Subject<'_>], tree: &Tree) -> Option<Self> {
        let (status, facts) = standing(subjects).unzip();
        let unreadable = subjects.iter().any(|subject| subject.resolution.may_be_withdrawn());
        let stopped = Self { digest: tree.descriptor().digest.clone(), status, facts: facts.unwrap_or_default(), unreadable };
        (stopped.status.is_some() || unreadable).then_some(stopped)
    }

    /// What whoever makes something new of it is told.
    pub(in crate::verbs) fn findings(self) -> Vec<Finding> {
        let unreadable = self.unreadable.then(|| Finding::new(Code::LifecycleUnreadable, UNREADABLE).at(&self.digest));
        let stopped = self.status.map(|status| {
            let what = if status == Status::Withdrawn { "is withdrawn" } else { "is at the end of its life" };
            let mut finding = Finding::new(Code::LifecycleStopped, format!("the image that something new is made of {what}"));
            finding.details = self.facts;
            finding.at(&self.digest)
        });
        unreadable.into_iter().chain(stopped).collect()
    }

    /// The refusal to make something new of it, if it is withdrawn or may be.
    pub(in crate::verbs) fn refusal(&self) -> Option<Error> {
        if self.status == Some(Status::Withdrawn) {
            let error = Error::new(Code::LifecycleWithdrawn, "the image is withdrawn").at(&self.digest);
            return Some(error.details(self.facts.iter().cloned()).found(Fact::new("withdrawn", "the statements on it")));
        }
        self.unreadable.then(|| Error::new(Code::LifecycleUnreadable, UNREADABLE).at(&self.digest))
    }

    /// Whether it is known to be withdrawn or at the end of its life.
    pub(in crate::verbs) fn is_known(&self) -> bool {
        self.status.is_some()
    }
}

const UNREADABLE: &str = "something that may be said of the image cannot be read, so it may be withdrawn";

/// The worst of an image and its platforms, if that stops it.
fn standing(subjects: &[Subject<'_>]) -> Option<(Status, Vec<String>)> {
    let mut worst: Option<Status> = None;
    let mut facts = Vec::new();
    for subject in subjects {
        let stand = Stand::from(&subject.resolution);
        let Some(status) = stand.standing.filter(|_| stand.is_stopped()) else { continue };
        worst = worst.into_iter().chain([status]).min();
        let platform = subject.platform().map(|platform| format!(" for {platform}")).unwrap_or_default();
        let reason = stand.reason.map(|reason| format!(": {reason}")).unwrap_or_default();
        facts.push(format!("{}{platform} is {}{reason}", subject.descriptor.digest, status.name()));
    }
    worst.map(|status| (status, facts))
}
