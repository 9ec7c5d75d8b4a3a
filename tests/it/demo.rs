//! `airbase demo`, and the README that shows what it prints.

use crate::support::Environment;

/// The images are made without an encoder and without a clock, so their digests are the same everywhere. A change here is a change of
/// the bytes that airbase writes: it must be wanted.
#[test]
fn the_results_of_the_demonstration_have_these_digests() {
    let environment = Environment::new();
    let (status, report) = environment.json(&["demo", "place"]);
    assert_eq!(status, 0, "{report:#}");
    assert_eq!(report["schema"], "airbase.demo/v1");
    let results: Vec<(&str, &str)> = report["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|made| (made["path"].as_str().unwrap(), made["digest"].as_str().unwrap()))
        .collect();
    assert_eq!(
        results,
        [
            ("new/shop.tar", "sha256:b4c6a0ccd42939fc611f0410119a228c33b2d4115850dc5567717429b6ddddd7"),
            ("new/plain.tar", "sha256:bd65261b366ab86e1af142260953a594abac32903577f1289cd87e557712ca2a"),
        ]
    );
    // The archives as files, byte for byte.
    for (name, expected) in [
        ("shop", "sha256:2a9867bd5201aee1b741f660295de37569d2f94c1f37b8404156afe1ba15387c"),
        ("plain", "sha256:216da89cb52b192b048a228a7def1e016b149c3eb2f86623c43cfa0a38883b43"),
    ] {
        let bytes = std::fs::read(environment.join(&format!("place/new/{name}.tar"))).unwrap();
        assert_eq!(crate::support::image::digest(&bytes), expected, "{name}");
    }
}

#[test]
fn the_directory_must_be_new() {
    let environment = Environment::new();
    std::fs::create_dir(environment.join("place")).unwrap();
    environment.refused(&["demo", "place"], "output.exists", 4);
}

/// Every line that the README shows as output is what the demonstration prints.
#[test]
fn the_readme_shows_what_is_printed() {
    let environment = Environment::new();
    let printed = environment.ok(&["demo", "place"]).out;
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let shown: Vec<&str> = readme
        .split("```text\n")
        .skip(1)
        .flat_map(|block| block.split("```").next().unwrap_or_default().lines())
        .filter(|line| !line.is_empty() && *line != "...")
        .collect();
    assert!(shown.len() > 30, "the README shows only {} lines", shown.len());
    let missing: Vec<&&str> = shown.iter().filter(|line| !printed.lines().any(|own| own == **line)).collect();
    assert!(missing.is_empty(), "{missing:#?}\nprinted:\n{printed}");
}
