//! How the program behaves towards people, terminals, pipes and scripts.

use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::environment::snapshot;
use crate::support::{Environment, Image, Layout, layer};

/// Text that clears the screen, forges a line, rings, writes backwards, hides, and is a formula in a spreadsheet.
const EVIL: &str =
    "=x\u{1b}[2J\u{1b}]0;t\u{7}\nFORGED\r\u{9b}31m\u{7f}\u{85}\u{ad}\u{61c}\u{202e}gnp\u{200b}\u{2028}\u{2066}\u{feff}\u{e0041}";

/// A place in which bases and an application exist, and every text that a document can hold is [`EVIL`].
fn hostile_place() -> Environment {
    let environment = Environment::new();
    let dress = |image: Image| {
        image
            .with("Env", json!([format!("PATH=/bin:{EVIL}"), format!("{EVIL}={EVIL}")]))
            .with("Entrypoint", json!([EVIL]))
            .with("Cmd", json!([EVIL]))
            .with("User", json!(EVIL))
            .with("WorkingDir", json!(EVIL))
            .with("Labels", json!({EVIL: EVIL, "org.opencontainers.image.version": EVIL}))
            .with_top("created", json!(EVIL))
            .with_top("variant", json!(EVIL))
            .annotated("org.opencontainers.image.title", EVIL)
            .annotated("org.opencontainers.image.base.name", EVIL)
            .annotated(EVIL, EVIL)
    };
    let file = format!("etc/{EVIL}={EVIL}");
    let link = format!("link{EVIL}->{EVIL}");
    let below = layer(&["etc/", &file, &link]);
    let old = dress(Image::of(&[&below]));
    let new = dress(Image::of(&[&layer(&["etc/", "new=1"])]).with("Env", json!([format!("{EVIL}=2")])));
    let app = dress(old.and(&[&layer(&["app=1"])])).with("Env", json!([format!("{EVIL}=3")]));
    let evil = |name: &str| format!("{name}{EVIL}");
    Layout::new()
        .image(&evil("os:1"), &old)
        .image(&evil("os:2"), &new)
        .image("os:1", &old)
        .image("os:2", &new)
        .write(&environment.join("bases"));
    let mut layout = Layout::new().image("app:1", &app).image(&evil("app:"), &app).image(&evil("two"), &new).image(&evil("two"), &old);
    let empty = layout.blob(b"{}");
    let config = json!({"mediaType": EVIL, "digest": empty, "size": 2});
    let referrer = serde_json::to_vec(&json!({
        "schemaVersion": 2, "mediaType": crate::support::image::MANIFEST, "artifactType": EVIL, "config": config, "layers": [config],
        "annotations": {EVIL: EVIL}, "subject": {"mediaType": crate::support::image::MANIFEST, "digest": app.digest(), "size": app.manifest_bytes().len()},
    }))
    .unwrap();
    let digest = layout.blob(&referrer);
    layout.entry("", json!({"mediaType": crate::support::image::MANIFEST, "artifactType": EVIL, "digest": digest, "size": referrer.len()}));
    layout.entry(&evil("odd"), json!({"mediaType": EVIL, "digest": empty, "size": 2}));
    layout.write(&environment.join("app"));
    layout.write(&environment.join(&format!("dir{EVIL}")));
    layout.write_archive(&environment.join(&format!("file{EVIL}.tar")));
    fs::write(environment.join("app/blobs/sha256").join(EVIL.replace('/', "")), "x").unwrap();
    let item = json!({"reference": EVIL, "repository": EVIL, "digest": app.digest(), "kind": EVIL, "required": true});
    fs::write(environment.join("evil.json"), json!({"schema": "airbase.prepare/v1", "items": [item]}).to_string()).unwrap();
    fs::write(environment.join("evil.listing"), format!("{EVIL}\n")).unwrap();
    fs::write(environment.join("evil.none"), "").unwrap();
    environment
}

