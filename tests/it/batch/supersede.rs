//! `batch apply --supersede`: every old image says what it became, in the same exchange of the index as the new names.

use std::process::Stdio;

use serde_json::{Value, json};

use super::{World, item, items, plan, seen};
use crate::support::environment::snapshot;
use crate::support::{Contents, Environment, Image, Layout, layer};

const TYPE: &str = "application/vnd.airbase.lifecycle.v1+json";
const BY: &str = "dev.airbase.lifecycle.superseded-by";

/// Runs the program at a fixed time; its status and its document.
fn at(environment: &Environment, epoch: &str, arguments: &[&str]) -> (i32, Value) {
    let mut command = environment.command(&[arguments, &["--format", "json"]].concat());
    let output = command.env("SOURCE_DATE_EPOCH", epoch).output().unwrap();
    let document = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{arguments:?}: {error}\n{}", String::from_utf8_lossy(&output.stderr)));
    (output.status.code().unwrap(), document)
}

const NOW: &str = "1790000000";

fn apply(environment: &Environment, out: &str, more: &[&str]) -> (i32, Value) {
    at(environment, NOW, &[&["batch", "apply", "plan.jsonl", "-o", out, "--supersede"], more].concat())
}

/// The annotations of the statement on `subject` that say `key`.
fn statement(contents: &Contents, subject: &str, key: &str) -> Option<Value> {
    let list = contents.json(&contents.named(&subject.replace(':', "-"))?);
    let found: Vec<&Value> = list["manifests"].as_array().unwrap().iter().filter(|child| child["annotations"].get(key).is_some()).collect();
    assert!(found.len() <= 1, "said more than once: {list:#}");
    Some(contents.json(found.first()?["digest"].as_str().unwrap())["annotations"].clone())
}

/// Who follows `subject`, by the statement on it.
pub fn follower(contents: &Contents, subject: &str) -> Option<String> {
    statement(contents, subject, BY).map(|says| says[BY].as_str().unwrap().to_owned())
}

/// The digests of the platforms of an index.
fn platforms(contents: &Contents, index: &str) -> Vec<String> {
    let index = contents.json(index);
    index["manifests"].as_array().unwrap().iter().map(|child| child["digest"].as_str().unwrap().to_owned()).collect()
}

/// A layout `in` with an old base, a runtime on it and an app on that, for two platforms each, and the new base in `bases`.
fn chain() -> (Environment, Layout) {
    let old = Image::of(&[&layer(&["os=old"])]);
    let new = Image::of(&[&layer(&["os=new"])]).with_top("created", json!("2024-06-01T00:00:00Z"));
    let runtime = old.and(&[&layer(&["runtime=17"])]);
    let app = runtime.and(&[&layer(&["app=1"])]);
    let both = |layout: Layout, name: &str, image: &Image| layout.index(name, &[image, &image.clone().platform("arm64")], json!({}));
    let mut layout = Layout::new();
    for (name, image) in [("site/os:12", &old), ("site/runtime:17", &runtime), ("site/app:1", &app)] {
        layout = both(layout, name, image);
    }
    let environment = Environment::new();
    layout.write(&environment.join("in"));
    both(Layout::new(), "site/os:12", &new).write(&environment.join("bases"));
    (environment, layout)
}

