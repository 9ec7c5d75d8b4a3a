//! Shells and commands that other makers read in another way. What is expected was tried in bash 5.2, dash 0.5.11 and 0.5.12, busybox 1.36
//! to 1.38, coreutils 8.32 to 9.7 and mawk 1.3.4; where those differ, it stands in their manuals and usage texts too.

use super::{File, Move, base, expect, program, running, script, tool};
use crate::support::elf::Program;

/// `/bin/sh` of a base, with the program that it is.
fn shell(name: &str) -> Vec<File<'static>> {
    let link = |target: &'static str| (target, 0o777, Vec::new());
    let all = |text| Program { text, ..Program::default() };
    match name {
        "bash" => vec![program("bin/bash", all("GNU bash, version 5.2 pipefail")), link("bin/sh->/bin/bash")],
        "dash" => vec![program("bin/dash", all("pipe fails")), link("bin/sh->/bin/dash")],
        "dash-13" => vec![program("bin/dash", all("pipefail")), link("bin/sh->/bin/dash")],
        "ash" => vec![program("bin/busybox", all("BusyBox v1.37.0 pipefail")), link("bin/sh->/bin/busybox")],
        // As in the images of busybox: the names are hard links.
        _ => vec![program("bin/busybox", all("BusyBox v1.36.1 pipefail")), ("bin/sh=>bin/busybox", 0o755, Vec::new())],
    }
}

/// A script of `/bin/sh` on a base with one shell, moved to a base with another.
fn between<'a>(content: &str, old: &str, new: &str) -> Move<'a> {
    let with = |name: &str| [shell(name), vec![tool("bin/cat"), tool("bin/sort"), tool("usr/bin/a")]].concat();
    Move { old: with(old), new: with(new), ..running(content, &[], &[]) }
}

const BROKEN: (&str, &[&str]) = ("breaks", &["verdict.syntax"]);
const RISKY: (&str, &[&str]) = ("risks", &["verdict.changed"]);
const RUNS: (&str, &[&str]) = ("runs", &[]);

