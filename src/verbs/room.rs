//! Whether what is to be written fits, before anything of it is written. A file that is replaced stays until the new one is complete,
//! so it makes no room.

use std::path::Path;

use super::Context;
use super::output::Outgoing;
use crate::foundation::fsys::{Space, WriteDirectory, shown, space};
use crate::foundation::{Code, Digest, Error, Fact, Result, text};
use crate::oci::media_type::{self, Compression};

/// A header of a member, what its content is padded to, and the end of an archive.
const TAR_BLOCK: u64 = 512;
const TAR_END: u64 = 2 * TAR_BLOCK;

/// Refuses a layout that has no room for what it does not hold yet.
///
/// # Errors
/// `io.space`, `io`.
pub(super) fn for_layout(path: &Path, outgoing: &Outgoing<'_>, context: Context<'_>) -> Result<()> {
    // The blobs may have a file system of their own.
    let room = space(&path.join("blobs/sha256"), context.faults)?;
    // What cannot be opened holds nothing, or is reported by whoever writes to it.
    let there = WriteDirectory::open(path, context.faults).ok();
    let is_new = |digest: &Digest| there.as_ref().is_none_or(|there| there.stamp(&digest.blob_path()).is_none());
    let sizes = outgoing.sizes().into_iter().filter(|size| is_new(size.digest)).map(|size| room.taken_by(size.bytes));
    let needed = sizes.fold(0, u64::saturating_add);
    refuse(room, needed, "the blobs that are not there yet", path, "Free some space, or write elsewhere.")
}

/// Refuses an archive that does not fit. Of a compressed one it is known only what cannot be made smaller.
///
/// # Errors
/// `io.space`, `io`.
pub(super) fn for_archive(path: &Path, outgoing: &Outgoing<'_>, compression: Compression, context: Context<'_>) -> Result<()> {
    let room = space(path, context.faults)?;
    let needed = if compression == Compression::None {
        let members = outgoing.sizes().into_iter().map(|size| TAR_BLOCK.saturating_add(size.bytes.next_multiple_of(TAR_BLOCK)));
        members.fold(TAR_END, u64::saturating_add)
    } else {
        let packed = |media_type: &str| media_type::layer(media_type).is_some_and(|(_, compression)| compression != Compression::None);
        let layers = outgoing.sizes().into_iter().filter(|size| size.media_type.is_some_and(packed));
        layers.map(|size| size.bytes).fold(0, u64::saturating_add)
    };
    refuse(room, needed, "the archive", path, "Free some space, or write elsewhere.")
}

/// Says how much room is missing, if some is.
///
/// # Errors
/// `io.space`.
pub(super) fn refuse(room: Space, needed: u64, what: &str, path: &Path, hint: &str) -> Result<()> {
    if needed <= room.available {
        return Ok(());
    }
    let missing = text::bytes(needed - room.available);
    Err(Error::new(Code::IoSpace, format!("what is to be written does not fit: {missing} are missing"))
        .at(shown(path))
        .expected(Fact::new(format!("{needed} bytes"), what))
        .found(Fact::new(format!("{} bytes", room.available), "free on the file system"))
        .hint(format!("{hint} Nothing was changed.")))
}
