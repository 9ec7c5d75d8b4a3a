//! Every verb that writes, by many processes on one layout at once: nothing that anybody wrote is lost, and whoever is killed
//! does no harm to the others.
//!
//! What each verb alone leaves when it fails is in `faults`; locks, and the verbs of images alone, are in `concurrency`.

use std::collections::BTreeSet;
use std::process::Child;
use std::time::Instant;

use serde_json::{Value, json};

use crate::concurrency::{quiet, strike};
use crate::support::{Contents, Dice, Environment, Image, Layout, layer};

const WRITERS: usize = 6;

const CREATED: [&str; 2] = ["-a", "org.opencontainers.image.created=2026-01-02T03:04:05Z"];

fn both(image: &Image) -> [Image; 2] {
    [image.clone(), image.clone().platform("arm64")]
}

/// A layout that all write into, with an image for everybody and some of each writer's own, and one that they copy from.
fn place() -> Environment {
    let environment = Environment::new();
    let (old, new) = (Image::of(&[&layer(&["os=old"])]), Image::of(&[&layer(&["os=new"])]));
    let index = |layout: Layout, name: &str, image: &Image| layout.index(name, &both(image).each_ref(), json!({}));
    index(index(Layout::new(), "os:old", &old), "os:new", &new).write(&environment.join("bases"));
    let mut layout = index(Layout::new(), "shared", &old.and(&[&layer(&["shared=1"])]));
    let mut others = Layout::new();
    let mut listed = Vec::new();
    for writer in 0..WRITERS {
        let own = |what: &str| old.and(&[&layer(&[&format!("{what}={writer}")])]);
        layout = index(layout, &format!("app:{writer}"), &own("app"));
        layout = index(layout, &format!("gone:{writer}"), &own("gone"));
        layout = index(layout, &format!("tool:{writer}"), &own("tool"));
        listed.push(json!({"Digest": layout.digest_of(&format!("tool:{writer}"))}));
        others = index(others, &format!("copied:{writer}"), &own("copied"));
    }
    layout.write(&environment.join("layout"));
    others.write(&environment.join("others"));
    for writer in 0..WRITERS {
        for image in [format!("layout:gone:{writer}"), format!("others:copied:{writer}")] {
            environment.ok(&[&["attach", &image, "--type", "application/x-report", "--all"], &CREATED[..]].concat());
        }
    }
    let list = serde_json::to_vec(&json!({"EolDate": "2026-12-01", "EolDigests": listed})).unwrap();
    std::fs::write(environment.join("list.json"), list).unwrap();
    environment
}

/// Runs the program on a layout that is busy.
fn ok(environment: &Environment, arguments: &[&str]) -> Value {
    let (status, report) = environment.json(&[arguments, &["--lock-timeout", "300"]].concat());
    assert_eq!(status, 0, "{arguments:?}: {report:#}");
    report
}

/// All that one writer does, one verb after the other.
fn write(environment: &Environment, writer: usize) {
    let ok = |arguments: &[&str]| ok(environment, arguments);
    let (app, who, issuer) = (format!("layout:app:{writer}"), format!("who={writer}"), format!("writer {writer}"));
    ok(&["attach", "layout:shared", "--type", "application/x-report", "-a", &who]);
    // Each says something else: what is so already is not said again.
    let end = format!("2026-12-{:02}", writer + 1);
    ok(&["lifecycle", "set", "layout:shared", "--eol", &end, "--issuer", &issuer, "--at", "2026-11-21"]);
    for end in ["2026-12-01", "2027-01-01"] {
        ok(&["lifecycle", "set", &app, "--eol", end, "--at", "2026-11-21"]);
    }
    ok(&["lifecycle", "compact", &app, "--at", "2026-11-22"]);
    let attached = ok(&["attach", &app, "--type", "application/x-mistake"]);
    ok(&["detach", &app, attached["attached"][0]["digest"].as_str().unwrap()]);
    ok(&["copy", &format!("others:copied:{writer}"), "layout"]);
    ok(&["rm", &format!("layout:gone:{writer}"), "--referrers"]);
    let suite = format!("layout:suite:{writer}");
    ok(&["collection", "create", &suite, &app, "layout:shared"]);
    ok(&["attach", &suite, "--members", "--type", "application/x-audit", "-a", &who]);
    ok(&["rebase", &app, "--from", "bases:os:old", "--onto", "bases:os:new", "--tag", &format!("new:{writer}"), "--supersede"]);
    ok(&["lifecycle", "supersede", &format!("layout:tool:{writer}"), "--by", &app, "--force", "--at", "2026-11-23"]);
    ok(&["lifecycle", "import", "list.json", "layout", "--at", "2026-11-24"]);
    ok(&["doctor", "layout", "--fix"]);
    ok(&["prepare", "others", "--registry", "registry.site/team", "-o", "prepared"]);
}

