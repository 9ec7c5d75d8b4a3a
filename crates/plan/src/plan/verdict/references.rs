//! What files of the app name that is not there any more, or not what it was.

use std::collections::{BTreeSet, HashSet};

use super::compare::{Comparison, contains, finding};
use super::loader::shown;
use super::lost::Lost;
use super::users;
use super::view::View;
use crate::format::elf;
use crate::foundation::{Code, Digest, Fact, Finding, Severity};
use crate::read::rootfs::{Entry, split};

/// Shorter names are parts of many words.
const GO_NAME: usize = 5;

/// Where glibc is in the distributions that are known.
const LIBC: [&[u8]; 4] =
    [b"/lib/x86_64-linux-gnu/libc.so.6", b"/lib/aarch64-linux-gnu/libc.so.6", b"/lib64/libc.so.6", b"/usr/lib/libc.so.6"];

/// Functions that look up a name in a file.
const DATABASES: [(&[&[u8]], &[u8]); 4] = [
    (&[b"getservbyname", b"getservbyname_r", b"getaddrinfo"], b"/etc/services"),
    (&[b"getprotobyname", b"getprotobyname_r"], b"/etc/protocols"),
    (&[b"getrpcbyname", b"getrpcbyname_r"], b"/etc/rpc"),
    (&[b"getnetbyname", b"getnetbyname_r"], b"/etc/networks"),
];

/// The line of a file that begins with a name.
fn line<'v>(view: &'v View, file: &[u8], name: &[u8]) -> Option<Vec<&'v [u8]>> {
    let words = |line: &'v [u8]| -> Vec<&'v [u8]> {
        let line = line.split(|byte| *byte == b'#').next().unwrap_or_default();
        line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).collect()
    };
    // A name may also be another name of what the line is about.
    view.text(file)?
        .split(|byte| *byte == b'\n')
        .map(words)
        .find(|words| words.iter().enumerate().any(|(at, word)| at != 1 && *word == name))
}

/// Everything that may be a name or a number in some files. A large program has millions of texts, and few of them are one.
fn words_of<'v>(view: &'v View, files: &[&[u8]]) -> HashSet<&'v [u8]> {
    let texts = files.iter().filter_map(|file| view.text(file));
    texts.flat_map(|text| text.split(|byte| byte.is_ascii_whitespace() || matches!(byte, b':' | b','))).collect()
}

