//! One decision: all verbs say the same of the same image.

use serde_json::{Value, json};

use super::{DIGEST, LATER, NAME, own, place};
use crate::batch::items;
use crate::support::{Environment, Image, Layout};

const OS: &str = "r.example/os:1";

fn old() -> Image {
    Image::of(&[&own("os old")])
}

fn new() -> Image {
    Image::of(&[&own("os new")]).with_top("created", json!(LATER))
}

fn app() -> Image {
    old().and(&[&own("app")])
}

fn says(image: Image, name: &str, base: &Image) -> Image {
    image.annotated(NAME, name).annotated(DIGEST, &base.digest())
}

/// A layout in which the name moved from the old to the new base, which says so or not.
fn moved(says: bool) -> Layout {
    let mut layout = Layout::new().image("", &old()).image(OS, &new());
    if says {
        layout.entries[0]["annotations"]["dev.airbase.former-names"] = json!(OS);
    }
    layout
}

/// A base that has another name here than the image gives it, and its successor, under names that rules are about; the rules.
fn renamed() -> Vec<(&'static str, Vec<Layout>, Image, Vec<String>)> {
    let here = || vec![Layout::new().image("site/os:1-old", &old()).image("site/os:1", &new())];
    let apart = || says(app(), OS, &old());
    let pinned = || app().annotated(NAME, &format!("{OS}@{}", old().digest()));
    let rule = |left: &str, right: &str| vec![format!("{left}=bases0:{right}")];
    let by_digest = vec![format!("{}=bases0:site/os:1", old().digest())];
    vec![
        ("renamed", here(), apart(), vec![]),
        ("renamed, and a rule for the name", here(), apart(), rule(OS, "site/os:1")),
        ("renamed, and a rule that says that it is the base", here(), apart(), rule(OS, "site/os:1-old")),
        ("renamed, and a pattern", here(), apart(), rule("r.example/*", "site/{match}")),
        ("renamed, and a pattern about others", here(), apart(), rule("site/*", "site/{match}")),
        ("renamed, and a rule for its name here", here(), apart(), rule("site/os:1-old", "site/os:1")),
        ("renamed, and a rule for its digest", here(), apart(), by_digest),
        ("renamed and pinned", here(), pinned(), vec![]),
        ("renamed and pinned, and a rule", here(), pinned(), rule(OS, "site/os:1")),
        ("renamed, and the name is here", vec![Layout::new().image("site/os:1", &old()).image(OS, &new())], apart(), vec![]),
        ("renamed and pinned, and the name is here", vec![Layout::new().image("site/os:1", &old()).image(OS, &new())], pinned(), vec![]),
        ("the same path elsewhere", vec![Layout::new().image("site.example/os:1", &old())], app().annotated(NAME, OS), vec![]),
    ]
}

/// Layouts with bases, and the image.
fn fixtures() -> Vec<(&'static str, Vec<Layout>, Image)> {
    let two = || vec![Layout::new().image(OS, &old()), Layout::new().image(OS, &new())];
    let undated = || new().with_top("created", Value::Null);
    let java = old().and(&[&own("java")]);
    let labelled = |image: Image| image.with("Labels", json!({NAME: "r.example/os:2"}));
    let recorded = app().annotated("dev.airbase.base.layers", "1");
    vec![
        ("its base, named and here", vec![Layout::new().image(OS, &old())], says(app(), OS, &old())),
        ("a digest that is here, and the name moved", vec![moved(false)], says(app(), OS, &old())),
        ("a former name", vec![moved(true)], app()),
        ("a former name and a record", vec![moved(true)], app().annotated(NAME, OS)),
        ("no name", vec![moved(false)], app()),
        ("the newest of two", two(), app()),
        ("the newest of two, named", two(), says(app(), OS, &old())),
        ("two without dates", vec![Layout::new().image(OS, &old()), Layout::new().image(OS, &undated())], app()),
        ("only the new one is here", vec![Layout::new().image(OS, &new())], says(app(), OS, &old())),
        ("a recorded seam", vec![Layout::new().image(OS, &new())], says(recorded, OS, &old())),
        ("nothing is here", vec![Layout::new().image("r.example/other:1", &Image::of(&[&own("other")]))], app()),
        (
            "a base of the base",
            vec![Layout::new().image("r.example/os:0", &old())],
            says(java.and(&[&own("app")]), "r.example/java:1", &java),
        ),
        (
            "an inherited label",
            vec![
                Layout::new()
                    .image("r.example/java:1-old", &labelled(java.clone()))
                    .image("r.example/java:1", &labelled(new().and(&[&own("java 2")])))
                    .image("r.example/os:2", &new()),
            ],
            labelled(java.clone()).and(&[&own("app")]),
        ),
        ("a base that its layers refute", vec![Layout::new().image(OS, &new()).image("r.example/os:0", &old())], says(app(), OS, &new())),
        ("no base", vec![Layout::new().image(OS, &new())], Image::of(&[&own("static")]).annotated(NAME, "scratch")),
        ("another image under its own name", vec![Layout::new().image(OS, &old().annotated("note", "copied"))], says(app(), OS, &old())),
    ]
}

