//! The examples at the end of each help run, on the images of the demonstration.

use std::process::{Command, Stdio};

use crate::support::Environment;

/// The commands in an order in which each finds what it needs, and what is done before.
const ORDER: &[(&str, &str)] = &[
    ("", ""),
    ("inspect", ""),
    ("ls", ""),
    ("cat", ""),
    ("diff", ""),
    ("why", ""),
    ("fsck", ""),
    ("base", ""),
    ("base show", ""),
    ("base verify", ""),
    ("base set", ""),
    ("base dependents", ""),
    ("outdated", ""),
    ("rebase", "rm -r out layout"),
    ("verdict", ""),
    ("batch", ""),
    ("batch plan", ""),
    ("batch apply", "rm -r moved"),
    ("batch merge", ""),
    ("batch report", ""),
    ("copy", ""),
    (
        "index",
        "airbase copy apps/shop.tar parts:amd64 --platform linux/amd64 && airbase copy apps/shop.tar parts:arm64 --platform linux/arm64",
    ),
    ("tag", ""),
    ("untag", ""),
    ("annotate", "airbase copy apps/plain.tar layout"),
    ("collection create", ""),
    ("collection", ""),
    ("collection show", ""),
    ("collection check", ""),
    ("attach", "echo '{}' > sbom.json"),
    ("referrers", ""),
    ("doctor", ""),
    ("lifecycle", ""),
    ("lifecycle set", ""),
    ("lifecycle show", ""),
    ("lifecycle history", ""),
    ("lifecycle check", ""),
    ("lifecycle report", ""),
    ("lifecycle compact", ""),
    (
        "lifecycle import",
        r#"echo '{"EolDate":"2030-01-01","EolDigests":[{"Digest":"sha256:0000000000000000000000000000000000000000000000000000000000000000"}]}' > eol.json"#,
    ),
    ("lifecycle supersede", "airbase copy new/shop.tar layout:registry.example/shop:1.5"),
    ("lifecycle trace", ""),
    ("detach", ""),
    ("rm", ""),
    ("gc", ""),
    ("prepare", ""),
    ("verify-sync", ""),
    ("demo", ""),
    ("explain", ""),
    ("config", ""),
    ("completions", ""),
    ("man", ""),
];

fn sh(environment: &Environment, line: &str) -> (i32, String) {
    let folder = std::path::Path::new(env!("CARGO_BIN_EXE_airbase")).parent().unwrap();
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    let ran = Command::new("sh")
        .args(["-c", line])
        .current_dir(environment.join("demo"))
        .env("PATH", path)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    (ran.status.code().unwrap(), String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr))
}

/// The examples of a help.
fn examples(environment: &Environment, words: &[&str]) -> Vec<String> {
    let help = environment.ok(&[words, &["--help"]].concat()).out;
    let (_, list) = help.split_once("\nExamples:\n").unwrap_or_else(|| panic!("{words:?}: {help}"));
    list.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect()
}

#[test]
fn every_example_runs() {
    let environment = Environment::new();
    environment.ok(&["demo", "demo"]);
    for (verb, before) in ORDER {
        if *verb == "verify-sync" {
            listing(&environment);
        }
        let (status, said) = sh(&environment, before);
        assert!(status == 0 || before.starts_with("rm"), "{verb}: {before}: {said}");
        let words: Vec<&str> = verb.split_whitespace().collect();
        let lines = examples(&environment, &words);
        assert_eq!(lines.len(), 2, "{verb}");
        for line in lines {
            assert!(line.starts_with(&format!("airbase {verb}")), "{line}");
            // 0, or 1 for what tells that something is outdated.
            let (status, said) = sh(&environment, &line.replace("DIGEST", &digest(&environment, verb)));
            assert!((0..=1).contains(&status), "{verb}: {line}: {status}: {said}");
        }
    }
}

/// The digest that an example leaves open.
fn digest(environment: &Environment, verb: &str) -> String {
    let document = match verb {
        "detach" => {
            let note = ["attach", "demo/layout:shop:1.4", "--type", "application/x.note"];
            let (_, document) = environment.json(&note);
            document["attached"][0]["digest"].clone()
        }
        "lifecycle trace" => environment.json(&["inspect", "demo/apps/shop.tar"]).1["sources"][0]["entries"][0]["digest"].clone(),
        _ => return String::new(),
    };
    document.as_str().unwrap().to_owned()
}

/// What a registry says that has everything of a plan of `prepare`.
fn listing(environment: &Environment) {
    let plan = std::fs::read(environment.join("demo/push.json")).unwrap();
    let plan: serde_json::Value = serde_json::from_slice(&plan).unwrap();
    let line = |item: &serde_json::Value| format!("{} {}\n", item["digest"].as_str().unwrap(), item["reference"].as_str().unwrap());
    let lines: String = plan["items"].as_array().unwrap().iter().map(line).collect();
    std::fs::write(environment.join("demo/listing"), lines).unwrap();
}

/// A command without examples is found here, wherever it stands.
#[test]
fn every_command_has_examples() {
    let environment = Environment::new();
    let subcommands = |words: &[&str]| -> Vec<String> {
        let help = environment.ok(&[words, &["--help"]].concat()).out;
        let list = help.split_once("\nCommands:\n").map_or("", |(_, rest)| rest.split("\n\n").next().unwrap_or_default());
        let names = list.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
        names.map(|line| line.split_whitespace().next().unwrap().to_owned()).filter(|name| name != "help").collect()
    };
    let mut commands = Vec::new();
    for top in subcommands(&[]) {
        commands.extend(subcommands(&[&top]).into_iter().map(|inner| format!("{top} {inner}")));
        commands.push(top);
    }
    commands.push(String::new());
    commands.sort();
    let mut listed: Vec<String> = ORDER.iter().map(|(verb, _)| (*verb).to_owned()).collect();
    listed.sort();
    assert_eq!(listed, commands);
}
