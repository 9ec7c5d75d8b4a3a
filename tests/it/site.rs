//! What a site sets once: the environment and files of settings.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::{Environment, Image, Layout, layer};

/// An app on an outdated base, and the bases in a layout of their own.
fn place() -> Environment {
    let environment = Environment::new();
    let old = Image::of(&[&layer(&["etc/os-release=old"])]);
    let new = Image::of(&[&layer(&["etc/os-release=new"])]);
    let mut bases = Layout::new().image("registry.example/os:12", &new).image("registry.example/other:1", &new);
    let entry = bases.store(&old);
    bases.entry("", entry);
    bases.write(&environment.join("bases"));
    let base = |member: &str| format!("org.opencontainers.image.base.{member}");
    let app = old.and(&[&layer(&["app=1"])]).annotated(&base("name"), "registry.example/os:12");
    let app = app.annotated(&base("digest"), &old.digest());
    Layout::new().image("registry.example/shop:1", &app).write(&environment.join("apps"));
    environment
}

fn answer(command: &mut Command) -> (i32, Value) {
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    (
        output.status.code().unwrap(),
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}{}", String::from_utf8_lossy(&output.stderr))),
    )
}

fn outdated(environment: &Environment, more: &[&str]) -> Command {
    environment.command(&[&["outdated", "apps", "--format", "json"], more].concat())
}

/// A value for each option, however often: what follows is the image.
#[test]
fn bases_do_not_swallow_the_image() {
    let environment = place();
    environment.ok(&["rebase", "--bases", "bases", "apps", "--onto", "bases:registry.example/os:12", "-o", "moved"]);
    assert_eq!(environment.run(&["outdated", "--bases", "bases", "apps"]).status, 1);
    environment.ok(&["inspect", "--bases", "bases", "apps"]);
    let outcome = environment.run(&["rebase", "apps", "--bases", "bases", "other", "-o", "moved:2"]);
    assert_eq!(outcome.status, 2, "{}", outcome.err);
    assert!(outcome.err.contains("--bases takes one value; give it again for each"), "{}", outcome.err);
}

/// What a value that is typed must be is told as every error is, wherever on the line the form is asked for; what clap finds missing
/// goes before it.
#[test]
fn a_wrong_value_is_told_in_the_form_that_is_asked_for() {
    let environment = place();
    for (line, code, found) in [
        (&["ls", "apps", "--platform", "linux"][..], "usage.argument", "linux"),
        (&["outdated", "apps", "--bases", "bases", "--map", "nothing"], "usage.argument", "nothing"),
        (&["outdated", "apps", "--bases", "bases", "--now", "soon"], "lifecycle.date", "soon"),
        (&["gc", "apps", "--grace", "3m"], "usage.argument", "3m"),
        (&["lifecycle", "compact", "apps", "--profile", "mine"], "usage.argument", "mine"),
    ] {
        for line in [[&["--format", "json"], line].concat(), [line, &["--format", "json"]].concat()] {
            let (status, document) = answer(&mut environment.command(&line));
            assert_eq!((status, &document["exit"]), (2, &json!(2)), "{line:?}: {document:#}");
            assert_eq!(document["error"]["code"], code, "{line:?}: {document:#}");
            assert_eq!(document["error"]["found"]["value"], found, "{line:?}: {document:#}");
        }
    }
    let outcome = environment.run(&["gc", "--grace", "3m", "--format", "json"]);
    assert_eq!((outcome.status, outcome.out.as_str()), (2, ""), "{}", outcome.err);
    assert!(outcome.err.contains("<PATH>"), "{}", outcome.err);
}