/// What one verb says: the manifest of the old base, that of the new one, or the code of a refusal.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Said {
    old: Option<String>,
    new: Option<String>,
    code: Option<String>,
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn rebase(environment: &Environment, bases: &[&str]) -> Said {
    let outcome = environment.run(&[&["rebase", "app", "--dry-run", "--format", "json"], bases].concat());
    if outcome.status != 0 {
        let code = outcome.err.split(['[', ']']).nth(1).or_else(|| outcome.err.split('"').find(|part| part.contains("base."))).unwrap();
        return Said { code: Some(code.to_owned()), ..Said::default() };
    }
    let report: Value = serde_json::from_str(&outcome.out).unwrap();
    let platform = &report["platforms"][0];
    let said = Said { old: text(&platform["oldBase"]["manifest"]), new: text(&platform["newBase"]["manifest"]), code: None };
    assert_eq!(report["status"] == "current", said.old == said.new, "{report:#}");
    said
}

fn batch(environment: &Environment, bases: &[&str]) -> (Value, Said) {
    let outcome = environment.ok(&[&["batch", "plan", "app"], bases].concat());
    let item = items(&outcome.out)[0].clone();
    let base = |side: &str| text(&item["platforms"][0][side]["digest"]);
    (item["status"].clone(), Said { old: base("old"), new: base("new"), code: text(&item["reason"]["code"]) })
}

#[test]
fn all_verbs_agree() {
    let without_rules = fixtures().into_iter().map(|(what, layouts, app)| (what, layouts, app, Vec::new()));
    for (what, layouts, app, rules) in without_rules.chain(renamed()) {
        let environment = place(&[("app", Layout::new().image("r.example/app:1", &app))]);
        let names: Vec<String> = (0..layouts.len()).map(|number| format!("bases{number}")).collect();
        for (name, layout) in names.iter().zip(&layouts) {
            layout.write(&environment.join(name));
        }
        let bases: Vec<&str> =
            names.iter().flat_map(|name| ["--bases", name]).chain(rules.iter().flat_map(|rule| ["--map", rule])).collect();
        let json = |arguments: &[&str]| environment.json(&[arguments, &bases].concat());

        let (shown, report) = json(&["base", "show", "app"]);
        let shown_base = text(&report["platforms"][0]["baseManifest"]);
        let (status, report) = json(&["outdated", "app"]);
        let item = report["items"][0].clone();
        let inspected = json(&["inspect", "app"]).1["sources"][0]["entries"][0]["images"][0].clone();
        let lifecycle = json(&["lifecycle", "show", "app"]).1["subjects"][0].clone();
        let rebased = rebase(&environment, &bases);
        let (planned, batched) = batch(&environment, &bases);
        let standing = item["standing"].as_str().unwrap();
        let case = format!("{what}\n{item:#}\n{rebased:?}\n{batched:?}");

        // What it is based on.
        assert_eq!(text(&item["baseManifest"]), shown_base, "outdated: {case}");
        assert_eq!(text(&inspected["base"]["manifest"]), shown_base, "inspect: {case}");
        assert_eq!(text(&lifecycle["inherited"][0]["digest"]), shown_base, "lifecycle: {case}");
        assert_eq!(shown == 0, shown_base.is_some() || standing == "no-base", "{case}");
        // What that means now.
        assert_eq!(rebased.code, batched.code.clone().or((planned == "base").then(|| "base.name_unknown".to_owned())), "{case}");
        if rebased.code.is_none() {
            assert_eq!((&rebased.old, &rebased.new), (&batched.old, &batched.new), "batch: {case}");
            assert_eq!(rebased.old, shown_base, "rebase: {case}");
            assert_eq!(rebased.new, text(&item["newerManifest"]), "rebase: {case}");
            let expected = if rebased.old == rebased.new { "current" } else { "outdated" };
            assert_eq!(standing, expected, "{case}");
            assert_eq!(planned, if expected == "current" { "current" } else { "move" }, "{case}");
        } else {
            let by_record = standing == "outdated" && item["proof"] == "recorded";
            assert!(standing == "unknown" || standing == "no-base" || by_record, "{case}");
        }
        assert_eq!(status == 0, standing == "current" || standing == "no-base", "{case}");
    }
}
