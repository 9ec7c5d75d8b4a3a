//! The decided platforms put together: the documents of the result, and the blobs that it needs.

use std::sync::Arc;

use super::decide::PlatformMove;
use super::describe::{reported, skipped};
use super::{MissingPlatform, Plan, Request};
use crate::foundation::{Code, Digest, Error, Fact, Finding, Limits, Result, Severity};
use crate::oci::{Descriptor, annotation};
use crate::plan::annotate::{NewDocument, replaced};
use crate::plan::base;
use crate::plan::rebase::image::{Input, Moved, Options, Origin, RebasedEntry, moved_entry, rebase_image, rebase_index};
use crate::read::{Child, Image, ImageIndex};
use crate::report::rebase::{OutputReport, RebaseReport, ResultReport, Status};
use crate::verbs::narrow::Selection;
use crate::verbs::output::{Form, Outgoing, Output, under_names_of};
use crate::verbs::{Context, Opened};

/// An image whose platforms are decided.
pub(in crate::verbs) struct Decided<'a> {
    pub(in crate::verbs) opened: &'a Opened,
    pub(in crate::verbs) selection: &'a Selection<'a>,
    pub(in crate::verbs) index: Option<&'a ImageIndex>,
    /// The platforms that were chosen; nothing for those that the new base does not have.
    pub(in crate::verbs) platforms: Vec<(&'a Image, Option<PlatformMove<'a>>)>,
}

/// What became of a platform, under the digest that it had; nothing if the new base does not have it.
type Move = (Digest, Option<Moved>);

/// What becomes of the platforms of an index.
struct Moves<'m> {
    all: &'m [Move],
    /// What they have in common.
    options: &'m Options,
    /// What becomes of those that the new base lacks.
    missing: MissingPlatform,
}

impl Decided<'_> {
    /// Puts the platforms together.
    ///
    /// # Errors
    /// `platform.missing` if the new base has none of them, and those of documents that cannot be put together.
    pub(in crate::verbs) fn compose(mut self, request: &Request, context: Context<'_>) -> Result<Plan> {
        let located = &self.opened.located;
        let mut plan = self.plan(request);
        let (moves, options) = self.move_all(request, &mut plan, context.limits)?;
        if is_current(&self.platforms) {
            plan.report.status = Status::Current;
            plan.output = None;
            plan.documents.clear();
            plan.blobs.clear();
            return Ok(plan);
        }
        plan.report.judge(request.verdict.strictness);
        let Some(options) = options else {
            return Err(Error::new(Code::PlatformMissing, "the new base has none of the platforms of the image").at(located.shown()));
        };
        let top = match (self.index, self.selection.alone) {
            (Some(index), false) => {
                let moves = Moves { all: &moves, options: &options, missing: request.on_missing_platform };
                plan.assemble(index, &moves, context.limits)?
            }
            _ => first(&moves).map(|moved| moved.manifest.clone()).ok_or_else(|| Error::new(Code::Bug, "nothing was moved"))?,
        };
        // What the entry of index.json says beside type, digest and size still holds, unless it was of another document.
        plan.report.findings.extend(self.selection.told(top.blob.digest(), located));
        let names = if request.names.is_empty() { vec![located.result_name()] } else { request.names.iter().cloned().map(Some).collect() };
        plan.enter(&top, names, &self.entry(&top, &moves, context.limits)?);
        Ok(plan)
    }

    /// A plan that does nothing yet.
    fn plan(&self, request: &Request) -> Plan {
        let located = &self.opened.located;
        let findings = located.source.container().findings().into_iter().chain(self.selection.findings.clone());
        Plan {
            report: RebaseReport {
                image: located.shown(),
                digest: located.descriptor.digest.clone(),
                status: Status::Planned,
                platforms: Vec::new(),
                verdict: None,
                patched: None,
                result: None,
                output: None,
                findings: findings.collect(),
                left_behind: Vec::new(),
                superseded: Vec::new(),
                taken: Vec::new(),
                written: None,
            },
            documents: Vec::new(),
            kept: Vec::new(),
            blobs: Vec::new(),
            inputs: Vec::new(),
            sources: vec![Arc::clone(&located.source)],
            entries: Vec::new(),
            statements: Outgoing::default(),
            output: request.output.clone(),
            mtime: request.mtime,
        }
    }

    /// Moves every platform that the new base has; the options are those that all of them have in common.
    fn move_all(&mut self, request: &Request, plan: &mut Plan, limits: &Limits) -> Result<(Vec<Move>, Option<Options>)> {
        let mut moves = Vec::with_capacity(self.platforms.len());
        let mut in_common: Option<Options> = None;
        for (image, platform_move) in &mut self.platforms {
            let Some(platform_move) = platform_move else {
                plan.report.platforms.push(skipped(image, request.on_missing_platform));
                moves.push((image.descriptor.digest.clone(), None));
                continue;
            };
            let (result, options) = match platform_move.result.take() {
                Some(result) => *result,
                None => moved(request, platform_move, self.index, limits)?,
            };
            plan.report.platforms.push(reported(platform_move, &result, &options));
            in_common = Some(match in_common {
                Some(others) => others.in_common(&options),
                None => options,
            });
            plan.collect(platform_move, &result);
            moves.push((image.descriptor.digest.clone(), Some(result)));
        }
        Ok((moves, in_common))
    }

    /// The entry of the result in index.json, without its name.
    fn entry(&self, top: &NewDocument, moves: &[Move], limits: &Limits) -> Result<String> {
        let old = &self.opened.located.descriptor;
        Ok(match (self.index, self.selection.alone) {
            (Some(_), true) => under_names_of(&top.descriptor(), old, limits)?.raw.to_string(),
            (Some(_), false) => replaced(old, top, limits)?.render(),
            (None, _) => {
                let os_version = first(moves).and_then(|moved| moved.os_version.as_deref());
                moved_entry(old, top, os_version, limits)?.render()
            }
        })
    }
}

