//! What becomes of statements when something under them goes: the image, the list of referrers, a part of the tree.

use serde_json::{Value, json};

use crate::support::environment::snapshot;
use crate::support::{Contents, Environment, Image, Layout, layer};

const STATEMENT: &str = "application/vnd.myorganization.image.lifecycle.metadata";

fn app() -> Image {
    Image::of(&[&layer(&["os=1"]), &layer(&["app=1"])])
}

fn tool() -> Image {
    Image::of(&[&layer(&["os=1"]), &layer(&["tool=1"])])
}

/// `app` and `tool`; on the app a statement, on that a signature, and on that a timestamp. The digests of the three.
fn sample() -> (Environment, [String; 3]) {
    let environment = Environment::new();
    Layout::new().image("app", &app()).image("tool", &tool()).write(&environment.join("in"));
    let attach = |image: &str, kind: &str| {
        let created = "org.opencontainers.image.created=2026-01-02T03:04:05Z";
        let (_, report) = environment.json(&["attach", image, "--type", kind, "-a", created]);
        report["attached"][0]["digest"].as_str().unwrap().to_owned()
    };
    let statement = attach("in:app", STATEMENT);
    let signature = attach(&format!("in@{statement}"), "application/x-signature");
    let timestamp = attach(&format!("in@{signature}"), "application/x-timestamp");
    (environment, [statement, signature, timestamp])
}

/// The digests of a tree in which everything has one referrer, from the image down.
fn chain(environment: &Environment, image: &str) -> Vec<String> {
    let (status, shown) = environment.json(&["referrers", image, "--tree"]);
    assert_eq!(status, 0, "{shown:#}");
    let mut node = &shown["subjects"][0]["referrers"];
    let mut digests = Vec::new();
    while let Some(first) = node.get(0) {
        assert_eq!(node.as_array().unwrap().len(), 1, "{shown:#}");
        digests.push(first["digest"].as_str().unwrap().to_owned());
        node = &first["referrers"];
    }
    digests
}

fn codes(environment: &Environment, arguments: &[&str]) -> (i32, Vec<String>) {
    let (status, report) = environment.json(&[&["doctor"], arguments].concat());
    let own = report["findings"].as_array().unwrap().iter();
    let of_referrers = report["referrers"].as_array().unwrap().iter().flat_map(|each| each["findings"].as_array().unwrap());
    (status, own.chain(of_referrers).map(|finding| finding["code"].as_str().unwrap().to_owned()).collect())
}

fn list_tag() -> String {
    app().digest().replace(':', "-")
}

#[test]
fn the_subject_was_deleted() {
    let (environment, tree) = sample();
    let pinned = format!("in@{}", app().digest());
    environment.ok(&["rm", "in:app"]);
    // By digest nothing has changed as long as the bytes are there.
    assert_eq!(chain(&environment, &pinned), tree);
    std::fs::remove_file(environment.join("in/blobs").join(app().digest().replace(':', "/"))).unwrap();

    // Whoever pinned the digest still learns what was said of it, as a registry answers too.
    assert_eq!(chain(&environment, &pinned), tree);
    let (_, shown) = environment.json(&["referrers", &pinned, "--type", STATEMENT]);
    let found = &shown["subjects"][0]["referrers"][0];
    assert_eq!((&found["digest"], &found["class"], &found["artifactType"]), (&json!(tree[0]), &json!("dangling"), &json!(STATEMENT)));
    assert_eq!(found["referrers"][0]["class"], "attached");
    let human = environment.ok(&["referrers", &pinned]);
    assert!(human.out.contains("dangling: its subject is not here"), "{}", human.out);
    environment.refused(&["referrers", "in:app"], "ref.not_found", 4);
    environment.refused(&["referrers", &format!("in@{}", crate::support::image::digest(b"never"))], "ref.not_found", 4);
    environment.refused(&["referrers", &pinned, "--platform", "linux/amd64"], "ref.not_found", 4);
    assert_eq!(codes(&environment, &["in"]), (0, vec!["referrer.dangling".to_owned()]));

    // It is kept for a grace, and the image that comes back has it again.
    environment.ok(&["gc", "in", "--apply"]);
    Layout::new().image("app", &app()).write(&environment.join("again"));
    environment.ok(&["copy", "again:app", "in"]);
    assert_eq!(chain(&environment, "in:app"), tree);
    assert_eq!(codes(&environment, &["in"]), (0, vec![]));

    // After the grace all three go, and nothing of the other image.
    environment.ok(&["rm", "in:app"]);
    environment.ok(&["gc", "in", "--apply", "--grace", "0"]);
    environment.refused(&["referrers", &pinned], "ref.not_found", 4);
    let contents = Contents::of(&environment.join("in"));
    assert_eq!(contents.whole(), contents.blobs().into_keys().collect());
    assert_eq!(contents.entries().len(), 1);
    assert_eq!(contents.named("tool").unwrap(), tool().digest());
}

