//! What is said of the indexes above a platform, said of the platform itself: for a copy that leaves those indexes behind.

use std::sync::Arc;

use super::set::NewStatements;
use super::state::Reader;
use crate::foundation::Result;
use crate::oci::{Verified, annotation};
use crate::plan::lifecycle::convention::Convention;
use crate::plan::lifecycle::held::Role;
use crate::plan::lifecycle::profile::{NewStatement, Profile, write as author};
use crate::plan::lifecycle::resolve::{Question, Said, resolve};
use crate::plan::lifecycle::statement::{RECORDED, Statement};
use crate::plan::lifecycle::time::Moment;
use crate::plan::referrers::{NewReferrer, ReferrerChange};
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
    let own = resolve(Said { statements: &subject.statements, declared: &subject.declared, unreadable: 0 }, &question);
    if own.by_issuer == subject.resolution.by_issuer && own.ambiguous == subject.resolution.ambiguous {
        return Ok((Vec::new(), Vec::new()));
    }
    // In the copy no index leads to it.
    subject.child = false;
    let mut statements = NewStatements::new(question.now, None, None);
    let mut items = Vec::new();
    for statement in &subject.above {
        let role = subject.resolution.roles.get(&statement.digest);
        if matches!(role, Some(Role::Speaks | Role::Adds | Role::Agrees | Role::Differs)) {
            let referrer = repeated(statement, &subject)?;
            items.push(statements.list(referrer, &subject.descriptor).1);
        }
    }
    statements.refer(&subject, items, Vec::new());
    Ok(statements.into_outgoing().into_documents())
}

/// The same statement on the platform.
fn repeated(statement: &Statement, subject: &super::state::Subject<'_>) -> Result<(NewReferrer, Option<Verified>)> {
    let draft = NewStatement {
        says: statement.record(),
        made: statement.made.time().unwrap_or(Moment::LAST).to_the_second(),
        sequence: 0,
        replaces: Vec::new(),
        cleared: statement.cleared.clone(),
        overrides: Vec::new(),
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
