//! What only inflating tells: `fsck --level 3` and `--level 4`, and `--verify content`.

use std::fs;
use std::io::Write as _;

use serde_json::{Value, json};
use sha2::Digest as _;

use crate::support::environment::snapshot;
use crate::support::image::{CONFIG, Compression, LAYER, MANIFEST, archive};
use crate::support::story::{ONTO_NEW, place};
use crate::support::{Environment, Image, Layer, Layout, layer};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A layer with this blob; its config says that it inflates to `tar`.
fn made(ending: &str, blob: Vec<u8>, tar: &[u8]) -> Layer {
    Layer { media_type: format!("{LAYER}{ending}"), blob, tar: tar.to_vec() }
}

/// A layer that inflates to something else than its config says.
fn lying(entries: &[&str]) -> Layer {
    Layer { tar: b"another content".to_vec(), ..layer(entries) }
}

/// A layer of members whose names the `tar` crate would refuse: `name`, `name=>target` for a hard link.
fn raw(entries: &[&str]) -> Layer {
    let mut tar = Vec::new();
    for entry in entries {
        let (name, target) = entry.split_once("=>").map_or((*entry, None), |(name, target)| (name, Some(target)));
        let mut header = tar::Header::new_ustar();
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_mode(0o644);
        header.set_size(0);
        header.set_mtime(0);
        header.set_uid(0);
        header.set_gid(0);
        header.set_entry_type(if target.is_some() { tar::EntryType::Link } else { tar::EntryType::Regular });
        let target = target.unwrap_or_default().as_bytes();
        header.as_mut_bytes()[157..157 + target.len()].copy_from_slice(target);
        header.set_cksum();
        tar.extend_from_slice(header.as_bytes());
    }
    tar.extend([0; 1024]);
    made("+gzip", gzip(&tar), &tar)
}

/// Code, severity and place of each finding.
type Found = Vec<(String, String, String)>;

fn found(environment: &Environment, path: &str, level: &str) -> (i32, Found, Value) {
    let (status, mut report) = environment.json(&["fsck", path, "--level", level]);
    let text = |finding: &Value, name: &str| finding[name].as_str().unwrap_or_default().to_owned();
    let source = report["sources"][0].take();
    let list = source["findings"].as_array().unwrap();
    let findings = list.iter().map(|finding| (text(finding, "code"), text(finding, "severity"), text(finding, "place"))).collect();
    (status, findings, source)
}

/// Writes the layout in its three forms and demands that each level, from 2 on, says the same of all of them. An expectation
/// is `code severity` for each finding at the blob `place`, the worst first.
#[track_caller]
fn everywhere(what: &str, layout: &Layout, place: &str, expected: [&[&str]; 3]) {
    let environment = Environment::new();
    layout.write(&environment.join("app"));
    fs::write(environment.join("app.tar"), archive(&layout.files())).unwrap();
    fs::write(environment.join("app.tar.gz"), gzip(&archive(&layout.files()))).unwrap();
    for (level, wanted) in ["2", "3", "4"].into_iter().zip(expected) {
        let has = |severity: &str| wanted.iter().any(|finding| finding.ends_with(severity));
        let status = if has("refusal") { 3 } else { i32::from(has("damage")) };
        for path in ["app", "app.tar", "app.tar.gz"] {
            let (actual, found, source) = found(&environment, path, level);
            let found: Vec<String> =
                found.iter().map(|(code, severity, at)| format!("{code} {severity}{}", if at == place { "" } else { at })).collect();
            assert_eq!(
                (actual, found),
                (status, wanted.iter().map(|text| (*text).to_owned()).collect()),
                "{what}, {path}, level {level}: {source:#}"
            );
            assert_eq!(source["hashed"], layout.blobs.len(), "{what}: each blob is hashed once: {path}, level {level}");
        }
    }
}

