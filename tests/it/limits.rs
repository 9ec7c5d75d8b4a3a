//! What is bounded: what is written can be read again, and nothing needs many open files.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use airbase::foundation::fsys::{Faults, StoreLock, WriteDirectory};
use serde_json::{Value, json};

use crate::support::environment::{Outcome, snapshot};
use crate::support::image::{CONFIG, MANIFEST, digest};
use crate::support::{Contents, Environment, Image, Layout, layer, skipped};

/// What a registry takes, and so do we (distribution-spec, "Pushing Manifests").
const DOCUMENT: usize = 4 << 20;

/// Runs the program in a shell that set a limit on itself, such as `ulimit -n 64`.
fn under(environment: &Environment, limit: &str, arguments: &[&str]) -> Outcome {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", &format!("{limit} && exec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_airbase")]).args(arguments);
    let output = command.current_dir(environment.path()).env_clear().output().unwrap();
    Outcome {
        status: output.status.code().unwrap_or_else(|| panic!("{arguments:?} was killed: {}", String::from_utf8_lossy(&output.stderr))),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A layout of many images, and a base for them.
fn many(count: usize) -> (Layout, Layout) {
    let old = Image::of(&[&layer(&["etc/os-release=old"])]);
    let new = Image::of(&[&layer(&["etc/os-release=new"])]).with_top("created", json!("2024-06-01T00:00:00Z"));
    let app = |number: usize| old.and(&[&layer(&[&format!("app={number}")])]).annotated("org.opencontainers.image.base.name", "os:1");
    let apps = (0..count).fold(Layout::new(), |layout, number| layout.image(&format!("registry.example/app-{number}:1"), &app(number)));
    let mut bases = Layout::new().image("os:0", &old).image("os:1", &new);
    // What the apps are on had the name that they record.
    bases.entries[0]["annotations"]["dev.airbase.former-names"] = json!("os:1");
    (apps, bases)
}

#[test]
fn sixty_four_open_files_are_enough() {
    let environment = Environment::new();
    let (mut apps, bases) = many(150);
    for number in 0..200 {
        apps.blob(format!("unnamed {number}").as_bytes());
    }
    apps.write(&environment.join("apps"));
    apps.write_archive(&environment.join("apps.tar"));
    bases.write(&environment.join("bases"));
    let usual = environment.ok(&["fsck", "apps", "--format", "json"]);
    for limit in ["ulimit -n 64", "ulimit -S -n 32"] {
        assert_eq!(under(&environment, limit, &["fsck", "apps", "--format", "json"]).out, usual.out, "{limit}");
    }
    let plan = under(&environment, "ulimit -n 64", &["batch", "plan", "apps", "--bases", "bases"]);
    assert_eq!(plan.status, 0, "{}", plan.err);
    fs::write(environment.join("plan.jsonl"), plan.out).unwrap();
    for arguments in [
        &["copy", "apps", "copied", "--all"][..],
        &["copy", "apps", "copied.tar", "--all"],
        &["copy", "apps.tar", "copied-2", "--all"],
        &["prepare", "apps", "--registry", "registry.site/team", "-o", "prepared"],
        &["batch", "apply", "plan.jsonl", "-o", "apps", "--supersede"],
        &["batch", "apply", "plan.jsonl", "-o", "archives", "--as", "archives"],
        &["fsck", "apps", "copied", "copied.tar", "copied-2", "prepared"],
        &["doctor", "apps"],
        &["gc", "apps", "--apply", "--grace", "0"],
    ] {
        let outcome = under(&environment, "ulimit -n 64", arguments);
        assert_eq!(outcome.status, 0, "{arguments:?}\n{}\n{}", outcome.out, outcome.err);
    }
    Contents::of(&environment.join("apps")).whole();
    Contents::of(&environment.join("copied")).whole();
}

/// Runs the program, which must refuse it with `output.limit` and change nothing.
fn over_the_limit(environment: &Environment, arguments: &[&str]) {
    let before = snapshot(environment.path());
    environment.refused(arguments, "output.limit", 4);
    assert!(snapshot(environment.path()) == before, "{arguments:?} changed something");
}

#[test]
fn what_could_not_be_read_again_is_not_written() {
    let environment = Environment::new();
    // A manifest that is smaller than a document may be by a thousand bytes.
    let image = |length: usize| Image::of(&[&layer(&["a=1"])]).annotated("filler", &"x".repeat(length));
    let rest = image(0).manifest_bytes().len();
    let large = image(DOCUMENT - rest - 1000);
    assert_eq!(large.manifest_bytes().len(), DOCUMENT - 1000);
    Layout::new().image("large:1", &large).write(&environment.join("in"));
    environment.ok(&["annotate", "in:large:1", "-a", "k=short", "-t", "large:2"]);
    let long = format!("k={}", "y".repeat(2000));
    over_the_limit(&environment, &["annotate", "in:large:1", "-a", &long, "-t", "large:3"]);
    over_the_limit(&environment, &["annotate", "in:large:1", "-a", &long, "-o", "new.tar"]);
    // A move that would bring more annotations than there is room for.
    let old = Image::of(&[&layer(&["a=1"])]);
    let new = Image::of(&[&layer(&["b=1"])]);
    Layout::new().image("os:1", &old).image("os:2", &new).write(&environment.join("bases"));
    let filled = old.and(&[&layer(&["app=1"])]).annotated("filler", "");
    let rest = filled.manifest_bytes().len();
    let app = filled.annotated("filler", &"x".repeat(DOCUMENT - rest - 10));
    Layout::new().image("app:1", &app).write(&environment.join("app"));
    over_the_limit(&environment, &["rebase", "app:app:1", "--from", "bases:os:1", "--onto", "bases:os:2", "-o", "moved"]);
    // An index that the same options could not read.
    let length = fs::metadata(environment.join("bases/index.json")).unwrap().len();
    let most = (length + 20).to_string();
    over_the_limit(&environment, &["tag", "bases:os:1", "os:3", "--max-index-bytes", &most]);
    environment.ok(&["fsck", "in", "bases", "app"]);
}

/// Runtimes take 127 layers and the reader 10 000: a move that would give more is refused, not written.
#[test]
fn more_layers_than_a_reader_takes_are_not_written() {
    let environment = Environment::new();
    let (one, app) = (layer(&["a=1"]), layer(&["app=1"]));
    let old = Image::of(&[&layer(&["etc/os-release=old"])]);
    let new = Image::of(&vec![&one; 6000]);
    Layout::new().image("os:1", &old).image("os:2", &new).write(&environment.join("bases"));
    Layout::new().image("app:1", &old.and(&vec![&app; 5000])).write(&environment.join("app"));
    over_the_limit(&environment, &["rebase", "app:app:1", "--from", "bases:os:1", "--onto", "bases:os:2", "-o", "moved"]);
}

/// A manifest that somebody else attached to an image.
fn foreign(layout: &mut Layout, image: &Image, number: usize, length: usize) {
    let empty = layout.blob(b"{}");
    let empty = json!({"mediaType": "application/vnd.oci.empty.v1+json", "digest": empty, "size": 2});
    let subject = json!({"mediaType": MANIFEST, "digest": image.digest(), "size": image.manifest_bytes().len()});
    let referrer = json!({
        "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": "application/x-report", "config": empty, "layers": [empty],
        "annotations": {"number": number.to_string(), "filler": "x".repeat(length)}, "subject": subject,
    });
    let bytes = serde_json::to_vec(&referrer).unwrap();
    let digest = layout.blob(&bytes);
    layout.entry("", json!({"mediaType": MANIFEST, "digest": digest, "size": bytes.len(), "artifactType": "application/x-report"}));
}

/// The list of the referrers of an image, as regctl reads it.
fn list(layout: &Path, image: &Image) -> (usize, Vec<Value>) {
    let contents = Contents::of(layout);
    let digest = contents.named(&image.digest().replace(':', "-")).unwrap();
    let length = contents.files[&format!("blobs/{}", digest.replace(':', "/"))].len();
    (length, contents.json(&digest)["manifests"].as_array().unwrap().clone())
}

/// Whoever may attach something to an image must not keep others from saying that its life has ended.
#[test]
fn no_referrers_keep_a_statement_from_an_image() {
    let environment = Environment::new();
    let image = Image::of(&[&layer(&["a=1"])]);
    let mut layout = Layout::new().image("app:1", &image);
    foreign(&mut layout, &image, 1, 2 << 20);
    foreign(&mut layout, &image, 2, (2 << 20) + 50_000);
    layout.write(&environment.join("in"));
    let set = ["lifecycle", "set", "in:app:1", "--status", "withdrawn", "--reason", "CVE", "--at", "2026-11-21"];
    for (number, arguments) in [&["attach", "in:app:1", "--type", "application/x-note", "-a", "k=v"][..], &set].iter().enumerate() {
        let (status, report) = environment.json(arguments);
        assert_eq!(status, 0, "{report:#}");
        assert_eq!(report["findings"][0]["code"], "referrer.list_full", "{report:#}");
        let (length, entries) = list(&environment.join("in"), &image);
        assert!(length <= DOCUMENT && entries.len() == 3 + number, "{length}");
        // The largest one lost its annotations, and nobody else.
        let bare: Vec<&Value> = entries.iter().filter(|entry| entry["annotations"].is_null()).collect();
        assert_eq!(bare.len(), 1);
        assert!(bare[0]["size"].as_u64().unwrap() > (2 << 20) + 50_000);
        assert!(entries.iter().any(|entry| entry["annotations"]["k"] == "v"));
    }
    assert_eq!(environment.run(&["lifecycle", "check", "in", "--at", "2026-11-22"]).status, 1);
    environment.ok(&["fsck", "in"]);
    // The list says as much as it can, so nothing is wrong with it.
    environment.ok(&["doctor", "in"]);
}

#[test]
fn nothing_under_the_tag_of_an_image_keeps_a_statement_from_it() {
    let image = Image::of(&[&layer(&["a=1"])]);
    let tag = image.digest().replace(':', "-");
    let large = json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [], "annotations": {"x": "y".repeat(DOCUMENT)}});
    let large = serde_json::to_vec(&large).unwrap();
    let index = json!({"mediaType": "application/vnd.oci.image.index.v1+json", "digest": digest(&large), "size": large.len()});
    let other = Image::of(&[&layer(&["b=1"])]);
    let mut too_large = Layout::new().image("app:1", &image);
    too_large.blob(&large);
    too_large.entry(&tag, index);
    let mut config = Layout::new().image("app:1", &image);
    let blob = config.blob(b"[]");
    config.entry(&tag, json!({"mediaType": CONFIG, "digest": blob, "size": 2}));
    for layout in [Layout::new().image("app:1", &image).image(&tag, &other), too_large, config] {
        let environment = Environment::new();
        layout.write(&environment.join("in"));
        let before = layout.digest_of(&tag);
        environment.refused(&["attach", "in:app:1", "--type", "application/x-note"], "referrer.fallback_tag", 4);
        let (status, report) =
            environment.json(&["lifecycle", "set", "in:app:1", "--status", "withdrawn", "--reason", "CVE", "--at", "2026-11-21"]);
        assert_eq!(status, 0, "{report:#}");
        let codes: Vec<&Value> = report["findings"].as_array().unwrap().iter().map(|finding| &finding["code"]).collect();
        assert!(codes.contains(&&json!("referrer.fallback_tag")), "{report:#}");
        assert_ne!(environment.run(&["lifecycle", "check", "in:app:1", "--at", "2026-11-22"]).status, 0);
        let contents = Contents::of(&environment.join("in"));
        assert_eq!(contents.named(&tag).unwrap(), before, "the tag stays as it is");
        assert_eq!(contents.unnamed().len(), 1, "the statement");
    }
}

