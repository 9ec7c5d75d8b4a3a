//! A rebase gives what a build of the same Dockerfile on the new base gives, or says where it may not.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::support::story::{ONTO_NEW, Rebased, place, rebase, rebase_with, run};
use crate::support::{Image, layer};

/// What buildah built (scripts/rebuild-oracle).
const PAIRS: &str = include_str!("../../fixtures/rebuild/pairs.jsonl");

/// An image with the config that a builder recorded, and as many layers as it had.
fn recorded(document: &Value, below: Option<&Image>, names: &str) -> Image {
    let mut image = below.cloned().unwrap_or_else(|| Image::of(&[]));
    for number in image.layers.len()..usize::try_from(document["layers"].as_u64().unwrap()).unwrap() {
        image.layers.push(layer(&[&format!("{names}{number}=1")]));
    }
    image.config = document.clone();
    image.config.as_object_mut().unwrap().remove("layers");
    image
}

/// The settings that say something; each variable, label, port and volume is one of its own.
fn meaning(config: &Value) -> BTreeMap<String, Value> {
    let mut settings = BTreeMap::new();
    for (field, value) in config["config"].as_object().unwrap() {
        let parts: Vec<(String, Value)> = match (field.as_str(), value) {
            ("Env", Value::Array(list)) => {
                let pairs = list.iter().map(|entry| entry.as_str().unwrap().split_once('=').unwrap());
                pairs.map(|(name, value)| (format!("Env.{name}"), json!(value))).collect()
            }
            ("Labels" | "ExposedPorts" | "Volumes", Value::Object(map)) => {
                map.iter().map(|(key, value)| (format!("{field}.{key}"), value.clone())).collect()
            }
            _ => vec![(field.clone(), value.clone())],
        };
        settings.extend(parts.into_iter().filter(|(_, value)| !matches!(value, Value::Null) && *value != json!([]) && *value != json!("")));
    }
    // A variable that is set to nothing is set.
    if let Some(Value::Array(list)) = config["config"].get("Env") {
        let empty = list.iter().filter_map(|entry| entry.as_str().unwrap().strip_suffix('='));
        settings.extend(empty.map(|name| (format!("Env.{name}"), json!(""))));
    }
    settings
}

/// The fields in which two configs differ.
fn differences(one: &Value, other: &Value) -> Vec<String> {
    let (one, other) = (meaning(one), meaning(other));
    let fields: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
    fields.into_iter().filter(|field| one.get(*field) != other.get(*field)).cloned().collect()
}

/// Whether the report says that a rebuild may give `field` another value.
fn reported(result: &Rebased, field: &str) -> bool {
    let decided = result.decisions().into_iter().any(|(name, kind)| name == field && kind != "from-base");
    let findings = result.report["platforms"][0]["findings"].as_array().unwrap();
    let derived = format!("{field} ");
    decided
        || findings.iter().any(|finding| {
            finding["code"] == "config.onbuild"
                || (finding["code"] == "config.derived" && finding["message"].as_str().unwrap().starts_with(&derived))
        })
}

#[test]
fn a_rebase_gives_what_a_rebuild_gives_or_says_so() {
    let mut lines = PAIRS.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let provenance = lines.next().unwrap();
    assert!(provenance["builder"].as_str().unwrap().starts_with("buildah version"), "{provenance}");
    let (mut pairs, mut wrong) = (0, Vec::new());
    for pair in lines {
        pairs += 1;
        let old = recorded(&pair["old"], None, "old");
        let (app, new) = (recorded(&pair["app"], Some(&old), "app"), recorded(&pair["new"], None, "new"));
        let result = rebase(&old, &app, &new);
        let differing = differences(&result.config, &pair["rebuilt"]);
        let unreported: Vec<&String> = differing.iter().filter(|field| !reported(&result, field)).collect();
        if json!(differing) != pair["differs"] || !unreported.is_empty() {
            wrong.push(format!("{}: differs {differing:?} for {}, unreported {unreported:?}", pair["name"], pair["differs"]));
        }
    }
    assert!(pairs >= 60, "{pairs} pairs");
    assert!(wrong.is_empty(), "{} of {pairs} pairs:\n{}", wrong.len(), wrong.join("\n"));
}

