//! Commands that run another one.

use super::arguments::says;
use super::{Argument, Caller, Trace, one};
use crate::foundation::Code;
use crate::plan::verdict::loader::shown;
use crate::plan::verdict::shell::{Script, Variables};
use crate::plan::verdict::users::login_shell;
use crate::read::rootfs::{Entry, split};

/// Options whose values are words of their own.
pub(super) const XARGS: &[&[u8]] = &[b"-n", b"-I", b"-L", b"-P", b"-d", b"-s", b"-a", b"-E"];
pub(super) const TIMEOUT: &[&[u8]] = &[b"-s", b"-k"];
pub(super) const NICE: &[&[u8]] = &[b"-n", b"-c"];
pub(super) const STARTERS: &[&[u8]] = &[b"-o", b"-i", b"-e", b"-p"];

const CHPST: &[&[u8]] = &[b"-u", b"-U", b"-b", b"-e", b"-/", b"-n", b"-l", b"-L", b"-m", b"-d", b"-o", b"-p", b"-f", b"-c", b"-r", b"-t"];
const SU: &[&[u8]] = &[b"-s", b"--shell", b"-g", b"--group", b"-G", b"--supp-group", b"-w", b"--whitelist-environment"];
pub(super) const SETPRIV: &[&[u8]] = &[
    b"--reuid",
    b"--regid",
    b"--ruid",
    b"--euid",
    b"--rgid",
    b"--egid",
    b"--groups",
    b"--inh-caps",
    b"--ambient-caps",
    b"--bounding-set",
    b"--securebits",
    b"--pdeathsig",
    b"--selinux-label",
    b"--apparmor-profile",
];

/// How many words are options and their values, with which the arguments of a command begin.
pub(super) fn options(arguments: &[Argument], valued: &[&[u8]]) -> usize {
    let mut at = 0;
    while let Some(Some(argument)) = arguments.get(at) {
        if argument == b"--" {
            at += 1;
            break;
        }
        if !argument.starts_with(b"-") || argument == b"-" {
            break;
        }
        at += if valued.contains(&argument.as_slice()) { 2 } else { 1 };
    }
    at.min(arguments.len())
}

