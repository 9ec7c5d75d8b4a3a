//! Marks the old image as superseded by the new one, in the same exchange of the index as the new name.

use std::collections::BTreeMap;

use super::{Plan, virtual_image};
use crate::foundation::fsys::shown;
use crate::foundation::{Code, Digest, Error, Fact, Result};
use crate::read::SourceKind;
use crate::report::rebase::Superseded;
use crate::verbs::lifecycle::{Reader, Successor, Taking, superseding};
use crate::verbs::{Context, Opened, Output};

/// Adds the statements to the plan: on the old image and its platforms who follows them, and on the new image what stayed behind.
///
/// # Errors
/// `usage.output` if the new image does not go into the layout of the old one; those of reading the statements that are there.
pub(super) fn supersede(plan: &mut Plan, opened: &Opened, taking: &Taking, context: Context<'_>) -> Result<()> {
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
    let tree = virtual_image(plan, &opened.located, context)?.tree;
    let name = result.names.first().cloned();
    let reader = Reader::of_tree(source, &opened.tree, taking.now, context);
    let successor = Successor { tree: &tree, name, by_manifest, by_platform, more: taking.more() };
    let statements = superseding(&reader, &opened.tree, &successor)?;
    plan.report.superseded = statements.subjects.iter().map(Superseded::of).collect();
    plan.report.findings.extend(statements.findings.iter().cloned());
    plan.statements = statements.into_outgoing();
    Ok(())
}
