//! Statements on the life cycle: made, read whatever tool made them, resolved, followed, enforced.

mod article;
mod check;
mod compact;
mod conventions;
mod doubt;
mod import;
mod inherited;
mod levels;
mod newcomer;
mod oracle;
mod own_words;
mod rules;
mod set;
mod show;
mod supersede;
mod trace;
mod unreadable;
mod writers;

use serde_json::{Value, json};

use crate::support::image::{INDEX, MANIFEST, digest};
use crate::support::{Contents, Environment, Image, Layout, layer};

pub const MICROSOFT: &str = "application/vnd.microsoft.artifact.lifecycle";
pub const MICROSOFT_KEY: &str = "vnd.microsoft.artifact.lifecycle.end-of-life.date";
pub const OWN: &str = "application/vnd.airbase.lifecycle.v1+json";
pub const CREATED: &str = "org.opencontainers.image.created";

pub fn app() -> Image {
    Image::of(&[&layer(&["os=1"]), &layer(&["app=1"])])
}

/// `app:1` for two platforms.
pub fn two_platforms() -> (Environment, Layout) {
    let layout = Layout::new().index("app:1", &[&app(), &app().platform("arm64")], json!({}));
    let environment = Environment::new();
    layout.write(&environment.join("in"));
    (environment, layout)
}

/// Adds a statement as `oras attach` makes it: an entry without a name, an empty layer.
pub fn statement(layout: &mut Layout, subject: &str, artifact_type: &str, annotations: Value) -> String {
    let empty = json!({"mediaType": "application/vnd.oci.empty.v1+json", "digest": digest(b"{}"), "size": 2});
    layout.blob(b"{}");
    let document: Value = serde_json::from_slice(&layout.blobs[subject]).unwrap();
    let subject = json!({"mediaType": document["mediaType"], "digest": subject, "size": layout.blobs[subject].len()});
    let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "artifactType": artifact_type, "config": empty, "layers": [empty],
        "subject": subject, "annotations": annotations});
    let bytes = serde_json::to_vec(&manifest).unwrap();
    let digest = layout.blob(&bytes);
    layout.entry(
        "",
        json!({"mediaType": MANIFEST, "digest": digest, "size": bytes.len(), "artifactType": artifact_type, "annotations": annotations}),
    );
    digest
}

/// The manifest of the only statement on `subject`, found through the list under its fallback tag as regctl finds it.
pub fn listed(contents: &Contents, subject: &str) -> Vec<Value> {
    let Some(list) = contents.named(&subject.replace(':', "-")) else { return Vec::new() };
    let list = contents.json(&list);
    list["manifests"].as_array().unwrap().iter().map(|child| contents.json(child["digest"].as_str().unwrap())).collect()
}

/// The value of a field that holds.
pub fn value<'a>(subject: &'a Value, field: &str) -> Option<&'a str> {
    subject["values"].as_array().unwrap().iter().find(|value| value["field"] == field).map(|value| value["value"].as_str().unwrap())
}
