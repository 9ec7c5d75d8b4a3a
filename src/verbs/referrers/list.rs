//! Shows who refers to an image, as deep as it goes.

use std::collections::HashSet;

use super::subjects;
use crate::foundation::{Code, Digest, Error, Finding, Result, TypedDigest};
use crate::oci::{Artifact, Descriptor, Platform};
use crate::read::referrers::{FoundBy, Lookup, Referrer, Scope};
use crate::read::{Child, Reference, Tree, open_reference};
use crate::report::referrers::{Class, Node, Of, ReferrersReport};
use crate::verbs::lifecycle::Strange;
use crate::verbs::{Context, Opened, open};

/// What is asked for.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "cli", derive(clap::Args))]
pub struct Query {
    /// The image, or something that refers to one.
    #[cfg_attr(feature = "cli", arg(value_name = "REF"))]
    pub image: String,
    /// Only referrers of this artifact type.
    #[cfg_attr(feature = "cli", arg(long = "type", value_name = "TYPE"))]
    pub types: Vec<String>,
    /// Show the referrers of referrers too.
    #[cfg_attr(feature = "cli", arg(long))]
    pub tree: bool,
    /// One platform only: OS/ARCHITECTURE[/VARIANT].
    #[cfg_attr(feature = "cli", arg(long, value_name = "PLATFORM"))]
    pub platform: Option<Platform>,
}

/// Lists them: of the index and of each platform, and of each referrer its own. Of a digest that is not here any more it lists who
/// still refers to it.
///
/// # Errors
/// Those of references and documents.
pub fn referrers(query: &Query, context: Context<'_>) -> Result<ReferrersReport> {
    let opened = match open(&query.image, context) {
        Err(error) if error.code() == Code::RefNotFound => return dangling(query, error, context),
        other => other?,
    };
    let source = &opened.located.source;
    let lookup = Lookup::new(source, Scope::Usual, context.limits);
    let mut report = ReferrersReport {
        image: opened.located.shown(),
        tree: query.tree,
        filtered: !query.types.is_empty(),
        subjects: Vec::new(),
        findings: Vec::new(),
    };
    let mut odd = Vec::new();
    let mut all = subjects(&opened.tree);
    if query.platform.is_some() {
        let digest = opened.image(query.platform.as_ref())?.descriptor.digest.clone();
        all.retain(|subject| subject.descriptor.digest == digest);
    }
    for subject in all {
        let mut path = HashSet::new();
        let mut nodes = below(&subject.descriptor, &lookup, &mut path, &mut report);
        nodes.extend(embedded(&opened, &subject.descriptor.digest, context, &mut odd));
        nodes.retain(|node| query.types.is_empty() || query.types.contains(&node.artifact_type));
        report.subjects.push(Of {
            digest: subject.descriptor.digest.clone(),
            platform: subject.descriptor.platform.clone().map(|platform| *platform),
            referrers: nodes,
        });
    }
    // Each subject asks for all that is beside it.
    odd.dedup();
    report.findings.extend(odd);
    report.findings.extend(lookup.unplaced_findings());
    let strange = Strange::of(source, context.conventions);
    let is_of = |strange: &&Strange| report.subjects.iter().any(|subject| strange.may_be_of(&subject.digest));
    let strange: Vec<Finding> = strange.iter().filter(is_of).map(|strange| strange.finding().clone()).collect();
    report.findings.extend(strange);
    Ok(report)
}

