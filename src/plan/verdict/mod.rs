//! Will the moved image still run? A decision over the files of the image before and after the move; nothing is run.
//!
//! Both images are followed from their entrypoints (`trace`): programs with their loaders and libraries (`loader`), scripts with
//! their commands (`shell`) and modules (`languages`). Only what resolved before and does not now is a finding. What was not
//! understood is said, and then the answer is never that it runs.

mod fixes;
mod gate;
mod languages;
mod loader;
mod lost;
mod memo;
mod owners;
mod policy;
mod shell;
mod trace;
mod users;
mod view;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use self::fixes::{Fixes, unread};
pub use self::gate::{Gate, Strictness, one_line};
use self::loader::shown;
use self::lost::Lost;
pub use self::memo::Memo;
pub use self::owners::Hidden;
use self::owners::Owners;
pub use self::policy::{Rule, parse as policy};
use self::trace::{Trace, Traced, Use};
use self::view::{Launch, View};
use crate::core::{Code, Digest, Fact, Finding, Result, Severity};
use crate::format::elf;
use crate::format::tar::Kind;
use crate::oci::Config;
use crate::read::rootfs::{Entry, Scan, Unpacker};

/// How many commands a shell script has.
///
/// # Errors
/// Why it cannot be followed.
pub fn read_script(text: &[u8]) -> std::result::Result<usize, &'static str> {
    let script = shell::Script::parse(text);
    script.unclear.map_or(Ok(script.commands.len()), Err)
}

/// Whether a moved image still runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    /// Everything that is reached was followed, and resolves to something equal or compatible.
    Runs,
    /// Something was not understood.
    Unknown,
    /// Something that the app touches changed, and bytes do not decide what follows.
    Risks,
    /// Something that is reached cannot work.
    Breaks,
}

impl Answer {
    /// What a finding alone would make of it.
    pub fn of(finding: &Finding) -> Self {
        match (finding.severity, finding.code) {
            (Severity::Note, _) => Self::Runs,
            (_, Code::VerdictUnclear) => Self::Unknown,
            // Why a layer could not be read.
            (_, code) if !code.slug().starts_with("verdict.") => Self::Unknown,
            (Severity::Warning, _) => Self::Risks,
            _ => Self::Breaks,
        }
    }

    /// As documents have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Runs => "runs",
            Self::Unknown => "unknown",
            Self::Risks => "risks",
            Self::Breaks => "breaks",
        }
    }
}

/// Whether the fixes of the new base reach the app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Patched {
    /// No file of the app hides one that the new base changed.
    Yes,
    /// The old base is not known, nothing was followed, or a program carries its libraries in itself, where no base brings fixes.
    Unknown,
    /// Some do.
    Partly,
    /// Everything that the new base changed is hidden.
    No,
}

impl Patched {
    /// As documents have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::Unknown => "unknown",
            Self::Partly => "partly",
            Self::No => "no",
        }
    }
}

/// An image before and after the move.
#[derive(Debug)]
pub struct Side<'a> {
    /// Its layers, the lowest first.
    pub layers: &'a [Arc<Scan>],
    /// How many of the lowest are the base's.
    pub seam: usize,
    /// Its config.
    pub config: &'a Config,
}

/// What was decided.
#[derive(Debug, Clone)]
pub struct Judgement {
    /// Whether it still runs.
    pub answer: Answer,
    /// Whether the fixes of the new base reach the app.
    pub patched: Patched,
    /// Files of the app that hide what the new base changed.
    pub hidden: Vec<Hidden>,
    /// The reasons, the gravest first.
    pub findings: Vec<Finding>,
    /// How many files were reached.
    pub reached: usize,
}

/// Decides one platform. What it finds out of programs it leaves in `memo` for others.
///
/// # Errors
/// `tar.too_many`.
pub fn judge(before: &Side<'_>, after: &Side<'_>, old_base_is_known: bool, memo: &Arc<Memo>) -> Result<Judgement> {
    let decided = decide(before, after, Unpacker::Overlay, memo)?;
    let mut judgement = decided;
    let differing = judgement.findings.iter().any(|finding| finding.code == Code::VerdictUnpack);
    if differing {
        let other = decide(before, after, Unpacker::Merged, memo)?;
        if other.answer != judgement.answer {
            // Each family of unpackers gets another image; none of the two answers is the one.
            judgement.answer = Answer::Risks;
            for finding in &mut judgement.findings {
                finding.severity = finding.severity.min(Severity::Warning);
            }
        }
    }
    if !old_base_is_known {
        judgement.patched = Patched::Unknown;
    }
    Ok(judgement)
}

