//! What was not there before the move, and is there after it: the app went on without it, and may do something else with it.

use super::*;

/// A base without a shell.
fn bare<'a>(files: &[File<'a>]) -> Vec<File<'a>> {
    base(files).into_iter().filter(|(path, ..)| *path != "bin/sh").collect()
}

#[test]
fn a_base_that_brings_what_the_app_did_not_find_is_a_risk() {
    let extra = &[tool("bin/extra"), text("etc/extra", "1")];
    let changed = &["verdict.changed"];
    expect("a command", &running("extra 2>/dev/null || echo without", &[], extra), "risks", changed);
    expect("a file", &running("cat /etc/extra 2>/dev/null || echo without", &[], extra), "risks", changed);
    expect("neither", &running("cat /etc/keep", &[], extra), "runs", &[]);
    expect(
        "what it makes",
        &running("mkdir -p /etc/extra", &[tool("bin/mkdir")], &[&[tool("bin/mkdir")], &extra[1..]].concat()),
        "runs",
        &[],
    );
}

/// system(3) gives its text to /bin/sh, and fails where there is none: distroless images have none.
#[test]
fn a_program_that_gives_texts_to_the_shell_needs_one() {
    let loaders = || {
        vec![
            loader("lib64/ld-linux-x86-64.so.2"),
            library("lib64/libc.so.6", Program { defined: &["system", "puts"], ..Program::default() }),
        ]
    };
    let own = |undefined| Program { interpreter: GLIBC, needed: &["libc.so.6"], undefined, text: "umask 22", ..Program::default() };
    let moved = |old: Vec<File<'static>>, new: Vec<File<'static>>, undefined| Move {
        old,
        new,
        app: vec![program("app/run", own(undefined))],
        start: json!(["/app/run"]),
        user: "",
    };
    let (with, without) = (|| base(&loaders()), || bare(&loaders()));
    expect("it is taken away", &moved(with(), without(), &["system"]), "risks", &["verdict.command"]);
    expect("it is new", &moved(without(), with(), &["system"]), "risks", &["verdict.changed"]);
    expect("there is none", &moved(without(), without(), &["system"]), "runs", &[]);
    expect("nobody asks for it", &moved(with(), without(), &["puts"]), "runs", &[]);
    let script = |old, new| Move { old, new, app: vec![script("app/run", "#!/bin/sh\necho\n")], start: json!(["/app/run"]), user: "" };
    expect("a script that did not start", &script(bare(&[]), base(&[])), "risks", &["verdict.changed"]);
}
