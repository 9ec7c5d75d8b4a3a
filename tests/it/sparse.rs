//! Indexes of which some platforms are not here, and copies of some platforms: as docker with the containerd store and
//! `ctr images export --platform` leave them.

use serde_json::{Value, json};

use crate::support::image::{INDEX, MANIFEST, digest};
use crate::support::{Contents, Environment, Image, Layout, layer};

const PLATFORMS: [&str; 4] = ["amd64", "arm64", "s390x", "riscv64"];

fn image(architecture: &str) -> Image {
    Image::of(&[&layer(&["base=1"]), &layer(&[&format!("app={architecture}")])]).platform(architecture)
}

/// `full` has four platforms with an attestation on the first; `one` has the whole index and the blobs of amd64, `two` those of two.
fn place() -> Environment {
    let environment = Environment::new();
    let mut full = Layout::new();
    let mut children: Vec<Value> = PLATFORMS
        .iter()
        .map(|name| {
            let mut child = full.store(&image(name));
            child["platform"] = json!({"os": "linux", "architecture": name});
            child
        })
        .collect();
    let attestation = full.store(&Image::of(&[&layer(&["provenance=1"])]));
    children.push(json!({"mediaType": MANIFEST, "digest": attestation["digest"], "size": attestation["size"],
        "platform": {"os": "unknown", "architecture": "unknown"},
        "annotations": {"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": image("amd64").digest()}}));
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": children, "annotations": {"kept": "yes"}}).to_string();
    let entry = json!({"mediaType": INDEX, "digest": full.blob(index.as_bytes()), "size": index.len()});
    full.entry("registry.example/team/app:1", entry);
    full.write(&environment.join("full"));
    for (name, here) in [("one", &PLATFORMS[..1]), ("two", &PLATFORMS[..2])] {
        let mut layout = Layout::new();
        layout.entries.clone_from(&full.entries);
        layout.blobs.clone_from(&full.blobs);
        for architecture in PLATFORMS.iter().filter(|architecture| !here.contains(architecture)) {
            let image = image(architecture);
            for gone in [image.digest(), image.layers[1].digest(), digest(&image.config_bytes())] {
                layout.blobs.remove(&gone);
            }
        }
        layout.write(&environment.join(name));
        layout.write_archive(&environment.join(&format!("{name}.tar")));
    }
    environment
}

fn codes(report: &Value) -> Vec<&str> {
    report["findings"].as_array().unwrap().iter().map(|finding| finding["code"].as_str().unwrap()).collect()
}

/// The architectures of the index under the name, and its digest.
fn platforms(environment: &Environment, path: &str) -> (Vec<String>, String) {
    let contents = Contents::of(&environment.join(path));
    let top = contents.named("registry.example/team/app:1").unwrap();
    let children = contents.json(&top)["manifests"].as_array().cloned().unwrap_or_default();
    (children.iter().map(|child| child["platform"]["architecture"].as_str().unwrap().to_owned()).collect(), top)
}

/// The hint names options that work when they are typed.
fn hinted(report: &Value) -> Vec<String> {
    let hint = report["error"]["hints"][0].as_str().unwrap().to_owned();
    let words = hint.split_once(": ").unwrap().1.split(',').next().unwrap().to_owned();
    words.split(' ').map(str::to_owned).collect()
}

#[test]
fn what_is_not_all_here_is_refused_with_a_command_that_works() {
    let environment = place();
    for source in ["one", "one.tar", "two"] {
        let (status, report) = environment.json(&["copy", source, "out"]);
        assert_eq!((status, &report["error"]["code"]), (4, &json!("blob.missing")), "{report:#}");
        assert!(report["error"]["message"].as_str().unwrap().contains("of 4 platforms"), "{report:#}");
        assert!(!environment.join("out").exists());
        let options = hinted(&report);
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        let out = format!("copied-{source}");
        environment.ok(&[&["copy", source, &out][..], &options].concat());
        environment.ok(&["fsck", &out]);
    }
    let (status, report) = environment.json(&["copy", "--all", "one", "out"]);
    assert_eq!((status, &report["error"]["code"]), (4, &json!("blob.missing")), "{report:#}");
    assert_eq!(hinted(&report), ["--platform", "linux/amd64"]);
    let (status, plan) = environment.json(&["prepare", "one", "--registry", "r.site"]);
    let missing = plan["findings"].as_array().unwrap().iter().find(|finding| finding["code"] == "blob.missing").unwrap();
    assert_eq!((status, &missing["message"]), (1, &json!("1 of 4 platforms is here")), "{plan:#}");
    assert!(missing["hints"].to_string().contains("--platform linux/amd64"), "{plan:#}");
    environment.ok(&["prepare", "one", "--registry", "r.site", "--platform", "linux/amd64"]);
    let outcome = environment.run(&["fsck", "one.tar"]);
    assert!(outcome.out.contains("1 of 4 platforms is here") && !outcome.out.contains("damaged"), "{}", outcome.out);
}

