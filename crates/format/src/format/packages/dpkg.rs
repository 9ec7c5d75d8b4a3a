//! The database of dpkg: stanzas of `status`, of its journal `updates/NNNN` and of distroless' `status.d/NAME`, the lists of files,
//! and diversions.

use std::collections::BTreeSet;

use super::relation::{Relations, dpkg_needs, dpkg_provides};
use super::{Malformed, word};

/// A stanza.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stanza {
    /// The name of the package.
    pub name: String,
    /// Its version; empty if it is not installed.
    pub version: String,
    /// What it is built for.
    pub architecture: Option<String>,
    /// Whether files of it are there: a package that was removed leaves a stanza as long as its settings are kept.
    pub present: bool,
    /// What it needs and provides.
    pub relations: Relations,
}

/// A file of which another package's copy stands elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diversion {
    /// Where packages think that their file is.
    pub from: Vec<u8>,
    /// Where it is.
    pub to: Vec<u8>,
    /// The package whose file is at the first place; none if an administrator diverted it.
    pub by: Option<String>,
}

/// Reads stanzas (deb822). A package with one architecture occurs once at most.
///
/// # Errors
/// What makes dpkg refuse the file as far as names, versions and states are concerned.
pub fn stanzas(bytes: &[u8]) -> Result<Vec<Stanza>, Malformed> {
    let mut found = Vec::new();
    let mut names = BTreeSet::new();
    let mut fields = Fields::default();
    let mut last = 0;
    let mut end = |fields: Fields, line: usize| -> Result<(), Malformed> {
        let Some(stanza) = fields.finish(line)? else { return Ok(()) };
        if !names.insert((stanza.name.clone(), stanza.architecture.clone())) {
            return Err(Malformed { line, reason: "a package occurs twice" });
        }
        found.push(stanza);
        Ok(())
    };
    for (at, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        last = at + 1;
        if line.is_empty() {
            end(std::mem::take(&mut fields), last)?;
        } else {
            fields.line(line, last)?;
        }
    }
    end(fields, last)?;
    Ok(found)
}

#[derive(Default)]
struct Fields {
    known: BTreeSet<Vec<u8>>,
    name: Option<String>,
    version: Option<String>,
    architecture: Option<String>,
    present: Option<bool>,
    /// What stands in the fields that name other packages, each with its first line.
    needs: Vec<(Vec<u8>, usize)>,
    provides: Option<(Vec<u8>, usize)>,
    /// Whether the line before was of one of those, which may go on.
    open: Open,
    for_all: bool,
}

/// Which field may go on in the next line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Open {
    #[default]
    None,
    Needs,
    Provides,
}

impl Fields {
    fn line(&mut self, line: &[u8], number: usize) -> Result<(), Malformed> {
        let malformed = |reason| Malformed { line: number, reason };
        if matches!(line.first(), Some(b' ' | b'\t')) {
            self.more(line);
            return if self.known.is_empty() { Err(malformed("a stanza begins with the second line of a field")) } else { Ok(()) };
        }
        self.open = Open::None;
        let colon = line.iter().position(|byte| *byte == b':').ok_or_else(|| malformed("it is not a field"))?;
        let (name, value) = (line.get(..colon).unwrap_or_default(), line.get(colon + 1..).unwrap_or_default().trim_ascii());
        let name = word(name).ok_or_else(|| malformed("it is not a field"))?.to_ascii_lowercase();
        let text = || word(value).map(str::to_owned).ok_or_else(|| malformed("a name or a version is empty or has blanks"));
        match name.as_str() {
            "package" => self.name = Some(text()?),
            "version" => self.version = Some(text()?),
            "architecture" => self.architecture = Some(text()?),
            "depends" | "pre-depends" => {
                self.needs.push((value.to_vec(), number));
                self.open = Open::Needs;
            }
            "provides" => {
                self.provides = Some((value.to_vec(), number));
                self.open = Open::Provides;
            }
            "multi-arch" => self.for_all = [&b"foreign"[..], b"allowed"].contains(&value),
            "status" => self.present = Some(is_present(value).ok_or_else(|| malformed("the state of the package is unknown"))?),
            _ => {}
        }
        if self.known.insert(name.into_bytes()) { Ok(()) } else { Err(malformed("a field occurs twice in a stanza")) }
    }

    /// A further line of a field.
    fn more(&mut self, line: &[u8]) {
        let value = match self.open {
            Open::None => None,
            Open::Needs => self.needs.last_mut(),
            Open::Provides => self.provides.as_mut(),
        };
        if let Some((value, _)) = value {
            value.extend_from_slice(line);
        }
    }

    fn relations(&self) -> Result<Relations, Malformed> {
        let malformed = |line: usize| Malformed { line, reason: "what it needs or provides is not understood" };
        let mut relations = Relations { for_all: self.for_all, ..Relations::default() };
        for (value, line) in &self.needs {
            relations.needs.extend(dpkg_needs(value).ok_or_else(|| malformed(*line))?);
        }
        if let Some((value, line)) = &self.provides {
            relations.provides.extend(dpkg_provides(value).ok_or_else(|| malformed(*line))?);
        }
        Ok(relations)
    }

    fn finish(self, line: usize) -> Result<Option<Stanza>, Malformed> {
        if self.known.is_empty() {
            return Ok(None);
        }
        let relations = self.relations()?;
        let name = self.name.ok_or(Malformed { line, reason: "a stanza ends without a name" })?;
        // The stanzas of distroless have no state.
        let present = self.present.unwrap_or(true);
        match self.version {
            None if present => Err(Malformed { line, reason: "a stanza ends without a version" }),
            version => {
                let version = version.unwrap_or_default();
                Ok(Some(Stanza { name, version, architecture: self.architecture, present, relations }))
            }
        }
    }
}

