use proptest::prelude::*;
use serde_json::{Map, Value as Tree};

use super::super::decision;
use super::*;
use crate::format::json::Document;
use crate::foundation::Limits;

fn parse(text: &str) -> Node<'_> {
    Document::parse(text.as_bytes(), &Limits::STANDARD).unwrap().root()
}

struct Outcome {
    text: String,
    decisions: Vec<Decision>,
    findings: Vec<Finding>,
}

impl Outcome {
    /// What was decided: `Env.PATH merged`.
    fn decided(&self) -> Vec<String> {
        let name = |kind| match kind {
            decision::Kind::FromBase => "from base",
            decision::Kind::Merged => "merged",
            decision::Kind::Conflict { chosen: Side::App } => "conflict, app",
            decision::Kind::Conflict { chosen: Side::Base } => "conflict, base",
            decision::Kind::TwoWay => "two-way",
        };
        self.decisions.iter().map(|decision| format!("{} {}", decision.field, name(decision.kind))).collect()
    }
}

fn run(old: Option<&str>, app: &str, new: &str, prefer: &[&str]) -> Outcome {
    run_with(old, app, new, &Instructions::default(), prefer)
}

fn run_with(old: Option<&str>, app: &str, new: &str, own: &Instructions, prefer: &[&str]) -> Outcome {
    let merged = merge(old.map(parse), parse(app), parse(new), own, &Preferences::parse(prefer).unwrap());
    Outcome { text: merged.document.render(), decisions: merged.decisions, findings: merged.findings }
}

