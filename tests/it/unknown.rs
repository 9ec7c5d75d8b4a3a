//! Documents of types that nobody here knows: what they visibly name goes along with a copy, and what stays behind is told.

use serde_json::{Value, json};

use crate::support::image::{MANIFEST, ReadBack, digest};
use crate::support::{Contents, Environment, Image, Layout, layer};

const BUNDLE: &str = "application/vnd.example.bundle.v1+json";

fn descriptor(layout: &mut Layout, media_type: &str, content: &[u8]) -> Value {
    json!({"mediaType": media_type, "digest": layout.blob(content), "size": content.len()})
}

/// A layout with one entry, a document of an unknown type.
fn bundle(layout: &mut Layout, document: &Value) -> String {
    let entry = descriptor(layout, BUNDLE, document.to_string().as_bytes());
    layout.entry("bundle", entry.clone());
    entry["digest"].as_str().unwrap().to_owned()
}

fn finding<'r>(report: &'r Value, code: &str) -> &'r Value {
    let findings = report["findings"].as_array().unwrap();
    findings.iter().find(|finding| finding["code"] == code).unwrap_or_else(|| panic!("no {code}: {report:#}"))
}

#[test]
fn what_an_unknown_document_names_goes_along() {
    let environment = Environment::new();
    let mut layout = Layout::new();
    let image = Image::of(&[&layer(&["a=1"])]);
    let manifest = layout.store(&image);
    let other = descriptor(&mut layout, "text/plain", b"somebody else's");
    let parts = [descriptor(&mut layout, "text/plain", b"one"), descriptor(&mut layout, "application/octet-stream", b"two")];
    let document = json!({"mediaType": BUNDLE, "parts": parts, "deep": {"er": [{"image": manifest}]}, "subject": other,
                          "digest": "sha256:no descriptor", "note": {"mediaType": "text/plain", "digest": 7, "size": "large"}});
    let top = bundle(&mut layout, &document);
    layout.write(&environment.join("in"));
    let (status, report) = environment.json(&["copy", "in:bundle", "out"]);
    assert_eq!(status, 0, "{report:#}");
    let told = finding(&report, "doc.media_type_unknown");
    assert_eq!(
        (&told["message"], &told["severity"], &told["place"]),
        (&json!("copied, not understood"), &json!("note"), &json!(top)),
        "{told:#}"
    );
    let copied = ReadBack::open(&environment.join("out"));
    for wanted in [&parts[0], &parts[1], &manifest] {
        let digest = wanted["digest"].as_str().unwrap();
        assert!(copied.has(digest) && told["details"].to_string().contains(digest), "{wanted}\n{told:#}");
    }
    for digest in [image.layers[0].digest(), crate::support::image::digest(&image.config_bytes())] {
        assert!(copied.has(&digest), "what a manifest in it names");
    }
    assert!(!copied.has(other["digest"].as_str().unwrap()), "a subject is another's");
}

#[test]
fn what_did_not_go_along_is_told() {
    let environment = Environment::new();
    let mut layout = Layout::new();
    let gone = json!({"mediaType": "text/plain", "digest": format!("sha256:{}", "0".repeat(64)), "size": 3});
    bundle(&mut layout, &json!({"parts": [gone]}));
    layout.write(&environment.join("in"));
    let (status, report) = environment.json(&["copy", "in:bundle", "out"]);
    let told = finding(&report, "doc.media_type_unknown");
    assert!(status == 0 && told["severity"] == "warning" && told["details"].to_string().contains("which is not here"), "{told:#}");
    // A blob with other bytes than its name says does not travel.
    let mut layout = Layout::new();
    let part = descriptor(&mut layout, "text/plain", b"one");
    layout.blobs.insert(part["digest"].as_str().unwrap().to_owned(), b"two".to_vec());
    bundle(&mut layout, &json!({"parts": [part]}));
    layout.write(&environment.join("damaged"));
    environment.refused(&["copy", "damaged:bundle", "new"], "blob.digest_mismatch", 3);
    // Nobody means so many.
    let mut layout = Layout::new();
    let parts: Vec<Value> =
        (0..10_001).map(|number| json!({"mediaType": "text/plain", "digest": format!("sha256:{number:064}"), "size": 1})).collect();
    bundle(&mut layout, &json!({"parts": parts}));
    layout.write(&environment.join("many"));
    environment.refused(&["copy", "many:bundle", "new"], "graph.too_many", 3);
    assert!(!environment.join("new").exists());
}

