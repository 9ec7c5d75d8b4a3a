//! Images that stand on each other move in order, each onto what the one below it became.

use serde_json::json;

use super::{apply, item, items, plan, seen};
use crate::support::{Environment, Image, Layer, Layout, layer};

/// A base in two editions, a runtime on the old one, two middlewares on the runtime, and apps on the middlewares.
struct Chain {
    new: Layer,
    runtime: Layer,
    middle: [Layer; 2],
    apps: Vec<(String, Layer)>,
}

impl Chain {
    fn write(environment: &Environment) -> Self {
        let (old, new) = (layer(&["os=old"]), layer(&["os=new"]));
        let runtime = layer(&["runtime=17"]);
        let middle = [layer(&["middle=red"]), layer(&["middle=blue"])];
        let base = Image::of(&[&old]);
        let below = base.and(&[&runtime]);
        let mut images = Layout::new().image("site/runtime:17", &below);
        let mut apps = Vec::new();
        // The apps come first in the list, so that the order of the plan is not that of the input.
        let mut upper = Layout::new();
        for (number, middle) in middle.iter().enumerate() {
            let middleware = below.and(&[middle]);
            for app in 0..3 {
                let name = format!("site/app-{number}-{app}:1");
                let own = layer(&[&format!("app={number} {app}")]);
                upper = upper.image(&name, &middleware.and(&[&own]));
                apps.push((name, own));
            }
            images = images.image(&format!("site/middle-{number}:1"), &middleware);
        }
        upper.write(&environment.join("images/1-apps"));
        images.write(&environment.join("images/2-below"));
        Layout::new().image("site/os:12", &base).write(&environment.join("images/3-old"));
        let newer = Image::of(&[&new]).with_top("created", json!("2024-06-01T00:00:00Z"));
        Layout::new().image("site/os:12", &newer).write(&environment.join("bases"));
        Self { new, runtime, middle, apps }
    }
}

#[test]
fn a_chain_of_three_moves_from_the_bottom_up() {
    let environment = Environment::new();
    let chain = Chain::write(&environment);
    let planned = items(&plan(&environment, &["images", "--bases", "bases"]));
    let moves: Vec<_> = planned.iter().filter(|item| item["status"] == "move").collect();
    let levels: Vec<u64> = moves.iter().map(|item| item["level"].as_u64().unwrap()).collect();
    assert_eq!(levels, [0, 1, 1, 2, 2, 2, 2, 2, 2], "{planned:#?}");
    let runtime = item(&planned, "site/runtime:17");
    let middle = item(&planned, "site/middle-0:1");
    let app = item(&planned, "site/app-0-1:1");
    assert_eq!(middle["platforms"][0]["new"]["item"], runtime["key"]);
    assert_eq!(middle["platforms"][0]["new"]["digest"], runtime["result"]["digest"]);
    assert_eq!(app["platforms"][0]["new"]["item"], middle["key"]);
    assert_eq!(app["platforms"][0]["seam"], 3);

    assert_eq!(apply(&environment, "out", &[]).0, 0);
    let contents = seen(&environment, "out");
    contents.whole();
    for (number, (name, own)) in chain.apps.iter().enumerate() {
        let digest = contents.named(name).unwrap();
        assert_eq!(digest, item(&planned, name)["result"]["digest"]);
        let manifest = contents.json(&digest);
        let layers: Vec<&str> = manifest["layers"].as_array().unwrap().iter().map(|layer| layer["digest"].as_str().unwrap()).collect();
        let expected = [&chain.new, &chain.runtime, &chain.middle[number / 3], own].map(Layer::digest);
        assert_eq!(layers, expected, "{name}");
        // It names what it stands on now: the moved middleware.
        let middle = format!("site/middle-{}:1", number / 3);
        assert_eq!(manifest["annotations"]["org.opencontainers.image.base.digest"], contents.named(&middle).unwrap());
        assert_eq!(manifest["annotations"]["org.opencontainers.image.base.name"], middle);
    }
    // The same as one after the other by hand.
    environment.ok(&["rebase", "images/2-below:site/runtime:17", "--from", "images/3-old", "--onto", "bases", "-o", "hand"]);
    let middle = "images/2-below:site/middle-0:1";
    environment.ok(&["rebase", middle, "--from", "images/2-below:site/runtime:17", "--onto", "hand:site/runtime:17", "-o", "hand"]);
    let app = "images/1-apps:site/app-0-1:1";
    environment.ok(&["rebase", app, "--from", middle, "--onto", "hand:site/middle-0:1", "-o", "hand"]);
    assert_eq!(seen(&environment, "hand").named("site/app-0-1:1"), contents.named("site/app-0-1:1"));
}

