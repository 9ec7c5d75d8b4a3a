//! What is said of the indexes above a platform, said of the platform itself: for a copy that leaves those indexes behind.

use std::collections::HashSet;
use std::sync::Arc;

use super::beside::in_entry;
use super::reader::{Reader, content};
use super::set::NewStatements;
use super::subject::{OwnWords, Subject};
use crate::foundation::{Code, Digest, Error, Fact, Finding, Result, Severity};
use crate::oci::{Verified, annotation};
use crate::plan::lifecycle::convention::{Convention, Extent, OWN_TYPE};
use crate::plan::lifecycle::held::Role;
use crate::plan::lifecycle::profile::{NewStatement, Profile, write as author};
use crate::plan::lifecycle::resolve::{Question, Said, resolve};
use crate::plan::lifecycle::statement::{RECORDED, Statement};
use crate::plan::lifecycle::time::Moment;
use crate::plan::referrers::{Content, Item, NewReferrer, ReferrerChange};
use crate::read::{Child, ImageIndex, Source, Tree};
use crate::verbs::Context;

/// What goes along with a platform, or with an index below another one.
#[derive(Debug, Default)]
pub(in crate::verbs) struct BroughtDown {
    /// The documents of the statements.
    pub(in crate::verbs) documents: Vec<Verified>,
    /// What refers to what.
    pub(in crate::verbs) changes: Vec<ReferrerChange>,
    /// What may be said of it in what stays behind, and cannot be read or cannot go along.
    pub(in crate::verbs) unread: Vec<Finding>,
}

/// Reads what is said in a source, for all that is copied from it. Whatever the clock says: what was said is brought along.
pub(in crate::verbs) fn bringer<'c>(source: &Arc<Source>, context: Context<'c>) -> Reader<'c> {
    Reader::everywhere(source, Question::from(Moment::LAST), context)
}

/// The statements to make on what goes along of `tree`, its top or platforms of it, and the documents of them: each with the date and the issuer
/// of the statement on the index that it repeats. Nothing, if all of it is said of it anyway, or goes along with what has one of the
/// digests of `kept`.
///
/// # Errors
/// Those of statements.
pub(in crate::verbs) fn brought_down(
    reader: &Reader<'_>,
    source: &Arc<Source>,
    tree: &Tree,
    going: impl Fn(&Digest) -> bool,
    kept: &HashSet<Digest>,
) -> Result<BroughtDown> {
    let question = &reader.question;
    let subjects = reader.subjects(tree);
    let mut brought = BroughtDown::default();
    if subjects.iter().any(|subject| going(&subject.descriptor.digest) && subject.unreadable > 0) {
        let findings = subjects.iter().flat_map(|subject| &subject.findings).filter(|finding| finding.severity >= Severity::Damage);
        brought.unread = Finding::new_among(&[], findings.cloned().collect());
    }
    let mut statements = NewStatements::new(question.now, super::Authorship::default());
    for mut subject in subjects.into_iter().filter(|subject| going(&subject.descriptor.digest)) {
        // The entry of a platform goes along where the platform is reached by it.
        let entry = in_entry(&subject.descriptor, reader.context.conventions);
        let stays = |(of, words): &&OwnWords| !kept.contains(of) && *words != entry;
        let left = subject.words.iter().filter(stays).map(|(of, _)| left_behind(of, &subject));
        brought.unread.extend(left);
        // In the copy no index leads to it.
        subject.child &= !kept.is_empty();
        let items = items_of(&mut subject, source, reader, kept, &mut statements)?;
        if !items.is_empty() {
            statements.refer(&subject, items, Vec::new());
        }
    }
    (brought.documents, brought.changes) = statements.into_outgoing().into_documents();
    Ok(brought)
}

/// What an index says of itself, or of a platform in the entry for it, stays with it: it is no statement that could be repeated.
fn left_behind(index: &Digest, subject: &Subject<'_>) -> Finding {
    Finding::new(Code::CopyLeftOut, "what an index says of the life cycle in annotations is not said of the platform alone")
        .severity(Severity::Damage)
        .at(&subject.descriptor.digest)
        .found(Fact::new(index, "the annotations of the index that stays behind, or of its entry"))
        .hint("Say it of the platform: `airbase lifecycle set`.")
}

