//! One image has one full name, and an operation touches the entry that was meant.
//!
//! The layouts are as `docker save` (25 and later), `ctr image export`, BuildKit and nerdctl write them: the tag in the annotation of
//! the specification, the full name in the one of containerd.

use serde_json::{Value, json};

use crate::support::image::{Image, Layout, layer};
use crate::support::{Contents, Environment};

const REF_NAME: &str = "org.opencontainers.image.ref.name";
const CONTAINERD_NAME: &str = "io.containerd.image.name";
const FORMER: &str = "dev.airbase.former-names";
const NGINX: &str = "docker.io/library/nginx:latest";
const REDIS: &str = "docker.io/library/redis:latest";

fn image(what: &str) -> Image {
    Image::of(&[&layer(&["etc/", "etc/os-release=ID=base\n"]), &layer(&["app/", &format!("app/{what}={what}")])])
}

/// Adds an image as `docker save` does.
fn save(layout: &mut Layout, name: &str, image: &Image) -> String {
    let mut entry = layout.store(image);
    entry.as_object_mut().unwrap().remove("platform");
    let tag = name.split('@').next().unwrap().rsplit('/').next().unwrap().split_once(':').map(|(_, tag)| tag);
    entry["annotations"] = json!({CONTAINERD_NAME: name});
    layout.entry(tag.unwrap_or_default(), entry.clone());
    entry["digest"].as_str().unwrap().to_owned()
}

/// nginx and redis, both with the tag `latest`: as a layout `two` and an archive `two.tar`.
fn two() -> (Environment, String, String) {
    let mut layout = Layout::new();
    let (nginx, redis) = (save(&mut layout, NGINX, &image("nginx")), save(&mut layout, REDIS, &image("redis")));
    let environment = Environment::new();
    layout.write(&environment.join("two"));
    layout.write_archive(&environment.join("two.tar"));
    (environment, nginx, redis)
}

fn entries(environment: &Environment, path: &str) -> Vec<Value> {
    Contents::of(&environment.join(path)).entries()
}

fn names(entry: &Value) -> (Option<&str>, Option<&str>) {
    (entry["annotations"][CONTAINERD_NAME].as_str(), entry["annotations"][REF_NAME].as_str())
}

/// Full name and digest of every entry, the nameless with what they were called.
fn listed(environment: &Environment, path: &str) -> Vec<(String, String)> {
    let name = |entry: &Value| {
        let former = entry["annotations"][FORMER].as_str().map(|name| format!("formerly {name}"));
        names(entry).0.or(names(entry).1).map(str::to_owned).or(former).unwrap_or_default()
    };
    let mut all: Vec<_> =
        entries(environment, path).iter().map(|entry| (name(entry), entry["digest"].as_str().unwrap().to_owned())).collect();
    all.sort();
    all
}

fn pair(name: &str, digest: &str) -> (String, String) {
    (name.to_owned(), digest.to_owned())
}

#[test]
fn removing_one_leaves_the_other_with_the_same_tag() {
    for name in [NGINX, "nginx:latest", "docker.io/nginx", "library/nginx"] {
        let (environment, _, redis) = two();
        environment.ok(&["rm", &format!("two:{name}")]);
        environment.ok(&["gc", "two", "--grace", "0", "--apply"]);
        assert_eq!(listed(&environment, "two"), [pair(REDIS, &redis)], "{name}");
        environment.ok(&["fsck", "two"]);
    }
    let (environment, nginx, _) = two();
    environment.ok(&["rm", &format!("two:{REDIS}")]);
    assert_eq!(listed(&environment, "two"), [pair(NGINX, &nginx)]);
    // By digest, in a layout of tags alone where two stand on one tag.
    for (wanted, left) in [(0, 1), (1, 0)] {
        let images = [image("x"), image("y")];
        Layout::new().image("1", &images[0]).image("1", &images[1]).write(&environment.join(&format!("tags{wanted}")));
        environment.ok(&["rm", &format!("tags{wanted}@{}", images[wanted].digest())]);
        assert_eq!(listed(&environment, &format!("tags{wanted}")), [pair("1", &images[left].digest())]);
    }
}