fn decide(before: &Side<'_>, after: &Side<'_>, unpacker: Unpacker, memo: &Arc<Memo>) -> Result<Judgement> {
    let old = View::of(before.layers, before.seam, Launch::of(before.config), unpacker, Arc::clone(memo))?;
    let new = View::of(after.layers, after.seam, Launch::of(after.config), unpacker, Arc::clone(memo))?;
    let comparison = Comparison { from: Trace::of(&old), to: Trace::of(&new), old: &old, new: &new, owners: Owners::new(&old, &new) };
    let mut findings = comparison.findings();
    let system = other_system(&old, &new);
    findings.sort_by_key(|finding| (std::cmp::Reverse(finding.severity), finding.code == Code::VerdictUnclear, finding.message.clone()));
    findings.dedup();
    let findings = findings.into_iter().map(|finding| comparison.owners.name(finding));
    let mut findings = findings.collect::<Result<Vec<_>>>()?;
    findings.splice(0..0, system);
    let answer = findings.iter().map(Answer::of).max().unwrap_or(Answer::Runs);
    let Fixes { hidden, none_arrives } = Fixes::of(&old, &new, &comparison.owners)?;
    let unread = unread(&old, &new);
    let all_read = unread.is_empty();
    findings.extend(unread);
    let reached = &comparison.to.reached;
    let patched = match answer {
        _ if none_arrives => Patched::No,
        _ if !hidden.is_empty() => Patched::Partly,
        _ if !all_read => Patched::Unknown,
        Answer::Unknown => Patched::Unknown,
        _ if reached.is_empty() || carries_libraries(&new, reached) => Patched::Unknown,
        _ => Patched::Yes,
    };
    Ok(Judgement { answer, patched, hidden, findings, reached: comparison.to.reached.len() })
}

/// Whether a program of the app that is reached needs nothing of any base.
fn carries_libraries(view: &View, reached: &BTreeSet<Vec<u8>>) -> bool {
    let own = reached.iter().filter_map(|path| view.find(path)).filter(|entry| view.is_own(*entry));
    own.filter_map(|entry| view.elf(entry)).any(|elf| elf.interpreter.is_none() && elf.needed.is_empty())
}

struct Comparison<'v> {
    from: Traced,
    to: Traced,
    old: &'v View,
    new: &'v View,
    owners: Owners<'v>,
}

fn finding(code: Code, fatal: bool, message: String, by: &str) -> Finding {
    Finding::new(code, message).severity(if fatal { Severity::Damage } else { Severity::Warning }).at(by)
}

