//! What apps ask of their base by name, and what releases of interpreters and programs do with the same words.

use super::*;

/// A base with these lines of `/etc/passwd` after that of root.
fn with_users<'a>(lines: &str, files: &[File<'a>]) -> Vec<File<'a>> {
    base(&[files, &[text("etc/passwd", &format!("root:x:0:0::/:/bin/sh\n{lines}"))]].concat())
}

/// `readlink -f /bin/sh` is /bin/dash, /usr/bin/dash or /bin/busybox.
#[test]
fn where_a_link_leads_is_asked_for() {
    let linked = |to: &'static str| [tool("bin/readlink"), tool("bin/dash"), text(to, "")];
    let moved = |body, to| running(body, &linked("opt/x->../bin/dash"), &linked(to));
    expect("to the same file", &moved("readlink -f /opt/x", "opt/x->/bin/dash"), "runs", &[]);
    expect("to another one", &moved("readlink -f /opt/x", "opt/x->/bin/cat"), "risks", &["verdict.changed"]);
    expect("nobody asks", &moved("cat /etc/keep", "opt/x->/bin/cat"), "runs", &[]);
}

/// What `docker-entrypoint.sh` of many images does.
#[test]
fn words_that_a_script_gives_itself_are_followed() {
    let entry =
        "#!/bin/sh\nset -e\nif [ \"${1#-}\" != \"$1\" ] || [ \"${1%.conf}\" != \"$1\" ]; then\n  set -- server \"$@\"\nfi\nexec \"$@\"\n";
    let moved = |script: &str, start: Value, new: &[File<'static>]| Move {
        old: base(&[tool("bin/server"), tool("bin/client")]),
        new: base(new),
        app: vec![self::script("app/entry", script)],
        start,
        user: "",
    };
    let both = &[tool("bin/server"), tool("bin/client")];
    expect("a file for the server", &moved(entry, json!(["/app/entry", "a.conf"]), both), "runs", &[]);
    expect("the server is lost", &moved(entry, json!(["/app/entry", "a.conf"]), &both[1..]), "breaks", &["verdict.command"]);
    expect("another command is lost", &moved(entry, json!(["/app/entry", "client"]), &both[..1]), "breaks", &["verdict.command"]);
    let always = "#!/bin/sh\nset -- server \"$@\"\nexec \"$@\"\n";
    expect("it always does", &moved(always, json!(["/app/entry", "a.conf"]), both), "runs", &[]);
    expect("and the server is lost", &moved(always, json!(["/app/entry", "a.conf"]), &both[1..]), "breaks", &["verdict.command"]);
    for (script, start) in [
        ("shift\nexec \"$@\"", json!(["/app/entry", "client", "server"])),
        ("shift\nexec \"$1\"", json!(["/app/entry", "client", "server"])),
        ("shift 2\nexec \"$@\"", json!(["/app/entry", "a", "b", "server"])),
    ] {
        let script = format!("#!/bin/sh\n{script}\n");
        expect("it drops the first", &moved(&script, start.clone(), both), "runs", &[]);
        expect("and what is left is lost", &moved(&script, start, &both[1..]), "breaks", &["verdict.command"]);
    }
    let maybe = "#!/bin/sh\nif [ \"$1\" = run ]; then shift; fi\nexec \"$@\"\n";
    expect("it may drop the first", &moved(maybe, json!(["/app/entry", "run", "server"]), both), "runs", &[]);
    let (_, report) = moved(maybe, json!(["/app/entry", "run", "server"]), &both[1..]).verdict();
    assert_ne!(report["verdict"], "runs", "{report:#}");
    let neither = moved(entry, json!(["/app/entry", "nothing"]), both);
    expect("it was not found before either", &neither, "unknown", &["verdict.unclear"]);
}

#[test]
fn words_behind_a_command_that_runs_another_one_are_the_other_s() {
    let both = [tool("bin/xargs"), tool("bin/wc"), tool("bin/flock")];
    let busybox = |path| program(path, Program { text: "BusyBox v1.37.0", ..Program::default() });
    let other = [busybox("bin/xargs"), busybox("bin/wc"), busybox("bin/flock")];
    expect("an option of both", &running("echo a | xargs wc -l /etc/keep >/dev/null", &both, &other), "runs", &[]);
    expect("the lock alone", &running("flock -n 9", &both, &both), "runs", &[]);
    let lost = |body| running(body, &[tool("bin/flock"), tool("bin/lost")], &[tool("bin/flock")]);
    expect("a command with a lock", &lost("flock -n /tmp/lock lost"), "breaks", &["verdict.command"]);
    expect("a text with a lock", &lost("flock -w 5 /tmp/lock -c 'lost a'"), "breaks", &["verdict.command"]);
}

