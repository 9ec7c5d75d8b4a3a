//! How the work of every verb grows with the number of images: counted, since seconds differ from run to run.
//!
//! Counters belong to a process, so each verb is run by a process of its own, which is this test once more ([`one`]).

use std::fs;
use std::process::Command;

use airbase::foundation::effort;
use serde_json::json;

use crate::support::image::{MANIFEST, digest};
use crate::support::{Environment, Image, Layout, layer};

/// Names a file with the words of the verb that a process is to run, one a line: there may be too many for a command line.
const WORDS: &str = "AIRBASE_TEST_GROWTH";

/// Four times as much may cost four times as much and a little. A document that comes near a limit is read once more before it is written,
/// which makes more bytes; what is done for each of so many would make sixteen times as much.
const MOST: [(&str, f64); 3] = [("documents", 4.2), ("bytes", 5.5), ("entries", 4.2)];

/// How many images, or referrers, there are: few and four times as many. `AIRBASE_GROWTH_IMAGES` says how few; a square shows at 250 as it
/// does at 1 000, in a quarter of the time.
fn sizes() -> [usize; 2] {
    let few = std::env::var("AIRBASE_GROWTH_IMAGES").map_or(250, |text| text.parse().expect("AIRBASE_GROWTH_IMAGES is a number"));
    [few, 4 * few]
}

/// What is run by [`effort_of`], in a process of its own.
#[test]
#[ignore = "it is run by the others"]
fn one() {
    let Ok(words) = std::env::var(WORDS) else { return };
    let words = fs::read_to_string(words).unwrap();
    let status = airbase::cli::with(words.lines().map(Into::into));
    let effort = effort::so_far();
    eprintln!("\neffort {status} {} {} {}", effort.documents, effort.bytes, effort.entries);
}

/// Documents, their bytes, and entries of indexes. Findings are fine; what else is said means that the verb did not do its work.
fn effort_of(environment: &Environment, words: &[String]) -> [f64; 3] {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "growth::one", "--ignored", "--nocapture", "--test-threads", "1"]);
    let all = ["airbase".to_owned()].iter().chain(words).cloned().collect::<Vec<_>>().join("\n");
    fs::write(environment.join("words"), all).unwrap();
    let output = command.current_dir(environment.path()).env_clear().env(WORDS, "words").output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    let line = err.lines().find_map(|line| line.strip_prefix("effort ")).unwrap_or_else(|| panic!("{words:.9?}: {err}"));
    let figures: Vec<f64> = line.split(' ').map(|figure| figure.parse().unwrap()).collect();
    assert!(figures[0] <= 1.0, "{:?} ended with {}: {err}", &words[..words.len().min(9)], figures[0]);
    [figures[1], figures[2], figures[3]]
}

