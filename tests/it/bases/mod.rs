//! What an image is based on and what the name of that base means now: evidence before names, and one decision for all verbs.

mod agree;
mod claims;
mod itself;
mod model;
mod names;
mod records;
mod same_image;
mod stopped;

use serde_json::{Value, json};

use crate::batch::items;
use crate::support::environment::snapshot;
use crate::support::{Environment, Image, Layer, Layout, layer};

pub const NAME: &str = "org.opencontainers.image.base.name";
pub const DIGEST: &str = "org.opencontainers.image.base.digest";
pub const LATER: &str = "2024-06-01T00:00:00Z";

/// A layer that is told from others by these words.
pub fn own(words: &str) -> Layer {
    layer(&[&format!("{}=1", words.replace(' ', "/"))])
}

/// Writes layouts into a place.
pub fn place(layouts: &[(&str, Layout)]) -> Environment {
    let environment = Environment::new();
    for (name, layout) in layouts {
        layout.write(&environment.join(name));
    }
    environment
}

pub fn later(image: Image) -> Image {
    image.with_top("created", json!(LATER))
}

pub fn labelled(image: Image, key: &str, value: &str) -> Image {
    image.with("Labels", json!({key: value}))
}

/// `base show app --bases bases`: the exit status and the only platform.
pub fn show(environment: &Environment, more: &[&str]) -> (i32, Value) {
    let (status, report) = environment.json(&[&["base", "show", "app", "--bases", "bases"], more].concat());
    (status, report["platforms"][0].clone())
}

/// `outdated app --bases bases`: the exit status and the only item.
pub fn outdated(environment: &Environment, more: &[&str]) -> (i32, Value) {
    let (status, report) = environment.json(&[&["outdated", "app", "--bases", "bases"], more].concat());
    let items = report["items"].as_array().unwrap().clone();
    assert_eq!(items.len(), 1, "{report:#}");
    (status, items[0].clone())
}

/// `batch plan app --bases bases`: the only item.
pub fn planned(environment: &Environment, more: &[&str]) -> Value {
    let outcome = environment.ok(&[&["batch", "plan", "app", "--bases", "bases"], more].concat());
    let items = items(&outcome.out);
    assert_eq!(items.len(), 1, "{items:#?}");
    items[0].clone()
}

/// A rebase that must be refused with `code` and exit status 4, and must write nothing; what it says.
pub fn refused(environment: &Environment, more: &[&str], code: &str) -> String {
    let before = snapshot(environment.path());
    let outcome = environment.refused(&[&["rebase", "app", "--bases", "bases", "-o", "out"], more].concat(), code, 4);
    assert_eq!(snapshot(environment.path()), before, "nothing is written");
    outcome.err
}

/// A rebase that must be written; the layers of its result.
pub fn moved(environment: &Environment, more: &[&str]) -> (Value, Vec<String>) {
    let out = tempfile::tempdir_in(environment.path()).unwrap();
    let output = format!("{}:moved:1", out.path().display());
    let (status, report) = environment.json(&[&["rebase", "app", "--bases", "bases", "-o", &output], more].concat());
    assert_eq!((status, &report["status"]), (0, &json!("written")), "{report:#}");
    let layers = report["platforms"][0]["layers"].as_array().unwrap();
    let layers = layers.iter().map(|layer| layer["digest"].as_str().unwrap().to_owned()).collect();
    (report, layers)
}

pub fn digests(layers: &[&Layer]) -> Vec<String> {
    layers.iter().map(|layer| layer.digest()).collect()
}
