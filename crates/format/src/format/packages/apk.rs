//! `lib/apk/db/installed` of apk: records of lines `letter:value`, each record ended by an empty line.

use super::relation::{Relations, apk_needs, apk_provides};
use super::{Malformed, Package, word};

/// Reads the database.
///
/// # Errors
/// What apk itself refuses as far as names, versions and files are concerned.
pub fn installed(bytes: &[u8]) -> Result<Vec<Package>, Malformed> {
    let mut packages = Vec::new();
    let mut record = Record::default();
    let mut last = 0;
    for (at, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        last = at + 1;
        if line.is_empty() {
            packages.extend(std::mem::take(&mut record).finish(last)?);
        } else {
            record.line(line, last)?;
        }
    }
    packages.extend(record.finish(last)?);
    Ok(packages)
}

#[derive(Default)]
struct Record {
    begun: bool,
    name: Option<String>,
    version: Option<String>,
    architecture: Option<String>,
    directory: Option<Vec<u8>>,
    files: Vec<Vec<u8>>,
    relations: Relations,
}

impl Record {
    fn line(&mut self, line: &[u8], number: usize) -> Result<(), Malformed> {
        let malformed = |reason| Malformed { line: number, reason };
        let [letter, b':', value @ ..] = line else { return Err(malformed("it is not a letter, a colon and a value")) };
        self.begun = true;
        match letter {
            b'P' => self.name = Some(once(self.name.as_ref(), value).map_err(malformed)?),
            b'V' => self.version = Some(once(self.version.as_ref(), value).map_err(malformed)?),
            b'A' => self.architecture = word(value).map(str::to_owned),
            b'D' => self.relations.needs = apk_needs(value).ok_or_else(|| malformed("what it depends on is not understood"))?,
            b'p' => self.relations.provides = apk_provides(value).ok_or_else(|| malformed("what it provides is not understood"))?,
            b'F' => self.directory = Some(value.to_vec()),
            b'R' => {
                let directory = self.directory.as_ref().ok_or_else(|| malformed("a file comes before any directory"))?;
                self.files.push(if directory.is_empty() { value.to_vec() } else { [directory, value].join(&b'/') });
            }
            letter if letter.is_ascii_alphabetic() => {}
            _ => return Err(malformed("it does not begin with a letter")),
        }
        Ok(())
    }

    fn finish(self, number: usize) -> Result<Option<Package>, Malformed> {
        match (self.begun, self.name, self.version) {
            (false, ..) => Ok(None),
            (true, Some(name), Some(version)) => {
                let Self { architecture, files, relations, .. } = self;
                Ok(Some(Package { name, version, architecture, files, relations }))
            }
            (true, ..) => Err(Malformed { line: number, reason: "a record ends without a name and a version" }),
        }
    }
}

fn once(known: Option<&String>, value: &[u8]) -> Result<String, &'static str> {
    match (known, word(value)) {
        (Some(_), _) => Err("a record has two names or two versions"),
        (None, Some(text)) => Ok(text.to_owned()),
        (None, None) => Err("a name or a version is empty or has blanks"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines as apk 2.14 writes them for an Alpine base.
    const TWO: &str = "C:Q1abc=\nP:musl\nV:1.2.5-r0\nA:x86_64\nS:1\nT:the musl c library (libc) implementation\nF:lib\nR:ld-musl-x86_64.so.1\n\
         a:0:0:755\nZ:Q1abc=\nF:etc\nF:\nR:top\n\nC:Q1def=\nP:zlib\nV:1.3.1-r1\nF:lib\nR:libz.so.1\n\n";

    #[test]
    fn names_versions_and_files() {
        let packages = installed(TWO.as_bytes()).unwrap();
        let shown: Vec<String> = packages
            .iter()
            .map(|package| {
                let files: Vec<_> = package.files.iter().map(|file| String::from_utf8_lossy(file)).collect();
                format!("{} {} {:?} {}", package.name, package.version, package.architecture.as_deref(), files.join(" "))
            })
            .collect();
        assert_eq!(shown, ["musl 1.2.5-r0 Some(\"x86_64\") lib/ld-musl-x86_64.so.1 top", "zlib 1.3.1-r1 None lib/libz.so.1"]);
        assert_eq!(installed(b"").unwrap(), []);
        // apk reads a last record without its empty line.
        assert_eq!(installed(b"P:a\nV:1").unwrap().len(), 1);
    }

    #[test]
    fn what_is_no_record_is_refused() {
        for (text, line) in [
            ("C:Q1abc=\n\n", 2),
            ("P:a\n\n", 2),
            ("P:a\nV:1\nP:b\n\n", 3),
            ("P:a\nV:1\nR:file\n\n", 3),
            ("P:a\nV:1\nnonsense\n\n", 3),
            ("P: a\nV:1\n\n", 1),
            ("P:a\nV:\n\n", 2),
            ("\0\0\0\0", 1),
        ] {
            assert_eq!(installed(text.as_bytes()).map_err(|error| error.line), Err(line), "{text:?}");
        }
    }
}
