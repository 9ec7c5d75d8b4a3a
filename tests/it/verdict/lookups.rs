//! Libraries that are opened by name, and what programs load that nobody named in their headers.

use super::*;

/// dlopen(3): who has one name for a library needs it, who has several tries one after another.
#[test]
fn a_program_that_has_several_names_for_a_library_may_do_without() {
    let files = |name: &'static str| {
        [
            loader("lib64/ld-linux-x86-64.so.2"),
            library("lib64/libc.so.6", Program { defined: &["dlopen"], ..Program::default() }),
            library(name, Program::default()),
        ]
    };
    let moved = |text| {
        let own = Program { interpreter: GLIBC, needed: &["libc.so.6"], undefined: &["dlopen"], text, ..Program::default() };
        starting(own, &files("lib64/libssl.so.3"), &files("lib64/libother.so.1"))
    };
    expect("one name", &moved("\0libssl.so.3\0"), "breaks", &["verdict.reference"]);
    expect("two names", &moved("\0libssl.so.3\0libssl.so.1.1\0"), "risks", &["verdict.reference"]);
}

/// `ctypes.CDLL`, `Fiddle.dlopen`: the name of a library in quotes.
#[test]
fn a_library_that_a_script_opens_by_name_is_missed() {
    let files = |name: &'static str| [tool("usr/bin/python3"), library(name, Program::default())];
    let body = |line: &str| {
        let app = vec![script("app/run.py", &format!("#!/usr/bin/python3\nimport ctypes\n{line}\n"))];
        let (old, new) = (base(&files("lib/libcrypto.so.1.1")), base(&files("lib/libcrypto.so.3")));
        Move { old, new, app, start: json!(["/app/run.py"]), user: "" }
    };
    let told = |moved: &Move<'_>| codes(&moved.verdict().1).contains(&"verdict.reference");
    assert!(told(&body("ctypes.CDLL(\"libcrypto.so.1.1\")")));
    assert!(!told(&body("ctypes.CDLL(\"libcrypto.so.3\")")));
}

/// glibc's manual, "Linking": name service switch modules of a static program have to be those of the C library that it was linked with.
#[test]
fn a_static_program_that_looks_up_names_needs_the_c_library_of_its_base() {
    let libc = |text| library("lib64/libc.so.6", Program { text, ..Program::default() });
    let moved = |text, new| starting(Program { text, ..Program::default() }, &[libc("2.31")], &[libc(new)]);
    let looks_up = "\0/etc/nsswitch.conf\0libnss_%s.so\0";
    expect("another release", &moved(looks_up, "2.36"), "risks", &["verdict.changed"]);
    expect("the same one", &moved(looks_up, "2.31"), "runs", &[]);
    expect("it looks nothing up", &moved("\0hello\0", "2.36"), "runs", &[]);
}

/// Python's documentation, "Initialization": without `encodings` an interpreter does not start.
#[test]
fn a_program_with_an_interpreter_in_it_needs_its_modules() {
    let bare = || [loader("lib64/ld-linux-x86-64.so.2")];
    let modules = [text("usr/lib/python3.9/encodings/__init__.py", "")];
    let mut moved = starting(
        Program { interpreter: GLIBC, needed: &["libpython3.9.so.1.0"], runpath: "/app", ..Program::default() },
        &[&bare()[..], &modules[..]].concat(),
        &bare(),
    );
    moved.app.push(library("app/libpython3.9.so.1.0", Program::default()));
    expect("they are lost", &moved, "breaks", &["verdict.module"]);
    moved.new = moved.old.clone();
    expect("they are there", &moved, "runs", &[]);
}

/// ld.so(8): what a script puts into `LD_LIBRARY_PATH` is searched first.
#[test]
fn libraries_that_a_script_exports_are_found() {
    let files = |name: &'static str| [loader("lib64/ld-linux-x86-64.so.2"), library(name, Program::default())];
    let moved = |line: &str| {
        let mut moved = running(&format!("{line}\nexec /app/own"), &files("lib64/libx.so.1"), &files("lib64/libx.so.2"));
        moved.app.push(program("app/own", Program { interpreter: GLIBC, needed: &["libx.so.1"], ..Program::default() }));
        moved.app.push(library("opt/lib/libx.so.1", Program::default()));
        moved
    };
    expect("it is there", &moved("export LD_LIBRARY_PATH=/opt/lib"), "runs", &[]);
    expect("it is elsewhere", &moved("export LD_LIBRARY_PATH=/opt/more"), "breaks", &["verdict.elf.needed"]);
    let (status, report) = moved("export LD_LIBRARY_PATH=$(cat /etc/keep)").verdict();
    assert_eq!((status, &report["verdict"]), (1, &json!("risks")), "nobody knows where: {report:#}");
}

/// A library of the app that stands before that of the base, for what the base's interpreter loads.
#[test]
fn libraries_of_the_app_before_those_of_the_base_are_told_where_an_interpreter_loads_more() {
    let files = |edition| [tool("usr/bin/python3"), library("usr/lib/libssl.so.3", Program { text: edition, ..Program::default() })];
    let moved = |line: &str, new| {
        let mut moved = running(&format!("{line}\nexec python3 /opt/a/x.py"), &files("old"), &files(new));
        moved.app = vec![
            script("opt/a/run", &format!("#!/bin/sh\n{line}\nexec /usr/bin/python3 /opt/a/x.py\n")),
            text("opt/a/x.py", "print(1)\n"),
            library("opt/a/lib/libssl.so.3", Program { text: "old", ..Program::default() }),
        ];
        moved.start = json!(["/opt/a/run"]);
        moved
    };
    let told = |moved: &Move<'_>| moved.verdict().1.to_string().contains("finds a library of the app before that of the base");
    let here = "here=$(cd \"$(dirname \"$0\")\" && pwd)\nexport LD_LIBRARY_PATH=\"$here/lib\"";
    assert!(told(&moved(here, "new")));
    assert!(told(&moved("export LD_LIBRARY_PATH=$(cat /etc/keep)", "new")));
    assert!(!told(&moved(here, "old")), "the base has the same as before");
    assert!(!told(&moved("true", "new")), "nobody looks there");
}
