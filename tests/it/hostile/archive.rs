//! §4.6: the framing of archives. Headers are made by hand here, byte by byte, because no honest tool writes these.

use std::process::Command;

use airbase::format::tar::{Profile, Walk};
use airbase::foundation::{Code, Limits};

use super::{ACCEPTED, DAMAGED, LAYER_DAMAGED, Place, REFUSED, Statuses, write_files};
use crate::support::image::archive;
use crate::support::{Image, Layout, layer};

/// A ustar header with its checksum, as POSIX has it.
fn header(name: &str, flag: u8, size: u64) -> Vec<u8> {
    raw(name, flag, format!("{size:011o}\0").as_bytes(), "", b"ustar\x0000")
}

fn raw(name: &str, flag: u8, size: &[u8], link: &str, magic: &[u8]) -> Vec<u8> {
    let mut block = vec![0; 512];
    for (at, bytes) in [
        (0, name.as_bytes()),
        (100, b"0000644\0"),
        (108, b"0000000\0"),
        (116, b"0000000\0"),
        (124, size),
        (136, b"00000000000\0"),
        (148, b"        "),
        (156, &[flag]),
        (157, link.as_bytes()),
        (257, magic),
    ] {
        block[at..at + bytes.len()].copy_from_slice(bytes);
    }
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}

/// A member with its padding.
fn member(header: Vec<u8>, content: &[u8]) -> Vec<u8> {
    let padding = content.len().next_multiple_of(512) - content.len();
    [header, content.to_vec(), vec![0; padding]].concat()
}

fn file(name: &str, content: &[u8]) -> Vec<u8> {
    member(header(name, b'0', content.len() as u64), content)
}

fn link(flag: u8, name: &str, target: &str) -> Vec<u8> {
    raw(name, flag, b"00000000000\0", target, b"ustar\x0000")
}

fn pax(flag: u8, records: &str) -> Vec<u8> {
    member(header("pax", flag, records.len() as u64), records.as_bytes())
}

fn gnu(flag: u8, name: &str) -> Vec<u8> {
    let content = format!("{name}\0");
    let size = format!("{:011o}\0", content.len());
    member(raw("././@LongLink", flag, size.as_bytes(), "", b"ustar  \0"), content.as_bytes())
}

const END: [u8; 1024] = [0; 1024];

/// The members of an honest archive, without its end.
fn honest(place: &Place) -> Vec<u8> {
    place.layout().files().iter().flat_map(|(name, bytes)| file(name, bytes)).collect()
}

/// An honest archive with something between its members and its end.
fn with(place: &Place, more: &[u8]) -> Vec<u8> {
    [&honest(place), more, &END].concat()
}

/// An archive of these members.
fn of(members: &[Vec<u8>]) -> Vec<u8> {
    [&members.concat(), &END[..]].concat()
}

/// The members of the layout of the application, each apart, to be changed: `oci-layout`, `index.json`, blobs.
fn parts(place: &Place) -> Vec<Vec<u8>> {
    place.layout().files().iter().map(|(name, bytes)| file(name, bytes)).collect()
}

fn judge(place: &Place, cases: &[(&str, Vec<u8>, &str, Statuses)]) {
    super::all(cases, |(row, bytes, code, expected)| {
        std::fs::write(place.join("bad.tar"), bytes).unwrap();
        place.judge(row, "bad.tar", code, *expected);
    });
}

