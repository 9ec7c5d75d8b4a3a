//! The config of a rebased image (image-spec, config.md): old base, app and new base merged three ways.
//!
//! The result is the app's document. Only what has to change is changed in it, so unknown fields, number spellings and
//! the order of keys survive. What a unit of the merge is depends on the field: one variable of `Env`, one label, the
//! entrypoint. Each unit follows the same rule: what the app inherited follows the base, what it changed stays, and where both
//! changed it a preference decides. The aim is what a build of the same Dockerfile on the new base would give.

mod derived;
mod environment;
mod launch;
mod map;
mod paths;
mod platform;

use super::decision::Decision;
use super::instructions::Instructions;
use super::preference::{Preferences, Side};
use super::rule::{Choice, Old, Sides, Weight};
use crate::format::json::{Kind, Node, Value};
use crate::foundation::Finding;

/// Top-level fields about how the app was built. They stay the app's: the new base was not built that way.
const BUILD: [&str; 12] = [
    "created",
    "author",
    "comment",
    "docker_version",
    "container",
    "container_config",
    "id",
    "parent",
    "parent_id",
    "Size",
    "checksum",
    "throwaway",
];
/// The same for what BuildKit adds: its inline cache and build information.
const BUILDKIT: &str = "moby.buildkit.";
/// Top-level fields that follow from the layers.
const LAYERS: [&str; 2] = ["rootfs", "history"];
/// Fields of `config` that the classic builder fills with its own ids. Every build has others, so they are no conflict
/// worth telling.
const BUILD_IDS: [&str; 2] = ["Hostname", "Image"];

/// What the merge gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merged {
    /// The document of the result. `rootfs`, `history` and `created` are still the app's.
    pub document: Value,
    /// Where it is not what the app had, or where that was in question; in the order of the document.
    pub decisions: Vec<Decision>,
    /// What a rebuild might give another value, though the merge cannot know.
    pub findings: Vec<Finding>,
}

/// Merges the config documents of the old base (if it is known), the app and the new base.
///
/// A field of the wrong JSON type is merged as a whole, as if its content were unknown. `os` and `architecture` come
/// from the new base with the other platform fields; that they are the app's is for the caller to check.
pub fn merge(old: Option<Node<'_>>, app: Node<'_>, new: Node<'_>, own: &Instructions, preferences: &Preferences) -> Merged {
    let sides = Sides { old: old.map_or(Old::Unknown, |old| Old::Known(Some(old))), app: Some(app), new: Some(new) };
    let mut merger = Merger { preferences, own, windows: is_windows(app), decisions: Vec::new() };
    let (members, _) = map::walk(sides, |key, sides| match key {
        "config" => merger.config(sides),
        _ if platform::FIELDS.contains(&key) => merger.platform(key, sides, app, new),
        _ if BUILD.contains(&key) || LAYERS.contains(&key) || key.starts_with(BUILDKIT) => Edit::Keep,
        _ => merger.unknown("document", key, sides),
    });
    Merged { document: Value::Object(members), decisions: merger.decisions, findings: derived::findings(sides, own) }
}

fn is_windows(document: Node<'_>) -> bool {
    document.get("os").and_then(Node::as_str).is_some_and(|os| os == "windows")
}

/// What happens to one member of the app's document.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Edit {
    Keep,
    Set(Value),
    Remove,
}

impl Edit {
    /// The member becomes what the new base has.
    fn base(sides: Sides<Node<'_>>) -> Self {
        sides.new.map_or(Self::Remove, |node| Self::Set(Value::of(node)))
    }

    fn chosen(choice: Choice, sides: Sides<Node<'_>>) -> Self {
        match choice.side() {
            Side::App => Self::Keep,
            Side::Base => Self::base(sides),
        }
    }
}

struct Merger<'a> {
    preferences: &'a Preferences,
    own: &'a Instructions,
    windows: bool,
    decisions: Vec<Decision>,
}

