//! An answer about nothing, about what could not be read, or about what was not understood is no good answer: what each verb that
//! reads ends with, as a table that is kept in `docs/exit-status.md`.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::image::{archive, digest, gzip};
use crate::support::{Environment, Image, Layout, layer};

fn image() -> Image {
    Image::of(&[&layer(&["etc/os-release=1"])])
}

/// What `docker save` writes, taken out of its archive.
fn unpacked(path: &Path) {
    fs::create_dir_all(path.join("1")).unwrap();
    fs::write(path.join("1/layer.tar"), &image().layers[0].tar).unwrap();
    fs::write(path.join("manifest.json"), json!([{"Config": "c.json", "RepoTags": null, "Layers": ["1/layer.tar"]}]).to_string()).unwrap();
}

/// Places in which there is nothing to give a good answer about, with what is said of them in the table.
const PLACES: [(&str, &str); 8] = [
    ("empty", "an empty folder"),
    ("others", "a folder of other files"),
    ("unpacked", "an unpacked docker-archive"),
    ("none", "a layout that lists nothing"),
    ("lost", "a layout without `index.json`"),
    ("cut.tar", "an archive that ends early"),
    ("flipped", "an image whose manifest has other bytes"),
    ("alien", "an image under a digest of an unknown algorithm"),
];

fn places(environment: &Environment) {
    let at = |name: &str| environment.join(name);
    fs::create_dir(at("empty")).unwrap();
    fs::create_dir(at("others")).unwrap();
    fs::write(at("others/notes.txt"), "nothing here").unwrap();
    fs::write(at("others/list.gz"), gzip(b"nothing here")).unwrap();
    unpacked(&at("unpacked"));
    Layout::new().write(&at("none"));
    let layout = Layout::new().image("app:1", &image());
    layout.write(&at("lost"));
    fs::remove_file(at("lost/index.json")).unwrap();
    layout.write_archive(&at("whole.tar"));
    let bytes = fs::read(at("whole.tar")).unwrap();
    fs::write(at("cut.tar"), &bytes[..bytes.len() / 2 + 7]).unwrap();
    layout.write(&at("flipped"));
    let manifest = at("flipped/blobs/sha256").join(&layout.digest_of("app:1")[7..]);
    let text = fs::read_to_string(&manifest).unwrap().replace("\"schemaVersion\":2", "\"schemaVersion\":3");
    fs::write(manifest, text).unwrap();
    let mut alien = Layout::new();
    alien.entry("app:1", json!({"mediaType": layout.entries[0]["mediaType"], "digest": format!("sha384:{}", "0".repeat(96)), "size": 5}));
    alien.write(&at("alien"));
    layout.write(&at("bases"));
    fs::write(at("list.json"), json!({"EolDate": "2024-01-01", "EolDigests": [{"Digest": digest(b"no image")}]}).to_string()).unwrap();
}

/// The verbs, with `{}` for the place.
const VERBS: [&str; 31] = [
    "inspect {}",
    "ls {}",
    "cat {}",
    "diff {} bases",
    "diff bases {}",
    "why {} etc/os-release",
    "why bases etc/os-release --onto {}",
    "fsck {}",
    "base show {} --bases bases",
    "base verify {} --base bases",
    "base dependents bases {}",
    "outdated {} --bases bases",
    "outdated bases --bases {}",
    "rebase {} --onto bases --dry-run",
    "rebase bases --onto {} --dry-run",
    "verdict {} --onto bases",
    "verdict bases --onto {}",
    "batch plan {} --bases bases",
    "copy {} out",
    "copy --all {} out",
    "referrers {}",
    "collection show {}",
    "collection check {}",
    "lifecycle show {}",
    "lifecycle history {}",
    "lifecycle trace sha256:0000000000000000000000000000000000000000000000000000000000000000 {}",
    "lifecycle check {}",
    "lifecycle check bases --bases {}",
    "lifecycle report {}",
    "lifecycle import list.json {}",
    "prepare {} --registry registry.example/team",
];

