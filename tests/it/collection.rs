//! `collection`: an application as an index of its images.

use serde_json::{Value, json};

use crate::support::image::{INDEX, MANIFEST};
use crate::support::{Contents, Environment, Image, Layout, layer};

const TYPE: &str = "application/vnd.airbase.collection.v1+json";
const CREATED: [&str; 2] = ["-a", "org.opencontainers.image.created=2026-01-02T03:04:05Z"];

fn web() -> Image {
    Image::of(&[&layer(&["os=1"]), &layer(&["web=1"])])
}

fn db() -> Image {
    Image::of(&[&layer(&["os=1"]), &layer(&["db=1"])])
}

/// `in` has `team/web:1` for two platforms, `team/db:5` with an SBOM that is signed, and an image that does not belong to them.
fn sample() -> Environment {
    let environment = Environment::new();
    Layout::new()
        .index("team/web:1", &[&web(), &web().platform("arm64")], json!({}))
        .image("team/db:5", &db())
        .image("tool", &Image::of(&[&layer(&["t=1"])]))
        .write(&environment.join("in"));
    std::fs::write(environment.join("sbom.json"), "{}").unwrap();
    let attach = |arguments: &[&str]| environment.json(&[&["attach"], arguments, &CREATED[..]].concat()).1;
    let sbom = attach(&["in:team/db:5", "sbom.json", "--type", "application/spdx+json"]);
    attach(&[&format!("in@{}", sbom["attached"][0]["digest"].as_str().unwrap()), "--type", "application/x-signature"]);
    environment
}

/// With `in:shop` of both, of which the web needs the database.
fn collected() -> Environment {
    let environment = sample();
    environment.ok(&["collection", "create", "in:shop", "in:web:1", "in:db:5", "--depends", "web:1=db:5"]);
    environment
}

#[test]
fn it_is_an_index_with_a_type_of_its_own_and_names_in_it() {
    let environment = collected();
    let contents = Contents::of(&environment.join("in"));
    let collection = contents.json(&contents.named("shop").unwrap());
    // By hand, from the description in crates/format/src/oci/collection.rs.
    let [web_bytes, db_bytes] = ["team/web:1", "team/db:5"].map(|name| {
        let digest = contents.named(name).unwrap();
        (digest.clone(), contents.files[&format!("blobs/{}", digest.replace(':', "/"))].len())
    });
    assert_eq!(
        collection,
        json!({
            "schemaVersion": 2, "mediaType": INDEX, "artifactType": TYPE,
            "manifests": [
                {"mediaType": INDEX, "digest": web_bytes.0, "size": web_bytes.1, "annotations": {
                    "dev.airbase.collection.member": "team/web:1", "dev.airbase.collection.depends": "team/db:5"}},
                {"mediaType": MANIFEST, "digest": db_bytes.0, "size": db_bytes.1, "annotations": {
                    "dev.airbase.collection.member": "team/db:5"}},
            ],
        })
    );
    let entry = contents.entries().into_iter().find(|entry| entry["annotations"]["org.opencontainers.image.ref.name"] == "shop").unwrap();
    assert_eq!(entry["artifactType"], TYPE);
    // The same again changes nothing.
    let (_, again) = environment.json(&["collection", "create", "in:shop", "in:web:1", "in:db:5", "--depends", "web:1=db:5"]);
    assert_eq!((&again["changed"], Contents::of(&environment.join("in"))), (&json!(false), contents));
}

#[test]
fn members_from_elsewhere_come_along_with_all_that_refers_to_them() {
    let environment = sample();
    for (out, place) in [("out", "out:shop"), ("out.tar", "out.tar:shop")] {
        let (status, report) = environment.json(&["collection", "create", "shop", "in:web:1", "in:db:5", "-o", out]);
        assert_eq!((status, report["referrers"].as_array().map(Vec::len)), (0, Some(2)), "{report:#}");
        let contents = Contents::of(&environment.join(out));
        contents.whole();
        assert!(contents.named("team/web:1").is_some() && contents.named("team/db:5").is_some() && contents.named("tool").is_none());
        environment.ok(&["doctor", out]);
        environment.ok(&["collection", "check", place]);
        // The only collection of the place needs no name.
        assert_eq!(environment.json(&["collection", "show", out]).1["digest"], report["digest"]);
    }
    assert_eq!(
        environment.json(&["collection", "create", "out2:shop", "in:web:1", "in:db:5"]).1["digest"],
        environment.json(&["collection", "show", "out"]).1["digest"],
        "nothing dates a collection"
    );
}

