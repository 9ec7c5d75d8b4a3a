//! The rules of `docs/lifecycle.md`, read from layouts as other clients leave them: one row for each sentence, with where it comes from.

use serde_json::{Value, json};

use super::{CREATED, MICROSOFT, MICROSOFT_KEY, OWN, app, statement, value};
use crate::support::{Environment, Image, Layout, layer};

const AT: &str = "2026-11-21T10:00:00Z";
const ARTICLE: &str = "application/vnd.myorganization.image.lifecycle.metadata";
const ARTICLE_KEY: &str = "vnd.myorganization.image.end-of-life";

/// Where a statement is attached.
#[derive(Clone, Copy, PartialEq)]
enum On {
    Index,
    Platform,
}
use On::{Index, Platform};

/// A statement of ours with these values; without a date if `recorded` is empty.
fn ours(recorded: &str, pairs: &[(&str, &str)]) -> Value {
    let recorded = [("recorded", recorded)];
    let pairs = pairs.iter().chain(&recorded).filter(|(_, value)| !value.is_empty());
    pairs.map(|(key, value)| (format!("dev.airbase.lifecycle.{key}"), json!(value))).collect::<serde_json::Map<_, _>>().into()
}

struct Row {
    /// Which sentence, and its source.
    rule: &'static str,
    said: Vec<(On, &'static str, Value)>,
    arguments: &'static [&'static str],
    /// The standing of the index and of the platform, and whether that of the platform is ambiguous.
    expected: (&'static str, &'static str, bool),
}

fn row(
    rule: &'static str,
    said: Vec<(On, &'static str, Value)>,
    arguments: &'static [&'static str],
    expected: (&'static str, &'static str, bool),
) -> Row {
    Row { rule, said, arguments, expected }
}