#[test]
fn a_tag_that_several_have_means_none_of_them() {
    let (environment, nginx, redis) = two();
    for verb in ["inspect", "rm", "untag"] {
        let refused = environment.refused(&[verb, "two:latest"], "ref.ambiguous", 4);
        assert!([NGINX, REDIS, &nginx, &redis].iter().all(|one| refused.err.contains(*one)), "{}", refused.err);
    }
    assert_eq!(entries(&environment, "two").len(), 2);
    // A tag alone is no full name, and it is the only one that is called so.
    let mut layout = Layout::new().image("stable", &image("plain"));
    let full = save(&mut layout, NGINX, &image("nginx"));
    layout.write(&environment.join("mixed"));
    for (name, digest) in [("stable", image("plain").digest()), ("latest", full.clone()), ("nginx", full)] {
        let (_, report) = environment.json(&["inspect", &format!("mixed:{name}")]);
        assert!(report.to_string().contains(&digest), "{name}: {report:#}");
    }
}

#[test]
fn a_name_that_is_removed_is_removed_from_one_image_and_is_known_as_its_former_one() {
    for name in ["nginx:latest", NGINX] {
        let (environment, nginx, redis) = two();
        environment.ok(&["untag", &format!("two:{name}")]);
        assert_eq!(listed(&environment, "two"), [pair(REDIS, &redis), pair(&format!("formerly {NGINX}"), &nginx)]);
        // It means no image any more; given back, it is its name again.
        environment.refused(&["inspect", &format!("two:{name}")], "ref.not_found", 4);
        environment.ok(&["tag", &format!("two@{nginx}"), NGINX]);
        assert_eq!(listed(&environment, "two"), [pair(NGINX, &nginx), pair(REDIS, &redis)]);
        assert!(entries(&environment, "two").iter().all(|entry| entry["annotations"][FORMER].is_null()));
    }
}

#[test]
fn copies_take_no_name_from_an_image_that_has_another() {
    let (environment, nginx, redis) = two();
    environment.ok(&["copy", "two:redis:latest", "c"]);
    environment.ok(&["copy", "two:nginx:latest", "c"]);
    assert_eq!(listed(&environment, "c"), [pair(NGINX, &nginx), pair(REDIS, &redis)]);
    environment.ok(&["copy", "--all", "two.tar", "all"]);
    assert_eq!(entries(&environment, "all"), entries(&environment, "two"));
    for path in ["two", "two.tar", "all"] {
        environment.ok(&["fsck", path]);
    }
    // The same name takes it, in whatever spelling, and says from whom.
    let other = image("other");
    Layout::new().image("nginx:latest", &other).write(&environment.join("other"));
    let (status, report) = environment.json(&["copy", "other", "c"]);
    assert_eq!((status, &report["taken"]), (0, &json!([{"name": "nginx:latest", "digest": nginx}])), "{report:#}");
    assert_eq!(
        listed(&environment, "c"),
        [pair(REDIS, &redis), pair(&format!("formerly {NGINX}"), &nginx), pair("nginx:latest", &other.digest())]
    );
    let (_, report) = environment.json(&["tag", "c:redis:latest", "docker.io/nginx"]);
    assert_eq!(report["taken"], json!([{"name": "docker.io/nginx", "digest": other.digest()}]), "{report:#}");
}

#[test]
fn names_stand_in_both_annotations_where_both_were() {
    let (environment, ..) = two();
    environment.ok(&["tag", "two:nginx:latest", "quay.io/web/nginx:1.27"]);
    environment.ok(&["copy", "two:redis:latest", "copy:redis:7"]);
    assert_eq!(names(&entries(&environment, "two")[2]), (Some("quay.io/web/nginx:1.27"), Some("1.27")));
    assert_eq!(names(&entries(&environment, "copy")[0]), (Some("docker.io/library/redis:7"), Some("7")));
    // One platform of an image is that image.
    let mut layout = Layout::new().index("1.25", &[&image("web"), &image("web").platform("arm64")], json!({}));
    layout.entries[0]["annotations"][CONTAINERD_NAME] = json!("docker.io/library/web:1.25");
    layout.write_archive(&environment.join("multi.tar"));
    environment.ok(&["copy", "multi.tar", "--platform", "linux/amd64", "one.tar"]);
    assert_eq!(names(&entries(&environment, "one.tar")[0]), (Some("docker.io/library/web:1.25"), Some("1.25")));
}