#[test]
fn what_a_shell_does_not_understand_breaks_a_script() {
    for (content, dash, ash) in [
        ("x=(1 2)\na $x", BROKEN, BROKEN),
        ("if a; then x=(1 2); fi\na", BROKEN, BROKEN),
        ("a <<< text", BROKEN, BROKEN),
        ("function f { a; }\nf", BROKEN, RUNS),
        ("for ((i=0; i<3; i++)); do a; done", BROKEN, BROKEN),
        ("select x in a b; do break; done\na", BROKEN, BROKEN),
        ("a |& cat", BROKEN, BROKEN),
        ("a >& /tmp/x", BROKEN, RUNS),
        ("x=abc\na ${x/b/c}", BROKEN, RUNS),
        ("x=abc\na ${x:1:1}", BROKEN, RUNS),
        ("x=abc\na ${x^^}", BROKEN, BROKEN),
        ("x=y\na ${!x}", BROKEN, BROKEN),
        ("a $((2 ** 3))", BROKEN, RUNS),
        ("set -o pipefail\na", BROKEN, RUNS),
        ("set -euo pipefail\na", BROKEN, RUNS),
        ("set -e\nsource /app/other\na", BROKEN, RUNS),
        ("[ 1 == 1 ]", BROKEN, RUNS),
        // What a script can go on without, or may not get to, is no more than a risk.
        ("[ 1 == 1 ] && a\na", RISKY, RUNS),
        ("if [[ $1 = b ]]; then a; fi\na", RISKY, RISKY),
        ("a || a ${x//b}\na", RISKY, RUNS),
        ("f() { a ${x//b}; }\nf\na", RISKY, RUNS),
        ("y=$(a ${x//b})\na", RISKY, RUNS),
        ("exec a\nx=(1)", RISKY, RISKY),
        ("a $'x\\ty'", RISKY, RUNS),
        ("a {x,y}", RISKY, RISKY),
        ("a {1..3}", RISKY, RISKY),
        ("a &> /tmp/x\na", RISKY, RUNS),
        ("echo -e 'x\\ty'", RISKY, RUNS),
        ("echo 'x\\ty'", RISKY, RUNS),
        ("read -p x -t 1 y\na", RISKY, RISKY),
        ("pushd /tmp\na", RISKY, RISKY),
        ("declare x=1\na", RISKY, RISKY),
        ("printf '%q' x\na", RISKY, RISKY),
        ("a $RANDOM", RISKY, RUNS),
        ("a $SECONDS", RISKY, RISKY),
        ("trap a ERR\na", RISKY, RISKY),
        ("x+=y\na", RISKY, RISKY),
        ("trap 'a ${x//b}' EXIT\na", RISKY, RUNS),
        // What is hidden from the other shell, as people do it.
        ("[ -t 0 ] || eval 'x=(1 2)'\na", RISKY, RISKY),
        ("if a; then . /app/arrays; fi\na", RISKY, RISKY),
        ("a || exec a\na $(cat <<< x)", RISKY, RISKY),
        (". /app/arrays\na", BROKEN, BROKEN),
        ("a \"$(cat <<< x)\"", BROKEN, BROKEN),
        // Plain words of POSIX.
        ("set -eu\nx=${1:-y}\n[ \"$x\" = y ] && a ${x%z} ${x##*/} $((1 + 2))\na", RUNS, RUNS),
    ] {
        for (name, (verdict, codes)) in [("dash", dash), ("ash", ash), ("hard ash", ash)] {
            let it = Move {
                app: vec![
                    script("app/run", &format!("#!/bin/sh\n{content}\n")),
                    script("app/other", "a\n"),
                    script("app/arrays", "x=(1 2)\n"),
                ],
                ..between(content, "bash", name)
            };
            expect(&format!("{name}: {content}"), &it, verdict, codes);
        }
        for name in ["bash", "dash", "ash", "hard ash"] {
            expect(&format!("{name} stays: {content}"), &with_other(between(content, name, name), content), "runs", &[]);
        }
    }
}

fn with_other<'a>(it: Move<'a>, content: &str) -> Move<'a> {
    Move {
        app: vec![script("app/run", &format!("#!/bin/sh\n{content}\n")), script("app/other", "a\n"), script("app/arrays", "x=(1 2)\n")],
        ..it
    }
}

#[test]
fn shells_of_other_makers_go_both_ways() {
    for (content, old, new, (verdict, codes)) in [
        ("[ 1 == 1 ]", "ash", "dash", BROKEN),
        ("[ 1 == 1 ]", "hard ash", "dash", BROKEN),
        ("x=abc\na ${x//b/c}", "ash", "dash", BROKEN),
        ("a <<< x", "ash", "dash", RUNS),
        ("echo -e x", "ash", "dash", RISKY),
        ("echo -e x", "dash", "ash", RISKY),
        ("echo 'x\\n'", "dash", "bash", RISKY),
        ("echo -e x", "ash", "bash", RUNS),
        ("set -o pipefail\na", "dash-13", "dash", BROKEN),
        ("set -o pipefail\na", "dash-13", "dash-13", RUNS),
        ("set -o pipefail\na", "dash-13", "ash", RUNS),
        ("UID=1\na $UID", "bash", "dash", RUNS),
        ("echo x", "bash", "ash", RUNS),
        ("sh -ec 'echo x'", "bash", "ash", RUNS),
        ("sh -c 'echo x'", "ash", "dash", RUNS),
        ("sh -c 'x=(1)'", "bash", "dash", BROKEN),
    ] {
        expect(&format!("{old} to {new}: {content}"), &between(content, old, new), verdict, codes);
    }
    let asked = Move {
        old: [shell("bash"), vec![tool("usr/bin/a")]].concat(),
        new: [shell("dash"), vec![tool("usr/bin/a"), program("bin/bash", Program { text: "GNU bash", ..Program::default() })]].concat(),
        app: vec![script("app/run", "#!/bin/bash\nx=(1 2)\na ${x[1]} <<< y\n")],
        ..running("", &[], &[])
    };
    expect("a script of bash, where bash is", &asked, "runs", &[]);
}

