//! Leaves one statement of each type on an image.

use super::reader::Reader;
use super::set::{NewStatements, readable, refuse_archive};
use super::subject::Subject;
use super::words::Authorship;
use crate::foundation::{Digest, Result};
use crate::plan::lifecycle::change::Next;
use crate::plan::lifecycle::compact::{Compaction, compact as decide};
use crate::plan::lifecycle::resolve::Question;
use crate::plan::lifecycle::statement::Statement;
use crate::plan::lifecycle::time::Moment;
use crate::read::Tree;
use crate::report::lifecycle::set::{CompactReport, Compacted, Removed};
use crate::verbs::{Context, open};

/// What is asked for.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "cli", derive(clap::Args))]
pub struct Compact {
    /// The image.
    #[cfg_attr(feature = "cli", arg(value_name = "REF"))]
    pub image: String,
    /// Only tell what would be done.
    #[cfg_attr(feature = "cli", arg(long))]
    pub dry_run: bool,
    /// For whom a new statement is made, where one is needed, and who says so.
    #[cfg_attr(feature = "cli", command(flatten))]
    pub by: Authorship,
    /// When.
    #[cfg_attr(feature = "cli", arg(skip = super::words::present()))]
    pub now: Moment,
}

/// The statements on a tree that can go and take nothing with them that holds: a reader who takes the first of a type may take
/// them for the latest. Where something could not be read, none can.
pub(in crate::verbs) fn replaced(reader: &Reader<'_>, tree: &Tree, now: Moment) -> Vec<Digest> {
    let subjects = reader.subjects(tree);
    let known = subjects.iter().filter(|subject| subject.unreadable == 0 && !subject.unread);
    let decided = known.map(|subject| decide(&subject.statements, None, now)).filter(|done| done.write.is_none());
    decided.flat_map(|done| done.remove.into_iter().map(|(digest, _)| digest)).collect()
}

/// Takes statements that do not count off the lists of an image and its platforms. They stay among the blobs, where
/// no client looks, until `detach` names them.
///
/// # Errors
/// As [`super::set`].
pub fn compact(request: &Compact, context: Context<'_>) -> Result<CompactReport> {
    let opened = open(&request.image, context)?;
    refuse_archive(&opened.located.source, "lifecycle compact")?;
    let reader = Reader::of_tree(&opened.located.source, &opened.tree, request.now, context);
    let mut statements = NewStatements::new(request.now, request.by.clone());
    let mut subjects = Vec::new();
    let mut findings = Vec::new();
    for subject in reader.subjects(&opened.tree) {
        findings.extend(readable(&subject)?);
        let mut done = decide(&subject.statements, request.by.issuer.as_deref(), request.now);
        // A new statement says everything, also of what the indexes above say and of what lies below: it is no later word than those
        // whose place it takes.
        if let Some((says, _)) = &mut done.write {
            *says = subject.resolution.kept(request.by.issuer.as_deref());
            let own = subject.all().into_iter().filter(|statement| statement.issuer == request.by.issuer);
            let latest = own.filter_map(|statement| statement.made.time()).filter(|time| *time <= request.now).max();
            statements.date(latest.unwrap_or(request.now));
        }
        if done.write.is_none() && !stays(&subject, &done.remove, &reader.question) {
            let kept = subject.statements.iter().map(|statement| statement.digest.clone()).collect();
            done = Compaction { keep: kept, remove: Vec::new(), write: None };
        }
        let remove: Vec<_> = done.remove.iter().map(|(digest, _)| digest.clone()).collect();
        let statement = if let Some((says, _)) = done.write {
            Some(statements.make(&subject, Next { says, ..Next::default() }, remove)?.0)
        } else {
            if !remove.is_empty() {
                statements.refer(&subject, Vec::new(), remove);
            }
            None
        };
        subjects.push(Compacted {
            digest: subject.descriptor.digest.clone(),
            platform: subject.platform().cloned(),
            kept: done.keep,
            removed: done.remove.into_iter().map(|(digest, reason)| Removed { digest, reason }).collect(),
            statement,
        });
    }
    let changed = if request.dry_run { false } else { statements.commit(&opened.located.source, context)? };
    findings.append(&mut statements.findings);
    Ok(CompactReport { image: opened.located.shown(), at: request.now, subjects, dry_run: request.dry_run, changed, findings })
}

/// Whether what holds is the same without these: what they held back may be on an index above.
fn stays(subject: &Subject<'_>, without: &[(Digest, String)], question: &Question) -> bool {
    let left: Vec<Statement> =
        subject.all().into_iter().filter(|statement| without.iter().all(|(digest, _)| *digest != statement.digest)).collect();
    let after = subject.resolved(&left, question);
    after.record() == subject.resolution.record() && after.standing == subject.resolution.standing
}
