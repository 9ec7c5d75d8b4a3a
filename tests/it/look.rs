//! Looking into images: `inspect`, `ls`, `cat`.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::symlink;

use serde_json::{Value, json};

use crate::support::image::{Compression, archive, digest};
use crate::support::{Environment, Image, Layer, Layout, layer};

/// The paths that `ls` shows, with the number of the layer that each comes from.
fn listed(environment: &Environment, arguments: &[&str]) -> Vec<(String, u64)> {
    let (status, report) = environment.json(&[&["ls"], arguments].concat());
    assert_eq!(status, 0, "{report:#}");
    let files = report["files"].as_array().unwrap();
    files.iter().map(|file| (file["path"].as_str().unwrap().to_owned(), file["layer"].as_u64().unwrap())).collect()
}

fn paths(environment: &Environment, arguments: &[&str]) -> Vec<String> {
    listed(environment, arguments).into_iter().map(|(path, _)| path).collect()
}

/// Layers of small files, the lowest first.
fn stack(layers: &[&[&str]]) -> Image {
    let layers: Vec<Layer> = layers.iter().map(|entries| layer(entries)).collect();
    Image::of(&layers.iter().collect::<Vec<_>>())
}

fn environment_with(image: &Image) -> Environment {
    let environment = Environment::new();
    Layout::new().image("app:1", image).write(&environment.join("app"));
    environment
}

