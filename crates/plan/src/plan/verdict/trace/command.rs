//! One command of a script.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::commands::BUILTINS;
use super::pattern::matching;
use super::wrap::options;
use super::{Argument, Caller, Input, Text, Trace, Use, one};
use crate::format::tar::Kind;
use crate::foundation::Code;
use crate::plan::verdict::loader::shown;
use crate::plan::verdict::shell::{Command, Family, Part, Variables, Word, values};

/// How many directories a script may be in.
const MOST_DIRECTORIES: usize = 8;

/// A command where it stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standing<'a> {
    pub(super) command: &'a Command,
    /// The script.
    pub(super) place: &'a str,
    /// Its number in the script.
    pub(super) number: usize,
    /// How many programs started each other up to the script.
    pub(super) depth: usize,
}

impl<'a> Standing<'a> {
    fn caller(self) -> Caller<'a> {
        Caller { by: self.place, guarded: !self.command.is_needed(), depth: self.depth + 1 }
    }
}

/// What a command is given.
#[derive(Default)]
struct Operands {
    given: Vec<Argument>,
    /// The values of words that may have several, by their positions.
    several: Vec<(usize, Vec<Vec<u8>>)>,
}

/// Whether the shell splits what a word holds: it has a variable, and nothing of it stands in quotes.
pub(super) fn is_split(word: &Word) -> bool {
    word.is_plain() && word.parts.iter().any(|part| matches!(part, Part::Variable(..)))
}

/// The words in a value.
pub(super) fn tokens(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(u8::is_ascii_whitespace).filter(|token| !token.is_empty())
}

/// The name of a command and what it is given, where the name stands in a variable with more.
fn split_word(first: &Word, name: Vec<u8>, rest: &[Argument]) -> (Vec<u8>, Vec<Argument>) {
    if !is_split(first) || !name.iter().any(u8::is_ascii_whitespace) {
        return (name, rest.to_vec());
    }
    let mut all = tokens(&name).map(|token| Some(token.to_vec())).chain(rest.iter().cloned());
    let name = all.next().flatten().unwrap_or_default();
    (name, all.collect())
}

/// `"$@"` or `$*`
pub(super) fn is_all_given(word: &Word) -> bool {
    matches!(word.parts.as_slice(), [Part::Variable(name, None)] if name == b"@" || name == b"*")
}

