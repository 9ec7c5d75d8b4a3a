use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};

use super::*;
use crate::foundation::fsys::ReadAt;
use crate::foundation::{Code, Error, Limits, Result, Severity};

// Building archives by hand.

/// One header block.
#[derive(Clone)]
struct Block([u8; BLOCK]);

fn ustar(name: &str, flag: u8, size: u64) -> Block {
    Block([0; BLOCK])
        .put(0, name.as_bytes())
        .put(100, b"0000644\0")
        .put(108, b"0000000\0")
        .put(116, b"0000000\0")
        .put(124, format!("{size:011o}\0").as_bytes())
        .put(136, b"00000000000\0")
        .put(156, &[flag])
        .put(257, b"ustar\x0000")
        .put(329, b"0000000\0")
        .put(337, b"0000000\0")
}

fn file(name: &str, size: u64) -> Block {
    ustar(name, b'0', size)
}

impl Block {
    fn put(mut self, at: usize, bytes: &[u8]) -> Self {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
        self
    }

    fn gnu(self) -> Self {
        self.put(257, b"ustar  \0").put(329, &[0; 16])
    }

    fn v7(self) -> Self {
        self.put(257, &[0; 8]).put(329, &[0; 16])
    }

    /// With its checksum.
    fn header(self) -> Vec<u8> {
        let block = self.put(148, b"        ");
        let sum: u32 = block.0.iter().map(|byte| u32::from(*byte)).sum();
        block.put(148, format!("{sum:06o}\0 ").as_bytes()).0.to_vec()
    }

    /// With its checksum, content and padding.
    fn with(self, content: &[u8]) -> Vec<u8> {
        [self.header(), content.to_vec(), vec![0; writer::padding(content.len() as u64)]].concat()
    }
}

fn record(key: &str, value: &[u8]) -> Vec<u8> {
    let rest = [b" ", key.as_bytes(), b"=", value, b"\n"].concat();
    let length = (rest.len()..rest.len() + 20).find(|length| length.to_string().len() + rest.len() == *length).unwrap();
    [length.to_string().into_bytes(), rest].concat()
}

fn extension(flag: u8, body: &[u8]) -> Vec<u8> {
    ustar("extension", flag, body.len() as u64).with(body)
}

fn pax(records: &[(&str, &[u8])]) -> Vec<u8> {
    extension(b'x', &records.iter().flat_map(|(key, value)| record(key, value)).collect::<Vec<u8>>())
}

fn long(flag: u8, name: &str) -> Vec<u8> {
    ustar("././@LongLink", flag, name.len() as u64 + 1).gnu().with(&[name.as_bytes(), b"\0"].concat())
}

fn archive(parts: &[&[u8]]) -> Vec<u8> {
    [&parts.concat(), &writer::END[..]].concat()
}

// Reading them in both ways.

fn walk(bytes: &[u8], limits: &Limits, profile: Profile) -> Result<(Vec<Member>, Vec<Code>)> {
    let mut walk = Walk::over(bytes, limits, profile);
    let members = walk.by_ref().collect::<Result<_>>()?;
    Ok((members, walk.warnings().iter().map(|finding| finding.code).collect()))
}

/// Hands out few bytes at a time, as decompressors do.
struct Trickle<'a>(&'a [u8]);

impl std::io::Read for Trickle<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = buffer.len().min(777);
        self.0.read(&mut buffer[..count])
    }
}

fn stream(bytes: &[u8], limits: &Limits, profile: Profile) -> Result<(Vec<Member>, Vec<Code>)> {
    let mut reader = LayerReader::over(Trickle(bytes), limits, profile);
    let mut members = Vec::new();
    while let Some(member) = reader.next_member()? {
        members.push(member);
    }
    assert_eq!(reader.position(), bytes.len() as u64, "the stream was read to its end");
    Ok((members, reader.warnings().iter().map(|finding| finding.code).collect()))
}

/// Both ways of reading agree on everything.
fn read_within(bytes: &[u8], limits: &Limits, profile: Profile) -> Result<(Vec<Member>, Vec<Code>)> {
    let walked = walk(bytes, limits, profile);
    let streamed = stream(bytes, limits, profile);
    match (&walked, &streamed) {
        (Ok(walked), Ok(streamed)) => assert_eq!(walked, streamed),
        (Err(walked), Err(streamed)) => assert_eq!(walked.finding(), streamed.finding()),
        _ => panic!("walk: {walked:?}\nstream: {streamed:?}"),
    }
    walked
}

fn read(bytes: &[u8], profile: Profile) -> Result<(Vec<Member>, Vec<Code>)> {
    read_within(bytes, &Limits::STANDARD, profile)
}

fn code(result: Result<(Vec<Member>, Vec<Code>)>) -> Result<Vec<String>, Code> {
    result.map(|(members, _)| members.iter().map(|member| String::from_utf8_lossy(&member.name).into_owned()).collect()).map_err(|error| {
        let finding = error.finding();
        let facts = [&finding.expected, &finding.found]
            .into_iter()
            .flatten()
            .any(|fact| fact.from.contains("offset") || fact.value.contains("offset"));
        assert!(facts, "no offset in {finding:?}");
        assert!(!error.to_string().contains('\0'), "{error}");
        error.code()
    })
}

/// Outer archive and layer alike.
const BOTH: [Profile; 2] = [Profile::Archive, Profile::Layer];

