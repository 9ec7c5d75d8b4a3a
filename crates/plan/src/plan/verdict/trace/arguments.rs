//! What the arguments of a command say: files, options, users.

use super::commands::{COPIERS, LISTERS, NAMERS, PRINTING, READERS, WALKERS};
use super::made::targets;
use super::peculiar::peculiar;
use super::wrap::{NICE, SETPRIV, STARTERS, TIMEOUT, XARGS, options};
use super::{Argument, Caller, Identity, Trace, Use};
use crate::foundation::Code;
use crate::read::rootfs::split;

/// Commands that tell of packages.
const QUERIES: [&[u8]; 6] = [b"dpkg", b"dpkg-query", b"apt", b"apt-get", b"apt-cache", b"apk"];
/// Commands that tell of the system, whatever they are given.
const TELLERS: [&[u8]; 6] = [b"rpm", b"pip", b"pip3", b"lsb_release", b"locale", b"ldd"];
/// Commands that list the directory that they are run in.
const LIST_HERE: [&[u8]; 6] = [b"ls", b"dir", b"vdir", b"find", b"du", b"tree"];
/// Commands that are given users.
const USERS: [&[u8]; 16] = [
    b"find", b"adduser", b"useradd", b"chgrp", b"su", b"sudo", b"runuser", b"gosu", b"su-exec", b"chown", b"setpriv", b"chpst", b"install",
    b"id", b"groups", b"sg",
];

/// Whether one of the arguments is one of these words.
pub(super) fn says(arguments: &[Argument], words: &[&[u8]]) -> bool {
    arguments.iter().flatten().any(|argument| words.contains(&argument.as_slice()))
}

