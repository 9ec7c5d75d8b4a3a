//! Claims and layers: what an image says of its base decides nothing against what its layers prove.

use serde_json::json;

use super::{DIGEST, LATER, NAME, digests, labelled, later, moved, outdated, own, place, planned, refused, show};
use crate::support::image::ReadBack;
use crate::support::story::codes;
use crate::support::{Environment, Image, Layer, Layout};

/// An OS and a Java base on it, in an old and a new edition, and an app on the old Java base.
struct Family {
    os: [Layer; 2],
    java: [Layer; 2],
    app: Layer,
}

impl Family {
    fn new() -> Self {
        Self { os: [own("os old"), own("os new")], java: [own("java old"), own("java new")], app: own("app") }
    }

    fn os(&self, edition: usize) -> Image {
        let image = Image::of(&[&self.os[edition]]);
        if edition == 1 { later(image) } else { image }
    }

    fn java(&self, edition: usize) -> Image {
        self.os(edition).and(&[&self.java[edition]])
    }

    fn app(&self) -> Image {
        self.java(0).and(&[&self.app])
    }

    /// The old Java base is not here, the OS below it is, and the new Java base.
    fn without_old_java(&self, app: &Image) -> Environment {
        let bases = Layout::new().image("r.example/os:11", &self.os(0)).image("r.example/java:21", &self.java(1));
        place(&[("bases", bases), ("app", Layout::new().image("r.example/app:1", app))])
    }

    /// The layers of the app on the new Java base.
    fn right(&self) -> Vec<String> {
        digests(&[&self.os[1], &self.java[1], &self.app])
    }
}

/// All ways in which an image can say that it is based on a Java base that is not here.
fn claims(family: &Family) -> Vec<(&'static str, Image)> {
    let digest = family.java(0).digest();
    let app = || family.app();
    let labels = json!({NAME: "r.example/java:21", DIGEST: digest});
    vec![
        ("name and digest", app().annotated(NAME, "r.example/java:21").annotated(DIGEST, &digest)),
        ("name", app().annotated(NAME, "r.example/java:21")),
        ("digest", app().annotated(DIGEST, &digest)),
        ("name with the digest", app().annotated(NAME, &format!("r.example/java:21@{digest}"))),
        ("labels", app().with("Labels", labels)),
        // The Java base has a label that names its own base, and the app has it from there.
        (
            "an annotation, and a label that leads to the OS",
            labelled(app(), DIGEST, &family.os(0).digest()).annotated(NAME, "r.example/java:21").annotated(DIGEST, &digest),
        ),
        ("another spelling", app().annotated(NAME, "r.example/java:21").annotated(DIGEST, &format!("sha512:{}", "0".repeat(128)))),
    ]
}

/// Moved from the OS, the vulnerable Java layer would lie on top of the new Java base.
#[test]
fn a_base_below_the_one_that_the_image_names_is_not_taken_for_it() {
    let family = Family::new();
    for (what, app) in claims(&family) {
        let environment = family.without_old_java(&app);
        let (status, platform) = show(&environment, &[]);
        assert_eq!((status, platform.get("base"), codes(&platform["findings"])), (1, None, vec!["base.conflict"]), "{what} {platform:#}");
        let said = refused(&environment, &[], "base.conflict");
        for part in ["--from bases:r.example/os:11", "--seam-layers", "--bases", "lowest 1 of 3 layers"] {
            assert!(said.contains(part), "{what}: {part}\n{said}");
        }
        let item = planned(&environment, &[]);
        assert_eq!((&item["status"], &item["reason"]["code"]), (&json!("refused"), &json!("base.conflict")), "{what} {item:#}");
        // It is not current either.
        let (status, item) = outdated(&environment, &[]);
        assert_eq!(status, 1, "{what} {item:#}");
        assert_ne!(item["standing"], "current", "{what}");
    }
}

