//! Shapes of images that go wrong elsewhere. What other tools make of the first five was measured with crane 0.22.1 and
//! regctl 0.11.7 and stands beside each test.

use serde_json::{Value, json};

use crate::support::environment::snapshot;
use crate::support::image::{CONFIG, Compression, Layer, MANIFEST, ReadBack, digest};
use crate::support::story::{ONTO_NEW, Rebased, codes, place, rebase, rebase_with, run};
use crate::support::{Environment, Image, Layout, layer};

const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
const OCI_GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// The layers of the examples: two of the old base, one or two of the new one, two of the app.
struct Layers {
    b1: Layer,
    b2: Layer,
    c1: Layer,
    c2: Layer,
    a1: Layer,
    a2: Layer,
}

fn layers() -> Layers {
    Layers {
        b1: layer(&["etc/os-release=old"]),
        b2: layer(&["lib/z=1"]),
        c1: layer(&["etc/os-release=new"]),
        c2: layer(&["lib/z=2"]),
        a1: layer(&["app/server=1"]),
        a2: layer(&["app/data=1"]),
    }
}

/// A config document of linux/amd64 as the examples have it, with these settings, diffIDs and history.
fn config(settings: Value, diff_ids: &[&Layer], history: Option<Value>) -> Value {
    let mut config = json!({
        "created": "2024-01-01T00:00:00Z", "architecture": "amd64", "os": "linux", "config": settings,
        "rootfs": {"type": "layers", "diff_ids": diff_ids.iter().map(|layer| layer.diff_id()).collect::<Vec<_>>()},
    });
    if let Some(history) = history {
        config["history"] = history;
    }
    config
}

// Known to go wrong elsewhere.

/// crane drops the first app layer; regctl refuses.
#[test]
fn nobody_has_history() {
    let Layers { b1, b2, c1, a1, a2, .. } = layers();
    let old = Image::of(&[&b1, &b2]).with_top("history", Value::Null);
    let app = old.and(&[&a1, &a2]).with("Cmd", json!(["/app/server"]));
    let new = Image::of(&[&c1]).with_top("history", Value::Null);

    let result = rebase(&old, &app, &new);

    result.expect_layers(&[&c1, &a1, &a2]);
    assert_eq!(result.config, config(json!({"Cmd": ["/app/server"]}), &[&c1, &a1, &a2], None));
}

/// crane drops the app layer and keeps one of the old base under the app's history entry; regctl refuses.
#[test]
fn the_base_has_no_history_and_the_app_has_one_entry_as_ko_writes_it() {
    let Layers { b1, b2, c1, c2, a1, .. } = layers();
    let ko =
        json!({"created": "0001-01-01T00:00:00Z", "created_by": "ko build ko://example.org/app", "author": "ko", "comment": "go build"});
    let old = Image::of(&[&b1, &b2]).with_top("history", Value::Null);
    let app = old.and(&[&a1]).with_top("history", json!([ko])).with("Entrypoint", json!(["/ko-app/app"]));
    let new = Image::of(&[&c1, &c2]).with_top("history", Value::Null);

    let result = rebase(&old, &app, &new);

    result.expect_layers(&[&c1, &c2, &a1]);
    // Once there is a history it has an entry for every layer (image-spec, config.md, "history"); the base recorded none.
    let history = json!([{"comment": "not recorded"}, {"comment": "not recorded"}, ko]);
    assert_eq!(result.config, config(json!({"Entrypoint": ["/ko-app/app"]}), &[&c1, &c2, &a1], Some(history)));
    assert_eq!(result.codes(), ["image.history"]);
}

/// crane keeps both old base layers; regctl refuses.
#[test]
fn the_base_has_no_history_and_the_builder_padded_the_apps() {
    let Layers { b1, b2, c1, a1, .. } = layers();
    let padding = json!({"created": "2024-02-02T00:00:00Z", "comment": "buildkit.exporter.image.v0"});
    let copied =
        json!({"created": "2024-02-02T00:00:00Z", "created_by": "COPY server /app/ # buildkit", "comment": "buildkit.dockerfile.v0"});
    let expose = json!({"created": "2024-02-02T00:00:00Z", "created_by": "EXPOSE map[80/tcp:{}]", "empty_layer": true});
    let old = Image::of(&[&b1, &b2]).with_top("history", Value::Null);
    let app = old.and(&[&a1]).with_top("history", json!([padding, padding, copied, expose])).with("ExposedPorts", json!({"80/tcp": {}}));
    let new = Image::of(&[&c1]).with_top("history", Value::Null);

    let result = rebase(&old, &app, &new);

    result.expect_layers(&[&c1, &a1]);
    let history = json!([{"comment": "not recorded"}, copied, expose]);
    assert_eq!(result.config, config(json!({"ExposedPorts": {"80/tcp": {}}}), &[&c1, &a1], Some(history)));
}