/// [`everywhere`], for one image and what is wrong with its topmost layer.
#[track_caller]
fn topmost(what: &str, layers: &[&Layer], three: &[&str], four: &[&str]) {
    let place = layers.last().unwrap().digest();
    everywhere(what, &Layout::new().image("app:1", &Image::of(layers)), &place, [&[], three, four]);
}

/// Honest layers, compressed in every way, with everything that real layers have.
#[test]
fn honest_layers_are_clean_at_every_level() {
    let base = layer(&["./", "bin/", "bin/sh=shell", "etc/hosts=1"]);
    let links = raw(&["a", "./b=>a", "c=>./bin/sh", "d=>/etc/hosts"]);
    let whiteouts = raw(&["etc/.wh.hosts", "opt/.wh..wh..opq", "opt/x", "a/../b"]);
    for how in [Compression::None, Compression::Gzip, Compression::Zstd] {
        let layers: Vec<Layer> = [&base, &links, &whiteouts].into_iter().map(|layer| layer.compressed(how)).collect();
        topmost(&format!("{how:?}"), &layers.iter().collect::<Vec<_>>(), &[], &[]);
    }
}

/// What level 3 finds, one case at a time. Level 4 finds it too, and says nothing of what it could not read.
#[test]
fn a_layer_must_inflate_to_its_diff_id() {
    let base = layer(&["base=1"]);
    let honest = layer(&["app=1"]);
    let mut crc = honest.blob.clone();
    let trailer = crc.len() - 8;
    crc[trailer] ^= 1;
    let cases = [
        ("another content", "layer.diffid_mismatch damage", lying(&["app=1"])),
        ("tar that is called gzip", "layer.compression_mismatch damage", made("+gzip", honest.tar.clone(), &honest.tar)),
        ("gzip that is called tar", "layer.compression_mismatch damage", made("", honest.blob.clone(), &honest.tar)),
        ("gzip that is called zstd", "layer.compression_mismatch damage", made("+zstd", honest.blob.clone(), &honest.tar)),
        ("gzip cut in the middle", "stream.truncated damage", made("+gzip", honest.blob[..trailer / 2].to_vec(), &honest.tar)),
        ("gzip with a wrong CRC", "stream.corrupt damage", made("+gzip", crc, &honest.tar)),
    ];
    for (what, code, layer) in &cases {
        topmost(what, &[&base, layer], &[code], &[code]);
    }
    let environment = Environment::new();
    let liar = lying(&["app=1"]);
    Layout::new().image("app:1", &Image::of(&[&base, &liar])).write(&environment.join("app"));
    let (_, _, source) = found(&environment, "app", "3");
    let finding = &source["findings"][0];
    assert_eq!((&finding["expected"]["value"], &finding["found"]["value"]), (&json!(liar.diff_id()), &json!(honest.diff_id())));
    assert_eq!(source["inflated"], 2);
    // A limit is a limit.
    let outcome = environment.run(&["fsck", "app", "--level", "3", "--max-layer-bytes", "512"]);
    assert!(outcome.status == 3 && outcome.out.contains("layer.too_large"), "{outcome:?}");
}

/// All layers are looked at, whatever is wrong with the first.
#[test]
fn nothing_stops_at_the_first() {
    let environment = Environment::new();
    let (first, second) = (lying(&["app=1"]), made("+gzip", gzip(b"no archive, and long enough to be read as a header"), b"?"));
    let image = Image::of(&[&first, &second, &raw(&["../x", "/y", "a", "a"])]);
    let mut layout = Layout::new().image("app:1", &image);
    let third = image.layers[2].digest();
    layout.write(&environment.join("app"));
    let (status, found, _) = found(&environment, "app", "4");
    let mut expected = vec![
        ("layer.diffid_mismatch", "damage", first.digest()),
        ("layer.diffid_mismatch", "damage", second.digest()),
        ("archive.truncated", "refusal", second.digest()),
        ("tar.name", "refusal", third.clone()),
        ("layer.absolute_name", "warning", third.clone()),
        ("layer.duplicate_path", "warning", third.clone()),
    ];
    expected.sort_unstable();
    let mut found: Vec<_> = found.iter().map(|(code, severity, place)| (code.as_str(), severity.as_str(), place.clone())).collect();
    found.sort_unstable();
    assert_eq!((status, found), (3, expected));
    // A flipped bit is the reason for everything else, so it is the only thing said.
    layout.blobs.get_mut(&third).unwrap()[30] ^= 1;
    layout.write(&environment.join("flipped"));
    let (_, found, _) = self::found(&environment, "flipped", "4");
    let codes: Vec<&str> = found.iter().filter(|(_, _, place)| *place == third).map(|(code, _, _)| code.as_str()).collect();
    assert_eq!(codes, ["blob.digest_mismatch"]);
}