/// The three images with these settings; the app says nothing of its own in its history.
fn three(old: Value, app: Value, new: Value) -> (Image, Image, Image) {
    let mut base = Image::of(&[&layer(&["os=1"])]);
    base.config["config"] = old;
    let mut image = base.and(&[&layer(&["app=1"])]);
    image.config["config"] = app;
    let mut onto = Image::of(&[&layer(&["os=2"])]);
    onto.config["config"] = new;
    (base, image, onto)
}

/// Whatever triggers old and new base have: the app keeps its own and gets no others, and the report says what was not run.
#[test]
fn triggers_are_not_handed_down() {
    let settings = |triggers: &Value| if triggers.is_null() { json!({}) } else { json!({"OnBuild": triggers}) };
    let (none, x, y, own) = (json!(null), json!(["RUN x"]), json!(["RUN y"]), json!(["RUN app"]));
    for (old, app, new) in [
        (&none, &none, &y),
        (&x, &none, &x),
        (&x, &none, &y),
        (&x, &none, &none),
        (&x, &own, &y),
        (&x, &json!([]), &y),
        (&json!([]), &json!([]), &y),
        (&none, &none, &none),
        (&none, &own, &json!(["RUN y", "COPY . /src"])),
        (&none, &own, &none),
        (&x, &x, &y),
    ] {
        let (base, image, onto) = three(settings(old), settings(app), settings(new));
        let result = rebase(&base, &image, &onto);
        assert_eq!(result.config["config"].get("OnBuild").unwrap_or(&Value::Null), app, "{old} {app} {new}");
        let has_triggers = |list: &Value| list.as_array().is_some_and(|list| !list.is_empty());
        let findings = result.report["platforms"][0]["findings"].as_array().unwrap();
        let told = findings.iter().find(|finding| finding["code"] == "config.onbuild");
        assert_eq!(told.is_some(), has_triggers(old) || has_triggers(new), "{old} {app} {new}");
        if has_triggers(new) {
            let list: Vec<&str> = new.as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
            assert_eq!(told.unwrap()["found"]["value"], list.join("; "));
        }
    }
}

/// image-spec, schema/config_test.go: readers written in Go refuse such a config, so nothing can be said of what it means.
#[test]
fn a_config_with_another_type_is_damaged_and_not_moved() {
    for (field, value) in [
        ("Env", json!([7353])),
        ("Env", json!("A=1")),
        ("User", json!(1000)),
        ("User", json!(3)),
        ("Cmd", json!("/bin/sh")),
        ("Entrypoint", json!({"0": "/bin/sh"})),
        ("Volumes", json!([])),
        ("Volumes", json!(["/data"])),
        ("ExposedPorts", json!(["80/tcp"])),
        ("Labels", json!({"a": 1})),
        ("WorkingDir", json!(1)),
        ("Healthcheck", json!({"Test": "true"})),
        ("OnBuild", json!("RUN x")),
        ("StopSignal", json!(15)),
    ] {
        let (old, app, new) = three(json!({"Env": ["PATH=/bin"]}), json!({"Env": ["PATH=/bin"]}), json!({"Env": ["PATH=/bin", "X=1"]}));
        // Whoever of the three has it: it takes all three to know what the app set.
        for whose in 0..3 {
            let images = [&old, &app, &new].map(Clone::clone);
            let [old, app, new] = std::array::from_fn(|at| {
                let image = images[at].clone();
                if at == whose { image.with(field, value.clone()) } else { image }
            });
            let environment = place(&old, &app, &new);
            environment.refused(&ONTO_NEW, "config.type", 3);
            assert!(!environment.join("out").exists());
            let outcome = environment.run(&["fsck", "apps", "bases"]);
            assert_eq!(outcome.status, 3, "{field} {value}: {}", outcome.out);
            assert!(outcome.out.contains("[config.type]") && outcome.out.contains(field), "{}", outcome.out);
        }
    }
    // An entry that sets nothing is read by everyone; it is pointed out, and stays.
    let (old, app, new) = three(json!({}), json!({"Env": ["foo", "A=1"]}), json!({"Env": ["X=1"]}));
    let environment = place(&old, &app, &new);
    let result = run(&environment, &ONTO_NEW, "out", "app:2");
    assert_eq!(result.config["config"]["Env"], json!(["X=1", "foo", "A=1"]));
    let outcome = environment.run(&["fsck", "apps"]);
    assert!(outcome.status == 0 && outcome.out.contains("[config.env]"), "{}", outcome.out);
}

