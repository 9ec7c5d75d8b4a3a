//! The config of a rebased image: what follows the base, what stays the app's, and who wins a conflict.
//!
//! The rule (for each variable, label, field): what the app left as the old base had it follows the new base; what only the app
//! changed stays; where both changed it, the app wins unless `--prefer` says otherwise, and the report tells.

use serde_json::{Value, json};

use crate::support::image::{digest, texts};
use crate::support::story::{ONTO_NEW, Rebased, place, rebase, rebase_with, run};
use crate::support::{Environment, Image, Layout, layer};

/// Old base, app and new base with one layer each of their own, and these settings.
fn three(old: Value, app: Value, new: Value) -> (Image, Image, Image) {
    let mut base = Image::of(&[&layer(&["os=1"])]);
    base.config["config"] = old;
    let mut image = base.and(&[&layer(&["app=1"])]);
    image.config["config"] = app;
    let mut onto = Image::of(&[&layer(&["os=2"])]);
    onto.config["config"] = new;
    (base, image, onto)
}

fn merged(old: Value, app: Value, new: Value, more: &[&str]) -> Rebased {
    let (old, app, new) = three(old, app, new);
    rebase_with(&old, &app, &new, more)
}

// Env.

#[test]
fn variables_are_merged_one_by_one() {
    let result = merged(
        json!({"Env": ["JAVA_HOME=/jdk8", "LANG=C", "GONE=1", "MINE=1", "BOTH=1"]}),
        json!({"Env": ["JAVA_HOME=/jdk8", "LANG=C.UTF-8", "GONE=1", "MINE=2", "BOTH=2", "APP=yes"]}),
        json!({"Env": ["JAVA_HOME=/jdk11", "LANG=C", "MINE=1", "BOTH=3", "ADDED=1"]}),
        &[],
    );
    // JAVA_HOME followed the base, LANG and MINE are the app's, GONE went with the base, BOTH is in conflict. What the app set
    // behind all that it inherited stays there, as in buildah's builds.
    assert_eq!(texts(&result.config["config"]["Env"]), ["JAVA_HOME=/jdk11", "LANG=C.UTF-8", "ADDED=1", "MINE=2", "BOTH=2", "APP=yes"]);
    assert_eq!(
        result.decisions(),
        [("Env.JAVA_HOME", "from-base"), ("Env.ADDED", "from-base"), ("Env.GONE", "from-base"), ("Env.BOTH", "conflict")]
    );
    assert_eq!(
        *result.decision("Env.BOTH"),
        json!({"field": "Env.BOTH", "kind": "conflict", "chosen": "app", "old": "1", "app": "2", "new": "3", "result": "2"})
    );
    assert_eq!(*result.decision("Env.GONE"), json!({"field": "Env.GONE", "kind": "from-base", "old": "1", "app": "1"}));
}

#[test]
fn a_variable_that_the_app_removed_stays_removed() {
    let result = merged(json!({"Env": ["DEBUG=1", "LEVEL=1"]}), json!({"Env": ["LEVEL=1"]}), json!({"Env": ["DEBUG=1", "LEVEL=2"]}), &[]);
    assert_eq!(texts(&result.config["config"]["Env"]), ["LEVEL=2"]);
}

#[test]
fn a_path_that_the_app_extended_is_extended_again() {
    let result = merged(
        json!({"Env": ["PATH=/usr/local/bin:/usr/bin:/bin"]}),
        json!({"Env": ["PATH=/app/bin:/usr/local/bin:/usr/bin:/bin:/app/tools"]}),
        json!({"Env": ["PATH=/usr/local/bin:/usr/bin:/opt/java/bin"]}),
        &[],
    );
    // ENV PATH=/app/bin:$PATH:/app/tools. The base moved from /bin to /opt/java/bin; what the app put in front stays in front, what it put behind stays behind.
    let path = "/app/bin:/usr/local/bin:/usr/bin:/opt/java/bin:/app/tools";
    assert_eq!(texts(&result.config["config"]["Env"]), [format!("PATH={path}")]);
    assert_eq!(result.decision("Env.PATH")["kind"], "merged");
    assert_eq!(result.decision("Env.PATH")["result"], path);
}