/// One blob under two configs, of which one lies: it is inflated once, and the liar is named.
#[test]
fn a_shared_layer_is_inflated_once() {
    let environment = Environment::new();
    let (honest, liar) = (layer(&["app=1"]), lying(&["app=1"]));
    assert_eq!(honest.digest(), liar.digest());
    let second = Image::of(&[&liar]);
    Layout::new().image("app:1", &Image::of(&[&honest])).image("app:2", &second).write(&environment.join("app"));
    let (status, found, source) = found(&environment, "app", "3");
    assert_eq!((status, found), (1, vec![("layer.diffid_mismatch".into(), "damage".into(), liar.digest())]));
    assert_eq!(source["inflated"], 1);
    let config = crate::support::image::digest(&second.config_bytes());
    assert_eq!(source["findings"][0]["expected"]["from"], format!("diff_ids in the config {config}"));
}

/// A diffID by SHA-512 is as good as one by SHA-256, and is compared as such.
#[test]
fn a_diff_id_may_be_of_another_algorithm() {
    let app = layer(&["app=1"]);
    let hex = |bytes: &[u8]| sha2::Sha512::digest(bytes).iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    for (content, wanted) in [(&app.tar[..], &[][..]), (b"another", &["layer.diffid_mismatch damage"])] {
        let config = json!({
            "architecture": "amd64", "os": "linux",
            "rootfs": {"type": "layers", "diff_ids": [format!("sha512:{}", hex(content))]},
        });
        let mut layout = Layout::new();
        let config = config.to_string().into_bytes();
        layout.blob(&app.blob);
        let digest = layout.blob(&config);
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "layers": [app.descriptor()],
            "config": {"mediaType": CONFIG, "digest": digest, "size": config.len()},
        });
        let manifest = manifest.to_string().into_bytes();
        let digest = layout.blob(&manifest);
        layout.entry("app:1", json!({"mediaType": MANIFEST, "digest": digest, "size": manifest.len()}));
        everywhere("SHA-512", &layout, &app.digest(), [&[], wanted, wanted]);
    }
}

/// A layer that only others can read is told, and held against nobody. What is missing is reported as ever.
#[test]
fn what_cannot_be_inflated_is_skipped() {
    let secret = made("+gzip+encrypted", b"secret".to_vec(), b"?");
    let wanted: &[&str] = &["layer.not_convertible note"];
    topmost("encrypted", &[&layer(&["base=1"]), &secret], wanted, wanted);
    let environment = Environment::new();
    let (base, app) = (layer(&["base=1"]), raw(&["b=>base"]));
    let mut layout = Layout::new().image("app:1", &Image::of(&[&base, &app]));
    layout.blobs.remove(&base.digest());
    layout.write(&environment.join("sparse"));
    // Nobody knows whether the target of the link is in the layer that is not here.
    let (status, found, _) = found(&environment, "sparse", "4");
    assert_eq!((status, found), (1, vec![("blob.missing".into(), "damage".into(), base.digest())]));
    assert_eq!(environment.run(&["fsck", "sparse", "--level", "4", "--allow-sparse"]).status, 0);
    let text = environment.run(&["fsck", "sparse", "--level", "4", "--allow-sparse"]).out;
    assert!(text.contains("level 4: 2 documents, 3 blobs, 3 hashed") && text.contains("1 layer inflated"), "{text}");
}

