//! Several local images of one name: patched bases arrive on sticks, each under the name of the one before.

use serde_json::{Value, json};

use super::{DIGEST, LATER, NAME, digests, moved, outdated, own, place, planned, refused};
use crate::support::{Environment, Image, Layer, Layout};

const VERSION: &str = "org.opencontainers.image.version";

/// Two editions under one name in two archives, and an app on the older one.
struct Sticks {
    layers: [Layer; 2],
    app: Layer,
    old: Image,
    new: Image,
    /// Whether the app says what it is based on.
    says: bool,
}

const OS: &str = "registry.example/os:12";

impl Sticks {
    fn new() -> Self {
        let layers = [own("os old"), own("os new")];
        let old = Image::of(&[&layers[0]]).with_top("created", json!("2024-03-01T00:00:00Z"));
        let new = Image::of(&[&layers[1]]).with_top("created", json!(LATER));
        Self { layers, app: own("app"), old, new, says: false }
    }

    fn place(&self) -> Environment {
        let mut app = self.old.and(&[&self.app]);
        if self.says {
            app = app.annotated(NAME, OS).annotated(DIGEST, &self.old.digest());
        }
        let environment = place(&[("app", Layout::new().image("registry.example/app:1", &app))]);
        Layout::new().image(OS, &self.old).write_archive(&environment.join("bases/a.tar"));
        Layout::new().image(OS, &self.new).write_archive(&environment.join("bases/b.tar"));
        environment
    }

    fn right(&self) -> Vec<String> {
        digests(&[&self.layers[1], &self.app])
    }
}

#[test]
fn the_strictly_newest_of_several_is_meant() {
    for says in [false, true] {
        let sticks = Sticks { says, ..Sticks::new() };
        let environment = sticks.place();
        let (status, item) = outdated(&environment, &[]);
        assert_eq!((status, &item["standing"], &item["newerManifest"]), (1, &json!("outdated"), &json!(sticks.new.digest())), "{item:#}");
        assert_eq!((&item["rule"], &item["of"]), (&json!("newest"), &json!(2)));
        let text = environment.run(&["outdated", "app", "--bases", "bases"]).out;
        assert!(text.contains("newest of 2"), "{text}");
        let (report, layers) = moved(&environment, &[]);
        assert_eq!(layers, sticks.right());
        assert_eq!((&report["platforms"][0]["newBase"]["rule"], &report["platforms"][0]["newBase"]["of"]), (&json!("newest"), &json!(2)));
        let text = environment.ok(&["rebase", "app", "--bases", "bases", "--dry-run"]).out;
        assert!(text.contains("newest of 2"), "{text}");
        let item = planned(&environment, &[]);
        assert_eq!((&item["status"], &item["platforms"][0]["new"]["digest"]), (&json!("move"), &json!(sticks.new.digest())), "{item:#}");
        assert_eq!(item["platforms"][0]["why"], "newest of 2", "{item:#}");
    }
}