fn rows() -> Vec<Row> {
    let active = |recorded: &str| ours(recorded, &[("status", "active")]);
    let withdrawn = |recorded: &str| ours(recorded, &[("status", "withdrawn")]);
    let by = |issuer: &'static str, recorded: &'static str, key: &'static str, text: &'static str| {
        ours(recorded, &[("issuer", issuer), (key, text)])
    };
    vec![
        // 1. Unreadable (the issue on nothing lost, 1: an unreadable statement never opens the gate).
        row(
            "a status that is no status may mean anything",
            vec![(Platform, OWN, ours("2026-01-01T00:00:00Z", &[("status", "retired")])), (Platform, OWN, active("2026-02-01T00:00:00Z"))],
            &[],
            ("unknown", "unknown", false),
        ),
        row(
            "and what is stopped stays stopped",
            vec![
                (Platform, OWN, ours("2026-01-01T00:00:00Z", &[("status", "retired")])),
                (Platform, OWN, withdrawn("2026-02-01T00:00:00Z")),
            ],
            &[],
            ("unknown", "withdrawn", false),
        ),
        // 2. Same issuer (reference study: "push the full set each time, latest wins").
        row(
            "the later word holds",
            vec![
                (Platform, OWN, ours("2026-01-01T00:00:00Z", &[("status", "deprecated")])),
                (Platform, OWN, active("2026-02-01T00:00:00Z")),
            ],
            &[],
            ("unknown", "active", false),
        ),
        row(
            "statements without an issuer are of one issuer, whatever their type",
            vec![
                (Platform, OWN, ours("2026-01-01T00:00:00Z", &[("end-of-life", "2026-06-01T00:00:00Z")])),
                (Platform, MICROSOFT, json!({MICROSOFT_KEY: "2027-06-01", CREATED: "2026-02-01T00:00:00Z"})),
            ],
            &[],
            ("unknown", "active", false),
        ),
        row(
            "of equally late ones the stricter, and that is told",
            vec![
                (Platform, OWN, ours("2026-01-01T00:00:00Z", &[("status", "deprecated")])),
                (Platform, OWN, active("2026-01-01T00:00:00Z")),
            ],
            &[],
            ("unknown", "deprecated", true),
        ),
        // 3. Withdrawn (the issue on states, 1, first rule).
        row(
            "superseded does not end a withdrawal",
            vec![
                (Platform, OWN, withdrawn("2026-01-01T00:00:00Z")),
                (Platform, OWN, ours("2026-02-01T00:00:00Z", &[("status", "superseded"), ("superseded-by.name", "app:2")])),
            ],
            &[],
            ("unknown", "withdrawn", false),
        ),
        row(
            "nor does a date",
            vec![
                (Platform, OWN, withdrawn("2026-01-01T00:00:00Z")),
                (Platform, MICROSOFT, json!({MICROSOFT_KEY: "2027-06-01", CREATED: "2026-02-01T00:00:00Z"})),
                (Platform, ARTICLE, json!({ARTICLE_KEY: "2027-06-01", CREATED: "2026-03-01T00:00:00Z"})),
            ],
            &[],
            ("unknown", "withdrawn", false),
        ),
        row(
            "a status does",
            vec![(Platform, OWN, withdrawn("2026-01-01T00:00:00Z")), (Platform, OWN, active("2026-02-01T00:00:00Z"))],
            &[],
            ("unknown", "active", false),
        ),
        row(
            "superseded does where it takes the status back",
            vec![
                (Platform, OWN, withdrawn("2026-01-01T00:00:00Z")),
                (Platform, OWN, ours("2026-02-01T00:00:00Z", &[("status", "superseded"), ("cleared", "status")])),
            ],
            &[],
            ("unknown", "superseded", false),
        ),
        row(
            "to take the status back does",
            vec![
                (Platform, OWN, withdrawn("2026-01-01T00:00:00Z")),
                (Platform, OWN, ours("2026-02-01T00:00:00Z", &[("cleared", "status")])),
            ],
            &[],
            ("unknown", "unknown", false),
        ),
        row(
            "another issuer does not",
            vec![
                (Platform, OWN, withdrawn("2026-01-01T00:00:00Z")),
                (Platform, OWN, by("vendor", "2026-02-01T00:00:00Z", "status", "active")),
            ],
            &[],
            ("unknown", "withdrawn", true),
        ),
        // 4. Other issuers (the issue on states, 1, dates; DESIGN, yes, no, I do not know).
        row(
            "the stricter date of two issuers holds",
            vec![
                (Platform, OWN, by("site", "2026-01-01T00:00:00Z", "end-of-life", "2026-06-01T00:00:00Z")),
                (Platform, OWN, by("vendor", "2026-02-01T00:00:00Z", "end-of-life", "2027-06-01T00:00:00Z")),
            ],
            &[],
            ("unknown", "end-of-life", true),
        ),
        row(
            "unless it is said whom to believe",
            vec![
                (Platform, OWN, by("site", "2026-01-01T00:00:00Z", "end-of-life", "2026-06-01T00:00:00Z")),
                (Platform, OWN, by("vendor", "2026-02-01T00:00:00Z", "end-of-life", "2027-06-01T00:00:00Z")),
            ],
            &["--issuer", "vendor"],
            ("unknown", "active", false),
        ),
        // 5. Levels (the issue on states, 1: what oras and regctl attach to a tag is on the index).
        row(
            "what is said of the index holds for the platform",
            vec![(Index, OWN, withdrawn("2026-01-01T00:00:00Z"))],
            &[],
            ("withdrawn", "withdrawn", false),
        ),
        row(
            "a later word on the index reaches a platform that has an older one",
            vec![
                (Platform, OWN, active("2026-01-01T00:00:00Z")),
                (Index, MICROSOFT, json!({MICROSOFT_KEY: "2026-02-01", CREATED: "2026-02-01T00:00:00Z"})),
            ],
            &[],
            ("end-of-life", "end-of-life", false),
        ),
        row("never the other way", vec![(Platform, OWN, withdrawn("2026-01-01T00:00:00Z"))], &[], ("unknown", "withdrawn", false)),
        row(
            "a later word on the platform holds for it",
            vec![(Index, OWN, ours("2026-01-01T00:00:00Z", &[("status", "deprecated")])), (Platform, OWN, active("2026-02-01T00:00:00Z"))],
            &[],
            ("deprecated", "active", false),
        ),
        // 6. Time (reference study, 7: the oldest recipe copies the creation time of the image).
        row(
            "a statement without a date is not the oldest",
            vec![(Platform, OWN, ours("", &[("end-of-life", "2026-06-01T00:00:00Z")])), (Platform, OWN, active("2026-02-01T00:00:00Z"))],
            &[],
            ("unknown", "end-of-life", true),
        ),
        row(
            "the creation time of the image is no date",
            vec![
                (Platform, ARTICLE, json!({ARTICLE_KEY: "2026-06-01", CREATED: "2024-01-01T00:00:00Z"})),
                (Platform, ARTICLE, json!({ARTICLE_KEY: "2027-06-01", CREATED: "2026-02-01T00:00:00Z"})),
            ],
            &[],
            ("unknown", "end-of-life", true),
        ),
        row(
            "those that agree are not ambiguous",
            vec![
                (Platform, MICROSOFT, json!({MICROSOFT_KEY: "2026-06-01"})),
                (Platform, MICROSOFT, json!({MICROSOFT_KEY: "2026-06-01", "n": "2"})),
            ],
            &[],
            ("unknown", "end-of-life", false),
        ),
        row(
            "what was said a second later does not count",
            vec![(Platform, OWN, withdrawn("2026-11-21T10:00:01Z"))],
            &[],
            ("unknown", "unknown", false),
        ),
        row(
            "what was said in that second does",
            vec![(Platform, OWN, withdrawn("2026-11-21T10:00:00Z"))],
            &[],
            ("unknown", "withdrawn", false),
        ),
    ]
}