/// crane is right; regctl panics.
#[test]
fn history_without_created() {
    let Layers { b1, b2, c1, a1, .. } = layers();
    let entry = |by: &str| json!({"created_by": by});
    let old = Image::of(&[&b1, &b2]).with_top("history", json!([entry("b1"), entry("b2")]));
    let app = old.and(&[&a1]).with_top("history", json!([entry("b1"), entry("b2"), entry("a1")]));
    let new = Image::of(&[&c1]).with_top("history", json!([entry("c1")]));

    let result = rebase(&old, &app, &new);

    result.expect_layers(&[&c1, &a1]);
    assert_eq!(result.config, config(json!({}), &[&c1, &a1], Some(json!([entry("c1"), entry("a1")]))));
    assert_eq!(result.codes(), [""; 0]);
}

/// crane is right; regctl refuses, because the entries below the seam are no longer the base's.
#[test]
fn history_whose_created_the_builder_filled_in() {
    let Layers { b1, b2, c1, a1, .. } = layers();
    let entry = |by: &str| json!({"created_by": by});
    let filled = |by: &str| json!({"created_by": by, "created": "2024-02-02T00:00:00Z"});
    let setting = json!({"created_by": "CMD [\"sh\"]", "empty_layer": true});
    let mut filled_setting = setting.clone();
    filled_setting["created"] = json!("2024-02-02T00:00:00Z");
    let old = Image::of(&[&b1, &b2]).with_top("history", json!([entry("b1"), entry("b2"), setting]));
    let app = old.and(&[&a1]).with_top("history", json!([filled("b1"), filled("b2"), filled_setting, filled("a1")]));
    let new = Image::of(&[&c1]).with_top("history", json!([entry("c1"), setting]));

    let result = rebase(&old, &app, &new);

    result.expect_layers(&[&c1, &a1]);
    assert_eq!(result.config, config(json!({}), &[&c1, &a1], Some(json!([entry("c1"), setting, filled("a1")]))));
}

/// crane writes a Docker manifest over OCI layers and loses the annotations; regctl leaves `base.digest` stale and loses the
/// new base's Env.
#[test]
fn ordinary() {
    let Layers { b1, b2, c1, c2, a1, a2 } = layers();
    let run = |by: &str| json!({"created": "2024-01-01T00:00:00Z", "created_by": by});
    let set = |by: &str| json!({"created": "2024-01-01T00:00:00Z", "created_by": by, "empty_layer": true});
    let old = Image::of(&[&b1, &b2])
        .with_top("history", json!([run("ADD rootfs"), set("CMD"), run("RUN zlib")]))
        .with("Env", json!(["PATH=/bin", "ZLIB=1"]))
        .with("Cmd", json!(["sh"]));
    let app = old
        .and(&[&a1, &a2])
        .with_top("history", json!([run("ADD rootfs"), set("CMD"), run("RUN zlib"), run("COPY server"), set("USER 7"), run("COPY data")]))
        .with("Env", json!(["PATH=/bin", "ZLIB=1", "APP=yes"]))
        .with("Cmd", json!(["/app/server"]))
        .with("User", json!("7"))
        .annotated("org.opencontainers.image.title", "Server")
        .annotated("org.opencontainers.image.base.name", "registry.example/os:old")
        .annotated("org.opencontainers.image.base.digest", &old.digest());
    let new = Image::of(&[&c1, &c2])
        .with_top("history", json!([run("ADD rootfs 2"), set("CMD"), run("RUN zlib 2")]))
        .with("Env", json!(["PATH=/usr/bin", "ZLIB=2"]))
        .with("Cmd", json!(["bash"]));

    let environment = Environment::new();
    Layout::new().image("registry.example/os:old", &old).image("registry.example/os:new", &new).write(&environment.join("bases"));
    Layout::new().image("app:1", &app).write(&environment.join("apps"));
    let result = run_onto(&environment, "bases:registry.example/os:new");

    result.expect_layers(&[&c1, &c2, &a1, &a2]);
    let history = json!([run("ADD rootfs 2"), set("CMD"), run("RUN zlib 2"), run("COPY server"), set("USER 7"), run("COPY data"),]);
    let settings = json!({"Env": ["PATH=/usr/bin", "ZLIB=2", "APP=yes"], "Cmd": ["/app/server"], "User": "7"});
    assert_eq!(result.config, config(settings, &[&c1, &c2, &a1, &a2], Some(history)));
    assert_eq!(result.document["mediaType"], MANIFEST);
    assert_eq!(result.document["config"]["mediaType"], CONFIG);
    assert_eq!(
        *result.annotations(),
        json!({
            "org.opencontainers.image.title": "Server",
            "org.opencontainers.image.base.name": "registry.example/os:new",
            "org.opencontainers.image.base.digest": new.digest(),
            "dev.airbase.base.manifest.digest": new.digest(),
            "dev.airbase.base.layers": "2",
            "dev.airbase.rebase.old-base.digest": old.digest(),
            "dev.airbase.rebase.from": app.digest(),
        })
    );
    assert_eq!(result.codes(), [""; 0]);
}

