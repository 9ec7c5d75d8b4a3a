//! What files of the app name that is not there any more, or not what it was.

use std::collections::BTreeSet;

use super::compare::{Comparison, contains, finding};
use super::loader::shown;
use super::lost::Lost;
use super::users;
use super::view::View;
use crate::format::elf;
use crate::foundation::{Code, Digest, Finding};
use crate::read::rootfs::Entry;

impl Comparison<'_> {
    pub(super) fn references(&self, findings: &mut Vec<Finding>) {
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
            if bytes.starts_with(elf::MAGIC) {
                let opens =
                    |elf: &elf::Elf| elf.undefined.iter().any(|symbol| [&b"dlopen"[..], b"dlmopen"].contains(&symbol.name.as_slice()));
                if let Some(elf) = self.new.elf(entry).filter(|elf| opens(elf)) {
                    hits.extend(lost.libraries_in(bytes, &elf.needed, &by));
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
            for name in texts() {
                let known = |view: &View| (users::user(view, name), users::group(view, name));
                if known(self.old) != known(self.new) && users::user(self.old, name).is_some() {
                    let message = format!("a user that a program asks for is another one, or not there: {}", shown(name));
                    findings.push(finding(Code::VerdictUser, users::user(self.new, name).is_none(), message, by));
                }
            }
        }
    }
}
