//! What bash(1) says of arrays and of parts of values, and who runs what through `su` and its like. Each line was tried in the shells of Debian 12.

use super::*;

/// A script with commands that both bases have, and one that is lost.
fn moved(body: &str, more: &[File<'static>]) -> Move<'static> {
    let both: Vec<File<'static>> =
        ["bin/kept", "bin/su", "bin/runuser", "bin/chpst", "bin/gosu", "bin/env", "bin/dirname"].into_iter().map(tool).collect();
    let old = [&both[..], &[tool("bin/gone")]].concat();
    let moved = running(body, &old, &both);
    Move { app: [&moved.app[..], more].concat(), ..moved }
}

/// Each of these texts runs `gone`; with `kept` in its place nothing is lost.
#[track_caller]
fn each_runs(bodies: &[&str], verdict: &str) {
    for body in bodies {
        let (_, report) = moved(body, &[]).verdict();
        let lost = matches!(codes(&report)[..], ["verdict.command" | "verdict.missing"]);
        assert!(report["verdict"] == verdict && lost, "{body}: {report:#}");
        expect(body, &moved(&body.replace("gone", "kept"), &[]), "runs", &[]);
    }
}

#[test]
fn arrays_are_commands() {
    each_runs(
        &[
            "cmd=(gone -a)\nexec \"${cmd[@]}\"",
            "cmd=()\ncmd+=(gone)\ncmd+=(-a \"$HOME\")\nexec \"${cmd[@]}\" b",
            "declare -a cmd=(\n  gone\n  -a\n)\nexec \"${cmd[@]}\"",
            "args=(-a)\nall=(gone \"${args[@]}\")\nexec \"${all[@]}\"",
            "cmd=(env X=1 gone)\nexec \"${cmd[@]}\"",
            "set -- kept gone\ncmd=(\"${@:2}\")\nexec \"${cmd[@]}\"",
            "cmd=(kept gone)\nexec \"${cmd[@]:1}\"",
            "set -- a gone\nexec \"${@:2}\"",
            "set -e\nrun() {\n  local cmd=( gone -v )\n  if [ -t 0 ]; then cmd+=( -q ); fi\n  \"${cmd[@]}\" \"$@\"\n}\nrun a\necho",
        ],
        "breaks",
    );
    // It may be one or the other.
    each_runs(
        &[
            "cmd=(kept)\nif [ -t 0 ]; then cmd=(gone); fi\nexec \"${cmd[@]}\"",
            "cmd=(kept)\nother() { cmd=(gone); }\n[ -t 0 ] && other\nexec \"${cmd[@]}\"",
        ],
        "risks",
    );
    for body in [
        "mapfile -t cmd < /etc/keep\nexec \"${cmd[@]}\"",
        "cmd=(kept)\ncmd[0]=\"$(cat /etc/keep)\"\nexec \"${cmd[@]}\"",
        "cmd=(/etc/k*)\nexec \"${cmd[@]}\"",
        "run() { \"${cmd[@]}\"; }\ncmd=(kept)\nrun\ncmd=(gone)\nrun",
        "exec \"${cmd[@]}\"",
        "cmd=(kept)\nexec $cmd",
    ] {
        expect(body, &moved(body, &[]), "unknown", &["verdict.unclear"]);
    }
    // An array belongs to the shell that sets it.
    let other = [script("app/other", "#!/bin/sh\nexec \"${cmd[@]}\"\n")];
    expect("another process", &moved("cmd=(kept)\n/app/other", &other), "unknown", &["verdict.unclear"]);
}

#[test]
fn words_are_taken_from_the_front_in_a_loop() {
    let body = "while [ $# -gt 0 ]; do\n  case \"$1\" in\n    --) shift; cmd=(\"$@\"); break ;;\n    *) shift ;;\n  esac\ndone\nexec \"${cmd[@]}\"";
    for (command, verdict, codes) in [("kept", "runs", &[][..]), ("gone", "breaks", &["verdict.command"])] {
        let moved = Move { start: json!(["/app/run", "-t", "1", "host:1", "--", command, "a"]), ..moved(body, &[]) };
        expect(command, &moved, verdict, codes);
    }
}

/// A script goes on with one of the values of a variable, and with all those of a loop.
#[test]
fn a_command_that_is_one_of_two() {
    let either = "if [ -t 0 ]; then C=/opt/absent/bin/java; else C=kept; fi\nexec \"$C\" -a";
    expect("one was never there", &moved(either, &[]), "runs", &[]);
    expect("one is lost", &moved(&either.replace("/opt/absent/bin/java", "gone"), &[]), "risks", &["verdict.command"]);
    expect("a loop", &moved("set -e\nfor c in kept gone; do \"$c\"; done\necho", &[]), "breaks", &["verdict.command"]);
}

/// XCU 2.6.2: the shortest and the longest suffix and prefix.
#[test]
fn parts_of_values_are_known() {
    each_runs(
        &[
            "P=/bin/gone.conf\nexec \"${P%.conf}\"",
            "P=/bin/gone/bin/x\nexec \"${P%/bin/*}\"",
            "P=/a/b/gone\nexec \"${P##*/}\"",
            "P=/bin/gone\nexec \"${P%\"${P##*/}\"}gone\"",
            "L='x -> /bin/gone'\nexec \"${L#*' -> '}\"",
            "T=.tpl\nP=gone.tpl\nexec \"${P%\"$T\"}\"",
        ],
        "breaks",
    );
    for body in ["P=/bin/kept1\nexec \"${P%[0-9]}\"", "P=$(cat /etc/keep)\nexec \"${P%x}\"", "P=kept\nexec \"${P/x/y}\""] {
        expect(body, &moved(body, &[]), "unknown", &["verdict.unclear"]);
    }
}

#[test]
fn a_script_calls_itself_as_another_user() {
    for name in ["$0", "$BASH_SOURCE", "${BASH_SOURCE[0]}"] {
        let body = format!("if [ \"$(id -u)\" = 0 ]; then exec gosu nobody \"{name}\" \"$@\"; fi\nexec gone");
        let body = format!("set -- a\n{body}");
        expect(name, &moved(&body.replace("$(id -u)", "$X"), &[]), "breaks", &["verdict.command"]);
        expect(name, &moved(&body.replace("$(id -u)", "$X").replace("gone", "kept"), &[]), "runs", &[]);
    }
    // A file that is read keeps the name of the script, and has one of its own.
    let lib = [text("app/lib/env", "HERE=$(dirname \"$0\")\nOWN=$(dirname \"$BASH_SOURCE\")\n"), tool("app/tool"), tool("app/lib/inner")];
    let body = |command: &str| moved(&format!(". /app/lib/env\nexec \"{command}\""), &lib);
    expect("of the script", &body("$HERE/tool"), "runs", &[]);
    expect("of the file", &body("$OWN/inner"), "runs", &[]);
    expect("not of the file", &body("$HERE/inner"), "unknown", &["verdict.unclear"]);
}

/// su(1), runuser(1), chpst(8).
#[test]
fn words_for_another_user_are_followed() {
    each_runs(
        &[
            "exec su -s /bin/sh -c 'exec \"$0\" \"$@\"' nobody -- gone a",
            "exec su -s /bin/sh nobody -c 'gone a'",
            "exec su - nobody -c gone",
            "exec runuser -u nobody -- gone a",
            "exec runuser -u nobody gone",
            "exec runuser --user nobody -g nogroup -- gone",
            "exec runuser nobody -c gone",
            "exec chpst -u nobody:nogroup -e /app/env gone",
        ],
        "breaks",
    );
    expect("nothing is run", &moved("exec su nobody", &[]), "unknown", &["verdict.unclear"]);
}

/// A shell without words reads what the script reads, which a container has from nobody.
#[test]
fn a_shell_for_people_reads_nothing() {
    let body = |branch: &str| format!("case \"$(cat /etc/keep)\" in\n  shell) {branch} ;;\n  *) exec kept ;;\nesac");
    expect("a shell", &moved(&body("exec sh"), &[]), "runs", &[]);
    for branch in ["cat /etc/keep | sh", "sh < /etc/keep", "{ sh; } < /etc/keep", "cat /etc/keep | { true; exec sh; }"] {
        expect(branch, &moved(&body(branch), &[]), "unknown", &["verdict.unclear"]);
    }
    expect("a function", &moved("f() { sh; }\ncat /etc/keep | f", &[]), "unknown", &["verdict.unclear"]);
}

/// `set -- server "$@"` and `exec gosu USER "$0" "$@"`: the script puts the word there once, and which time is not known.
#[test]
fn a_script_that_calls_itself_comes_to_an_end() {
    let body = "set -e\nif [ \"${1#-}\" != \"$1\" ]; then set -- gone \"$@\"; fi\nif [ \"$1\" = gone ] && [ \"$(id -u)\" = 0 ]; then exec gosu nobody \"$0\" \"$@\"; fi\nexec \"$@\"";
    let moved = |body: &str| Move { start: json!(["/app/run", "-v"]), ..moved(body, &[]) };
    expect("it is lost", &moved(body), "breaks", &["verdict.command"]);
    expect("it is kept", &moved(&body.replace("gone", "kept")), "runs", &[]);
}

/// What images for databases find in `initdb.d`: scripts, and data for a program.
#[test]
fn data_beside_scripts_is_no_script() {
    let body = "for f in /init.d/*; do\n  case \"$f\" in\n    *.sh) . \"$f\" ;;\n    *.sql) cat \"$f\" ;;\n  esac\ndone\nexec kept";
    let files = |line: &str| [text("init.d/10-a.sh", line), text("init.d/20-b.sql", "CREATE TABLE a (b int);\n")];
    expect("data", &moved(body, &files("kept\n")), "runs", &[]);
    let (_, report) = moved(body, &files("gone\n")).verdict();
    assert_ne!(report["verdict"], "runs", "{report:#}");
}

#[test]
fn a_trap_ends_what_the_script_started() {
    expect("a number", &moved("kept &\nPID=$!\ntrap \"kill -TERM $PID\" TERM\nwait", &[]), "runs", &[]);
    expect("anything", &moved("trap \"$(cat /etc/keep) a\" TERM\nexec kept", &[]), "unknown", &["verdict.unclear"]);
}

/// What stands between brackets is a process of its own, with a directory of its own.
#[test]
fn a_directory_is_left_behind_a_bracket() {
    let app = [text("srv/a", "")];
    let lists = |body: &str| Move {
        old: base(&[tool("bin/ls"), text("x/old", "")]),
        new: base(&[tool("bin/ls"), text("x/new", "")]),
        ..moved(body, &app)
    };
    expect("the app's own", &lists("(cd /srv && ls .)\nls /srv"), "runs", &[]);
    expect("again in the other one", &lists("cd /x\n(cd /srv && ls .)\nls ."), "risks", &["verdict.changed"]);
}