/// A manifest without a subject that is no image.
fn chart(layout: &mut Layout) -> (Value, String) {
    let config = descriptor(layout, "application/vnd.cncf.helm.config.v1+json", b"{}");
    let chart = descriptor(layout, "application/vnd.cncf.helm.chart.content.v1.tar+gzip", b"chart");
    let manifest = json!({"schemaVersion": 2, "config": config, "layers": [chart]}).to_string();
    (descriptor(layout, MANIFEST, manifest.as_bytes()), chart["digest"].as_str().unwrap().to_owned())
}

/// A statement on something, with its own entry and no list.
fn statement(layout: &mut Layout, subject: &Value) -> Value {
    let empty = descriptor(layout, "application/vnd.oci.empty.v1+json", b"{}");
    let manifest = json!({"schemaVersion": 2, "artifactType": "application/x-report", "config": empty, "layers": [empty],
                          "subject": subject});
    descriptor(layout, MANIFEST, manifest.to_string().as_bytes())
}

#[test]
fn all_takes_everything_that_has_an_entry() {
    let environment = Environment::new();
    let mut layout = Layout::new().image("app:1", &Image::of(&[&layer(&["a=1"])]));
    let old = layout.store(&Image::of(&[&layer(&["old=1"])]));
    layout.entry("", old.clone());
    let (chart, content) = chart(&mut layout);
    layout.entry("charts/shop:1", chart.clone());
    layout.entry("charts/shop:stable", chart.clone());
    let of_chart = statement(&mut layout, &chart);
    layout.entry("", of_chart.clone());
    // What it speaks of is not here; and one that has a name of its own.
    let away = json!({"mediaType": MANIFEST, "digest": digest(b"away"), "size": 4});
    let of_away = statement(&mut layout, &away);
    layout.entry("reports/away:1", of_away.clone());
    // Docker's first schema, whose bytes hash to the digest: it names its layers by digest alone.
    let blob = layout.blob(b"schema 1 layer");
    let first = json!({"schemaVersion": 1, "name": "library/old", "fsLayers": [{"blobSum": blob}]}).to_string();
    let first = descriptor(&mut layout, "application/vnd.docker.distribution.manifest.v1+prettyjws", first.as_bytes());
    layout.entry("old:1", first);
    let text = descriptor(&mut layout, "text/plain", b"text");
    layout.entry("notes:1", text.clone());
    layout.write(&environment.join("in"));
    let digests = |out: &str| -> Vec<(String, String)> {
        let entries = Contents::of(&environment.join(out)).entries();
        let name = |entry: &Value| entry["annotations"]["org.opencontainers.image.ref.name"].as_str().unwrap_or_default().to_owned();
        entries.iter().map(|entry| (name(entry), entry["digest"].as_str().unwrap().to_owned())).collect()
    };
    for out in ["out", "out.tar"] {
        let (status, report) = environment.json(&["copy", "--all", "in", out]);
        assert_eq!(status, 0, "{report:#}");
        let copied = digests(out);
        for entry in digests("in") {
            assert!(copied.contains(&entry), "{out}: {entry:?} in {copied:#?}");
        }
        let contents = Contents::of(&environment.join(out));
        for wanted in [&content, &blob, text["digest"].as_str().unwrap()] {
            assert!(contents.blobs().contains_key(wanted), "{out}: {wanted}");
        }
        // Statements are on the lists of what they speak of, here or not.
        for (subject, report) in [(&chart, &of_chart), (&away, &of_away)] {
            let list = contents.named(&subject["digest"].as_str().unwrap().replace(':', "-")).unwrap();
            assert_eq!(contents.json(&list)["manifests"][0]["digest"], report["digest"], "{out}");
        }
        assert!(contents.unnamed().contains(&old["digest"].as_str().unwrap().to_owned()), "{out}");
    }
    // Once more, nothing comes twice; and nothing that is there loses its list.
    environment.ok(&["copy", "--all", "in", "out"]);
    assert_eq!(digests("out").len(), digests("out.tar").len());
    // Whoever asks for no referrers is told which stayed, and that is no failure.
    let (status, report) = environment.json(&["copy", "--all", "--referrers", "none", "in", "none"]);
    assert_eq!(status, 0, "{report:#}");
    assert_eq!(finding(&report, "referrer.left_out")["place"], of_chart["digest"]);
}

#[test]
fn a_layout_of_artifacts_only_is_copied() {
    let environment = Environment::new();
    let mut layout = Layout::new();
    let (chart, content) = chart(&mut layout);
    layout.entry("charts/shop:1", chart);
    layout.write(&environment.join("in"));
    for (arguments, out) in
        [(&["copy", "in", "one"][..], "one"), (&["copy", "--all", "in", "all"], "all"), (&["copy", "in:shop:1", "n"], "n")]
    {
        environment.ok(arguments);
        let copied = Contents::of(&environment.join(out));
        assert!(copied.named("charts/shop:1").is_some() && copied.blobs().contains_key(&content), "{out}");
    }
}

