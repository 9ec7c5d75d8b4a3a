//! Images of several platforms.

use serde_json::{Value, json};

use crate::support::environment::snapshot;
use crate::support::image::{INDEX, Layer, ReadBack, digest, texts};
use crate::support::story::{codes, expect_layers};
use crate::support::{Contents, Environment, Image, Layout, layer};

const BASE_NAME: &str = "org.opencontainers.image.base.name";
const BASE_DIGEST: &str = "org.opencontainers.image.base.digest";

/// The lowest layer of a generation of the base for one platform.
fn os(generation: &str, platform: &str) -> Layer {
    layer(&[&format!("etc/os-release={generation} for {platform}")])
}

/// A base of one generation, for `amd64`, `arm64`, `arm64/v8`, `arm/v7`, …
fn base(generation: &str, platform: &str) -> Image {
    for_platform(Image::of(&[&os(generation, platform)]).with("Env", json!([format!("LEVEL={generation}")])), platform)
}

/// The app on the first generation.
fn app(platform: &str) -> Image {
    base("1", platform).and(&[&own(platform)]).with("Cmd", json!(["/app"]))
}

fn own(platform: &str) -> Layer {
    layer(&[&format!("app=for {platform}")])
}

fn for_platform(image: Image, platform: &str) -> Image {
    match platform.split_once('/') {
        Some((architecture, variant)) => image.platform(architecture).with_top("variant", json!(variant)),
        None => image.platform(platform),
    }
}

fn index(name: &str, images: &[Image]) -> Layout {
    with_index(Layout::new(), name, images, json!({}))
}

/// Adds an index whose descriptors carry the variant, too.
fn with_index(mut layout: Layout, name: &str, images: &[Image], more: Value) -> Layout {
    let manifests: Vec<Value> = images.iter().map(|image| stored(&mut layout, image)).collect();
    add_index(layout, name, &manifests, more)
}

fn stored(layout: &mut Layout, image: &Image) -> Value {
    let mut entry = layout.store(image);
    if let Some(variant) = image.config.get("variant") {
        entry["platform"]["variant"] = variant.clone();
    }
    entry
}

fn add_index(mut layout: Layout, name: &str, manifests: &[Value], more: Value) -> Layout {
    let mut index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests});
    index.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let bytes = serde_json::to_vec(&index).unwrap();
    let digest = layout.blob(&bytes);
    layout.entry(name, json!({"mediaType": INDEX, "digest": digest, "size": bytes.len()}));
    layout
}

/// A place with the layouts `old` (`os:1`), `new` (`os:2`) and `apps` (`app:1`).
fn place(old: &[Image], apps: &[Image], new: &[Image]) -> Environment {
    let environment = Environment::new();
    index("os:1", old).write(&environment.join("old"));
    index("os:2", new).write(&environment.join("new"));
    index("app:1", apps).write(&environment.join("apps"));
    environment
}

const REBASE: [&str; 8] = ["rebase", "apps:app:1", "--bases", "old", "--onto", "new:os:2", "-o", "out:app:2"];

fn images(make: impl Fn(&str) -> Image, platforms: &[&str]) -> Vec<Image> {
    platforms.iter().map(|platform| make(platform)).collect()
}

/// Runs a rebase; gives the report and the index that it wrote.
fn rebased(environment: &Environment, more: &[&str]) -> (Value, Value, ReadBack) {
    let (status, report) = environment.json(&[&REBASE[..], more].concat());
    assert_eq!((status, report["status"].as_str()), (0, Some("written")), "{report:#}");
    let out = ReadBack::open(&environment.join("out"));
    let document = out.named("app:2");
    (report, document, out)
}

