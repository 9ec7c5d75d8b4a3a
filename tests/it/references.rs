//! How images are named: `[transport:]PATH[:NAME][@DIGEST]`.

use std::fs;

use serde_json::json;

use crate::support::image::{INDEX, MANIFEST, digest};
use crate::support::{Environment, Image, Layout, layer};

fn image(word: &str) -> Image {
    Image::of(&[&layer(&[&format!("file={word}")])])
}

/// The word in the file of the image that a reference means.
fn word(environment: &Environment, reference: &str) -> String {
    environment.ok(&["cat", reference, "file"]).out
}

#[test]
fn the_longest_path_wins_and_the_rest_is_the_name() {
    let environment = Environment::new();
    let names = ["v1", "app:1", "registry.example.org:5000/team/app:1.2", "a/b/c", "with space", "v1@home"];
    let mut layout = Layout::new();
    for name in names {
        layout = layout.image(name, &image(name));
    }
    layout.write(&environment.join("dir/images"));
    layout.write_archive(&environment.join("dir/images.tar"));
    for path in ["dir/images", "./dir/images", "dir/images/", "dir/images.tar", environment.join("dir/images").to_str().unwrap()] {
        for name in names {
            assert_eq!(word(&environment, &format!("{path}:{name}")), name, "{path}");
        }
    }
}

/// A colon or an @ in a path is no divider where the path exists.
#[test]
fn paths_may_hold_the_dividers() {
    let environment = Environment::new();
    for path in ["colon:in:path", "at@home", "a:b/c:d"] {
        Layout::new().image("x:1", &image(path)).write(&environment.join(path));
        for reference in [path.to_owned(), format!("{path}:x:1"), format!("{path}@{}", image(path).digest()), format!("oci:{path}:x:1")] {
            assert_eq!(word(&environment, &reference), path, "{reference}");
        }
    }
}

/// `images` holds `tar:x`, and `images:tar` exists too: nobody can know which one is meant.
#[test]
fn two_splits_that_both_exist_are_an_error() {
    let environment = Environment::new();
    Layout::new().image("tar:x", &image("name")).write(&environment.join("images"));
    Layout::new().image("x", &image("path")).write(&environment.join("images:tar"));
    let outcome = environment.refused(&["cat", "images:tar:x"], "ref.two_splits", 4);
    assert!(outcome.err.contains("images:tar") && outcome.err.contains("tar:x"), "{}", outcome.err);
    // A path that exists but does not hold the name is no second meaning.
    Layout::new().image("other", &image("name")).write(&environment.join("images"));
    assert_eq!(word(&environment, "images:tar:x"), "path");
    // A digest leaves nothing open.
    let reference = format!("images:tar@{}", image("path").digest());
    assert_eq!(word(&environment, &reference), "path");
}

#[test]
fn a_name_matches_exactly_and_then_by_its_end() {
    let environment = Environment::new();
    let layout = Layout::new()
        .image("app:1", &image("short"))
        .image("registry.example.org/team/app:1", &image("long"))
        .image("registry.example.org/team/tool:2", &image("tool"))
        .image("registry.example.org/other/app:3", &image("three"))
        .image("mirror.example.org/other/app:3", &image("mirrored"));
    layout.write(&environment.join("images"));
    for (name, expected) in [
        ("app:1", "short"),
        ("team/app:1", "long"),
        ("tool:2", "tool"),
        ("2", "tool"),
        ("team/tool:2", "tool"),
        ("registry.example.org/other/app:3", "three"),
    ] {
        assert_eq!(word(&environment, &format!("images:{name}")), expected, "{name}");
    }
    // An end begins behind a divider: `ool:2` is none.
    for name in ["ool:2", "pp:1", "tool", "app", "APP:1", "nothing"] {
        let reference = format!("images:{name}");
        let outcome = environment.refused(&["cat", &reference], "ref.not_found", 4);
        assert!(outcome.err.contains("images:app:1"), "what there is is listed: {}", outcome.err);
    }
    let outcome = environment.refused(&["cat", "images:other/app:3"], "ref.ambiguous", 4);
    for (name, image) in [("registry.example.org", image("three")), ("mirror.example.org", image("mirrored"))] {
        assert!(outcome.err.contains(&format!("images:{name}/other/app:3  {}", image.digest())), "{}", outcome.err);
    }
    // Two names of one image leave nothing open.
    let one = image("one");
    Layout::new().image("a/x:1", &one).image("b/x:1", &one).write(&environment.join("one"));
    assert_eq!(word(&environment, "one:x:1"), "one");
}