/// What a history of these instructions says.
fn history(texts: &[&str]) -> Instructions {
    let entries = texts.iter().map(|text| format!(r#"{{"created_by":{}}}"#, crate::format::json::quote(text)));
    Instructions::of(parse(&format!("[{}]", entries.collect::<Vec<_>>().join(","))).items())
}

/// Merges documents of which only `config` is interesting.
#[track_caller]
fn check(old: &str, app: &str, new: &str, result: &str, decided: &[&str]) {
    let outcome = run(Some(&document(old)), &document(app), &document(new), &[]);
    assert_eq!(outcome.text, document(result));
    assert_eq!(outcome.decided(), decided);
}

#[track_caller]
fn check_two_way(app: &str, new: &str, result: &str, decided: &[&str]) {
    let outcome = run(None, &document(app), &document(new), &[]);
    assert_eq!(outcome.text, document(result));
    assert_eq!(outcome.decided(), decided);
}

fn document(config: &str) -> String {
    format!(r#"{{"os":"linux","architecture":"amd64","config":{config}}}"#)
}

#[test]
fn each_field_follows_the_rule() {
    check(
        r#"{"User":"app","WorkingDir":"/","StopSignal":"SIGTERM","Shell":["/bin/sh"],"OnBuild":["RUN a"]}"#,
        r#"{"User":"app","WorkingDir":"/srv","StopSignal":"SIGINT","Shell":["/bin/sh"],"OnBuild":null}"#,
        r#"{"User":"1000","WorkingDir":"/","StopSignal":"SIGQUIT","Healthcheck":{"Test":["NONE"]},"OnBuild":["RUN b"]}"#,
        r#"{"User":"1000","WorkingDir":"/srv","StopSignal":"SIGINT","OnBuild":null,"Healthcheck":{"Test":["NONE"]}}"#,
        &["User from base", "StopSignal conflict, app", "Shell from base", "Healthcheck from base"],
    );
}

#[test]
fn absence_has_many_spellings() {
    for blank in [r#"{"User":"","Volumes":null,"Cmd":[],"Labels":{},"ArgsEscaped":false,"Env":null}"#, "{}", "null"] {
        for other in [r#"{"User":null,"Volumes":{},"Env":[]}"#, "{}"] {
            check(blank, other, blank, other, &[]);
            check(other, blank, other, blank, &[]);
        }
    }
}

#[test]
fn variables_are_merged_one_by_one() {
    check(
        r#"{"Env":["PATH=/usr/bin:/bin","JAVA_HOME=/jdk8","LANG=C","BOTH=1","GONE=1"]}"#,
        r#"{"Env":["APP=1","PATH=/app:/usr/bin:/bin","JAVA_HOME=/jdk8","LANG=en","BOTH=2","ZAPP=2","GONE=1"]}"#,
        r#"{"Env":["PATH=/usr/local/bin:/usr/bin","JAVA_HOME=/jdk11","LANG=C","NEW=x","BOTH=3"]}"#,
        r#"{"Env":["PATH=/app:/usr/local/bin:/usr/bin","JAVA_HOME=/jdk11","LANG=en","NEW=x","BOTH=2","APP=1","ZAPP=2"]}"#,
        &["Env.PATH merged", "Env.JAVA_HOME from base", "Env.NEW from base", "Env.BOTH conflict, app", "Env.GONE from base"],
    );
}

#[test]
fn a_decision_tells_all_four_values() {
    let (old, app, new) = (r#"{"Env":["A=1"]}"#, r#"{"Env":["A=1"]}"#, r#"{"Env":["A=2"],"Labels":{"n":"1"},"Cmd":["x"]}"#);
    let outcome = run(Some(&document(old)), &document(app), &document(new), &[]);
    assert_eq!(
        serde_json::to_string(&outcome.decisions).unwrap(),
        concat!(
            r#"[{"field":"Cmd","kind":"from-base","new":"[\"x\"]","result":"[\"x\"]"},"#,
            r#"{"field":"Env.A","kind":"from-base","old":"1","app":"1","new":"2","result":"2"},"#,
            r#"{"field":"Labels.n","kind":"from-base","new":"1","result":"1"}]"#
        )
    );
}

#[test]
fn odd_variables_survive() {
    // The last entry for a variable counts; one without a sign is no variable; names are exact.
    check(
        r#"{"Env":["A=0","A=1","a=9"]}"#,
        r#"{"Env":["FLAG","A=1","a=9","=ODD=1"]}"#,
        r#"{"Env":["A=1","A=2","a=9"]}"#,
        r#"{"Env":["A=2","a=9","FLAG","=ODD=1"]}"#,
        &["Env.A from base"],
    );
    // A list with something else in it is nobody's list of variables.
    check(r#"{"Env":["A=1"]}"#, r#"{"Env":["A=1",7]}"#, r#"{"Env":["A=2"]}"#, r#"{"Env":["A=1",7]}"#, &["Env conflict, app"]);
    check(r#"{"Env":"A=1"}"#, r#"{"Env":"A=1"}"#, r#"{"Env":["A=2"]}"#, r#"{"Env":["A=2"]}"#, &["Env from base"]);
}

#[test]
fn windows_reads_names_without_case_and_lists_with_semicolons() {
    let windows = |env: &str| format!(r#"{{"os":"windows","architecture":"amd64","config":{{"Env":[{env}]}}}}"#);
    let outcome = run(
        Some(&windows(r#""Path=C:\\Windows;C:\\old""#)),
        &windows(r#""PATH=C:\\app;C:\\Windows;C:\\old""#),
        &windows(r#""Path=C:\\Windows;C:\\new""#),
        &[],
    );
    assert_eq!(outcome.text, windows(r#""PATH=C:\\app;C:\\Windows;C:\\new""#));
}

const BASE: &str = r#"{"Entrypoint":["/old"],"Cmd":["-a"]}"#;
const NEW: &str = r#"{"Entrypoint":["/new"],"Cmd":["-b"]}"#;

/// As `docker build` does it: a command follows the entrypoint that it inherits, an entrypoint clears the command.
#[test]
fn entrypoint_and_command_are_inherited_as_a_builder_does() {
    // The app set neither.
    check(BASE, BASE, NEW, NEW, &["Entrypoint from base", "Cmd from base"]);
    check(BASE, BASE, r#"{"Cmd":["/new"]}"#, r#"{"Cmd":["/new"]}"#, &["Entrypoint from base", "Cmd from base"]);
    // Only a command.
    let app = r#"{"Entrypoint":["/old"],"Cmd":["serve"]}"#;
    let moved = r#"{"Entrypoint":["/new"],"Cmd":["serve"]}"#;
    check(BASE, app, r#"{"Entrypoint":["/new"],"Cmd":["-a"]}"#, moved, &["Entrypoint from base"]);
    check(BASE, app, NEW, moved, &["Entrypoint from base", "Cmd conflict, app"]);
    check(BASE, app, r#"{"Cmd":["-a"]}"#, r#"{"Cmd":["serve"]}"#, &["Entrypoint from base"]);
    check(
        r#"{"Cmd":["-a"]}"#,
        r#"{"Cmd":["serve"]}"#,
        NEW,
        r#"{"Cmd":["serve"],"Entrypoint":["/new"]}"#,
        &["Entrypoint from base", "Cmd conflict, app"],
    );
    // Its own entrypoint, with and without a command.
    for app in [r#"{"Entrypoint":["/app"]}"#, r#"{"Entrypoint":["/app"],"Cmd":["-a"]}"#, r#"{"Entrypoint":["/app"],"Cmd":["x"]}"#] {
        check(BASE, app, BASE, app, &[]);
        check(BASE, app, NEW, app, &["Entrypoint conflict, app", "Cmd conflict, app"]);
    }
    let app = r#"{"Entrypoint":["/app"]}"#;
    check("{}", app, r#"{"Cmd":["-b"]}"#, app, &["Cmd conflict, app"]);
    // The old base's command is gone, so an entrypoint was set, be it the old base's.
    check(BASE, r#"{"Entrypoint":["/old"]}"#, NEW, r#"{"Entrypoint":["/old"]}"#, &["Entrypoint conflict, app", "Cmd conflict, app"]);
}

#[test]
fn entrypoint_and_command_are_preferred_one_by_one() {
    let preferred = |app: &str, prefer: &[&str]| run(Some(&document(BASE)), &document(app), &document(NEW), prefer).text;
    let only_command = r#"{"Entrypoint":["/old"],"Cmd":["serve"]}"#;
    let both = r#"{"Entrypoint":["/app"],"Cmd":["serve"]}"#;
    let only_entrypoint = r#"{"Entrypoint":["/app"]}"#;
    for (app, prefer, result) in [
        (only_command, &["Cmd=app"][..], r#"{"Entrypoint":["/new"],"Cmd":["serve"]}"#),
        (only_command, &["Cmd=base"], NEW),
        (only_command, &["base"], NEW),
        (both, &["Cmd=app"], both),
        (both, &["base"], NEW),
        (both, &["Entrypoint=base"], r#"{"Entrypoint":["/new"],"Cmd":["serve"]}"#),
        (both, &["Cmd=base"], r#"{"Entrypoint":["/app"],"Cmd":["-b"]}"#),
        (only_entrypoint, &["Entrypoint=base"], NEW),
        (only_entrypoint, &["Entrypoint=base", "Cmd=app"], r#"{"Entrypoint":["/new"]}"#),
        (only_entrypoint, &["base"], NEW),
    ] {
        assert_eq!(preferred(app, prefer), document(result), "{app} {prefer:?}");
    }
    // The app's entrypoint stays because only the app changed it; an overall preference does not give it the base's command.
    let app = document(r#"{"Entrypoint":["/app"]}"#);
    let outcome = run(Some(&document(r#"{"Cmd":["-a"]}"#)), &app, &document(r#"{"Cmd":["-b"]}"#), &["base"]);
    assert_eq!(outcome.text, app);
}

#[test]
fn the_flag_for_windows_goes_with_the_command() {
    let app = r#"{"Entrypoint":["/app"],"Cmd":["--app"],"ArgsEscaped":true}"#;
    check(BASE, app, NEW, app, &["Entrypoint conflict, app", "Cmd conflict, app"]);
    let outcome = run(Some(&document(BASE)), &document(app), &document(NEW), &["base"]);
    assert_eq!(outcome.text, document(NEW));
    assert_eq!(outcome.decided(), ["Entrypoint conflict, base", "Cmd conflict, base", "ArgsEscaped conflict, base"]);
    // The same program: then the flag is a field like any other.
    check(
        r#"{"Cmd":["x"],"ArgsEscaped":true}"#,
        r#"{"Cmd":["x"],"ArgsEscaped":true}"#,
        r#"{"Cmd":["x"]}"#,
        r#"{"Cmd":["x"]}"#,
        &["ArgsEscaped from base"],
    );
}

/// Equal to the old base's, and yet not inherited: the Dockerfile says `USER root` again.
#[test]
fn what_the_history_sets_is_the_apps() {
    let base = r#"{"User":"root","Entrypoint":["/old"],"Cmd":["-a"],"Env":["A=1","B=1"],"Labels":{"v":"1"},"ExposedPorts":{"80/tcp":{}}}"#;
    let new = r#"{"User":"1000","Entrypoint":["/new"],"Cmd":["-b"],"Env":["A=2","B=2"],"Labels":{"v":"2"}}"#;
    let own = history(&["USER root", "/bin/sh -c #(nop) ENV A=1", "LABEL v=1", "EXPOSE map[80/tcp:{}]", "CMD [\"-a\"]"]);
    let outcome = run_with(Some(&document(base)), &document(base), &document(new), &own, &[]);
    let result =
        r#"{"User":"root","Entrypoint":["/new"],"Cmd":["-a"],"Env":["A=1","B=2"],"Labels":{"v":"1"},"ExposedPorts":{"80/tcp":{}}}"#;
    assert_eq!(outcome.text, document(result));
    assert_eq!(
        outcome.decided(),
        [
            "Entrypoint from base",
            "Cmd conflict, app",
            "User conflict, app",
            "Env.A conflict, app",
            "Env.B from base",
            "Labels.v conflict, app",
            "ExposedPorts.80/tcp conflict, app",
        ]
    );
    // An entrypoint set again clears the command, or the command was set again too.
    let own = history(&["ENTRYPOINT [\"/old\"]"]);
    let outcome = run_with(Some(&document(BASE)), &document(BASE), &document(NEW), &own, &[]);
    assert_eq!(outcome.text, document(BASE));
    // Without the old base it is known for these at least.
    let outcome =
        run_with(None, &document(r#"{"User":"app","Env":["A=1","B=1"]}"#), &document("{}"), &history(&["USER app", "ENV A=1"]), &[]);
    assert_eq!(outcome.decided(), ["Env.B two-way"]);
}

/// Builders that append what they set have it behind what they inherit, others replace it where it stands.
#[test]
fn a_variable_that_the_app_set_stays_where_its_builder_put_it() {
    let (old, new) = (r#"{"Env":["PATH=/bin","A=1","L=C"]}"#, r#"{"Env":["PATH=/sbin:/bin","A=1","L=C","B=2"]}"#);
    check(
        old,
        r#"{"Env":["A=1","L=C","PATH=/app:/bin","P=1"]}"#,
        new,
        r#"{"Env":["A=1","L=C","B=2","PATH=/app:/sbin:/bin","P=1"]}"#,
        &["Env.B from base", "Env.PATH merged"],
    );
    check(
        old,
        r#"{"Env":["PATH=/app:/bin","A=1","L=C","P=1"]}"#,
        new,
        r#"{"Env":["PATH=/app:/sbin:/bin","A=1","L=C","B=2","P=1"]}"#,
        &["Env.PATH merged", "Env.B from base"],
    );
}

#[test]
fn a_path_that_the_app_replaced_is_its_own() {
    check(
        r#"{"Env":["PATH=/usr/bin:/bin"]}"#,
        r#"{"Env":["PATH=/opt/app/bin"]}"#,
        r#"{"Env":["PATH=/usr/local/bin:/usr/bin:/bin"]}"#,
        r#"{"Env":["PATH=/opt/app/bin"]}"#,
        &["Env.PATH conflict, app"],
    );
}

/// Triggers run in the build on the image that has them, and go no further.
#[test]
fn triggers_are_not_handed_down() {
    for old in ["{}", r#"{"OnBuild":["RUN x"]}"#] {
        for new in ["{}", r#"{"OnBuild":["RUN x"]}"#, r#"{"OnBuild":["RUN y"]}"#] {
            for app in ["{}", r#"{"OnBuild":["RUN app"]}"#, r#"{"OnBuild":["RUN x"]}"#, r#"{"OnBuild":[]}"#] {
                check(old, app, new, app, &[]);
                check_two_way(app, new, app, &[]);
            }
        }
    }
}

#[test]
fn a_setting_made_of_the_bases_is_pointed_out() {
    let found = |old: &str, app: &str, new: &str, own: &[&str]| {
        let outcome = run_with(Some(&document(old)), &document(app), &document(new), &history(own), &[]);
        outcome.findings.iter().map(|finding| finding.message.clone()).collect::<Vec<_>>()
    };
    let (old, new) = (r#"{"Env":["JAVA_HOME=/jdk8","V=1"]}"#, r#"{"Env":["JAVA_HOME=/jdk11","V=2"]}"#);
    for (app, expected) in [
        (
            r#"{"Env":["JAVA_HOME=/jdk8","V=1","LIB=/jdk8/lib"]}"#,
            &["Env.LIB contains the JAVA_HOME of the old base, which the new base has changed"][..],
        ),
        (
            r#"{"Env":["JAVA_HOME=/jdk8","V=1"],"Labels":{"v":"1"}}"#,
            &["Labels.v contains the V of the old base, which the new base has changed"],
        ),
        (
            r#"{"Env":["JAVA_HOME=/jdk8","V=1"],"WorkingDir":"/jdk8"}"#,
            &["WorkingDir contains the JAVA_HOME of the old base, which the new base has changed"],
        ),
        (
            r#"{"Env":["JAVA_HOME=/jdk8","V=1"],"Volumes":{"/jdk8/x":{}}}"#,
            &["Volumes./jdk8/x contains the JAVA_HOME of the old base, which the new base has changed"],
        ),
        (r#"{"Env":["JAVA_HOME=/jdk8","V=1","PORT=8100","W=x1"]}"#, &[]),
        (r#"{"Env":["JAVA_HOME=/jdk9","V=1"]}"#, &[]),
    ] {
        assert_eq!(found(old, app, new, &[]), expected, "{app}");
    }
    let (old, new) = (r#"{"Shell":["/bin/sh","-e","-c"]}"#, r#"{"Shell":["/bin/bash","-c"]}"#);
    let shell = ["Cmd begins with the SHELL of the old base, and the new base has another"];
    assert_eq!(found(old, r#"{"Shell":["/bin/sh","-e","-c"],"Cmd":["/bin/sh","-e","-c","run"]}"#, new, &[]), shell);
    assert_eq!(found("{}", r#"{"Cmd":["/bin/sh","-c","run"]}"#, new, &[]), shell);
    assert!(found("{}", r#"{"Cmd":["/bin/sh","-c","run"]}"#, new, &["SHELL [/bin/sh -c]"]).is_empty());
    let later = r#"{"Shell":["/bin/zsh","-c"],"Cmd":["/bin/sh","-c","run"]}"#;
    assert_eq!(found("{}", later, new, &["CMD [/bin/sh -c run]", "SHELL [/bin/zsh -c]"]), shell);
    assert!(found("{}", later, new, &["SHELL [/bin/sh -c]", "CMD [/bin/sh -c run]", "SHELL [/bin/zsh -c]"]).is_empty());
    assert!(found(old, r#"{"Shell":["/bin/sh","-e","-c"],"Cmd":["run"]}"#, new, &[]).is_empty());
    assert!(found("{}", r#"{"Cmd":["/bin/sh","-c","run"]}"#, "{}", &[]).is_empty());
}

#[test]
fn labels_and_sets_are_merged_by_key() {
    check(
        r#"{"Labels":{"version":"12.1","vendor":"Debian","gone":"1","cut":"1"},"ExposedPorts":{"80/tcp":{}},"Volumes":{"/a":{}}}"#,
        r#"{"Volumes":{"/a":{}},"Labels":{"app":"x","vendor":"Us","version":"12.1","gone":"1"},"ExposedPorts":{"80/tcp":{},"8080/tcp":{}}}"#,
        r#"{"Labels":{"new":"n","version":"12.2","vendor":"Debian","cut":"2"},"ExposedPorts":{"443/tcp":{}}}"#,
        r#"{"Labels":{"app":"x","vendor":"Us","version":"12.2","new":"n"},"ExposedPorts":{"8080/tcp":{},"443/tcp":{}}}"#,
        &[
            "Volumes./a from base",
            "Labels.version from base",
            "Labels.gone from base",
            "Labels.new from base",
            "Labels.cut conflict, app",
            "ExposedPorts.80/tcp from base",
            "ExposedPorts.443/tcp from base",
        ],
    );
    // The values of a set say nothing.
    check(
        r#"{"Volumes":{"/a":{}}}"#,
        r#"{"Volumes":{"/a":null,"/b":{}}}"#,
        r#"{"Volumes":{"/a":{}}}"#,
        r#"{"Volumes":{"/a":null,"/b":{}}}"#,
        &[],
    );
}

#[test]
fn a_preference_decides_conflicts_and_nothing_else() {
    let (old, app, new) = (
        r#"{"User":"a","Labels":{"x":"1","y":"1"},"WorkingDir":"/o"}"#,
        r#"{"User":"b","Labels":{"x":"2","y":"2"},"WorkingDir":"/app"}"#,
        r#"{"User":"c","Labels":{"x":"3"},"WorkingDir":"/o"}"#,
    );
    let outcome = run(Some(&document(old)), &document(app), &document(new), &["base", "Labels.x=app"]);
    assert_eq!(outcome.text, document(r#"{"User":"c","Labels":{"x":"2"},"WorkingDir":"/app"}"#));
    assert_eq!(outcome.decided(), ["User conflict, base", "Labels.x conflict, app", "Labels.y conflict, base"]);
}

#[test]
fn what_nobody_knows_is_merged_as_it_stands() {
    let old = r#"{"os":"linux","architecture":"amd64","v.inherited":{"n":1},"v.own":1,"v.both":1,"v.gone":1,"config":{"X":1,"Image":"sha256:a"},"docker_version":"1"}"#;
    let app = r#"{"v.app":1e2,"docker_version":"2","config":{"Image":"sha256:b","X":1},"v.both":2,"v.own":{ "a" : 1.0 },"v.gone":1,"v.inherited":{"n":1},"moby.buildkit.cache.v0":"a","author":"us","created":"2020-01-01T00:00:00Z","os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":["sha256:x"]}}"#;
    let new = r#"{"os":"linux","architecture":"amd64","v.inherited":{"n":2},"v.own":1,"v.both":3,"v.new":[ 1 ],"config":{"X":2,"Image":"sha256:c"},"docker_version":"3","author":"them","created":"2024-01-01T00:00:00Z","moby.buildkit.cache.v0":"n"}"#;
    let outcome = run(Some(old), app, new, &[]);
    assert_eq!(
        outcome.text,
        r#"{"v.app":1e2,"docker_version":"2","config":{"Image":"sha256:b","X":2},"v.both":2,"v.own":{ "a" : 1.0 },"v.inherited":{"n":2},"moby.buildkit.cache.v0":"a","author":"us","created":"2020-01-01T00:00:00Z","os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":["sha256:x"]},"v.new":[ 1 ]}"#
    );
    assert_eq!(
        outcome.decided(),
        [
            "config.X from base",
            "document.v.both conflict, app",
            "document.v.gone from base",
            "document.v.inherited from base",
            "document.v.new from base"
        ]
    );
    assert!(run(Some(old), app, new, &["document.v.both=base"]).text.contains(r#""v.both":3"#));
}

#[test]
fn the_platform_is_the_new_bases() {
    let text = |rest: &str| format!(r#"{{"os":"linux","architecture":"arm64"{rest}}}"#);
    let v8 = text(r#","variant":"v8""#);
    assert_eq!(run(Some(&v8), &v8, &text(""), &[]).text, v8, "arm64 is arm64/v8");
    assert_eq!(run(None, &text(""), &v8, &[]).text, v8);
    assert_eq!(run(None, &text(r#","variant":"v9""#), &text(""), &[]).text, text(""));

    let windows = |rest: &str| format!(r#"{{"os":"windows",{rest}}}"#);
    let (app, new) = (windows(r#""os.version":"10.0.1","os.features":["win32k"]"#), windows(r#""os.version":"10.0.2""#));
    let outcome = run(Some(&app), &app, &new, &["app"]);
    assert_eq!(outcome.text, new);
    assert_eq!(outcome.decided(), ["os.version from base", "os.features from base"]);
    // A config without a required field does not take it from the app.
    assert_eq!(run(None, r#"{"os":"linux","architecture":"amd64"}"#, "{}", &[]).text, r#"{"os":"linux","architecture":"amd64"}"#);
}

#[test]
fn without_the_old_base_the_apps_values_win() {
    check_two_way(
        r#"{"Env":["PATH=/app:/bin","A=1"],"Cmd":["x"],"User":"","Labels":{"v":"1","a":"1"},"X":1}"#,
        r#"{"Env":["B=2","PATH=/bin"],"Entrypoint":["/e"],"User":"1000","Labels":{"v":"2","b":"2"},"X":2,"Y":1,"WorkingDir":"/w"}"#,
        r#"{"Env":["B=2","PATH=/app:/bin","A=1"],"Cmd":["x"],"User":"1000","Labels":{"v":"1","a":"1","b":"2"},"X":1,"Y":1,"WorkingDir":"/w"}"#,
        &[
            "Entrypoint two-way",
            "Cmd two-way",
            "Env.B two-way",
            "Env.PATH two-way",
            "Env.A two-way",
            "User two-way",
            "Labels.v two-way",
            "Labels.a two-way",
            "Labels.b two-way",
            "config.X two-way",
            "config.Y two-way",
            "WorkingDir two-way",
        ],
    );
    check_two_way(
        "{}",
        r#"{"Entrypoint":["/e"],"Cmd":["x"]}"#,
        r#"{"Entrypoint":["/e"],"Cmd":["x"]}"#,
        &["Entrypoint two-way", "Cmd two-way"],
    );
    let outcome =
        run(None, &document(r#"{"User":"a","WorkingDir":"/a"}"#), &document(r#"{"User":"b"}"#), &["User=base", "WorkingDir=base"]);
    assert_eq!(outcome.text, document(r#"{"User":"b","WorkingDir":"/a"}"#));
}

#[test]
fn an_untouched_config_is_the_same_bytes() {
    let app = r#"{"config": { "Env" : ["A=1", "B\u003d2" ], "User":"\u0061" } ,"os":"linux","architecture":"amd64"}"#;
    let base = document(r#"{"Env":["A=1"]}"#);
    let outcome = run(Some(&base), app, &base, &[]);
    assert_eq!(outcome.text, r#"{"config":{ "Env" : ["A=1", "B\u003d2" ], "User":"\u0061" },"os":"linux","architecture":"amd64"}"#);
}

/// One of these texts, or nothing.
fn one_of(texts: &'static [&'static str]) -> impl Strategy<Value = Option<&'static str>> {
    proptest::option::of(prop::sample::select(texts))
}

fn some_of(texts: &'static [&'static str]) -> impl Strategy<Value = Vec<&'static str>> {
    proptest::collection::vec(prop::sample::select(texts), 0..5)
}

fn object(members: impl IntoIterator<Item = (&'static str, Option<String>)>) -> String {
    let members: Vec<String> =
        members.into_iter().filter_map(|(key, value)| Some(format!("{}:{}", crate::format::json::quote(key), value?))).collect();
    format!("{{{}}}", members.join(","))
}

fn map_of(keys: &'static [&'static str], values: &'static [&'static str]) -> impl Strategy<Value = String> {
    proptest::collection::btree_map(prop::sample::select(keys), prop::sample::select(values), 0..4)
        .prop_map(|map| object(map.into_iter().map(|(key, value)| (key, Some(value.to_owned())))))
}

fn config() -> impl Strategy<Value = String> {
    let env =
        some_of(&["PATH=/a:/b", "PATH=/b:/c", "PATH=/app:/a:/b", "PATH=", "A=1", "A=2", "B=1", "B=", "FLAG", "X_PATH=/a", "X_PATH=/b:/c"]);
    let launch = (one_of(&["null", "[]", r#"["/e"]"#, r#"["/f"]"#]), one_of(&[r#"["c"]"#, r#"["d"]"#, "null"]), one_of(&["true", "false"]));
    let labels = proptest::option::of(map_of(&["a", "b", "c.d"], &[r#""""#, r#""1""#, r#""2""#]));
    let ports = proptest::option::of(map_of(&["80/tcp", "53/udp"], &["{}"]));
    let scalars = (one_of(&[r#""""#, r#""u""#, r#""v""#, "null"]), one_of(&[r#""/""#, r#""/w""#]), one_of(&[r#"{"Test":["NONE"]}"#, "{}"]));
    let odd = (one_of(&["1", "2", "null"]), one_of(&[r#""sha256:a""#, r#""sha256:b""#]), one_of(&[r#""x""#, "[7]", r#"["RUN"]"#]));
    (env, launch, labels, ports, scalars, odd).prop_map(|(env, launch, labels, ports, scalars, odd)| {
        let own = |text: Option<&str>| text.map(str::to_owned);
        let env = (!env.is_empty()).then(|| Value::strings(env).render());
        object([
            ("Vendor", own(odd.0)),
            ("Image", own(odd.1)),
            ("OnBuild", own(odd.2)),
            ("Env", env),
            ("Entrypoint", own(launch.0)),
            ("Cmd", own(launch.1)),
            ("ArgsEscaped", own(launch.2)),
            ("Labels", labels),
            ("ExposedPorts", ports),
            ("User", own(scalars.0)),
            ("WorkingDir", own(scalars.1)),
            ("Healthcheck", own(scalars.2)),
        ])
    })
}

fn image() -> impl Strategy<Value = String> {
    (proptest::option::weighted(0.9, config()), one_of(&["1", "2", r#"{"a":[]}"#]), one_of(&["null", "[]"])).prop_map(
        |(config, vendor, other)| {
            let own = |text: Option<&str>| text.map(str::to_owned);
            object([
                ("architecture", Some(r#""amd64""#.to_owned())),
                ("vendor", own(vendor)),
                ("os", Some(r#""linux""#.to_owned())),
                ("config", config),
                ("other", own(other)),
            ])
        },
    )
}

/// The document as runtimes understand it.
fn meaning(text: &str) -> Tree {
    let mut tree: Tree = serde_json::from_str(text).unwrap();
    let Some(document) = tree.as_object_mut() else { return tree };
    let mut config = document.remove("config").and_then(|config| config.as_object().cloned()).unwrap_or_default();
    let last: Vec<Tree> = config.get("Env").and_then(Tree::as_array).cloned().unwrap_or_default();
    let pairs = last.iter().filter_map(Tree::as_str).map(|entry| match entry.split_once('=') {
        Some((name, value)) => (format!("{name}="), Tree::from(value)),
        None => (entry.to_owned(), Tree::Null),
    });
    let env: Map<String, Tree> = pairs.collect();
    config.insert("Env".to_owned(), Tree::Object(env));
    config.retain(|key, value| {
        let blank = value.is_null()
            || value == false
            || value.as_str() == Some("")
            || value.as_array().is_some_and(Vec::is_empty)
            || value.as_object().is_some_and(Map::is_empty);
        !blank || key == "Vendor"
    });
    document.insert("config".to_owned(), Tree::Object(config));
    tree
}

/// Without the triggers, which nobody inherits.
fn inheritable(mut document: Tree) -> Tree {
    if let Some(config) = document["config"].as_object_mut() {
        config.remove("OnBuild");
    }
    document
}

proptest! {
    #[test]
    fn a_base_that_did_not_change_changes_nothing(base in image(), app in image(), prefer in prop::sample::select(vec!["app", "base"])) {
        let outcome = run(Some(&base), &app, &base, &[prefer]);
        prop_assert_eq!(&outcome.text, &app);
        prop_assert_eq!(outcome.decided(), Vec::<String>::new());
    }

    #[test]
    fn an_app_that_changed_nothing_follows_the_base(app in image(), new in image(), prefer in prop::sample::select(vec!["app", "base"])) {
        let outcome = run(Some(&app), &app, &new, &[prefer]);
        prop_assert_eq!(inheritable(meaning(&outcome.text)), inheritable(meaning(&new)));
        prop_assert!(outcome.decisions.iter().all(|decision| decision.kind == decision::Kind::FromBase));
    }

    #[test]
    fn what_both_agree_on_stays(old in proptest::option::of(image()), app in image()) {
        let outcome = run(old.as_deref(), &app, &app, &[]);
        // Unless the app extended a list, as the new base did: a rebuild would extend it twice.
        prop_assume!(outcome.decisions.iter().all(|decision| decision.kind != decision::Kind::Merged));
        prop_assert_eq!(&outcome.text, &app);
        prop_assert_eq!(outcome.decided(), Vec::<String>::new());
    }

    #[test]
    fn doing_it_again_changes_nothing(old in proptest::option::of(image()), app in image(), new in image()) {
        let once = run(old.as_deref(), &app, &new, &[]);
        let again = run(Some(&new), &once.text, &new, &[]);
        prop_assert_eq!(&again.text, &once.text);
        prop_assert_eq!(again.decided(), Vec::<String>::new());
        prop_assert_eq!(run(old.as_deref(), &app, &new, &[]).text, once.text, "the same inputs give the same bytes");
    }

    #[test]
    fn without_the_old_base_nothing_of_the_app_is_lost(app in image(), new in image()) {
        let outcome = run(None, &app, &new, &[]);
        let (app, result) = (meaning(&app), meaning(&outcome.text));
        for (key, value) in app["config"].as_object().unwrap() {
            match value.as_object() {
                Some(map) if key != "Healthcheck" => {
                    for (part, value) in map {
                        prop_assert_eq!(&result["config"][key][part], value);
                    }
                }
                // Says nothing without the entrypoint and command that it goes with.
                _ if key == "ArgsEscaped" => {}
                _ => prop_assert_eq!(&result["config"][key], value),
            }
        }
        prop_assert!(outcome.decisions.iter().all(|decision| decision.kind == decision::Kind::TwoWay));
    }

    #[test]
    fn a_decision_tells_the_truth(old in image(), app in image(), new in image()) {
        for decision in run(Some(&old), &app, &new, &[]).decisions {
            let in_question = matches!(decision.kind, decision::Kind::Conflict { .. });
            prop_assert!(in_question || decision.result != decision.app || decision.field.starts_with("config.") || decision.field.starts_with("document."), "{:?}", decision);
        }
    }

    /// Documents that break the specification in every field are merged too.
    #[test]
    fn nothing_panics(parts in proptest::collection::vec(odd_document(), 3)) {
        let outcome = run(Some(&parts[0]), &parts[1], &parts[2], &[]);
        prop_assert!(Document::parse(outcome.text.as_bytes(), &Limits::STANDARD).is_ok());
        prop_assert!(Document::parse(run(None, &parts[1], &parts[2], &["base"]).text.as_bytes(), &Limits::STANDARD).is_ok());
    }
}

fn odd_document() -> impl Strategy<Value = String> {
    let value = || {
        prop::sample::select(vec![
            "null",
            "7",
            "true",
            r#""""#,
            r#""a=b""#,
            "[]",
            r#"["PATH=/a","é=1","="]"#,
            "[[],{}]",
            "{}",
            r#"{"x":{"y":1}}"#,
            r#"{"":""}"#,
        ])
    };
    let keys = prop::sample::select(vec![
        "Env",
        "Labels",
        "Volumes",
        "ExposedPorts",
        "Entrypoint",
        "Cmd",
        "User",
        "ArgsEscaped",
        "Healthcheck",
        "Image",
        "é",
    ]);
    let config = proptest::collection::btree_map(keys, value(), 0..6)
        .prop_map(|map| object(map.into_iter().map(|(key, value)| (key, Some(value.to_owned())))));
    let config = prop_oneof![4 => config, 1 => value().prop_map(str::to_owned)];
    let top = proptest::collection::btree_map(
        prop::sample::select(vec!["os", "architecture", "variant", "os.features", "history", "id", "x"]),
        value(),
        0..4,
    );
    let document = (config, top).prop_map(|(config, top)| {
        object(top.into_iter().map(|(key, value)| (key, Some(value.to_owned()))).chain([("config", Some(config))]))
    });
    prop_oneof![9 => document, 1 => value().prop_map(str::to_owned)]
}
