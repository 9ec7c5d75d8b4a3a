//! What a shell replaces by a look at its base, and whom a script gives it to.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::command::{Standing, is_all_given};
use super::commands::{BUILTINS, NAMERS};
use super::{Argument, Text, Trace, one};
use crate::format::tar::Kind;
use crate::plan::verdict::loader::shown;
use crate::plan::verdict::shell::{Command, FINDER, MOST_VALUES, Part, Variables, Word, values};
use crate::plan::verdict::users::{home, homes};
use crate::read::rootfs::{Entry, split};

/// Commands that print a path that they are given, or a part of it.
const PRINTERS: &[&[u8]] = &[b"echo", b"printf", b"basename", b"dirname", b"readlink", b"realpath", b"expr", b"logger"];
/// Commands for which it does not matter what a path is called.
const QUIET: &[&[u8]] = &[
    b"exec",
    b"command",
    b"builtin",
    b".",
    b"source",
    b"eval",
    b"export",
    b"local",
    b"declare",
    b"typeset",
    b"readonly",
    b"set",
    b"which",
    b"type",
    b"hash",
    b"cd",
    b"pushd",
    b"trap",
    b"setpriv",
    b":",
];

fn has(text: &[u8], needle: &[u8]) -> bool {
    text.windows(needle.len()).any(|window| window == needle)
}

