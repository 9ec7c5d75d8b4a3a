//! Archives that are written inside gzip or zstd, and those that are read inside xz.

use std::process::Command;

use serde_json::json;

use crate::support::environment::snapshot;
use crate::support::image::{Compression, gzip};
use crate::support::{Contents, Environment, Image, Layout, layer, xz};

/// A base, an app on it and a newer base: one layer as large as several blocks, not compressed, and small ones that are.
fn place() -> Environment {
    let environment = Environment::new();
    let large = layer(&[&format!("data={}", "0123456789abcdefghij\n".repeat(150_000))]).compressed(Compression::None);
    let old = Image::of(&[&layer(&["etc/os=old"])]);
    let app = old.and(&[&large, &layer(&["app=1"]).compressed(Compression::Zstd)]);
    Layout::new().image("os:old", &old).image("os:new", &Image::of(&[&layer(&["etc/os=new"])])).write(&environment.join("bases"));
    Layout::new().image("app:1", &app).write(&environment.join("app"));
    Layout::new().image("app:1", &app).write_archive(&environment.join("app.tar"));
    std::fs::write(environment.join("app.tar.gz"), gzip(&std::fs::read(environment.join("app.tar")).unwrap())).unwrap();
    environment
}

/// Every verb that writes, with the layout that it writes elsewhere as the measure of what must be inside.
#[test]
fn every_verb_writes_them() {
    let verbs: [&[&str]; 5] = [
        &["rebase", "app", "--bases", "bases", "--onto", "bases:os:new"],
        &["annotate", "app", "-a", "k=v"],
        &["base", "set", "app", "--base", "bases:os:old"],
        &["index", "app"],
        &["copy", "app"],
    ];
    let endings = ["oci-archive:out.tar.gz", "out.tgz", "out.tar.zst", "docker-archive:docker.tgz", "docker-archive:docker.tar.zst"];
    for verb in verbs {
        for output in endings.into_iter().filter(|output| verb[0] != "index" || !output.starts_with("docker")) {
            let environment = place();
            let to = |output: &str| {
                let name = format!("{output}:app:2");
                let option: &[&str] = if verb[0] == "copy" { &[&name] } else { &["-o", &name] };
                environment.ok(&[verb, option].concat());
            };
            to(output);
            to("layout");
            let path = environment.join(output.rsplit(':').next().unwrap());
            let mut written = Contents::of(&path);
            assert_eq!(written.files.remove("manifest.json").is_some(), output.starts_with("docker"));
            let mut layout = Contents::of(&environment.join("layout"));
            // An archive for docker has the full name in the annotation of containerd as well.
            if output.starts_with("docker") {
                for contents in [&mut written, &mut layout] {
                    contents.files.remove("index.json");
                }
            }
            assert!(written.files == layout.files, "{verb:?} {output}");
            // And they are read like any other.
            environment.ok(&["fsck", "--level", "4", path.to_str().unwrap()]);
        }
    }
}

