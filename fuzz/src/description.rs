//! Archives from a description.
//!
//! ```text
//! f NAME             a file; its content is everything up to the next separator
//! t NAME             a file that is a tar archive: one member per line, `path` or `path=content`
//! z NAME             the same in gzip
//! l NAME TARGET      a symbolic link
//! h NAME TARGET      a hard link
//! d NAME             a directory
//! ```
//!
//! Members are separated by a line `%%`. In names and contents `@0@` is the SHA-256 of the content of member 0, `@.@` that of
//! the member itself (in its name), `~0~` that of member 0 before compression, and `#0#` the size of member 0.

use airbase::foundation::Digest;

use crate::gzip;

const SEPARATOR: &[u8] = b"\n%%\n";

struct Member {
    name: Vec<u8>,
    flag: u8,
    link: Vec<u8>,
    content: Vec<u8>,
    digest: Digest,
    plain: Digest,
}

/// The archive that `text` describes. Whatever the text is, there is one.
pub fn describe(text: &[u8]) -> Vec<u8> {
    let mut members: Vec<Member> = Vec::new();
    for part in split(text, SEPARATOR) {
        members.push(member(part, &members));
    }
    let mut archive = Vec::new();
    for member in &members {
        archive.extend(entry(&member.name, member.flag, &member.link, &member.content));
    }
    archive.resize(archive.len() + 1024, 0);
    archive
}

fn split<'a>(mut text: &'a [u8], separator: &[u8]) -> Vec<&'a [u8]> {
    let mut parts = Vec::new();
    while let Some(at) = text.windows(separator.len()).position(|window| window == separator) {
        parts.push(&text[..at]);
        text = &text[at + separator.len()..];
    }
    parts.push(text);
    parts
}

fn member(part: &[u8], before: &[Member]) -> Member {
    let end = part.iter().position(|byte| *byte == b'\n').unwrap_or(part.len());
    let (first, body) = (&part[..end], part.get(end + 1..).unwrap_or_default());
    let kind = first.first().copied().unwrap_or(b'f');
    let mut words = first.get(2..).unwrap_or_default().splitn(2, |byte| *byte == b' ');
    let (name, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let body = filled(body, before, None);
    let (flag, plain) = match kind {
        b't' | b'z' => (b'0', archive(&body)),
        b'l' => (b'2', Vec::new()),
        b'h' => (b'1', Vec::new()),
        b'd' => (b'5', Vec::new()),
        _ => (b'0', body),
    };
    let content = if kind == b'z' { gzip(&plain) } else { plain.clone() };
    let digest = Digest::sha256(&content);
    Member {
        name: filled(name, before, Some(&digest)),
        flag,
        link: filled(target, before, None),
        plain: Digest::sha256(&plain),
        content,
        digest,
    }
}

/// `text` with what stands for digests and sizes put in.
fn filled(text: &[u8], before: &[Member], own: Option<&Digest>) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, next)) = rest.split_first() {
        if let [mark @ (b'@' | b'~' | b'#'), which, end, ..] = rest
            && mark == end
        {
            let member = which.checked_sub(b'0').and_then(|number| before.get(usize::from(number)));
            let value = match (mark, which, member) {
                (b'@', b'.', _) => own.map(|digest| digest.hex().to_owned()),
                (b'@', _, Some(member)) => Some(member.digest.hex().to_owned()),
                (b'~', _, Some(member)) => Some(member.plain.hex().to_owned()),
                (b'#', _, Some(member)) => Some(member.content.len().to_string()),
                _ => None,
            };
            if let Some(value) = value {
                out.extend_from_slice(value.as_bytes());
                rest = &rest[3..];
                continue;
            }
        }
        out.push(byte);
        rest = next;
    }
    out
}

/// A small archive, one member per line.
fn archive(lines: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let mut halves = line.splitn(2, |byte| *byte == b'=');
        let (name, content) = (halves.next().unwrap_or_default(), halves.next().unwrap_or_default());
        let flag = if name.ends_with(b"/") { b'5' } else { b'0' };
        out.extend(entry(name, flag, b"", if flag == b'5' { b"" } else { content }));
    }
    out.resize(out.len() + 1024, 0);
    out
}

/// One member with a header that is right, whatever its name.
fn entry(name: &[u8], flag: u8, link: &[u8], content: &[u8]) -> Vec<u8> {
    let mut header = tar::Header::new_ustar();
    let old = header.as_old_mut();
    for (field, bytes) in [(&mut old.name, name), (&mut old.linkname, link)] {
        let length = bytes.len().min(field.len());
        field[..length].copy_from_slice(&bytes[..length]);
    }
    header.set_entry_type(tar::EntryType::new(flag));
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(content.len() as u64);
    header.set_cksum();
    let mut out = header.as_bytes().to_vec();
    out.extend_from_slice(content);
    out.resize(out.len().next_multiple_of(512), 0);
    out
}
