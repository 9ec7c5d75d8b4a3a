//! The platform of the result, which is the new base's.

use super::{Decision, Edit, Merger, Node, Old, Sides, both_same, filled, text};
use crate::plan::rebase::rule::Choice;

/// The fields, as they are at the top level of the document.
pub(super) const FIELDS: [&str; 5] = ["os", "architecture", "variant", "os.version", "os.features"];
/// Those that a config must have: if the new base's lacks one, the app's stays.
const REQUIRED: [&str; 2] = ["os", "architecture"];

impl Merger<'_> {
    pub(super) fn platform(&mut self, field: &str, sides: Sides<Node<'_>>, app: Node<'_>, new: Node<'_>) -> Edit {
        let filled = sides.map(filled);
        let kept = filled.new.is_none() && (REQUIRED.contains(&field) || (field == "variant" && is_default(app, new)));
        if kept || both_same(filled.app, filled.new) {
            return Edit::Keep;
        }
        // Whoever decided, it was not a merge: the old base has no say.
        let sides = Sides { old: Old::Known(filled.old.value()), ..filled };
        self.decisions.extend(Decision::of(field, Choice::Base, sides.map(text)));
        Edit::base(sides)
    }
}

/// Whether the app's variant is the one that its architecture has anyway: `arm64` is `arm64/v8`.
fn is_default(app: Node<'_>, new: Node<'_>) -> bool {
    let is = |document: Node<'_>, field, value| document.get(field).and_then(Node::as_str).is_some_and(|text| text == value);
    is(app, "variant", "v8") && is(app, "architecture", "arm64") && is(new, "architecture", "arm64")
}
