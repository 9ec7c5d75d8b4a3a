//! A kill, a full disk or a failing disk at every single change of the file system, signals, and what a second run does about it.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use airbase::foundation::fsys::{Faults, Operation, is_temporary};
use airbase::foundation::{Code, Result};
use airbase::plan::lifecycle::time::Moment;
use airbase::verbs::batch::{ApplyRequest, As, MergeRequest, Stop, apply, merge};
use airbase::verbs::lifecycle::{Taking, Words};
use airbase::verbs::{Context, Verify};
use rustix::io::Errno;

use super::supersede::follower;
use super::{World, items, plan, seen};
use crate::support::environment::snapshot;
use crate::support::{Contents, Environment};

fn request(environment: &Environment, out: PathBuf, form: As, shard: Option<&str>) -> ApplyRequest {
    ApplyRequest {
        plan: environment.join("plan.jsonl"),
        output: out,
        form,
        link: false,
        shard: shard.map(|text| airbase::plan::batch::shard::Shard::parse(text).unwrap()),
        max_failures: None,
        overwrite: false,
        supersede: None,
        verify: Verify::Digest,
        root: Some(environment.path().to_owned()),
        mtime: 0,
        stop: Stop::default(),
    }
}

/// What is refused at the n-th change.
type Gate = fn(u64) -> Faults;