impl Merger<'_> {
    fn weight(&self, field: &str) -> Weight {
        Weight { prefer: self.preferences.for_field(field), own: self.own.set(field) }
    }

    fn weight_of_key(&self, field: &str, key: &str) -> Weight {
        Weight { prefer: self.preferences.for_key(field, key), own: self.own.set_key(field, key) }
    }

    fn record(&mut self, field: impl Into<String>, choice: Choice, sides: Sides<Node<'_>>) {
        self.decisions.extend(Decision::of(field, choice, sides.map(text)));
    }

    /// The object `config`.
    fn config(&mut self, sides: Sides<Node<'_>>) -> Edit {
        if !is(Kind::Object, sides) {
            return self.unknown("document", "config", sides);
        }
        let launch = self.launch(sides);
        let (members, changed) = map::walk(sides, |key, sides| match key {
            "Entrypoint" => Edit::chosen(launch.entrypoint, sides),
            "Cmd" => Edit::chosen(launch.cmd, sides),
            "ArgsEscaped" => self.args_escaped(launch, sides),
            "Env" => self.environment(sides),
            "Labels" => self.map(key, sides, Value::same),
            // The specification makes them sets: the values say nothing.
            "ExposedPorts" | "Volumes" => self.map(key, sides, |_, _| true),
            "User" | "WorkingDir" | "StopSignal" | "Shell" | "Healthcheck" => self.whole(key, sides),
            // Triggers are for the image that is built on this one. No build hands them down, so the new base's are not the app's.
            "OnBuild" => Edit::Keep,
            _ => self.unknown("config", key, sides),
        });
        if changed { Edit::Set(Value::Object(members)) } else { Edit::Keep }
    }

    /// A field that is merged as a whole, whose emptiness is its absence.
    fn whole(&mut self, field: &str, sides: Sides<Node<'_>>) -> Edit {
        let filled = sides.map(filled);
        let choice = filled.choose(same, self.weight(field));
        self.record(field, choice, filled);
        Edit::chosen(choice, sides)
    }

    /// A field that the specification does not know: it is compared as it stands.
    fn unknown(&mut self, place: &str, key: &str, sides: Sides<Node<'_>>) -> Edit {
        let choice = sides.choose(same, Weight::of(self.preferences.for_key(place, key)));
        let build_id = place == "config" && BUILD_IDS.contains(&key);
        if build_id && choice != Choice::Base {
            return Edit::Keep;
        }
        self.record(format!("{place}.{key}"), choice, sides);
        Edit::chosen(choice, sides)
    }
}

fn same(left: &Node<'_>, right: &Node<'_>) -> bool {
    Value::same(*left, *right)
}

fn both_same(left: Option<Node<'_>>, right: Option<Node<'_>>) -> bool {
    match (left, right) {
        (Some(left), Some(right)) => Value::same(left, right),
        (left, right) => left.is_none() && right.is_none(),
    }
}

/// The value for the report: text as text, anything else as JSON.
fn text(node: Node<'_>) -> Option<String> {
    match node.kind() {
        Kind::Null => None,
        _ => Some(node.as_str().map_or_else(|| node.raw().to_owned(), Into::into)),
    }
}

/// The value, unless it says nothing: `null`, `""`, `[]`, `{}`, and `false`, which builders leave out.
fn filled(node: Node<'_>) -> Option<Node<'_>> {
    let empty = match node.kind() {
        Kind::Null => true,
        Kind::String => node.raw() == "\"\"",
        Kind::Array => node.items().next().is_none(),
        Kind::Object => node.members().next().is_none(),
        Kind::Bool => node.as_bool() == Some(false),
        Kind::Number => false,
    };
    (!empty).then_some(node)
}

/// Whether all sides that have a value have one of `kind`.
fn is(kind: Kind, sides: Sides<Node<'_>>) -> bool {
    [sides.old.value(), sides.app, sides.new].into_iter().flatten().filter_map(filled).all(|node| node.kind() == kind)
}

#[cfg(test)]
mod tests;