#[test]
fn every_image_of_a_chain_is_superseded_by_its_own_result_platform_by_platform() {
    let (environment, layout) = chain();
    let planned = items(&plan(&environment, &["in", "--bases", "bases"]));
    let (status, report) = apply(&environment, "in", &[]);
    assert_eq!((status, &report["moved"], &report["superseded"], &report["unmarked"]), (0, &2.into(), &2.into(), &json!([])), "{report:#}");
    let contents = seen(&environment, "in");
    contents.whole();
    for name in ["site/runtime:17", "site/app:1"] {
        let (old, new) = (layout.digest_of(name), contents.named(name).unwrap());
        assert_eq!(item(&planned, name)["result"]["digest"], new);
        let says = statement(&contents, &old, BY).unwrap();
        assert_eq!(says[BY], json!(new));
        assert_eq!(says["dev.airbase.lifecycle.superseded-by.name"], name);
        assert_eq!(says["dev.airbase.lifecycle.status"], "superseded");
        assert_eq!(says["org.opencontainers.image.created"], "2026-09-21T14:13:20Z");
        for (platform, by) in platforms(&contents, &old).iter().zip(platforms(&contents, &new)) {
            assert_eq!(follower(&contents, platform), Some(by), "{name} {platform}");
        }
        let says = statement(&contents, &new, "dev.airbase.lifecycle.supersedes").unwrap();
        assert_eq!(says["dev.airbase.lifecycle.supersedes"], json!(old));
        // Who pinned the old digest finds the new one.
        let (status, traced) = environment.json(&["lifecycle", "trace", &old, "in"]);
        assert_eq!(status, 0, "{traced:#}");
        assert!(traced.to_string().contains(&new), "{traced:#}");
        let (_, shown) = environment.json(&["lifecycle", "show", &format!("in@{old}"), "--at", "2026-11-21"]);
        assert!(shown["subjects"].as_array().unwrap().iter().all(|subject| subject["standing"] == "superseded"), "{shown:#}");
    }
    assert!(contents.named(&layout.digest_of("site/os:12").replace(':', "-")).is_none(), "the base did not move");
    environment.ok(&["fsck", "in"]);
    environment.ok(&["doctor", "in"]);
    // Again, on another day: it is said already.
    let before = snapshot(&environment.join("in"));
    let (status, report) = at(&environment, "1795000000", &["batch", "apply", "plan.jsonl", "-o", "in", "--supersede"]);
    let figures = (&report["unchanged"], &report["superseded"], &report["indexChanged"], &report["blobs"]);
    assert_eq!((status, figures), (0, (&2.into(), &0.into(), &false.into(), &0.into())), "{report:#}");
    assert!(snapshot(&environment.join("in")) == before);
    // Planned again, neither the old images nor what is said of them is anything to be moved.
    let again = items(&plan(&environment, &["in", "--bases", "bases"]));
    let statuses: Vec<(&str, &str)> =
        again.iter().map(|item| (item["output"].as_str().unwrap_or_default(), item["status"].as_str().unwrap())).collect();
    let expected = [("site/app:1", "current"), ("site/os:12", "base"), ("site/runtime:17", "current")];
    assert_eq!(statuses.into_iter().collect::<std::collections::BTreeSet<_>>(), expected.into_iter().collect());
}

