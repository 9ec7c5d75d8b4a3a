//! Lists of referrers that lost their name: regctl makes a new list for each referrer, moves the tag, and others keep the entry of
//! the old one.

use serde_json::{Value, json};

use super::made::{Made, referrer};
use crate::support::image::{INDEX, MANIFEST};
use crate::support::{Contents, Environment, Image, Layout, layer};

fn app() -> Image {
    Image::of(&[&layer(&["os=1"]), &layer(&["app=1"])])
}

fn descriptor(image: &Image) -> Value {
    json!({"mediaType": MANIFEST, "digest": image.digest(), "size": image.manifest_bytes().len()})
}

/// Adds an index of `children` under a name, or under none; `more` are further members.
fn index(layout: &mut Layout, name: &str, children: &[Value], more: Value) -> String {
    let mut index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": children});
    index.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let bytes = serde_json::to_vec(&index).unwrap();
    let digest = layout.blob(&bytes);
    layout.entry(name, json!({"mediaType": INDEX, "digest": digest, "size": bytes.len()}));
    digest
}

/// `app:1` with two reports; the list of the first alone is still there.
fn sample() -> (Layout, String, [Made; 2]) {
    let mut layout = Layout::new().image("app:1", &app());
    let made = ["one", "two"].map(|which| referrer(&mut layout, &descriptor(&app()), json!({"annotations": {"which": which}})));
    let old = index(&mut layout, "", &[made[0].child()], json!({}));
    index(&mut layout, &app().digest().replace(':', "-"), &[made[0].child(), made[1].child()], json!({}));
    (layout, old, made)
}

#[test]
fn they_are_no_images() {
    let (layout, old, _) = sample();
    let environment = Environment::new();
    layout.write(&environment.join("in"));
    // The path alone means the one image.
    let (status, copied) = environment.json(&["copy", "in", "out"]);
    assert_eq!((status, copied["images"].as_array().unwrap().len(), copied["referrers"].as_array().unwrap().len()), (0, 1, 2));
    assert_eq!(environment.json(&["copy", "--all", "in", "all"]).1["images"].as_array().unwrap().len(), 1);
    let (_, report) = environment.json(&["lifecycle", "report", "in"]);
    let items: Vec<&Value> = report["items"].as_array().unwrap().iter().map(|item| &item["digest"]).collect();
    assert_eq!(items, [&json!(app().digest())], "{report:#}");
    assert_eq!(environment.json(&["lifecycle", "check", "in", "--deny", "end-of-life"]).1["checked"], json!(1));
    let (_, inspected) = environment.json(&["inspect", "in", "--all"]);
    let entries = inspected["sources"][0]["entries"].as_array().unwrap();
    assert_eq!(entries.iter().find(|entry| entry["digest"] == json!(old)).unwrap()["kind"], "referrer-tag");
    let plan = environment.ok(&["batch", "plan", "in", "--bases", "in"]).out;
    let items: Vec<&str> = plan.lines().filter(|line| line.contains("\"key\"")).collect();
    assert!(items.len() == 1 && items[0].contains(&app().digest()), "{plan}");
}

#[test]
fn they_stay_while_what_they_speak_of_does() {
    let (layout, old, made) = sample();
    let environment = Environment::new();
    layout.write(&environment.join("in"));
    let (_, report) = environment.json(&["gc", "in", "--grace", "0", "--apply"]);
    assert_eq!(
        (&report["kept"]["unnamed"], &report["kept"]["lists"], &report["entries"]),
        (&json!(0), &json!(2), &json!([])),
        "{report:#}"
    );
    assert_eq!(Contents::of(&environment.join("in")).blobs(), layout.blobs);
    environment.ok(&["rm", "in:app:1"]);
    let (_, report) = environment.json(&["gc", "in", "--grace", "0", "--apply"]);
    let gone: Vec<_> = report["entries"]
        .as_array()
        .unwrap_or_else(|| panic!("{report:#}"))
        .iter()
        .map(|entry| (&entry["digest"], entry["why"].as_str().unwrap()))
        .collect();
    assert!(gone.contains(&(&json!(old), "a list of referrers of something that nothing lists")), "{report:#}");
    let left = Contents::of(&environment.join("in"));
    assert_eq!((left.entries().len(), left.blobs().len()), (0, 0));
    assert!(!left.blobs().contains_key(&made[0].digest));
}

/// What stands on the old list alone was taken off the new one, by whoever moved the tag.
#[test]
fn they_list_nothing_any_more() {
    let (mut layout, _, made) = sample();
    // regctl took the first report off.
    layout.entries.pop();
    index(&mut layout, &app().digest().replace(':', "-"), &[made[1].child()], json!({}));
    let environment = Environment::new();
    layout.write(&environment.join("in"));
    let (_, examined) = environment.json(&["doctor", "in"]);
    let first = examined["referrers"].as_array().unwrap().iter().find(|one| one["digest"] == json!(made[0].digest)).unwrap();
    assert_eq!((&first["foundBy"], &first["findings"][0]["code"]), (&json!("blob"), &json!("referrer.blob_only")), "{examined:#}");
    environment.ok(&["doctor", "in", "--fix"]);
    let contents = Contents::of(&environment.join("in"));
    let list = contents.json(&contents.named(&app().digest().replace(':', "-")).unwrap());
    assert_eq!(list["manifests"].as_array().unwrap().len(), 1);
}

/// Only what the documents say makes a list: anything else may be somebody's image.
#[test]
fn what_may_be_something_else_is_an_image_still() {
    let other = Image::of(&[&layer(&["other=1"])]);
    let of = |layout: &mut Layout, image: &Image| referrer(layout, &descriptor(image), json!({}));
    type Children = fn(&mut Layout, Made, Made) -> Vec<Value>;
    let cases: [(&str, Children, Value); 5] = [
        ("nothing at all", |_, _, _| Vec::new(), json!({})),
        ("referrers of two images", |_, one, two| vec![one.child(), two.child()], json!({})),
        ("an image beside a referrer", |layout, one, _| vec![layout.store(&app()), one.child()], json!({})),
        (
            "something that is not here",
            |layout, one, _| {
                let gone = referrer(layout, &descriptor(&app()), json!({"annotations": {"gone": "1"}}));
                layout.blobs.remove(&gone.digest);
                vec![one.child(), gone.child()]
            },
            json!({}),
        ),
        ("what says that it is something", |_, one, _| vec![one.child()], json!({"artifactType": "application/x-bundle"})),
    ];
    for (what, children, more) in cases {
        let mut layout = Layout::new().image("app:1", &app()).image("other:1", &other);
        let (one, two) = (of(&mut layout, &app()), of(&mut layout, &other));
        let children = children(&mut layout, one, two);
        let digest = index(&mut layout, "", &children, more);
        let environment = Environment::new();
        layout.write(&environment.join("in"));
        let (_, inspected) = environment.json(&["inspect", "in", "--all"]);
        let entries = inspected["sources"][0]["entries"].as_array().unwrap();
        assert_eq!(entries.iter().find(|entry| entry["digest"] == json!(digest)).unwrap()["kind"], "index", "{what}");
        let (_, report) = environment.json(&["gc", "in", "--grace", "0", "--apply"]);
        assert_eq!(report["kept"]["unnamed"], json!(1), "{what}: {report:#}");
    }
}
