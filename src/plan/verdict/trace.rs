//! What an image does when it starts, followed from its entrypoint as far as bytes tell.

use std::collections::{BTreeMap, BTreeSet};

use super::languages::{Import, Interpreter, Language, Started, defines, identifiers, imports, quoted_paths, started, taken_names};
use super::loader::{Closure, shown};
use super::shell::{Command, MOST_VALUES, Part, Script, Variables, Word, assignment, values};
use super::view::View;
use crate::core::Code;
use crate::format::elf;
use crate::format::tar::Kind;
use crate::read::rootfs::{Entry, split};

/// How deep programs may start each other before it is given up.
const DEEPEST: usize = 24;
/// How many programs and commands are followed.
const MOST_STEPS: usize = 20_000;
/// How many directories a script may be in, how many files a pattern may match, and how deep scripts may read each other.
const MOST_DIRECTORIES: usize = 8;
const MOST_MATCHES: usize = 1000;
const DEEPEST_SOURCE: usize = 4;
/// How many calls of a function are told apart.
const MOST_CALLS: usize = 16;
/// How many bytes of scripts are read, each as often as it is run, and how many names of modules of one.
const MOST_BYTES: usize = 64 << 20;
const MOST_NAMES: usize = 2000;

/// Something that is needed and not there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Need {
    pub(super) code: Code,
    pub(super) name: String,
}

/// How a file is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Use {
    /// It is named.
    Named,
    /// What is in the directory is listed.
    Listed,
    /// What is in the directory, and below, is listed.
    Walked,
    /// All of it is read.
    Copied,
    /// It is given to a program, which reads it unless it is one itself.
    Taken,
    /// Its content is read.
    Read,
}

/// Everything that was met.
#[derive(Debug, Default)]
pub(super) struct Traced {
    /// What is lacking: the file that needs it, and whether nothing goes on without it.
    pub(super) lacks: BTreeMap<Need, (String, bool)>,
    /// What was not understood: where and why.
    pub(super) unclear: BTreeSet<(String, String)>,
    /// Files that are used: how, by whom, and whether their absence is expected.
    pub(super) uses: BTreeMap<Vec<u8>, (Use, String, bool)>,
    /// Tests on files: by place and text, what they give, and whether the end of the script follows from it.
    pub(super) tests: BTreeMap<(String, String), (bool, bool)>,
    /// Programs that print what they are: the command, by the file that runs it.
    pub(super) versions: BTreeMap<Vec<u8>, String>,
    /// Commands with the options that they are given.
    pub(super) options: BTreeMap<Vec<u8>, BTreeMap<Vec<u8>, String>>,
    /// Interpreters that scripts ask for their version: who asks, and what it may be.
    pub(super) releases: BTreeMap<Vec<u8>, (String, BTreeSet<Vec<u8>>)>,
    /// Names of parts of objects that the app's scripts of Python use.
    pub(super) parts: BTreeMap<Vec<u8>, String>,
    /// Modules of Python that are not the app's.
    pub(super) modules: BTreeSet<Vec<u8>>,
    /// Time zones, terminals and languages that scripts set.
    pub(super) settings: BTreeMap<(Vec<u8>, Vec<u8>), String>,
    /// Commands that print other things where they are busybox's.
    pub(super) printing: BTreeMap<Vec<u8>, String>,
    /// Who asks for the names of the user and its groups.
    pub(super) identity: Option<String>,
    /// What patterns for names of files match, by place and pattern.
    pub(super) patterns: BTreeMap<(String, String), BTreeSet<Vec<u8>>>,
    /// Names in modules that are not the app's: whether they are there, who uses them, and whether nothing goes on without them.
    pub(super) attributes: BTreeMap<(String, String), (bool, String, bool)>,
    /// The shells that run scripts, and what in the script is not the same in each.
    pub(super) shells: BTreeMap<String, (Vec<u8>, Option<&'static str>)>,
    /// Names of users that scripts use.
    pub(super) users: BTreeMap<Vec<u8>, String>,
    /// The real paths of files that are reached.
    pub(super) reached: BTreeSet<Vec<u8>>,
}

/// A word that may only be known when the script runs.
type Argument = Option<Vec<u8>>;

/// Follows one view.
pub(super) struct Trace<'v> {
    view: &'v View,
    pub(super) found: Traced,
    seen: BTreeSet<(Vec<u8>, Vec<Argument>)>,
    closures: BTreeMap<Vec<u8>, Vec<Vec<u8>>>,
    steps: usize,
    bytes: usize,
    /// What variables of the scripts above may hold.
    inherited: Variables,
    /// The directories that a script may be in, the last one that it went to at the end.
    directories: Vec<Vec<u8>>,
    /// Further directories with commands.
    paths: Vec<Vec<u8>>,
    /// Functions of the scripts above, and what they call; none if that is not known.
    functions: BTreeSet<Vec<u8>>,
    called: Option<BTreeSet<Vec<u8>>>,
    /// What functions are given.
    calls: BTreeMap<Vec<u8>, BTreeSet<Vec<Argument>>>,
    input: Input,
    /// Whether the failure of what runs now is expected.
    guarded: bool,
}

/// What a program reads as its input.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Input {
    Nothing,
    Known(Vec<u8>),
    Unknown,
}

const SHELLS: &[&[u8]] = &[b"sh", b"dash", b"bash", b"ash"];
/// Interpreters and servers whose scripts and settings nobody reads here.
const NOT_FOLLOWED: &[&str] = &[
    "node",
    "nodejs",
    "php",
    "java",
    "lua",
    "luajit",
    "tclsh",
    "wish",
    "guile",
    "Rscript",
    "nginx",
    "apache2",
    "httpd",
    "mono",
    "dotnet",
    "deno",
    "bun",
    "erl",
    "escript",
    "groovy",
    "jshell",
    "postgres",
    "mysqld",
    "mariadbd",
    "supervisord",
    "haproxy",
    "zsh",
    "ksh",
    "mksh",
    "fish",
    "tcsh",
    "csh",
    "make",
    "emacs",
    "octave",
    "julia",
    "ghci",
    "ocaml",
    "swipl",
    "sbcl",
    "systemd",
    "init",
    "runit",
    "s6-svscan",
    "cron",
    "crond",
];
const READERS: &[&[u8]] = &[
    b"cat",
    b"head",
    b"tail",
    b"grep",
    b"egrep",
    b"fgrep",
    b"sed",
    b"awk",
    b"mawk",
    b"cut",
    b"sort",
    b"uniq",
    b"wc",
    b"tr",
    b"od",
    b"md5sum",
    b"sha1sum",
    b"sha256sum",
    b"sha512sum",
    b"cmp",
    b"diff",
    b"strings",
    b"stat",
    b"xxd",
    b"hexdump",
    b"base64",
    b"cksum",
    b"nl",
    b"tac",
    b"rev",
];
const LISTERS: &[&[u8]] = &[b"ls", b"dir", b"vdir", b"run-parts"];
const WALKERS: &[&[u8]] = &[b"find", b"tree"];
const COPIERS: &[&[u8]] = &[b"du", b"tar", b"rsync", b"cp"];
/// What does not read the files that it is given.
const NAMERS: &[&[u8]] = &[
    b"mkdir",
    b"rm",
    b"rmdir",
    b"chmod",
    b"chown",
    b"chgrp",
    b"touch",
    b"ln",
    b"basename",
    b"dirname",
    b"readlink",
    b"realpath",
    b"mktemp",
    b"useradd",
    b"adduser",
    b"usermod",
    b"groupadd",
    b"addgroup",
    b"userdel",
    b"which",
    b"env",
    b"xargs",
    b"timeout",
    b"nice",
    b"nohup",
    b"setsid",
    b"mount",
    b"umount",
    b"kill",
    b"sleep",
    b"echo",
    b"printf",
    b"expr",
    b"seq",
    b"date",
    b"su",
    b"sudo",
    b"runuser",
    b"gosu",
    b"su-exec",
    b"tini",
    b"dumb-init",
    b"true",
    b"false",
    b"test",
    b"[",
    b"id",
    b"ionice",
    b"stdbuf",
    b"install",
    b"mkfifo",
    b"truncate",
    b"sh",
    b"dash",
    b"bash",
    b"ash",
    b"uname",
    b"hostname",
    b"logger",
    b"pidof",
    b"pgrep",
    b"pkill",
    b"exec",
    b"tr",
    b"busybox",
];
const BUILTINS: &[&[u8]] = &[
    b":",
    b"break",
    b"continue",
    b"echo",
    b"export",
    b"false",
    b"getopts",
    b"jobs",
    b"kill",
    b"let",
    b"local",
    b"printf",
    b"pwd",
    b"read",
    b"readonly",
    b"return",
    b"set",
    b"shift",
    b"shopt",
    b"times",
    b"true",
    b"typeset",
    b"ulimit",
    b"umask",
    b"unalias",
    b"unset",
    b"wait",
    b"declare",
    b"exit",
    b"cd",
    b"in",
    b"bg",
    b"fg",
    b"mapfile",
    b"readarray",
    b"pushd",
    b"popd",
    b"dirs",
];

