//! Programs and scripts as the kernel runs them.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::commands::{NOT_FOLLOWED, SHELLS};
use super::engines::Machine;
use super::language::Running;
use super::{Argument, Caller, Input, Text, Trace, one};
use crate::format::elf;
use crate::format::tar::Kind;
use crate::foundation::Code;
use crate::plan::verdict::languages::Interpreter;
use crate::plan::verdict::languages::engines::Engine;
use crate::plan::verdict::loader::{Loading, shown};
use crate::plan::verdict::shell::{Script, Variables};
use crate::read::rootfs::{Entry, split};

impl<'v> Trace<'v> {
    /// A file as the kernel runs it.
    pub(super) fn run(&mut self, path: &[u8], arguments: &[Argument], caller: Caller<'_>) {
        let Caller { by, guarded, depth } = caller;
        let place = shown(path);
        if !self.step(&place, depth) || !self.seen.insert((path.to_vec(), arguments.to_vec(), self.user.clone())) {
            return;
        }
        if self.runs_made(path, by) {
            return;
        }
        let Some(entry) = self.view.find(path) else {
            return self.lack(Code::VerdictMissing, path, by, !guarded);
        };
        if entry.kind() != Kind::File || entry.mode() & 0o111 == 0 || !self.may(path, 1) {
            return self.lack(Code::VerdictAccess, path, by, !guarded);
        }
        self.found.reached.insert(entry.path());
        if self.begins_again(path, arguments) && self.view.bytes(entry).is_some_and(|bytes| bytes.starts_with(b"#!")) {
            return;
        }
        let Some(bytes) = self.view.bytes(entry) else {
            return self.unclear(&place, "it is too large to be read, or neither program nor script");
        };
        if bytes.starts_with(elf::MAGIC) {
            return self.program(path, entry, arguments, caller.at(&place));
        }
        if let Some(line) = bytes.strip_prefix(b"#!") {
            // Its interpreter reads it as the same user.
            if !self.may(path, 4) {
                return self.lack(Code::VerdictAccess, path, by, !guarded);
            }
            // Whatever language it is written in.
            if split(path).1 == b"supervisord" {
                self.serves(b"supervisord", None, arguments, caller.at(&place));
            }
            return self.shebang(path, line, arguments, caller.at(&place));
        }
        self.unclear(&place, "it is neither a program nor a script with an interpreter");
    }

    /// Whether a script that starts itself as the same user puts a word before what it was given, that it had put there before. It may do
    /// so without end, as far as is known, and only does it where the word is not there: `set -- server "$@"`.
    fn begins_again(&self, path: &[u8], arguments: &[Argument]) -> bool {
        let Some((first, before)) = arguments.split_first() else { return false };
        before.first() == Some(first) && self.seen.contains(&(path.to_vec(), before.to_vec(), self.user.clone()))
    }

    pub(super) fn shebang(&mut self, path: &[u8], line: &[u8], arguments: &[Argument], caller: Caller<'_>) {
        let place = caller.by;
        // The kernel reads 256 bytes, with the two that were taken away.
        let line = line.get(..line.len().min(254)).unwrap_or_default();
        let line = line.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let line = line.trim_ascii_start();
        let end = line.iter().position(|byte| matches!(byte, b' ' | b'\t')).unwrap_or(line.len());
        let (interpreter, rest) = line.split_at(end);
        let rest: &[u8] = rest.trim_ascii();
        if interpreter.is_empty() {
            return self.unclear(place, "its first line names no interpreter");
        }
        let mut all: Vec<Argument> = Vec::new();
        if !rest.is_empty() {
            all.push(Some(rest.to_vec()));
        }
        all.push(Some(path.to_vec()));
        all.extend(arguments.iter().cloned());
        let interpreter = self.view.absolute(interpreter);
        if !self.view.exists(&interpreter) {
            return self.lack(Code::VerdictScriptInterpreter, &interpreter, place, !caller.guarded);
        }
        self.run(&interpreter, &all, caller.deeper());
    }