#[test]
fn all_says_what_it_leaves_behind() {
    let environment = Environment::new();
    let mut layout = Layout::new().image("app:1", &Image::of(&[&layer(&["a=1"])])).image("gone:1", &Image::of(&[&layer(&["b=1"])]));
    let (chart, content) = chart(&mut layout);
    layout.entry("chart:1", chart.clone());
    layout.entry("odd:1", json!({"mediaType": MANIFEST, "digest": format!("sha384:{}", "0".repeat(96)), "size": 5}));
    let wrong = descriptor(&mut layout, "application/vnd.docker.distribution.manifest.v1+prettyjws", b"signed");
    layout.blobs.insert(wrong["digest"].as_str().unwrap().to_owned(), b"SIGNED".to_vec());
    layout.entry("old:1", wrong);
    layout.blobs.remove(&layer(&["b=1"]).digest());
    layout.write(&environment.join("in"));
    let (status, report) = environment.json(&["copy", "--all", "in", "out"]);
    let left: Vec<(&str, String)> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|finding| finding["code"] == "copy.left_out")
        .map(|finding| (finding["place"].as_str().unwrap(), finding["details"][0].as_str().unwrap().to_owned()))
        .collect();
    assert_eq!(status, 1, "{report:#}");
    assert_eq!(left.iter().map(|(place, _)| *place).collect::<Vec<_>>(), ["gone:1", "old:1"], "{report:#}");
    assert!(left[0].1.starts_with("blob.missing: ") && left[1].1.starts_with("blob.digest_mismatch: "), "{left:?}");
    finding(&report, "digest.algorithm_unknown");
    let copied = Contents::of(&environment.join("out"));
    assert!(copied.named("app:1").is_some() && copied.blobs().contains_key(&content));
    // For docker only images go.
    let (status, report) = environment.json(&["copy", "--all", "in", "docker-archive:d.tar"]);
    assert_eq!(status, 1);
    let places: Vec<&Value> =
        report["findings"].as_array().unwrap().iter().filter(|one| one["code"] == "copy.left_out").map(|one| &one["place"]).collect();
    assert_eq!(places, ["gone:1", "chart:1", "old:1"]);
    let mut layout = Layout::new().image("app:1", &Image::of(&[&layer(&["a=1"])]));
    let two = [Image::of(&[&layer(&["c=1"])]), Image::of(&[&layer(&["c=1"])]).platform("arm64")];
    layout = layout.index("two:1", &[&two[0], &two[1]], json!({}));
    layout.write(&environment.join("several"));
    let (status, report) = environment.json(&["copy", "--all", "several", "docker-archive:one.tar"]);
    assert_eq!((status, &finding(&report, "copy.left_out")["place"]), (1, &json!("two:1")), "{report:#}");
    environment.ok(&["copy", "--all", "several", "docker-archive:both.tar", "--platform", "linux/amd64"]);
    // Where nothing is left that could go, it is an error, and nothing is written.
    let mut layout = Layout::new().image("gone:1", &Image::of(&[&layer(&["b=1"])]));
    layout.blobs.remove(&layer(&["b=1"]).digest());
    layout.write(&environment.join("nothing"));
    environment.refused(&["copy", "--all", "nothing", "new"], "blob.missing", 4);
    assert!(!environment.join("new").exists());
}

/// What names a blob that cannot be verified here does not travel without it; everything else does.
#[test]
fn what_names_something_that_cannot_be_verified_is_left_out() {
    const FIRST: &str = "application/vnd.docker.distribution.manifest.v1+prettyjws";
    let sha384 = format!("sha384:{}", "a".repeat(96));
    let first = |layer: Value| json!({"schemaVersion": 1, "name": "library/old", "fsLayers": [layer]});
    for (media_type, document) in [
        (FIRST, first(json!({"blobSum": sha384}))),
        (FIRST, first(json!({"blobSum": 7}))),
        (FIRST, first(json!({}))),
        ("application/x-unknown+json", json!({"part": {"mediaType": "application/x-part", "digest": sha384, "size": 3}})),
    ] {
        let environment = Environment::new();
        let mut layout = Layout::new().image("app:1", &Image::of(&[&layer(&["a=1"])]));
        let entry = descriptor(&mut layout, media_type, document.to_string().as_bytes());
        layout.entry("old:1", entry);
        layout.write(&environment.join("in"));
        let (status, report) = environment.json(&["copy", "--all", "in", "out"]);
        assert_eq!(status, 1, "{document}: {report:#}");
        assert!(report["findings"].to_string().contains("copy.left_out"), "{document}: {report:#}");
        let names: Vec<Value> = Contents::of(&environment.join("out")).entries();
        assert_eq!(names.len(), 1, "{document}: {names:?}");
    }
}
