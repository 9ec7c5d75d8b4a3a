//! `airbase diff`: what differs between two images.

use serde_json::{Value, json};

use crate::support::elf::Program;
use crate::support::image::{Compression, LAYER, owned};
use crate::support::{Environment, Image, Layer, Layout, layer, real};

const ROOT: &str = "etc/passwd=root:x:0:0:root:/root:/bin/sh\n";

/// Compares two images; gives the exit status and the document.
fn compare(from: &Image, to: &Image) -> (i32, Value) {
    let environment = place(from, to);
    environment.json(&["diff", "in:from", "in:to"])
}

fn place(from: &Image, to: &Image) -> Environment {
    let environment = Environment::new();
    Layout::new().image("from", from).image("to", to).write(&environment.join("in"));
    environment
}

fn of(files: &[&str]) -> Image {
    Image::of(&[&layer(files)])
}

/// `~name was is`, with `+`, `-`, `>` newer and `<` older.
fn shown(changes: &Value) -> Vec<String> {
    let line = |change: &Value| {
        let sign = match change["change"].as_str().unwrap() {
            "added" => '+',
            "removed" => '-',
            "newer" => '>',
            "older" => '<',
            _ => '~',
        };
        let text = |member: &str| change[member].as_str().map(|text| format!(" {text}")).unwrap_or_default();
        let name = [change["field"].as_str(), change["name"].as_str()].iter().flatten().copied().collect::<Vec<_>>().join(" ");
        format!("{sign}{name}{}{}", text("was"), text("is"))
    };
    changes.as_array().unwrap().iter().map(line).collect()
}

fn codes(report: &Value) -> Vec<String> {
    let findings = report["platforms"][0]["findings"].as_array().unwrap();
    findings.iter().map(|finding| format!("{} {}", finding["code"].as_str().unwrap(), finding["severity"].as_str().unwrap())).collect()
}

/// deb-version(7): 2.36-9+deb12u10 is later than +deb12u4, and 1:1 later than 9.
#[test]
fn packages_of_dpkg() {
    let status = |text: &str| format!("var/lib/dpkg/status={text}");
    let stanza = |name: &str, version: &str, architecture: &str| {
        format!("Package: {name}\nStatus: install ok installed\nArchitecture: {architecture}\nVersion: {version}\n\n")
    };
    let gone = "Package: kept\nStatus: deinstall ok config-files\nArchitecture: amd64\nVersion: 1\n\n";
    let all = [
        stanza("libc6", "2.36-9+deb12u4", "amd64"),
        stanza("back", "1:1-1", "all"),
        stanza("same", "1", "all"),
        stanza("odd", "1_0", "all"),
    ];
    let old =
        of(&[&status(&(all.concat() + &stanza("gone", "1", "all") + &stanza("two", "1", "amd64") + &stanza("two", "1", "i386"))), ROOT]);
    let all = [
        stanza("libc6", "2.36-9+deb12u10", "amd64"),
        stanza("back", "9-1", "all"),
        stanza("same", "1", "all"),
        stanza("odd", "1_1", "all"),
    ];
    let new = of(&[
        &status(&(all.concat() + gone + &stanza("new", "1", "all") + &stanza("two", "1", "amd64") + &stanza("two", "2", "i386"))),
        ROOT,
    ]);
    let (status, report) = compare(&old, &new);
    let packages = &report["platforms"][0]["contents"]["packages"];
    assert_eq!((status, &report["outcome"]), (0, &json!("different")), "{report:#}");
    assert_eq!((&packages["from"], &packages["to"]), (&json!({"dpkg": 7}), &json!({"dpkg": 7})));
    let expected = ["<back 1:1-1 9-1", "-gone 1", ">libc6 2.36-9+deb12u4 2.36-9+deb12u10", "+new 1", "~odd 1_0 1_1", ">two 1 2"];
    assert_eq!(shown(&packages["changes"]), expected);
    // Only one of the two architectures changed.
    assert_eq!(packages["changes"][5]["architecture"], "i386");
}