/// Whatever keeps the newest from being known: exit 4, the candidates, their dates, and the arguments that settle it.
#[test]
fn what_dates_do_not_settle_is_refused_with_what_settles_it() {
    let sticks = Sticks::new;
    let created = |image: Image, created: Value| image.with_top("created", created);
    let version = |image: Image, version: &str| image.annotated(VERSION, version);
    let cases: Vec<(&str, Sticks)> = vec![
        ("no date", Sticks { new: created(sticks().new, Value::Null), ..sticks() }),
        ("no date that can be read", Sticks { new: created(sticks().new, json!("yesterday")), ..sticks() }),
        ("1970", Sticks { old: created(sticks().old, json!("1970-01-01T00:00:00Z")), ..sticks() }),
        ("1980", Sticks { new: created(sticks().new, json!("1980-01-01T00:00:01Z")), ..sticks() }),
        ("2012", Sticks { old: created(sticks().old, json!("2012-12-31T23:59:59Z")), ..sticks() }),
        ("the future", Sticks { new: created(sticks().new, json!("2999-01-01T00:00:00Z")), ..sticks() }),
        ("equal dates", Sticks { new: created(sticks().new, json!("2024-03-01T00:00:00Z")), ..sticks() }),
        ("a lower version", Sticks { old: version(sticks().old, "12.5"), new: version(sticks().new, "12.4"), ..sticks() }),
    ];
    for (what, sticks) in cases {
        for says in [false, true] {
            let sticks =
                Sticks { says, layers: sticks.layers.clone(), app: sticks.app.clone(), old: sticks.old.clone(), new: sticks.new.clone() };
            let environment = sticks.place();
            let said = refused(&environment, &[], "base.ambiguous");
            let maps = [format!("{OS}=bases/a.tar:{OS}"), format!("{OS}=bases/b.tar:{OS}")];
            let onto = format!("--onto bases/b.tar:{OS}");
            let olds = sticks.old.config["created"].as_str().unwrap().to_owned();
            for part in [maps[0].as_str(), &maps[1], &onto, &sticks.old.digest(), &sticks.new.digest(), &olds] {
                assert!(said.contains(part), "{what}: {part}\n{said}");
            }
            let (status, item) = outdated(&environment, &[]);
            assert_eq!((status, &item["standing"]), (1, &json!("unknown")), "{what} {item:#}");
            let item = planned(&environment, &[]);
            assert_eq!((&item["status"], &item["reason"]["code"]), (&json!("refused"), &json!("base.ambiguous")), "{what} {item:#}");
            assert!(item["reason"]["hints"].to_string().contains(&maps[1]), "{what} {item:#}");
            // What it says settles it.
            assert_eq!(moved(&environment, &["--map", &maps[1]]).1, sticks.right(), "{what}");
            assert_eq!(moved(&environment, &["--onto", &format!("bases/b.tar:{OS}")]).1, sticks.right(), "{what}");
        }
    }
}

#[test]
fn a_version_that_does_not_go_down_is_fine() {
    for (old, new) in [("12.4", "12.5"), ("12.9", "12.10"), ("bookworm", "trixie"), ("12", "12")] {
        let sticks = Sticks::new();
        let sticks = Sticks { old: sticks.old.annotated(VERSION, old), new: sticks.new.annotated(VERSION, new), ..Sticks::new() };
        assert_eq!(moved(&sticks.place(), &[]).1, sticks.right(), "{old} {new}");
    }
}

/// `--map` takes a name, a pattern or a digest on the left.
#[test]
fn a_rule_may_have_a_name_a_pattern_or_a_digest_on_the_left() {
    let sticks = Sticks { new: Sticks::new().new.with_top("created", Value::Null), ..Sticks::new() };
    let environment = sticks.place();
    let to = format!("bases/b.tar:{OS}");
    for left in [OS, "*", "registry.example/*", &sticks.old.digest(), &format!("{OS}@{}", sticks.old.digest())] {
        let rule = format!("{left}={to}");
        assert_eq!(moved(&environment, &["--map", &rule]).1, sticks.right(), "{rule}");
        let (status, item) = outdated(&environment, &["--map", &rule]);
        assert_eq!((status, &item["standing"], &item["rule"]), (1, &json!("outdated"), &json!("map")), "{rule} {item:#}");
        assert_eq!(planned(&environment, &["--map", &rule])["status"], "move", "{rule}");
    }
    // An old base that has no name here and says nothing.
    let nameless = Layout::new().image("", &sticks.old).image(OS, &sticks.new);
    let environment =
        place(&[("bases", nameless), ("app", Layout::new().image("registry.example/app:1", &sticks.old.and(&[&sticks.app])))]);
    let said = refused(&environment, &[], "base.name_unknown");
    assert!(said.contains(&format!("--map '{}=REFERENCE'", sticks.old.digest())), "{said}");
    let rule = format!("{}=bases:{OS}", sticks.old.digest());
    assert_eq!(moved(&environment, &["--map", &rule]).1, sticks.right());
    assert_eq!(outdated(&environment, &["--map", &rule]).1["standing"], "outdated");
}

