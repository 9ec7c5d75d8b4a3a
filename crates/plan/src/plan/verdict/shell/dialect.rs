//! What only some shells understand, or understand in their own way: bash(1), dash(1), and busybox's ash. Each line was tried in bash
//! 5.2, in dash 0.5.11 and 0.5.12, and in busybox 1.36 and 1.37.

use self::Failure::{End, Silent, Syntax};
use self::Understanding::{Lacks, Own, Same};
use super::{Command, Part, Word};

/// Shells that understand the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::plan::verdict) enum Family {
    Bash,
    Dash,
    Busybox,
    /// One that is not known.
    Other,
}

/// What a family makes of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::plan::verdict) enum Understanding {
    /// What bash makes of it.
    Same,
    /// Something of its own, or not in all of its versions.
    Own,
    /// It does not have it.
    Lacks,
}

/// What happens in a shell that does not have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::plan::verdict) enum Failure {
    /// The script ends where it is read, whether or not it would be run.
    Syntax,
    /// The script ends when it gets there.
    End,
    /// The command fails.
    Command,
    /// It means something else.
    Silent,
}

/// Something that depends on the shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::plan::verdict) struct Construct {
    /// As users see it.
    pub(in crate::plan::verdict) text: &'static str,
    dash: Understanding,
    busybox: Understanding,
    pub(in crate::plan::verdict) failure: Failure,
}

impl Construct {
    const fn new(text: &'static str, dash: Understanding, busybox: Understanding, failure: Failure) -> Self {
        Self { text, dash, busybox, failure }
    }

    pub(in crate::plan::verdict) fn in_family(&self, family: Family) -> Understanding {
        match family {
            Family::Bash => Same,
            Family::Dash => self.dash,
            Family::Busybox => self.busybox,
            Family::Other => Own,
        }
    }
}