/// Nothing but printable text and ends of lines, and no line that a document wrote.
fn assert_harmless(text: &str, told: &str) {
    let bad = text.chars().find(|character| {
        (character.is_control() && *character != '\n')
            || matches!(*character, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
            || matches!(*character, '\u{e0000}'..='\u{e007f}')
    });
    assert_eq!(bad, None, "{told}: {text:?}");
    assert!(!text.lines().any(|line| line.trim_start().starts_with("FORGED")), "{told}: {text}");
}

/// The same of a table: a record for each line, and no cell that a spreadsheet takes for a formula.
fn assert_harmless_table(text: &str, told: &str) {
    assert_harmless(&text.replace("\r\n", "\n"), told);
    for record in text.split_terminator("\r\n") {
        assert!(!record.contains('\n'), "{told}: {record:?}");
        for cell in record.split([',', ';']) {
            assert!(!cell.trim_start_matches('"').starts_with(['=', '+', '-', '@']), "{told}: {record:?}");
        }
    }
}

#[test]
fn nothing_that_a_document_says_reaches_the_user_as_it_is() {
    let environment = hostile_place();
    let (dir, file, name) = (format!("dir{EVIL}"), format!("file{EVIL}.tar"), format!("app:app:{EVIL}"));
    let two = format!("app:two{EVIL}");
    let base = format!("bases:os:2{EVIL}");
    let pair = format!("{EVIL}={EVIL}");
    let plan = environment.run(&["batch", "plan", "app", &dir, "--bases", "bases"]).out;
    fs::write(environment.join("evil.plan"), plan).unwrap();
    let rebase = ["rebase", "app:app:1", "--bases", "bases", "--from", "bases:os:1", "--onto", &base, "-o", "out:x"];
    let commands: Vec<Vec<&str>> = vec![
        vec!["inspect", "app"],
        vec!["inspect", "app", "--all", "--bases", "bases", "--verbose"],
        vec!["inspect", &dir, &file],
        vec!["inspect", &name],
        vec!["ls", "app:app:1"],
        vec!["ls", "app:app:1", EVIL],
        vec!["cat", "app:app:1", EVIL],
        vec!["cat", &two],
        vec!["cat", EVIL],
        vec!["cat", "app:nothing"],
        vec!["cat", "app"],
        vec!["fsck", "app", &dir, &file],
        vec!["base", "show", "app:app:1", "--bases", "bases"],
        vec!["base", "show", "app:app:1"],
        vec!["base", "verify", "app:app:1", "--base", &base],
        vec!["base", "verify", "app:app:1", "--base", "bases:os:1"],
        vec!["base", "set", "app:app:1", "--base", "bases:os:1", "-o", "set.tar"],
        vec!["base", "set", "app:app:1", "--base", "bases:os:1", "--base-name", EVIL, "-o", "set2.tar"],
        vec!["base", "dependents", "bases:os:1", "app"],
        vec!["outdated", "app", "--bases", "bases"],
        vec!["outdated", "app", "--bases", "bases", "--map", EVIL],
        rebase.to_vec(),
        [&rebase[..], &["--dry-run"]].concat(),
        [&rebase[..], &["--prefer", EVIL]].concat(),
        vec!["rebase", "app:app:1", "--bases", "bases", "-o", "out:y"],
        vec!["copy", &name, "copied"],
        vec!["copy", "app", "copied2.tar", "--all"],
        vec!["copy", "app:app:1", &dir],
        vec!["copy", "app:app:1", "x:\u{1b}"],
        vec!["tag", "app:app:1", "app:3"],
        vec!["tag", "app:app:1", EVIL],
        vec!["untag", &two],
        vec!["untag", "app:nothing"],
        vec!["annotate", "app:app:1", "-a", "k=v", "-t", "app:4"],
        vec!["annotate", "app:app:1", "-a", EVIL, "-t", "app:5"],
        vec!["lifecycle", "set", "app:app:1", "--reason", EVIL, "--issuer", EVIL, "--at", "2026-11-21"],
        vec!["lifecycle", "set", "app:app:1", "--eol", EVIL],
        vec!["lifecycle", "show", "app:app:1", "--bases", "bases"],
        vec!["lifecycle", "history", "app:app:1"],
        vec!["lifecycle", "check", "app", "--deny", EVIL],
        vec!["lifecycle", "report", "app"],
        vec!["lifecycle", "supersede", "app:app:1", "--by", &base, "--reason", EVIL, "--at", "2026-11-22"],
        vec!["lifecycle", "compact", "app:app:1", "--at", "2026-11-22"],
        vec!["lifecycle", "import", "evil.json", "app"],
        vec!["lifecycle", "trace", EVIL, "app"],
        vec!["lifecycle", "trace", "app:app:1", "app"],
        vec!["attach", "app:app:1", "--type", EVIL],
        vec!["attach", "app:app:1", "--type", "application/x-report", "-a", &pair],
        vec!["referrers", "app:app:1"],
        vec!["detach", "app:app:1", EVIL],
        vec!["index", "app:app:1", &name, "-o", "indexed:1"],
        vec!["doctor", "app"],
        vec!["doctor", "app", "--fix"],
        vec!["gc", "app", "--orphans", "--grace", "0s"],
        vec!["rm", &two],
        vec!["rm", EVIL],
        vec!["batch", "plan", "app", &dir, &file, "--bases", "bases"],
        vec!["batch", "plan", "app", "--bases", "bases", "--map", EVIL],
        vec!["batch", "apply", "evil.plan", "-o", "batched"],
        vec!["batch", "apply", "evil.plan", "-o", "batched2", "--as", "archives"],
        vec!["batch", "apply", "evil.json", "-o", "batched"],
        vec!["batch", "report", "evil.plan", "batched"],
        vec!["batch", "merge", &dir],
        vec!["collection", "create", "evil:1", "app:app:1"],
        vec!["collection", "create", "evil:1", &name],
        vec!["collection", "create", "evil:1", "app:app:1", "--depends", EVIL],
        vec!["collection", "show", &two],
        vec!["collection", "check", &dir],
        vec!["prepare", &dir, "--registry", "registry.site"],
        vec!["prepare", "app", "--registry", EVIL],
        vec!["prepare", &name, "--registry", "registry.site", "--profile", "runtime", "-o", "evil.tar"],
        vec!["verify-sync", &dir, &file],
        vec!["verify-sync", "evil.json", EVIL],
        vec!["verify-sync", "evil.json", "evil.listing"],
        vec!["verify-sync", "evil.json", "evil.none"],
        vec!["explain", EVIL],
        vec!["ls", "app:app:1", "--platform", EVIL],
        vec!["inspect", "app", "--progress", "json"],
    ];
    for command in &commands {
        for format in [&[][..], &["--format", "json", "--progress", "json"], &["--format", "csv"]] {
            let told = format!("{command:?} {format:?}");
            let outcome = environment.run(&[command, format].concat());
            assert!(outcome.status < 8, "{told}: {} {}", outcome.status, outcome.err);
            if format.contains(&"csv") {
                assert_harmless_table(&outcome.out, &told);
            } else {
                assert_harmless(&outcome.out, &told);
            }
            assert_harmless(&outcome.err, &told);
            for line in outcome.err.lines().filter(|line| format.contains(&"json") && line.starts_with('{')) {
                assert!(serde_json::from_str::<Value>(line).is_ok(), "{told}: {line}");
            }
        }
    }
    let table = environment.ok(&["lifecycle", "report", "app", "--format", "csv"]).out;
    assert!(table.contains("'=x\\u{1b}[2J"), "{table}");
    // JSON gives the text as it is, escaped as JSON wants it.
    let (_, report) = environment.json(&["inspect", "app", "--all"]);
    assert!(report.to_string().contains("FORGED"));
    assert!(!environment.run(&["inspect", "app", "--format", "json"]).out.contains('\u{1b}'));
}

fn place() -> Environment {
    let environment = Environment::new();
    let old = Image::of(&[&layer(&["etc/os-release=old"])]);
    let new = Image::of(&[&layer(&["etc/os-release=new"])]);
    let app = old.and(&[&layer(&["app=1"])]);
    Layout::new().image("os:old", &old).image("os:new", &new).write(&environment.join("bases"));
    Layout::new().image("app:1", &app).write(&environment.join("app"));
    fs::write(environment.join("plan.json"), json!({"schema": "airbase.prepare/v1", "items": []}).to_string()).unwrap();
    fs::write(environment.join("listing"), "# nothing\n").unwrap();
    environment
}

/// Each verb, once, with success.
const VERBS: &[(&str, &[&str])] = &[
    ("inspect", &["inspect", "app"]),
    ("ls", &["ls", "app"]),
    ("diff", &["diff", "bases:os:old", "bases:os:new"]),
    ("why", &["why", "app", "etc/os-release"]),
    ("fsck", &["fsck", "app"]),
    ("base-show", &["base", "show", "app", "--bases", "bases"]),
    ("base-verify", &["base", "verify", "app", "--base", "bases:os:old"]),
    ("base-set", &["base", "set", "app", "--base", "bases:os:old", "-o", "set:1"]),
    ("base-dependents", &["base", "dependents", "bases:os:old", "app"]),
    ("outdated", &["outdated", "app", "--bases", "bases"]),
    ("rebase", &["rebase", "app", "--from", "bases:os:old", "--onto", "bases:os:new", "-o", "new:1"]),
    ("copy", &["copy", "app", "copied:1"]),
    ("index", &["index", "app", "-o", "indexed:1"]),
    ("tag", &["tag", "app:app:1", "app:2"]),
    ("annotate", &["annotate", "app:app:1", "-a", "k=v", "-t", "app:3"]),
    ("untag", &["untag", "app:app:3"]),
    ("attach", &["attach", "app:app:1", "--type", "application/x-report"]),
    ("referrers", &["referrers", "app:app:1"]),
    ("doctor", &["doctor", "app"]),
    ("lifecycle-set", &["lifecycle", "set", "app:app:1", "--eol", "2026-12-01", "--at", "2026-11-21"]),
    ("lifecycle-set", &["lifecycle", "supersede", "app:app:1", "--by", "bases:os:new", "--at", "2026-11-21"]),
    ("lifecycle-show", &["lifecycle", "show", "app:app:1", "--at", "2026-11-21"]),
    ("lifecycle-history", &["lifecycle", "history", "app:app:1", "--at", "2026-11-21"]),
    ("lifecycle-check", &["lifecycle", "check", "app", "--at", "2026-11-21"]),
    ("lifecycle-report", &["lifecycle", "report", "app", "--at", "2026-11-21"]),
    ("lifecycle-compact", &["lifecycle", "compact", "app:app:1", "--at", "2026-11-21"]),
    ("rm", &["rm", "app:app:2"]),
    ("gc", &["gc", "app"]),
    ("collection-create", &["collection", "create", "app:suite:1", "app:app:1"]),
    ("collection-show", &["collection", "show", "app"]),
    ("collection-check", &["collection", "check", "app"]),
    ("prepare", &["prepare", "app", "--registry", "registry.site/team"]),
    ("verify-sync", &["verify-sync", "plan.json", "listing", "--allow-empty"]),
    ("explain", &["explain", "blob.missing"]),
    ("config", &["config"]),
];

/// Verbs that are not among them, because what they need has no fixed name.
const OTHERS: &[&[&str]] = &[
    &["cat"],
    &["demo"],
    &["detach"],
    &["verdict"],
    &["lifecycle", "trace"],
    &["lifecycle", "import"],
    &["batch", "plan"],
    &["batch", "apply"],
    &["batch", "merge"],
    &["batch", "report"],
];

/// The words of a command up to its first argument: `base show`.
fn words<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    let count = if ["base", "collection", "lifecycle"].contains(&arguments[0]) { 2 } else { 1 };
    arguments[..count].to_vec()
}

