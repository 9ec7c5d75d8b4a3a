//! Scripts of a shell, with what their variables may hold.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::arrays::{LONGEST_LIST, sets_of};
use super::command::{Standing, is_all_given, is_split, tokens};
use super::libraries::library_path;
use super::{Argument, Input, Shell, Text, Trace, one};
use crate::format::tar::Kind;
use crate::foundation::Code;
use crate::plan::verdict::loader::shown;
use crate::plan::verdict::shell::{Command, Failure, Family, MOST_VALUES, Part, Script, Variables, Word, assignment, values};
use crate::plan::verdict::view::View;
use crate::read::rootfs::split;

/// How deep scripts may read each other.
const DEEPEST_SOURCE: usize = 4;
/// How many lists of words a script may have been given.
const MOST_GIVEN: usize = 16;
/// How deep functions may hand on what they are given.
const DEEPEST_CALL: usize = 4;
/// How many calls of a function are told apart.
const MOST_CALLS: usize = 16;

/// What `shift [COUNT]` leaves of what a script was given. More than there is leaves all.
fn shifted(words: &[Word], given: &[Argument]) -> Vec<Argument> {
    let count = match words.first() {
        None => Some(1),
        Some(word) => word.literal().and_then(|text| std::str::from_utf8(text).ok()?.parse().ok()),
    };
    count.map_or_else(|| vec![None], |count: usize| given.get(count..).unwrap_or(given).to_vec())
}

/// The variables in which a script follows links: `while [ -h "$NAME" ]`.
fn followed_links(script: &Script) -> BTreeSet<Vec<u8>> {
    let mut found = BTreeSet::new();
    for command in &script.commands {
        for pair in command.words.windows(2) {
            if let ([flag, word], true) = (pair, command.words.len() < 6)
                && [Some(&b"-h"[..]), Some(b"-L")].contains(&flag.literal())
                && let [Part::Variable(name, None)] = word.parts.as_slice()
            {
                found.insert(name.clone());
            }
        }
    }
    found
}

/// What variables of loops over all that is given may hold.
fn loop_over(script: &Script, variables: &mut Variables, given: &[Argument]) {
    for (name, words) in script.loops.iter().filter(|(_, words)| words.iter().any(is_all_given)) {
        variables.insert(name.clone(), given.iter().cloned().collect::<Option<BTreeSet<_>>>().filter(|_| words.len() == 1));
    }
}