/// An image without any name is led to by a digest, which the app may have from the Java base that is not here: it is the OS below
/// that, and the new Java base says that it is based on something.
#[test]
fn a_digest_that_leads_to_an_image_without_a_name_is_not_moved_to_another_line() {
    let family = Family::new();
    let java = |edition: usize| family.java(edition);
    let named = java(1).annotated(NAME, "r.example/os:11");
    let digest = java(1).annotated(DIGEST, &family.os(1).digest());
    for (what, java) in [("by name", named), ("by digest", digest)] {
        let app = family.app().annotated(NAME, "r.example/java:21").annotated(DIGEST, &family.os(0).digest());
        let bases = Layout::new().image("", &family.os(0)).image("r.example/os:11", &family.os(1)).image("r.example/java:21", &java);
        let environment = place(&[("bases", bases), ("app", Layout::new().image("r.example/app:1", &app))]);
        let said = refused(&environment, &[], "base.ambiguous");
        assert!(said.contains("has no name here") && said.contains("--onto bases:r.example/java:21"), "{what}: {said}");
        let item = planned(&environment, &[]);
        assert_eq!((&item["status"], &item["reason"]["code"]), (&json!("refused"), &json!("base.ambiguous")), "{what} {item:#}");
        assert_ne!(outdated(&environment, &[]).1["standing"], "current", "{what}");
    }
    // Two editions of an OS, the old one without a name, say nothing of a base, or say the same.
    for base in [None, Some("r.example/distribution:1")] {
        let said = |image: Image| base.map_or(image.clone(), |base| image.annotated(NAME, base));
        let (old, new) = (said(family.os(0)), said(family.os(1)));
        let app = family.os(0).and(&[&family.app]).annotated(NAME, "r.example/os:11").annotated(DIGEST, &old.digest());
        let bases = Layout::new().image("", &old).image("r.example/os:11", &new);
        let environment = place(&[("bases", bases), ("app", Layout::new().image("r.example/app:1", &app))]);
        assert_eq!(moved(&environment, &[]).1, digests(&[&family.os[1], &family.app]), "{base:?}");
    }
}

/// The annotation is a digest alone, which leads to the OS; the label names a Java base.
#[test]
fn a_digest_alone_does_not_overrule_a_label_that_names_another_base() {
    let family = Family::new();
    let label = format!("r.example/java:21@{}", family.java(1).digest());
    let app = labelled(family.app(), NAME, &label).annotated(DIGEST, &family.os(0).digest());
    let environment = family.without_old_java(&app);
    refused(&environment, &[], "base.conflict");
    // The same label on an app that names its base in the annotation too is only told.
    let app = labelled(family.os(0).and(&[&family.app]), NAME, &label);
    let app = app.annotated(NAME, "r.example/os:11").annotated(DIGEST, &family.os(0).digest());
    let (report, layers) = moved(&family.without_old_java(&app), &["--onto", "bases:r.example/java:21"]);
    assert_eq!(layers, digests(&[&family.os[1], &family.java[1], &family.app]), "{report:#}");
    assert!(codes(&report["platforms"][0]["findings"]).contains(&"base.conflict"), "{report:#}");
}

/// What the image says of a Java base that is here under a name of the site, and what is here.
struct Renamed {
    family: Family,
    app: Image,
    bases: Layout,
}

const SAID: &str = "docker.io/library/openjdk:21";
const HERE: &str = "site.example/java:21-jan";
const NEXT: &str = "site.example/java:21";

impl Renamed {
    /// The new Java base has a name of its own.
    fn new(says: impl Fn(Image, &str) -> Image, new: &str) -> Self {
        let family = Family::new();
        let app = says(family.app(), &family.java(0).digest());
        let bases = Layout::new().image(HERE, &family.java(0)).image(new, &family.java(1));
        Self { family, app, bases }
    }

    fn place(&self) -> Environment {
        place(&[("bases", self.bases.clone()), ("app", Layout::new().image("r.example/app:1", &self.app))])
    }
}

/// A name and a digest in two values, which two writers may have written.
fn apart(app: Image, digest: &str) -> Image {
    app.annotated(NAME, SAID).annotated(DIGEST, digest)
}

/// All verbs: moved, as it should be.
fn is_moved(environment: &Environment, family: &Family, more: &[&str], case: &str) {
    let (report, layers) = moved(environment, more);
    assert_eq!(layers, family.right(), "{case} {report:#}");
    let (status, item) = outdated(environment, more);
    assert_eq!((status, &item["standing"], &item["proof"]), (1, &json!("outdated"), &json!("proven")), "{case} {item:#}");
    let item = planned(environment, more);
    assert_eq!((&item["status"], &item["platforms"][0]["new"]["digest"]), (&json!("move"), &json!(family.java(1).digest())), "{case}");
}

/// All verbs: refused, and not known. What the refusal says.
fn is_refused(environment: &Environment, more: &[&str], code: &str, case: &str) -> String {
    let said = refused(environment, more, code);
    let (status, item) = outdated(environment, more);
    let recorded = item["standing"] == "outdated" && item["proof"] == "recorded";
    assert!(status == 1 && (item["standing"] == "unknown" || recorded), "{case} {item:#}");
    let item = planned(environment, more);
    assert_eq!((&item["status"], &item["reason"]["code"]), (&json!("refused"), &json!(code)), "{case} {item:#}");
    said
}