#[test]
fn a_batch_of_one_says_what_a_rebase_says() {
    // An image alone; an image of two platforms with an attestation, an SBOM on one of them, a statement and a date of its own.
    let (alone, _) = chain();
    let old = Image::of(&[&layer(&["os=old"])]);
    let app = old.and(&[&layer(&["app=1"])]).annotated("org.opencontainers.image.version", "1.2");
    Layout::new().image("site/os:12", &old).image("site/app:1", &app).write(&alone.join("one"));
    let new = Image::of(&[&layer(&["os=new"])]).with_top("created", json!("2024-06-01T00:00:00Z"));
    Layout::new().image("site/os:12", &new).write(&alone.join("bases"));

    let (two, _) = chain();
    let app = app.annotated("org.opencontainers.image.support.end-of-life", "2027-03-01");
    let arm = app.clone().platform("arm64");
    let mut layout = Layout::new().index("site/os:12", &[&old, &old.clone().platform("arm64")], json!({}));
    let mut attestation = layout.store(&Image::of(&[&layer(&["provenance"])]).with_top("os", json!("unknown")));
    attestation["platform"] = json!({"os": "unknown", "architecture": "unknown"});
    attestation["annotations"] = json!({"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": app.digest()});
    let mut children = [layout.store(&app), layout.store(&arm)];
    for (child, architecture) in children.iter_mut().zip(["amd64", "arm64"]) {
        child["platform"] = json!({"os": "linux", "architecture": architecture});
    }
    let index = json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [children[0], children[1], attestation]});
    let index = serde_json::to_vec(&index).unwrap();
    let digest = layout.blob(&index);
    let entry = json!({"mediaType": "application/vnd.oci.image.index.v1+json", "digest": digest, "size": index.len()});
    layout.entry("site/app:1", entry);
    layout.write(&two.join("one"));
    Layout::new().index("site/os:12", &[&new, &new.clone().platform("arm64")], json!({})).write(&two.join("bases"));
    two.ok(&["attach", &format!("one@{}", arm.digest()), "--type", "application/spdx+json"]);
    two.ok(&["lifecycle", "set", "one:site/app:1", "--eol", "2028-01-01", "--at", "2026-01-01"]);

    for (environment, marked) in [(alone, 1), (two, 3)] {
        let copied = std::process::Command::new("cp").args(["-r", "one", "other"]).current_dir(environment.path()).status().unwrap();
        assert!(copied.success());
        plan(&environment, &["one", "--bases", "bases", "--only", "*app*"]);
        let (status, report) = apply(&environment, "one", &[]);
        assert_eq!((status, &report["moved"], &report["superseded"]), (0, &1.into(), &1.into()), "{report:#}");
        let rebase = ["rebase", "other:site/app:1", "--from", "other:site/os:12", "--onto", "bases", "--supersede", "--tag", "site/app:1"];
        let (status, report) = at(&environment, NOW, &rebase);
        assert_eq!((status, report["superseded"].as_array().unwrap().len()), (0, marked), "{report:#}");
        let (batch, rebase) = (seen(&environment, "one"), seen(&environment, "other"));
        batch.whole();
        assert_eq!(batch.index(), rebase.index());
        assert!(batch == rebase);
    }
}

#[test]
fn what_was_moved_before_is_marked_afterwards() {
    let (environment, layout) = chain();
    plan(&environment, &["in", "--bases", "bases"]);
    assert_eq!(super::apply(&environment, "in", &[]).0, 0);
    assert!(follower(&seen(&environment, "in"), &layout.digest_of("site/app:1")).is_none());
    // Somebody speaks of the new image meanwhile.
    environment.ok(&["lifecycle", "set", "in:site/app:1", "--eol", "2027-03-01", "--at", "2026-01-01"]);
    let (status, report) = apply(&environment, "in", &[]);
    assert_eq!((status, &report["moved"], &report["unchanged"], &report["superseded"]), (0, &0.into(), &2.into(), &2.into()), "{report:#}");
    let contents = seen(&environment, "in");
    contents.whole();
    let new = contents.named("site/app:1").unwrap();
    assert_eq!(follower(&contents, &layout.digest_of("site/app:1")), Some(new));
    let (_, shown) = environment.json(&["lifecycle", "show", "in:site/app:1", "--at", "2026-11-21"]);
    assert!(shown["subjects"][0]["values"].to_string().contains("2027-03-01"), "what was said of it still holds: {shown:#}");
    environment.ok(&["doctor", "in"]);
    let before = snapshot(&environment.join("in"));
    assert_eq!(apply(&environment, "in", &[]).1["superseded"], 0);
    assert!(snapshot(&environment.join("in")) == before);
}