/// Docker mounts 125 layers over each other, and no more.
#[test]
fn more_layers_than_docker_takes_are_pointed_out() {
    let many = |name: &str, number: usize| (0..number).map(|at| layer(&[&format!("{name}{at}=1")])).collect::<Vec<_>>();
    let (old, own) = (many("old", 1), many("app", 25));
    let old = Image::of(&old.iter().collect::<Vec<_>>());
    let app = old.and(&own.iter().collect::<Vec<_>>());
    for (below, told) in [(100, false), (101, true), (120, true)] {
        let new = Image::of(&many("new", below).iter().collect::<Vec<_>>());
        let result = rebase(&old, &app, &new);
        assert_eq!(result.codes().contains(&"image.deep"), told, "{below} layers below");
        let environment = place(&old, &app, &new);
        let plan = environment.ok(&["batch", "plan", "apps", "--bases", "bases", "--map", "*=bases:os:new", "--format", "json"]);
        assert_eq!(plan.out.contains("image.deep"), told, "{}", plan.out);
    }
}

/// Without the old base, each value is told of which nobody can know whose it is: also what only the app has.
#[test]
fn without_the_old_base_the_report_says_what_is_unknown() {
    let (_, app, new) = three(
        json!({}),
        json!({"Env": ["ONLY=app", "BOTH=1", "SAME=1"], "User": "7", "ExposedPorts": {"80/tcp": {}}, "Cmd": ["serve"]}),
        json!({"Env": ["BOTH=2", "SAME=1", "NEW=1"], "Entrypoint": ["/new"], "Cmd": ["b"]}),
    );
    let result = rebase_with(&Image::of(&[&layer(&["other=1"])]), &app, &new, &["--seam-layers", "1"]);
    assert_eq!(
        result.decisions(),
        [
            ("Entrypoint", "two-way"),
            ("Cmd", "two-way"),
            ("Env.BOTH", "two-way"),
            ("Env.NEW", "two-way"),
            ("Env.ONLY", "two-way"),
            ("ExposedPorts.80/tcp", "two-way"),
            ("User", "two-way"),
        ]
    );
    assert_eq!(result.config["config"]["Cmd"], json!(["serve"]));
    assert_eq!(result.config["config"].get("Entrypoint"), None, "what it ran, it runs");
    // The history says what the app set itself: that much is known.
    let mut app = app;
    app.config["history"][1]["created_by"] = json!("COPY app / # buildkit");
    let set = |line: &str| json!({"created_by": line, "empty_layer": true});
    app.config["history"].as_array_mut().unwrap().extend([set("USER 7"), set("ENV ONLY=app"), set("/bin/sh -c #(nop)  EXPOSE 80")]);
    let result = rebase_with(&Image::of(&[&layer(&["other=1"])]), &app, &new, &["--seam-layers", "1"]);
    let unknown: Vec<&str> = result.decisions().into_iter().map(|(field, _)| field).collect();
    assert_eq!(unknown, ["Entrypoint", "Cmd", "Env.BOTH", "Env.NEW"]);
}