    pub(super) fn program(&mut self, path: &[u8], entry: Entry<'v>, arguments: &[Argument], caller: Caller<'_>) {
        let Caller { by: place, guarded, depth } = caller;
        let Some(program) = self.view.elf(entry) else {
            return self.unclear(place, "it is a program that cannot be read");
        };
        if program.interpreter.is_none()
            && program.soname.as_ref().is_some_and(|name| name.starts_with(b"ld-") || name.starts_with(b"libc.musl"))
        {
            return self.unclear(place, "a loader that is run as a command is not followed");
        }
        let libraries = self.closure(path, entry, &[], guarded);
        // A copy of an interpreter names commands that the app does not run.
        let language = self.view.digest(entry).and_then(|digest| self.view.memo.language(digest, &program));
        if language.is_none() && Engine::of(&program).is_none() && self.view.is_own(entry) && !self.view.is_packaged(entry) {
            self.commands_of(entry, &program, place, depth);
            self.own_plugins(path, entry, &program);
        }
        let name = split(path).1.to_vec();
        let real = entry.path();
        let real = split(&real).1.to_vec();
        // A busybox, or another program of many names, does what it is called for.
        let many = [&b"busybox"[..], b"coreutils", b"toybox", b"busybox.static"].contains(&real.as_slice());
        let applet = if many { name.clone() } else { real.clone() };
        if many && [&b"busybox"[..], b"toybox"].contains(&name.as_slice()) {
            if let Some((Some(applet), rest)) = arguments.split_first() {
                let mut all = vec![Some(applet.clone())];
                all.extend(rest.iter().cloned());
                if SHELLS.contains(&applet.as_slice()) {
                    self.shell(place, rest, depth);
                } else {
                    self.wrapped(applet, rest, caller);
                }
            }
            return;
        }
        if SHELLS.contains(&applet.as_slice()) || SHELLS.contains(&name.as_slice()) {
            return self.shell(place, arguments, depth);
        }
        if language.is_some() {
            let Some(interpreter) = Interpreter::of(self.view, path, entry, &program, &libraries.files) else {
                return self.unclear(place, "it is an interpreter whose version is not understood");
            };
            return self.language(Running { path, entry, interpreter }, arguments, depth);
        }
        if let Some(engine) = Engine::of(&program) {
            return self.engine(&Machine { engine, path, entry, libraries }, arguments, caller);
        }
        let stem: &[u8] = applet.split(|byte| byte.is_ascii_digit() || *byte == b'.').next().unwrap_or_default();
        // It says its version, and reads nothing.
        const TELLING: [&[u8]; 6] = [b"node", b"nodejs", b"nginx", b"haproxy", b"postgres", b"mysqld"];
        if let [Some(flag)] = arguments
            && TELLING.contains(&applet.as_slice())
            && [&b"-v"[..], b"-V", b"--version"].contains(&flag.as_slice())
        {
            return;
        }
        if self.serves(&applet, Some((path, entry)), arguments, caller) {
            return;
        }
        // Of another program of that name there is nothing to follow; of one without symbols it is not known where it looks.
        const MARKS: [(&[u8], &[u8]); 4] =
            [(b"node", b"NODE_OPTIONS"), (b"nodejs", b"NODE_OPTIONS"), (b"php", b"Zend Engine"), (b"java", b"JAVA_HOME")];
        let marked = |(name, mark): &(&[u8], &[u8])| {
            *name == stem && self.view.bytes(entry).is_none_or(|bytes| bytes.windows(mark.len()).any(|window| window == *mark))
        };
        if MARKS.iter().any(marked) {
            return self.unclear(place, format!("what {} does with its scripts and settings is not followed", shown(&applet)));
        }
        if NOT_FOLLOWED.iter().any(|known| known.as_bytes() == stem || known.as_bytes() == applet.as_slice()) {
            return self.unclear(place, format!("what {} does with its scripts and settings is not followed", shown(&applet)));
        }
        self.wrapped(&name, arguments, caller);
    }

