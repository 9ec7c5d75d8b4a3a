//! Strict tar framing: which bytes of an archive are headers, and which are the content of which member.
//!
//! A tar archive has no table of contents and no outer checksum. Each reader finds the next header by believing the
//! numbers in the last one, so two readers that disagree on one number see two different archives from there on: one
//! lets a scanner see harmless members while the runtime unpacks others (CVE-2025-62518). Everything here follows from
//! one rule: **what two common readers (GNU tar, bsdtar, Go, Python, Rust) read differently is refused by name.**
//!
//! # What is accepted
//!
//! An archive is a sequence of 512-byte blocks: for each member a header block, then its content, filled up with
//! padding to a whole block. Two blocks of zeros end it.
//!
//! * Headers: POSIX ustar (`ustar\0`), old GNU (`ustar  \0`), and v7 (no magic). Only ustar has a name prefix: the old
//!   GNU header keeps times in that place, where some readers look for a prefix all the same, so such a header is
//!   refused unless it is in a layer and surely has times there.
//! * Checksums: the sum of unsigned bytes. Historic writers summed signed ones; that is accepted with a warning.
//! * Numbers: octal digits with spaces before and spaces or NULs behind, or GNU base-256. Sizes go to 2^63-1.
//! * Extensions: PAX records (`x`), PAX globals (`g`) that change no name and no size, GNU long names (`L`) and long
//!   link targets (`K`).
//!
//! # What is refused, and why
//!
//! * A PAX size other than the header's (`tar.size_conflict`): readers that skip PAX step into the content of a member
//!   as if it were headers. The one exception is a file of 8 GiB or more, where octal digits do not suffice and writers
//!   leave 0 (Go, Python, GNU tar) or all sevens.
//! * PAX records are cut by their length, never at newlines: values of `security.capability` really contain newlines,
//!   and a reader that splits there loses the records behind, `size` among them.
//! * PAX and GNU extensions on one member, two extensions of one kind, the same record twice: the last, the first, or
//!   neither counts, depending on the reader.
//! * Globals with `path`, `linkpath` or `size`: GNU tar and Python apply them, bsdtar and Go do not.
//! * Content on a directory, link or device: some readers skip it, others take it for headers.
//! * Sparse files: their size in the archive is not the size of the file, and there are four encodings.
//! * A zero block before further members: some readers stop at one, Go wants two.
//! * A name prefix or an extension header behind `ustar` and a version other than `00`: Rust's `tar` sees a v7 header there,
//!   which has neither.
//! * A regular file whose name ends in a slash: a directory to GNU tar, a file to Go and Python.
//!
//! An archive that ends on a member boundary without its end marker is accepted with the warning `tar.no_end`: many
//! writers forget it, and nothing is ambiguous.
//!
//! # The parts
//!
//! `framing` holds the rules, as a state machine that is given blocks and never reads. [`Walk`] drives it over bytes
//! that can be read by position and never touches content, so opening a huge archive costs one small read per member.
//! [`LayerReader`] drives it over a stream. [`normalise`] judges names, which framing does not. [`writer`] makes
//! headers that are the same every time.

mod framing;
mod header;
mod layer;
mod name;
mod pax;
mod walk;
pub mod writer;

/// Whether a file that begins so is a tar archive, damaged or not: it has the magic, or in its place the checksum of a header of
/// before there was one.
pub fn is_header(start: &[u8]) -> bool {
    let block = start.first_chunk::<BLOCK>();
    block.is_some_and(|block| block.get(257..262) == Some(b"ustar") || header::Header::read(block, 0).is_ok())
}

pub use layer::LayerReader;
pub use name::normalise;
pub use walk::Walk;

/// The unit of everything in an archive.
pub const BLOCK: usize = 512;

/// [`BLOCK`], where offsets are computed.
const BLOCK_BYTES: u64 = 512;

/// How strict to be: what a member may be depends on what the archive is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// The outer archive of an image. It holds files and directories; links are handed on for the caller to judge,
    /// and everything else is refused, as are bytes behind the end.
    Archive,
    /// An image layer. It may hold devices and FIFOs too. Bytes behind the end are reported, not refused: they belong
    /// to the diffID, no runtime looks at them, and layers that are in use have some. PAX and GNU extensions may stand
    /// together if they do not touch the same field, because Rust's `tar` writes extended attributes and a long name so.
    Layer,
}

/// What a member is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// Another name for an earlier member.
    Hardlink,
    /// A character device.
    CharacterDevice,
    /// A block device.
    BlockDevice,
    /// A FIFO.
    Fifo,
}

impl Kind {
    /// As it is shown to users.
    pub fn name(self) -> &'static str {
        match self {
            Self::File => "a regular file",
            Self::Directory => "a directory",
            Self::Symlink => "a symbolic link",
            Self::Hardlink => "a hard link",
            Self::CharacterDevice => "a character device",
            Self::BlockDevice => "a block device",
            Self::Fifo => "a FIFO",
        }
    }

    /// For programs.
    pub fn slug(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Directory => "directory",
            Self::Symlink => "symlink",
            Self::Hardlink => "hardlink",
            Self::CharacterDevice => "character-device",
            Self::BlockDevice => "block-device",
            Self::Fifo => "fifo",
        }
    }
}

/// One member, with its extensions applied. The bytes are as the archive has them: a name may be absolute, climb out
/// with `..`, or be no UTF-8; see [`normalise`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The name, without NULs.
    pub name: Vec<u8>,
    /// What it is.
    pub kind: Kind,
    /// How many bytes of content it has; 0 for everything but files.
    pub size: u64,
    /// Where the content starts.
    pub data_offset: u64,
    /// Where the first header that belongs to it starts: an extension header, if there are any.
    pub header_offset: u64,
    /// Where a link leads; empty for everything else.
    pub link: Vec<u8>,
    /// The permission bits, set-user-ID, set-group-ID and sticky bit included.
    pub mode: u32,
    /// The number of the owner.
    pub uid: u64,
    /// The number of the group.
    pub gid: u64,
    /// The time of the last change in whole seconds since 1970, rounded down.
    pub mtime: i64,
}

/// `size` and the padding that follows it. `None` beyond the largest number, which no file reaches.
fn padded(size: u64) -> Option<u64> {
    size.checked_next_multiple_of(BLOCK_BYTES)
}

#[cfg(test)]
mod tests;