#[test]
fn t_what_two_readers_would_read_differently_is_refused() {
    let place = Place::new();
    let zero = |name: &str| file(name, b"");
    let size = |number: &[u8]| raw("x", b'0', number, "", b"ustar\x0000");
    let mut broken = zero("x");
    broken[0] = b'y';
    let cases: Vec<(&str, Vec<u8>, &str, Statuses)> = vec![
        (
            "T1 a PAX size above the header's",
            with(&place, &[pax(b'x', "12 size=512\n"), zero("x"), zero("y")].concat()),
            "tar.size_conflict",
            REFUSED,
        ),
        (
            "T1 a PAX size below the header's",
            with(&place, &[pax(b'x', "10 size=0\n"), file("x", &zero("y"))].concat()),
            "tar.size_conflict",
            REFUSED,
        ),
        ("T2 PAX, then GNU", with(&place, &[pax(b'x', "9 path=a\n"), gnu(b'L', "b"), zero("x")].concat()), "tar.mixed_extensions", REFUSED),
        ("T2 GNU, then PAX", with(&place, &[gnu(b'L', "b"), pax(b'x', "9 path=a\n"), zero("x")].concat()), "tar.mixed_extensions", REFUSED),
        ("T3 a record twice", with(&place, &[pax(b'x', "9 path=a\n9 path=b\n"), zero("x")].concat()), "tar.pax_duplicate", REFUSED),
        ("T4 a record that is too long", with(&place, &[pax(b'x', "99 path=a\n"), zero("x")].concat()), "tar.pax_malformed", REFUSED),
        ("T4 a record without newline", with(&place, &[pax(b'x', "8 path=a\n"), zero("x")].concat()), "tar.pax_malformed", REFUSED),
        ("T4 a NUL in a path", with(&place, &[pax(b'x', "11 path=a\0b\n"), zero("x")].concat()), "tar.pax_malformed", REFUSED),
        ("T5 a global path", with(&place, &[pax(b'g', "9 path=a\n"), zero("x")].concat()), "tar.pax_global", REFUSED),
        ("T5 a global size", with(&place, &[pax(b'g', "10 size=0\n"), zero("x")].concat()), "tar.pax_global", REFUSED),
        ("T5 a global sparse map", with(&place, &[pax(b'g', "22 GNU.sparse.major=1\n"), zero("x")].concat()), "tar.pax_global", REFUSED),
        ("T6 a PAX header of 4 GiB", with(&place, &header("pax", b'x', 4 << 30)), "tar.header_too_large", REFUSED),
        ("T6 a GNU name of 1 GiB", with(&place, &header("long", b'L', 1 << 30)), "tar.header_too_large", REFUSED),
        (
            "T7 two PAX headers",
            with(&place, &[pax(b'x', "9 path=a\n"), pax(b'x', "9 path=b\n"), zero("x")].concat()),
            "tar.orphan_extension",
            REFUSED,
        ),
        ("T7 two GNU names", with(&place, &[gnu(b'L', "a"), gnu(b'L', "b"), zero("x")].concat()), "tar.orphan_extension", REFUSED),
        ("T7 an extension at the end", with(&place, &pax(b'x', "9 path=a\n")), "tar.orphan_extension", REFUSED),
        ("T8 a wrong checksum", with(&place, &broken), "tar.checksum", REFUSED),
        ("T9 a negative size", with(&place, &size(&[0xff; 12])), "tar.number", REFUSED),
        ("T9 a size above 2^63-1", with(&place, &size(b"\x80\0\0\0\x80\0\0\0\0\0\0\0")), "tar.number", REFUSED),
        ("T9 a digit that is not octal", with(&place, &size(b"00000000009\0")), "tar.number", REFUSED),
        ("T9 a NUL inside a number", with(&place, &size(b"0000\x00000000\0")), "tar.number", REFUSED),
        ("T10 a directory with content", with(&place, &member(header("d/", b'5', 512), &zero("y"))), "tar.size_on_nonfile", REFUSED),
        ("T10 a link with content", with(&place, &member(header("l", b'1', 512), &zero("y"))), "tar.size_on_nonfile", REFUSED),
        ("T13 a GNU sparse file", with(&place, &header("s", b'S', 0)), "tar.sparse", REFUSED),
        ("T13 a PAX sparse file", with(&place, &[pax(b'x', "22 GNU.sparse.major=1\n"), zero("x")].concat()), "tar.sparse", REFUSED),
        ("T16 .. in a name", with(&place, &zero("blobs/../x")), "tar.name", REFUSED),
        ("T16 . in a name", with(&place, &zero("blobs/./x")), "tar.name", REFUSED),
        ("T16 another case of blobs", with(&place, &zero("Blobs/sha256/x")), "tar.name", REFUSED),
        ("T16 another case of index.json", with(&place, &zero("INDEX.JSON")), "tar.name", REFUSED),
        ("T17 an absolute name", with(&place, &zero("/etc/cron.d/x")), "tar.name", REFUSED),
        ("T17 a name that climbs out", with(&place, &zero("../x")), "tar.name", REFUSED),
        ("T17 a directory that climbs out", with(&place, &header("../x/", b'5', 0)), "tar.name", REFUSED),
        (
            "T20 a member behind one zero block",
            [honest(&place), vec![0; 512], zero("x"), END.to_vec()].concat(),
            "tar.data_after_end",
            REFUSED,
        ),
        ("T21 two archives, one behind the other", [with(&place, b""), with(&place, b"")].concat(), "tar.data_after_end", REFUSED),
        ("T21 one byte behind the end", [with(&place, b""), vec![0; 5000], vec![1]].concat(), "tar.data_after_end", REFUSED),
        ("T25 a contiguous file", with(&place, &header("x", b'7', 0)), "tar.type", REFUSED),
        ("T25 a vendor's type", with(&place, &header("x", b'M', 0)), "tar.type", REFUSED),
        ("T25 a device", with(&place, &header("x", b'3', 0)), "tar.type", REFUSED),
        ("T25 a FIFO", with(&place, &header("x", b'6', 0)), "tar.type", REFUSED),
    ];
    judge(&place, &cases);
}

