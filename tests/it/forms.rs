//! The forms in which images arrive: layouts, archives, what docker saved, and each of these inside gzip or zstd.

use std::path::Path;

use serde_json::json;

use crate::support::image::{Compression, ReadBack, archive, digest, gzip, texts};
use crate::support::{Environment, Image, Layer, Layout, layer};

/// What `docker save` wrote before version 25: a directory for each layer, not compressed, and the config under its digest.
fn docker_save(images: &[(&[&str], &Image)]) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    let mut items = Vec::new();
    for (tags, image) in images {
        let config = image.config_bytes();
        let config_name = format!("{}.json", &digest(&config)[7..]);
        let names: Vec<String> = image.layers.iter().map(|layer| format!("{}/layer.tar", &layer.diff_id()[7..])).collect();
        for (name, layer) in names.iter().zip(&image.layers) {
            if !files.iter().any(|(known, _)| known == name) {
                files.push((name.clone(), layer.tar.clone()));
            }
        }
        files.push((config_name.clone(), config));
        items.push(json!({"Config": config_name, "RepoTags": tags, "Layers": names}));
    }
    files.push(("manifest.json".into(), serde_json::to_vec(&items).unwrap()));
    files.push(("repositories".into(), b"{}".to_vec()));
    files
}

/// A small tar archive as `xz -0 --check=crc32` compresses it, in hexadecimal.
const XZ: &str = "fd377a585a0000016922de36020021010c0000008f98419ce007ff00385d003080335018688982eda78069fada6df2b6a6df1c9efd21ca258e1adea0\
                  37760a20928173d366f0615df40e9e6e2f9ec70b4d8fc4aba2de0000eb0cc9f60001508010000000273b242e3e300d8b020000000001595a";

/// The diffID of the layer in [`XZ`], a tar archive of one small file, as `xz -dc | sha256sum` prints it.
const XZ_DIFF_ID: &str = "sha256:3baaf467ee03b06c82e030cf6fd917473dcd4bbf5c94ae6d317e31f7ed64482d";