#[test]
fn show_tells_members_needs_order_and_referrers() {
    let environment = collected();
    let (_, shown) = environment.json(&["collection", "show", "in:shop"]);
    assert_eq!(shown["order"], json!(["team/db:5", "team/web:1"]), "what is needed comes first");
    let [first, second] = shown["members"].as_array().unwrap().as_slice() else { panic!("{shown:#}") };
    assert_eq!((&first["name"], &first["depends"]), (&json!("team/web:1"), &json!(["team/db:5"])));
    assert_eq!(first["platforms"], json!(["linux/amd64", "linux/arm64"]));
    let types: Vec<&Value> = second["referrers"].as_array().unwrap().iter().map(|referrer| &referrer["artifactType"]).collect();
    assert_eq!(types, ["application/spdx+json", "application/x-signature"]);
    let text = environment.ok(&["collection", "show", "in:shop"]).out;
    assert!(text.contains("order        team/db:5, team/web:1"), "{text}");
}

#[test]
fn a_collection_is_no_image() {
    let environment = collected();
    // The only image of a place does not count it.
    environment.ok(&["collection", "create", "one:all", "in:db:5"]);
    environment.ok(&["ls", "one"]);
    assert_eq!(environment.json(&["inspect", "one"]).1["sources"][0]["entries"].as_array().map(Vec::len), Some(2));
    // Neither do those who need one.
    environment.refused(&["rebase", "in:shop", "--bases", "in", "-o", "x"], "image.not_an_image", 4);
    environment.refused(&["ls", "in:shop"], "image.not_an_image", 4);
    environment.refused(&["index", "in:shop", "-o", "x:1"], "image.not_an_image", 4);
    environment.refused(&["copy", "in:shop", "docker-archive:x.tar"], "image.not_an_image", 4);
    assert!(!environment.join("x").exists() && !environment.join("x.tar").exists());
    let items = environment.json(&["outdated", "in", "--bases", "in"]).1["items"].clone();
    assert!(!items.as_array().unwrap().iter().any(|item| item["image"] == "in:shop"), "{items:#}");
    // Other clients keep no artifactType in the entry when they copy it; it is a collection all the same.
    let mut index = Contents::of(&environment.join("in")).index();
    index["manifests"].as_array_mut().unwrap().iter_mut().for_each(|entry| {
        entry.as_object_mut().unwrap().remove("artifactType");
    });
    std::fs::write(environment.join("in/index.json"), index.to_string()).unwrap();
    let entries = environment.json(&["inspect", "in"]).1["sources"][0]["entries"].clone();
    let shop = entries.as_array().unwrap().iter().find(|entry| entry["names"] == json!(["shop"])).unwrap();
    assert_eq!((&shop["kind"], shop["members"].as_array().map(Vec::len)), (&json!("collection"), Some(2)));
    assert!(environment.ok(&["inspect", "in:shop"]).out.contains("member       team/web:1"));
}

