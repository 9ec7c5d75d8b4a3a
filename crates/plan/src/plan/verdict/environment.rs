//! Time zone, terminal and language.

use super::compare::{Comparison, finding};
use super::loader::shown;
use super::trace::Trace;
use super::view::View;
use crate::foundation::{Code, Finding};

impl Comparison<'_> {
    /// Time zone, terminal and language of the environment, and those that scripts set.
    pub(super) fn environment(&self, findings: &mut Vec<Finding>) {
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
                // Without its file it is the same time under the same name.
                b"TZ" if zone(value) == b"UTC" => continue,
                b"TZ" => vec![[b"/usr/share/zoneinfo/", zone(value)].concat()],
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
}

/// The name of a time zone; a colon before it says that it is one.
fn zone(value: &[u8]) -> &[u8] {
    value.strip_prefix(b":").unwrap_or(value)
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