/// Behind the gap a base has another name, and its digest is the one that the image records. That digest may be handed down by a base
/// that is not here, so a rule says that the name and the digest fit.
#[test]
fn a_base_that_is_here_under_another_name_is_settled_by_a_rule() {
    let renamed = Renamed::new(apart, NEXT);
    let environment = renamed.place();
    let said = is_refused(&environment, &[], "base.conflict", "no rule");
    let typed = format!("--map '{SAID}=bases:{HERE}'");
    assert!(said.contains("is here under another name") && said.contains(&typed) && said.contains("--from "), "{said}");
    assert!(!said.contains("not here") && !said.contains("Put the base"), "{said}");
    assert!(outdated(&environment, &[]).1["reason"].as_str().unwrap().contains(&typed));
    let (status, platform) = show(&environment, &[]);
    assert!(status == 1 && platform["findings"][0]["hints"].to_string().contains(&typed), "{platform:#}");
    let digest = renamed.family.java(0).digest();
    for rule in [
        format!("{SAID}=bases:{NEXT}"),
        format!("openjdk:21=bases:{NEXT}"),
        format!("docker.io/library/*=bases:{NEXT}"),
        "docker.io/library/open*=bases:site.example/java:{tag}".to_owned(),
        format!("{HERE}=bases:{NEXT}"),
        format!("{digest}=bases:{NEXT}"),
        format!("{digest}=bases@{}", renamed.family.java(1).digest()),
    ] {
        is_moved(&environment, &renamed.family, &["--map", &rule], &rule);
    }
    // What was typed says that it is the base, and that nothing follows it.
    let rule = format!("{SAID}=bases:{HERE}");
    let (status, item) = outdated(&environment, &["--map", &rule]);
    assert_eq!((status, &item["standing"]), (0, &json!("current")), "{item:#}");
    assert_eq!(show(&environment, &["--map", &rule]).1["base"], format!("bases:{HERE}"));
    // Rules about something else.
    for rule in [format!("docker.io/library/debian:12=bases:{NEXT}"), format!("site.example/*=bases:{NEXT}")] {
        is_refused(&environment, &["--map", &rule], "base.conflict", &rule);
    }
    let (report, layers) = moved(&environment, &["--from", &format!("bases:{HERE}"), "--onto", &format!("bases:{NEXT}")]);
    assert_eq!(layers, renamed.family.right(), "{report:#}");
}

/// The name that the image gives leads on where something here has it; where the name here leads elsewhere, nobody knows.
#[test]
fn a_renamed_base_follows_the_name_that_the_image_gives_it() {
    let pinned = |app: Image, digest: &str| app.annotated(NAME, &format!("{SAID}@{digest}"));
    let label = |app: Image, digest: &str| labelled(app, NAME, &format!("openjdk:21@{digest}"));
    // One writer wrote both.
    for renamed in [Renamed::new(pinned, SAID), Renamed::new(label, SAID), Renamed::new(label, "openjdk:21")] {
        is_moved(&renamed.place(), &renamed.family, &[], "one value");
    }
    for says in [pinned, label] {
        let renamed = Renamed::new(says, NEXT);
        let environment = renamed.place();
        assert_eq!(show(&environment, &[]).1["base"], format!("bases:{HERE}"));
        let said = is_refused(&environment, &[], "base.name_unknown", "its name is not here");
        assert!(said.contains("openjdk:21=REFERENCE"), "{said}");
        for rule in [format!("{SAID}=bases:{NEXT}"), format!("{HERE}=bases:{NEXT}"), format!("docker.io/*=bases:{NEXT}")] {
            is_moved(&environment, &renamed.family, &["--map", &rule], &rule);
        }
    }
    // Two writers may have.
    let renamed = Renamed::new(apart, SAID);
    let said = is_refused(&renamed.place(), &[], "base.conflict", "two values");
    let rule = format!("{SAID}=bases:{SAID}");
    assert!(said.contains(&format!("--map '{rule}'")), "{said}");
    is_moved(&renamed.place(), &renamed.family, &["--map", &rule], &rule);
    // Both names lead on, to different images.
    let mut renamed = Renamed::new(pinned, SAID);
    renamed.bases = renamed.bases.image(NEXT, &later(renamed.family.java(0).and(&[&own("of the site")])));
    let rule = format!("{HERE}=bases:{NEXT}");
    let said = is_refused(&renamed.place(), &["--map", &rule], "base.ambiguous", "two ways");
    let typed = format!("{}=bases:{SAID}", renamed.family.java(0).digest());
    assert!(said.contains(&format!("--map '{typed}'")), "{said}");
    is_moved(&renamed.place(), &renamed.family, &["--map", &rule, "--map", &typed], "a rule for the digest");
    // Both names lead to one.
    is_moved(&renamed.place(), &renamed.family, &["--map", &format!("{HERE}=bases:{SAID}")], "both lead to one");
}