#[test]
fn json_is_one_document_with_its_name_and_version() {
    let environment = place();
    for (schema, arguments) in VERBS {
        let outcome = environment.run(&[arguments, &["--format", "json"][..]].concat());
        assert!([0, 1].contains(&outcome.status), "{arguments:?}: {}", outcome.err);
        let document: Value = serde_json::from_str(&outcome.out).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {}", outcome.out));
        assert_eq!(document["schema"], json!(format!("airbase.{schema}/v1")), "{arguments:?}");
        assert!(outcome.out.starts_with("{\n  \"schema\":"), "the schema comes first");
        assert!(outcome.out.ends_with("}\n"));
        assert_eq!(outcome.err, "", "{arguments:?}");
    }
}

#[test]
fn an_error_in_json_says_the_same_and_the_status() {
    let environment = place();
    for (arguments, code, status) in [
        (&["inspect", "nowhere"][..], "ref.path_missing", 2),
        (&["ls", "app", "nothing"], "ref.not_found", 4),
        (&["rebase", "app", "--onto", "bases:os:old", "--from", "bases:os:new", "-o", "x"], "base.mismatch", 4),
        (&["copy", "app", "out.tar.xz"], "usage.output", 2),
        (&["explain", "no.such.code"], "usage.argument", 2),
        (&["fsck", "app", "--level", "9"], "usage.argument", 2),
    ] {
        let (exit, document) = environment.json(arguments);
        assert_eq!(exit, status, "{document:#}");
        assert_eq!((&document["schema"], &document["exit"]), (&json!("airbase.error/v1"), &json!(status)), "{document:#}");
        assert_eq!(document["error"]["code"], json!(code), "{document:#}");
        assert!(document["error"]["message"].as_str().is_some_and(|message| !message.is_empty()));
    }
}