#[test]
fn shells_that_differ_are_told() {
    let go = |content: &str| between(content, "ash", "dash");
    expect("escapes", &go("echo -e 'a\\tb'"), "risks", &["verdict.changed"]);
    expect("a test of bash", &go("if [[ a = b ]]; then echo a; fi"), "risks", &["verdict.changed"]);
    expect("plain words", &go("echo a"), "runs", &[]);
    let tools = |content: &str| Move {
        old: base(&[program("bin/diff", Program { text: "BusyBox v1.2.3 ", ..Program::default() })]),
        new: base(&[tool("bin/diff")]),
        ..running(content, &[], &[])
    };
    expect("what busybox prints", &tools("diff /etc/keep /etc/passwd"), "risks", &["verdict.changed"]);
    expect("what both print", &tools("diff -u /etc/keep /etc/passwd"), "runs", &[]);
}

/// GNU's tools and busybox take the same letters for other things, or one of them does not have it. What is not the same here was run under both,
/// and fails or says something else in busybox 1.36; the other letters stand in its usage text.
#[test]
fn letters_that_busybox_reads_otherwise_are_told() {
    for (command, answer) in [
        ("date -d '2 days ago' +%F", "risks"),
        ("date -u +%F", "runs"),
        ("touch -d yesterday /tmp/x", "risks"),
        ("seq -f '%03g' 1 3", "breaks"),
        ("seq -w 1 3", "runs"),
        ("echo a | tee -p /tmp/q", "breaks"),
        ("echo a | tee -a /tmp/q", "runs"),
        ("shuf -r /etc/keep", "breaks"),
        ("head -n 1 /etc/keep", "runs"),
        ("head -1 /etc/keep", "runs"),
    ] {
        let name = command.split_once("| ").map_or(command, |(_, rest)| rest).split(' ').next().unwrap();
        let path: &'static str = Box::leak(format!("bin/{name}").into_boxed_str());
        let it = Move {
            old: base(&[tool(path)]),
            new: base(&[program(path, Program { text: "BusyBox v1.2.3 ", ..Program::default() })]),
            ..running(command, &[], &[])
        };
        let codes: &[&str] = if answer == "runs" { &[] } else { &["verdict.option"] };
        expect(command, &it, answer, codes);
    }
}

/// A command that is GNU's on one base and busybox's on the other.
fn replaced<'a>(command: &str, small_before: bool) -> Move<'a> {
    let name = command.rsplit(" | ").next().unwrap().split(' ').next().unwrap();
    let path: &'static str = Box::leak(format!("bin/{name}").into_boxed_str());
    let gnu = vec![program(path, Program { text: "--suffix --lines --xattrs --fancy", ..Program::default() })];
    let small = vec![program(path, Program { text: "BusyBox v1.36.1 suffix", ..Program::default() })];
    let (old, new) = if small_before { (small, gnu) } else { (gnu, small) };
    Move { old: base(&old), new: base(&new), ..running(command, &[], &[]) }
}