/// The name is the app's own, and the digest is handed down by the old Java base, which is not here: it is that of the OS. No rule about
/// the name makes the OS the old Java base.
#[test]
fn a_rule_about_a_name_does_not_make_an_inherited_digest_the_base() {
    let family = Family::new();
    let os = family.os(0).digest();
    let app = family.app().annotated(NAME, "r.example/java:21").annotated(DIGEST, &os);
    let new = family.java(1).annotated(DIGEST, &family.os(1).digest());
    let bases = Layout::new()
        .image("site.example/os:11", &family.os(0))
        .image("site.example/java:21", &new)
        .image("site.example/os:12", &family.os(1));
    let environment = place(&[("bases", bases), ("app", Layout::new().image("r.example/app:1", &app))]);
    for rule in ["r.example/java:21=bases:site.example/java:21", "r.example/*=bases:site.example/{match}", "*=bases:site.example/java:21"] {
        is_refused(&environment, &["--map", rule], "base.conflict", rule);
    }
    // The old Java base beside the others settles it.
    let mut old = Layout::new().image("", &family.java(0).annotated(DIGEST, &os));
    old.entries[0]["annotations"]["dev.airbase.former-names"] = json!("site.example/java:21");
    old.write(&environment.join("old"));
    let more = ["--bases", "old", "--map", "r.example/*=bases:site.example/{match}"];
    assert_eq!(moved(&environment, &more).1, family.right());
}

/// The same where the base below records a base of its own: digests alone do not say of which line they are, and what the new base
/// records may be the old one's line.
#[test]
fn what_may_be_built_on_the_old_base_does_not_follow_it() {
    let family = Family::new();
    let ground = own("ground").digest();
    let os = family.os(0).annotated(DIGEST, &ground);
    let app = family.app().annotated(NAME, "r.example/java:21").annotated(DIGEST, &os.digest());
    let java = family.java(1);
    let rule = "r.example/java:21=bases:site.example/java:21";
    for (what, new) in [
        ("a digest", java.clone().annotated(DIGEST, &own("another ground").digest())),
        ("a label that names the old base", labelled(java.clone().annotated(DIGEST, &ground), NAME, "site.example/os:12")),
        ("the digest of the old base", java.clone().annotated(DIGEST, &os.digest())),
        ("nothing", java.clone()),
    ] {
        let bases = Layout::new().image("site.example/os:11", &os).image("site.example/java:21", &new);
        let environment = place(&[("bases", bases), ("app", Layout::new().image("r.example/app:1", &app))]);
        let said = is_refused(&environment, &["--map", rule], "base.conflict", what);
        let typed = format!("--map '{}=bases:site.example/java:21'", os.digest());
        assert!(said.contains(&typed), "{what} {said}");
    }
    // Both record the same base by its name.
    let named = |image: Image, digest: &str| image.annotated(NAME, "r.example/ground:1").annotated(DIGEST, digest);
    let (os, new) = (named(family.os(0), &ground), named(family.os(1), &own("another ground").digest()));
    let app = family.os(0).and(&[&family.app]).annotated(NAME, "r.example/system:1").annotated(DIGEST, &os.digest());
    let bases = Layout::new().image("site.example/os:11", &os).image("site.example/next:12", &new);
    let environment = place(&[("bases", bases), ("app", Layout::new().image("r.example/app:1", &app))]);
    assert_eq!(moved(&environment, &["--map", "r.example/system:1=bases:site.example/next:12"]).1, digests(&[&family.os[1], &family.app]));
}

/// What a company made of Docker's image has the same path at the company's registry. The layers prove Docker's image, which is not the
/// base that is named; that a registry is a mirror is said with a rule.
#[test]
fn the_same_path_at_another_registry_is_another_repository() {
    let family = Family::new();
    for (said, here) in [
        ("registry.example/debian:12", "docker.io/library/debian:12"),
        ("docker.io/library/debian:12", "site.example/debian:12"),
        ("debian:12", "site.example/mirror/library/debian:12"),
        ("r.example:5000/team/os:1", "r.example/team/os:1"),
    ] {
        // The hardened Java base is not here; what it was made of is.
        for digest in [None, Some(family.java(0).digest()), Some(family.os(0).digest())] {
            let app = family.app().annotated(NAME, said);
            let app = digest.iter().fold(app, |app, digest| app.annotated(DIGEST, digest));
            let bases = Layout::new().image(here, &family.os(0));
            let environment = place(&[("bases", bases.clone()), ("app", Layout::new().image("r.example/app:1", &app))]);
            is_refused(&environment, &[], "base.conflict", said);
            let new = place(&[
                ("bases", Layout::new().image("", &family.os(0)).image(here, &family.os(1))),
                ("app", Layout::new().image("r.example/app:1", &family.os(0).and(&[&family.app]).annotated(NAME, said))),
            ]);
            is_refused(&new, &[], "base.conflict", said);
        }
    }
    // The old base had the name that a rule makes of the recorded one, here or on the stick before.
    let app = family.app().annotated(NAME, "openjdk:21").annotated(DIGEST, &own("index").digest());
    let mut moved_on = Layout::new().image("", &family.java(0)).image("site.example/openjdk:21", &family.java(1));
    moved_on.entries[0]["annotations"]["dev.airbase.former-names"] = json!("site.example/openjdk:21");
    let environment = place(&[("bases", moved_on), ("app", Layout::new().image("r.example/app:1", &app))]);
    is_refused(&environment, &[], "base.conflict", "no rule");
    is_moved(&environment, &family, &["--map", "docker.io/library/*=bases:site.example/{match}"], "a former name");
}