impl Trace<'_> {
    /// Commands that run another one.
    pub(super) fn wrapped(&mut self, name: &[u8], arguments: &[Argument], caller: Caller<'_>) {
        let skip = |count: usize| arguments.get(count..).unwrap_or_default();
        // Options, and for some of them a value, stand before the command.
        let operands = |valued: &[&[u8]]| options(arguments, valued);
        match name {
            b"env" => self.env(arguments, caller),
            b"printenv" if options(arguments, &[]) == arguments.len() => drop(self.found.environment.insert(caller.by.to_owned())),
            b"nice" | b"ionice" => self.spawn(skip(operands(NICE)), caller.deeper()),
            b"nohup" | b"setsid" | b"stdbuf" | b"tini" | b"dumb-init" | b"catatonit" | b"time" => {
                self.spawn(skip(operands(STARTERS)), caller.deeper());
            }
            b"timeout" => self.spawn(skip(operands(TIMEOUT) + 1), caller.deeper()),
            b"gosu" | b"su-exec" | b"s6-setuidgid" | b"setuidgid" => {
                let user = arguments.first().cloned().flatten().and_then(|user| String::from_utf8(user).ok());
                self.as_user(user, |trace| trace.spawn(skip(1), caller.deeper()));
            }
            b"xargs" => {
                self.spawn(skip(operands(XARGS)), caller.deeper());
            }
            b"setpriv" => {
                let command = skip(operands(SETPRIV));
                self.as_user(None, |trace| trace.spawn(command, caller.deeper()));
            }
            b"start-stop-daemon" => self.daemon(arguments, caller),
            b"flock" => self.locked(skip(operands(&[b"-w", b"-E", b"--timeout", b"--wait", b"--conflict-exit-code"])), caller),
            b"sudo" | b"doas" => {
                self.open = true;
                self.plugins(name, caller.guarded);
                let command = skip(operands(&[b"-u", b"-g", b"-U", b"-C", b"-h", b"-p", b"-r", b"-t", b"-T"]));
                self.as_user(None, |trace| trace.spawn(command, caller.deeper()));
            }
            b"su" | b"runuser" if !self.open => {
                // Of what it is given by whoever starts it not all is left.
                self.open = true;
                self.wrapped(name, arguments, caller);
                self.open = false;
            }
            b"runuser" if says(arguments, &[b"-u", b"--user"]) => {
                self.plugins(name, caller.guarded);
                let command = skip(operands(&[b"-u", b"--user", b"-g", b"--group", b"-G", b"--supp-group"]));
                self.as_user(None, |trace| trace.spawn(command, caller.deeper()));
            }
            b"su" | b"runuser" => {
                self.plugins(name, caller.guarded);
                self.other_user(arguments, caller);
            }
            b"run-parts" => self.parts(arguments, caller),
            b"chpst" => {
                self.open |= says(arguments, &[b"-e"]);
                let command = skip(operands(CHPST));
                self.as_user(None, |trace| trace.spawn(command, caller.deeper()));
            }
            b"chroot" | b"unshare" | b"script" | b"watch" | b"parallel" | b"at" | b"batch" | b"screen" | b"tmux" | b"runsv" | b"ssh"
            | b"taskset" | b"prlimit" | b"faketime" | b"strace" | b"gdb" | b"debconf" | b"proot" | b"fakeroot" | b"dbus-run-session"
            | b"xvfb-run" => {
                self.unclear(caller.by, format!("what is run through {} is not followed", shown(name)));
            }
            b"find" if arguments.iter().flatten().any(|argument| argument.starts_with(b"-exec")) => {
                let at = arguments
                    .iter()
                    .position(|argument| argument.as_ref().is_some_and(|argument| argument.starts_with(b"-exec")))
                    .unwrap_or(0);
                let command = arguments.get(at + 1).cloned().into_iter().collect::<Vec<_>>();
                self.spawn(&command, caller.deeper());
            }
            _ => {}
        }
    }

    /// Follows what a user runs.
    fn as_user(&mut self, user: Option<String>, follow: impl FnOnce(&mut Self)) {
        let before = std::mem::replace(&mut self.user, user);
        follow(self);
        self.user = before;
    }

    /// `start-stop-daemon --start --exec FILE -- WORDS`
    fn daemon(&mut self, arguments: &[Argument], caller: Caller<'_>) {
        let is = |word: &Argument, names: &[&[u8]]| word.as_ref().is_some_and(|word| names.contains(&word.as_slice()));
        let value = |names: &[&[u8]]| {
            let at = arguments.iter().position(|word| is(word, names))?;
            arguments.get(at + 1).cloned()
        };
        if !arguments.iter().any(|word| is(word, &[b"--start", b"-S"])) {
            return;
        }
        let Some(Some(file)) = value(&[b"-a", b"--startas"]).or_else(|| value(&[b"-x", b"--exec"])) else {
            return self.unclear(caller.by, "what is run through start-stop-daemon is not followed");
        };
        let dashes = arguments.iter().position(|word| is(word, &[b"--"])).map_or(arguments.len(), |at| at + 1);
        let command: Vec<Argument> = std::iter::once(Some(file)).chain(arguments.iter().skip(dashes).cloned()).collect();
        self.as_user(None, |trace| trace.spawn(&command, caller.deeper()));
    }

    /// `flock FILE COMMAND`, `flock FILE -c TEXT`, or `flock NUMBER`, which runs nothing.
    fn locked(&mut self, words: &[Argument], caller: Caller<'_>) {
        match words.get(1..).unwrap_or_default() {
            [] => {}
            [Some(flag), text, ..] if flag == b"-c" || flag == b"--command" => {
                self.spawn(&[Some(Self::SHELL.as_bytes().to_vec()), Some(b"-c".to_vec()), text.clone()], caller.deeper());
            }
            command => self.spawn(command, caller.deeper()),
        }
    }

    /// `su USER -c COMMAND WORDS`: options may stand before and behind the user, and what follows the user is given to the shell.
    pub(super) fn other_user(&mut self, arguments: &[Argument], caller: Caller<'_>) {
        let (mut shell, mut text, mut words) = (None, None, Vec::new());
        let mut waiting = arguments.iter();
        while let Some(argument) = waiting.next() {
            match argument.as_deref() {
                Some(b"-c" | b"--command") => text = waiting.next().cloned(),
                Some(b"-s" | b"--shell") => shell = waiting.next().cloned(),
                Some(option) if SU.contains(&option) => drop(waiting.next()),
                Some(b"--") => words.extend(waiting.by_ref().cloned()),
                Some(option) if option.starts_with(b"-") => {}
                _ => words.push(argument.clone()),
            }
        }
        match text {
            Some(Some(text)) => {
                let user = words.first().cloned().unwrap_or_else(|| Some(b"root".to_vec()));
                let shell = shell.unwrap_or_else(|| Some(self.login_shell(user.as_deref(), caller)));
                let mut all = vec![shell, Some(b"-c".to_vec()), Some(text)];
                all.extend(words.into_iter().skip(1));
                self.as_user(None, |trace| trace.spawn(&all, caller.deeper()));
            }
            _ => self.unclear(caller.by, "what is run as another user is not followed"),
        }
    }

    /// The shell that a user has by its line of `/etc/passwd`. One that runs nothing is lacking.
    fn login_shell(&mut self, user: Option<&[u8]>, caller: Caller<'_>) -> Vec<u8> {
        let told = user.and_then(|user| Some((user, login_shell(self.view, user)?)));
        let Some((user, shell)) = told.filter(|(_, shell)| !shell.is_empty()) else { return Self::SHELL.as_bytes().to_vec() };
        if [&b"nologin"[..], b"false"].contains(&split(&shell).1) {
            let name = format!("{}, whose shell is {}", shown(user), shown(&shell));
            self.lack(Code::VerdictUser, name.as_bytes(), caller.by, !caller.guarded);
        }
        shell
    }

    /// Libraries that a program opens by what its settings say: those in the directories of its name, and those of PAM.
    pub(super) fn plugins(&mut self, name: &[u8], guarded: bool) {
        let Some(path) = self.find(name) else { return };
        let Some(entry) = self.view.find(&path) else { return };
        let own = [b"/usr/libexec/".as_slice(), name].concat();
        let mut files: Vec<Vec<u8>> = Vec::new();
        for folder in
            [own.as_slice(), b"/lib/security", b"/lib/x86_64-linux-gnu/security", b"/lib/aarch64-linux-gnu/security", b"/lib64/security"]
        {
            for child in self.view.find(folder).into_iter().flat_map(Entry::children) {
                let common = [&b"pam_unix.so"[..], b"pam_rootok.so", b"pam_permit.so", b"pam_deny.so", b"pam_env.so", b"pam_limits.so"];
                if folder == own.as_slice() || common.contains(&child.name()) {
                    files.push([folder, child.name()].join(&b'/'));
                }
            }
        }
        for file in files {
            self.closure(&path, entry, &[file], guarded);
        }
    }

    pub(super) fn env(&mut self, arguments: &[Argument], caller: Caller<'_>) {
        let mut waiting: Vec<Argument> = arguments.to_vec();
        waiting.reverse();
        while let Some(argument) = waiting.pop() {
            let Some(argument) = argument else {
                return self.unclear(caller.by, "it runs a command whose name is only known when it runs");
            };
            let split_string = argument.strip_prefix(b"-S").or_else(|| argument.strip_prefix(b"--")?.strip_prefix(b"split-string="));
            if let Some(text) = split_string {
                let path = self.view.command(b"env").unwrap_or_default();
                self.found.options.entry(path).or_default().entry(b"-S".to_vec()).or_insert_with(|| (caller.by.to_owned(), caller.guarded));
                let text = if text.is_empty() { waiting.pop().flatten().unwrap_or_default() } else { text.to_vec() };
                let script = Script::parse(&text);
                let Some(command) = script.commands.first() else {
                    return self.unclear(caller.by, "the words after env -S are not understood");
                };
                waiting.extend(command.words.iter().rev().map(|word| one(word, &Variables::new())));
            } else if argument == b"-u" || argument == b"-C" {
                if argument == b"-u" {
                    self.tainted.extend(waiting.last().cloned().flatten());
                }
                waiting.pop();
            } else if !(argument.starts_with(b"-") || argument.contains(&b'=')) {
                waiting.push(Some(argument));
                waiting.reverse();
                return self.spawn(&waiting, caller.deeper());
            } else if let Some(at) = argument.iter().position(|byte| *byte == b'=') {
                self.tainted.insert(argument.get(..at).unwrap_or_default().to_vec());
            } else {
                self.open = true;
            }
        }
        self.found.environment.insert(caller.by.to_owned());
    }
}
