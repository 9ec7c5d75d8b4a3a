//! `docs/json.md` against what is printed: every member that occurs is listed, with its type and its values, and what is listed
//! occurs. Each document keeps to its published schema, and each schema is of a document that is printed or written here.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::documentation::{
    FINDING, JOURNAL_ITEM, JOURNAL_LAYER, PLAN, PLAN_END, PLAN_ITEM, PROGRESS, RECORD, REFERRER, Row, SETTING, Section, sections,
};
use crate::support::elf::Program;
use crate::support::image::{INDEX, MANIFEST, ReadBack, owned};
use crate::support::{Environment, Image, Layout, layer, schema};

/// Members that no document of this test has, and why.
const NOT_HERE: &[(&str, &str)] = &[
    ("airbase.base-verify/v1 platforms[].evidence[].reason", "the base was named and is here, so nothing is unresolved"),
    ("airbase.verdict/v1 findings[]", "they are those of planning a rebase"),
];

/// Objects whose keys are the image's: labels and annotations.
const MAPS: [&str; 2] = ["labels", "annotations"];

/// The values that occurred at a path; the documents above it are counted, so that it can be told whether it is always there.
#[derive(Debug, Default)]
struct Occurred {
    times: usize,
    values: Vec<Value>,
}

/// What occurred.
#[derive(Debug, Default)]
struct Seen {
    /// The values by schema and path.
    paths: BTreeMap<String, BTreeMap<String, Occurred>>,
    /// Runs that ended otherwise than expected, and documents that are not as their schema says.
    wrong: BTreeSet<String>,
    /// The schemas of the documents.
    schemas: BTreeSet<String>,
}

impl Seen {
    fn note(&mut self, schema: &str, path: &str, value: &Value) {
        let occurred = self.paths.entry(schema.to_owned()).or_default().entry(path.to_owned()).or_default();
        occurred.times += 1;
        occurred.values.push(value.clone());
    }

