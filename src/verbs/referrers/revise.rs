//! From what shall hold for some subjects to the change of an index.

use std::path::Path;
use std::sync::Arc;

use crate::format::json::Excerpt;
use crate::foundation::{Finding, Result};
use crate::oci::Verified;
use crate::plan::referrers::{Listing, Lists, ReferrerChange, Rules, lists};
use crate::read::Source;
use crate::read::referrers::{Found, Lookup, Scope};
use crate::verbs::Context;
use crate::write::index_edit::EMPTY_INDEX;
use crate::write::{IndexEdit, Revision};

/// What the changes ask for in an index of this text. `known` are sources that may have read it.
///
/// # Errors
/// `referrer.fallback_tag`, and those of opening the layout.
pub(in crate::verbs) fn revision(
    path: &Path,
    text: &[u8],
    known: &[&Arc<Source>],
    changes: &[ReferrerChange],
    context: Context<'_>,
) -> Result<Revision> {
    // A layout that holds nothing may not even be there yet.
    let source = if text == EMPTY_INDEX.as_bytes() { None } else { Some(Source::with_index(path, text, known, context.limits)?) };
    let lookup = source.as_ref().map(|source| Lookup::new(source, Scope::Quick, context.limits));
    asked_of(changes, lookup.as_ref(), context)
}

/// What the changes ask for in a layout of which `lookup` knows who refers to what; without it, in one that lists nothing.
///
/// # Errors
/// `referrer.fallback_tag`.
pub(in crate::verbs) fn asked_of(changes: &[ReferrerChange], lookup: Option<&Lookup<'_>>, context: Context<'_>) -> Result<Revision> {
    let mut decided = decide(changes, &|change| lookup.map_or_else(Found::default, |lookup| lookup.of(&change.subject)), context)?;
    let edits = in_order(&decided).map(|listing| match listing.clone() {
        Listing::Put(descriptor) => IndexEdit::Put { name: None, descriptor: descriptor.into() },
        Listing::Tag(name, descriptor) => IndexEdit::Replace { name, descriptor },
        Listing::Remove(digest) => IndexEdit::Remove { digest },
    });
    let edits = edits.collect();
    let mut findings = findings(&mut decided);
    let unplaced = lookup.filter(|_| changes.iter().any(|change| !change.clean)).map(Lookup::unplaced_findings).unwrap_or_default();
    findings.extend(Finding::new_among(&findings, unplaced.into_iter().filter(Finding::is_unread).collect()));
    Ok(Revision { edits, documents: decided.into_iter().filter_map(|lists| lists.index).collect(), findings })
}

/// Entries and documents of an archive, which lists nothing before.
#[derive(Debug, Default)]
pub(in crate::verbs) struct Listed {
    /// Names and descriptors.
    pub(in crate::verbs) entries: Vec<(Option<String>, Excerpt)>,
    /// The indexes under fallback tags.
    pub(in crate::verbs) documents: Vec<Verified>,
    /// What a user should know of them.
    pub(in crate::verbs) findings: Vec<Finding>,
}

/// The lists of a new layout.
///
/// # Errors
/// None; nothing is there that could contradict.
pub(in crate::verbs) fn listed(changes: &[ReferrerChange], context: Context<'_>) -> Result<Listed> {
    let mut decided = decide(changes, &|_| Found::default(), context)?;
    let entries = in_order(&decided)
        .filter_map(|listing| match listing {
            Listing::Put(descriptor) => Some((None, descriptor.clone().into())),
            Listing::Tag(name, descriptor) => descriptor.clone().map(|descriptor| (Some(name.clone()), descriptor.into())),
            Listing::Remove(_) => None,
        })
        .collect();
    let findings = findings(&mut decided);
    Ok(Listed { entries, documents: decided.into_iter().filter_map(|lists| lists.index).collect(), findings })
}

fn decide(changes: &[ReferrerChange], found: &dyn Fn(&ReferrerChange) -> Found, context: Context<'_>) -> Result<Vec<Lists>> {
    let rules = Rules { conventions: context.conventions, limits: context.limits };
    changes.iter().map(|change| lists(change, &found(change), rules)).collect()
}

fn findings(decided: &mut [Lists]) -> Vec<Finding> {
    decided.iter_mut().flat_map(|lists| std::mem::take(&mut lists.findings)).collect()
}

/// Fallback tags stand before the entries without names, since those who take the first entry look for a name.
fn in_order(decided: &[Lists]) -> impl Iterator<Item = &Listing> {
    let tags = |wanted: bool| {
        let all = decided.iter().flat_map(|lists| &lists.listings);
        all.filter(move |listing| matches!(listing, Listing::Tag(..)) == wanted)
    };
    tags(true).chain(tags(false))
}