/// What settles it: the old base beside the others, or the seam.
#[test]
fn what_settles_a_conflict_works() {
    let family = Family::new();
    for (what, app) in claims(&family).into_iter().filter(|(what, _)| *what != "digest") {
        let environment = family.without_old_java(&app);
        let (report, layers) = moved(&environment, &["--seam-layers", "2"]);
        assert_eq!(layers, family.right(), "{what} {report:#}");
        Layout::new().image("", &family.java(0)).write(&environment.join("old"));
        if what == "name" || what == "another spelling" {
            let old = format!("old@{}", family.java(0).digest());
            assert_eq!(moved(&environment, &["--from", &old, "--onto", "bases:r.example/java:21"]).1, family.right(), "{what}");
            continue;
        }
        let (report, layers) = moved(&environment, &["--bases", "bases", "--bases", "old"]);
        assert_eq!(layers, family.right(), "{what} {report:#}");
        assert_eq!(report["platforms"][0]["newBase"]["name"], "r.example/java:21", "{what}");
    }
}

/// From the record alone: another image has the name of the base now.
#[test]
fn outdated_answers_from_the_record_alone() {
    let family = Family::new();
    for (what, app) in claims(&family).into_iter().filter(|(what, _)| !["name", "digest"].contains(what)) {
        let environment = family.without_old_java(&app);
        let (status, item) = outdated(&environment, &[]);
        assert_eq!((status, &item["standing"], &item["proof"]), (1, &json!("outdated"), &json!("recorded")), "{what} {item:#}");
        assert_eq!(item["newerManifest"], family.java(1).digest());
    }
    // What the name means here is what is recorded, and its layers are others: nobody knows.
    let lies = family.app().annotated(NAME, "r.example/java:21").annotated(DIGEST, &family.java(1).digest());
    let (status, item) = outdated(&family.without_old_java(&lies), &[]);
    assert_eq!((status, &item["standing"]), (1, &json!("unknown")), "{item:#}");
}

#[test]
fn nothing_is_known_where_nothing_is_proven() {
    let family = Family::new();
    let app = family.app().annotated(NAME, "r.example/java:21").annotated(DIGEST, &family.java(0).digest());
    let environment = place(&[
        ("bases", Layout::new().image("r.example/java:21", &family.java(1))),
        ("app", Layout::new().image("r.example/app:1", &app)),
    ]);
    refused(&environment, &[], "base.unknown");
    let item = planned(&environment, &[]);
    assert_eq!(item["reason"]["code"], "base.unknown");
}

/// The base came by `docker save` or was compressed again, so its digest is another one; its name and its layers are those.
#[test]
fn a_base_with_another_digest_is_found_by_its_name_and_told() {
    use crate::support::image::Compression;
    let family = Family::new();
    let app = family.app().annotated(NAME, "r.example/java:21").annotated(DIGEST, &family.java(0).digest());
    let again = Image::of(&[&family.os[0].compressed(Compression::None), &family.java[0].compressed(Compression::None)]);
    for old in [again.clone(), again.annotated("note", "copied")] {
        let environment = place(&[
            ("bases", Layout::new().image("r.example/java:21", &old).image("r.example/os:11", &family.os(0))),
            ("new", Layout::new().image("r.example/java:21", &family.java(1))),
            ("app", Layout::new().image("r.example/app:1", &app)),
        ]);
        let (status, platform) = show(&environment, &["--verify", "digest"]);
        assert_eq!((status, &platform["base"]), (0, &json!("bases:r.example/java:21")), "{platform:#}");
        assert_eq!(codes(&platform["findings"]), ["base.other_digest"]);
        assert!(platform["findings"][0]["message"].as_str().unwrap().contains("digest differs"), "{platform:#}");
        let (report, layers) = moved(&environment, &["--bases", "bases", "--bases", "new"]);
        assert_eq!(layers, family.right(), "{report:#}");
    }
}