    fn walk(&mut self, schema: &str, path: &str, value: &Value) {
        self.note(schema, path, value);
        let name = path.rsplit('.').next().unwrap_or_default();
        match value {
            // A finding has its own section, wherever it stands.
            Value::Object(_) if schema != FINDING && (["findings[]", "reasons[]"].contains(&name) || path == "error") => {
                self.walk(FINDING, "", value);
            }
            Value::Object(_) if name == "settings[]" && schema != PLAN => self.walk(SETTING, "", value),
            Value::Object(_) if [REFERRER, "airbase.referrers/v1"].contains(&schema) && name == "referrers[]" => {
                self.walk(REFERRER, "", value);
            }
            Value::Object(members) if MAPS.contains(&name) => {
                members.values().for_each(|value| self.walk(schema, &format!("{path}{{}}"), value));
            }
            Value::Object(members) => {
                for (member, value) in members {
                    let inner = if path.is_empty() { member.clone() } else { format!("{path}.{member}") };
                    self.walk(schema, &inner, value);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.walk(schema, &format!("{path}[]"), item)),
            _ => {}
        }
    }

    /// Runs the program and takes its document.
    fn run(&mut self, environment: &Environment, arguments: &[&str], status: i32) -> Value {
        let (ended, document) = environment.json(arguments);
        if ended != status {
            self.wrong.insert(format!("{arguments:?} ended with {ended}, not {status}: {}", document["error"]));
        }
        let schema = document["schema"].as_str().unwrap().to_owned();
        self.take(&schema, &document);
        document
    }

    /// Takes a document, or a line of one.
    fn take(&mut self, schema: &str, document: &Value) {
        self.walk(schema, "", document);
        self.schemas.insert(schema::file_of(schema));
        self.wrong.extend(schema::check(schema, document).into_iter().map(|text| format!("{schema}{text}")));
    }

    fn times(&self, schema: &str, path: &str) -> usize {
        self.paths.get(schema).and_then(|paths| paths.get(path)).map_or(0, |occurred| occurred.times)
    }
}

/// What is wrong with `value`, if it is not what the row says.
fn contradiction(row: &Row, value: &Value) -> Option<String> {
    let right = match row.kind.as_str() {
        "string" => value.is_string(),
        "digest" => value.as_str().is_some_and(|text| text.starts_with("sha256:") && text.len() == 71),
        "one of" => row.values().contains(value),
        "number" => value.is_u64(),
        "integer" => value.is_i64(),
        "boolean" => value.is_boolean(),
        "object" | "finding" | "referrer" => value.is_object(),
        "list" => value.is_array(),
        _ => false,
    };
    (!right).then(|| format!("{} is no {}: {value}", row.path, row.kind))
}

#[test]
fn every_member_that_occurs_is_documented_and_the_other_way_round() {
    let seen = everything();
    let sections = sections();
    let mut wrong = seen.wrong.clone();
    for (schema, paths) in &seen.paths {
        let rows: Vec<&Row> =
            sections.iter().filter(|section| section.schemas.contains(schema)).flat_map(|section| &section.rows).collect();
        for (path, occurred) in paths {
            let row = rows.iter().find(|row| row.path == *path);
            let leaf = occurred.values.iter().any(|value| !value.is_object() && !value.is_array());
            let finding = path.ends_with("findings[]") || path == "error";
            match row {
                None if (leaf || finding) && path != "schema" => {
                    wrong.insert(format!("{schema}: {path} is not documented: {}", occurred.values[0]));
                }
                Some(row) => wrong
                    .extend(occurred.values.iter().filter_map(|value| contradiction(row, value)).map(|text| format!("{schema}: {text}"))),
                None => {}
            }
        }
        for row in &rows {
            let member = row.path.trim_end_matches("[]").trim_end_matches("{}");
            let parent = member.rsplit_once('.').map_or("", |(parent, _)| parent);
            let (there, whole) = (seen.times(schema, member), seen.times(schema, parent));
            if row.always() && there != whole {
                wrong.insert(format!("{schema}: {} was there {there} times of {whole}", row.path));
            }
        }
    }
    for Section { schemas, rows, .. } in &sections {
        for row in rows {
            let here = schemas.iter().any(|schema| seen.times(schema, &row.path) > 0);
            let excused = NOT_HERE.iter().any(|(path, _)| schemas.iter().any(|schema| *path == format!("{schema} {}", row.path)));
            if here == excused {
                wrong.insert(format!("{schemas:?}: {} {}", row.path, if here { "occurs after all" } else { "never occurred" }));
            }
        }
    }
    let unused = schema::made().into_keys().map(|schema| schema::file_of(&schema)).filter(|file| !seen.schemas.contains(file));
    wrong.extend(unused.map(|file| format!("no document here has docs/schemas/{file}")));
    assert!(wrong.is_empty(), "\n{}", wrong.into_iter().collect::<Vec<_>>().join("\n"));
}

/// Runs every verb in every way that brings out other members.
fn everything() -> Seen {
    let mut seen = Seen::default();
    let environment = place();
    looking(&mut seen, &environment);
    comparing(&mut seen, &environment);
    explaining(&mut seen, &environment);
    judging(&mut seen, &environment);
    moving(&mut seen, &environment);
    writing(&mut seen, &environment);
    batches(&mut seen);
    editions(&mut seen);
    living(&mut seen, &environment);
    referring(&mut seen, &environment);
    shipping(&mut seen, &environment);
    fs::write(environment.join("site.toml"), "registry = \"registry.site/team\"").unwrap();
    for arguments in [&["demo", "story"][..], &["explain"], &["explain", "blob.missing"], &["config", "--config", "site.toml"]] {
        seen.run(&environment, arguments, 0);
    }
    seen.run(&environment, &["prepare", "ship", "--config", "site.toml"], 1);
    let outcome = environment.run(&["fsck", "apps", "--format", "json", "--progress", "json"]);
    assert!(!outcome.err.is_empty());
    for line in outcome.err.lines() {
        seen.take(PROGRESS, &serde_json::from_str(line).unwrap());
    }
    seen
}

/// Two editions of a base under one name, an app on the old one, and an image from scratch.
fn editions(seen: &mut Seen) {
    let environment = Environment::new();
    let newer = new().with_top("created", json!("2024-06-01T00:00:00Z"));
    Layout::new().image("registry.example/os:12", &old()).write(&environment.join("bases/old"));
    Layout::new().image("registry.example/os:12", &newer).write(&environment.join("bases/new"));
    Layout::new()
        .image("app:1", &old().and(&[&layer(&["app=1"])]))
        .image("static:1", &Image::of(&[&layer(&["static=1"])]).annotated(NAME, "scratch"))
        .write(&environment.join("apps"));
    seen.run(&environment, &["base", "show", "apps:static:1", "--bases", "bases"], 0);
    seen.run(&environment, &["outdated", "apps", "--bases", "bases"], 1);
    seen.run(&environment, &["rebase", "apps:app:1", "--bases", "bases", "--dry-run"], 0);
    let plan = environment.ok(&["batch", "plan", "apps", "--bases", "bases"]).out;
    for item in crate::batch::items(&plan) {
        seen.take(PLAN_ITEM, &item);
    }
}

const NAME: &str = "org.opencontainers.image.base.name";
const DIGEST: &str = "org.opencontainers.image.base.digest";

fn old() -> Image {
    Image::of(&[&layer(&["etc/", "etc/os-release=old"]), &layer(&["lib=1"])]).with("Env", json!(["A=1", "GONE=1"])).with("User", json!("1"))
}

fn new() -> Image {
    Image::of(&[&layer(&["etc/", "etc/os-release=new"]), &layer(&["lib=2"])])
        .with("Env", json!(["A=2", "ADDED=1"]))
        .with("User", json!("2"))
}

fn app_on(base: &Image) -> Image {
    base.and(&[&layer(&["app=1", "link->app"])])
        .with("User", json!("3"))
        .with("WorkingDir", json!("/srv"))
        .with("ExposedPorts", json!({"80/tcp": {}}))
        .with("Volumes", json!({"/srv/data": {}}))
        .with("Healthcheck", json!({"Test": ["CMD", "/app", "check"]}))
        .with("StopSignal", json!("SIGQUIT"))
        .with("Entrypoint", json!(["/app"]))
        .with("Cmd", json!(["serve"]))
        .with("Labels", json!({"org.opencontainers.image.version": "1.4"}))
        .annotated("org.opencontainers.image.title", "shop")
        .annotated(NAME, "registry.example/os:12")
}

/// `bases`: the old base without its name, the new one with it. `apps`: one image in every standing, an index, an artifact that
/// refers to one, an image without a platform, and what is no image.
fn place() -> Environment {
    let environment = Environment::new();
    let (old, new) = (old(), new());
    let mut bases = Layout::new()
        .image("registry.example/os:11", &old)
        .image("registry.example/os:12", &new)
        .image("registry.example/empty:1", &Image::of(&[]))
        .index("registry.example/two:2", &[&new, &new.clone().platform("arm64")], json!({}))
        .index("registry.example/two:1", &[&old, &old.clone().platform("arm64"), &old.clone().platform("s390x")], json!({}));
    bases.blob(b"nobody names me");
    bases.write(&environment.join("bases"));
    let stale = app_on(&old).annotated(DIGEST, &old.digest());
    let stranger = Image::of(&[&layer(&["x=1"])]).annotated(NAME, "registry.example/os:12").annotated(DIGEST, &old.digest());
    let nowhere = Image::of(&[&layer(&["y=1"])]).annotated(NAME, "registry.example/none:1");
    let bare =
        old.and(&[&layer(&["z=1"])]).with_top("os", Value::Null).with_top("architecture", Value::Null).with_top("created", Value::Null);
    let mut apps = Layout::new()
        .image("stale:1", &stale)
        .image("current:1", &app_on(&new).annotated(DIGEST, &new.digest()))
        .image("stranger:1", &stranger)
        .image("nowhere:1", &nowhere)
        .image("bare:1", &bare);
    let artifact = |layout: &mut Layout, more: Value| {
        let empty = layout.blob(b"{}");
        let config = json!({"mediaType": "application/vnd.oci.empty.v1+json", "digest": empty, "size": 2});
        let mut document = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [config]});
        for (key, value) in more.as_object().unwrap() {
            document[key] = value.clone();
        }
        let bytes = serde_json::to_vec(&document).unwrap();
        json!({"mediaType": MANIFEST, "digest": layout.blob(&bytes), "size": bytes.len()})
    };
    let subject = json!({"mediaType": MANIFEST, "digest": stale.digest(), "size": stale.manifest_bytes().len()});
    let sbom = json!({"artifactType": "application/vnd.example.sbom", "subject": subject, "annotations": {"made.by": "hand"}});
    let referrer = artifact(&mut apps, sbom);
    apps.entry("", referrer);
    let mut attestation = artifact(&mut apps, json!({}));
    let on = |platform: &str| app_on(&old).platform(platform).annotated(DIGEST, &old.clone().platform(platform).digest());
    let images = [on("amd64"), on("arm64"), on("s390x")];
    attestation["platform"] = json!({"os": "unknown", "architecture": "unknown"});
    attestation["annotations"] =
        json!({"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": images[0].digest()});
    let mut manifests: Vec<Value> = images.iter().map(|image| apps.store(image)).collect();
    manifests.push(attestation);
    let index = serde_json::to_vec(&json!({
        "schemaVersion": 2, "mediaType": INDEX, "manifests": manifests,
        "annotations": {NAME: "registry.example/two:1", "org.opencontainers.image.vendor": "example"},
    }))
    .unwrap();
    let digest = apps.blob(&index);
    apps.entry("many:1", json!({"mediaType": INDEX, "digest": digest, "size": index.len()}));
    let text = apps.blob(b"text");
    apps.entry("text:1", json!({"mediaType": "text/plain", "digest": text, "size": 4}));
    apps.write(&environment.join("apps"));
    Layout::new().image("stale:1", &stale).write_archive(&environment.join("shop.tar"));
    // A damaged one: a layer is missing, another one has other bytes, and something that is no blob lies there.
    let mut damaged = Layout::new().image("stale:1", &stale).image("nowhere:1", &nowhere);
    damaged.blobs.remove(&stale.layers[2].digest());
    damaged.blobs.insert(nowhere.layers[0].digest(), b"other bytes".to_vec());
    damaged.blobs.insert("sha256:stray".to_owned(), b"stray".to_vec());
    damaged.write(&environment.join("damaged"));
    let mut unreadable = Layout::new().image("app:1", &stale);
    unreadable.blobs.remove(&stale.digest());
    unreadable.write(&environment.join("ill/unreadable"));
    fs::create_dir_all(environment.join("ill/none/blobs")).unwrap();
    fs::write(environment.join("ill/none/oci-layout"), "{").unwrap();
    fs::write(environment.join("ill/none/index.json"), "{").unwrap();
    environment
}