#[test]
fn a_name_that_is_too_long_for_a_file_stays_with_its_item() {
    let environment = Environment::new();
    let (mut apps, bases) = many(3);
    let long = format!("registry.example/{}:1", "n".repeat(300));
    apps.entries[1]["annotations"]["org.opencontainers.image.ref.name"] = json!(long);
    apps.write(&environment.join("apps"));
    bases.write(&environment.join("bases"));
    fs::write(environment.join("plan.jsonl"), environment.ok(&["batch", "plan", "apps", "--bases", "bases"]).out).unwrap();
    let (status, report) = environment.json(&["batch", "apply", "plan.jsonl", "-o", "out", "--as", "archives"]);
    assert_eq!((status, &report["moved"]), (4, &json!(2)), "{report:#}");
    assert!(report.to_string().contains("output.name"), "{report:#}");
    assert_eq!(
        fs::read_dir(environment.join("out"))
            .unwrap()
            .filter(|entry| entry.as_ref().unwrap().path().extension().is_some_and(|ending| ending == "tar"))
            .count(),
        2
    );
}

/// An archive never takes the place of something that is read, by whatever name.
#[test]
fn an_output_over_a_file_of_its_own_input_is_refused() {
    let environment = Environment::new();
    let (apps, _) = many(2);
    apps.write(&environment.join("L"));
    fs::write(environment.join("note.txt"), "note").unwrap();
    // A blob that is a link, and a second name of the index.
    let blob = environment.join("L/blobs").join(apps.digest_of("registry.example/app-0:1").replace(':', "/"));
    fs::rename(&blob, environment.join("L/kept.json")).unwrap();
    std::os::unix::fs::symlink("../../kept.json", &blob).unwrap();
    fs::hard_link(environment.join("L/index.json"), environment.join("second.json")).unwrap();
    let other = format!("oci-archive:L/blobs/{}", apps.digest_of("registry.example/app-1:1").replace(':', "/"));
    let before = snapshot(environment.path());
    for output in [
        "L/index.json",
        "L/oci-layout",
        "second.json",
        &other,
        "oci-archive:L/blobs/sha256/new.tar",
        "L/blobs/x.tar",
        "./L/../L/index.json",
    ] {
        for verb in ["copy", "annotate"] {
            let target = if verb == "copy" { vec![output] } else { vec!["-a", "k=v", "-o", output] };
            let arguments = [&[verb, "L:registry.example/app-0:1"][..], &target, &["--overwrite"]].concat();
            environment.refused(&arguments, "usage.output", 2);
        }
    }
    environment.refused(
        &["attach", "L:registry.example/app-0:1", "note.txt", "--type", "a/b", "-o", "oci-archive:note.txt", "--overwrite"],
        "usage.output",
        2,
    );
    assert!(snapshot(environment.path()) == before);
    environment.ok(&["copy", "L:registry.example/app-0:1", "L/apart.tar"]);
}

