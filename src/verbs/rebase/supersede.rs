//! Marks the old image as superseded by the new one, in the same exchange of the index as the new name.

use std::collections::BTreeMap;

use super::Plan;
use crate::core::fsys::shown;
use crate::core::{Code, Digest, Error, Fact, Result};
use crate::oci::Descriptor;
use crate::plan::lifecycle::convention::is_statement;
use crate::plan::lifecycle::field::{Field, Record, Value};
use crate::plan::lifecycle::time::Moment;
use crate::read::SourceKind;
use crate::read::referrers::{Lookup, Scope};
use crate::report::rebase::Superseded;
use crate::verbs::lifecycle::{Successor, superseding};
use crate::verbs::{Context, Opened, Output};

/// Adds the statements to the plan: on the old image and its platforms who follows them, and on the new image what stayed behind.
///
/// # Errors
/// `usage.output` if the new image does not go into the layout of the old one; those of reading the statements that are there.
pub(super) fn supersede(plan: &mut Plan, opened: &Opened, now: Moment, context: Context<'_>) -> Result<()> {
    let source = &opened.located.source;
    if let Some(output) = &plan.output
        && (*output != Output::Layout(source.path.clone()) || source.kind() != SourceKind::Layout)
    {
        return Err(Error::new(Code::UsageOutput, "--supersede marks the old image where the new one goes, and the old one is not there")
            .expected(Fact::new(source.shown(), "where the old image is"))
            .found(Fact::new(shown(output.path()), "where the new image goes"))
            .hint(
                "Add the result to that layout with --tag, or mark the old image afterwards: `airbase lifecycle supersede OLD --by NEW`.",
            ));
    }
    let Some(result) = plan.report.result.clone() else { return Ok(()) };
    let by_manifest: BTreeMap<Digest, Digest> = plan
        .report
        .platforms
        .iter()
        .filter_map(|platform| Some((platform.from.clone(), platform.manifest.clone()?)))
        .filter(|(from, to)| from != to)
        .collect();
    let by_platform: BTreeMap<String, Digest> = plan
        .report
        .platforms
        .iter()
        .filter_map(|platform| Some((platform.platform.as_ref()?.to_string(), platform.manifest.clone()?)))
        .collect();
    let successor = Successor { digest: result.digest.clone(), name: result.names.first().cloned(), by_manifest, by_platform };
    let left = left_behind(plan, opened, context);
    let new = Descriptor::plain(&result.media_type, &result.digest, result.size);
    let mut says = Record::from([(Field::Supersedes, Value::Digest(opened.located.descriptor.digest.clone()))]);
    if let Some(left) = left {
        says.insert(Field::Reason, Value::Text(left));
    }
    let making = superseding(opened, &successor, &new, says, now, context)?;
    plan.report.superseded = making
        .subjects
        .iter()
        .map(|stated| Superseded { digest: stated.digest.clone(), platform: stated.platform.clone(), statement: stated.statement.clone() })
        .collect();
    plan.report.findings.extend(making.findings.iter().cloned());
    plan.statements = making.into_cargo();
    Ok(())
}

/// What speaks of the bytes of the old image and therefore stays with it, for people.
fn left_behind(plan: &Plan, opened: &Opened, context: Context<'_>) -> Option<String> {
    let lookup = Lookup::new(&opened.located.source, Scope::Quick, context.limits);
    let mut left: Vec<String> = plan.report.left_behind.iter().map(|digest| format!("attestation {digest}")).collect();
    let images = opened.tree.images();
    let subjects = std::iter::once(opened.tree.descriptor()).chain(images.iter().map(|image| &image.descriptor));
    let mut seen = std::collections::BTreeSet::new();
    for subject in subjects.filter(|subject| seen.insert(subject.digest.clone())) {
        let found = lookup.of(subject).referrers;
        left.extend(
            found
                .iter()
                .filter(|referrer| !is_statement(referrer.artifact_type()))
                .map(|referrer| format!("{} {}", referrer.artifact_type(), referrer.descriptor.digest)),
        );
    }
    (!left.is_empty()).then(|| format!("what speaks of the bytes of the old image stays with it: {}", left.join(", ")))
}