fn looking(seen: &mut Seen, environment: &Environment) {
    fs::create_dir(environment.join("nothing")).unwrap();
    for (arguments, status) in [
        (&["inspect", "apps"][..], 0),
        (&["inspect", "apps", "shop.tar", "--all", "--bases", "bases"], 1),
        (&["inspect", "bases", "--all"], 0),
        (&["inspect", "damaged"], 0),
        (&["inspect", "ill"], 3),
        (&["ls", "apps:stale:1"], 0),
        (&["ls", "apps:bare:1"], 0),
        (&["fsck", "apps"], 0),
        (&["fsck", "bases", "shop.tar", "--level", "0"], 0),
        (&["fsck", "damaged"], 1),
        (&["fsck", "ill"], 3),
        (&["fsck", "nothing"], 4),
        (&["inspect", "none"], 2),
        (&["inspect", "apps:stle:1"], 4),
        (&["ls", "apps"], 4),
        (&["ls", "apps:many:1"], 4),
        (&["ls", "damaged:nowhere:1"], 3),
    ] {
        seen.run(environment, arguments, status);
    }
}

/// Two images that differ in everything, one whose layer is missing, and one without a platform.
fn comparing(seen: &mut Seen, environment: &Environment) {
    let library = |text| Program { soname: "liba.so.1", text, ..Program::default() }.bytes();
    let base = |edition: &str, text| {
        let os = format!("ID=os\nVERSION_ID={edition}\nPRETTY_NAME='Os {edition}'\n").into_bytes();
        let user = format!("root:x:0:0::/:/bin/sh\nu{edition}:x:1:1::/:/bin/sh\n").into_bytes();
        let status = format!("Package: a\nVersion: {edition}\nArchitecture: all\n\nPackage: p{edition}\nVersion: 1\n").into_bytes();
        let apk = format!("P:b\nV:{}\nA:x86_64\n\nP:c\nV:_{edition}\n", 9 - edition.len()).into_bytes();
        Image::of(&[&owned(&[
            ("etc/os-release", 0o644, 0, os),
            ("etc/passwd", 0o644, 0, user.clone()),
            ("etc/group", 0o644, 0, user),
            ("var/lib/dpkg/status.d/a", 0o644, 0, status),
            ("lib/apk/db/installed", 0o644, 0, apk),
            ("lib/liba.so.1", 0o644, 0, library(text)),
            (if edition == "1" { "mine" } else { "yours" }, 0o644, 0, Vec::new()),
            ("rights", if edition == "1" { 0o644 } else { 0o600 }, u64::from(edition == "1"), Vec::new()),
        ])])
    };
    let (old, new) = (base("1", "a"), base("10", "b"));
    let app = |base: &Image, number: &str| {
        let link = format!("link->{number}");
        let kind = if number == "1" { "kind=" } else { "kind->a" };
        base.and(&[&layer(&[&link, kind, "gone/"])])
            .with("Env", json!([format!("A={number}"), format!("B{number}=1")]))
            .with("Cmd", json!([number]))
    };
    let nameless = |image: Image| image.with_top("os", Value::Null).with_top("architecture", Value::Null).with_top("history", Value::Null);
    let (first, second) = (app(&old, "1"), app(&new, "2"));
    let lost = Image::of(&[&layer(&["lost=1"])]);
    let mut layout = Layout::new()
        .image("old", &old)
        .image("new", &new)
        .image("first", &first)
        .image("second", &second)
        .image("nameless", &nameless(first.clone()))
        .image("other", &nameless(Image::of(&[&layer(&["a=1"])])))
        .image("lost", &lost)
        .index("many", &[&first, &first.clone().platform("arm64")], json!({}))
        .index("more", &[&first, &first.clone().platform("s390x")], json!({}))
        .index("none", &[&first.clone().platform("riscv64")], json!({}));
    layout.blobs.remove(&lost.layers[0].digest());
    layout.write(&environment.join("compared"));
    for (from, to, status) in [
        ("first", "second", 0),
        ("second", "first", 0),
        ("first", "first", 0),
        ("nameless", "other", 0),
        ("other", "nameless", 0),
        ("lost", "lost", 4),
        ("many", "more", 0),
        ("many", "none", 4),
    ] {
        seen.run(environment, &["diff", &format!("compared:{from}"), &format!("compared:{to}")], status);
    }
}

/// Every event and every fate of a file and of a package, with both kinds of databases.
fn explaining(seen: &mut Seen, environment: &Environment) {
    let dpkg = |versions: &[(&str, &str)]| {
        let stanza = |(name, version): &(&str, &str)| format!("Package: {name}\nVersion: {version}\nArchitecture: all\n\n");
        format!("var/lib/dpkg/status={}", versions.iter().map(stanza).collect::<String>())
    };
    let list = |name: &str| format!("var/lib/dpkg/info/{name}.list=/{name}\n/link\n");
    let apk = |name: &str| {
        format!("lib/apk/db/installed=P:{name}\nV:1\nA:x86_64\nR:{name}\nF:\nR:other\n\n")
            .replace(&format!("R:{name}\n"), &format!("F:\nR:{name}\n"))
    };
    let base = |version: &str, text: &str, more: &[&str]| {
        let mut files = vec![dpkg(&[("a", version), (text, "1"), ("fixed", version)]), list("a"), list("fixed"), apk("z")];
        files.extend([
            format!("a={text}"),
            format!("fixed={text}"),
            format!("other={text}"),
            "z=1".to_owned(),
            "link->a".to_owned(),
            "d/in=1".to_owned(),
        ]);
        files.extend(more.iter().map(|file| (*file).to_owned()));
        Image::of(&[&layer(&files.iter().map(String::as_str).collect::<Vec<_>>())])
    };
    let (old, new) = (base("1", "p", &["gone=1", "opaque/a=1", "way->d", "d/x=1"]), base("2", "q", &["arrives=1"]));
    let hard = {
        let mut builder = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(tar::EntryType::Link);
        header.set_size(0);
        builder.append_link(&mut header, "hard", "a").unwrap();
        let tar = builder.into_inner().unwrap();
        crate::support::Layer { media_type: crate::support::image::LAYER.to_owned(), blob: tar.clone(), tar }
    };
    let own =
        [dpkg(&[("a", "3"), ("fixed", "1"), ("mine", "_")]), list("mine"), "mine=1".to_owned(), "fixed=own".to_owned(), "a=own".to_owned()];
    let own: Vec<&str> = own.iter().map(String::as_str).collect();
    let app = old.and(&[
        &layer(&own),
        &hard,
        &layer(&["z=1", "other=own", "d->opaque", "opaque/.wh..wh..opq=", "way/x=1", &dpkg(&[("a", "2"), ("fixed", "1"), ("mine", "_1")])]),
        &owned(&[("z", 0o755, 1, b"1".to_vec()), ("mine", 0o644, 0, b"2".to_vec())]),
        &layer(&["mine->a", &dpkg(&[("fixed", "1"), ("mine", "_1")]), ".wh.gone="]),
        &layer(&["mine->z"]),
    ]);
    let nameless = app.clone().with_top("os", Value::Null).with_top("architecture", Value::Null).with_top("history", Value::Null);
    let seamed = app.clone().annotated("dev.airbase.base.layers", "1");
    Layout::new()
        .image("old", &old)
        .image("new", &new)
        .image("app", &app)
        .image("nameless", &nameless)
        .image("seamed", &seamed)
        .write(&environment.join("asked"));
    Layout::new().image("app", &app).image("seamed", &seamed).write(&environment.join("alone"));
    let onto = ["--from", "asked:old", "--onto", "asked:new"];
    for (what, moved) in [
        ("/a", 0),
        ("/fixed", 0),
        ("/other", 0),
        ("/z", 0),
        ("/mine", 0),
        ("/link", 0),
        ("/hard", 0),
        ("/gone", 4),
        ("/arrives", 0),
        ("/d/in", 4),
        ("/opaque/a", 4),
        ("/none", 4),
        ("/way/x", 0),
        ("a", 0),
        ("fixed", 0),
        ("mine", 0),
        ("z", 0),
        ("p", 4),
        ("q", 0),
    ] {
        seen.run(environment, &[&["why", "asked:app", what][..], &onto].concat(), moved);
    }
    seen.run(environment, &["why", "asked:nameless", "/a"], 0);
    seen.run(environment, &["why", "alone:app", "/a"], 0);
    seen.run(environment, &["why", "alone:seamed", "/a"], 0);
}

