//! Genuine alpine, three levels deep, run.

use std::path::Path;
use std::process::Command;

use serde_json::json;

use super::{apply, item, items, plan, seen};
use crate::support::real::folder;
use crate::support::{Contents, Environment, Image, Layer, Layout};

fn alpine(folder: &Path, version: &str, created: &str) -> Image {
    let blob = std::fs::read(folder.join(format!("alpine/alpine-minirootfs-{version}-x86_64.tar.gz"))).unwrap();
    let mut tar = Vec::new();
    std::io::copy(&mut flate2::read::MultiGzDecoder::new(blob.as_slice()), &mut tar).unwrap();
    let layer = Layer { media_type: format!("{}+gzip", crate::support::image::LAYER), blob, tar };
    Image::of(&[&layer]).with("Env", json!(["PATH=/usr/bin:/bin"])).with_top("created", json!(created))
}

/// A layer with one program that the image's own shell runs.
fn program(path: &str, text: &str) -> Layer {
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_ustar();
    header.set_mode(0o755);
    header.set_size(text.len() as u64);
    builder.append_data(&mut header, path, text.as_bytes()).unwrap();
    let tar = builder.into_inner().unwrap();
    let media_type = crate::support::image::LAYER.to_owned();
    Layer { media_type, blob: tar.clone(), tar }
}

/// Unpacks the layers of an image, as a runtime does.
fn unpack(contents: &Contents, digest: &str, target: &Path) {
    for layer in contents.json(digest)["layers"].as_array().unwrap() {
        let blob = &contents.files[&format!("blobs/{}", layer["digest"].as_str().unwrap().replace(':', "/"))];
        let mut tar = Vec::new();
        if blob.starts_with(&[0x1f, 0x8b]) {
            std::io::copy(&mut flate2::read::MultiGzDecoder::new(blob.as_slice()), &mut tar).unwrap();
        } else {
            tar.clone_from(blob);
        }
        let mut archive = tar::Archive::new(tar.as_slice());
        archive.set_preserve_permissions(true);
        archive.unpack(target).unwrap();
    }
}

#[test]
fn twenty_apps_on_two_middlewares_on_a_runtime_on_alpine() {
    let Some(folder) = folder("twenty_apps_on_two_middlewares_on_a_runtime_on_alpine") else { return };
    let environment = Environment::on_disk();
    let old = alpine(&folder, "3.19.4", "2024-01-01T00:00:00Z");
    let new = alpine(&folder, "3.20.3", "2024-09-01T00:00:00Z");
    let runtime = old.and(&[&program("opt/runtime", "#!/bin/sh\nread release </etc/alpine-release; echo \"runtime on $release\"\n")]);
    let mut images = Layout::new().image("site/runtime:1", &runtime);
    let mut names = Vec::new();
    for colour in ["red", "blue"] {
        let text = format!("#!/bin/sh\necho \"{colour} on $(/opt/runtime)\"\n");
        let middleware = runtime.and(&[&program("opt/middleware", &text)]);
        images = images.image(&format!("site/{colour}:1"), &middleware);
        for number in 0..10 {
            let name = format!("site/app-{colour}-{number}:1");
            let text = format!("#!/bin/sh\necho \"app {number} on $(/opt/middleware)\"\n");
            images = images.image(&name, &middleware.and(&[&program("opt/app", &text)]).with("Cmd", json!(["/opt/app"])));
            names.push((name, format!("app {number} on {colour} on runtime on 3.20.3\n")));
        }
    }
    images.write(&environment.join("images"));
    Layout::new().image("docker.io/library/alpine:3.19", &old).write_archive(&environment.join("bases/old.tar"));
    Layout::new().image("docker.io/library/alpine:3.20", &new).write_archive(&environment.join("bases/new.tar"));
    let planned = items(&plan(&environment, &["images", "--bases", "bases", "--allow", "minor"]));
    let levels: Vec<u64> = planned.iter().map(|item| item["level"].as_u64().unwrap()).collect();
    assert_eq!(levels, [&[0, 1, 1][..], &[2; 20]].concat());
    assert!(planned.iter().all(|item| item["status"] == "move"), "{planned:#?}");
    assert_eq!(item(&planned, "site/runtime:1")["platforms"][0]["baseName"], "docker.io/library/alpine:3.20");
    assert_eq!(apply(&environment, "out", &[]).0, 0);
    environment.ok(&["fsck", "out", "--level", "3"]);
    let contents = seen(&environment, "out");
    contents.whole();
    for (number, (name, expected)) in names.iter().enumerate() {
        let root = environment.join(&format!("root-{number}"));
        unpack(&contents, &contents.named(name).unwrap(), &root);
        assert_eq!(std::fs::read_to_string(root.join("etc/alpine-release")).unwrap(), "3.20.3\n");
        // Only root may change its root directory.
        if !std::fs::read_to_string("/proc/self/status").unwrap().contains("Uid:\t0\t0") {
            crate::support::skipped(&format!("running {name} needs root"));
            continue;
        }
        let output =
            Command::new("chroot").arg(&root).arg("/opt/app").env_clear().env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin").output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), *expected, "{}", String::from_utf8_lossy(&output.stderr));
        std::fs::remove_dir_all(&root).unwrap();
    }
}