/// The old base must be one of them or have had the name: that an image was built on something of that name once says nothing.
#[test]
fn the_old_base_must_be_one_of_the_candidates() {
    let sticks = Sticks::new();
    let another = Image::of(&[&own("os another")]).with_top("created", json!("2024-05-01T00:00:00Z"));
    let app = sticks.old.and(&[&sticks.app]).annotated(NAME, OS).annotated(DIGEST, &sticks.old.digest());
    let write = |bases: &[(&str, Layout)]| {
        let environment = place(&[("app", Layout::new().image("registry.example/app:1", &app))]);
        for (name, layout) in bases {
            layout.write_archive(&environment.join(&format!("bases/{name}.tar")));
        }
        environment
    };
    let two = [("b", Layout::new().image(OS, &sticks.new)), ("c", Layout::new().image(OS, &another))];
    // It is not here at all: only the record says what it was.
    let environment = write(&two);
    refused(&environment, &[], "base.unknown");
    assert_eq!(outdated(&environment, &[]).1["standing"], "unknown");
    // It is here and lost its name.
    let mut old = Layout::new().image("", &sticks.old);
    old.entries[0]["annotations"]["dev.airbase.former-names"] = json!(OS);
    let environment = write(&[two[0].clone(), two[1].clone(), ("a", old)]);
    assert_eq!(moved(&environment, &[]).1, sticks.right());
    assert_eq!(outdated(&environment, &[]).1["of"], 2);
}

/// Decided once for a whole index: newer on one platform and older on another one is neither.
#[test]
fn an_index_is_newer_on_every_platform_or_not_at_all() {
    let arm = |image: Image| image.platform("arm64");
    for (date, decided) in [(LATER, true), ("2024-03-01T00:00:00Z", false), ("2024-01-01T00:00:00Z", false)] {
        let sticks = Sticks::new();
        let old = [sticks.old.clone(), arm(sticks.old.clone())];
        let new = [sticks.new.clone(), arm(sticks.new.clone()).with_top("created", json!(date))];
        let app = old.clone().map(|image| image.and(&[&sticks.app]));
        let environment = place(&[("app", Layout::new().index("registry.example/app:1", &[&app[0], &app[1]], json!({})))]);
        Layout::new().index(OS, &[&old[0], &old[1]], json!({})).write_archive(&environment.join("bases/a.tar"));
        Layout::new().index(OS, &[&new[0], &new[1]], json!({})).write_archive(&environment.join("bases/b.tar"));
        if decided {
            environment.ok(&["rebase", "app", "--bases", "bases", "-o", "out"]);
        } else {
            refused(&environment, &[], "base.ambiguous");
        }
        let (_, report) = environment.json(&["outdated", "app", "--bases", "bases"]);
        let expected = if decided { "outdated" } else { "unknown" };
        assert!(report["items"].as_array().unwrap().iter().all(|item| item["standing"] == expected), "{date} {report:#}");
    }
}

/// What a statement says goes before dates.
#[test]
fn an_explicit_successor_goes_before_dates() {
    // The new one is older by its date.
    let sticks = Sticks { new: Sticks::new().new.with_top("created", json!("2023-01-01T00:00:00Z")), ..Sticks::new() };
    let environment = place(&[("app", Layout::new().image("registry.example/app:1", &sticks.old.and(&[&sticks.app])))]);
    Layout::new().image(OS, &sticks.old).image("registry.example/os:12-next", &sticks.new).write(&environment.join("bases"));
    environment.ok(&["lifecycle", "supersede", &format!("bases:{OS}"), "--by", "bases:registry.example/os:12-next", "--force"]);
    let (status, item) = outdated(&environment, &[]);
    assert_eq!((status, &item["standing"], &item["rule"]), (1, &json!("outdated"), &json!("superseded-by")), "{item:#}");
    assert_eq!(item["newerManifest"], sticks.new.digest());
    assert_eq!(moved(&environment, &[]).1, sticks.right());
    // The same with both under one name.
    std::fs::remove_dir_all(environment.join("bases")).unwrap();
    let mut bases = Layout::new().image(OS, &sticks.old).image("registry.example/os:new", &sticks.new);
    bases.write(&environment.join("bases"));
    environment.ok(&["lifecycle", "supersede", &format!("bases:{OS}"), "--by", "bases:registry.example/os:new", "--force"]);
    bases = Layout::new().image(OS, &sticks.new);
    bases.write(&environment.join("more"));
    let (status, item) = outdated(&environment, &["--bases", "bases", "--bases", "more"]);
    assert_eq!((status, &item["standing"], &item["rule"]), (1, &json!("outdated"), &json!("superseded-by")), "{item:#}");
}

