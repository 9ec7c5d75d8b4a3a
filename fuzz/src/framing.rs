//! What must hold of the framing of any archive: both ways of reading agree with each other and, on what they accept, with the crate `tar`.

use std::io::Read as _;

use airbase::format::tar::{Kind, LayerReader, Member, Profile, Walk, normalise};
use airbase::foundation::{Code, Finding, Limits, Result};

/// Narrow limits, which are reached.
pub const NARROW: Limits = Limits { archive_entries: 4, pax_bytes: 600, long_name_bytes: 300, layer_bytes: 8192, ..Limits::STANDARD };

type Read = Result<(Vec<Member>, Vec<Finding>)>;

/// Reads an archive in every way.
///
/// # Panics
/// Where two ways differ.
pub fn check_tar(bytes: &[u8], limits: &Limits, profile: Profile) {
    let walked = walk(bytes, limits, profile);
    // A stream may be longer than a layer may be; what is read by position is as long as its file.
    if profile == Profile::Archive || bytes.len() as u64 <= limits.layer_bytes {
        match (&walked, &stream(bytes, limits, profile)) {
            (Ok(walked), Ok(streamed)) => assert_eq!(walked, streamed),
            (Err(walked), Err(streamed)) => assert_eq!(walked.finding(), streamed.finding()),
            (walked, streamed) => panic!("by position: {walked:?}\nas a stream: {streamed:?}"),
        }
    }
    let Ok((members, warnings)) = walked else { return };
    assert!(members.len() <= limits.archive_entries, "more members than the limit");
    for member in &members {
        assert!(member.header_offset < member.data_offset && member.data_offset + member.size <= bytes.len() as u64);
        if let Ok(name) = normalise(&member.name)
            && !name.is_empty()
        {
            assert_eq!(normalise(name.as_bytes()).expect("a normal name"), name, "a normal name is normal");
        }
    }
    // That crate refuses the historic checksums, of which we warn.
    let historic = warnings.iter().any(|warning| warning.code == Code::TarChecksum);
    if !historic && members.iter().all(|member| !newline_in_value(bytes, member)) {
        compare(bytes, &members);
    }
}

fn walk(bytes: &[u8], limits: &Limits, profile: Profile) -> Read {
    let mut walk = Walk::over(bytes, limits, profile);
    let members = walk.by_ref().collect::<Result<Vec<Member>>>()?;
    Ok((members, walk.warnings().to_vec()))
}

fn stream(bytes: &[u8], limits: &Limits, profile: Profile) -> Read {
    let mut reader = LayerReader::over(bytes, limits, profile);
    let mut members = Vec::new();
    while let Some(member) = reader.next_member()? {
        // Content that is read and content that is skipped must lead to the same place.
        if member.size % 2 == 1 {
            let mut content = vec![0; usize::try_from(member.size / 2).unwrap_or(0).min(4096)];
            let count = reader.read_content(&mut content)?;
            let start = usize::try_from(member.data_offset).expect("an offset");
            assert_eq!(content[..count], bytes[start..start + count], "other content");
        }
        members.push(member);
    }
    assert_eq!(reader.position(), bytes.len() as u64, "the stream was not read to its end");
    Ok((members, reader.warnings().to_vec()))
}

/// Whether a PAX header of this member holds a value with a newline: the crate `tar` cuts records there.
fn newline_in_value(bytes: &[u8], member: &Member) -> bool {
    let mut at = usize::try_from(member.header_offset).expect("an offset");
    let end = usize::try_from(member.data_offset).expect("an offset") - 512;
    while at < end {
        let size = tar::Header::from_byte_slice(&bytes[at..at + 512]).entry_size().expect("a size that was read before");
        let size = usize::try_from(size).expect("a size");
        let mut body = &bytes[at + 512..at + 512 + size];
        if bytes[at + 156] == b'x' {
            while let Some(space) = body.iter().position(|byte| *byte == b' ') {
                let length = std::str::from_utf8(&body[..space]).ok().and_then(|digits| digits.parse::<usize>().ok());
                let Some(record) = length.and_then(|length| body.get(..length)) else { return true };
                if record[..record.len() - 1].contains(&b'\n') {
                    return true;
                }
                body = &body[record.len()..];
            }
        }
        at += 512 + size.next_multiple_of(512);
    }
    false
}

/// The crate `tar` sees the same members with the same content.
fn compare(bytes: &[u8], members: &[Member]) {
    let mut archive = tar::Archive::new(bytes);
    let mut ours = members.iter();
    for entry in archive.entries().expect("entries") {
        let mut entry = entry.expect("an archive that was accepted");
        // It hands on the globals, which describe no member.
        if entry.header().entry_type().is_pax_global_extensions() {
            continue;
        }
        let member = ours.next().expect("a member that was not seen");
        assert_eq!(entry.path_bytes(), member.name, "another name");
        assert_eq!(entry.size(), member.size, "another size");
        assert_eq!(entry.raw_file_position(), member.data_offset, "another place");
        if matches!(member.kind, Kind::Symlink | Kind::Hardlink) {
            assert_eq!(entry.link_name_bytes().unwrap_or_default(), member.link, "another target");
        }
        let mut content = Vec::new();
        entry.read_to_end(&mut content).expect("content");
        let start = usize::try_from(member.data_offset).expect("an offset");
        assert_eq!(content, bytes[start..start + content.len()]);
    }
    assert!(ours.next().is_none(), "a member that only one reader sees");
}
