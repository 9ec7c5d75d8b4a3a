//! Objects merged per key: labels, sets, and the documents themselves.

use std::collections::BTreeMap;

use super::{Decision, Edit, Kind, Merger, Node, Old, Sides, Value, filled, is, same, text};

/// Visits every key that app or new base has, the app's in their order and then the new base's in theirs. Gives the
/// members of the result in the same order, and whether any differs from the app's.
pub(super) fn walk<'a>(sides: Sides<Node<'a>>, mut edit: impl FnMut(&str, Sides<Node<'a>>) -> Edit) -> (Vec<(String, Value)>, bool) {
    let index = |node: Option<Node<'a>>| node.into_iter().flat_map(Node::members).collect::<BTreeMap<_, _>>();
    let (old, app, new) = (index(sides.old.value()), index(sides.app), index(sides.new));
    let order = |node: Option<Node<'a>>| node.into_iter().flat_map(Node::members).map(|(key, _)| key);
    let mut members = Vec::new();
    let mut changed = false;
    for key in order(sides.app).chain(order(sides.new).filter(|key| !app.contains_key(key))) {
        let known = match sides.old {
            Old::Unknown => Old::Unknown,
            Old::Known(_) => Old::Known(old.get(&key).copied()),
        };
        let part = Sides { old: known, app: app.get(&key).copied(), new: new.get(&key).copied() };
        let value = match edit(&key, part) {
            Edit::Keep => part.app.map(Value::of),
            Edit::Set(value) => Some(value),
            Edit::Remove => None,
        };
        changed |= value != part.app.map(Value::of);
        members.extend(value.map(|value| (key.into_owned(), value)));
    }
    (members, changed)
}

impl Merger<'_> {
    /// A field of `config` that is an object, merged per key; `equal` compares the values.
    pub(super) fn map(&mut self, field: &str, sides: Sides<Node<'_>>, equal: fn(Node<'_>, Node<'_>) -> bool) -> Edit {
        if !is(Kind::Object, sides) {
            return self.whole(field, sides);
        }
        let (members, changed) = walk(sides, |key, part| {
            let choice = part.choose(|left, right| equal(*left, *right), self.weight_of_key(field, key));
            self.decisions.extend(Decision::of(format!("{field}.{key}"), choice, part.map(text)));
            Edit::chosen(choice, part)
        });
        self.replaced(field, sides, Value::Object(members), changed)
    }

    /// The edit for a field whose parts were merged to `value`. Where it can, it takes a value that somebody wrote: the
    /// app's if nothing changed in it, the new base's if the app had inherited all of it.
    pub(super) fn replaced(&self, field: &str, sides: Sides<Node<'_>>, value: Value, changed: bool) -> Edit {
        if !changed {
            return Edit::Keep;
        }
        let known = sides.map(filled);
        let inherited = matches!((known.old, known.app), (Old::Known(Some(old)), Some(app)) if same(&old, &app)) && !self.own.set(field);
        if inherited || (value.is_empty() && known.new.is_none()) {
            return Edit::base(sides);
        }
        Edit::Set(value)
    }
}