#[test]
fn the_environment_sets_what_is_not_typed() {
    let environment = place();
    environment.refused(&["outdated", "apps"], "usage.argument", 2);
    let bases = environment.join("bases");
    // As in PATH, what is empty between colons is nothing.
    let (status, report) = answer(outdated(&environment, &[]).env("AIRBASE_BASES", format!("{}:", bases.display())));
    assert_eq!((status, &report["outdated"]), (1, &json!(1)), "{report:#}");
    assert_eq!(report["settings"], json!([{"name": "bases", "value": [bases.to_str().unwrap()], "from": "AIRBASE_BASES"}]));
    // What is typed counts, and then nothing is told.
    let (_, report) = answer(outdated(&environment, &["--bases", "bases"]).env("AIRBASE_BASES", "nowhere"));
    assert_eq!((&report["outdated"], report.get("settings")), (&json!(1), None), "{report:#}");
    // What goes wrong because of it says so.
    let (status, report) = answer(outdated(&environment, &[]).env("AIRBASE_BASES", "nowhere"));
    assert_eq!(
        (status, &report["error"]["code"], &report["settings"][0]["from"]),
        (2, &json!("ref.path_missing"), &json!("AIRBASE_BASES"))
    );
    let told = environment.command(&["outdated", "apps"]).env("AIRBASE_BASES", "bases").output().unwrap();
    assert!(String::from_utf8_lossy(&told.stdout).contains("setting      --bases bases (AIRBASE_BASES)"));
    // Rules hold colons, so each has a line of its own.
    let map = "registry.example/os:12=bases:registry.example/other:1\nnothing/*=bases";
    let (_, report) = answer(outdated(&environment, &["--bases", "bases"]).env("AIRBASE_MAP", map));
    assert_eq!(report["settings"][0]["value"], json!(map.split('\n').collect::<Vec<_>>()), "{report:#}");
    let prepare = |more: &[&str]| {
        answer(environment.command(&[&["prepare", "apps", "--format", "json"], more].concat()).env("AIRBASE_REGISTRY", "r.site/x"))
    };
    let (_, report) = prepare(&[]);
    assert_eq!(report["items"][0]["reference"], json!("r.site/x/shop:1"), "{report:#}");
    // What a node gets keeps its names: it is a file, and the registry that is set is not for it.
    let (status, report) = prepare(&["--profile", "runtime"]);
    assert_eq!((status, &report["error"]["code"]), (2, &json!("usage.argument")), "{report:#}");
    let (status, report) = prepare(&["--profile", "runtime", "-o", "node.tar"]);
    assert_eq!((status, report.get("settings")), (0, None), "{report:#}");
    let (_, report) = environment.json(&["inspect", "node.tar"]);
    assert_eq!(report["sources"][0]["entries"][0]["names"], json!(["registry.example/shop:1"]), "{report:#}");
    let plan = environment.command(&["batch", "plan", "apps"]).env("AIRBASE_BASES", "bases").output().unwrap();
    assert_eq!(plan.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&plan.stderr).contains("(AIRBASE_BASES)"));
}

#[test]
fn files_of_settings_are_read_in_their_order() {
    let environment = place();
    let bases = environment.join("bases").display().to_string();
    let user = environment.join("home/.config/airbase");
    fs::create_dir_all(&user).unwrap();
    fs::write(user.join("config.toml"), format!("bases = [{bases:?}]\n")).unwrap();
    fs::write(environment.join("site.toml"), "bases = [\"/nowhere\"]\nregistry = \"r.site/x\"\n").unwrap();
    // A stick may hold a file of that name.
    fs::write(environment.join("config.toml"), "bases = [\"/nowhere\"]\n").unwrap();
    let home = environment.join("home");
    let from = |command: &mut Command| {
        let (status, report) = answer(command);
        (status, report["settings"][0]["from"].as_str().map(str::to_owned))
    };
    let user = user.join("config.toml").display().to_string();
    assert_eq!(from(outdated(&environment, &[]).env("HOME", &home)), (1, Some(user.clone())));
    assert_eq!(from(outdated(&environment, &[]).env("XDG_CONFIG_HOME", home.join(".config"))), (1, Some(user)));
    // One that is named stands alone; the option goes before the variable, and the environment before the file.
    assert_eq!(from(outdated(&environment, &["--config", "site.toml"]).env("HOME", &home)), (2, Some("site.toml".into())));
    assert_eq!(from(outdated(&environment, &[]).env("AIRBASE_CONFIG", "site.toml").env("HOME", &home)), (2, Some("site.toml".into())));
    let both = [("AIRBASE_CONFIG", "nowhere.toml"), ("AIRBASE_BASES", "bases")];
    assert_eq!(from(outdated(&environment, &["--config", "site.toml"]).envs(both)), (1, Some("AIRBASE_BASES".into())));
    let (_, shown) = answer(environment.command(&["config", "--config", "site.toml", "--format", "json"]).env("AIRBASE_BASES", "bases"));
    let expected = json!([
        {"name": "bases", "value": ["bases"], "from": "AIRBASE_BASES"},
        {"name": "registry", "value": ["r.site/x"], "from": "site.toml"},
    ]);
    assert_eq!((&shown["set"], &shown["files"]), (&expected, &json!([{"path": "site.toml", "present": true}])));
}

/// A file that was not understood is not passed over.
#[test]
fn a_bad_file_of_settings_stops_every_command() {
    let environment = place();
    for (text, told) in [
        ("bases = \"/srv\"", "bases"),
        ("base = [\"/srv\"]", "unknown field `base`"),
        ("deny = []", "unknown field `deny`"),
        ("bases = [\"srv\"]", "does not begin with /"),
        ("bases = [\"oci:srv\"]", "does not begin with /"),
        ("map = [\"a=b\"]", "does not begin with /"),
        ("\nbases = [", "line 2"),
    ] {
        fs::write(environment.join("site.toml"), text).unwrap();
        let outcome = environment.refused(&["inspect", "apps", "--config", "site.toml"], "usage.argument", 2);
        assert!(outcome.err.contains(told) && !outcome.err.contains("\\n"), "{text}: {}", outcome.err);
    }
    assert_eq!(environment.run(&["inspect", "apps", "--config", "nowhere.toml"]).status, 6);
    fs::create_dir(environment.join("folder")).unwrap();
    for option in ["--config", "--conventions"] {
        let outcome = environment.refused(&["inspect", "apps", option, "folder"], "usage.argument", 2);
        assert!(outcome.err.contains("is no regular file") && !outcome.err.contains("layout"), "{}", outcome.err);
    }
}
