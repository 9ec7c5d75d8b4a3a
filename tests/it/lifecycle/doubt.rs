//! What may be said of an image and cannot be read denies it for whoever asks, and what is said of it goes where it goes.

use serde_json::{Value, json};

use crate::referrers::made::{Made, referrer};
use crate::support::image::{INDEX, MANIFEST};
use crate::support::{Contents, Environment, Image, Layout, layer};

/// What is added to a layout, and what it is called.
type Kind<'a> = (&'a str, &'a dyn Fn(&mut Layout));
/// The same, given the outer index, the inner one and a platform.
type Nested<'a> = (&'a str, &'a dyn Fn(&mut Layout, [&Value; 3]));

const AT: [&str; 2] = ["--at", "2026-11-21"];

fn base(name: &str, architecture: &str) -> Image {
    Image::of(&[&layer(&[&format!("os={name}{architecture}")])]).platform(architecture)
}

/// On an edition of `site/os:1`.
fn app_on(base: &Image) -> Image {
    let named = base.and(&[&layer(&["app=1"])]).annotated("org.opencontainers.image.base.name", "site/os:1");
    named.annotated("org.opencontainers.image.base.digest", &base.digest())
}

fn app() -> Image {
    app_on(&base("1", "amd64"))
}

fn descriptor(image: &Image) -> Value {
    json!({"mediaType": MANIFEST, "digest": image.digest(), "size": image.manifest_bytes().len()})
}

/// A statement, dated, that the image is withdrawn.
fn withdrawal(layout: &mut Layout, subject: &Value) -> Made {
    let says = json!({"dev.airbase.lifecycle.status": "withdrawn", "dev.airbase.lifecycle.recorded": "2025-01-01T00:00:00Z"});
    referrer(layout, subject, json!({"artifactType": super::OWN, "annotations": says}))
}

fn listed(layout: &mut Layout, document: &Value, more: Value) -> Value {
    let bytes = serde_json::to_vec(document).unwrap();
    let mut entry = json!({"mediaType": INDEX, "digest": layout.blob(&bytes), "size": bytes.len()});
    entry.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    entry
}

/// `in:site/app:1`, of which these entries may say something, and `bases`.
fn place(add: &dyn Fn(&mut Layout)) -> Environment {
    let environment = Environment::new();
    let mut layout = Layout::new().image("site/app:1", &app());
    add(&mut layout);
    layout.write(&environment.join("in"));
    Layout::new().image("", &base("1", "amd64")).image("site/os:1", &base("2", "amd64")).write(&environment.join("bases"));
    environment
}

