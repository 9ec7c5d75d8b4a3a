//! Files that a script makes itself. Each line was tried with busybox in the file systems of both bases.

use super::*;

/// What becomes of a script on a base without what the old one has.
fn lost(body: &str, lost: &[File<'_>], verdict: &str, codes: &[&str]) {
    let tools = ["bin/mkdir", "bin/touch", "bin/tee", "bin/cp", "bin/ln", "bin/install", "bin/ls"].map(tool);
    expect(body, &running(body, &[&tools, lost].concat(), &tools), verdict, codes);
}

const DIRECTORY: &str = "srv/x/keep";

#[test]
fn what_a_script_makes_is_not_missed() {
    let (file, directory) = ([text("etc/x", "b\n")], [text(DIRECTORY, "")]);
    for body in [
        "set -e\necho a > /etc/x\ncat /etc/x",
        "set -e\ncp /app/run /etc/x\ncat /etc/x",
        "set -e\necho a | tee /etc/x\ncat /etc/x",
        "set -e\nln -sf /app/run /etc/x\ncat /etc/x",
        "set -e\ncat > /etc/x <<END\nhello\nEND\ncat /etc/x",
        "set -e\ntouch /etc/x\n[ -f /etc/x ] || exit 3\ntrue",
        "f() {\n echo 1 > /etc/x\n}\nf\ncat /etc/x",
    ] {
        lost(body, &file, "runs", &[]);
    }
    for body in [
        "set -e\nmkdir -p /srv/x\ncd /srv/x\npwd",
        "set -e\ninstall -d /srv/x\necho a > /srv/x/f\ncat /srv/x/f",
        "set -e\nif [ ! -d /srv/x ]; then mkdir -p /srv/x; fi\ncd /srv/x",
        "[ -d /srv/x ] || mkdir /srv/x\ncd /srv/x",
    ] {
        lost(body, &directory, "runs", &[]);
    }
}

#[test]
fn what_it_makes_in_another_place_or_in_a_branch_is_missed() {
    let (file, directory) = ([text("etc/x", "b\n")], [text(DIRECTORY, "1")]);
    lost("set -e\nif [ -t 0 ]; then echo a > /etc/x; fi\ncat /etc/x", &file, "risks", &["verdict.missing"]);
    lost("set -e\nf() { echo a > /etc/x; }\ncat /etc/x", &file, "breaks", &["verdict.missing"]);
    lost("set -e\necho a >> /etc/x\ncat /etc/x", &file, "risks", &["verdict.missing"]);
    lost("set -e\ncat /etc/x > /etc/y\ncp /etc/y /etc/x", &file, "breaks", &["verdict.missing"]);
    lost("set -e\nmkdir -p /srv/x\nls /srv/x", &directory, "risks", &["verdict.missing"]);
    lost("set -e\nmkdir -p /srv/x\ncat /srv/x/keep", &directory, "breaks", &["verdict.missing"]);
    // There is no place for it.
    for body in ["echo a > /srv/x/f", "touch /srv/x/f", "cp /app/run /srv/x/f"] {
        lost(&format!("set -e\n{body}\necho"), &directory, "breaks", &["verdict.missing"]);
    }
    lost("set -e\ncp /app/run /srv/x\necho", &directory, "breaks", &["verdict.missing", "verdict.missing"]);
    // The test decides more than that it is made.
    lost("if [ -d /srv/x ]; then echo a; else mkdir -p /srv/x; fi\ncd /srv/x", &directory, "risks", &["verdict.missing", "verdict.test"]);
    // Nobody reads what it writes.
    lost("set -e\necho 'echo a' > /etc/x\n. /etc/x", &file, "unknown", &["verdict.unclear"]);
    lost("echo 'echo a' >> /tmp/x; sh /tmp/x || exit 1\necho", &file, "unknown", &["verdict.unclear"]);
    lost("set -e\ncp /app/run /etc/x\n/etc/x", &[script("etc/x", "#!/bin/sh\n")], "unknown", &["verdict.unclear"]);
}

/// In a directory that is there the file gets another name, and what is listed is what each base has.
#[test]
fn what_is_copied_into_a_directory_is_not_the_directory() {
    let tools = [tool("bin/cp"), tool("bin/ls")];
    let with = |name: &'static str| [&tools[..], &[text(name, "1")]].concat();
    let moved = running("set -e\ncp /app/run /etc/d\nls /etc/d", &with("etc/d/a"), &with("etc/d/b"));
    expect("a listing", &moved, "risks", &["verdict.changed"]);
    let moved = running("set -e\ncp /app/run /etc/d\necho", &with("etc/d/a"), &with("etc/d"));
    expect("a file in its place", &moved, "risks", &["verdict.changed"]);
}
