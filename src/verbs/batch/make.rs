//! One item and what comes out of it.

use crate::foundation::{Code, Digest, Error, Result};
use crate::plan::base::{Candidate, NameRule};
use crate::plan::batch::{BaseItem, Expected, Item, ItemStatus, LayerItem, Origin, Placed};
use crate::plan::rebase::image::Origin as LayerOrigin;
use crate::plan::verdict::{Answer, Judgement, one_line};
use crate::read::{Image, Located};
use crate::verbs::rebase::Plan;
use crate::verbs::rebase::decide::PlatformMove;

/// An item, and the plan of its rebase.
pub(super) struct Made {
    pub(super) item: Item,
    pub(super) plan: Plan,
}

/// The item of an image, with nothing decided.
///
/// # Errors
/// `usage.argument` if its path is not text.
pub(super) fn item_of(located: &Located, key: &str, output: Option<String>, status: ItemStatus) -> Result<Item> {
    Ok(Item {
        key: key.to_owned(),
        status,
        image: located.shown(),
        source: path_text(located)?,
        name: located.name.clone(),
        digest: located.descriptor.digest.clone(),
        output,
        level: 0,
        platforms: Vec::new(),
        absent: Vec::new(),
        result: None,
        layers: Vec::new(),
        reason: None,
        verdict: None,
        patched: None,
        warnings: Vec::new(),
        origin: Origin::default(),
        seal: String::new(),
    })
}

fn path_text(located: &Located) -> Result<String> {
    let path = located.source.path.to_str();
    path.map(str::to_owned).ok_or_else(|| Error::new(Code::UsageArgument, "the path is not text, and a plan is").at(located.source.shown()))
}

/// One decided platform of the item whose image is `top`.
///
/// # Errors
/// `usage.argument` if the path of a base is not text.
pub(super) fn placed(image: &Image, platform_move: &PlatformMove<'_>, wire: Option<&String>, top: &Digest) -> Result<Placed> {
    let own = &image.descriptor.digest;
    let judged = platform_move.judged.as_ref();
    Ok(Placed {
        platform: image.platform().map(ToString::to_string),
        manifest: (own != top).then(|| own.clone()),
        seam: platform_move.seam,
        clue: platform_move.clue.map(|clue| clue.name().to_owned()),
        old: platform_move.old.as_ref().map(|old| base_item(old, None)).transpose()?,
        new: base_item(&platform_move.new, wire)?,
        base_name: platform_move.base_name.clone(),
        why: platform_move.rule.and_then(NameRule::words),
        verdict: judged.map(|judgement| judgement.answer),
        patched: judged.map(|judgement| judgement.patched),
        causes: judged.map(causes).unwrap_or_default(),
        accepted: platform_move.accepted.iter().map(|code| code.slug().to_owned()).collect(),
    })
}

/// Notes in what is decided what was accepted when the item was made.
pub(super) fn accept_as_before(item: &Item, decided: &mut [(&Image, Option<PlatformMove<'_>>)]) -> Result<()> {
    for (image, platform_move) in decided {
        let own = &image.descriptor.digest;
        let placed = item.platforms.iter().find(|placed| placed.manifest.as_ref().unwrap_or(&item.digest) == own);
        if let (Some(platform_move), Some(placed)) = (platform_move, placed) {
            platform_move.accepted = placed.accepted()?;
        }
    }
    Ok(())
}

/// Notes in an item what comes out.
pub(super) fn note_result(item: &mut Item, plan: &Plan) {
    item.result = plan.report.result.as_ref().map(|result| Expected {
        digest: result.digest.clone(),
        media_type: result.media_type.clone(),
        size: result.size,
    });
    (item.verdict, item.patched) = (plan.report.verdict, plan.report.patched);
    for platform in &plan.report.platforms {
        for layer in platform.layers.iter().filter(|layer| layer.origin == LayerOrigin::App) {
            if !item.layers.iter().any(|known| known.digest == layer.digest) {
                item.layers.push(LayerItem { digest: layer.digest.clone(), size: layer.size });
            }
        }
    }
    let findings = plan.report.findings.iter().chain(plan.report.platforms.iter().flat_map(|platform| &platform.findings));
    let warnings = findings.filter(|finding| finding.severity >= crate::foundation::Severity::Warning);
    item.warnings = warnings.map(|finding| finding.code.slug().to_owned()).collect();
    item.warnings.sort_unstable();
    item.warnings.dedup();
}

/// What decided a verdict, in a line each; what runs needs none.
fn causes(judgement: &Judgement) -> Vec<String> {
    let most = match judgement.answer {
        Answer::Runs => 0,
        Answer::Breaks => 3,
        Answer::Risks | Answer::Unknown => 1,
    };
    let deciding = judgement.findings.iter().filter(|finding| Answer::of(finding) == judgement.answer);
    deciding.take(most).map(one_line).collect()
}

fn base_item(base: &Candidate, wire: Option<&String>) -> Result<BaseItem> {
    let source = base.image.source.path.to_str().map(str::to_owned);
    let source =
        source.ok_or_else(|| Error::new(Code::UsageArgument, "the path is not text, and a plan is").at(base.image.source.shown()))?;
    let manifest = &base.image.descriptor.digest;
    Ok(BaseItem {
        source: wire.is_none().then_some(source),
        item: wire.cloned(),
        name: base.names.first().cloned(),
        digest: base.top.clone(),
        manifest: (*manifest != base.top).then(|| manifest.clone()),
    })
}