#[test]
fn one_four_or_thirty_seven_shards_say_the_same() {
    let environment = Environment::new();
    World::new(60).write(&environment);
    plan(&environment, &["apps", "old", "--bases", "bases"]);
    let copy = |to: &str| World::new(60).apps.write(&environment.join(to));
    copy("whole");
    let (status, report) = apply(&environment, "whole", &[]);
    assert_eq!((status, &report["superseded"]), (0, &60.into()), "{report:#}");
    let whole = seen(&environment, "whole");
    whole.whole();
    for count in [1, 4, 37] {
        let out = format!("out-{count}");
        copy(&out);
        for shard in (1..=count).rev() {
            let before = seen(&environment, &out).index();
            let (status, report) = apply(&environment, &out, &["--shard", &format!("{shard}/{count}")]);
            assert_eq!((status, &report["superseded"]), (0, &0.into()), "{report:#}");
            assert_eq!(seen(&environment, &out).index(), before, "shards leave the index alone");
        }
        // Whoever collects garbage in between keeps all that is to be listed.
        environment.ok(&["gc", &out, "--grace", "0", "--apply"]);
        let (status, report) = at(&environment, NOW, &["batch", "merge", &out]);
        assert_eq!((status, &report["superseded"], &report["changed"]), (0, &60.into(), &true.into()), "{report:#}");
        assert!(seen(&environment, &out) == whole, "{count} shards give another layout");
        let (_, again) = at(&environment, "1795000000", &["batch", "merge", &out]);
        assert_eq!((&again["superseded"], &again["changed"]), (&0.into(), &false.into()), "{again:#}");
    }
    // Nothing that was written is for nobody.
    let blobs = whole.blobs().len();
    environment.ok(&["gc", "whole", "--grace", "0", "--apply"]);
    assert_eq!(seen(&environment, "whole").blobs().len(), blobs);
}

#[test]
fn where_old_images_are_not_they_cannot_be_marked() {
    let environment = Environment::new();
    World::new(15).write(&environment);
    plan(&environment, &["apps", "old", "--bases", "bases"]);
    let before = snapshot(environment.path());
    let run = |more: &[&str]| environment.refused(&[&["batch", "apply", "plan.jsonl", "--supersede"], more].concat(), "usage.output", 2);
    for more in [&["-o", "out"][..], &["-o", "out", "--shard", "1/2"]] {
        let outcome = run(more);
        assert!(outcome.err.contains("15 of them") && outcome.err.contains("and 3 more"), "{}", outcome.err);
        assert_eq!(outcome.err.matches("apps:registry.example/app-").count(), 12, "{}", outcome.err);
        assert!(outcome.err.contains("airbase copy") && outcome.err.contains("airbase lifecycle supersede"), "{}", outcome.err);
    }
    // Archives hold no old images, so there is nothing to copy to.
    let outcome = run(&["-o", "apps", "--as", "archives"]);
    assert!(!outcome.err.contains("airbase copy") && outcome.err.contains("airbase lifecycle supersede"), "{}", outcome.err);
    assert!(snapshot(environment.path()) == before, "nothing is written");
    // As the hint says: copied there, they can be.
    for number in 0..14 {
        environment.ok(&["copy", &format!("apps:app-{number}:1.0"), "out"]);
    }
    let outcome = run(&["-o", "out"]);
    assert!(outcome.err.contains("one of them is") && outcome.err.contains("app-14:1.0"), "{}", outcome.err);
    environment.ok(&["copy", "apps:app-14:1.0", "out"]);
    let (status, report) = apply(&environment, "out", &[]);
    assert_eq!((status, &report["moved"], &report["superseded"]), (0, &15.into(), &15.into()), "{report:#}");
    seen(&environment, "out").whole();
    environment.ok(&["doctor", "out"]);
}

#[test]
fn what_does_not_move_is_not_marked() {
    let environment = Environment::new();
    let world = World::new(6);
    world.write(&environment);
    let planned = items(&plan(&environment, &["apps", "old", "--bases", "bases"]));
    let broken = "registry.example/app-2:1.0";
    let own = item(&planned, broken)["layers"][0]["digest"].as_str().unwrap().replace(':', "/");
    let own = environment.join("apps/blobs").join(own);
    let sound = std::fs::read(&own).unwrap();
    std::fs::write(&own, vec![0; sound.len()]).unwrap();
    let (status, report) = apply(&environment, "apps", &[]);
    assert_eq!((status, &report["failed"], &report["superseded"]), (3, &1.into(), &5.into()), "{report:#}");
    let contents = seen(&environment, "apps");
    for number in 0..6 {
        let name = format!("registry.example/app-{number}:1.0");
        let old = world.apps.digest_of(&name);
        let new = contents.named(&name).unwrap();
        assert_eq!(follower(&contents, &old), (new != old).then_some(new), "{name}");
    }
    // Mended, the next run marks the last one.
    std::fs::write(&own, &sound).unwrap();
    let (status, report) = apply(&environment, "apps", &[]);
    assert_eq!((status, &report["moved"], &report["superseded"]), (0, &1.into(), &1.into()), "{report:#}");
    seen(&environment, "apps").whole();
}