#[test]
fn a_filtered_index_has_what_is_here_and_says_what_is_not() {
    let environment = place();
    // What is said of the index is not said of the new one; what is said of a platform goes along.
    for (image, kind) in
        [("two:team/app:1", "application/x-of-index"), (&*format!("two@{}", image("arm64").digest()), "application/x-of-arm64")]
    {
        environment.ok(&["attach", image, "--type", kind, "-a", "org.opencontainers.image.created=2026-01-02T03:04:05Z"]);
    }
    for (arguments, out) in [
        (&["copy", "two:team/app:1", "out", "--sparse", "filter"][..], "out"),
        (&["copy", "--all", "two", "all.tar", "--sparse", "filter"], "all.tar"),
        (&["prepare", "two", "--registry", "r.site", "--sparse", "filter", "-o", "ship"], "ship"),
    ] {
        let (status, report) = environment.json(arguments);
        // What was left out was asked for; that a registry gets nothing of what is said of the whole index is told.
        assert_eq!(status, i32::from(codes(&report).contains(&"prepare.left_out")), "{report:#}");
        let (here, top) = platforms(&environment, out);
        assert_eq!(here, ["amd64", "arm64", "unknown"], "{out}: {report:#}");
        let contents = Contents::of(&environment.join(out));
        contents.whole();
        assert_eq!(contents.json(&top)["annotations"], json!({"kept": "yes"}), "{out}");
        let absent = report["findings"].as_array().unwrap().iter().filter(|finding| finding["code"] == "platform.absent");
        assert_eq!(absent.map(|finding| finding["found"]["value"].as_str().unwrap()).collect::<Vec<_>>(), ["linux/s390x", "linux/riscv64"]);
        assert!(codes(&report).contains(&"index.narrowed"));
        let all: String = contents.blobs().values().map(|bytes| String::from_utf8_lossy(bytes)).collect();
        assert!(all.contains("x-of-arm64") && !all.contains("x-of-index"), "{out}");
        environment.ok(&["fsck", out]);
    }
    let (_, plan) = environment.json(&["prepare", "two", "--registry", "r.site", "--sparse", "filter", "-o", "again"]);
    assert_eq!(plan["pushes"][0]["digest"], json!(platforms(&environment, "again").1), "{plan:#}");
    environment.refused(&["prepare", "two", "--registry", "r.site", "--sparse", "filter"], "prepare.source", 4);
    // A whole index is left as it is.
    environment.ok(&["copy", "full", "whole", "--sparse", "filter"]);
    assert_eq!(platforms(&environment, "whole").1, platforms(&environment, "full").1);
}

#[test]
fn several_platforms_can_be_named() {
    let environment = place();
    for source in ["full", "two.tar"] {
        let out = format!("of-{source}");
        environment.ok(&["copy", source, &out, "--platform", "linux/arm64", "--platform", "linux/amd64"]);
        assert_eq!(platforms(&environment, &out).0, ["amd64", "arm64", "unknown"]);
        Contents::of(&environment.join(&out)).whole();
    }
    let wanted = ["--platform", "linux/amd64", "--platform", "linux/s390x"];
    let outcome = environment.refused(&[&["copy", "two", "out"][..], &wanted].concat(), "blob.missing", 4);
    assert!(outcome.err.contains("linux/s390x is not here"), "{}", outcome.err);
    environment.refused(&["copy", "full", "out", "--platform", "linux/amd64", "--platform", "linux/mips"], "ref.platform", 4);
    assert!(!environment.join("out").exists());
}