#[test]
fn colour_is_for_terminals_and_for_those_who_ask() {
    let environment = place();
    let escapes = |arguments: &[&str], variables: &[(&str, &str)]| {
        let output = environment.command(arguments).envs(variables.iter().copied()).output().unwrap();
        [output.stdout, output.stderr].map(|bytes| bytes.contains(&0x1b))
    };
    for (arguments, place) in [(&["fsck", "app"][..], 0), (&["inspect", "nowhere"], 1)] {
        let with = |more: &[&str], variables: &[(&str, &str)]| escapes(&[arguments, more].concat(), variables);
        assert_eq!(with(&[], &[]), [false; 2], "a pipe gets none");
        assert_eq!(with(&[], &[("CLICOLOR_FORCE", "1"), ("TERM", "xterm")]), [false; 2]);
        assert!(with(&["--color", "always"], &[])[place], "{arguments:?}");
        assert_eq!(with(&["--color", "never"], &[]), [false; 2]);
        assert!(with(&["--color", "always"], &[("NO_COLOR", "1")])[place], "an option is nearer than a variable");
    }
    assert_eq!(escapes(&["fsck", "app", "--format", "json", "--color", "always"], &[]), [false; 2], "JSON has no colour");
}

/// On a terminal: `script` gives the program one. Skipped where there is no such program.
#[test]
fn on_a_terminal_there_is_colour_unless_no_color_says_otherwise() {
    let environment = place();
    let run = |variables: &[(&str, &str)]| {
        let command = format!("'{}' fsck app", env!("CARGO_BIN_EXE_airbase"));
        let mut script = Command::new("script");
        script
            .current_dir(environment.path())
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("TERM", "xterm")
            .envs(variables.iter().copied());
        script.args(["-qec", &command, "/dev/null"]).stdin(Stdio::null());
        script.output().ok().map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let Some(plain) = run(&[]) else { return crate::support::skipped("there is no program called script") };
    assert!(plain.contains("\u{1b}[32mclean"), "{plain:?}");
    for variables in [[("NO_COLOR", "1")], [("TERM", "dumb")]] {
        let text = run(&variables).unwrap();
        assert!(text.contains("clean") && !text.contains("\u{1b}["), "{variables:?}: {text:?}");
    }
    assert!(run(&[("NO_COLOR", "")]).unwrap().contains("\u{1b}[32m"), "an empty NO_COLOR is none (no-color.org)");
}

#[test]
fn quiet_leaves_the_status_the_errors_and_what_was_asked_for() {
    let environment = place();
    for (_, arguments) in VERBS {
        let outcome = environment.run(&[arguments, &["--quiet"][..]].concat());
        assert_eq!((outcome.out.as_str(), outcome.err.as_str()), ("", ""), "{arguments:?}");
        assert!([0, 1].contains(&outcome.status), "{arguments:?}");
    }
    assert_eq!(environment.ok(&["cat", "app:app:1", "app", "-q"]).out, "1");
    assert!(environment.ok(&["fsck", "app", "-q", "--format", "json"]).out.contains("airbase.fsck/v1"));
    let outcome = environment.run(&["-q", "ls", "app:app:1", "nothing"]);
    assert!(outcome.err.contains("[ref.not_found]"));
    assert_eq!((outcome.status, outcome.out.as_str()), (4, ""));
}

/// O1: a result that could not be told was not told.
#[test]
fn a_full_disk_behind_standard_output_is_an_error() {
    let environment = place();
    let by_digest = format!(
        "app@{}",
        Layout::new().image("x", &Image::of(&[&layer(&["etc/os-release=old"])]).and(&[&layer(&["app=1"])])).digest_of("x")
    );
    let more: &[(&str, &[&str])] = &[
        ("cat", &["cat", "app:app:1"]),
        ("cat a blob", &["cat", &by_digest]),
        ("cat a file", &["cat", "app:app:1", "app"]),
        ("cat a config", &["cat", "app:app:1", "--config"]),
        ("explain", &["explain"]),
        ("completions", &["completions", "bash"]),
        ("man", &["man"]),
        ("help", &["--help"]),
        ("version", &["--version"]),
        ("json", &["fsck", "app", "--format", "json"]),
    ];
    let mut kinds = BTreeSet::new();
    for (what, arguments) in VERBS.iter().chain(more) {
        let before = snapshot(environment.path());
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let output = environment.command(arguments).stdout(full).output().unwrap();
        let changed = snapshot(environment.path()) != before;
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(if changed { 7 } else { 6 }), "{what}: {told}");
        assert_eq!(told.contains("[io.untold]"), changed, "{what}: {told}");
        assert!(!changed || !told.contains("othing was changed"), "{what}: {told}");
        kinds.insert(changed);
    }
    assert_eq!(kinds.len(), 2);
}