/// image-spec, layer.md: "Whiteouts" and "Changeset over existing files".
#[test]
fn layers_are_applied_as_the_specification_says() {
    type Case<'a> = (&'a str, &'a [&'a [&'a str]], &'a [(&'a str, u64)]);
    let cases: &[Case<'_>] = &[
        ("the upper file wins", &[&["a=1", "b=1"], &["a=2"]], &[("a", 1), ("b", 0)]),
        ("a whiteout hides a file", &[&["a=1", "b=1"], &[".wh.a="]], &[("b", 0)]),
        ("a whiteout hides a directory with all in it", &[&["d/", "d/a=1", "d/e/f=1", "dd=1"], &[".wh.d="]], &[("dd", 0)]),
        ("a whiteout in a directory", &[&["d/", "d/a=1", "d/b=1"], &["d/.wh.a="]], &[("d", 0), ("d/b", 0)]),
        ("a whiteout hides nothing of its own layer", &[&["a=1"], &["a=2", ".wh.a="]], &[("a", 1)]),
        ("wherever it stands in it", &[&["a=1"], &[".wh.a=", "a=2"]], &[("a", 1)]),
        ("a file comes back", &[&["a=1"], &[".wh.a="], &["a=3"]], &[("a", 2)]),
        (
            "an opaque directory hides what was in it",
            &[&["d/", "d/a=1", "d/e/f=1"], &["d/", "d/.wh..wh..opq=", "d/b=2"]],
            &[("d", 1), ("d/b", 1)],
        ),
        ("and nothing of its own layer", &[&["d/", "d/a=1"], &["d/", "d/b=2", "d/.wh..wh..opq="]], &[("d", 1), ("d/b", 1)]),
        ("an opaque root hides everything", &[&["a=1", "d/", "d/b=1"], &[".wh..wh..opq=", "c=2"]], &[("c", 1)]),
        ("a file in the place of a directory", &[&["d/", "d/a=1", "d/e/f=1"], &["d=2"]], &[("d", 1)]),
        ("a link in the place of a directory", &[&["d/", "d/a=1", "e/"], &["d->e"]], &[("d", 1), ("e", 0)]),
        ("a directory in the place of a file", &[&["d=1"], &["d/", "d/a=2"]], &[("d", 1), ("d/a", 1)]),
        ("a directory over a directory keeps what is in it", &[&["d/", "d/a=1"], &["d/", "d/b=2"]], &[("d", 1), ("d/a", 0), ("d/b", 1)]),
        ("a whiteout of nothing", &[&["a=1"], &[".wh.b=", "d/.wh.c="]], &[("a", 0)]),
        ("a name that only begins like another", &[&["d/", "d/a=1", "d.conf=1", "d-x=1"], &[".wh.d="]], &[("d-x", 0), ("d.conf", 0)]),
    ];
    for (what, layers, expected) in cases {
        let environment = environment_with(&stack(layers));
        let found = listed(&environment, &["app"]);
        let found: Vec<(&str, u64)> = found.iter().map(|(path, layer)| (path.as_str(), *layer)).collect();
        assert_eq!(found, *expected, "{what}");
    }
}

/// Docker's, containerd's and podman's overlay unpack a layer into an empty directory and merge directories by name: a link is
/// followed if the layer itself has it, and becomes a directory where a lower layer has it. (Measured with buildah.)
#[test]
fn links_in_the_names_of_members_are_followed_as_overlays_do() {
    type Case<'a> = (&'a str, &'a [&'a [&'a str]], &'a [(&'a str, u64)]);
    let cases: &[Case<'_>] = &[
        (
            "a link of the same layer",
            &[&["usr/", "usr/lib/", "lib->usr/lib", "lib/a=1"]],
            &[("lib", 0), ("usr", 0), ("usr/lib", 0), ("usr/lib/a", 0)],
        ),
        (
            "an absolute link of the same layer",
            &[&["usr/lib/", "lib->/usr/lib", "lib/a=1"]],
            &[("lib", 0), ("usr/lib", 0), ("usr/lib/a", 0)],
        ),
        ("a chain of links", &[&["d/", "a->b", "b->d", "a/x=1"]], &[("a", 0), ("b", 0), ("d", 0), ("d/x", 0)]),
        ("a link that climbs out stays inside", &[&["d/", "a->../../d", "a/x=1"]], &[("a", 0), ("d", 0), ("d/x", 0)]),
        (
            "a link of a lower layer",
            &[&["usr/", "usr/lib/", "usr/lib/a=1", "lib->usr/lib"], &["lib/b=2"]],
            &[("lib/b", 1), ("usr", 0), ("usr/lib", 0), ("usr/lib/a", 0)],
        ),
        (
            "a directory in the place of a link",
            &[&["usr/lib/", "usr/lib/a=1", "lib->usr/lib"], &["lib/", "lib/b=2"]],
            &[("lib", 1), ("lib/b", 1), ("usr/lib", 0), ("usr/lib/a", 0)],
        ),
        ("a whiteout below a link", &[&["usr/lib/a=1", "lib->usr/lib"], &["lib/.wh.a="]], &[("usr/lib/a", 0)]),
        ("an opaque directory that is a link below", &[&["usr/lib/a=1", "lib->usr/lib"], &["lib/.wh..wh..opq="]], &[("usr/lib/a", 0)]),
        ("below a file", &[&["f=1"], &["f/q=2"]], &[("f/q", 1)]),
        ("a whiteout of a directory that is made again", &[&["d/", "d/x=1"], &[".wh.d=", "d/", "d/new=2"]], &[("d", 1), ("d/new", 1)]),
        (
            "a hidden directory with a new file further down",
            &[&["d/", "d/e/", "d/e/x=1", "d/y=1"], &["d/e/new=2", "d/.wh..wh..opq="]],
            &[("d", 0), ("d/e/new", 1)],
        ),
        ("files that come and go", &[&["d/a=1", "d/b=1"], &[".wh.d="], &["d/a=3"], &["d/.wh.a=", "d/b=4"]], &[("d/b", 3)]),
    ];
    for (what, layers, expected) in cases {
        let environment = environment_with(&stack(layers));
        let found = listed(&environment, &["app"]);
        let found: Vec<(&str, u64)> = found.iter().map(|(path, layer)| (path.as_str(), *layer)).collect();
        assert_eq!(found, *expected, "{what}");
    }
}

/// Names that every runtime finds, through links in their directories.
#[test]
fn ls_follows_links_to_directories() {
    let environment = environment_with(&stack(&[
        &["usr/", "usr/bin/", "usr/bin/sh=shell", "bin->usr/bin"],
        &["opt/", "opt/it->../bin", "deep->/opt/it", "round->round", "a-b=1", "a/b=1"],
    ]));
    for (asked, expected) in [
        ("bin/sh", &["usr/bin/sh"][..]),
        ("/opt/it/sh", &["usr/bin/sh"]),
        ("deep/sh", &["usr/bin/sh"]),
        ("deep/../sh", &[]),
        ("deep/../bin/sh", &["usr/bin/sh"]),
        ("bin", &["bin"]),
        ("bin/", &["usr/bin", "usr/bin/sh"]),
        ("deep/", &["usr/bin", "usr/bin/sh"]),
        ("bin/.", &["usr/bin", "usr/bin/sh"]),
        ("../usr/bin/sh", &[]),
        ("a", &["a/b"]),
        ("usr/bin/sh/", &[]),
        ("usr/bin/sh/x", &[]),
        ("round/x", &[]),
    ] {
        if expected.is_empty() {
            let _ = environment.refused(&["ls", "app", asked], "ref.not_found", 4);
        } else {
            assert_eq!(paths(&environment, &["app", asked]), expected, "{asked}");
        }
    }
}

/// A hard link shares the file as it was when the link was made.
#[test]
fn a_hard_link_keeps_what_it_shares() {
    let link = |name: &str, target: &str| {
        let mut builder = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(tar::EntryType::Link);
        header.set_size(0);
        header.set_mtime(0);
        builder.append_link(&mut header, name, target).unwrap();
        let tar = builder.into_inner().unwrap();
        Layer { media_type: crate::support::image::LAYER.into(), blob: tar.clone(), tar }
    };
    let below = layer(&["usr/lib/a=old", "lib->usr/lib", "s->lib/a"]);
    let image = Image::of(&[&below, &link("h", "lib/a"), &layer(&["usr/lib/a=new"]), &link("t", "s"), &link("again", "h")]);
    let environment = environment_with(&image);
    for (path, expected) in [("h", "old"), ("usr/lib/a", "new"), ("lib/a", "new"), ("t", "new"), ("again", "old")] {
        assert_eq!(environment.ok(&["cat", "app", path]).out, expected, "{path}");
    }
    assert_eq!(environment.run(&["fsck", "app", "--level", "4"]).status, 0);
}

#[test]
fn ls_shows_a_part_of_the_tree() {
    let environment = environment_with(&stack(&[&["etc/", "etc/os-release=x", "etcetera=1", "usr/", "usr/lib/", "usr/lib/z=1"]]));
    assert_eq!(paths(&environment, &["app", "etc"]), ["etc", "etc/os-release"]);
    for same in ["/etc", "etc/", "./etc", "//etc//"] {
        assert_eq!(paths(&environment, &["app", same]), ["etc", "etc/os-release"], "{same}");
    }
    assert_eq!(paths(&environment, &["app", "usr/lib/z"]), ["usr/lib/z"]);
    assert_eq!(paths(&environment, &["app", "/"]).len(), 6);
    let outcome = environment.refused(&["ls", "app", "nothing"], "ref.not_found", 4);
    assert!(outcome.err.contains("airbase ls"), "{}", outcome.err);
}

/// Owner, mode, size and where a link leads, from the headers of the layer.
#[test]
fn ls_shows_what_the_headers_say() {
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_ustar();
    header.set_mode(0o4755);
    header.set_uid(1000);
    header.set_gid(50);
    header.set_size(4);
    header.set_mtime(0);
    builder.append_data(&mut header, "bin/su", &b"root"[..]).unwrap();
    for (kind, name, target) in [(tar::EntryType::Symlink, "bin/sudo", "su"), (tar::EntryType::Link, "bin/hard", "bin/su")] {
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(kind);
        header.set_mode(0o777);
        header.set_uid(0);
        header.set_gid(0);
        header.set_size(0);
        header.set_mtime(0);
        builder.append_link(&mut header, name, target).unwrap();
    }
    let tar = builder.into_inner().unwrap();
    let image = Image::of(&[&Layer { media_type: crate::support::image::LAYER.into(), blob: tar.clone(), tar }]);
    let environment = environment_with(&image);
    let (_, report) = environment.json(&["ls", "app"]);
    assert_eq!(
        report["files"],
        json!([
            {"path": "bin/hard", "kind": "hardlink", "mode": "777", "uid": 0, "gid": 0, "size": 0, "link": "bin/su", "layer": 0},
            {"path": "bin/su", "kind": "file", "mode": "4755", "uid": 1000, "gid": 50, "size": 4, "layer": 0},
            {"path": "bin/sudo", "kind": "symlink", "mode": "777", "uid": 0, "gid": 0, "size": 0, "link": "su", "layer": 0},
        ])
    );
    let shown = environment.ok(&["ls", "app"]).out;
    let letters: Vec<&str> = shown.lines().map(|line| line.split_whitespace().nth(1).unwrap()).collect();
    assert_eq!(letters, ["h", "-", "l"], "{shown}");
    for file in ["bin/hard", "bin/sudo", "bin/su"] {
        assert_eq!(environment.ok(&["cat", "app", file]).out, "root", "{file}");
    }
}

#[test]
fn cat_prints_the_very_bytes() {
    let image = stack(&[&["a=1"]]);
    let environment = environment_with(&image);
    let by_digest = |digest: &str| format!("app@{digest}");
    let run = |arguments: &[&str]| environment.command(&[&["cat"], arguments].concat()).output().unwrap().stdout;
    assert_eq!(run(&["app"]), image.manifest_bytes());
    assert_eq!(run(&["app", "--config"]), image.config_bytes());
    assert_eq!(run(&[&by_digest(&image.digest())]), image.manifest_bytes());
    assert_eq!(run(&[&by_digest(&digest(&image.config_bytes()))]), image.config_bytes());
    assert_eq!(run(&[&by_digest(&image.layers[0].digest())]), image.layers[0].blob, "any blob, and binary");
    let arm = stack(&[&["a=2"]]).platform("arm64");
    let layout = Layout::new().index("multi", &[&image, &arm], json!({}));
    layout.write(&environment.join("multi"));
    assert_eq!(run(&["multi"]), layout.blobs[&layout.digest_of("multi")], "without a platform the index itself");
    assert_eq!(run(&["multi", "--platform", "linux/arm64"]), arm.manifest_bytes());
    assert_eq!(run(&["multi", "--config", "--platform", "linux/arm64"]), arm.config_bytes());
    assert_eq!(run(&["multi", "a", "--platform", "linux/arm64"]), b"2");
}

/// Most distributions have /bin as a link to usr/bin, and absolute links that mean the image's root.
#[test]
fn cat_follows_links_inside_the_image_only() {
    let environment = environment_with(&stack(&[
        &["usr/", "usr/bin/", "usr/bin/sh=shell", "bin->usr/bin", "etc/", "etc/passwd=image"],
        &[
            "sh->bin/sh",
            "abs->/bin/sh",
            "up->../../../etc/passwd",
            "a->b",
            "b->a",
            "deep->bin",
            "x/",
            "x/y->../deep/sh",
            "gone->nothing",
            "dir->etc",
        ],
    ]));
    for (path, expected) in [
        ("usr/bin/sh", "shell"),
        ("/bin/sh", "shell"),
        ("sh", "shell"),
        ("abs", "shell"),
        ("deep/sh", "shell"),
        ("x/y", "shell"),
        ("up", "image"),
        ("dir/passwd", "image"),
    ] {
        assert_eq!(environment.ok(&["cat", "app", path]).out, expected, "{path}");
    }
    for path in ["a", "gone", "bin/nothing", "etc/passwd/x", "../etc/passwd"] {
        let _ = environment.refused(&["cat", "app", path], "ref.not_found", 4);
    }
    for path in ["etc", "dir", "bin"] {
        let _ = environment.refused(&["cat", "app", path], "usage.argument", 2);
    }
}

/// Not a byte of a layer is shown that was not hashed, not even of one that inflates well.
#[test]
fn a_layer_that_was_changed_prints_nothing() {
    for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
        let honest = layer(&["secret=honest", "z=last"]).compressed(compression);
        let forged = layer(&["secret=forged", "z=last"]).compressed(compression);
        let image = Image::of(&[&honest]);
        let environment = environment_with(&image);
        let path = environment.join("app/blobs").join(honest.digest().replace(':', "/"));
        // Of the same size, so that nothing but the digest tells.
        let mut bytes = forged.blob.clone();
        bytes.resize(honest.blob.len(), 0);
        fs::write(&path, bytes).unwrap();
        let by_digest = format!("app@{}", honest.digest());
        for arguments in [&["cat", "app", "secret"][..], &["cat", "app", "z"], &["ls", "app"], &["cat", &by_digest]] {
            let outcome = environment.refused(arguments, "blob.digest_mismatch", 3);
            assert_eq!(outcome.out, "", "{compression:?}, {arguments:?}");
        }
    }
}

#[test]
fn every_way_to_store_an_image_shows_the_same() {
    let gzip = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let plain = layer(&["etc/os-release=x", "app=1"]).compressed(Compression::None);
    let docker = |layer: Layer, kind: &str| Layer { media_type: format!("application/vnd.docker.image.rootfs.{kind}"), ..layer };
    let members = [gzip(&plain.tar[..600]), gzip(&plain.tar[600..]), vec![0; 512]].concat();
    let layers = [
        ("tar", plain.clone()),
        ("gzip", plain.compressed(Compression::Gzip)),
        ("zstd", plain.compressed(Compression::Zstd)),
        (
            "gzip of two members, with padding behind",
            Layer { media_type: format!("{}+gzip", plain.media_type), blob: members, tar: plain.tar.clone() },
        ),
        ("docker's gzip", docker(plain.compressed(Compression::Gzip), "diff.tar.gzip")),
        ("docker's tar", docker(plain.clone(), "diff.tar")),
    ];
    for (what, layer) in layers {
        let environment = environment_with(&Image::of(&[&layer]));
        assert_eq!(paths(&environment, &["app"]), ["app", "etc/os-release"], "{what}");
        assert_eq!(environment.ok(&["cat", "app", "app"]).out, "1", "{what}");
        assert_eq!(environment.run(&["fsck", "app"]).status, 0, "{what}");
    }
}

/// Layouts as docker, busybox, `tar -C dir .` and other writers make them.
#[test]
fn every_way_to_pack_a_layout_shows_the_same() {
    let environment = Environment::new();
    let docker = Image {
        manifest_type: "application/vnd.docker.distribution.manifest.v2+json".into(),
        config_type: "application/vnd.docker.container.image.v1+json".into(),
        layers: vec![Layer { media_type: "application/vnd.docker.image.rootfs.diff.tar.gzip".into(), ..layer(&["app=1"]) }],
        ..stack(&[&["app=1"]])
    };
    let oci = stack(&[&["app=1"]]);
    for (what, image) in [("oci", &oci), ("docker", &docker)] {
        let layout = Layout::new().image("app:1", image);
        let files = layout.files();
        let mut reversed = files.clone();
        reversed.reverse();
        let dotted: Vec<(String, Vec<u8>)> = files.iter().map(|(name, bytes)| (format!("./{name}"), bytes.clone())).collect();
        for (form, files) in [("as it is", &files), ("blobs first", &reversed), ("./", &dotted)] {
            fs::write(environment.join("app.tar"), archive(files)).unwrap();
            assert_eq!(paths(&environment, &["app.tar"]), ["app"], "{what}, {form}");
            assert_eq!(environment.run(&["fsck", "app.tar"]).status, 0, "{what}, {form}");
        }
        // A blob that is a link to a file of the layout, and the archive that GNU tar makes of it.
        let path = environment.join(what);
        layout.write(&path);
        let blob = path.join("blobs").join(image.layers[0].digest().replace(':', "/"));
        fs::rename(&blob, path.join("rootfs.tar.gz")).unwrap();
        symlink("../../rootfs.tar.gz", &blob).unwrap();
        let packed = std::process::Command::new("tar").current_dir(&path).args(["-cf", "../linked.tar", "."]).status().unwrap();
        assert!(packed.success());
        for path in [what, "linked.tar"] {
            assert_eq!(paths(&environment, &[path]), ["app"], "{path}");
            assert_eq!(environment.run(&["fsck", path]).status, 0, "{path}");
        }
    }
}

/// `inspect` of a layout, in every fact that decides something.
#[test]
fn inspect_tells_what_an_image_is() {
    let environment = Environment::new();
    let amd64 = stack(&[&["etc/os-release=old"], &["app=1"]])
        .with("Entrypoint", json!(["/app"]))
        .with("Cmd", json!(["--serve"]))
        .with("User", json!("1000"))
        .with("WorkingDir", json!("/srv"))
        .with("Env", json!(["PATH=/bin"]))
        .with("Labels", json!({"org.opencontainers.image.version": "1.2"}))
        .annotated("org.opencontainers.image.title", "the app");
    let arm64 = stack(&[&["etc/os-release=old"], &["app=2"]]).platform("arm64").with_top("variant", json!("v8"));
    Layout::new().index("app:1", &[&amd64, &arm64], json!({"annotations": {"k": "v"}})).write(&environment.join("app"));
    let (status, report) = environment.json(&["inspect", "app"]);
    assert_eq!(status, 0);
    let entry = &report["sources"][0]["entries"][0];
    assert_eq!((&entry["names"], &entry["kind"], &entry["annotations"]), (&json!(["app:1"]), &json!("index"), &json!({"k": "v"})));
    let images = entry["images"].as_array().unwrap();
    let platforms: Vec<&Value> = images.iter().map(|image| &image["platform"]).collect();
    assert_eq!(platforms, [&json!("linux/amd64"), &json!("linux/arm64/v8")]);
    let image = &images[0];
    for (field, expected) in [
        ("manifest", json!(amd64.digest())),
        ("config", json!(digest(&amd64.config_bytes()))),
        ("entrypoint", json!(["/app"])),
        ("cmd", json!(["--serve"])),
        ("user", json!("1000")),
        ("workingDir", json!("/srv")),
        ("env", json!(["PATH=/bin"])),
        ("labels", json!({"org.opencontainers.image.version": "1.2"})),
        ("created", json!("2024-01-01T00:00:00Z")),
    ] {
        assert_eq!(image[field], expected, "{field}");
    }
    assert_eq!(image["layers"][1]["digest"], json!(amd64.layers[1].digest()));
    assert_eq!(image["layers"][1]["diffId"], json!(amd64.layers[1].diff_id()));
    assert_eq!(image["layers"][1]["present"], json!(true));
    let identity: Vec<(&Value, &Value, &Value)> =
        image["identity"].as_array().unwrap().iter().map(|fact| (&fact["field"], &fact["value"], &fact["from"])).collect();
    assert_eq!(identity, [(&json!("title"), &json!("the app"), &json!("annotation")), (&json!("version"), &json!("1.2"), &json!("label"))]);
}

/// Whose a fact is: the version of the distribution is not the version of the application on it.
#[test]
fn inspect_tells_own_from_inherited() {
    let environment = Environment::new();
    let label = |version: &str, title: &str| json!({"org.opencontainers.image.version": version, "org.opencontainers.image.title": title});
    let base = stack(&[&["etc/os-release=12"]]).with("Labels", label("12", "os"));
    let app = base.and(&[&layer(&["app=1"])]).with("Labels", label("12", "app"));
    Layout::new().image("os:12", &base).write(&environment.join("bases"));
    Layout::new().image("app:1", &app).write(&environment.join("app"));
    let owners = |arguments: &[&str]| -> Vec<(String, String)> {
        let (_, report) = environment.json(arguments);
        let facts = report["sources"][0]["entries"][0]["images"][0]["identity"].as_array().unwrap().clone();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        facts.iter().map(|fact| (text(&fact["field"]), text(&fact["owner"]))).collect()
    };
    let pair = |field: &str, owner: &str| (field.to_owned(), owner.to_owned());
    assert_eq!(owners(&["inspect", "app"]), [pair("title", "unknown"), pair("version", "unknown")]);
    assert_eq!(owners(&["inspect", "app", "--bases", "bases"]), [pair("title", "own"), pair("version", "inherited")]);
    let (_, report) = environment.json(&["inspect", "app", "--bases", "bases"]);
    let found = &report["sources"][0]["entries"][0]["images"][0]["base"];
    assert_eq!((&found["reference"], &found["layers"]), (&json!("bases:os:12"), &json!(1)));
}

/// Without `--all` a layout shows what a person put there; with it, everything that lies in it.
#[test]
fn inspect_all_shows_what_nothing_lists() {
    let environment = Environment::new();
    let (named, untagged, unlisted) = (stack(&[&["a=1"]]), stack(&[&["a=2"]]), stack(&[&["a=3"]]));
    let mut layout = Layout::new().image("app:1", &named);
    let entry = layout.store(&untagged);
    layout.entry("", entry);
    layout.store(&unlisted);
    layout.write(&environment.join("app"));
    fs::write(environment.join("app.tar"), archive(&layout.files())).unwrap();
    for path in ["app", "app.tar"] {
        let digests = |arguments: &[&str]| -> Vec<(String, bool)> {
            let (status, report) = environment.json(arguments);
            assert_eq!(status, 0);
            let entries = report["sources"][0]["entries"].as_array().unwrap().clone();
            entries.iter().map(|entry| (entry["digest"].as_str().unwrap().to_owned(), entry["listed"].as_bool().unwrap())).collect()
        };
        assert_eq!(digests(&["inspect", path]), [(named.digest(), true)]);
        assert_eq!(digests(&["inspect", path, "--all"]), [(named.digest(), true), (untagged.digest(), true), (unlisted.digest(), false)]);
        let outcome = environment.ok(&["inspect", path]);
        assert!(outcome.out.contains("1 entry not shown") && outcome.out.contains("--all"), "{}", outcome.out);
    }
}

#[test]
fn inspect_searches_a_folder() {
    let environment = Environment::new();
    Layout::new().image("a:1", &stack(&[&["a=1"]])).write(&environment.join("folder/deep/layout"));
    Layout::new().image("b:1", &stack(&[&["a=1"]])).write_archive(&environment.join("folder/b.tar"));
    fs::write(environment.join("folder/SHA256SUMS"), "x").unwrap();
    fs::create_dir(environment.join("folder/.hidden")).unwrap();
    let (status, report) = environment.json(&["inspect", "folder"]);
    let sources: Vec<&Value> = report["sources"].as_array().unwrap().iter().map(|source| &source["path"]).collect();
    assert_eq!((status, sources), (0, vec![&json!("folder/b.tar"), &json!("folder/deep/layout")]));
}

/// A layout in which some platforms were left out on the way is as good as what is there.
#[test]
fn sparse_layouts_are_shown_as_what_they_are() {
    let environment = Environment::new();
    let (amd64, arm64) = (stack(&[&["a=1"], &["b=1"]]), stack(&[&["a=2"]]).platform("arm64"));
    let mut layout = Layout::new().index("app:1", &[&amd64, &arm64], json!({}));
    layout.blobs.remove(&arm64.digest());
    layout.blobs.remove(&amd64.layers[0].digest());
    layout.write(&environment.join("sparse"));
    let (status, report) = environment.json(&["inspect", "sparse"]);
    assert_eq!(status, 0, "{report:#}");
    let entry = &report["sources"][0]["entries"][0];
    assert_eq!(entry["findings"][0]["code"], json!("blob.missing"));
    let present: Vec<&Value> = entry["images"][0]["layers"].as_array().unwrap().iter().map(|layer| &layer["present"]).collect();
    assert_eq!(present, [&json!(false), &json!(true)]);
    assert!(environment.ok(&["inspect", "sparse"]).out.contains("(not here)"));
    let _ = environment.refused(&["ls", "sparse", "--platform", "linux/amd64"], "blob.missing", 4);
    let _ = environment.refused(&["ls", "sparse", "--platform", "linux/arm64"], "ref.platform", 4);
}

/// What a descriptor embeds need not lie in the layout (image-spec, descriptor.md, "Embedded Content").
#[test]
fn embedded_documents_are_read_from_their_descriptor() {
    let environment = Environment::new();
    let image = stack(&[&["a=1"]]);
    let mut layout = Layout::new().image("app:1", &image);
    layout.blobs.remove(&image.digest());
    layout.entries[0]["data"] = json!(base64(&image.manifest_bytes()));
    layout.write(&environment.join("app"));
    assert_eq!(environment.ok(&["cat", "app", "a"]).out, "1");
    assert_eq!(environment.ok(&["cat", "app"]).out.as_bytes(), image.manifest_bytes());
    assert_eq!(environment.run(&["fsck", "app"]).status, 0);
    // Damage below it is found too.
    fs::remove_file(environment.join("app/blobs").join(image.layers[0].digest().replace(':', "/"))).unwrap();
    let outcome = environment.run(&["fsck", "app"]);
    assert!(outcome.out.contains("[blob.missing]"), "{}", outcome.out);
    assert_eq!(outcome.status, 1);
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let bits = (0..3).fold(0_u32, |bits, at| (bits << 8) | u32::from(chunk.get(at).copied().unwrap_or(0)));
        for at in 0..4 {
            let digit = DIGITS[((bits >> (18 - 6 * at)) & 63) as usize];
            out.push(if at <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    out
}

/// What an operator asks of an image before it runs: what each layer is, whose it is, and what it opens.
#[test]
fn inspect_shows_where_layers_come_from_and_what_an_image_opens() {
    let environment = Environment::new();
    let base = Image::of(&[&layer(&["etc/os-release=1"])]);
    let app = base
        .and(&[&layer(&["app=1"])])
        .with("ExposedPorts", json!({"8080/tcp": {}, "53/udp": {}}))
        .with("Volumes", json!({"/var/lib/app": {}}))
        .with("Healthcheck", json!({"Test": ["CMD-SHELL", "app check"]}))
        .with("StopSignal", json!("SIGQUIT"));
    Layout::new().image("os:1", &base).write(&environment.join("bases"));
    Layout::new().image("app:1", &app).write(&environment.join("app"));
    let (_, report) = environment.json(&["inspect", "app", "--bases", "bases"]);
    let image = &report["sources"][0]["entries"][0]["images"][0];
    assert_eq!((&image["ports"], &image["volumes"]), (&json!(["53/udp", "8080/tcp"]), &json!(["/var/lib/app"])));
    assert_eq!((&image["healthcheck"], &image["stopSignal"]), (&json!(["CMD-SHELL", "app check"]), &json!("SIGQUIT")));
    let layers: Vec<_> = image["layers"].as_array().unwrap().iter().map(|layer| &layer["ofBase"]).collect();
    assert_eq!(layers, [&json!(true), &json!(false)]);
    let made = image["layers"][1]["createdBy"].as_str().unwrap();
    assert!(made.starts_with("app "), "{made}");
    let text = environment.ok(&["inspect", "app", "--bases", "bases"]).out;
    for line in ["ports        53/udp 8080/tcp", "volumes      /var/lib/app", "healthcheck  \"CMD-SHELL\" \"app check\"", made] {
        assert!(text.contains(line), "{line}: {text}");
    }
    // Nobody knows whose a layer is without a proven base.
    let (_, report) = environment.json(&["inspect", "app"]);
    assert!(report["sources"][0]["entries"][0]["images"][0]["layers"][0].get("ofBase").is_none());
}

/// A folder of images is a list; all of each is asked for.
#[test]
fn inspect_gives_several_images_a_line_each() {
    let environment = Environment::new();
    let app = Image::of(&[&layer(&["app=1"])]);
    let other = app.clone().annotated("n", "1").platform("arm64");
    Layout::new().image("registry.example/app:1", &app).image("other:2", &other).write(&environment.join("in/one"));
    Layout::new().index("both:3", &[&app, &other], json!({})).write_archive(&environment.join("in/two.tar"));
    let text = environment.ok(&["inspect", "in"]).out;
    let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("  ")).collect();
    assert_eq!(lines.len(), 3, "{text}");
    assert!(lines[0].starts_with(&format!("  registry.example/app:1  {}  linux/amd64  ", &app.digest()[..19])), "{text}");
    assert!(lines[1].starts_with(&format!("  other:2                 {}  linux/arm64  ", &other.digest()[..19])), "{text}");
    assert!(lines[2].contains("linux/amd64, linux/arm64"), "{text}");
    let long = environment.ok(&["inspect", "in", "--long"]).out;
    assert_eq!(long.matches("      layer ").count(), 4, "{long}");
    // One image is shown whole.
    assert!(environment.ok(&["inspect", "in/one:other:2"]).out.contains("      layer "));
}
