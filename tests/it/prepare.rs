//! `prepare` and `verify-sync`: what is pushed to a registry, and whether it arrived.

use std::io::Write;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::image::MANIFEST;
use crate::support::{Contents, Environment, Image, Layout, layer};

const CREATED: [&str; 2] = ["-a", "org.opencontainers.image.created=2026-01-02T03:04:05Z"];

fn app() -> Image {
    Image::of(&[&layer(&["os=1"]), &layer(&["app=1"])])
}

fn tool() -> Image {
    Image::of(&[&layer(&["t=1"])])
}

/// `in` has an application for two platforms with an SBOM that is signed, and a tool.
fn sample() -> Environment {
    let environment = Environment::new();
    let layout =
        Layout::new().index("registry.example/team/app:1", &[&app(), &app().platform("arm64")], json!({})).image("team/tool:2", &tool());
    layout.write(&environment.join("in"));
    std::fs::write(environment.join("sbom.json"), "{}").unwrap();
    let attach = |arguments: &[&str]| environment.json(&[&["attach"], arguments, &CREATED[..]].concat()).1;
    let sbom = attach(&["in:app:1", "sbom.json", "--type", "application/spdx+json"]);
    attach(&[&format!("in@{}", sbom["attached"][0]["digest"].as_str().unwrap()), "--type", "application/x-signature"]);
    environment
}

fn prepare(environment: &Environment, more: &[&str], status: i32) -> Value {
    let (ended, plan) = environment.json(&[&["prepare", "in", "--registry", "registry.site:5000/prod"], more].concat());
    assert_eq!(ended, status, "{plan:#}");
    plan
}

/// The texts under `field` of each item.
fn each<'a>(list: &'a Value, field: &str) -> Vec<&'a str> {
    list.as_array().unwrap().iter().map(|item| item[field].as_str().unwrap()).collect()
}

/// What a client does for the push whose name ends in `name`.
fn client<'a>(plan: &'a Value, name: &str, client: &str) -> &'a Value {
    let push = plan["pushes"].as_array().unwrap().iter().find(|push| push["reference"].as_str().unwrap().ends_with(name)).unwrap();
    push["clients"].as_array().unwrap().iter().find(|pushed| pushed["client"] == client).unwrap()
}

fn command(pushed: &Value) -> String {
    pushed["command"].as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect::<Vec<_>>().join(" ")
}

