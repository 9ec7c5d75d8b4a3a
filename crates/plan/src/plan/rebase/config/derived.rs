//! Settings of the app that may have been made from the old base's: `ENV LIB=$JAVA_HOME/lib`, or a command that the base's SHELL
//! runs. A build has replaced the variable by its value, so nobody can tell it from a value that was written out; the app's stays,
//! and the finding says what a rebuild might give.

use std::collections::BTreeMap;

use super::{Instructions, Node, Old, Sides, filled, same};
use crate::foundation::{Code, Fact, Finding};

/// A value of the old base that the new base does not have.
struct Changed {
    name: String,
    old: String,
    new: Option<String>,
}

/// A warning for each setting that contains what the new base has changed.
pub(super) fn findings(documents: Sides<Node<'_>>, own: &Instructions) -> Vec<Finding> {
    let (Old::Known(Some(old)), Some(app), Some(new)) = (documents.old, documents.app, documents.new) else { return Vec::new() };
    let changed = changed_variables(old, new);
    let mut findings = Vec::new();
    for (field, text) in own_texts(old, app) {
        let taken = changed.iter().find(|changed| field != format!("Env.{}", changed.name) && contains(&text, &changed.old));
        findings.extend(taken.map(|changed| finding(&field, &text, changed)));
    }
    findings.extend(shell(old, app, new, own));
    findings
}

fn finding(field: &str, text: &str, changed: &Changed) -> Finding {
    let Changed { name, old, new } = changed;
    let now = new.as_deref().map_or_else(|| format!("no {name}"), |new| format!("{name}={new}"));
    Finding::new(Code::ConfigDerived, format!("{field} contains the {name} of the old base, which the new base has changed"))
        .expected(Fact::new(now, "the new base"))
        .found(Fact::new(format!("{text} (the old base has {name}={old})"), "the image"))
}

/// A field of the object `config` of a document.
fn setting<'a>(document: Node<'a>, field: &str) -> Option<Node<'a>> {
    document.get("config")?.get(field)
}

fn changed_variables(old: Node<'_>, new: Node<'_>) -> Vec<Changed> {
    let (old, mut new) = (variables(old), variables(new));
    old.into_iter()
        .map(|(name, old)| Changed { new: new.remove(&name), name, old })
        .filter(|changed| changed.new.as_ref() != Some(&changed.old))
        .collect()
}

fn variables(document: Node<'_>) -> BTreeMap<String, String> {
    let entries = setting(document, "Env").into_iter().flat_map(Node::items).filter_map(Node::as_str);
    entries.filter_map(|entry| entry.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()))).collect()
}

/// The settings in which builders replace variables, where the app has others than the old base.
fn own_texts(old: Node<'_>, app: Node<'_>) -> Vec<(String, String)> {
    let mut texts = Vec::new();
    let before = variables(old);
    texts.extend(variables(app).into_iter().filter(|(name, value)| before.get(name) != Some(value)).map(|(k, v)| (format!("Env.{k}"), v)));
    for field in ["User", "WorkingDir", "StopSignal"] {
        let text = |document: Node<'_>| setting(document, field).and_then(Node::as_str).map(std::borrow::Cow::into_owned);
        texts.extend(text(app).filter(|own| text(old).as_ref() != Some(own)).map(|own| (field.to_owned(), own)));
    }
    let map = |document: Node<'_>, field: &str| -> BTreeMap<String, Option<String>> {
        let members = setting(document, field).into_iter().flat_map(Node::members);
        members.map(|(key, value)| (key.into_owned(), value.as_str().map(std::borrow::Cow::into_owned))).collect()
    };
    for field in ["Labels", "ExposedPorts", "Volumes"] {
        let before = map(old, field);
        for (key, value) in map(app, field).into_iter().filter(|(key, value)| before.get(key) != Some(value)) {
            texts.push((format!("{field}.{key}"), value.unwrap_or(key)));
        }
    }
    texts
}

/// Whether `value` is in `text`: anywhere if it is long enough to mean something, else as a word of its own. A document in a
/// label is written by a tool, and has numbers of its own.
fn contains(text: &str, value: &str) -> bool {
    const LONG: usize = 3;
    if text.starts_with(['{', '[']) {
        return false;
    }
    let bounded = |character: Option<char>| !character.is_some_and(char::is_alphanumeric);
    value.contains(char::is_alphanumeric)
        && text.match_indices(value).any(|(at, _)| {
            value.len() >= LONG || (bounded(text[..at].chars().next_back()) && bounded(text[at + value.len()..].chars().next()))
        })
}

/// A command in shell form begins with the base's SHELL.
fn shell(old: Node<'_>, app: Node<'_>, new: Node<'_>, own: &Instructions) -> Option<Finding> {
    let part = |document: Node<'_>, field: &str| -> Vec<String> {
        setting(document, field).into_iter().flat_map(Node::items).filter_map(Node::as_str).map(std::borrow::Cow::into_owned).collect()
    };
    let shell =
        |document| Some(part(document, "Shell")).filter(|shell| !shell.is_empty()).unwrap_or_else(|| vec!["/bin/sh".into(), "-c".into()]);
    let (before, now) = (shell(old), shell(new));
    if before == now {
        return None;
    }
    // A SHELL of the app's own counts for the commands behind it.
    let of_base = |field: &str| if own.set("Shell") { own.sets_before(field, "Shell") } else { shell(app) == before };
    let differs = |field: &str| match (setting(old, field).and_then(filled), setting(app, field).and_then(filled)) {
        (Some(old), Some(app)) => !same(&old, &app),
        (old, app) => old.is_none() && app.is_some(),
    };
    let field = ["Entrypoint", "Cmd"].into_iter().find(|field| {
        let words = part(app, field);
        of_base(field) && (differs(field) || own.set(field)) && words.starts_with(&before) && words.len() > before.len()
    })?;
    Some(
        Finding::new(Code::ConfigDerived, format!("{field} begins with the SHELL of the old base, and the new base has another"))
            .expected(Fact::new(now.join(" "), "SHELL of the new base"))
            .found(Fact::new(before.join(" "), format!("{field} of the image"))),
    )
}
