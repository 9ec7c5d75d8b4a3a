//! The same input gives the same bytes, whatever the machine, the moment, the user's settings and the number of threads.

use std::collections::BTreeMap;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::json;

use crate::support::environment::snapshot;
use crate::support::image::{archive, gzip};
use crate::support::{Contents, Environment, Image, Layer, Layout, layer};

/// Bases and an app for two platforms, with enough layers that threads meet.
struct World {
    bases: Layout,
    app: Layout,
}

impl World {
    fn new() -> Self {
        let layers = |what: &str, count: usize| -> Vec<Layer> {
            (0..count).map(|number| layer(&[&format!("{what}/{number}={}", what.repeat(50 + 700 * (number % 5)))])).collect()
        };
        let image = |layers: &[Layer], architecture: &str| Image::of(&layers.iter().collect::<Vec<_>>()).platform(architecture);
        let own = layers("own", 20);
        let on = |base: &Image| base.and(&own.iter().collect::<Vec<_>>()).with("Env", json!(["B=2", "A=1", "PATH=/app:/bin"]));
        let old =
            [image(&layers("old-amd", 3), "amd64"), image(&layers("old-arm", 3), "arm64")].map(|old| old.with("Env", json!(["PATH=/bin"])));
        let new = [image(&layers("new-amd", 4), "amd64"), image(&layers("new-arm", 2), "arm64")]
            .map(|new| new.with("Env", json!(["PATH=/bin:/usr/bin", "C=3"])).with("Labels", json!({"z": "1", "a": "2"})));
        let bases = Layout::new().index("os:old", &[&old[0], &old[1]], json!({})).index("os:new", &[&new[0], &new[1]], json!({}));
        Self { bases, app: Layout::new().index("app:1", &[&on(&old[0]), &on(&old[1])], json!({"annotations": {"k": "v"}})) }
    }
}

/// Writes a layout with its files in the opposite order.
fn write_reversed(layout: &Layout, path: &Path) {
    std::fs::create_dir_all(path.join("blobs/sha256")).unwrap();
    for (name, bytes) in layout.files().into_iter().rev() {
        std::fs::write(path.join(name), bytes).unwrap();
    }
}

/// What a user can have set in one way or another.
#[derive(Clone)]
struct Setting {
    umask: &'static str,
    jobs: &'static str,
    variables: &'static [(&'static str, &'static str)],
    app: &'static str,
    bases: &'static str,
    deep: bool,
    reversed: bool,
}

const USUAL: Setting = Setting { umask: "022", jobs: "2", variables: &[], app: "app", bases: "bases", deep: false, reversed: false };

/// Rebases in a new place; gives the archives, the plain one, docker's and the compressed ones, and the layout that come out.
fn rebased(world: &World, setting: &Setting) -> ([Vec<u8>; 4], BTreeMap<String, Vec<u8>>) {
    let environment = Environment::new();
    let place = if setting.deep { "a place/with ünusual:names/and deep" } else { "." };
    let place = environment.join(place);
    std::fs::create_dir_all(&place).unwrap();
    for (name, layout) in [("bases", &world.bases), ("app", &world.app)] {
        let mut files = layout.files();
        if setting.reversed {
            write_reversed(layout, &place.join(name));
            files.reverse();
        } else {
            layout.write(&place.join(name));
        }
        std::fs::write(place.join(format!("{name}.tar")), archive(&files)).unwrap();
        std::fs::write(place.join(format!("{name}.tar.gz")), gzip(&archive(&files))).unwrap();
    }
    let script = format!("umask {}; exec \"$@\"", setting.umask);
    for output in ["out.tar:app:2", "out:app:2", "docker-archive:docker.tar:app:2", "out.tar.gz:app:2", "out.tar.zst:app:2"] {
        let mut command = std::process::Command::new("sh");
        command.env_clear().current_dir(&place).args(["-c", &script, "sh", env!("CARGO_BIN_EXE_airbase"), "--jobs", setting.jobs]);
        if output.starts_with("docker") {
            // Docker loads one platform.
            command.args(["rebase", "--platform", "linux/arm64"]);
        } else {
            command.arg("rebase");
        }
        command.args([setting.app, "--onto", &format!("{}:os:new", setting.bases), "--bases", setting.bases, "-o", output]);
        command.envs(setting.variables.iter().copied());
        let run = command.output().unwrap();
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    }
    Contents::of(&place.join("out")).whole();
    (
        ["out.tar", "docker.tar", "out.tar.gz", "out.tar.zst"].map(|name| std::fs::read(place.join(name)).unwrap()),
        Contents::of(&place.join("out")).files,
    )
}

