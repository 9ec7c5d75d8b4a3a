//! A gate over many images, and an inventory of them.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use super::inherited::{Below, Inheritance, earliest_end};
use super::reader::Reader;
use super::show::subject_report;
use super::stated::Speaking;
use super::subject::{Level, Subject, created_of_index};
use crate::foundation::{Code, Digest, Error, Fact, Finding, Result, Severity, text};
use crate::oci::Platforms;
use crate::plan::lifecycle::policy::{Asked, Deny, Policy, Verdict, evaluate};
use crate::plan::lifecycle::resolve::Question;
use crate::read::{Child, ImageIndex, Located, Source, Tree, collections, load};
use crate::report::lifecycle::check::{CheckReport, InventoryItem, InventoryReport, Judged};
use crate::verbs::base::Listed;
use crate::verbs::{Context, Places};

/// What is asked for.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "cli", derive(clap::Args))]
pub struct Check {
    /// Where images lie: layouts, archives, folders of them, or references.
    #[cfg_attr(feature = "cli", arg(required = true, value_name = "PATH"))]
    pub paths: Vec<String>,
    /// Where bases lie.
    #[cfg_attr(feature = "cli", command(flatten))]
    pub places: Places,
    /// As of when, and whose word counts.
    #[cfg_attr(feature = "cli", arg(skip = Question::from(super::words::present())))]
    pub question: Question,
}

/// Asks the gate about every image below the paths and about each of its platforms.
///
/// # Errors
/// `usage.argument` for a question about bases without any; those of paths that cannot be opened. An image that cannot be read is a finding.
pub fn check(query: &Check, policy: &Policy, context: Context<'_>) -> Result<CheckReport> {
    if policy.deny.contains(&Deny::BaseEndOfLife) && query.places.bases.is_empty() {
        // Where no base was looked at, an image that says nothing of one would pass.
        return Err(Error::new(Code::UsageArgument, "whether the life of a base has ended is asked of the bases that are there")
            .expected(Fact::new("--bases PATH, AIRBASE_BASES, or bases in a file of settings", "airbase"))
            .found(Fact::new("base-end-of-life without bases", "the command line"))
            .hint("If the bases are beside the images, name that place with --bases too."));
    }
    let mut report = CheckReport {
        at: query.question.now,
        deny: policy.deny.clone(),
        grace: policy.grace.seconds(),
        items: Vec::new(),
        checked: 0,
        denied: 0,
        in_grace: 0,
        unknown: 0,
        authenticated: false,
        findings: Vec::new(),
    };
    let mut platforms = Platforms::default();
    let mut doubts = Vec::new();
    let mut findings = each_subject(query, context, &mut |located, subject, below| {
        let bases = &below.bases;
        if below.is_unknown && policy.deny.contains(&Deny::BaseEndOfLife) {
            let message = "it is not known which image its base is, and whether the life of that has ended";
            doubts.push(Finding::new(Code::BaseUnknown, message).severity(Severity::Warning).at(located.shown()).hint(format!(
                "`airbase base show {}@{} --bases PATH` tells what speaks for which.",
                located.source.shown(),
                subject.descriptor.digest
            )));
        }
        let asked = Asked {
            resolution: &subject.resolution,
            base_end: earliest_end(bases),
            base_unreadable: below.is_unknown || bases.iter().any(|base| base.resolution.unreadable > 0),
            listed: subject.listed,
            now: query.question.now,
        };
        let Verdict { mut denied, in_grace, unknown } = evaluate(policy, asked);
        // An index of which nobody speaks is what its platforms are, and a collection what its members are.
        let has_others = subject.index.is_some_and(|index| index.descendants().any(|child| child.image().is_some()));
        let is_silent = has_others && subject.resolution.speaker().is_none() && subject.resolution.standing.is_none();
        denied.retain(|reason| !is_silent || !matches!(reason.deny, Deny::Unknown | Deny::Unlisted));
        let unknown = unknown && !is_silent;
        report.checked += 1;
        report.denied += usize::from(!denied.is_empty());
        report.in_grace += usize::from(denied.is_empty() && !in_grace.is_empty());
        report.unknown += usize::from(unknown);
        if unknown || !denied.is_empty() || !in_grace.is_empty() {
            report.items.push(Judged {
                image: located.shown(),
                subject: subject_report(subject, bases, query.question.now, &mut platforms),
                denied,
                in_grace,
            });
        }
    })?;
    // An entry that cannot be verified may be an image, of which nothing is known then.
    let unverifiable = findings.iter().filter(|finding| finding.code == Code::DigestAlgorithmUnknown).count();
    report.checked += unverifiable;
    report.unknown += unverifiable;
    findings.append(&mut doubts);
    report.findings = findings;
    Ok(report)
}

/// Every image below the paths and each of its platforms, with what holds of it.
///
/// # Errors
/// Those of paths that cannot be opened; an image that cannot be read is a finding.
pub fn report(query: &Check, context: Context<'_>) -> Result<InventoryReport> {
    let mut report = InventoryReport { at: query.question.now, items: Vec::new(), findings: Vec::new() };
    let mut platforms = Platforms::default();
    report.findings = each_subject(query, context, &mut |located, subject, below| {
        let subject = subject_report(subject, &below.bases, query.question.now, &mut platforms);
        report.items.push(InventoryItem { image: located.shown(), subject });
    })?;
    Ok(report)
}