/// What level 4 finds in a layer that is exactly what its config says.
#[test]
fn a_layer_must_be_an_archive_that_every_runtime_unpacks_alike() {
    let base = layer(&["bin/", "bin/sh=1"]);
    let cut = |length: usize| made("+gzip", gzip(&layer(&["app=1"]).tar[..length]), &layer(&["app=1"]).tar[..length]);
    let text = [b'x'; 2048];
    let cases: Vec<(&str, Layer, &[&str])> = vec![
        ("no tar", made("+gzip", gzip(&text), &text), &["tar.checksum refusal"]),
        ("a tar that is cut", cut(600), &["archive.truncated refusal"]),
        ("a tar without its end", cut(1024), &["tar.no_end warning"]),
        ("an absolute name", raw(&["/etc/passwd"]), &["layer.absolute_name warning"]),
        ("a name that climbs", raw(&["../etc/passwd"]), &["tar.name refusal"]),
        ("a name that climbs further in", raw(&["a/../../etc/passwd"]), &["tar.name refusal"]),
        ("a path twice", raw(&["a", "./a"]), &["layer.duplicate_path warning"]),
        ("a whiteout of nothing", raw(&["etc/.wh."]), &["layer.whiteout damage"]),
        ("a whiteout of the directory above", raw(&["etc/.wh..."]), &["layer.whiteout damage"]),
        ("a whiteout with something below", raw(&[".wh.etc/passwd"]), &["layer.whiteout damage"]),
        ("a hard link to something earlier", raw(&["a", "b=>a"]), &[]),
        ("a hard link to something below", raw(&["b=>bin/sh"]), &[]),
        ("a hard link to nowhere", raw(&["b=>nowhere"]), &["layer.hardlink_target damage"]),
        ("a hard link to something later", raw(&["b=>a", "a"]), &["layer.hardlink_target damage"]),
        ("a hard link to itself", raw(&["a=>a"]), &["layer.hardlink_target damage"]),
        ("a hard link out of the image", raw(&["b=>../bin/sh"]), &["layer.hardlink_target damage"]),
    ];
    for (what, layer, expected) in &cases {
        topmost(what, &[&base, layer], &[], expected);
    }
}

/// One layer in two images: in one the target of its link lies below, in the other it does not.
#[test]
fn a_hard_link_is_judged_in_every_image() {
    let link = raw(&["b=>bin/sh"]);
    let good = Image::of(&[&layer(&["bin/sh=1"]), &layer(&["x=1"]), &link]);
    // Above it is not below it.
    let bad = Image::of(&[&layer(&["x=1"]), &link, &layer(&["bin/sh=1"])]);
    everywhere("good", &Layout::new().image("app:1", &good), "", [&[], &[], &[]]);
    everywhere(
        "both",
        &Layout::new().image("app:1", &good).image("app:2", &bad),
        &link.digest(),
        [&[], &[], &["layer.hardlink_target damage"]],
    );
}

/// Many layers, each with a lie and a broken link: the number of threads decides nothing.
#[test]
fn the_answer_does_not_depend_on_the_number_of_threads() {
    let environment = Environment::new();
    let mut layout = Layout::new();
    for number in 0..12 {
        layout = layout
            .image(&format!("app:{number}"), &Image::of(&[&lying(&[&format!("app={number}")]), &raw(&["b=>c", &format!("{number}")])]));
    }
    layout.write(&environment.join("bad"));
    let run = |jobs: &str| environment.run(&["fsck", "bad", "--level", "4", "--format", "json", "--jobs", jobs]).out;
    assert!(run("1").contains("layer.hardlink_target") && run("1") == run("2") && run("2") == run("7"));
}

/// The old base, an app on a recompressed copy of it, and a new base.
fn story(own: &Layer) -> (Image, Image, Image) {
    let old = Image::of(&[&layer(&["b=1"]), &layer(&["b=2"])]);
    let copy = Image { layers: vec![old.layers[0].clone(), old.layers[1].compressed(Compression::Zstd)], ..old.clone() };
    (old, copy.and(&[own]), Image::of(&[&layer(&["c=1"])]))
}

