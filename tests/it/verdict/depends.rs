//! What packages of the app need and the new base does not have, as `apt-get check` and `apk fix -s` would tell in the moved image.

use super::*;

const LIBC: &str = "Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nVersion: ";
const LIBX: &str = "Package: libx\nStatus: install ok installed\nArchitecture: amd64\nVersion: ";

/// A package that the app installed, with what it needs.
fn installed(needs: &str) -> String {
    format!("Package: mine\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1-1\nDepends: {needs}\n\n")
}

fn stanza(begin: &str, version: &str) -> String {
    format!("{begin}{version}\n\n")
}

fn status(stanzas: &[String]) -> File<'static> {
    text("var/lib/dpkg/status", &stanzas.concat())
}

/// Installs `mine` on a base with these packages, and moves it onto one with those.
fn moved(old: &[String], new: &[String], needs: &str) -> Move<'static> {
    let all = [old, &[installed(needs)]].concat();
    let app = vec![script("app/run", "#!/bin/sh\necho\n"), status(&all)];
    Move { old: base(&[status(old)]), new: base(&[status(new)]), app, start: json!(["/app/run"]), user: "" }
}

/// The severities and messages of the findings on packages.
fn told(moved: &Move<'_>) -> (Value, Vec<(String, String)>) {
    let (_, report) = moved.verdict();
    let findings = report["platforms"][0]["findings"].as_array().unwrap().iter();
    let ours = findings.filter(|finding| finding["code"] == "verdict.package.depends");
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap().to_owned();
    let found = ours.map(|finding| (text(finding, "severity"), text(finding, "message"))).collect();
    (report, found)
}

fn message(needs: &str) -> Vec<(String, String)> {
    vec![("note".to_owned(), format!("a package of the app needs what the new base does not have: mine 1-1 needs {needs}"))]
}

#[test]
fn what_the_new_base_does_not_satisfy_is_told_and_decides_nothing() {
    let old = [stanza(LIBC, "2.41-12"), stanza(LIBX, "2.0-1")];
    for (new, needs, expected) in [
        (vec![stanza(LIBC, "2.41-12"), stanza(LIBX, "2.0-1")], "libc6 (>= 2.38), libx", vec![]),
        // A downgrade.
        (vec![stanza(LIBC, "2.36-9"), stanza(LIBX, "2.0-1")], "libc6 (>= 2.38), libx", message("libc6 (>= 2.38)")),
        (vec![stanza(LIBC, "2.36-9")], "libc6 (>= 2.36), libx (>= 2.0~)", message("libx (>= 2.0~)")),
        (vec![stanza(LIBC, "2.36-9")], "libc6 (>= 2.38), libx | liby", message("libc6 (>= 2.38), libx | liby")),
        // Another alternative, and another package in its place.
        (vec![stanza(LIBC, "2.36-9")], "libx | libc6", vec![]),
        (
            vec![format!(
                "Package: libxt64\nStatus: install ok installed\nArchitecture: amd64\nVersion: 2.1-1\nProvides: libx (= 2.1-1)\n\n"
            )],
            "libx (>= 2.0)",
            vec![],
        ),
        // It was not there before either: dpkg --force-depends.
        (vec![stanza(LIBC, "2.41-12")], "nothing", vec![]),
        // Its settings are left, and nothing else.
        (vec![stanza(LIBX, "2.0-1").replace("install ok installed", "deinstall ok config-files")], "libx", message("libx")),
    ] {
        let (report, found) = told(&moved(&old, &new, needs));
        assert_eq!((&report["verdict"], found), (&json!("runs"), expected), "{needs}: {report:#}");
    }
}