/// Refuses the n-th change for every n, in every way; after each run the output is whole, and another run completes it.
fn sweep(form: As, run: &dyn Fn(&Environment, PathBuf, Context<'_>) -> Result<()>) {
    sweep_after(&|_| (), &|_| (), form, run);
}

/// The same into an output that `before` makes; `holds` is asked about whatever is there after a run that was disturbed.
fn sweep_after(
    before: &dyn Fn(&Path),
    holds: &dyn Fn(&Contents),
    form: As,
    run: &dyn Fn(&Environment, PathBuf, Context<'_>) -> Result<()>,
) {
    let inputs = Environment::new();
    World::new(3).write(&inputs);
    plan(&inputs, &["apps", "old", "--bases", "bases"]);
    let untouched = snapshot(inputs.path());
    let undisturbed = Environment::new();
    before(&undisturbed.join("out"));
    run(&inputs, undisturbed.join("out"), Context { jobs: 1, ..Context::standard() }).unwrap();
    let complete = seen(&undisturbed, "out").files;
    let gates: [(&str, Gate); 4] = [
        ("kill", Faults::kill_at),
        ("no space once", |n| Faults::fail_at(n, Errno::NOSPC)),
        ("no space from then on", |n| Faults::fail_from(n, Errno::NOSPC)),
        ("I/O error once", |n| Faults::fail_at(n, Errno::IO)),
    ];
    for (kind, gate) in gates {
        for n in 1.. {
            let what = format!("{kind} at {n}");
            let directory = Environment::new();
            let out = directory.join("out");
            before(&out);
            let faults = gate(n);
            let code =
                run(&inputs, out.clone(), Context { jobs: 1, faults: &faults, ..Context::standard() }).err().map(|error| error.code());
            assert!(matches!(code, None | Some(Code::Io | Code::IoSpace | Code::IoAfterPublication)), "{what}: {code:?}");
            assert!(!kind.contains("space") || code != Some(Code::Io), "{what}: a full disk is told as such");
            if out.join("index.json").exists() && out.join("oci-layout").exists() {
                let contents = Contents::of(&out);
                contents.whole();
                holds(&contents);
            }
            if form == As::Layout && out.join("blobs").exists() {
                let contents = Contents::of(&out);
                let named = contents.files.into_iter().filter(|(name, _)| !is_temporary(name.as_bytes())).collect();
                Contents { files: named }.blobs();
            }
            run(&inputs, out.clone(), Context { jobs: 1, ..Context::standard() }).unwrap_or_else(|error| panic!("{what}, again: {error}"));
            let mut now = seen(&directory, "out").files;
            now.retain(|name, _| !is_temporary(name.rsplit('/').next().unwrap().as_bytes()) && name != "index.json.lock");
            assert!(now == complete, "{what}: the second run gives something else");
            if faults.refused() == 0 {
                assert!(n > 20, "{what}: that is all");
                break;
            }
        }
    }
    assert!(untouched == snapshot(inputs.path()));
}

#[test]
fn a_batch_into_a_layout_survives_every_fault() {
    sweep(As::Layout, &|inputs, out, context| apply(&request(inputs, out, As::Layout, None), context).map(drop));
}

#[test]
fn shards_and_their_merge_survive_every_fault() {
    sweep(As::Layout, &|inputs, out, context| {
        for shard in ["1/2", "2/2"] {
            apply(&request(inputs, out.clone(), As::Layout, Some(shard)), context)?;
        }
        merge(&MergeRequest { output: out.clone(), plan: None, overwrite: false, now: now() }, context).map(drop)
    });
}

/// A name and the marks that belong to it come together or not at all.
fn marked_as_moved(contents: &Contents) {
    let apps = World::new(3).apps;
    for number in 0..3 {
        let name = format!("registry.example/app-{number}:1.0");
        let (old, now) = (apps.digest_of(&name), contents.named(&name).unwrap());
        assert_eq!(follower(contents, &old), (now != old).then_some(now), "{name}");
    }
}

fn marking(inputs: &Environment, out: PathBuf, shard: Option<&str>) -> ApplyRequest {
    ApplyRequest { supersede: Some(Taking { words: Words::default(), now: now() }), ..request(inputs, out, As::Layout, shard) }
}

fn now() -> Moment {
    Moment::strict("2026-11-21").unwrap()
}

#[test]
fn marks_on_old_images_survive_every_fault() {
    sweep_after(&|out| World::new(3).apps.write(out), &marked_as_moved, As::Layout, &|inputs, out, context| {
        apply(&marking(inputs, out, None), context).map(drop)
    });
}

#[test]
fn marks_that_shards_ask_for_survive_every_fault() {
    sweep_after(&|out| World::new(3).apps.write(out), &marked_as_moved, As::Layout, &|inputs, out, context| {
        for shard in ["1/2", "2/2"] {
            apply(&marking(inputs, out.clone(), Some(shard)), context)?;
        }
        merge(&MergeRequest { output: out.clone(), plan: None, overwrite: false, now: now() }, context).map(drop)
    });
}

/// Files of one layout into another, over what is there.
fn overlay(from: &Path, to: &Path) {
    for (path, bytes) in snapshot(from) {
        let place = to.join(path.strip_prefix(from).unwrap());
        std::fs::create_dir_all(place.parent().unwrap()).unwrap();
        std::fs::write(place, bytes).unwrap();
    }
}

/// Three apps, the plan for them, and an output that holds them already: the place of it.
fn in_place(environment: &Environment) -> (World, PathBuf) {
    let world = World::new(3);
    world.write(environment);
    plan(environment, &["apps", "old", "--bases", "bases"]);
    let out = environment.join("out");
    world.apps.write(&out);
    (world, out)
}

/// A program that knows no lock writes the index at the worst moment: when the marks are made and their lists are written.
#[test]
fn marks_give_way_to_what_another_program_wrote_meanwhile() {
    let environment = Environment::new();
    let (world, out) = in_place(&environment);
    // Its version: an SBOM on the first image, and a name that keeps the second one from having a list.
    let theirs = environment.join("theirs");
    world.apps.write(&theirs);
    let old = |number: usize| world.apps.digest_of(&format!("registry.example/app-{number}:1.0"));
    let (_, attached) = environment.json(&["attach", "theirs:app-0:1.0", "--type", "application/spdx+json"]);
    let sbom = attached["attached"][0]["digest"].as_str().unwrap();
    environment.ok(&["tag", "theirs:app-2:1.0", &old(1).replace(':', "-")]);
    let once = AtomicBool::new(false);
    let target = out.clone();
    let faults = Faults::count().meanwhile(Operation::Exchange, move || {
        if !once.swap(true, Ordering::SeqCst) {
            overlay(&theirs, &target);
        }
    });
    let report = apply(&marking(&environment, out.clone(), None), Context { faults: &faults, ..Context::standard() }).unwrap();
    assert_eq!((report.moved, report.superseded, report.unmarked.len()), (3, 3, 0), "{report:#?}");
    // Nobody keeps a mark from an image by what they put in the place of its list; that it is not on a list is told.
    let places: Vec<&str> = report.findings.iter().filter_map(|finding| finding.place.as_deref()).collect();
    assert_eq!(places, [old(1).replace(':', "-")], "{report:#?}");
    assert_eq!(report.findings[0].code, Code::ReferrerFallbackTag);
    let contents = seen(&environment, "out");
    contents.whole();
    for (number, listed) in [(0, true), (1, false), (2, true)] {
        let new = contents.named(&format!("registry.example/app-{number}:1.0")).unwrap();
        assert_ne!(new, old(number), "every name moved");
        if listed {
            assert_eq!(follower(&contents, &old(number)), Some(new));
        } else {
            let (_, shown) = environment.json(&["lifecycle", "show", &format!("out@{}", old(number))]);
            assert_eq!(shown["subjects"][0]["standing"], "superseded", "{shown:#}");
        }
    }
    let list = contents.json(&contents.named(&old(0).replace(':', "-")).unwrap());
    assert!(list["manifests"].as_array().unwrap().iter().any(|child| child["digest"] == sbom), "theirs is on the list: {list:#}");
}

/// To mark thousands of images takes longer than somebody who sent a signal waits.
#[test]
fn after_a_signal_the_next_run_lists_and_marks() {
    let environment = Environment::new();
    let (world, out) = in_place(&environment);
    let stopped = marking(&environment, out.clone(), None);
    // When the results are made durable.
    let asked = Arc::clone(&stopped.stop.asked);
    let faults = Faults::count().meanwhile(Operation::SyncAll, move || asked.store(true, Ordering::SeqCst));
    let report = apply(&stopped, Context { faults: &faults, ..Context::standard() }).unwrap();
    assert_eq!((report.moved, report.superseded, report.index_changed), (3, 0, false), "{report:#?}");
    assert_eq!(report.findings[0].code, Code::BatchIncomplete);
    assert!(report.findings[0].message.starts_with("3 results") && report.findings[0].hints[0].contains("again"), "{report:#?}");
    assert_eq!(seen(&environment, "out").entries().len(), world.apps.entries.len());
    // Whoever collects meanwhile takes nothing away.
    environment.ok(&["gc", "out", "--apply", "--grace", "0"]);
    let report = apply(&marking(&environment, out, None), Context::standard()).unwrap();
    assert_eq!((report.unchanged, report.superseded, report.index_changed), (3, 3, true), "{report:#?}");
    let contents = seen(&environment, "out");
    contents.whole();
    marked_as_moved(&contents);
}

#[test]
fn a_batch_into_archives_survives_every_fault() {
    sweep(As::Archives, &|inputs, out, context| apply(&request(inputs, out, As::Archives, None), context).map(drop));
}

#[test]
fn an_archive_whose_name_is_taken_meanwhile_fails_alone() {
    let inputs = Environment::new();
    World::new(12).write(&inputs);
    plan(&inputs, &["apps", "old", "--bases", "bases"]);
    let out = inputs.join("out");
    let theirs = out.join("registry.example_app-3_1.0.tar");
    // More than a few are flushed together, and get their names after that.
    let late = theirs.clone();
    let faults = Faults::count().meanwhile(Operation::SyncAll, move || std::fs::write(&late, "theirs").unwrap());
    let report = apply(&request(&inputs, out.clone(), As::Archives, None), Context { faults: &faults, ..Context::standard() }).unwrap();
    assert_eq!((report.moved, report.failed, report.unchanged), (11, 1, 0));
    assert_eq!(report.failures[0].findings[0].code, Code::OutputExists);
    assert!(report.failures[0].image.contains("app-3"), "{}", report.failures[0].image);
    assert_eq!(std::fs::read(&theirs).unwrap(), b"theirs");
    let again = ApplyRequest { overwrite: true, ..request(&inputs, out, As::Archives, None) };
    let report = apply(&again, Context::standard()).unwrap();
    assert_eq!((report.moved, report.failed, report.unchanged), (1, 0, 11));
    Contents::of(&theirs).whole();
}

#[test]
fn layers_are_files_that_the_journal_knows_or_are_hashed() {
    let environment = Environment::new();
    World::new(4).write(&environment);
    let planned = items(&plan(&environment, &["apps", "old", "--bases", "bases"]));
    let (_, first) = super::apply(&environment, "out", &[]);
    assert_eq!(first["moved"], 4);
    let layer = planned[0]["layers"][0]["digest"].as_str().unwrap().replace(':', "/");
    let path = environment.join("out/blobs").join(&layer);
    let sound = std::fs::read(&path).unwrap();
    // Another file under the same name, with the same size: its inode and its times say so.
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, vec![0; sound.len()]).unwrap();
    let (status, again) = super::apply(&environment, "out", &[]);
    assert_eq!((status, &again["moved"], &again["unchanged"]), (0, &1.into(), &3.into()), "{again:#}");
    assert_eq!(again["findings"][0]["code"], "blob.repaired");
    assert_eq!(std::fs::read(&path).unwrap(), sound);
    // The right bytes in another file are found right.
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, &sound).unwrap();
    let (_, again) = super::apply(&environment, "out", &[]);
    assert_eq!((&again["moved"], &again["blobs"]), (&0.into(), &0.into()));
    let (_, again) = super::apply(&environment, "out", &["--verify", "content"]);
    assert_eq!((&again["moved"], &again["unchanged"]), (&0.into(), &4.into()));
    // A document that was damaged is made again.
    let manifest = planned[1]["result"]["digest"].as_str().unwrap().replace(':', "/");
    std::fs::write(environment.join("out/blobs").join(manifest), "{}").unwrap();
    let (_, again) = super::apply(&environment, "out", &[]);
    assert_eq!((&again["moved"], &again["unchanged"]), (&1.into(), &3.into()));
    seen(&environment, "out").whole();
}