impl Trace<'_> {
    /// What a variable with a link holds when the script followed it.
    fn follow_link(&self, name: &[u8], variables: &mut Variables) {
        if let Some(Some(known)) = variables.get_mut(name) {
            let real: Vec<Vec<u8>> =
                known.iter().filter_map(|path| self.view.find(path)).map(|entry| [b"/".as_slice(), &entry.path()].concat()).collect();
            known.extend(real);
        }
    }

    /// A shell with its arguments.
    pub(super) fn shell(&mut self, place: &str, arguments: &[Argument], depth: usize) {
        let before = (self.shell.clone(), self.text);
        (self.shell, self.text) = (self.shell_at(place), Text::Script);
        self.shell_runs(place, arguments, depth);
        (self.shell, self.text) = before;
        self.strict = false;
    }

    /// A text that a program gives to the shell.
    pub(super) fn shell_text(&mut self, text: &[u8], place: &str, depth: usize) {
        let before = (self.shell.clone(), self.text);
        (self.shell, self.text) = (self.shell_at(Self::SHELL), Text::Aside);
        if self.shell.is_none() {
            self.lack(Code::VerdictCommand, Self::SHELL.as_bytes(), place, false);
        }
        self.script(text, place, &[], depth);
        (self.shell, self.text) = before;
    }

    /// Follows something that belongs to the script in that way, or less.
    pub(super) fn as_text(&mut self, text: Text, follow: impl FnOnce(&mut Self)) {
        let before = self.text;
        self.text = before.max(text);
        follow(self);
        self.text = before;
    }

    fn shell_runs(&mut self, place: &str, arguments: &[Argument], depth: usize) {
        // A process of its own has neither the arrays nor the name of the one that started it.
        let (arrays, setting) = (std::mem::take(&mut self.arrays), std::mem::take(&mut self.setting));
        let (inherited, own_input) = (Rc::clone(&self.inherited), self.own_input.clone());
        Rc::make_mut(&mut self.inherited).remove(b"0".as_slice());
        self.own_input = self.input.clone();
        self.shell_process(place, arguments, depth);
        (self.arrays, self.setting, self.inherited, self.own_input) = (arrays, setting, inherited, own_input);
    }

    fn shell_process(&mut self, place: &str, arguments: &[Argument], depth: usize) {
        let mut at = 0;
        let mut code = false;
        while let Some(Some(argument)) = arguments.get(at) {
            if argument == b"--" {
                at += 1;
                break;
            }
            if !argument.starts_with(b"-") && !argument.starts_with(b"+") {
                break;
            }
            let has = |letter: u8| !argument.starts_with(b"--") && argument.contains(&letter);
            code |= has(b'c');
            let named = argument.ends_with(b"o") && arguments.get(at + 1) == Some(&Some(b"errexit".to_vec()));
            if named || has(b'e') {
                self.strict = argument.starts_with(b"-");
            }
            // The name of an option follows: `-o errexit`, `-eo pipefail`.
            at += if has(b'o') { 2 } else { 1 };
        }
        let Some(first) = arguments.get(at) else {
            return match std::mem::replace(&mut self.input, Input::Unknown) {
                // Nobody types anything into it.
                Input::Nothing => {}
                Input::Known(text) => self.script(&text, "the input of a shell", &[], depth + 1),
                Input::Unknown => self.unclear(place, "it runs what it reads, which is not known"),
            };
        };
        let Some(first) = first else {
            return self.unclear(place, "it runs a script whose name is only known when it runs");
        };
        let rest = arguments.get(at + 1..).unwrap_or_default();
        if code {
            // The word behind the text is its name.
            if let Some(name) = rest.first() {
                Rc::make_mut(&mut self.inherited).insert(b"0".to_vec(), name.clone().map(|name| BTreeSet::from([name])));
            }
            return self.script(first, "the command of a shell", rest.get(1..).unwrap_or_default(), depth + 1);
        }
        let path = self.view.absolute(first);
        if !self.may(&path, 4) {
            return self.lack(Code::VerdictAccess, &path, place, true);
        }
        self.source(&path, place, rest, depth);
    }

    /// What a program is as a shell. The names of busybox's are links of any kind, so its content says it.
    pub(super) fn shell_at(&self, path: &str) -> Option<Rc<Shell>> {
        let entry = self.view.find(path.as_bytes())?;
        let real = entry.path();
        let name = split(&real).1.to_vec();
        let marks = self.view.marks(entry);
        let family = match name.as_slice() {
            _ if marks.busybox => Family::Busybox,
            b"busybox" | b"ash" => Family::Busybox,
            b"dash" => Family::Dash,
            b"bash" => Family::Bash,
            _ if marks.bash => Family::Bash,
            _ => Family::Other,
        };
        Some(Rc::new(Shell { family, name, digest: self.view.digest(entry).cloned(), pipefail: marks.pipefail }))
    }

    /// Notes what in a script depends on the shell. Variables that the script or the image sets are no shell's.
    pub(super) fn note_dialect(&mut self, script: &Script, place: &str, variables: &Variables) {
        let Some(shell) = self.shell.clone() else { return };
        for met in &script.met {
            let name = met.construct.text.strip_prefix('$').map(str::as_bytes);
            // This one has a value here, whatever the shell is.
            let given = name.is_some_and(|name| variables.contains_key(name) && name != b"BASH_SOURCE");
            if given || (met.construct.text == "time" && self.find(b"time").is_some()) {
                continue;
            }
            let read = match self.text {
                Text::Script => true,
                Text::Part => met.construct.failure == Failure::Syntax,
                Text::Aside => false,
            };
            let certain = met.certain && read && !self.guarded;
            let key = (place.to_owned(), met.construct);
            let entry = self.found.shells.entry(key).or_insert_with(|| (Rc::clone(&shell), certain));
            entry.1 |= certain;
        }
    }

    /// A file that a shell reads.
    pub(super) fn source(&mut self, path: &[u8], by: &str, arguments: &[Argument], depth: usize) {
        if self.runs_made(path, by) {
            return;
        }
        let Some(entry) = self.view.find(path) else {
            return self.lack(Code::VerdictMissing, path, by, true);
        };
        self.found.reached.insert(entry.path());
        match self.view.bytes(entry) {
            Some(bytes) => self.script(bytes, &shown(path), arguments, depth + 1),
            None => self.unclear(&shown(path), "it is no file that can be read as a script"),
        }
    }

    pub(super) fn script(&mut self, text: &[u8], place: &str, arguments: &[Argument], depth: usize) {
        if !self.step(place, depth) || !self.room(text, place) {
            return;
        }
        if let Some(path) = library_path(text, place, &self.view.launch.environment) {
            self.view.export_libraries(path);
        }
        let script = self.worked_out(text, place, arguments);
        if let Some(reason) = script.unclear {
            return self.unclear(place, format!("{reason} in a script is not followed"));
        }
        let mut variables = Variables::clone(&self.inherited);
        for (name, value) in &self.view.launch.environment {
            variables.entry(name.clone()).or_insert_with(|| Some(BTreeSet::from([value.clone()])));
        }
        variables.entry(b"HOME".to_vec()).or_insert_with(|| self.home());
        self.told(text, &script.functions, &mut variables);
        give(&mut variables, arguments);
        let own = place.starts_with('/').then(|| BTreeSet::from([place.as_bytes().to_vec()]));
        // A file that is read by a script has the name of the script.
        variables.entry(b"0".to_vec()).or_insert_with(|| own.clone());
        variables.insert(b"BASH_SOURCE".to_vec(), own);
        self.assign(&script, place, &mut variables, 0);
        self.note_dialect(&script, place, &variables);
        let functions = self.functions.clone();
        self.functions.extend(script.functions.iter().cloned());
        let called = self.called.clone();
        match (&mut self.called, script.called()) {
            (Some(known), Some(more)) => known.extend(more),
            (known, _) => *known = None,
        }
        let (inherited, directories) = (std::mem::replace(&mut self.inherited, Rc::new(variables)), self.directories.clone());
        let calls = self.calls.clone();
        self.note_calls(&script, place, arguments);
        let given = std::mem::replace(&mut self.given, vec![arguments.to_vec()]);
        self.setting.push((0, sets_of(&script)));
        // Where the script is again behind `( … )`.
        let mut outside: Vec<(usize, Vec<Vec<u8>>)> = Vec::new();
        let mut inside: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        script.subshells.iter().for_each(|(start, end)| inside.entry(*start).or_default().push(*end));
        for (number, command) in script.commands.iter().enumerate() {
            while let Some((_, directories)) = outside.pop_if(|(end, _)| *end <= number) {
                self.directories = directories;
            }
            let begun = inside.remove(&number).unwrap_or_default();
            outside.extend(begun.into_iter().rev().map(|end| (end, self.directories.clone())));
            if let Some((from, _)) = self.setting.last_mut() {
                *from = number;
            }
            let outer = self.branch.clone();
            self.branch = outer.of(&script, place, number);
            let at = Standing { command, place, number, depth };
            let Some(function) = &command.function else {
                self.command(at, arguments);
                self.writes(at);
                self.arrays(at, arguments);
                let called = command.words.first().and_then(Word::literal).filter(|name| self.functions.contains(*name));
                self.ran.extend(called.filter(|_| !self.branch.is_conditional()).map(<[u8]>::to_vec));
                self.branch = outer;
                self.sets(command, place);
                continue;
            };
            let reached = self.called.as_ref().is_none_or(|called| called.contains(function));
            // A call that was not seen may give anything.
            let given = self.calls.get(function).cloned().unwrap_or_else(|| BTreeSet::from([vec![None; 9]]));
            // Nor is it certain that there is one.
            let expected = self.guarded;
            self.guarded |= !self.calls.contains_key(function);
            for given in given.into_iter().filter(|_| reached).take(MOST_CALLS) {
                let outside = Rc::clone(&self.inherited);
                let variables = Rc::make_mut(&mut self.inherited);
                give(variables, &given);
                loop_over(&script, variables, &given);
                self.command(at, &given);
                self.writes(at);
                self.arrays(at, &given);
                self.inherited = outside;
            }
            self.guarded = expected;
            self.branch = outer;
        }
        self.setting.pop();
        self.given = given;
        self.calls = calls;
        self.inherited = inherited;
        self.directories = directories;
        // A script that reads this one calls its functions.
        self.functions.extend(functions);
        self.called = called;
    }

    /// `set -- WORDS` and `shift`, after which a script was given other words: for certain, or instead of those before.
    fn sets(&mut self, command: &Command, place: &str) {
        let Some((first, words)) = command.words.split_first() else { return };
        let lists: Vec<Vec<Argument>> = match first.literal() {
            Some(b"set") => {
                let dashes = words.iter().position(|word| word.literal() == Some(b"--"));
                let Some(words) = dashes.and_then(|at| words.get(at + 1..)) else { return };
                self.given.iter().map(|given| self.set_to(words, given)).collect()
            }
            // A loop may come to it again and again.
            Some(b"shift") if command.repeated => {
                self.given.iter().flat_map(|given| (1..=given.len()).map(|count| given.get(count..).unwrap_or_default().to_vec())).collect()
            }
            Some(b"shift") => self.given.iter().map(|given| shifted(words, given)).collect(),
            _ => return,
        };
        if command.is_certain() && !command.repeated {
            self.given.clear();
        }
        let before = self.given.len();
        for list in lists {
            if list.len() > LONGEST_LIST {
                self.unclear(place, "the script gives itself longer lists of words than are followed");
            } else if !self.given.contains(&list) {
                self.given.push(list);
            }
        }
        if self.given.len() > MOST_GIVEN {
            self.given.truncate(MOST_GIVEN);
            self.unclear(place, "the script gives itself too many lists of words to follow");
        }
        let variables = Rc::make_mut(&mut self.inherited);
        // Which of them loops take is not told apart.
        variables.insert(b"@".to_vec(), None);
        for (number, lists) in (1..10_usize).map(|number| (number, self.given.get(before..).unwrap_or_default())) {
            let known = variables.entry(number.to_string().into_bytes()).or_insert_with(|| Some(BTreeSet::new()));
            if before == 0 {
                *known = Some(BTreeSet::new());
            }
            for list in lists {
                match (known.as_mut(), list.get(number - 1).cloned().unwrap_or_else(|| Some(Vec::new()))) {
                    (Some(known), Some(value)) => drop(known.insert(value)),
                    _ => *known = None,
                }
            }
        }
    }

    /// What `set -- WORDS` makes of what a script was given.
    fn set_to(&self, words: &[Word], given: &[Argument]) -> Vec<Argument> {
        let all = |word: &Word| match word.parts.as_slice() {
            _ if is_all_given(word) => given.to_vec(),
            [Part::All(name, skipped)] if name == b"@" => given.get(*skipped..).unwrap_or_default().to_vec(),
            _ => vec![one(word, &self.inherited)],
        };
        words.iter().flat_map(all).take(LONGEST_LIST + 1).collect()
    }

    /// What functions are given by a script; those of scripts that it reads are not known yet.
    pub(super) fn note_calls(&mut self, script: &Script, place: &str, arguments: &[Argument]) {
        // What one function hands on to another one is known when it is known what that one is given.
        for _ in 0..DEEPEST_CALL {
            let before = self.calls.clone();
            for command in &script.commands {
                let lists = match &command.function {
                    None => vec![arguments.to_vec()],
                    Some(function) => before.get(function).map_or_else(Vec::new, |lists| lists.iter().take(MOST_CALLS).cloned().collect()),
                };
                for list in lists {
                    self.note_call(command, place, &list);
                }
            }
            if self.calls == before {
                return;
            }
        }
    }

    /// What a function is given by a command, which was given `arguments` itself.
    fn note_call(&mut self, command: &Command, place: &str, arguments: &[Argument]) {
        let Some((name, words)) = command.words.split_first() else { return };
        let Some(name) = name.literal() else { return };
        let inner = command.function.is_some();
        let mut variables = Variables::clone(&self.inherited);
        if inner {
            give(&mut variables, arguments);
        }
        let mut given: Vec<Argument> = Vec::new();
        for word in words {
            let (pattern, known): (Vec<_>, Vec<_>) = word.parts.iter().partition(|part| matches!(part, Part::Pattern(_)));
            let plain = known.iter().all(|part| matches!(part, Part::Text(_)));
            match () {
                () if is_all_given(word) => given.extend(arguments.iter().cloned()),
                () if matches!(known.as_slice(), [Part::All(name, _)] if name != b"@") => given.extend(vec![None; 9]),
                () if let [Part::All(_, skipped)] = known.as_slice() => given.extend(arguments.iter().skip(*skipped).cloned()),
                () if !pattern.is_empty() && (plain || !inner) => {
                    let matches = self.values(word, place, &variables);
                    given.extend(matches.map_or_else(|| vec![None], |matches| matches.into_iter().map(Some).collect()));
                }
                () => given.push(one(word, &variables)),
            }
        }
        self.calls.entry(name.to_vec()).or_default().insert(given);
    }

    /// What variables may hold after a script, and after those that it reads.
    pub(super) fn assign(&mut self, script: &Script, place: &str, variables: &mut Variables, depth: usize) {
        const DECLARING: &[&[u8]] = &[b"export", b"readonly", b"local", b"declare", b"typeset"];
        let loops = script.loops.iter().map(|(name, words)| (name.clone(), words.clone()));
        let loops: Vec<(Vec<u8>, Vec<Word>)> = loops.collect();
        for (name, words) in &loops {
            self.put_all(name.clone(), words, is_split, (place, &mut *variables));
        }
        // A list may stand in a variable that is not known yet.
        let late: Vec<_> = loops.into_iter().filter(|(_, words)| words.iter().any(is_split)).collect();
        let unknown: BTreeSet<Vec<u8>> =
            late.iter().map(|(name, _)| name.clone()).filter(|name| variables.get(name) == Some(&None)).collect();
        let followed = followed_links(script);
        for (number, command) in script.commands.iter().enumerate() {
            let first = command.words.first().and_then(|word| one(word, variables)).unwrap_or_default();
            if command.words.is_empty() {
                for (name, word) in &command.assignments {
                    if followed.contains(name) && self.values(word, place, variables).is_none() {
                        self.follow_link(name, variables);
                        continue;
                    }
                    self.put(name.clone(), std::slice::from_ref(word), place, variables);
                }
            } else if DECLARING.contains(&first.as_slice()) {
                for (name, word) in command.words.iter().skip(1).filter_map(assignment) {
                    self.put(name, &[word], place, variables);
                }
            } else if first == b"read" || first == b"mapfile" || first == b"getopts" {
                let names: Vec<Vec<u8>> = command.words.iter().skip(1).filter_map(|word| one(word, variables)).collect();
                let found = self.found_before(script.commands.get(..number).unwrap_or_default(), variables);
                for name in names {
                    variables.insert(name, found.clone());
                }
                variables.insert(b"OPTARG".to_vec(), None);
            } else if (first == b"." || first == b"source") && depth < DEEPEST_SOURCE {
                let paths: Vec<Vec<u8>> = command
                    .words
                    .get(1)
                    .and_then(|word| values(word, variables))
                    .unwrap_or_default()
                    .iter()
                    .flat_map(|word| self.meant(word))
                    .collect();
                for path in paths {
                    if let Some(text) = self.view.text(&path) {
                        let own = Some(BTreeSet::from([path.clone()]));
                        let before = variables.insert(b"BASH_SOURCE".to_vec(), own).unwrap_or_default();
                        self.assign(&Script::parse(text), place, variables, depth + 1);
                        variables.insert(b"BASH_SOURCE".to_vec(), before);
                    }
                }
            }
        }
        for (name, words) in late {
            if unknown.contains(&name) {
                variables.remove(&name);
            }
            self.put_all(name, &words, is_split, (place, &mut *variables));
        }
    }

    pub(super) fn put(&mut self, name: Vec<u8>, words: &[Word], place: &str, variables: &mut Variables) {
        self.put_all(name, words, |_| false, (place, variables));
    }

    /// Adds what a variable may hold: each of these words, or what is in those that are split.
    fn put_all(&mut self, name: Vec<u8>, words: &[Word], split: fn(&Word) -> bool, (place, variables): (&str, &mut Variables)) {
        let mut known = variables.get(&name).cloned().unwrap_or_else(|| Some(BTreeSet::new()));
        for word in words {
            match (known.as_mut(), self.values(word, place, variables)) {
                (Some(known), Some(values)) if known.len() < MOST_VALUES && split(word) => {
                    known.extend(values.iter().flat_map(|value| tokens(value)).map(<[u8]>::to_vec));
                }
                (Some(known), Some(values)) if known.len() < MOST_VALUES => known.extend(values),
                _ => known = None,
            }
        }
        if name == b"PATH" {
            for path in known.iter().flatten().flat_map(|value| value.split(|byte| *byte == b':')) {
                if path.starts_with(b"/") && !self.paths.iter().any(|known| known == path) {
                    self.paths.push(path.to_vec());
                }
            }
        }
        self.setting(&name, known.iter().flatten(), place);
        variables.insert(name, known);
    }

    pub(super) fn setting<'a>(&mut self, name: &[u8], values: impl Iterator<Item = &'a Vec<u8>>, place: &str) {
        if [&b"TZ"[..], b"TERM", b"LANG", b"LANGUAGE"].contains(&name) || name.starts_with(b"LC_") {
            for value in values {
                self.found.settings.entry((name.to_vec(), value.clone())).or_insert_with(|| place.to_owned());
            }
        }
    }
}

/// Whether a file is there.
pub(super) fn is_there(view: &View, path: &[u8]) -> bool {
    view.find(path).is_some_and(|entry| entry.kind() == Kind::File)
}

/// Sets what a script or a function is given.
fn give(variables: &mut Variables, arguments: &[Argument]) {
    for number in 1..10_usize {
        let value = arguments.get(number - 1).cloned().unwrap_or_else(|| Some(Vec::new()));
        variables.insert(number.to_string().into_bytes(), value.map(|value| BTreeSet::from([value])));
    }
    variables.insert(b"@".to_vec(), arguments.iter().cloned().collect::<Option<BTreeSet<_>>>().filter(|all| !all.is_empty()));
}
