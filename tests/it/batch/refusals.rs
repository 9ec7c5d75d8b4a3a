//! What is refused, with which code, and that nothing is lost by it.

use serde_json::{Value, json};

use super::{World, apply, item, items, lines, plan, reseal, seen};
use crate::support::environment::snapshot;
use crate::support::{Contents, Environment, Image, Layout, layer};

const PLAN: [&str; 4] = ["apps", "old", "--bases", "bases"];

fn world(count: usize) -> Environment {
    let environment = Environment::new();
    World::new(count).write(&environment);
    environment
}

/// Writes lines as the plan.
fn write(environment: &Environment, lines: &[Value]) {
    let text: String = lines.iter().map(|line| line.to_string() + "\n").collect();
    std::fs::write(environment.join("plan.jsonl"), text).unwrap();
}

const APPLY: [&str; 5] = ["batch", "apply", "plan.jsonl", "-o", "out"];

#[test]
fn a_plan_that_names_another_result_is_refused_for_that_image_alone() {
    let environment = world(3);
    let mut edited = lines(&plan(&environment, &PLAN));
    edited[1]["result"]["digest"] = json!(format!("sha256:{}", "0".repeat(64)));
    reseal(&mut edited);
    write(&environment, &edited);
    let (status, report) = apply(&environment, "out", &[]);
    assert_eq!((status, &report["moved"], &report["failed"]), (4, &2.into(), &1.into()), "{report:#}");
    let finding = &report["failures"][0]["findings"][0];
    assert_eq!(finding["code"], "batch.output_differs");
    assert_eq!(finding["expected"]["value"], edited[1]["result"]["digest"]);
    seen(&environment, "out").whole();
}

/// Whatever `apply` goes by is in the plan, so whatever is edited by hand is found, in any line.
#[test]
fn every_edit_is_found() {
    let environment = world(2);
    let original = lines(&plan(&environment, &PLAN));
    let last = original.len() - 1;
    let edits: [(usize, &str, Value); 14] = [
        (0, "/version", json!("0.0.9")),
        (0, "/settings/prefer", json!(["Env=base"])),
        (0, "/settings/allowDowngrade", json!(true)),
        (1, "/status", json!("current")),
        (1, "/source", json!("bases")),
        (1, "/level", json!(7)),
        (1, "/layers/0/size", json!(1)),
        (1, "/layers", json!([])),
        (1, "/warnings", json!(["base.older"])),
        (1, "/platforms/0/old", json!(null)),
        (1, "/platforms/0/new/name", json!("site/other:1")),
        (1, "/result/size", json!(1)),
        (1, "/seal", json!("")),
        (last, "/end/move", json!(1)),
    ];
    for (line, pointer, value) in edits {
        let mut edited = original.clone();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let parent = edited[line].pointer_mut(parent).unwrap();
        if value.is_null() {
            drop(parent.as_object_mut().unwrap().remove(name));
        } else {
            parent[name] = value;
        }
        write(&environment, &edited);
        environment.refused(&APPLY, "batch.plan_invalid", 3);
        assert!(!environment.join("out").exists(), "{pointer}");
    }
    // A line of another plan is none of this one.
    let other = lines(&environment.ok(&["batch", "plan", "apps", "--bases", "bases", "--bases", "old", "--allow-downgrade"]).out);
    write(&environment, &[original[0].clone(), other[1].clone(), original[last].clone()]);
    environment.refused(&APPLY, "batch.plan_invalid", 3);
    // The same plan in other words.
    write(&environment, &original);
    assert_eq!(apply(&environment, "out", &[]).0, 0);
}

/// A plan says how large the layers are, so that a disk that is too small for them is told before anything is written.
#[test]
fn what_cannot_fit_is_not_begun() {
    let environment = world(3);
    let mut edited = lines(&plan(&environment, &PLAN));
    // Four exabytes.
    edited[1]["layers"][0]["size"] = json!(4_000_000_000_000_000_000_u64);
    reseal(&mut edited);
    write(&environment, &edited);
    for more in [&[][..], &["--as", "archives"]] {
        let outcome = environment.refused(&[&APPLY, more].concat(), "io.space", 6);
        assert!(outcome.err.contains("PiB are missing"), "{}", outcome.err);
        assert!(!environment.join("out").exists());
    }
}