/// Distroless has a file for each package, without a state; dpkg's journal counts over what stands in `status`; apk has its own form,
/// and its database may lie below `usr/lib` with a link from `lib`.
#[test]
fn other_databases() {
    let distroless =
        |version: &str| of(&[&format!("var/lib/dpkg/status.d/tzdata=Package: tzdata\nVersion: {version}\nArchitecture: all\n"), ROOT]);
    let (status, report) = compare(&distroless("2024a-0+deb12u1"), &distroless("2024b-0+deb12u1"));
    assert_eq!(status, 0, "{report:#}");
    assert_eq!(shown(&report["platforms"][0]["contents"]["packages"]["changes"]), [">tzdata 2024a-0+deb12u1 2024b-0+deb12u1"]);
    let status = "var/lib/dpkg/status=Package: a\nStatus: install ok installed\nVersion: 1\n";
    let journal = "var/lib/dpkg/updates/0000=Package: a\nStatus: install ok installed\nVersion: 77\n";
    let (_, report) = compare(&of(&[status]), &of(&[status, journal]));
    assert_eq!(shown(&report["platforms"][0]["contents"]["packages"]["changes"]), [">a 1 77"]);
    let apk =
        |place: &str, version: &str| of(&[&format!("{place}/apk/db/installed=C:Q1x=\nP:musl\nV:{version}\nA:x86_64\nF:lib\nR:ld\n\n")]);
    let merged = Image::of(&[&layer(&["usr/lib/apk/db/installed=P:musl\nV:1.2.5-r10\n\n", "lib->usr/lib"])]);
    let (_, report) = compare(&apk("lib", "1.2.5-r9"), &merged);
    let packages = &report["platforms"][0]["contents"]["packages"];
    assert_eq!(shown(&packages["changes"]), [">musl 1.2.5-r9 1.2.5-r10"]);
    assert_eq!(packages["to"], json!({"apk": 1}), "one database by two names");
}

/// What was not read is told, and is no answer: also not that there are no packages. The same bytes have the same packages.
#[test]
fn databases_that_are_not_read() {
    let rpm = |content: &str| of(&[&format!("usr/lib/sysimage/rpm/rpmdb.sqlite={content}"), "var/lib/rpm->../../usr/lib/sysimage/rpm"]);
    let (status, report) = compare(&rpm("1"), &rpm("2"));
    assert_eq!((status, codes(&report)), (4, vec!["packages.unread warning".to_owned()]), "{report:#}");
    assert_eq!(report["platforms"][0]["findings"][0]["place"], "/usr/lib/sysimage/rpm/rpmdb.sqlite");
    let (status, report) = compare(&rpm("1"), &rpm("1"));
    assert_eq!((status, codes(&report), &report["outcome"]), (0, vec!["packages.unread note".to_owned()], &json!("same")), "{report:#}");
    let (status, report) = compare(&of(&[ROOT]), &rpm("1"));
    assert_eq!((status, codes(&report)), (4, vec!["packages.unread warning".to_owned()]), "{report:#}");
    for (path, content) in [
        ("var/lib/dpkg/status", "Package: a\nVersion: 1\nVersion: 2\n"),
        ("var/lib/dpkg/status", "Package: a\nStatus: install ok installed\n"),
        ("var/lib/dpkg/status.d/a", "no stanza"),
        ("lib/apk/db/installed", "P:a\n\n"),
        ("lib/apk/db/installed", "P:a\nV:1\n\nP:a\nV:2\n\n"),
    ] {
        let damaged = of(&[&format!("{path}={content}")]);
        let (status, report) = compare(&damaged, &damaged);
        assert_eq!((status, &report["outcome"]), (4, &json!("unknown")), "{report:#}");
        assert_eq!(codes(&report), ["packages.damaged damage"], "{path} {content:?}");
    }
}

#[test]
fn layers_that_cannot_be_read_are_never_the_same() {
    let image = of(&[ROOT]);
    let environment = place(&image, &image);
    std::fs::remove_file(environment.join("in/blobs/sha256").join(&image.layers[0].digest()[7..])).unwrap();
    let (status, report) = environment.json(&["diff", "in:from", "in:to"]);
    assert_eq!((status, &report["outcome"], codes(&report)), (4, &json!("unknown"), vec!["blob.missing warning".to_owned()]), "{report:#}");
    assert_eq!(report["platforms"][0]["contents"], Value::Null);
    let encrypted = Layer { media_type: format!("{LAYER}+gzip+encrypted"), ..layer(&[ROOT]) };
    let encrypted = Image::of(&[&encrypted]);
    let (status, report) = compare(&encrypted, &encrypted);
    assert_eq!((status, &report["outcome"], codes(&report)), (4, &json!("unknown"), vec!["layer.not_convertible warning".to_owned()]));
    // Settings are compared all the same.
    let (status, report) = compare(&encrypted, &encrypted.clone().with("User", json!("app")));
    assert_eq!((status, &report["outcome"]), (4, &json!("different")));
    assert_eq!(shown(&report["platforms"][0]["config"]), ["+User app"]);
    // A config that says something else of the content of its layer.
    let mut lying = of(&["a=1"]);
    lying.layers[0].tar = layer(&["a=2"]).tar;
    let (status, report) = compare(&lying, &lying);
    assert_eq!((status, codes(&report)), (1, vec!["layer.diffid_mismatch damage".to_owned()]), "{report:#}");
}

