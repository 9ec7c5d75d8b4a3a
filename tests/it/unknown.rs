//! Documents of types that nobody here knows: what they visibly name goes along with a copy, and what stays behind is told.

use serde_json::{Value, json};

use crate::support::image::ReadBack;
use crate::support::{Environment, Image, Layout, layer};

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

#[test]
fn all_says_what_it_leaves_behind() {
    let environment = Environment::new();
    let mut layout = Layout::new().image("app:1", &Image::of(&[&layer(&["a=1"])]));
    let config = descriptor(&mut layout, "application/vnd.cncf.helm.config.v1+json", b"{}");
    let chart = descriptor(&mut layout, "application/vnd.cncf.helm.chart.content.v1.tar+gzip", b"chart");
    let manifest = json!({"schemaVersion": 2, "config": config, "layers": [chart]}).to_string();
    let entry = descriptor(&mut layout, crate::support::image::MANIFEST, manifest.as_bytes());
    layout.entry("chart:1", entry.clone());
    layout.entry("odd:1", json!({"mediaType": entry["mediaType"], "digest": format!("sha384:{}", "0".repeat(96)), "size": 5}));
    layout.write(&environment.join("in"));
    let (status, report) = environment.json(&["copy", "--all", "in", "out"]);
    assert_eq!((status, &finding(&report, "copy.left_out")["place"]), (0, &json!("chart:1")), "{report:#}");
    finding(&report, "digest.algorithm_unknown");
    environment.ok(&["copy", "in:chart:1", "out"]);
    assert!(ReadBack::open(&environment.join("out")).has(chart["digest"].as_str().unwrap()));
}