fn judging(seen: &mut Seen, environment: &Environment) {
    let onto = ["--bases", "bases", "--onto", "bases:registry.example/two:2"];
    seen.run(environment, &[&["verdict", "apps:stale:1"][..], &onto].concat(), 4);
    seen.run(environment, &["verdict", "apps:bare:1", "--bases", "bases", "--onto", "bases:registry.example/os:12"], 4);
    let list = "var/lib/dpkg/status.d/b=Package: b\nVersion: 1\nArchitecture: all\n\n";
    let sums = "var/lib/dpkg/status.d/b.md5sums=d41d8cd98f00b204e9800998ecf8427e  a.pem\n";
    let apk = "lib/apk/db/installed=P:a\nV:1-r0\nA:noarch\nF:\nR:a.pem\n\n";
    let told = Image::of(&[&layer(&["a.pem=1", "etc/", "etc/passwd=web:x:9:9::/:/\n", list, sums, apk])]);
    Layout::new()
        .image("old", &told)
        .image("new", &Image::of(&[&layer(&["a.pem=2", "etc/", "etc/passwd=root:x:0:0::/:/\n", list, sums, apk])]))
        .image("app", &told.and(&[&layer(&["a.pem=3"])]).with("Cmd", json!(["/absent"])))
        .image("stopped", &told.and(&[&layer(&["b=1"])]).with("User", json!("web")))
        .write(&environment.join("told"));
    seen.run(environment, &["verdict", "told:app", "--from", "told:old", "--onto", "told:new"], 4);
    fs::write(environment.join("policy"), "[[rule]]\ncode = 'verdict.user'\naction = 'accept'\nreason = 'none'\n").unwrap();
    seen.run(environment, &["verdict", "told:stopped", "--from", "told:old", "--onto", "told:new", "--policy", "policy"], 4);
    for image in ["stale", "current", "stranger", "nowhere", "bare", "many"] {
        let image = format!("apps:{image}:1");
        for more in [&[][..], &["--bases", "bases"]] {
            let (_, document) = environment.json(&[&["base", "show", &image][..], more].concat());
            seen.take("airbase.base-show/v1", &document);
        }
        for base in ["os:11", "os:12", "two:1", "empty:1"] {
            let base = format!("bases:registry.example/{base}");
            let (_, document) = environment.json(&["base", "verify", &image, "--base", &base]);
            let schema = document["schema"].as_str().unwrap().to_owned();
            seen.take(&schema, &document);
        }
    }
    seen.run(environment, &["base", "show", "apps:stale:1", "--bases", "bases", "--bases", "ill"], 3);
    seen.run(environment, &["base", "dependents", "bases:registry.example/os:11", "apps", "ill"], 3);
    seen.run(environment, &["outdated", "apps", "bases", "--bases", "bases"], 1);
    seen.run(environment, &["outdated", "ill", "--bases", "bases"], 3);
}

fn moving(seen: &mut Seen, environment: &Environment) {
    let os = ["rebase", "apps:stale:1", "--bases", "bases"];
    for (more, status) in
        [(&["--dry-run"][..], "planned"), (&["--dry-run", "-o", "moved:stale:2"], "planned"), (&["-o", "moved:stale:2"], "written")]
    {
        assert_eq!(seen.run(environment, &[&os[..], more].concat(), 0)["status"], status);
    }
    let told = ["rebase", "told:app", "--from", "told:old", "--onto", "told:new", "--dry-run"];
    seen.run(environment, &told, 0);
    seen.run(environment, &[&told[..], &["--verdict", "off"]].concat(), 0);
    seen.run(environment, &["rebase", "told:stopped", "--from", "told:old", "--onto", "told:new", "--dry-run"], 4);
    let accept = ["--accept", "verdict.user"];
    seen.run(environment, &[&["rebase", "told:stopped", "--from", "told:old", "--onto", "told:new", "--dry-run"][..], &accept].concat(), 0);
    let again = ["rebase", "apps:current:1", "--bases", "bases", "-o", "moved:current:2"];
    let current = seen.run(environment, &again, 0);
    assert_eq!((&current["status"], current.get("result"), current.get("output")), (&json!("current"), None, None));
    let many = ["rebase", "apps:many:1", "--bases", "bases", "--onto", "bases:registry.example/two:2", "-o", "moved.tar"];
    seen.run(environment, &many, 4);
    seen.run(environment, &[&many[..], &["--on-missing-platform", "keep-old"]].concat(), 0);
    let onto = ["--onto", "bases:registry.example/os:12", "-o", "docker-archive:seam.tar:seam:1"];
    seen.run(environment, &[&["rebase", "apps:stranger:1", "--seam-layers", "0"][..], &onto].concat(), 0);
    let accepted = ["rebase", "told:stopped", "--from", "told:old", "--onto", "told:new", "-o", "moved:told:1"];
    seen.run(environment, &[&accepted[..], &accept].concat(), 0);
    for (place, name) in [("moved", "stale:2"), ("moved", "told:1")] {
        let manifest = ReadBack::open(&environment.join(place)).named(name);
        let mut record = manifest["annotations"].clone();
        let is_ours = |key: &str| key.starts_with("dev.airbase.") || key.starts_with("org.opencontainers.image.base.");
        record.as_object_mut().unwrap().retain(|key, _| is_ours(key));
        seen.take(RECORD, &record);
    }
    environment.ok(&["copy", "apps:bare:1", "moved:taken:1"]);
    seen.run(environment, &[&os[..], &["-o", "moved:taken:1"]].concat(), 0);
}

