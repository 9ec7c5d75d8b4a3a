//! Databases of installed packages as their programs write them: bytes in, packages out. What is not understood is an error, and
//! nothing is guessed.

pub mod apk;
pub mod dpkg;
pub mod relation;
pub mod version;

/// Why a database cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed {
    /// The line, the first being 1.
    pub line: usize,
    /// What is wrong there.
    pub reason: &'static str,
}

impl std::fmt::Display for Malformed {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "line {}: {}", self.line, self.reason)
    }
}

/// One package of a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What it is built for.
    pub architecture: Option<String>,
    /// The files that the database lists for it, as paths from the root without a leading slash.
    pub files: Vec<Vec<u8>>,
    /// What it needs and provides.
    pub relations: relation::Relations,
}

/// A name or a version: neither is empty or has blanks, and both are ASCII.
fn word(value: &[u8]) -> Option<&str> {
    std::str::from_utf8(value).ok().filter(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()))
}