impl Comparison<'_> {
    /// A name that is asked for: whether that of a user, and whether that of a group.
    pub(super) fn asked_user(&self, name: &[u8], [user, group]: [bool; 2], by: &str) -> Option<Finding> {
        let known = |view: &View| [users::told(view, name).filter(|_| user), users::team(view, name).filter(|_| group)];
        let (before, after) = (known(self.old), known(self.new));
        let changed = before.iter().zip(&after).any(|(before, after)| before.is_some() && before != after);
        let lost = before.iter().zip(&after).any(|(before, after)| before.is_some() && after.is_none());
        let message = format!("a user or group that is asked for is another one, or not there: {}", shown(name));
        changed.then(|| finding(Code::VerdictUser, lost, message, by))
    }

    /// A name that is looked up in a file.
    pub(super) fn asked_entry(&self, file: &[u8], name: &[u8], by: &str) -> Option<Finding> {
        let before = line(self.old, file, name)?;
        let after = line(self.new, file, name);
        let differs = after.as_ref().is_none_or(|after| before.get(1) != after.get(1));
        let message = format!("a name that is looked up is another one, or not there: {} in {}", shown(name), shown(file));
        differs.then(|| finding(if after.is_none() { Code::VerdictMissing } else { Code::VerdictChanged }, false, message, by))
    }

    /// A link whose target is asked for.
    pub(super) fn asked_link(&self, path: &[u8], by: &str) -> Option<Finding> {
        let (before, after) = (self.old.find(path)?.path(), self.new.find(path)?.path());
        let message = format!("a link leads to another place: {}", shown(path));
        (before != after).then(|| {
            finding(Code::VerdictChanged, false, message, by)
                .expected(Fact::new(format!("/{}", shown(&before)), "the image"))
                .found(Fact::new(format!("/{}", shown(&after)), "the moved image"))
        })
    }

    /// What a program of Go may run and whom it looks up; its texts have no ends.
    fn program_of_go(&self, bytes: &[u8], by: &str, findings: &mut Vec<Finding>) {
        if !contains(bytes, b"Go buildinf:") {
            return;
        }
        if contains(bytes, b"os/user.lookupUser\0") || contains(bytes, b"os/user.Lookup\0") {
            for name in users::names(self.old).into_iter().filter(|name| name.len() >= GO_NAME && contains(bytes, name)) {
                let lost = self.asked_user(name, [true, false], by);
                findings.extend(lost.map(|finding| finding.severity(Severity::Warning)));
            }
        }
        if contains(bytes, b"os/exec.Command\0") || contains(bytes, b"os/exec.(*Cmd).Start\0") {
            let lost: Vec<String> = self
                .lost_commands()
                .into_iter()
                .filter(|name| name.len() >= GO_NAME && contains(bytes, name))
                .map(|name| shown(&name))
                .collect();
            if !lost.is_empty() {
                let message = format!("commands are not found that a program of Go may run: {}", lost.join(", "));
                findings.push(finding(Code::VerdictCommand, false, message, by));
            }
        }
    }

    /// The commands that were found and are not found any more.
    pub(super) fn lost_commands(&self) -> BTreeSet<Vec<u8>> {
        let folders = self.old.launch.path();
        let children = folders.iter().filter_map(|folder| self.old.find(folder)).flat_map(Entry::children);
        children
            .map(|entry| entry.name().to_vec())
            .filter(|name| self.old.command(name).is_some() && self.new.command(name).is_none())
            .collect()
    }

    pub(super) fn references(&self, findings: &mut Vec<Finding>) {
        self.shadowed_libraries(findings);
        let own: Vec<(&Vec<u8>, Entry<'_>)> = self
            .to
            .reached
            .iter()
            .filter_map(|path| Some((path, self.new.find(path)?)))
            .filter(|(_, entry)| self.new.is_own(*entry) && !self.new.is_packaged(*entry))
            .collect();
        if own.is_empty() {
            return;
        }
        let lost = Lost::between(self.old, self.new);
        let copied = self.copied(own.iter().filter_map(|(_, entry)| self.new.digest(*entry)).collect());
        for (path, entry) in own {
            // A copy of a file of the distribution names what the distribution may have.
            if self.new.digest(entry).is_some_and(|digest| copied.contains(digest)) {
                continue;
            }
            let by = format!("/{}", shown(path));
            let Some(bytes) = self.new.bytes(entry) else { continue };
            let mut hits = lost.paths_in(bytes, &by);
            hits.extend(lost.zones_in(bytes, &by));
            // A file that is lost has been told with its directory.
            let mut folders = lost.directories_in(bytes, &by);
            folders.retain(|folder| !hits.iter().any(|hit| hit.name.starts_with(&folder.name)));
            hits.extend(folders);
            if bytes.starts_with(elf::MAGIC) {
                let opens =
                    |elf: &elf::Elf| elf.undefined.iter().any(|symbol| [&b"dlopen"[..], b"dlmopen"].contains(&symbol.name.as_slice()));
                if let Some(elf) = self.new.elf(entry).filter(|elf| opens(elf)) {
                    hits.extend(lost.libraries_in(bytes, &elf.needed, &by));
                }
            } else {
                hits.extend(lost.libraries_in_script(bytes, &by));
            }
            let told: BTreeSet<&str> = self.to.lacks.keys().map(|need| need.name.as_str()).collect();
            hits.retain(|hit| {
                !told.contains(hit.name.as_str())
                    && !self.to.uses.contains_key(hit.name.as_bytes())
                    && !self.to.made.contains_key(hit.name.as_bytes())
            });
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
                findings.extend(self.static_lookup(entry, bytes, &by));
                findings.extend(self.embedded_python(entry, &by));
                self.program_of_go(bytes, &by, findings);
            }
        }
    }

    /// A static program of glibc looks up names with libraries of the base (`libnss_*.so`), which are made for one release of glibc each.
    fn static_lookup(&self, entry: Entry<'_>, bytes: &[u8], by: &str) -> Option<Finding> {
        let is_static = self.new.elf(entry)?.interpreter.is_none() && self.new.elf(entry)?.needed.is_empty();
        let looks_up = is_static && contains(bytes, b"/etc/nsswitch.conf") && contains(bytes, b"libnss_");
        let libc = LIBC.iter().find(|path| self.old.exists(path)).filter(|_| looks_up)?;
        let message = "a static program looks up names with libraries of the base, whose C library is another one".to_owned();
        (!self.is_same(libc)).then(|| finding(Code::VerdictChanged, false, message, by))
    }

    /// A program with an interpreter of Python in it starts with the modules of that release, or not at all.
    fn embedded_python(&self, entry: Entry<'_>, by: &str) -> Option<Finding> {
        let needed = &self.new.elf(entry)?.needed;
        let release = needed.iter().find_map(|name| name.strip_prefix(b"libpython"))?;
        let release = release.split(|byte| *byte == b'.').take(2).collect::<Vec<_>>().join(&b'.');
        let places = [&b"/usr/lib/python"[..], b"/usr/local/lib/python"];
        let has = |view: &View| places.iter().any(|place| view.exists(&[*place, &release, b"/encodings"].concat()));
        let message = format!("the modules that Python {} starts with are not there any more", shown(&release));
        (has(self.old) && !has(self.new)).then(|| finding(Code::VerdictModule, true, message, by))
    }

    /// Libraries that `LD_LIBRARY_PATH` puts before those of the base: an interpreter of the new base loads modules that may need newer ones.
    fn shadowed_libraries(&self, findings: &mut Vec<Finding>) {
        const INTERPRETERS: [&[u8]; 4] = [b"python", b"perl", b"ruby", b"php"];
        let is_interpreter = |path: &&Vec<u8>| INTERPRETERS.iter().any(|name| split(path).1.starts_with(name));
        let of_base = |path: &&Vec<u8>| self.new.find(path).is_some_and(|entry| !self.new.is_own(entry));
        let Some(interpreter) = self.to.reached.iter().filter(is_interpreter).find(of_base) else { return };
        let path = self.new.library_path();
        let folders = path.split(|byte| *byte == b':').filter_map(|folder| self.new.find(folder));
        let mut libraries: Vec<Entry<'_>> = folders.flat_map(Entry::children).collect();
        if self.new.has_open_library_path() {
            libraries.extend(self.new.rootfs().own());
        }
        for library in libraries.into_iter().filter(|entry| self.new.is_own(*entry)) {
            let spots = self.new.index().libraries(library.name());
            if spots.into_iter().any(|spot| !self.is_same(spot.path)) {
                let message = format!("what it loads finds a library of the app before that of the base: {}", shown(library.name()));
                findings.push(finding(Code::VerdictChanged, false, message, &format!("/{}", shown(interpreter))));
            }
        }
    }

    /// Those of these contents that the distribution had before.
    fn copied<'d>(&self, contents: BTreeSet<&'d Digest>) -> BTreeSet<&'d Digest> {
        let mut found = BTreeSet::new();
        for entry in self.old.rootfs().own() {
            let content = self.old.digest(entry).and_then(|digest| contents.get(digest));
            if let Some(content) = content.filter(|_| !self.old.is_own(entry) || self.old.is_packaged(entry)) {
                found.insert(*content);
            }
        }
        found.extend(contents.into_iter().filter(|content| self.old.base_has(content)));
        found
    }

    /// What a program of the app asks the C library for by name, and files that say which system it is.
    pub(super) fn program(&self, entry: Entry<'_>, bytes: &[u8], lost: &Lost<'_>, by: &str, findings: &mut Vec<Finding>) {
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
            for set in texts().filter(|text| lost.charsets().contains(&text.to_ascii_uppercase())) {
                let message = format!("a character set is not there any more: {}", shown(set));
                findings.push(finding(Code::VerdictReference, true, message, by));
            }
        }
        if asks(&[b"getpwnam", b"getpwnam_r", b"getgrnam", b"getgrnam_r", b"initgroups"]) {
            let both = [asks(&[b"getpwnam", b"getpwnam_r", b"initgroups"]), asks(&[b"getgrnam", b"getgrnam_r"])];
            let known = words_of(self.old, &[b"/etc/passwd", b"/etc/group"]);
            texts().filter(|name| known.contains(name)).for_each(|name| findings.extend(self.asked_user(name, both, by)));
        }
        // A number that is not its own is one that it has from elsewhere.
        let users = asks(&[b"getpwuid", b"getpwuid_r"]) && !asks(&[b"getuid", b"geteuid"]);
        let groups = asks(&[b"getgrgid", b"getgrgid_r"]) && !asks(&[b"getgid", b"getegid"]);
        for (asked, file) in [(users, &b"/etc/passwd"[..]), (groups, b"/etc/group")] {
            if asked && users::numbers(self.old, file) != users::numbers(self.new, file) {
                let message = format!("numbers that are looked up have other names, or none: {}", shown(file));
                findings.push(finding(Code::VerdictUser, false, message, by));
            }
        }
        for (functions, file) in DATABASES {
            if asks(functions) {
                let known = words_of(self.old, &[file]);
                texts().filter(|name| known.contains(name)).for_each(|name| findings.extend(self.asked_entry(file, name, by)));
            }
        }
        if asks(&[b"realpath", b"readlink", b"canonicalize_file_name"]) {
            texts().filter(|text| text.starts_with(b"/")).for_each(|path| findings.extend(self.asked_link(path, by)));
        }
    }
}
