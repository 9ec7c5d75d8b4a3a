//! Files that a script makes itself: whether the new base has them too does not matter from then on.

use super::command::Standing;
use super::wrap::options;
use super::{Argument, Trace, Use};
use crate::format::tar::Kind;
use crate::plan::verdict::loader::shown;
use crate::plan::verdict::shell::{Script, Word, values};
use crate::read::rootfs::split;

/// What a command leaves at a path, whatever was there before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    /// A file with a content of its own, or a link.
    New,
    /// A file with what it had before, and maybe more.
    Old,
    /// A directory, with what is in it.
    Directory,
    /// A directory where nothing was: the command fails if something is there.
    Absent,
}

impl Content {
    /// Whether somebody who uses it so gets the same from each base.
    fn serves(self, how: Use) -> bool {
        match self {
            Self::New => true,
            Self::Old => how <= Use::Named,
            Self::Directory | Self::Absent => how <= Use::Named || how == Use::Taken,
        }
    }
}

/// Something that was made.
#[derive(Debug, Clone)]
pub(in crate::plan::verdict) struct Made {
    content: Content,
    /// The function in which it is made.
    function: Option<Vec<u8>>,
    /// Whether that may not happen: it is in a branch, or the path is one of several.
    conditional: bool,
}

/// Where a command of a script stands that is followed.
#[derive(Debug, Clone, Default)]
pub(super) struct Branch {
    function: Option<Vec<u8>>,
    conditional: bool,
    /// The test that is there for this command alone, by its place and number: `[ -d DIRECTORY ] || mkdir DIRECTORY`.
    test: Option<(String, usize)>,
}

impl Branch {
    /// Whether what is followed may not be run.
    pub(super) fn is_conditional(&self) -> bool {
        self.conditional
    }

    /// The function that is followed.
    pub(super) fn function(&self) -> Option<&Vec<u8>> {
        self.function.as_ref()
    }

    /// That of a command of a script that is run here.
    pub(super) fn of(&self, script: &Script, place: &str, number: usize) -> Self {
        let command = |number: Option<usize>| number.and_then(|number| script.commands.get(number));
        let (before, next) = (command(number.checked_sub(1)), command(number.checked_add(1)));
        let Some(this) = command(Some(number)) else { return self.clone() };
        let alone = this.conditional && next.is_none_or(|next| !next.conditional) && before.is_some_and(|before| !before.conditional);
        Self {
            function: this.function.clone().or_else(|| self.function.clone()),
            conditional: self.conditional || this.conditional,
            test: if alone && !self.conditional { number.checked_sub(1).map(|test| (place.to_owned(), test)) } else { None },
        }
    }
}

/// The operands of a command that it makes, and what it leaves there.
pub(super) fn targets<'a>(name: &[u8], own: &'a [Argument]) -> Vec<(&'a Argument, Content)> {
    let flag = |letter: u8, long: &[u8]| {
        let is = |word: &Vec<u8>| word == long || (word.starts_with(b"-") && !word.starts_with(b"--") && word.contains(&letter));
        own.iter().flatten().any(is)
    };
    let (valued, content): (&[&[u8]], Content) = match name {
        b"mkdir" => (&[b"-m"], if flag(b'p', b"--parents") { Content::Directory } else { Content::Absent }),
        b"install" if flag(b'd', b"--directory") => (&[b"-m", b"-o", b"-g"], Content::Directory),
        b"touch" if !flag(b'c', b"--no-create") => (&[b"-d", b"-r", b"-t"], Content::Old),
        b"tee" => (&[], if flag(b'a', b"--append") { Content::Old } else { Content::New }),
        b"cp" | b"mv" | b"ln" if !flag(b't', b"--target-directory") => (&[b"-S"], Content::New),
        _ => return Vec::new(),
    };
    let operands = own.get(options(own, valued)..).unwrap_or_default();
    let last = if matches!(name, b"cp" | b"mv" | b"ln") {
        // With more of them the last one is a directory that is there.
        if operands.len() != 2 {
            return Vec::new();
        }
        1
    } else {
        0
    };
    operands.iter().skip(last).map(|operand| (operand, content)).collect()
}