// Labels and other maps.

#[test]
fn labels_are_merged_one_by_one() {
    let result = merged(
        json!({"Labels": {"version": "12.1", "maintainer": "Debian", "gone": "1", "both": "1"}}),
        json!({"Labels": {"version": "12.1", "maintainer": "Us", "gone": "1", "both": "2", "app": "yes"}}),
        json!({"Labels": {"version": "12.2", "maintainer": "Debian", "both": "3", "added": "1"}}),
        &[],
    );
    assert_eq!(result.config["config"]["Labels"], json!({"version": "12.2", "maintainer": "Us", "both": "2", "app": "yes", "added": "1"}));
    assert_eq!(result.decision("Labels.both")["chosen"], "app");
}

#[test]
fn ports_and_volumes_are_sets() {
    let result = merged(
        json!({"ExposedPorts": {"80/tcp": {}}, "Volumes": {"/data": {}}}),
        json!({"ExposedPorts": {"80/tcp": {}, "8080/tcp": {}}, "Volumes": {"/data": {}}}),
        json!({"ExposedPorts": {"443/tcp": {}}, "Volumes": {"/data": {}, "/new": {}}}),
        &[],
    );
    assert_eq!(result.config["config"]["ExposedPorts"], json!({"8080/tcp": {}, "443/tcp": {}}));
    assert_eq!(result.config["config"]["Volumes"], json!({"/data": {}, "/new": {}}));
}

// Entrypoint and command.

#[test]
fn entrypoint_and_command_are_inherited_as_a_builder_does() {
    let cases = [
        // The app set nothing: both follow the base.
        (
            json!({"Cmd": ["sh"]}),
            json!({"Cmd": ["sh"]}),
            json!({"Entrypoint": ["tini"], "Cmd": ["bash"]}),
            json!({"Entrypoint": ["tini"], "Cmd": ["bash"]}),
        ),
        // The app set its command only: it runs under the entrypoint that it inherits, which is the new base's.
        (
            json!({"Entrypoint": ["/old-entry.sh"], "Cmd": ["sh"]}),
            json!({"Entrypoint": ["/old-entry.sh"], "Cmd": ["serve"]}),
            json!({"Entrypoint": ["/usr/bin/new-entry.sh"], "Cmd": ["sh"]}),
            json!({"Entrypoint": ["/usr/bin/new-entry.sh"], "Cmd": ["serve"]}),
        ),
        (
            json!({"Cmd": ["sh"]}),
            json!({"Cmd": ["serve"]}),
            json!({"Entrypoint": ["tini"], "Cmd": ["sh"]}),
            json!({"Entrypoint": ["tini"], "Cmd": ["serve"]}),
        ),
        (json!({"Entrypoint": ["e"]}), json!({"Entrypoint": ["e"], "Cmd": ["serve"]}), json!({}), json!({"Cmd": ["serve"]})),
        // The app set its entrypoint, which resets the command: the base's new command does not come back.
        (json!({"Cmd": ["sh"]}), json!({"Entrypoint": ["/app"]}), json!({"Cmd": ["bash"]}), json!({"Entrypoint": ["/app"]})),
        // Neither changed anything.
        (
            json!({"Entrypoint": ["e"], "Cmd": ["c"]}),
            json!({"Entrypoint": ["e"], "Cmd": ["c"]}),
            json!({"Entrypoint": ["e"], "Cmd": ["c"]}),
            json!({"Entrypoint": ["e"], "Cmd": ["c"]}),
        ),
    ];
    for (old, app, new, expected) in cases {
        let result = merged(old, app.clone(), new.clone(), &[]);
        assert_eq!(result.config["config"], expected, "{app} onto {new}");
    }
}

