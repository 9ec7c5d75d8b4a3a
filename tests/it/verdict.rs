//! `airbase verdict`: will the moved image still run?
//!
//! Programs here are ELF files of a few hundred bytes; what a loader would say of them follows from ld.so(8) and the ELF
//! specification. No program of an image is run.

mod access;
mod arrays;
mod asked;
mod batch;
mod depends;
mod dialect;
mod engines;
mod entrypoints;
mod gains;
mod gate;
mod launch;
mod lookups;
mod made;
mod owners;
mod policy;
mod settings;
mod several;

use serde_json::{Value, json};

use crate::support::elf::Program;
use crate::support::image::LAYER;
use crate::support::{Environment, Image, Layer, Layout};

/// A file of a layer: a path, its mode, its content; `->` in the path makes a symbolic link, `=>` a hard link, `/` at its end a directory.
type File<'a> = (&'a str, u32, Vec<u8>);

fn text<'a>(path: &'a str, content: &str) -> File<'a> {
    (path, 0o644, content.as_bytes().to_vec())
}

fn script<'a>(path: &'a str, content: &str) -> File<'a> {
    (path, 0o755, content.as_bytes().to_vec())
}

fn program<'a>(path: &'a str, program: Program<'_>) -> File<'a> {
    (path, 0o755, program.bytes())
}

/// A program that needs nothing.
fn tool(path: &str) -> File<'_> {
    program(path, Program::default())
}

fn packed(files: &[File<'_>]) -> Layer {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, mode, content) in files {
        let mut header = tar::Header::new_ustar();
        header.set_mtime(0);
        header.set_mode(*mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_size(0);
        if let Some((name, target)) = path.split_once("=>") {
            header.set_entry_type(tar::EntryType::Link);
            builder.append_link(&mut header, name, target).unwrap();
        } else if let Some((name, target)) = path.split_once("->") {
            header.set_entry_type(tar::EntryType::Symlink);
            builder.append_link(&mut header, name, target).unwrap();
        } else if path.ends_with('/') {
            header.set_entry_type(tar::EntryType::Directory);
            builder.append_data(&mut header, path, std::io::empty()).unwrap();
        } else {
            header.set_size(content.len() as u64);
            builder.append_data(&mut header, path, content.as_slice()).unwrap();
        }
    }
    let tar = builder.into_inner().unwrap();
    Layer { media_type: LAYER.into(), blob: tar.clone(), tar }
}

/// A move: what the two bases have, what the app adds, and how it starts.
struct Move<'a> {
    old: Vec<File<'a>>,
    new: Vec<File<'a>>,
    app: Vec<File<'a>>,
    start: Value,
    user: &'a str,
}

impl Move<'_> {
    /// The exit status and the document.
    fn verdict(&self) -> (i32, Value) {
        let (environment, _) = self.environment();
        environment.json(&["verdict", "apps:app", "--from", "bases:old", "--onto", "bases:new"])
    }

    fn environment(&self) -> (Environment, Image) {
        let environment = Environment::new();
        // Two editions of a base are never the same bytes: where nothing is moved, nothing is judged.
        let edition = |files: &[File<'_>], name: &str| Image::of(&[&packed(&[files, &[text("etc/edition", name)]].concat())]);
        let (old, new) = (edition(&self.old, "old"), edition(&self.new, "new"));
        let app = old.and(&[&packed(&self.app)]).with("Cmd", self.start.clone()).with("User", json!(self.user));
        Layout::new().image("old", &old).image("new", &new).write(&environment.join("bases"));
        Layout::new().image("app", &app).write(&environment.join("apps"));
        (environment, app)
    }
}

/// A base with a shell and these files.
fn base<'a>(files: &[File<'a>]) -> Vec<File<'a>> {
    let mut all = vec![tool("bin/sh"), tool("bin/cat"), text("etc/passwd", "root:x:0:0::/:/bin/sh\n"), text("etc/keep", "same")];
    all.extend(files.iter().cloned());
    all
}

/// An app that starts a script of the shell.
fn running<'a>(content: &str, old: &[File<'a>], new: &[File<'a>]) -> Move<'a> {
    let app = vec![script("app/run", &format!("#!/bin/sh\n{content}\n"))];
    Move { old: base(old), new: base(new), app, start: json!(["/app/run"]), user: "" }
}

/// An app that starts a program of its own.
fn starting<'a>(own: Program<'_>, old: &[File<'a>], new: &[File<'a>]) -> Move<'a> {
    Move { old: base(old), new: base(new), app: vec![program("app/run", own)], start: json!(["/app/run"]), user: "" }
}

/// The codes of the findings that decide.
fn codes(report: &Value) -> Vec<&str> {
    let findings = report["platforms"][0]["findings"].as_array().unwrap();
    findings.iter().filter(|finding| finding["severity"] != "note").map(|finding| finding["code"].as_str().unwrap()).collect()
}

