//! Which distribution an image is, and which C library it has.

use super::view::View;
use crate::format::tar::Kind;
use crate::foundation::{Code, Fact, Finding, Severity};
use crate::read::rootfs::Entry;

/// What says which system an image is; the first that is there counts.
const RELEASES: [&[u8]; 2] = [b"/etc/os-release", b"/usr/lib/os-release"];

/// The distribution and its version; the path of what says it, if that could not be read.
fn system(view: &View) -> Result<String, &'static [u8]> {
    let Some((path, entry)) = RELEASES.iter().find_map(|path| Some((*path, view.find(path).filter(|entry| entry.kind() == Kind::File)?)))
    else {
        return Ok("no /etc/os-release".to_owned());
    };
    let text = String::from_utf8_lossy(view.bytes(entry).ok_or(path)?).into_owned();
    let field = |name: &str| {
        text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=').map(|value| value.trim_matches('"').to_owned()))
    };
    let Some(id) = field("ID") else { return Ok("no ID in /etc/os-release".to_owned()) };
    let version = field("VERSION_ID").unwrap_or_default();
    let major = version.split('.').next().unwrap_or_default().to_owned();
    let version = if id == "alpine" { version } else { major };
    Ok(format!("{id} {version}").trim().to_owned())
}

/// Another distribution, another version of it, or another C library is always told first. What could not be read is not known.
pub(super) fn differences(old: &View, new: &View) -> Vec<Finding> {
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
    let mut named = |view: &View, where_from: &str| {
        system(view).unwrap_or_else(|path| {
            let path = String::from_utf8_lossy(path);
            let message = format!("which system it is is not known: {path} of {where_from} is too large to be read");
            findings.push(Finding::new(Code::VerdictUnclear, message).severity(Severity::Warning).at(&*path));
            "not known".to_owned()
        })
    };
    let (before, after) = (named(old, "the image"), named(new, "the moved image"));
    for (what, before, after) in [
        ("another distribution, or another version of it", before, after),
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
