//! §4.5: compressed content, as far as a verb inflates it: `ls` and `cat` always, `rebase` where two digests differ.

use std::io::Write as _;

use super::Place;
use crate::support::image::{Compression, LAYER};
use crate::support::{Image, Layer, Layout, layer};

const PLAIN: &str = "";
const GZIP: &str = "+gzip";
const ZSTD: &str = "+zstd";

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).unwrap()
}

/// A layer of one file.
fn tar() -> Vec<u8> {
    layer(&["file=content"]).tar
}

/// A layout of one image with this one layer. Digest and size are right, whatever the bytes are.
fn place_with(ending: &str, blob: Vec<u8>) -> Place {
    let place = Place::new();
    let layer = Layer { media_type: format!("{LAYER}{ending}"), blob, tar: tar() };
    Layout::new().image("app:1", &Image::of(&[&layer])).write(&place.join("app"));
    assert_eq!(place.codes(&["app"]), (0, Vec::new()), "nothing is wrong but what the layer inflates to");
    place
}

#[test]
fn c_streams_that_are_read_to_their_end() {
    let (first, second) = (tar()[..700].to_vec(), tar()[700..].to_vec());
    let mut header = gzip(&tar());
    header[3] = 0x1e;
    // FEXTRA of four bytes, FNAME, FCOMMENT, FHCRC; the decoder checks the last one.
    let mut fields = header[..10].to_vec();
    fields.extend([4, 0, b'A', b'B', 0, 0]);
    fields.extend(b"name\0comment\0");
    let mut crc = flate2::Crc::new();
    crc.update(&fields);
    fields.extend(&crc.sum().to_le_bytes()[..2]);
    fields.extend(&header[10..]);
    let skippable = [&b"\x50\x2a\x4d\x18\x04\0\0\0abcd"[..]].concat();
    let none: &[&str] = &[];
    let cases: Vec<(&str, &str, Vec<u8>, &[&str])> = vec![
        ("C1 two gzip members", GZIP, [gzip(&first), gzip(&second)].concat(), none),
        ("C1 an empty member in between", GZIP, [gzip(&first), gzip(b""), gzip(&second)].concat(), none),
        ("C2 zeros behind", GZIP, [gzip(&tar()), vec![0; 10_240]].concat(), none),
        ("C2 something behind", GZIP, [gzip(&tar()), b"something".to_vec()].concat(), &["stream.trailing"]),
        ("C3 all optional header fields", GZIP, fields, none),
        ("C8 two zstd frames", ZSTD, [zstd(&first), zstd(&second)].concat(), none),
        ("C8 a skippable frame in front", ZSTD, [skippable.clone(), zstd(&tar())].concat(), none),
        ("C8 a skippable frame behind", ZSTD, [zstd(&tar()), skippable].concat(), none),
        ("not compressed", PLAIN, tar(), none),
        // What it inflates to is then not what the config says.
        ("C15 no end marker", PLAIN, tar()[..1024].to_vec(), &["layer.diffid_mismatch", "tar.no_end"]),
        ("C15 one zero block", PLAIN, tar()[..1536].to_vec(), &["layer.diffid_mismatch", "tar.no_end"]),
    ];
    super::all(&cases, |(row, ending, blob, codes)| {
        let place = place_with(ending, blob.clone());
        let outcome = place.run(&["cat", "app", "file"]);
        assert_eq!((outcome.status, outcome.out.as_str()), (0, "content"), "{row}: {}", outcome.err);
        let outcome = place.run(&["ls", "app"]);
        assert_eq!((outcome.status, outcome.out.lines().count()), (0, 1), "{row}: {}", outcome.err);
        let mut found = place.codes(&["app", "--level", "4"]).1;
        found.sort_unstable();
        assert_eq!(found, *codes, "{row}");
    });
}

/// C15: a layer of nothing, and one of nothing but zeros.
#[test]
fn c15_layers_without_files() {
    for (row, bytes, codes) in [
        ("an empty file", Vec::new(), vec!["tar.no_end"]),
        ("one zero block", vec![0; 512], vec!["tar.no_end"]),
        ("an end marker", vec![0; 1024], vec![]),
        ("a tape's record", vec![0; 10_240], vec![]),
    ] {
        let place = Place::new();
        let empty = Layer { media_type: LAYER.into(), blob: bytes.clone(), tar: bytes };
        let image = Image { layers: vec![place.app.layers[0].clone(), empty], ..place.app.clone() };
        Layout::new().image("app:1", &image).write(&place.join("app"));
        place.judge(&format!("C15 {row}"), "app", "", super::ACCEPTED);
        assert_eq!(place.codes(&["app", "--level", "4"]), (0, codes.into_iter().map(str::to_owned).collect()), "{row}");
        assert_eq!(place.run(&["ls", "app"]).status, 0);
    }
}