#[test]
fn a_digest_reaches_what_has_no_name() {
    let environment = Environment::new();
    let (amd64, arm64) = (image("amd64"), image("arm64").platform("arm64"));
    let unlisted = image("unlisted");
    let mut layout = Layout::new().index("multi", &[&amd64, &arm64], json!({}));
    layout.store(&unlisted);
    let mut entry = layout.store(&image("untagged"));
    entry.as_object_mut().unwrap().remove("platform");
    layout.entry("", entry);
    layout.write(&environment.join("images"));
    layout.write_archive(&environment.join("images.tar"));
    for path in ["images", "images.tar"] {
        for (what, image) in [("amd64", &amd64), ("arm64", &arm64), ("unlisted", &unlisted), ("untagged", &image("untagged"))] {
            assert_eq!(word(&environment, &format!("{path}@{}", image.digest())), what);
            // A name in front of the digest is what people paste; the digest decides.
            assert_eq!(word(&environment, &format!("{path}:multi@{}", image.digest())), what);
        }
        for (nothing, code, status) in [
            (format!("{path}@{}", digest(b"nothing")), "ref.not_found", 4),
            (format!("{path}@sha256:abc"), "ref.syntax", 2),
            (format!("{path}@{}", amd64.digest().to_uppercase().replace("SHA", "sha")), "ref.syntax", 2),
            (format!("{path}@{}", amd64.layers[0].digest()), "image.not_an_image", 4),
        ] {
            let _ = environment.refused(&["ls", &nothing], code, status);
        }
    }
}

/// What refers to an image, or describes it, is not a second image.
/// Reports print twelve digits of a digest, and these can be typed again.
#[test]
fn the_beginning_of_a_digest_is_enough() {
    let environment = Environment::new();
    let (amd64, arm64) = (image("amd64"), image("arm64").platform("arm64"));
    let mut layout = Layout::new().index("multi", &[&amd64, &arm64], json!({})).image("single:1", &image("single"));
    // Two blobs that begin alike, as far as anybody types.
    let (one, other) = (format!("sha256:{}", "ab".repeat(32)), format!("sha256:{}c", "ab".repeat(31) + "a"));
    for digest in [&one, &other] {
        layout.blobs.insert(digest.clone(), b"alike".to_vec());
    }
    layout.write(&environment.join("images"));
    layout.write_archive(&environment.join("images.tar"));
    let short = |image: &Image, digits: usize| image.digest()[..7 + digits].to_owned();
    for path in ["images", "images.tar"] {
        for (what, image) in [("amd64", &amd64), ("arm64", &arm64), ("single", &image("single"))] {
            for digits in [12, 40, 63, 64] {
                assert_eq!(word(&environment, &format!("{path}@{}", short(image, digits))), what);
            }
        }
        assert_eq!(word(&environment, &format!("{path}:single:1@{}", short(&image("single"), 12))), "single");
        let eleven = format!("{path}@{}", short(&amd64, 11));
        environment.refused(&["cat", &eleven], "ref.syntax", 2);
        environment.refused(&["cat", &format!("{path}@sha256:{}", "0".repeat(12))], "ref.not_found", 4);
        let outcome = environment.refused(&["cat", &format!("{path}@{}", &one[..19])], "ref.ambiguous", 4);
        assert!(outcome.err.contains(&one) && outcome.err.contains(&other), "{}", outcome.err);
    }
    // Verbs that write take it as well; what they write has the whole digest.
    environment.ok(&["tag", &format!("images@{}", short(&amd64, 12)), "amd64:1"]);
    assert_eq!(word(&environment, "images:amd64:1"), "amd64");
    let (_, report) = environment.json(&["attach", "images:amd64:1", "--type", "application/x-note", "-a", "k=v"]);
    let referrer = report["attached"][0]["digest"].as_str().unwrap();
    environment.ok(&["detach", "images:amd64:1", &referrer[..19]]);
    let (_, report) = environment.json(&["referrers", "images:amd64:1"]);
    assert_eq!(report["subjects"][0]["referrers"], json!([]), "{report:#}");
    environment.refused(&["copy", "images:single:1", &format!("out@{}", short(&amd64, 12))], "usage.output", 2);
    // In files digests stand in full.
    fs::write(environment.join("listing"), format!("{} single:1\n", short(&image("single"), 12))).unwrap();
    let plan = environment.run(&["prepare", "images:single:1", "--registry", "r.example", "--format", "json"]);
    fs::write(environment.join("plan.json"), plan.out).unwrap();
    assert_ne!(environment.run(&["verify-sync", "plan.json", "listing"]).status, 0);
}