#[test]
fn options_that_busybox_refuses_break_what_needs_them() {
    for (command, answer) in [
        ("grep -P x /etc/keep", "breaks"),
        ("grep --include=x -r x /etc/keep", "breaks"),
        ("sed -z s/a/b/ /etc/keep", "breaks"),
        ("sed -i.bak s/a/b/ /tmp/x", "runs"),
        ("xargs -d , cat", "breaks"),
        ("stat --printf=%n /etc/keep", "breaks"),
        ("sort --parallel=2 /etc/keep", "breaks"),
        ("ln -sr /tmp/x /tmp/y", "breaks"),
        ("readlink -m /tmp/x", "breaks"),
        ("mktemp --suffix=.x", "breaks"),
        ("tar --xattrs -xf /tmp/x", "breaks"),
        ("head --lines=1 /etc/keep", "breaks"),
        ("date --iso-8601", "breaks"),
        ("date -Is", "runs"),
        ("sort -V /etc/keep", "runs"),
        ("sort -h /etc/keep", "runs"),
        ("cp --parents /etc/keep /tmp", "runs"),
        ("stat -c %n /etc/keep", "runs"),
        ("mkdir -p /tmp/x", "runs"),
        ("chmod -R 755 /tmp/x", "runs"),
        // Something else comes out.
        ("date +%N", "risks"),
        ("date +%s%3N", "risks"),
        ("date +%F", "runs"),
        ("head -c 2K /etc/keep", "risks"),
        ("mktemp /tmp/x.XXX", "risks"),
        ("mktemp /tmp/x.XXXXXX", "runs"),
        ("timeout 1 cat /etc/keep; echo $?", "risks"),
        ("unheard -x", "risks"),
        // The script goes on.
        ("grep -P x /etc/keep; echo", "risks"),
        ("grep -P x /etc/keep || echo", "risks"),
    ] {
        let codes: &[&str] = if answer == "runs" { &[] } else { &["verdict.option"] };
        expect(command, &replaced(command, false), answer, codes);
    }
    for (command, answer) in [
        ("adduser -D x", "risks"),
        ("timeout 1 cat /etc/keep", "risks"),
        ("date +%N", "risks"),
        ("grep -q x /etc/keep", "runs"),
        ("sed -i s/a/b/ /tmp/x", "runs"),
    ] {
        let codes: &[&str] = if answer == "runs" { &[] } else { &["verdict.option"] };
        expect(command, &replaced(command, true), answer, codes);
    }
    let awk = |program_text: &str| Move {
        old: base(&[program("bin/awk", Program { text: "GNU Awk 5", ..Program::default() })]),
        new: base(&[program("bin/awk", Program { text: "mawk 1.3", ..Program::default() })]),
        ..running(&format!("awk '{program_text}' /etc/keep"), &[], &[])
    };
    expect("a function of gawk", &awk("{ print gensub(/a/, 1, 1) }"), "risks", &["verdict.option"]);
    expect("plain awk", &awk("{ print $1, length($2) }"), "runs", &[]);
}

/// Tried: busybox 1.36.1 of Alpine and 1.37.0 with musl print nothing for `%N`, 1.38.0 with glibc prints the letters.
#[test]
fn builds_of_busybox_read_formats_of_dates_with_their_c_library() {
    const MUSL: &str = "/lib/ld-musl-x86_64.so.1";
    let date = |text, interpreter| program("bin/date", Program { interpreter, text, ..Program::default() });
    let loader = || program("lib/ld-musl-x86_64.so.1", Program { soname: "libc.musl-x86_64.so.1", ..Program::default() });
    let from = ("BusyBox v1.36.1 ", MUSL);
    for (command, to, answer) in [
        ("date +%N", ("BusyBox v1.36.1  rebuilt", MUSL), "runs"),
        ("date +%N", ("BusyBox v1.37.0 ", MUSL), "risks"),
        ("date +%s%3N", ("BusyBox v1.36.1  static", ""), "risks"),
        ("date +%P", ("BusyBox v1.38.0 ", ""), "risks"),
        ("date +%F", ("BusyBox v1.38.0 ", ""), "runs"),
    ] {
        let it =
            Move { old: base(&[loader(), date(from.0, from.1)]), new: base(&[loader(), date(to.0, to.1)]), ..running(command, &[], &[]) };
        let codes: &[&str] = if answer == "runs" { &[] } else { &["verdict.option"] };
        expect(&format!("{command}: {to:?}"), &it, answer, codes);
    }
}