/// A digest says what a blob should be: that one source has it says nothing of the other source, in either order.
#[test]
fn each_source_is_read_itself() {
    type Damage = fn(&std::path::Path, &[u8]);
    let flipped: Damage = |path, bytes| {
        let mut bytes = bytes.to_vec();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(path, bytes).unwrap();
    };
    let truncated: Damage = |path, bytes| std::fs::write(path, &bytes[..bytes.len() - 1]).unwrap();
    let missing: Damage = |path, _| std::fs::remove_file(path).unwrap();
    let image = Image::of(&[&layer(&[ROOT]), &layer(&["a=1"])]);
    for (name, damage, expected) in [("flipped", flipped, 3), ("truncated", truncated, 3), ("missing", missing, 4)] {
        for at in 0..2 {
            let environment = Environment::new();
            for place in ["whole", "damaged"] {
                Layout::new().image("app", &image).write(&environment.join(place));
            }
            assert_eq!(environment.json(&["diff", "whole:app", "damaged:app"]).1["outcome"], "same");
            let blob = environment.join("damaged/blobs/sha256").join(&image.layers[at].digest()[7..]);
            let bytes = std::fs::read(&blob).unwrap();
            damage(&blob, &bytes);
            for order in [["whole:app", "damaged:app"], ["damaged:app", "whole:app"]] {
                let outcome = environment.run(&["diff", order[0], order[1], "--format", "json"]);
                assert_eq!(outcome.status, expected, "{name} {at} {order:?}: {}{}", outcome.out, outcome.err);
                assert!(!outcome.out.contains("\"same\""), "{name} {at} {order:?}: {}", outcome.out);
            }
        }
    }
}

/// Of packages whose database was not read nothing is said: neither that they do not differ, nor that one is new or was removed.
#[test]
fn packages_that_are_not_known_are_not_compared() {
    let rpm = |content: &str| of(&[&format!("var/lib/rpm/rpmdb.sqlite={content}"), ROOT]);
    let apk = of(&["lib/apk/db/installed=P:foo\nV:1-r0\n\n", ROOT]);
    for (from, to) in [(rpm("1"), rpm("2")), (rpm("1"), apk.clone()), (apk.clone(), rpm("1"))] {
        let environment = place(&from, &to);
        let (status, report) = environment.json(&["diff", "in:from", "in:to"]);
        let packages = &report["platforms"][0]["contents"]["packages"];
        assert_eq!((status, &packages["known"], &packages["changes"]), (4, &json!(false), &json!([])), "{report:#}");
        let told = environment.run(&["diff", "in:from", "in:to"]).out;
        assert!(told.contains("whether they differ is not known"), "{told}");
    }
    for (from, to) in [(rpm("1"), rpm("1")), (apk.clone(), apk)] {
        assert_eq!(compare(&from, &to).1["platforms"][0]["contents"]["packages"]["known"], true);
    }
}

/// The same content, compressed in another way, is the same.
#[test]
fn layers_are_compared_by_their_content() {
    let (one, two) = (layer(&[ROOT]), layer(&["a=1"]));
    let old = Image::of(&[&one, &two]);
    let (status, report) = compare(&old, &Image::of(&[&one.compressed(Compression::Zstd), &two.compressed(Compression::None)]));
    assert_eq!((status, &report["outcome"], &report["platforms"][0]["layers"]["common"]), (0, &json!("same"), &json!(2)), "{report:#}");
    let (_, report) = compare(&old, &Image::of(&[&one, &layer(&["b=1"]), &two]));
    let layers = &report["platforms"][0]["layers"];
    assert_eq!(layers["common"], 1);
    let shared = |side: &str| -> Vec<bool> { layers[side].as_array().unwrap().iter().map(|layer| layer["shared"] == true).collect() };
    assert_eq!((shared("from"), shared("to")), (vec![true, true], vec![true, false, true]));
    assert_eq!(layers["to"][1]["diffId"], layer(&["b=1"]).diff_id());
}