/// A preference for one of the two says nothing of the other.
#[test]
fn entrypoint_and_command_are_preferred_one_by_one() {
    let settings = |entrypoint: &str, command: &str| json!({"Entrypoint": [entrypoint], "Cmd": [command]});
    for (app, prefer, expected) in [
        (settings("/old", "serve"), "Cmd=app", settings("/new", "serve")),
        (settings("/old", "serve"), "Cmd=base", settings("/new", "b")),
        (settings("/app", "serve"), "Cmd=app", settings("/app", "serve")),
        (settings("/app", "serve"), "Cmd=base", settings("/app", "b")),
        (settings("/app", "serve"), "Entrypoint=base", settings("/new", "serve")),
        (settings("/app", "serve"), "base", settings("/new", "b")),
    ] {
        let result = merged(settings("/old", "a"), app.clone(), settings("/new", "b"), &["--prefer", prefer]);
        assert_eq!(result.config["config"], expected, "{app} --prefer {prefer}");
    }
}

// Fields that are one value.

#[test]
fn single_values_follow_the_same_rule() {
    let healthcheck = |seconds: u64| json!({"Test": ["CMD", "true"], "Interval": seconds * 1_000_000_000});
    let result = merged(
        json!({"User": "0", "WorkingDir": "/", "StopSignal": "SIGTERM", "Shell": ["/bin/sh"], "Healthcheck": healthcheck(1)}),
        json!({"User": "7", "WorkingDir": "/", "StopSignal": "SIGINT", "Shell": ["/bin/sh"], "Healthcheck": healthcheck(1)}),
        json!({"User": "0", "WorkingDir": "/root", "StopSignal": "SIGQUIT", "Healthcheck": healthcheck(5), "OnBuild": ["RUN x"]}),
        &[],
    );
    assert_eq!(result.config["config"], json!({"User": "7", "WorkingDir": "/root", "StopSignal": "SIGINT", "Healthcheck": healthcheck(5)}));
    assert_eq!(result.decision("StopSignal")["kind"], "conflict");
    // Triggers are for the image that is built on the base; they go no further.
    assert_eq!(result.codes(), ["config.onbuild"]);
}

// --prefer.

/// Two conflicts, a change of the app alone and one of the base alone.
fn conflicts(more: &[&str]) -> Rebased {
    merged(
        json!({"Env": ["A=1", "B=1", "MINE=1", "BASE=1"], "User": "0"}),
        json!({"Env": ["A=2", "B=2", "MINE=2", "BASE=1"], "User": "7"}),
        json!({"Env": ["A=3", "B=3", "MINE=1", "BASE=3"], "User": "8"}),
        more,
    )
}

#[test]
fn a_preference_decides_conflicts_and_nothing_else() {
    for (more, environment, user) in [
        (&[][..], ["A=2", "B=2", "MINE=2", "BASE=3"], "7"),
        (&["--prefer", "app"], ["A=2", "B=2", "MINE=2", "BASE=3"], "7"),
        (&["--prefer", "base"], ["A=3", "B=3", "MINE=2", "BASE=3"], "8"),
        (&["--prefer", "Env=base"], ["A=3", "B=3", "MINE=2", "BASE=3"], "7"),
        (&["--prefer", "Env.B=base"], ["A=2", "B=3", "MINE=2", "BASE=3"], "7"),
        (&["--prefer", "base", "--prefer", "User=app", "--prefer", "Env.A=app"], ["A=2", "B=3", "MINE=2", "BASE=3"], "7"),
    ] {
        let result = conflicts(more);
        assert_eq!(texts(&result.config["config"]["Env"]), environment, "{more:?}");
        assert_eq!(result.config["config"]["User"], user, "{more:?}");
        // A conflict is told whoever wins it.
        let conflicts: Vec<_> = result.decisions().into_iter().filter(|(_, kind)| *kind == "conflict").map(|(field, _)| field).collect();
        assert_eq!(conflicts, ["Env.A", "Env.B", "User"], "{more:?}");
    }
}

#[test]
fn a_preference_for_nothing_is_refused() {
    let (old, app, new) = three(json!({}), json!({}), json!({}));
    let environment = place(&old, &app, &new);
    for wrong in ["new", "Usr=app", "User=new", "OnBuild=base"] {
        let outcome = environment.refused(&[&ONTO_NEW[..], &["--prefer", wrong]].concat(), "usage.argument", 2);
        assert!(outcome.err.contains(wrong), "{}", outcome.err);
    }
    assert!(!environment.join("out").exists());
}

