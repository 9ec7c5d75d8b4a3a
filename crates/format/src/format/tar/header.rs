//! One header block: checksum, dialect, fields.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::cast_possible_truncation)]

use std::ops::Range;

use super::{BLOCK, Profile};
use crate::foundation::{Code, Error, Fact, Result, text};

const NAME: Range<usize> = 0..100;
const MODE: Range<usize> = 100..108;
const UID: Range<usize> = 108..116;
const GID: Range<usize> = 116..124;
const SIZE: Range<usize> = 124..136;
const MTIME: Range<usize> = 136..148;
const CHECKSUM: Range<usize> = 148..156;
const TYPE: usize = 156;
const LINK: Range<usize> = 157..257;
const MAGIC: Range<usize> = 257..265;
const DEVICE_MAJOR: Range<usize> = 329..337;
const DEVICE_MINOR: Range<usize> = 337..345;
const PREFIX: Range<usize> = 345..500;
/// In old GNU headers, in place of the prefix.
const ACCESS_TIME: Range<usize> = 345..357;
/// In old GNU headers, in place of the prefix.
const CHANGE_TIME: Range<usize> = 357..369;
/// In star headers: the prefix is shorter, to make room for times.
const STAR_PREFIX: Range<usize> = 345..476;
const STAR_TRAILER: Range<usize> = 508..512;

/// Which of the three header layouts a block has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dialect {
    /// Before POSIX: no magic, nothing behind the link.
    V7,
    /// POSIX.1-1988 and everything built on it.
    Ustar,
    /// GNU tar before it knew PAX.
    Gnu,
}

/// A header block whose checksum is right.
#[derive(Debug)]
pub(super) struct Header<'a> {
    block: &'a [u8; BLOCK],
    at: u64,
    dialect: Dialect,
    signed: bool,
}

impl<'a> Header<'a> {
    /// Reads the block that is at `at`.
    ///
    /// # Errors
    /// `tar.checksum`, `tar.type` for a magic that nobody writes.
    pub(super) fn read(block: &'a [u8; BLOCK], at: u64) -> Result<Self> {
        let signed = check(block, at)?;
        let dialect = match block.get(MAGIC).unwrap_or_default() {
            [b'u', b's', b't', b'a', b'r', 0, ..] => Dialect::Ustar,
            b"ustar  \0" => Dialect::Gnu,
            [0, 0, 0, 0, 0, 0, 0, 0] => Dialect::V7,
            magic => {
                return Err(Error::new(Code::TarType, "a tar header has an unknown magic")
                    .expected(Fact::new("ustar, old GNU, or no magic", "the common tar programs"))
                    .found(Fact::new(text::escape_bytes(magic), place(at))));
            }
        };
        Ok(Self { block, at, dialect, signed })
    }

    /// Whether the checksum is the historic one of signed bytes.
    pub(super) fn signed(&self) -> bool {
        self.signed
    }

    /// The type flag.
    pub(super) fn flag(&self) -> u8 {
        self.block.get(TYPE).copied().unwrap_or_default()
    }

    /// Whether all readers see the same dialect. GNU tar, Go and Python do not look at the version behind the magic, which some
    /// writers leave empty. Rust's `tar` does: without `00` it reads a v7 header, which has neither prefix nor extensions.
    fn is_certain(&self) -> bool {
        match self.dialect {
            Dialect::Ustar => self.field(MAGIC).ends_with(b"00"),
            Dialect::Gnu => true,
            Dialect::V7 => false,
        }
    }

    /// Refuses an extension header that some readers take for a member.
    ///
    /// # Errors
    /// `tar.type`.
    pub(super) fn check_extension(&self) -> Result<()> {
        if self.is_certain() {
            return Ok(());
        }
        Err(Error::new(Code::TarType, "an extension header does not say that it is one of POSIX or GNU tar")
            .expected(Fact::new("ustar and version 00, or old GNU", "what all readers agree on"))
            .found(Fact::new(text::escape_bytes(self.field(MAGIC)), place(self.at))))
    }

