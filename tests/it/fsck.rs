//! `airbase fsck`: everything that is wrong, at every depth, in every form.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::image::{archive, digest};
use crate::support::{Environment, Image, Layout, layer};

/// The findings of the first source: code, severity, place.
fn findings(environment: &Environment, arguments: &[&str]) -> (i32, Vec<(String, String, String)>) {
    let (status, report) = environment.json(&[&["fsck"], arguments].concat());
    let text = |finding: &Value, name: &str| finding[name].as_str().unwrap_or_default().to_owned();
    let list = report["sources"][0]["findings"].as_array().unwrap();
    assert_eq!(report["clean"], json!(status == 0), "{report:#}");
    (status, list.iter().map(|finding| (text(finding, "code"), text(finding, "severity"), text(finding, "place"))).collect())
}

fn codes(environment: &Environment, arguments: &[&str]) -> (i32, Vec<String>) {
    let (status, findings) = findings(environment, arguments);
    (status, findings.into_iter().map(|(code, _, _)| code).collect())
}

fn app() -> Image {
    Image::of(&[&layer(&["etc/os-release=old"]), &layer(&["app=1"])])
}

fn blob(path: &Path, digest: &str) -> std::path::PathBuf {
    path.join("blobs").join(digest.replace(':', "/"))
}

/// Flips one bit in the middle of a file.
fn flip(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).unwrap();
}

/// What each level looks at: sizes and everything that leads somewhere; then configs; then every byte.
#[test]
fn each_level_sees_what_it_promises() {
    let app = app();
    let config = digest(&app.config_bytes());
    let layer = app.layers[1].digest();
    type Damage<'a> = (&'a str, Box<dyn Fn(&Path)>, &'a str, [i32; 3]);
    let cases: Vec<Damage<'_>> = vec![
        ("nothing", Box::new(|_| ()), "", [0, 0, 0]),
        (
            "a manifest with a flipped bit",
            {
                let it = app.digest();
                Box::new(move |path| flip(&blob(path, &it)))
            },
            "blob.digest_mismatch",
            [1, 1, 1],
        ),
        (
            "a config with a flipped bit",
            {
                let it = config.clone();
                Box::new(move |path| flip(&blob(path, &it)))
            },
            "blob.digest_mismatch",
            [0, 1, 1],
        ),
        (
            "a layer with a flipped bit",
            {
                let it = layer.clone();
                Box::new(move |path| flip(&blob(path, &it)))
            },
            "blob.digest_mismatch",
            [0, 0, 1],
        ),
        (
            "a layer with a byte more",
            {
                let it = layer.clone();
                Box::new(move |path| {
                    let path = blob(path, &it);
                    fs::write(&path, [fs::read(&path).unwrap(), vec![0]].concat()).unwrap();
                })
            },
            "descriptor.size_mismatch",
            [1, 1, 1],
        ),
        (
            "no layer",
            {
                let it = layer.clone();
                Box::new(move |path| fs::remove_file(blob(path, &it)).unwrap())
            },
            "blob.missing",
            [1, 1, 1],
        ),
        (
            "no config",
            {
                let it = config;
                Box::new(move |path| fs::remove_file(blob(path, &it)).unwrap())
            },
            "blob.missing",
            [1, 1, 1],
        ),
        (
            "a blob that nothing names, with a flipped bit",
            Box::new(|path| fs::write(blob(path, &digest(b"something")), b"somethinG").unwrap()),
            "blob.digest_mismatch",
            [0, 0, 1],
        ),
    ];
    for (what, damage, code, expected) in cases {
        let environment = Environment::new();
        Layout::new().image("app:1", &app).write(&environment.join("app"));
        damage(&environment.join("app"));
        for (level, status) in ["0", "1", "2"].into_iter().zip(expected) {
            let found = codes(&environment, &["app", "--level", level]);
            let wanted = if status == 0 { Vec::new() } else { vec![code.to_owned()] };
            assert_eq!(found, (status, wanted), "{what}, level {level}");
        }
        // Without a level everything is hashed.
        assert_eq!(codes(&environment, &["app"]).0, expected[2], "{what}");
    }
    let environment = Environment::new();
    Layout::new().write(&environment.join("app"));
    let _ = environment.refused(&["fsck", "app", "--level", "5"], "usage.argument", 2);
}