#[test]
fn what_may_be_a_statement_and_cannot_be_read_is_missed_by_nobody() {
    let broken = |layout: &mut Layout, bytes: &[u8]| {
        let digest = layout.blob(bytes);
        layout.entry("", json!({"mediaType": MANIFEST, "digest": digest, "size": bytes.len(), "artifactType": super::OWN}));
    };
    let unknown = |layout: &mut Layout, more: Value| {
        let mut entry = json!({"mediaType": MANIFEST, "digest": format!("blake3:{}", "a".repeat(64)), "size": 5});
        entry.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        layout.entry("", entry);
    };
    let tag = app().digest().replace(':', "-");
    let list = |layout: &mut Layout, document: Value| {
        let entry = listed(layout, &document, json!({}));
        layout.entry(&tag, entry);
    };
    let kinds: [Kind<'_>; 10] = [
        ("no JSON", &|layout| broken(layout, b"{\"x\":")),
        ("a list", &|layout| broken(layout, b"[]")),
        ("an empty object", &|layout| broken(layout, b"{}")),
        ("nothing", &|layout| broken(layout, b" ")),
        ("another digest", &|layout| unknown(layout, json!({"artifactType": super::OWN}))),
        ("another digest and no type", &|layout| unknown(layout, json!({}))),
        ("another digest of a subject", &|layout| {
            unknown(layout, json!({"artifactType": super::OWN, "annotations": {"io.containerd.manifest.subject": app().digest()}}));
        }),
        ("a type of its own", &|layout| {
            let made = withdrawal(layout, &descriptor(&app()));
            layout.entry(
                "",
                json!({"mediaType": "application/octet-stream", "digest": made.digest, "size": made.size, "artifactType": super::OWN}),
            );
        }),
        ("what is left of a list", &|layout| list(layout, json!({"schemaVersion": 2, "mediaType": INDEX}))),
        ("a list of null", &|layout| list(layout, json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": null}))),
    ];
    for (what, add) in kinds {
        let environment = place(add);
        let (status, report) = environment.json(&[&["lifecycle", "check", "in:site/app:1"][..], &AT].concat());
        assert_eq!((status, &report["items"][0]["denied"][0]["deny"]), (1, &json!("unreadable")), "{what}: {report:#}");
        for (words, expected) in [
            ("lifecycle check in --at 2026-11-21", 1),
            ("referrers in:site/app:1", 1),
            ("copy in:site/app:1 copied", 1),
            ("index in:site/app:1 -o indexed:x", 1),
            ("collection create suite in:site/app:1 -o collected", 1),
            ("prepare in:site/app:1 --registry r.site", 1),
            ("copy in:site/app:1 docker-archive:copied.tar", 1),
            ("index in:site/app:1 -o docker-archive:indexed.tar", 1),
            ("annotate in:site/app:1 -a x=y -o annotated:x", 1),
            ("batch plan in --bases bases --verdict off", 4),
            ("rebase in:site/app:1 --bases bases --verdict off --dry-run", 1),
        ] {
            let words: Vec<&str> = words.split(' ').collect();
            let shown = environment.run(&words);
            assert_eq!(shown.status, expected, "{what}: {words:?}: {}{}", shown.out, shown.err);
        }
    }
}

/// A map of texts refuses such a value in Go; whoever wrote it meant something by it, so it is no statement that says nothing.
#[test]
fn a_value_that_is_no_text_is_read_or_not_understood() {
    let check = |layout: Layout| {
        let environment = Environment::new();
        layout.write(&environment.join("in"));
        environment.json(&[&["lifecycle", "check", "in:site/app:1"][..], &AT].concat())
    };
    let said = |kind: &str, key: &str, value: Value| {
        let mut layout = Layout::new().image("site/app:1", &app());
        let made = referrer(&mut layout, &descriptor(&app()), json!({"artifactType": kind, "annotations": {key: value}}));
        layout.entry("", made.entry());
        check(layout).1["items"][0]["denied"][0]["deny"].clone()
    };
    let date = "vnd.microsoft.artifact.lifecycle.end-of-life.date";
    let microsoft = |value: Value| said("application/vnd.microsoft.artifact.lifecycle", date, value);
    assert_eq!(microsoft(json!(20_200_101)), json!("end-of-life"));
    assert_eq!(microsoft(json!(["2020-01-01"])), json!("unreadable"));
    assert_eq!(microsoft(Value::Null), Value::Null);
    for value in [json!(5), json!(true), json!({"status": "withdrawn"})] {
        assert_eq!(said(super::OWN, "dev.airbase.lifecycle.status", value.clone()), json!("unreadable"), "{value}");
        // As with a label that is a text and no status.
        let image = app().with("Labels", json!({"dev.airbase.lifecycle.status": value}));
        let (status, report) = check(Layout::new().image("site/app:1", &image));
        assert_eq!((status, &report["findings"][0]["code"]), (1, &json!("lifecycle.unreadable")), "the label {value}: {report:#}");
    }
}

/// One that says that it refers to another image says nothing of this one.
#[test]
fn what_is_tied_to_another_image_denies_that_one_alone() {
    let environment = place(&|layout| {
        let annotations = json!({"io.containerd.manifest.subject": base("2", "amd64").digest()});
        let digest = format!("blake3:{}", "a".repeat(64));
        layout
            .entry("", json!({"mediaType": MANIFEST, "digest": digest, "size": 5, "artifactType": super::OWN, "annotations": annotations}));
    });
    let (_, report) = environment.json(&[&["lifecycle", "check", "in:site/app:1"][..], &AT].concat());
    assert_eq!(report["denied"], json!(0), "{report:#}");
}

/// An index with a child that nobody here can verify was not looked at, whatever is said of it.
#[test]
fn an_image_that_is_not_looked_at_is_no_good_one() {
    let environment = Environment::new();
    let mut layout = Layout::new().image("other", &app());
    let child = layout.store(&base("1", "amd64"));
    let strange = json!({"mediaType": MANIFEST, "digest": format!("blake3:{}", "a".repeat(64)), "size": 5});
    let entry = listed(&mut layout, &json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [child, strange]}), json!({}));
    layout.entry("strange", entry);
    layout.write(&environment.join("in"));
    for verb in ["check", "report"] {
        let (status, report) = environment.json(&[&["lifecycle", verb, "in:strange"][..], &AT].concat());
        assert_eq!(status, 1, "{report:#}");
    }
}