#[test]
fn c_streams_that_are_refused() {
    let mut crc = gzip(&tar());
    let trailer = crc.len() - 8;
    crc[trailer] ^= 1;
    let mut length = gzip(&tar());
    length[trailer + 4] ^= 1;
    let zstd_frame = |descriptor: &[u8]| [&b"\x28\xb5\x2f\xfd"[..], descriptor, &[1, 0, 0]].concat();
    let whole = gzip(&tar());
    let whole_zstd = zstd(&tar());
    let cases: Vec<(&str, &str, Vec<u8>, &str)> = vec![
        ("C4 a wrong CRC", GZIP, crc, "stream.corrupt"),
        ("C4 a wrong length", GZIP, length, "stream.corrupt"),
        ("C4 nonsense behind the header", GZIP, [&whole[..10], &[0xff; 100]].concat(), "stream.corrupt"),
        ("C4 a damaged zstd block", ZSTD, [&whole_zstd[..8], &[0xff; 40]].concat(), "stream.corrupt"),
        ("C5 gzip cut in the trailer", GZIP, whole[..whole.len() - 4].to_vec(), "stream.truncated"),
        ("C5 gzip cut in the data", GZIP, whole[..whole.len() / 2].to_vec(), "stream.truncated"),
        ("C5 gzip cut in the header", GZIP, whole[..5].to_vec(), "stream.truncated"),
        ("C5 gzip cut in the magic", GZIP, whole[..3].to_vec(), "stream.truncated"),
        ("C5 zstd cut", ZSTD, whole_zstd[..whole_zstd.len() / 2].to_vec(), "stream.truncated"),
        ("C7 a zstd window of 2 GiB", ZSTD, zstd_frame(&[0, 21 << 3]), "zstd.window"),
        ("C10 a zstd dictionary", ZSTD, zstd_frame(&[3, 0, 0xef, 0xbe, 0xad, 0xde]), "stream.corrupt"),
        // One block of 2 MiB less a byte, of one byte repeated; 128 KiB is the most that a block may have.
        (
            "C9 a zstd block that is too large",
            ZSTD,
            zstd_frame(&[0, 0x50])[..6].iter().chain(b"\xfb\xff\xff\0").copied().collect(),
            "stream.corrupt",
        ),
        ("C11 tar that is called gzip", GZIP, tar(), "layer.compression_mismatch"),
        ("C11 zstd that is called gzip", GZIP, zstd(&tar()), "layer.compression_mismatch"),
        ("C11 gzip that is called tar", PLAIN, gzip(&tar()), "layer.compression_mismatch"),
        ("C11 gzip that is called zstd", ZSTD, gzip(&tar()), "layer.compression_mismatch"),
        ("C11 nothing that is called gzip", GZIP, Vec::new(), "layer.compression_mismatch"),
        ("C12 gzip within gzip", GZIP, gzip(&gzip(&tar())), "archive.truncated"),
        ("C12 zstd within gzip", GZIP, gzip(&zstd(&tar())), "archive.truncated"),
        ("C13 xz that is called gzip", GZIP, [&b"\xfd7zXZ\0"[..], &[7; 600]].concat(), "layer.compression_mismatch"),
        ("a tar that is cut", GZIP, gzip(&tar()[..600]), "archive.truncated"),
        ("a tar that is none", GZIP, gzip(&[b'x'; 2048]), "tar.checksum"),
    ];
    super::all(&cases, |(row, ending, blob, code)| {
        let place = place_with(ending, blob.clone());
        for arguments in [&["ls", "app"][..], &["cat", "app", "file"]] {
            let outcome = place.run(arguments);
            assert!(outcome.err.contains(&format!("[{code}]")), "{row}, {arguments:?}: {outcome:?}");
            assert_eq!(outcome.status, 3, "{row}, {arguments:?}: {}", outcome.err);
            assert_eq!(outcome.out, "", "{row}: nothing is printed");
        }
        let (status, codes) = place.codes(&["app", "--level", "4"]);
        assert!([1, 3].contains(&status) && codes.iter().any(|found| found == code), "{row}: {status}, {codes:?}");
        // As the old base of an image that has the honest layer, it is inflated to be compared.
        let honest = layer(&["file=content"]).compressed(Compression::GzipAgain);
        let app = Image::of(&[&honest]).and(&[&layer(&["app=1"])]);
        Layout::new().image("it:1", &app).write(&place.join("it"));
        let outcome = place.run(&["rebase", "it", "--from", "app", "--onto", "bases:os:new", "-o", "out"]);
        assert_ne!(outcome.status, 0, "{row}");
        assert!([3, 4].contains(&outcome.status), "{row}: {outcome:?}");
        assert!(!place.join("out").exists(), "{row}");
    });
}

