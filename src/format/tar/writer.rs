//! Headers that are the same every time: nothing of the machine, the user or the moment gets into them.
//!
//! The form is plain ustar: mode 0644 or 0755, owner and group 0 without names, the time that the caller gives. An
//! archive is the members in the caller's order, each with its [`padding`], and [`END`]; there is no filling up to
//! 10 KiB, which is about tape drives.

use super::{BLOCK, BLOCK_BYTES};
use crate::core::{Code, Error, Fact, Result};

/// The end marker.
pub const END: [u8; 1024] = [0; 1024];

/// From this size on, the eleven octal digits of a ustar header do not suffice.
const OCTAL_END: u64 = 8 << 30;

/// The name of the extension header in front of a large file; readers that know PAX never show it.
const EXTENSION_NAME: &str = "PaxHeaders/size";

/// What comes before the content of a file.
///
/// From 8 GiB on that is a PAX header with the size and a header with the same size in base-256, so that readers that
/// know either find the next member.
///
/// # Errors
/// `tar.name` if the name is absolute, has `..` in it, or does not fit into a ustar header.
pub fn file_header(name: &str, size: u64, mtime: u64) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(BLOCK);
    if size >= OCTAL_END {
        let record = size_record(size);
        let mut extension = header(EXTENSION_NAME, tar::EntryType::XHeader, 0o644, record.len() as u64, mtime)?;
        extension.append(&mut record.into_bytes());
        extension.resize(extension.len().next_multiple_of(BLOCK), 0);
        out.append(&mut extension);
    }
    out.append(&mut header(name, tar::EntryType::Regular, 0o644, size, mtime)?);
    Ok(out)
}

/// All of a directory: `blobs` is written as `blobs/`.
///
/// # Errors
/// As for [`file_header`].
pub fn directory_header(name: &str, mtime: u64) -> Result<Vec<u8>> {
    header(&format!("{}/", name.trim_end_matches('/')), tar::EntryType::Directory, 0o755, 0, mtime)
}

/// How many zeros follow content of `size` bytes.
pub fn padding(size: u64) -> usize {
    match size % BLOCK_BYTES {
        0 => 0,
        used => usize::try_from(BLOCK_BYTES - used).unwrap_or(0),
    }
}

fn header(name: &str, kind: tar::EntryType, mode: u32, size: u64, mtime: u64) -> Result<Vec<u8>> {
    let mut header = tar::Header::new_ustar();
    header.set_path(name).map_err(|error| {
        Error::new(Code::TarName, "a name cannot be written into an archive")
            .expected(Fact::new("a short relative name", "the ustar format"))
            .found(Fact::new(name, error))
    })?;
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(mtime);
    header.set_size(size);
    // Some readers take empty device numbers for damage.
    if let Some(ustar) = header.as_ustar_mut() {
        ustar.set_device_major(0);
        ustar.set_device_minor(0);
    }
    header.set_cksum();
    // The crate writes seven digits; six, a NUL and a space are what POSIX programs write, so the bytes are GNU tar's.
    if let Ok(sum) = header.cksum() {
        header.as_old_mut().cksum.copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }
    Ok(header.as_bytes().to_vec())
}

/// `LENGTH size=SIZE\n`, where the length counts its own digits.
fn size_record(size: u64) -> String {
    let rest = format!(" size={size}\n");
    let mut length = rest.len();
    loop {
        let record = format!("{length}{rest}");
        if record.len() == length {
            return record;
        }
        length = record.len();
    }
}
