//! Systems without `openat2`: the same answers to the same input, links and special files included.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Environment, Image, Layout, layer};

/// Compiles the program that sets the filter. `None` where there is no C compiler, which never is so where CI is set.
fn filter(environment: &Environment) -> Option<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/support/refuse_openat2.c");
    let program = environment.join("refuse_openat2");
    match Command::new("cc").arg("-o").arg(&program).arg(source).status() {
        Ok(status) if status.success() => Some(program),
        _ if std::env::var_os("CI").is_some() => panic!("the filter of system calls does not compile"),
        _ => None,
    }
}

/// Layouts in which one blob is not an ordinary file.
fn place() -> Environment {
    let environment = Environment::new();
    let old = Image::of(&[&layer(&["etc/os-release=old"])]);
    let new = Image::of(&[&layer(&["etc/os-release=new"])]);
    let app = old.and(&[&layer(&["app=1"])]);
    Layout::new().image("os:old", &old).image("os:new", &new).write(&environment.join("bases"));
    Layout::new().image("app:1", &old).write(&environment.join("outside"));
    let layout = Layout::new().image("app:1", &app);
    let name = format!("blobs/{}", app.layers[0].digest().replace(':', "/"));
    for kind in ["sound", "linked", "two-hops", "away", "absolute", "fifo", "directory", "parent", "whole"] {
        let path = environment.join(kind);
        layout.write(&path);
        let blob = path.join(&name);
        fs::rename(&blob, path.join("kept")).unwrap();
        match kind {
            "sound" => fs::rename(path.join("kept"), &blob).unwrap(),
            "linked" => symlink("../../kept", &blob).unwrap(),
            "two-hops" => {
                symlink("kept", path.join("between")).unwrap();
                symlink("../../between", &blob).unwrap();
            }
            "away" => symlink(format!("../../../outside/{name}"), &blob).unwrap(),
            "absolute" => symlink(path.join("kept"), &blob).unwrap(),
            "fifo" => assert!(Command::new("mkfifo").arg(&blob).status().unwrap().success()),
            "directory" => fs::create_dir(&blob).unwrap(),
            "parent" => {
                fs::rename(path.join("kept"), &blob).unwrap();
                fs::rename(path.join("blobs"), path.join("elsewhere")).unwrap();
                symlink("elsewhere", path.join("blobs")).unwrap();
            }
            _ => {
                fs::rename(path.join("kept"), &blob).unwrap();
                fs::rename(path.join("index.json"), path.join("kept.json")).unwrap();
                symlink("kept.json", path.join("index.json")).unwrap();
            }
        }
    }
    environment
}

#[test]
fn without_openat2_every_answer_is_the_same() {
    let tools = Environment::new();
    let Some(filter) = filter(&tools) else { return crate::support::skipped("there is no C compiler") };
    let kinds = ["sound", "linked", "two-hops", "away", "absolute", "fifo", "directory", "parent", "whole"];
    let mut commands: Vec<Vec<&str>> = vec![
        vec!["inspect", "sound", "linked"],
        vec!["rebase", "linked:app:1", "--from", "bases:os:old", "--onto", "bases:os:new", "-o", "moved:1"],
        vec!["copy", "linked", "copied.tar"],
        vec!["tag", "sound:app:1", "app:2"],
        vec!["attach", "sound:app:1", "--type", "application/x-report"],
        vec!["lifecycle", "set", "sound:app:1", "--eol", "2026-12-01", "--at", "2026-11-21"],
        vec!["rm", "sound:app:2"],
        vec!["gc", "sound", "--apply", "--grace", "0s"],
        vec!["fsck", "sound", "moved", "copied.tar"],
    ];
    for kind in kinds {
        commands.push(vec!["fsck", kind]);
        commands.push(vec!["cat", kind, "etc/os-release"]);
        commands.push(vec!["copy", kind, "into:x"]);
    }
    let run = |refusal: Option<&str>| -> Vec<(Vec<String>, i32, String, String)> {
        let environment = place();
        let place = environment.path().to_str().unwrap();
        let one = |arguments: &Vec<&str>| {
            let program = env!("CARGO_BIN_EXE_airbase");
            let mut command = match refusal {
                None => Command::new(program),
                Some(number) => {
                    let mut command = Command::new(&filter);
                    command.args([number, program]);
                    command
                }
            };
            let output =
                command.args(arguments).current_dir(environment.path()).env_clear().env("SOURCE_DATE_EPOCH", "0").output().unwrap();
            let text = |bytes| String::from_utf8(bytes).unwrap().replace(place, "PLACE");
            let words = arguments.iter().map(ToString::to_string).collect();
            (words, output.status.code().unwrap(), text(output.stdout), text(output.stderr))
        };
        commands.iter().map(one).collect()
    };
    let usual = run(None);
    let status =
        |verb: &str, kind: &str| usual.iter().find(|(words, ..)| words.starts_with(&[verb.to_owned(), kind.to_owned()])).unwrap().1;
    for (kind, expected) in
        [("sound", 0), ("linked", 0), ("two-hops", 3), ("away", 3), ("absolute", 3), ("fifo", 3), ("parent", 3), ("whole", 3)]
    {
        assert_eq!(status("cat", kind), expected, "{kind}");
    }
    // ENOSYS and EPERM.
    for number in ["38", "1"] {
        for (with, without) in usual.iter().zip(run(Some(number))) {
            assert_eq!(*with, without, "errno {number}");
        }
    }
}
