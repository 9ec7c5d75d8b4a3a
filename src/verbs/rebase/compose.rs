//! The decided platforms put together: the documents of the result, and the blobs that it needs.

use std::sync::Arc;

use super::decide::Platformed;
use super::describe::{reported, skipped};
use super::{MissingPlatform, Plan, Request};
use crate::core::{Code, Digest, Error, Fact, Finding, Limits, Result};
use crate::oci::{Descriptor, annotation};
use crate::plan::annotate::{Authored, replaced};
use crate::plan::base;
use crate::plan::rebase::Preferences;
use crate::plan::rebase::image::{Entry, Input, Moved, Options, moved_entry, rebase_image, rebase_index};
use crate::read::{Child, Image, ImageIndex};
use crate::report::rebase::{OutputReport, RebaseReport, ResultReport, Status};
use crate::verbs::narrow::Selection;
use crate::verbs::output::{Cargo, Form, Output, under_names_of};
use crate::verbs::{Context, Opened};

/// Puts the decided platforms together.
pub(in crate::verbs) fn compose<'a>(
    request: &Request,
    opened: &'a Opened,
    selection: &Selection<'a>,
    index: Option<&'a ImageIndex>,
    decided: Vec<(&'a Image, Option<Platformed<'a>>)>,
    findings: Vec<Finding>,
    context: Context<'_>,
) -> Result<Plan> {
    let limits = context.limits;
    let preferences = Preferences::parse(&request.prefer)?;
    let mut plan = Plan {
        report: RebaseReport {
            image: opened.located.shown(),
            digest: opened.located.descriptor.digest.clone(),
            status: Status::Planned,
            platforms: Vec::new(),
            verdict: None,
            patched: None,
            result: None,
            output: None,
            findings: findings.into_iter().chain(opened.located.source.container().findings()).chain(selection.findings.clone()).collect(),
            left_behind: Vec::new(),
            superseded: Vec::new(),
            taken: Vec::new(),
            written: None,
        },
        documents: Vec::new(),
        kept: Vec::new(),
        blobs: Vec::new(),
        inputs: Vec::new(),
        sources: vec![Arc::clone(&opened.located.source)],
        entries: Vec::new(),
        statements: Cargo::default(),
        output: request.output.clone(),
        mtime: request.mtime,
    };
    let current = is_current(&decided);
    let mut moved: Vec<(Digest, Option<Moved>)> = Vec::new();
    let mut top_options: Option<Options> = None;
    for (image, platformed) in &decided {
        let Some(platformed) = platformed else {
            plan.report.platforms.push(skipped(image, request.on_missing_platform));
            moved.push((image.descriptor.digest.clone(), None));
            continue;
        };
        let (result, options) = self::moved(request, &preferences, platformed, index, limits)?;
        plan.report.platforms.push(reported(platformed, &result, &options));
        top_options = Some(match top_options {
            Some(top) => top.in_common(&options),
            None => options,
        });
        collect(&mut plan, platformed, &result);
        moved.push((image.descriptor.digest.clone(), Some(result)));
    }
    if current {
        plan.report.status = Status::Current;
        plan.output = None;
        plan.documents.clear();
        plan.blobs.clear();
        return Ok(plan);
    }
    plan.report.judge(request.verdict.strictness);
    let Some(options) = top_options else {
        return Err(Error::new(Code::PlatformMissing, "the new base has none of the platforms of the image").at(opened.located.shown()));
    };
    let top = match (index, selection.alone) {
        (Some(index), false) => assemble(index, &moved, &options, request.on_missing_platform, &mut plan, context)?,
        _ => moved
            .iter()
            .find_map(|(_, moved)| moved.as_ref())
            .map(|moved| moved.manifest.clone())
            .ok_or_else(|| Error::new(Code::Bug, "nothing was moved"))?,
    };
    let descriptor = top.descriptor();
    let names: Vec<Option<String>> =
        if request.names.is_empty() { vec![opened.located.result_name()] } else { request.names.iter().cloned().map(Some).collect() };
    // What the entry of index.json says beside type, digest and size still holds, unless it was of another document.
    plan.report.findings.extend(selection.told(&descriptor.digest, &opened.located));
    let entry = match (index, selection.alone) {
        (Some(_), true) => under_names_of(&descriptor, &opened.located.descriptor, limits)?.raw.to_string(),
        (Some(_), false) => replaced(&opened.located.descriptor, &top, limits)?.render(),
        (None, _) => {
            let os_version = moved.iter().find_map(|(_, moved)| moved.as_ref()).and_then(|moved| moved.os_version.as_deref());
            moved_entry(&opened.located.descriptor, &top, os_version, limits)?.render()
        }
    };
    plan.entries = names.iter().map(|name| (name.clone(), entry.clone())).collect();
    plan.report.result = Some(ResultReport {
        digest: descriptor.digest.clone(),
        media_type: descriptor.media_type.to_string(),
        size: descriptor.size,
        names: names.into_iter().flatten().collect(),
    });
    plan.report.output = request
        .output
        .as_ref()
        .map(|output| OutputReport { kind: output.kind().to_owned(), path: crate::core::fsys::shown(output.path()) });
    Ok(plan)
}

