//! `copy --all` of a place that is not whole: what is whole goes, what is not is named, and the status says what kind of trouble it was.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::image::{MANIFEST, digest};
use crate::support::{Contents, Environment, Image, Layout, layer};

/// Four images; `b` and `c` share a layer of their own, and `d` has a report with a blob.
struct Place {
    environment: Environment,
    images: Vec<(&'static str, Image)>,
    report: String,
    /// The manifest of the report.
    attached: String,
}

fn place() -> Place {
    let environment = Environment::new();
    let base = Image::of(&[&layer(&["base=1"])]);
    let shared = layer(&["shared=1"]);
    let images = vec![
        ("a:1", base.and(&[&layer(&["a=1"])])),
        ("b:1", base.and(&[&shared, &layer(&["b=1"])])),
        ("c:1", base.and(&[&shared, &layer(&["c=1"])])),
        ("d:1", base.and(&[&layer(&["d=1"])])),
    ];
    let layout = images.iter().fold(Layout::new(), |layout, (name, image)| layout.image(name, image));
    layout.write(&environment.join("in"));
    fs::write(environment.join("report.json"), "{\"all\": \"well\"}").unwrap();
    environment.ok(&["attach", "in:d:1", "report.json", "--type", "application/x-report"]);
    let (_, listed) = environment.json(&["referrers", "in:d:1"]);
    let attached = listed["subjects"][0]["referrers"][0]["digest"].as_str().unwrap().to_owned();
    Place { environment, images, report: digest(b"{\"all\": \"well\"}"), attached }
}

impl Place {
    fn blob(&self, digest: &str) -> PathBuf {
        self.environment.join("in/blobs").join(digest.replace(':', "/"))
    }

    fn layer(&self, image: usize, number: usize) -> PathBuf {
        self.blob(&self.images[image].1.layers[number].digest())
    }

    /// Copies, and compares what arrived and what is told with what is expected.
    fn copied(&self, out: &str, status: i32, names: &[&str], left: &[(&str, &str)]) -> Value {
        let (found, report) = self.environment.json(&["copy", "--all", "in", out]);
        self.check(found, &report, out, status, names, left);
        report
    }

    fn check(&self, found: i32, report: &Value, out: &str, status: i32, names: &[&str], left: &[(&str, &str)]) {
        assert_eq!(found, status, "{report:#}");
        let mut told: Vec<(&str, String)> = report["findings"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|finding| finding["code"] == "copy.left_out")
            .map(|finding| (finding["place"].as_str().unwrap(), finding["details"][0].as_str().unwrap().to_owned()))
            .collect();
        told.sort();
        assert_eq!(told.len(), left.len(), "{report:#}");
        for ((name, why), (place, code)) in told.iter().zip(left) {
            assert!(name == place && why.starts_with(&format!("{code}: ")), "{report:#}");
        }
        let contents = Contents::of(&self.environment.join(out));
        // Nothing that is there is half there.
        contents.whole();
        for (name, image) in &self.images {
            assert_eq!(contents.named(name), names.contains(name).then(|| image.digest()), "{name}");
        }
        self.environment.ok(&["fsck", out, "--level", "3"]);
        // Nothing is there under a name of this program.
        let temporary = fs::read_dir(self.environment.path())
            .unwrap()
            .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with(".airbase-"));
        assert_eq!(temporary.count(), 0);
    }
}

#[test]
fn damage_of_one_image_leaves_the_others_alone() {
    for out in ["out", "out.tar", "out.tar.gz"] {
        let place = place();
        fs::write(place.layer(1, 2), vec![0; fs::read(place.layer(1, 2)).unwrap().len()]).unwrap();
        place.copied(out, 1, &["a:1", "c:1", "d:1"], &[("b:1", "blob.digest_mismatch")]);
        // What two have in common, and what one has alone, in another way.
        let place = self::place();
        fs::write(place.layer(2, 1), vec![0; fs::read(place.layer(2, 1)).unwrap().len()]).unwrap();
        fs::write(place.layer(0, 1), "short").unwrap();
        let left = [("a:1", "descriptor.size_mismatch"), ("b:1", "blob.digest_mismatch"), ("c:1", "blob.digest_mismatch")];
        let report = place.copied(out, 1, &["d:1"], &[left[0], left[1], left[2]]);
        assert_eq!(report["referrers"].as_array().unwrap().len(), 1, "{report:#}");
    }
}