/// Seven things are wrong with one layout, in one run, on a directory and on an archive.
#[test]
fn all_findings_are_listed() {
    let environment = Environment::new();
    let first = app();
    let second = Image::of(&[&layer(&["x=1"]), &layer(&["x=2"])]).annotated("a", "b");
    let wide = Image { manifest: json!({"annotations": {"n": 1}}), ..Image::of(&[&layer(&["y=1"])]) };
    let mut layout = Layout::new().image("app:1", &first).image("app:1", &second).image("wide", &wide);
    layout.index("arm", &[&Image::of(&[&layer(&["z=1"])])], json!({})).write(&environment.join("whole"));
    layout = Layout::new().image("app:1", &first).image("app:1", &second).image("wide", &wide);
    layout.entries.push(json!({"mediaType": "text/plain", "digest": digest(b"note"), "size": 4}));
    layout.blob(b"note");
    layout.blobs.remove(&second.layers[0].digest()).unwrap();
    layout.blobs.get_mut(&second.layers[1].digest()).unwrap().push(0);
    layout.blobs.get_mut(&first.layers[0].digest()).unwrap()[20] ^= 1;
    let config = digest(&first.config_bytes());
    layout.blobs.insert(config.clone(), String::from_utf8(first.config_bytes()).unwrap().replace("amd64", "arm64").into_bytes());
    layout.write(&environment.join("bad"));
    fs::write(environment.join("bad.tar"), archive(&layout.files())).unwrap();

    let mut expected = vec![
        ("ref.ambiguous", "damage", "index.json".to_owned()),
        ("annotations.type", "damage", wide.digest()),
        ("blob.missing", "damage", second.layers[0].digest()),
        ("descriptor.size_mismatch", "damage", second.layers[1].digest()),
        ("blob.digest_mismatch", "damage", first.layers[0].digest()),
        ("blob.digest_mismatch", "damage", config),
        ("doc.media_type_unknown", "note", digest(b"note")),
    ];
    expected.sort_unstable();
    for path in ["bad", "bad.tar"] {
        let (status, mut found) = findings(&environment, &[path]);
        assert_eq!(status, 1, "damage, and nothing unsafe");
        found.sort_unstable();
        let found: Vec<(&str, &str, String)> =
            found.iter().map(|(code, severity, place)| (code.as_str(), severity.as_str(), place.clone())).collect();
        assert_eq!(found, expected, "{path}");
    }
    // The worst comes first, so that the first screen tells.
    let (_, found) = findings(&environment, &["bad"]);
    assert_eq!(found.last().unwrap().1, "note");
}

/// A second manifest on an honest config, with a layer more: the config was looked at before, the manifest was not.
#[test]
fn each_manifest_is_compared_with_its_config() {
    let environment = Environment::new();
    let app = app();
    let more = layer(&["more=1"]);
    let mut layout = Layout::new().image("app:1", &app);
    let mut manifest: Value = serde_json::from_slice(&app.manifest_bytes()).unwrap();
    manifest["layers"].as_array_mut().unwrap().push(more.descriptor());
    layout.blob(&more.blob);
    let bytes = serde_json::to_vec(&manifest).unwrap();
    let digest = layout.blob(&bytes);
    layout.entry("app:2", json!({"mediaType": manifest["mediaType"], "digest": digest, "size": bytes.len()}));
    layout.write(&environment.join("app"));
    assert_eq!(findings(&environment, &["app"]), (1, vec![("image.diffid_count".into(), "damage".into(), digest)]));
}

#[test]
fn missing_blobs_are_no_damage_where_they_are_allowed() {
    let environment = Environment::new();
    let app = app();
    let mut layout = Layout::new().image("app:1", &app);
    layout.blobs.remove(&app.layers[0].digest());
    layout.write(&environment.join("sparse"));
    fs::write(environment.join("sparse.tar"), archive(&layout.files())).unwrap();
    for path in ["sparse", "sparse.tar"] {
        assert_eq!(codes(&environment, &[path]), (1, vec!["blob.missing".into()]));
        let (status, found) = findings(&environment, &[path, "--allow-sparse"]);
        assert_eq!((status, found[0].1.as_str()), (0, "note"), "said, not held against it");
    }
    // What is there must still be right.
    flip(&blob(&environment.join("sparse"), &app.layers[1].digest()));
    assert_eq!(codes(&environment, &["sparse", "--allow-sparse"]).0, 1);
}

/// Blobs that nothing names are no fault of a layout (a removed tag leaves them), and a way to smuggle in an archive.
#[test]
fn unreferenced_blobs_are_counted_and_hashed() {
    let environment = Environment::new();
    let mut layout = Layout::new().image("app:1", &app());
    layout.blob(b"left over");
    layout.write(&environment.join("app"));
    fs::write(environment.join("app.tar"), archive(&layout.files())).unwrap();
    for (path, wanted) in [("app", Vec::new()), ("app.tar", vec!["archive.unreferenced".to_owned()])] {
        assert_eq!(codes(&environment, &[path]), (0, wanted));
        let (_, report) = environment.json(&["fsck", path]);
        let source = &report["sources"][0];
        assert_eq!((&source["unreferenced"], &source["unreferencedBytes"], &source["hashed"]), (&json!(1), &json!(9), &json!(5)));
    }
}

