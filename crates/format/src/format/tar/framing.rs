//! The rules, as a state machine: it is given blocks and bodies in their order, and never reads.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::cast_possible_truncation)]

use super::header::{Header, place, until_nul};
use super::pax::{self, Extension};
use super::{BLOCK, BLOCK_BYTES, Kind, Member, Profile};
use crate::foundation::limits::USUAL_NAME;
use crate::foundation::{Code, Error, Fact, Finding, Limits, Result, Severity, text};

/// The largest size that eleven octal digits hold, which is what the size field has room for.
const LARGEST_OCTAL: u64 = 0o777_7777_7777;

/// What to give to the state machine next.
#[derive(Debug)]
pub(super) enum Step {
    /// The next block, to [`Framer::block`].
    Block,
    /// So many bytes and their padding, to [`Framer::body`].
    Body(u64),
    /// The next block again, after the content of this member and its padding.
    Member(Member),
    /// What remains, to [`Framer::after_end`].
    End,
}

/// A kind of extension header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extend {
    Pax,
    Global,
    LongName,
    LongLink,
}

/// The extension headers seen since the last member.
#[derive(Debug, Default)]
struct Pending {
    /// Where the first of them stands.
    at: Option<u64>,
    pax: Option<Extension>,
    name: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
}

/// The state of reading one archive.
#[derive(Debug)]
pub(super) struct Framer {
    profile: Profile,
    pax_bytes: u64,
    long_name_bytes: u64,
    most: usize,
    count: usize,
    /// How many bytes the names may still have.
    name_bytes: u64,
    pending: Pending,
    /// Where the last header stands, if it is a global one.
    global: Option<u64>,
    awaited: Option<(Extend, u64)>,
    lone_zero: Option<u64>,
    warnings: Vec<Finding>,
}

impl Framer {
    pub(super) fn new(limits: &Limits, profile: Profile) -> Self {
        Self {
            profile,
            pax_bytes: limits.pax_bytes,
            long_name_bytes: limits.long_name_bytes,
            most: limits.archive_entries,
            name_bytes: limits.name_bytes,
            count: 0,
            pending: Pending::default(),
            global: None,
            awaited: None,
            lone_zero: None,
            warnings: Vec::new(),
        }
    }

    /// What was wrong and could be read all the same, at most one finding of a code.
    pub(super) fn warnings(&self) -> &[Finding] {
        &self.warnings
    }

    /// Takes the block at `at`, where a header belongs.
    pub(super) fn block(&mut self, at: u64, block: &[u8; BLOCK]) -> Result<Step> {
        if block.iter().all(|byte| *byte == 0) {
            self.refuse_orphans(at)?;
            if self.lone_zero.is_some() {
                return Ok(Step::End);
            }
            self.lone_zero = Some(at);
            return Ok(Step::Block);
        }
        if let Some(zero) = self.lone_zero {
            return Err(Error::new(Code::TarDataAfterEnd, "the archive goes on after a zero block")
                .expected(Fact::new("a second zero block", format!("the first one at offset {zero}")))
                .found(Fact::new("other bytes", format!("the block at offset {at}"))));
        }
        let header = Header::read(block, at)?;
        if header.signed() {
            self.warn(
                Finding::new(Code::TarChecksum, "a tar header has a checksum of signed bytes, as historic writers made it")
                    .severity(Severity::Warning)
                    .found(Fact::new("a sum of signed bytes", place(at))),
            );
        }
        header.check_numbers()?;
        match header.flag() {
            b'x' => self.extend(&header, at, Extend::Pax),
            b'g' => self.extend(&header, at, Extend::Global),
            b'L' => self.extend(&header, at, Extend::LongName),
            b'K' => self.extend(&header, at, Extend::LongLink),
            _ => self.member(&header, at),
        }
    }

    /// Takes the body that the last step asked for, and its padding; it starts at `at`.
    pub(super) fn body(&mut self, at: u64, padded: &[u8]) -> Result<()> {
        let Some((kind, size)) = self.awaited.take() else {
            return Ok(());
        };
        let (body, padding) = usize::try_from(size).ok().and_then(|size| padded.split_at_checked(size)).unwrap_or((padded, &[]));
        match kind {
            Extend::Global => pax::check_global(body, at, self.profile)?,
            Extend::Pax => self.pending.pax = Some(Extension::read(body, at, self.long_name_bytes)?),
            Extend::LongName => self.pending.name = Some(long(body, padding, at)?),
            Extend::LongLink => self.pending.link = Some(long(body, padding, at)?),
        }
        Ok(())
    }