#[test]
fn every_rule_holds() {
    for Row { rule, mut said, arguments, expected } in rows() {
        for turn in 0..2 {
            let environment = Environment::new();
            let mut layout = Layout::new().index("app:1", &[&app(), &app().platform("arm64")], json!({}));
            let index = layout.digest_of("app:1");
            for (on, artifact_type, annotations) in &said {
                let subject = if *on == Index { index.clone() } else { app().digest() };
                statement(&mut layout, &subject, artifact_type, annotations.clone());
            }
            layout.write(&environment.join("in"));
            // By its name, and as a node pins it.
            let (_, named) = environment.json(&[&["lifecycle", "show", "in:app:1", "--at", AT], arguments].concat());
            let (_, pinned) =
                environment.json(&[&["lifecycle", "show", &format!("in@{}", app().digest()), "--at", AT], arguments].concat());
            let standing = |subject: &Value| subject["standing"].as_str().unwrap().to_owned();
            let subject = &pinned["subjects"][0];
            let found = (standing(&named["subjects"][0]), standing(subject), subject["ambiguous"].as_bool().unwrap());
            assert_eq!((found.0.as_str(), found.1.as_str(), found.2), expected, "{rule} ({turn}): {pinned:#}");
            assert_eq!(standing(&named["subjects"][1]), found.1, "{rule}");
            // Nothing passes to another platform.
            if said.iter().all(|(on, ..)| *on == Platform) {
                assert_eq!(standing(&named["subjects"][2]), "unknown", "{rule}");
            }
            let check = [&["lifecycle", "check", "in", "--at", AT], arguments].concat();
            let garbled = rule.starts_with("a status that is no status");
            let denied = garbled || [expected.0, expected.1].iter().any(|standing| matches!(*standing, "withdrawn" | "end-of-life"));
            let (status, report) = environment.json(&check);
            assert_eq!(status != 0, denied, "{rule}: {report:#}");
            assert_eq!(report["denied"].as_u64() != Some(0), denied, "{rule}: {report:#}");
            said.reverse();
        }
    }
}

