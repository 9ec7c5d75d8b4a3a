//! Whose base has moved on.

use std::collections::BTreeSet;

use super::Context;
use super::base::{each_image, has_images, show_image};
use super::bases::{Bases, Followed, candidate};
use crate::core::{Code, Digest, Result};
use crate::plan::base::{Clue, claims};
use crate::read::{Image, ImageIndex, Located, Tree};
use crate::report::base::EvidenceReport;
use crate::report::outdated::{Item, OutdatedReport, Standing};

/// Compares every image below `paths` with what the name of its base means now among `bases`.
///
/// # Errors
/// Those of paths that cannot be opened; an image that cannot be read is a finding.
pub fn outdated(paths: &[String], bases: &[String], map: &[String], context: Context<'_>) -> Result<OutdatedReport> {
    let known = Bases::open(bases, map, context)?;
    let mut report = OutdatedReport { items: Vec::new(), current: 0, outdated: 0, bases: 0, unknown: 0, findings: known.findings.clone() };
    let mut findings = Vec::new();
    let mut seen = std::collections::BTreeSet::new();
    each_image(paths, context, &mut findings, has_images, &mut |located, tree| {
        let index = match tree {
            Tree::Index(index) => Some(&**index),
            _ => None,
        };
        for image in tree.images() {
            // One image under two names is judged once.
            if seen.insert((located.source.path.clone(), located.descriptor.digest.clone(), image.descriptor.digest.clone())) {
                report.items.push(judge(located, image, index, &known)?);
            }
        }
        Ok(Vec::new())
    })?;
    findings.extend(known.catalogue()?.findings.iter().cloned());
    report.findings.extend(findings);
    // An image that others stand on, or should stand on, and that itself names no base and has none here, is the ground. One that
    // nobody stands on may be an app whose base is missing: that stays unknown.
    let ground: BTreeSet<Digest> =
        report.items.iter().flat_map(|item| [item.base_manifest.clone(), item.newer_manifest.clone()]).flatten().collect();
    // Of an index, all platforms count as one: not every app has all of them.
    let ground: BTreeSet<Digest> =
        report.items.iter().filter(|item| ground.contains(&item.manifest)).map(|item| item.digest.clone()).collect();
    for item in &mut report.items {
        if item.standing == Standing::Unknown && item.base_manifest.is_none() && item.base_name.is_none() && ground.contains(&item.digest) {
            item.standing = Standing::Base;
            item.reason = None;
        }
    }
    for item in &report.items {
        match item.standing {
            Standing::Current => report.current += 1,
            Standing::Outdated => report.outdated += 1,
            Standing::Base => report.bases += 1,
            Standing::Unknown => report.unknown += 1,
        }
    }
    Ok(report)
}

fn judge(located: &Located, image: &Image, index: Option<&ImageIndex>, bases: &Bases) -> Result<Item> {
    let mut item = Item {
        image: located.shown(),
        digest: located.descriptor.digest.clone(),
        manifest: image.descriptor.digest.clone(),
        platform: image.platform().cloned(),
        standing: Standing::Unknown,
        base_name: None,
        base_manifest: None,
        newer_manifest: None,
        newer_reference: None,
        reason: None,
    };
    let (shown, old) = show_image(image, index, bases)?;
    item.base_manifest.clone_from(&shown.base_manifest);
    let built_on = || {
        let proven =
            |one: &&EvidenceReport| one.clue == Clue::Provenance && one.manifest == item.base_manifest && item.base_manifest.is_some();
        shown.evidence.iter().find(proven).and_then(|one| one.name.clone())
    };
    let claimed = claims(image, index).into_iter().find_map(|claim| claim.name).or_else(built_on);
    let (name, newer, tree) = match bases.follow(claimed.as_deref(), old.as_ref()) {
        Ok(Followed::Found { name, located, tree }) => (name, located, tree),
        Ok(Followed::NotHere(name)) => {
            item.reason = Some(format!("no local image is called {name}"));
            item.base_name = Some(name);
            return Ok(item);
        }
        Ok(Followed::NoName) => {
            item.reason = Some(
                if item.base_manifest.is_some() {
                    "its base has no name to look for"
                } else {
                    "no local image is its base, and it names none"
                }
                .to_owned(),
            );
            return Ok(item);
        }
        Err(error) if error.code() == Code::BaseAmbiguous => {
            item.reason = Some(error.finding().message.clone());
            item.base_name = claimed;
            return Ok(item);
        }
        Err(error) => return Err(error),
    };
    item.base_name = Some(name);
    let Some(candidate) = candidate(image, &newer, &tree) else {
        item.reason = Some(format!("{} has no such platform", newer.shown()));
        return Ok(item);
    };
    item.newer_manifest = Some(candidate.image.descriptor.digest.clone());
    item.newer_reference = Some(newer.shown());
    item.standing = match &item.base_manifest {
        Some(base) if *base == candidate.image.descriptor.digest => Standing::Current,
        Some(_) => Standing::Outdated,
        None => {
            let reason =
                shown.findings.iter().find(|finding| finding.code != Code::ImagePlatformMismatch).map(|finding| finding.message.clone());
            item.reason = Some(reason.unwrap_or_else(|| "the base is not proven".to_owned()));
            Standing::Unknown
        }
    };
    Ok(item)
}