    /// The size field.
    ///
    /// # Errors
    /// `tar.number`.
    pub(super) fn size(&self) -> Result<u64> {
        let field = self.field(SIZE);
        match number(field) {
            Some(Number::Is(size)) => u64::try_from(size).map_err(|_| self.bad_number("size", field)),
            // GNU tar refuses a blank size, Go reads 0.
            _ => Err(self.bad_number("size", field)),
        }
    }

    /// The name, prefix included.
    ///
    /// # Errors
    /// `tar.name` if readers disagree on whether there is a prefix.
    pub(super) fn name(&self, profile: Profile) -> Result<Vec<u8>> {
        let name = until_nul(self.field(NAME));
        let prefix = until_nul(self.field(PREFIX));
        if prefix.is_empty() {
            return Ok(name.to_vec());
        }
        let ambiguous = match self.dialect {
            Dialect::Ustar if !self.is_certain() => true,
            // A star header has 131 bytes of prefix, so a longer one runs into its times.
            Dialect::Ustar => self.field(STAR_TRAILER) == b"tar\0" && !self.field(STAR_PREFIX).contains(&0),
            // GNU tar keeps times here. Go before 1.8 wrote a prefix, which Go still reads back when it is no time.
            // Python takes even the times for a prefix, but it unpacks no layers.
            Dialect::Gnu => profile == Profile::Archive || !self.is_time(ACCESS_TIME) || !self.is_time(CHANGE_TIME),
            // Python reads a prefix in every header.
            Dialect::V7 => true,
        };
        if ambiguous {
            return Err(Error::new(Code::TarName, "two readers see different names in a tar header")
                .expected(Fact::new("no bytes in place of a name prefix", "GNU tar"))
                .found(Fact::new(text::escape_bytes(prefix), place(self.at))));
        }
        if self.dialect == Dialect::Ustar {
            return Ok([prefix, b"/", name].concat());
        }
        Ok(name.to_vec())
    }

    /// The target of a link.
    pub(super) fn link(&self) -> &'a [u8] {
        until_nul(self.field(LINK))
    }

    /// The permission bits.
    ///
    /// # Errors
    /// `tar.number`.
    pub(super) fn mode(&self) -> Result<u32> {
        let mode = self.unsigned("mode", MODE)?;
        // Some writers put the file type in as well; the type flag has the say on that.
        Ok(u32::try_from(mode & 0o7777).unwrap_or_default())
    }

    /// The owner.
    ///
    /// # Errors
    /// `tar.number`.
    pub(super) fn uid(&self) -> Result<u64> {
        self.unsigned("uid", UID)
    }

    /// The group.
    ///
    /// # Errors
    /// `tar.number`.
    pub(super) fn gid(&self) -> Result<u64> {
        self.unsigned("gid", GID)
    }

    /// The time of the last change; base-256 may put it before 1970.
    ///
    /// # Errors
    /// `tar.number`.
    pub(super) fn mtime(&self) -> Result<i64> {
        self.signed_number("mtime", MTIME)
    }

    /// Refuses a number that cannot be read, even one that nobody asks for: Go and Python refuse the header, GNU tar
    /// does not, and one that stops there sees a shorter archive.
    ///
    /// # Errors
    /// `tar.number`.
    pub(super) fn check_numbers(&self) -> Result<()> {
        self.mode()?;
        self.uid()?;
        self.gid()?;
        self.mtime()?;
        if self.dialect != Dialect::V7 {
            self.unsigned("device number", DEVICE_MAJOR)?;
            self.unsigned("device number", DEVICE_MINOR)?;
        }
        Ok(())
    }

    fn is_time(&self, range: Range<usize>) -> bool {
        let field = self.field(range);
        matches!(number(field), Some(Number::Is(_))) || field.iter().all(|byte| *byte == 0)
    }

    fn field(&self, range: Range<usize>) -> &'a [u8] {
        self.block.get(range).unwrap_or_default()
    }

    fn unsigned(&self, what: &str, range: Range<usize>) -> Result<u64> {
        let value = self.signed_number(what, range.clone())?;
        u64::try_from(value).map_err(|_| self.bad_number(what, self.field(range)))
    }

    fn signed_number(&self, what: &str, range: Range<usize>) -> Result<i64> {
        let field = self.field(range);
        match number(field) {
            Some(Number::Is(value)) => Ok(value),
            // Writers leave fields empty that mean nothing for the member.
            Some(Number::Blank) => Ok(0),
            None => Err(self.bad_number(what, field)),
        }
    }

    fn bad_number(&self, what: &str, field: &[u8]) -> Error {
        Error::new(Code::TarNumber, format!("the {what} in a tar header cannot be read in one way only"))
            .expected(Fact::new("octal digits, or a base-256 number, from 0 to 9223372036854775807", "POSIX and GNU tar"))
            .found(Fact::new(text::escape_bytes(field), place(self.at)))
    }
}