fn run_onto(environment: &Environment, onto: &str) -> Rebased {
    run(environment, &["rebase", "apps:app:1", "--bases", "bases", "--onto", onto, "-o", "out:app:2"], "out", "app:2")
}

// The seam.

#[test]
fn equal_layers_around_the_seam_are_counted_by_position() {
    let Layers { b1, c1, a1, .. } = layers();
    let old = Image::of(&[&b1, &b1]);
    let app = old.and(&[&b1, &a1, &b1]);
    let new = Image::of(&[&c1]);

    let result = rebase(&old, &app, &new);

    result.expect_layers(&[&c1, &b1, &a1, &b1]);
    let blobs: Vec<Value> = app.layers[2..].iter().map(Layer::descriptor).collect();
    assert_eq!(result.document["layers"].as_array().unwrap()[1..], blobs);
}

#[test]
fn the_new_base_may_hold_layers_of_the_app_and_of_the_old_base() {
    let Layers { b1, b2, a1, .. } = layers();
    let old = Image::of(&[&b1, &b2]);
    let app = old.and(&[&a1]);
    // The new base took the app's layer in, and put the old base's in another order.
    let new = Image::of(&[&b2, &a1, &b1]);
    rebase(&old, &app, &new).expect_layers(&[&b2, &a1, &b1, &a1]);
}

/// An app that only changes settings has no layer of its own.
#[test]
fn an_app_of_settings_only() {
    let Layers { b1, b2, c1, .. } = layers();
    let old = Image::of(&[&b1, &b2]).with("Cmd", json!(["sh"])).with("Env", json!(["LEVEL=1"]));
    let setting = json!({"created": "2024-02-02T00:00:00Z", "created_by": "CMD [\"serve\"]", "empty_layer": true});
    let mut app = old.clone().with("Cmd", json!(["serve"]));
    app.config["history"].as_array_mut().unwrap().push(setting.clone());
    let new = Image::of(&[&c1]).with("Cmd", json!(["sh"])).with("Env", json!(["LEVEL=2"]));

    for more in [&[][..], &["--from", "bases:os:old"]] {
        let result = rebase_with(&old, &app, &new, more);

        result.expect_layers(&[&c1]);
        let history = json!([new.config["history"][0], setting]);
        assert_eq!(result.config, config(json!({"Cmd": ["serve"], "Env": ["LEVEL=2"]}), &[&c1], Some(history)));
    }
}

/// The base is the whole image: the same manifest under another name.
#[test]
fn the_image_is_its_base() {
    let Layers { b1, b2, c1, .. } = layers();
    let old = Image::of(&[&b1, &b2]).with("Cmd", json!(["sh"]));
    let new = Image::of(&[&c1]).with("Cmd", json!(["bash"]));
    let result = rebase_with(&old, &old, &new, &["--from", "bases:os:old"]);
    result.expect_layers(&[&c1]);
    assert_eq!(result.config, config(json!({"Cmd": ["bash"]}), &[&c1], Some(new.config["history"].clone())));
}

/// Equal layers are no proof that one of two images was made from the other: without a history that goes on, they are two
/// editions of one thing.
#[test]
fn an_image_with_the_same_layers_is_not_taken_for_the_base() {
    let Layers { b1, b2, c1, .. } = layers();
    let old = Image::of(&[&b1, &b2]);
    let app = old.clone().with("Labels", json!({"edition": "2"}));
    let environment = place(&old, &app, &Image::of(&[&c1]));
    environment.refused(&ONTO_NEW, "base.unknown", 4);
}