/// docker and skopeo take layers in other compressions. They are refused by name, and not called damaged.
#[test]
fn a_layer_of_docker_in_xz_is_refused_by_name() {
    let environment = Environment::new();
    let xz: Vec<u8> = (0..XZ.len() / 2).map(|at| u8::from_str_radix(&XZ[2 * at..2 * at + 2], 16).unwrap()).collect();
    let saved = |layer: Vec<u8>, diff_id: &str| {
        let rootfs = json!({"type": "layers", "diff_ids": [diff_id]});
        let config = json!({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": rootfs});
        let manifest = json!([{"Config": "config.json", "RepoTags": ["app:1"], "Layers": ["1/layer.tar"]}]);
        archive(&[
            ("1/layer.tar".into(), layer),
            ("config.json".into(), serde_json::to_vec(&config).unwrap()),
            ("manifest.json".into(), serde_json::to_vec(&manifest).unwrap()),
        ])
    };
    write(&environment.join("app.tar"), &saved(xz, XZ_DIFF_ID));
    Layout::new().image("os:1", &family().old).write(&environment.join("bases"));
    let commands: [&[&str]; 4] = [
        &["inspect", "app.tar"],
        &["copy", "app.tar", "out"],
        &["ls", "app.tar"],
        &["rebase", "app.tar", "--seam-layers", "0", "--onto", "bases", "-o", "out"],
    ];
    for arguments in commands {
        let outcome = environment.refused(arguments, "source.unsupported", 3);
        assert!(outcome.err.contains("a layer is compressed with xz") && outcome.err.contains("1/layer.tar"), "{}", outcome.err);
    }
    let (status, examined) = environment.json(&["fsck", "app.tar"]);
    assert_eq!((status, &examined["sources"][0]["findings"][0]["code"]), (3, &json!("source.unsupported")), "{examined:#}");
    assert!(!environment.join("out").exists());
    // A layer whose first member is only called so is an ordinary one.
    let ordinary = layer(&["BZh9=1"]);
    write(&environment.join("ordinary.tar"), &saved(ordinary.tar.clone(), &ordinary.diff_id()));
    assert_eq!(environment.ok(&["cat", "ordinary.tar", "BZh9"]).out, "1");
}

fn write(path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).unwrap();
}

/// An old base, a new base, and an app on the old one, with layers from gzip.
struct Family {
    old: Image,
    new: Image,
    app: Image,
    own: Layer,
}

fn family() -> Family {
    let (old, own) = (Image::of(&[&layer(&["etc/os=old", "lib/a=1"])]), layer(&["app=yes"]));
    let app = old.and(&[&own]).with("Cmd", json!(["/app"]));
    Family { new: Image::of(&[&layer(&["etc/os=new"]), &layer(&["lib/b=2"])]), old, app, own }
}

#[test]
fn a_rebase_gives_the_same_image_from_every_container_of_the_same_manifest() {
    let environment = Environment::new();
    let family = family();
    Layout::new().image("os:old", &family.old).image("os:new", &family.new).write(&environment.join("bases"));
    let app = Layout::new().image("shop:1", &family.app);
    app.write(&environment.join("app"));
    let tar = archive(&app.files());
    write(&environment.join("app.tar"), &tar);
    write(&environment.join("app.tar.gz"), &gzip(&tar));
    write(&environment.join("app.tar.zst"), &zstd::encode_all(tar.as_slice(), 3).unwrap());
    // Two gzip members, as pigz writes them, and zeros behind, as tapes have them.
    let (one, two) = tar.split_at(700);
    write(&environment.join("members.tgz"), &[gzip(one), gzip(two), vec![0; 1024]].concat());

    let mut results = std::collections::BTreeSet::new();
    for (number, source) in ["app", "app.tar", "app.tar.gz", "app.tar.zst", "members.tgz"].iter().enumerate() {
        let out = format!("out{number}");
        let (status, report) =
            environment.json(&["rebase", source, "--bases", "bases", "--onto", "bases:os:new", "-o", &format!("{out}:shop:2")]);
        assert_eq!(status, 0, "{source}: {report:#}");
        results.insert(report["result"]["digest"].as_str().unwrap().to_owned());
        environment.ok(&["fsck", source, &out]);
    }
    assert_eq!(results.len(), 1, "{results:?}");
}

#[test]
fn what_docker_saved_moves_between_bases_from_a_registry() {
    let environment = Environment::new();
    let family = family();
    Layout::new().image("os:old", &family.old).image("os:new", &family.new).write(&environment.join("bases"));
    let tar = archive(&docker_save(&[(&["shop:1", "shop:latest"], &family.app)]));
    write(&environment.join("shop.tar"), &tar);
    write(&environment.join("shop.tar.gz"), &gzip(&tar));

    for (source, out) in [("shop.tar", "plain"), ("shop.tar.gz", "zipped")] {
        let outcome = environment.ok(&["inspect", source]);
        assert!(outcome.out.contains("shop:1") && outcome.out.contains("docker.manifest_made"), "{}", outcome.out);
        environment.ok(&["fsck", source]);
        let (status, report) = environment.json(&[
            "rebase",
            &format!("{source}:shop:1"),
            "--bases",
            "bases",
            "--onto",
            "bases:os:new",
            "-o",
            &format!("{out}:shop:2"),
        ]);
        assert_eq!(status, 0, "{report:#}");
        // The layers of the base differ in their compression, so they were inflated and compared.
        assert_eq!(report["platforms"][0]["proofs"], json!(["same-content"]));
        let out = ReadBack::open(&environment.join(out));
        let manifest = out.named("shop:2");
        let config = out.config(&manifest);
        let expected: Vec<String> = family.new.layers.iter().map(Layer::diff_id).chain([family.own.diff_id()]).collect();
        assert_eq!(texts(&config["rootfs"]["diff_ids"]), expected);
        assert_eq!(config["config"]["Cmd"], json!(["/app"]));
        // The app's layer is copied as it lay in the archive: not compressed.
        assert_eq!(manifest["layers"][2]["mediaType"], "application/vnd.oci.image.layer.v1.tar");
        assert_eq!(manifest["layers"][2]["digest"], family.own.diff_id());
    }
}

#[test]
fn several_images_linked_layers_and_compressed_layers_are_read() {
    let environment = Environment::new();
    let family = family();
    let files = docker_save(&[(&["os:old"], &family.old), (&["shop:1"], &family.app), (&[], &family.new)]);
    // The second image's lowest layer is a link to the first one's, as old dockers saved it.
    let shared = format!("{}/layer.tar", &family.old.layers[0].diff_id()[7..]);
    let linked = "0123/layer.tar";
    let mut builder = tar::Builder::new(Vec::new());
    for (name, bytes) in &files {
        let bytes = if name == "manifest.json" {
            let mut items: serde_json::Value = serde_json::from_slice(bytes).unwrap();
            items[1]["Layers"][0] = json!(linked);
            // And the app's own layer is compressed.
            items[1]["Layers"][1] = json!("own.tar.gz");
            serde_json::to_vec(&items).unwrap()
        } else {
            bytes.clone()
        };
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, bytes.as_slice()).unwrap();
    }
    let own = family.own.compressed(Compression::Gzip);
    let mut header = tar::Header::new_ustar();
    header.set_size(own.blob.len() as u64);
    header.set_mode(0o644);
    builder.append_data(&mut header, "own.tar.gz", own.blob.as_slice()).unwrap();
    let mut header = tar::Header::new_ustar();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    builder.append_link(&mut header, linked, format!("../{shared}")).unwrap();
    write(&environment.join("all.tar"), &builder.into_inner().unwrap());

    environment.ok(&["fsck", "all.tar"]);
    let (_, shown) = environment.json(&["base", "show", "all.tar:shop:1", "--bases", "all.tar"]);
    assert_eq!(shown["platforms"][0]["base"], "all.tar:os:old");
    environment.ok(&["copy", "all.tar:shop:1", "out:shop:1"]);
    let manifest = ReadBack::open(&environment.join("out")).named("shop:1");
    assert_eq!(manifest["layers"][1]["digest"], own.digest());
    assert_eq!(manifest["layers"][1]["mediaType"], "application/vnd.oci.image.layer.v1.tar+gzip");
    environment.refused(&["copy", "all.tar", "other"], "ref.ambiguous", 4);
}

