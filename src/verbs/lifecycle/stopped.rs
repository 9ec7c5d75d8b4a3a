//! What must be known before something new is made of an image: that it must not be used any more.

use std::sync::Arc;

use super::state::{Reader, Subject};
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
    findings.extend(Stopped::among(&subjects, tree).map(Stopped::finding));
    findings
}

/// An image that is withdrawn or at the end of its life, or a platform of which is.
#[derive(Debug)]
pub(in crate::verbs) struct Stopped {
    digest: Digest,
    status: Status,
    facts: Vec<String>,
}

impl Stopped {
    /// What statements say of the image.
    pub(in crate::verbs) fn of(reader: &Reader<'_>, tree: &Tree) -> Option<Self> {
        Self::among(&reader.subjects(tree), tree)
    }

    fn among(subjects: &[Subject<'_>], tree: &Tree) -> Option<Self> {
        let (status, facts) = standing(subjects)?;
        Some(Self { digest: tree.descriptor().digest.clone(), status, facts })
    }

    /// A warning to whoever makes something new of it.
    pub(in crate::verbs) fn finding(self) -> Finding {
        let what = if self.status == Status::Withdrawn { "is withdrawn" } else { "is at the end of its life" };
        let mut finding = Finding::new(Code::LifecycleStopped, format!("the image that something new is made of {what}"));
        finding.details = self.facts;
        finding.at(&self.digest)
    }

    /// The refusal to make something new of it, if it is withdrawn.
    pub(in crate::verbs) fn refusal(&self) -> Option<Error> {
        let error = || Error::new(Code::LifecycleWithdrawn, "the image is withdrawn").at(&self.digest).details(self.facts.iter().cloned());
        (self.status == Status::Withdrawn).then(|| error().found(Fact::new("withdrawn", "the statements on it")))
    }
}

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
