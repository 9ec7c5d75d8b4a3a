//! The search for the longest prefix, on random catalogues.

use airbase::verbs::{Context, Places, base};
use proptest::prelude::*;

use crate::support::image::{Compression, Layer};
use crate::support::{Environment, Image, Layout, layer};

/// A stack of layers, each one of a few contents in one of the ways to compress it. Few contents, so that stacks often share
/// their beginning and often hold a layer twice.
type Stack = Vec<(usize, usize)>;

const COMPRESSIONS: [Compression; 4] = [Compression::Gzip, Compression::GzipAgain, Compression::Zstd, Compression::None];

fn stack(layers: std::ops::Range<usize>) -> impl Strategy<Value = Stack> {
    proptest::collection::vec((0..3_usize, 0..COMPRESSIONS.len()), layers)
}

fn image(stack: &Stack) -> Image {
    let layers: Vec<Layer> =
        stack.iter().map(|(content, how)| layer(&[&format!("file={content}")]).compressed(COMPRESSIONS[*how])).collect();
    Image::of(&layers.iter().collect::<Vec<_>>()).with_top("history", serde_json::Value::Null)
}

fn contents(stack: &Stack) -> Vec<usize> {
    stack.iter().map(|(content, _)| *content).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    /// What is found is what comparing the app with every image, layer by layer, finds.
    #[test]
    fn the_base_is_the_longest_true_prefix(app in stack(1..6), catalogue in proptest::collection::vec(stack(0..6), 0..8)) {
        let environment = Environment::new();
        let (mut bases, apps) = (Layout::new(), Layout::new().image("app:1", &image(&app)));
        for (number, stack) in catalogue.iter().enumerate() {
            bases = bases.image(&format!("base:{number}"), &image(stack));
        }
        bases.write(&environment.join("bases"));
        apps.write(&environment.join("apps"));

        let text = |name: &str| environment.join(name).into_os_string().into_string().unwrap();
        let query = base::Show { image: text("apps"), places: Places::of([text("bases")]), ..base::Show::default() };
        let report = base::show(&query, Context::standard()).unwrap();
        let found = &report.platforms[0];

        // A base without layers proves nothing. One with all layers of the app, and no history that the app's goes on from, is
        // another edition of it.
        let is_prefix = |stack: &&Stack| !stack.is_empty() && stack.len() < app.len() && contents(&app).starts_with(&contents(stack));
        let expected = catalogue.iter().filter(is_prefix).map(Vec::len).max();
        prop_assert_eq!(found.base.is_some(), expected.is_some());
        prop_assert_eq!(found.base_layers, expected.unwrap_or(0));
        // All prefixes are told, each proven layer by layer: equal blobs where the digests are equal.
        let mut lengths: Vec<usize> = catalogue.iter().filter(is_prefix).map(Vec::len).collect();
        lengths.sort_unstable_by(|one, other| other.cmp(one));
        prop_assert_eq!(found.evidence.iter().map(|evidence| evidence.of).collect::<Vec<_>>(), lengths);
        for evidence in &found.evidence {
            prop_assert_eq!(evidence.proofs.len(), evidence.of);
        }
    }
}