#[test]
fn what_two_readers_could_read_differently_is_refused() {
    let a = file("a", 0).header();
    let size = |number: &[u8]| file("a", 0).put(124, number).header();
    let inner = file("inner", 0).header();
    let cases: Vec<(&str, Vec<u8>, Code)> = vec![
        ("T1 a PAX size above the header's", archive(&[&pax(&[("size", b"512")]), &a, &inner]), Code::TarSizeConflict),
        ("T1 a PAX size below the header's", archive(&[&pax(&[("size", b"0")]), &file("a", 512).header(), &inner]), Code::TarSizeConflict),
        (
            "T1 a large PAX size against another size",
            archive(&[&pax(&[("size", b"9663676416")]), &file("a", 5).header()]),
            Code::TarSizeConflict,
        ),
        (
            "T1 a PAX size against base-256",
            archive(&[&pax(&[("size", b"9663676416")]), &size(b"\x80\0\0\0\0\0\0\x02\x40\0\0\x01")]),
            Code::TarSizeConflict,
        ),
        ("T2 a PAX path and a GNU name", archive(&[&pax(&[("path", b"p")]), &long(b'L', "l"), &a]), Code::TarMixedExtensions),
        ("T2 a GNU name and a PAX size", archive(&[&long(b'L', "l"), &pax(&[("size", b"0")]), &a]), Code::TarMixedExtensions),
        ("T2 a PAX path and a GNU link", archive(&[&pax(&[("path", b"p")]), &long(b'K', "l"), &a]), Code::TarMixedExtensions),
        ("T3 a record twice", archive(&[&pax(&[("path", b"a"), ("path", b"b")]), &a]), Code::TarPaxDuplicate),
        ("T3 even when equal", archive(&[&pax(&[("comment", b"a"), ("comment", b"a")]), &a]), Code::TarPaxDuplicate),
        ("T3 in a global header", archive(&[&extension(b'g', b"12 comment=\n12 comment=\n"), &a]), Code::TarPaxDuplicate),
        ("T4 a length that is too long", archive(&[&extension(b'x', b"99 path=a\n"), &a]), Code::TarPaxMalformed),
        ("T4 a length that is too short", archive(&[&extension(b'x', b"5 path=a\n"), &a]), Code::TarPaxMalformed),
        ("T4 a length of nothing", archive(&[&extension(b'x', b"0 path=a\n"), &a]), Code::TarPaxMalformed),
        ("T4 a length with a zero in front", archive(&[&extension(b'x', b"011 path=ab\n"), &a]), Code::TarPaxMalformed),
        ("T4 a length that is no number", archive(&[&extension(b'x', b"+9 path=a\n"), &a]), Code::TarPaxMalformed),
        ("T4 a length beyond every number", archive(&[&extension(b'x', b"99999999999999999999999 path=a\n"), &a]), Code::TarPaxMalformed),
        ("T4 no length", archive(&[&extension(b'x', b"path=a\n"), &a]), Code::TarPaxMalformed),
        ("T4 no newline", archive(&[&extension(b'x', b"9 path=abc"), &a]), Code::TarPaxMalformed),
        ("T4 no =", archive(&[&extension(b'x', b"9 path a\n"), &a]), Code::TarPaxMalformed),
        ("T4 no key", archive(&[&extension(b'x', b"5 =a\n"), &a]), Code::TarPaxMalformed),
        ("T4 zeros behind the records", archive(&[&extension(b'x', b"9 path=a\n\0\0\0"), &a]), Code::TarPaxMalformed),
        ("T4 a NUL in a path", archive(&[&pax(&[("path", b"a\0b")]), &a]), Code::TarPaxMalformed),
        ("T4 a NUL in a link", archive(&[&pax(&[("linkpath", b"a\0b")]), &ustar("l", b'2', 0).header()]), Code::TarPaxMalformed),
        ("T4 an empty path", archive(&[&pax(&[("path", b"")]), &a]), Code::TarPaxMalformed),
        ("T5 a global path", archive(&[&extension(b'g', &record("path", b"b")), &a]), Code::TarPaxGlobal),
        ("T5 a global link", archive(&[&extension(b'g', &record("linkpath", b"b")), &a]), Code::TarPaxGlobal),
        ("T5 a global size", archive(&[&extension(b'g', &record("size", b"0")), &a]), Code::TarPaxGlobal),
        ("T5 a global sparse map", archive(&[&extension(b'g', &record("GNU.sparse.major", b"1")), &a]), Code::TarPaxGlobal),
        ("T6 a PAX header of 4 GiB", archive(&[&ustar("x", b'x', 4 << 30).header(), &a]), Code::TarHeaderTooLarge),
        ("T6 a global header above the limit", archive(&[&ustar("g", b'g', (1 << 20) + 1).header(), &a]), Code::TarHeaderTooLarge),
        ("T6 a GNU name of 1 GiB", archive(&[&ustar("L", b'L', 1 << 30).gnu().header(), &a]), Code::TarHeaderTooLarge),
        ("T6 a GNU link above the limit", archive(&[&ustar("K", b'K', (64 << 10) + 1).gnu().header(), &a]), Code::TarHeaderTooLarge),
        ("T6 a PAX path above the limit", archive(&[&pax(&[("path", &[b'a'; 65537])]), &a]), Code::TarHeaderTooLarge),
        ("T7 two PAX headers", archive(&[&pax(&[("path", b"b")]), &pax(&[("mtime", b"1")]), &a]), Code::TarOrphanExtension),
        ("T7 two empty PAX headers", archive(&[&pax(&[]), &pax(&[]), &a]), Code::TarOrphanExtension),
        ("T7 two GNU names", archive(&[&long(b'L', "b"), &long(b'L', "c"), &a]), Code::TarOrphanExtension),
        ("T7 two GNU links", archive(&[&long(b'K', "b"), &long(b'K', "c"), &a]), Code::TarOrphanExtension),
        ("T7 a PAX header before the end", archive(&[&a, &pax(&[("path", b"b")])]), Code::TarOrphanExtension),
        ("T7 a PAX header and nothing", pax(&[("path", b"b")]), Code::TarOrphanExtension),
        ("T7 a GNU name and nothing", long(b'L', "b"), Code::TarOrphanExtension),
        ("T7 a global header before the end", archive(&[&a, &extension(b'g', &record("comment", b"b"))]), Code::TarOrphanExtension),
        ("T7 a global header and nothing", extension(b'g', b""), Code::TarOrphanExtension),
        ("T7 a global header in between", archive(&[&pax(&[("path", b"b")]), &extension(b'g', b""), &a]), Code::TarOrphanExtension),
        ("T8 a wrong checksum", archive(&[&[&b"b"[..], &a[1..]].concat()]), Code::TarChecksum),
        ("T8 no checksum", archive(&[&[&a[..148], b"        ", &a[156..]].concat()]), Code::TarChecksum),
        ("T9 a negative size", archive(&[&size(&[0xff; 12])]), Code::TarNumber),
        ("T9 a size of 2^63", archive(&[&size(b"\x80\0\0\0\x80\0\0\0\0\0\0\0")]), Code::TarNumber),
        ("T9 a size of 2^87", archive(&[&size(b"\x80\x80\0\0\0\0\0\0\0\0\0\0")]), Code::TarNumber),
        ("T9 another base-256 marker", archive(&[&size(b"\x81\0\0\0\0\0\0\0\0\0\0\0")]), Code::TarNumber),
        ("T9 spaces inside", archive(&[&size(b"0000 000000\0")]), Code::TarNumber),
        ("T9 a NUL inside", archive(&[&size(b"0000\x00000000\0")]), Code::TarNumber),
        ("T9 a NUL in front", archive(&[&size(b"\x0000000000000")]), Code::TarNumber),
        ("T9 a digit that is not octal", archive(&[&size(b"00000000008\0")]), Code::TarNumber),
        ("T9 hexadecimal", archive(&[&size(b"0x000000000\0")]), Code::TarNumber),
        ("T9 a sign", archive(&[&size(b"-0000000001\0")]), Code::TarNumber),
        ("T9 no size", archive(&[&size(&[0; 12])]), Code::TarNumber),
        ("T9 only spaces", archive(&[&size(&[b' '; 12])]), Code::TarNumber),
        ("T9 a mode that is none", archive(&[&file("a", 0).put(100, b"rw-r--r-").header()]), Code::TarNumber),
        ("T9 a negative owner", archive(&[&file("a", 0).put(108, &[0xff; 8]).header()]), Code::TarNumber),
        (
            "T9 an owner that is none in an extension header",
            archive(&[&ustar("x", b'x', 0).put(108, b"root").header(), &a]),
            Code::TarNumber,
        ),
        ("T9 a device number that is none", archive(&[&file("a", 0).put(329, b"x").header()]), Code::TarNumber),
        ("T9 a PAX size of 2^63", archive(&[&pax(&[("size", b"9223372036854775808")]), &a]), Code::TarNumber),
        ("T9 a negative PAX size", archive(&[&pax(&[("size", b"-1")]), &a]), Code::TarNumber),
        ("T9 an empty PAX size", archive(&[&pax(&[("size", b"")]), &a]), Code::TarNumber),
        ("T9 a PAX time that is none", archive(&[&pax(&[("mtime", b"1e9")]), &a]), Code::TarNumber),
        ("T10 a directory with content", archive(&[&ustar("d/", b'5', 512).with(&inner)]), Code::TarSizeOnNonFile),
        ("T10 an old directory with content", archive(&[&ustar("d/", 0, 512).v7().with(&inner)]), Code::TarSizeOnNonFile),
        ("T10 a hard link with content", archive(&[&ustar("l", b'1', 512).with(&inner)]), Code::TarSizeOnNonFile),
        ("T10 a symbolic link with content", archive(&[&ustar("l", b'2', 512).with(&inner)]), Code::TarSizeOnNonFile),
        (
            "T10 a directory with a PAX size",
            archive(&[&pax(&[("size", b"9663676416")]), &ustar("d/", b'5', 0).header()]),
            Code::TarSizeOnNonFile,
        ),
        ("T13 a GNU sparse file", archive(&[&ustar("s", b'S', 0).gnu().header()]), Code::TarSparse),
        (
            "T13 a PAX 0.0 sparse file",
            archive(&[&pax(&[("GNU.sparse.size", b"9"), ("GNU.sparse.offset", b"0"), ("GNU.sparse.offset", b"4")]), &a]),
            Code::TarSparse,
        ),
        ("T13 a PAX 0.1 sparse file", archive(&[&pax(&[("GNU.sparse.map", b"0,1")]), &a]), Code::TarSparse),
        ("T13 a PAX 1.0 sparse file", archive(&[&pax(&[("GNU.sparse.major", b"1"), ("GNU.sparse.minor", b"0")]), &a]), Code::TarSparse),
        ("T20 a member behind one zero block", archive(&[&a, &[0; 512], &inner]), Code::TarDataAfterEnd),
        ("T23 the end in a header", a[..511].to_vec(), Code::ArchiveTruncated),
        ("T23 the end in content", file("a", 1000).with(&[7; 1000])[..1511].to_vec(), Code::ArchiveTruncated),
        ("T23 the end in padding", file("a", 1000).with(&[7; 1000])[..1535].to_vec(), Code::ArchiveTruncated),
        ("T23 the end before content", file("a", 1).header(), Code::ArchiveTruncated),
        ("T23 the end in a PAX header", pax(&[("path", b"b")])[..600].to_vec(), Code::ArchiveTruncated),
        ("T23 a size beyond every file", archive(&[&size(b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff")]), Code::ArchiveTruncated),
        ("T23 the end in the end marker", [&a[..], &[0; 700]].concat(), Code::ArchiveTruncated),
        ("T25 a contiguous file", archive(&[&ustar("a", b'7', 0).header()]), Code::TarType),
        ("T25 a vendor type", archive(&[&ustar("a", b'V', 0).header()]), Code::TarType),
        ("T25 a Solaris extension", archive(&[&extension(b'X', &record("path", b"b")), &a]), Code::TarType),
        ("T25 a file with the name of a directory", archive(&[&file("a/", 0).header()]), Code::TarType),
        ("T25 an unknown magic", archive(&[&file("a", 0).put(257, b"tsar").header()]), Code::TarType),
        ("a GNU name with a NUL inside", archive(&[&long(b'L', "a\0b"), &a]), Code::TarName),
        (
            "a GNU name that goes on in its padding",
            archive(&[&[ustar("L", b'L', 3).gnu().header(), [b'n'; 512].to_vec()].concat(), &a]),
            Code::TarName,
        ),
        ("a GNU name that ends with two NULs", archive(&[&long(b'L', "a\0"), &a]), Code::TarName),
        ("an empty GNU name", archive(&[&long(b'L', ""), &a]), Code::TarName),
        // Rust's `tar` takes the version for a part of the magic.
        ("a prefix behind another version", archive(&[&file("a", 0).put(263, b"15").put(345, b"dir").header()]), Code::TarName),
        ("a PAX header of another version", archive(&[&ustar("x", b'x', 0).put(263, b"15").header(), &a]), Code::TarType),
        ("a GNU name without a magic", archive(&[&ustar("L", b'L', 1).v7().with(b"l"), &a]), Code::TarType),
        ("a v7 header with a prefix", archive(&[&file("a", 0).v7().put(345, b"dir").header()]), Code::TarName),
        ("an old GNU header with a prefix", archive(&[&file("a", 0).gnu().put(345, b"dir").header()]), Code::TarName),
        (
            "a star header with a prefix into its times",
            archive(&[&file("a", 0).put(345, &[b'p'; 150]).put(508, b"tar\0").header()]),
            Code::TarName,
        ),
    ];
    for (what, bytes, expected) in cases {
        for profile in BOTH {
            assert_eq!(code(read(&bytes, profile)), Err(expected), "{what}, {profile:?}");
        }
    }
}

#[test]
fn an_outer_archive_is_judged_harder_than_a_layer() {
    let a = file("a", 0).header();
    let other = archive(&[&file("b", 0).header()]);
    let cases: Vec<(&str, Vec<u8>, Code, &[&str])> = vec![
        (
            "T2 a GNU name and harmless PAX",
            archive(&[&pax(&[("SCHILY.xattr.user.a", b"1")]), &long(b'L', "l"), &a]),
            Code::TarMixedExtensions,
            &["l"],
        ),
        ("T10 T25 a character device", archive(&[&ustar("c", b'3', 0).header()]), Code::TarType, &["c"]),
        ("T10 T25 a block device", archive(&[&ustar("b", b'4', 0).header()]), Code::TarType, &["b"]),
        ("T10 T25 a FIFO", archive(&[&ustar("f", b'6', 0).header()]), Code::TarType, &["f"]),
        (
            "an old GNU header with times",
            archive(&[&file("a", 0).gnu().put(345, b"00000000001\x0000000000002\0").header()]),
            Code::TarName,
            &["a"],
        ),
        ("T21 two archives, one behind the other", [archive(&[&a]), other].concat(), Code::TarDataAfterEnd, &["a"]),
        ("T21 one byte behind the end", [&archive(&[&a])[..], &[0; 9999], &[1]].concat(), Code::TarDataAfterEnd, &["a"]),
    ];
    for (what, bytes, refusal, names) in cases {
        assert_eq!(code(read(&bytes, Profile::Archive)), Err(refusal), "{what}");
        assert_eq!(code(read(&bytes, Profile::Layer)).unwrap(), names, "{what}");
    }
    // The other way round: owners in a global header change nothing in an outer archive.
    let owners = archive(&[&extension(b'g', &record("uid", b"7")), &a]);
    assert_eq!(code(read(&owners, Profile::Archive)).unwrap(), ["a"]);
    assert_eq!(code(read(&owners, Profile::Layer)), Err(Code::TarPaxGlobal));
}

#[test]
fn devices_with_a_size_are_refused_in_layers() {
    for flag in [b'3', b'4', b'6'] {
        let bytes = archive(&[&ustar("x", flag, 1).with(b"1")]);
        assert_eq!(code(read(&bytes, Profile::Layer)), Err(Code::TarSizeOnNonFile), "T10 {}", char::from(flag));
    }
}

#[test]
fn what_is_odd_and_read_by_all_alike_is_accepted_with_a_warning() {
    let a = file("a", 0).header();
    let umlaut = file("a", 0).put(1, "ä".as_bytes()).put(148, b"        ").0;
    let signed: i32 = umlaut.iter().map(|byte| i32::from(byte.cast_signed())).sum();
    let signed = Block(umlaut).put(148, format!("{signed:06o}\0 ").as_bytes()).0;
    let cases: Vec<(&str, Vec<u8>, Vec<Code>)> = vec![
        ("T8 a checksum of signed bytes", archive(&[&signed, &signed]), vec![Code::TarChecksum]),
        ("T20 one zero block at the end", [&a[..], &[0; 512]].concat(), vec![Code::TarNoEnd]),
        ("T22 no end marker", a.clone(), vec![Code::TarNoEnd]),
        ("T22 nothing at all", Vec::new(), vec![Code::TarNoEnd]),
        ("an end marker and 10 KiB of zeros", [archive(&[&a]), vec![0; 10_000]].concat(), vec![]),
    ];
    for (what, bytes, expected) in cases {
        for profile in BOTH {
            assert_eq!(read(&bytes, profile).unwrap().1, expected, "{what}");
        }
    }
    let behind = [archive(&[&a]), b"junk".to_vec()].concat();
    let mut walk = Walk::over(&behind[..], &Limits::STANDARD, Profile::Layer);
    assert!(walk.by_ref().all(|member| member.is_ok()));
    assert_eq!((walk.warnings()[0].code, walk.warnings()[0].severity), (Code::TarDataAfterEnd, Severity::Warning));
}

#[test]
fn limits_are_obeyed_to_the_member_and_to_the_byte() {
    let a = file("a", 0).header();
    let three = Limits { archive_entries: 3, ..Limits::STANDARD };
    assert!(read_within(&archive(&[&a, &a, &a]), &three, Profile::Archive).is_ok());
    assert_eq!(code(read_within(&archive(&[&a, &a, &a, &a]), &three, Profile::Archive)), Err(Code::TarTooMany), "T24");
    let globals = extension(b'g', b"");
    assert_eq!(
        code(read_within(&archive(&[&globals, &globals, &globals, &globals]), &three, Profile::Archive)),
        Err(Code::TarTooMany),
        "T24"
    );

    let names = Limits { long_name_bytes: 5000, ..Limits::STANDARD };
    let name = |length: usize| "n".repeat(length);
    assert!(read_within(&archive(&[&long(b'L', &name(4999)), &a]), &names, Profile::Archive).is_ok());
    assert!(read_within(&archive(&[&pax(&[("path", name(5000).as_bytes())]), &a]), &names, Profile::Archive).is_ok());
    for bytes in [long(b'L', &name(5000)), pax(&[("path", name(5001).as_bytes())])] {
        assert_eq!(code(read_within(&archive(&[&bytes, &a]), &names, Profile::Archive)), Err(Code::TarHeaderTooLarge), "T24");
    }

    let small = Limits { layer_bytes: 2047, ..Limits::STANDARD };
    let error = stream(&archive(&[&file("a", 1).with(b"1")]), &small, Profile::Layer).unwrap_err();
    assert_eq!(error.code(), Code::LayerTooLarge);
}

#[test]
fn pax_values_are_cut_by_length_and_never_at_newlines() {
    let fake: &[u8] = b"\x01\n\n\0\x0213 size=512\n99 path=evil\n";
    let bytes = archive(&[
        &pax(&[
            ("SCHILY.xattr.security.capability", fake),
            ("path", b"real\nname"),
            ("size", b"3"),
            ("uid", b"70000"),
            ("gid", b"8"),
            ("mtime", b"-1.5"),
        ]),
        &file("short", 3).with(b"abc"),
    ]);
    for profile in BOTH {
        let (members, warnings) = read(&bytes, profile).unwrap();
        let expected = Member {
            name: b"real\nname".to_vec(),
            kind: Kind::File,
            size: 3,
            data_offset: 1536,
            header_offset: 0,
            link: Vec::new(),
            mode: 0o644,
            uid: 70000,
            gid: 8,
            mtime: -2,
        };
        assert_eq!((members, warnings), (vec![expected], vec![]));
    }
}

#[test]
fn names_come_from_where_the_dialect_has_them() {
    let name = "d/".repeat(80) + "name";
    let target = "t/".repeat(90) + "target";
    let link = ustar("short", b'2', 0).put(157, b"away");
    let (members, _) = read(
        &archive(&[
            &long(b'K', &target),
            &long(b'L', &name),
            &link.clone().gnu().header(),
            &pax(&[("linkpath", target.as_bytes()), ("path", name.as_bytes())]),
            &link.clone().header(),
            &ustar("././@LongLink", b'L', 3).gnu().with(b"abc"),
            &link.clone().header(),
            &link.put(345, b"pre/fix").header(),
            &file("a", 0).gnu().header(),
            &ustar("old", 0, 0).v7().header(),
            &ustar("old/", 0, 0).v7().header(),
            &file("a", 0).put(0, &[b'x'; 100]).put(345, &[b'y'; 155]).header(),
            &file("a", 0).put(124, b"     0 \0    ").put(100, b" 100755 ").put(108, &[0; 8]).put(136, &[0xff; 12]).header(),
        ]),
        Profile::Archive,
    )
    .unwrap();
    let seen: Vec<(String, String)> = members
        .iter()
        .map(|member| (String::from_utf8(member.name.clone()).unwrap(), String::from_utf8(member.link.clone()).unwrap()))
        .collect();
    let pair = |name: &str, link: &str| (name.to_owned(), link.to_owned());
    let full = "y".repeat(155) + "/" + &"x".repeat(100);
    assert_eq!(
        seen,
        [
            pair(&name, &target),
            pair(&name, &target),
            pair("abc", "away"),
            pair("pre/fix/short", "away"),
            pair("a", ""),
            pair("old", ""),
            pair("old/", ""),
            pair(&full, ""),
            pair("a", "")
        ]
    );
    assert_eq!([members[5].kind, members[6].kind], [Kind::File, Kind::Directory]);
    let last = members.last().unwrap();
    assert_eq!((last.mode, last.mtime), (0o755, -1));
}

/// An archive whose content is not there: headers at their offsets, and zeros for everything else.
struct Hollow {
    pieces: Vec<(u64, Vec<u8>)>,
    length: u64,
    reads: std::sync::atomic::AtomicUsize,
}

impl ReadAt for Hollow {
    fn length(&self) -> u64 {
        self.length
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> std::io::Result<usize> {
        self.reads.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let count = usize::try_from(self.length - offset).unwrap().min(buffer.len());
        buffer[..count].fill(0);
        for (at, piece) in &self.pieces {
            for (position, byte) in piece.iter().enumerate() {
                if let Some(target) =
                    (at + position as u64).checked_sub(offset).and_then(|place| buffer[..count].get_mut(usize::try_from(place).unwrap()))
                {
                    *target = *byte;
                }
            }
        }
        Ok(count)
    }
}

#[test]
fn files_beyond_octal_are_walked_without_reading_them() {
    let size: u64 = 9 << 30;
    let plain = |marker: &[u8]| file("big", 0).put(124, marker).header();
    let base256 = [&[0x80, 0, 0, 0], &size.to_be_bytes()[..]].concat();
    let record = pax(&[("size", size.to_string().as_bytes())]);
    let heads = [
        ("written here", writer::file_header("big", size, 0).unwrap()),
        ("base-256 alone", plain(&base256)),
        ("PAX over 0, as Go, Python and GNU tar write it", [&record[..], &plain(b"00000000000\0")].concat()),
        ("PAX over all sevens", [&record[..], &plain(b"77777777777\0")].concat()),
    ];
    for (what, head) in heads {
        let start = head.len() as u64;
        let next = start + size;
        let mut hollow = Hollow { pieces: vec![(0, head), (next, file("next", 0).header())], length: next + 512 + 1024, reads: 0.into() };
        let members: Vec<Member> = Walk::over(&hollow as &dyn ReadAt, &Limits::STANDARD, Profile::Archive).collect::<Result<_>>().unwrap();
        assert_eq!((members[0].size, members[0].data_offset, members[1].header_offset), (size, start, next), "{what}");
        assert!(*hollow.reads.get_mut() <= 3, "{what}");
        hollow.length = next - 1;
        let cut = Walk::over(&hollow, &Limits::STANDARD, Profile::Archive).find_map(Result::err).unwrap();
        assert_eq!(cut.code(), Code::ArchiveTruncated, "{what}");
        assert_eq!(cut.finding().found.as_ref().unwrap().from, format!("the end at offset {}", next - 1));
    }
}

#[test]
fn content_is_read_or_skipped() {
    let bytes = archive(&[&file("a", 5).with(b"hello"), &file("b", 3).with(b"two"), &file("c", 700).with(&[9; 700])]);
    let mut reader = LayerReader::over(Trickle(&bytes), &Limits::STANDARD, Profile::Layer);
    let mut text = String::new();
    reader.next_member().unwrap().unwrap();
    reader.read_to_string(&mut text).unwrap();
    assert_eq!(text, "hello");
    reader.next_member().unwrap().unwrap();
    assert_eq!(reader.read_content(&mut [0; 2]).unwrap(), 2);
    let member = reader.next_member().unwrap().unwrap();
    assert_eq!(bytes[usize::try_from(member.data_offset).unwrap()..][..700], [9; 700]);
    let mut content = Vec::new();
    reader.read_to_end(&mut content).unwrap();
    assert_eq!(content, [9; 700]);
    assert!(reader.next_member().unwrap().is_none());
    assert!(reader.next_member().unwrap().is_none());
    assert_eq!(reader.read_content(&mut [0; 2]).unwrap(), 0);
}

#[test]
fn a_stream_that_was_refused_stays_refused() {
    let bytes = file("a", 5).header();
    let mut reader = LayerReader::over(&bytes[..], &Limits::STANDARD, Profile::Layer);
    reader.next_member().unwrap().unwrap();
    let error = reader.read_to_end(&mut Vec::new()).unwrap_err().downcast::<Error>().unwrap();
    assert_eq!(error.code(), Code::ArchiveTruncated);
    assert_eq!(reader.next_member().unwrap_err().code(), Code::ArchiveTruncated);
}

#[test]
fn a_failure_beneath_keeps_its_code() {
    struct Failing(bool);
    impl std::io::Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(if self.0 { std::io::Error::other(Error::new(Code::LayerCompression, "damaged")) } else { std::io::Error::other("disk") })
        }
    }
    for (ours, expected) in [(true, Code::LayerCompression), (false, Code::Io)] {
        let error = LayerReader::over(Failing(ours), &Limits::STANDARD, Profile::Layer).next_member().unwrap_err();
        assert_eq!(error.code(), expected);
    }
}

#[test]
fn names_have_one_spelling() {
    let accepted = [
        ("index.json", "index.json"),
        ("./index.json", "index.json"),
        ("blobs//sha256///x", "blobs/sha256/x"),
        ("blobs/", "blobs"),
        ("./", ""),
        (".", ""),
        (".//a", "a"),
        ("..a/b..", "..a/b.."),
    ];
    for (name, expected) in accepted {
        assert_eq!(normalise(name.as_bytes()).unwrap(), expected, "{name}");
    }
    let refused: [&[u8]; 11] = [b"", b"/", b"/etc/passwd", b"..", b"../x", b"a/../b", b"a/..", b"a/./b", b"././a", b"a\0b", b"a\xff"];
    for name in refused {
        assert_eq!(normalise(name).unwrap_err().code(), Code::TarName, "{name:?}");
    }
}

#[test]
fn written_headers_are_the_same_every_time() {
    let blob = format!("blobs/sha256/{}", "ab".repeat(32));
    let bytes = [
        writer::file_header("oci-layout", 3, 5).unwrap(),
        b"{}\n".to_vec(),
        vec![0; writer::padding(3)],
        writer::directory_header("blobs", 5).unwrap(),
        writer::file_header(&blob, 512, 5).unwrap(),
        vec![1; 512],
        writer::END.to_vec(),
    ]
    .concat();
    let (members, warnings) = read(&bytes, Profile::Archive).unwrap();
    let seen: Vec<_> =
        members.iter().map(|member| (String::from_utf8_lossy(&member.name), member.kind, member.size, member.mode, member.mtime)).collect();
    assert_eq!(
        seen,
        [
            ("oci-layout".into(), Kind::File, 3, 0o644, 5),
            ("blobs/".into(), Kind::Directory, 0, 0o755, 5),
            (blob.as_str().into(), Kind::File, 512, 0o644, 5)
        ]
    );
    assert_eq!(warnings, []);
    // Fields that a reader does not show: no names of users, and this is the digest of what `tar --format=ustar
    // --mtime=@5 --owner=0 --group=0 --numeric-owner --mode=… -b1` of GNU tar writes.
    assert_eq!(bytes[265..329], [0; 64]);
    assert_eq!(
        crate::foundation::Digest::sha256(&bytes).to_string(),
        "sha256:045de46bcbe546415c910dbf2e72bc96c9f65dcc95495b192121533cd0edc4dc"
    );
    for name in ["/a", "../a", "", ".", "./a", "a//b", "a/../b"] {
        assert_eq!(writer::file_header(name, 0, 0).unwrap_err().code(), Code::TarName, "{name:?}");
    }
    assert_eq!([0, 1, 511, 512, 513].map(writer::padding), [0, 511, 1, 0, 511]);
    assert_eq!(writer::file_header("a", (8 << 30) - 1, 0).unwrap().len(), 512);
    let large = writer::file_header("a", 8 << 30, 0).unwrap();
    assert_eq!((large.len(), &large[512..532]), (1536, &b"19 size=8589934592\n\0"[..]));
}

#[test]
fn what_ustar_is_too_narrow_for_gets_a_pax_header() {
    let hex = "0123456789abcdef".repeat(8);
    let names = [
        (format!("blobs/sha512/{hex}"), 700),
        (format!("{}/x", "d".repeat(160)), 3),
        (format!("{}é{}", "n".repeat(60), "m".repeat(63)), 3),
        ("n".repeat(101), 3),
    ];
    let mut bytes = Vec::new();
    for (name, size) in &names {
        bytes.extend(writer::file_header(name, *size, 5).unwrap());
        bytes.resize(bytes.len() + usize::try_from(*size).unwrap() + writer::padding(*size), 0);
    }
    bytes.extend(writer::directory_header(&"d".repeat(120), 5).unwrap());
    bytes.extend(writer::END);
    let expected: Vec<(String, u64)> = names.iter().cloned().chain([(format!("{}/", "d".repeat(120)), 0)]).collect();
    let (members, warnings) = read(&bytes, Profile::Archive).unwrap();
    let seen: Vec<_> = members.iter().map(|member| (String::from_utf8(member.name.clone()).unwrap(), member.size)).collect();
    assert_eq!((seen, warnings), (expected.clone(), Vec::new()));
    let mut archive = tar::Archive::new(&bytes[..]);
    let seen: Vec<_> = archive
        .entries()
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (String::from_utf8(entry.path_bytes().into_owned()).unwrap(), entry.size()))
        .collect();
    assert_eq!(seen, expected);
    // Whoever knows no PAX sees two blobs under two names.
    assert_eq!(bytes[1024..1088], hex.as_bytes()[64..]);

    // Both at once.
    let size: u64 = 9 << 30;
    let name = &names[0].0;
    let mut bytes = writer::file_header(name, size, 0).unwrap();
    bytes.extend(writer::END);
    let mut archive = tar::Archive::new(&bytes[..]);
    let entry = archive.entries().unwrap().next().unwrap().unwrap();
    assert_eq!((String::from_utf8(entry.path_bytes().into_owned()).unwrap(), entry.size()), (name.clone(), size));
}

// Against other implementations.

/// Numbers that look random and are the same in every run (xorshift64*).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        usize::try_from(self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33).unwrap() % sides
    }
}