#[test]
fn a_base_with_more_layers_than_the_app_is_refused() {
    let Layers { b1, b2, c1, a1, .. } = layers();
    let old = Image::of(&[&b1, &b2, &a1]);
    let app = Image::of(&[&b1, &b2]);
    let environment = place(&old, &app, &Image::of(&[&c1]));

    let outcome = environment.refused(&[&ONTO_NEW[..], &["--from", "bases:os:old"]].concat(), "base.mismatch", 4);

    assert!(outcome.err.contains("matched 2 of 3 layers"), "{}", outcome.err);
    assert!(outcome.err.contains("layer 2 of the image: there is none"), "{}", outcome.err);
    assert!(outcome.err.contains(&a1.diff_id()), "{}", outcome.err);
    assert!(!environment.join("out").exists());
}

#[test]
fn a_base_without_layers_proves_nothing_and_carries_nothing() {
    let Layers { b1, c1, a1, .. } = layers();
    let empty = Image::of(&[]).with_top("history", Value::Null);
    let app = Image::of(&[&a1]);
    // As the old base.
    place(&empty, &app, &Image::of(&[&c1])).refused(&[&ONTO_NEW[..], &["--from", "bases:os:old"]].concat(), "base.empty", 4);
    // Found by nobody, though the layers of every image begin with none.
    place(&empty, &app, &Image::of(&[&c1])).refused(&ONTO_NEW, "base.unknown", 4);
    // As the new base.
    let old = Image::of(&[&b1]);
    place(&old, &old.and(&[&a1]), &empty).refused(&ONTO_NEW, "base.empty", 4);
    // Named by the image itself.
    let claiming = app.annotated("org.opencontainers.image.base.digest", &empty.digest());
    place(&empty, &claiming, &Image::of(&[&c1])).refused(&ONTO_NEW, "base.empty", 4);
    // An image from scratch gets a base by position.
    let result = rebase_with(&empty, &Image::of(&[&a1]), &Image::of(&[&c1]), &["--seam-layers", "0"]);
    result.expect_layers(&[&c1, &a1]);
}

// Recompression.

/// The app was saved by a tool that compresses in another way than the one that fetched the base: other digests, equal
/// diffIDs. Both are inflated before that counts.
#[test]
fn a_recompressed_base_is_the_same_base() {
    let Layers { b1, b2, c1, a1, .. } = layers();
    let kinds = [Compression::Gzip, Compression::GzipAgain, Compression::Zstd, Compression::None];
    for apps in kinds {
        for bases in kinds.into_iter().filter(|bases| *bases != apps) {
            let old = Image::of(&[&b1.compressed(bases), &b2.compressed(bases)]);
            let app = Image::of(&[&b1.compressed(apps), &b2.compressed(apps)]).and(&[&a1.compressed(apps)]);
            let new = Image::of(&[&c1]);

            let result = rebase(&old, &app, &new);

            // Nothing is compressed again: the app's own layer is the blob that it was.
            result.expect_layers(&[&c1, &a1.compressed(apps)]);
            assert_eq!(result.report["platforms"][0]["proofs"], json!(["same-content", "same-content"]), "{apps:?} on {bases:?}");
            assert_eq!(result.report["platforms"][0]["clue"], "catalogue");
        }
    }
}

#[test]
fn each_layer_is_proven_in_its_own_way() {
    let Layers { b1, b2, c1, a1, .. } = layers();
    let old = Image::of(&[&b1, &b2.compressed(Compression::Zstd)]);
    let app = Image::of(&[&b1, &b2, &a1]);
    let result = rebase(&old, &app, &Image::of(&[&c1]));
    assert_eq!(result.report["platforms"][0]["proofs"], json!(["same-blob", "same-content"]));
}

