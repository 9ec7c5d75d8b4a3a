//! Findings and hidden files name the packages that files are of, as `dpkg-query -S` would in each image.

use super::*;

/// A base with one library of the package `libx`, in a version and a place.
fn with_library<'a>(version: &str, place: &'a str, own: Program<'_>) -> Vec<File<'a>> {
    let status = format!("Package: libx\nStatus: install ok installed\nArchitecture: amd64\nMulti-Arch: same\nVersion: {version}\n");
    base(&[
        loader("lib64/ld-linux-x86-64.so.2"),
        library(place, own),
        // Lists say /lib where that is a link to /usr/lib.
        text("var/lib/dpkg/info/libx:amd64.list", "/.\n/lib\n/lib/libx.so.1\n"),
        text("var/lib/dpkg/status", &status),
    ])
}

fn details(report: &Value) -> Vec<&str> {
    let findings = report["platforms"][0]["findings"].as_array().unwrap().iter();
    findings.flat_map(|finding| finding["details"].as_array().into_iter().flatten()).map(|line| line.as_str().unwrap()).collect()
}

fn versions(owners: &Value) -> Vec<String> {
    let shown = |owner: &Value| format!("{} {}", owner["name"].as_str().unwrap(), owner["version"].as_str().unwrap());
    owners.as_array().unwrap().iter().map(shown).collect()
}

#[test]
fn what_is_hidden_has_a_package_on_both_sides() {
    let named = |text| Program { soname: "libx.so.1", text, ..Program::default() };
    let old = with_library("1.0-1", "lib/libx.so.1", named("old"));
    let new = [with_library("1.0-1+deb12u1", "usr/lib/libx.so.1", named("new")), vec![text("lib->usr/lib", "")]].concat();
    let start = Program { interpreter: GLIBC, needed: &["libx.so.1"], ..Program::default() };
    let copy = vec![program("app/run", start), library("opt/libx.so.1", named("old"))];
    let moved = Move { old, new, app: copy, start: json!(["/app/run"]), user: "" };
    let (_, report) = moved.verdict();
    let hidden = &report["platforms"][0]["hiddenFiles"][0];
    assert_eq!((&hidden["path"], versions(&hidden["packages"])), (&json!("/opt/libx.so.1"), vec![]), "{report:#}");
    assert_eq!(versions(&hidden["newBasePackages"]), ["libx 1.0-1+deb12u1"]);
    let (environment, _) = moved.environment();
    let told = environment.run(&["verdict", "apps:app", "--from", "bases:old", "--onto", "bases:new"]).out;
    assert!(told.contains("/opt/libx.so.1  of no package; the new base has libx 1.0-1+deb12u1"), "{told}");
}

/// apt-get upgrade in the app: its database lies over the one of the new base, and each file is of the package that brought it.
#[test]
fn the_databases_of_app_and_base_are_told_apart() {
    let named = |text| Program { soname: "libx.so.1", text, ..Program::default() };
    let status = |version: &str| format!("Package: libx\nStatus: install ok installed\nArchitecture: amd64\nVersion: {version}\n");
    let start = Program { interpreter: GLIBC, needed: &["libx.so.1"], ..Program::default() };
    let own =
        vec![program("app/run", start), library("lib/libx.so.1", named("upgraded")), text("var/lib/dpkg/status", &status("1.0-1+app"))];
    let (old, new) = (with_library("1.0-1", "lib/libx.so.1", named("old")), with_library("1.0-9", "lib/libx.so.1", named("new")));
    let (_, report) = Move { old, new, app: own, start: json!(["/app/run"]), user: "" }.verdict();
    let files = report["platforms"][0]["hiddenFiles"].as_array().unwrap();
    let hidden = files.iter().find(|file| file["path"] == "/lib/libx.so.1").unwrap();
    assert_eq!(
        (versions(&hidden["packages"]), versions(&hidden["newBasePackages"])),
        (vec!["libx 1.0-1+app".to_owned()], vec!["libx 1.0-9".to_owned()]),
        "{report:#}"
    );
    assert!(files.iter().any(|file| file["path"] == "/var/lib/dpkg/status"), "{report:#}");
}

#[test]
fn findings_name_the_package_of_what_is_lacking_and_of_who_asks() {
    let start = Program { interpreter: GLIBC, needed: &["libx.so.1"], ..Program::default() };
    let old = with_library("1.0-1", "lib/libx.so.1", Program::default());
    let new = base(&[loader("lib64/ld-linux-x86-64.so.2")]);
    let apk = text("lib/apk/db/installed", "P:mine\nV:3-r0\nF:app\nR:run\n\n");
    let (_, report) = Move { old, new, app: vec![program("app/run", start), apk], start: json!(["/app/run"]), user: "" }.verdict();
    let details = details(&report);
    for wanted in ["the image had it from the package libx 1.0-1 (dpkg): /lib/libx.so.1", "/app/run is of the package mine 3-r0 (apk)"] {
        assert!(details.contains(&wanted), "{wanted}: {report:#}");
    }
    let status = "Package: tools\nStatus: install ok installed\nVersion: 7\n";
    let had = [
        tool("bin/lost"),
        text("etc/lost", "1"),
        text("var/lib/dpkg/status", status),
        text("var/lib/dpkg/info/tools.list", "/bin/lost\n/etc/lost\n"),
    ];
    let (_, report) = running("set -e\nlost\ncat /etc/lost", &had, &[]).verdict();
    let details = self::details(&report);
    for wanted in ["/bin/lost", "/etc/lost"] {
        let line = format!("the image had it from the package tools 7 (dpkg): {wanted}");
        assert!(details.contains(&line.as_str()), "{wanted}: {report:#}");
    }
}