#[test]
fn a_plan_that_names_another_input_is_no_plan() {
    let environment = world(1);
    let original = lines(&plan(&environment, &PLAN));
    for (field, value) in
        [("digest", json!(format!("sha256:{}", "0".repeat(64)))), ("output", json!("site/other:1")), ("key", json!("0123456789abcdef"))]
    {
        let mut edited = original.clone();
        edited[1][field] = value;
        write(&environment, &edited);
        environment.refused(&APPLY, "batch.plan_invalid", 3);
    }
    // Another old base, and another seam: what comes out is another image.
    for (pointer, value) in [("seam", json!(0)), ("baseName", json!("site/other:1"))] {
        let mut edited = original.clone();
        edited[1]["platforms"][0][pointer] = value;
        write(&environment, &edited);
        environment.refused(&APPLY, "batch.plan_invalid", 3);
        reseal(&mut edited);
        write(&environment, &edited);
        let (status, report) = apply(&environment, "out", &[]);
        assert_eq!((status, &report["failed"]), (4, &1.into()), "{report:#}");
    }
}

#[test]
fn a_damaged_plan_is_refused_before_anything_is_written() {
    let environment = world(2);
    let text = plan(&environment, &PLAN);
    let whole: Vec<&str> = text.lines().collect();
    let last = whole.len() - 1;
    let join = |lines: &[&str]| lines.join("\n") + "\n";
    let twice = [whole[0], whole[1], whole[1], whole[last]];
    let doubled = whole[1].replacen("{\"key\":", "{\"key\":\"0\",\"key\":", 1);
    for (what, damaged, code, status) in [
        ("cut off", join(&whole[..last]), "batch.plan_invalid", 3),
        ("cut within a line", text[..text.len() / 2].to_owned(), "batch.plan_invalid", 3),
        ("without its head", join(&whole[1..]), "batch.plan_invalid", 3),
        ("empty", String::new(), "batch.plan_invalid", 3),
        ("an item twice", join(&twice), "batch.plan_invalid", 3),
        ("a key twice", join(&[whole[0], &doubled, whole[last]]), "batch.plan_invalid", 3),
        ("goes on", join(&[&whole[..], &whole[1..2]].concat()), "batch.plan_invalid", 3),
        ("no text", "\u{0}\u{1}".to_owned(), "batch.plan_invalid", 3),
        ("another version", text.replace("batch-plan/v1", "batch-plan/v2"), "batch.plan_version", 4),
    ] {
        std::fs::write(environment.join("plan.jsonl"), damaged).unwrap();
        let outcome = environment.refused(&APPLY, code, status);
        assert!(outcome.out.is_empty(), "{what}");
        assert!(!environment.join("out").exists(), "{what}");
    }
}

#[test]
fn lines_may_be_deleted() {
    let environment = world(4);
    let mut edited = lines(&plan(&environment, &PLAN));
    let deleted = edited.remove(2);
    write(&environment, &edited);
    let (status, report) = apply(&environment, "out", &[]);
    assert_eq!((status, &report["moved"]), (0, &3.into()));
    assert_eq!(seen(&environment, "out").named(deleted["output"].as_str().unwrap()), None);
}

#[test]
fn an_input_that_changed_after_planning_is_refused() {
    let environment = world(3);
    plan(&environment, &PLAN);
    let mut layout = World::new(3).apps;
    let gone = layout.entries.remove(1);
    let blob = gone["digest"].as_str().unwrap().to_owned();
    layout.blobs.remove(&blob);
    let other = Image::of(&[&layer(&["other=1"])]);
    let layout = layout.image("registry.example/app-1:1.0", &other);
    std::fs::remove_dir_all(environment.join("apps")).unwrap();
    layout.write(&environment.join("apps"));
    let (status, report) = apply(&environment, "out", &[]);
    assert_eq!((status, &report["moved"], &report["failed"]), (4, &2.into(), &1.into()), "{report:#}");
    let finding = &report["failures"][0]["findings"][0];
    assert_eq!((&finding["code"], &finding["expected"]["value"]), (&json!("batch.input_changed"), &json!(blob)));
    assert_eq!(finding["found"]["value"], other.digest());
    // Everything elsewhere: every image is told by itself, and nothing is written of it.
    std::fs::rename(environment.join("apps"), environment.join("moved")).unwrap();
    let (status, report) = apply(&environment, "new", &[]);
    assert_eq!((status, &report["failed"]), (4, &3.into()));
    assert!(report["failures"].as_array().unwrap().iter().all(|failure| failure["findings"][0]["code"] == "batch.input_changed"));
}

#[test]
fn inputs_may_lie_elsewhere_as_long_as_they_lie_alike() {
    let environment = world(2);
    plan(&environment, &PLAN);
    let far = environment.join("mnt/stick");
    std::fs::create_dir_all(&far).unwrap();
    for name in ["apps", "old", "bases"] {
        std::fs::rename(environment.join(name), far.join(name)).unwrap();
    }
    let (status, report) = apply(&environment, "out", &["--root", "mnt/stick"]);
    assert_eq!((status, &report["moved"]), (0, &2.into()), "{report:#}");
}