fn expect(what: &str, moved: &Move<'_>, verdict: &str, wanted: &[&str]) {
    let (status, report) = moved.verdict();
    let expected = match verdict {
        "runs" => 0,
        "unknown" => 4,
        _ => 1,
    };
    assert_eq!((status, report["verdict"].as_str(), codes(&report)), (expected, Some(verdict), wanted.to_vec()), "{what}: {report:#}");
}

const GLIBC: &str = "/lib64/ld-linux-x86-64.so.2";
const MUSL: &str = "/lib/ld-musl-x86_64.so.1";

/// A library of that name.
fn library<'a>(path: &'a str, more: Program<'_>) -> File<'a> {
    let name = path.rsplit('/').next().unwrap().to_owned();
    program(path, Program { soname: &name, ..more })
}

fn loader(path: &str) -> File<'_> {
    library(path, Program::default())
}

#[test]
fn scripts_run_where_everything_they_use_is_there() {
    let same = &[tool("bin/sort"), text("etc/answer", "1")];
    expect("commands, loops and a file", &running("for w in b a; do echo $w; done | sort; cat /etc/answer", same, same), "runs", &[]);
    expect("a shell that is a link", &running("sort", &[tool("bin/sort"), tool("bin/ash")], &[tool("bin/sort")]), "runs", &[]);
    expect("a static program", &starting(Program::default(), &[], &[]), "runs", &[]);
    let lost = &[text("etc/lost", "1")];
    expect("nobody asks for what is lost", &running("cat /etc/keep", lost, &[]), "runs", &[]);
    let unreached = Move {
        app: vec![tool("app/run"), program("app/spare", Program { interpreter: GLIBC, needed: &["libx.so.1"], ..Program::default() })],
        ..starting(Program::default(), &[loader("lib64/ld-linux-x86-64.so.2"), library("lib/libx.so.1", Program::default())], &[])
    };
    expect("a broken program that nothing starts", &unreached, "runs", &[]);
}

#[test]
fn what_a_script_does_not_find_breaks_it() {
    expect("a command", &running("lost a", &[tool("bin/lost")], &[]), "breaks", &["verdict.command"]);
    expect(
        "a command for which there is another one",
        &running("lost a || true\ncat /etc/keep", &[tool("bin/lost")], &[]),
        "risks",
        &["verdict.command"],
    );
    expect("a command that was not there before", &running("lost a\ncat /etc/keep", &[], &[]), "runs", &[]);
    expect("a file", &running("cat /etc/lost", &[text("etc/lost", "1")], &[]), "breaks", &["verdict.missing"]);
    expect("a file on the way", &running("cat /etc/lost\ncat /etc/keep", &[text("etc/lost", "1")], &[]), "risks", &["verdict.missing"]);
    let bash = |content: &str| Move { app: vec![script("app/run", content)], ..running("", &[tool("bin/bash")], &[]) };
    expect("its interpreter", &bash("#!/bin/bash\necho\n"), "breaks", &["verdict.script.interpreter"]);
    let env = Move {
        old: base(&[tool("bin/bash"), tool("usr/bin/env")]),
        new: base(&[tool("usr/bin/env")]),
        ..bash("#!/usr/bin/env bash\necho\n")
    };
    expect("its interpreter, by env", &env, "breaks", &["verdict.command"]);
    let entry = Move { start: json!(["/bin/entry"]), ..running("", &[tool("bin/entry")], &[]) };
    expect("the entrypoint", &entry, "breaks", &["verdict.missing"]);
    let closed = Move { start: json!(["/bin/entry"]), ..running("", &[tool("bin/entry")], &[text("bin/entry", "x")]) };
    expect("an entrypoint that cannot be run", &closed, "breaks", &["verdict.access"]);
    let called = running("echo", &[tool("bin/helper")], &[]);
    let nested = Move { app: vec![script("app/run", "#!/bin/sh\n/app/next\n"), script("app/next", "#!/bin/sh\nhelper\n")], ..called };
    expect("a command of a script of a script", &nested, "breaks", &["verdict.command"]);
}

#[test]
fn what_a_script_reads_and_tests_may_change() {
    let release = |version: &str| [text("etc/os-release", &format!("ID=x\nVERSION_ID={version}\n"))];
    expect("a file of the base", &running(". /etc/os-release; echo $ID", &release("1"), &release("2")), "risks", &["verdict.changed"]);
    expect("nobody reads it", &running("echo", &release("1"), &release("2")), "runs", &[]);
    let version = |text: &'static str| [program("bin/tool", Program { text, ..Program::default() })];
    expect("a version", &running("tool --version", &version("1"), &version("2")), "risks", &["verdict.changed"]);
    expect("the same program", &running("tool --version", &version("1"), &version("1")), "runs", &[]);
    let busybox = |text: &'static str| [program("bin/busybox", Program { text, ..Program::default() })];
    let told = |before, after| running("busybox --help", &busybox(before), &busybox(after));
    expect("another busybox", &told("BusyBox v1.37.0 (a)", "BusyBox v1.38.0 (a)"), "risks", &["verdict.changed"]);
    expect("the same one, built again", &told("BusyBox v1.37.0 (a)", "BusyBox v1.37.0 (b)"), "runs", &[]);
    expect("an option", &running("tool --fancy=1", &version("fancy"), &version("plain")), "breaks", &["verdict.option"]);
    let lost = &[text("opt/x", "1")];
    expect("a test that ends it", &running("[ -e /opt/x ] || { echo no; exit 1; }\necho", lost, &[]), "breaks", &["verdict.test"]);
    expect("a test that does not", &running("if [ -e /opt/x ]; then echo a; fi\necho", lost, &[]), "risks", &["verdict.test"]);
    expect(
        "a listing",
        &running("ls /opt", &[tool("bin/ls"), text("opt/x", "")], &[tool("bin/ls"), text("opt/y", "")]),
        "risks",
        &["verdict.changed"],
    );
}

