//! Archives as PKWARE's APPNOTE describes them, as far as jar files use it: a directory at the end, and members that are stored or deflated.

use flate2::{Decompress, FlushDecompress, Status};

/// How many members an archive may have.
const MOST_MEMBERS: usize = 65_535;
const END: &[u8] = b"PK\x05\x06";
const ENTRY: &[u8] = b"PK\x01\x02";
const LOCAL: &[u8] = b"PK\x03\x04";

/// A member of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its name.
    pub name: Vec<u8>,
    method: u16,
    packed: usize,
    offset: usize,
}

fn short(bytes: &[u8], at: usize) -> Option<usize> {
    let two: [u8; 2] = bytes.get(at..at.checked_add(2)?)?.try_into().ok()?;
    Some(usize::from(u16::from_le_bytes(two)))
}

fn long(bytes: &[u8], at: usize) -> Option<usize> {
    let four: [u8; 4] = bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
    usize::try_from(u32::from_le_bytes(four)).ok()
}

/// The members of an archive by its directory; none if it is no archive, or one in a form that is not read: in parts, with 64 bits, or
/// encrypted.
pub fn members(bytes: &[u8]) -> Option<Vec<Member>> {
    // A comment of up to 64 KiB may follow.
    let first = bytes.len().saturating_sub(22 + 65_535);
    let tail = bytes.get(first..)?;
    let at = first + tail.windows(4).rposition(|window| window == END)?;
    let (parts, count, mut place) = (long(bytes, at + 4)?, short(bytes, at + 10)?, long(bytes, at + 16)?);
    if parts != 0 || count >= MOST_MEMBERS || place >= at {
        return (count == 0 && parts == 0).then(Vec::new);
    }
    let mut found = Vec::new();
    for _ in 0..count {
        let entry = bytes.get(place..at)?;
        if !entry.starts_with(ENTRY) || short(entry, 8)? & 1 != 0 {
            return None;
        }
        let (name, extra, comment) = (short(entry, 28)?, short(entry, 30)?, short(entry, 32)?);
        let member = Member {
            name: entry.get(46..46 + name)?.to_vec(),
            method: u16::try_from(short(entry, 10)?).ok()?,
            packed: long(entry, 20)?,
            offset: long(entry, 42)?,
        };
        if member.packed == 0xffff_ffff || member.offset == 0xffff_ffff {
            return None;
        }
        found.push(member);
        place = place.checked_add(46 + name + extra + comment)?;
    }
    Some(found)
}

impl Member {
    /// The content of a member of this archive; none if it cannot be unpacked, or is longer than `most`.
    pub fn content(&self, archive: &[u8], most: usize) -> Option<Vec<u8>> {
        let local = archive.get(self.offset..)?;
        if !local.starts_with(LOCAL) {
            return None;
        }
        let start = 30 + short(local, 26)? + short(local, 28)?;
        let packed = local.get(start..start.checked_add(self.packed)?)?;
        match self.method {
            0 => (packed.len() <= most).then(|| packed.to_vec()),
            8 => inflate(packed, most),
            _ => None,
        }
    }
}

fn inflate(packed: &[u8], most: usize) -> Option<Vec<u8>> {
    const PIECE: usize = 32 << 10;
    let mut state = Decompress::new(false);
    let mut found: Vec<u8> = Vec::new();
    loop {
        let read = usize::try_from(state.total_in()).ok()?;
        let (before, size) = (state.total_out(), found.len());
        found.reserve(PIECE);
        let status = state.decompress_vec(packed.get(read..)?, &mut found, FlushDecompress::None).ok()?;
        if found.len() > most {
            return None;
        }
        match status {
            Status::StreamEnd => return Some(found),
            // It has no end.
            _ if state.total_out() == before && usize::try_from(state.total_in()).ok()? == read && found.len() == size => return None,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An archive by hand, of members that are stored, or deflated as one stored block.
    fn archive(files: &[(&str, &[u8], bool)]) -> Vec<u8> {
        let (mut bytes, mut directory) = (Vec::new(), Vec::new());
        for (name, content, deflated) in files {
            let size = u16::try_from(content.len()).unwrap();
            let mut packed = Vec::new();
            if *deflated {
                packed.push(1);
                packed.extend(size.to_le_bytes());
                packed.extend((!size).to_le_bytes());
            }
            packed.extend_from_slice(content);
            let offset = u32::try_from(bytes.len()).unwrap();
            let mut fields = vec![10, 0, 0, 0, if *deflated { 8 } else { 0 }, 0, 0, 0, 0, 0, 0, 0, 0, 0];
            fields.extend(u32::try_from(packed.len()).unwrap().to_le_bytes());
            fields.extend(u32::from(size).to_le_bytes());
            fields.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
            fields.extend([0, 0]);
            bytes.extend_from_slice(LOCAL);
            bytes.extend_from_slice(&fields);
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend(packed);
            directory.extend_from_slice(ENTRY);
            directory.extend([10, 0]);
            directory.extend_from_slice(&fields);
            directory.extend([0; 10]);
            directory.extend(offset.to_le_bytes());
            directory.extend_from_slice(name.as_bytes());
        }
        let (start, count) = (u32::try_from(bytes.len()).unwrap(), u16::try_from(files.len()).unwrap());
        bytes.extend_from_slice(&directory);
        bytes.extend_from_slice(END);
        bytes.extend([0; 4]);
        bytes.extend(count.to_le_bytes());
        bytes.extend(count.to_le_bytes());
        bytes.extend(u32::try_from(directory.len()).unwrap().to_le_bytes());
        bytes.extend(start.to_le_bytes());
        bytes.extend([0, 0]);
        bytes
    }

    #[test]
    fn members_are_unpacked() {
        let bytes = archive(&[("a/b.txt", b"one", false), ("c", b"two two", true)]);
        let members = members(&bytes).unwrap();
        let names: Vec<&[u8]> = members.iter().map(|member| member.name.as_slice()).collect();
        assert_eq!(names, [&b"a/b.txt"[..], b"c"]);
        assert_eq!(members[0].content(&bytes, 10).unwrap(), b"one");
        assert_eq!(members[1].content(&bytes, 10).unwrap(), b"two two");
        assert_eq!(members[1].content(&bytes, 6), None, "it is longer");
    }

    #[test]
    fn whatever_is_cut_or_turned_ends() {
        let bytes = archive(&[("a", b"one", true), ("b", b"two", false)]);
        for end in 0..bytes.len() {
            let _ = members(&bytes[..end]);
        }
        for at in 0..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[at] ^= 0xff;
            for member in members(&bytes).unwrap_or_default() {
                let _ = member.content(&bytes, 100);
            }
        }
        assert_eq!(members(b"no archive"), None);
    }
}
