//! What the entrypoints of well-known images and start scripts of vendors do: they read directories of scripts, follow their own links,
//! put commands together, and go on as another user.

use super::*;

/// A script of the app, and other files of it.
fn started(entry: &str, more: &[File<'static>], old: &[File<'static>], new: &[File<'static>]) -> Move<'static> {
    let app = [&[script("app/run", entry)], more].concat();
    Move { app, ..running("", old, new) }
}

/// A command `lost` that the new base does not have, and others that both have.
fn losing(entry: &str, more: &[File<'static>]) -> Move<'static> {
    let paths: [&'static str; 11] = [
        "bin/find",
        "bin/sort",
        "bin/ls",
        "bin/expr",
        "bin/dirname",
        "bin/setpriv",
        "bin/start-stop-daemon",
        "bin/xargs",
        "bin/sed",
        "bin/tr",
        "bin/awk",
    ];
    let both: Vec<File<'static>> = paths.into_iter().map(tool).collect();
    started(entry, more, &[&both[..], &[tool("bin/lost")]].concat(), &both)
}

/// What is understood of a script is a verdict, and it is not that it runs where the command is lost.
#[track_caller]
fn is_followed(what: &str, moved: &Move<'_>, without: &Move<'_>) {
    let (_, report) = moved.verdict();
    let said = report["verdict"].as_str().unwrap();
    assert!(said == "breaks" || said == "risks", "{what}: {report:#}");
    assert!(!codes(&report).contains(&"verdict.unclear"), "{what}: {report:#}");
    expect(what, without, "runs", &[]);
}

#[test]
fn scripts_of_a_directory_are_read_and_run() {
    let entry = "#!/bin/sh\nset -e\nfind /entry.d/ -follow -type f -print | sort -V | while read -r f; do\n  case \"$f\" in\n    *.env) . \"$f\" ;;\n    *.sh) if [ -x \"$f\" ]; then \"$f\"; fi ;;\n  esac\ndone\nexec cat /etc/keep\n";
    for (path, mode) in [("entry.d/10-a.env", 0o644), ("entry.d/20-b.sh", 0o755)] {
        let file = |body: &str| (path, mode, format!("#!/bin/sh\n{body}\n").into_bytes());
        is_followed(path, &losing(entry, &[file("lost")]), &losing(entry, &[file("true")]));
    }
}

#[test]
fn functions_loop_over_the_files_that_they_are_given() {
    let entry = "#!/bin/sh\nwork() {\n  local f\n  for f; do\n    case \"$f\" in\n      *.sh) . \"$f\" ;;\n    esac\n  done\n}\nwork /init.d/*\nexec cat /etc/keep\n";
    let file = |body: &str| text("init.d/10-a.sh", body);
    let both = |body: &str| losing(entry, &[file(body), text("init.d/20-b.sh", "true\n")]);
    is_followed("a file", &both("lost\n"), &both("true\n"));
}

#[test]
fn a_script_follows_the_links_to_itself() {
    let entry = "#!/bin/sh\nPRG=\"$0\"\nwhile [ -h \"$PRG\" ]; do\n  ls=`ls -ld \"$PRG\"`\n  link=`expr \"$ls\" : '.*-> \\(.*\\)$'`\n  PRG=\"$link\"\ndone\nDIR=`dirname \"$PRG\"`\nHOME_DIR=`cd \"$DIR/..\" >/dev/null; pwd`\n. \"$HOME_DIR/bin/env.sh\"\n";
    let moved = |body: &'static str| {
        let files =
            [script("opt/a/bin/start", entry), text("opt/a/bin/env.sh", body), ("usr/bin/start->/opt/a/bin/start", 0o777, Vec::new())];
        Move { start: json!(["/usr/bin/start"]), ..losing("#!/bin/sh\n", &files) }
    };
    is_followed("the directory that it is in", &moved("lost\n"), &moved("true\n"));
}

#[test]
fn what_is_put_together_is_evaluated() {
    for (lost, there) in [
        ("eval exec \"\\\"lost\\\"\" -Da=\"\\\"$(expr 1)\\\"\" \"$@\"", "eval exec \"\\\"cat\\\"\" -Da=\"\\\"$(expr 1)\\\"\" \"$@\""),
        (
            "set -- a \"$@\"\neval \"set -- $(printf '%s\\n' \"$X\" | xargs -n1 | sed 's/a/b/' | tr '\\n' ' ')\" '\"$@\"'\nexec lost \"$@\"",
            "set -- a \"$@\"\neval \"set -- $(printf '%s\\n' \"$X\" | xargs -n1 | sed 's/a/b/' | tr '\\n' ' ')\" '\"$@\"'\nexec cat \"$@\"",
        ),
    ] {
        let moved = |body: &str| losing(&format!("#!/bin/sh\n{body}\n"), &[]);
        is_followed(lost, &moved(lost), &moved(there));
    }
    for body in [
        "eval \"$X$(expr 1)\"",
        "eval \"$(cat /app/template)\"",
        "eval \"cat <<EOF\n$(cat /app/template)\nEOF\"",
        "eval \"X=$(expr 1)\"",
        "eval cat \"$(expr 1)\"",
        "eval true \"; $(expr 1)\"",
    ] {
        expect(body, &losing(&format!("#!/bin/sh\n{body}\n"), &[text("app/template", "")]), "unknown", &["verdict.unclear"]);
    }
}

#[test]
fn commands_are_run_through_others() {
    for (lost, there) in [
        ("exec setpriv --reuid=65534 --clear-groups -- lost a", "exec setpriv --reuid 65534 --clear-groups cat /etc/keep"),
        ("start-stop-daemon --start --quiet --exec /bin/lost -- a", "start-stop-daemon --start --exec /bin/cat -- /etc/keep"),
        ("exec -a name lost", "exec -a name cat /etc/keep"),
        ("awk 'BEGIN { system(\"lost a\") }'", "awk 'BEGIN { \"cat /etc/keep\" | getline x; print x; getline; print \"a\" | \"sort\" }'"),
        ("awk '{ print | \"lost\" }' /etc/keep", "awk '{ a = $1 || $2; print a \"|\" }' /etc/keep"),
    ] {
        let moved = |body: &str| losing(&format!("#!/bin/sh\n{body}\n"), &[]);
        is_followed(lost, &moved(lost), &moved(there));
    }
    for program in ["{ system($1) }", "{ system (\"a\" $1) }", "{ print | c }", "{ c | getline x }", "{ print | \"sort \" $1 }"] {
        let body = format!("#!/bin/sh\nawk '{program}' /etc/keep\n");
        expect(program, &losing(&body, &[]), "unknown", &["verdict.unclear"]);
    }
    for program in ["/a|b/ { print }", "{ print \"a|b\" } # | c", "$1 ~ /\\/|x/ { n = n / 2; m = 1 / 2 || n }"] {
        expect(program, &losing(&format!("#!/bin/sh\nawk '{program}' /etc/keep\n"), &[]), "runs", &[]);
    }
}

/// POSIX, "Consequences of Shell Errors": a file that `.` does not find ends the shell; bash goes on.
#[test]
fn a_file_that_is_read_and_not_there_ends_the_shell() {
    let of = |shell: &'static str, body: &str| Move {
        old: vec![tool("bin/sh"), text("lib/functions", "")],
        new: vec![
            program(if shell == "dash" { "bin/dash" } else { "bin/bash" }, Program::default()),
            (if shell == "dash" { "bin/sh->dash" } else { "bin/sh->bash" }, 0o777, Vec::new()),
        ],
        ..started(&format!("#!/bin/sh\n{body}\n"), &[], &[], &[])
    };
    expect("dash", &of("dash", ". /lib/functions\necho a"), "breaks", &["verdict.missing"]);
    expect("bash", &of("bash", ". /lib/functions\necho a"), "risks", &["verdict.missing"]);
    expect(
        "only if it is there",
        &of("dash", "[ -r /lib/functions ] && . /lib/functions\necho a"),
        "risks",
        &["verdict.missing", "verdict.test"],
    );
}

/// A package's own script fits the base that it is in; what it cannot be followed in is no news of the app.
#[test]
fn scripts_of_packages_of_the_base_are_taken_as_they_are() {
    let status = text("var/lib/dpkg/status", "Package: tools\nStatus: install ok installed\nVersion: 1\n\n");
    let files = |list: &str| {
        vec![status.clone(), text("var/lib/dpkg/info/tools.list", list), script("usr/sbin/update", "#!/bin/sh\neval \"$X$(cat /x)\"\n")]
    };
    let moved = |list: &str| Move {
        old: base(&files(list)),
        new: base(&files(list)),
        ..started("#!/bin/sh\nset -e\n/usr/sbin/update\necho a\n", &[], &[], &[])
    };
    expect("of a package", &moved("/usr/sbin/update\n"), "runs", &[]);
    expect("of nobody", &moved("/usr/bin/other\n"), "unknown", &["verdict.unclear"]);
}

/// dash(1) reads the value of a name in `$(( ))` as a number, bash and busybox as an expression.
#[test]
fn an_expression_in_a_variable_is_not_for_every_shell() {
    let shell = |name: &'static str| {
        [
            program(name, Program { text: name, ..Program::default() }),
            (if name == "bin/dash" { "bin/sh->dash" } else { "bin/sh->bash" }, 0o777, Vec::new()),
        ]
    };
    let moved = |body: &str| Move {
        old: [&shell("bin/bash")[..], &[text("etc/keep", "")]].concat(),
        new: [&shell("bin/dash")[..], &[text("etc/keep", "")]].concat(),
        ..started(&format!("#!/bin/sh\n{body}\n"), &[], &[], &[])
    };
    expect("a name alone", &moved("read e </etc/keep\necho $((e))"), "risks", &["verdict.changed"]);
    expect("a sum", &moved("echo $((1 + 2))"), "runs", &[]);
}

/// dlopen(3): what a program opens by a directory that it names.
#[test]
fn plugins_of_the_app_are_loaded_by_its_programs() {
    let libraries = |name: &'static str| {
        vec![
            loader("lib64/ld-linux-x86-64.so.2"),
            library("lib64/libc.so.6", Program { defined: &["dlopen"], ..Program::default() }),
            library(name, Program::default()),
        ]
    };
    let plugin = Program { needed: &["libcrypto.so.1.1"], soname: "hash.so", ..Program::default() };
    let moved = |text: &'static str, new| {
        let own = Program { interpreter: GLIBC, needed: &["libc.so.6"], undefined: &["dlopen"], text, ..Program::default() };
        let mut moved = starting(own, &libraries("lib64/libcrypto.so.1.1"), &libraries(new));
        moved.app.push(program("app/plugins/hash.so", plugin));
        moved
    };
    expect("it is there", &moved("\0/app/plugins/%s.so\0", "lib64/libcrypto.so.1.1"), "runs", &[]);
    expect("it is lost", &moved("\0/app/plugins/%s.so\0", "lib64/libcrypto.so.3"), "risks", &["verdict.elf.needed"]);
    expect("nobody names it", &moved("\0/srv/%s.so\0", "lib64/libcrypto.so.3"), "runs", &[]);
}

/// getpwuid(3): a number that is not the program's own is one that it has from elsewhere.
#[test]
fn numbers_of_users_have_names() {
    let files = |line: &str| {
        let passwd = format!("root:x:0:0::/:/bin/sh\n{line}");
        let libc = Program { defined: &["getpwuid", "getuid"], ..Program::default() };
        [loader("lib64/ld-linux-x86-64.so.2"), library("lib64/libc.so.6", libc), text("etc/passwd", &passwd)]
    };
    let moved = |undefined, new: &str| {
        let own = Program { interpreter: GLIBC, needed: &["libc.so.6"], undefined, ..Program::default() };
        starting(own, &files("svc:x:9:9::/:\n"), &files(new))
    };
    expect("the same", &moved(&["getpwuid"], "svc:x:9:9::/:\n"), "runs", &[]);
    expect("another name", &moved(&["getpwuid"], "srv:x:9:9::/:\n"), "risks", &["verdict.user"]);
    expect("its own number", &moved(&["getpwuid", "getuid"], "srv:x:9:9::/:\n"), "runs", &[]);
}