/// `in` has an index `site/all:1` around the index `site/inner:1` of two platforms, and `site/amd64:1`, one of them.
fn nested(add: &dyn Fn(&mut Layout, [&Value; 3])) -> Environment {
    let environment = Environment::new();
    let mut layout = Layout::new();
    let child = |layout: &mut Layout, architecture: &str| layout.store(&base("1", architecture));
    let platforms = [child(&mut layout, "amd64"), child(&mut layout, "arm64")];
    let inner = listed(&mut layout, &json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": platforms}), json!({}));
    let outer = listed(&mut layout, &json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [inner]}), json!({}));
    let plain = descriptor(&base("1", "amd64"));
    add(&mut layout, [&outer, &inner, &plain]);
    layout.entry("site/inner:1", inner);
    layout.entry("site/amd64:1", plain);
    layout.write(&environment.join("in"));
    environment
}

/// Whether the gate is closed at `place`.
fn is_denied(environment: &Environment, place: &str) -> bool {
    environment.json(&[&["lifecycle", "check", place][..], &AT].concat()).1["denied"] != json!(0)
}

#[test]
fn what_an_index_that_stays_behind_says_goes_along() {
    let kinds: [Nested<'_>; 4] = [
        ("an outer index with a name", &|layout, [outer, ..]| {
            layout.entry("site/all:1", outer.clone());
            let made = withdrawal(layout, outer);
            layout.entry("", made.entry());
        }),
        ("an outer index that nothing lists", &|layout, [outer, ..]| {
            let made = withdrawal(layout, outer);
            layout.entry("", made.entry());
        }),
        ("beside a platform in another index", &|layout, [.., plain]| {
            let made = withdrawal(layout, plain);
            let other = listed(layout, &json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [plain, made.entry()]}), json!({}));
            layout.entry("site/other:1", other);
        }),
        ("before a word that is dated in the future", &|layout, [outer, _, plain]| {
            layout.entry("site/all:1", outer.clone());
            let made = withdrawal(layout, outer);
            layout.entry("", made.entry());
            let says = json!({"dev.airbase.lifecycle.status": "active", "dev.airbase.lifecycle.recorded": "2031-01-01T00:00:00Z"});
            let later = referrer(layout, plain, json!({"artifactType": super::OWN, "annotations": says}));
            layout.entry("", later.entry());
        }),
    ];
    for (what, add) in kinds {
        let environment = nested(add);
        assert!(is_denied(&environment, "in:site/inner:1") && is_denied(&environment, "in:site/amd64:1"), "{what}");
        for (number, words) in [
            "copy in:site/inner:1 OUT",
            "copy in:site/amd64:1 OUT",
            "copy in:site/inner:1 OUT --platform linux/amd64",
            "copy in OUT --all",
            "index in:site/inner:1 -o OUT:x",
            "prepare in:site/inner:1 --registry r.site -o OUT",
            "prepare in:site/amd64:1 --registry r.site -o OUT",
        ]
        .iter()
        .enumerate()
        {
            let out = format!("out{number}");
            let words = words.replace("OUT", &out);
            let shown = environment.run(&words.split(' ').collect::<Vec<_>>());
            assert!(shown.status == 0 || words.starts_with("prepare"), "{what}: {words}: {}", shown.err);
            assert!(is_denied(&environment, &out), "{what}: {words}: the gate opened");
        }
    }
}

/// What cannot be read of it does not, and is told.
#[test]
fn what_cannot_go_along_is_told() {
    let environment = nested(&|layout, [_, inner, _]| {
        let made = withdrawal(layout, inner);
        layout.entry(
            "",
            json!({"mediaType": MANIFEST, "digest": made.digest, "size": made.size, "artifactType": super::OWN,
            "annotations": {"io.containerd.manifest.subject": inner["digest"]}}),
        );
    });
    let contents = Contents::of(&environment.join("in"));
    let statement = contents.entries().into_iter().find(|entry| entry["artifactType"] == super::OWN).unwrap();
    std::fs::remove_file(environment.join("in/blobs").join(statement["digest"].as_str().unwrap().replace(':', "/"))).unwrap();
    for words in [
        "copy in:site/inner:1 a",
        "copy in:site/inner:1 b --platform linux/amd64",
        "copy in:site/amd64:1 c",
        "copy in:site/inner:1 docker-archive:d.tar --platform linux/amd64",
        "index in:site/amd64:1 -o e:x",
    ] {
        let (status, report) = environment.json(&words.split(' ').collect::<Vec<_>>());
        assert!(status == 1 && report.to_string().contains("referrer.gone"), "{words}: {status} {report:#}");
    }
}