#[test]
fn linked_layers_are_the_same_files_and_are_hashed_first() {
    use std::os::unix::fs::MetadataExt;
    let environment = Environment::new();
    let world = World::new(3);
    world.write(&environment);
    let planned = items(&plan(&environment, &["apps", "old", "--bases", "bases"]));
    let layer = |number: usize| planned[number]["layers"][0]["digest"].as_str().unwrap().replace(':', "/");
    let damaged = environment.join("apps/blobs").join(layer(1));
    let sound = std::fs::read(&damaged).unwrap();
    std::fs::write(&damaged, vec![0; sound.len()]).unwrap();
    let (status, report) = super::apply(&environment, "out", &["--link"]);
    assert_eq!((status, &report["moved"], &report["failed"]), (3, &2.into(), &1.into()), "{report:#}");
    assert!(report["linked"].as_u64().unwrap() >= 3, "{report:#}");
    let inode = |place: &str| std::fs::metadata(environment.join(place).join("blobs").join(layer(0))).unwrap().ino();
    assert_eq!(inode("apps"), inode("out"));
    assert!(!environment.join("out/blobs").join(layer(1)).exists());
    seen(&environment, "out").whole();
    std::fs::write(&damaged, &sound).unwrap();
    let (status, report) = super::apply(&environment, "out", &["--link"]);
    assert_eq!((status, &report["moved"], &report["unchanged"]), (0, &1.into(), &2.into()), "{report:#}");
}

