//! The three-way merge of configs, and the history: the old base's, the app's and the new base's, divided by lines `%%`.
#![no_main]

use airbase::format::json::{Document, Kind, Node};
use airbase::foundation::Limits;
use airbase::oci::{Config, Verified};
use airbase::plan::rebase::instructions::Instructions;
use airbase::plan::rebase::{Preferences, config, history};
use airbase_fuzz::parts;
use libfuzzer_sys::fuzz_target;

const LIMITS: Limits = Limits::STANDARD;

fuzz_target!(|data: &[u8]| {
    let [old, app, new] = parts(data)[..] else { return };
    let read = |bytes: &[u8]| Config::parse(&Verified::authored(bytes.to_vec()), &LIMITS).ok();
    let (Some(app), Some(new)) = (read(app), read(new)) else { return };
    let old = read(old);
    let (old_history, app_history, new_history) = (old.as_ref().map(Config::history), app.history(), new.history());
    let old_layers = old.as_ref().map_or(0, |old| old.diff_ids.len()).min(app.diff_ids.len());
    let histories = history::Input {
        old: old_history.as_deref(),
        app: &app_history,
        new: &new_history,
        old_layers,
        app_layers: app.diff_ids.len(),
        new_layers: new.diff_ids.len(),
    };
    let own = Instructions::of(history::own(&histories).iter().copied());
    let preferences = Preferences::parse([""; 0]).expect("none");
    let merge = || config::merge(old.as_ref().map(Config::root), app.root(), new.root(), &own, &preferences);
    let merged = merge();
    assert!(merged == merge(), "the same documents give another one");
    let text = merged.document.render();
    let document = Document::parse(text.as_bytes(), &LIMITS).expect("what is written can be read");
    platform(new.root(), document.root());
    if let Some(entries) = history::align(&histories).entries {
        let is_empty = |text: &str| Document::parse(text.as_bytes(), &LIMITS).is_ok_and(|entry| empty(entry.root()));
        let filled = entries.iter().filter(|entry| !is_empty(&entry.render())).count();
        assert_eq!(filled, new.diff_ids.len() + app.diff_ids.len() - old_layers, "an entry of the history for each layer");
    }
});

/// The result runs where the new base runs.
fn platform(new: Node<'_>, merged: Node<'_>) {
    for field in ["architecture", "os"] {
        let text = |node: Node<'_>| node.get(field).filter(|value| value.kind() == Kind::String).map(|value| value.raw().to_owned());
        if let Some(own) = text(new) {
            assert_eq!(text(merged), Some(own), "{field}");
        }
    }
}

fn empty(entry: Node<'_>) -> bool {
    entry.get("empty_layer").and_then(Node::as_bool) == Some(true)
}
