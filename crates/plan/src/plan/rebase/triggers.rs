//! ONBUILD: what a build on the base would have run, and a rebase does not.

use crate::foundation::{Code, Fact, Finding};
use crate::read::Image;

/// A warning, if the old or the new base has triggers.
pub(super) fn finding(old: Option<&Image>, new: &Image) -> Option<Finding> {
    let (before, now) = (old.map(triggers).unwrap_or_default(), triggers(new));
    let message = match (before.is_empty(), now.is_empty()) {
        (true, true) => return None,
        (true, false) => "the new base has ONBUILD triggers that a rebuild would run; they were not run",
        (false, true) => "the old base had ONBUILD triggers that a rebuild would not run; what they made is still in the image",
        (false, false) if before == now => "a rebuild would run the ONBUILD triggers of the new base again; they are those of the old base",
        (false, false) => "a rebuild would run other ONBUILD triggers; those of the old base left their results, the new ones were not run",
    };
    let mut finding = Finding::new(Code::ConfigOnBuild, message);
    if !before.is_empty() {
        finding = finding.expected(Fact::new(before.join("; "), "OnBuild of the old base"));
    }
    if !now.is_empty() {
        finding = finding.found(Fact::new(now.join("; "), "OnBuild of the new base"));
    }
    Some(finding)
}

fn triggers(image: &Image) -> Vec<String> {
    let triggers = image.config.root().get("config").and_then(|config| config.get("OnBuild"));
    triggers.into_iter().flat_map(crate::format::json::Node::items).filter_map(|item| item.as_str().map(Into::into)).collect()
}