/// Checks that the entry stands for the app of `platform` on the second generation.
#[track_caller]
fn expect_moved(out: &ReadBack, entry: &Value, platform: &str) {
    let manifest = out.json(entry["digest"].as_str().unwrap());
    let config = out.config(&manifest);
    expect_layers(&manifest, &config, &[&os("2", platform), &own(platform)]);
    let architecture = platform.split('/').next().unwrap();
    assert_eq!(config["architecture"], architecture);
    assert_eq!(entry["platform"]["architecture"], architecture);
    assert_eq!(texts(&config["config"]["Env"]), ["LEVEL=2"]);
    assert_eq!(entry["size"], out.blob(entry["digest"].as_str().unwrap()).len());
}

// Which base each platform gets.

#[test]
fn each_platform_gets_its_own_base_whatever_the_order() {
    let platforms = ["amd64", "arm64", "s390x", "ppc64le"];
    let new = images(|platform| base("2", platform), &["ppc64le", "arm64", "riscv64", "amd64", "s390x"]);
    let environment =
        place(&images(|platform| base("1", platform), &["s390x", "amd64", "ppc64le", "arm64"]), &images(app, &platforms), &new);

    let (report, result, out) = rebased(&environment, &[]);

    let entries = result["manifests"].as_array().unwrap();
    assert_eq!(entries.len(), 4);
    for (entry, platform) in entries.iter().zip(platforms) {
        expect_moved(&out, entry, platform);
    }
    // On the index base.digest is the base's index; on the manifests too, with the platform's own beside it.
    let top = index("os:2", &new).digest_of("os:2");
    assert_eq!(result["annotations"][BASE_DIGEST], top);
    let manifest = out.json(entries[1]["digest"].as_str().unwrap());
    assert_eq!(manifest["annotations"][BASE_DIGEST], top);
    assert_eq!(manifest["annotations"]["dev.airbase.base.manifest.digest"], new[1].digest());
    assert_eq!(result["annotations"]["dev.airbase.rebase.from"], index("app:1", &images(app, &platforms)).digest_of("app:1"));
    assert_eq!(manifest["annotations"]["dev.airbase.rebase.from"], app("arm64").digest());
    let shown: Vec<_> = report["platforms"].as_array().unwrap().iter().map(|platform| platform["platform"].as_str().unwrap()).collect();
    assert_eq!(shown, ["linux/amd64", "linux/arm64", "linux/s390x", "linux/ppc64le"]);
}

/// `arm64` and `arm64/v8` are one platform in two spellings; `arm/v6` and `arm/v7` are two.
#[test]
fn variants_are_matched_strictly() {
    let environment = place(
        &images(|platform| base("1", platform), &["arm64", "arm/v7", "arm/v6"]),
        &images(app, &["arm64", "arm/v6", "arm/v7"]),
        &[
            base("2", "arm/v7"),
            base("2", "arm/v6"),
            for_platform(Image::of(&[&os("2", "arm64")]), "arm64/v8").with("Env", json!(["LEVEL=2"])),
        ],
    );
    let (_, result, out) = rebased(&environment, &[]);
    for (entry, platform) in result["manifests"].as_array().unwrap().iter().zip(["arm64", "arm/v6", "arm/v7"]) {
        expect_moved(&out, entry, platform);
    }

    // A base for arm/v6 would run on arm/v7, and 32 bits on 64; neither is taken for the other.
    for (mine, other) in [("arm/v7", "arm/v6"), ("amd64", "386")] {
        let environment = place(&[base("1", mine)], &[app(mine)], &[base("2", other)]);
        let outcome = environment.refused(&REBASE, "platform.missing", 4);
        assert!(outcome.err.contains(&format!("linux/{mine}")) && outcome.err.contains(&format!("linux/{other}")), "{}", outcome.err);
    }
}