/// A config can claim any diffID. Where the blobs differ the claim is not believed, on whichever side it stands.
#[test]
fn a_config_that_lies_about_a_diff_id_is_refused() {
    let Layers { b1, c1, a1, .. } = layers();
    let other = layer(&["etc/os-release=malicious"]);
    // The blob of one layer, the diffID of another.
    let lying = Layer { tar: b1.tar.clone(), ..other.compressed(Compression::Gzip) };
    assert_eq!(lying.diff_id(), b1.diff_id());
    for (old, below, whose) in [(&b1, &lying, "the image"), (&lying, &b1, "the base")] {
        let environment = place(&Image::of(&[old]), &Image::of(&[below, &a1]), &Image::of(&[&c1]));
        let before = snapshot(environment.path());

        let outcome = environment.refused(&ONTO_NEW, "layer.diffid_mismatch", 3);

        assert!(outcome.err.contains(whose), "{}", outcome.err);
        assert!(outcome.err.contains(&b1.diff_id()) && outcome.err.contains(&other.diff_id()), "{}", outcome.err);
        assert_eq!(snapshot(environment.path()), before, "nothing was written");
    }
}

// Again and again.

/// Three generations of a base and back: each time the annotations of the result say what it stands on, so that the next
/// rebase needs nothing but the new base.
#[test]
fn the_result_can_be_rebased_again() {
    let Layers { a1, a2, .. } = layers();
    let base = |generation: &str| {
        let layers = [layer(&[&format!("etc/os-release={generation}")]), layer(&[&format!("lib/z={generation}")])];
        // The second generation has one layer more.
        let more = layer(&["lib/extra=1"]);
        let mut all: Vec<&Layer> = layers.iter().collect();
        if generation == "2" {
            all.push(&more);
        }
        Image::of(&all).with("Env", json!(["PATH=/bin", format!("LEVEL={generation}")])).with("Labels", json!({"os": generation}))
    };
    let bases: Vec<Image> = ["1", "2", "3"].iter().map(|generation| base(generation)).collect();
    let app = bases[0]
        .and(&[&a1, &a2])
        .with("Env", json!(["PATH=/app:/bin", "LEVEL=1", "APP=yes"]))
        .with("Labels", json!({"os": "1", "app": "yes"}))
        .annotated("org.opencontainers.image.base.name", "registry.example/os:1")
        .annotated("org.opencontainers.image.base.digest", &bases[0].digest());
    let environment = Environment::new();
    let name = |number: usize| format!("registry.example/os:{number}");
    Layout::new().image(&name(1), &bases[0]).image(&name(2), &bases[1]).image(&name(3), &bases[2]).write(&environment.join("bases"));
    Layout::new().image("app:0", &app).write(&environment.join("work"));

    let mut previous = (app.digest(), bases[0].digest());
    for (step, number) in [2, 3, 1].into_iter().enumerate() {
        let (from, to) = (format!("work:app:{step}"), format!("app:{}", step + 1));
        let onto = format!("bases:{}", name(number));
        let result = run(&environment, &["rebase", &from, "--bases", "bases", "--onto", &onto, "--tag", &to], "work", &to);

        let base = &bases[number - 1];
        let expected: Vec<&Layer> = base.layers.iter().chain([&a1, &a2]).collect();
        result.expect_layers(&expected);
        assert_eq!(result.report["platforms"][0]["clue"], "manifest-annotation");
        assert_eq!(result.config["config"]["Env"], json!(["PATH=/app:/bin", format!("LEVEL={number}"), "APP=yes"]));
        assert_eq!(result.config["config"]["Labels"], json!({"os": number.to_string(), "app": "yes"}));
        let annotations = result.annotations();
        assert_eq!(annotations["org.opencontainers.image.base.name"], name(number));
        assert_eq!(annotations["org.opencontainers.image.base.digest"], base.digest());
        assert_eq!(annotations["dev.airbase.base.manifest.digest"], base.digest());
        assert_eq!(annotations["dev.airbase.base.layers"], base.layers.len().to_string());
        assert_eq!(annotations["dev.airbase.rebase.from"], previous.0);
        assert_eq!(annotations["dev.airbase.rebase.old-base.digest"], previous.1);
        assert_eq!(codes(&result.report["platforms"][0]["findings"]), [""; 0], "step {step}");
        previous = (digest(&result.out.bytes_of(&to)), base.digest());
    }
    // Back on the first base: settings, layers and history are what they were.
    let back = ReadBack::open(&environment.join("work"));
    let (first, last) = (back.named("app:0"), back.named("app:3"));
    assert_eq!(last["layers"], first["layers"]);
    assert_eq!(back.config(&last), back.config(&first));
}

