//! `--policy` and `--deny hidden-fix`: what a site says of findings, and whether the fixes of the new base reach the app.

use std::fs;

use serde_json::{Value, json};

use super::*;
use crate::support::Contents;

const TO_NEW: [&str; 5] = ["apps:app", "--from", "bases:old", "--onto", "bases:new"];

/// An app that needs a library that the new base lacks, and reads a file that changed.
fn broken() -> Environment {
    let loaders = || vec![loader("lib64/ld-linux-x86-64.so.2")];
    let own = Program { interpreter: GLIBC, needed: &["libx.so.1"], ..Program::default() };
    let moved = Move {
        old: base(&[loaders(), vec![library("lib64/libx.so.1", Program::default()), text("etc/answer", "1")]].concat()),
        new: base(&[loaders(), vec![text("etc/answer", "2")]].concat()),
        app: vec![script("app/run", "#!/bin/sh\nset -e\ncat /etc/answer\n/app/own\n"), program("app/own", own)],
        start: json!(["/app/run"]),
        user: "",
    };
    moved.environment().0
}

fn rule(code: &str, files: &str, action: &str) -> String {
    format!("[[rule]]\ncode = \"{code}\"\nfiles = \"{files}\"\naction = \"{action}\"\nreason = \"tested by hand\"\n")
}

fn with_policy(environment: &Environment, verb: &str, rules: &[String], more: &[&str]) -> (i32, Value) {
    fs::write(environment.join("policy.toml"), rules.concat()).unwrap();
    environment.json(&[&[verb][..], &TO_NEW, &["--policy", "policy.toml"], more].concat())
}

#[test]
fn rules_decide_by_code_and_file_what_is_refused_told_and_accepted() {
    let environment = broken();
    let needed = |files, action| rule("verdict.elf.needed", files, action);
    let changed = |action| rule("verdict.changed", "*", action);
    let dry = &["--dry-run"];
    assert_eq!(with_policy(&environment, "rebase", &[needed("/app/*", "accept")], dry).0, 0);
    assert_eq!(with_policy(&environment, "rebase", &[needed("/app/*", "warn")], dry).0, 0);
    let (status, document) = with_policy(&environment, "rebase", &[needed("/opt/*", "accept")], dry);
    assert_eq!((status, &document["error"]["code"]), (4, &json!("verdict.elf.needed")));
    let (status, document) = with_policy(&environment, "rebase", &[needed("*", "warn"), changed("refuse")], dry);
    assert_eq!((status, &document["error"]["code"]), (4, &json!("verdict.changed")), "{document:#}");

    // The verdict stays, and what is accepted does not count for the exit status.
    let (status, document) = with_policy(&environment, "verdict", &[needed("*", "accept")], &[]);
    assert_eq!((status, &document["verdict"]), (1, &json!("breaks")), "what changed is a risk all the same");
    let (status, document) = with_policy(&environment, "verdict", &[needed("*", "accept"), changed("accept")], &[]);
    assert_eq!((status, &document["verdict"]), (0, &json!("breaks")), "{document:#}");
    assert_eq!(document["platforms"][0]["accepted"], json!(["verdict.elf.needed", "verdict.changed"]));
    assert_eq!(with_policy(&environment, "verdict", &[needed("*", "warn"), changed("refuse")], &[]).0, 1);

    // The result records what was accepted.
    with_policy(&environment, "rebase", &[needed("*", "accept")], &["-o", "out:app"]);
    let contents = Contents::of(&environment.join("out"));
    let manifest = contents.json(&contents.named("app").unwrap());
    assert_eq!(manifest["annotations"]["dev.airbase.rebase.accepted"], "verdict.elf.needed");
}

#[test]
fn a_batch_goes_by_the_same_rules_and_notes_them() {
    let environment = Environment::new();
    let (old, new) = (Image::of(&[&packed(&base(&[text("etc/x", "1")]))]), Image::of(&[&packed(&base(&[]))]));
    let app = old.and(&[&packed(&[script("app/run", "#!/bin/sh\nset -e\ncat /etc/x\n")])]).with("Cmd", json!(["/app/run"]));
    let app = app.annotated("org.opencontainers.image.base.name", "registry.example/os:1");
    let app = app.annotated("org.opencontainers.image.base.digest", &old.digest());
    let new = new.with_top("created", json!("2024-06-01T00:00:00Z"));
    Layout::new().image("old", &old).image("registry.example/os:1", &new).write(&environment.join("bases"));
    Layout::new().image("registry.example/app:1", &app).write(&environment.join("apps"));
    let plan = |rules: &[String]| {
        fs::write(environment.join("policy.toml"), rules.concat()).unwrap();
        let text = environment.ok(&["batch", "plan", "apps", "--bases", "bases", "--policy", "policy.toml"]).out;
        fs::write(environment.join("plan.jsonl"), &text).unwrap();
        crate::batch::lines(&text)
    };
    for (action, status, accepted) in
        [("accept", "move", json!(["verdict.missing"])), ("warn", "move", Value::Null), ("refuse", "refused", Value::Null)]
    {
        let lines = plan(&[rule("verdict.missing", "/app/*", action)]);
        assert_eq!(lines[0]["settings"]["policy"], json!([format!("{action} verdict.missing /app/*: tested by hand")]));
        let item = lines.iter().find(|line| line["output"] == "registry.example/app:1").unwrap();
        assert_eq!((&item["status"], &item["platforms"][0]["accepted"]), (&json!(status), &accepted), "{item:#}");
        if status == "move" {
            environment.ok(&["batch", "apply", "plan.jsonl", "-o", action]);
        }
    }
}