/// The first bytes of a file say what it is, but not alone.
#[test]
fn archives_that_begin_like_something_else_are_read() {
    let environment = Environment::new();
    let mut files = vec![("BZh.txt".to_owned(), b"no bzip2".to_vec())];
    files.extend(Layout::new().image("shop:1", &family().app).files());
    write(&environment.join("letters.tar"), &archive(&files));
    environment.ok(&["fsck", "letters.tar"]);
    // An archive of less than one block, behind a frame that zstd passes over.
    let config = br#"{"rootfs":{"type":"layers","diff_ids":[]}}"#.to_vec();
    let manifest = br#"[{"Config":"c.json","RepoTags":["a:1"],"Layers":[]}]"#.to_vec();
    let tar = archive(&[("c.json".to_owned(), config), ("manifest.json".to_owned(), manifest)]);
    let zstd = zstd::encode_all(tar.as_slice(), 19).unwrap();
    assert!(zstd.len() < 400);
    write(&environment.join("skipped.tar.zst"), &[b"\x50\x2a\x4d\x18\x01\0\0\0x".as_slice(), &zstd].concat());
    assert!(environment.ok(&["inspect", "skipped.tar.zst"]).out.contains("a:1"));
}

#[test]
fn the_two_views_of_an_archive_must_agree() {
    let environment = Environment::new();
    let family = family();
    let hybrid = |oci: &Image, docker: &Image| {
        let layout = Layout::new().image("shop:1", oci);
        let mut files = layout.files();
        files.extend(docker_save(&[(&["docker.io/library/shop:1"], docker)]));
        archive(&files)
    };
    write(&environment.join("same.tar"), &hybrid(&family.app, &family.app));
    write(&environment.join("two.tar"), &hybrid(&family.app, &family.new));
    let same = environment.ok(&["inspect", "same.tar"]);
    assert!(same.out.contains("oci-archive"), "{}", same.out);
    let refused = environment.refused(&["inspect", "two.tar"], "archive.views_disagree", 3);
    assert!(
        refused.err.contains(&digest(&family.app.config_bytes())) && refused.err.contains(&digest(&family.new.config_bytes())),
        "{}",
        refused.err
    );
}