fn writing(seen: &mut Seen, environment: &Environment) {
    seen.run(environment, &["copy", "apps", "copied", "--all"], 0);
    seen.run(environment, &["copy", "bases:registry.example/os:11", "copied.tar"], 0);
    let bare = format!("apps@{}", old().and(&[&layer(&["z=1"])]).digest());
    let _ = environment.json(&["copy", &bare, "bare"]);
    // A blob of the target that has other bytes is replaced, which is told.
    let spoil =
        |what: &str| fs::write(environment.join(what).join("blobs").join(old().layers[0].digest().replace(':', "/")), "spoilt").unwrap();
    spoil("copied");
    seen.run(environment, &["copy", "bases:registry.example/os:11", "copied:again:1"], 0);
    spoil("copied");
    seen.run(environment, &["annotate", "shop.tar", "-a", "k=v", "-o", "copied:annotated:1"], 0);
    spoil("copied");
    seen.run(environment, &["index", "bases:registry.example/os:11", "-o", "copied:assembled:1"], 0);
    for arguments in [
        &["tag", "copied:stale:1", "stale:2", "stale:3"][..],
        &["tag", "copied:stale:1", "stale:2"],
        &["untag", "copied:stale:2"],
        &["annotate", "copied:stale:3", "-a", "k=v", "-t", "stale:4"],
        &["base", "set", "copied:stale:3", "--base", "bases:registry.example/os:11", "-o", "set.tar"],
        &["tag", "copied:stale:1", "again:1"],
        &["copy", "bases:registry.example/os:12", "copied:again:1"],
        &["copy", "bases:registry.example/os:11", "marked:os:1"],
        &["copy", "bases:registry.example/os:11", "marked:os:2"],
        &["copy", "bases:registry.example/os:12", "marked:os:1", "--supersede"],
        &["tag", "marked:os:1", "os:2", "--supersede"],
    ] {
        seen.run(environment, arguments, 0);
    }
    seen.run(environment, &["base", "set", "copied:stale:3", "--base", "bases:registry.example/os:12", "-o", "set2.tar"], 4);
}

/// Batches: a chain, an index, an image without a name, what cannot be moved, and what fails.
fn batches(seen: &mut Seen) {
    let environment = place();
    let labels = json!({
        "org.opencontainers.image.source": "https://git.example/app",
        "org.opencontainers.image.revision": "abc",
        "org.opencontainers.image.version": "1",
    });
    let (newer, old) = (new().with_top("created", json!("2024-06-01T00:00:00Z")), old());
    let runtime = old.and(&[&layer(&["runtime=1"])]);
    let older = Layout::new().index("registry.example/two:0", &[&old, &old.clone().platform("arm64")], json!({}));
    let on = |platform: &str| app_on(&old).platform(platform).annotated(DIGEST, &older.digest_of("registry.example/two:0"));
    let two = [on("amd64"), on("arm64")].map(|image| image.annotated(NAME, "registry.example/two:1"));
    let gone = Image::of(&[&layer(&["gone=1"])]).annotated(NAME, "registry.example/gone:1").with("Labels", labels.clone());
    let bare = old.and(&[&layer(&["z=1"])]).with_top("os", Value::Null).with_top("architecture", Value::Null);
    let seam = Image::of(&[&layer(&["x=1"]), &layer(&["y=1"])])
        .annotated("dev.airbase.base.layers", "1")
        .annotated(NAME, "registry.example/os:12");
    let apps = Layout::new()
        .image("registry.example/os:12", &old)
        .image("site/runtime:1", &runtime.clone().annotated(NAME, "registry.example/os:12"))
        .image("site/app:1", &runtime.and(&[&layer(&["app=1"])]).with("Labels", labels))
        .image("site/on-gone:1", &gone.and(&[&layer(&["on=1"])]))
        .image("site/gone:1", &gone)
        .image("site/seam:1", &seam)
        .image("", &bare.annotated(NAME, "registry.example/os:12"))
        .index("site/two:1", &[&two[0], &two[1]], json!({}));
    apps.write(&environment.join("many/apps"));
    fs::write(environment.join("many/broken.tar"), vec![b'x'; 2000]).unwrap();
    fs::write(environment.join("many/broken.tar.bz2"), b"BZh9 and so on").unwrap();
    let two = Layout::new().image("registry.example/os:12", &newer).index(
        "registry.example/two:1",
        &[&newer, &newer.clone().platform("arm64")],
        json!({}),
    );
    two.write(&environment.join("newer"));
    older.write(&environment.join("older"));
    let plan = |more: &[&str]| {
        let arguments = ["batch", "plan", "many", "--bases", "newer", "--bases", "older"];
        // Among the inputs are some that cannot be read.
        let outcome = environment.run(&[&arguments[..], more].concat());
        assert_eq!(outcome.status, 3, "{}", outcome.err);
        fs::write(environment.join("plan.jsonl"), &outcome.out).unwrap();
        outcome.out
    };
    // One that would not run, since nobody of that name is there any more.
    let with = |user: &str| Image::of(&[&layer(&["etc/", &format!("etc/passwd={user}:x:9:9::/:/\n")])]);
    let user = with("web").and(&[&layer(&["b=1"])]).with("User", json!("web")).annotated(NAME, "registry.example/user:1");
    Layout::new().image("site/user:1", &user.annotated(DIGEST, &with("web").digest())).write(&environment.join("user"));
    let newer_user = with("other").with_top("created", json!("2024-06-01T00:00:00Z"));
    Layout::new().image("registry.example/user:1", &newer_user).image("former", &with("web")).write(&environment.join("users"));
    // An index of which one platform is here.
    let arm = on("arm64").annotated(NAME, "registry.example/two:1");
    Layout::new()
        .index("site/half:1", &[&on("amd64").annotated(NAME, "registry.example/two:1"), &arm], json!({}))
        .write(&environment.join("half"));
    fs::remove_file(environment.join("half/blobs").join(arm.digest().replace(':', "/"))).unwrap();
    let half =
        |option: [&str; 2]| environment.ok(&[&["batch", "plan", "half", "--bases", "newer", "--bases", "older"][..], &option].concat()).out;
    let halves = [half(["--platform", "linux/amd64"]), half(["--sparse", "filter"])];
    let many = [&["--name", "{file}/{name}:{tag}", "--allow", "major", "--only", "*@*", "--prefer", "app", "--map", "a=b"][..], &[]];
    fs::write(environment.join("policy"), "[[rule]]\ncode = 'verdict.hidden_fix'\naction = 'warn'\nreason = 'none'\n").unwrap();
    let users = |more: &[&str]| environment.ok(&[&["batch", "plan", "user", "--bases", "users"][..], more].concat()).out;
    let user = [users(&["--accept", "verdict.user"]), users(&["--policy", "policy", "--deny", "hidden-fix"])];
    for text in halves.into_iter().chain(user).chain(many.into_iter().map(plan)) {
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        for line in &lines {
            let schema = match (line.get("schema"), line.get("end")) {
                (Some(_), _) => PLAN,
                (_, Some(_)) => PLAN_END,
                _ => PLAN_ITEM,
            };
            seen.take(schema, line);
        }
    }
    // A layer of the runtime is damaged: it fails, and what stands on it is held.
    let damaged = environment.join("many/apps/blobs").join(runtime.layers[2].digest().replace(':', "/"));
    fs::write(&damaged, vec![0; runtime.layers[2].blob.len()]).unwrap();
    let apply = ["batch", "apply", "plan.jsonl", "-o", "batched"];
    seen.run(&environment, &apply, 3);
    seen.run(&environment, &["batch", "report", "plan.jsonl", "batched"], 1);
    seen.run(&environment, &["batch", "report", "plan.jsonl", "nowhere"], 1);
    seen.run(&environment, &["batch", "merge", "batched"], 1);
    fs::write(&damaged, &runtime.layers[2].blob).unwrap();
    seen.run(&environment, &apply, 0);
    let spoilt = environment.join("batched/blobs").join(newer.layers[0].digest().replace(':', "/"));
    fs::write(spoilt, "spoilt").unwrap();
    seen.run(&environment, &[&apply[..], &["--verify", "content"]].concat(), 0);
    seen.run(&environment, &[&apply[..], &["--as", "archives"]].concat(), 0);
    seen.run(&environment, &["batch", "apply", "plan.jsonl", "-o", "sharded", "--shard", "1/1"], 0);
    seen.run(&environment, &["batch", "merge", "sharded"], 0);
    seen.run(&environment, &["batch", "merge", "sharded"], 0);
    for output in ["batched", "sharded"] {
        journals(seen, &environment.join(output).join("airbase-batch"));
    }
    // A name of the batch stands on something else.
    environment.ok(&["copy", "many/apps:site/two:1", "forced:site/app:1"]);
    seen.run(&environment, &["batch", "apply", "plan.jsonl", "-o", "forced", "--overwrite"], 0);
    seen.run(&environment, &["batch", "apply", "plan.jsonl", "-o", "many/apps", "--supersede", "--shard", "1/1"], 0);
    // Old images are marked, but one, on which a statement is damaged by then; on another list stands something that is gone.
    let (_, attached) = environment.json(&["attach", "many/apps:site/runtime:1", "--type", "application/x-note"]);
    let gone = attached["attached"][0]["digest"].as_str().unwrap().replace(':', "/");
    fs::remove_file(environment.join("many/apps/blobs").join(gone)).unwrap();
    let (_, set) = environment.json(&["lifecycle", "set", "many/apps:site/two:1", "--status", "deprecated"]);
    let statement = environment.join("many/apps/blobs").join(set["subjects"][0]["statement"].as_str().unwrap().replace(':', "/"));
    fs::write(&statement, vec![b' '; fs::read(&statement).unwrap().len()]).unwrap();
    seen.run(&environment, &["batch", "merge", "many/apps"], 1);
    seen.run(&environment, &["batch", "apply", "plan.jsonl", "-o", "many/apps", "--supersede"], 3);
}