#[test]
fn a_kept_index_keeps_its_digest_and_goes_to_runtimes_alone() {
    let environment = place();
    let top = platforms(&environment, "one").1;
    for (arguments, out) in [
        (&["copy", "one.tar", "kept", "--sparse", "keep"][..], "kept"),
        (&["copy", "--all", "one", "kept.tar", "--sparse", "keep"], "kept.tar"),
        (&["prepare", "one", "--profile", "runtime", "--sparse", "keep", "-o", "node.tar"], "node.tar"),
    ] {
        let (status, report) = environment.json(arguments);
        assert_eq!((status, platforms(&environment, out).1), (0, top.clone()), "{report:#}");
        assert_eq!(codes(&report).iter().filter(|code| **code == "platform.absent").count(), 3, "{report:#}");
        environment.ok(&["fsck", out, "--allow-sparse"]);
        environment.ok(&["inspect", out]);
    }
    environment.refused(&["prepare", "one", "--registry", "r.site", "--sparse", "keep"], "prepare.sparse", 4);
    let (_, plan) = environment.json(&["prepare", "one", "--registry", "r.site", "--sparse", "keep", "--registry-takes-sparse"]);
    assert_eq!(plan["pushes"][0]["digest"], json!(top), "{plan:#}");
}

// Moving.

/// The place, with an old and a new edition of the base of all platforms: both under one name, in `old` and in `bases`.
fn place_with_bases() -> Environment {
    let environment = place();
    for (path, content, created) in [("old", "base=1", "2024-01-01T00:00:00Z"), ("bases", "base=2", "2024-06-01T00:00:00Z")] {
        let base = |name: &&str| Image::of(&[&layer(&[content])]).platform(name).with_top("created", json!(created));
        let platforms: Vec<Image> = PLATFORMS.iter().map(base).collect();
        let layout = Layout::new().index("registry.example/base:1", &platforms.iter().collect::<Vec<_>>(), json!({}));
        layout.write(&environment.join(path));
    }
    environment
}

const BASES: [&str; 4] = ["--bases", "bases", "--bases", "old"];

fn rebase(environment: &Environment, source: &str, out: &str, more: &[&str]) -> (i32, Value) {
    environment.json(&[&["rebase", source, "-o", out][..], &BASES, more].concat())
}

/// The only item of the plan that is made with these arguments, which is left in `plan.jsonl`.
fn item(environment: &Environment, source: &str, more: &[&str]) -> (i32, Value) {
    let outcome = environment.run(&[&["batch", "plan", source][..], &BASES, more].concat());
    std::fs::write(environment.join("plan.jsonl"), &outcome.out).unwrap();
    let lines: Vec<Value> = outcome.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3, "{}", outcome.out);
    (outcome.status, lines[1].clone())
}

#[test]
fn what_is_not_all_here_is_moved_by_the_command_that_the_refusal_names() {
    let environment = place_with_bases();
    for (source, count) in [("one", 1), ("one.tar", 1), ("two", 2)] {
        let out = format!("moved-{source}");
        let (status, report) = rebase(&environment, source, &out, &[]);
        assert_eq!((status, &report["error"]["code"]), (4, &json!("blob.missing")), "{report:#}");
        assert!(!environment.join(&out).exists());
        let (status, copied) = environment.json(&["copy", source, &out]);
        assert_eq!((status, &copied["error"]), (4, &report["error"]), "one refusal for all");
        let options = hinted(&report);
        assert_eq!(options.len(), 2 * count);
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        let (_, refused) = item(&environment, source, &[]);
        assert_eq!((&refused["status"], &refused["reason"]["code"]), (&json!("refused"), &json!("blob.missing")), "{refused:#}");
        assert_eq!(refused["reason"]["hints"], report["error"]["hints"]);
        // One platform goes without an index, several have one.
        let (status, report) = rebase(&environment, source, &out, &options);
        assert_eq!((status, report["platforms"].as_array().unwrap().len()), (0, count), "{report:#}");
        assert_eq!(platforms(&environment, &out).0.len(), if count == 1 { 0 } else { count });
        let (_, moved) = item(&environment, source, &options);
        assert_eq!((&moved["status"], &moved["result"]["digest"]), (&json!("move"), &report["result"]["digest"]), "{moved:#}");
        let batch = format!("batch-{source}");
        environment.ok(&["batch", "apply", "plan.jsonl", "-o", &batch]);
        assert_eq!(platforms(&environment, &batch), platforms(&environment, &out));
        for out in [&out, &batch] {
            Contents::of(&environment.join(out)).whole();
            environment.ok(&["fsck", out]);
        }
        let (_, verdict) = environment.json(&[&["verdict", source][..], &BASES, &options].concat());
        assert_eq!(verdict["platforms"].as_array().unwrap().len(), count, "{verdict:#}");
    }
}

