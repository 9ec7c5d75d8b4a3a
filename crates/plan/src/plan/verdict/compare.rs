//! What was there before the move and is not after it.

use std::collections::{BTreeMap, BTreeSet};

use super::languages;
use super::loader::shown;
use super::owners::Owners;
use super::shell::{Family, Understanding};
use super::trace::{Attribute, Need, Trace, Traced, Use};
use super::view::View;
use crate::format::elf;
use crate::format::tar::Kind;
use crate::foundation::{Code, Digest, Fact, Finding, Severity};
use crate::read::rootfs::Entry;

/// What was met in both images.
pub(super) struct Comparison<'v> {
    pub(super) from: Traced,
    pub(super) to: Traced,
    pub(super) old: &'v View,
    pub(super) new: &'v View,
    pub(super) owners: Owners<'v>,
}

pub(super) fn finding(code: Code, fatal: bool, message: String, by: &str) -> Finding {
    Finding::new(code, message).severity(if fatal { Severity::Damage } else { Severity::Warning }).at(by)
}

impl Comparison<'_> {
    pub(super) fn findings(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        if self.new.launch.arguments.is_empty() {
            findings.push(unclear(Trace::CONFIG, "the image starts nothing by itself"));
        }
        self.launched(&mut findings);
        self.lacks(&mut findings);
        self.gains(&mut findings);
        self.patterns(&mut findings);
        self.asked(&mut findings);
        self.words(&mut findings);
        self.names(&mut findings);
        self.parts(&mut findings);
        self.shells(&mut findings);
        self.uses(&mut findings);
        self.targets(&mut findings);
        self.written(&mut findings);
        self.shadowed(&mut findings);
        self.tests(&mut findings);
        self.tools(&mut findings);
        self.references(&mut findings);
        self.users(&mut findings);
        self.environment(&mut findings);
        self.dependencies(&mut findings);
        self.unpacking(&mut findings);
        self.worlds(&mut findings);
        for (place, reason) in self.to.unclear.iter().filter(|(place, _)| !self.is_of_distribution(place)) {
            findings.push(unclear(place, reason));
        }
        findings
    }

    /// What patterns for names of files match.
    fn patterns(&self, findings: &mut Vec<Finding>) {
        for ((place, pattern), files) in &self.to.patterns {
            if self.from.patterns.get(&(place.clone(), pattern.clone())).is_some_and(|before| before != files) {
                findings.push(finding(Code::VerdictChanged, false, format!("a pattern matches other files: {pattern}"), place));
            }
        }
    }

    /// What scripts of the app give commands, where the base made the words.
    fn words(&self, findings: &mut Vec<Finding>) {
        let list = |words: &BTreeSet<Vec<u8>>| words.iter().take(4).map(|word| shown(word)).collect::<Vec<_>>().join(", ");
        for ((place, command), after) in self.to.words.iter().filter(|((place, _), _)| self.is_of_app(place)) {
            let Some(before) = self.from.words.get(&(place.clone(), command.clone())).filter(|before| *before != after) else { continue };
            let name = command.split_once(' ').map_or(command.as_str(), |(_, name)| name);
            findings.push(
                finding(Code::VerdictChanged, false, format!("a command is given other words: {name}"), place)
                    .expected(Fact::new(list(before), "the image"))
                    .found(Fact::new(list(after), "the moved image")),
            );
        }
    }

    /// Links and names that scripts ask for, and what releases of their interpreters do in ways of their own.
    fn asked(&self, findings: &mut Vec<Finding>) {
        for (path, by) in &self.to.links {
            findings.extend(self.asked_link(path, by));
        }
        for (name, by) in &self.to.places {
            let (before, after) = (self.old.command(name), self.new.command(name));
            if before.is_some() && after.is_some() && before != after {
                let message = format!("a command whose place is printed is in another one: {}", shown(name));
                findings.push(finding(Code::VerdictChanged, false, message, by));
            }
        }
        for ((file, name), by) in &self.to.entries {
            let found = match *file {
                b"/etc/passwd" => self.asked_user(name, [true, false], by),
                b"/etc/group" => self.asked_user(name, [false, true], by),
                file => self.asked_entry(file, name, by),
            };
            findings.extend(found.map(|finding| finding.severity(Severity::Warning)));
        }
        for ((place, manner), after) in &self.to.manners {
            if self.from.manners.get(&(place.clone(), *manner)).is_some_and(|before| before != after) {
                let message = format!("the interpreter does it in another way: {manner}");
                findings.push(finding(Code::VerdictChanged, false, message, place));
            }
        }
    }

    /// Names that scripts take from modules of the base.
    fn names(&self, findings: &mut Vec<Finding>) {
        for ((module, name), attribute) in self.to.attributes.iter().filter(|(_, attribute)| !attribute.there) {
            let Attribute { by, needed, made, .. } = attribute;
            let before = self.from.attributes.get(&(module.clone(), name.clone()));
            // It ran, so a module that makes names makes this one.
            if *needed && before.is_some_and(|before| !(before.there || before.made && *made)) {
                findings.push(unclear(by, &format!("it was not found before the move either: {name} of {module}")));
            }
            if before.is_some_and(|before| before.there) {
                findings.push(finding(Code::VerdictName, *needed, format!("a name is not in its module: {name} of {module}"), by));
            }
        }
    }

    /// Parts of objects that the modules or the interpreter of the base named, and do not name any more.
    fn parts(&self, findings: &mut Vec<Finding>) {
        let all = |traced: &Traced, view: &View| -> BTreeSet<Vec<u8>> {
            let texts = traced.modules.iter().filter_map(|path| view.text(path)).flat_map(languages::words);
            let built_in = traced.interpreters.iter().filter_map(|path| view.text(path)).flat_map(languages::built_in);
            texts.chain(built_in).filter(|name| self.to.parts.contains_key(*name)).map(<[u8]>::to_vec).collect()
        };
        if self.to.parts.is_empty() {
            return;
        }
        let (before, after) = (all(&self.from, self.old), all(&self.to, self.new));
        let told: BTreeSet<&str> =
            self.to.attributes.iter().filter(|(_, attribute)| !attribute.there).map(|((_, name), _)| name.as_str()).collect();
        // A text in the end of a longer one is there too.
        let kept = |name: &[u8]| {
            let text = [name, b"\0"].concat();
            self.to.interpreters.iter().filter_map(|path| self.new.text(path)).any(|bytes| contains(bytes, &text))
        };
        let lost = |name: &Vec<u8>| {
            before.contains(name)
                && !after.contains(name)
                && !told.contains(shown(name).as_str())
                && !self.to.defined.contains(name)
                && !kept(name)
        };
        for (name, by) in self.to.parts.iter().filter(|(name, _)| lost(name)) {
            let message = format!("a name that the modules of the base had is not in them any more: {}", shown(name));
            findings.push(finding(Code::VerdictName, false, message, by));
        }
    }

    /// What scripts have that the shell that runs them now understands in another way, or not at all.
    fn shells(&self, findings: &mut Vec<Finding>) {
        for ((place, construct), (shell, certain)) in &self.to.shells {
            let Some((before, _)) = self.from.shells.get(&(place.clone(), *construct)) else { continue };
            let (had, has) = (before.makes_of(*construct), shell.makes_of(*construct));
            let known = before.family == shell.family && before.family != Family::Other;
            let same_file = before.digest.is_some() && before.digest == shell.digest;
            if same_file || (had == has && (known || had != Understanding::Own)) {
                continue;
            }
            let fatal = *certain && has == Understanding::Lacks;
            let (code, message) = if fatal {
                (Code::VerdictSyntax, format!("the shell does not understand a script: {}", construct.text))
            } else {
                (Code::VerdictChanged, format!("another shell may understand a script differently: {}", construct.text))
            };
            findings.push(
                finding(code, fatal, message, place)
                    .expected(Fact::new(shown(&before.name), "the image"))
                    .found(Fact::new(shown(&shell.name), "the moved image")),
            );
        }
    }

    fn lacks(&self, findings: &mut Vec<Finding>) {
        for (need, (by, fatal)) in &self.to.lacks {
            // It ran before, as far as anybody knows: then it does not need this, or has it from where nobody looked.
            let packaged = self.old.find(by.as_bytes()).is_some_and(|entry| !self.old.is_own(entry) || self.old.is_packaged(entry));
            if *fatal && !packaged && self.from.lacks.get(need).is_some_and(|(_, fatal)| *fatal) {
                findings.push(unclear(by, &format!("it was not found before the move either: {}", need.name)));
            }
        }
        for (need, (by, fatal)) in self.to.lacks.iter().filter(|(need, _)| !self.from.lacks.contains_key(need)) {
            // An image whose old command was not found either is one that nobody understood, whatever it would start now.
            if let Some(before) = self.from.lacked_start().filter(|_| *fatal && by == Trace::CONFIG) {
                findings.push(unclear(by, &format!("what it starts was not found before the move either: {}", before.name)));
                continue;
            }
            let what = match need.code {
                Code::VerdictInterpreter => "the loader of a program is not there or cannot be run",
                Code::VerdictNeeded => "a library is not found",
                Code::VerdictVersion => "a library lacks a version",
                Code::VerdictSymbol => "no library defines a symbol",
                Code::VerdictScriptInterpreter => "the interpreter of a script is not found",
                Code::VerdictCommand => "a command is not found",
                Code::VerdictModule => "a module is not found",
                Code::VerdictAccess => "a file cannot be run",
                Code::VerdictSyntax => "the interpreter is too old",
                Code::VerdictUser => "a user runs no commands",
                _ => "a file is not found",
            };
            // Where libraries are looked for in places that nobody knows, they may be there.
            let is_open =
                self.new.has_open_library_path() && matches!(need.code, Code::VerdictNeeded | Code::VerdictVersion | Code::VerdictSymbol);
            let mut finding = finding(need.code, *fatal && !is_open, format!("{what}: {}", need.name), by);
            if let Some((code, message)) = self.origin(by) {
                finding = finding.detail(format!("{code} {message}"));
            }
            finding = self.owners.had(need).into_iter().fold(finding, Finding::detail);
            findings.push(finding.expected(Fact::new(&need.name, by)).found(Fact::new("nothing that fits", "the moved image")));
        }
    }

    /// What the app did not find before the move and finds after it: it went on without it, and bytes do not tell what it does with it.
    fn gains(&self, findings: &mut Vec<Finding>) {
        for (need, (by, _)) in self.from.lacks.iter().filter(|(need, _)| !self.to.lacks.contains_key(need)) {
            if self.asks_for(need, by) && self.is_found(need, by) {
                findings.push(gained(&need.name, by));
            }
        }
        for (path, (how, by, _)) in self.to.uses.iter().filter(|(path, _)| !is_made(path) && !self.old.exists(path)) {
            let Some(entry) = self.new.find(path).filter(|entry| !self.new.is_own(*entry)) else { continue };
            let read = match how {
                Use::Named => false,
                Use::Taken => entry.kind() == Kind::File && !is_data(path) && !self.new.files().is_program(entry),
                _ => true,
            };
            if read && self.is_of_app(by) {
                findings.push(gained(&shown(path), by));
            }
        }
    }

    /// Whether something is what the app itself wrote: a script of its own, or its config.
    fn is_of_app(&self, by: &str) -> bool {
        self.new.find(by.as_bytes()).is_none_or(|entry| self.new.is_own(entry) && !self.new.is_packaged(entry))
    }

    /// Whether a file is a script of a package of the new base, which fits what it is in. Those that start what others bring are not.
    pub(super) fn is_of_distribution(&self, place: &str) -> bool {
        const STARTING: [&[u8]; 5] = [b"service", b"invoke-rc.d", b"run-one", b"cron", b"entrypoint"];
        let Some(entry) = self.new.find(place.as_bytes()) else { return false };
        let starts = STARTING.iter().any(|name| contains(entry.name(), name));
        !self.new.is_own(entry) && self.new.is_packaged(entry) && !self.new.files().is_program(entry) && !starts
    }

    /// Whether the app asks for something, as far as that is certain: most texts in programs are no names of commands.
    fn asks_for(&self, need: &Need, by: &str) -> bool {
        let program = self.new.find(by.as_bytes()).is_some_and(|entry| self.new.files().is_program(entry));
        self.is_of_app(by) && (need.code != Code::VerdictCommand || !program || need.name == Trace::SHELL)
    }

    /// Whether what was lacking is there now, and not only not asked for any more.
    fn is_found(&self, need: &Need, by: &str) -> bool {
        let name = need.name.as_bytes();
        match need.code {
            Code::VerdictCommand => self.old.command(name).is_none() && self.new.command(name).is_some(),
            Code::VerdictScriptInterpreter | Code::VerdictInterpreter | Code::VerdictMissing => {
                !self.old.exists(name) && self.new.exists(name)
            }
            // Whoever takes a module if it is there does without it.
            Code::VerdictModule | Code::VerdictSyntax => false,
            _ => self.new.find(by.as_bytes()).is_some_and(|entry| self.to.reached.contains(&entry.path())),
        }
    }

    /// Whose a file is.
    fn origin(&self, by: &str) -> Option<(&'static str, &'static str)> {
        let entry = self.new.find(by.as_bytes())?;
        Some(("the file is", if self.new.is_own(entry) { "the app's" } else { "the new base's" }))
    }

    fn uses(&self, findings: &mut Vec<Finding>) {
        for (path, (how, by, guarded)) in &self.to.uses {
            let before = self.earlier(path, |path| self.from.uses.contains_key(path));
            let (Some(old), false) = (self.old.find(&before), is_made(path)) else { continue };
            let Some(new) = self.new.find(path) else {
                let fatal = *how > Use::Named && !guarded;
                let missing = finding(Code::VerdictMissing, fatal, format!("a file is not found: {}", shown(path)), by);
                findings.push(self.owners.was_of(path).into_iter().fold(missing, Finding::detail));
                continue;
            };
            if *how > Use::Named && self.old.may(&before, 4) && !self.new.may(path, 4) {
                let message = format!("the user of the image may not read a file: {}", shown(path));
                findings.push(finding(Code::VerdictAccess, *how == Use::Read && !guarded, message, by));
                continue;
            }
            let differ = old.kind() == Kind::File && self.old.digest(old) != self.new.digest(new);
            let program = self.old.bytes(old).is_some_and(|bytes| bytes.starts_with(elf::MAGIC));
            let changed = match how {
                Use::Read if old.kind() == Kind::Directory => names(old) != names(new),
                Use::Read => differ,
                Use::Taken => differ && !program && !is_data(path),
                Use::Walked => !below(self.old, old).into_keys().eq(below(self.new, new).into_keys()),
                Use::Copied => differ || below(self.old, old) != below(self.new, new),
                Use::Listed => names(old) != names(new),
                Use::Named => false,
            };
            if changed {
                findings.push(finding(Code::VerdictChanged, false, format!("what is read is not what it was: {}", shown(path)), by));
            }
        }
    }

    /// Where files are put: into a directory, or in the place of nothing or of a file.
    fn targets(&self, findings: &mut Vec<Finding>) {
        for (path, (by, guarded)) in self.to.targets.iter().filter(|(path, _)| !is_made(path)) {
            let earlier = self.earlier(path, |path| self.from.targets.contains_key(path));
            let is_directory = |view: &View, path: &[u8]| view.find(path).is_some_and(|entry| entry.kind() == Kind::Directory);
            let (before, now) = (is_directory(self.old, &earlier), is_directory(self.new, path));
            if before && self.new.find(path).is_none() {
                let missing = finding(Code::VerdictMissing, !guarded, format!("a directory is not found: {}", shown(path)), by);
                findings.push(self.owners.was_of(path).into_iter().fold(missing, Finding::detail));
            } else if before != now && self.to.made.contains_key(path) {
                let message = format!("what is written to is a directory in one base and none in the other: {}", shown(path));
                findings.push(finding(Code::VerdictChanged, false, message, by));
            }
        }
    }

    /// Files that are there and that the user of the image could write before.
    fn written(&self, findings: &mut Vec<Finding>) {
        for (path, (by, guarded)) in self.to.written.iter().filter(|(path, _)| !is_made(path)) {
            let is_file = |view: &View| view.find(path).is_some_and(|entry| entry.kind() == Kind::File);
            if is_file(self.old) && is_file(self.new) && self.old.may(path, 2) && !self.new.may(path, 2) {
                let message = format!("the user of the image may not write a file: {}", shown(path));
                findings.push(finding(Code::VerdictAccess, !guarded, message, by));
            }
        }
    }

    /// Commands of the app in whose place another file is found: the new base has one of that name in an earlier directory.
    fn shadowed(&self, findings: &mut Vec<Finding>) {
        const SET_ID: u32 = 0o6000;
        for (name, (path, by)) in &self.to.commands {
            let mode = |view: &View| view.find(path).map_or(0, |entry| entry.mode() & SET_ID);
            if self.from.commands.get(name).is_some_and(|(before, _)| before == path) && mode(self.old) != mode(self.new) {
                let message = format!("a program runs as another user or group: {}", shown(path));
                findings.push(finding(Code::VerdictChanged, false, message, by));
            }
            let Some((before, _)) = self.from.commands.get(name).filter(|(before, _)| before != path) else { continue };
            let (Some(old), Some(new)) = (self.old.find(before), self.new.find(path)) else { continue };
            if self.old.is_own(old) && !self.new.is_own(new) {
                let message = format!("a command of the app is another file now: {}", shown(name));
                let finding = finding(Code::VerdictChanged, false, message, by).expected(Fact::new(shown(before), "the image"));
                findings.push(finding.found(Fact::new(shown(path), "the moved image")));
            }
        }
    }

    fn tests(&self, findings: &mut Vec<Finding>) {
        for ((place, test), (value, decides)) in &self.to.tests {
            let Some((before, _)) = self.tested_before(place, test).filter(|(before, _)| before != value) else { continue };
            let text = test.split_once(": ").map_or(test.as_str(), |(_, text)| text);
            let word = |value: bool| if value { "true" } else { "false" };
            findings.push(
                finding(Code::VerdictTest, *decides, format!("a test has another result: {text}"), place)
                    .expected(Fact::new(word(*before), "the image"))
                    .found(Fact::new(word(*value), "the moved image")),
            );
        }
    }

    /// What a test gave before the move.
    fn tested_before(&self, place: &str, test: &str) -> Option<&(bool, bool)> {
        let before = |test: String| self.from.tests.get(&(place.to_owned(), test));
        let (flag, path) = test.split_at(test.find('/').unwrap_or(test.len()));
        let with = |path: &[u8]| format!("{flag}{}", shown(path));
        before(with(&self.earlier(path.as_bytes(), |path| before(with(path)).is_some())))
    }

    pub(super) fn is_same(&self, path: &[u8]) -> bool {
        match (self.old.find(path), self.new.find(path)) {
            (Some(old), Some(new)) => self.old.digest(old).is_some() && self.old.digest(old) == self.new.digest(new),
            _ => false,
        }
    }

    /// Whether it is the same release of busybox, which says nothing else of itself.
    pub(super) fn is_release(&self, path: &[u8]) -> bool {
        let release = |view: &View| -> Option<Vec<u8>> {
            let bytes = view.text(path)?;
            let at = bytes.windows(9).position(|window| window == b"BusyBox v")?;
            let number: Vec<u8> = bytes.get(at + 9..)?.iter().copied().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').collect();
            (!number.is_empty()).then_some(number)
        };
        release(self.old).is_some_and(|before| Some(before) == release(self.new))
    }

    fn unpacking(&self, findings: &mut Vec<Finding>) {
        let known: BTreeSet<_> = self.old.rootfs().differences().iter().map(|difference| (difference.shape, &difference.name)).collect();
        for difference in self.new.rootfs().differences() {
            if !known.contains(&(difference.shape, &difference.name)) {
                findings.push(finding(Code::VerdictUnpack, false, difference.shape.text().to_owned(), &shown(&difference.name)));
            }
        }
        let broken: BTreeSet<_> = self.old.rootfs().broken_links().iter().map(|link| &link.name).collect();
        for link in self.new.rootfs().broken_links().iter().filter(|link| !broken.contains(&link.name)) {
            let message = format!("a hard link leads to nothing, so the layer cannot be unpacked: {}", shown(&link.target));
            findings.push(finding(Code::VerdictUnpack, true, message, &shown(&link.name)));
        }
    }
}