/// The lines of the journals in a folder.
fn journals(seen: &mut Seen, folder: &Path) {
    let plans = fs::read_dir(folder).unwrap().map(|plan| plan.unwrap().path());
    for file in plans.flat_map(|plan| fs::read_dir(plan).unwrap()).map(|file| file.unwrap()) {
        let path = file.path();
        if file.file_name() == "plan.jsonl" || path.extension().is_none_or(|ending| ending != "jsonl") {
            continue;
        }
        for line in fs::read_to_string(path).unwrap().lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            seen.take(if line.get("blob").is_some() { JOURNAL_LAYER } else { JOURNAL_ITEM }, &line);
        }
    }
}

/// Referrers of an index and its platforms, with and without names, listed in every way, and one that was removed.
fn referring(seen: &mut Seen, environment: &Environment) {
    // A list of referrers that names one that is not there.
    let image = Image::of(&[&layer(&["w=1"])]);
    let mut listing = Layout::new().image("w:1", &image);
    let child = json!({"mediaType": MANIFEST, "digest": crate::support::image::digest(b"gone"), "size": 4});
    let list = serde_json::to_vec(&json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [child]})).unwrap();
    let digest = listing.blob(&list);
    listing.entry(&image.digest().replace(':', "-"), json!({"mediaType": INDEX, "digest": digest, "size": list.len()}));
    listing.write(&environment.join("listing"));
    let attached = seen.run(environment, &["attach", "listing:w:1", "--type", "application/x-report", "-o", "attached.tar"], 1);
    seen.run(environment, &["copy", "attached.tar:w:1", "listing"], 0);
    for asked in [&["referrers", "listing:w:1"][..], &["lifecycle", "check", "listing"], &["lifecycle", "show", "listing:w:1"]] {
        seen.run(environment, asked, 1);
    }
    seen.run(environment, &["doctor", "listing"], 1);
    seen.run(environment, &["detach", "listing:w:1", attached["attached"][0]["digest"].as_str().unwrap()], 0);
    seen.run(environment, &["copy", "apps", "layout", "--all"], 0);
    let supersede =
        ["rebase", "layout:many:1", "--bases", "bases", "--onto", "bases:registry.example/two:2", "--supersede", "--tag", "many:3"];
    seen.run(environment, &[&supersede[..], &["--on-missing-platform", "keep-old"]].concat(), 0);
    seen.run(environment, &[&supersede[..], &["--on-missing-platform", "keep-old"]].concat(), 0);
    seen.run(environment, &["doctor", "apps"], 1);
    seen.run(environment, &["attach", "layout:many:1", "--type", "application/x-report", "--all", "-a", "k=v"], 0);
    let stale = environment.json(&["inspect", "layout:stale:1"]).1["sources"][0]["entries"][0]["digest"].as_str().unwrap().to_owned();
    seen.run(environment, &["tag", "layout:nowhere:1", &format!("{}.sig", stale.replace(':', "-"))], 0);
    let (_, listed) = environment.json(&["referrers", "layout:many:1"]);
    let of_top = listed["subjects"][0]["referrers"][0]["digest"].as_str().unwrap();
    seen.run(environment, &["attach", &format!("layout@{of_top}"), "--type", "application/x-signature"], 0);
    for arguments in [
        &["referrers", "layout:many:1"][..],
        &["referrers", "layout:stale:1"],
        &["referrers", "apps:stale:1"],
        &["doctor", "layout", "--fix"],
        &["copy", "layout:many:1", "along.tar"],
    ] {
        seen.run(environment, arguments, 0);
    }
    let of_platform = listed["subjects"][1]["referrers"][0]["digest"].as_str().unwrap();
    seen.run(environment, &["detach", "layout:many:1", of_platform], 0);
    seen.run(environment, &["tag", "layout:many:1", "many:2"], 0);
    seen.run(environment, &["rm", "layout:many:1", "--referrers"], 0);
    seen.run(environment, &["rm", "layout:many:2"], 0);
    fs::write(environment.join("layout/.airbase-tmp-1-0123456789abcdef"), "left").unwrap();
    seen.run(environment, &["gc", "layout", "--grace", "0"], 0);
    seen.run(environment, &["gc", "layout", "--grace", "0", "--apply"], 0);
}