/// The same where the name has moved on to the new base: the entry says what it was called.
#[test]
fn a_base_that_had_the_name_is_the_base() {
    let family = Family::new();
    let app = family.app().annotated(NAME, "r.example/java:21").annotated(DIGEST, &format!("sha256:{}", "0".repeat(64)));
    for former in ["r.example/java:21", "r.example/java:20,r.example/java:21"] {
        let mut bases = Layout::new().image("", &family.java(0)).image("r.example/java:21", &family.java(1));
        bases.entries[0]["annotations"]["dev.airbase.former-names"] = json!(former);
        let environment = place(&[("bases", bases.clone()), ("app", Layout::new().image("r.example/app:1", &app))]);
        let (status, platform) = show(&environment, &[]);
        assert_eq!((status, &platform["rule"]), (0, &json!("former-name")), "{platform:#}");
        assert_eq!(moved(&environment, &[]).1, family.right());
        // And for an image that says nothing.
        let silent = place(&[("bases", bases), ("app", Layout::new().image("r.example/app:1", &family.app()))]);
        let (status, item) = outdated(&silent, &[]);
        assert_eq!(status, 1);
        if former.starts_with("r.example/java:21") {
            assert_eq!((&item["standing"], &item["baseName"]), (&json!("outdated"), &json!("r.example/java:21")), "{item:#}");
            assert_eq!(moved(&silent, &[]).1, family.right());
        }
    }
}

/// A label or an annotation that the base has too is the base's own.
#[test]
fn what_is_inherited_from_the_base_is_no_claim() {
    let family = Family::new();
    let os = family.os(0).digest();
    let says = |image: Image, how: usize| match how {
        0 => labelled(image, NAME, "r.example/os:12"),
        1 => labelled(image, DIGEST, &os),
        2 => image.annotated(NAME, "r.example/os:12"),
        3 => image.annotated(NAME, "r.example/os:12").annotated(DIGEST, &os),
        _ => image.with("Labels", json!({NAME: "r.example/os:12", DIGEST: os})),
    };
    for how in 0..5 {
        let java = says(family.java(0), how);
        let new = says(family.java(1), how);
        let app = java.and(&[&family.app]);
        let bases = Layout::new()
            .image("r.example/java:21-jan", &java)
            .image("r.example/java:21", &new)
            .image("r.example/os:11", &family.os(0))
            .image("r.example/os:12", &family.os(1));
        let environment = place(&[("bases", bases), ("app", Layout::new().image("r.example/app:1", &app))]);
        let (status, platform) = show(&environment, &[]);
        assert_eq!((status, &platform["base"]), (0, &json!("bases:r.example/java:21-jan")), "{how} {platform:#}");
        // The name of the proven base means that base.
        let (status, item) = outdated(&environment, &[]);
        assert_eq!((status, &item["standing"], &item["baseName"]), (0, &json!("current"), &json!("r.example/java:21-jan")), "{how}");
        for more in [&[][..], &["--from", "bases:r.example/java:21-jan"]] {
            let (status, report) = environment.json(&[&["rebase", "app", "--bases", "bases", "-o", "out"], more].concat());
            assert_eq!((status, &report["status"]), (0, &json!("current")), "{how} {report:#}");
        }
        assert_eq!(planned(&environment, &[])["status"], "current");
        for more in [&[][..], &["--from", "bases:r.example/java:21-jan"]] {
            let more = [more, &["--onto", "bases:r.example/java:21"]].concat();
            assert_eq!(moved(&environment, &more).1, family.right(), "{how}");
        }
    }
}

/// Three bases on each other, each of which hands down what it says of its own.
#[test]
fn inheritance_over_three_bases() {
    let layers: Vec<Layer> = (0..4).map(|number| own(&format!("layer {number}"))).collect();
    let ground = Image::of(&[&layers[0]]);
    let middle = ground.and(&[&layers[1]]).with("Labels", json!({NAME: "r.example/ground:1", DIGEST: ground.digest()}));
    let upper = middle.and(&[&layers[2]]);
    let app = upper.and(&[&layers[3]]);
    let bases = Layout::new().image("r.example/ground:1", &ground).image("r.example/middle:1", &middle).image("r.example/upper:1", &upper);
    let environment = place(&[("bases", bases), ("app", Layout::new().image("r.example/app:1", &app))]);
    let (status, platform) = show(&environment, &[]);
    assert_eq!((status, &platform["base"], &platform["rule"]), (0, &json!("bases:r.example/upper:1"), &json!("layers")), "{platform:#}");
    // The app's own word goes before what it inherited.
    let bold = app.annotated(NAME, "r.example/upper:1").annotated(DIGEST, &upper.digest());
    Layout::new().image("r.example/app:1", &bold).write(&environment.join("bold"));
    let (status, report) = environment.json(&["base", "show", "bold", "--bases", "bases"]);
    assert_eq!((status, &report["platforms"][0]["rule"]), (0, &json!("digest")), "{report:#}");
}

