//! What refers to images, collections of them, and what is handed over.

use std::path::Path;

use airbase::foundation::clock::Time;
use airbase::foundation::{Digest, Result};
use airbase::plan::lifecycle::time::Moment;
use airbase::plan::prepare::Registry;
use airbase::verbs::doctor::{Fix, doctor};
use airbase::verbs::referrers::{Attach, Carry};
use airbase::verbs::{Context, Output, collection, prepare, referrers};

use super::{Before, Place, adds};
use crate::support::Contents;

/// Attaches a report to an image and its platforms.
pub(super) fn attach(image: String, output: Option<Output>, context: Context<'_>) -> Result<()> {
    referrers::attach(&request(image, REPORT, output), context).map(drop)
}

fn request(image: String, artifact_type: &str, output: Option<Output>) -> Attach {
    Attach {
        image,
        files: Vec::new(),
        artifact_type: artifact_type.to_owned(),
        annotations: Vec::new(),
        created: Time::parse("2026-01-02T03:04:05Z").unwrap(),
        all: true,
        members: false,
        platform: None,
        missing: None,
        output,
        names: Vec::new(),
        mtime: 0,
    }
}

const REPORT: &str = "application/x-report";

/// The report on `subject` in a layout, found through the list under its fallback tag.
pub(super) fn report_on(layout: &Path, subject: &str) -> Digest {
    let contents = Contents::of(layout);
    let list = contents.json(&contents.named(&subject.replace(':', "-")).unwrap());
    let report = list["manifests"].as_array().unwrap().iter().find(|child| child["artifactType"] == REPORT).unwrap();
    report["digest"].as_str().unwrap().parse().unwrap()
}

pub(super) fn collect(output: Output, app: String, tool: String, context: Context<'_>) -> Result<()> {
    let depends = vec![("app:1".to_owned(), "tool".to_owned())];
    let (name, members) = ("suite:1".to_owned(), vec![app, tool]);
    let request = collection::Create { name, members, depends, annotations: Vec::new(), output, mtime: 0 };
    collection::create(&request, context).map(drop)
}

#[test]
fn something_is_attached() {
    adds("attach in place", Before::App, "target", |place, context| attach(place.in_target("app:1"), None, context));
    let run = |place: &Place<'_>, context: Context<'_>| attach(place.input("app:app:1"), Some(place.output()), context);
    adds("attach into another layout", Before::Other, "target", run);
    adds("attach into a new layout", Before::Nothing, "target", run);
    adds("attach over an archive", Before::Archive, "target.tar", run);
}

#[test]
fn something_is_attached_to_the_members_of_a_collection() {
    adds("attach to members", Before::Collected, "target", |place, context| {
        // Another one than the report that the members have already.
        let request = Attach { members: true, ..request(place.in_target("suite:1"), "application/x-audit", None) };
        referrers::attach(&request, context).map(drop)
    });
}

#[test]
fn images_are_copied_with_their_referrers() {
    let run = |place: &Place<'_>, context: Context<'_>| place.copy(place.input("referred:app:1"), false, Some(Carry::default()), context);
    adds("copy with referrers into another layout", Before::Other, "target", run);
    adds("copy with referrers into a layout that has some", Before::Unlisted, "target", run);
    adds("copy with referrers into a new layout", Before::Nothing, "target", run);
    adds("copy with referrers over an archive", Before::Archive, "target.tar", run);
}

#[test]
fn lists_are_written_anew() {
    adds("doctor --fix", Before::Unlisted, "target", |place, context| doctor(&place.target, Fix::Listed, context).map(drop));
}

#[test]
fn a_collection_is_made() {
    adds("collection create in place", Before::App, "target", |place, context| {
        collect(place.output(), place.in_target("app:1"), place.in_target("tool"), context)
    });
    let run = |place: &Place<'_>, context: Context<'_>| collect(place.output(), place.input("app:app:1"), place.input("app:tool"), context);
    adds("collection create into another layout", Before::Other, "target", run);
    adds("collection create over an archive", Before::Archive, "target.tar", run);
}

#[test]
fn what_a_registry_wants_is_written() {
    let run = |place: &Place<'_>, context: Context<'_>| {
        let request = prepare::Request {
            output: Some(place.output()),
            ..prepare::Request::of(place.input("referred"), Registry::parse("registry.site/team")?, Moment::strict("2026-11-29T00:00:00Z")?)
        };
        prepare::prepare(&request, context).map(drop)
    };
    adds("prepare into a new layout", Before::Nothing, "target", run);
    adds("prepare into another layout", Before::Other, "target", run);
    adds("prepare over an archive", Before::Archive, "target.tar", run);
}
