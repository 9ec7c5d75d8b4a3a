//! What is said of the indexes above a platform, said of the platform itself: for a copy that leaves those indexes behind.

use std::sync::Arc;

use super::set::NewStatements;
use super::state::{Reader, Subject};
use crate::foundation::{Error, Result};
use crate::oci::{Verified, annotation};
use crate::plan::lifecycle::convention::{Convention, Extent, OWN_TYPE};
use crate::plan::lifecycle::held::Role;
use crate::plan::lifecycle::profile::{NewStatement, Profile, write as author};
use crate::plan::lifecycle::resolve::{Question, Said, resolve};
use crate::plan::lifecycle::statement::{RECORDED, Statement};
use crate::plan::lifecycle::time::Moment;
use crate::plan::referrers::{Content, Item, NewReferrer, ReferrerChange};
use crate::read::{Image, Source, Tree};
use crate::verbs::Context;

/// The statements to make on `image`, a platform of `tree`, and the documents of them: each with the date and the issuer of
/// the statement on the index that it repeats. Nothing, if all of it is said of the platform anyway.
///
/// # Errors
/// Those of statements.
pub(in crate::verbs) fn brought_down(
    source: &Arc<Source>,
    tree: &Tree,
    image: &Image,
    context: Context<'_>,
) -> Result<(Vec<Verified>, Vec<ReferrerChange>)> {
    // Whatever the clock says: what was said is brought along.
    let question = Question::from(Moment::LAST);
    let reader = Reader::everywhere(source, question.clone(), context);
    let mut subjects = reader.subjects(tree);
    let Some(position) = subjects.iter().position(|subject| subject.descriptor.digest == image.descriptor.digest) else {
        return Ok((Vec::new(), Vec::new()));
    };
    let mut subject = subjects.swap_remove(position);
    // In the copy no index leads to it.
    subject.child = false;
    let mut statements = NewStatements::new(question.now, None, None);
    let mut items = Vec::new();
    // What only the index lists has no place of its own where the index is not.
    for referrer in std::mem::take(&mut subject.beside) {
        statements.bring(source, &referrer, context)?;
        items.push(Item::from(&referrer));
    }
    let own = resolve(Said { statements: &subject.statements, declared: &subject.declared, unreadable: 0 }, &question);
    let is_strange = subject.above.iter().any(|statement| statement.unreadable);
    if is_strange || own.by_issuer != subject.resolution.by_issuer || own.ambiguous != subject.resolution.ambiguous {
        for statement in &subject.above {
            let role = subject.resolution.roles.get(&statement.digest);
            // What is not understood may say anything, there as here.
            if statement.unreadable || matches!(role, Some(Role::Speaks | Role::Adds | Role::Agrees | Role::Differs)) {
                let referrer = repeated(statement, &subject, &reader)?;
                items.push(statements.list(referrer, &subject.descriptor).1);
            }
        }
    }
    if items.is_empty() {
        return Ok((Vec::new(), Vec::new()));
    }
    statements.refer(&subject, items, Vec::new());
    Ok(statements.into_outgoing().into_documents())
}

/// The same statement on the platform. One that says only a part, or is not understood, is repeated word for word: none of ours would say
/// the same.
fn repeated(statement: &Statement, subject: &Subject<'_>, reader: &Reader<'_>) -> Result<(NewReferrer, Option<Verified>)> {
    if (statement.unreadable || statement.extent() == Extent::Part)
        && let Some(referrer) = reader.lookup().unlisted(&statement.digest)?
    {
        let document = reader.document(&referrer.artifact.content).map_err(|unread| Error::of(unread.finding))?;
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