#[test]
fn functions_of_a_script_that_is_read_are_given_what_the_script_gives_them() {
    let moved = |new: &[File<'static>]| Move {
        app: vec![
            script("app/run", "#!/bin/sh\n. /app/lib\nwith_lock work\n"),
            script("app/lib", "work() { tool; }\nwith_lock() { \"$@\"; }\n"),
        ],
        ..running("", &[tool("bin/tool")], new)
    };
    expect("it is there", &moved(&[tool("bin/tool")]), "runs", &[]);
    let (_, report) = moved(&[]).verdict();
    assert_ne!(report["verdict"], "runs", "{report:#}");
}

/// OSSL_PROVIDER-legacy(7): what OpenSSL 3 does not load by itself.
#[test]
fn algorithms_that_openssl_3_does_not_load_are_a_risk() {
    let openssl = |library: &'static str| {
        let own = Program {
            interpreter: GLIBC,
            needed: if library == "lib64/libcrypto.so.3" { &["libcrypto.so.3"] } else { &["libcrypto.so.1.1"] },
            text: library,
            ..Program::default()
        };
        [loader("lib64/ld-linux-x86-64.so.2"), library_of(library), program("bin/openssl", own)]
    };
    fn library_of(path: &'static str) -> File<'static> {
        library(path, Program::default())
    }
    let moved = |body| running(body, &openssl("lib64/libcrypto.so.1.1"), &openssl("lib64/libcrypto.so.3"));
    expect("md4", &moved("openssl dgst -md4 /etc/keep"), "risks", &["verdict.option"]);
    expect("sha256", &moved("openssl dgst -sha256 /etc/keep"), "runs", &[]);
    let fixed = running("openssl dgst -md4 /etc/keep", &openssl("lib64/libcrypto.so.3"), &openssl("lib64/libcrypto.so.3"));
    expect("the same release", &fixed, "runs", &[]);
}

#[test]
fn what_programs_look_up_is_compared_by_name() {
    let libraries = || {
        vec![
            loader("lib64/ld-linux-x86-64.so.2"),
            library("lib64/libc.so.6", Program { defined: &["getservbyname", "getgrnam"], ..Program::default() }),
        ]
    };
    let services = |line: &str| [libraries(), vec![text("etc/services", line)]].concat();
    let asks = |old: &[File<'static>], new: &[File<'static>], undefined| {
        let own = Program { interpreter: GLIBC, needed: &["libc.so.6"], undefined, text: "\0https\0staff", ..Program::default() };
        starting(own, old, new)
    };
    let (some, more, none) = (services("https 443/tcp # web\n"), services("a 1/tcp\nhttps\t443/tcp\n"), libraries());
    expect("the same port", &asks(&some, &more, &["getservbyname"]), "runs", &[]);
    expect("another port", &asks(&some, &services("https 444/tcp\n"), &["getservbyname"]), "risks", &["verdict.changed"]);
    expect("no services", &asks(&some, &none, &["getservbyname"]), "risks", &["verdict.missing"]);
    expect("nobody asks", &asks(&some, &none, &[]), "runs", &[]);
    let group = |line: &str| [libraries(), vec![text("etc/group", line)]].concat();
    expect("a group", &asks(&group("staff:x:50:\n"), &group("staff:x:51:\n"), &["getgrnam"]), "risks", &["verdict.user"]);
    expect("no group", &asks(&group("staff:x:50:\n"), &group(""), &["getgrnam"]), "breaks", &["verdict.user"]);
    let file = |name: &'static str| [tool("bin/getent"), text("etc/services", name)];
    expect("getent", &running("getent services https", &file("https 443/tcp\n"), &[tool("bin/getent")]), "risks", &["verdict.missing"]);
}

