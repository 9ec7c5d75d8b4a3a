//! One rebase from old base, app and new base to what was written, read back without the library.

use serde_json::Value;

use super::image::{Image, Layer, Layout, ReadBack, texts};
use super::{Environment, image};

/// What a rebase wrote.
#[derive(Debug)]
pub struct Rebased {
    /// The JSON report.
    pub report: Value,
    /// The manifest or index of the result.
    pub document: Value,
    /// Its config, if it is a manifest.
    pub config: Value,
    /// The layout that holds it.
    pub out: ReadBack,
    /// Keeps the directory, if nobody else does.
    _place: Option<Environment>,
}

/// A place with the layouts `bases` (`os:old`, `os:new`) and `apps` (`app:1`).
pub fn place(old: &Image, app: &Image, new: &Image) -> Environment {
    let environment = Environment::new();
    Layout::new().image("os:old", old).image("os:new", new).write(&environment.join("bases"));
    Layout::new().image("app:1", app).write(&environment.join("apps"));
    environment
}

/// Rebases `app:1` from whatever it stands on among `bases` onto `os:new`; the result is `out:app:2`.
pub const ONTO_NEW: [&str; 8] = ["rebase", "apps:app:1", "--bases", "bases", "--onto", "bases:os:new", "-o", "out:app:2"];

/// [`ONTO_NEW`] in a place of its own.
pub fn rebase(old: &Image, app: &Image, new: &Image) -> Rebased {
    rebase_with(old, app, new, &[])
}

/// [`ONTO_NEW`] with further arguments.
pub fn rebase_with(old: &Image, app: &Image, new: &Image, more: &[&str]) -> Rebased {
    let place = place(old, app, new);
    let rebased = run(&place, &[&ONTO_NEW, more].concat(), "out", "app:2");
    Rebased { _place: Some(place), ..rebased }
}

/// Runs a rebase that must succeed, and reads `name` in the layout `out`.
pub fn run(environment: &Environment, arguments: &[&str], out: &str, name: &str) -> Rebased {
    let report: Value = serde_json::from_str(&environment.ok(&[arguments, &["--format", "json"]].concat()).out).unwrap();
    assert_eq!(report["schema"], "airbase.rebase/v1");
    assert_eq!(report["status"], "written", "{report:#}");
    let out = ReadBack::open(&environment.join(out));
    let document = out.named(name);
    let config = if document.get("config").is_some() { out.config(&document) } else { Value::Null };
    assert_eq!(report["result"]["digest"], image::digest(&out.bytes_of(name)), "the report names what was written");
    Rebased { report, document, config, out, _place: None }
}

impl Rebased {
    /// The annotations of the document.
    pub fn annotations(&self) -> &Value {
        &self.document["annotations"]
    }

    /// Checks that the layers of the result are these, in manifest and config.
    #[track_caller]
    pub fn expect_layers(&self, layers: &[&Layer]) {
        expect_layers(&self.document, &self.config, layers);
    }

    /// The codes of the findings of the only platform.
    pub fn codes(&self) -> Vec<&str> {
        codes(&self.report["platforms"][0]["findings"])
    }

    /// The decisions of the merge as `(field, kind)`.
    pub fn decisions(&self) -> Vec<(&str, &str)> {
        let decisions = self.report["platforms"][0]["decisions"].as_array().unwrap();
        decisions.iter().map(|decision| (decision["field"].as_str().unwrap(), decision["kind"].as_str().unwrap())).collect()
    }

    /// The decision about `field`.
    pub fn decision(&self, field: &str) -> &Value {
        let decisions = self.report["platforms"][0]["decisions"].as_array().unwrap();
        decisions.iter().find(|decision| decision["field"] == field).unwrap_or_else(|| panic!("{field} in {decisions:#?}"))
    }
}

/// The codes of findings.
pub fn codes(findings: &Value) -> Vec<&str> {
    findings.as_array().unwrap().iter().map(|finding| finding["code"].as_str().unwrap()).collect()
}

/// Checks that manifest and config have these layers.
#[track_caller]
pub fn expect_layers(manifest: &Value, config: &Value, layers: &[&Layer]) {
    let digests: Vec<&str> = manifest["layers"].as_array().unwrap().iter().map(|layer| layer["digest"].as_str().unwrap()).collect();
    assert_eq!(digests, layers.iter().map(|layer| layer.digest()).collect::<Vec<_>>(), "the blobs");
    assert_eq!(texts(&config["rootfs"]["diff_ids"]), layers.iter().map(|layer| layer.diff_id()).collect::<Vec<_>>(), "the diffIDs");
}