/// People see the conflict without asking for it.
#[test]
fn the_text_names_each_conflict() {
    let (old, app, new) = three(json!({"User": "0"}), json!({"User": "7"}), json!({"User": "8"}));
    let outcome = place(&old, &app, &new).ok(&ONTO_NEW);
    // The other way round, with one that the app does not have at all.
    let (old, app, without) = three(json!({"User": "0"}), json!({}), json!({"User": "8"}));
    let text = place(&old, &app, &without).ok(&[&ONTO_NEW[..], &["--prefer", "base"]].concat()).out;
    assert!(text.contains("User: conflict, the new base's is taken: 8 (app has nothing)"), "{text}");
    assert!(outcome.out.contains("User: conflict, the app's is kept: 7 (new base has 8)"), "{}", outcome.out);
}

// Dates, annotations, names.

#[test]
fn the_date_of_the_result() {
    let (old, mut app, mut new) = three(json!({}), json!({}), json!({}));
    app.config["created"] = json!("2024-05-05T05:05:05+02:00");
    new.config["created"] = json!("2024-06-06T06:06:06.123Z");
    let environment = place(&old, &app, &new);
    let created = |out: &str, more: &[&str], epoch: Option<&str>| {
        let output = format!("{out}:app:2");
        let arguments = [&ONTO_NEW[..7], &[&output], more].concat();
        let mut command = environment.command(&arguments);
        command.envs(epoch.map(|epoch| ("SOURCE_DATE_EPOCH", epoch)));
        let ran = command.output().unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        let out = crate::support::image::ReadBack::open(&environment.join(out));
        out.config(&out.named("app:2"))["created"].clone()
    };
    // The later one, as it was spelled; the environment changes nothing.
    assert_eq!(created("a", &[], None), "2024-06-06T06:06:06.123Z");
    assert_eq!(created("b", &[], Some("1700000000")), "2024-06-06T06:06:06.123Z");
    assert_eq!(created("c", &["--created", "keep"], Some("1700000000")), "2024-05-05T05:05:05+02:00");
    // date -u -d @1700000000 +%FT%TZ
    assert_eq!(created("d", &["--created", "epoch"], Some("1700000000")), "2023-11-14T22:13:20Z");
    assert_eq!(created("e", &["--created", "now"], Some("1700000000")), "2023-11-14T22:13:20Z");
    let _ = environment.refused(&[&ONTO_NEW[..], &["--created", "epoch"]].concat(), "usage.epoch", 2);
}

#[test]
fn annotations_can_be_given() {
    let (old, app, new) = three(json!({}), json!({}), json!({}));
    let app = app.annotated("org.example.ticket", "1").annotated("org.example.other", "kept");
    let result = rebase_with(&old, &app, &new, &["-a", "org.example.ticket=7", "-a", "org.example.note=a=b", "-a", "org.example.empty="]);
    let annotations = result.annotations();
    assert_eq!(annotations["org.example.ticket"], "7");
    assert_eq!(annotations["org.example.note"], "a=b");
    assert_eq!(annotations["org.example.empty"], "");
    assert_eq!(annotations["org.example.other"], "kept");
    let environment = place(&old, &app, &new);
    let _ = environment.refused(&[&ONTO_NEW[..], &["-a", "nothing"]].concat(), "usage.argument", 2);
}

