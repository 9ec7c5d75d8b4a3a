//! The variables of the config that the move changes, and who names them.

use std::collections::{BTreeMap, BTreeSet};

use super::changed;
use crate::format::elf;
use crate::foundation::{Code, Finding, Severity};
use crate::plan::verdict::compare::{Comparison, contains};
use crate::plan::verdict::loader::shown;
use crate::plan::verdict::shell::{Command, Part, Script, Word};
use crate::plan::verdict::trace::{Trace, Use};
use crate::plan::verdict::view::View;
use crate::read::rootfs::Entry;

/// Variables that say where something is looked for: what is found with the new value was followed.
const FOLLOWED: &[&[u8]] = &[b"PATH", b"LD_LIBRARY_PATH", b"PYTHONPATH", b"PERL5LIB", b"RUBYLIB"];

/// A value before and after the move; none if the variable is not set.
type Values<'v> = [Option<&'v [u8]>; 2];

/// Whose a text is: what the app wrote may name a variable in any way, the files of the base do it in one of their languages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Author {
    App,
    Base,
    /// A file that is read for its `$NAME`.
    Template,
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Whether a text has a name as a word of its own, in a form in which its author names variables.
fn has_word(text: &[u8], name: &[u8], author: Author) -> bool {
    let places = text.windows(name.len()).enumerate().filter(|(_, window)| *window == name).map(|(at, _)| at);
    let mut places =
        places.map(|at| (at, at.checked_sub(1).and_then(|before| text.get(before)).copied(), text.get(at + name.len()).copied()));
    places.any(|(at, before, after)| {
        let whole = !before.is_some_and(is_word) && !after.is_some_and(is_word);
        let expanded = before == Some(b'$') || (before == Some(b'{') && at > 1 && text.get(at - 2) == Some(&b'$'));
        let quoted = matches!((before, after), (Some(b'"'), Some(b'"')) | (Some(b'\''), Some(b'\'')) | (Some(b'{'), Some(b'}')));
        whole
            && match author {
                Author::App => expanded || !is_comment(text, at),
                Author::Base => expanded || quoted,
                Author::Template => expanded,
            }
    })
}

/// Whether a place is in a line that begins with `#`.
fn is_comment(text: &[u8], at: usize) -> bool {
    let before = text.get(..at).unwrap_or_default();
    let line = before.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    line.trim_ascii_start().starts_with(b"#") && !line.starts_with(b"#!")
}

/// Whether a program names a variable. Texts of Go and Rust have no ends, and a linker lets a short text be the end of a longer one.
fn program_names(bytes: &[u8], name: &[u8], author: Author) -> bool {
    let endless = || contains(bytes, b"Go buildinf:") || contains(bytes, b"RUST_BACKTRACE");
    let mut texts = bytes.split(|byte| *byte == 0);
    match author {
        Author::Base => texts.any(|text| text == name),
        _ => texts.any(|text| text.ends_with(name)) || (endless() && contains(bytes, name)),
    }
}

fn names(bytes: &[u8], name: &[u8], author: Author) -> bool {
    if bytes.starts_with(elf::MAGIC) { program_names(bytes, name, author) } else { has_word(bytes, name, author) }
}