fn first(moves: &[Move]) -> Option<&Moved> {
    moves.iter().find_map(|(_, moved)| moved.as_ref())
}

/// Whether every platform is based on its new base already.
pub(super) fn is_current(decided: &[(&Image, Option<PlatformMove<'_>>)]) -> bool {
    decided.iter().all(|(_, platform_move)| {
        platform_move.as_ref().is_some_and(|platform_move| {
            platform_move.old.as_ref().is_some_and(|old| old.image.descriptor.digest == platform_move.new.image.descriptor.digest)
        })
    })
}

/// A platform on its new base.
pub(super) fn moved(
    request: &Request,
    platform_move: &PlatformMove<'_>,
    index: Option<&ImageIndex>,
    limits: &Limits,
) -> Result<(Moved, Options)> {
    let options = options(request, platform_move, index);
    let input = Input {
        app: platform_move.app,
        old: platform_move.old.as_ref().map(|old| &old.image).or(platform_move.scratch.as_ref()),
        new: &platform_move.new.image,
        seam: platform_move.seam,
    };
    Ok((rebase_image(&input, &options, limits)?, options))
}

fn options(request: &Request, platform_move: &PlatformMove<'_>, index: Option<&ImageIndex>) -> Options {
    let claimed = || base::claims(platform_move.app, index).iter().find_map(|claim| claim.digest.clone());
    let old_base_digest = platform_move.old.as_ref().map(|old| old.top.clone()).or_else(claimed);
    Options {
        preferences: request.prefer.clone(),
        created: request.created,
        annotations: request.annotations.clone(),
        accepted: platform_move.accepted.iter().map(|code| code.slug()).collect::<Vec<_>>().join(" "),
        base_name: platform_move.base_name.clone(),
        base_digest: Some(platform_move.new.top.clone()),
        old_base_digest,
        for_docker: matches!(request.output, Some(Output::Archive { form: Form::Docker, .. })),
    }
}

impl Plan {
    /// Notes which documents and blobs the platform brings, and which inputs are to be hashed though they are not copied.
    fn collect(&mut self, platform_move: &PlatformMove<'_>, moved: &Moved) {
        self.sources.push(Arc::clone(&platform_move.new.image.source));
        self.sources.extend(platform_move.old.as_ref().map(|old| Arc::clone(&old.image.source)));
        self.documents.push(moved.config.clone());
        self.documents.push(moved.manifest.clone());
        for (origin, layer) in &moved.layers {
            let source = if *origin == Origin::Base { &platform_move.new.image.source } else { &platform_move.app.source };
            self.blobs.push((Arc::clone(source), layer.clone()));
        }
        for layer in platform_move.app.manifest.layers.iter().take(platform_move.seam) {
            self.inputs.push((Arc::clone(&platform_move.app.source), layer.clone()));
        }
    }

    /// The new index, and indexes within it.
    fn assemble(&mut self, index: &ImageIndex, moves: &Moves<'_>, limits: &Limits) -> Result<NewDocument> {
        let mut entries = Vec::with_capacity(index.children.len());
        for child in &index.children {
            entries.push(match child {
                Child::Image(image) => match moves.all.iter().find(|(digest, _)| *digest == image.descriptor.digest) {
                    Some((_, Some(moved))) => RebasedEntry::Moved(moved.manifest.clone(), moved.os_version.clone()),
                    Some((_, None)) if moves.missing == MissingPlatform::KeepOld => {
                        self.keep(image);
                        RebasedEntry::Keep
                    }
                    _ => RebasedEntry::Drop,
                },
                Child::Index(inner) if goes_without(inner, moves.all) => RebasedEntry::Drop,
                Child::Index(inner) => RebasedEntry::Replace(self.assemble(inner, moves, limits)?),
                Child::Attestation(descriptor) => {
                    self.leave_behind(descriptor, "an attestation of the old image");
                    RebasedEntry::Drop
                }
                // It may be a platform.
                Child::Other(descriptor) if !descriptor.is_manifest() && !descriptor.is_index() => {
                    self.report.left_behind.push(descriptor.digest.clone());
                    let message = "an index lists something that is not understood, and the result does not have it";
                    let finding = Finding::new(Code::DocMediaTypeUnknown, message).severity(Severity::Warning).at(&descriptor.digest);
                    let finding = finding.found(Fact::new(&descriptor.media_type, "the index"));
                    self.report.findings.push(match &descriptor.platform {
                        Some(platform) => finding.detail(platform),
                        None => finding,
                    });
                    RebasedEntry::Drop
                }
                Child::Other(descriptor) => {
                    self.leave_behind(descriptor, "no runnable image");
                    RebasedEntry::Drop
                }
                // It was refused before, unless it was asked to leave it out.
                Child::Missing(_) => RebasedEntry::Drop,
            });
        }
        let authored = rebase_index(index, &entries, moves.options, limits)?;
        self.documents.push(authored.clone());
        Ok(authored)
    }

    fn keep(&mut self, image: &Image) {
        self.kept.push(image.config_blob.clone());
        self.kept.push(image.manifest_blob.clone());
        self.blobs.extend(image.manifest.layers.iter().map(|layer| (Arc::clone(&image.source), layer.clone())));
    }

    fn leave_behind(&mut self, descriptor: &Descriptor, why: &str) {
        let kind = descriptor.annotations.get(annotation::DOCKER_REFERENCE_TYPE).unwrap_or(&descriptor.media_type).to_owned();
        self.report.left_behind.push(descriptor.digest.clone());
        self.report.findings.push(
            Finding::new(Code::AttestationLeft, format!("{why} stays with it")).at(&descriptor.digest).found(Fact::new(kind, "the index")),
        );
    }

    /// Notes the result under each of its names.
    fn enter(&mut self, top: &NewDocument, names: Vec<Option<String>>, entry: &str) {
        let descriptor = top.descriptor();
        self.entries = names.iter().map(|name| (name.clone(), entry.to_owned().into())).collect();
        self.report.result = Some(ResultReport {
            digest: descriptor.digest.clone(),
            media_type: descriptor.media_type.to_string(),
            size: descriptor.size,
            names: names.into_iter().flatten().collect(),
        });
        self.report.output = self
            .output
            .as_ref()
            .map(|output| OutputReport { kind: output.kind().to_owned(), path: crate::foundation::fsys::shown(output.path()) });
    }
}

/// Whether an index within the index has platforms, and none that is wanted.
fn goes_without(index: &ImageIndex, moves: &[Move]) -> bool {
    let images = index.images();
    let absent = index.missing().next().is_some();
    let is_wanted = |image: &Image| moves.iter().any(|(digest, _)| *digest == image.descriptor.digest);
    (absent || !images.is_empty()) && !images.into_iter().any(is_wanted)
}