#[test]
fn a_filtered_index_is_moved_and_names_what_is_not_in_it() {
    let environment = place_with_bases();
    for (source, here) in [("one.tar", &PLATFORMS[..1]), ("two", &PLATFORMS[..2]), ("full", &PLATFORMS[..])] {
        let out = format!("moved-{source}");
        let (status, report) = rebase(&environment, source, &out, &["--sparse", "filter"]);
        let absent: Vec<String> = PLATFORMS[here.len()..].iter().map(|name| format!("linux/{name}")).collect();
        let told = report["findings"].as_array().unwrap().iter().filter(|finding| finding["code"] == "platform.absent");
        let told: Vec<&str> = told.map(|finding| finding["found"]["value"].as_str().unwrap()).collect();
        assert_eq!((status, told), (0, absent.iter().map(String::as_str).collect()), "{report:#}");
        assert_eq!(codes(&report).contains(&"index.narrowed"), !absent.is_empty());
        assert_eq!(platforms(&environment, &out).0, here);
        let (_, item) = item(&environment, source, &["--sparse", "filter"]);
        assert_eq!(item["absent"].as_array().cloned().unwrap_or_default(), absent, "{item:#}");
        let warned = item["warnings"].as_array().is_some_and(|codes| codes.contains(&json!("platform.absent")));
        assert_eq!(warned, !absent.is_empty(), "{item:#}");
        let batch = format!("batch-{source}");
        environment.ok(&["batch", "apply", "plan.jsonl", "-o", &batch]);
        assert_eq!(platforms(&environment, &batch), platforms(&environment, &out));
        environment.ok(&["fsck", &batch]);
    }
}

#[test]
fn what_was_not_asked_for_or_is_not_there_is_not_moved() {
    let environment = place_with_bases();
    let (status, report) = rebase(&environment, "full", "out", &["--platform", "linux/arm64", "--platform", "linux/s390x"]);
    assert_eq!((status, platforms(&environment, "out").0), (0, vec!["arm64".to_owned(), "s390x".to_owned()]), "{report:#}");
    for (options, code) in [
        (&["--platform", "linux/amd64", "--platform", "linux/arm64"][..], "blob.missing"),
        (&["--platform", "linux/amd64", "--platform", "linux/arm64", "--sparse", "filter"], "blob.missing"),
        (&["--platform", "linux/mips"], "ref.platform"),
    ] {
        let (status, report) = rebase(&environment, "one", "none", options);
        assert_eq!((status, &report["error"]["code"]), (4, &json!(code)), "{report:#}");
        let (_, item) = item(&environment, "one", options);
        assert_eq!((&item["status"], &item["reason"]["code"]), (&json!("refused"), &json!(code)), "{item:#}");
    }
    assert!(!environment.join("none").exists());
    // What is kept has no place in something new.
    assert_eq!(environment.run(&[&["rebase", "one", "-o", "none", "--sparse", "keep"][..], &BASES].concat()).status, 2);
    // An image without its layers is not here, though its documents are: those of the base may be elsewhere.
    let layer_of = |image: &Image, number: usize| image.layers[number].digest().replace(':', "/");
    std::fs::remove_file(environment.join("full/blobs").join(layer_of(&image("s390x"), 1))).unwrap();
    std::fs::remove_file(environment.join("full/blobs").join(layer_of(&image("amd64"), 0))).unwrap();
    let (status, report) = rebase(&environment, "full", "filtered", &["--sparse", "filter"]);
    assert_eq!((status, platforms(&environment, "filtered").0), (0, vec!["amd64".into(), "arm64".into(), "riscv64".into()]), "{report:#}");
    environment.ok(&["fsck", "filtered"]);
}