#[test]
fn a_blob_that_is_gone_and_a_document_that_is_damaged_are_told_with_their_images() {
    let place = place();
    fs::remove_file(place.layer(0, 1)).unwrap();
    let manifest = place.blob(&place.images[3].1.digest());
    fs::write(&manifest, vec![b' '; fs::read(&manifest).unwrap().len()]).unwrap();
    place.copied("out", 1, &["b:1", "c:1"], &[("a:1", "blob.missing"), ("d:1", "blob.digest_mismatch")]);
}

#[test]
fn what_is_attached_and_damaged_stays_behind_alone() {
    let place = place();
    fs::write(place.blob(&place.report), "{\"all\": \"lost\"}").unwrap();
    for out in ["out", "out.tar"] {
        let attached = place.attached.as_str();
        let report = place.copied(out, 1, &["a:1", "b:1", "c:1", "d:1"], &[(attached, "blob.digest_mismatch")]);
        assert_eq!(report["referrers"], json!([]), "{report:#}");
        let told = report["findings"].as_array().unwrap().iter().any(|finding| finding["code"] == "blob.digest_mismatch");
        assert!(told, "{report:#}");
    }
}

#[test]
fn where_nothing_is_whole_nothing_is_written() {
    let environment = Environment::new();
    let image = Image::of(&[&layer(&["a=1"])]);
    Layout::new().image("a:1", &image).image("b:1", &image).write(&environment.join("in"));
    fs::write(environment.join("in/blobs").join(image.layers[0].digest().replace(':', "/")), "short").unwrap();
    environment.refused(&["copy", "--all", "in", "out"], "descriptor.size_mismatch", 3);
    assert!(!environment.join("out").exists());
}

/// The program as somebody who may not read everything: whoever runs the tests may be allowed to.
fn as_somebody(place: &Place, arguments: &[&str]) -> (i32, Value) {
    use std::os::unix::fs::PermissionsExt as _;
    let root = place.environment.path();
    let mut command = place.environment.command(&[arguments, &["--format", "json"]].concat());
    if fs::metadata(root).is_ok_and(|metadata| std::os::unix::fs::MetadataExt::uid(&metadata) == 0) {
        let program = root.join("airbase");
        // Not by this process: another thread may start a program meanwhile, and then a file that is open for writing cannot be run.
        assert!(std::process::Command::new("cp").arg(env!("CARGO_BIN_EXE_airbase")).arg(&program).status().unwrap().success());
        fs::set_permissions(root, fs::Permissions::from_mode(0o777)).unwrap();
        let given = command;
        command = std::process::Command::new(program);
        command.current_dir(root).env_clear().args(given.get_args()).uid(65534).gid(65534);
    }
    let output = command.output().unwrap();
    (output.status.code().unwrap(), serde_json::from_slice(&output.stdout).unwrap())
}

fn forbid(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(0o000)).unwrap();
}

#[test]
fn what_the_system_cannot_read_is_told_with_its_image_and_the_status_is_that_of_a_failed_read() {
    for out in ["out", "out.tar"] {
        let place = place();
        forbid(&place.layer(2, 2));
        forbid(&place.blob(&place.images[0].1.digest()));
        let (status, report) = as_somebody(&place, &["copy", "--all", "in", out]);
        place.check(status, &report, out, 6, &["b:1", "d:1"], &[("a:1", "io"), ("c:1", "io")]);
        let unread = report["findings"].as_array().unwrap().iter().filter(|finding| finding["code"] == "io").count();
        assert_eq!(unread, 2, "{report:#}");
    }
    // What is attached too.
    let place = place();
    forbid(&place.blob(&place.report));
    let (status, report) = as_somebody(&place, &["copy", "--all", "in", "out"]);
    place.check(status, &report, "out", 6, &["a:1", "b:1", "c:1", "d:1"], &[(&place.attached, "io")]);
}