    /// The commands that a program of the app names, if it can run any.
    pub(super) fn commands_of(&mut self, entry: Entry<'v>, program: &elf::Elf, place: &str, depth: usize) {
        const RUNNING: &[&[u8]] = &[
            b"system",
            b"popen",
            b"execl",
            b"execlp",
            b"execle",
            b"execv",
            b"execvp",
            b"execve",
            b"execvpe",
            b"posix_spawn",
            b"posix_spawnp",
        ];
        // Functions of the C library that give a text to `/bin/sh`.
        const SHELLING: &[&[u8]] = &[b"system", b"popen", b"wordexp"];
        // Words that are in the shell itself, with which a text for it begins.
        const BEGINNINGS: &[&[u8]] =
            &[b"[", b"[[", b"test", b"if", b"for", b"while", b"until", b"case", b"set", b"export", b"source", b"echo"];
        let calls = |names: &[&[u8]]| program.undefined.iter().any(|symbol| names.contains(&symbol.name.as_slice()));
        if calls(SHELLING) && self.shell_at(Self::SHELL).is_none() {
            self.lack(Code::VerdictCommand, Self::SHELL.as_bytes(), place, false);
        }
        if !calls(RUNNING) && !calls(SHELLING) {
            return;
        }
        let open = std::mem::replace(&mut self.open, true);
        for text in self.view.bytes(entry).unwrap_or_default().split(|byte| *byte == 0) {
            let first = text.split(|byte| *byte == b' ').next().unwrap_or_default();
            let named = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'_' | b'-' | b'+');
            let library = first.windows(3).any(|window| window == b".so");
            let begins = BEGINNINGS.contains(&first);
            if (first.len() < 2 && !begins)
                || library
                || !(begins || first.iter().all(named))
                || text.len() > 4096
                || !text.iter().all(|byte| (0x20..0x7f).contains(byte))
            {
                continue;
            }
            if self.find(first).is_none() && !begins {
                // Most are no commands; those that were there before are told.
                self.lack(Code::VerdictCommand, first, place, false);
                continue;
            }
            let script = Script::parse(text);
            self.note_text(&script, place);
            for command in &script.commands {
                let arguments: Vec<Argument> = command.words.iter().map(|word| one(word, &Variables::new())).collect();
                if arguments.first().is_some_and(|name| name.as_ref().is_some_and(|name| self.find(name).is_some())) {
                    self.input = Input::Nothing;
                    self.spawn(&arguments, Caller { by: place, guarded: true, depth: depth + 1 });
                }
            }
        }
        self.open = open;
    }

    /// Libraries of the app that a program may open while it runs: those whose names or directories it names.
    fn own_plugins(&mut self, path: &[u8], entry: Entry<'v>, program: &elf::Elf) {
        const MOST: usize = 200;
        if !program.undefined.iter().any(|symbol| [&b"dlopen"[..], b"dlmopen"].contains(&symbol.name.as_slice())) {
            return;
        }
        let bytes = self.view.bytes(entry).unwrap_or_default();
        let view = self.view;
        let libraries = view.rootfs().own().into_iter().filter(|entry| {
            let has_name = entry.name().ends_with(b".so") || entry.name().windows(4).any(|window| window == b".so.");
            entry.kind() == Kind::File && has_name && view.is_own(*entry)
        });
        let libraries: Vec<Vec<u8>> = libraries.map(|entry| [b"/".as_slice(), &entry.path()].concat()).collect();
        let named = named_in(bytes, libraries.iter().flat_map(|file| <[&[u8]; 2]>::from(split(file))));
        let is_named = |file: &&Vec<u8>| <[&[u8]; 2]>::from(split(file)).iter().any(|part| named.contains(part));
        let libraries: Vec<Vec<u8>> = libraries.iter().filter(is_named).take(MOST).cloned().collect();
        for file in libraries {
            self.closure(path, entry, &[file], true);
        }
    }

    /// What in a text that a program may give to the shell depends on the shell.
    fn note_text(&mut self, script: &Script, place: &str) {
        let before = (self.shell.clone(), self.text);
        (self.shell, self.text) = (self.shell_at(Self::SHELL), Text::Aside);
        let variables = self.view.launch.environment.iter().map(|(name, value)| (name.clone(), Some(BTreeSet::from([value.clone()]))));
        self.note_dialect(script, place, &variables.collect());
        (self.shell, self.text) = before;
    }

    /// What a loader does with a program, once; gives its libraries.
    pub(super) fn closure(&mut self, path: &[u8], entry: Entry<'v>, modules: &[Vec<u8>], guarded: bool) -> Arc<Loading> {
        if modules.is_empty()
            && let Some(known) = self.closures.get(path)
        {
            return Arc::clone(known);
        }
        // Without an interpreter it needs no loader.
        let Some(program) = self.view.elf(entry).filter(|program| program.interpreter.is_some()) else { return Arc::default() };
        let loading = Loading::of(self.view, entry, path, &program, modules);
        for lack in &loading.lacks {
            self.lack(lack.code, lack.name.as_bytes(), &lack.by, lack.fatal && !guarded);
        }
        for provider in &loading.tellers {
            self.found.versions.entry(provider.clone()).or_insert_with(|| shown(path));
        }
        self.found.reached.extend(loading.reached.iter().cloned());
        if modules.is_empty() {
            self.closures.insert(path.to_vec(), Arc::clone(&loading));
        }
        loading
    }
}

/// Which of these names a text has, in one pass whatever their number. Those of up to three letters are in every program.
fn named_in<'n>(text: &[u8], names: impl Iterator<Item = &'n [u8]>) -> HashSet<&'n [u8]> {
    const START: usize = 4;
    let mut by_start: HashMap<&[u8], BTreeSet<&[u8]>> = HashMap::new();
    for name in names {
        if let Some(start) = name.get(..START) {
            by_start.entry(start).or_default().insert(name);
        }
    }
    let mut found = HashSet::new();
    for (at, start) in text.windows(START).enumerate() {
        let rest = text.get(at..).unwrap_or_default();
        found.extend(by_start.get(start).into_iter().flatten().filter(|name| rest.starts_with(name)));
    }
    found
}