/// An image of one platform on a base of several gets the one for its platform, not the first or amd64.
#[test]
fn a_single_image_gets_its_platform_of_an_index() {
    let environment = Environment::new();
    let new = images(|platform| base("2", platform), &["amd64", "arm64"]);
    index("os:1", &images(|platform| base("1", platform), &["amd64", "arm64"])).write(&environment.join("old"));
    index("os:2", &new).write(&environment.join("new"));
    Layout::new().image("app:1", &app("arm64")).write(&environment.join("apps"));

    let (report, manifest, out) = rebased(&environment, &[]);

    let config = out.config(&manifest);
    expect_layers(&manifest, &config, &[&os("2", "arm64"), &own("arm64")]);
    assert_eq!(config["architecture"], "arm64");
    assert_eq!(manifest["annotations"][BASE_DIGEST], index("os:2", &new).digest_of("os:2"));
    assert_eq!(manifest["annotations"]["dev.airbase.base.manifest.digest"], new[1].digest());
    assert_eq!(report["platforms"][0]["newBase"]["manifest"], new[1].digest());
}

#[test]
fn a_base_for_another_platform_is_never_taken() {
    let environment = Environment::new();
    Layout::new().image("os:1", &base("1", "arm64")).write(&environment.join("old"));
    Layout::new().image("os:2", &base("2", "amd64")).write(&environment.join("new"));
    Layout::new().image("app:1", &app("arm64")).write(&environment.join("apps"));
    let _ = environment.refused(&REBASE, "platform.missing", 4);
    let _ = environment.refused(&[&REBASE[..], &["--on-missing-platform", "drop"]].concat(), "platform.missing", 4);
    assert!(!environment.join("out").exists());
}

/// Every patched base of Windows raises the last part of the version; the part before it is the platform. What runs it looks at
/// the index.
#[test]
fn the_version_of_windows_follows_the_base() {
    let windows = |image: Image, version: &str| image.with_top("os", json!("windows")).with_top("os.version", json!(version));
    let old = windows(base("1", "amd64"), "10.0.17763.1");
    let mine = windows(app("amd64"), "10.0.17763.1");
    let patched = windows(base("2", "amd64"), "10.0.17763.9");
    let rebase = |new: &Image| {
        let environment = Environment::new();
        index("os:1", std::slice::from_ref(&old)).write(&environment.join("old"));
        index("os:2", std::slice::from_ref(new)).write(&environment.join("new"));
        let mut layout = Layout::new();
        let mut entry = stored(&mut layout, &mine);
        entry["platform"]["os.version"] = json!("10.0.17763.1");
        add_index(layout, "app:1", &[entry], json!({})).write(&environment.join("apps"));
        environment
    };
    let environment = rebase(&patched);
    let (_, result, out) = rebased(&environment, &[]);
    let entry = &result["manifests"][0];
    assert_eq!(entry["platform"], json!({"architecture": "amd64", "os": "windows", "os.version": "10.0.17763.9"}));
    assert_eq!(out.config(&out.json(entry["digest"].as_str().unwrap()))["os.version"], "10.0.17763.9");
    let _ = rebase(&windows(base("2", "amd64"), "10.0.20348.1")).refused(&REBASE, "platform.missing", 4);
    // Where no index leads to the image, its entry in index.json may say the version, and says the new one then (image-index.md,
    // "platform": os.version; image-layout.md, index.json is an index). What the entry says more stays.
    let environment = rebase(&patched);
    let mut layout = Layout::new();
    let mut entry = layout.store(&mine);
    entry["platform"] = json!({"architecture": "amd64", "os": "windows", "os.version": "10.0.17763.1", "os.features": ["win32k"]});
    layout.entry("app:1", entry);
    std::fs::remove_dir_all(environment.join("apps")).unwrap();
    layout.write(&environment.join("apps"));
    environment.ok(&REBASE);
    let index = ReadBack::open(&environment.join("out")).index_json();
    let platform = json!({"architecture": "amd64", "os": "windows", "os.version": "10.0.17763.9", "os.features": ["win32k"]});
    assert_eq!(index["manifests"][0]["platform"], platform, "{index:#}");
}

// A platform that the new base lacks.