#[test]
fn settings_one_by_one() {
    let old = of(&["a=1"])
        .with("Env", json!(["PATH=/bin", "KEEP=1", "OLD=x=y"]))
        .with("Cmd", json!(["/bin/sh"]))
        .with("Labels", json!({"a": "1"}))
        .with("ExposedPorts", json!({"80/tcp": {}}))
        .with("User", json!(""))
        .with("Healthcheck", json!({"Test": ["CMD", "a"], "Retries": 3}));
    let new = of(&["a=1"])
        .with("Env", json!(["KEEP=1", "PATH=/usr/bin:/bin"]))
        .with("Cmd", json!(["/bin/sh", "-l"]))
        .with("Labels", json!({"a": "2"}))
        .with("ExposedPorts", json!({"443/tcp": {}}))
        .with("WorkingDir", json!("/app"))
        .with("Healthcheck", json!({"Retries": 3, "Test": ["CMD", "a"]}))
        .with_top("created", json!("2026-01-01T00:00:00Z"))
        .annotated("team", "base");
    let (status, report) = compare(&old, &new);
    assert_eq!(status, 0, "{report:#}");
    let config = shown(&report["platforms"][0]["config"]);
    for wanted in [
        "~Cmd [\"/bin/sh\"] [\"/bin/sh\",\"-l\"]",
        "-Env OLD x=y",
        "~Env PATH /bin /usr/bin:/bin",
        "+ExposedPorts 443/tcp ",
        "-ExposedPorts 80/tcp ",
        "~Labels a 1 2",
        "+WorkingDir /app",
        "+annotations team base",
    ] {
        assert!(config.iter().any(|line| line == wanted), "{wanted}: {config:#?}");
    }
    assert!(!config.iter().any(|line| ["User", "Healthcheck", "KEEP"].iter().any(|same| line.contains(same))), "{config:#?}");
}

#[test]
fn users_libraries_and_the_system() {
    let library = |soname: &'static str, text: &'static str| Program { soname, text, ..Program::default() }.bytes();
    let with = |files: &[(&str, Vec<u8>)]| {
        Image::of(&[&owned(&files.iter().map(|(path, content)| (*path, 0o644, 0, content.clone())).collect::<Vec<_>>())])
    };
    let old = with(&[
        ("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\nsvc:$6$secret:100:100::/:/bin/false\n".to_vec()),
        ("etc/group", b"root:x:0:\n".to_vec()),
        ("usr/lib/os-release", b"NAME=Debian\nID=debian\nVERSION_ID=\"12\"\n".to_vec()),
        ("lib/libssl.so.3.0.1", library("libssl.so.3", "a")),
        ("lib/libgone.so.1", library("libgone.so.1", "a")),
    ]);
    let new = with(&[
        ("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\nsvc:x:999:100::/:/bin/false\n".to_vec()),
        ("etc/group", b"root:x:0:\napp:x:5:svc\n".to_vec()),
        ("etc/os-release", b"ID=debian\nVERSION_ID=13\nPRETTY_NAME='Debian 13'\n".to_vec()),
        ("usr/lib/libssl.so.3.0.9", library("libssl.so.3", "b")),
    ]);
    let environment = place(&old, &new);
    let (_, report) = environment.json(&["diff", "in:from", "in:to"]);
    let contents = &report["platforms"][0]["contents"];
    assert_eq!(shown(&contents["users"]), ["~svc 100:100::/:/bin/false 999:100::/:/bin/false"]);
    assert_eq!(shown(&contents["groups"]), ["+app 5:svc"]);
    assert_eq!(
        shown(&contents["libraries"]),
        ["-libgone.so.1 /lib/libgone.so.1", "~libssl.so.3 /lib/libssl.so.3.0.1 /usr/lib/libssl.so.3.0.9"]
    );
    let system =
        json!({"from": {"id": "debian", "version": "12", "name": "Debian"}, "to": {"id": "debian", "version": "13", "name": "Debian 13"}});
    assert_eq!(contents["system"], system);
    let told = environment.ok(&["diff", "in:from", "in:to"]).out;
    assert!(told.contains("Debian, version 12 -> Debian 13") && told.contains("~ svc") && !told.contains("secret"), "{told}");
}