/// Where a header stands, for facts.
pub(super) fn place(at: u64) -> String {
    format!("the header at offset {at}")
}

/// The bytes before the first NUL; what follows it is read by nobody.
pub(super) fn until_nul(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// Compares the checksum; `true` if it is the historic one.
fn check(block: &[u8; BLOCK], at: u64) -> Result<bool> {
    let field = block.get(CHECKSUM).unwrap_or_default();
    let claimed = match number(field) {
        Some(Number::Is(sum)) => Some(sum),
        _ => None,
    };
    let unsigned = sum(block, field, |byte| i64::from(*byte));
    if claimed == Some(unsigned) {
        return Ok(false);
    }
    if claimed == Some(sum(block, field, |byte| i64::from(byte.cast_signed()))) {
        return Ok(true);
    }
    Err(Error::new(Code::TarChecksum, "the checksum of a tar header is wrong")
        .expected(Fact::new(format!("{unsigned:06o}"), "the sum of its bytes"))
        .found(Fact::new(text::escape_bytes(field), place(at))))
}

/// The sum of a block in which the checksum field counts as spaces.
fn sum(block: &[u8; BLOCK], field: &[u8], value: fn(&u8) -> i64) -> i64 {
    let all: i64 = block.iter().map(value).sum();
    let itself: i64 = field.iter().map(value).sum();
    let spaces: i64 = field.iter().map(|_| i64::from(b' ')).sum();
    all.saturating_sub(itself).saturating_add(spaces)
}

/// What a number field says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Number {
    Blank,
    Is(i64),
}

/// Reads a number field. `None` if readers could disagree on it.
fn number(field: &[u8]) -> Option<Number> {
    match field.split_first() {
        // Base-256: the marker says the sign, the rest is a big-endian number in two's complement.
        Some((0x80, rest)) => base256(0, rest),
        Some((0xff, rest)) => base256(-1, rest),
        _ => octal(field),
    }
}

fn base256(sign: i128, bytes: &[u8]) -> Option<Number> {
    let mut value = sign;
    for byte in bytes {
        // Fields have at most twelve bytes, so this cannot overflow; were they longer, the number would be refused.
        value = value.checked_mul(256)?.checked_add(i128::from(*byte))?;
    }
    i64::try_from(value).ok().map(Number::Is)
}

fn octal(field: &[u8]) -> Option<Number> {
    let start = field.iter().position(|byte| *byte != b' ').unwrap_or(field.len());
    let rest = field.get(start..)?;
    let end = rest.iter().position(|byte| !matches!(byte, b'0'..=b'7')).unwrap_or(rest.len());
    let (digits, filling) = rest.split_at_checked(end)?;
    if !filling.iter().all(|byte| matches!(byte, 0 | b' ')) {
        return None;
    }
    if digits.is_empty() {
        return Some(Number::Blank);
    }
    let mut value: i64 = 0;
    for digit in digits {
        value = value.checked_mul(8)?.checked_add(i64::from(digit & 7))?;
    }
    Some(Number::Is(value))
}