/// Every bit counts: whatever single bit of a layout is flipped, level 2 says so. The exceptions are those bits that leave
/// `index.json` or `oci-layout` a valid document with another text: nothing has their digest, so only a signature could tell.
#[test]
fn a_flipped_bit_is_seen_wherever_it_is() {
    let environment = Environment::new();
    // An index, a manifest, a config and a layer, each as short as it can be.
    let small = layer(&["f=1"]);
    let mut layout = Layout::new();
    let image = Image::of(&[&small]).with_top("history", Value::Null).with_top("created", Value::Null).with_top("config", Value::Null);
    layout = layout.index("n", &[&image], json!({}));
    layout.write(&environment.join("small"));
    let place = [environment.join("small").to_str().unwrap().to_owned()];
    // The library in this process: a thousand runs of the program would take a minute.
    let clean = || airbase::verbs::fsck::fsck(&place, 2, false, airbase::verbs::Context::standard()).unwrap().clean;
    assert!(clean());
    for (name, honest) in layout.files() {
        let path = environment.join("small").join(&name);
        for position in 0..honest.len() {
            let mut bytes = honest.clone();
            bytes[position] ^= 1 << (position % 8);
            fs::write(&path, &bytes).unwrap();
            if clean() {
                assert!(is_free_text(&name, &honest, &bytes), "{name}, byte {position} of {:?}", String::from_utf8_lossy(&honest));
            }
        }
        fs::write(&path, &honest).unwrap();
    }
}

/// Whether the flipped byte stands where no rule says what must stand: in an annotation, in the name of a member that nobody
/// must have (`mediaType` of `index.json`, `annotations`), or in a member that is unknown then.
fn is_free_text(name: &str, honest: &[u8], flipped: &[u8]) -> bool {
    if name.starts_with("blobs/") {
        return false;
    }
    let Ok(honest) = serde_json::from_slice::<Value>(honest) else { return false };
    let Ok(mut flipped) = serde_json::from_slice::<Value>(flipped) else { return false };
    // What must stand there stands there still: everything that leads to a blob, and the version.
    let kept = |document: &Value| {
        let entries: Vec<Value> = document["manifests"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|entry| json!([entry["mediaType"], entry["digest"], entry["size"]]))
            .collect();
        json!([document["imageLayoutVersion"], document["schemaVersion"], entries])
    };
    if name == "oci-layout" {
        flipped.as_object_mut().unwrap().retain(|key, _| key == "imageLayoutVersion");
    }
    kept(&honest) == kept(&flipped)
}

/// Each file of a layout: cut, extended, emptied, replaced by a link, a FIFO, a directory. Nothing passes.
#[test]
fn a_changed_file_is_seen_whichever_it_is() {
    let environment = Environment::new();
    let layout = Layout::new().index("n", &[&app()], json!({}));
    layout.write(&environment.join("layout"));
    fs::write(environment.join("outside"), "outside").unwrap();
    let run = || environment.run(&["fsck", "layout"]);
    assert_eq!(run().status, 0);
    for (name, honest) in layout.files() {
        let path = environment.join("layout").join(&name);
        let check = |what: &str, change: &dyn Fn()| {
            fs::remove_file(&path).unwrap();
            change();
            let outcome = run();
            assert!([1, 3].contains(&outcome.status), "{name}, {what}: {outcome:?}");
            if path.is_dir() {
                fs::remove_dir(&path).unwrap();
            } else {
                let _ = fs::remove_file(&path);
            }
            fs::write(&path, &honest).unwrap();
        };
        check("removed", &|| ());
        check("emptied", &|| fs::write(&path, "").unwrap());
        check("cut by a byte", &|| fs::write(&path, &honest[..honest.len() - 1]).unwrap());
        check("extended by a byte", &|| fs::write(&path, [&honest[..], b"x"].concat()).unwrap());
        check("a link to a file outside", &|| std::os::unix::fs::symlink(environment.join("outside"), &path).unwrap());
        check("a link to nothing", &|| std::os::unix::fs::symlink("nothing", &path).unwrap());
        check("a directory", &|| fs::create_dir(&path).unwrap());
        check("a FIFO", &|| assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success()));
    }
    assert_eq!(run().status, 0);
}

/// One run, several places: each has its own verdict, and the exit status is that of the worst.
#[test]
fn a_folder_is_searched_and_the_worst_decides() {
    let environment = Environment::new();
    let app = app();
    Layout::new().image("app:1", &app).write_archive(&environment.join("good.tar"));
    fs::create_dir_all(environment.join("folder/deep")).unwrap();
    Layout::new().image("app:1", &app).write(&environment.join("folder/deep/damaged"));
    fs::remove_file(blob(&environment.join("folder/deep/damaged"), &app.layers[0].digest())).unwrap();
    fs::write(environment.join("folder/README"), "no archive").unwrap();
    let (status, report) = environment.json(&["fsck", "folder", "good.tar"]);
    let paths: Vec<&str> = report["sources"].as_array().unwrap().iter().map(|source| source["path"].as_str().unwrap()).collect();
    assert_eq!((status, paths), (1, vec!["folder/deep/damaged", "good.tar"]));
    fs::write(environment.join("folder/unsafe.tar"), [1; 600]).unwrap();
    assert_eq!(environment.run(&["fsck", "folder", "good.tar"]).status, 3);
    let _ = environment.refused(&["fsck", "nowhere"], "ref.path_missing", 2);
}