#[test]
fn a_policy_that_is_wrong_or_expired_is_an_error_before_anything_is_read() {
    let environment = broken();
    let good = rule("verdict.module", "*", "accept");
    for (text, code, status, line) in [
        (good.replace("verdict.module", "verdict.modules"), "verdict.policy", 2, "line 2"),
        (good.replace("files", "file"), "verdict.policy", 2, "line 3"),
        (good.replace("\"*\"", "\"[a]\""), "verdict.policy", 2, "line 3"),
        (good.clone() + "expires = 2020-01-01\n", "verdict.policy_expired", 4, "line 6"),
        ("[[rule]\n".to_owned(), "verdict.policy", 2, "line 1"),
    ] {
        fs::write(environment.join("policy.toml"), &text).unwrap();
        let verbs: [&[&str]; 3] = [
            &["verdict", "nowhere", "--onto", "nowhere", "--policy", "policy.toml"],
            &["rebase", "nowhere", "--onto", "nowhere", "-o", "out", "--policy", "policy.toml"],
            &["batch", "plan", "nowhere", "--bases", "nowhere", "--policy", "policy.toml"],
        ];
        for arguments in verbs {
            let outcome = environment.refused(arguments, code, status);
            assert!(outcome.err.contains(&format!("policy.toml, {line}")), "{text}: {}", outcome.err);
        }
    }
    fs::write(environment.join("policy.toml"), good.clone() + "expires = 2024-01-02\n").unwrap();
    let at = |day: &'static str| ["--policy", "policy.toml", "--dry-run", "--verdict", "warn", "--at", day];
    environment.ok(&[&["rebase"][..], &TO_NEW, &at("2024-01-01")].concat());
    environment.refused(&[&["rebase"][..], &TO_NEW, &at("2024-01-02")].concat(), "verdict.policy_expired", 4);
    fs::write(environment.join("policy.toml"), good).unwrap();
    environment.refused(
        &[&["rebase"][..], &TO_NEW, &["--policy", "policy.toml", "--dry-run", "--verdict", "off"]].concat(),
        "usage.argument",
        2,
    );
}

/// A program that uses two libraries of the base; these are the app's own of them.
fn hiding(own: &[&'static str]) -> Environment {
    let library = |path: &'static str, edition: &str| {
        let mut file = library(path, Program::default());
        file.2.extend_from_slice(edition.as_bytes());
        file
    };
    let all = |edition: &str| {
        base(&[loader("lib64/ld-linux-x86-64.so.2"), library("lib64/libx.so.1", edition), library("lib64/liby.so.1", edition)])
    };
    let program_of_it = Program { interpreter: GLIBC, needed: &["libx.so.1", "liby.so.1"], ..Program::default() };
    let mut app = vec![program("app/run", program_of_it)];
    app.extend(own.iter().map(|path| library(path, "own")));
    Move { old: all("old"), new: all("new"), app, start: json!(["/app/run"]), user: "" }.environment().0
}