#[derive(Debug, Clone)]
struct Wanted {
    name: String,
    content: Vec<u8>,
    kind: Kind,
    attribute: Option<Vec<u8>>,
}

/// Writes what is wanted with the `tar` crate.
fn built(wanted: &[Wanted], gnu: bool) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for member in wanted {
        if let Some(attribute) = &member.attribute {
            builder.append_pax_extensions([("SCHILY.xattr.user.a", &attribute[..])]).unwrap();
        }
        let mut header = if gnu { tar::Header::new_gnu() } else { tar::Header::new_ustar() };
        header.set_mode(0o644);
        header.set_size(member.content.len() as u64);
        match member.kind {
            Kind::Symlink => {
                header.set_entry_type(tar::EntryType::Symlink);
                builder.append_link(&mut header, &member.name, format!("{}/target", member.name)).unwrap();
            }
            kind => {
                header.set_entry_type(if kind == Kind::Directory { tar::EntryType::Directory } else { tar::EntryType::Regular });
                builder.append_data(&mut header, &member.name, &member.content[..]).unwrap();
            }
        }
    }
    builder.into_inner().unwrap()
}

fn wanted() -> impl proptest::strategy::Strategy<Value = Wanted> {
    use proptest::prelude::*;
    let name = prop_oneof!["[a-zé.]{1,8}x", "([a-z]{1,40}/){2,9}[a-z]{1,120}"];
    let content = prop::collection::vec(any::<u8>(), 0..1100);
    let attribute = prop::option::weighted(0.3, prop::collection::vec(prop_oneof![Just(b'\n'), Just(0), any::<u8>()], 0..40));
    (name, content, 0..4, attribute).prop_map(|(name, content, kind, attribute)| match kind {
        0 => Wanted { name: name + "/", content: Vec::new(), kind: Kind::Directory, attribute },
        1 => Wanted { name, content: Vec::new(), kind: Kind::Symlink, attribute },
        _ => Wanted { name, content, kind: Kind::File, attribute },
    })
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 100, failure_persistence: None, ..Default::default() })]

    /// What the `tar` crate writes is read back, long names, attributes and all.
    #[test]
    fn the_tar_crate_is_read_back(wanted in proptest::collection::vec(wanted(), 0..6)) {
        let bytes = built(&wanted, true);
        let (members, warnings) = read(&bytes, Profile::Layer).unwrap();
        let seen: Vec<(String, u64, Kind)> = members.iter().map(|member| (String::from_utf8(member.name.clone()).unwrap(), member.size, member.kind)).collect();
        let written: Vec<(String, u64, Kind)> = wanted.iter().map(|member| (member.name.clone(), member.content.len() as u64, member.kind)).collect();
        proptest::prop_assert_eq!(seen, written);
        proptest::prop_assert!(warnings.iter().all(|code| *code == Code::TarMixedExtensions));
        for (member, wanted) in members.iter().zip(&wanted) {
            let start = usize::try_from(member.data_offset).unwrap();
            proptest::prop_assert_eq!(&bytes[start..start + wanted.content.len()], &wanted.content[..]);
        }
    }

    /// Arbitrary damage ends in a refusal, never in a panic, and both ways of reading agree.
    #[test]
    fn damage_is_survived(wanted in proptest::collection::vec(wanted(), 1..4), seed in 1_u64.., layer in proptest::bool::ANY) {
        let profile = if layer { Profile::Layer } else { Profile::Archive };
        let mut dice = Dice(seed);
        for _ in 0..4 {
            let _ = read(&mutated(&built(&wanted, true), &mut dice), profile);
        }
    }
}