/// The newcomer's way: a withdrawn image, and everything that used to turn it green.
#[test]
fn nothing_but_its_status_ends_a_withdrawal() {
    let new = || app().annotated("n", "2").with_top("created", json!("2025-01-01T00:00:00Z"));
    let place = || {
        let environment = Environment::new();
        let layout = Layout::new().index("app:1", &[&app(), &app().platform("arm64")], json!({}));
        layout.index("app:2", &[&new(), &new().platform("arm64")], json!({})).write(&environment.join("in"));
        environment.ok(&["lifecycle", "set", "in:app:1", "--status", "withdrawn", "--reason", "backdoor", "--at", "2026-01-01"]);
        environment
    };
    let list = json!({"EolDate": "2027-01-01", "EolDigests": [{"Digest": app().digest()}]}).to_string();
    for verb in [
        &["set", "in:app:1", "--eol", "2027-01-01"][..],
        &["set", "in:app:1", "--reason", "another"],
        &["set", "in:app:1", "--clear", "reason"],
        &["set", "in:app:1", "--profile", "native", "--url", "https://example.org"],
        &["supersede", "in:app:1", "--by", "in:app:2"],
        &["supersede", "in:app:1", "--by", "in:app:2", "--eol", "2027-01-01"],
        &["import", "list.json", "in"],
        &["compact", "in:app:1"],
    ] {
        let environment = place();
        std::fs::write(environment.join("list.json"), &list).unwrap();
        environment.ok(&[&["lifecycle"], verb, &["--at", "2026-02-01"]].concat());
        environment.ok(&["lifecycle", "compact", "in:app:1", "--at", "2026-03-01"]);
        let (status, report) = environment.json(&["lifecycle", "check", "in", "--at", AT]);
        assert_eq!((status, &report["denied"]), (1, &json!(3)), "{verb:?}: {report:#}");
        assert!(
            report["items"].as_array().unwrap().iter().all(|item| item["denied"][0]["deny"] == "withdrawn" || item["denied"] == json!([]))
        );
    }
    for verb in [&["--status", "active"][..], &["--status", "deprecated"], &["--status", "superseded"], &["--clear", "status"]] {
        let environment = place();
        environment.ok(&[&["lifecycle", "set", "in:app:1"], verb, &["--at", "2026-02-01"]].concat());
        // What says nothing of the status does not bring it back, nor does a compaction.
        environment.ok(&["lifecycle", "set", "in:app:1", "--eol", "2027-01-01", "--at", "2026-03-01"]);
        environment.ok(&["lifecycle", "compact", "in:app:1", "--at", "2026-04-01"]);
        let (status, report) = environment.json(&["lifecycle", "check", "in", "--at", AT]);
        assert_eq!((status, &report["denied"]), (0, &json!(0)), "{verb:?}: {report:#}");
    }
}