#[test]
fn names_that_stand_on_other_images_are_left_alone() {
    let environment = world(2);
    plan(&environment, &PLAN);
    let other = Image::of(&[&layer(&["mine=1"])]);
    let mine = Layout::new().image("registry.example/app-1:1.0", &other).image("mine", &other);
    mine.write(&environment.join("out"));
    let before = snapshot(&environment.join("out"));
    let outcome = environment.refused(&APPLY, "batch.output_taken", 4);
    assert!(outcome.err.contains("registry.example/app-1:1.0"));
    assert_eq!(snapshot(&environment.join("out")), before, "nothing is written");
    // Asked for, the name moves, and the image that had it stays.
    let (status, _) = apply(&environment, "out", &["--overwrite"]);
    assert_eq!(status, 0);
    let contents = seen(&environment, "out");
    contents.whole();
    assert_eq!(contents.named("mine"), Some(other.digest()));
    assert_ne!(contents.named("registry.example/app-1:1.0"), Some(other.digest()));
}

#[test]
fn a_layout_may_take_the_results_of_its_own_images() {
    let environment = world(3);
    let apps = World::new(3).apps;
    let planned = items(&plan(&environment, &PLAN));
    assert_eq!(apply(&environment, "apps", &[]).0, 0);
    let contents = seen(&environment, "apps");
    contents.whole();
    for number in 0..3 {
        let name = format!("registry.example/app-{number}:1.0");
        assert_eq!(contents.named(&name).as_deref(), item(&planned, &name)["result"]["digest"].as_str());
        assert!(contents.unnamed().contains(&apps.digest_of(&name)), "the old image stays, untagged");
    }
    let (status, report) = apply(&environment, "apps", &[]);
    assert_eq!((status, &report["unchanged"]), (0, &3.into()), "{report:#}");
    // Planned again, all is current, and what lost its name is no image to be moved.
    let again = items(&plan(&environment, &PLAN));
    let statuses: Vec<&str> = again.iter().map(|item| item["status"].as_str().unwrap()).collect();
    assert_eq!(statuses.iter().filter(|status| **status == "current").count(), 3, "{again:#?}");
    assert!(!statuses.contains(&"move") && !statuses.contains(&"refused"), "{again:#?}");
}

#[test]
fn two_images_of_one_name_are_refused_until_they_are_told_apart() {
    let environment = world(1);
    let old = Image::of(&[&layer(&["etc/os-release=base 0 old", "bin/", "bin/sh=shell"])]).with("Env", json!(["EDITION=old"]));
    for vendor in ["north", "south"] {
        let app = old.and(&[&layer(&[&format!("vendor={vendor}")])]);
        Layout::new().image("shop:1", &app).write_archive(&environment.join(&format!("apps/{vendor}.tar")));
    }
    std::fs::remove_dir_all(environment.join("apps/blobs")).unwrap();
    std::fs::remove_file(environment.join("apps/index.json")).unwrap();
    std::fs::remove_file(environment.join("apps/oci-layout")).unwrap();
    let planned = items(&plan(&environment, &PLAN));
    let shops: Vec<&Value> = planned.iter().filter(|item| item["output"] == "shop:1").collect();
    assert_eq!(shops.len(), 2);
    assert!(shops.iter().all(|item| item["status"] == "refused" && item["reason"]["code"] == "batch.collision"), "{shops:#?}");
    let mut arguments = PLAN.to_vec();
    arguments.extend(["--name", "{file}:{tag}"]);
    let planned = items(&plan(&environment, &arguments));
    for name in ["north:1", "south:1"] {
        assert_eq!(item(&planned, name)["status"], "move", "{planned:#?}");
    }
    assert_eq!(apply(&environment, "out", &[]).0, 0);
    let contents = seen(&environment, "out");
    contents.whole();
    assert!(contents.named("north:1").is_some() && contents.named("south:1").is_some());
    // As archives, names may still meet.
    let mut edited = lines(&std::fs::read_to_string(environment.join("plan.jsonl")).unwrap());
    edited.retain(|line| line["status"] != "base");
    write(&environment, &edited);
    assert_eq!(apply(&environment, "archives", &["--as", "archives"]).0, 0);
    assert!(environment.join("archives/north_1.tar").is_file());
    arguments.extend(["--name"]);
    environment.refused(&["batch", "plan", "apps", "--name", "{files}"], "usage.argument", 2);
}