/// What a command does with the files that it is given.
fn how(name: &[u8], arguments: &[Argument]) -> Use {
    if name == b"stat" && tells_owner(arguments) {
        Use::Named
    } else if READERS.contains(&name) || name == b"." {
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

/// `stat -c FORMAT` that tells nothing but the mode and the owner, and the name.
fn tells_owner(arguments: &[Argument]) -> bool {
    let at = arguments.iter().flatten().position(|word| word == b"-c" || word == b"--format");
    let format = at.and_then(|at| arguments.iter().flatten().nth(at + 1)).cloned().unwrap_or_default();
    let letters = format.iter().zip(format.iter().skip(1)).filter(|(sign, _)| **sign == b'%').map(|(_, letter)| *letter);
    let mut letters = letters.peekable();
    letters.peek().is_some() && letters.all(|letter| b"aAfFnuUgG".contains(&letter))
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

/// What of the user a command tells.
fn identity(name: &[u8], arguments: &[Argument]) -> Option<Identity> {
    match name {
        b"whoami" | b"logname" => Some(Identity::Name),
        b"groups" => Some(Identity::All),
        b"id" => {
            let flags: Vec<&[u8]> = arguments.iter().flatten().filter_map(|word| word.strip_prefix(b"-")).collect();
            let has = |letter: u8| flags.iter().any(|flag| flag.contains(&letter));
            // Another user is named, or a word that is not known.
            let other = arguments.iter().any(|word| word.as_ref().is_none_or(|word| !word.starts_with(b"-")));
            match (has(b'u'), has(b'g'), has(b'n')) {
                _ if other || flags.iter().any(|flag| flag.starts_with(b"-")) => Some(Identity::All),
                (true, false, false) => Some(Identity::Number),
                (true, false, true) => Some(Identity::Name),
                (false, true, _) => Some(Identity::Group),
                _ => Some(Identity::All),
            }
        }
        _ => None,
    }
}

/// Whether a date is one that GNU's `date -d` and busybox's read in the same way: `@SECONDS`, `YYYY-MM-DD` and a time after it.
fn is_plain_date(text: &[u8]) -> bool {
    let shape: Vec<u8> = text.iter().map(|byte| if byte.is_ascii_digit() { b'0' } else { *byte }).collect();
    let seconds = shape.strip_prefix(b"@").is_some_and(|rest| !rest.is_empty() && rest.iter().all(|byte| *byte == b'0'));
    seconds || [&b"0000-00-00"[..], b"0000-00-00 00:00", b"0000-00-00 00:00:00"].contains(&shape.as_slice())
}

/// Whether the option of a command at a position has a value of which all its makers make the same.
fn is_common(name: &[u8], own: &[Argument], at: usize) -> bool {
    let Some(Some(option)) = own.get(at) else { return false };
    let next = || own.get(at + 1).and_then(Option::as_deref);
    let value = if option == b"-d" { next() } else { option.strip_prefix(b"-d") };
    name == b"date" && value.is_some_and(is_plain_date)
}

/// Whether a command writes an archive, or compresses.
fn packs(name: &[u8], own: &[Argument]) -> bool {
    let unpacks = own
        .iter()
        .flatten()
        .any(|word| word == b"--decompress" || (word.starts_with(b"-") && !word.starts_with(b"--") && word.contains(&b'd')));
    match name {
        b"tar" => own
            .first()
            .and_then(Option::as_deref)
            .is_some_and(|word| word == b"--create" || (!word.starts_with(b"--") && word.contains(&b'c'))),
        b"gzip" | b"bzip2" | b"xz" | b"lzma" => !unpacks,
        b"cpio" => says(own, &[b"-o", b"--create"]),
        _ => false,
    }
}

/// The programs that tar starts to compress or decompress, by its options and the name of the archive.
fn unpackers(name: &[u8], own: &[Argument]) -> Vec<&'static [u8]> {
    if name != b"tar" {
        return Vec::new();
    }
    let flags = own.iter().flatten().enumerate().filter(|(at, word)| *at == 0 || (word.starts_with(b"-") && !word.starts_with(b"--")));
    let flags: Vec<u8> =
        flags.filter(|(_, word)| !word.starts_with(b"--") && !word.contains(&b'/')).flat_map(|(_, word)| word.clone()).collect();
    let ends = |endings: &[&[u8]]| own.iter().flatten().any(|word| endings.iter().any(|ending| word.ends_with(ending)));
    /// A letter, an option, endings of archives, and the program.
    type Kind = (u8, &'static [u8], &'static [&'static [u8]], &'static [u8]);
    let kinds: [Kind; 4] = [
        (b'J', b"--xz", &[b".tar.xz", b".txz"], b"xz"),
        (b'j', b"--bzip2", &[b".tar.bz2", b".tbz", b".tbz2"], b"bzip2"),
        (b'z', b"--gzip", &[b".tar.gz", b".tgz"], b"gzip"),
        (0, b"--zstd", &[b".tar.zst"], b"zstd"),
    ];
    let is_meant = |(letter, long, endings, _): &Kind| flags.contains(letter) || says(own, &[long]) || ends(endings);
    kinds.into_iter().filter(is_meant).map(|(.., program)| program).collect()
}

/// How many of its arguments a command that runs another one takes for itself.
fn own_words(name: &[u8], arguments: &[Argument]) -> usize {
    let valued: &[&[u8]] = match name {
        // And for each file another one.
        b"find" => {
            let runs = |word: &Argument| word.as_ref().is_some_and(|word| word.starts_with(b"-exec") || word.starts_with(b"-ok"));
            return arguments.iter().position(runs).unwrap_or(arguments.len());
        }
        b"setpriv" => return options(arguments, SETPRIV),
        b"xargs" => XARGS,
        b"timeout" => TIMEOUT,
        b"nice" | b"ionice" => NICE,
        b"nohup" | b"setsid" | b"stdbuf" | b"time" | b"env" | b"su-exec" | b"gosu" | b"tini" | b"dumb-init" => STARTERS,
        _ => return arguments.len(),
    };
    let operands = options(arguments, valued);
    let more = arguments.len() - operands;
    // The time that is left, or the user, stands before the command; so do values of variables.
    operands + if name == b"env" { arguments.iter().skip(operands).take_while(|word| has_value(word)).count() } else { more.min(1) }
}

/// `NAME=VALUE`
fn has_value(word: &Argument) -> bool {
    word.as_ref().is_some_and(|word| word.contains(&b'='))
}

/// A text in quotes at the beginning, and what follows it; none if it is not as it stands.
fn quoted(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let inner = text.trim_ascii_start().strip_prefix(b"\"")?;
    let end = inner.iter().position(|byte| *byte == b'"')?;
    let (text, rest) = inner.split_at(end);
    (!text.contains(&b'\\')).then(|| (text, rest.get(1..).unwrap_or_default()))
}

/// Which bytes of a program of awk are neither in a text, nor in an expression between slashes, nor in a comment.
fn code_of_awk(program: &[u8]) -> Vec<bool> {
    let mut code = Vec::with_capacity(program.len());
    // What ends the part that is no code, and the last byte of code that is no space.
    let (mut end, mut last) = (None, b'{');
    let mut bytes = program.iter().copied();
    while let Some(byte) = bytes.next() {
        code.push(end.is_none());
        match end {
            Some(b'"' | b'/') if byte == b'\\' => code.extend(bytes.next().map(|_| false)),
            Some(ending) if byte == ending => (end, last) = (None, b'"'),
            None if byte == b'"' => end = Some(b'"'),
            None if byte == b'#' => end = Some(b'\n'),
            // Behind a value it divides.
            None if byte == b'/' && b"{(,;!~&|\n".contains(&last) => end = Some(b'/'),
            None if !byte.is_ascii_whitespace() || byte == b'\n' => last = byte,
            _ => {}
        }
    }
    code
}

/// The text of the variable that stands at the end, if it is set in one place, to a text: `cmd = "…"; cmd | getline`.
fn assigned_in_awk(program: &[u8], before: &[u8]) -> Option<Vec<u8>> {
    let before = before.trim_ascii_end();
    let length = before.iter().rev().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
    let name = before.get(before.len() - length..).filter(|name| name.first().is_some_and(|byte| !byte.is_ascii_digit()))?;
    let code = code_of_awk(program);
    let mut texts = Vec::new();
    for (at, _) in program.windows(name.len()).enumerate().filter(|(at, window)| *window == name && code.get(*at) == Some(&true)) {
        let is_part = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
        let rest = program.get(at + name.len()..).unwrap_or_default();
        if is_part(at.checked_sub(1).and_then(|at| program.get(at))) || is_part(rest.first()) {
            continue;
        }
        let rest = rest.trim_ascii_start();
        if let Some(value) = rest.strip_prefix(b"=").filter(|value| !value.starts_with(b"=")) {
            texts.push(awk_text(value));
        } else if !(rest.starts_with(b"|") || rest.starts_with(b")")) {
            // It may be set in another way.
            return None;
        }
    }
    match texts.as_slice() {
        [Some(text)] => Some(text.clone()),
        _ => None,
    }
}

/// A text of awk that is all of a value, with what its escapes stand for.
fn awk_text(value: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = value.trim_ascii_start().strip_prefix(b"\"")?.iter().copied();
    let mut text = Vec::new();
    loop {
        match bytes.next()? {
            b'"' => break,
            b'\\' => match bytes.next()? {
                byte @ (b'\\' | b'"' | b'/') => text.push(byte),
                _ => return None,
            },
            byte => text.push(byte),
        }
    }
    let ends = bytes.find(|byte| !matches!(byte, b' ' | b'\t')).is_none_or(|byte| matches!(byte, b';' | b'\n' | b'}'));
    ends.then_some(text)
}

/// The commands that a program of awk runs: `system("…")`, `print | "…"` and `"…" | getline`; none for those that are not known.
fn commands_of_awk(program: &[u8]) -> Vec<Option<Vec<u8>>> {
    let mut found = Vec::new();
    for (at, _) in code_of_awk(program).into_iter().enumerate().filter(|(_, is_code)| *is_code) {
        let (before, rest) = program.split_at(at);
        if let Some(given) = rest.strip_prefix(b"system").and_then(|given| given.trim_ascii_start().strip_prefix(b"(")) {
            found.push(quoted(given).filter(|(_, rest)| rest.trim_ascii_start().starts_with(b")")).map(|(text, _)| text.to_vec()));
            continue;
        }
        let Some(after) = rest.strip_prefix(b"|").filter(|after| !before.ends_with(b"|") && !after.starts_with(b"|")) else { continue };
        let after = after.strip_prefix(b"&").unwrap_or(after).trim_ascii_start();
        if after.starts_with(b"getline") {
            // The text ends where the pipe begins.
            let text = before.trim_ascii_end().strip_suffix(b"\"");
            let start = text.and_then(|text| Some((text, text.iter().rposition(|byte| *byte == b'"')?)));
            let own = start.and_then(|(text, start)| text.get(start + 1..)).map(<[u8]>::to_vec);
            found.push(own.or_else(|| assigned_in_awk(program, before)));
        } else {
            let end = |rest: &[u8]| rest.trim_ascii_start().first().is_none_or(|byte| b";}\n".contains(byte)) || rest.starts_with(b"\n");
            found.push(quoted(after).filter(|(_, rest)| end(rest)).map(|(text, _)| text.to_vec()));
        }
    }
    found
}

impl Trace<'_> {
    /// Notes what the arguments of a command say.
    pub(super) fn arguments(&mut self, path: &[u8], arguments: &[Argument], caller: Caller<'_>) {
        let Caller { by, guarded, depth } = caller;
        let name = split(path).1;
        let how = how(name, arguments);
        // What stands behind the command that it runs is the command's.
        let own = arguments.get(..own_words(name, arguments)).unwrap_or_default();
        let targets = targets(name, own);
        let is_target = |argument: &Argument| targets.iter().any(|(target, _)| std::ptr::eq(*target, argument));
        let mut operands = 0;
        for (at, argument) in own.iter().enumerate().filter_map(|(at, argument)| Some((at, argument.as_ref()?))) {
            let is_made = own.get(at).is_some_and(is_target);
            for path in self.meant(argument) {
                operands += 1;
                if !is_made {
                    self.uses(&path, how, by, guarded);
                }
            }
            if argument.starts_with(b"-") && argument.len() > 1 && argument != b"--" && !is_common(name, own, at) {
                let guarded = guarded || self.is_expected();
                let options = self.found.options.entry(path.to_vec()).or_default();
                options.entry(argument.clone()).or_insert_with(|| (by.to_owned(), guarded)).1 &= guarded;
            }
        }
        if [&b"tee"[..], b"touch", b"cp"].contains(&name) {
            self.opens(&targets, by, guarded);
        }
        self.makes(&targets, by, guarded);
        if [&b"readlink"[..], b"realpath"].contains(&name) {
            let paths: Vec<Vec<u8>> = own.iter().flatten().flat_map(|argument| self.meant(argument)).collect();
            for path in paths {
                self.found.links.entry(path).or_insert_with(|| by.to_owned());
            }
        }
        for program in unpackers(name, own) {
            // Busybox has them in itself.
            let has_own = self.view.find(path).is_some_and(|entry| self.view.marks(entry).busybox);
            if !has_own && self.find(program).is_none() {
                self.lack(Code::VerdictCommand, program, by, !guarded);
            }
        }
        if packs(name, own) {
            self.found.packed.insert(by.to_owned(), path.to_vec());
        }
        if name.ends_with(b"sum") || [&b"base64"[..], b"od", b"xxd", b"hexdump", b"cmp"].contains(&name) {
            self.found.summed.insert(by.to_owned());
        }
        for text in peculiar(name, arguments) {
            self.found.peculiar.entry(path.to_vec()).or_default().entry(text).or_insert_with(|| by.to_owned());
        }
        let plain = own.iter().all(|word| word.as_ref().is_some_and(|word| word.starts_with(b"-") && !word.ends_with(b"d")));
        if operands == 0
            && (plain || name == b"find")
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
        let tells = short || says(arguments, &[b"--version", b"--help"]) || (TELLERS.contains(&name) && !says(arguments, &[b"charmap"]));
        if tells || (name == b"busybox" && arguments.is_empty()) {
            self.found.versions.entry(path.to_vec()).or_insert_with(|| by.to_owned());
        }
        if [&b"awk"[..], b"mawk", b"gawk", b"nawk"].contains(&name) {
            self.awk(arguments, by, depth);
        }
        self.databases(name, arguments, by);
        if name == b"getent" {
            self.asks_database(arguments, by);
        }
        if USERS.contains(&name) {
            self.users(name, arguments, caller);
        }
    }

    /// Databases of packages and users that a command reads by itself.
    fn databases(&mut self, name: &[u8], arguments: &[Argument], by: &str) {
        if let Some(asked) = identity(name, arguments) {
            // Of a user that is not known, what all bases have in common is all that is.
            let (asked, user) = match &self.user {
                Some(user) => (asked, user.clone()),
                None => (Identity::All, self.view.launch.user.clone()),
            };
            self.found.identity.entry((asked, user)).or_insert_with(|| by.to_owned());
        }
        // These tell of no package.
        const PLAIN: [&[u8]; 5] =
            [b"--print-architecture", b"--print-foreign-architectures", b"--print-arch", b"--compare-versions", b"-t"];
        if QUERIES.contains(&name) && !says(arguments, &PLAIN) {
            for database in [&b"/var/lib/dpkg/status"[..], b"/lib/apk/db/installed"] {
                self.uses(database, Use::Read, by, true);
            }
        }
    }

    /// `getent DATABASE [KEY…]`
    fn asks_database(&mut self, arguments: &[Argument], by: &str) {
        let mut words = arguments.iter().flatten().filter(|word| !word.starts_with(b"-"));
        let file: &'static [u8] = match words.next().map(Vec::as_slice) {
            Some(b"group") => b"/etc/group",
            Some(b"services") => b"/etc/services",
            Some(b"protocols") => b"/etc/protocols",
            Some(b"networks") => b"/etc/networks",
            Some(b"shadow") => b"/etc/shadow",
            Some(b"rpc") => b"/etc/rpc",
            // Runtimes write it.
            Some(b"hosts" | b"ahosts" | b"ahostsv4" | b"ahostsv6") => return,
            _ => b"/etc/passwd",
        };
        let keys: Vec<Vec<u8>> = words.cloned().collect();
        let known = [&b"/etc/passwd"[..], b"/etc/group", b"/etc/services", b"/etc/protocols"].contains(&file);
        if !known || keys.is_empty() || arguments.iter().any(Option::is_none) {
            return self.uses(file, Use::Read, by, true);
        }
        for key in keys {
            self.found.entries.entry((file, key)).or_insert_with(|| by.to_owned());
        }
    }

    fn awk(&mut self, arguments: &[Argument], by: &str, depth: usize) {
        if says(arguments, &[b"-f", b"-i", b"-e"]) {
            self.unclear(by, "a program of awk in a file is not followed");
        }
        for command in arguments.iter().flatten().flat_map(|program| commands_of_awk(program)) {
            match command {
                Some(text) => self.shell_text(&text, by, depth + 1),
                None => self.unclear(by, "what awk runs is not followed"),
            }
        }
    }

    /// The users and groups that a command is given: `USER`, `USER:GROUP`, `:GROUP`, `--option=USER`.
    fn users(&mut self, name: &[u8], arguments: &[Argument], caller: Caller<'_>) {
        let guarded = caller.guarded || self.is_expected();
        let is_name =
            |text: &&[u8]| !text.is_empty() && text.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        let mut note = |team: bool, text: &[u8]| {
            let names = if team { &mut self.found.groups } else { &mut self.found.users };
            names.entry(text.to_vec()).or_insert_with(|| (caller.by.to_owned(), guarded)).1 &= guarded;
        };
        // Of these, only the values of options are users and groups.
        const BY_OPTION: [&[u8]; 3] = [b"find", b"adduser", b"useradd"];
        let mut option: &[u8] = b"";
        for argument in arguments.iter().flatten() {
            let before = std::mem::replace(&mut option, argument);
            let is_team = [&b"-g"[..], b"-G", b"-group", b"--group", b"--ingroup", b"--gid"].contains(&before);
            let is_user = [&b"-u"[..], b"-o", b"-user", b"--user", b"--owner"].contains(&before);
            if is_team || (is_user && BY_OPTION.contains(&name)) {
                Some(argument.as_slice()).filter(is_name).into_iter().for_each(|text| note(is_team, text));
                continue;
            }
            if BY_OPTION.contains(&name) {
                continue;
            }
            let text = match argument.iter().position(|byte| *byte == b'=').filter(|_| argument.starts_with(b"-")) {
                Some(at) => argument.get(at + 1..).unwrap_or_default(),
                None if argument.starts_with(b"-") => continue,
                None => argument.as_slice(),
            };
            let (user, team) = match text.iter().position(|byte| *byte == b':') {
                _ if name == b"chgrp" => (&b""[..], text),
                Some(at) => (text.get(..at).unwrap_or_default(), text.get(at + 1..).unwrap_or_default()),
                None => (text, &b""[..]),
            };
            Some(user).filter(is_name).into_iter().for_each(|user| note(false, user));
            Some(team).filter(is_name).into_iter().for_each(|team| note(true, team));
        }
    }
}
