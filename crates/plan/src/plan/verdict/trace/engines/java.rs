//! Archives and classes of Java.

use super::super::{Argument, Caller, Trace, Use};
use super::{MOST_CLASSES, MOST_FILES, Machine, UNKNOWN_SCRIPT, Words};
use crate::format::tar::Kind;
use crate::foundation::Code;
use crate::plan::verdict::languages::engines::{java, javascript};
use crate::plan::verdict::loader::shown;
use crate::read::rootfs::{Entry, split};

impl<'v> Trace<'v> {
    /// The directory of a runtime of Java.
    fn java_home(machine: &Machine<'_, 'v>) -> Vec<u8> {
        let real = [b"/".as_slice(), &machine.entry.path()].concat();
        split(split(&real).0).0.to_vec()
    }

    pub(super) fn java_release(&self, machine: &Machine<'_, 'v>) -> Option<Vec<u8>> {
        let home = Self::java_home(machine);
        let places = [[home.as_slice(), b"/release"].concat(), [split(&home).0, b"/release"].concat()];
        places.iter().find_map(|path| java::release(self.view.text(path)?))
    }

    pub(super) fn java(&mut self, machine: &Machine<'_, 'v>, words: &mut Words<'_>, caller: Caller<'_>) {
        const VALUED: [&[u8]; 8] = [
            b"--add-modules",
            b"--add-opens",
            b"--add-exports",
            b"--add-reads",
            b"--limit-modules",
            b"--upgrade-module-path",
            b"--patch-module",
            b"-d",
        ];
        let place = caller.by.to_owned();
        self.libraries_of_java(machine);
        const PRESET: [&[u8]; 3] = [b"JAVA_TOOL_OPTIONS", b"JDK_JAVA_OPTIONS", b"_JAVA_OPTIONS"];
        let preset = PRESET.iter().filter_map(|name| self.view.launch.variable(name));
        let preset: Vec<Argument> = preset
            .flat_map(|value| value.split(u8::is_ascii_whitespace))
            .filter(|word| !word.is_empty())
            .map(|word| Some(word.to_vec()))
            .collect();
        let all = [preset.as_slice(), words.all].concat();
        let mut words = Words { all: &all, at: 0 };
        let (mut path, mut archive): (Option<Vec<u8>>, Option<Vec<u8>>) = (None, None);
        let mut more: Vec<Vec<u8>> = Vec::new();
        let main = loop {
            let Some(word) = words.next() else { break None };
            let Some(word) = word else { return self.unclear(&place, "it is given options that are only known when it runs") };
            match word.as_slice() {
                b"-jar" => {
                    let Some(file) = words.value() else { return self.unclear(&place, UNKNOWN_SCRIPT) };
                    archive = Some(file);
                    break None;
                }
                b"-cp" | b"-classpath" | b"--class-path" => {
                    let Some(value) = words.value() else { return self.unclear(&place, UNKNOWN_SCRIPT) };
                    path = Some(value);
                }
                b"-version" | b"--version" | b"-showversion" | b"--show-version" | b"-fullversion" | b"-help" | b"--help" => {
                    self.found.versions.entry(machine.path.to_vec()).or_insert_with(|| place.clone());
                    if !word.ends_with(b"showversion") && !word.ends_with(b"show-version") {
                        return;
                    }
                }
                b"-m" | b"--module" | b"-p" | b"--module-path" => return self.unclear(&place, "modules of Java are not followed"),
                word if VALUED.contains(&word) => drop(words.next()),
                word if word.starts_with(b"@") || word.starts_with(b"-agent") => {
                    return self.unclear(&place, format!("what java does with {} is not followed", shown(word)));
                }
                word if word.starts_with(b"-javaagent:") => {
                    let file = word.strip_prefix(b"-javaagent:").unwrap_or_default().split(|byte| *byte == b'=').next().unwrap_or_default();
                    more.push(file.to_vec());
                }
                word if word.starts_with(b"--class-path=") => path = word.strip_prefix(b"--class-path=").map(<[u8]>::to_vec),
                word if word.starts_with(b"-") => {
                    if let Some(value) = word.split(|byte| *byte == b'=').nth(1).filter(|value| value.starts_with(b"/")) {
                        self.uses(value, Use::Taken, &place, true);
                    }
                }
                _ => break Some(word),
            }
        };
        {
            if let Some(file) = archive {
                more.push(file);
            } else {
                let path = path.or_else(|| self.view.launch.variable(b"CLASSPATH").map(<[u8]>::to_vec)).unwrap_or_else(|| b".".to_vec());
                if main.as_ref().is_some_and(|main| main.ends_with(b".java")) {
                    return self.unclear(&place, "sources that java compiles are not followed");
                }
                if main.is_none() {
                    return;
                }
                more.extend(path.split(|byte| *byte == b':').filter(|part| !part.is_empty()).map(<[u8]>::to_vec));
            }
        }
        self.classes(machine, more, caller);
    }