/// A collection whose members need each other, move on and are referred to; and everything as it is prepared for a registry, a
/// runtime and a scanner, and found there or not.
fn shipping(seen: &mut Seen, environment: &Environment) {
    let image = |text: &str| Image::of(&[&layer(&[text])]);
    let images = [image("web=1"), image("web=1").platform("arm64")];
    Layout::new()
        .index("team/web:1", &[&images[0], &images[1]], json!({}))
        .image("team/db:5", &image("db=1"))
        .write(&environment.join("ship"));
    seen.run(environment, &["attach", "ship:db:5", "--type", "application/x-report"], 0);
    seen.run(environment, &["collection", "create", "suite:1", "ship:web:1", "ship:db:5", "-o", "suite.tar", "--depends", "web:1=db:5"], 0);
    seen.run(environment, &["collection", "create", "ship:suite:1", "ship:web:1", "ship:db:5", "--depends", "web:1=db:5"], 0);
    seen.run(environment, &["attach", "ship:suite:1", "--type", "application/x-report"], 0);
    // A blob of the target that has other bytes is replaced, which is told.
    let spoilt = environment.join("ship/blobs").join(layer(&["db=1"]).digest().replace(':', "/"));
    fs::write(&spoilt, "spoilt").unwrap();
    seen.run(environment, &["collection", "check", "ship"], 1);
    seen.run(environment, &["collection", "create", "ship:suite:2", "suite.tar:db:5"], 0);
    seen.run(environment, &["inspect", "ship"], 0);
    seen.run(environment, &["tag", "ship:web:1", "team/db:5"], 0);
    seen.run(environment, &["collection", "show", "ship:suite:1"], 0);
    environment.ok(&["untag", "ship:team/db:5"]);
    environment.ok(&["tag", &format!("ship@{}", image("db=1").digest()), "Team/DB:5"]);
    seen.run(environment, &["collection", "show", "suite.tar"], 0);
    environment.ok(&["tag", "ship:Team/DB:5", &format!("{}.sig", images[0].digest().replace(':', "-"))]);
    // A member that is not here.
    environment.ok(&["copy", "suite.tar:suite:1", "sparse"]);
    fs::remove_file(environment.join("sparse/blobs").join(image("db=1").digest().replace(':', "/"))).unwrap();
    seen.run(environment, &["collection", "show", "sparse:suite:1"], 1);
    environment.ok(&["rm", &format!("sparse@{}", image("db=1").digest())]);
    seen.run(environment, &["gc", "sparse", "--grace", "0", "--allow-sparse"], 0);
    let plan = seen.run(environment, &["prepare", "ship", "--registry", "r.site"], 1);
    fs::write(environment.join("plan.json"), plan.to_string()).unwrap();
    for arguments in [
        &["prepare", "suite.tar", "--registry", "r.site", "-o", "prepared"][..],
        &["prepare", "suite.tar", "--registry", "r.site", "--profile", "runtime", "-o", "prepared.tar"],
        &["prepare", "suite.tar:db:5", "--registry", "r.site", "--profile", "scanner", "-o", "docker-archive:scan.tar"],
    ] {
        seen.run(environment, arguments, 0);
    }
    // podman finds nothing of Docker's media types in a layout, which is told.
    let docker: Vec<u8> = {
        let mut manifest: Value = serde_json::from_slice(&image("db=1").manifest_bytes()).unwrap();
        manifest["mediaType"] = json!("application/vnd.docker.distribution.manifest.v2+json");
        manifest.to_string().into_bytes()
    };
    let mut layout = Layout::new().image("team/db:5", &image("db=1"));
    let entry =
        json!({"mediaType": "application/vnd.docker.distribution.manifest.v2+json", "digest": layout.blob(&docker), "size": docker.len()});
    layout.entry("team/db:6", entry);
    layout.write(&environment.join("node"));
    seen.run(environment, &["prepare", "node", "--profile", "runtime", "-o", "node.tar"], 0);
    seen.run(environment, &["prepare", "apps", "--registry", "r.site"], 1);
    // A statement that a later one replaces.
    Layout::new().image("team/db:5", &image("db=1")).write(&environment.join("told"));
    for (status, at) in [("active", "2026-01-01T00:00:00Z"), ("deprecated", "2026-02-01T00:00:00Z")] {
        environment.ok(&["lifecycle", "set", "told:db:5", "--status", status, "--at", at]);
    }
    // A name that another image has.
    let one = |number: usize| Image::of(&[&layer(&[&format!("taken={number}")])]);
    let named = |number: usize| Layout::new().image("r.example/taken:1", &one(number));
    named(1).write(&environment.join("taking"));
    for number in 2..5 {
        named(number).write(&environment.join(&format!("taker-{number}")));
    }
    seen.run(environment, &["index", "taker-2:r.example/taken:1", "-o", "taking:r.example/taken:1"], 0);
    seen.run(environment, &["prepare", "taker-3", "--registry", "r.site", "-o", "taking"], 0);
    seen.run(environment, &["collection", "create", "taking:r.example/suite:1", "taker-4:r.example/taken:1"], 0);
    let told = seen.run(environment, &["prepare", "told", "--registry", "r.site"], 0);
    let lines = told["items"].as_array().unwrap().iter();
    let lines: Vec<String> =
        lines.map(|item| format!("{} {}", item["digest"].as_str().unwrap(), item["reference"].as_str().unwrap())).collect();
    fs::write(environment.join("told.json"), told.to_string()).unwrap();
    fs::write(environment.join("told.list"), lines.join("\n")).unwrap();
    seen.run(environment, &["verify-sync", "told.json", "told.list"], 0);
    let [first, second] = [0, 1].map(|number| plan["items"][number]["reference"].as_str().unwrap().to_owned());
    fs::write(environment.join("brought"), format!("{} {first}\n- {second}\n", image("other=1").digest())).unwrap();
    seen.run(environment, &["verify-sync", "plan.json", "brought"], 1);
}

