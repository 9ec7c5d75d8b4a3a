//! `Env`, merged per variable.

use std::collections::BTreeMap;

use super::{Decision, Edit, Kind, Merger, Node, Old, Side, Sides, Value, is, paths};
use crate::plan::rebase::decision;

/// What makes two entries the same variable: its name, and whether the entry has a value at all. An entry without an
/// equals sign sets no variable in most runtimes, so it is kept beside one that does.
type Identity = (String, bool);

/// One entry of the list.
#[derive(Debug, Clone)]
struct Variable<'a> {
    name: String,
    value: String,
    identity: Identity,
    node: Node<'a>,
}

impl<'a> Variable<'a> {
    fn of(node: Node<'a>, windows: bool) -> Option<Self> {
        let entry = node.as_str()?;
        // Windows has variables like `=C:`, whose name begins with the sign.
        let split = entry.char_indices().skip(1).find(|(_, character)| *character == '=').map(|(at, _)| at);
        let (name, value) = split.map_or((&*entry, &*entry), |at| (&entry[..at], &entry[at + 1..]));
        let folded = if windows { name.to_uppercase() } else { name.to_owned() };
        Some(Self { name: name.to_owned(), value: value.to_owned(), identity: (folded, split.is_some()), node })
    }
}

/// The variables of one image. Of several entries for one variable the last counts, as in runtimes, at the first's place.
#[derive(Debug, Default)]
struct Environment<'a> {
    variables: BTreeMap<Identity, Variable<'a>>,
    order: Vec<Identity>,
}

impl<'a> Environment<'a> {
    /// `None` if an item is not text.
    fn of(node: Option<Node<'a>>, windows: bool) -> Option<Self> {
        let mut environment = Self::default();
        for item in node.into_iter().flat_map(Node::items) {
            let variable = Variable::of(item, windows)?;
            let identity = variable.identity.clone();
            if environment.variables.insert(identity.clone(), variable).is_none() {
                environment.order.push(identity);
            }
        }
        Some(environment)
    }

    fn value(&self, identity: &Identity) -> Option<&str> {
        self.variables.get(identity).map(|variable| variable.value.as_str())
    }
}

impl Merger<'_> {
    /// Merges per variable. The variables of the new base come first, in its order; then the app's own in theirs. One of the new
    /// base's that the app set stands among the app's own if it does so in the app: some builders append it, others replace it in
    /// its place.
    pub(super) fn environment(&mut self, sides: Sides<Node<'_>>) -> Edit {
        let read = |node| Environment::of(node, self.windows);
        let (Some(old), Some(app), Some(new), true) = (read(sides.old.value()), read(sides.app), read(sides.new), is(Kind::Array, sides))
        else {
            return self.whole("Env", sides);
        };
        let known = matches!(sides.old, Old::Known(_));
        let mut values = Vec::new();
        let mut changed = false;
        let inherited = |identity: &&Identity| old.value(identity).is_some() && old.value(identity) == app.value(identity);
        let last_inherited = app.order.iter().rposition(|identity| inherited(&identity));
        let appended = app.order.get(last_inherited.map_or(0, |at| at + 1)..).unwrap_or_default();
        let own = |identity: &&Identity| !new.variables.contains_key(*identity) || (known && appended.contains(identity));
        let of_base = new.order.iter().filter(|identity| !(known && appended.contains(identity)));
        for identity in of_base.chain(app.order.iter().filter(own)) {
            let part = Sides {
                old: if known { Old::Known(old.variables.get(identity)) } else { Old::Unknown },
                app: app.variables.get(identity),
                new: new.variables.get(identity),
            };
            let value = self.variable(&part);
            changed |= match (&value, part.app) {
                (Some(Value::Raw(value)), Some(app)) => value != app.node.raw(),
                (value, app) => value.is_some() || app.is_some(),
            };
            values.extend(value);
        }
        self.replaced("Env", sides, Value::Array(values), changed)
    }

    /// The entry of the result for one variable.
    fn variable(&mut self, part: &Sides<&Variable<'_>>) -> Option<Value> {
        let name = part.app.or(part.new).map(|variable| variable.name.as_str()).unwrap_or_default();
        let field = format!("Env.{name}");
        let texts = part.map(|variable| Some(variable.value.clone()));
        if let Some(merged) = self.extended(name, part) {
            let value = Value::string(&format!("{name}={merged}"));
            let Sides { old, app, new } = texts;
            let kind = decision::Kind::Merged;
            self.decisions.push(Decision { field, kind, old: old.value(), app, new, result: Some(merged) });
            return Some(value);
        }
        let choice = part.choose(|left, right| left.value == right.value, self.weight_of_key("Env", name));
        self.decisions.extend(Decision::of(field, choice, texts));
        let chosen = match choice.side() {
            Side::App => part.app,
            Side::Base => part.new,
        };
        chosen.map(|variable| Value::of(variable.node))
    }

    /// The value of a list that the app extended, on a new base that changed it.
    fn extended(&self, name: &str, part: &Sides<&Variable<'_>>) -> Option<String> {
        let (old, app, new) = (part.old.value()?, part.app?, part.new?);
        let separator = if self.windows { ';' } else { ':' };
        let changed = old.value != new.value && old.value != app.value && app.identity.1;
        let list = changed && paths::is_list(name, [&old.value, &app.value, &new.value], separator);
        list.then(|| paths::extended(&old.value, &app.value, &new.value, separator)).flatten()
    }
}
