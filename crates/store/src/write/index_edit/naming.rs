//! The names of an entry, in its own text.

use super::pieces::{Piece, pieces, slice, without};
use crate::format::json::{Document, Node, Value, quote};
use crate::foundation::{Limits, Result};
use crate::oci::annotation::{CONTAINERD_NAME, FORMER_NAMES, REF_NAME, former_names, join_former_names};
use crate::oci::{ImageName, Name};

/// A name that an edit speaks of: as it was written, and as it is compared.
pub(super) struct Meant<'e> {
    pub(super) text: &'e str,
    pub(super) name: Name<'static>,
}

impl<'e> Meant<'e> {
    pub(super) fn of(text: &'e str) -> Self {
        Self { text, name: Name::parse(text).into_owned() }
    }
}

/// An annotation of an entry or a descriptor.
pub(super) fn annotation<'a>(entry: Node<'a>, key: &str) -> Option<std::borrow::Cow<'a, str>> {
    entry.get("annotations").and_then(|annotations| annotations.get(key)).and_then(Node::as_str).filter(|text| !text.is_empty())
}

/// The descriptor with its name, in the place where sorted annotations have it; `also` are annotations that it gets where it has
/// none. The name stands where one stood: in the annotation of containerd as well if there is one there, which takes full names
/// only, and beside that one a tag alone if a tag alone was there.
pub(super) fn named(descriptor: Node<'_>, also: Option<Node<'_>>, meant: Option<&Meant<'_>>) -> String {
    let own = names(descriptor, meant);
    let is_name = |key: &str| [REF_NAME, CONTAINERD_NAME].contains(&key) || (meant.is_some() && key == FORMER_NAMES);
    let members = |node: Node<'_>| -> Vec<(String, Value)> {
        let members = node.get("annotations").into_iter().flat_map(Node::members).filter(|(key, _)| !is_name(key));
        members.map(|(key, value)| (key.into_owned(), Value::of(value))).collect()
    };
    let mut annotations = members(descriptor);
    let more: Vec<(String, Value)> = also.map(members).unwrap_or_default();
    annotations.extend(more.into_iter().filter(|(key, _)| descriptor.get("annotations").and_then(|own| own.get(key)).is_none()));
    for (key, text) in own.into_iter().chain(former(descriptor, meant)) {
        let at = annotations.iter().position(|(other, _)| other.as_str() > key).unwrap_or(annotations.len());
        annotations.insert(at, (key.to_owned(), Value::string(&text)));
    }
    let mut value = Value::open(descriptor);
    if annotations.is_empty() {
        value.remove("annotations");
    } else {
        value.set("annotations", Value::Object(annotations));
    }
    value.render()
}

/// What an entry was called before that is copied under its own name. One that gets another name is called so from now on.
fn former(descriptor: Node<'_>, meant: Option<&Meant<'_>>) -> Option<(&'static str, String)> {
    let meant = meant?;
    let full = annotation(descriptor, CONTAINERD_NAME);
    let short = annotation(descriptor, REF_NAME);
    let own = full.as_deref().map(Name::full).or_else(|| short.as_deref().map(Name::parse))?;
    let all = annotation(descriptor, FORMER_NAMES).filter(|_| own == meant.name)?;
    let kept = join_former_names(former_names(&all).filter(|name| Name::full(name) != meant.name));
    (!kept.is_empty()).then_some((FORMER_NAMES, kept))
}

/// The annotations that name an entry.
fn names(descriptor: Node<'_>, meant: Option<&Meant<'_>>) -> Vec<(&'static str, String)> {
    let Some(meant) = meant else { return Vec::new() };
    let (short, full) = (annotation(descriptor, REF_NAME), annotation(descriptor, CONTAINERD_NAME));
    let is_same = full.as_deref().map(Name::full).is_some_and(|own| own == meant.name);
    if is_same {
        let own = [(CONTAINERD_NAME, full), (REF_NAME, short)];
        return own.into_iter().filter_map(|(key, text)| Some((key, text?.into_owned()))).collect();
    }
    if full.is_none() || !meant.name.is_full() {
        return vec![(REF_NAME, meant.text.to_owned())];
    }
    let is_tag = short.as_deref().is_some_and(|short| !ImageName::parse(short).is_full());
    let tag = ImageName::parse(meant.name.as_str()).tag.filter(|_| is_tag).unwrap_or(meant.text);
    vec![(CONTAINERD_NAME, meant.name.as_str().to_owned()), (REF_NAME, tag.to_owned())]
}