pub(super) const ARRAY: Construct = Construct::new("an array", Lacks, Lacks, Syntax);
pub(super) const HERE_STRING: Construct = Construct::new("<<<", Lacks, Lacks, Syntax);
pub(super) const PROCESS: Construct = Construct::new("<( )", Lacks, Own, Syntax);
pub(super) const FUNCTION: Construct = Construct::new("the word function", Lacks, Same, Syntax);
pub(super) const FUNCTION_NAME: Construct = Construct::new("a name of a function", Lacks, Own, Syntax);
pub(super) const SELECT: Construct = Construct::new("select", Lacks, Lacks, Syntax);
pub(super) const FOR_NUMBERS: Construct = Construct::new("for (( ))", Lacks, Lacks, Syntax);
pub(super) const PIPE_BOTH: Construct = Construct::new("|&", Lacks, Lacks, Syntax);
pub(super) const CASE_ON: Construct = Construct::new(";& in case", Lacks, Lacks, Syntax);
pub(super) const BOTH_TO_FILE: Construct = Construct::new(">& with a file", Lacks, Same, Syntax);
pub(super) const BOTH: Construct = Construct::new("&>", Lacks, Same, Silent);
pub(super) const NUMBERS: Construct = Construct::new("(( ))", Lacks, Lacks, Failure::Command);
pub(super) const POWER: Construct = Construct::new("**, a comma or BASE# in $(( ))", Lacks, Same, End);
pub(super) const EXPRESSION: Construct = Construct::new("$((NAME)), where NAME may hold an expression", Lacks, Same, Silent);
pub(super) const INCREMENT: Construct = Construct::new("++ or -- in $(( ))", Lacks, Same, Silent);
pub(super) const QUOTE: Construct = Construct::new("$' '", Lacks, Same, Silent);
pub(super) const TRANSLATED: Construct = Construct::new("$\" \"", Lacks, Lacks, Silent);
pub(super) const BRACES: Construct = Construct::new("{a,b}", Lacks, Lacks, Silent);
pub(super) const REPLACED: Construct = Construct::new("${NAME/TEXT/TEXT}", Lacks, Same, End);
pub(super) const SLICE: Construct = Construct::new("${NAME:START:LENGTH}", Lacks, Same, End);
pub(super) const CASE_OF: Construct = Construct::new("${NAME^} or ${NAME,}", Lacks, Lacks, End);
pub(super) const TRANSFORMED: Construct = Construct::new("${NAME@LETTER}", Lacks, Lacks, End);
pub(super) const INDIRECT: Construct = Construct::new("${!NAME}", Lacks, Lacks, End);
pub(super) const ELEMENT: Construct = Construct::new("${NAME[KEY]}", Lacks, Lacks, End);
pub(super) const DESCRIPTOR: Construct = Construct::new("{NAME}>", Lacks, Lacks, Failure::Command);
pub(super) const TIME: Construct = Construct::new("time", Lacks, Lacks, Failure::Command);
pub(super) const NEGATED: Construct = Construct::new("[^ ] in a pattern", Own, Same, Silent);
pub(super) const DIGITS: Construct = Construct::new("a descriptor of two digits", Lacks, Same, Failure::Command);
pub(super) const CONTENT: Construct = Construct::new("$(<FILE)", Lacks, Lacks, Silent);
const GIVEN: Construct = Construct::new("words after . FILE", Lacks, Same, Silent);
const NEGATIVE: Construct = Construct::new("exit with a sign", Lacks, Own, End);
pub(in crate::plan::verdict) const PIPEFAIL: Construct = Construct::new("set -o pipefail", Lacks, Same, End);
const SET: Construct = Construct::new("an option of set", Lacks, Lacks, End);
const SET_NAMED: Construct = Construct::new("a name after set -o", Lacks, Own, End);
const SET_TRAPS: Construct = Construct::new("set -E", Own, Own, Silent);
const TEST: Construct = Construct::new("[[ ]]", Lacks, Own, Failure::Command);
const EQUALS: Construct = Construct::new("== in [ ]", Lacks, Same, Failure::Command);
const TEST_VARIABLE: Construct = Construct::new("[ -v NAME ]", Lacks, Lacks, Failure::Command);
pub(super) const ASSIGNED_ELEMENT: Construct = Construct::new("an element of an array", Lacks, Lacks, Failure::Command);
const APPENDED: Construct = Construct::new("NAME+=TEXT", Lacks, Lacks, Failure::Command);
const SOURCE: Construct = Construct::new("source", Lacks, Same, Failure::Command);
const LET: Construct = Construct::new("let", Lacks, Same, Failure::Command);
const LOCAL: Construct = Construct::new("an option of local", Lacks, Lacks, End);
const UNEXPORT: Construct = Construct::new("export -n", Lacks, Same, End);
const EXPORT_FUNCTION: Construct = Construct::new("export -f", Lacks, Lacks, End);
const READ: Construct = Construct::new("an option of read", Lacks, Own, Failure::Command);
const READ_ARRAY: Construct = Construct::new("read -a", Lacks, Lacks, Failure::Command);
const READ_REPLY: Construct = Construct::new("read without a name", Lacks, Same, Failure::Command);
const PRINTF: Construct = Construct::new("%q, %( )T or -v of printf", Lacks, Lacks, Failure::Command);
const PRINTF_ESCAPES: Construct = Construct::new("escapes of printf", Lacks, Own, Silent);
const ECHO: Construct = Construct::new("echo -e", Lacks, Same, Silent);
const ECHO_ESCAPES: Construct = Construct::new("escapes of echo", Lacks, Same, Silent);
const TRAP: Construct = Construct::new("a trap for ERR, DEBUG or RETURN", Lacks, Own, Failure::Command);
const SIGNAL: Construct = Construct::new("a signal with SIG before it", Lacks, Same, Failure::Command);
const TYPE: Construct = Construct::new("an option of type", Lacks, Own, Failure::Command);
const EXEC: Construct = Construct::new("an option of exec", Lacks, Own, End);
const KILL_LIST: Construct = Construct::new("kill -l", Own, Own, Silent);
const LIMITS: Construct = Construct::new("ulimit -a", Own, Own, Silent);
const PRINTED: Construct = Construct::new("export -p or readonly -p", Own, Own, Silent);
const WAIT: Construct = Construct::new("wait -n", Lacks, Own, Failure::Command);