/// The same of a tree that goes along as it is: what is said of it in indexes that do not.
///
/// # Errors
/// Those of statements.
pub(in crate::verbs) fn brought_along(reader: &Reader<'_>, source: &Arc<Source>, tree: &Tree) -> Result<BroughtDown> {
    let below = tree.index().into_iter().flat_map(ImageIndex::descendants).map(Child::descriptor);
    let kept = below.chain([tree.descriptor()]).map(|descriptor| descriptor.digest.clone()).collect();
    brought_down(reader, source, tree, |_| true, &kept)
}

/// What is to refer to one of them.
fn items_of(
    subject: &mut Subject<'_>,
    source: &Arc<Source>,
    reader: &Reader<'_>,
    kept: &HashSet<Digest>,
    statements: &mut NewStatements,
) -> Result<Vec<Item>> {
    let mut items = Vec::new();
    // What only an index lists has no place of its own where the index is not.
    for referrer in std::mem::take(&mut subject.beside).into_iter().filter(|referrer| !kept.contains(&referrer.descriptor.digest)) {
        statements.bring(source, &referrer, reader.context)?;
        items.push(Item::from(&referrer));
    }
    // A statement on the platform may silence those above it at one time and not at another one, so these are asked alone too.
    let alone = resolve(Said::of(&subject.above), &reader.question);
    let counts = |role: Option<&Role>| matches!(role, Some(Role::Speaks | Role::Adds | Role::Agrees | Role::Differs));
    let is_said = |statement: &Statement| {
        let same = |own: &Statement| own.record() == statement.record() && own.made == statement.made && own.issuer == statement.issuer;
        kept.contains(&statement.subject) || subject.statements.iter().any(same)
    };
    for statement in &subject.above {
        let counts = [&subject.resolution, &alone].into_iter().any(|resolution| counts(resolution.roles.get(&statement.digest)));
        // What is not understood may say anything, there as here.
        if (statement.unreadable || counts) && !is_said(statement) {
            let referrer = repeated(statement, subject, source, reader)?;
            items.push(statements.list(referrer, &subject.descriptor).1);
        }
    }
    Ok(items)
}

/// The same statement on the platform. One that says only a part, or is not understood, is repeated word for word: none of ours would say
/// the same.
fn repeated(statement: &Statement, subject: &Subject<'_>, source: &Source, reader: &Reader<'_>) -> Result<(NewReferrer, Option<Verified>)> {
    if (statement.unreadable || statement.extent() == Extent::Part)
        && let Some(referrer) = reader.lookup().unlisted(&statement.digest)?
    {
        let mut document = reader.document(&referrer.artifact.content).map_err(|unread| Error::of(unread.finding))?;
        // What is not understood because of what it carries would be empty without that.
        if let Some(content) = content(&referrer.artifact).filter(|_| statement.unreadable && document.is_none()) {
            document = Some(source.document(content, reader.context.limits)?);
        }
        let media_type = |document: &Verified| {
            let layer = referrer.artifact.content.iter().find(|layer| layer.digest == *document.digest());
            layer.map_or_else(|| OWN_TYPE.to_owned(), |layer| layer.media_type.to_string())
        };
        let content = document.iter().map(|document| Content::of(&media_type(document), document)).collect();
        let (artifact_type, annotations) = (referrer.artifact_type().to_owned(), referrer.artifact.annotations.clone());
        return Ok((NewReferrer { artifact_type, annotations, content }, document));
    }
    let draft = NewStatement {
        says: statement.record(),
        made: statement.made.time().unwrap_or(Moment::LAST).to_the_second(),
        sequence: 0,
        replaces: statement.replaces.clone(),
        cleared: statement.cleared.clone(),
        overrides: statement.overrides.clone(),
        issuer: statement.issuer.clone(),
        subject_created: subject.created(),
    };
    let profile = match &statement.convention {
        Convention::Microsoft => Profile::Microsoft,
        Convention::Vendor(name) => Profile::Vendor(name.clone()),
        Convention::Own | Convention::Other | Convention::Site(_) => Profile::Combined,
    };
    let (mut referrer, document) =
        author(&draft, &subject.descriptor, &profile).or_else(|_| author(&draft, &subject.descriptor, &Profile::Combined))?;
    if statement.made.time().is_none() {
        // What has no date gets none.
        referrer.annotations.remove(RECORDED);
        referrer.annotations.remove(annotation::CREATED);
        referrer.content.clear();
        return Ok((referrer, None));
    }
    Ok((referrer, document))
}
