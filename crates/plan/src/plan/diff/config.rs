//! Settings: the members of two configs, lists and maps of them one by one.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Change, differing};
use crate::format::json::{Kind, Node};
use crate::read::Image;

/// A setting that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// The member of the config, or `annotations` of the manifest.
    pub field: String,
    /// Which of its parts: a variable, a label, a port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What became of it.
    pub change: Change,
    /// Its value in the first image, as text or as JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub was: Option<String>,
    /// Its value in the second image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is: Option<String>,
}

type Settings = BTreeMap<(String, Option<String>), String>;

/// The settings of two images that differ, by field and name.
pub fn settings(was: &Image, is: &Image) -> Vec<Setting> {
    let change = |((field, name), was, is): ((String, Option<String>), Option<String>, Option<String>)| Setting {
        field,
        name,
        change: Change::of(was.is_some(), is.is_some()),
        was,
        is,
    };
    differing(&of(was), &of(is)).into_iter().map(change).collect()
}

fn of(image: &Image) -> Settings {
    let mut found = Settings::new();
    for (name, value) in image.config.root().members() {
        match name.as_ref() {
            // Layers are compared on their own, and the history tells of them.
            "rootfs" | "history" => {}
            "config" => value.members().for_each(|(name, value)| member(&mut found, &name, value)),
            name => member(&mut found, name, value),
        }
    }
    for (name, value) in &image.manifest.annotations {
        found.insert(("annotations".to_owned(), Some(name.clone())), value.clone());
    }
    found
}

fn member(found: &mut Settings, field: &str, value: Node<'_>) {
    match field {
        "Env" => {
            for text in value.items().filter_map(Node::as_str) {
                let (name, value) = text.split_once('=').unwrap_or((&text, ""));
                part(found, field, name, value);
            }
        }
        "Labels" | "ExposedPorts" | "Volumes" => {
            value.members().for_each(|(name, value)| part(found, field, &name, &shown(value).unwrap_or_default()));
        }
        _ => {
            if let Some(text) = shown(value) {
                found.insert((field.to_owned(), None), text);
            }
        }
    }
}

/// A part that is there twice has both values.
fn part(found: &mut Settings, field: &str, name: &str, value: &str) {
    let known = found.entry((field.to_owned(), Some(name.to_owned())));
    known.and_modify(|known| *known = format!("{known}, {value}")).or_insert_with(|| value.to_owned());
}

/// A value as text; none for what means the same as nothing to a runtime.
fn shown(value: Node<'_>) -> Option<String> {
    let is_empty = match value.kind() {
        Kind::Null => true,
        Kind::String => value.as_str().is_none_or(|text| text.is_empty()),
        Kind::Array => value.items().next().is_none(),
        Kind::Object => value.members().next().is_none(),
        _ => false,
    };
    (!is_empty).then(|| value.as_str().map_or_else(|| compact(value), std::borrow::Cow::into_owned))
}

/// JSON without blanks, so that two writers of one value agree.
fn compact(value: Node<'_>) -> String {
    let quote = crate::format::json::quote;
    match value.kind() {
        Kind::Array => format!("[{}]", value.items().map(compact).collect::<Vec<_>>().join(",")),
        Kind::Object => {
            let members = value.members().map(|(name, value)| (name.into_owned(), value)).collect::<BTreeMap<_, _>>();
            let members = members.into_iter().map(|(name, value)| format!("{}:{}", quote(&name), compact(value)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(","))
        }
        Kind::String => quote(&value.as_str().unwrap_or_default()),
        _ => value.raw().to_owned(),
    }
}