impl Trace<'_> {
    /// Adds what the base tells a script that asks for it: where commands are and where users are at home.
    pub(super) fn told(&self, text: &[u8], functions: &BTreeSet<Vec<u8>>, variables: &mut Variables) {
        let mut put = |name: Vec<u8>, value: Vec<u8>| drop(variables.insert(name, Some(BTreeSet::from([value]))));
        if text.contains(&b'~') {
            homes(self.view).for_each(|(user, home)| put([b"~".as_slice(), user].concat(), home.to_vec()));
        }
        if ![&b"command -v"[..], b"which ", b"type -"].iter().any(|asks| has(text, asks)) {
            return;
        }
        put(FINDER.to_vec(), Vec::new());
        for folder in self.view.launch.path().into_iter().chain(self.paths.iter().cloned()).rev() {
            let runs = |entry: &Entry<'_>| {
                let path = [folder.as_slice(), entry.name()].join(&b'/');
                self.view.find(&path).is_some_and(|entry| entry.kind() == Kind::File && entry.mode() & 0o111 != 0)
            };
            for entry in self.view.find(&folder).into_iter().flat_map(Entry::children).filter(runs) {
                let path = [folder.as_slice(), entry.name()].join(&b'/');
                put([b"command -v ".as_slice(), entry.name()].concat(), path.clone());
                put([b"which ".as_slice(), entry.name()].concat(), path);
            }
        }
        for name in BUILTINS.iter().copied().chain(functions.iter().chain(&self.functions).map(Vec::as_slice)) {
            put([b"command -v ".as_slice(), name].concat(), name.to_vec());
        }
    }

    /// Notes what words that are no plain text make of a command, if it does something with what they say.
    pub(super) fn note_words(&mut self, words: &[Word], name: &[u8], at: Standing<'_>) {
        let test = [&b"["[..], b"test", b"[["].contains(&name);
        let compares = words.iter().any(|word| word.literal().is_some_and(|word| [&b"="[..], b"==", b"!=", b"=~"].contains(&word)));
        let names = NAMERS.contains(&name) && !PRINTERS.contains(&name);
        // Of a text that is a part of a command, the value of the whole counts.
        let part = self.text != Text::Script && PRINTERS.get(2..).is_some_and(|splitters| splitters.contains(&name));
        if (test && !compares) || (!test && (names || part || QUIET.contains(&name))) {
            return;
        }
        let variables = Rc::clone(&self.inherited);
        // What patterns match is compared by itself.
        let made = |word: &&Word| {
            let pattern = word.parts.iter().any(|part| matches!(part, Part::Pattern(_)));
            !is_all_given(word) && !pattern && word.literal().is_none()
        };
        let known = words.iter().chain(&at.command.documents).filter(made).filter_map(|word| values(word, &variables));
        let known: BTreeSet<Vec<u8>> = known.flatten().collect();
        if !known.is_empty() {
            let key = (at.place.to_owned(), format!("{} {}", at.number, shown(name)));
            self.found.words.entry(key).or_default().extend(known);
        }
    }

    /// Where the user is at home, which runtimes say if the config does not.
    pub(super) fn home(&self) -> Option<BTreeSet<Vec<u8>>> {
        let user = self.user.as_deref()?.split(':').next().unwrap_or_default();
        let name = if user.is_empty() { "0" } else { user };
        home(self.view, name.as_bytes()).map(|home| BTreeSet::from([home]))
    }

    /// `eval WORDS`: what is not known of them stands for words.
    pub(super) fn evaluates(&mut self, words: &[Word], arguments: &[Argument], at: Standing<'_>, is_trap: bool) {
        const UNKNOWN: &[u8] = b"$!";
        // What follows these is arguments, unless a word that is not known ends the command.
        const TAKING: &[&[u8]] = &[b"set", b"exec"];
        // And in a trap numbers and paths of the script's own: `trap "kill $PID" INT`.
        const ENDING: &[&[u8]] = &[b"kill", b"rm"];
        let variables = Rc::clone(&self.inherited);
        let mut text: Vec<u8> = Vec::new();
        for word in words {
            if is_all_given(word) {
                for given in arguments {
                    text.extend(given.as_deref().unwrap_or(UNKNOWN).iter().chain(b" "));
                }
                continue;
            }
            for part in &word.parts {
                match (one(&Word::of(part.clone()), &variables), part) {
                    (Some(value), _) => text.extend(value),
                    (None, Part::Pattern(pattern)) => text.extend(pattern),
                    // What a file says may be anything.
                    (None, Part::Output(inner)) if inner.trim_ascii_start().starts_with(b"cat ") || inner.starts_with(b"<") => {
                        return self.unclear(at.place, "what it evaluates is only known when it runs");
                    }
                    (None, _) => text.extend(UNKNOWN),
                }
            }
            text.push(b' ');
        }
        let first = text.split(u8::is_ascii_whitespace).find(|word| !word.is_empty()).unwrap_or_default();
        if has(first, UNKNOWN) || (has(&text, UNKNOWN) && !TAKING.contains(&first) && !(is_trap && ENDING.contains(&first))) {
            return self.unclear(at.place, "what it evaluates is only known when it runs");
        }
        self.without_result(is_trap || !at.command.is_needed(), |trace| {
            trace.as_text(Text::Aside, |trace| trace.script(&text, at.place, arguments, at.depth + 1));
        });
    }

    /// `. WORD` for each value that the word may have; false if it has not several.
    pub(super) fn reads_several(&mut self, words: &[Word], at: Standing<'_>) -> bool {
        let variables = Rc::clone(&self.inherited);
        let Some(several) = words.first().and_then(|word| values(word, &variables)).filter(|several| several.len() > 1) else {
            return false;
        };
        for path in several {
            let is_text =
                |path: &Vec<u8>| self.view.text(path).is_some_and(|bytes| std::str::from_utf8(bytes).is_ok() && !bytes.contains(&0));
            // What `case` keeps from the shell: data beside the scripts of a directory.
            let is_data = [&b".sql"[..], b".js", b".json", b".conf", b".template", b".yml", b".yaml", b".md", b".txt", b".csv", b".xml"]
                .iter()
                .any(|ending| path.ends_with(ending));
            if !is_data && self.meant(&path).iter().any(is_text) {
                self.reads_script(&[Some(path)], at);
            }
        }
        true
    }

    /// The files that `find` prints for a `read` that follows it: `find DIRECTORY | sort | while read NAME`.
    pub(super) fn found_before(&self, commands: &[Command], variables: &Variables) -> Option<BTreeSet<Vec<u8>>> {
        const PASSING: &[&[u8]] = &[b"sort", b"uniq", b"head", b"tail", b"grep"];
        let name = |command: &Command| command.words.first().and_then(Word::literal).map(|name| split(name).1.to_vec());
        let last = commands.iter().rev().find(|command| name(command).is_none_or(|name| !PASSING.contains(&name.as_slice())))?;
        if name(last).as_deref() != Some(b"find") {
            return None;
        }
        let mut found = BTreeSet::new();
        for word in last.words.iter().skip(1) {
            let folder = one(word, variables)?;
            if folder.starts_with(b"-") {
                break;
            }
            let folder = folder.strip_suffix(b"/").unwrap_or(&folder);
            let entry = self.view.find(folder).filter(|entry| folder.starts_with(b"/") && entry.kind() == Kind::Directory)?;
            let start = entry.path().len();
            let inner = |file: Entry<'_>| [folder, file.path().get(start..).unwrap_or_default()].concat();
            found.extend(self.view.rootfs().files(entry).filter(|file| file.kind() == Kind::File).map(inner).take(MOST_VALUES));
        }
        (!found.is_empty() && found.len() < MOST_VALUES).then_some(found)
    }
}