#[test]
fn the_only_image_is_what_a_person_would_call_so() {
    let environment = Environment::new();
    let app = image("app");
    let mut layout = Layout::new().image("app:1", &app);
    let empty = layout.blob(b"{}");
    let config = json!({"mediaType": "application/vnd.oci.empty.v1+json", "digest": empty, "size": 2});
    let subject = json!({"mediaType": MANIFEST, "digest": app.digest(), "size": app.manifest_bytes().len()});
    let mut add = |name: &str, manifest: serde_json::Value, more: serde_json::Value| {
        let bytes = serde_json::to_vec(&manifest).unwrap();
        let mut entry = json!({"mediaType": manifest["mediaType"], "digest": layout.blob(&bytes), "size": bytes.len()});
        for (key, value) in more.as_object().unwrap() {
            entry[key] = value.clone();
        }
        layout.entry(name, entry.clone());
        entry
    };
    let manifest =
        |kind: &str| json!({"schemaVersion": 2, "mediaType": MANIFEST, "artifactType": kind, "config": config, "layers": [config]});
    let mut referrer = manifest("application/vnd.example.sbom");
    referrer["subject"] = subject;
    let referrer = add("", referrer, json!({}));
    add("chart", manifest("application/vnd.example.chart"), json!({}));
    add("", manifest("application/vnd.in-toto+json"), json!({"annotations": {"vnd.docker.reference.type": "attestation-manifest"}}));
    add("", manifest("x"), json!({"platform": {"os": "unknown", "architecture": "unknown"}}));
    let tag = app.digest().replace(':', "-");
    add(&tag, json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [referrer]}), json!({}));
    add(&format!("{tag}.sig"), manifest("application/vnd.dev.cosign"), json!({}));
    layout.write(&environment.join("images"));
    assert_eq!(word(&environment, "images"), "app");
    // The same under a full name.
    let mut attestation = image("attestation");
    attestation.layers.iter_mut().for_each(|layer| layer.media_type = "application/vnd.dsse.envelope.v1+json".into());
    let named = layout.clone().image(&format!("registry.example.org/app:{tag}.att"), &attestation);
    named.write(&environment.join("named"));
    assert_eq!(word(&environment, "named"), "app");
    // A second name is no second image; a second image is.
    layout.clone().image("app:latest", &app).write(&environment.join("twice"));
    assert_eq!(word(&environment, "twice"), "app");
    layout.image("app:2", &image("other")).write(&environment.join("two"));
    let outcome = environment.refused(&["cat", "two", "file"], "ref.ambiguous", 4);
    assert!(outcome.err.contains("two:app:1") && outcome.err.contains("two:app:2") && !outcome.err.contains("chart"), "{}", outcome.err);
    Layout::new().write(&environment.join("empty"));
    let _ = environment.refused(&["cat", "empty"], "ref.not_found", 4);
}

/// crane writes the type of an image's config as the artifact type of its entry.
#[test]
fn an_entry_that_repeats_the_type_of_its_config_is_an_image() {
    let environment = Environment::new();
    let (base, app) = (image("base"), image("base").and(&[&layer(&["app=1"])]));
    let mut layout = Layout::new().image("", &app);
    layout.entries[0]["artifactType"] = json!("application/vnd.oci.image.config.v1+json");
    layout.write(&environment.join("pulled"));
    Layout::new().image("base", &base).write(&environment.join("bases"));
    assert_eq!(word(&environment, "pulled"), "base");
    let (_, dependents) = environment.json(&["base", "dependents", "bases", "pulled"]);
    assert_eq!(dependents["dependents"].as_array().map(Vec::len), Some(1), "{dependents:#}");
    let (_, shown) = environment.json(&["inspect", "pulled"]);
    assert_eq!(shown["sources"][0]["entries"][0]["kind"], "image");
    // Any other type says that it is no image, whatever its config is.
    layout.entries[0]["artifactType"] = json!("application/spdx+json");
    layout.write(&environment.join("other"));
    environment.refused(&["cat", "other", "file"], "ref.not_found", 4);
}

#[test]
fn transports_are_understood_and_checked() {
    let environment = Environment::new();
    let layout = Layout::new().image("app:1", &image("app"));
    layout.write(&environment.join("dir"));
    layout.write_archive(&environment.join("file.tar"));
    for reference in ["oci:dir", "oci:dir:app:1", "ocidir:dir", "ocidir://dir:app:1", "oci-archive:file.tar", "oci-archive:file.tar:app:1"]
    {
        assert_eq!(word(&environment, reference), "app", "{reference}");
    }
    for reference in ["oci:file.tar", "oci-archive:dir", "ocidir://file.tar"] {
        let _ = environment.refused(&["cat", reference], "usage.argument", 2);
    }
    let outcome = environment.refused(&["cat", "docker-archive:dir"], "usage.argument", 2);
    assert!(outcome.err.contains("hint"), "{}", outcome.err);
    // What would need a network is no path.
    for reference in ["docker://debian:12", "containers-storage:x", "docker-daemon:x:1"] {
        let _ = environment.refused(&["cat", reference], "ref.path_missing", 2);
    }
}

