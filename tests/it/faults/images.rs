//! Images: rebased, copied, named and annotated.

use airbase::plan::lifecycle::time::Moment;
use airbase::verbs::lifecycle::{Taking, Words};
use airbase::verbs::{Context, tag};

use super::{Before, Place, adds};

#[test]
fn a_rebase_into_its_own_layout() {
    adds("rebase in place", Before::App, "target", |place, context| {
        place.rebase(place.in_target("app:1"), &["app:2", "app:latest"], context)
    });
    adds("rebase in place under its own name", Before::App, "target", |place, context| {
        place.rebase(place.in_target("app:1"), &["app:1"], context)
    });
}

#[test]
fn a_rebase_that_marks_the_old_image() {
    adds("rebase in place, and the old image is marked", Before::App, "target", |place, context| {
        let now = Moment::strict("2026-01-02T03:04:05Z").unwrap();
        place.rebase_and_mark(place.in_target("app:1"), &["app:2"], Some(now), context)
    });
}

#[test]
fn a_rebase_into_another_layout() {
    let run = |place: &Place<'_>, context: Context<'_>| place.rebase(place.input("app:app:1"), &[], context);
    adds("rebase into another layout", Before::Other, "target", run);
    adds("rebase into an empty directory", Before::Empty, "target", run);
}

#[test]
fn a_rebase_into_a_new_layout() {
    let run = |place: &Place<'_>, context: Context<'_>| place.rebase(place.input("app.tar:app:1"), &[], context);
    adds("rebase into a new layout", Before::Nothing, "target", run);
}

#[test]
fn a_rebase_into_an_archive() {
    let run = |place: &Place<'_>, context: Context<'_>| place.rebase(place.input("app.tar:app:1"), &["app:2"], context);
    adds("rebase into a new archive", Before::Nothing, "target.tar", run);
    adds("rebase over an archive", Before::Archive, "target.tar", run);
}

#[test]
fn a_rebase_into_a_compressed_archive() {
    let run = |place: &Place<'_>, context: Context<'_>| place.rebase(place.input("app.tar:app:1"), &["app:2"], context);
    adds("rebase into a new archive in gzip", Before::Nothing, "target.tgz", run);
    adds("rebase over an archive, into zstd", Before::Archive, "target.tar.zst", run);
    // Blobs of a compressed input are copied aside first.
    let run = |place: &Place<'_>, context: Context<'_>| place.rebase(place.input("app.tar.gz:app:1"), &["app:2"], context);
    adds("rebase from gzip over an archive, into gzip", Before::Archive, "target.tgz", run);
    adds("rebase from gzip into a new archive in zstd", Before::Nothing, "target.tar.zst", run);
}

#[test]
fn a_copy() {
    let run = |place: &Place<'_>, context: Context<'_>| place.copy(place.input("app.tar"), true, None, context);
    adds("copy into a layout", Before::Other, "target", run);
    adds("copy into a new layout", Before::Nothing, "target", run);
    adds("copy over an archive", Before::Archive, "target.tar", run);
    let run = |place: &Place<'_>, context: Context<'_>| place.copy(place.input("app:tool"), false, None, context);
    adds("copy for docker over an archive", Before::Archive, "docker.tar", run);
    adds("copy into a new archive", Before::Nothing, "target.tar", run);
}

#[test]
fn names_and_annotations() {
    adds("tag", Before::App, "target", |place, context| {
        tag::tag(&place.in_target("app:1"), &["tool".to_owned(), "new".to_owned()], None, context).map(drop)
    });
    // The tool has a report, which stays with it.
    adds("tag and mark who loses the name", Before::Referred, "target", |place, context| {
        let taking = Taking { words: Words::default(), now: Moment::strict("2026-11-21").unwrap() };
        tag::tag(&place.in_target("app:1"), &["tool".to_owned()], Some(&taking), context).map(drop)
    });
    adds("annotate in place", Before::App, "target", |place, context| place.annotate(&place.in_target("app:1"), true, "app:red", context));
    adds("annotate into a new layout", Before::Nothing, "target", |place, context| {
        place.annotate(&place.input("app:app:1"), false, "app:red", context)
    });
    adds("annotate into an archive", Before::Nothing, "target.tar", |place, context| {
        place.annotate(&place.input("app.tar:tool"), false, "tool:red", context)
    });
}