#[test]
fn a_missing_platform_stops_the_rebase_unless_the_person_chose() {
    let platforms = ["amd64", "s390x"];
    let environment = place(
        &images(|platform| base("1", platform), &platforms),
        &images(app, &platforms),
        &images(|platform| base("2", platform), &["arm64", "amd64"]),
    );

    let before = snapshot(environment.path());
    let outcome = environment.refused(&REBASE, "platform.missing", 4);
    assert!(outcome.err.contains("linux/s390x") && outcome.err.contains("linux/arm64, linux/amd64"), "{}", outcome.err);
    assert!(outcome.err.contains("--on-missing-platform"), "{}", outcome.err);
    assert_eq!(snapshot(environment.path()), before);

    let (report, result, out) = rebased(&environment, &["--on-missing-platform", "drop"]);
    assert_eq!(result["manifests"].as_array().unwrap().len(), 1);
    expect_moved(&out, &result["manifests"][0], "amd64");
    assert_eq!(codes(&report["platforms"][1]["findings"]), ["platform.missing"]);

    std::fs::remove_dir_all(environment.join("out")).unwrap();
    let (report, result, out) = rebased(&environment, &["--on-missing-platform", "keep-old"]);
    expect_moved(&out, &result["manifests"][0], "amd64");
    // The old manifest, with all that belongs to it.
    let kept = app("s390x");
    assert_eq!(result["manifests"][1]["digest"], kept.digest());
    for blob in [digest(&kept.config_bytes()), kept.layers[0].digest(), kept.layers[1].digest()] {
        out.blob(&blob);
    }
    assert_eq!(codes(&report["platforms"][1]["findings"]), ["platform.missing"]);
}

// Index and config contradict each other.

/// All configs say amd64, the index says four architectures: a genuine layout does that.
#[test]
fn a_platform_that_index_and_config_disagree_on_is_refused() {
    let lying = app("arm64").platform("amd64");
    let environment = Environment::new();
    index("os:1", &images(|platform| base("1", platform), &["amd64", "arm64"])).write(&environment.join("old"));
    index("os:2", &images(|platform| base("2", platform), &["amd64", "arm64"])).write(&environment.join("new"));
    let mut layout = Layout::new();
    let good = stored(&mut layout, &app("amd64"));
    let mut bad = stored(&mut layout, &lying);
    bad["platform"]["architecture"] = json!("arm64");
    add_index(layout, "app:1", &[good, bad], json!({})).write(&environment.join("apps"));

    let outcome = environment.refused(&REBASE, "image.platform_mismatch", 4);
    for part in ["linux/arm64", "linux/amd64", "--trust-platform descriptor", &lying.digest()] {
        assert!(outcome.err.contains(part), "{part}\n{}", outcome.err);
    }

    // The index is right: the layers are those of the base for arm64, and so is the new base.
    let (_, result, out) = rebased(&environment, &["--trust-platform", "descriptor"]);
    expect_moved(&out, &result["manifests"][0], "amd64");
    let manifest = out.json(result["manifests"][1]["digest"].as_str().unwrap());
    let config = out.config(&manifest);
    expect_layers(&manifest, &config, &[&os("2", "arm64"), &own("arm64")]);
    assert_eq!(config["architecture"], "arm64", "the result contradicts itself no longer");

    // The config is right: then the image does not stand on what it was built on, and that is seen.
    std::fs::remove_dir_all(environment.join("out")).unwrap();
    let _ = environment.refused(&[&REBASE[..], &["--trust-platform", "config"]].concat(), "base.unknown", 4);
}

// Attestations.

