//! §4.3: digests and descriptors.

use serde_json::{Value, json};
use sha2::Digest as _;

use super::{ACCEPTED, At, DAMAGED, Files, LAYER_DAMAGED, Place, REFUSED, Statuses, forge, with};
use crate::support::image::{INDEX, MANIFEST, ReadBack};
use crate::support::{Image, Layout, layer};

#[test]
fn d1_to_d3_digests_have_one_spelling() {
    let place = Place::new();
    let honest = place.app.layers[1].digest();
    let hex = honest[7..].to_owned();
    let written = [
        "sha256:../../../etc/passwd".to_owned(),
        "sha256:a/b".to_owned(),
        format!("../x:{hex}"),
        String::new(),
        hex.clone(),
        "sha256:".to_owned(),
        ":".to_owned(),
        format!("sha256:{}", hex.to_uppercase()),
        format!("SHA256:{hex}"),
        format!("sha256:{}", &hex[1..]),
        format!("sha256:{hex}0"),
        format!("sha512:{hex}"),
        format!("{honest} "),
        format!(" {honest}"),
        format!("{honest}\\n"),
        format!("{honest}\\u0000"),
        format!("sha256:{}１", &hex[1..]),
        format!("sha256:sha256:{}", &hex[7..]),
    ];
    for text in written {
        let files = forge(&place.app, At::Manifest, &|json| with(&json, &honest, &text));
        place.judge_files(&format!("D1-D3 {text:?} in a manifest"), &files, "digest.syntax", REFUSED);
    }
    let root = place.app.digest();
    for text in ["sha256:../../../../etc/passwd", "sha256:", ""] {
        let files = forge(&place.app, At::Root, &|json| with(&json, &root, text));
        place.judge_files(&format!("D1 {text:?} in index.json"), &files, "digest.syntax", REFUSED);
        let diff_id = place.app.layers[0].diff_id();
        let files = forge(&place.app, At::Config, &|json| with(&json, &diff_id, text));
        place.judge_files(&format!("D1 {text:?} as a diffID"), &files, "digest.syntax", REFUSED);
    }
}

/// D4: both registered algorithms are computed, wherever a digest can stand.
#[test]
fn d4_sha512_is_verified() {
    let place = Place::new();
    let sha512 = |bytes: &[u8]| sha2::Sha512::digest(bytes).iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    let layer = &place.app.layers[1];
    let hex = sha512(&layer.blob);
    let mut files = forge(&place.app, At::Manifest, &|json| with(&json, &layer.digest(), &format!("sha512:{hex}")));
    let blob = format!("blobs/{}", layer.digest().replace(':', "/"));
    let position = files.iter().position(|(name, _)| *name == blob).unwrap();

    // D7: the bytes are there, under the name of the other algorithm.
    place.judge_files("D7", &files, "blob.missing", [1, 0, 4, 4]);

    files[position].0 = format!("blobs/sha512/{hex}");
    place.judge_files("D4", &files, "", ACCEPTED);
    let last = files[position].1.len() - 1;
    files[position].1[last] ^= 1;
    place.judge_files("D4, one bit flipped", &files, "blob.digest_mismatch", LAYER_DAMAGED);
}

/// D5, D6, D8: what cannot be computed proves nothing. A manifest that names such a blob cannot be checked to its end, so it is
/// not clean, and it is not moved.
#[test]
fn d5_unknown_algorithms_are_unverifiable() {
    let place = Place::new();
    let honest = place.app.layers[1].digest();
    for text in [
        "md5:d41d8cd98f00b204e9800998ecf8427e",
        "sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "sha384:38b060a751ac96384cd9327eb1b1e36a21fdb71114be07434c0cc7bf63f6e1da274edebfe76f65fbd51ad2f14898b95b",
        "blake3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
        "multihash+base58:QmRZxt2b1FVZPNqd8hsiykDL3TdBDeTSPX9Kv46HmX4Gx8",
    ] {
        let files = forge(&place.app, At::Manifest, &|json| with(&json, &honest, text));
        place.judge_files(&format!("D5 {text}"), &files, "digest.algorithm_unknown", [1, 1, 4, 4]);
    }
    // Beside an image that can be verified it stops nobody, is told since it may say something of that image, and stays when the index is
    // written again.
    let mut layout = place.layout();
    let unknown =
        json!({"mediaType": MANIFEST, "digest": "blake3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262", "size": 7});
    layout.entries.push(unknown.clone());
    layout.write(&place.join("mixed"));
    let rebase = ["rebase", "mixed:app:1", "--from", "bases:os:old", "--onto", "bases:os:new", "-o", "out.tar"];
    for (arguments, status, told) in [
        (&["fsck", "mixed"][..], 1, "digest.algorithm_unknown"),
        (&["inspect", "mixed"], 0, ""),
        (&["copy", "mixed:app:1", "out"], 1, "digest.algorithm_unknown"),
        (&rebase, 1, "lifecycle.unreadable"),
    ] {
        let outcome = place.run(arguments);
        assert!(outcome.status == status && outcome.out.contains(told), "{arguments:?}: {}{}", outcome.out, outcome.err);
    }
    assert_eq!(place.run(&["tag", "mixed:app:1", "app:2"]).status, 0);
    assert!(ReadBack::open(&place.join("mixed")).index_json()["manifests"].as_array().unwrap().contains(&unknown));
}

