use std::collections::BTreeMap;

use super::super::{Command, Script, Word};
use super::{Given, Known};

/// The commands that are left of a script that is given words, with variables that are set.
fn left(text: &str, given: &[&str], variables: &[(&str, &str)]) -> Vec<String> {
    let known = Known {
        variables: variables
            .iter()
            .map(|(name, value)| (name.as_bytes().to_vec(), Some(value.as_bytes().to_vec())))
            .collect::<BTreeMap<_, _>>(),
        open: false,
        given: Given { words: given.iter().map(|word| word.as_bytes().to_vec()).collect(), whole: true },
        name: Some(b"/entry".to_vec()),
        user: Some(b"0".to_vec()),
        place: Some(b"/app".to_vec()),
        file: &|flag, path| match path {
            b"/app/server.js" => Some(flag != b"-x"),
            b"/app/node" => Some(false),
            _ => None,
        },
        command: &|name| match name {
            b"node" => Some(true),
            b"/app/server.js" => Some(false),
            _ => None,
        },
        whole: true,
        ending: &|_| Some(Vec::new()),
        text: &|path| (path == b"/lib.sh").then(|| b"MODE=other\n".to_vec()),
    };
    let script = Script::parse_knowing(text.as_bytes(), false, Some(&known));
    assert_eq!(script.unclear, None, "{text}");
    let name = |command: &Command| command.words.first().and_then(Word::literal).map(|name| String::from_utf8_lossy(name).into_owned());
    script.commands.iter().filter_map(name).filter(|name| !["[", "[[", "test", ":", "set", "shift"].contains(&name.as_str())).collect()
}

#[track_caller]
fn leaves(text: &str, given: &[&str], expected: &[&str]) {
    assert_eq!(left(text, given, &[]), expected, "{text}");
}

#[test]
fn conditions_on_what_is_given_are_worked_out() {
    leaves("if [ \"${1:-once}\" = once ]; then exec a; fi\nexec b", &[], &["exec"]);
    leaves("if [ \"$1\" = a ]; then a; elif [ \"$1\" = b ]; then b; else c; fi; d", &["b"], &["b", "d"]);
    leaves("if [ \"$1\" = a ]; then a; elif [ \"$1\" = b ]; then b; else c; fi; d", &["x"], &["c", "d"]);
    leaves("[ $# -eq 0 ] && a; [ $# -gt 0 ] || b; c", &["x"], &["c"]);
    leaves("case \"$1\" in start) a ;; stop|halt) b ;; *) c ;; esac; d", &["halt"], &["b", "d"]);
    leaves("case \"$1\" in *.conf) a ;; -*) b ;; esac; d", &["-x"], &["b", "d"]);
    leaves("if [[ $1 == red* && -n \"$2\" ]]; then a; else b; fi", &["redis", "x"], &["a"]);
    leaves("if [ \"${1#-}\" != \"$1\" ] || [ \"${1%.conf}\" != \"$1\" ]; then a; fi; b", &["server"], &["b"]);
    leaves("if [ \"${1:0:1}\" = - ]; then a; fi; b", &["-v"], &["a", "b"]);
    leaves("! [ \"$1\" = a ] && b; c", &["a"], &["c"]);
    leaves("if [ \"$1\" = a -a \"$(id -u)\" = 0 ]; then exec a \"$0\"; fi; b", &["a"], &["exec"]);
}