/// `airbase … | head -1`: who stops reading knows why.
#[test]
fn a_reader_that_went_away_is_no_error() {
    let environment = place();
    let zeros = "0".repeat(1 << 20);
    Layout::new().image("big:1", &Image::of(&[&layer(&[&format!("big={zeros}")])])).write(&environment.join("big"));
    for arguments in [&["cat", "big", "big"][..], &["explain"], &["inspect", "app"], &["ls", "app"], &["fsck", "app", "--format", "json"]] {
        let mut child = environment.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{arguments:?}");
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
    }
}

/// O5: nothing depends on what a login shell sets up. `Environment` runs everything without any variable; here are strange ones.
#[test]
fn the_surroundings_change_nothing() {
    let environment = place();
    let run = |out: &str, variables: &[(&str, &str)], umask: &str| {
        let script = format!("umask {umask} && exec \"$0\" \"$@\"");
        let mut command = Command::new("/bin/sh");
        command.args([
            "-c",
            &script,
            env!("CARGO_BIN_EXE_airbase"),
            "rebase",
            "app",
            "--from",
            "bases:os:old",
            "--onto",
            "bases:os:new",
            "-o",
            out,
        ]);
        let output = command.current_dir(environment.path()).env_clear().envs(variables.iter().copied()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        fs::read(environment.join(out)).unwrap()
    };
    let reference = run("a.tar", &[], "022");
    assert_eq!(
        run("b.tar", &[("HOME", "/nonexistent"), ("TMPDIR", "/nonexistent"), ("LC_ALL", "xx_YY"), ("TZ", "Asia/Kathmandu")], "022"),
        reference
    );
    assert_eq!(run("c.tar", &[], "077"), reference);
}

#[test]
fn source_date_epoch_is_a_number_or_an_error() {
    let environment = place();
    for (value, status) in
        [("0", 0), ("1700000000", 0), ("", 0), ("-1", 2), ("now", 2), ("1e9", 2), ("99999999999999999999", 2), ("253402300800", 2)]
    {
        let output =
            environment.command(&["copy", "app", &format!("out{}.tar", value.len())]).env("SOURCE_DATE_EPOCH", value).output().unwrap();
        let err = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{value:?}: {err}");
        assert_eq!(err.contains("[usage.epoch]"), status == 2, "{value:?}: {err}");
    }
}

/// Names from other tools, for fingers that know them.
#[test]
fn hidden_aliases_do_the_same() {
    let environment = place();
    for (one, other) in [
        (&["fsck", "app"][..], &["validate", "app"][..]),
        (
            &["rebase", "app", "--from", "bases:os:old", "--onto", "bases:os:new", "--dry-run"],
            &["rebase", "app", "--old-base", "bases:os:old", "--new-base", "bases:os:new", "--dry-run"],
        ),
        (
            &["rebase", "app", "--from", "bases:os:old", "--onto", "bases:os:new", "--dry-run"],
            &["rebase", "app", "--from", "bases:os:old", "--to", "bases:os:new", "--dry-run"],
        ),
    ] {
        assert_eq!(environment.ok(one).out, environment.ok(other).out, "{other:?}");
    }
    let _ = environment.ok(&["cp", "app", "one"]);
    let _ = environment.ok(&["copy", "app", "other"]);
    let inner = |path: &str| snapshot(&environment.join(path)).into_values().collect::<Vec<_>>();
    assert_eq!(inner("one"), inner("other"));
    let help = environment.ok(&["--help"]).out;
    for hidden in ["validate", "generate "] {
        assert!(!help.contains(hidden), "{hidden} is hidden");
    }
}

#[test]
fn explain_knows_every_code_and_no_other() {
    let environment = place();
    let (_, report) = environment.json(&["explain"]);
    let listed: BTreeSet<&str> = report["codes"].as_array().unwrap().iter().map(|code| code["code"].as_str().unwrap()).collect();
    assert_eq!(listed, airbase::foundation::Code::ALL.iter().map(|code| code.slug()).collect());
    let all = environment.ok(&["explain"]).out;
    for code in airbase::foundation::Code::ALL {
        assert!(all.lines().any(|line| line.split(' ').next() == Some(code.slug())), "{}", code.slug());
        let one = environment.ok(&["explain", code.slug()]).out;
        for piece in [code.slug(), code.meaning(), code.next(), &format!("exit status {}", code.exit_class().status())] {
            assert!(one.contains(piece), "{piece}: {one}");
        }
    }
    for unknown in ["no.such.code", "", "BLOB.MISSING"] {
        let outcome = environment.refused(&["explain", unknown], "usage.argument", 2);
        assert!(outcome.err.contains("airbase explain"), "{}", outcome.err);
    }
}

/// The text of a command's long help.
fn help(environment: &Environment, words: &[&str]) -> String {
    environment.ok(&[words, &["--help"]].concat()).out
}

/// Every command there is, and its long help. Help lists the commands below a command.
fn helps(environment: &Environment) -> Vec<(String, String)> {
    let mut helps = Vec::new();
    let mut waiting = vec![Vec::<String>::new()];
    while let Some(words) = waiting.pop() {
        let text = help(environment, &words.iter().map(String::as_str).collect::<Vec<_>>());
        let listed = text.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| line.starts_with("  "));
        for name in listed.filter(|line| !line.starts_with("   ")).filter_map(|line| line.split_whitespace().next()) {
            if name != "help" {
                waiting.push([&words[..], &[name.to_owned()]].concat());
            }
        }
        helps.push((words.join(" "), text));
    }
    helps
}

