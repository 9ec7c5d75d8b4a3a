//! Names in outer archives.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::cast_possible_truncation)]

use crate::foundation::{Code, Error, Fact, Result, text};

/// The one spelling of a member name: without a leading `./`, repeated slashes and slashes at the end. The directory
/// that was packed, `./`, is the empty name.
///
/// Nothing else is repaired. `tar` writes those three spellings itself; a `.` or `..` further in, or an absolute name,
/// is a name that some readers resolve and others look up as it stands.
///
/// # Errors
/// `tar.name`.
pub fn normalise(name: &[u8]) -> Result<String> {
    let refused = |why: &str| {
        let piece = name.get(..name.len().min(200)).unwrap_or_default();
        Error::new(Code::TarName, format!("a member name {why}"))
            .expected(Fact::new("a relative name without . and .. in it", "image-spec, image-layout.md"))
            .found(Fact::new(text::escape_bytes(piece), "the archive"))
    };
    let text = std::str::from_utf8(name).map_err(|_| refused("is not UTF-8"))?;
    if text.is_empty() {
        return Err(refused("is empty"));
    }
    if text.contains('\0') {
        return Err(refused("holds a NUL"));
    }
    if text.starts_with('/') {
        return Err(refused("is absolute"));
    }
    let mut normal = String::with_capacity(text.len());
    for (number, part) in text.split('/').enumerate() {
        match part {
            "" => {}
            "." if number == 0 => {}
            "." | ".." => return Err(refused("has . or .. in it")),
            part => {
                if !normal.is_empty() {
                    normal.push('/');
                }
                normal.push_str(part);
            }
        }
    }
    Ok(normal)
}