#[test]
fn a_signal_ends_a_run_early_and_the_next_one_goes_on() {
    let environment = Environment::new();
    World::new(300).write(&environment);
    plan(&environment, &["apps", "old", "--bases", "bases"]);
    let mut stopped = false;
    for (signal, status) in [("TERM", 143), ("INT", 130)] {
        let out = format!("out-{signal}");
        let mut command = environment.command(&["batch", "apply", "plan.jsonl", "-o", &out, "--format", "json", "--jobs", "1"]);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // The journal's folder is made when the run begins to work.
        while !environment.join(&out).join("airbase-batch").exists() {
            std::hint::spin_loop();
        }
        let killed = std::process::Command::new("kill").args([format!("-{signal}"), child.id().to_string()]).status().unwrap();
        let output = child.wait_with_output().unwrap();
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        // It may have been over already.
        if report["left"] != 0 && killed.success() {
            stopped = true;
            assert_eq!(output.status.code(), Some(status), "{report:#}");
            assert_eq!(report["moved"].as_u64().unwrap() + report["left"].as_u64().unwrap(), 300, "{report:#}");
            if environment.join(&out).join("index.json").exists() {
                seen(&environment, &out).whole();
            }
        }
        let (status, _) = super::apply(&environment, &out, &[]);
        assert_eq!(status, 0);
        let contents = seen(&environment, &out);
        contents.whole();
        assert_eq!(contents.entries().len(), 300);
    }
    assert!(stopped, "both runs were over before the signal came");
}

