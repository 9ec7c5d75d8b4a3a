//! The only place that opens, lists, writes, renames and flushes files.
//!
//! Reading ([`Directory`], [`File`]) is relative to a directory that was opened once, follows no symbolic link (but see
//! [`Directory::blob`]), opens nothing but regular files, and never blocks on a FIFO: opening is non-blocking and the
//! kind is checked on the open file, not on the name.
//!
//! Writing ([`WriteDirectory`], [`Staged`]) gives a file its name only when it is complete, and every change passes the
//! gate of [`Faults`], so that tests can refuse each of them in turn. [`StoreLock`] and [`IndexLock`] keep processes
//! apart.

mod append;
mod beneath;
mod fault;
mod leftover;
mod lock;
mod open;
mod read;
mod schedule;
mod space;
mod staged;
mod temporary;
mod write;

pub use append::Appender;
pub use fault::{Faults, Operation};
pub use lock::{INDEX_LOCK, IndexLock, StoreLock};
pub use read::shown;
pub use read::{Directory, Entry, EntryKind, File, ReadAt, Region, real};
pub use schedule::schedule;
pub use space::{Space, many_open_files, space};
pub use staged::{Published, Staged};
pub use temporary::{is_temporary, temporary_sibling};
pub use write::{Stamp, WriteDirectory, create_directories};