    /// The libraries that make up the runtime.
    fn libraries_of_java(&mut self, machine: &Machine<'_, 'v>) {
        const NEEDED: [&[u8]; 6] = [b"libjvm.so", b"libjava.so", b"libjimage.so", b"libzip.so", b"libnio.so", b"libnet.so"];
        let home = Self::java_home(machine);
        let Some(folder) = self.view.find(&[home.as_slice(), b"/lib"].concat()) else { return };
        let files = self.view.rootfs().files(folder).filter(|entry| NEEDED.contains(&entry.name()));
        let files: Vec<Vec<u8>> = files.map(|entry| [b"/".as_slice(), &entry.path()].concat()).take(16).collect();
        for file in files {
            let guarded = file.ends_with(b"libnio.so") || file.ends_with(b"libnet.so");
            self.closure(machine.path, machine.entry, &[file], guarded);
        }
    }

    /// Archives and directories of classes, as a class path names them.
    fn classes(&mut self, machine: &Machine<'_, 'v>, waiting: Vec<Vec<u8>>, caller: Caller<'_>) {
        let place = caller.by.to_owned();
        let newest = self.java_release(machine).and_then(|release| java::newest(&release));
        let mut waiting: Vec<Vec<u8>> = waiting;
        let mut read = 0_usize;
        while let Some(name) = waiting.pop() {
            if let Some(folder) = name.strip_suffix(b"/*") {
                let folders: Vec<Vec<u8>> = self.meant(folder).into_iter().filter(|path| self.view.exists(path)).collect();
                for folder in folders {
                    let children =
                        self.view.find(&folder).into_iter().flat_map(Entry::children).filter(|child| child.name().ends_with(b".jar"));
                    waiting.extend(children.map(|child| [folder.as_slice(), b"/", child.name()].concat()));
                    self.uses(&folder, Use::Listed, &place, true);
                }
                continue;
            }
            let paths = if name == b"." { self.directories.clone() } else { self.meant(&name) };
            let Some(path) = paths.iter().find(|path| self.view.exists(path)).cloned() else {
                let path = paths.first().cloned().unwrap_or(name);
                if !self.runs_made(&path, &place) {
                    self.lack(Code::VerdictMissing, &path, &place, waiting.is_empty() && path.ends_with(b".jar") && !caller.guarded);
                }
                continue;
            };
            if !self.seen.insert((path.clone(), Vec::new(), Some("an engine".to_owned()))) {
                continue;
            }
            let Some(entry) = self.view.find(&path) else { continue };
            if !self.is_apps(&path) {
                self.found.reached.insert(entry.path());
                continue;
            }
            let found = if entry.kind() == Kind::Directory {
                self.classes_below(entry)
            } else {
                self.archive(entry, MOST_CLASSES - read.min(MOST_CLASSES))
            };
            let Some(found) = found else {
                self.unclear(&shown(&path), "its classes cannot be read");
                continue;
            };
            read = read.saturating_add(found.classes.bytes);
            let folder = split(&path).0.to_vec();
            waiting.extend(found.path.iter().filter(|part| !part.starts_with(b"file:")).map(|part| javascript::joined(&folder, part)));
            self.said_by(machine, &found, newest, (&shown(&path), caller));
        }
    }

    fn archive(&mut self, entry: Entry<'v>, most: usize) -> Option<java::Archive> {
        self.found.reached.insert(entry.path());
        java::archive(self.view.bytes(entry)?, most)
    }

    fn classes_below(&mut self, folder: Entry<'v>) -> Option<java::Archive> {
        let mut found = java::Archive::default();
        for entry in self.view.rootfs().files(folder).filter(|entry| entry.name().ends_with(b".class")).take(MOST_FILES) {
            self.found.reached.insert(entry.path());
            let bytes = self.view.bytes(entry)?;
            found.classes.bytes += bytes.len();
            java::class(bytes, false, &mut found.classes)?;
        }
        Some(found)
    }

    /// What classes need, and what they lead to.
    fn said_by(&mut self, machine: &Machine<'_, 'v>, found: &java::Archive, newest: Option<u16>, (place, caller): (&str, Caller<'_>)) {
        let classes = &found.classes;
        match newest {
            Some(newest) if classes.major > newest => {
                let text = format!("classes of Java {}", classes.major.saturating_sub(44));
                self.lack(Code::VerdictSyntax, text.as_bytes(), place, !caller.guarded);
            }
            None if !self.view.is_own(machine.entry) => self.unclear(place, "the release of the runtime of Java is not known"),
            _ => {}
        }
        if classes.starts {
            self.starts(vec![None], place, caller.depth);
        }
        if found.libraries && classes.loads {
            self.unclear(place, "libraries inside of an archive are not followed");
        }
        if classes.asks {
            self.found.versions.entry(machine.path.to_vec()).or_insert_with(|| place.to_owned());
        }
        for path in &classes.paths {
            self.uses(path, Use::Taken, place, true);
        }
        self.found.constants.extend(classes.words.iter().cloned());
    }
}