impl Comparison<'_> {
    fn findings(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        if self.new.launch.arguments.is_empty() {
            findings.push(unclear(Trace::CONFIG, "the image starts nothing by itself"));
        }
        self.lacks(&mut findings);
        self.patterns(&mut findings);
        self.names(&mut findings);
        self.parts(&mut findings);
        self.shells(&mut findings);
        self.uses(&mut findings);
        self.tests(&mut findings);
        self.tools(&mut findings);
        self.references(&mut findings);
        self.users(&mut findings);
        self.environment(&mut findings);
        self.unpacking(&mut findings);
        for (place, reason) in &self.to.unclear {
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

    /// Names that scripts take from modules of the base.
    fn names(&self, findings: &mut Vec<Finding>) {
        for ((module, name), (there, by, needed)) in self.to.attributes.iter().filter(|(_, (there, ..))| !there) {
            let before = self.from.attributes.get(&(module.clone(), name.clone()));
            if *needed && before.is_some_and(|(before, ..)| !before) {
                findings.push(unclear(by, &format!("it was not found before the move either: {name} of {module}")));
            }
            if before.is_some_and(|(before, ..)| before != there) {
                findings.push(finding(Code::VerdictName, *needed, format!("a name is not in its module: {name} of {module}"), by));
            }
        }
    }

    /// Parts of objects that the modules of the base named, and do not name any more.
    fn parts(&self, findings: &mut Vec<Finding>) {
        let all = |traced: &Traced, view: &View| -> BTreeSet<Vec<u8>> {
            let texts = traced.modules.iter().filter_map(|path| view.text(path));
            texts
                .flat_map(languages::identifiers)
                .map(|(name, _)| name)
                .filter(|name| self.to.parts.contains_key(*name))
                .map(<[u8]>::to_vec)
                .collect()
        };
        if self.to.parts.is_empty() {
            return;
        }
        let (before, after) = (all(&self.from, self.old), all(&self.to, self.new));
        let told: BTreeSet<&str> =
            self.to.attributes.iter().filter(|(_, (there, ..))| !there).map(|((_, name), _)| name.as_str()).collect();
        let lost = |name: &Vec<u8>| before.contains(name) && !after.contains(name) && !told.contains(shown(name).as_str());
        for (name, by) in self.to.parts.iter().filter(|(name, _)| lost(name)) {
            let message = format!("a name that the modules of the base had is not in them any more: {}", shown(name));
            findings.push(finding(Code::VerdictName, false, message, by));
        }
    }

    /// Scripts that say what shells understand in their own ways.
    fn shells(&self, findings: &mut Vec<Finding>) {
        for (place, (shell, special)) in &self.to.shells {
            let Some((before, _)) = self.from.shells.get(place).filter(|(before, _)| before != shell) else { continue };
            // The shell of bash and the one of busybox understand most of it.
            if let Some(special) = special.filter(|special| shell != b"bash" || *special == "escapes of echo") {
                findings.push(
                    finding(Code::VerdictChanged, false, format!("another shell may understand a script differently: {special}"), place)
                        .expected(Fact::new(shown(before), "the image"))
                        .found(Fact::new(shown(shell), "the moved image")),
                );
            }
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
                _ => "a file is not found",
            };
            let mut finding = finding(need.code, *fatal, format!("{what}: {}", need.name), by);
            if let Some((code, message)) = self.origin(by) {
                finding = finding.detail(format!("{code} {message}"));
            }
            finding = self.owners.had(need).into_iter().fold(finding, Finding::detail);
            findings.push(finding.expected(Fact::new(&need.name, by)).found(Fact::new("nothing that fits", "the moved image")));
        }
    }

    /// Whose a file is.
    fn origin(&self, by: &str) -> Option<(&'static str, &'static str)> {
        let entry = self.new.find(by.as_bytes())?;
        Some(("the file is", if self.new.is_own(entry) { "the app's" } else { "the new base's" }))
    }

    fn uses(&self, findings: &mut Vec<Finding>) {
        for (path, (how, by, guarded)) in &self.to.uses {
            // These are made when the image is started.
            let made = [&b"/dev"[..], b"/proc", b"/sys", b"/run", b"/tmp"];
            let ignored =
                made.iter().any(|folder| path.strip_prefix(*folder).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/")));
            let (Some(old), false) = (self.old.find(path), ignored) else { continue };
            let Some(new) = self.new.find(path) else {
                let fatal = *how > Use::Named && !guarded;
                let missing = finding(Code::VerdictMissing, fatal, format!("a file is not found: {}", shown(path)), by);
                findings.push(self.owners.was_of(path).into_iter().fold(missing, Finding::detail));
                continue;
            };
            let differ = old.kind() == Kind::File && self.old.digest(old) != self.new.digest(new);
            let program = self.old.bytes(old).is_some_and(|bytes| bytes.starts_with(elf::MAGIC));
            let certificate = path.ends_with(b".crt") || path.ends_with(b".pem") || path.windows(9).any(|window| window == b"/zoneinfo");
            let changed = match how {
                Use::Read if old.kind() == Kind::Directory => names(old) != names(new),
                Use::Read => differ,
                Use::Taken => differ && !program && !certificate,
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

    fn tests(&self, findings: &mut Vec<Finding>) {
        for ((place, test), (value, decides)) in &self.to.tests {
            let Some((before, _)) = self.from.tests.get(&(place.clone(), test.clone())).filter(|(before, _)| before != value) else {
                continue;
            };
            let text = test.split_once(": ").map_or(test.as_str(), |(_, text)| text);
            let word = |value: bool| if value { "true" } else { "false" };
            findings.push(
                finding(Code::VerdictTest, *decides, format!("a test has another result: {text}"), place)
                    .expected(Fact::new(word(*before), "the image"))
                    .found(Fact::new(word(*value), "the moved image")),
            );
        }
    }

    fn is_same(&self, path: &[u8]) -> bool {
        match (self.old.find(path), self.new.find(path)) {
            (Some(old), Some(new)) => self.old.digest(old).is_some() && self.old.digest(old) == self.new.digest(new),
            _ => false,
        }
    }

    /// Whether it is the same release of busybox, which says nothing else of itself.
    fn is_release(&self, path: &[u8]) -> bool {
        let release = |view: &View| -> Option<Vec<u8>> {
            let bytes = view.text(path)?;
            let at = bytes.windows(9).position(|window| window == b"BusyBox v")?;
            let number: Vec<u8> = bytes.get(at + 9..)?.iter().copied().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').collect();
            (!number.is_empty()).then_some(number)
        };
        release(self.old).is_some_and(|before| Some(before) == release(self.new))
    }

    /// Programs that print what they are, and options that other programs do not have.
    fn tools(&self, findings: &mut Vec<Finding>) {
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
    fn old_command(&self, path: &[u8]) -> Option<Entry<'_>> {
        let name = crate::read::rootfs::split(path).1;
        self.old.find(path).or_else(|| self.old.find(&self.old.command(name)?))
    }

    fn references(&self, findings: &mut Vec<Finding>) {
        let lost = Lost::between(self.old, self.new);
        let copied: BTreeSet<&Digest> = self
            .old
            .rootfs()
            .files(self.old.rootfs().root())
            .filter(|entry| !self.old.is_own(*entry) || self.old.is_packaged(*entry))
            .filter_map(|entry| self.old.digest(entry))
            .collect();
        for path in &self.to.reached {
            let Some(entry) = self.new.find(path) else { continue };
            // A copy of a file of the distribution names what the distribution may have.
            let is_copy = self.new.digest(entry).is_some_and(|digest| copied.contains(digest));
            if !self.new.is_own(entry) || self.new.is_packaged(entry) || is_copy {
                continue;
            }
            let by = format!("/{}", shown(path));
            let Some(bytes) = self.new.bytes(entry) else { continue };
            let mut hits = lost.paths_in(bytes, &by);
            hits.extend(lost.zones_in(bytes, &by));
            if bytes.starts_with(elf::MAGIC) {
                let opens =
                    |elf: &elf::Elf| elf.undefined.iter().any(|symbol| [&b"dlopen"[..], b"dlmopen"].contains(&symbol.name.as_slice()));
                if let Some(elf) = self.new.elf(entry).filter(|elf| opens(elf)) {
                    hits.extend(lost.libraries_in(self.new, bytes, &elf.needed, &by));
                }
            }
            let told: BTreeSet<&str> = self.to.lacks.keys().map(|need| need.name.as_str()).collect();
            hits.retain(|hit| !told.contains(hit.name.as_str()) && !self.to.uses.contains_key(hit.name.as_bytes()));
            for hit in hits {
                findings.push(finding(
                    Code::VerdictReference,
                    hit.exact,
                    format!("a name leads to nothing any more: {}", hit.name),
                    &hit.by,
                ));
            }
            if bytes.starts_with(elf::MAGIC) {
                self.program(entry, bytes, &lost, &by, findings);
            }
        }
    }

    /// What a program of the app asks the C library for by name, and files that say which system it is.
    fn program(&self, entry: Entry<'_>, bytes: &[u8], lost: &Lost, by: &str, findings: &mut Vec<Finding>) {
        const TELLING: [&[u8]; 8] = [
            b"/etc/os-release",
            b"/usr/lib/os-release",
            b"/etc/debian_version",
            b"/etc/alpine-release",
            b"/etc/lsb-release",
            b"/etc/redhat-release",
            b"/var/lib/dpkg/status",
            b"/lib/apk/db/installed",
        ];
        for path in TELLING.iter().filter(|path| contains(bytes, path) && self.old.exists(path)) {
            if !self.is_same(path) && self.new.exists(path) {
                findings.push(finding(Code::VerdictChanged, false, format!("what is read is not what it was: {}", shown(path)), by));
            }
        }
        let Some(program) = self.new.elf(entry) else { return };
        let asks = |names: &[&[u8]]| program.undefined.iter().any(|symbol| names.contains(&symbol.name.as_slice()));
        let texts = || bytes.split(|byte| *byte == 0).filter(|text| (1..64).contains(&text.len()));
        if asks(&[b"iconv_open", b"libiconv_open"]) {
            for set in texts().filter(|text| lost.charsets.contains(&text.to_ascii_uppercase())) {
                let message = format!("a character set is not there any more: {}", shown(set));
                findings.push(finding(Code::VerdictReference, true, message, by));
            }
        }
        if asks(&[b"getpwnam", b"getpwnam_r", b"getgrnam", b"getgrnam_r", b"initgroups"]) {
            for name in texts() {
                let known = |view: &View| (users::user(view, name), users::group(view, name));
                if known(self.old) != known(self.new) && users::user(self.old, name).is_some() {
                    let message = format!("a user that a program asks for is another one, or not there: {}", shown(name));
                    findings.push(finding(Code::VerdictUser, users::user(self.new, name).is_none(), message, by));
                }
            }
        }
    }

    fn users(&self, findings: &mut Vec<Finding>) {
        let text = &self.new.launch.user;
        let (name, group) = text.split_once(':').unwrap_or((text, ""));
        if !name.is_empty() && !users::is_number(name) {
            match (users::user(self.old, name.as_bytes()), users::user(self.new, name.as_bytes())) {
                (_, None) => {
                    findings.push(finding(Code::VerdictUser, true, format!("the user is not in /etc/passwd: {name}"), Trace::CONFIG));
                }
                (Some(old), Some(new)) if old != new => {
                    if let Some(file) = users::owned(self.new, old) {
                        let private = file.mode().trailing_zeros() >= 6;
                        let message = format!("the user {name} has another number, and files of the app belong to the old one");
                        findings.push(
                            finding(Code::VerdictUser, private, message, &format!("/{}", shown(&file.path())))
                                .expected(Fact::new(old, "/etc/passwd of the image"))
                                .found(Fact::new(new, "/etc/passwd of the moved image")),
                        );
                    }
                }
                _ => {}
            }
        }
        if !group.is_empty() && !users::is_number(group) && users::group(self.new, group.as_bytes()).is_none() {
            findings.push(finding(Code::VerdictUser, true, format!("the group is not in /etc/group: {group}"), Trace::CONFIG));
        }
        if let Some(by) = &self.to.identity
            && users::identity(self.old, &self.old.launch.user) != users::identity(self.new, &self.new.launch.user)
        {
            findings.push(finding(Code::VerdictChanged, false, "the names of the user and its groups are other ones".to_owned(), by));
        }
        for (name, by) in &self.to.users {
            if users::user(self.old, name).is_some() && users::user(self.new, name).is_none() {
                findings.push(finding(Code::VerdictUser, true, format!("the user is not in /etc/passwd: {}", shown(name)), by));
            }
        }
    }

    /// Time zone, terminal and language of the environment, and those that scripts set.
    fn environment(&self, findings: &mut Vec<Finding>) {
        let config = self.new.launch.environment.iter().map(|(name, value)| (name, value, Trace::CONFIG));
        let scripts = self.to.settings.iter().map(|((name, value), by)| (name, value, by.as_str()));
        for (name, value, by) in config.chain(scripts).filter(|(_, value, _)| !value.is_empty()) {
            let said = format!("{}={}", shown(name), shown(value));
            let language = [&b"LANG"[..], b"LANGUAGE"].contains(&name.as_slice()) || name.starts_with(b"LC_");
            let plain = value.starts_with(b"C.") || matches!(value.as_slice(), b"C" | b"POSIX");
            if language && !plain && release_of_library(self.old) != release_of_library(self.new) {
                let message = format!("the C library reads the language in another way: {said}");
                findings.push(finding(Code::VerdictChanged, false, message, by));
            }
            let first = value.get(..1).unwrap_or_default();
            let normal = shown(value).replace("UTF-8", "utf8").into_bytes();
            let places: Vec<Vec<u8>> = match name.as_slice() {
                b"TZ" => vec![[b"/usr/share/zoneinfo/", value.as_slice()].concat()],
                b"TERM" => {
                    let below = |folder: &[u8]| [folder, first, b"/", value].concat();
                    [&b"/etc/terminfo/"[..], b"/lib/terminfo/", b"/usr/share/terminfo/"].map(below).to_vec()
                }
                _ if language => {
                    let archive = if plain { Vec::new() } else { vec![b"/usr/lib/locale/locale-archive".to_vec()] };
                    [value, &normal].iter().map(|name| [b"/usr/lib/locale/".as_slice(), name].concat()).chain(archive).collect()
                }
                _ => continue,
            };
            let there = |view: &View| places.iter().any(|path| view.exists(path));
            if there(self.old) && !there(self.new) {
                findings.push(finding(Code::VerdictReference, false, format!("a name leads to nothing any more: {said}"), by));
            }
        }
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

/// The newest version that the C library defines.
fn release_of_library(view: &View) -> Option<Vec<u8>> {
    let places: [&[u8]; 4] =
        [b"/lib/x86_64-linux-gnu/libc.so.6", b"/lib/aarch64-linux-gnu/libc.so.6", b"/lib64/libc.so.6", b"/lib/libc.so.6"];
    let library = places.iter().find_map(|path| view.find(path))?;
    let elf = view.elf(library)?;
    elf.versions_defined
        .iter()
        .filter(|version| version.starts_with(b"GLIBC_2."))
        .max_by_key(|version| (version.len(), (*version).clone()))
        .cloned()
}

fn unclear(place: &str, reason: &str) -> Finding {
    Finding::new(Code::VerdictUnclear, reason).severity(Severity::Warning).at(place)
}

fn names(directory: Entry<'_>) -> BTreeSet<Vec<u8>> {
    directory.children().map(|entry| entry.name().to_vec()).collect()
}

/// Everything below a directory, by name and content.
fn below<'v>(view: &'v View, directory: Entry<'v>) -> BTreeMap<Vec<u8>, Option<&'v Digest>> {
    let start = directory.path().len();
    view.rootfs().files(directory).map(|entry| (entry.path().get(start..).unwrap_or_default().to_vec(), view.digest(entry))).collect()
}

fn contains(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|window| window == text)
}

/// Its commands may be links of any kind, so its name is no sign of it.
fn is_busybox(bytes: &[u8]) -> bool {
    contains(bytes, b"BusyBox v")
}

/// Options of GNU's tools that busybox does not have.
fn unknown_to_busybox(path: &[u8], option: &[u8]) -> bool {
    let name = crate::read::rootfs::split(path).1;
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
    let name = crate::read::rootfs::split(path).1;
    if name == b"find" {
        return FIND.contains(&option);
    }
    let known = COMMON.iter().find(|(command, _)| *command == name).map_or(b"acdefghilmnopqrstuvwxEFLR".as_slice(), |(_, letters)| letters);
    // A value may follow its letter.
    let mut letters = option.iter().skip(1).take_while(|letter| letter.is_ascii_alphabetic());
    letters.all(|letter| known.contains(letter))
}

/// Another distribution, another version of it, or another C library is always told first.
fn other_system(old: &View, new: &View) -> Vec<Finding> {
    let field = |view: &View, name: &str| -> Option<String> {
        let text = view.text(b"/etc/os-release").or_else(|| view.text(b"/usr/lib/os-release"))?;
        let text = String::from_utf8_lossy(text).into_owned();
        text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=').map(|value| value.trim_matches('"').to_owned()))
    };
    let system = |view: &View| {
        let id = field(view, "ID").unwrap_or_else(|| "no /etc/os-release".to_owned());
        let version = field(view, "VERSION_ID").unwrap_or_default();
        let major = version.split('.').next().unwrap_or_default().to_owned();
        let version = if id == "alpine" { version } else { major };
        format!("{id} {version}").trim().to_owned()
    };
    let library = |view: &View| {
        let musl = view.find(b"/lib").into_iter().flat_map(Entry::children).any(|entry| entry.name().starts_with(b"ld-musl-"));
        let glibc = [&b"/lib64"[..], b"/lib"]
            .iter()
            .any(|folder| view.find(folder).into_iter().flat_map(Entry::children).any(|entry| entry.name().starts_with(b"ld-linux")));
        match (musl, glibc) {
            (true, false) => "musl",
            (false, true) => "glibc",
            (true, true) => "glibc and musl",
            (false, false) => "none",
        }
    };
    let mut findings = Vec::new();
    for (what, before, after) in [
        ("another distribution, or another version of it", system(old), system(new)),
        ("another C library", library(old).to_owned(), library(new).to_owned()),
    ] {
        if before != after {
            findings.push(
                Finding::new(Code::VerdictSystem, what).expected(Fact::new(before, "the image")).found(Fact::new(after, "the moved image")),
            );
        }
    }
    findings
}