/// Texts of Go have no ends; a table of functions says what a program can do.
#[test]
fn programs_of_go_name_users_and_commands() {
    let go = |text| Program { text, ..Program::default() };
    let moved =
        |text| Move { old: with_users("www-data:x:33:33::/:\n", &[tool("bin/openssl")]), new: base(&[]), ..starting(go(text), &[], &[]) };
    expect("a user", &moved("\u{ff} Go buildinf: xxwww-dataxx \0os/user.lookupUser\0"), "risks", &["verdict.user"]);
    expect("the name alone", &moved("\u{ff} Go buildinf: xxwww-dataxx \0os/user.lookupUserId\0"), "runs", &[]);
    expect("a command", &moved("\u{ff} Go buildinf: xxopensslxx \0os/exec.Command\0"), "risks", &["verdict.command"]);
    expect("no command", &moved("\u{ff} Go buildinf: xx \0os/exec.Command\0"), "runs", &[]);
}

/// "What's New In Python 3.11" and of other releases.
#[test]
fn releases_of_python_refuse_what_others_take() {
    let python = |minor: u32, main: &'static str, after: u32| {
        let of = |minor: u32| -> Vec<File<'static>> {
            let (text_of, os, codecs) = match minor {
                9 => ("cpython-39-x", "usr/lib/python3.9/os.py", "usr/lib/python3.9/encodings.py"),
                11 => ("cpython-311-x", "usr/lib/python3.11/os.py", "usr/lib/python3.11/encodings.py"),
                _ => ("cpython-313-x", "usr/lib/python3.13/os.py", "usr/lib/python3.13/encodings.py"),
            };
            let own = Program { defined: &["Py_BytesMain"], soname: "x", text: text_of, ..Program::default() };
            base(&[program("usr/bin/python3", own), text(os, ""), text(codecs, "")])
        };
        let start = json!(["/usr/bin/python3", "/app/main.py"]);
        Move { old: of(minor), new: of(after), app: vec![text("app/main.py", main)], start, user: "" }
    };
    for main in [
        "with open('/app/x', 'rU') as f:\n    print(f.read())\n",
        "class C(str, Enum):\n    A = 'a'\nprint(f'{C.A}')\n",
        "random.sample({1, 2}, 1)\n",
        "re.compile('a(?i)b')\n",
    ] {
        expect(main, &python(9, main, 11), "risks", &["verdict.changed"]);
        expect(main, &python(11, main, 9), "risks", &["verdict.changed"]);
        expect(main, &python(11, main, 13), "runs", &[]);
    }
    for main in [
        "import argparse\np = argparse.ArgumentParser()\np.print_help()\n",
        "import ssl\nprint(ssl.create_default_context().minimum_version)\n",
    ] {
        let (_, report) = python(9, main, 11).verdict();
        assert!(codes(&report).contains(&"verdict.changed"), "{main}: {report:#}");
    }
    expect("a mode", &python(9, "with open('/app/x', 'r') as f:\n    print(f.read())\n", 11), "runs", &[]);
    expect("flags at the beginning", &python(9, "re.compile('(?i)b')\n", 11), "runs", &[]);
    expect(
        "a user",
        &Move {
            old: [with_users("svc:x:9:9::/:\n", &[]), python(9, "", 9).old.split_off(4)].concat(),
            ..python(9, "import os\nprint(getpwnam('svc'))\n", 9)
        },
        "risks",
        &["verdict.user"],
    );
}

/// perlfunc(1): `use VERSION` ends the script where Perl is older.
#[test]
fn a_script_of_perl_says_how_new_its_interpreter_has_to_be() {
    let perl = |release: &'static str| {
        let own = Program { defined: &["perl_run"], soname: "x", text: release, ..Program::default() };
        [program("usr/bin/perl", own)]
    };
    let moved = |body: &str| Move {
        app: vec![script("app/run", &format!("#!/usr/bin/perl\n{body}\nprint 1;\n"))],
        ..running("", &perl("/usr/share/perl5\0v5.36.0\0"), &perl("/usr/share/perl5\0v5.32.1\0v5.32.0\0"))
    };
    for body in ["use v5.36;", "use 5.036;", "use 5.36.0;", "require 5.034_001;"] {
        expect(body, &moved(body), "breaks", &["verdict.syntax"]);
    }
    for body in ["use v5.32;", "use 5.010_001;", "use 5.6.1;"] {
        expect(body, &moved(body), "runs", &[]);
    }
}

