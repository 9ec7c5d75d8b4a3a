//! `airbase why`: which layer brought a file or a package, and what a move does to it.

use serde_json::{Value, json};

use crate::support::image::{LAYER, owned};
use crate::support::{Environment, Image, Layer, Layout, layer};

/// An image whose layers have these files.
fn stack(layers: &[&[&str]]) -> Image {
    let layers: Vec<Layer> = layers.iter().map(|files| layer(files)).collect();
    Image::of(&layers.iter().collect::<Vec<_>>())
}

fn ask(image: &Image, what: &str) -> (i32, Value) {
    let environment = Environment::new();
    Layout::new().image("app", image).write(&environment.join("in"));
    environment.json(&["why", "in:app", what])
}

/// `0 added`, `2 deleted whiteout /a`: the history of one path.
fn history(file: &Value) -> Vec<String> {
    let line = |event: &Value| {
        let aspects: Vec<&str> = event["aspects"].as_array().unwrap().iter().map(|aspect| aspect.as_str().unwrap()).collect();
        let cause = |member: &str| event["cause"][member].as_str().map(|text| format!(" {text}")).unwrap_or_default();
        let text = format!("{} {} {}", event["layer"], event["event"].as_str().unwrap(), aspects.join("+"));
        format!("{}{}{}", text.trim(), cause("reason"), cause("path"))
    };
    file["history"].as_array().unwrap().iter().map(line).collect()
}

