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
    let cases: Vec<(&str, &str, Vec<u8>)> = vec![
        ("C1 two gzip members", GZIP, [gzip(&first), gzip(&second)].concat()),
        ("C1 an empty member in between", GZIP, [gzip(&first), gzip(b""), gzip(&second)].concat()),
        ("C2 zeros behind", GZIP, [gzip(&tar()), vec![0; 10_240]].concat()),
        ("C2 something behind", GZIP, [gzip(&tar()), b"something".to_vec()].concat()),
        ("C3 all optional header fields", GZIP, fields),
        ("C8 two zstd frames", ZSTD, [zstd(&first), zstd(&second)].concat()),
        ("C8 a skippable frame in front", ZSTD, [skippable.clone(), zstd(&tar())].concat()),
        ("C8 a skippable frame behind", ZSTD, [zstd(&tar()), skippable].concat()),
        ("not compressed", PLAIN, tar()),
        ("C15 no end marker", PLAIN, tar()[..1024].to_vec()),
        ("C15 one zero block", PLAIN, tar()[..1536].to_vec()),
    ];
    super::all(&cases, |(row, ending, blob)| {
        let place = place_with(ending, blob.clone());
        let outcome = place.run(&["cat", "app", "file"]);
        assert_eq!((outcome.status, outcome.out.as_str()), (0, "content"), "{row}: {}", outcome.err);
        let outcome = place.run(&["ls", "app"]);
        assert_eq!((outcome.status, outcome.out.lines().count()), (0, 1), "{row}: {}", outcome.err);
    });
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
        ("C11 tar that is called gzip", GZIP, tar(), "layer.compression_mismatch"),
        ("C11 zstd that is called gzip", GZIP, zstd(&tar()), "layer.compression_mismatch"),
        ("C11 gzip that is called tar", PLAIN, gzip(&tar()), "layer.compression_mismatch"),
        ("C11 gzip that is called zstd", ZSTD, gzip(&tar()), "layer.compression_mismatch"),
        ("C11 nothing that is called gzip", GZIP, Vec::new(), "layer.compression_mismatch"),
        ("C12 gzip within gzip", GZIP, gzip(&gzip(&tar())), "archive.truncated"),
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
    for (name, magic) in [("xz", &b"\xfd7zXZ\0"[..]), ("bzip2", b"BZh9"), ("lz4", b"\x04\x22\x4d\x18")] {
        std::fs::write(place.join("bad.tar"), [magic, &[7; 2000]].concat()).unwrap();
        place.judge(&format!("C13 {name}"), "bad.tar", "source.unsupported", super::REFUSED);
        assert!(place.run(&["fsck", "bad.tar"]).out.contains(&format!("the file is {name}")));
    }
    // gzip and zstd are read, and what is only called so is damaged.
    for (name, magic) in [("gzip", &b"\x1f\x8b\x08"[..]), ("zstd", b"\x28\xb5\x2f\xfd")] {
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
        ("C12 gzip within gzip", gzip(&gzip(&tar)), "source.unknown|tar.checksum|archive.truncated"),
        ("a text", gzip(&[b'x'; 4096]), "source.unknown|tar.checksum"),
    ];
    super::all(&cases, |(row, bytes, code)| {
        std::fs::write(place.join("bad.tar.gz"), bytes).unwrap();
        place.judge(row, "bad.tar.gz", code, super::REFUSED);
    });
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