/// The newest is withdrawn, superseded or at its end.
#[test]
fn the_newest_must_not_have_come_to_its_end() {
    for status in [&["--status", "withdrawn"][..], &["--eol", "2024-07-01"]] {
        let sticks = Sticks::new();
        let environment = place(&[("app", Layout::new().image("registry.example/app:1", &sticks.old.and(&[&sticks.app])))]);
        Layout::new().image(OS, &sticks.old).write(&environment.join("bases/old"));
        Layout::new().image(OS, &sticks.new).write(&environment.join("bases/new"));
        environment.ok(&[&["lifecycle", "set", &format!("bases/new:{OS}")], status].concat());
        refused(&environment, &[], "base.ambiguous");
        assert_eq!(outdated(&environment, &[]).1["standing"], "unknown", "{status:?}");
        assert_eq!(planned(&environment, &[])["reason"]["code"], "base.ambiguous");
    }
}

/// A name with a digest and without a tag means that digest: `latest` is another image. What the proven base is called here leads on.
#[test]
fn a_name_with_a_digest_is_never_latest() {
    let sticks = Sticks::new();
    let latest = Image::of(&[&own("os latest")]).with_top("created", json!("2025-01-01T00:00:00Z"));
    let repository = OS.rsplit_once(':').unwrap().0;
    let pinned = format!("{repository}@{}", sticks.old.digest());
    let app = |name: &str| Layout::new().image("registry.example/app:1", &sticks.old.and(&[&sticks.app]).annotated(NAME, name));
    let latest = Layout::new().image(&format!("{repository}:latest"), &latest);
    let old = Layout::new().image(OS, &sticks.old);
    let moved_on = latest.clone().image(OS, &sticks.new);
    // Only `latest` is here, with and without the base itself.
    let environment = place(&[("app", app(&pinned)), ("bases/latest", latest.clone())]);
    refused(&environment, &[], "base.unknown");
    assert_eq!(outdated(&environment, &[]).1["standing"], "unknown");
    let nameless = Layout::new().image("", &sticks.old);
    let environment = place(&[("app", app(&pinned)), ("bases/old", nameless), ("bases/latest", latest)]);
    refused(&environment, &[], "base.name_unknown");
    assert_eq!(outdated(&environment, &[]).1["standing"], "unknown");
    // A rule for the repository does not make a tag of nothing either; one for the digest says it all.
    refused(&environment, &["--map", &format!("registry.example/*=bases/latest:{repository}:{{tag}}")], "base.name_unknown");
    refused(&environment, &["--map", &format!("{repository}:latest=bases/latest:{repository}:latest")], "base.name_unknown");
    let rule = format!("{pinned}=bases/latest:{repository}:latest");
    assert_eq!(moved(&environment, &["--map", &rule]).0["platforms"][0]["newBase"]["rule"], "map");
    // The proven base has a name here, and that one moved on.
    for name in [pinned.clone(), format!("{OS}@{}", sticks.old.digest())] {
        let environment = place(&[("app", app(&name)), ("bases/old", old.clone()), ("bases/new", moved_on.clone())]);
        assert_eq!(moved(&environment, &[]).1, sticks.right(), "{name}");
        assert_eq!(outdated(&environment, &[]).1["newerManifest"], sticks.new.digest(), "{name}");
        assert_eq!(planned(&environment, &[])["status"], "move", "{name}");
    }
}