/// image-spec, layer.md: what each layer does to a path, with what takes it away.
#[test]
fn layers_bring_replace_and_take_away() {
    type Case<'a> = (&'a str, &'a [&'a [&'a str]], &'a [&'a str]);
    let cases: &[Case<'_>] = &[
        ("d/a", &[&["d/a=1"], &["other=1"]], &["0 added"]),
        ("/d/a", &[&["other=1"], &["d/a=1"], &["d/a=2"]], &["1 added", "2 replaced content"]),
        ("d/a", &[&["d/a=1"], &["d/a=1"]], &["0 added", "1 repeated"]),
        ("d/a", &[&["d/a=1"], &["d/.wh.a="]], &["0 added", "1 deleted whiteout /d/a"]),
        ("d/a", &[&["d/a=1"], &[".wh.d="]], &["0 added", "1 deleted whiteout /d"]),
        ("d/a", &[&["d/a=1"], &["d/", "d/.wh..wh..opq=", "d/b=1"]], &["0 added", "1 deleted opaque /d"]),
        ("d/a", &[&["d/a=1"], &[".wh..wh..opq="]], &["0 added", "1 deleted opaque /"]),
        ("d/a", &[&["d/a=1"], &["d=1"]], &["0 added", "1 deleted replaced /d"]),
        ("d/a", &[&["d/a=1"], &["d/.wh.a="], &["d/a=1"]], &["0 added", "1 deleted whiteout /d/a", "2 added"]),
        ("d/a", &[&["d/a=1"], &["d/a->b"]], &["0 added", "1 replaced type"]),
        ("d/a", &[&["d/a->b"], &["d/a->c"]], &["0 added", "1 replaced link"]),
        ("d", &[&["d/", "d/a=1"], &["d/", "d/b=1"]], &["0 added"]),
        // The path leads through a link of the base; a directory of the app takes its place.
        ("lib/a", &[&["usr/lib/a=1", "lib->usr/lib"], &["lib/", "lib/b=1"]], &["0 added", "1 deleted way /lib"]),
        ("lib/a", &[&["usr/lib/a=1", "lib->usr/lib"], &["lib/", "lib/a=1"]], &["0 added", "1 moved way /lib"]),
        ("lib/a", &[&["usr/lib/a=1", "lib->usr/lib"], &["usr/lib/.wh.a="]], &["0 added", "1 deleted whiteout /usr/lib/a"]),
    ];
    for (path, layers, expected) in cases {
        let (status, report) = ask(&stack(layers), path);
        assert_eq!(history(&report["files"][0]), *expected, "{path} {layers:?}: {report:#}");
        let there = !expected.last().unwrap().contains("deleted");
        assert_eq!((status, report["files"][0]["state"].is_object()), (if there { 0 } else { 4 }, there), "{path} {layers:?}");
    }
    let rights = Image::of(&[&owned(&[("a", 0o644, 0, vec![1])]), &owned(&[("a", 0o755, 7, vec![1])])]);
    assert_eq!(history(&ask(&rights, "a").1["files"][0]), ["0 added", "1 changed mode+owner"]);
}

/// What a runtime reads: a hard link has the bytes of what it shares, and a link leads to a file with a history of its own.
#[test]
fn links_lead_to_where_the_bytes_are() {
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_ustar();
    header.set_entry_type(tar::EntryType::Link);
    header.set_size(0);
    header.set_mode(0o644);
    builder.append_link(&mut header, "hard", "a").unwrap();
    let tar = builder.into_inner().unwrap();
    let hard = Layer { media_type: LAYER.into(), blob: tar.clone(), tar };
    let (status, report) = ask(&Image::of(&[&layer(&["a=1"]), &hard]), "/hard");
    let file = &report["files"][0];
    assert_eq!(
        (status, &file["layer"], &file["hardlink"], &file["state"]["kind"]),
        (0, &json!(0), &json!("/a"), &json!("file")),
        "{report:#}"
    );
    assert_eq!(history(file), ["1 added"]);
    let image = stack(&[&["usr/bin/dash=1", "bin->usr/bin"], &["bin/x=1"], &["usr/bin/sh->dash", "usr/bin/dash=2"]]);
    let (_, report) = ask(&image, "/usr/bin/sh");
    let files = report["files"].as_array().unwrap();
    assert_eq!(files.len(), 2, "{report:#}");
    assert_eq!(
        (history(&files[0]), history(&files[1])),
        (vec!["2 added".to_owned()], vec!["0 added".to_owned(), "2 replaced content".to_owned()])
    );
    assert_eq!((&files[0]["state"]["link"], &files[1]["path"]), (&json!("dash"), &json!("/usr/bin/dash")));
    // A link that leads nowhere is there all the same.
    let (status, report) = ask(&stack(&[&["a->nowhere"]]), "a");
    assert_eq!((status, report["files"].as_array().unwrap().len()), (0, 1), "{report:#}");
}

/// A base, what is built on it, and an app on that: each layer is of the image that brought it, by the decision that all verbs share.
#[test]
fn each_layer_is_of_an_image_of_the_chain() {
    let base = stack(&[&["base=1"]]);
    let middle = base.and(&[&layer(&["middle=1"])]);
    let app = middle.and(&[&layer(&["app=1"])]);
    let environment = Environment::new();
    Layout::new().image("os:1", &base).image("java:1", &middle).write(&environment.join("bases"));
    Layout::new().image("app", &app).write(&environment.join("in"));
    let (status, report) = environment.json(&["why", "in:app", "middle", "--bases", "bases"]);
    assert_eq!(status, 0, "{report:#}");
    let layers: Vec<_> =
        report["layers"].as_array().unwrap().iter().map(|layer| (layer["origin"].as_str().unwrap(), layer["image"].as_str())).collect();
    assert_eq!(layers, [("base", Some("bases:os:1")), ("base", Some("bases:java:1")), ("app", None)]);
    assert_eq!(report["bases"], json!([{"image": "bases:os:1", "layers": 1}, {"image": "bases:java:1", "layers": 2}]));
    let told = environment.ok(&["why", "in:app", "middle", "--bases", "bases"]).out;
    assert!(told.contains("layer 1      added\n    the base bases:java:1"), "{told}");
    let told = environment.ok(&["why", "in:app", "middle"]).out;
    assert!(told.contains("no base is proven"), "{told}");
    let (_, report) = environment.json(&["why", "in:app", "app", "--from", "scratch"]);
    assert_eq!(report["layers"][0]["origin"], "app");
    environment.refused(&["why", "in:app", "../app"], "ref.not_found", 4);
}

const STATUS: &str = "Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nMulti-Arch: same\nVersion: 2.36-9\n\n\
                      Package: dash\nStatus: install ok installed\nArchitecture: amd64\nVersion: 0.5.12-2\n\n\
                      Package: bash\nStatus: install ok installed\nArchitecture: amd64\nVersion: 5.2-1\n";

/// deb lists say `/lib/…` where `/lib` is a link to `/usr/lib`; a diverted file is where the diversion says, and the one in its place
/// is of the package that diverted it.
#[test]
fn packages_own_files_wherever_their_lists_put_them() {
    let image = stack(&[&[
        &format!("var/lib/dpkg/status={STATUS}"),
        "var/lib/dpkg/info/libc6:amd64.list=/.\n/lib\n/lib/libc.so.6\n/lib/lost\n",
        "var/lib/dpkg/info/dash.list=/.\n/usr/bin\n/usr/bin/dash\n/usr/bin/sh\n",
        "var/lib/dpkg/info/bash.list=/.\n/usr/bin/bash\n/usr/bin/sh\n",
        "var/lib/dpkg/diversions=/usr/bin/sh\n/usr/bin/sh.distrib\ndash\n",
        "usr/lib/libc.so.6=1",
        "lib->usr/lib",
        "usr/bin/sh=1",
        "usr/bin/sh.distrib=1",
        "own=1",
    ]]);
    let owner = |path: &str| -> Vec<String> {
        let (status, report) = ask(&image, path);
        assert_eq!(status, 0, "{report:#}");
        let owners = report["files"][0]["packages"].as_array().unwrap();
        owners.iter().map(|owner| format!("{} {}", owner["name"].as_str().unwrap(), owner["version"].as_str().unwrap())).collect()
    };
    assert_eq!(owner("/lib/libc.so.6"), ["libc6 2.36-9"]);
    assert_eq!(owner("/usr/lib/libc.so.6"), ["libc6 2.36-9"]);
    assert_eq!(owner("/usr/bin/sh"), ["dash 0.5.12-2"]);
    assert_eq!(owner("/usr/bin/sh.distrib"), ["bash 5.2-1"]);
    assert_eq!(owner("/own"), [""; 0]);
    let (status, report) = ask(&image, "/lib/lost");
    assert_eq!(status, 4);
    assert!(report["findings"][0]["details"][0].as_str().unwrap().contains("libc6 2.36-9"), "{report:#}");
    let (status, report) = ask(&image, "/opt/libc.so.6");
    assert_eq!((status, &report["findings"][0]["details"][0]), (4, &json!("of that name: /usr/lib/libc.so.6")), "{report:#}");
    let (status, report) = ask(&image, "libc");
    assert_eq!((status, &report["findings"][0]["details"][0]), (4, &json!("a package: libc6 2.36-9")), "{report:#}");
    let rpm = stack(&[&["var/lib/rpm/rpmdb.sqlite=1", "a=1"]]);
    let (status, report) = ask(&rpm, "a");
    assert_eq!((status, &report["findings"][0]["code"]), (4, &json!("packages.unread")), "{report:#}");
}

/// A base in an old and a new edition, and an app that was built on the old one.
struct Moving(Environment);

impl Moving {
    fn new() -> Self {
        let apk = |z: &str, more: &str| format!("lib/apk/db/installed=P:z\nV:{z}\nF:lib\nR:libz\n\n{more}");
        let old = stack(&[&[
            &apk("1.2-r0", "P:old\nV:1-r0\nF:bin\nR:old\n\n"),
            "lib/libz=old",
            "bin/old=1",
            "etc/same=1",
            "etc/other=1",
            "etc/hidden=1",
            "etc/kept=1",
        ]]);
        let new = stack(&[&[
            &apk("1.2-r1", "P:new\nV:1-r0\nF:bin\nR:new\n\n"),
            "lib/libz=new",
            "bin/new=1",
            "etc/same=1",
            "etc/other=2",
            "etc/hidden=2",
            "etc/kept=1",
            "edition=new",
        ]]);
        let app = old.and(&[
            &layer(&["etc/hidden=app", "etc/kept=app", "app/run=1"]),
            &layer(&[&apk("1.2-r0", "P:old\nV:1-r0\nF:bin\nR:old\n\nP:tool\nV:3-r0\nF:bin\nR:tool\n\n"), "bin/tool=1"]),
        ]);
        let environment = Environment::new();
        Layout::new().image("old", &old).image("new", &new).write(&environment.join("bases"));
        Layout::new().image("app", &app).write(&environment.join("in"));
        Self(environment)
    }

    fn ask(&self, what: &str) -> (i32, Value) {
        self.0.json(&["why", "in:app", what, "--from", "bases:old", "--onto", "bases:new"])
    }
}

#[test]
fn a_move_keeps_hides_brings_and_takes() {
    let moving = Moving::new();
    for (path, fate, status) in [
        ("/app/run", "stays", 0),
        ("/etc/kept", "stays", 0),
        ("/etc/hidden", "hidden", 0),
        ("/etc/same", "same", 0),
        ("/etc/other", "other", 0),
        ("/bin/old", "gone", 0),
        ("/bin/new", "arrives", 0),
        ("/none", "absent", 4),
    ] {
        let (ended, report) = moving.ask(path);
        assert_eq!(
            (ended, &report["files"][0]["move"]["fate"], &report["onto"]),
            (status, &json!(fate), &json!("bases:new")),
            "{path}: {report:#}"
        );
    }
    let (_, report) = moving.ask("/lib/libz");
    let file = &report["files"][0];
    assert_eq!(file["packages"][0]["version"], "1.2-r0");
    // The app's copy of the database lies over the new one; the file is the new base's, and so is the version.
    assert_eq!((&file["move"]["fate"], &file["move"]["packages"][0]["version"]), (&json!("other"), &json!("1.2-r1")), "{report:#}");
    let told = moving.0.ok(&["why", "in:app", "/etc/hidden", "--from", "bases:old", "--onto", "bases:new"]).out;
    assert!(told.contains("its fix does not arrive") && told.contains("layer 1      replaced (content)\n    the app"), "{told}");
}

#[test]
fn packages_have_a_history_and_a_fate() {
    let moving = Moving::new();
    let (status, report) = moving.ask("tool");
    assert_eq!(status, 0, "{report:#}");
    let package = &report["package"];
    assert_eq!(package["history"], json!([{"layer": 2, "change": "added", "is": "3-r0"}]));
    assert_eq!((&package["files"], &package["move"]["fate"]), (&json!([{"layer": 2, "files": 1}]), &json!("stays")));
    let (_, report) = moving.ask("z");
    let fate = &report["package"]["move"];
    assert_eq!(
        (&fate["fate"], &fate["arrive"], &fate["newBase"][0]["version"]),
        (&json!("other"), &json!(1), &json!("1.2-r1")),
        "{report:#}"
    );
    assert_eq!(fate["installed"][0]["version"], "1.2-r0", "the app's database says so still");
    assert_eq!(moving.ask("old").1["package"]["move"]["fate"], "gone");
    let (status, report) = moving.ask("new");
    assert_eq!(
        (status, &report["package"]["move"]["fate"], &report["package"]["installed"]),
        (0, &json!("arrives"), &json!([])),
        "{report:#}"
    );
    let record = |version: &str| format!("lib/apk/db/installed=P:a\nV:{version}\nF:bin\nR:a\nR:b\n\n");
    let image = stack(&[
        &[&record("1-r0"), "bin/a=1", "bin/b=1"],
        &[&record("2-r0"), "bin/a=2"],
        &["bin/b=mine"],
        &["lib/apk/db/installed=P:b\nV:1\n\n"],
    ]);
    let shorter = |count: usize| Image::of(&image.layers[..count].iter().collect::<Vec<_>>());
    let (_, report) = ask(&shorter(3), "a");
    let package = &report["package"];
    assert_eq!(package["history"][1], json!({"layer": 1, "change": "newer", "was": "1-r0", "is": "2-r0"}), "{report:#}");
    assert_eq!(
        (&package["files"], &package["changed"]),
        (&json!([{"layer": 1, "files": 1}, {"layer": 2, "files": 1}]), &json!(["/bin/b"]))
    );
    let (status, report) = ask(&image, "a");
    assert_eq!((status, &report["package"]["history"][2]), (4, &json!({"layer": 3, "change": "removed", "was": "2-r0"})), "{report:#}");
}

/// What the app deletes does not come from the new base, in whatever way it is deleted, and also if the old base did not have it.
#[test]
fn what_the_app_deletes_does_not_arrive() {
    let apk = |version: &str, files: &str| format!("lib/apk/db/installed=P:z\nV:{version}\nF:lib\n{files}F:share/doc\nR:z\n\n");
    let old = stack(&[&[&apk("1-r0", "R:a\n"), "lib/a=1", "share/doc/z=1", "etc/deleted=1", "opt/d/old=1"]]);
    let new = stack(&[&["first=1"], &[&apk("2-r0", "R:a\nR:b\n"), "lib/a=2", "lib/b=2", "share/doc/z=2", "etc/deleted=2", "opt/d/new=1"]]);
    let environment = Environment::new();
    let app = |layers: &[&Layer]| {
        let whole: Vec<Layer> = std::iter::once(layer(&["app=1"])).chain(layers.iter().map(|layer| (*layer).clone())).collect();
        old.and(&whole.iter().collect::<Vec<_>>())
    };
    Layout::new().image("old", &old).image("new", &new).write(&environment.join("bases"));
    Layout::new()
        .image("app", &app(&[&layer(&["share/.wh.doc=", "etc/.wh.deleted="]), &layer(&["opt/d/", "opt/d/.wh..wh..opq="])]))
        .image("mixed", &app(&[&layer(&["share/.wh.doc=", "lib/a=app"])]))
        .write(&environment.join("in"));
    let ask = |image: &str, what: &str| environment.json(&["why", image, what, "--from", "bases:old", "--onto", "bases:new"]);
    for (path, layer, reason, hidden) in [
        ("/share/doc/z", 2, "whiteout", "/share/doc"),
        ("/etc/deleted", 2, "whiteout", "/etc/deleted"),
        ("/opt/d/new", 3, "opaque", "/opt/d"),
    ] {
        let (status, report) = ask("in:app", path);
        let moved = &report["files"][0]["move"];
        assert_eq!((status, &moved["fate"]), (4, &json!("deleted")), "{path}: {report:#}");
        assert_eq!(moved["deleted"], json!({"layer": layer, "cause": {"reason": reason, "path": hidden}}), "{path}: {report:#}");
        let told = environment.run(&["why", "in:app", path, "--from", "bases:old", "--onto", "bases:new"]).out;
        assert!(told.contains("is deleted by the app, though the new base has it"), "{told}");
        assert!(told.contains(&format!("layer {layer}")) && told.contains("the app  "), "{told}");
    }
    let package = |image: &str| {
        let (status, report) = ask(image, "z");
        assert_eq!(status, 0, "{report:#}");
        let moved = &report["package"]["move"];
        let counts = ["arrive", "stay", "hidden", "deleted", "gone"].map(|member| moved[member].as_u64().unwrap());
        (moved["fate"].as_str().unwrap().to_owned(), counts)
    };
    assert_eq!(package("in:app"), ("deleted".to_owned(), [2, 0, 0, 1, 0]));
    assert_eq!(package("in:mixed"), ("hidden".to_owned(), [1, 1, 1, 1, 0]));
    let told = environment.ok(&["why", "in:app", "z", "--from", "bases:old", "--onto", "bases:new"]).out;
    assert!(told.contains("comes from the new base in part: the app deletes files of it"), "{told}");
    assert!(told.contains("files: 2 come from the new base, 1 are deleted by the app"), "{told}");
    let told = environment.ok(&["why", "in:mixed", "z", "--from", "bases:old", "--onto", "bases:new"]).out;
    assert!(told.contains("1 come from the new base, 1 stay the app's, 1 of these hide a change, 1 are deleted by the app"), "{told}");
}

/// As a rebase refuses it.
#[test]
fn a_base_that_it_is_on_already_moves_nothing() {
    let moving = Moving::new();
    let (status, report) = moving.0.json(&["why", "in:app", "/etc/same", "--from", "bases:old", "--onto", "bases:old"]);
    let file = &report["files"][0];
    assert_eq!((status, &report["unmoved"], file.get("move"), report.get("onto")), (0, &json!(true), None, None), "{report:#}");
    let told = moving.0.ok(&["why", "in:app", "/etc/same", "--from", "bases:old", "--onto", "bases:old"]).out;
    assert!(told.contains("Nothing is moved: it is based on that base already."), "{told}");
    assert_eq!(moving.ask("/etc/same").1["unmoved"], json!(false));
}

#[test]
fn a_base_that_it_is_not_is_refused() {
    let moving = Moving::new();
    for what in ["/etc/same", "z", "/none"] {
        moving.0.refused(&["why", "in:app", what, "--from", "bases:new"], "base.mismatch", 4);
    }
    assert_eq!(moving.0.json(&["why", "in:app", "/etc/same", "--from", "bases:old"]).0, 0);
}

/// image-spec, config.md: a diffID is the digest of the content of a layer. Of a layer that holds something else nobody knows whose it is.
#[test]
fn a_layer_that_is_not_what_the_config_says_is_told() {
    let environment = Environment::new();
    let base = stack(&[&["os=1"]]);
    let lie = Layer { blob: layer(&["os=evil"]).blob, ..base.layers[0].clone() };
    Layout::new().image("os:1", &base).write(&environment.join("bases"));
    Layout::new().image("lie:1", &Image::of(&[&lie, &layer(&["app=1"])])).write(&environment.join("in"));
    let (status, report) = environment.json(&["why", "in", "os", "--bases", "bases"]);
    let finding = &report["findings"][0];
    assert_eq!((status, &finding["code"]), (1, &json!("layer.diffid_mismatch")), "{report:#}");
    assert_eq!(finding["expected"]["value"], json!(lie.diff_id()), "{finding:#}");
    // What two configs claim, and nobody inflated, is called so.
    let (_, report) = environment.json(&["base", "dependents", "bases", "in"]);
    assert_eq!(report["dependents"][0]["proofs"], json!(["same-diff-id-claimed"]), "{report:#}");
    let told = environment.ok(&["base", "dependents", "bases", "in"]).out;
    assert!(told.contains("1 layer of its own, claimed: "), "{told}");
}
