//! No network: the verbs work where there is none, and ask for none.

use std::process::{Command, Output};

use serde_json::json;

use crate::support::{Contents, Environment, Image, Layout, layer};

/// A run of everything that reads and writes.
const COMMANDS: &[&[&str]] = &[
    &["inspect", "app.tar"],
    &["fsck", "app.tar"],
    &["ls", "app.tar"],
    &["cat", "app.tar"],
    &["base", "show", "app.tar", "--bases", "bases"],
    &["base", "verify", "app.tar", "--base", "bases:registry.example/os:1"],
    &["base", "dependents", "bases:registry.example/os:1", "app.tar"],
    &["rebase", "app.tar", "--bases", "bases", "--onto", "bases:registry.example/os:2", "-o", "out.tar"],
    &["rebase", "app.tar", "--bases", "bases", "--onto", "bases:registry.example/os:2", "-o", "out"],
    &["copy", "--all", "bases", "out"],
    &["tag", "out:registry.example/os:1", "registry.example/os:old"],
    &["annotate", "out:registry.example/os:1", "-a", "k=v", "--tag", "new"],
    &["untag", "out:new"],
];

/// Images whose names and addresses invite to go and look.
fn prepared() -> Environment {
    let environment = Environment::new();
    let (old, new) = (Image::of(&[&layer(&["os=1"])]), Image::of(&[&layer(&["os=2"])]));
    let app = old
        .and(&[&layer(&["app=1"])])
        .annotated("org.opencontainers.image.base.name", "registry.example/os:1")
        .annotated("org.opencontainers.image.source", "https://example.com/app");
    let mut bases = Layout::new().image("registry.example/os:1", &old).image("registry.example/os:2", &new);
    // A layer that lies elsewhere, and says where.
    let mut elsewhere = Image::of(&[&layer(&["far=1"])]);
    let mut far = elsewhere.layers[0].descriptor();
    far["urls"] = json!(["http://192.0.2.1/far", "https://registry.example/far"]);
    elsewhere.manifest = json!({"layers": [far]});
    let entry = bases.store(&elsewhere);
    bases.blobs.remove(&elsewhere.layers[0].digest());
    bases.entry("registry.example/far:1", entry);
    bases.write(&environment.join("bases"));
    Layout::new().image("registry.example/app:1", &app).write_archive(&environment.join("app.tar"));
    environment
}

fn run(environment: &Environment, program: &str, before: &[&str], arguments: &[&str]) -> std::io::Result<Output> {
    let mut command = Command::new(program);
    command.args(before).arg(env!("CARGO_BIN_EXE_airbase")).args(arguments).current_dir(environment.path()).env_clear();
    command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").output()
}

#[test]
fn everything_works_without_any_network() {
    let environment = prepared();
    // A network namespace of its own has nothing in it but a loopback that is down.
    let flags: Option<&[&str]> = [&["-rn"][..], &["-n"]]
        .into_iter()
        .find(|flags| Command::new("unshare").args(*flags).arg("true").output().is_ok_and(|output| output.status.success()));
    let Some(flags) = flags else {
        crate::support::skipped("no network namespaces here");
        return;
    };
    for arguments in COMMANDS {
        let output = run(&environment, "unshare", flags, arguments).unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    let contents = Contents::of(&environment.join("out"));
    assert!(contents.named("registry.example/far:1").is_some() && contents.named("registry.example/app:1").is_some());
    contents.blobs();
}

#[test]
fn no_socket_is_ever_asked_for() {
    let environment = prepared();
    let trace = environment.join("trace");
    let before = ["-f", "-qq", "-e", "trace=%network,execve", "-o", trace.to_str().unwrap()];
    let works = Command::new("strace").args(before).arg("true").output().is_ok_and(|output| output.status.success());
    if !works {
        crate::support::skipped("strace is not here or may not trace");
        return;
    }
    for arguments in COMMANDS {
        let output = run(&environment, "strace", &before, arguments).unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        let calls = std::fs::read_to_string(&trace).unwrap();
        let lines: Vec<&str> = calls.lines().filter(|line| line.contains('(')).collect();
        // The start of the program itself is the only one, and proves that the tracer sees something.
        assert!(lines.len() == 1 && lines[0].contains("execve("), "{arguments:?}: {calls}");
    }
    // The tracer would have seen a socket.
    let seen = Command::new("strace").args(before).args(["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/9"]).output();
    if seen.is_ok() && std::path::Path::new("/bin/bash").exists() {
        assert!(std::fs::read_to_string(&trace).unwrap().contains("socket("));
    }
}
