//! `lifecycle import`.

use serde_json::json;

use super::{app, value};
use crate::support::environment::snapshot;
use crate::support::{Environment, Image, Layout, layer};

const AT: &str = "2026-11-21T10:00:00Z";

fn debian(files: &str) -> Image {
    Image::of(&[&layer(&[files])])
}

fn place() -> Environment {
    let environment = Environment::new();
    Layout::new()
        .image("registry.example/debian:12.5-slim", &debian("debian=12"))
        .image("registry.example/debian:bullseye", &debian("debian=11"))
        .image("registry.example/debian:sid", &debian("debian=sid"))
        .image("registry.example/app:12", &app())
        .write(&environment.join("in"));
    environment
}

fn write(environment: &Environment, name: &str, document: serde_json::Value) {
    std::fs::write(environment.join(name), serde_json::to_vec(&document).unwrap()).unwrap();
}

#[test]
fn a_list_of_digests_marks_exactly_those() {
    let environment = place();
    let elsewhere = debian("elsewhere=1").digest();
    write(
        &environment,
        "eol.json",
        json!({"EolDate": "2026-11-12", "EolDigests": [
            {"Digest": app().digest(), "Tag": "12"},
            {"Digest": format!("registry.example/debian@{}", debian("debian=11").digest()), "EolDate": "2024-08-14"},
            {"Digest": elsewhere},
        ]}),
    );
    let before = snapshot(&environment.join("in"));
    let (status, planned) = environment.json(&["lifecycle", "import", "eol.json", "in", "--dry-run", "--at", AT]);
    assert_eq!((status, &planned["changed"]), (0, &json!(false)));
    assert!(before == snapshot(&environment.join("in")));
    let (_, done) = environment.json(&["lifecycle", "import", "eol.json", "in", "--at", AT]);
    assert_eq!((&done["changed"], &done["notHere"], &done["unmatched"]), (&json!(true), &json!([elsewhere]), &json!(2)), "{done:#}");
    for (image, date) in [("app:12", "2026-11-12T00:00:00Z"), ("debian:bullseye", "2024-08-14T00:00:00Z")] {
        let (_, shown) = environment.json(&["lifecycle", "show", &format!("in:registry.example/{image}"), "--at", AT]);
        assert_eq!(value(&shown["subjects"][0], "endOfLife"), Some(date), "{image}");
    }
    // Once is enough.
    let (_, again) = environment.json(&["lifecycle", "import", "eol.json", "in", "--at", "2026-11-30"]);
    assert_eq!(again["changed"], json!(false));
}

