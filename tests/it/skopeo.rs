//! Images as skopeo's `dir:` has them: read wherever a path is, byte for byte, and never written.

use std::fs;
use std::os::unix::fs::symlink;

use serde_json::{Value, json};

use crate::support::image::{INDEX, MANIFEST, ReadBack};
use crate::support::{Environment, Image, Layout, layer};

const DOCKER: &str = "application/vnd.docker.distribution.manifest.v2+json";

fn old() -> Image {
    Image::of(&[&layer(&["etc/", "etc/os-release=old"])])
}

fn new() -> Image {
    Image::of(&[&layer(&["etc/", "etc/os-release=new"])])
}

fn app() -> Image {
    old().and(&[&layer(&["app=1"])])
}

/// `app` as a layout and as a directory of skopeo, and bases in both forms.
fn place() -> Environment {
    let environment = Environment::new();
    for (name, image) in [("app", app()), ("bases/old", old()), ("bases/new", new())] {
        Layout::new().image("", &image).write_skopeo(&environment.join(name));
        Layout::new().image("", &image).write(&environment.join(&format!("layouts/{name}")));
    }
    environment
}

/// The answer without the paths and the kind of the source.
fn answer(environment: &Environment, arguments: &[&str]) -> (i32, String) {
    let outcome = environment.run(&[arguments, &["--format", "json"]].concat());
    assert!(outcome.err.is_empty(), "{arguments:?}: {}", outcome.err);
    let text = outcome.out.replace("layouts/", "").replace("\"oci-layout\"", "\"dir\"");
    (outcome.status, text.lines().filter(|line| !line.contains("ushMilliseconds") && !line.contains("out/")).collect())
}

#[test]
fn every_verb_reads_it_as_it_reads_a_layout() {
    let environment = place();
    for verb in [
        "inspect {app} --bases {bases}",
        "ls {app}",
        "cat {app} --config",
        "fsck {app}",
        "fsck {bases} --level 3",
        "diff {bases/old} {app} --files",
        "why {app} app --bases {bases}",
        "base show {app} --bases {bases}",
        "base verify {app} --base {bases/old}",
        "base dependents {bases/old} {app}",
        "verdict {app} --from {bases/old} --onto {bases/new}",
        "rebase {app} --from {bases/old} --onto {bases/new} --dry-run",
        "referrers {app}",
        "lifecycle show {app} --at 2026-11-01",
        "lifecycle check {app} --at 2026-11-01",
    ] {
        let fill = |folder: &str| verb.replace('{', folder).replace('}', "");
        let (layout, skopeo) = (fill("layouts/"), fill(""));
        let of = |text: &str| answer(&environment, &text.split(' ').collect::<Vec<_>>());
        assert_eq!(of(&skopeo), of(&layout), "{verb}");
    }
    // The folder holds two images, and each is found.
    let (_, found) = environment.json(&["inspect", "bases"]);
    let digest = |source: usize| found["sources"][source]["entries"][0]["digest"].as_str().unwrap().to_owned();
    assert_eq!((digest(0), digest(1)), (new().digest(), old().digest()), "{found:#}");
    assert_eq!(found["sources"][0]["kind"], "dir");
    // As skopeo spells it.
    environment.ok(&["ls", "dir:app"]);
    environment.ok(&["ls", &format!("dir:app@{}", app().digest())]);
    assert_eq!(environment.run(&["ls", "oci:app"]).status, 2);
}