/// Commands that bash has inside, and the other shells do not.
const BUILTINS: &[(&[u8], Construct)] = &[
    (b"pushd", Construct::new("pushd", Lacks, Lacks, Failure::Command)),
    (b"popd", Construct::new("popd", Lacks, Lacks, Failure::Command)),
    (b"dirs", Construct::new("dirs", Lacks, Lacks, Failure::Command)),
    (b"shopt", Construct::new("shopt", Lacks, Lacks, Failure::Command)),
    (b"declare", Construct::new("declare", Lacks, Lacks, Failure::Command)),
    (b"typeset", Construct::new("typeset", Lacks, Lacks, Failure::Command)),
    (b"mapfile", Construct::new("mapfile", Lacks, Lacks, Failure::Command)),
    (b"readarray", Construct::new("readarray", Lacks, Lacks, Failure::Command)),
    (b"coproc", Construct::new("coproc", Lacks, Lacks, Failure::Command)),
    (b"disown", Construct::new("disown", Lacks, Lacks, Failure::Command)),
    (b"compgen", Construct::new("compgen", Lacks, Lacks, Failure::Command)),
    (b"complete", Construct::new("complete", Lacks, Lacks, Failure::Command)),
    (b"caller", Construct::new("caller", Lacks, Lacks, Failure::Command)),
    (b"enable", Construct::new("enable", Lacks, Lacks, Failure::Command)),
    (b"builtin", Construct::new("builtin", Lacks, Lacks, Failure::Command)),
    (b"source", SOURCE),
    (b"let", LET),
    (b"[[", TEST),
];

/// Variables that shells set by themselves. `HOSTNAME` is set by runtimes too.
const VARIABLES: &[(&[u8], Construct)] = &[
    (b"LINENO", Construct::new("$LINENO", Own, Own, Silent)),
    (b"RANDOM", Construct::new("$RANDOM", Lacks, Same, Silent)),
    (b"SRANDOM", Construct::new("$SRANDOM", Lacks, Lacks, Silent)),
    (b"SECONDS", Construct::new("$SECONDS", Lacks, Lacks, Silent)),
    (b"UID", Construct::new("$UID", Lacks, Lacks, Silent)),
    (b"EUID", Construct::new("$EUID", Lacks, Lacks, Silent)),
    (b"GROUPS", Construct::new("$GROUPS", Lacks, Lacks, Silent)),
    (b"OSTYPE", Construct::new("$OSTYPE", Lacks, Lacks, Silent)),
    (b"HOSTTYPE", Construct::new("$HOSTTYPE", Lacks, Lacks, Silent)),
    (b"MACHTYPE", Construct::new("$MACHTYPE", Lacks, Lacks, Silent)),
    (b"EPOCHSECONDS", Construct::new("$EPOCHSECONDS", Lacks, Own, Silent)),
    (b"EPOCHREALTIME", Construct::new("$EPOCHREALTIME", Lacks, Own, Silent)),
    (b"FUNCNAME", Construct::new("$FUNCNAME", Lacks, Lacks, Silent)),
    (b"PIPESTATUS", Construct::new("$PIPESTATUS", Lacks, Lacks, Silent)),
    (b"DIRSTACK", Construct::new("$DIRSTACK", Lacks, Lacks, Silent)),
    (b"SHELLOPTS", Construct::new("$SHELLOPTS", Lacks, Lacks, Silent)),
    (b"BASH", Construct::new("$BASH", Lacks, Lacks, Silent)),
    (b"BASHPID", Construct::new("$BASHPID", Lacks, Lacks, Silent)),
    (b"BASHOPTS", Construct::new("$BASHOPTS", Lacks, Lacks, Silent)),
    (b"BASH_VERSION", Construct::new("$BASH_VERSION", Lacks, Lacks, Silent)),
    (b"BASH_VERSINFO", Construct::new("$BASH_VERSINFO", Lacks, Lacks, Silent)),
    (b"BASH_SOURCE", Construct::new("$BASH_SOURCE", Lacks, Lacks, Silent)),
    (b"BASH_LINENO", Construct::new("$BASH_LINENO", Lacks, Lacks, Silent)),
    (b"BASH_REMATCH", Construct::new("$BASH_REMATCH", Lacks, Lacks, Silent)),
    (b"BASH_SUBSHELL", Construct::new("$BASH_SUBSHELL", Lacks, Lacks, Silent)),
];

/// A variable that a shell sets by itself.
pub(super) fn variable(name: &[u8]) -> Option<Construct> {
    find(VARIABLES, name)
}