#[test]
fn fixes_arrive_or_are_hidden_in_part_or_all() {
    let deny = |environment: &Environment, verb: &str, more: &[&str]| {
        environment.json(&[&[verb][..], &TO_NEW, &["--deny", "hidden-fix"], more].concat())
    };
    for (own, patched, status) in
        [(&[][..], "yes", 0), (&["lib64/libx.so.1"][..], "partly", 1), (&["lib64/libx.so.1", "lib64/liby.so.1"], "no", 1)]
    {
        let environment = hiding(own);
        let (ended, document) = environment.json(&[&["verdict"][..], &TO_NEW].concat());
        assert_eq!((ended, &document["verdict"], &document["patched"]), (0, &json!("runs"), &json!(patched)), "{document:#}");
        let hidden: Vec<Value> = own.iter().map(|path| json!(format!("/{path}"))).collect();
        assert_eq!(document["platforms"][0]["hidden"], json!(hidden));
        let (ended, document) = deny(&environment, "verdict", &[]);
        assert_eq!((ended, &document["verdict"]), (status, &json!("runs")));
        assert_eq!(document["findings"].as_array().unwrap().len(), usize::from(status == 1));
        let (ended, document) = deny(&environment, "rebase", &["-o", "out:app"]);
        assert_eq!(ended, if status == 0 { 0 } else { 4 });
        if status == 1 {
            assert_eq!((&document["error"]["code"], &document["error"]["details"]), (&json!("verdict.hidden_fix"), &json!(hidden)));
            assert!(!environment.join("out").exists());
            let rules = [rule("verdict.hidden_fix", "/lib64/*", "accept")];
            let (ended, document) = with_policy(&environment, "rebase", &rules, &["--deny", "hidden-fix", "-o", "out:app"]);
            assert_eq!((ended, &document["platforms"][0]["accepted"]), (0, &json!(["verdict.hidden_fix"])), "{document:#}");
        }
    }
}

/// The new base brings a library that the app has of its own: what the app gets is not the new base's.
#[test]
fn what_only_the_new_base_has_is_hidden_too() {
    let own = Program { interpreter: GLIBC, needed: &["libz.so.1"], ..Program::default() };
    let library = |path: &'static str, edition: &str| {
        let mut file = library(path, Program::default());
        file.2.extend_from_slice(edition.as_bytes());
        file
    };
    let environment = Move {
        old: base(&[loader("lib64/ld-linux-x86-64.so.2")]),
        new: base(&[loader("lib64/ld-linux-x86-64.so.2"), library("lib64/libz.so.1", "new")]),
        app: vec![program("app/run", own), library("lib64/libz.so.1", "own")],
        start: json!(["/app/run"]),
        user: "",
    };
    let (_, document) = environment.environment().0.json(&[&["verdict"][..], &TO_NEW].concat());
    assert_eq!(document["platforms"][0]["hidden"], json!(["/lib64/libz.so.1"]), "{document:#}");
    assert_ne!(document["patched"], json!("yes"));
}

/// A gate that does not know is not passed.
#[test]
fn what_is_not_known_to_be_patched_is_denied_too() {
    let environment = starting(Program::default(), &[], &[]).environment().0;
    let (status, document) = environment.json(&[&["verdict"][..], &TO_NEW, &["--deny", "hidden-fix"]].concat());
    assert_eq!((status, &document["patched"], &document["findings"][0]["code"]), (4, &json!("unknown"), &json!("verdict.hidden_fix")));
}

#[test]
fn packages_that_nobody_reads_leave_it_open_whether_fixes_arrive() {
    let rpm = |edition: &str| text("var/lib/rpm/rpmdb.sqlite", edition);
    let (status, document) = running("cat /etc/keep", &[rpm("1")], &[rpm("2")]).verdict();
    assert_eq!((status, &document["verdict"], &document["patched"]), (0, &json!("runs"), &json!("unknown")), "{document:#}");
    let finding = &document["platforms"][0]["findings"][0];
    assert_eq!((&finding["code"], &finding["severity"]), (&json!("packages.unread"), &json!("note")));
    assert!(finding["message"].as_str().unwrap().contains("rpm"));
}

/// Whatever kind of file it is: what the app has at the path of one that the new base changed is what the app gets.
#[test]
fn a_file_of_any_kind_hides_the_one_that_the_new_base_changed() {
    let patched = |path: &'static str| {
        let with = |content: &str| base(&[tool("bin/tool"), text(path, content)]);
        let app = vec![text(path, "old")];
        let moved = Move { old: with("old"), new: with("new"), app, start: json!(["/bin/tool"]), user: "" };
        let (_, document) = moved.environment().0.json(&[&["verdict"][..], &TO_NEW].concat());
        (document["patched"].clone(), document["platforms"][0]["hidden"].clone())
    };
    for path in ["usr/bin/script", "usr/lib/python3/x.py", "usr/share/java/x.jar", "etc/ssl/certs/java/cacerts", "etc/ssl/openssl.cnf"] {
        assert_eq!(patched(path), (json!("no"), json!([format!("/{path}")])), "{path}");
    }
    // Accounts, and what is made out of other files, are no fixes.
    for path in ["etc/shadow", "etc/ld.so.cache", "var/cache/debconf/config.dat", "usr/share/doc/x/changelog", "var/lib/dpkg/info/x.list"] {
        assert_eq!(patched(path), (json!("yes"), json!([])), "{path}");
    }
}
