//! §4.1: the files of a layout directory.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{ACCEPTED, DAMAGED, LAYER_DAMAGED, Place, REFUSED, Statuses};
use crate::support::environment::snapshot;
use crate::support::image::{Compression, archive};
use crate::support::{Image, Layout, layer};

/// What is done to the layout: its path, and the paths of its manifest, its config and its upper layer.
type Break = fn(&Path, &Blobs);

struct Blobs {
    manifest: PathBuf,
    config: PathBuf,
    layer: PathBuf,
}

fn fifo(path: &Path) {
    fs::remove_file(path).unwrap();
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

fn link(path: &Path, target: impl AsRef<Path>) {
    fs::remove_file(path).unwrap();
    symlink(target, path).unwrap();
}

/// Moves a file of the layout out of it and leaves a link.
fn link_out(path: &Path) {
    let outside = path.ancestors().find(|above| above.ends_with("bad")).unwrap().with_file_name("host");
    fs::rename(path, &outside).unwrap();
    symlink(&outside, path).unwrap();
}

fn place_with(breaking: Break) -> Place {
    let place = Place::new();
    let bad = place.join("bad");
    place.layout().write(&bad);
    let path = |digest: &str| bad.join("blobs").join(digest.replace(':', "/"));
    let blobs = Blobs {
        manifest: path(&place.app.digest()),
        config: path(&crate::support::image::digest(&place.app.config_bytes())),
        layer: path(&place.app.layers[1].digest()),
    };
    breaking(&bad, &blobs);
    place
}

#[test]
fn l_files_that_are_not_what_they_should_be() {
    let cases: &[(&str, Break, &str, Statuses)] = &[
        ("L1 no index.json", |bad, _| fs::remove_file(bad.join("index.json")).unwrap(), "layout.index.missing", REFUSED),
        ("L2 an empty index.json", |bad, _| fs::write(bad.join("index.json"), "").unwrap(), "layout.index.truncated", REFUSED),
        (
            "L2 half an index.json",
            |bad, _| {
                let bytes = fs::read(bad.join("index.json")).unwrap();
                fs::write(bad.join("index.json"), &bytes[..bytes.len() / 2]).unwrap();
            },
            "layout.index.truncated",
            REFUSED,
        ),
        ("L3 no oci-layout", |bad, _| fs::remove_file(bad.join("oci-layout")).unwrap(), "layout.marker.missing", [1, 1, 0, 0]),
        (
            "L4 another version",
            |bad, _| fs::write(bad.join("oci-layout"), r#"{"imageLayoutVersion":"2.0"}"#).unwrap(),
            "layout.version.unsupported",
            REFUSED,
        ),
        (
            "L4 a version that is close",
            |bad, _| fs::write(bad.join("oci-layout"), r#"{"imageLayoutVersion":"1.0"}"#).unwrap(),
            "layout.version.unsupported",
            REFUSED,
        ),
        ("L4 no version", |bad, _| fs::write(bad.join("oci-layout"), "{}").unwrap(), "layout.marker.invalid", REFUSED),
        ("L4 an oci-layout of nothing", |bad, _| fs::write(bad.join("oci-layout"), "").unwrap(), "json.syntax", REFUSED),
        (
            "L4 an oci-layout of a mebibyte",
            |bad, _| fs::write(bad.join("oci-layout"), " ".repeat(1 << 20)).unwrap(),
            "layout.marker.invalid",
            REFUSED,
        ),
        ("L7 no blobs", |bad, _| fs::remove_dir_all(bad.join("blobs")).unwrap(), "layout.blobs.missing", REFUSED),
        (
            "L7 blobs is a file",
            |bad, _| {
                fs::remove_dir_all(bad.join("blobs")).unwrap();
                fs::write(bad.join("blobs"), "").unwrap();
            },
            "layout.blobs.missing",
            REFUSED,
        ),
        ("L8 blobs is a link out of the layout", |bad, _| link_out(&bad.join("blobs")), "path.symlink", REFUSED),
        ("L8 blobs/sha256 is a link out of the layout", |bad, _| link_out(&bad.join("blobs/sha256")), "path.symlink", REFUSED),
        ("L9 a layer is a link to a file of the host", |_, blobs| link_out(&blobs.layer), "path.symlink", REFUSED),
        ("L9 a config is a link to a file of the host", |_, blobs| link_out(&blobs.config), "path.symlink", REFUSED),
        ("L9 a manifest is a link to a file of the host", |_, blobs| link_out(&blobs.manifest), "path.symlink", REFUSED),
        ("L9 a link to a device", |_, blobs| link(&blobs.layer, "/dev/zero"), "path.symlink", REFUSED),
        ("L9 a link that climbs out and comes back", |_, blobs| link(&blobs.layer, "../../../bad/index.json"), "path.symlink", REFUSED),
        ("L9 a link to itself", |_, blobs| link(&blobs.layer, blobs.layer.file_name().unwrap()), "path.symlink", REFUSED),
        ("L9 a link to nothing", |_, blobs| link(&blobs.layer, "../../nothing"), "path.symlink", REFUSED),
        (
            "L9 a link to a link",
            |bad, blobs| {
                fs::rename(&blobs.layer, bad.join("real")).unwrap();
                symlink("real", bad.join("hop")).unwrap();
                symlink("../../hop", &blobs.layer).unwrap();
            },
            "path.symlink",
            REFUSED,
        ),
        ("L10 index.json is a link", |bad, _| link_out(&bad.join("index.json")), "path.symlink", REFUSED),
        (
            "L10 index.json is a link inside the layout",
            |bad, _| {
                fs::rename(bad.join("index.json"), bad.join("other.json")).unwrap();
                symlink("other.json", bad.join("index.json")).unwrap();
            },
            "path.symlink",
            REFUSED,
        ),
        ("L10 oci-layout is a link", |bad, _| link_out(&bad.join("oci-layout")), "path.symlink", REFUSED),
        ("L11 index.json is a FIFO", |bad, _| fifo(&bad.join("index.json")), "path.not_regular", REFUSED),
        ("L11 oci-layout is a FIFO", |bad, _| fifo(&bad.join("oci-layout")), "path.not_regular", REFUSED),
        (
            "L11 index.json is a directory",
            |bad, _| {
                fs::remove_file(bad.join("index.json")).unwrap();
                fs::create_dir(bad.join("index.json")).unwrap();
            },
            "path.not_regular",
            REFUSED,
        ),
        ("L12 a layer is a FIFO", |_, blobs| fifo(&blobs.layer), "path.not_regular", REFUSED),
        ("L12 a manifest is a FIFO", |_, blobs| fifo(&blobs.manifest), "path.not_regular", REFUSED),
        (
            "L12 a layer is a directory",
            |_, blobs| {
                fs::remove_file(&blobs.layer).unwrap();
                fs::create_dir(&blobs.layer).unwrap();
            },
            "path.not_regular",
            REFUSED,
        ),
        (
            "L12 a config is a socket",
            |bad, blobs| {
                fs::remove_file(&blobs.config).unwrap();
                // A socket's path must be short; it is made elsewhere and moved.
                let short = bad.with_file_name("s");
                drop(UnixListener::bind(&short).unwrap());
                fs::rename(short, &blobs.config).unwrap();
            },
            "path.not_regular",
            REFUSED,
        ),
        ("L25 a layer is missing", |_, blobs| fs::remove_file(&blobs.layer).unwrap(), "blob.missing", [1, 0, 4, 4]),
        ("L25 a config is missing", |_, blobs| fs::remove_file(&blobs.config).unwrap(), "blob.missing", [1, 1, 4, 4]),
        ("L25 a manifest is missing", |_, blobs| fs::remove_file(&blobs.manifest).unwrap(), "blob.missing", [1, 1, 4, 4]),
        (
            "D11 a layer of the right size holds something else",
            |_, blobs| fs::write(&blobs.layer, vec![b'x'; usize::try_from(fs::metadata(&blobs.layer).unwrap().len()).unwrap()]).unwrap(),
            "blob.digest_mismatch",
            LAYER_DAMAGED,
        ),
        (
            "D11 a config of the right size holds something else",
            |_, blobs| fs::write(&blobs.config, fs::read_to_string(&blobs.config).unwrap().replace("amd64", "arm64")).unwrap(),
            "blob.digest_mismatch",
            DAMAGED,
        ),
    ];
    super::all(cases, |(row, breaking, code, expected)| place_with(*breaking).judge(row, "bad", code, *expected));
}

#[test]
fn l_oddities_that_stop_nobody() {
    let cases: &[(&str, Break, &str)] = &[
        (
            "L5 further fields in oci-layout",
            |bad, _| fs::write(bad.join("oci-layout"), "{\"imageLayoutVersion\": \"1.0.0\", \"x\": [1]}\n").unwrap(),
            "",
        ),
        (
            "L6 unknown files at the top",
            |bad, _| {
                fs::write(bad.join("README"), "hello").unwrap();
                fs::write(bad.join("repositories"), "{}").unwrap();
                fs::create_dir_all(bad.join("ingest/x")).unwrap();
            },
            "",
        ),
        ("L13 a hard link to a file outside", |bad, blobs| fs::hard_link(&blobs.layer, bad.with_file_name("host")).unwrap(), ""),
        (
            "L14 a blob that everybody may change",
            |_, blobs| fs::set_permissions(&blobs.layer, fs::Permissions::from_mode(0o666)).unwrap(),
            "path.writable_by_others",
        ),
        ("L15 a blob with mode 4755", |_, blobs| fs::set_permissions(&blobs.layer, fs::Permissions::from_mode(0o4755)).unwrap(), ""),
        (
            "L16 an upper-case name",
            |bad, blobs| {
                let name = blobs.layer.file_name().unwrap().to_str().unwrap().to_uppercase();
                fs::copy(&blobs.layer, bad.join("blobs/sha256").join(name)).unwrap();
            },
            "layout.stray",
        ),
        (
            "L16 a leftover of a writer",
            |_, blobs| {
                fs::copy(&blobs.layer, blobs.layer.with_extension("partial")).unwrap();
            },
            "layout.stray",
        ),
        ("L17 a directory among the blobs", |bad, _| fs::create_dir_all(bad.join("blobs/sha256/ab/cd")).unwrap(), "layout.stray"),
        (
            "L18 blobs of another algorithm",
            |bad, _| {
                fs::create_dir_all(bad.join("blobs/blake3")).unwrap();
                fs::write(bad.join("blobs/blake3").join("0".repeat(64)), "x").unwrap();
            },
            "digest.algorithm_unknown",
        ),
        (
            "L20 names that are no text",
            |bad, _| {
                for name in [&b"a\nb"[..], b"\x1b[2J", b"\xff\xfe"] {
                    fs::write(bad.join("blobs/sha256").join(std::ffi::OsStr::from_bytes(name)), "x").unwrap();
                }
            },
            "layout.stray",
        ),
        (
            "a blob that is a link to a file of the same layout",
            |bad, blobs| {
                fs::rename(&blobs.layer, bad.join("rootfs.tar.gz")).unwrap();
                symlink("../../rootfs.tar.gz", &blobs.layer).unwrap();
            },
            "",
        ),
    ];
    super::all(cases, |(row, breaking, code)| place_with(*breaking).judge(row, "bad", code, ACCEPTED));
}

/// L5: the file is the owner's; a writer leaves it as it is.
#[test]
fn l5_oci_layout_is_never_rewritten() {
    let place = Place::new();
    place.layout().write(&place.join("mine"));
    let marker = "{\"imageLayoutVersion\": \"1.0.0\", \"x\": [1]}\n";
    fs::write(place.join("mine/oci-layout"), marker).unwrap();
    assert_eq!(place.run(&["tag", "mine:app:1", "app:2"]).status, 0);
    assert_eq!(fs::read_to_string(place.join("mine/oci-layout")).unwrap(), marker);
}

/// L2: what is left of an index may be all that tells the owner what was there.
#[test]
fn l2_nobody_starts_a_new_index_over_a_broken_one() {
    for broken in ["", "{\"schemaVersion\":2,\"manifests\":["] {
        let place = Place::new();
        place.layout().write(&place.join("target"));
        place.layout().write(&place.join("app"));
        fs::write(place.join("target/index.json"), broken).unwrap();
        let before = snapshot(&place.join("target"));
        for arguments in [&["copy", "app", "target:app:1"][..], &["tag", "target:app:1", "x"], &["untag", "target:app:1"]] {
            let outcome = place.run(arguments);
            assert!(outcome.err.contains("[layout.index.truncated]"), "{arguments:?}: {outcome:?}");
            assert_eq!(outcome.status, 3, "{arguments:?}");
            assert_eq!(snapshot(&place.join("target")), before, "{arguments:?}");
        }
    }
}

/// L19: a bounded number here; memory is bounded by `Place::run`.
#[test]
fn l19_many_strays_are_listed_one_by_one() {
    let place = place_with(|bad, _| {
        for number in 0..5_000 {
            fs::write(bad.join(format!("blobs/sha256/{number}.tmp")), "").unwrap();
        }
    });
    let (status, codes) = place.codes(&["bad"]);
    assert_eq!((status, codes.len()), (0, 5_000));
}

/// L20, L16: what an operator sees is harmless, and says where it is.
#[test]
fn l20_names_are_escaped() {
    let place = place_with(|bad, _| {
        fs::write(bad.join("blobs/sha256").join(std::ffi::OsStr::from_bytes(b"\x1b[2Jall is well\n\xff")), "x").unwrap();
    });
    let outcome = place.run(&["fsck", "bad"]);
    assert!(outcome.out.contains(r"blobs/sha256/\u{1b}[2Jall is well\n\xff"), "{}", outcome.out);
    assert!(!outcome.out.contains('\u{1b}'));
}

/// L22: on a medium that cannot be written, reading must not want to. As root a mode stops nobody, so what counts is that
/// nothing was made.
#[test]
fn l22_reading_makes_nothing() {
    let place = place_with(|_, _| {});
    let base = "bases:os:old";
    for arguments in [
        &["fsck", "bad"][..],
        &["inspect", "bad", "--all", "--bases", "bases"],
        &["ls", "bad"],
        &["cat", "bad"],
        &["base", "show", "bad", "--bases", "bases"],
        &["base", "verify", "bad", "--base", base],
        &["base", "dependents", base, "bad"],
        &["outdated", "bad", "--bases", "bases"],
        &["rebase", "bad", "--onto", "bases:os:new", "--from", base, "--dry-run"],
    ] {
        let before = (snapshot(&place.join("bad")), snapshot(&place.join("bases")));
        let outcome = place.run(arguments);
        assert!(outcome.status <= 1, "{arguments:?}: {outcome:?}");
        assert_eq!((snapshot(&place.join("bad")), snapshot(&place.join("bases"))), before, "{arguments:?}");
    }
}

#[test]
fn l23_a_blob_with_holes_is_read_as_what_it_says() {
    let place = Place::new();
    let zeros = "\0".repeat(1 << 20);
    let plain = layer(&[&format!("zeros={zeros}")]).compressed(Compression::None);
    let image = Image::of(&[&layer(&["etc/os-release=old"]), &plain]);
    Layout::new().image("app:1", &image).write(&place.join("holes"));
    let path = place.join("holes/blobs").join(plain.digest().replace(':', "/"));
    // The header, then a hole to the end.
    let file = fs::File::options().write(true).open(&path).unwrap();
    file.set_len(512).unwrap();
    file.set_len(plain.blob.len() as u64).unwrap();
    place.judge("L23", "holes", "", ACCEPTED);
}

#[test]
fn l24_the_path_that_a_person_names_may_be_a_link() {
    let place = Place::new();
    place.layout().write(&place.join("real"));
    fs::write(place.join("real.tar"), archive(&place.layout().files())).unwrap();
    for (name, target) in [("link", "real"), ("link.tar", "real.tar")] {
        symlink(target, place.join(name)).unwrap();
        place.judge_reference("L24", target, name, "", ACCEPTED);
        assert_eq!(place.run(&["fsck", name]).status, 0);
    }
}

#[test]
fn l25_a_sparse_layout_is_clean_when_it_is_meant_to_be() {
    let place = place_with(|_, blobs| fs::remove_file(&blobs.layer).unwrap());
    assert_eq!(place.codes(&["bad"]), (1, vec!["blob.missing".to_owned()]));
    assert_eq!(place.codes(&["bad", "--allow-sparse"]), (0, vec!["blob.missing".to_owned()]));
}

/// L26, T28: seen on the open file, whatever happens to its name.
#[test]
fn l26_a_file_that_changes_its_size_while_it_is_read_is_refused() {
    let place = Place::new();
    let path = place.join("file");
    for (before, after) in [("four", "fours"), ("four", "for")] {
        fs::write(&path, before).unwrap();
        let file = airbase::foundation::fsys::File::open(&path).unwrap();
        fs::write(&path, after).unwrap();
        assert_eq!(file.check_unchanged().unwrap_err().code(), airbase::foundation::Code::BlobChanged);
        assert!(file.read_all(100).is_err(), "{before} → {after}");
    }
}

/// L3: the marker is missing in the layout that is written to.
#[test]
fn l3_a_layout_without_its_marker_is_named() {
    let place = place_with(|bad, _| fs::remove_file(bad.join("oci-layout")).unwrap());
    let outcome = place.run(&["fsck", "bad"]);
    assert!(outcome.out.contains("layout.marker.missing"), "{}", outcome.out);
}