    /// Takes bytes behind the end marker; they start at `at`.
    pub(super) fn after_end(&mut self, at: u64, bytes: &[u8]) -> Result<()> {
        let Some(position) = bytes.iter().position(|byte| *byte != 0) else {
            return Ok(());
        };
        let expected = Fact::new("nothing but zeros", "what all readers agree on");
        let found = Fact::new("other bytes", format!("offset {}", at.saturating_add(position as u64)));
        let message = "something stands after the end of the archive";
        match self.profile {
            Profile::Archive => Err(Error::new(Code::TarDataAfterEnd, message).expected(expected).found(found)),
            Profile::Layer => {
                self.warn(Finding::new(Code::TarDataAfterEnd, message).severity(Severity::Warning).expected(expected).found(found));
                Ok(())
            }
        }
    }

    /// The archive ends at `at`, where a header could stand.
    pub(super) fn finish(&mut self, at: u64) -> Result<()> {
        self.refuse_orphans(at)?;
        let found = if self.lone_zero.is_some() { "one zero block" } else { "none" };
        self.warn(
            Finding::new(Code::TarNoEnd, "the archive ends without its end marker")
                .expected(Fact::new("two zero blocks", "POSIX, ustar interchange format"))
                .found(Fact::new(found, format!("the end at offset {at}"))),
        );
        Ok(())
    }

    /// Only the first finding of a code is kept: an archive may have millions of members.
    fn warn(&mut self, finding: Finding) {
        if self.warnings.iter().all(|other| other.code != finding.code) {
            self.warnings.push(finding);
        }
    }

    fn count(&mut self, at: u64) -> Result<()> {
        self.count = self.count.saturating_add(1);
        if self.count <= self.most {
            return Ok(());
        }
        Err(Error::new(Code::TarTooMany, "the archive has more members than the limit")
            .expected(Fact::new(format!("at most {}", self.most), "the limits"))
            .found(Fact::new("one more", place(at))))
    }

    /// Nothing that ends or interrupts a member may follow its extension headers.
    fn refuse_orphans(&self, at: u64) -> Result<()> {
        match self.pending.at.or(self.global) {
            Some(pending) => Err(Error::new(Code::TarOrphanExtension, "an extension header belongs to no member")
                .expected(Fact::new("the header of a member", format!("the extension header at offset {pending}")))
                .found(Fact::new("something else", format!("offset {at}")))),
            None => Ok(()),
        }
    }

    fn extend(&mut self, header: &Header<'_>, at: u64, kind: Extend) -> Result<Step> {
        header.check_extension()?;
        let size = header.size()?;
        let most = match kind {
            Extend::Pax | Extend::Global => self.pax_bytes,
            Extend::LongName | Extend::LongLink => self.long_name_bytes,
        };
        if size > most {
            return Err(Error::new(Code::TarHeaderTooLarge, "an extension header is larger than the limit")
                .expected(Fact::new(format!("at most {most} bytes"), "the limits"))
                .found(Fact::new(format!("{size} bytes"), place(at))));
        }
        let pending = &self.pending;
        let (twice, both) = match kind {
            // A global header between an extension and its member: readers disagree on whether the extension survives.
            Extend::Global => {
                self.global = None;
                self.refuse_orphans(at)?;
                self.count(at)?;
                (false, false)
            }
            Extend::Pax => (pending.pax.is_some(), pending.name.is_some() || pending.link.is_some()),
            Extend::LongName => (pending.name.is_some(), pending.pax.is_some()),
            Extend::LongLink => (pending.link.is_some(), pending.pax.is_some()),
        };
        if twice {
            return Err(Error::new(Code::TarOrphanExtension, "a member has two extension headers of one kind")
                .expected(Fact::new("one", "what all readers agree on"))
                .found(Fact::new("a second one", place(at))));
        }
        if both && self.profile == Profile::Archive {
            return Err(mixed(self.pending.at, at));
        }
        if kind == Extend::Global {
            self.global = Some(at);
        } else {
            self.global = None;
            self.pending.at.get_or_insert(at);
        }
        self.awaited = Some((kind, size));
        Ok(Step::Body(size))
    }

    fn member(&mut self, header: &Header<'_>, at: u64) -> Result<Step> {
        self.count(at)?;
        self.global = None;
        let pending = std::mem::take(&mut self.pending);
        let both = pending.pax.is_some() && (pending.name.is_some() || pending.link.is_some());
        let pax = pending.pax.unwrap_or_default();
        if both && (pax.path.is_some() || pax.link.is_some() || pax.size.is_some()) {
            return Err(mixed(pending.at, at));
        }
        if both {
            self.warn(mixed(pending.at, at).into_finding().severity(Severity::Warning));
        }
        let name = match pax.path.or(pending.name) {
            Some(name) => name,
            None => header.name(self.profile)?,
        };
        let kind = self.kind(header, at, &name)?;
        let size = size(header.size()?, pax.size, at)?;
        if size > 0 && kind != Kind::File {
            return Err(Error::new(Code::TarSizeOnNonFile, format!("{} has a size", kind.name()))
                .expected(Fact::new("0 bytes", "what all readers agree on"))
                .found(Fact::new(format!("{size} bytes, {}", text::escape_bytes(&name)), place(at))));
        }
        let link = match kind {
            Kind::Symlink | Kind::Hardlink => pax.link.or(pending.link).unwrap_or_else(|| header.link().to_vec()),
            _ => Vec::new(),
        };
        self.take_names(&name, &link, at)?;
        Ok(Step::Member(Member {
            name,
            kind,
            size,
            data_offset: at.saturating_add(BLOCK_BYTES),
            header_offset: pending.at.unwrap_or(at),
            link,
            mode: header.mode()?,
            uid: pax.uid.map_or_else(|| header.uid(), Ok)?,
            gid: pax.gid.map_or_else(|| header.gid(), Ok)?,
            mtime: pax.mtime.map_or_else(|| header.mtime(), Ok)?,
        }))
    }