impl Traced {
    /// What the image cannot start without, and does not have.
    pub(super) fn lacked_start(&self) -> Option<&Need> {
        self.lacks.iter().find(|(_, (by, fatal))| *fatal && by == Trace::CONFIG).map(|(need, _)| need)
    }
}

impl<'v> Trace<'v> {
    /// Who asks for what the image starts.
    pub(super) const CONFIG: &'static str = "the config";

    pub(super) fn of(view: &'v View) -> Traced {
        let directory = if view.launch.directory.is_empty() { b"/".to_vec() } else { view.launch.directory.clone() };
        let mut trace = Self {
            view,
            found: Traced::default(),
            seen: BTreeSet::new(),
            closures: BTreeMap::new(),
            steps: 0,
            bytes: 0,
            inherited: Variables::new(),
            directories: vec![directory],
            paths: Vec::new(),
            functions: BTreeSet::new(),
            called: Some(BTreeSet::new()),
            calls: BTreeMap::new(),
            input: Input::Nothing,
            guarded: false,
        };
        for (arguments, guarded) in [(&view.launch.arguments, false), (&view.launch.health, true)] {
            if !arguments.is_empty() {
                let arguments: Vec<Argument> = arguments.iter().cloned().map(Some).collect();
                trace.spawn(&arguments, Self::CONFIG, guarded, 0);
            }
        }
        trace.found
    }

    fn unclear(&mut self, place: &str, reason: impl Into<String>) {
        self.found.unclear.insert((place.to_owned(), reason.into()));
    }

    fn lack(&mut self, code: Code, name: &[u8], by: &str, fatal: bool) {
        let fatal = fatal && !self.guarded;
        let entry = self.found.lacks.entry(Need { code, name: shown(name) }).or_insert_with(|| (by.to_owned(), fatal));
        entry.1 |= fatal;
    }

    fn step(&mut self, place: &str, depth: usize) -> bool {
        self.steps += 1;
        if self.steps > MOST_STEPS || depth > DEEPEST {
            self.unclear(place, "it starts more programs than are followed");
            return false;
        }
        true
    }

    /// Whether there is room to read a script.
    fn room(&mut self, text: &[u8], place: &str) -> bool {
        self.bytes += text.len();
        if self.bytes > MOST_BYTES {
            self.unclear(place, "the scripts that it runs are longer than what is followed");
            return false;
        }
        true
    }

    /// A command with its arguments.
    fn spawn(&mut self, arguments: &[Argument], by: &str, guarded: bool, depth: usize) {
        if !self.step(by, depth) {
            return;
        }
        let Some((first, rest)) = arguments.split_first() else { return };
        let Some(name) = first else {
            return self.unclear(by, "it runs a command whose name is only known when it runs");
        };
        let Some(path) = self.find(name) else {
            let code = if name.contains(&b'/') { Code::VerdictMissing } else { Code::VerdictCommand };
            return self.lack(code, name, by, !guarded);
        };
        self.arguments(&path, rest, by, guarded);
        let before = self.guarded;
        self.guarded |= guarded;
        self.run(&path, rest, by, guarded, depth);
        self.guarded = before;
    }

    /// Where a command is found; scripts may name further directories.
    fn find(&self, name: &[u8]) -> Option<Vec<u8>> {
        let below = |directory: &Vec<u8>| [directory.as_slice(), name].join(&b'/');
        let runs = |path: &Vec<u8>| self.view.find(path).is_some_and(|entry| entry.kind() == Kind::File && entry.mode() & 0o111 != 0);
        self.view.command(name).or_else(|| {
            if name.contains(&b'/') {
                return self.directories.iter().map(below).find(runs);
            }
            self.paths.iter().map(below).find(runs)
        })
    }

