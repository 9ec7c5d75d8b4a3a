//! The first hour of a newcomer: an image moves onto the patched base in place, in every way there is, and what was said of the old one.
//!
//! Each way is a row of its own: the base's patch as one image and as an index, by `rebase`, by a batch, and by a copy of what was rebased
//! elsewhere.

use serde_json::{Value, json};

use crate::support::{Environment, Image, Layout, layer};

const NAME: &str = "org.opencontainers.image.base.name";
const OS: &str = "r.example/os:12";
const SHOP: &str = "r.example/shop:1.4";

fn os(number: u32) -> Image {
    Image::of(&[&layer(&[&format!("os={number}")])]).with_top("created", json!(format!("202{number}-03-01T00:00:00Z")))
}

fn put(layout: Layout, name: &str, image: &Image, platforms: bool) -> Layout {
    if platforms { layout.index(name, &[image, &image.clone().platform("arm64")], json!({})) } else { layout.image(name, image) }
}

/// `bases` with both editions, the newer one under the name, and `site` with the shop on the older one.
struct Site {
    environment: Environment,
    old: String,
}

fn site(platforms: bool) -> Site {
    let environment = Environment::new();
    let shop = os(1).and(&[&layer(&["shop=1"])]).annotated(NAME, OS);
    let mut bases = put(put(Layout::new(), "r.example/os:12.4", &os(1), platforms), OS, &os(2), platforms);
    for entry in bases.entries.iter_mut().filter(|entry| entry["annotations"].to_string().contains("12.4")) {
        entry["annotations"] = json!({"dev.airbase.former-names": OS});
    }
    bases.write(&environment.join("bases"));
    let layout = put(Layout::new(), SHOP, &shop, platforms);
    layout.write(&environment.join("site"));
    Site { environment, old: layout.digest_of(SHOP) }
}

/// The ways in which the patched shop takes the name of the old one, which is marked in the same exchange.
type Way = (&'static str, fn(&Environment));

const WAYS: [Way; 4] = [
    ("rebase", |environment| {
        environment.ok(&["rebase", &format!("site:{SHOP}"), "--bases", "bases", "--tag", SHOP, "--supersede"]);
    }),
    ("batch", |environment| {
        let plan = environment.ok(&["batch", "plan", "site", "--bases", "bases"]).out;
        std::fs::write(environment.join("plan"), plan).unwrap();
        environment.ok(&["batch", "apply", "plan", "-o", "site", "--supersede"]);
    }),
    ("copy", |environment| {
        environment.ok(&["rebase", &format!("site:{SHOP}"), "--bases", "bases", "-o", "made"]);
        environment.ok(&["copy", "made", "site", "--supersede"]);
    }),
    ("tag", |environment| {
        environment.ok(&["rebase", &format!("site:{SHOP}"), "--bases", "bases", "--tag", "r.example/shop:next"]);
        environment.ok(&["tag", "site:r.example/shop:next", SHOP, "--supersede"]);
    }),
];

fn standing(environment: &Environment, digest: &str) -> Value {
    environment.json(&["lifecycle", "show", &format!("site@{digest}")]).1["subjects"][0]["standing"].clone()
}

/// After the whole migration nothing is red, whichever way it went: the leftovers were superseded by what was judged too.
#[test]
fn a_finished_migration_is_green() {
    for platforms in [false, true] {
        for (way, go) in WAYS {
            let Site { environment, old } = site(platforms);
            assert_eq!(environment.json(&["outdated", "site", "--bases", "bases"]).0, 1, "{way}");
            go(&environment);
            let (status, report) = environment.json(&["outdated", "site", "--bases", "bases"]);
            let left = if platforms { 2 } else { 1 };
            assert_eq!((status, &report["outdated"], &report["superseded"]), (0, &json!(0), &json!(left)), "{way}: {report:#}");
            let plan = environment.ok(&["batch", "plan", "site", "--bases", "bases"]).out;
            assert!(!plan.contains(r#""status":"move""#), "{way}: {plan}");
            assert_eq!(standing(&environment, &old), "superseded", "{way}");
            // From the pinned digest to what has the name now.
            let (status, traced) = environment.json(&["lifecycle", "trace", &old, "site"]);
            let (_, now) = environment.json(&["inspect", &format!("site:{SHOP}")]);
            assert_eq!((status, &traced["result"]["digest"]), (0, &now["sources"][0]["entries"][0]["digest"]), "{way}: {traced:#}");
        }
    }
}

/// What stopped an image stops it still after something took its name; a batch makes nothing of what is withdrawn.
#[test]
fn what_was_stopped_stays_stopped() {
    for platforms in [false, true] {
        for (status, standing_after) in [("withdrawn", "withdrawn"), ("end-of-life", "end-of-life")] {
            for (way, go) in WAYS {
                let Site { environment, old } = site(platforms);
                environment.ok(&["lifecycle", "set", &format!("site:{SHOP}"), "--status", status, "--reason", "backdoor"]);
                assert_eq!(environment.json(&["lifecycle", "check", "site"]).0, 1, "{way} {status}");
                if (way, status) == ("batch", "withdrawn") {
                    let plan = environment.ok(&["batch", "plan", "site", "--bases", "bases"]).out;
                    assert!(plan.contains("lifecycle.withdrawn") && !plan.contains(r#""status":"move""#), "{plan}");
                    continue;
                }
                go(&environment);
                assert_eq!(standing(&environment, &old), standing_after, "{way} {status}");
                let (ended, report) = environment.json(&["lifecycle", "check", "site"]);
                assert_eq!((ended, &report["denied"]), (1, &json!(if platforms { 3 } else { 1 })), "{way} {status}: {report:#}");
            }
        }
    }
}

/// The patched one turns out to be bad: it is withdrawn, the way leads nowhere good, and the old one is taken back.
#[test]
fn a_withdrawn_successor_is_no_advice_and_can_be_left() {
    for (way, go) in WAYS {
        let Site { environment, old } = site(true);
        go(&environment);
        environment.ok(&["lifecycle", "set", &format!("site:{SHOP}"), "--status", "withdrawn", "--reason", "breaks TLS"]);
        let (status, traced) = environment.json(&["lifecycle", "trace", &old, "site"]);
        assert_eq!((status, &traced["result"]["standing"]), (1, &json!("withdrawn")), "{way}: {traced:#}");
        let (_, shown) = environment.json(&["inspect", &format!("site:{SHOP}")]);
        let new = shown["sources"][0]["entries"][0]["digest"].as_str().unwrap().to_owned();
        environment.ok(&["tag", &format!("site@{old}"), SHOP]);
        environment.ok(&["lifecycle", "supersede", &format!("site@{new}"), "--by", &format!("site:{SHOP}"), "--force"]);
        let (status, traced) = environment.json(&["lifecycle", "trace", &new, "site"]);
        assert_eq!((status, &traced["result"]["digest"]), (0, &json!(old)), "{way}: {traced:#}");
        assert_eq!(standing(&environment, &new), "withdrawn", "{way}");
        assert_ne!(standing(&environment, &old), "superseded", "{way}");
    }
}
