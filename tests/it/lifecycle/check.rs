//! `lifecycle check`, `lifecycle report`.

use serde_json::{Value, json};

use super::{INDEX, MICROSOFT, MICROSOFT_KEY, app, statement};
use crate::support::{Environment, Layout};

/// `in`: one image at its end since 2026-11-01, one deprecated, one that is cared for, one of which nothing is known.
fn place() -> Environment {
    let environment = Environment::new();
    let mut layout = Layout::new();
    for name in ["ended", "deprecated", "active", "unknown"] {
        layout = layout.image(&format!("app:{name}"), &app().annotated("name", name));
    }
    layout.write(&environment.join("in"));
    let set = |name: &str, more: &[&str]| environment.ok(&[&["lifecycle", "set", name, "--at", "2026-10-01"], more].concat());
    set("in:app:ended", &["--eol", "2026-11-01", "--reason", "use, \"2\""]);
    set("in:app:deprecated", &["--status", "deprecated"]);
    set("in:app:active", &["--status", "active", "--eol", "2028-01-01"]);
    environment
}

fn images(report: &Value, list: &str) -> Vec<String> {
    let stopped = report["items"].as_array().unwrap().iter().filter(|item| !item[list].as_array().unwrap().is_empty());
    stopped.map(|item| item["image"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_gate_closes_at_the_first_instant_after_the_grace() {
    let environment = place();
    for (at, grace, status, denied, graced) in [
        ("2026-10-31T23:59:59Z", "0", 0, 0, 0),
        ("2026-11-01T00:00:00Z", "0", 1, 1, 0),
        ("2026-11-01T00:00:00Z", "30d", 0, 0, 1),
        ("2026-11-30T23:59:59Z", "30d", 0, 0, 1),
        ("2026-12-01T00:00:00Z", "30d", 1, 1, 0),
    ] {
        let (ended, report) = environment.json(&["lifecycle", "check", "in", "--deny", "end-of-life", "--grace", grace, "--at", at]);
        assert_eq!((ended, &report["denied"], &report["inGrace"]), (status, &json!(denied), &json!(graced)), "{at} {grace}");
        assert_eq!((&report["checked"], &report["unknown"], &report["authenticated"]), (&json!(4), &json!(1), &json!(false)));
    }
}

/// What is said of an index is said of its platforms, with the same grace.
#[test]
fn grace_counts_for_platforms_too() {
    let environment = Environment::new();
    Layout::new().index("app:1", &[&app(), &app().platform("arm64")], json!({})).write(&environment.join("in"));
    environment.ok(&["lifecycle", "set", "in:app:1", "--status", "deprecated", "--index-only", "--at", "2026-11-01"]);
    let check = ["lifecycle", "check", "in", "--deny", "deprecated", "--grace", "30d", "--at"];
    let (status, report) = environment.json(&[&check[..], &["2026-11-30"]].concat());
    assert_eq!((status, &report["inGrace"], &report["unknown"]), (0, &json!(3), &json!(0)));
    let (status, report) = environment.json(&[&check[..], &["2026-12-01"]].concat());
    assert_eq!((status, &report["denied"]), (1, &json!(3)));
}

#[test]
fn each_rule_stops_its_own_and_unknown_is_never_fine() {
    let environment = place();
    for (deny, stopped) in [
        (&["--deny-only", "deprecated"][..], &["in:app:deprecated"][..]),
        (&["--deny-only", "unknown"], &["in:app:unknown"]),
        // To deny more does not open the gate for what is denied anyway.
        (&["--deny", "deprecated"], &["in:app:ended", "in:app:deprecated"]),
        (&["--deny", "unknown"], &["in:app:ended", "in:app:unknown"]),
        (&["--deny", "deprecated", "--deny", "unknown"], &["in:app:ended", "in:app:deprecated", "in:app:unknown"]),
        (&["--max-age", "40d", "--deny", "unknown"], &["in:app:ended", "in:app:deprecated", "in:app:active", "in:app:unknown"]),
        (&["--max-age", "51d", "--deny", "unknown"], &["in:app:ended", "in:app:unknown"]),
        (&["--require-lists"], &["in:app:ended", "in:app:unknown"]),
        (
            &["--issuer", "somebody else", "--deny-only", "unknown"],
            &["in:app:ended", "in:app:deprecated", "in:app:active", "in:app:unknown"],
        ),
        (&[], &["in:app:ended"]),
    ] {
        let (status, report) = environment.json(&[&["lifecycle", "check", "in", "--at", "2026-11-21"], deny].concat());
        assert_eq!((status, images(&report, "denied")), (1, stopped.iter().map(|name| (*name).to_owned()).collect()), "{deny:?}");
    }
    let text = environment.run(&["lifecycle", "check", "in", "--at", "2026-11-21"]).out;
    for words in ["1 of 4 denied", "1 unknown", "let through", "not authenticated", "use, \"2\""] {
        assert!(text.contains(words), "{words}\n{text}");
    }
}

#[test]
fn the_inventory_is_a_table_a_document_and_a_sheet() {
    let environment = place();
    let (status, report) = environment.json(&["lifecycle", "report", "in", "--at", "2026-11-21"]);
    assert_eq!(status, 0);
    let standings: Vec<_> = report["items"].as_array().unwrap().iter().map(|item| item["standing"].as_str().unwrap()).collect();
    assert_eq!(standings, ["end-of-life", "deprecated", "active", "unknown"]);
    let table = environment.ok(&["lifecycle", "report", "in", "--at", "2026-11-21", "--format", "table"]).out;
    assert!(table.contains("end of life  2026-11-01") && table.contains("1 end of life, 1 deprecated, 1 active, 1 unknown"), "{table}");
    let sheet = environment.ok(&["lifecycle", "report", "in", "--at", "2026-11-21", "--format", "csv"]).out;
    let lines: Vec<&str> = sheet.split("\r\n").collect();
    assert_eq!(lines.len(), 6, "{sheet}");
    assert!(lines[0].starts_with("image,digest,platform,standing,endOfLife,"));
    let ended = app().annotated("name", "ended").digest();
    assert_eq!(lines[1], format!("in:app:ended,{ended},linux/amd64,end-of-life,2026-11-01T00:00:00Z,,,\"use, \"\"2\"\"\",,,,1,,,,false"));
}

/// What oras attaches in a layout is an entry and no list; what skopeo copies has neither.
#[test]
fn a_list_is_required_where_nothing_refers_to_an_image() {
    let mut layout = Layout::new().image("app:attached", &app()).image("app:alone", &app().annotated("n", "2"));
    statement(&mut layout, &app().digest(), MICROSOFT, json!({MICROSOFT_KEY: "2099-01-01"}));
    let list = serde_json::to_vec(&json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": []})).unwrap();
    let listed = app().annotated("n", "3");
    let digest = layout.blob(&list);
    layout = layout.image("app:listed", &listed);
    layout.entry(&listed.digest().replace(':', "-"), json!({"mediaType": INDEX, "digest": digest, "size": list.len()}));
    let environment = Environment::new();
    layout.write(&environment.join("in"));
    let (status, report) = environment.json(&["lifecycle", "check", "in", "--require-lists"]);
    assert_eq!((status, images(&report, "denied")), (1, vec!["in:app:alone".to_owned()]), "{report:#}");
    // Of an index the list holds for its platforms.
    let indexed = Layout::new().index("app:1", &[&app(), &app().platform("arm64")], json!({}));
    indexed.write(&environment.join("indexed"));
    let ask = || environment.json(&["lifecycle", "check", "indexed", "--require-lists"]);
    assert_eq!(ask().1["denied"], json!(2));
    environment.ok(&["lifecycle", "set", "indexed:app:1", "--status", "active", "--index-only"]);
    assert_eq!(ask().1["denied"], json!(0));
}

/// The gate as a sheet: the columns of the inventory, and why.
#[test]
fn the_gate_is_a_sheet_too() {
    let environment = place();
    environment.ok(&["lifecycle", "supersede", "in:app:deprecated", "--by", "in:app:active", "--issuer", "team", "--at", "2026-10-02"]);
    let check = ["lifecycle", "check", "in", "--at", "2026-11-21", "--deny", "superseded", "--format", "csv"];
    let outcome = environment.run(&check);
    let lines: Vec<&str> = outcome.out.split("\r\n").collect();
    assert_eq!((outcome.status, lines.len()), (1, 5), "{}", outcome.out);
    assert!(
        lines[0].starts_with("image,digest,platform,standing,endOfLife,")
            && lines[0].ends_with("issuer,daysLeft,supersededByName,signed,denied,inGrace")
    );
    let [ended, deprecated, active] = ["ended", "deprecated", "active"].map(|name| app().annotated("name", name).digest());
    assert!(
        lines[1].starts_with(&format!("in:app:ended,{ended},linux/amd64,end-of-life,2026-11-01T00:00:00Z,"))
            && lines[1].ends_with(",false,end-of-life,"),
        "{}",
        lines[1]
    );
    assert!(
        lines[2].starts_with(&format!("in:app:deprecated,{deprecated},linux/amd64,superseded,")) && lines[2].contains(&active),
        "{}",
        lines[2]
    );
    assert!(lines[2].ends_with(",team,,app:active,false,superseded,"), "{}", lines[2]);
    assert!(lines[3].starts_with("in:app:unknown,") && lines[3].ends_with(",,,"), "{}", lines[3]);
}

#[test]
fn what_cannot_be_read_does_not_pass() {
    let environment = place();
    let broken = environment.join("in/blobs").join(app().annotated("name", "active").digest().replace(':', "/"));
    std::fs::write(&broken, "{").unwrap();
    let (status, report) = environment.json(&["lifecycle", "check", "in", "--at", "2026-01-01"]);
    assert_ne!(status, 0);
    assert_eq!(report["checked"], json!(3));
    assert!(!report["findings"].as_array().unwrap().is_empty());
}

/// Where no platform of an index was looked at nothing is known of it.
#[test]
fn an_index_of_nothing_is_unknown() {
    let strange = |layout: &mut Layout| {
        let mut entry = layout.store(&app());
        entry["mediaType"] = json!("application/vnd.example.manifest+json");
        vec![entry]
    };
    let empty = |_: &mut Layout| Vec::new();
    let elsewhere = |layout: &mut Layout| {
        let entry = layout.store(&app());
        layout.blobs.remove(&app().digest());
        vec![entry]
    };
    type Children<'c> = &'c dyn Fn(&mut Layout) -> Vec<serde_json::Value>;
    let kinds = [("strange", &strange as Children<'_>), ("empty", &empty), ("elsewhere", &elsewhere)];
    for (kind, children) in kinds {
        let mut layout = Layout::new();
        let children = children(&mut layout);
        let index = serde_json::to_vec(&json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": children})).unwrap();
        let digest = layout.blob(&index);
        layout.entry("app:1", json!({"mediaType": INDEX, "digest": digest, "size": index.len()}));
        let environment = Environment::new();
        layout.write(&environment.join("in"));
        let (status, report) = environment.json(&["lifecycle", "check", "in", "--deny", "unknown"]);
        assert_eq!((status, &report["denied"], &report["unknown"]), (1, &json!(1), &json!(1)), "{kind}: {report:#}");
        let told = report["findings"].as_array().unwrap().iter().any(|finding| finding["severity"] == "warning");
        assert!(told || kind == "empty", "{kind}: {report:#}");
    }
}

/// A platform that is not here is told, and those that are here are judged.
#[test]
fn what_was_not_looked_at_is_told() {
    let (amd, arm) = (app(), app().platform("arm64"));
    let mut layout = Layout::new().index("app:1", &[&amd, &arm], json!({}));
    layout.blobs.remove(&arm.digest());
    let environment = Environment::new();
    layout.write(&environment.join("in"));
    for verb in [&["lifecycle", "check", "in"][..], &["lifecycle", "report", "in"], &["base", "dependents", "in@", "in"]] {
        let dependents = format!("in@{}", amd.digest());
        let verb: Vec<&str> = verb.iter().map(|word| if *word == "in@" { dependents.as_str() } else { word }).collect();
        let (status, report) = environment.json(&verb);
        let told = report["findings"].as_array().unwrap().iter().any(|finding| {
            finding["code"] == "image.sparse"
                && finding["message"] == "1 of 2 platforms is here"
                && finding["details"][0].as_str().unwrap().contains(&arm.digest())
        });
        assert!(status == 0 && told, "{verb:?}: {report:#}");
    }
}

/// A gate that believes somebody whom nobody here knows says so.
#[test]
fn an_issuer_that_said_nothing_is_told() {
    let environment = Environment::new();
    Layout::new().image("app:1", &app()).write(&environment.join("in"));
    environment.ok(&["lifecycle", "set", "in", "--status", "withdrawn", "--issuer", "security"]);
    let codes = |issuer: &str| {
        let (_, report) = environment.json(&["lifecycle", "check", "in", "--issuer", issuer]);
        report["findings"].as_array().unwrap().iter().map(|finding| finding["code"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!((codes("security"), codes("secuirty")), (vec![], vec!["lifecycle.issuer_unknown".to_owned()]));
}