#[test]
fn the_fallback_index_was_deleted() {
    let (environment, tree) = sample();
    let before = Contents::of(&environment.join("in"));
    let list = before.named(&list_tag()).unwrap();

    // Its name: the entry goes with it, since a list without a name would pass for an index of images.
    environment.ok(&["untag", &format!("in:{}", list_tag())]);
    let contents = Contents::of(&environment.join("in"));
    assert!(!contents.entries().iter().any(|entry| entry["digest"] == json!(list)));
    assert_eq!(contents.entries().len(), before.entries().len() - 1);
    assert_eq!(chain(&environment, "in:app"), tree);
    assert_eq!(codes(&environment, &["in"]), (1, vec!["referrer.no_fallback".to_owned()]));
    assert_eq!(codes(&environment, &["in", "--fix"]).0, 0);
    assert_eq!(Contents::of(&environment.join("in")).named(&list_tag()).unwrap(), list);
    assert_eq!(codes(&environment, &["in"]), (0, vec![]));

    // Its bytes, with the entry still there.
    std::fs::remove_file(environment.join("in/blobs").join(list.replace(':', "/"))).unwrap();
    let (status, shown) = environment.json(&["referrers", "in:app"]);
    assert_eq!((status, &shown["findings"][0]["code"]), (1, &json!("blob.missing")), "{shown:#}");
    assert_eq!(shown["subjects"][0]["referrers"][0]["digest"], json!(tree[0]));
    assert_eq!(codes(&environment, &["in"]), (1, vec!["blob.missing".to_owned(), "referrer.no_fallback".to_owned()]));
    let (status, mended) = environment.json(&["doctor", "in", "--fix"]);
    assert_eq!((status, &mended["mended"], &mended["left"]), (0, &json!(2), &json!(0)), "{mended:#}");
    assert_eq!(codes(&environment, &["in"]), (0, vec![]));
    let contents = Contents::of(&environment.join("in"));
    contents.whole();
    assert_eq!((contents.named(&list_tag()), contents.blobs()), (Some(list.clone()), before.blobs()));

    // Who attaches meanwhile makes it again, with all that it listed.
    std::fs::remove_file(environment.join("in/blobs").join(list.replace(':', "/"))).unwrap();
    let (_, attached) = environment.json(&["attach", "in:app", "--type", "application/x-late"]);
    let late = attached["attached"][0]["digest"].as_str().unwrap();
    let made = Contents::of(&environment.join("in"));
    let listed = made.json(&made.named(&list_tag()).unwrap());
    let mut digests: Vec<&str> = listed["manifests"].as_array().unwrap().iter().map(|child| child["digest"].as_str().unwrap()).collect();
    digests.sort_unstable();
    let mut expected = vec![tree[0].as_str(), late];
    expected.sort_unstable();
    assert_eq!(digests, expected);
    environment.ok(&["detach", "in:app", late]);
    assert_eq!(Contents::of(&environment.join("in")).named(&list_tag()), Some(list.clone()));

    // Both forms, and the bytes of the list: the manifest alone is left, which nothing tells from one that was detached.
    let index = environment.join("in/index.json");
    let mut document = contents.index();
    document["manifests"].as_array_mut().unwrap().retain(|entry| entry["digest"] != json!(list) && entry["digest"] != json!(tree[0]));
    std::fs::write(&index, serde_json::to_vec(&document).unwrap()).unwrap();
    assert_eq!(chain(&environment, "in:app"), [] as [String; 0]);
    assert_eq!(codes(&environment, &["in", "--fix", "--adopt"]).0, 0);
    assert_eq!(chain(&environment, "in:app"), tree);
    assert_eq!(codes(&environment, &["in"]), (0, vec![]));
}

#[test]
fn an_index_of_images_keeps_its_entry_whatever_it_is_called() {
    // A name that looks like a fallback tag, and images under it: it may be all that leads to them.
    let environment = Environment::new();
    Layout::new().index(&list_tag(), &[&app(), &app().platform("arm64")], json!({})).image("tool", &tool()).write(&environment.join("in"));
    let index = Contents::of(&environment.join("in")).named(&list_tag()).unwrap();
    environment.ok(&["untag", &format!("in:{}", list_tag())]);
    assert!(Contents::of(&environment.join("in")).unnamed().contains(&index));
}

#[test]
fn the_tree_is_three_deep() {
    let (environment, tree) = sample();
    // It goes along as a whole, into an archive and back, and as far as is asked for.
    environment.ok(&["copy", "in:app", "out.tar"]);
    environment.ok(&["copy", "out.tar", "back"]);
    assert_eq!(chain(&environment, "back:app"), tree);
    assert_eq!(codes(&environment, &["back"]), (0, vec![]));
    environment.ok(&["copy", "in:app", "two", "--depth", "2"]);
    assert_eq!(chain(&environment, "two:app"), tree[..2]);
    // Each part can be asked by itself.
    assert_eq!(chain(&environment, &format!("in@{}", tree[1])), tree[2..]);

    // The middle goes: what hung on it belongs to nothing that is here, and is told so.
    environment.ok(&["detach", &format!("in@{}", tree[0]), &tree[1]]);
    assert_eq!(chain(&environment, "in:app"), tree[..1]);
    let (_, shown) = environment.json(&["referrers", &format!("in@{}", tree[1])]);
    assert_eq!(shown["subjects"][0]["referrers"][0]["class"], "dangling", "{shown:#}");
    assert_eq!(codes(&environment, &["in"]), (0, vec!["referrer.dangling".to_owned()]));
    environment.ok(&["gc", "in", "--apply", "--grace", "0"]);
    let contents = Contents::of(&environment.join("in"));
    assert_eq!(contents.whole(), contents.blobs().into_keys().collect());
    assert!(contents.blobs().contains_key(&tree[0]) && !contents.blobs().contains_key(&tree[2]));

    // The top goes with everything below it.
    environment.ok(&["rm", "back:app", "--referrers"]);
    assert_eq!(Contents::of(&environment.join("back")).index()["manifests"], Value::Array(Vec::new()));
    let before = snapshot(&environment.join("two"));
    environment.ok(&["gc", "two", "--apply", "--grace", "0"]);
    assert!(before == snapshot(&environment.join("two")), "a new layout has nothing to collect");
}