#[test]
fn copies_and_results_are_those_of_a_layout() {
    let environment = place();
    environment.ok(&["copy", "app", "out/copy:app:1"]);
    assert_eq!(ReadBack::open(&environment.join("out/copy")).bytes_of("app:1"), app().manifest_bytes());
    environment.ok(&["copy", "--all", "app", "out/all"]);
    assert_eq!(ReadBack::open(&environment.join("out/all")).only(), serde_json::from_slice::<Value>(&app().manifest_bytes()).unwrap());
    let mut results = ["", "layouts/"].map(|from| {
        let arguments = [format!("{from}app"), format!("{from}bases/old"), format!("{from}bases/new"), format!("out/{}:app:2", from.len())];
        let [app, old, new, out] = &arguments;
        environment.json(&["rebase", app, "--from", old, "--onto", new, "-o", out]).1["result"].take()
    });
    assert_eq!(results[0]["digest"].as_str().map(str::len), Some(71));
    assert_eq!(results[0].take(), results[1].take());
    // A folder of them is planned and applied like any other.
    let named = old().annotated("org.opencontainers.image.base.name", "none");
    Layout::new().image("", &named.and(&[&layer(&["b=1"])])).write_skopeo(&environment.join("many/b"));
    Layout::new().image("", &app()).write_skopeo(&environment.join("many/a"));
    let plan = environment.ok(&["batch", "plan", "many", "--bases", "bases"]).out;
    let items = crate::batch::items(&plan);
    let sources: Vec<&str> = items.iter().map(|item| item["source"].as_str().unwrap()).collect();
    assert_eq!(sources, ["many/a", "many/b"], "{plan}");
}

#[test]
fn an_index_has_its_platforms_beside_it() {
    let environment = Environment::new();
    let (amd, arm) = (app(), app().platform("arm64"));
    let mut layout = Layout::new().index("", &[&amd, &arm], json!({"annotations": {"k": "v"}}));
    layout.write_skopeo(&environment.join("many"));
    assert!(environment.join("many").join(format!("{}.manifest.json", &arm.digest()[7..])).exists());
    environment.ok(&["fsck", "many"]);
    environment.ok(&["ls", "many", "--platform", "linux/arm64"]);
    environment.ok(&["copy", "many", "out:app:1"]);
    let copied = ReadBack::open(&environment.join("out"));
    let entry = &copied.index_json()["manifests"][0];
    assert_eq!((&entry["digest"], &entry["mediaType"]), (&layout.entries[0]["digest"], &json!(INDEX)));
    assert_eq!(copied.blob(&arm.digest()), arm.manifest_bytes());
    // One that was not copied is not there, as in a layout.
    layout.blobs.remove(&arm.digest());
    layout.write_skopeo(&environment.join("half"));
    layout.write(&environment.join("halflayout"));
    let codes = |path: &str| {
        let (status, report) = environment.json(&["fsck", path]);
        let findings = report["sources"][0]["findings"].as_array().unwrap().iter();
        (status, findings.map(|finding| finding["code"].clone()).collect::<Vec<Value>>())
    };
    let half = codes("half");
    assert_eq!(half, codes("halflayout"));
    assert!(half == (1, vec![json!("image.sparse")]), "{half:?}");
}