/// BuildKit's attestations speak of the old bytes, in the old form (an image config) and in the new one (an artifact with a
/// subject). They stay with the old image.
#[test]
fn attestations_are_left_behind_and_told() {
    let image = app("amd64");
    let about = json!({"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": image.digest()});
    let statement = layer(&["statement=1"]);
    let old_form = Image {
        config: json!({"architecture": "unknown", "os": "unknown", "config": {}}),
        ..Image::of(&[&Layer { media_type: "application/vnd.in-toto+json".into(), ..statement.clone() }])
    };
    let mut new_form = old_form.clone();
    new_form.config = json!({});
    new_form.config_type = "application/vnd.oci.empty.v1+json".into();
    new_form.manifest = json!({
        "artifactType": "application/vnd.docker.attestation.manifest.v1+json",
        "subject": {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": image.digest(), "size": image.manifest_bytes().len()},
    });
    let environment = Environment::new();
    index("os:1", &[base("1", "amd64")]).write(&environment.join("old"));
    index("os:2", &[base("2", "amd64")]).write(&environment.join("new"));
    let mut layout = Layout::new();
    let mut entries = vec![stored(&mut layout, &image)];
    for attestation in [&old_form, &new_form] {
        let mut entry = layout.store(attestation);
        entry["platform"] = json!({"architecture": "unknown", "os": "unknown"});
        entry["annotations"] = about.clone();
        entries.push(entry);
    }
    add_index(layout, "app:1", &entries, json!({})).write(&environment.join("apps"));

    let (report, result, out) = rebased(&environment, &[]);

    assert_eq!(result["manifests"].as_array().unwrap().len(), 1);
    expect_moved(&out, &result["manifests"][0], "amd64");
    assert_eq!(report["leftBehind"], json!([old_form.digest(), new_form.digest()]));
    assert_eq!(codes(&report["findings"]), ["attestation.left_behind", "attestation.left_behind"]);
    assert!(!out.has(&old_form.digest()) && !out.has(&new_form.digest()), "they are not in the result");
}

// The index itself.

#[test]
fn one_platform_can_be_taken_out() {
    let platforms = ["amd64", "arm64"];
    let environment = place(
        &images(|platform| base("1", platform), &platforms),
        &images(app, &platforms),
        &images(|platform| base("2", platform), &platforms),
    );
    let (_, manifest, out) = rebased(&environment, &["--platform", "linux/arm64"]);
    let config = out.config(&manifest);
    expect_layers(&manifest, &config, &[&os("2", "arm64"), &own("arm64")]);
    let outcome = environment.refused(&[&REBASE[..], &["--platform", "linux/riscv64"]].concat(), "ref.platform", 4);
    assert!(outcome.err.contains("linux/amd64"), "{}", outcome.err);
}

/// An index for two platforms of which one was copied is normal; what is not here cannot be moved, and is not lost silently.
#[test]
fn a_platform_whose_manifest_is_not_here_stops_the_index_and_not_the_others() {
    let platforms = ["amd64", "arm64"];
    let bases = |generation| images(|platform| base(generation, platform), &platforms);
    let environment = place(&bases("1"), &images(app, &platforms), &bases("2"));
    std::fs::remove_file(environment.join("apps/blobs").join(app("arm64").digest().replace(':', "/"))).unwrap();
    let outcome = environment.refused(&REBASE, "blob.missing", 4);
    assert!(outcome.err.contains("linux/arm64") && outcome.err.contains("--platform"), "{}", outcome.err);
    let (_, manifest, out) = rebased(&environment, &["--platform", "linux/amd64"]);
    expect_layers(&manifest, &out.config(&manifest), &[&os("2", "amd64"), &own("amd64")]);
}

/// Each platform may name a base of its own. Then the index has none to name.
#[test]
fn an_index_whose_platforms_stand_on_different_bases_names_none() {
    let environment = Environment::new();
    let (first, second) = ("registry.example/one:1", "registry.example/two:1");
    Layout::new().image("", &base("1", "amd64")).image("", &base("1", "arm64")).write(&environment.join("old"));
    Layout::new().image(first, &base("2", "amd64")).image(second, &base("2", "arm64")).write(&environment.join("new"));
    let apps = [
        app("amd64").annotated(BASE_NAME, first).annotated(BASE_DIGEST, &base("1", "amd64").digest()),
        app("arm64").annotated(BASE_NAME, second).annotated(BASE_DIGEST, &base("1", "arm64").digest()),
    ];
    index("app:1", &apps).write(&environment.join("apps"));

    let (status, report) = environment.json(&["rebase", "apps:app:1", "--bases", "old", "--bases", "new", "-o", "out:app:2"]);

    assert_eq!(status, 0, "{report:#}");
    let out = ReadBack::open(&environment.join("out"));
    let result = out.named("app:2");
    for ((entry, platform), name) in result["manifests"].as_array().unwrap().iter().zip(["amd64", "arm64"]).zip([first, second]) {
        expect_moved(&out, entry, platform);
        let annotations = &out.json(entry["digest"].as_str().unwrap())["annotations"];
        assert_eq!((&annotations[BASE_NAME], &annotations[BASE_DIGEST]), (&json!(name), &json!(base("2", platform).digest())));
    }
    assert_eq!(result["annotations"].get(BASE_NAME), None);
    assert_eq!(result["annotations"].get(BASE_DIGEST), None);
}

/// What a person leaves out may be anything, as long as that is one thing.
#[test]
fn a_platform_that_means_several_is_refused_with_those() {
    let platforms = ["amd64", "arm/v6", "arm/v7"];
    let bases = |generation| images(|platform| base(generation, platform), &platforms);
    let environment = place(&bases("1"), &images(app, &platforms), &bases("2"));
    let outcome = environment.refused(&[&REBASE[..], &["--platform", "linux/arm"]].concat(), "ref.platform", 4);
    assert!(outcome.err.contains("linux/arm fits several platforms"), "{}", outcome.err);
    assert!(outcome.err.contains("linux/arm/v6") && outcome.err.contains("linux/arm/v7"), "{}", outcome.err);
    assert!(!outcome.err.contains("linux/amd64"), "{}", outcome.err);
}

#[test]
fn an_index_within_an_index_is_rebased_too() {
    let environment = Environment::new();
    index("os:1", &images(|platform| base("1", platform), &["amd64", "arm64"])).write(&environment.join("old"));
    index("os:2", &images(|platform| base("2", platform), &["amd64", "arm64"])).write(&environment.join("new"));
    let mut layout = Layout::new();
    let first = stored(&mut layout, &app("amd64"));
    let second = stored(&mut layout, &app("arm64"));
    let inner =
        serde_json::to_vec(&json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [second], "org.example.inner": 1})).unwrap();
    let inner_digest = layout.blob(&inner);
    let entry = json!({"mediaType": INDEX, "digest": inner_digest, "size": inner.len(), "annotations": {"org.example.entry": "inner"}});
    add_index(layout, "app:1", &[first, entry], json!({})).write(&environment.join("apps"));

    let (_, result, out) = rebased(&environment, &[]);

    expect_moved(&out, &result["manifests"][0], "amd64");
    let entry = &result["manifests"][1];
    assert_eq!((&entry["mediaType"], &entry["annotations"]["org.example.entry"]), (&json!(INDEX), &json!("inner")));
    let inner = out.json(entry["digest"].as_str().unwrap());
    assert_eq!(inner["org.example.inner"], 1);
    expect_moved(&out, &inner["manifests"][0], "arm64");
}