/// `base.name` is a full reference. What a layout calls the base may be a bare tag; then a name is not made up.
#[test]
fn the_name_of_the_base_is_known_or_given_but_never_guessed() {
    let (old, app, new) = three(json!({}), json!({}), json!({}));
    let app = app
        .annotated("org.opencontainers.image.base.name", "registry.example/os:1")
        .annotated("org.opencontainers.image.base.digest", &old.digest());
    let environment = Environment::new();
    Layout::new().image("old", &old).write(&environment.join("bases"));
    Layout::new().image("new", &new).image("registry.example/os:2", &new).write(&environment.join("site"));
    Layout::new().image("app:1", &app).write(&environment.join("apps"));
    let rebase = |onto: &str, out: &str, more: &[&str]| {
        let output = format!("{out}:app:2");
        run(&environment, &[&["rebase", "apps:app:1", "--bases", "bases", "--onto", onto, "-o", &output], more].concat(), out, "app:2")
    };
    let name = |result: &Rebased| result.annotations().get("org.opencontainers.image.base.name").cloned();

    let dropped = rebase("site:new", "a", &[]);
    assert_eq!(name(&dropped), None, "the old name would be wrong");
    assert_eq!(dropped.codes(), ["base.name_dropped"]);
    assert_eq!(name(&rebase("site:registry.example/os:2", "b", &[])), Some(json!("registry.example/os:2")));
    assert_eq!(name(&rebase("site:new", "c", &["--base-name", "registry.example/os:new"])), Some(json!("registry.example/os:new")));
}

/// Some builders copy the annotations of the base into the image; those follow the base.
#[test]
fn annotations_of_the_base_follow_the_base_if_the_app_inherited_any() {
    let (old, app, new) = three(json!({}), json!({}), json!({}));
    let (version, title) = ("org.opencontainers.image.version", "org.opencontainers.image.title");
    let old = old.annotated(version, "12.1");
    let new = new.annotated(version, "12.2");
    let inherited = rebase(&old, &app.clone().annotated(version, "12.1").annotated(title, "App"), &new);
    assert_eq!((&inherited.annotations()[version], &inherited.annotations()[title]), (&json!("12.2"), &json!("App")));
    let own = rebase(&old, &app.clone().annotated(version, "1.0"), &new);
    assert_eq!(own.annotations()[version], "1.0");
    let none = rebase(&old, &app, &new);
    assert_eq!(none.annotations().get(version), None);
}

// The same input gives the same bytes.

#[test]
fn the_result_depends_on_nothing_but_the_input() {
    let (old, app, new) = three(json!({"Env": ["A=1"]}), json!({"Env": ["A=1", "B=2"]}), json!({"Env": ["A=3"]}));
    let environment = place(&old, &app, &new);
    let mut digests = Vec::new();
    for (number, (jobs, zone, locale)) in [("1", "UTC", "C"), ("2", "Asia/Tokyo", "tr_TR.UTF-8")].into_iter().enumerate() {
        let out = format!("out{number}:app:2");
        let mut command = environment.command(&[&ONTO_NEW[..7], &[&out, "--jobs", jobs]].concat());
        command.env("TZ", zone).env("LC_ALL", locale);
        assert!(command.output().unwrap().status.success());
        digests.push(digest(&crate::support::image::ReadBack::open(&environment.join(&format!("out{number}"))).bytes_of("app:2")));
    }
    assert_eq!(digests[0], digests[1]);
    // The dry run tells the same digest.
    let (_, plan) = environment.json(&[&ONTO_NEW[..], &["--dry-run"]].concat());
    assert_eq!(plan["status"], "planned");
    assert_eq!(plan["result"]["digest"], digests[0]);
}

/// BuildKit's inline cache names layers by their number. On another base the numbers mean other layers, so it does not come along;
/// whatever else a builder put beside it does.
#[test]
fn the_inline_cache_of_a_build_is_dropped_and_told() {
    let (old, app, new) = three(json!({}), json!({}), json!({}));
    let app = app
        .with_top("moby.buildkit.cache.v0", json!("eyJsYXllcnMiOlt7ImxheWVyIjowfV19"))
        .with_top("moby.buildkit.buildinfo.v0", json!("e30="));
    let result = rebase(&old, &app, &new);
    assert_eq!(result.config.get("moby.buildkit.cache.v0"), None);
    assert_eq!(result.config["moby.buildkit.buildinfo.v0"], "e30=");
    assert_eq!(
        *result.decision("document.moby.buildkit.cache.v0"),
        json!({"field": "document.moby.buildkit.cache.v0", "kind": "merged", "app": "eyJsYXllcnMiOlt7ImxheWVyIjowfV19"})
    );
}
