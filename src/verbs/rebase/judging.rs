//! The verdict on each platform, before anything is put together: what would not run is refused here.

use super::Request;
use super::compose::{is_current, moved};
use super::decide::PlatformMove;
use crate::foundation::Result;
use crate::plan::verdict::Strictness;
use crate::read::Image;
use crate::verbs::Opened;
use crate::verbs::bases::tree_index;
use crate::verbs::judge::Judge;

/// Judges the platforms that move, and notes what was accepted.
///
/// # Errors
/// What would not run, as the gate of the request says; those of layers that are not what their digests say, and `io`.
pub(in crate::verbs) fn judge_all(
    judge: &Judge<'_>,
    request: &Request,
    opened: &Opened,
    decided: &mut [(&Image, Option<PlatformMove<'_>>)],
) -> Result<()> {
    if request.verdict.strictness == Strictness::Off || is_current(decided) {
        return Ok(());
    }
    let index = tree_index(&opened.tree);
    for (image, platform_move) in decided {
        let Some(platform_move) = platform_move else { continue };
        let result = moved(request, platform_move, index, judge.limits())?;
        let judgement = judge.moved(platform_move, &result.0)?;
        let platform = index.and(image.platform()).map(|platform| format!(" {platform}")).unwrap_or_default();
        platform_move.accepted = request.verdict.pass(&judgement, &format!("{}{platform}", opened.located.shown()))?;
        platform_move.judged = Some(judgement);
        // What was accepted is recorded in the result.
        platform_move.result = platform_move.accepted.is_empty().then(|| Box::new(result));
    }
    Ok(())
}