/// Runs the same verbs on a small and on a large place, and compares.
fn compare(make: fn(&Environment, usize), verbs: fn(usize) -> Vec<Vec<String>>) {
    let sizes = sizes();
    let runs = sizes.map(|size| {
        let environment = Environment::new();
        make(&environment, size);
        verbs(size).iter().map(|words| effort_of(&environment, words)).collect::<Vec<_>>()
    });
    let mut wrong = Vec::new();
    for (number, words) in verbs(sizes[0]).iter().enumerate() {
        let verb = words.iter().take(4).map(String::as_str).collect::<Vec<_>>().join(" ");
        for (what, (kind, most)) in MOST.iter().enumerate() {
            let (small, large) = (runs[0][number][what], runs[1][number][what]);
            // Few of anything are no growth: a document more is one that is read once.
            if large > 100.0 && large > small * most {
                wrong.push(format!("{verb}: {kind} {small} -> {large}, {:.1} times", large / small));
            }
        }
        assert!(runs[1][number][1] > 0.0, "{verb}: nothing was counted");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

/// Images on an old base, each with a layer of its own; some with statements.
fn images(environment: &Environment, count: usize) {
    let old = Image::of(&[&layer(&["etc/os-release=old"])]);
    let new = Image::of(&[&layer(&["etc/os-release=new"])]).with_top("created", json!("2024-06-01T00:00:00Z"));
    let mut bases = Layout::new().image("registry.example/os:0", &old).image("registry.example/os:1", &new);
    bases.entries[0]["annotations"]["dev.airbase.former-names"] = json!("registry.example/os:1");
    bases.write(&environment.join("bases"));
    let app = |number: usize| {
        old.and(&[&layer(&[&format!("app={number}")])]).annotated("org.opencontainers.image.base.name", "registry.example/os:1")
    };
    let mut apps = Layout::new();
    for number in 0..count {
        apps = apps.image(&format!("registry.example/app-{number}:1"), &app(number));
        if number % 10 == 0 {
            let subject = apps.digest_of(&format!("registry.example/app-{number}:1"));
            refer(&mut apps, &subject, number);
        }
    }
    // Everything once more in the layout of the bases.
    apps.clone().image("registry.example/os:0", &old).image("registry.example/os:1", &new).write(&environment.join("all"));
    apps.write(&environment.join("apps"));
}

/// Adds a statement, listed without a name.
fn refer(layout: &mut Layout, subject: &str, number: usize) {
    let size = layout.blobs[subject].len();
    let kind = "application/vnd.microsoft.artifact.lifecycle";
    let annotations = json!({"vnd.microsoft.artifact.lifecycle.end-of-life.date": "2030-01-01", "number": number.to_string()});
    let empty = json!({"mediaType": "application/vnd.oci.empty.v1+json", "digest": layout.blob(b"{}"), "size": 2});
    let document = json!({
        "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": kind, "config": empty, "layers": [empty],
        "subject": {"mediaType": MANIFEST, "digest": subject, "size": size}, "annotations": annotations,
    });
    let bytes = serde_json::to_vec(&document).unwrap();
    let own = layout.blob(&bytes);
    assert_eq!(own, digest(&bytes));
    layout
        .entries
        .push(json!({"mediaType": MANIFEST, "digest": own, "size": bytes.len(), "artifactType": kind, "annotations": annotations}));
}

fn verbs_of_images(count: usize) -> Vec<Vec<String>> {
    // One with a statement, whatever the number.
    let one = format!("apps:registry.example/app-{}:1", count / 20 * 10);
    let mut verbs: Vec<Vec<String>> = [
        "inspect apps",
        &format!("inspect {one}"),
        "fsck apps",
        "doctor apps",
        "gc apps",
        &format!("referrers {one}"),
        &format!("attach {one} --type application/x-report"),
        &format!("lifecycle set {one} --eol 2031-02-03"),
        &format!("lifecycle show {one}"),
        "lifecycle check apps --at 2026-06-01T00:00:00Z",
        "lifecycle report apps --at 2026-06-01T00:00:00Z",
        &format!("lifecycle compact {one}"),
        "outdated apps --bases bases",
        "outdated all --bases all",
        "base dependents bases:registry.example/os:0 apps",
        "batch plan apps --bases bases",
        "batch plan all --bases all",
        "prepare apps --registry registry.example/new",
        &format!("index {one} --tag registry.example/all:1"),
        &format!("tag {one} registry.example/more:1"),
        "rm apps:registry.example/more:1",
        &format!("rebase {one} --bases bases --onto bases:registry.example/os:1 --tag registry.example/moved:1"),
        "copy apps copied --all",
        "copy apps copied.tar --all",
        "doctor apps --fix",
        "gc apps --apply --grace 0",
    ]
    .map(words)
    .into();
    for prefix in ["registry.example/", ""] {
        let members = (0..count).map(|number| format!("apps:{prefix}app-{number}:1"));
        let create = words(&format!("collection create apps:registry.example/suite-{}:1", prefix.len()));
        verbs.push(create.into_iter().chain(members).collect());
    }
    verbs.push(words("collection show apps:registry.example/suite-0:1"));
    verbs.push(words("collection check apps:registry.example/suite-0:1"));
    verbs
}

#[test]
fn no_verb_does_more_for_an_image_among_more_images() {
    compare(images, verbs_of_images);
}

/// What is read once for all images is read by one thread, and the others wait for it. Few documents may be read by two at the same time.
#[test]
fn no_verb_does_more_because_more_threads_do_it() {
    let size = sizes()[0];
    let [few, many] = ["1", "4"].map(|jobs| {
        let environment = Environment::new();
        images(&environment, size);
        let verbs = verbs_of_images(size).into_iter().map(|words| [words, vec!["--jobs".into(), jobs.into()]].concat());
        verbs.map(|words| (effort_of(&environment, &words), words)).collect::<Vec<_>>()
    });
    for ((alone, words), (together, _)) in few.iter().zip(&many) {
        let shown = &words[..words.len().min(4)];
        assert!(together[0] <= alone[0] * 1.1 + 50.0, "{shown:?}: {} documents by one thread, {} by four", alone[0], together[0]);
    }
}

/// Images in two layouts under the same names.
fn newer(environment: &Environment, count: usize) {
    for (place, year) in [("old", 2023), ("new", 2024)] {
        let mut layout = Layout::new();
        for number in 0..count {
            let image = Image::of(&[&layer(&[&format!("app={number} of {year}")])]);
            let image = image.with_top("created", json!(format!("{year}-06-01T00:00:00Z")));
            layout = layout.image(&format!("registry.example/app-{number}:1"), &image);
        }
        layout.write(&environment.join(place));
    }
}

#[test]
fn no_image_that_takes_a_name_costs_more_among_more_names() {
    compare(newer, |_| vec![words("copy new old --all --supersede")]);
}

/// One image to which many refer.
fn crowded(environment: &Environment, count: usize) {
    let mut layout = Layout::new().image("registry.example/app:1", &Image::of(&[&layer(&["a=1"])]));
    let subject = layout.digest_of("registry.example/app:1");
    for number in 0..count {
        refer(&mut layout, &subject, number);
    }
    layout.write(&environment.join("apps"));
}

#[test]
fn no_verb_does_more_for_a_referrer_among_more_referrers() {
    compare(crowded, |_| {
        [
            "referrers apps:registry.example/app:1",
            "doctor apps",
            "gc apps",
            "lifecycle show apps:registry.example/app:1",
            "lifecycle check apps --at 2026-06-01T00:00:00Z",
            "attach apps:registry.example/app:1 --type application/x-report",
            "lifecycle set apps:registry.example/app:1 --eol 2031-02-03",
            "prepare apps --registry registry.example/new",
            "copy apps:registry.example/app:1 copied",
            "doctor apps --fix",
            "lifecycle compact apps:registry.example/app:1",
            "rm apps:registry.example/app:1 --referrers",
            "gc apps --apply --grace 0 --allow-empty",
        ]
        .map(words)
        .into()
    });
}

/// Images that have all their layers in common: each adds settings of its own to one base.
fn alike(environment: &Environment, count: usize) {
    let base = Image::of(&[&layer(&["etc/os-release=old"])]);
    let mut apps = Layout::new().image("registry.example/os:1", &base);
    for number in 0..count {
        let mut app = base.clone().with("Cmd", json!([format!("/app/{number}")]));
        let step = json!({"created_by": format!("CMD /app/{number}"), "empty_layer": true});
        app.config["history"].as_array_mut().unwrap().push(step);
        apps = apps.image(&format!("registry.example/app-{number}:1"), &app);
    }
    apps.write(&environment.join("apps"));
}

#[test]
fn no_verb_compares_each_image_with_each_that_has_the_same_layers() {
    compare(alike, |_| {
        [
            "inspect apps --bases apps",
            "lifecycle check apps --at 2026-06-01T00:00:00Z",
            "lifecycle report apps --at 2026-06-01T00:00:00Z",
            "outdated apps --bases apps",
            "batch plan apps --bases apps",
            "base dependents apps:registry.example/os:1 apps",
        ]
        .map(words)
        .into()
    });
}