#[test]
fn taking_back_all_that_was_said_is_a_word_too() {
    let environment = Environment::new();
    Layout::new().image("app:1", &app()).write(&environment.join("in"));
    environment.ok(&["lifecycle", "set", "in:app:1", "--eol", "2026-12-01", "--reason", "typo", "--at", "2026-01-01"]);
    let (_, set) = environment.json(&["lifecycle", "set", "in:app:1", "--clear", "end-of-life", "--clear", "reason", "--at", "2026-01-02"]);
    assert_eq!((&set["changed"], &set["subjects"][0]["cleared"]), (&json!(true), &json!(["endOfLife", "reason"])));
    for _ in 0..2 {
        let (status, shown) = environment.json(&["lifecycle", "show", "in:app:1", "--at", AT]);
        assert_eq!((status, &shown["subjects"][0]["standing"], &shown["findings"]), (0, &json!("unknown"), &json!([])), "{shown:#}");
        assert_eq!(value(&shown["subjects"][0], "endOfLife"), None);
        assert_eq!(environment.json(&["lifecycle", "check", "in", "--at", AT]).0, 0);
        let (status, report) = environment.json(&["lifecycle", "report", "in", "--at", AT]);
        assert_eq!((status, &report["findings"]), (0, &json!([])));
        // What was taken back goes; the word that took it back stays, for the copy that comes from elsewhere.
        environment.ok(&["lifecycle", "compact", "in:app:1", "--at", AT]);
    }
    let (_, history) = environment.json(&["lifecycle", "history", "in:app:1", "--at", AT]);
    assert_eq!(history["subjects"][0]["statements"].as_array().unwrap().len(), 1, "{history:#}");
    // There is nothing left to take back.
    let (_, again) = environment.json(&["lifecycle", "set", "in:app:1", "--clear", "reason", "--at", AT]);
    assert_eq!(again["changed"], json!(false));
}

/// An extension that was bought: the list of the vendor is imported again each month.
#[test]
fn what_is_overridden_does_not_count_again_and_a_new_date_does() {
    let environment = Environment::new();
    Layout::new().image("app:1", &app()).write(&environment.join("in"));
    let import = |date: &str, at: &str| {
        let list = json!({"EolDate": date, "EolDigests": [{"Digest": app().digest()}]}).to_string();
        std::fs::write(environment.join("list.json"), list).unwrap();
        environment.ok(&["lifecycle", "import", "list.json", "in", "--issuer", "vendor", "--at", at]);
    };
    let shown = |at: &str| {
        let (_, shown) = environment.json(&["lifecycle", "show", "in:app:1", "--at", at]);
        let subject = &shown["subjects"][0];
        (value(subject, "endOfLife").unwrap()[..10].to_owned(), subject["ambiguous"].as_bool().unwrap())
    };
    import("2026-06-01", "2026-01-01");
    environment.ok(&["lifecycle", "set", "in:app:1", "--eol", "2027-06-01", "--issuer", "site", "--at", "2026-02-01"]);
    assert_eq!(shown(AT), ("2026-06-01".to_owned(), true));
    environment.ok(&["lifecycle", "set", "in:app:1", "--eol", "2027-06-01", "--issuer", "site", "--override", "--at", "2026-02-02"]);
    assert_eq!(shown(AT), ("2027-06-01".to_owned(), false));
    import("2026-06-01", "2026-03-01");
    // The site says something else of it, and the override stays.
    environment.ok(&["lifecycle", "set", "in:app:1", "--reason", "extended", "--issuer", "site", "--at", "2026-03-02"]);
    assert_eq!(shown(AT), ("2027-06-01".to_owned(), false));
    import("2026-09-01", "2026-04-01");
    assert_eq!(shown(AT), ("2026-09-01".to_owned(), true));
}