/// Of a list that is too large to be kept nothing is known: neither that users went, nor that none did.
#[test]
fn lists_of_users_that_are_not_read_are_not_compared() {
    let with = |passwd: Vec<u8>, group: &str| {
        Image::of(&[&owned(&[("etc/passwd", 0o644, 0, passwd), ("etc/group", 0o644, 0, group.as_bytes().to_vec())])])
    };
    let environment = Environment::new();
    Layout::new()
        .image("small", &with(ROOT.as_bytes()[11..].to_vec(), "root:x:0:\n"))
        .image("large", &with(vec![b'#'; (64 << 20) + 1], "root:x:0:\nweb:x:9:\n"))
        .write(&environment.join("in"));
    for (from, to) in [("small", "large"), ("large", "small")] {
        let (status, report) = environment.json(&["diff", &format!("in:{from}"), &format!("in:{to}")]);
        assert_eq!((status, codes(&report)), (4, vec!["packages.unread warning".to_owned()]), "{report:#}");
        let contents = &report["platforms"][0]["contents"];
        assert_eq!((contents.get("users"), contents["groups"].as_array().unwrap().len()), (None, 1), "{report:#}");
    }
    let told = environment.run(&["diff", "in:small", "in:large"]).out;
    assert!(told.contains("users        whether they differ is not known"), "{told}");
}

#[test]
fn files_and_what_changed_in_them() {
    let old = Image::of(&[
        &owned(&[
            ("content", 0o644, 0, b"1".to_vec()),
            ("mode", 0o644, 0, vec![]),
            ("owner", 0o644, 0, vec![]),
            ("kept", 0o644, 0, b"k".to_vec()),
        ]),
        &layer(&["link->a", "kind->a", "d/", "d/in=1", "gone/", "gone/a=1", "was-directory/", "d-x=1"]),
    ]);
    let new = Image::of(&[
        &owned(&[
            ("content", 0o644, 0, b"2".to_vec()),
            ("mode", 0o755, 0, vec![]),
            ("owner", 0o600, 7, vec![]),
            ("kept", 0o644, 0, b"k".to_vec()),
        ]),
        // No entry for d: it is there all the same.
        &layer(&["link->b", "kind=1", "d/in=1", "new=1", "was-directory=1", "d-x=1"]),
        &layer(&["extra=1"]),
        &layer(&[".wh.extra="]),
    ]);
    let environment = place(&old, &new);
    let (status, report) = environment.json(&["diff", "in:from", "in:to"]);
    assert_eq!(status, 0, "{report:#}");
    let files = &report["platforms"][0]["contents"]["files"];
    assert_eq!([&files["added"], &files["removed"], &files["changed"]], [&json!(1), &json!(2), &json!(6)], "{files:#}");
    let lines: Vec<String> = files["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| {
            let aspects: Vec<&str> = file["aspects"].as_array().unwrap().iter().map(|aspect| aspect.as_str().unwrap()).collect();
            format!("{} {} {}", file["change"].as_str().unwrap(), file["path"].as_str().unwrap(), aspects.join("+")).trim().to_owned()
        })
        .collect();
    let expected = [
        "changed content content",
        "removed gone",
        "removed gone/a",
        "changed kind type",
        "changed link link",
        "changed mode mode",
        "added new",
        "changed owner mode+owner",
        "changed was-directory type",
    ];
    assert_eq!(lines, expected);
    assert_eq!((&files["changes"][5]["was"]["mode"], &files["changes"][5]["is"]["mode"]), (&json!("644"), &json!("755")));
    let brief = environment.ok(&["diff", "in:from", "in:to"]).out;
    assert!(brief.contains("1 added, 2 removed, 6 changed") && !brief.contains("/gone/a"), "{brief}");
    let whole = environment.ok(&["diff", "in:from", "in:to", "--files"]).out;
    assert!(whole.contains("- /gone/a\n") && whole.contains("~ /owner  (mode, owner)\n"), "{whole}");
}

/// The screen of a user stays readable: the first few of each kind, and how many more there are.
#[test]
fn people_get_a_screen() {
    let records = |version: usize| (0..300).fold(String::new(), |text, at| text + &format!("P:p{at:03}\nV:{version}\n\n"));
    let image = |version| of(&[&format!("lib/apk/db/installed={}", records(version))]);
    let environment = place(&image(1), &image(2));
    let told = environment.ok(&["diff", "in:from", "in:to"]).out;
    assert!(told.lines().count() < 30 && told.contains("300 newer") && told.contains("and 296 more"), "{told}");
    let whole = environment.ok(&["diff", "in:from", "in:to", "--files"]).out;
    assert!(whole.contains("p299") && !whole.contains(" more;"), "{whole}");
}