/// Sets the checksum of the block right that starts at `at`, so that damage gets past it.
fn set_right(bytes: &mut [u8], at: usize) {
    if let Some(block) = bytes.get_mut(at..at + BLOCK) {
        let whole: [u8; BLOCK] = block.try_into().unwrap();
        block.copy_from_slice(&Block(whole).header());
    }
}

/// Damages an archive in one to three places.
fn mutated(bytes: &[u8], dice: &mut Dice) -> Vec<u8> {
    const VALUES: &[u8] = b"\0\0 /0127=\n5xgLKS\x80\xff";
    let mut bytes = bytes.to_vec();
    for _ in 0..=dice.roll(3) {
        let blocks = bytes.len() / BLOCK;
        if blocks == 0 {
            break;
        }
        let block = dice.roll(blocks) * BLOCK;
        match dice.roll(8) {
            0 => bytes.truncate(dice.roll(bytes.len())),
            1 => drop(bytes.drain(block..block + BLOCK)),
            2 => {
                let copy = bytes[block..block + BLOCK].to_vec();
                bytes.splice(block..block, copy);
            }
            kind => {
                let place = block + dice.roll(BLOCK);
                bytes[place] = if dice.roll(2) == 0 { bytes[place] ^ (1 << dice.roll(8)) } else { VALUES[dice.roll(VALUES.len())] };
                if kind > 3 && bytes[block + 257..block + 262] == *b"ustar" {
                    set_right(&mut bytes, block);
                }
            }
        }
    }
    bytes
}