/// A blob that was damaged on the way is told apart from one that was packed badly: it is the copy that is wrong.
#[test]
fn c4_damage_on_the_way_is_named_as_what_it_is() {
    for (ending, blob) in [(GZIP, gzip(&tar())), (ZSTD, zstd(&tar())), (PLAIN, tar())] {
        let place = place_with(ending, blob.clone());
        let path = place.join("app/blobs").join(crate::support::image::digest(&blob).replace(':', "/"));
        for position in [0, 4, blob.len() / 2, blob.len() - 5] {
            let mut damaged = blob.clone();
            damaged[position] ^= 0x40;
            std::fs::write(&path, damaged).unwrap();
            for arguments in [&["ls", "app"][..], &["cat", "app", "file"]] {
                let outcome = place.run(arguments);
                assert!(outcome.err.contains("[blob.digest_mismatch]"), "{ending:?}, byte {position}, {arguments:?}: {outcome:?}");
                assert_eq!((outcome.status, outcome.out.as_str()), (3, ""), "{ending:?}, byte {position}");
            }
        }
    }
}

/// C6, C9: few bytes that become many stop at the limit; memory is bounded by `Place::run`.
#[test]
fn c6_layers_have_a_largest_size() {
    let zeros = "\0".repeat(8 << 20);
    let bomb = layer(&[&format!("zeros={zeros}")]);
    for (ending, blob) in [(GZIP, gzip(&bomb.tar)), (ZSTD, zstd(&bomb.tar)), (PLAIN, bomb.tar.clone())] {
        let place = place_with(ending, blob);
        let outcome = place.run(&["ls", "app", "--max-layer-bytes", "1000000"]);
        assert!(outcome.err.contains("[layer.too_large]"), "{ending}: {outcome:?}");
        assert_eq!(outcome.status, 3);
        assert_eq!(place.run(&["ls", "app"]).status, 0);
    }
}

/// C13: formats of which nothing here knows more than the name.
#[test]
fn c13_foreign_formats_are_named() {
    let place = Place::new();
    for (name, magic) in [("bzip2", &b"BZh9"[..]), ("lz4", b"\x04\x22\x4d\x18")] {
        std::fs::write(place.join("bad.tar"), [magic, &[7; 2000]].concat()).unwrap();
        place.judge(&format!("C13 {name}"), "bad.tar", "source.unsupported", super::REFUSED);
        assert!(place.run(&["fsck", "bad.tar"]).out.contains(&format!("the file is {name}")));
    }
    // gzip, zstd and xz are read, and what is only called so is damaged.
    for (name, magic) in [("gzip", &b"\x1f\x8b\x08"[..]), ("zstd", b"\x28\xb5\x2f\xfd"), ("xz", b"\xfd7zXZ\0")] {
        std::fs::write(place.join("bad.tar"), [magic, &[7; 2000]].concat()).unwrap();
        place.judge(&format!("C13 {name}"), "bad.tar", "stream.corrupt", super::REFUSED);
    }
}