#[test]
fn platforms_are_compared_with_their_own() {
    let (amd, arm) = (of(&["a=1"]), of(&["a=2"]).platform("arm64"));
    let riscv = of(&["a=3"]).platform("riscv64");
    let environment = Environment::new();
    Layout::new()
        .index("from", &[&amd, &arm], json!({}))
        .index("to", &[&arm, &riscv, &of(&["a=4"])], json!({}))
        .index("other", &[&riscv], json!({}))
        .image("arm", &arm)
        .write(&environment.join("in"));
    let (status, report) = environment.json(&["diff", "in:from", "in:to"]);
    assert_eq!((status, &report["outcome"]), (0, &json!("different")), "{report:#}");
    let outcomes: Vec<_> =
        report["platforms"].as_array().unwrap().iter().map(|one| (one["platform"].clone(), one["outcome"].clone())).collect();
    assert_eq!(outcomes, [(json!("linux/amd64"), json!("different")), (json!("linux/arm64"), json!("same"))]);
    assert_eq!((&report["from"]["only"], &report["to"]["only"]), (&json!([]), &json!(["linux/riscv64"])));
    let (status, report) = environment.json(&["diff", "in:from", "in:to", "--platform", "linux/arm64"]);
    assert_eq!((status, &report["outcome"]), (0, &json!("same")));
    let (status, report) = environment.json(&["diff", "in:from", "in:other"]);
    assert_eq!((status, &report["outcome"], &report["findings"][0]["code"]), (4, &json!("unknown"), &json!("diff.platform")), "{report:#}");
    // One image each, for different processors.
    let (status, report) = environment.json(&["diff", "in:other", "in:arm"]);
    let finding = &report["findings"][0];
    assert_eq!((status, &report["outcome"], &finding["code"]), (4, &json!("unknown"), &json!("diff.platform")), "{report:#}");
    assert_eq!((&finding["expected"]["value"], &finding["found"]["value"]), (&json!("linux/riscv64"), &json!("linux/arm64")));
    assert_eq!((&report["platforms"], &report["to"]["only"]), (&json!([]), &json!(["linux/arm64"])));
    environment.refused(&["diff", "in:arm", "in:to", "--platform", "linux/s390x"], "ref.platform", 4);
}

/// What apk and dpkg themselves list of genuine images; the files were counted by walking over the unpacked trees.
/// That only the other image has a platform here says nothing of what this one has, nor of what is based on it.
#[test]
fn platforms_that_are_not_here_are_told() {
    let environment = Environment::new();
    let of = |architecture: &str| Image::of(&[&layer(&[&format!("os={architecture}")])]).platform(architecture);
    let images = [of("amd64"), of("arm64")];
    for place in ["whole", "sparse"] {
        Layout::new().index("os:1", &[&images[0], &images[1]], json!({})).write(&environment.join(place));
    }
    std::fs::remove_file(environment.join("sparse/blobs").join(images[1].digest().replace(':', "/"))).unwrap();
    for words in [
        &["diff", "whole:os:1", "sparse:os:1"][..],
        &["diff", "sparse:os:1", "whole:os:1"],
        &["base", "dependents", "sparse:os:1", "whole"],
    ] {
        let (status, report) = environment.json(words);
        assert!(status == 1 && report.to_string().contains("image.sparse"), "{words:?}: {status} {report:#}");
    }
    let (status, report) = environment.json(&["diff", "whole:os:1", "sparse:os:1", "--platform", "linux/amd64"]);
    assert_eq!((status, report["findings"].as_array().map(Vec::len)), (0, Some(0)), "{report:#}");
}

#[test]
fn genuine_images() {
    let Some(folder) = real::folder("diff::genuine_images") else { return };
    let environment = Environment::new();
    real::copy(&folder, "busybox-1.37-musl-amd64", &environment.join("old"));
    real::copy(&folder, "busybox-1.38-musl-amd64", &environment.join("new"));
    let (status, report) = environment.json(&["diff", "old", "new"]);
    assert_eq!((status, &report["outcome"]), (0, &json!("different")), "{report:#}");
    let contents = &report["platforms"][0]["contents"];
    assert_eq!(contents["packages"], json!({"known": true, "from": {}, "to": {}, "changes": []}));
    let (status, report) = environment.json(&["diff", "old", "old"]);
    assert_eq!((status, &report["outcome"]), (0, &json!("same")), "{report:#}");
}