/// Archives of many kinds, their damaged forms that are accepted, and the names seen in them.
fn accepted(count: usize, most: usize, profile: Profile) -> Vec<(Vec<u8>, Vec<Vec<u8>>)> {
    let member = |name: &str, content: &[u8], kind| Wanted { name: name.to_owned(), content: content.to_vec(), kind, attribute: None };
    let deep = "deep/".repeat(30) + "name";
    let plain = [
        member("dir/", b"", Kind::Directory),
        member("dir/file", b"content", Kind::File),
        member("link", b"", Kind::Symlink),
        member(&deep, &[b'x'; 600], Kind::File),
    ];
    let sources = [
        built(&plain, true),
        built(&plain, false),
        archive(&[
            &pax(&[("path", deep.as_bytes()), ("mtime", b"1.5"), ("SCHILY.xattr.user.a", b"\n\n")]),
            &file("a", 9).with(b"123456789"),
            &ustar("b/", 0, 0).v7().header(),
        ]),
        archive(&[
            &extension(b'g', &record("comment", b"hello")),
            &file("a", 1).with(b"1"),
            &long(b'K', &deep),
            &ustar("l", b'1', 0).gnu().header(),
        ]),
    ];
    let mut dice = Dice(0x5eed);
    let mut found = Vec::new();
    for number in 0..count {
        let bytes = mutated(&sources[number % sources.len()], &mut dice);
        // Python has its own word for a file of no bytes.
        if let Ok((members, _)) = walk(&bytes, &Limits::STANDARD, profile)
            && !bytes.is_empty()
            && found.len() < most
        {
            found.push((bytes, members.into_iter().map(|member| member.name).collect()));
        }
    }
    found
}

