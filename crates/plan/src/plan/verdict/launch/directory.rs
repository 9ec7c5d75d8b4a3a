//! Where the image stands when it starts: what a relative path means.

use std::collections::BTreeSet;

use super::changed_config;
use crate::format::elf;
use crate::format::tar::Kind;
use crate::foundation::{Code, Finding};
use crate::plan::verdict::compare::{Comparison, finding};
use crate::plan::verdict::loader::shown;
use crate::plan::verdict::trace::Trace;
use crate::plan::verdict::view::View;

/// Longer texts are no names of files.
const LONGEST: usize = 255;

/// The working directory, without a slash at its end; the one above everything is empty.
fn directory(view: &View) -> &[u8] {
    let mut path = view.launch.directory.as_slice();
    while let Some(rest) = path.strip_suffix(b"/") {
        path = rest;
    }
    path
}

/// How relative paths begin where a trace found them.
fn start(view: &View) -> Vec<u8> {
    let directory = view.launch.directory.as_slice();
    [if directory.is_empty() { b"/" } else { directory }, b"/"].concat()
}

/// The relative paths in a program, whose texts end with a zero, or in a script, where they stand between quotes.
fn relative_paths(bytes: &[u8]) -> BTreeSet<&[u8]> {
    let is_program = bytes.starts_with(elf::MAGIC);
    let ends = |byte: &u8| if is_program { *byte == 0 } else { matches!(byte, b'"' | b'\'') };
    let named = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'_' | b'-' | b'+' | b'@');
    let is_path =
        |text: &&[u8]| (2..LONGEST).contains(&text.len()) && !text.starts_with(b"/") && !text.starts_with(b"-") && text.iter().all(named);
    bytes.split(ends).filter(is_path).collect()
}

impl Comparison<'_> {
    fn moves(&self) -> bool {
        directory(self.old) != directory(self.new)
    }

    /// What a path of the moved image was called before, if it was meant relative to a working directory that is another one now. `is_met`
    /// says whether the image used a path before the move.
    pub(in crate::plan::verdict) fn earlier(&self, path: &[u8], is_met: impl Fn(&[u8]) -> bool) -> Vec<u8> {
        let rest = if self.moves() { path.strip_prefix(start(self.new).as_slice()) } else { None };
        let before = rest.map(|rest| [start(self.old).as_slice(), rest].concat());
        before.filter(|before| !is_met(path) && is_met(before)).unwrap_or_else(|| path.to_vec())
    }

    /// Another working directory is always told: whatever is reached may open a file by a relative path, and which programs do not is
    /// not known.
    pub(super) fn stands_in(&self, findings: &mut Vec<Finding>) {
        let place = |view: &View| [b"/".as_slice(), directory(view).strip_prefix(b"/").unwrap_or(directory(view))].concat();
        let (before, after) = (place(self.old), place(self.new));
        // Runtimes go there as root; the relative paths of the user lead nowhere from there.
        if self.old.may(&before, 1) && !self.new.may(&after, 1) {
            let message = format!("the user of the image may not enter the working directory: {}", shown(&after));
            findings.push(finding(Code::VerdictAccess, false, message, Trace::CONFIG));
        }
        if !self.moves() {
            return;
        }
        findings.push(changed_config(Code::VerdictChanged, "the working directory is another one", [shown(&before), shown(&after)]));
        let own = self.to.reached.iter().filter_map(|path| Some((path, self.new.find(path)?)));
        for (path, entry) in own.filter(|(_, entry)| self.new.is_own(*entry) && !self.new.is_packaged(*entry)) {
            let below = |folder: &[u8], name: &[u8]| [folder, name].join(&b'/');
            let is_lost = |name: &&[u8]| {
                let had = self.old.find(&below(&before, name)).is_some_and(|entry| entry.kind() == Kind::File);
                had && !self.new.exists(&below(&after, name))
            };
            for name in relative_paths(self.new.bytes(entry).unwrap_or_default()).into_iter().filter(is_lost) {
                let message = format!("a name leads to nothing any more in the other working directory: {}", shown(name));
                findings.push(finding(Code::VerdictReference, false, message, &format!("/{}", shown(path))));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_paths_are_whole_texts() {
        let list = |bytes: &[u8]| relative_paths(bytes).into_iter().map(shown).collect::<Vec<_>>();
        let program = [elf::MAGIC, b"\0conf/a.ini\0/etc/b\0-x\0two words\0"].concat();
        assert_eq!(list(&program).iter().filter(|text| text.contains('/')).collect::<Vec<_>>(), ["conf/a.ini"]);
        assert_eq!(list(b"open('conf/a.ini')\nopen(\"/etc/b\")"), ["conf/a.ini"]);
    }
}
