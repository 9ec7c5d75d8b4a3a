//! The only place that opens, lists, writes, renames and flushes files.
//!
//! Reading ([`Directory`], [`File`]) is relative to a directory that was opened once, follows no symbolic link (but see
//! [`Directory::blob`]), opens nothing but regular files, and never blocks on a FIFO: opening is non-blocking and the
//! kind is checked on the open file, not on the name.

mod read;

pub use read::{Directory, Entry, EntryKind, File, ReadAt, Region};
pub(crate) use read::shown;