impl Trace<'_> {
    /// Whether it makes a program or a script itself that it runs: what that does is not followed.
    pub(super) fn runs_made(&mut self, path: &[u8], by: &str) -> bool {
        let made = self.found.made.get(path).is_some_and(|made| matches!(made.content, Content::New | Content::Old));
        if made {
            self.unclear(by, format!("it runs a file that it makes itself: {}", shown(path)));
        }
        made
    }

    /// Whether a path is made before it is used so: `true` if that is certain.
    pub(super) fn made(&self, path: &[u8], how: Use) -> Option<bool> {
        let made = self.found.made.get(path)?;
        let was_run = |function: &Vec<u8>| self.ran.contains(function) || self.branch.function.as_ref() == Some(function);
        let is_here = made.function.as_ref().is_none_or(was_run);
        Some(!made.conditional && is_here && made.content.serves(how))
    }

    /// Whether a directory is made only if a test does not find it, so that it is there in any case. Then the test decides nothing else.
    fn is_made_if_absent(&mut self, path: &[u8]) -> bool {
        let Some((place, number)) = &self.branch.test else { return false };
        let key = |flag: &str| (place.clone(), format!("{number}: {flag} {}", shown(path)));
        ["-d", "-e"].iter().any(|flag| self.found.tests.remove(&key(flag)).is_some())
    }

    fn make(&mut self, path: Vec<u8>, content: Content, several: bool) {
        let is_there = matches!(content, Content::Directory | Content::Absent) && !several && self.is_made_if_absent(&path);
        if content == Content::Absent && !is_there {
            return;
        }
        let Branch { function, conditional, .. } = self.branch.clone();
        let made = Made { content, function, conditional: several || (conditional && !is_there) };
        // What is certain stays so.
        if self.found.made.get(&path).is_none_or(|known| known.conditional || known.function.is_some()) {
            self.found.made.insert(path, made);
        }
    }

    /// Notes what a command makes of its operands, and that the directories for it have to be there.
    pub(super) fn makes(&mut self, targets: &[(&Argument, Content)], by: &str, guarded: bool) {
        for (operand, content) in targets {
            let Some(operand) = operand else { continue };
            let paths = self.meant(operand);
            let several = paths.len() > 1;
            for path in paths {
                if matches!(content, Content::New | Content::Old) {
                    self.writes_to(split(&path).0, by, guarded || several);
                    // A directory that is there gets it, and one that is not there does not.
                    self.writes_to(&path, by, guarded || several);
                }
                let is_directory = self.view.find(&path).is_some_and(|entry| entry.kind() == Kind::Directory);
                if *content != Content::New || !is_directory {
                    self.make(path, *content, several);
                }
            }
        }
    }

    /// Notes the files that the user of the image opens to write. What is put into a directory is none that is there.
    pub(super) fn opens(&mut self, targets: &[(&Argument, Content)], by: &str, guarded: bool) {
        if self.user.as_ref() != Some(&self.view.launch.user) {
            return;
        }
        let guarded = guarded || self.is_expected();
        for (target, _) in targets {
            let paths = target.iter().flat_map(|path| self.meant(path)).collect::<Vec<_>>();
            let several = paths.len() > 1;
            for path in paths.into_iter().filter(|path| !self.found.made.contains_key(path)) {
                let guarded = guarded || several;
                self.found.written.entry(path).or_insert_with(|| (by.to_owned(), guarded)).1 &= guarded;
            }
        }
    }

    /// Notes that something is put at a path, or into it if it is a directory.
    fn writes_to(&mut self, path: &[u8], by: &str, guarded: bool) {
        let made = self.made(path, Use::Named);
        if made == Some(true) {
            return;
        }
        let guarded = guarded || self.is_expected() || made.is_some();
        self.found.targets.entry(path.to_vec()).or_insert_with(|| (by.to_owned(), guarded)).1 &= guarded;
    }

    /// Notes the files that a command of a script writes.
    pub(super) fn writes(&mut self, at: Standing<'_>) {
        let written = |words: &[Word], content: Content| -> Vec<(Argument, Content)> {
            let values = words.iter().flat_map(|word| values(word, &self.inherited).unwrap_or_default());
            values.map(|value| (Some(value), content)).collect()
        };
        let all = [written(&at.command.writes, Content::New), written(&at.command.appends, Content::Old)].concat();
        let all: Vec<(&Argument, Content)> = all.iter().map(|(path, content)| (path, *content)).collect();
        self.opens(&all, at.place, !at.command.is_needed());
        self.makes(&all, at.place, !at.command.is_needed());
    }
}