/// Runs a program on `input`; `None` with a visible line if there is no such program.
fn run(program: &str, arguments: &[&str], input: &[u8]) -> Option<std::process::Output> {
    let child = Command::new(program)
        .args(arguments)
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = child else {
        println!("skipped: there is no {program} here");
        return None;
    };
    let mut pipe = child.stdin.take().unwrap();
    let input = input.to_vec();
    // The program may end before it read everything.
    let feeder = std::thread::spawn(move || drop(pipe.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    feeder.join().unwrap();
    Some(output)
}

#[test]
fn gnu_tar_lists_what_we_accept() {
    match run("tar", &["--version"], b"") {
        Some(version) if version.stdout.starts_with(b"tar (GNU tar)") => {}
        _ => return println!("skipped: there is no GNU tar here"),
    }
    let cases = accepted(1500, 150, Profile::Layer);
    assert!(cases.len() > 50, "only {}", cases.len());
    for (bytes, names) in cases {
        let output = run("tar", &["--list", "--quoting-style=literal", "--file=-"], &bytes).unwrap();
        let listed = names.iter().flat_map(|name| [name, &b"\n"[..]].concat()).collect::<Vec<u8>>();
        assert_eq!(
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&listed),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

/// Reads archives that each follow their length, and lists the names of each in hexadecimal on one line.
const LISTING: &str = r#"
import io, struct, sys, tarfile
data = sys.stdin.buffer
while head := data.read(8):
    archive = io.BytesIO(data.read(struct.unpack(">Q", head)[0]))
    try:
        with tarfile.open(fileobj=archive, mode="r:", encoding="utf-8") as tar:
            print(*[(m.name.encode("utf-8", "surrogateescape").rstrip(b"/") + b"|%d" % m.size).hex() for m in tar])
    except tarfile.TarError as error:
        print("error", type(error).__name__, error)
"#;

#[test]
fn python_lists_what_we_accept() {
    // Python reads a prefix where old GNU headers have times, so only the rules for outer archives suit it.
    let cases = accepted(3000, 1000, Profile::Archive);
    assert!(cases.len() > 300, "only {}", cases.len());
    let input: Vec<u8> = cases.iter().flat_map(|(bytes, _)| [&(bytes.len() as u64).to_be_bytes()[..], bytes].concat()).collect();
    let Some(output) = run("python3", &["-c", LISTING], &input) else { return };
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(text.lines().count(), cases.len(), "{}", String::from_utf8_lossy(&output.stderr));
    for ((bytes, _), line) in cases.iter().zip(text.lines()) {
        // Python leaves out the slashes behind the names of directories.
        let (members, _) = walk(bytes, &Limits::STANDARD, Profile::Archive).unwrap();
        let mut expected = Vec::new();
        for member in members {
            let end = member.name.iter().rposition(|byte| *byte != b'/').map_or(0, |last| last + 1);
            expected.push(hex(&[&member.name[..end], format!("|{}", member.size).as_bytes()].concat()));
        }
        assert_eq!(line, expected.join(" "));
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}