#[test]
fn what_stands_on_a_refused_image_is_held_and_told_so() {
    let environment = Environment::new();
    Chain::write(&environment);
    // The old base is not among the inputs, so nothing proves what the runtime stands on; it says that it stands on something.
    std::fs::remove_dir_all(environment.join("images/3-old")).unwrap();
    let runtime = Image::of(&[&layer(&["os=old"]), &layer(&["runtime=17"])]);
    let middle = runtime.and(&[&layer(&["middle=red"])]);
    let app = middle.and(&[&layer(&["app=1"])]).with("Labels", json!({"org.opencontainers.image.source": "https://git.example/app", "org.opencontainers.image.revision": "abc", "org.opencontainers.image.version": "1.2"}));
    let layout = Layout::new()
        .image("site/app:1", &app)
        .image("site/middle:1", &middle)
        .image("site/runtime:17", &runtime.clone().annotated("org.opencontainers.image.base.name", "site/gone:1"));
    let layout_of_free = Image::of(&[&layer(&["os=old"]), &layer(&["free=1"])]);
    std::fs::remove_dir_all(environment.join("images")).unwrap();
    layout.image("site/free:1", &layout_of_free).write(&environment.join("images"));
    let planned = items(&plan(&environment, &["images", "--bases", "bases"]));
    let (runtime, middle, app) = (item(&planned, "site/runtime:17"), item(&planned, "site/middle:1"), item(&planned, "site/app:1"));
    assert_eq!((&runtime["status"], &runtime["reason"]["code"]), (&json!("refused"), &json!("base.unknown")), "{planned:#?}");
    assert_eq!((&middle["status"], &middle["reason"]["code"]), (&json!("held"), &json!("batch.held")), "{planned:#?}");
    assert_eq!((&app["status"], &app["reason"]["code"]), (&json!("held"), &json!("batch.held")));
    // Enough for somebody to build it again.
    assert_eq!(app["origin"], json!({"source": "https://git.example/app", "revision": "abc", "version": "1.2"}));
    // Applying it moves nothing, and the report says why, with the exit status of a gate.
    assert_eq!(apply(&environment, "out", &[]).0, 0);
    let (status, report) = environment.json(&["batch", "report", "plan.jsonl", "out"]);
    assert_eq!((status, &report["counts"]["held"]), (1, &2.into()), "{report:#}");
    let csv = environment.run(&["batch", "report", "plan.jsonl", "out", "--format", "csv"]);
    let row = csv.out.lines().find(|row| row.contains("site/app:1")).unwrap();
    assert!(row.starts_with("held,images:site/app:1,sha256:") && row.ends_with(",https://git.example/app,abc,1.2"), "{row}");
}

#[test]
fn a_failure_while_applying_holds_what_stands_on_it() {
    let environment = Environment::new();
    let chain = Chain::write(&environment);
    let planned = items(&plan(&environment, &["images", "--bases", "bases"]));
    // The middleware's own layer is damaged after planning. Its apps have a copy, which is sound.
    let damaged = environment.join("images/2-below/blobs").join(chain.middle[1].digest().replace(':', "/"));
    std::fs::write(&damaged, vec![0; chain.middle[1].blob.len()]).unwrap();
    let (status, report) = apply(&environment, "out", &[]);
    assert_eq!((status, &report["moved"], &report["failed"], &report["held"]), (3, &5.into(), &1.into(), &3.into()), "{report:#}");
    let failures = report["failures"].as_array().unwrap();
    let codes: Vec<(&str, &str)> =
        failures.iter().map(|failure| (failure["outcome"].as_str().unwrap(), failure["findings"][0]["code"].as_str().unwrap())).collect();
    assert_eq!(codes, [("failed", "blob.digest_mismatch"), ("held", "batch.held"), ("held", "batch.held"), ("held", "batch.held")]);
    let contents = seen(&environment, "out");
    contents.whole();
    assert!(contents.named("site/app-1-0:1").is_none() && contents.named("site/app-0-0:1").is_some());
    // Mended, the second run does the rest and nothing else.
    std::fs::write(&damaged, &chain.middle[1].blob).unwrap();
    let (status, report) = apply(&environment, "out", &[]);
    assert_eq!((status, &report["moved"], &report["unchanged"]), (0, &4.into(), &5.into()), "{report:#}");
    let contents = seen(&environment, "out");
    contents.whole();
    let digest = &item(&planned, "site/app-1-0:1")["result"]["digest"];
    assert_eq!(contents.named("site/app-1-0:1").as_deref(), digest.as_str());
}

#[test]
fn images_that_are_each_others_base_by_name_are_refused() {
    let environment = Environment::new();
    let (ground, other) = (layer(&["os=1"]), layer(&["os=2"]));
    let (left, right) = (Image::of(&[&ground, &layer(&["left=1"])]), Image::of(&[&other, &layer(&["right=1"])]));
    let name = |image: Image, base: &str| image.annotated("org.opencontainers.image.base.name", base);
    // Each says that its base is called like the other.
    let layout = Layout::new().image("site/left:1", &name(left, "site/right:1")).image("site/right:1", &name(right, "site/left:1"));
    layout.write(&environment.join("images"));
    // What they are based on had these names once.
    let mut bases = Layout::new().image("", &Image::of(&[&ground])).image("", &Image::of(&[&other]));
    for (at, former) in ["site/right:1", "site/left:1"].iter().enumerate() {
        bases.entries[at]["annotations"]["dev.airbase.former-names"] = json!(former);
    }
    bases.write(&environment.join("bases"));
    let planned = items(&plan(&environment, &["images", "--bases", "bases"]));
    for name in ["site/left:1", "site/right:1"] {
        let item = item(&planned, name);
        assert_eq!((&item["status"], &item["reason"]["code"]), (&json!("refused"), &json!("batch.cycle")), "{name} {planned:#?}");
    }
}
