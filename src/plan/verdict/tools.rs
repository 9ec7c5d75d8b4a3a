//! Commands that are other programs after the move.

use super::compare::{Comparison, contains, finding};
use super::loader::shown;
use super::view::View;
use crate::core::{Code, Finding};
use crate::read::rootfs::{Entry, split};

impl Comparison<'_> {
    /// Programs that print what they are, and options that other programs do not have.
    pub(super) fn tools(&self, findings: &mut Vec<Finding>) {
        for (path, by) in self.to.versions.iter().filter(|(path, _)| !self.is_same(path) && !self.is_release(path)) {
            findings.push(finding(
                Code::VerdictChanged,
                false,
                format!("a program that tells of itself is another one: {}", shown(path)),
                by,
            ));
        }
        for (path, by) in &self.to.printing {
            let (Some(old), Some(new)) = (self.old_command(path), self.new.find(path)) else { continue };
            let small = |view: &View, entry: Entry<'_>| view.bytes(entry).is_some_and(is_busybox);
            if small(self.old, old) != small(self.new, new) {
                let message = format!("what a program prints is not the same in busybox: {}", shown(path));
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
        for (path, options) in self.to.options.iter().filter(|(path, _)| !self.is_same(path)) {
            let (Some(old), Some(new)) = (self.old_command(path), self.new.find(path)) else { continue };
            let (Some(had), Some(has)) = (self.old.bytes(old), self.new.bytes(new)) else { continue };
            let small = is_busybox(has);
            let replaced = is_busybox(had) != small;
            for (option, by) in options {
                let long = option.strip_prefix(b"--").map(|long| long.split(|byte| *byte == b'=').next().unwrap_or_default());
                let lacking = match long.filter(|long| long.len() > 1) {
                    Some(long) => contains(had, long) && !contains(has, long),
                    None => replaced && small && unknown_to_busybox(path, option),
                };
                let doubtful = replaced && small && long.is_none() && !is_common(path, option);
                if lacking || doubtful {
                    let message = format!("a program may not have an option: {} {}", shown(path), shown(option));
                    findings.push(finding(Code::VerdictOption, lacking, message, by));
                }
            }
        }
    }

    /// The program that was run under the name before; another directory of PATH may have had it.
    pub(super) fn old_command(&self, path: &[u8]) -> Option<Entry<'_>> {
        let name = split(path).1;
        self.old.find(path).or_else(|| self.old.find(&self.old.command(name)?))
    }
}

/// Its commands may be links of any kind, so its name is no sign of it.
fn is_busybox(bytes: &[u8]) -> bool {
    contains(bytes, b"BusyBox v")
}

/// Options of GNU's tools that busybox does not have.
fn unknown_to_busybox(path: &[u8], option: &[u8]) -> bool {
    let name = split(path).1;
    let has = |letters: &[u8]| !option.starts_with(b"--") && option.iter().skip(1).any(|letter| letters.contains(letter));
    match name {
        b"grep" => has(b"PTZ"),
        b"env" => has(b"S"),
        b"sed" => has(b"zsu"),
        b"find" => option == b"-printf" || option == b"-regextype",
        b"ls" => has(b"BDGI"),
        b"sort" => has(b"R"),
        _ => false,
    }
}

/// Letters of options that GNU's tools have and that stand in the usage text of busybox 1.36 too, of commands where others do not: it reads
/// other dates after `date -d` and `touch -d`, and has no `seq -f`, `xargs -d`, `tee -p` or `shuf -r`. `kill` takes the names of signals.
const COMMON: &[(&[u8], &[u8])] = &[
    (b"date", b"uRr"),
    (b"touch", b"cr"),
    (b"seq", b"ws"),
    (b"xargs", b"0rtnIpP"),
    (b"tee", b"ai"),
    (b"shuf", b"einoz"),
    (b"timeout", b"sk"),
    (b"kill", b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
    (b"cut", b"dfcbs"),
    (b"sort", b"nrukto"),
    (b"uniq", b"cdui"),
    (b"tr", b"dsc"),
    (b"head", b"nc"),
    (b"tail", b"ncf"),
    (b"wc", b"lcwm"),
    (b"cp", b"arRpfdLPisTt"),
    (b"mv", b"fintT"),
    (b"ln", b"sfnvT"),
    (b"ls", b"laA1dhRrtSiFpn"),
    (b"stat", b"cfLt"),
    (b"df", b"hkPTam"),
    (b"du", b"shkmaxd"),
    (b"od", b"AtNjvxcbo"),
    (b"base64", b"dw"),
    (b"mktemp", b"dpuqt"),
    (b"split", b"lba"),
    (b"install", b"dmogDc"),
];

/// Options that the tools of all distributions have.
fn is_common(path: &[u8], option: &[u8]) -> bool {
    const FIND: [&[u8]; 19] = [
        b"-name",
        b"-iname",
        b"-type",
        b"-exec",
        b"-path",
        b"-maxdepth",
        b"-mindepth",
        b"-mtime",
        b"-size",
        b"-perm",
        b"-user",
        b"-group",
        b"-print",
        b"-print0",
        b"-not",
        b"-delete",
        b"-prune",
        b"-newer",
        b"-empty",
    ];
    let name = split(path).1;
    if name == b"find" {
        return FIND.contains(&option);
    }
    let known = COMMON.iter().find(|(command, _)| *command == name).map_or(b"acdefghilmnopqrstuvwxEFLR".as_slice(), |(_, letters)| letters);
    // A value may follow its letter.
    let mut letters = option.iter().skip(1).take_while(|letter| letter.is_ascii_alphabetic());
    letters.all(|letter| known.contains(letter))
}
