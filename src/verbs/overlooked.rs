//! What a verb that asks about every image does not look at, and who has to know.

use std::collections::HashSet;

use super::bases::tree_index;
use super::{Context, Opened};
use crate::foundation::{Code, Digest, Fact, Finding, Severity, text};
use crate::oci::{Descriptor, Manifest, media_type};
use crate::read::referrers::lists_referrers_of;
use crate::read::{Child, ImageIndex, Located, Source, Tree, is_called_referrer, nothing};

/// That a source lists nothing: its index may have been cut short, and no source beside it answers for it.
pub(super) fn lists_nothing(source: &Source, context: Context<'_>) -> Option<Finding> {
    let is_empty = source.index.manifests.is_empty() && source.index.unverifiable().next().is_none();
    is_empty.then(|| context.nothing(nothing(&source.shown())))
}

/// Whether it is something that refers to images, or a list of such: its entry says so, or has no name, and its documents do.
pub(super) fn belongs_to_another(located: &Located, tree: &Tree, context: Context<'_>) -> bool {
    let is_list = || lists_referrers_of(&located.source, &located.descriptor, context.limits).is_some();
    let may_be_image = |manifest: &Manifest| manifest.subject.is_none() && manifest.may_run();
    match tree {
        Tree::Artifact { manifest, .. } => located.name.is_none() || is_called_referrer(&located.descriptor) && !may_be_image(manifest),
        _ => located.name.is_none() && tree.index().is_some() && tree.images().is_empty() && is_list(),
    }
}

/// Whether the platforms of an index are all in another place.
pub(super) fn is_all_elsewhere(tree: &Tree) -> bool {
    let Tree::Index(index) = tree else { return false };
    index.images().is_empty() && index.missing().next().is_some()
}

/// What an index lists and is not here.
fn sparse(index: &ImageIndex, located: &Located) -> Option<Finding> {
    let missing: Vec<&Descriptor> = index.missing().collect();
    if missing.is_empty() {
        return None;
    }
    let here = index.images().len();
    let all = here + missing.len();
    let verb = if here == 1 || all == 1 { "is" } else { "are" };
    let message = format!("{here} of {} {verb} here", text::count(all, "platform"));
    let finding = Finding::new(Code::ImageSparse, message).severity(Severity::Warning).at(located.shown());
    let told = |finding: Finding, entry: &&Descriptor| finding.detail(format!("not here, and not looked at: {}", listed(entry)));
    Some(missing.iter().fold(finding, told))
}

/// The same of an image that was opened. What is attached to platforms is no platform.
pub(super) fn not_here(opened: &Opened) -> Option<Finding> {
    let index = tree_index(&opened.tree)?;
    let is_platform =
        |entry: &Descriptor| !entry.is_attestation() && !entry.platform.as_ref().is_some_and(|platform| platform.is_unknown());
    index.missing().any(is_platform).then(|| sparse(index, &opened.located))?
}

/// What nobody looks at: what an index lists and is not here or not understood, and images that are not taken for one by the entry that
/// leads to them. An answer about the others is none about these.
pub(super) fn overlooked(located: &Located, tree: &Tree, counts: bool) -> Vec<Finding> {
    let index = match tree {
        Tree::Index(index) => index,
        Tree::Collection(index) if !counts => {
            // They are judged where they have entries of their own.
            let listed: HashSet<&Digest> = located.source.index.manifests.iter().map(|entry| &entry.digest).collect();
            let members = index.children.iter().filter(|child| !matches!(child, Child::Attestation(_) | Child::Other(_)));
            let alone = members.map(Child::descriptor).filter(|member| !listed.contains(&member.digest));
            return members_alone(alone.map(|member| &member.digest).collect(), located).into_iter().collect();
        }
        // What refers to others is no image; told where it has the config of one.
        Tree::Artifact { manifest, .. }
            if !counts && located.name.is_some() && manifest.subject.is_some() && has_config_of_image(manifest) =>
        {
            let finding =
                Finding::new(Code::NotAnImage, "it has the config of an image and refers to another one, so it was not judged as an image");
            return vec![finding.severity(Severity::Warning).at(located.shown())];
        }
        Tree::Artifact { manifest, .. } if !counts && located.name.is_some() && manifest.subject.is_none() && manifest.may_run() => {
            let finding =
                Finding::new(Code::NotAnImage, "it has the layers of an image and is called something else, so it was not judged");
            let kind = Fact::new(text::escape(manifest.effective_artifact_type()), "the manifest");
            return vec![finding.severity(Severity::Damage).at(located.shown()).found(kind)];
        }
        _ => return Vec::new(),
    };
    if !counts && located.name.is_some() && index.children.is_empty() {
        let finding = Finding::new(Code::NotAnImage, "the index lists nothing, so it is not known what the name means");
        return vec![finding.severity(Severity::Damage).at(located.shown())];
    }
    let mut findings: Vec<Finding> = sparse(index, located).into_iter().collect();
    for child in index.descendants().map(Child::descriptor).filter(|entry| !entry.is_index() && !entry.is_manifest()) {
        let finding = Finding::new(Code::DocMediaTypeUnknown, "an index lists something that is not understood, and it was not looked at");
        let finding = finding.severity(Severity::Warning).at(located.shown());
        findings.push(finding.found(Fact::new(&child.media_type, listed(child))));
    }
    findings
}

/// Members of a collection that no entry leads to.
fn members_alone(members: Vec<&Digest>, located: &Located) -> Option<Finding> {
    const LISTED: usize = 12;
    let more = members.len().saturating_sub(LISTED);
    let finding = Finding::new(Code::NotAnImage, "members of a collection have no entry of their own, and were not judged");
    let finding = members.iter().take(LISTED).fold(finding, Finding::detail);
    let finding = if more > 0 { finding.detail(format!("and {more} more")) } else { finding };
    (!members.is_empty()).then(|| finding.severity(Severity::Warning).at(located.shown()))
}

fn has_config_of_image(manifest: &Manifest) -> bool {
    manifest.artifact_type.is_none() && media_type::is_image_config(&manifest.config.media_type)
}

/// The platform and the digest of an entry of an index.
fn listed(entry: &Descriptor) -> String {
    match &entry.platform {
        Some(platform) => format!("{platform}, {}", entry.digest),
        None => entry.digest.to_string(),
    }
}