#[test]
fn a_rebase_onto_the_base_that_is_there_writes_nothing() {
    let Layers { b1, a1, .. } = layers();
    let base = Image::of(&[&b1]);
    let environment = place(&base, &base.and(&[&a1]), &Image::of(&[&a1]));
    let before = snapshot(environment.path());
    let arguments = ["rebase", "apps:app:1", "--bases", "bases", "--onto", "bases:os:old", "-o", "out:app:2"];
    let (status, report) = environment.json(&arguments);
    assert_eq!((status, report["status"].as_str()), (0, Some("current")));
    assert_eq!(snapshot(environment.path()), before);
}

// The old base is gone.

#[test]
fn the_seam_can_be_given_by_position() {
    let Layers { b1, b2, c1, a1, .. } = layers();
    let old = Image::of(&[&b1, &b2]).with("Env", json!(["LEVEL=1"]));
    let app = old.and(&[&a1]).with("User", json!("7"));
    let new = Image::of(&[&c1]).with("Env", json!(["LEVEL=2", "NEW=1"])).with("WorkingDir", json!("/new"));
    let environment = Environment::new();
    Layout::new().image("os:new", &new).write(&environment.join("bases"));
    Layout::new().image("app:1", &app).write(&environment.join("apps"));
    environment.refused(&ONTO_NEW, "base.unknown", 4);

    let result = run(&environment, &[&ONTO_NEW[..], &["--seam-layers", "2"]].concat(), "out", "app:2");

    result.expect_layers(&[&c1, &a1]);
    assert_eq!(result.config["history"], json!([new.config["history"][0], app.config["history"][2]]));
    // Two ways: what the app has stays, what only the new base has is added, and the difference is told.
    assert_eq!(result.config["config"]["User"], "7");
    assert_eq!(result.config["config"]["WorkingDir"], "/new");
    assert_eq!(result.config["config"]["Env"], json!(["LEVEL=1", "NEW=1"]));
    assert_eq!(result.decision("Env.LEVEL")["kind"], "two-way");
    assert_eq!(result.codes(), ["base.unproven", "rebase.two_way"]);
    assert_eq!(result.report["platforms"][0]["proofs"], json!([]));
    assert_eq!(result.report["platforms"][0].get("oldBase"), None);
    assert_eq!(result.annotations()["org.opencontainers.image.base.digest"], new.digest());

    environment.refused(&[&ONTO_NEW[..], &["--seam-layers", "4"]].concat(), "base.mismatch", 4);
}

/// An earlier rebase recorded how many layers belong to the base.
#[test]
fn the_seam_that_an_earlier_rebase_recorded_is_enough() {
    let Layers { b1, b2, c1, c2, a1, .. } = layers();
    let (first, second, third) = (Image::of(&[&b1]), Image::of(&[&c1, &c2]), Image::of(&[&b2]));
    let environment = place(&first, &first.and(&[&a1]), &second);
    run(&environment, &ONTO_NEW, "out", "app:2");
    // Only the third generation is here now.
    Layout::new().image("os:third", &third).write(&environment.join("site"));

    let arguments = ["rebase", "out:app:2", "--bases", "site", "--onto", "site:os:third", "-o", "again:app:3"];
    let result = run(&environment, &arguments, "again", "app:3");

    result.expect_layers(&[&b2, &a1]);
    assert_eq!(result.codes(), ["base.unproven", "rebase.two_way"]);
    assert_eq!(result.annotations()["dev.airbase.rebase.old-base.digest"], second.digest(), "as it was recorded");
}

/// The base is gone and the base of the base is here: what was recorded counts, or the layers between would stay.
#[test]
fn the_recorded_seam_counts_more_than_a_shorter_base() {
    let Layers { b1, b2, c1, c2, a1, .. } = layers();
    let distribution = Image::of(&[&b1]);
    let (runtime, renewed) = (distribution.and(&[&b2]), Image::of(&[&c1, &c2]));
    let environment = place(&renewed, &renewed.and(&[&a1]), &runtime);
    run(&environment, &ONTO_NEW, "out", "app:2");
    Layout::new().image("distribution:1", &distribution).image("runtime:3", &Image::of(&[&c1])).write(&environment.join("site"));

    let arguments = ["rebase", "out:app:2", "--bases", "site", "--onto", "site:runtime:3", "-o", "again:app:3"];
    let result = run(&environment, &arguments, "again", "app:3");

    result.expect_layers(&[&c1, &a1]);
    assert_eq!(result.codes(), ["base.unproven", "rebase.two_way"]);
}

