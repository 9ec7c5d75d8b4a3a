//! `airbase batch`: many images at once, as a person uses it.

mod apply;
mod cascade;
mod real;
mod refusals;
mod resume;
mod shards;
mod supersede;

use airbase::plan::batch::{Item, document};
use serde_json::{Value, json};

use crate::support::{Contents, Environment, Image, Layer, Layout, layer};

/// The lines of a plan.
pub fn lines(plan: &str) -> Vec<Value> {
    plan.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The items of a plan: what stands between the first line and the last.
pub fn items(plan: &str) -> Vec<Value> {
    let mut lines = lines(plan);
    assert_eq!(lines.remove(0)["schema"], "airbase.batch-plan/v1");
    assert!(lines.pop().unwrap().get("end").is_some());
    lines
}

/// The one item whose result is called `name`.
pub fn item<'a>(items: &'a [Value], name: &str) -> &'a Value {
    let mut found = items.iter().filter(|item| item["output"] == name);
    let item = found.next().unwrap_or_else(|| panic!("{name} in {items:#?}"));
    assert!(found.next().is_none(), "{name} twice");
    item
}

/// Makes the seals of items right again, as somebody does who wants to deceive.
pub fn reseal(lines: &mut [Value]) {
    let head = lines[0]["seal"].as_str().unwrap().to_owned();
    for line in lines.iter_mut().filter(|line| line.get("key").is_some()) {
        let mut item: Item = serde_json::from_value(line.clone()).unwrap();
        item.seal = String::new();
        *line = serde_json::from_str(&document::sealed(&document::line(&item).unwrap(), &head).unwrap()).unwrap();
    }
}

/// Old and new editions of two bases under one name each, and apps on the old ones.
pub struct World {
    pub bases: Layout,
    pub old_bases: Layout,
    pub apps: Layout,
    pub new_layers: Vec<Layer>,
}

impl World {
    /// `count` apps, every second one on the second base; every third one says what it stands on.
    pub fn new(count: usize) -> Self {
        let edition = |base: usize, edition: &str| {
            let layer = layer(&[&format!("etc/os-release=base {base} {edition}"), "bin/", "bin/sh=shell"]);
            (Image::of(&[&layer]).with("Env", json!([format!("EDITION={edition}")])), layer)
        };
        let names = ["registry.example/os:12", "registry.example/runtime:17"];
        let (mut bases, mut old_bases, mut apps) = (Layout::new(), Layout::new(), Layout::new());
        let mut new_layers = Vec::new();
        let mut olds = Vec::new();
        for (number, name) in names.into_iter().enumerate() {
            let (old, _) = edition(number, "old");
            let (new, layer) = edition(number, "new");
            bases = bases.image(name, &new.clone().with_top("created", json!("2024-06-01T00:00:00Z")));
            old_bases = old_bases.image(name, &old);
            new_layers.push(layer);
            olds.push(old);
        }
        for number in 0..count {
            let base = number % 2;
            let mut app = olds[base].and(&[&layer(&[&format!("app/{number}=application {number}")])]);
            if number % 3 == 0 {
                app = app
                    .annotated("org.opencontainers.image.base.name", names[base])
                    .annotated("org.opencontainers.image.base.digest", &olds[base].digest());
            }
            apps = apps.image(&format!("registry.example/app-{number}:1.0"), &app);
        }
        Self { bases, old_bases, apps, new_layers }
    }

    /// Writes them as the layouts `bases`, `old` and `apps`.
    pub fn write(&self, environment: &Environment) {
        self.bases.write(&environment.join("bases"));
        self.old_bases.write(&environment.join("old"));
        self.apps.write(&environment.join("apps"));
    }
}

/// The plan of `airbase batch plan` with these arguments, which must succeed; it is written to `plan.jsonl` too.
pub fn plan(environment: &Environment, arguments: &[&str]) -> String {
    let outcome = environment.ok(&[&["batch", "plan"], arguments].concat());
    std::fs::write(environment.join("plan.jsonl"), &outcome.out).unwrap();
    outcome.out
}

/// `airbase batch apply plan.jsonl -o OUT` with further arguments; its report.
pub fn apply(environment: &Environment, out: &str, more: &[&str]) -> (i32, Value) {
    environment.json(&[&["batch", "apply", "plan.jsonl", "-o", out], more].concat())
}

/// What clients see of a layout: all but the journals.
pub fn seen(environment: &Environment, out: &str) -> Contents {
    let mut contents = Contents::of(&environment.join(out));
    contents.files.retain(|name, _| !name.starts_with("airbase-batch/"));
    contents
}
