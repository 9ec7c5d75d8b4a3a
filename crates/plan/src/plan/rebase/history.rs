//! The history of the result: the new base's, then the app's own.
//!
//! Which layers the result has is decided elsewhere, from digests. History is a comment on them that builders write in
//! many ways: not at all, too short, padded, with dates filled in. So it is fitted to the layers, and where it does not
//! fit, the history suffers and a finding says so. The entries that stay are kept byte for byte.

use crate::format::json::{Node, Value};
use crate::foundation::text::count;
use crate::foundation::{Code, Fact, Finding};

/// What stands for a layer of which nothing was recorded.
const NOT_RECORDED: &str = r#"{"comment":"not recorded"}"#;

/// The histories, and how many layers each image has.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// The entries of the old base, if its config is known.
    pub old: Option<&'a [Node<'a>]>,
    /// The entries of the app.
    pub app: &'a [Node<'a>],
    /// The entries of the new base.
    pub new: &'a [Node<'a>],
    /// How many of the app's layers belong to its base.
    pub old_layers: usize,
    /// How many layers the app has, those of its base included.
    pub app_layers: usize,
    /// How many layers the new base has.
    pub new_layers: usize,
}

/// What fits the layers of the result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aligned {
    /// The entries. As many of them as the result has layers are not empty. `None` if nobody recorded anything about
    /// these layers: then the result has no history either.
    pub entries: Option<Vec<Value>>,
    /// What did not fit.
    pub notes: Vec<Finding>,
}

/// The entries of the app that are its own, where the history fits the layers. One that does not fit is evidence of nothing.
pub fn own<'a>(input: &Input<'a>) -> &'a [Node<'a>] {
    let part = app_part(input, input.app_layers.saturating_sub(input.old_layers));
    if part.fits { part.entries } else { &[] }
}

/// Fits the histories to the layers.
pub fn align(input: &Input<'_>) -> Aligned {
    let tail = input.app_layers.saturating_sub(input.old_layers);
    let base = if filled(input.new) == input.new_layers { Part::exact(input.new) } else { Part::from_end(input.new, input.new_layers) };
    let app = app_part(input, tail);
    if base.entries.is_empty() && app.entries.is_empty() {
        return Aligned { entries: None, notes: Vec::new() };
    }
    let mut notes = Vec::new();
    if !base.fits {
        notes.push(note("the new base", filled(input.new), input.new_layers));
    }
    if !app.fits {
        notes.push(note("the app", filled(input.app), input.app_layers));
    }
    Aligned { entries: Some(base.values().chain(app.values()).collect()), notes }
}

fn note(whose: &str, entries: usize, layers: usize) -> Finding {
    Finding::new(Code::ImageHistory, format!("the history of {whose} does not fit its layers"))
        .expected(Fact::new(count(layers, "layer"), "the manifest"))
        .found(Fact::new(format!("history for {}", count(entries, "layer")), "the config"))
}

/// The history of the app without that of its base, by the first of these that fits.
fn app_part<'a>(input: &Input<'a>, tail: usize) -> Part<'a> {
    // The app begins with the entries of its base, and the rest fits: the ordinary case.
    let own = input.old.and_then(|old| without_prefix(old, input.app));
    if let Some(own) = own.filter(|own| filled(own) == tail) {
        return Part::exact(own);
    }
    // One entry for every layer: the position of the seam says where the app's own begin.
    if filled(input.app) == input.app_layers {
        return Part::exact(without_base_settings(input.old, after_layers(input.app, input.old_layers)));
    }
    match own {
        // The app does repeat its base's entries, so only the others can be its own.
        Some(own) if own.len() < input.app.len() => Part::from_end(own, tail),
        // One entry for every layer of the app's own: the builder found no history in the base and went on from there.
        _ if filled(input.app) == tail => Part::exact(without_base_settings(input.old, input.app)),
        _ => {
            let part = Part::from_end(input.app, tail);
            Part { entries: without_base_settings(input.old, part.entries), ..part }
        }
    }
}

/// A run of entries, and how many layers before it have none.
#[derive(Debug, Clone, Copy)]
struct Part<'a> {
    missing: usize,
    entries: &'a [Node<'a>],
    fits: bool,
}