/// One rule for all spellings that distribution's grammar takes; what it does not take is compared byte for byte. The old base had the
/// name, which moved on.
#[test]
fn spellings_of_a_base_name() {
    const DEBIAN: &str = "docker.io/library/debian:12";
    let sticks = Sticks::new();
    let docker = ["debian:12", "docker.io/debian:12", DEBIAN, "index.docker.io/library/debian:12", "library/debian:12"];
    let other = [
        "localhost/debian:12",
        "site.example/debian:12",
        "site.example:5000/library/debian:12",
        "[fd00::1]:5000/library/debian:12",
        "SITE.EXAMPLE/debian:12",
        "docker.io/library/debian:13",
        "docker.io/library/debian",
        // No names by the grammar.
        "site.example/Debian:12",
        "DEBIAN:12",
        "debian:12 ",
        "docker://debian:12",
        "https://site.example/debian:12",
        "debian:12@sha256:00",
    ];
    for (said, is_docker) in docker.iter().map(|name| (*name, true)).chain(other.iter().map(|name| (*name, false))) {
        let app = sticks.old.and(&[&sticks.app]).annotated(NAME, said);
        for here in [said, DEBIAN] {
            let mut bases = Layout::new().image("", &sticks.old).image(here, &sticks.new);
            bases.entries[0]["annotations"]["dev.airbase.former-names"] = json!(here);
            let fits = is_docker || here == said;
            for app in [app.clone(), app.clone().annotated(DIGEST, &sticks.old.digest())] {
                let environment = place(&[("bases", bases.clone()), ("app", Layout::new().image("r.example/app:1", &app))]);
                let (status, item) = outdated(&environment, &[]);
                if fits {
                    assert_eq!((status, &item["standing"], &item["proof"]), (1, &json!("outdated"), &json!("proven")), "{said} {here}");
                    assert_eq!(moved(&environment, &[]).1, sticks.right(), "{said} {here}");
                } else {
                    assert_eq!((status, &item["standing"]), (1, &json!("unknown")), "{said} {here} {item:#}");
                    let outcome = environment.run(&["rebase", "app", "--bases", "bases", "-o", "out"]);
                    assert_eq!(outcome.status, 4, "{said} {here} {}", outcome.out);
                }
            }
        }
    }
}

/// Where the user said that bases lie decides nothing: an image that is to be moved may lie beside the base of the month before.
#[test]
fn a_candidate_among_bases_is_not_taken_where_dates_do_not_tell() {
    let sticks = Sticks::new();
    for (date, decided) in
        [(json!(LATER), true), (json!("2024-03-01T00:00:00Z"), false), (Value::Null, false), (json!("1970-01-01T00:00:00Z"), false)]
    {
        let new = sticks.new.clone().with_top("created", date.clone());
        let app = Layout::new().image("registry.example/app:1", &sticks.old.and(&[&sticks.app])).image(OS, &sticks.old);
        let environment = place(&[("site", app), ("bases", Layout::new().image(OS, &new))]);
        let plan = environment.run(&["batch", "plan", "site", "--bases", "bases", "--only", "*app*"]);
        assert_eq!(plan.out.contains(r#""status":"move""#), decided, "{date}: {}", plan.out);
        assert_eq!(plan.out.contains("base.ambiguous"), !decided, "{date}: {}", plan.out);
        let (_, report) = environment.json(&["outdated", "site:registry.example/app:1", "--bases", "bases"]);
        assert_eq!(report["items"][0]["standing"], if decided { "outdated" } else { "unknown" }, "{date}: {report:#}");
        let rebase = ["rebase", "site:registry.example/app:1", "--bases", "bases", "-o", "out"];
        if decided {
            environment.ok(&rebase);
        } else {
            let said = environment.refused(&rebase, "base.ambiguous", 4).err;
            assert!(said.contains(&format!("--map '{OS}=bases:{OS}'")), "{said}");
            environment.ok(&[&rebase[..], &["--map", &format!("{OS}=bases:{OS}")]].concat());
        }
    }
}

/// A tag alone says nothing about a repository.
#[test]
fn a_tag_alone_is_no_name_in_another_layout() {
    let sticks = Sticks::new();
    let redis = Image::of(&[&own("redis")]).with_top("created", json!("2025-01-01T00:00:00Z"));
    let environment = place(&[("app", Layout::new().image("registry.example/app:1", &sticks.old.and(&[&sticks.app])))]);
    Layout::new().image("12", &sticks.old).write(&environment.join("bases/os"));
    assert_eq!(outdated(&environment, &[]).1["standing"], "current");
    Layout::new().image("12", &redis).write(&environment.join("bases/redis"));
    refused(&environment, &[], "base.ambiguous");
    assert_eq!(outdated(&environment, &[]).1["standing"], "unknown");
}