/// What cannot be read before an item is done refuses the item; here it comes between the shards and whoever merges.
#[test]
fn a_statement_that_cannot_be_read_leaves_its_image_unmarked_and_says_so() {
    let environment = Environment::new();
    let world = World::new(4);
    world.write(&environment);
    let names = [0, 1, 2].map(|number| format!("registry.example/app-{number}:1.0"));
    let planned = items(&plan(&environment, &["apps", "old", "--bases", "bases"]));
    assert_eq!(apply(&environment, "apps", &["--shard", "1/1"]).0, 0);
    // One statement is damaged; in the place of a list stands something else.
    environment.ok(&["lifecycle", "set", &format!("apps:{}", names[0]), "--status", "withdrawn"]);
    let contents = seen(&environment, "apps");
    let list = contents.json(&contents.named(&world.apps.digest_of(&names[0]).replace(':', "-")).unwrap());
    let damaged = environment.join("apps/blobs").join(list["manifests"][0]["digest"].as_str().unwrap().replace(':', "/"));
    std::fs::write(&damaged, vec![b' '; usize::try_from(std::fs::metadata(&damaged).unwrap().len()).unwrap()]).unwrap();
    environment.ok(&["tag", "apps:app-3:1.0", &world.apps.digest_of(&names[1]).replace(':', "-")]);
    let (status, report) = at(&environment, NOW, &["batch", "merge", "apps"]);
    assert_eq!(status, 1, "{report:#}");
    // What stands in the place of a list keeps no statement from an image, and is told.
    assert_eq!((&report["moved"], &report["superseded"]), (&4.into(), &3.into()), "{report:#}");
    assert!(report["findings"].as_array().unwrap().iter().any(|finding| finding["code"] == "referrer.fallback_tag"), "{report:#}");
    let unmarked: Vec<(&str, &str)> = report["unmarked"]
        .as_array()
        .unwrap()
        .iter()
        .map(|unmarked| (unmarked["image"].as_str().unwrap(), unmarked["findings"][0]["code"].as_str().unwrap()))
        .collect();
    assert_eq!(unmarked, [(format!("apps:{}", names[0]).as_str(), "blob.digest_mismatch")]);
    let contents = seen(&environment, "apps");
    for name in &names {
        assert_eq!(item(&planned, name)["result"]["digest"], contents.named(name).unwrap(), "it moved all the same");
    }
    assert!(follower(&contents, &world.apps.digest_of(&names[2])).is_some());
    let (_, told) = environment.json(&["lifecycle", "show", &format!("apps@{}", world.apps.digest_of(&names[1]))]);
    assert!(told["subjects"][0].to_string().contains(item(&planned, &names[1])["result"]["digest"].as_str().unwrap()), "{told:#}");
    let shown = environment.run(&["batch", "apply", "plan.jsonl", "-o", "apps", "--supersede"]);
    assert_eq!(shown.status, 3);
    assert!(shown.out.contains("1 image moved, and could not be marked") && shown.out.contains("[blob.digest_mismatch]"), "{}", shown.out);
}

