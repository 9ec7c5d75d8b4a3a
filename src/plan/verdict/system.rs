//! Which distribution an image is, and which C library it has.

use super::view::View;
use crate::core::{Code, Fact, Finding};
use crate::read::rootfs::Entry;

/// Another distribution, another version of it, or another C library is always told first.
pub(super) fn differences(old: &View, new: &View) -> Vec<Finding> {
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