/// The image names a base that is not here, and a base of that one is. Whether that is the one that was meant, renamed and
/// recompressed, only a person knows: so it is said.
#[test]
fn a_base_that_the_image_does_not_name_is_not_taken_for_the_one_it_names() {
    let Layers { b1, b2, c1, a1, .. } = layers();
    let distribution = Image::of(&[&b1]);
    let runtime = distribution.and(&[&b2]);
    let app = runtime
        .and(&[&a1])
        .annotated("org.opencontainers.image.base.name", "registry.example/runtime:1")
        .annotated("org.opencontainers.image.base.digest", &runtime.digest());

    let environment = place(&distribution, &app, &Image::of(&[&c1]));

    // Moved from the distribution, the old runtime's layer would stay in the image.
    let refused = environment.refused(&ONTO_NEW, "base.conflict", 4);
    for part in ["registry.example/runtime:1", "annotation of the manifest", "--from bases:os:old"] {
        assert!(refused.err.contains(part), "{part}: {}", refused.err);
    }
    let show = environment.json(&["base", "show", "apps:app:1", "--bases", "bases"]).1;
    assert_eq!(codes(&show["platforms"][0]["findings"]), ["base.conflict"]);
    // The person's word decides.
    let result = run(&environment, &[&ONTO_NEW[..], &["--from", "bases:os:old"]].concat(), "out", "app:2");
    result.expect_layers(&[&c1, &b2, &a1]);
}

/// The recorded digest is not here, and the recorded name leads to an edition with the same layers: that is the base as far as layers
/// go, and it is said that its settings may be others.
#[test]
fn a_base_that_is_found_by_its_name_with_another_digest_is_told() {
    let Layers { b1, c1, a1, .. } = layers();
    let recorded = Image::of(&[&b1]).with("Env", json!(["EDITION=1"]));
    let here = Image::of(&[&b1]).with("Env", json!(["EDITION=2"]));
    let app = recorded
        .and(&[&a1])
        .annotated("org.opencontainers.image.base.name", "os:old")
        .annotated("org.opencontainers.image.base.digest", &recorded.digest());

    let result = rebase(&here, &app, &Image::of(&[&c1]));

    result.expect_layers(&[&c1, &a1]);
    assert_eq!(result.codes(), ["base.other_digest"]);
    let finding = &result.report["platforms"][0]["findings"][0];
    assert_eq!(finding["expected"]["value"], recorded.digest());
    assert!(finding["found"]["value"].as_str().unwrap().contains(&here.digest()), "{finding:#}");
}

// Documents.

#[test]
fn a_docker_image_over_an_oci_base_becomes_an_oci_image() {
    let Layers { b1, c1, a1, .. } = layers();
    let docker = |layer: &Layer| Layer { media_type: DOCKER_LAYER.into(), ..layer.clone() };
    let old = Image::of(&[&b1]);
    let mut app = Image::of(&[&docker(&b1), &docker(&a1)]).with_top("docker_version", json!("20.10"));
    app.manifest_type = DOCKER_MANIFEST.into();
    app.config_type = DOCKER_CONFIG.into();

    let result = rebase(&old, &app, &Image::of(&[&c1]));

    result.expect_layers(&[&c1, &a1]);
    assert_eq!(result.document["mediaType"], MANIFEST);
    assert_eq!(result.document["config"]["mediaType"], CONFIG);
    assert_eq!(result.document["layers"][0]["mediaType"], OCI_GZIP);
    assert_eq!(result.document["layers"][1], json!({"mediaType": OCI_GZIP, "digest": a1.digest(), "size": a1.blob.len()}));
    assert_eq!(result.out.index_json()["manifests"][0]["mediaType"], MANIFEST);
    assert_eq!(result.config["docker_version"], "20.10");
    assert_eq!(result.codes(), ["media_types.unified"]);
}

#[test]
fn a_docker_base_under_an_oci_image_becomes_an_oci_image() {
    let Layers { b1, c1, a1, .. } = layers();
    let mut new = Image::of(&[&Layer { media_type: DOCKER_LAYER.into(), ..c1.clone() }]);
    new.manifest_type = DOCKER_MANIFEST.into();
    new.config_type = DOCKER_CONFIG.into();
    let result = rebase(&Image::of(&[&b1]), &Image::of(&[&b1]).and(&[&a1]), &new);
    result.expect_layers(&[&c1, &a1]);
    assert_eq!(result.document["mediaType"], MANIFEST);
    assert!(result.document["layers"].as_array().unwrap().iter().all(|layer| layer["mediaType"] == OCI_GZIP));
}