/// Words of the image's builder are no statement, whatever they are.
#[test]
fn what_an_image_says_of_itself_and_nobody_understands_keeps_nobody_from_marking_it() {
    let environment = Environment::new();
    let old = Image::of(&[&layer(&["os=old"])]);
    let app = old.and(&[&layer(&["app=1"])]).annotated("org.opencontainers.image.support.end-of-life", "some day");
    Layout::new().image("site/os:12", &old).image("site/app:1", &app).write(&environment.join("in"));
    let new = Image::of(&[&layer(&["os=new"])]).with_top("created", json!("2024-06-01T00:00:00Z"));
    Layout::new().image("site/os:12", &new).write(&environment.join("bases"));
    plan(&environment, &["in", "--bases", "bases"]);
    let (status, report) = apply(&environment, "in", &[]);
    assert_eq!((status, &report["superseded"]), (0, &1.into()), "{report:#}");
    assert!(report["findings"].as_array().unwrap().iter().any(|finding| finding["code"] == "lifecycle.unreadable"), "{report:#}");
    assert!(follower(&seen(&environment, "in"), &app.digest()).is_some());
}

#[test]
fn an_image_of_several_names_and_indexes_is_spoken_of_once() {
    let environment = Environment::new();
    let old = Image::of(&[&layer(&["os=old"])]);
    let new = Image::of(&[&layer(&["os=new"])]).with_top("created", json!("2024-06-01T00:00:00Z"));
    let app = old.and(&[&layer(&["app=1"])]);
    let arm = app.clone().platform("arm64");
    let layout = Layout::new()
        .index("site/os:12", &[&old, &old.clone().platform("arm64")], json!({}))
        .index("site/app:1", &[&app, &arm], json!({}))
        .index("site/app:1.0", &[&app, &arm], json!({}))
        .index("site/app:some", &[&app], json!({}))
        .image("site/app:1-amd64", &app);
    layout.write(&environment.join("in"));
    Layout::new().index("site/os:12", &[&new, &new.clone().platform("arm64")], json!({})).write(&environment.join("bases"));
    plan(&environment, &["in", "--bases", "bases"]);
    let (status, report) = apply(&environment, "in", &[]);
    assert_eq!((status, &report["moved"], &report["superseded"], &report["findings"]), (0, &4.into(), &2.into(), &json!([])), "{report:#}");
    let contents = seen(&environment, "in");
    let reached = contents.whole();
    assert_eq!(contents.blobs().into_keys().collect::<std::collections::BTreeSet<_>>(), reached, "nothing was written for nobody");
    // `statement` checks that nothing is said twice.
    let new = contents.named("site/app:1").unwrap();
    assert_eq!(contents.named("site/app:1.0").as_ref(), Some(&new));
    assert_eq!(follower(&contents, &layout.digest_of("site/app:1")).as_ref(), Some(&new));
    assert_eq!(follower(&contents, &app.digest()), contents.named("site/app:1-amd64"));
    let before = snapshot(&environment.join("in"));
    assert_eq!(apply(&environment, "in", &[]).1["superseded"], 0);
    assert!(snapshot(&environment.join("in")) == before);
}

#[test]
fn who_attaches_at_the_same_time_loses_nothing() {
    let environment = Environment::new();
    let world = World::new(300);
    world.write(&environment);
    plan(&environment, &["apps", "old", "--bases", "bases"]);
    let mut command = environment.command(&["batch", "apply", "plan.jsonl", "-o", "apps", "--supersede"]);
    let mut child = command.env("SOURCE_DATE_EPOCH", NOW).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut attached = Vec::new();
    let mut number = 0;
    while child.try_wait().unwrap().is_none() || number == 0 {
        let old = world.apps.digest_of(&format!("registry.example/app-{}:1.0", number % 300));
        let (status, report) =
            environment.json(&["attach", &format!("apps@{old}"), "--type", "application/spdx+json", "-a", &format!("n={number}")]);
        assert_eq!(status, 0, "{report:#}");
        attached.push((old, report["attached"][0]["digest"].as_str().unwrap().to_owned()));
        number += 1;
    }
    assert!(child.wait().unwrap().success());
    let contents = seen(&environment, "apps");
    contents.whole();
    for number in 0..300 {
        let name = format!("registry.example/app-{number}:1.0");
        assert_eq!(follower(&contents, &world.apps.digest_of(&name)), contents.named(&name), "{name}");
    }
    for (old, digest) in attached {
        let list = contents.json(&contents.named(&old.replace(':', "-")).unwrap());
        assert!(list["manifests"].as_array().unwrap().iter().any(|child| child["digest"] == digest), "{digest} on {old}");
    }
    let (_, referrers) = environment.json(&["referrers", &format!("apps@{}", world.apps.digest_of("registry.example/app-0:1.0"))]);
    assert!(referrers["subjects"][0]["referrers"].as_array().unwrap().iter().any(|referrer| referrer["artifactType"] == TYPE));
    environment.ok(&["doctor", "apps"]);
}