#[test]
fn an_artifact_that_nobody_refers_to_is_one_more_entry() {
    let environment = Environment::new();
    let mut layout = Layout::new().image("app:1", &Image::of(&[&layer(&["app=1"])]));
    let content = layout.blob(b"a chart");
    let config = layout.blob(b"{}");
    let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST,
        "config": {"mediaType": "application/vnd.cncf.helm.config.v1+json", "digest": config, "size": 2},
        "layers": [{"mediaType": "application/vnd.cncf.helm.chart.content.v1.tar+gzip", "digest": content, "size": 7}]})
    .to_string();
    let entry = json!({"mediaType": MANIFEST, "digest": layout.blob(manifest.as_bytes()), "size": manifest.len()});
    layout.entry("charts/app:1", entry);
    layout.write(&environment.join("in"));
    fs::write(environment.join("in/blobs").join(content.replace(':', "/")), "another").unwrap();
    let (status, report) = environment.json(&["copy", "--all", "in", "out"]);
    assert_eq!((status, &report["findings"][0]["place"]), (1, &json!("charts/app:1")), "{report:#}");
    assert!(Contents::of(&environment.join("out")).named("app:1").is_some());
}

/// One damaged file among several paths is told, and the others are judged, as in a folder. Alone it is the whole answer.
#[test]
fn a_damaged_path_among_several_keeps_no_other_back() {
    let environment = Environment::new();
    let base = Image::of(&[&layer(&["os=1"])]);
    Layout::new().image("os:1", &base).write(&environment.join("bases"));
    for name in ["a", "c"] {
        let app = base.and(&[&layer(&[&format!("app={name}")])]);
        Layout::new().image(&format!("{name}:1"), &app).write_archive(&environment.join(&format!("{name}.tar")));
    }
    let whole = fs::read(environment.join("a.tar")).unwrap();
    fs::write(environment.join("b.tar"), &whole[..3000]).unwrap();
    let paths = ["a.tar", "b.tar", "c.tar"];
    let verbs: [(&[&str], &[&str]); 7] = [
        (&["inspect"], &[]),
        (&["outdated"], &["--bases", "bases"]),
        (&["lifecycle", "check"], &[]),
        (&["lifecycle", "report"], &[]),
        (&["base", "dependents", "bases:os:1"], &[]),
        (&["batch", "plan"], &["--bases", "bases"]),
        (&["fsck"], &[]),
    ];
    for (verb, options) in verbs {
        let outcome = environment.run(&[verb, &paths, options].concat());
        let told = format!("{}{}", outcome.out, outcome.err);
        assert_eq!(outcome.status, 3, "{verb:?}\n{told}");
        for word in ["a.tar", "c.tar", "b.tar", "archive.truncated"] {
            assert!(told.contains(word), "{verb:?} does not tell {word}\n{told}");
        }
        let alone = environment.run(&[verb, &["b.tar"], options].concat());
        assert!(alone.status == 3 && format!("{}{}", alone.out, alone.err).contains("archive.truncated"), "{verb:?}\n{alone:?}");
    }
    // What a base cannot say may be that there is a newer one: named, it ends the run; in a folder, every verb tells it.
    fs::create_dir(environment.join("all")).unwrap();
    fs::copy(environment.join("b.tar"), environment.join("all/b.tar")).unwrap();
    Layout::new().image("os:1", &base).write(&environment.join("all/bases"));
    let verbs: [&[&str]; 7] = [
        &["inspect", "a.tar"],
        &["inspect", "a.tar:a:1"],
        &["base", "show", "a.tar"],
        &["outdated", "a.tar"],
        &["why", "a.tar", "app"],
        &["lifecycle", "show", "a.tar"],
        &["lifecycle", "check", "a.tar"],
    ];
    for verb in verbs {
        environment.refused(&[verb, &["--bases", "bases", "--bases", "b.tar"]].concat(), "archive.truncated", 3);
        let outcome = environment.run(&[verb, &["--bases", "all"]].concat());
        let told = format!("{}{}", outcome.out, outcome.err);
        assert!(outcome.status == 3 && told.contains("all/b.tar") && told.contains("archive.truncated"), "{verb:?}\n{told}");
    }
    // What was typed wrong is no damage.
    environment.refused(&["inspect", "a.tar", "nowhere.tar"], "ref.path_missing", 2);
    environment.refused(&["inspect", "a.tar:other:1", "c.tar"], "ref.not_found", 4);
}