/// `${INNER}`
pub(super) fn braced(inner: &[u8]) -> Option<Construct> {
    let length = inner.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
    match (inner, inner.get(length..).unwrap_or_default()) {
        ([b'!', next, ..], _) if next.is_ascii_alphabetic() || *next == b'_' => Some(INDIRECT),
        ([b'#', ..], _) if inner.contains(&b'[') => Some(ELEMENT),
        (_, [b'[', ..]) => Some(ELEMENT),
        (_, [b'/', ..]) if length > 0 => Some(REPLACED),
        (_, [b'^' | b',', ..]) if length > 0 => Some(CASE_OF),
        (_, [b'@', ..]) if length > 0 => Some(TRANSFORMED),
        (_, [b':', next, ..]) if length > 0 && !matches!(next, b'-' | b'=' | b'?' | b'+') => Some(SLICE),
        _ => None,
    }
}

/// `$((INNER))`
pub(super) fn arithmetic(inner: &[u8]) -> Option<Construct> {
    let pair = |one: u8, two: fn(u8) -> bool| inner.windows(2).any(|pair| matches!(pair, [first, second] if *first == one && two(*second)));
    let based = inner.windows(2).any(|pair| matches!(pair, [digit, b'#'] if digit.is_ascii_digit()));
    if pair(b'*', |next| next == b'*') || based || inner.contains(&b',') {
        Some(POWER)
    } else if pair(b'+', |next| next == b'+') || pair(b'-', |next| next == b'-') {
        Some(INCREMENT)
    } else if inner.strip_prefix(b"(").and_then(|inner| inner.strip_suffix(b")")).is_some_and(|inner| is_name(inner.trim_ascii())) {
        Some(EXPRESSION)
    } else {
        None
    }
}

/// Whether a text that begins with `{` is `{a,b}` or `{1..3}`.
pub(super) fn is_braces(text: &[u8]) -> bool {
    let stop = |byte: &u8| matches!(byte, b'}' | b' ' | b'\t' | b'\n' | b';' | b'&' | b'|' | b'(' | b')' | b'<' | b'>');
    let inner = text.get(1..).unwrap_or_default();
    let Some(end) = inner.iter().position(stop).filter(|end| inner.get(*end) == Some(&b'}')) else { return false };
    let inner = inner.get(..end).unwrap_or_default();
    inner.contains(&b',') || inner.windows(2).any(|pair| pair == b"..")
}

fn find(list: &[(&[u8], Construct)], name: &[u8]) -> Option<Construct> {
    list.iter().find(|(known, _)| *known == name).map(|(_, construct)| *construct)
}

/// What in a command depends on the shell.
pub(super) fn of_command(command: &Command) -> Vec<Construct> {
    let Some((first, rest)) = command.words.split_first() else { return Vec::new() };
    let mut found = Vec::new();
    match first.parts.as_slice() {
        [Part::Text(name), Part::Pattern(key), Part::Text(value), ..]
            if is_name(name) && key.starts_with(b"[") && (value.starts_with(b"=") || value.starts_with(b"+=")) =>
        {
            found.push(ASSIGNED_ELEMENT);
        }
        _ => {}
    }
    let Some(name) = first.literal().filter(|_| first.is_plain()) else { return found };
    found.extend(find(BUILTINS, name));
    let says = |words: &[&[u8]]| rest.iter().any(|word| word.literal().is_some_and(|text| words.contains(&text)));
    let letters = letters(rest);
    let has = |wanted: &[u8]| letters.iter().any(|letter| wanted.contains(letter));
    let more: [Option<Construct>; 2] = match name {
        b"[" | b"test" => [says(&[b"=="]).then_some(EQUALS), says(&[b"-v"]).then_some(TEST_VARIABLE)],
        b"local" => [has(b"aAinrlux").then_some(LOCAL), None],
        b"export" if has(b"p") => [Some(PRINTED), None],
        b"export" => [has(b"n").then_some(UNEXPORT), has(b"f").then_some(EXPORT_FUNCTION)],
        b"read" => read(rest),
        b"printf" => printf(rest),
        b"echo" => echo(rest),
        b"trap" => {
            let signal = |word: &Word| word.literal().is_some_and(|text| text.starts_with(b"SIG"));
            [says(&[b"ERR", b"DEBUG", b"RETURN"]).then_some(TRAP), rest.iter().skip(1).any(signal).then_some(SIGNAL)]
        }
        b"kill" => {
            let signal = |word: &Word| word.literal().is_some_and(|text| text.starts_with(b"-SIG"));
            [rest.iter().any(signal).then_some(SIGNAL), (says(&[b"-l"]) && rest.len() == 1).then_some(KILL_LIST)]
        }
        b"." => [rest.get(1).map(|_| GIVEN), None],
        b"exit" | b"return" => [rest.first().is_some_and(|word| texts(word).starts_with(b"-")).then_some(NEGATIVE), None],
        b"ulimit" => [has(b"a").then_some(LIMITS), None],
        b"readonly" => [has(b"p").then_some(PRINTED), None],
        b"type" => [has(b"aptPf").then_some(TYPE), None],
        b"exec" => [has(b"acl").then_some(EXEC), None],
        b"wait" => [has(b"n").then_some(WAIT), None],
        b"set" => set(rest),
        _ => [None, None],
    };
    found.extend(more.into_iter().flatten());
    found
}