/// `Status: WANT FLAG STATE`.
fn is_present(value: &[u8]) -> Option<bool> {
    let words: Vec<&[u8]> = value.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).collect();
    let [_, _, state] = words.as_slice() else { return None };
    match *state {
        b"installed" | b"unpacked" | b"half-configured" | b"half-installed" | b"triggers-awaited" | b"triggers-pending" => Some(true),
        b"config-files" | b"not-installed" => Some(false),
        _ => None,
    }
}

/// Reads `info/NAME.list`: one absolute path in each line.
pub fn list(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|byte| *byte == b'\n').filter_map(|line| line.strip_prefix(b"/")).filter(|path| !path.is_empty() && *path != b".")
}

/// Reads `NAME.md5sums`: 32 digits, two blanks, and a path from the root in each line.
pub fn md5sums(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|byte| *byte == b'\n').filter_map(|line| line.get(34..).filter(|_| line.get(32..34) == Some(b"  ")))
}

/// Reads `diversions`: three lines for each.
///
/// # Errors
/// If the number of lines is none of threes, or a path is not absolute.
pub fn diversions(bytes: &[u8]) -> Result<Vec<Diversion>, Malformed> {
    let mut lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
    if lines.last().is_some_and(|line| line.is_empty()) {
        lines.pop();
    }
    let mut found = Vec::new();
    for (at, chunk) in lines.chunks(3).enumerate() {
        let malformed = |reason| Malformed { line: at * 3 + 1, reason };
        let [from, to, by] = chunk else { return Err(malformed("a diversion has three lines")) };
        let path = |line: &[u8]| line.strip_prefix(b"/").map(<[u8]>::to_vec).ok_or_else(|| malformed("a path is not absolute"));
        let by = word(by).ok_or_else(|| malformed("a name is empty or has blanks"))?;
        found.push(Diversion { from: path(from)?, to: path(to)?, by: (by != ":").then(|| by.to_owned()) });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Result<Vec<String>, usize> {
        let shown = |stanza: &Stanza| {
            format!("{} {} {} {}", stanza.name, stanza.version, stanza.architecture.as_deref().unwrap_or("-"), stanza.present)
        };
        stanzas(text.as_bytes()).map(|found| found.iter().map(shown).collect()).map_err(|error| error.line)
    }

    #[test]
    fn stanzas_of_status() {
        let text = "Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nMulti-Arch: same\nVersion: 2.36-9+deb12u4\n\
                    Description: GNU C Library\n Contains the\n .\n standard libraries\nConffiles:\n /etc/ld.so.conf.d/x.conf 0123\n\n\
                    Package: libc6\nStatus: install ok unpacked\nArchitecture: i386\nVersion: 2.36-9+deb12u4\n\n\n\
                    Package: gone\nStatus: deinstall ok config-files\nArchitecture: amd64\nVersion: 1\n\n\
                    package: never\nSTATUS: unknown ok not-installed\n";
        let expected = ["libc6 2.36-9+deb12u4 amd64 true", "libc6 2.36-9+deb12u4 i386 true", "gone 1 amd64 false", "never  - false"];
        assert_eq!(shown(text).unwrap(), expected);
        assert_eq!(shown("").unwrap(), [""; 0]);
        // Distroless: no state.
        assert_eq!(shown("Package: tzdata\nVersion: 2024a-0\nArchitecture: all\n").unwrap(), ["tzdata 2024a-0 all true"]);
    }

    #[test]
    fn what_dpkg_refuses_is_refused() {
        for (text, line) in [
            ("Package: a\nVersion: 1\nVersion: 2\n", 3),
            ("Package: a\nVersion: 1\n\nPackage: a\nVersion: 2\n", 6),
            ("Package: a\n\n", 2),
            ("Version: 1\n\n", 2),
            ("Package: a\nStatus: install ok dreaming\nVersion: 1\n", 2),
            ("Package: a\nStatus: installed\nVersion: 1\n", 2),
            (" Package: a\n", 1),
            ("Package a\n", 1),
            ("Package: a b\nVersion: 1\n", 1),
            ("\u{0}\u{1}", 1),
        ] {
            assert_eq!(shown(text), Err(line), "{text:?}");
        }
    }

    #[test]
    fn lists_sums_and_diversions() {
        assert_eq!(list(b"/.\n/etc\n/etc/passwd\n").collect::<Vec<_>>(), [&b"etc"[..], b"etc/passwd"]);
        assert_eq!(list(b"").count(), 0);
        assert_eq!(md5sums(b"d41d8cd98f00b204e9800998ecf8427e  usr/lib/a b\nshort\n").collect::<Vec<_>>(), [&b"usr/lib/a b"[..]]);
        let text = b"/bin/sh\n/bin/sh.distrib\ndash\n/usr/bin/x\n/usr/bin/x.real\n:\n";
        let sh = Diversion { from: b"bin/sh".to_vec(), to: b"bin/sh.distrib".to_vec(), by: Some("dash".to_owned()) };
        let x = Diversion { from: b"usr/bin/x".to_vec(), to: b"usr/bin/x.real".to_vec(), by: None };
        assert_eq!(diversions(text).unwrap(), [sh, x]);
        assert_eq!(diversions(b"").unwrap(), []);
        assert_eq!(diversions(b"/a\n/b\nc\n/d\n").map_err(|error| error.line), Err(4));
        assert_eq!(diversions(b"a\n/b\nc\n").map_err(|error| error.line), Err(1));
    }
}