/// What a killed writer leaves is named, and goes when it is asked for; what looks like it and is not ours stays.
#[test]
fn leftovers_of_a_kill_are_named_and_collected() {
    let environment = Environment::new();
    let (apps, _) = many(2);
    apps.write(&environment.join("L"));
    let left = [".airbase-tmp-1-0123456789abcdef", ".airbase-tmp-2-0123456789abcdef", ".x.airbase-tmp-0123456789abcdef"];
    for name in &left[..2] {
        fs::write(environment.join("L").join(name), "half of an index").unwrap();
    }
    // A layout in the layout, half made.
    fs::create_dir_all(environment.join("L").join(left[2]).join("blobs/sha256")).unwrap();
    fs::write(environment.join("L/notes.txt"), "mine").unwrap();
    let outcome = environment.ok(&["fsck", "L"]);
    assert!(left.iter().all(|name| outcome.out.contains(name)) && outcome.out.contains("[layout.leftover]"), "{}", outcome.out);
    // Young ones may be somebody's who is writing.
    assert_eq!(environment.json(&["gc", "L", "--apply"]).1["leftovers"], json!([]));
    assert_eq!(environment.json(&["gc", "L", "--grace", "0"]).1["leftovers"], json!(left));
    assert!(environment.join("L").join(left[0]).exists());
    assert_eq!(environment.json(&["gc", "L", "--grace", "0", "--apply"]).1["leftovers"], json!(left));
    assert!(left.iter().all(|name| !environment.join("L").join(name).exists()));
    assert!(environment.join("L/notes.txt").exists());
    environment.ok(&["fsck", "L"]);
    Contents::of(&environment.join("L")).whole();
}