/// Whether every platform is based on its new base already.
pub(super) fn is_current(decided: &[(&Image, Option<Platformed<'_>>)]) -> bool {
    decided.iter().all(|(_, platformed)| {
        platformed.as_ref().is_some_and(|platformed| {
            platformed.old.as_ref().is_some_and(|old| old.image.descriptor.digest == platformed.new.image.descriptor.digest)
        })
    })
}

/// A platform on its new base.
pub(super) fn moved(
    request: &Request,
    preferences: &Preferences,
    platformed: &Platformed<'_>,
    index: Option<&ImageIndex>,
    limits: &Limits,
) -> Result<(Moved, Options)> {
    let options = options(request, preferences, platformed, index);
    let input = Input {
        app: platformed.app,
        old: platformed.old.as_ref().map(|old| &old.image).or(platformed.scratch.as_ref()),
        new: &platformed.new.image,
        seam: platformed.seam,
    };
    Ok((rebase_image(&input, &options, limits)?, options))
}

fn options(request: &Request, preferences: &Preferences, platformed: &Platformed<'_>, index: Option<&ImageIndex>) -> Options {
    let claimed = || base::claims(platformed.app, index).iter().find_map(|claim| claim.digest.clone());
    let old_base_digest = platformed.old.as_ref().map(|old| old.top.clone()).or_else(claimed);
    Options {
        preferences: preferences.clone(),
        created: request.created,
        annotations: request.annotations.clone(),
        accepted: platformed.accepted.iter().map(|code| code.slug()).collect::<Vec<_>>().join(" "),
        base_name: platformed.base_name.clone(),
        base_digest: Some(platformed.new.top.clone()),
        old_base_digest,
        for_docker: matches!(request.output, Some(Output::Archive { form: Form::Docker, .. })),
    }
}

/// Notes which documents and blobs the platform brings, and which inputs are to be hashed though they are not copied.
fn collect(plan: &mut Plan, platformed: &Platformed<'_>, moved: &Moved) {
    plan.sources.push(Arc::clone(&platformed.new.image.source));
    plan.sources.extend(platformed.old.as_ref().map(|old| Arc::clone(&old.image.source)));
    plan.documents.push(moved.config.clone());
    plan.documents.push(moved.manifest.clone());
    let base_layers = platformed.new.image.manifest.layers.len();
    for (position, (_, layer)) in moved.layers.iter().enumerate() {
        let source = if position < base_layers { &platformed.new.image.source } else { &platformed.app.source };
        plan.blobs.push((Arc::clone(source), layer.clone()));
    }
    for layer in platformed.app.manifest.layers.iter().take(platformed.seam) {
        plan.inputs.push((Arc::clone(&platformed.app.source), layer.clone()));
    }
}

/// The new index, and indexes within it.
fn assemble(
    index: &ImageIndex,
    moved: &[(Digest, Option<Moved>)],
    options: &Options,
    choice: MissingPlatform,
    plan: &mut Plan,
    context: Context<'_>,
) -> Result<Authored> {
    let mut entries = Vec::with_capacity(index.children.len());
    for child in &index.children {
        entries.push(match child {
            Child::Image(image) => match moved.iter().find(|(digest, _)| *digest == image.descriptor.digest) {
                Some((_, Some(moved))) => Entry::Moved(moved.manifest.clone(), moved.os_version.clone()),
                Some((_, None)) if choice == MissingPlatform::KeepOld => {
                    keep(plan, image);
                    Entry::Keep
                }
                _ => Entry::Drop,
            },
            Child::Index(inner) if goes_without(inner, moved) => Entry::Drop,
            Child::Index(inner) => Entry::Replace(assemble(inner, moved, options, choice, plan, context)?),
            Child::Attestation(descriptor) => {
                left_behind(plan, descriptor, "an attestation of the old image");
                Entry::Drop
            }
            Child::Other(descriptor) => {
                left_behind(plan, descriptor, "no runnable image");
                Entry::Drop
            }
            // It was refused before, unless it was asked to leave it out.
            Child::Missing(_) => Entry::Drop,
        });
    }
    let authored = rebase_index(index, &entries, options, context.limits)?;
    plan.documents.push(authored.clone());
    Ok(authored)
}

/// Whether an index within the index has platforms, and none that is wanted.
fn goes_without(index: &ImageIndex, moved: &[(Digest, Option<Moved>)]) -> bool {
    let images = index.images();
    let absent = index.children.iter().any(|child| matches!(child, Child::Missing(_)));
    let is_wanted = |image: &Image| moved.iter().any(|(digest, _)| *digest == image.descriptor.digest);
    (absent || !images.is_empty()) && !images.into_iter().any(is_wanted)
}

fn keep(plan: &mut Plan, image: &Image) {
    plan.kept.push(image.config_blob.clone());
    plan.kept.push(image.manifest_blob.clone());
    plan.blobs.extend(image.manifest.layers.iter().map(|layer| (Arc::clone(&image.source), layer.clone())));
}

fn left_behind(plan: &mut Plan, descriptor: &Descriptor, why: &str) {
    let kind = descriptor.annotations.get(annotation::DOCKER_REFERENCE_TYPE).unwrap_or(&descriptor.media_type).to_owned();
    plan.report.left_behind.push(descriptor.digest.clone());
    plan.report.findings.push(
        Finding::new(Code::AttestationLeft, format!("{why} stays with it")).at(&descriptor.digest).found(Fact::new(kind, "the index")),
    );
}
