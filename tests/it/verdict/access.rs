//! Who may read and run what, and which commands a script comes to. Each line was tried with the file systems of both bases.

use super::*;

const USERS: &str = "root:x:0:0::/:\nsvc:x:9:9::/:\n";

/// Bases with these files, which the app runs as `user`.
fn run_as<'a>(user: &'a str, body: &'a str, old: &[File<'a>], new: &[File<'a>]) -> Move<'a> {
    let with = |files: &[File<'a>]| [files, &[text("etc/passwd", USERS), text("etc/group", "root:x:0:\nteam:x:9:svc\n")]].concat();
    Move { user, ..running(body, &with(old), &with(new)) }
}

#[test]
fn what_the_user_of_an_image_may_not_read_or_run_is_as_if_it_were_not_there() {
    let tool = |mode: u32| ("opt/t", mode, b"#!/bin/sh\ntrue\n".to_vec());
    let data = |mode: u32| ("opt/f", mode, b"x".to_vec());
    for user in ["9", "svc", "svc:team"] {
        expect("a program", &run_as(user, "set -e\n/opt/t", &[tool(0o755)], &[tool(0o700)]), "breaks", &["verdict.access"]);
        expect("a file", &run_as(user, "set -e\ncat /opt/f", &[data(0o644)], &[data(0o600)]), "breaks", &["verdict.access"]);
        expect("a test", &run_as(user, "[ -r /opt/f ] || exit 3\ntrue", &[data(0o644)], &[data(0o600)]), "breaks", &["verdict.test"]);
    }
    // Root may, whatever stands there.
    for user in ["", "0", "root"] {
        expect("a program", &run_as(user, "set -e\n/opt/t", &[tool(0o755)], &[tool(0o700)]), "runs", &[]);
        expect("a file", &run_as(user, "set -e\ncat /opt/f", &[data(0o644)], &[data(0o600)]), "runs", &[]);
    }
}

/// A directory that the user may not go through is one in which nothing is, for whatever is started or read below it.
#[test]
fn what_is_below_a_directory_that_the_user_may_not_enter_is_out_of_reach() {
    let folder = |mode: u32| ("opt/", mode, Vec::new());
    let below = |user: &'static str, body: &'static str, start: Value| {
        let mut moved = Move { start, ..run_as(user, body, &[folder(0o755)], &[folder(0o700)]) };
        moved.app.extend([script("opt/r", "#!/bin/sh\ntrue\n"), tool("opt/p"), text("opt/c", "X=1\n"), script("app/s", "#!/opt/p\n")]);
        moved
    };
    for body in ["/opt/r\ntrue", "exec /opt/r", "exec /opt/p", "sh /opt/r", ". /opt/c", "cat /opt/c", "/app/s"] {
        let strict = format!("set -e\n{body}").leak();
        expect(body, &below("9", strict, json!(["/app/run"])), "breaks", &["verdict.access"]);
        expect(body, &below("", strict, json!(["/app/run"])), "runs", &[]);
    }
    for start in [json!(["/opt/r"]), json!(["/opt/p"]), json!(["sh", "/opt/r"])] {
        expect("the start", &below("9", "", start), "breaks", &["verdict.access"]);
    }
    expect("a test", &below("9", "[ -f /opt/c ] || exit 3\ntrue", json!(["/app/run"])), "breaks", &["verdict.test"]);
}

#[test]
fn files_that_the_user_could_write_are_missed_where_it_may_not_any_more() {
    let log = |mode: u32| ("var/log/q", mode, Vec::new());
    let body = "set -e\necho x >> /var/log/q\ntrue";
    expect("a log", &run_as("9", body, &[log(0o666)], &[log(0o644)]), "breaks", &["verdict.access"]);
    expect("for root", &run_as("", body, &[log(0o666)], &[log(0o644)]), "runs", &[]);
    expect("never", &run_as("9", body, &[log(0o644)], &[log(0o644)]), "runs", &[]);
    expect("expected", &run_as("9", "echo x >> /var/log/q || true\ntrue", &[log(0o666)], &[log(0o644)]), "risks", &["verdict.access"]);
}

#[test]
fn su_runs_the_shell_of_the_user() {
    let users = |shell: &str| text("etc/passwd", &format!("root:x:0:0::/:/bin/sh\nweb:x:9:9::/:{shell}\n"));
    let tools = [tool("bin/su"), tool("usr/sbin/nologin")];
    let with = |shell: &str| [&base(&tools)[..], &[users(shell)]].concat();
    let su = |body: &'static str, new: &str| Move { old: with("/bin/sh"), new: with(new), ..running(body, &[], &[]) };
    expect("none any more", &su("set -e\nsu web -c 'echo hi'\ntrue", "/usr/sbin/nologin"), "breaks", &["verdict.user"]);
    expect("another is named", &su("set -e\nsu web -s /bin/sh -c 'echo hi'\ntrue", "/usr/sbin/nologin"), "runs", &[]);
    expect("the same", &su("set -e\nsu web -c 'echo hi'\ntrue", "/bin/sh"), "runs", &[]);
}

#[test]
fn users_and_groups_that_are_lost_are_missed_where_they_are_needed() {
    let with = |passwd: &str, team: &str| {
        let tools: Vec<File<'static>> =
            ["bin/chown", "bin/chgrp", "bin/id", "bin/adduser", "bin/install", "bin/find"].into_iter().map(tool).collect();
        [&base(&tools)[..], &[text("etc/passwd", passwd), text("etc/group", team)]].concat()
    };
    let users = |body: &'static str| Move {
        old: with("root:x:0:0::/:\napp:x:9:9::/:\n", ""),
        new: with("root:x:0:0::/:\n", ""),
        ..running(body, &[], &[])
    };
    let groups =
        |body: &'static str, new: &'static str| Move { old: with("", "app:x:9:\n"), new: with("", new), ..running(body, &[], &[]) };
    for body in ["set -e\nchown app /etc/keep\ntrue", "set -e\nchown app:root /etc/keep\ntrue"] {
        expect(body, &users(body), "breaks", &["verdict.user"]);
    }
    for body in [
        "set -e\nid app >/dev/null 2>&1 || adduser -D app\ntrue",
        "set -e\nchown app /etc/keep || true\ntrue",
        "if ! id app; then adduser -D app; fi\ntrue",
    ] {
        expect(body, &users(body), "risks", &["verdict.user"]);
    }
    for body in [
        "set -e\nchown root:app /etc/keep\ntrue",
        "set -e\nchown :app /etc/keep\ntrue",
        "set -e\nchgrp app /etc/keep\ntrue",
        "set -e\ninstall -d -g app /tmp/x\ntrue",
        "set -e\nadduser -D -G app x\ntrue",
        "set -e\nfind /etc/keep -group app\ntrue",
    ] {
        expect(body, &groups(body, ""), "breaks", &["verdict.user"]);
        expect(body, &groups(body, "app:x:8:\n"), "risks", &["verdict.changed"]);
        expect(body, &groups(body, "app:x:9:\n"), "runs", &[]);
    }
}

#[test]
fn what_a_script_never_comes_to_is_not_missed() {
    let lost = |body: &'static str| running(body, &[tool("bin/lost")], &[]);
    for body in ["exit 0; lost", "exec cat /etc/keep; lost", "exit 0\nf() { lost; }\nf", "trap - TERM\ntrap '' HUP\ntrap 2\ntrue"] {
        expect(body, &lost(body), "runs", &[]);
    }
    for body in [
        "set -e\nlost & wait\ntrue",
        "set -e\nf() { lost; }\nf || true",
        "set -e\nf() { lost; }\nif f; then true; fi\ntrue",
        "set -e\nfor x in $LIST; do lost; done\ntrue",
        "set -e\nwhile read -r x; do lost; done\ntrue",
        "set -e\ntrap lost HUP\ntrue",
        "set -e\necho \"$(lost)\"\ntrue",
    ] {
        expect(body, &lost(body), "risks", &["verdict.command"]);
    }
    for body in [
        "set -e\nlost\ntrue",
        "exec >/tmp/x\nset -e\nlost",
        "set -e\n(exit 0)\nlost",
        "set -e\nx=$(lost)\ntrue",
        "set -e\nf() { lost; }\nf\ntrue",
        "set -e\nfor x in a b; do lost; done\ntrue",
        "set -e\nwhile true; do lost; done",
    ] {
        expect(body, &lost(body), "breaks", &["verdict.command"]);
    }
}

#[test]
fn a_command_of_the_app_stays_the_one_that_is_found() {
    let app =
        |new: &[File<'static>]| Move { app: vec![script("app/run", "#!/bin/sh\nmine\n"), tool("usr/bin/mine")], ..running("", &[], new) };
    expect("as before", &app(&[tool("sbin/mine")]), "runs", &[]);
    expect("in an earlier directory", &app(&[script("usr/local/bin/mine", "#!/bin/sh\nexit 3\n")]), "risks", &["verdict.changed"]);
}