/// The next writer takes away what a killed one left, of any kind and in any place, unless somebody may be holding it.
#[test]
fn leftovers_of_a_kill_go_with_the_next_writer() {
    let environment = Environment::new();
    many(2).0.write(&environment.join("L"));
    let image = "L:registry.example/app-0:1";
    let file = ".airbase-tmp-1-0123456789abcdef";
    let tree = |layout: &str| format!(".{layout}.airbase-tmp-0123456789abcdef");
    let left = |path: &str| environment.join(path).exists();
    let leave = || {
        for folder in ["L", "L/blobs", "."] {
            fs::write(environment.join(folder).join(file), "half").unwrap();
        }
        for layout in ["new", "other"] {
            fs::create_dir_all(environment.join(&tree(layout)).join("blobs/sha256")).unwrap();
            fs::write(environment.join(&tree(layout)).join("blobs/sha256/00"), "half").unwrap();
        }
    };
    leave();
    let found = environment.ok(&["fsck", "L"]).out;
    assert!(found.contains(&format!("blobs/{file}")) && !found.contains("stray"), "{found}");
    // Somebody is writing, and it may be theirs.
    let root = WriteDirectory::open(&environment.join("L"), &Faults::none()).unwrap();
    let writing = StoreLock::shared(&root, Duration::ZERO).unwrap();
    environment.ok(&["tag", image, "registry.example/app-0:2"]);
    assert!(left(&format!("L/{file}")) && left(&format!("L/blobs/{file}")));
    drop(writing);
    environment.ok(&["tag", image, "registry.example/app-0:3"]);
    assert!(!left(&format!("L/{file}")) && !left(&format!("L/blobs/{file}")));
    environment.ok(&["fsck", "L"]);

    // What is under construction beside a new layout is locked by whoever makes it.
    let made = WriteDirectory::open(&environment.join(&tree("other")), &Faults::none()).unwrap();
    let making = StoreLock::shared(&made, Duration::ZERO).unwrap();
    environment.ok(&["copy", image, "new"]);
    assert!(!left(file) && !left(&tree("new")) && left(&tree("other")));
    drop(making);
    // A directory that only looks like one is not ours.
    fs::write(environment.join(&tree("other")).join("notes.txt"), "mine").unwrap();
    fs::write(environment.join(file), "half").unwrap();
    environment.ok(&["copy", image, "new.tar"]);
    assert!(!left(file) && left(&tree("other")));
    fs::remove_file(environment.join(&tree("other")).join("notes.txt")).unwrap();
    environment.ok(&["copy", image, "new.tar", "--overwrite"]);
    assert!(!left(&tree("other")));
}

