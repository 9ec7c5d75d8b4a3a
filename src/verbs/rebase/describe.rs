//! What was decided for a platform, for the report.

use super::MissingPlatform;
use super::decide::PlatformMove;
use crate::foundation::{Code, Fact, Finding};
use crate::plan::base::{Candidate, NameRule};
use crate::plan::rebase::image::{Moved, Options, Origin};
use crate::read::Image;
use crate::report::rebase::{BaseReport, JudgedReport, LayerReport, PlatformReport};

pub(super) fn skipped(image: &Image, choice: MissingPlatform) -> PlatformReport {
    let message = match choice {
        MissingPlatform::Drop => "the new base lacks the platform; it was left out",
        _ => "the new base lacks the platform; the old manifest stays",
    };
    PlatformReport {
        platform: image.platform().cloned(),
        from: image.descriptor.digest.clone(),
        old_base: None,
        new_base: None,
        seam: 0,
        layers: Vec::new(),
        decisions: Vec::new(),
        findings: vec![Finding::new(Code::PlatformMissing, message).at(&image.descriptor.digest)],
        config: None,
        manifest: None,
        clue: None,
        proofs: Vec::new(),
        judged: None,
    }
}

pub(super) fn reported(platform_move: &PlatformMove<'_>, moved: &Moved, options: &Options) -> PlatformReport {
    let base = |candidate: &Candidate, name: Option<String>, why: Option<NameRule>| BaseReport {
        reference: candidate.reference.clone(),
        name,
        why,
        digest: candidate.top.clone(),
        manifest: candidate.image.descriptor.digest.clone(),
    };
    let mut findings = platform_move.findings.clone();
    findings.extend(moved.findings.clone());
    // Only an image that named its base loses something.
    if options.base_name.is_none() && platform_move.names_its_base {
        findings.push(
            Finding::new(Code::BaseNameDropped, "the result does not name its base")
                .at(&platform_move.app.descriptor.digest)
                .found(Fact::new(platform_move.new.names.first().map_or("no name", String::as_str), &platform_move.new.reference))
                .hint("Give the name with --base-name NAME."),
        );
    }
    PlatformReport {
        platform: platform_move.app.platform().cloned(),
        from: platform_move.app.descriptor.digest.clone(),
        old_base: platform_move
            .old
            .as_ref()
            .map(|old| base(old, platform_move.evidence.as_ref().and_then(|evidence| evidence.name.clone()), None)),
        new_base: Some(base(&platform_move.new, options.base_name.clone(), platform_move.rule)),
        seam: platform_move.seam,
        layers: moved
            .layers
            .iter()
            .zip(&moved.diff_ids)
            .map(|((origin, layer), diff_id)| LayerReport {
                origin: *origin,
                digest: layer.digest.clone(),
                size: layer.size,
                media_type: layer.media_type.to_string(),
                diff_id: diff_id.clone(),
                claimed: *origin == Origin::App && !platform_move.inflated.contains(&layer.digest),
            })
            .collect(),
        decisions: moved.decisions.clone(),
        findings,
        config: Some(moved.config.blob.digest().clone()),
        manifest: Some(moved.manifest.blob.digest().clone()),
        clue: platform_move.clue,
        proofs: platform_move.proofs.clone(),
        judged: platform_move.judged.clone().map(|judgement| JudgedReport::of(judgement, &platform_move.accepted)),
    }
}