#[test]
fn an_archive_for_docker_is_a_layout_with_a_manifest_json_beside_it() {
    let environment = Environment::new();
    let family = family();
    Layout::new().image("os:old", &family.old).image("os:new", &family.new).write(&environment.join("bases"));
    Layout::new().image("shop:1", &family.app).write(&environment.join("app"));
    environment.ok(&["rebase", "app", "--bases", "bases", "--onto", "bases:os:new", "-o", "docker-archive:out.tar:shop:2"]);
    let bytes = std::fs::read(environment.join("out.tar")).unwrap();
    let mut entries = std::collections::BTreeMap::new();
    for entry in tar::Archive::new(bytes.as_slice()).entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().display().to_string();
        let mut content = Vec::new();
        std::io::Read::read_to_end(&mut entry, &mut content).unwrap();
        entries.insert(name, content);
    }
    let items: serde_json::Value = serde_json::from_slice(&entries["manifest.json"]).unwrap();
    assert_eq!(items[0]["RepoTags"], json!(["shop:2"]));
    let config: serde_json::Value = serde_json::from_slice(&entries[items[0]["Config"].as_str().unwrap()]).unwrap();
    let layers: Vec<String> = texts(&items[0]["Layers"]).iter().map(|name| digest(&entries[*name])).collect();
    let expected: Vec<String> = family.new.layers.iter().chain([&family.own]).map(Layer::digest).collect();
    assert_eq!(layers, expected);
    assert_eq!(config["rootfs"]["diff_ids"].as_array().unwrap().len(), 3);
    environment.ok(&["fsck", "out.tar"]);
    // An index of several platforms has no place in docker's form.
    let arm = family.app.clone().platform("arm64");
    Layout::new().index("both:1", &[&family.app, &arm], json!({})).write(&environment.join("both"));
    environment.refused(&["copy", "both", "docker-archive:both.tar"], "ref.platform", 4);
    environment.ok(&["copy", "both", "docker-archive:both.tar", "--platform", "linux/arm64"]);
}

#[test]
fn bad_archives_are_refused_by_name() {
    let environment = Environment::new();
    let family = family();
    let good = docker_save(&[(&["shop:1"], &family.app)]);
    let changed = |name: &str, bytes: &[u8]| -> Vec<u8> {
        archive(
            &good
                .iter()
                .map(|(own, content)| (own.clone(), if own == name { bytes.to_vec() } else { content.clone() }))
                .collect::<Vec<_>>(),
        )
    };
    let config = format!("{}.json", &digest(&family.app.config_bytes())[7..]);
    let without_layer: Vec<_> = good.iter().filter(|(name, _)| !name.starts_with(&family.own.diff_id()[7..])).cloned().collect();
    let tar = archive(&good);
    let short_gzip = gzip(&tar);
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("not-a-list.tar", changed("manifest.json", b"{}"), "docker.manifest"),
        ("no-config.tar", changed("manifest.json", br#"[{"Layers":[]}]"#), "docker.manifest"),
        ("climbing.tar", changed("manifest.json", br#"[{"Config":"../../etc/passwd","Layers":[]}]"#), "docker.missing_entry"),
        ("other-config.tar", changed(&config, b"{\"architecture\":\"amd64\"}"), "docker.config_mismatch"),
        ("no-layer.tar", archive(&without_layer), "docker.missing_entry"),
        ("legacy.tar", archive(&[("repositories".into(), b"{}".to_vec())]), "docker.legacy"),
        ("truncated.tar.gz", short_gzip[..short_gzip.len() / 2].to_vec(), "stream.truncated"),
        ("trailing.tar.gz", [short_gzip.clone(), b"more".to_vec()].concat(), "tar.data_after_end"),
        ("xz.tar.xz", b"\xfd7zXZ\0and more".to_vec(), "stream.corrupt"),
        ("bzip2.tar.bz2", b"BZh9and more".to_vec(), "source.unsupported"),
        ("zip.tar", b"PK\x03\x04and more".to_vec(), "source.unsupported"),
    ];
    for (name, bytes, code) in cases {
        write(&environment.join(name), &bytes);
        environment.refused(&["copy", name, "out"], code, 3);
        assert!(!environment.join("out").exists(), "{name}");
    }
    // A layer that is not what the config says is found when it is read, not believed.
    let lie = changed(&format!("{}/layer.tar", &family.own.diff_id()[7..]), &layer(&["app=other"]).tar);
    write(&environment.join("lie.tar"), &lie);
    environment.refused(&["copy", "lie.tar", "out"], "blob.digest_mismatch", 3);
    assert!(!environment.join("out").exists());
}