impl Trace<'_> {
    /// The values of a word, with the files that its pattern matches.
    pub(super) fn values(&mut self, word: &Word, place: &str, variables: &Variables) -> Option<Vec<Vec<u8>>> {
        if !word.parts.iter().any(|part| matches!(part, Part::Pattern(_))) {
            return values(word, variables);
        }
        let mut pattern = Vec::new();
        for part in &word.parts {
            match part {
                Part::Pattern(text) => pattern.extend(text.iter().map(|byte| (*byte, true))),
                part => {
                    let part = Word::of(part.clone());
                    pattern.extend(one(&part, variables)?.into_iter().map(|byte| (byte, false)));
                }
            }
        }
        let mut found = BTreeSet::new();
        for directory in &self.directories {
            found.extend(matching(self.view, directory, &pattern));
        }
        let text: Vec<u8> = pattern.iter().map(|(byte, _)| *byte).collect();
        self.found.patterns.insert((place.to_owned(), shown(&text)), found.clone());
        // What matches nothing stands for itself.
        Some(if found.is_empty() { vec![text] } else { found.into_iter().collect() })
    }

    /// A command of a script that was given `arguments`.
    pub(super) fn command(&mut self, at: Standing<'_>, arguments: &[Argument]) {
        let before = self.own_input.clone();
        // Of what functions are called with it is not known what they read.
        if at.command.fed || !at.command.reads.is_empty() || at.command.function.is_some() {
            self.own_input = Input::Unknown;
        }
        self.follow(at, arguments);
        // `exec < FILE` counts from then on.
        let stays = !at.command.reads.is_empty() && at.command.words.first().and_then(Word::literal) == Some(b"exec");
        if !stays {
            self.own_input = before;
        }
    }

    fn follow(&mut self, at: Standing<'_>, arguments: &[Argument]) {
        let Standing { command, place, .. } = at;
        let variables = Rc::clone(&self.inherited);
        for (name, word) in &command.assignments {
            self.tainted.insert(name.clone());
            self.setting(name, values(word, &variables).iter().flatten(), place);
        }
        self.outputs(at, arguments);
        self.redirections(at, &variables);
        let mut words = command.words.as_slice();
        // A variable that is empty leaves nothing of a word.
        while let Some((first, rest)) = words.split_first() {
            if first.is_plain() && !rest.is_empty() && one(first, &variables).is_some_and(|name| name.is_empty()) {
                words = rest;
            } else {
                break;
            }
        }
        if words.is_empty() {
            return;
        }
        self.input = match command.documents.last() {
            Some(word) => one(word, &variables).map_or(Input::Unknown, Input::Known),
            // It reads what the script reads.
            None => self.own_input.clone(),
        };
        let mut lists = self.with_arrays(words);
        if lists.len() == 1 {
            return lists.into_iter().for_each(|words| self.command_with(at, &words, arguments));
        }
        // Of several lists those that begin with no command are none that it runs.
        lists.sort_by_key(|words| words.split_first().is_none_or(|words| self.begins(words, arguments).is_err()));
        let run = lists.iter().filter(|words| words.split_first().is_some_and(|words| self.begins(words, arguments).is_ok())).count();
        for words in lists.iter().take(if run > 0 { run } else { lists.len() }) {
            self.command_with(at, words, arguments);
        }
        for words in lists.iter().skip(run).filter(|_| run > 0) {
            if let Some(Err(Some(name))) = words.split_first().map(|words| self.begins(words, arguments)) {
                self.lacks_one(&name, at.place);
            }
        }
    }

    /// A name that is one of several, of which some are there, is not there.
    fn lacks_one(&mut self, name: &[u8], place: &str) {
        let code = if name.contains(&b'/') { Code::VerdictMissing } else { Code::VerdictCommand };
        self.lack(code, name, place, false);
    }

    /// A command with its words.
    fn command_with(&mut self, at: Standing<'_>, words: &[Word], arguments: &[Argument]) {
        let Standing { command, place, .. } = at;
        let Some((first, rest)) = words.split_first() else { return };
        let Some(list) = self.given.first().filter(|_| command.function.is_none()) else {
            return self.command_on(at, (first, rest), arguments);
        };
        if self.given.len() == 1 || !words.iter().any(is_all_given) {
            let list = list.clone();
            return self.command_on(at, (first, rest), &list);
        }
        // What a script was given may have been set by it, for one case or the other. A list that does not begin with a command is then
        // none that it runs.
        let (run, other): (Vec<_>, Vec<_>) = self.given.clone().into_iter().partition(|list| self.begins((first, rest), list).is_ok());
        for list in run.iter().chain(other.iter().filter(|_| run.is_empty())) {
            self.command_on(at, (first, rest), list);
        }
        let lost: Vec<_> = other.iter().filter_map(|list| self.begins((first, rest), list).err().flatten()).collect();
        for name in lost.into_iter().filter(|_| !run.is_empty()) {
            self.lacks_one(&name, place);
        }
    }

    /// Whether a command that is given a list of words runs something that is there; its name if not.
    fn begins(&self, (first, rest): (&Word, &[Word]), given: &[Argument]) -> Result<(), Option<Vec<u8>>> {
        let value = |word: &Word| if is_all_given(word) { given.first().cloned().flatten() } else { one(word, &self.inherited) };
        let mut names = std::iter::once(first).chain(rest).map(value);
        let name = names.find(|name| name.as_deref().is_none_or(|name| ![&b"exec"[..], b"command"].contains(&name))).flatten();
        let is_known = |name: &Vec<u8>| self.find(name).is_some() || BUILTINS.contains(&name.as_slice()) || self.functions.contains(name);
        if name.as_ref().is_some_and(is_known) { Ok(()) } else { Err(name) }
    }

    /// A command of a script that was given `arguments`.
    fn command_on(&mut self, at: Standing<'_>, (first, rest): (&Word, &[Word]), arguments: &[Argument]) {
        let place = at.place;
        let variables = Rc::clone(&self.inherited);
        // `"$@"` is what the script was given.
        if first.parts.first() == Some(&Part::Variable(b"@".to_vec(), None)) {
            return match arguments.split_first() {
                Some((Some(name), _)) if self.functions.contains(name) => {}
                Some((Some(name), rest)) => self.call(name, rest, at),
                Some((None, _)) => self.unclear(place, "it runs a command whose name is only known when it runs"),
                None => {}
            };
        }
        let Some(names) = self.values(first, place, &variables) else {
            return self.unclear(place, "it runs a command whose name is only known when it runs");
        };
        let words = rest;
        let Operands { given: rest, several } = self.operands(words, arguments, at);
        let names = self.those_there(at, first, names);
        // `exec "$NAME"`
        let starts = first.literal().is_some_and(|name| name == b"exec" || name == b"command");
        let several: Vec<(usize, Vec<Vec<u8>>)> = several
            .into_iter()
            .map(|(number, values)| match words.first() {
                Some(word) if starts && number == 0 => (number, self.those_there(at, word, values)),
                _ => (number, values),
            })
            .collect();
        for name in names {
            // The shell splits what is in no quotes, and a word of which nothing is left is none.
            let count = rest.len();
            let (name, rest) = split_word(first, name, &rest);
            if name.is_empty() || self.functions.contains(&name) {
                continue;
            }
            self.note_words(words, &name, at);
            match name.as_slice() {
                b"eval" => {
                    self.evaluates(words, arguments, at, false);
                    continue;
                }
                b"trap" if matches!(rest.first(), Some(None)) => {
                    self.evaluates(words.get(..1).unwrap_or_default(), arguments, at, true);
                    continue;
                }
                b"." | b"source" if self.reads_several(words, at) => continue,
                _ => {}
            }
            let shift = rest.len().saturating_sub(count);
            // A test looks at the words itself.
            if several.is_empty() || [&b"["[..], b"test", b"[["].contains(&name.as_slice()) {
                self.call(&name, &rest, at);
                continue;
            }
            let with = |rest: &mut Vec<Argument>, number: usize, value: Option<&Vec<u8>>| {
                if let Some(word) = rest.get_mut(number + shift) {
                    *word = value.cloned();
                }
            };
            let mut first = rest;
            for (number, values) in &several {
                with(&mut first, *number, values.first());
            }
            // One word after the other takes each of its values.
            for (number, values) in &several {
                for value in values {
                    let mut rest = first.clone();
                    with(&mut rest, *number, Some(value));
                    self.call(&name, &rest, at);
                }
            }
        }
    }

    /// Of several names that a command may have those that are there, of which one is the one that it runs: all of them if none is, and if a
    /// loop runs one after the other.
    fn those_there(&mut self, at: Standing<'_>, word: &Word, names: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
        let is_there = |name: &Vec<u8>| {
            let (name, _) = split_word(word, name.clone(), &[]);
            name.is_empty() || self.find(&name).is_some() || BUILTINS.contains(&name.as_slice()) || self.functions.contains(&name)
        };
        let (there, lost): (Vec<_>, Vec<_>) = names.into_iter().partition(|name| at.command.repeated || is_there(name));
        if there.iter().all(Vec::is_empty) {
            return there.into_iter().chain(lost).collect();
        }
        for name in lost {
            self.lacks_one(&split_word(word, name, &[]).0, at.place);
        }
        there
    }

    /// The commands whose output is a part of this one.
    fn outputs(&mut self, at: Standing<'_>, arguments: &[Argument]) {
        let command = at.command;
        let words = command.words.iter().chain(command.assignments.iter().map(|(_, word)| word)).chain(&command.reads);
        let mut parts: Vec<&Part> =
            words.chain(&command.documents).chain(&command.writes).chain(&command.appends).flat_map(|word| &word.parts).collect();
        parts.reverse();
        while let Some(part) = parts.pop() {
            if let Part::List(words) = part {
                parts.extend(words.iter().rev().flat_map(|word| word.parts.iter().rev()));
            }
            if let Part::Output(inner) = part {
                let text = if command.late { Text::Aside } else { Text::Part };
                // An assignment alone has the result of the command; any other command has its own.
                self.without_result(!command.words.is_empty() || !command.is_needed(), |trace| {
                    trace.as_text(text, |trace| trace.script(inner, at.place, arguments, at.depth + 1));
                });
            }
        }
    }

    /// Follows something of which nobody may have the result.
    pub(super) fn without_result(&mut self, ignored: bool, follow: impl FnOnce(&mut Self)) {
        let before = self.ignored;
        self.ignored |= ignored;
        follow(self);
        self.ignored = before;
    }

    /// The files that it reads.
    fn redirections(&mut self, at: Standing<'_>, variables: &Variables) {
        let guarded = !at.command.is_needed();
        for word in &at.command.reads {
            let paths = self.values(word, at.place, variables).into_iter().flatten();
            for path in paths.flat_map(|path| self.meant(&path)).collect::<Vec<_>>() {
                self.uses(&path, Use::Read, at.place, guarded);
            }
        }
    }

    /// What a command is given. A word that may have several values is not known, and is told beside the others.
    fn operands(&mut self, words: &[Word], arguments: &[Argument], at: Standing<'_>) -> Operands {
        let variables = Rc::clone(&self.inherited);
        let Operands { mut given, mut several } = Operands::default();
        for word in words {
            match word.parts.as_slice() {
                _ if is_all_given(word) => given.extend(arguments.iter().cloned()),
                [Part::All(name, skipped)] if name == b"@" => given.extend(arguments.iter().skip(*skipped).cloned()),
                parts if parts.iter().any(|part| matches!(part, Part::Pattern(_))) => match self.values(word, at.place, &variables) {
                    Some(values) => given.extend(values.into_iter().map(Some)),
                    None => given.push(None),
                },
                _ => match values(word, &variables) {
                    Some(values) if values.len() > 1 => {
                        several.push((given.len(), values.into_iter().collect()));
                        given.push(None);
                    }
                    Some(values) => match values.into_iter().next() {
                        Some(value) if is_split(word) => given.extend(tokens(&value).map(|token| Some(token.to_vec()))),
                        value => given.push(value),
                    },
                    None => given.push(None),
                },
            }
        }
        Operands { given, several }
    }

    fn call(&mut self, name: &[u8], rest: &[Argument], at: Standing<'_>) {
        let Standing { command, place, depth, .. } = at;
        let asks = rest
            .first()
            .is_some_and(|flag| name != b"command" || flag.as_ref().is_some_and(|flag| flag.starts_with(b"-v") || flag.starts_with(b"-V")));
        match name {
            b"[" | b"test" | b"[[" => self.test(command, place, at.number),
            b"command" | b"which" | b"type" | b"hash" if asks => self.asks(rest, at),
            b"type" | b"hash" => {}
            b"exec" => self.spawn(rest.get(options(rest, &[b"-a"])..).unwrap_or_default(), at.caller()),
            b"command" | b"builtin" => self.spawn(rest, at.caller()),
            b"eval" => match rest.iter().cloned().collect::<Option<Vec<_>>>() {
                Some(words) => self.as_text(Text::Aside, |trace| trace.script(&words.join(&b' '), place, &[], depth + 1)),
                None => self.unclear(place, "what it evaluates is only known when it runs"),
            },
            b"trap" => match rest.first() {
                // What is reset or ignored runs nothing.
                Some(Some(text)) if text.is_empty() || text == b"-" || text.iter().all(u8::is_ascii_digit) => {}
                Some(Some(text)) => self.without_result(true, |trace| {
                    trace.as_text(Text::Aside, |trace| trace.script(text, place, &[], depth + 1));
                }),
                Some(None) => self.unclear(place, "what it runs at its end is only known when it runs"),
                None => {}
            },
            b"alias" => self.unclear(place, "names that it gives to commands are not followed"),
            b"." | b"source" => self.reads_script(rest, at),
            b"cd" | b"pushd" => self.goes(rest, at),
            name if BUILTINS.contains(&name) => {}
            name => {
                let mut all = vec![Some(name.to_vec())];
                all.extend(rest.iter().cloned());
                self.spawn(&all, at.caller());
            }
        }
    }

    /// `command -v NAME` and the like: whether it is there in this view.
    fn asks(&mut self, rest: &[Argument], at: Standing<'_>) {
        // Of a function that nothing seen calls, it is not known what it is given.
        let is_called = at.command.function.as_ref().is_none_or(|function| self.calls.contains_key(function));
        if is_called && rest.iter().any(Option::is_none) {
            self.unclear(at.place, "it looks for a command whose name is only known when it runs");
        }
        for word in rest.iter().flatten().filter(|word| !word.starts_with(b"-")) {
            let there = self.find(word).is_some() || self.functions.contains(word) || BUILTINS.contains(&word.as_slice());
            let key = (at.place.to_owned(), format!("{}: command -v {}", at.number, shown(word)));
            self.found.tests.insert(key, (there, at.command.decides_end && !self.is_expected()));
            // What is read by the script itself is run or tested.
            if at.command.writes.is_empty() && at.command.appends.is_empty() && self.text == Text::Script {
                self.found.places.entry(word.clone()).or_insert_with(|| at.place.to_owned());
            }
        }
    }

    /// `. FILE`
    pub(super) fn reads_script(&mut self, rest: &[Argument], at: Standing<'_>) {
        let Some((Some(path), rest)) = rest.split_first() else {
            return self.unclear(at.place, "it reads a script whose name is only known when it runs");
        };
        let found = if path.contains(&b'/') {
            self.meant(path).into_iter().find(|path| self.view.exists(path)).unwrap_or_else(|| self.view.absolute(path))
        } else {
            self.find(path).unwrap_or_else(|| path.clone())
        };
        // POSIX: what ends a shell that is not bash, whatever follows.
        let ends = self.shell.as_ref().is_some_and(|shell| matches!(shell.family, Family::Dash | Family::Busybox));
        let comes = !at.command.conditional && !at.command.late && at.command.function.is_none() && self.text == Text::Script;
        self.uses(&found, Use::Read, at.place, !(at.command.is_needed() || (ends && comes)));
        if self.runs_made(&found, at.place) {
            return;
        }
        if self.view.exists(&found) {
            let text = if at.command.is_certain() { Text::Script } else { Text::Aside };
            self.as_text(text, |trace| trace.source(&found, at.place, rest, at.depth));
        }
    }

    /// `cd DIRECTORY`
    fn goes(&mut self, rest: &[Argument], at: Standing<'_>) {
        let mut paths: Vec<Vec<u8>> = Vec::new();
        for path in rest.iter().flatten().filter(|word| !word.starts_with(b"-")) {
            paths.extend(self.meant(path));
        }
        for path in &paths {
            self.uses(path, Use::Named, at.place, !at.command.is_needed());
        }
        // There is one place to go to, and the script goes there or does not do what follows.
        if let ([path], true, Some(_)) = (paths.as_slice(), at.command.is_certain(), rest.first())
            && (self.view.exists(path) || self.made(path, Use::Named) == Some(true) || at.command.leads || path.starts_with(b"/tmp/"))
        {
            self.directories = vec![path.clone()];
            return;
        }
        for path in paths.into_iter().filter(|path| self.view.exists(path)) {
            if self.directories.len() < MOST_DIRECTORIES {
                self.directories.push(path);
            }
        }
    }

    /// A test on files: what it gives in this view.
    fn test(&mut self, command: &Command, place: &str, number: usize) {
        let variables = &self.inherited;
        let words = command.words.get(1..).unwrap_or_default();
        for pair in words.windows(2) {
            let [flag, word] = pair else { continue };
            let Some(flag) = one(flag, &Variables::new()) else { continue };
            let Some(paths) = values(word, variables) else { continue };
            for path in paths.iter().flat_map(|path| self.meant(path)).collect::<Vec<_>>() {
                let Some(value) = self.holds(&flag, &path) else { continue };
                let made = self.made(&path, Use::Named);
                if made == Some(true) {
                    continue;
                }
                let text = format!("{number}: {} {}", shown(&flag), shown(&path));
                let decides = command.decides_end && !self.is_expected() && made.is_none();
                self.found.tests.insert((place.to_owned(), text), (value, decides));
            }
        }
    }

    /// Whether a condition on a file holds; none if it is none on a file.
    fn holds(&self, flag: &[u8], path: &[u8]) -> Option<bool> {
        let entry = self.view.find(path).filter(|_| self.view.enters(path));
        Some(match flag {
            b"-e" | b"-a" => entry.is_some(),
            b"-r" => entry.is_some_and(|entry| self.view.allows(entry, 4)),
            b"-w" => entry.is_some_and(|entry| self.view.allows(entry, 2)),
            b"-f" => entry.is_some_and(|entry| entry.kind() == Kind::File),
            b"-d" => entry.is_some_and(|entry| entry.kind() == Kind::Directory),
            b"-x" => entry.is_some_and(|entry| entry.mode() & 0o111 != 0 && self.view.allows(entry, 1)),
            b"-s" => entry.is_some_and(|entry| entry.content().is_none_or(|content| content.size > 0)),
            b"-h" | b"-L" => self.view.rootfs().lookup(path).is_some_and(|entry| entry.kind() == Kind::Symlink),
            _ => return None,
        })
    }
}