impl Comparison<'_> {
    /// Variables with another value, or with one only before or only after the move.
    fn other_variables(&self) -> BTreeMap<&[u8], Values<'_>> {
        let all = self.old.launch.environment.iter().chain(&self.new.launch.environment).map(|(name, _)| name.as_slice());
        let values = all.map(|name| (name, [self.old.launch.variable(name), self.new.launch.variable(name)]));
        values.filter(|(name, [before, after])| !name.is_empty() && before != after).collect()
    }

    /// Variables that are not what they were and that something reached names; where the shell is known to stop without one, it breaks.
    pub(super) fn variables(&self, findings: &mut Vec<Finding>) {
        let mut others = self.other_variables();
        if let Some(by) = self.to.environment.iter().next().filter(|_| !others.is_empty()) {
            let list: Vec<String> = others.keys().map(|name| shown(name)).collect();
            let message = format!("all variables are printed, and some of the config are other ones: {}", list.join(", "));
            findings.push(super::finding(Code::VerdictChanged, false, message, by));
        }
        others.retain(|name, _| !FOLLOWED.contains(name));
        if others.is_empty() {
            return;
        }
        let texts = self.texts();
        for (name, values) in others {
            // Loaders read theirs letter by letter.
            let loader = Some(Trace::CONFIG).filter(|_| name.starts_with(b"LD_"));
            let named = || texts.iter().find(|(_, author, bytes)| names(bytes, name, *author)).map(|(by, _, _)| by.as_str());
            let Some(by) = loader.or_else(named) else { continue };
            let [before, after] = values.map(|value| value.map_or_else(|| "not set".to_owned(), shown));
            let message = format!("a variable of the config that is read is not what it was: {}", shown(name));
            let found = changed(Code::VerdictChanged, message, by, [before, after]);
            let lost = values[0].is_some_and(|value| !value.is_empty()) && values[1].is_none_or(<[u8]>::is_empty);
            let stopped = lost && self.ends_without(name, values[1]);
            findings.push(if stopped { found.severity(Severity::Damage) } else { found });
        }
    }

    /// The texts that may name a variable, those of the app first: by whom, and whose they are.
    fn texts(&self) -> Vec<(String, Author, &[u8])> {
        let entries = |path: &Vec<u8>| Some((path.clone(), self.new.find(path)?));
        let author = |entry: Entry<'_>| if self.new.is_own(entry) { Author::App } else { Author::Base };
        let reached = self.to.reached.iter().filter_map(entries).map(|(path, entry)| (path, entry, author(entry)));
        let read = self.to.uses.iter().filter(|(_, (how, ..))| *how > Use::Named).map(|(path, _)| path).filter_map(entries);
        let read = read.filter(|(_, entry)| self.new.is_own(*entry)).map(|(path, entry)| (path, entry, Author::Template));
        let named = |path: &[u8]| format!("/{}", shown(path.strip_prefix(b"/").unwrap_or(path)));
        let files = reached.chain(read).filter_map(|(path, entry, author)| Some((named(&path), author, self.new.bytes(entry)?)));
        let launch = &self.new.launch;
        let words = launch.arguments.iter().chain(&launch.health).map(|word| (Trace::CONFIG.to_owned(), Author::App, word.as_slice()));
        let mut all: Vec<_> = words.chain(files).collect();
        all.sort_by_key(|(_, author, _)| *author == Author::Base);
        all
    }

    /// Whether the script that the image starts is certain to end without a variable, or to start nothing.
    fn ends_without(&self, name: &[u8], value: Option<&[u8]>) -> bool {
        let Some(text) = first_script(self.new) else { return false };
        let script = Script::parse(text);
        let first_line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let mut strict = first_line.starts_with(b"#!") && first_line.windows(2).any(|pair| pair == b" -") && first_line.contains(&b'u');
        let demanded = demands(text, name);
        for command in &script.commands {
            let words = command.words.iter().chain(command.assignments.iter().map(|(_, word)| word));
            let takes = words.clone().any(|word| is_taken(word, name));
            if command.is_certain() && !command.apart && takes && (demanded || (strict && value.is_none()) || starts_with(command, name)) {
                return true;
            }
            if sets(command, name) {
                return false;
            }
            strict |= command.is_certain() && !command.apart && is_strict(command);
        }
        false
    }
}

/// The text of the script that an image starts with a shell.
fn first_script(view: &View) -> Option<&[u8]> {
    let is_shell = |name: &[u8]| [&b"sh"[..], b"dash", b"bash", b"ash"].contains(&name);
    let last = |path: &[u8]| path.rsplit(|byte| *byte == b'/').next().unwrap_or_default().to_vec();
    let (first, rest) = view.launch.arguments.split_first()?;
    match rest {
        [flag, text, ..] if is_shell(&last(first)) && flag == b"-c" => return Some(text),
        [file, ..] if is_shell(&last(first)) && !file.starts_with(b"-") => return view.text(&view.absolute(file)),
        _ => {}
    }
    let text = view.text(&view.command(first)?)?;
    let line = text.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let interpreter = last(words.next()?);
    let interpreter = if interpreter == b"env" { last(words.next()?) } else { interpreter };
    is_shell(&interpreter).then_some(text)
}