/// A batch takes the names away, a stick carries everything over the gap, and on the other side every digest that somebody pinned is
/// promised with what is said of it. `scripts/interoperability/across.py` does the same with clients and registries.
#[test]
fn who_pinned_an_old_digest_is_answered_behind_the_gap() {
    let (environment, layout) = chain();
    plan(&environment, &["in", "--bases", "bases"]);
    assert_eq!(apply(&environment, "in", &[]).0, 0);
    // And an image that never had a name.
    let bare = Image::of(&[&layer(&["bare=1"])]);
    let mut layout_of_bare = Layout::new();
    let entry = layout_of_bare.store(&bare);
    layout_of_bare.entry("", entry);
    layout_of_bare.write(&environment.join("bare"));
    environment.ok(&["copy", "bare", "in", "--all"]);
    let nameless = bare.digest();
    environment.ok(&["copy", "in", "stick.tar", "--all"]);
    environment.ok(&["copy", "stick.tar", "inside", "--all"]);
    let contents = seen(&environment, "inside");
    contents.whole();
    for out in [&[][..], &["-o", "ship"], &["-o", "ship.tar"]] {
        let options = ["prepare", "inside", "--registry", "r.site", "--unnamed-into", "attic", "--keep-tag", "retired-{digest12}"];
        let (status, plan) = environment.json(&[&options[..], out].concat());
        assert_eq!(status, 0, "{plan:#}");
        let items = plan["items"].as_array().unwrap();
        let find =
            |key: &str, digest: &str| items.iter().filter(|item| item[key] == digest && item["required"] == true).collect::<Vec<_>>();
        let attic = find("digest", &nameless).into_iter().any(|item| item["repository"] == "r.site/attic");
        assert!(attic, "what never had a name: {plan:#}");
        for name in ["site/runtime:17", "site/app:1"] {
            let old = layout.digest_of(name);
            for pinned in platforms(&contents, &old).into_iter().chain([old.clone()]) {
                assert!(!find("digest", &pinned).is_empty(), "{name} {pinned}: {plan:#}");
                let statements = find("subject", &pinned);
                let says = |item: &&&Value| contents.json(item["digest"].as_str().unwrap())["annotations"].get(BY).is_some();
                assert_eq!(statements.iter().filter(says).count(), 1, "{name} {pinned}: {plan:#}");
                assert!(statements.iter().all(|item| item["repository"] == find("digest", &pinned)[0]["repository"]), "{plan:#}");
            }
        }
        // All of it is asked for: one line less is not in sync.
        let line = |item: &Value| format!("{} {}\n", item["digest"].as_str().unwrap(), item["reference"].as_str().unwrap());
        std::fs::write(environment.join("plan.json"), plan.to_string()).unwrap();
        std::fs::write(environment.join("listing"), items.iter().map(line).collect::<String>()).unwrap();
        environment.ok(&["verify-sync", "plan.json", "listing"]);
        let statement = items.iter().position(|item| item["kind"] == "referrer").unwrap();
        let fewer = items.iter().enumerate().filter(|(number, _)| *number != statement).map(|(_, item)| line(item)).collect::<String>();
        std::fs::write(environment.join("listing"), fewer).unwrap();
        assert_eq!(environment.run(&["verify-sync", "plan.json", "listing"]).status, 1);
    }
}