/// The text of an entry without its names. Everything else in it keeps its bytes.
pub(super) fn nameless(entry: &str, limits: &Limits) -> Result<String> {
    let entry = Document::parse(entry.as_bytes(), limits)?.root();
    let Some(annotations) = entry.get("annotations") else { return Ok(entry.raw().to_owned()) };
    match without(annotations, &[REF_NAME, CONTAINERD_NAME]) {
        None => Ok(without(entry, &["annotations"]).unwrap_or_else(|| "{}".to_owned())),
        Some(rest) => {
            let start = annotations.offset_in(entry.raw());
            let end = start + annotations.raw().len();
            Ok(format!("{}{rest}{}", slice(entry.raw(), 0, start), slice(entry.raw(), end, entry.raw().len())))
        }
    }
}

/// The text of an entry with further former names, the newest first. Everything else in it keeps its bytes; `None` if there is no
/// place for them yet.
pub(super) fn with_former(entry: &str, lost: &[String], limits: &Limits) -> Result<Option<String>> {
    let node = Document::parse(entry.as_bytes(), limits)?.root();
    let own = annotation(node, FORMER_NAMES).unwrap_or_default();
    let joined = join_former_names(lost.iter().map(String::as_str).chain(former_names(&own)));
    if joined == own {
        return Ok(Some(entry.to_owned()));
    }
    let Some(annotations) = node.get("annotations") else { return Ok(None) };
    let all: Vec<Piece<'_>> = pieces(annotations).collect();
    let Some(first) = all.first() else { return Ok(None) };
    let start = annotations.offset_in(entry);
    let (from, to, text) = if let Some(old) = all.iter().find(|piece| piece.key == FORMER_NAMES) {
        let from = start + old.value.offset_in(annotations.raw());
        (from, from + old.value.raw().len(), quote(&joined))
    } else {
        let member = format!("{}{}{}", quote(FORMER_NAMES), between(first), quote(&joined));
        let next = all.iter().find(|piece| piece.key.as_ref() > FORMER_NAMES);
        let last = all.last().unwrap_or(first);
        let end_of = |piece: &Piece<'_>| start + piece.value.offset_in(annotations.raw()) + piece.value.raw().len();
        match next {
            Some(next) => {
                let at = end_of(next) - next.body.len();
                (at, at, format!("{member},{}", if all.len() > 1 { all.get(1).map_or("", |piece| piece.before) } else { first.before }))
            }
            None => (end_of(last), end_of(last), format!(",{}{member}", last.before)),
        }
    };
    Ok(Some(format!("{}{text}{}", slice(entry, 0, from), slice(entry, to, entry.len()))))
}

/// The entry with annotations that say nothing but its former names.
pub(super) fn with_former_alone(entry: &str, lost: &[String], limits: &Limits) -> Result<String> {
    let mut value = Value::open(Document::parse(entry.as_bytes(), limits)?.root());
    let joined = join_former_names(lost.iter().map(String::as_str));
    value.set("annotations", Value::string_map([(FORMER_NAMES, joined)]));
    Ok(value.render())
}

/// What stands between the key of a member and its value.
fn between<'a>(piece: &Piece<'a>) -> &'a str {
    let head = slice(piece.body, 0, piece.body.len() - piece.value.raw().len());
    head.rsplit('"').next().unwrap_or(":")
}

/// The full name of an entry, where it is one, and its former names.
pub(super) fn known_names(entry: &str, limits: &Limits) -> Result<(Option<String>, Vec<String>)> {
    let node = Document::parse(entry.as_bytes(), limits)?.root();
    let full = annotation(node, CONTAINERD_NAME)
        .or_else(|| annotation(node, REF_NAME).filter(|name| ImageName::parse(name).is_full()))
        .map(std::borrow::Cow::into_owned);
    let former = annotation(node, FORMER_NAMES).unwrap_or_default();
    Ok((full, former_names(&former).map(str::to_owned).collect()))
}
