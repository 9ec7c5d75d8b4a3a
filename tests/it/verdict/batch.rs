//! `airbase batch plan --verdict`: what would not run is refused in the plan, and apply goes by the plan.

use std::fs;

use serde_json::{Value, json};

use super::*;
use crate::batch::{item, items, lines};
use crate::support::Contents;

const OS: &str = "registry.example/os:1";
const PLAN: [&str; 5] = ["batch", "plan", "apps", "--bases", "bases"];

/// A base of which the new edition lacks `libx.so.1`, and these apps on the old one.
fn world(apps: &[(&str, Image)]) -> Environment {
    let environment = Environment::new();
    let (old, new) = bases();
    let new = new.with_top("created", json!("2024-06-01T00:00:00Z"));
    Layout::new().image("old", &old).image(OS, &new).write(&environment.join("bases"));
    let layout = apps.iter().fold(Layout::new(), |layout, (name, app)| layout.image(&format!("registry.example/{name}:1"), app));
    layout.write(&environment.join("apps"));
    environment
}

fn bases() -> (Image, Image) {
    let loaders = [loader("lib64/ld-linux-x86-64.so.2")];
    let old = [&loaders[..], &[library("lib64/libx.so.1", Program::default()), text("etc/edition", "old")]].concat();
    let new = [&loaders[..], &[text("etc/edition", "new")]].concat();
    (Image::of(&[&packed(&base(&old))]), Image::of(&[&packed(&base(&new))]))
}

/// An app that needs these libraries.
fn app(needed: &[&str], mark: &str) -> Image {
    let own = Program { interpreter: GLIBC, needed, ..Program::default() };
    let files = [program("app/run", own), text("app/mark", mark)];
    on(&bases().0, OS, &files).with("Cmd", json!(["/app/run"]))
}

