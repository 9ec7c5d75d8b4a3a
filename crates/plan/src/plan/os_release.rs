//! `os-release(5)`: which system an image is.

use serde::Serialize;

use crate::read::rootfs::{Merged, Reading};

/// What `etc/os-release` says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OsRelease {
    /// `ID`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// `VERSION_ID`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// `PRETTY_NAME`, else `NAME`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

impl OsRelease {
    /// That of an image; none if it has no such file.
    pub fn of(files: &Merged) -> Option<Self> {
        let read = |path| match files.read(path) {
            Reading::Bytes(bytes) => Some(bytes),
            Reading::Absent | Reading::Unread => None,
        };
        read(b"etc/os-release").or_else(|| read(b"usr/lib/os-release")).map(Self::parse)
    }

    fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        // Of several lines the last one counts, as in a shell.
        let value = |name: &str| text.lines().rev().find_map(|line| line.trim().strip_prefix(name)?.strip_prefix('=').map(unquoted));
        Self { id: value("ID"), version: value("VERSION_ID"), name: value("PRETTY_NAME").or_else(|| value("NAME")) }
    }
}

/// The value of a shell's assignment.
fn unquoted(value: &str) -> String {
    let inner = |quote: char| value.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    if let Some(text) = inner('\'') {
        return text.to_owned();
    }
    let mut plain = String::new();
    let mut characters = inner('"').unwrap_or(value).chars();
    while let Some(character) = characters.next() {
        plain.extend(if character == '\\' { characters.next() } else { Some(character) });
    }
    plain
}

impl std::fmt::Display for OsRelease {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let named = self.name.clone().or_else(|| self.id.clone()).unwrap_or_else(|| "without a name".to_owned());
        match &self.version {
            // Pretty names often leave the minor version out.
            Some(version) if !named.contains(version.as_str()) => write!(formatter, "{named}, version {version}"),
            _ => formatter.write_str(&named),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of os-release(5), and what a shell makes of them.
    #[test]
    fn values_are_a_shells() {
        let text = b"NAME=Fedora\nID=fedora\nVERSION_ID=32\nPRETTY_NAME=\"Fedora 32 (Workstation \\\"Edition\\\")\"\n";
        let expected = OsRelease {
            id: Some("fedora".to_owned()),
            version: Some("32".to_owned()),
            name: Some("Fedora 32 (Workstation \"Edition\")".to_owned()),
        };
        assert_eq!(OsRelease::parse(text), expected);
        let other = OsRelease::parse(b"# ID=no\nNAME='Alpine Linux'\nID=alpine\nVERSION_ID=3.20.1\n");
        assert_eq!(other.to_string(), "Alpine Linux, version 3.20.1");
        assert_eq!(OsRelease::parse(b""), OsRelease::default());
    }
}