#[test]
fn a_rebase_gives_the_same_bytes_everywhere() {
    let world = World::new();
    let (archives, layout) = rebased(&world, &USUAL);
    let settings = [
        ("again", USUAL),
        ("one thread", Setting { jobs: "1", ..USUAL }),
        ("eight threads", Setting { jobs: "8", ..USUAL }),
        ("open umask", Setting { umask: "000", ..USUAL }),
        ("closed umask", Setting { umask: "077", ..USUAL }),
        ("zone", Setting { variables: &[("TZ", "Pacific/Auckland")], ..USUAL }),
        ("language", Setting { variables: &[("LC_ALL", "tr_TR.UTF-8"), ("LANG", "tr_TR.UTF-8")], ..USUAL }),
        ("environment", Setting { variables: &[("HOME", "/nonexistent"), ("USER", "somebody"), ("TMPDIR", "/nonexistent")], ..USUAL }),
        ("another directory", Setting { deep: true, ..USUAL }),
        ("files in another order", Setting { reversed: true, ..USUAL }),
        ("app from an archive", Setting { app: "app.tar", ..USUAL }),
        ("all from archives, in another order", Setting { app: "app.tar", bases: "bases.tar", reversed: true, ..USUAL }),
        ("all from compressed archives", Setting { app: "app.tar.gz", bases: "bases.tar.gz", ..USUAL }),
        ("the moment given", Setting { variables: &[("SOURCE_DATE_EPOCH", "0")], ..USUAL }),
    ];
    for (what, setting) in settings {
        let (other_archives, other_layout) = rebased(&world, &setting);
        assert!(other_layout == layout, "{what}: another layout");
        assert!(other_archives == archives, "{what}: another archive");
    }
    // The archives hold what the layout holds.
    let place = Environment::new();
    for archive in [&archives[0], &archives[2], &archives[3]] {
        std::fs::write(place.join("out.tar"), archive).unwrap();
        assert!(Contents::of(&place.join("out.tar")).files == layout);
    }
}

#[test]
fn a_copy_of_a_copy_is_the_same_archive() {
    let world = World::new();
    let environment = Environment::new();
    world.bases.write(&environment.join("in"));
    std::fs::write(environment.join("in.tar"), archive(&world.bases.files().into_iter().rev().collect::<Vec<_>>())).unwrap();
    for (source, target) in [("in", "1.tar"), ("in.tar", "2.tar"), ("1.tar", "3.tar"), ("1.tar", "dir"), ("dir", "4.tar")] {
        environment.ok(&["copy", "--all", source, target, "--jobs", "8"]);
    }
    let first = std::fs::read(environment.join("1.tar")).unwrap();
    for other in ["2.tar", "3.tar", "4.tar"] {
        assert!(std::fs::read(environment.join(other)).unwrap() == first, "{other}");
    }
}

/// A member of an archive, without its time.
#[derive(Debug, PartialEq, Eq)]
struct Member {
    name: String,
    mode: u32,
    kind: u8,
    content: Vec<u8>,
}

/// All members, and their times.
fn members(bytes: &[u8]) -> (Vec<Member>, Vec<u64>) {
    let mut times = Vec::new();
    let mut archive = tar::Archive::new(bytes);
    let members = archive
        .entries()
        .unwrap()
        .map(|entry| {
            let mut entry = entry.unwrap();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            let header = entry.header();
            times.push(header.mtime().unwrap());
            assert_eq!((header.uid().unwrap(), header.gid().unwrap(), header.username().unwrap()), (0, 0, Some("")));
            let name = entry.path().unwrap().to_str().unwrap().to_owned();
            Member { name, mode: header.mode().unwrap(), kind: header.entry_type().as_byte(), content }
        })
        .collect();
    (members, times)
}

#[test]
fn the_given_moment_is_the_time_of_members_and_nothing_else() {
    let world = World::new();
    let (usual, layout) = rebased(&world, &USUAL);
    let (dated, dated_layout) = rebased(&world, &Setting { variables: &[("SOURCE_DATE_EPOCH", "1700000000")], ..USUAL });
    assert!(layout == dated_layout, "a layout depends on SOURCE_DATE_EPOCH");
    for (usual, dated) in usual.iter().zip(&dated).take(2) {
        let ((before, times), (after, dates)) = (members(usual), members(dated));
        assert!(before == after, "more than times depends on SOURCE_DATE_EPOCH");
        assert!(times.iter().all(|time| *time == 0) && dates.iter().all(|time| *time == 1_700_000_000));
    }
    let (before, _) = members(&usual[0]);
    // Documents first: a reader of a stream sees the index before the blobs.
    let names: Vec<&str> = before.iter().map(|member| member.name.as_str()).collect();
    assert_eq!(names[..4], ["oci-layout", "index.json", "blobs/", "blobs/sha256/"]);
    for Member { name, mode, kind, .. } in &before {
        assert_eq!((*mode, *kind), if name.ends_with('/') { (0o755, b'5') } else { (0o644, b'0') }, "{name}");
    }
    let environment = Environment::new();
    world.app.write(&environment.join("app"));
    for wrong in ["tomorrow", "-1", "1.5", "99999999999999999999"] {
        let output = environment.command(&["copy", "app", "out.tar"]).env("SOURCE_DATE_EPOCH", wrong).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(2) && text.contains("[usage.epoch]"), "{text}");
        assert!(!environment.join("out.tar").exists());
    }
}