/// Middleware on Java on an OS, each in two editions, and each says what it is based on in some way. The app says nothing of its own
/// and has what the middleware says, by builders that hand labels or annotations down; some of the old bases are not here.
#[test]
fn what_three_bases_hand_down_is_the_claim_of_the_nearest_that_is_missing() {
    #[derive(Debug, Clone, Copy)]
    enum Answer {
        Current(&'static str),
        /// Onto the new Java base, with the middleware and the app on it.
        OntoJava,
        Code(&'static str),
    }
    use Answer::{Code, Current, OntoJava};
    let family = Family::new();
    let middle = own("middleware");
    let names = ["r.example/os:12", "r.example/java:21", "r.example/middleware:3"];
    for (how, without_middleware) in [
        // Java's name means the new edition, and its old one is called otherwise here.
        ("name", Code("base.conflict")),
        // A digest alone leads to the old edition, whose name here has not moved.
        ("digest", Current("r.example/java:21-old")),
        ("name and digest", OntoJava),
        ("name with the digest", OntoJava),
    ] {
        for label in [true, false] {
            let says = |image: Image, name: &str, base: &Image| {
                let digest = base.digest();
                let pairs = match how {
                    "name" => vec![(NAME, name.to_owned())],
                    "digest" => vec![(DIGEST, digest)],
                    "name and digest" => vec![(NAME, name.to_owned()), (DIGEST, digest)],
                    _ => vec![(NAME, format!("{name}@{digest}"))],
                };
                pairs.into_iter().fold(image, |mut image, (key, value)| {
                    if label {
                        image.config["config"]["Labels"][key] = json!(value);
                        return image;
                    }
                    image.annotated(key, &value)
                })
            };
            let chain = |edition: usize| {
                let os = family.os(edition);
                let java = says(os.and(&[&family.java[edition]]), names[0], &os);
                let middleware = says(java.and(&[&middle]), names[1], &java);
                [os, java, middleware]
            };
            let (old, new) = (chain(0), chain(1));
            let app = Layout::new().image("r.example/app:1", &old[2].and(&[&family.app]));
            for (missing, answer) in [
                (&[][..], Current("r.example/middleware:3-old")),
                (&[1][..], Current("r.example/middleware:3-old")),
                (&[2][..], without_middleware),
                (&[1, 2][..], Code("base.conflict")),
                (&[0, 1, 2][..], Code("base.unknown")),
            ] {
                let case = format!("{how} {label} {missing:?}");
                let here = (0..3).filter(|level| !missing.contains(level));
                let bases = here.fold(Layout::new(), |bases, level| bases.image(&format!("{}-old", names[level]), &old[level]));
                let bases = (0..3).fold(bases, |bases, level| bases.image(names[level], &new[level]));
                let environment = place(&[("bases", bases), ("app", app.clone())]);
                match answer {
                    Current(name) => {
                        assert_eq!(show(&environment, &[]).1["base"], format!("bases:{name}"), "{case}");
                        assert_eq!(
                            (outdated(&environment, &[]).0, &planned(&environment, &[])["status"]),
                            (0, &json!("current")),
                            "{case}"
                        );
                    }
                    OntoJava => {
                        let right = digests(&[&family.os[1], &family.java[1], &middle, &family.app]);
                        assert_eq!(moved(&environment, &[]).1, right, "{case}");
                    }
                    Code(code) => drop(is_refused(&environment, &[], code, &case)),
                }
            }
        }
    }
}

/// Docker's library has the annotations on the descriptors in the index.
#[test]
fn descriptors_in_an_index_are_a_clue_and_are_brought_up_to_date() {
    let family = Family::new();
    let arm = |image: Image| image.platform("arm64");
    let old = Layout::new().index("", &[&family.os(0), &arm(family.os(0))], json!({}));
    let old_digest = old.entries[0]["digest"].as_str().unwrap().to_owned();
    let new = Layout::new().index("r.example/os:1", &[&family.os(1), &arm(family.os(1))], json!({}));
    let new_digest = new.digest_of("r.example/os:1");
    let app = family.os(0).and(&[&family.app]);
    let mut apps = Layout::new();
    let mut entries = vec![apps.store(&app), apps.store(&arm(app.clone()))];
    for entry in &mut entries {
        entry["annotations"] = json!({NAME: "r.example/os:1", DIGEST: old_digest, "org.opencontainers.image.revision": "abc"});
    }
    let index = serde_json::to_vec(&json!({"schemaVersion": 2, "mediaType": crate::support::image::INDEX, "manifests": entries})).unwrap();
    let digest = apps.blob(&index);
    apps.entry("r.example/app:1", json!({"mediaType": crate::support::image::INDEX, "digest": digest, "size": index.len()}));
    let environment = place(&[("old", old), ("new", new), ("app", apps)]);

    let (status, report) = environment.json(&["base", "show", "app", "--bases", "old", "--bases", "new"]);
    assert_eq!((status, &report["platforms"][0]["evidence"][0]["clue"]), (0, &json!("descriptor-annotation")), "{report:#}");
    let (status, report) = environment.json(&["outdated", "app", "--bases", "old", "--bases", "new"]);
    assert_eq!((status, &report["outdated"]), (1, &json!(2)), "{report:#}");
    assert!(report["items"].as_array().unwrap().iter().all(|item| item["proof"] == "proven"), "{report:#}");
    let (status, report) = environment.json(&["outdated", "app", "--bases", "new"]);
    assert_eq!((status, &report["items"][0]["proof"]), (1, &json!("recorded")), "{report:#}");

    environment.ok(&["rebase", "app", "--bases", "old", "--bases", "new", "-o", "out:moved:1"]);
    let index = ReadBack::open(&environment.join("out")).named("moved:1");
    for entry in index["manifests"].as_array().unwrap() {
        let expected = json!({NAME: "r.example/os:1", DIGEST: new_digest, "org.opencontainers.image.revision": "abc"});
        assert_eq!(entry["annotations"], expected);
    }
    environment.ok(&["base", "set", "app", "--base", "old", "--base-name", "r.example/os:9", "-o", "set:app:1"]);
    let index = ReadBack::open(&environment.join("set")).named("app:1");
    for entry in index["manifests"].as_array().unwrap() {
        let expected = json!({NAME: "r.example/os:9", DIGEST: old_digest, "org.opencontainers.image.revision": "abc"});
        assert_eq!(entry["annotations"], expected);
    }
}

/// Other blobs of which two configs say the same: nobody hashed what is in them.
#[test]
fn equal_diff_ids_of_other_blobs_are_claimed() {
    use crate::support::image::Compression;
    let family = Family::new();
    let honest = Image::of(&[&family.os[0].compressed(Compression::None)]);
    // Its config claims the diffID of another layer.
    let mut liar = Layer { blob: own("something else").blob, ..family.os[0].clone() };
    liar.media_type.clone_from(&own("x").media_type);
    for (base, verified) in [(honest, 0), (Image::of(&[&liar]), 3)] {
        let app = family.os(0).and(&[&family.app]);
        let environment =
            place(&[("bases", Layout::new().image("r.example/os:11", &base)), ("app", Layout::new().image("r.example/app:1", &app))]);
        let (status, platform) = show(&environment, &[]);
        assert_eq!((status, &platform["proof"]), (1, &json!("claimed")), "{platform:#}");
        assert_eq!(platform["evidence"][0]["outcome"], "claimed");
        let text = environment.run(&["base", "show", "app", "--bases", "bases"]).out;
        assert!(text.contains("claimed") && !text.to_lowercase().contains("proven"), "{text}");
        let (status, item) = outdated(&environment, &[]);
        assert_eq!((status, &item["standing"], &item["proof"]), (1, &json!("current"), &json!("claimed")), "{item:#}");
        let text = environment.run(&["outdated", "app", "--bases", "bases"]).out;
        assert!(text.contains("claimed"), "{text}");
        // Inflated, it is proven or refuted.
        let outcome = environment.run(&["base", "show", "app", "--bases", "bases", "--verify", "digest"]);
        assert_eq!(outcome.status, verified, "{}\n{}", outcome.out, outcome.err);
        let outcome = environment.run(&["outdated", "app", "--bases", "bases", "--verify", "digest"]);
        assert_eq!(outcome.status == 0, verified == 0, "{}\n{}", outcome.out, outcome.err);
        let verify = environment.run(&["base", "verify", "app", "--base", "bases"]);
        assert_eq!(verify.status, verified, "{}", verify.err);
    }
}

/// A date that is older than the old base's is no news.
#[test]
fn what_is_older_than_the_base_does_not_make_it_outdated() {
    let family = Family::new();
    let app = family.os(1).and(&[&family.app]);
    let environment = place(&[
        ("bases", Layout::new().image("r.example/os:1", &family.os(0))),
        ("app", Layout::new().image("r.example/app:1", &app.annotated(NAME, "r.example/os:1")).image("r.example/os:1", &family.os(1))),
    ]);
    let (_, report) = environment.json(&["outdated", "app:r.example/app:1", "--bases", "bases"]);
    // Both have the name; the newest is the base.
    assert_eq!((&report["items"][0]["standing"], &report["items"][0]["rule"]), (&json!("current"), &json!("newest")), "{report:#}");
    assert_eq!(LATER, "2024-06-01T00:00:00Z");
}