/// That a platform is not there is no answer where only a part was read.
#[test]
fn what_is_listed_and_not_here_is_not_said_to_be_no_platform() {
    let environment = place_with_bases();
    for verb in [&["ls"][..], &["base", "show"], &["copy"], &["rebase", "--bases", "bases", "--bases", "old", "--dry-run"]] {
        let more: &[&str] = if verb == ["copy"] { &["out"] } else { &[] };
        let outcome = environment.run(&[verb, &["one"], more, &["--platform", "linux/arm64"]].concat());
        assert!(outcome.status == 4 && outcome.err.contains("not here"), "{verb:?} {}{}", outcome.out, outcome.err);
        let outcome = environment.run(&[verb, &["one"], more, &["--platform", "linux/mips"]].concat());
        let told = outcome.err.contains("[ref.platform] the image has no platform linux/mips");
        assert!(outcome.status == 4 && told, "{verb:?} {}{}", outcome.out, outcome.err);
        // An index within the index that is not here may hold anything.
        let mut layout = Layout::new();
        let amd = layout.store(&image("amd64"));
        let gone = json!({"mediaType": INDEX, "digest": digest(b"gone"), "size": 4});
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [amd, gone]}).to_string();
        let entry = json!({"mediaType": INDEX, "digest": layout.blob(index.as_bytes()), "size": index.len()});
        layout.entry("registry.example/team/app:1", entry);
        layout.write(&environment.join("nested"));
        let outcome = environment.run(&[verb, &["nested"], more, &["--platform", "linux/arm64"]].concat());
        let told = outcome.err.contains("a part that is not here may hold it");
        assert!(outcome.status == 4 && told, "{verb:?} {}{}", outcome.out, outcome.err);
    }
    // The refusal of a platform that is not here names those that are.
    let (_, report) = environment.json(&["copy", "two", "out", "--platform", "linux/s390x"]);
    assert_eq!(hinted(&report), ["--platform", "linux/amd64", "--platform", "linux/arm64"], "{report:#}");
    assert_eq!(report["error"]["message"], "0 of 1 platform is here");
}

fn two_layers() -> Image {
    Image::of(&[&layer(&["os=1"]), &layer(&["app=1"])])
}

/// Nothing is proven of a platform that is not here.
#[test]
fn a_base_is_proven_for_what_was_looked_at() {
    let (amd, arm) = (two_layers(), two_layers().platform("arm64"));
    let base = |image: &Image| Image::of(&[&image.layers[0]]);
    let environment = Environment::new();
    Layout::new().index("os:1", &[&base(&amd), &base(&arm).platform("arm64")], json!({})).write(&environment.join("base"));
    let mut layout = Layout::new().index("app:1", &[&amd, &arm], json!({}));
    layout.write(&environment.join("whole"));
    layout.blobs.remove(&arm.digest());
    layout.write(&environment.join("part"));
    environment.ok(&["base", "verify", "whole", "--base", "base"]);
    let (status, report) = environment.json(&["base", "verify", "part", "--base", "base"]);
    assert_eq!((status, &report["proven"]), (1, &json!(false)), "{report:#}");
    environment.ok(&["base", "verify", "part", "--base", "base", "--platform", "linux/amd64"]);
}

/// What an index lists and nobody understands may be a platform, and the result does not have it.
#[test]
fn what_is_not_understood_is_not_lost_without_a_warning() {
    let environment = Environment::new();
    let image = two_layers();
    Layout::new()
        .image("os:1", &Image::of(&[&image.layers[0]]))
        .image("os:2", &Image::of(&[&layer(&["os=2"])]))
        .write(&environment.join("bases"));
    let mut layout = Layout::new();
    let mut strange = layout.store(&two_layers().platform("arm64"));
    strange["mediaType"] = json!("application/vnd.example.manifest+json");
    let children = [layout.store(&image), strange];
    let index = serde_json::to_vec(&json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": children})).unwrap();
    let digest = layout.blob(&index);
    layout.entry("app:1", json!({"mediaType": INDEX, "digest": digest, "size": index.len()}));
    layout.write(&environment.join("in"));
    let (status, report) = environment.json(&["rebase", "in", "--from", "bases:os:1", "--onto", "bases:os:2", "-o", "out"]);
    let told = report["findings"].as_array().unwrap().iter().find(|finding| finding["code"] == "doc.media_type_unknown").unwrap();
    assert_eq!((status, &told["severity"], &told["details"]), (0, &json!("warning"), &json!(["linux/arm64"])), "{report:#}");
}