/// A platform is copied without its index, and what was said of the index goes with it.
#[test]
fn a_platform_that_goes_alone_takes_along_what_was_said_of_its_index() {
    for (name, annotations, standing, ambiguous) in [
        ("dated", json!({MICROSOFT_KEY: "2026-02-01", CREATED: "2026-02-01T00:00:00Z"}), "end-of-life", false),
        ("undated", json!({MICROSOFT_KEY: "2026-02-01"}), "end-of-life", false),
        (
            "ours",
            ours("2026-03-01T00:00:00Z", &[("status", "withdrawn"), ("issuer", "vendor"), ("reason", "backdoor")]),
            "withdrawn",
            false,
        ),
        ("successor", ours("2026-03-01T00:00:00Z", &[("superseded-by", &app().annotated("n", "2").digest())]), "superseded", false),
    ] {
        let environment = Environment::new();
        let mut layout = Layout::new().index("app:1", &[&app(), &app().platform("arm64")], json!({}));
        let index = layout.digest_of("app:1");
        let artifact_type = if annotations.get(MICROSOFT_KEY).is_some() { MICROSOFT } else { OWN };
        statement(&mut layout, &index, artifact_type, annotations);
        layout.write(&environment.join("in"));
        environment.ok(&["copy", "in:app:1", "out:app:1", "--platform", "linux/arm64"]);
        let (_, here) = environment.json(&["lifecycle", "show", "in:app:1", "--platform", "linux/arm64", "--at", AT]);
        let (_, there) = environment.json(&["lifecycle", "show", "out:app:1", "--at", AT]);
        let (here, there) = (&here["subjects"][0], &there["subjects"][0]);
        assert_eq!((&there["standing"], &there["ambiguous"]), (&json!(standing), &json!(ambiguous)), "{name}: {there:#}");
        for field in ["status", "endOfLife", "supersededBy", "reason"] {
            assert_eq!(value(there, field), value(here, field), "{name} {field}");
        }
        assert_eq!(there["issuer"], here["issuer"], "{name}");
        // Once more changes nothing, and as of a day before it was not said.
        environment.ok(&["copy", "in:app:1", "out:app:1", "--platform", "linux/arm64"]);
        let (_, history) = environment.json(&["lifecycle", "history", "out:app:1", "--at", AT]);
        assert_eq!(history["subjects"][0]["statements"].as_array().unwrap().len(), 1, "{name}");
        let (_, before) = environment.json(&["lifecycle", "show", "out:app:1", "--at", "2026-01-15"]);
        assert_eq!(before["subjects"][0]["standing"] == "unknown", name != "undated", "{name}");
        environment.ok(&["fsck", "out"]);
    }
}

/// A platform goes on alone, and what was said of its index goes with it.
#[test]
fn an_index_is_found_by_digest_and_a_collection_is_its_members() {
    let environment = Environment::new();
    let mut layout = Layout::new().index("app:1", &[&app(), &app().platform("arm64")], json!({}));
    let index = layout.digest_of("app:1");
    statement(&mut layout, &index, MICROSOFT, json!({MICROSOFT_KEY: "2026-02-01", CREATED: "2026-02-01T00:00:00Z"}));
    layout.write(&environment.join("in"));
    let other: Image = app().annotated("n", "2");
    Layout::new().image("other:1", &other).write(&environment.join("others"));
    // The name is gone, and the index is still above the platform.
    environment.ok(&["untag", "in:app:1"]);
    let pinned = format!("in@{}", app().digest());
    let (_, shown) = environment.json(&["lifecycle", "show", &pinned, "--at", AT]);
    assert_eq!((&shown["subjects"][0]["standing"], &shown["subjects"][0]["through"]), (&json!("end-of-life"), &json!(index)));
    environment.ok(&["copy", "others:other:1", "in"]);
    environment.ok(&["tag", &format!("in@{index}"), "app:old"]);
    environment.ok(&["collection", "create", "in:suite:1", "in:app:old", "in:other:1"]);
    let (status, report) = environment.json(&["lifecycle", "check", "in:suite:1", "--at", AT]);
    assert_eq!((status, &report["denied"]), (1, &json!(3)), "{report:#}");
}