#[test]
fn after_so_many_failures_no_more_items_are_taken() {
    let environment = Environment::new();
    let world = World::new(30);
    world.write(&environment);
    let planned = items(&plan(&environment, &["apps", "old", "--bases", "bases"]));
    for item in planned.iter().filter(|item| item["status"] == "move") {
        let layer = item["layers"][0]["digest"].as_str().unwrap().replace(':', "/");
        std::fs::write(environment.join("apps/blobs").join(layer), "x").unwrap();
    }
    for (option, failures) in [(&["--fail-fast"][..], 1), (&["--max-failures", "4"], 4), (&[], 30)] {
        let (status, report) = super::apply(&environment, "out", &[&["--jobs", "1"], option].concat());
        assert_eq!((status, &report["failed"], &report["left"]), (3, &failures.into(), &(30 - failures).into()), "{report:#}");
    }
}

#[test]
fn what_is_not_listed_yet_is_not_collected() {
    let environment = Environment::new();
    World::new(4).write(&environment);
    plan(&environment, &["apps", "old", "--bases", "bases"]);
    assert_eq!(super::apply(&environment, "out", &[]).0, 0);
    let everything = seen(&environment, "out");
    // As a kill between the journal and the index leaves it.
    let empty = br#"{"schemaVersion":2,"manifests":[]}"#;
    std::fs::write(environment.join("out/index.json"), empty).unwrap();
    let folder = std::fs::read_dir(environment.join("out/airbase-batch")).unwrap().next().unwrap().unwrap().path();
    let listed = std::fs::read(folder.join("listed")).unwrap();
    std::fs::remove_file(folder.join("listed")).unwrap();
    environment.ok(&["gc", "out", "--grace", "0", "--apply"]);
    assert_eq!(seen(&environment, "out").blobs(), everything.blobs(), "the journal keeps them");
    assert_eq!(super::apply(&environment, "out", &[]).0, 0);
    assert_eq!(seen(&environment, "out").blobs(), everything.blobs());
    // Listed and then removed, they are collected like everything else.
    std::fs::write(environment.join("out/index.json"), empty).unwrap();
    std::fs::write(folder.join("listed"), listed).unwrap();
    environment.ok(&["gc", "out", "--grace", "0", "--apply", "--allow-empty"]);
    assert!(seen(&environment, "out").blobs().is_empty());
}