    /// Refuses names that are too long all together.
    fn take_names(&mut self, name: &[u8], link: &[u8], at: u64) -> Result<()> {
        let beyond = [name, link].map(|name| name.len().saturating_sub(USUAL_NAME) as u64);
        for length in beyond {
            self.name_bytes = self.name_bytes.checked_sub(length).ok_or_else(|| {
                Error::new(Code::LimitNames, "the names of the members are too long, all together")
                    .expected(Fact::new(format!("names of at most {USUAL_NAME} bytes, and a limited sum of longer ones"), "the limits"))
                    .found(Fact::new(format!("a name of {} bytes", name.len()), place(at)))
            })?;
        }
        Ok(())
    }

    fn kind(&self, header: &Header<'_>, at: u64, name: &[u8]) -> Result<Kind> {
        let found = |what: String| Fact::new(format!("{what}, {}", text::escape_bytes(name)), place(at));
        let slash = name.last() == Some(&b'/');
        let kind = match header.flag() {
            // Before there was a type for them, directories were files with a slash.
            0 if slash => Kind::Directory,
            b'0' if slash => {
                return Err(Error::new(Code::TarType, "a regular file has the name of a directory")
                    .expected(Fact::new("no slash at the end", "what all readers agree on"))
                    .found(found("type 0".to_owned())));
            }
            0 | b'0' => Kind::File,
            b'1' => Kind::Hardlink,
            b'2' => Kind::Symlink,
            b'3' => Kind::CharacterDevice,
            b'4' => Kind::BlockDevice,
            b'5' => Kind::Directory,
            b'6' => Kind::Fifo,
            b'S' => return Err(Error::new(Code::TarSparse, "a member is a sparse file").found(found("type S".to_owned()))),
            other => {
                return Err(Error::new(Code::TarType, "a member has a type that does not belong into an image")
                    .found(found(format!("type {}", text::escape_bytes(&[other])))));
            }
        };
        if self.profile == Profile::Archive && matches!(kind, Kind::CharacterDevice | Kind::BlockDevice | Kind::Fifo) {
            return Err(Error::new(Code::TarType, "a member has a type that does not belong into an image archive")
                .expected(Fact::new("files, directories and links", "image-spec, image-layout.md"))
                .found(found(kind.name().to_owned())));
        }
        Ok(kind)
    }
}

fn mixed(first: Option<u64>, at: u64) -> Error {
    Error::new(Code::TarMixedExtensions, "a member has PAX and GNU extensions at once")
        .expected(Fact::new("extensions of one family", place(first.unwrap_or(at))))
        .found(Fact::new("both", place(at)))
}

/// The size that counts, of what the header and the PAX record say.
fn size(header: u64, pax: Option<u64>, at: u64) -> Result<u64> {
    match pax {
        None => Ok(header),
        Some(size) if size == header => Ok(size),
        // Octal digits do not suffice: writers leave 0 (Go, Python, GNU tar) or the largest number that fits.
        Some(size) if size > LARGEST_OCTAL && (header == 0 || header == LARGEST_OCTAL) => Ok(size),
        Some(size) => Err(Error::new(Code::TarSizeConflict, "two headers give one member different sizes")
            .expected(Fact::new(format!("{header} bytes"), place(at)))
            .found(Fact::new(format!("{size} bytes"), "its PAX record"))),
    }
}

/// The text of a GNU long name: it ends with a NUL, which old writers leave out.
fn long(body: &[u8], padding: &[u8], at: u64) -> Result<Vec<u8>> {
    let name = until_nul(body);
    let rest = body.get(name.len()..).unwrap_or_default();
    // Some readers cut at the first NUL, others at the last, and Rust's `tar` takes one away; Python looks for it in the padding
    // too.
    let goes_on = rest.len() > 1 || (rest.is_empty() && padding.first().is_some_and(|byte| *byte != 0));
    if name.is_empty() || goes_on {
        return Err(Error::new(Code::TarName, "a GNU long name is empty or does not end where it should")
            .expected(Fact::new("a name, a NUL, and nothing more", "GNU tar"))
            .found(Fact::new(text::escape_bytes(name.get(..name.len().min(80)).unwrap_or_default()), format!("offset {at}"))));
    }
    Ok(name.to_vec())
}