/// The documents on the list under the fallback tag of what is called `name`.
fn listed(contents: &Contents, name: &str) -> Vec<Value> {
    let digest = contents.named(name).unwrap_or_else(|| panic!("{name} is lost"));
    let Some(list) = contents.named(&digest.replace(':', "-")) else { return Vec::new() };
    let list = contents.json(&list);
    list["manifests"].as_array().unwrap().iter().map(|child| contents.json(child["digest"].as_str().unwrap())).collect()
}

/// What an annotation says in all of `manifests` that are of `artifact_type`.
fn said(manifests: &[Value], artifact_type: &str, annotation: &str) -> BTreeSet<String> {
    let of_type = manifests.iter().filter(|manifest| manifest["artifactType"] == artifact_type);
    of_type.filter_map(|manifest| manifest["annotations"][annotation].as_str().map(str::to_owned)).collect()
}

#[test]
fn every_verb_at_the_same_time_loses_nothing() {
    let environment = place();
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let environment = &environment;
            scope.spawn(move || write(environment, writer));
        }
        // Somebody collects meanwhile, and takes nothing that anybody is about to name.
        scope.spawn(|| {
            for _ in 0..6 {
                ok(&environment, &["gc", "layout", "--apply", "--grace", "0"]);
            }
        });
    });
    let contents = Contents::of(&environment.join("layout"));
    contents.whole();
    contents.blobs();
    let all: BTreeSet<String> = (0..WRITERS).map(|writer| writer.to_string()).collect();
    let shared = listed(&contents, "shared");
    assert_eq!(said(&shared, "application/x-report", "who"), all);
    assert_eq!(said(&shared, "application/x-audit", "who"), all);
    let issuers: BTreeSet<String> = (0..WRITERS).map(|writer| format!("writer {writer}")).collect();
    assert_eq!(said(&shared, "application/vnd.microsoft.artifact.lifecycle", "dev.airbase.lifecycle.issuer"), issuers);
    for writer in 0..WRITERS {
        let app = listed(&contents, &format!("app:{writer}"));
        assert!(app.iter().all(|manifest| manifest["artifactType"] != "application/x-mistake"));
        assert_eq!(said(&app, "application/x-audit", "who"), BTreeSet::from([writer.to_string()]));
        let new = contents.named(&format!("new:{writer}")).unwrap();
        let successors = said(&app, "application/vnd.microsoft.artifact.lifecycle", "dev.airbase.lifecycle.superseded-by");
        assert_eq!(successors, BTreeSet::from([new]));
        let tool = listed(&contents, &format!("tool:{writer}"));
        let ends = said(&tool, "application/vnd.microsoft.artifact.lifecycle", "dev.airbase.lifecycle.end-of-life");
        assert_eq!(ends, BTreeSet::from(["2026-12-01T00:00:00Z".to_owned()]));
        assert_eq!(listed(&contents, &format!("copied:{writer}")).len(), 1);
        assert!(contents.named(&format!("suite:{writer}")).is_some());
        assert_eq!(contents.named(&format!("gone:{writer}")), None);
    }
    environment.ok(&["doctor", "layout"]);
    environment.ok(&["fsck", "layout"]);
    // Where all wrote the same, it is there once.
    let prepared = Contents::of(&environment.join("prepared"));
    prepared.whole();
    for writer in 0..WRITERS {
        assert_eq!(listed(&prepared, &format!("copied:{writer}")).len(), 1);
    }
}