/// A platform that something refers to has an entry of its own. It is a platform all the same, however deep the index lies that lists it.
#[test]
fn a_platform_of_an_index_within_an_index_is_no_image_more() {
    let environment = Environment::new();
    index("os:1", &images(|platform| base("1", platform), &["amd64", "arm64"])).write(&environment.join("bases"));
    let mut layout = Layout::new();
    let first = stored(&mut layout, &app("amd64"));
    let second = stored(&mut layout, &app("arm64"));
    let inner = serde_json::to_vec(&json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [second]})).unwrap();
    let entry = json!({"mediaType": INDEX, "digest": layout.blob(&inner), "size": inner.len()});
    add_index(layout, "app:1", &[first, entry], json!({})).write(&environment.join("apps"));
    environment.ok(&["attach", "apps:app:1", "--type", "application/x-report", "--all"]);
    let entries = Contents::of(&environment.join("apps")).unnamed();
    assert!(entries.contains(&app("arm64").digest()), "{entries:?}");

    // One image is there, so the path alone names it.
    environment.ok(&["ls", "apps", "--platform", "linux/arm64"]);
    let (_, report) = environment.json(&["outdated", "apps", "--bases", "bases"]);
    let images: Vec<&str> = report["items"].as_array().unwrap().iter().map(|item| item["image"].as_str().unwrap()).collect();
    assert_eq!(images, ["apps:app:1"; 2], "an item for each platform: {report:#}");
    let plan = environment.run(&["batch", "plan", "apps", "--bases", "bases"]).out;
    assert_eq!(plan.lines().filter(|line| line.contains("\"image\":")).count(), 1, "{plan}");
}