#[test]
fn a_dump_of_products_marks_images_by_name_and_version() {
    let environment = place();
    write(
        &environment,
        "dump.json",
        json!({"schema_version": "1.2.0", "total": 1, "result": [{"name": "debian", "releases": [
            {"name": "12", "codename": "Bookworm", "isEol": false, "eolFrom": "2028-06-30"},
            {"name": "11", "codename": "Bullseye", "isEol": true, "eolFrom": "2026-08-31"},
        ]}]}),
    );
    write(&environment, "debian.json", json!([{"cycle": "12", "eol": "2028-06-30"}, {"cycle": "11", "codename": "Bullseye", "eol": true}]));
    let (_, done) = environment.json(&["lifecycle", "import", "dump.json", "in", "--at", AT]);
    let matched: Vec<_> = done["images"]
        .as_array()
        .unwrap()
        .iter()
        .map(|image| {
            (
                image["image"].as_str().unwrap(),
                image["matched"].as_str().unwrap(),
                image["subjects"][0]["says"][0]["value"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        matched,
        [
            ("in:registry.example/debian:12.5-slim", "debian 12", "2028-06-30T00:00:00Z"),
            ("in:registry.example/debian:bullseye", "debian 11", "2026-08-31T00:00:00Z"),
        ]
    );
    assert_eq!(done["unmatched"], json!(2));
    // The older form needs to be told the product; what is at its end already stays at the date that is known.
    environment.refused(&["lifecycle", "import", "debian.json", "in", "--at", AT], "lifecycle.import", 2);
    let (_, again) = environment.json(&["lifecycle", "import", "debian.json", "in", "--product", "debian", "--at", AT]);
    let (_, shown) = environment.json(&["lifecycle", "show", "in:registry.example/debian:bullseye", "--at", AT]);
    assert_eq!(value(&shown["subjects"][0], "endOfLife"), Some("2026-08-31T00:00:00Z"), "{again:#}");
    std::fs::write(environment.join("else.json"), "{}").unwrap();
    environment.refused(&["lifecycle", "import", "else.json", "in"], "lifecycle.import", 2);
    environment.refused(&["lifecycle", "import", "none.json", "in"], "io", 6);
}

/// Of two dates for one release, and of the releases that the names of one image belong to, the earlier holds, and it is told.
#[test]
fn what_a_list_says_twice_is_told_and_the_earlier_date_holds() {
    let twice = json!([{"cycle": "3.1", "eol": "2016-11-01"}, {"cycle": "3.1", "eol": "2099-05-01"}]);
    let back = json!([{"cycle": "3.1", "eol": "2099-05-01"}, {"cycle": "3.1", "eol": "2016-11-01"}]);
    let names = json!([{"cycle": "3.10", "eol": "2099-05-01"}, {"cycle": "3.1", "eol": "2016-11-01"}]);
    for (list, tags) in [(twice, &["3.1"][..]), (back, &["3.1"]), (names.clone(), &["3.10", "3.1"]), (names, &["3.1", "3.10"])] {
        let environment = Environment::new();
        let layout = tags.iter().fold(Layout::new(), |layout, tag| layout.image(&format!("r.example/alpine:{tag}"), &app()));
        layout.write(&environment.join("in"));
        std::fs::write(environment.join("list.json"), list.to_string()).unwrap();
        let (_, report) = environment.json(&["lifecycle", "import", "list.json", "in", "--product", "alpine"]);
        let told = report["findings"].as_array().unwrap().iter().any(|finding| finding["code"] == "lifecycle.contradiction");
        assert!(told, "{tags:?}: {report:#}");
        let (status, _) = environment.json(&["lifecycle", "check", "in"]);
        assert_eq!(status, 1, "{tags:?} {list}");
    }
}

/// What a script puts together has an error where it did not get a list.
#[test]
fn a_product_that_cannot_be_read_is_told() {
    let environment = Environment::new();
    for text in [
        r#"{"debian": [{"cycle": "12", "eol": "2025-01-01"}], "alpine": {"message": "Too many requests"}}"#,
        r#"{"debian": [{"cycle": "12", "eol": "2025-01-01"}], "alpine": null}"#,
        r#"{"debian": [{"cycle": "12", "EOL": "2025-01-01"}]}"#,
        r#"{"result": [{"name": "debian", "releases": [{"name": "12", "isEol": false}]}, {"name": "alpine", "releases": {}}]}"#,
    ] {
        Layout::new().image("docker.io/library/debian:12", &Image::of(&[&layer(&["os=1"])])).write(&environment.join("in"));
        std::fs::write(environment.join("list.json"), text).unwrap();
        let (status, report) = environment.json(&["lifecycle", "import", "list.json", "in"]);
        assert!(status == 1 && report.to_string().contains("lifecycle.unreadable"), "{text}: {status} {report:#}");
    }
}

/// What has ended did not end on a day to come: the stricter holds, and it is told.
#[test]
fn a_release_that_has_ended_and_will_is_ended_and_told() {
    let environment = place();
    let releases = json!([{"name": "12", "isEol": true, "eolFrom": "2099-01-01"}]);
    write(&environment, "list.json", json!({"result": {"name": "debian", "releases": releases}}));
    let (_, report) = environment.json(&["lifecycle", "import", "list.json", "in"]);
    assert_eq!(report["findings"][0]["code"], json!("lifecycle.contradiction"), "{report:#}");
    let (status, checked) = environment.json(&["lifecycle", "check", "in"]);
    assert_eq!((status, &checked["items"][0]["denied"][0]["deny"]), (1, &json!("end-of-life")), "{checked:#}");
}

/// A list that has no date where one belongs says nothing of that release or digest, however it spells that.
#[test]
fn an_end_of_life_that_says_nothing_is_told() {
    let environment = place();
    for nothing in [json!(null), json!(""), json!(" "), json!("tba")] {
        for list in [
            json!({"debian": [{"cycle": "12", "eol": nothing}]}),
            json!({"result": {"name": "debian", "releases": [{"name": "12", "isEol": nothing, "eolFrom": nothing}]}}),
            json!({"EolDigests": [{"Digest": debian("debian=12").digest(), "EolDate": nothing}]}),
        ] {
            write(&environment, "list.json", list.clone());
            let (status, report) = environment.json(&["lifecycle", "import", "list.json", "in"]);
            assert_eq!((status, &report["findings"][0]["code"]), (1, &json!("lifecycle.unreadable")), "{list}: {report:#}");
        }
    }
}