#[test]
fn archives_for_docker_carry_the_full_name() {
    let (environment, ..) = two();
    let tags = |path: &str| -> Value {
        let manifest: Value = serde_json::from_slice(&Contents::of(&environment.join(path)).files["manifest.json"]).unwrap();
        manifest[0]["RepoTags"].clone()
    };
    environment.ok(&["copy", "two.tar:nginx:latest", "docker-archive:d.tar"]);
    assert_eq!(tags("d.tar"), json!([NGINX]));
    assert_eq!(names(&entries(&environment, "d.tar")[0]), (Some(NGINX), Some("latest")));
    // A plain layout has no annotation for containerd, and gets one; a tag alone says no repository.
    Layout::new().image("team/shop", &image("shop")).write(&environment.join("plain"));
    environment.ok(&["copy", "plain", "docker-archive:plain.tar"]);
    assert_eq!(
        (tags("plain.tar"), names(&entries(&environment, "plain.tar")[0]).0.map(str::to_owned)),
        (json!(["docker.io/team/shop:latest"]), Some("docker.io/team/shop:latest".to_owned()))
    );
    environment.ok(&["copy", "plain", "docker-archive:alone.tar:v1"]);
    assert_eq!((tags("alone.tar"), names(&entries(&environment, "alone.tar")[0])), (json!([]), (None, Some("v1"))));
    // A digest is no tag.
    let mut layout = Layout::new();
    let pinned = image("pinned");
    save(&mut layout, &format!("docker.io/library/x@{}", pinned.digest()), &pinned);
    layout.write(&environment.join("pinned"));
    environment.ok(&["copy", "pinned", "docker-archive:pinned.tar"]);
    assert_eq!(tags("pinned.tar"), json!([]));
    // The result of a rebase too.
    let (os, new) = (Image::of(&[&layer(&["etc/", "etc/os=1"])]), Image::of(&[&layer(&["etc/", "etc/os=2"])]));
    for (path, name, image) in [("old", "os:12", &os), ("new", "os:13", &new), ("app", "shop:1", &os.and(&[&layer(&["app=x"])]))] {
        let mut layout = Layout::new();
        save(&mut layout, &format!("docker.io/library/{name}"), image);
        layout.write(&environment.join(path));
    }
    environment.ok(&["rebase", "app", "--from", "old", "--onto", "new", "-o", "docker-archive:moved.tar"]);
    assert_eq!(tags("moved.tar"), json!(["docker.io/library/shop:1"]));
    assert_eq!(names(&entries(&environment, "moved.tar")[0]), (Some("docker.io/library/shop:1"), Some("1")));
}

/// Names of results: registries with ports and addresses, digests, and images that have no repository to make a name of.
#[test]
fn results_are_named_after_repositories_that_are_there() {
    let (old, new) = (Image::of(&[&layer(&["os=1"])]), Image::of(&[&layer(&["os=2"])]));
    let new = new.with_top("created", json!("2024-06-01T00:00:00Z"));
    let environment = Environment::new();
    Layout::new().image("r.example/os:1", &old).write(&environment.join("old"));
    Layout::new().image("r.example/os:1", &new).write(&environment.join("new"));
    let mut apps = Layout::new();
    let app = |what: &str| old.and(&[&layer(&[&format!("app={what}")])]);
    let digest = app("pinned").digest();
    let short = format!("quay.io/f/f:{}-r", &digest[7..19]);
    let cases = [
        ("port", Some("localhost:5000/t/b:1".to_owned()), "localhost:5000/t/b:1", Some("localhost:5000/t/b:1-r")),
        ("address", Some("[fd00::1]:5000/c:1".to_owned()), "[fd00::1]:5000/c:1", Some("[fd00::1]:5000/c:1-r")),
        ("tagged", Some(format!("quay.io/e/e:2@{}", app("tagged").digest())), "quay.io/e/e:2", Some("quay.io/e/e:2-r")),
        ("pinned", Some(format!("quay.io/f/f@{digest}")), "", Some(&*short)),
        ("id", Some(format!("sha256:{}", "2".repeat(64))), "", None),
        ("none", None, "", None),
    ]
    .map(|(what, name, kept, made)| (what, name, kept, made.map(str::to_owned)));
    for (what, name, ..) in &cases {
        match name {
            Some(name) => drop(save(&mut apps, name, &app(what))),
            None => apps = apps.image("", &app(what)),
        }
    }
    apps.write(&environment.join("apps"));
    let plan = |more: &[&str]| {
        let arguments = ["batch", "plan", "apps", "--bases", "old", "--bases", "new"];
        let outcome = environment.run(&[&arguments[..], more].concat());
        let names: Vec<String> =
            crate::batch::items(&outcome.out).iter().map(|item| item["output"].as_str().unwrap_or_default().to_owned()).collect();
        (outcome, names)
    };
    let sorted = |mut names: Vec<String>| {
        names.sort();
        names
    };
    let (outcome, names) = plan(&[]);
    assert_eq!(outcome.status, 0, "{}", outcome.err);
    assert_eq!(sorted(names), sorted(cases.iter().map(|(_, _, kept, _)| (*kept).to_owned()).collect()));
    // Those without a repository are told, and the others are planned.
    let (outcome, names) = plan(&["--name", "{repository}:{tag}-r"]);
    assert!(outcome.status != 0 && outcome.out.matches("output.tag").count() == 2, "{}\n{}", outcome.out, outcome.err);
    assert_eq!(sorted(names), sorted(cases.into_iter().filter_map(|(.., made)| made).collect()));
    let (outcome, _) = plan(&["--name", "site/{file}:{digest}"]);
    assert_eq!(outcome.status, 0, "{}", outcome.err);
    environment.ok(&["tag", "apps:[fd00::1]:5000/c:1", "[fd00::1]:5000/c:2"]);
}