/// Ruby 3.2 removed `File.exists?`: the library of the interpreter named the method, and does not any more.
#[test]
fn methods_that_ruby_does_not_have_any_more_are_a_risk() {
    let ruby = |text| [program("usr/bin/ruby", Program { defined: &["ruby_run_node"], soname: "x", text, ..Program::default() })];
    let (old, new) = (
        ruby("/usr/lib/ruby/3.1.0\0Dir.exists?\0exist?\0kept?\0Fixnum\0Integer\0"),
        ruby("/usr/lib/ruby/3.3.0\0exist?\0was_kept?\0Integer\0"),
    );
    let moved = |body: &str| Move { app: vec![script("app/run", &format!("#!/usr/bin/ruby\n{body}\n"))], ..running("", &old, &new) };
    expect("a method that is gone", &moved("puts File.exists?('a')"), "risks", &["verdict.name"]);
    expect("a constant that is gone", &moved("puts 1.is_a?(Fixnum)"), "risks", &["verdict.name"]);
    expect("one of its own", &moved("class Fixnum\nend\nputs 1.is_a?(Fixnum)"), "runs", &[]);
    expect("one that is kept", &moved("puts 1.is_a?(Integer)"), "runs", &[]);
    expect("one that is kept", &moved("puts File.exist?('a')"), "runs", &[]);
    expect("one in the end of a longer name", &moved("puts self.kept?('a')"), "runs", &[]);
    expect("one of its own", &moved("def exists?(a)\n  1\nend\nputs self.exists?('a')"), "runs", &[]);
}

/// id(1): what is asked for of the user counts, not what else bases say of it.
#[test]
fn of_a_user_what_is_asked_for_counts() {
    let of = |passwd: &str, group: &str| {
        let files = [tool("bin/id"), tool("bin/gosu"), text("etc/group", group)];
        with_users(passwd, &files)
    };
    let moved = |user, body: &str, old: (&str, &str), new: (&str, &str)| Move {
        user,
        old: of(old.0, old.1),
        new: of(new.0, new.1),
        ..running(body, &[], &[])
    };
    let (one, two) = (("svc:x:9:9::/:\n", "root:x:0:\nsvc:x:9:\n"), ("svc:x:8:8::/:\n", "root:x:0:\nwheel:x:10:root\nsvc:x:8:\n"));
    for (user, body, verdict) in [
        ("", "id -u", "runs"),
        ("", "id -un", "runs"),
        ("", "id -gn", "runs"),
        ("", "id", "risks"),
        ("", "id -Gn", "risks"),
        ("4242", "id -u", "runs"),
        ("svc", "id -un", "runs"),
        ("svc", "id -u", "risks"),
        ("svc", "id -g", "risks"),
        ("", "gosu svc id -un", "runs"),
        ("", "gosu svc id -u", "risks"),
    ] {
        let codes: &[&str] = if verdict == "runs" { &[] } else { &["verdict.changed"] };
        expect(&format!("{body} of {user}"), &moved(user, body, one, two), verdict, codes);
    }
}

/// Dates that coreutils and busybox read in the same way.
#[test]
fn plain_dates_are_the_same_everywhere() {
    let date = |text| [program("bin/date", Program { text, ..Program::default() })];
    let moved = |body| running(body, &date("coreutils"), &date("BusyBox v1.37.0"));
    expect("seconds", &moved("date -u -d @0 +%F"), "runs", &[]);
    expect("a day", &moved("date -d '2024-01-02 03:04' +%s"), "runs", &[]);
    expect("words", &moved("date -d 'next friday' +%F"), "risks", &["verdict.option"]);
    expect("what is not known", &moved("date -d \"$1\" +%F"), "risks", &["verdict.option"]);
}

#[test]
fn where_a_command_is_found_is_printed_or_only_asked() {
    let moved = |body| running(body, &[tool("usr/bin/tool"), tool("bin/which")], &[tool("bin/tool"), tool("bin/which")]);
    for body in ["which tool", "command -v tool", "type tool"] {
        expect(body, &moved(body), "risks", &["verdict.changed"]);
    }
    for body in ["command -v tool >/dev/null && tool", "t=$(command -v tool)\necho", "which tool >/dev/null || exit 1\necho"] {
        expect(body, &moved(body), "runs", &[]);
    }
}