#[test]
fn what_is_made_of_a_stopped_image_is_told_and_a_batch_makes_nothing_of_a_withdrawn_one() {
    let environment = Environment::new();
    Layout::new().image("app:1", &app()).image("ended:1", &app().annotated("n", "2")).write(&environment.join("in"));
    environment.ok(&["lifecycle", "set", "in:app:1", "--status", "withdrawn", "--reason", "backdoor", "--at", "2026-01-01"]);
    environment.ok(&["lifecycle", "set", "in:ended:1", "--eol", "2026-01-01", "--at", "2026-01-01"]);
    for (image, word) in [("in:app:1", "is withdrawn"), ("in:ended:1", "at the end of its life")] {
        let (status, report) = environment.json(&["annotate", image, "-a", "a=b", "--tag", "new:1"]);
        let finding = report["findings"].as_array().unwrap().iter().find(|finding| finding["code"] == "lifecycle.stopped").unwrap();
        assert!(status == 0 && finding["message"].as_str().unwrap().contains(word), "{report:#}");
    }
    let plan = environment.run(&["batch", "plan", "in", "--bases", "in"]).out;
    let line = plan.lines().find(|line| line.contains(&app().digest())).unwrap_or_default();
    assert!(line.contains("lifecycle.withdrawn") && line.contains("refused"), "{plan}");
}

/// A batch makes something new of an image at the end of its life, and says so: in the line of the plan, and to whoever waits for either.
#[test]
fn a_batch_warns_where_an_image_is_at_its_end() {
    let environment = Environment::new();
    let base =
        |number: u32| Image::of(&[&layer(&[&format!("os={number}")])]).with_top("created", json!(format!("202{number}-01-01T00:00:00Z")));
    let of_base = |name: &str| {
        let image = Image::of(&[&layer(&["os=1"]), &layer(&[&format!("app={name}")])]);
        image.annotated("org.opencontainers.image.base.name", "os:1").annotated("org.opencontainers.image.base.digest", &base(1).digest())
    };
    Layout::new().image("os:1", &base(2)).image("os:old", &base(1)).write(&environment.join("bases"));
    Layout::new().image("app:ended", &of_base("1")).image("app:fine", &of_base("2")).write(&environment.join("in"));
    environment.ok(&["lifecycle", "set", "in:app:ended", "--eol", "2026-01-01", "--at", "2026-01-01"]);
    let plan = environment.run(&["batch", "plan", "in", "--bases", "bases", "--at", AT]);
    std::fs::write(environment.join("plan.jsonl"), &plan.out).unwrap();
    let warned = |image: &str| plan.out.lines().any(|line| line.contains(image) && line.contains(r#""warnings":["lifecycle.stopped"]"#));
    assert!(warned("in:app:ended") && !warned("in:app:fine"), "{}", plan.out);
    assert!(plan.err.contains("1 with a warning [lifecycle.stopped]"), "{}", plan.err);
    let (status, report) = environment.json(&["batch", "apply", "plan.jsonl", "-o", "out"]);
    assert_eq!((status, &report["moved"], &report["findings"][0]["code"]), (0, &json!(2), &json!("lifecycle.stopped")), "{report:#}");
    assert!(report["findings"][0]["details"][0].as_str().unwrap().starts_with("in:app:ended"), "{report:#}");
    // An image that stays as it is is nothing new.
    let current = environment.run(&["batch", "plan", "out", "--bases", "bases", "--at", AT]);
    assert!(!current.out.contains("lifecycle.stopped"), "{}", current.out);
}

/// Who names a platform by its digest gets what is said of the index above it, as who asks for the platform does.
#[test]
fn a_platform_that_is_copied_by_its_digest_takes_along_what_was_said_of_its_index() {
    let (environment, _) = super::two_platforms();
    environment.ok(&["lifecycle", "set", "in:app:1", "--index-only", "--status", "withdrawn"]);
    let source = format!("in@{}", super::app().digest());
    environment.ok(&["copy", &source, "out:app:1"]);
    let (status, report) = environment.json(&["lifecycle", "check", "out"]);
    assert_eq!((status, &report["items"][0]["denied"][0]["deny"]), (1, &json!("withdrawn")), "{report:#}");
    // A new index of the same platforms hides nothing either.
    environment.ok(&["index", "in:app:1", "-o", "index:app:1"]);
    let (status, report) = environment.json(&["lifecycle", "check", "index"]);
    assert_eq!((status, &report["denied"]), (1, &json!(2)), "{report:#}");
}
