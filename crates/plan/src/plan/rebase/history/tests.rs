use proptest::prelude::*;

use super::*;
use crate::format::json::Document;
use crate::foundation::Limits;

/// Histories as JSON lists, then the layers of old base, app and new base.
type Case<'a> = (Option<&'a str>, &'a str, &'a str, [usize; 3]);

fn with<T>((old, app, new, layers): Case<'_>, check: impl FnOnce(&Input<'_>, &Aligned) -> T) -> T {
    fn nodes(text: &str) -> Vec<Node<'_>> {
        Document::parse(text.as_bytes(), &Limits::STANDARD).unwrap().root().items().collect()
    }
    let (old, app, new) = (old.map(nodes), nodes(app), nodes(new));
    let [old_layers, app_layers, new_layers] = layers;
    let input = Input { old: old.as_deref(), app: &app, new: &new, old_layers, app_layers, new_layers };
    check(&input, &align(&input))
}

#[track_caller]
fn check(case: Case<'_>, expected: Option<&[&str]>, fits: bool) {
    with(case, |_, aligned| {
        let entries: Option<Vec<String>> = aligned.entries.as_ref().map(|entries| entries.iter().map(Value::render).collect());
        assert_eq!(entries, expected.map(|list| list.iter().map(|text| (*text).to_owned()).collect()));
        assert_eq!(aligned.notes.is_empty(), fits, "{:?}", aligned.notes);
        assert!(aligned.notes.iter().all(|note| note.code == Code::ImageHistory));
    });
}

const B1: &str = r#"{"created":"2024-01-01T00:00:00Z","created_by":"ADD old"}"#;
const B1_CMD: &str = r#"{"created":"2024-01-01T00:00:00Z","created_by":"CMD old","empty_layer":true}"#;
const N1: &str = r#"{"created":"2025-01-01T00:00:00Z","created_by":"ADD new"}"#;
const N1_CMD: &str = r#"{"created":"2025-01-01T00:00:00Z","created_by":"CMD new","empty_layer":true}"#;
const A1: &str = r#"{"created_by":"COPY app", "comment":"ours"}"#;
const A2: &str = r#"{"created_by":"RUN app"}"#;
const A_ENV: &str = r#"{"created_by":"ENV app","empty_layer":true}"#;
const NONE: &str = NOT_RECORDED;
const PAD: &str = r#"{"created":"0001-01-01T00:00:00Z"}"#;

fn list(entries: &[&str]) -> String {
    format!("[{}]", entries.join(","))
}

#[test]
fn ordinary() {
    let (old, app, new) = (list(&[B1, B1_CMD]), list(&[B1, B1_CMD, A_ENV, A1, A_ENV, A2]), list(&[N1, N1_CMD]));
    check((Some(&old), &app, &new, [1, 3, 1]), Some(&[N1, N1_CMD, A_ENV, A1, A_ENV, A2]), true);
}

#[test]
fn nobody_has_history() {
    check((Some("[]"), "[]", "[]", [2, 4, 3]), None, true);
    check((None, "[]", "[]", [2, 4, 3]), None, true);
    // Nothing is known about any layer of the result.
    check((Some(&list(&[B1])), &list(&[B1]), "[]", [1, 1, 2]), None, true);
}

#[test]
fn base_without_history_and_one_entry_of_the_apps_own() {
    check((Some("[]"), &list(&[A1]), &list(&[N1]), [3, 4, 1]), Some(&[N1, A1]), true);
    check((Some("[]"), &list(&[A1]), "[]", [3, 4, 2]), Some(&[NONE, NONE, A1]), false);
    check((None, &list(&[A1]), &list(&[N1]), [3, 4, 1]), Some(&[N1, A1]), true);
}

#[test]
fn base_without_history_and_a_builder_that_padded_the_apps() {
    check((Some("[]"), &list(&[PAD, PAD, A1]), &list(&[N1]), [2, 3, 1]), Some(&[N1, A1]), true);
    check((Some("[]"), &list(&[PAD, PAD, A1]), &list(&[PAD, PAD]), [2, 3, 2]), Some(&[PAD, PAD, A1]), true);
}

#[test]
fn dates_that_are_missing_or_filled_in() {
    let bare = r#"{"created_by":"ADD old"}"#;
    let zero = r#"{"created":null,"created_by":"ADD old","comment":""}"#;
    let new = list(&[N1]);
    for old in [bare, zero, B1] {
        for app in [bare, zero, B1] {
            check((Some(&list(&[old, B1_CMD])), &list(&[app, B1_CMD, A1]), &new, [1, 2, 1]), Some(&[N1, A1]), true);
        }
    }
}

#[test]
fn settings_of_the_base_are_not_repeated() {
    // The builder wrote the base's layer in other words, so only position and settings tell where the app begins.
    let retold = r#"{"created_by":"/bin/sh -c #(nop) ADD old"}"#;
    let (old, new) = (list(&[B1, B1_CMD]), list(&[N1, N1_CMD]));
    let app = list(&[retold, B1_CMD, A_ENV, A1]);
    check((Some(&old), &app, &new, [1, 2, 1]), Some(&[N1, N1_CMD, A_ENV, A1]), true);
    // Without the old base nobody can tell whose settings they are.
    check((None, &app, &new, [1, 2, 1]), Some(&[N1, N1_CMD, B1_CMD, A_ENV, A1]), true);
}