/// An archive in a folder of bases that ends early may hold a newer edition: what a name means now is not known then. Where the new base
/// is named, nothing of it is asked.
#[test]
fn a_base_that_cannot_be_read_may_be_the_newer_one() {
    const OS: &str = "registry.example/os:1";
    let environment = Environment::new();
    let old = Image::of(&[&layer(&["os=old"])]);
    let new = Image::of(&[&layer(&["os=new"])]).with_top("created", json!("2026-01-01T00:00:00Z"));
    let name = "org.opencontainers.image.base.name";
    let digest = "org.opencontainers.image.base.digest";
    let app = old.and(&[&layer(&["app=1"])]).annotated(name, OS).annotated(digest, &old.digest());
    Layout::new().image("app:1", &app).write(&environment.join("app"));
    fs::create_dir_all(environment.join("bases")).unwrap();
    let mut bases = Layout::new().image(OS, &new);
    let unnamed = bases.store(&old);
    bases.entries.push(unnamed);
    bases.write(&environment.join("bases/good"));
    environment.ok(&["rebase", "app", "--bases", "bases", "--dry-run"]);
    // What was read and is no base keeps nothing back: a file of something else, and an image that is damaged and has another name.
    fs::write(environment.join("bases/notes.tar"), crate::support::image::archive(&[("notes".to_owned(), b"text".to_vec())])).unwrap();
    let mut odd = Layout::new();
    let odd_digest = odd.blob(br#"{"schemaVersion":2,"schemaVersion":2}"#);
    odd.entry("registry.example/odd:1", json!({"mediaType": MANIFEST, "digest": odd_digest, "size": 37}));
    odd.write(&environment.join("bases/odd"));
    let outcome = environment.ok(&["rebase", "app", "--bases", "bases", "--dry-run"]);
    assert!(outcome.out.contains("archive.not_a_layout"), "{}", outcome.out);
    let whole = crate::support::image::archive(&Layout::new().image("other:1", &new).files());
    fs::write(environment.join("bases/late.tar"), &whole[..3000]).unwrap();

    for more in [&["-o", "out"][..], &["--dry-run"]] {
        let command = [&["rebase", "app", "--bases", "bases"], more].concat();
        let outcome = environment.refused(&command, "archive.truncated", 3);
        assert!(outcome.err.contains("bases/late.tar") && outcome.err.contains("--onto"), "{}", outcome.err);
    }
    assert!(!environment.join("out").exists());
    let named = format!("bases/good:{OS}");
    environment.ok(&["rebase", "app", "--bases", "bases", "--onto", &named, "-o", "out"]);

    // Where nothing was found, what was not read is told beside it.
    fs::remove_dir_all(environment.join("bases/good")).unwrap();
    Layout::new().image("registry.example/tool:1", &Image::of(&[&layer(&["tool=1"])])).write(&environment.join("bases/tool"));
    let outcome = environment.refused(&["rebase", "app", "--bases", "bases", "--dry-run"], "base.unknown", 4);
    assert!(outcome.err.contains("not read: bases/late.tar") && outcome.err.contains("[archive.truncated]"), "{}", outcome.err);
}
