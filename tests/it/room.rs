//! A file system that has no room for what is to be written is told before anything is written. How much room there is the tests say.

use std::fs;
use std::path::Path;

use airbase::foundation::fsys::Faults;
use airbase::foundation::{Code, Result};
use airbase::oci::media_type::Compression;
use airbase::plan::lifecycle::time::Moment;
use airbase::plan::prepare::Registry;
use airbase::verbs::referrers::Carry;
use airbase::verbs::{Choice, Context, Form, Output, Places, batch, copy, prepare, rebase};

use crate::support;
use crate::support::environment::snapshot;
use crate::support::{Environment, Image, Layer, Layout, layer};

/// What a layer is large by: more than every document.
const LARGE: usize = 200_000;

fn large(name: &str) -> Layer {
    // Not compressed, so that its size is known.
    layer(&[&format!("{name}={}", name.repeat(LARGE / name.len()))]).compressed(support::image::Compression::None)
}

/// `in` holds an app on an old base and another image; `bases` the new base.
fn place() -> Environment {
    let environment = Environment::new();
    let old = Image::of(&[&layer(&["os=1"])]);
    let new = Image::of(&[&large("new")]);
    let app = old.and(&[&large("app")]);
    Layout::new().image("registry.example/app:1", &app).image("registry.example/other:1", &old).write(&environment.join("in"));
    Layout::new().image("registry.example/os:1", &old).write(&environment.join("old"));
    let new = new.with_top("created", serde_json::json!("2024-06-01T00:00:00Z"));
    Layout::new().image("registry.example/os:1", &new).write(&environment.join("bases"));
    environment
}

fn path(environment: &Environment, name: &str) -> String {
    environment.join(name).to_str().unwrap().to_owned()
}

fn output(environment: &Environment, name: &str) -> Output {
    let path = environment.join(name);
    let archive = |compression| Output::Archive { path: path.clone(), form: Form::Oci, compression, overwrite: true };
    match name.rsplit_once('.') {
        None => Output::Layout(path),
        Some((_, "gz")) => archive(Compression::Gzip),
        Some(_) => archive(Compression::None),
    }
}

type Write = fn(&Environment, &str, Context<'_>) -> Result<()>;

fn copy_of(environment: &Environment, source: &str, all: bool, out: &str, context: Context<'_>) -> Result<()> {
    let request = copy::Request {
        source: path(environment, source),
        all,
        choice: Choice::default(),
        output: output(environment, out),
        name: None,
        referrers: Some(Carry::default()),
        supersede: None,
        mtime: 0,
    };
    copy::copy(&request, context).map(drop)
}

fn plan(environment: &Environment) {
    let request = batch::PlanRequest {
        inputs: vec![path(environment, "in")],
        places: Places::of(["bases", "old"].map(|name| path(environment, name))),
        ..batch::PlanRequest::default()
    };
    let mut text = String::new();
    batch::plan(&request, Context::standard(), &mut |line| {
        text.push_str(line);
        Ok(())
    })
    .unwrap();
    fs::write(environment.join("plan.jsonl"), text).unwrap();
}

fn apply(environment: &Environment, out: &str, form: batch::As, context: Context<'_>) -> Result<()> {
    plan(environment);
    let request = batch::ApplyRequest {
        plan: environment.join("plan.jsonl"),
        output: environment.join(out),
        form,
        link: false,
        shard: None,
        max_failures: None,
        overwrite: true,
        supersede: None,
        verify: airbase::verbs::Verify::Digest,
        root: None,
        mtime: 0,
        stop: batch::Stop::default(),
    };
    batch::apply(&request, context).map(drop)
}

/// Every verb that writes much, and about how much it writes.
const WRITES: [(&str, Write, usize); 6] = [
    ("copy", |environment, out, context| copy_of(environment, "in:registry.example/app:1", false, out, context), LARGE),
    ("copy --all", |environment, out, context| copy_of(environment, "in", true, out, context), LARGE),
    (
        "prepare -o",
        |environment, out, context| {
            let (registry, now) = (Registry::parse("registry.site")?, Moment::strict("2026-01-01T00:00:00Z")?);
            let request =
                prepare::Request { output: Some(output(environment, out)), ..prepare::Request::of(path(environment, "in"), registry, now) };
            prepare::prepare(&request, context).map(drop)
        },
        LARGE,
    ),
    (
        "rebase",
        |environment, out, context| {
            let request = rebase::Request {
                places: Places::of(["bases", "old"].map(|name| path(environment, name))),
                output: Some(output(environment, out)),
                ..rebase::Request::of(&path(environment, "in:registry.example/app:1"))
            };
            rebase::plan(&request, context)?.apply(context).map(drop)
        },
        2 * LARGE,
    ),
    ("batch apply", |environment, out, context| apply(environment, out, batch::As::Layout, context), 2 * LARGE),
    ("batch apply --as archives", |environment, out, context| apply(environment, out, batch::As::Archives, context), LARGE),
];

fn refused(write: Write, environment: &Environment, out: &str, room: usize) -> bool {
    let faults = Faults::count().with_room(room as u64);
    let before = snapshot(environment.path());
    match write(environment, out, Context { faults: &faults, ..Context::standard() }) {
        Ok(()) => false,
        Err(error) => {
            assert_eq!(error.code(), Code::IoSpace, "{error}");
            let finding = error.finding();
            let bytes = |fact: &Option<airbase::foundation::Fact>| {
                fact.as_ref().unwrap().value.split(' ').next().unwrap().parse::<usize>().unwrap()
            };
            assert!(bytes(&finding.expected) > room && bytes(&finding.found) == room, "{finding:?}");
            assert!(finding.place.as_ref().unwrap().ends_with(out), "{finding:?}");
            assert_eq!(faults.operations(), 0, "something was written");
            let mut after = snapshot(environment.path());
            after.retain(|path, _| !path.ends_with("plan.jsonl"));
            let mut before = before;
            before.retain(|path, _| !path.ends_with("plan.jsonl"));
            assert!(after == before && !Path::new(&environment.join("deep")).exists());
            true
        }
    }
}

#[test]
fn what_does_not_fit_is_not_begun() {
    for (verb, write, size) in WRITES {
        for out in ["out", "deep/er/out", "out.tar"] {
            if verb.starts_with("batch") && out == "out.tar" {
                continue;
            }
            let environment = place();
            assert!(refused(write, &environment, out, 0), "{verb} {out}");
            assert!(refused(write, &environment, out, size - 1), "{verb} {out}");
            // Documents and what a file takes at least are far less than this.
            assert!(!refused(write, &environment, out, size + 100_000), "{verb} {out}");
        }
    }
}

#[test]
fn what_is_there_needs_no_room() {
    for (verb, write, _) in WRITES {
        let environment = place();
        if verb.ends_with("archives") {
            continue;
        }
        assert!(!refused(write, &environment, "out", 10 * LARGE), "{verb}");
        assert!(!refused(write, &environment, "out", 60_000), "{verb}: everything is there");
    }
    // An archive that is replaced stays until the new one is whole.
    let environment = place();
    assert!(!refused(WRITES[0].1, &environment, "out.tar", 10 * LARGE));
    assert!(refused(WRITES[0].1, &environment, "out.tar", LARGE));
    // Of an archive that is compressed nobody knows beforehand how much of such a layer is left.
    assert!(!refused(WRITES[0].1, &environment, "out.tar.gz", LARGE));
}
