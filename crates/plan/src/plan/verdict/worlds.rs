//! What is decided by all that the app may do together, where what it does is only known when it runs.
//!
//! A program that loads by a name that it makes loads something of the app, which is the same after the move, or something of the base: so
//! the code of the base has to be the same. And one that runs a command by a name that it makes runs one that is there after the move too,
//! unless it is one of those that were lost, whose names are then in its code.

use std::collections::BTreeSet;

use super::compare::{Comparison, unclear};
use super::view::View;
use crate::format::elf;
use crate::foundation::Finding;

/// The words of a text that may be names of commands.
fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'+');
    text.split(move |byte| !plain(byte)).filter(|word| word.len() > 1)
}

impl Comparison<'_> {
    pub(super) fn worlds(&self, findings: &mut Vec<Finding>) {
        for (engine, (by, files)) in &self.to.worlds {
            let before = self.from.worlds.get(engine).map(|(_, files)| files);
            let kept = before.is_some_and(|before| before.iter().all(|(path, digest)| digest.is_some() && files.get(path) == Some(digest)));
            if !kept {
                findings.push(unclear(by, "it loads code by names that it makes, and the base has other code than before"));
            }
        }
        let told: Vec<&String> = self.to.runs_any.iter().filter(|place| !self.is_of_distribution(place)).collect();
        if told.is_empty() || self.runs_the_same() {
            return;
        }
        for place in told {
            findings.push(unclear(place, "it runs a program whose name is only known when it runs"));
        }
    }

    /// Whether none of the commands that were lost is named in code of the app, and those that are left are of the same makers.
    fn runs_the_same(&self) -> bool {
        let busybox = |view: &View| {
            let marks = |name: &[u8]| view.command(name).and_then(|path| Some(view.marks(view.find(&path)?).busybox));
            [&b"sh"[..], b"ls", b"sed"].map(marks)
        };
        if busybox(self.old) != busybox(self.new) {
            return false;
        }
        let lost = self.lost_commands();
        if lost.is_empty() {
            return true;
        }
        let is_lost = |text: &[u8]| words(text).any(|word| lost.contains(word));
        let launch = &self.new.launch;
        let mut texts: BTreeSet<&[u8]> = launch.arguments.iter().map(Vec::as_slice).collect();
        texts.extend(launch.environment.iter().filter(|(name, _)| name != b"PATH").map(|(_, value)| value.as_slice()));
        let reached = self.to.reached.iter().filter_map(|path| self.new.find(path)).filter(|entry| self.new.is_own(*entry));
        texts.extend(reached.filter_map(|entry| self.new.bytes(entry)).filter(|bytes| !bytes.starts_with(elf::MAGIC)));
        !texts.into_iter().any(is_lost) && self.to.constants.iter().all(|word| !lost.contains(word))
    }
}