/// T11, T14, T15, T16: members with the names that decide what the archive says.
#[test]
fn t_names_that_decide_stand_once_and_are_files() {
    let place = Place::new();
    let parts = parts(&place);
    let files = place.layout().files();
    let changed = |position: usize, other: Vec<u8>| {
        let mut parts = parts.clone();
        parts[position] = other;
        of(&parts)
    };
    let (first_blob, bytes) = files[2].clone();
    let mut other = bytes.clone();
    other[0] ^= 1;
    let sha256 = |name: &str| name.replacen("blobs/", "./blobs//", 1);
    let cases: Vec<(&str, Vec<u8>, &str, Statuses)> = vec![
        (
            "T11 index.json is a link",
            [changed(1, file("real.json", &files[1].1)), link(b'2', "index.json", "real.json")].concat(),
            "tar.data_after_end",
            REFUSED,
        ),
        (
            "T11 index.json is a symbolic link",
            changed(1, [file("real.json", &files[1].1), link(b'2', "index.json", "real.json")].concat()),
            "tar.link",
            REFUSED,
        ),
        (
            "T11 index.json is a hard link",
            changed(1, [file("real.json", &files[1].1), link(b'1', "index.json", "real.json")].concat()),
            "tar.link",
            REFUSED,
        ),
        ("T11 oci-layout is a link out", changed(0, link(b'2', "oci-layout", "/etc/passwd")), "tar.link", REFUSED),
        ("T11 a blob is a link out", changed(2, link(b'2', &first_blob, "/etc/passwd")), "tar.link", REFUSED),
        ("T11 a blob is a link that climbs out", changed(2, link(b'2', &first_blob, "../../../etc/passwd")), "tar.link", REFUSED),
        ("T11 a blob is a link to nothing", changed(2, link(b'2', &first_blob, "../../nothing")), "tar.link", REFUSED),
        ("T11 a blob is a hard link to a name that climbs out", changed(2, link(b'1', &first_blob, "../x")), "tar.name", REFUSED),
        (
            "T12 a blob is a link to a link",
            changed(2, [link(b'2', &first_blob, "../../hop"), link(b'2', "hop", "real"), file("real", &bytes)].concat()),
            "tar.link",
            REFUSED,
        ),
        (
            "T12 a blob is a link to itself",
            changed(2, link(b'2', &first_blob, first_blob.rsplit('/').next().unwrap())),
            "tar.link",
            REFUSED,
        ),
        ("T14 index.json twice, the same", with(&place, &parts[1]), "tar.duplicate_entry", REFUSED),
        ("T14 index.json twice, in two spellings", with(&place, &file("./index.json", &files[1].1)), "tar.duplicate_entry", REFUSED),
        ("T14 oci-layout twice", with(&place, &parts[0]), "tar.duplicate_entry", REFUSED),
        (
            "T14 manifest.json twice",
            with(&place, &[file("manifest.json", b"[]"), file("manifest.json", b"[]")].concat()),
            "tar.duplicate_entry",
            REFUSED,
        ),
        ("T15 a blob twice, the same", with(&place, &parts[2]), "tar.duplicate_entry", ACCEPTED),
        (
            "T15 a blob twice, the same, in two spellings",
            with(&place, &file(&sha256(&first_blob), &bytes)),
            "tar.duplicate_entry",
            ACCEPTED,
        ),
        ("T15 a blob twice, not the same", with(&place, &file(&first_blob, &other)), "tar.duplicate_entry", REFUSED),
        (
            "T15 a blob twice, the second one longer",
            with(&place, &file(&first_blob, &[&bytes[..], b"x"].concat())),
            "tar.duplicate_entry",
            REFUSED,
        ),
        ("T15 a blob, then a link of its name", with(&place, &link(b'2', &first_blob, "../../oci-layout")), "tar.duplicate_entry", REFUSED),
        ("blobs is a file", with(&place, &file("blobs", b"")), "", ACCEPTED),
    ];
    judge(&place, &cases);
}