#[test]
fn manifests_of_docker_stay_what_they_are() {
    let environment = Environment::new();
    let mut manifest: Value = serde_json::from_slice(&app().manifest_bytes()).unwrap();
    manifest["mediaType"] = json!(DOCKER);
    manifest["config"]["mediaType"] = json!("application/vnd.docker.container.image.v1+json");
    for layer in manifest["layers"].as_array_mut().unwrap() {
        layer["mediaType"] = json!("application/vnd.docker.image.rootfs.diff.tar.gzip");
    }
    // Three spaces, as Docker wrote them: the digest is of the bytes.
    let text = serde_json::to_string_pretty(&manifest).unwrap().replace("  ", "   ");
    let mut layout = Layout::new();
    let _ = layout.store(&app());
    let digest = layout.blob(text.as_bytes());
    layout.entry("", json!({"mediaType": DOCKER, "digest": digest, "size": text.len()}));
    layout.blobs.remove(&app().digest());
    layout.write_skopeo(&environment.join("docker"));
    environment.ok(&["fsck", "docker"]);
    environment.ok(&["copy", "docker", "out:app:1"]);
    let copied = ReadBack::open(&environment.join("out"));
    assert_eq!((&copied.index_json()["manifests"][0]["mediaType"], copied.bytes_of("app:1")), (&json!(DOCKER), text.into_bytes()));
    // Many that were put together by hand do not say what they are.
    manifest.as_object_mut().unwrap().remove("mediaType");
    fs::write(environment.join("docker/manifest.json"), manifest.to_string()).unwrap();
    let (_, report) = environment.json(&["inspect", "docker"]);
    assert_eq!(report["sources"][0]["entries"][0]["mediaType"], MANIFEST);
    // The digest of schema 1 is of less than the file.
    fs::write(environment.join("docker/manifest.json"), r#"{"schemaVersion": 1, "name": "a", "fsLayers": []}"#).unwrap();
    environment.refused(&["ls", "docker"], "source.unsupported", 3);
}

#[test]
fn signatures_are_told_where_they_are_left() {
    let environment = place();
    let other = format!("app/{}.signature-2", "0".repeat(64));
    for name in ["app/signature-1", "app/signature-12", &other] {
        fs::write(environment.join(name), "signed").unwrap();
    }
    let onto = ["rebase", "app", "--from", "bases/old", "--onto", "bases/new"];
    for arguments in [
        &["inspect", "app"][..],
        &["fsck", "app"],
        &["copy", "app", "out:app:1"],
        &["copy", "--all", "app", "all.tar"],
        &[&onto[..], &["--dry-run"]].concat(),
        &[&onto[..], &["-o", "out:app:2"]].concat(),
        &["annotate", "app", "-a", "k=v", "-o", "out:app:3"],
        &["base", "set", "app", "--base", "bases/old", "-o", "out:app:4"],
        &["index", "app", "-o", "out:app:5"],
        &["attach", "app", "--type", "application/x", "-o", "out:app:6"],
    ] {
        let (status, report) = environment.json(arguments);
        assert_eq!(status, 0, "{report:#}");
        let findings = [&report["findings"], &report["sources"][0]["findings"]];
        let told: Vec<&Value> =
            findings.into_iter().filter_map(Value::as_array).flatten().filter(|told| told["code"] == "dir.signature").collect();
        assert_eq!(told.len(), 1, "{arguments:?} {report:#}");
        assert_eq!((&told[0]["found"]["value"], told[0]["details"].as_array().map(Vec::len)), (&json!(other[4..]), Some(2)), "{report:#}");
    }
    // What is called in a similar way is none.
    for name in ["signature-", "signature-1x", "x.signature-1"] {
        fs::write(environment.join("bases/old").join(name), "").unwrap();
    }
    let (_, report) = environment.json(&["fsck", "bases/old"]);
    let codes: Vec<&str> =
        report["sources"][0]["findings"].as_array().unwrap().iter().map(|finding| finding["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["layout.stray"; 3], "{report:#}");
}

#[test]
fn wrong_bytes_are_damage() {
    let environment = place();
    let spoil = |name: &str, bytes: &[u8]| fs::write(environment.join("app").join(name), bytes).unwrap();
    let blob = &app().layers[1];
    spoil(&blob.digest()[7..], &vec![0; blob.blob.len()]);
    let (status, report) = environment.json(&["fsck", "app"]);
    assert_eq!((status, &report["sources"][0]["findings"][0]["code"]), (1, &json!("blob.digest_mismatch")), "{report:#}");
    environment.refused(&["copy", "app", "out"], "blob.digest_mismatch", 3);
    fs::remove_file(environment.join("app").join(&blob.digest()[7..])).unwrap();
    environment.refused(&["copy", "app", "out"], "blob.missing", 4);
    assert!(!environment.join("out").exists());
    // A link within the directory is a file, one out of it is not.
    spoil("kept", &blob.blob);
    symlink("kept", environment.join("app").join(&blob.digest()[7..])).unwrap();
    environment.ok(&["copy", "app", "linked"]);
    fs::write(environment.join("outside"), &blob.blob).unwrap();
    fs::remove_file(environment.join("app").join(&blob.digest()[7..])).unwrap();
    symlink("../outside", environment.join("app").join(&blob.digest()[7..])).unwrap();
    environment.refused(&["copy", "app", "out"], "path.symlink", 3);
    // A manifest in the place of another is another image, and none where it is cut off.
    spoil("manifest.json", &old().manifest_bytes());
    assert_eq!(environment.json(&["inspect", "app"]).1["sources"][0]["entries"][0]["digest"], old().digest());
    let bytes = app().manifest_bytes();
    spoil("manifest.json", &bytes[..bytes.len() - 7]);
    assert_ne!(environment.run(&["inspect", "app"]).status, 0);
}

/// One that is cut off does not make a folder of others look good.
#[test]
fn what_is_not_whole_is_never_passed_over() {
    let environment = place();
    let at = |name: &str| environment.join("bases/old").join(name);
    let whole = fs::read(at("manifest.json")).unwrap();
    let judge = |code: &str| {
        for verb in [&["inspect", "bases"][..], &["fsck", "bases"], &["lifecycle", "check", "bases"], &["batch", "plan", "bases"]] {
            let outcome = environment.run(verb);
            assert!(outcome.status != 0, "{verb:?} {code}\n{}{}", outcome.out, outcome.err);
            assert!(format!("{}{}", outcome.out, outcome.err).contains(code), "{verb:?} {code}\n{}{}", outcome.out, outcome.err);
        }
        let outcome = environment.run(&["ls", "bases/old"]);
        assert!(outcome.status != 0 && outcome.err.contains(code), "{}", outcome.err);
    };
    fs::write(at("manifest.json"), &whole[..whole.len() / 2]).unwrap();
    judge("json.");
    fs::remove_file(at("manifest.json")).unwrap();
    judge("layout.index.missing");
    symlink(environment.join("app/manifest.json"), at("manifest.json")).unwrap();
    judge("path.symlink");
    fs::remove_file(at("manifest.json")).unwrap();
    fs::write(at("manifest.json"), "[]").unwrap();
    judge("image.not_an_image");
    // Other programs have files of that name, and links.
    fs::write(environment.join("app/manifest.json"), app().manifest_bytes()).unwrap();
    fs::remove_dir_all(environment.join("bases/old")).unwrap();
    fs::create_dir(environment.join("bases/old")).unwrap();
    fs::write(at("version"), "1.1").unwrap();
    fs::create_dir(environment.join("bases/link")).unwrap();
    symlink("../old/version", environment.join("bases/link/version")).unwrap();
    environment.ok(&["fsck", "bases"]);
}

#[test]
fn its_version_is_looked_at() {
    let environment = place();
    fs::remove_file(environment.join("app/version")).unwrap();
    let (status, report) = environment.json(&["inspect", "app"]);
    let finding = &report["findings"][0];
    assert_eq!((status, &finding["code"], &finding["severity"]), (0, &json!("dir.version"), &json!("note")), "{report:#}");
    for text in ["Directory Transport Version: 1.0\n", "Directory Transport Version: 1.10\n", "", "\u{1b}[2J"] {
        fs::write(environment.join("app/version"), text).unwrap();
        let outcome = environment.refused(&["ls", "app"], "dir.version", 3);
        assert!(!outcome.err.contains('\u{1b}'), "{}", outcome.err);
    }
    fs::write(environment.join("app/version"), "Directory Transport Version: 1.1").unwrap();
    environment.ok(&["ls", "app"]);
}

#[test]
fn it_is_never_written() {
    let environment = place();
    let before = crate::support::environment::snapshot(&environment.join("app"));
    for (arguments, code, status) in [
        (&["copy", "bases/old", "dir:new"][..], "usage.output", 2),
        (&["copy", "bases/old", "app"], "layout.marker.missing", 3),
        (&["rebase", "app", "--from", "bases/old", "--onto", "bases/new", "-o", "dir:new"], "usage.output", 2),
        (&["rebase", "app", "--from", "bases/old", "--onto", "bases/new", "--tag", "a:2"], "usage.output", 2),
        (&["tag", "app", "a:2"], "usage.output", 2),
        (&["rm", "app"], "usage.output", 2),
        (&["gc", "app"], "usage.output", 2),
        (&["doctor", "app", "--fix"], "usage.output", 2),
        (&["attach", "app", "--type", "application/x"], "usage.output", 2),
        (&["lifecycle", "set", "app", "--status", "deprecated"], "usage.output", 2),
        (&["prepare", "app", "--registry", "r.site"], "prepare.source", 4),
    ] {
        environment.refused(arguments, code, status);
    }
    assert_eq!(before, crate::support::environment::snapshot(&environment.join("app")));
    assert!(!environment.join("new").exists() && !environment.join("dir").exists() && !environment.join("dir:new").exists());
    // A layout may be called dir, and its images `dir:NAME`.
    environment.ok(&["copy", "app", "./dir:app:1"]);
    environment.ok(&["copy", "dir:app:1", "dir:app:2"]);
    assert_eq!(ReadBack::open(&environment.join("dir")).bytes_of("app:2"), app().manifest_bytes());
}