#[test]
fn what_is_not_known_is_left() {
    leaves("if [ -e /etc/x ]; then a; else b; fi", &[], &["a", "b"]);
    leaves("if grep -q x /f; then a; fi; b", &[], &["grep", "a", "b"]);
    leaves("X=$(cmd); if [ \"$X\" = 1 ]; then a; fi; b", &[], &["a", "b"]);
    leaves("read X; [ -n \"$X\" ] && a; b", &[], &["read", "a", "b"]);
    leaves("for f in a b; do X=1; done; [ -n \"$X\" ] && a; b", &[], &["a", "b"]);
    leaves("cmd | while read l; do X=1; done; [ -n \"$X\" ] || a", &[], &["cmd", "read", "a"]);
    leaves("eval \"$1\"; [ \"$X\" = 1 ] && a", &["x"], &["eval", "a"]);
    leaves(". /lib.sh; [ \"$MODE\" = own ] && a; b", &[], &[".", "a", "b"]);
    leaves(". /unknown.sh; [ \"$1\" = own ] && a; b", &["x"], &[".", "a", "b"]);
    leaves(": \"${X:=1}\"; [ \"$X\" = 1 ] || a; b", &[], &["a", "b"]);
    leaves("(( X = 1 )); [ -n \"$X\" ] && a; b", &[], &["a", "b"]);
    leaves("f() { X=1; }; f; f; [ -n \"$X\" ] && a; b", &[], &["f", "f", "a", "b"]);
    leaves("retry() { \"$@\"; }; f() { X=1; }; retry f; [ -n \"$X\" ] && a; b", &[], &["retry", "a", "b"]);
    leaves("while [ $# -gt 0 ]; do shift; done; [ $# -eq 0 ] || a", &["x"], &["a"]);
    leaves("[ \"$HOME\" = / ] && a; b", &[], &["a", "b"]);
    leaves("if cmd; then X=1; else X=2; fi; [ $X = 1 ] && a", &[], &["cmd", "a"]);
}

#[test]
fn what_is_set_counts_from_then_on() {
    leaves("set -- server \"$@\"; if [ \"$1\" = server ]; then a; fi; b", &["-x"], &["a", "b"]);
    leaves("X=; [ -n \"$X\" ] && a; X=1; [ -n \"$X\" ] && b", &[], &["b"]);
    leaves("shift; [ \"$1\" = y ] && a", &["x", "y"], &["a"]);
    leaves("(X=1); [ -n \"$X\" ] && a; b", &[], &["b"]);
    leaves("cygwin=false; if $cygwin; then a; fi; b", &[], &["b"]);
    leaves("unset X; [ -z \"$X\" ] && a", &[], &["unset", "a"]);
    assert_eq!(left("[ \"$X\" = 1 ] && a; b", &[], &[("X", "1")]), ["a", "b"]);
}

#[test]
fn functions_are_worked_out_where_they_are_called_once() {
    leaves("main() { if [ \"$1\" = a ]; then exec a; fi; b; }\nmain \"$@\"", &["a"], &["exec", "main"]);
    leaves("main() { if [ \"$1\" = a ]; then return; fi; b; }\nmain \"$@\"; c", &["a"], &["return", "main", "c"]);
    leaves("f() { lost; }\nmain() { if [ \"$1\" = a ]; then exec a; fi; f; }\nmain \"$@\"", &["a"], &["exec", "main"]);
    leaves("f() { lost; }\nif [ \"$1\" = a ]; then exec a; fi; f", &["a"], &["exec"]);
    // Nothing names it here: it is there for whoever reads the script.
    leaves("f() { lost; }\na", &[], &["lost", "a"]);
}

#[test]
fn files_count_if_they_are_the_apps() {
    let node =
        "if [ \"${1#-}\" != \"${1}\" ] || [ -z \"$(command -v \"${1}\")\" ] || { [ -f \"${1}\" ] && ! [ -x \"${1}\" ]; }; then a; fi; b";
    leaves(node, &["/app/server.js"], &["a", "b"]);
    leaves(node, &["node"], &["b"]);
    leaves(node, &["other"], &["a", "b"]);
    // Something may have made it.
    leaves("cmd; [ -f /app/node ] && a; b", &[], &["cmd", "a", "b"]);
}

#[test]
fn whatever_it_is_it_ends() {
    for text in [
        "if",
        "fi",
        "case",
        "case x in",
        "{",
        "f() {",
        "while do",
        "[[ a",
        "a &&",
        "! !",
        "for",
        "then else",
        "esac ;;",
        "( ( (",
        "[ ! ( ]",
    ] {
        for end in 0..=text.len() {
            let _ = Script::parse_knowing(&text.as_bytes()[..end], false, None);
            let known = text.get(..end).unwrap_or_default();
            let _ = std::panic::catch_unwind(|| left(known, &["a"], &[])).map_err(drop);
        }
    }
    let deep = "if [ a = a ]; then ".repeat(2000);
    assert!(!Script::parse(deep.as_bytes()).commands.is_empty());
    let many = "f() { f; }; ".repeat(3000);
    assert_eq!(left(&many, &[], &[]).len(), 3000);
}
