//! The rules that hold the source together, read from the source itself.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use airbase::foundation::Code;

/// Who may import whom. A folder may import itself; nothing else is allowed.
const LAYERS: &[(&str, &[&str])] = &[
    ("foundation", &[]),
    ("format", &["foundation"]),
    ("oci", &["foundation", "format"]),
    ("read", &["foundation", "format", "oci"]),
    ("plan", &["foundation", "format", "oci", "read"]),
    ("write", &["foundation", "format", "oci"]),
    ("report", &["foundation", "oci", "plan", "read", "write"]),
    ("verbs", &["foundation", "format", "oci", "plan", "read", "report", "write"]),
    ("ocipkg", &["foundation", "format", "oci", "read", "write"]),
    // On top of all: the demonstration makes its images with what lies far below.
    ("cli", &["foundation", "oci", "plan", "read", "report", "verbs"]),
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn files_below(path: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_below(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

fn read_below(folder: &str) -> Vec<(String, String)> {
    let mut paths = Vec::new();
    files_below(&root().join(folder), &mut paths);
    paths.sort();
    let name = |path: &Path| path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
    paths.iter().map(|path| (name(path), fs::read_to_string(path).unwrap())).collect()
}

/// Where code lies: the crates below, and what is built on them.
const PLACES: [&str; 4] = ["crates/format/src", "crates/store/src", "crates/plan/src", "src"];

/// The files of all crates, by their path in the repository.
pub fn sources() -> Vec<(String, String)> {
    PLACES.iter().flat_map(|place| read_below(place)).collect()
}

/// The lines of a file that are code: no comments, and nothing from `#[cfg(test)]` on. Files of tests have none.
fn code(name: &str, text: &str) -> Vec<(usize, String)> {
    if name.ends_with("/tests.rs") {
        return Vec::new();
    }
    text.lines()
        .enumerate()
        .take_while(|(_, line)| !line.starts_with("#[cfg(test)]"))
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
        .map(|(number, line)| (number + 1, line.to_owned()))
        .collect()
}

fn complain(rule: &str, wrong: &[String]) {
    assert!(wrong.is_empty(), "{rule}:\n{}", wrong.join("\n"));
}

/// `crates/format/src/oci/index.rs` is in `oci`; `src/lib.rs` and `src/main.rs` are in none.
fn layer(name: &str) -> Option<&str> {
    PLACES.iter().find_map(|place| name.strip_prefix(place))?.strip_prefix('/')?.split_once('/').map(|(folder, _)| folder)
}

#[test]
fn a_lower_layer_never_imports_a_higher_one() {
    let table: BTreeMap<&str, &[&str]> = LAYERS.iter().copied().collect();
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    for (name, text) in sources() {
        let Some(own) = layer(&name) else { continue };
        seen.insert(own.to_owned());
        let Some(allowed) = table.get(own) else {
            wrong.push(format!("{name}: the folder {own} is not in the table"));
            continue;
        };
        for (number, line) in code(&name, &text) {
            for (at, _) in line.match_indices("crate::") {
                let rest = &line[at + "crate::".len()..];
                // `use crate::{a, b}` would hide edges from this test.
                if rest.starts_with('{') {
                    wrong.push(format!("{name}:{number}: name one folder in each `use`"));
                }
                let other: String = rest.chars().take_while(|character| character.is_ascii_alphanumeric() || *character == '_').collect();
                if table.contains_key(other.as_str()) && other != own && !allowed.contains(&other.as_str()) {
                    wrong.push(format!("{name}:{number}: {own} must not import {other}"));
                }
            }
        }
    }
    complain("imports", &wrong);
    assert_eq!(seen, table.keys().map(|&folder| folder.to_owned()).collect(), "the table and the folders of src");
}

/// What only some files may do: a piece of code, and where it may stand.
const PRIVILEGES: &[(&str, &[&str], &[&str])] = &[
    (
        "files are touched by foundation::fsys alone",
        &["std::fs", "rustix::fs", "fs::File", "OpenOptions"],
        &["crates/format/src/foundation/fsys/"],
    ),
    (
        "time is read by foundation::clock alone",
        &["SystemTime", "Instant", "thread::sleep", "Timestamp::now"],
        &["crates/format/src/foundation/clock.rs"],
    ),
    ("only the command line prints", &["println!", "eprintln!", "print!", "eprint!", "io::stdout", "io::stderr", "dbg!"], &["src/cli/"]),
    ("only the command line reads the environment", &["std::env", "env::var"], &["src/cli/"]),
    ("only main ends the process, by returning", &["process::exit", "process::abort"], &[]),
    ("no other program is run, nothing goes over a network", &["process::Command", "std::net", "TcpStream", "UnixStream"], &[]),
    ("no unsafe code", &["unsafe "], &[]),
];

#[test]
fn privileges_are_used_where_they_belong() {
    let mut wrong = Vec::new();
    for (name, text) in sources() {
        for (number, line) in code(&name, &text) {
            for (rule, pieces, places) in PRIVILEGES {
                let used = pieces.iter().any(|piece| {
                    line.match_indices(piece).any(|(at, _)| !line[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_'))
                });
                if used && !places.iter().any(|place| name.starts_with(place)) {
                    wrong.push(format!("{name}:{number}: {rule}: {}", line.trim()));
                }
            }
        }
    }
    complain("privileges", &wrong);
}

/// A file that no module names is compiled by nobody, and its tests pass by not being there.
#[test]
fn every_file_of_tests_is_a_module() {
    let mut wrong = Vec::new();
    for (name, _) in read_below("tests/it") {
        let path = root().join(&name);
        let stem = path.file_stem().unwrap().to_str().unwrap();
        let folder = path.parent().unwrap();
        let parent = match stem {
            "main" => continue,
            "mod" => folder.parent().unwrap(),
            _ => folder,
        };
        let module = if stem == "mod" { folder.file_name().unwrap().to_str().unwrap() } else { stem };
        let beside = parent.with_extension("rs");
        let declares = [parent.join("main.rs"), parent.join("mod.rs"), beside].iter().any(|path| {
            fs::read_to_string(path)
                .is_ok_and(|text| text.lines().any(|line| line.trim_start_matches("pub ").trim_end() == format!("mod {module};")))
        });
        if !declares {
            wrong.push(format!("{name}: no `mod {module};` names it"));
        }
    }
    complain("modules", &wrong);
}

/// Codes that no test names, each with the reason. A code that gets its test leaves this list.
const UNTESTED: &[(&str, &str)] = &[("bug", "whoever knows how to raise it fixes it")];

/// A code that nothing raises promises something that nobody keeps.
#[test]
fn every_code_is_raised_and_tested() {
    let sources: Vec<(String, String)> = sources().into_iter().filter(|(name, _)| name != "crates/format/src/foundation/code.rs").collect();
    let raised: String = sources.iter().flat_map(|(name, text)| code(name, text)).map(|(_, line)| line + "\n").collect();
    // Tests in src name the variant, tests of the program name the text.
    let within: String = sources
        .iter()
        .map(
            |(name, text)| {
                if name.ends_with("/tests.rs") { text.as_str() } else { text.split_once("#[cfg(test)]").map_or("", |(_, tests)| tests) }
            },
        )
        .collect();
    let tests: String =
        read_below("tests").into_iter().filter(|(name, _)| name != "tests/it/architecture.rs").map(|(_, text)| text).collect();
    let excused: BTreeSet<&str> = UNTESTED.iter().map(|(code, _)| *code).collect();
    let mut wrong = Vec::new();
    for code in Code::ALL {
        let (slug, variant) = (code.slug(), format!("Code::{code:?}"));
        let named = |text: &str| {
            text.match_indices(&variant).any(|(at, _)| !text[at + variant.len()..].starts_with(|next: char| next.is_alphanumeric()))
        };
        if !named(&raised) {
            wrong.push(format!("{slug}: nothing raises it"));
        }
        let bounded = |(at, _): (usize, &str)| {
            !tests[at + slug.len()..].starts_with(|next: char| next.is_alphanumeric() || next == '_' || next == '.')
        };
        let tested = named(&within)
            || named(&tests)
            || tests.match_indices(slug).any(|found| bounded(found) && tests[..found.0].ends_with(['"', '|', '[', ' ']));
        if !tested && !excused.contains(slug) {
            wrong.push(format!("{slug}: no test names it"));
        }
    }
    for (slug, reason) in UNTESTED {
        assert!(Code::from_slug(slug).is_some() && !reason.is_empty(), "{slug}");
    }
    complain("codes", &wrong);
}

/// Crates that open connections. None of them may come in through some other one either.
const NETWORK: &[&str] = &[
    "async-std",
    "attohttpc",
    "curl",
    "h2",
    "h3",
    "hickory-resolver",
    "hyper",
    "hyper-util",
    "isahc",
    "mio",
    "native-tls",
    "oci-client",
    "oci-distribution",
    "openssl",
    "openssl-sys",
    "quinn",
    "reqwest",
    "rustls",
    "smol",
    "socket2",
    "surf",
    "tokio",
    "trust-dns-resolver",
    "tungstenite",
    "ureq",
    "webpki",
];

#[test]
fn no_network_code_is_linked() {
    let lock = fs::read_to_string(root().join("Cargo.lock")).unwrap();
    let names: Vec<&str> = lock.lines().filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"')).collect();
    assert!(names.contains(&"airbase") && names.contains(&"sha2"), "the lock file is read");
    let found: Vec<&&str> = names.iter().filter(|name| NETWORK.contains(name)).collect();
    assert!(found.is_empty(), "{found:?}");
}
