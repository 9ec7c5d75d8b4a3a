//! A plan that is carried out.

use serde_json::Value;

use super::{World, apply, item, items, plan, seen};
use crate::support::environment::snapshot;
use crate::support::{Contents, Environment};

#[test]
fn apps_on_two_bases_move_and_a_second_run_changes_nothing() {
    let environment = Environment::new();
    let world = World::new(20);
    world.write(&environment);
    let inputs = ["apps", "bases", "old"].map(|input| snapshot(&environment.join(input)));

    let text = plan(&environment, &["apps", "--bases", "bases"]);
    let planned = items(&text);
    assert_eq!(planned.len(), 20);
    // Only the apps that say what they stand on can be moved: their old bases are not here.
    let moves = planned.iter().filter(|item| item["status"] == "move").count();
    assert_eq!(moves, 0, "{planned:#?}");
    assert!(planned.iter().all(|item| item["reason"]["code"] == "base.unknown"));

    // With the old bases beside the apps, all move.
    let text = plan(&environment, &["apps", "old", "--bases", "bases"]);
    let planned = items(&text);
    assert_eq!(planned.iter().filter(|item| item["status"] == "move").count(), 20, "{planned:#?}");
    assert_eq!(planned.iter().filter(|item| item["status"] == "base").count(), 2);
    let first = item(&planned, "registry.example/app-0:1.0");
    assert_eq!(first["digest"], world.apps.digest_of("registry.example/app-0:1.0"));
    assert_eq!(first["platforms"][0]["new"]["digest"], world.bases.digest_of("registry.example/os:12"));

    let (status, report) = apply(&environment, "out", &[]);
    assert_eq!((status, &report["moved"], &report["items"]), (0, &20.into(), &20.into()), "{report:#}");
    let contents = seen(&environment, "out");
    let reached = contents.whole();
    assert_eq!(contents.blobs().into_keys().collect::<std::collections::BTreeSet<_>>(), reached, "nothing else was written");
    for number in 0..20 {
        let name = format!("registry.example/app-{number}:1.0");
        let digest = contents.named(&name).unwrap();
        assert_eq!(item(&planned, &name)["result"]["digest"], digest, "what the plan promised");
        let manifest = contents.json(&digest);
        assert_eq!(manifest["layers"][0]["digest"], world.new_layers[number % 2].digest());
        assert_eq!(manifest["layers"].as_array().unwrap().len(), 2);
    }

    let before = snapshot(&environment.join("out"));
    let (status, report) = apply(&environment, "out", &[]);
    assert_eq!((status, &report["moved"], &report["unchanged"]), (0, &0.into(), &20.into()), "{report:#}");
    assert_eq!((&report["indexChanged"], &report["blobs"]), (&Value::Bool(false), &0.into()));
    assert_eq!(snapshot(&environment.join("out")), before);
    assert_eq!(["apps", "bases", "old"].map(|input| snapshot(&environment.join(input))), inputs);

    let (status, report) = environment.json(&["batch", "report", "plan.jsonl", "out"]);
    assert_eq!((status, &report["counts"]["moved"], &report["counts"]["base"]), (0, &20.into(), &2.into()), "{report:#}");
    let fsck = environment.ok(&["fsck", "out"]);
    assert!(!fsck.out.contains("airbase-batch"), "{}", fsck.out);

    // The journal says that it was moved, and it is not there any more.
    environment.ok(&["rm", "out:registry.example/app-0:1.0"]);
    let (status, report) = environment.json(&["batch", "report", "plan.jsonl", "out"]);
    assert_eq!((status, &report["counts"]["moved"], &report["counts"]["missing"]), (1, &19.into(), &1.into()), "{report:#}");

    // A name that went to another image, and a layer that is gone, are no end to be content with.
    environment.ok(&["copy", "out:registry.example/app-2:1.0", "out:registry.example/app-1:1.0"]);
    let layer = &item(&planned, "registry.example/app-3:1.0")["layers"][0]["digest"];
    std::fs::remove_file(environment.join("out/blobs").join(layer.as_str().unwrap().replace(':', "/"))).unwrap();
    let (status, report) = environment.json(&["batch", "report", "plan.jsonl", "out"]);
    assert_eq!((status, &report["counts"]["moved"], &report["counts"]["missing"]), (1, &17.into(), &3.into()), "{report:#}");
    // Nor is one without its config, one whose layer was emptied, and one without a name.
    let out = Contents::of(&environment.join("out"));
    let blob = |digest: &Value| environment.join("out/blobs").join(digest.as_str().unwrap().replace(':', "/"));
    let config = out.json(&out.named("registry.example/app-4:1.0").unwrap())["config"]["digest"].clone();
    std::fs::remove_file(blob(&config)).unwrap();
    std::fs::write(blob(&item(&planned, "registry.example/app-5:1.0")["layers"][0]["digest"]), "").unwrap();
    environment.ok(&["untag", "out:registry.example/app-6:1.0"]);
    let (status, report) = environment.json(&["batch", "report", "plan.jsonl", "out"]);
    assert_eq!((status, &report["counts"]["moved"], &report["counts"]["missing"]), (1, &14.into(), &6.into()), "{report:#}");
    // An archive is complete without an index, and missing without its file.
    assert_eq!(apply(&environment, "archives", &["--as", "archives"]).0, 0);
    std::fs::remove_file(environment.join("archives/registry.example_app-0_1.0.tar")).unwrap();
    std::fs::write(environment.join("archives/registry.example_app-1_1.0.tar"), "").unwrap();
    let (status, report) = environment.json(&["batch", "report", "plan.jsonl", "archives"]);
    assert_eq!((status, &report["counts"]["moved"], &report["counts"]["missing"]), (1, &18.into(), &2.into()), "{report:#}");

    // A list that cannot be read does not say that nothing is there.
    std::fs::write(environment.join("out/index.json"), "{").unwrap();
    environment.refused(&["batch", "report", "plan.jsonl", "out"], "layout.index.truncated", 3);

    // What is not there yet has nothing; what cannot be opened may have anything.
    let (status, report) = environment.json(&["batch", "report", "plan.jsonl", "none"]);
    assert_eq!((status, &report["counts"]["missing"]), (1, &20.into()), "{report:#}");
    std::os::unix::fs::symlink("loop", environment.join("loop")).unwrap();
    environment.refused(&["batch", "report", "plan.jsonl", "loop"], "io", 6);
}