/// The number of threads is nobody's business.
#[test]
fn the_answer_does_not_depend_on_the_number_of_threads() {
    let environment = Environment::new();
    let mut layout = Layout::new();
    for number in 0..20 {
        layout = layout.image(&format!("app:{number}"), &Image::of(&[&layer(&[&format!("app={number}")])]));
    }
    for (number, bytes) in layout.blobs.values_mut().enumerate() {
        if number % 3 == 0 {
            bytes[0] ^= 1;
        }
    }
    layout.write(&environment.join("bad"));
    let answers: Vec<String> =
        ["1", "2", "7"].iter().map(|jobs| environment.run(&["fsck", "bad", "--format", "json", "--jobs", jobs]).out).collect();
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0], answers[2]);
}

/// Docker with the containerd store and `ctr image export --platform` write the whole index and the blobs of one platform.
#[test]
fn an_index_of_which_one_platform_is_here_is_told_once() {
    let environment = Environment::new();
    let images: Vec<Image> =
        (0..8).map(|number| Image::of(&[&layer(&[&format!("a={number}")])]).platform(&format!("arch{number}"))).collect();
    let mut layout = Layout::new().index("app:1", &images.iter().collect::<Vec<_>>(), json!({}));
    for image in &images[1..] {
        layout.blobs.remove(&image.digest());
        layout.blobs.remove(&crate::support::image::digest(&image.config_bytes()));
        layout.blobs.remove(&image.layers[0].digest());
    }
    layout.write_archive(&environment.join("app.tar"));
    let (status, report) = environment.json(&["fsck", "app.tar"]);
    let findings = report["sources"][0]["findings"].as_array().unwrap();
    assert_eq!((status, findings.len(), &findings[0]["code"]), (1, 1, &json!("image.sparse")), "{report:#}");
    assert_eq!((&findings[0]["message"], findings[0]["details"].as_array().unwrap().len()), (&json!("1 of 8 platforms is here"), 7));
    let shown = environment.run(&["fsck", "app.tar"]);
    assert!(shown.out.contains("incomplete app.tar") && !shown.out.contains("damaged"), "{}", shown.out);
    environment.ok(&["fsck", "app.tar", "--allow-sparse"]);
}

/// The digest of a layer says nothing to whoever has to order an image again.
#[test]
fn what_is_damaged_is_told_with_the_images_that_it_belongs_to() {
    let environment = Environment::new();
    let (amd64, arm64) = (app(), app().annotated("n", "arm").platform("arm64"));
    let other = Image::of(&[&layer(&["etc/os-release=old"]), &layer(&["other=1"])]);
    let layout = Layout::new().index("registry.example/app:1", &[&amd64, &arm64], json!({})).image("registry.example/other:2", &other);
    let index = layout.digest_of("registry.example/app:1");
    layout.write(&environment.join("in"));
    let belongs = |place: &str| {
        let (_, report) = environment.json(&["fsck", "in"]);
        let all = report["sources"][0]["findings"].as_array().unwrap().clone();
        let finding = all.into_iter().find(|finding| finding["place"] == json!(place)).unwrap();
        finding["details"].clone()
    };
    // The base's layer is in all of them, the app's in both platforms, a config in one.
    flip(&blob(&environment.join("in"), &amd64.layers[0].digest()));
    flip(&blob(&environment.join("in"), &amd64.layers[1].digest()));
    let both = "it belongs to registry.example/app:1 (linux/amd64, linux/arm64)";
    assert_eq!(belongs(&amd64.layers[0].digest()), json!([both, "it belongs to registry.example/other:2"]));
    assert_eq!(belongs(&amd64.layers[1].digest()), json!([both]));
    fs::remove_file(blob(&environment.join("in"), &arm64.digest())).unwrap();
    fs::remove_file(blob(&environment.join("in"), &amd64.layers[1].digest())).unwrap();
    assert_eq!(belongs(&amd64.layers[1].digest()), json!(["it belongs to registry.example/app:1 (linux/amd64)"]));
    flip(&blob(&environment.join("in"), &index));
    assert_eq!(belongs(&index), json!(["it belongs to registry.example/app:1"]));
    assert!(environment.run(&["fsck", "in"]).out.contains("it belongs to registry.example/app:1"));
}