#[test]
fn nothing_unreadable_and_not_understood_are_never_good() {
    let environment = Environment::new();
    places(&environment);
    let mut table = String::from(
        "# What a verb ends with where there is nothing to answer about\n\n\
         An answer about nothing looks like a good one, so it is none: a verb that reads ends with 0 only if it looked at an image. `--allow-empty`\n\
         (`fsck`, `inspect`, `outdated`, `base dependents`, `batch plan`, `prepare`, `verify-sync`, `lifecycle check`, `lifecycle report`) is for\n\
         those who expect nothing. The table is made by the test `emptiness`, which compares it with what the program does; `airbase explain\n\
         CODE` says what a code means. `bases` is a layout with one image.\n\n",
    );
    let _ = writeln!(table, "| verb | {} |\n|---|{}", PLACES.map(|(_, what)| what).join(" | "), "---|".repeat(PLACES.len()));
    let mut green = Vec::new();
    for verb in VERBS {
        let mut cells = Vec::new();
        for (place, _) in PLACES {
            let arguments: Vec<&str> = verb.split(' ').map(|word| if word == "{}" { place } else { word }).collect();
            let outcome = environment.run(&arguments);
            let codes = codes(&environment, &arguments, &outcome.err);
            if outcome.status == 0 {
                green.push(format!("{}\n{}{}", arguments.join(" "), outcome.out, outcome.err));
            }
            assert!(!environment.join("out").exists(), "{arguments:?} wrote something");
            cells.push(format!("{} {codes}", outcome.status).trim().to_owned());
        }
        let _ = writeln!(table, "| `{}` | {} |", verb.replace("{}", "PLACE").replace(&"0".repeat(64), "…"), cells.join(" | "));
    }
    assert!(green.is_empty(), "ended with 0:\n{}", green.join("\n"));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/exit-status.md");
    let kept = fs::read_to_string(path).unwrap_or_default();
    assert_eq!(kept, table, "docs/exit-status.md is another; read what changed and keep this instead:\n{table}");
}

/// The codes that the answer gives as reasons, the worst first.
fn codes(environment: &Environment, arguments: &[&str], err: &str) -> String {
    let text = match arguments.first() {
        // A plan is no JSON document; what is wrong is told on standard error.
        Some(&"batch") => err.to_owned(),
        _ => environment.run(&[arguments, &["--format", "json"]].concat()).out,
    };
    let mut found = Vec::new();
    if let Ok(document) = serde_json::from_str::<Value>(&text) {
        collect(&document, &mut found);
    } else {
        found.extend(err.split('[').skip(1).filter_map(|rest| rest.split_once(']')).map(|(code, _)| (3, code.to_owned())));
    }
    found.retain(|(rank, code)| *rank >= 2 && code.contains('.'));
    found.sort_by(|one, other| other.0.cmp(&one.0).then_with(|| one.1.cmp(&other.1)));
    found.dedup();
    found.iter().map(|(_, code)| format!("`{code}`")).collect::<Vec<_>>().join(" ")
}

fn collect(value: &Value, found: &mut Vec<(usize, String)>) {
    if let (Some(code), Some(severity)) = (value["code"].as_str(), value["severity"].as_str()) {
        let rank = ["note", "warning", "damage", "refusal"].iter().position(|known| *known == severity).unwrap();
        found.push((rank, code.to_owned()));
    }
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        Value::Object(members) => members.values().for_each(|item| collect(item, found)),
        _ => {}
    }
}

#[test]
fn those_who_expect_nothing_say_so() {
    let environment = Environment::new();
    places(&environment);
    let commands: [&[&str]; 9] = [
        &["inspect"],
        &["fsck"],
        &["base", "dependents", "bases"],
        &["outdated", "--bases", "bases", "--"],
        &["batch", "plan", "--bases", "bases", "--"],
        &["lifecycle", "check"],
        &["lifecycle", "report"],
        &["prepare", "--registry", "registry.example/team"],
        &["verify-sync", "plan.json"],
    ];
    let plan = environment.run(&["prepare", "none", "--registry", "registry.example/team", "--format", "json"]);
    assert_eq!(plan.status, 4, "{}", plan.err);
    fs::write(
        environment.join("plan.json"),
        environment.ok(&["prepare", "none", "--registry", "r.example/t", "--format", "json", "--allow-empty"]).out,
    )
    .unwrap();
    fs::write(environment.join("listing"), "").unwrap();
    for command in commands {
        let place = match command[0] {
            "verify-sync" => "listing",
            "prepare" => "none",
            _ => "empty",
        };
        let mut arguments = command.to_vec();
        arguments.push(place);
        let outcome = environment.run(&arguments);
        assert_eq!(outcome.status, 4, "{arguments:?}\n{}{}", outcome.out, outcome.err);
        assert!(format!("{}{}", outcome.out, outcome.err).contains("path.nothing"), "{arguments:?}\n{}{}", outcome.out, outcome.err);
        arguments.insert(command.iter().position(|word| *word == "--").unwrap_or(command.len()), "--allow-empty");
        environment.ok(&arguments);
    }
}