/// A hint that does not work costs more than none. All of them: every `airbase …` and every `--flag` that a text in the source
/// names must exist, the flags in the help of the command that is named with them, or of any.
#[test]
fn hints_name_only_what_exists() {
    let environment = Environment::new();
    let helps = helps(&environment);
    assert!(helps.len() > 30, "{}", helps.len());
    let flags: BTreeSet<String> = helps.iter().flat_map(|(_, help)| words_with(help, "--")).collect();
    let mut wrong = Vec::new();
    for (file, text) in crate::architecture::sources().into_iter().filter(|(file, _)| !file.ends_with("/tests.rs")) {
        // There the words of other programs' commands are put together, or taken apart.
        if [
            "crates/plan/src/plan/prepare/clients.rs",
            "crates/plan/src/plan/verdict/settings/nginx.rs",
            "crates/plan/src/plan/verdict/shell/fold/state.rs",
            "crates/plan/src/plan/verdict/trace/arguments.rs",
            "crates/plan/src/plan/verdict/trace/engines/java.rs",
            "crates/plan/src/plan/verdict/trace/engines/node.rs",
            "crates/plan/src/plan/verdict/trace/engines/php.rs",
            "crates/plan/src/plan/verdict/trace/made.rs",
            "crates/plan/src/plan/verdict/trace/settings.rs",
            "crates/plan/src/plan/verdict/trace/wrap.rs",
        ]
        .contains(&file.as_str())
        {
            continue;
        }
        for (number, literal) in texts(&text) {
            let place = format!("{file}:{number}: {literal}");
            for command in quoted(&literal).filter(|quoted| quoted.starts_with("airbase ")) {
                let words: Vec<&str> = command.split_whitespace().skip(1).collect();
                let known = helps
                    .iter()
                    .filter(|(name, _)| !name.is_empty() && (words.join(" ") + " ").starts_with(&format!("{name} ")))
                    .max_by_key(|(name, _)| name.len());
                match known {
                    None => wrong.push(format!("no such command: {place}")),
                    Some((_, help)) => {
                        wrong.extend(
                            words_with(command, "--")
                                .iter()
                                .filter(|flag| !help.contains(flag.as_str()))
                                .map(|flag| format!("{flag} is no flag of it: {place}")),
                        );
                    }
                }
            }
            // Flags of other programs stand in a quoted command of theirs.
            let mut rest = literal.clone();
            for command in quoted(&literal).filter(|quoted| !quoted.starts_with("airbase") && quoted.contains(' ')) {
                rest = rest.replace(command, "");
            }
            wrong.extend(
                words_with(&rest, "--").iter().filter(|flag| !flags.contains(*flag)).map(|flag| format!("no such flag: {flag}: {place}")),
            );
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The words of `text` that begin with `start`, without what follows their letters.
fn words_with(text: &str, start: &str) -> Vec<String> {
    text.split(|character: char| !(character.is_ascii_alphanumeric() || character == '-'))
        .filter(|word| word.len() > start.len() && word.starts_with(start) && word.as_bytes()[2].is_ascii_lowercase())
        .map(str::to_owned)
        .collect()
}

/// What stands between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The string literals of the lines that people see: no comments, no attributes, no test modules.
fn texts(source: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in source.lines().enumerate() {
        let line = line.trim();
        if line.starts_with("#[cfg(test)]") {
            break;
        }
        if line.starts_with("//") || line.starts_with("#[") {
            continue;
        }
        found.extend(line.replace("\\\"", "'").split('"').skip(1).step_by(2).map(|literal| (number + 1, literal.to_owned())));
    }
    found
}

#[test]
fn help_of_every_command_works() {
    let environment = Environment::new();
    for words in VERBS
        .iter()
        .map(|(_, arguments)| words(arguments))
        .chain([vec![], vec!["base"], vec!["lifecycle"], vec!["completions"], vec!["man"]])
        .chain(OTHERS.iter().map(|words| words.to_vec()))
    {
        for flag in ["--help", "-h"] {
            let text = environment.ok(&[&words[..], &[flag]].concat()).out;
            assert!(text.contains("Usage: airbase"), "{words:?}: {text}");
            assert!(text.lines().all(|line| line.chars().count() <= 110), "{words:?}: {text}");
        }
    }
    assert!(environment.ok(&["--version"]).out.starts_with("airbase "));
    // What is not understood is usage, and says how.
    for arguments in
        [&["no-such-verb"][..], &[], &["fsck"], &["fsck", "--no-such-flag", "x"], &["rebase", "a", "--from", "x", "--seam-layers", "1"]]
    {
        let outcome = environment.run(arguments);
        assert_eq!((outcome.status, outcome.out.as_str()), (2, ""), "{arguments:?}");
        assert!(outcome.err.contains("Usage: airbase"), "{arguments:?}: {}", outcome.err);
    }
}

#[test]
fn completions_and_man_pages_are_made() {
    let environment = Environment::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let text = environment.ok(&["completions", shell]).out;
        for other in [&["completion", shell][..], &["generate", "completions", shell]] {
            assert_eq!(environment.ok(other).out, text, "{other:?}");
        }
        for word in ["airbase", "rebase", "seam-layers"] {
            assert!(text.contains(word), "{shell}: {word}");
        }
    }
    fs::create_dir(environment.join("man")).unwrap();
    let _ = environment.ok(&["man", "man"]);
    for page in ["airbase.1", "airbase-rebase.1", "airbase-base-verify.1", "airbase-fsck.1"] {
        assert!(fs::read_to_string(environment.join("man").join(page)).unwrap().contains(".TH"), "{page}");
    }
    assert_eq!(environment.run(&["man", "nowhere"]).status, 6);
    let page = environment.ok(&["man"]).out;
    assert!(page.contains(".TH airbase") && page.contains("rebase"), "{page}");
    let help = environment.ok(&["--help"]).out;
    assert!(help.contains("  completions ") && help.contains("  man "), "{help}");
}

/// A sheet has rows of what was judged. What could not be is told beside it.
#[test]
fn what_a_sheet_has_no_row_for_is_told() {
    let environment = Environment::new();
    let image = |files: &str| Image::of(&[&layer(&[files])]);
    let mut layout = Layout::new().image("good:1", &image("good=1")).image("bad:1", &image("bad=1"));
    layout.blobs.insert(image("bad=1").digest(), b"{}".to_vec());
    layout.write(&environment.join("in"));
    for verb in [&["outdated", "in", "--bases", "in"][..], &["lifecycle", "check", "in"], &["lifecycle", "report", "in"]] {
        let outcome = environment.run(&[verb, &["--format", "csv"]].concat());
        assert!(outcome.status == 1 && outcome.err.contains("descriptor.size_mismatch"), "{verb:?}\n{}{}", outcome.out, outcome.err);
        assert!(!outcome.out.contains("descriptor.size_mismatch"), "{}", outcome.out);
        let quiet = environment.run(&[verb, &["--format", "csv", "--quiet"]].concat());
        assert!(quiet.status == 1 && quiet.err.is_empty(), "{}", quiet.err);
    }
}