/// The app's database lies over the one of the new base and lists what the old base had. What counts is what is there.
#[test]
fn the_database_of_the_app_does_not_satisfy_by_itself() {
    let both = moved(&[stanza(LIBX, "2.0-1")], &[stanza(LIBC, "1")], "libx");
    let (report, found) = told(&both);
    assert_eq!(found, message("libx"));
    let finding =
        report["platforms"][0]["findings"].as_array().unwrap().iter().find(|finding| finding["code"] == "verdict.package.depends").unwrap();
    assert_eq!(finding["place"], "/var/lib/dpkg/status");
    assert_eq!(
        (&finding["expected"]["value"], &finding["found"]["value"]),
        (&json!("libx 2.0-1"), &json!("none of that name")),
        "{finding:#}"
    );
    // Other packages of the app do.
    let other = moved(&[], &[stanza(LIBC, "1")], "helper");
    let all = [installed("helper"), stanza("Package: helper\nStatus: install ok installed\nArchitecture: amd64\nVersion: ", "3")];
    let with =
        Move { old: base(&[status(&[stanza(LIBC, "1")])]), app: vec![script("app/run", "#!/bin/sh\necho\n"), status(&all)], ..other };
    assert_eq!(told(&with).1, []);
    // Packages of the base are the base's affair.
    let bases = Move {
        app: vec![script("app/run", "#!/bin/sh\necho\n")],
        ..moved(&[stanza(LIBX, "2.0-1"), installed("libx")], &[stanza(LIBC, "1")], "libx")
    };
    assert_eq!(told(&bases).1, []);
}

#[test]
fn what_was_used_and_is_not_used_any_more_is_a_risk() {
    let list = text("var/lib/dpkg/info/libx.list", "/bin/tool\n");
    let own = || vec![script("app/run", "#!/bin/sh\ntool\n"), status(&[stanza(LIBX, "2.0-1"), installed("libx")])];
    let old = base(&[status(&[stanza(LIBX, "2.0-1")]), list, tool("bin/tool")]);
    let new = base(&[status(&[stanza(LIBC, "1")]), tool("usr/bin/tool")]);
    let moved = Move { old, new, app: own(), start: json!(["/app/run"]), user: "" };
    let (report, found) = told(&moved);
    assert_eq!(found[0].0, "warning", "{report:#}");
    assert_eq!(report["verdict"], "risks");
}

#[test]
fn another_system_of_packages_is_told_once() {
    let apk = text("lib/apk/db/installed", "P:musl\nV:1.2.5-r0\np:so:libc.musl-x86_64.so.1=1\n\n");
    let (report, found) = told(&Move { new: base(&[apk]), ..moved(&[stanza(LIBC, "2.36-9")], &[], "libc6 (>= 2.36)") });
    let message =
        "packages of the app need others, and the new base has no packages of dpkg: 1 package, of which mine 1-1 needs libc6 (>= 2.36)";
    assert_eq!(found, [("note".to_owned(), message.to_owned())], "{report:#}");
}

/// From the databases of Alpine 3.19 and 3.20.
#[test]
fn packages_of_apk_need_names_of_libraries() {
    let installed = |text: String| text_of_apk(&text);
    let python = |version: &str| format!("P:python3\nV:{version}\np:so:libpython3.so.1.0=1.0 cmd:python3={version}\n\n");
    let own = "P:py3-mine\nV:1-r0\nD:python3~3.11 so:libpython3.so.1.0 !py3-other\n\n";
    let moved = |version: &str| Move {
        old: base(&[installed(python("3.11.8-r0"))]),
        new: base(&[installed(python(version))]),
        app: vec![script("app/run", "#!/bin/sh\necho\n"), installed(python("3.11.8-r0") + own)],
        start: json!(["/app/run"]),
        user: "",
    };
    assert_eq!(told(&moved("3.11.10-r0")).1, []);
    let expected = "a package of the app needs what the new base does not have: py3-mine 1-r0 needs python3 (~ 3.11)";
    assert_eq!(told(&moved("3.12.3-r1")).1, [("note".to_owned(), expected.to_owned())]);
}

fn text_of_apk(content: &str) -> File<'static> {
    text("lib/apk/db/installed", content)
}

#[test]
fn what_was_not_read_says_nothing() {
    let rpm = text("var/lib/rpm/rpmdb.sqlite", "SQLite format 3");
    assert_eq!(told(&Move { new: base(&[rpm]), ..moved(&[stanza(LIBX, "2.0-1")], &[], "libx") }).1, []);
    let damaged = status(&["Package: a\nStatus: install ok installed\nVersion: 1\nDepends: b (>= \n\n".to_owned()]);
    assert_eq!(told(&Move { new: base(&[damaged]), ..moved(&[stanza(LIBX, "2.0-1")], &[], "libx") }).1, []);
}