/// Statements of several tools on images with bases, lines, gaps and circles.
fn living(seen: &mut Seen, environment: &Environment) {
    const MICROSOFT: &str = "application/vnd.microsoft.artifact.lifecycle";
    const MICROSOFT_KEY: &str = "vnd.microsoft.artifact.lifecycle.end-of-life.date";
    const OWN: &str = "application/vnd.airbase.lifecycle.v1+json";
    let at = |more: &[&'static str]| -> Vec<&'static str> { [&["lifecycle"], more, &["--at", "2026-11-21"]].concat() };
    let named = |image: Image, name: &str| image.annotated("org.opencontainers.image.ref", name);
    let support = "org.opencontainers.image.support.end-of-life";
    let os = Image::of(&[&layer(&["os=1"])]).annotated(support, "2026-01-01").with("Labels", json!({"com.docker.dhi.version": "9"}));
    let java = os.and(&[&layer(&["java=1"])]);
    let app = java
        .and(&[&layer(&["app=1"])])
        .annotated("org.opencontainers.image.version", "1")
        .annotated("org.opencontainers.image.revision", "2")
        .annotated(support, "20270101");
    let next = named(app.clone(), "next").with_top("created", json!("2025-01-01T00:00:00Z"));
    let only = |image: &Image, name: &str| named(image.clone(), name);
    let rebased = only(&app, "one").annotated("dev.airbase.rebase.from", &only(&app, "line").digest());
    let mut layout = Layout::new()
        .image("os:1", &os)
        .image("java:1", &java)
        .index("app:1", &[&app, &app.clone().platform("arm64")], json!({}))
        .index("app:2", &[&next], json!({}))
        .index("whole:1", &[&only(&app, "whole")], json!({}))
        .image("pile:1", &only(&app, "pile"))
        .image("torn:1", &only(&app, "torn"))
        .image("line:1", &only(&app, "line"))
        .image("one:1", &rebased)
        .image("two:1", &rebased.clone().annotated("two", "2"))
        .image("round:1", &only(&app, "round"))
        .image("silent:1", &Image::of(&[&layer(&["silent=1"])]));
    let mut say = |subject: &Image, artifact_type: &str, annotations: Value| {
        let empty = json!({"mediaType": "application/vnd.oci.empty.v1+json", "digest": layout.blob(b"{}"), "size": 2});
        let described = json!({"mediaType": MANIFEST, "digest": subject.digest(), "size": subject.manifest_bytes().len()});
        let document = json!({"schemaVersion": 2, "mediaType": MANIFEST, "artifactType": artifact_type, "config": empty, "layers": [empty],
            "subject": described, "annotations": annotations});
        let bytes = serde_json::to_vec(&document).unwrap();
        let digest = layout.blob(&bytes);
        layout.entry("", json!({"mediaType": MANIFEST, "digest": digest, "size": bytes.len(), "artifactType": artifact_type}));
    };
    say(&java, MICROSOFT, json!({MICROSOFT_KEY: "2026-09-01"}));
    let pile = only(&app, "pile");
    say(&pile, MICROSOFT, json!({MICROSOFT_KEY: "2026-11-01", "org.opencontainers.image.created": "2026-11-02T00:00:00Z"}));
    say(&pile, MICROSOFT, json!({MICROSOFT_KEY: "2026-11-03", "org.opencontainers.image.created": "2026-10-02T00:00:00Z"}));
    say(&pile, OWN, json!({"dev.airbase.lifecycle.status": "deprecated", "org.opencontainers.image.created": "2026-01-02T00:00:00Z"}));
    say(&pile, OWN, json!({"dev.airbase.lifecycle.status": "active", "dev.airbase.lifecycle.recorded": "2031-01-01T00:00:00Z"}));
    say(&pile, "application/vnd.example.lifecycle", json!({"org.opencontainers.image.title": "x"}));
    for date in ["2026-11-01", "2026-11-02"] {
        say(&only(&app, "torn"), MICROSOFT, json!({MICROSOFT_KEY: date}));
    }
    layout.write(&environment.join("life"));
    seen.run(environment, &at(&["show", "life:app:1", "--bases", "life"]), 0);
    let everything = ["set", "life:app:1", "--eol", "2026-12-24", "--end-of-support", "2026-12-01", "--general-availability", "2024-01-01"];
    let words = ["--reason", "r", "--url", "u", "--channel", "app", "--issuer", "team"];
    seen.run(environment, &at(&[&everything[..], &words].concat()), 0);
    seen.run(environment, &at(&everything), 0);
    seen.run(environment, &at(&["supersede", "life:app:1", "--by", "life:app:2", "--issuer", "team"]), 0);
    seen.run(environment, &at(&["set", "life:whole:1", "--status", "deprecated", "--index-only"]), 0);
    for image in ["app:1", "whole:1", "pile:1", "torn:1"] {
        let image: &'static str = Box::leak(format!("life:{image}").into_boxed_str());
        seen.run(environment, &at(&["show", image]), 0);
        seen.run(environment, &at(&["history", image]), 0);
    }
    for (deny, grace) in [("end-of-life,ambiguous,base-end-of-life,superseded", "0"), ("end-of-life,deprecated", "400d")] {
        let check = at(&["check", "life", "--bases", "life", "--deny", deny, "--grace", grace]);
        seen.run(environment, &check, i32::from(grace == "0"));
    }
    seen.run(environment, &at(&["report", "life", "--bases", "life"]), 0);
    let trace = |seen: &mut Seen, digest: &str, status| {
        seen.run(environment, &["lifecycle", "trace", digest, "life", "--at", "2026-11-21"], status);
    };
    let arm = app.clone().platform("arm64").digest();
    trace(seen, &app.digest(), 0);
    trace(seen, &arm, 1);
    trace(seen, &only(&app, "line").digest(), 4);
    trace(seen, &digest_of(b"nobody"), 1);
    seen.run(environment, &at(&["supersede", "life:round:1", "--by", "life:os:1"]), 0);
    seen.run(environment, &at(&["supersede", "life:os:1", "--by", "life:round:1", "--force"]), 0);
    trace(seen, &os.digest(), 0);
    let list = json!({"EolDate": "2026-11-12", "EolDigests": [{"Digest": app.digest()}, {"Digest": os.digest()}, {"Digest": digest_of(b"x")}, {"Digest": "x"}]});
    fs::write(environment.join("list.json"), serde_json::to_vec(&list).unwrap()).unwrap();
    seen.run(environment, &at(&["import", "list.json", "life", "--dry-run"]), 1);
    seen.run(environment, &at(&["import", "list.json", "life"]), 1);
    seen.run(environment, &at(&["import", "list.json", "life"]), 1);
    for image in ["life:pile:1", "life:torn:1", "life:app:1"] {
        seen.run(environment, &["lifecycle", "compact", image, "--at", "2026-11-21"], 0);
    }
    seen.run(environment, &at(&["set", "life:silent:1", "--reason", "r"]), 0);
    seen.run(environment, &at(&["set", "life:silent:1", "--clear", "reason"]), 0);
    seen.run(environment, &at(&["set", "life:silent:1", "--status", "deprecated", "--issuer", "other"]), 0);
    seen.run(environment, &at(&["set", "life:silent:1", "--status", "active", "--issuer", "third", "--override"]), 0);
    seen.run(environment, &at(&["history", "life:silent:1"]), 0);
    seen.run(environment, &at(&["set", "life:silent:1", "life:app:1", "--eol", "2027-12-24", "--url", "u"]), 0);
    seen.run(environment, &at(&["set", "life:silent:1", "life:app:1", "--clear", "url"]), 0);
    seen.run(environment, &at(&["set", "life:silent:1", "life:app:1", "--clear", "url"]), 0);
}

fn digest_of(bytes: &[u8]) -> String {
    crate::support::image::digest(bytes)
}
