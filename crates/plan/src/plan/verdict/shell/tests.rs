use std::collections::BTreeSet;

use super::*;

fn names(text: &str) -> Vec<String> {
    let script = Script::parse(text.as_bytes());
    assert_eq!(script.unclear, None, "{text}");
    let name = |command: &Command| command.words.first().and_then(Word::literal).map(|name| String::from_utf8_lossy(name).into_owned());
    script.commands.iter().filter_map(name).collect()
}

#[test]
fn commands_are_found() {
    for (text, expected) in [
        ("a; b && c || d", &["a", "b", "c", "d"][..]),
        ("X=1 a 'b c' # d\n", &["a"]),
        ("if a; then b; elif c; then d; else e; fi", &["a", "b", "c", "d", "e"]),
        ("for x in 1 2; do a $x; done | b", &["a", "b"]),
        ("case $x in a) b ;; c|d) e ;; *) f ;; esac; g", &["b", "e", "f", "g"]),
        ("f() { a; }; f", &["a", "f"]),
        ("a <<END\nb\nEND\nc 2>&1 >/dev/null", &["a", "c"]),
        ("[[ a && b ]] || c; (( d < e )); f=(g h)\nfunction i { j; }; i", &["[[", "c", ":", "j", "i"]),
        ("a <(b) >c; d &\ne", &["a", "d", "e"]),
        ("while read x; do a; done < f", &["read", "a"]),
        ("(a; b) && { c; }", &["a", "b", "c"]),
        ("! a", &["a"]),
        ("[ -e /x ] || { echo no; exit 7; }", &["[", "echo", "exit"]),
    ] {
        assert_eq!(names(text), expected, "{text}");
    }
    for text in ["a 'b", "a \"b", "a $(b", "a <(b"] {
        assert!(Script::parse(text.as_bytes()).unclear.is_some(), "{text}");
    }
}

#[test]
fn words_have_values() {
    let script = Script::parse(b"a \"$X/os.py\" ${Y:-z} $(b) $Z");
    let variables = Variables::from([(b"X".to_vec(), Some(BTreeSet::from([b"/l".to_vec()])))]);
    let found: Vec<_> = script.commands[0].words.iter().map(|word| values(word, &variables)).collect();
    assert_eq!(found, [Some(vec![b"a".to_vec()]), Some(vec![b"/l/os.py".to_vec()]), Some(vec![b"z".to_vec()]), None, Some(vec![vec![]])]);
}

#[test]
fn homes_are_where_paths_begin() {
    let has_home = |text: &str| {
        let words = Script::parse(text.as_bytes()).commands.remove(0).words;
        words.iter().flat_map(|word| &word.parts).any(|part| matches!(part, Part::Variable(..)))
    };
    for (text, expected) in [
        ("cat ~/a", true),
        ("cat ~svc", true),
        ("export X=~/a", true),
        ("[[ a =~ ^a ]]", false),
        ("cat a~", false),
        ("cat \"~/a\"", false),
        ("cat --file=~/a", false),
    ] {
        assert_eq!(has_home(text), expected, "{text}");
    }
}

#[test]
fn the_result_of_a_test_may_end_the_script() {
    let decides = |text: &str| Script::parse(text.as_bytes()).commands[0].decides_end;
    assert!(decides("[ -e /x ] || exit 1\na"));
    assert!(decides("[ -e /x ] && { a; exit 1; }\nb"));
    assert!(decides("if [ -e /x ]; then exit 1; fi\na"));
    assert!(decides("[ -e /x ]"));
    assert!(!decides("[ -e /x ] && a\nb"));
    assert!(!decides("if [ -e /x ]; then a; fi\nb"));
    assert!(!decides("[ -e /x ] || exit 0\nb"));
}

#[test]
fn what_a_script_cannot_do_without() {
    let needed = |text: &str| -> Vec<bool> { Script::parse(text.as_bytes()).commands.iter().map(Command::is_needed).collect() };
    for (text, expected) in [
        ("a; b", &[false, true][..]),
        ("set -e\na; b", &[true, true, true]),
        ("set -e\na || b; c && d", &[true, false, false, true, true]),
        ("set -e\na || b; c && d; e", &[true, false, false, false, true, true]),
        ("a | b", &[false, true]),
        ("if a; then b; fi", &[false, false]),
        ("f() { a; b; }\nf\nc", &[false, true, false, true]),
        ("exec a\n", &[true]),
    ] {
        assert_eq!(needed(text), expected, "{text}");
    }
}

#[test]
fn paths_are_taken_apart() {
    let script = Script::parse(b"a $(dirname \"$0\") $(cd \"$(dirname $0)/..\" && pwd) ${0##*/} $(b)");
    let variables = Variables::from([(b"0".to_vec(), Some(BTreeSet::from([b"/app/bin/run".to_vec()])))]);
    let found: Vec<_> = script.commands[0].words[1..].iter().map(|word| values(word, &variables)).collect();
    let some = |text: &str| Some(vec![text.as_bytes().to_vec()]);
    assert_eq!(found, [some("/app/bin"), some("/app"), some("run"), None]);
}

#[test]
fn documents_are_words() {
    let script = Script::parse(b"a <<E <<'F'\nx $(b \"c\")\nE\n$(d)\nF\ne");
    let documents = &script.commands[0].documents;
    assert!(documents[0].parts.contains(&Part::Output(b"b \"c\"".to_vec())), "{documents:?}");
    assert_eq!(documents[1].parts, [Part::Text(b"$(d)\n".to_vec())]);
    assert_eq!(script.commands.len(), 2);
}
