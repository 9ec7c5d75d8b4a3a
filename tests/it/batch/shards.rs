//! However the work is divided, whoever is killed, and in whatever order: the same layout.

use std::process::{Command, Stdio};

use super::{World, apply, plan, seen};
use crate::support::{Contents, Dice, Environment};

#[test]
fn one_four_or_thirty_seven_shards_with_kills_give_the_same_layout() {
    let mut numbers = Dice::new(0x9e37_79b9);
    let environment = Environment::new();
    World::new(120).write(&environment);
    plan(&environment, &["apps", "old", "--bases", "bases"]);
    assert_eq!(apply(&environment, "whole", &[]).0, 0);
    let whole = seen(&environment, "whole");
    whole.whole();
    for count in [1_u64, 4, 37] {
        let out = format!("out-{count}");
        let mut shards: Vec<u64> = (1..=count).collect();
        // Some run twice, and some of those at the same time.
        shards.extend((0..count / 4).map(|_| numbers.below(count) + 1).collect::<Vec<_>>());
        numbers.shuffle(&mut shards);
        for pair in shards.chunks(2) {
            let mut running: Vec<_> = pair
                .iter()
                .map(|shard| {
                    let shard = format!("{shard}/{count}");
                    let mut command: Command = environment.command(&["batch", "apply", "plan.jsonl", "-o", &out, "--shard", &shard]);
                    (shard, command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap())
                })
                .collect();
            for (shard, child) in &mut running {
                // A kill at some point of the run, often before its end.
                if numbers.below(2) == 0 {
                    for _ in 0..numbers.below(300) * 1000 {
                        std::hint::spin_loop();
                    }
                    child.kill().unwrap();
                    child.wait().unwrap();
                    let (status, report) = apply(&environment, &out, &["--shard", shard]);
                    assert_eq!(status, 0, "{report:#}");
                } else {
                    assert!(child.wait().unwrap().success(), "{shard}");
                }
            }
        }
        environment.ok(&["batch", "merge", &out]);
        let merged = seen(&environment, &out);
        assert!(merged == whole, "{count} shards give another layout");
        let again = environment.ok(&["batch", "merge", &out]);
        assert!(again.out.contains("nothing was changed"), "{}", again.out);
    }
}

#[test]
fn a_shard_makes_what_it_needs_of_others_and_a_layout_without_shards_is_the_same() {
    let environment = Environment::new();
    let layers: Vec<_> = (0..9).map(|number| crate::support::layer(&[&format!("l/{number}={number}")])).collect();
    let old = crate::support::Image::of(&[&layers[0]]);
    let new = crate::support::Image::of(&[&layers[1]]).with_top("created", serde_json::json!("2024-06-01T00:00:00Z"));
    let mut layout = crate::support::Layout::new();
    let mut below = old.clone();
    for (number, layer) in layers.iter().enumerate().skip(2) {
        below = below.and(&[layer]);
        layout = layout.image(&format!("site/link-{number}:1"), &below);
    }
    layout.image("site/os:1", &old).write(&environment.join("images"));
    crate::support::Layout::new().image("site/os:1", &new).write(&environment.join("bases"));
    plan(&environment, &["images", "--bases", "bases"]);
    assert_eq!(apply(&environment, "whole", &[]).0, 0);
    // The highest link alone: everything below is made in memory, and not written.
    for shard in (1..=7).rev() {
        let (status, report) = apply(&environment, "out", &["--shard", &format!("{shard}/7")]);
        assert_eq!((status, &report["failed"]), (0, &0.into()), "{report:#}");
    }
    environment.ok(&["batch", "merge", "out"]);
    let merged = seen(&environment, "out");
    merged.whole();
    assert!(merged == seen(&environment, "whole"));
    assert_eq!(merged.entries().len(), 7);
}

#[test]
fn engines_name_the_shard() {
    let environment = Environment::new();
    World::new(8).write(&environment);
    plan(&environment, &["apps", "old", "--bases", "bases"]);
    let run = |variables: &[(&str, &str)]| {
        let mut command = environment.command(&["batch", "apply", "plan.jsonl", "-o", "out", "--shard", "auto", "--format", "json"]);
        let output = command.envs(variables.iter().copied()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        report["shard"].as_str().unwrap().to_owned()
    };
    assert_eq!(run(&[("JOB_COMPLETION_INDEX", "0"), ("JOB_COMPLETIONS", "2")]), "1/2");
    let slurm =
        [("SLURM_ARRAY_TASK_ID", "9"), ("SLURM_ARRAY_TASK_COUNT", "2"), ("SLURM_ARRAY_TASK_MIN", "5"), ("SLURM_ARRAY_TASK_STEP", "4")];
    assert_eq!(run(&slurm), "2/2");
    environment.ok(&["batch", "merge", "out"]);
    Contents { files: seen(&environment, "out").files }.whole();
}

/// Whoever gets a name while the shards run keeps it, as with a run on one machine, unless the user says otherwise.
#[test]
fn a_merge_takes_no_name_from_others() {
    let environment = Environment::new();
    World::new(4).write(&environment);
    plan(&environment, &["apps", "old", "--bases", "bases"]);
    for shard in ["1/2", "2/2"] {
        assert_eq!(apply(&environment, "out", &["--shard", shard]).0, 0);
    }
    // Nothing is listed yet, and nothing is missing.
    let (status, report) = environment.json(&["batch", "report", "plan.jsonl", "out"]);
    assert_eq!((status, &report["counts"]["moved"], &report["unlisted"]), (1, &4.into(), &4.into()), "{report:#}");
    let name = "registry.example/app-0:1.0";
    let hotfix = crate::support::Image::of(&[&crate::support::layer(&["hotfix=1"])]);
    crate::support::Layout::new().image(name, &hotfix).write(&environment.join("hotfix"));
    environment.ok(&["copy", "hotfix", &format!("out:{name}")]);
    let before = crate::support::environment::snapshot(&environment.join("out"));
    environment.refused(&["batch", "merge", "out"], "batch.output_taken", 4);
    assert_eq!(crate::support::environment::snapshot(&environment.join("out")), before);
    assert_eq!(seen(&environment, "out").named(name), Some(hotfix.digest()));
    environment.ok(&["batch", "merge", "out", "--overwrite"]);
    assert_ne!(seen(&environment, "out").named(name), Some(hotfix.digest()));
    let (status, report) = environment.json(&["batch", "report", "plan.jsonl", "out"]);
    assert_eq!((status, &report["counts"]["moved"], &report["unlisted"]), (0, &4.into(), &0.into()), "{report:#}");
}