const PROVE: [&str; 5] = ["base", "verify", "apps", "--base", "bases:os:old"];
const CONTENT: [&str; 2] = ["--verify", "content"];

#[test]
fn base_verify_inflates_what_differs_and_what_it_is_told() {
    let (old, app, new) = story(&layer(&["app=1"]));
    let environment = place(&old, &app, &new);
    for more in [&[][..], &CONTENT] {
        let (status, report) = environment.json(&[&PROVE[..], more].concat());
        assert_eq!((status, &report["proven"]), (0, &json!(true)));
        assert_eq!(report["platforms"][0]["evidence"][0]["proofs"], json!(["same-blob", "same-content"]));
    }
    // The same lie in both configs: equal digests are all that is asked for, until the content is.
    let liar = Image::of(&[&lying(&["b=1"])]);
    let environment = place(&liar, &liar.and(&[&layer(&["app=1"])]), &new);
    let _ = environment.ok(&PROVE);
    let _ = environment.refused(&[&PROVE[..], &CONTENT].concat(), "layer.diffid_mismatch", 3);
    // Other blobs, and one of them is not what both configs say.
    let other = Layer { tar: liar.layers[0].tar.clone(), ..layer(&["b=9"]) };
    let environment = place(&liar, &Image::of(&[&other, &layer(&["app=1"])]), &new);
    let _ = environment.refused(&PROVE, "layer.diffid_mismatch", 3);
}

#[test]
fn rebase_claims_nothing_that_it_inflated() {
    let (old, app, new) = story(&layer(&["app=1"]));
    let claimed = |more: &[&str]| -> Vec<(Value, Value)> {
        let (status, report) = place(&old, &app, &new).json(&[&ONTO_NEW, more].concat());
        assert_eq!(status, 0, "{report:#}");
        let layers = report["platforms"][0]["layers"].as_array().unwrap();
        layers.iter().map(|layer| (layer["origin"].clone(), layer["claimed"].clone())).collect()
    };
    assert_eq!(claimed(&[]), [(json!("base"), json!(false)), (json!("app"), json!(true))]);
    assert_eq!(claimed(&["--verify", "digest"]), claimed(&[]));
    assert_eq!(claimed(&CONTENT), [(json!("base"), json!(false)), (json!("app"), json!(false))]);
    // A layer that only others can read is moved, and stays a claim.
    let (old, app, new) = story(&made("+gzip+encrypted", b"secret".to_vec(), b"?"));
    let (_, report) = place(&old, &app, &new).json(&[&ONTO_NEW[..], &CONTENT].concat());
    assert_eq!(report["platforms"][0]["layers"][1]["claimed"], json!(true));
}

/// A lie of the app, of the old base or of the new one is refused, also in a dry run, before anything is written.
#[test]
fn a_lie_is_refused_before_anything_is_written() {
    let (b, c, a) = (layer(&["b=1"]), layer(&["c=1"]), layer(&["app=1"]));
    for (what, b, c, a) in
        [("the app", &b, &c, &lying(&["app=1"])), ("the old base", &lying(&["b=1"]), &c, &a), ("the new base", &b, &lying(&["c=1"]), &a)]
    {
        let old = Image::of(&[b]);
        let environment = place(&old, &old.and(&[a]), &Image::of(&[c]));
        let before = snapshot(environment.path());
        for more in [&CONTENT[..], &["--verify", "content", "--dry-run"]] {
            let outcome = environment.refused(&[&ONTO_NEW, more].concat(), "layer.diffid_mismatch", 3);
            assert!(outcome.out.is_empty(), "{what}: {outcome:?}");
        }
        assert_eq!(snapshot(environment.path()), before, "{what}");
        // Whoever does not ask is not told.
        let _ = environment.ok(&ONTO_NEW);
    }
}
