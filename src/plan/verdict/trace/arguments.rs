//! What the arguments of a command say: files, options, users.

use super::commands::{COPIERS, LISTERS, NAMERS, PRINTING, READERS, WALKERS};
use super::peculiar::peculiar;
use super::{Argument, Trace, Use};
use crate::read::rootfs::split;

/// Commands that tell of packages.
const QUERIES: [&[u8]; 6] = [b"dpkg", b"dpkg-query", b"apt", b"apt-get", b"apt-cache", b"apk"];
/// Commands that tell of the system, whatever they are given.
const TELLERS: [&[u8]; 6] = [b"rpm", b"pip", b"pip3", b"lsb_release", b"locale", b"ldd"];
/// Commands that list the directory that they are run in.
const LIST_HERE: [&[u8]; 6] = [b"ls", b"dir", b"vdir", b"find", b"du", b"tree"];
/// Commands that are given users.
const USERS: [&[u8]; 12] =
    [b"su", b"sudo", b"runuser", b"gosu", b"su-exec", b"chown", b"setpriv", b"chpst", b"install", b"id", b"groups", b"sg"];

/// Whether one of the arguments is one of these words.
fn says(arguments: &[Argument], words: &[&[u8]]) -> bool {
    arguments.iter().flatten().any(|argument| words.contains(&argument.as_slice()))
}

/// What a command does with the files that it is given.
fn how(name: &[u8], arguments: &[Argument]) -> Use {
    if READERS.contains(&name) || name == b"." {
        Use::Read
    } else if COPIERS.contains(&name) {
        Use::Copied
    } else if WALKERS.contains(&name) && says(arguments, &[b"-maxdepth", b"-L"]) {
        Use::Listed
    } else if WALKERS.contains(&name) || (name == b"ls" && says(arguments, &[b"-R", b"-lR", b"-alR", b"-laR"])) {
        Use::Walked
    } else if LISTERS.contains(&name) {
        Use::Listed
    } else if NAMERS.contains(&name) {
        Use::Named
    } else {
        Use::Taken
    }
}

/// Whether a command prints by itself what is not the same in busybox.
fn prints_otherwise(name: &[u8], arguments: &[Argument]) -> bool {
    let none = |flags: &[&[u8]]| !arguments.iter().flatten().any(|word| flags.iter().any(|flag| word.starts_with(flag)));
    match name {
        b"diff" => none(&[b"-u", b"-q", b"-U"]),
        b"date" => none(&[b"+", b"-I", b"-R", b"--iso-8601", b"--rfc-email"]),
        b"stat" => none(&[b"-c", b"--format", b"--printf"]),
        b"id" => arguments.is_empty(),
        b"ls" => !none(&[b"-l", b"-s", b"-i"]),
        b"wc" => none(&[b"-"]),
        b"tar" => says(arguments, &[b"-tvf", b"tvf", b"-tv", b"tv", b"-tvzf", b"tvzf"]),
        name => PRINTING.contains(&name),
    }
}

/// Whether a program of awk runs commands.
fn runs_commands(program: &[u8]) -> bool {
    let calls = [&b"system("[..], b"getline"].iter().any(|call| program.windows(call.len()).any(|window| window == *call));
    // `print | "sort"`, and not `OFS = "|"`.
    let pipes = program.iter().enumerate().any(|(at, byte)| {
        let before = at.checked_sub(1).and_then(|at| program.get(at)).copied().unwrap_or(0);
        let after = program.get(at + 1..).unwrap_or_default().trim_ascii_start();
        *byte == b'|' && !matches!(before, b'"' | b'|') && after.starts_with(b"\"")
    });
    calls || pipes
}

impl Trace<'_> {
    /// Notes what the arguments of a command say.
    pub(super) fn arguments(&mut self, path: &[u8], arguments: &[Argument], by: &str, guarded: bool) {
        let name = split(path).1;
        let how = how(name, arguments);
        let mut operands = 0;
        for argument in arguments.iter().flatten() {
            for path in self.meant(argument) {
                operands += 1;
                self.uses(&path, how, by, guarded);
            }
            if argument.starts_with(b"-") && argument.len() > 1 {
                let guarded = guarded || self.guarded;
                let options = self.found.options.entry(path.to_vec()).or_default();
                options.entry(argument.clone()).or_insert_with(|| (by.to_owned(), guarded)).1 &= guarded;
            }
        }
        for text in peculiar(name, arguments) {
            self.found.peculiar.entry(path.to_vec()).or_default().entry(text).or_insert_with(|| by.to_owned());
        }
        if operands == 0
            && LIST_HERE.contains(&name)
            && let Some(directory) = self.directories.last().cloned()
        {
            self.uses(&directory, how, by, guarded);
        }
        if prints_otherwise(name, arguments) {
            self.found.printing.entry(path.to_vec()).or_insert_with(|| by.to_owned());
        }
        // For `sort` and others -V is an order.
        let short = how == Use::Taken && says(arguments, &[b"-V", b"-version", b"version"]);
        let tells = short || says(arguments, &[b"--version", b"--help"]) || TELLERS.contains(&name);
        if tells || (name == b"busybox" && arguments.is_empty()) {
            self.found.versions.entry(path.to_vec()).or_insert_with(|| by.to_owned());
        }
        if [&b"awk"[..], b"mawk", b"gawk", b"nawk"].contains(&name) {
            self.awk(arguments, by);
        }
        self.databases(name, by);
        if USERS.contains(&name) {
            self.users(arguments, by);
        }
    }

    /// Databases of packages and users that a command reads by itself.
    fn databases(&mut self, name: &[u8], by: &str) {
        if [&b"id"[..], b"groups", b"whoami", b"logname"].contains(&name) {
            self.found.identity.get_or_insert_with(|| by.to_owned());
        }
        if QUERIES.contains(&name) {
            for database in [&b"/var/lib/dpkg/status"[..], b"/lib/apk/db/installed"] {
                self.uses(database, Use::Read, by, true);
            }
        }
        if name == b"getent" {
            self.uses(b"/etc/passwd", Use::Read, by, true);
        }
    }

    fn awk(&mut self, arguments: &[Argument], by: &str) {
        if says(arguments, &[b"-f", b"-i", b"-e"]) {
            self.unclear(by, "a program of awk in a file is not followed");
        }
        if arguments.iter().flatten().any(|program| runs_commands(program)) {
            self.unclear(by, "what awk runs is not followed");
        }
    }

    /// The users that a command is given.
    fn users(&mut self, arguments: &[Argument], by: &str) {
        let named = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        for argument in arguments.iter().flatten() {
            let user = argument.split(|byte| matches!(byte, b':' | b'=')).find(|part| !part.is_empty() && !part.starts_with(b"-"));
            if let Some(user) = user.filter(|user| user.iter().all(named)) {
                self.found.users.entry(user.to_vec()).or_insert_with(|| by.to_owned());
            }
        }
    }
}