pub(super) fn unclear(place: &str, reason: &str) -> Finding {
    Finding::new(Code::VerdictUnclear, reason).severity(Severity::Warning).at(place)
}

/// What was not there before the move.
fn gained(name: &str, by: &str) -> Finding {
    finding(Code::VerdictChanged, false, format!("what was not found before the move is found now: {name}"), by)
}

/// Whether a path is made when the image is started.
fn is_made(path: &[u8]) -> bool {
    let made = [&b"/dev"[..], b"/proc", b"/sys", b"/run", b"/tmp"];
    made.iter().any(|folder| path.strip_prefix(*folder).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/")))
}

/// Whether a file is a certificate or a time zone, of which each edition does as well.
fn is_data(path: &[u8]) -> bool {
    path.ends_with(b".crt") || path.ends_with(b".pem") || contains(path, b"/zoneinfo")
}

fn names(directory: Entry<'_>) -> BTreeSet<Vec<u8>> {
    directory.children().map(|entry| entry.name().to_vec()).collect()
}

/// Everything below a directory, by name and content.
fn below<'v>(view: &'v View, directory: Entry<'v>) -> BTreeMap<Vec<u8>, Option<&'v Digest>> {
    let start = directory.path().len();
    view.rootfs().files(directory).map(|entry| (entry.path().get(start..).unwrap_or_default().to_vec(), view.digest(entry))).collect()
}

pub(super) fn contains(bytes: &[u8], text: &[u8]) -> bool {
    text.is_empty() || bytes.windows(text.len()).any(|window| window == text)
}