/// A platform that the new image lacks has no successor.
#[test]
fn an_image_of_one_platform_supersedes_no_other_one() {
    let environment = Environment::new();
    let [app, arm] = ["amd64", "arm64"].map(|architecture| app_on(&base("1", architecture)));
    Layout::new()
        .index("site/app:1", &[&app, &arm], json!({}))
        .image("site/app:2", &app_on(&base("2", "amd64")))
        .write(&environment.join("in"));
    Layout::new()
        .image("", &base("1", "amd64"))
        .image("", &base("1", "arm64"))
        .index("site/os:1", &[&base("2", "amd64"), &base("2", "arm64")], json!({}))
        .write(&environment.join("bases"));
    environment.ok(&["lifecycle", "supersede", "in:site/app:1", "--by", "in:site/app:2"]);
    let (status, report) = environment.json(&["outdated", "in", "--bases", "bases"]);
    assert_eq!((status, &report["outdated"], &report["current"]), (1, &json!(1), &json!(1)), "{report:#}");
    let (status, report) = environment.json(&["lifecycle", "trace", &arm.digest(), "in"]);
    assert!(status == 1 && report.to_string().contains("linux/arm64"), "{report:#}");
    let (status, _) = environment.json(&["lifecycle", "trace", &app.digest(), "in"]);
    assert_eq!(status, 0);
}

