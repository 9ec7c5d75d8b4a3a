//! What an image has from its base: labels, and the end of life of the base and of those below it.

use serde_json::{Value, json};

use super::{MICROSOFT, MICROSOFT_KEY, statement, value};
use crate::support::{Environment, Image, Layout, layer};

const AT: &str = "2026-11-21";
const DHI: &str = "com.docker.dhi.date.end-of-life";

fn os() -> Image {
    Image::of(&[&layer(&["os=1"])]).with("Labels", json!({DHI: "2026-06-01", "org.opencontainers.image.version": "12"}))
}

fn middleware() -> Image {
    os().and(&[&layer(&["java=1"])])
}

fn app() -> Image {
    middleware().and(&[&layer(&["app=1"])])
}

/// `bases`: the system and the middleware on it, the system at its end by a statement. `apps`: an app on the middleware.
fn place() -> Environment {
    let environment = Environment::new();
    let mut bases = Layout::new().image("os:12", &os()).image("java:21", &middleware());
    statement(&mut bases, &os().digest(), MICROSOFT, json!({MICROSOFT_KEY: "2026-09-01"}));
    bases.write(&environment.join("bases"));
    Layout::new().image("app:1", &app()).write(&environment.join("apps"));
    environment
}

#[test]
fn a_label_of_the_base_is_not_the_word_of_the_image() {
    let environment = place();
    let show = |more: &[&str]| -> Value { environment.json(&[&["lifecycle", "show", "apps:app:1", "--at", AT], more].concat()).1 };
    // Without the base nobody knows whose word it is; it may be its own, so it counts.
    let alone = show(&[]);
    assert_eq!(alone["subjects"][0]["standing"], "end-of-life");
    assert_eq!(alone["subjects"][0]["declared"][0]["inherited"], "unknown");
    let known = show(&["--bases", "bases"]);
    let subject = &known["subjects"][0];
    assert_eq!((&subject["standing"], value(subject, "endOfLife")), (&json!("unknown"), None), "{known:#}");
    assert!(subject["declared"].as_array().unwrap().iter().all(|declared| declared["inherited"] == "yes"));
    let text = environment.ok(&["lifecycle", "show", "apps:app:1", "--bases", "bases", "--at", AT]).out;
    assert!(text.contains("inherited from its base") && text.contains("its base bases:java:21"), "{text}");
}

#[test]
fn the_end_of_a_base_is_found_down_the_chain() {
    let environment = place();
    let (_, shown) = environment.json(&["lifecycle", "show", "apps:app:1", "--bases", "bases", "--at", AT]);
    let inherited = shown["subjects"][0]["inherited"].as_array().unwrap();
    let bases: Vec<_> = inherited.iter().map(|base| (base["base"].as_str().unwrap(), base["depth"].as_u64().unwrap())).collect();
    assert_eq!(bases, [("bases:java:21", 1), ("bases:os:12", 2)], "{shown:#}");
    assert_eq!(inherited[1]["standing"], "end-of-life");
    let check = ["lifecycle", "check", "apps", "--bases", "bases", "--at", AT, "--deny", "base-end-of-life"];
    let (status, report) = environment.json(&check);
    assert_eq!((status, &report["items"][0]["denied"][0]["since"]), (1, &json!("2026-09-01T00:00:00Z")), "{report:#}");
    assert_eq!(environment.json(&[&check[..], &["--grace", "90d"]].concat()).0, 0);
    // The image itself is not at its end.
    let own = ["lifecycle", "check", "apps", "--bases", "bases", "--at", AT];
    assert_eq!(environment.json(&own).0, 0);
    let sheet = environment.ok(&["lifecycle", "report", "apps", "--bases", "bases", "--at", AT, "--format", "csv"]).out;
    assert!(sheet.contains(",2026-09-01T00:00:00Z,0"), "{sheet}");
}