#[test]
fn a_batch_of_one_is_a_rebase() {
    let environment = Environment::new();
    World::new(1).write(&environment);
    plan(&environment, &["apps", "old", "--bases", "bases", "--only", "*/app-0:*"]);
    assert_eq!(apply(&environment, "batch", &[]).0, 0);
    assert_eq!(apply(&environment, "archives", &["--as", "archives"]).0, 0);
    environment.ok(&["rebase", "apps", "--from", "old:os:12", "--onto", "bases:os:12", "-o", "rebase"]);
    environment.ok(&["rebase", "apps", "--from", "old:os:12", "--onto", "bases:os:12", "-o", "rebase.tar"]);
    assert_eq!(seen(&environment, "batch"), Contents::of(&environment.join("rebase")));
    let archive = std::fs::read(environment.join("archives/registry.example_app-0_1.0.tar")).unwrap();
    assert!(archive == std::fs::read(environment.join("rebase.tar")).unwrap());
}

#[test]
fn a_new_base_at_the_end_of_its_life_is_flagged_and_the_image_moves_all_the_same() {
    let environment = Environment::new();
    World::new(4).write(&environment);
    environment.ok(&["lifecycle", "set", "bases:registry.example/os:12", "--eol", "2026-06-01", "--at", "2026-01-01"]);
    // Of two images of the name it would be the newest, and nobody is moved onto its end unasked.
    let planned = items(&plan(&environment, &["apps", "old", "--bases", "bases", "--at", "2026-11-21"]));
    assert_eq!(item(&planned, "registry.example/app-0:1.0")["reason"]["code"], "base.ambiguous");
    let map = "registry.example/os:12=bases:registry.example/os:12";
    let warned = |at: &str| -> Vec<bool> {
        let planned = items(&plan(&environment, &["apps", "old", "--bases", "bases", "--map", map, "--at", at]));
        (0..4)
            .map(|number| {
                let item = item(&planned, &format!("registry.example/app-{number}:1.0"));
                assert_eq!(item["status"], "move");
                item["warnings"].as_array().is_some_and(|codes| codes.contains(&"base.end_of_life".into()))
            })
            .collect()
    };
    // Every second app stands on that base.
    assert_eq!(warned("2026-11-21"), [true, false, true, false]);
    assert_eq!(warned("2026-05-31"), [false; 4]);
}
