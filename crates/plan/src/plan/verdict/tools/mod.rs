//! Commands that are other programs after the move.

mod busybox;

use self::busybox::{Fate, fate};
use super::compare::{Comparison, contains, finding};
use super::loader::shown;
use super::view::View;
use crate::foundation::{Code, Finding};
use crate::read::rootfs::{Entry, split};

/// Who made a program, as far as its commands are read in different ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Maker {
    Busybox,
    Gawk,
    Mawk,
    /// A program with a library of OpenSSL before 3.
    OldOpenSsl,
    Other,
}

impl Maker {
    fn of(view: &View, entry: Entry<'_>) -> Self {
        let marks = view.marks(entry);
        match () {
            () if marks.busybox => Self::Busybox,
            () if marks.gawk => Self::Gawk,
            () if marks.mawk => Self::Mawk,
            () if view.elf(entry).is_some_and(|elf| elf.needed.iter().any(|name| name.starts_with(b"libcrypto.so.1"))) => Self::OldOpenSsl,
            () => Self::Other,
        }
    }
}

impl Comparison<'_> {
    /// Programs that print what they are, and options that other programs do not have.
    pub(super) fn tools(&self, findings: &mut Vec<Finding>) {
        for (path, by) in self.to.versions.iter().filter(|(path, _)| !self.is_same(path) && !self.is_release(path)) {
            let message = format!("a program that tells of itself is another one: {}", shown(path));
            findings.push(finding(Code::VerdictChanged, false, message, by));
        }
        for (path, by) in &self.to.printing {
            let Some((old, new)) = self.makers(path) else { continue };
            if (old == Maker::Busybox) != (new == Maker::Busybox) {
                let message = format!("what a program prints is not the same in busybox: {}", shown(path));
                findings.push(finding(Code::VerdictChanged, false, message, by));
            }
        }
        for (by, path) in self.to.packed.iter().filter(|(by, _)| self.to.summed.contains(*by)) {
            let Some((old, new)) = self.makers(path) else { continue };
            if (old == Maker::Busybox) != (new == Maker::Busybox) {
                let message = format!("what a program packs has other bytes in busybox: {}", shown(path));
                findings.push(finding(Code::VerdictChanged, false, message, by));
            }
        }
        for (path, (by, release)) in self.to.releases.iter().filter(|(path, _)| !self.is_same(path)) {
            let same = self.from.releases.get(path).is_some_and(|(_, before)| before == release && !release.is_empty());
            if !same {
                let message = format!("an interpreter that is asked for its version is another one: {}", shown(path));
                findings.push(finding(Code::VerdictChanged, false, message, by));
            }
        }
        for (path, texts) in self.to.peculiar.iter().filter(|(path, _)| !self.is_same(path)) {
            let builds = split(path).1 == b"date" && !self.is_build(path);
            let other = self.makers(path).is_some_and(|(old, new)| old != new || (old == Maker::Busybox && builds));
            for (text, by) in texts.iter().filter(|_| other) {
                let message = format!("a program reads in another way what it is given: {text}");
                findings.push(finding(Code::VerdictOption, false, message, by));
            }
        }
        self.options(findings);
    }

    fn options(&self, findings: &mut Vec<Finding>) {
        for (path, options) in self.to.options.iter().filter(|(path, _)| !self.is_same(path)) {
            let (Some(old), Some(new)) = (self.old_command(path), self.new.find(path)) else { continue };
            for (option, (by, guarded)) in options {
                let fate = self.fate(split(path).1, option, (old, new));
                if fate != Fate::Same {
                    let message = format!("a program may not have an option: {} {}", shown(path), shown(option));
                    findings.push(finding(Code::VerdictOption, fate == Fate::Refused && !guarded, message, by));
                }
            }
        }
    }

    /// What becomes of an option of a command that was one program and is another.
    fn fate(&self, name: &[u8], option: &[u8], (old, new): (Entry<'_>, Entry<'_>)) -> Fate {
        // Nothing is known of programs that are too large to be read.
        let (Some(had), Some(has)) = (self.old.bytes(old), self.new.bytes(new)) else { return Fate::Doubtful };
        let (before, after) = (self.old.marks(old).busybox, self.new.marks(new).busybox);
        let long = option.strip_prefix(b"--").map(|long| long.split(|byte| *byte == b'=').next().unwrap_or_default());
        let lost = long.filter(|long| long.len() > 1).is_some_and(|long| contains(had, long) && !contains(has, long));
        match (before == after, long) {
            (true, _) if lost => Fate::Refused,
            (true, _) => Fate::Same,
            // busybox has the options of all its commands in one file; GNU's have their own in each.
            (false, Some(long)) if !after => {
                if contains(has, long) {
                    Fate::Same
                } else {
                    Fate::Doubtful
                }
            }
            (false, _) if lost => Fate::Refused,
            (false, _) => fate(name, option, after),
        }
    }

    /// Whether it is the same release of busybox with the same C library, which reads the formats of dates. A static one does not say
    /// which it has.
    fn is_build(&self, path: &[u8]) -> bool {
        let library = |view: &View| view.find(path).and_then(|entry| view.elf(entry)?.interpreter.clone());
        self.is_release(path) && library(self.old).is_some_and(|before| Some(before) == library(self.new))
    }

    /// Who made a command before the move and after it.
    fn makers(&self, path: &[u8]) -> Option<(Maker, Maker)> {
        Some((Maker::of(self.old, self.old_command(path)?), Maker::of(self.new, self.new.find(path)?)))
    }

    /// The program that was run under the name before; another directory of PATH may have had it.
    pub(super) fn old_command(&self, path: &[u8]) -> Option<Entry<'_>> {
        let name = split(path).1;
        self.old.find(path).or_else(|| self.old.find(&self.old.command(name)?))
    }
}