#[test]
fn d9_to_d14_sizes() {
    let place = Place::new();
    let upper = place.app.layers[1].clone();
    let size = format!(r#""size":{}}}]"#, upper.blob.len());
    let claim = |number: &str| forge(&place.app, At::Manifest, &|json| with(&json, &size, &format!(r#""size":{number}}}]"#)));
    let more = (upper.blob.len() + 1).to_string();
    let less = (upper.blob.len() - 1).to_string();
    let cases: [(&str, Files, &str, Statuses); 6] = [
        ("D10 one byte more", claim(&more), "descriptor.size_mismatch", LAYER_DAMAGED),
        ("D10 one byte less", claim(&less), "descriptor.size_mismatch", LAYER_DAMAGED),
        ("D10 nothing", claim("0"), "descriptor.size_mismatch", LAYER_DAMAGED),
        ("D14 2^62", claim("4611686018427387904"), "descriptor.size_mismatch", LAYER_DAMAGED),
        ("D14 2^63-1", claim("9223372036854775807"), "descriptor.size_mismatch", LAYER_DAMAGED),
        (
            "D12 a blob that goes on behind what the digest covers",
            {
                let mut files = place.layout().files();
                let blob = format!("blobs/{}", upper.digest().replace(':', "/"));
                files.iter_mut().find(|(name, _)| *name == blob).unwrap().1.push(0);
                files
            },
            "descriptor.size_mismatch",
            LAYER_DAMAGED,
        ),
    ];
    super::all(&cases, |(row, files, code, expected)| place.judge_files(row, files, code, *expected));

    // D10, D14 for the documents.
    for (at, number, code, expected) in [
        (At::Root, "4611686018427387904", "doc.too_large|descriptor.size_mismatch", [1, 3, 3, 3]),
        (At::Root, "7", "descriptor.size_mismatch", DAMAGED),
        (At::Manifest, "7", "descriptor.size_mismatch", DAMAGED),
    ] {
        let honest = if at == At::Root { place.app.manifest_bytes().len() } else { place.app.config_bytes().len() };
        let edit = |json: String| with(&json, &format!(r#""size":{honest}"#), &format!(r#""size":{number}"#));
        place.judge_files(&format!("D10 {number} ({at:?})"), &forge(&place.app, at, &edit), code, expected);
    }
}

/// D14: several sizes that are numbers alone, and none together.
#[test]
fn d14_sizes_that_cannot_be_added() {
    let place = Place::new();
    let mut manifest: Value = serde_json::from_slice(&place.app.manifest_bytes()).unwrap();
    for (number, layer) in manifest["layers"].as_array_mut().unwrap().iter_mut().enumerate().skip(1) {
        layer["size"] = json!(9_223_372_036_854_775_807_u64);
        layer["digest"] = json!(format!("sha256:{number:064}"));
    }
    let mut layers = manifest["layers"].as_array().unwrap().clone();
    for number in 2..6 {
        layers.push(
            json!({"mediaType": layers[1]["mediaType"], "digest": format!("sha256:{number:064}"), "size": 9_223_372_036_854_775_807_u64}),
        );
    }
    let mut config: Value = serde_json::from_slice(&place.app.config_bytes()).unwrap();
    config["rootfs"]["diff_ids"] = layers
        .iter()
        .enumerate()
        .map(|(number, _)| json!(if number == 0 { place.app.layers[0].diff_id() } else { format!("sha256:{number:064}") }))
        .collect();
    let mut layout = Layout::new();
    layout.blob(&place.app.layers[0].blob);
    let config = serde_json::to_vec(&config).unwrap();
    manifest["config"]["digest"] = json!(layout.blob(&config));
    manifest["config"]["size"] = json!(config.len());
    manifest["layers"] = json!(layers);
    let bytes = serde_json::to_vec(&manifest).unwrap();
    let top = json!({"mediaType": MANIFEST, "digest": layout.blob(&bytes), "size": bytes.len()});
    layout.entry("app:1", top);
    layout.write(&place.join("bad"));
    place.judge("D14", "bad", "blob.missing", [1, 0, 4, 4]);
}

#[test]
fn d9_the_smallest_blobs() {
    let place = Place::new();
    let mut layout = place.layout();
    let (nothing, empty) = (layout.blob(b""), layout.blob(b"{}"));
    let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "artifactType": "application/x",
        "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": empty, "size": 2},
        "layers": [{"mediaType": "text/plain", "digest": nothing, "size": 0}]});
    let bytes = serde_json::to_vec(&manifest).unwrap();
    let top = json!({"mediaType": MANIFEST, "digest": layout.blob(&bytes), "size": bytes.len()});
    layout.entry("nothing", top);
    place.judge_files("D9", &layout.files(), "", ACCEPTED);
    assert_eq!(place.run(&["copy", "bad:nothing", "out"]).status, 0);
    assert_eq!(ReadBack::open(&place.join("out")).blob(&nothing), b"");
}

#[test]
fn d13_one_digest_has_one_size() {
    let place = Place::new();
    let mut layout = place.layout();
    let mut other = layout.entries[0].clone();
    other["size"] = json!(5);
    layout.entries.push(other);
    layout.entries[1]["annotations"]["org.opencontainers.image.ref.name"] = json!("app:2");
    layout.write(&place.join("bad"));
    let (status, codes) = place.codes(&["bad"]);
    assert_eq!((status, codes), (1, vec!["descriptor.conflict".to_owned()]));
}

/// D15: c/image takes the first one. Whoever needs one image is told of both; who gives a digest is served.
#[test]
fn d15_one_name_on_two_images() {
    let place = Place::new();
    let mut layout = place.layout();
    let other = Image::of(&[&layer(&["other=1"])]);
    layout = layout.image("app:1", &other);
    layout.write(&place.join("bad"));
    place.judge_reference("D15", "bad", "bad:app:1", "ref.ambiguous", [1, 0, 4, 4]);
    let outcome = place.run(&["copy", "bad:app:1", "out"]);
    for image in [&place.app, &other] {
        assert!(outcome.err.contains(&image.digest()), "{}", outcome.err);
    }
    let by_digest = format!("bad@{}", other.digest());
    assert_eq!(place.run(&["copy", &by_digest, "out:it"]).status, 0);
}

#[test]
fn d16_names_may_be_anything_and_never_shadow_a_digest() {
    let place = Place::new();
    let other = Image::of(&[&layer(&["other=1"])]);
    // An image whose name is the digest of another one.
    let layout = place.layout().image(&other.digest(), &place.app).image("other", &other);
    layout.write(&place.join("odd"));
    let wanted = format!("odd@{}", other.digest());
    let outcome = place.run(&["cat", &wanted]);
    assert_eq!(outcome.out.as_bytes(), other.manifest_bytes());
    for name in ["a/b:c", "with space", "a@b", "\u{1b}[31m", "..", "-", "名"] {
        let layout = Layout::new().image(name, &place.app).image("other", &other);
        layout.write(&place.join("named"));
        let reference = format!("named:{name}");
        let outcome = place.run(&["cat", &reference]);
        assert_eq!(outcome.out.as_bytes(), place.app.manifest_bytes(), "{name:?}: {}", outcome.err);
        assert_eq!(place.codes(&["named"]).0, 0, "{name:?}");
    }
}

/// D17: names count in `index.json` only (image-spec, annotations.md).
#[test]
fn d17_names_inside_an_index_do_not_count() {
    let place = Place::new();
    let mut layout = Layout::new();
    let mut child = layout.store(&place.app);
    child["annotations"]["org.opencontainers.image.ref.name"] = json!("inner");
    let index = serde_json::to_vec(&json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [child]})).unwrap();
    let top = json!({"mediaType": INDEX, "digest": layout.blob(&index), "size": index.len()});
    layout.entry("outer", top);
    layout.write(&place.join("nested"));
    assert_eq!(place.codes(&["nested"]).0, 0);
    assert_eq!(place.run(&["cat", "nested:outer"]).out.as_bytes(), index);
    let outcome = place.run(&["cat", "nested:inner"]);
    assert!(outcome.err.contains("[ref.not_found]"), "{outcome:?}");
    assert_eq!(outcome.status, 4);
}