#[test]
fn check_tells_what_is_missing_damaged_and_moved() {
    let environment = collected();
    let (status, report) = environment.json(&["collection", "check", "in"]);
    assert_eq!((status, &report["members"], &report["referrers"], &report["moved"]), (0, &json!(2), &json!(2), &json!(0)), "{report:#}");
    let codes = || -> Vec<String> {
        let (status, report) = environment.json(&["collection", "check", "in"]);
        assert_eq!(status, 1);
        report["findings"].as_array().unwrap().iter().map(|finding| finding["code"].as_str().unwrap().to_owned()).collect()
    };
    let blob = |digest: &str| environment.join("in/blobs").join(digest.replace(':', "/"));
    let layer_of_db = blob(&layer(&["db=1"]).digest());
    let bytes = std::fs::read(&layer_of_db).unwrap();
    std::fs::write(&layer_of_db, "spoilt").unwrap();
    assert_eq!(codes(), ["descriptor.size_mismatch"]);
    std::fs::write(&layer_of_db, [&bytes[1..], &[0]].concat()).unwrap();
    assert_eq!(codes(), ["blob.digest_mismatch"]);
    std::fs::remove_file(&layer_of_db).unwrap();
    assert_eq!(codes(), ["blob.missing"]);
    std::fs::write(&layer_of_db, bytes).unwrap();
    // The content of a referrer of a member counts as well.
    let sbom = blob(&crate::support::image::digest(b"{}"));
    let bytes = std::fs::read(&sbom).unwrap();
    std::fs::remove_file(&sbom).unwrap();
    assert!(codes().contains(&"blob.missing".to_owned()));
    std::fs::write(&sbom, bytes).unwrap();
    // A patch took over the name: the collection still means the old one, and says so.
    environment.ok(&["tag", "in:tool", "team/db:5"]);
    assert_eq!(codes(), ["collection.moved"]);
    let member = environment.json(&["collection", "show", "in"]).1["members"][1].clone();
    assert_eq!((&member["standing"], &member["digest"]), (&json!("moved"), &json!(db().digest())));
    assert_eq!(member["now"], json!(Image::of(&[&layer(&["t=1"])]).digest()));
    environment.ok(&["untag", "in:team/db:5"]);
    assert_eq!(environment.json(&["collection", "show", "in"]).1["members"][1]["standing"], "unnamed");
    environment.ok(&["collection", "check", "in"]);
}

#[test]
fn one_command_attaches_to_all_members() {
    let environment = collected();
    let (_, report) = environment.json(&["attach", "in:shop", "--members", "--type", "application/x-report"]);
    let subjects: Vec<&Value> = report["attached"].as_array().unwrap().iter().map(|each| &each["subject"]).collect();
    let contents = Contents::of(&environment.join("in"));
    assert_eq!(subjects, [&json!(contents.named("team/web:1").unwrap()), &json!(contents.named("team/db:5").unwrap())]);
    let (_, report) = environment.json(&["attach", "in:shop", "--members", "--all", "--type", "application/x-report2"]);
    assert_eq!(report["attached"].as_array().unwrap().len(), 4, "two members, two platforms of one: {report:#}");
    // Without --members it is the collection that is spoken of.
    let (_, report) = environment.json(&["attach", "in:shop", "--type", "application/x-report"]);
    assert_eq!(report["attached"][0]["subject"], json!(contents.named("shop").unwrap()));
    environment.ok(&["doctor", "in"]);
    environment.ok(&["collection", "check", "in"]);
    environment.refused(&["attach", "in:tool", "--members", "--type", "application/x-report"], "usage.argument", 2);
}

#[test]
fn copying_it_takes_the_members_and_their_referrers() {
    let environment = collected();
    for (out, place) in [("out", "out:shop"), ("out.tar", "out.tar:shop")] {
        let (_, report) = environment.json(&["copy", "in:shop", out]);
        assert_eq!(report["referrers"].as_array().map(Vec::len), Some(2), "{report:#}");
        let contents = Contents::of(&environment.join(out));
        contents.whole();
        assert!(contents.named("tool").is_none());
        assert_eq!(contents.named("team/db:5"), Some(db().digest()));
        environment.ok(&["collection", "check", place]);
        environment.ok(&["doctor", out]);
    }
    // Everything of a place is its collections too.
    environment.ok(&["copy", "--all", "in", "all"]);
    environment.ok(&["collection", "check", "all"]);
    // A name that stands for something else there is not moved by a collection that has it too.
    environment.ok(&["copy", "in:tool", "other:team/db:5"]);
    let (_, report) = environment.json(&["copy", "in:shop", "other"]);
    assert_eq!(report["findings"][0]["code"], "collection.name_kept", "{report:#}");
    let contents = Contents::of(&environment.join("other"));
    assert_eq!(contents.named("team/db:5"), Some(Image::of(&[&layer(&["t=1"])]).digest()));
    assert!(contents.unnamed().contains(&db().digest()));
}

