//! What takes away: names, entries, referrers, blobs.

use airbase::foundation::TypedDigest;
use airbase::foundation::clock::Time;
use airbase::plan::lifecycle::time::Span;
use airbase::verbs::{gc, referrers, rm, tag};

use super::{Before, removes};

#[test]
fn a_name_is_removed_or_not() {
    removes("untag", Before::App, |place, context| tag::untag(&place.in_target("tool"), context).map(drop));
}

#[test]
fn an_image_is_removed_or_not() {
    removes("rm", Before::Referred, |place, context| rm::rm(&place.in_target("app:1"), false, false, context).map(drop));
    removes("rm with what refers to it", Before::Referred, |place, context| {
        rm::rm(&place.in_target("app:1"), true, false, context).map(drop)
    });
}

#[test]
fn a_referrer_is_taken_away_or_not() {
    removes("detach", Before::Referred, |place, context| {
        referrers::detach(&place.in_target("app:1"), &TypedDigest::Whole(place.report.clone()), context).map(drop)
    });
}

/// Blobs go after the index that named them, and whatever is left is found by the next run.
#[test]
fn what_goes_is_gone_or_whole() {
    for (what, before) in [("gc", Before::Orphaned), ("gc of old lists", Before::Referred)] {
        removes(what, before, |place, context| {
            let request = gc::Request {
                path: place.target.clone(),
                apply: true,
                grace: Span::NONE,
                orphans: false,
                allow_sparse: false,
                allow_empty: true,
                now: Time::now(),
            };
            gc::gc(&request, context).map(drop)
        });
    }
}