/// On Debian 12 `/bin` is a link to `/usr/bin`, on Debian 11 a directory: a script that prints what it found prints something else.
#[test]
fn where_a_command_is_found_is_given_to_another_one() {
    let tools = |path: &'static str| [tool(path), tool("bin/which"), tool("bin/dirname"), tool("bin/cp")];
    let moved = |body| running(body, &tools("usr/bin/tool"), &tools("bin/tool"));
    for body in [
        "t=$(command -v tool)\necho \"using $t\"",
        "t=`which tool`\necho $t",
        "t=$(type -p tool || true)\nprintf '%s\\n' \"$t\"",
        "for t in tool cp; do p=$(command -v $t) && echo \"$t=$p\"; done",
        "say() { echo \"tool: $1\"; }\nsay \"$(command -v tool)\"",
        "d=$(dirname \"$(command -v tool)\")\necho \"$d\"",
        "cat <<END\n$(command -v tool)\nEND",
        "t=$(command -v tool)\n[ \"$t\" = \"$HOME/tool\" ] && echo yes",
    ] {
        expect(body, &moved(body), "risks", &["verdict.changed"]);
        expect(body, &running(body, &tools("bin/tool"), &tools("bin/tool")), "runs", &[]);
    }
    for body in [
        "t=$(command -v tool)\n\"$t\" a",
        "exec \"$(command -v tool)\" a",
        "t=$(command -v cp)\necho \"$t\"",
        "t=$(command -v tool)\n[ -n \"$t\" ] || exit 1\n[ -x \"$t\" ] && \"$t\"",
        "t=$(command -v nothing || command -v cp)\necho \"$t\"",
    ] {
        expect(body, &moved(body), "runs", &[]);
    }
    let lost = running("t=$(command -v tool || command -v cp)\nset -e\n\"$t\" a\n", &tools("bin/tool"), &tools("bin/other"));
    let (_, report) = lost.verdict();
    assert_ne!(report["verdict"], "runs", "{report:#}");
}

/// passwd(5): the sixth field. Runtimes set HOME by it where the config does not.
#[test]
fn where_users_are_at_home_is_compared() {
    let of = |root: &str, svc: &str| {
        let passwd = format!("root:x:0:0::{root}:/bin/sh\nsvc:x:9:9::{svc}:/bin/sh\n");
        vec![text("etc/passwd", &passwd), tool("bin/getent"), tool("bin/cut")]
    };
    let moved = |body, new: [&str; 2]| running(body, &of("/root", "/var/svc"), &of(new[0], new[1]));
    for body in ["echo ~svc", "cat ~svc/x", "eval echo \"~svc\"", "h=$(eval echo ~svc)\necho $h", "getent passwd svc", "getent passwd 9"] {
        let (_, report) = moved(body, ["/root", "/srv"]).verdict();
        assert_eq!(report["verdict"], "risks", "{body}: {report:#}");
        expect(body, &moved(body, ["/home/root", "/var/svc"]), "runs", &[]);
    }
    for body in ["echo $HOME", "echo ~", "echo \"${HOME}/x\""] {
        expect(body, &moved(body, ["/home/root", "/var/svc"]), "risks", &["verdict.changed"]);
        expect(body, &moved(body, ["/root", "/srv"]), "runs", &[]);
    }
    for body in ["cat '~svc'", "echo a~svc", "echo ~nobody"] {
        expect(body, &moved(body, ["/home/root", "/srv"]), "runs", &[]);
    }
}

/// What these tell is no package.
#[test]
fn the_machine_of_a_package_manager_is_the_same_on_all_bases() {
    let files = |status| [tool("bin/dpkg"), text("var/lib/dpkg/status", status)];
    let moved = |body| running(body, &files("Package: a\nStatus: install ok installed\n"), &files(""));
    expect("its machine", &moved("dpkg --print-architecture"), "runs", &[]);
    expect("its packages", &moved("dpkg -l"), "risks", &["verdict.changed"]);
}

/// Archives of GNU tar and of busybox's have the same files and not the same bytes.
#[test]
fn sums_of_what_is_packed_depend_on_who_packs() {
    let tools = |text| ["bin/tar", "bin/sha256sum"].map(|path| program(path, Program { text, ..Program::default() }));
    let moved = |body| running(body, &tools("coreutils"), &tools("BusyBox v1.37.0"));
    expect("the sum of an archive", &moved("tar cf - /app | sha256sum"), "risks", &["verdict.changed"]);
    expect("an archive", &moved("tar cf - /app >/dev/null"), "runs", &[]);
    expect("a sum", &moved("sha256sum /etc/keep"), "runs", &[]);
}

/// `--` ends the options of a command, and is none itself.
#[test]
fn the_end_of_options_is_no_option() {
    let busybox = |path| program(path, Program { text: "BusyBox v1.37.0", ..Program::default() });
    for (old, new) in [(busybox("bin/rm"), tool("bin/rm")), (tool("bin/rm"), busybox("bin/rm"))] {
        expect("rm --", &running("rm -f -- /tmp/x", &[old], &[new]), "runs", &[]);
    }
}
