//! PAX extended headers: `LENGTH KEY=VALUE\n`, one after the other.
//!
//! The length counts the whole record, itself and the newline included, and it alone says where a record ends: values
//! may hold newlines and NULs.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::cast_possible_truncation)]

use std::collections::BTreeSet;

use super::Profile;
use crate::foundation::{Code, Error, Fact, Result, text};

/// One record, and where it is in the archive.
#[derive(Debug)]
struct Record<'a> {
    key: &'a [u8],
    value: &'a [u8],
    at: u64,
}

/// The records of one member that matter here. The others, extended attributes among them, are checked for their form.
#[derive(Debug, Default)]
pub(super) struct Extension {
    pub(super) path: Option<Vec<u8>>,
    pub(super) link: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    pub(super) uid: Option<u64>,
    pub(super) gid: Option<u64>,
    pub(super) mtime: Option<i64>,
}

impl Extension {
    /// Reads the body of an `x` header that starts at `at`.
    ///
    /// # Errors
    /// `tar.pax_malformed`, `tar.pax_duplicate`, `tar.sparse`, `tar.number`, `tar.header_too_large`.
    pub(super) fn read(body: &[u8], at: u64, long_name_bytes: u64) -> Result<Self> {
        let records = records(body, at)?;
        // Sparse maps repeat their keys, so this comes before the search for duplicates.
        if let Some(record) = records.iter().find(|record| is_sparse(record.key)) {
            return Err(Error::new(Code::TarSparse, "a member is a sparse file").found(record.fact()));
        }
        refuse_duplicates(&records)?;
        let mut extension = Self::default();
        for record in &records {
            match record.key {
                b"path" => extension.path = Some(record.name(long_name_bytes)?),
                b"linkpath" => extension.link = Some(record.name(long_name_bytes)?),
                b"size" => extension.size = Some(record.number()?),
                // An empty value takes a record back; for these nobody disagrees.
                b"uid" if !record.value.is_empty() => extension.uid = Some(record.number()?),
                b"gid" if !record.value.is_empty() => extension.gid = Some(record.number()?),
                b"mtime" if !record.value.is_empty() => extension.mtime = Some(record.time()?),
                _ => {}
            }
        }
        Ok(extension)
    }
}

/// Judges the body of a `g` header that starts at `at`. Nothing of it is applied.
///
/// # Errors
/// `tar.pax_malformed`, `tar.pax_duplicate`, `tar.pax_global`.
pub(super) fn check_global(body: &[u8], at: u64, profile: Profile) -> Result<()> {
    let records = records(body, at)?;
    for record in &records {
        let framing = matches!(record.key, b"path" | b"linkpath" | b"size") || is_sparse(record.key);
        // In a layer, owners and attributes decide what is unpacked; in an outer archive nobody asks for them.
        let metadata = matches!(record.key, b"uid" | b"gid" | b"uname" | b"gname")
            || record.key.starts_with(b"SCHILY.")
            || record.key.starts_with(b"LIBARCHIVE.");
        if framing || (metadata && profile == Profile::Layer) {
            return Err(Error::new(Code::TarPaxGlobal, "a global PAX header changes the members that follow")
                .expected(Fact::new("comments only", "what all readers agree on"))
                .found(record.fact()));
        }
    }
    refuse_duplicates(&records)
}

fn is_sparse(key: &[u8]) -> bool {
    key.starts_with(b"GNU.sparse.") || key == b"SCHILY.realsize"
}

fn refuse_duplicates(records: &[Record<'_>]) -> Result<()> {
    let mut seen = BTreeSet::new();
    match records.iter().find(|record| !seen.insert(record.key)) {
        Some(record) => Err(Error::new(Code::TarPaxDuplicate, "a PAX header has the same record twice").found(record.fact())),
        None => Ok(()),
    }
}

fn records(body: &[u8], at: u64) -> Result<Vec<Record<'_>>> {
    let mut records = Vec::new();
    let mut rest = body;
    let mut at = at;
    while !rest.is_empty() {
        let (length, record) = record(rest, at)?;
        records.push(record);
        rest = rest.get(length..).unwrap_or_default();
        at = at.saturating_add(length as u64);
    }
    Ok(records)
}