#[test]
fn what_is_not_understood_never_runs() {
    let php = program("bin/php", Program { text: "Zend Engine v4", ..Program::default() });
    let tools = &[php, tool("bin/xargs"), tool("bin/su")];
    for (what, content) in [
        ("another language", "php /app/x.php"),
        ("code that is made when it runs", "eval \"$(cat /etc/keep)\""),
        ("a command that is made when it runs", "$(cat /etc/keep) a"),
        ("what another user types", "su root"),
        ("a quote without its end", "echo 'a"),
    ] {
        expect(what, &running(content, tools, tools), "unknown", &["verdict.unclear"]);
    }
    let nothing = Move { start: json!([]), ..running("", &[], &[]) };
    expect("nothing is started", &nothing, "unknown", &["verdict.unclear"]);
    let absent = Move { start: json!(["/app/absent"]), ..running("", &[], &[]) };
    expect("what is started was never there", &absent, "unknown", &["verdict.unclear"]);
    let garbage = Move { app: vec![script("app/run", "\u{1}\u{2}")], ..running("", &[], &[]) };
    expect("no program", &garbage, "unknown", &["verdict.unclear"]);
    let cut = Move {
        app: vec![(("app/run"), 0o755, Program { interpreter: GLIBC, ..Program::default() }.bytes()[..100].to_vec())],
        ..running("", &[], &[])
    };
    expect("a program that is cut", &cut, "unknown", &["verdict.unclear"]);
}

/// Each of these was a way to be told "runs" by luck.
#[test]
fn what_is_read_from_elsewhere_is_followed_too() {
    let lost = &[tool("bin/lost")];
    for (what, content) in [
        ("a command in a document", "cat <<END\nx $(lost)\nEND"),
        ("a command at the end", "trap 'lost' EXIT\ncat /etc/keep"),
        ("a command of a function", "f() { lost; }\nf\ncat /etc/keep"),
        ("a command that a shell reads", "sh <<'END'\nlost\nEND"),
        ("a command that a function is given", "run() { \"$@\"; }\nrun lost a"),
        ("a command that is an argument of a function", "run() { $1 -x; }\nrun lost"),
        ("a command after an empty variable", "$SUDO lost"),
        ("a command in backquotes", "echo `lost`"),
    ] {
        let (_, report) = running(content, lost, &[]).verdict();
        assert_eq!(codes(&report), ["verdict.command"], "{what}: {report:#}");
    }
    expect("a function that nobody calls", &running("f() { lost; }\ncat /etc/keep", lost, &[]), "runs", &[]);
    let used = running("show() { cat \"$1\"; }\nshow /etc/lost", &[text("etc/lost", "1")], &[]);
    expect("a file that a function is given", &used, "breaks", &["verdict.missing"]);
    let awk = |program: &str| running(&format!("awk '{program}' /etc/keep"), &[tool("bin/awk")], &[tool("bin/awk")]);
    expect("a separator", &awk("BEGIN { OFS=\"|\" } { print }"), "runs", &[]);
    expect("a pipe of awk", &awk("{ print | \"sort\" }"), "unknown", &["verdict.unclear"]);
    expect("a shell that reads a pipe", &running("cat /etc/keep | sh", lost, lost), "unknown", &["verdict.unclear"]);
    let sourced = |old, new| Move {
        app: vec![script("app/run", "#!/bin/sh\n. /app/env\n$TOOL\n"), text("app/env", "TOOL=lost\n")],
        ..running("", old, new)
    };
    expect("a command that a file names", &sourced(lost, &[]), "breaks", &["verdict.command"]);
    expect("and that is there", &sourced(lost, lost), "runs", &[]);
    let path = running("PATH=/opt/x:$PATH\nexport PATH\nmine", &[tool("opt/x/mine")], &[]);
    expect("a command of another directory", &path, "breaks", &["verdict.command"]);
    expect("a command that was not found before", &running("set -e\nlost", &[], &[]), "unknown", &["verdict.unclear"]);
}