/// Whether each time that a script takes a variable it demands a value: `${NAME:?}`.
fn demands(text: &[u8], name: &[u8]) -> bool {
    let places = |start: &[u8]| -> Vec<usize> {
        let all = [start, name].concat();
        let ends = |at: &usize| !text.get(at + all.len()).copied().is_some_and(is_word);
        text.windows(all.len())
            .enumerate()
            .filter(|(_, window)| *window == all)
            .map(|(at, _)| at + all.len())
            .filter(|at| ends(&(at - all.len())))
            .collect()
    };
    let braced = places(b"${");
    let demanded = |at: &usize| text.get(*at..).is_some_and(|rest| rest.starts_with(b":?"));
    places(b"$").is_empty() && !braced.is_empty() && braced.iter().all(demanded)
}

/// Whether a word takes the value of a variable as it is.
fn is_taken(word: &Word, name: &[u8]) -> bool {
    word.parts.iter().any(|part| matches!(part, Part::Variable(taken, None) if taken == name))
}

/// `exec $NAME`, which starts nothing where nothing is left of the word.
fn starts_with(command: &Command, name: &[u8]) -> bool {
    let [first, second] = command.words.as_slice() else { return false };
    first.literal() == Some(b"exec") && second.is_plain() && second.parts.len() == 1 && is_taken(second, name)
}

/// Whether a command may give a variable a value: then the value of the config does not count from there on.
fn sets(command: &Command, name: &[u8]) -> bool {
    let assigned = command.assignments.iter().any(|(assigned, _)| assigned == name);
    let first = command.words.first().and_then(Word::literal).unwrap_or_default();
    let naming: BTreeSet<&[u8]> =
        [&b"read"[..], b".", b"source", b"eval", b"export", b"local", b"declare", b"typeset", b"readonly", b"getopts"].into();
    assigned || naming.contains(first) || command.words.first().is_some_and(|word| word.literal().is_none())
}

/// `set -u`, with which a shell ends at a variable that is not set.
fn is_strict(command: &Command) -> bool {
    let words: Vec<&[u8]> = command.words.iter().map_while(Word::literal).collect();
    let Some((first, rest)) = words.split_first() else { return false };
    let flags = rest.iter().take_while(|word| word.starts_with(b"-") && **word != b"--");
    *first == b"set" && (flags.clone().any(|word| word.contains(&b'u')) || rest.windows(2).any(|pair| pair == [&b"-o"[..], b"nounset"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_names_a_variable_as_its_author_does() {
        let said = |text: &str, author| names(text.as_bytes(), b"MODE", author);
        for text in ["echo $MODE", "x=${MODE:-a}", "printenv MODE", "os.environ['MODE']", "$ENV{MODE}", "# ${MODE}"] {
            assert!(said(text, Author::App), "{text}");
        }
        for text in ["# MODE says how", "MODEL=1", "A_MODE=1", "mode"] {
            assert!(!said(text, Author::App), "{text}");
        }
        assert!(said("if $MODE", Author::Base) && said("getenv(\"MODE\")", Author::Base) && !said("a MODE of many", Author::Base));
        assert!(said("listen ${MODE};", Author::Template) && !said("the 'MODE'", Author::Template));
    }

    #[test]
    fn a_program_names_a_variable_by_a_whole_text_unless_its_texts_have_no_ends() {
        let program = |text: &str| [elf::MAGIC, b"\0", text.as_bytes()].concat();
        let said = |text: &str, author| names(&program(text), b"MODE", author);
        assert!(said("a\0MODE\0", Author::App) && said("a\0MODE\0", Author::Base));
        assert!(said("APP_MODE\0", Author::App), "a linker puts MODE into the end of it");
        assert!(!said("APP_MODE\0", Author::Base) && !said("MODEL\0", Author::App));
        assert!(said("xMODEx Go buildinf:", Author::App) && said("xMODEx RUST_BACKTRACE", Author::App));
    }

    #[test]
    fn only_a_script_that_always_demands_a_value_demands_it() {
        let demanding = |text: &str| demands(text.as_bytes(), b"MODE");
        assert!(demanding(": ${MODE:?}") && demanding("a ${MODE:?no} ${MODEL}"));
        assert!(!demanding("${MODE:?} $MODE") && !demanding("${MODE:?} ${MODE:-a}") && !demanding("MODE"));
    }

    #[test]
    fn a_shell_is_told_to_be_strict() {
        let strict = |text: &str| Script::parse(text.as_bytes()).commands.iter().any(is_strict);
        assert!(strict("set -u") && strict("set -eu") && strict("set -e -u") && strict("set -o nounset") && strict("set -euo pipefail"));
        assert!(!strict("set -e") && !strict("set -- -u") && !strict("set +u") && !strict("echo -u"));
    }
}