/// Reference, digest and the commands of what is pushed.
fn pushes(report: &Value) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let pushes = report["pushes"].as_array().unwrap().iter();
    let mut all: Vec<_> = pushes.map(|push| (text(&push["reference"]), text(&push["digest"]), push["clients"].to_string())).collect();
    all.sort();
    all
}

#[test]
fn every_image_is_pushed_to_its_own_repository() {
    let (environment, nginx, redis) = two();
    let (status, report) = environment.json(&["prepare", "two", "--registry", "r.example/t"]);
    let found = pushes(&report);
    assert_eq!(status, 0, "{report:#}");
    assert_eq!((&found[0].0[..], &found[0].1), ("r.example/t/library/nginx:latest", &nginx), "{report:#}");
    assert_eq!((&found[1].0[..], &found[1].1), ("r.example/t/library/redis:latest", &redis), "{report:#}");
    // skopeo knows the tag alone, which leads to nginx.
    assert!(found[0].2.contains(r#""oci:two:latest""#) && !found[1].2.contains("oci:two"), "{report:#}");
    environment.ok(&["prepare", "two.tar", "--registry", "r.example/t", "--profile", "runtime", "-o", "p.tar"]);
    let names: Vec<String> = entries(&environment, "p.tar").iter().map(|entry| names(entry).0.unwrap().to_owned()).collect();
    assert_eq!(names, ["r.example/t/library/nginx:latest", "r.example/t/library/redis:latest"]);
    // A mirror of Docker's registry is asked for one name, however it is spelled here.
    for spelling in ["nginx:latest", "docker.io/nginx", "docker.io/library/nginx", "index.docker.io/library/nginx:latest"] {
        Layout::new().image(spelling, &image("nginx")).write(&environment.join("spelled"));
        let (_, report) = environment.json(&["prepare", "spelled", "--registry", "r.example"]);
        assert_eq!(pushes(&report)[0].0, "r.example/library/nginx:latest", "{spelling}");
        std::fs::remove_dir_all(environment.join("spelled")).unwrap();
    }
}

#[test]
fn a_name_with_a_digest_gets_no_tag() {
    let environment = Environment::new();
    let (old, current) = (image("old"), image("current"));
    let mut layout = Layout::new();
    save(&mut layout, &format!("docker.io/library/x@{}", old.digest()), &old);
    save(&mut layout, "docker.io/library/x:latest", &current);
    save(&mut layout, &format!("quay.io/team/y:1@{}", current.digest()), &current);
    save(&mut layout, &format!("quay.io/team/z@{}", old.digest()), &current);
    save(&mut layout, &format!("quay.io/team/z:1@{}", old.digest()), &current);
    layout.write(&environment.join("in"));
    let (_, report) = environment.json(&["prepare", "in", "--registry", "r.example/t"]);
    let found: Vec<(String, String)> = pushes(&report).into_iter().map(|(reference, digest, _)| (reference, digest)).collect();
    assert_eq!(
        found,
        [
            ("r.example/t/library/x:latest".to_owned(), current.digest()),
            (format!("r.example/t/library/x@{}", old.digest()), old.digest()),
            ("r.example/t/team/y:1".to_owned(), current.digest()),
        ]
    );
    // What does not have the digest of its name is not pushed under it.
    assert_eq!(report["leftOut"].as_array().unwrap().len(), 2, "{report:#}");
    assert_eq!(report["findings"].to_string().matches("prepare.name").count(), 2, "{report:#}");
}

/// What a runtime is given has no name that its entry did not have: neither the tag beside a wrong digest nor another digest.
#[test]
fn a_name_with_a_wrong_digest_is_handed_to_no_runtime() {
    let (a, other) = (image("a"), image("other"));
    let names = [
        format!("quay.io/team/tag:1@{}", other.digest()),
        format!("quay.io/team/none@{}", other.digest()),
        "quay.io/team/broken:1@sha256:00".to_owned(),
    ];
    for out in ["out", "out.tar", "docker-archive:docker.tar"] {
        let environment = Environment::new();
        let mut layout = Layout::new();
        save(&mut layout, &format!("quay.io/team/right:1@{}", a.digest()), &a);
        for name in &names {
            save(&mut layout, name, &a);
        }
        layout.write(&environment.join("in"));
        let (status, report) = environment.json(&["prepare", "in", "--registry", "r.example/t", "--profile", "runtime", "-o", out]);
        assert_eq!(status, 1, "{out} {report:#}");
        assert_eq!(report["leftOut"].as_array().unwrap().len(), 3, "{out} {report:#}");
        let loads = report["loads"].to_string();
        assert!(names.iter().all(|name| !loads.contains(name.split(['/', ':', '@']).nth(2).unwrap())), "{out} {loads}");
        let path = out.rsplit(':').next().unwrap();
        assert_eq!(listed(&environment, path), [pair("r.example/t/team/right:1", &a.digest())], "{out}");
    }
}

/// `ctr --namespace k8s.io images export` writes each image three times: under its name, its digest and its ID, the digest of its config.
#[test]
fn an_id_is_no_name() {
    let (nginx, alone) = (image("nginx"), image("alone"));
    let id = |image: &Image| crate::support::image::digest(&image.config_bytes());
    let environment = Environment::new();
    let mut layout = Layout::new();
    save(&mut layout, NGINX, &nginx);
    save(&mut layout, &format!("docker.io/library/nginx@{}", nginx.digest()), &nginx);
    save(&mut layout, &id(&nginx), &nginx);
    layout.write(&environment.join("cri"));
    let (status, report) = environment.json(&["prepare", "cri", "--registry", "r.example"]);
    let found: Vec<String> = pushes(&report).into_iter().map(|(reference, ..)| reference).collect();
    let expected = ["r.example/library/nginx:latest".to_owned(), format!("r.example/library/nginx@{}", nginx.digest())];
    assert_eq!((status, found), (0, expected.to_vec()), "{report:#}");
    assert_eq!(report["leftOut"], json!([]), "{report:#}");
    // Its ID says nothing of a repository, in either annotation, and whichever digest it is.
    for name in [id(&alone), alone.digest()] {
        let mut layout = Layout::new();
        save(&mut layout, &name, &alone);
        let layout = layout.image(&name, &alone);
        layout.write(&environment.join("alone"));
        let (status, report) = environment.json(&["prepare", "alone", "--registry", "r.example"]);
        assert_eq!((status, &report["pushes"]), (4, &json!([])), "{report:#}");
        assert_eq!(report["leftOut"][0]["why"], "it has no name", "{report:#}");
        let into = ["prepare", "alone", "--registry", "r.example", "--unnamed-into", "team/rest"];
        let (_, report) = environment.json(&into);
        assert_eq!(pushes(&report)[0].0, format!("r.example/team/rest@{}", alone.digest()), "{report:#}");
        environment.ok(&["copy", &format!("alone@{}", alone.digest()), "docker-archive:alone.tar", "--overwrite"]);
        let manifest: Value = serde_json::from_slice(&Contents::of(&environment.join("alone.tar")).files["manifest.json"]).unwrap();
        assert_eq!(manifest[0]["RepoTags"], json!([]), "{manifest}");
        std::fs::remove_dir_all(environment.join("alone")).unwrap();
    }
}

#[test]
fn an_image_that_lost_its_name_is_pushed_by_its_digest() {
    let (environment, nginx, redis) = two();
    environment.ok(&["tag", "two:redis:latest", "nginx:latest"]);
    let (_, report) = environment.json(&["prepare", "two", "--registry", "r.example"]);
    let found: Vec<(String, String)> = pushes(&report).into_iter().map(|(reference, digest, _)| (reference, digest)).collect();
    let expected = [
        ("r.example/library/nginx:latest".to_owned(), redis.clone()),
        (format!("r.example/library/nginx@{nginx}"), nginx.clone()),
        ("r.example/library/redis:latest".to_owned(), redis),
    ];
    assert_eq!(found, expected, "{report:#}");
    // What is written for it can be pushed as well.
    environment.ok(&["prepare", "two", "--registry", "r.example", "-o", "out"]);
    assert!(listed(&environment, "out").contains(&pair(&format!("formerly {NGINX}"), &nginx)));
}

/// Two apps with the tag `latest` on an old base, and the new one under the name that they give.
fn apps() -> Environment {
    let environment = Environment::new();
    let (os, new) = (Image::of(&[&layer(&["etc/", "etc/os=1"])]), Image::of(&[&layer(&["etc/", "etc/os=2"])]));
    for name in ["shop", "db"] {
        let app = os
            .and(&[&layer(&[&format!("{name}=x")])])
            .annotated("org.opencontainers.image.base.name", "docker.io/library/os:12")
            .annotated("org.opencontainers.image.base.digest", &os.digest());
        let mut layout = Layout::new();
        save(&mut layout, &format!("registry.example/{name}:latest"), &app);
        std::fs::create_dir_all(environment.join("apps")).unwrap();
        layout.write_archive(&environment.join(&format!("apps/{name}.tar")));
    }
    let mut layout = Layout::new();
    save(&mut layout, "docker.io/library/os:12", &new);
    layout.write(&environment.join("bases/new"));
    Layout::new().image("old", &os).write(&environment.join("bases/old"));
    environment
}

#[test]
fn results_keep_their_full_names() {
    let environment = apps();
    for name in ["shop", "db"] {
        environment.ok(&["rebase", &format!("apps/{name}.tar"), "--bases", "bases", "-o", "store"]);
    }
    let all = entries(&environment, "store");
    assert_eq!(
        all.iter().map(names).collect::<Vec<_>>(),
        [(Some("registry.example/shop:latest"), Some("latest")), (Some("registry.example/db:latest"), Some("latest")),]
    );
    let plan = environment.run(&["batch", "plan", "apps", "--bases", "bases"]);
    assert!(plan.status == 0 && !plan.out.contains("batch.collision"), "{}{}", plan.out, plan.err);
    std::fs::write(environment.join("plan"), plan.out).unwrap();
    environment.ok(&["batch", "apply", "plan", "-o", "batch"]);
    let mut found: Vec<String> = entries(&environment, "batch").iter().map(|entry| names(entry).0.unwrap().to_owned()).collect();
    found.sort();
    assert_eq!(found, ["registry.example/db:latest", "registry.example/shop:latest"]);
    // The rule sees the repository, and what it knows it by is the name and not the tag.
    let mapped = ["batch", "plan", "apps", "--bases", "bases/old", "--map", "docker.io/library/*=bases/new:{repository}:{tag}"];
    let plan = environment.ok(&mapped);
    assert!(plan.out.contains(r#""status":"move""#), "{}", plan.out);
}

/// A whole delivery by `docker save`: several images in one archive, all with the tag `latest`; and further ones, as `ctr image export` writes
/// them, as regctl keeps one repository, and from registries of their own. The bases are told apart by their repositories, in every verb.
#[test]
fn images_of_one_archive_follow_bases_of_their_own_repositories() {
    let dated = |image: Image, created: &str| image.with_top("created", json!(created));
    let debian =
        ["1", "2"].map(|number| dated(Image::of(&[&layer(&[&format!("debian={number}")])]), &format!("202{number}-01-01T00:00:00Z")));
    let alpine =
        ["1", "2"].map(|number| dated(Image::of(&[&layer(&[&format!("alpine={number}")])]), &format!("202{number}-06-01T00:00:00Z")));
    let apps = [debian[0].and(&[&layer(&["shop=1"])]), alpine[0].and(&[&layer(&["db=1"])])];
    let docker = ["docker.io/library/debian:latest", "docker.io/library/alpine:latest"];
    let others = ["quay.io/site/debian:latest", "registry.example:5000/alpine:latest"];
    for (writer, bases) in [("docker save", docker), ("ctr", docker), ("full names", docker), ("other registries", others)] {
        let environment = Environment::new();
        let archive = |file: &str, images: &[(&str, &Image)]| {
            let mut layout = Layout::new();
            for (name, image) in images {
                if writer == "full names" {
                    layout = layout.image(name, image);
                    continue;
                }
                save(&mut layout, name, image);
                if writer == "ctr" {
                    // It keeps no platform on the entry and writes the name in both.
                    let entry = layout.entries.last_mut().unwrap();
                    entry["annotations"][REF_NAME] = json!(name.rsplit_once(':').unwrap().1);
                }
            }
            layout.write_archive(&environment.join(file));
        };
        archive("vendor.tar", &[("docker.io/library/shop:latest", &apps[0]), ("docker.io/library/db:latest", &apps[1])]);
        archive("old.tar", &[(bases[0], &debian[0]), (bases[1], &alpine[0])]);
        archive("new.tar", &[(bases[0], &debian[1]), (bases[1], &alpine[1])]);
        let both = ["--bases", "old.tar", "--bases", "new.tar"];
        let (status, report) = environment.json(&[&["outdated", "vendor.tar"][..], &both].concat());
        let newer: Vec<&Value> = report["items"].as_array().unwrap().iter().map(|item| &item["newerManifest"]).collect();
        assert_eq!((status, newer), (1, vec![&json!(debian[1].digest()), &json!(alpine[1].digest())]), "{writer}: {report:#}");
        let plan = environment.ok(&[&["batch", "plan", "vendor.tar"][..], &both].concat());
        std::fs::write(environment.join("plan"), &plan.out).unwrap();
        environment.ok(&["batch", "apply", "plan", "-o", "out"]);
        for (name, base, own) in [("shop", &debian[1], "shop=1"), ("db", &alpine[1], "db=1")] {
            let (_, shown) = environment.json(&["inspect", &format!("out:docker.io/library/{name}:latest")]);
            let layers: Vec<&Value> =
                shown["sources"][0]["entries"][0]["images"][0]["layers"].as_array().unwrap().iter().map(|one| &one["digest"]).collect();
            let expected = [base.layers[0].digest(), layer(&[own]).digest()];
            assert_eq!(
                layers,
                expected.iter().map(|digest| json!(digest)).collect::<Vec<_>>().iter().collect::<Vec<_>>(),
                "{writer} {name}: {shown:#}"
            );
            let (_, report) = environment.json(&[&["rebase", &format!("vendor.tar:{name}")][..], &both, &["--dry-run"]].concat());
            assert_eq!(report["platforms"][0]["newBase"]["manifest"], json!(base.digest()), "{writer} {name}: {report:#}");
        }
        let (_, report) = environment.json(&["base", "dependents", &format!("old.tar:{}", bases[0]), "vendor.tar"]);
        assert_eq!(report["dependents"].as_array().unwrap().len(), 1, "{writer}: {report:#}");
        // A tag is the name of nothing: it leads no base anywhere. The name does.
        let mapped = |left: &str| {
            let rule = format!("{left}=new.tar:{}", bases[0]);
            environment
                .run(&["batch", "plan", "vendor.tar", "--bases", "old.tar", "--map", &rule])
                .out
                .matches(r#""status":"move""#)
                .count()
        };
        assert_eq!((mapped("latest"), mapped(bases[0])), (0, 1), "{writer}");
    }
}

#[test]
fn a_base_jumps_within_its_own_repository() {
    let environment = Environment::new();
    let (java, python) = (Image::of(&[&layer(&["java=1"])]), Image::of(&[&layer(&["python=13"])]));
    let app = java.and(&[&layer(&["app=x"])]);
    for (names, moves) in [
        (["docker.io/library/java:12", "docker.io/library/python:13"], false),
        (["docker.io/library/java:12", "docker.io/library/java:13"], true),
        (["quay.io/java:12", "docker.io/library/java:13"], false),
        (["12", "13"], false),
    ] {
        let mut bases = Layout::new();
        for (name, image) in names.iter().zip([&java, &python]) {
            if name.contains('/') { drop(save(&mut bases, name, image)) } else { bases = bases.image(name, image) }
        }
        bases.write(&environment.join("bases"));
        let mut layout = Layout::new();
        save(&mut layout, "docker.io/library/app:1", &app);
        layout.write(&environment.join("app"));
        let plan = environment.run(&["batch", "plan", "app", "--bases", "bases", "--allow", "major"]);
        assert_eq!(plan.out.contains(r#""status":"move""#), moves, "{names:?}\n{}", plan.out);
        std::fs::remove_dir_all(environment.join("bases")).unwrap();
        std::fs::remove_dir_all(environment.join("app")).unwrap();
    }
}

#[test]
fn an_image_of_the_result_does_not_inherit_what_the_old_one_was_called() {
    let environment = apps();
    environment.ok(&["copy", "apps/shop.tar", "store"]);
    environment.ok(&["untag", "store:registry.example/shop:latest"]);
    let old = entries(&environment, "store")[0]["digest"].as_str().unwrap().to_owned();
    environment.ok(&["rebase", &format!("store@{old}"), "--bases", "bases", "-o", "moved"]);
    assert!(entries(&environment, "moved")[0]["annotations"][FORMER].is_null());
    // Removed, it leaves nothing behind.
    environment.ok(&["rm", &format!("store@{old}")]);
    assert_eq!(entries(&environment, "store"), Vec::<Value>::new());
}

#[test]
fn a_name_and_a_digest_that_do_not_go_together_change_nothing() {
    let (environment, nginx, redis) = two();
    for verb in ["rm", "untag"] {
        environment.refused(&[verb, &format!("two:redis:latest@{nginx}")], "ref.not_found", 4);
    }
    assert_eq!(entries(&environment, "two").len(), 2);
    environment.ok(&["rm", &format!("two:redis:latest@{redis}")]);
    assert_eq!(listed(&environment, "two"), [pair(NGINX, &nginx)]);
}

#[test]
fn what_is_made_of_an_image_does_not_have_its_digest_in_its_name() {
    let environment = Environment::new();
    let image = image("x");
    for (name, expected) in [
        (format!("quay.io/team/x:1@{}", image.digest()), (Some("quay.io/team/x:1"), Some("1"))),
        (format!("quay.io/team/x@{}", image.digest()), (None, None)),
        ("quay.io/team/x:1".to_owned(), (Some("quay.io/team/x:1"), Some("1"))),
    ] {
        let mut layout = Layout::new();
        let mut entry = layout.store(&image);
        entry["annotations"] = json!({CONTAINERD_NAME: name});
        layout.entry("1", entry);
        layout.write(&environment.join("in"));
        environment.ok(&["annotate", "in", "-a", "k=v", "-o", "out"]);
        assert_eq!(names(&entries(&environment, "out")[0]), expected, "{name}");
        std::fs::remove_dir_all(environment.join("in")).unwrap();
        std::fs::remove_dir_all(environment.join("out")).unwrap();
    }
}

#[test]
fn of_two_names_of_one_image_one_is_taken_away() {
    let environment = Environment::new();
    let one = image("one");
    let layout = Layout::new().image("quay.io/x:1", &one).image("ghcr.io/x:1", &one);
    layout.write(&environment.join("in"));
    environment.ok(&["ls", "in:x:1"]);
    for verb in ["rm", "untag"] {
        environment.refused(&[verb, "in:x:1"], "ref.ambiguous", 4);
    }
    assert_eq!(entries(&environment, "in"), layout.entries);
    environment.ok(&["rm", "in:ghcr.io/x:1"]);
    assert_eq!(entries(&environment, "in"), layout.entries[..1]);
}

/// The result has one name; of the others somebody has to know.
#[test]
fn names_that_stay_behind_are_told() {
    let environment = Environment::new();
    let (old, app) = (Image::of(&[&layer(&["os=1"])]), Image::of(&[&layer(&["os=1"]), &layer(&["app=1"])]));
    Layout::new().image("r.example/os:1", &old).image("r.example/os:2", &Image::of(&[&layer(&["os=2"])])).write(&environment.join("bases"));
    Layout::new().image("r.example/app:1", &app).image("r.example/app:latest", &app).write(&environment.join("in"));
    let told = |arguments: &[&str]| {
        let (_, report) = environment.json(arguments);
        let told = report["findings"].as_array().unwrap().iter().filter(|finding| finding["code"] == "ref.names_left");
        told.map(|finding| finding["details"].clone()).collect::<Vec<_>>()
    };
    let rebase = ["rebase", "in", "--from", "bases:r.example/os:1", "--onto", "bases:r.example/os:2", "-o", "moved"];
    let (set, note) = (["base", "set", "in", "--base", "bases:os:1", "-o", "set"], ["annotate", "in", "-a", "x=y", "-o", "noted"]);
    for arguments in [&["copy", "in", "copied"][..], &rebase, &set, &note, &["index", "in", "-o", "indexed"]] {
        assert_eq!(told(arguments), [json!(["r.example/app:latest"])], "{arguments:?}");
    }
    // Who names one of them knows; in its own layout the others stay.
    let (index, note) = (["index", "in", "-o", "named:r.example/app:3"], ["annotate", "in:app:1", "-a", "x=y", "-o", "note"]);
    let copies = [&["copy", "in:app:1", "one"][..], &["copy", "--all", "in", "all"], &["copy", "in", "renamed:r.example/app:3"]];
    for arguments in copies.into_iter().chain([&index[..], &note, &["annotate", "in", "-a", "x=y", "-o", "in"]]) {
        assert_eq!(told(arguments), Vec::<serde_json::Value>::new(), "{arguments:?}");
    }
}