#[test]
fn t_archives_that_are_odd_and_clear() {
    let place = Place::new();
    let files = place.layout().files();
    let (blob, bytes) = files[2].clone();
    let mut reversed = files.clone();
    reversed.reverse();
    let dotted: Vec<(String, Vec<u8>)> = files.iter().map(|(name, bytes)| (format!("./{name}"), bytes.clone())).collect();
    let v7: Vec<u8> =
        files.iter().flat_map(|(name, bytes)| member(raw(name, 0, format!("{:011o}\0", bytes.len()).as_bytes(), "", b""), bytes)).collect();
    let mut linked = parts(&place);
    linked[2] = [link(b'2', &blob, "../../rootfs.tar.gz"), file("rootfs.tar.gz", &bytes)].concat();
    let mut hard = parts(&place);
    hard[2] = [file("rootfs.tar.gz", &bytes), link(b'1', &blob, "rootfs.tar.gz")].concat();
    let long = format!("docs/{}", "n".repeat(4990));
    let record = format!("{} path={long}\n", long.len() + 11);
    let signed = {
        let mut block = header("x", b'0', 0);
        block[1] = 0xc3;
        block[148..156].copy_from_slice(b"        ");
        let sum: i32 = block.iter().map(|byte| i32::from(byte.cast_signed())).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        block[1] = 0xc3;
        block
    };
    let cases: Vec<(&str, Vec<u8>, &str, Statuses)> = vec![
        ("an honest archive", with(&place, b""), "", ACCEPTED),
        ("T5 a global comment, as git archive writes", [pax(b'g', "13 comment=x\n"), with(&place, b"")].concat(), "", ACCEPTED),
        (
            "T11 links where nobody looks",
            with(&place, &[link(b'2', "doc", "/etc/passwd"), link(b'1', "doc2", "nothing")].concat()),
            "",
            ACCEPTED,
        ),
        ("a blob that is a link to a file of the archive", of(&linked), "", ACCEPTED),
        ("a blob that is a hard link to a file of the archive", of(&hard), "", ACCEPTED),
        ("T16 names that begin with ./", [&archive(&dotted)[..]].concat(), "", ACCEPTED),
        ("T18 blobs before index.json", archive(&reversed), "", ACCEPTED),
        ("T22 no end marker", honest(&place), "tar.no_end", ACCEPTED),
        ("T22 half an end marker", [honest(&place), vec![0; 512]].concat(), "tar.no_end", ACCEPTED),
        ("zeros up to a record of 10 KiB and beyond", [with(&place, b""), vec![0; 20_480]].concat(), "", ACCEPTED),
        ("T24 a name of 4995 bytes", with(&place, &[pax(b'x', &record), file("x", b"")].concat()), "", ACCEPTED),
        ("T25 v7 headers", [v7, END.to_vec()].concat(), "", ACCEPTED),
        (
            "T27 a blob that nothing names",
            with(&place, &file(&format!("blobs/sha256/{}", &crate::support::image::digest(b"smuggled")[7..]), b"smuggled")),
            "archive.unreferenced",
            ACCEPTED,
        ),
        ("L16 a name under blobs that is no digest", with(&place, &file("blobs/sha256/x.partial", b"")), "layout.stray", ACCEPTED),
        ("L18 a blob of another algorithm", with(&place, &file("blobs/blake3/00", b"")), "digest.algorithm_unknown", ACCEPTED),
        ("T8 a checksum of signed bytes", with(&place, &signed), "tar.name", REFUSED),
    ];
    judge(&place, &cases);
}