#[test]
fn everything_is_promised_by_name_and_digest() {
    let environment = sample();
    let contents = Contents::of(&environment.join("in"));
    let plan = prepare(&environment, &[], 0);
    let index = contents.named("registry.example/team/app:1").unwrap();
    // The registry of a name is left away; the digests are those of the layout.
    let repository = "registry.site:5000/prod/team/app";
    let of_app: Vec<&Value> = plan["items"].as_array().unwrap().iter().filter(|item| item["repository"] == repository).collect();
    let kinds: Vec<&str> = of_app.iter().map(|item| item["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["index", "platform", "platform", "referrer", "list", "referrer", "list"]);
    assert_eq!((&of_app[0]["reference"], &of_app[0]["digest"]), (&json!(format!("{repository}:1")), &json!(index)));
    assert_eq!(of_app[1]["reference"], json!(format!("{repository}@{}", app().digest())));
    // Lists need not be there: a registry with the API has none, and others have their own.
    let tag = index.replace(':', "-");
    assert_eq!((&of_app[4]["reference"], &of_app[4]["required"]), (&json!(format!("{repository}:{tag}")), &json!(false)));
    assert_eq!(of_app[4]["digest"], json!(contents.named(&tag).unwrap()));
    assert_eq!((&of_app[5]["artifactType"], &of_app[5]["subject"]), (&json!("application/x-signature"), &of_app[3]["digest"]), "two deep");
    assert_eq!(each(&plan["pushes"], "reference"), [&format!("{repository}:1"), "registry.site:5000/prod/team/tool:2"]);
    assert_eq!(plan["leftOut"], json!([]));
    assert_eq!(each(&plan["findings"], "code"), ["prepare.tag_by_tag"]);
    // The same place gives the same plan.
    assert_eq!(prepare(&environment, &[], 0), plan);
}

/// As measured: a name with a colon or a slash cannot be given to oras and regctl; skopeo and crane carry no referrers.
#[test]
fn the_commands_are_those_that_carry_everything() {
    let environment = sample();
    let plan = prepare(&environment, &[], 0);
    let index = plan["items"][0]["digest"].as_str().unwrap();
    let to = "registry.site:5000/prod/team/app:1";
    assert_eq!(command(client(&plan, "app:1", "regctl")), format!("regctl image copy --referrers ocidir://in@{index} {to}"));
    assert_eq!(command(client(&plan, "app:1", "oras")), format!("oras cp -r --from-oci-layout in@{index} {to}"));
    let skopeo = client(&plan, "app:1", "skopeo");
    assert_eq!(command(skopeo), format!("skopeo copy --all --preserve-digests oci:in:registry.example/team/app:1 docker://{to}"));
    assert_eq!((&skopeo["suffices"], skopeo["leaves"].as_array().map(Vec::len)), (&json!(false), Some(2)));
    assert_eq!(client(&plan, "tool:2", "skopeo")["suffices"], true, "nothing refers to it");
    assert_eq!(client(&plan, "app:1", "crane")["command"], json!([]), "the tag would be index.json");
    let text = environment.ok(&["prepare", "in", "--registry", "registry.site:5000/prod"]).out;
    assert!(text.contains(&format!("\n  regctl image copy --referrers ocidir://in@{index} {to}\n")), "{text}");
    assert!(text.contains("skopeo leaves 2 documents behind: it copies no referrers"), "{text}");
    // An archive: regctl would lose the referrers.
    environment.ok(&["copy", "in:app:1", "app.tar"]);
    let plan = environment.json(&["prepare", "app.tar", "--registry", "r.site"]).1;
    assert_eq!(client(&plan, "app:1", "regctl")["command"], json!([]));
    assert!(command(client(&plan, "app:1", "oras")).starts_with("oras cp -r --from-oci-layout app.tar@"));
    assert!(command(client(&plan, "app:1", "skopeo")).contains(" oci-archive:app.tar:"));
    // One entry: crane can.
    environment.ok(&["copy", "in:tool:2", "one"]);
    let plan = environment.json(&["prepare", "one", "--registry", "r.site"]).1;
    assert_eq!(command(client(&plan, "tool:2", "crane")), "crane push one r.site/team/tool:2");
}

#[test]
fn who_sees_a_referrer_not_leaves_it_and_what_refers_to_it() {
    let environment = sample();
    // As oras leaves it: the SBOM is not on the list of its subject.
    let index = Contents::of(&environment.join("in")).named("registry.example/team/app:1").unwrap();
    let mut listed = Contents::of(&environment.join("in")).index();
    let is_list = |entry: &Value| entry["annotations"]["org.opencontainers.image.ref.name"] == index.replace(':', "-");
    listed["manifests"].as_array_mut().unwrap().retain(|entry| !is_list(entry));
    std::fs::write(environment.join("in/index.json"), listed.to_string()).unwrap();
    let plan = prepare(&environment, &[], 1);
    assert_eq!(each(&plan["findings"], "code"), ["referrer.no_fallback", "prepare.tag_by_tag"]);
    assert_eq!(client(&plan, "app:1", "regctl")["leaves"].as_array().map(Vec::len), Some(2), "the SBOM, and with it its signature");
    assert_eq!(client(&plan, "app:1", "oras")["suffices"], true);
    // Whoever brings everything is not told of another client, and what arrived is what was promised.
    prepare(&environment, &["--client", "regctl"], 1);
    prepare(&environment, &["--client", "oras"], 0);
    for arguments in [&["--client", "oras"][..], &["--client", "regctl"], &[]] {
        let (_, plan) = environment.json(&[&["prepare", "in", "--registry", "r.site"][..], arguments].concat());
        let line = |item: &Value| format!("{} {}\n", item["digest"].as_str().unwrap(), item["reference"].as_str().unwrap());
        std::fs::write(environment.join("listing"), plan["items"].as_array().unwrap().iter().map(line).collect::<String>()).unwrap();
        std::fs::write(environment.join("plan.json"), plan.to_string()).unwrap();
        environment.ok(&["verify-sync", "plan.json", "listing"]);
    }
    // What is written for the registry has both forms.
    let plan = prepare(&environment, &["-o", "out"], 0);
    assert_eq!(client(&plan, "app:1", "regctl")["suffices"], true, "{plan:#}");
    environment.ok(&["doctor", "out"]);
    // Tags of cosign go with regctl, when it is told so.
    environment.ok(&["tag", "in:tool:2", &format!("{}.sig", app().digest().replace(':', "-"))]);
    let plan = prepare(&environment, &[], 1);
    assert!(command(client(&plan, "app:1", "regctl")).contains("--referrers --digest-tags"));
    assert_eq!(client(&plan, "app:1", "oras")["leaves"], json!([tool().digest()]));
}

#[test]
fn the_layout_for_a_registry_has_everything() {
    let environment = sample();
    environment.ok(&["collection", "create", "in:suite:1", "in:app:1", "in:tool:2"]);
    for out in ["out", "out.tar"] {
        let plan = prepare(&environment, &["-o", out], 0);
        let contents = Contents::of(&environment.join(out));
        contents.whole();
        environment.ok(&["doctor", out]);
        environment.ok(&["collection", "check", out]);
        assert_eq!(plan["pushes"].as_array().map(Vec::len), Some(3));
        assert!(plan["items"].as_array().unwrap().iter().all(|item| contents.blobs().contains_key(item["digest"].as_str().unwrap())));
        assert!(command(client(&plan, "app:1", "oras")).contains(&format!("--from-oci-layout {out}@")), "what was written is pushed");
    }
    // A collection is pushed with its members and all that refers to them.
    let plan = prepare(&environment, &[], 0);
    let suite = &plan["pushes"][2];
    assert_eq!((&suite["manifests"], &suite["referrers"]), (&json!(4), &json!(2)), "{suite:#}");
    assert_eq!(client(&plan, "suite:1", "skopeo")["command"], json!([]), "skopeo copies no index within an index");
    // Of a place with more in it: its members under their own names, then the collection.
    environment.ok(&["copy", "in:tool:2", "in:other:1"]);
    let (_, plan) = environment.json(&["prepare", "in:suite:1", "--registry", "r.site", "-o", "suite"]);
    assert_eq!(each(&plan["pushes"], "reference"), ["r.site/team/app:1", "r.site/team/tool:2", "r.site/library/suite:1"], "{plan:#}");
    assert!(Contents::of(&environment.join("suite")).named("team/tool:2").is_some());
    let run = ["--profile", "runtime", "-o", "run"];
    let (_, plan) = environment.json(&[&["prepare", "in:suite:1", "--registry", "r.site"][..], &run].concat());
    assert_eq!(each(&plan["pushes"], "reference"), ["r.site/team/app:1", "r.site/team/tool:2"], "{plan:#}");
    // A member whose name has moved on is meant by digest.
    environment.ok(&["tag", "in:app:1", "team/tool:2"]);
    let (_, plan) = environment.json(&["prepare", "in:suite:1", "--registry", "r.site"]);
    assert_eq!(plan["pushes"][1]["digest"], json!(tool().digest()));
    assert_eq!(client(&plan, "tool:2", "skopeo")["command"], json!([]));
    environment.refused(&["prepare", "in:suite:1", "--registry", "r.site", "--profile", "scanner"], "image.not_an_image", 4);
}

#[test]
fn a_runtime_gets_images_alone_under_full_names() {
    let environment = sample();
    environment.ok(&["collection", "create", "in:suite:1", "in:app:1", "in:tool:2"]);
    let plan = prepare(&environment, &["--profile", "runtime", "-o", "run.tar"], 0);
    let contents = Contents::of(&environment.join("run.tar"));
    contents.whole();
    let names: Vec<String> = contents
        .entries()
        .iter()
        .map(|entry| {
            let annotations = &entry["annotations"];
            assert_eq!(annotations["io.containerd.image.name"], annotations["org.opencontainers.image.ref.name"]);
            annotations["io.containerd.image.name"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(names, ["registry.site:5000/prod/team/app:1", "registry.site:5000/prod/team/tool:2"]);
    let left = each(&plan["leftOut"], "why");
    assert_eq!(left.iter().filter(|why| why.contains("refers to an image")).count(), 2, "{left:?}");
    assert!(left.iter().any(|why| why.contains("no runtime takes it")), "the collection: {left:?}");
    let pulls: Vec<String> = plan["loads"].as_array().unwrap().iter().map(command).filter(|words| words.starts_with("podman")).collect();
    let site = "registry.site:5000/prod";
    assert_eq!(
        pulls,
        [format!("podman pull oci-archive:run.tar:{site}/team/app:1"), format!("podman pull oci-archive:run.tar:{site}/team/tool:2")]
    );
    // Docker's form holds one platform.
    let docker = ["--profile", "runtime", "-o", "docker-archive:d.tar"];
    environment.refused(&[&["prepare", "in:app:1", "--registry", "r.site"][..], &docker].concat(), "ref.platform", 4);
    let (status, plan) =
        environment.json(&[&["prepare", "in:app:1", "--registry", "r.site", "--platform", "linux/amd64"][..], &docker].concat());
    assert_eq!((status, &plan["loads"][0]["command"]), (0, &json!(["docker", "load", "-i", "d.tar"])), "{plan:#}");
    let manifest: Value = serde_json::from_slice(&Contents::of(&environment.join("d.tar")).files["manifest.json"]).unwrap();
    assert_eq!(manifest[0]["RepoTags"], json!(["r.site/team/app:1"]));
}

/// What is said of an index stays behind where only a platform of it is pushed, and that is told.
#[test]
fn a_platform_of_an_index_leaves_behind_what_is_said_of_the_index() {
    let environment = sample();
    let sbom = environment.json(&["referrers", "in:app:1"]).1["subjects"][0]["referrers"][0]["digest"].clone();
    for place in ["in", "in:app:1"] {
        let (status, plan) = environment.json(&["prepare", place, "--registry", "r.site", "--platform", "linux/amd64", "-o", "out"]);
        assert_eq!(status, 1, "{plan:#}");
        assert!(each(&plan["findings"], "code").contains(&"prepare.left_out"), "{plan:#}");
        let of_index = |one: &&Value| one["why"].as_str().unwrap().contains("refers to the index");
        let left: Vec<&Value> = plan["leftOut"].as_array().unwrap().iter().filter(of_index).collect();
        assert_eq!(left.len(), 2, "the SBOM and its signature: {plan:#}");
        assert!(left.iter().any(|one| one["digest"] == sbom), "{plan:#}");
        std::fs::remove_dir_all(environment.join("out")).unwrap();
    }
}

#[test]
fn a_scanner_gets_one_entry() {
    let environment = sample();
    let (status, plan) = environment.json(&["prepare", "in:app:1", "--registry", "r.site", "--profile", "scanner", "-o", "scan"]);
    assert_eq!(status, 0, "{plan:#}");
    assert_eq!(Contents::of(&environment.join("scan")).entries().len(), 1);
    assert_eq!(plan["loads"][1]["command"], json!(["syft", "oci-dir:scan"]));
    environment.refused(&["prepare", "in", "--registry", "r.site", "--profile", "scanner"], "ref.ambiguous", 4);
    let again = ["prepare", "in:tool:2", "--registry", "r.site", "--profile", "scanner", "-o", "scan"];
    environment.refused(&again, "output.exists", 4);
}

#[test]
fn names_that_no_registry_takes_are_told_and_not_pushed() {
    let environment = Environment::new();
    let mut layout = Layout::new().image("Team/App:1", &app()).image("app:1+2", &app()).image("v2", &tool()).image("a/app:1", &app());
    let other = layout.store(&tool());
    layout.entry("registry.example/a/app:1", other.clone());
    layout.entry("two:1", other);
    let again = layout.store(&app());
    layout.entry("two:1", again);
    layout.write(&environment.join("in"));
    let (status, plan) = environment.json(&["prepare", "in", "--registry", "registry.site"]);
    assert_eq!(status, 1);
    let codes = each(&plan["findings"], "code");
    assert_eq!(codes.iter().filter(|code| **code == "prepare.name").count(), 3, "{codes:?}");
    // Two of one name in the layout, and with that in the registry; and two whose names fall together there.
    assert_eq!(codes.iter().filter(|code| **code == "prepare.twice").count(), 3, "{codes:?}");
    assert_eq!(each(&plan["pushes"], "reference"), ["registry.site/a/app:1", "registry.site/library/two:1"]);
    // What is written has each name once.
    environment.json(&["prepare", "in:two:1", "--registry", "registry.site", "-o", "once.tar"]);
    environment.json(&["prepare", "in", "--registry", "registry.site", "-o", "all.tar"]);
    assert_eq!(Contents::of(&environment.join("all.tar")).named("two:1"), Some(tool().digest()), "the first");
    let (_, plan) = environment.json(&["prepare", "in", "--registry", "registry.site", "--profile", "runtime", "-o", "run.tar"]);
    assert_eq!(Contents::of(&environment.join("run.tar")).named("registry.site/a/app:1"), Some(app().digest()), "the first: {plan:#}");
    assert!(each(&plan["findings"], "code").iter().filter(|code| **code == "prepare.twice").count() >= 2, "{plan:#}");
    // A bare tag is of the repository behind the registry.
    let (_, plan) = environment.json(&["prepare", "in:v2", "--registry", "registry.site/team/x"]);
    assert_eq!(plan["pushes"][0]["reference"], "registry.site/team/x:v2");
    for registry in ["https://registry.site", "registry.site/", "", "registry.site/app:1"] {
        environment.refused(&["prepare", "in", "--registry", registry], "usage.argument", 2);
    }
    let outcome = environment.refused(&["prepare", "in", "--registry", ""], "usage.argument", 2);
    assert!(outcome.err.contains("found        an empty text  (--registry)"), "{}", outcome.err);
    environment.refused(&["prepare", "in", "--registry", "r.site", "-o", "out:name"], "usage.output", 2);
    environment.refused(&["prepare", "-", "--registry", "r.site"], "ref.stdin", 2);
    assert!(!environment.join("out").exists());
}

#[test]
fn what_cannot_be_pushed_whole_is_told() {
    let environment = sample();
    let blob = environment.join("in/blobs").join(layer(&["app=1"]).digest().replace(':', "/"));
    std::fs::remove_file(blob).unwrap();
    let plan = prepare(&environment, &[], 1);
    assert!(each(&plan["findings"], "code").contains(&"blob.missing"));
    std::fs::remove_file(environment.join("in/blobs").join(app().digest().replace(':', "/"))).unwrap();
    let plan = prepare(&environment, &[], 1);
    assert_eq!(each(&plan["pushes"], "reference"), ["registry.site:5000/prod/team/tool:2"]);
    environment.refused(&["prepare", "in", "--registry", "r.site", "-o", "out"], "blob.missing", 4);
    assert!(!environment.join("out").exists());
}

fn codes(plan: &Value) -> Vec<&str> {
    each(&plan["findings"], "code")
}

/// A platform of Windows: its first layer is kept elsewhere.
#[test]
fn absent_foreign_layers_are_told_before_the_push() {
    let environment = Environment::new();
    let base = layer(&["Files=1"]);
    let mut image = Image::of(&[&base, &layer(&["app=1"])]);
    image.layers[0].media_type = "application/vnd.oci.image.layer.nondistributable.v1.tar".to_owned();
    let mut layout = Layout::new();
    let mut manifest: Value = serde_json::from_slice(&image.manifest_bytes()).unwrap();
    manifest["layers"][0]["urls"] = json!(["https://layers.example/1"]);
    layout.store(&image);
    layout.blobs.remove(&base.digest());
    let text = manifest.to_string();
    let entry = json!({"mediaType": MANIFEST, "digest": layout.blob(text.as_bytes()), "size": text.len()});
    layout.entry("registry.example/win:1", entry);
    layout.write(&environment.join("in"));
    let plan = prepare(&environment, &[], 1);
    assert_eq!(codes(&plan), ["blob.external", "prepare.client"]);
    assert_eq!(plan["findings"][0]["details"], json!([base.digest()]));
    let regctl = client(&plan, "win:1", "regctl");
    assert_eq!((&regctl["suffices"], &regctl["leaves"]), (&json!(false), &json!([base.digest()])));
    assert!(command(regctl).starts_with("regctl image copy"), "it is all that can be done");
}

#[test]
fn no_command_is_printed_that_stops_half_way() {
    let environment = sample();
    let blob = environment.join("in/blobs").join(crate::support::image::digest(b"{}").replace(':', "/"));
    // The content of the SBOM: oras and regctl would stop at it, and skopeo never sees it.
    std::fs::remove_file(blob).unwrap();
    let plan = prepare(&environment, &[], 1);
    assert!(codes(&plan).contains(&"blob.missing"), "{plan:#}");
    for program in ["regctl", "oras"] {
        assert_eq!(client(&plan, "app:1", program)["command"], json!([]), "{program}");
    }
    assert!(!command(client(&plan, "app:1", "skopeo")).is_empty());
    // skopeo finds nothing of Docker's in a layout.
    let environment = Environment::new();
    let mut layout = Layout::new();
    let mut entry = layout.store(&tool());
    entry["mediaType"] = json!("application/vnd.docker.distribution.manifest.v2+json");
    let docker = tool().with_top("x", json!(1));
    let mut manifest: Value = serde_json::from_slice(&docker.manifest_bytes()).unwrap();
    manifest["mediaType"] = entry["mediaType"].clone();
    layout.store(&docker);
    let text = manifest.to_string();
    let entry = json!({"mediaType": entry["mediaType"], "digest": layout.blob(text.as_bytes()), "size": text.len()});
    layout.entry("team/d:1", entry);
    layout.write(&environment.join("in"));
    let plan = prepare(&environment, &[], 0);
    assert_eq!(client(&plan, "d:1", "skopeo")["command"], json!([]));
    assert_eq!(client(&plan, "d:1", "crane")["suffices"], true);
    let plan = prepare(&environment, &["--profile", "runtime", "-o", "run.tar"], 0);
    let podman = plan["loads"].as_array().unwrap().iter().find(|load| load["client"] == "podman").unwrap();
    assert!(podman["command"] == json!([]) && podman["why"].as_str().unwrap().contains("docker-archive:"), "{podman:#}");
}

/// Who deployed by digest still has the image when its name has moved on, and asks for it where it was.
#[test]
fn images_that_lost_their_names_go_where_they_were_with_what_is_said_of_them() {
    let environment = Environment::new();
    let old = app().annotated("edition", "1");
    Layout::new().image("registry.example/team/app:1", &old).image("team/tool:2", &tool()).write(&environment.join("in"));
    environment.ok(&["copy", "in:tool:2", "more"]);
    environment.ok(&["tag", "more:tool:2", "registry.example/team/app:1"]);
    environment.ok(&["lifecycle", "set", "in:app:1", "--status", "withdrawn", "--at", "2026-01-02T03:04:05Z"]);
    environment.ok(&["copy", "more:registry.example/team/app:1", "in"]);
    let plan = prepare(&environment, &[], 0);
    let place = format!("registry.site:5000/prod/team/app@{}", old.digest());
    let push = plan["pushes"].as_array().unwrap().iter().find(|push| push["reference"] == json!(place)).unwrap();
    assert_eq!(push["referrers"], 1, "{plan:#}");
    assert!(command(&push["clients"][0]).ends_with(&format!("in@{} {place}", old.digest())));
    let referrer = plan["items"].as_array().unwrap().iter().find(|item| item["kind"] == "referrer").unwrap();
    assert_eq!((&referrer["repository"], &referrer["required"]), (&json!("registry.site:5000/prod/team/app"), &json!(true)));
    let untagged = plan["findings"].as_array().unwrap().iter().find(|finding| finding["code"] == "prepare.untagged").unwrap();
    assert_eq!((&untagged["severity"], &untagged["details"]), (&json!("note"), &json!([place])));
    // With a tag, nothing is collected.
    let tagged = prepare(&environment, &["--keep-tag", "retired-{digest12}"], 0);
    assert!(!codes(&tagged).contains(&"prepare.untagged"));
    let tag = format!("registry.site:5000/prod/team/app:retired-{}", &old.digest()[7..19]);
    assert!(each(&tagged["pushes"], "reference").contains(&tag.as_str()), "{tagged:#}");
    let item = tagged["items"].as_array().unwrap().iter().find(|item| item["reference"] == json!(tag)).unwrap();
    assert_eq!(item["digest"], json!(old.digest()), "verify-sync asks for it");
    environment.refused(&["prepare", "in", "--registry", "r.site", "--keep-tag", "retired"], "usage.argument", 2);
    // The same is in what is written.
    for out in ["out", "out.tar"] {
        let written = prepare(&environment, &["-o", out], 0);
        assert!(each(&written["pushes"], "reference").contains(&place.as_str()), "{written:#}");
        let contents = Contents::of(&environment.join(out));
        contents.whole();
        assert!(contents.named(&old.digest().replace(':', "-")).is_some(), "the list of what refers to it");
    }
}

#[test]
fn what_never_had_a_repository_is_told_or_goes_where_the_user_says() {
    let environment = Environment::new();
    let mut layout = Layout::new().image("team/tool:2", &tool());
    let old = layout.store(&app());
    layout.entry("", old);
    layout.write(&environment.join("in"));
    let plan = prepare(&environment, &[], 1);
    assert_eq!(codes(&plan), ["prepare.left_out"]);
    assert_eq!(plan["leftOut"][0]["digest"], json!(app().digest()));
    let plan = prepare(&environment, &["--unnamed-into", "attic/unnamed"], 0);
    assert_eq!(plan["pushes"][1]["reference"], json!(format!("registry.site:5000/prod/attic/unnamed@{}", app().digest())), "{plan:#}");
    let plan = prepare(&environment, &["--unnamed-into", "attic", "--keep-tag", "{digest}", "-o", "out.tar"], 0);
    assert_eq!(plan["pushes"][1]["reference"], json!(format!("registry.site:5000/prod/attic:{}", &app().digest()[7..])), "{plan:#}");
    environment.ok(&["fsck", "out.tar"]);
}

#[test]
fn rules_and_scopes_decide_where_names_go() {
    let environment = Environment::new();
    Layout::new().image("quay.io/team/app:1", &app()).image("ghcr.io/team/app:1", &tool()).write(&environment.join("in"));
    let plan = prepare(&environment, &[], 1);
    let twice = &plan["findings"][0];
    assert_eq!((&twice["code"], &twice["place"]), (&json!("prepare.twice"), &json!("registry.site:5000/prod/team/app:1")));
    let both = format!("{} {}", twice["expected"], twice["found"]);
    assert!(both.contains("quay.io/team/app:1") && both.contains("ghcr.io/team/app:1"), "{both}");
    let plan = prepare(&environment, &["--map", "quay.io/*=R/quay/{repository}"], 0);
    assert_eq!(each(&plan["pushes"], "reference"), ["registry.site:5000/prod/quay/team/app:1", "registry.site:5000/prod/team/app:1"]);
    let plan = prepare(&environment, &["--scoped"], 0);
    let scoped = ["registry.site:5000/prod/quay.io/team/app:1", "registry.site:5000/prod/ghcr.io/team/app:1"];
    assert_eq!(each(&plan["pushes"], "reference"), scoped);
    environment.refused(&["prepare", "in", "--registry", "r.site", "--map", "quay.io"], "usage.argument", 2);
}

/// One archive for a node: images of many registries under the names by which pods ask for them.
#[test]
fn a_node_gets_images_of_many_registries_under_their_own_names() {
    let environment = Environment::new();
    let mut layout = Layout::new().image("nginx:1.25", &app()).image("registry.k8s.io/pause:3.9", &tool());
    let bare = layout.store(&Image::of(&[&layer(&["v=1"])]));
    layout.entry("v2", bare);
    layout.write(&environment.join("in"));
    let runtime = ["prepare", "in", "--profile", "runtime", "-o"];
    let (status, plan) = environment.json(&[&runtime[..], &["node.tar.zst"]].concat());
    assert_eq!((status, codes(&plan)), (1, vec!["prepare.name"]), "a bare tag says no repository: {plan:#}");
    assert_eq!((&plan["registry"], &plan["pushes"], &plan["items"]), (&Value::Null, &json!([]), &json!([])));
    environment.ok(&["untag", "in:v2"]);
    environment.ok(&["gc", "in", "--apply", "--grace", "0"]);
    for out in ["node.tar", "docker-archive:docker.tar"] {
        let (status, plan) = environment.json(&[&runtime[..], &[out]].concat());
        assert_eq!(status, 0, "{plan:#}");
        let names: Vec<Value> = Contents::of(&environment.join(out.rsplit(':').next().unwrap()))
            .entries()
            .iter()
            .map(|entry| entry["annotations"]["io.containerd.image.name"].clone())
            .collect();
        assert_eq!(names, ["docker.io/library/nginx:1.25", "registry.k8s.io/pause:3.9"]);
    }
    assert_eq!(environment.run(&["prepare", "in"]).status, 2);
    environment.refused(&["prepare", "in", "--profile", "registry"], "usage.argument", 2);
}

/// What a shell makes of the words is what they were.
#[test]
fn scripts_stop_at_the_first_error_and_quote_every_name() {
    let environment = sample();
    let odd = "it's $(touch gone) `x` \u{e9}\u{202e}";
    environment.ok(&["copy", "--all", "in", odd]);
    let arguments = ["prepare", odd, "--registry", "r.site", "--client", "oras", "--format"];
    let lines = environment.ok(&[&arguments[..], &["commands"]].concat()).out;
    let script = environment.ok(&[&arguments[..], &["sh"]].concat()).out;
    let source = format!("{odd}@{}", Contents::of(&environment.join("in")).named("team/tool:2").unwrap());
    assert_eq!(lines.lines().count(), 2);
    for shell in ["sh", "bash"] {
        let run = |oras: &str| {
            let text = script.replacen("set -eu\n", &format!("set -eu\noras() {{ {oras}; }}\n"), 1);
            std::process::Command::new(shell).arg("-c").arg(text).current_dir(environment.path()).output().unwrap()
        };
        let shown = run(r#"printf '%s|' "$@"; echo"#);
        let shown = String::from_utf8(shown.stdout).unwrap();
        assert_eq!(shown.lines().nth(1), Some(format!("cp|-r|--from-oci-layout|{source}|r.site/team/tool:2|").as_str()), "{shell}");
        assert_eq!(shown.lines().count(), 2, "{shell}");
        let stopped = run("echo once; return 3");
        assert_eq!((stopped.status.code(), stopped.stdout.as_slice()), (Some(3), b"once\n".as_slice()), "{shell}");
    }
    assert!(!environment.join("gone").exists());
    // What it cannot do is told, and the script ends with 1.
    let outcome = environment.run(&["prepare", "in", "--registry", "r.site", "--client", "skopeo", "--format", "sh"]);
    assert_eq!(outcome.status, 1, "{}", outcome.err);
    assert!(outcome.err.contains("prepare.client") && outcome.out.ends_with("exit 1\n"), "{}\n{}", outcome.err, outcome.out);
    environment.refused(&["prepare", "in", "--registry", "r.site", "--format", "sh"], "usage.argument", 2);
    environment.refused(&["inspect", "in", "--format", "sh"], "usage.argument", 2);
}

#[test]
fn what_no_client_pushes_is_left_out() {
    let environment = Environment::new();
    let mut layout = Layout::new().image("team/tool:2", &tool());
    let text = layout.blob(b"text");
    layout.entry("text:1", json!({"mediaType": "text/plain", "digest": text, "size": 4}));
    layout.write(&environment.join("in"));
    for (profile, status) in [("registry", 1), ("runtime", 0)] {
        let plan = prepare(&environment, &["--profile", profile], status);
        assert_eq!(each(&plan["leftOut"], "digest"), [crate::support::image::digest(b"text")], "{plan:#}");
        assert_eq!(plan["pushes"].as_array().map(Vec::len), Some(1));
    }
}

/// What `docker save` wrote before version 25: no manifest in it, so every client would make its own.
#[test]
fn a_docker_archive_without_manifests_promises_nothing() {
    let environment = Environment::new();
    let (config, blob) = (tool().config_bytes(), tool().layers[0].tar.clone());
    let manifest = json!([{"Config": "c.json", "RepoTags": ["team/tool:2"], "Layers": ["l.tar"]}]).to_string();
    let files = [("c.json", config), ("l.tar", blob), ("manifest.json", manifest.into_bytes())];
    let files: Vec<(String, Vec<u8>)> = files.into_iter().map(|(name, bytes)| (name.to_owned(), bytes)).collect();
    std::fs::write(environment.join("old.tar"), crate::support::image::archive(&files)).unwrap();
    environment.refused(&["prepare", "old.tar", "--registry", "r.site"], "prepare.source", 4);
    let (status, plan) = environment.json(&["prepare", "old.tar", "--registry", "r.site", "-o", "out"]);
    assert_eq!((status, each(&plan["pushes"], "reference")), (0, vec!["r.site/team/tool:2"]), "{plan:#}");
}

/// A plan in a file, and lines that tell everything.
fn planned() -> (Environment, Value, Vec<String>) {
    let environment = sample();
    let plan = prepare(&environment, &[], 0);
    std::fs::write(environment.join("plan.json"), plan.to_string()).unwrap();
    let items = plan["items"].as_array().unwrap();
    let required = items.iter().filter(|item| item["required"] == true);
    let lines = required.map(|item| format!("{} {}", item["digest"].as_str().unwrap(), item["reference"].as_str().unwrap())).collect();
    (environment, plan, lines)
}

/// Verifies lines; gives the exit status and how everything stands that must be there and is not.
fn verify(environment: &Environment, lines: &[String]) -> (i32, Vec<(String, String)>) {
    std::fs::write(environment.join("listing"), lines.join("\n")).unwrap();
    let (status, report) = environment.json(&["verify-sync", "plan.json", "listing"]);
    let items = report["items"].as_array().unwrap_or_else(|| panic!("{report:#}")).iter();
    let odd = items.filter(|item| item["required"] == true && item["standing"] != "there");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (status, odd.map(|item| (text(&item["standing"]), text(&item["reference"]))).collect())
}

#[test]
fn a_listing_that_tells_everything_proves_the_sync() {
    let (environment, _, mut lines) = planned();
    assert_eq!(verify(&environment, &lines), (0, vec![]));
    // In any order, with remarks, more than was asked for, and the other ways to write a line.
    lines.reverse();
    lines.push(format!("# {}", "brought back on Monday"));
    lines.push(format!("{}  registry.site:5000/prod/else:1 # not ours", tool().digest()));
    assert_eq!(verify(&environment, &lines), (0, vec![]));
    let turned: Vec<String> = lines
        .iter()
        .filter(|line| !line.contains('#'))
        .map(|line| {
            let (digest, name) = line.split_once(' ').unwrap();
            if name.contains('@') { name.to_owned() } else { format!("docker://{name} {digest}") }
        })
        .collect();
    assert_eq!(verify(&environment, &turned), (0, vec![]));
    // From standard input, which is text that is read once.
    let mut child = environment.command(&["verify-sync", "plan.json", "-"]).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(turned.join("\n").as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}

#[test]
fn what_is_missing_other_or_not_told_is_told() {
    let (environment, plan, lines) = planned();
    let (name, child) = ("registry.site:5000/prod/team/app:1", plan["items"][1]["reference"].as_str().unwrap());
    let without = |name: &str| -> Vec<String> { lines.iter().filter(|line| !line.ends_with(name)).cloned().collect() };
    let expect = |lines: &[String], standing: &str, name: &str| {
        assert_eq!(verify(&environment, lines), (1, vec![(standing.to_owned(), name.to_owned())]), "{lines:?}");
    };
    expect(&without(name), "not-told", name);
    expect(&without(child), "not-told", child);
    expect(&[without(name), vec![format!("- {name}")]].concat(), "missing", name);
    expect(&[without(child), vec![format!("- {child}")]].concat(), "missing", child);
    expect(&[without(name), vec![format!("{} {name}", tool().digest())]].concat(), "another", name);
    // Two answers for one name are none.
    expect(&[lines.clone(), vec![format!("{} {name}", tool().digest())]].concat(), "another", name);
    let (_, report) = environment.json(&["verify-sync", "plan.json", "listing"]);
    assert_eq!(each(&report["findings"], "code"), ["sync.other_digest"]);
    assert_eq!(report["items"][0]["found"], json!([tool().digest()]));
    // The digest in the right repository is not the name.
    let digest = plan["items"][0]["digest"].as_str().unwrap();
    expect(&[without(name), vec![format!("{digest} registry.site:5000/prod/team/app")]].concat(), "not-told", name);
    // The codes of the other two.
    verify(&environment, &[format!("- {name}")]);
    let (_, report) = environment.json(&["verify-sync", "plan.json", "listing"]);
    let codes = each(&report["findings"], "code");
    assert_eq!((codes[0], codes[1]), ("sync.missing", "sync.not_told"));
    assert!(environment.run(&["verify-sync", "plan.json", "listing"]).out.contains("1 missing, 0 under another digest"));
}

/// The documents of clients, in the shapes that they were seen to print (regctl 0.11.7, skopeo 1.9.3, oras 1.3).
#[test]
fn listings_of_clients_are_understood_as_far_as_they_go() {
    let (environment, plan, lines) = planned();
    let item = |number: usize| plan["items"][number]["digest"].as_str().unwrap().to_owned();
    let repository = "registry.site:5000/prod/team/app";
    let save = |name: &str, document: Value| std::fs::write(environment.join(name), document.to_string()).unwrap();
    let referrer = |number: usize| json!({"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": item(number), "size": 1});
    save("list.json", json!({"subject": {"Reference": format!("{repository}@{}", item(0))}, "descriptors": [referrer(3)]}));
    // distribution-spec, Listing Referrers: each descriptor has an artifactType; those of an index of images have none.
    let mut listed = referrer(3);
    listed["artifactType"] = json!("application/x-test");
    save("body.json", json!({"schemaVersion": 2, "mediaType": crate::support::image::INDEX, "manifests": [listed]}));
    save("images.json", json!({"schemaVersion": 2, "mediaType": crate::support::image::INDEX, "manifests": [referrer(3)]}));
    let named = |number: usize, more: Value| {
        let mut node = referrer(number);
        node["reference"] = json!(format!("{repository}@{}", item(number)));
        node.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        node
    };
    save("discover.json", named(0, json!({"referrers": [named(3, json!({"referrers": [named(5, json!({}))]}))]})));
    save("inspect.json", json!({"Name": repository, "Digest": item(0), "RepoTags": ["1"]}));
    std::fs::write(environment.join("digest"), format!("{}\n", item(0))).unwrap();
    let there = |listings: &[&str]| -> Vec<usize> {
        let (_, report) = environment.json(&[&["verify-sync", "plan.json"], listings].concat());
        let items = report["items"].as_array().unwrap_or_else(|| panic!("{report:#}"));
        items.iter().enumerate().filter(|(_, item)| item["standing"] == "there").map(|(number, _)| number).collect()
    };
    assert_eq!(there(&["list.json"]), [3], "regctl artifact list");
    assert_eq!(there(&[&format!("{repository}=body.json")]), [3], "the referrers API");
    assert_eq!(
        there(&[&format!("{repository}=images.json")]),
        Vec::<usize>::new(),
        "an index that was fetched names what may not be there"
    );
    assert_eq!(there(&["discover.json"]), [3, 5], "oras discover, two deep");
    assert_eq!(there(&["inspect.json"]), Vec::<usize>::new(), "skopeo inspect does not say which tag it looked at");
    assert_eq!(there(&[&format!("{repository}:1=inspect.json")]), [0], "who ran it knows");
    assert_eq!(there(&[&format!("{repository}:1=digest")]), [0], "crane digest, regctl manifest head");
    std::fs::write(environment.join("rest"), lines.iter().filter(|line| !line.contains(&item(3))).cloned().collect::<Vec<_>>().join("\n"))
        .unwrap();
    environment.ok(&["verify-sync", "plan.json", "rest", "list.json"]);
    // A registry answers for what is not there too.
    let child = plan["items"][1]["reference"].as_str().unwrap();
    save("nobody.json", json!({"subject": {"Reference": child}, "descriptors": []}));
    std::fs::write(environment.join("nobody.txt"), format!("Subject:   {child}\n\nReferrers:\n")).unwrap();
    assert_eq!((there(&["nobody.json"]), there(&["nobody.txt"])), (vec![], vec![]));
    // What `echo "$(crane digest $name) $name"` gives where crane failed.
    std::fs::write(environment.join("failed"), format!(" {child}\n")).unwrap();
    environment.refused(&["verify-sync", "plan.json", "failed"], "sync.listing", 2);
    // A digest that stands alone is told of what it is by the command line, wherever it stands in its line.
    std::fs::write(environment.join("digest"), format!("  {}\n", item(0))).unwrap();
    assert_eq!(there(&[&format!("{repository}:1=digest")]), [0]);
}

/// What clients print of a document and what regctl 0.11.7 prints for people. An index names its platforms, and does not prove that
/// they are there.
#[test]
fn documents_are_hashed_and_prove_nothing_of_what_they_name() {
    let (environment, plan, _) = planned();
    let digest = |number: usize| plan["items"][number]["digest"].as_str().unwrap().to_owned();
    let repository = "registry.site:5000/prod/team/app";
    let there = |listing: &str| -> Vec<usize> {
        let (status, report) = environment.json(&["verify-sync", "plan.json", listing]);
        assert_eq!(status, 1, "{report:#}");
        let items = report["items"].as_array().unwrap_or_else(|| panic!("{report:#}"));
        items.iter().enumerate().filter(|(_, item)| item["standing"] == "there").map(|(number, _)| number).collect()
    };
    let save = |name: &str, bytes: &[u8]| std::fs::write(environment.join(name), bytes).unwrap();
    let index = Contents::of(&environment.join("in")).blobs()[&digest(0)].clone();
    save("index.json", &index);
    save("line.json", &[&index[..], b"\n"].concat());
    assert_eq!(there(&format!("{repository}:1=index.json")), [0], "crane manifest, skopeo inspect --raw");
    assert_eq!(there(&format!("{repository}:1=line.json")), [0], "the same with the end of a line");
    assert_eq!(there(&format!("{repository}@{}=index.json", digest(0))), Vec::<usize>::new(), "not under its tag");
    save("image.json", &app().manifest_bytes());
    assert_eq!(there(&format!("{repository}@{}=image.json", digest(1))), [1]);
    environment.refused(&["verify-sync", "plan.json", "index.json"], "sync.listing", 2);
    environment.refused(&["verify-sync", "plan.json", &format!("{repository}@{}=image.json", digest(2))], "sync.listing", 2);
    // Another document under the name is another digest.
    let (status, report) = environment.json(&["verify-sync", "plan.json", &format!("{repository}:1=image.json")]);
    assert_eq!((status, &report["items"][0]["standing"]), (1, &json!("another")), "{report:#}");
    let descriptor = json!({"mediaType": "application/vnd.oci.image.index.v1+json", "digest": digest(0), "size": index.len()});
    save("descriptor.json", descriptor.to_string().as_bytes());
    assert_eq!(there(&format!("{repository}:1=descriptor.json")), [0], "oras manifest fetch --descriptor");
    let get = format!(
        "Name:        {repository}:1\nMediaType:   application/vnd.oci.image.index.v1+json\nDigest:      {}\n             \nManifests:   \n             \n  \
         Name:      {repository}:1@{}\n  Digest:    {}\n  Platform:  linux/amd64\n",
        digest(0),
        digest(1),
        digest(1)
    );
    save("get", get.as_bytes());
    assert_eq!(there("get"), [0], "regctl manifest get");
    let list = format!(
        "Subject:        {repository}@{}\n                \nReferrers:      \n                \n  Name:         {repository}@{}\n  Digest:       {}\n  \
         MediaType:    application/vnd.oci.image.manifest.v1+json\n  Annotations:  \n    k:          v\n",
        digest(0),
        digest(3),
        digest(3)
    );
    save("list", list.as_bytes());
    assert_eq!(there("list"), [3], "regctl artifact list");
    let tree = format!(
        "Ref: {repository}:1\nDigest: {}\nChildren:\n  - {} [linux/amd64]\nReferrers:\n  - {}: application/spdx+json\n",
        digest(0),
        digest(1),
        digest(3)
    );
    save("tree", tree.as_bytes());
    assert_eq!(there("tree"), [0, 3], "regctl artifact tree");
    save("broken", b"Ref: registry.site:5000/prod/team/app:1\nDigest: none\n");
    environment.refused(&["verify-sync", "plan.json", "broken"], "sync.listing", 2);
    // Names alone, as `crane ls` and `regctl tag ls` print them.
    save("tags", b"1\nlatest\n");
    let refused = environment.refused(&["verify-sync", "plan.json", &format!("{repository}=tags")], "sync.listing", 2);
    assert!(refused.err.contains("crane digest REFERENCE"), "{}", refused.err);
}

#[test]
fn lists_are_asked_for_where_a_registry_has_nothing_else() {
    let (environment, plan, mut lines) = planned();
    std::fs::write(environment.join("listing"), lines.join("\n")).unwrap();
    environment.ok(&["verify-sync", "plan.json", "listing"]);
    let (status, report) = environment.json(&["verify-sync", "plan.json", "listing", "--require-lists"]);
    assert_eq!((status, &report["findings"][0]["code"]), (1, &json!("sync.not_told")), "{report:#}");
    let lists = plan["items"].as_array().unwrap().iter().filter(|item| item["kind"] == "list");
    lines.extend(lists.map(|item| format!("{} {}", item["digest"].as_str().unwrap(), item["reference"].as_str().unwrap())));
    std::fs::write(environment.join("listing"), lines.join("\n")).unwrap();
    environment.ok(&["verify-sync", "plan.json", "listing", "--require-lists"]);
}

/// Readers who take the first statement shall find the latest; but never goes the only one that says what holds.
#[test]
fn replaced_statements_are_told_when_all_is_there() {
    let environment = Environment::new();
    Layout::new().image("team/tool:2", &tool()).image("team/app:1", &app()).write(&environment.join("in"));
    let set = |image: &str, more: &[&str], at: &str| {
        let statement = environment.json(&[&["lifecycle", "set", image], more, &["--at", at]].concat()).1;
        statement["subjects"].to_string()
    };
    set("in:tool:2", &["--status", "active"], "2026-01-01T00:00:00Z");
    set("in:tool:2", &["--status", "deprecated"], "2026-02-01T00:00:00Z");
    // Two issuers: neither speaks for the other.
    set("in:app:1", &["--status", "withdrawn", "--issuer", "one"], "2026-01-01T00:00:00Z");
    set("in:app:1", &["--status", "active", "--issuer", "two"], "2026-02-01T00:00:00Z");
    let plan = prepare(&environment, &[], 0);
    let items = plan["items"].as_array().unwrap();
    let replaced: Vec<&Value> = items.iter().filter(|item| item["replaced"] == true).collect();
    assert_eq!(replaced.len(), 1, "{plan:#}");
    assert_eq!(replaced[0]["repository"], "registry.site:5000/prod/team/tool");
    std::fs::write(environment.join("plan.json"), plan.to_string()).unwrap();
    let line = |item: &Value| format!("{} {}", item["digest"].as_str().unwrap(), item["reference"].as_str().unwrap());
    let lines: Vec<String> = items.iter().filter(|item| item["required"] == true).map(line).collect();
    std::fs::write(environment.join("listing"), lines.join("\n")).unwrap();
    let (status, report) = environment.json(&["verify-sync", "plan.json", "listing"]);
    assert_eq!((status, each(&report["replaced"], "reference")), (0, vec![replaced[0]["reference"].as_str().unwrap()]));
    assert_eq!(
        command(&report["replaced"][0]),
        format!("regctl manifest delete --referrers {}", replaced[0]["reference"].as_str().unwrap())
    );
    // One that is missing may be the one that replaces it.
    std::fs::write(environment.join("listing"), lines[1..].join("\n")).unwrap();
    let (status, report) = environment.json(&["verify-sync", "plan.json", "listing"]);
    assert_eq!((status, &report["replaced"]), (1, &json!([])));
}

/// Seen with regctl 0.11.7, skopeo 1.9.3 and crane 0.22: all of them, or the registry, make sha256 of it.
#[test]
fn what_clients_cannot_keep_the_digest_of_is_not_promised_with_a_command() {
    use sha2::Digest as _;
    let environment = Environment::new();
    let mut layout = Layout::new();
    layout.store(&tool());
    let sha512 = |bytes: &[u8]| sha2::Sha512::digest(bytes).iter().fold("sha512:".to_owned(), |text, byte| text + &format!("{byte:02x}"));
    let blob = tool().layers[0].blob.clone();
    let mut manifest: Value = serde_json::from_slice(&tool().manifest_bytes()).unwrap();
    manifest["layers"][0]["digest"] = json!(sha512(&blob));
    layout.blobs.insert(sha512(&blob), blob);
    let bytes = manifest.to_string().into_bytes();
    let by_layer = json!({"mediaType": MANIFEST, "digest": layout.blob(&bytes), "size": bytes.len()});
    layout.entry("team/layer:1", by_layer);
    layout.entry("team/all:1", json!({"mediaType": MANIFEST, "digest": sha512(&bytes), "size": bytes.len()}));
    layout.blobs.insert(sha512(&bytes), bytes);
    std::fs::create_dir_all(environment.join("in/blobs/sha512")).unwrap();
    layout.write(&environment.join("in"));
    let plan = prepare(&environment, &[], 1);
    let nobody = plan["findings"].as_array().unwrap().iter().find(|finding| finding["code"] == "prepare.client").unwrap();
    assert_eq!(nobody["details"], json!(["registry.site:5000/prod/team/all:1"]));
    let clients = ["regctl", "skopeo"].map(|program| client(&plan, "layer:1", program)["suffices"].clone());
    assert_eq!(clients, [json!(true), json!(false)], "{plan:#}");
    for program in ["regctl", "oras", "skopeo", "crane"] {
        assert_eq!(client(&plan, "all:1", program)["command"], json!([]), "{program}");
    }
}

#[test]
fn what_is_no_plan_and_no_listing_is_refused() {
    let (environment, plan, _) = planned();
    let digest = plan["items"][0]["digest"].as_str().unwrap();
    for (name, text) in [
        ("tags.json", r#"{"Repository":"registry.site/app","Tags":["1"]}"#.to_owned()),
        ("ls.json", r#"{"name":"app","tags":["1"]}"#.to_owned()),
        ("other.json", "{}".to_owned()),
        ("body.json", json!({"manifests": [{"mediaType": "a/b", "digest": digest, "size": 1}]}).to_string()),
        ("half.json", "{".to_owned()),
        ("two.json", "{}\n{}".to_owned()),
        ("alone", digest.to_owned()),
        ("names", "registry.site/app:1".to_owned()),
        ("words", "there is nothing here".to_owned()),
        ("short", "sha256:abc registry.site/app:1".to_owned()),
        ("twice", format!("{digest} registry.site/app@{}", tool().digest())),
    ] {
        std::fs::write(environment.join(name), text).unwrap();
        let refused = environment.refused(&["verify-sync", "plan.json", name], "sync.listing", 2);
        assert!(refused.err.contains(name), "{}", refused.err);
        if !name.contains('.') {
            continue;
        }
        environment.refused(&["verify-sync", name, "alone"], "sync.plan", 2);
    }
    std::fs::write(environment.join("binary"), [0xff, 0xfe]).unwrap();
    environment.refused(&["verify-sync", "plan.json", "binary"], "sync.listing", 2);
    environment.refused(&["verify-sync", "plan.json", "app=alone"], "sync.listing", 2);
    environment.refused(&["verify-sync", "-", "alone"], "usage.argument", 2);
    environment.refused(&["verify-sync", "plan.json", "-", "-"], "usage.argument", 2);
    let mut broken = plan;
    broken["items"][0]["digest"] = json!("sha256:abc");
    std::fs::write(environment.join("broken.json"), broken.to_string()).unwrap();
    environment.refused(&["verify-sync", "broken.json", "alone"], "sync.plan", 2);
}