pub(super) fn is_name(text: &[u8]) -> bool {
    text.first().is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_')
        && text.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
}

/// The letters of the options that stand before the first operand.
fn letters(words: &[Word]) -> Vec<u8> {
    let texts = words.iter().map_while(Word::literal).take_while(|text| text.starts_with(b"-") && text.len() > 1 && *text != b"--");
    texts.flat_map(|text| text.iter().skip(1).copied()).collect()
}

/// `read`, whose options may take values.
fn read(words: &[Word]) -> [Option<Construct>; 2] {
    const VALUED: &[u8] = b"ptnNduai";
    let (mut seen, mut at) = (Vec::new(), 0);
    while let Some(text) = words.get(at).and_then(Word::literal).filter(|text| text.starts_with(b"-") && text.len() > 1) {
        let options = text.get(1..).unwrap_or_default();
        let valued = options.iter().position(|letter| VALUED.contains(letter));
        let shown = valued.map_or(options, |end| options.get(..=end).unwrap_or_default());
        seen.extend_from_slice(shown);
        // A value follows its letter, or is the next word.
        at += if valued.is_some_and(|end| end + 1 == options.len()) { 2 } else { 1 };
    }
    let has = |wanted: &[u8]| seen.iter().any(|letter| wanted.contains(letter));
    let option = if has(b"aeiN") { Some(READ_ARRAY) } else { has(b"tnsdu").then_some(READ) };
    [option, (words.get(at).is_none() && !has(b"a")).then_some(READ_REPLY)]
}

fn printf(words: &[Word]) -> [Option<Construct>; 2] {
    let text = words.first().map(texts).unwrap_or_default();
    let has = |needle: &[u8]| text.windows(needle.len()).any(|window| window == needle);
    let own = text == b"-v" || has(b"%q") || has(b"%(");
    let escaped = |text: &[u8]| text.windows(2).any(|pair| matches!(pair, [b'\\', b'x' | b'u' | b'U']));
    // `%b` replaces them in what it prints too.
    let escapes = escaped(&text) || (has(b"%b") && words.iter().skip(1).any(|word| escaped(&texts(word))));
    [own.then_some(PRINTF), escapes.then_some(PRINTF_ESCAPES)]
}

/// dash's `echo` replaces escapes and has no options but `-n`; bash and busybox replace them after `-e` alone.
fn echo(words: &[Word]) -> [Option<Construct>; 2] {
    let option = |word: &Word| {
        word.literal().is_some_and(|text| text.len() > 1 && text.starts_with(b"-") && text.iter().skip(1).all(|byte| b"neE".contains(byte)))
    };
    let options: Vec<&Word> = words.iter().take_while(|word| option(word)).collect();
    // What follows -n is read in the same way by all; `-n` in another place, or with other letters, is not.
    let plain = options.iter().filter(|word| word.literal() == Some(b"-n")).count();
    if plain < options.len() || plain > 1 {
        return [Some(ECHO), None];
    }
    let escaped = |word: &Word| texts(word).windows(2).any(|pair| matches!(pair, [b'\\', next] if b"abcfnrtv0\\".contains(next)));
    [None, words.iter().any(escaped).then_some(ECHO_ESCAPES)]
}