fn record(rest: &[u8], at: u64) -> Result<(usize, Record<'_>)> {
    let malformed = |what: &str| {
        // A piece is enough to see what it is; the rest could be a mebibyte.
        let piece = rest.get(..rest.len().min(40)).unwrap_or_default();
        Error::new(Code::TarPaxMalformed, format!("a PAX record {what}"))
            .expected(Fact::new("LENGTH KEY=VALUE and a newline", "POSIX, pax interchange format"))
            .found(Fact::new(text::escape_bytes(piece), format!("offset {at}")))
    };
    let space = rest.iter().position(|byte| *byte == b' ').ok_or_else(|| malformed("has no length"))?;
    let digits = rest.get(..space).unwrap_or_default();
    let length: usize =
        plain(digits).and_then(|length| usize::try_from(length).ok()).ok_or_else(|| malformed("has a length that is no number"))?;
    let start = space.saturating_add(1);
    let inner = rest.get(start..length).ok_or_else(|| malformed("has a length that goes beyond the header"))?;
    let inner = inner.strip_suffix(b"\n").ok_or_else(|| malformed("does not end with a newline where its length says"))?;
    let equals = inner.iter().position(|byte| *byte == b'=').ok_or_else(|| malformed("has no ="))?;
    let (key, value) = inner.split_at_checked(equals).unwrap_or_default();
    if key.is_empty() || key.contains(&0) {
        return Err(malformed("has no usable key"));
    }
    Ok((length, Record { key, value: value.get(1..).unwrap_or_default(), at }))
}

impl Record<'_> {
    fn fact(&self) -> Fact {
        let key = self.key.get(..self.key.len().min(80)).unwrap_or_default();
        Fact::new(text::escape_bytes(key), format!("the PAX record at offset {}", self.at))
    }

    /// The value as a name or a link target.
    fn name(&self, most: u64) -> Result<Vec<u8>> {
        if self.value.len() as u64 > most {
            return Err(Error::new(Code::TarHeaderTooLarge, "a member name is longer than the limit")
                .expected(Fact::new(format!("at most {most} bytes"), "the limits"))
                .found(Fact::new(format!("{} bytes", self.value.len()), format!("the PAX record at offset {}", self.at))));
        }
        // Readers cut at the NUL or do not; an empty value is an empty name to some and takes the record back for others.
        if self.value.is_empty() || self.value.contains(&0) {
            return Err(Error::new(Code::TarPaxMalformed, "a PAX record holds an empty name or one with a NUL").found(self.fact()));
        }
        Ok(self.value.to_vec())
    }

    fn number(&self) -> Result<u64> {
        plain(self.value).ok_or_else(|| self.bad_number("a whole number from 0 to 9223372036854775807"))
    }

    /// Whole seconds of a decimal fraction, rounded down.
    fn time(&self) -> Result<i64> {
        self.seconds().ok_or_else(|| self.bad_number("a decimal number of seconds"))
    }

    fn seconds(&self) -> Option<i64> {
        let (negative, value) = match self.value.strip_prefix(b"-") {
            Some(value) => (true, value),
            None => (false, self.value),
        };
        let mut parts = value.splitn(2, |byte| *byte == b'.');
        let whole = i64::try_from(digits(parts.next()?)?).ok()?;
        let fraction = parts.next().unwrap_or_default();
        if !fraction.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let down = i64::from(negative && fraction.iter().any(|digit| *digit != b'0'));
        let whole = if negative { whole.checked_neg()? } else { whole };
        whole.checked_sub(down)
    }

    fn bad_number(&self, expected: &str) -> Error {
        let piece = self.value.get(..self.value.len().min(40)).unwrap_or_default();
        Error::new(Code::TarNumber, "a number in a PAX header cannot be read")
            .expected(Fact::new(expected, "POSIX, pax interchange format"))
            .found(Fact::new(format!("{}={}", text::escape_bytes(self.key), text::escape_bytes(piece)), format!("offset {}", self.at)))
    }
}

/// Decimal digits in their shortest form, up to the largest signed number.
fn plain(text: &[u8]) -> Option<u64> {
    if text.len() > 1 && text.first() == Some(&b'0') {
        return None;
    }
    digits(text)
}

fn digits(text: &[u8]) -> Option<u64> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = text.iter().try_fold(0_u64, |number, digit| number.checked_mul(10)?.checked_add(u64::from(digit & 15)))?;
    i64::try_from(number).is_ok().then_some(number)
}