/// `sh -e` is `set -e` (POSIX, sh): what fails ends the script. Tried with each in bash, dash and busybox.
#[test]
fn a_shell_may_be_told_to_end_with_the_first_failure() {
    let lost = |line: &str, content: &str| Move {
        old: base(&[tool("bin/lost")]),
        new: base(&[]),
        app: vec![script("app/run", &format!("#!/bin/sh{line}\n{content}\n"))],
        ..running("", &[], &[])
    };
    for (line, content, answer) in [
        ("", "lost\necho", "risks"),
        (" -e", "lost\necho", "breaks"),
        (" -eu", "lost\necho", "breaks"),
        (" -u", "lost\necho", "risks"),
        (" -e", "lost || echo\necho", "risks"),
        (" -e", "set +e\nlost\necho", "risks"),
        (" -e", "if echo; then set +e; fi\nlost\necho", "risks"),
        ("", "if echo; then set -e; fi\nlost\necho", "risks"),
        ("", "set -o errexit\nlost\necho", "breaks"),
        ("", "set -uo errexit\nlost\necho", "breaks"),
        ("", "set -e\nset +o errexit\nlost\necho", "risks"),
        // These are given to the script.
        ("", "set -- -e\nlost\necho", "risks"),
        ("", "set x -e\nlost\necho", "risks"),
        ("", "sh -ec 'lost; echo'", "breaks"),
        ("", "sh -e -c 'lost; echo'", "breaks"),
        ("", "sh -o errexit -c 'lost; echo'", "breaks"),
        ("", "sh -c 'lost; echo' -e", "risks"),
        ("", "sh -c 'lost; echo'\necho", "risks"),
    ] {
        expect(&format!("{line}: {content}"), &lost(line, content), answer, &["verdict.command"]);
    }
}

/// `system` gives a text to `/bin/sh` (POSIX). Which texts of a program those are is not known.
#[test]
fn texts_that_programs_give_to_a_shell_are_read_as_one_reads_them() {
    const GLIBC: &str = "/lib64/ld-linux-x86-64.so.2";
    let c = || {
        let loader = program("lib64/ld-linux-x86-64.so.2", Program { soname: "ld-linux-x86-64.so.2", ..Program::default() });
        vec![loader, program("lib/libc.so.6", Program { soname: "libc.so.6", defined: &["system", "puts"], ..Program::default() })]
    };
    let it = |text: &'static str, undefined: &'static [&'static str], old: &str, new: &str| Move {
        old: [shell(old), c(), vec![tool("usr/bin/a"), tool("bin/cat")]].concat(),
        new: [shell(new), c(), vec![tool("usr/bin/a"), tool("bin/cat")]].concat(),
        app: vec![program("app/run", Program { interpreter: GLIBC, needed: &["libc.so.6"], undefined, text, ..Program::default() })],
        ..running("", &[], &[])
    };
    let system: &[&str] = &["system"];
    for (text, undefined, old, new, (verdict, codes)) in [
        ("\0[ 1 == 1 ] && a\0", system, "bash", "dash", RISKY),
        ("\0[ 1 == 1 ] && a\0", system, "bash", "ash", RUNS),
        ("\0[[ -e /x ]] && a\0", system, "bash", "ash", RISKY),
        ("\0if [[ -e /x ]]; then a; fi\0", system, "bash", "dash", RISKY),
        ("\0cat {x,y}\0", system, "bash", "dash", RISKY),
        ("\0echo -e x\0", system, "bash", "dash", RISKY),
        ("\0cat x y\0", system, "bash", "dash", RUNS),
        ("\0if [ -e /x ]; then a; fi\0", system, "bash", "dash", RUNS),
        // What runs no shell only prints it.
        ("\0[ 1 == 1 ] && a\0", &["puts"], "bash", "dash", RUNS),
        ("\0[ 1 == 1 ] && a\0", system, "dash", "dash", RUNS),
    ] {
        expect(&format!("{text:?} {old} to {new}"), &it(text, undefined, old, new), verdict, codes);
    }
}