#[test]
fn a_base_jumps_only_as_far_as_it_may_and_never_back() {
    let environment = Environment::new();
    let os = |edition: &str, created: &str| {
        Image::of(&[&layer(&[&format!("os={edition}")])]).with_top("created", json!(format!("{created}T00:00:00Z")))
    };
    let old = os("3.19", "2024-01-01");
    let app = old.and(&[&layer(&["app=1"])]).annotated("org.opencontainers.image.base.name", "site/os:3.19");
    Layout::new().image("site/app:1", &app).image("site/os:3.19", &old).write(&environment.join("apps"));
    let bases = Layout::new()
        .image("site/os:3.18", &os("3.18", "2023-01-01"))
        .image("site/os:3.20", &os("3.20", "2024-06-01"))
        .image("site/os:3.20-slim", &os("slim", "2024-06-01"))
        .image("site/os:4.0", &os("4.0", "2024-07-01"));
    bases.write(&environment.join("bases"));
    let planned = |more: &[&str]| items(&plan(&environment, &[&["apps", "--bases", "bases"], more].concat()));
    let app = |items: &[Value]| item(items, "site/app:1").clone();
    assert_eq!(app(&planned(&[]))["status"], "current");
    assert_eq!(app(&planned(&["--allow", "patch"]))["status"], "current");
    let minor = app(&planned(&["--allow", "minor"]));
    assert_eq!((&minor["status"], &minor["platforms"][0]["baseName"]), (&json!("move"), &json!("site/os:3.20")));
    assert_eq!(app(&planned(&["--allow", "major"]))["platforms"][0]["baseName"], "site/os:4.0");
    // A rule may lead back; that must be said.
    let back = ["--map", "site/os:3.19=bases:site/os:3.18"];
    let refused = app(&planned(&back));
    assert_eq!((&refused["status"], &refused["reason"]["code"]), (&json!("refused"), &json!("base.older")), "{refused:#}");
    let allowed = app(&planned(&[&back[..], &["--allow-downgrade"]].concat()));
    assert_eq!((&allowed["status"], &allowed["platforms"][0]["baseName"]), (&json!("move"), &json!("site/os:3.18")), "{allowed:#}");
}

#[test]
fn an_unreadable_file_is_told_and_skipped() {
    let environment = world(2);
    std::fs::create_dir(environment.join("images")).unwrap();
    std::fs::rename(environment.join("apps"), environment.join("images/apps")).unwrap();
    std::fs::write(environment.join("images/broken.tar"), vec![b'x'; 2000]).unwrap();
    let outcome = environment.run(&["batch", "plan", "images", "old", "--bases", "bases"]);
    assert_eq!(outcome.status, 3, "{}", outcome.err);
    let end = lines(&outcome.out).pop().unwrap();
    assert_eq!((&end["end"]["move"], &end["end"]["unreadable"][0]["code"]), (&json!(2), &json!("source.unknown")), "{end:#}");
    assert!(outcome.err.contains("source.unknown") && outcome.err.contains("2 to move"), "{}", outcome.err);
    // The rest is moved, and the report is not green: nobody knows what was in that file.
    std::fs::write(environment.join("plan.jsonl"), &outcome.out).unwrap();
    environment.ok(&["batch", "apply", "plan.jsonl", "-o", "out"]);
    let (status, report) = environment.json(&["batch", "report", "plan.jsonl", "out"]);
    assert_eq!(
        (status, &report["counts"]["moved"], &report["unreadable"][0]["code"]),
        (1, &json!(2), &json!("source.unknown")),
        "{report:#}"
    );
    // Nor is that of a plan about nothing.
    let nothing = environment.run(&["batch", "plan", "images/apps", "--only", "nobody", "--bases", "bases"]);
    assert_ne!(nothing.status, 0, "{}", nothing.err);
    std::fs::write(environment.join("nothing.jsonl"), &nothing.out).unwrap();
    let (status, report) = environment.json(&["batch", "report", "nothing.jsonl", "out"]);
    assert_eq!((status, &report["unreadable"][0]["code"]), (1, &json!("path.nothing")), "{report:#}");
}

#[test]
fn a_merge_waits_for_every_shard() {
    let environment = world(6);
    plan(&environment, &PLAN);
    assert_eq!(apply(&environment, "out", &["--shard", "1/2"]).0, 0);
    assert!(!environment.join("out/index.json").exists(), "shards leave the index alone");
    environment.refused(&["batch", "merge", "out"], "batch.incomplete", 4);
    assert_eq!(apply(&environment, "out", &["--shard", "2/2"]).0, 0);
    environment.ok(&["batch", "merge", "out"]);
    Contents { files: seen(&environment, "out").files }.whole();
    environment.refused(&["batch", "merge", "bases"], "ref.not_found", 4);
    environment.refused(&["batch", "merge", "nowhere"], "ref.path_missing", 2);
    assert!(!environment.join("nowhere").exists(), "a path that was mistyped stays nothing");
    environment.refused(&[&APPLY[..], &["--shard", "3/2"]].concat(), "usage.argument", 2);
    environment.refused(&[&APPLY[..], &["--shard", "auto"]].concat(), "usage.argument", 2);
    environment.refused(&["ls", "bases:os:12", "--format", "csv"], "usage.argument", 2);
}