/// An image on another one that says so.
fn on(base: &Image, name: &str, files: &[File<'_>]) -> Image {
    let image = base.and(&[&packed(files)]).annotated("org.opencontainers.image.base.name", name);
    image.annotated("org.opencontainers.image.base.digest", &base.digest())
}

fn two() -> Environment {
    world(&[("whole", app(&[], "1")), ("broken", app(&["libx.so.1"], "2"))])
}

fn plan(environment: &Environment, more: &[&str]) -> (String, String) {
    let outcome = environment.ok(&[&PLAN[..], more].concat());
    fs::write(environment.join("plan.jsonl"), &outcome.out).unwrap();
    (outcome.out, outcome.err)
}

fn named(environment: &Environment, layout: &str, name: &str) -> Option<String> {
    Contents::of(&environment.join(layout)).named(&format!("registry.example/{name}:1"))
}

/// Images on one base are judged one after another, wherever they lie; the plan has them as they lie.
#[test]
fn the_order_of_judging_is_not_that_of_the_plan() {
    let other = bases().0.and(&[&packed(&[text("etc/middle", "")])]);
    let apps: Vec<(String, Image)> = (0..9_u8)
        .map(|number| {
            let image = app(if number % 4 == 0 { &["libx.so.1"] } else { &[] }, &number.to_string());
            let middle =
                on(&other, "registry.example/middle:1", &[text("app/mark", &number.to_string())]).with("Cmd", json!(["/app/mark"]));
            (format!("app-{number}"), if number % 2 == 0 { image } else { middle })
        })
        .collect();
    let environment = world(&apps.iter().map(|(name, image)| (name.as_str(), image.clone())).collect::<Vec<_>>());
    let order = |text: &str| items(text).iter().map(|item| item["digest"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    let unjudged = order(&plan(&environment, &["--verdict", "off"]).0);
    for jobs in ["1", "4"] {
        let outcome = environment.run(&[&PLAN[..], &["--verdict", "warn", "--jobs", jobs]].concat());
        assert_eq!(order(&outcome.out), unjudged, "{}", outcome.err);
    }
}

#[test]
fn of_two_apps_the_one_that_breaks_is_refused_with_its_cause() {
    let environment = two();
    let (text, told) = plan(&environment, &[]);
    let items = items(&text);
    let broken = item(&items, "registry.example/broken:1");
    assert_eq!((&broken["status"], &broken["reason"]["code"]), (&json!("refused"), &json!("verdict.elf.needed")), "{broken:#}");
    let message = "the image would not run on the new base: a library is not found: libx.so.1 in /app/run";
    assert_eq!(broken["reason"]["message"], message);
    assert!(broken["reason"]["hints"].to_string().contains("--accept verdict.elf.needed"), "{broken:#}");
    let whole = item(&items, "registry.example/whole:1");
    assert_eq!((&whole["status"], &whole["verdict"], &whole["patched"]), (&json!("move"), &json!("runs"), &json!("yes")), "{whole:#}");
    assert_eq!((&whole["platforms"][0]["verdict"], whole["platforms"][0].get("causes")), (&json!("runs"), None));
    assert_eq!(lines(&text)[0]["settings"]["verdict"], "refuse");
    assert!(told.contains("1 to move, of which the verdict is runs") && told.contains("1 [verdict.elf.needed]"), "{told}");

    environment.ok(&["batch", "apply", "plan.jsonl", "-o", "out"]);
    assert!(named(&environment, "out", "whole").is_some() && named(&environment, "out", "broken").is_none());
    let (status, report) = environment.json(&["batch", "report", "plan.jsonl", "out"]);
    let refused = report["items"].as_array().unwrap().iter().find(|item| item["outcome"] == "refused").unwrap();
    assert_eq!((status, &refused["message"]), (1, &json!(message)));
    let csv = environment.run(&["batch", "report", "plan.jsonl", "out", "--format", "csv"]).out;
    assert!(csv.lines().any(|line| line.starts_with("refused,") && line.contains("verdict.elf.needed") && line.contains(message)), "{csv}");
}

#[test]
fn what_is_accepted_moves_and_is_recorded() {
    let environment = two();
    let (text, _) = plan(&environment, &["--accept", "verdict.elf.needed"]);
    let items = items(&text);
    let broken = item(&items, "registry.example/broken:1");
    assert_eq!((&broken["status"], &broken["verdict"]), (&json!("move"), &json!("breaks")));
    let placed = &broken["platforms"][0];
    assert_eq!(placed["accepted"], json!(["verdict.elf.needed"]));
    assert_eq!(placed["causes"], json!(["[verdict.elf.needed] a library is not found: libx.so.1 in /app/run"]));
    assert_eq!(item(&items, "registry.example/whole:1")["platforms"][0].get("accepted"), None);
    environment.ok(&["batch", "apply", "plan.jsonl", "-o", "out"]);
    let manifest = Contents::of(&environment.join("out")).json(&named(&environment, "out", "broken").unwrap());
    assert_eq!(manifest["annotations"]["dev.airbase.rebase.accepted"], "verdict.elf.needed");
    environment.refused(&[&PLAN[..], &["--accept", "verdict.never"]].concat(), "usage.argument", 2);

    // The same that one rebase gives.
    let one = ["--from", "bases:old", "--onto", &format!("bases:{OS}"), "--accept", "verdict.elf.needed", "-o", "one:x"];
    let (_, report) = environment.json(&[&["rebase", "apps:registry.example/broken:1"][..], &one].concat());
    assert_eq!(report["result"]["digest"], broken["result"]["digest"]);
}

#[test]
fn warn_and_off_move_everything_and_say_what_they_know() {
    let environment = two();
    let (warned, told) = plan(&environment, &["--verdict", "warn"]);
    assert!(told.contains("1 to move, of which the verdict is breaks"), "{told}");
    let (off, told) = plan(&environment, &["--verdict", "off"]);
    assert!(told.contains("2 to move, not judged"), "{told}");
    let (warned, off) = (items(&warned), items(&off));
    for name in ["registry.example/whole:1", "registry.example/broken:1"] {
        let (warned, off) = (item(&warned, name), item(&off, name));
        assert_eq!((&off["status"], off.get("verdict"), off["platforms"][0].get("verdict")), (&json!("move"), None, None));
        assert_eq!(off["result"], warned["result"]);
    }
    environment.ok(&["batch", "apply", "plan.jsonl", "-o", "out"]);
}

fn write(environment: &Environment, lines: &[Value]) {
    let text: String = lines.iter().map(|line| line.to_string() + "\n").collect();
    fs::write(environment.join("plan.jsonl"), text).unwrap();
}

/// Apply goes by the plan, and a plan that was edited is refused, also if somebody makes its seals right again.
#[test]
fn no_edit_of_a_plan_moves_what_it_refuses() {
    const APPLY: [&str; 5] = ["batch", "apply", "plan.jsonl", "-o", "out"];
    let environment = two();
    let (refused, warned) = (lines(&plan(&environment, &[]).0), lines(&plan(&environment, &["--verdict", "warn"]).0));
    let mut moved = refused;
    for line in moved.iter_mut().filter(|line| line["status"] == "refused") {
        *line = warned.iter().find(|other| other["key"] == line["key"]).unwrap().clone();
    }
    let edited = |pointer: &str, value: Value| {
        let mut lines = warned.clone();
        let line = lines.iter_mut().find(|line| line["verdict"] == "breaks").unwrap();
        let (parent, member) = pointer.rsplit_once('/').unwrap();
        line.pointer_mut(parent).unwrap()[member] = value;
        lines
    };
    let runs = edited("/platforms/0/verdict", json!("runs"));
    let mut accepted = edited("/platforms/0/accepted", json!(["verdict.elf.needed"]));
    let mut strange = edited("/platforms/0/accepted", json!(["verdict.never"]));
    for edited in [&moved, &runs, &accepted, &strange] {
        write(&environment, edited);
        environment.refused(&APPLY, "batch.plan_invalid", 3);
    }
    crate::batch::reseal(&mut moved);
    write(&environment, &moved);
    environment.refused(&APPLY, "batch.plan_invalid", 3);
    // What comes out is compared with the promise in any case.
    for (lines, code) in [(&mut accepted, "batch.output_differs"), (&mut strange, "batch.plan_invalid")] {
        crate::batch::reseal(lines);
        write(&environment, lines);
        let outcome = environment.run(&APPLY);
        assert!(outcome.out.contains(code) || outcome.err.contains(code), "{} {}", outcome.out, outcome.err);
        assert!(named(&environment, "out", "broken").is_none());
    }
}

/// What is built on something that would not run stays where it is.
#[test]
fn a_chain_ends_at_what_is_refused() {
    let middle = app(&["libx.so.1"], "middle");
    let top = on(&middle, "registry.example/middle:1", &[text("app/top", "1")]);
    let environment = world(&[("middle", middle), ("top", top), ("whole", app(&[], "1"))]);
    let (text, _) = plan(&environment, &[]);
    let refused = items(&text);
    assert_eq!(item(&refused, "registry.example/middle:1")["status"], "refused");
    assert_eq!(item(&refused, "registry.example/top:1")["status"], "held");
    assert_eq!(item(&refused, "registry.example/whole:1")["status"], "move");

    // What is accepted for the middle does not hold for the top, where the same is lacking.
    let (text, _) = plan(&environment, &["--accept", "verdict.elf.needed"]);
    let accepted = items(&text);
    for name in ["middle", "top"] {
        let item = item(&accepted, &format!("registry.example/{name}:1"));
        assert_eq!((&item["status"], &item["platforms"][0]["accepted"]), (&json!("move"), &json!(["verdict.elf.needed"])), "{item:#}");
    }
    environment.ok(&["batch", "apply", "plan.jsonl", "-o", "out"]);
}

/// The number of threads changes nothing of a plan.
#[test]
fn a_plan_with_verdicts_is_the_same_whatever_the_jobs() {
    let apps: Vec<(String, Image)> = (0..24)
        .map(|number| (format!("app-{number}"), app(if number % 3 == 0 { &["libx.so.1"] } else { &[] }, &number.to_string())))
        .collect();
    let apps: Vec<(&str, Image)> = apps.iter().map(|(name, image)| (name.as_str(), image.clone())).collect();
    let environment = world(&apps);
    let one = plan(&environment, &["--jobs", "1"]).0;
    assert_eq!(items(&one).iter().filter(|item| item["status"] == "refused").count(), 8);
    for jobs in ["2", "8"] {
        assert_eq!(plan(&environment, &["--jobs", jobs]).0, one);
    }
}