/// Of a base whose newest edition is not here, or not for this platform, nobody can say that it is current.
#[test]
fn an_edition_that_is_not_here_may_be_the_newest() {
    let without = |layout: &mut Layout, gone: &[&Image], here: &[&Image]| {
        let children: Vec<Value> = gone
            .iter()
            .map(|image| {
                let mut child = descriptor(image);
                child["platform"] = json!({"os": "linux", "architecture": "amd64"});
                child
            })
            .chain(here.iter().map(|image| layout.store(image)))
            .collect();
        let entry = listed(layout, &json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": children}), json!({}));
        layout.entry("site/os:1", entry);
    };
    let (amd, arm) = (base("2", "amd64"), base("2", "arm64").with_top("created", json!("2030-01-01T00:00:00Z")));
    // Builders that want the same bytes twice write this date: it does not say that the edition is the older one.
    let same = base("2", "arm64").with_top("created", json!("1980-01-01T00:00:00Z"));
    let undated = base("2", "arm64").with_top("created", Value::Null);
    let kinds: [Kind<'_>; 6] = [
        ("without this platform, of no real date", &|layout| without(layout, &[&amd], &[&same])),
        ("without this platform, of no date", &|layout| without(layout, &[&amd], &[&undated])),
        ("without this platform", &|layout| without(layout, &[&amd], &[&arm])),
        ("with nothing", &|layout| without(layout, &[&amd], &[])),
        ("that lost this platform", &|layout| without(layout, &[], &[&arm])),
        ("under another digest", &|layout| {
            layout.entry("site/os:1", json!({"mediaType": MANIFEST, "digest": format!("blake3:{}", "b".repeat(64)), "size": 5}));
        }),
    ];
    for (what, add) in kinds {
        let environment = Environment::new();
        Layout::new().image("site/app:1", &app()).write(&environment.join("in"));
        Layout::new().image("site/os:1", &base("1", "amd64")).write(&environment.join("first"));
        let (status, report) = environment.json(&["outdated", "in", "--bases", "first"]);
        assert_eq!((status, &report["current"]), (0, &json!(1)), "{report:#}");
        let mut second = Layout::new();
        add(&mut second);
        second.write(&environment.join("second"));
        let (status, report) = environment.json(&["outdated", "in", "--bases", "first", "--bases", "second"]);
        assert_eq!((status != 0, &report["current"], &report["unknown"]), (true, &json!(0), &json!(1)), "{what}: {report:#}");
        let shown = environment.run(&["rebase", "in:site/app:1", "--bases", "first", "--bases", "second", "--dry-run"]);
        assert_eq!(shown.status, 4, "{what}: {}{}", shown.out, shown.err);
        let shown = environment.run(&["batch", "plan", "in", "--bases", "first", "--bases", "second"]);
        assert!(shown.out.contains("\"refused\""), "{what}: {}", shown.out);
    }
}

/// The platforms of an annotated index are what they were, and so is what is said of them.
#[test]
fn an_annotated_index_takes_along_what_is_said_of_its_platforms() {
    let environment = nested(&|_, _| {});
    environment.ok(&["lifecycle", "set", "in:site/inner:1", "--eol", "2020-01-01", "--platform", "linux/amd64", "--at", "2025-01-01"]);
    environment.ok(&["annotate", "in:site/inner:1", "-a", "x=y", "-o", "out:x"]);
    assert!(is_denied(&environment, "out"));
}

/// A collection is withdrawn as images are, and its members are images wherever they are listed.
#[test]
fn the_gate_looks_at_collections() {
    let environment = Environment::new();
    Layout::new().image("a:1", &base("1", "amd64")).image("b:1", &base("2", "amd64")).write(&environment.join("in"));
    environment.ok(&["collection", "create", "in:suite", "in:a:1", "in:b:1"]);
    let (_, report) = environment.json(&[&["lifecycle", "check", "in"][..], &AT].concat());
    assert_eq!((&report["checked"], &report["denied"]), (&json!(2), &json!(0)), "{report:#}");
    environment.ok(&["lifecycle", "set", "in:suite", "--status", "withdrawn", "--index-only", "--at", "2025-01-01"]);
    for place in ["in", "in:suite"] {
        assert!(is_denied(&environment, place), "{place}");
    }
    assert!(!is_denied(&environment, "in:a:1"));
    let mut layout = Layout::new().image("good:1", &base("3", "amd64"));
    let mut member = layout.store(&base("1", "amd64"));
    member["annotations"] = json!({"dev.airbase.collection.member": "a:1"});
    let made = withdrawal(&mut layout, &descriptor(&base("1", "amd64")));
    layout.entry("", made.entry());
    let document = json!({"schemaVersion": 2, "mediaType": INDEX, "artifactType": "application/vnd.airbase.collection.v1+json", "manifests": [member]});
    let entry = listed(&mut layout, &document, json!({}));
    layout.entry("suite", entry);
    let digest = layout.digest_of("suite");
    layout.write(&environment.join("members"));
    assert!(is_denied(&environment, "members"));
    // Nobody knows what is in one that cannot be read.
    let mut layout = Layout::new().image("good:1", &base("3", "amd64"));
    let entry = listed(&mut layout, &document, json!({"artifactType": "application/vnd.airbase.collection.v1+json"}));
    layout.entry("suite", entry);
    layout.write(&environment.join("damaged"));
    std::fs::write(environment.join("damaged/blobs").join(digest.replace(':', "/")), "{").unwrap();
    for verb in ["check", "report"] {
        assert_eq!(environment.json(&["lifecycle", verb, "damaged"]).0, 1, "{verb}");
    }
}

/// A stick with statements alone may speak of an index that it does not hold.
#[test]
fn what_another_place_says_of_an_index_holds_for_its_platforms() {
    for inner in [false, true] {
        let environment = Environment::new();
        let mut bases = Layout::new().image("", &base("1", "amd64"));
        let platforms = [bases.store(&base("2", "amd64"))];
        let nested = listed(&mut bases, &json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": platforms}), json!({}));
        let arm = bases.store(&base("2", "arm64"));
        let top = listed(&mut bases, &json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [nested, arm]}), json!({}));
        bases.entry("site/os:1", top.clone());
        bases.write(&environment.join("bases"));
        let new = base("2", "amd64").and(&[&layer(&["app=2"])]).annotated("org.opencontainers.image.base.name", "site/os:1");
        Layout::new().image("site/app:1", &app()).image("site/new:1", &new).write(&environment.join("in"));
        let gate = ["lifecycle", "check", "in:site/new:1", "--bases", "bases", "--bases", "said", "--deny", "base-end-of-life"];
        let gate = [&gate[..], &AT].concat();
        let mut said = Layout::new().image("other:1", &base("9", "amd64"));
        said.write(&environment.join("said"));
        assert_eq!(environment.json(&gate).0, 0);
        let made = withdrawal(&mut said, if inner { &nested } else { &top });
        said.entry("", made.entry());
        said.write(&environment.join("said"));
        assert_eq!(environment.json(&gate).0, 1, "{inner}");
        let (_, report) = environment.json(&[&["lifecycle", "check", "bases", "said"][..], &AT].concat());
        let items = report["items"].as_array().unwrap().iter().filter(|item| item["denied"] != json!([]));
        let denied: String = items.map(Value::to_string).collect();
        assert!(denied.contains(&base("2", "amd64").digest()), "{inner}: {report:#}");
        assert_eq!(denied.contains(&base("2", "arm64").digest()), !inner, "{inner}: {report:#}");
        for verb in [&["outdated", "in"][..], &["rebase", "in:site/app:1", "--dry-run", "--verdict", "off"]] {
            let shown = environment.run(&[verb, &["--bases", "bases", "--bases", "said"]].concat());
            assert!(shown.status != 0 && (shown.out + &shown.err).contains("withdrawn"), "{inner}: {verb:?}");
        }
    }
}
