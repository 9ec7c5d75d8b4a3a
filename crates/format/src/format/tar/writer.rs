//! Headers that are the same every time: nothing of the machine, the user or the moment gets into them.
//!
//! The form is plain ustar: mode 0644 or 0755, owner and group 0 without names, the time that the caller gives. What
//! ustar is too narrow for, a name such as that of a sha512 blob or a size of 8 GiB, gets a PAX header in front. An
//! archive is the members in the caller's order, each with its [`padding`], and [`END`]; there is no filling up to
//! 10 KiB, which is about tape drives.

use super::{BLOCK, BLOCK_BYTES, normalise};
use crate::foundation::{Code, Error, Fact, Result};

/// The end marker.
pub const END: [u8; 1024] = [0; 1024];

/// From this size on, the eleven octal digits of a ustar header do not suffice.
const OCTAL_END: u64 = 8 << 30;

/// The name of every extension header; readers that know PAX never show it.
const EXTENSION_NAME: &str = "PaxHeaders/member";

/// How much of the end of a long name is in the header proper. Readers that know no PAX at least tell blobs apart.
const SHORT_NAME: usize = 64;

/// What comes before the content of a file.
///
/// From 8 GiB on, the PAX header has the size, and the header proper has the same size in base-256, so that readers that
/// know either find the next member.
///
/// # Errors
/// `tar.name` if the name is absolute, is empty, or has `.` or `..` in it.
pub fn file_header(name: &str, size: u64, mtime: u64) -> Result<Vec<u8>> {
    member(name, tar::EntryType::Regular, 0o644, size, mtime)
}

/// The same for a file that may be run, with mode 0755.
///
/// # Errors
/// As for [`file_header`].
pub fn program_header(name: &str, size: u64, mtime: u64) -> Result<Vec<u8>> {
    member(name, tar::EntryType::Regular, 0o755, size, mtime)
}

/// All of a directory: `blobs` is written as `blobs/`.
///
/// # Errors
/// As for [`file_header`].
pub fn directory_header(name: &str, mtime: u64) -> Result<Vec<u8>> {
    member(name.trim_end_matches('/'), tar::EntryType::Directory, 0o755, 0, mtime)
}

/// How many zeros follow content of `size` bytes.
pub fn padding(size: u64) -> usize {
    match size % BLOCK_BYTES {
        0 => 0,
        used => usize::try_from(BLOCK_BYTES - used).unwrap_or(0),
    }
}

fn member(name: &str, kind: tar::EntryType, mode: u32, size: u64, mtime: u64) -> Result<Vec<u8>> {
    if normalise(name.as_bytes()).ok().filter(|plain| !plain.is_empty()).as_deref() != Some(name) {
        return Err(Error::new(Code::TarName, "a name cannot be written into an archive")
            .expected(Fact::new("a relative name without . and ..", "the tar writer"))
            .found(Fact::new(name, "the caller")));
    }
    let full = if kind.is_dir() { format!("{name}/") } else { name.to_owned() };
    let mut records = String::new();
    let mut block = if let Ok(block) = header(&full, kind, mode, size, mtime) {
        block
    } else {
        records.push_str(&record("path", &full));
        let short = name.char_indices().map(|(at, _)| at).find(|at| name.len() - at <= SHORT_NAME);
        let short = name.get(short.unwrap_or(0)..).unwrap_or_default().replace('/', "_");
        header(&short, kind, mode, size, mtime)?
    };
    if size >= OCTAL_END {
        records.push_str(&record("size", &size.to_string()));
    }
    if records.is_empty() {
        return Ok(block);
    }
    let mut out = header(EXTENSION_NAME, tar::EntryType::XHeader, 0o644, records.len() as u64, mtime)?;
    out.append(&mut records.into_bytes());
    out.resize(out.len().next_multiple_of(BLOCK), 0);
    out.append(&mut block);
    Ok(out)
}

/// One header block.
fn header(name: &str, kind: tar::EntryType, mode: u32, size: u64, mtime: u64) -> Result<Vec<u8>> {
    let mut header = tar::Header::new_ustar();
    header.set_path(name).map_err(|error| {
        Error::new(Code::TarName, "a name does not fit into a ustar header")
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

/// `LENGTH KEY=VALUE\n`, where the length counts its own digits.
fn record(key: &str, value: &str) -> String {
    let rest = format!(" {key}={value}\n");
    let mut length = rest.len();
    loop {
        let record = format!("{length}{rest}");
        if record.len() == length {
            return record;
        }
        length = record.len();
    }
}
