//! A layout as `cosign save` writes it: no names, no subjects, and a mark on each entry that says what it is.

use serde_json::{Value, json};

use crate::support::environment::snapshot;
use crate::support::image::{MANIFEST, digest};
use crate::support::{Contents, Environment, Image, Layout, layer};

const SIGNATURE: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
const ATTESTATION: &str = "application/vnd.dsse.envelope.v1+json";

fn app() -> Image {
    Image::of(&[&layer(&["os=1"]), &layer(&["app=1"])])
}

/// The payload of a signature (cosign, SIGNATURE_SPEC.md).
fn signature_of(subject: &str) -> Vec<u8> {
    let image = json!({"docker-manifest-digest": subject});
    let identity = json!({"docker-reference": "registry.site/app"});
    let critical = json!({"identity": identity, "image": image, "type": "cosign container image signature"});
    serde_json::to_vec(&json!({"critical": critical, "optional": null})).unwrap()
}

/// An in-toto statement in its envelope (DSSE; in-toto, statement v0.1).
fn attestation_of(subject: &str) -> Vec<u8> {
    let statement = serde_json::to_vec(&json!({"_type": "https://in-toto.io/Statement/v0.1",
        "subject": [{"name": "registry.site/app", "digest": {"sha256": subject.strip_prefix("sha256:").unwrap()}}]}))
    .unwrap();
    serde_json::to_vec(&json!({"payloadType": "application/vnd.in-toto+json", "payload": base64(&statement), "signatures": []})).unwrap()
}

/// RFC 4648, section 4.
pub(super) fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let sextets = |three: &[u8]| {
        let joined = (0..3).fold(0_usize, |joined, at| joined << 8 | usize::from(three.get(at).copied().unwrap_or(0)));
        let text: String = (0..4).map(|at| char::from(ALPHABET[joined >> (18 - 6 * at) & 63])).collect();
        format!("{:=<4}", &text[..=three.len()])
    };
    bytes.chunks(3).map(sextets).collect()
}

/// Adds an entry without a name whose manifest has the config of an image, as cosign makes it.
fn add(layout: &mut Layout, kind: &str, media_type: &str, contents: &[Vec<u8>]) -> String {
    let layers: Vec<Value> =
        contents.iter().map(|content| json!({"mediaType": media_type, "digest": layout.blob(content), "size": content.len()})).collect();
    let diff_ids: Vec<String> = contents.iter().map(|content| digest(content)).collect();
    let config = json!({"architecture": "", "os": "", "config": {}, "rootfs": {"type": "layers", "diff_ids": diff_ids}});
    let config = serde_json::to_vec(&config).unwrap();
    let config = json!({"mediaType": "application/vnd.oci.image.config.v1+json", "digest": layout.blob(&config), "size": config.len()});
    let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers});
    let bytes = serde_json::to_vec(&manifest).unwrap();
    let digest = layout.blob(&bytes);
    layout.entry(
        "",
        json!({"mediaType": MANIFEST, "digest": digest, "size": bytes.len(), "annotations": {"kind": format!("dev.cosignproject.cosign/{kind}")}}),
    );
    digest
}

/// An image, two signatures of it in one manifest, and an attestation.
fn saved() -> (Layout, String, String) {
    let mut layout = Layout::new();
    let mut entry = layout.store(&app());
    entry.as_object_mut().unwrap().remove("platform");
    entry["annotations"] = json!({"kind": "dev.cosignproject.cosign/image"});
    layout.entry("", entry);
    let mut second = signature_of(&app().digest());
    second.push(b'\n');
    let signatures = add(&mut layout, "sigs", SIGNATURE, &[signature_of(&app().digest()), second]);
    let attestation = add(&mut layout, "atts", ATTESTATION, &[attestation_of(&app().digest())]);
    (layout, signatures, attestation)
}

/// Where the user says where the image goes, its signatures are promised under the tags that cosign gives them, and cosign alone brings
/// them there.
fn loaded(environment: &Environment, signatures: &str, attestation: &str) {
    let image = app().digest();
    let tag = image.replace(':', "-");
    for (source, command) in [("in", true), ("all", true), ("in.tar", false)] {
        if !command {
            environment.ok(&["copy", "--all", "in", source]);
        }
        let prepare = ["prepare", source, "--registry", "r.site", "--unnamed-into", "attic", "--keep-tag", "old-{digest12}"];
        let (status, plan) = environment.json(&[&prepare[..], &["--client", "cosign"]].concat());
        assert_eq!(status, i32::from(!command), "{plan:#}");
        let items = plan["items"].as_array().unwrap();
        let promised: Vec<(&str, &str)> =
            items.iter().map(|item| (item["reference"].as_str().unwrap(), item["digest"].as_str().unwrap())).collect();
        let name = format!("r.site/attic:old-{}", &image[7..19]);
        let expected = [
            (name.clone(), image.as_str()),
            (format!("r.site/attic:{tag}.sig"), signatures),
            (format!("r.site/attic:{tag}.att"), attestation),
        ];
        assert_eq!(promised, expected.each_ref().map(|(name, digest)| (name.as_str(), *digest)), "{plan:#}");
        let clients = plan["pushes"][0]["clients"].as_array().unwrap();
        let enough: Vec<&Value> = clients.iter().filter(|client| client["suffices"] == true).collect();
        let script = environment.run(&[&prepare[..], &["--client", "cosign", "--format", "sh"]].concat());
        if command {
            assert_eq!(enough.len(), 1);
            assert_eq!(enough[0]["command"], json!(["cosign", "load", "--dir", source, name]));
            assert!(script.out.ends_with(&format!("set -eu\ncosign load --dir {source} {name}\n")), "{}", script.out);
        } else {
            assert!(enough.is_empty() && script.out.contains("cosign does not push it"), "{}", script.out);
        }
    }
}