/// Who refers to a digest that is not here; `error` if nobody does.
fn dangling(query: &Query, error: Error, context: Context<'_>) -> Result<ReferrersReport> {
    let reference = Reference::existing(&query.image)?;
    let Some(TypedDigest::Whole(digest)) = reference.digest.clone().filter(|_| query.platform.is_none()) else { return Err(error) };
    let source = open_reference(&reference, context.limits)?;
    let lookup = Lookup::new(&source, Scope::Usual, context.limits);
    let described = lookup.of_digest(&digest).referrers.into_iter().find_map(|referrer| referrer.artifact.subject);
    let Some(subject) = described else { return Err(error) };
    let image = format!("{}@{digest}", source.shown());
    let mut report =
        ReferrersReport { image, tree: query.tree, filtered: !query.types.is_empty(), subjects: Vec::new(), findings: Vec::new() };
    let mut nodes = below(&subject, &lookup, &mut HashSet::new(), &mut report);
    nodes.retain(|node| query.types.is_empty() || query.types.contains(&node.artifact_type));
    for node in &mut nodes {
        node.class = Class::Dangling;
    }
    report.subjects.push(Of { digest, platform: None, referrers: nodes });
    report.findings.extend(lookup.unplaced_findings());
    Ok(report)
}

/// The referrers of `subject` and theirs. A digest that names itself further up cannot be, short of a broken hash; the set of
/// those on the way down makes sure of it.
fn below(subject: &Descriptor, lookup: &Lookup<'_>, path: &mut HashSet<Digest>, report: &mut ReferrersReport) -> Vec<Node> {
    if !path.insert(subject.digest.clone()) {
        return Vec::new();
    }
    let found = lookup.of(subject);
    report.findings.extend(found.findings);
    let mut nodes = Vec::new();
    for referrer in found.referrers {
        let referrers = below(&referrer.descriptor, lookup, path, report);
        report.findings.extend(referrer.findings.iter().cloned());
        nodes.push(node(referrer, referrers));
    }
    path.remove(&subject.digest);
    nodes
}

fn node(referrer: Referrer, referrers: Vec<Node>) -> Node {
    Node {
        class: if referrer.listed.names.is_empty() { Class::Attached } else { Class::Named },
        artifact_type: referrer.artifact_type().to_owned(),
        media_type: referrer.artifact.media_type.clone(),
        found_by: referrer.found_by(),
        entry: referrer.listed.entry,
        fallback_tag: referrer.listed.fallback,
        names: referrer.listed.names,
        size: referrer.artifact.content.iter().fold(0, |sum, blob| sum.saturating_add(blob.size)),
        digest: referrer.descriptor.digest.clone(),
        annotations: referrer.artifact.annotations,
        referrers,
    }
}

/// Children of the index that say of another child that they refer to it: the attestations of BuildKit, in their old form by an
/// annotation, in their new one by a subject.
fn embedded(opened: &Opened, subject: &Digest, context: Context<'_>, findings: &mut Vec<Finding>) -> Vec<Node> {
    let mut nodes = Vec::new();
    let Tree::Index(index) = &opened.tree else { return nodes };
    for child in index.descendants() {
        let (Child::Attestation(descriptor) | Child::Other(descriptor)) = child else { continue };
        let document = index.source.document(descriptor, context.limits);
        let artifact = match document.and_then(|document| Artifact::parse(&document, &descriptor.media_type, context.limits)) {
            Ok(artifact) => artifact,
            // A platform's statement that was not copied along is as usual as a platform that was not.
            Err(error) if error.code() == Code::BlobMissing => continue,
            Err(error) => {
                findings.push(error.into_finding().at(&descriptor.digest));
                continue;
            }
        };
        let marked = descriptor.annotations.get(crate::oci::annotation::DOCKER_REFERENCE_DIGEST);
        let refers = artifact.subject.as_ref().is_some_and(|own| own.digest == *subject)
            || marked.is_some_and(|marked| *marked == subject.to_string());
        if !refers {
            continue;
        }
        nodes.push(Node {
            digest: descriptor.digest.clone(),
            artifact_type: artifact.artifact_type.clone().unwrap_or_else(|| artifact.media_type.clone()),
            media_type: artifact.media_type.clone(),
            class: Class::Embedded,
            found_by: FoundBy::Index,
            entry: false,
            fallback_tag: false,
            names: Vec::new(),
            size: artifact.content.iter().fold(0, |sum, blob| sum.saturating_add(blob.size)),
            annotations: artifact.annotations,
            referrers: Vec::new(),
        });
    }
    nodes
}