/// What is in a folder is known by its content, whatever it is called.
#[test]
fn a_file_is_known_by_its_content() {
    let environment = Environment::new();
    let tar = archive(&Layout::new().image("app:1", &image()).files());
    fs::create_dir_all(environment.join("stick/oci-layout/deeper")).unwrap();
    let zstd = |bytes: &[u8]| zstd::encode_all(bytes, 1).unwrap();
    for (name, bytes) in [
        ("none", tar.clone()),
        ("upper.TAR", tar.clone()),
        ("short.tzst", zstd(&tar)),
        ("app.img", gzip(&tar)),
        ("oci-layout/image", tar.clone()),
        ("notes.txt", b"notes".to_vec()),
        ("packages.gz", gzip(&vec![b'x'; 5000])),
    ] {
        fs::write(environment.join("stick").join(name), bytes).unwrap();
    }
    // A folder in which a layout is called so is a folder.
    Layout::new().image("app:2", &image()).write(&environment.join("folder/oci-layout"));
    Layout::new().image("app:2", &image()).write(&environment.join("folder/index.json"));
    let (status, report) = environment.json(&["fsck", "stick", "folder"]);
    let paths: Vec<&str> = report["sources"].as_array().unwrap().iter().map(|source| source["path"].as_str().unwrap()).collect();
    let expected = [
        "stick/app.img",
        "stick/none",
        "stick/oci-layout/image",
        "stick/short.tzst",
        "stick/upper.TAR",
        "folder/index.json",
        "folder/oci-layout",
    ];
    assert_eq!((status, paths), (0, expected.to_vec()), "{report:#}");
    // What claims to be an archive and is none is told.
    fs::write(environment.join("stick/broken.tar"), "").unwrap();
    let (status, report) = environment.json(&["outdated", "stick", "--bases", "folder"]);
    assert_eq!((status, &report["findings"][0]["code"]), (3, &json!("source.unknown")), "{report:#}");
}