#[test]
fn signatures_are_no_images_and_go_where_their_image_goes() {
    let environment = Environment::new();
    let (layout, signatures, attestation) = saved();
    layout.write(&environment.join("in"));
    // Not three images, so the path alone names the one.
    let (status, inspected) = environment.json(&["inspect", "in", "--all"]);
    assert_eq!(status, 0, "{inspected:#}");
    let entries = inspected["sources"][0]["entries"].as_array().unwrap();
    let kinds: Vec<_> = entries.iter().map(|entry| (entry["kind"].as_str().unwrap(), entry["artifactType"].as_str())).collect();
    assert_eq!(kinds, [("image", None), ("artifact", Some(SIGNATURE)), ("artifact", Some(ATTESTATION))]);
    let (_, report) = environment.json(&["lifecycle", "report", "in"]);
    assert_eq!(report["items"].as_array().unwrap().len(), 1, "{report:#}");
    for (arguments, out) in [(&["copy", "in", "one"][..], "one"), (&["copy", "--all", "in", "all"], "all")] {
        let (status, copied) = environment.json(arguments);
        assert_eq!((status, copied["images"].as_array().unwrap().len()), (0, 1), "{copied:#}");
        assert_eq!(copied["referrers"], json!([signatures, attestation]));
        let contents = Contents::of(&environment.join(out));
        contents.whole();
        // With its marks, by which cosign finds it.
        assert_eq!(contents.index()["manifests"], json!(layout.entries));
        environment.ok(&["gc", out, "--apply", "--grace", "0"]);
        assert_eq!(Contents::of(&environment.join(out)), contents);
    }
    let (status, plan) = environment.json(&["prepare", "in", "--registry", "r.site"]);
    assert!(status != 0 && plan["findings"].to_string().contains("cosign load --dir in"), "{plan:#}");
    loaded(&environment, &signatures, &attestation);
    environment.ok(&["copy", "in", "bare", "--referrers", "none"]);
    assert_eq!(Contents::of(&environment.join("bare")).entries().len(), 1);
    let (_, copied) = environment.json(&["copy", "in", "sbom", "--type", "application/spdx+json"]);
    assert_eq!(copied["referrers"], json!([]));
    let (_, copied) = environment.json(&["copy", "in", "docker-archive:out.tar:app:1"]);
    let left: Vec<&Value> = copied["findings"].as_array().unwrap().iter().filter(|one| one["code"] == "referrer.left_out").collect();
    assert_eq!(left.len(), 2, "{copied:#}");
}

#[test]
fn a_new_image_says_that_they_stayed_with_the_old_one() {
    let environment = Environment::new();
    let (layout, signatures, attestation) = saved();
    layout.image("app:2", &app().with_top("created", json!("2026-01-01T00:00:00Z"))).write(&environment.join("in"));
    let old = format!("in@{}", app().digest());
    let (_, report) = environment.json(&["lifecycle", "supersede", &old, "--by", "in:app:2"]);
    let left = json!([format!("{SIGNATURE} {signatures}"), format!("{ATTESTATION} {attestation}")]);
    assert_eq!(report["findings"][0]["details"], left, "{report:#}");
}

/// The mark alone proves nothing: what stands in the documents decides.
#[test]
fn a_mark_that_the_documents_do_not_bear_out_is_not_believed() {
    let environment = Environment::new();
    // An image that is called a signature is an image.
    let mut layout = Layout::new();
    let mut entry = layout.store(&app());
    entry["annotations"] = json!({"kind": "dev.cosignproject.cosign/sigs"});
    layout.entry("", entry);
    layout.write(&environment.join("called"));
    environment.ok(&["copy", "called", "copied"]);
    // What speaks of two images, of none, or of another one stays where it is.
    let (other, bytes) = (digest(b"another"), app().digest());
    for (number, contents) in [
        vec![signature_of(&app().digest()), signature_of(&other)],
        vec![b"{}".to_vec()],
        vec![b"not JSON".to_vec()],
        vec![signature_of(&other)],
        vec![signature_of("sha256:0")],
    ]
    .iter()
    .enumerate()
    {
        let (place, out) = (format!("in{number}"), format!("out{number}"));
        let mut layout = Layout::new().image("app:1", &app());
        add(&mut layout, "sigs", SIGNATURE, contents);
        layout.write(&environment.join(&place));
        let before = snapshot(&environment.join(&place));
        let (status, copied) = environment.json(&["copy", &place, &out]);
        assert_eq!((status, &copied["referrers"]), (0, &json!([])), "{number}: {copied:#}");
        assert_eq!(Contents::of(&environment.join(&out)).named("app:1").unwrap(), bytes);
        environment.ok(&["gc", &place, "--apply", "--grace", "0"]);
        assert!(before == snapshot(&environment.join(&place)), "{number}");
    }
}