#[test]
fn an_app_of_settings_only_keeps_them() {
    let (old, new) = (list(&[B1, B1_CMD]), list(&[N1]));
    check((Some(&old), &list(&[B1, B1_CMD, A_ENV]), &new, [1, 1, 1]), Some(&[N1, A_ENV]), true);
    check((None, &list(&[B1, A_ENV]), &new, [1, 1, 1]), Some(&[N1, A_ENV]), true);
    check((Some("[]"), &list(&[A_ENV]), &new, [2, 2, 1]), Some(&[N1, A_ENV]), true);
    // More was recorded than there are layers: what follows the last one is the app's.
    check((Some(&old), &list(&[PAD, PAD, PAD, B1_CMD, A_ENV]), &new, [1, 1, 1]), Some(&[N1, A_ENV]), false);
}

#[test]
fn a_layer_without_a_name_is_a_layer() {
    let (old, app) = (list(&[PAD]), list(&[PAD, PAD, PAD]));
    check((Some(&old), &app, &list(&[N1]), [1, 3, 1]), Some(&[N1, PAD, PAD]), true);
}

#[test]
fn too_few_entries_are_padded_in_front() {
    let (old, new) = (list(&[B1]), list(&[N1, N1_CMD]));
    check((Some(&old), &list(&[B1, A_ENV, A1]), &new, [1, 3, 2]), Some(&[NONE, N1, N1_CMD, NONE, A_ENV, A1]), false);
    // The count would fit the app's own layers, but one entry is the base's.
    check((Some(&old), &list(&[B1, A1]), &list(&[N1]), [1, 3, 1]), Some(&[N1, NONE, A1]), false);
    check((None, "[]", &list(&[N1]), [1, 2, 1]), Some(&[N1, NONE]), false);
    check((None, &list(&[A1]), "[]", [1, 2, 1]), Some(&[NONE, A1]), false);
}

#[test]
fn too_many_entries_are_cut_in_front() {
    let app = list(&[B1, PAD, A_ENV, A1, A_ENV, A2, A_ENV]);
    check((None, &app, &list(&[N1]), [1, 3, 1]), Some(&[N1, A1, A_ENV, A2, A_ENV]), false);
    check((Some("[]"), &list(&[A1, A2]), &list(&[B1, B1_CMD, N1, N1_CMD]), [0, 2, 1]), Some(&[N1, N1_CMD, A1, A2]), false);
}

#[test]
fn a_scratch_base_gives_nothing() {
    check((Some("[]"), &list(&[A_ENV, A1]), &list(&[N1]), [0, 1, 1]), Some(&[N1, A_ENV, A1]), true);
    check((Some(&list(&[B1])), &list(&[B1, A1]), "[]", [1, 2, 0]), Some(&[A1]), true);
}

fn entries() -> impl Strategy<Value = Vec<&'static str>> {
    let odd = ["null", "7", "[]", r#""x""#, r#"{"empty_layer":"true"}"#, r#"{"empty_layer":false,"created_by":7}"#];
    let entry = prop::sample::select([&[B1, B1_CMD, N1, N1_CMD, A1, A2, A_ENV, PAD, NONE], odd.as_slice()].concat());
    proptest::collection::vec(entry, 0..8)
}

proptest! {
    #[test]
    fn history_fits_the_layers_whatever_was_recorded(
        old in proptest::option::of(entries()), own in entries(), app in entries(), new in entries(), inherits: bool,
        old_layers in 0_usize..5, tail in 0_usize..5, new_layers in 0_usize..5,
    ) {
        let app = match &old {
            Some(old) if inherits => [old.as_slice(), own.as_slice()].concat(),
            _ => app,
        };
        let old = old.map(|old| list(&old));
        with((old.as_deref(), &list(&app), &list(&new), [old_layers, old_layers + tail, new_layers]), |input, aligned| {
            if let Some(entries) = &aligned.entries {
                let texts: Vec<String> = entries.iter().map(Value::render).collect();
                let layers = texts.iter().filter(|text| !text.contains(r#""empty_layer":true"#)).count();
                prop_assert_eq!(layers, new_layers + tail);
                for text in texts.iter().filter(|text| *text != NONE) {
                    prop_assert!(input.app.iter().chain(input.new).any(|entry| entry.raw() == text), "invented {}", text);
                }
                prop_assert!(texts.iter().any(|text| text != NONE) || input.app.iter().chain(input.new).any(|entry| entry.raw() == NONE));
            }
            Ok(())
        })?;
    }

    /// Counts that contradict each other are a bug elsewhere; they do not stop anybody here.
    #[test]
    fn impossible_counts_do_no_harm(old in entries(), app in entries(), new in entries(), layers in any::<[u8; 3]>()) {
        let (old, app, new) = (list(&old), list(&app), list(&new));
        with((Some(&old), &app, &new, layers.map(usize::from)), |_, _| ());
    }

    /// Rebasing onto the base that is there gives the history that is there.
    #[test]
    fn the_same_base_changes_nothing(base in entries(), own in entries()) {
        let layers = |list: &[&str]| list.iter().filter(|text| !text.contains(r#""empty_layer":true"#)).count();
        let app = [base.as_slice(), own.as_slice()].concat();
        let count = [layers(&base), layers(&app), layers(&base)];
        with((Some(&list(&base)), &list(&app), &list(&base), count), |_, aligned| {
            let texts: Vec<String> = aligned.entries.iter().flatten().map(Value::render).collect();
            prop_assert_eq!(&texts, &app);
            prop_assert!(aligned.notes.is_empty());
            Ok(())
        })?;
    }
}
