//! Classes of Java in archives and directories: the release that they need, and what they ask of the system.

use crate::format::zip;

/// Longer classes are not read, nor archives of which more would be unpacked.
const MOST_CLASS: usize = 4 << 20;
/// How deep archives may stand in each other: one in one of a server's.
const DEEPEST: usize = 2;

/// What classes say.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(in crate::plan::verdict) struct Classes {
    /// The highest major version of a class that is not for one release alone.
    pub(in crate::plan::verdict) major: u16,
    /// Whether they start programs, and load libraries.
    pub(in crate::plan::verdict) starts: bool,
    pub(in crate::plan::verdict) loads: bool,
    /// Whether they ask which release or system it is.
    pub(in crate::plan::verdict) asks: bool,
    /// Absolute paths that they name.
    pub(in crate::plan::verdict) paths: Vec<Vec<u8>>,
    /// Other texts in them that may be names of commands.
    pub(in crate::plan::verdict) words: std::collections::BTreeSet<Vec<u8>>,
    /// How many bytes they have.
    pub(in crate::plan::verdict) bytes: usize,
}

/// What an archive has.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(in crate::plan::verdict) struct Archive {
    pub(in crate::plan::verdict) classes: Classes,
    /// `Main-Class` and `Class-Path` of its manifest.
    pub(in crate::plan::verdict) main: Option<Vec<u8>>,
    pub(in crate::plan::verdict) path: Vec<Vec<u8>>,
    /// Whether it has libraries of the system in it.
    pub(in crate::plan::verdict) libraries: bool,
}

/// Reads an archive; none if it cannot be read, or is larger than `most` when it is unpacked.
pub(in crate::plan::verdict) fn archive(bytes: &[u8], most: usize) -> Option<Archive> {
    let mut found = Archive::default();
    inside(bytes, most, 0, &mut found)?;
    Some(found)
}

fn inside(bytes: &[u8], most: usize, depth: usize, found: &mut Archive) -> Option<()> {
    for member in zip::members(bytes)? {
        let name = member.name.as_slice();
        let left = most.checked_sub(found.classes.bytes)?;
        if name.ends_with(b".class") {
            // Those for a later release are there in another way too.
            let versioned = name.starts_with(b"META-INF/versions/");
            let class = member.content(bytes, left.min(MOST_CLASS))?;
            found.classes.bytes += class.len();
            self::class(&class, versioned || name.ends_with(b"module-info.class"), &mut found.classes)?;
        } else if name == b"META-INF/MANIFEST.MF" && depth == 0 {
            let text = member.content(bytes, left.min(MOST_CLASS))?;
            let value = |name: &[u8]| attribute(&text, name);
            found.main = value(b"Main-Class");
            found.path = value(b"Class-Path")
                .unwrap_or_default()
                .split(|byte| *byte == b' ')
                .filter(|part| !part.is_empty())
                .map(<[u8]>::to_vec)
                .collect();
        } else if name.ends_with(b".jar") {
            if depth >= DEEPEST {
                return None;
            }
            let inner = member.content(bytes, left)?;
            found.classes.bytes += inner.len();
            inside(&inner, most, depth + 1, found)?;
        } else if name.ends_with(b".so") {
            found.libraries = true;
        }
    }
    Some(())
}

/// An attribute of a manifest; long ones go on in lines that begin with a space.
fn attribute(text: &[u8], name: &[u8]) -> Option<Vec<u8>> {
    let mut value: Option<Vec<u8>> = None;
    for line in text.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line)) {
        if let Some(more) = line.strip_prefix(b" ").filter(|_| value.is_some()) {
            value.as_mut()?.extend_from_slice(more);
        } else if value.is_some() {
            break;
        } else if let Some(rest) = line.strip_prefix(name).and_then(|rest| rest.strip_prefix(b":")) {
            value = Some(rest.trim_ascii_start().to_vec());
        }
    }
    value.map(|value| value.trim_ascii().to_vec())
}

fn short(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

/// Reads a class: the constants of the Java Virtual Machine Specification, chapter 4.4. None if it is none.
pub(in crate::plan::verdict) fn class(bytes: &[u8], versioned: bool, found: &mut Classes) -> Option<()> {
    if !bytes.starts_with(&[0xca, 0xfe, 0xba, 0xbe]) {
        return None;
    }
    if !versioned {
        found.major = found.major.max(short(bytes, 6)?);
    }
    let count = short(bytes, 8)?;
    let (mut at, mut number) = (10_usize, 1_u16);
    let mut texts: Vec<&[u8]> = Vec::new();
    while number < count {
        let tag = *bytes.get(at)?;
        let size = match tag {
            1 => {
                let length = usize::from(short(bytes, at + 1)?);
                texts.push(bytes.get(at + 3..at + 3 + length)?);
                2 + length
            }
            3 | 4 | 9 | 10 | 11 | 12 | 17 | 18 => 4,
            5 | 6 => 8,
            7 | 8 | 16 | 19 | 20 => 2,
            15 => 3,
            _ => return None,
        };
        // Numbers of eight bytes take two places.
        number = number.checked_add(if matches!(tag, 5 | 6) { 2 } else { 1 })?;
        at = at.checked_add(1 + size)?;
    }
    let named = |name: &[u8]| texts.contains(&name);
    found.starts |= named(b"java/lang/ProcessBuilder") || (named(b"java/lang/Runtime") && named(b"exec"));
    found.loads |= named(b"java/lang/System") && (named(b"loadLibrary") || named(b"load"));
    found.asks |=
        [&b"java.version"[..], b"java.runtime.version", b"java.vm.version", b"java.specification.version"].iter().any(|name| named(name))
            || named(b"java/lang/Runtime$Version");
    let is_path = |text: &&&[u8]| {
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'_' | b'-');
        text.starts_with(b"/") && text.len() > 3 && text.len() < 256 && text.iter().all(plain)
    };
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'+');
    let words = texts.iter().flat_map(|text| text.split(|byte| !plain(byte))).filter(|word| (2..32).contains(&word.len()));
    found.words.extend(words.map(<[u8]>::to_vec));
    found.paths.extend(texts.iter().filter(is_path).map(|text| text.to_vec()));
    Some(())
}

/// The major version of classes that a release of Java runs at most: `17.0.9`, `1.8.0_392`.
pub(in crate::plan::verdict) fn newest(release: &[u8]) -> Option<u16> {
    let mut numbers = release.split(|byte| !byte.is_ascii_digit()).map(|number| std::str::from_utf8(number).ok()?.parse::<u16>().ok());
    let first = numbers.next()??;
    let feature = if first == 1 { numbers.next()?? } else { first };
    feature.checked_add(44)
}

/// `JAVA_VERSION` in the file `release` of a runtime.
pub(in crate::plan::verdict) fn release(text: &[u8]) -> Option<Vec<u8>> {
    let line = text.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(b"JAVA_VERSION="))?;
    Some(line.trim_ascii().strip_prefix(b"\"")?.strip_suffix(b"\"")?.to_vec())
}