/// An index and those within it.
fn indexes(index: &ImageIndex) -> impl Iterator<Item = &ImageIndex> {
    let inner = index.descendants().filter_map(|child| if let Child::Index(inner) = child { Some(&**inner) } else { None });
    std::iter::once(index).chain(inner)
}

type Visit<'v> = dyn FnMut(&Located, &Subject<'_>, &Below) + 'v;

/// Calls `visit` for every index and every platform, once in each source.
fn each_subject(query: &Check, context: Context<'_>, visit: &mut Visit<'_>) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    // With the images that were asked about: one that several names lead to is asked about once.
    let mut readers: HashMap<PathBuf, (Reader<'_>, HashSet<Digest>)> = HashMap::new();
    let listed = Listed::of(&query.paths, context, &mut findings)?;
    // A statement may lie in another of these places than its image.
    let elsewhere = if listed.sources.len() > 1 { Speaking::of(&listed.sources, context) } else { Speaking::default() };
    let sources = listed.sources.clone();
    let mut inheritance = Inheritance::new(&query.places, &listed.sources, query.question.clone(), context)?;
    let mut spoken = Vec::new();
    let mut silent: BTreeSet<&String> = query.question.issuers.iter().collect();
    let whole = listed.whole();
    let mut look = |located: &Located, tree: &Tree| {
        let open = |source: &Arc<Source>| (Reader::everywhere(source, query.question.clone(), context), HashSet::new());
        let path = &located.source.path;
        let (reader, _) = readers.entry(path.clone()).or_insert_with(|| open(&located.source));
        let index = match tree {
            Tree::Index(index) => Some(&**index),
            _ => None,
        };
        let mut subjects = reader.with_members(tree);
        subjects.extend(reader.missing(tree));
        // What another place says of an index holds for what is below it here.
        let mut heard: Vec<(BTreeSet<Digest>, Level)> = Vec::new();
        for inner in index.into_iter().flat_map(indexes) {
            let others = elsewhere.of_digest(&inner.descriptor.digest).filter_map(|number| sources.get(number));
            for other in others.filter(|other| other.path != *path) {
                let (reader, _) = readers.entry(other.path.clone()).or_insert_with(|| open(other));
                let below = inner.descendants().map(|child| child.descriptor().digest.clone()).collect();
                heard.push((below, reader.level(&inner.descriptor, &created_of_index(inner))));
            }
        }
        for mut subject in subjects {
            if !readers.get_mut(path).is_some_and(|(_, asked)| asked.insert(subject.descriptor.digest.clone())) {
                continue;
            }
            let descriptor = subject.descriptor.clone();
            let others = elsewhere.of_digest(&descriptor.digest).filter_map(|number| sources.get(number));
            for other in others.filter(|other| other.path != *path) {
                let (reader, _) = readers.entry(other.path.clone()).or_insert_with(|| open(other));
                let created: Vec<String> = subject.created().into_iter().collect();
                subject.hear(reader.level(&descriptor, &created), &query.question);
            }
            for (_, level) in heard.iter().filter(|(below, _)| below.contains(&descriptor.digest)) {
                subject.hear_from_above(level, &query.question);
            }
            let said = subject.statements.iter().chain(&subject.above);
            silent.retain(|asked| said.clone().all(|statement| statement.issuer.as_ref() != Some(*asked)));
            let below = inheritance.below(&mut subject, index)?;
            // A collection runs nowhere: of one that nothing speaks of there is nothing to know.
            let is_silent = || subject.statements.is_empty() && subject.unreadable == 0;
            if matches!(tree, Tree::Collection(_)) && subject.descriptor.digest == located.descriptor.digest && is_silent() {
                continue;
            }
            visit(located, &subject, &below);
            spoken.append(&mut subject.findings);
        }
        Ok(Vec::new())
    };
    listed.each_image(context, &mut findings, |_| true, &mut look);
    // Collections have no entries of images, and are said to be withdrawn as images are.
    for source in &whole {
        for located in collections(source, context.limits) {
            match load(source, &located.descriptor, context.limits).and_then(|tree| look(&located, &tree)) {
                Ok(more) => findings.extend(more),
                Err(error) => findings.push(error.at(located.shown()).into()),
            }
        }
    }
    // What cannot be read is met once for an index and once for each of its platforms.
    let mut told = HashSet::new();
    spoken.retain(|finding| told.insert(finding.clone()));
    findings.extend(spoken);
    findings.extend(
        silent
            .into_iter()
            .map(|issuer| Finding::new(Code::LifecycleIssuerUnknown, format!("no statement that was read is by {}", text::escape(issuer)))),
    );
    let unplaced = readers.values().flat_map(|(reader, _)| reader.unplaced()).collect();
    findings.extend(Finding::new_among(&findings, unplaced));
    findings.extend(Finding::new_among(&findings, elsewhere.unread));
    let unread = inheritance.findings(&findings)?;
    findings.extend(unread);
    Ok(findings)
}
