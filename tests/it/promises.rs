//! `docs/promises.md`: each promise names tests, and those exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn sources(path: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn every_promise_names_tests_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    for folder in ["crates", "src", "tests"] {
        sources(&root.join(folder), &mut paths);
    }
    let mut tests = BTreeSet::new();
    for path in paths {
        let text = fs::read_to_string(&path).unwrap();
        let stem = path.file_stem().unwrap().to_str().unwrap();
        let folder = path.parent().unwrap().file_name().unwrap().to_str().unwrap();
        let module = if stem == "mod" { folder } else { stem };
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            if line.trim() == "#[test]"
                && let Some(name) = lines.next().and_then(|line| line.trim().strip_prefix("fn ")).and_then(|rest| rest.split('(').next())
            {
                tests.insert(format!("{module}::{name}"));
            }
        }
    }
    let promises = fs::read_to_string(root.join("docs/promises.md")).unwrap();
    let mut count = 0;
    for line in promises.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| promise")) {
        let proofs: Vec<&str> = line.rsplit(" | ").next().unwrap().split('`').skip(1).step_by(2).collect();
        assert!(!proofs.is_empty(), "nothing proves: {line}");
        for proof in proofs {
            let is_there = if proof.contains("::") { tests.contains(proof) } else { root.join(proof).is_file() };
            assert!(is_there, "{proof} is named in docs/promises.md and is not there");
        }
        count += 1;
    }
    assert!(count > 15, "{count} promises were read");
}