fn set(words: &[Word]) -> [Option<Construct>; 2] {
    const NAMES: [&[u8]; 13] = [
        b"allexport",
        b"errexit",
        b"ignoreeof",
        b"monitor",
        b"noclobber",
        b"noglob",
        b"noexec",
        b"nounset",
        b"verbose",
        b"vi",
        b"emacs",
        b"notify",
        b"xtrace",
    ];
    let (mut pipefail, mut named, mut other, mut at) = (false, false, None, 0);
    while let Some(text) = words.get(at).and_then(Word::literal).filter(|text| text.starts_with(b"-") || text.starts_with(b"+")) {
        if text == b"--" || text == b"-" {
            break;
        }
        if text.iter().skip(1).any(|letter| *letter == b'o') {
            at += 1;
            match words.get(at).and_then(Word::literal) {
                Some(b"pipefail") => pipefail = true,
                Some(name) if !NAMES.contains(&name) => named = true,
                _ => {}
            }
        }
        if text.iter().skip(1).any(|letter| b"BTHPhkrt".contains(letter)) {
            other = Some(SET);
        } else if text.contains(&b'E') {
            other = other.or(Some(SET_TRAPS));
        }
        at += 1;
    }
    [pipefail.then_some(PIPEFAIL), other.or(named.then_some(SET_NAMED))]
}

/// The texts of a word, whatever lies between them.
fn texts(word: &Word) -> Vec<u8> {
    let text = |part: &Part| if let Part::Text(text) = part { text.clone() } else { Vec::new() };
    word.parts.iter().flat_map(text).collect()
}

/// `NAME+=TEXT`
pub(super) fn appended(word: &Word) -> Option<Construct> {
    let Some(Part::Text(text)) = word.parts.first() else { return None };
    let name = text.split(|byte| *byte == b'=').next()?;
    name.strip_suffix(b"+").filter(|name| is_name(name)).map(|_| APPENDED)
}

#[cfg(test)]
mod tests {
    use super::super::Script;

    /// What a text has, and whether nothing goes on where a shell lacks it.
    fn met(text: &str) -> Vec<(&'static str, bool)> {
        Script::parse(text.as_bytes()).met.iter().map(|met| (met.construct.text, met.certain)).collect()
    }