/// The permission bits of everything below a directory.
fn modes(path: &Path) -> BTreeMap<String, u32> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![path.to_owned()];
    while let Some(next) = waiting.pop() {
        let metadata = std::fs::symlink_metadata(&next).unwrap();
        if metadata.is_dir() {
            waiting.extend(std::fs::read_dir(&next).unwrap().map(|entry| entry.unwrap().path()));
        }
        found.insert(next.strip_prefix(path).unwrap().to_str().unwrap().to_owned(), metadata.permissions().mode() & 0o7777);
    }
    found
}

#[test]
fn new_files_have_the_mode_that_the_user_asks_for() {
    let world = World::new();
    for (umask, file, directory) in [("022", 0o644, 0o755), ("077", 0o600, 0o700), ("027", 0o640, 0o750), ("000", 0o666, 0o777)] {
        let environment = Environment::new();
        world.app.write(&environment.join("app"));
        std::fs::create_dir(environment.join("empty")).unwrap();
        let run = |arguments: &[&str]| {
            let script = format!("umask {umask}; exec \"$@\"");
            let mut command = std::process::Command::new("sh");
            command.env_clear().current_dir(environment.path()).args(["-c", &script, "sh", env!("CARGO_BIN_EXE_airbase")]);
            let output = command.args(arguments).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        };
        for target in ["out", "out.tar", "empty"] {
            run(&["copy", "app", target]);
            run(&["copy", "app", target, "--overwrite"]);
        }
        assert_eq!(modes(&environment.join("out.tar"))[""], file, "umask {umask}");
        let directories = ["", "blobs", "blobs/sha256"];
        for (name, mode) in modes(&environment.join("out")) {
            assert_eq!(mode, if directories.contains(&name.as_str()) { directory } else { file }, "{name} with umask {umask}");
        }
        for (name, mode) in modes(&environment.join("empty")).into_iter().filter(|(name, _)| !name.is_empty()) {
            assert_eq!(mode, if directories.contains(&name.as_str()) { directory } else { file }, "{name} with umask {umask}");
        }
        // What is there keeps its mode, also the index, though it is another file afterwards.
        std::fs::set_permissions(environment.join("app/index.json"), std::fs::Permissions::from_mode(0o664)).unwrap();
        let before = modes(&environment.join("app"));
        run(&["annotate", "app", "-a", "k=v2", "--tag", "app:2"]);
        let after = modes(&environment.join("app"));
        assert!(before.iter().all(|(name, mode)| after[name] == *mode), "umask {umask}");
        let new: Vec<_> = after.iter().filter(|(name, _)| !before.contains_key(*name)).collect();
        assert!(new.len() == 1 && *new[0].1 == file, "{new:?} with umask {umask}");
    }
}

#[test]
fn two_runs_of_many_commands_give_the_same_index() {
    let world = World::new();
    let run = || {
        let environment = Environment::new();
        world.bases.write(&environment.join("bases"));
        world.app.write(&environment.join("site"));
        environment.ok(&["copy", "--all", "bases", "site"]);
        environment.ok(&["rebase", "site:app:1", "--onto", "site:os:new", "--tag", "app:2", "--tag", "app:latest"]);
        environment.ok(&["annotate", "site:app:2", "--all", "-a", "team=red", "-a", "b=1", "-a", "a=2", "--tag", "app:red"]);
        environment.ok(&["base", "set", "site:app:1", "--base", "site:os:old", "--tag", "app:based"]);
        environment.ok(&["tag", "site:os:new", "os:old", "os:stable"]);
        environment.ok(&["untag", "site:app:latest"]);
        snapshot(&environment.join("site"))
            .into_iter()
            .map(|(path, bytes)| (path.strip_prefix(environment.path()).unwrap().to_owned(), bytes))
            .collect::<Vec<_>>()
    };
    assert!(run() == run());
}