/// The output is what other programs take: `gzip -t` and `gzip -dc` are on every machine that has Unix tools.
#[test]
fn gzip_reads_what_is_written_and_the_header_tells_nothing() {
    let environment = place();
    environment.ok(&["copy", "app", "out.tar"]);
    environment.ok(&["copy", "app", "out.tar.gz"]);
    let run = |arguments: &[&str]| {
        let output = Command::new("gzip").args(arguments).arg(environment.join("out.tar.gz")).output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    run(&["-t"]);
    assert!(run(&["-dc"]) == std::fs::read(environment.join("out.tar")).unwrap(), "the same archive is inside");
    let bytes = std::fs::read(environment.join("out.tar.gz")).unwrap();
    // RFC 1952: magic, deflate, no flags (so no name), no time, no hint, an unknown system.
    assert_eq!(bytes[..10], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
    let plain = std::fs::metadata(environment.join("out.tar")).unwrap().len();
    assert!(bytes.len() as u64 * 10 < plain, "the large layer is text that repeats: {} of {plain}", bytes.len());
    // RFC 8878: one frame, that says how long its content is and ends with a checksum.
    environment.ok(&["copy", "app", "out.tar.zst"]);
    let bytes = std::fs::read(environment.join("out.tar.zst")).unwrap();
    assert!(bytes.len() as u64 * 10 < plain);
    assert_eq!(bytes[..4], [0x28, 0xb5, 0x2f, 0xfd]);
    assert_eq!(bytes[4] & 0b100, 0b100, "a checksum follows");
    assert_eq!(zstd::zstd_safe::get_frame_content_size(&bytes).ok().flatten(), Some(plain));
}

#[test]
fn what_a_compressed_archive_gives_is_the_same_as_from_a_layout() {
    let environment = place();
    for ending in ["tar.gz", "tar.zst"] {
        for (number, (source, jobs)) in [("app", "1"), ("app.tar", "2"), ("app.tar.gz", "3"), ("app.tar.gz", "1")].iter().enumerate() {
            environment.ok(&["copy", source, &format!("{number}.{ending}"), "--jobs", jobs]);
            let [first, this] = [0, number].map(|number| std::fs::read(environment.join(&format!("{number}.{ending}"))).unwrap());
            assert!(first == this, "{source} with {jobs} threads");
        }
    }
}

#[test]
fn what_fails_leaves_nothing() {
    let environment = place();
    // The content of the large layer changes under its digest.
    for source in ["app", "bad.tar.gz"] {
        let app = Contents::of(&environment.join("app.tar"));
        let (large, bytes) = app.files.iter().max_by_key(|(_, bytes)| bytes.len()).unwrap();
        let mut bad = bytes.clone();
        bad[5000] ^= 1;
        std::fs::write(environment.join("app").join(large), &bad).unwrap();
        let files: Vec<(String, Vec<u8>)> =
            app.files.iter().map(|(name, bytes)| (name.clone(), if name == large { bad.clone() } else { bytes.clone() })).collect();
        std::fs::write(environment.join("bad.tar.gz"), gzip(&crate::support::image::archive(&files))).unwrap();
        let before = snapshot(environment.path());
        for output in ["out.tar.gz", "out.tar.zst"] {
            let outcome = environment.refused(&["copy", source, output], "blob.digest_mismatch", 3);
            assert!(outcome.err.contains(&large[13..]), "{}", outcome.err);
        }
        assert!(before == snapshot(environment.path()));
    }
    // An archive that is there stays, and is replaced on demand; also by itself in another form, never by its own input.
    environment.ok(&["copy", "bases:os:new", "there.tgz"]);
    environment.refused(&["copy", "bases:os:old", "there.tgz"], "output.exists", 4);
    environment.ok(&["copy", "bases:os:old", "there.tgz", "--overwrite"]);
    environment.refused(&["copy", "there.tgz", "there.tgz", "--overwrite"], "usage.output", 2);
    let (_, document) = environment.json(&["copy", "there.tgz", "docker-archive:other.tar.zst"]);
    assert_eq!(document["output"], json!({"kind": "docker-archive", "path": "other.tar.zst"}));
}

/// The coded size of the dictionary of `xz -9`, 64 MiB.
const LARGEST: u8 = 28;

#[test]
fn an_archive_inside_xz_is_read_as_if_it_were_plain() {
    let environment = place();
    let tar = std::fs::read(environment.join("app.tar")).unwrap();
    let (front, back) = tar.split_at(tar.len() / 2);
    let cases = [
        ("one.tar.xz", xz::stream(&tar, xz::CRC32, LARGEST)),
        // Two streams, as two calls of xz leave them behind each other, with padding and without.
        ("two.txz", [xz::stream(front, xz::CRC32, 8), xz::stream(back, xz::CRC32, 8)].concat()),
        ("padded.TAR.XZ", [xz::stream(front, xz::CRC32, 8), vec![0; 8], xz::stream(back, xz::CRC32, 8), vec![0; 4]].concat()),
    ];
    environment.ok(&["copy", "app.tar", "plain"]);
    for (number, (name, bytes)) in cases.iter().enumerate() {
        let path = format!("{number}/{name}");
        std::fs::create_dir(environment.join(&number.to_string())).unwrap();
        std::fs::write(environment.join(&path), bytes).unwrap();
        environment.ok(&["fsck", "--level", "4", &path]);
        environment.ok(&["copy", &path, &format!("out{number}")]);
        assert!(Contents::of(&environment.join(&format!("out{number}"))).files == Contents::of(&environment.join("plain")).files, "{name}");
        // It is found in a folder as well.
        let (_, found) = environment.json(&["outdated", &number.to_string(), "--bases", "bases"]);
        assert_eq!(found["items"].as_array().map(Vec::len), Some(1), "{found:#}");
    }
}

#[test]
fn what_is_wrong_with_xz_is_said_by_name() {
    let environment = place();
    let tar = std::fs::read(environment.join("app.tar")).unwrap();
    let good = xz::stream(&tar, xz::CRC32, 8);
    let mut flipped = good.clone();
    flipped[5000] ^= 1;
    let mut checked = good.clone();
    let check = checked.len() - 40;
    checked[check..].fill(0);
    let cases = [
        ("flipped.tar.xz", flipped, "stream.corrupt"),
        ("no-ending.tar.xz", checked, "stream.corrupt"),
        ("short.tar.xz", good[..good.len() / 2].to_vec(), "stream.truncated"),
        ("shorter.tar.xz", good[..20].to_vec(), "stream.truncated"),
        ("followed.tar.xz", [good, b"more".to_vec()].concat(), "tar.data_after_end"),
        ("wide.tar.xz", xz::stream(&tar, xz::CRC32, LARGEST + 1), "xz.dictionary"),
        ("widest.tar.xz", xz::stream(&tar, xz::CRC32, 40), "xz.dictionary"),
        ("sha256.tar.xz", xz::stream(&tar, 10, 8), "source.unsupported"),
    ];
    for (name, bytes, code) in cases {
        std::fs::write(environment.join(name), bytes).unwrap();
        let outcome = environment.refused(&["copy", name, "out"], code, 3);
        assert!(outcome.err.contains(name), "{}", outcome.err);
        assert!(!environment.join("out").exists(), "{name}");
    }
}