    /// The paths that a word may mean.
    fn meant(&self, word: &[u8]) -> Vec<Vec<u8>> {
        let word = match word.iter().position(|byte| *byte == b'=') {
            Some(at) if word.get(at + 1) == Some(&b'/') => word.get(at + 1..).unwrap_or_default(),
            _ => word,
        };
        let named = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'_' | b'-' | b'+' | b'@' | b':' | b',');
        if word.starts_with(b"/") && word.len() > 1 && !word.contains(&b'\n') {
            return vec![word.to_vec()];
        }
        if word.is_empty() || word.starts_with(b"-") || word.len() > 255 || !word.iter().all(named) {
            return Vec::new();
        }
        self.directories.iter().map(|directory| [directory.as_slice(), word].join(&b'/')).collect()
    }

    /// Notes what the arguments of a command say.
    fn arguments(&mut self, path: &[u8], arguments: &[Argument], by: &str, guarded: bool) {
        let name = split(path).1.to_vec();
        let says = |words: &[&[u8]]| arguments.iter().flatten().any(|argument| words.contains(&argument.as_slice()));
        let how = if READERS.contains(&name.as_slice()) || name == b"." {
            Use::Read
        } else if COPIERS.contains(&name.as_slice()) {
            Use::Copied
        } else if WALKERS.contains(&name.as_slice()) && says(&[b"-maxdepth", b"-L"]) {
            Use::Listed
        } else if WALKERS.contains(&name.as_slice()) || (name == b"ls" && says(&[b"-R", b"-lR", b"-alR", b"-laR"])) {
            Use::Walked
        } else if LISTERS.contains(&name.as_slice()) {
            Use::Listed
        } else if NAMERS.contains(&name.as_slice()) {
            Use::Named
        } else {
            Use::Taken
        };
        let mut operands = 0;
        for argument in arguments.iter().flatten() {
            for path in self.meant(argument) {
                operands += 1;
                self.uses(&path, how, by, guarded);
            }
            if argument.starts_with(b"-") && argument.len() > 1 {
                self.found.options.entry(path.to_vec()).or_default().entry(argument.clone()).or_insert_with(|| by.to_owned());
            }
        }
        if operands == 0
            && [&b"ls"[..], b"dir", b"vdir", b"find", b"du", b"tree"].contains(&name.as_slice())
            && let Some(directory) = self.directories.last().cloned()
        {
            self.uses(&directory, how, by, guarded);
        }
        // What these print by themselves is not the same in busybox.
        const PRINTING: &[&[u8]] = &[
            b"ps",
            b"df",
            b"free",
            b"top",
            b"uptime",
            b"mount",
            b"hexdump",
            b"od",
            b"cal",
            b"who",
            b"vmstat",
            b"netstat",
            b"ifconfig",
            b"du",
            b"time",
            b"less",
            b"more",
            b"last",
            b"lsof",
            b"route",
            b"arp",
            b"ping",
            b"file",
            b"sum",
        ];
        let plain = |flags: &[&[u8]]| !arguments.iter().flatten().any(|word| flags.iter().any(|flag| word.starts_with(flag)));
        let differs = match name.as_slice() {
            b"diff" => plain(&[b"-u", b"-q", b"-U"]),
            b"date" => plain(&[b"+"]),
            b"stat" => plain(&[b"-c"]),
            b"id" => arguments.is_empty(),
            b"ls" => !plain(&[b"-l", b"-s", b"-i"]),
            b"wc" => plain(&[b"-"]),
            b"tar" => says(&[b"-tvf", b"tvf", b"-tv", b"tv", b"-tvzf", b"tvzf"]),
            name => PRINTING.contains(&name),
        };
        if differs {
            self.found.printing.entry(path.to_vec()).or_insert_with(|| by.to_owned());
        }
        if [&b"id"[..], b"groups", b"whoami", b"logname"].contains(&name.as_slice()) {
            self.found.identity.get_or_insert_with(|| by.to_owned());
        }
        let queries: [&[u8]; 6] = [b"dpkg", b"dpkg-query", b"apt", b"apt-get", b"apt-cache", b"apk"];
        let tellers: [&[u8]; 6] = [b"rpm", b"pip", b"pip3", b"lsb_release", b"locale", b"ldd"];
        // For `sort` and others -V is an order.
        let short = how == Use::Taken && says(&[b"-V", b"-version", b"version"]);
        let tells = short || says(&[b"--version", b"--help"]) || tellers.contains(&name.as_slice());
        if tells || (name == b"busybox" && arguments.is_empty()) {
            self.found.versions.entry(path.to_vec()).or_insert_with(|| by.to_owned());
        }
        if queries.contains(&name.as_slice()) {
            for database in [&b"/var/lib/dpkg/status"[..], b"/lib/apk/db/installed"] {
                self.uses(database, Use::Read, by, true);
            }
        }
        if [&b"awk"[..], b"mawk", b"gawk", b"nawk"].contains(&name.as_slice()) {
            if says(&[b"-f", b"-i", b"-e"]) {
                self.unclear(by, "a program of awk in a file is not followed");
            }
            for program in arguments.iter().flatten() {
                let calls = [&b"system("[..], b"getline"].iter().any(|call| program.windows(call.len()).any(|window| window == *call));
                // `print | "sort"`, and not `OFS = "|"`.
                let pipes = program.iter().enumerate().any(|(at, byte)| {
                    let before = at.checked_sub(1).and_then(|at| program.get(at)).copied().unwrap_or(0);
                    let after = program.get(at + 1..).unwrap_or_default().trim_ascii_start();
                    *byte == b'|' && !matches!(before, b'"' | b'|') && after.starts_with(b"\"")
                });
                if calls || pipes {
                    self.unclear(by, "what awk runs is not followed");
                }
            }
        }
        if name == b"getent" {
            self.uses(b"/etc/passwd", Use::Read, by, true);
        }
        let takes_user =
            [&b"su"[..], b"sudo", b"runuser", b"gosu", b"su-exec", b"chown", b"setpriv", b"chpst", b"install", b"id", b"groups", b"sg"]
                .contains(&name.as_slice());
        if takes_user {
            for argument in arguments.iter().flatten() {
                let user = argument.split(|byte| matches!(byte, b':' | b'=')).find(|part| !part.is_empty() && !part.starts_with(b"-"));
                if let Some(user) = user.filter(|user| user.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')))
                {
                    self.found.users.entry(user.to_vec()).or_insert_with(|| by.to_owned());
                }
            }
        }
    }

    fn uses(&mut self, path: &[u8], how: Use, by: &str, guarded: bool) {
        let guarded = guarded || self.guarded;
        let entry = self.found.uses.entry(path.to_vec()).or_insert_with(|| (how, by.to_owned(), guarded));
        entry.0 = entry.0.max(how);
        entry.2 &= guarded;
    }

    /// A file as the kernel runs it.
    fn run(&mut self, path: &[u8], arguments: &[Argument], by: &str, guarded: bool, depth: usize) {
        let place = shown(path);
        if !self.step(&place, depth) || !self.seen.insert((path.to_vec(), arguments.to_vec())) {
            return;
        }
        let Some(entry) = self.view.find(path) else {
            return self.lack(Code::VerdictMissing, path, by, !guarded);
        };
        if entry.kind() != Kind::File || entry.mode() & 0o111 == 0 {
            return self.lack(Code::VerdictAccess, path, by, !guarded);
        }
        self.found.reached.insert(entry.path());
        let Some(bytes) = self.view.bytes(entry) else {
            return self.unclear(&place, "it is too large to be read, or neither program nor script");
        };
        if bytes.starts_with(elf::MAGIC) {
            return self.program(path, entry, arguments, guarded, depth);
        }
        if let Some(line) = bytes.strip_prefix(b"#!") {
            return self.shebang(path, line, arguments, guarded, depth);
        }
        self.unclear(&place, "it is neither a program nor a script with an interpreter");
    }

    fn shebang(&mut self, path: &[u8], line: &[u8], arguments: &[Argument], guarded: bool, depth: usize) {
        let place = shown(path);
        // The kernel reads 256 bytes, with the two that were taken away.
        let line = line.get(..line.len().min(254)).unwrap_or_default();
        let line = line.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let line = line.trim_ascii_start();
        let end = line.iter().position(|byte| matches!(byte, b' ' | b'\t')).unwrap_or(line.len());
        let (interpreter, rest) = line.split_at(end);
        let rest: &[u8] = rest.trim_ascii();
        if interpreter.is_empty() {
            return self.unclear(&place, "its first line names no interpreter");
        }
        let mut all: Vec<Argument> = Vec::new();
        if !rest.is_empty() {
            all.push(Some(rest.to_vec()));
        }
        all.push(Some(path.to_vec()));
        all.extend(arguments.iter().cloned());
        let interpreter = self.view.absolute(interpreter);
        if !self.view.exists(&interpreter) {
            return self.lack(Code::VerdictScriptInterpreter, &interpreter, &place, !guarded);
        }
        self.run(&interpreter, &all, &place, guarded, depth + 1);
    }

    fn program(&mut self, path: &[u8], entry: Entry<'v>, arguments: &[Argument], guarded: bool, depth: usize) {
        let place = shown(path);
        let Some(program) = self.view.elf(entry) else {
            return self.unclear(&place, "it is a program that cannot be read");
        };
        if program.interpreter.is_none()
            && program.soname.as_ref().is_some_and(|name| name.starts_with(b"ld-") || name.starts_with(b"libc.musl"))
        {
            return self.unclear(&place, "a loader that is run as a command is not followed");
        }
        let libraries = self.closure(path, entry, &[], guarded);
        if self.view.is_own(entry) && !self.view.is_packaged(entry) {
            self.commands_of(entry, &program, &place, depth);
        }
        let name = split(path).1.to_vec();
        let real = entry.path();
        let real = split(&real).1.to_vec();
        // A busybox, or another program of many names, does what it is called for.
        let many = [&b"busybox"[..], b"coreutils", b"toybox", b"busybox.static"].contains(&real.as_slice());
        let applet = if many { name.clone() } else { real.clone() };
        if many && [&b"busybox"[..], b"toybox"].contains(&name.as_slice()) {
            if let Some((Some(applet), rest)) = arguments.split_first() {
                let mut all = vec![Some(applet.clone())];
                all.extend(rest.iter().cloned());
                if SHELLS.contains(&applet.as_slice()) {
                    self.shell(&place, rest, depth);
                } else {
                    self.wrapped(applet, rest, &place, guarded, depth);
                }
            }
            return;
        }
        if SHELLS.contains(&applet.as_slice()) || SHELLS.contains(&name.as_slice()) {
            return self.shell(&place, arguments, depth);
        }
        if let Some(language) = Language::of(&program) {
            let Some(interpreter) = Interpreter::of(self.view, path, entry, &program, &libraries) else {
                return self.unclear(&place, "it is an interpreter whose version is not understood");
            };
            return self.language((path, entry), language, interpreter, arguments, depth);
        }
        let stem: &[u8] = applet.split(|byte| byte.is_ascii_digit() || *byte == b'.').next().unwrap_or_default();
        if NOT_FOLLOWED.iter().any(|known| known.as_bytes() == stem || known.as_bytes() == applet.as_slice()) {
            return self.unclear(&place, format!("what {} does with its scripts and settings is not followed", shown(&applet)));
        }
        self.wrapped(&name, arguments, &place, guarded, depth);
    }

    /// The commands that a program of the app names, if it can run any.
    fn commands_of(&mut self, entry: Entry<'v>, program: &elf::Elf, place: &str, depth: usize) {
        const RUNNING: &[&[u8]] = &[
            b"system",
            b"popen",
            b"execl",
            b"execlp",
            b"execle",
            b"execv",
            b"execvp",
            b"execve",
            b"execvpe",
            b"posix_spawn",
            b"posix_spawnp",
        ];
        if !program.undefined.iter().any(|symbol| RUNNING.contains(&symbol.name.as_slice())) {
            return;
        }
        for text in self.view.bytes(entry).unwrap_or_default().split(|byte| *byte == 0) {
            let first = text.split(|byte| *byte == b' ').next().unwrap_or_default();
            let named = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'_' | b'-' | b'+');
            let library = first.windows(3).any(|window| window == b".so");
            if first.len() < 2
                || library
                || !first.iter().all(named)
                || text.len() > 4096
                || !text.iter().all(|byte| (0x20..0x7f).contains(byte))
            {
                continue;
            }
            if self.find(first).is_none() {
                // Most are no commands; those that were there before are told.
                self.lack(Code::VerdictCommand, first, place, false);
                continue;
            }
            for command in &Script::parse(text).commands {
                let arguments: Vec<Argument> = command.words.iter().map(|word| one(word, &Variables::new())).collect();
                if arguments.first().is_some_and(|name| name.as_ref().is_some_and(|name| self.find(name).is_some())) {
                    self.input = Input::Nothing;
                    self.spawn(&arguments, place, true, depth + 1);
                }
            }
        }
    }

    /// What a loader does with a program, once; gives its libraries.
    fn closure(&mut self, path: &[u8], entry: Entry<'v>, modules: &[Vec<u8>], guarded: bool) -> Vec<Vec<u8>> {
        if modules.is_empty()
            && let Some(known) = self.closures.get(path)
        {
            return known.clone();
        }
        let Some(program) = self.view.elf(entry) else { return Vec::new() };
        if program.interpreter.is_none() {
            // It needs no loader.
            return Vec::new();
        }
        let closure = Closure::of(self.view, entry, path, &program, modules);
        for lack in &closure.lacks {
            self.lack(lack.code, lack.name.as_bytes(), &lack.by, lack.fatal && !guarded);
        }
        for provider in &closure.tellers {
            self.found.versions.entry(provider.clone()).or_insert_with(|| shown(path));
        }
        for file in &closure.files {
            if let Some(entry) = self.view.find(file) {
                self.found.reached.insert(entry.path());
            }
        }
        if modules.is_empty() {
            self.closures.insert(path.to_vec(), closure.files.clone());
        }
        closure.files
    }

    /// Commands that run another one.
    fn wrapped(&mut self, name: &[u8], arguments: &[Argument], by: &str, guarded: bool, depth: usize) {
        let skip = |count: usize| arguments.get(count..).unwrap_or_default();
        // Options, and for some of them a value, stand before the command.
        let operands = |valued: &[&[u8]]| {
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
            at
        };
        match name {
            b"env" => self.env(arguments, by, guarded, depth),
            b"nice" | b"ionice" => self.spawn(skip(operands(&[b"-n", b"-c"])), by, guarded, depth + 1),
            b"nohup" | b"setsid" | b"stdbuf" | b"tini" | b"dumb-init" | b"catatonit" | b"time" => {
                self.spawn(skip(operands(&[b"-o", b"-i", b"-e", b"-p"])), by, guarded, depth + 1);
            }
            b"timeout" => self.spawn(skip(operands(&[b"-s", b"-k"]) + 1), by, guarded, depth + 1),
            b"gosu" | b"su-exec" => self.spawn(skip(1), by, guarded, depth + 1),
            b"xargs" => {
                let rest = skip(operands(&[b"-n", b"-I", b"-L", b"-P", b"-d", b"-s", b"-a", b"-E"]));
                self.spawn(rest, by, guarded, depth + 1);
            }
            b"sudo" | b"doas" => {
                self.plugins(name, guarded);
                self.spawn(skip(operands(&[b"-u", b"-g", b"-U", b"-C", b"-h", b"-p", b"-r", b"-t", b"-T"])), by, guarded, depth + 1);
            }
            b"su" | b"runuser" => {
                self.plugins(name, guarded);
                self.other_user(arguments, by, guarded, depth);
            }
            b"chroot" | b"setpriv" | b"unshare" | b"start-stop-daemon" | b"script" | b"watch" | b"parallel" | b"run-parts" | b"flock"
            | b"at" | b"batch" | b"screen" | b"tmux" | b"runsv" | b"ssh" | b"chpst" | b"taskset" | b"prlimit" | b"faketime" | b"strace"
            | b"gdb" | b"debconf" | b"proot" | b"fakeroot" | b"dbus-run-session" | b"xvfb-run" => {
                self.unclear(by, format!("what is run through {} is not followed", shown(name)));
            }
            b"find" if arguments.iter().flatten().any(|argument| argument.starts_with(b"-exec")) => {
                let at = arguments
                    .iter()
                    .position(|argument| argument.as_ref().is_some_and(|argument| argument.starts_with(b"-exec")))
                    .unwrap_or(0);
                let command = arguments.get(at + 1).cloned().into_iter().collect::<Vec<_>>();
                self.spawn(&command, by, guarded, depth + 1);
            }
            _ => {}
        }
    }

    /// `su USER -c COMMAND`
    fn other_user(&mut self, arguments: &[Argument], by: &str, guarded: bool, depth: usize) {
        let after = |short: &[u8], long: &[u8]| {
            let is = |word: &Vec<u8>| word == short || word.strip_prefix(b"--") == Some(long);
            let at = arguments.iter().position(|word| word.as_ref().is_some_and(is))?;
            arguments.get(at + 1).cloned()
        };
        let shell = after(b"-s", b"shell").unwrap_or_else(|| Some(b"/bin/sh".to_vec()));
        match after(b"-c", b"command") {
            Some(Some(command)) => self.spawn(&[shell, Some(b"-c".to_vec()), Some(command)], by, guarded, depth + 1),
            _ => self.unclear(by, "what is run as another user is not followed"),
        }
    }

    /// Libraries that a program opens by what its settings say: those in the directories of its name, and those of PAM.
    fn plugins(&mut self, name: &[u8], guarded: bool) {
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

    fn env(&mut self, arguments: &[Argument], by: &str, guarded: bool, depth: usize) {
        let mut waiting: Vec<Argument> = arguments.to_vec();
        waiting.reverse();
        while let Some(argument) = waiting.pop() {
            let Some(argument) = argument else {
                return self.unclear(by, "it runs a command whose name is only known when it runs");
            };
            let split_string = argument.strip_prefix(b"-S").or_else(|| argument.strip_prefix(b"--")?.strip_prefix(b"split-string="));
            if let Some(text) = split_string {
                let path = self.view.command(b"env").unwrap_or_default();
                self.found.options.entry(path).or_default().entry(b"-S".to_vec()).or_insert_with(|| by.to_owned());
                let text = if text.is_empty() { waiting.pop().flatten().unwrap_or_default() } else { text.to_vec() };
                let script = Script::parse(&text);
                let Some(command) = script.commands.first() else { return self.unclear(by, "the words after env -S are not understood") };
                waiting.extend(command.words.iter().rev().map(|word| one(word, &Variables::new())));
            } else if argument == b"-u" || argument == b"-C" {
                waiting.pop();
            } else if !(argument.starts_with(b"-") || argument.contains(&b'=')) {
                waiting.push(Some(argument));
                waiting.reverse();
                return self.spawn(&waiting, by, guarded, depth + 1);
            }
        }
    }

    /// A shell with its arguments.
    fn shell(&mut self, place: &str, arguments: &[Argument], depth: usize) {
        let mut at = 0;
        let mut code = false;
        while let Some(Some(argument)) = arguments.get(at) {
            if argument == b"--" {
                at += 1;
                break;
            }
            if !argument.starts_with(b"-") && !argument.starts_with(b"+") {
                break;
            }
            code |= !argument.starts_with(b"--") && argument.contains(&b'c');
            at += if argument == b"-o" { 2 } else { 1 };
        }
        let Some(first) = arguments.get(at) else {
            return match std::mem::replace(&mut self.input, Input::Unknown) {
                // Nobody types anything into it.
                Input::Nothing => {}
                Input::Known(text) => self.script(&text, "the input of a shell", &[], depth + 1),
                Input::Unknown => self.unclear(place, "it runs what it reads, which is not known"),
            };
        };
        let Some(first) = first else {
            return self.unclear(place, "it runs a script whose name is only known when it runs");
        };
        let rest = arguments.get(at + 1..).unwrap_or_default();
        if code {
            self.shell_of(place, "the command of a shell", first);
            return self.script(first, "the command of a shell", rest.get(1..).unwrap_or_default(), depth + 1);
        }
        let path = self.view.absolute(first);
        if let Some(text) = self.view.text(&path) {
            self.shell_of(place, &shown(&path), text);
        }
        self.source(&path, place, rest, depth);
    }

    /// Notes which shell runs a script, and what in it depends on the shell.
    fn shell_of(&mut self, shell: &str, place: &str, text: &[u8]) {
        let Some(entry) = self.view.find(shell.as_bytes()) else { return };
        let real = entry.path();
        let name = match split(&real).1 {
            // busybox has the shell of its name.
            b"sh" | b"ash" => b"busybox".to_vec(),
            name => name.to_vec(),
        };
        let has = |text: &[u8], needle: &[u8]| text.windows(needle.len()).any(|window| window == needle);
        let script = Script::parse(text);
        let escapes = text.split(|byte| *byte == b'\n').any(|line| has(line, b"echo -e") || (has(line, b"echo ") && has(line, b"\\")));
        let special = if escapes { Some("escapes of echo") } else { script.special };
        self.found.shells.insert(place.to_owned(), (name, special));
    }

    /// A file that a shell reads.
    fn source(&mut self, path: &[u8], by: &str, arguments: &[Argument], depth: usize) {
        let Some(entry) = self.view.find(path) else {
            return self.lack(Code::VerdictMissing, path, by, true);
        };
        self.found.reached.insert(entry.path());
        match self.view.bytes(entry) {
            Some(bytes) => self.script(bytes, &shown(path), arguments, depth + 1),
            None => self.unclear(&shown(path), "it is no file that can be read as a script"),
        }
    }

    fn script(&mut self, text: &[u8], place: &str, arguments: &[Argument], depth: usize) {
        if !self.step(place, depth) || !self.room(text, place) {
            return;
        }
        let script = Script::parse(text);
        if let Some(reason) = script.unclear {
            return self.unclear(place, format!("{reason} in a script is not followed"));
        }
        let mut variables = self.inherited.clone();
        for (name, value) in &self.view.launch.environment {
            variables.entry(name.clone()).or_insert_with(|| Some(BTreeSet::from([value.clone()])));
        }
        give(&mut variables, arguments);
        variables.insert(b"0".to_vec(), place.starts_with('/').then(|| BTreeSet::from([place.as_bytes().to_vec()])));
        self.assign(&script, place, &mut variables, 0);
        let functions = self.functions.clone();
        self.functions.extend(script.functions.iter().cloned());
        let called = self.called.clone();
        match (&mut self.called, script.called()) {
            (Some(known), Some(more)) => known.extend(more),
            (known, _) => *known = None,
        }
        let (inherited, directories) = (std::mem::replace(&mut self.inherited, variables), self.directories.clone());
        let calls = self.calls.clone();
        self.note_calls(&script);
        for (number, command) in script.commands.iter().enumerate() {
            let Some(function) = &command.function else {
                self.command(command, (place, number), arguments, depth);
                continue;
            };
            let reached = self.called.as_ref().is_none_or(|called| called.contains(function));
            // A call that was not seen may give anything.
            let given = self.calls.get(function).cloned().unwrap_or_else(|| BTreeSet::from([vec![None; 9]]));
            for given in given.into_iter().filter(|_| reached).take(MOST_CALLS) {
                let outside = self.inherited.clone();
                give(&mut self.inherited, &given);
                self.command(command, (place, number), &given, depth);
                self.inherited = outside;
            }
        }
        self.calls = calls;
        self.inherited = inherited;
        self.directories = directories;
        // A script that reads this one calls its functions.
        self.functions.extend(functions);
        self.called = called;
    }

    /// What the functions that are known are given by a script.
    fn note_calls(&mut self, script: &Script) {
        for command in &script.commands {
            let mut words = command.words.iter();
            let Some(name) = words.next().and_then(Word::literal).filter(|name| self.functions.contains(*name)) else { continue };
            let inner = command.function.is_some();
            let value = |word: &Word| if inner { word.literal().map(<[u8]>::to_vec) } else { one(word, &self.inherited) };
            let given: Vec<Argument> = words.map(value).collect();
            self.calls.entry(name.to_vec()).or_default().insert(given);
        }
    }

    /// What variables may hold after a script, and after those that it reads.
    fn assign(&mut self, script: &Script, place: &str, variables: &mut Variables, depth: usize) {
        const DECLARING: &[&[u8]] = &[b"export", b"readonly", b"local", b"declare", b"typeset"];
        let loops = script.loops.iter().map(|(name, words)| (name.clone(), words.clone()));
        let loops: Vec<(Vec<u8>, Vec<Word>)> = loops.collect();
        for (name, words) in loops {
            self.put(name, &words, place, variables);
        }
        for command in &script.commands {
            let first = command.words.first().and_then(|word| one(word, variables)).unwrap_or_default();
            if command.words.is_empty() {
                for (name, word) in &command.assignments {
                    self.put(name.clone(), std::slice::from_ref(word), place, variables);
                }
            } else if DECLARING.contains(&first.as_slice()) {
                for (name, word) in command.words.iter().skip(1).filter_map(assignment) {
                    self.put(name, &[word], place, variables);
                }
            } else if first == b"read" || first == b"mapfile" || first == b"getopts" {
                let names: Vec<Vec<u8>> = command.words.iter().skip(1).filter_map(|word| one(word, variables)).collect();
                for name in names {
                    variables.insert(name, None);
                }
                variables.insert(b"OPTARG".to_vec(), None);
            } else if (first == b"." || first == b"source") && depth < DEEPEST_SOURCE {
                let paths: Vec<Vec<u8>> = command
                    .words
                    .get(1)
                    .and_then(|word| values(word, variables))
                    .unwrap_or_default()
                    .iter()
                    .flat_map(|word| self.meant(word))
                    .collect();
                for path in paths {
                    if let Some(text) = self.view.text(&path) {
                        self.assign(&Script::parse(text), place, variables, depth + 1);
                    }
                }
            }
        }
    }

    fn put(&mut self, name: Vec<u8>, words: &[Word], place: &str, variables: &mut Variables) {
        let mut known = variables.get(&name).cloned().unwrap_or_else(|| Some(BTreeSet::new()));
        for word in words {
            match (known.as_mut(), self.values(word, place, variables)) {
                (Some(known), Some(values)) if known.len() < MOST_VALUES => known.extend(values),
                _ => known = None,
            }
        }
        if name == b"PATH" {
            for path in known.iter().flatten().flat_map(|value| value.split(|byte| *byte == b':')) {
                if path.starts_with(b"/") && !self.paths.iter().any(|known| known == path) {
                    self.paths.push(path.to_vec());
                }
            }
        }
        self.setting(&name, known.iter().flatten(), place);
        variables.insert(name, known);
    }

    fn setting<'a>(&mut self, name: &[u8], values: impl Iterator<Item = &'a Vec<u8>>, place: &str) {
        if [&b"TZ"[..], b"TERM", b"LANG", b"LANGUAGE"].contains(&name) || name.starts_with(b"LC_") {
            for value in values {
                self.found.settings.entry((name.to_vec(), value.clone())).or_insert_with(|| place.to_owned());
            }
        }
    }

    /// The values of a word, with the files that its pattern matches.
    fn values(&mut self, word: &Word, place: &str, variables: &Variables) -> Option<Vec<Vec<u8>>> {
        if !word.parts.iter().any(|part| matches!(part, Part::Pattern(_))) {
            return values(word, variables);
        }
        let mut pattern = Vec::new();
        for part in &word.parts {
            match part {
                Part::Pattern(text) => pattern.extend(text.iter().map(|byte| (*byte, true))),
                part => {
                    let part = Word::of(part.clone());
                    pattern.extend(one(&part, variables)?.into_iter().map(|byte| (byte, false)));
                }
            }
        }
        let mut found = BTreeSet::new();
        for directory in &self.directories {
            found.extend(matching(self.view, directory, &pattern));
        }
        let text: Vec<u8> = pattern.iter().map(|(byte, _)| *byte).collect();
        self.found.patterns.insert((place.to_owned(), shown(&text)), found.clone());
        // What matches nothing stands for itself.
        Some(if found.is_empty() { vec![text] } else { found.into_iter().collect() })
    }

    fn command(&mut self, command: &Command, (place, number): (&str, usize), arguments: &[Argument], depth: usize) {
        let guarded = !command.is_needed();
        let variables = self.inherited.clone();
        for (name, word) in &command.assignments {
            self.setting(name, values(word, &variables).iter().flatten(), place);
        }
        let words = command.words.iter().chain(command.assignments.iter().map(|(_, word)| word)).chain(&command.reads);
        for part in words.chain(&command.documents).chain(&command.writes).flat_map(|word| &word.parts) {
            if let Part::Output(inner) = part {
                self.script(inner, place, arguments, depth + 1);
            }
        }
        for word in &command.reads {
            for path in self.values(word, place, &variables).into_iter().flatten().flat_map(|path| self.meant(&path)).collect::<Vec<_>>() {
                self.uses(&path, Use::Read, place, guarded);
            }
        }
        for word in &command.writes {
            for path in values(word, &variables).into_iter().flatten().filter(|path| path.starts_with(b"/")) {
                self.uses(split(&path).0, Use::Named, place, guarded);
            }
        }
        let mut words = command.words.as_slice();
        // A variable that is empty leaves nothing of a word.
        while let Some((first, rest)) = words.split_first() {
            if first.is_plain() && !rest.is_empty() && one(first, &variables).is_some_and(|name| name.is_empty()) {
                words = rest;
            } else {
                break;
            }
        }
        let Some(first) = words.first() else { return };
        self.input = match command.documents.last() {
            Some(word) => one(word, &variables).map_or(Input::Unknown, Input::Known),
            None => Input::Unknown,
        };
        // `"$@"` is what the script was given.
        if first.parts.first() == Some(&Part::Variable(b"@".to_vec(), None)) {
            return match arguments.split_first() {
                Some((Some(name), _)) if self.functions.contains(name) => {}
                Some((Some(name), rest)) => self.call(name, command, rest, (place, number), depth),
                Some((None, _)) => self.unclear(place, "it runs a command whose name is only known when it runs"),
                None => {}
            };
        }
        let Some(names) = self.values(first, place, &variables) else {
            return self.unclear(place, "it runs a command whose name is only known when it runs");
        };
        let mut rest: Vec<Argument> = Vec::new();
        for word in words.iter().skip(1) {
            match word.parts.as_slice() {
                [Part::Variable(name, None)] if name == b"@" || name == b"*" => rest.extend(arguments.iter().cloned()),
                parts if parts.iter().any(|part| matches!(part, Part::Pattern(_))) => match self.values(word, place, &variables) {
                    Some(values) => rest.extend(values.into_iter().map(Some)),
                    None => rest.push(None),
                },
                // Each of the values that it may have is used.
                _ => match values(word, &variables).filter(|values| values.len() > 1) {
                    Some(several) => {
                        let taken = names.iter().any(|name| !BUILTINS.contains(&name.as_slice()) && !NAMERS.contains(&name.as_slice()));
                        for path in several.iter().filter(|_| taken).flat_map(|value| self.meant(value)).collect::<Vec<_>>() {
                            let how =
                                if READERS.iter().any(|reader| names.iter().any(|name| name == reader)) { Use::Read } else { Use::Taken };
                            self.uses(&path, how, place, guarded);
                        }
                        rest.push(None);
                    }
                    None => rest.push(one(word, &variables)),
                },
            }
        }
        for name in names {
            if name.is_empty() || self.functions.contains(&name) {
                continue;
            }
            self.call(&name, command, &rest, (place, number), depth);
        }
    }

    fn call(&mut self, name: &[u8], command: &Command, rest: &[Argument], (place, number): (&str, usize), depth: usize) {
        let guarded = !command.is_needed();
        match name {
            b"[" | b"test" | b"[[" => self.test(command, place, number),
            b"command" | b"which" | b"type" | b"hash"
                if rest.first().is_some_and(|flag| {
                    name != b"command" || flag.as_ref().is_some_and(|flag| flag.starts_with(b"-v") || flag.starts_with(b"-V"))
                }) =>
            {
                for word in rest.iter().flatten().filter(|word| !word.starts_with(b"-")) {
                    let there = self.find(word).is_some() || self.functions.contains(word) || BUILTINS.contains(&word.as_slice());
                    self.found.tests.insert(
                        (place.to_owned(), format!("{number}: command -v {}", shown(word))),
                        (there, command.decides_end && !self.guarded),
                    );
                }
            }
            b"type" | b"hash" => {}
            b"exec" | b"command" | b"builtin" => self.spawn(rest, place, guarded, depth + 1),
            b"eval" => match rest.iter().cloned().collect::<Option<Vec<_>>>() {
                Some(words) => self.script(&words.join(&b' '), place, &[], depth + 1),
                None => self.unclear(place, "what it evaluates is only known when it runs"),
            },
            b"trap" => match rest.first() {
                Some(Some(text)) => self.script(text, place, &[], depth + 1),
                Some(None) => self.unclear(place, "what it runs at its end is only known when it runs"),
                None => {}
            },
            b"alias" => self.unclear(place, "names that it gives to commands are not followed"),
            b"." | b"source" => match rest.first() {
                Some(Some(path)) => {
                    let found = if path.contains(&b'/') {
                        self.meant(path).into_iter().find(|path| self.view.exists(path)).unwrap_or_else(|| self.view.absolute(path))
                    } else {
                        self.find(path).unwrap_or_else(|| path.clone())
                    };
                    self.uses(&found, Use::Read, place, guarded);
                    if self.view.exists(&found) {
                        self.source(&found, place, rest.get(1..).unwrap_or_default(), depth);
                    }
                }
                _ => self.unclear(place, "it reads a script whose name is only known when it runs"),
            },
            b"cd" | b"pushd" => {
                for path in rest.iter().flatten().filter(|word| !word.starts_with(b"-")) {
                    for path in self.meant(path) {
                        self.uses(&path, Use::Named, place, guarded);
                        if self.directories.len() < MOST_DIRECTORIES && self.view.exists(&path) {
                            self.directories.push(path);
                        }
                    }
                }
            }
            name if BUILTINS.contains(&name) => {}
            name => {
                let mut all = vec![Some(name.to_vec())];
                all.extend(rest.iter().cloned());
                self.spawn(&all, place, guarded, depth + 1);
            }
        }
    }

    /// A test on files: what it gives in this view.
    fn test(&mut self, command: &Command, place: &str, number: usize) {
        let variables = &self.inherited;
        let words = command.words.get(1..).unwrap_or_default();
        for pair in words.windows(2) {
            let [flag, word] = pair else { continue };
            let Some(flag) = one(flag, &Variables::new()) else { continue };
            let Some(paths) = values(word, variables) else { continue };
            for path in paths.iter().flat_map(|path| self.meant(path)).collect::<Vec<_>>() {
                let entry = self.view.find(&path);
                let value = match flag.as_slice() {
                    b"-e" | b"-r" | b"-a" | b"-w" => entry.is_some(),
                    b"-f" => entry.is_some_and(|entry| entry.kind() == Kind::File),
                    b"-d" => entry.is_some_and(|entry| entry.kind() == Kind::Directory),
                    b"-x" => entry.is_some_and(|entry| entry.mode() & 0o111 != 0),
                    b"-s" => entry.is_some_and(|entry| entry.content().is_none_or(|content| content.size > 0)),
                    b"-h" | b"-L" => self.view.rootfs().lookup(&path).is_some_and(|entry| entry.kind() == Kind::Symlink),
                    _ => continue,
                };
                let text = format!("{number}: {} {}", shown(&flag), shown(&path));
                self.found.tests.insert((place.to_owned(), text), (value, command.decides_end && !self.guarded));
            }
        }
    }

    /// An interpreter with a script.
    fn language(
        &mut self,
        program: (&[u8], Entry<'v>),
        language: Language,
        interpreter: Interpreter,
        arguments: &[Argument],
        depth: usize,
    ) {
        let place = shown(program.0);
        let mut interpreter = interpreter;
        if language == Language::Python {
            // Without these it does not start.
            for name in [&b"encodings"[..], b"os"] {
                self.load(program, &interpreter, vec![(Import { name: name.to_vec(), soft: false, inner: false }, place.clone())]);
            }
        }
        let mut at = 0;
        while let Some(argument) = arguments.get(at) {
            let Some(argument) = argument else {
                return self.unclear(&place, "it runs a script whose name is only known when it runs");
            };
            if !argument.starts_with(b"-") || argument == b"-" {
                break;
            }
            let code = if language == Language::Python { b"-c".as_slice() } else { b"-e" };
            let module = argument.strip_prefix(b"-M").filter(|name| language == Language::Perl && !name.is_empty());
            if let Some(name) = module {
                let name = name.split(|byte| *byte == b'=').next().unwrap_or_default().to_vec();
                self.load(program, &interpreter, vec![(Import { name, soft: false, inner: false }, place.clone())]);
            } else if argument.starts_with(code) || (language == Language::Perl && matches!(argument.last(), Some(b'e' | b'E'))) {
                let Some(Some(text)) = arguments.get(at + 1) else {
                    return self.unclear(&place, "it runs code that is only known when it runs");
                };
                interpreter.also(self.view, interpreter.variable(), b"");
                return self.code(program, &interpreter, text, "the code of an interpreter", depth);
            }
            if language == Language::Python && argument == b"-m" {
                let Some(Some(name)) = arguments.get(at + 1) else {
                    return self.unclear(&place, "it runs a module whose name is only known when it runs");
                };
                interpreter.also(self.view, interpreter.variable(), &self.view.launch.directory.clone());
                let main = [name.as_slice(), b".__main__"].concat();
                let imports = [name.clone(), main].into_iter().enumerate();
                let imports = imports.map(|(number, name)| (Import { name, soft: number > 0, inner: number > 0 }, place.clone())).collect();
                return self.load(program, &interpreter, imports);
            }
            if language == Language::Python && (argument == b"-V" || argument == b"--version") {
                return;
            }
            let valued = language == Language::Python && matches!(argument.as_slice(), b"-W" | b"-X");
            at += if valued { 2 } else { 1 };
        }
        let script = match arguments.get(at) {
            Some(Some(script)) if script != b"-" => script,
            _ => {
                return match std::mem::replace(&mut self.input, Input::Unknown) {
                    Input::Nothing => {}
                    Input::Known(text) => self.code(program, &interpreter, &text, "the input of an interpreter", depth),
                    Input::Unknown => self.unclear(&place, "it runs what it reads, which is not known"),
                };
            }
        };
        let script = self.meant(script).into_iter().find(|path| self.view.exists(path)).unwrap_or_else(|| self.view.absolute(script));
        let Some(found) = self.view.find(&script) else {
            return self.lack(Code::VerdictMissing, &script, &place, true);
        };
        self.found.reached.insert(found.path());
        // Python looks beside the file itself, links followed.
        let real = [b"/".as_slice(), &found.path()].concat();
        interpreter.also(self.view, interpreter.variable(), split(&real).0);
        match self.view.bytes(found) {
            Some(text) => self.code(program, &interpreter, text, &shown(&script), depth),
            None => self.unclear(&shown(&script), "it is no file that can be read as a script"),
        }
    }

    /// A text of a language, with the modules that it loads.
    fn code(&mut self, program: (&[u8], Entry<'v>), interpreter: &Interpreter, text: &[u8], place: &str, depth: usize) {
        let waiting = self.text(program, interpreter, text, place, depth);
        self.load(program, interpreter, waiting);
    }

    /// What a text of the app says; gives the modules that it loads.
    fn text(
        &mut self,
        program: (&[u8], Entry<'v>),
        interpreter: &Interpreter,
        text: &[u8],
        place: &str,
        depth: usize,
    ) -> Vec<(Import, String)> {
        if !self.step(place, depth) || !self.room(text, place) {
            return Vec::new();
        }
        let has = |needle: &[u8]| text.windows(needle.len()).any(|window| window == needle);
        // What is not followed, what tells all of an interpreter, and what tells its version.
        let (followed, told, asked): (Texts, Texts, Texts) = match interpreter.language {
            Language::Python => (
                &[b"importlib", b"__import__", b"os.exec", b"os.spawn", b"pkgutil", b"exec(", b"eval(", b"runpy", b"pexpect"],
                &[
                    b"sys.version)",
                    b"sys.version.",
                    b"sys.version[",
                    b"sys.version\n",
                    b"platform.",
                    b"__version__",
                    b"_VERSION",
                    b"sysconfig",
                    b"sys.implementation",
                ],
                &[b"sys.version", b"sys.prefix", b"sys.hexversion", b"stdlib_module_names", b"python_version"],
            ),
            Language::Perl => (
                &[
                    b"system(", b"system ", b"exec(", b"exec ", b"qx", b"eval \"", b"eval '", b"`", b"'-|'", b"\"-|\"", b"do \"", b"do '",
                    b"use lib",
                ],
                &[b"%INC", b"@INC", b"%Config", b"$Config"],
                &[b"$]", b"$^V", b"PERL_VERSION", b"->VERSION"],
            ),
            Language::Ruby => (
                &[
                    b"system(",
                    b"system ",
                    b"exec(",
                    b"exec ",
                    b"instance_eval",
                    b"class_eval",
                    b" eval",
                    b"spawn(",
                    b"`",
                    b"load ",
                    b"popen",
                    b"Open3",
                    b"%x",
                    b"bundler",
                ],
                &[b"RUBY_PATCHLEVEL", b"RUBY_DESCRIPTION", b"RbConfig"],
                &[b"RUBY_VERSION", b"VERSION"],
            ),
        };
        for call in followed.iter().filter(|call| has(call)) {
            self.unclear(place, format!("what it does with {} is not followed", shown(call).trim()));
        }
        if told.iter().any(|word| has(word)) {
            self.found.versions.entry(program.0.to_vec()).or_insert_with(|| place.to_owned());
        } else if asked.iter().any(|word| has(word)) {
            self.found.releases.entry(program.0.to_vec()).or_insert_with(|| (place.to_owned(), interpreter.release.clone()));
        }
        for path in quoted_paths(text) {
            self.uses(&path, Use::Taken, place, true);
        }
        if interpreter.language == Language::Python {
            for call in started(text) {
                self.input = Input::Unknown;
                match call {
                    Some(Started::Words(words)) => self.spawn(&words, place, true, depth + 1),
                    Some(Started::Shell(text)) => self.script(&text, place, &[], depth + 1),
                    None => self.unclear(place, "it runs a program whose name is only known when it runs"),
                }
            }
            if let Some(reason) = interpreter.too_old_for(text) {
                self.lack(Code::VerdictSyntax, reason.as_bytes(), place, true);
            }
            self.attributes(interpreter, text, place);
            for (name, _) in identifiers(text).filter(|(_, part)| *part) {
                self.found.parts.entry(name.to_vec()).or_insert_with(|| place.to_owned());
            }
        }
        imports(interpreter.language, text).into_iter().map(|import| (import, place.to_owned())).collect()
    }

    /// The names that a text takes from modules of others.
    fn attributes(&mut self, interpreter: &Interpreter, text: &[u8], place: &str) {
        for (module, name, needed) in taken_names(text).into_iter().take(MOST_NAMES) {
            let Some(files) = interpreter.module(self.view, &module) else { continue };
            let Some(file) = files.last() else { continue };
            let Some(entry) = self.view.find(file) else { continue };
            let own = self.view.is_own(entry) && !self.view.is_packaged(entry);
            let Some(bytes) = self.view.bytes(entry).filter(|_| !own) else { continue };
            let has = |needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
            let inner = [module.as_slice(), b".", &name].concat();
            let there =
                defines(bytes, &name) || has(b"import *") || has(b"def __getattr__") || interpreter.file(self.view, &inner).is_some();
            let key = (shown(&module), shown(&name));
            let entry = self.found.attributes.entry(key).or_insert_with(|| (there, place.to_owned(), needed));
            entry.2 |= needed;
        }
    }

    /// Modules, and the modules that they load.
    fn load(&mut self, (path, entry): (&[u8], Entry<'v>), interpreter: &Interpreter, waiting: Vec<(Import, String)>) {
        let mut waiting = waiting;
        while let Some((import, by)) = waiting.pop() {
            let files = if import.name.starts_with(b".") {
                interpreter.beside(self.view, by.as_bytes(), &import.name).map(|file| vec![file])
            } else {
                interpreter.module(self.view, &import.name)
            };
            let Some(files) = files else {
                if !import.inner {
                    self.lack(Code::VerdictModule, &import.name, &by, !import.soft);
                }
                continue;
            };
            for file in files {
                let Some(found) = self.view.find(&file) else {
                    self.lack(Code::VerdictModule, &file, &by, !import.soft);
                    continue;
                };
                if !self.seen.insert((file.clone(), Vec::new())) {
                    continue;
                }
                self.found.reached.insert(found.path());
                if self.view.elf(found).is_some() {
                    self.closure(path, entry, &[file], import.soft);
                    continue;
                }
                let Some(text) = self.view.bytes(found) else {
                    if self.view.is_own(found) {
                        self.unclear(&shown(&file), "it is no file that can be read as a module");
                    }
                    continue;
                };
                if !self.step(&by, 0) {
                    return;
                }
                let own = self.view.is_own(found);
                if own && !self.view.is_packaged(found) {
                    waiting.extend(self.text((path, entry), interpreter, text, &shown(&file), 0));
                    continue;
                }
                // What the base brings fits together.
                if interpreter.language == Language::Python {
                    self.found.modules.insert(found.path());
                }
                // What a function of it loads is loaded when it is called.
                for inner in imports(interpreter.language, text).into_iter().filter(|inner| !inner.soft) {
                    if own || inner.name.starts_with(b".") || interpreter.module(self.view, &inner.name).is_some() {
                        waiting.push((Import { inner: inner.inner || !own, ..inner }, shown(&file)));
                    }
                }
            }
        }
    }
}

/// Texts that are looked for.
type Texts = &'static [&'static [u8]];

/// The files that match a pattern, whose bytes say whether they are signs of it.
fn matching(view: &View, directory: &[u8], pattern: &[(u8, bool)]) -> BTreeSet<Vec<u8>> {
    let start = if pattern.first() == Some(&(b'/', false)) { Vec::new() } else { directory.to_vec() };
    let mut found = vec![start];
    for part in pattern.split(|byte| *byte == (b'/', false)).filter(|part| !part.is_empty()) {
        let name: Vec<u8> = part.iter().map(|(byte, _)| *byte).collect();
        let mut next = Vec::new();
        for place in &found {
            if part.iter().all(|(_, sign)| !sign) {
                let path = [place.as_slice(), &name].join(&b'/');
                if view.exists(&path) {
                    next.push(path);
                }
                continue;
            }
            let at = if place.is_empty() { b"/".to_vec() } else { place.clone() };
            for child in view.find(&at).into_iter().flat_map(Entry::children) {
                if (!child.name().starts_with(b".") || name.starts_with(b".")) && fits(part, child.name()) {
                    next.push([place.as_slice(), child.name()].join(&b'/'));
                }
            }
        }
        next.truncate(MOST_MATCHES);
        found = next;
    }
    found.into_iter().filter(|path| !path.is_empty()).collect()
}

fn fits(pattern: &[(u8, bool)], name: &[u8]) -> bool {
    // For each place in the name whether the pattern up to here fits it.
    let mut fitting: Vec<bool> = (0..=name.len()).map(|at| at == 0).collect();
    let mut at = 0;
    while let Some((byte, sign)) = pattern.get(at) {
        let set =
            if *sign && *byte == b'[' { pattern.get(at..).unwrap_or_default().iter().position(|(byte, _)| *byte == b']') } else { None };
        let mut next = vec![false; name.len() + 1];
        for position in 0..=name.len() {
            if !fitting.get(position).copied().unwrap_or(false) {
                continue;
            }
            if *sign && *byte == b'*' {
                next.iter_mut().skip(position).for_each(|place| *place = true);
                break;
            }
            let Some(letter) = name.get(position) else { continue };
            let one = match (sign, byte) {
                // Sets may mean more than they say.
                (true, b'?' | b'[') => true,
                _ => letter == byte,
            };
            if one && let Some(place) = next.get_mut(position + 1) {
                *place = true;
            }
        }
        fitting = next;
        at += set.unwrap_or(0) + 1;
    }
    fitting.last().copied().unwrap_or(false)
}

/// Sets what a script or a function is given.
fn give(variables: &mut Variables, arguments: &[Argument]) {
    for number in 1..10_usize {
        let value = arguments.get(number - 1).cloned().unwrap_or_else(|| Some(Vec::new()));
        variables.insert(number.to_string().into_bytes(), value.map(|value| BTreeSet::from([value])));
    }
}

/// The only value of a word.
fn one(word: &Word, variables: &Variables) -> Argument {
    values(word, variables).filter(|values| values.len() == 1).and_then(|mut values| values.pop())
}