/// A layer that names addresses may stay away (Windows bases do); its descriptor goes along as it is.
#[test]
fn a_layer_with_urls_need_not_be_here() {
    let Layers { b1, c1, a1, .. } = layers();
    let external = json!({
        "mediaType": "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        "digest": c1.digest(), "size": c1.blob.len(), "urls": ["https://mcr.example/c1"],
    });
    let mut new = Image::of(&[&c1]);
    new.manifest = json!({"layers": [external]});
    let old = Image::of(&[&b1]);
    let environment = Environment::new();
    let mut bases = Layout::new().image("os:old", &old).image("os:new", &new);
    bases.blobs.remove(&c1.digest()).unwrap();
    bases.write(&environment.join("bases"));
    Layout::new().image("app:1", &old.and(&[&a1])).write(&environment.join("apps"));

    let result = run(&environment, &ONTO_NEW, "out", "app:2");

    result.expect_layers(&[&c1, &a1]);
    assert_eq!(result.document["layers"][0], external);
}

#[test]
fn what_nobody_knows_survives() {
    let Layers { b1, c1, a1, .. } = layers();
    let old = Image::of(&[&b1]);
    let mut annotated = a1.descriptor();
    annotated["annotations"] = json!({"org.example.layer": "a1"});
    annotated["org.example.unknown"] = json!([1, 2]);
    let mut app = old
        .and(&[&a1])
        .with_top("org.example.vendor", json!({"z": 1.50, "a": [null]}))
        .with_top("author", json!("Somebody"))
        .with("OrgExample", json!("inner"))
        .annotated("org.opencontainers.image.title", "Server")
        .annotated("org.example.own", "kept");
    app.manifest["org.example.manifest"] = json!({"deep": [true]});
    app.manifest["layers"] = json!([b1.descriptor(), annotated]);

    let result = rebase(&old, &app, &Image::of(&[&c1]).with("OrgExampleBase", json!(7)));

    assert_eq!(result.config["org.example.vendor"], json!({"z": 1.50, "a": [null]}));
    assert_eq!(result.config["author"], "Somebody");
    assert_eq!(result.config["config"], json!({"OrgExample": "inner", "OrgExampleBase": 7}));
    assert_eq!(result.document["org.example.manifest"], json!({"deep": [true]}));
    assert_eq!(result.document["layers"][1], annotated);
    assert_eq!(result.annotations()["org.opencontainers.image.title"], "Server");
    assert_eq!(result.annotations()["org.example.own"], "kept");
}

/// Some layouts embed the config in the manifest and the manifest in `index.json`. In a new document that would be stale.
#[test]
fn embedded_data_is_not_carried_on() {
    let Layers { b1, c1, a1, .. } = layers();
    let embedding = |image: &Image| {
        let bytes = image.config_bytes();
        let mut image = image.clone();
        image.manifest["config"] =
            json!({"mediaType": CONFIG, "digest": digest(&bytes), "size": bytes.len(), "data": base64(&bytes), "org.example.more": 1});
        image
    };
    let (old, new) = (Image::of(&[&b1]), embedding(&Image::of(&[&c1])));
    let app = embedding(&old.and(&[&a1]));
    let environment = Environment::new();
    let mut apps = Layout::new().image("app:1", &app);
    apps.entries[0]["data"] = json!(base64(&app.manifest_bytes()));
    // What is embedded need not be there as a blob.
    apps.blobs.remove(&digest(&app.config_bytes())).unwrap();
    apps.blobs.remove(&app.digest()).unwrap();
    apps.write(&environment.join("apps"));
    Layout::new().image("os:old", &old).image("os:new", &new).write(&environment.join("bases"));

    let result = run(&environment, &ONTO_NEW, "out", "app:2");

    result.expect_layers(&[&c1, &a1]);
    assert_eq!(result.document["config"].get("data"), None);
    assert_eq!(result.document["config"]["org.example.more"], 1);
    assert_eq!(result.out.index_json()["manifests"][0].get("data"), None);
}

/// Standard base64 (RFC 4648, section 4).
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for at in 0..4 {
            let digit = (bits >> (18 - 6 * at)) & 63;
            text.push(if at > chunk.len() { '=' } else { char::from(DIGITS[digit as usize]) });
        }
    }
    text
}