#[test]
fn what_is_no_reference_says_what_to_do() {
    let environment = Environment::new();
    for (reference, code) in [
        ("-", "ref.stdin"),
        ("", "ref.syntax"),
        ("oci:", "ref.syntax"),
        ("oci:-", "ref.syntax"),
        ("nowhere", "ref.path_missing"),
        ("nowhere:app:1", "ref.path_missing"),
        ("no/where.tar", "ref.path_missing"),
    ] {
        for arguments in
            [&["cat", reference][..], &["ls", reference], &["copy", reference, "out"], &["fsck", reference], &["inspect", reference]]
        {
            let outcome = environment.refused(arguments, code, 2);
            assert!(outcome.err.contains("hint: "), "{}", outcome.err);
        }
        // The parser of arguments takes no empty path.
        for verb in ["doctor", "gc"].into_iter().filter(|_| !reference.is_empty()) {
            environment.refused(&[verb, reference], code, 2);
        }
        assert!(!environment.join("out").exists());
    }
    // Those that take a whole layout take nothing inside it.
    Layout::new().image("app:1", &Image::of(&[&layer(&["a=1"])])).write(&environment.join("in"));
    for verb in ["doctor", "gc"] {
        let outcome = environment.refused(&[verb, "in:app:1"], "usage.argument", 2);
        assert!(outcome.err.contains("found        in:app:1  (the command line)"), "{}", outcome.err);
        environment.ok(&[verb, "in"]);
        environment.ok(&[verb, "./in/"]);
    }
    // A directory that is no layout, and a file that is no archive.
    fs::create_dir(environment.join("plain")).unwrap();
    let _ = environment.refused(&["cat", "plain"], "path.nothing", 4);
    let outcome = environment.refused(&["cat", "."], "layout.index.missing", 3);
    assert!(outcome.err.contains("./in and 0 more") && outcome.err.contains("airbase inspect ."), "{}", outcome.err);
    fs::write(environment.join("note.txt"), "hello").unwrap();
    let _ = environment.refused(&["cat", "note.txt"], "source.unknown", 3);
}

#[test]
fn a_platform_is_named_where_there_are_several() {
    let environment = Environment::new();
    let images = [
        image("amd64"),
        image("arm64").platform("arm64").with_top("variant", json!("v8")),
        image("armv6").platform("arm").with_top("variant", json!("v6")),
        image("armv7").platform("arm").with_top("variant", json!("v7")),
    ];
    Layout::new().index("multi", &images.iter().collect::<Vec<_>>(), json!({})).write(&environment.join("images"));
    for (platform, expected) in [
        ("linux/amd64", "amd64"),
        ("linux/arm64", "arm64"),
        ("linux/arm64/v8", "arm64"),
        ("linux/arm/v6", "armv6"),
        ("linux/arm/v7", "armv7"),
    ] {
        let outcome = environment.ok(&["cat", "images:multi", "file", "--platform", platform]);
        assert_eq!(outcome.out, expected, "{platform}");
    }
    let outcome = environment.refused(&["cat", "images:multi", "file", "--platform", "linux/arm"], "ref.platform", 4);
    assert!(outcome.err.contains("linux/arm/v6") && outcome.err.contains("linux/arm/v7"), "{}", outcome.err);
    for platform in ["linux/386", "windows/amd64", "linux/arm/v5"] {
        let outcome = environment.refused(&["cat", "images:multi", "file", "--platform", platform], "ref.platform", 4);
        for image in ["linux/amd64", "linux/arm64/v8", "linux/arm/v6", "linux/arm/v7"] {
            assert!(outcome.err.contains(image), "{}", outcome.err);
        }
    }
    let outcome = environment.refused(&["ls", "images:multi"], "ref.platform", 4);
    assert!(outcome.err.contains("--platform"), "{}", outcome.err);
    for platform in ["amd64", "linux/", "linux/arm/v7/x", ""] {
        let _ = environment.refused(&["ls", "images:multi", "--platform", platform], "usage.argument", 2);
    }
    // An image that is not in an index has a platform too.
    Layout::new().image("one", &images[0]).write(&environment.join("one"));
    assert_eq!(environment.ok(&["cat", "one", "file", "--platform", "linux/amd64"]).out, "amd64");
    let _ = environment.refused(&["cat", "one", "file", "--platform", "linux/arm64"], "ref.platform", 4);
}
