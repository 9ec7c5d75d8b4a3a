//! Words that may have several values, that are split, and results that nothing follows from. Each line was tried with busybox in the file systems of
//! both bases.

use super::*;

fn lost(body: &str, verdict: &str, codes: &[&str]) {
    let (kept, gone) = (tool("bin/kept"), tool("bin/gone"));
    expect(body, &running(body, &[kept.clone(), gone], &[kept]), verdict, codes);
}

#[test]
fn a_command_that_is_looked_for_by_one_of_several_names_is_missed() {
    for body in [
        "for t in kept gone; do command -v \"$t\" >/dev/null || { echo \"no $t\"; exit 1; }; done; echo",
        "T=\"kept gone\"; for t in $T; do which \"$t\" >/dev/null || exit 1; done; echo",
        "check() { for t in \"$@\"; do type \"$t\" >/dev/null || exit 1; done; }\ncheck kept gone\necho",
        "has() { type \"$1\" >/dev/null 2>&1; }\nneed() { has \"$1\" || exit 1; }\nneed gone\necho",
        "need() { has \"$1\" || exit 1; }\nhas() { type \"$1\" >/dev/null 2>&1; }\nneed gone\necho",
    ] {
        lost(body, "breaks", &["verdict.test"]);
    }
    lost("for t in kept cat; do command -v \"$t\" >/dev/null || exit 1; done; echo", "runs", &[]);
    // It is read when the script runs.
    lost("while read -r c; do command -v \"$c\" >/dev/null || exit 1; done < /etc/list\necho", "unknown", &["verdict.unclear"]);
    let user = |passwd: &str| [tool("bin/chown"), text("etc/passwd", passwd)];
    let both = "root:x:0:0::/:\nnobody:x:9:9::/:\nman:x:8:8::/:\n";
    let body = "set -e\nfor u in nobody man; do chown \"$u\" /etc/keep; done\necho";
    let moved =
        Move { old: [&base(&[])[..], &user(both)].concat(), new: [&base(&[])[..], &user(&both[..31])].concat(), ..running(body, &[], &[]) };
    expect(body, &moved, "breaks", &["verdict.user"]);
}

/// GNU tar starts another program for what is compressed; busybox's does not.
#[test]
fn what_tar_starts_is_missed() {
    let (tar, xz) = (tool("bin/tar"), tool("bin/xz"));
    for body in ["tar -xJf /app/run", "tar -C /tmp -xf /app/x.tar.xz", "tar xf /app/x.txz", "tar --xz -xf /app/run"] {
        let body = format!("set -e\n{body}\necho");
        expect(&body, &running(&body, &[tar.clone(), xz.clone()], std::slice::from_ref(&tar)), "breaks", &["verdict.command"]);
        expect(&body, &running(&body, &[tar.clone(), xz.clone()], &[tar.clone(), xz.clone()]), "runs", &[]);
    }
    let body = "set -e\ntar -xf /app/x.tar -C /tmp\necho";
    expect(body, &running(body, &[tar.clone(), xz], &[tar]), "runs", &[]);
}

#[test]
fn what_a_variable_holds_is_split_where_it_stands_in_no_quotes() {
    lost("set -e\nC=\"gone -c\"\n$C /etc/keep\necho", "breaks", &["verdict.command"]);
    lost("C=\"kept -c\"; exec $C", "runs", &[]);
    lost("exec ${WRAPPER:-} kept", "runs", &[]);
    lost("W=\"\"; exec $W kept", "runs", &[]);
}

#[test]
fn a_result_that_nothing_follows_from_does_not_end_a_script() {
    for body in [
        "if [ -n \"$(command -v gone)\" ]; then H=gone; else H=kept; fi\necho ok",
        "H=`which gone`; [ -z \"$H\" ] && H=kept\necho ok",
        "has() { command -v \"$1\" >/dev/null; }\nif has gone; then echo ok; else echo ok; fi",
        "set -e\nhas() { command -v \"$1\" >/dev/null; }\nif has gone; then echo ok; else echo ok; fi",
    ] {
        lost(body, "risks", &["verdict.test"]);
    }
    for body in ["set -e\nhas() { command -v \"$1\" >/dev/null; }\nhas gone\necho", "set -e\nH=$(command -v gone)\necho"] {
        lost(body, "breaks", &["verdict.test"]);
    }
    lost("eval \"gone >/dev/null 2>&1\" || true\necho", "risks", &["verdict.command"]);
    lost("old() { set -e; gone; exit 0; }\nmain() { echo; }\n\"${CMD:-main}\"", "risks", &["verdict.command"]);
}