#[test]
fn files_are_found_by_pattern_and_from_where_the_script_is() {
    let files = |names: &[&'static str]| names.iter().map(|name| text(name, "x")).collect::<Vec<_>>();
    let (old, new) = (files(&["opt/a.so", "opt/b.so", "opt/c"]), files(&["opt/a.so", "opt/c"]));
    expect("a pattern", &running("for f in /opt/*.so; do echo $f; done", &old, &new), "risks", &["verdict.changed", "verdict.changed"]);
    expect("a pattern that nothing new fits", &running("for f in /opt/c*; do echo $f; done", &old, &new), "runs", &[]);
    expect("a name after cd", &running("cd /opt && cat b.so", &old, &new), "breaks", &["verdict.missing"]);
    expect("another name after cd", &running("cd /opt && cat c", &old, &new), "runs", &[]);
    let edited = |text_of: &'static str| [text("opt/data", text_of), tool("bin/tool")];
    expect("a file that a program is given", &running("tool --in=/opt/data", &edited("1"), &edited("2")), "risks", &["verdict.changed"]);
    expect(
        "a file that is only named",
        &running(
            "chmod 600 /opt/data",
            &[edited("1").as_slice(), &[tool("bin/chmod")]].concat(),
            &[edited("2").as_slice(), &[tool("bin/chmod")]].concat(),
        ),
        "runs",
        &[],
    );
    expect(
        "the place of the script",
        &running("cat \"$(dirname \"$0\")/run\"", &[tool("bin/dirname")], &[tool("bin/dirname")]),
        "runs",
        &[],
    );
}

/// What a program of the app asks for by name, or tells of its base.
#[test]
fn programs_of_the_app_ask_for_things_by_name() {
    let glibc = || loader("lib64/ld-linux-x86-64.so.2");
    let c =
        |more: Program<'static>| library("lib/libc.so.6", Program { defined: &["popen", "getpwnam", "iconv_open", "x_version"], ..more });
    let own = |undefined, text| Program { interpreter: GLIBC, needed: &["libc.so.6"], undefined, text, ..Program::default() };
    let all = |more: &[File<'static>]| [&[glibc(), c(Program::default())], more].concat();
    let tool_lost = all(&[tool("bin/lost")]);
    expect("a command", &starting(own(&["popen"], "\0lost -x\0"), &tool_lost, &all(&[])), "risks", &["verdict.command"]);
    expect("a program that runs nothing", &starting(own(&[], "\0lost -x\0"), &tool_lost, &all(&[])), "runs", &[]);
    let user = all(&[text("etc/passwd", "root:x:0:0::/:/bin/sh\nsvc:x:9:9::/:/bin/sh\n")]);
    expect("a user", &starting(own(&["getpwnam"], "\0svc\0"), &user, &all(&[])), "breaks", &["verdict.user"]);
    let set = all(&[tool("usr/lib/gconv/EUC-JP.so")]);
    expect("a character set", &starting(own(&["iconv_open"], "\0EUC-JP\0"), &set, &all(&[])), "breaks", &["verdict.reference"]);
    let newer = [glibc(), c(Program { text: "newer", ..Program::default() })];
    expect("a version", &starting(own(&["x_version"], ""), &all(&[]), &newer), "risks", &["verdict.changed"]);
    let release = |text_of: &str| all(&[text("etc/os-release", text_of)]);
    let reads = own(&[], "\0/etc/os-release\0");
    expect("the name of the system", &starting(reads, &release("NAME=a\n"), &release("NAME=b\n")), "risks", &["verdict.changed"]);
    let command = Move { start: json!(["/lib64/ld-linux-x86-64.so.2", "/app/run"]), ..starting(own(&[], ""), &all(&[]), &all(&[])) };
    let mut named = command;
    named.app.push(("lib64/ld-linux-x86-64.so.2", 0o755, Program { soname: "ld-linux-x86-64.so.2", ..Program::default() }.bytes()));
    expect("a loader that is run as a command", &named, "unknown", &["verdict.unclear"]);
}

#[test]
fn programs_need_a_loader_libraries_versions_and_symbols() {
    let needs = Program { interpreter: GLIBC, needed: &["libx.so.1"], ..Program::default() };
    let glibc = || loader("lib64/ld-linux-x86-64.so.2");
    let x = |path, more| library(path, more);
    let old = &[glibc(), x("lib/libx.so.1", Program::default())];
    expect("all are there", &starting(needs, old, old), "runs", &[]);
    expect("no loader", &starting(needs, old, &[loader("lib/ld-musl-x86_64.so.1")]), "breaks", &["verdict.elf.interpreter"]);
    expect("no library", &starting(needs, old, &[glibc()]), "breaks", &["verdict.elf.needed"]);
    expect(
        "a library elsewhere",
        &starting(needs, old, &[glibc(), x("opt/libx.so.1", Program::default())]),
        "breaks",
        &["verdict.elf.needed"],
    );
    let found = Program { runpath: "$ORIGIN/../opt", ..needs };
    expect("where its RUNPATH leads", &starting(found, old, &[glibc(), x("opt/libx.so.1", Program::default())]), "runs", &[]);
    // RUNPATH counts for the file that has it, and not for the libraries of its libraries; musl takes it for those too.
    let chain = |interpreter| Program { interpreter, needed: &["liby.so.1"], runpath: "/opt", ..Program::default() };
    let y = |path| x(path, Program { needed: &["libx.so.1"], ..Program::default() });
    let (before, after) =
        ([glibc(), y("opt/liby.so.1"), old[1].clone()], [glibc(), y("opt/liby.so.1"), x("opt/libx.so.1", Program::default())]);
    expect("RUNPATH is not inherited", &starting(chain(GLIBC), &before, &after), "breaks", &["verdict.elf.needed"]);
    let musl = |files: &[File<'static>]| [&[loader("lib/ld-musl-x86_64.so.1")], &files[1..]].concat();
    expect("in musl it is", &starting(chain(MUSL), &musl(&before), &musl(&after)), "runs", &[]);

    let version = |version| [glibc(), x("lib/libx.so.1", Program { defines_version: version, ..Program::default() })];
    let wants = Program { needs_version: Some(("libx.so.1", "X_2")), ..needs };
    expect("a version", &starting(wants, &version("X_2"), &version("X_1")), "breaks", &["verdict.elf.version"]);
    expect("a library without versions", &starting(wants, &version("X_2"), &version("")), "runs", &[]);

    let defines = |defined: &'static [&'static str]| [glibc(), x("lib/libx.so.1", Program { defined, ..Program::default() })];
    let calls = Program { undefined: &["answer"], ..needs };
    let (has, lacks) = (defines(&["answer"]), defines(&["other"]));
    expect("a symbol that is bound when it is called", &starting(calls, &has, &lacks), "risks", &["verdict.elf.symbol"]);
    expect(
        "a symbol that is bound at the start",
        &starting(Program { bind_now: true, ..calls }, &has, &lacks),
        "breaks",
        &["verdict.elf.symbol"],
    );
    expect(
        "musl binds at the start",
        &starting(Program { interpreter: MUSL, ..calls }, &musl(&has), &musl(&lacks)),
        "breaks",
        &["verdict.elf.symbol"],
    );
}

/// The app's own library is found by programs of the new base too.
#[test]
fn programs_of_the_base_are_judged_with_the_libraries_of_the_app() {
    let old = library("lib/libx.so.1", Program { defines_version: "X_1", ..Program::default() });
    let new = library("lib/libx.so.1", Program { defines_version: "X_2", ..Program::default() });
    let tool = |version| {
        program(
            "bin/tool",
            Program { interpreter: GLIBC, needed: &["libx.so.1"], needs_version: Some(("libx.so.1", version)), ..Program::default() },
        )
    };
    let loader = || loader("lib64/ld-linux-x86-64.so.2");
    let mut moved = running("tool", &[loader(), tool("X_1"), old.clone()], &[loader(), tool("X_2"), new]);
    expect("the library of the new base", &moved, "runs", &[]);
    moved.app.push(old);
    expect("the app's copy of the old one", &moved, "breaks", &["verdict.elf.version"]);
    let (_, report) = moved.verdict();
    assert_eq!((&report["patched"], &report["platforms"][0]["hidden"]), (&json!("partly"), &json!(["/lib/libx.so.1"])));
}

#[test]
fn modules_are_looked_for_where_the_interpreter_looks() {
    let python = |minor: u32| -> Vec<File<'static>> {
        let text: &'static str = if minor == 11 { "cpython-311" } else { "cpython-313" };
        let folder: &'static str = if minor == 11 { "usr/lib/python3.11/os.py" } else { "usr/lib/python3.13/os.py" };
        let codecs: &'static str = if minor == 11 { "usr/lib/python3.11/encodings.py" } else { "usr/lib/python3.13/encodings.py" };
        vec![
            program("usr/bin/python3", Program { defined: &["Py_BytesMain"], soname: "x", text, ..Program::default() }),
            text_of(folder),
            text_of(codecs),
        ]
    };
    fn text_of(path: &'static str) -> File<'static> {
        text(path, "x = 1\n")
    }
    let app = |module: &'static str| Move {
        app: vec![text("app/main.py", "import os, mine\n"), text_of(module)],
        start: json!(["/usr/bin/python3", "/app/main.py"]),
        ..running("", &python(11), &python(13))
    };
    expect("beside the script", &app("app/mine.py"), "runs", &[]);
    expect("in the directory of a version", &app("usr/local/lib/python3.11/dist-packages/mine.py"), "breaks", &["verdict.module"]);
    let removed = Move {
        old: base(&[python(11), vec![text_of("usr/lib/python3.11/cgi.py")]].concat()),
        app: vec![text("app/main.py", "import cgi\n")],
        ..app("app/mine.py")
    };
    expect("a module that the language lost", &removed, "breaks", &["verdict.module"]);
    let unread = Move { app: vec![text("app/main.py", "import os\neval(x)\n")], ..app("app/mine.py") };
    assert_eq!(unread.verdict().1["verdict"], "unknown", "code that a script makes is not followed");
}

/// Python 3.11 and 3.13 with these files in their libraries.
fn pythons(old: &[(&'static str, &'static str)], new: &[(&'static str, &'static str)], main: &'static str) -> Move<'static> {
    let base_of = |text_of: &'static str, files: &[(&'static str, &'static str)]| {
        let python = program("usr/bin/python3", Program { defined: &["Py_BytesMain"], soname: "x", text: text_of, ..Program::default() });
        let files = files.iter().map(|(path, content)| text(path, content));
        base(&[python].into_iter().chain(files).collect::<Vec<_>>())
    };
    let start = json!(["/usr/bin/python3", "/app/main.py"]);
    Move { old: base_of("cpython-311", old), new: base_of("cpython-313", new), app: vec![text("app/main.py", main)], start, user: "" }
}

#[test]
fn names_and_syntax_of_a_language_come_and_go() {
    const OLD: &[(&str, &str)] = &[
        ("usr/lib/python3.11/os.py", ""),
        ("usr/lib/python3.11/encodings.py", ""),
        ("usr/lib/python3.11/m.py", "def gone(): pass\ndef kept(): pass\n"),
    ];
    const NEW: &[(&str, &str)] =
        &[("usr/lib/python3.13/os.py", ""), ("usr/lib/python3.13/encodings.py", ""), ("usr/lib/python3.13/m.py", "def kept(): pass\n")];
    let object = ("usr/lib/python3.11/n.py", "class C:\n    def lost(self): pass\n");
    let other = ("usr/lib/python3.13/n.py", "class C:\n    def found(self): pass\n");
    let method = |main| pythons(&[OLD, &[object]].concat(), &[NEW, &[other]].concat(), main);
    expect("a method", &method("from n import C\nC().lost()\n"), "risks", &["verdict.name"]);
    expect("no method", &method("from n import C\nC()\n"), "runs", &[]);
    let registered = ("usr/lib/python3.13/p/__init__.py", "import sys\nsys.modules['p.q'] = 1\n");
    let before = [("usr/lib/python3.11/p/__init__.py", ""), ("usr/lib/python3.11/p/q.py", "")];
    expect(
        "a module that a package makes",
        &pythons(&[OLD, &before].concat(), &[NEW, &[registered]].concat(), "import p.q\n"),
        "runs",
        &[],
    );
    let made = ("usr/lib/python3.11/made.py", "def __getattr__(name): return 1\n");
    let makes = pythons(&[OLD, &[made]].concat(), &[NEW, &[("usr/lib/python3.13/made.py", "")]].concat(), "from made import a\n");
    expect("a name that a module made", &makes, "breaks", &["verdict.name"]);
    // As `collections.abc` since 3.13: what is in a module that its package makes is not known.
    let inner = [("usr/lib/python3.11/p/__init__.py", ""), ("usr/lib/python3.11/p/q.py", "class Mapping: pass\n")];
    let taken = pythons(&[OLD, &inner].concat(), &[NEW, &[registered]].concat(), "from p.q import Mapping\n");
    expect("a name in a module that its package makes", &taken, "runs", &[]);
    // As `multiprocessing` and `ssl`: names that no line defines, before and after.
    let makes = "globals().update((name, 1) for name in NAMES)\n";
    let both = [("usr/lib/python3.11/w.py", makes), ("usr/lib/python3.13/w.py", makes)];
    let moved = pythons(&[OLD, &both[..1]].concat(), &[NEW, &both[1..]].concat(), "from w import Process\n");
    expect("a name that a module makes", &moved, "runs", &[]);
    let chain = [("usr/lib/python3.11/z.py", "error = None\n"), ("usr/lib/python3.13/z.py", "PatternError = error = None\n")];
    let moved = pythons(&[OLD, &chain[..1]].concat(), &[NEW, &chain[1..]].concat(), "from z import error\n");
    expect("one of two names of a value", &moved, "runs", &[]);
    expect("a name that was not found before", &pythons(OLD, NEW, "from m import other\n"), "unknown", &["verdict.unclear"]);
    expect("a name that is kept", &pythons(OLD, NEW, "from m import kept\n"), "runs", &[]);
    expect("a name that is imported", &pythons(OLD, NEW, "from m import gone\n"), "breaks", &["verdict.name"]);
    expect("a name that is used", &pythons(OLD, NEW, "import m\nm.gone()\n"), "risks", &["verdict.name"]);
    let asks = |before, after| {
        let mut moved = pythons(OLD, OLD, "import sys\nprint(sys.version_info[:3])\n");
        let python = |text| program("usr/bin/python3", Program { defined: &["Py_BytesMain"], soname: "x", text, ..Program::default() });
        let at = moved.old.iter().position(|(path, ..)| *path == "usr/bin/python3").unwrap();
        (moved.old[at], moved.new[at]) = (python(before), python(after));
        moved
    };
    expect("a fix of the same version", &asks("cpython-311\x003.11.2\0", "cpython-311\x003.11.2\0fix"), "runs", &[]);
    expect("another version", &asks("cpython-311\x003.11.2\0", "cpython-311\x003.11.9\0"), "risks", &["verdict.changed"]);
    expect("the version", &pythons(OLD, NEW, "import sys\nprint(sys.version)\n"), "risks", &["verdict.changed"]);
    const RUNS: (&str, &str) = ("usr/lib/python3.11/subprocess.py", "");
    let mut starts = pythons(
        &[OLD, &[RUNS]].concat(),
        &[NEW, &[("usr/lib/python3.13/subprocess.py", "")]].concat(),
        "import subprocess\nsubprocess.run(['lost', 'a'])\n",
    );
    starts.old.push(tool("bin/lost"));
    expect("a program that a script starts", &starts, "risks", &["verdict.command"]);
    starts.app = vec![text("app/main.py", "import subprocess, sys\nsubprocess.run(sys.argv)\n")];
    expect("one that is not known, but none that was lost", &starts, "runs", &[]);
    starts.app = vec![text("app/main.py", "import subprocess, sys\nnames = ['lost', 'other']\nsubprocess.run(names[x])\n")];
    expect("one that is not known", &starts, "unknown", &["verdict.unclear"]);
    let mut back = pythons(NEW, OLD, "match 1:\n    case _: pass\n");
    back.old = pythons(OLD, NEW, "").old;
    let nine =
        program("usr/bin/python3", Program { defined: &["Py_BytesMain"], soname: "x", text: "cpython-39-x86", ..Program::default() });
    back.new = base(&[nine, text("usr/lib/python3.9/os.py", ""), text("usr/lib/python3.9/encodings.py", "")]);
    expect("a statement that is too new", &back, "breaks", &["verdict.syntax"]);
    let mut package = pythons(OLD, NEW, "import pack\n");
    package.app.extend([text("app/pack/__init__.py", "from .inner import x\n"), text("app/pack/inner.py", "import m\nm.gone\n")]);
    expect("a module beside another", &package, "risks", &["verdict.name"]);
    let mut inner = pythons(
        &[OLD, &[("usr/lib/python3.11/p/__init__.py", ""), ("usr/lib/python3.11/p/q.py", "")]].concat(),
        &[NEW, &[("usr/lib/python3.13/p/__init__.py", "")]].concat(),
        "import p.q\n",
    );
    expect("a module in a package", &inner, "breaks", &["verdict.module"]);
    inner.app = vec![text("app/main.py", "try:\n    import p.q\nexcept ImportError:\n    pass\n")];
    expect("one that may be missing", &inner, "risks", &["verdict.module"]);
}

#[test]
fn users_are_those_of_the_moved_image() {
    let passwd = |number: u32| text("etc/passwd", &format!("root:x:0:0::/:/bin/sh\nsvc:x:{number}:{number}::/:/bin/sh\n"));
    let mut moved = Move { user: "svc", ..running("echo", &[passwd(100)], &[passwd(100)]) };
    expect("the same", &moved, "runs", &[]);
    moved.new = base(&[]);
    expect("gone", &moved, "breaks", &["verdict.user"]);
    let group = |name: &str| [passwd(100), text("etc/group", &format!("{name}:x:100:\n")), tool("bin/id")];
    let asks = Move { user: "svc", ..running("id -gn", &group("one"), &group("two")) };
    expect("the name of its group", &asks, "risks", &["verdict.changed"]);
    moved.user = "1000";
    expect("a number needs no name", &moved, "runs", &[]);
    moved.user = "0:staff";
    expect("no such group", &moved, "breaks", &["verdict.user"]);
}

#[test]
fn names_of_what_is_lost_are_looked_for_in_the_app() {
    let bundle = &[text("etc/ssl/certs/ca.crt", "pem")];
    expect(
        "a file of data",
        &starting(Program { text: "/etc/ssl/certs/ca.crt", ..Program::default() }, bundle, &[]),
        "risks",
        &["verdict.reference"],
    );
    let zone = &[text("usr/share/zoneinfo/US/Eastern", "TZif")];
    expect("a time zone", &starting(Program { text: "US/Eastern", ..Program::default() }, zone, &[]), "breaks", &["verdict.reference"]);
    let eastern = running("TZ=US/Eastern cat /etc/keep", zone, &[]);
    expect("a time zone that a script sets", &eastern, "breaks", &["verdict.reference", "verdict.reference"]);
    let utc = &[text("usr/share/zoneinfo/UTC", "TZif")];
    expect("a time zone that needs no file", &running("TZ=UTC cat /etc/keep", utc, &[]), "runs", &[]);
    let city = &[text("usr/share/zoneinfo/Etc/City", "TZif")];
    let colon = running("export TZ=:Etc/City\ncat /etc/keep", city, &[]);
    assert_ne!(colon.verdict().1["verdict"], "runs");
    let opened = &[library("lib/libssl.so.1", Program::default())];
    expect(
        "a library that is opened by name",
        &starting(Program { text: "\0libssl.so.1", undefined: &["dlopen"], soname: "mine", ..Program::default() }, opened, &[]),
        "breaks",
        &["verdict.reference"],
    );
}

#[test]
fn a_layer_that_cannot_be_unpacked_breaks() {
    let mut moved = running("echo", &[text("etc/lost", "1")], &[]);
    moved.app.push(("app/hard=>etc/lost", 0o644, Vec::new()));
    expect("a hard link to what is lost", &moved, "breaks", &["verdict.unpack"]);
    let mut moved = running("echo", &[text("lib/a", "1")], &[("lib->usr/lib", 0o777, Vec::new()), text("usr/lib/b", "1")]);
    moved.app.push(text("lib/mine", "1"));
    expect("an entry below what is a link now", &moved, "risks", &["verdict.unpack"]);
}

/// Another distribution is told first, and decides nothing by itself.
#[test]
fn another_distribution_is_told_first() {
    let release = |id: &str| [text("etc/os-release", &format!("ID={id}\nVERSION_ID=1\n"))];
    let (status, report) = starting(Program::default(), &release("one"), &release("other")).verdict();
    let first = &report["platforms"][0]["findings"][0];
    assert_eq!((status, &first["code"], &first["severity"]), (0, &json!("verdict.system"), &json!("note")), "{report:#}");
    assert_eq!((&first["expected"]["value"], &first["found"]["value"]), (&json!("one 1"), &json!("other 1")));
}

#[test]
fn people_are_told_what_it_means() {
    let moved = running("lost", &[tool("bin/lost")], &[]);
    let (environment, app) = moved.environment();
    let arguments = ["verdict", "apps:app", "--from", "bases:old", "--onto", "bases:new", "--explain"];
    let outcome = environment.run(&arguments);
    assert_eq!(outcome.status, 1);
    for text in ["breaks", "verdict.command", "lost", "/app/run", "in no directory of PATH"] {
        assert!(outcome.out.contains(text), "{text}: {}", outcome.out);
    }
    assert!(!outcome.out.contains(&app.digest()) || !outcome.out.is_empty());
    // Nothing was written.
    assert_eq!(std::fs::read_dir(environment.path()).unwrap().count(), 2);
}

/// A layer that only others can read, and one that is not here.
#[test]
fn what_cannot_be_read_is_unknown() {
    let moved = running("echo", &[], &[]);
    let old = Image::of(&[&packed(&moved.old)]);
    let new = Image::of(&[&packed(&[moved.new.as_slice(), &[text("etc/edition", "new")]].concat())]);
    let secret = Layer { media_type: format!("{LAYER}+gzip+encrypted"), blob: b"secret".to_vec(), tar: b"?".to_vec() };
    let app = old.and(&[&secret]).with("Cmd", json!(["/app/run"]));
    let environment = Environment::new();
    Layout::new().image("old", &old).image("new", &new).image("app", &app).write(&environment.join("all"));
    let (status, report) = environment.json(&["verdict", "all:app", "--from", "all:old", "--onto", "all:new"]);
    assert_eq!((status, &report["verdict"]), (4, &json!("unknown")), "{report:#}");
    assert_eq!(report["platforms"][0]["findings"][0]["code"], "layer.not_convertible");
}

/// A program that carries its libraries in itself takes no fix from any base; what is built of the base's files takes them all.
#[test]
fn no_base_patches_what_is_linked_statically() {
    let patched = |start: &str, app: Vec<File<'_>>| {
        let base = [tool("bin/tool")];
        let moved = Move { old: base.to_vec(), new: base.to_vec(), app, start: json!([start]), user: "" };
        let (status, report) = moved.verdict();
        assert_eq!((status, &report["verdict"]), (0, &json!("runs")), "{report:#}");
        report["patched"].clone()
    };
    assert_eq!(patched("/app/static", vec![tool("app/static")]), json!("unknown"));
    assert_eq!(patched("/bin/tool", vec![text("app/data", "data")]), json!("yes"));
}

/// An image that is on that base already is followed as well: nobody looked at it is no answer.
#[test]
fn what_is_not_moved_is_followed() {
    let verdict = |start: &str| {
        let base = [tool("bin/tool")];
        let moved = Move { old: base.to_vec(), new: base.to_vec(), app: vec![text("app/data", "data")], start: json!([start]), user: "" };
        let (environment, _) = moved.environment();
        environment.json(&["verdict", "apps:app", "--from", "bases:old", "--onto", "bases:old"])
    };
    let (status, report) = verdict("/bin/tool");
    let platform = &report["platforms"][0];
    assert_eq!((status, &report["verdict"], &report["patched"]), (0, &json!("runs"), &json!("unknown")), "{report:#}");
    assert_eq!(platform["reached"], json!(1), "{report:#}");
    let (status, report) = verdict("/bin/gone");
    assert_eq!((status, &report["verdict"]), (4, &json!("unknown")), "{report:#}");
}