/// T27: what nothing names is not carried over.
#[test]
fn t27_unlisted_content_is_not_copied() {
    let place = Place::new();
    let smuggled = format!("blobs/sha256/{}", &crate::support::image::digest(b"smuggled")[7..]);
    std::fs::write(place.join("bad.tar"), with(&place, &file(&smuggled, b"smuggled"))).unwrap();
    for out in ["out", "out.tar"] {
        assert_eq!(place.run(&["copy", "bad.tar", out]).status, 0);
        assert_eq!(place.codes(&[out]), (0, Vec::new()));
    }
    assert!(!place.join("out").join(smuggled).exists());
}

#[test]
fn t_archives_that_are_cut_or_changed() {
    let place = Place::new();
    let whole = with(&place, b"");
    let cut = |at: usize| whole[..at].to_vec();
    let files = place.layout().files();
    let upper = place.app.layers[1].digest().replace(':', "/");
    let layer_at = files.iter().position(|(name, _)| name.ends_with(&upper)).unwrap();
    let mut changed = parts(&place);
    changed[layer_at][520] ^= 1;
    let config = crate::support::image::digest(&place.app.config_bytes()).replace(':', "/");
    let config_at = files.iter().position(|(name, _)| name.ends_with(&config)).unwrap();
    let mut config_changed = parts(&place);
    config_changed[config_at][520] ^= 1;
    let mut without = parts(&place);
    without.remove(layer_at);
    let cases: Vec<(&str, Vec<u8>, &str, Statuses)> = vec![
        ("T23 the end in a header", cut(700), "archive.truncated", REFUSED),
        ("T23 the end in content", cut(512 + 1024 + 100), "archive.truncated", REFUSED),
        ("T23 the end in padding", cut(512 + 100), "archive.truncated", REFUSED),
        ("T23 a member that claims more than there is", with(&place, &header("x", b'0', 1 << 40)), "archive.truncated", REFUSED),
        ("T26 a layer that is not what its name says", of(&changed), "blob.digest_mismatch", LAYER_DAMAGED),
        ("T26 a config that is not what its name says", of(&config_changed), "blob.digest_mismatch", DAMAGED),
        ("L25 a layer is missing", of(&without), "blob.missing", [1, 0, 4, 4]),
        ("L1 no index.json", of(&[file("oci-layout", &files[0].1)]), "archive.not_a_layout", REFUSED),
        ("L3 no oci-layout", of(&parts(&place)[1..]), "layout.marker.missing", [1, 1, 0, 0]),
        ("L2 an empty index.json", of(&[file("oci-layout", &files[0].1), file("index.json", b"")]), "layout.index.truncated", REFUSED),
        (
            "L4 another version",
            of(&[file("oci-layout", br#"{"imageLayoutVersion":"2.0"}"#), parts(&place)[1].clone()]),
            "layout.version.unsupported",
            REFUSED,
        ),
        ("nothing but an end", END.repeat(10), "archive.not_a_layout", REFUSED),
        ("no byte at all", Vec::new(), "source.unknown", REFUSED),
        ("a few bytes", b"hello".to_vec(), "source.unknown", REFUSED),
        ("T29 a zip archive", [b"PK\x03\x04".to_vec(), vec![7; 2000]].concat(), "source.unsupported", REFUSED),
        ("T29 a 7z archive", [b"7z\xbc\xaf\x27\x1c".to_vec(), vec![7; 2000]].concat(), "source.unsupported", REFUSED),
        ("T29 an ISO image", [vec![0; 32_768], b"\x01CD001\x01".to_vec(), vec![0; 4096]].concat(), "source.unknown", REFUSED),
        ("T29 a text", "all work and no play\n".repeat(100).into_bytes(), "source.unknown", REFUSED),
        ("T29 a picture", [b"\x89PNG\r\n\x1a\n".to_vec(), vec![9; 3000]].concat(), "source.unknown", REFUSED),
        ("a docker-archive", of(&[file("manifest.json", b"[]"), file("repositories", b"{}")]), "docker.manifest", REFUSED),
    ];
    judge(&place, &cases);
}

/// T19: the directory around it is named, because it is what the operator has to deal with.
#[test]
fn t19_a_layout_one_directory_down() {
    let place = Place::new();
    let nested: Vec<(String, Vec<u8>)> = place.layout().files().into_iter().map(|(name, bytes)| (format!("image/{name}"), bytes)).collect();
    std::fs::write(place.join("bad.tar"), archive(&nested)).unwrap();
    place.judge("T19", "bad.tar", "archive.not_a_layout", REFUSED);
    assert!(place.run(&["inspect", "bad.tar"]).err.contains("\"image\""));
}

#[test]
fn t24_members_are_counted() {
    let place = Place::new();
    let many: Vec<u8> = (0..2000).flat_map(|number| file(&format!("docs/{number}"), b"")).collect();
    std::fs::write(place.join("many.tar"), with(&place, &many)).unwrap();
    place.judge("T24", "many.tar", "", ACCEPTED);
    let outcome = place.run(&["inspect", "many.tar", "--max-entries", "2005"]);
    assert!(outcome.err.contains("[tar.too_many]"), "{outcome:?}");
    assert_eq!(outcome.status, 3);
}

/// T28, L11: nobody waits for a writer that never comes.
#[test]
fn t28_an_archive_that_is_a_fifo() {
    let place = Place::new();
    assert!(Command::new("mkfifo").arg(place.join("bad.tar")).status().unwrap().success());
    place.judge("T28", "bad.tar", "path.not_regular", REFUSED);
    for (path, code, status) in [("/dev/zero", "path.not_regular", 3), ("-", "ref.stdin", 2)] {
        for arguments in [&["inspect", path][..], &["copy", path, "out"]] {
            let outcome = place.run(arguments);
            assert!(outcome.err.contains(&format!("[{code}]")), "{arguments:?}: {outcome:?}");
            assert_eq!(outcome.status, status);
        }
    }
}

/// T28: an archive that became shorter after its size was asked for.
#[test]
fn t28_an_archive_that_shrinks_while_it_is_read() {
    struct Shrunk(Vec<u8>);
    impl airbase::foundation::fsys::ReadAt for Shrunk {
        fn length(&self) -> u64 {
            self.0.len() as u64 + 10_240
        }
        fn read_at(&self, buffer: &mut [u8], offset: u64) -> std::io::Result<usize> {
            self.0[..].read_at(buffer, offset)
        }
    }
    let shrunk = Shrunk(honest(&Place::new()));
    let mut walk = Walk::over(&shrunk, &Limits::STANDARD, Profile::Archive);
    let error = walk.find_map(Result::err).unwrap();
    assert_eq!(error.code(), Code::InputChanged, "{error}");
}

/// A folder may hold one bad archive among good ones: it is named, and the others are read.
#[test]
fn a_bad_archive_in_a_folder_hides_nothing() {
    let place = Place::new();
    std::fs::create_dir(place.join("folder")).unwrap();
    std::fs::write(place.join("folder/bad.tar"), with(&place, &file("../x", b""))).unwrap();
    let other = Image::of(&[&layer(&["other=1"])]);
    Layout::new().image("good:1", &other).write_archive(&place.join("folder/good.tar"));
    write_files(&place.join("folder/layout"), &place.layout().files());
    for verb in ["inspect", "fsck"] {
        let outcome = place.run(&[verb, "folder"]);
        assert_eq!(outcome.status, 3, "{outcome:?}");
        for piece in ["[tar.name]", "folder/good.tar", "folder/layout", "folder/bad.tar"] {
            assert!(outcome.out.contains(piece), "{verb}: {piece}: {}", outcome.out);
        }
    }
}