/// An image that is seen and cannot be read keeps an answer about the others from being a good one.
#[test]
fn what_looks_like_an_image_is_never_passed_over() {
    let environment = Environment::new();
    let base = Layout::new().image("os:1", &image());
    let put = |folder: &str| {
        base.write(&environment.join(&format!("{folder}/good")));
        environment.join(folder)
    };
    let judged = |folder: &str, code: &str, status: i32, hint: &str| {
        let (ended, report) = environment.json(&["inspect", folder]);
        let finding = report["findings"].as_array().unwrap().iter().find(|finding| finding["code"] == code).cloned();
        let finding = finding.unwrap_or_else(|| panic!("{folder}: no {code} in {report:#}"));
        assert!(finding.to_string().contains(hint), "{finding:#}");
        assert_eq!(ended, status, "{report:#}");
        for verb in
            [&["fsck", folder][..], &["lifecycle", "check", folder], &["base", "dependents", "a/good", folder], &["batch", "plan", folder]]
        {
            let outcome = environment.run(verb);
            assert_eq!(outcome.status, status, "{verb:?}\n{}{}", outcome.out, outcome.err);
        }
    };
    base.write_skopeo(&put("a").join("x"));
    fs::write(environment.join("a/x/version"), "Directory Transport Version: 9.0\n").unwrap();
    judged("a", "dir.version", 3, "skopeo copy --all dir:a/x oci:a/x-oci");
    unpacked(&put("b").join("x"));
    judged("b", "source.unsupported", 1, "tar -C b/x -cf b/x.tar");
    base.write_archive(&environment.join("elsewhere/app.tar"));
    std::os::unix::fs::symlink("../elsewhere/app.tar", put("c").join("app")).unwrap();
    judged("c", "path.symlink", 1, "elsewhere/app.tar");
    std::os::unix::fs::symlink("/nowhere/app.tar", put("d").join("app")).unwrap();
    judged("d", "path.symlink", 1, "leads to nothing");
    fs::write(put("e").join("archive"), b"BZh9 and more").unwrap();
    judged("e", "source.unsupported", 3, "bzip2 -dk");
    base.write(&put("f").join("lost"));
    fs::remove_file(environment.join("f/lost/index.json")).unwrap();
    fs::remove_file(environment.join("f/lost/oci-layout")).unwrap();
    judged("f", "layout.index.missing", 3, "index.json");
    // A link to what is in the folder anyway, and what nobody means, are nothing special.
    std::os::unix::fs::symlink("good", put("g").join("latest")).unwrap();
    fs::create_dir(environment.join("g/.git")).unwrap();
    fs::write(environment.join("g/manifest.json"), r#"{"name":"a web page"}"#).unwrap();
    for verb in [
        &["inspect", "g"][..],
        &["fsck", "g"],
        &["lifecycle", "check", "g"],
        &["base", "dependents", "g/good", "g"],
        &["batch", "plan", "g"],
    ] {
        environment.ok(verb);
    }
    let only = environment.run(&["batch", "plan", "g", "--only", "oss:*"]);
    assert!(only.status == 4 && only.err.contains("--only left out 1 image"), "{}", only.err);
    let only = environment.run(&["outdated", "g", "--bases", "g", "--only", "oss:*"]);
    assert!(
        only.status == 4 && only.err.contains("--only left out 1 image") || only.out.contains("--only left out 1 image"),
        "{}{}",
        only.out,
        only.err
    );
    // Artifacts are no images, and a plan about none is about nothing.
    let mut chart = image();
    chart.config_type = "application/vnd.cncf.helm.config.v1+json".into();
    Layout::new().image("chart:1", &chart).write(&environment.join("h"));
    assert_eq!(environment.run(&["batch", "plan", "h", "--bases", "g"]).status, 4);
    environment.ok(&["batch", "plan", "h", "--bases", "g", "--allow-empty"]);
}

/// A plan that was made with findings does not promise everything.
#[test]
fn a_plan_with_findings_is_never_in_sync() {
    let environment = Environment::new();
    let other = image().and(&[&layer(&["b=1"])]);
    Layout::new().image("registry.example/team/app:1", &image()).image("No Such Name", &other).write(&environment.join("in"));
    let plan = environment.run(&["prepare", "in", "--registry", "registry.example/team", "--format", "json"]);
    fs::write(environment.join("plan.json"), &plan.out).unwrap();
    let document: Value = serde_json::from_str(&plan.out).unwrap();
    let lines = document["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| format!("{} {}\n", item["digest"].as_str().unwrap(), item["reference"].as_str().unwrap()));
    fs::write(environment.join("listing"), lines.collect::<String>()).unwrap();
    assert_eq!(plan.status, 1, "{}", plan.out);
    let outcome = environment.run(&["verify-sync", "plan.json", "listing"]);
    assert!(outcome.status == 1 && outcome.out.contains("sync.short_plan"), "{}{}", outcome.out, outcome.err);
}

/// An index of which no platform is here cannot be judged, and the others beside it do not hide that.
#[test]
fn an_index_whose_platforms_are_elsewhere_is_told() {
    let environment = Environment::new();
    let other = image().and(&[&layer(&["b=1"])]);
    let mut layout = Layout::new().image("os:1", &image()).index("app:1", &[&other], json!({}));
    layout.blobs.remove(&other.digest());
    layout.write(&environment.join("in"));
    // The same within another index.
    let inner = layout.entries.last().unwrap();
    let inner = json!({"mediaType": inner["mediaType"], "digest": inner["digest"], "size": inner["size"]});
    let mut layout = layout.index("outer:1", &[], json!({"manifests": [inner]}));
    layout.entries.retain(|entry| entry["annotations"]["org.opencontainers.image.ref.name"] != "app:1");
    layout.write(&environment.join("nested"));
    for path in ["in", "nested"] {
        let os = format!("{path}:os:1");
        for verb in [&["outdated", path, "--bases", path][..], &["base", "dependents", &os, path]] {
            let outcome = environment.run(verb);
            assert!(outcome.status == 1 && outcome.out.contains("image.sparse"), "{verb:?}: {}{}", outcome.out, outcome.err);
        }
    }
}