#[test]
fn gc_keeps_what_a_collection_needs_and_rm_takes_only_the_collection() {
    let environment = collected();
    environment.ok(&["rm", "in:team/db:5"]);
    environment.ok(&["rm", "in:tool"]);
    environment.ok(&["gc", "in", "--grace", "0", "--apply"]);
    let contents = Contents::of(&environment.join("in"));
    assert!(contents.blobs().contains_key(&db().digest()), "the collection needs it");
    assert!(!contents.blobs().contains_key(&layer(&["t=1"]).digest()), "nobody needs it");
    let (status, report) = environment.json(&["collection", "check", "in"]);
    assert_eq!((status, &report["referrers"]), (0, &json!(2)), "and what refers to it: {report:#}");
    environment.ok(&["rm", "in:shop"]);
    assert!(Contents::of(&environment.join("in")).named("team/web:1").is_some());
    environment.ok(&["gc", "in", "--grace", "0", "--apply"]);
    let contents = Contents::of(&environment.join("in"));
    contents.whole();
    assert!(!contents.blobs().contains_key(&db().digest()));
}

#[test]
fn what_cannot_be_a_collection_is_refused_and_nothing_is_written() {
    let environment = collected();
    let sbom = Contents::of(&environment.join("in")).entries().into_iter().find(|entry| entry["artifactType"] == "application/spdx+json");
    let sbom = format!("in@{}", sbom.unwrap()["digest"].as_str().unwrap());
    let platform = format!("in@{}", web().digest());
    for (arguments, code, status) in [
        (&["x:1", "in:shop"][..], "collection.member", 4),
        (&["x:1", &sbom], "collection.member", 4),
        (&["x:1", &platform], "collection.member", 4),
        (&["x:1", "in:web:1", "in:web:1"], "collection.member", 4),
        (&["x:1", "in:web:1", "in:db:5", "--depends", "web:1=cache"], "collection.member", 4),
        (&["x:1", "in:web:1", "in:db:5", "--depends", "web:1"], "usage.argument", 2),
        (&["x:1", "in:web:1", "in:db:5", "--depends", "web:1=db:5", "--depends", "db:5=web:1"], "collection.cycle", 4),
        (&["x:1", "in:web:1", "--depends", "web:1=web:1"], "collection.cycle", 4),
        (&["x", "in:web:1"], "usage.output", 2),
        (&["x", "in:web:1", "-o", "docker-archive:x.tar"], "usage.output", 2),
        (&["x", "in:web:1", "-o", "y:other"], "usage.output", 2),
        (&["x:-1", "in:web:1"], "output.tag", 2),
        (&["x:1", "in:nothing"], "ref.not_found", 4),
    ] {
        environment.refused(&[&["collection", "create"], arguments].concat(), code, status);
        assert!(!environment.join("x").exists() && !environment.join("y").exists(), "{arguments:?}");
    }
    environment.refused(&["collection", "show", "in:web:1"], "ref.not_found", 4);
    environment.refused(&["collection", "check", "-"], "ref.stdin", 2);
    environment.ok(&["collection", "create", "in:second", "in:web:1"]);
    environment.refused(&["collection", "show", "in"], "ref.ambiguous", 4);
}

/// A collection that another program made wrongly is shown, and what is wrong is told.
#[test]
fn strange_collections_are_told() {
    let environment = Environment::new();
    let mut layout = Layout::new().image("a", &web()).image("b", &db());
    let member = |layout: &mut Layout, image: &Image, annotations: Value| {
        let mut entry = layout.store(image);
        entry["annotations"] = annotations;
        entry
    };
    let a = member(&mut layout, &web(), json!({"dev.airbase.collection.member": "a", "dev.airbase.collection.depends": "b,nobody"}));
    let b = member(&mut layout, &db(), json!({"dev.airbase.collection.member": "b", "dev.airbase.collection.depends": "a"}));
    let mut nameless = layout.store(&db());
    nameless.as_object_mut().unwrap().remove("platform");
    let bytes =
        serde_json::to_vec(&json!({"schemaVersion": 2, "mediaType": INDEX, "artifactType": TYPE, "manifests": [a, b, nameless]})).unwrap();
    let digest = layout.blob(&bytes);
    layout.entry("odd", json!({"mediaType": INDEX, "digest": digest, "size": bytes.len()}));
    layout.write(&environment.join("in"));
    let (status, shown) = environment.json(&["collection", "show", "in"]);
    let codes: Vec<&Value> = shown["findings"].as_array().unwrap().iter().map(|finding| &finding["code"]).collect();
    assert_eq!((status, codes), (1, vec![&json!("collection.member"), &json!("collection.cycle")]));
    assert_eq!(shown["members"][2]["name"], json!(db().digest()), "a member without a name has its digest");
    assert_eq!(environment.json(&["collection", "check", "in"]).0, 1);
}
