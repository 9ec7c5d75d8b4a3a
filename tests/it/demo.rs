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
            ("new/shop.tar", "sha256:b7f08b2b8ce57a357386059ad19f23b11fe3ff5704a589d2ef36d5ce678b0237"),
            ("new/plain.tar", "sha256:5748769169371ece4f850c4dc04760c5428c26ba7d634100780d57e38f83d255"),
        ]
    );
    // The archives as files, byte for byte.
    for (name, expected) in [
        ("shop", "sha256:97da740914962cc3d7016b368b75ed4fca5bc35264ac63f3d9f87b75d3cd3400"),
        ("plain", "sha256:0cb26e9c852157b3a5ea935e375285e3c71678338b23092b225f58d60cfb3fe7"),
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