/// `blobs`, or a directory in it, on a mount of its own: nothing can be moved there from the root.
#[test]
fn blobs_may_be_a_mount_of_their_own() {
    // Where users may make no namespaces, root may.
    let mounts = |flags: &&str| {
        let output = Command::new("unshare").args([*flags, "sh", "-c", "mount -t tmpfs none /mnt"]).output();
        output.is_ok_and(|output| output.status.success())
    };
    let Some(flags) = ["-Urm", "-m"].into_iter().find(mounts) else {
        // The place where blobs are staged is checked without mounts too, by the unit tests.
        return skipped("this system lets us mount nothing");
    };
    let mounts = [
        "mount -t tmpfs none L/blobs",
        // The same file system, and yet another mount.
        "mkdir store && mount --bind store L/blobs",
        "mount -t tmpfs none L/blobs/sha256",
        "mkdir store && mount --bind store L/blobs/sha256",
    ];
    for mount in mounts {
        let environment = Environment::new();
        let (apps, bases) = many(12);
        apps.write(&environment.join("apps"));
        bases.write(&environment.join("bases"));
        let script = format!(
            r#"set -e
            mkdir -p L/blobs/sha256 && {mount} && mkdir -p L/blobs/sha256
            "$0" copy apps L --all
            "$0" tag L:registry.example/app-0:1 registry.example/app-0:2
            "$0" lifecycle set L:registry.example/app-1:1 --eol 2030-01-01
            "$0" annotate L:registry.example/app-2:1 -a k=v --tag registry.example/app-2:2
            "$0" rebase L:registry.example/app-4:1 --bases bases --tag registry.example/app-4:2
            "$0" batch plan apps --bases bases >plan.jsonl
            "$0" batch apply plan.jsonl -o L
            "$0" rm L:registry.example/app-3:1
            "$0" gc L --apply --grace 0
            "$0" fsck L
            find L -name '.airbase-tmp-*' | grep . && exit 1
            mkdir A && mount -t tmpfs none A && "$0" copy L:registry.example/app-0:1 A/a.tar.gz && "$0" fsck A/a.tar.gz"#
        );
        let mut command = Command::new("unshare");
        command.args([flags, "sh", "-c", &script, env!("CARGO_BIN_EXE_airbase")]).current_dir(environment.path());
        let output = command.output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(output.status.success(), "{mount}: {}\n{}", text(&output.stdout), text(&output.stderr));
    }
}

/// So many bytes of address space: what is mapped and not touched counts too, so it is more than what is used.
const ADDRESSES: &str = "ulimit -v 400000";

/// An archive with `index.json` and whatever else, inside gzip.
fn packed(environment: &Environment, name: &str, files: &[(String, Vec<u8>)]) {
    fs::write(environment.join(name), crate::support::image::gzip(&crate::support::image::archive(files))).unwrap();
}