    #[test]
    fn what_shells_understand_in_their_own_way_is_found() {
        let mut wrong = Vec::new();
        for (text, expected) in [
            ("a=(1 2)", ("an array", true)),
            ("if a; then b=(1); fi", ("an array", true)),
            ("exec bash\nb=(1)", ("an array", false)),
            ("cat <<< a", ("<<<", true)),
            ("cat <(a)", ("<( )", true)),
            ("function f { a; }", ("the word function", true)),
            ("select x in a; do b; done", ("select", true)),
            ("for ((i=0; i<3; i++)); do a; done", ("for (( ))", true)),
            ("a |& b", ("|&", true)),
            ("case a in a) b ;& c) d ;; esac", (";& in case", true)),
            ("a >& file", (">& with a file", true)),
            ("a &> file", ("&>", false)),
            ("((a++)); b", ("(( ))", false)),
            ("set -e\n((a++)); b", ("(( ))", true)),
            ("a $((2**3))", ("**, a comma or BASE# in $(( ))", true)),
            ("foo-bar() { a; }", ("a name of a function", true)),
            ("a && b ${c//d}", ("${NAME/TEXT/TEXT}", false)),
            ("while a; do b ${c//d}; done", ("${NAME/TEXT/TEXT}", false)),
            ("a $((i++))", ("++ or -- in $(( ))", false)),
            ("a $'b'", ("$' '", false)),
            ("a $\"b\"", ("$\" \"", false)),
            ("a {b,c}", ("{a,b}", false)),
            ("a {1..3}", ("{a,b}", false)),
            ("a ${b/c/d}; e", ("${NAME/TEXT/TEXT}", true)),
            ("a || b ${b//c}", ("${NAME/TEXT/TEXT}", false)),
            ("(a ${b//c})", ("${NAME/TEXT/TEXT}", false)),
            ("a ${b//c} | d", ("${NAME/TEXT/TEXT}", false)),
            ("a ${b//c} & d", ("${NAME/TEXT/TEXT}", false)),
            ("f() { a ${b//c}; }", ("${NAME/TEXT/TEXT}", false)),
            ("a \"${b:1:2}\"", ("${NAME:START:LENGTH}", true)),
            ("a ${b^^}", ("${NAME^} or ${NAME,}", true)),
            ("a ${b@Q}", ("${NAME@LETTER}", true)),
            ("a ${!b}", ("${!NAME}", true)),
            ("a ${b[0]}", ("${NAME[KEY]}", true)),
            ("a ${#b[@]}", ("${NAME[KEY]}", true)),
            ("b[0]=x", ("an element of an array", true)),
            ("b+=x", ("NAME+=TEXT", true)),
            ("b+=x; a", ("NAME+=TEXT", false)),
            ("exec {fd}>x", ("{NAME}>", false)),
            ("[[ a ]]", ("[[ ]]", true)),
            ("if [[ a ]]; then b; fi", ("[[ ]]", false)),
            ("[ a == b ]; c", ("== in [ ]", false)),
            ("test a == b", ("== in [ ]", true)),
            ("source a; b", ("source", false)),
            ("set -e; shopt -s a; b", ("shopt", true)),
            ("set -o pipefail\na", ("set -o pipefail", true)),
            ("set -euo pipefail\na", ("set -o pipefail", true)),
            ("set -E\na", ("set -E", false)),
            ("set -T\na", ("an option of set", true)),
            ("set -o posix\na", ("a name after set -o", true)),
            ("read -t 1 a\nb", ("an option of read", false)),
            ("read -ra a\nb", ("read -a", false)),
            ("read -rp 'a b'\nb", ("read without a name", false)),
            ("printf '%q' a\nb", ("%q, %( )T or -v of printf", false)),
            ("printf '\\x41'", ("escapes of printf", false)),
            ("echo -e a", ("echo -e", false)),
            ("echo 'a\\tb'", ("escapes of echo", false)),
            ("echo \"$a\\n\"", ("escapes of echo", false)),
            ("printf %b '\\x41'", ("escapes of printf", false)),
            ("case a in [^b]*) c ;; esac", ("[^ ] in a pattern", false)),
            ("for a in /b/[^c]*; do d; done", ("[^ ] in a pattern", false)),
            ("a ${b#[^c]}", ("[^ ] in a pattern", false)),
            ("exec 10>a\nb", ("a descriptor of two digits", false)),
            ("set -e\n(flock 200) 200>a", ("a descriptor of two digits", false)),
            ("a \"$(<b)\"", ("$(<FILE)", false)),
            (". ./a b", ("words after . FILE", false)),
            ("exit -1", ("exit with a sign", true)),
            ("trap a ERR\nb", ("a trap for ERR, DEBUG or RETURN", false)),
            ("trap a SIGTERM\nb", ("a signal with SIG before it", false)),
            ("type -t a\nb", ("an option of type", false)),
            ("exec -a b c", ("an option of exec", true)),
            ("echo $RANDOM", ("$RANDOM", false)),
            ("echo ${BASH_SOURCE}", ("$BASH_SOURCE", false)),
            ("time a\nb", ("time", false)),
            ("kill -l", ("kill -l", false)),
            ("ulimit -a", ("ulimit -a", false)),
            ("export -p", ("export -p or readonly -p", false)),
            ("cat <<END\n${a//b/c}\nEND\n", ("${NAME/TEXT/TEXT}", false)),
        ] {
            wrong.extend(Some((text, met(text))).filter(|(_, met)| *met != [expected]));
        }
        assert_eq!(wrong, []);
    }

    #[test]
    fn what_all_shells_understand_is_no_construct() {
        for text in [
            "a=b; f() { local c=$1; }; f; echo -n a; echo \"a b\" \\\n c; read -r a; read -p x b; set -eu; set -- a b",
            "case $a in b|c) d ;; esac; for x in 1 2; do y; done; [ a = b ] && c; echo ${a:-b} ${a%/*} ${a##*/} ${#a} $((1 + 2))",
            "a 2>&1 >&2 <&3 >&- | b; find . -exec c {} \\; ; ulimit -n 99; kill -l 9; readonly x=1; { a; b; }; awk '{ print $1, $2 }' f; echo '$RANDOM {a,b}'",
            "trap 'a' EXIT INT TERM; kill -TERM 1; cat <<'END'\n${a//b/c} $(x <<< y)\nEND\nprintf '%s\\n' a; command -v a; export A=b",
            "echo \"cost $\" \"$a\"; x=$(a \"$b\"); . ./c",
            "sed 's/[[:space:]]*//' f; grep 'a==b' f; curl -d {\"a\":1} x",
        ] {
            assert_eq!(met(text), [], "{text}");
        }
    }
}