impl<'a> Part<'a> {
    fn exact(entries: &'a [Node<'a>]) -> Self {
        Self { missing: 0, entries, fits: true }
    }

    /// The entries of the last `layers` layers with the empty ones between and after them. What is missing is missing in
    /// front, because builders append to what they find.
    fn from_end(entries: &'a [Node<'a>], layers: usize) -> Self {
        let surplus = filled(entries).saturating_sub(layers);
        let mut entries = after_layers(entries, surplus);
        if surplus > 0 {
            // The empty entries in between say something about a layer that was cut off, unless no layer follows.
            entries = if layers == 0 { entries } else { from_layer(entries) };
        }
        Self { missing: layers.saturating_sub(filled(entries)), entries, fits: false }
    }

    fn values(self) -> impl Iterator<Item = Value> + use<'a> {
        std::iter::repeat_n(Value::Raw(NOT_RECORDED.to_owned()), self.missing).chain(self.entries.iter().copied().map(Value::of))
    }
}

/// Whether an entry describes a setting and no layer.
fn is_empty(entry: Node<'_>) -> bool {
    entry.get("empty_layer").and_then(Node::as_bool) == Some(true)
}

/// How many entries describe a layer.
fn filled(entries: &[Node<'_>]) -> usize {
    entries.iter().filter(|entry| !is_empty(**entry)).count()
}

/// What follows the entry of layer number `layers`.
fn after_layers<'a>(entries: &'a [Node<'a>], layers: usize) -> &'a [Node<'a>] {
    if layers == 0 {
        return entries;
    }
    let seam = entries.iter().enumerate().filter(|(_, entry)| !is_empty(**entry)).nth(layers - 1);
    seam.and_then(|(at, _)| entries.get(at + 1..)).unwrap_or_default()
}

/// `entries` from the first that describes a layer.
fn from_layer<'a>(entries: &'a [Node<'a>]) -> &'a [Node<'a>] {
    let first = entries.iter().position(|entry| !is_empty(*entry)).unwrap_or(entries.len());
    entries.get(first..).unwrap_or_default()
}

/// `app` without the entries of `old`, if it begins with them.
fn without_prefix<'a>(old: &[Node<'_>], app: &'a [Node<'a>]) -> Option<&'a [Node<'a>]> {
    let rest = app.get(old.len()..)?;
    old.iter().zip(app).all(|(old, app)| same_entry(*old, *app)).then_some(rest)
}

/// Two entries are the same whatever their dates: builders fill those in.
fn same_entry(left: Node<'_>, right: Node<'_>) -> bool {
    is_empty(left) == is_empty(right) && ["created_by", "author", "comment"].iter().all(|name| same_text(left, right, name))
}

fn same_text(left: Node<'_>, right: Node<'_>, name: &str) -> bool {
    match (text(left, name), text(right, name)) {
        (Some(left), Some(right)) => Value::same(left, right),
        (left, right) => left.is_none() && right.is_none(),
    }
}

/// The text called `name`. Builders write none in three ways: absent, null, empty.
fn text<'a>(entry: Node<'a>, name: &str) -> Option<Node<'a>> {
    entry.get(name).filter(|node| node.raw() != "\"\"")
}

/// `entries` without the settings of the base (`CMD`, `LABEL`) that follow its last layer: in front of the app's first
/// layer stand the base's settings and then the app's, and only the base can tell them apart. If it is unknown they are
/// all kept: a setting too many in the history misleads nobody about a layer, a lost one would be the app's.
fn without_base_settings<'a>(old: Option<&[Node<'_>]>, entries: &'a [Node<'a>]) -> &'a [Node<'a>] {
    let old = old.unwrap_or_default();
    let settings = old.get(old.iter().rposition(|entry| !is_empty(*entry)).map_or(0, |at| at + 1)..).unwrap_or_default();
    let shared = settings.iter().zip(entries).take_while(|(old, app)| is_empty(**app) && same_text(**old, **app, "created_by")).count();
    entries.get(shared..).unwrap_or_default()
}

#[cfg(test)]
mod tests;