#[test]
fn what_the_index_says_beside_its_platforms_survives() {
    let platforms = ["amd64", "arm64"];
    let environment = Environment::new();
    index("registry.example/os:1", &images(|platform| base("1", platform), &platforms)).write(&environment.join("old"));
    index("registry.example/os:2", &images(|platform| base("2", platform), &platforms)).write(&environment.join("new"));
    let mut layout = Layout::new();
    let mut entries: Vec<Value> = platforms.iter().map(|platform| stored(&mut layout, &app(platform))).collect();
    entries[0]["annotations"] = json!({"org.example.entry": "first"});
    entries[0]["org.example.unknown"] = json!({"deep": [1.50]});
    entries[0]["platform"]["os.features"] = json!(["sse4"]);
    let more = json!({"org.example.index": [true], "annotations": {"org.example.version": "v2", BASE_NAME: "registry.example/os:1"}});
    add_index(layout, "app:1", &entries, more).write(&environment.join("apps"));

    let (_, result, _) = rebased(&environment, &["--base-name", "registry.example/os:2", "-a", "org.example.ticket=7"]);

    assert_eq!(result["org.example.index"], json!([true]));
    assert_eq!(result["annotations"]["org.example.version"], "v2");
    assert_eq!(result["annotations"]["org.example.ticket"], "7");
    assert_eq!(result["annotations"][BASE_NAME], "registry.example/os:2");
    let entry = &result["manifests"][0];
    assert_eq!(entry["annotations"], json!({"org.example.entry": "first"}));
    assert_eq!(entry["org.example.unknown"], json!({"deep": [1.50]}));
    assert_eq!(entry["platform"], json!({"architecture": "amd64", "os": "linux", "os.features": ["sse4"]}));
}

/// The base is recorded on the index only, by the digest of the base's index: the place and the digest that regctl's test
/// images use.
#[test]
fn the_annotation_of_the_index_leads_to_the_base_of_each_platform() {
    let platforms = ["amd64", "arm64"];
    let old = images(|platform| base("1", platform), &platforms);
    let environment = Environment::new();
    let bases = with_index(
        index("registry.example/os:1", &old),
        "registry.example/os:2",
        &images(|platform| base("2", platform), &platforms),
        json!({}),
    );
    bases.write(&environment.join("bases"));
    let more = json!({"annotations": {BASE_NAME: "registry.example/os:2", BASE_DIGEST: bases.digest_of("registry.example/os:1")}});
    with_index(Layout::new(), "app:1", &images(app, &platforms), more).write(&environment.join("apps"));

    // Onto what its name means now.
    let (status, report) = environment.json(&["rebase", "apps:app:1", "--bases", "bases", "-o", "out:app:2"]);

    assert_eq!(status, 0, "{report:#}");
    let out = ReadBack::open(&environment.join("out"));
    let result = out.named("app:2");
    for (entry, platform) in result["manifests"].as_array().unwrap().iter().zip(platforms) {
        expect_moved(&out, entry, platform);
    }
    assert_eq!(result["annotations"][BASE_NAME], "registry.example/os:2");
    assert_eq!(result["annotations"][BASE_DIGEST], bases.digest_of("registry.example/os:2"));
    assert_eq!(report["platforms"][0]["clue"], "index-annotation");
    // And it is up to date from then on.
    let (status, report) = environment.json(&["rebase", "out:app:2", "--bases", "bases", "-o", "again:app:3"]);
    assert_eq!((status, report["status"].as_str()), (0, Some("current")));
}