/// The same for an archive that is compressed as a whole: it is named by what is wrong with it.
#[test]
fn c_compressed_archives_that_cannot_be_inflated() {
    let place = Place::new();
    let tar = crate::support::image::archive(&place.layout().files());
    let mut crc = gzip(&tar);
    let trailer = crc.len() - 8;
    crc[trailer] ^= 1;
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("C4 a wrong CRC", crc, "stream.corrupt"),
        ("C4 nothing but a magic", [b"\x1f\x8b\x08".to_vec(), vec![7; 2000]].concat(), "stream.corrupt"),
        ("C5 gzip cut", gzip(&tar)[..trailer / 2].to_vec(), "stream.truncated"),
        ("C5 zstd cut", zstd(&tar)[..100].to_vec(), "stream.truncated"),
        ("C2 something behind", [gzip(&tar), b"something".to_vec()].concat(), "tar.data_after_end"),
        ("C2 something behind the frame", [zstd(&tar), b"something".to_vec()].concat(), "stream.corrupt"),
        ("C7 a zstd window of 2 GiB", b"\x28\xb5\x2f\xfd\0\xa8\x01\0\0".to_vec(), "zstd.window"),
        ("C10 a zstd dictionary", b"\x28\xb5\x2f\xfd\x03\0\0\xef\xbe\xad\xde\x01\0\0".to_vec(), "stream.corrupt"),
        ("C12 zstd within gzip", gzip(&zstd(&tar)), "source.unknown|tar.checksum|archive.truncated"),
        ("C12 gzip within gzip", gzip(&gzip(&tar)), "source.unknown|tar.checksum|archive.truncated"),
        ("a text", gzip(&[b'x'; 4096]), "source.unknown|tar.checksum"),
    ];
    super::all(&cases, |(row, bytes, code)| {
        std::fs::write(place.join("bad.tar.gz"), bytes).unwrap();
        place.judge(row, "bad.tar.gz", code, super::REFUSED);
    });
}

/// C1, C2, C8: as layers, archives may consist of several parts, and of zeros behind them.
#[test]
fn c_compressed_archives_of_several_parts() {
    let place = Place::new();
    let tar = crate::support::image::archive(&place.layout().files());
    let (first, second) = tar.split_at(5000);
    let skippable = b"\x50\x2a\x4d\x18\x04\0\0\0abcd".to_vec();
    for (row, bytes) in [
        ("C1 two gzip members", [gzip(first), gzip(second)].concat()),
        ("C2 zeros behind", [gzip(&tar), vec![0; 10_240]].concat()),
        ("C8 two zstd frames", [zstd(first), zstd(second)].concat()),
        ("C8 skippable frames", [skippable.clone(), zstd(&tar), skippable].concat()),
    ] {
        std::fs::write(place.join("good.tar"), bytes).unwrap();
        place.judge(row, "good.tar", "", super::ACCEPTED);
    }
}

/// C6: an archive of few bytes that inflates to many stops at the limit, and its memory is bounded by `Place::run` before that.
#[test]
fn c6_compressed_archives_have_a_largest_size() {
    let place = Place::new();
    let mut files = place.layout().files();
    files.insert(0, ("zeros".to_owned(), vec![0; 64 << 20]));
    let tar = crate::support::image::archive(&files);
    for bytes in [gzip(&tar), zstd(&tar)] {
        assert!(bytes.len() < 1 << 20);
        std::fs::write(place.join("bomb.tar"), bytes).unwrap();
        for arguments in [&["inspect", "bomb.tar"][..], &["copy", "bomb.tar", "out"]] {
            let outcome = place.run(&[arguments, &["--max-archive-bytes", "1000000"]].concat());
            assert!(outcome.status != 0 && format!("{outcome:?}").contains("archive.too_large"), "{outcome:?}");
        }
        assert!(!place.join("out").exists());
        assert_eq!(place.run(&["copy", "bomb.tar", "out"]).status, 0);
        std::fs::remove_dir_all(place.join("out")).unwrap();
    }
}

/// C14: what cannot be read can be stored, copied and moved, and not listed.
#[test]
fn c14_encrypted_layers_are_opaque() {
    let place = Place::new();
    let secret = Layer { media_type: format!("{LAYER}+gzip+encrypted"), blob: b"secret".to_vec(), tar: tar() };
    let image = Image { layers: vec![place.app.layers[0].clone(), secret], ..place.app.clone() };
    Layout::new().image("app:1", &image).write(&place.join("app"));
    place.judge("C14", "app", "", super::ACCEPTED);
    let outcome = place.run(&["ls", "app"]);
    assert!(outcome.err.contains("[layer.not_convertible]"), "{outcome:?}");
}
