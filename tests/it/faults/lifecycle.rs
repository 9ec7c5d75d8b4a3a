//! Statements on the life cycle.

use airbase::foundation::Result;
use airbase::plan::lifecycle::time::Moment;
use airbase::verbs::lifecycle::{Authorship, End, Words};
use airbase::verbs::{Context, lifecycle};

use super::{Before, adds};

fn now() -> Moment {
    Moment::strict("2026-11-21").unwrap()
}

/// States an end of life of an image and its platforms.
pub(super) fn set(image: String, end: &str, context: Context<'_>) -> Result<()> {
    let words = Words { eol: Some(End::parse(end)?), ..Words::default() };
    let request = lifecycle::Set { words, ..lifecycle::Set::of([image], now()) };
    lifecycle::set(&request, context).map(drop)
}

fn supersede(old: String, new: String, context: Context<'_>) -> Result<()> {
    let request = lifecycle::Supersede { old, new, words: Words::default(), force: false, by: Authorship::default(), now: now() };
    lifecycle::supersede(&request, context).map(drop)
}

#[test]
fn an_end_of_life_is_stated() {
    adds("lifecycle set", Before::App, "target", |place, context| set(place.in_target("app:1"), "2026-12-01", context));
    adds("lifecycle set once more", Before::Referred, "target", |place, context| set(place.in_target("app:1"), "2027-02-01", context));
}

#[test]
fn a_successor_is_stated() {
    adds("lifecycle supersede by an image elsewhere", Before::App, "target", |place, context| {
        supersede(place.in_target("app:1"), place.input("bases:os:new"), context)
    });
    // The tool has a report, which stays with it, and the app says so.
    adds("lifecycle supersede by an image beside it", Before::Referred, "target", |place, context| {
        supersede(place.in_target("tool"), place.in_target("app:1"), context)
    });
}

#[test]
fn what_a_list_asks_for_is_stated() {
    adds("lifecycle import", Before::App, "target", |place, context| {
        let request = lifecycle::Import {
            file: place.input("list.json").into(),
            paths: vec![place.target.to_str().unwrap().to_owned()],
            product: None,
            dry_run: false,
            by: Authorship::default(),
            now: now(),
        };
        lifecycle::import(&request, context).map(drop)
    });
}

/// Statements leave the lists, and their blobs stay.
#[test]
fn old_statements_go() {
    adds("lifecycle compact", Before::Referred, "target", |place, context| {
        let request = lifecycle::Compact { image: place.in_target("app:1"), dry_run: false, by: Authorship::default(), now: now() };
        lifecycle::compact(&request, context).map(drop)
    });
}
