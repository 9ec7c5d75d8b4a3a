//! §4.2: JSON documents. Each class in each place where it can stand, in a directory and in an archive.

use serde_json::json;

use super::{ACCEPTED, At, DAMAGED, Edit, LAYER_DAMAGED, Place, REFUSED, Statuses, forge, with};
use crate::support::Layout;
use crate::support::image::{INDEX, MANIFEST, digest};

const EVERYWHERE: [At; 4] = [At::Config, At::Manifest, At::Index, At::Root];

/// Puts members into the outermost object.
fn member(text: &str, members: &str) -> Vec<u8> {
    with(text, "{", &format!("{{{members},"))
}

#[test]
fn j_what_two_readers_would_read_differently_is_refused_in_every_document() {
    let cases: Vec<(&str, Edit<'_>, &str)> = vec![
        ("J1 a key twice", &|text| member(&text, r#""x":1,"x":1"#), "json.duplicate_key"),
        ("J1 a key twice, further in", &|text| member(&text, r#""x":[{"y":{"a":1,"a":2}}]"#), "json.duplicate_key"),
        ("J1 a key twice in two spellings", &|text| member(&text, r#""x":1,"\u0078":2"#), "json.duplicate_key"),
        ("J4 a second value", &|text| format!("{text}{{}}").into_bytes(), "json.trailing"),
        ("J4 a comma behind", &|text| format!("{text},").into_bytes(), "json.trailing"),
        ("J4 a NUL behind", &|text| format!("{text}\0").into_bytes(), "json.trailing"),
        ("J5 a byte order mark", &|text| format!("\u{feff}{text}").into_bytes(), "json.encoding"),
        ("J5 UTF-16", &|text| text.encode_utf16().flat_map(u16::to_le_bytes).chain([0xff]).collect(), "json.encoding"),
        ("J5 invalid UTF-8", &|text| [&member(&text, r#""x":"#)[..6], b"\"\xff\",", &text.as_bytes()[1..]].concat(), "json.encoding"),
        ("J5 half of a surrogate pair", &|text| member(&text, r#""x":"\ud800""#), "json.encoding"),
        ("J5 the other half", &|text| member(&text, r#""x":"\udc00""#), "json.encoding"),
        ("J6 200 000 levels", &|text| member(&text, &format!(r#""x":{}{}"#, "[".repeat(200_000), "]".repeat(200_000))), "json.depth"),
        ("J6 65 levels", &|text| member(&text, &format!(r#""x":{}{}"#, "[".repeat(64), "]".repeat(64))), "json.depth"),
        ("not JSON: a comment", &|text| member(&text, "/* */"), "json.syntax"),
        ("not JSON: a number with a zero in front", &|text| member(&text, r#""x":01"#), "json.syntax"),
        ("not JSON: a line break in text", &|text| member(&text, "\"x\":\"\n\""), "json.syntax"),
        ("not JSON: NaN", &|text| member(&text, r#""x":NaN"#), "json.syntax"),
        ("not an object", &|text| format!("[{text}]").into_bytes(), "json.type"),
        ("annotations that are no object", &|text| member(&text, r#""annotations":[]"#), "json.type"),
    ];
    let place = Place::new();
    super::all(&cases, |(row, edit, code)| {
        for at in EVERYWHERE {
            // A config has no annotations: the key is unknown there, so it may be anything.
            let expected = if at == At::Config && row.starts_with("annotations") { ACCEPTED } else { REFUSED };
            let code = if expected == ACCEPTED { "" } else { code };
            place.judge_files(&format!("{row} ({at:?})"), &forge(&place.app, at, edit), code, expected);
        }
    });
}

#[test]
fn j2_keys_that_go_reads_and_others_do_not() {
    let keys: &[(At, &str)] = &[
        (At::Config, r#""Rootfs":{}"#),
        (At::Config, r#""ARCHITECTURE":"arm64""#),
        (At::Config, r#""History":[]"#),
        (At::Manifest, r#""Layers":[]"#),
        (At::Manifest, r#""schemaVersioN":2"#),
        (At::Manifest, r#""MediaType":"x""#),
        (At::Manifest, r#""Config":{}"#),
        (At::Manifest, r#""Manifests":[]"#),
        (At::Index, r#""Manifests":[]"#),
        (At::Index, r#""LAYERS":[]"#),
        (At::Index, r#""Subject":{}"#),
        (At::Root, r#""Manifests":[]"#),
        (At::Root, r#""\u004danifests":[]"#),
    ];
    let place = Place::new();
    super::all(keys, |(at, key)| {
        place.judge_files(&format!("J2 {key}"), &forge(&place.app, *at, &|text| member(&text, key)), "json.case_variant", REFUSED);
    });
    // Inside: of descriptors, of rootfs, and of the config of the config.
    let inner: &[(At, &str, &str)] = &[
        (At::Manifest, r#""layers":[{"#, r#""layers":[{"Digest":"x","#),
        (At::Manifest, r#""config":{"#, r#""config":{"SIZE":1,"#),
        (At::Index, r#""manifests":[{"#, r#""manifests":[{"Platform":{},"#),
        (At::Root, r#""manifests":[{"#, r#""manifests":[{"Urls":[],"#),
        (At::Config, r#""rootfs":{"#, r#""rootfs":{"Diff_IDs":[],"#),
        (At::Config, r#""config":{"#, r#""config":{"env":["A=B"]"#),
    ];
    super::all(inner, |(at, piece, other)| {
        place.judge_files(&format!("J2 {other}"), &forge(&place.app, *at, &|text| with(&text, piece, other)), "json.case_variant", REFUSED);
    });
}

#[test]
fn j3_unknown_keys_are_nobodys_business_and_survive() {
    let place = Place::new();
    for at in EVERYWHERE {
        let files = forge(&place.app, at, &|text| member(&text, r#""x-vendor":{"n":1.50,"a":[null,1e3]}"#));
        place.judge_files(&format!("J3 ({at:?})"), &files, "", ACCEPTED);
    }
    let files = forge(&place.app, At::Config, &|text| member(&text, r#""x-vendor":{"n":1.50,"a":[null,1e3]}"#));
    super::write_files(&place.join("app"), &files);
    let outcome = place.run(&["rebase", "app", "--from", "bases:os:old", "--onto", "bases:os:new", "-o", "new:app:2"]);
    assert_eq!(outcome.status, 0, "{outcome:?}");
    let config = place.run(&["cat", "new:app:2", "--config"]).out;
    assert!(config.contains(r#""x-vendor":{"n":1.50,"a":[null,1e3]}"#), "numbers keep their spelling: {config}");
}

#[test]
fn j7_a_document_has_a_largest_size_that_can_be_raised() {
    let place = Place::new();
    let large = format!(r#""x":"{}""#, "a".repeat(4 << 20));
    for at in [At::Config, At::Manifest, At::Index] {
        let files = forge(&place.app, at, &|text| member(&text, &large));
        place.judge_files(&format!("J7 ({at:?})"), &files, "doc.too_large", REFUSED);
        let verbs: &[&[&str]] = match at {
            At::Manifest => &[&["fsck", "bad"], &["inspect", "bad.tar"], &["copy", "bad", "out"]],
            _ => &[&["copy", "bad", "out"]],
        };
        for verb in verbs {
            let outcome = place.run(&[*verb, &["--max-document-bytes", "5000000"]].concat());
            assert_eq!(outcome.status, 0, "{verb:?}: {outcome:?}");
        }
        std::fs::remove_dir_all(place.join("out")).unwrap();
    }
}

/// J8: fewer here than the limits allow, so that the suite stays quick; memory is bounded by `Place::run`.
#[test]
fn j8_an_index_of_many_entries_is_read() {
    let place = Place::new();
    let mut layout = place.layout();
    let entry = layout.entries[0].clone();
    for number in 0..20_000 {
        layout.entry(&format!("app:n{number}"), entry.clone());
    }
    layout.write(&place.join("many"));
    for arguments in [&["fsck", "many"][..], &["copy", "many:app:n777", "out"]] {
        let outcome = place.run(arguments);
        assert_eq!(outcome.status, 0, "{arguments:?}: {}", outcome.err);
    }
    let outcome = place.run(&["fsck", "many", "--max-entries", "20000"]);
    assert_eq!(outcome.status, 3);
    assert!(outcome.out.contains("[graph.too_many]"), "{}", outcome.out);
}

#[test]
fn j9_sizes_are_whole_numbers() {
    let place = Place::new();
    let size = format!(r#""size":{}"#, place.app.layers[0].blob.len());
    let first = format!(r#""layers":[{{"digest":"{}","mediaType""#, place.app.layers[0].digest());
    for number in ["-1", "1.0", "1e400", "1e2", "9223372036854775808", "18446744073709551616", r#""12""#, "true", "[]", "-0"] {
        let edit = |text: String| {
            assert!(text.contains(&first));
            with(&text, &format!("{size}}}"), &format!(r#""size":{number}}}"#))
        };
        place.judge_files(&format!("J9 {number}"), &forge(&place.app, At::Manifest, &edit), "descriptor.size.invalid", REFUSED);
    }
    // Exact where a double is not: no such blob, and no number beside it.
    for (number, code) in [("9007199254740993", "descriptor.size_mismatch"), ("9223372036854775807", "descriptor.size_mismatch")] {
        let edit = |text: String| with(&text, &format!("{size}}}"), &format!(r#""size":{number}}}"#));
        let files = forge(&place.app, At::Manifest, &edit);
        place.judge_files(&format!("J9 D14 {number}"), &files, code, LAYER_DAMAGED);
        assert!(place.run(&["fsck", "bad"]).out.contains(number), "{number} is shown as it is");
    }
}

#[test]
fn j_documents_that_are_wrong_but_clear() {
    let cases: &[(&str, At, Edit<'_>, &str, Statuses)] = &[
        ("J10 no schemaVersion", At::Manifest, &|text| with(&text, r#""schemaVersion":2"#, r#""x":2"#), "doc.schema_version", [1, 1, 0, 0]),
        (
            "J10 schemaVersion 1",
            At::Index,
            &|text| with(&text, r#""schemaVersion":2"#, r#""schemaVersion":1"#),
            "doc.schema_version",
            [1, 1, 0, 0],
        ),
        (
            "J10 schemaVersion 2.0",
            At::Root,
            &|text| with(&text, r#""schemaVersion":2"#, r#""schemaVersion":2.0"#),
            "doc.schema_version",
            [1, 1, 0, 0],
        ),
        ("J15 no inner mediaType", At::Manifest, &|text| with(&text, &format!(r#""mediaType":"{MANIFEST}","#), ""), "", ACCEPTED),
        ("J15 no inner mediaType", At::Index, &|text| with(&text, &format!(r#""mediaType":"{INDEX}","#), ""), "", ACCEPTED),
        ("J14 another inner mediaType", At::Manifest, &|text| with(&text, MANIFEST, INDEX), "doc.media_type_mismatch", REFUSED),
        (
            "J14 a docker mediaType inside",
            At::Index,
            &|text| with(&text, INDEX, "application/vnd.docker.distribution.manifest.list.v2+json"),
            "doc.media_type_mismatch",
            REFUSED,
        ),
        ("J14 index.json calls itself a manifest", At::Root, &|text| with(&text, INDEX, MANIFEST), "doc.media_type_mismatch", REFUSED),
        ("J13 a manifest with manifests", At::Manifest, &|text| member(&text, r#""manifests":[]"#), "doc.ambiguous", REFUSED),
        (
            "J13 a manifest with manifests that are null",
            At::Manifest,
            &|text| member(&text, r#""manifests":null"#),
            "doc.ambiguous",
            REFUSED,
        ),
        ("J13 an index with layers", At::Index, &|text| member(&text, r#""layers":[]"#), "doc.ambiguous", REFUSED),
        ("J13 an index with a config", At::Index, &|text| member(&text, r#""config":{}"#), "doc.ambiguous", REFUSED),
        ("J13 index.json with layers", At::Root, &|text| member(&text, r#""layers":[]"#), "doc.ambiguous", REFUSED),
        (
            "J17 an annotation that is a number",
            At::Manifest,
            &|text| member(&text, r#""annotations":{"a":1}"#),
            "annotations.type",
            [1, 1, 0, 0],
        ),
        (
            "J17 an annotation that is null",
            At::Index,
            &|text| member(&text, r#""annotations":{"a":null}"#),
            "annotations.type",
            [1, 1, 0, 0],
        ),
        (
            "J17 a label that is a list",
            At::Config,
            &|text| with(&text, r#""config":{"#, r#""config":{"Labels":{"a":[]}"#),
            "config.type",
            [3, 3, 0, 3],
        ),
        (
            "J17 an annotation of index.json",
            At::Root,
            &|text| member(&text, r#""annotations":{"a":true}"#),
            "annotations.type",
            [1, 1, 0, 0],
        ),
        (
            "J17 an annotation of a descriptor",
            At::Manifest,
            &|text| with(&text, r#""layers":[{"#, r#""layers":[{"annotations":{"a":1},"#),
            "annotations.type",
            [1, 0, 0, 0],
        ),
        (
            "J17 an annotation of an entry",
            At::Index,
            &|text| with(&text, r#""manifests":[{"#, r#""manifests":[{"annotations":{"a":1},"#),
            "annotations.type",
            [1, 0, 0, 0],
        ),
        (
            "J21 a subject without mediaType",
            At::Manifest,
            &|text| member(&text, &format!(r#""subject":{{"digest":"{}","size":2}}"#, digest(b"{}"))),
            "descriptor.incomplete",
            DAMAGED,
        ),
        (
            "J21 a subject without size",
            At::Manifest,
            &|text| member(&text, &format!(r#""subject":{{"mediaType":"{MANIFEST}","digest":"{}"}}"#, digest(b"{}"))),
            "descriptor.incomplete",
            DAMAGED,
        ),
        ("a descriptor that is text", At::Manifest, &|text| with(&text, r#""layers":[{"#, r#""layers":["x",{"#), "json.type", REFUSED),
        ("a manifest without config", At::Manifest, &|text| with(&text, r#""config""#, r#""c""#), "descriptor.incomplete", DAMAGED),
    ];
    let place = Place::new();
    super::all(cases, |(row, at, edit, code, expected)| {
        place.judge_files(&format!("{row} ({at:?})"), &forge(&place.app, *at, edit), code, *expected);
    });
}

/// moby wrote such documents; they are read as empty and never written.
#[test]
fn j11_lists_that_are_null() {
    let place = Place::new();
    let root = br#"{"schemaVersion":2,"manifests":null}"#;
    let mut files = Layout::new().files();
    files[1].1 = root.to_vec();
    files.push((format!("blobs/{}", digest(b"{}").replace(':', "/")), b"{}".to_vec()));
    // An empty layout: nothing is wrong with it, and nothing was looked at.
    place.judge_files("J11 manifests", &files, "", [4, 4, 4, 4]);
    assert!(place.codes(&["bad"]).1.contains(&"doc.null_array".to_owned()));
    let edit = |text: String| {
        let start = text.find(r#""layers":["#).unwrap();
        let end = start + text[start..].find(']').unwrap();
        format!("{}\"layers\":null{}", &text[..start], &text[end + 1..]).into_bytes()
    };
    let files = forge(&place.app, At::Manifest, &edit);
    place.judge_files("J11 layers", &files, "doc.null_array|image.diffid_count", [1, 1, 0, 3]);
}

#[test]
fn j12_an_image_without_layers_whose_config_has_some() {
    let place = Place::new();
    let edit = |text: String| {
        let start = text.find(r#""layers":["#).unwrap();
        let end = start + text[start..].find(']').unwrap();
        format!("{}\"layers\":[{}", &text[..start], &text[end..]).into_bytes()
    };
    place.judge_files("J12", &forge(&place.app, At::Manifest, &edit), "image.diffid_count", [1, 1, 0, 3]);
}

/// J16: two descriptors for one digest, one as a manifest, one as an index. Whoever reads it as the wrong one refuses it too.
#[test]
fn j16_one_digest_is_one_kind_of_document() {
    let place = Place::new();
    let mut layout = place.layout();
    let mut other = layout.entries[0].clone();
    other["mediaType"] = json!(INDEX);
    layout.entries.insert(0, other);
    for tagged in [0, 1] {
        layout.entries[tagged]["annotations"]["org.opencontainers.image.ref.name"] = json!(format!("app:{tagged}"));
    }
    layout.write(&place.join("bad"));
    place.judge_reference("J16 as an index", "bad", "bad:app:0", "doc.ambiguous|doc.type_conflict", REFUSED);
    layout.entries.swap(0, 1);
    layout.write(&place.join("swapped"));
    let (status, codes) = place.codes(&["swapped"]);
    assert_eq!((status, codes), (3, vec!["doc.type_conflict".to_owned()]));
    assert!(place.codes(&["bad"]).1.contains(&"doc.type_conflict".to_owned()));
}

#[test]
fn j18_annotations_are_data_however_long_and_whatever_is_in_them() {
    let place = Place::new();
    for value in [r"\u0000", r"\u001b[2J", r"\u202egnp.exe"] {
        let files = forge(&place.app, At::Manifest, &|text| member(&text, &format!(r#""annotations":{{"a":"{value}"}}"#)));
        place.judge_files("J18", &files, "", ACCEPTED);
        let shown = place.run(&["inspect", "bad"]).out;
        assert!(!shown.contains(|character: char| (character.is_control() && character != '\n') || character == '\u{202e}'), "{value:.20}");
    }
    let long = "a".repeat(3 << 20);
    let files = forge(&place.app, At::Manifest, &|text| member(&text, &format!(r#""annotations":{{"a":"{long}"}}"#)));
    super::write_files(&place.join("long"), &files);
    assert_eq!(place.codes(&["long"]), (0, Vec::new()));
    assert!(place.run(&["inspect", "long", "--format", "json"]).out.contains(&long), "JSON has all of it");
}

#[test]
fn j19_embedded_data_is_what_it_should_be() {
    let place = Place::new();
    for (what, data) in [("other bytes", "e30K"), ("no base64", "{}"), ("not padded", "e30"), ("too short", "ew==")] {
        let config = format!(r#""config":{{"data":"{data}","#);
        let files = forge(&place.app, At::Manifest, &|text| with(&text, r#""config":{"#, &config));
        place.judge_files(&format!("J19 {what}"), &files, "descriptor.data_mismatch", REFUSED);
        let entry = format!(r#""manifests":[{{"data":"{data}","#);
        let files = forge(&place.app, At::Root, &|text| with(&text, r#""manifests":[{"#, &entry));
        place.judge_files(&format!("J19 {what}"), &files, "descriptor.data_mismatch", REFUSED);
    }
}

/// J20: an address is never used; the layer is reported as kept elsewhere, and the copy lacks it as the original does.
#[test]
fn j20_layers_that_are_kept_elsewhere() {
    let place = Place::new();
    let urls = r#""layers":[{"urls":["https://127.0.0.1:1/layer"],"#;
    let mut files = forge(&place.app, At::Manifest, &|text| with(&text, r#""layers":[{"#, urls));
    let absent = format!("blobs/{}", place.app.layers[0].digest().replace(':', "/"));
    files.retain(|(name, _)| *name != absent);
    place.judge_files("J20", &files, "blob.external", ACCEPTED);
}

#[test]
fn j22_platforms_that_contradict_each_other() {
    let place = Place::new();
    let files = forge(&place.app, At::Index, &|text| with(&text, "amd64", "arm64"));
    place.judge_files("J22", &files, "image.platform_mismatch", [1, 1, 0, 4]);
}

/// J23: artifacts of all sorts are no images and nothing is wrong with them.
#[test]
fn j23_artifacts_are_accepted_as_what_they_are() {
    let place = Place::new();
    let mut layout = place.layout();
    let subject = layout.entries[0].clone();
    let empty = layout.blob(b"{}");
    let config = |media_type: &str| json!({"mediaType": media_type, "digest": empty, "size": 2});
    let manifests = [
        (
            "an empty config",
            json!({"schemaVersion": 2, "mediaType": MANIFEST, "artifactType": "application/x", "config": config("application/vnd.oci.empty.v1+json"), "layers": [config("application/vnd.oci.empty.v1+json")]}),
        ),
        (
            "cosign",
            json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config("application/vnd.oci.image.config.v1+json"), "layers": [config("application/vnd.dev.cosign.simplesigning.v1+json")]}),
        ),
        (
            "notation",
            json!({"schemaVersion": 2, "mediaType": MANIFEST, "subject": subject, "config": config("application/vnd.cncf.notary.signature"), "layers": [config("application/jose+json")]}),
        ),
        (
            "a chart",
            json!({"schemaVersion": 2, "config": config("application/vnd.cncf.helm.config.v1+json"), "layers": [config("application/vnd.cncf.helm.chart.content.v1.tar+gzip")]}),
        ),
    ];
    for (name, manifest) in &manifests {
        let bytes = serde_json::to_vec(manifest).unwrap();
        let digest = layout.blob(&bytes);
        layout.entry(&name.replace(' ', "-"), json!({"mediaType": MANIFEST, "digest": digest, "size": bytes.len()}));
    }
    let schema1 = br#"{"schemaVersion":1,"name":"x","tag":"y"}"#;
    let digest = layout.blob(schema1);
    layout.entry(
        "schema1",
        json!({"mediaType": "application/vnd.docker.distribution.manifest.v1+json", "digest": digest, "size": schema1.len()}),
    );
    layout.write(&place.join("artifacts"));
    assert_eq!(place.codes(&["artifacts"]), (0, vec!["doc.media_type_unknown".to_owned()]));
    let outcome = place.run(&["inspect", "artifacts", "--all"]);
    assert_eq!(outcome.status, 0, "{outcome:?}");
    // None of them is a base or an app.
    for name in ["an-empty-config", "cosign", "notation", "a-chart", "schema1"] {
        let image = format!("artifacts:{name}");
        let outcome = place.run(&["rebase", &image, "--from", "bases:os:old", "--onto", "bases:os:new", "-o", "out"]);
        assert!(outcome.err.contains("[image.not_an_image]"), "{name}: {outcome:?}");
        assert_eq!(outcome.status, 4, "{name}");
        assert!(!place.join("out").exists());
    }
}