/// The verbs that a round starts; each does something new in each round.
fn started(environment: &Environment, round: usize) -> Vec<(String, Child)> {
    let who = format!("who=r{round}");
    let issuer = format!("r{round}");
    let (new, suite) = (format!("new-r{round}"), format!("layout:suite-r{round}"));
    let commands: [&[&str]; 10] = [
        &["attach", "layout:shared", "--type", "application/x-report", "--all", "-a", &who],
        &["lifecycle", "set", "layout:app:0", "--reason", &issuer, "--issuer", &issuer, "--at", "2026-11-21"],
        &["lifecycle", "compact", "layout:app:1", "--at", "2026-11-22"],
        &["rebase", "layout:app:2", "--from", "bases:os:old", "--onto", "bases:os:new", "-a", &who, "--tag", &new, "--supersede"],
        &["collection", "create", &suite, "layout:app:3", "layout:tool:3"],
        &["lifecycle", "import", "list.json", "layout", "--issuer", &issuer, "--at", "2026-11-24"],
        &["copy", "others", "layout", "--all"],
        &["doctor", "layout", "--fix"],
        &["gc", "layout", "--apply", "--grace", "0"],
        &["prepare", "others", "--registry", "registry.site/team", "-o", "prepared"],
    ];
    commands
        .iter()
        .map(|arguments| {
            let child = quiet(&mut environment.command(&[arguments, &["--lock-timeout", "300"][..]].concat())).spawn().unwrap();
            (arguments.join(" "), child)
        })
        .collect()
}

#[test]
fn whoever_is_killed_leaves_what_others_wrote() {
    let environment = place();
    let path = environment.join("layout");
    // How long one takes when nobody kills it, so that the blows fall while they work, on a fast machine and a busy one.
    let watch = Instant::now();
    environment.ok(&["lifecycle", "set", "layout:app:1", "--eol", "2026-12-01"]);
    let usual = u64::try_from(watch.elapsed().as_micros()).unwrap();
    let mut dice = Dice::new(0x5eed_0002);
    let (mut killed, mut round) = (0, 0);
    let mut attached = BTreeSet::new();
    let mut named = BTreeSet::new();
    while killed < 60 && round < 60 {
        round += 1;
        environment.ok(&["lifecycle", "set", "layout:app:1", "--reason", &format!("r{round}"), "--at", "2026-11-21"]);
        killed += strike(started(&environment, round), &mut dice, usual, &mut |what| match what.split(' ').next() {
            Some("attach") => drop(attached.insert(format!("r{round}"))),
            Some("rebase") => drop(named.insert(format!("new-r{round}"))),
            Some("collection") => drop(named.insert(format!("suite-r{round}"))),
            _ => {}
        });
        // Whoever looks now sees a whole layout, with every blob under its right name.
        let contents = Contents::of(&path);
        contents.whole();
        contents.blobs();
    }
    assert!(killed >= 60, "{killed} were killed in time");
    let contents = Contents::of(&path);
    let reports = said(&listed(&contents, "shared"), "application/x-report", "who");
    assert!(reports.is_superset(&attached), "{attached:?} were reported, {reports:?} are there");
    assert!(named.iter().all(|name| contents.named(name).is_some()), "{named:?} were reported");
    // What lies around does not disturb anybody.
    for arguments in [&["doctor", "layout", "--fix"][..], &["gc", "layout", "--apply", "--grace", "0"], &["fsck", "layout"]] {
        environment.ok(arguments);
    }
    assert!(Contents::of(&path).whole().is_superset(&contents.whole()));
    environment.ok(&["doctor", "layout"]);
}