#[test]
fn small_archives_that_become_large_are_refused_and_need_no_memory() {
    let environment = Environment::new();
    let marker = ("oci-layout".to_owned(), br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec());
    let index = |before: &str, repeated: &str, count: usize, after: &str| {
        let text = [before, &repeated.repeat(count), after].concat();
        ("index.json".to_owned(), text.into_bytes())
    };
    let unknown = |count| index(r#"{"schemaVersion":2,"manifests":[],"x":["#, "1,", count, "1]}");
    // A list that nobody reads is not noted item by item; one that is out of proportion is not even looked at.
    packed(&environment, "list.tar.gz", &[marker.clone(), unknown(3_000_000)]);
    packed(&environment, "bomb.tar.gz", &[marker.clone(), unknown(20_000_000)]);
    let entries = index(r#"{"schemaVersion":2,"manifests":["#, "1,", 3_000_000, "1]}");
    packed(&environment, "entries.tar.gz", &[marker.clone(), entries]);
    let keys: Vec<String> = (0..200_000).map(|number| format!("\"k{number}\":1,")).collect();
    let keys = format!("{{{}\"schemaVersion\":2,\"manifests\":[]}}", keys.concat());
    packed(&environment, "keys.tar.gz", &[marker.clone(), ("index.json".to_owned(), keys.into_bytes())]);
    let named = |number: usize| (format!("{number}/{}", format!("{}/", "n".repeat(100)).repeat(400)), Vec::new());
    let names: Vec<(String, Vec<u8>)> = [marker.clone(), index("{", "", 0, "}")].into_iter().chain((0..2000).map(named)).collect();
    let names: Vec<(String, Vec<u8>)> = names.into_iter().map(|(name, bytes)| (name.trim_end_matches('/').to_owned(), bytes)).collect();
    packed(&environment, "names.tar.gz", &names);
    let many: Vec<(String, Vec<u8>)> = [marker, index(r#"{"schemaVersion":2,"manifests":["#, "", 0, "]}")]
        .into_iter()
        .chain((0..100_000).map(|number| (format!("{number}"), Vec::new())))
        .collect();
    packed(&environment, "members.tar.gz", &many);
    for (archive, code, status) in [
        ("bomb.tar.gz", "limit.ratio", 3),
        ("entries.tar.gz", "index.json, entry 0", 3),
        ("keys.tar.gz", "json.members", 3),
        ("names.tar.gz", "limit.names", 3),
    ] {
        let outcome = under(&environment, ADDRESSES, &["inspect", archive]);
        assert_eq!(outcome.status, status, "{archive}: {}{}", outcome.out, outcome.err);
        assert!(outcome.err.contains(code), "{archive}: {}", outcome.err);
        assert_eq!(under(&environment, ADDRESSES, &["fsck", archive]).status, status, "{archive}");
    }
    assert_eq!(under(&environment, ADDRESSES, &["fsck", "list.tar.gz", "--allow-empty"]).status, 0);
    // So many numbers compress to more than a sixteenth of a byte each; what is told is not wrong either way.
    assert!([0, 3].contains(&under(&environment, ADDRESSES, &["fsck", "members.tar.gz", "--allow-empty"]).status));
}

/// A layout of many images that share their layers, written file by file; every tenth has a statement on its life cycle.
fn thousands(place: &Path, count: usize) {
    let shelf = place.join("blobs/sha256");
    fs::create_dir_all(&shelf).unwrap();
    let put = |bytes: &[u8]| {
        let digest = digest(bytes);
        fs::write(shelf.join(digest.trim_start_matches("sha256:")), bytes).unwrap();
        (digest, bytes.len())
    };
    let (empty, _) = put(b"{}");
    let empty = format!(r#"{{"mediaType":"application/vnd.oci.empty.v1+json","digest":"{empty}","size":2}}"#);
    let content = layer(&["etc/os-release=site"]);
    let (blob, size) = put(&content.blob);
    let mut entries = Vec::new();
    for number in 0..count {
        let config = format!(
            r#"{{"architecture":"amd64","os":"linux","created":"2024-01-01T00:00:00Z","config":{{"Cmd":["/app/{number}"]}},"rootfs":{{"type":"layers","diff_ids":["{}"]}}}}"#,
            content.diff_id()
        );
        let (config, length) = put(config.as_bytes());
        let (manifest, length) = put(
            format!(
                r#"{{"schemaVersion":2,"mediaType":"{MANIFEST}","config":{{"mediaType":"{CONFIG}","digest":"{config}","size":{length}}},"layers":[{{"mediaType":"{}","digest":"{blob}","size":{size}}}],"annotations":{{"org.opencontainers.image.base.name":"site.example/os:1"}}}}"#,
                content.media_type
            )
            .as_bytes(),
        );
        let described = format!(r#""mediaType":"{MANIFEST}","digest":"{manifest}","size":{length}"#);
        entries
            .push(format!(r#"{{{described},"annotations":{{"org.opencontainers.image.ref.name":"site.example/team/app-{number}:1"}}}}"#));
        if number % 10 == 0 {
            let kind = "application/vnd.microsoft.artifact.lifecycle";
            let said = r#""annotations":{"vnd.microsoft.artifact.lifecycle.end-of-life.date":"2090-01-01"}"#;
            let (statement, length) = put(
                format!(
                    r#"{{"schemaVersion":2,"mediaType":"{MANIFEST}","artifactType":"{kind}","config":{empty},"layers":[{empty}],"subject":{{{described}}},{said}}}"#
                )
                .as_bytes(),
            );
            entries.push(format!(r#"{{"mediaType":"{MANIFEST}","digest":"{statement}","size":{length},"artifactType":"{kind}",{said}}}"#));
        }
    }
    fs::write(place.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    fs::write(place.join("index.json"), format!(r#"{{"schemaVersion":2,"manifests":[{}]}}"#, entries.join(","))).unwrap();
}

/// What grows with each image is bounded: so much memory that can be written to (which files that are mapped and addresses that are
/// only reserved do not count for) is enough for 2 000 images. When images were kept in whole, none of these was enough.
#[test]
fn many_images_need_little_memory_each() {
    let environment = Environment::new();
    thousands(&environment.join("L"), 2000);
    for (megabytes, arguments) in [
        (5, &["inspect", "L"][..]),
        (5, &["fsck", "L"]),
        (5, &["doctor", "L"]),
        (5, &["gc", "L"]),
        (7, &["prepare", "L", "--registry", "registry.example/new"]),
        (13, &["copy", "L", "copied", "--all"]),
    ] {
        let outcome = under(&environment, &format!("ulimit -d {}", megabytes * 1024), &[arguments, &["--jobs", "1"]].concat());
        assert!([0, 1].contains(&outcome.status), "{arguments:?} within {megabytes} MiB: {}", outcome.err);
    }
}

/// Where no thread can be started (a limit on processes, no memory for another stack), the work is done on the one that is there. Only a
/// compressed archive needs a second one; that is said, and nothing is left behind. Rust's own variable makes every start of a thread
/// fail: no machine has room for such a stack.
#[test]
fn what_needs_no_thread_is_done_without() {
    const NO_THREADS: &str = "export RUST_MIN_STACK=70368744177664";
    let environment = Environment::new();
    let (apps, bases) = many(5);
    apps.write(&environment.join("apps"));
    bases.write(&environment.join("bases"));
    for arguments in [
        &["fsck", "apps", "--level", "4"][..],
        &["lifecycle", "check", "apps"],
        &["outdated", "apps", "--bases", "bases", "--at", "2026-01-01"],
        &["batch", "plan", "apps", "--bases", "bases", "--at", "2026-01-01", "--jobs", "4"],
    ] {
        let (usual, alone) = (environment.run(arguments), under(&environment, NO_THREADS, arguments));
        assert_eq!((alone.status, without_times(&alone.out)), (usual.status, without_times(&usual.out)), "{}", alone.err);
    }
    assert_eq!(under(&environment, NO_THREADS, &["copy", "apps", "copied", "--all"]).status, 0);
    environment.ok(&["copy", "apps", "usual", "--all"]);
    assert!(Contents::of(&environment.join("copied")).files == Contents::of(&environment.join("usual")).files);
    let before = snapshot(environment.path());
    let refused = under(&environment, NO_THREADS, &["copy", "apps:registry.example/app-1:1", "out.tar.gz"]);
    assert_eq!(refused.status, 6, "{}", refused.err);
    assert!(refused.err.contains("failed to start a thread"), "{}", refused.err);
    assert!(before == snapshot(environment.path()));
}

/// The text without the lines that say when it was made.
fn without_times(text: &str) -> String {
    text.lines().filter(|line| !line.contains("as of ")).collect::<Vec<_>>().join("\n")
}
